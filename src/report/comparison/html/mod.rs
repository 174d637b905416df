//! `comparison.html`: one page that needs nothing else, no script either. Its charts are SVG,
//! written by the template from the places that [`chart`] works out; the template escapes every
//! word.

mod chart;

use askama::Template;

use self::chart::{Bars, Curves, HEIGHT, WIDTH, Whisker, bars, curves, whisker, widest};
use super::{ComparisonEntry, headline, name, ratio, remarks, result, smallest, value, values};
#[cfg(test)]
use crate::report::html::without;
use crate::{
    analysis::compare::{Comparison, ComparisonResult, FigureComparison, Side, WorkloadComparison},
    report::{
        ReportError, clean,
        html::{content_policy, icon::Icon},
    },
};

/// The row of the table.
pub(super) const ENTRY: ComparisonEntry = ComparisonEntry {
    name: "html",
    file: "comparison.html",
    render,
};

/// The rules of `report.html`, and the page's own.
const STYLE: &str = concat!(
    include_str!("../../../../templates/report.css"),
    include_str!("../../../../templates/print.css"),
    include_str!("../../../../templates/comparison.css")
);

/// Values of the setting that a cell shows; the rest is in comparison.json.
const MOST_VALUE: usize = 200;

/// The page. Everything in it is text, escaped by the template, but for the rules, which are this
/// crate's.
#[derive(Debug, Template)]
#[template(path = "comparison.html")]
struct Page {
    policy: String,
    headline: String,
    /// Of the box of the result: as a verdict's.
    class: &'static str,
    mark: &'static str,
    icon: String,
    /// The result in one sentence.
    overall: String,
    remarks: Vec<String>,
    /// Whether round was compared with round.
    paired: bool,
    baseline: Vec<String>,
    run: Vec<String>,
    differences: Vec<[String; 3]>,
    workloads: Vec<WorkloadWords>,
    /// Of the curves.
    width: f64,
    height: f64,
    style: &'static str,
}

#[derive(Debug)]
struct WorkloadWords {
    index: usize,
    at: String,
    sentence: String,
    rows: Vec<RowWords>,
    not_compared: Vec<String>,
    /// Where the ratios' axis ends, e.g. `1.6`, and its inverse.
    axis: [String; 2],
    curves: Option<Curves>,
    bars: Vec<Bars>,
}

#[derive(Debug)]
struct RowWords {
    name: String,
    baseline: String,
    run: String,
    ratio: String,
    smallest: String,
    result: String,
    class: &'static str,
    whisker: Whisker,
}

fn render(comparison: &Comparison) -> Result<Vec<u8>, ReportError> {
    let page = page(comparison).render();
    page.map(String::into_bytes)
        .map_err(|error| ReportError(format!("the comparison can't be written as HTML: {error}")))
}

fn page(comparison: &Comparison) -> Page {
    let (icon, overall) = overall(comparison);
    let side = |side: &Side| side.runs.iter().map(|run| clean(run)).collect();
    let shown = |texts: &[String]| {
        clean(&values(texts))
            .chars()
            .take(MOST_VALUE)
            .collect::<String>()
    };
    Page {
        policy: content_policy(&[], STYLE),
        headline: headline(comparison),
        class: icon.class(),
        mark: icon.mark(),
        icon: icon.address(),
        overall: overall.to_owned(),
        paired: comparison.workloads.iter().any(|workload| workload.paired),
        remarks: remarks(comparison)
            .iter()
            .map(|remark| clean(remark))
            .collect(),
        baseline: side(&comparison.baseline),
        run: side(&comparison.run),
        differences: comparison
            .differences
            .iter()
            .map(|found| {
                [
                    clean(&found.what),
                    shown(&found.baseline),
                    shown(&found.run),
                ]
            })
            .collect(),
        workloads: comparison
            .workloads
            .iter()
            .enumerate()
            .map(workload)
            .collect(),
        width: WIDTH,
        height: HEIGHT,
        style: STYLE,
    }
}

/// The result of all figures: green only where equality was shown, which a difference that was not
/// found does not.
fn overall(comparison: &Comparison) -> (Icon, &'static str) {
    let figures = || {
        comparison
            .workloads
            .iter()
            .flat_map(|workload| &workload.figures)
    };
    let any = |class: &str| figures().any(|figure| class_of(figure) == class);
    let all = |classes: &[&str]| {
        figures()
            .filter(|figure| figure.p_value.is_some())
            .all(|figure| classes.contains(&class_of(figure)))
    };
    if any("worse") {
        let words = if any("better") {
            "Some figures got worse, others better"
        } else {
            "It got worse"
        };
        (Icon::Bad, words)
    } else if any("maybe-worse") {
        (
            Icon::Doubtful,
            "It looks worse, which takes more runs to show",
        )
    } else if any("better") {
        let words = if all(&["better", "equal"]) {
            "It got better"
        } else {
            "Some figures got better; about the others, these runs can't tell"
        };
        (Icon::Better, words)
    } else if any("equal") && all(&["equal"]) {
        (
            Icon::Good,
            "No change: each tested figure was shown to be equal",
        )
    } else {
        (
            Icon::Unknown,
            "These runs can't tell: neither a change nor equality was shown",
        )
    }
}

/// Class of a figure's row, which has its colour.
fn class_of(figure: &FigureComparison) -> &'static str {
    match figure.result {
        _ if figure.why_not.is_some() => "open",
        ComparisonResult::Slower | ComparisonResult::Lower => "worse",
        ComparisonResult::Faster | ComparisonResult::Higher => "better",
        ComparisonResult::DiffersWithinTheseRuns if figure.is_worse() => "maybe-worse",
        ComparisonResult::NoDifferenceShown if figure.equal_within.is_some() => "equal",
        ComparisonResult::DiffersWithinTheseRuns
        | ComparisonResult::NoDifferenceShown
        | ComparisonResult::NotTested => "open",
    }
}

/// What is tested comes first, then what is shown only.
fn in_order(figure: &&FigureComparison) -> usize {
    const FIRST: [&str; 3] = ["p50", "p99", "mean"];
    match FIRST.iter().position(|key| figure.key == *key) {
        Some(at) => at,
        None if figure.key.is_empty() => FIRST.len(),
        None => FIRST.len() + 1,
    }
}

fn workload((index, found): (usize, &WorkloadComparison)) -> WorkloadWords {
    let compared = || {
        found
            .figures
            .iter()
            .filter(|figure| figure.why_not.is_none())
    };
    let end = widest(compared());
    let mut rows: Vec<&FigureComparison> = compared().collect();
    rows.sort_by_key(in_order);
    WorkloadWords {
        index,
        at: clean(&found.at),
        sentence: found.sentence.as_deref().map(clean).unwrap_or_default(),
        rows: rows.into_iter().map(|figure| row(figure, end)).collect(),
        not_compared: found
            .figures
            .iter()
            .filter_map(|figure| {
                Some(format!(
                    "{}: {}",
                    name(figure),
                    clean(figure.why_not.as_ref()?)
                ))
            })
            .collect(),
        axis: [1.0 / end, end].map(|ratio| super::plain(ratio, 2)),
        curves: curves(&found.curves),
        bars: bars(&found.areas),
    }
}

fn row(figure: &FigureComparison, end: f64) -> RowWords {
    RowWords {
        name: clean(&name(figure)),
        baseline: value(figure, figure.baseline),
        run: value(figure, figure.run),
        ratio: ratio(figure),
        smallest: smallest(figure),
        result: result(figure),
        class: class_of(figure),
        whisker: whisker(figure, end),
    }
}

/// A page without this crate's rules and their hash: what a golden file is to hold.
#[cfg(test)]
pub(super) fn without_files(page: &str) -> String {
    without(page, &[STYLE])
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use sha2::{Digest as _, Sha256};

    use super::*;
    use crate::report::comparison::tests::sample;

    fn written(comparison: &Comparison) -> String {
        String::from_utf8(render(comparison).unwrap()).unwrap()
    }

    #[test]
    fn the_policy_allows_the_rules_of_the_page_and_nothing_else() {
        let page = written(&sample());
        let between = |open: &str, close: &str| {
            page.split(open)
                .nth(1)
                .unwrap()
                .split(close)
                .next()
                .unwrap()
                .to_owned()
        };
        let hash = base64::engine::general_purpose::STANDARD
            .encode(Sha256::digest(between("<style>", "</style>")));
        let allowed = between("Content-Security-Policy\" content=\"", "\">").replace("&#39;", "'");
        assert_eq!(
            allowed,
            format!(
                "default-src 'none'; style-src 'sha256-{hash}'; img-src data:; base-uri 'none'; \
                 form-action 'none'"
            )
        );
        for loading in [
            "<script",
            " src=",
            "href=\"http",
            "@import",
            "url(",
            " style=",
            " onclick=",
        ] {
            assert!(!page.contains(loading), "{loading}");
        }
    }

    #[test]
    fn texts_from_outside_are_escaped_wherever_they_stand() {
        const HOSTILE: &str =
            "</title></style><script>alert(1)</script>\"><img src=x onerror=alert(1)>";
        let mut comparison = sample();
        let text = || HOSTILE.to_owned();
        for side in [&mut comparison.baseline, &mut comparison.run] {
            (side.runs, side.invalid) = (vec![text()], vec![text()]);
        }
        comparison.left_out = vec![text()];
        comparison.differences.iter_mut().for_each(|row| {
            (row.what, row.baseline, row.run) = (text(), vec![text()], vec![text()])
        });
        let workload = &mut comparison.workloads[0];
        (workload.at, workload.sentence) = (text(), Some(text()));
        workload
            .curves
            .iter_mut()
            .for_each(|curve| curve.run = text());
        workload
            .areas
            .iter_mut()
            .for_each(|area| area.area = text());
        workload
            .figures
            .iter_mut()
            .for_each(|figure| (figure.figure, figure.key) = (text(), text()));
        workload.figures.last_mut().unwrap().why_not = Some(text());
        let page = written(&comparison);
        for broken in ["<script", "<img", "\"><img"] {
            assert!(!page.contains(broken), "{broken}: {page}");
        }
        for element in ["title", "style"] {
            let (opened, closed) = (
                page.matches(&format!("<{element}>")).count(),
                page.matches(&format!("</{element}>")).count(),
            );
            assert_eq!(opened, closed, "{element}: {page}");
        }
        // They are shown all the same.
        for place in [
            "<h2 id=\"h0\">",
            "<th scope=\"row\">",
            "<title>baseline ",
            "<span class=\"name\">",
            "<li>",
            "Not compared: ",
            "<dd>",
        ] {
            assert!(
                page.split(place)
                    .skip(1)
                    .any(|rest| rest.starts_with("&#60;/title&#62;")),
                "{place}: {page}"
            );
        }
    }
}
