//! Every format of a comparison is as agreed.

use super::{text::render_text, *};
use crate::{
    analysis::compare::{
        AreaComparison, Difference, IncompleteRun, RunCurve, Side, WorkloadComparison,
    },
    report::{layout::TextStyle, tests::check_golden},
};

#[expect(
    clippy::too_many_lines,
    reason = "a table: the made-up figures of a comparison"
)]
pub(in crate::report) fn sample() -> Comparison {
    let figure = |key: &str, baseline: f64, run: f64, result| FigureComparison {
        figure: "response_time".to_owned(),
        key: key.to_owned(),
        baseline,
        run,
        ratio: run / baseline,
        low: Some(run / baseline * 0.94),
        high: Some(run / baseline * 1.07),
        result,
        p_value: Some(0.001),
        smallest: (result != ComparisonResult::NotTested).then_some(1.12),
        equal_within: None,
        why_not: None,
    };
    let equal = FigureComparison {
        low: Some(0.991),
        high: Some(1.018),
        equal_within: Some(0.05),
        ..figure(
            "mean",
            2_004.0,
            2_012.0,
            ComparisonResult::NoDifferenceShown,
        )
    };
    let bound = FigureComparison {
        figure: "response_time".to_owned(),
        key: "p99.9".to_owned(),
        why_not: Some("it is a lower bound, since requests failed".to_owned()),
        ..FigureComparison::default()
    };
    let runs = |names: &[&str]| {
        names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>()
    };
    Comparison {
        format: 1,
        baseline: Side {
            runs: runs(&[
                "s-20261122T140500Z-1f2e",
                "s-20261122T140600Z-2f2e",
                "s-20261122T140700Z-3f2e",
            ]),
            ..Side::default()
        },
        run: Side {
            runs: runs(&[
                "s-20261123T140500Z-4f2e",
                "s-20261123T140600Z-5f2e",
                "s-20261123T140700Z-6f2e",
                "s-20261123T140800Z-7f2e",
            ]),
            invalid: runs(&["s-20261123T140600Z-5f2e"]),
            incomplete: vec![IncompleteRun {
                run: "s-20261123T140800Z-7f2e".to_owned(),
                status: "interrupted".to_owned(),
            }],
            ..Side::default()
        },
        differences: vec![Difference {
            what: "workloads.search.params.ef".to_owned(),
            baseline: runs(&["64"]),
            run: runs(&["512"]),
        }],
        workloads: vec![WorkloadComparison {
            at: "alone/search".to_owned(),
            figures: vec![
                figure("p50", 1_890.0, 2_870.0, ComparisonResult::Slower),
                figure("p90", 2_480.0, 3_300.0, ComparisonResult::NotTested),
                figure("p99", 3_950.0, 4_100.0, ComparisonResult::NoDifferenceShown),
                bound,
                equal,
                FigureComparison {
                    figure: "recall".to_owned(),
                    key: String::new(),
                    ..figure("", 0.999_6, 0.93, ComparisonResult::Lower)
                },
            ],
            areas: vec![
                AreaComparison {
                    area: "engine".to_owned(),
                    baseline_us: 870.0,
                    run_us: 1_850.0,
                },
                AreaComparison {
                    area: "gap".to_owned(),
                    baseline_us: 548.0,
                    run_us: 540.0,
                },
            ],
            sentence: Some(
                "mean of the traced requests +972 us, of which engine +980 us".to_owned(),
            ),
            paired: false,
            curves: vec![
                RunCurve {
                    is_baseline: true,
                    run: "s-20261122T140500Z-1f2e".to_owned(),
                    points: vec![(0.0, 900.0), (50.0, 1_890.0), (99.0, 3_950.0)],
                },
                RunCurve {
                    is_baseline: false,
                    run: "s-20261123T140500Z-4f2e".to_owned(),
                    points: vec![(0.0, 1_100.0), (50.0, 2_870.0), (99.0, 4_100.0)],
                },
            ],
        }],
        left_out: vec!["alone/ingest is in the baseline only".to_owned()],
        notes: vec![],
    }
}

#[test]
fn columns_that_did_not_fit_are_told_whichever_workload_lacks_them() {
    let mut comparison = sample();
    let mut narrow = comparison.workloads[0].clone();
    (narrow.at, narrow.figures, narrow.curves) = ("b/c".to_owned(), Vec::new(), Vec::new());
    let told = |comparison: &Comparison| {
        let of_width = |width| {
            let style = TextStyle {
                width,
                ..TextStyle::default()
            };
            let text = render_text(comparison, style);
            let words: Vec<&str> = text.split_whitespace().collect();
            words.join(" ").contains("omitted for lack of width")
        };
        (60..=120).map(of_width).collect::<Vec<bool>>()
    };
    let alone = told(&comparison);
    comparison.workloads.push(narrow);
    assert!(alone.contains(&true));
    assert_eq!(told(&comparison), alone);
}

#[test]
fn every_format_is_as_agreed() {
    for entry in COMPARISONS {
        check_golden(
            entry.file,
            &html::without_files(&String::from_utf8((entry.render)(&sample()).unwrap()).unwrap()),
        );
    }
}

#[test]
fn nothing_to_compare_is_said() {
    let text = render_text(&Comparison::default(), crate::report::TextStyle::default());
    assert!(
        text.contains("nothing could be compared") && text.contains("only the results differ"),
        "{text}"
    );
}

#[test]
fn names_stay_text() {
    let mut comparison = sample();
    comparison.workloads[0].at = "a\u{1b}[31m|<b>".to_owned();
    comparison.workloads[0].curves[0].run = "<b>\u{202e}".to_owned();
    comparison.differences[0].baseline = vec!["<b>\u{202e}".to_owned()];
    comparison.baseline.runs[0] = "<b>".to_owned();
    for entry in COMPARISONS {
        let text = String::from_utf8((entry.render)(&comparison).unwrap()).unwrap();
        assert!(
            !text.contains(['\u{1b}', '\u{202e}'])
                && (!["markdown", "html"].contains(&entry.name) || !text.contains("<b>")),
            "{}: {text}",
            entry.name
        );
    }
}

#[test]
fn a_change_that_is_no_percentage_any_more_is_said_in_times() {
    let words = |ratio| {
        smallest(&FigureComparison {
            smallest: ratio,
            ..FigureComparison::default()
        })
    };
    assert_eq!(
        [None, Some(1.12), Some(3.5), Some(144.4), Some(8.7e7)].map(words),
        ["", "12 %", "250 %", "144 times", "over 1,000 times"]
    );
}

#[test]
fn a_ratio_that_is_only_large_has_no_decimals() {
    let figure = FigureComparison {
        ratio: 24.93,
        low: Some(0.001),
        high: Some(727_946.49),
        ..FigureComparison::default()
    };
    assert_eq!(ratio(&figure), "24.93 [0.00, 727,946]");
}

#[test]
fn figures_that_are_not_tested_are_beside_each_other_all_the_same() {
    let figure = |result| FigureComparison {
        result,
        ..FigureComparison::default()
    };
    let of = |figures: Vec<FigureComparison>| {
        let workload = WorkloadComparison {
            figures,
            ..sample().workloads.remove(0)
        };
        headline(&Comparison {
            workloads: vec![workload],
            ..sample()
        })
    };
    let untested = || figure(ComparisonResult::NotTested);
    assert_eq!(
        of(vec![untested(), untested()]),
        "2 figures shown side by side, none of them tested"
    );
    assert_eq!(
        of(vec![untested(), figure(ComparisonResult::Slower)]),
        "1 figure slower"
    );
    assert_eq!(
        of(vec![FigureComparison {
            why_not: Some("no".to_owned()),
            ..untested()
        }]),
        "nothing could be compared"
    );
}
