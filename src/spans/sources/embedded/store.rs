//! What was received, bounded in spans and in bytes, and what was refused.

use std::collections::{BTreeMap, HashMap};
use std::{fmt, io};

use crate::{
    open_files,
    spans::{AttributeValue, LossCounters, ServerSpan},
};

/// Of a span on average; a store is full in spans or in so many bytes of them.
const BYTES_PER_SPAN: usize = 1 << 10;
/// Reasons that are kept apart: an encoding is a text from outside.
const MOST_REASONS: usize = 10;

/// Spans of one run.
#[derive(Debug, Default)]
pub(super) struct Store {
    nonce: u64,
    limit: usize,
    spans: usize,
    bytes: usize,
    pub(super) traces: HashMap<u128, Vec<ServerSpan>>,
    pub(super) loss: LossCounters,
    refused: BTreeMap<Refusal, u64>,
    /// How often the system gave no connection, and its first words.
    not_accepted: Option<(u64, String)>,
}

/// Why an export was not taken.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Refusal {
    /// Compressed in a way that is not read here.
    Encoding(String),
    /// OTLP/HTTP, or HTTP/1, at the port of OTLP/gRPC.
    HttpAtGrpc,
    TooLarge,
    /// No protobuf and no JSON of OTLP.
    ContentType(String),
    Unreadable,
    /// Its sender fell silent in the middle.
    Unfinished,
    /// For a reason beyond the [`MOST_REASONS`] that are kept apart.
    Other,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encoding(name) => write!(
                f,
                "with the encoding {name}: let the sender compress with gzip or not at all"
            ),
            Self::HttpAtGrpc => f.write_str(
                "by HTTP at the OTLP/gRPC port: let the sender use gRPC, or send to tracing.spans \
                 listen_http",
            ),
            Self::TooLarge => write!(
                f,
                "larger than {} MiB: let the sender make smaller batches",
                super::MAX_MESSAGE >> 20
            ),
            Self::ContentType(name) => write!(
                f,
                "of the type {name}: OTLP is application/x-protobuf or application/json"
            ),
            Self::Unreadable => {
                f.write_str("that are not valid OTLP: check what sends to this port")
            }
            Self::Unfinished => f.write_str("that ended early"),
            Self::Other => f.write_str("for other reasons: check what sends to this port"),
        }
    }
}

impl Store {
    /// Keeps up to `limit` spans of traces whose upper half is `nonce`.
    pub(super) fn new(nonce: u64, limit: usize) -> Self {
        Self {
            nonce,
            limit,
            ..Self::default()
        }
    }

    /// Keeps `span` if it belongs to the run. Says whether it was dropped for want of room.
    pub(super) fn add(&mut self, span: ServerSpan) -> bool {
        // Other clients of the same Milvus, and Milvus' own background work: neither kept nor lost.
        if (span.trace_id >> 64) as u64 != self.nonce {
            return false;
        }
        self.loss.received += 1;
        let bytes = weight(&span);
        if self.spans >= self.limit
            || self.bytes.saturating_add(bytes) > self.limit.saturating_mul(BYTES_PER_SPAN)
        {
            self.loss.dropped += 1;
            return true;
        }
        self.spans += 1;
        self.bytes += bytes;
        self.traces.entry(span.trace_id).or_default().push(span);
        false
    }

    /// Counts an export that was not taken.
    pub(super) fn refuse(&mut self, refusal: Refusal) {
        let refusal = match refusal {
            refusal if self.refused.len() < MOST_REASONS || self.refused.contains_key(&refusal) => {
                refusal
            }
            _ => Refusal::Other,
        };
        *self.refused.entry(refusal).or_default() += 1;
    }

    /// Counts a connection that the system did not give.
    pub(super) fn not_accepted(&mut self, error: &io::Error) {
        self.not_accepted
            .get_or_insert_with(|| (0, error.to_string()))
            .0 += 1;
    }

    /// What was not taken and why, in sentences; None when all was.
    pub(super) fn refused(&self) -> Option<String> {
        let connections = self.not_accepted.as_ref().map(|(count, words)| {
            let times = if *count == 1 {
                "once".to_owned()
            } else {
                format!("{count} times")
            };
            let advice = open_files::advice(words)
                .map(|advice| format!("; {advice}"))
                .unwrap_or_default();
            format!(
                "the embedded receiver could not accept a connection, {times}, and went on \
                 ({words}): spans may be late or missing{advice}"
            )
        });
        let sentences: Vec<String> = self
            .refused_exports()
            .into_iter()
            .chain(connections)
            .collect();
        (!sentences.is_empty()).then(|| sentences.join(". "))
    }

    fn refused_exports(&self) -> Option<String> {
        let total: u64 = self.refused.values().sum();
        let each: Vec<String> = self
            .refused
            .iter()
            .map(|(refusal, count)| format!("{count} {refusal}"))
            .collect();
        let exports = if total == 1 {
            "export was"
        } else {
            "exports were"
        };
        (total > 0).then(|| {
            format!(
                "{total} {exports} refused by the embedded receiver, whose spans are missing: {}",
                each.join("; ")
            )
        })
    }
}

/// About what a span needs beside the sizes of its parts.
fn weight(span: &ServerSpan) -> usize {
    let text = |value: &AttributeValue| {
        if let AttributeValue::Text(text) = value {
            text.len()
        } else {
            0
        }
    };
    let attributes: usize = span
        .attributes
        .iter()
        .map(|(key, value)| 64 + key.len() + text(value))
        .sum();
    let events: usize = span.events.iter().map(|event| 32 + event.name.len()).sum();
    200 + span.name.len() + span.scope.len() + span.status_message.len() + attributes + events
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spans::SpanKind;
    use crate::spans::whole::tests::span;

    #[test]
    fn a_store_is_full_in_bytes_too() {
        let mut store = Store::new(0, 10);
        let large = ServerSpan {
            status_message: "x".repeat(6 << 10),
            ..span(1, 0, SpanKind::Server, "x", 0, 1)
        };
        assert!(!store.add(large.clone()));
        assert!(store.add(ServerSpan {
            span_id: 2,
            ..large
        }));
        assert!(!store.add(span(3, 0, SpanKind::Server, "x", 0, 1)));
        assert_eq!(
            store.loss,
            LossCounters {
                received: 3,
                dropped: 1
            }
        );
    }

    #[test]
    fn refusals_are_counted_by_reason_and_reasons_are_bounded() {
        let mut store = Store::new(0, 10);
        assert_eq!(store.refused(), None);
        for name in ["deflate", "zstd", "deflate"] {
            store.refuse(Refusal::Encoding(name.to_owned()));
        }
        let text = store.refused().expect("refused");
        assert!(
            text.starts_with("3 exports were refused")
                && text.contains("2 with the encoding deflate")
                && text.contains("1 with the encoding zstd"),
            "{text}"
        );
        (0..100).for_each(|number| store.refuse(Refusal::Encoding(format!("e{number}"))));
        store.refuse(Refusal::TooLarge);
        let text = store.refused().expect("refused");
        assert!(
            text.contains("93 for other reasons") && !text.contains("not valid OTLP"),
            "{text}"
        );
        assert!(
            store.refused.len() <= MOST_REASONS + 1
                && store.refused().expect("refused").starts_with("104 "),
            "{:?}",
            store.refused
        );
    }
}
