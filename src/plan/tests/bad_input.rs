//! Wrong scenarios: each is answered with one sentence that has the important words.

use super::*;

/// The rule of all messages: one sentence, no full stop, nothing that controls a terminal.
fn check_sentence(message: &str) {
    assert!(
        !message.contains('\n')
            && !message.ends_with('.')
            && !message.chars().any(char::is_control),
        "{message:?}"
    );
}

/// `text` is refused in a sentence that has all `words`.
fn check(text: &str, words: &[&str]) {
    let message = plan(text).expect_err(words[0]).to_string();
    check_sentence(&message);
    for word in words {
        assert!(message.contains(word), "{word:?} is not in: {message}");
    }
}

/// `text` has several mistakes, one of which has all `words`.
fn check_among(text: &str, words: &[&str]) {
    let mistakes = plan(text).expect_err(words[0]);
    let mut messages = mistakes.iter().map(ToString::to_string);
    assert!(mistakes.iter().len() > 1, "{mistakes}");
    assert!(
        messages.any(|message| words.iter().all(|word| message.contains(word))),
        "{words:?} are not in one of: {mistakes}"
    );
}

/// The good scenario with `from` replaced by `to` is refused.
fn check_with(from: &str, to: &str, words: &[&str]) {
    check(&with(from, to), words);
}

fn check_set(set: &str, words: &[&str]) {
    let message = plan_with(GOOD, &[set], &none, &PlanFlags::default())
        .expect_err(set)
        .to_string();
    check_sentence(&message);
    for word in words {
        assert!(message.contains(word), "{word:?} is not in: {message}");
    }
}

#[test]
fn the_good_scenario_is_good() {
    let plan = plan(GOOD).unwrap();
    assert!(plan.remarks.is_empty());
}

#[test]
fn fields_that_the_collection_does_not_have() {
    let search = |keys: &str| with("params = { ef = 64 }", keys);
    let refused = |keys: &str, words: &[&str]| check(&search(keys), words);
    refused(
        "output_fields = [\"rank\", \"nope\"]",
        &[
            "workloads.search.output_fields",
            "\"nope\"",
            "words",
            "id, vector, rank",
        ],
    );
    refused(
        "group_by_field = \"nope\"",
        &[
            "workloads.search.group_by_field",
            "is \"nope\"",
            "id, vector, rank",
        ],
    );
    refused(
        "group_by_field = \"*\"",
        &["workloads.search.group_by_field"],
    );
    refused("output_fields = \"rank\"", &["output_fields", "list"]);
    plan(&search(
        "output_fields = [\"rank\", \"vector\", \"id\", \"*\"]\ngroup_by_field = \"rank\"",
    ))
    .unwrap();
    let query = "operation = \"query\"\nfilter = \"rank < 5\"\n";
    let queried = |fields: &str| {
        GOOD.replacen(
            "operation = \"search\"",
            &format!("{query}output_fields = [{fields}]"),
            1,
        )
        .replacen("params = { ef = 64 }", "", 1)
    };
    check(&queried("\"nope\""), &["output_fields", "\"nope\""]);
    plan(&queried("\"count(*)\"")).unwrap();
    let reused = search("output_fields = [\"nope\"]").replacen(
        "initial_rows = \"80%\"",
        "prepare = \"reuse\"",
        1,
    );
    let reused = reused.replacen("batch = 20", "on_end = \"repeat\"", 1);
    plan(&reused).unwrap();
}

#[test]
fn files_that_are_no_scenario() {
    let read = |path: &Path| {
        Scenario::read(&ScenarioSource::File(path.to_owned()), &[], &none)
            .unwrap_err()
            .to_string()
    };
    let folder = tempfile::tempdir().unwrap();
    let missing = read(&folder.path().join("missing.toml"));
    assert!(
        missing.contains("missing.toml can't be read") && missing.contains("No such file"),
        "{missing}"
    );
    assert!(read(folder.path()).contains("can't be read"));
    let binary = folder.path().join("binary.toml");
    std::fs::write(&binary, [0xff, 0xfe]).unwrap();
    assert!(read(&binary).contains("not UTF-8"));
    let large = folder.path().join("large.toml");
    std::fs::write(&large, vec![b'#'; (1 << 20) + 1]).unwrap();
    assert!(read(&large).contains("larger than 1 MiB"));
    check(
        "name = \"x\"\nrate = = 5",
        &["<stdin>:2:8: this is not TOML"],
    );
    check(
        "name = \"a\"\nname = \"b\"",
        &["<stdin>:2:1", "not TOML", "stands twice"],
    );
    check(&format!("x = {}", "[".repeat(10_000)), &["not TOML"]);
    check(&format!("{}x = 1", "a.".repeat(10_000)), &["not TOML"]);
}

#[test]
fn empty_scenarios() {
    check_among(
        "",
        &[
            "<stdin>: the scenario has no collection",
            "[collections.<name>]",
        ],
    );
    check_among(
        "[collections.c]\nprepare = \"reuse\"\ndim = 4",
        &["no workload"],
    );
    check(
        &GOOD[..GOOD.find("[[phases]]").unwrap()],
        &["no phase", "[[phases]]"],
    );
}

#[test]
fn unknown_keys_are_answered_with_the_nearest() {
    check_with(
        "uri =",
        "urii =",
        &["<stdin>:5:1: `milvus.urii` is not a key, did you mean `uri`"],
    );
    check_with("[milvus]", "[milvs]", &["`milvs`", "did you mean `milvus`"]);
    check_with(
        "rate = 200",
        "rat = 200",
        &["`workloads.search.rat`", "did you mean `rate`"],
    );
    check_with(
        "batch = 20",
        "bach = 20",
        &["`workloads.ingest.bach`", "did you mean `batch`"],
    );
}

#[test]
fn words_of_other_tools_are_answered_with_ours() {
    let search = |line: &str, words: &[&str]| {
        check_with("rate = 200", &format!("rate = 200\n{line}"), words)
    };
    search(
        "top_k = 10",
        &["`workloads.search.top_k` is not a key here, write `limit`"],
    );
    search("topk = 10", &["write `limit`"]);
    search("expr = \"a > 1\"", &["write `filter`"]);
    search("search_params = {}", &["write `params`"]);
    search("consistency_level = \"Strong\"", &["write `consistency`"]);
    search("collection_name = \"words\"", &["write `collection`"]);
    search("vus = 8", &["write `concurrency`"]);
    search("virtual_users = 8", &["write `concurrency`"]);
    search("num_concurrency = [1, 2]", &["write `concurrency`"]);
    search("qps = 8", &["write `rate`"]);
    search("batch_size = 8", &["write `batch`"]);
    search("max-in-flight = 8", &["write `max_in_flight`"]);
    search(
        "duration = \"5s\"",
        &["`workloads.search.duration`", "belongs to [[phases]]"],
    );
    search("metric = \"L2\"", &["belongs to [collections.<name>]"]);
    check_with(
        "initial_rows",
        "metric_type = \"L2\"\ninitial_rows",
        &["write `metric`"],
    );
    check_with(
        "initial_rows",
        "index_type = \"HNSW\"\ninitial_rows",
        &["write `index = { type"],
    );
    check_with(
        "initial_rows",
        "limit = 5\ninitial_rows",
        &["write `limit` of a search or query workload"],
    );
    check_with(
        "batch = 20",
        "limit = 20",
        &[
            "`workloads.ingest.limit`",
            "`limit` of a search or query workload",
        ],
    );
    check_with("uri", "host = \"x\"\nuri", &["write `uri`"]);
    check_with(
        "duration = \"10s\"",
        "iterations = 10",
        &["write `requests`"],
    );
}

#[test]
fn keys_of_other_operations_are_answered_with_those_that_have_them() {
    let search = |line: &str, words: &[&str]| {
        check_with("rate = 200", &format!("rate = 200\n{line}"), words)
    };
    let insert = |line: &str, words: &[&str]| check_with("batch = 20", line, words);
    insert(
        "filter = \"a > 1\"",
        &["write `filter` of a search, query or delete workload"],
    );
    insert(
        "expr = \"a > 1\"",
        &["write `filter` of a search, query or delete workload"],
    );
    insert(
        "output_fields = []",
        &["write `output_fields` of a search or query workload"],
    );
    insert(
        "partition_names = []",
        &["write `partitions` of a search or query workload"],
    );
    insert(
        "consistency = \"Strong\"",
        &["write `consistency` of a search or query workload"],
    );
    insert("rows = 3", &["write `rows` of a delete workload"]);
    search(
        "batch = 3",
        &["write `batch` of an insert, upsert or delete"],
    );
    search("switch_every = \"10s\"", &["it belongs to [tracing]"]);
}

#[test]
fn keys_that_are_not_built_say_so() {
    let search = |line: &str| {
        check_among(
            &with("rate = 200", line),
            &["is not implemented yet; omit it", "`workloads.search."],
        )
    };
    search("retries = 2");
    search("cleanup = true");
    check_with(
        "uri =",
        "retries = 2\nuri =",
        &["`milvus.retries` is not implemented yet"],
    );
    check_with(
        "duration = \"10s\"",
        "until = \"indexed\"",
        &["not implemented yet"],
    );
}

#[test]
fn no_key_of_an_operation_is_said_to_be_not_built() {
    let all = || {
        let entries = crate::operation::OPERATIONS.iter();
        entries.flat_map(|entry| entry.all_keys())
    };
    for operation in crate::operation::OPERATIONS {
        for key in all() {
            let lines = format!("operation = \"{}\"\n{} = 1", operation.name, key.name);
            let text = with("operation = \"insert\"\nbatch = 20", &lines);
            if let Err(mistakes) = plan(&text) {
                let message = mistakes.to_string();
                assert!(!message.contains("not implemented"), "{message}");
            }
        }
    }
}

#[test]
fn a_link_has_a_place_for_the_trace_and_no_password() {
    let check = |link: &str, words: &[&str]| {
        check_with(
            "[data.noise]",
            &format!("[tracing.spans]\nlink = \"{link}\"\n[data.noise]"),
            words,
        )
    };
    check(
        "https://grafana.example/trace",
        &[
            "`tracing.spans.link` is \"https://grafana.example/trace\"",
            "no placeholder {trace_id}",
        ],
    );
    check(
        "grafana/{trace_id}",
        &[
            "`tracing.spans.link` is \"grafana/{trace_id}\"",
            "http:// or https://",
        ],
    );
    check("javascript:alert({trace_id})", &["http:// or https://"]);
    check(
        "https://me:secret@grafana.example/{trace_id}",
        &["contains a user or password"],
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn unknown_names_are_answered_with_those_of_the_table() {
    check_with(
        "\"search\"\nrate",
        "\"serch\"\nrate",
        &[
            "`workloads.search.operation` is \"serch\"",
            "did you mean \"search\"",
            "search, insert, query",
        ],
    );
    check_with(
        "\"random\"",
        "\"zarr\"",
        &["`data.noise.format` is \"zarr\"", "fbin"],
    );
    check_with(
        "\"HNSW\"",
        "\"HNWS\"",
        &[
            "`collections.words.index.type`",
            "\"HNWS\"",
            "HNSW",
            "IVF_FLAT",
        ],
    );
    check_with(
        "initial_rows",
        "metric = \"euclid\"\ninitial_rows",
        &["`collections.words.metric` is \"euclid\"", "L2, IP, COSINE"],
    );
    for (other, ours) in [("euclidean", "L2"), ("Dot", "IP"), ("angular", "COSINE")] {
        check_with(
            "initial_rows",
            &format!("metric = \"{other}\"\ninitial_rows"),
            &[&format!("{other:?}"), &format!("write metric = \"{ours}\"")],
        );
    }
    check_with(
        "initial_rows",
        "consistency = \"weak\"\ninitial_rows",
        &["`collections.words.consistency` is \"weak\"", "Bounded"],
    );
    check_with(
        "initial_rows",
        "prepare = \"new\"\ninitial_rows",
        &["is \"new\"", "full, ensure, schema, reuse"],
    );
    check_with(
        "data = \"noise\"",
        "data = \"nose\"",
        &[
            "`collections.words.data` is \"nose\"",
            "did you mean \"noise\"",
        ],
    );
    check_with(
        "rate = 200",
        "rate = 200\ncollection = \"word\"",
        &["is \"word\"", "did you mean \"words\""],
    );
    check_with(
        "[\"search\"]",
        "[\"serach\"]",
        &["`phases.alone.workloads.0` is \"serach\"", "search, ingest"],
    );
    check_with(
        "rate = 200",
        "rate = 200\narrivals = \"uniform\"",
        &["is \"uniform\"", "even, poisson"],
    );
    let connections = |table: &str, words: &[&str]| {
        check_with("uri", &format!("connections = {table}\nuri"), words)
    };
    let picks = "round-robin, pinned, least-in-flight";
    connections(
        "{ pick = \"pined\" }",
        &[
            "`milvus.connections.pick` is \"pined\"",
            "did you mean \"pinned\"",
            picks,
        ],
    );
    connections(
        "{ resolve = \"all\" }",
        &[
            "`milvus.connections.resolve` is \"all\"",
            "first, every-address",
        ],
    );
    connections(
        "{ resolv = \"first\" }",
        &["`milvus.connections.resolv`", "did you mean `resolve`"],
    );
    check_with(
        "uri",
        "access = \"none\"\nuri",
        &["is \"none\"", "read, write, all"],
    );
    check_with(
        "[data.noise]",
        "[tracing.spans]\nsource = \"zipkin\"\n[data.noise]",
        &["is \"zipkin\"", "jaeger"],
    );
    check_with(
        "type = \"Int64\"",
        "type = \"Int65\"",
        &["`collections.words.fields.rank.type` is \"Int65\"", "Int64"],
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn numbers_and_durations_out_of_range() {
    check_with(
        "rate = 200",
        "rate = -5",
        &[
            "<stdin>:21:1: `workloads.search.rate` is -5",
            "above 0",
            "1,000,000",
        ],
    );
    check_with("rate = 200", "rate = 0", &["is 0", "above 0"]);
    check_with("rate = 200", "rate = nan", &["is NaN", "above 0"]);
    check_with("rate = 200", "rate = inf", &["is inf", "above 0"]);
    check_with(
        "rate = 200",
        "rate = \"fast\"",
        &["is \"fast\"", "rate = 200"],
    );
    check_with(
        "rate = 200",
        "rate = true",
        &["is true", "requests per second"],
    );
    check_with(
        "concurrency = 1",
        "concurrency = 0",
        &["`workloads.ingest.concurrency` is 0", "1 to 10,000"],
    );
    check_with(
        "concurrency = 1",
        "concurrency = 1.5",
        &["is 1.5", "a whole number"],
    );
    check_with(
        "duration = \"10s\"",
        "duration = \"0s\"",
        &["`phases.alone.duration` is 0s", "1ms to"],
    );
    check_with(
        "duration = \"10s\"",
        "duration = \"-1s\"",
        &["is \"-1s\"", "non-negative"],
    );
    check_with(
        "duration = \"10s\"",
        "duration = 10",
        &["is 10", "text with a unit"],
    );
    check_with(
        "duration = \"10s\"",
        "duration = \"10 years\"",
        &["longest duration is 30 days"],
    );
    check_with(
        "duration = \"10s\"",
        "duration = \"10\"",
        &["is \"10\"", "with a unit"],
    );
    check_with(
        "[data.noise]",
        "[tracing]\nsample_ratio = 1.5\n[data.noise]",
        &["`tracing.sample_ratio` is 1.5", "from 0 to 1"],
    );
    check_with(
        "[data.noise]",
        "[tracing]\nsample_ratio = -0.1\n[data.noise]",
        &["is -0.1", "from 0 to 1"],
    );
    check_with(
        "[data.noise]",
        "[tracing]\nsample_ratio = nan\n[data.noise]",
        &["is NaN", "from 0 to 1"],
    );
    check_with(
        "[data.noise]",
        "[tracing]\nsample_ratio = \"all\"\n[data.noise]",
        &["is \"all\"", "\"auto\""],
    );
    check_with("name = \"good\"", "seed = -1", &["`seed` is -1", "from 0"]);
    check_with(
        "name = \"good\"",
        "seed = 99999999999999999999",
        &["`seed`", "64 bits"],
    );
    check_with(
        "\"80%\"",
        "\"120%\"",
        &["`collections.words.initial_rows` is \"120%\"", "\"100%\""],
    );
    check_with("\"80%\"", "-1", &["is -1", "0 to 1000, the rows"]);
    check_with("\"80%\"", "1_001", &["is 1001", "0 to 1000, the rows"]);
    check_with("rows = 1_000", "rows = 0", &["`data.noise.rows` is 0"]);
    check_with(
        "dim = 8",
        "dim = 40_000",
        &["`data.noise.dim` is 40000", "1 to 32,768"],
    );
    check_with(
        "uri",
        "timeout = \"0s\"\nuri",
        &["`milvus.timeout` is 0s", "1ms"],
    );
    check_with(
        "uri",
        "connections = 0\nuri",
        &["`milvus.connections` is 0", "1 to 1,024"],
    );
    check_with(
        "uri",
        "connections = 1025\nuri",
        &["`milvus.connections` is 1025", "1 to 1,024"],
    );
    check_with(
        "uri",
        "connections = { count = 0 }\nuri",
        &["`milvus.connections.count` is 0", "1 to 1,024"],
    );
    check_with(
        "ef = 64",
        "ef = 5",
        &["`workloads.search.params.ef` is 5", "10"],
    );
}

#[test]
fn wrong_types() {
    check_with("name = \"good\"", "name = 5", &["`name` is 5", "text"]);
    check_with(
        "[milvus]\nuri = \"http://127.0.0.1:19530\"",
        "milvus = 5",
        &["`milvus` is 5", "a table"],
    );
    check_with(
        "uri",
        "connections = \"many\"\nuri",
        &["`milvus.connections` is \"many\"", "a whole number"],
    );
    check_with(
        "uri",
        "connections = { pick = 1 }\nuri",
        &["`milvus.connections.pick` is 1", "text"],
    );
    check_with(
        "workloads = [\"search\"]",
        "workloads = \"search\"",
        &["`phases.alone.workloads` is \"search\"", "a list"],
    );
    check_with(
        "initial_rows = \"80%\"",
        "keep = \"yes\"",
        &["is \"yes\"", "true or false"],
    );
    check_among("phases = 1", &["`phases` is 1", "a list"]);
    let of_rate =
        |rate: &str, words: &[&str]| check_with("rate = 200", &format!("rate = {rate}"), words);
    of_rate(
        "[40]",
        &[
            "`workloads.search.rate` is",
            "a number, e.g. 200, or a text such as \"5000 rows/s\", or a table: { mean",
        ],
    );
    of_rate("1e300", &["is 1e300, expected a number"]);
    of_rate("1e-300", &["is 1e-300, expected a number"]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn thresholds_are_checked_before_the_run() {
    let check = |table: &str, words: &[&str]| {
        check_with(
            "[milvus]",
            &format!("[[thresholds]]\n{table}\n[milvus]"),
            words,
        )
    };
    check(
        "",
        &[
            "`thresholds.0` has no `require`",
            "response_time.p99 < 50ms",
        ],
    );
    check(
        "require = \"p99 < 5ms\"",
        &[
            "`thresholds.0.require` is \"p99 < 5ms\", which has `p99 < 5ms`, expected a figure \
             (response_time, ",
        ],
    );
    check(
        "require = \"failed < 1%\"\nworkload = \"serch\"",
        &[
            "`thresholds.0.workload` is \"serch\"",
            "did you mean \"search\"",
        ],
    );
    check(
        "require = \"failed < 1%\"\nphase = \"begin\"",
        &[
            "`thresholds.0.phase` is \"begin\", which is not a phase",
            "alone",
        ],
    );
    check(
        "require = \"failed < phase(\\\"x\\\").failed\"",
        &[
            "`thresholds.0.require` compares with phase \"x\", which is not a phase of the \
             scenario; it has: alone",
        ],
    );
    let closed = "workload = \"ingest\"\nrequire = \"response_time.p99 < 5ms\"";
    check(
        closed,
        &["a closed loop has no response time, use service_time"],
    );
    check(
        "workload = \"ingest\"\nrequire = \"recall.mean > 0.9\"",
        &["only a search has a recall, so it can never be decided; omit it"],
    );
    let unread =
        "[[thresholds]]\nrequire = \"gap.p50 < 1ms\"\n[tracing.spans]\nsource = \"none\"\n[milvus]";
    check_with(
        "[milvus]",
        unread,
        &["`thresholds.0.require` is \"gap.p50 < 1ms\", but no server span is read"],
    );
    check_with(
        "[milvus]",
        &unread.replace("none", "None"),
        &["but no server span is read"],
    );
    check_with(
        "batch = 20",
        "batch = 0",
        &["is 0, expected a whole number from 1 on"],
    );
    let abort = |require: &str, keys: &str, words: &[&str]| {
        check(
            &format!("require = '{require}'\nabort = {{ {keys} }}"),
            words,
        )
    };
    abort("failed < 1%", "", &["`thresholds.0.abort` has no `over`"]);
    abort(
        "failed < 1%",
        "over = \"1500ms\"",
        &[
            "`thresholds.0.abort.over` has a fraction of a second",
            "whole seconds",
        ],
    );
    abort(
        "failed < 1%",
        "over = \"5s\", after = \"5s\"",
        &[
            "`thresholds.0.abort` can never end the run",
            "13 s, longer than the phase",
        ],
    );
    abort(
        "failed < 1%",
        "over = \"5s\", after = \"2d\"",
        &["`thresholds.0.abort.after` is 2d", "0s to 1d"],
    );
    abort(
        "gap.p99 < 1s",
        "over = \"5s\"",
        &[
            "`thresholds.0.abort` can't end the run, since its figure is not known before the end \
             of the run",
        ],
    );
    check(
        "require = \"failed < 1%\"\nstrict = 1",
        &["`thresholds.0.strict` is 1", "true or false"],
    );
}

#[test]
fn blocks_without_tracing_hold_whole_seconds() {
    check_with(
        "[data.noise]",
        "[tracing]\nswitch_every = \"3s\"\n[data.noise]",
        &["`tracing.switch_every` is 3s", "4s to 1h"],
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn keys_that_exclude_or_need_each_other() {
    check_with(
        "rate = 200",
        "rate = 200\nconcurrency = 2",
        &[
            "`workloads.search.rate` cannot be combined with `concurrency`",
            "use `rate`",
        ],
    );
    check_with(
        "rate = 200",
        "",
        &["`workloads.search` has neither `rate` nor `concurrency`"],
    );
    check_with(
        "rate = 200",
        "rate = 200\nthink_time = \"1s\"",
        &["`workloads.search.think_time`", "closed loop"],
    );
    check_with(
        "concurrency = 1",
        "concurrency = 1\narrivals = \"even\"",
        &["`workloads.ingest.arrivals`", "open loop"],
    );
    check_with(
        "concurrency = 1",
        "concurrency = 1\nmax_in_flight = 5",
        &["`workloads.ingest.max_in_flight`", "open loop"],
    );
    check_with(
        "duration = \"10s\"",
        "",
        &["`phases.alone` has no end", "duration"],
    );
    check_with(
        "duration = \"10s\"",
        "duration = \"10s\"\nrequests = 5",
        &[
            "`phases.alone` has more than one end",
            "remove `duration` or `requests`",
        ],
    );
    check_with(
        "duration = \"10s\"",
        "until = \"exhausted\"",
        &["`phases.alone.until`", "but no insert"],
    );
    check_with(
        "operation = \"search\"",
        "",
        &[
            "`workloads.search` has no `operation`",
            "search, insert, query",
        ],
    );
    check_with(
        "format = \"random\"",
        "",
        &["`data.noise` has no `format`", "\"random\"", "fbin"],
    );
    check_with(
        "data = \"noise\"",
        "",
        &["`collections.words` has no `data`", "noise"],
    );
    check_with(
        "type = \"HNSW\", ",
        "",
        &["`collections.words.index` has no `type`"],
    );
    check_with(
        ", type = \"Int64\"",
        "",
        &["`collections.words.fields.rank` has no `type`"],
    );
    check_with(
        "rows = 1_000",
        "",
        &["`collections.words.data` is \"noise\"", "no rows", "`rows`"],
    );
    check_with(
        "uri",
        "user = \"root\"\nuri",
        &["`milvus.user` needs a `password`"],
    );
    check_with(
        "uri",
        "password = \"${P}\"\nuri",
        &["`milvus.password` needs a `user`"],
    );
    check_with(
        "uri",
        "token = \"${T}\"\nuser = \"root\"\nuri",
        &["`milvus.token` cannot be combined with `user`"],
    );
    check_with(
        "uri",
        "tls = { ca = \"Cargo.toml\" }\nuri",
        &["`milvus.tls` needs", "https://"],
    );
}

#[test]
fn names_and_lists() {
    check_with(
        "name = \"good\"",
        "name = \"a b\"",
        &["`name` is \"a b\"", "1 to 64 letters"],
    );
    check_with(
        "name = \"good\"",
        "name = \"../up\"",
        &["is \"../up\"", "letters"],
    );
    check_with("name = \"alone\"", "name = \"\"", &["is \"\"", "letters"]);
    check_with(
        "name = \"alone\"",
        "name = \"prepare\"",
        &["is \"prepare\"", "choose another"],
    );
    check_with(
        "name = \"alone\"",
        "name = \"under-ingest\"",
        &["the name \"under-ingest\" of another phase"],
    );
    check_with("name = \"alone\"", "", &["`phases.0` has no `name`"]);
    check_with(
        "workloads = [\"search\"]",
        "workloads = []",
        &[
            "`phases.alone` has no `workloads`; add them, e.g. workloads = [\"search\"]",
            "search, ingest",
        ],
    );
    check_with(
        "[\"search\", \"ingest\"]",
        "[\"search\", \"search\"]",
        &["`phases.under-ingest.workloads.1` is \"search\"", "once"],
    );
    check_among(
        &with("[workloads.search]", "[workloads.\"a b\"]"),
        &["`workloads.\"a b\"`", "letters"],
    );
    check_with(
        "[collections.words]",
        "[collections.my-words]",
        &[
            "`collections.my-words` is \"my-words\"",
            "`_`",
            "another `name`",
        ],
    );
    check_with(
        "[collections.words]",
        "[collections.words]\nname = \"1st\"",
        &[
            "`collections.words.name` is \"1st\"",
            "not beginning with a digit",
        ],
    );
    check_among(
        &with(
            "[workloads.search]",
            "[collections.two]\nname = \"words\"\ndata = \"noise\"\n[workloads.search]",
        ),
        &["`collections.two` is `words` in Milvus"],
    );
    check_with("\"rank\"", "\"id\"", &["name \"id\" of another field"]);
    check_with(
        "initial_rows",
        "id_field = \"vector\"\ninitial_rows",
        &["`collections.words.id_field`", "must differ"],
    );
}

#[test]
fn escape_sequences_never_reach_the_message() {
    check_with(
        "name = \"good\"",
        "name = \"\\u001b[31mred\"",
        &["\\u{1b}[31mred"],
    );
    check_with("[milvus]", "[\"\\u001b[2J\"]\n[milvus]", &["\\u{1b}[2J"]);
    check_with(
        "\"random\"",
        &format!("\"{}\"", "x".repeat(5000)),
        &["xxx...", "fbin"],
    );
}

#[test]
fn addresses() {
    check_with(
        "http://127.0.0.1:19530",
        "127.0.0.1:19530",
        &[
            "`milvus.uri` is \"127.0.0.1:19530\"",
            "http://127.0.0.1:19530",
        ],
    );
    check_with(
        "http://127.0.0.1:19530",
        "localhost:19530",
        &["no scheme http:// or https://"],
    );
    check_with(
        "http://127.0.0.1:19530",
        "ftp://host",
        &["is \"ftp://host\"", "http://"],
    );
    check_with("http://127.0.0.1:19530", "http://", &["not a URI"]);
    check_with(
        "http://127.0.0.1:19530",
        "http://host:99999",
        &["not a URI", "port"],
    );
    check_with(
        "http://127.0.0.1:19530",
        "http://host:19530/path",
        &["path"],
    );
    check_with("http://127.0.0.1:19530", "", &["is \"\"", "is empty"]);
    check_with(
        "[data.noise]",
        "[tracing]\nexport = \"jaeger:4318\"\n[data.noise]",
        &["`tracing.export` is \"jaeger:4318\"", "no scheme"],
    );
    check_with(
        "[data.noise]",
        "[tracing.spans]\nendpoint = \"jaeger\"\n[data.noise]",
        &["`tracing.spans.endpoint` is \"jaeger\""],
    );
    check_with(
        "[data.noise]",
        "[tracing.spans]\nadmin = \"jaeger\"\n[data.noise]",
        &["`tracing.spans.admin` is \"jaeger\"", "14269"],
    );
    check_with(
        "[data.noise]",
        "[tracing.spans]\nlisten = \"4317\"\n[data.noise]",
        &["`tracing.spans.listen` is \"4317\"", "127.0.0.1:4317"],
    );
}

#[test]
fn data_that_does_not_fit() {
    check_with(
        "initial_rows",
        "dim = 768\ninitial_rows",
        &[
            "`collections.words.dim` is 768",
            "data set `noise`",
            "dimension 8",
        ],
    );
    check_with(
        "\"80%\"",
        "\"100%\"",
        &["`workloads.ingest.on_end`", "all 1000 rows", "initial_rows"],
    );
    let second = "[workloads.more]\noperation = \"insert\"\nconcurrency = 1\n[[phases]]";
    check_with(
        "[[phases]]",
        second,
        &[
            "`workloads.more` inserts into collection `words`",
            "`ingest`",
        ],
    );
    check_with(
        "initial_rows",
        "prepare = \"schema\"\ninitial_rows",
        &["`collections.words.initial_rows`", "empty"],
    );
    check_with(
        "initial_rows",
        "prepare = \"ensure\"\nkeep = false\ninitial_rows",
        &["`collections.words.keep` is false", "ensure"],
    );
    check_with(
        "data = \"noise\"\ninitial_rows = \"80%\"",
        "prepare = \"reuse\"",
        &["neither `data` nor `dim`"],
    );
    check_among(
        &with(
            "data = \"noise\"\ninitial_rows = \"80%\"",
            "prepare = \"reuse\"\ndim = 8",
        ),
        &["`workloads.search` has no query vectors"],
    );
    check_with(
        "initial_rows = \"80%\"",
        "prepare = \"reuse\"",
        &["`workloads.ingest.on_end`", "initial_rows"],
    );
}

#[test]
fn access_forbids_what_writes() {
    check_among(
        &with("uri", "access = \"read\"\nuri"),
        &[
            "`collections.words.prepare` is \"full\"",
            "access = \"read\"",
            "reuse",
        ],
    );
    check_with(
        "uri",
        "access = \"write\"\nuri",
        &["access = \"write\"", "reuse"],
    );
    let reuse = with("initial_rows", "prepare = \"reuse\"\ninitial_rows").replacen(
        "uri",
        "access = \"read\"\nuri",
        1,
    );
    check(
        &reuse,
        &[
            "`workloads.ingest.operation` is \"insert\"",
            "access = \"read\"",
        ],
    );
    let write = with("initial_rows", "prepare = \"reuse\"\ninitial_rows").replacen(
        "uri",
        "access = \"write\"\nuri",
        1,
    );
    assert_eq!(plan(&write).unwrap().milvus.access, AccessPlan::Write);
}

#[test]
fn vector_files() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, n: u32, dim: u32, bytes: usize| {
        let path = folder.path().join(name);
        let header = [n.to_le_bytes(), dim.to_le_bytes()].concat();
        std::fs::write(&path, [header, vec![0; bytes]].concat()).unwrap();
        path.display().to_string()
    };
    let (cut, other, query) = (
        file("cut.fbin", 10, 8, 100),
        file("other.fbin", 10, 8, 320),
        file("query.fbin", 1, 4, 16),
    );
    let check_files = |base: &str, queries: &str, words: &[&str]| {
        let data = format!("format = \"fbin\"\nbase = \"{base}\"\nqueries = \"{queries}\"");
        check_with(
            "format = \"random\"\nrows = 1_000\ndim = 8\nqueries = 10",
            &data,
            words,
        );
    };
    check_files(
        "missing.fbin",
        &query,
        &["`data.noise.base`", "missing.fbin", "can't be opened"],
    );
    check_files(
        &cut,
        &query,
        &["`data.noise.base`", "cut.fbin", "108 bytes", "328"],
    );
    check_files(
        &other,
        &query,
        &[
            "`data.noise.queries`",
            "query.fbin",
            "dimension 4",
            "other.fbin",
            "has 8",
        ],
    );
}

#[test]
fn sets() {
    check_set(
        "workloads.serch.rate=5",
        &[
            "--set workloads.serch",
            "did you mean `search`",
            "search, ingest",
        ],
    );
    check_set(
        "workloads.search.rat=5",
        &["--set workloads.search.rat: ", "did you mean `rate`"],
    );
    check_set(
        "workloads.search.rate=-5",
        &[
            "--set workloads.search.rate: `workloads.search.rate` is -5",
            "above 0",
        ],
    );
    check_set(
        "phases.alne.duration=5s",
        &["--set phases.alne", "alone, under-ingest"],
    );
    check_set("wrk.x=5", &["--set wrk"]);
    check_set("name.x=5", &["`name` is text and not a table"]);
    check_set("no value", &["--set \"no value\" is not a key path"]);
    check_set("a..b=1", &["--set \"a..b\" is not a key path"]);
    check_set("=1", &["is not a key path"]);
}
