//! A made-up run with everything that a report can show: the input of the golden files.

use std::collections::BTreeMap;

use crate::{analysis::*, record::CollectionState};

mod drawn;
mod waterfall;

pub(super) use waterfall::waterfall;

/// Two phases, an open-loop search in both, a closed-loop insert in the second.
#[expect(
    clippy::too_many_lines,
    reason = "a table: the made-up figures of a run"
)]
pub(super) fn analysis() -> Analysis {
    let text = |text: &str| text.to_owned();
    let mut analysis = Analysis {
        round: None,
        format: 1,
        name: text("search-under-ingest"),
        description: text("Why is p99 bad while rows are being inserted?"),
        run: text("search-under-ingest-20261122T140500Z-1f2e"),
        status: text("complete"),
        failure: None,
        verdict: Verdict {
            state: VerdictState::Reservations,
            client_bound: false,
            reasons: reasons(),
        },
        environment: vec![
            (text("milvus"), text("2.5.11 standalone")),
            (text("milvus-bench"), text("0.1.0 release")),
            (
                text("machine"),
                text("8 cores AMD EPYC 7763, 31 GiB, Linux 6.8.0"),
            ),
            (text("load threads"), text("4 of 8 cores (default)")),
        ],
        phases: [("alone", 20.0), ("under-ingest", 20.0)]
            .map(|(phase, duration_s)| PhaseTime {
                phase: text(phase),
                duration_s,
            })
            .into(),
        client_capacity: None,
        plan: vec![
            (text("workloads.search.rate"), text("200.0")),
            (text("workloads.search.params.ef"), text("64")),
        ],
        spans: Some(SpanSummary {
            source: text("jaeger"),
            server: text("Jaeger 1.65, gRPC v2"),
            spans: 52_310,
            client_spans: 5_998,
            resolution_ns: 1_000,
            remark: text("times are whole microseconds"),
            ui: None,
        }),
        workloads: prepare()
            .into_iter()
            .chain([alone(), under_ingest(), ingest()])
            .collect(),
        connections: connections(),
        thresholds: vec![
            threshold(
                "failed < 1%",
                ThresholdState::Failed,
                "2.00 %, limit 1.00 %",
            ),
            threshold(
                "response_time.p99 < 50ms",
                ThresholdState::Undecided,
                "48.30 ms [44.10 ms, 53.00 ms], limit 50.00 ms",
            ),
            threshold(
                "join.matched > 90%",
                ThresholdState::Passed,
                "96.90 %, limit 90.00 %",
            ),
        ],
        machine: vec![drawn::machine()],
        collections: vec![
            state("before alone", 80_000, 0),
            state("after under-ingest", 110_765, 30_765),
        ],
        warmup: vec![WarmupCount {
            phase: text("alone"),
            part: text("warmup"),
            workload: text("search"),
            requests: 1_000,
            failed: 0,
        }],
        errors: vec![
            ErrorText {
                at: text("under-ingest/measured/search"),
                outcome: text("timeout"),
                text: text("no answer within 10 s"),
            },
            ErrorText {
                at: text("under-ingest/measured/search"),
                outcome: text("milvus_65535"),
                text: text(
                    "fail to search on QueryNode 1: worker(1) query failed: Assert \"segment != \
                     nullptr\" => segment 4483 was released while the search waited for it",
                ),
            },
        ],
        requests: drawn::requests(),
        warnings: vec![text(
            "OTEL_SERVICE_NAME in the environment overrides tracing.service_name of the scenario",
        )],
    };
    for workload in analysis
        .workloads
        .iter_mut()
        .filter(|workload| !workload.is_preparation())
    {
        workload.curves = drawn::curves(workload);
        workload.histograms = drawn::histograms(workload);
        workload.course = Some(drawn::course());
    }
    analysis
}

fn reasons() -> Vec<Reason> {
    vec![Reason {
        code: "failed".to_owned(),
        at: "under-ingest/search".to_owned(),
        state: VerdictState::Reservations,
        figure: 0.02,
        limit: 0.001,
        unit: "share".to_owned(),
        advice: "quantiles above p98 are lower bounds; read the first failure texts below and in \
                 run.json"
            .to_owned(),
        ..Reason::default()
    }]
}

fn connections() -> Vec<ConnectionFigures> {
    let worst = |figure: &str, connection, mean_us, max_us| WorstConnection {
        figure: figure.to_owned(),
        connection,
        mean_us,
        max_us,
    };
    let of_phase = |phase: &str, requests: u64, late_seconds| ConnectionFigures {
        phase: phase.to_owned(),
        connections: 4,
        hand_overs: requests,
        hand_over_us: Some(quantiles([31.0, 58.0, 71.0, 120.0, 310.0, 900.0, 36.0])),
        reads: requests - 12,
        read_wake_up_us: Some(quantiles([42.0, 80.0, 101.0, 190.0, 640.0, 1_200.0, 49.0])),
        worst: vec![
            worst("hand_over", 2, 37.1, 900.0),
            worst("read_wake_up", 0, 53.0, 1_200.0),
        ],
        event_loop: Some(EventLoopLag {
            thread: 0,
            seconds: 20,
            late_seconds,
        }),
        ..ConnectionFigures::default()
    };
    let mut under_ingest = of_phase("under-ingest", 6_459, 1);
    (under_ingest.no_windows, under_ingest.no_window_us) = (
        3,
        Some(quantiles([
            810.0, 3_100.0, 3_100.0, 3_100.0, 3_100.0, 3_100.0, 1_600.0,
        ])),
    );
    vec![of_phase("alone", 4_000, 0), under_ingest]
}

fn prepare() -> Vec<WorkloadAnalysis> {
    [
        ("create", 0.12, None),
        ("insert", 8.2, Some(12_195.0)),
        ("index", 3.41, None),
        ("load", 1.27, None),
    ]
    .into_iter()
    .map(|(step, duration_s, rows_per_s)| WorkloadAnalysis {
        phase: "prepare".to_owned(),
        workload: step.to_owned(),
        operation: step.to_owned(),
        loop_kind: "closed".to_owned(),
        duration_s,
        rows_per_s,
        requests: RequestCounts {
            due: 1,
            ok: 1,
            ..RequestCounts::default()
        },
        service_time_us: Some(quantiles([duration_s * 1e6; 7])),
        ..WorkloadAnalysis::default()
    })
    .collect()
}

/// Quantiles p50, p90, p95, p99, p99.9, max, mean in microseconds.
pub(super) fn quantiles(values: [f64; 7]) -> Quantiles {
    ["p50", "p90", "p95", "p99", "p99.9", "max", "mean"]
        .into_iter()
        .zip(values)
        .map(|(key, value)| {
            (
                key.to_owned(),
                Estimate {
                    value,
                    ..Estimate::default()
                },
            )
        })
        .collect()
}

fn search(phase: &str) -> WorkloadAnalysis {
    WorkloadAnalysis {
        phase: phase.to_owned(),
        workload: "search".to_owned(),
        operation: "search".to_owned(),
        collection: "words".to_owned(),
        loop_kind: "open".to_owned(),
        duration_s: 20.0,
        ..WorkloadAnalysis::default()
    }
}

#[expect(
    clippy::too_many_lines,
    reason = "a table: the made-up figures of a workload"
)]
fn alone() -> WorkloadAnalysis {
    let mut response = quantiles([
        1_890.0, 2_480.0, 2_710.0, 3_950.0, 7_420.0, 9_210.0, 2_004.0,
    ]);
    response.insert(
        "p99".to_owned(),
        Estimate {
            value: 3_950.0,
            low: Some(3_780.0),
            high: Some(4_220.0),
            ..Estimate::default()
        },
    );
    WorkloadAnalysis {
        requests: RequestCounts {
            due: 4_000,
            ok: 4_000,
            ..RequestCounts::default()
        },
        rate: Rates {
            target: Some(200.0),
            scheduled: None,
            achieved: 200.0,
            throughput: 200.0,
        },
        response_time_us: Some(response.clone()),
        service_time_us: Some(quantiles([
            1_840.0, 2_400.0, 2_640.0, 3_820.0, 7_200.0, 9_100.0, 1_950.0,
        ])),
        send_lag_us: Some(quantiles([42.0, 61.0, 74.0, 133.0, 480.0, 912.0, 47.0])),
        matched_response_time_us: Some(response),
        matched_service_time_us: Some(quantiles([
            1_840.0, 2_400.0, 2_640.0, 3_820.0, 7_200.0, 9_100.0, 1_950.0,
        ])),
        server_time_us: Some(quantiles([
            1_310.0, 1_790.0, 1_980.0, 3_010.0, 5_930.0, 7_840.0, 1_402.0,
        ])),
        gap_us: Some(quantiles([
            498.0, 660.0, 731.0, 1_180.0, 2_240.0, 2_610.0, 548.0,
        ])),
        recall: Some(Recall {
            mean: 0.987,
            min: 0.8,
            requests: 4_000,
        }),
        rows: Some(ReplyRows {
            replies: 4_000,
            mean: 9.98,
            empty: 0.0,
            short: Some(0.011),
            full: Some(10),
        }),
        join: Some(Join {
            sampled: 4_000,
            matched: 4_000,
            ..Join::default()
        }),
        traces: Some(TraceFacts {
            spans_mode: 14,
            node_calls: 4_000,
            ..TraceFacts::default()
        }),
        account: bands(&[
            (
                "all",
                4_000,
                [47.0, 548.0, 212.0, 96.0, 10.0, 88.0, 870.0, 133.0],
            ),
            (
                "0-50",
                2_000,
                [39.0, 489.0, 190.0, 90.0, 8.0, 61.0, 702.0, 121.0],
            ),
            (
                "50-90",
                1_600,
                [50.0, 570.0, 221.0, 98.0, 11.0, 101.0, 961.0, 137.0],
            ),
            (
                "90-99",
                360,
                [61.0, 701.0, 260.0, 110.0, 14.0, 140.0, 1_320.0, 162.0],
            ),
            (
                "99-100",
                40,
                [190.0, 1_240.0, 402.0, 180.0, 21.0, 410.0, 2_510.0, 240.0],
            ),
        ]),
        tail: Some(tail()),
        ..search("alone")
    }
}

fn threshold(require: &str, state: ThresholdState, sentence: &str) -> ThresholdResult {
    let (require, at, sentence) = (
        require.to_owned(),
        "under-ingest/search".to_owned(),
        sentence.to_owned(),
    );
    ThresholdResult {
        require,
        at,
        state,
        sentence,
        ..ThresholdResult::default()
    }
}

fn state(when: &str, rows: u64, growing_rows: u64) -> CollectionState {
    CollectionState {
        name: "words".to_owned(),
        when: when.to_owned(),
        rows: Some(rows),
        growing_rows: Some(growing_rows),
        index_state: Some("finished".to_owned()),
        ..CollectionState::default()
    }
}

#[expect(
    clippy::too_many_lines,
    reason = "a table: the made-up figures of a workload"
)]
fn under_ingest() -> WorkloadAnalysis {
    let bounded = |mut quantiles: Quantiles| {
        for key in ["p99", "p99.9", "max"] {
            quantiles
                .entry(key.to_owned())
                .and_modify(|estimate| estimate.at_least = true);
        }
        quantiles
    };
    WorkloadAnalysis {
        requests: RequestCounts {
            due: 4_000,
            ok: 3_918,
            failed: 80,
            not_sent: 2,
            outcomes: [("timeout".to_owned(), 78), ("milvus_65535".to_owned(), 2)].into(),
        },
        rate: Rates {
            target: Some(200.0),
            scheduled: None,
            achieved: 199.9,
            throughput: 195.9,
        },
        response_time_us: Some(bounded(quantiles([
            2_610.0, 9_480.0, 14_800.0, 48_300.0, 212_000.0, 240_100.0, 5_012.0,
        ]))),
        service_time_us: Some(quantiles([
            2_540.0, 9_390.0, 14_700.0, 48_100.0, 211_000.0, 239_700.0, 4_950.0,
        ])),
        send_lag_us: Some(quantiles([45.0, 66.0, 82.0, 240.0, 870.0, 1_320.0, 55.0])),
        failed_time_us: [
            ("timeout".to_owned(), quantiles([10_000_300.0; 7])),
            ("milvus_65535".to_owned(), quantiles([31_000.0; 7])),
        ]
        .into(),
        matched_response_time_us: Some(quantiles([
            2_590.0, 9_410.0, 14_500.0, 47_900.0, 212_000.0, 240_100.0, 4_980.0,
        ])),
        matched_service_time_us: Some(quantiles([
            2_530.0, 9_330.0, 14_400.0, 47_700.0, 211_000.0, 239_700.0, 4_920.0,
        ])),
        server_time_us: Some(quantiles([
            1_920.0, 8_610.0, 13_600.0, 46_200.0, 209_000.0, 238_000.0, 4_190.0,
        ])),
        gap_us: Some(quantiles([
            602.0, 810.0, 912.0, 1_790.0, 3_020.0, 3_410.0, 730.0,
        ])),
        join: Some(Join {
            sampled: 3_998,
            matched: 3_871,
            incomplete: 44,
            missing: 83,
            ..Join::default()
        }),
        traces: Some(TraceFacts {
            spans_mode: 14,
            below_mode: 44,
            merged: 310,
            node_calls: 3_998,
            merged_node_calls: 310,
            unknown_names: BTreeMap::from([("HookSearch-Rewrite".to_owned(), 12)]),
            unmatched_ks: Some(0.21),
            unmatched_p50_p99_us: Some((2_900.0, 10_000_000.0)),
            ..TraceFacts::default()
        }),
        account: bands(&[
            (
                "all",
                3_871,
                [55.0, 730.0, 231.0, 101.0, 2_410.0, 402.0, 901.0, 150.0],
            ),
            (
                "0-50",
                1_936,
                [41.0, 540.0, 196.0, 92.0, 180.0, 98.0, 733.0, 128.0],
            ),
            (
                "50-90",
                1_548,
                [58.0, 790.0, 240.0, 104.0, 2_310.0, 402.0, 1_010.0, 160.0],
            ),
            (
                "90-99",
                348,
                [
                    90.0, 1_110.0, 330.0, 131.0, 9_870.0, 1_620.0, 1_240.0, 201.0,
                ],
            ),
            (
                "99-100",
                39,
                [
                    210.0, 1_930.0, 470.0, 210.0, 51_300.0, 4_410.0, 2_020.0, 280.0,
                ],
            ),
        ]),
        instances: instances(),
        exemplars: vec![Exemplar {
            label: "slowest".to_owned(),
            trace_id: "5f0c8a1be2d94477a3b1c2d3e4f50617".to_owned(),
            seq: 1_234,
            latency_us: 240_100.0,
            largest_area: "consistency wait".to_owned(),
            largest_part: "Delegator-waitTSafe".to_owned(),
            largest_part_us: 231_400.0,
            link: None,
            waterfall: Some(waterfall()),
        }],
        stacks: Some(drawn::stacks()),
        tracing_cost: Some(TracingCost {
            traced: 3_990,
            not_traced: 12_010,
            mean_difference_us: 31.0,
            low_us: Some(12.0),
            high_us: Some(49.0),
            median_difference_us: 28.0,
            total: None,
        }),
        ..explained(search("under-ingest"))
    }
}

/// `workload` with what sets its tail and its phase apart.
fn explained(workload: WorkloadAnalysis) -> WorkloadAnalysis {
    WorkloadAnalysis {
        tail: Some(Tail {
            above: "p99".to_owned(),
            requests: 39,
            difference_us: 58_822.0,
            parts: drawn::tail_parts(),
            sentence: Some(
                "requests above p99 are 58.8 ms slower than the median half; 87 % [79, 92] of \
                 that is `consistency wait · Delegator-waitTSafe` (39 requests)"
                    .to_owned(),
            ),
            ..Tail::default()
        }),
        contrasts: vec![Contrast {
            kind: "phase".to_owned(),
            with: "alone".to_owned(),
            requests: 3_990,
            with_requests: 4_000,
            difference_us: 2_976.0,
            difference_low_us: Some(2_510.0),
            difference_high_us: Some(3_440.0),
            parts: drawn::phase_parts(),
            sentence: Some(
                "under-ingest is 3.0 ms slower than alone; 81 % [74, 86] of that is \
                 `consistency wait · Delegator-waitTSafe`"
                    .to_owned(),
            ),
            why_not: None,
        }],
        advice: vec![Advice {
            code: "brute_force".to_owned(),
            share: 0.41,
            sentence: "41 % of the engine's time is brute force over growing or unindexed \
                       segments: flush, wait for the index"
                .to_owned(),
        }],
        ..workload
    }
}

fn tail() -> Tail {
    Tail {
        above: "p99".to_owned(),
        requests: 40,
        difference_us: 3_493.0,
        sentence: Some(
            "requests above p99 are 3.49 ms slower than the median half; 52 % [41, 63] of that is \
             `engine · SegCoreSearch` (40 requests)"
                .to_owned(),
        ),
        ..Tail::default()
    }
}

fn instances() -> Vec<InstanceShare> {
    [
        ("milvus-querynode-7d9f-a", 730.0, 1_790.0),
        ("milvus-querynode-7d9f-b", 171.0, 230.0),
    ]
    .into_iter()
    .map(|(instance, mean_us, tail)| InstanceShare {
        area: "engine".to_owned(),
        service: "querynode".to_owned(),
        instance: instance.to_owned(),
        mean_us,
        tail_mean_us: Some(tail),
        body_mean_us: Some(mean_us / 2.0),
    })
    .collect()
}

#[expect(
    clippy::too_many_lines,
    reason = "a table: the made-up figures of a workload"
)]
fn ingest() -> WorkloadAnalysis {
    let parts = |values: [f64; 5]| {
        let names = [
            ("gap", "gap"),
            ("proxy queue", "InsertTask"),
            ("planning", "Proxy-Insert-PreExecute"),
            (
                "timestamp",
                "milvus.proto.rootcoord.RootCoord/AllocTimestamp (client)",
            ),
            ("log append", "SendMsg"),
        ];
        account_of(&names, &values)
    };
    let band = |name: &str, matched: u64, values: [f64; 5]| band(name, matched, parts(values));
    WorkloadAnalysis {
        phase: "under-ingest".to_owned(),
        workload: "ingest".to_owned(),
        operation: "insert".to_owned(),
        loop_kind: "closed".to_owned(),
        duration_s: 20.0,
        requests: RequestCounts {
            due: 2_461,
            ok: 2_461,
            ..RequestCounts::default()
        },
        rate: Rates {
            target: None,
            scheduled: None,
            achieved: 123.0,
            throughput: 123.0,
        },
        rows_per_s: Some(12_305.0),
        service_time_us: Some(quantiles([
            15_200.0, 19_800.0, 22_100.0, 38_700.0, 71_400.0, 90_200.0, 16_100.0,
        ])),
        queue_time_us: Some(quantiles([3.0, 5.0, 6.0, 1_200.0, 4_000.0, 5_500.0, 4.0])),
        matched_service_time_us: Some(quantiles([
            15_200.0, 19_800.0, 22_100.0, 38_700.0, 71_400.0, 90_200.0, 16_100.0,
        ])),
        server_time_us: Some(quantiles([
            13_900.0, 18_200.0, 20_400.0, 36_100.0, 68_000.0, 88_300.0, 14_700.0,
        ])),
        gap_us: Some(quantiles([
            1_290.0, 1_700.0, 1_910.0, 2_800.0, 3_900.0, 4_020.0, 1_396.0,
        ])),
        join: Some(Join {
            sampled: 2_461,
            matched: 2_461,
            ..Join::default()
        }),
        account: vec![
            band("all", 2_461, [1_396.0, 702.0, 1_210.0, 640.0, 12_148.0]),
            band("0-50", 1_231, [1_180.0, 590.0, 1_090.0, 520.0, 9_940.0]),
            band("50-90", 984, [1_480.0, 701.0, 1_240.0, 690.0, 13_010.0]),
            band(
                "90-100",
                246,
                [2_140.0, 1_270.0, 1_690.0, 1_040.0, 19_740.0],
            ),
        ],
        tail: Some(Tail {
            above: "p90".to_owned(),
            requests: 246,
            missing: Some(
                "the tail above p99 holds 24 matched requests of the 30 that an attribution \
                 needs: run 1.3 times as long"
                    .to_owned(),
            ),
            ..Tail::default()
        }),
        stopped: Some("the rows of data set noise were used up after 18.2 s".to_owned()),
        ..WorkloadAnalysis::default()
    }
}

fn bands(rows: &[(&str, u64, [f64; 8])]) -> Vec<Band> {
    let names = [
        ("send lag", "send lag"),
        ("gap", "gap"),
        ("proxy queue", "SearchTask"),
        ("planning", "Proxy-Search-PreExecute"),
        ("consistency wait", "Delegator-waitTSafe"),
        ("node queue", "schedule"),
        ("engine", "SegCoreSearch"),
        ("reduce", "ReduceSearchResultsAndFillData"),
    ];
    rows.iter()
        .map(|(name, matched, values)| band(name, *matched, account_of(&names, values)))
        .collect()
}

fn account_of(names: &[(&str, &str)], values: &[f64]) -> Vec<PartMean> {
    let service = |area: &str| {
        if ["send lag", "gap"].contains(&area) {
            None
        } else {
            Some("standalone".to_owned())
        }
    };
    let parts = names.iter().zip(values);
    parts
        .map(|((area, part), mean_us)| PartMean {
            area: (*area).to_owned(),
            service: service(area),
            part: (*part).to_owned(),
            mean_us: *mean_us,
        })
        .collect()
}

fn band(name: &str, matched: u64, parts: Vec<PartMean>) -> Band {
    let mean_us = parts.iter().map(|part| part.mean_us).sum();
    Band {
        band: name.to_owned(),
        all: matched,
        sampled: matched,
        matched,
        mean_us,
        mean_of_all_us: mean_us,
        parts,
        ..Band::default()
    }
}
