//! Cost of recording one finished request and of one step of the pacer: the tool's own work after
//! `done` and before `due`.

use std::{
    hint::black_box,
    sync::mpsc::{Receiver, sync_channel},
    time::Duration,
};

use criterion::{Criterion, criterion_group, criterion_main};
use milvus_bench::{
    pacer::{Pacer, Schedule, Shape, Spread},
    record::{Interval, Recorder, Sample},
};

/// Requests per second of the recorded load: samples pile up as they do at that rate before the
/// writer takes them.
const RATE: u64 = 10_000;

/// A success that took 2 ms of service and 1 ms of lag.
fn sample(seq: u64, sampled: bool) -> Sample {
    let intended_ns = seq * (1_000_000_000 / RATE);
    Sample {
        seq,
        trace_id: u128::from(seq) + 1,
        span_id: seq + 1,
        sampled,
        intended_ns: Some(intended_ns),
        sent_ns: Some(intended_ns + 1_000_000),
        done_ns: intended_ns + 3_000_000 + seq % 1_000_003,
        request_bytes: 600,
        response_bytes: 200,
        rows: 10,
        ..Sample::default()
    }
}

/// What the writer's thread does with the intervals, without its work.
fn drain(intervals: Receiver<Interval>) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || intervals.iter().for_each(Interval::recycle))
}

fn record(criterion: &mut Criterion) {
    for (name, sampled) in [("record/not sampled", false), ("record/sampled", true)] {
        let (queue, intervals) = sync_channel(64);
        let writer = drain(intervals);
        let mut recorder = Recorder::new(0, queue);
        let mut seq = 0;
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| {
                seq += 1;
                recorder.record(black_box(&sample(seq, sampled)));
            });
        });
        recorder.finish();
        writer.join().expect("the writer's thread ends");
    }
}

fn pace(criterion: &mut Criterion) {
    let rate = RATE as f64;
    let constant = Shape::Constant { rate };
    // So long that no bench reaches its end.
    let ramp = Shape::Linear {
        from: 0.0,
        to: rate,
        over: Duration::from_secs(1_000_000),
    };
    let sine = Shape::Sine {
        mean: rate,
        amplitude: rate / 2.0,
        period: Duration::from_secs(30),
    };
    let poisson = Spread::Poisson { seed: 42 };
    let schedules = [
        ("pacer/even", constant, Spread::Even),
        ("pacer/poisson", constant, poisson),
        ("pacer/ramp, poisson", ramp, poisson),
        ("pacer/sine, even", sine, Spread::Even),
    ];
    for (name, shape, spread) in schedules {
        for shards in [1, 8] {
            let mut pacer = Pacer::new(
                Schedule {
                    shape,
                    spread,
                    first: 0.0,
                },
                0,
                shards,
            );
            criterion.bench_function(&format!("{name}/{shards} shards"), |bencher| {
                bencher.iter(|| black_box(pacer.next()).map_or(Duration::ZERO, |slot| slot.due));
            });
        }
    }
}

criterion_group!(benches, record, pace);
criterion_main!(benches);
