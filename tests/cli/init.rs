//! A scenario for a collection that is there.

use milvus_bench::null_milvus::FakeMilvus;

use crate::bench::Bench;

#[test]
fn a_scenario_for_a_collection_that_is_there_runs() {
    let fake = FakeMilvus::start();
    let bench = Bench::at(
        &fake,
        &[
            ("data = \"noise\"", "data = \"noise\"\nkeep = true"),
            ("duration = \"1s\"", "requests = 5"),
        ],
    );
    let uri = fake.uri();
    bench
        .call(&["init", "--uri", &uri])
        .exits(2)
        .error(&["no collection to search", "quickstart.toml"]);
    bench.run(&[]).exits(0);
    let missing = ["init", "words", "--uri", &uri, "--database", "elsewhere"];
    bench.call(&missing).exits(2).error(&[
        "has no database elsewhere",
        "database not found",
        "--database",
    ]);
    bench
        .call(&["init", "words", "--uri", &uri, "--database", ""])
        .exits(2)
        .error(&["a name of 1 to 255 characters"]);
    let there = bench
        .call(&["init", "words", "--uri", &uri, "--database", "default"])
        .exits(0)
        .stdout;
    assert!(there.contains("\ndatabase = \"default\"\n"), "{there}");
    bench
        .call(&["init", "other", "--uri", &uri])
        .exits(2)
        .error(&["has no collection other; it has: words"]);
    let text = bench.call(&["init", "--uri", &uri]).exits(0).stdout;
    assert!(
        text.contains("dim = 8") && text.contains("metric = \"L2\"") && text.contains(&uri),
        "{text}"
    );
    bench
        .call(&["init", "words", "--uri", &uri, "--out", "mine.toml"])
        .exits(0);
    assert_eq!(
        std::fs::read_to_string(bench.path().join("mine.toml")).expect("a scenario"),
        text
    );
    bench
        .call(&["init", "words", "--uri", &uri, "--out", "mine.toml"])
        .exits(2)
        .error(&["mine.toml can't be written", "a new file"]);
    let short = [
        "--set",
        "phases.search.warmup=0s",
        "--set",
        "phases.search.duration=1s",
        "--set",
        "tracing.export=off",
    ];
    let more = [
        "--set",
        "tracing.spans.source=none",
        "--accept-invalid",
        "--out",
        "of-init",
        "--quiet",
    ];
    let ended = bench
        .call(&[&["run", "mine.toml"][..], &short, &more].concat())
        .exits(0);
    assert!(ended.stdout.contains("search"), "{}", ended.stdout);
    assert!(fake.rows("words").is_some(), "the collection is left alone");
}
