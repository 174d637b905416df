//! `comparison.md`: for the comment of a pull request.

use std::fmt::Write as _;

use super::{
    ComparisonEntry, headline, name, ratio, remarks, result, smallest, test_name, value, values,
};
use crate::{
    analysis::compare::{Comparison, ComparisonResult},
    report::markdown::escape,
};

/// The row of the table.
pub(super) const ENTRY: ComparisonEntry = ComparisonEntry {
    name: "markdown",
    file: "comparison.md",
    render: |comparison| Ok(render(comparison).into_bytes()),
};

fn render(comparison: &Comparison) -> String {
    let mut out = String::new();
    // Writing to a String can't fail, here and below.
    let _ = writeln!(out, "### milvus-bench: {}\n", escape(&headline(comparison)));
    for remark in remarks(comparison) {
        let _ = writeln!(out, "- {}", escape(&remark));
    }
    if !comparison.differences.is_empty() {
        out.push_str("\n| what differs | baseline | run |\n| --- | --- | --- |\n");
    }
    for found in &comparison.differences {
        let _ = writeln!(
            out,
            "| {} | {} | {} |",
            escape(&found.what),
            escape(&values(&found.baseline)),
            escape(&values(&found.run))
        );
    }
    for workload in &comparison.workloads {
        let _ = writeln!(
            out,
            "\n| {} | baseline | run | ratio | could show | |",
            escape(&workload.at)
        );
        out.push_str("| --- | --: | --: | --: | --: | --- |\n");
        for figure in &workload.figures {
            if let Some(why) = &figure.why_not {
                let _ = writeln!(
                    out,
                    "| {} | - | - | - | | not compared: {} |",
                    escape(&name(figure)),
                    escape(why)
                );
                continue;
            }
            let word = match figure.result {
                ComparisonResult::Slower
                | ComparisonResult::Faster
                | ComparisonResult::Lower
                | ComparisonResult::Higher => {
                    format!("**{}**", result(figure))
                }
                _ => result(figure),
            };
            let (before, after) = (value(figure, figure.baseline), value(figure, figure.run));
            let cells = [name(figure), before, after, ratio(figure), smallest(figure)]
                .map(|text| escape(&text));
            let _ = writeln!(out, "| {} | {word} |", cells.join(" | "));
        }
        if let Some(sentence) = &workload.sentence {
            let _ = writeln!(out, "\n{}", escape(sentence));
        }
    }
    if comparison.workloads.iter().any(|workload| workload.paired) {
        let _ = writeln!(out, "\ntested: {}", escape(test_name(comparison)));
    }
    let _ = writeln!(
        out,
        "\n<details><summary>Runs</summary>\n\n- baseline: {}\n- run: {}\n\n</details>",
        escape(&comparison.baseline.runs.join(" ")),
        escape(&comparison.run.runs.join(" "))
    );
    out
}
