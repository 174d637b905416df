//! The project's files, as the rules of the layout see them.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Folders that hold nothing that was written by hand for this project: builds, runs, the history,
/// other people's code, and inputs and outputs of tests.
const NOT_WRITTEN: [&str; 7] = [
    ".git",
    "target",
    "results",
    "proptest-regressions",
    "templates/vendor",
    "tests/data",
    "tests/golden",
];

/// Endings of files that a person writes. Markdown is absent: its tables can't be broken.
const WRITTEN: [&str; 7] = ["rs", "py", "sh", "html", "js", "css", "toml"];

/// Files without such an ending.
const SCRIPTS: [&str; 2] = ["justfile", ".ci/run"];

/// The project's folder.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Text of `file`, from the project's folder.
pub(crate) fn read(file: &Path) -> String {
    fs::read_to_string(root().join(file))
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Files below `folder` that `wanted` accepts, in order of their names, from the project's folder.
fn files(folder: &Path, wanted: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut entries: Vec<PathBuf> = fs::read_dir(root().join(folder))
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| folder.join(entry.expect("an entry").file_name()))
        .collect();
    entries.sort();
    for entry in entries {
        if root().join(&entry).is_dir() {
            if !NOT_WRITTEN.iter().any(|other| entry == Path::new(other)) {
                found.extend(files(&entry, wanted));
            }
        } else if wanted(&entry) {
            found.push(entry);
        }
    }
    found
}

fn ends_in(file: &Path, endings: &[&str]) -> bool {
    file.extension()
        .is_some_and(|ending| endings.iter().any(|known| ending == *known))
}

/// Rust files below `folder`.
pub(crate) fn rust_files(folder: &str) -> Vec<PathBuf> {
    files(Path::new(folder), &|file| ends_in(file, &["rs"]))
}

/// Files of code and settings that are written by hand, with their texts.
pub(crate) fn hand_written() -> Vec<(PathBuf, String)> {
    let wanted = |file: &Path| {
        ends_in(file, &WRITTEN) || SCRIPTS.iter().any(|script| file == Path::new(script))
    };
    files(Path::new(""), &wanted)
        .into_iter()
        .map(|file| (file.clone(), read(&file)))
        .filter(|(_, text)| !text.starts_with("// Generated from "))
        .collect()
}

/// Names of the module that `file`, of `src/`, holds; `None` for the program's own.
pub(crate) fn module(file: &Path) -> Option<Vec<String>> {
    let inside = file.strip_prefix("src").expect("a file of src");
    let mut names: Vec<String> = inside
        .with_extension("")
        .iter()
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    if names == ["main"] {
        return None;
    }
    names.pop_if(|last| last == "mod" || last == "lib");
    Some(names)
}

#[test]
fn a_file_holds_the_module_of_its_place() {
    let check = |file: &str, names: Option<&[&str]>| {
        let names = names.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(module(Path::new(file)), names, "{file}");
    };
    check("src/plan/tests/fuzz.rs", Some(&["plan", "tests", "fuzz"]));
    check("src/plan/mod.rs", Some(&["plan"]));
    check("src/mask.rs", Some(&["mask"]));
    check("src/lib.rs", Some(&[]));
    check("src/main.rs", None);
}
