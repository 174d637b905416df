//! Servers of milvus-lite, which have types that Milvus 2.3.5 lacks.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use super::histograms::virtual_environment;
use crate::servers::free_address;

/// A release of milvus-lite.
#[derive(Clone, Copy)]
pub(crate) enum Release {
    /// The engine of Milvus 2.5 in one program.
    V2_5,
    /// Written in Python; newest release that was tried. The server needs the client's package.
    V3_2,
}

impl Release {
    fn packages(self) -> &'static [&'static str] {
        match self {
            Self::V2_5 => &["milvus-lite==2.5.1"],
            Self::V3_2 => &["milvus-lite==3.2.2", "pymilvus==2.6.5"],
        }
    }

    fn folder(self) -> &'static str {
        match self {
            Self::V2_5 => "milvus-lite-2.5",
            Self::V3_2 => "milvus-lite",
        }
    }
}

/// A server of milvus-lite on a free port, ended when it is dropped.
pub(crate) struct Lite {
    child: Child,
    pub(crate) uri: String,
    _data: tempfile::TempDir,
}

impl Lite {
    /// Starts it from a virtual environment in `cache`, installed first if it is not there. It
    /// begins to answer a moment after that.
    pub(crate) fn start(cache: &Path, release: Release) -> Self {
        let python = virtual_environment(&cache.join(release.folder()), release.packages());
        let data = tempfile::tempdir().expect("a folder");
        let address = free_address();
        let mut command = match release {
            Release::V2_5 => {
                let folder = library(&python);
                let mut command = Command::new(folder.join("milvus"));
                // It takes file names of at most 36 characters.
                let run = ["lite.db", &address.to_string(), "ERROR"];
                command
                    .current_dir(data.path())
                    .env("LD_LIBRARY_PATH", folder)
                    .args(run);
                command
            }
            Release::V3_2 => {
                let mut command = Command::new(python.with_file_name("milvus-lite"));
                command
                    .args(["server", "--host", "127.0.0.1", "--port"])
                    .arg(address.port().to_string())
                    .arg("--data-dir")
                    .arg(data.path());
                command
            }
        };
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self {
            child,
            uri: format!("http://{address}"),
            _data: data,
        }
    }
}

/// The folder of the program and its libraries.
fn library(python: &Path) -> PathBuf {
    let code = "import importlib.util as u, os; \
                print(os.path.join(u.find_spec('milvus_lite').submodule_search_locations[0], \
                'lib'))";
    let output = Command::new(python)
        .args(["-c", code])
        .output()
        .expect("Python runs");
    assert!(output.status.success(), "milvus_lite is not there");
    PathBuf::from(String::from_utf8(output.stdout).expect("a path").trim())
}

impl Drop for Lite {
    fn drop(&mut self) {
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}
