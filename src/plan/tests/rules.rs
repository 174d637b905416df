//! Defaults, sets, what is planned, and whether the truth holds.

use super::*;

fn good(from: &str, to: &str) -> Plan {
    plan(&with(from, to)).unwrap()
}

#[test]
fn defaults_are_those_of_the_table() {
    let plan = plan(GOOD).unwrap();
    let resolved = &plan.resolved;
    for (path, expected) in [
        ("/seed", "42"),
        ("/milvus/timeout", "\"10s\""),
        ("/milvus/connections/count", "4"),
        ("/milvus/connections/resolve", "\"first\""),
        ("/milvus/connections/pick", "\"round-robin\""),
        ("/milvus/access", "\"all\""),
        ("/tracing/sample_ratio", "\"auto\""),
        ("/tracing/max_traces", "20000"),
        ("/tracing/service_name", "\"milvus-bench\""),
        ("/tracing/export", "\"http://127.0.0.1:4317\""),
        ("/tracing/spans/source", "\"auto\""),
        ("/tracing/spans/settle", "\"8s\""),
        ("/tracing/spans/deadline", "\"1m\""),
        ("/collections/words/name", "\"words\""),
        ("/collections/words/metric", "\"COSINE\""),
        ("/collections/words/consistency", "\"Bounded\""),
        ("/collections/words/prepare", "\"full\""),
        ("/collections/words/initial_rows", "800"),
        ("/collections/words/keep", "false"),
        ("/workloads/search/arrivals", "\"poisson\""),
        ("/workloads/search/max_in_flight", "10000"),
        ("/workloads/search/limit", "10"),
        ("/workloads/search/timeout", "\"10s\""),
        ("/workloads/ingest/think_time", "\"0s\""),
        ("/workloads/ingest/on_end", "\"stop\""),
        ("/phases/1/warmup", "\"0s\""),
    ] {
        assert_eq!(
            resolved.pointer(path).map(ToString::to_string).as_deref(),
            Some(expected),
            "{path}"
        );
    }
}

#[test]
fn enum_values_are_read_in_any_case() {
    let text = with(
        "initial_rows",
        "prepare = \"ENSURE\"\nmetric = \"cosine\"\nconsistency = \"STRONG\"\ninitial_rows",
    );
    let plan = plan(&text.replacen("\"HNSW\"", "\"hnsw\"", 1)).unwrap();
    let collection = &plan.collections[0];
    assert_eq!(
        (
            collection.prepare,
            collection.shape.vector.metric.as_str(),
            collection.keep
        ),
        (PrepareMode::Ensure, "COSINE", true)
    );
    assert_eq!(collection.shape.vector.index.index_type, "HNSW");
}

#[test]
fn sets_change_values_by_path() {
    let sets = [
        "workloads.search.rate=50",
        "workloads.search.params.ef=128",
        "phases.alone.duration=3s",
        "milvus.connections.count=2",
        "seed = 0x10",
    ];
    let plan = plan_with(GOOD, &sets, &none, &PlanFlags::default()).unwrap();
    assert_eq!(
        plan.resolved.pointer("/workloads/search/params/ef"),
        Some(&serde_json::json!(128))
    );
    assert_eq!((plan.milvus.connections.count, plan.seed), (2, 16));
    assert_eq!(
        plan.planned_requests(0, 0, PlannedPart::Measured),
        Some(150)
    );
    assert!(
        plan.source.contains("rate = 200"),
        "the text is kept as given"
    );
}

#[test]
fn connections_are_a_number_or_a_table() {
    let check = |value: &str, expected: (u32, ResolvePlan, PickPlan)| {
        let plan = good("[milvus]\n", &format!("[milvus]\nconnections = {value}\n"));
        let ConnectionsPlan {
            count,
            resolve,
            pick,
        } = plan.milvus.connections;
        assert_eq!((count, resolve, pick), expected, "{value}");
        let names =
            serde_json::json!({ "count": count, "resolve": resolve.name(), "pick": pick.name() });
        assert_eq!(
            plan.resolved.pointer("/milvus/connections"),
            Some(&names),
            "{value}"
        );
    };
    check("1", (1, ResolvePlan::First, PickPlan::RoundRobin));
    check("1_024", (1024, ResolvePlan::First, PickPlan::RoundRobin));
    check("{}", (4, ResolvePlan::First, PickPlan::RoundRobin));
    check(
        "{ count = 8 }",
        (8, ResolvePlan::First, PickPlan::RoundRobin),
    );
    check(
        "{ pick = \"round-robin\", resolve = \"first\" }",
        (4, ResolvePlan::First, PickPlan::RoundRobin),
    );
    check(
        "{ count = 2, pick = \"Pinned\" }",
        (2, ResolvePlan::First, PickPlan::Pinned),
    );
    check(
        "{ resolve = \"every-address\", pick = \"least-in-flight\" }",
        (4, ResolvePlan::EveryAddress, PickPlan::LeastInFlight),
    );
}

#[test]
fn collections_workloads_and_phases_keep_the_order_of_the_file() {
    let plan = good(
        "[workloads.search]",
        "[workloads.zebra]\noperation = \"search\"\nrate = 1\n[workloads.search]",
    );
    let names: Vec<&str> = plan
        .workloads
        .iter()
        .map(|workload| workload.name.as_str())
        .collect();
    assert_eq!(names, ["zebra", "search", "ingest"]);
    assert_eq!(
        plan.remarks,
        [Remark::UnusedWorkload {
            name: "zebra".to_owned()
        }]
    );
}

#[test]
fn keys_that_the_span_source_does_not_read_are_told() {
    let told = |keys: &str| {
        let text = format!("[tracing.spans]\n{keys}\n[data.noise]");
        let remarks = good("[data.noise]", &text).remarks;
        assert!(remarks.iter().all(Remark::is_note));
        remarks.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let admin = "admin = \"http://127.0.0.1:14269\"";
    assert_eq!(
        told(&format!("source = \"tempo\"\n{admin}")),
        [
            "`tracing.spans.admin` is not read from source = \"tempo\", only from \"auto\", \
             \"jaeger\", \"jaeger-json\""
        ]
    );
    let listen = "listen = \"127.0.0.1:5317\"\nlisten_http = \"off\"";
    assert_eq!(told(&format!("{admin}\n{listen}")).len(), 2);
    assert!(told(&format!("source = \"embedded\"\n{listen}")).is_empty());
    assert!(told(&format!("source = \"jaeger\"\n{admin}")).is_empty());
    let mut tables = SCENARIO.all().into_iter();
    let spans = tables.find(|table| table.path == "tracing.spans");
    for key in crate::spans::SPAN_SOURCES
        .iter()
        .flat_map(|row| row.own_keys)
    {
        assert!(spans.is_some_and(|table| table.key(key).is_some()), "{key}");
    }
}

#[test]
fn the_mark_depends_on_schema_index_and_rows_alone() {
    let mark = |from: &str, to: &str| good(from, to).collections[0].fingerprint.clone();
    let same = mark("name = \"good\"", "name = \"other\"");
    assert_eq!(same.len(), 16);
    assert_eq!(same, mark("rate = 200", "rate = 100"));
    for (from, to) in [
        ("M = 16", "M = 8"),
        ("\"80%\"", "\"70%\""),
        ("dim = 8", "dim = 16"),
        ("Int64", "Int32"),
        ("initial_rows", "metric = \"L2\"\ninitial_rows"),
        ("name = \"good\"", "seed = 1"),
    ] {
        assert_ne!(same, mark(from, to), "{to}");
    }
}

#[test]
fn auto_traces_at_most_max_traces_of_a_phase() {
    let plan = good("[data.noise]", "[tracing]\nmax_traces = 500\n[data.noise]");
    assert!(
        (plan.sample_ratio(0) - 0.25).abs() < 1e-12,
        "500 of 2000 requests"
    );
    assert!(
        plan.sample_ratio(1) < 0.05,
        "a caller is taken to send 2,000 a second"
    );
    let fixed = good(
        "[data.noise]",
        "[tracing]\nsample_ratio = 0.5\n[data.noise]",
    );
    assert_eq!((fixed.sample_ratio(0), fixed.sample_ratio(1)), (0.5, 0.5));
}

#[test]
fn tracing_is_switched_only_where_the_scenario_says_so() {
    assert_eq!(
        good("[data.noise]", "[data.noise]").tracing.switch_every,
        None
    );
    let switched = good(
        "[data.noise]",
        "[tracing]\nswitch_every = \"10s\"\n[data.noise]",
    );
    assert_eq!(
        switched.tracing.switch_every,
        Some(std::time::Duration::from_secs(10))
    );
}

#[test]
fn a_check_says_what_happens_where() {
    let check = |from: &str, to: &str, words: &str| {
        let text = with(from, to).replacen("batch = 20", "on_end = \"repeat\"", 1);
        let text = plan(&text).unwrap().expectation().to_string();
        assert!(text.contains(words), "{text}");
    };
    let rows = "initial_rows = \"80%\"";
    check(rows, rows, "milvus     http://127.0.0.1:19530\n");
    check(
        "[data.noise]",
        "database = \"tests\"\n[data.noise]",
        "milvus     http://127.0.0.1:19530, database tests\n",
    );
    let created = "collection words: created with 800 rows, replacing one that \
                   milvus-bench created before, if there is one; ";
    check(rows, rows, &format!("{created}dropped after the run\n"));
    check(
        rows,
        &format!("{rows}\nkeep = true"),
        &format!("{created}kept after the run\n"),
    );
    check(
        rows,
        "prepare = \"schema\"",
        "words: created empty, replacing one",
    );
    check(
        rows,
        &format!("{rows}\nprepare = \"ensure\""),
        "words: kept if milvus-bench created it with the same settings, else created with 800 \
         rows in its place; kept",
    );
    check(
        rows,
        "prepare = \"reuse\"",
        "words: used unchanged, neither created nor dropped\n",
    );
    check(rows, rows, " spans\ntime ");
    let unread = "[tracing.spans]\nsource = \"none\"\n[data.noise]";
    check("[data.noise]", unread, ", no span is read\ntime ");
}

#[test]
fn an_open_loop_beside_rows_that_run_out_keeps_its_rate() {
    let text = GOOD.replacen(
        "duration = \"10s\"\nworkloads = [\"search\", \"ingest\"]",
        "until = \"exhausted\"\nworkloads = [\"search\", \"ingest\"]",
        1,
    );
    let text = plan(&text).unwrap().expectation().to_string();
    assert!(
        text.contains("under-ingest/search: 200 a second until the phase ends, "),
        "{text}"
    );
}

#[test]
fn planned_requests_end_with_the_rows() {
    let open = good("concurrency = 1", "rate = 4\narrivals = \"even\"");
    assert_eq!(
        open.planned_requests(1, 1, PlannedPart::Measured),
        Some(10),
        "200 rows are 10 batches of 20, 40 requests are due"
    );
    assert_eq!(
        open.expectation().loads[2].rows_last.as_deref(),
        Some("its rows last 2.5 s, less than the phase")
    );
    let closed = plan(GOOD).unwrap();
    assert_eq!(closed.planned_requests(1, 1, PlannedPart::Measured), None);
    let text = GOOD.replacen(
        "duration = \"10s\"\nworkloads = [\"search\", \"ingest\"]",
        "until = \"Exhausted\"\nworkloads = [\"search\", \"ingest\"]",
        1,
    );
    let exhausted = plan(&text).unwrap();
    assert_eq!(exhausted.phases[1].length, PhaseLength::Exhausted);
    assert_eq!(
        (
            exhausted.planned_requests(1, 1, PlannedPart::Measured),
            exhausted.planned_requests(1, 0, PlannedPart::Measured)
        ),
        (Some(10), None)
    );
    assert_eq!(exhausted.measured_time(1), None);
    let requests = good("duration = \"10s\"", "requests = 100");
    assert_eq!(
        (
            requests.planned_requests(0, 0, PlannedPart::Measured),
            requests.measured_time(0)
        ),
        (Some(100), Some(Duration::from_millis(500)))
    );
}

#[test]
fn earlier_parts_and_phases_use_rows_up() {
    let text = with("concurrency = 1", "rate = 1\narrivals = \"even\"")
        .replacen("[\"search\"]", "[\"ingest\"]", 1)
        .replacen("\"10s\"", "\"5s\"", 1);
    let plan = plan(&text).unwrap();
    let planned = |phase, part| plan.planned_requests(phase, 1, part);
    let (warmup, measured, later) = (
        planned(0, PlannedPart::Warmup),
        planned(0, PlannedPart::Measured),
        planned(1, PlannedPart::Measured),
    );
    assert_eq!(
        (warmup, measured, later),
        (Some(2), Some(5), Some(3)),
        "10 batches in all"
    );
}

#[test]
fn the_truth_holds_while_all_rows_and_no_others_are_there() {
    let quick = scenarios().join("data/glove-100-quick");
    let data = format!(
        "format = \"fbin\"\nbase = \"{0}/base.fbin\"\nqueries = \"{0}/query.fbin\"\ntruth = \
         \"{0}/truth-cosine.ibin\"",
        quick.display()
    );
    let text = with(
        "format = \"random\"\nrows = 1_000\ndim = 8\nqueries = 10",
        &data,
    );
    let why = |text: &str| {
        plan(text).unwrap().workloads[0]
            .operation
            .no_recall()
            .map(str::to_owned)
    };
    assert_eq!(
        why(&text).as_deref(),
        Some("preparation inserts 8,000 rows, but the truth of its data set is for 10,000")
    );
    let repeat = text.replacen("\"80%\"", "\"100%\"", 1).replacen(
        "batch = 20",
        "batch = 20\non_end = \"repeat\"",
        1,
    );
    let written = "workload `ingest` writes to its collection in phase `under-ingest`, so its \
                   true neighbours change";
    assert_eq!(why(&repeat).as_deref(), Some(written));
    assert_eq!(
        why(&repeat.replacen("[\"search\", \"ingest\"]", "[\"ingest\"]", 1)),
        None,
        "rows are inserted later only"
    );
    let empty = text.replacen("initial_rows = \"80%\"", "prepare = \"schema\"", 1);
    assert!(why(&empty).unwrap().contains("leaves its collection empty"));
    // The truth of another metric is the fault of the data set.
    let other = repeat
        .replacen("[\"search\", \"ingest\"]", "[\"ingest\"]", 1)
        .replacen("data = \"noise\"", "data = \"noise\"\nmetric = \"L2\"", 1);
    let message = plan(&other).unwrap_err().to_string();
    assert!(
        message.contains("`data.noise.truth` can't be used") && message.contains("1 - cosine"),
        "{message}"
    );
}

#[test]
fn the_table_of_keys_has_every_key_once() {
    let table = key_table();
    assert!(
        table.contains("## `[milvus]`")
            && table.contains("## `[[phases]]`")
            && table.contains("`operation = \"search\"`")
    );
    let lines = table.lines().filter(|line| line.starts_with("| `")).count();
    let tables: Vec<_> = SCENARIO.all();
    let rows = |table: &&crate::keys::Table| {
        let own = table.variants().into_iter().map(|variant| variant.keys);
        own.chain([table.keys]).flatten().collect::<Vec<_>>()
    };
    assert_eq!(lines, tables.iter().flat_map(rows).count());
    assert!(
        table
            .lines()
            .filter(|line| line.starts_with("| `"))
            .all(|line| line.replace("\\|", "").matches('|').count() == 6)
    );
    for table in tables {
        let rows = rows(&table);
        assert!(rows.iter().all(|key| !key.meaning.is_empty()));
        for keys in table
            .variants()
            .iter()
            .map(|variant| variant.keys)
            .chain([table.keys])
        {
            let names: std::collections::BTreeSet<_> = keys.iter().map(|key| key.name).collect();
            assert_eq!(names.len(), keys.len(), "{}", table.path);
        }
    }
}
