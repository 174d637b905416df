//! Cost of one traced request beside the load threads: building its span, exporting it, and writing
//! its line.

use std::{
    hint::black_box,
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use criterion::{Criterion, criterion_group, criterion_main};
use milvus_bench::{
    load::{ClientSpans, SpanContext},
    record::{ClockAnchor, Interval, RunFolder, RunWriter, Sample, StreamInfo},
    telemetry::{ExportOptions, Exporter, Nonce, RequestIds},
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
    trace_service_server::{TraceService, TraceServiceServer},
};
use rustix::time::{ClockId, clock_gettime};
use tonic::{
    Request, Response, Status,
    transport::{Server, server::TcpIncoming},
};

/// Lines that the writer gets at once: what a second of that many traced requests leaves.
const LINES: u64 = 50_000;

fn sample(seq: u64) -> Sample {
    Sample {
        seq,
        trace_id: u128::from(seq) << 64 | 0x0123_4567_89ab_cdef,
        span_id: seq + 1,
        sampled: true,
        intended_ns: Some(1_000_000_000 + seq),
        sent_ns: Some(1_000_020_000 + seq),
        done_ns: 1_002_000_000 + seq,
        request_bytes: 600,
        response_bytes: 200,
        rows: 10,
        ..Sample::default()
    }
}

fn stream() -> StreamInfo {
    StreamInfo {
        phase: "under-ingest".to_owned(),
        workload: "search".to_owned(),
        operation: "search".to_owned(),
        method: "Search".to_owned(),
        collection: "words".to_owned(),
        ..StreamInfo::default()
    }
}

fn spans() -> ClientSpans {
    let roots = [1, 2]
        .map(|span_id| RequestIds {
            trace_id: u128::from(Nonce(7).0) << 64 | 5,
            span_id,
        })
        .to_vec();
    let anchor = ClockAnchor::default();
    let (run, host) = (
        "a-run-20261122T140500Z-0a1b".to_owned(),
        "127.0.0.1".to_owned(),
    );
    let context = SpanContext {
        run,
        anchor,
        host,
        port: 19530,
        database: None,
        older_names: false,
        roots,
    };
    ClientSpans::new(context, &[stream()])
}

fn span(criterion: &mut Criterion) {
    let spans = spans();
    let mut seq = 0;
    criterion.bench_function("client span/build", |bencher| {
        bencher.iter(|| {
            seq += 1;
            black_box(spans.of(black_box(&sample(seq))))
        });
    });
}

/// Processor time of the writer's thread per line of `requests.jsonl`, histograms of the second
/// included.
fn line(criterion: &mut Criterion) {
    criterion.bench_function("requests.jsonl/line", |bencher| bencher.iter_custom(write));
}

fn write(lines: u64) -> Duration {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let readings = Arc::new(Mutex::new(Vec::new()));
    let of_writer = Arc::clone(&readings);
    let read = Box::new(move |_: &Interval| of_writer.lock().expect("no panic").push(thread_cpu()));
    let mut writer = RunWriter::start(
        &RunFolder::at(folder.path()),
        Arc::new(vec![stream()]),
        read,
    )
    .expect("a writer");
    let mut recorder = writer.recorder();
    let blocks = lines.div_ceil(LINES).max(1);
    // The first interval holds nothing and marks the beginning.
    for block in 0..blocks {
        recorder.flush();
        (0..LINES).for_each(|seq| recorder.record(&sample(block * LINES + seq)));
    }
    recorder.finish();
    drop(recorder);
    assert_eq!(writer.finish().lines, blocks * LINES);
    let readings = readings.lock().expect("no panic");
    let used = *readings.last().expect("the last interval") - readings[0];
    used.mul_f64(lines as f64 / (blocks * LINES) as f64)
}

/// Takes every span.
struct Sink;

#[tonic::async_trait]
impl TraceService for Sink {
    async fn export(
        &self,
        _: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

/// Processor time of the exporter's thread per span, to an endpoint of this process, whose time is
/// taken off.
fn export(criterion: &mut Criterion) {
    criterion.bench_function("client span/export", |bencher| bencher.iter_custom(send));
}

fn send(count: u64) -> Duration {
    let (listening, address) = mpsc::channel();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let endpoint = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
                .await
                .expect("a free port");
            listening
                .send(listener.local_addr().expect("an address"))
                .expect("somebody waits");
            let serve = Server::builder().add_service(TraceServiceServer::new(Sink));
            let _ = tokio::select! {
                ended = serve.serve_with_incoming(TcpIncoming::from(listener)) => ended,
                _ = stopped => Ok(()),
            };
        });
        cpu(ClockId::ThreadCPUTime)
    });
    let endpoint_uri = format!("http://{}", address.recv().expect("it listens"));
    let options = ExportOptions::grpc(endpoint_uri, "bench");
    let spans = spans();
    let (process, own) = (cpu(ClockId::ProcessCPUTime), cpu(ClockId::ThreadCPUTime));
    let exporter = Exporter::start(&options).expect("an exporter");
    let mut queue = exporter.queue();
    // More at a time would only be dropped.
    let pushed = count.min(100_000);
    (0..pushed).for_each(|seq| queue.push(spans.of(&sample(seq)).expect("it was sent")));
    drop(queue);
    let counters = exporter.finish();
    assert_eq!((counters.exported, counters.error), (pushed, None));
    let own = cpu(ClockId::ThreadCPUTime) - own;
    drop(stop);
    let endpoint = endpoint.join().expect("the endpoint ends");
    let used = cpu(ClockId::ProcessCPUTime) - process - own;
    used.saturating_sub(endpoint)
        .mul_f64(count as f64 / pushed as f64)
}

fn thread_cpu() -> Duration {
    cpu(ClockId::ThreadCPUTime)
}

fn cpu(clock: ClockId) -> Duration {
    let now = clock_gettime(clock);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

criterion_group!(benches, span, export, line);
criterion_main!(benches);
