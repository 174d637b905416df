//! Run folders in which the client was the limit, and the same ones with a Milvus that explains it.

use crate::{
    analysis::{
        VerdictState::{Invalid, Reservations, Valid},
        model::{Analysis, Reason, VerdictState},
        run::analyse,
        testing::{
            TraceMaker,
            run::{Made, RunMaker},
        },
    },
    record::{LocalServer, MachineUse, Outcome, SocketFigure},
};

const US: u64 = 1_000;
const MS: u64 = 1_000_000;

/// One thousand requests, each with its lag, its service time and, of that, the time that Milvus
/// had.
fn run(open_loop: bool, lag: u64, service: u64, server: u64) -> RunMaker {
    let mut run = RunMaker::new(open_loop);
    for seq in 0..1_000 {
        let begin = ((service - server) / 2) as i64;
        run.traced(
            Made::ok(seq, lag, service),
            &TraceMaker::search(service as i64, (begin, begin + server as i64)),
        );
    }
    (run.info.streams[0].due, run.info.streams[0].sent) = (1_000, 1_000);
    run
}

/// Takes what Milvus said of itself out of a run.
fn without_spans(mut run: RunMaker) -> RunMaker {
    run.traces.clear();
    run.info.fetch = None;
    run.info.plan = serde_json::json!({ "tracing": { "spans": { "source": "none" } } });
    run
}

fn analysed(run: &RunMaker) -> Analysis {
    let (_folder, reader) = run.write();
    analyse(&reader, run.traces.clone().into_iter()).expect("a run that can be read")
}

/// The codes of the reasons, marked with `!` where they prove that the client was the limit, and
/// the state.
fn check(run: &RunMaker, expected: &[&str], state: VerdictState) {
    let verdict = analysed(run).verdict;
    let found: Vec<String> = verdict
        .reasons
        .iter()
        .map(|reason| {
            format!(
                "{}{}",
                reason.code,
                if reason.client_bound { "!" } else { "" }
            )
        })
        .collect();
    assert_eq!(
        (
            found.iter().map(String::as_str).collect::<Vec<_>>(),
            verdict.state
        ),
        (expected.to_vec(), state),
        "{:?}",
        verdict.reasons
    );
    assert_eq!(
        verdict.client_bound,
        expected.iter().any(|code| code.ends_with('!'))
    );
    for Reason {
        advice,
        client_bound,
        ..
    } in &verdict.reasons
    {
        assert!(
            !client_bound || advice.contains("another machine"),
            "{advice}"
        );
    }
}

#[test]
fn a_run_with_nothing_in_the_way_is_valid_however_slow_milvus_is() {
    check(&run(true, 50 * US, 2 * MS, MS), &[], Valid);
    check(&run(true, 50 * US, 900 * MS, 890 * MS), &[], Valid);
    check(&run(false, 0, 900 * MS, 890 * MS), &[], Valid);
}

#[test]
fn lag_that_is_most_of_the_response_time_is_the_clients() {
    check(&run(true, 3 * MS, 2 * MS, MS), &["send_lag!"], Reservations);
    check(&run(true, 30 * MS, 2 * MS, MS), &["send_lag!"], Invalid);
}

#[test]
fn lag_beside_a_slower_milvus_is_a_reservation() {
    check(
        &run(true, 3 * MS, 9 * MS, 8 * MS),
        &["send_lag"],
        Reservations,
    );
    check(
        &run(true, 30 * MS, 90 * MS, 80 * MS),
        &["send_lag"],
        Reservations,
    );
}

#[test]
fn lag_as_long_as_a_stall_of_milvus_is_no_proof() {
    // Few requests were in Milvus while it stood still, and the others waited for their streams as
    // long as that lasted.
    let mut stalled = run(true, 800 * MS, 3 * MS, MS);
    for seq in 1_000..1_020 {
        stalled.traced(
            Made::ok(seq, 0, 900 * MS),
            &TraceMaker::search(900 * MS as i64, (0, 890 * MS as i64)),
        );
    }
    check(&stalled, &["send_lag"], Reservations);
}

/// `count` scheduled requests that were never sent.
fn not_sent(mut run: RunMaker, count: u64) -> RunMaker {
    for seq in 1_000..1_000 + count {
        run.request(Made {
            outcome: Outcome::NotSent,
            sampled: false,
            ..Made::ok(seq, 50 * US, MS)
        });
    }
    run.info.streams[0].due += count;
    run
}

fn busy(mut run: RunMaker, cpu: f64) -> RunMaker {
    run.info.phases[0].thread_cpu_max = Some(cpu);
    run
}

fn waiting(mut run: RunMaker, waits: u64) -> RunMaker {
    run.info.streams[0].in_flight_waits = waits;
    run
}

#[test]
fn a_thread_that_spins_proves_nothing() {
    let mut precise = busy(run(true, 50 * US, 2 * MS, 500 * US), 0.99);
    precise.info.precise = true;
    check(&precise, &[], Valid);
}

#[test]
fn a_thread_near_a_whole_core_is_the_limit() {
    check(
        &busy(run(true, 50 * US, 2 * MS, 500 * US), 0.85),
        &[],
        Valid,
    );
    check(
        &busy(run(true, 50 * US, 2 * MS, 500 * US), 0.86),
        &["thread_cpu!"],
        Reservations,
    );
    check(
        &busy(run(false, 0, 2 * MS, 500 * US), 0.86),
        &["thread_cpu!"],
        Reservations,
    );
    check(
        &busy(without_spans(run(false, 0, 2 * MS, MS)), 0.86),
        &["thread_cpu!"],
        Reservations,
    );
}

#[test]
fn a_busy_thread_beside_a_slow_milvus_is_a_reservation() {
    check(
        &busy(run(true, 50 * US, 20 * MS, 19 * MS), 0.95),
        &["thread_cpu"],
        Reservations,
    );
    check(
        &busy(run(false, 0, 20 * MS, 19 * MS), 0.95),
        &["thread_cpu"],
        Reservations,
    );
}

#[test]
fn places_that_were_taken_while_milvus_was_idle_are_the_limit() {
    check(
        &waiting(run(true, 50 * US, 2 * MS, 900 * US), 10),
        &[],
        Valid,
    );
    check(
        &waiting(run(true, 50 * US, 2 * MS, 900 * US), 11),
        &["in_flight_limit", "in_flight_idle!"],
        Reservations,
    );
    let found = analysed(&waiting(run(true, 50 * US, 2 * MS, 900 * US), 11))
        .verdict
        .reasons;
    assert!(
        (found[1].figure - 0.45).abs() < 1e-3 && found[1].limit == 0.5,
        "{found:?}"
    );
}

#[test]
fn places_that_were_taken_by_requests_within_milvus_are_not() {
    check(
        &waiting(run(true, 50 * US, 2 * MS, 1_100 * US), 500),
        &["in_flight_limit"],
        Reservations,
    );
    check(
        &waiting(run(true, 800 * MS, 900 * MS, 890 * MS), 500),
        &["in_flight_limit", "send_lag"],
        Reservations,
    );
    check(
        &waiting(without_spans(run(true, 50 * US, 2 * MS, 900 * US)), 500),
        &["in_flight_limit"],
        Reservations,
    );
}

#[test]
fn a_rate_that_the_client_did_not_reach_is_not_blamed_on_milvus() {
    let idle = || run(true, 50 * US, 2 * MS, 500 * US);
    check(&not_sent(idle(), 10), &[], Valid);
    check(&not_sent(idle(), 11), &["below_target!"], Invalid);
    check(
        &busy(not_sent(without_spans(idle()), 11), 0.9),
        &["thread_cpu!", "below_target!"],
        Invalid,
    );
    check(
        &waiting(not_sent(idle(), 11), 500),
        &["in_flight_limit", "in_flight_idle!", "below_target!"],
        Invalid,
    );
}

#[test]
fn a_rate_that_milvus_did_not_take_is_an_overload() {
    let slow = || run(true, 50 * US, 20 * MS, 19 * MS);
    check(&not_sent(slow(), 11), &["overloaded"], Reservations);
    check(
        &busy(not_sent(slow(), 11), 0.9),
        &["thread_cpu", "overloaded"],
        Reservations,
    );
    check(
        &waiting(not_sent(slow(), 500), 500),
        &["overloaded", "in_flight_limit"],
        Reservations,
    );
    check(
        &not_sent(without_spans(slow()), 11),
        &["overloaded"],
        Reservations,
    );
}

#[test]
fn a_milvus_that_was_gone_explains_what_was_late_or_not_sent() {
    let gone = |count: u64| {
        let mut run = not_sent(run(true, 900 * MS, 2 * MS, MS), 200);
        for seq in 2_000..2_000 + count {
            run.request(Made {
                outcome: Outcome::Unavailable,
                sampled: false,
                ..Made::ok(seq, 900 * MS, MS)
            });
        }
        run.info.streams[0].due += count;
        run
    };
    check(&gone(12), &["failed", "overloaded"], Reservations);
    check(&gone(13), &["failed", "unreachable"], Reservations);
}

#[test]
fn places_that_were_always_taken_under_a_rate_far_too_high_are_not_called_free() {
    let far_too_high = busy(
        not_sent(without_spans(run(true, 50 * US, 20 * MS, 19 * MS)), 9_000),
        0.9,
    );
    check(
        &waiting(far_too_high, 90),
        &["thread_cpu!", "overloaded"],
        Reservations,
    );
}

/// `late` of twenty seconds of one thread in which every read came after `wake_up`.
fn late(mut run: RunMaker, late: u64, wake_up: u64) -> RunMaker {
    for second in 0..20 {
        let value = if second < late { wake_up } else { 50 * US };
        run.socket(second, (0, SocketFigure::ReadDelay), &[value; 50]);
    }
    run.info.streams[0].end_ns = Some(20_000 * MS);
    run.info.phases[0].end.as_mut().unwrap().monotonic_ns = 20_000 * MS;
    run
}

#[test]
fn an_event_loop_that_is_late_again_and_again_is_the_limit() {
    check(
        &late(run(true, 50 * US, 2 * MS, MS), 2, 1_500 * US),
        &[],
        Valid,
    );
    check(
        &late(run(true, 50 * US, 2 * MS, MS), 3, 900 * US),
        &[],
        Valid,
    );
    check(
        &late(run(true, 50 * US, 2 * MS, MS), 3, 1_500 * US),
        &["event_loop_lag!"],
        Reservations,
    );
    check(
        &late(without_spans(run(false, 0, 2 * MS, MS)), 20, 1_500 * US),
        &["event_loop_lag!"],
        Reservations,
    );
    let reason = &analysed(&late(run(true, 50 * US, 2 * MS, MS), 3, 1_500 * US))
        .verdict
        .reasons[0];
    assert_eq!(
        (
            reason.at.as_str(),
            reason.figure,
            reason.limit,
            reason.unit.as_str()
        ),
        ("p", 0.15, 0.1, "share")
    );
}

#[test]
fn a_late_event_loop_beside_a_slow_milvus_is_a_reservation() {
    check(
        &late(run(true, 50 * US, 20 * MS, 19 * MS), 20, 1_500 * US),
        &["event_loop_lag"],
        Reservations,
    );
    check(
        &late(
            without_spans(run(false, 0, 20 * MS, 19 * MS)),
            20,
            1_500 * US,
        ),
        &["event_loop_lag"],
        Reservations,
    );
}

#[test]
fn two_late_seconds_of_a_short_phase_are_an_incident() {
    let short = |seconds: u64| {
        let mut run = run(true, 50 * US, 2 * MS, MS);
        (0..seconds)
            .for_each(|second| run.socket(second, (0, SocketFigure::ReadDelay), &[1_500 * US; 50]));
        run
    };
    check(&short(2), &[], Valid);
    check(&short(3), &["event_loop_lag!"], Reservations);
}

/// A machine of two cores during the ten seconds of a run, in which others used so many of them.
fn beside(mut run: RunMaker, others: f64) -> RunMaker {
    let idle = (2.0_f64 - others - 0.4).max(0.0) / 2.0;
    run.info.phases[0].machine = Some(MachineUse {
        cores: 2,
        at_s: (1..=10).map(f64::from).collect(),
        client: vec![0.1; 10],
        milvus: vec![0.3; 10],
        others: vec![others; 10],
        idle: vec![idle; 10],
        load_average: vec![4.2; 10],
        ..MachineUse::default()
    });
    run
}

#[test]
fn a_busy_machine_is_not_a_slow_client() {
    let advice = |run: &RunMaker| analysed(run).verdict.reasons[0].advice.clone();
    // The same lag is the client's where no other program used the machine.
    check(
        &beside(run(true, 30 * MS, 2 * MS, MS), 0.1),
        &["send_lag!"],
        Invalid,
    );
    let busy = beside(run(true, 30 * MS, 2 * MS, MS), 1.6);
    check(&busy, &["send_lag"], Invalid);
    let text = advice(&busy);
    assert!(
        text.starts_with(
            "the client was late; other programs used 1.6 of 2 cores (load average 4.2), beside \
             Milvus with 0.3"
        ),
        "{text}"
    );
    assert!(
        text.ends_with(
            ": repeat the run on a machine that runs nothing else before you change anything"
        ),
        "{text}"
    );
    assert!(
        text.contains("in the seconds in which 100 % of the late requests were sent"),
        "{text}"
    );
    assert!(analysed(&busy).verdict.reasons[0].busy_machine);
    // One core of two was left: that explains nothing.
    check(
        &beside(run(true, 30 * MS, 2 * MS, MS), 0.9),
        &["send_lag!"],
        Invalid,
    );
}

#[test]
fn others_that_were_busy_at_another_time_explain_nothing() {
    let mut busy = beside(run(true, 30 * MS, 2 * MS, MS), 1.6);
    let machine = busy.info.phases[0].machine.as_mut().expect("a machine");
    // What is late ends within the first seconds of the run.
    machine.start_ns = 3_600_000_000_000;
    check(&busy, &["send_lag!"], Invalid);
}

#[test]
fn slots_that_were_not_sent_on_a_busy_machine_are_not_the_clients_doing() {
    let short = |others| beside(not_sent(run(true, 30 * MS, 30 * MS, MS), 200), others);
    let of = |run: &RunMaker, code: &str| {
        analysed(run)
            .verdict
            .reasons
            .into_iter()
            .find(|reason| reason.code == code)
            .expect("a reason")
    };
    assert!(of(&short(0.1), "below_target").client_bound);
    let busy = of(&short(1.7), "below_target");
    assert!(
        !busy.client_bound
            && busy.busy_machine
            && busy.advice.contains("; other programs used 1.7 of 2 cores"),
        "{busy:?}"
    );
    assert!(
        !busy.advice.contains("--threads")
            && busy.advice.contains("this is not a run at that rate"),
        "{busy:?}"
    );
}

#[test]
fn slots_that_were_not_sent_on_a_busy_machine_are_not_milvus_doing_alone() {
    let of = |others| {
        let overloaded = beside(not_sent(run(true, 30 * MS, 30 * MS, 29 * MS), 200), others);
        analysed(&overloaded)
            .verdict
            .reasons
            .into_iter()
            .find(|reason| reason.code == "overloaded")
            .expect("a reason")
    };
    let calm = of(0.1);
    assert!(
        !calm.busy_machine && calm.advice.starts_with("Milvus did not keep up"),
        "{calm:?}"
    );
    let busy = of(1.7);
    assert!(
        busy.busy_machine && busy.advice.contains("; other programs used 1.7 of 2 cores"),
        "{busy:?}"
    );
    assert!(busy.advice.contains("Milvus did not keep up"), "{busy:?}");
}

#[test]
fn an_event_loop_that_others_held_up_is_not_slow() {
    let late = |others| {
        let mut late = beside(run(true, 50 * US, 2 * MS, MS), others);
        (0..10).for_each(|second| late.socket(second, (0, SocketFigure::ReadDelay), &[5 * MS; 10]));
        analysed(&late)
            .verdict
            .reasons
            .into_iter()
            .find(|reason| reason.code == "event_loop_lag")
            .expect("a reason")
    };
    assert!(late(0.1).client_bound && !late(0.1).busy_machine);
    let busy = late(1.6);
    assert!(
        !busy.client_bound
            && busy.busy_machine
            && busy.advice.contains("; other programs used 1.6 of 2 cores"),
        "{busy:?}"
    );
    assert!(!busy.advice.contains("--threads"), "{busy:?}");
}

/// What is advised about send lag and about a late event loop, of a thread that used `cpu` of a
/// core on a machine with these servers.
fn remedies(cpu: f64, servers: &[&str], plan: serde_json::Value) -> [String; 2] {
    let mut run = busy(late(run(true, 3 * MS, 2 * MS, MS), 20, 1_500 * US), cpu);
    let server = |name: &&str| LocalServer {
        name: (*name).to_owned(),
        ..LocalServer::default()
    };
    run.info.phases[0].machine = Some(MachineUse {
        servers: servers.iter().map(server).collect(),
        ..MachineUse::default()
    });
    run.info.plan["workloads"] = plan;
    ["send_lag", "event_loop_lag"].map(|code| {
        let reasons = analysed(&run).verdict.reasons;
        let found = reasons.iter().find(|reason| reason.code == code);
        let advice = &found.expect("a reason").advice;
        advice.split_once(": ").expect("a remedy").1.to_owned()
    })
}

#[test]
fn a_client_that_is_late_with_idle_threads_beside_milvus_needs_a_machine_not_threads() {
    let more_threads = [
        "use more threads (--threads), a lower rate, or another machine",
        "use more threads (--threads) or another machine",
    ];
    let none = || serde_json::json!({});
    assert_eq!(remedies(0.25, &["Milvus", "Jaeger"], none()), more_threads);
    let idle = "; more threads (--threads) hardly help, since each used less than a quarter of a \
                core";
    let beside = |who: &str| {
        format!(
            "{who} on this machine too, so use another machine for the client, or compare server \
             times, which exclude this wait{idle}"
        )
    };
    let check = |servers: &[&str], expected: String| {
        assert_eq!(remedies(0.03, servers, none()), [&*expected; 2]);
    };
    check(&["Milvus", "Jaeger"], beside("Milvus and Jaeger run"));
    check(&["Milvus"], beside("Milvus runs"));
    check(&[], format!("use another machine for the client{idle}"));
}

#[test]
fn the_requests_of_a_burst_wait_for_a_thread_that_is_idle_on_average() {
    let bursts = serde_json::json!({ "w": { "arrivals": { "burst": 100, "every": "1s" } } });
    let [send_lag, _] = remedies(0.03, &["Milvus"], bursts);
    assert!(send_lag.starts_with("use more threads"), "{send_lag}");
}
