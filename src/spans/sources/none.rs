//! Source `none`: no server spans at all.

use super::source::{
    OpenFuture, SourceEntry, SourceInfo, SourceKind, SourceOptions, SpanSource, Troubles,
};
use crate::spans::error::SpanError;
use crate::spans::span::Trace;

/// Its row in the table of sources.
pub(super) const ENTRY: SourceEntry = SourceEntry {
    name: "none",
    reads: "nothing",
    times: "",
    default_endpoint: "",
    kind: SourceKind::Nothing,
    own_keys: &[],
    keeps_spans: false,
    may_be_late: false,
    sign: None,
    troubles: Troubles::NONE,
    connect: open,
};

/// Answers every id with an empty trace.
struct NoSource {
    info: SourceInfo,
}

/// The source `none`, as asked for.
pub(super) fn open(_options: &SourceOptions) -> OpenFuture<'_> {
    Box::pin(async {
        Ok(because(
            "server spans are off (tracing.spans source = \"none\"): the report shows the client's \
             side only"
                .to_owned(),
        ))
    })
}

/// The source `none`, used because of `remark`.
pub(super) fn because(remark: String) -> Box<dyn SpanSource> {
    Box::new(NoSource {
        info: SourceInfo {
            entry: &ENTRY,
            server: "no trace back end".to_owned(),
            remark,
            resolution_ns: 1,
            ui: None,
        },
    })
}

#[async_trait::async_trait]
impl SpanSource for NoSource {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    async fn trace(&self, trace_id: u128) -> Result<Trace, SpanError> {
        Ok(Trace {
            trace_id,
            spans: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_trace_is_empty_and_it_says_so() {
        let source = open(&SourceOptions::default()).await.expect("opens");
        assert!(source.trace(7).await.expect("a trace").spans.is_empty());
        assert!(source.info().remark.contains("client's side only"));
        assert_eq!(source.services().await, Ok(vec![]));
    }
}
