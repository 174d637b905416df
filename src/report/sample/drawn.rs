//! What only a report that draws shows: curves, the course over time, critical paths.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use crate::{
    analysis::*,
    record::{LocalServer, MachineUse, Outcome},
};

/// Curves through the quantiles of a workload.
pub(super) fn curves(workload: &WorkloadAnalysis) -> BTreeMap<String, Vec<(f64, f64)>> {
    let places = [
        (50.0, "p50"),
        (90.0, "p90"),
        (95.0, "p95"),
        (99.0, "p99"),
        (99.9, "p99.9"),
    ];
    let curve = |quantiles: &Quantiles| {
        places
            .iter()
            .map(|(p, key)| (*p, quantiles[*key].value))
            .collect()
    };
    let figures = [
        ("response_time", &workload.response_time_us),
        ("service_time", &workload.service_time_us),
        ("server_time", &workload.server_time_us),
        ("gap", &workload.gap_us),
    ];
    figures
        .into_iter()
        .filter_map(|(name, quantiles)| Some((name.to_owned(), curve(quantiles.as_ref()?))))
        .collect()
}

/// As many values as there are successes, evenly between the quantiles of a workload.
pub(super) fn histograms(workload: &WorkloadAnalysis) -> BTreeMap<String, Histogram<u64>> {
    let places = [
        (0.5, "p50"),
        (0.9, "p90"),
        (0.95, "p95"),
        (0.99, "p99"),
        (0.999, "p99.9"),
        (1.0, "max"),
    ];
    let histogram = |quantiles: &Quantiles| {
        let points = places.map(|(place, key)| (place, quantiles[key].value));
        let ends = [(0.0, points[0].1 / 2.0)].into_iter().chain(points);
        let pieces: Vec<_> = ends.zip(points).collect();
        let mut histogram = Histogram::new_with_bounds(1, 3_600_000_000_000, 3).unwrap();
        for at in 1..=workload.requests.ok {
            let q = at as f64 / workload.requests.ok as f64;
            let ((from, low), (to, high)) = pieces.iter().find(|(_, (to, _))| q <= *to).unwrap();
            histogram
                .record(((low + (high - low) * (q - from) / (to - from)) * 1e3) as u64)
                .unwrap();
        }
        histogram
    };
    let figures = [
        ("response_time", &workload.response_time_us),
        ("service_time", &workload.service_time_us),
    ];
    figures
        .into_iter()
        .filter_map(|(name, quantiles)| Some((name.to_owned(), histogram(quantiles.as_ref()?))))
        .collect()
}

/// Four seconds, others busy in the second.
pub(super) fn machine() -> PhaseMachine {
    let use_of = MachineUse {
        cores: 2,
        usable_cores: 2,
        servers: vec![LocalServer {
            name: "Milvus".to_owned(),
            pids: vec![4711],
            how: "listens at 127.0.0.1:19530".to_owned(),
        }],
        start_ns: 2_000_000_000,
        at_s: vec![1.0, 2.0, 3.001, 4.0],
        client: vec![0.21, 0.19, 0.2, 0.2],
        milvus: vec![0.9, 0.4, 0.91, 0.88],
        jaeger: vec![0.0; 4],
        others: vec![0.05, 1.4, 0.06, 0.04],
        steal: vec![0.0; 4],
        idle: vec![0.42, 0.005, 0.415, 0.44],
        load_average: vec![1.2, 1.9, 1.8, 1.7],
        mhz: vec![2_600.0; 4],
        ..MachineUse::default()
    };
    PhaseMachine {
        phase: "alone".to_owned(),
        use_of,
    }
}

/// Eight seconds, a stall and a failure in the sixth.
pub(super) fn course() -> Course {
    let quiet = vec![(51, 40), (52, 120), (54, 39), (60, 1)];
    let mut course = Course {
        start_s: -0.25,
        step_s: 1,
        covered_s: [vec![0.75], vec![1.0; 6], vec![0.25]].concat(),
        per_decade: 16,
        cells: vec![quiet; 8],
        ok: vec![200; 8],
        failed: vec![0; 8],
        p50_us: vec![Some(1_890.0); 8],
        p99_us: vec![Some(3_950.0); 8],
        max_us: vec![Some(7_420.0); 8],
    };
    (course.cells[5], course.ok[5], course.failed[5]) =
        (vec![(52, 9), (86, 30), (90, 10)], 49, 151);
    (course.p50_us[5], course.p99_us[5], course.max_us[5]) =
        (Some(240_100.0), None, Some(431_000.0));
    course
}

/// A matched request of an open loop, one of a closed one, one that was not traced and failed, and
/// one that was never sent.
pub(super) fn requests() -> RequestTable {
    let names = |phase: &str, workload: &str, operation: &str| StreamNames {
        phase: phase.to_owned(),
        stage: None,
        workload: workload.to_owned(),
        operation: operation.to_owned(),
        classes: Vec::new(),
    };
    let row = RequestRow {
        stream: 0,
        seq: 17,
        class: None,
        trace_id: 0x5f0c_8a1b_e2d9_4477_a3b1_c2d3_e4f5_0617,
        outcome: Outcome::Ok,
        rows: Some(10),
        sampled: true,
        state: Some(JoinState::Matched),
        intended_ns: Some(1_000_000),
        sent_ns: Some(1_039_000),
        done_ns: Some(2_930_000),
        server_ns: Some(1_400_000),
        areas: [
            (Area::SendLag, 39_000),
            (Area::Gap, 491_000),
            (Area::ConsistencyWait, 698_000),
            (Area::Engine, 702_000),
        ]
        .into(),
    };
    let without = RequestRow {
        state: None,
        server_ns: None,
        areas: Box::default(),
        sampled: false,
        ..row.clone()
    };
    let closed = [(Area::Gap, 491_000), (Area::LogAppend, 1_400_000)].into();
    RequestTable {
        streams: vec![
            names("alone", "search", "search"),
            names("under-ingest", "ingest", "insert"),
        ],
        rows: vec![
            row.clone(),
            RequestRow {
                seq: 18,
                outcome: Outcome::Milvus(65_535),
                rows: None,
                ..without.clone()
            },
            RequestRow {
                seq: 19,
                outcome: Outcome::NotSent,
                rows: None,
                sent_ns: None,
                done_ns: None,
                ..without
            },
            RequestRow {
                stream: 1,
                seq: 0,
                intended_ns: None,
                areas: closed,
                ..row
            },
        ],
    }
}

/// Two sides that differ in the wait for the writes.
pub(super) fn stacks() -> Stacks {
    let frame =
        |parent: Option<u32>, label: &str, area: &str, tail_us: f64, body_us: f64| StackFrame {
            parent,
            label: label.to_owned(),
            service: (label != area).then(|| "standalone".to_owned()),
            area: area.to_owned(),
            tail_us,
            body_us,
        };
    Stacks {
        above: "p99".to_owned(),
        tail_requests: 39,
        body_requests: 1_935,
        frames: vec![
            frame(None, "send lag", "send lag", 210.0, 39.0),
            frame(None, "gap", "gap", 1_930.0, 489.0),
            frame(
                None,
                "milvus.proto.milvus.MilvusService/Search",
                "other",
                20.0,
                20.0,
            ),
            frame(Some(2), "Proxy-Search", "proxy queue", 470.0, 190.0),
            frame(Some(3), "Proxy-Search-Execute", "planning", 210.0, 230.0),
            frame(
                Some(4),
                "Delegator-waitTSafe",
                "consistency wait",
                51_300.0,
                8.0,
            ),
            frame(Some(4), "SegCoreSearch", "engine", 2_020.0, 702.0),
        ],
    }
}

/// One part of a difference that is `whole` as a whole.
fn part_of(whole: f64) -> impl Fn(&str, &str, f64, (f64, f64)) -> TailPart {
    move |area, part, difference_us, (low, high)| TailPart {
        area: area.to_owned(),
        service: (area != part).then(|| "standalone".to_owned()),
        part: part.to_owned(),
        difference_us,
        share: difference_us / whole,
        share_low: Some(low),
        share_high: Some(high),
    }
}

/// What the second phase took longer for than the first, on average.
pub(super) fn phase_parts() -> Vec<TailPart> {
    let part = part_of(2_976.0);
    vec![
        part(
            "consistency wait",
            "Delegator-waitTSafe",
            2_400.0,
            (0.74, 0.86),
        ),
        part("node queue", "schedule", 314.0, (0.07, 0.14)),
        part("gap", "gap", 182.0, (0.04, 0.09)),
        part("engine", "SegCoreSearch", 31.0, (-0.02, 0.03)),
    ]
}

/// The parts that set the tail apart.
pub(super) fn tail_parts() -> Vec<TailPart> {
    let part = part_of(58_822.0);
    vec![
        part(
            "consistency wait",
            "Delegator-waitTSafe",
            51_175.0,
            (0.79, 0.92),
        ),
        part("node queue", "schedule", 4_500.0, (0.04, 0.12)),
        part("engine", "SegCoreSearch", 1_700.0, (0.01, 0.05)),
        part("gap", "gap", 1_470.0, (0.01, 0.04)),
        part(
            "planning",
            "Proxy-Search-PreExecute",
            -23.0,
            (-0.002, 0.001),
        ),
    ]
}
