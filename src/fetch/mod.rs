//! Files of data sets that are at an address, fetched once into a folder of the cache.
//!
//! A file has its name there only when it is whole and its sum was found right. Until then it is a
//! part (`part`) that one process at a time goes on with, in this run or in a later one. What the
//! address says of the file as it was begun stands beside the part, so that no file is put together
//! of two.

mod error;
mod part;
mod transfer;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

pub use error::{FetchError, FetchTrouble};

use self::{
    part::Part,
    transfer::{Ended, Transfer},
};
use crate::dataset::RemoteFile;

/// How files are fetched.
#[derive(Clone, Debug)]
pub struct FetchOptions {
    /// Folder of fetched files, made where it is not there.
    pub folder: PathBuf,
    /// Longest time without a byte of the server.
    pub patience: Duration,
    /// Pauses before the further tries of a connection that broke, while nothing comes.
    pub pauses: Vec<Duration>,
}

impl FetchOptions {
    /// Into `folder`, with the usual patience.
    #[must_use]
    pub fn into_folder(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            patience: Duration::from_secs(30),
            pauses: [1, 3, 10, 30].map(Duration::from_secs).to_vec(),
        }
    }
}

/// What happens while a file is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchEvent {
    /// Another process fetches the same file, and is waited for.
    Waiting,
    /// It begins, behind so many bytes of an earlier try.
    #[allow(missing_docs)]
    Begun { at: u64, total: Option<u64> },
    /// So many bytes are there, of `total`, where the server gave it.
    #[allow(missing_docs)]
    Received { bytes: u64, total: Option<u64> },
    /// It begins from its start again, for this reason.
    Again(String),
    /// The connection broke, for this reason, and is tried again.
    Broken(String),
}

/// Told of each [`FetchEvent`].
pub type Told<'a> = &'a (dyn Fn(&FetchEvent) + Sync);

/// Fetches `file` unless it is there, and gives its path.
///
/// # Errors
/// It can't be had, or is another one: what came of it is kept for the next try, unless its sum is
/// wrong.
pub async fn fetch(
    file: &RemoteFile,
    options: &FetchOptions,
    told: Told<'_>,
) -> Result<PathBuf, FetchError> {
    let of_file = |trouble| FetchError {
        url: file.url.to_string(),
        trouble,
    };
    let path = file.path_in(&options.folder);
    if path.is_file() {
        return Ok(path);
    }
    let opened = Part::open(&path, || told(&FetchEvent::Waiting)).await;
    // Another process may have ended meanwhile.
    let Some(mut part) = opened.map_err(of_file)? else {
        return Ok(path);
    };
    let transfer = Transfer::new(file, options).map_err(of_file)?;
    let mut was_kept = part.length() > 0;
    loop {
        receive(&transfer, &mut part, options, told)
            .await
            .map_err(of_file)?;
        let found = part.sum();
        if found == file.sha256 {
            part.finish(&path).map_err(of_file)?;
            return Ok(path);
        }
        let bytes = part.length();
        // Bytes of an earlier day may be those of another file, where the server names no version.
        if !was_kept {
            part.remove();
            let expected = file.sha256.clone();
            return Err(of_file(FetchTrouble::OtherSum {
                found,
                expected,
                bytes,
            }));
        }
        was_kept = false;
        told(&FetchEvent::Again("its sum is wrong".to_owned()));
        part.restart("").map_err(of_file)?;
    }
}

/// Receives the rest of the file, over as many connections as it takes.
async fn receive(
    transfer: &Transfer<'_>,
    part: &mut Part,
    options: &FetchOptions,
    told: Told<'_>,
) -> Result<(), FetchTrouble> {
    let mut pauses = options.pauses.iter();
    let (mut was_answered, mut longest) = (false, part.length());
    loop {
        let ended = transfer.receive(part, told).await?;
        let is_silent = matches!(ended, Ended::Silent(_));
        match ended {
            Ended::Whole => return Ok(()),
            Ended::Again(why) => {
                told(&FetchEvent::Again(why));
                part.restart("")?;
            }
            Ended::Silent(why) | Ended::Broken(why) => {
                // A server that always breaks at the same place is given up.
                if part.length() > longest {
                    longest = part.length();
                    pauses = options.pauses.iter();
                }
                // A server that was there may come back; one that never was is a wrong address.
                let pause = pauses.next().filter(|_| was_answered || !is_silent);
                let Some(pause) = pause else {
                    let bytes = part.length();
                    return Err(FetchTrouble::Broken { why, bytes });
                };
                told(&FetchEvent::Broken(why));
                tokio::time::sleep(*pause).await;
            }
        }
        was_answered |= !is_silent;
    }
}

#[cfg(test)]
mod tests;
