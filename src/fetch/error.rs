//! Why a file can't be fetched: one sentence.

use std::path::PathBuf;

/// A file that can't be fetched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{url} {trouble}")]
pub struct FetchError {
    /// Its address.
    pub url: String,
    /// What was found and what to do, in words that go on after the address.
    pub trouble: FetchTrouble,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchTrouble {
    /// The file has another sum than the scenario gives.
    #[error(
        "was fetched ({bytes} bytes) and removed: its SHA-256 is {found}, expected {expected}; \
         check `sha256`, or whether the file at the address was changed"
    )]
    #[allow(missing_docs)]
    OtherSum {
        found: String,
        expected: String,
        bytes: u64,
    },
    /// The server has no such file, or does not give it.
    #[error("can't be fetched: the server answers {status}; {advice}")]
    #[allow(missing_docs)]
    Refused {
        status: String,
        advice: &'static str,
    },
    /// A web page.
    #[error(
        "is a web page{title} and not a file: give the address of the file itself, which a \
         browser's download list shows"
    )]
    #[allow(missing_docs)]
    WebPage { title: String },
    /// A redirect to where files are not fetched from.
    #[error("can't be fetched: it redirects to an address that {story}")]
    #[allow(missing_docs)]
    Redirect { story: String },
    /// The connection can't be had, or broke.
    #[error("can't be fetched: {why}{}", kept(*bytes))]
    #[allow(missing_docs)]
    Broken { why: String, bytes: u64 },
    /// The HTTP client can't be made.
    #[error("can't be fetched: {0}")]
    Client(String),
    /// The cache can't be written.
    #[error(
        "can't be kept: {}: {why}; MILVUS_BENCH_CACHE names another cache folder",
        path.display()
    )]
    #[allow(missing_docs)]
    File { path: PathBuf, why: String },
    /// The disk has not enough room.
    #[error(
        "has {missing} more bytes than are free in {}: free some, or name another cache folder in \
         MILVUS_BENCH_CACHE",
        path.display()
    )]
    #[allow(missing_docs)]
    NoRoom { path: PathBuf, missing: u64 },
}

fn kept(bytes: u64) -> String {
    match bytes {
        0 => String::new(),
        bytes => format!(
            "; what was received ({bytes} bytes) is kept, and the next run goes on from there"
        ),
    }
}
