//! `report.xml`: verdict and thresholds as a JUnit report, which CI systems show. What can't be
//! decided is *skipped*.

use askama::Template;

use super::{ReportEntry, ReportError, RunReport, clean, escaped};
use crate::analysis::{Analysis, ThresholdState, VerdictState};

/// The row of the table.
pub(super) const ENTRY: ReportEntry = ReportEntry {
    name: "junit",
    file: "report.xml",
    text: true,
    joined: Some(joined),
    summary: "verdict and thresholds as JUnit XML, for CI systems",
    render,
};

/// The file; the template escapes what it is given.
#[derive(Debug, Template)]
#[template(path = "junit.xml")]
struct Report {
    name: String,
    tests: usize,
    failures: usize,
    skipped: usize,
    suites: Vec<Suite>,
}

/// The verdict, or the thresholds of one workload of a phase.
#[derive(Debug)]
struct Suite {
    name: String,
    failures: usize,
    skipped: usize,
    cases: Vec<Case>,
}

#[derive(Debug)]
struct Case {
    name: String,
    class: String,
    outcome: Outcome,
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
    Skipped,
}

impl Suite {
    fn new(name: String, cases: Vec<Case>) -> Self {
        let number = |outcome: Outcome| cases.iter().filter(|case| case.outcome == outcome).count();
        Self {
            name,
            failures: number(Outcome::Failed),
            skipped: number(Outcome::Skipped),
            cases,
        }
    }
}

fn render(analysis: &Analysis) -> Result<Vec<u8>, ReportError> {
    let mut places: Vec<&str> = Vec::new();
    for result in &analysis.thresholds {
        if !places.contains(&result.at.as_str()) {
            places.push(&result.at);
        }
    }
    let name = clean(&analysis.name);
    let of_place = |place: &&str| {
        let of = analysis
            .thresholds
            .iter()
            .filter(|result| result.at == **place);
        let cases = of.map(|result| Case {
            name: clean(&result.require),
            class: format!("{name}.{}", clean(&result.at).replace('/', ".")),
            outcome: match result.state {
                ThresholdState::Passed => Outcome::Passed,
                ThresholdState::Undecided => Outcome::Skipped,
                ThresholdState::Failed => Outcome::Failed,
            },
            text: clean(&result.sentence),
        });
        Suite::new(clean(place), cases.collect())
    };
    let suites: Vec<Suite> = std::iter::once(Suite::new(
        "verdict".to_owned(),
        vec![verdict(analysis, &name)],
    ))
    .chain(places.iter().map(of_place))
    .collect();
    let sum = |of: fn(&Suite) -> usize| suites.iter().map(of).sum();
    let report = Report {
        tests: sum(|suite| suite.cases.len()),
        failures: sum(|suite| suite.failures),
        skipped: sum(|suite| suite.skipped),
        name,
        suites,
    };
    let text = report.render().map_err(|error| {
        ReportError(format!("the report can't be written as JUnit XML: {error}"))
    })?;
    Ok((text.trim_end().to_owned() + "\n").into_bytes())
}

/// The suites of all runs, each named after its run.
fn joined(reports: &[RunReport]) -> Result<Vec<u8>, ReportError> {
    let mut out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n".to_owned();
    for report in reports {
        let (run, text) = (escaped(&report.run), String::from_utf8_lossy(&report.bytes));
        // Text within the file has no line breaks, so these lines begin elements.
        let suites = text
            .lines()
            .skip_while(|line| !line.starts_with("  <testsuite "))
            .take_while(|line| *line != "</testsuites>");
        for line in suites {
            let named = line.replacen(
                "<testsuite name=\"",
                &format!("<testsuite name=\"{run}: "),
                1,
            );
            out.push_str(&named.replacen(" classname=\"", &format!(" classname=\"{run}."), 1));
            out.push('\n');
        }
    }
    out.push_str("</testsuites>\n");
    Ok(out.into_bytes())
}

/// An invalid run fails whatever its figures are; reservations are told.
fn verdict(analysis: &Analysis, name: &str) -> Case {
    let state = match analysis.verdict.state {
        VerdictState::Valid => "valid",
        VerdictState::Reservations => "valid with caveats",
        VerdictState::Invalid => "invalid",
    };
    let reasons = analysis.verdict.reasons.iter().map(|reason| {
        let at = if reason.at.is_empty() {
            String::new()
        } else {
            format!(" at {}", reason.at)
        };
        format!("; {}{at}: {}", reason.code.replace('_', " "), reason.advice)
    });
    let is_invalid = analysis.verdict.state == VerdictState::Invalid;
    Case {
        name: "the figures can be believed".to_owned(),
        class: format!("{name}.verdict"),
        outcome: if is_invalid {
            Outcome::Failed
        } else {
            Outcome::Passed
        },
        text: clean(&format!("{state}{}", reasons.collect::<String>())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn text(change: impl FnOnce(&mut Analysis)) -> String {
        let mut analysis = sample::analysis();
        change(&mut analysis);
        String::from_utf8(render(&analysis).unwrap()).unwrap()
    }

    #[test]
    fn states_are_passed_failed_and_skipped() {
        let text = text(|_| {});
        assert!(
            text.contains("tests=\"4\" failures=\"1\" skipped=\"1\""),
            "{text}"
        );
        assert!(text.contains("<skipped message=\"48.30 ms"), "{text}");
    }

    #[test]
    fn an_invalid_run_is_a_failure() {
        let text = text(|analysis| analysis.verdict.state = VerdictState::Invalid);
        assert!(
            text.contains("<failure message=\"invalid; failed at under-ingest/search"),
            "{text}"
        );
    }

    #[test]
    fn several_runs_are_one_document() {
        let report = |run: &str| RunReport {
            run: run.to_owned(),
            bytes: render(&sample::analysis()).unwrap(),
        };
        let text = String::from_utf8(joined(&[report("one"), report("a\"<b>")]).unwrap()).unwrap();
        assert_eq!(
            [
                text.matches("<?xml").count(),
                text.matches("<testsuites>").count(),
                text.matches("</testsuites>").count()
            ],
            [1; 3]
        );
        assert_eq!(
            text.matches("  <testsuite ").count(),
            text.matches("  </testsuite>").count()
        );
        let once = String::from_utf8(report("").bytes).unwrap();
        assert_eq!(
            text.matches("<testcase ").count(),
            2 * once.matches("<testcase ").count()
        );
        assert!(
            text.contains("<testsuite name=\"one: verdict\"") && text.contains(" classname=\"one."),
            "{text}"
        );
        assert!(
            text.contains("<testsuite name=\"a&#34;&#60;b&#62;: verdict\""),
            "{text}"
        );
    }

    #[test]
    fn names_stay_text() {
        let text = text(|analysis| {
            analysis.name = "a\"<b>&\u{1b}[31m\u{0}".to_owned();
            analysis.thresholds[0].require = "part(\"]]><x>\").mean < 1ms".to_owned();
        });
        assert!(
            !text.contains("<b>") && !text.contains("<x>") && !text.contains(['\u{1b}', '\u{0}']),
            "{text}"
        );
    }
}
