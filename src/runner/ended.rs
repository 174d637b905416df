//! What is known of a run when it has ended.

use super::{error::RunError, signals::Asked};
use crate::{analysis::Analysis, record::RunFolder};

/// A run that came to an end, its planned one or another.
#[derive(Debug)]
pub struct RunEnded {
    /// What was measured, and its reports.
    pub folder: RunFolder,
    /// The figures; None where they could not be made.
    pub analysis: Option<Analysis>,
    /// Why it could not go on.
    pub failure: Option<RunError>,
    /// What a full disk or a report that can't be made left out of the folder.
    pub unwritten: Option<RunError>,
    /// Whether a phase of load began.
    pub loaded: bool,
    /// What the user asked for until the load and the reading of spans were over.
    pub asked: Asked,
}
