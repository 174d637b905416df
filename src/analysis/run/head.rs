//! What stands around the figures of a run: its state, its environment, where its spans came from,
//! what was left out of the figures, and what went wrong.

use std::collections::BTreeMap;

use super::stream::Run;
use crate::{
    analysis::{
        figures::{histograms::counts, machine},
        judgement::verdict,
        model::{ImpossibleTimes, MEASURED_LOAD, SpanSummary, WarmupCount},
    },
    record::{FigureHistograms, RunInfo, Status},
};

pub(super) fn status(status: Status) -> &'static str {
    match status {
        Status::Running => "running",
        Status::Complete => "complete",
        Status::Interrupted => "interrupted",
        Status::Aborted => "aborted",
        Status::Failed => "failed",
    }
}

/// What was measured, with what, on which machine.
pub(super) fn environment(info: &RunInfo) -> Vec<(String, String)> {
    let of = |map: &BTreeMap<String, String>, keys: &[&str]| {
        keys.iter()
            .filter_map(|key| map.get(*key).cloned())
            .collect::<Vec<_>>()
    };
    let cores = info
        .environment
        .get("cores")
        .map(|cores| format!("{cores} cores"));
    let machine: Vec<String> = cores
        .into_iter()
        .chain(of(&info.environment, &["processor", "memory", "os"]))
        .collect();
    let facts = [
        ("milvus", of(&info.servers, &["milvus"]).join(" ")),
        (
            "milvus-bench",
            of(&info.tool, &["version", "profile"]).join(" "),
        ),
        ("machine", machine.join(", ")),
        ("load threads", load_threads(info)),
        (MEASURED_LOAD, machine::fact(info).unwrap_or_default()),
    ];
    facts
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

/// `1 of 2 cores (default)`: how many, who chose it, and how they ran.
fn load_threads(info: &RunInfo) -> String {
    let of = info
        .environment
        .get("cores")
        .map_or(String::new(), |cores| format!(" of {cores} cores"));
    let chosen = match info.threads_given {
        Some(true) => " (--threads)",
        Some(false) => " (default)",
        None => "",
    };
    let cores: Vec<String> = info.pinned.iter().map(ToString::to_string).collect();
    let pinned = if cores.is_empty() {
        String::new()
    } else {
        format!(", pinned to {}", cores.join(" "))
    };
    let precise = if info.precise { ", precise" } else { "" };
    format!("{}{of}{chosen}{pinned}{precise}", info.threads)
}

pub(super) fn spans(run: &Run<'_>) -> Option<SpanSummary> {
    let fetch = run.info.fetch.as_ref()?;
    Some(SpanSummary {
        source: fetch.source.clone(),
        server: fetch.server.clone(),
        remark: fetch.remark.clone(),
        resolution_ns: fetch.resolution_ns,
        spans: run.traces.spans,
        client_spans: run.traces.client_spans,
        ui: fetch.ui.clone(),
    })
}

pub(super) fn warmup(info: &RunInfo, histograms: &FigureHistograms) -> Vec<WarmupCount> {
    let parts = info.streams.iter().filter(|stream| !stream.is_measured());
    parts
        .map(|stream| {
            let counts = counts(stream, histograms);
            let (phase, workload) = (stream.phase.clone(), stream.workload.clone());
            let part = stream
                .part
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default();
            WarmupCount {
                phase,
                part,
                workload,
                requests: counts.ok + counts.failed,
                failed: counts.failed,
            }
        })
        .collect()
}

pub(super) fn warnings(run: &Run<'_>) -> Vec<String> {
    let info = run.info;
    // What counts against the run stands in the verdict already.
    let texts = info
        .warnings
        .iter()
        .filter(|warning| verdict::of_warning(warning).is_none())
        .map(ToString::to_string);
    texts
        .chain(of_preparation(run))
        .chain(info.fetch.iter().filter_map(|fetch| fetch.error.clone()))
        .chain(info.fetch.iter().filter_map(|fetch| fetch.refused.clone()))
        .chain(run.histograms.damage.clone())
        .chain(run.lines.damage.clone())
        .collect()
}

/// What is wrong with the spans of the preparation, which has no part in the verdict.
fn of_preparation(run: &Run<'_>) -> Option<String> {
    let mut impossible = ImpossibleTimes::default();
    let streams = run.info.streams.iter().zip(&run.traces.streams);
    streams
        .filter(|(stream, _)| stream.is_preparation())
        .for_each(|(_, traces)| impossible.extend(traces.tally.impossible()));
    Some(format!("in the preparation, {}", impossible.in_words()?))
}
