//! `[tracing]`: how much is traced, where client spans go, where server spans are read.

use std::{net::SocketAddr, time::Duration};

use super::{
    PlanError, PlanFlags, Remark, TracingPlan, limits, otlp, secret,
    uri::{Address, Giver},
};
use crate::{
    scenario::{At, Environment, SpansTable, TracingTable, choose, quoted},
    spans::{SPAN_SOURCES, SourceEntry},
};

const ADMIN: &str = "http://127.0.0.1:14269";
const ADMIN_PORT: u16 = 14269;
/// What stands for the trace id in a link.
const TRACE_ID: &str = "{trace_id}";
const EMBEDDED: &str = "127.0.0.1:4317";
const EMBEDDED_HTTP: &str = "127.0.0.1:4318";

pub(super) fn resolve(
    table: &TracingTable,
    flags: &PlanFlags,
    env: Environment<'_>,
    remarks: &mut Vec<Remark>,
) -> Result<TracingPlan, PlanError> {
    if let Some(variable) = ["OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"]
        .iter()
        .find(|name| env(name).is_some_and(|text| !text.is_empty()))
    {
        remarks.push(Remark::SamplerIgnored {
            variable: (*variable).to_owned(),
        });
    }
    let spans = &table.spans;
    let source = spans
        .source
        .as_ref()
        .map(|text| choose(text, "span source", SPAN_SOURCES, |row| row.name))
        .transpose()?
        .unwrap_or(SourceEntry::usual());
    Ok(TracingPlan {
        sample_ratio: ratio(table)?,
        max_traces: limits::number(&table.max_traces, 1..=10_000_000, 20_000)?.unsigned_abs(),
        switch_every: switch_every(table)?,
        keep_ids: table.keep_ids.as_ref().is_some_and(|at| at.value),
        service_name: service_name(table, env, remarks)?,
        export: otlp::export(table, flags, env, remarks)?,
        resource: otlp::resource(env, remarks),
        older_names: otlp::older_names(env, remarks),
        source,
        endpoint: endpoint(spans, flags, source, remarks)?,
        admin: admin(spans, flags, remarks)?,
        headers: spans
            .headers
            .iter()
            .map(|(name, source)| Ok((header(name, source)?, secret::look_up(source, env)?)))
            .collect::<Result<_, PlanError>>()?,
        settle: limits::duration(
            &spans.settle,
            Duration::ZERO..=Duration::from_secs(600),
            Duration::from_secs(8),
        )?,
        deadline: limits::duration(
            &spans.deadline,
            Duration::from_secs(1)..=Duration::from_secs(3600),
            Duration::from_secs(60),
        )?,
        listen: listen(&spans.listen, EMBEDDED)?,
        listen_http: listen_http(spans)?,
        link: link(spans)?,
    })
}

fn ratio(table: &TracingTable) -> Result<Option<f64>, PlanError> {
    match &table.sample_ratio {
        Some(At {
            value: Some(ratio),
            place,
        }) if !(0.0..=1.0).contains(ratio) => Err(place
            .error(format!(
                "is {ratio}, allowed are numbers from 0 to 1, or \"auto\""
            ))
            .into()),
        found => Ok(found.as_ref().and_then(|at| at.value)),
    }
}

/// A block has to hold whole seconds beside those in which it begins and ends.
fn switch_every(table: &TracingTable) -> Result<Option<Duration>, PlanError> {
    let range = Duration::from_secs(4)..=Duration::from_secs(3600);
    let found = table
        .switch_every
        .is_some()
        .then(|| limits::duration(&table.switch_every, range, Duration::ZERO));
    found.transpose()
}

fn service_name(
    table: &TracingTable,
    env: Environment<'_>,
    remarks: &mut Vec<Remark>,
) -> Result<String, PlanError> {
    let is_set = table
        .service_name
        .as_ref()
        .is_some_and(|at| at.place.is_set());
    if let Some(name) = env("OTEL_SERVICE_NAME").filter(|name| !name.is_empty() && !is_set) {
        if table.service_name.is_some() {
            remarks.push(Remark::EnvironmentOverrides {
                variable: "OTEL_SERVICE_NAME".to_owned(),
                key: "tracing.service_name".to_owned(),
            });
        }
        return Ok(name);
    }
    match &table.service_name {
        Some(at) if at.value.trim().is_empty() || at.value.len() > 255 => Err(at
            .error(format!(
                "is {}, allowed are names of 1 to 255 characters",
                quoted(&at.value)
            ))
            .into()),
        found => Ok(found
            .as_ref()
            .map_or_else(|| "milvus-bench".to_owned(), |at| at.value.clone())),
    }
}

/// An address with http:// and without a port has that of the source's own address.
fn endpoint(
    spans: &SpansTable,
    flags: &PlanFlags,
    source: &SourceEntry,
    remarks: &mut Vec<Remark>,
) -> Result<Option<String>, PlanError> {
    // A source that connects to nothing may have an address in the scenario all the same, for
    // another one given on the command line.
    let usual = match source.default_endpoint {
        "" => SourceEntry::usual().default_endpoint,
        own => own,
    };
    if let Some(written) = &spans.endpoint {
        Address::written(written).url(usual)?;
    }
    let address = match (&flags.spans, &spans.endpoint) {
        (Some(text), _) => Address {
            text: text.clone(),
            giver: Giver::Flag("--spans"),
        },
        (None, Some(at)) => Address::written(at),
        (None, None) => return Ok(None),
    };
    address.endpoint(usual, port_of(usual), remarks).map(Some)
}

/// Port of a source's own address, which always has one.
fn port_of(address: &str) -> u16 {
    url::Url::parse(address)
        .ok()
        .and_then(|url| url.port())
        .unwrap_or(80)
}

/// Another endpoint on the command line is another Jaeger, whose counters are not those of the
/// scenario's.
fn admin(
    spans: &SpansTable,
    flags: &PlanFlags,
    remarks: &mut Vec<Remark>,
) -> Result<Option<String>, PlanError> {
    let Some(at) = &spans.admin else {
        return Ok(None);
    };
    let address = Address::written(at).endpoint(ADMIN, ADMIN_PORT, remarks)?;
    Ok(flags.spans.is_none().then_some(address))
}

fn header(name: &str, source: &At<crate::scenario::SecretSource>) -> Result<String, PlanError> {
    match http::HeaderName::from_bytes(name.as_bytes()) {
        Ok(name) => Ok(name.as_str().to_owned()),
        Err(_) => Err(source
            .error("is no name of a header, allowed are letters, digits and `-`")
            .into()),
    }
}

/// Where a trace is opened; it goes into reports, so it must hold no password.
fn link(spans: &SpansTable) -> Result<Option<String>, PlanError> {
    let Some(at) = &spans.link else {
        return Ok(None);
    };
    if !at.value.contains(TRACE_ID) {
        return Err(at
            .error(format!(
                "is {}, which has no {TRACE_ID} where the trace id goes",
                quoted(&at.value)
            ))
            .into());
    }
    match url::Url::parse(&at.value) {
        Ok(url) if url.password().is_some() || !url.username().is_empty() => Err(at
            .error(
                "holds a user or password, and every reader of a report would see it; leave it out",
            )
            .into()),
        Ok(url) if ["http", "https"].contains(&url.scheme()) && url.has_host() => {
            Ok(Some(at.value.clone()))
        }
        _ => Err(at
            .error(format!(
                "is {}, allowed are addresses with http:// or https://",
                quoted(&at.value)
            ))
            .into()),
    }
}

fn listen(written: &Option<At<String>>, usual: &str) -> Result<String, PlanError> {
    match written {
        None => Ok(usual.to_owned()),
        Some(at) => match at.value.parse::<SocketAddr>() {
            Ok(address) => Ok(address.to_string()),
            Err(_) => Err(at
                .error(format!(
                    "is {}, allowed are an IP address and a port, e.g. \"{usual}\"",
                    quoted(&at.value)
                ))
                .into()),
        },
    }
}

fn listen_http(spans: &SpansTable) -> Result<Option<String>, PlanError> {
    let off = spans
        .listen_http
        .as_ref()
        .is_some_and(|at| at.value.eq_ignore_ascii_case("off"));
    if off {
        Ok(None)
    } else {
        listen(&spans.listen_http, EMBEDDED_HTTP).map(Some)
    }
}
