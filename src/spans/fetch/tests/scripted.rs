//! A span source that answers by a script: spans, holes, errors and outages at their times.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Mutex;

use tokio::time::sleep;

use super::*;
use crate::spans::whole::tests::span;
use crate::spans::{
    ServerSpan, SourceEntry, SourceInfo, SourceKind, SpanError, SpanKind, Troubles,
};

const SCRIPTED: SourceEntry = SourceEntry {
    name: "scripted",
    reads: "",
    times: "",
    default_endpoint: "",
    kind: SourceKind::Pulled,
    own_keys: &[],
    keeps_spans: true,
    may_be_late: false,
    sign: None,
    troubles: Troubles::NONE,
    connect: |_| Box::pin(async { Err(SpanError::new("opened by tests alone")) }),
};
const LATE: SourceEntry = SourceEntry {
    may_be_late: true,
    ..SCRIPTED
};

const SEARCH: &str = "milvus.proto.milvus.MilvusService/Search";

/// What the source answers for one id, by seconds since the source was made; later entries hold
/// from their time on.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// A trace of so many spans, the root first; 0: nothing.
    Spans(u64),
    /// A root and a span without its parent.
    Hole,
    Error,
    /// Not now, come back in so many seconds.
    Busy(Option<u64>),
    /// Never for this reader.
    Refused,
    Hang,
}

pub(super) type Script = BTreeMap<u128, Vec<(u64, Answer)>>;

pub(super) struct Scripted {
    info: SourceInfo,
    script: Script,
    pub(super) begun: Instant,
    reply_after: Duration,
    pub(super) state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    under_way: HashSet<u128>,
    pub(super) most_under_way: usize,
    /// Time of each reading since the source was made.
    pub(super) readings: HashMap<u128, Vec<Duration>>,
    pub(super) order: Vec<u128>,
}

impl Scripted {
    pub(super) fn new(script: Script) -> Self {
        let info = SourceInfo {
            entry: &SCRIPTED,
            server: String::new(),
            remark: String::new(),
            resolution_ns: 1,
            ui: None,
        };
        Self {
            info,
            script,
            begun: Instant::now(),
            reply_after: Duration::from_millis(3),
            state: Mutex::default(),
        }
    }

    /// One whose row says that it may know of an id minutes later.
    pub(super) fn late(mut self) -> Self {
        self.info.entry = &LATE;
        self
    }

    /// `ids` traces of `spans` spans.
    pub(super) fn whole(ids: u128, spans: u64) -> Script {
        (1..=ids)
            .map(|id| (id, vec![(0, Answer::Spans(spans))]))
            .collect()
    }

    pub(super) fn readings(&self, id: u128) -> usize {
        self.state
            .lock()
            .expect("no panic")
            .readings
            .get(&id)
            .map_or(0, Vec::len)
    }

    pub(super) fn all_readings(&self) -> usize {
        self.state.lock().expect("no panic").order.len()
    }
}

fn spans_of(trace_id: u128, count: u64) -> Vec<ServerSpan> {
    let of = |id| match id {
        1 => span(2, 1, SpanKind::Server, SEARCH, 10, 1_000),
        id => span(id + 1, 2, SpanKind::Internal, "part", 10 + id, 500),
    };
    (1..=count)
        .map(of)
        .map(|span| ServerSpan { trace_id, ..span })
        .collect()
}

#[async_trait::async_trait]
impl SpanSource for Scripted {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    async fn trace(&self, trace_id: u128) -> Result<Trace, SpanError> {
        let now = self.begun.elapsed();
        {
            let mut state = self.state.lock().expect("no panic");
            assert!(
                state.under_way.insert(trace_id),
                "{trace_id} is read twice at a time"
            );
            state.most_under_way = state.most_under_way.max(state.under_way.len());
            state.readings.entry(trace_id).or_default().push(now);
            state.order.push(trace_id);
        }
        sleep(self.reply_after).await;
        let answer = self.script.get(&trace_id).and_then(|script| {
            script
                .iter()
                .rev()
                .find(|(from, _)| now >= Duration::from_secs(*from))
        });
        if matches!(answer, Some((_, Answer::Hang))) {
            std::future::pending::<()>().await;
        }
        self.state
            .lock()
            .expect("no panic")
            .under_way
            .remove(&trace_id);
        let spans = match answer {
            None => vec![],
            Some((_, Answer::Spans(count))) => spans_of(trace_id, *count),
            Some((_, Answer::Hole)) => spans_of(trace_id, 1)
                .into_iter()
                .chain([span(9, 8, SpanKind::Internal, "part", 11, 12)])
                .collect(),
            Some((_, Answer::Busy(after))) => {
                return Err(
                    SpanError::new("busy").with(Again::Later(after.map(Duration::from_secs)))
                );
            }
            Some((_, Answer::Refused)) => return Err(SpanError::new("who are you")),
            Some((_, Answer::Error | Answer::Hang)) => {
                return Err(SpanError::new(format!("no {trace_id}")).with(Again::Perhaps));
            }
        };
        Ok(Trace {
            trace_id,
            spans: spans
                .into_iter()
                .map(|span| ServerSpan { trace_id, ..span })
                .collect(),
        })
    }
}
