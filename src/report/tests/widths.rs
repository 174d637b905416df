//! The texts in windows of several widths: as agreed in those that they are designed for, and in
//! any other no line is too wide and no word is cut.

use proptest::prelude::*;
use unicode_width::UnicodeWidthStr;

use super::{super::*, check_golden};
use crate::{
    analysis::{Analysis, Waterfall, WorkloadAnalysis},
    report::{comparison, sample},
};

/// Widths that have golden files; that of pipes and files has its own.
const WIDTHS: [u16; 2] = [80, 100];

fn style(width: u16) -> TextStyle {
    TextStyle {
        width,
        ..TextStyle::default()
    }
}

/// The sample in stages, of which the last one has failures.
fn stages() -> Analysis {
    let mut analysis = sample::analysis();
    let stages = [
        ("low", 100.0, 1.0),
        ("middle", 200.0, 1.2),
        ("high", 400.0, 9.6),
    ];
    let rows = stages.map(|(stage, rate, scale)| {
        let mut row = analysis.workloads[4 + usize::from(scale > 2.0)].clone();
        (row.phase, row.stage) = ("load".to_owned(), Some(stage.to_owned()));
        (row.rate.target, row.rate.scheduled) = (Some(rate), Some(1.017 * rate));
        for contrast in &mut row.contrasts {
            (contrast.kind, contrast.with) = ("stage".to_owned(), "middle".to_owned());
        }
        for estimate in row
            .response_time_us
            .iter_mut()
            .flat_map(|of| of.values_mut())
        {
            let scale = if scale > 2.0 { 1.0 } else { scale };
            estimate.value *= scale;
            let ends = estimate.low.iter_mut().chain(&mut estimate.high);
            ends.for_each(|end| *end *= scale);
        }
        row
    });
    analysis.workloads = rows.into();
    analysis
}

fn list() -> String {
    let run = |name: &str, verdict: &str, reasons: &[&str]| ListedRun {
        name: name.to_owned(),
        status: "complete".to_owned(),
        verdict: verdict.to_owned(),
        failed_thresholds: u64::from(!reasons.is_empty()),
        lines: ["alone/search", "under-ingest/search"]
            .map(|place| format!("{place}: p50 1.89 ms, p99 3.95 ms, recall 0.987"))
            .into(),
        reasons: reasons.iter().map(|reason| (*reason).to_owned()).collect(),
    };
    let runs = [
        run("search-under-ingest-20261122T140500Z-1f2e", "valid", &[]),
        run(
            "search-under-ingest-20261122T150500Z-2f2e",
            "reservations",
            &["send lag 1.30 ms at alone/search, 2.10 ms at under-ingest/search, limit 1.00 ms"],
        ),
    ];
    let terminal = TextStyle {
        rows: Some(24),
        ..style(80)
    };
    let whole = render_list(&runs, style(80));
    assert_eq!(
        whole.lines().count(),
        6,
        "a pipe gets a line for each:\n{whole}"
    );
    render_list(&runs, terminal)
}

#[test]
fn every_text_is_as_agreed_in_the_widths_that_it_is_designed_for() {
    for width in WIDTHS {
        let (analysis, comparison) = (sample::analysis(), comparison::sample());
        let texts = [
            ("report", render_text(&analysis, style(width))),
            ("stages", render_text(&stages(), style(width))),
            (
                "comparison",
                comparison::render_text(&comparison, style(width)),
            ),
            (
                "waterfall",
                render_waterfall(&sample::waterfall(), style(width)),
            ),
        ];
        for (name, text) in texts {
            check_golden(&format!("{name}.{width}.txt"), &text);
            is_whole(&text, width);
        }
    }
    check_golden("list.80.txt", &list());
}

/// No line is wider than `width`, and nothing was cut.
fn is_whole(text: &str, width: u16) {
    for line in text.lines() {
        assert!(
            line.width() <= usize::from(width),
            "{width}: {line:?}\n{text}"
        );
    }
    assert!(!text.contains('…'), "{text}");
}

#[test]
fn however_long_names_and_reasons_are_no_text_is_cut() {
    let mut analysis = stages();
    for (at, row) in analysis.workloads.iter_mut().enumerate() {
        row.stage = Some(format!(
            "evening-peak-{}of-shop-{at}",
            "and-more-".repeat(40)
        ));
    }
    let words = "a word of a long reason ".repeat(60);
    analysis.verdict.reasons[0].advice = format!("{words}and its end");
    analysis.description = format!("{words}of the scenario");
    let text = render_text(&analysis, style(100));
    is_whole(&text, 100);
    let one_line: String = text.split_whitespace().collect();
    for end in ["of-shop-1", "of-shop-2", "anditsend", "ofthescenario"] {
        assert!(one_line.contains(end), "{end}: {text}");
    }
}

#[test]
fn a_wide_window_does_not_stretch_what_is_read() {
    let (at_120, at_200) = [120, 200]
        .map(|width| render_text(&sample::analysis(), style(width)))
        .into();
    assert_eq!(at_120, at_200);
    is_whole(&at_200, 120);
}

#[test]
fn what_does_not_fit_the_terminal_ends_in_verdict_and_answer() {
    let text = |rows| {
        render_text(
            &sample::analysis(),
            TextStyle {
                rows,
                ..TextStyle::default()
            },
        )
    };
    let (short, file) = (text(Some(24)), text(None));
    let title = "search-under-ingest  complete, valid with caveats";
    let last: Vec<&str> = short.lines().rev().take(10).collect();
    assert!(last.iter().any(|line| line.starts_with(title)), "{short}");
    assert!(
        last.iter()
            .any(|line| line.starts_with("ANSWER search: p99")),
        "{short}"
    );
    assert_eq!(file.matches("ANSWER").count(), 1, "{file}");
    assert_eq!(text(Some(500)), file);
}

/// A name of one word.
fn name() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9_-]{0,23}"
}

proptest! {
    #[test]
    fn in_any_width_names_are_shown_whole(
        names in prop::collection::vec((name(), name(), name(), name()), 1..5),
        width in 60_u16..200,
    ) {
        let mut analysis = sample::analysis();
        let row = |(at, (phase, workload, part, service)): (usize, &(String, _, String, String))| {
            let mut row: WorkloadAnalysis = analysis.workloads[4 + at % 3].clone();
            (row.phase, row.workload) = (phase.clone(), String::clone(workload));
            for band in &mut row.account {
                band.parts[6 - at % 3].part.clone_from(part);
                band.parts[6 - at % 3].service = Some(service.clone());
            }
            row
        };
        analysis.workloads = names.iter().enumerate().map(row).collect();
        let text = render_text(&analysis, style(width));
        is_whole(&text, width.min(120));
        for (phase, workload, ..) in &names {
            prop_assert!(text.contains(&format!("{phase}/{workload}")), "{text}");
        }
        let waterfall: Waterfall = sample::waterfall();
        is_whole(&render_waterfall(&waterfall, style(width)), width.min(120));
        is_whole(&comparison::render_text(&comparison::sample(), style(width)), width.min(120));
    }
}
