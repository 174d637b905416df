//! The list of runs: a line each.

use super::layout::{Cell, Page, Paint, Table, TextStyle};

/// One run of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListedRun {
    /// Name of its folder.
    pub name: String,
    /// `complete`, `interrupted`, ...; empty where it can't be read.
    pub status: String,
    /// `valid`, `reservations`, `invalid`; `-` without a report.
    pub verdict: String,
    /// Thresholds that failed.
    pub failed_thresholds: u64,
    /// Its first workload in words, or what is wrong with the folder.
    pub headline: String,
}

/// The runs in the order given, as text for a terminal.
#[must_use]
pub fn render_list(runs: &[ListedRun], style: TextStyle) -> String {
    let mut page = Page::new(style);
    let mut table = Table::new(4);
    for run in runs {
        let paint = match run.verdict.as_str() {
            "valid" => Paint::Good,
            "reservations" => Paint::Doubtful,
            _ => Paint::Bad,
        };
        let failed = if run.failed_thresholds > 0 {
            format!("; {} failed", super::units::counted(run.failed_thresholds, "threshold"))
        } else {
            String::new()
        };
        table.row(vec![
            Cell::plain(&run.name),
            Cell::plain(&run.status),
            Cell::new(&run.verdict, paint),
            Cell::plain(&format!("{}{failed}", run.headline)),
        ]);
    }
    page.extend(table.lines(usize::MAX));
    page.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_a_line() {
        let run = ListedRun {
            name: "s-1".to_owned(),
            status: "complete".to_owned(),
            verdict: "valid".to_owned(),
            failed_thresholds: 1,
            headline: "a/b: p50 1 ms".to_owned(),
        };
        let broken = ListedRun { name: "s-22".to_owned(), headline: "run.json is cut\u{1b}[31m".to_owned(), ..ListedRun::default() };
        let text = render_list(&[run, broken], TextStyle::default());
        assert_eq!(text, "s-1   complete  valid  a/b: p50 1 ms; 1 threshold failed\ns-22                   run.json is cut\n");
    }
}
