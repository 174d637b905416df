//! Types of vectors against a Milvus that searches exactly, and versions that lack them.

use std::path::Path;

use milvus_bench::null_milvus::FakeMilvus;

use crate::bench::{Bench, scenario};

/// The lines of the scenario that say what the vectors are.
const DATA: &str = "format = \"random\"\nrows = 200\ndim = 8\nqueries = 20";
const COLLECTION: &str = "metric = \"L2\"\nprepare = \"full\"\ninitial_rows = 100\nindex = { type \
                          = \"FLAT\" }";
const URI: &str = "timeout = \"5s\"";

/// The scenario for files of tests/data/vectors: rows, queries, true neighbours.
fn bench(fake: &FakeMilvus, files: [&str; 3], collection: &str) -> Bench {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/vectors");
    let [base, queries, truth] = files.map(|file| folder.join(file).display().to_string());
    let data = format!("base = \"{base}\"\nqueries = \"{queries}\"\ntruth = \"{truth}\"");
    fake.search_exactly();
    fake.version("v2.6.4");
    Bench::at(
        fake,
        &[
            (DATA, &data),
            (COLLECTION, collection),
            ("limit = 5", "limit = 5\nnq = 2"),
        ],
    )
}

#[track_caller]
fn check_recall(files: [&str; 3], collection: &str) {
    let fake = FakeMilvus::start();
    let bench = bench(&fake, files, collection);
    bench.run(&[]).exits(0);
    let search = bench.only_folder().workload("alone", "search");
    assert_eq!(search["recall"]["mean"].as_f64(), Some(1.0), "{search}");
}

const BYTES: [&str; 3] = [
    "main/base.i8bin",
    "main/query.i8bin",
    "main/truth-i8-l2.ibin",
];
const INT8: &str = "metric = \"L2\"\nvector_type = \"int8\"\nindex = { type = \"HNSW\" }";

#[test]
fn every_type_is_written_searched_and_compared_with_its_truth() {
    check_recall(BYTES, INT8);
    check_recall(
        [
            "main/base-bits.u8bin",
            "main/query-bits.u8bin",
            "main/truth-bits-hamming.ibin",
        ],
        "vector_type = \"Binary\"\nindex = { type = \"BIN_FLAT\" }",
    );
    check_recall(
        [
            "main/base.f16bin",
            "main/query.f16bin",
            "main/truth-f16-cosine.ibin",
        ],
        "vector_type = \"Float16\"",
    );
    check_recall(
        [
            "sparse/base.csr",
            "sparse/queries.dev.csr",
            "sparse/base.dev.gt",
        ],
        "index = { type = \"SPARSE_INVERTED_INDEX\" }",
    );
}

#[test]
fn generated_vectors_of_every_type_are_sent() {
    for (data, collection) in [
        ("", "vector_type = \"BFloat16\""),
        ("", "vector_type = \"Int8\""),
        ("", "vector_type = \"Binary\"\nmetric = \"jaccard\""),
        ("\nnonzeros = \"1..5\"\nduplicates = \"10%\"", ""),
    ] {
        let fake = FakeMilvus::start();
        fake.version("v2.6.4");
        let data = format!("{DATA}{data}");
        let bench = Bench::at(&fake, &[(DATA, &data), (COLLECTION, collection)]);
        bench.run(&[]).exits(0);
        let search = bench.only_folder().workload("alone", "search");
        assert_eq!(search["requests"]["failed"].as_u64(), Some(0), "{search}");
    }
}

#[test]
fn a_version_that_lacks_the_type_is_refused_before_anything_is_written() {
    let fake = FakeMilvus::start();
    let bench = bench(&fake, BYTES, INT8);
    fake.version("v2.4.9");
    let ended = bench.run(&[]);
    assert_ne!(ended.code, Some(0));
    ended.error(&[
        "Milvus has version v2.4.9, which lacks vectors of type Int8 (collection words)",
        "Milvus 2.6",
    ]);
    let writes = ["CreateCollection", "Insert"];
    assert!(
        fake.calls()
            .iter()
            .all(|call| !writes.contains(&call.method.name))
    );
    // One that is not numbered as Milvus is says itself what it lacks.
    fake.version("milvus_lite-3.2.2");
    bench.run(&[]).exits(0);
}

#[test]
fn a_collection_that_is_reused_has_the_type_of_the_vectors() {
    let fake = FakeMilvus::start();
    let kept = COLLECTION.replace("prepare", "keep = true\nprepare");
    Bench::at(&fake, &[(COLLECTION, &kept)]).run(&[]).exits(0);
    let reused = "vector_type = \"Binary\"\nprepare = \"reuse\"";
    let ended = Bench::at(&fake, &[(COLLECTION, reused)]).run(&[]);
    ended.error(&[
        "field vector of collection words has type Float, the scenario's vectors have type Binary",
        "vector_type",
    ]);
}

#[test]
fn the_versions_that_a_scenario_is_for_are_checked() {
    let check = |needs: &str| {
        let needs = format!("{URI}\nneeds = \"{needs}\"");
        let text = scenario(
            "http://127.0.0.1:19530",
            &[(URI, &needs), (COLLECTION, INT8)],
        );
        Bench::new(&text).call(&["check", "scenario.toml"])
    };
    check(">= 2.6").exits(0);
    check("2.6.4").exits(0);
    check(">= 2.4").error(&[
        "milvus.needs` allows Milvus 2.4, which lacks vectors of type Int8 (collection words)",
        "write needs = \">= 2.6\"",
    ]);
    check("new").error(&["milvus.needs` is \"new\", expected versions of Milvus"]);
    let fake = FakeMilvus::start();
    let needs = format!("{URI}\nneeds = \">= 2.4\"");
    let ended = Bench::at(&fake, &[(URI, &needs)]).run(&[]);
    ended.error(&["Milvus has version v2.3.5-fake, but the scenario needs >=2.4 (milvus.needs)"]);
}
