//! What all connections share: options, counters, replies, state. Everything is on one thread.

use std::{
    cell::{Cell, RefCell},
    io::Result,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header::CONTENT_TYPE};
use rustix::time::{ClockId, clock_gettime};
use tokio::time::Instant;

use super::{
    ErrorKind, NullCounters, NullOptions,
    behaviour::Behaviour,
    message::Body,
    replies::{Replies, Size, look_into_delete, look_into_insert, look_into_query},
    spans::{Parent, Served, SpanQueue},
    store::{Store, key, refused},
};
use crate::milvus::{METHODS, Method};

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

#[derive(Debug)]
pub(super) struct Server {
    pub(super) options: NullOptions,
    pub(super) counters: Counters,
    pub(super) behaviour: Behaviour,
    /// Headers of every reply, to be cloned.
    pub(super) headers: HeaderMap,
    /// Trailers of every successful reply, to be cloned.
    pub(super) trailers: HeaderMap,
    replies: RefCell<Replies>,
    store: RefCell<Store>,
    spans: Option<SpanQueue>,
    /// One moment on both clocks, nanoseconds since the unix epoch.
    anchor: (Instant, u64),
}

/// [`NullCounters`] while they are counted.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) connections: Cell<u64>,
    /// By position in [`METHODS`].
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
    pub(super) fn new(options: NullOptions) -> Result<Self> {
        let start = Instant::now();
        let epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let counters = Counters {
            requests: METHODS.iter().map(|_| Cell::new(0)).collect(),
            ..Counters::default()
        };
        Ok(Self {
            behaviour: Behaviour::new(&options, start)?,
            spans: options.spans.as_deref().map(SpanQueue::start).transpose()?,
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
            replies: RefCell::default(),
            store: RefCell::default(),
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

    /// Queues the spans of a call that was answered just now.
    pub(super) fn trace(&self, method: usize, parent: Parent, arrived: Instant) {
        let Some(spans) = &self.spans else { return };
        let at = |moment: Instant| {
            self.anchor.1 + nanoseconds(moment.saturating_duration_since(self.anchor.0))
        };
        if !spans.offer(Served {
            method,
            parent,
            start_ns: at(arrived),
            end_ns: at(Instant::now()),
        }) {
            add(&self.counters.traces_dropped, 1);
        }
    }

    /// The reply to a whole request; None is a method that nobody knows. `dbname` is the metadata
    /// entry.
    pub(super) fn reply(&self, method: Option<usize>, dbname: &str, body: &Body) -> Reply {
        let Some(method) = method.map(|method| METHODS[method]) else {
            return Reply::Failed(12, "unknown method".to_owned());
        };
        if is_data(method)
            && let Some(failure) = self.behaviour.failure()
        {
            return fail(method, failure);
        }
        let Some(message) = body.message() else {
            return Reply::Failed(13, "the message is compressed or not whole".to_owned());
        };
        let size = match method.name {
            "Search" => Size::of_search(message),
            "Query" => match look_into_query(message) {
                (target, Size::Count { .. }) => {
                    let rows =
                        self.store
                            .borrow()
                            .rows(&key(dbname, target.database, target.collection));
                    Size::Count {
                        rows: rows.unsigned_abs(),
                    }
                }
                (_, size) => size,
            },
            "Insert" => {
                let (target, rows) = look_into_insert(message);
                self.store.borrow_mut().count(
                    &key(dbname, target.database, target.collection),
                    rows.cast_signed(),
                );
                Size::Insert { rows }
            }
            // The keys are taken to be there, so that the number of rows stays.
            "Upsert" => Size::Upsert {
                rows: look_into_insert(message).1,
            },
            "Delete" => {
                let (target, rows) = look_into_delete(message);
                self.store.borrow_mut().count(
                    &key(dbname, target.database, target.collection),
                    -rows.cast_signed(),
                );
                Size::Delete { rows }
            }
            _ => return Reply::Message(self.store.borrow_mut().answer(method, dbname, message)),
        };
        Reply::Message(self.replies.borrow_mut().get(size))
    }

    /// What was counted so far.
    pub(super) fn counted(&self) -> NullCounters {
        let counters = &self.counters;
        let by_method = METHODS
            .iter()
            .zip(&counters.requests)
            .map(|(method, count)| (method.name, count.get()));
        let spent = clock_gettime(ClockId::ThreadCPUTime);
        let (spans_exported, spans_failed) = self.spans.as_ref().map_or((0, 0), SpanQueue::counts);
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

/// Whether a method is delayed and fails as the options say.
pub(super) fn is_data(method: &Method) -> bool {
    matches!(
        method.name,
        "Search" | "Query" | "Insert" | "Upsert" | "Delete"
    )
}

fn fail(method: &Method, failure: &ErrorKind) -> Reply {
    match failure {
        // Since 2.3 `code` decides; error_code 1 is "unexpected error" for readers of 2.2.
        ErrorKind::Milvus { code, text } => Reply::Message(refused(method, *code, 1, text)),
        ErrorKind::Grpc { code, text } => Reply::Failed(*code, text.clone()),
        ErrorKind::Silence => Reply::Silence,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
            let [one, other] =
                [(); 2].map(|()| Server::new(NullOptions::default()).expect("good options"));
            for method in 0..METHODS.len() {
                let cut = one.reply(
                    Some(method),
                    &dbname,
                    &body(&[head.to_vec(), tail.to_vec()]),
                );
                prop_assert_eq!(
                    cut,
                    other.reply(Some(method), &dbname, &body(std::slice::from_ref(&whole)))
                );
            }
        }
    }
}
