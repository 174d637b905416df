//! All mistakes of a scenario are told at once, and none that only follows from another one.

use super::*;

/// What is wrong, in its order; each as its path and the beginning of its words.
fn mistakes(text: &str) -> Vec<String> {
    let found = plan_with(text, &[], &none, &PlanFlags::default());
    let mistakes = found.expect_err("refused");
    let after_column = |mistake: &Mistake| {
        let text = mistake.to_string();
        text.split_once("`")
            .map_or(text.clone(), |(_, rest)| format!("`{rest}"))
    };
    mistakes.iter().map(after_column).collect()
}

/// `text` has exactly these mistakes, each of which begins with its words.
#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let found = mistakes(text);
    let is_right = |(found, expected): (&String, &&str)| found.starts_with(expected);
    assert!(
        found.len() == expected.len() && found.iter().zip(expected).all(is_right),
        "{found:#?} is not {expected:#?}"
    );
}

/// The good scenario with all of these replaced.
fn changed(changes: &[(&str, &str)]) -> String {
    changes.iter().fold(GOOD.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from:?} is not in the scenario");
        text.replacen(from, to, 1)
    })
}

#[test]
fn mistakes_of_all_tables_are_told_in_the_order_of_the_file() {
    let text = changed(&[
        (
            "uri = \"http://127.0.0.1:19530\"",
            "uri = \"milvus\"\naccess = \"some\"",
        ),
        ("rows = 1_000", "rows = 0"),
        ("M = 16", "M = 1, m = 2"),
        ("type = \"Int64\"", "type = \"Int65\""),
        ("rate = 200", "rate = -1\nlimit = 0\nnq = \"two\""),
        ("batch = 20", "bach = 20"),
        ("warmup = \"2s\"", "warmup = 2"),
        (
            "name = \"under-ingest\"",
            "name = \"under ingest\"\nuntli = \"x\"",
        ),
    ]);
    check(
        &format!("{text}\n[[thresholds]]\nrequire = \"p99 < 5ms\"\nphase = \"x\""),
        &[
            "`milvus.uri` is \"milvus\"",
            "`milvus.access` is \"some\"",
            "`data.noise.rows` is 0",
            "`collections.words.index.params.m` is not a parameter",
            "`collections.words.index.params.M` is 1",
            "`collections.words.fields.rank.type` is \"Int65\"",
            "`workloads.search.rate` is -1",
            "`workloads.search.limit` is 0",
            "`workloads.search.nq` is \"two\"",
            "`workloads.ingest.bach` is not a key, did you mean `batch`",
            "`phases.alone.warmup` is 2",
            "`phases.\"under ingest\".name` is \"under ingest\"",
            "`phases.\"under ingest\".untli` is not a key, did you mean `until`",
            "`thresholds.0.require` is \"p99 < 5ms\"",
            "`thresholds.0.phase` is \"x\"",
        ],
    );
}

#[test]
fn several_mistakes_of_one_table_are_told() {
    check(
        &changed(&[(
            "rate = 200\nparams = { ef = 64 }",
            "rate = 200\nthink_time = \"1s\"\nmax_in_flight = 0\nparams = { ef = 1 }\n\
             consistency = \"Weak\"\nround_decimal = 9\noutput_fields = [\"a\", \"b\"]",
        )]),
        &[
            "`workloads.search.think_time` is for a closed loop",
            "`workloads.search.max_in_flight` is 0",
            "`workloads.search.round_decimal` is 9",
        ],
    );
    check(
        &changed(&[(
            "params = { ef = 64 }",
            "params = { ef = 1 }\noutput_fields = [\"a\", \"b\"]",
        )]),
        &[
            "`workloads.search.params.ef` is 1",
            "`workloads.search.output_fields` holds \"a\"",
            "`workloads.search.output_fields` holds \"b\"",
        ],
    );
    check(
        &changed(&[(
            "rate = 200",
            "stages = [{ to = -1, over = \"1s\" }, { at = 5, over = \"1s\" }, { at = 7 }]",
        )]),
        &[
            "`workloads.search.stages.0.to` is -1",
            "`workloads.search.stages.1` is a level (`at`) without `for`",
            "`workloads.search.stages.1.over` belongs to a ramp",
            "`workloads.search.stages.2` is a level (`at`) without `for`",
        ],
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn what_follows_from_a_mistake_is_not_told() {
    let one = |from: &str, to: &str, expected: &str| check(&with(from, to), &[expected]);
    // Keys under another name.
    one(
        "rate = 200",
        "rat = 200",
        "`workloads.search.rat` is not a key",
    );
    one(
        "rate = 200",
        "qps = 200",
        "`workloads.search.qps` is not a key here, write `rate`",
    );
    one(
        "operation = \"search\"",
        "opration = \"search\"",
        "`workloads.search.opration`",
    );
    one(
        "operation = \"search\"",
        "operation = \"serch\"",
        "`workloads.search.operation`",
    );
    one(
        "data = \"noise\"",
        "dta = \"noise\"",
        "`collections.words.dta`",
    );
    one(
        "format = \"random\"",
        "fromat = \"random\"",
        "`data.noise.fromat`",
    );
    one("dim = 8", "dimension = 8", "`data.noise.dimension`");
    one(
        "name = \"rank\"",
        "nmae = \"rank\"",
        "`collections.words.fields.0.nmae`",
    );
    one("name = \"alone\"", "nam = \"alone\"", "`phases.0.nam`");
    one(
        "workloads = [\"search\"]",
        "workload = [\"search\"]",
        "`phases.alone.workload`",
    );
    one(
        "initial_rows = \"80%\"",
        "inital_rows = \"80%\"",
        "`collections.words.inital_rows`",
    );
    // Values that others depend on.
    one(
        "rows = 1_000",
        "rows = \"many\"",
        "`data.noise.rows` is \"many\"",
    );
    one(
        "data = \"noise\"",
        "data = \"nose\"",
        "`collections.words.data` is \"nose\"",
    );
    one(
        "initial_rows = \"80%\"",
        "initial_rows = \"800%\"",
        "`collections.words.initial_rows`",
    );
    one("batch = 20", "batch = 0", "`workloads.ingest.batch` is 0");
    one(
        "type = \"HNSW\"",
        "type = \"HSNW\"",
        "`collections.words.index.type`",
    );
    one(
        "name = \"rank\"",
        "name = \"1\"",
        "`collections.words.fields.1.name`",
    );
    one("[data.noise]", "[dta.noise]", "`dta` is not a key");
    one(
        "[collections.words]",
        "[colections.words]",
        "`colections` is not a key",
    );
    one(
        "duration = \"10s\"",
        "duration = 10",
        "`phases.alone.duration` is 10",
    );
    let of_phase = changed(&[
        ("duration = \"10s\"", "duration = \"10 parsecs\""),
        ("rate = 200", "rate = 200\nstart = \"1h\""),
    ]);
    check(
        &of_phase,
        &[
            "`phases.alone.duration` is \"10 parsecs\"",
            "`phases.under-ingest.workloads` holds `search`",
        ],
    );
}

#[test]
fn what_names_a_table_with_a_mistake_is_right() {
    let text = format!(
        "{}\n[[thresholds]]\nrequire = \"gap.p50 < 1ms\"\nworkload = \"search\"\nphase = \"alone\"",
        changed(&[
            ("rate = 200", "rate = \"fast\""),
            ("warmup = \"2s\"", "wamup = \"2s\"")
        ]),
    );
    check(
        &text,
        &[
            "`workloads.search.rate` is \"fast\"",
            "`phases.alone.wamup` is not a key",
        ],
    );
}

#[test]
fn mistakes_outside_the_file_come_last() {
    let sets = ["workloads.serch.rate=5", "workloads.ingest.batch=0"];
    let found = plan_with(
        &with("rate = 200", "rat = 200"),
        &sets,
        &none,
        &PlanFlags::default(),
    );
    let found = found.unwrap_err().to_string();
    let lines: Vec<&str> = found.lines().collect();
    assert_eq!(lines.len(), 3, "{found}");
    assert!(lines[0].contains("`workloads.search.rat`"), "{found}");
    assert!(lines[1].starts_with("--set workloads.serch"), "{found}");
    assert!(
        lines[2].starts_with("--set workloads.ingest.batch"),
        "{found}"
    );
}

#[test]
fn numbers_that_are_none_leave_the_rest_to_be_checked() {
    check(
        &changed(&[
            ("rows = 1_000", "rows = 99999999999999999999"),
            ("rate = 200", "rate = 0"),
        ]),
        &[
            "`data.noise.rows` is a number of more than 64 bits",
            "`workloads.search.rate` is 0",
        ],
    );
}
