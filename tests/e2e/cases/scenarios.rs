//! Every scenario that is shipped runs as it is, but shorter.

use std::collections::BTreeSet;

use crate::bench::scenarios;
use crate::checks;
use crate::run::Run;
use crate::servers::Servers;

/// What is run by a case.
const RUN: &[&str] = &[
    "ann-benchmarks",
    "churn",
    "first-trace",
    "ingest",
    "quickstart",
    "search-only",
    "stages",
    "strong-consistency",
    "tenants",
    "vectordbbench",
];

pub(crate) fn each_has_a_case(_: &Servers) {
    let entries = std::fs::read_dir(scenarios()).expect("scenarios/");
    let names = entries.flatten().filter_map(|entry| {
        entry
            .file_name()
            .to_str()?
            .strip_suffix(".toml")
            .map(str::to_owned)
    });
    assert_eq!(
        names.collect::<BTreeSet<_>>(),
        RUN.iter().map(|name| (*name).to_owned()).collect()
    );
}

fn run(servers: &Servers, name: &str, sets: &[&str]) -> Run {
    let run = servers
        .run(name, sets)
        .unwrap_or_else(|error| panic!("{error}"));
    checks::run_is_sound(&run);
    checks::accounts_are_exact(&run);
    run
}

pub(crate) fn first_trace(servers: &Servers) {
    let run = run(
        servers,
        "first-trace",
        &["phases.first.warmup=0s", "phases.first.duration=3s"],
    );
    for name in ["search", "insert", "query"] {
        let workload = run.workload("first", name);
        assert!(
            workload.requests.ok > 0 && workload.requests.failed == 0,
            "{name}: {:?}",
            workload.requests
        );
        assert_eq!(
            workload.join.map(|join| join.sampled),
            Some(workload.requests.ok),
            "{name}: every request is traced"
        );
    }
    checks::searches_are_matched(&run, 0.9);
    let services: BTreeSet<String> = run
        .traces()
        .values()
        .flat_map(|trace| trace.spans.iter().map(|span| span.service().to_owned()))
        .collect();
    assert!(
        services.contains("milvus-client") && services.contains("standalone"),
        "{services:?}"
    );
}

/// The second run finds the rows of the first and inserts none.
pub(crate) fn search_only_keeps_its_collection(servers: &Servers) {
    // A name of its own: other cases keep the collection of this scenario too.
    let name = "collections.words.name=milvus_bench_search_only_keeps";
    let short = [
        "phases.low.warmup=0s",
        "phases.low.duration=2s",
        "phases.high.warmup=0s",
        "phases.high.duration=2s",
        name,
    ];
    let steps = |run: &Run| -> BTreeSet<String> {
        let prepared = run
            .report
            .workloads
            .iter()
            .filter(|workload| workload.phase == "prepare");
        prepared
            .filter(|workload| workload.requests.due > 0)
            .map(|workload| workload.operation.clone())
            .collect()
    };
    let first = run(servers, "search-only", &short);
    assert!(steps(&first).contains("insert"), "{:?}", steps(&first));
    let recall = first
        .workload("low", "low")
        .recall
        .as_ref()
        .expect("the truth is known")
        .mean;
    assert!(recall > 0.8, "recall {recall}");
    let second = run(servers, "search-only", &short);
    assert!(!steps(&second).contains("insert"), "{:?}", steps(&second));
    checks::searches_are_matched(&second, 0.95);
}

/// A rate that no Milvus of this machine holds: the run ends in time, every slot is accounted for,
/// and quantiles that the missing ones could move are lower bounds.
pub(crate) fn a_rate_far_above_milvus_ends_as_overloaded(servers: &Servers) {
    let short = [
        "phases.low.warmup=0s",
        "phases.low.duration=3s",
        "phases.high.warmup=0s",
        "phases.high.duration=1s",
    ];
    let rate = [
        "workloads.low.rate=50000",
        "workloads.low.max_in_flight=32",
        "tracing.max_traces=2000",
    ];
    let run = run(servers, "search-only", &[short.as_slice(), &rate].concat());
    let workload = run.workload("low", "low");
    assert!(
        workload.requests.due > 140_000 && workload.requests.not_sent > workload.requests.ok,
        "{:?}",
        workload.requests
    );
    let p99 = workload
        .response_time_us
        .as_ref()
        .and_then(|quantiles| quantiles.get("p99"))
        .expect("a p99");
    assert!(p99.at_least, "{p99:?}");
    let reasons = &run.report.verdict.reasons;
    assert!(
        reasons
            .iter()
            .any(|reason| reason.code == "overloaded" && reason.at == "low/low"),
        "{reasons:?}"
    );
    assert!(
        run.text("report.txt").contains("overloaded"),
        "{}",
        run.text("report.txt")
    );
}

/// Every level has a row with its own account; the counts of bursts and callers are those of the
/// scenario.
pub(crate) fn stages_are_rows_of_their_own(servers: &Servers) {
    let short = [
        "workloads.search.stages.average.for=3s",
        "workloads.search.stages.peak.for=3s",
    ];
    let run = run(servers, "stages", &short);
    let measured = run
        .report
        .workloads
        .iter()
        .filter(|workload| workload.phase != "prepare");
    let rows: Vec<(Option<&str>, &str)> = measured
        .clone()
        .map(|row| (row.stage.as_deref(), row.workload.as_str()))
        .collect();
    assert_eq!(
        rows,
        [
            (None, "bursts"),
            (Some("average"), "search"),
            (Some("peak"), "search"),
            (Some("eight"), "callers")
        ]
    );
    for row in measured {
        assert!(
            row.requests.ok > 0 && row.requests.failed == 0,
            "{}: {:?}",
            row.place(),
            row.requests
        );
        assert!(!row.account.is_empty(), "{} has no account", row.place());
    }
    assert_eq!(
        run.workload("open", "bursts").requests.due,
        140,
        "20 a second for 7 s"
    );
    assert!(
        run.report
            .warmup
            .iter()
            .any(|part| part.part == "ramp" && part.requests > 0),
        "{:?}",
        run.report.warmup
    );
}

pub(crate) fn ingest(servers: &Servers) {
    let run = run(servers, "ingest", &["data.noise.rows=10000"]);
    let workload = run.workload("fill", "ingest");
    assert_eq!(
        (workload.requests.ok, workload.requests.failed),
        (50, 0),
        "10,000 rows in batches of 200"
    );
    assert!(workload.rows_per_s.is_some_and(|rows| rows > 0.0));
    assert!(
        workload.response_time_us.is_none(),
        "a closed loop has no response time"
    );
}

/// Milvus 2.3.5 lets a strong search wait for its time tick, 200 ms by default; a bounded one does
/// not wait.
pub(crate) fn strong_consistency_waits(servers: &Servers) {
    let short = [
        "phases.bounded.warmup=0s",
        "phases.bounded.duration=3s",
        "phases.strong.warmup=0s",
        "phases.strong.duration=4s",
    ];
    let run = run(servers, "strong-consistency", &short);
    let (bounded, strong) = (areas(&run, "bounded"), areas(&run, "strong"));
    let wait = strong
        .iter()
        .find(|(area, _)| area == "consistency wait")
        .map_or(0.0, |(_, mean)| *mean);
    assert!(wait > 100_000.0, "{strong:?}");
    assert!(strong.iter().all(|(_, mean)| *mean <= wait), "{strong:?}");
    let unforced = bounded
        .iter()
        .find(|(area, _)| area == "consistency wait")
        .map_or(0.0, |(_, mean)| *mean);
    assert!(unforced < wait / 4.0, "{bounded:?}");
}

/// Mean of each area over the matched searches of a phase whose only workload has its name,
/// microseconds.
fn areas(run: &Run, phase: &str) -> Vec<(String, f64)> {
    let workload = run.workload(phase, phase);
    let all = workload
        .account
        .iter()
        .find(|band| band.band == "all")
        .expect("the band of all requests");
    let mut areas: Vec<(String, f64)> = Vec::new();
    for part in &all.parts {
        match areas.iter_mut().find(|(area, _)| *area == part.area) {
            Some((_, mean)) => *mean += part.mean_us,
            None => areas.push((part.area.clone(), part.mean_us)),
        }
    }
    areas
}

/// Mean recall of a workload in the phase of its name.
fn recall(run: &Run, name: &str) -> f64 {
    let recall = run.workload(name, name).recall.as_ref();
    recall.expect("the truth of the file is known").mean
}

pub(crate) fn a_file_of_ann_benchmarks_has_its_recall(servers: &Servers) {
    let levels = ["ef-10", "ef-40", "ef-160", "ef-640"];
    let short: Vec<String> = levels
        .iter()
        .flat_map(|level| {
            [
                format!("phases.{level}.warmup=0s"),
                format!("phases.{level}.duration=1s"),
            ]
        })
        .collect();
    let short: Vec<&str> = short.iter().map(String::as_str).collect();
    let run = run(servers, "ann-benchmarks", &short);
    let found = levels.map(|level| recall(&run, level));
    // 2,000 rows: ef = 640 looks at a third of them.
    assert!(found[3] > 0.999, "{found:?}");
    assert!(found[0] > 0.5 && found[0] <= found[3], "{found:?}");
    checks::searches_are_matched(&run, 0.95);
}

pub(crate) fn a_folder_of_vectordbbench_runs_as_it_is(servers: &Servers) {
    let short = [
        "phases.serial.warmup=0s",
        "phases.serial.duration=1s",
        "phases.concurrent.warmup=0s",
        "workloads.serial.params={ ef = 1000 }",
        "workloads.search.concurrency={ stages = [{ at = 1, for = \"1s\" }, { at = 5, for = \
         \"1s\" }] }",
    ];
    let run = run(servers, "vectordbbench", &short);
    // Of 2,000 rows: half of them are looked at.
    let found = recall(&run, "serial");
    assert!(found > 0.999, "recall {found}");
    let rows = run.report.workloads.iter();
    let stages: Vec<f64> = rows
        .filter(|row| row.phase == "concurrent")
        .filter_map(|row| Some(row.recall.as_ref()?.mean))
        .collect();
    assert_eq!(stages.len(), 2, "a row for each number of callers");
    // 100 neighbours with ef = 100: 0.93 on Milvus 2.3.5.
    assert!(stages.iter().all(|mean| *mean > 0.85), "{stages:?}");
    checks::searches_are_matched(&run, 0.95);
}

pub(crate) fn tenants_have_figures_of_their_own(servers: &Servers) {
    let short = [
        "collections.documents.data=noise",
        "data.noise.rows=2000",
        "phases.search.warmup=0s",
        "phases.search.duration=4s",
    ];
    let run = run(servers, "tenants", &short);
    let search = run.workload("search", "search");
    let classes: Vec<&str> = search
        .classes
        .iter()
        .map(|class| class.class.as_str())
        .collect();
    assert_eq!(classes, ["1", "2-10", "11-100", "101+"]);
    let due: u64 = search.classes.iter().map(|class| class.requests.due).sum();
    assert_eq!(due, search.requests.due, "every request is in a class");
    let first = &search.classes[0];
    assert!(
        first.requests.ok > 0 && first.requests.failed == 0,
        "{:?}",
        first.requests
    );
}
