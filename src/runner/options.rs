//! How a scenario is run: what is no part of the scenario itself.

use std::path::PathBuf;

/// Options of one run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Where what is measured is kept.
    pub place: RunPlace,
    /// Names of report formats that are written beside text, json and html
    /// ([`crate::report::REPORTS`]); an unknown name writes nothing.
    pub reports: Vec<String>,
    /// Collections that are dropped and created again although milvus-bench did not create them.
    pub replace: Vec<String>,
    /// Load threads, 1 to 256; None: half of the cores, 1 to 8.
    pub threads: Option<u32>,
    /// Cores of the load threads, one for each in their order, e.g. `0,2` or `0-3`; None: where the
    /// kernel puts them.
    pub pin: Option<String>,
    /// Load threads spin the last 0.2 ms before a due time; needs 3 cores.
    pub precise: bool,
    /// Start a local Milvus and Jaeger if nothing answers at the plan's address.
    pub stack: bool,
    /// Measure for 5 s what this client can generate, if that is not known of this machine and this
    /// build. Only the program `milvus-bench` can: it starts itself as the server.
    pub calibrate: bool,
    /// How the run was asked for, for run.json.
    pub command_line: Vec<String>,
}

/// Where the run folder is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunPlace {
    /// This folder itself, absent or empty.
    At(PathBuf),
    /// A new folder in this one, named after the scenario and the time.
    In(PathBuf),
}

impl RunOptions {
    /// Everything else as `milvus-bench run` has it by default, without the calibration.
    #[must_use]
    pub fn new(place: RunPlace) -> Self {
        Self {
            place,
            reports: Vec::new(),
            replace: Vec::new(),
            threads: None,
            pin: None,
            precise: false,
            stack: false,
            calibrate: false,
            command_line: Vec::new(),
        }
    }
}
