//! Source `auto`: the best of what answers, and what to open for a better one.

use super::address::{addresses, shown};
use super::jaeger;
use super::jaeger_json;
use super::jaeger_troubles::{JAEGER, SIGN};
use super::none;
use super::source::{
    LossCounters, OpenFuture, SourceEntry, SourceInfo, SourceKind, SourceOptions, SpanSource,
};
use super::without_remedies;
use crate::spans::error::{Again, SpanError};
use crate::spans::span::Trace;
use crate::tls::TlsCause;

/// Its row in the table of sources.
pub(super) const ENTRY: SourceEntry = SourceEntry {
    name: "auto",
    reads: "Jaeger's gRPC on 16685, else its JSON on 16686, else nothing; the report says which, \
            and what to open",
    times: "",
    default_endpoint: "http://127.0.0.1:16686",
    kind: SourceKind::Pulled,
    own_keys: &["admin", "tls"],
    keeps_spans: true,
    may_be_late: false,
    sign: Some(SIGN),
    troubles: JAEGER,
    connect: open,
};

/// What to do where neither answers.
pub(super) const NO_ANSWER: &str = "open port 16685 (gRPC, nanoseconds) or 16686 (JSON) of Jaeger, \
                                    or set tracing.spans endpoint";

/// Tries Jaeger's gRPC, then its JSON; with neither there are no spans, and the remark says what to
/// open. Only an address or header that can't be used at all is an error.
pub(super) fn open(options: &SourceOptions) -> OpenFuture<'_> {
    Box::pin(connect(options))
}

async fn connect(options: &SourceOptions) -> Result<Box<dyn SpanSource>, SpanError> {
    let addresses = addresses(options)?;
    let grpc = match jaeger::open(options).await {
        Ok(source) => return Ok(source),
        Err(error) => error,
    };
    match jaeger_json::open(options).await {
        Ok(source) => {
            let address = shown(&addresses.grpc);
            // Named with its words where it answered: it may be a Jaeger with trouble.
            let why = match grpc.again {
                _ if TlsCause::named_in(&grpc.text).is_some() => grpc.text,
                Again::Never => format!("{address} does not answer gRPC"),
                _ => format!("reading by gRPC failed ({})", grpc.text),
            };
            let remark = match source.info().resolution_ns {
                1 => format!(
                    "read as JSON, which costs twice the CPU time of gRPC, because {why}: publish \
                     Jaeger's port 16685"
                ),
                _ => format!(
                    "read as JSON, times are whole microseconds, because {why}: publish Jaeger's \
                     port 16685 for nanoseconds"
                ),
            };
            let info = SourceInfo {
                remark,
                ..source.info().clone()
            };
            Ok(Box::new(Remarked { source, info }))
        }
        Err(json) => {
            if let Some(trouble) = of_tls(&grpc, &json) {
                let text = &trouble.text;
                return Ok(none::because(format!("no server spans were read: {text}")));
            }
            let [of_grpc, of_json] = [&grpc, &json].map(|error| without_remedies(&error.text));
            let both = format!("gRPC: {of_grpc}; JSON: {of_json}");
            match [grpc.again, json.again]
                .into_iter()
                .find(|again| matches!(again, Again::Later(_)))
            {
                // Somebody is there, and can't answer now: no evidence that there is nothing to
                // read.
                Some(later) => Err(SpanError::new(format!(
                    "a trace back end answers, but can't be read now: {both}"
                ))
                .with(later)),
                None => Ok(none::because(format!(
                    "no server spans were read, since neither Jaeger's gRPC nor its JSON answers: \
                     {NO_ANSWER}; {both}"
                ))),
            }
        }
    }
}

/// The error that names TLS as its cause. That a port of HTTP offers no HTTP/2 is none.
fn of_tls<'a>(grpc: &'a SpanError, json: &'a SpanError) -> Option<&'a SpanError> {
    let cause = |error: &SpanError| TlsCause::named_in(&error.text);
    if cause(json).is_some() {
        return Some(json);
    }
    let of_grpc = cause(grpc)?;
    (![TlsCause::NoHttp2, TlsCause::NoAlpn].contains(&of_grpc)).then_some(grpc)
}

/// A source whose remark is that of the choice.
struct Remarked {
    source: Box<dyn SpanSource>,
    info: SourceInfo,
}

#[async_trait::async_trait]
impl SpanSource for Remarked {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    async fn trace(&self, trace_id: u128) -> Result<Trace, SpanError> {
        self.source.trace(trace_id).await
    }

    async fn loss(&self) -> Option<LossCounters> {
        self.source.loss().await
    }

    fn refused(&self) -> Option<String> {
        self.source.refused()
    }

    async fn services(&self) -> Result<Vec<String>, SpanError> {
        self.source.services().await
    }
}
