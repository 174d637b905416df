//! `report.xml`: verdict, figures and thresholds as a JUnit report, which CI systems show. What
//! can't be decided is *skipped*. Each workload is a case with its figures in words, and the same
//! figures are properties of its suite, by the names of report.json.

use askama::Template;

use super::{
    ReportEntry, ReportError, RunReport,
    answer::first_answers,
    clean, escaped,
    units::{count, duration, number, recall},
};
use crate::analysis::{Analysis, Quantiles, ThresholdState, VerdictState, WorkloadAnalysis};

/// The row of the table.
pub(super) const ENTRY: ReportEntry = ReportEntry {
    name: "junit",
    file: "report.xml",
    text: true,
    joined: Some(joined),
    summary: "verdict, figures and thresholds as JUnit XML, for CI systems",
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
    properties: Vec<(String, String)>,
    cases: Vec<Case>,
    /// What the run answers: lines of the verdict's suite.
    output: Vec<String>,
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
            properties: Vec::new(),
            cases,
            output: Vec::new(),
        }
    }
}

fn render(analysis: &Analysis) -> Result<Vec<u8>, ReportError> {
    let measured = analysis.workloads.iter().filter(|of| !of.is_preparation());
    let mut places: Vec<String> = measured.clone().map(WorkloadAnalysis::place).collect();
    for result in &analysis.thresholds {
        if !places.contains(&result.at) {
            places.push(result.at.clone());
        }
    }
    let name = clean(&analysis.name);
    let of_place = |place: &String| {
        let of = analysis
            .thresholds
            .iter()
            .filter(|result| result.at == *place);
        let workload = measured.clone().find(|workload| workload.place() == *place);
        let class = format!("{name}.{}", clean(place).replace('/', "."));
        let figures = workload.map(|workload| Case {
            name: "figures".to_owned(),
            class: class.clone(),
            outcome: if workload.requests.ok == 0 {
                Outcome::Skipped
            } else {
                Outcome::Passed
            },
            text: clean(&figures(workload)),
        });
        let thresholds = of.map(|result| Case {
            name: clean(&result.require),
            class: class.clone(),
            outcome: match result.state {
                ThresholdState::Passed => Outcome::Passed,
                ThresholdState::Undecided => Outcome::Skipped,
                ThresholdState::Failed => Outcome::Failed,
            },
            text: clean(&result.sentence),
        });
        Suite {
            properties: workload.map_or_else(Vec::new, properties),
            ..Suite::new(
                clean(place),
                figures.into_iter().chain(thresholds).collect(),
            )
        }
    };
    let suites: Vec<Suite> = std::iter::once(Suite {
        output: answer_lines(analysis),
        ..Suite::new("verdict".to_owned(), vec![verdict(analysis, &name)])
    })
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

/// A figure: its name in report.json, its words, and where it is.
type Figure = (
    &'static str,
    &'static str,
    fn(&WorkloadAnalysis) -> Option<&Quantiles>,
);

/// Figures with quantiles.
const FIGURES: [Figure; 6] = [
    ("response_time_us", "response time", |of| {
        of.response_time_us.as_ref()
    }),
    ("service_time_us", "service time", |of| {
        of.service_time_us.as_ref()
    }),
    ("send_lag_us", "send lag", |of| of.send_lag_us.as_ref()),
    ("queue_time_us", "queue time", |of| {
        of.queue_time_us.as_ref()
    }),
    ("server_time_us", "server time", |of| {
        of.server_time_us.as_ref()
    }),
    ("gap_us", "gap", |of| of.gap_us.as_ref()),
];
const QUANTILES: [&str; 5] = ["p50", "p95", "p99", "p99.9", "max"];

/// The figures of a workload in one sentence.
fn figures(workload: &WorkloadAnalysis) -> String {
    let counts = &workload.requests;
    let mut parts = vec![format!(
        "{} ok, {} failed, {} not sent, {} /s",
        count(counts.ok),
        count(counts.failed),
        count(counts.not_sent),
        number(workload.rate.achieved)
    )];
    if let Some(due) = workload.rate.scheduled.or(workload.rate.target) {
        parts.push(format!("due {} /s", number(due)));
    }
    for (_, words, of) in FIGURES {
        let Some(quantiles) = of(workload) else {
            continue;
        };
        let values = QUANTILES.iter().filter_map(|name| {
            let found = quantiles.get(*name)?;
            let at_least = if found.at_least { "at least " } else { "" };
            Some(format!("{name} {at_least}{}", duration(found.value)))
        });
        parts.push(format!("{words} {}", values.collect::<Vec<_>>().join(", ")));
    }
    match (&workload.recall, &workload.no_recall) {
        (Some(found), _) => parts.push(format!("recall {}", recall(found.mean))),
        (None, Some(why)) => parts.push(format!("no recall: {why}")),
        (None, None) => {}
    }
    parts.join("; ")
}

/// The same figures by name; times in microseconds, rates per second.
fn properties(workload: &WorkloadAnalysis) -> Vec<(String, String)> {
    let counts = &workload.requests;
    let mut all = vec![
        ("requests.ok".to_owned(), counts.ok.to_string()),
        ("requests.failed".to_owned(), counts.failed.to_string()),
        ("requests.not_sent".to_owned(), counts.not_sent.to_string()),
        (
            "rate.achieved".to_owned(),
            workload.rate.achieved.to_string(),
        ),
    ];
    let due = workload.rate.scheduled.or(workload.rate.target);
    all.extend(due.map(|due| ("rate.scheduled".to_owned(), due.to_string())));
    for (name, _, of) in FIGURES {
        let found = of(workload).into_iter().flat_map(|quantiles| {
            QUANTILES
                .iter()
                .filter_map(|quantile| Some((quantile, quantiles.get(*quantile)?)))
        });
        all.extend(
            found.map(|(quantile, found)| (format!("{name}.{quantile}"), found.value.to_string())),
        );
    }
    let recall = workload.recall.as_ref();
    all.extend(recall.map(|found| ("recall.mean".to_owned(), found.mean.to_string())));
    all
}

/// The suites of all runs, each named after its run.
fn joined(reports: &[RunReport]) -> Result<Vec<u8>, ReportError> {
    let mut out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n".to_owned();
    for report in reports {
        let (run, text) = (escaped(&report.run), String::from_utf8_lossy(&report.bytes));
        // Signs of markup are escaped in texts, so these lines begin elements.
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

/// The answers, one sentence a line.
fn answer_lines(analysis: &Analysis) -> Vec<String> {
    let (answers, more) = first_answers(analysis);
    let lines = answers.into_iter().flat_map(|answer| {
        let first = format!("ANSWER {}: {}", answer.subject, answer.what);
        let suggestion = answer.suggestion.map(|text| format!("→ {text}"));
        [first].into_iter().chain(answer.why).chain(suggestion)
    });
    lines.chain(more).map(|line| clean(&line)).collect()
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
        assert!(text.contains("failures=\"1\" skipped=\"1\""), "{text}");
        assert!(text.contains("<skipped message=\"48.30 ms"), "{text}");
    }

    #[test]
    fn a_parser_finds_every_workload_and_threshold_with_its_figures() {
        let analysis = sample::analysis();
        let text = text(|_| {});
        let document = roxmltree::Document::parse(&text).unwrap();
        let cases = document
            .descendants()
            .filter(|node| node.has_tag_name("testcase"));
        let cases: Vec<_> = cases.collect();
        let named = |name: &str| {
            let of = cases
                .iter()
                .filter(|case| case.attribute("name") == Some(name));
            of.count()
        };
        let measured = analysis.workloads.iter().filter(|of| !of.is_preparation());
        assert_eq!(named("figures"), measured.clone().count());
        for result in &analysis.thresholds {
            assert!(named(&result.require) > 0, "{}", result.require);
        }
        assert_eq!(
            cases.len(),
            1 + measured.clone().count() + analysis.thresholds.len()
        );
        for workload in measured {
            let mut suites = document.descendants();
            let place = workload.place();
            let suite = suites.find(|node| {
                node.has_tag_name("testsuite") && node.attribute("name") == Some(&place)
            });
            let suite = suite.unwrap();
            let properties = suite
                .descendants()
                .filter(|node| node.has_tag_name("property"));
            let ok = properties.filter(|node| node.attribute("name") == Some("requests.ok"));
            let ok: Vec<_> = ok.map(|node| node.attribute("value").unwrap()).collect();
            assert_eq!(ok, [workload.requests.ok.to_string()]);
        }
        let all: String = document
            .descendants()
            .filter_map(|node| node.text())
            .collect();
        assert!(all.contains("p99 ") && all.contains(" /s"), "{all}");
        assert!(!all.contains("&#") && !all.contains('\\'), "{all}");
    }

    #[test]
    fn the_answer_is_what_the_suite_of_the_verdict_says() {
        let text = text(|_| {});
        let document = roxmltree::Document::parse(&text).unwrap();
        let mut suites = document.descendants();
        let of_verdict = suites
            .find(|node| node.attribute("name") == Some("verdict"))
            .unwrap();
        let mut said = of_verdict.children();
        let said = said
            .find(|node| node.has_tag_name("system-out"))
            .and_then(|node| node.text());
        let lines: Vec<&str> = said.unwrap().lines().collect();
        assert!(lines[0].starts_with("ANSWER search: p99 3.95 ms [3.78, 4.22] alone -> at least"));
        assert!(
            lines[1].starts_with("on average under-ingest is 2.98 ms"),
            "{lines:?}"
        );
        assert!(
            lines[3].starts_with("→ 41 % of the engine's time"),
            "{lines:?}"
        );
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
