//! The end of the report: how the collections came to be, what was not counted, and what the words mean.

use super::{PREPARE, is_closed, measured, quantile};
use crate::{
    analysis::{Analysis, Quantiles, WorkloadAnalysis},
    report::{
        layout::{Line, Page, Paint},
        units::{count, counted, duration, number},
    },
};

/// Operation of the step that sends many requests one after the other.
const INSERT: &str = "insert";

/// Preparation, warm-up, explanations.
pub(super) fn write(page: &mut Page, analysis: &Analysis) {
    page.gap();
    let mut steps: Vec<String> =
        analysis.workloads.iter().filter(|workload| workload.phase == PREPARE && workload.requests.due > 0).map(step).collect();
    steps.extend(warmup(analysis));
    if !steps.is_empty() {
        page.paragraph(Line::new("preparation    ", Paint::Plain), &steps.join(" · "), Paint::Dim);
    }
    if measured(analysis).next().is_some() {
        explain(page, analysis);
    }
}

/// Requests that are in no figure; ramps are named where there are some.
fn warmup(analysis: &Analysis) -> Option<String> {
    let (requests, failed) = analysis
        .warmup
        .iter()
        .fold((0_u64, 0_u64), |(requests, failed), part| (requests.saturating_add(part.requests), failed.saturating_add(part.failed)));
    let failures = if failed > 0 { format!(", {} failed", count(failed)) } else { String::new() };
    let has = |ramp: bool| analysis.warmup.iter().any(|part| part.requests > 0 && part.part.starts_with("ramp") == ramp);
    let words = match (has(false), has(true)) {
        (true, true) => "warm-up and ramps",
        (false, true) => "ramps",
        _ => "warm-up",
    };
    (requests > 0).then(|| format!("{words} {} (in no figure{failures})", counted(requests, "request")))
}

/// `insert 8.20 s (12,200 rows/s)`.
fn step(workload: &WorkloadAnalysis) -> String {
    let mut notes = Vec::new();
    if let Some(rows) = workload.rows_per_s {
        notes.push(format!("{} rows/s", number(rows)));
    }
    if workload.requests.failed > 0 {
        notes.push(format!("{} failed", count(workload.requests.failed)));
    }
    let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join(", ")) };
    format!("{} {}{notes}", workload.workload, duration(step_us(workload)))
}

/// How long a step took. Only inserts follow one another: other steps can lie far apart, such as dropping before the load and
/// after it, so that what lies between them is no part of their time.
fn step_us(workload: &WorkloadAnalysis) -> f64 {
    let whole = workload.duration_s * 1e6;
    if workload.operation == INSERT {
        return whole;
    }
    let sum = |quantiles: Option<&Quantiles>, count: u64| quantile(quantiles, "mean").map_or(0.0, |mean| mean.value * count as f64);
    let failed = workload.requests.outcomes.iter().map(|(code, count)| sum(workload.failed_time_us.get(code), *count));
    let spent = sum(workload.service_time_us.as_ref(), workload.requests.ok) + failed.sum::<f64>();
    if spent > 0.0 { spent } else { whole }
}

/// One line for each word of the report that is not everybody's.
fn explain(page: &mut Page, analysis: &Analysis) {
    let open = measured(analysis).any(|workload| !is_closed(workload));
    let spans = measured(analysis).any(|workload| !workload.account.is_empty());
    let words = [
        (open, "response time", "send lag (planned moment to sending) + service time (sending to end of the reply)"),
        (!open, "service time", "sending to end of the reply; what waits before sending is not in it"),
        (spans, "gap", "service time minus the server's root span: HTTP/2, network, queues before the handler"),
        (spans, "self time", "a part's time on the critical path, its children's left out; parts add up to the mean"),
    ];
    for (_, word, meaning) in words.into_iter().filter(|(shown, ..)| *shown) {
        page.paragraph(Line::new(&format!("{word:<13}  "), Paint::Plain), meaning, Paint::Dim);
    }
}
