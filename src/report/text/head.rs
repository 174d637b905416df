//! What was run, whether to believe it, and where it was measured.

use super::{answer, measured};
use crate::{
    analysis::{Analysis, Reason, SpanSummary, ThresholdState, VerdictState},
    record::ClientCapacity,
    report::{
        layout::{Line, Page, Paint},
        thresholds,
        units::{count, counted, duration, number, share},
    },
};

/// Reasons that repeat the status, which has a line of its own.
pub(in crate::report) const OF_STATUS: [&str; 3] = ["failed_run", "interrupted", "aborted"];

/// Share of what the client can generate above which a sentence says so.
const NEAR_CAPACITY: f64 = 0.8;

/// Title with the verdict, the answer, the verdict's reasons, warnings, environment.
pub(super) fn write(page: &mut Page, analysis: &Analysis) {
    write_verdict(page, analysis);
    answer::write(page, analysis);
    write_reasons(page, analysis);
    write_thresholds(page, analysis);
    page.paragraph(Line::default(), &environment(analysis), Paint::Dim);
}

/// Name, status and verdict, and the question of the scenario.
pub(super) fn write_verdict(page: &mut Page, analysis: &Analysis) {
    let (state, paint) = verdict(analysis.verdict.state);
    let status_paint = if analysis.status == "complete" {
        Paint::Plain
    } else {
        Paint::Bad
    };
    let title = Line::new(&analysis.name, Paint::Bold)
        .push("  ", Paint::Plain)
        .push(&analysis.status, status_paint);
    let title = title.push(", ", Paint::Plain).push(state, paint);
    let title = if analysis.verdict.client_bound {
        title
            .push(", ", Paint::Plain)
            .push("client-bound", Paint::Bad)
    } else {
        title
    };
    let description = analysis.description.trim();
    let whole = title
        .clone()
        .push("  ", Paint::Plain)
        .push(description, Paint::Dim);
    if whole.width() <= page.columns() {
        page.push(whole);
    } else {
        page.push(title);
        page.paragraph(Line::default(), description, Paint::Dim);
    }
}

/// What speaks against the run, and what is to be said of it.
fn write_reasons(page: &mut Page, analysis: &Analysis) {
    if let Some(note) = status_note(analysis) {
        page.paragraph(Line::new("! ", Paint::Bad), &note, Paint::Plain);
    }
    for reasons in alike(&analysis.verdict.reasons)
        .into_iter()
        .filter(|reasons| !OF_STATUS.contains(&reasons[0].code.as_str()))
    {
        let (_, paint) = verdict(reasons[0].state);
        page.paragraph(Line::new("! ", paint), &sentence(&reasons), Paint::Plain);
    }
    for warning in &analysis.warnings {
        page.paragraph(Line::new("! ", Paint::Doubtful), warning, Paint::Plain);
    }
    if let Some(capacity) = analysis
        .client_capacity
        .as_ref()
        .filter(|capacity| capacity.share > NEAR_CAPACITY)
    {
        let advice = "near its limit the client itself adds delay: use more load threads \
                      (--threads), more connections, or another machine";
        page.paragraph(
            Line::new("! ", Paint::Doubtful),
            &format!("{}: {advice}", used(capacity)),
            Paint::Plain,
        );
    }
}

/// What failed, then what could not be decided; what passed is counted.
fn write_thresholds(page: &mut Page, analysis: &Analysis) {
    for (state, mark, paint) in [
        (ThresholdState::Failed, "✗ ", Paint::Bad),
        (ThresholdState::Undecided, "? ", Paint::Doubtful),
    ] {
        for result in analysis
            .thresholds
            .iter()
            .filter(|result| result.state == state)
        {
            page.paragraph(
                Line::new(mark, paint),
                &thresholds::line(result),
                Paint::Plain,
            );
        }
    }
    if let Some(counts) = thresholds::counts(analysis) {
        page.paragraph(Line::default(), &counts, Paint::Plain);
    }
}

fn verdict(state: VerdictState) -> (&'static str, Paint) {
    match state {
        VerdictState::Valid => ("valid", Paint::Good),
        VerdictState::Reservations => ("valid with caveats", Paint::Doubtful),
        VerdictState::Invalid => ("INVALID", Paint::Bad),
    }
}

pub(in crate::report) fn status_note(analysis: &Analysis) -> Option<String> {
    if analysis.nothing_measured() {
        // The verdict says it.
        return None;
    }
    let until = if measured(analysis).next().is_some() {
        "the figures cover the time until then"
    } else {
        "nothing was measured"
    };
    let note = match (analysis.status.as_str(), &analysis.failure) {
        ("interrupted", _) => format!("interrupted: {until}; run it again for the whole"),
        ("aborted", _) => format!("ended early by a threshold, see the thresholds: {until}"),
        ("failed", Some(failure)) if measured(analysis).next().is_none() => {
            format!("failed: {failure}")
        }
        ("failed", Some(failure)) => format!("failed: {failure}; {until}"),
        ("failed", None) => format!("failed: {until}; see the errors below, and run it again"),
        ("running", _) => {
            "the run is still in progress: the figures cover the time until now".to_owned()
        }
        ("killed", _) => "the run was killed or could not write its end: up to the last second of \
                          finished requests is missing"
            .to_owned(),
        _ => return None,
    };
    Some(note)
}

/// Reasons with one code, state and advice, in the order of the first of each.
pub(in crate::report) fn alike(reasons: &[Reason]) -> Vec<Vec<&Reason>> {
    let mut groups: Vec<Vec<&Reason>> = Vec::new();
    for reason in reasons {
        let same = |group: &&mut Vec<&Reason>| {
            let first = group[0];
            (first.code.as_str(), first.state, first.advice.as_str())
                == (reason.code.as_str(), reason.state, reason.advice.as_str())
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(reason),
            None => groups.push(vec![reason]),
        }
    }
    groups
}

/// `send lag 1.30 ms at alone/search, 2.10 ms at under-ingest/search, limit 1.00 ms: advice`. A
/// reason that is no measurement has no unit, and its advice says all.
fn sentence(reasons: &[&Reason]) -> String {
    let first = reasons[0];
    let at = |reason: &Reason| {
        if reason.at.is_empty() {
            String::new()
        } else {
            format!(" at {}", reason.at)
        }
    };
    if first.unit.is_empty() {
        let places: Vec<&str> = reasons
            .iter()
            .map(|reason| reason.at.as_str())
            .filter(|at| !at.is_empty())
            .collect();
        let places = if places.is_empty() {
            String::new()
        } else {
            format!("{}: ", places.join(", "))
        };
        return format!("{places}{}", first.advice);
    }
    let found: Vec<String> = reasons
        .iter()
        .map(|reason| format!("{}{}", figure(reason.figure, &reason.unit), at(reason)))
        .collect();
    format!(
        "{} {}, limit {}: {}",
        first.code.replace('_', " "),
        found.join(", "),
        figure(first.limit, &first.unit),
        first.advice
    )
}

pub(in crate::report) fn figure(value: f64, unit: &str) -> String {
    match unit {
        "us" => duration(value),
        "share" => share(value),
        "requests" | "traces" | "spans" | "rows" if value >= 0.0 => {
            format!("{} {unit}", count(value.round() as u64))
        }
        _ => format!("{} {unit}", number(value)),
    }
}

/// `this run used 83 % of what this client can generate`.
fn used(capacity: &ClientCapacity) -> String {
    format!(
        "this run used {} of this client's capacity",
        share(capacity.share)
    )
}

fn environment(analysis: &Analysis) -> String {
    let facts: Vec<String> = analysis
        .environment
        .iter()
        .map(|(key, value)| format!("{key} {value}"))
        .collect();
    let run = (!analysis.run.is_empty()).then(|| format!("run {}", analysis.run));
    // A run that failed before its load had no spans to read.
    let spans = (analysis.failure.is_none() || analysis.spans.is_some())
        .then(|| analysis.spans.as_ref().map_or(no_spans(), source));
    let used = analysis
        .client_capacity
        .as_ref()
        .filter(|capacity| capacity.share <= NEAR_CAPACITY)
        .map(used);
    run.into_iter()
        .chain(phases(analysis))
        .chain(facts)
        .chain(used)
        .chain(spans)
        .collect::<Vec<_>>()
        .join(" · ")
}

/// `alone 10.0 s, under-ingest 10.0 s`: how long each phase ran.
fn phases(analysis: &Analysis) -> Option<String> {
    let phases: Vec<String> = analysis
        .phases
        .iter()
        .map(|phase| format!("{} {}", phase.phase, duration(phase.duration_s * 1e6)))
        .collect();
    (!phases.is_empty()).then(|| phases.join(", "))
}

fn no_spans() -> String {
    "no spans were read".to_owned()
}

/// `52,310 spans from jaeger (Jaeger 1.65), times are whole microseconds`.
pub(in crate::report) fn source(spans: &SpanSummary) -> String {
    let named = spans.has_source() && !spans.source.is_empty();
    let mut text = if named || spans.spans > 0 {
        format!("{} from {}", counted(spans.spans, "span"), spans.source)
    } else {
        no_spans()
    };
    if !spans.server.is_empty() {
        text += &format!(" ({})", spans.server);
    }
    if !spans.remark.is_empty() {
        text += &format!(", {}", spans.remark);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::TextStyle;

    fn reason(at: &str, figure: f64, limit: f64, unit: &str) -> Reason {
        let (code, advice) = ("send_lag".to_owned(), "use more threads".to_owned());
        let (at, unit) = (at.to_owned(), unit.to_owned());
        Reason {
            code,
            at,
            state: VerdictState::Invalid,
            figure,
            limit,
            unit,
            advice,
            ..Reason::default()
        }
    }

    #[test]
    fn what_was_used_of_the_client_is_a_sentence_only_near_its_limit() {
        let head = |share| {
            let client_capacity = Some(ClientCapacity {
                share,
                ..ClientCapacity::default()
            });
            let mut page = Page::new(TextStyle::default());
            write(
                &mut page,
                &Analysis {
                    client_capacity,
                    ..Analysis::default()
                },
            );
            page.finish()
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
        };
        let says = |share: f64, text: &str| assert!(head(share).contains(text), "{}", head(share));
        says(
            0.83,
            "! this run used 83 % of this client's capacity: near its limit",
        );
        says(0.4, "this run used 40 % of this client's capacity · ");
    }

    fn check(figure: f64, limit: f64, unit: &str, expected: &str) {
        assert_eq!(
            sentence(&[&reason("alone/search", figure, limit, unit)]),
            expected
        );
    }

    #[test]
    fn reasons_are_sentences_with_figure_limit_and_advice() {
        check(
            1300.0,
            1000.0,
            "us",
            "send lag 1.30 ms at alone/search, limit 1.00 ms: use more threads",
        );
        check(
            0.02,
            0.01,
            "share",
            "send lag 2.0 % at alone/search, limit 1.0 %: use more threads",
        );
        check(
            12.0,
            30.0,
            "requests",
            "send lag 12 requests at alone/search, limit 30 requests: use more threads",
        );
        check(
            12.5,
            30.0,
            "rows/s",
            "send lag 12.5 rows/s at alone/search, limit 30.0 rows/s: use more threads",
        );
    }

    #[test]
    fn a_reason_that_is_no_measurement_has_no_figure() {
        check(1.0, 0.0, "", "alone/search: use more threads");
    }

    #[test]
    fn one_reason_at_several_places_is_one_sentence() {
        let reasons = [
            reason("a/search", 1300.0, 1000.0, "us"),
            reason("b/search", 2100.0, 1000.0, "us"),
        ];
        let groups = alike(&reasons);
        assert_eq!(groups.len(), 1);
        assert_eq!(
            sentence(&groups[0]),
            "send lag 1.30 ms at a/search, 2.10 ms at b/search, limit 1.00 ms: use more threads"
        );
    }
}
