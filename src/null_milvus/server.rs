//! What all connections share: options, counters, replies, state. Everything is on one thread.

use std::{
    cell::{Cell, RefCell},
    io::Result,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use h2::server::SendResponse;
use http::{HeaderMap, HeaderName, HeaderValue, Response, header::CONTENT_TYPE};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use rustix::time::{ClockId, clock_gettime};
use tokio::time::Instant;

use super::{
    behaviour::Behaviour,
    lock::lock,
    message::{Body, framed_bytes},
    methods::{Entry, TABLE},
    options::{Failure, NullCounters, NullOptions},
    replies::Replies,
    shared::Shared,
    spans::{AtEnd, Parent, Served, Shape, SpanQueue},
};
use crate::milvus::proto;

/// What gRPC encodes in a status' text.
const TEXT: &AsciiSet = &CONTROLS.add(b'%');

/// What the client gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// A message with gRPC's prefix, and status 0.
    Message(Bytes),
    /// A gRPC status alone: code and text.
    Failed(i32, String),
    /// Nothing.
    Silence,
}

impl Reply {
    pub(super) fn broken_message() -> Self {
        Reply::Failed(13, "the message is compressed or not whole".to_owned())
    }
}

pub(super) struct Server {
    pub(super) options: NullOptions,
    pub(super) counters: Counters,
    pub(super) behaviour: Behaviour,
    /// Headers of every reply, to be cloned.
    pub(super) headers: HeaderMap,
    /// Trailers of every successful reply, to be cloned.
    pub(super) trailers: HeaderMap,
    pub(super) shared: Arc<Shared>,
    replies: RefCell<Replies>,
    spans: Option<SpanQueue>,
    /// One moment on both clocks, nanoseconds since the unix epoch.
    anchor: (Instant, u64),
}

/// [`NullCounters`] while they are counted.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) connections: Cell<u64>,
    /// By position in [`TABLE`].
    pub(super) requests: Vec<Cell<u64>>,
    pub(super) in_flight: Cell<u64>,
    pub(super) max_in_flight: Cell<u64>,
    pub(super) bytes_received: Cell<u64>,
    pub(super) bytes_sent: Cell<u64>,
    pub(super) traced: Cell<u64>,
    pub(super) exports: Cell<u64>,
    traces_dropped: Cell<u64>,
}

/// Adds to a counter.
pub(super) fn add(counter: &Cell<u64>, count: u64) {
    counter.set(counter.get() + count);
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl Server {
    /// Begins the time of stalls.
    pub(super) fn new(options: NullOptions, shared: Arc<Shared>) -> Result<Self> {
        let start = Instant::now();
        let epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let counters = Counters {
            requests: TABLE.iter().map(|_| Cell::new(0)).collect(),
            ..Counters::default()
        };
        Ok(Self {
            behaviour: Behaviour::new(&options, start)?,
            spans: spans(&options, &shared)?,
            options,
            counters,
            headers: HeaderMap::from_iter([(
                CONTENT_TYPE,
                HeaderValue::from_static("application/grpc"),
            )]),
            trailers: HeaderMap::from_iter([(
                HeaderName::from_static("grpc-status"),
                HeaderValue::from_static("0"),
            )]),
            shared,
            replies: RefCell::default(),
            anchor: (start, nanoseconds(epoch)),
        })
    }

    /// Whether the arrival of a request has to be noted.
    pub(super) fn needs_time(&self) -> bool {
        self.behaviour.needs_time() || self.spans.is_some()
    }

    /// Whether spans are wanted.
    pub(super) fn has_spans(&self) -> bool {
        self.spans.is_some()
    }

    /// Queues the spans of a call that is answered now, the `number`th of its method.
    pub(super) fn trace(&self, method: usize, number: u64, parent: Parent, arrived: Instant) {
        let Some(spans) = &self.spans else { return };
        let at = |moment: Instant| {
            self.anchor.1 + nanoseconds(moment.saturating_duration_since(self.anchor.0))
        };
        if !spans.offer(Served {
            method: TABLE[method].method,
            number,
            trace_id: parent.trace_id,
            client_span: parent.client_span,
            start_ns: at(arrived),
            end_ns: at(Instant::now()),
        }) {
            add(&self.counters.traces_dropped, 1);
        }
    }

    /// The reply to a whole request where no row is kept; `dbname` is the metadata entry.
    pub(super) fn reply(&self, method: usize, dbname: &str, body: &Body) -> Reply {
        let entry = &TABLE[method];
        if entry.is_data()
            && let Some(failure) = self.behaviour.failure()
        {
            return self.failed(entry, failure);
        }
        let Some(at_once) = entry.at_once else {
            return self.stored(entry, dbname, body);
        };
        let Some(message) = body.message() else {
            return Reply::broken_message();
        };
        let size = at_once(&self.shared.store, dbname, message);
        Reply::Message(self.replies.borrow_mut().get(size))
    }

    /// What the store makes of a request.
    pub(super) fn stored(&self, entry: &Entry, dbname: &str, body: &Body) -> Reply {
        let Some(message) = body.message() else {
            return Reply::broken_message();
        };
        match entry.answer(&mut lock(&self.shared.store), dbname, message) {
            Ok(reply) => Reply::Message(reply),
            Err((code, text)) => Reply::Failed(code, text),
        }
    }

    /// The reply of a call that fails.
    pub(super) fn failed(&self, entry: &Entry, failure: &Failure) -> Reply {
        match failure {
            Failure::Milvus {
                code,
                error_code,
                reason,
            } => Reply::Message(entry.refused(proto::Status {
                code: *code,
                error_code: *error_code,
                reason: reason.clone(),
                ..proto::Status::default()
            })),
            Failure::Grpc { code, text } => Reply::Failed(*code, text.clone()),
            Failure::Garbage(bytes) => Reply::Message(framed_bytes(bytes)),
            Failure::Silence => Reply::Silence,
        }
    }

    /// Sends a reply. All calls on a stream fail that the client has reset, and there is no one
    /// left to tell.
    pub(super) fn respond(&self, respond: &mut SendResponse<Bytes>, reply: Reply) {
        let mut response = Response::new(());
        *response.headers_mut() = self.headers.clone();
        match reply {
            Reply::Message(message) => {
                add(&self.counters.bytes_sent, message.len() as u64);
                if let Ok(mut stream) = respond.send_response(response, false) {
                    let _ = stream.send_data(message, false);
                    let _ = stream.send_trailers(self.trailers.clone());
                }
            }
            Reply::Failed(code, text) => {
                let headers = response.headers_mut();
                headers.insert("grpc-status", HeaderValue::from(code));
                let text = utf8_percent_encode(&text, TEXT).to_string();
                if let Ok(text) = HeaderValue::from_str(&text) {
                    headers.insert("grpc-message", text);
                }
                let _ = respond.send_response(response, true);
            }
            Reply::Silence => {}
        }
    }

    /// What was counted so far.
    pub(super) fn counted(&self) -> NullCounters {
        let counters = &self.counters;
        let by_method = TABLE
            .iter()
            .zip(&counters.requests)
            .map(|(entry, count)| (entry.method.name, count.get()));
        let spent = clock_gettime(ClockId::ThreadCPUTime);
        let (spans_exported, spans_failed) = self.shared.tracing.counts();
        NullCounters {
            connections: counters.connections.get(),
            requests: by_method.filter(|(_, count)| *count > 0).collect(),
            in_flight: counters.in_flight.get(),
            max_in_flight: counters.max_in_flight.get(),
            bytes_received: counters.bytes_received.get(),
            bytes_sent: counters.bytes_sent.get(),
            traced: counters.traced.get(),
            exports: counters.exports.get(),
            traces_dropped: counters.traces_dropped.get(),
            spans_exported,
            spans_failed,
            cpu_time: Duration::new(
                spent.tv_sec.unsigned_abs(),
                u32::try_from(spent.tv_nsec).unwrap_or(0),
            ),
        }
    }
}

/// The queue of spans: that of the options, or one whose target the script may name at any time.
fn spans(options: &NullOptions, shared: &Arc<Shared>) -> Result<Option<SpanQueue>> {
    let tracing = &shared.tracing;
    let at_end = match &options.spans {
        Some(endpoint) => {
            tracing.send_to(endpoint, Shape::v2_3_5().without_events())?;
            AtEnd::Exported
        }
        None if shared.is_scripted => AtEnd::Lost,
        None => return Ok(None),
    };
    SpanQueue::start(Arc::clone(tracing), at_end).map(Some)
}

/// The `traceparent` if it has flag 01.
pub(super) fn sampled(headers: &HeaderMap) -> Option<&HeaderValue> {
    // Version, trace id and span id with their dashes are 53 bytes, the flags two more.
    let flag = |value: &&HeaderValue| {
        value
            .as_bytes()
            .get(54)
            .and_then(|flags| (*flags as char).to_digit(16))
            .is_some_and(|flags| flags & 1 == 1)
    };
    headers.get("traceparent").filter(flag)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::null_milvus::store::Keeps;

    fn body(frames: &[Vec<u8>]) -> Body {
        let mut body = Body::default();
        frames
            .iter()
            .for_each(|frame| body.push(frame.clone().into()));
        body
    }

    /// A `KeyValuePair`, a name, a number or anything else: what a scan meets.
    fn field() -> impl Strategy<Value = Vec<u8>> {
        let tagged = (0_u8..=255, prop::collection::vec(any::<u8>(), 0..20))
            .prop_map(|(key, rest)| [vec![key], rest].concat());
        let pair = "[a-z]{0,5}[0-9]{0,22}".prop_map(|text| {
            [
                &[
                    9 << 3 | 2,
                    text.len() as u8 + 2,
                    2 << 3 | 2,
                    text.len() as u8,
                ],
                text.as_bytes(),
            ]
            .concat()
        });
        prop_oneof![
            tagged,
            pair,
            Just(vec![12 << 3, 200, 1]),
            Just(b"\x22\x06a in [".to_vec())
        ]
    }

    proptest! {
        #[test]
        fn no_bytes_of_a_request_make_it_panic(
            message in prop::collection::vec(field(), 0..6).prop_map(|fields| fields.concat()),
            cut in 0_usize..40,
            lie in prop::option::of(any::<[u8; 5]>()),
            dbname in ".{0,4}",
        ) {
            let mut prefix = [&[0_u8][..], &(message.len() as u32).to_be_bytes()].concat();
            if let Some(lie) = lie {
                prefix = lie.to_vec();
            }
            let whole = [prefix, message].concat();
            let (head, tail) = whole.split_at(cut.min(whole.len()));
            // Where the frames end makes no difference, also to what is remembered.
            let [one, other] = [(); 2].map(|()| {
                let shared = Arc::new(Shared::new(Keeps::Counts));
                Server::new(NullOptions::default(), shared).expect("good options")
            });
            let [halves, whole] = [body(&[head.to_vec(), tail.to_vec()]), body(&[whole])];
            for method in 0..TABLE.len() {
                let cut = one.reply(method, &dbname, &halves);
                prop_assert_eq!(cut, other.reply(method, &dbname, &whole));
            }
            // The same where rows are kept, but for clocks and ids.
            let shared = Arc::new(Shared::new(Keeps::Rows));
            let keeping = Server::new(NullOptions::default(), shared).expect("good options");
            for entry in TABLE {
                keeping.stored(entry, &dbname, &halves);
            }
        }
    }
}
