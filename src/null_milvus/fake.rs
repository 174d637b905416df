//! The handle of a server that keeps rows and does as it is told.

use std::{
    net::{SocketAddr, TcpListener},
    ops::RangeBounds,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;

use super::{
    lock::lock,
    options::{Failure, NullOptions},
    script::{SeenCall, Standstill},
    serve::Life,
    shared::Shared,
    spans::Shape,
    store::Keeps,
};
use crate::milvus::{Method, methods};

/// A running server that keeps rows and does as it is told; dropping it kills it.
///
/// It answers every method of [`METHODS`](crate::milvus::METHODS) as Milvus 2.3.5 standalone would.
/// Filters are comparisons and lists joined by `and`, others are ignored; partitions and dynamic
/// fields are not kept, and a search returns the first keys instead of the nearest ones unless
/// [`FakeMilvus::search_exactly`] was called. The server runs on a thread and runtime of its own,
/// so a test that blocks or pauses its runtime doesn't change the server's times. Every setter
/// works at any time and holds for calls that arrive later.
///
/// ```
/// use std::time::Duration;
///
/// use milvus_bench::milvus::{METHODS, methods};
/// use milvus_bench::null_milvus::{Failure, FakeMilvus};
///
/// let fake = FakeMilvus::start();
/// fake.delay(&methods::SEARCH, Duration::from_millis(2));
/// // From the 1,000th search on.
/// fake.stall_after(METHODS, &methods::SEARCH, 1_000, Duration::from_secs(1));
/// fake.fail(&methods::SEARCH, 5..=9, Failure::milvus(8, 49, "request is rejected"));
/// assert_eq!(fake.count(&methods::SEARCH), 0);
/// ```
pub struct FakeMilvus {
    shared: Arc<Shared>,
    address: SocketAddr,
    /// None while it is down.
    life: Mutex<Option<Life>>,
}

impl FakeMilvus {
    /// Starts an empty, healthy server on a free port of 127.0.0.1.
    ///
    /// # Panics
    /// There is no free port, or no thread.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port on loopback");
        let address = listener
            .local_addr()
            .expect("a bound listener has an address");
        let shared = Arc::new(Shared::new(Keeps::Rows));
        let life = begin(listener, &shared);
        Self {
            shared,
            address,
            life: Mutex::new(Some(life)),
        }
    }

    /// Where it listens, also while it is down.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:<port>`.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every call of `method` takes `delay` before it is answered.
    pub fn delay(&self, method: &'static Method, delay: Duration) {
        self.delay_by(method, move |_| delay);
    }

    /// Call `n` of `method`, from 1, takes `delay(n)`.
    pub fn delay_by(
        &self,
        method: &'static Method,
        delay: impl Fn(u64) -> Duration + Send + Sync + 'static,
    ) {
        lock(&self.shared.script).delay(method, Arc::new(delay));
    }

    /// From now on no reply of `of` leaves for `length`; calls that arrive meanwhile begin
    /// afterwards.
    pub fn stall_now(&self, of: &[&'static Method], length: Duration) {
        lock(&self.shared.script).stall(of, None, length);
    }

    /// As [`FakeMilvus::stall_now`], but begins when call `count` of `method` arrives, from 1; that
    /// call is held too.
    pub fn stall_after(
        &self,
        of: &[&'static Method],
        method: &'static Method,
        count: u64,
        length: Duration,
    ) {
        lock(&self.shared.script).stall(of, Some((method, count)), length);
    }

    /// Begin and end of all stalls that have begun; the end is the planned one until a held call
    /// has passed it.
    #[must_use]
    pub fn stalls(&self) -> Vec<Standstill> {
        lock(&self.shared.script).stalls_begun()
    }

    /// Serves at most `workers` calls of `of` at a time, each `service_time` long, the others wait
    /// in order of arrival: no more than workers / service_time per second. A call that the client
    /// gave up leaves the queue.
    pub fn capacity(&self, of: &[&'static Method], workers: usize, service_time: Duration) {
        lock(&self.shared.script).limit(of, workers, service_time);
    }

    /// The first `polls` calls of `method` say that the work is not done yet. For `DescribeIndex`,
    /// `GetLoadState`, `GetLoadingProgress`, `GetFlushState`, `GetCompactionState` and
    /// `GetQuerySegmentInfo`.
    pub fn not_yet(&self, method: &'static Method, polls: u32) {
        lock(&self.shared.store)
            .not_yet
            .insert(method.name, (polls, polls));
    }

    /// `GetQuerySegmentInfo` lists nothing, later segments without index, for `polls` polls,
    /// although `DescribeIndex` says Finished: what a loaded collection does after a flush.
    pub fn segments_unindexed_for(&self, polls: u32) {
        self.not_yet(&methods::GET_QUERY_SEGMENT_INFO, polls);
    }

    /// Builds of indexes have failed from now on, for this reason.
    pub fn fail_indexes(&self, reason: &str) {
        lock(&self.shared.store).index_failure = Some(reason.to_owned());
    }

    /// The calls of `method` with a number in `calls`, from 1, fail; earlier rules win.
    pub fn fail(&self, method: &'static Method, calls: impl RangeBounds<u64>, failure: Failure) {
        let range = (calls.start_bound().cloned(), calls.end_bound().cloned());
        lock(&self.shared.script).fail(method, range, failure);
    }

    /// Takes back all rules of [`FakeMilvus::fail`].
    pub fn heal(&self) {
        lock(&self.shared.script).heal();
    }

    /// Every call must carry this `user:password` (or token) from now on.
    pub fn require_token(&self, token: &str) {
        lock(&self.shared.script).require_token(token);
    }

    /// Closes the port and waits for it; open connections stay.
    pub fn stop_listening(&self) {
        if let Some(life) = &mut *lock(&self.life) {
            life.stop_listening();
        }
    }

    /// Cuts all connections and closes the port, as a killed process does; calls under way and
    /// spans not yet sent are lost. Collections stay for [`FakeMilvus::restart`].
    pub fn kill(&self) {
        drop(lock(&self.life).take());
        self.shared.tracing.forget_pending();
    }

    /// Begins again on the same port, with the collections of before.
    ///
    /// # Panics
    /// Another process took the port meanwhile.
    pub fn restart(&self) {
        self.kill();
        let listener = TcpListener::bind(self.address).expect("the port of before is still free");
        *lock(&self.life) = Some(begin(listener, &self.shared));
    }

    /// What `GetVersion` says; `v2.3.5-fake` at first.
    pub fn version(&self, version: &str) {
        lock(&self.shared.store).version = version.to_owned();
    }

    /// Adds a database beside `default`.
    pub fn add_database(&self, name: &str) {
        lock(&self.shared.store).databases.push(name.to_owned());
    }

    /// Searches compare all rows from now on: slow, but the recall is 1. Call it before any insert.
    pub fn search_exactly(&self) {
        lock(&self.shared.store).exact = true;
    }

    /// Its clock is so much ahead of the machine's from now on.
    pub fn clock_ahead(&self, by: Duration) {
        lock(&self.shared.store).ahead_ms = by.as_millis();
    }

    /// It gives back no description, id or alias of a collection from now on, as milvus-lite 3.2.2.
    pub fn keep_no_descriptions(&self) {
        lock(&self.shared.store).undescribed = true;
    }

    /// Aliases of the collection in database `default`.
    #[must_use]
    pub fn aliases(&self, collection: &str) -> Vec<String> {
        lock(&self.shared.store).aliases(collection)
    }

    /// Rows of the collection in database `default`, sealed or not; None if there is no such
    /// collection.
    #[must_use]
    pub fn rows(&self, collection: &str) -> Option<usize> {
        lock(&self.shared.store).kept_rows(collection)
    }

    /// The first 200,000 calls, in order of arrival.
    #[must_use]
    pub fn calls(&self) -> Vec<SeenCall> {
        lock(&self.shared.script).seen().to_vec()
    }

    /// How often `method` was called.
    #[must_use]
    pub fn count(&self, method: &'static Method) -> u64 {
        lock(&self.shared.script).count(method)
    }

    /// Waits until `method` was called `count` times.
    ///
    /// # Panics
    /// After 60 seconds.
    pub async fn called(&self, method: &'static Method, count: u64) {
        let arrived = Arc::clone(&lock(&self.shared.script).arrived);
        let enough = async {
            loop {
                // Listens before it looks, so that no call falls between.
                let arrival = arrived.notified();
                if self.count(method) >= count {
                    return;
                }
                arrival.await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(60), enough)
            .await
            .is_ok();
        assert!(
            in_time,
            "{} was called {} times instead of {count} within 60 s",
            method.name,
            self.count(method)
        );
    }

    /// Body of the last call of `method`.
    #[must_use]
    pub fn last_body(&self, method: &'static Method) -> Option<Bytes> {
        lock(&self.shared.script).last_body(method)
    }

    /// Sends spans of the form `shape` by OTLP/gRPC to `endpoint` for every answered call with a
    /// sampled `traceparent`.
    ///
    /// # Panics
    /// The endpoint is no URI.
    pub fn spans_to(&self, endpoint: &str, shape: Shape) {
        let wanted = self.shared.tracing.send_to(endpoint, shape);
        wanted.expect("spans_to() was given a URI");
    }

    /// Every `nth` trace is not sent at all, from 1; 0 loses none.
    pub fn lose_every_trace(&self, nth: u64) {
        self.shared.tracing.lose_traces(nth);
    }

    /// The spans named `name` are missing in every `nth` trace, from 1; their children stay.
    pub fn lose_span(&self, name: &str, nth: u64) {
        self.shared.tracing.lose_span(name, nth);
    }

    /// Spans that the endpoint has taken.
    #[must_use]
    pub fn spans_sent(&self) -> u64 {
        self.shared.tracing.counts().0
    }

    /// Waits until the endpoint has taken all spans made so far; false when `limit` passes first or
    /// an export failed.
    pub async fn spans_settled(&self, limit: Duration) -> bool {
        let tracing = &self.shared.tracing;
        let all_taken = async {
            loop {
                // Listens before it looks, so that no change falls between.
                let change = tracing.settled.notified();
                if tracing.pending() == 0 {
                    return tracing.counts().1 == 0;
                }
                change.await;
            }
        };
        tokio::time::timeout(limit, all_taken)
            .await
            .unwrap_or(false)
    }
}

fn begin(listener: TcpListener, shared: &Arc<Shared>) -> Life {
    Life::begin(listener, NullOptions::default(), Arc::clone(shared))
        .expect("a thread for the fake Milvus")
}

impl Drop for FakeMilvus {
    fn drop(&mut self) {
        self.kill();
    }
}
