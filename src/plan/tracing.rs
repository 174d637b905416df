//! `[tracing]`: how much is traced, where client spans go, where server spans are read.

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use super::{
    PlanFlags, Remark, Secret, TracingPlan, otlp, secret, tls,
    uri::{Address, Giver},
};
use crate::{
    keys::{all, each},
    scenario::{At, Environment, ScenarioError, SecretSource, Section, choose, quoted},
    spans::{SPAN_SOURCES, SourceEntry},
    tls::{TlsOptions, TlsPeer},
};

const ADMIN: &str = "http://127.0.0.1:14269";
const ADMIN_PORT: u16 = 14269;
/// What stands for the trace id in a link.
const TRACE_ID: &str = "{trace_id}";

/// `[tracing]`; what is wrong is added to `mistakes`, and has a stand-in that breaks no rule of
/// other tables.
pub(super) fn resolve(
    table: &Section,
    flags: &PlanFlags,
    env: Environment<'_>,
    remarks: &mut Vec<Remark>,
    mistakes: &mut ScenarioError,
) -> TracingPlan {
    if let Some(variable) = ["OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"]
        .iter()
        .find(|name| env(name).is_some_and(|text| !text.is_empty()))
    {
        remarks.push(Remark::SamplerIgnored {
            variable: (*variable).to_owned(),
        });
    }
    let spans = &table.section_or_empty("spans");
    let named = mistakes.keep(source(spans));
    let source = named.unwrap_or(SourceEntry::usual());
    if named.is_some() {
        remarks.extend(unused(spans, source));
    }
    let endpoint = mistakes.keep(endpoint(spans, flags, source, remarks));
    TracingPlan {
        tls: mistakes.or(tls_options(spans, source, &endpoint), None),
        sample_ratio: mistakes.or(ratio(table), None),
        max_traces: mistakes.or(table.integer("max_traces"), 1).unsigned_abs(),
        switch_every: mistakes.or(table.written_duration("switch_every"), None),
        keep_ids: table.flag("keep_ids"),
        service_name: mistakes.or(service_name(table, env, remarks), String::new()),
        export: mistakes.or(otlp::export(table, flags, env, remarks), None),
        resource: otlp::resource(env, remarks),
        older_names: otlp::older_names(env, remarks),
        source,
        endpoint: endpoint.flatten(),
        admin: mistakes.or(admin(spans, flags, remarks), None),
        headers: mistakes.or(headers(spans, env), Vec::new()),
        settle: mistakes.or(spans.duration("settle"), Duration::ZERO),
        deadline: mistakes.or(spans.duration("deadline"), Duration::ZERO),
        listen: mistakes.or(listen(spans, "listen"), String::new()),
        listen_http: mistakes.or(listen_http(spans), None),
        link: mistakes.or(link(spans), None),
    }
}

fn source(spans: &Section) -> Result<&'static SourceEntry, ScenarioError> {
    match &spans.text("source")? {
        Some(text) => choose(text, "span source", SPAN_SOURCES, |row| row.name),
        None => Ok(SourceEntry::usual()),
    }
}

fn headers(spans: &Section, env: Environment<'_>) -> Result<Vec<(String, Secret)>, ScenarioError> {
    let headers = spans.secrets("headers").iter();
    each(headers.map(|(name, source)| all((header(name, source), secret::look_up(source, env)))))
}

/// Keys of some sources that stand in the scenario, and that `source` does not read.
fn unused(spans: &Section, source: &SourceEntry) -> Vec<Remark> {
    let written = |key: &&&str| spans.place_of(key).is_some() && !source.own_keys.contains(key);
    let all: BTreeSet<&str> = SPAN_SOURCES
        .iter()
        .flat_map(|row| row.own_keys)
        .copied()
        .collect();
    let remark = |key: &&str| {
        let reading = SPAN_SOURCES.iter().filter(|row| row.own_keys.contains(key));
        let names: Vec<String> = reading.map(|row| format!("\"{}\"", row.name)).collect();
        Remark::UnusedKey {
            key: format!("tracing.spans.{key}"),
            story: format!(
                "is not read from source = \"{}\", only from {}",
                source.name,
                names.join(", ")
            ),
        }
    };
    all.iter().filter(written).map(remark).collect()
}

fn ratio(table: &Section) -> Result<Option<f64>, ScenarioError> {
    match table.ratio("sample_ratio")? {
        Some(At {
            value: Some(ratio),
            place,
        }) if !(0.0..=1.0).contains(&ratio) => Err(place.error(format!(
            "is {ratio}, expected a number from 0 to 1, or \"auto\""
        ))),
        found => Ok(found.and_then(|at| at.value)),
    }
}

fn service_name(
    table: &Section,
    env: Environment<'_>,
    remarks: &mut Vec<Remark>,
) -> Result<String, ScenarioError> {
    let written = table.text("service_name")?;
    let is_set = written.as_ref().is_some_and(|at| at.place.is_set());
    if let Some(name) = env("OTEL_SERVICE_NAME").filter(|name| !name.is_empty() && !is_set) {
        if written.is_some() {
            remarks.push(Remark::EnvironmentOverrides {
                variable: "OTEL_SERVICE_NAME".to_owned(),
                key: "tracing.service_name".to_owned(),
            });
        }
        return Ok(name);
    }
    match &written {
        Some(at) if at.value.trim().is_empty() || at.value.len() > 255 => Err(at.error(format!(
            "is {}, expected a name of 1 to 255 characters",
            quoted(&at.value)
        ))),
        _ => table.text_or_default("service_name"),
    }
}

/// An address with http:// and without a port has that of the source's own address.
fn endpoint(
    spans: &Section,
    flags: &PlanFlags,
    source: &SourceEntry,
    remarks: &mut Vec<Remark>,
) -> Result<Option<String>, ScenarioError> {
    // A source that connects to nothing may have an address in the scenario all the same, for
    // another one given on the command line.
    let usual = match source.default_endpoint {
        "" => SourceEntry::usual().default_endpoint,
        own => own,
    };
    let written = spans.text("endpoint")?;
    if let Some(written) = &written {
        Address::written(written).url(usual)?;
    }
    let address = match (&flags.spans, &written) {
        (Some(text), _) => Address {
            text: text.clone(),
            giver: Giver::Flag("--spans"),
        },
        (None, Some(at)) => Address::written(at),
        (None, None) => return Ok(None),
    };
    address.endpoint(usual, port_of(usual), remarks).map(Some)
}

/// `tls`, where the source connects to a server.
fn tls_options(
    spans: &Section,
    source: &SourceEntry,
    endpoint: &Option<Option<String>>,
) -> Result<Option<TlsOptions>, ScenarioError> {
    let table = spans
        .section("tls")
        .filter(|_| source.own_keys.contains(&"tls"));
    // None where it is refused.
    let address = endpoint
        .as_ref()
        .map(|of| of.as_deref().unwrap_or(source.default_endpoint));
    table
        .map(|table| tls::options(table, TlsPeer::SpanSource, address))
        .transpose()
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
    spans: &Section,
    flags: &PlanFlags,
    remarks: &mut Vec<Remark>,
) -> Result<Option<String>, ScenarioError> {
    let Some(at) = &spans.text("admin")? else {
        return Ok(None);
    };
    let address = Address::written(at).endpoint(ADMIN, ADMIN_PORT, remarks)?;
    Ok(flags.spans.is_none().then_some(address))
}

fn header(name: &str, source: &At<SecretSource>) -> Result<String, ScenarioError> {
    match http::HeaderName::from_bytes(name.as_bytes()) {
        Ok(name) => Ok(name.as_str().to_owned()),
        Err(_) => Err(source.error("is not a valid header name, expected letters, digits and `-`")),
    }
}

/// Where a trace is opened; it goes into reports, so it must hold no password.
fn link(spans: &Section) -> Result<Option<String>, ScenarioError> {
    let Some(at) = &spans.text("link")? else {
        return Ok(None);
    };
    if !at.value.contains(TRACE_ID) {
        return Err(at.error(format!(
            "is {}, which has no placeholder {TRACE_ID}",
            quoted(&at.value)
        )));
    }
    match url::Url::parse(&at.value) {
        Ok(url) if url.password().is_some() || !url.username().is_empty() => Err(at
            .error("contains a user or password, which would be visible in every report; omit it")),
        Ok(url) if ["http", "https"].contains(&url.scheme()) && url.has_host() => {
            Ok(Some(at.value.clone()))
        }
        _ => Err(at.error(format!(
            "is {}, expected an address with http:// or https://",
            quoted(&at.value)
        ))),
    }
}

fn listen(spans: &Section, key: &str) -> Result<String, ScenarioError> {
    let usual = spans.default_text(key);
    match spans.text(key)? {
        None => Ok(usual.to_owned()),
        Some(at) => match at.value.parse::<SocketAddr>() {
            Ok(address) => Ok(address.to_string()),
            Err(_) => Err(at.error(format!(
                "is {}, expected an IP address and a port, e.g. \"{usual}\"",
                quoted(&at.value)
            ))),
        },
    }
}

fn listen_http(spans: &Section) -> Result<Option<String>, ScenarioError> {
    match spans.text("listen_http")? {
        Some(at) if at.value.eq_ignore_ascii_case("off") => Ok(None),
        _ => listen(spans, "listen_http").map(Some),
    }
}
