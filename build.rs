//! Where the program was built from, for `--version`: the commit and its day.

use std::{env, fs, path::Path, process::Command};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=MILVUS_BENCH_COMMIT");
    let folder = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    // Who builds from a copy without its history can say what it is.
    let given = env::var("MILVUS_BENCH_COMMIT")
        .ok()
        .filter(|text| !text.is_empty());
    let commit = given
        .or_else(|| of_package(Path::new(&folder)))
        .or_else(|| of_git(&folder))
        .unwrap_or_else(|| "built outside git".to_owned());
    println!("cargo:rustc-env=MILVUS_BENCH_BUILT_FROM={commit}");
}

/// A package of a registry has its commit in a file.
fn of_package(folder: &Path) -> Option<String> {
    let text = fs::read_to_string(folder.join(".cargo_vcs_info.json")).ok()?;
    let hash = text.split_once("\"sha1\"")?.1.split('"').nth(1)?;
    Some(hash.get(..7)?.to_owned())
}

/// The commit that is checked out, where the folder is the top of its repository: a copy within
/// another one is of no commit.
fn of_git(folder: &str) -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .args(["-C", folder])
            .args(arguments)
            .output()
            .ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    let top = git(&["rev-parse", "--show-toplevel"])?;
    if fs::canonicalize(top).ok()? != fs::canonicalize(folder).ok()? {
        return None;
    }
    // It is written with every commit, checkout and merge.
    let log = git(&[
        "rev-parse",
        "--path-format=absolute",
        "--git-path",
        "logs/HEAD",
    ])?;
    if Path::new(&log).exists() {
        println!("cargo:rerun-if-changed={log}");
    }
    git(&["show", "-s", "--format=%h %cs", "--abbrev=7", "HEAD"])
}
