//! Fifth link: the server spans of one traced request can be read, with our span as their parent.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    Cause, Check, DoctorOptions, Link, SERVER_SPANS,
    advice::{self, Version},
    background::{Window, milvus_services},
    milvus_link::Server,
    own_span::{drops, with_refused},
    poll::{LONGER, poll},
    probe,
    request::Sent,
};
use crate::{
    spans::{ServerSpan, SourceEntry, SourceKind, SpanKind, SpanSource, Trace},
    telemetry::ExportProtocol,
};

/// What the span of the gRPC server of a public method begins with.
const PUBLIC_METHOD: &str = "milvus.proto.milvus.MilvusService/";

/// Go part and engine send every 5 s, each at a time of its own: after this much longer nothing
/// more comes.
const STRAGGLERS: Duration = Duration::from_secs(7);

/// Everything that the check and its second looks need.
pub(super) struct Scene<'a> {
    pub(super) options: &'a DoctorOptions,
    pub(super) server: Option<&'a Server>,
    pub(super) source: Option<&'a dyn SpanSource>,
    pub(super) window: &'a Window,
}

/// What lies between our span and that of the gRPC server.
#[derive(Debug, PartialEq, Eq)]
enum Descent {
    /// There is no span of the gRPC server.
    NoServerSpan,
    /// Nothing.
    Direct,
    /// These services, e.g. a mesh that exports its spans.
    Through(BTreeSet<String>),
    /// Its parent is not ours, and not known.
    Foreign,
}

/// What a trace shows.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    spans: usize,
    services: BTreeSet<String>,
    descent: Descent,
    engine: bool,
    /// Whether our own span is there.
    ours: bool,
}

impl Seen {
    fn is_whole(&self, sent: &Sent) -> bool {
        matches!(self.descent, Descent::Direct | Descent::Through(_))
            && (self.engine || !sent.engine_worked)
    }

    fn described(&self) -> String {
        let spans = if self.spans == 1 { "span" } else { "spans" };
        format!("{} {spans} of {}", self.spans, joined(&self.services))
    }
}

/// Waits for the spans of the traced request.
pub(super) async fn check(scene: &Scene<'_>, sent: Option<Result<Sent, String>>) -> Link {
    let check = Check::begin(SERVER_SPANS);
    let Some(source) = scene.source else {
        return check.skipped(if scene.options.source.kind == SourceKind::Nothing {
            "no traces available"
        } else {
            "needs a span source that answers"
        });
    };
    let sent = match (scene.server, sent) {
        (Some(server), _) if is_milvus_lite(server) => {
            return check.skipped("no traces available: milvus-lite records no spans");
        }
        (Some(_), Some(Ok(sent))) => sent,
        (Some(_), Some(Err(error))) => {
            let cause = Cause::new(
                "this user may not list collections, or Milvus is not ready",
                format!("the rights of the user; {}", advice::LOG),
            );
            return check.failed(format!("the traced request failed: {error}"), vec![cause]);
        }
        _ => return check.skipped("needs a Milvus that answers"),
    };
    let check = Check::since(SERVER_SPANS, sent.answered);
    let polled = wait(source, &sent, scene.options.deadline).await;
    match (polled.trace, polled.error) {
        (_, Some(error)) => check.failed(
            format!("can't read spans: {error}"),
            vec![Cause::new(
                "the span source does not return traces",
                "check its log",
            )],
        ),
        (trace, None) => {
            let trace = trace.unwrap_or(Trace {
                trace_id: sent.ids.trace_id,
                spans: Vec::new(),
            });
            judge(&check, scene, source, &sent, look(&trace, sent.ids.span_id)).await
        }
    }
}

async fn wait(source: &dyn SpanSource, sent: &Sent, deadline: Duration) -> super::poll::Polled {
    let mut first_seen = None;
    poll(source, sent.ids.trace_id, deadline, |trace| {
        let seen = look(trace, sent.ids.span_id);
        if seen.spans > 0 {
            first_seen.get_or_insert_with(Instant::now);
        }
        seen.is_whole(sent) || first_seen.is_some_and(|at: Instant| at.elapsed() > STRAGGLERS)
    })
    .await
}

/// Reads a trace: `ours` is the span id that the request carried.
fn look(trace: &Trace, ours: u64) -> Seen {
    let others: Vec<&ServerSpan> = trace
        .spans
        .iter()
        .filter(|span| span.span_id != ours)
        .collect();
    let services: BTreeSet<String> = others
        .iter()
        .map(|span| span.service().to_owned())
        .collect();
    let server = others
        .iter()
        .find(|span| span.kind == SpanKind::Server && span.name.starts_with(PUBLIC_METHOD));
    let descent = server.map_or(Descent::NoServerSpan, |server| {
        descent(server, &others, ours)
    });
    Seen {
        spans: others.len(),
        engine: services.contains("segcore"),
        services,
        descent,
        ours: others.len() < trace.spans.len(),
    }
}

/// Climbs from the gRPC server's span up to ours.
fn descent(server: &ServerSpan, others: &[&ServerSpan], ours: u64) -> Descent {
    let by_id: HashMap<u64, &ServerSpan> =
        others.iter().map(|span| (span.span_id, *span)).collect();
    let mut between = BTreeSet::new();
    let mut parent = server.parent_id;
    // A trace from outside may hold a ring.
    for _ in 0..=others.len() {
        match parent {
            Some(id) if id == ours => {
                return if between.is_empty() {
                    Descent::Direct
                } else {
                    Descent::Through(between)
                };
            }
            Some(id) => match by_id.get(&id) {
                Some(span) => {
                    between.insert(span.service().to_owned());
                    parent = span.parent_id;
                }
                None => return Descent::Foreign,
            },
            None => return Descent::Foreign,
        }
    }
    Descent::Foreign
}

async fn judge(
    check: &Check,
    scene: &Scene<'_>,
    source: &dyn SpanSource,
    sent: &Sent,
    seen: Seen,
) -> Link {
    let found = format!("{}: {}", sent.what, seen.described());
    match &seen.descent {
        _ if seen.spans == 0 => nothing(check, scene, source, (sent, seen.ours)).await,
        Descent::NoServerSpan => check.failed(
            format!("{found}, but none from its gRPC server"),
            with_refused(
                source,
                causes_of_part(source.info().entry, scene.window.dropped(source).await),
            ),
        ),
        Descent::Foreign => check.failed(
            format!("{found}, but their parent is not our span"),
            vec![rewritten()],
        ),
        _ if !seen.is_whole(sent) => check.warning(
            format!("{found}, but none from the engine (segcore)"),
            with_refused(source, causes_without_engine()),
        ),
        Descent::Direct => check.ok(format!("{found}; their parent is our span")),
        Descent::Through(between) => check.ok(format!(
            "{found}; between them and our span: {}",
            joined(between)
        )),
    }
}

/// No span at all: another look at the source and at Milvus tells what may be behind it.
/// `ours`: whether our own span of the request came back.
async fn nothing(
    check: &Check,
    scene: &Scene<'_>,
    source: &dyn SpanSource,
    (sent, ours): (&Sent, bool),
) -> Link {
    let options = scene.options;
    let uri = scene.server.map_or("", |server| server.uri.as_str());
    let nothing = format!(
        "{}: no server span within {} s",
        sent.what,
        options.deadline.as_secs_f64()
    );
    if is_managed(uri) {
        return check.skipped(format!(
            "no traces available: {nothing}, as a managed service keeps its traces; write source \
             = \"none\""
        ));
    }
    let milvus = milvus_services(source).await;
    let entry = source.info().entry;
    let mut causes = drops(entry, scene.window.dropped(source).await);
    let is_early = options.deadline < STRAGGLERS;
    if is_early {
        causes.push(late());
    }
    let version = scene.server.and_then(|server| server.version.as_deref());
    if version.is_none() {
        causes.push(no_tracing());
    }
    if milvus.is_empty() {
        // Milvus' own spans go by gRPC, whatever ours go by.
        let otlp = options
            .otlp
            .as_ref()
            .filter(|otlp| otlp.protocol == ExportProtocol::Grpc)
            .map(|otlp| otlp.endpoint.as_str());
        causes.extend(causes_of_no_export(
            version.and_then(Version::read),
            otlp,
            entry,
        ));
        return check.failed(
            format!("{nothing}, and the span source has none of any Milvus"),
            with_refused(source, causes),
        );
    }
    let appeared: BTreeSet<String> = milvus.difference(scene.window.milvus()).cloned().collect();
    let kept = match (&options.otlp, ours) {
        (None, _) => OwnSpan::NotExported,
        (Some(_), true) => OwnSpan::CameBack,
        (Some(_), false) => OwnSpan::Lost,
    };
    let more = causes_in_spite_of_export(&milvus, &appeared, kept);
    causes.extend(
        more.into_iter()
            .filter(|cause| !is_early || *cause != late()),
    );
    let also = if ours {
        ", and the client's own span of it came back"
    } else {
        ""
    };
    check.failed(
        format!(
            "{nothing}, although the span source has spans of {}{also}",
            joined(&milvus)
        ),
        causes,
    )
}

/// Of a server that does not report its version.
fn no_tracing() -> Cause {
    let what = "a server that does not report its version, such as milvus-lite 2.5, may have no \
                tracing at all";
    Cause::new(what, "in the scenario: [tracing.spans] source = \"none\"")
}

/// What became of our own span of the traced request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OwnSpan {
    NotExported,
    CameBack,
    Lost,
}

fn causes_of_no_export(
    version: Option<Version>,
    otlp: Option<&str>,
    entry: &SourceEntry,
) -> Vec<Cause> {
    let exporter = format!(
        "Milvus exports nothing: trace.exporter is {} by default",
        Version::default_exporter(version)
    );
    let container = format!(
        "within a container 127.0.0.1 is the container itself: trace.otlp.endpoint: {}",
        entry.troubles.otlp_from_container_in_words
    );
    vec![
        Cause::new(
            exporter,
            advice::export_traces(version, otlp, entry.troubles.otlp_from_container),
        ),
        Cause::new(
            "Milvus exports to another address, or the address has a scheme before its host",
            container,
        ),
        Cause::new(
            "Milvus exports by TLS to an endpoint without it, which is the default",
            "the same trace block: trace.otlp.secure: false",
        ),
        stripped(),
    ]
}

/// The source has spans of a Milvus, of which `appeared` were not there before the request. That
/// our own span of it came back shows that the store keeps what it is sent; that it did not, that
/// the store loses whole traces.
fn causes_in_spite_of_export(
    milvus: &BTreeSet<String>,
    appeared: &BTreeSet<String>,
    own: OwnSpan,
) -> Vec<Cause> {
    let elsewhere = format!(
        "the spans of {} there are older, or from another Milvus, and this one does not export \
         there",
        joined(milvus)
    );
    let elsewhere = Cause::new(
        elsewhere,
        "trace.exporter and trace.otlp.endpoint of this Milvus (user.yaml, milvus.yaml, or \
         TRACE_... in its environment); restart it",
    );
    let samples = Cause::new(
        "a collector between Milvus and the back end filters or samples",
        "its pipeline: tail_sampling, probabilistic_sampler, filter",
    );
    if !appeared.is_empty() {
        return vec![replaced(appeared), late()];
    }
    match own {
        OwnSpan::CameBack => vec![stripped(), elsewhere, samples, late()],
        OwnSpan::Lost => vec![loses(), samples, late(), elsewhere, stripped()],
        OwnSpan::NotExported => vec![elsewhere, stripped(), samples, late()],
    }
}

fn causes_of_part(entry: &SourceEntry, dropped: u64) -> Vec<Cause> {
    let lost = Cause::new(
        "the rest was lost or is late: Milvus drops spans when its queue of 2,048 is full",
        "try again while Milvus is idle",
    );
    let counted = drops(entry, dropped).into_iter();
    counted.chain([lost, late()]).collect()
}

fn causes_without_engine() -> Vec<Cause> {
    vec![
        Cause::new(
            "the search was merged with another one: only the first has engine spans",
            "try again while Milvus is idle",
        ),
        Cause::new(
            "the engine has an exporter of its own, which is not set up: method http needs \
             another endpoint than the Go part",
            "trace.otlp.method: grpc and trace.otlp.endpoint: HOST:4317 (user.yaml; Helm: \
             extraConfigFiles), then restart Milvus",
        ),
        late(),
    ]
}

fn rewritten() -> Cause {
    Cause::new(
        "a proxy or mesh between here and Milvus inserts its own span into `traceparent` and \
         exports it elsewhere or not at all",
        "its tracing: switch it off for this route (Istio: sidecar.istio.io/inject: \"false\" for \
         the client), or let it export to the same back end",
    )
}

fn stripped() -> Cause {
    Cause::new(
        "a proxy, gateway or mesh between here and Milvus clears the sampled flag of \
         `traceparent`, or drops or replaces the header",
        "send to Milvus directly to find out (kubectl port-forward); then let the header pass \
         (Istio: meshConfig.defaultConfig.tracing.sampling: 100, or its tracing off)",
    )
}

fn replaced(appeared: &BTreeSet<String>) -> Cause {
    Cause::new(
        format!(
            "a proxy, gateway or mesh between here and Milvus drops or replaces `traceparent`: \
             spans of {} arrived meanwhile, under other trace ids",
            joined(appeared)
        ),
        "send to Milvus directly to find out (kubectl port-forward); then let the header pass",
    )
}

fn loses() -> Cause {
    Cause::new(
        "the trace back end, or a collector before it, loses whole traces: the client's own span \
         of the request did not come back either",
        "its queues and limits (Jaeger: COLLECTOR_QUEUE_SIZE, MEMORY_MAX_TRACES); the collector's \
         pipeline: tail_sampling, probabilistic_sampler, filter",
    )
}

fn late() -> Cause {
    Cause::new(
        "the spans are late: Milvus sends them every 5 s, and a store may need seconds more",
        LONGER,
    )
}

/// milvus-lite says it in its version; 2.5 of it has none, which a server of another kind might
/// have in common.
fn is_milvus_lite(server: &Server) -> bool {
    server
        .version
        .as_deref()
        .is_some_and(|version| version.starts_with("milvus_lite"))
}

fn is_managed(uri: &str) -> bool {
    let place = probe::place(uri);
    let host = place
        .rsplit_once(':')
        .map_or(place.as_str(), |(host, _)| host);
    [".zillizcloud.com", ".zilliz.com", ".zilliz.com.cn"]
        .iter()
        .any(|domain| host.ends_with(domain))
}

fn joined(names: &BTreeSet<String>) -> String {
    names
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests;
