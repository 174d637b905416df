//! The files that describe packages agree with each other and with the tree.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use leon::Template;
use toml::{Table, Value};

use crate::packages::said;

/// The checkout.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn toml(file: &str) -> Table {
    let text = fs::read_to_string(root().join(file)).expect(file);
    text.parse()
        .unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The name of the archive and of the folder within, as the justfile puts it together.
pub(crate) fn archive(target: &str) -> String {
    let text = fs::read_to_string(root().join("justfile")).expect("the justfile");
    let parts = text
        .lines()
        .find_map(|line| line.strip_prefix("archive := "))
        .expect("the name of the archive");
    let part = |part: &str| match part {
        "version" => env!("CARGO_PKG_VERSION").to_owned(),
        "target" => target.to_owned(),
        literal => literal.trim_matches('"').to_owned(),
    };
    parts.split(" + ").map(part).collect()
}

/// `template` as `cargo binstall` renders it for `target`.
fn rendered(template: &Value, target: &str) -> String {
    let values = |key: &str| -> Option<Cow<'_, str>> {
        Some(match key {
            "repo" => "https://host/project".into(),
            "name" => env!("CARGO_PKG_NAME").into(),
            "version" => env!("CARGO_PKG_VERSION").into(),
            "bin" => "milvus-bench".into(),
            "binary-ext" => "".into(),
            "target" => target.to_owned().into(),
            _ => return None,
        })
    };
    let template = template.as_str().expect("a text");
    let template = Template::parse(template).unwrap_or_else(|error| panic!("{template}: {error}"));
    template
        .render(&leon::vals(values))
        .expect("keys that cargo binstall knows")
}

pub(crate) fn cargo_binstall_downloads_what_the_justfile_packs((): &()) {
    let manifest = toml("Cargo.toml");
    let binstall = manifest["package"]["metadata"]["binstall"]
        .as_table()
        .expect("a table");
    assert_eq!(binstall["pkg-fmt"].as_str(), Some("tgz"));
    let packed = "x86_64-unknown-linux-gnu";
    let overrides = binstall["overrides"].as_table().expect("a table");
    let overridden = |(target, settings)| (String::as_str(target), Value::as_table(settings));
    let others = overrides.iter().map(overridden);
    for (target, settings) in [(packed, Some(binstall))].into_iter().chain(others) {
        let settings = settings.expect("a table");
        let archive = archive(packed);
        assert_eq!(
            rendered(&settings["pkg-url"], target),
            format!(
                "https://host/project/releases/download/v{}/{archive}.tar.gz",
                env!("CARGO_PKG_VERSION")
            ),
            "{target}"
        );
        assert_eq!(
            rendered(&settings["bin-dir"], target),
            format!("{archive}/milvus-bench"),
            "{target}"
        );
    }
}

/// Every file below `folder`, links as what they lead to.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else {
                let content = fs::read(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
                let inner = path.strip_prefix(folder).expect("it is below").to_owned();
                found.insert(inner, content);
            }
        }
    }
    found
}

pub(crate) fn the_wheel_has_every_scenario_and_its_data((): &()) {
    let data = toml("pyproject.toml")["tool"]["maturin"]["data"].clone();
    let linked = root()
        .join(data.as_str().expect("a folder"))
        .join("data/share/milvus-bench/scenarios");
    let (linked, there) = (files(&linked), files(&root().join("scenarios")));
    assert_eq!(
        linked.keys().collect::<Vec<_>>(),
        there.keys().collect::<Vec<_>>(),
        "each file of scenarios/ has a link in packaging/wheel"
    );
    assert!(linked == there, "a link of packaging/wheel leads elsewhere");
}

pub(crate) fn the_wheel_has_the_program_and_the_crates_version((): &()) {
    let project = toml("pyproject.toml");
    assert_eq!(project["tool"]["maturin"]["bindings"].as_str(), Some("bin"));
    assert_eq!(
        project["project"]["name"].as_str(),
        Some(env!("CARGO_PKG_NAME"))
    );
    let dynamic = project["project"]["dynamic"].as_array().expect("a list");
    for field in ["version", "description", "readme", "license"] {
        assert!(dynamic.contains(&field.into()), "{field} is Cargo.toml's");
    }
}

pub(crate) fn the_crate_has_what_the_program_is_built_from((): &()) {
    let listed = Command::new(env!("CARGO"))
        .args([
            "package",
            "--list",
            "--allow-dirty",
            "--offline",
            "--locked",
        ])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let listed = said(listed);
    let listed: BTreeSet<&str> = listed.lines().collect();
    for needed in [
        "Cargo.lock",
        "LICENSE",
        "README.md",
        "scenarios/data/glove-100-quick/base.fbin",
        "scenarios/quickstart.toml",
        "src/main.rs",
        "templates/report.html",
    ] {
        assert!(listed.contains(needed), "no {needed} in {listed:?}");
    }
    let unwanted: Vec<&&str> = listed
        .iter()
        .filter(|file| {
            let parts = ["tests/", "benches/", "results/", ".ci/"];
            parts.iter().any(|part| file.starts_with(part)) || file.ends_with(".key")
        })
        .collect();
    assert!(unwanted.is_empty(), "{unwanted:?}");
}
