//! Blocks of the documents: commands are run, scenarios checked, YAML read.
//!
//! Commands run in a scratch folder, against a fake Milvus that exports its spans to a trace back
//! end in this process. It has the shipped scenarios, and each block of TOML that begins with the
//! name of its file (`# gate.toml`). A block that can't be run there has a comment before it, which
//! readers don't see: `<!-- not run: REASON -->`.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use milvus_bench::{
    milvus::methods,
    null_milvus::{FakeMilvus, Shape},
};
use tempfile::TempDir;

use crate::{
    documents::{Block, Document, documents, for_users, root},
    program::PROGRAM,
    support::trace_backend::TraceBackend,
};

/// Languages of blocks that hold commands.
const SHELLS: [&str; 3] = ["sh", "bash", "console"];

/// Documents whose commands take hours, or belong to another folder.
const ELSEWHERE: [&str; 2] = ["benches/README.md", "deploy/compose/README.md"];

/// How a comment begins that says why a block is not run.
const NOT_RUN: &str = "<!-- not run: ";

/// A folder like a checkout, and the servers that stand for the reader's own.
struct Scratch {
    folder: TempDir,
    milvus: FakeMilvus,
    backend: TraceBackend,
}

impl Scratch {
    async fn start() -> Self {
        let (milvus, backend) = (FakeMilvus::start(), TraceBackend::start().await);
        milvus.spans_to(&backend.otlp(), Shape::v2_3_5());
        // Far more than this client is late on a busy machine, so that runs can be compared.
        milvus.delay(&methods::SEARCH, Duration::from_millis(100));
        let scratch = Self {
            folder: tempfile::tempdir().expect("a scratch folder"),
            milvus,
            backend,
        };
        let scenarios = scratch.path().join("scenarios");
        fs::create_dir(&scenarios).expect("a folder");
        symlink(root().join("scenarios/data"), scenarios.join("data")).expect("a link");
        for entry in fs::read_dir(root().join("scenarios")).expect("the scenarios") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|ending| ending == "toml") {
                let name = path.file_name().expect("a name");
                let text = fs::read_to_string(&path).expect("a scenario");
                fs::write(scenarios.join(name), scratch.short(&text)).expect("a scratch file");
            }
        }
        scratch.wrap_program();
        scratch
    }

    /// Puts a `milvus-bench` into the folder `bin` that takes an invalid run for a success: what
    /// else this machine does is no fault of a command.
    fn wrap_program(&self) {
        let bin = self.path().join("bin");
        fs::create_dir(&bin).expect("a folder");
        let script =
            format!("#!/bin/sh\n'{PROGRAM}' \"$@\"\ncode=$?\n[ $code = 3 ] || exit $code\n");
        let file = bin.join("milvus-bench");
        fs::write(&file, script).expect("a scratch file");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("its mode");
    }

    /// A shipped scenario with the servers of this scratch, which takes a second or two and reads
    /// spans as soon as they are there.
    fn short(&self, scenario: &str) -> String {
        let lines =
            scenario
                .lines()
                .map(|line| match line.split(" = ").next().unwrap_or_default() {
                    "duration" => "duration = \"1s\"",
                    "warmup" => "warmup = \"100ms\"",
                    _ => line,
                });
        let lines = lines.collect::<Vec<_>>().join("\n");
        let mut table: toml::Table = lines.parse().expect("TOML");
        let servers = format!(
            "milvus.uri = \"{}\"\ntracing.export = \"{}\"\ntracing.spans = {{ source = \
             \"jaeger-json\", endpoint = \"{}\", settle = \"0s\", deadline = \"5s\" }}\n",
            self.milvus.uri(),
            self.backend.otlp(),
            self.backend.http()
        );
        merge(&mut table, servers.parse().expect("TOML"));
        table.to_string()
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes the scenarios of `document` whose blocks begin with the names of their files.
    fn write_scenarios(&self, document: &Document) {
        for block in document.blocks() {
            let first = block.code.lines().next().unwrap_or_default();
            let name = first
                .strip_prefix("# ")
                .filter(|_| block.language == "toml");
            if let Some(name) = name.filter(|name| name.ends_with(".toml")) {
                let file = self.path().join(name);
                fs::write(file, self.short(&block.code)).expect("a scratch file");
            }
        }
    }

    /// `code` with the addresses of this scratch in place of those of the reader.
    fn here(&self, code: &str) -> String {
        code.replace("http://milvus.example:19530", &self.milvus.uri())
            .replace("http://jaeger.example:16686", &self.backend.http())
            .replace("http://jaeger.example:4317", &self.backend.otlp())
            .replace("cargo run --release --", "milvus-bench")
    }

    /// Runs the commands of `block`.
    fn run(&self, document: &Document, block: &Block) {
        let programs = self.path().join("bin").display().to_string();
        let path = std::env::var("PATH").unwrap_or_default();
        let output = Command::new("bash")
            .args(["-euo", "pipefail", "-c", &self.here(&block.code)])
            .current_dir(self.path())
            .env("PATH", format!("{programs}:{path}"))
            .env("MILVUS_BENCH_CALIBRATE", "off")
            .env("MILVUS_BENCH_CACHE", self.path().join("cache"))
            .stdin(Stdio::null())
            .output()
            .expect("bash runs");
        assert!(
            output.status.success(),
            "{}:{}: {}\n{}\n{}\n{}",
            document.path,
            block.line,
            output.status,
            block.code,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

/// Blocks of commands of `document` that are run.
fn runnable(document: &Document) -> Vec<Block> {
    let blocks = document.blocks().into_iter();
    blocks
        .filter(|block| SHELLS.contains(&block.language.as_str()))
        .filter(|block| !block.comment.starts_with(NOT_RUN))
        .collect()
}

/// Runs the blocks of every document that `wanted` accepts.
async fn run(wanted: impl Fn(&str) -> bool) {
    let mut count = 0;
    for document in documents() {
        let blocks = runnable(&document);
        if blocks.is_empty() || !wanted(&document.path) || is_elsewhere(&document) {
            continue;
        }
        let scratch = Scratch::start().await;
        scratch.write_scenarios(&document);
        // Pages begin after a first run.
        let first = Block {
            language: "sh".to_owned(),
            code: "milvus-bench run scenarios/quickstart.toml --quiet".to_owned(),
            comment: String::new(),
            line: 0,
        };
        tokio::task::block_in_place(|| {
            for block in [first].iter().chain(&blocks) {
                scratch.run(&document, block);
            }
        });
        count += blocks.len();
    }
    assert!(count > 0, "no block was found");
}

fn is_elsewhere(document: &Document) -> bool {
    ELSEWHERE.contains(&document.path.as_str())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_readme_do_what_they_say() {
    run(|path| !path.starts_with("docs/")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_pages_do_what_they_say() {
    run(|path| path.starts_with("docs/")).await;
}

/// A gate that can't fail is none.
#[tokio::test(flavor = "multi_thread")]
async fn the_gate_of_the_recipes_stops_a_search_that_is_too_slow() {
    let scratch = Scratch::start().await;
    scratch.write_scenarios(&Document::open("docs/ci.md".to_owned()));
    scratch
        .milvus
        .delay(&methods::SEARCH, Duration::from_millis(700));
    let output = tokio::task::block_in_place(|| {
        Command::new(PROGRAM)
            .args(["run", "gate.toml", "--quiet"])
            .current_dir(scratch.path())
            .env("MILVUS_BENCH_CALIBRATE", "off")
            .output()
            .expect("milvus-bench runs")
    });
    let report = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{report}");
    assert!(report.contains("response_time.p99 < 500ms"), "{report}");
}

#[test]
fn a_block_that_is_not_run_has_a_reason() {
    for document in documents()
        .iter()
        .filter(|document| !is_elsewhere(document))
    {
        for block in document.blocks() {
            let Some(reason) = block.comment.strip_prefix(NOT_RUN) else {
                continue;
            };
            assert!(
                reason.split_whitespace().count() > 3,
                "{}:{}: {reason}",
                document.path,
                block.line
            );
        }
    }
}

/// `table` with all of `other`, whose values take the place of those that are there.
fn merge(table: &mut toml::Table, other: toml::Table) {
    for (key, value) in other {
        match (table.get_mut(&key), value) {
            (Some(toml::Value::Table(there)), toml::Value::Table(value)) => merge(there, value),
            (_, value) => {
                table.insert(key, value);
            }
        }
    }
}

/// A scenario to check, made of `block`: as it is where it has phases, else within the quickstart.
fn scenario(block: &Block) -> String {
    let table: toml::Table = block.code.parse().expect("a block of TOML");
    if table.contains_key("phases") {
        return block.code.clone();
    }
    let quickstart = fs::read_to_string(root().join("scenarios/quickstart.toml"));
    let data = root().join("scenarios/data/").display().to_string();
    let quickstart = quickstart.expect("the quickstart").replace("data/", &data);
    let mut whole: toml::Table = quickstart.parse().expect("TOML");
    merge(&mut whole, table);
    whole.to_string()
}

#[test]
fn the_scenarios_of_the_documents_can_be_run() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    // Two queries of four floats, all zero.
    let queries: Vec<u8> = [2_u32, 4]
        .into_iter()
        .flat_map(u32::to_le_bytes)
        .chain([0; 32])
        .collect();
    fs::write(folder.path().join("questions.fbin"), queries).expect("a scratch file");
    for (file, name) in [
        ("otlp-tls/ca.pem", "ca.pem"),
        ("vectors/main/base.fbin", "base.fbin"),
        ("vectors/main/query.npy", "queries.npy"),
        ("vectors/main/query.npy", "questions.npy"),
        ("vectors/main/truth-fvecs.ivecs", "neighbors.ivecs"),
        ("vectors/main/base-bits.u8bin", "base-bits.u8bin"),
        ("vectors/main/query-bits.u8bin", "query-bits.u8bin"),
        ("vectors/main/truth-bits-hamming.ibin", "truth-hamming.ibin"),
    ] {
        let file = root().join("tests/data").join(file);
        fs::copy(file, folder.path().join(name)).expect("a scratch file");
    }
    let mut checked = 0;
    for document in for_users() {
        let blocks = document.blocks();
        for block in blocks.iter().filter(|block| block.language == "toml") {
            let file = folder.path().join("scenario.toml");
            fs::write(&file, scenario(block)).expect("a scratch file");
            let output = Command::new(PROGRAM)
                .arg("check")
                .arg(&file)
                .output()
                .expect("milvus-bench runs");
            let stderr = String::from_utf8_lossy(&output.stderr);
            // The reader's own files are all that such a block may lack.
            let is_missing = |line: &str| {
                line.contains("can't be opened: No such file") || line.contains("nothing was sent")
            };
            let lacks_files = block.comment.starts_with(NOT_RUN) && stderr.lines().all(is_missing);
            assert!(
                output.status.success() || lacks_files,
                "{}:{}: {stderr}",
                document.path,
                block.line,
            );
            checked += 1;
        }
    }
    assert!(checked > 5, "{checked}");
}

#[test]
fn the_yaml_of_the_documents_can_be_read() {
    let mut read = 0;
    for document in for_users() {
        for block in document.blocks() {
            if block.language == "yaml" {
                let value: Result<serde_json::Value, _> = serde_saphyr::from_str(&block.code);
                assert!(
                    value.as_ref().is_ok_and(serde_json::Value::is_object),
                    "{}:{}: {value:?}",
                    document.path,
                    block.line
                );
                read += 1;
            }
        }
    }
    assert!(read > 2, "{read}");
}

#[test]
fn every_block_has_a_language_that_is_known() {
    let known = [
        "sh", "text", "toml", "yaml", "python", "html", "json", "rust",
    ];
    for document in for_users() {
        for block in document.blocks() {
            assert!(
                known.contains(&block.language.as_str()),
                "{}:{}: {:?}",
                document.path,
                block.line,
                block.language
            );
        }
    }
}
