//! What people see on a terminal: the program's texts in windows of tmux, 80 x 24 and 120 x 40.
//!
//! A machine without tmux leaves these tests out and says so in one line, which libtest can't; with
//! `CI=true` it fails.

#[path = "support/harness.rs"]
mod harness;
#[path = "support/suite.rs"]
mod suite;
#[path = "support/tmux.rs"]
mod tmux;

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Command, ExitCode, Stdio},
    time::Duration,
};

use harness::Case;
use milvus_bench::{
    milvus::methods,
    null_milvus::{FakeMilvus, Served, Shape, SpanSpec},
};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use suite::{Missing, Suite};
use tempfile::TempDir;
use tmux::{Seen, Window};

/// The program.
const PROGRAM: &str = env!("CARGO_BIN_EXE_milvus-bench");

/// Windows that the texts are designed for.
const SMALL: Window = Window {
    columns: 80,
    rows: 24,
};
const LARGE: Window = Window {
    columns: 120,
    rows: 40,
};

/// Searches of the first phase, which are fast.
const ALONE: u64 = 200;

/// The same searches alone and while something slows them down. `URI` and `LISTEN` are addresses.
const SCENARIO: &str = r#"
name = "terminal"
description = "Why does a search take longer while rows are being inserted?"

[milvus]
uri = "URI"
connections = 2

[tracing]
sample_ratio = 1.0
export = "off"

[tracing.spans]
source = "embedded"
listen = "LISTEN"
settle = "300ms"
deadline = "5s"

[data.noise]
format = "random"
rows = 200
dim = 8
queries = 20

[collections.words]
data = "noise"
metric = "L2"
initial_rows = 100
index = { type = "FLAT" }

[workloads.search]
operation = "search"
rate = 100
arrivals = "even"
limit = 5

[[phases]]
name = "alone"
duration = "2s"
workloads = ["search"]

[[phases]]
name = "under-ingest"
duration = "2s"
workloads = ["search"]
"#;

/// Every test that needs tmux.
const TERMINAL: &[Case<Run>] = &[
    Case {
        name: "the_first_screen_has_the_verdict_and_the_answer",
        run: the_first_screen_has_the_verdict_and_the_answer,
    },
    Case {
        name: "the_last_screen_has_them_again",
        run: the_last_screen_has_them_again,
    },
    Case {
        name: "no_line_of_any_command_wraps",
        run: no_line_of_any_command_wraps,
    },
    Case {
        name: "a_pipe_gets_the_report_as_its_file_has_it",
        run: a_pipe_gets_the_report_as_its_file_has_it,
    },
    Case {
        name: "words_are_explained_only_when_asked_for",
        run: words_are_explained_only_when_asked_for,
    },
    Case {
        name: "a_dumb_terminal_gets_no_escapes_and_another_one_does",
        run: a_dumb_terminal_gets_no_escapes_and_another_one_does,
    },
];

/// What becomes of them without it: this program is asked, with a PATH of its own.
const WITHOUT: &[Case<()>] = &[
    Case {
        name: "without_tmux_they_are_left_out_loudly",
        run: without_tmux_they_are_left_out_loudly,
    },
    Case {
        name: "in_ci_a_missing_tmux_is_a_failure",
        run: in_ci_a_missing_tmux_is_a_failure,
    },
];

fn main() -> ExitCode {
    let suite = Suite {
        always: WITHOUT,
        needing: &[TERMINAL],
        of: "a terminal",
        how_to_get: "apt-get install tmux",
    };
    suite.run(|| tmux::find().map(|()| Run::new()).map_err(Missing::program))
}

/// A run of two phases in the folder `run`, of which the second waits for consistency.
struct Run {
    folder: TempDir,
    fake: FakeMilvus,
}

fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").to_string()
}

/// The root, the wait within it, and the engine up to its end.
fn spans(served: &Served) -> Vec<SpanSpec> {
    let end_ns = served.duration_ns();
    let waited_ns = end_ns / 10 * if served.number < ALONE { 1 } else { 9 };
    let span = |service: &str, name: &str, kind, parent, (start_ns, end_ns)| SpanSpec {
        service: service.to_owned(),
        node_id: 7,
        scope: String::new(),
        name: name.to_owned(),
        kind,
        parent,
        start_ns,
        end_ns,
        events: Vec::new(),
    };
    let root = format!("milvus.proto.milvus.MilvusService/{}", served.method.name);
    let (wait, engine) = ("Delegator-waitTSafe", "SegCoreSearch");
    let internal = SpanKind::Internal;
    vec![
        span("proxy", &root, SpanKind::Server, None, (0, end_ns)),
        span("querynode", wait, internal, Some(0), (0, waited_ns)),
        span("querynode", engine, internal, Some(0), (waited_ns, end_ns)),
    ]
}

impl Run {
    fn new() -> Self {
        let fake = FakeMilvus::start();
        fake.delay_by(&methods::SEARCH, |number| {
            Duration::from_millis(if number < ALONE { 2 } else { 30 })
        });
        let listen = free_address();
        fake.spans_to(&format!("http://{listen}"), Shape::new(spans));
        let folder = tempfile::tempdir().expect("a folder");
        let scenario = SCENARIO.replace("URI", &fake.uri());
        let scenario = scenario.replace("LISTEN", &listen);
        fs::write(folder.path().join("scenario.toml"), scenario).expect("a scenario");
        let run = Self { folder, fake };
        run.call(&["run", "scenario.toml", "--accept-invalid", "--out", "run"]);
        run
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// What the program writes into a pipe.
    fn call(&self, arguments: &[&str]) -> String {
        let output = Command::new(PROGRAM)
            .args(arguments)
            .current_dir(self.path())
            .stdin(Stdio::null())
            .env("MILVUS_BENCH_CALIBRATE", "off")
            .env_remove("COLUMNS")
            .output()
            .expect("the program starts");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}\n{stderr}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// What a window shows of a call with these arguments; `environment` as a shell has it.
    fn seen(&self, window: Window, environment: &str, arguments: &str) -> Seen {
        let command = format!("{environment} '{PROGRAM}' {arguments}");
        window.shows(self.path(), &command)
    }
}

/// The title, then the answer that the scenario asks for, with the area of what it names.
fn has_verdict_and_answer(screen: &[String]) {
    let text = screen.join(" ");
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "terminal complete, ",
        "ANSWER search: p99 ",
        " alone -> ",
        "on average under-ingest ",
        "slower than alone",
        "% `consistency wait · querynode Delegator-waitTSafe`",
        "→ consistency wait is ",
    ] {
        assert!(
            text.contains(part),
            "{part:?} is not in\n{}",
            screen.join("\n")
        );
    }
}

fn the_first_screen_has_the_verdict_and_the_answer(run: &Run) {
    for window in [SMALL, LARGE] {
        let seen = run.seen(window, "", "report run");
        // Where the page is, on stderr, then the report.
        let rows = usize::from(window.rows).min(seen.lines.len());
        let (page, first) = seen.lines[..rows].split_at(1);
        assert_eq!(page, ["report: run/report.html"]);
        assert!(first[0].starts_with("terminal  complete, "), "{}", first[0]);
        has_verdict_and_answer(first);
    }
}

fn the_last_screen_has_them_again(run: &Run) {
    for window in [SMALL, LARGE] {
        let seen = run.seen(window, "", "report run");
        let rows = usize::from(window.rows);
        assert!(
            seen.lines.len() > rows,
            "nothing scrolled:\n{}",
            seen.lines.join("\n")
        );
        has_verdict_and_answer(&seen.lines[seen.lines.len() - rows..]);
    }
    // What does not scroll away is said once.
    let tall = Window {
        columns: 120,
        rows: 200,
    };
    let text = run.seen(tall, "", "report run").lines.join("\n");
    assert_eq!(text.matches("ANSWER").count(), 1, "{text}");
}

fn no_line_of_any_command_wraps(run: &Run) {
    let uri = run.fake.uri();
    let commands = [
        "report run --explain".to_owned(),
        "list".to_owned(),
        "trace run slowest".to_owned(),
        "check scenario.toml".to_owned(),
        "compare --baseline run --run copy".to_owned(),
        format!("doctor --uri {uri} --spans http://127.0.0.1:1 --deadline 1"),
    ];
    // Another run of the same scenario: of the same name a comparison knows that it is itself.
    let copy = run.path().join("copy");
    if !copy.exists() {
        run.call(&["run", "scenario.toml", "--accept-invalid", "--out", "copy"]);
    }
    for window in [SMALL, LARGE] {
        for command in &commands {
            let seen = run.seen(window, "", command);
            assert_eq!(
                seen.wrapped,
                Vec::<String>::new(),
                "{command} at {window:?}"
            );
            assert!(seen.lines.len() > 2, "{command}: {:?}", seen.lines);
            let cut = seen.lines.iter().find(|line| line.contains('…'));
            assert_eq!(cut, None, "{command} at {window:?}");
        }
    }
}

fn a_pipe_gets_the_report_as_its_file_has_it(run: &Run) {
    let printed = run.call(&["report", "run"]);
    let file = fs::read_to_string(run.path().join("run/report.txt")).expect("a report");
    assert_eq!(printed, file);
    assert_eq!(printed.matches("ANSWER").count(), 1, "{printed}");
    let widest = printed.lines().map(|line| line.chars().count()).max();
    assert!(
        widest.is_some_and(|widest| (90..=110).contains(&widest)),
        "{printed}"
    );
}

fn words_are_explained_only_when_asked_for(run: &Run) {
    let (short, long) = (
        run.call(&["report", "run"]),
        run.call(&["report", "run", "--explain"]),
    );
    assert!(
        short.contains("--explain") && !short.contains("\nwords\n"),
        "{short}"
    );
    for part in [
        "\nwords\n  response time  ",
        "\nareas\n",
        "  ▒ consistency wait  until ",
    ] {
        assert!(long.contains(part), "{part:?} is not in\n{long}");
    }
}

fn a_dumb_terminal_gets_no_escapes_and_another_one_does(run: &Run) {
    let arguments = "run scenario.toml --accept-invalid --out";
    let dumb = run.seen(SMALL, "TERM=dumb", &format!("{arguments} dumb"));
    assert!(dumb.bytes.contains("phase alone"), "{:?}", dumb.bytes);
    assert!(!dumb.bytes.contains('\u{1b}'), "{:?}", dumb.bytes);
    let other = run.seen(SMALL, "", "report run");
    assert!(other.bytes.contains("\u{1b}[1m"), "{:?}", other.bytes);
    let plain = run.seen(SMALL, "NO_COLOR=1", "report run");
    assert!(!plain.bytes.contains('\u{1b}'), "{:?}", plain.bytes);
}

/// This program where there is no tmux, with `CI` set or not: its exit code and all that it said.
fn without_tmux(ci: Option<&str>) -> (Option<i32>, String) {
    let nothing = tempfile::tempdir().expect("a folder");
    let this = std::env::current_exe().expect("this program");
    let mut command = Command::new(this);
    command
        .args(["--exact", "the_last_screen_has_them_again"])
        .env("PATH", nothing.path())
        .env_remove("CI");
    ci.map(|ci| command.env("CI", ci));
    let output = command.output().expect("this program starts");
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

fn without_tmux_they_are_left_out_loudly(_: &()) {
    let (code, said) = without_tmux(None);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("no tmux on PATH: the 1 tests of a terminal are LEFT OUT"),
        "{said}"
    );
}

fn in_ci_a_missing_tmux_is_a_failure(_: &()) {
    let (code, said) = without_tmux(Some("true"));
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("FAILED (no tmux on PATH, and CI is set)"),
        "{said}"
    );
}
