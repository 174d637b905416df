//! What words and areas mean: the end of the report with `--explain`.

use super::{is_closed, measured};
use crate::{
    analysis::{AREAS, Analysis, AreaRow},
    report::{
        areas::paint_of,
        layout::{Line, Page, Paint},
    },
};

/// A word, what it means, and whether a report holds it.
type Word = (&'static str, &'static str, fn(&Analysis) -> bool);

fn always(_: &Analysis) -> bool {
    true
}

fn has_open_loop(analysis: &Analysis) -> bool {
    measured(analysis).any(|workload| !is_closed(workload))
}

fn has_closed_loop(analysis: &Analysis) -> bool {
    measured(analysis).any(is_closed)
}

fn has_account(analysis: &Analysis) -> bool {
    measured(analysis).any(|workload| !workload.account.is_empty())
}

fn has_connections(analysis: &Analysis) -> bool {
    !analysis.connections.is_empty()
}

fn has_recall(analysis: &Analysis) -> bool {
    measured(analysis).any(|workload| workload.recall.is_some())
}

/// In the order of the report.
static WORDS: &[Word] = &[
    (
        "response time",
        "from the planned moment of a request to the end of its reply: send lag + service time; \
         the wait of a user",
        has_open_loop,
    ),
    (
        "service time",
        "from sending to the end of the reply, without the wait before sending",
        always,
    ),
    (
        "send lag",
        "from the planned moment to sending: the client's own lateness, a part of the response \
         time",
        has_open_loop,
    ),
    (
        "closed loop",
        "callers that send after their previous reply: there is no planned moment, and a stall \
         affects only one request per caller",
        has_closed_loop,
    ),
    (
        "due, target",
        "scheduled requests per second, and the configured rate; with Poisson arrivals the two \
         differ by chance",
        has_open_loop,
    ),
    (
        ">=, at least",
        "a lower bound: so many requests failed, or were not sent, that the quantile falls among \
         them",
        always,
    ),
    (
        "[a, b]",
        "95 % interval, from resampling the seconds of the run in blocks; missing where the run \
         is too short for one. A factor such as 2.1x is the ratio of two figures and has none of \
         its own",
        always,
    ),
    (
        "recall",
        "share of the true nearest neighbours among the rows of a reply",
        has_recall,
    ),
    (
        "matched",
        "traced requests whose server spans were found whole; only these are explained",
        has_account,
    ),
    (
        "server, gap",
        "duration of the server's root span, and service time minus it, per request: HTTP/2, \
         network, queues before it",
        has_account,
    ),
    (
        "write delay, read delay",
        "between the client's code and its socket: from giving a request to the connection to \
         writing it, and from the arrival of bytes to reading them",
        has_connections,
    ),
    (
        "flow-control wait",
        "requests that had to wait until the server took more bytes on their connection",
        has_connections,
    ),
    (
        "p90-p99, p99-max",
        "requests between these quantiles of the latency, and their mean; a full bar is that \
         mean, divided into areas",
        has_account,
    ),
    (
        "largest parts",
        "self time on the critical path, without that of children: `area · span`; all parts add \
         up to the mean",
        has_account,
    ),
    (
        "median half",
        "the faster half of the requests, with which the tail is compared",
        has_account,
    ),
];

/// A line for each word, and for each area that occurs.
pub(super) fn write(page: &mut Page, analysis: &Analysis) {
    if measured(analysis).next().is_none() {
        return;
    }
    page.gap();
    page.push(Line::new("words", Paint::Bold));
    for (word, meaning, _) in WORDS.iter().filter(|(.., is_shown)| is_shown(analysis)) {
        let lead = Line::new(&format!("  {word}  "), Paint::Plain);
        page.paragraph(lead, meaning, Paint::Dim);
    }
    let areas: Vec<&AreaRow> = AREAS.iter().filter(|row| occurs(analysis, row)).collect();
    if areas.is_empty() {
        return;
    }
    page.gap();
    page.push(Line::new("areas", Paint::Bold));
    for row in areas {
        let lead = Line::new(&format!("  {} ", row.sign), paint_of(row));
        let lead = lead.push(&format!("{}  ", row.name), Paint::Plain);
        page.paragraph(lead, row.meaning, Paint::Dim);
    }
}

fn occurs(analysis: &Analysis, row: &AreaRow) -> bool {
    let mut bands = measured(analysis).flat_map(|workload| &workload.account);
    bands.any(|band| band.parts.iter().any(|part| part.area == row.name))
}
