//! Is a started process ready? Plain HTTP and TCP on this machine; no proxy of the environment has
//! a say in it.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::StackError;
use super::process::{Process, last_words};

/// Longest wait for one answer.
const ANSWER: Duration = Duration::from_secs(2);

/// Bytes of an answer that are read; health pages are short.
const ANSWER_BYTES: u64 = 4096;

/// What must answer before a process counts as ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Health {
    /// Port of the health page on 127.0.0.1.
    pub(super) port: u16,
    /// Its path.
    pub(super) path: String,
    /// A word that the page holds, may be empty.
    pub(super) word: &'static str,
    /// Ports that accept connections besides.
    pub(super) open: Vec<u16>,
}

impl Health {
    /// Asks once.
    pub(super) async fn answers(&self) -> bool {
        for port in &self.open {
            if !matches!(
                timeout(ANSWER, TcpStream::connect(("127.0.0.1", *port))).await,
                Ok(Ok(_))
            ) {
                return false;
            }
        }
        match timeout(ANSWER, get(self.port, &self.path)).await {
            Ok(Ok(answer)) => is_ok(&answer, self.word),
            Ok(Err(_)) | Err(_) => false,
        }
    }

    /// Asks until the answer is yes.
    ///
    /// # Errors
    /// The process ended, or did not get ready within `longest`; with the last words of its log.
    pub(super) async fn wait(
        &self,
        process: &Process,
        longest: Duration,
    ) -> Result<(), StackError> {
        let deadline = Instant::now() + longest;
        loop {
            let alive = process.alive();
            if alive && self.answers().await {
                return Ok(());
            }
            let reason = match alive {
                false => "ended while it was starting".to_owned(),
                true if Instant::now() >= deadline => {
                    format!(
                        "did not answer at 127.0.0.1:{}{} within {} s",
                        self.port,
                        self.path,
                        longest.as_secs()
                    )
                }
                true => {
                    sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let reason = last_words(&process.log)
                .map_or_else(|| reason.clone(), |words| format!("{reason} ({words})"));
            return Err(StackError::Start {
                name: process.name.clone(),
                reason,
                log: process.log.clone(),
            });
        }
    }
}

/// HTTP/1.0, so that the server closes the connection after its answer. A client library would
/// bring the proxies of the environment with it.
async fn get(port: u16, path: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream
        .write_all(format!("GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n").as_bytes())
        .await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES).read_to_end(&mut answer).await?;
    Ok(answer)
}

fn is_ok(answer: &[u8], word: &str) -> bool {
    let text = String::from_utf8_lossy(answer);
    let mut status = text.lines().next().unwrap_or_default().split(' ');
    let http = status
        .next()
        .is_some_and(|version| version.starts_with("HTTP/1."));
    http && status.next() == Some("200")
        && text
            .split_once("\r\n\r\n")
            .is_some_and(|(_, body)| body.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_200_with_the_word_is_ok() {
        assert!(is_ok(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nOK", "OK"));
        assert!(is_ok(b"HTTP/1.0 200 OK\r\n\r\n", ""));
        assert!(
            !is_ok(b"HTTP/1.1 200 OK\r\n\r\ncomponent proxy not healthy", "OK"),
            "the word must stand in the body"
        );
        assert!(!is_ok(b"HTTP/1.1 503 Service Unavailable\r\n\r\nOK", "OK"));
        assert!(!is_ok(b"", ""));
        assert!(!is_ok(b"\xff\xfe 200", ""));
        assert!(!is_ok(b"SSH-2.0-x 200\r\n\r\n", ""));
    }

    #[tokio::test]
    async fn nothing_listening_is_no_answer() {
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let health = Health {
            port,
            path: "/".to_owned(),
            word: "",
            open: Vec::new(),
        };
        assert!(!health.answers().await);
    }
}
