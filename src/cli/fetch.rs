//! Files of data sets that are at an address: fetched, with progress.

use std::path::PathBuf;

use tokio::time::Instant;

use super::{
    ended::CliError,
    progress::Progress,
    runtime::runtime,
    scenario::{Read, fetched_files},
};
use crate::{
    dataset::RemoteFile,
    fetch::{FetchEvent, FetchOptions, fetch},
    plan::{Checked, Plan},
    report::units,
};

/// The plan of a scenario, whose files are fetched where they are not here. Its other mistakes are
/// told before anything is fetched.
pub(crate) fn fetched_plan(read: &Read, reading: &Progress, quiet: bool) -> Result<Plan, CliError> {
    match read.check(reading)? {
        Checked::Complete(plan) => Ok(*plan),
        Checked::Unfetched(files) => {
            let files: Vec<RemoteFile> = files.into_iter().map(|of| of.file).collect();
            fetch_all(&files, quiet)?;
            read.plan(reading)
        }
    }
}

/// Fetches files, one after the other, and gives their paths.
pub(crate) fn fetch_all(files: &[RemoteFile], quiet: bool) -> Result<Vec<PathBuf>, CliError> {
    let options = FetchOptions::into_folder(&fetched_files()?);
    let progress = Progress::new(quiet);
    let runtime = runtime()?;
    let paths = files.iter().map(|file| {
        let drawing = Drawing::new(&progress, file);
        let fetched = runtime.block_on(fetch(file, &options, &|event| drawing.show(event)));
        fetched.map_err(CliError::new)
    });
    let paths = paths.collect();
    progress.end();
    paths
}

/// Draws how far one file is.
struct Drawing<'a> {
    progress: &'a Progress,
    /// The end of its address, or all of it.
    name: String,
    began: Instant,
    /// Bytes of an earlier try, which were not received now.
    kept: std::sync::atomic::AtomicU64,
}

impl<'a> Drawing<'a> {
    fn new(progress: &'a Progress, file: &RemoteFile) -> Self {
        let last = file
            .url
            .path_segments()
            .and_then(|mut parts| parts.next_back());
        let name = last.filter(|name| !name.is_empty());
        let name = name.unwrap_or(file.url.as_str()).to_owned();
        progress.step(&format!("fetching {}", file.url));
        Self {
            progress,
            name,
            began: Instant::now(),
            kept: 0.into(),
        }
    }

    fn show(&self, event: &FetchEvent) {
        use std::sync::atomic::Ordering::Relaxed;
        let (progress, name) = (self.progress, &self.name);
        match event {
            FetchEvent::Waiting => progress.step(&format!(
                "waiting for another process, which fetches {name}"
            )),
            FetchEvent::Begun { at: 0, .. } => self.kept.store(0, Relaxed),
            FetchEvent::Begun { at, .. } => {
                self.kept.store(*at, Relaxed);
                let at = bytes(*at);
                progress.step(&format!("fetching {name}: {at} are here, the rest follows"));
            }
            FetchEvent::Received {
                bytes: there,
                total,
            } => {
                let seconds = self.began.elapsed().as_secs_f64();
                let new = there.saturating_sub(self.kept.load(Relaxed));
                progress.now(&received(name, *there, *total, new as f64 / seconds));
            }
            FetchEvent::Again(why) => {
                progress.step(&format!("fetching {name} from its beginning: {why}"));
            }
            FetchEvent::Broken(why) => {
                progress.step(&format!("fetching {name}: {why}; trying again"));
            }
        }
    }
}

/// `base.fbin: 1.20 GB of 3.40 GB (35 %), 50.0 MB/s`.
fn received(name: &str, there: u64, total: Option<u64>, a_second: f64) -> String {
    let whole = total.map_or_else(String::new, |total| {
        let percent = u128::from(there) * 100 / u128::from(total.max(1));
        format!(" of {} ({percent} %)", bytes(total))
    });
    let speed = if a_second.is_finite() {
        format!(", {}/s", bytes(a_second as u64))
    } else {
        String::new()
    };
    format!("{name}: {}{whole}{speed}", bytes(there))
}

/// Bytes with the unit of thousands that keeps them between 1 and 1,000, if there is one.
pub(crate) fn bytes(bytes: u64) -> String {
    let (size, unit) = match bytes as f64 {
        size if size < 999.5 => return format!("{bytes} B"),
        size if size < 999_500.0 => (size / 1e3, "kB"),
        size if size < 999_500_000.0 => (size / 1e6, "MB"),
        size => (size / 1e9, "GB"),
    };
    format!("{} {unit}", units::number(size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_has_share_and_speed_where_they_are_known() {
        assert_eq!(
            received("x.fbin", 1_200_000_000, Some(3_400_000_000), 5e7),
            "x.fbin: 1.20 GB of 3.40 GB (35 %), 50.0 MB/s"
        );
        assert_eq!(
            received("x.fbin", 999, None, f64::INFINITY),
            "x.fbin: 999 B"
        );
        assert_eq!(bytes(12_345), "12.3 kB");
    }
}
