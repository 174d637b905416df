//! Resident memory does not grow with the number of requests.
//!
//! `cargo bench --bench memory -- 1000000 10000000` sends that many searches to a null Milvus, one
//! process for each number, and prints VmRSS at the end of the load. Traced requests are as many as
//! a run's `sample_ratio = "auto"` traces.

#![allow(clippy::print_stdout)]

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use milvus_bench::{
    load::{Engine, EngineOptions, RunIds, nothing_earlier, phase_run, streams},
    milvus::ConnectOptions,
    null_milvus::{NullMilvus, NullOptions, NullScenario},
    plan::{Plan, PlanFlags},
    record::{RunClock, RunFolder, RunWriter},
    scenario::{Scenario, ScenarioSource},
    telemetry::Nonce,
};
use tokio::time::Instant;

/// Set for the process that serves as Milvus, and for the one that sends.
const ROLE: &str = "MILVUS_BENCH_MEMORY";

fn main() {
    let role = std::env::var(ROLE).unwrap_or_default();
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    match (role.as_str(), &arguments[..]) {
        (_, []) => println!(
            "memory: no numbers of requests, nothing is measured; see the head of benches/memory.rs"
        ),
        ("load", [uri, requests]) => println!("{}", load(uri, requests)),
        (_, numbers) => compare(numbers),
    }
}

/// One process for each number, so that no load sees what another one left.
fn compare(numbers: &[String]) {
    let null = NullMilvus::start(NullOptions::default()).expect("a null Milvus");
    let mut found = Vec::new();
    for requests in numbers {
        let program = std::env::current_exe().expect("this program");
        let mut child = Command::new(program)
            .args([&null.uri(), requests])
            .env(ROLE, "load")
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let out = BufReader::new(child.stdout.take().expect("its output"));
        let line = out.lines().next().expect("a line").expect("text");
        assert!(child.wait().expect("its end").success());
        println!("{requests} requests: VmRSS {line} KiB at the end of the load");
        found.push(line.parse::<i64>().expect("a number"));
    }
    let grown = found
        .iter()
        .max()
        .zip(found.iter().min())
        .map_or(0, |(most, least)| most - least);
    println!(
        "difference: {:.1} MiB; allowed are 5",
        grown as f64 / 1024.0
    );
    assert!(
        grown <= 5 * 1024,
        "memory grows with the number of requests"
    );
}

/// Sends `requests` searches and gives VmRSS in KiB, before anything is let go.
fn load(uri: &str, requests: &str) -> u64 {
    let none = |_: &str| None;
    let scenario = Scenario::read(&ScenarioSource::Stdin(scenario(uri, requests)), &[], &none)
        .expect("a scenario");
    let plan = Plan::from_scenario(&scenario, &PlanFlags::default(), &none).expect("a plan");
    let folder = tempfile::tempdir().expect("a folder");
    let infos = streams(&plan);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let mut writer = RunWriter::start(
            &RunFolder::at(folder.path()),
            Arc::new(infos.clone()),
            Box::new(|_| {}),
        )
        .expect("a writer");
        let options = EngineOptions::new(ConnectOptions::new(uri), RunClock::start());
        let engine = Engine::start(&options, vec![writer.recorder()])
            .await
            .expect("it connects");
        let ids = RunIds::new(Nonce(1), plan.seed, plan.round);
        let phase = phase_run(
            &plan,
            0,
            &infos,
            ids,
            Instant::now() + Duration::from_millis(50),
            &nothing_earlier(&plan),
        );
        engine.begin(&phase).wait().await.expect("the thread lives");
        let memory = resident_kib();
        tokio::task::spawn_blocking(move || engine.finish())
            .await
            .expect("the thread ends");
        assert_eq!(writer.finish().error, None);
        memory
    })
}

fn scenario(uri: &str, requests: &str) -> String {
    let scenario = NullScenario {
        sample_ratio: "\"auto\"".to_owned(),
        search: "concurrency = 16".to_owned(),
        phase: format!("requests = {requests}"),
        ..NullScenario::new(uri)
    };
    scenario.toml()
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .expect("VmRSS");
    line.trim()
        .trim_end_matches(" kB")
        .parse()
        .expect("a number")
}
