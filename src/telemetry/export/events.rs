//! What the exporter tells only in its log: how many of a batch's spans the server rejected, each
//! try of a batch, and the server's own words. Its events are `tracing` events, so they are
//! listened to on the exporter's thread, and on no other.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span,
    subscriber::Interest,
};

/// Who sends the events.
const EXPORTER: &str = "opentelemetry-otlp";

/// What was heard since the last batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Heard {
    /// Times that the batch was sent.
    pub(super) tries: u64,
    /// Spans of it that the server rejected though it took the others.
    pub(super) rejected: u64,
    /// The server's words: with a rejection, or with gRPC's status of a failure. Empty where it
    /// said none.
    pub(super) words: String,
}

/// Both ends of the listening.
#[derive(Clone, Debug, Default)]
pub(super) struct Listener(Arc<Mutex<Heard>>);

impl Listener {
    /// What was heard since the last call.
    pub(super) fn take(&self) -> Heard {
        std::mem::take(&mut *self.heard())
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Fields of an event that matter here.
#[derive(Debug, Default)]
struct Fields {
    rejected: u64,
    words: String,
}

impl Visit for Fields {
    fn record_i64(&mut self, field: &Field, value: i64) {
        if field.name() == "rejected_spans" {
            // A negative number is none.
            self.rejected = u64::try_from(value).unwrap_or(0);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if ["error_message", "grpc_message"].contains(&field.name()) {
            value.clone_into(&mut self.words);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

/// Everything else in this process stays unheard: its call sites are told once that nobody listens.
fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.is_event() && metadata.target() == EXPORTER
}

impl Subscriber for Listener {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if is_ours(metadata) {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        is_ours(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::DEBUG)
    }

    fn event(&self, event: &Event<'_>) {
        let name = event.metadata().name();
        if name.ends_with(".ExportStarted") {
            self.heard().tries += 1;
        } else if name.ends_with(".PartialSuccess") || name.ends_with(".ExportFailed") {
            let mut fields = Fields::default();
            event.record(&mut fields);
            let mut heard = self.heard();
            (heard.rejected, heard.words) = (fields.rejected, fields.words);
        }
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exporters_events_are_heard() {
        let listener = Listener::default();
        tracing::subscriber::with_default(listener.clone(), || {
            tracing::debug!(
                name: "TonicTracesClient.ExportStarted",
                target: "opentelemetry-otlp",
                name = "TonicTracesClient.ExportStarted"
            );
            tracing::debug!(
                name: "HttpClient.ExportStarted",
                target: "opentelemetry-otlp",
                name = "HttpClient.ExportStarted"
            );
            tracing::warn!(
                name: "X.PartialSuccess",
                target: "another",
                rejected_spans = 7_i64,
                error_message = "no"
            );
            tracing::warn!(
                name: "HttpTraceClient.PartialSuccess",
                target: "opentelemetry-otlp",
                rejected_spans = 3_i64,
                error_message = "old"
            );
        });
        assert_eq!(
            listener.take(),
            Heard {
                tries: 2,
                rejected: 3,
                words: "old".to_owned()
            }
        );
        assert_eq!(listener.take(), Heard::default());
    }
}
