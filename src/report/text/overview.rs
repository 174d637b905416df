//! One row for each workload of each phase and stage, and below it what does not fit a column:
//! rows, recall, failures.

use std::collections::BTreeMap;

use super::{is_closed, latency, measured, name_of, quantile, section};
use crate::{
    analysis::{Analysis, ErrorText, Estimate, WorkloadAnalysis, share_of_others},
    report::{
        layout::{Cell, Group, Line, Page, Paint, Sheet, Table},
        replies,
        units::{NONE, count, duration, ms, number, ratio, recall, share},
    },
};

/// Queue time at p99 above which it is told, microseconds.
const QUEUE_TIME_US: f64 = 1_000.0;
/// Share of a phase from which on a full machine is told beside it.
const FULL: f64 = 0.1;

/// Workloads beyond which the intervals are in report.json only: the report is one screen.
const MOST_INTERVALS: usize = 4;

/// Most failure texts that are shown for one workload.
const MAX_TEXTS: usize = 3;

/// The table and its notes.
pub(super) fn write(page: &mut Page, analysis: &Analysis) {
    if measured(analysis).next().is_none() {
        section(page, "response time", "nothing was measured");
        return;
    }
    page.gap();
    let lines = sheet(analysis).lines(page.columns());
    page.extend(lines);
    if measured(analysis).any(is_closed) {
        page.paragraph(Line::default(), CLOSED_NOTE, Paint::Dim);
    }
    let few = measured(analysis).count() <= MOST_INTERVALS;
    for workload in measured(analysis) {
        let facts = facts(analysis, workload, few);
        if !facts.is_empty() {
            page.paragraph(
                Line::new(&name_of(workload), Paint::Bold).push(": ", Paint::Plain),
                &facts.join("; "),
                Paint::Plain,
            );
        }
        write_failures(page, analysis, workload);
    }
    for (places, why) in no_recall(analysis) {
        page.paragraph(
            Line::new("no recall", Paint::Bold).push(&format!(" of {places}: "), Paint::Plain),
            why,
            Paint::Dim,
        );
    }
    if let Some(words) = rows_of_replies(analysis) {
        page.paragraph(Line::new("replies: ", Paint::Bold), &words, Paint::Plain);
    }
    if let Some(sentence) = no_intervals(analysis) {
        page.paragraph(Line::default(), &sentence, Paint::Dim);
    }
    write_other_errors(page, analysis);
}

/// What the mark of a closed loop means.
const CLOSED_NOTE: &str = "* closed loop: service time, and stalls are under-counted, since a \
                           waiting caller sends nothing";

/// A row for each workload of each phase, what matters most first; columns that are empty for all
/// are left out.
fn sheet(analysis: &Analysis) -> Sheet {
    let rows: Vec<&WorkloadAnalysis> = measured(analysis).collect();
    let names = rows.iter().map(|workload| {
        format!(
            "{}{}",
            name_of(workload),
            if is_closed(workload) { "*" } else { "" }
        )
    });
    let headings = [
        Cell::new("response time", Paint::Bold),
        Cell::new("ms, of successes", Paint::Dim),
    ];
    let mut groups = vec![
        group("latency", &rows, &QUANTILES),
        group(
            "send lag",
            &rows,
            &[("p99", |workload| {
                estimate(quantile(workload.send_lag_us.as_ref(), "p99"))
            })],
        ),
    ];
    if rows.iter().any(|workload| workload.recall.is_some()) {
        groups.push(group(
            "recall",
            &rows,
            &[("mean", |workload| {
                Cell::plain(
                    &workload
                        .recall
                        .as_ref()
                        .map_or(NONE.to_owned(), |of| recall(of.mean)),
                )
            })],
        ));
    }
    let any = |of: fn(&WorkloadAnalysis) -> u64| rows.iter().any(|workload| of(workload) > 0);
    let mut requests = REQUESTS.to_vec();
    requests.retain(|(heading, _)| match *heading {
        "failed" => any(|workload| workload.requests.failed),
        "not sent" => any(|workload| workload.requests.not_sent),
        _ => true,
    });
    groups.push(group("requests", &rows, &requests));
    groups.push(group("rate /s", &rows, &rates(&rows)));
    Sheet {
        names: headings
            .into_iter()
            .chain(names.map(|name| Cell::plain(&name)))
            .collect(),
        groups,
    }
}

/// What was sent, due and asked for, and what it carried; columns that are empty for all are left
/// out.
fn rates(rows: &[&WorkloadAnalysis]) -> Vec<Column> {
    let mut rates: Vec<Column> = vec![
        ("sent", |workload| {
            Cell::plain(&number(workload.rate.achieved))
        }),
        ("target", |workload| {
            Cell::plain(&workload.rate.target.map_or(NONE.to_owned(), number))
        }),
    ];
    if rows.iter().any(|workload| is_by_chance(workload)) {
        rates.insert(
            1,
            ("due", |workload| {
                Cell::plain(&workload.rate.scheduled.map_or(NONE.to_owned(), number))
            }),
        );
    }
    if rows.iter().any(|workload| workload.rows_per_s.is_some()) {
        rates.push(("rows", |workload| {
            Cell::plain(&workload.rows_per_s.map_or(NONE.to_owned(), number))
        }));
    }
    if rows.iter().any(|workload| workload.vectors_per_s.is_some()) {
        rates.push(("vectors", |workload| {
            Cell::plain(&workload.vectors_per_s.map_or(NONE.to_owned(), number))
        }));
    }
    rates
}

/// Whether chance made the rate that was due another than the one that was asked for.
fn is_by_chance(workload: &WorkloadAnalysis) -> bool {
    let rates = workload.rate.scheduled.zip(workload.rate.target);
    rates.is_some_and(|(scheduled, target)| number(scheduled) != number(target))
}

/// Heading and cell of a column.
type Column = (&'static str, fn(&WorkloadAnalysis) -> Cell);

const REQUESTS: [Column; 4] = [
    ("due", |workload| Cell::plain(&count(workload.requests.due))),
    ("ok", |workload| Cell::plain(&count(workload.requests.ok))),
    ("failed", |workload| alarm(workload.requests.failed)),
    ("not sent", |workload| alarm(workload.requests.not_sent)),
];

const QUANTILES: [Column; 5] = [
    ("p50", |workload| {
        estimate(quantile(latency(workload), "p50"))
    }),
    ("p95", |workload| {
        estimate(quantile(latency(workload), "p95"))
    }),
    ("p99", |workload| {
        estimate(quantile(latency(workload), "p99"))
    }),
    ("p99.9", |workload| {
        estimate(quantile(latency(workload), "p99.9"))
    }),
    ("max", |workload| {
        estimate(quantile(latency(workload), "max"))
    }),
];

fn group(label: &str, rows: &[&WorkloadAnalysis], columns: &[Column]) -> Group {
    let mut table = Table::new(0);
    table.row(
        columns
            .iter()
            .map(|(heading, _)| Cell::new(heading, Paint::Dim))
            .collect(),
    );
    // Counts that can't be read are not 0.
    let of = |workload: &WorkloadAnalysis, cell: fn(&WorkloadAnalysis) -> Cell| {
        if workload.figures_lost {
            Cell::plain(NONE)
        } else {
            cell(workload)
        }
    };
    rows.iter().for_each(|workload| {
        table.row(
            columns
                .iter()
                .map(|(_, cell)| of(workload, *cell))
                .collect(),
        )
    });
    Group {
        label: label.to_owned(),
        table,
    }
}

fn alarm(value: u64) -> Cell {
    Cell::new(
        &count(value),
        if value > 0 { Paint::Bad } else { Paint::Plain },
    )
}

fn estimate(estimate: Option<&Estimate>) -> Cell {
    match estimate {
        None => Cell::plain(NONE),
        Some(found) if found.at_least => {
            Cell::new(&format!(">={}", ms(found.value)), Paint::Doubtful)
        }
        Some(found) => Cell::plain(&ms(found.value)),
    }
}

/// What the replies of all workloads held; those that held the same are named together.
fn rows_of_replies(analysis: &Analysis) -> Option<String> {
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for workload in measured(analysis) {
        let Some(words) = workload.rows.as_ref().map(replies::rows) else {
            continue;
        };
        match groups.iter_mut().find(|(known, _)| *known == words) {
            Some((_, names)) => names.push(name_of(workload)),
            None => groups.push((words, vec![name_of(workload)])),
        }
    }
    let words: Vec<String> = groups
        .iter()
        .map(|(words, names)| format!("{} {words}", names.join(", ")))
        .collect();
    (!words.is_empty()).then(|| words.join("; "))
}

/// Why callers had to wait that were ready: what of it was the client's own is not told apart, a
/// full machine is.
fn waited(analysis: &Analysis, workload: &WorkloadAnalysis, p99_us: f64) -> String {
    let of_phase = analysis
        .machine
        .iter()
        .find(|machine| machine.phase == workload.phase);
    let full = of_phase
        .and_then(share_of_others)
        .filter(|share| *share >= FULL);
    let beside = full.map_or(String::new(), |part| {
        format!(
            "; for {} of the phase other programs used the whole machine",
            share(part)
        )
    });
    format!(
        "callers waited before sending (for a connection, a stream or the client itself), p99 \
         {}{beside}",
        duration(p99_us)
    )
}

fn facts(analysis: &Analysis, workload: &WorkloadAnalysis, show_intervals: bool) -> Vec<String> {
    let mut facts = Vec::new();
    if let Some(of) = &workload.recall {
        facts.push(format!(
            "recall {} (lowest {}, of {})",
            recall(of.mean),
            recall(of.min),
            count(of.requests)
        ));
    }
    facts.extend(intervals(workload).filter(|_| show_intervals));
    if let Some(queue) =
        quantile(workload.queue_time_us.as_ref(), "p99").filter(|queue| queue.value > QUEUE_TIME_US)
    {
        facts.push(waited(analysis, workload, queue.value));
    }
    facts.extend(workload.without_figures().map(str::to_owned));
    if let Some(stopped) = &workload.stopped {
        facts.push(format!("stopped early: {stopped}"));
    }
    facts
}

/// Why searches have no recall: the places that have a reason in common, and the reason.
fn no_recall(analysis: &Analysis) -> Vec<(String, &str)> {
    let mut reasons: Vec<(String, &str)> = Vec::new();
    for workload in measured(analysis) {
        let Some(why) = workload.no_recall.as_deref() else {
            continue;
        };
        match reasons.iter_mut().find(|(_, known)| *known == why) {
            Some((places, _)) => *places = format!("{places}, {}", name_of(workload)),
            None => reasons.push((name_of(workload), why)),
        }
    }
    reasons
}

/// The 95 % intervals of the typical and of the slow request: `p50 2.05 to 2.16 ms, p99 at least
/// 3.78 ms (95 % intervals)`.
fn intervals(workload: &WorkloadAnalysis) -> Option<String> {
    let ends = |key: &str| match quantile(latency(workload), key)? {
        Estimate {
            low: Some(low),
            high: Some(high),
            ..
        } => Some(format!("{key} {} to {}", duration(*low), duration(*high))),
        Estimate { low: Some(low), .. } => Some(format!("{key} at least {}", duration(*low))),
        _ => None,
    };
    let ends: Vec<String> = ["p50", "p99"].into_iter().filter_map(ends).collect();
    let noun = if ends.len() == 1 {
        "interval"
    } else {
        "intervals"
    };
    (!ends.is_empty()).then(|| format!("{} (95 % {noun})", ends.join(", ")))
}

/// Why no quantile of the run has an interval, and how long a run would give one; None where one
/// has.
fn no_intervals(analysis: &Analysis) -> Option<String> {
    let figures = || {
        measured(analysis)
            .filter_map(latency)
            .flat_map(BTreeMap::values)
    };
    if figures().any(|estimate| estimate.low.is_some()) {
        return None;
    }
    // What is shown of a workload; more would have to be known of one that was not the same all
    // along.
    let steady = measured(analysis).filter(|workload| workload.trend.is_none());
    let shown =
        steady.flat_map(|workload| ["p50", "p99"].map(|key| quantile(latency(workload), key)));
    let needed_s = shown
        .filter_map(|estimate| Some(estimate?.why_not?.needed_s))
        .max_by(f64::total_cmp)?;
    Some(format!(
        "no 95 % intervals: the phases are too short for them; it would take about {} of a load \
         like this",
        length(needed_s)
    ))
}

/// `200 s`, `11 min`, `2.5 h`.
fn length(seconds: f64) -> String {
    match seconds {
        ..600.0 => format!("{seconds:.0} s"),
        ..7_200.0 => format!("{:.0} min", seconds / 60.0),
        _ => format!("{:.1} h", seconds / 3_600.0),
    }
}

/// How many failed, when and with what words.
fn write_failures(page: &mut Page, analysis: &Analysis, workload: &WorkloadAnalysis) {
    let requests = &workload.requests;
    if requests.failed == 0 && requests.not_sent == 0 {
        return;
    }
    page.paragraph(
        Line::new(&name_of(workload), Paint::Bold).push(": ", Paint::Plain),
        &failures(workload),
        Paint::Bad,
    );
    for error in analysis
        .errors
        .iter()
        .filter(|error| is_of(error, workload))
        .take(MAX_TEXTS)
    {
        page.paragraph(
            Line::new(&format!("    {}: ", error.outcome), Paint::Plain),
            &error.text,
            Paint::Dim,
        );
    }
}

fn failures(workload: &WorkloadAnalysis) -> String {
    let requests = &workload.requests;
    let of_due = |value: u64| share(ratio(value as f64, requests.due as f64));
    let mut facts = Vec::new();
    if requests.failed > 0 {
        let mut outcomes: Vec<_> = requests
            .outcomes
            .iter()
            .filter(|(_, number)| **number > 0)
            .collect();
        outcomes.sort_by_key(|(code, number)| (std::cmp::Reverse(**number), code.as_str()));
        let after = outcomes
            .first()
            .and_then(|(code, _)| quantile(workload.failed_time_us.get(*code), "p50"));
        let after = after.map_or(String::new(), |time| {
            format!(", mostly after {}", duration(time.value))
        });
        let counts: Vec<String> = outcomes
            .iter()
            .map(|(code, number)| format!("{} {code}", count(**number)))
            .collect();
        facts.push(format!(
            "{} failed{after} ({})",
            of_due(requests.failed),
            counts.join(", ")
        ));
    }
    if requests.not_sent > 0 {
        facts.push(format!("{} due but not sent", of_due(requests.not_sent)));
    }
    if requests.ok == 0 {
        format!("nothing succeeded; {}", facts.join("; "))
    } else {
        format!("p99 of successes; {}", facts.join("; "))
    }
}

fn is_of(error: &ErrorText, workload: &WorkloadAnalysis) -> bool {
    let part = workload.stage.as_deref().unwrap_or("measured");
    error.at == format!("{}/{part}/{}", workload.phase, workload.workload)
}

/// Failures of preparation and of warm-up, which have no row.
fn write_other_errors(page: &mut Page, analysis: &Analysis) {
    let others = analysis
        .errors
        .iter()
        .filter(|error| !measured(analysis).any(|workload| is_of(error, workload)));
    for error in others.take(MAX_TEXTS) {
        page.paragraph(
            Line::new(&error.at, Paint::Bold).push(": ", Paint::Plain),
            &format!("{}: {}", error.outcome, error.text),
            Paint::Dim,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{analysis::PhaseMachine, record::MachineUse};

    #[test]
    fn counts_that_cannot_be_read_are_not_said_to_be_0() {
        let workload = WorkloadAnalysis {
            phase: "p".to_owned(),
            workload: "w".to_owned(),
            figures_lost: true,
            ..WorkloadAnalysis::default()
        };
        let mut page = Page::new(crate::report::TextStyle::default());
        write(
            &mut page,
            &Analysis {
                workloads: vec![workload],
                ..Analysis::default()
            },
        );
        let text = page.finish();
        let row: Vec<&str> = text
            .lines()
            .find(|line| line.starts_with("p/w "))
            .unwrap_or_default()
            .split_whitespace()
            .skip(1)
            .collect();
        assert!(
            !row.is_empty() && row.iter().all(|cell| *cell == "-"),
            "{text}"
        );
        assert!(
            text.contains("p/w: its figures can't be read: latency.hlog"),
            "{text}"
        );
    }

    #[test]
    fn callers_that_waited_are_not_said_to_lack_a_connection() {
        let of = |others: f64| {
            let use_of = MachineUse {
                cores: 2,
                at_s: vec![1.0, 2.0],
                client: vec![0.1; 2],
                others: vec![others, 0.1],
                idle: vec![(1.9 - others) / 2.0, 0.9],
                ..MachineUse::default()
            };
            let analysis = Analysis {
                machine: vec![PhaseMachine {
                    phase: "p".to_owned(),
                    use_of,
                }],
                ..Analysis::default()
            };
            waited(
                &analysis,
                &WorkloadAnalysis {
                    phase: "p".to_owned(),
                    ..WorkloadAnalysis::default()
                },
                4_590.0,
            )
        };
        let words = "callers waited before sending (for a connection, a stream or the client \
                     itself), p99 4.59 ms";
        assert_eq!(of(0.1), words);
        assert_eq!(
            of(1.8),
            format!("{words}; for 50 % of the phase other programs used the whole machine")
        );
    }

    #[test]
    fn lengths_of_runs_are_said_as_one_would_type_them() {
        assert_eq!(
            [60.0, 216.0, 681.0, 8_899.0].map(length),
            ["60 s", "216 s", "11 min", "2.5 h"]
        );
    }
}
