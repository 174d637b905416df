//! How long `milvus-bench report` takes and what memory it needs, for runs of several sizes:
//! searches that are all traced, of twenty spans each, from the files of the run folder to every
//! report, the page included.
//!
//! `cargo bench --bench report -- 12500 25000 50000 100000`

#![allow(clippy::print_stdout)]

mod traces;

use std::{
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use milvus_bench::{
    record::RunFolder,
    spans::{SpanWriter, read_all},
};
use tokio::time::Instant;

/// Time between two looks at the memory of the process.
const LOOK: Duration = Duration::from_millis(5);

fn main() {
    let numbers: Vec<u64> = std::env::args()
        .skip(1)
        .filter_map(|argument| argument.parse().ok())
        .collect();
    if numbers.is_empty() {
        println!(
            "report: no numbers of requests, nothing is measured; see the head of benches/report.rs"
        );
        return;
    }
    println!(
        "| requests | spans.jsonl MiB | seconds | us/request | most memory MiB | report.html MiB \
         |\n| --- | --- | --- | --- | --- | --- |"
    );
    for requests in numbers {
        let scratch = tempfile::tempdir().expect("a scratch folder");
        let path = scratch.path().join("run");
        write(&path, requests);
        let (took, memory_kib) = report(&path);
        let mib = |file: &str| {
            std::fs::metadata(path.join(file)).map_or(0.0, |found| found.len() as f64 / 1_048_576.0)
        };
        println!(
            "| {requests} | {:.0} | {:.2} | {:.1} | {:.0} | {:.2} |",
            mib("spans.jsonl"),
            took.as_secs_f64(),
            took.as_secs_f64() * 1e6 / requests as f64,
            memory_kib as f64 / 1024.0,
            mib("report.html"),
        );
    }
}

/// A run folder with its spans.
fn write(path: &Path, requests: u64) {
    traces::run_folder(&RunFolder::create_at(path).expect("a run folder"), requests);
    let mut spans = SpanWriter::create(&path.join("spans.jsonl"), milvus_bench::record::own_file)
        .expect("a file for the spans");
    (0..requests).for_each(|number| {
        spans
            .write(&traces::trace(number))
            .expect("the disk has room")
    });
    spans.finish().expect("the disk has room");
    // The files are read once, so that every size begins with them in the page cache.
    assert_eq!(
        read_all(&path.join("spans.jsonl"))
            .expect("spans")
            .traces
            .len() as u64,
        requests
    );
}

/// Time of the whole process, and the most memory that was resident, KiB.
fn report(path: &Path) -> (Duration, u64) {
    let began = Instant::now();
    let program = env!("CARGO_BIN_EXE_milvus-bench");
    let mut child = Command::new(program)
        .arg("report")
        .arg(path)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program");
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let peak = text.lines().find_map(|line| {
            line.strip_prefix("VmHWM:")?
                .trim()
                .strip_suffix(" kB")?
                .parse()
                .ok()
        });
        most = peak.unwrap_or(0).max(most);
        if let Some(ended) = child.try_wait().expect("a child") {
            assert!(ended.success(), "the report was made");
            return (began.elapsed(), most);
        }
        std::thread::sleep(LOOK);
    }
}
