//! A stall of the server on paused time: every response time is what the schedule implies, to the
//! nanosecond.
//!
//! The open loop runs as in a run, on the connections of a run; the server, at the other end of a
//! pipe in this process, and the clock are the only things that are not genuine.

use std::{
    cell::RefCell,
    rc::Rc,
    sync::{Arc, mpsc::sync_channel},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response};
use tokio::{
    io::DuplexStream,
    runtime::{Builder, LocalOptions},
    time::Instant,
};

use super::{
    ComponentRun, Draws, Loop, PartLoad, PartPlan, RowsEnd, StopHandle, StreamPlan, StreamResult,
    WorkloadRun, open,
    request::Shared,
    timer::Timers,
    workload::{Shard, WorkloadContext},
};
use crate::{
    dataset::DatasetError,
    milvus::{Call, CallFailure, ConnectOptions, Connections, Method, Watch, methods},
    operation::{Finished, Operation, QueryOrder, RequestKey},
    pacer::{Schedule, Shape},
    record::{Figure, Outcome, Recorder, RunClock, Sample, StreamId, TracingSwitch},
    telemetry::{IdStream, Nonce},
};

const RATE: u64 = 500;
const LENGTH: Duration = Duration::from_secs(10);
/// When the server stops and goes on, after the phase's start.
const STALL: (Duration, Duration) = (Duration::from_secs(4), Duration::from_secs(5));

/// A server that answers so long after a request came, and nothing within the stall.
#[derive(Clone, Copy)]
struct Server {
    start: Instant,
    service: Duration,
}

impl Server {
    /// When a request that came at `came` after the phase's start is answered.
    fn answers(self, came: Duration) -> Duration {
        let (begin, end) = STALL;
        let answer = came + self.service;
        if (begin..end).contains(&came) || (begin..end).contains(&answer) {
            end + self.service
        } else {
            answer
        }
    }

    async fn serve(self, pipe: DuplexStream) {
        let mut connection = h2::server::handshake(pipe).await.expect("a connection");
        while let Some(request) = connection.accept().await {
            let (request, mut respond) = request.expect("a request");
            tokio::task::spawn_local(async move {
                let came = self.start.elapsed();
                let mut body = request.into_body();
                while body.data().await.is_some() {}
                tokio::time::sleep_until(self.start + self.answers(came)).await;
                let mut head = Response::new(());
                head.headers_mut()
                    .insert("content-type", HeaderValue::from_static("application/grpc"));
                let mut stream = respond
                    .send_response(head, false)
                    .expect("the client waits");
                stream
                    .send_data(Bytes::from_static(&[0; 5]), false)
                    .expect("an empty message");
                stream
                    .send_trailers(HeaderMap::from_iter([(
                        "grpc-status".parse().expect("a name"),
                        "0".parse().expect("a value"),
                    )]))
                    .expect("its end");
            });
        }
    }
}

/// A request without content.
#[derive(Debug)]
struct Empty;

impl Operation for Empty {
    fn method(&self) -> &'static Method {
        &methods::GET_VERSION
    }

    fn prepare(&self, _: RequestKey) -> Result<Call, DatasetError> {
        Ok(Call {
            method: &methods::GET_VERSION,
            body: Bytes::new(),
        })
    }

    fn finish(&self, _: RequestKey, _: Bytes) -> Result<Finished, CallFailure> {
        Ok(Finished {
            rows: 0,
            recall: f32::NAN,
        })
    }
}

struct NoWatch;

impl Watch for NoWatch {
    fn write_delay(&self, _: usize, _: Duration) {}
    fn read_delay(&self, _: usize, _: Duration) {}
    fn flow_control_wait(&self, _: usize, _: Duration) {}
}

/// The only workload: all of its requests traced, but for what `switch` leaves out.
fn workload(places: u64, switch: Option<TracingSwitch>) -> WorkloadRun {
    let ids = IdStream::new(Nonce(1), 42, "alone", "version", "measured");
    let part = PartPlan {
        streams: vec![StreamPlan {
            stream: StreamId(0),
            ids,
            queries: QueryOrder::default(),
            sample_ratio: 1.0,
            switch,
            slots: None,
        }],
        draws: Draws::new(ids, &[1.0]),
        ids,
        start: Duration::ZERO,
        duration: Some(LENGTH),
        requests: None,
        load: PartLoad::Open(Schedule::even(Shape::Constant { rate: RATE as f64 })),
    };
    WorkloadRun {
        components: vec![ComponentRun {
            operation: Arc::new(Empty),
            earlier: vec![0],
        }],
        arrival: Loop::Open {
            max_in_flight: places,
        },
        timeout: Duration::from_secs(10),
        parts: vec![part],
        rows_end: RowsEnd::default(),
    }
}

/// What is recorded of the phase with `places` in flight, in the order of the schedule.
fn run(
    service: Duration,
    places: u64,
    switch: Option<TracingSwitch>,
) -> (Vec<Sample>, StreamResult) {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build_local(LocalOptions::default())
        .expect("a runtime");
    runtime.block_on(async {
        let clock = RunClock::start();
        let start = Instant::now() + Duration::from_millis(50);
        let server = Server { start, service };
        let connect = move || {
            let (ours, theirs) = tokio::io::duplex(1 << 20);
            tokio::task::spawn_local(server.serve(theirs));
            ours
        };
        let options = ConnectOptions::new("http://in.process:19530");
        let connections =
            Connections::open_in_process(&options, Rc::new(NoWatch), Rc::new(connect))
                .await
                .expect("it connects");
        // One interval a second, and the last one.
        let (queue, intervals) = sync_channel(20);
        let recorder = Rc::new(RefCell::new(Recorder::new(0, queue)));
        let timers = Timers::of_tokio().expect("a timer");
        let shared = Rc::new(Shared::new(
            connections,
            timers,
            Rc::clone(&recorder),
            clock,
        ));
        let shard = Shard { index: 0, of: 1 };
        let context = WorkloadContext {
            shared,
            shard,
            workload: workload(places, switch),
            start,
            first_row: 0,
            live: vec![Arc::default()],
            stop: StopHandle::default(),
        };
        let mut result = open::run(context).await.expect("it is not cancelled");
        recorder.borrow_mut().finish();
        drop(recorder);
        let mut samples: Vec<Sample> = intervals
            .try_iter()
            .flat_map(|interval| interval.samples)
            .collect();
        samples.sort_unstable_by_key(|sample| sample.seq);
        (samples, result.parts.remove(0))
    })
}

/// When each request of the schedule is due, sent and answered: it takes the first place that is
/// free.
fn implied(service: Duration, places: usize) -> Vec<[Duration; 3]> {
    let server = Server {
        start: Instant::now(),
        service,
    };
    let mut free = vec![Duration::ZERO; places];
    let slots = (0..RATE * LENGTH.as_secs()).map(|seq| {
        let due = Duration::from_secs(seq) / RATE as u32;
        let place = free.iter_mut().min().expect("a place");
        let sent = due.max(*place);
        *place = server.answers(sent);
        [due, sent, *place]
    });
    slots.collect()
}

/// Response times that the schedule implies, the longest of which is `longest`.
fn check(service: Duration, places: usize, longest: Duration) {
    let (samples, result) = run(service, places as u64, None);
    let implied = implied(service, places);
    assert_eq!(
        (samples.len(), result.due, result.sent),
        (5000, 5000, 5000),
        "nothing is dropped"
    );
    assert!(samples.iter().all(|sample| sample.outcome == Outcome::Ok));
    let figures = |figure: Figure| -> Vec<Duration> {
        samples
            .iter()
            .map(|sample| Duration::from_nanos(sample.figure_ns(figure).expect("an open loop")))
            .collect()
    };
    let expected =
        |of: fn(&[Duration; 3]) -> Duration| -> Vec<Duration> { implied.iter().map(of).collect() };
    assert!(
        figures(Figure::ResponseTime) == expected(|[due, _, done]| *done - *due),
        "response times"
    );
    assert!(
        figures(Figure::ServiceTime) == expected(|[_, sent, done]| *done - *sent),
        "service times"
    );
    assert!(
        figures(Figure::SendLag) == expected(|[due, sent, _]| *sent - *due),
        "send lags"
    );
    assert_eq!(
        figures(Figure::ResponseTime).into_iter().max(),
        Some(longest)
    );
}

#[test]
fn a_stall_of_a_server_that_answers_at_once() {
    // Every request that is due within the stall waits for its end, in flight or not.
    let waits = implied(Duration::ZERO, 4)
        .iter()
        .filter(|[due, _, done]| done > due)
        .count();
    assert_eq!(waits, 500);
    check(Duration::ZERO, 4, Duration::from_secs(1));
    check(Duration::ZERO, 10_000, Duration::from_secs(1));
}

#[test]
fn a_stall_of_a_server_that_needs_its_time_for_the_backlog() {
    check(Duration::from_millis(1), 4, Duration::from_millis(1001));
    check(
        Duration::from_millis(1),
        10_000,
        Duration::from_millis(1001),
    );
}

#[test]
fn requests_of_an_untraced_block_are_not_traced() {
    let switch = TracingSwitch {
        every_ns: 2_000_000_000,
        seed: 42,
    };
    let (samples, _) = run(Duration::ZERO, 10_000, Some(switch));
    let due = |sample: &Sample| Duration::from_secs(sample.seq) / RATE as u32;
    assert!(
        samples
            .iter()
            .all(|sample| sample.sampled == switch.traces(due(sample)))
    );
    let traced = samples.iter().filter(|sample| sample.sampled).count();
    assert!(
        (2_000..=3_000).contains(&traced),
        "two or three blocks of five: {traced}"
    );
}
