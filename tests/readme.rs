//! What README.md, the pages of docs/, ARCHITECTURE.md and CONTRIBUTING.md say is so: commands,
//! recipes, options, files, links, scenarios, keys, areas, import edges.
//!
//! `MILVUS_BENCH_UPDATE=1 cargo test --test readme` rewrites what is generated: the tables of keys,
//! of areas and of import edges.

use std::{collections::BTreeSet, fmt::Write as _, fs, path::Path, process::Command};

use milvus_bench::{
    analysis::{AREAS, AreaRow},
    dataset::DATASETS,
    operation::OPERATIONS,
    plan::key_table,
    report::REPORTS,
    spans::SPAN_SOURCES,
};

/// Set to 1 to rewrite what is generated.
const UPDATE: &str = "MILVUS_BENCH_UPDATE";

/// Subcommands that the interface names and this version has not.
const NOT_BUILT: [&str; 1] = ["merge"];

/// Folders of the project that a path in a document may begin with.
const FOLDERS: [&str; 11] = [
    "src/",
    "tests/",
    "scenarios/",
    "deploy/",
    "benches/",
    "proto/",
    "results/",
    "examples/",
    ".ci/",
    "templates/",
    "docs/",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Every Markdown file for people, README first, by its path from the root.
fn documents() -> Vec<String> {
    let mut files: Vec<String> = [
        "README.md",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "benches/README.md",
        "deploy/compose/README.md",
        "results/README.md",
    ]
    .map(str::to_owned)
    .to_vec();
    files.extend(pages());
    files
}

/// The pages of docs/ and its contents, by their paths from the root.
fn pages() -> Vec<String> {
    let mut pages = Vec::new();
    let mut folders = vec!["docs".to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).expect("a folder of pages") {
            let entry = entry.expect("an entry");
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if entry.file_type().expect("its kind").is_dir() {
                folders.push(path);
            } else if path.ends_with(".md") {
                pages.push(path);
            }
        }
    }
    pages.sort();
    pages
}

/// README and all pages, for what has to stand somewhere in them.
fn for_users() -> String {
    pages()
        .iter()
        .fold(read("README.md"), |text, page| text + "\n" + &read(page))
}

/// stdout of milvus-bench with `arguments`.
fn program(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_milvus-bench"))
        .args(arguments)
        .output()
        .expect("milvus-bench runs");
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Subcommands as `--help` lists them.
fn subcommands() -> BTreeSet<String> {
    let help = program(&["--help"]);
    let list = help
        .split("Commands:\n")
        .nth(1)
        .expect("a list of commands")
        .split("\n\n")
        .next()
        .unwrap_or_default();
    list.lines()
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

/// Where in `text` the generated part `name` is: between its markers.
fn generated(text: &str, name: &str) -> std::ops::Range<usize> {
    let (begin, end) = (
        format!("<!-- {name}:begin -->\n"),
        format!("<!-- {name}:end -->"),
    );
    let from = text.find(&begin).unwrap_or_else(|| panic!("no {begin:?}")) + begin.len();
    from..from
        + text[from..]
            .find(&end)
            .unwrap_or_else(|| panic!("no {end:?}"))
}

/// The generated part `name` of `file` is `expected`; rewritten if that was asked for.
fn check_generated(file: &str, name: &str, expected: &str) {
    let mut text = read(file);
    let range = generated(&text, name);
    if text[range.clone()] == *expected {
        return;
    }
    assert!(
        std::env::var(UPDATE).is_ok_and(|value| value == "1"),
        "{file} is not up to date between its markers {name}: run {UPDATE}=1 cargo test --test \
         readme"
    );
    text.replace_range(range, expected);
    fs::write(root().join(file), text).expect("the document can be written");
}

/// Contents of the fenced blocks of `text`, with their language.
fn blocks(text: &str) -> Vec<(&str, &str)> {
    let fences = text.split("\n```").skip(1).step_by(2);
    fences
        .map(|block| block.split_once('\n').expect("a block has a first line"))
        .collect()
}

/// Inline code of `text`, outside of blocks.
fn spans(text: &str) -> Vec<String> {
    let prose: Vec<&str> = text.split("\n```").step_by(2).collect();
    // A span may go on in the next line.
    prose
        .iter()
        .flat_map(|prose| prose.split('`').skip(1).step_by(2))
        .map(|span| span.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

/// Every piece of code that runs milvus-bench, from its first argument on.
fn commands(text: &str) -> Vec<String> {
    let lines = blocks(text)
        .into_iter()
        .flat_map(|(_, block)| block.lines().map(str::to_owned));
    let after = |code: String| {
        let rest = ["milvus-bench ", "cargo run --release -- "]
            .iter()
            .find_map(|program| code.trim().strip_prefix(program));
        rest.map(|rest| rest.split(" #").next().unwrap_or(rest).trim().to_owned())
    };
    // The report begins no line with the program's name.
    lines.chain(spans(text)).filter_map(after).collect()
}

#[test]
fn the_table_of_keys_is_the_programs() {
    check_generated("docs/reference/scenario.md", "keys", &key_table());
}

#[test]
fn the_reports_of_the_documents_fit_a_screen() {
    for file in ["README.md", "docs/reading-a-report.md"] {
        check_report(file);
    }
}

/// The report that `file` shows has the length and width of a screen.
fn check_report(file: &str) {
    let readme = read(file);
    let report = &readme[generated(&readme, "report")];
    let lines: Vec<&str> = report
        .lines()
        .filter(|line| !line.starts_with("```"))
        .collect();
    assert!((20..=55).contains(&lines.len()), "{} lines", lines.len());
    for line in lines {
        assert!(line.chars().count() <= 110, "{line}");
    }
}

#[test]
fn the_readme_is_short() {
    let size = read("README.md").len();
    assert!(size <= 12 * 1024, "{size} bytes");
}

#[test]
fn the_two_commands_stand_in_blocks_of_their_own() {
    let readme = read("README.md");
    for command in [
        "cargo run --release -- run scenarios/quickstart.toml --stack",
        "cargo test",
    ] {
        assert!(
            blocks(&readme)
                .iter()
                .any(|(_, block)| block.trim() == command),
            "{command}"
        );
    }
}

#[test]
fn every_subcommand_of_the_documents_is_built() {
    let known = subcommands();
    for file in documents() {
        let text = read(&file);
        for command in commands(&text) {
            let name = command.split_whitespace().next().unwrap_or_default();
            assert!(
                known.contains(name),
                "{file} names `milvus-bench {command}`, and the commands are {known:?}"
            );
        }
        for span in spans(&text) {
            assert!(!NOT_BUILT.contains(&span.as_str()), "{file} names `{span}`");
        }
    }
}

/// Recipes of the justfile that people are meant to call.
fn recipes() -> BTreeSet<String> {
    let text = read("justfile");
    let mut names = BTreeSet::new();
    let mut before = "";
    for line in text.lines() {
        let head = line.split(':').next().unwrap_or_default();
        let name = head.split_whitespace().next().unwrap_or_default();
        let is_recipe = line.starts_with(|c: char| c.is_ascii_lowercase())
            && line.contains(':')
            && !line.contains(":=");
        if is_recipe && before != "[private]" {
            names.insert(name.to_owned());
        }
        before = line;
    }
    names
}

#[test]
fn every_recipe_of_the_documents_is_in_the_justfile() {
    let known = recipes();
    for file in documents().iter().map(String::as_str).chain([".ci/run"]) {
        let text = read(file);
        let lines = blocks(&text)
            .into_iter()
            .flat_map(|(_, block)| block.lines().map(str::to_owned));
        for code in lines.chain(spans(&text)) {
            // Variables may stand before it.
            let mut words = code
                .split_whitespace()
                .skip_while(|word| word.contains('='));
            if words.next() != Some("just") {
                continue;
            }
            let name = words.next().unwrap_or_default();
            assert!(
                known.contains(name),
                "{file} names `{code}`, and the recipes are {known:?}"
            );
        }
    }
}

#[test]
fn every_recipe_is_explained_or_is_a_step_of_check() {
    let text = read("justfile");
    let steps = text
        .lines()
        .find_map(|line| line.strip_prefix("steps := "))
        .expect("the steps of check");
    let steps: BTreeSet<&str> = steps.trim_matches('"').split(' ').collect();
    let known = recipes();
    for step in &steps {
        assert!(known.contains(*step), "no recipe {step}: {known:?}");
    }
    let contributing = read("CONTRIBUTING.md");
    for recipe in &known {
        assert!(
            steps.contains(recipe.as_str()) || contributing.contains(&format!("| `just {recipe}")),
            "CONTRIBUTING.md has no row for {recipe}"
        );
    }
}

#[test]
fn every_subcommand_is_in_the_documents() {
    let readme = for_users();
    let used: BTreeSet<String> = commands(&readme)
        .iter()
        .filter_map(|command| command.split_whitespace().next())
        .map(str::to_owned)
        .collect();
    let missing: Vec<String> = subcommands()
        .into_iter()
        .filter(|name| name != "help" && !used.contains(name))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Words of `text` that are options.
fn options(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
    words
        .filter(|word| word.starts_with("--") && word.len() > 2)
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_option_of_the_documents_is_built() {
    let readme = for_users();
    let all: BTreeSet<String> = subcommands()
        .iter()
        .filter(|name| *name != "help")
        .flat_map(|name| options(&program(&[name, "--help"])))
        .collect();
    for command in commands(&readme) {
        let name = command.split_whitespace().next().unwrap_or_default();
        let known = options(&program(&[name, "--help"]));
        assert!(
            options(&command).is_subset(&known),
            "`milvus-bench {command}`: {known:?}"
        );
    }
    // `--release` is Cargo's.
    for span in spans(&readme)
        .iter()
        .filter(|span| span.starts_with("--") && *span != "--release")
    {
        assert!(options(span).is_subset(&all), "{span}");
    }
}

#[test]
fn every_file_of_the_documents_exists() {
    for file in documents() {
        let folder = match file.rsplit_once('/') {
            Some((folder, _)) => root().join(folder),
            None => root().to_owned(),
        };
        let text = read(&file);
        let named = spans(&text)
            .into_iter()
            .filter(|span| FOLDERS.iter().any(|folder| span.starts_with(folder)));
        // Placeholders, and what only a run makes.
        let named = named
            .filter(|span| !span.contains(['<', '*', ' ']) && !span.starts_with("results/latest"));
        for path in named {
            assert!(root().join(&path).exists(), "{file} names `{path}`");
        }
        for target in links(&text) {
            if target.starts_with("http") {
                continue;
            }
            let (path, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let page = match path {
                "" => root().join(&file),
                path => folder.join(path),
            };
            assert!(page.exists(), "{file} links to {target}");
            if !anchor.is_empty() {
                let known = anchors(&fs::read_to_string(&page).expect("a page"));
                assert!(
                    known.contains(anchor),
                    "{file} links to {target}, and its headings are {known:?}"
                );
            }
        }
    }
}

/// Targets of the links and pictures of `text`, outside of blocks.
fn links(text: &str) -> Vec<String> {
    let prose = text.split("\n```").step_by(2);
    let rests = prose.flat_map(|prose| prose.split("](").skip(1));
    rests
        .filter_map(|rest| rest.split(')').next())
        .map(str::to_owned)
        .collect()
}

/// Anchors of the headings of `text`, as GitHub and mdBook make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let anchor = |title: &str| {
        let kept = title
            .to_lowercase()
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
            .collect::<String>();
        kept.replace(' ', "-")
    };
    let prose = text.split("\n```").step_by(2);
    prose
        .flat_map(str::lines)
        .filter(|line| line.starts_with('#'))
        .map(|line| anchor(line.trim_start_matches(['#', ' '])))
        .collect()
}

#[test]
fn every_page_is_in_the_contents() {
    let contents = read("docs/SUMMARY.md");
    let listed: BTreeSet<String> = links(&contents)
        .into_iter()
        .map(|page| format!("docs/{page}"))
        .collect();
    let there: BTreeSet<String> = pages()
        .into_iter()
        .filter(|page| page != "docs/SUMMARY.md")
        .collect();
    assert_eq!(listed, there);
}

#[test]
fn every_scenario_is_in_the_documents() {
    let readme = for_users();
    let mut scenarios = 0;
    for entry in fs::read_dir(root().join("scenarios")).expect("the folder scenarios") {
        let name = entry
            .expect("an entry")
            .file_name()
            .to_string_lossy()
            .into_owned();
        if name.ends_with(".toml") {
            scenarios += 1;
            assert!(
                readme.contains(&format!("| `scenarios/{name}` |")),
                "{name} has no row"
            );
        }
    }
    assert!(scenarios > 0);
}

#[test]
fn the_scenarios_of_the_documents_can_be_run() {
    let readme = for_users();
    let folder = tempfile::tempdir().expect("a scratch folder");
    // Two queries of four floats, all zero.
    let queries: Vec<u8> = [2_u32, 4]
        .into_iter()
        .flat_map(u32::to_le_bytes)
        .chain([0; 32])
        .collect();
    fs::write(folder.path().join("questions.fbin"), queries).expect("a scratch file");
    let mut checked = 0;
    let scenarios = blocks(&readme)
        .into_iter()
        .filter(|(language, _)| *language == "toml");
    let (whole, tables): (Vec<_>, Vec<_>) = scenarios
        .map(|(_, block)| block)
        .partition(|block| block.contains("[[phases]]"));
    // Tables that stand alone are added to a scenario that has what they name.
    let quickstart = read("scenarios/quickstart.toml").replace(
        "data/",
        concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/data/"),
    );
    for table in tables {
        let file = folder.path().join("quickstart.toml");
        fs::write(&file, format!("{quickstart}\n{table}")).expect("a scratch file");
        program(&["check", &file.display().to_string()]);
    }
    for block in whole {
        let file = folder.path().join("scenario.toml");
        fs::write(&file, block).expect("a scratch file");
        let expectation = program(&["check", &file.display().to_string()]);
        assert!(
            expectation.contains("rows       0 inserted"),
            "{expectation}"
        );
        checked += 1;
    }
    assert!(checked > 0);
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
    check_generated("docs/your-milvus.md", "sources", &table);
}

#[test]
fn every_report_format_is_in_the_documents() {
    let readme = read("docs/reference/run-folder.md");
    for entry in REPORTS {
        assert!(
            readme.contains(&format!("`{}`", entry.name)) && readme.contains(entry.file),
            "{}",
            entry.name
        );
    }
}

/// The areas as rows of a table, with the sign that each has in a terminal.
fn area_table() -> String {
    let mut table = "| area | sign | whose time |\n| --- | --- | --- |\n".to_owned();
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
    check_generated("docs/reading-a-report.md", "areas", &area_table());
}

/// Texts that stand in quotes right after `before` in `code`, whatever space lies between.
fn quoted_after(code: &str, before: &str) -> Vec<String> {
    let rests = code
        .split(before)
        .skip(1)
        .filter_map(|rest| rest.trim_start().strip_prefix('"'));
    rests
        .filter_map(|rest| rest.split('"').next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_reason_of_a_verdict_is_explained() {
    let code = read("src/analysis/judgement/verdict.rs")
        + &read("src/analysis/judgement/verdict/client.rs")
        + &read("src/analysis/judgement/verdict/replies.rs");
    let readme = read("docs/reading-a-report.md");
    let explained: BTreeSet<String> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" |").next())
        .flat_map(|cell| cell.split(", "))
        .map(str::to_owned)
        .collect();
    let codes: Vec<String> = quoted_after(&code, "reason(")
        .into_iter()
        .chain(quoted_after(&code, "=> ("))
        .collect();
    assert!(codes.len() > 15, "the codes were not found: {codes:?}");
    for code in codes {
        assert!(
            explained.contains(&code.replace('_', " ")),
            "{code} has no row"
        );
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
    check_generated("ARCHITECTURE.md", "imports", &import_table());
}

#[test]
fn every_module_is_on_the_map() {
    let map = read("ARCHITECTURE.md");
    for line in read("src/lib.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod "))
    {
        let name = line.trim_end_matches(';');
        assert!(
            map.contains(&format!("| `src/{name}/` |"))
                || map.contains(&format!("| `src/{name}.rs` |")),
            "{name}"
        );
    }
}

#[test]
fn code_is_found_in_blocks_and_in_spans() {
    let text = "a `milvus-bench report\nRUN` b\n\n```sh\ncargo run --release -- stack down   # \
                ends it\nmilvus-bench doctor\n```\n\n`--x` c\n";
    assert_eq!(commands(text), ["stack down", "doctor", "report RUN"]);
    assert_eq!(spans(text), ["milvus-bench report RUN", "--x"]);
    assert_eq!(blocks(text).len(), 1);
}
