use super::*;
use crate::analysis::{
    model::Analysis,
    run::analyse,
    testing::{
        TraceMaker,
        run::{Made, RunMaker},
    },
};

/// One request of 100 us and what comes on top, in which the engine has 10 us and `slower_us` more.
fn add(run: &mut RunMaker, seq: u64, slower_us: u64) {
    let slower = slower_us as i64 * 1_000;
    let mut trace = TraceMaker::search(100_000 + slower, (1_000, 97_000 + slower));
    trace
        .internal((3, 2), "Proxy-Search", (2_000, 50_000 + slower))
        .engine((4, 3), (10_000, 20_000 + slower));
    run.traced(Made::ok(seq, 5_000, 100_000 + slower_us * 1_000), &trace);
}

fn analysis() -> Analysis {
    let mut run = RunMaker::new(true);
    (0..400).for_each(|seq| add(&mut run, seq, if seq % 10 == 0 { 200 } else { seq % 7 }));
    let (_folder, reader) = run.write();
    analyse(&reader, run.traces.into_iter()).unwrap()
}

/// Number of frames above `frame`.
fn depth<'s>(stacks: &'s Stacks, mut frame: &'s StackFrame) -> usize {
    let mut depth = 0;
    while let Some(parent) = frame.parent {
        (depth, frame) = (depth + 1, &stacks.frames[parent as usize]);
    }
    depth
}

/// (depth, label, area) and own times of both sides.
fn drawn(stacks: &Stacks) -> Vec<(usize, &str, &str, f64, f64)> {
    stacks
        .frames
        .iter()
        .map(|frame| {
            (
                depth(stacks, frame),
                frame.label.as_str(),
                frame.area.as_str(),
                frame.tail_us,
                frame.body_us,
            )
        })
        .collect()
}

#[test]
fn frames_are_chains_of_spans_with_their_own_times() {
    let analysis = analysis();
    let stacks = analysis.workloads[0].stacks.as_ref().unwrap();
    let rows = drawn(stacks);
    let names: Vec<_> = rows
        .iter()
        .map(|(depth, label, area, _, _)| (*depth, *label, *area))
        .collect();
    assert_eq!(
        names,
        [
            (0, "send lag", "send lag"),
            (0, "gap", "gap"),
            (0, "milvus.proto.milvus.MilvusService/Search", "other"),
            (1, "Proxy-Search", "proxy queue"),
            (2, "SegCoreSearch", "engine"),
        ]
    );
    let engine = rows[4];
    assert!(
        (engine.3 - 210.0).abs() < 1e-9 && engine.4 < 14.0,
        "{engine:?}"
    );
    assert!(
        rows[..4].iter().all(|row| (row.3 - row.4).abs() < 1e-9),
        "only the engine differs: {rows:?}"
    );
}

#[test]
fn own_times_add_up_to_the_mean_latency_of_each_side() {
    let analysis = analysis();
    let workload = &analysis.workloads[0];
    let (stacks, tail) = (
        workload.stacks.as_ref().unwrap(),
        workload.tail.as_ref().unwrap(),
    );
    let sum = |side: fn(&StackFrame) -> f64| stacks.frames.iter().map(side).sum::<f64>();
    let difference = sum(|frame| frame.tail_us) - sum(|frame| frame.body_us);
    assert!(
        (difference - tail.difference_us).abs() < 1e-6,
        "{difference} {}",
        tail.difference_us
    );
    assert_eq!(
        (stacks.above.as_str(), stacks.tail_requests),
        (tail.above.as_str(), tail.requests)
    );
}

#[test]
fn a_tail_that_is_too_small_has_no_stacks() {
    let mut run = RunMaker::new(true);
    (0..40).for_each(|seq| add(&mut run, seq, seq));
    let (_folder, reader) = run.write();
    let analysis = analyse(&reader, run.traces.into_iter()).unwrap();
    assert_eq!(analysis.workloads[0].stacks, None);
}

#[test]
fn the_smallest_frames_count_as_their_parents() {
    let mut table = StackTable::default();
    let span = |name: &str| crate::analysis::testing::span(name, SpanKind::Internal);
    let root = table.number(None, &span("root"));
    for leaf in 0..MOST_FRAMES {
        table.number(Some(root), &span(&format!("leaf-{}", "x".repeat(leaf + 1))));
    }
    let mut own: Vec<(f64, f64)> = (0..table.chains.len()).map(|at| (at as f64, 1.0)).collect();
    let before = own.iter().map(|(tail, _)| tail).sum::<f64>();
    let kept = table.prune(&mut own);
    assert_eq!(kept.len(), MOST_FRAMES);
    assert!(kept.contains(&(root as usize)));
    assert_eq!(
        kept.iter().map(|at| own[*at].0).sum::<f64>() + lost(&table, &kept),
        before
    );
}

/// Chains without a parent count for themselves: send lag and gap, at most.
fn lost(table: &StackTable, kept: &[usize]) -> f64 {
    (0..table.chains.len())
        .filter(|at| !kept.contains(at) && table.chains[*at].parent.is_none())
        .map(|at| at as f64)
        .sum()
}

#[test]
fn exemplars_bring_their_waterfall() {
    let analysis = analysis();
    for exemplar in &analysis.workloads[0].exemplars {
        let drawn = exemplar
            .waterfall
            .as_ref()
            .unwrap_or_else(|| panic!("{} has no waterfall", exemplar.label));
        assert_eq!(
            (drawn.trace_id.as_str(), drawn.seq, drawn.state.as_str()),
            (exemplar.trace_id.as_str(), exemplar.seq, "matched")
        );
        assert_eq!(
            (drawn.rows.len(), drawn.response_time_us),
            (4, Some(exemplar.latency_us))
        );
    }
    assert_eq!(analysis.workloads[0].exemplars[0].label, "slowest");
}
