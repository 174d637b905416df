//! Data sets of other benchmarks as they are: one line of a scenario, rows, queries and truth found.

use std::path::PathBuf;

use milvus_bench::null_milvus::FakeMilvus;

use crate::bench::Bench;

/// Every search of a run finds the true neighbours that belong to `base`.
fn recall_is_exact(base: &str, more: &str) {
    let fake = FakeMilvus::start();
    fake.search_exactly();
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/vectors");
    let data = format!(
        "base = {:?}\n{more}",
        folder.join(base).display().to_string()
    );
    let random = "format = \"random\"\nrows = 200\ndim = 8\nqueries = 20";
    let bench = Bench::at(&fake, &[(random, &data), ("initial_rows = 100\n", "")]);
    bench.run(&[]).exits(0);
    let report = bench.only_folder().report();
    let workloads = report["workloads"].as_array().expect("workloads");
    let search = workloads
        .iter()
        .find(|workload| workload["phase"] == "alone");
    let recall = &search.expect("alone")["recall"];
    assert_eq!(recall["mean"].as_f64(), Some(1.0), "{base}: {recall}");
}

#[test]
fn a_folder_of_vectordbbench_alone_has_rows_queries_and_truth() {
    recall_is_exact("mini/vectordbbench-split", "");
}

#[test]
fn truth_that_names_ids_is_right_for_rows_in_another_order() {
    recall_is_exact("mini/vectordbbench", "");
    recall_is_exact("mini/vectordbbench", "files = \"train\"");
}

#[test]
fn a_file_of_ann_benchmarks_alone_has_rows_queries_and_truth() {
    recall_is_exact("mini/hdf5/contiguous-earliest.hdf5", "");
    recall_is_exact("mini/hdf5/grows-earliest.hdf5", "");
}
