//! Folders whose files end at different moments: rates are over the time that the counts are of.

use std::{fs, path::Path};

use super::*;
use crate::{
    analysis::testing::run::{Made, RunMaker},
    record::{CutInfo, RequestLine},
};

/// A thousand requests a second for eight seconds, of which every tenth is traced, in a part that
/// was planned for them.
fn eight_seconds() -> RunMaker {
    let mut run = RunMaker::new(true);
    for seq in 0..7_990u64 {
        run.request(Made {
            sampled: seq % 10 == 0,
            ..Made::ok(seq, 0, 5_000_000)
        });
    }
    let stream = &mut run.info.streams[0];
    (
        stream.due,
        stream.sent,
        stream.end_ns,
        stream.planned_end_ns,
    ) = (7_990, 7_990, Some(8_000_000_000), Some(8_000_000_000));
    run
}

/// As a process that could not write its end leaves run.json.
fn without_an_end(run: &mut RunMaker) {
    run.info.status = Status::Running;
    run.info.phases[0].end = None;
    let stream = &mut run.info.streams[0];
    (stream.due, stream.sent, stream.end_ns) = (0, 0, None);
}

/// Length and rates of the run after `change` was made to its folder.
#[track_caller]
fn check(run: &RunMaker, change: impl FnOnce(&Path), expected_s: f64) {
    let (folder, _) = run.write();
    change(folder.path());
    let reader = RunReader::open(folder.path()).expect("a run");
    let analysis = analyse(&reader, std::iter::empty()).expect("an analysis");
    let workload = &analysis.workloads[0];
    assert_eq!(workload.duration_s, expected_s);
    // A part of a second at either end has no requests.
    for rate in [workload.rate.achieved, workload.rate.throughput] {
        assert!(
            (990.0..=1_010.0).contains(&rate),
            "{rate} for 1000: {:?}",
            workload.rate
        );
    }
}

/// Keeps the first lines of `name`, and a piece of the next one.
fn cut(folder: &Path, name: &str, keeps: impl Fn(&str) -> bool) {
    let path = folder.join(name);
    let text = fs::read_to_string(&path).expect("a file");
    let kept: usize = text
        .lines()
        .take_while(|line| line.starts_with('#') || line.starts_with('"') || keeps(line))
        .map(|line| line.len() + 1)
        .sum();
    assert!(kept + 20 < text.len(), "something is cut");
    fs::write(&path, &text[..kept + 20]).expect("a file");
}

fn requests_until(folder: &Path, seconds: f64) {
    let path = folder.join("requests.jsonl");
    let text = fs::read_to_string(&path).expect("a file");
    let until = |line: &str| {
        serde_json::from_str::<RequestLine>(line).is_ok_and(|line| {
            line.done_ns
                .is_some_and(|done| (done as f64) < seconds * 1e9)
        })
    };
    let kept: usize = text
        .lines()
        .take_while(|line| until(line))
        .map(|line| line.len() + 1)
        .sum();
    fs::write(&path, &text[..kept + 20]).expect("a file");
}

fn histograms_until(folder: &Path, second: u64) {
    // `Tag=...,START,LENGTH,MAXIMUM,HISTOGRAM`
    cut(folder, "latency.hlog", |line| {
        line.split(',')
            .nth(1)
            .and_then(|start| start.parse::<f64>().ok())
            .is_some_and(|start| start < second as f64)
    });
}

#[test]
fn a_run_without_an_end_whose_requests_are_cut_is_as_long_as_its_histograms() {
    let mut run = eight_seconds();
    without_an_end(&mut run);
    check(&run, |_| {}, 8.0);
    check(&run, |folder| requests_until(folder, 7.28), 8.0);
    check(&run, |folder| requests_until(folder, 0.5), 8.0);
    check(
        &run,
        |folder| fs::write(folder.join("requests.jsonl"), "").expect("a file"),
        8.0,
    );
    // Runs of older versions do not say what was planned.
    run.info.streams[0].planned_end_ns = None;
    check(&run, |folder| requests_until(folder, 7.28), 8.0);
}

#[test]
fn a_run_whose_histograms_are_cut_is_as_long_as_they_are() {
    let mut run = eight_seconds();
    check(&run, |folder| histograms_until(folder, 5), 5.0);
    without_an_end(&mut run);
    check(&run, |folder| histograms_until(folder, 5), 5.0);
}

#[test]
fn a_second_that_was_not_written_whole_is_left_out() {
    let mut run = eight_seconds();
    run.info.status = Status::Failed;
    run.info.cut = Some(CutInfo {
        second: 6,
        error: "no space left".to_owned(),
    });
    check(&run, |_| {}, 6.0);
}

/// The only workload, and the codes against the run, where no histogram of its folder can be read.
fn with_garbled_histograms(run: &RunMaker) -> (WorkloadAnalysis, Vec<String>) {
    let (folder, _) = run.write();
    let path = folder.path().join("latency.hlog");
    let text = fs::read_to_string(&path).expect("a file");
    fs::write(&path, text.replace("HIST", "XX")).expect("a file");
    let mut analysis = analyse(
        &RunReader::open(folder.path()).expect("a run"),
        std::iter::empty(),
    )
    .expect("an analysis");
    let codes = analysis
        .verdict
        .reasons
        .iter()
        .map(|reason| reason.code.clone())
        .collect();
    (analysis.workloads.remove(0), codes)
}

#[test]
fn figures_that_cannot_be_read_are_not_said_to_be_of_nothing() {
    let mut run = eight_seconds();
    for status in [Status::Complete, Status::Interrupted, Status::Running] {
        if status == Status::Running {
            without_an_end(&mut run);
        }
        run.info.status = status;
        let (workload, codes) = with_garbled_histograms(&run);
        assert!(
            workload
                .without_figures()
                .is_some_and(|why| why.contains("latency.hlog is damaged")),
            "{workload:?}"
        );
        assert!(codes.contains(&"requests_lost".to_owned()), "{codes:?}");
        assert!(
            !codes
                .iter()
                .any(|code| code == "nothing_due" || code == "nothing_measured"),
            "{status:?}: {codes:?}"
        );
    }
}
