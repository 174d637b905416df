//! Rendering again, checking only, and the flags of the command line.

use std::{collections::BTreeSet, fs};

use milvus_bench::{milvus::methods, null_milvus::FakeMilvus};
use serde_json::Value;

use crate::{
    bench::{Bench, Trap, scenario},
    folder::Folder,
};

fn copy(folder: &Folder, to: std::path::PathBuf) -> Folder {
    fs::create_dir_all(&to).expect("a folder");
    for name in folder
        .files()
        .iter()
        .filter(|name| !name.starts_with("report."))
    {
        fs::copy(folder.path().join(name), to.join(name)).expect("a copy");
    }
    Folder::at(to)
}

#[test]
fn a_report_is_made_again_byte_for_byte() {
    let fake = FakeMilvus::start();
    let bench = Bench::at(&fake, &[]);
    let ended = bench.run(&[]).exits(0);
    let folder = bench.only_folder();
    let (text, json, page) = (
        folder.text("report.txt"),
        folder.text("report.json"),
        folder.text("report.html"),
    );
    assert_eq!(ended.stdout, text);
    assert!(
        ended.stderr.contains("report.html") && page.contains("alone/search"),
        "{}",
        ended.stderr
    );
    assert_eq!(bench.call(&["report"]).exits(0).stdout, text);
    assert_eq!(
        bench
            .call(&["report", folder.name(), "--report", "json"])
            .exits(0)
            .stdout,
        json
    );
    assert_eq!(
        (folder.text("report.txt"), folder.text("report.json")),
        (text.clone(), json.clone())
    );
    for elsewhere in [
        bench
            .path()
            .join("elsewhere")
            .join(folder.path().file_name().expect("a name")),
        bench.path().join("renamed"),
    ] {
        let copy = copy(&folder, elsewhere);
        assert_eq!(bench.call(&["report", copy.name()]).exits(0).stdout, text);
        assert_eq!(
            (copy.text("report.txt"), copy.text("report.json")),
            (text.clone(), json.clone())
        );
        assert!(copy.text("report.html") == page, "report.html has changed");
    }
}

#[test]
fn json_on_stdout_is_json_alone() {
    let fake = FakeMilvus::start();
    let bench = Bench::at(&fake, &[]);
    let ended = bench.run(&["--report", "json"]).exits(0);
    assert_eq!(ended.stdout, bench.only_folder().text("report.json"));
}

#[test]
fn a_check_sends_nothing_and_says_what_to_expect() {
    let trap = Trap::set();
    let bench = Bench::new(&scenario(&trap.address(), &[]));
    let ended = bench.call(&["check", "scenario.toml"]).exits(0);
    assert!(
        ["50", "100", "search", "alone"]
            .iter()
            .all(|word| ended.stdout.contains(word)),
        "{}",
        ended.stdout
    );
    let resolved = bench
        .call(&["check", "scenario.toml", "--resolved"])
        .exits(0);
    let plan: Value = serde_json::from_str(&resolved.stdout).expect("JSON");
    assert_eq!(plan["milvus"]["timeout"], "5s", "{plan:#}");
    assert_eq!(
        plan["workloads"]["search"]["max_in_flight"], 10_000,
        "defaults are filled in: {plan:#}"
    );
    assert!(!trap.caught() && bench.folders().is_empty());
}

#[test]
fn a_scenario_from_stdin() {
    let fake = FakeMilvus::start();
    let bench = Bench::new("");
    let text = scenario(&fake.uri(), &[]);
    bench
        .call_with_stdin(&["run", "-", "--accept-invalid"], &text)
        .exits(0);
    let folder = bench.only_folder();
    folder.check();
    assert_eq!(folder.text("scenario.toml"), text);
    bench.call_with_stdin(&["check", "-"], &text).exits(0);
    bench
        .call_with_stdin(&["run", "-"], "nonsense")
        .exits(2)
        .error(&["<stdin>:1:", "not TOML"]);
}

#[test]
fn settings_of_the_command_line_come_first() {
    let fake = FakeMilvus::start();
    let bench = Bench::new(&scenario("http://127.0.0.1:1", &[]));
    let sets = [
        "--set",
        "workloads.search.rate=20",
        "--set",
        "name=other",
        "--set",
        "description=why so slow",
    ];
    bench
        .run(&[&["--uri", &fake.uri()], &sets[..]].concat())
        .exits(0);
    assert_eq!(fake.count(&methods::SEARCH), 20);
    let report = bench.only_folder().report();
    assert_eq!(
        (report["name"].as_str(), report["description"].as_str()),
        (Some("other"), Some("why so slow"))
    );
}

#[test]
fn the_environment_comes_before_the_file_and_is_said() {
    let fake = FakeMilvus::start();
    let bench = Bench::new(&scenario("http://127.0.0.1:1", &[]));
    let output = bench
        .command(&["run", "scenario.toml", "--accept-invalid"])
        .env("MILVUS_URI", fake.uri())
        .output()
        .expect("it starts");
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    for text in [stdout, stderr] {
        assert!(
            text.contains("MILVUS_URI") && text.contains("milvus.uri"),
            "{text}"
        );
    }
}

/// Hashes of the searches of one run, and which of its requests were traced with which ids.
struct Requests {
    searches: Vec<u64>,
    sampled: BTreeSet<u64>,
    trace_ids: BTreeSet<String>,
}

fn requests(seed: &str) -> Requests {
    let fake = FakeMilvus::start();
    let changes = [
        ("sample_ratio = 1.0", "sample_ratio = 0.5"),
        ("duration = \"1s\"", "requests = 40"),
        ("rate = 50", "rate = 100"),
    ];
    let bench = Bench::at(&fake, &changes);
    bench.run(&["--seed", seed]).exits(0);
    let lines = bench.only_folder().lines("requests.jsonl");
    let sampled = || {
        lines
            .iter()
            .filter(|line| line["phase"] == "alone" && line["sampled"] == true)
    };
    let mut searches: Vec<u64> = fake
        .calls()
        .iter()
        .filter(|call| call.method == &methods::SEARCH)
        .map(|call| call.body_hash)
        .collect();
    searches.sort_unstable();
    Requests {
        searches,
        sampled: sampled().filter_map(|line| line["seq"].as_u64()).collect(),
        trace_ids: sampled()
            .filter_map(|line| line["trace_id"].as_str().map(str::to_owned))
            .collect(),
    }
}

#[test]
fn a_seed_decides_requests_and_sampling_and_not_the_ids() {
    let (first, second, other) = (requests("7"), requests("7"), requests("8"));
    assert_eq!(first.searches.len(), 40);
    assert_eq!(
        (&first.searches, &first.sampled),
        (&second.searches, &second.sampled)
    );
    assert!(first.trace_ids.is_disjoint(&second.trace_ids) && !first.trace_ids.is_empty());
    assert!(first.searches != other.searches && first.sampled != other.sampled);
}

#[test]
fn repeated_runs_have_a_folder_each() {
    let fake = FakeMilvus::start();
    let bench = Bench::at(&fake, &[]);
    bench
        .run(&["--repeat", "2", "--results", "results"])
        .exits(0);
    let folders = bench.folders();
    assert_eq!(folders.len(), 2);
    folders.iter().for_each(Folder::check);
    assert_ne!(folders[0].run()["nonce"], folders[1].run()["nonce"]);
    let latest =
        fs::canonicalize(bench.path().join("results/latest")).expect("a link to the newest run");
    assert!(
        folders
            .iter()
            .any(|folder| fs::canonicalize(folder.path()).is_ok_and(|path| path == latest))
    );
}

#[test]
fn a_run_folder_of_the_users_choice() {
    let fake = FakeMilvus::start();
    let bench = Bench::at(&fake, &[]);
    bench.run(&["--out", "mine/run-1"]).exits(0);
    Folder::at(bench.path().join("mine/run-1")).check();
    assert!(bench.folders().is_empty());
    bench
        .run(&["--out", "mine/run-1"])
        .exits(2)
        .error(&["mine/run-1", "not empty"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_path_that_is_no_utf_8() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let fake = FakeMilvus::start();
    let bench = Bench::at(&fake, &[]);
    let mut command = bench.command(&["run", "scenario.toml", "--accept-invalid", "--out"]);
    let name = OsStr::from_bytes(b"run-\xff");
    let output = command.arg(name).output().expect("it starts");
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let run = Folder::at(bench.path().join(name)).run();
    assert_eq!(
        (&run["command_line"][5], &run["run"]),
        (&"run-\u{fffd}".into(), &"run-\u{fffd}".into())
    );
}

#[test]
fn a_quiet_run_says_no_progress() {
    let fake = FakeMilvus::start();
    let bench = Bench::at(&fake, &[]);
    let loud = bench.run(&[]).exits(0);
    let quiet = bench.run(&["--quiet"]).exits(0);
    assert!(
        loud.stderr.contains("phase alone") && !quiet.stderr.contains("phase alone"),
        "{}",
        quiet.stderr
    );
    assert!(
        quiet
            .stderr
            .lines()
            .all(|line| ["warning: ", "run folder: ", "report: "]
                .iter()
                .any(|start| line.starts_with(start))),
        "{}",
        quiet.stderr
    );
    assert!(!quiet.stdout.is_empty());
}

#[test]
fn help_names_what_there_is() {
    let bench = Bench::new("");
    let help = bench.call(&["--help"]).exits(0).stdout;
    for command in [
        "run", "check", "doctor", "stack", "report", "trace", "spans",
    ] {
        assert!(help.contains(&format!("  {command} ")), "{command}: {help}");
        bench.call(&[command, "--help"]).exits(0);
    }
    let run = bench.call(&["run", "--help"]).exits(0).stdout;
    let flags = [
        "--stack",
        "--uri",
        "--out",
        "--results",
        "--set",
        "--seed",
        "--repeat",
        "--report",
        "--accept-invalid",
        "--replace",
        "--quiet",
    ];
    for flag in flags {
        assert!(run.contains(flag), "{flag}: {run}");
    }
    let stack = bench.call(&["stack", "--help"]).exits(0).stdout;
    assert!(
        ["up", "status", "down"]
            .iter()
            .all(|command| stack.contains(command)),
        "{stack}"
    );
    assert!(
        bench
            .call(&["--version"])
            .exits(0)
            .stdout
            .contains(env!("CARGO_PKG_VERSION"))
    );
    bench.call(&["benchmark"]).exits(2);
    bench.call(&[]).exits(2);
}

#[test]
fn a_pipe_gets_no_colour() {
    let fake = FakeMilvus::start();
    let bench = Bench::at(&fake, &[]);
    let ended = bench.run(&[]).exits(0);
    assert!(!ended.stdout.contains('\u{1b}') && !ended.stderr.contains('\u{1b}'));
}
