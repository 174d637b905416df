use super::*;
use crate::{
    analysis::{
        model::{Band, Estimate, Join, Quantiles, RequestCounts, TraceFacts},
        statistics::trend::Trend,
    },
    record::{FetchInfo, Part, PhaseInfo},
};

/// A run without any doubt.
fn sound() -> (RunInfo, Analysis) {
    let stream = StreamInfo {
        phase: "p".to_owned(),
        part: Some(Part::Measured),
        workload: "w".to_owned(),
        open_loop: true,
        due: 1_000,
        sent: 1_000,
        ..StreamInfo::default()
    };
    let info = RunInfo {
        status: Status::Complete,
        streams: vec![stream],
        fetch: Some(Default::default()),
        ..RunInfo::default()
    };
    let lag = Quantiles::from([(
        "p99".to_owned(),
        Estimate {
            value: 100.0,
            ..Estimate::default()
        },
    )]);
    let workload = WorkloadAnalysis {
        phase: "p".to_owned(),
        workload: "w".to_owned(),
        duration_s: 10.0,
        requests: RequestCounts {
            due: 1_000,
            ok: 1_000,
            ..RequestCounts::default()
        },
        rate: crate::analysis::model::Rates {
            target: Some(100.0),
            scheduled: None,
            achieved: 100.0,
            throughput: 100.0,
        },
        send_lag_us: Some(lag),
        join: Some(Join {
            sampled: 1_000,
            matched: 1_000,
            ..Join::default()
        }),
        traces: Some(TraceFacts::default()),
        ..WorkloadAnalysis::default()
    };
    (
        info,
        Analysis {
            workloads: vec![workload],
            ..Analysis::default()
        },
    )
}

/// The codes and the state after `change` to a sound run.
fn check(
    change: impl FnOnce(&mut RunInfo, &mut WorkloadAnalysis),
    codes: &[&str],
    state: VerdictState,
) {
    let (mut info, mut analysis) = sound();
    change(&mut info, &mut analysis.workloads[0]);
    let verdict = verdict(&info, &analysis, &[]);
    assert_eq!(
        verdict
            .reasons
            .iter()
            .map(|reason| reason.code.as_str())
            .collect::<Vec<_>>(),
        codes
    );
    assert_eq!(verdict.state, state);
    for reason in &verdict.reasons {
        assert!(
            reason.advice.len() > 40 && !reason.advice.ends_with('.'),
            "{}",
            reason.advice
        );
    }
}

fn lag(workload: &mut WorkloadAnalysis, p99_us: f64) {
    workload
        .send_lag_us
        .as_mut()
        .unwrap()
        .get_mut("p99")
        .unwrap()
        .value = p99_us;
}

#[test]
fn a_sound_run_is_valid() {
    check(|_, _| {}, &[], VerdictState::Valid);
}

#[test]
fn a_late_client_is_a_reservation_and_a_very_late_one_invalid() {
    check(
        |_, workload| lag(workload, 1_000.0),
        &[],
        VerdictState::Valid,
    );
    check(
        |_, workload| lag(workload, 1_300.0),
        &["send_lag"],
        Reservations,
    );
    check(
        |_, workload| lag(workload, 10_001.0),
        &["send_lag"],
        Invalid,
    );
}

#[test]
fn a_machine_that_everybody_waits_for_is_not_the_clients_fault_alone() {
    let change = |_: &mut RunInfo, workload: &mut WorkloadAnalysis| {
        lag(workload, 15_800.0);
        let p99 = Estimate {
            value: 96_600.0,
            ..Estimate::default()
        };
        workload.response_time_us = Some(Quantiles::from([("p99".to_owned(), p99)]));
    };
    check(change, &["send_lag"], Reservations);
}

#[test]
fn lateness_by_the_limit_in_flight_is_not_the_clients_fault() {
    let change = |info: &mut RunInfo, workload: &mut WorkloadAnalysis| {
        lag(workload, 900_000.0);
        info.streams[0].in_flight_waits = 500;
    };
    check(change, &["in_flight_limit", "send_lag"], Reservations);
}

#[test]
fn an_overloaded_phase_is_not_blamed_on_the_client() {
    let change = |_: &mut RunInfo, workload: &mut WorkloadAnalysis| {
        lag(workload, 900_000.0);
        workload.requests = RequestCounts {
            due: 1_000,
            ok: 989,
            not_sent: 11,
            ..RequestCounts::default()
        };
        workload.rate.achieved = 98.9;
    };
    check(change, &["overloaded"], Reservations);
}

#[test]
fn callers_that_were_not_served_at_the_end_are_no_overload() {
    let change = |info: &mut RunInfo, workload: &mut WorkloadAnalysis| {
        info.streams[0].open_loop = false;
        workload.requests = RequestCounts {
            due: 1_000,
            ok: 980,
            not_sent: 20,
            ..RequestCounts::default()
        };
    };
    check(change, &[], VerdictState::Valid);
}

#[test]
fn a_rate_that_was_not_reached_is_told_unless_the_rows_ran_out() {
    check(
        |info, _| info.streams[0].sent = 989,
        &["below_target"],
        Reservations,
    );
    let stopped = |info: &mut RunInfo, workload: &mut WorkloadAnalysis| {
        info.streams[0].sent = 500;
        workload.stopped = Some("its rows are used up".to_owned());
    };
    check(stopped, &[], VerdictState::Valid);
}

#[test]
fn a_schedule_of_few_slots_by_chance_is_not_below_its_target() {
    let change = |info: &mut RunInfo, workload: &mut WorkloadAnalysis| {
        (info.streams[0].due, info.streams[0].sent) = (137, 137);
        workload.requests = RequestCounts {
            due: 137,
            ok: 137,
            ..RequestCounts::default()
        };
        (workload.rate.target, workload.rate.achieved) = (Some(150.0), 137.0);
    };
    check(change, &[], VerdictState::Valid);
}

#[test]
fn requests_that_are_in_no_figure_make_a_complete_run_invalid() {
    let due = |due: u64, status: Status| {
        move |info: &mut RunInfo, _: &mut WorkloadAnalysis| {
            (info.streams[0].due, info.streams[0].sent, info.status) = (due, due, status);
        }
    };
    check(due(1_001, Status::Complete), &["requests_lost"], Invalid);
    check(
        due(1_001, Status::Interrupted),
        &["interrupted"],
        Reservations,
    );
    let overflow = |info: &mut RunInfo, workload: &mut WorkloadAnalysis| {
        due(1_001, Status::Complete)(info, workload);
        info.overflows = 3;
    };
    check(overflow, &[], VerdictState::Valid);
}

#[test]
fn spans_that_are_off_by_the_scenario_are_no_doubt() {
    let source = |wanted: &'static str, used: &'static str| {
        move |info: &mut RunInfo, workload: &mut WorkloadAnalysis| {
            info.plan = serde_json::json!({ "tracing": { "spans": { "source": wanted } } });
            info.fetch = Some(FetchInfo {
                source: used.to_owned(),
                ..FetchInfo::default()
            });
            workload.join = Some(Join {
                sampled: 1_000,
                not_fetched: 1_000,
                ..Join::default()
            });
        }
    };
    check(source("none", "none"), &[], VerdictState::Valid);
    check(source("auto", "none"), &["no_spans"], Reservations);
    check(source("none", "jaeger"), &["no_spans"], Reservations);
}

#[test]
fn that_no_source_answered_is_told_as_the_run_recorded_it() {
    let (mut info, mut analysis) = sound();
    let remark = "no server spans were read, since nothing answers: open port 16685";
    info.fetch = Some(FetchInfo {
        source: "none".to_owned(),
        remark: remark.to_owned(),
        ..FetchInfo::default()
    });
    analysis.workloads[0].join = Some(Join {
        sampled: 1_000,
        not_fetched: 1_000,
        ..Join::default()
    });
    let reasons = verdict(&info, &analysis, &[]).reasons;
    assert_eq!(
        reasons[0].advice,
        format!(
            "there is no latency breakdown: {remark}; once it answers, `milvus-bench spans` \
             fetches the spans"
        )
    );
}

#[test]
fn a_dead_export_endpoint_is_told_with_its_error_and_not_blamed_on_accounts() {
    let (mut info, analysis) = sound();
    info.export = Some(ExportInfo {
        dropped: 7,
        error: Some("connection refused".to_owned()),
        ..ExportInfo::default()
    });
    let lost = verdict(&info, &analysis, &[]).reasons;
    assert_eq!(
        (lost.len(), lost[0].code.as_str(), lost[0].figure),
        (1, "client_spans_lost", 7.0)
    );
    assert!(
        lost[0].advice.contains("(connection refused)")
            && lost[0].advice.contains("latency breakdowns are unaffected"),
        "{}",
        lost[0].advice
    );
    info.export = Some(ExportInfo {
        error: Some("not an address".to_owned()),
        ..ExportInfo::default()
    });
    assert_eq!(
        verdict(&info, &analysis, &[]).reasons[0].unit,
        "",
        "an exporter that did not start has no count"
    );
    info.export = Some(ExportInfo {
        exported: 5,
        error: Some("once refused".to_owned()),
        ..ExportInfo::default()
    });
    assert!(
        verdict(&info, &analysis, &[]).reasons.is_empty(),
        "all arrived in the end"
    );
}

#[test]
fn a_yes_or_no_has_no_figure() {
    let units = |change: fn(&mut RunInfo, &mut WorkloadAnalysis)| {
        let (mut info, mut analysis) = sound();
        change(&mut info, &mut analysis.workloads[0]);
        verdict(&info, &analysis, &[])
            .reasons
            .into_iter()
            .map(|reason| reason.unit)
            .collect::<Vec<_>>()
    };
    assert_eq!(units(|info, _| info.status = Status::Failed), [""]);
    assert_eq!(units(|info, _| info.status = Status::Interrupted), [""]);
    assert_eq!(
        units(|_, workload| workload.join.as_mut().unwrap().matched = 0),
        [""]
    );
    assert_eq!(
        units(|_, workload| workload.requests = RequestCounts {
            due: 1_000,
            failed: 1_000,
            ..Default::default()
        }),
        [""]
    );
}

#[test]
fn failures_are_a_reservation_and_nothing_else_is_invalid() {
    let failed = |failed: u64| {
        move |_: &mut RunInfo, workload: &mut WorkloadAnalysis| {
            workload.requests = RequestCounts {
                due: 1_000,
                ok: 1_000 - failed,
                failed,
                ..RequestCounts::default()
            };
        }
    };
    check(failed(1), &[], VerdictState::Valid);
    check(failed(2), &["failed"], Reservations);
    check(failed(1_000), &["no_success"], Invalid);
}

#[test]
fn lost_traces_are_a_reservation() {
    let join = |matched: u64| {
        move |_: &mut RunInfo, workload: &mut WorkloadAnalysis| {
            workload.join.as_mut().unwrap().matched = matched
        }
    };
    check(join(950), &[], VerdictState::Valid);
    check(join(949), &["unmatched"], Reservations);
    check(join(0), &["no_spans"], Reservations);
}

#[test]
fn traces_that_are_whole_or_absent_were_sampled_by_somebody_else() {
    let join = |missing: u64, incomplete: u64, client_span_alone: u64| {
        move |_: &mut RunInfo, workload: &mut WorkloadAnalysis| {
            let matched = 1_000 - missing - incomplete;
            workload.join = Some(Join {
                sampled: 1_000,
                matched,
                missing,
                incomplete,
                ..Join::default()
            });
            workload.traces = Some(TraceFacts {
                client_span_alone,
                ..TraceFacts::default()
            });
        }
    };
    check(join(500, 0, 500), &["sampling_changed"], Reservations);
    check(join(450, 50, 300), &["sampling_changed"], Reservations);
    // A store that loses spans cuts some traces.
    check(join(400, 100, 400), &["unmatched"], Reservations);
    check(join(0, 100, 0), &["unmatched"], Reservations);
    check(join(50, 0, 50), &[], VerdictState::Valid);
    // One that loses whole traces loses the client's span with them.
    check(join(500, 0, 250), &["unmatched"], Reservations);
    // The embedded receiver has the client's spans from its own process.
    let embedded = |info: &mut RunInfo, workload: &mut WorkloadAnalysis| {
        info.fetch = Some(FetchInfo {
            source: "embedded".to_owned(),
            ..FetchInfo::default()
        });
        join(500, 0, 500)(info, workload);
    };
    check(embedded, &["unmatched"], Reservations);
    let advice = |client_span_alone: u64, incomplete: u64| {
        let (info, mut analysis) = sound();
        join(400, incomplete, client_span_alone)(&mut info.clone(), &mut analysis.workloads[0]);
        verdict(&info, &analysis, &[]).reasons[0].advice.clone()
    };
    assert!(
        advice(0, 0).contains("dropped whole traces") && advice(0, 0).contains("`traceparent`"),
        "{}",
        advice(0, 0)
    );
    assert!(
        !advice(0, 100).contains("`traceparent`") && advice(0, 100).contains("larger queues"),
        "{}",
        advice(0, 100)
    );
}

#[test]
fn what_came_back_tells_why_no_request_has_server_spans() {
    let nothing = |alone: u64, services: &[&str], exported: u64| {
        let services: Vec<String> = services.iter().map(ToString::to_string).collect();
        move |info: &mut RunInfo, workload: &mut WorkloadAnalysis| {
            workload.join = Some(Join {
                sampled: 1_000,
                missing: 1_000,
                ..Join::default()
            });
            workload.traces = Some(TraceFacts {
                client_span_alone: alone,
                ..TraceFacts::default()
            });
            info.fetch = Some(FetchInfo {
                source: "jaeger".to_owned(),
                services: services.clone(),
                ..FetchInfo::default()
            });
            info.export = Some(ExportInfo {
                exported,
                ..ExportInfo::default()
            });
        }
    };
    let check_advice = |alone, services: &[&str], exported, code: &str, words: &str| {
        let changed = nothing(alone, services, exported);
        check(&changed, &[code], Reservations);
        let (mut info, mut analysis) = sound();
        changed(&mut info, &mut analysis.workloads[0]);
        let reasons = verdict(&info, &analysis, &[]).reasons;
        let advice = reasons.iter().find(|reason| reason.code == code);
        let advice = &advice.expect("the reason").advice;
        assert!(advice.contains(words), "{words:?} is not in {advice}");
    };
    let (ours, milvus) = (["milvus-bench"], ["milvus-bench", "proxy"]);
    check_advice(
        1_000,
        &milvus,
        1_000,
        "sampling_changed",
        "clears the sampled flag",
    );
    // Another Milvus that exports there looks the same.
    check_advice(
        1_000,
        &milvus,
        1_000,
        "sampling_changed",
        "another Milvus and this one exports nothing there",
    );
    check_advice(
        1_000,
        &ours,
        1_000,
        "no_spans",
        "either Milvus exports nothing there",
    );
    check_advice(0, &milvus, 1_000, "no_spans", "loses whole traces");
    check_advice(0, &[], 0, "no_spans", "check with `doctor`");
}

#[test]
fn requests_that_were_refused_before_milvus_are_no_lost_spans() {
    let refused = |failed: u64, missing: u64| {
        move |_: &mut RunInfo, workload: &mut WorkloadAnalysis| {
            workload.requests = RequestCounts {
                due: 1_000,
                ok: 1_000 - failed,
                failed,
                ..RequestCounts::default()
            };
            workload.join = Some(Join {
                sampled: 1_000,
                matched: 1_000 - missing,
                missing,
                missing_failed: failed,
                ..Join::default()
            });
            workload.traces = Some(TraceFacts {
                client_span_alone: missing,
                ..TraceFacts::default()
            });
        }
    };
    check(refused(400, 400), &["failed"], Reservations);
    check(
        refused(400, 700),
        &["failed", "sampling_changed"],
        Reservations,
    );
    check(refused(1_000, 1_000), &["no_success", "no_spans"], Invalid);
}

#[test]
fn server_spans_below_a_span_that_is_nowhere_are_not_called_absent() {
    let join = |no_root: u64, missing: u64, incomplete: u64| {
        move |_: &mut RunInfo, workload: &mut WorkloadAnalysis| {
            let matched = 1_000 - no_root - missing - incomplete;
            workload.join = Some(Join {
                sampled: 1_000,
                matched,
                no_root,
                missing,
                incomplete,
                ..Join::default()
            });
        }
    };
    check(join(500, 0, 0), &["parent_changed"], Reservations);
    check(join(460, 20, 20), &["parent_changed"], Reservations);
    check(join(200, 0, 300), &["unmatched"], Reservations);
    // The handler's span hangs nowhere: a store or a queue lost it.
    let lost = |info: &mut RunInfo, workload: &mut WorkloadAnalysis| {
        join(500, 0, 0)(info, workload);
        workload.traces = Some(TraceFacts {
            handler_lost: 480,
            ..TraceFacts::default()
        });
    };
    check(lost, &["unmatched"], Reservations);
    let (info, mut analysis) = sound();
    let (mut nothing, mut changed) = (info.clone(), info);
    join(1_000, 0, 0)(&mut changed, &mut analysis.workloads[0]);
    let advice = verdict(&changed, &analysis, &[])
        .reasons
        .swap_remove(0)
        .advice;
    assert!(
        advice.starts_with("server spans came back") && advice.contains("traceparent"),
        "{advice}"
    );
    join(0, 1_000, 0)(&mut nothing, &mut analysis.workloads[0]);
    let advice = verdict(&nothing, &analysis, &[])
        .reasons
        .swap_remove(0)
        .advice;
    assert!(advice.starts_with("no server spans were found"), "{advice}");
}

#[test]
fn requests_that_were_not_asked_for_are_not_lost() {
    let change = |_: &mut RunInfo, workload: &mut WorkloadAnalysis| {
        workload.join = Some(Join {
            sampled: 1_000,
            matched: 500,
            not_fetched: 500,
            ..Join::default()
        });
    };
    check(change, &[], VerdictState::Valid);
}

#[test]
fn unequal_losses_between_bands_are_told() {
    let bands = |slow: u64| {
        move |_: &mut RunInfo, workload: &mut WorkloadAnalysis| {
            let band = |band: &str, matched| Band {
                band: band.to_owned(),
                sampled: 100,
                matched,
                ..Band::default()
            };
            workload.account = vec![band("all", 100), band("0-50", 100), band("50-100", slow)];
        }
    };
    check(bands(95), &[], VerdictState::Valid);
    check(bands(94), &["unmatched_bands"], Reservations);
}

#[test]
fn doubts_of_the_run_itself_are_reasons() {
    check(
        |info, _| info.status = Status::Interrupted,
        &["interrupted"],
        Reservations,
    );
    check(
        |info, _| info.status = Status::Failed,
        &["failed_run"],
        Invalid,
    );
    check(
        |info, _| info.warnings = vec![Warning::DebugBuild],
        &["debug_build"],
        Reservations,
    );
    check(
        |info, _| {
            info.warnings = vec![Warning::ClockStep {
                phase: "p".to_owned(),
                step_us: 2e3,
            }]
        },
        &["clock_step"],
        Reservations,
    );
    check(
        |info, _| info.warnings = vec![Warning::FailuresNotKept { failures: 1 }],
        &[],
        VerdictState::Valid,
    );
    check(
        |info, _| info.fetch.as_mut().unwrap().back_end_dropped = Some(1),
        &["spans_dropped"],
        Reservations,
    );
    let busy = PhaseInfo {
        name: "p".to_owned(),
        thread_cpu_max: Some(0.9),
        ..PhaseInfo::default()
    };
    check(
        |info, _| info.phases = vec![busy],
        &["thread_cpu"],
        Reservations,
    );
}

#[test]
fn gaps_below_nothing_are_told_when_they_are_many_or_large() {
    let gaps = |count: u64, lowest: f64| {
        move |_: &mut RunInfo, workload: &mut WorkloadAnalysis| {
            let traces = workload.traces.as_mut().unwrap();
            (traces.negative_gaps, traces.lowest_gap_us) = (count, lowest);
        }
    };
    check(gaps(10, -100.0), &[], VerdictState::Valid);
    check(gaps(11, -100.0), &["negative_gap"], Reservations);
    check(gaps(1, -501.0), &["negative_gap"], Reservations);
}

#[test]
fn the_preparation_is_left_out() {
    check(
        |_, workload| (workload.phase, workload.requests.ok) = ("prepare".to_owned(), 0),
        &[],
        VerdictState::Valid,
    );
}

#[test]
fn a_figure_that_rises_all_along_is_a_reservation_with_its_size() {
    let change = |_: &mut RunInfo, workload: &mut WorkloadAnalysis| {
        workload.trend = Some(Trend {
            change: -0.25,
            deviations: -4.0,
        })
    };
    check(change, &["trend"], Reservations);
    let (info, mut analysis) = sound();
    change(&mut RunInfo::default(), &mut analysis.workloads[0]);
    let reason = &verdict(&info, &analysis, &[]).reasons[0];
    assert_eq!(
        (reason.figure, reason.limit, reason.unit.as_str()),
        (0.25, 0.1, "share")
    );
    assert!(
        reason
            .advice
            .contains("fell across the phase: its last third was faster"),
        "{}",
        reason.advice
    );
}

#[test]
fn a_workload_that_ended_early_is_named() {
    let (phase, workload) = ("p".to_owned(), "a".to_owned());
    let used_up = Warning::RowsUsedUp {
        phase: phase.clone(),
        workload: workload.clone(),
        ran_s: None,
        more: None,
    };
    let stopped = Warning::StoppedEarly {
        phase,
        workload,
        reason: String::new(),
        ran_s: None,
    };
    for warning in [used_up, stopped] {
        assert_eq!(of_warning(&warning).unwrap().at, "p/a");
    }
}
