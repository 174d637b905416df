//! Chromium without a window, asked what is to be seen in a page.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{chromium::Chromium, tab::Tab};

/// A scratch folder with pages, and a profile of its own for the browser.
pub(crate) struct Browser<'a> {
    chromium: &'a Chromium,
    folder: TempDir,
}

impl<'a> Browser<'a> {
    pub(crate) fn new(chromium: &'a Chromium) -> Self {
        Self {
            chromium,
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    pub(crate) fn write(&self, name: &str, page: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, page).expect("a file");
        path
    }

    /// Opens `page` and gives the document as it is when its scripts have run, and what the browser
    /// logged.
    #[track_caller]
    pub(crate) fn open(&self, page: &Path, more: &[&str]) -> (String, String) {
        // The page is ours, so it needs no sandbox, which a container can't give. A browser that
        // hangs is ended.
        let Output {
            stdout,
            stderr,
            status,
        } = Command::new("timeout")
            .args(["--kill-after=5", "180"])
            .arg(&self.chromium.0)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--hide-scrollbars",
                "--enable-logging=stderr",
                "--virtual-time-budget=20000",
            ])
            .arg(format!(
                "--user-data-dir={}",
                self.folder.path().join("profile").display()
            ))
            .args(more)
            .args(["--dump-dom", &format!("file://{}", page.display())])
            .output()
            .expect("timeout of coreutils");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(status.success(), "{status}: {}", text(&stderr));
        (text(&stdout), text(&stderr))
    }

    /// What the first probe found in `page`, a report, in a window of `width` pixels.
    #[track_caller]
    pub(crate) fn probe(&self, page: &str, width: u32, more: &[&str]) -> Value {
        self.ask(include_str!("report_probe.js"), page, width, more)
    }

    /// What the script `probe` found in `page`: the message that it sends.
    #[track_caller]
    pub(crate) fn ask(&self, probe: &str, page: &str, width: u32, more: &[&str]) -> Value {
        let found = self.tab(probe, page, width, more).value("found");
        let text = found.as_str().expect("the probe's message");
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// `page` in a window of `width` pixels, with the script `probe`, whose message is the promise
    /// `found`.
    #[track_caller]
    pub(crate) fn tab(&self, probe: &str, page: &str, width: u32, more: &[&str]) -> Tab {
        let path = self.write("page.html", page);
        let script = format!("{SHARED}{probe}");
        let profile = self.folder.path().join("profile");
        Tab::open(self.chromium, &profile, &path, (width, &script), more)
    }
}

/// What runs before each probe.
const SHARED: &str = include_str!("shared_probe.js");

/// Mean brightness of a colour, 0 to 255.
pub(crate) fn brightness(color: &Value) -> u64 {
    let channels: Vec<u64> = color
        .as_array()
        .expect("a colour")
        .iter()
        .filter_map(Value::as_u64)
        .collect();
    channels.iter().sum::<u64>() / 3
}
