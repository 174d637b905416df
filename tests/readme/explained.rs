//! What a page has to explain: every reason of a verdict, every module, every setting of a stack.

use std::collections::BTreeSet;

use crate::documents::read;

/// Texts that stand in quotes right after `before` in `code`, whatever space lies between.
fn quoted_after(code: &str, before: &str) -> Vec<String> {
    let rests = code
        .split(before)
        .skip(1)
        .filter_map(|rest| rest.trim_start().strip_prefix('"'));
    rests
        .filter_map(|rest| rest.split('"').next())
        .map(str::to_owned)
        .collect()
}

/// Words in the first cells of the tables of `text`, separated by commas there.
fn first_cells(text: &str) -> BTreeSet<String> {
    text.lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" |").next())
        .flat_map(|cell| cell.split(", "))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_caveat_is_explained() {
    let code = read("src/analysis/judgement/verdict.rs")
        + &read("src/analysis/judgement/verdict/client.rs")
        + &read("src/analysis/judgement/verdict/replies.rs");
    let explained = first_cells(&read("docs/troubleshooting.md"));
    let codes: Vec<String> = quoted_after(&code, "reason(")
        .into_iter()
        .chain(quoted_after(&code, "=> ("))
        .collect();
    assert!(codes.len() > 15, "the codes were not found: {codes:?}");
    for code in codes {
        assert!(
            explained.contains(&code.replace('_', " ")),
            "{code} has no row in docs/troubleshooting.md"
        );
    }
}

/// A caveat without a remedy leaves its reader where they were.
#[test]
fn every_caveat_has_a_remedy() {
    let page = read("docs/troubleshooting.md");
    let section = page
        .split("\n## ")
        .find(|part| part.starts_with("Caveats\n"));
    let rows = section
        .expect("the caveats")
        .lines()
        .filter(|line| line.starts_with("| "));
    let mut count = 0;
    for row in rows {
        count += 1;
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        assert!(cells.len() == 4 && !cells[3].is_empty(), "{row}");
    }
    assert!(count > 30, "{count}");
}

#[test]
fn every_module_is_on_the_map() {
    let map = read("ARCHITECTURE.md");
    for line in read("src/lib.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod "))
    {
        let name = line.trim_end_matches(';');
        assert!(
            map.contains(&format!("| `src/{name}/` |"))
                || map.contains(&format!("| `src/{name}.rs` |")),
            "{name}"
        );
    }
}

/// A figure, column or file that a report shows, and the page that explains it.
#[test]
fn every_column_of_the_table_of_requests_is_explained() {
    let explained = first_cells(&read("docs/reading-a-report.md"));
    for column in [
        "due",
        "ok",
        "failed",
        "not sent",
        "sent",
        "target",
        "rows",
        "send lag p99",
        "recall",
    ] {
        assert!(explained.contains(column), "{column}: {explained:?}");
    }
}

/// Every term that a newcomer is sent to the list for.
#[test]
fn every_figure_is_among_the_terms() {
    let page = read("docs/methodology.md");
    let list = page.split("\n## ").find(|part| part.starts_with("Terms\n"));
    let list = list.and_then(|part| part.split("\n### ").next());
    let explained = first_cells(list.expect("the list of terms"));
    for term in [
        "response time",
        "service time",
        "send lag",
        "queue time",
        "gap",
        "write delay",
        "read delay",
        "flow-control wait",
        "latency breakdown",
        "self time",
        "critical path",
        "band",
        "tail",
        "area",
        "part",
        "matched",
        "caveat",
        "suggestion",
        "scheduled request",
        "lower bound",
        "client-bound",
    ] {
        assert!(explained.contains(term), "{term}");
    }
}
