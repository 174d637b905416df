//! What joining and accounting cost: one trace of twenty spans, a stream of varied ones, and a
//! whole run of 100,000 requests.
//!
//! The goal is 100,000 traces in less than five seconds on one core, 50 us each.

mod traces;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use milvus_bench::{
    analysis::{AccountOptions, account, analyse},
    record::RunFolder,
    spans::{ServerSpan, SpanKind, Trace},
};

use self::traces::{CLIENT, run_folder, trace};

const OPTIONS: AccountOptions = AccountOptions {
    client_span_id: CLIENT,
    succeeded: true,
    resolution_ns: 1,
};
/// Traces that one measurement goes through.
const VARIED: u64 = 1_000;
/// Requests of a run.
const RUN: u64 = 100_000;

fn accounts(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("account");
    group.throughput(Throughput::Elements(1));
    let one = trace(0);
    assert!(account(&one, &OPTIONS).is_ok(), "the trace is whole");
    group.bench_function("one trace of 20 spans", |bencher| {
        bencher.iter(|| account(&one, &OPTIONS))
    });
    group.throughput(Throughput::Elements(VARIED));
    group.bench_function("a thousand varied traces", |bencher| {
        bencher.iter_batched_ref(
            || (0..VARIED).map(trace).collect::<Vec<_>>(),
            |traces| {
                traces
                    .iter()
                    .filter(|trace| account(trace, &OPTIONS).is_ok())
                    .count()
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

/// Everything that `report` does with a run but reading spans.jsonl: the lines of requests.jsonl,
/// the join, every account, bands, tail. The traces are made while it runs, which is measured alone
/// as well.
fn whole_run(criterion: &mut Criterion) {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let reader = run_folder(
        &RunFolder::create_at(&scratch.path().join("run")).expect("a run folder"),
        RUN,
    );
    let mut group = criterion.benchmark_group("run of 100,000 requests of 20 spans");
    group.sample_size(10).throughput(Throughput::Elements(RUN));
    let matched = || {
        let analysis = analyse(&reader, (0..RUN).map(trace)).expect("a run that can be analysed");
        analysis
            .workloads
            .iter()
            .filter_map(|workload| workload.join)
            .map(|join| join.matched)
            .sum::<u64>()
    };
    assert_eq!(matched(), RUN, "every request is matched");
    group.bench_function("join and account", |bencher| bencher.iter(matched));
    group.bench_function("making the traces alone", |bencher| {
        bencher.iter(|| {
            (0..RUN)
                .map(trace)
                .map(|trace| trace.spans.len())
                .sum::<usize>()
        })
    });
    group.finish();
}

/// Spans within each other: one costs the same however many there are.
fn chains(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("chain");
    group.sample_size(10);
    for depth in [20_000, 280_000] {
        let chain = chain(depth);
        assert!(
            account(&chain, &OPTIONS).is_ok_and(|account| account.spans > depth),
            "the chain is whole"
        );
        group.throughput(Throughput::Elements(depth));
        group.bench_function(format!("{depth} spans within each other"), |bencher| {
            bencher.iter(|| account(&chain, &OPTIONS))
        });
    }
    group.finish();
}

/// A server root with `depth` spans below each other, each two nanoseconds shorter than the one
/// above it.
fn chain(depth: u64) -> Trace {
    let mut chain = trace(0);
    // Client and root.
    chain.spans.truncate(2);
    let root = chain.spans[1].clone();
    for at in 0..depth {
        let parent_id = Some(if at == 0 {
            root.span_id
        } else {
            1_000 + at - 1
        });
        let (start_ns, end_ns) = (root.start_ns + at, root.end_ns - at);
        let name = ["SearchTask", "Frobnicate"][(at % 2) as usize].to_owned();
        chain.spans.push(ServerSpan {
            span_id: 1_000 + at,
            parent_id,
            name,
            kind: SpanKind::Internal,
            start_ns,
            end_ns,
            ..root.clone()
        });
    }
    chain
}

criterion_group!(benches, accounts, chains, whole_run);
criterion_main!(benches);
