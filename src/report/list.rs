//! The list of runs: a line each, and below it its other workloads and the reasons against it.
//! Where that does not fit, all but name, status and verdict stand below.

use super::{
    layout::{Cell, Line, Page, Paint, Table, TextStyle},
    text::head::{OF_STATUS, alike, figure},
};
use crate::analysis::Reason;

/// One run of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListedRun {
    /// Path of its folder.
    pub name: String,
    /// `complete`, `interrupted`, `killed`, ...; empty where it can't be read.
    pub status: String,
    /// `valid`, `reservations`, `invalid`; `-` without a report.
    pub verdict: String,
    /// Thresholds that failed.
    pub failed_thresholds: u64,
    /// Its workloads in words, or what is wrong with the folder.
    pub lines: Vec<String>,
    /// Why it is not valid.
    pub reasons: Vec<String>,
}

/// What was found, without the advice: `send lag 1.30 ms at alone/search, limit 1.00 ms`. What the
/// status says is left out.
#[must_use]
pub fn reasons_in_short(reasons: &[Reason]) -> Vec<String> {
    let groups = alike(reasons)
        .into_iter()
        .filter(|group| !OF_STATUS.contains(&group[0].code.as_str()));
    let words = groups.map(|group| {
        let first = group[0];
        let found = group.iter().map(|reason| {
            let at = if reason.at.is_empty() {
                String::new()
            } else {
                format!(" at {}", reason.at)
            };
            let value = if reason.unit.is_empty() {
                String::new()
            } else {
                format!(" {}", figure(reason.figure, &reason.unit))
            };
            format!("{value}{at}")
        });
        let limit = if first.unit.is_empty() {
            String::new()
        } else {
            format!(", limit {}", figure(first.limit, &first.unit))
        };
        format!(
            "{}{}{limit}",
            first.code.replace('_', " "),
            found.collect::<Vec<_>>().join(",")
        )
    });
    words.collect()
}

/// The runs in the order given, as text. Only a terminal, which has a number of rows, folds lines:
/// programs read the others.
#[must_use]
pub fn render_list(runs: &[ListedRun], style: TextStyle) -> String {
    let mut page = Page::new(style);
    let mut table = Table::new(4);
    for run in runs {
        let mut lines = lines_of(run).into_iter();
        let first = lines.next().unwrap_or_default();
        table.row(head_of(run).into_iter().chain([first]).collect());
        for line in lines {
            let empty = || Cell::plain("");
            table.row(vec![empty(), empty(), empty(), line]);
        }
    }
    // In full, however many columns that takes.
    let whole = table.lines(usize::MAX);
    let fits = |line: &Line| line.width() <= page.columns();
    if style.rows.is_none() || whole.iter().all(fits) {
        page.extend_unbroken(whole);
        return page.finish();
    }
    let mut heads = Table::new(3);
    runs.iter().for_each(|run| heads.row(head_of(run).into()));
    for (run, head) in runs.iter().zip(heads.blocks(page.columns())) {
        page.extend(head);
        for line in lines_of(run) {
            page.paragraph(Line::new("    ", Paint::Plain), &line.text, line.paint);
        }
    }
    page.finish()
}

/// Name, status, verdict.
fn head_of(run: &ListedRun) -> [Cell; 3] {
    [
        Cell::plain(&run.name),
        Cell::plain(&run.status),
        Cell::new(verdict_of(run), paint_of(run)),
    ]
}

/// The key of `report.json`, as texts say it.
fn verdict_of(run: &ListedRun) -> &str {
    match run.verdict.as_str() {
        "reservations" => "caveats",
        other => other,
    }
}

/// Its workloads, failed thresholds, reasons.
fn lines_of(run: &ListedRun) -> Vec<Cell> {
    let failed = (run.failed_thresholds > 0).then(|| {
        let thresholds = super::units::counted(run.failed_thresholds, "threshold");
        format!("{thresholds} failed")
    });
    let doubts = failed.iter().chain(&run.reasons);
    let doubts = doubts.map(|reason| Cell::new(&format!("! {reason}"), paint_of(run)));
    let lines = run.lines.iter().map(|line| Cell::plain(line));
    lines.chain(doubts).collect()
}

fn paint_of(run: &ListedRun) -> Paint {
    match run.verdict.as_str() {
        "valid" => Paint::Good,
        "reservations" => Paint::Doubtful,
        _ => Paint::Bad,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_has_a_line_for_each_workload_and_each_reason() {
        let text = |text: &str| text.to_owned();
        let run = ListedRun {
            name: text("s-1"),
            status: text("complete"),
            verdict: text("reservations"),
            failed_thresholds: 1,
            lines: vec![text("a/b: p50 1 ms"), text("a/c: p50 2 ms")],
            reasons: vec![text("failed 2.0 % at a/c, limit 0.1 %")],
        };
        let broken = ListedRun {
            name: text("s-22"),
            lines: vec![text("run.json is cut\u{1b}[31m")],
            ..ListedRun::default()
        };
        let expected = [
            "s-1   complete  caveats  a/b: p50 1 ms",
            "                         a/c: p50 2 ms",
            "                         ! 1 threshold failed",
            "                         ! failed 2.0 % at a/c, limit 0.1 %",
            "s-22                     run.json is cut",
            "",
        ]
        .join("\n");
        assert_eq!(render_list(&[run, broken], TextStyle::default()), expected);
    }

    #[test]
    fn reasons_are_told_without_their_advice() {
        let reason = |code: &str, at: &str, figure: f64, unit: &str| Reason {
            code: code.to_owned(),
            at: at.to_owned(),
            figure,
            limit: 1_000.0,
            unit: unit.to_owned(),
            ..Reason::default()
        };
        let reasons = [
            reason("interrupted", "", 1.0, ""),
            reason("send_lag", "a/b", 1_300.0, "us"),
            reason("send_lag", "a/c", 2_100.0, "us"),
            reason("debug_build", "", 1.0, ""),
            reason("no_success", "a/b", 1.0, ""),
        ];
        assert_eq!(
            reasons_in_short(&reasons),
            [
                "send lag 1.30 ms at a/b, 2.10 ms at a/c, limit 1.00 ms",
                "debug build",
                "no success at a/b"
            ]
        );
    }
}
