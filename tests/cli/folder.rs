//! A run folder read as a user's tools would read it, and what must hold in each.

use std::{
    fs,
    path::{Path, PathBuf},
};

use milvus_bench::record::{Figure, Outcome, RunReader};
use serde_json::Value;

/// One run folder.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// For a command line.
    pub(crate) fn name(&self) -> &str {
        self.path.to_str().expect("a UTF-8 path")
    }

    pub(crate) fn text(&self, file: &str) -> String {
        fs::read_to_string(self.path.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    pub(crate) fn json(&self, file: &str) -> Value {
        serde_json::from_str(&self.text(file))
            .unwrap_or_else(|error| panic!("{file} is not JSON: {error}"))
    }

    pub(crate) fn run(&self) -> Value {
        self.json("run.json")
    }

    pub(crate) fn report(&self) -> Value {
        self.json("report.json")
    }

    /// The lines of a file of JSON lines; none if it is absent.
    pub(crate) fn lines(&self, file: &str) -> Vec<Value> {
        if !self.path.join(file).exists() {
            return Vec::new();
        }
        self.text(file)
            .lines()
            .map(|line| {
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{file}: {error}: {line}"))
            })
            .collect()
    }

    /// The entry of report.json for `phase` and `workload`.
    #[track_caller]
    pub(crate) fn workload(&self, phase: &str, workload: &str) -> Value {
        let report = self.report();
        let list = report["workloads"].as_array().expect("a list of workloads");
        let found = list
            .iter()
            .find(|entry| entry["phase"] == phase && entry["workload"] == workload);
        found
            .unwrap_or_else(|| panic!("no {phase}/{workload}: {report:#}"))
            .clone()
    }

    /// The entry of report.json for a stage.
    #[track_caller]
    pub(crate) fn stage(&self, phase: &str, stage: &str, workload: &str) -> Value {
        let report = self.report();
        let list = report["workloads"].as_array().expect("a list of workloads");
        let found = list.iter().find(|entry| {
            entry["phase"] == phase && entry["stage"] == stage && entry["workload"] == workload
        });
        found
            .unwrap_or_else(|| panic!("no {phase}/{stage}/{workload}: {report:#}"))
            .clone()
    }

    /// Traced requests of `workload` in the phase `alone` that were sent, as requests.jsonl has
    /// them: a client that is late on a busy machine sends fewer than were due.
    #[track_caller]
    pub(crate) fn traced(&self, workload: &str) -> u64 {
        let is_traced = |line: &&Value| {
            line["sampled"] == true && line["sent_ns"].is_u64() && line["part"] == "measured"
        };
        let lines = self.lines("requests.jsonl");
        let traced = lines
            .iter()
            .filter(|line| line["phase"] == "alone" && line["workload"] == workload)
            .filter(is_traced)
            .count() as u64;
        assert!(traced > 0, "no traced request of {workload} was sent");
        traced
    }

    /// Names of all files.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(&self.path)
            .expect("the folder")
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .into_string()
                    .expect("a UTF-8 name")
            })
            .collect();
        names.sort();
        names
    }

    /// All bytes of all files.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.files()
            .iter()
            .flat_map(|name| fs::read(self.path.join(name)).expect("a file"))
            .collect()
    }

    /// What holds in every run folder with a report.
    #[track_caller]
    pub(crate) fn check(&self) {
        assert!(
            self.files().iter().all(|name| !name.starts_with('.')),
            "scratch files are left: {:?}",
            self.files()
        );
        assert_eq!(self.run()["format"], 1);
        for line in self.lines("spans.jsonl") {
            assert!(line["resourceSpans"].is_array(), "{line}");
        }
        self.lines("requests.jsonl").iter().for_each(check_times);
        let report = self.report();
        assert_eq!(report["format"], 1);
        for workload in report["workloads"].as_array().expect("a list of workloads") {
            check_counts(workload);
            check_join(workload);
            check_account(workload);
            self.check_histogram(workload);
        }
    }

    /// The successes of the report are those of latency.hlog.
    fn check_histogram(&self, workload: &Value) {
        let histograms = RunReader::open(&self.path)
            .and_then(|reader| reader.histograms())
            .expect("latency.hlog");
        let matching = histograms.merged.iter().filter(|(key, _)| {
            workload["phase"] == key.phase
                && workload["workload"] == key.workload
                && workload["stage"].as_str().unwrap_or("measured") == key.part.to_string()
                && (key.figure, key.outcome) == (Figure::ServiceTime, Outcome::Ok)
        });
        let successes: u64 = matching.map(|(_, histogram)| histogram.len()).sum();
        assert_eq!(
            count(&workload["requests"], "ok"),
            successes,
            "{workload:#}"
        );
    }
}

/// Successes of a workload of `due` slots. All were sent and answered, but for those that a busy
/// machine was too late for.
#[track_caller]
pub(crate) fn all_due(workload: &Value, due: u64) -> u64 {
    let [ok, not_sent] = ["ok", "not_sent"].map(|key| count(&workload["requests"], key));
    assert!(ok > 0 && ok + not_sent == due, "{workload:#}");
    ok
}

/// The number `key`.
#[track_caller]
pub(crate) fn count(of: &Value, key: &str) -> u64 {
    of[key]
        .as_u64()
        .unwrap_or_else(|| panic!("no number {key:?} in {of:#}"))
}

fn check_times(line: &Value) {
    let times: Vec<u64> = ["intended_ns", "sent_ns", "done_ns"]
        .iter()
        .filter_map(|key| line[key].as_u64())
        .collect();
    assert!(times.is_sorted(), "{line}");
}

fn check_counts(workload: &Value) {
    let requests = &workload["requests"];
    let [due, ok, failed, not_sent] =
        ["due", "ok", "failed", "not_sent"].map(|key| count(requests, key));
    assert_eq!(due, ok + failed + not_sent, "{workload:#}");
    let outcomes: u64 = requests["outcomes"]
        .as_object()
        .expect("outcomes")
        .values()
        .filter_map(Value::as_u64)
        .sum();
    assert_eq!(outcomes, failed, "{workload:#}");
    let closed = workload["loop"] == "closed";
    assert!(
        !closed || (workload["response_time_us"].is_null() && workload["send_lag_us"].is_null()),
        "{workload:#}"
    );
}

fn check_join(workload: &Value) {
    let join = &workload["join"];
    if join.is_null() {
        return;
    }
    let states = [
        "matched",
        "incomplete",
        "no_root",
        "missing",
        "not_recorded",
        "not_fetched",
    ];
    let sum: u64 = states.iter().map(|key| count(join, key)).sum();
    assert_eq!(sum, count(join, "sampled"), "{join:#}");
}

fn check_account(workload: &Value) {
    for band in workload["account"].as_array().into_iter().flatten() {
        let mean = band["mean_us"].as_f64().expect("a mean");
        let parts = band["parts"].as_array().expect("parts");
        let sum: f64 = parts
            .iter()
            .filter_map(|part| part["mean_us"].as_f64())
            .sum();
        assert!(
            (sum - mean).abs() <= 1e-6 * mean,
            "{sum} is not {mean}: {band:#}"
        );
    }
}
