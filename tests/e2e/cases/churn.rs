//! A mix of searches, upserts and deletes: what was acknowledged is there, counts add up, every
//! span has an area, and the client does not grow.
//!
//! Twenty seconds by default; five minutes, as it has to hold, with `MILVUS_BENCH_CHURN_S=300`.

use crate::{bench::Ended, checks, harness::say, run::Run, servers::Servers, support::written};

const PARTS: [&str; 3] = ["churn:search", "churn:upsert", "churn:delete"];

/// From how many seconds on the growth of memory is looked at.
const LONG_S: u64 = 240;
/// Seconds at the beginning that are left out of it.
const WARM_S: f64 = 60.0;
/// Largest growth, MiB a minute.
const GROWTH: f64 = 1.0;

pub(crate) fn what_was_acknowledged_is_there(servers: &Servers) {
    let wanted = std::env::var("MILVUS_BENCH_CHURN_S").ok();
    let seconds: u64 = wanted.map_or(20, |text| text.parse().expect("whole seconds"));
    let duration = format!("phases.churn.duration={seconds}s");
    let sets = [
        "collections.rows.name=milvus_bench_churn_read_back",
        "collections.rows.keep=true",
        "phases.alone.warmup=0s",
        "phases.alone.duration=2s",
        // Five minutes use up fewer than the 10,000 rows that may be deleted.
        "workloads.churn.rate=100",
        &duration,
    ];
    let began = std::time::SystemTime::now();
    let (folder, mut running) = servers.start_run("churn", &sets).expect("a folder");
    let memory = running.memory();
    let (code, stderr) = running.ended();
    assert_eq!(code, Some(0), "{stderr}");
    let ended = Ended {
        code,
        stdout: std::fs::read_to_string(folder.join("report.txt")).expect("a report"),
        stderr,
        took: began.elapsed().unwrap_or_default(),
    };
    let run = Run::read(&folder, ended, began);
    checks::run_is_sound(&run);
    checks::accounts_are_exact(&run);
    let (grown, samples) = growth(&run, &memory);
    say(&format!(
        "    resident memory: {grown:.2} MiB a minute over {samples} s of {seconds}"
    ));
    let written = written::replay(&folder, &sets);
    assert!(!written.deleted.is_empty() && !written.replaced.is_empty());
    written.check(&servers.stack.milvus_uri);
    counts_add_up(&run, written.deleted.len() as u64);
    no_name_is_unknown(&run);
    assert!(
        seconds < LONG_S || (samples > 150 && grown < GROWTH),
        "{grown} MiB a minute over {samples} s"
    );
}

/// Nothing failed, and what was deleted is what the requests and their replies say.
fn counts_add_up(run: &Run, deleted: u64) {
    for name in PARTS {
        let requests = &run.workload("churn", name).requests;
        assert!(requests.ok > 0, "{name}: {requests:?}");
        assert_eq!(requests.due, requests.ok, "{name}: {requests:?}");
    }
    let info = run.info();
    let streams = info.streams.iter();
    let deletes = streams.filter(|stream| stream.workload == "churn:delete");
    let requests: u64 = deletes.map(|stream| stream.sent).sum();
    assert_eq!(deleted, 2 * requests, "two rows a request");
    let rows = info.collections.last().and_then(|state| state.rows);
    // Replaced rows may be counted twice for a while.
    assert!(
        rows.is_some_and(|rows| rows >= 20_000 - deleted),
        "{:?}",
        info.collections.last()
    );
    let reasons = &run.report.verdict.reasons;
    let foreign = reasons.iter().any(|reason| reason.code == "foreign_rows");
    assert!(!foreign, "{reasons:?}");
}

fn no_name_is_unknown(run: &Run) {
    for name in PARTS {
        let workload = run.workload("churn", name);
        let join = workload.join.expect("requests are traced");
        assert!(join.matched > 0, "{name}: {join:?}");
        let traces = workload.traces.as_ref().expect("traces");
        assert!(
            traces.unknown_names.is_empty(),
            "{name}: {:?}",
            traces.unknown_names
        );
    }
}

/// MiB a minute by least squares while the mix ran, without its first minute, and the samples.
fn growth(run: &Run, memory: &[(f64, f64)]) -> (f64, usize) {
    let info = run.info();
    let phase = info.phases.iter().find(|phase| phase.name == "churn");
    let phase = phase.expect("the phase");
    let seconds = |anchor: &milvus_bench::record::ClockAnchor| anchor.unix_ns as f64 / 1e9;
    let from = seconds(&phase.start) + WARM_S;
    let to = phase.end.as_ref().map_or(f64::MAX, seconds);
    let samples: Vec<(f64, f64)> = memory
        .iter()
        .filter(|(at, _)| (from..to).contains(at))
        .map(|(at, mib)| ((at - from) / 60.0, *mib))
        .collect();
    let n = samples.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| samples.iter().map(of).sum::<f64>() / n;
    let (x, y) = (mean(|at| at.0), mean(|at| at.1));
    let covariance: f64 = samples.iter().map(|at| (at.0 - x) * (at.1 - y)).sum();
    let variance: f64 = samples.iter().map(|at| (at.0 - x).powi(2)).sum();
    (covariance / variance, samples.len())
}
