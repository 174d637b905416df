//! How the code is laid out: who may import whom, against the table of ARCHITECTURE.md, where a new
//! edge is a decision of its own; no files that need each other in a ring; lines and functions that
//! fit a screen; who may print, end the process and name the SDK.

#[path = "layout/graph.rs"]
mod graph;
#[path = "layout/paths.rs"]
mod paths;
#[path = "layout/source.rs"]
mod source;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use paths::{Tests, hidden_lengths, named};
use source::{read, rust_files};

/// Module, and the siblings that it may import.
const EDGES: &[(&str, &[&str])] = &[
    ("keys", &[]),
    ("scenario", &["keys"]),
    ("pacer", &[]),
    ("vector_type", &[]),
    ("dataset", &["vector_type"]),
    ("fetch", &["dataset", "tls"]),
    ("not_grpc", &[]),
    ("mask", &[]),
    ("open_files", &[]),
    ("tls", &[]),
    ("milvus", &["not_grpc", "open_files", "tls", "vector_type"]),
    ("null_milvus", &["milvus", "vector_type"]),
    ("telemetry", &["mask", "not_grpc", "tls"]),
    ("record", &[]),
    ("spans", &["mask", "not_grpc", "open_files", "tls"]),
    ("stack", &[]),
    ("operation", &["keys", "milvus", "dataset", "vector_type"]),
    (
        "plan",
        &[
            "keys",
            "scenario",
            "dataset",
            "vector_type",
            "operation",
            "pacer",
            "spans",
            "tls",
            "record",
            "report",
            "analysis",
        ],
    ),
    (
        "load",
        &[
            "plan",
            "operation",
            "pacer",
            "milvus",
            "telemetry",
            "record",
            "dataset",
            "vector_type",
        ],
    ),
    ("analysis", &["record", "spans"]),
    ("report", &["record", "analysis"]),
    (
        "doctor",
        &["milvus", "telemetry", "spans", "tls", "vector_type"],
    ),
    (
        "calibrate",
        &[
            "scenario",
            "plan",
            "operation",
            "load",
            "record",
            "telemetry",
            "null_milvus",
            "stack",
            "open_files",
        ],
    ),
    (
        "runner",
        &[
            "plan",
            "operation",
            "load",
            "milvus",
            "telemetry",
            "record",
            "spans",
            "analysis",
            "report",
            "doctor",
            "stack",
            "open_files",
            "tls",
            "calibrate",
            "vector_type",
        ],
    ),
    (
        "cli",
        &[
            "keys",
            "scenario",
            "pacer",
            "dataset",
            "fetch",
            "vector_type",
            "not_grpc",
            "mask",
            "open_files",
            "tls",
            "milvus",
            "null_milvus",
            "telemetry",
            "record",
            "spans",
            "stack",
            "operation",
            "plan",
            "load",
            "analysis",
            "report",
            "doctor",
            "calibrate",
            "runner",
        ],
    ),
];

/// Columns of a line of code, in characters.
const COLUMNS: usize = 100;

/// Lines of a function's body, by clippy's count.
const FUNCTION_LINES: &str = "too-many-lines-threshold = 70";

/// Files that may need each other: two that are one thought, such as a reader and its cursor.
const RING: usize = 2;

#[test]
fn modules_import_only_what_the_table_allows() {
    let allowed: BTreeMap<&str, &[&str]> = EDGES.iter().copied().collect();
    let mut wrong = BTreeSet::new();
    for file in rust_files("src") {
        let Some(module) = source::module(&file).filter(|names| !names.is_empty()) else {
            continue;
        };
        let own = module[0].as_str();
        let may = allowed
            .get(own)
            .unwrap_or_else(|| panic!("{own} is not in the table"));
        for path in named(&read(&file), &module, Tests::Counted).paths {
            let name = path.first().map_or("", String::as_str);
            if name != own && allowed.contains_key(name) && !may.contains(&name) {
                wrong.insert(format!("{} imports {name}", file.display()));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "edges that the table does not have:\n{}",
        list(wrong)
    );
}

#[test]
fn no_more_than_two_files_need_each_other() {
    let graph = graph::files();
    assert!(
        graph.len() > 100,
        "the files of src were not found: {graph:?}"
    );
    let wrong = graph::components(&graph)
        .into_iter()
        .filter(|files| files.len() > RING);
    let edges = |files: Vec<String>| {
        let within = |file: &String| {
            let needs = graph[file].iter().filter(|other| files.contains(other));
            format!(
                "{file} needs {}",
                needs.cloned().collect::<Vec<_>>().join(", ")
            )
        };
        files.iter().map(within).collect::<Vec<_>>().join("\n") + "\n"
    };
    let wrong: Vec<String> = wrong.map(edges).collect();
    assert!(
        wrong.is_empty(),
        "rings of more than {RING} files:\n{}",
        list(wrong)
    );
}

#[test]
fn lines_fit_the_columns() {
    let files = source::hand_written();
    assert!(
        files.len() > 300,
        "the files were not found: {}",
        files.len()
    );
    let mut wrong = Vec::new();
    for (file, text) in &files {
        let file = file.display().to_string();
        for (line, number) in text.lines().zip(1..) {
            let columns = line.chars().count();
            // A row of a table, of documentation, can't be broken.
            let is_row = line
                .trim_start()
                .trim_start_matches(['/', '!'])
                .starts_with(" | ");
            if columns > COLUMNS && !is_row {
                wrong.push(format!("{file}:{number}: {columns} columns"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "lines above {COLUMNS} columns:\n{}",
        list(wrong)
    );
}

#[test]
fn a_function_is_long_only_with_a_reason() {
    assert!(
        read(Path::new("clippy.toml"))
            .lines()
            .any(|line| line == FUNCTION_LINES)
    );
    let manifest: toml::Table = read(Path::new("Cargo.toml")).parse().expect("a manifest");
    assert_eq!(
        manifest["lints"]["clippy"]["too_many_lines"].as_str(),
        Some("warn")
    );
    let mut wrong = Vec::new();
    for file in ["src", "tests", "benches", "examples"]
        .into_iter()
        .flat_map(rust_files)
    {
        let hidden = hidden_lengths(&read(&file)).into_iter();
        wrong.extend(hidden.map(|what| format!("{}: {what}", file.display())));
    }
    assert!(
        wrong.is_empty(),
        "no `#[expect(..., reason)]`:\n{}",
        list(wrong)
    );
}

fn list(lines: impl IntoIterator<Item = String>) -> String {
    lines.into_iter().collect::<Vec<_>>().join("\n")
}

/// OpenTelemetry's SDK stays behind one door; `opentelemetry_proto`, which has OTLP's types alone,
/// is no part of it.
#[test]
fn only_telemetry_names_the_sdk() {
    const SDK: [&str; 4] = [
        "opentelemetry::",
        "opentelemetry_sdk",
        "opentelemetry_otlp",
        "opentelemetry_http",
    ];
    let names = |file: &PathBuf| -> bool {
        let text = read(file);
        let code = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        code.flat_map(|line| line.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')))
            .any(|word| {
                SDK.iter()
                    .any(|name| word.strip_prefix("::").unwrap_or(word).starts_with(name))
            })
    };
    let (inside, outside): (Vec<_>, Vec<_>) = rust_files("src")
        .into_iter()
        .filter(names)
        .partition(|file| file.starts_with("src/telemetry"));
    assert!(!inside.is_empty() && outside.is_empty(), "{outside:?}");
}

#[test]
fn nothing_ends_the_process_below_main() {
    let ends = |file: &PathBuf| {
        let text = read(file);
        ["process::exit", "process::abort"]
            .iter()
            .any(|word| text.contains(word))
    };
    let found: Vec<_> = rust_files("src").into_iter().filter(ends).collect();
    assert!(found.is_empty(), "{found:?}");
}

/// Words of code that writes to stdout or stderr itself. The macros panic where those are gone.
const PRINTS: [&str; 4] = ["print!(", "println!(", "io::stderr()", "io::stdout().lock"];

#[test]
fn only_the_output_of_the_command_line_prints() {
    let prints = |file: &PathBuf| {
        // Asking whether it is a terminal writes nothing.
        let code = read(file).replace("io::stderr().is_terminal()", "");
        PRINTS.iter().any(|word| code.contains(word))
    };
    let found: Vec<_> = rust_files("src")
        .into_iter()
        .filter(|file| !file.ends_with("cli/output.rs") && prints(file))
        .collect();
    assert!(found.is_empty(), "{found:?}");
}

/// Crates and words of a command line, and of a terminal.
const COMMAND_LINE: [&str; 5] = ["clap", "indicatif", "console", "is_terminal", "args_os"];

/// A program that runs scenarios through the library has neither.
#[test]
fn runner_and_calibrate_know_no_command_line_and_draw_nothing() {
    let files: Vec<PathBuf> = ["src/runner", "src/calibrate"]
        .into_iter()
        .flat_map(rust_files)
        .collect();
    assert!(files.len() > 20, "{files:?}");
    let names = |file: &PathBuf| -> Vec<String> {
        let text = read(file);
        let code = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        let words: BTreeSet<&str> = code
            .flat_map(|line| line.split(|c: char| !(c.is_alphanumeric() || c == '_')))
            .collect();
        let found = COMMAND_LINE.iter().filter(|name| words.contains(*name));
        found
            .map(|name| format!("{} names {name}", file.display()))
            .collect()
    };
    let found: Vec<String> = files.iter().flat_map(names).collect();
    assert!(found.is_empty(), "{found:?}");
}
