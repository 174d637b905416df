//! What preparation asks for before the load, and waits for: states of collections, databases,
//! aliases, and limits of the rate.

use milvus_bench::{
    milvus::{Effect, Method, methods, proto},
    null_milvus::{Failure, FakeMilvus},
};
use tonic::{Code, Request};

use crate::{
    bench::{Bench, wait},
    support::raw_client,
};

const KEPT: (&str, &str) = ("initial_rows = 100", "initial_rows = 100\nkeep = true");
const REUSED: (&str, &str) = (
    "prepare = \"full\"\ninitial_rows = 100",
    "prepare = \"reuse\"",
);

/// A Milvus in which a run has left `words`.
fn with_words() -> FakeMilvus {
    let fake = FakeMilvus::start();
    Bench::at(&fake, &[KEPT]).run(&[]).exits(0);
    fake
}

fn call<Request: prost::Message + 'static>(
    fake: &FakeMilvus,
    method: &'static Method,
    request: Request,
) {
    wait(async {
        let channel = raw_client::connect(&fake.uri()).await;
        let reply: proto::Status = raw_client::call(&channel, method, self::Request::new(request))
            .await
            .expect("an answer");
        assert_eq!(reply.code, 0, "{}: {}", method.name, reply.reason);
    });
}

fn release_words(fake: &FakeMilvus) {
    call(
        fake,
        &methods::RELEASE_COLLECTION,
        proto::ReleaseCollectionRequest {
            collection_name: "words".to_owned(),
            ..Default::default()
        },
    );
}

fn name_words(fake: &FakeMilvus, alias: &str) {
    let (collection_name, alias) = ("words".to_owned(), alias.to_owned());
    call(
        fake,
        &methods::CREATE_ALIAS,
        proto::CreateAliasRequest {
            collection_name,
            alias,
            ..Default::default()
        },
    );
}

fn changing(fake: &FakeMilvus, first: usize) -> Vec<&'static str> {
    fake.calls()[first..]
        .iter()
        .filter(|call| call.method.effect != Effect::Reads)
        .map(|call| call.method.name)
        .collect()
}

// ---- states ----

#[test]
fn a_collection_to_be_reused_must_be_loaded() {
    let fake = with_words();
    release_words(&fake);
    let before = fake.calls().len();
    let bench = Bench::at(&fake, &[REUSED]);
    bench.run(&[]).exits(2).error(&[
        "collection words is not loaded",
        "workload search",
        "LoadCollection",
        "ensure",
    ]);
    assert_eq!(changing(&fake, before), [""; 0]);
    assert!(
        fake.calls()[before..]
            .iter()
            .all(|call| call.method.name != "Search")
    );
}

#[test]
fn deletes_by_keys_need_no_loaded_collection_and_those_by_a_filter_do() {
    let fake = with_words();
    release_words(&fake);
    let delete = |keys: &'static str| {
        let search = "operation = \"search\"\nrate = 50\narrivals = \"even\"\nlimit = 5";
        let bench = Bench::at(&fake, &[REUSED, (search, keys)]);
        bench.run(&[])
    };
    delete("operation = \"delete\"\nrate = 50\nfilter = \"id >= 0\"")
        .exits(2)
        .error(&["collection words is not loaded"]);
    let deletes = || {
        fake.calls()
            .iter()
            .filter(|call| call.method.name == "Delete")
            .count()
    };
    assert_eq!(deletes(), 0);
    delete("operation = \"delete\"\nrate = 50\nbatch = 1").exits(0);
    assert!(deletes() > 0);
}

#[test]
fn one_that_is_being_loaded_is_waited_for() {
    let fake = with_words();
    fake.not_yet(&methods::GET_LOAD_STATE, 3);
    Bench::at(&fake, &[REUSED]).run(&[]).exits(0);
    fake.not_yet(&methods::GET_LOAD_STATE, 1_000);
    let bench = Bench::at(
        &fake,
        &[REUSED, ("index = {", "ready_timeout = \"1s\"\nindex = {")],
    );
    bench.run(&[]).exits(2).error(&[
        "collection words was not loaded within 1 s",
        "still being loaded",
    ]);
}

#[test]
fn a_user_who_may_not_ask_is_believed() {
    for failure in [
        Failure::grpc(
            Code::PermissionDenied,
            "PrivilegeGetLoadState: permission deny",
        ),
        Failure::grpc(Code::Unimplemented, "unknown method"),
        Failure::milvus(1401, 1, "privilege not permitted"),
    ] {
        let fake = with_words();
        fake.fail(&methods::GET_LOAD_STATE, .., failure);
        Bench::at(&fake, &[REUSED]).run(&[]).exits(0);
    }
}

#[test]
fn what_is_only_good_to_know_may_be_denied() {
    for method in [&methods::GET_QUERY_SEGMENT_INFO, &methods::GET_VERSION] {
        for failure in [
            Failure::grpc(Code::PermissionDenied, "permission deny"),
            Failure::milvus(1401, 1, "privilege not permitted"),
        ] {
            let fake = FakeMilvus::start();
            fake.fail(method, .., failure);
            Bench::at(&fake, &[KEPT]).run(&[]).exits(0);
            Bench::at(&fake, &[REUSED]).run(&[]).exits(0);
        }
    }
}

#[test]
fn rows_are_inserted_into_a_collection_that_is_not_loaded() {
    let fake = with_words();
    release_words(&fake);
    let workload = (
        "operation = \"search\"\nrate = 50\narrivals = \"even\"\nlimit = 5",
        "operation = \"insert\"\nbatch = 10\nconcurrency = 1",
    );
    let changes = [
        ("prepare = \"full\"", "prepare = \"reuse\""),
        workload,
        ("duration = \"1s\"", "until = \"exhausted\""),
    ];
    let bench = Bench::at(&fake, &changes);
    bench.run(&[]).exits(0);
    assert_eq!(fake.rows("words"), Some(200));
    // Its rows can't be counted, and its statistics know the flushed ones only.
    let states = bench.only_folder().run()["collections"].clone();
    let after = states
        .as_array()
        .and_then(|states| states.last())
        .expect("a state after the phase");
    assert_eq!(
        (&after["when"], &after["rows_estimated"]),
        (&"after alone".into(), &true.into())
    );
    assert!(
        bench.only_folder().text("report.txt").contains("about "),
        "{}",
        bench.only_folder().text("report.txt")
    );
}

#[test]
fn rows_that_were_written_are_counted() {
    let fake = FakeMilvus::start();
    let workload = (
        "operation = \"search\"\nrate = 50\narrivals = \"even\"\nlimit = 5",
        "operation = \"insert\"\nbatch = 30\nconcurrency = 2",
    );
    let bench = Bench::at(
        &fake,
        &[workload, ("duration = \"1s\"", "until = \"exhausted\"")],
    );
    bench.run(&[]).exits(0);
    let folder = bench.only_folder();
    let states = folder.run()["collections"].clone();
    let rows: Vec<_> = states
        .as_array()
        .expect("states")
        .iter()
        .map(|state| {
            (
                state["rows"].as_u64(),
                state.get("rows_estimated").is_some(),
            )
        })
        .collect();
    assert_eq!(rows, [(Some(100), false), (Some(200), false)]);
    // A count that is waited for, after what was written only.
    let counts = |level: i32| move |body: &proto::QueryRequest| body.consistency_level == level;
    let last = fake
        .last_body(&methods::QUERY)
        .map(|body| <proto::QueryRequest as prost::Message>::decode(body).expect("a query"));
    assert!(
        last.is_some_and(|query| counts(0)(&query)),
        "the last count is Strong"
    );
    let reasons = folder.report()["verdict"]["reasons"].clone();
    assert!(
        reasons
            .as_array()
            .is_some_and(|all| all.iter().all(|reason| reason["code"] != "foreign_rows")),
        "{reasons}"
    );
}

// ---- names ----

#[test]
fn a_missing_database_is_named_with_milvus_words() {
    let fake = FakeMilvus::start();
    for prepare in ["full", "reuse", "ensure"] {
        let database = ("connections = 1", "connections = 1\ndatabase = \"lost\"");
        let bench = Bench::at(&fake, &[database, ("\"full\"", &format!("\"{prepare}\""))]);
        bench.run(&[]).exits(2).error(&[
            "database lost does not exist",
            "milvus_800: database not found[database=lost]",
        ]);
        let doctor = bench.call(&["doctor", "scenario.toml"]);
        assert!(
            doctor.code != Some(0) && doctor.stdout.contains("has no database lost"),
            "{doctor:?}"
        );
        assert!(
            doctor.stdout.contains("database not found[database=lost]"),
            "{doctor:?}"
        );
    }
    assert_eq!(changing(&fake, 0), [""; 0]);
    fake.add_database("lost");
    Bench::at(
        &fake,
        &[("connections = 1", "connections = 1\ndatabase = \"lost\"")],
    )
    .run(&[])
    .exits(0);
}

#[test]
fn an_alias_is_searched_and_never_replaced() {
    let fake = with_words();
    name_words(&fake, "current");
    let alias = ("data = \"noise\"", "data = \"noise\"\nname = \"current\"");
    let before = fake.calls().len();
    for prepare in ["full", "ensure", "schema"] {
        let rows = if prepare == "schema" {
            ""
        } else {
            "initial_rows = 100"
        };
        let bench = Bench::at(
            &fake,
            &[
                alias,
                ("\"full\"", &format!("\"{prepare}\"")),
                ("initial_rows = 100", rows),
            ],
        );
        bench
            .run(&["--replace", "current"])
            .exits(2)
            .error(&["current is an alias of collection words", "reuse"]);
    }
    assert_eq!(changing(&fake, before), [""; 0]);
    Bench::at(&fake, &[alias, REUSED]).run(&[]).exits(0);
    assert_eq!(fake.rows("words"), Some(100));
    let uri = fake.uri();
    let text = Bench::at(&fake, &[])
        .call(&["init", "current", "--uri", &uri])
        .exits(0)
        .stdout;
    assert!(
        text.contains("An alias of words.") && text.contains("name = \"current\""),
        "{text}"
    );
}

// ---- indexes ----

#[test]
fn flat_is_ready_without_an_index_and_no_doubt() {
    let fake = FakeMilvus::start();
    let rows = [
        ("rows = 200", "rows = 3000"),
        (
            "initial_rows = 100",
            "initial_rows = 2000\nready_timeout = \"20s\"",
        ),
    ];
    let bench = Bench::at(&fake, &[&rows[..], &[("\"full\"", "\"ensure\"")]].concat());
    bench.run(&[]).exits(0);
    bench.run(&[]).exits(0);
    assert_eq!(
        fake.count(&methods::CREATE_COLLECTION),
        1,
        "the second run keeps it"
    );
    Bench::at(&fake, &[REUSED]).run(&[]).exits(0);
    for folder in bench.folders() {
        let warnings = folder.run()["warnings"].clone();
        assert!(
            warnings.as_array().is_some_and(|all| all
                .iter()
                .all(|warning| warning["code"] != "served_by_brute_force")),
            "{warnings}"
        );
        assert_eq!(folder.run()["collections"][0]["index_type"], "FLAT");
    }
}

#[test]
fn a_build_that_failed_is_told_with_milvus_reason() {
    let fake = with_words();
    fake.fail_indexes("failed to build index: no space left on device");
    Bench::at(
        &fake,
        &[(
            "index = { type = \"FLAT\" }",
            "index = { type = \"HNSW\", params = { M = 8, efConstruction = 64 } }",
        )],
    )
    .run(&[])
    .exits(2)
    .error(&[
        "index HNSW on vector of collection words",
        "state failed, 50 of 100 rows",
        "no space left on device",
    ]);
    // Of somebody else's it is a doubt.
    let fake = with_words();
    fake.fail_indexes("no space left on device");
    let bench = Bench::at(&fake, &[REUSED]);
    let ended = bench.run(&[]).exits(0);
    let words = "while the index of words was failed (no space left on device)";
    assert!(
        bench.only_folder().report()["verdict"]
            .to_string()
            .contains(words),
        "{}",
        ended.stdout
    );
}

#[test]
fn ensure_waits_for_segments_that_are_just_handed_off() {
    let fake = FakeMilvus::start();
    let bench = Bench::at(&fake, &[("\"full\"", "\"ensure\"")]);
    bench.run(&[]).exits(0);
    fake.segments_unindexed_for(5);
    bench.run(&[]).exits(0);
    assert_eq!(
        (
            fake.count(&methods::CREATE_COLLECTION),
            fake.count(&methods::DROP_COLLECTION)
        ),
        (1, 0)
    );
}

// ---- limits of the rate ----

/// What Milvus answers to each step of preparation while it is to wait, in words of all kinds.
fn asks_to_come_again() -> [(&'static Method, Failure); 12] {
    [
        (
            &methods::DESCRIBE_COLLECTION,
            Failure::milvus(8, 49, "rate limit exceeded[rate=0.1]"),
        ),
        (
            &methods::CREATE_COLLECTION,
            Failure::milvus(8, 49, "rate limit exceeded[rate=0.1]"),
        ),
        (
            &methods::CREATE_ALIAS,
            Failure::milvus(8, 49, "rate limit exceeded[rate=0.1]"),
        ),
        (
            &methods::INSERT,
            Failure::milvus(8, 49, "rate limit exceeded[rate=0]"),
        ),
        (
            &methods::FLUSH,
            Failure::milvus(8, 49, "rate limit exceeded[rate=0.1]"),
        ),
        (
            &methods::GET_FLUSH_STATE,
            Failure::milvus(0, 49, "rate limit of 2.2"),
        ),
        (
            &methods::CREATE_INDEX,
            Failure::milvus(1, 1, "service not ready"),
        ),
        (
            &methods::DESCRIBE_INDEX,
            Failure::milvus(4, 1, "too many requests"),
        ),
        (
            &methods::LOAD_COLLECTION,
            Failure::milvus(12, 1, "resource insufficient"),
        ),
        (
            &methods::GET_LOAD_STATE,
            Failure::grpc(
                Code::Unavailable,
                "Milvus Proxy is not ready yet. please wait",
            ),
        ),
        (
            &methods::GET_QUERY_SEGMENT_INFO,
            Failure::milvus(106, 1, "collection on recovering"),
        ),
        (
            &methods::DROP_COLLECTION,
            Failure::milvus(2, 1, "service unavailable"),
        ),
    ]
}

#[test]
fn every_step_waits_while_milvus_asks_for_it() {
    let asks = asks_to_come_again();
    let fake = FakeMilvus::start();
    for (method, failure) in &asks {
        fake.fail(method, 1..=2, failure.clone());
    }
    let bench = Bench::at(&fake, &[]);
    let ended = bench.run(&[]).exits(0);
    for (method, _) in &asks {
        let words = format!("words: Milvus asks to retry {}", method.name);
        assert!(
            ended.stderr.contains(&words),
            "{words} is not in\n{}",
            ended.stderr
        );
    }
    assert!(
        ended
            .stderr
            .contains("of at most 600 s (milvus_8: rate limit exceeded[rate=0.1])"),
        "{}",
        ended.stderr
    );
    assert_eq!(fake.rows("words"), None, "dropped at the end");
    assert!(
        !ended.stderr.contains("does not store this run's claim"),
        "{}",
        ended.stderr
    );
    // Only the last attempt of a step is recorded.
    let flush = bench.only_folder().workload("prepare", "flush");
    assert_eq!(
        (&flush["requests"]["ok"], &flush["requests"]["failed"]),
        (&1.into(), &0.into())
    );
}

#[test]
fn a_limit_without_end_is_waited_for_no_longer_than_ready_timeout() {
    let fake = FakeMilvus::start();
    fake.fail(
        &methods::FLUSH,
        ..,
        Failure::milvus(8, 49, "rate limit exceeded[rate=0]"),
    );
    let bench = Bench::at(
        &fake,
        &[(
            "initial_rows = 100",
            "initial_rows = 100\nready_timeout = \"1s\"",
        )],
    );
    bench.run(&[]).exits(2).error(&[
        "collection words",
        "Flush failed",
        "milvus_8",
        "tried again for",
    ]);
    assert!(fake.count(&methods::FLUSH) > 1);
}

#[test]
fn what_does_not_pass_by_itself_is_tried_once() {
    let failures = [
        Failure::milvus(65535, 1, "invalid index type: NOPE"),
        Failure::milvus(9, 48, "quota exceeded"),
        Failure::grpc(
            Code::ResourceExhausted,
            "grpc: received message larger than max (67108865 vs. 67108864)",
        ),
    ];
    for failure in failures {
        let fake = FakeMilvus::start();
        fake.fail(&methods::CREATE_INDEX, .., failure);
        let ended = Bench::at(&fake, &[]).run(&[]).exits(2);
        ended.error(&["CreateIndex failed"]);
        assert_eq!(fake.count(&methods::CREATE_INDEX), 1, "{}", ended.stderr);
    }
}
