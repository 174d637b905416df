//! The report that the documents show: whole in docs/reading-a-report.md, and its most important
//! lines in README.md.
//!
//! `MILVUS_BENCH_UPDATE=1 MILVUS_BENCH_SHOWN=RUN cargo test --test readme shown` takes it from the
//! folder of another run, of scenarios/quickstart.toml; `milvus-bench report RUN` before that
//! renders it anew.

use std::{fs, path::Path};

use crate::documents::{check_generated, generated, read};

/// Folder of the run to show, if it is to be another one.
const SHOWN: &str = "MILVUS_BENCH_SHOWN";

/// Page with the whole report, and the name of its part in both documents.
const PAGE: &str = "docs/reading-a-report.md";
const PART: &str = "report";

/// Caveats that README.md shows, of all that there are.
const CAVEATS: usize = 2;

/// `report` as a block of the document.
fn block(report: &str) -> String {
    format!("```text\n{}\n```\n", report.trim_end())
}

/// Lines of `block` that belong to the entry at its first line: those that are set in deeper.
fn entries<'a>(block: &[&'a str]) -> Vec<Vec<&'a str>> {
    let mut entries: Vec<Vec<&str>> = Vec::new();
    for line in block {
        match entries.last_mut() {
            Some(entry) if line.starts_with(' ') => entry.push(line),
            _ => entries.push(vec![line]),
        }
    }
    entries
}

/// The report for README.md: the answer, the first caveats, the table of latencies, and where the
/// time of the last phase with the first workload went.
fn trimmed(report: &str) -> String {
    let blocks: Vec<Vec<&str>> = report
        .split("\n\n")
        .map(|block| block.lines().collect())
        .collect();
    let named = |name: &str| {
        let found = blocks.iter().find(|block| block[0].starts_with(name));
        found.unwrap_or_else(|| panic!("no block {name:?} in the report"))
    };
    let title = &blocks[0];
    let caveats: Vec<&str> = blocks
        .iter()
        .flat_map(|block| entries(block))
        .filter(|entry| entry[0].starts_with("! "))
        .take(CAVEATS)
        .flatten()
        .collect();
    let latencies = named("response time");
    let rows = latencies.iter().take_while(|line| {
        let first = line.split_whitespace().next().unwrap_or_default();
        first.contains('/') || line.starts_with("response time") || line.starts_with("ms,")
    });
    let is_table = |line: &str| line.contains(" matched  mean");
    let breakdown = named("where the time went");
    let sections: Vec<usize> = (0..breakdown.len())
        .filter(|at| is_table(breakdown[*at]))
        .collect();
    let workload = |at: usize| breakdown[at].split_whitespace().next().unwrap_or_default();
    let first = workload(sections[0]).rsplit('/').next().unwrap_or_default();
    let last = sections
        .iter()
        .rposition(|at| workload(*at).ends_with(&format!("/{first}")))
        .expect("the first workload itself");
    let end = sections.get(last + 1).copied().unwrap_or(breakdown.len());
    let parts: [Vec<&str>; 4] = [
        title.clone(),
        caveats,
        rows.copied().collect(),
        [&breakdown[..sections[0]], &breakdown[sections[last]..end]].concat(),
    ];
    let parts = parts.iter().filter(|part| !part.is_empty());
    parts
        .map(|part| part.join("\n"))
        .collect::<Vec<_>>()
        .join("\n\n")
}

#[test]
fn the_reports_that_are_shown_are_of_one_run() {
    if let Ok(folder) = std::env::var(SHOWN) {
        let file = Path::new(&folder).join("report.txt");
        let report =
            fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        check_generated(PAGE, PART, &block(&report), "readme");
    }
    let page = read(PAGE);
    let report = page[generated(&page, PART)]
        .trim()
        .trim_start_matches("```text\n")
        .trim_end_matches("\n```");
    check_generated("README.md", PART, &block(&trimmed(report)), "readme");
}

#[test]
fn a_report_is_trimmed_to_its_answer_its_caveats_its_latencies_and_one_breakdown() {
    let report = "q  complete\nANSWER search: p99 1 ms -> 2 ms\n  on average\n\n! one\n  of it\n! \
                  two\n! three\nrun q-1\n\nresponse time   p50\nms, of successes\na/search   \
                  1\nb/search   2\nno recall\n\nclient against server\n\nwhere the time went  . \
                  gap\na/search   matched  mean\n  all\nb/search   matched  mean\n  all 2\n• \
                  tail\nb/ingest  matched  mean\n\npreparation";
    let expected = "q  complete\nANSWER search: p99 1 ms -> 2 ms\n  on average\n\n! one\n  of \
                    it\n! two\n\nresponse time   p50\nms, of successes\na/search   1\nb/search   \
                    2\n\nwhere the time went  . gap\nb/search   matched  mean\n  all 2\n• tail";
    assert_eq!(trimmed(report), expected);
}
