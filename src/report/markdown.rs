//! `report.md`: what a pull request's comment holds. Text from outside is escaped character by
//! character, so that none of it is markup, a link or a mention.

use std::fmt::Write as _;

use super::{
    ReportEntry, ReportError, RunReport, clean, thresholds,
    units::{count, duration, number, recall, share},
};
use crate::analysis::{
    Analysis, Estimate, Quantiles, ThresholdState, VerdictState, WorkloadAnalysis,
};

/// The row of the table.
pub(super) const ENTRY: ReportEntry = ReportEntry {
    name: "markdown",
    file: "report.md",
    text: true,
    joined: Some(joined),
    summary: "verdict, latency and where the time went, for the comment of a pull request",
    render: |analysis| Ok(render(analysis).into_bytes()),
};

/// Areas that are shown of a workload.
const AREAS: usize = 5;

fn render(analysis: &Analysis) -> String {
    let mut out = String::new();
    let state = match analysis.verdict.state {
        VerdictState::Valid => "valid",
        VerdictState::Reservations => "valid with caveats",
        VerdictState::Invalid => "**INVALID**",
    };
    let bound = if analysis.verdict.client_bound {
        ", client-bound"
    } else {
        ""
    };
    // Writing to a String can't fail, here and below.
    let _ = writeln!(
        out,
        "### {}: {}, {state}{bound}\n",
        escape(&analysis.name),
        escape(&analysis.status)
    );
    for reason in &analysis.verdict.reasons {
        let at = if reason.at.is_empty() {
            String::new()
        } else {
            format!(" at {}", escape(&reason.at))
        };
        let _ = writeln!(
            out,
            "- {}{at}: {}",
            escape(&reason.code.replace('_', " ")),
            escape(&reason.advice)
        );
    }
    write_thresholds(&mut out, analysis);
    let measured: Vec<&WorkloadAnalysis> = analysis
        .workloads
        .iter()
        .filter(|workload| !workload.is_preparation())
        .collect();
    write_latency(&mut out, &measured);
    write_areas(&mut out, &measured);
    write_sentences(&mut out, &measured);
    let _ = writeln!(out, "\n<details><summary>Run and environment</summary>\n");
    let _ = writeln!(out, "- run {}", escape(&analysis.run));
    for (key, value) in &analysis.environment {
        let _ = writeln!(out, "- {} {}", escape(key), escape(value));
    }
    out.push_str("\n</details>\n");
    out
}

/// One after the other; without an empty line between, a heading would belong to the details before
/// it.
fn joined(reports: &[RunReport]) -> Result<Vec<u8>, ReportError> {
    let reports: Vec<&[u8]> = reports
        .iter()
        .map(|report| report.bytes.as_slice())
        .collect();
    Ok(reports.join(b"\n".as_slice()))
}

fn write_thresholds(out: &mut String, analysis: &Analysis) {
    if analysis.thresholds.is_empty() {
        return;
    }
    out.push_str("\n| threshold | at | | found |\n| --- | --- | --- | --- |\n");
    for result in &analysis.thresholds {
        let state = match result.state {
            ThresholdState::Passed => "passed",
            ThresholdState::Undecided => "undecided",
            ThresholdState::Failed => "**failed**",
        };
        let _ = writeln!(
            out,
            "| {} | {} | {state} | {} |",
            escape(&result.require),
            escape(&result.at),
            escape(&result.sentence)
        );
    }
    if let Some(counts) = thresholds::counts(analysis) {
        let _ = writeln!(out, "\n{counts}");
    }
}

/// Heading and cell of a column that only some workloads have.
type More = (&'static str, fn(&WorkloadAnalysis) -> Option<String>);

const MORE: [More; 5] = [
    ("vectors /s", |workload| workload.vectors_per_s.map(number)),
    ("rows /s", |workload| workload.rows_per_s.map(number)),
    ("rows a reply", |workload| {
        workload.rows.as_ref().map(|rows| number(rows.mean))
    }),
    ("empty", |workload| {
        workload.rows.as_ref().map(|rows| share(rows.empty))
    }),
    ("recall", |workload| {
        workload.recall.as_ref().map(|of| recall(of.mean))
    }),
];

fn write_latency(out: &mut String, measured: &[&WorkloadAnalysis]) {
    if measured.is_empty() {
        return;
    }
    // What no workload has takes no column.
    let more: Vec<&More> = MORE
        .iter()
        .filter(|(_, cell)| measured.iter().any(|workload| cell(workload).is_some()))
        .collect();
    let headings: String = more
        .iter()
        .map(|(heading, _)| format!(" {heading} |"))
        .collect();
    let _ = writeln!(
        out,
        "\n| workload | ok | failed | not sent | /s | p50 | p95 | p99 | p99.9 | max |{headings}"
    );
    let _ = writeln!(
        out,
        "| --- | --: | --: | --: | --: | --: | --: | --: | --: | --: |{}",
        " --: |".repeat(more.len())
    );
    for workload in measured {
        write_row(out, workload, &more);
    }
    for workload in measured {
        if let Some(why) = &workload.no_recall {
            let _ = writeln!(
                out,
                "\nno recall of {}: {}",
                escape(&workload.place()),
                escape(why)
            );
        }
    }
    if measured
        .iter()
        .any(|workload| workload.loop_kind == "closed")
    {
        out.push_str("\n\\* closed loop: service time, and stalls are under-counted\n");
    }
}

fn write_row(out: &mut String, workload: &WorkloadAnalysis, more: &[&More]) {
    let counts = &workload.requests;
    let closed = if workload.loop_kind == "closed" {
        " \\*"
    } else {
        ""
    };
    let cells = [
        count(counts.ok),
        count(counts.failed),
        count(counts.not_sent),
        number(workload.rate.achieved),
    ];
    // Counts that can't be read are not 0.
    let cells = if workload.figures_lost {
        cells.map(|_| "-".to_owned())
    } else {
        cells
    };
    let _ = write!(
        out,
        "| {}{closed} | {} |",
        escape(&workload.place()),
        cells.join(" | ")
    );
    for key in ["p50", "p95", "p99", "p99.9", "max"] {
        let _ = write!(
            out,
            " {} |",
            latency(workload)
                .and_then(|quantiles| quantiles.get(key))
                .map_or("-".to_owned(), estimate)
        );
    }
    for (_, cell) in more {
        let _ = write!(
            out,
            " {} |",
            cell(workload).unwrap_or_else(|| "-".to_owned())
        );
    }
    out.push('\n');
}

fn latency(workload: &WorkloadAnalysis) -> Option<&Quantiles> {
    workload
        .response_time_us
        .as_ref()
        .or(workload.service_time_us.as_ref())
}

/// `3.95 ms [3.78, 4.22]`: the ends are in the unit of the value.
fn estimate(found: &Estimate) -> String {
    let at_least = if found.at_least { ">=" } else { "" };
    let ends = found
        .low
        .zip(found.high)
        .map_or(String::new(), |(low, high)| {
            format!(" \\[{}, {}\\]", duration(low), duration(high))
        });
    format!("{}{}{ends}", escape(at_least), duration(found.value))
}

fn write_areas(out: &mut String, measured: &[&WorkloadAnalysis]) {
    let rows = measured
        .iter()
        .filter_map(|workload| Some((workload, workload.account.first()?)));
    let lines: Vec<String> = rows
        .map(|(workload, all)| {
            let mut areas: Vec<(&str, f64)> = Vec::new();
            for part in &all.parts {
                match areas.iter_mut().find(|(area, _)| *area == part.area) {
                    Some((_, sum)) => *sum += part.mean_us,
                    None => areas.push((&part.area, part.mean_us)),
                }
            }
            areas.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
            let words = areas
                .iter()
                .take(AREAS)
                .map(|(area, us)| format!("{} {}", escape(area), share(us / all.mean_us)));
            format!(
                "| {} | {} | {} |",
                escape(&workload.place()),
                duration(all.mean_us),
                words.collect::<Vec<_>>().join(", ")
            )
        })
        .collect();
    if !lines.is_empty() {
        let _ = writeln!(
            out,
            "\n| where the time went | mean | largest areas |\n| --- | --: | --- |\n{}",
            lines.join("\n")
        );
    }
}

fn write_sentences(out: &mut String, measured: &[&WorkloadAnalysis]) {
    let mut lines = String::new();
    for workload in measured {
        let tail = workload
            .tail
            .as_ref()
            .and_then(|tail| tail.sentence.as_deref());
        let told = workload
            .contrasts
            .iter()
            .filter_map(|contrast| contrast.sentence.as_deref());
        let advice = workload
            .advice
            .iter()
            .map(|advice| advice.sentence.as_str());
        for sentence in tail.into_iter().chain(told).chain(advice) {
            let _ = writeln!(
                lines,
                "- {}: {}",
                escape(&workload.place()),
                escape(sentence)
            );
        }
    }
    if !lines.is_empty() {
        let _ = write!(out, "\n{lines}");
    }
}

/// Every sign that could be markup as its number: HTML, Markdown, tables, links, mentions.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in clean(text).chars() {
        if c.is_ascii_punctuation() && !matches!(c, ',' | '-' | '%' | '\'') {
            let _ = write!(out, "&#{};", u32::from(c));
        } else {
            out.push(c);
        }
    }
    // At the beginning of a line it would be a list.
    match out.strip_prefix('-') {
        Some(rest) => format!("&#45;{rest}"),
        None => out,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn check(hostile: &str) {
        let mut analysis = sample::analysis();
        let mut harmless = sample::analysis();
        for (analysis, name) in [(&mut analysis, hostile), (&mut harmless, "x")] {
            analysis.name = name.to_owned();
            analysis.workloads.iter_mut().for_each(|workload| {
                workload.workload = name.to_owned();
                workload
                    .advice
                    .iter_mut()
                    .for_each(|advice| advice.sentence = name.to_owned());
            });
        }
        let (found, expected) = (render(&analysis), render(&harmless));
        for sign in [
            '|', '`', '*', '_', '<', '>', '[', ']', '(', ')', '@', '!', '#', '\n', '\\', '~',
        ] {
            let count = |text: &str| text.replace("&#", "").matches(sign).count();
            assert_eq!(
                count(&found),
                count(&expected),
                "{hostile:?}: {sign:?} in\n{found}"
            );
        }
    }

    #[test]
    fn names_add_no_markup() {
        check("a|b");
        check("`code` **bold** _it_ ~~no~~");
        check("<script>alert(1)</script>");
        check("[x](http://e.example) ![y](z) @someone #12");
        check("two\nlines\r\n# heading");
    }
}
