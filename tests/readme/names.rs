//! Names that documents use: commands, options, recipes, files, keys and variables are there.

use std::collections::BTreeSet;

use milvus_bench::plan::key_table;

use crate::{
    code::{all, commands},
    documents::{Document, documents, files_below, for_users, read, root},
    program::{options, options_of, program, subcommands, subcommands_of},
};

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

/// Options of other programs.
const FOREIGN_OPTIONS: [&str; 3] = ["--release", "--url", "--dump-dom"];

/// Names of other programs.
const FOREIGN_NAMES: [&str; 4] = [
    "wait_for_ready",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NO_PROXY",
];

/// Parameters of indexes, which are Milvus'.
const PARAMETERS: [&str; 4] = ["ef", "M", "efConstruction", "nprobe"];

/// Forms of the values of a field, and a property of Milvus.
const VALUE_FORMS: [&str; 8] = [
    "constant",
    "text",
    "column",
    "columns",
    "length",
    "nulls",
    "query_mode",
    "mmap.enabled",
];

/// The document about other programs.
const BENCHES: &str = "benches/README.md";

/// The page that has the words of other tools.
const FOREIGN_WORDS: &str = "docs/coming-from.md";

#[test]
fn every_subcommand_of_the_documents_is_built() {
    let known = subcommands();
    for document in documents() {
        for command in commands(&document) {
            let mut words = command.split_whitespace();
            let name = words.next().unwrap_or_default();
            // `milvus-bench --version` has none.
            assert!(
                name.starts_with("--") || known.iter().any(|known| known == name),
                "{} names `milvus-bench {command}`, and the commands are {known:?}",
                document.path
            );
            let below = if name.starts_with("--") {
                Vec::new()
            } else {
                subcommands_of(name)
            };
            if let Some(second) = words.next().filter(|_| !below.is_empty()) {
                assert!(
                    below.iter().any(|known| known == second),
                    "{} names `milvus-bench {command}`, and {name} has {below:?}",
                    document.path
                );
            }
        }
    }
}

#[test]
fn every_subcommand_is_in_the_documents() {
    let used: BTreeSet<String> = for_users()
        .iter()
        .flat_map(commands)
        .filter_map(|command| command.split_whitespace().next().map(str::to_owned))
        .collect();
    let missing: Vec<String> = subcommands()
        .into_iter()
        .filter(|name| !used.contains(name))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_option_of_the_documents_is_built() {
    let known = subcommands();
    let mut all: BTreeSet<String> = known.iter().flat_map(|name| options_of(name)).collect();
    all.extend(options(&program(&["--help"])));
    for document in documents() {
        for command in commands(&document) {
            let name = command.split_whitespace().next().unwrap_or_default();
            if name.starts_with("--") {
                continue;
            }
            let known = options_of(name);
            assert!(
                options(&command).is_subset(&known),
                "{} names `milvus-bench {command}`, and its options are {known:?}",
                document.path
            );
        }
        let code = document.code();
        let spans = code.iter().filter(|code| {
            document.path != BENCHES
                && code.starts_with("--")
                && !FOREIGN_OPTIONS
                    .iter()
                    .any(|foreign| code.starts_with(foreign))
        });
        for span in spans {
            assert!(options(span).is_subset(&all), "{}: `{span}`", document.path);
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

/// Name of the recipe that `code` calls; variables may stand before it.
fn recipe(code: &str) -> Option<&str> {
    let mut words = code
        .split_whitespace()
        .skip_while(|word| word.contains('='));
    (words.next() == Some("just")).then(|| words.next().unwrap_or_default())
}

#[test]
fn every_recipe_of_the_documents_is_in_the_justfile() {
    let known = recipes();
    let check = |file: &str, code: &str| {
        if let Some(name) = recipe(code) {
            assert!(
                known.contains(name),
                "{file} names `{code}`, and the recipes are {known:?}"
            );
        }
    };
    for document in documents() {
        for code in all(&document) {
            check(&document.path, &code);
        }
    }
    for code in read(".ci/run").split('`').skip(1).step_by(2) {
        check(".ci/run", code);
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
    // `just one two` gives `two` to a recipe that takes arguments.
    assert!(
        text.contains("for step in {{ steps }}; do {{ just_executable() }} \"$step\"; done"),
        "check runs each of its steps by itself"
    );
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
fn every_file_of_the_documents_exists() {
    for document in documents() {
        let code = document.code();
        let named = code
            .iter()
            .filter(|code| FOLDERS.iter().any(|folder| code.starts_with(folder)));
        // Placeholders, and what only a run makes.
        let named = named.filter(|code| {
            !code.contains(['<', '*', ' '])
                && (!code.starts_with("results/") || code.ends_with(".md"))
        });
        for path in named {
            assert!(
                root().join(path).exists(),
                "{} names `{path}`",
                document.path
            );
        }
    }
}

/// Keys of a scenario, from the rows of its tables.
fn keys() -> BTreeSet<String> {
    key_table()
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .map(str::to_owned)
        .collect()
}

/// Tables of a scenario, from the headings: `milvus`, `tracing.spans`, `workloads.<name>`.
fn tables() -> BTreeSet<String> {
    let table = key_table();
    let headings = table.lines().filter(|line| line.starts_with("## "));
    headings
        .filter_map(|line| line.split('`').nth(1))
        .map(|heading| heading.trim_matches(['[', ']']).to_owned())
        .collect()
}

/// Whether `code` is one word of small letters, digits and `_`.
fn is_name(code: &str) -> bool {
    code.starts_with(|c: char| c.is_ascii_lowercase())
        && code
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// What is wrong with a piece of inline code that is a key of a scenario with a value, or a table.
fn key_fault(code: &str, keys: &BTreeSet<String>, tables: &BTreeSet<String>) -> Option<String> {
    if let Some(table) = code
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        let table = table.trim_matches(['[', ']']);
        // A table with a name of its own, such as [workloads.churn.search].
        let first = table.split('.').next().unwrap_or_default();
        let of_a_name = ["data", "collections", "workloads"].contains(&first);
        let is_known = tables.contains(table) || keys.contains(first) && of_a_name;
        return (!is_known).then(|| format!("the tables are {tables:?}"));
    }
    let (key, _) = code.split_once(" = ").filter(|_| !code.starts_with('#'))?;
    let key = key.rsplit(['.', ' ']).next().unwrap_or_default();
    let is_known = keys.contains(key) || PARAMETERS.contains(&key) || VALUE_FORMS.contains(&key);
    (is_name(key) && !is_known).then(|| format!("{key} is no key of a scenario"))
}

#[test]
fn every_key_with_a_value_and_every_table_is_one_of_a_scenario() {
    let (keys, tables) = (keys(), tables());
    assert!(keys.len() > 80 && tables.len() > 10, "{keys:?} {tables:?}");
    let mut checked = 0;
    for document in for_users() {
        for code in document.code() {
            checked += usize::from(code.contains(" = "));
            let fault = key_fault(&code, &keys, &tables);
            assert_eq!(fault, None, "{}: `{code}`", document.path);
        }
    }
    assert!(checked > 30, "{checked}");
    for wrong in [
        "qps = 3",
        "[tracing.span]",
        "collections.x.metrics = \"L2\"",
    ] {
        assert!(key_fault(wrong, &keys, &tables).is_some(), "{wrong}");
    }
}

/// Text of everything that a name can come from.
fn sources() -> String {
    let folders = [
        "src",
        "deploy",
        "scenarios",
        "proto",
        "tests",
        "benches",
        "templates",
    ];
    let mut text = read("justfile") + &read("Cargo.toml");
    for file in folders.iter().flat_map(|folder| files_below(folder)) {
        let is_text = [
            ".rs", ".yaml", ".toml", ".json", ".proto", ".html", ".py", ".sh", ".js",
        ]
        .iter()
        .any(|ending| file.ends_with(ending));
        // Recorded and expected outputs name what they once had.
        if is_text && !file.starts_with("tests/data") && !file.starts_with("tests/readme") {
            text += &read(&file);
        }
    }
    text
}

/// Whether `name` is a name of the program, of Milvus, or of a variable: with `_` in it, one word.
fn is_checked(name: &str) -> bool {
    let is_variable = name.contains('_')
        && name
            .chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    let name_of_variable = name.split('=').next().unwrap_or_default();
    (is_name(name) && name.contains('_')) || is_variable || name_of_variable.starts_with("MILVUS_")
}

#[test]
fn every_name_with_an_underscore_is_in_the_code() {
    let sources = sources();
    let words: BTreeSet<&str> = sources
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .collect();
    // What begins with `_` is the end of a name that stands before it; a column of an area has two
    // halves.
    let is_known = |name: &str| {
        words.contains(name)
            || FOREIGN_NAMES.contains(&name)
            || name.starts_with('_')
            || name.starts_with("area_") && name.ends_with("_us")
    };
    let mut checked = 0;
    let mut unknown = Vec::new();
    let pages = for_users();
    let pages = pages
        .iter()
        .filter(|document| document.path != FOREIGN_WORDS);
    for document in pages {
        for code in document.code().iter().filter(|code| is_checked(code)) {
            checked += 1;
            let name = code.split('=').next().unwrap_or_default();
            if !is_known(name) {
                unknown.push(format!("{}: `{code}`", document.path));
            }
        }
    }
    assert!(checked > 100, "{checked}");
    assert!(unknown.is_empty(), "{}", unknown.join("\n"));
}

#[test]
fn every_scenario_is_in_the_documents() {
    let page = Document::open("docs/scenarios.md".to_owned());
    let files = files_below("scenarios");
    let scenarios = files
        .iter()
        .filter(|file| file.ends_with(".toml") && file.matches('/').count() == 1);
    let mut count = 0;
    for file in scenarios {
        count += 1;
        assert!(
            page.text.contains(&format!("| `{file}` |")),
            "{file} has no row"
        );
    }
    assert!(count > 0);
}
