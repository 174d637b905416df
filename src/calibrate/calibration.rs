//! The result of a calibration, and its file in the user's cache, which later runs are compared
//! with.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    cells::{Cell, Shape},
    error::CalibrateError,
    measure::Measured,
};
use crate::{record::environment, stack::StackOptions};

/// Version of the file; one of another version counts as absent.
const FORMAT: u32 = 1;

/// Name of the file within the cache folder.
const FILE: &str = "calibration.json";

/// What was measured, when, on which machine with which program.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Calibration {
    /// [`FORMAT`].
    pub(super) format: u32,
    /// When it began, UTC.
    pub(super) date: String,
    /// See [`fingerprint`].
    pub(super) machine: BTreeMap<String, String>,
    /// Seconds that each cell was measured.
    pub(super) cell_s: f64,
    /// Connections of the one load thread.
    pub(super) connections: u32,
    pub(super) cells: Vec<CellResult>,
}

/// One cell with what it gave.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct CellResult {
    /// As in `--only`.
    pub(super) cell: String,
    /// Dimensions of the vector of each search.
    pub(super) dim: u32,
    /// Share of requests that are traced, in [0, 1].
    pub(super) traced: f64,
    /// Callers of a closed loop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) in_flight: Option<u32>,
    /// Requests per second of an open loop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rate: Option<u32>,
    #[serde(flatten)]
    pub(super) measured: Measured,
}

impl CellResult {
    pub(super) fn new(cell: &Cell, measured: Measured) -> Self {
        let (in_flight, rate) = match cell.shape {
            Shape::InFlight(callers) => (Some(callers), None),
            Shape::Rate(rate) => (None, Some(rate)),
        };
        Self {
            cell: cell.to_string(),
            dim: cell.dim,
            traced: cell.traced(),
            in_flight,
            rate,
            measured,
        }
    }
}

impl Calibration {
    /// Nothing measured yet, now.
    pub(super) fn begin(cell_s: f64, connections: u32) -> Self {
        let date = humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string();
        Self {
            format: FORMAT,
            date,
            machine: fingerprint(),
            cell_s,
            connections,
            cells: Vec::new(),
        }
    }

    /// The one in `file`; None where there is none, or it is of another machine, kernel, version or
    /// build, or damaged: it is measured again then.
    pub(super) fn read(file: &Path) -> Option<Self> {
        let found: Self = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
        (found.format == FORMAT && found.machine == fingerprint()).then_some(found)
    }

    /// Replaces `file` as a whole; its folder is made.
    pub(super) fn write(&self, file: &Path) -> Result<(), CalibrateError> {
        let write = || -> io::Result<()> { fs::rename(write_scratch(file, &self.json()?)?, file) };
        write().map_err(|error| not_kept(file, &error))
    }

    /// Whether `file` can be written: found out before anything is measured.
    pub(super) fn check_writable(file: &Path) -> Result<(), CalibrateError> {
        write_scratch(file, b"")
            .and_then(fs::remove_file)
            .map_err(|error| not_kept(file, &error))
    }

    /// Whether no cell was measured.
    pub(crate) fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// The whole as JSON with a line's end.
    pub(crate) fn json(&self) -> serde_json::Result<Vec<u8>> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        Ok(text)
    }
}

/// Writes a file beside `file`, whose folder is made; gives its path.
fn write_scratch(file: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    fs::create_dir_all(file.parent().unwrap_or(Path::new(".")))?;
    let scratch = file.with_extension(format!("{}.tmp", std::process::id()));
    fs::write(&scratch, bytes)?;
    Ok(scratch)
}

fn not_kept(file: &Path, error: &io::Error) -> CalibrateError {
    CalibrateError::new(format!(
        "the calibration can't be kept in {}: {error}",
        file.display()
    ))
}

/// Where the file is: the cache folder is that of `stack`.
pub(super) fn file() -> Result<PathBuf, CalibrateError> {
    StackOptions::default_ports()
        .map(|options| options.cache.join(FILE))
        .map_err(CalibrateError::new)
}

/// What a calibration holds for: processor, cores, kernel, version and build of this program.
fn fingerprint() -> BTreeMap<String, String> {
    let mut machine = environment::machine();
    machine.retain(|key, _| ["processor", "cores", "os"].contains(&key.as_str()));
    let tool = environment::tool()
        .into_iter()
        .filter(|(key, _)| ["version", "profile"].contains(&key.as_str()));
    machine.extend(tool);
    machine
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl FnOnce(&mut Calibration), expected: bool) {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let file = folder.path().join("cache").join(FILE);
        let mut calibration = Calibration::begin(0.5, 1);
        let cell = Cell {
            dim: 128,
            shape: Shape::Rate(100),
            traced_percent: 0,
        };
        let measured = Measured {
            bare_timer_us: Some([1.0, 2.5, 3.0]),
            ..Measured::default()
        };
        calibration.cells.push(CellResult::new(&cell, measured));
        change(&mut calibration);
        calibration.write(&file).expect("a place");
        assert_eq!(Calibration::read(&file), expected.then_some(calibration));
    }

    #[test]
    fn a_file_of_this_machine_reads_back_equal() {
        check(|_| {}, true);
    }

    #[test]
    fn a_file_of_another_machine_kernel_version_or_build_is_none() {
        for key in ["cores", "os", "version", "profile"] {
            check(
                |calibration| {
                    drop(
                        calibration
                            .machine
                            .insert(key.to_owned(), "other".to_owned()),
                    )
                },
                false,
            );
        }
        check(|calibration| calibration.format += 1, false);
    }

    #[test]
    fn a_damaged_or_absent_file_is_none() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let file = folder.path().join(FILE);
        assert_eq!(Calibration::read(&file), None);
        fs::write(&file, b"{\"format\": 1").expect("a place");
        assert_eq!(Calibration::read(&file), None);
    }
}
