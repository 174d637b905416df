//! Why nothing could be calibrated.

use crate::open_files;

/// One sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct CalibrateError(String);

impl CalibrateError {
    pub(super) fn new(message: impl ToString) -> Self {
        Self(open_files::explained(message.to_string()))
    }
}
