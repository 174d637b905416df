use super::*;
use crate::analysis::testing::{
    TraceMaker,
    run::{Made, RunMaker},
};

/// A request of 100 us whose root begins 1 us after `sent`.
fn one() -> RunMaker {
    let mut run = RunMaker::new(true);
    let mut trace = TraceMaker::search(100_000, (1_000, 97_000));
    trace
        .internal((3, 2), "Proxy-Search", (2_000, 50_000))
        .engine((4, 3), (10_000, 20_000))
        .engine((5, 3), (15_000, 40_000));
    trace.internal((6, 2), "Operate", (3_000, 4_000));
    run.traced(Made::ok(0, 5_000, 100_000), &trace);
    run
}

#[test]
fn a_waterfall_shows_every_span_and_its_own_account() {
    let run = one();
    let (_folder, reader) = run.write();
    let shown = waterfall(&reader, &run.traces[0], &run.lines[0]);
    assert_eq!(
        (shown.state.as_str(), shown.gap_us, shown.send_lag_us),
        ("matched", Some(4.0), Some(5.0))
    );
    let rows: Vec<_> = shown
        .rows
        .iter()
        .map(|row| (row.depth, row.label.as_str(), row.start_us, row.self_us))
        .collect();
    assert_eq!(
        rows,
        [
            (0, "search", 0.0, 4.0),
            (1, "milvus.proto.milvus.MilvusService/Search", 1.0, 48.0),
            (2, "Proxy-Search", 2.0, 18.0),
            (3, "SegCoreSearch", 10.0, 5.0),
            (3, "SegCoreSearch", 15.0, 25.0),
            (2, "Operate", 3.0, 0.0),
        ]
    );
    assert_eq!(shown.rows[5].area, "not counted");
    assert_eq!(shown.rows[0].critical, [(0.0, 1.0), (97.0, 100.0)]);
    let sum: f64 = shown.parts.iter().map(|part| part.mean_us).sum();
    assert!((sum - shown.response_time_us.unwrap()).abs() < 1e-9);
    let critical: f64 = shown
        .rows
        .iter()
        .flat_map(|row| &row.critical)
        .map(|(from, to)| to - from)
        .sum();
    assert!((critical - shown.service_time_us).abs() < 1e-9);
}

#[test]
fn a_root_that_clocks_put_outside_the_call_is_centred() {
    let run = one();
    let (_folder, reader) = run.write();
    let mut skewed = run.traces[0].clone();
    for span in &mut skewed.spans {
        (span.start_ns, span.end_ns) = (span.start_ns + 1_000_000_000, span.end_ns + 1_000_000_000);
    }
    let shown = waterfall(&reader, &skewed, &run.lines[0]);
    assert_eq!((shown.rows[1].start_us, shown.gap_us), (2.0, Some(4.0)));
}

#[test]
fn without_spans_only_the_clients_row_is_left() {
    let run = one();
    let (_folder, reader) = run.write();
    let shown = waterfall(
        &reader,
        &Trace {
            trace_id: 1,
            spans: Vec::new(),
        },
        &run.lines[0],
    );
    assert_eq!(
        (
            shown.state.as_str(),
            shown.rows.len(),
            shown.gap_us,
            shown.parts.len()
        ),
        ("missing", 1, None, 0)
    );
}
