//! Windows of tmux: what a program shows in them.

use std::{
    path::Path,
    process::{Command, Stdio},
};

/// Whether there is a tmux; an error says that there is none.
pub(crate) fn find() -> Result<(), String> {
    let started = Command::new("tmux").arg("-V").stdin(Stdio::null()).output();
    match started {
        Ok(output) if output.status.success() => Ok(()),
        Ok(_) => Err("tmux does not start".to_owned()),
        Err(_) => Err("no tmux on PATH".to_owned()),
    }
}

/// The size of a window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) columns: u16,
    pub(crate) rows: u16,
}

/// What a window showed.
pub(crate) struct Seen {
    /// Every line, those that scrolled away first, without the empty ones at the end.
    pub(crate) lines: Vec<String>,
    /// Lines that were wider than the window.
    pub(crate) wrapped: Vec<String>,
    /// What was written, escapes among it.
    pub(crate) bytes: String,
}

/// A server of its own, which ends with it.
struct Server<'a> {
    folder: &'a Path,
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        let _ = self.command(&["kill-server"]).output();
    }
}

impl Server<'_> {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("tmux");
        command
            .args(["-u", "-f", "/dev/null", "-L", "test"])
            .args(arguments)
            .current_dir(self.folder)
            .env("TMUX_TMPDIR", self.folder)
            .env("MILVUS_BENCH_CALIBRATE", "off")
            .env_remove("TMUX")
            .env_remove("NO_COLOR")
            .env_remove("CLICOLOR")
            .env_remove("CLICOLOR_FORCE")
            .env_remove("COLUMNS")
            .env_remove("LINES")
            .env_remove("CI")
            .stdin(Stdio::null());
        command
    }

    fn call(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().expect("tmux starts");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "tmux {arguments:?}: {stderr}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }
}

impl Window {
    /// Runs `command`, a line of the shell, in `folder` and in a window of this size, to its end.
    pub(crate) fn shows(self, folder: &Path, command: &str) -> Seen {
        let scratch = tempfile::tempdir().expect("a folder");
        let server = Server {
            folder: scratch.path(),
        };
        let bytes = scratch.path().join("bytes");
        // What is written is recorded from the first byte on; the window stays until it was read.
        let (go, done) = ("tmux -L test wait-for go", "tmux -L test wait-for -S done");
        let line = format!("cd '{}'; {go}; {command}; {done}; cat", folder.display());
        let (columns, rows) = (self.columns.to_string(), self.rows.to_string());
        server.call(&["new-session", "-d", "-x", &columns, "-y", &rows, &line]);
        let ended = "tmux -L test wait-for -S recorded";
        let record = format!("cat > '{}'; {ended}", bytes.display());
        server.call(&["pipe-pane", &record]);
        server.call(&["wait-for", "-S", "go"]);
        server.call(&["wait-for", "done"]);
        let lines = |joined: &[&str]| -> Vec<String> {
            let capture = ["capture-pane", "-p", "-S", "-", "-E", "-"];
            let text = server.call(&[&capture, joined].concat());
            let lines = text
                .trim_end()
                .lines()
                .map(|line| line.trim_end().to_owned());
            lines.collect()
        };
        let (seen, whole) = (lines(&[]), lines(&["-J"]));
        server.call(&["pipe-pane"]);
        server.call(&["wait-for", "recorded"]);
        let wrapped = whole.iter().filter(|line| !seen.contains(line));
        Seen {
            wrapped: wrapped.cloned().collect(),
            lines: seen,
            bytes: std::fs::read_to_string(&bytes).unwrap_or_default(),
        }
    }
}
