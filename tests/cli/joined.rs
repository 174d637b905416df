//! Runs whose server spans come back: every traced request is matched, and its account adds up.

use std::time::Duration;

use milvus_bench::{
    milvus::methods,
    null_milvus::{FakeMilvus, Shape},
};

use crate::{
    bench::{Bench, Ended, closed_port, wait},
    folder::{Folder, all_due, count},
    support::trace_backend::TraceBackend,
};

/// Generous: nothing here is about speed.
const LONG: Duration = Duration::from_secs(60);

/// A run that receives the spans itself.
#[track_caller]
pub(crate) fn run(fake: &FakeMilvus, shape: Shape, changes: &[(&str, &str)]) -> (Bench, Folder) {
    let listen = format!("127.0.0.1:{}", closed_port());
    fake.spans_to(&format!("http://{listen}"), shape);
    let embedded = format!("source = \"embedded\"\nlisten = \"{listen}\"");
    let bench = Bench::at(
        fake,
        &[
            &[
                ("source = \"none\"", embedded.as_str()),
                ("settle = \"0s\"", "settle = \"300ms\""),
            ],
            changes,
        ]
        .concat(),
    );
    let ended = bench.run(&[]).exits(0);
    // Which areas are large enough for a bar is chance on a busy machine.
    assert!(
        ended.stdout.contains("where the time went") && ended.stdout.contains("largest parts"),
        "{}",
        ended.stdout
    );
    let folder = bench.only_folder();
    folder.check();
    (bench, folder)
}

/// All requests of `workload` that were sent are matched, and their account holds `part`.
#[track_caller]
fn check_matched(folder: &Folder, workload: &str, part: &str) {
    let requests = folder.traced(workload);
    let found = folder.workload("alone", workload);
    assert_eq!(
        (
            count(&found["join"], "sampled"),
            count(&found["join"], "matched")
        ),
        (requests, requests),
        "{:#}",
        found["join"]
    );
    let all = &found["account"][0];
    assert_eq!(
        (all["band"].as_str(), count(all, "matched")),
        (Some("all"), requests)
    );
    let parts = all["parts"].as_array().expect("parts");
    assert!(
        parts.iter().any(|found| found["part"] == part),
        "{parts:#?}"
    );
    assert!(
        found["server_time_us"]["p50"]["value"]
            .as_f64()
            .is_some_and(|value| value > 0.0)
    );
}

const INGEST: (&str, &str) = (
    "[[phases]]",
    "[workloads.ingest]\noperation = \"insert\"\nbatch = 2\nconcurrency = 2\nthink_time = \
     \"50ms\"\n\n[[phases]]",
);

#[test]
fn an_open_loop_with_the_spans_of_2_3_5() {
    let fake = FakeMilvus::start();
    let (_bench, folder) = run(&fake, Shape::v2_3_5(), &[]);
    check_matched(&folder, "search", "SegCoreSearch");
    let search = folder.workload("alone", "search");
    assert_eq!(search["loop"], "open");
    let parts = search["account"][0]["parts"]
        .as_array()
        .expect("parts")
        .clone();
    assert!(
        ["send lag", "gap"]
            .iter()
            .all(|name| parts.iter().any(|part| part["part"] == *name)),
        "{parts:#?}"
    );
    let prepare = folder.workload("prepare", "create_collection");
    assert_eq!(count(&prepare["join"], "matched"), 1, "{prepare:#}");
}

#[test]
fn a_closed_loop_with_the_spans_of_2_5_11() {
    let fake = FakeMilvus::start();
    let closed = [
        (
            "rate = 50\narrivals = \"even\"",
            "concurrency = 2\nthink_time = \"10ms\"",
        ),
        ("duration = \"1s\"", "requests = 60"),
    ];
    let (_bench, folder) = run(&fake, Shape::v2_5_11(), &closed);
    check_matched(&folder, "search", "SegCoreSearch");
    assert_eq!(folder.traced("search"), 60);
    let search = folder.workload("alone", "search");
    assert_eq!(search["loop"], "closed");
    assert!(
        folder
            .text("report.txt")
            .contains("stalls are under-counted"),
        "{}",
        folder.text("report.txt")
    );
    assert!(
        count(&search["traces"]["adopted"], "SegCoreSearch") > 0,
        "{:#}",
        search["traces"]
    );
}

#[test]
fn two_workloads_at_the_same_time() {
    let fake = FakeMilvus::start();
    let both = [
        INGEST,
        (
            "workloads = [\"search\"]",
            "workloads = [\"search\", \"ingest\"]",
        ),
    ];
    let (_bench, folder) = run(&fake, Shape::v2_3_5(), &both);
    check_matched(&folder, "search", "SegCoreSearch");
    check_matched(&folder, "ingest", "Proxy-Insert");
    let inserted = count(&folder.workload("alone", "ingest")["requests"], "ok");
    assert_eq!(
        fake.count(&methods::INSERT),
        inserted + count(&folder.workload("prepare", "insert")["requests"], "ok")
    );
}

#[test]
fn traces_that_the_server_lost_are_counted_as_missing() {
    let fake = FakeMilvus::start();
    fake.lose_every_trace(4);
    let (_bench, folder) = run(&fake, Shape::v2_3_5(), &[]);
    let join = folder.workload("alone", "search")["join"].clone();
    let sent = folder.traced("search");
    assert_eq!(count(&join, "sampled"), sent);
    assert!(
        (sent / 4..=sent.div_ceil(4)).contains(&count(&join, "missing")),
        "{join:#}"
    );
    let report = folder.report();
    let reasons = report["verdict"]["reasons"].as_array().expect("reasons");
    assert!(
        reasons.iter().any(|reason| reason["code"] == "unmatched"),
        "{reasons:#?}"
    );
}

#[test]
fn a_server_that_lost_every_trace_costs_the_account_alone() {
    let fake = FakeMilvus::start();
    fake.lose_every_trace(1);
    let listen = format!("127.0.0.1:{}", closed_port());
    fake.spans_to(&format!("http://{listen}"), Shape::v2_3_5());
    let embedded = format!("source = \"embedded\"\nlisten = \"{listen}\"");
    let bench = Bench::at(&fake, &[("source = \"none\"", &embedded)]);
    let ended = bench.run(&[]).exits(0);
    assert!(
        ended.stdout.contains("no server spans were found") && ended.stdout.contains("doctor"),
        "{}",
        ended.stdout
    );
    let folder = bench.only_folder();
    folder.check();
    let search = folder.workload("alone", "search");
    all_due(&search, 50);
    assert_eq!(
        count(&search["join"], "missing"),
        folder.traced("search"),
        "{search:#}"
    );
}

#[test]
fn a_span_lost_from_the_middle_of_a_trace_makes_it_incomplete() {
    let fake = FakeMilvus::start();
    fake.lose_span("Proxy-Search-Execute", 5);
    let (_bench, folder) = run(&fake, Shape::v2_3_5(), &[]);
    let join = folder.workload("alone", "search")["join"].clone();
    let sent = folder.traced("search");
    assert!(
        (sent / 5..=sent / 5 + 1).contains(&count(&join, "incomplete")),
        "{join:#}"
    );
}

#[test]
fn a_share_that_is_traced_is_what_is_joined() {
    let fake = FakeMilvus::start();
    let (_bench, folder) = run(
        &fake,
        Shape::v2_3_5(),
        &[("sample_ratio = 1.0", "sample_ratio = 0.5")],
    );
    let search = folder.workload("alone", "search");
    let sampled = count(&search["join"], "sampled");
    let ok = all_due(&search, 50);
    assert!(0 < sampled && sampled < ok, "{sampled} of {ok}");
    check_matched(&folder, "search", "SegCoreSearch");
}

#[test]
fn one_request_is_drawn_as_a_waterfall() {
    let fake = FakeMilvus::start();
    let (bench, folder) = run(&fake, Shape::v2_3_5(), &[("rate = 50", "rate = 200")]);
    let lines = folder.lines("requests.jsonl");
    let line = lines
        .iter()
        .rfind(|line| line["phase"] == "alone")
        .expect("a request");
    let id = line["trace_id"].as_str().expect("an id");
    for arguments in [
        &["trace"][..],
        &["trace", "p99"],
        &["trace", folder.name()],
        &["trace", folder.name(), id],
        &["trace", &id[..24]],
    ] {
        let ended = bench.call(arguments).exits(0);
        assert!(
            ended.stdout.contains("SegCoreSearch") && ended.stdout.contains("gap"),
            "{arguments:?}\n{}",
            ended.stdout
        );
    }
    let drawn = bench.call(&["trace", folder.name(), id]).exits(0);
    assert!(drawn.stdout.contains(id), "{}", drawn.stdout);
    bench
        .call(&["trace", folder.name(), "0123456789abcdef0123456789abcdef"])
        .exits(2)
        .error(&["0123456789abcdef"]);
    bench
        .call(&["trace", folder.name(), "fastest"])
        .exits(2)
        .error(&["fastest"]);
}

/// `milvus-bench spans` of the run in `folder`, from Jaeger's JSON at `endpoint`.
fn fetch_again(bench: &Bench, folder: &Folder, endpoint: &str) -> Ended {
    bench.call(&[
        "spans",
        folder.name(),
        "--source",
        "jaeger-json",
        "--endpoint",
        endpoint,
        "--deadline",
        "2",
    ])
}

#[test]
fn spans_are_fetched_later_and_kept_when_the_back_end_forgets_them() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let (backend, empty) =
        runtime.block_on(async { (TraceBackend::start().await, TraceBackend::start().await) });
    let fake = FakeMilvus::start();
    fake.spans_to(&backend.otlp(), Shape::v2_3_5());
    let bench = Bench::at(&fake, &[]);
    bench.run(&[]).exits(0);
    assert!(
        wait(fake.spans_settled(LONG)),
        "the back end took all spans"
    );
    let folder = bench.only_folder();
    assert_eq!(
        count(&folder.workload("alone", "search")["join"], "not_fetched"),
        folder.traced("search")
    );
    let again = |backend: &TraceBackend| {
        let ended = fetch_again(&bench, &folder, &backend.http()).exits(0);
        assert_eq!(ended.stdout, folder.text("report.txt"));
        folder.check();
        check_matched(&folder, "search", "SegCoreSearch");
    };
    again(&backend);
    again(&empty);
    // Spans that were changed are not taken for what was fetched.
    let spans = folder.path().join("spans.jsonl");
    let changed = folder
        .text("spans.jsonl")
        .replace("SegCoreSearch", "SegCoreSearcH");
    std::fs::write(&spans, &changed).expect("a file of the run");
    fetch_again(&bench, &folder, "http://127.0.0.1:9").exits(2);
    assert_eq!(folder.text("spans.jsonl"), changed, "nothing was fetched");
    again(&backend);
    assert_eq!(folder.text("spans.jsonl.changed"), changed);
    // Another file that was changed stays one.
    let latency = folder.path().join("latency.hlog");
    std::fs::write(
        &latency,
        [folder.text("latency.hlog").as_bytes(), b"\n"].concat(),
    )
    .expect("a file of the run");
    let ended = fetch_again(&bench, &folder, &backend.http()).exits(0);
    assert!(
        ended.stdout.contains("latency.hlog has"),
        "{}",
        ended.stdout
    );
    let info = folder.path().join("run.json");
    std::fs::write(
        &info,
        folder.text("run.json").replace("\"seed\": ", "\"seed\": 1"),
    )
    .expect("a file of the run");
    fetch_again(&bench, &folder, &backend.http())
        .exits(2)
        .error(&["run.json was changed since it was written"]);
}

/// The spans of this program in spans.jsonl: trace, span, parent, name, start, end.
fn client_spans(folder: &Folder) -> Vec<(String, String, String, String, u64, u64)> {
    let array =
        |value: &serde_json::Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
    let lines = folder.lines("spans.jsonl");
    let scopes = lines
        .iter()
        .flat_map(|line| array(line, "resourceSpans"))
        .flat_map(|group| array(&group, "scopeSpans"));
    let ours = scopes
        .filter(|scope| scope["scope"]["name"] == "milvus-bench")
        .flat_map(|scope| array(&scope, "spans"));
    let text =
        |span: &serde_json::Value, key: &str| span[key].as_str().unwrap_or_default().to_owned();
    let time = |span: &serde_json::Value, key: &str| text(span, key).parse().expect("nanoseconds");
    ours.map(|span| {
        let ids = (
            text(&span, "traceId"),
            text(&span, "spanId"),
            text(&span, "parentSpanId"),
        );
        (
            ids.0,
            ids.1,
            ids.2,
            text(&span, "name"),
            time(&span, "startTimeUnixNano"),
            time(&span, "endTimeUnixNano"),
        )
    })
    .collect()
}

/// A reader of Jaeger sees each story whole: every step lies within the span that it stands below.
#[test]
fn preparation_and_clean_up_are_stories_of_their_own() {
    let fake = FakeMilvus::start();
    let (_bench, folder) = run(&fake, Shape::v2_3_5(), &[]);
    let spans = client_spans(&folder);
    let root = |name: &str| {
        spans
            .iter()
            .find(|span| span.3 == name)
            .unwrap_or_else(|| panic!("no {name} in {spans:#?}"))
    };
    for (name, method) in [
        ("prepare", "CreateCollection"),
        ("clean-up", "DropCollection"),
    ] {
        let root = root(name);
        let steps: Vec<_> = spans
            .iter()
            .filter(|span| span.0 == root.0 && span.1 != root.1)
            .collect();
        assert!(
            steps.iter().any(|step| step.3.ends_with(method)),
            "{name}: {steps:#?}"
        );
        for step in steps {
            assert!(
                step.2 == root.1 && step.4 >= root.4 && step.5 <= root.5,
                "{step:?} is not within {root:?}"
            );
        }
    }
    assert_ne!(root("prepare").0, root("clean-up").0);
}
