//! Tables and lists that are made from the program.

use std::fmt::Write as _;

use milvus_bench::{
    analysis::{AREAS, AreaRow},
    dataset::DATASETS,
    operation::{OPERATIONS, default_metric, indexes_of, metrics_of},
    plan::key_table,
    report::REPORTS,
    spans::SPAN_SOURCES,
    vector_type::VectorType,
};

use crate::{
    documents::{check_generated, read},
    program::{program, subcommands, subcommands_of},
};

/// Name of this test binary.
const TEST: &str = "readme";

#[test]
fn the_table_of_keys_is_the_programs() {
    check_generated("docs/reference/scenario.md", "keys", &key_table(), TEST);
}

#[test]
fn the_table_of_vector_types_is_the_programs() {
    let version = |(major, minor): (u32, u32)| format!("{major}.{minor}");
    let mut text =
        String::from("| type | since | metrics | index types |\n| --- | --- | --- | --- |\n");
    for vector_type in VectorType::all() {
        let default = default_metric(vector_type);
        let mut metrics = metrics_of(vector_type);
        metrics.sort_by_key(|metric| *metric != default);
        let since = vector_type.since();
        let indexes: Vec<String> = indexes_of(vector_type)
            .into_iter()
            .map(|(name, first)| {
                if first > since {
                    format!("{name} ({})", version(first))
                } else {
                    name.to_owned()
                }
            })
            .collect();
        let _ = writeln!(
            text,
            "| {vector_type} | {} | {} | {} |",
            version(since),
            metrics.join(", "),
            indexes.join(", ")
        );
    }
    check_generated(
        "docs/reference/vector-types.md",
        "vector-types",
        &text,
        TEST,
    );
}

/// The row of `key` in the table of keys.
fn key_row<'a>(table: &'a str, key: &str) -> &'a str {
    table
        .lines()
        .find(|line| line.starts_with(&format!("| `{key}` |")))
        .unwrap_or_else(|| panic!("no row {key}"))
}

#[test]
fn the_table_of_keys_names_every_choice() {
    let table = key_table();
    let check = |key: &str, names: Vec<&str>| {
        assert!(
            key_row(&table, key).contains(&format!("| {} |", names.join(", "))),
            "{key}: {names:?}"
        )
    };
    check(
        "source",
        SPAN_SOURCES.iter().map(|entry| entry.name).collect(),
    );
    check("format", DATASETS.iter().map(|entry| entry.name).collect());
    check(
        "operation",
        OPERATIONS.iter().map(|entry| entry.name).collect(),
    );
}

#[test]
fn the_options_of_each_command_are_the_programs() {
    let mut text = String::new();
    let mut add = |command: &[&str]| {
        let title = command.join(" ");
        let help = program(&[command, &["--help"]].concat());
        let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
        let level = "#".repeat(command.len() + 2);
        let gap = if text.is_empty() { "" } else { "\n" };
        writeln!(
            text,
            "{gap}{level} milvus-bench {title}\n\n```text\n{}\n```",
            lines.join("\n").trim_end()
        )
        .expect("a String takes any text");
    };
    for name in subcommands() {
        add(&[&name]);
        for below in subcommands_of(&name) {
            add(&[&name, &below]);
        }
    }
    check_generated("docs/reference/command-line.md", "help", &text, TEST);
}

#[test]
fn the_table_of_sources_is_the_programs() {
    let mut table = "| `source` | reads | times |\n| --- | --- | --- |\n".to_owned();
    for entry in SPAN_SOURCES {
        let cell = |text: &str| format!(" {text}{}|", if text.is_empty() { "" } else { " " });
        let _ = writeln!(
            table,
            "| `{}` |{}{}",
            entry.name,
            cell(entry.reads),
            cell(entry.times)
        );
    }
    check_generated("docs/your-milvus.md", "sources", &table, TEST);
}

#[test]
fn the_table_of_data_formats_is_the_programs() {
    let mut table =
        "| `format` | files | true neighbours | what |\n| --- | --- | --- | --- |\n".to_owned();
    let page = read("docs/data-formats.md");
    let layouts = page.split("## Layouts").nth(1).expect("the layouts");
    for entry in DATASETS {
        let names: Vec<String> = entry
            .extensions()
            .iter()
            .map(|extension| format!("`.{extension}`"))
            .collect();
        // What is made has no files, and no layout.
        if names.is_empty() {
            continue;
        }
        assert!(
            layouts.contains(&format!("`{}`", entry.name)),
            "{}",
            entry.name
        );
        let neighbours = entry
            .neighbours()
            .map_or("none".to_owned(), |name| format!("`{name}`"));
        let _ = writeln!(
            table,
            "| `{}` | {} | {neighbours} | {} |",
            entry.name,
            names.join(", "),
            entry.summary
        );
    }
    check_generated("docs/data-formats.md", "formats", &table, TEST);
}

/// The areas as rows of a table, with the sign that each has in a terminal.
fn area_table() -> String {
    let mut table =
        "| area | symbol | what its time is spent on |\n| --- | --- | --- |\n".to_owned();
    for AreaRow {
        name,
        sign,
        meaning,
        ..
    } in &AREAS
    {
        writeln!(table, "| {name} | `{sign}` | {meaning} |").expect("a String takes any text");
    }
    table
}

#[test]
fn the_table_of_areas_is_the_programs() {
    check_generated("docs/reading-a-report.md", "areas", &area_table(), TEST);
}

#[test]
fn every_report_format_has_its_row() {
    let page = read("docs/reference/run-folder.md");
    for entry in REPORTS {
        let row = format!("| `{}` | `{}` |", entry.name, entry.file);
        assert!(page.contains(&row), "{row}");
    }
}

/// The edges of `tests/layout.rs` as rows of a table.
fn import_table() -> String {
    let code = read("tests/layout.rs");
    let edges = code
        .split("const EDGES")
        .nth(1)
        .and_then(|rest| rest.split("];").next())
        .expect("the table of edges");
    let edges = edges.split_once('=').expect("a value").1;
    let mut table = "| module | may import |\n| --- | --- |\n".to_owned();
    for row in edges.split('(').skip(1) {
        let names: Vec<&str> = row.split('"').skip(1).step_by(2).collect();
        let (module, imports) = names.split_first().expect("a module");
        let imports = match imports {
            [] => "no sibling".to_owned(),
            all if *module == "cli" => format!("all {} others", all.len()),
            some => some
                .iter()
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(", "),
        };
        writeln!(table, "| `{module}` | {imports} |").expect("a String takes any text");
    }
    table
}

#[test]
fn the_table_of_imports_is_that_of_the_layout_test() {
    check_generated(
        "docs/architecture/internals.md",
        "imports",
        &import_table(),
        TEST,
    );
}
