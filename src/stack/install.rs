//! Finds or installs the servers: Milvus from PyPI into a virtual environment of its own, Jaeger by
//! `go install`.

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use super::process::last_words;
use super::state::{Lock, create_folder, delete_folder};
use super::{StackError, jaeger, milvus};

/// Versions of Jaeger to try in this order; their APIs are equal. Some module proxies refuse the
/// first.
const JAEGER_VERSIONS: [&str; 2] = ["1.46.0", "1.45.0"];

/// Written into the environment's folder after everything else: an installation that broke off has
/// none.
const COMPLETE: &str = "complete";

/// Unpacks the binary, its libraries and the configuration by the package's own code, with its
/// version pinned. Only ports and folders in the written milvus.yaml depend on this machine, and
/// those are all set again at each start.
const UNPACK: &str = "import milvus, sys
server = milvus.MilvusServer()
server.set_base_dir(sys.argv[1])
server.config.resolve()
milvus._initialize_data_files(sys.argv[1])
";

const MINUTE: Duration = Duration::from_secs(60);

/// Where things are kept and found.
#[derive(Clone, Debug)]
pub(super) struct Installer<'a> {
    /// The user's cache folder for milvus-bench.
    pub(super) cache: &'a Path,
    /// Folders that programs are looked up in, as in PATH.
    pub(super) search: OsString,
    /// Called with one line at each step.
    pub(super) progress: ProgressRef<'a>,
}

/// A function that tells the user what happens.
#[derive(Clone, Copy)]
pub(super) struct ProgressRef<'a>(pub(super) &'a dyn Fn(&str));

impl std::fmt::Debug for ProgressRef<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ProgressRef")
    }
}

impl Installer<'_> {
    /// One installation at a time in this cache; waits for another one, which is about to install
    /// the same.
    pub(super) async fn lock(&self) -> Result<Lock, StackError> {
        create_folder(self.cache)?;
        Lock::take(&self.cache.join("install.lock"), 20 * MINUTE, || {
            (self.progress.0)("waiting for another installation (at most 20 min)")
        })
        .await
    }

    /// Milvus, installed if it is not yet.
    pub(super) async fn milvus(&self) -> Result<milvus::Installed, StackError> {
        let folder = self.cache.join(format!("milvus-{}", milvus::VERSION));
        let installed = milvus::Installed {
            binary: folder.join("server/bin/milvus"),
            libraries: folder.join("server/bin"),
            configs: folder.join("server/configs"),
        };
        if folder.join(COMPLETE).exists() && installed.binary.exists() {
            return Ok(installed);
        }
        let python = self.find("python3").ok_or(StackError::Missing {
            program: "python3",
            purpose: "install Milvus from PyPI",
            advice: "install Python 3 with its venv module (Debian, Ubuntu: `apt-get install \
                     python3-venv`)",
        })?;
        delete_folder(&folder)?;
        create_folder(&folder)?;
        (self.progress.0)(&format!(
            "installing Milvus {} from PyPI into {} (once, 60 MB to load; at most 18 min)",
            milvus::VERSION,
            folder.display()
        ));
        self.install_milvus(&python, &folder).await?;
        mark_complete(&folder, milvus::VERSION)?;
        Ok(installed)
    }

    async fn install_milvus(&self, python: &Path, folder: &Path) -> Result<(), StackError> {
        let venv = folder.join("venv");
        let log = self.log("install-milvus.log")?;
        let mut command = Command::new(python);
        command.args(["-m", "venv"]).arg(&venv);
        run(
            "creating a virtual environment with python3 -m venv",
            command,
            &log,
            3 * MINUTE,
        )
        .await?;
        let mut command = Command::new(venv.join("bin/python"));
        command.args([
            "-m",
            "pip",
            "install",
            "--no-input",
            "--disable-pip-version-check",
            "--only-binary=:all:",
        ]);
        command.args([&format!("milvus=={}", milvus::VERSION), "setuptools<70"]);
        run("installing milvus by pip", command, &log, 15 * MINUTE).await?;
        (self.progress.0)("unpacking Milvus (250 MB; at most 5 min)");
        let mut command = Command::new(venv.join("bin/python"));
        command.args(["-c", UNPACK]).arg(folder.join("server"));
        run("unpacking milvus", command, &log, 5 * MINUTE).await
    }

    /// A Jaeger: on PATH, built earlier, or built now.
    ///
    /// # Errors
    /// There is no `go` to build one with, or building failed.
    pub(super) async fn jaeger(&self) -> Result<jaeger::Installed, StackError> {
        for name in ["jaeger-all-in-one", "jaeger"] {
            // Another program of that name is not what was looked for.
            if let Some(Ok(found)) = match self.find(name) {
                Some(path) => Some(jaeger::Installed::probe(&path).await),
                None => None,
            } {
                return Ok(found);
            }
        }
        let folder = self.cache.join("jaeger");
        let binary = folder.join("all-in-one");
        let version = match std::fs::read_to_string(folder.join(COMPLETE)) {
            Ok(version) if binary.exists() => version,
            _ => self.install_jaeger(&folder).await?,
        };
        // A binary of `go install` does not know its version.
        Ok(jaeger::Installed {
            version: format!("{version} (go install)"),
            ..jaeger::Installed::probe(&binary).await?
        })
    }

    async fn install_jaeger(&self, folder: &Path) -> Result<String, StackError> {
        let go = self.find("go").ok_or(StackError::Missing {
            program: "go",
            purpose: "build Jaeger",
            advice: "install Go (1.20 or newer), or name a Jaeger binary in MILVUS_BENCH_JAEGER",
        })?;
        delete_folder(folder)?;
        create_folder(folder)?;
        let log = self.log("install-jaeger.log")?;
        let mut outcome = Ok(());
        for version in JAEGER_VERSIONS {
            (self.progress.0)(&format!(
                "building Jaeger {version} by `go install` (once, about a minute; at most 20 min)"
            ));
            outcome = run(
                &format!("go install of Jaeger {version}"),
                go_install(&go, version, folder),
                &log,
                20 * MINUTE,
            )
            .await;
            if outcome.is_ok() {
                mark_complete(folder, version)?;
                return Ok(version.to_owned());
            }
        }
        outcome.map(|()| String::new())
    }

    /// A new, empty log file in the cache.
    fn log(&self, name: &str) -> Result<PathBuf, StackError> {
        let log = self.cache.join(name);
        std::fs::write(&log, "").map_err(StackError::file("create", &log))?;
        Ok(log)
    }

    /// Where PATH has `program`.
    fn find(&self, program: &str) -> Option<PathBuf> {
        find(program, &self.search)
    }
}

fn find(program: &str, search: &OsStr) -> Option<PathBuf> {
    let runs = |path: &PathBuf| {
        path.metadata()
            .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
    std::env::split_paths(search)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(program))
        .find(runs)
}

fn go_install(go: &Path, version: &str, folder: &Path) -> Command {
    let mut command = Command::new(go);
    command.arg("install").arg(format!(
        "github.com/jaegertracing/jaeger/cmd/all-in-one@v{version}"
    ));
    command
        .env("GOBIN", folder)
        .env("CGO_ENABLED", "0")
        .current_dir(folder);
    // Settings that belong to a user's own project: a cross build, a vendor folder, a workspace.
    command
        .env_remove("GOOS")
        .env_remove("GOARCH")
        .env("GOFLAGS", "-mod=mod")
        .env("GOWORK", "off");
    command
}

fn mark_complete(folder: &Path, version: &str) -> Result<(), StackError> {
    let marker = folder.join(COMPLETE);
    std::fs::write(&marker, version).map_err(StackError::file("write", &marker))
}

/// Runs one step with its output in `log`. Proxies, mirrors and certificates come from the user's
/// environment.
async fn run(
    step: &str,
    mut command: Command,
    log: &Path,
    longest: Duration,
) -> Result<(), StackError> {
    let failed = |reason: String| StackError::Install {
        step: step.to_owned(),
        reason,
        log: log.to_owned(),
    };
    let open = || {
        std::fs::OpenOptions::new()
            .append(true)
            .open(log)
            .map_err(StackError::file("write", log))
    };
    command
        .stdin(Stdio::null())
        .stdout(open()?)
        .stderr(open()?)
        .kill_on_drop(true);
    // These would turn the installation into another folder than the one that was asked for, or
    // load other code.
    for name in [
        "PIP_USER",
        "PIP_TARGET",
        "PIP_PREFIX",
        "PIP_REQUIRE_VIRTUALENV",
        "PYTHONPATH",
        "PYTHONHOME",
        "VIRTUAL_ENV",
    ] {
        command.env_remove(name);
    }
    let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
    let status = match timeout(longest, child.wait()).await {
        Ok(status) => status.map_err(|error| failed(error.to_string()))?,
        Err(_) => {
            return Err(failed(format!(
                "it did not finish within {} s",
                longest.as_secs()
            )));
        }
    };
    if status.success() {
        Ok(())
    } else {
        Err(failed(
            last_words(log).unwrap_or_else(|| status.to_string()),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::script;
    use super::*;

    fn installer<'a>(cache: &'a Path, search: &Path, progress: &'a dyn Fn(&str)) -> Installer<'a> {
        Installer {
            cache,
            search: search.into(),
            progress: ProgressRef(progress),
        }
    }

    fn seen(error: StackError) -> String {
        error.to_string()
    }

    #[tokio::test]
    async fn without_python_and_go_one_sentence_each() {
        let folder = tempfile::tempdir().unwrap();
        let installer = installer(folder.path(), Path::new(""), &|_| ());
        let text = seen(installer.milvus().await.unwrap_err());
        assert!(
            text.starts_with(
                "`python3` was not found on PATH and is needed to install Milvus from PyPI; \
                 install Python 3"
            ),
            "{text}"
        );
        let text = seen(installer.jaeger().await.unwrap_err());
        assert!(
            text.starts_with(
                "`go` was not found on PATH and is needed to build Jaeger; install Go"
            ),
            "{text}"
        );
    }

    #[tokio::test]
    async fn a_failed_step_is_told_with_its_last_words_and_its_log() {
        let folder = tempfile::tempdir().unwrap();
        script(
            folder.path(),
            "python3",
            "echo 'Error: no module named venv' >&2; echo; exit 3",
        );
        let text = seen(
            installer(folder.path(), folder.path(), &|_| ())
                .milvus()
                .await
                .unwrap_err(),
        );
        assert!(
            text.contains(
                "python3 -m venv failed: Error: no module named venv; the whole output is in"
            ),
            "{text}"
        );
        assert!(text.contains("install-milvus.log"), "{text}");
    }

    /// A venv whose python writes what unpacking would leave behind.
    const PYTHON: &str = r#"echo ran >> "$(dirname "$0")/runs"
mkdir -p "$3/bin" && cat > "$3/bin/python" <<'END' && chmod +x "$3/bin/python"
#!/bin/sh
[ "$1" = -m ] && exit 0
mkdir -p "$3/bin"; : > "$3/bin/milvus"
END
"#;

    #[tokio::test]
    async fn milvus_is_installed_once_and_again_when_broken_off() {
        let folder = tempfile::tempdir().unwrap();
        script(folder.path(), "python3", PYTHON);
        let runs = || {
            std::fs::read_to_string(folder.path().join("runs"))
                .unwrap_or_default()
                .lines()
                .count()
        };
        let installer = installer(folder.path(), folder.path(), &|_| ());
        let installed = installer.milvus().await.unwrap();
        assert!(installed.binary.exists());
        installer.milvus().await.unwrap();
        assert_eq!(runs(), 1);
        std::fs::remove_file(folder.path().join("milvus-2.3.5/complete")).unwrap();
        installer.milvus().await.unwrap();
        assert_eq!(runs(), 2);
    }

    /// A go that refuses 1.46.0 and writes a Jaeger for any other.
    const GO: &str = r#"case "$2" in
  *v1.46.0) echo "reading sum.golang.org: 404 Not Found" >&2; exit 1;;
esac
cat > "$GOBIN/all-in-one" <<'END'
#!/bin/sh
echo " --collector.otlp.grpc.host-port x --query.grpc-server.host-port x"
END
chmod +x "$GOBIN/all-in-one"
"#;

    #[tokio::test]
    async fn the_second_version_of_jaeger_is_built_where_the_first_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        script(folder.path(), "go", GO);
        let told = std::cell::RefCell::new(Vec::new());
        let progress = |line: &str| told.borrow_mut().push(line.to_owned());
        let installer = installer(folder.path(), folder.path(), &progress);
        assert_eq!(
            installer.jaeger().await.unwrap().version,
            "1.45.0 (go install)"
        );
        assert_eq!(
            installer.jaeger().await.unwrap().version,
            "1.45.0 (go install)"
        );
        assert_eq!(
            told.borrow().len(),
            2,
            "the second time nothing is built: {told:?}"
        );
    }

    #[tokio::test]
    async fn a_jaeger_on_path_goes_first_and_another_program_of_that_name_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        script(folder.path(), "jaeger", "echo 'a game'");
        let installer = installer(folder.path(), folder.path(), &|_| ());
        assert!(seen(installer.jaeger().await.unwrap_err()).starts_with("`go` was not found"));
        script(
            folder.path(),
            "jaeger-all-in-one",
            r#"echo " --collector.otlp.grpc.host-port --query.grpc-server.host-port"
               echo '{"gitVersion":"v1.50.0"}'"#,
        );
        assert_eq!(installer.jaeger().await.unwrap().version, "1.50.0");
    }

    #[test]
    fn programs_are_found_in_absolute_folders_only() {
        assert_eq!(
            find("sh", OsStr::new("/nowhere:/bin")),
            Some("/bin/sh".into())
        );
        assert_eq!(find("sh", OsStr::new("")), None);
        assert_eq!(find("passwd", OsStr::new("/etc")), None, "not executable");
    }
}
