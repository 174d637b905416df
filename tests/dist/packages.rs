//! Packages that were made, as a user would unpack, install and run them.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tempfile::TempDir;

use crate::descriptions::archive;

/// The folder of packages, with the archive unpacked.
pub(crate) struct Packages {
    folder: PathBuf,
    unpacked: TempDir,
}

impl Packages {
    /// Those in `folder`; an error says what it lacks.
    pub(crate) fn unpack(folder: PathBuf) -> Result<Self, String> {
        let archive = folder.join(format!("{}.tar.gz", name()));
        if !archive.exists() {
            return Err(format!("no {}", archive.display()));
        }
        let unpacked = TempDir::new().expect("a folder");
        let packages = Self { folder, unpacked };
        packages.unpack_to(packages.unpacked.path(), "");
        Ok(packages)
    }

    /// What the archive unpacks to.
    pub(crate) fn unpacked(&self) -> PathBuf {
        self.unpacked.path().join(name())
    }

    /// The program of the archive.
    pub(crate) fn program(&self) -> PathBuf {
        self.unpacked().join("milvus-bench")
    }

    fn unpack_to(&self, folder: &Path, kind: &str) {
        let archive = self.folder.join(format!("{}{kind}.tar.gz", name()));
        said(run(Command::new("tar")
            .arg("-xzf")
            .arg(archive)
            .arg("-C")
            .arg(folder)));
    }

    /// The only wheel of this version.
    fn wheel(&self) -> PathBuf {
        let start = format!("milvus_bench-{}-", env!("CARGO_PKG_VERSION"));
        let mut wheels = fs::read_dir(&self.folder)
            .expect("the folder of packages")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                name.starts_with(&start) && name.ends_with(".whl")
            });
        let wheel = wheels.next().expect("a wheel");
        assert_eq!(wheels.next(), None, "one wheel");
        wheel
    }
}

/// The name of the archive and of its folder.
fn name() -> String {
    archive(&format!("{}-unknown-linux-gnu", std::env::consts::ARCH))
}

pub(crate) fn run(command: &mut Command) -> Output {
    command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// stdout of a program that succeeded.
pub(crate) fn said(output: Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {stderr}", output.status);
    String::from_utf8(output.stdout).expect("text")
}

/// Whether `version` is what `--version` of this version prints.
pub(crate) fn check_version(version: &str) {
    let expected = concat!("milvus-bench ", env!("CARGO_PKG_VERSION"));
    assert!(version.starts_with(expected), "{version}");
}

pub(crate) fn archives_have_one_folder_and_their_checksums(packages: &Packages) {
    for kind in ["", ".debug"] {
        let file = format!("{}{kind}.tar.gz", name());
        let mut check = Command::new("sha256sum");
        check.args(["--check", "--strict", &format!("{file}.sha256")]);
        assert_eq!(
            said(run(check.current_dir(&packages.folder))),
            format!("{file}: OK\n")
        );
        let listed = said(run(Command::new("tar")
            .args(["-tzf", &file])
            .current_dir(&packages.folder)));
        let folders: BTreeSet<&str> = listed
            .lines()
            .filter_map(|path| path.split('/').next())
            .collect();
        assert_eq!(folders, BTreeSet::from([name().as_str()]), "{file}");
    }
    let wheel = packages.wheel();
    let mut check = Command::new("sha256sum");
    check.args(["--check", "--strict"]);
    check.arg(format!("{}.sha256", wheel.display()));
    said(run(check.current_dir(&packages.folder)));
}

pub(crate) fn the_archive_has_what_a_user_needs(packages: &Packages) {
    for file in [
        "CHANGELOG.md",
        "Containerfile",
        "LICENSE",
        "README.md",
        "completions/_milvus-bench",
        "completions/milvus-bench.bash",
        "completions/milvus-bench.fish",
        "docs",
        "man/man1/milvus-bench.1",
        "man/man1/milvus-bench-stack-up.1",
    ] {
        assert!(packages.unpacked().join(file).exists(), "no {file}");
    }
    check_version(&said(
        run(Command::new(packages.program()).arg("--version")),
    ));
    said(run(Command::new(packages.program())
        .args(["check", "scenarios/quickstart.toml"])
        .current_dir(packages.unpacked())));
}

fn sections(file: &Path) -> String {
    said(run(Command::new("readelf")
        .args(["--wide", "--sections", "--dynamic"])
        .arg(file)))
}

pub(crate) fn the_program_needs_no_library_and_has_no_line_tables(packages: &Packages) {
    let program = sections(&packages.program());
    for absent in ["(NEEDED)", ".interp", ".debug_line"] {
        assert!(!program.contains(absent), "{absent} in {program}");
    }
    assert!(program.contains(".gnu_debuglink"), "{program}");
    let lines = TempDir::new().expect("a folder");
    packages.unpack_to(lines.path(), ".debug");
    let lines = sections(&lines.path().join(name()).join("milvus-bench.debug"));
    assert!(lines.contains(".debug_line"), "{lines}");
}

/// What a program prints that panics because it can start no thread.
fn backtrace(program: &Path) -> String {
    let output = run(Command::new(program)
        .args(["doctor", "--uri", "http://127.0.0.1:1"])
        .env("RUST_BACKTRACE", "1")
        .env("RUST_MIN_STACK", (1_u64 << 62).to_string()));
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(stderr.contains("stack backtrace"), "{stderr}");
    stderr
}

pub(crate) fn backtraces_have_lines_where_the_line_tables_are_beside_the_program(
    packages: &Packages,
) {
    let folder = TempDir::new().expect("a folder");
    packages.unpack_to(folder.path(), "");
    let program = folder.path().join(name()).join("milvus-bench");
    let (function, line) = ("milvus_bench::cli::main", "src/cli/mod.rs:");
    let without = backtrace(&program);
    assert!(without.contains(function), "{without}");
    assert!(!without.contains(line), "{without}");
    packages.unpack_to(folder.path(), ".debug");
    let with = backtrace(&program);
    assert!(with.contains(line), "{with}");
}

pub(crate) fn the_wheel_is_for_manylinux2014_and_runs_where_it_is_installed(packages: &Packages) {
    let arch = std::env::consts::ARCH;
    let wheel = packages.wheel();
    assert_eq!(
        wheel.file_name().unwrap_or_default().to_string_lossy(),
        format!(
            "milvus_bench-{}-py3-none-manylinux2014_{arch}.manylinux_2_17_{arch}.whl",
            env!("CARGO_PKG_VERSION")
        )
    );
    let environment = TempDir::new().expect("a folder");
    let environment = environment.path();
    said(run(Command::new("python3")
        .args(["-m", "venv"])
        .arg(environment)));
    said(run(Command::new(environment.join("bin/pip"))
        .args(["install", "--quiet", "--no-index"])
        .arg(&wheel)));
    let program = environment.join("bin/milvus-bench");
    check_version(&said(run(Command::new(&program).arg("--version"))));
    said(run(Command::new(&program).arg("check").arg(
        environment.join("share/milvus-bench/scenarios/quickstart.toml"),
    )));
}
