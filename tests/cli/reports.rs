//! What stdout and the files of the reports are, beside the figures in them.

use serde_json::Value;

use crate::bench::{Bench, closed_port, scenario};
use milvus_bench::{
    milvus::methods,
    null_milvus::{Failure, FakeMilvus},
};

/// Every element is closed, and there is one root. Text and attributes of these files hold neither
/// sign of an element.
#[track_caller]
fn check_well_formed(xml: &str) {
    let (mut open, mut roots) = (Vec::new(), 0);
    for tag in xml.split('<').skip(1) {
        let (tag, _) = tag
            .split_once('>')
            .unwrap_or_else(|| panic!("not closed: {tag}\n{xml}"));
        let name = tag
            .trim_start_matches('/')
            .split([' ', '/', '\n'])
            .next()
            .unwrap_or_default();
        if tag.starts_with(['?', '!']) {
            assert!(
                open.is_empty() && roots == 0,
                "a prolog within: {tag}\n{xml}"
            );
        } else if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "{xml}");
        } else {
            roots += u32::from(open.is_empty());
            if !tag.ends_with('/') {
                open.push(name);
            }
        }
    }
    assert!(
        open.is_empty() && roots == 1,
        "{roots} roots, open {open:?}\n{xml}"
    );
}

/// Two runs of the usual scenario, and what they print as `format`.
fn printed(format: &str) -> (Bench, String) {
    let fake = FakeMilvus::start();
    let bench = Bench::at(&fake, &[]);
    let ended = bench.run(&["--repeat", "2", "--report", format]).exits(0);
    assert_eq!(bench.folders().len(), 2);
    (bench, ended.stdout)
}

#[test]
fn repeated_runs_print_one_json_document() {
    let (bench, stdout) = printed("json");
    let document: Value =
        serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}"));
    let reports: Vec<Value> = bench
        .folders()
        .iter()
        .map(|folder| folder.report())
        .collect();
    let mut found = document.as_array().expect("a list").clone();
    found.sort_by_key(|report| report["run"].to_string());
    assert_eq!(found, reports);
}

#[test]
fn repeated_runs_print_one_table() {
    let (bench, stdout) = printed("csv");
    let mut reader = csv::Reader::from_reader(stdout.as_bytes());
    assert_eq!(
        reader
            .headers()
            .expect("headings")
            .iter()
            .take(2)
            .collect::<Vec<_>>(),
        ["run", "table"]
    );
    let rows: Vec<csv::StringRecord> = reader
        .records()
        .map(|row| row.expect("as many cells as headings"))
        .collect();
    for folder in bench.folders() {
        let of_run = rows
            .iter()
            .filter(|row| folder.path().ends_with(&row[0]))
            .count();
        assert_eq!(of_run, folder.text("report.csv").lines().count() - 1);
    }
}

#[test]
fn repeated_runs_print_one_junit_document() {
    let (bench, stdout) = printed("junit");
    check_well_formed(&stdout);
    for folder in bench.folders() {
        check_well_formed(&folder.text("report.xml"));
        assert!(
            stdout.contains(&format!(
                "<testsuite name=\"{}: verdict\"",
                folder.run()["run"].as_str().expect("a name")
            )),
            "{stdout}"
        );
    }
}

#[test]
fn repeated_runs_print_one_page() {
    let (_bench, stdout) = printed("html");
    assert!(stdout.starts_with("<!doctype html>") && stdout.trim_end().ends_with("</html>"));
    let counts = [
        "<!doctype html>",
        "</html>",
        "<iframe ",
        "</iframe>",
        "<script",
    ]
    .map(|tag| stdout.matches(tag).count());
    assert_eq!(counts, [1, 1, 2, 2, 0], "pages are the frames' own");
}

#[test]
fn repeated_runs_print_one_curve_and_the_others_aside() {
    let (bench, stdout) = printed("hgrm");
    let titles: Vec<&str> = stdout
        .lines()
        .filter(|line| line.ends_with(" ok, milliseconds"))
        .collect();
    assert_eq!(
        titles.len(),
        4,
        "response and service time of two runs: {titles:?}"
    );
    assert!(
        titles[0].starts_with("# ") && titles[1..].iter().all(|title| title.starts_with("#| # ")),
        "{titles:?}"
    );
    let names = titles.iter().collect::<std::collections::BTreeSet<_>>();
    assert_eq!(names.len(), 4, "{titles:?}");
    // What a plotter reads is the first curve of the first run, spaces and all.
    let plotted = |text: &str| {
        text.lines()
            .filter(|line| !line.starts_with('#'))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let text = bench
        .folders()
        .iter()
        .map(|folder| folder.text("report.hgrm"))
        .find(|text| plotted(text) == plotted(&stdout));
    assert!(text.is_some(), "{stdout}");
}

#[test]
fn repeated_runs_print_text_and_markdown_one_after_the_other() {
    let (_bench, stdout) = printed("markdown");
    let parts: Vec<&str> = stdout.split("\n\n### ").collect();
    assert_eq!(
        parts.len(),
        2,
        "an empty line stands before a heading: {stdout}"
    );
    let (_bench, stdout) = printed("text");
    assert_eq!(
        stdout
            .lines()
            .filter(|line| line.starts_with("cli  "))
            .count(),
        2,
        "{stdout}"
    );
}

/// The JUnit file of the only run, which is what was printed.
#[track_caller]
fn check_failed(bench: &Bench, cause: &str) {
    let ended = bench
        .run(&["--report", "junit", "--report", "csv"])
        .exits(2);
    ended.error(&[cause]);
    let folder = bench.only_folder();
    let xml = folder.text("report.xml");
    assert_eq!(ended.stdout, xml);
    check_well_formed(&xml);
    assert!(
        xml.contains("failures=\"1\"") && xml.contains("<failure message=\"invalid; failed run: "),
        "{xml}"
    );
    assert!(xml.contains(cause), "{xml}");
    assert_eq!(folder.run()["status"], "failed");
    for file in ["report.txt", "report.json", "report.html", "report.csv"] {
        assert!(folder.path().join(file).is_file(), "{file}");
    }
    // The folder alone gives the same.
    let again = bench
        .call(&[
            "report",
            &folder.path().display().to_string(),
            "--report",
            "junit",
        ])
        .exits(0);
    assert_eq!(again.stdout, xml);
}

#[test]
fn a_run_that_failed_in_preparation_has_a_junit_report() {
    let fake = FakeMilvus::start();
    fake.fail(
        &methods::INSERT,
        ..,
        Failure::milvus(1100, 5, "no disk is left"),
    );
    check_failed(&Bench::at(&fake, &[]), "no disk is left");
}

#[test]
fn a_run_that_found_no_milvus_has_a_junit_report() {
    let uri = format!("http://127.0.0.1:{}", closed_port());
    check_failed(&Bench::new(&scenario(&uri, &[])), &uri);
}

/// The span source fails before the files of the run are begun.
#[test]
fn a_run_whose_span_source_failed_has_a_junit_report() {
    let fake = FakeMilvus::start();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    let source = format!("source = \"embedded\"\nlisten = \"{address}\"");
    check_failed(
        &Bench::at(&fake, &[("source = \"none\"", &source)]),
        &address,
    );
}

#[test]
fn repeated_runs_that_fail_print_what_there_is() {
    let fake = FakeMilvus::start();
    fake.fail(
        &methods::INSERT,
        ..,
        Failure::milvus(1100, 5, "no disk is left"),
    );
    let ended = Bench::at(&fake, &[])
        .run(&["--repeat", "3", "--report", "junit"])
        .exits(2);
    check_well_formed(&ended.stdout);
    assert!(ended.stdout.contains("no disk is left"), "{}", ended.stdout);
}
