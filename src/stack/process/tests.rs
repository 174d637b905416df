//! Starting, knowing again and ending, with shell scripts in place of servers.

use proptest::prelude::*;

use super::super::tests::script;
use super::*;

fn program(folder: &Path, text: &str) -> Program {
    Program {
        name: "Milvus",
        path: script(folder, "server", text),
        arguments: vec!["run".to_owned(), "two words".to_owned()],
        environment: BTreeMap::from([("GIVEN".to_owned(), "a value".to_owned())]),
        folder: folder.to_owned(),
        log: folder.join("log"),
        address: "127.0.0.1:1".to_owned(),
        memory_kib: None,
        ends_in_order: true,
    }
}

/// Starts `text` as a script and ends it when dropped.
struct Running(Process);

impl Running {
    fn start(program: &Program) -> Self {
        let gate = Gate::start(program, &program.folder.display().to_string()).unwrap();
        let running = Self(gate.process.clone());
        gate.open().unwrap();
        running
    }

    /// Waits until the log holds `word`.
    fn until(&self, word: &str) -> String {
        for _ in 0..1_000 {
            let log = std::fs::read_to_string(&self.0.log).unwrap();
            if log.contains(word) {
                return log;
            }
            std::thread::sleep(POLL);
        }
        panic!("{word} did not appear");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = end_within(std::slice::from_ref(&self.0), Duration::ZERO);
    }
}

fn until_ended(process: &Process) {
    assert!(
        all_gone(
            std::slice::from_ref(process),
            Duration::from_secs(20),
            |_| ()
        )
        .is_none()
    );
}

#[test]
fn a_program_gets_its_arguments_environment_folder_and_limits() {
    let folder = tempfile::tempdir().unwrap();
    let text = r#"group="$(ps -o pgid= -p $$ 2>/dev/null || echo none)"
        echo "$1|$2|$GIVEN|$(pwd)|$(ulimit -v)|$group"; echo done; exec sleep 1000"#;
    let running = Running::start(&Program {
        memory_kib: Some(9_000_000),
        ..program(folder.path(), text)
    });
    let log = running.until("done");
    let expected = format!("run|two words|a value|{}|9000000|", folder.path().display());
    assert!(log.starts_with(&expected), "{log}");
    assert_eq!(
        Stat::read(running.0.pid).unwrap().group,
        running.0.pid,
        "Ctrl-C must not reach it"
    );
}

#[test]
fn a_gate_that_is_not_opened_ends_without_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let gate = Gate::start(&program(folder.path(), "echo began"), "mark").unwrap();
    let process = gate.process.clone();
    assert!(process.alive(), "it waits");
    drop(gate);
    until_ended(&process);
    assert_eq!(std::fs::read_to_string(&process.log).unwrap(), "");
}

#[test]
fn ending_ends_and_collects() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(&program(folder.path(), "echo began; exec sleep 1000"));
    running.until("began");
    assert!(running.0.alive());
    end(std::slice::from_ref(&running.0)).unwrap();
    assert!(!running.0.alive());
    assert_eq!(Stat::read(running.0.pid), None, "no zombie is left");
    end(std::slice::from_ref(&running.0)).unwrap();
}

#[test]
fn a_program_that_ignores_the_polite_signal_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(&program(
        folder.path(),
        "trap '' TERM; echo began; while :; do sleep 1000; done",
    ));
    running.until("began");
    end_within(std::slice::from_ref(&running.0), Duration::from_millis(100)).unwrap();
    assert_eq!(running.0.members(), [0; 0]);
}

#[test]
fn what_a_program_leaves_behind_is_ended_too() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(&program(folder.path(), "sleep 1000 & echo child $! began"));
    running.until("began");
    for _ in 0..1_000 {
        if !running.0.alive() {
            break;
        }
        std::thread::sleep(POLL);
    }
    assert!(!running.0.alive(), "the wrapper has ended by itself");
    assert_eq!(running.0.members().len(), 1, "its child has not");
    end(std::slice::from_ref(&running.0)).unwrap();
    assert_eq!(running.0.members(), [0; 0]);
}

/// A record that names a living process of somebody else must not hurt that one.
fn check_stranger(change: impl Fn(&mut Process)) {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(&program(folder.path(), "echo began; exec sleep 1000"));
    running.until("began");
    let mut record = running.0.clone();
    change(&mut record);
    assert!(!record.alive());
    end(&[record]).unwrap();
    assert!(running.0.alive(), "the stranger was hit");
}

#[test]
fn a_pid_that_was_given_again_is_a_stranger() {
    check_stranger(|record| record.start_ticks -= 1);
    check_stranger(|record| record.start_ticks += 1);
}

#[test]
fn a_pid_of_another_boot_is_a_stranger() {
    check_stranger(|record| record.boot = "another".to_owned());
}

#[test]
fn a_stranger_in_a_group_of_the_recorded_id_is_not_hit() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(&program(
        folder.path(),
        "sleep 1000 & echo child began; wait",
    ));
    running.until("began");
    let record = Process {
        mark: "another stack".to_owned(),
        start_ticks: running.0.start_ticks - 1,
        ..running.0.clone()
    };
    assert_eq!(record.members(), [0; 0]);
    assert_eq!(running.0.members().len(), 2);
}

#[test]
fn settings_of_milvus_bench_do_not_reach_the_servers() {
    for (name, private) in [
        ("MILVUS_TOKEN", true),
        ("OTEL_EXPORTER_OTLP_HEADERS", true),
        ("PATH", false),
        ("QUOTAANDLIMITS_X", false),
    ] {
        assert_eq!(is_private(OsStr::new(name)), private, "{name}");
    }
}

fn check_stat(stat: &str, expected: Option<Stat>) {
    assert_eq!(Stat::parse(stat.as_bytes()), expected, "{stat}");
}

#[test]
fn the_fields_of_stat_are_counted_from_the_end_of_the_name() {
    let rest = "S 1 77 77 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 3 0 4242 1 1 1";
    let expected = Some(Stat {
        state: 'S',
        group: 77,
        threads: 3,
        start_ticks: 4242,
    });
    check_stat(&format!("12 (sleep) {rest}"), expected);
    check_stat(&format!("12 (a) R 1 (b c) {rest}"), expected);
    check_stat(&format!("12 (new\nline) {rest}\n"), expected);
    check_stat("12 (sleep) S 1 77", None);
    check_stat("", None);
    check_stat("12 (sleep)", None);
}

#[test]
fn a_zombie_has_ended() {
    let stat = |state, threads| Stat {
        state,
        group: 1,
        threads,
        start_ticks: 1,
    };
    assert!(stat('Z', 1).ended() && stat('X', 0).ended());
    assert!(!stat('S', 1).ended() && !stat('T', 1).ended());
    assert!(!stat('Z', 2).ended(), "a thread of it still runs");
}

fn check_words(log: &str, expected: Option<&str>) {
    assert_eq!(meaningful_line(log).as_deref(), expected, "{log}");
}

#[test]
fn the_last_line_that_names_an_error_is_quoted() {
    check_words("", None);
    check_words("\n ---- \n", None);
    check_words("starting\nlistening\n\n", Some("listening"));
    check_words(
        "panic: no mq\n\ngoroutine 1:\n\t/a/b.go:1\n",
        Some("panic: no mq"),
    );
    check_words(
        "ERROR: No matching distribution\n[notice] a new pip\n",
        Some("ERROR: No matching distribution"),
    );
    check_words("a \u{1b}[2Jfatal\u{7}", Some("a  [2Jfatal "));
    check_words(
        &format!("error {}", "x".repeat(1_000)),
        Some(format!("error {}", "x".repeat(294)).as_str()),
    );
}

proptest! {
    #[test]
    fn stat_of_any_bytes_does_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Stat::parse(&bytes);
    }

    #[test]
    fn any_log_gives_a_short_plain_line(text in ".{0,2000}") {
        if let Some(line) = meaningful_line(&text) {
            prop_assert!(line.chars().count() <= 300 && !line.chars().any(char::is_control));
        }
    }
}
