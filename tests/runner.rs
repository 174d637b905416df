//! A run through the library, without the command line: what its watcher is told, what it gives,
//! and how it fails.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use milvus_bench::{
    analysis::{Analysis, WorkloadAnalysis},
    null_milvus::{NullMilvus, NullOptions},
    plan::{Plan, PlanFlags},
    runner::{
        self, Asked, Counts, PhaseWatcher, RunEnded, RunError, RunErrorKind, RunOptions, RunPlace,
        Signals, Silent, Watcher,
    },
    scenario::{Scenario, ScenarioSource},
};
use tokio::time::Instant;

/// `URI` stands for the server's address.
const SCENARIO: &str = r#"
name = "library"

[milvus]
uri = "URI"

[tracing]
export = "off"

[tracing.spans]
source = "none"

[data.noise]
format = "random"
rows = 100
dim = 8
queries = 20

[collections.words]
data = "noise"
metric = "L2"
prepare = "full"

[workloads.search]
operation = "search"
collection = "words"
rate = 50
limit = 5

[[phases]]
name = "alone"
warmup = "500ms"
duration = "2s"
workloads = ["search"]
"#;

/// The plan of [`SCENARIO`]; no variable of the environment changes it.
fn plan(uri: &str) -> Plan {
    let source = ScenarioSource::Stdin(SCENARIO.replace("URI", uri));
    let scenario = Scenario::read(&source, &[], &|_| None).expect("a scenario");
    Plan::from_scenario(&scenario, &PlanFlags::default(), &|_| None).expect("a plan")
}

fn run(uri: &str, options: &RunOptions, watcher: Arc<dyn Watcher>) -> Result<RunEnded, RunError> {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (mut plan, signals) = (plan(uri), Signals::none());
    runtime.block_on(runner::run(&mut plan, options, &signals, &watcher))
}

/// The workload of the one phase, which stands below the steps of preparation.
fn search(analysis: &Analysis) -> &WorkloadAnalysis {
    let mut workloads = analysis.workloads.iter();
    workloads
        .find(|workload| workload.workload == "search")
        .expect("the workload")
}

/// Keeps what it is told, a line each.
#[derive(Default)]
struct Kept(Arc<Mutex<Vec<String>>>);

impl Kept {
    fn keep(&self, line: String) {
        self.0.lock().expect("no panic").push(line);
    }
}

impl Watcher for Kept {
    fn step(&self, text: &str) {
        self.keep(format!("step {text}"));
    }

    fn phase<'a>(
        &'a self,
        plan: &'a Plan,
        number: usize,
        _start: Instant,
    ) -> Box<dyn PhaseWatcher + 'a> {
        self.keep(format!("begins {}", plan.phases[number].name));
        Box::new(Kept(Arc::clone(&self.0)))
    }

    fn measured(&self, folder: &Path) {
        assert!(folder.join("requests.jsonl").is_file());
        self.keep("measured".to_owned());
    }

    fn analysed(&self, analysis: &Analysis) {
        let search = search(analysis);
        self.keep(format!("analysed {}/{}", search.phase, search.workload));
    }

    fn written(&self, format: &str, file: &Path) {
        assert!(file.is_file());
        self.keep(format!("written {format}"));
    }
}

impl PhaseWatcher for Kept {
    fn counted(&mut self, counts: Counts) {
        assert_eq!((counts.live.len(), counts.over.len()), (1, 1));
        self.keep("counted".to_owned());
    }
}

#[test]
fn a_watcher_is_told_what_a_run_does_in_its_order() {
    let server = NullMilvus::start(NullOptions::default()).expect("a null Milvus");
    let folder = tempfile::tempdir().expect("a folder");
    let told = Arc::new(Mutex::default());
    let options = RunOptions {
        reports: vec!["csv".to_owned()],
        ..RunOptions::new(RunPlace::In(folder.path().to_owned()))
    };
    let uri = format!("http://{}", server.address());
    let watcher = Arc::new(Kept(Arc::clone(&told)));
    let ended = run(&uri, &options, watcher).expect("a run");
    assert_eq!(
        (ended.failure, ended.unwritten, ended.loaded, ended.asked),
        (None, None, true, Asked::Nothing)
    );
    let analysis = ended.analysis.expect("an analysis");
    assert!(search(&analysis).requests.ok > 0, "{analysis:?}");
    assert!(ended.folder.path().starts_with(folder.path()));
    let mut told = told.lock().expect("no panic").clone();
    let counted = told.iter().filter(|line| *line == "counted").count();
    assert!(counted > 0, "{told:?}");
    let is_phase = |line: &String| !line.starts_with("step ") || line.starts_with("step phase");
    told.retain(|line| line != "counted" && is_phase(line));
    assert_eq!(
        told,
        [
            "step phase alone",
            "begins alone",
            "measured",
            "analysed alone/search",
            "written text",
            "written html",
            "written json",
            "written csv",
        ]
    );
}

#[track_caller]
fn refused(options: &RunOptions, expected: RunErrorKind) {
    let error = run("http://127.0.0.1:9", options, Arc::new(Silent)).expect_err("it is refused");
    assert_eq!(error.kind(), expected, "{error}");
}

#[test]
fn a_run_that_can_not_begin_is_an_error_and_leaves_no_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let usual = |place: PathBuf| RunOptions::new(RunPlace::At(place));
    let pinned = RunOptions {
        pin: Some("none".to_owned()),
        ..usual(folder.path().join("run"))
    };
    refused(&pinned, RunErrorKind::Options);
    assert!(!folder.path().join("run").exists());
    std::fs::write(folder.path().join("notes"), "mine").expect("a file");
    refused(&usual(folder.path().to_owned()), RunErrorKind::Folder);
}

#[test]
fn a_milvus_that_is_not_there_is_told_in_the_folder_of_the_run() {
    let folder = tempfile::tempdir().expect("a folder");
    // Bound and not listened to any more, the port is free and refuses.
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let uri = format!("http://{}", free.expect("a port"));
    let options = RunOptions::new(RunPlace::At(folder.path().join("run")));
    let ended = run(&uri, &options, Arc::new(Silent)).expect("a folder was made");
    let failure = ended.failure.expect("it failed");
    assert_eq!(failure.kind(), RunErrorKind::Connect, "{failure}");
    assert!(!ended.loaded && ended.folder.file("run.json").is_file());
}
