//! What the null Milvus shall do, and what it counted.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

/// How a [`NullMilvus`](super::NullMilvus) behaves. The default answers everything at once on a
/// free port of 127.0.0.1.
#[derive(Clone, Debug)]
pub struct NullOptions {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Time between the arrival of a data call (`Search`, `Query`, `Insert`, `Upsert`, `Delete`)
    /// and its reply.
    pub delay: Delay,
    /// Times in which nothing is answered.
    pub stalls: Vec<Stall>,
    /// Failures of data calls, those of preparation among them.
    pub errors: Option<Errors>,
    /// Requests of one connection after which the server says GOAWAY; those that are under way are
    /// still answered.
    pub goaway_after: Option<u64>,
    /// SETTINGS_MAX_CONCURRENT_STREAMS; None sets no limit.
    pub max_concurrent_streams: Option<u32>,
    /// OTLP/gRPC endpoint, e.g. `http://127.0.0.1:4317`, that gets a small trace for each request
    /// whose `traceparent` is sampled.
    pub spans: Option<String>,
    /// Core that the serving thread is pinned to.
    pub core: Option<usize>,
}

impl Default for NullOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            delay: Delay::None,
            stalls: Vec::new(),
            errors: None,
            goaway_after: None,
            max_concurrent_streams: None,
            spans: None,
            core: None,
        }
    }
}

/// Distribution of the time that a data call takes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Delay {
    /// Answered at once.
    #[default]
    None,
    /// Always the same.
    Fixed(Duration),
    /// Exponential.
    Exponential {
        /// Mean.
        mean: Duration,
    },
    /// Log-normal.
    LogNormal {
        /// Median.
        median: Duration,
        /// Standard deviation of the logarithm, at least 0.
        sigma: f64,
    },
    /// One of two times.
    Bimodal {
        /// The usual time.
        fast: Duration,
        /// The other one.
        slow: Duration,
        /// Share of the slow ones, in [0, 1].
        slow_share: f64,
    },
}

/// A time in which nothing is answered; everything that would have been is answered at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stall {
    /// Begin, since the server's start.
    pub after: Duration,
    /// Length.
    pub length: Duration,
}

/// Failures of data calls, drawn by a generator with a fixed seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Errors {
    /// Share of the calls that fail, in [0, 1].
    pub share: f64,
    /// In which way.
    pub kind: Failure,
}

/// How a call fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// gRPC OK, and a failure in the reply's status.
    Milvus {
        /// Milvus' code, e.g. 8 for a rate limit.
        code: i32,
        /// The code that readers of 2.2 look at, e.g. 49 for a rate limit.
        error_code: i32,
        /// Its text.
        reason: String,
    },
    /// A gRPC status.
    Grpc {
        /// gRPC's code, e.g. 14 for UNAVAILABLE.
        code: i32,
        /// Its text.
        text: String,
    },
    /// gRPC OK, and these bytes as the reply.
    Garbage(Vec<u8>),
    /// No answer at all; the stream stays open until the client gives it up.
    Silence,
}

impl Failure {
    /// A refusal with Milvus' code, its legacy code and a text.
    #[must_use]
    pub fn milvus(code: i32, error_code: i32, reason: &str) -> Self {
        Failure::Milvus {
            code,
            error_code,
            reason: reason.to_owned(),
        }
    }

    /// A gRPC status with a text.
    #[must_use]
    pub fn grpc(code: tonic::Code, text: &str) -> Self {
        Failure::Grpc {
            code: code.into(),
            text: text.to_owned(),
        }
    }
}

/// What the server counted since its start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NullCounters {
    /// Connections that were accepted.
    pub connections: u64,
    /// Requests that arrived, by method; one that never came is not in it.
    pub requests: BTreeMap<&'static str, u64>,
    /// Requests that are not answered yet.
    pub in_flight: u64,
    /// Most requests that were under way at a time.
    pub max_in_flight: u64,
    /// Bytes of the messages that arrived, with gRPC's prefix.
    pub bytes_received: u64,
    /// Bytes of the messages that were sent, with gRPC's prefix.
    pub bytes_sent: u64,
    /// Requests whose `traceparent` has the sampled flag.
    pub traced: u64,
    /// Messages with spans that a client exported here; they are thrown away.
    pub exports: u64,
    /// Traces that could not be queued for their export.
    pub traces_dropped: u64,
    /// Spans that the endpoint took.
    pub spans_exported: u64,
    /// Spans that the endpoint did not take.
    pub spans_failed: u64,
    /// Processor time of the serving thread.
    pub cpu_time: Duration,
}

impl NullCounters {
    /// Requests of all methods.
    #[must_use]
    pub fn requests_total(&self) -> u64 {
        self.requests.values().sum()
    }
}
