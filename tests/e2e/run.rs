//! A run folder as the cases look at it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use milvus_bench::analysis::{Analysis, WorkloadAnalysis};
use milvus_bench::record::{RequestLine, RunInfo, RunReader};
use milvus_bench::spans::{Trace, read_all};

use crate::bench::Ended;

/// One run that has ended, and what it left.
pub(crate) struct Run {
    pub(crate) folder: PathBuf,
    pub(crate) ended: Ended,
    /// When the program was started.
    pub(crate) began: SystemTime,
    pub(crate) report: Analysis,
}

impl Run {
    pub(crate) fn read(folder: &Path, ended: Ended, began: SystemTime) -> Self {
        let report = report(folder);
        Self {
            folder: folder.to_owned(),
            ended,
            began,
            report,
        }
    }

    /// The folder as an argument.
    pub(crate) fn argument(&self) -> String {
        self.folder.display().to_string()
    }

    pub(crate) fn bytes(&self, file: &str) -> Vec<u8> {
        std::fs::read(self.folder.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    pub(crate) fn text(&self, file: &str) -> String {
        String::from_utf8(self.bytes(file)).expect("UTF-8")
    }

    pub(crate) fn reader(&self) -> RunReader {
        RunReader::open(&self.folder).expect("run.json")
    }

    pub(crate) fn info(&self) -> RunInfo {
        self.reader().info().clone()
    }

    /// Every line of requests.jsonl.
    pub(crate) fn requests(&self) -> Vec<RequestLine> {
        let lines = self.reader().requests().expect("requests.jsonl");
        lines.map(|line| line.expect("a request")).collect()
    }

    /// Every trace of spans.jsonl.
    pub(crate) fn traces(&self) -> HashMap<u128, Trace> {
        let read = read_all(&self.folder.join("spans.jsonl")).expect("spans.jsonl");
        assert!(!read.truncated, "spans.jsonl ends in the middle of a line");
        read.traces
    }

    /// report.json as it is now.
    pub(crate) fn report_now(&self) -> Analysis {
        report(&self.folder)
    }

    /// The measured workload `name` of `phase`.
    pub(crate) fn workload(&self, phase: &str, name: &str) -> &WorkloadAnalysis {
        let found = self
            .report
            .workloads
            .iter()
            .find(|workload| workload.phase == phase && workload.workload == name);
        found.unwrap_or_else(|| panic!("{phase}/{name} is not in report.json"))
    }
}

fn report(folder: &Path) -> Analysis {
    let bytes = std::fs::read(folder.join("report.json")).expect("report.json");
    serde_json::from_slice(&bytes).expect("report.json has its shape")
}

/// Every workload that was measured, not the steps of preparation.
pub(crate) fn measured(report: &Analysis) -> impl Iterator<Item = &WorkloadAnalysis> {
    report
        .workloads
        .iter()
        .filter(|workload| workload.phase != "prepare")
}

/// Requests whose trace was matched, of the whole run.
pub(crate) fn matched(report: &Analysis) -> u64 {
    report
        .workloads
        .iter()
        .filter_map(|workload| workload.join)
        .map(|join| join.matched)
        .sum()
}
