//! Two runs on one name of a collection: neither takes the other's away, and neither measures it
//! unknowingly.

use std::time::Duration;

use milvus_bench::{
    milvus::{Effect, Method, methods, proto},
    null_milvus::{Failure, FakeMilvus},
};
use prost::Message;
use rustix::process::Signal;
use serde_json::Value;
use tonic::{Code, Request};

use crate::{
    bench::{Bench, Running, wait},
    folder::Folder,
    support::{foreign, raw_client},
};

/// Ten minutes of searches.
const LONG: (&str, &str) = ("duration = \"1s\"", "duration = \"10m\"");

fn long_run(fake: &FakeMilvus, changes: &[(&str, &str)]) -> (Bench, Running) {
    let bench = Bench::at(fake, &[changes, &[LONG]].concat());
    let mut running = bench.start(&[]);
    running.says("phase alone");
    wait(fake.called(&methods::SEARCH, fake.count(&methods::SEARCH) + 10));
    (bench, running)
}

fn name_of(folder: &Folder) -> String {
    folder
        .path()
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned()
}

/// One call that needs no answer but a status.
fn call<Request: Message + 'static>(fake: &FakeMilvus, method: &'static Method, request: Request) {
    wait(async {
        let channel = raw_client::connect(&fake.uri()).await;
        let reply: proto::Status = raw_client::call(&channel, method, self::Request::new(request))
            .await
            .expect("an answer");
        assert_eq!(reply.code, 0, "{}: {}", method.name, reply.reason);
    });
}

/// Drops `words` by force, as somebody who knows nothing of marks.
fn drop_words(fake: &FakeMilvus) {
    for alias in fake.aliases("words") {
        call(
            fake,
            &methods::DROP_ALIAS,
            proto::DropAliasRequest {
                alias,
                ..Default::default()
            },
        );
    }
    call(
        fake,
        &methods::DROP_COLLECTION,
        proto::DropCollectionRequest {
            collection_name: "words".to_owned(),
            ..Default::default()
        },
    );
}

/// Creates `words` with `rows` rows and loads it.
fn create_words(fake: &FakeMilvus, rows: i64) {
    let words = foreign::table("words");
    call(fake, &methods::CREATE_COLLECTION, words.create(""));
    call(fake, &methods::CREATE_INDEX, words.index("FLAT"));
    call(fake, &methods::LOAD_COLLECTION, words.load());
    insert(fake, 0, rows);
}

/// Inserts rows into `words` with ids from `first` on.
fn insert(fake: &FakeMilvus, first: i64, rows: i64) {
    let vectors = vec![0.5; usize::try_from(rows * foreign::DIM).expect("a count")];
    let request = foreign::table("words").insert(first, rows, vectors);
    wait(async {
        let channel = raw_client::connect(&fake.uri()).await;
        let reply: proto::MutationResult =
            raw_client::call(&channel, &methods::INSERT, Request::new(request))
                .await
                .expect("an answer");
        assert_eq!(reply.insert_cnt, rows);
    });
}

/// The reason `code` of the verdict.
#[track_caller]
fn reason(folder: &Folder, code: &str) -> Value {
    let report = folder.report();
    let reasons = report["verdict"]["reasons"].as_array().expect("reasons");
    reasons
        .iter()
        .find(|reason| reason["code"] == code)
        .unwrap_or_else(|| panic!("no {code} in {reasons:#?}"))
        .clone()
}

#[test]
fn the_collection_of_a_run_that_lives_is_not_replaced() {
    let fake = FakeMilvus::start();
    let (first, running) = long_run(&fake, &[]);
    let run = name_of(&first.only_folder());
    assert_eq!(
        fake.aliases("words").len(),
        1,
        "{:?}",
        fake.aliases("words")
    );
    let before = fake.calls().len();
    let second = Bench::at(&fake, &[]);
    let refused = second.run(&[]).exits(2);
    refused.error(&["collection words is in use by run", &run]);
    // Nor by those who give the collection up: it is not theirs.
    second.run(&["--replace", "words"]).exits(2).error(&[&run]);
    Bench::at(
        &fake,
        &[("\"full\"", "\"schema\""), ("initial_rows = 100", "")],
    )
    .run(&[])
    .exits(2)
    .error(&[&run]);
    let changing = fake.calls()[before..]
        .iter()
        .filter(|call| call.method.effect != Effect::Reads)
        .count();
    assert_eq!((changing, fake.rows("words")), (0, Some(100)));
    running.signal(Signal::INT);
    running.ended().exits(130);
    // It has ended, and nothing of it is left.
    second.run(&[]).exits(0);
    assert_eq!(
        (fake.rows("words"), fake.aliases("words")),
        (None, Vec::new())
    );
}

#[test]
fn a_run_that_was_killed_is_in_the_way_for_a_minute() {
    let fake = FakeMilvus::start();
    let (first, running) = long_run(&fake, &[]);
    running.signal(Signal::KILL);
    running.ended();
    let second = Bench::at(&fake, &[]);
    second
        .run(&[])
        .exits(2)
        .error(&["in use by run", &name_of(&first.only_folder()), "60 s"]);
    fake.clock_ahead(Duration::from_secs(61));
    second.run(&[]).exits(0);
    assert_eq!(
        (fake.rows("words"), fake.aliases("words")),
        (None, Vec::new())
    );
}

#[test]
fn of_two_that_create_it_at_the_same_moment_one_goes_on() {
    let fake = FakeMilvus::start();
    // Both have decided before either has created.
    fake.stall_after(
        &[&methods::CREATE_COLLECTION],
        &methods::CREATE_COLLECTION,
        1,
        Duration::from_secs(4),
    );
    let benches = [Bench::at(&fake, &[LONG]), Bench::at(&fake, &[LONG])];
    let mut first = benches[0].start(&[]);
    wait(fake.called(&methods::CREATE_COLLECTION, 1));
    let mut second = benches[1].start(&[]);
    let runs = [
        first.says_or_ends("phase alone"),
        second.says_or_ends("phase alone"),
    ];
    assert_ne!(runs[0], runs[1], "one of them measures: {runs:?}");
    let (winner, goes_on, ends) = if runs[0] {
        (0, first, second)
    } else {
        (1, second, first)
    };
    ends.ended().exits(2).error(&[
        "collection words",
        "run",
        &name_of(&benches[winner].only_folder()),
    ]);
    assert_eq!(
        fake.rows("words"),
        Some(100),
        "what the other one has is left alone"
    );
    goes_on.signal(Signal::INT);
    goes_on.ended().exits(130);
    benches[winner].only_folder().check();
}

#[test]
fn a_collection_that_was_replaced_makes_the_run_invalid_and_is_left_alone() {
    let fake = FakeMilvus::start();
    let (bench, running) = long_run(&fake, &[]);
    let id = |folder: &Folder| {
        folder.run()["collections"][0]["id"]
            .as_str()
            .map(str::to_owned)
    };
    drop_words(&fake);
    create_words(&fake, 100);
    running.signal(Signal::INT);
    let ended = running.ended().exits(130);
    assert!(
        ended
            .stderr
            .contains("words was not dropped: it is not the one that this run created"),
        "{}",
        ended.stderr
    );
    let folder = bench.only_folder();
    let reason = reason(&folder, "collection_replaced");
    assert_eq!(
        (&reason["state"], folder.run()["verdict"].as_str()),
        (&"invalid".into(), Some("invalid"))
    );
    assert!(
        reason["advice"]
            .as_str()
            .is_some_and(|words| words.contains("another one has its name")),
        "{reason}"
    );
    assert!(
        id(&folder).is_some_and(|id| id.parse::<i64>().is_ok()),
        "{:?}",
        id(&folder)
    );
    assert_eq!(fake.rows("words"), Some(100));
}

#[test]
fn a_phase_is_not_begun_on_another_collection() {
    let fake = FakeMilvus::start();
    let phases = "requests = 200\nworkloads = [\"search\"]\n\n[[phases]]\nname = \
                  \"later\"\nduration = \"10m\"";
    let bench = Bench::at(&fake, &[("duration = \"1s\"", phases)]);
    let mut running = bench.start(&[]);
    running.says("phase alone");
    drop_words(&fake);
    let ended = running.ended().exits(2);
    ended.error(&[
        "collection words was replaced during the run",
        "it no longer exists",
    ]);
    let folder = bench.only_folder();
    assert_eq!(
        (
            &folder.run()["status"],
            &reason(&folder, "collection_replaced")["state"]
        ),
        (&"failed".into(), &"invalid".into())
    );
    assert!(!ended.stderr.contains("phase later\n"), "{}", ended.stderr);
}

#[test]
fn rows_of_somebody_else_make_the_run_invalid() {
    let fake = FakeMilvus::start();
    let (bench, running) = long_run(&fake, &[]);
    insert(&fake, 10_000, 50);
    running.signal(Signal::INT);
    running.ended().exits(130);
    let folder = bench.only_folder();
    let reason = reason(&folder, "foreign_rows");
    assert_eq!(
        (&reason["state"], &reason["figure"]),
        (&"invalid".into(), &150.0.into())
    );
    assert!(
        reason["advice"]
            .as_str()
            .is_some_and(|words| words
                .contains("held 150 rows after phase alone, but this run inserted 100")),
        "{reason}"
    );
}

#[test]
fn a_collection_that_another_run_works_with_is_not_dropped() {
    let fake = FakeMilvus::start();
    let (_first, running) = long_run(&fake, &[]);
    let (second, other) = long_run(&fake, &[("\"full\"", "\"ensure\"")]);
    running.signal(Signal::INT);
    let ended = running.ended().exits(130);
    let words = format!(
        "words was not dropped: run {} of milvus-bench works with it",
        name_of(&second.only_folder())
    );
    assert!(ended.stderr.contains(&words), "{}", ended.stderr);
    assert_eq!(fake.rows("words"), Some(100));
    other.signal(Signal::INT);
    other.ended().exits(130);
    let report = second.only_folder().report();
    let reasons = report["verdict"]["reasons"].as_array().expect("reasons");
    assert!(
        reasons
            .iter()
            .all(|reason| reason["code"] != "collection_replaced"
                && reason["code"] != "foreign_rows"),
        "{reasons:#?}"
    );
    assert_eq!(fake.aliases("words"), Vec::<String>::new());
}

/// An alias is of one collection only, and the marks are put within the same second.
#[test]
fn every_collection_of_a_run_is_marked() {
    let fake = FakeMilvus::start();
    let two = "[collections.letters]\ndata = \"noise\"\ndim = 8\nprepare = \"ensure\"\nindex = { \
               type = \"FLAT\" }\n\n[collections.words]";
    let workload = "operation = \"search\"\ncollection = \"words\"";
    let changes = [
        ("[collections.words]", two),
        ("operation = \"search\"", workload),
        ("\"full\"", "\"ensure\""),
    ];
    Bench::at(&fake, &changes).run(&[]).exits(0);
    let (bench, running) = long_run(&fake, &changes);
    assert_eq!(
        (fake.aliases("words").len(), fake.aliases("letters").len()),
        (1, 1)
    );
    Bench::at(
        &fake,
        &[("data = \"noise\"", "data = \"noise\"\nname = \"letters\"")],
    )
    .run(&[])
    .exits(2)
    .error(&["letters is in use by run", &name_of(&bench.only_folder())]);
    running.signal(Signal::INT);
    let ended = running.ended().exits(130);
    assert!(
        !ended.stderr.contains("does not store this run's claim"),
        "{}",
        ended.stderr
    );
    assert_eq!(
        (fake.aliases("words").len(), fake.aliases("letters").len()),
        (0, 0)
    );
}

#[test]
fn a_server_without_aliases_is_measured_with_a_word() {
    for failure in [
        Failure::grpc(Code::Unimplemented, "unknown method CreateAlias"),
        Failure::milvus(1401, 1, "privilege not permitted"),
    ] {
        let fake = FakeMilvus::start();
        fake.fail(&methods::CREATE_ALIAS, .., failure);
        let bench = Bench::at(&fake, &[]);
        let ended = bench.run(&[]).exits(0);
        assert!(
            ended
                .stderr
                .contains("Milvus does not store this run's claim on collection words"),
            "{}",
            ended.stderr
        );
        let warnings = bench.only_folder().run()["warnings"].clone();
        assert!(
            warnings
                .as_array()
                .is_some_and(|all| all.iter().any(|warning| warning["code"] == "not_marked")),
            "{warnings}"
        );
        assert_eq!(fake.rows("words"), None);
    }
}
