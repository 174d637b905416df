//! Counts what a load thread allocates: an allocator that counts on marked threads only, and an
//! operation that marks the thread it runs on. Used by the bench and by the test that guards its
//! number.

// The allocator's interface is unsafe; it only passes on to the system's.
#![allow(unsafe_code)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use milvus_bench::{
    dataset::DatasetError,
    load::{Engine, EngineOptions, RunIds, nothing_earlier, phase_run, streams},
    milvus::{Call, CallFailure, ConnectOptions, Method},
    null_milvus::NullScenario,
    operation::{Finished, Operation, RequestKey},
    plan::{Plan, PlanFlags},
    record::{RunClock, RunFolder, RunWriter},
    scenario::{Scenario, ScenarioSource},
    telemetry::Nonce,
};
use tokio::time::Instant;

thread_local! {
    static IS_COUNTED: Cell<bool> = const { Cell::new(false) };
    static COUNT: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
}

/// The system's allocator, counting.
pub(crate) struct Counting;

fn count(bytes: usize) {
    if IS_COUNTED.get() {
        let (allocations, sum) = COUNT.get();
        COUNT.set((allocations + 1, sum + bytes as u64));
    }
}

// SAFETY: every method passes its arguments on unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        count(bytes);
        unsafe { System.realloc(pointer, layout, bytes) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// What one request allocates on its load thread, from its slot to its record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PerRequest {
    /// Allocations, growing of buffers among them.
    pub(crate) allocations: f64,
    /// Bytes that were asked for.
    pub(crate) bytes: f64,
}

/// The load that is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Keys of the workload: `rate = ...` or `concurrency = ...`.
    pub(crate) arrival: &'static str,
    /// Share of the requests that are traced, in [0, 1].
    pub(crate) traced: f64,
    /// Requests before the first that counts: buffers have grown by then.
    pub(crate) warm_up: u64,
    /// Requests that count.
    pub(crate) requests: u64,
}

/// A search that marks its thread, and reads the counters when the first and the last request that
/// counts has ended.
#[derive(Debug)]
struct Counted {
    inner: Arc<dyn Operation>,
    load: Load,
    ended: AtomicU64,
    readings: Mutex<[(u64, u64); 2]>,
}

impl Operation for Counted {
    fn method(&self) -> &'static Method {
        self.inner.method()
    }

    fn prepare(&self, key: RequestKey) -> Result<Call, DatasetError> {
        IS_COUNTED.set(true);
        self.inner.prepare(key)
    }

    fn finish(&self, key: RequestKey, body: Bytes) -> Result<Finished, CallFailure> {
        let ended = self.ended.fetch_add(1, Ordering::Relaxed);
        let place = [self.load.warm_up, self.load.warm_up + self.load.requests]
            .iter()
            .position(|at| *at == ended);
        if let Some(place) = place {
            self.readings.lock().unwrap_or_else(PoisonError::into_inner)[place] = COUNT.get();
        }
        self.inner.finish(key, body)
    }
}

fn scenario(uri: &str, load: &Load) -> String {
    let requests = load.warm_up + load.requests + 1_000;
    let scenario = NullScenario {
        sample_ratio: load.traced.to_string(),
        search: load.arrival.to_owned(),
        phase: format!("requests = {requests}"),
        ..NullScenario::new(uri)
    };
    scenario.toml()
}

/// Sends searches of 128 dimensions to the Milvus at `uri` on one load thread, and counts.
pub(crate) async fn measure(uri: &str, load: Load) -> PerRequest {
    let none = |_: &str| None;
    let scenario = Scenario::read(&ScenarioSource::Stdin(scenario(uri, &load)), &[], &none)
        .expect("a scenario");
    let plan = Plan::from_scenario(&scenario, &PlanFlags::default(), &none).expect("a plan");
    let folder = tempfile::tempdir().expect("a folder");
    let infos = streams(&plan);
    let mut writer = RunWriter::start(
        &RunFolder::at(folder.path()),
        Arc::new(infos.clone()),
        Box::new(|_| {}),
    )
    .expect("a writer");
    let options = EngineOptions::new(ConnectOptions::new(uri), RunClock::start());
    let engine = Engine::start(&options, vec![writer.recorder()])
        .await
        .expect("it connects");
    let ids = RunIds::new(Nonce(1), plan.seed, plan.round);
    let mut phase = phase_run(
        &plan,
        0,
        &infos,
        ids,
        Instant::now() + Duration::from_millis(50),
        &nothing_earlier(&plan),
    );
    let inner = Arc::clone(&phase.workloads[0].components[0].operation);
    let counted = Arc::new(Counted {
        inner,
        load,
        ended: AtomicU64::new(0),
        readings: Mutex::default(),
    });
    phase.workloads[0].components[0].operation = Arc::clone(&counted) as Arc<dyn Operation>;
    engine.begin(&phase).wait().await.expect("the thread lives");
    tokio::task::spawn_blocking(move || engine.finish())
        .await
        .expect("the thread ends");
    assert_eq!(writer.finish().error, None);
    let [first, last] = *counted
        .readings
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    assert!(
        last.0 > 0,
        "fewer than {} requests ended",
        load.warm_up + load.requests
    );
    let requests = load.requests as f64;
    PerRequest {
        allocations: (last.0 - first.0) as f64 / requests,
        bytes: (last.1 - first.1) as f64 / requests,
    }
}
