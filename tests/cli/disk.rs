//! Disks that are full, and what others left in a run folder: figures of what was written, and
//! nothing written through a link.

use std::{fs, os::unix::fs::symlink, process::Command};

use milvus_bench::{
    milvus::methods,
    null_milvus::{FakeMilvus, Shape},
};

use crate::{
    bench::{Bench, Ended, closed_port, wait},
    folder::{Folder, count},
    joined,
    support::trace_backend::TraceBackend,
};

/// The program where no file may be longer than `kib`, as on a disk that is full.
pub(crate) fn limited(
    bench: &Bench,
    kib: u32,
    arguments: &[&str],
    variables: &[(&str, &str)],
) -> Ended {
    let mut plain = bench.command(arguments);
    plain.envs(variables.iter().copied());
    let mut command = Command::new("sh");
    // POSIX counts blocks of 512 bytes.
    command
        .args(["-c", "ulimit -f $0 && exec \"$@\"", &(2 * kib).to_string()])
        .arg(plain.get_program())
        .args(plain.get_args());
    command
        .current_dir(bench.path())
        .stdin(std::process::Stdio::null());
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    Ended::of(command.output().expect("a shell"))
}

/// Files that a run or a report makes on the way to others.
const ON_THE_WAY: [&str; 8] = [
    "spans.jsonl.part",
    "spans.jsonl.tmp",
    ".run.json.new",
    ".report.txt.new",
    ".report.json.new",
    ".report.html.new",
    ".report.csv.new",
    "reserve",
];

#[track_caller]
fn nothing_is_left(folder: &Folder) {
    let left: Vec<String> = folder
        .files()
        .into_iter()
        .filter(|name| ON_THE_WAY.contains(&name.as_str()))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

const RUN: [&str; 3] = ["run", "scenario.toml", "--accept-invalid"];

#[test]
fn requests_that_could_not_be_written_change_no_rate_and_the_cause_is_told() {
    let fake = FakeMilvus::start();
    let bench = Bench::at(&fake, &[("rate = 50", "rate = 200"), ("\"1s\"", "\"3s\"")]);
    // 600 lines of 300 bytes do not fit; run.json and latency.hlog do, the page does not.
    let ended = limited(&bench, 100, &RUN, &[]).exits(2);
    let cause = "File too large";
    ended.error(&["can't be written", cause]);
    assert!(
        ended.stdout.contains("alone") && ended.stdout_words().contains(cause),
        "the report is printed:\n{}",
        ended.stdout
    );
    // It is no full disk.
    assert!(
        ended.stdout_words().contains("ulimit -f unlimited")
            && !ended.stdout_words().contains("free some space"),
        "{}",
        ended.stdout
    );
    let folder = bench.only_folder();
    nothing_is_left(&folder);
    let run = folder.run();
    assert_eq!(run["status"], "failed");
    assert!(
        run["failure"]
            .as_str()
            .is_some_and(|failure| failure.contains(cause)),
        "{run:#}"
    );
    let check = |search: &serde_json::Value| {
        assert_eq!(
            (
                search["duration_s"].as_f64(),
                count(&search["requests"], "due")
            ),
            (Some(3.0), 600),
            "{search:#}"
        );
        assert_eq!(search["rate"]["achieved"], 200.0);
    };
    check(&folder.workload("alone", "search"));
    let again = limited(&bench, 40, &["report"], &[]).exits(2);
    assert!(again.stdout.contains(cause), "{}", again.stdout);
    bench.call(&["report"]).exits(0);
    check(&folder.workload("alone", "search"));
}

#[test]
fn where_nothing_can_be_written_the_report_is_printed() {
    let fake = FakeMilvus::start();
    let bench = Bench::at(&fake, &[]);
    bench.run(&[]).exits(0);
    let folder = bench.only_folder();
    let printed = bench.call(&["report"]).exits(0).stdout;
    // No file can be written at all.
    let ended = limited(&bench, 0, &["report"], &[]).exits(2);
    assert_eq!(ended.stdout, printed);
    ended.error(&["report", "File too large"]);
    nothing_is_left(&folder);
    folder.check();
}

#[test]
fn a_run_whose_end_can_not_be_written_is_reported_as_what_it_was() {
    let fake = FakeMilvus::start();
    let bench = Bench::at(&fake, &[]);
    let running = bench.start(&[]);
    wait(fake.called(&methods::SEARCH, 10));
    let folder = bench.only_folder();
    // From now on run.json can't be replaced.
    fs::create_dir(folder.path().join(".run.json.new")).expect("a folder in the way");
    let ended = running.ended().exits(2);
    assert_eq!(folder.run()["status"], "running", "what the folder says");
    let known = ended.stdout.contains("failed: ")
        && ended.stdout.contains("run.json can't be written")
        && !ended.stdout.contains("still in progress");
    assert!(known, "its end is known here:\n{}", ended.stdout);
    ended.error(&["run.json can't be written", "exists and can't be removed"]);
    assert_eq!(
        count(&folder.workload("alone", "search")["requests"], "ok"),
        50
    );
    bench.call(&["report"]).exits(0);
    let search = folder.workload("alone", "search");
    assert_eq!(
        (
            search["duration_s"].as_f64(),
            count(&search["requests"], "ok")
        ),
        (Some(1.0), 50),
        "{search:#}"
    );
}

#[test]
fn spans_that_do_not_fit_leave_room_for_the_rest() {
    let fake = FakeMilvus::start();
    let listen = format!("127.0.0.1:{}", closed_port());
    fake.spans_to(&format!("http://{listen}"), Shape::v2_3_5());
    let embedded = format!("source = \"embedded\"\nlisten = \"{listen}\"");
    let bench = Bench::at(
        &fake,
        &[
            ("source = \"none\"", embedded.as_str()),
            ("settle = \"0s\"", "settle = \"300ms\""),
        ],
    );
    let ended = limited(&bench, 100, &RUN, &[]).exits(2);
    assert!(
        ended
            .stdout_words()
            .contains("spans.jsonl can't be written: File too large"),
        "{}",
        ended.stdout
    );
    let folder = bench.only_folder();
    nothing_is_left(&folder);
    assert!(
        !folder.files().contains(&"spans.jsonl".to_owned()),
        "{:?}",
        folder.files()
    );
    assert_eq!(
        folder.run()["status"],
        "complete",
        "the load itself was recorded"
    );
    assert_eq!(
        count(&folder.workload("alone", "search")["join"], "not_fetched"),
        50
    );
}

#[test]
fn nothing_is_written_through_a_link() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let backend = runtime.block_on(TraceBackend::start());
    let fake = FakeMilvus::start();
    let (bench, folder) = joined::run(&fake, Shape::v2_3_5(), &[]);
    let victim = bench.path().join("victim");
    fs::write(&victim, "precious").expect("a file");
    let plant = |names: &[&str]| {
        for name in names {
            let path = folder.path().join(name);
            // What was there is not wanted any more.
            let _ = fs::remove_file(&path);
            symlink(&victim, path).expect("a link");
        }
    };
    let spans = fs::read(folder.path().join("spans.jsonl")).expect("spans");
    plant(&ON_THE_WAY);
    plant(&["report.txt", "report.html", "report.json", "report.csv"]);
    bench.call(&["report", "--report", "csv"]).exits(0);
    assert_eq!(fs::read_to_string(&victim).expect("the victim"), "precious");
    assert!(
        ["report.txt", "report.csv"]
            .iter()
            .all(|name| !folder.path().join(name).is_symlink())
    );
    plant(&ON_THE_WAY);
    let endpoint = backend.http();
    bench
        .call(&[
            "spans",
            folder.name(),
            "--source",
            "jaeger-json",
            "--endpoint",
            &endpoint,
            "--deadline",
            "2",
        ])
        .exits(0);
    assert_eq!(fs::read_to_string(&victim).expect("the victim"), "precious");
    assert_eq!(
        fs::read(folder.path().join("spans.jsonl")).expect("spans"),
        spans,
        "what was fetched before is kept"
    );
}

#[test]
fn links_that_appear_while_it_runs_lead_nowhere() {
    let fake = FakeMilvus::start();
    let listen = format!("127.0.0.1:{}", closed_port());
    fake.spans_to(&format!("http://{listen}"), Shape::v2_3_5());
    let embedded = format!("source = \"embedded\"\nlisten = \"{listen}\"");
    let bench = Bench::at(
        &fake,
        &[
            ("source = \"none\"", embedded.as_str()),
            ("\"1s\"", "\"2s\""),
        ],
    );
    let victim = bench.path().join("victim");
    fs::write(&victim, "precious").expect("a file");
    let running = bench.start(&[]);
    wait(fake.called(&methods::SEARCH, 10));
    let folder = bench.only_folder();
    for name in ON_THE_WAY.iter().filter(|name| **name != "reserve") {
        symlink(&victim, folder.path().join(name)).expect("a link");
    }
    running.ended().exits(0);
    assert_eq!(fs::read_to_string(&victim).expect("the victim"), "precious");
    let spans = folder.path().join("spans.jsonl");
    assert!(!spans.is_symlink() && fs::metadata(spans).is_ok_and(|found| found.len() > 1_000));
}

#[test]
fn a_file_or_folder_called_latest_is_left_alone_and_said() {
    let fake = FakeMilvus::start();
    let bench = Bench::at(&fake, &[]);
    let latest = bench.path().join("results/latest");
    fs::create_dir_all(bench.path().join("results")).expect("a folder");
    fs::write(&latest, "notes of mine").expect("a file");
    let ended = bench.run(&[]).exits(0);
    assert!(
        ended
            .stderr
            .contains("latest is a file, not the link to the newest run"),
        "{}",
        ended.stderr
    );
    assert_eq!(
        fs::read_to_string(&latest).expect("it is there"),
        "notes of mine"
    );
    fs::remove_file(&latest).expect("mine");
    fs::create_dir(&latest).expect("a folder");
    fs::write(latest.join("notes"), "of mine").expect("a file");
    let ended = bench.run(&["--quiet"]).exits(0);
    assert!(
        ended.stderr.contains("latest is a folder, not the link"),
        "{}",
        ended.stderr
    );
    assert_eq!(fs::read_dir(&latest).expect("it is there").count(), 1);
    fs::remove_dir_all(&latest).expect("mine");
    symlink("nowhere", &latest).expect("a link");
    let ended = bench.run(&[]).exits(0);
    assert!(
        latest.join("run.json").is_file() && !ended.stderr.contains("latest"),
        "{}",
        ended.stderr
    );
}
