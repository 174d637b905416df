//! Collections that somebody else made, and runs that may only read.

use milvus_bench::{
    milvus::{Effect, methods, proto},
    null_milvus::FakeMilvus,
};
use tonic::Request;

use crate::{
    bench::{Bench, wait},
    support::{
        foreign,
        raw_client::{call, connect},
    },
};

/// Creates collection `words` as somebody else would.
fn create_foreign(fake: &FakeMilvus, description: &str) {
    wait(async {
        let channel = connect(&fake.uri()).await;
        let reply: proto::Status = call(
            &channel,
            &methods::CREATE_COLLECTION,
            Request::new(foreign::table("words").create(description)),
        )
        .await
        .expect("an answer");
        assert_eq!(reply.code, 0, "{}", reply.reason);
    });
}

/// Names of the calls from `first` on that do more than read.
fn changing(fake: &FakeMilvus, first: usize) -> Vec<&'static str> {
    fake.calls()[first..]
        .iter()
        .filter(|call| call.method.effect != Effect::Reads)
        .map(|call| call.method.name)
        .collect()
}

#[test]
fn a_server_that_keeps_no_descriptions_is_prepared_and_left_clean() {
    let fake = FakeMilvus::start();
    fake.keep_no_descriptions();
    let bench = Bench::at(&fake, &[]);
    // Twice: the first run drops what it created.
    for _ in 0..2 {
        let ended = bench.run(&[]).exits(0);
        assert!(
            ended
                .stderr
                .contains("it keeps no descriptions of collections"),
            "{}",
            ended.stderr
        );
        assert_eq!(fake.rows("words"), None);
    }
    // And what others created there stays.
    create_foreign(&fake, "");
    let before = fake.calls().len();
    bench.run(&[]).exits(2).error(&["--replace words"]);
    assert_eq!(changing(&fake, before), [""; 0]);
}

#[test]
fn a_collection_without_our_mark_is_left_alone() {
    for description in ["", "words of the product team", "milvus-bench"] {
        let fake = FakeMilvus::start();
        create_foreign(&fake, description);
        let before = fake.calls().len();
        let bench = Bench::at(&fake, &[]);
        bench
            .run(&[])
            .exits(2)
            .error(&["words", "not created by milvus-bench", "--replace words"]);
        // A name that the scenario has not is no consent, and is told.
        bench
            .run(&["--replace", "other"])
            .exits(2)
            .error(&["--replace other", "expected one of: words"]);
        assert_eq!(changing(&fake, before), [""; 0]);
        assert_eq!(bench.folders()[0].run()["status"], "failed");
    }
}

#[test]
fn nothing_is_written_when_the_second_of_two_collections_is_not_ours() {
    let fake = FakeMilvus::start();
    create_foreign(&fake, "");
    let before = fake.calls().len();
    let ours = "[collections.mine]\ndata = \"noise\"\n\n[collections.words]";
    let workload = "operation = \"search\"\ncollection = \"mine\"";
    let bench = Bench::at(
        &fake,
        &[
            ("[collections.words]", ours),
            ("operation = \"search\"", workload),
        ],
    );
    bench
        .run(&[])
        .exits(2)
        .error(&["words", "not created by milvus-bench"]);
    assert_eq!(changing(&fake, before), [""; 0]);
}

#[test]
fn a_collection_that_the_user_gives_up_is_replaced() {
    let fake = FakeMilvus::start();
    create_foreign(&fake, "");
    let bench = Bench::at(
        &fake,
        &[("initial_rows = 100", "initial_rows = 100\nkeep = true")],
    );
    bench.run(&["--replace", "words"]).exits(0);
    assert_eq!(
        (fake.count(&methods::DROP_COLLECTION), fake.rows("words")),
        (1, Some(100))
    );
}

#[test]
fn our_own_collection_is_made_anew_without_asking() {
    let fake = FakeMilvus::start();
    let bench = Bench::at(
        &fake,
        &[("initial_rows = 100", "initial_rows = 100\nkeep = true")],
    );
    bench.run(&[]).exits(0);
    assert_eq!(fake.count(&methods::DROP_COLLECTION), 0);
    bench.run(&[]).exits(0);
    assert_eq!(
        (
            fake.count(&methods::DROP_COLLECTION),
            fake.count(&methods::CREATE_COLLECTION)
        ),
        (1, 2)
    );
    assert_eq!(fake.rows("words"), Some(100));
}

#[test]
fn what_a_run_created_is_dropped_at_its_end() {
    let fake = FakeMilvus::start();
    Bench::at(&fake, &[]).run(&[]).exits(0);
    assert_eq!(
        (fake.count(&methods::DROP_COLLECTION), fake.rows("words")),
        (1, None)
    );
}

#[test]
fn ensure_keeps_ours_if_it_fits_and_makes_it_anew_if_not() {
    let fake = FakeMilvus::start();
    let bench = Bench::at(&fake, &[("\"full\"", "\"ensure\"")]);
    bench.run(&[]).exits(0);
    bench.run(&[]).exits(0);
    assert_eq!(
        (
            fake.count(&methods::CREATE_COLLECTION),
            fake.count(&methods::DROP_COLLECTION)
        ),
        (1, 0)
    );
    bench
        .run(&["--set", "collections.words.initial_rows=120"])
        .exits(0);
    assert_eq!(
        (
            fake.count(&methods::CREATE_COLLECTION),
            fake.count(&methods::DROP_COLLECTION)
        ),
        (2, 1)
    );
    assert_eq!(fake.rows("words"), Some(120));
}

#[test]
fn a_reading_run_sends_nothing_that_changes() {
    let fake = FakeMilvus::start();
    let bench = Bench::at(
        &fake,
        &[("initial_rows = 100", "initial_rows = 100\nkeep = true")],
    );
    bench.run(&[]).exits(0);
    let before = fake.calls().len();
    bench.write(
        "scenario.toml",
        crate::bench::scenario(
            &fake.uri(),
            &[
                ("connections = 1", "connections = 1\naccess = \"read\""),
                (
                    "prepare = \"full\"\ninitial_rows = 100",
                    "prepare = \"reuse\"",
                ),
            ],
        )
        .as_bytes(),
    );
    bench.run(&[]).exits(0);
    assert_eq!(changing(&fake, before), [""; 0]);
    assert!(
        fake.calls()[before..]
            .iter()
            .any(|call| call.method.name == "Search")
    );
    assert_eq!(fake.rows("words"), Some(100));
}

#[test]
fn a_collection_to_be_reused_must_be_there() {
    let fake = FakeMilvus::start();
    let bench = Bench::at(
        &fake,
        &[(
            "prepare = \"full\"\ninitial_rows = 100",
            "prepare = \"reuse\"",
        )],
    );
    bench
        .run(&[])
        .exits(2)
        .error(&["collection words does not exist", "reuse"]);
    assert_eq!(changing(&fake, 0), [""; 0]);
    assert_eq!(bench.only_folder().run()["status"], "failed");
}

#[test]
fn a_collection_to_be_reused_must_have_the_dimension_of_the_data() {
    let fake = FakeMilvus::start();
    create_foreign(&fake, "");
    let before = fake.calls().len();
    let bench = Bench::at(
        &fake,
        &[
            (
                "prepare = \"full\"\ninitial_rows = 100",
                "prepare = \"reuse\"",
            ),
            ("dim = 8", "dim = 16"),
        ],
    );
    bench
        .run(&[])
        .exits(2)
        .error(&["words", "dimension 8", "16"]);
    assert_eq!(changing(&fake, before), [""; 0]);
}
