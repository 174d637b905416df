//! The image of a release: without an engine that would build it, what its Containerfile copies is
//! put into a folder of its own, and the program is run there.

use std::{fs, process::Command};

use crate::{
    descriptions::root,
    jail::Jail,
    packages::{Packages, check_version, run, said},
};

/// Instructions of the Containerfile as (name, arguments), continued lines as one.
fn instructions() -> Vec<(String, String)> {
    let text = fs::read_to_string(root().join("packaging/Containerfile")).expect("the file");
    text.replace("\\\n", " ")
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let (name, arguments) = line.split_once(' ').expect("an instruction");
            (name.to_owned(), arguments.trim().to_owned())
        })
        .collect()
}

/// Those of the last stage, which is the image.
fn image() -> Vec<(String, String)> {
    let all = instructions();
    let last = all.iter().rposition(|(name, _)| name == "FROM");
    all[last.expect("a stage")..].to_vec()
}

fn argument(instruction: &str) -> String {
    image()
        .into_iter()
        .find_map(|(name, arguments)| (name == instruction).then_some(arguments))
        .unwrap_or_else(|| panic!("no {instruction}"))
}

fn user() -> u32 {
    let user = argument("USER");
    let (user, group) = user.split_once(':').expect("user and group");
    assert_eq!(user, group);
    // A number, since the image has no file of users.
    user.parse().expect("a number")
}

/// Files of the archive that the image has, each with its place.
fn copies() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (name, arguments) in image() {
        let mut words: Vec<&str> = arguments.split(' ').collect();
        if name != "COPY" || words.iter().any(|word| word.starts_with("--from=")) {
            continue;
        }
        words.retain(|word| !word.starts_with("--"));
        let to = words.pop().expect("a place");
        assert!(to.ends_with('/'), "{to} is a folder");
        found.extend(words.iter().map(|from| ((*from).to_owned(), to.to_owned())));
    }
    found
}

pub(crate) fn the_image_is_not_roots_and_has_this_version((): &()) {
    assert_eq!(argument("FROM"), "scratch");
    assert_ne!(user(), 0);
    assert_eq!(
        argument("ARG"),
        concat!("VERSION=", env!("CARGO_PKG_VERSION"))
    );
    let labels = argument("LABEL");
    for label in ["title", "description", "licenses", "version"] {
        let label = format!("org.opencontainers.image.{label}=");
        assert!(labels.contains(&label), "{labels}");
    }
}

pub(crate) fn the_image_has_all_that_the_program_needs(packages: &Packages) {
    let jail = Jail::new();
    for (from, to) in copies() {
        let place = jail.path(&to);
        fs::create_dir_all(&place).expect("a folder");
        let from = packages.unpacked().join(&from);
        let mut copy = Command::new("cp");
        copy.arg("-r");
        // Of a folder its content is copied, by engines too.
        copy.arg(if from.is_dir() { from.join(".") } else { from });
        said(run(copy.arg(place)));
    }
    let entry: Vec<String> =
        serde_json::from_str(&argument("ENTRYPOINT")).expect("a list of words");
    let run = |arguments: &[&str]| said(jail.run(Some(user()), &entry[0], arguments));
    check_version(&run(&["--version"]));
    let scenario = format!("{}/scenarios/quickstart.toml", argument("WORKDIR"));
    run(&["check", &scenario]);
}
