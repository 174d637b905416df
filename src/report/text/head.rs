//! What was run, whether to believe it, and where it was measured.

use crate::{
    analysis::{Analysis, Reason, SpanSummary, VerdictState},
    report::{
        layout::{Line, Page, Paint},
        units::{count, duration, number, share},
    },
};

/// Title, verdict with its reasons, warnings, environment.
pub(super) fn write(page: &mut Page, analysis: &Analysis) {
    let (state, paint) = verdict(analysis.verdict.state);
    let status_paint = if analysis.status == "complete" { Paint::Plain } else { Paint::Bad };
    let title = Line::new(&analysis.name, Paint::Bold).push("  ", Paint::Plain).push(&analysis.status, status_paint);
    page.push(title.push(", ", Paint::Plain).push(state, paint));
    if !analysis.description.trim().is_empty() {
        page.paragraph(Line::default(), &analysis.description, Paint::Dim);
    }
    if let Some(note) = status_note(&analysis.status) {
        page.paragraph(Line::new("! ", Paint::Bad), note, Paint::Plain);
    }
    for reason in &analysis.verdict.reasons {
        let (_, paint) = verdict(reason.state);
        page.paragraph(Line::new("! ", paint), &sentence(reason), Paint::Plain);
    }
    for warning in &analysis.warnings {
        page.paragraph(Line::new("! ", Paint::Doubtful), warning, Paint::Plain);
    }
    page.paragraph(Line::default(), &environment(analysis), Paint::Dim);
    page.paragraph(Line::new("spans: ", Paint::Dim), &analysis.spans.as_ref().map_or("none were read".to_owned(), source), Paint::Dim);
}

fn verdict(state: VerdictState) -> (&'static str, Paint) {
    match state {
        VerdictState::Valid => ("valid", Paint::Good),
        VerdictState::Reservations => ("valid with reservations", Paint::Doubtful),
        VerdictState::Invalid => ("INVALID", Paint::Bad),
    }
}

fn status_note(status: &str) -> Option<&'static str> {
    match status {
        "interrupted" => Some("interrupted: the figures are of what was measured until then"),
        "failed" => Some("failed: the figures are of what was measured until then"),
        "running" => Some("the run was killed or is still going on: up to the last second of finished requests is missing"),
        _ => None,
    }
}

/// `alone/search: send lag 1.30 ms, limit 1.00 ms; advice`.
fn sentence(reason: &Reason) -> String {
    let at = if reason.at.is_empty() { String::new() } else { format!("{}: ", reason.at) };
    let code = reason.code.replace('_', " ");
    let (found, limit) = (figure(reason.figure, &reason.unit), figure(reason.limit, &reason.unit));
    format!("{at}{code} {found}, limit {limit}; {}", reason.advice)
}

fn figure(value: f64, unit: &str) -> String {
    match unit {
        "us" => duration(value),
        "share" => share(value),
        "requests" | "traces" | "spans" | "rows" if value >= 0.0 => format!("{} {unit}", count(value.round() as u64)),
        "" => number(value),
        _ => format!("{} {unit}", number(value)),
    }
}

fn environment(analysis: &Analysis) -> String {
    let facts: Vec<String> = analysis.environment.iter().map(|(key, value)| format!("{key} {value}")).collect();
    let run = (!analysis.run.is_empty()).then(|| format!("run {}", analysis.run));
    run.into_iter().chain(facts).collect::<Vec<_>>().join(" · ")
}

/// `52,310 from jaeger (Jaeger 1.65), times are whole microseconds`.
fn source(spans: &SpanSummary) -> String {
    let mut text = match (spans.source.as_str(), spans.spans) {
        ("" | "none", 0) => "none were read".to_owned(),
        (source, number) => format!("{} from {source}", count(number)),
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

    fn check(figure: f64, limit: f64, unit: &str, expected: &str) {
        let (code, advice) = ("send_lag".to_owned(), "use more threads".to_owned());
        let reason =
            Reason { code, at: "alone/search".to_owned(), state: VerdictState::Invalid, figure, limit, unit: unit.to_owned(), advice };
        assert_eq!(sentence(&reason), expected);
    }

    #[test]
    fn reasons_are_sentences_with_figure_limit_and_advice() {
        check(1300.0, 1000.0, "us", "alone/search: send lag 1.30 ms, limit 1.00 ms; use more threads");
        check(0.02, 0.01, "share", "alone/search: send lag 2.0 %, limit 1.0 %; use more threads");
        check(12.0, 30.0, "requests", "alone/search: send lag 12 requests, limit 30 requests; use more threads");
        check(12.5, 30.0, "rows/s", "alone/search: send lag 12.5 rows/s, limit 30.0 rows/s; use more threads");
        check(f64::NAN, 30.0, "", "alone/search: send lag -, limit 30.0; use more threads");
    }
}
