//! `calibrate`, its file in the cache, and what a run makes of it.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::Stdio,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use milvus_bench::null_milvus::FakeMilvus;

use crate::bench::{Bench, Ended, Trap};

/// `calibrate` with a cache folder and a folder for temporary files of its own.
fn calibrate(bench: &Bench, more: &[&str]) -> std::process::Command {
    let mut command = bench.command(&[&["calibrate", "--duration", "200ms"], more].concat());
    fs::create_dir_all(bench.path().join("tmp")).expect("a folder");
    command
        .env("MILVUS_BENCH_CACHE", bench.path().join("cache"))
        .env("TMPDIR", bench.path().join("tmp"));
    command
}

fn ended(mut command: std::process::Command) -> Ended {
    Ended::of(command.output().expect("the program starts"))
}

#[test]
fn one_cell_is_measured_on_request_and_nothing_is_kept() {
    let bench = Bench::new("");
    let trap = Trap::set();
    let mut command = calibrate(
        &bench,
        &["--only", "d128-c16-t1", "--only", "r100", "--json"],
    );
    // Whatever the environment says of a real server, it gets no load.
    command.env("MILVUS_URI", trap.address());
    let found: Value = serde_json::from_str(&ended(command).exits(0).stdout).expect("JSON");
    let cells = found["cells"].as_array().expect("cells");
    let names: Vec<&str> = cells
        .iter()
        .filter_map(|cell| cell["cell"].as_str())
        .collect();
    assert_eq!(names, ["d128-c16-t1", "r100"]);
    assert!(
        cells
            .iter()
            .all(|cell| cell["ok"].as_u64() > Some(0) && cell["not_ok"] == 0),
        "{found:#}"
    );
    assert_eq!(cells[0]["request_bytes"], 658);
    assert!(
        cells[1]["bare_timer_us"][0].as_f64() > Some(0.0)
            && cells[1]["send_lag_us"][0].as_f64() > Some(0.0),
        "{found:#}"
    );
    assert!(!bench.path().join("cache").exists() && !trap.caught());
    assert_eq!(
        fs::read_dir(bench.path().join("tmp"))
            .expect("the folder")
            .count(),
        0
    );
}

#[test]
fn every_cell_is_kept_and_a_run_says_how_much_of_it_it_used() {
    let fake = FakeMilvus::start();
    let bench = Bench::at(&fake, &[]);
    let table = ended(calibrate(&bench, &[])).exits(0).stdout;
    for words in [
        "closed loop",
        "tracing, exporter running",
        "open loop",
        "bare timer",
        "d1536-c64-t1",
    ] {
        assert!(table.contains(words), "{words:?} is not in\n{table}");
    }
    let kept: Value = serde_json::from_slice(
        &fs::read(bench.path().join("cache/calibration.json")).expect("kept"),
    )
    .expect("JSON");
    let mut run = bench.command(&["run", "scenario.toml", "--accept-invalid"]);
    run.env("MILVUS_BENCH_CACHE", bench.path().join("cache"));
    ended(run).exits(0);
    let folder = bench.only_folder();
    let capacity = folder.run()["client_capacity"].clone();
    assert_eq!(
        (&capacity["phase"], &capacity["date"]),
        (&"alone".into(), &kept["date"])
    );
    let share = capacity["share"].as_f64().expect("a share");
    assert!(
        share > 0.0 && (capacity["sent_per_second"].as_f64().expect("a rate") - 50.0).abs() < 5.0,
        "{capacity}"
    );
    assert_eq!(folder.report()["client_capacity"], capacity);
    // A report comes from the folder alone: without the cache it is the same.
    let before = folder.text("report.txt");
    let words: Vec<&str> = before.split_whitespace().collect();
    assert!(
        words.join(" ").contains("of this client's capacity"),
        "{before}"
    );
    fs::remove_dir_all(bench.path().join("cache")).expect("it is there");
    bench.call(&["report"]).exits(0);
    assert_eq!(folder.text("report.txt"), before);
}

#[test]
fn a_run_without_a_calibration_compares_itself_with_nothing() {
    let fake = FakeMilvus::start();
    let bench = Bench::at(&fake, &[]);
    let mut run = bench.command(&["run", "scenario.toml", "--accept-invalid"]);
    run.env("MILVUS_BENCH_CACHE", bench.path().join("cache"))
        .env("MILVUS_BENCH_CALIBRATE", "off");
    let run = ended(run).exits(0);
    assert!(
        !run.stderr.contains("calibrat") && !bench.path().join("cache").exists(),
        "{}",
        run.stderr
    );
    assert_eq!(bench.only_folder().run()["client_capacity"], Value::Null);
}

#[test]
fn the_first_run_on_a_machine_measures_by_itself_and_the_next_one_does_not() {
    let fake = FakeMilvus::start();
    let bench = Bench::at(&fake, &[]);
    let run = || {
        let mut run = bench.command(&["run", "scenario.toml", "--accept-invalid"]);
        run.env("MILVUS_BENCH_CACHE", bench.path().join("cache"))
            .env("MILVUS_BENCH_CALIBRATE", "on");
        ended(run).exits(0)
    };
    let words = "first run on this machine: measuring this client's capacity for 5 s";
    assert!(run().stderr.contains(words));
    let file = bench.path().join("cache/calibration.json");
    let kept = fs::read(&file).expect("it is kept");
    let cells = serde_json::from_slice::<Value>(&kept).expect("JSON")["cells"]
        .as_array()
        .expect("cells")
        .clone();
    assert!(
        !cells.is_empty()
            && cells
                .iter()
                .all(|cell| cell["ok"].as_u64() > Some(0) && cell["not_ok"] == 0),
        "{cells:?}"
    );
    assert!(bench.only_folder().run()["client_capacity"]["share"].as_f64() > Some(0.0));
    assert!(!run().stderr.contains(words));
    assert_eq!(fs::read(&file).expect("it is kept"), kept);
}

#[test]
fn an_interrupt_leaves_no_process_and_no_folder() {
    let bench = Bench::new("");
    let mut command = calibrate(&bench, &["--only", "d128-c1-t1"]);
    command
        .args(["--repeat", "100"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let pid = Pid::from_child(&child);
    let scratch = || {
        fs::read_dir(bench.path().join("tmp"))
            .expect("the folder")
            .count()
    };
    // Those of every thread.
    let children = || -> String {
        let tasks = fs::read_dir(format!("/proc/{}/task", pid.as_raw_nonzero()))
            .into_iter()
            .flatten()
            .flatten();
        tasks
            .filter_map(|task| fs::read_to_string(task.path().join("children")).ok())
            .collect()
    };
    let mut stderr = BufReader::new(child.stderr.take().expect("it is piped")).lines();
    assert!(
        stderr.any(|line| line.expect("UTF-8").contains("round 2 of 100")),
        "it ended early"
    );
    let null = children();
    kill_process(pid, Signal::INT).expect("it runs");
    Ended::of(child.wait_with_output().expect("it ends")).exits(130);
    assert_eq!(scratch(), 0);
    let null = null.trim();
    assert!(
        !null.is_empty() && !Path::new("/proc").join(null).exists(),
        "{null:?} is still there"
    );
}

#[test]
fn what_is_no_cell_is_refused() {
    let bench = Bench::new("");
    ended(calibrate(&bench, &["--only", "d64"]))
        .exits(2)
        .error(&["--only \"d64\"", "d128-c64-t1", "r50000"]);
    ended(calibrate(&bench, &["--repeat", "0"])).exits(2);
}
