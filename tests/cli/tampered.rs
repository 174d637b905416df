//! Run folders that were cut, lost a file or hold rubbish: a sentence, or a report of what is left
//! that says so.

use std::{cell::RefCell, fs, path::Path};

use serde_json::Value;

use milvus_bench::null_milvus::FakeMilvus;

use crate::{bench::Bench, folder::Folder, joined};

/// What a report is made of.
const FILES: [&str; 6] = [
    "run.json",
    "requests.jsonl",
    "latency.hlog",
    "connections.hlog",
    "spans.jsonl",
    "scenario.toml",
];

/// Cuts and pieces of rubbish per file.
const PLACES: u64 = 8;

/// A run with spans, whose folder is copied for each case.
struct Original {
    bench: Bench,
    folder: Folder,
    report: Value,
    wrong: RefCell<Vec<String>>,
}

impl Original {
    fn new() -> Self {
        let fake = FakeMilvus::start();
        let (bench, folder) = joined::run(&fake, milvus_bench::null_milvus::Shape::v2_3_5(), &[]);
        let report = folder.report();
        Self {
            bench,
            folder,
            report,
            wrong: RefCell::default(),
        }
    }

    /// Reports a copy whose `file` is what `damage` makes of its bytes; None: it is missing.
    fn check(&self, file: &str, what: &str, damage: impl FnOnce(Vec<u8>) -> Option<Vec<u8>>) {
        let copy = tempfile::tempdir_in(self.bench.path()).expect("a folder");
        for name in FILES {
            fs::copy(self.folder.path().join(name), copy.path().join(name)).expect("a copy");
        }
        let path = copy.path().join(file);
        match damage(fs::read(&path).expect("a file of the run")) {
            Some(bytes) => fs::write(&path, bytes).expect("a damaged file"),
            None => fs::remove_file(&path).expect("a missing file"),
        }
        self.wrong
            .borrow_mut()
            .extend(self.judge(&format!("{file} {what}"), copy.path()));
    }

    /// None where all is well, else what is not.
    fn judge(&self, case: &str, copy: &Path) -> Option<String> {
        let ended = self.bench.call(&["report", &copy.display().to_string()]);
        match ended.code {
            Some(2) => {
                let one = ended.stderr.starts_with("error: ") && ended.stderr.lines().count() == 1;
                (!one).then(|| format!("{case}: not one sentence: {}", ended.stderr))
            }
            Some(0) => {
                let report: Value =
                    serde_json::from_slice(&fs::read(copy.join("report.json")).expect("a report"))
                        .expect("JSON");
                // Figures that are not those of the whole run have a word beside them.
                let warned = report["warnings"] != self.report["warnings"]
                    || report["verdict"] != self.report["verdict"];
                let same = report["workloads"] == self.report["workloads"];
                (!same && !warned).then(|| format!("{case}: other figures, and no word of it"))
            }
            other => Some(format!("{case}: exit code {other:?}: {}", ended.stderr)),
        }
    }
}

/// Numbers that look like chance and are the same in every run of the test.
fn chance(seed: u64) -> u64 {
    let mut bits = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits ^ (bits >> 31)
}

#[test]
fn a_damaged_folder_gives_a_sentence_or_a_report_that_says_so() {
    let original = Original::new();
    original.check("run.json", "untouched", Some);
    for (number, file) in FILES.into_iter().enumerate() {
        original.check(file, "missing", |_| None);
        original.check(file, "empty", |_| Some(Vec::new()));
        for place in 0..PLACES {
            let seed = chance(number as u64 * 1_000 + place);
            let at = |length: usize| (seed % (length.max(1) as u64)) as usize;
            original.check(file, &format!("cut ({place})"), |bytes| {
                Some(bytes[..at(bytes.len())].to_vec())
            });
            original.check(file, &format!("with rubbish ({place})"), |mut bytes| {
                let from = at(bytes.len());
                let rubbish = (0..32).map(|offset| chance(seed ^ offset) as u8);
                bytes
                    .iter_mut()
                    .skip(from)
                    .zip(rubbish)
                    .for_each(|(byte, rubbish)| *byte = rubbish);
                Some(bytes)
            });
        }
    }
    for place in 0..PLACES {
        original.check(
            "run.json",
            &format!("with another digit ({place})"),
            |mut bytes| {
                let digits: Vec<usize> = (0..bytes.len())
                    .filter(|at| bytes[*at].is_ascii_digit())
                    .collect();
                let at = digits[(chance(place) % digits.len() as u64) as usize];
                bytes[at] = b'0' + (bytes[at] - b'0' + 1) % 10;
                Some(bytes)
            },
        );
    }
    original.check("run.json", "without its phases", |bytes| {
        let mut info: Value = serde_json::from_slice(&bytes).expect("run.json");
        info["phases"] = Value::Array(Vec::new());
        Some(info.to_string().into_bytes())
    });
    original.check("run.json", "of another version", |bytes| {
        let mut info: Value = serde_json::from_slice(&bytes).expect("run.json");
        info["format"] = 99.into();
        Some(info.to_string().into_bytes())
    });
    let wrong = original.wrong.take();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A pipe would be waited for, and `/dev/zero` has no end; `/dev/null` is as little a file, and
/// ends the test in any case.
#[test]
fn a_device_in_the_place_of_a_file_is_refused() {
    let original = Original::new();
    for file in ["requests.jsonl", "latency.hlog"] {
        let copy = tempfile::tempdir_in(original.bench.path()).expect("a folder");
        for name in FILES.into_iter().filter(|name| *name != file) {
            fs::copy(original.folder.path().join(name), copy.path().join(name)).expect("a copy");
        }
        std::os::unix::fs::symlink("/dev/null", copy.path().join(file)).expect("a link");
        let folder = copy.path().display().to_string();
        original
            .bench
            .call(&["report", &folder])
            .exits(2)
            .error(&[file, "it is a pipe or a device and not a regular file"]);
        original
            .bench
            .call(&[
                "compare",
                "--baseline",
                original.folder.name(),
                "--run",
                &folder,
            ])
            .exits(2);
    }
}
