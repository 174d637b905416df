//! The list of runs, completions and the schema.

use milvus_bench::{milvus::methods, null_milvus::FakeMilvus};
use rustix::process::Signal;

use crate::bench::{Bench, wait};

#[test]
fn runs_are_listed_newest_first_and_damaged_ones_are_named() {
    let fake = FakeMilvus::start();
    let bench = Bench::at(&fake, &[("duration = \"1s\"", "duration = \"100ms\"")]);
    bench
        .call(&[
            "run",
            "scenario.toml",
            "--accept-invalid",
            "--quiet",
            "--repeat",
            "2",
        ])
        .exits(0);
    let folders = bench.folders();
    let names: Vec<&str> = folders
        .iter()
        .filter_map(|folder| folder.path().file_name()?.to_str())
        .collect();
    bench
        .call(&["list", "--results", "nowhere"])
        .exits(2)
        .error(&["there is no run in nowhere", "--results"]);
    let listed = bench.call(&["list"]).exits(0).stdout;
    let lines: Vec<&str> = listed
        .lines()
        .filter(|line| !line.trim_start().starts_with("! "))
        .collect();
    assert_eq!(lines.len(), 2, "{listed}");
    assert!(names.iter().all(|name| listed.contains(*name)), "{listed}");
    assert!(
        lines
            .iter()
            .all(|line| line.contains("complete") && line.contains("alone/search: p50 ")),
        "{listed}"
    );
    let changed = folders[1].path().join("run.json");
    let text = std::fs::read_to_string(&changed)
        .expect("run.json")
        .replace("\"complete\"", "\"running\"");
    std::fs::write(changed, text).expect("a file of the run");
    let listed = bench.call(&["list"]).exits(0).stdout;
    let expected = [
        names[1],
        "invalid",
        "run.json was changed since it was written",
    ];
    assert!(
        listed
            .lines()
            .any(|line| expected.iter().all(|word| line.contains(word))),
        "{listed}"
    );
    let broken = folders[0].path().join("run.json");
    std::fs::write(broken, b"{").expect("a file of the run");
    let listed = bench.call(&["list"]).exits(0).stdout;
    assert!(
        listed
            .lines()
            .last()
            .is_some_and(|line| line.contains(names[0]) && line.contains("run.json")),
        "{listed}"
    );
}

#[test]
fn figures_of_a_folder_that_lost_a_file_or_was_changed_are_not_listed() {
    let fake = FakeMilvus::start();
    let bench = Bench::at(&fake, &[("duration = \"1s\"", "duration = \"100ms\"")]);
    bench
        .call(&[
            "run",
            "scenario.toml",
            "--accept-invalid",
            "--quiet",
            "--out",
            "one",
        ])
        .exits(0);
    let path = bench.path().join("one");
    let listed = |words: &[&str]| {
        let text = bench.call(&["list"]).exits(0).stdout;
        assert!(
            !text.contains("p50") && words.iter().all(|word| text.contains(word)),
            "{text}"
        );
    };
    for name in ["latency.hlog", "requests.jsonl"] {
        let bytes = std::fs::read(path.join(name)).expect("a file of the run");
        std::fs::remove_file(path.join(name)).expect("removed");
        listed(&["invalid", &format!("damaged: {name} is missing")]);
        std::fs::write(path.join(name), &bytes[1..]).expect("written");
        listed(&[
            "invalid",
            &format!(
                "damaged: {name} has {} bytes and had {}",
                bytes.len() - 1,
                bytes.len()
            ),
        ]);
        let mut other = bytes.clone();
        other[bytes.len() / 2] ^= 1;
        std::fs::write(path.join(name), other).expect("written");
        listed(&["invalid", &format!("damaged: {name} was changed")]);
        std::fs::write(path.join(name), bytes).expect("written");
    }
    assert!(bench.call(&["list"]).exits(0).stdout.contains("p50"));
}

#[test]
fn every_workload_and_every_reason_is_listed_wherever_the_run_is() {
    let fake = FakeMilvus::start();
    let changes = [
        (
            "[[phases]]",
            "[workloads.other]\noperation = \"search\"\nrate = 20\nlimit = \
             5\n[workloads.rare]\noperation = \"search\"\nrate = 0.01\n[[phases]]",
        ),
        ("duration = \"1s\"", "duration = \"300ms\""),
        (
            "workloads = [\"search\"]",
            "workloads = [\"search\", \"other\", \"rare\"]",
        ),
    ];
    let bench = Bench::at(&fake, &changes);
    let run = |more: &[&str]| {
        bench
            .call(
                &[
                    &["run", "scenario.toml", "--accept-invalid", "--quiet"],
                    more,
                ]
                .concat(),
            )
            .exits(0)
    };
    run(&["--results", "sweeps/small"]);
    run(&["--out", "single"]);
    let listed = bench.call(&["list"]).exits(0).stdout;
    for words in [
        "sweeps/small/cli-",
        "single ",
        "alone/search: p50 ",
        "alone/other: p50 ",
        "alone/rare: nothing was due",
        "! nothing due at alone/rare",
    ] {
        assert!(listed.contains(words), "{words:?} is not in\n{listed}");
    }
    let below = bench.call(&["list", "--results", "sweeps"]).exits(0).stdout;
    assert!(
        below.contains("small/cli-") && !below.contains("single"),
        "{below}"
    );
    // Without a folder `results` the newest of them is meant.
    let report = bench.call(&["report"]).exits(0).stdout;
    assert!(report.contains("run single"), "{report}");
}

#[test]
fn a_run_whose_process_is_gone_is_killed_and_not_running() {
    let fake = FakeMilvus::start();
    let bench = Bench::at(&fake, &[("\"1s\"", "\"10m\"")]);
    let running = bench.start(&[]);
    wait(fake.called(&methods::SEARCH, 60));
    let listed = bench.call(&["list"]).exits(0).stdout;
    assert!(
        listed.contains(" running ") && !listed.contains("killed"),
        "{listed}"
    );
    running.signal(Signal::KILL);
    assert_eq!(running.ended().code, None);
    let listed = bench.call(&["list"]).exits(0).stdout;
    assert!(
        listed.contains(" killed ") && !listed.contains("running"),
        "{listed}"
    );
    // It is no repetition of anything.
    let folder = bench.only_folder();
    let sets = [
        "--set",
        "phases.alone.duration=300ms",
        "--set",
        "collections.words.name=others",
    ];
    bench
        .call(
            &[
                &[
                    "run",
                    "scenario.toml",
                    "--accept-invalid",
                    "--quiet",
                    "--out",
                    "whole",
                ][..],
                &sets,
            ]
            .concat(),
        )
        .exits(0);
    let compared = bench
        .call(&["compare", "--baseline", folder.name(), "--run", "whole"])
        .exits(2)
        .stdout;
    let named = format!(
        "{} is not complete (killed)",
        folder
            .path()
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a name")
    );
    assert!(
        compared
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .contains(&named),
        "{compared}"
    );
    assert!(compared.contains("nothing could be compared"), "{compared}");
}

#[test]
fn editors_get_the_schema_that_stands_beside_the_scenarios() {
    let bench = Bench::new("");
    let schema = bench.call(&["schema"]).exits(0).stdout;
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let committed = std::fs::read_to_string(folder.join("scenario.schema.json")).expect("a schema");
    assert_eq!(schema, committed);
}

#[test]
fn a_run_without_a_report_is_listed_with_the_command_that_makes_it() {
    let fake = FakeMilvus::start();
    let bench = Bench::at(&fake, &[("duration = \"1s\"", "duration = \"200ms\"")]);
    for folder in ["results/one", "elsewhere/two"] {
        bench.run(&["--quiet", "--out", folder]).exits(0);
        let report = bench.path().join(folder).join("report.json");
        std::fs::remove_file(report).expect("it was there");
    }
    let said = bench.call(&["list"]).exits(0).stdout_words();
    for folder in ["results/one", "elsewhere/two"] {
        let command = format!("`milvus-bench report {folder}` makes one");
        assert!(said.contains(&command), "{said}");
        bench.call(&["report", folder]).exits(0);
    }
}

#[test]
fn a_folder_that_is_not_there_is_no_request() {
    let bench = Bench::new("");
    for folder in ["/nope", "results/nope", "./nope"] {
        bench
            .call(&["trace", folder])
            .exits(2)
            .error(&[folder, "is not a run folder"]);
    }
}

#[test]
fn commands_below_a_command_have_man_pages() {
    let bench = Bench::new("");
    let page = bench.call(&["man", "stack", "up"]).exits(0).stdout;
    assert!(page.contains("Install what is missing"), "{page}");
    let error = bench.call(&["man", "stack", "upp"]).exits(2);
    error.error(&["no command \"stack upp\"", "stack up, stack status"]);
    bench.call(&["man", "--out", "pages"]).exits(0);
    for page in [
        "milvus-bench",
        "milvus-bench-stack",
        "milvus-bench-stack-down",
    ] {
        assert!(
            bench.path().join(format!("pages/{page}.1")).exists(),
            "{page}"
        );
    }
}

#[test]
fn shells_get_their_completions() {
    let bench = Bench::new("");
    for shell in ["bash", "zsh", "fish"] {
        let script = bench.call(&["completions", shell]).exits(0).stdout;
        assert!(
            script.contains("milvus-bench") && script.contains("fail-if-slower"),
            "{shell}"
        );
    }
    let ended = bench.call(&["completions", "tcsh"]).exits(2);
    assert!(ended.stderr.contains("bash"), "{}", ended.stderr);
}
