//! The quickstart: the one command of the README.

use std::time::{Duration, UNIX_EPOCH};

use crate::checks;
use crate::harness::say;
use crate::run::{Run, measured};
use crate::servers::Servers;

/// The searches are traced, their traces come back, and their time is accounted for.
pub(crate) fn explains_its_searches(servers: &Servers) {
    let run = servers.quickstart();
    checks::run_is_sound(run);
    checks::searches_are_matched(run, 0.95);
    let phases: Vec<&str> = measured(&run.report)
        .map(|workload| workload.phase.as_str())
        .collect();
    assert_eq!(phases, ["alone", "under-ingest", "under-ingest"]);
    let search = run.workload("alone", "search");
    // How many of them Milvus answers is the machine's.
    assert!(
        search.requests.due > 1_500 && search.requests.ok > 500,
        "200 a second for 10 s: {:?}",
        search.requests
    );
    assert!(
        search
            .recall
            .as_ref()
            .is_none_or(|recall| recall.mean > 0.5),
        "{:?}",
        search.recall
    );
    let all = search
        .account
        .iter()
        .find(|band| band.band == "all")
        .expect("the band of all requests");
    assert!(
        all.parts
            .iter()
            .any(|part| part.area == "engine" && part.mean_us > 0.0),
        "{:?}",
        all.parts
    );
    assert!(run.ended.stdout.contains("gap"), "{}", run.ended.stdout);
    let states = &run.report.collections;
    let (first, last) = (
        states.first().expect("a state before the load"),
        states.last().expect("a state after it"),
    );
    assert!(
        last.rows > first.rows && last.growing_rows > Some(0),
        "inserted rows are counted: {states:?}"
    );
    fetch_was_whole(run);
}

/// Every id was read well before the deadline would have ended the reading.
fn fetch_was_whole(run: &Run) {
    let fetch = run.info().fetch.expect("spans were fetched");
    assert_eq!(fetch.error, None);
    assert!(
        fetch.back_end_received.is_some_and(|received| received > 0),
        "the counters on the moved admin port are read: {fetch:?}"
    );
    assert_eq!(fetch.back_end_dropped, Some(0));
    say(&format!(
        "  {} traces, {} spans, read {:.1} s after the load",
        fetch.asked, fetch.spans, fetch.took_s
    ));
    assert!(fetch.asked > 0 && fetch.not_fetched == 0, "{fetch:?}");
}

/// The same scenario at once again: the collection is made anew, and no span of the first run is
/// taken for one of the second.
pub(crate) fn twice_into_one_jaeger_are_two_runs(servers: &Servers) {
    let first = servers.quickstart();
    let short = [
        "phases.alone.warmup=0s",
        "phases.alone.duration=3s",
        "phases.under-ingest.duration=3s",
    ];
    let second = servers
        .run_with("quickstart", &short, &["--stack"])
        .unwrap_or_else(|error| panic!("{error}"));
    assert!(
        second.ended.stderr.contains("not starting another one"),
        "{}",
        second.ended.stderr
    );
    checks::run_is_sound(&second);
    checks::searches_are_matched(&second, 0.95);
    let begun = UNIX_EPOCH + Duration::from_nanos(second.info().start.unix_ns);
    let waited = begun.duration_since(second.began).unwrap_or_default();
    assert!(
        waited < Duration::from_secs(60),
        "it began {waited:?} after its start"
    );
    let (old, new) = (first.info().nonce, second.info().nonce);
    assert_ne!(old, new);
    for trace in second.traces().values() {
        assert_eq!(
            format!("{:016x}", trace.trace_id >> 64),
            new,
            "a trace of another run"
        );
    }
    for workload in measured(&second.report) {
        let facts = workload.traces.as_ref().expect("traces were read");
        assert_eq!(
            facts.retried_by_transport, 0,
            "{}/{}",
            workload.phase, workload.workload
        );
    }
}

/// The account is right for every single request of a real run.
pub(crate) fn every_real_trace_is_exact(servers: &Servers) {
    let looked_at = checks::accounts_are_exact(servers.quickstart());
    say(&format!("  {looked_at} accounts"));
    assert!(looked_at > 1_000, "{looked_at} accounts");
}
