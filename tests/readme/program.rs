//! The built program, and what it says of its commands.

use std::{collections::BTreeSet, process::Command};

/// The built program.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_milvus-bench");

/// stdout of milvus-bench with `arguments`.
#[track_caller]
pub(crate) fn program(arguments: &[&str]) -> String {
    // Help shows the values of variables.
    let variables = std::env::vars().map(|(name, _)| name);
    let ours = variables.filter(|name| name.starts_with("MILVUS_") || name.starts_with("OTEL_"));
    let mut command = Command::new(PROGRAM);
    ours.for_each(|name| {
        command.env_remove(name);
    });
    let output = command.args(arguments).output().expect("milvus-bench runs");
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Names in the list of commands that the help of `command` has; empty where it has none.
fn listed(command: &[&str]) -> Vec<String> {
    let help = program(&[command, &["--help"]].concat());
    let list = help.split("\nCommands:\n").nth(1).unwrap_or_default();
    list.split("\n\n")
        .next()
        .unwrap_or_default()
        .lines()
        // What goes on in a further line is set in deeper.
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

/// Subcommands as `--help` lists them.
pub(crate) fn subcommands() -> Vec<String> {
    let found = listed(&[]);
    assert!(found.len() > 5, "the commands were not found: {found:?}");
    found
}

/// Subcommands of `command`.
pub(crate) fn subcommands_of(command: &str) -> Vec<String> {
    listed(&[command])
}

/// Words of `text` that are options.
pub(crate) fn options(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
    words
        .filter(|word| word.starts_with("--") && word.len() > 2)
        .map(str::to_owned)
        .collect()
}

/// Options that the help of `command` and of its subcommands has.
pub(crate) fn options_of(command: &str) -> BTreeSet<String> {
    let mut all = options(&program(&[command, "--help"]));
    for name in subcommands_of(command) {
        all.extend(options(&program(&[command, &name, "--help"])));
    }
    all
}
