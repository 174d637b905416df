//! stderr or stdout that goes away: a pipe that was closed, a disk that is full, a terminal that
//! was hung up.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Read},
    os::unix::{fs::OpenOptionsExt, process::CommandExt},
    process::{Child, Command, Output, Stdio},
};

use milvus_bench::{
    milvus::methods,
    null_milvus::{Failure, FakeMilvus},
};
use rustix::{
    fs::OFlags,
    process::{Pid, Signal, kill_process},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};

use crate::bench::{Bench, Ended, scenario, wait};

const RUN: [&str; 3] = ["run", "scenario.toml", "--accept-invalid"];

fn full() -> Stdio {
    OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .expect("/dev/full")
        .into()
}

/// The writing end of a pipe that nobody reads.
fn closed() -> Stdio {
    std::io::pipe().expect("a pipe").1.into()
}

fn output(mut command: Command) -> Output {
    command.output().expect("the program starts")
}

#[track_caller]
fn exits(ended: &Output, code: i32, of: &str) {
    let [stdout, stderr] =
        [&ended.stdout, &ended.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert_eq!(
        ended.status.code(),
        Some(code),
        "{of}\nstdout:\n{stdout}\nstderr:\n{stderr}"
    );
    assert!(!stderr.contains("panicked"), "{of}: {stderr}");
}

/// The only run of `bench` is whole.
#[track_caller]
fn check_complete(bench: &Bench) {
    let folder = bench.only_folder();
    folder.check();
    assert_eq!(folder.run()["status"], "complete");
    assert!(
        folder.run()["verdict"].is_string()
            && bench.path().join("results/latest/report.html").is_file()
    );
}

#[test]
fn a_run_whose_stderr_is_gone_goes_on() {
    let fake = FakeMilvus::start();
    for stderr in [full, closed] {
        let bench = Bench::at(&fake, &[]);
        let mut command = bench.command(&RUN);
        command.stderr(stderr()).stdout(Stdio::piped());
        let ended = command
            .spawn()
            .and_then(Child::wait_with_output)
            .expect("it runs");
        exits(&ended, 0, "run");
        assert!(
            String::from_utf8_lossy(&ended.stdout).contains("alone/search"),
            "the report is printed"
        );
        check_complete(&bench);
    }
}

#[test]
fn a_stderr_that_is_closed_in_mid_load_ends_nothing() {
    let fake = FakeMilvus::start();
    let bench = Bench::at(&fake, &[]);
    let mut child = bench
        .command(&RUN)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut line = String::new();
    BufReader::new(child.stderr.take().expect("a pipe"))
        .read_line(&mut line)
        .expect("a line");
    exits(&child.wait_with_output().expect("it ends"), 0, "run");
    check_complete(&bench);
}

#[test]
fn a_report_that_can_not_be_printed_is_in_the_folder_and_the_exit_code_says_so() {
    let fake = FakeMilvus::start();
    for (stdout, words) in [
        (full as fn() -> Stdio, "No space left on device"),
        (closed, "the report was not printed: it is in "),
    ] {
        let bench = Bench::at(&fake, &[]);
        let mut command = bench.command(&[&RUN[..], &["--repeat", "2"]].concat());
        let child = command
            .stdout(stdout())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let ended = child.wait_with_output().expect("it ends");
        exits(&ended, 2, "run");
        assert!(
            String::from_utf8_lossy(&ended.stderr).contains(words),
            "{}",
            String::from_utf8_lossy(&ended.stderr)
        );
        let states: Vec<_> = bench
            .folders()
            .iter()
            .map(|folder| folder.run()["status"].clone())
            .collect();
        assert_eq!(states, ["complete", "complete"], "the rounds go on");
    }
}

/// Every command with its arguments and exit code, in a folder that holds a run. Address of `fake`
/// in the place of `URI`, a trace id of that of `ID`.
const COMMANDS: &[(&[&str], i32)] = &[
    (&["--help"], 0),
    (&["--version"], 0),
    (&["run", "--help"], 0),
    (&["help", "stack"], 0),
    (&["check", "scenario.toml"], 0),
    (&["check", "scenario.toml", "--resolved"], 0),
    (&["completions", "bash"], 0),
    (&["schema"], 0),
    (&["list"], 0),
    (&["report"], 0),
    (&["report", "--report", "json"], 0),
    (&["trace", "results/a", "ID"], 0),
    (
        &["compare", "--baseline", "results/a", "--run", "results/b"],
        0,
    ),
    (&["init", "--uri", "URI", "words"], 0),
    (
        &[
            "doctor",
            "--uri",
            "URI",
            "--spans",
            "http://127.0.0.1:9",
            "--otlp",
            "http://127.0.0.1:9",
        ],
        1,
    ),
    (&["stack", "status"], 1),
];

#[test]
fn no_command_panics_or_passes_when_its_output_can_not_be_written() {
    let fake = FakeMilvus::start();
    let bench = Bench::at(
        &fake,
        &[("[collections.words]", "[collections.words]\nkeep = true")],
    );
    for run in ["a", "b"] {
        bench.valid_run(&format!("results/{run}"));
    }
    let id = bench.folders()[0]
        .lines("requests.jsonl")
        .pop()
        .expect("a request")["trace_id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let cache = bench.path().join("cache");
    for (arguments, code) in COMMANDS {
        let arguments: Vec<String> = arguments
            .iter()
            .map(|word| word.replace("URI", &fake.uri()).replace("ID", &id))
            .collect();
        let of = arguments.join(" ");
        let command = || {
            let mut command =
                bench.command(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
            command.env("MILVUS_BENCH_CACHE", &cache);
            command
        };
        exits(&output(command()), *code, &of);
        for stderr in [full, closed] {
            let mut silent = command();
            let ended = silent
                .stdout(Stdio::piped())
                .stderr(stderr())
                .spawn()
                .and_then(Child::wait_with_output)
                .expect("it runs");
            exits(&ended, *code, &format!("{of} without stderr"));
        }
        for stdout in [full, closed] {
            let mut unread = command();
            let ended = unread
                .stdout(stdout())
                .stderr(Stdio::piped())
                .spawn()
                .and_then(Child::wait_with_output)
                .expect("it runs");
            exits(&ended, 2, &format!("{of} without stdout"));
        }
    }
}

#[test]
fn a_message_that_can_not_be_written_keeps_its_exit_code() {
    let bench = Bench::new("name = 1");
    for arguments in [
        &["--nonsense"][..],
        &["check", "scenario.toml"],
        &["run", "absent.toml"],
        &["report", "absent"],
    ] {
        let mut command = bench.command(arguments);
        let ended = command
            .stderr(full())
            .stdout(full())
            .spawn()
            .and_then(Child::wait_with_output)
            .expect("it runs");
        exits(&ended, 2, &arguments.join(" "));
    }
}

/// A terminal: the user's end, and the one that a program writes to.
fn terminal() -> (File, File) {
    // Programs of other tests must not keep it open.
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
        .expect("a pseudo-terminal");
    grantpt(&master)
        .and_then(|()| unlockpt(&master))
        .expect("it can be used");
    let path = ptsname(&master, Vec::new())
        .expect("it has a name")
        .into_string()
        .expect("UTF-8");
    let flags = i32::try_from(OFlags::NOCTTY.bits()).expect("a flag");
    let slave = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(flags)
        .open(path)
        .expect("its other end");
    (File::from(master), slave)
}

/// Reads until `words` are there.
fn read_until(terminal: &mut File, words: &str) {
    let (mut read, mut bytes) = (Vec::new(), [0; 1024]);
    while !String::from_utf8_lossy(&read).contains(words) {
        let length = terminal.read(&mut bytes).expect("the terminal is read");
        read.extend_from_slice(&bytes[..length]);
    }
}

#[test]
fn a_terminal_that_is_hung_up_ends_nothing() {
    let fake = FakeMilvus::start();
    let bench = Bench::at(&fake, &[("duration = \"1s\"", "duration = \"2s\"")]);
    let (mut master, slave) = terminal();
    let mut command = bench.command(&RUN);
    command
        .env_remove("NO_COLOR")
        .env("TERM", "xterm")
        .stderr(slave)
        .stdout(Stdio::piped());
    let child = command.spawn().expect("it starts");
    // It holds the slave's end until then.
    drop(command);
    read_until(&mut master, "phase alone");
    drop(master);
    exits(&child.wait_with_output().expect("it ends"), 0, "run");
    check_complete(&bench);
}

#[test]
fn a_hung_up_terminal_as_stdout_is_no_printed_report() {
    let fake = FakeMilvus::start();
    let bench = Bench::at(&fake, &[]);
    let (master, slave) = terminal();
    let mut command = bench.command(&RUN);
    command
        .stdout(slave.try_clone().expect("a copy"))
        .stderr(slave);
    let mut child = command.spawn().expect("it starts");
    drop(command);
    wait(fake.called(&methods::SEARCH, 5));
    drop(master);
    assert_eq!(child.wait().expect("it ends").code(), Some(2));
    check_complete(&bench);
}

#[test]
fn a_hang_up_is_a_termination() {
    let fake = FakeMilvus::start();
    let bench = Bench::at(&fake, &[("\"1s\"", "\"10m\"")]);
    let running = bench.start(&[]);
    wait(fake.called(&methods::SEARCH, 50));
    // A terminal that is closed sends several.
    running.signal(Signal::HUP);
    running.signal(Signal::HUP);
    let ended = running.ended().exits(143);
    assert!(ended.stdout.contains("interrupted"), "{}", ended.stdout);
    bench.only_folder().check();
    assert_eq!(bench.only_folder().run()["status"], "interrupted");
}

#[test]
fn a_run_that_was_started_with_nohup_takes_no_notice_of_a_hang_up() {
    let fake = FakeMilvus::start();
    let bench = Bench::at(&fake, &[]);
    let direct = bench.command(&RUN);
    let mut command = Command::new("sh");
    command
        .args(["-c", "trap '' HUP; exec \"$0\" \"$@\""])
        .arg(direct.get_program())
        .args(direct.get_args());
    command
        .current_dir(bench.path())
        .env("MILVUS_BENCH_CALIBRATE", "off")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command.spawn().expect("it starts");
    wait(fake.called(&methods::SEARCH, 5));
    kill_process(Pid::from_child(&child), Signal::HUP).expect("it runs");
    exits(&child.wait_with_output().expect("it ends"), 0, "run");
    check_complete(&bench);
}

#[test]
fn signals_end_every_command_with_their_code() {
    let fake = FakeMilvus::start();
    fake.fail(&methods::GET_VERSION, .., Failure::Silence);
    let bench = Bench::new(&scenario(&fake.uri(), &[]));
    let mut calls = 0;
    for arguments in [vec!["init", "--uri"], vec!["doctor", "--uri"]] {
        for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 143)] {
            let mut command = bench.command_of_a_terminal(&arguments);
            let child = command
                .arg(fake.uri())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .process_group(0)
                .spawn();
            let child = child.expect("it starts");
            calls += 1;
            wait(fake.called(&methods::GET_VERSION, calls));
            kill_process(Pid::from_child(&child), signal).expect("it runs");
            Ended::of(child.wait_with_output().expect("it ends")).exits(code);
        }
    }
}
