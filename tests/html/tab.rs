//! A page that is open in Chromium: asked, sized and printed by the DevTools protocol, over a pipe.
//!
//! `--dump-dom` would do for what a page draws at once; it has no frames, so that nothing follows a
//! resize or a scroll there.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use base64::Engine as _;
use serde_json::{Value, json};

use crate::chromium::Chromium;

/// Chromium reads commands from descriptor 3 and answers on 4: they become its stdin and stdout.
const PIPED: &str = "exec \"$0\" \"$@\" 3<&0 4>&1 >&2";

/// One page in a browser of its own, which ends with it.
pub(crate) struct Tab {
    browser: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    session: Option<String>,
    calls: u64,
}

impl Tab {
    /// Opens `page` in a window of `width` pixels; `script` runs before those of the page, whose
    /// policy does not bind it.
    #[track_caller]
    pub(crate) fn open(
        chromium: &Chromium,
        profile: &Path,
        page: &Path,
        (width, script): (u32, &str),
        more: &[&str],
    ) -> Self {
        // A browser that hangs is ended. The page is ours, so it needs no sandbox, which a
        // container can't give.
        let mut browser = Command::new("timeout")
            .args(["--kill-after=5", "180", "sh", "-c", PIPED])
            .arg(&chromium.0)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--hide-scrollbars",
                "--remote-debugging-pipe",
            ])
            .arg(format!("--user-data-dir={}", profile.display()))
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("timeout of coreutils");
        let (to, from) = (browser.stdin.take(), browser.stdout.take());
        let mut tab = Self {
            browser,
            to: to.expect("a pipe"),
            from: BufReader::new(from.expect("a pipe")),
            session: None,
            calls: 0,
        };
        let target = tab.call("Target.createTarget", json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let session = tab.call("Target.attachToTarget", attach);
        tab.session = session["sessionId"].as_str().map(str::to_owned);
        tab.call("Page.enable", json!({}));
        tab.size(width);
        let source = json!({ "source": script });
        tab.call("Page.addScriptToEvaluateOnNewDocument", source);
        tab.call(
            "Page.navigate",
            json!({"url": format!("file://{}", page.display())}),
        );
        tab.wait_for("Page.loadEventFired");
        tab
    }

    /// Makes the window `width` pixels wide.
    pub(crate) fn size(&mut self, width: u32) {
        let size = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", size);
    }

    /// How wide the page is where A4 leaves `width` pixels, with the rules of paper.
    pub(crate) fn width_on_paper(&mut self, width: u32) -> f64 {
        self.value("void dispatchEvent(new Event('beforeprint'))");
        self.call("Emulation.setEmulatedMedia", json!({"media": "print"}));
        self.size(width);
        let wide = self.value("document.documentElement.scrollWidth");
        wide.as_f64().expect("a width")
    }

    /// The value of a JavaScript expression, of a promise what it becomes.
    #[track_caller]
    pub(crate) fn value(&mut self, expression: &str) -> Value {
        let found = self.call(
            "Runtime.evaluate",
            json!({"expression": expression, "awaitPromise": true, "returnByValue": true}),
        );
        assert!(found["exceptionDetails"].is_null(), "{found:#}");
        found["result"]["value"].clone()
    }

    /// The page on A4, as its own rules say.
    pub(crate) fn print(&mut self) -> Vec<u8> {
        let printed = self.call(
            "Page.printToPDF",
            json!({"preferCSSPageSize": true, "printBackground": false}),
        );
        base64::engine::general_purpose::STANDARD
            .decode(printed["data"].as_str().expect("a document"))
            .expect("base64")
    }

    #[track_caller]
    fn call(&mut self, method: &str, params: Value) -> Value {
        self.calls += 1;
        let mut call = json!({"id": self.calls, "method": method, "params": params});
        if let Some(session) = &self.session {
            call["sessionId"] = json!(session);
        }
        write!(self.to, "{call}\0").expect("Chromium reads");
        self.to.flush().expect("Chromium reads");
        loop {
            let message = self.read();
            if message["id"] == self.calls {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].clone();
            }
        }
    }

    #[track_caller]
    fn wait_for(&mut self, event: &str) {
        while self.read()["method"] != event {}
    }

    #[track_caller]
    fn read(&mut self) -> Value {
        let mut message = Vec::new();
        self.from
            .read_until(0, &mut message)
            .expect("Chromium answers");
        assert_eq!(message.pop(), Some(0), "Chromium ended");
        serde_json::from_slice(&message).expect("JSON")
    }
}

impl Drop for Tab {
    fn drop(&mut self) {
        // Chromium ends when the pipe does; timeout sees to it.
        let _ = write!(
            self.to,
            "{}\0",
            json!({"id": 0, "method": "Browser.close", "params": {}})
        );
        let _ = self.to.flush();
        let _ = self.browser.wait();
    }
}
