//! Files of vectors: what is said of them, and what is written from them.

use std::{fs, path::PathBuf};

use serde_json::Value;

use crate::bench::Bench;

fn vectors(file: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/vectors");
    folder.join(file).display().to_string()
}

fn bench() -> Bench {
    Bench::new("")
}

fn fbin(rows: &[[f32; 2]]) -> Vec<u8> {
    let head = [rows.len() as u32, 2].map(u32::to_le_bytes).concat();
    let values = rows.iter().flatten().flat_map(|value| value.to_le_bytes());
    head.into_iter().chain(values).collect()
}

#[test]
fn info_tells_what_is_in_a_file() {
    let bench = bench();
    let rows = [[0.6, 0.8], [1.0, 0.0], [0.6, 0.8], [0.6, 0.8]];
    bench.write("unit.fbin", &fbin(&rows));
    bench.write(
        "bad.fbin",
        &fbin(&[[0.5, 1.0], [f32::NAN, 0.5], [0.0, 0.0]]),
    );
    let ended = bench
        .call(&["data", "info", "unit.fbin", "bad.fbin"])
        .exits(0);
    let expected = "\
unit.fbin: fbin
  base        4 rows of 2, float32, 32 B
  norms       1.00 to 1.00, mean 1.00: normalised
  duplicates  2 rows equal to an earlier one, first in row 2
  zero        none
  NaN         none
  infinite    none
  first row   0.6, 0.8

bad.fbin: fbin
  base        3 rows of 2, float32, 24 B
  norms       0.000 to 1.12, mean 0.559: not normalised
  duplicates  none
  zero        1 row with zeros alone, first in row 2
  NaN         1 value, first in row 1
  infinite    none
  first row   0.5, 1
";
    assert_eq!(ended.stdout, expected);
    let json = bench
        .call(&["data", "info", "unit.fbin", "--json"])
        .exits(0);
    let json: Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(json[0]["base"]["duplicates"]["count"], 2);
    assert_eq!(json[0]["base"]["normalised"], true);
    assert_eq!(json[0]["base"]["type"], "float32");
}

#[test]
fn info_tells_of_true_neighbours() {
    let truth = vectors("main/truth-l2.ibin");
    let ended = bench().call(&["data", "info", &truth]).exits(0);
    let words = "truth       20 queries, 20 neighbours each; ids 1 to 198; rising distances";
    assert!(ended.stdout.contains(words), "{}", ended.stdout);
    // Its rows could be vectors of whole numbers.
    let truth = vectors("main/truth-fvecs.ivecs");
    let ended = bench().call(&["data", "info", &truth]).exits(0);
    let words = "; no distances";
    assert!(ended.stdout.contains(words), "{}", ended.stdout);
    let truth = vectors("main/truth-cosine.ibin");
    let json = bench().call(&["data", "info", "--json", &truth]).exits(0);
    let json: Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(
        (&json[0]["truth"]["k"], &json[0]["truth"]["distances"]),
        (&20.into(), &"rising".into())
    );
}

#[test]
fn info_of_a_folder_has_rows_queries_truth_and_columns() {
    let folder = vectors("main/vectordbbench");
    let ended = bench().call(&["data", "info", &folder]).exits(0);
    for words in [
        "vectordbbench: parquet\n",
        "  base        200 rows of 100, float32",
        "  queries     20 rows of 100, float32",
        "  truth       20 queries, ",
    ] {
        assert!(ended.stdout.contains(words), "{words}: {}", ended.stdout);
    }
}

#[test]
fn info_says_what_can_not_be_read() {
    let bench = bench();
    bench.write("x.bin", b"something else");
    bench
        .call(&["data", "info", "x.bin"])
        .exits(2)
        .error(&["x.bin is text"]);
    let wrong = ["data", "info", "x.bin", "--format", "xls"];
    bench
        .call(&wrong)
        .exits(2)
        .error(&["--format is xls", "formats are fbin"]);
    let missing = bench.call(&["data", "info", "missing.fbin"]).exits(2);
    let error = missing.error(&["missing.fbin can't be opened"]);
    assert!(!error.contains("scenario"), "{error}");
}

#[test]
fn every_format_that_is_written_is_read_again_as_it_was() {
    let bench = bench();
    for (from, formats) in [
        ("main/base.fbin", &["fvecs", "npy", "jsonl"][..]),
        ("main/base.u8bin", &["bvecs", "npy", "jsonl", "fbin"]),
        ("main/base.i8bin", &["npy", "jsonl", "fbin"]),
        ("main/base.f16bin", &["npy", "jsonl", "fbin"]),
        ("sparse/base.csr", &["csr", "jsonl"]),
    ] {
        let from = vectors(from);
        let extension = from.rsplit('.').next().expect("an extension");
        for format in formats {
            let there = format!("there.{format}");
            let back = format!("back.{extension}");
            bench
                .call(&["data", "convert", &from, &there, "--force"])
                .exits(0);
            bench
                .call(&["data", "convert", &there, &back, "--force"])
                .exits(0);
            let mut back = fs::read(bench.path().join(back)).expect("a file");
            let from = fs::read(&from).expect("a file");
            if *format == "jsonl" && extension == "csr" {
                // JSON lines have no number of columns: it is that of the largest index.
                back[8..16].copy_from_slice(&from[8..16]);
            }
            assert!(back == from, "{there} of {extension}");
        }
    }
}

#[test]
fn rows_are_cut_out_and_queries_split_off() {
    let bench = bench();
    let from = vectors("main/base.fbin");
    let call = [
        "data",
        "convert",
        &from,
        "base.fbin",
        "--rows",
        "50..150",
        "--queries",
        "10",
    ];
    let ended = bench.call(&call).exits(0);
    assert!(
        ended.stderr.ends_with(
            "base.fbin: 90 rows of 100, fbin\nbase.queries.fbin: 10 rows of 100, fbin\n"
        ),
        "{}",
        ended.stderr
    );
    let file = |name: &str| fs::read(bench.path().join(name)).expect("a file");
    let (all, rows, queries) = (
        fs::read(&from).expect("a file"),
        file("base.fbin"),
        file("base.queries.fbin"),
    );
    let row = 4 * 100;
    assert_eq!(rows[8..], all[8 + 50 * row..8 + 140 * row]);
    assert_eq!(queries[8..], all[8 + 140 * row..8 + 150 * row]);
    assert_eq!((rows[0], queries[0]), (90, 10));
}

#[test]
fn nothing_is_overwritten_and_a_failure_leaves_nothing() {
    let bench = bench();
    let from = vectors("main/base.fbin");
    bench.write("there.npy", b"mine");
    let call = ["data", "convert", &from, "there.npy"];
    bench
        .call(&call)
        .exits(2)
        .error(&["there.npy is there already", "--force"]);
    assert_eq!(
        fs::read(bench.path().join("there.npy")).expect("a file"),
        b"mine"
    );
    bench.call(&[&call[..], &["--force"]].concat()).exits(0);
    // Whole numbers below zero do not fit into u8; nor do -3.2 and the like.
    let call = ["data", "convert", &from, "x.u8bin"];
    bench
        .call(&call)
        .exits(2)
        .error(&["base.fbin holds in row ", ", which type uint8 can't hold"]);
    let call = ["data", "convert", &from, "x.xls"];
    bench
        .call(&call)
        .exits(2)
        .error(&["the extension is xls, expected one of fbin, u8bin"]);
    let call = ["data", "convert", &from, "x.fbin", "--rows", "10..201"];
    bench
        .call(&call)
        .exits(2)
        .error(&["--rows is 10..201, but", "has rows 0..200"]);
    let entries = fs::read_dir(bench.path()).expect("a folder");
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["scenario.toml", "there.npy"]);
}
