//! Ctrl-C, SIGTERM and SIGKILL in the middle of a run.

use milvus_bench::{
    milvus::methods,
    null_milvus::{Failure, FakeMilvus},
};
use rustix::process::Signal;

use crate::{
    bench::{Bench, closed_port, wait},
    folder::{all_due, count},
};

/// Ten minutes of searches, with a wait of a minute for their spans.
fn long_run(fake: &FakeMilvus) -> Bench {
    let embedded = format!(
        "source = \"embedded\"\nlisten = \"127.0.0.1:{}\"",
        closed_port()
    );
    let changes = [
        ("\"1s\"", "\"10m\""),
        ("source = \"none\"", embedded.as_str()),
        ("settle = \"0s\"", "settle = \"1m\""),
        ("\"2s\"", "\"1h\""),
    ];
    Bench::at(fake, &changes)
}

#[test]
fn an_interrupt_keeps_and_reports_what_was_measured() {
    let fake = FakeMilvus::start();
    let bench = Bench::at(&fake, &[("\"1s\"", "\"10m\"")]);
    let running = bench.start(&[]);
    wait(fake.called(&methods::SEARCH, 50));
    running.signal(Signal::INT);
    let ended = running.ended().exits(130);
    assert!(
        ended.stdout.contains("interrupted") && ended.stderr.contains("interrupted"),
        "{}",
        ended.stdout
    );
    let folder = bench.only_folder();
    folder.check();
    assert_eq!(
        (&folder.run()["status"], &folder.report()["status"]),
        (&"interrupted".into(), &"interrupted".into())
    );
    assert!(count(&folder.workload("alone", "search")["requests"], "ok") >= 48);
    assert_eq!(fake.rows("words"), None, "what it created is dropped");
}

#[test]
fn a_second_interrupt_leaves_at_once() {
    let fake = FakeMilvus::start();
    let bench = long_run(&fake);
    let mut running = bench.start(&[]);
    wait(fake.called(&methods::SEARCH, 50));
    running.signal(Signal::INT);
    running.says("fetching the spans");
    running.signal(Signal::INT);
    running.ended().exits(130);
    bench.call(&["report"]).exits(0);
}

#[test]
fn an_interrupt_while_spans_are_read_ends_the_reading_alone() {
    let fake = FakeMilvus::start();
    let embedded = format!(
        "source = \"embedded\"\nlisten = \"127.0.0.1:{}\"",
        closed_port()
    );
    let changes = [
        ("source = \"none\"", embedded.as_str()),
        ("settle = \"0s\"", "settle = \"1m\""),
        ("\"2s\"", "\"1h\""),
    ];
    let bench = Bench::at(&fake, &changes);
    let mut running = bench.start(&[]);
    running.says("fetching the spans");
    running.signal(Signal::INT);
    let ended = running.ended().exits(130);
    assert!(
        ended
            .stdout_words()
            .contains("interrupted before all spans were read"),
        "{}",
        ended.stdout
    );
    let folder = bench.only_folder();
    folder.check();
    let search = folder.workload("alone", "search");
    all_due(&search, 50);
    assert_eq!(
        count(&search["join"], "not_fetched"),
        folder.traced("search"),
        "{search:#}"
    );
}

#[test]
fn an_interrupt_of_a_later_round_is_answered_once() {
    let fake = FakeMilvus::start();
    let bench = Bench::at(&fake, &[]);
    let mut running = bench.start(&["--repeat", "3"]);
    running.says("run 2 of 3");
    wait(fake.called(&methods::SEARCH, 60));
    running.signal(Signal::INT);
    let ended = running.ended().exits(130);
    assert_eq!(
        ended.stderr.matches("press Ctrl-C again").count(),
        1,
        "{}",
        ended.stderr
    );
    let states: Vec<_> = bench
        .folders()
        .iter()
        .map(|folder| folder.run()["status"].clone())
        .collect();
    assert_eq!(
        (
            states.len(),
            states
                .iter()
                .filter(|status| **status == "interrupted")
                .count()
        ),
        (2, 1),
        "{states:?}"
    );
}

#[test]
fn an_interrupt_while_a_round_is_analysed_ends_the_rounds() {
    let fake = FakeMilvus::start();
    let bench = Bench::at(&fake, &[]);
    let mut running = bench.start(&["--repeat", "3"]);
    // Said before the analysis. On a busy machine the signal may come as late as in round 2, which
    // it then ends.
    running.says("run folder: ");
    running.signal(Signal::INT);
    let ended = running.ended().exits(130);
    assert!(!ended.stderr.contains("run 3 of 3"), "{}", ended.stderr);
    assert_eq!(
        ended.stderr.matches("press Ctrl-C again").count(),
        1,
        "{}",
        ended.stderr
    );
}

#[test]
fn an_interrupt_of_the_preparation() {
    let fake = FakeMilvus::start();
    fake.fail(&methods::INSERT, .., Failure::Silence);
    let bench = Bench::at(&fake, &[]);
    let running = bench.start(&[]);
    wait(fake.called(&methods::INSERT, 1));
    running.signal(Signal::INT);
    let ended = running.ended().exits(130);
    assert_eq!(ended.stdout, "");
    assert_eq!(bench.only_folder().run()["status"], "interrupted");
    assert_eq!(fake.rows("words"), None, "what it created is dropped");
}

#[test]
fn a_termination_reports_without_waiting_for_spans() {
    let fake = FakeMilvus::start();
    let bench = long_run(&fake);
    let running = bench.start(&[]);
    wait(fake.called(&methods::SEARCH, 50));
    running.signal(Signal::TERM);
    let ended = running.ended().exits(143);
    assert!(ended.stdout.contains("interrupted"), "{}", ended.stdout);
    let folder = bench.only_folder();
    folder.check();
    assert_eq!(folder.run()["status"], "interrupted");
    assert!(
        ended.stderr.contains("ended by SIGTERM: "),
        "{}",
        ended.stderr
    );
    let why = "ended by SIGTERM or SIGHUP, which do not wait for server spans: the spans of the \
               embedded receiver are lost";
    assert!(
        folder.run()["fetch"]["error"]
            .as_str()
            .is_some_and(|error| error.contains(why))
    );
    let reason = folder.report()["verdict"]["reasons"]
        .as_array()
        .and_then(|reasons| {
            reasons
                .iter()
                .find(|reason| reason["code"] == "no_spans")
                .cloned()
        });
    assert!(
        reason.expect("a reason")["advice"]
            .as_str()
            .is_some_and(|advice| advice.contains(why) && !advice.contains("set [tracing.spans]"))
    );
    assert!(count(&folder.workload("alone", "search")["requests"], "ok") >= 48);
}

#[test]
fn a_hang_up_names_itself_and_how_the_spans_come_later() {
    let fake = FakeMilvus::start();
    let source = format!(
        "source = \"jaeger\"\nendpoint = \"http://127.0.0.1:{}\"",
        closed_port()
    );
    let bench = Bench::at(
        &fake,
        &[
            ("\"1s\"", "\"10m\""),
            ("source = \"none\"", source.as_str()),
        ],
    );
    let running = bench.start(&[]);
    wait(fake.called(&methods::SEARCH, 50));
    running.signal(Signal::HUP);
    let ended = running.ended().exits(143);
    assert_eq!(
        ended.stderr.matches("ended by SIGHUP: ").count(),
        1,
        "{}",
        ended.stderr
    );
    let why = "ended by SIGTERM or SIGHUP, which do not wait for server spans: `milvus-bench \
               spans` fetches them";
    assert_eq!(
        ended.stdout_words().matches(why).count(),
        1,
        "{}",
        ended.stdout
    );
}

#[test]
fn a_termination_while_spans_are_read() {
    let fake = FakeMilvus::start();
    let bench = long_run(&fake);
    let mut running = bench.start(&["--set", "phases.alone.duration=1s"]);
    running.says("fetching the spans");
    running.signal(Signal::TERM);
    running.ended().exits(143);
    bench.only_folder().check();
}

#[test]
fn a_killed_run_can_be_reported() {
    let fake = FakeMilvus::start();
    let bench = Bench::at(&fake, &[("\"1s\"", "\"10m\"")]);
    let running = bench.start(&[]);
    wait(fake.called(&methods::SEARCH, 250));
    running.signal(Signal::KILL);
    assert_eq!(running.ended().code, None);
    let ended = bench.call(&["report"]).exits(0);
    assert!(
        ended.stdout.contains("the run was killed") && !ended.stdout.contains("running"),
        "{}",
        ended.stdout
    );
    let folder = bench.only_folder();
    assert_eq!(folder.report()["status"], "killed");
    folder.check();
    let ok = count(&folder.workload("alone", "search")["requests"], "ok");
    assert!(
        (100..=250).contains(&ok),
        "{ok} of 250: at most the last seconds are missing"
    );
    let last = folder.lines("requests.jsonl").pop().expect("a request");
    bench
        .call(&[
            "trace",
            folder.name(),
            last["trace_id"].as_str().expect("an id"),
        ])
        .exits(0);
}

/// Takes connections and never answers.
fn silent() -> (std::net::TcpListener, String) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    (listener, address)
}

/// The run is interrupted while it waits for `silent`, and ends long before it would give up by
/// itself.
#[track_caller]
fn check_interrupted_while_waiting(bench: &Bench, silent: &std::net::TcpListener) {
    let running = bench.start(&[]);
    let (_connection, _) = silent.accept().expect("a connection");
    let began = tokio::time::Instant::now();
    running.signal(Signal::INT);
    let ended = running.ended().exits(130);
    assert!(
        began.elapsed() < std::time::Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(ended.stdout, "");
    assert_eq!(bench.only_folder().run()["status"], "interrupted");
}

#[test]
fn an_interrupt_while_a_silent_span_source_is_opened() {
    let fake = FakeMilvus::start();
    let (silent, address) = silent();
    let source = format!("source = \"jaeger\"\nendpoint = \"http://{address}\"");
    check_interrupted_while_waiting(
        &Bench::at(
            &fake,
            &[("source = \"none\"", source.as_str()), ("\"2s\"", "\"1h\"")],
        ),
        &silent,
    );
    assert_eq!(fake.count(&methods::INSERT), 0);
}

#[test]
fn an_interrupt_while_a_silent_milvus_is_waited_for() {
    let fake = FakeMilvus::start();
    let (silent, address) = silent();
    let bench = Bench::at(&fake, &[]);
    let running = bench.start(&["--uri", &format!("http://{address}")]);
    let (_connection, _) = silent.accept().expect("a connection");
    running.signal(Signal::INT);
    running.ended().exits(130);
    assert_eq!(bench.only_folder().run()["status"], "interrupted");
}

/// The sentence of a run that was ended before it had measured anything.
const NOTHING: &str =
    "nothing was measured: the run ended before any measured request was answered";

/// A run that was interrupted says that nothing was measured, and nothing else, on stderr, in its
/// folder and in a later report.
#[track_caller]
fn check_nothing_measured(bench: &Bench, running: crate::bench::Running, moment: &str) {
    running.signal(Signal::INT);
    let ended = running.ended().exits(130);
    assert_eq!(ended.stdout, "", "{moment}");
    assert_eq!(
        ended.stderr.matches(NOTHING).count(),
        1,
        "{moment}: {}",
        ended.stderr
    );
    let folder = bench.only_folder();
    assert_eq!(
        (&folder.run()["status"], &folder.run()["verdict"]),
        (&"interrupted".into(), &"invalid".into()),
        "{moment}"
    );
    let again = bench.call(&["report"]).exits(0);
    let text = again
        .stdout
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    assert!(
        text.contains("INVALID") && text.contains(NOTHING) && !text.contains("reservations"),
        "{moment}: {}",
        again.stdout
    );
    let reasons = folder.report()["verdict"]["reasons"].clone();
    assert_eq!(
        (reasons.as_array().map(Vec::len), &reasons[0]["code"]),
        (Some(1), &"nothing_measured".into()),
        "{moment}"
    );
}

#[test]
fn a_run_in_which_nothing_was_measured_says_one_thing_at_every_moment() {
    let (silent, address) = silent();
    let bench = Bench::new(&crate::bench::scenario(&format!("http://{address}"), &[]));
    let running = bench.start(&[]);
    let (_connection, _) = silent.accept().expect("a connection");
    check_nothing_measured(&bench, running, "connecting");

    let fake = FakeMilvus::start();
    let source = format!("source = \"jaeger\"\nendpoint = \"http://{address}\"");
    let bench = Bench::at(
        &fake,
        &[("source = \"none\"", source.as_str()), ("\"2s\"", "\"1h\"")],
    );
    let running = bench.start(&[]);
    let (_connection, _) = silent.accept().expect("a connection");
    check_nothing_measured(&bench, running, "opening span source");

    let fake = FakeMilvus::start();
    fake.fail(
        &methods::GET_VERSION,
        ..,
        Failure::milvus(1, 1, "not ready"),
    );
    let bench = Bench::at(&fake, &[]);
    let mut running = bench.start(&[]);
    running.says("asking again");
    check_nothing_measured(&bench, running, "waiting for Milvus");

    let fake = FakeMilvus::start();
    fake.fail(&methods::INSERT, .., Failure::Silence);
    let bench = Bench::at(&fake, &[]);
    let running = bench.start(&[]);
    wait(fake.called(&methods::INSERT, 1));
    check_nothing_measured(&bench, running, "preparing");

    let fake = FakeMilvus::start();
    let bench = Bench::at(
        &fake,
        &[("duration = \"1s\"", "warmup = \"10m\"\nduration = \"1s\"")],
    );
    let running = bench.start(&[]);
    wait(fake.called(&methods::SEARCH, 20));
    check_nothing_measured(&bench, running, "warming up");

    let fake = FakeMilvus::start();
    fake.fail(&methods::SEARCH, .., Failure::Silence);
    let bench = Bench::at(
        &fake,
        &[
            ("\"1s\"", "\"10m\""),
            ("timeout = \"5s\"", "timeout = \"10m\""),
        ],
    );
    let running = bench.start(&[]);
    wait(fake.called(&methods::SEARCH, 1));
    check_nothing_measured(&bench, running, "before the first answer");

    let fake = FakeMilvus::start();
    let bench = Bench::at(
        &fake,
        &[
            ("rate = 50", "rate = 50\nstart = \"9m\""),
            ("\"1s\"", "\"10m\""),
        ],
    );
    let mut running = bench.start(&[]);
    running.says("phase alone");
    check_nothing_measured(&bench, running, "before the first request");
}

/// A signal while the report is being written to a reader that does not read.
#[track_caller]
fn check_while_the_report_is_made(signal: Signal, code: i32) {
    use std::io::Write;
    let fake = FakeMilvus::start();
    let bench = Bench::at(&fake, &[]);
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    // It holds no more: whoever writes to it waits.
    let size = rustix::pipe::fcntl_setpipe_size(&writer, 4096).expect("its size");
    writer.write_all(&vec![b'x'; size]).expect("it fits");
    let mut child = bench
        .command_of_a_terminal(&["run", "scenario.toml", "--accept-invalid"])
        .stdout(writer)
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("it starts");
    let stderr = std::io::BufReader::new(child.stderr.take().expect("a pipe"));
    let lines = std::io::BufRead::lines(stderr);
    assert!(
        lines
            .map_while(Result::ok)
            .any(|line| line.starts_with("report: ")),
        "it makes its reports"
    );
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), signal)
        .expect("it runs");
    // A program that goes on waiting ends with another code when its reader is gone.
    let (ended, deadline) = std::sync::mpsc::channel::<()>();
    std::thread::spawn(move || {
        let _ = deadline.recv_timeout(std::time::Duration::from_secs(60));
        drop(reader);
    });
    assert_eq!(child.wait().expect("it ends").code(), Some(code));
    drop(ended);
    bench.only_folder().check();
}

#[test]
fn signals_end_a_run_whose_report_is_not_taken() {
    check_while_the_report_is_made(Signal::INT, 130);
    check_while_the_report_is_made(Signal::TERM, 143);
    check_while_the_report_is_made(Signal::HUP, 143);
}

#[test]
fn a_termination_while_a_round_is_analysed_has_its_code() {
    let fake = FakeMilvus::start();
    let bench = Bench::at(&fake, &[]);
    let mut running = bench.start(&["--repeat", "3"]);
    running.says("run folder: ");
    running.signal(Signal::TERM);
    let ended = running.ended().exits(143);
    assert!(!ended.stderr.contains("run 3 of 3"), "{}", ended.stderr);
}
