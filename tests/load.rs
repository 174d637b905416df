//! The load engine against a fake Milvus: what is measured when the server stalls, is too slow, or
//! goes away.

mod support;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use milvus_bench::null_milvus::{Failure, FakeMilvus};
use milvus_bench::{
    dataset::DatasetError,
    load::{
        ComponentRun, Draws, Engine, EngineOptions, Loop, PartLoad, PartPlan, PhaseResult,
        PhaseRun, RowsEnd, Stop, StopHandle, StreamPlan, StreamResult, WorkloadRun,
    },
    milvus::{Call, CallFailure, ConnectOptions, Method, methods, proto},
    null_milvus::{NullMilvus, NullOptions, Stall},
    operation::{Finished, Operation, QueryOrder, RequestKey},
    pacer::{Schedule, Shape, Spread},
    plan::ThinkTime,
    record::{
        Figure, Outcome, Part, RequestLine, RunClock, RunFolder, RunInfo, RunReader, RunWriter,
        StreamId, StreamInfo,
    },
    telemetry::{IdStream, Nonce},
};
use prost::Message;
use tokio::time::Instant;

/// The smallest request: Milvus' version.
#[derive(Debug)]
struct Version;

impl Operation for Version {
    fn method(&self) -> &'static Method {
        &methods::GET_VERSION
    }

    fn prepare(&self, _: RequestKey) -> Result<Call, DatasetError> {
        Ok(Call {
            method: &methods::GET_VERSION,
            body: Bytes::new(),
        })
    }

    fn finish(&self, _: RequestKey, body: Bytes) -> Result<Finished, CallFailure> {
        let reply = proto::GetVersionResponse::decode(body).map_err(|error| {
            CallFailure::new(
                milvus_bench::milvus::CallError::BadReply,
                &error.to_string(),
            )
        })?;
        milvus_bench::milvus::check_status(reply.status.as_ref())?;
        Ok(Finished {
            rows: 0,
            recall: f32::NAN,
        })
    }
}

/// One measured part of one workload on one thread.
struct Load {
    arrival: Loop,
    load: PartLoad,
    duration: Option<Duration>,
    requests: Option<u64>,
    timeout: Duration,
    threads: u32,
    precise: bool,
    cores: Vec<u32>,
}

impl Load {
    fn open(rate: f64, max_in_flight: u64, seconds: u64) -> Self {
        let (arrival, load) = (
            Loop::Open { max_in_flight },
            PartLoad::Open(Schedule::even(Shape::Constant { rate })),
        );
        Self {
            arrival,
            load,
            duration: Some(Duration::from_secs(seconds)),
            requests: None,
            timeout: Duration::from_secs(10),
            threads: 1,
            precise: false,
            cores: Vec::new(),
        }
    }
}

/// What is left of a load: the run folder read again.
struct Measured {
    result: PhaseResult,
    lines: Vec<RequestLine>,
    reader: RunReader,
    clock: RunClock,
    _folder: tempfile::TempDir,
}

impl Measured {
    /// Quantile of `figure` over the successes, milliseconds.
    fn quantile_ms(&self, figure: Figure, quantile: f64) -> f64 {
        let histograms = self.reader.histograms().expect("latency.hlog reads back");
        let of_figure = histograms
            .merged
            .iter()
            .find(|(key, _)| key.figure == figure && key.outcome == Outcome::Ok);
        of_figure.map_or(0.0, |(_, histogram)| {
            histogram.value_at_quantile(quantile) as f64 / 1e6
        })
    }

    fn count(&self, outcome: Outcome) -> u64 {
        let histograms = self.reader.histograms().expect("latency.hlog reads back");
        let figure = if outcome == Outcome::NotSent {
            Figure::SendLag
        } else {
            Figure::ServiceTime
        };
        let matching = histograms
            .merged
            .iter()
            .filter(|(key, _)| key.figure == figure && key.outcome == outcome);
        matching.map(|(_, histogram)| histogram.len()).sum()
    }
}

impl Measured {
    /// Of `due` slots every one was sent and answered, but for the last of its thread: a busy
    /// machine may be late for those, and what is late at the end of its part is not sent.
    #[track_caller]
    fn check_sent(&self, due: u64) {
        let (ok, not_sent) = (self.count(Outcome::Ok), self.count(Outcome::NotSent));
        assert!(
            ok + not_sent == due && not_sent <= due / 10,
            "{ok} ok and {not_sent} not sent of {due}"
        );
        let sent: std::collections::BTreeSet<u64> = self
            .lines
            .iter()
            .filter(|line| line.outcome == Outcome::Ok)
            .map(|line| line.seq)
            .collect();
        assert_eq!(
            sent,
            (0..ok).collect(),
            "those that were not sent are the last ones"
        );
    }
}

/// One load at a time: these tests look at milliseconds, and would measure each other.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

fn run(uri: &str, load: &Load, during: impl FnOnce(&StopHandle) + Send + 'static) -> Measured {
    run_alone(&alone(), uri, load, during)
}

fn run_alone(
    _: &MutexGuard<'_, ()>,
    uri: &str,
    load: &Load,
    during: impl FnOnce(&StopHandle) + Send + 'static,
) -> Measured {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(measure(uri, load, during))
}

/// The only phase of such a load, which starts soon.
fn phase_of(load: &Load) -> PhaseRun {
    let ids = IdStream::new(Nonce(1), 42, "alone", "version", "measured");
    let part = PartPlan {
        streams: vec![stream_plan(0, ids, 1.0)],
        draws: Draws::new(ids, &[1.0]),
        ids,
        start: Duration::ZERO,
        duration: load.duration,
        requests: load.requests,
        load: load.load,
    };
    let workload = WorkloadRun {
        components: vec![ComponentRun {
            operation: Arc::new(Version),
            earlier: nothing_earlier(load.arrival),
        }],
        arrival: load.arrival,
        timeout: load.timeout,
        parts: vec![part],
        rows_end: RowsEnd::default(),
    };
    PhaseRun {
        start: Instant::now() + Duration::from_millis(50),
        workloads: vec![workload],
        stop: StopHandle::default(),
    }
}

/// No request of an earlier phase: one number in an open loop, one per caller in a closed one.
fn nothing_earlier(arrival: Loop) -> Vec<u64> {
    match arrival {
        Loop::Closed { callers, .. } => vec![0; callers as usize],
        Loop::Open { .. } => vec![0],
    }
}

async fn measure(
    uri: &str,
    load: &Load,
    during: impl FnOnce(&StopHandle) + Send + 'static,
) -> Measured {
    let folder = tempfile::tempdir().expect("a folder");
    let run = RunFolder::at(folder.path());
    let open_loop = matches!(load.arrival, Loop::Open { .. });
    let info = StreamInfo {
        phase: "alone".into(),
        part: Some(Part::Measured),
        workload: "version".into(),
        operation: "version".into(),
        open_loop,
        ..StreamInfo::default()
    };
    run.write_info(&RunInfo {
        format: 1,
        streams: vec![info.clone()],
        ..RunInfo::default()
    })
    .expect("run.json");
    let mut writer =
        RunWriter::start(&run, Arc::new(vec![info]), Box::new(|_| {})).expect("a writer");
    let recorders = (0..load.threads).map(|_| writer.recorder()).collect();
    let clock = RunClock::start();
    let connect = ConnectOptions {
        connections: load.threads,
        ..ConnectOptions::new(uri)
    };
    let options = EngineOptions {
        precise: load.precise,
        cores: load.cores.clone(),
        ..EngineOptions::new(connect, clock)
    };
    let engine = Engine::start(&options, recorders)
        .await
        .expect("it connects");
    let phase = phase_of(load);
    let mut running = engine.begin(&phase);
    let stop = phase.stop.clone();
    tokio::task::spawn_blocking(move || during(&stop));
    let result = running.wait().await.expect("the threads live");
    tokio::task::spawn_blocking(move || engine.finish())
        .await
        .expect("the threads end");
    assert_eq!(writer.finish().error, None);
    let reader = RunReader::open(folder.path()).expect("the folder reads back");
    let lines = reader
        .requests()
        .expect("requests.jsonl")
        .map(|line| line.expect("a request"))
        .collect();
    Measured {
        result,
        lines,
        reader,
        clock,
        _folder: folder,
    }
}

/// The requests of one component.
fn stream_plan(stream: u16, ids: IdStream, sample_ratio: f64) -> StreamPlan {
    StreamPlan {
        stream: StreamId(stream),
        ids,
        queries: QueryOrder::default(),
        sample_ratio,
        switch: None,
        slots: None,
    }
}

/// p95 of the response times that the schedule and the ends of the stall imply, milliseconds: a
/// request that was due within the stall waits for its end, every other one is answered at once. A
/// server that is woken late ends its stall late: that is when its first answer after `end`
/// arrives.
fn implied_p95_ms(measured: &Measured, begin: Instant, end: Instant) -> f64 {
    let (begin, end) = (measured.clock.ns_of(begin), measured.clock.ns_of(end));
    let first = measured
        .lines
        .iter()
        .filter_map(|line| line.done_ns)
        .filter(|done| *done >= end)
        .min()
        .expect("answers after the stall");
    assert!(
        first - end < 250_000_000,
        "the first answer came {} ms after the stall",
        (first - end) / 1_000_000
    );
    let end = first;
    let dues = measured
        .lines
        .iter()
        .map(|line| line.intended_ns.expect("an open loop"));
    let mut implied: Vec<u64> = dues
        .map(|due| {
            if (begin..end).contains(&due) {
                end - due
            } else {
                0
            }
        })
        .collect();
    implied.sort_unstable();
    implied[(implied.len() as f64 * 0.95).ceil() as usize - 1] as f64 / 1e6
}

/// Keeps a core of the machine busy, with the lowest priority, until it is dropped: a virtual core
/// that slept through a stall answers the backlog after it several times as slowly.
struct AwakeCore {
    ends: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl AwakeCore {
    fn new() -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&ends);
        let spin = move || {
            // Linux takes this as the priority of the thread that calls.
            rustix::process::setpriority_process(None, 19)
                .expect("a thread may lower its own priority");
            while !asked.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        };
        Self {
            ends,
            thread: Some(std::thread::spawn(spin)),
        }
    }
}

impl Drop for AwakeCore {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

/// p95 of response time, service time and send lag, milliseconds, at 500 requests per second for
/// ten seconds against a server that stops for one. The null Milvus answers a backlog faster than
/// any other, so that the stall is all there is.
fn stalled_p95_ms(max_in_flight: u64) -> [f64; 3] {
    let stall = Stall {
        after: Duration::from_secs(4),
        length: Duration::from_secs(1),
    };
    // Before the server starts: its stall comes a fixed time after that.
    let alone = alone();
    let _awake = AwakeCore::new();
    let begin = Instant::now() + stall.after;
    let null = NullMilvus::start(NullOptions {
        stalls: vec![stall],
        ..NullOptions::default()
    })
    .expect("a null Milvus");
    // It began to count at some moment of its start, which takes its time on a busy machine.
    let unsure_ms = (Instant::now() + stall.after - begin).as_secs_f64() * 1e3;
    let measured = run_alone(
        &alone,
        &null.uri(),
        &Load::open(500.0, max_in_flight, 10),
        |_| {},
    );
    assert_eq!(measured.result.streams[0].due, 5000);
    measured.check_sent(5000);
    let implied = implied_p95_ms(&measured, begin, begin + stall.length);
    let found = [Figure::ResponseTime, Figure::ServiceTime, Figure::SendLag]
        .map(|figure| measured.quantile_ms(figure, 0.95));
    assert!(implied > 450.0, "half of the stall is {implied} ms");
    assert!(
        (found[0] - implied).abs() <= 0.05 * implied + 10.0 + unsure_ms,
        "p95 {found:?} ms, the schedule implies {implied} ms"
    );
    found
}

#[test]
fn a_stall_with_four_places_in_flight_is_in_the_response_time_and_the_send_lag() {
    let [response, service, lag] = stalled_p95_ms(4);
    assert!(
        service < 20.0,
        "p95 service time {service} ms: the stall holds four requests only"
    );
    assert!(
        (response - lag).abs() < 30.0,
        "send lag {lag} ms holds what service time does not of {response} ms"
    );
}

#[test]
fn an_unbounded_stall_is_in_response_and_service_time() {
    let [response, service, _] = stalled_p95_ms(10_000);
    assert!(
        (response - service).abs() <= 0.02 * response + 5.0,
        "service {service} ms, response {response} ms"
    );
}

/// The cores that threads of this process called `name` may run on, as the kernel writes them.
fn cores_of(name: &str) -> Vec<String> {
    let read = |task: &std::path::Path, file: &str| {
        std::fs::read_to_string(task.join(file)).unwrap_or_default()
    };
    let tasks = std::fs::read_dir("/proc/self/task")
        .expect("the threads")
        .flatten()
        .map(|entry| entry.path());
    let named = tasks.filter(|task| read(task, "comm").trim() == name);
    let list = |task: std::path::PathBuf| {
        read(&task, "status").lines().find_map(|line| {
            line.strip_prefix("Cpus_allowed_list:")
                .map(|text| text.trim().to_owned())
        })
    };
    named.filter_map(list).collect()
}

#[test]
fn a_pinned_thread_that_spins_sends_every_request_and_none_before_its_slot() {
    let null = NullMilvus::start(NullOptions::default()).expect("a null Milvus");
    let allowed = rustix::thread::sched_getaffinity(None).expect("the cores of this process");
    let core = (0..rustix::thread::CpuSet::MAX_CPU)
        .rfind(|core| allowed.is_set(*core))
        .expect("a core");
    let load = Load {
        precise: true,
        cores: vec![u32::try_from(core).expect("a core")],
        ..Load::open(500.0, 100, 1)
    };
    let (found, cores) = std::sync::mpsc::channel();
    let measured = run(&null.uri(), &load, move |_| {
        found.send(cores_of("load-0")).expect("the test waits")
    });
    assert_eq!(cores.recv().expect("it looked"), [core.to_string()]);
    measured.check_sent(500);
    assert!(
        measured
            .lines
            .iter()
            .all(|line| line.sent_ns >= line.intended_ns)
    );
}

#[test]
fn a_core_that_does_not_exist_is_an_error_of_the_engine() {
    let fake = FakeMilvus::start();
    let folder = tempfile::tempdir().expect("a folder");
    let mut writer = RunWriter::start(
        &RunFolder::at(folder.path()),
        Arc::default(),
        Box::new(|_| {}),
    )
    .expect("a writer");
    let recorders = vec![writer.recorder()];
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let options = EngineOptions {
        cores: vec![1_000_000],
        ..EngineOptions::new(ConnectOptions::new(fake.uri()), RunClock::start())
    };
    let refused = runtime
        .block_on(Engine::start(&options, recorders))
        .expect_err("it is refused");
    assert!(refused.to_string().contains("core 1000000"), "{refused}");
}

#[test]
fn a_rate_far_above_the_server_ends_in_time_and_accounts_for_every_slot() {
    let fake = FakeMilvus::start();
    fake.capacity(&[&methods::GET_VERSION], 1, Duration::from_millis(20));
    let began = Instant::now();
    let measured = run(
        &fake.uri(),
        &Load {
            timeout: Duration::from_secs(2),
            ..Load::open(1000.0, 8, 3)
        },
        |_| {},
    );
    assert!(began.elapsed() < Duration::from_secs(20), "it ends");
    let stream = &measured.result.streams[0];
    let (ok, not_sent) = (
        measured.count(Outcome::Ok),
        measured.count(Outcome::NotSent),
    );
    assert_eq!(stream.due, 3000);
    assert_eq!(ok + not_sent + measured.count(Outcome::Timeout), 3000);
    assert!(
        not_sent > 2000,
        "{not_sent} scheduled requests found no place"
    );
    assert!(stream.in_flight_max <= 8);
}

#[test]
fn callers_of_a_closed_loop_share_the_numbers_and_have_no_intended_time() {
    let fake = FakeMilvus::start();
    let arrival = Loop::Closed {
        callers: 4,
        think_time: ThinkTime::Constant(Duration::ZERO),
    };
    let callers = PartLoad::Closed { from: 4, to: 4 };
    let load = Load {
        arrival,
        load: callers,
        duration: None,
        requests: Some(400),
        threads: 2,
        ..Load::open(1.0, 1, 1)
    };
    let measured = run(&fake.uri(), &load, |_| {});
    let mut seqs: Vec<u64> = measured.lines.iter().map(|line| line.seq).collect();
    seqs.sort_unstable();
    assert_eq!(seqs, (0..400).collect::<Vec<u64>>());
    assert!(
        measured
            .lines
            .iter()
            .all(|line| line.intended_ns.is_none() && line.sent_ns.is_some())
    );
    let mut ids: Vec<&str> = measured
        .lines
        .iter()
        .map(|line| line.trace_id.as_str())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 400);
}

#[test]
fn every_request_carries_its_own_trace_context() {
    let fake = FakeMilvus::start();
    let measured = run(&fake.uri(), &Load::open(200.0, 100, 1), |_| {});
    let mut sent: Vec<String> = fake
        .calls()
        .iter()
        .filter_map(|call| call.traceparent.clone())
        .filter(|text| !text.is_empty())
        .collect();
    let mut recorded: Vec<String> = measured
        .lines
        .iter()
        .map(|line| format!("00-{}-{}-01", line.trace_id, line.span_id))
        .collect();
    sent.sort_unstable();
    recorded.sort_unstable();
    assert_eq!(sent, recorded);
}

#[test]
fn a_refusal_inside_a_reply_is_a_failure_with_milvus_own_code_and_text() {
    let fake = FakeMilvus::start();
    fake.fail(
        &methods::GET_VERSION,
        1..=5,
        Failure::milvus(100, 4, "collection not found"),
    );
    let measured = run(&fake.uri(), &Load::open(100.0, 10, 1), |_| {});
    assert_eq!(measured.count(Outcome::Milvus(100)), 5);
    assert_eq!(
        measured.count(Outcome::Ok) + measured.count(Outcome::NotSent),
        95
    );
    assert_eq!(measured.result.texts.len(), 1);
    assert!(measured.result.texts[0].2.contains("collection not found"));
}

#[test]
fn a_server_that_goes_away_costs_its_requests_and_nothing_else() {
    let fake = Arc::new(Mutex::new(FakeMilvus::start()));
    let uri = fake.lock().expect("the fake").uri();
    let other = Arc::clone(&fake);
    let measured = run(&uri, &Load::open(200.0, 50, 3), move |_| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let fake = other.lock().expect("the fake");
        runtime.block_on(fake.called(&methods::GET_VERSION, 200));
        fake.kill();
        fake.restart();
    });
    assert_eq!(measured.result.streams[0].due, 600);
    let (failed, not_sent) = (
        measured.count(Outcome::Unavailable),
        measured.count(Outcome::NotSent),
    );
    assert!(
        measured.count(Outcome::Ok) + failed + not_sent == 600,
        "{failed} failed, {not_sent} not sent"
    );
}

#[test]
fn an_interrupt_ends_the_part_and_gives_up_what_hangs() {
    let fake = Arc::new(FakeMilvus::start());
    fake.fail(&methods::GET_VERSION, 1..=u64::MAX, Failure::Silence);
    let (uri, other) = (fake.uri(), Arc::clone(&fake));
    let measured = run(
        &uri,
        &Load {
            timeout: Duration::from_secs(600),
            ..Load::open(100.0, 10, 600)
        },
        move |stop| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(other.called(&methods::GET_VERSION, 10));
            stop.ask(Stop::EndPart);
            stop.ask(Stop::Abort);
        },
    );
    let stream = &measured.result.streams[0];
    assert_eq!(measured.count(Outcome::Abandoned), 10);
    assert_eq!(stream.due, 10 + measured.count(Outcome::NotSent));
}

/// Version with data for 60 requests; keeps the numbers that were asked for.
#[derive(Debug, Default)]
struct Finite {
    asked: Mutex<Vec<u64>>,
}

impl Operation for Finite {
    fn method(&self) -> &'static Method {
        &methods::GET_VERSION
    }

    fn capacity(&self) -> Option<u64> {
        Some(60)
    }

    fn prepare(&self, key: RequestKey) -> Result<Call, DatasetError> {
        self.asked
            .lock()
            .expect("the list")
            .push(key.earlier + key.seq);
        Version.prepare(key)
    }

    fn finish(&self, key: RequestKey, body: Bytes) -> Result<Finished, CallFailure> {
        Version.finish(key, body)
    }
}

/// The same of one workload without other components.
fn exhaust(arrival: Loop, load: PartLoad) -> Vec<u64> {
    let (asked, results) = exhaust_mix(arrival, load, &[1.0]);
    assert_eq!(results[0][0].due, 60);
    asked
}

/// A phase of a mix whose first component is finite; `earlier` is what came of each before.
fn phase_of_mix(
    phase: &str,
    (arrival, load): (Loop, PartLoad),
    shares: &[f64],
    (finite, earlier): (&Arc<Finite>, &[Vec<u64>]),
) -> PhaseRun {
    let ids = IdStream::new(Nonce(1), 42, phase, "finite", "measured");
    let streams = (0..)
        .zip(shares)
        .map(|(stream, _)| stream_plan(stream, ids, 0.0));
    let part = PartPlan {
        streams: streams.collect(),
        draws: Draws::new(ids, shares),
        ids,
        start: Duration::ZERO,
        duration: None,
        requests: None,
        load,
    };
    let component = |(at, earlier): (usize, &Vec<u64>)| ComponentRun {
        operation: if at == 0 {
            Arc::clone(finite) as _
        } else {
            Arc::new(Version) as _
        },
        earlier: earlier.clone(),
    };
    let workload = WorkloadRun {
        components: earlier.iter().enumerate().map(component).collect(),
        arrival,
        timeout: Duration::from_secs(10),
        parts: vec![part],
        rows_end: RowsEnd::default(),
    };
    PhaseRun {
        start: Instant::now(),
        workloads: vec![workload],
        stop: StopHandle::default(),
    }
}

/// Runs two phases that last until the data of the first component of a mix is used up, on two
/// threads; gives the numbers that were asked of it, and the results of both phases per component.
fn exhaust_mix(
    arrival: Loop,
    load: PartLoad,
    shares: &[f64],
) -> (Vec<u64>, Vec<Vec<StreamResult>>) {
    let _alone = alone();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let fake = FakeMilvus::start();
    let finite = Arc::new(Finite::default());
    let folder = tempfile::tempdir().expect("a folder");
    let mut writer = RunWriter::start(
        &RunFolder::at(folder.path()),
        Arc::new(vec![StreamInfo::default(); shares.len()]),
        Box::new(|_| {}),
    )
    .expect("a writer");
    let mut results = Vec::new();
    let recorders = (0..2).map(|_| writer.recorder()).collect();
    runtime.block_on(async {
        let connect = ConnectOptions {
            connections: 2,
            ..ConnectOptions::new(fake.uri())
        };
        let engine = Engine::start(&EngineOptions::new(connect, RunClock::start()), recorders)
            .await
            .expect("it connects");
        let mut earlier = vec![nothing_earlier(arrival); shares.len()];
        for phase in ["first", "second"] {
            let phase = phase_of_mix(phase, (arrival, load), shares, (&finite, &earlier));
            let stop = phase.stop.clone();
            let mut running = engine.begin(&phase);
            let exhausted = running.exhausted();
            let ends = async {
                exhausted.await;
                stop.ask(Stop::EndPart);
                running.wait().await.expect("the threads live")
            };
            let result = tokio::time::timeout(Duration::from_secs(30), ends).await;
            let result = result.expect("it ends");
            earlier.clone_from(&result.earlier);
            results.push(result.streams);
        }
        tokio::task::spawn_blocking(move || engine.finish())
            .await
            .expect("the threads end");
    });
    assert_eq!(writer.finish().error, None);
    let mut asked = finite.asked.lock().expect("the list").clone();
    asked.sort_unstable();
    for phase in &mut results {
        phase.sort_by_key(|result| result.stream);
    }
    (asked, results)
}

#[test]
fn a_thread_without_a_caller_does_not_keep_an_exhausted_phase_alive() {
    let arrival = Loop::Closed {
        callers: 1,
        think_time: ThinkTime::Constant(Duration::ZERO),
    };
    assert_eq!(
        exhaust(arrival, PartLoad::Closed { from: 1, to: 1 }),
        (0..60).collect::<Vec<u64>>()
    );
}

#[test]
fn a_phase_is_exhausted_when_its_slowest_caller_is() {
    let arrival = Loop::Closed {
        callers: 4,
        think_time: ThinkTime::Exponential(Duration::from_millis(20)),
    };
    assert_eq!(
        exhaust(arrival, PartLoad::Closed { from: 4, to: 4 }),
        (0..60).collect::<Vec<u64>>()
    );
}

#[test]
fn rows_of_an_open_loop_are_used_once_however_many_threads_and_phases() {
    let even = Schedule::even(Shape::Constant { rate: 1000.0 });
    let poisson = Schedule {
        spread: Spread::Poisson { seed: 42 },
        ..even
    };
    assert_eq!(
        exhaust(Loop::Open { max_in_flight: 1 }, PartLoad::Open(even)),
        (0..60).collect::<Vec<u64>>()
    );
    assert_eq!(
        exhaust(Loop::Open { max_in_flight: 100 }, PartLoad::Open(poisson)),
        (0..60).collect::<Vec<u64>>()
    );
}

#[test]
fn more_threads_than_connections_are_refused() {
    let fake = FakeMilvus::start();
    let folder = tempfile::tempdir().expect("a folder");
    let mut writer = RunWriter::start(
        &RunFolder::at(folder.path()),
        Arc::default(),
        Box::new(|_| {}),
    )
    .expect("a writer");
    let recorders = (0..2).map(|_| writer.recorder()).collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let options = EngineOptions::new(ConnectOptions::new(fake.uri()), RunClock::start());
    let refused = runtime
        .block_on(Engine::start(&options, recorders))
        .expect_err("it is refused");
    assert!(
        refused
            .to_string()
            .contains("2 load threads can't share 1 connections"),
        "{refused}"
    );
}

#[test]
fn a_mix_ends_with_the_rows_of_one_of_its_components_and_each_is_used_once() {
    let poisson = Schedule {
        spread: Spread::Poisson { seed: 42 },
        ..Schedule::even(Shape::Constant { rate: 1000.0 })
    };
    let shares = [1.0, 3.0];
    let open = Loop::Open { max_in_flight: 100 };
    let (asked, results) = exhaust_mix(open, PartLoad::Open(poisson), &shares);
    assert_eq!(asked, (0..60).collect::<Vec<u64>>());
    let [finite, other] = &results[0][..] else {
        panic!("{results:?}")
    };
    // The schedule ends at the first request for which there is no row, on every thread.
    let ids = IdStream::new(Nonce(1), 42, "first", "finite", "measured");
    let draws = Draws::new(ids, &shares);
    let sent = (0..).find(|count| draws.count(*count)[0] > 60).unwrap_or(0) - 1;
    assert_eq!((finite.due, other.due), (60, sent - 60));
    assert_eq!((finite.sent, other.sent), (finite.due, other.due));
    assert!(finite.ended_itself && other.ended_itself, "{results:?}");
    // Nothing of the mix is left for the phase after it.
    assert!(
        results[1].iter().all(|result| result.due == 0),
        "{results:?}"
    );

    check_closed_mix(&shares);
}

/// Callers have a share of the rows each: those of the first one that has none left are the end.
fn check_closed_mix(shares: &[f64]) {
    let closed = Loop::Closed {
        callers: 4,
        think_time: ThinkTime::Constant(Duration::from_millis(2)),
    };
    let (asked, results) = exhaust_mix(closed, PartLoad::Closed { from: 4, to: 4 }, shares);
    let of_caller = |caller| asked.iter().filter(|number| *number % 4 == caller).count();
    let counts: Vec<usize> = (0..4).map(of_caller).collect();
    assert!(counts.contains(&15), "{counts:?}");
    assert!(asked.len() < 60, "{counts:?}");
    let stopped = |at: usize| results[0][at].stopped.as_deref();
    assert_eq!(stopped(0), Some("its rows are used up"));
    assert_eq!(
        stopped(1),
        Some("the rows of another part of its mix are used up")
    );
    assert!(
        results[0].iter().all(|result| result.ended_itself),
        "{results:?}"
    );
    assert!(
        results[1].iter().all(|result| result.due == 0),
        "{results:?}"
    );
}
