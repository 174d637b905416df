//! The browser that pages are opened in.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc,
    time::Duration,
};

/// Names that Chromium has in distributions.
const NAMES: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];

/// Time in which a browser says its version, also on a machine with other work.
const PATIENCE: Duration = Duration::from_secs(60);

/// Its program.
pub(crate) struct Chromium(pub(crate) PathBuf);

/// The first Chromium on PATH that starts; an error says why there is none.
pub(crate) fn find() -> Result<Chromium, String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let files = std::env::split_paths(&path)
        .flat_map(|folder| NAMES.map(|name| folder.join(name)))
        .filter(|file| file.is_file());
    let mut why = "no Chromium on PATH".to_owned();
    for file in files {
        // Some packages of that name hold a script which only says how to get another one.
        if starts(&file) {
            return Ok(Chromium(file));
        }
        why = format!("{} does not start", file.display());
    }
    Err(why)
}

fn starts(file: &Path) -> bool {
    let started = Command::new(file)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = started else { return false };
    let pid = rustix::process::Pid::from_child(&child);
    let (tell, ended) = mpsc::channel();
    std::thread::spawn(move || tell.send(child.wait().is_ok_and(|status| status.success())));
    ended.recv_timeout(PATIENCE).unwrap_or_else(|_| {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        false
    })
}
