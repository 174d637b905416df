//! Who may import whom: `use crate::` lines against the table of ARCHITECTURE.md. A new edge is a
//! decision of its own.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Module, and the siblings that it may import.
const EDGES: &[(&str, &[&str])] = &[
    ("scenario", &[]),
    ("pacer", &[]),
    ("dataset", &[]),
    ("not_grpc", &[]),
    ("mask", &[]),
    ("open_files", &[]),
    ("milvus", &["not_grpc", "open_files"]),
    ("null_milvus", &["milvus"]),
    ("telemetry", &["mask", "not_grpc"]),
    ("record", &[]),
    ("spans", &["mask", "not_grpc", "open_files"]),
    ("stack", &[]),
    ("operation", &["milvus", "dataset"]),
    (
        "plan",
        &[
            "scenario",
            "dataset",
            "operation",
            "pacer",
            "spans",
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
        ],
    ),
    ("analysis", &["record", "spans"]),
    ("report", &["record", "analysis"]),
    ("doctor", &["milvus", "telemetry", "spans"]),
    (
        "calibrate",
        &[
            "scenario",
            "plan",
            "operation",
            "load",
            "record",
            "telemetry",
            "stack",
            "open_files",
        ],
    ),
    (
        "runner",
        &[
            "plan",
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
            "calibrate",
        ],
    ),
    (
        "cli",
        &[
            "scenario",
            "pacer",
            "dataset",
            "not_grpc",
            "mask",
            "open_files",
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

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder)
        .expect("a folder of src")
        .map(|entry| entry.expect("an entry").path())
    {
        if entry.is_dir() {
            rust_files(&entry, found);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            found.push(entry);
        }
    }
}

/// First names behind `crate::` in `text`, those of a braced list among them.
fn imported(text: &str) -> Vec<String> {
    let word = |text: &str| {
        text.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect::<String>()
    };
    let code: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .map(|line| format!("{line}\n"))
        .collect();
    let mut names = Vec::new();
    for rest in code.split("crate::").skip(1) {
        if let Some(list) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut start = true;
            for (at, c) in list.char_indices() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => start = true,
                    c if depth == 0 && start && (c.is_alphanumeric() || c == '_') => {
                        names.push(word(&list[at..]));
                        start = false;
                    }
                    _ => {}
                }
            }
        } else {
            names.push(word(rest));
        }
    }
    names
}

#[test]
fn modules_import_only_what_the_table_allows() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let allowed: BTreeMap<&str, &[&str]> = EDGES.iter().copied().collect();
    let mut files = Vec::new();
    rust_files(&source, &mut files);
    let mut wrong = Vec::new();
    for file in files {
        let inside = file.strip_prefix(&source).expect("below src");
        let module = inside
            .components()
            .next()
            .expect("a name")
            .as_os_str()
            .to_string_lossy()
            .trim_end_matches(".rs")
            .to_owned();
        if matches!(module.as_str(), "lib" | "main") {
            continue;
        }
        let may = allowed
            .get(module.as_str())
            .unwrap_or_else(|| panic!("{module} is not in the table"));
        let names = imported(&fs::read_to_string(&file).expect("a source file"));
        wrong.extend(
            names
                .into_iter()
                .filter(|name| {
                    *name != module
                        && allowed.contains_key(name.as_str())
                        && !may.contains(&name.as_str())
                })
                .map(|name| format!("{} imports {name}", inside.display())),
        );
    }
    assert!(
        wrong.is_empty(),
        "edges that the table does not have:\n{}",
        wrong.join("\n")
    );
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
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&source, &mut files);
    let names = |file: &PathBuf| -> bool {
        let text = fs::read_to_string(file).expect("a source file");
        let code = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        code.flat_map(|line| line.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')))
            .any(|word| {
                SDK.iter()
                    .any(|name| word.strip_prefix("::").unwrap_or(word).starts_with(name))
            })
    };
    let (inside, outside): (Vec<_>, Vec<_>) = files
        .into_iter()
        .filter(names)
        .partition(|file| file.starts_with(source.join("telemetry")));
    assert!(!inside.is_empty() && outside.is_empty(), "{outside:?}");
}

#[test]
fn nothing_ends_the_process_below_main() {
    let mut files = Vec::new();
    rust_files(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut files,
    );
    let ends = |file: &&PathBuf| {
        ["process::exit", "process::abort"].iter().any(|word| {
            fs::read_to_string(file)
                .expect("a source file")
                .contains(word)
        })
    };
    let found: Vec<_> = files.iter().filter(ends).collect();
    assert!(found.is_empty(), "{found:?}");
}

/// Words of code that writes to stdout or stderr itself. The macros panic where those are gone.
const PRINTS: [&str; 4] = ["print!(", "println!(", "io::stderr()", "io::stdout().lock"];

#[test]
fn only_the_output_of_the_command_line_prints() {
    let mut files = Vec::new();
    rust_files(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut files,
    );
    files.retain(|file| !file.ends_with("cli/output.rs"));
    // Asking whether it is a terminal writes nothing.
    let code = |file: &PathBuf| {
        fs::read_to_string(file)
            .expect("a source file")
            .replace("io::stderr().is_terminal()", "")
    };
    let found: Vec<_> = files
        .iter()
        .filter(|file| PRINTS.iter().any(|word| code(file).contains(word)))
        .collect();
    assert!(found.is_empty(), "{found:?}");
}

/// Crates and words of a command line, and of a terminal.
const COMMAND_LINE: [&str; 5] = ["clap", "indicatif", "console", "is_terminal", "args_os"];

/// A program that runs scenarios through the library has neither.
#[test]
fn runner_and_calibrate_know_no_command_line_and_draw_nothing() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    for module in ["runner", "calibrate"] {
        rust_files(&source.join(module), &mut files);
    }
    assert!(files.len() > 20, "{files:?}");
    let named = |file: &PathBuf| -> Vec<String> {
        let text = fs::read_to_string(file).expect("a source file");
        let code: Vec<&str> = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect();
        let words: Vec<&str> = code
            .iter()
            .flat_map(|line| line.split(|c: char| !(c.is_alphanumeric() || c == '_')))
            .collect();
        COMMAND_LINE
            .iter()
            .filter(|name| words.contains(name))
            .map(|name| format!("{} names {name}", file.display()))
            .collect()
    };
    let found: Vec<String> = files.iter().flat_map(named).collect();
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn an_edge_in_a_braced_list_is_seen() {
    assert_eq!(
        imported("use crate::{\n    load::{a, b},\n    plan::c,\n};\n"),
        ["load", "plan"]
    );
    assert_eq!(
        imported("// crate::load\nlet x = crate::stack::up();"),
        ["stack"]
    );
}
