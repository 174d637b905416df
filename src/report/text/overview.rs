//! One row for each workload of each phase and stage, and below it what does not fit a column: rows, recall, failures.

use super::{NAME, is_closed, latency, measured, name_of, quantile, section};
use crate::{
    analysis::{Analysis, ErrorText, Estimate, WorkloadAnalysis},
    report::{
        clean,
        layout::{Cell, Line, Page, Paint, Table, shorten},
        units::{NONE, count, duration, ms, number, ratio, share},
    },
};

/// Quantiles of the table, in its order.
const QUANTILES: [&str; 5] = ["p50", "p95", "p99", "p99.9", "max"];

/// Queue time at p99 above which it is told, microseconds.
const QUEUE_TIME_US: f64 = 1_000.0;

/// Most failure texts that are shown for one workload.
const MAX_TEXTS: usize = 3;

/// The table and its notes.
pub(super) fn write(page: &mut Page, analysis: &Analysis) {
    if measured(analysis).next().is_none() {
        section(page, "response time", "nothing was measured");
        return;
    }
    let closed = measured(analysis).any(is_closed);
    section(
        page,
        "response time",
        if closed { "in ms, of successes; * service time, closed loop: stalls are under-counted" } else { "in ms, of successes" },
    );
    let lines = table(analysis).lines(page.columns());
    page.extend(lines);
    for workload in measured(analysis) {
        let facts = facts(workload);
        if !facts.is_empty() {
            page.paragraph(Line::new(&name_of(workload), Paint::Bold).push(": ", Paint::Plain), &facts.join("; "), Paint::Plain);
        }
        write_failures(page, analysis, workload);
    }
    write_other_errors(page, analysis);
}

fn table(analysis: &Analysis) -> Table {
    let mut table = Table::new(1);
    table.heading(&["", "", "", "", "not", "rate", "target", "", "", "", "", "", "send lag"]);
    table.heading(&["", "due", "ok", "failed", "sent", "/s", "/s", "p50", "p95", "p99", "p99.9", "max", "p99"]);
    let mut part = None;
    for workload in measured(analysis) {
        if part != Some((&workload.phase, &workload.stage)) {
            let name = workload.stage.as_ref().map_or_else(|| workload.phase.clone(), |stage| format!("{}/{stage}", workload.phase));
            table.row(vec![Cell::new(&format!("{}, {}", shorten(&clean(&name), NAME), duration(workload.duration_s * 1e6)), Paint::Bold)]);
            part = Some((&workload.phase, &workload.stage));
        }
        table.row(row(workload));
    }
    table
}

fn row(workload: &WorkloadAnalysis) -> Vec<Cell> {
    let requests = &workload.requests;
    let alarm = |value: u64| Cell::new(&count(value), if value > 0 { Paint::Bad } else { Paint::Plain });
    let mark = if is_closed(workload) { "*" } else { "" };
    let mut cells = vec![
        Cell::plain(&format!("  {}{mark}", workload.workload)),
        Cell::plain(&count(requests.due)),
        Cell::plain(&count(requests.ok)),
        alarm(requests.failed),
        alarm(requests.not_sent),
        Cell::plain(&number(workload.rate.achieved)),
        Cell::plain(&workload.rate.target.map_or(NONE.to_owned(), number)),
    ];
    cells.extend(QUANTILES.iter().map(|key| estimate(quantile(latency(workload), key))));
    cells.push(estimate(quantile(workload.send_lag_us.as_ref(), "p99")));
    cells
}

fn estimate(estimate: Option<&Estimate>) -> Cell {
    match estimate {
        None => Cell::plain(NONE),
        Some(found) if found.at_least => Cell::new(&format!(">={}", ms(found.value)), Paint::Doubtful),
        Some(found) => Cell::plain(&ms(found.value)),
    }
}

fn facts(workload: &WorkloadAnalysis) -> Vec<String> {
    let mut facts = Vec::new();
    if let Some(rows) = workload.rows_per_s {
        facts.push(format!("{} rows/s", number(rows)));
    }
    if let Some(recall) = &workload.recall {
        facts.push(format!("recall {:.3} (lowest {:.3}, of {})", recall.mean, recall.min, count(recall.requests)));
    }
    if let Some(Estimate { low: Some(low), high, .. }) = quantile(latency(workload), "p99") {
        facts.push(match high {
            Some(high) => format!("p99 {} to {} (95 % interval)", duration(*low), duration(*high)),
            None => format!("p99 at least {} (95 % interval)", duration(*low)),
        });
    }
    if let Some(queue) = quantile(workload.queue_time_us.as_ref(), "p99").filter(|queue| queue.value > QUEUE_TIME_US) {
        facts.push(format!("callers waited for a connection or stream, p99 {}", duration(queue.value)));
    }
    if let Some(stopped) = &workload.stopped {
        facts.push(format!("stopped early: {stopped}"));
    }
    facts
}

/// How many failed, when and with what words.
fn write_failures(page: &mut Page, analysis: &Analysis, workload: &WorkloadAnalysis) {
    let requests = &workload.requests;
    if requests.failed == 0 && requests.not_sent == 0 {
        return;
    }
    page.paragraph(Line::new(&name_of(workload), Paint::Bold).push(": ", Paint::Plain), &failures(workload), Paint::Bad);
    for error in analysis.errors.iter().filter(|error| is_of(error, workload)).take(MAX_TEXTS) {
        page.paragraph(Line::new(&format!("    {}: ", error.outcome), Paint::Plain), &error.text, Paint::Dim);
    }
}

fn failures(workload: &WorkloadAnalysis) -> String {
    let requests = &workload.requests;
    let of_due = |value: u64| share(ratio(value as f64, requests.due as f64));
    let mut facts = Vec::new();
    if requests.failed > 0 {
        let mut outcomes: Vec<_> = requests.outcomes.iter().filter(|(_, number)| **number > 0).collect();
        outcomes.sort_by_key(|(code, number)| (std::cmp::Reverse(**number), code.as_str()));
        let after = outcomes.first().and_then(|(code, _)| quantile(workload.failed_time_us.get(*code), "p50"));
        let after = after.map_or(String::new(), |time| format!(", mostly after {}", duration(time.value)));
        let counts: Vec<String> = outcomes.iter().map(|(code, number)| format!("{} {code}", count(**number))).collect();
        facts.push(format!("{} failed{after} ({})", of_due(requests.failed), counts.join(", ")));
    }
    if requests.not_sent > 0 {
        facts.push(format!("{} due but not sent", of_due(requests.not_sent)));
    }
    if requests.ok == 0 { format!("nothing succeeded; {}", facts.join("; ")) } else { format!("p99 of successes; {}", facts.join("; ")) }
}

fn is_of(error: &ErrorText, workload: &WorkloadAnalysis) -> bool {
    let part = workload.stage.as_deref().unwrap_or("measured");
    error.at == format!("{}/{part}/{}", workload.phase, workload.workload)
}

/// Failures of preparation and of warm-up, which have no row.
fn write_other_errors(page: &mut Page, analysis: &Analysis) {
    let others = analysis.errors.iter().filter(|error| !measured(analysis).any(|workload| is_of(error, workload)));
    for error in others.take(MAX_TEXTS) {
        page.paragraph(
            Line::new(&error.at, Paint::Bold).push(": ", Paint::Plain),
            &format!("{}: {}", error.outcome, error.text),
            Paint::Dim,
        );
    }
}
