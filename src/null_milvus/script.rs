//! What a server that keeps rows was told to do about time and failures, and the log of what came
//! in.

use std::{
    collections::HashMap,
    ops::{Bound, RangeBounds},
    sync::Arc,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use tokio::{
    sync::{Notify, Semaphore},
    time::Instant,
};

use super::options::Failure;
use crate::milvus::Method;

/// Calls kept in the log.
const SEEN_MAX: usize = 200_000;

/// One call as it arrived.
#[derive(Clone, Debug)]
pub struct SeenCall {
    /// Which method.
    pub method: &'static Method,
    /// When its body was complete, by the machine's monotonic clock.
    pub arrival: Instant,
    /// The `traceparent` entry.
    pub traceparent: Option<String>,
    /// The `dbname` entry.
    pub dbname: Option<String>,
    /// Whether there was an `authorization` entry.
    pub authorized: bool,
    /// Bytes of the message.
    pub body_len: usize,
    /// Hash of the message: equal for equal ones within this process.
    pub body_hash: u64,
    /// The collection that the message names; the first one for `Flush`.
    pub collection: Option<String>,
}

/// A time in which no reply left.
#[derive(Clone, Copy, Debug)]
pub struct Standstill {
    /// From here on no reply left.
    pub begin: Instant,
    /// When the first held call went on.
    pub end: Instant,
}

pub(super) type DelayFn = Arc<dyn Fn(u64) -> Duration + Send + Sync>;
type CallRange = (Bound<u64>, Bound<u64>);

struct StallRule {
    of: Vec<&'static str>,
    trigger: Option<(&'static str, u64)>,
    length: Duration,
    window: Option<Standstill>,
    over: bool,
}

/// A bounded number of workers with a fixed service time.
#[derive(Clone)]
pub(super) struct Capacity {
    of: Vec<&'static str>,
    pub(super) workers: Arc<Semaphore>,
    pub(super) service_time: Duration,
}

/// What one arriving call has to expect.
pub(super) struct Fate {
    pub(super) number: u64,
    pub(super) delay: Option<DelayFn>,
    pub(super) capacity: Option<Capacity>,
    pub(super) failure: Option<Failure>,
}

#[derive(Default)]
pub(super) struct Script {
    delays: HashMap<&'static str, DelayFn>,
    failures: Vec<(&'static str, CallRange, Failure)>,
    stalls: Vec<StallRule>,
    capacities: Vec<Capacity>,
    authorization: Option<String>,
    counts: HashMap<&'static str, u64>,
    bodies: HashMap<&'static str, Bytes>,
    seen: Vec<SeenCall>,
    pub(super) arrived: Arc<Notify>,
}

fn names(methods: &[&'static Method]) -> Vec<&'static str> {
    methods.iter().map(|method| method.name).collect()
}

impl Script {
    pub(super) fn delay(&mut self, method: &'static Method, delay: DelayFn) {
        self.delays.insert(method.name, delay);
    }

    pub(super) fn stall(
        &mut self,
        of: &[&'static Method],
        trigger: Option<(&'static Method, u64)>,
        length: Duration,
    ) {
        let mut rule = StallRule {
            of: names(of),
            trigger: trigger.map(|(method, count)| (method.name, count)),
            length,
            window: None,
            over: false,
        };
        if rule.trigger.is_none() {
            rule.begin();
        }
        self.stalls.push(rule);
    }

    pub(super) fn stalls_begun(&self) -> Vec<Standstill> {
        self.stalls.iter().filter_map(|rule| rule.window).collect()
    }

    pub(super) fn limit(&mut self, of: &[&'static Method], workers: usize, service_time: Duration) {
        // A later limit of the same method replaces the earlier one.
        self.capacities.insert(
            0,
            Capacity {
                of: names(of),
                workers: Arc::new(Semaphore::new(workers)),
                service_time,
            },
        );
    }

    pub(super) fn fail(&mut self, method: &'static Method, calls: CallRange, failure: Failure) {
        self.failures.push((method.name, calls, failure));
    }

    pub(super) fn heal(&mut self) {
        self.failures.clear();
    }

    pub(super) fn require_token(&mut self, token: &str) {
        self.authorization = Some(STANDARD.encode(token));
    }

    pub(super) fn seen(&self) -> &[SeenCall] {
        &self.seen
    }

    pub(super) fn count(&self, method: &'static Method) -> u64 {
        self.counts.get(method.name).copied().unwrap_or(0)
    }

    pub(super) fn last_body(&self, method: &'static Method) -> Option<Bytes> {
        self.bodies.get(method.name).cloned()
    }

    /// Logs the call, begins the stalls that it triggers and tells what shall happen to it.
    pub(super) fn arrive(&mut self, call: SeenCall, body: Bytes) -> Fate {
        let name = call.method.name;
        let count = self.counts.entry(name).or_default();
        *count += 1;
        let number = *count;
        self.arrived.notify_waiters();
        self.bodies.insert(name, body);
        if self.seen.len() < SEEN_MAX {
            self.seen.push(call);
        }
        for rule in &mut self.stalls {
            if rule.window.is_none() && rule.trigger == Some((name, number)) {
                rule.begin();
            }
        }
        let failing = self
            .failures
            .iter()
            .find(|(method, calls, _)| *method == name && calls.contains(&number));
        Fate {
            number,
            delay: self.delays.get(name).cloned(),
            capacity: self
                .capacities
                .iter()
                .find(|capacity| capacity.of.contains(&name))
                .cloned(),
            failure: failing.map(|(_, _, failure)| failure.clone()),
        }
    }

    /// Until when a call of `method` is held now.
    pub(super) fn held_until(&mut self, method: &'static Method) -> Option<Instant> {
        let now = Instant::now();
        let mut until = None;
        for rule in self
            .stalls
            .iter_mut()
            .filter(|rule| !rule.over && rule.of.contains(&method.name))
        {
            let Some(window) = &mut rule.window else {
                continue;
            };
            if now < window.end {
                until = until.max(Some(window.end));
            } else {
                window.end = now;
                rule.over = true;
            }
        }
        until
    }

    /// The text of the UNAUTHENTICATED that Milvus 2.3.5 gives for this `authorization` entry.
    pub(super) fn authorize(&self, found: Option<&str>) -> Result<(), &'static str> {
        match (&self.authorization, found) {
            (None, _) => Ok(()),
            (Some(_), None) => Err("missing authorization in header"),
            (Some(wanted), Some(found)) if wanted == found => Ok(()),
            (Some(_), Some(found)) if STANDARD.decode(found).is_err() => {
                Err("invalid token format")
            }
            (Some(_), Some(_)) => {
                Err("auth check failure, please check username and password are correct")
            }
        }
    }
}

impl StallRule {
    fn begin(&mut self) {
        let begin = Instant::now();
        self.window = Some(Standstill {
            begin,
            end: begin + self.length,
        });
    }
}
