//! What must hold for every run, whatever was measured.

use std::collections::HashMap;

use milvus_bench::analysis::{
    AccountOptions, Band, JoinState, VerdictState, WorkloadAnalysis, account,
};
use milvus_bench::record::{Outcome, RequestLine};
use milvus_bench::spans::Trace;

use crate::run::Run;

/// Files, order of times, counts, joins and accounts of a run that ended well.
pub(crate) fn run_is_sound(run: &Run) {
    files_parse(run);
    only_a_busy_machine_is_invalid(run);
    times_are_in_order(run);
    for workload in &run.report.workloads {
        counts_add_up(workload);
        joins_add_up(workload);
        workload
            .account
            .iter()
            .filter(|band| band.matched > 0)
            .for_each(|band| parts_add_up(workload, band));
    }
}

fn files_parse(run: &Run) {
    let info = run.info();
    assert_eq!(
        format!("{:?}", info.status),
        "Complete",
        "{:?}",
        info.failure
    );
    run.text("scenario.toml")
        .parse::<toml::Table>()
        .expect("scenario.toml is TOML");
    assert!(!run.requests().is_empty(), "requests.jsonl is empty");
    let histograms = run.reader().histograms().expect("latency.hlog");
    assert!(histograms.damage.is_none(), "{:?}", histograms.damage);
    let is_ok = |outcome| outcome == Outcome::Ok;
    assert!(
        histograms
            .merged
            .iter()
            .any(|(key, histogram)| is_ok(key.outcome) && !histogram.is_empty())
    );
    assert!(!run.traces().is_empty(), "spans.jsonl is empty");
    assert_eq!(run.report.status, "complete");
    assert_eq!(
        run.text("report.txt"),
        run.ended.stdout,
        "what was printed is what was kept"
    );
}

/// A client that is late by itself is no fault of the run; anything else that makes it invalid is.
fn only_a_busy_machine_is_invalid(run: &Run) {
    let invalid = run
        .report
        .verdict
        .reasons
        .iter()
        .filter(|reason| reason.state == VerdictState::Invalid);
    let others: Vec<_> = invalid
        .filter(|reason| !reason.client_bound && !reason.busy_machine)
        .collect();
    assert!(others.is_empty(), "{others:?}");
}

fn times_are_in_order(run: &Run) {
    for line in run.requests() {
        let order = [line.intended_ns, line.sent_ns, line.done_ns];
        let known: Vec<u64> = order.into_iter().flatten().collect();
        assert!(
            known.is_sorted(),
            "intended, sent, done of {} are {order:?}",
            line.trace_id
        );
    }
}

fn counts_add_up(workload: &WorkloadAnalysis) {
    let counts = &workload.requests;
    assert_eq!(
        counts.due,
        counts.ok + counts.failed + counts.not_sent,
        "{}: {counts:?}",
        workload.place()
    );
}

fn joins_add_up(workload: &WorkloadAnalysis) {
    let Some(join) = workload.join else { return };
    let states = [
        join.matched,
        join.incomplete,
        join.no_root,
        join.missing,
        join.not_recorded,
        join.not_fetched,
    ];
    assert_eq!(
        states.iter().sum::<u64>(),
        join.sampled,
        "{}: {join:?}",
        workload.place()
    );
}

fn parts_add_up(workload: &WorkloadAnalysis, band: &Band) {
    let sum: f64 = band.parts.iter().map(|part| part.mean_us).sum();
    let off = (sum - band.mean_us).abs() / band.mean_us;
    assert!(
        off < 1e-6,
        "{} band {}: the parts add up to {sum} us, its mean is {} us",
        workload.place(),
        band.band,
        band.mean_us
    );
}

/// Whether other programs left nothing of the machine at some time of `phase`.
fn was_full(run: &Run, phase: &str) -> bool {
    let of_phase = run
        .report
        .machine
        .iter()
        .filter(|machine| machine.phase == phase)
        .map(|machine| &machine.use_of);
    of_phase
        .flat_map(|machine| machine.others.iter().zip(&machine.idle))
        .any(|(others, idle)| *others >= 0.25 && *idle < 0.15)
}

/// At least `share` of the sampled searches of every measured phase are matched. A Milvus that
/// other programs starve loses spans before it sends them: then half is enough, as long as all that
/// came to the back end was read.
pub(crate) fn searches_are_matched(run: &Run, share: f64) {
    let searches: Vec<_> = crate::run::measured(&run.report)
        .filter(|workload| workload.operation == "search")
        .collect();
    assert!(!searches.is_empty());
    for workload in searches {
        let join = workload.join.expect("searches were sampled");
        assert!(join.sampled > 0, "{}", workload.place());
        let matched = join.matched as f64 / join.sampled as f64;
        let fetch = run.info().fetch.expect("spans were fetched");
        assert!(fetch.error.is_none() && fetch.not_fetched == 0, "{fetch:?}");
        let least = if was_full(run, &workload.phase) {
            share.min(0.5)
        } else {
            share
        };
        assert!(
            matched >= least,
            "{}: {matched} of the sampled are matched, at least {least} are wanted, {join:?}",
            workload.place()
        );
    }
}

/// Every trace of the run: the pieces of the account tile the server's interval, none is empty or
/// negative, and together they are its duration to the nanosecond. Says how many accounts were
/// looked at.
pub(crate) fn accounts_are_exact(run: &Run) -> usize {
    let traces = run.traces();
    let resolution_ns = run
        .report
        .spans
        .as_ref()
        .expect("spans were read")
        .resolution_ns;
    let mut matched: HashMap<String, u64> = HashMap::new();
    let mut looked_at = 0;
    for line in run
        .requests()
        .iter()
        .filter(|line| line.sampled && line.sent_ns.is_some() && line.part.is_measured())
    {
        if account_is_exact(line, &traces, resolution_ns) {
            let place = line.part.stage().map_or_else(
                || line.phase.clone(),
                |stage| format!("{}/{stage}", line.phase),
            );
            *matched
                .entry(format!("{place}/{}", line.workload))
                .or_default() += 1;
            looked_at += 1;
        }
    }
    for workload in run
        .report
        .workloads
        .iter()
        .filter(|workload| workload.join.is_some())
    {
        let found = matched.get(&workload.place()).copied().unwrap_or_default();
        assert_eq!(
            Some(found),
            workload.join.map(|join| join.matched),
            "{}",
            workload.place()
        );
    }
    looked_at
}

/// False where the request is not matched.
fn account_is_exact(line: &RequestLine, traces: &HashMap<u128, Trace>, resolution_ns: u32) -> bool {
    let trace_id = u128::from_str_radix(&line.trace_id, 16).expect("32 hex digits");
    let client_span_id = u64::from_str_radix(&line.span_id, 16).expect("16 hex digits");
    let Some(trace) = traces.get(&trace_id) else {
        return false;
    };
    let options = AccountOptions {
        client_span_id,
        succeeded: line.outcome == Outcome::Ok,
        resolution_ns,
    };
    let account = match account(trace, &options) {
        Ok(account) => account,
        Err(state) => {
            assert_ne!(state, JoinState::Matched, "{}", line.trace_id);
            return false;
        }
    };
    let duration = trace.spans[account.top as usize].duration_ns();
    assert_eq!(account.server_ns, duration, "{}", line.trace_id);
    let mut clock = 0;
    for piece in &account.pieces {
        assert_eq!(
            piece.start_ns, clock,
            "{}: a gap or an overlap before {piece:?}",
            line.trace_id
        );
        assert!(
            piece.end_ns > piece.start_ns,
            "{}: {piece:?}",
            line.trace_id
        );
        clock = piece.end_ns;
    }
    assert_eq!(
        u64::try_from(clock),
        Ok(duration),
        "{}: the pieces don't reach the root's end",
        line.trace_id
    );
    true
}
