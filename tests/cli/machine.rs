//! What ran on the machine beside a run: in its files, and told apart.

use std::process::{Child, Command, Stdio};

use milvus_bench::{milvus::methods, null_milvus::FakeMilvus};
use serde_json::Value;

use crate::bench::{Bench, wait};

/// Another program that wants a whole core, ended when it is dropped.
struct Busy(Child);

impl Busy {
    fn start() -> Self {
        Self(
            Command::new("yes")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("yes of coreutils"),
        )
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let _ = self.0.kill().and_then(|()| self.0.wait());
    }
}

fn mean(list: &Value) -> f64 {
    let values: Vec<f64> = list
        .as_array()
        .expect("a list")
        .iter()
        .map(|value| value.as_f64().expect("a number"))
        .collect();
    values.iter().sum::<f64>() / values.len() as f64
}

#[test]
fn other_programs_are_counted_apart_from_milvus_and_the_client() {
    let fake = FakeMilvus::start();
    let bench = Bench::at(&fake, &[("\"1s\"", "\"3500ms\"")]);
    let busy: Vec<Busy> = (0..2).map(|_| Busy::start()).collect();
    let ended = bench.run(&["--report", "csv"]).exits(0);
    drop(busy);
    let folder = bench.only_folder();
    let phases = folder.run()["phases"].clone();
    let machine = &phases
        .as_array()
        .expect("phases")
        .iter()
        .find(|phase| phase["name"] == "alone")
        .expect("the phase")["machine"];
    let intervals = machine["at_s"].as_array().expect("intervals").len();
    assert!(intervals >= 3, "{machine:#}");
    for list in [
        "client",
        "milvus",
        "jaeger",
        "others",
        "steal",
        "idle",
        "load_average",
    ] {
        assert_eq!(
            machine[list].as_array().map(Vec::len),
            Some(intervals),
            "{list}: {machine:#}"
        );
    }
    // Whatever else this machine does, they get some of it.
    assert!(
        mean(&machine["others"]) > 0.1 && mean(&machine["client"]) > 0.0,
        "{machine:#}"
    );
    // The fake is within this test's process.
    assert_eq!(machine["servers"][0]["name"], "Milvus", "{machine:#}");
    assert_eq!(
        machine["servers"][0]["pids"],
        serde_json::json!([std::process::id()]),
        "{machine:#}"
    );
    assert!(mean(&machine["milvus"]) > 0.0, "{machine:#}");
    let report = folder.report();
    assert_eq!(
        (
            &report["machine"][0]["phase"],
            &report["machine"][0]["others"]
        ),
        (&"alone".into(), &machine["others"])
    );
    assert!(
        folder
            .text("report.html")
            .contains("data-chart=\"machine\"")
    );
    assert!(
        folder.text("report.txt").contains("other programs "),
        "{}",
        folder.text("report.txt")
    );
    assert_eq!(
        ended
            .stdout
            .lines()
            .filter(|line| line.starts_with("machine,alone,") && line.contains(",others,"))
            .count(),
        intervals
    );
}

#[test]
fn a_run_that_is_killed_keeps_what_ran_beside_it() {
    let fake = FakeMilvus::start();
    let bench = Bench::at(&fake, &[("\"1s\"", "\"10m\"")]);
    let running = bench.start(&[]);
    // At 50 a second ten seconds at least, twice the time between two writings.
    wait(fake.called(&methods::SEARCH, 500));
    running.signal(rustix::process::Signal::KILL);
    assert_eq!(running.ended().code, None);
    bench.call(&["report"]).exits(0);
    let folder = bench.only_folder();
    let phases = folder.run()["phases"].clone();
    let phase = phases
        .as_array()
        .expect("phases")
        .last()
        .expect("the phase");
    let machine = &phase["machine"];
    let intervals = machine["at_s"].as_array().map_or(0, Vec::len);
    assert!(
        phase["name"] == "alone" && phase["end"].is_null() && intervals > 0,
        "{phase:#}"
    );
    assert_eq!(
        machine["client"].as_array().map(Vec::len),
        Some(intervals),
        "{machine:#}"
    );
    assert_eq!(folder.report()["machine"][0]["others"], machine["others"]);
}
