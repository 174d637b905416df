//! A mix as rows of the plan, and what its components mean for each other.

use super::*;

/// The good scenario with a mix beside its searches; `parts` is what stands in its table.
fn text(parts: &str) -> String {
    let mix = format!("[workloads.churn]\noperation = \"mix\"\nrate = 100\n{parts}\n\n[[phases]]");
    with("[[phases]]", &mix).replace(
        "workloads = [\"search\"]",
        "workloads = [\"search\", \"churn\"]",
    )
}

const PARTS: &str = "parts = { search = 70, upsert = 20, delete = 10 }";

fn mixed(parts: &str) -> Plan {
    plan(&text(parts)).unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
fn refused(text: &str, words: &[&str]) {
    let message = plan(text).expect_err("refused").to_string();
    for word in words {
        assert!(message.contains(word), "{word:?} is not in: {message}");
    }
}

#[test]
fn each_part_is_a_row_with_its_share_of_one_arrival() {
    let plan = mixed(&format!("{PARTS}\ndelete = {{ batch = 2 }}"));
    let rows: Vec<(&str, f64)> = plan
        .workloads
        .iter()
        .map(|of| (of.name.as_str(), of.share()))
        .collect();
    let expected = [
        ("search", 1.0),
        ("ingest", 1.0),
        ("churn:search", 0.7),
        ("churn:upsert", 0.2),
        ("churn:delete", 0.1),
    ];
    assert_eq!(rows, expected);
    assert_eq!(plan.phases[0].workloads, [0, 2, 3, 4]);
    let planned = |row| plan.planned_requests(0, row, PlannedPart::Measured);
    assert_eq!([2, 3, 4].map(planned), [Some(700), Some(200), Some(100)]);
    assert_eq!(plan.workloads[2].arrival, plan.workloads[4].arrival);
    assert_eq!(plan.resolved["workloads"]["churn:upsert"]["batch"], 100);
    assert_eq!(plan.resolved["workloads"]["churn:upsert"]["mix"], "churn");
}

#[test]
fn a_mix_lasts_as_long_as_the_rows_of_its_parts() {
    // 800 rows are there, half of them may be deleted, in requests of 100.
    let parts = format!("{PARTS}\ndelete = {{ batch = 100 }}");
    let until = text(&parts).replace(
        "duration = \"10s\"\nworkloads = [\"search\", \"churn\"]",
        "until = \"exhausted\"\nworkloads = [\"churn\"]",
    );
    let plan = plan(&until.replace("warmup = \"2s\"\n", "")).unwrap();
    let planned = |row| plan.planned_requests(0, row, PlannedPart::Measured);
    assert_eq!([2, 3, 4].map(planned), [Some(28), Some(8), Some(4)]);
    assert_eq!(
        plan.measured_time(0).map(|time| time.as_millis()),
        Some(400)
    );
}

#[test]
fn keys_of_a_part_are_refused_where_they_stand() {
    refused(
        &text(&format!("{PARTS}\nsearch = {{ limit = 0 }}")),
        &["workloads.churn.search.limit", "is 0"],
    );
    refused(
        &text(&format!("{PARTS}\nsearch = {{ batch = 3 }}")),
        &["workloads.churn.search.batch", "limit, nq"],
    );
    refused(
        &text(&format!("{PARTS}\ninsert = {{ batch = 3 }}")),
        &["workloads.churn.insert", "does not name"],
    );
    refused(
        &text(&format!("{PARTS}\nlimit = 3")),
        &["limit", "workloads.churn"],
    );
}

#[test]
fn keys_of_a_part_that_stand_beside_it_are_answered_with_its_table() {
    let check = |line: &str, words: &[&str]| refused(&text(&format!("{PARTS}\n{line}")), words);
    check(
        "params = { ef = 64 }",
        &["`workloads.churn.params` is not a key here, write it in [workloads.churn.search]"],
    );
    check("rows = 3", &["write it in [workloads.churn.delete]"]);
    check("limit = 3", &["write it in [workloads.churn.search]"]);
    check(
        "consistency = \"Strong\"",
        &["write it in [workloads.churn.search]"],
    );
    check(
        "batch = 3",
        &["write it in [workloads.churn.upsert] or [workloads.churn.delete]"],
    );
    check("top_k = 3", &["write `limit` in [workloads.churn.search]"]);
    check(
        "ef = 3",
        &["write `params = { ef = ... }` in [workloads.churn.search]"],
    );
    // No part of this mix has it.
    check("ids = 3", &["write `ids` of a query workload"]);
}

#[test]
fn rows_of_one_collection_are_written_by_one_workload_of_a_kind() {
    let twice = text(PARTS).replace("operation = \"insert\"\n", "operation = \"upsert\"\n");
    refused(
        &twice,
        &[
            "upserts into collection `words`",
            "as workload `ingest` does",
            "one after the other",
        ],
    );
    // An insert beside them writes other rows.
    assert!(plan(&text(PARTS)).is_ok());
}

#[test]
fn a_collection_whose_rows_are_changed_is_not_taken_for_one_that_was_not() {
    let ensure = text(PARTS).replace(
        "data = \"noise\"\n",
        "data = \"noise\"\nprepare = \"ensure\"\n",
    );
    refused(
        &ensure,
        &["upserts into collection `words`", "prepare = \"full\""],
    );
    let marks = [text(PARTS), GOOD.to_owned()]
        .map(|text| plan(&text).unwrap().collections[0].fingerprint.clone());
    assert_ne!(marks[0], marks[1]);
}

#[test]
fn queries_by_ids_draw_among_the_rows_that_stay() {
    let parts = "parts = { query = 1, delete = 1 }\nquery = { ids = 400 }";
    assert!(plan(&text(parts)).is_ok());
    refused(
        &text(&parts.replace("400", "401")),
        &["workloads.churn.query.ids", "at most the 400 rows"],
    );
    let filter = format!("{parts}\ndelete = {{ filter = \"rank < 3\" }}");
    refused(
        &text(&filter),
        &["workload `churn:delete` deletes some that only Milvus knows"],
    );
}

#[test]
fn the_truth_does_not_hold_while_rows_change() {
    let text = text(PARTS).replace("initial_rows = \"80%\"\n", "").replace(
        "operation = \"insert\"\nbatch = 20",
        "operation = \"query\"\nfilter = 'rank < 3'",
    );
    let scenario = Scenario::read(&ScenarioSource::Stdin(text.clone()), &[], &none).unwrap();
    let plan = plan(&text).unwrap();
    for row in [0, 2] {
        let (collection, workloads) = (&plan.collections[0], &plan.workloads);
        let why = phases::truth_fails(&scenario, collection, workloads, &workloads[row]);
        let expected = "workload `churn:upsert` writes to its collection in phase `alone`, so its \
                        true neighbours change";
        assert_eq!(why.as_deref(), Some(expected));
    }
}

/// `parts` in the place of the shares and keys of a mix with `arrival`.
fn with_arrival(arrival: &str, parts: &str) -> String {
    text(parts).replace("rate = 100\n", &format!("{arrival}\n"))
}

#[test]
fn only_the_part_that_ends_a_mix_has_rows_that_last() {
    let last = |arrival: &str, parts: &str| -> Vec<Option<String>> {
        let query = "operation = \"query\"\nfilter = \"rank < 3\"";
        let text = with_arrival(arrival, parts);
        let plan = plan(&text.replace("operation = \"insert\"\nbatch = 20", query)).unwrap();
        let loads = plan.expectation().loads;
        loads[1..4].iter().map(|of| of.rows_last.clone()).collect()
    };
    let delete = format!("{PARTS}\ndelete = {{ batch = 4 }}\nupsert = {{ batch = 2 }}");
    assert_eq!(
        last("concurrency = 2", &delete),
        [
            None,
            None,
            Some("its rows last about 100 requests".to_owned())
        ]
    );
    assert_eq!(
        last("rate = 100", &delete),
        [
            None,
            None,
            Some("its rows last about 10.0 s, less than the phase".to_owned())
        ]
    );
    // 200 rows are inserted, 400 deleted, as often as each other.
    let insert = "parts = { search = 1, insert = 1, delete = 1 }\ninsert = { batch = 1 }\ndelete \
                  = { batch = 1 }";
    assert_eq!(
        last("concurrency = 2", insert),
        [
            None,
            Some("its rows last about 200 requests".to_owned()),
            None
        ]
    );
}

#[test]
fn callers_that_would_write_the_same_row_at_once_are_refused() {
    let parts = "parts = { search = 1, upsert = 1 }\nupsert = { batch = 100 }";
    assert!(plan(&with_arrival("concurrency = 8", parts)).is_ok());
    assert!(plan(&with_arrival("rate = 8", parts)).is_ok());
    refused(
        &with_arrival("concurrency = 9", parts),
        &[
            "workloads.churn.upsert.batch",
            "9 callers write 900 rows at once",
            "800 rows remain",
        ],
    );
}

#[test]
fn upserts_are_refused_where_only_milvus_knows_what_is_gone() {
    refused(
        &text(&format!("{PARTS}\ndelete = {{ filter = \"rank < 3\" }}")),
        &[
            "workloads.churn.upsert",
            "workload `churn:delete` deletes some that only Milvus knows",
        ],
    );
}

#[test]
fn upserts_where_no_row_stays_name_the_rows_of_the_delete() {
    refused(
        &text(&format!("{PARTS}\ndelete = {{ rows = \"100%\" }}")),
        &[
            "workloads.churn.upsert",
            "none of the 800 rows",
            "lower `rows` of the delete",
        ],
    );
}

#[test]
fn deletes_by_filter_do_not_exclude_each_other() {
    let parts = "parts = { search = 1, delete = 1 }\ndelete = { filter = \"rank < 3\" }";
    let filter = "operation = \"delete\"\nfilter = \"rank > 5\"\n";
    let two = text(parts).replace("operation = \"insert\"\nbatch = 20\n", filter);
    assert!(plan(&two).is_ok(), "{:?}", plan(&two).err());
    let by_keys = "operation = \"delete\"\n";
    let text = text("parts = { search = 1, delete = 1 }");
    refused(
        &text.replace("operation = \"insert\"\nbatch = 20\n", by_keys),
        &["each row is deleted once"],
    );
}

#[test]
fn a_collection_that_is_reused_is_not_said_to_be_filled() {
    let reuse = |parts: &str| {
        text(parts).replace(
            "data = \"noise\"\n",
            "data = \"noise\"\nprepare = \"reuse\"\n",
        )
    };
    let there = "800 rows that a reused collection is assumed to contain (initial_rows)";
    refused(
        &reuse(&format!("{PARTS}\ndelete = {{ rows = 801 }}")),
        &["expected at least 1", there],
    );
    refused(
        &reuse("parts = { upsert = 1 }\nupsert = { batch = 801 }"),
        &["expected at most", there],
    );
}
