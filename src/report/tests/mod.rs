//! Golden files of every format, and runs that went wrong.

mod random;
mod widths;

use std::path::Path;

use unicode_width::UnicodeWidthStr;

use super::{sample, *};
use crate::analysis::{
    Join,
    statistics::interval::{Lack, NoInterval},
    *,
};

/// Set to 1 to write the golden files instead of comparing with them.
const UPDATE: &str = "MILVUS_BENCH_UPDATE";

pub(super) fn check_golden(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    if std::env::var(UPDATE).is_ok_and(|value| value == "1") {
        std::fs::write(&path, found).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    if expected != found {
        let other = std::env::temp_dir().join(format!("milvus-bench-{name}"));
        std::fs::write(&other, found).unwrap();
        panic!(
            "{name} has changed: diff {} {}\nif it should, run the tests again with {UPDATE}=1",
            path.display(),
            other.display()
        );
    }
}

#[test]
fn every_report_is_as_agreed() {
    for entry in REPORTS.iter().filter(|entry| entry.text) {
        let found = String::from_utf8((entry.render)(&sample::analysis()).unwrap()).unwrap();
        check_golden(entry.file, &html::without_files(&found));
    }
}

#[test]
fn waterfall_is_as_agreed() {
    check_golden(
        "waterfall.txt",
        &render_waterfall(&sample::waterfall(), TextStyle::default()),
    );
}

fn text(analysis: &Analysis) -> String {
    render_text(analysis, TextStyle::default())
}

/// The rendering of the sample, changed, has every one of `expected` and none of `absent`.
fn check(change: impl FnOnce(&mut Analysis), expected: &[&str], absent: &[&str]) {
    let mut analysis = sample::analysis();
    change(&mut analysis);
    let found = text(&analysis);
    for part in expected {
        assert!(found.contains(part), "{part:?} is missing in\n{found}");
    }
    for part in absent {
        assert!(!found.contains(part), "{part:?} is in\n{found}");
    }
    for line in found.lines() {
        assert!(line.width() <= 110 && line.trim_end() == line, "{line:?}");
    }
}

/// Takes what came from the server's spans out of a run.
fn without_spans(analysis: &mut Analysis) {
    for workload in &mut analysis.workloads {
        workload.account.clear();
        workload.instances.clear();
        workload.exemplars.clear();
        workload.contrasts.clear();
        workload.advice.clear();
        (workload.tail, workload.traces, workload.join) = (None, None, None);
        (workload.server_time_us, workload.gap_us) = (None, None);
        (
            workload.matched_service_time_us,
            workload.matched_response_time_us,
        ) = (None, None);
    }
}

#[test]
fn stages_have_rows_of_their_own_and_ramps_are_named() {
    let staged = |analysis: &mut Analysis| {
        let mut stages: Vec<WorkloadAnalysis> =
            vec![analysis.workloads[4].clone(), analysis.workloads[4].clone()];
        for (row, name) in stages.iter_mut().zip(["average", "peak"]) {
            (row.stage, row.phase) = (Some(name.to_owned()), "load".to_owned());
        }
        analysis.workloads.extend(stages);
        let ramp = WarmupCount {
            phase: "load".to_owned(),
            part: "ramp".to_owned(),
            workload: "search".to_owned(),
            requests: 10,
            failed: 0,
        };
        analysis.warmup.push(ramp);
        let (outcome, text) = ("timeout".to_owned(), "too slow".to_owned());
        analysis.errors.push(ErrorText {
            at: "load/peak/search".to_owned(),
            outcome,
            text,
        });
    };
    check(
        staged,
        &[
            "load/average/search",
            "load/peak/search",
            "warm-up and ramps 1,010 requests",
        ],
        &[],
    );
}

/// Every quantile of the latencies of the measured workloads.
fn estimates(analysis: &mut Analysis) -> impl Iterator<Item = &mut Estimate> {
    let measured = analysis
        .workloads
        .iter_mut()
        .filter(|workload| !workload.is_preparation());
    measured
        .flat_map(|workload| {
            [
                &mut workload.response_time_us,
                &mut workload.service_time_us,
            ]
        })
        .flatten()
        .flat_map(|of| of.values_mut())
}

#[test]
fn intervals_are_shown_or_how_long_a_run_has_one() {
    check(
        |_| {},
        &["p99 3.78 ms to 4.22 ms (95 % interval)"],
        &["no 95 % intervals"],
    );
    let both = |analysis: &mut Analysis| {
        estimates(analysis)
            .for_each(|estimate| (estimate.low, estimate.high) = (Some(1_000.0), None));
    };
    check(
        both,
        &["p50 at least 1.00 ms, p99 at least 1.00 ms (95 % intervals)"],
        &["no 95 % intervals"],
    );
    let neither = |analysis: &mut Analysis| {
        let why_not = Some(NoInterval {
            lacks: Lack::Blocks,
            needed_s: 60.0,
        });
        estimates(analysis).for_each(|estimate| {
            *estimate = Estimate {
                why_not,
                low: None,
                high: None,
                ..estimate.clone()
            }
        });
    };
    check(
        neither,
        &[
            "no 95 % intervals: ",
            "it would take about 60 s of a load like this",
        ],
        &["(95 %"],
    );
}

#[test]
fn without_spans_the_account_says_why_it_is_missing() {
    let change = |analysis: &mut Analysis| {
        without_spans(analysis);
        analysis.spans = None;
    };
    let absent = ["client against server", "of the gap", "engine"];
    check(
        change,
        &[
            "where the time went  unknown: no server spans were read",
            "no spans were read",
            "alone/search ",
        ],
        &absent,
    );
}

#[test]
fn without_a_match_the_account_names_the_doctor() {
    let change = |analysis: &mut Analysis| {
        without_spans(analysis);
        analysis.workloads[4].join = Some(Join {
            sampled: 1_500,
            missing: 1_500,
            ..Join::default()
        });
    };
    check(
        change,
        &[
            "none of 1,500 sampled requests was matched",
            "milvus-bench doctor",
        ],
        &["client against server"],
    );
}

#[test]
fn without_an_account_the_reason_is_the_true_one() {
    let joined = |ok: u64, matched: u64, sampled: u64| {
        move |analysis: &mut Analysis| {
            without_spans(analysis);
            for workload in &mut analysis.workloads {
                workload.requests = RequestCounts {
                    due: 80,
                    ok,
                    failed: 80 - ok,
                    ..RequestCounts::default()
                };
                workload.join = (sampled > 0).then(|| Join {
                    sampled,
                    matched,
                    missing: sampled - matched,
                    ..Join::default()
                });
            }
        }
    };
    let absent = ["doctor", "were read"];
    check(
        joined(0, 80, 80),
        &["unknown: no request succeeded; the latency breakdown holds successes"],
        &absent,
    );
    check(
        joined(40, 40, 80),
        &["unknown: no success was matched; the latency breakdown holds successes"],
        &absent,
    );
    check(
        joined(80, 0, 0),
        &["unknown: no request was sampled ([tracing] sample_ratio)"],
        &absent,
    );
    check(
        joined(80, 0, 80),
        &["none of 240 sampled requests was matched"],
        &[],
    );
}

#[test]
fn an_interrupted_run_says_so() {
    check(
        |analysis| analysis.status = "interrupted".into(),
        &[
            "  interrupted, valid with",
            "! interrupted: the figures cover the time",
        ],
        &[],
    );
    check(
        |analysis| analysis.status = "running".into(),
        &["! the run is still in progress"],
        &["killed"],
    );
    check(
        |analysis| analysis.status = "killed".into(),
        &["! the run was killed or could not write its end: "],
        &["going on"],
    );
}

fn yes(code: &str, at: &str, advice: &str) -> Reason {
    let (code, at, advice) = (code.to_owned(), at.to_owned(), advice.to_owned());
    Reason {
        code,
        at,
        state: VerdictState::Invalid,
        figure: 1.0,
        advice,
        ..Reason::default()
    }
}

#[test]
fn the_status_is_told_once_and_a_yes_or_no_without_figures() {
    let change = |analysis: &mut Analysis| {
        analysis.thresholds.clear();
        analysis.status = "interrupted".into();
        analysis.verdict.reasons = vec![
            yes("interrupted", "", "ended early"),
            yes("no_spans", "alone/search", "nothing came"),
        ];
    };
    check(
        change,
        &["! interrupted: the figures", "! alone/search: nothing came"],
        &["ended early", "limit", "runs"],
    );
}

#[test]
fn a_run_that_failed_half_way_says_why_and_what_the_figures_are() {
    let change = |analysis: &mut Analysis| {
        (analysis.status, analysis.failure) = ("failed".into(), Some("Milvus went away".into()));
        analysis.verdict.reasons = vec![yes("failed_run", "", "Milvus went away")];
    };
    let expected = [
        "! failed: Milvus went away; the figures cover the time until then",
        "client against server",
    ];
    check(change, &expected, &["! Milvus went away"]);
}

#[test]
fn a_run_that_was_refused_before_the_load_says_why_and_nothing_else() {
    let mut analysis = Analysis {
        name: "s".into(),
        status: "failed".into(),
        failure: Some("Milvus does not answer".into()),
        verdict: Verdict {
            state: VerdictState::Invalid,
            reasons: vec![yes("failed_run", "", "Milvus does not answer")],
            ..Verdict::default()
        },
        ..Analysis::default()
    };
    assert_eq!(
        text(&analysis),
        "s  failed, INVALID\n! failed: Milvus does not answer\n"
    );
    let prepared = sample::analysis()
        .workloads
        .into_iter()
        .filter(|workload| workload.is_preparation());
    analysis.workloads = prepared.collect();
    assert!(text(&analysis).ends_with(
        "answer\n\npreparation  13.0 s, longest insert 8.20 s · insert 12,195 rows/s\n"
    ));
}

#[test]
fn dropping_before_and_after_the_load_takes_no_longer_than_both() {
    let change = |analysis: &mut Analysis| {
        let step = |operation: &str, due| WorkloadAnalysis {
            phase: "prepare".into(),
            workload: operation.into(),
            operation: operation.into(),
            duration_s: 60.0,
            requests: RequestCounts {
                due,
                ok: due,
                ..RequestCounts::default()
            },
            service_time_us: Some(sample::quantiles([4_000.0; 7])),
            ..WorkloadAnalysis::default()
        };
        let failed = WorkloadAnalysis {
            requests: RequestCounts {
                due: 2,
                ok: 1,
                failed: 1,
                outcomes: [("timeout".to_owned(), 1)].into(),
                ..Default::default()
            },
            failed_time_us: [("timeout".to_owned(), sample::quantiles([1e6; 7]))].into(),
            ..step("flush", 2)
        };
        let insert = step("insert", 5);
        analysis.workloads.splice(
            ..4,
            [
                step("drop_collection", 2),
                step("wait_indexed", 0),
                failed,
                insert,
            ],
        );
    };
    check(
        change,
        &["preparation  61.0 s, longest insert 60.0 s · flush 1 failed · warm-up"],
        &["wait_indexed"],
    );
}

#[test]
fn nothing_succeeded() {
    let change = |analysis: &mut Analysis| {
        without_spans(analysis);
        let mut workload = analysis.workloads[5].clone();
        workload.requests = RequestCounts {
            due: 10,
            failed: 10,
            outcomes: [("unavailable".to_owned(), 10)].into(),
            ..RequestCounts::default()
        };
        (
            workload.response_time_us,
            workload.service_time_us,
            workload.send_lag_us,
        ) = (None, None, None);
        analysis.workloads = vec![workload];
    };
    let expected = [
        "under-ingest/search: nothing succeeded; 100 % failed (10 unavailable)",
        " 10   0      10  ",
    ];
    check(change, &expected, &["p99 of successes", "NaN", "alone/"]);
}

#[test]
fn a_client_bound_run_is_called_that_in_the_headline() {
    check(|_| (), &[], &["client-bound"]);
    check(
        |analysis| analysis.verdict.client_bound = true,
        &["complete, valid with caveats, client-bound  Why"],
        &[],
    );
}

#[test]
fn the_clients_part_of_the_gap_stands_below_it() {
    let expected = [
        "client's part     write delay            read delay            flow-control wait",
        "of the gap, ms      p50    p99    max      p50    p99   max       requests   max",
        "under-ingest      0.031  0.120  0.900    0.042  0.190  1.20              3  3.10",
    ];
    check(|_| (), &expected, &["of service time, ms"]);
    check(
        |analysis| analysis.connections.clear(),
        &[],
        &["client's part", "write delay"],
    );
    let change = |analysis: &mut Analysis| {
        without_spans(analysis);
        analysis.connections.truncate(1);
        (
            analysis.connections[0].hand_over_us,
            analysis.connections[0].no_window_us,
        ) = (None, None);
    };
    check(
        change,
        &[
            "of service time, ms",
            "alone                    -    -    -    0.042  0.190  1.20  ",
        ],
        &["of the gap"],
    );
}

#[test]
fn the_rate_that_chance_made_due_stands_beside_what_was_asked_for() {
    check(|_| (), &["sent  target"], &["due  target"]);
    let poisson = |analysis: &mut Analysis| {
        analysis.workloads[4].rate.scheduled = Some(203.4);
        analysis.workloads[4].rate.achieved = 203.0;
    };
    check(poisson, &["sent  due  target", "203  203     200"], &[]);
    let even = |analysis: &mut Analysis| analysis.workloads[4].rate.scheduled = Some(200.04);
    check(even, &["sent  target"], &["due  target"]);
}

#[test]
fn an_overloaded_run() {
    let change = |analysis: &mut Analysis| {
        analysis.verdict.state = VerdictState::Invalid;
        analysis.verdict.reasons[0] = Reason {
            code: "overloaded".into(),
            at: "alone/search".into(),
            state: VerdictState::Invalid,
            figure: 0.25,
            limit: 0.01,
            unit: "share".into(),
            advice: "Milvus did not keep up with the schedule; lower `rate`".into(),
            ..Reason::default()
        };
        analysis.workloads[4].requests = RequestCounts {
            due: 4_000,
            ok: 3_000,
            not_sent: 1_000,
            ..RequestCounts::default()
        };
    };
    let expected = [
        "complete, INVALID",
        "! overloaded 25 % at alone/search, limit 1.0 %: Milvus did not keep up",
        "alone/search: p99 of successes; 25 % due but not sent",
    ];
    check(change, &expected, &[]);
}

#[test]
fn one_workload_in_an_open_loop() {
    let change = |analysis: &mut Analysis| {
        analysis
            .workloads
            .retain(|workload| workload.phase == "alone")
    };
    check(
        change,
        &["alone/search", "send lag"],
        &["closed loop", "create", "log append"],
    );
}

#[test]
fn one_workload_in_a_closed_loop() {
    let change = |analysis: &mut Analysis| {
        analysis
            .workloads
            .retain(|workload| workload.workload == "ingest")
    };
    check(
        change,
        &[
            "under-ingest/ingest*",
            "closed loop: service time, and stalls",
        ],
        &["response time  send lag"],
    );
}

#[test]
fn zero_requests_and_nothing_at_all() {
    check(
        |analysis| analysis.workloads.clear(),
        &["response time  nothing was measured"],
        &["where the time went", "--explain"],
    );
    let change = |analysis: &mut Analysis| {
        analysis.thresholds.clear();
        analysis.workloads = vec![WorkloadAnalysis {
            phase: "alone".into(),
            workload: "search".into(),
            loop_kind: "open".into(),
            ..Default::default()
        }];
    };
    check(
        change,
        &["alone/search          -    -    -      -    -           -       0   0    0.000       -"],
        &["NaN", "  failed  "],
    );
    assert!(text(&Analysis::default()).contains("nothing was measured"));
}

#[test]
fn text_from_outside_stays_text() {
    let nasty = format!("\u{1b}[31m<b>red</b>\r\n|x|\u{202e}{}", "long ".repeat(400));
    let change = |analysis: &mut Analysis| {
        let long = "a-very-long-name-".repeat(10);
        analysis.name = nasty.clone();
        analysis.errors[0].text = nasty.clone();
        analysis.environment.push(("host".into(), nasty.clone()));
        analysis.workloads[5].phase = long.clone();
        analysis.workloads[5].workload = long.clone();
        analysis.workloads[5].account[0].parts[0].part = nasty.clone();
        analysis.workloads[5].account[4].parts[4].part = nasty.clone();
    };
    check(
        change,
        &["<b>red</b>", "a-very-long-name-a-very-long-name-"],
        &["\u{1b}", "\r", "\u{202e}"],
    );
}

#[test]
fn merged_names_and_rising_bounds_are_shown() {
    check(
        |_| (),
        &[">=48.3", "p90-max", "310 requests executed inside another"],
        &[],
    );
    let change = |analysis: &mut Analysis| analysis.workloads[5].account[4].sampled = 78;
    check(change, &["only 50 % of p99-max matched"], &[]);
}

#[test]
fn a_waterfall_without_spans() {
    let mut waterfall = sample::waterfall();
    waterfall.rows.clear();
    waterfall.parts.clear();
    (
        waterfall.gap_us,
        waterfall.response_time_us,
        waterfall.send_lag_us,
    ) = (None, None, None);
    let found = render_waterfall(&waterfall, TextStyle::default());
    assert!(
        found.ends_with(
            "service time 20.9 ms (no server root)\n\nno spans of this request were found\n"
        ),
        "{found}"
    );
}

#[test]
fn the_table_has_distinct_names_and_files() {
    let names: std::collections::BTreeSet<_> = REPORTS
        .iter()
        .flat_map(|entry| [entry.name, entry.file])
        .collect();
    assert_eq!(names.len(), 2 * REPORTS.len());
}
