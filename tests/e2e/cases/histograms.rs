//! Histograms that other libraries read: tests/hdrhistogram holds what a run wrote against those of
//! Java and Python.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::say;
use crate::servers::Servers;

/// The Java library, from Maven Central.
const JAVA: &str = "org.hdrhistogram:HdrHistogram:2.2.2";
/// The Python library, from PyPI.
const PYTHON: &str = "hdrhistogram==0.10.8";

pub(crate) fn java_and_python_read_the_same(servers: &Servers) {
    let run = servers
        .run(
            "search-only",
            &["phases.low.duration=3s", "phases.high.duration=3s"],
        )
        .unwrap_or_else(|error| panic!("{error}"));
    servers
        .bench
        .call(&["report", &run.argument(), "--report", "hgrm"])
        .with_code(0);
    let libraries = servers.cache().join("hdrhistogram");
    let (python, jar) = (
        virtual_environment(&libraries, &[PYTHON]),
        java_library(&libraries),
    );
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hdrhistogram/compare.py");
    let compared = output(Command::new(python).arg(script).arg(&run.folder).arg(jar));
    let lines = compared
        .lines()
        .filter(|line| line.contains("equal; "))
        .count();
    assert_eq!(
        lines, 4,
        "response and service time of two phases:\n{compared}"
    );
}

/// The Python of a virtual environment below `folder` that has `packages`.
pub(crate) fn virtual_environment(folder: &Path, packages: &[&str]) -> PathBuf {
    let python = folder.join("venv/bin/python");
    // Both are quick where there is nothing to do.
    output(
        Command::new("python3")
            .args(["-m", "venv"])
            .arg(folder.join("venv")),
    );
    let mut pip = Command::new(&python);
    output(pip.args(["-m", "pip", "install", "--quiet"]).args(packages));
    python
}

/// The Java library below `folder`.
fn java_library(folder: &Path) -> PathBuf {
    let jar = folder.join("HdrHistogram-2.2.2.jar");
    // Made anew where an earlier copy was cut short: a jar ends in its directory.
    let is_whole =
        std::fs::read(&jar).is_ok_and(|bytes| bytes.windows(4).any(|at| at == b"PK\x05\x06"));
    if !is_whole {
        // Maven leaves a file alone that is there.
        let _ = std::fs::remove_file(&jar);
        let mut maven = Command::new("mvn");
        maven.args([
            "--quiet",
            "--batch-mode",
            "dependency:copy",
            &format!("-Dartifact={JAVA}"),
        ]);
        output(
            maven
                .arg(format!("-DoutputDirectory={}", folder.display()))
                .current_dir(folder),
        );
    }
    jar
}

/// What `command` wrote; a panic with all of it where it failed.
fn output(command: &mut Command) -> String {
    let name = command.get_program().display().to_string();
    say(&format!("  {name} ..."));
    let ended = command.output().unwrap_or_else(|error| {
        panic!(
            "{name} does not run: {error}; install Python 3 with venv, a JDK 11 or newer and Maven"
        )
    });
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        ended.status.success(),
        "{command:?} failed:\n{}{}",
        text(&ended.stdout),
        text(&ended.stderr)
    );
    text(&ended.stdout)
}
