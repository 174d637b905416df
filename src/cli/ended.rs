//! How a command ends: done, or an error, and the exit code of each.

use crate::{
    keys::grouped,
    open_files,
    runner::{Asked, RunError},
    scenario::{ScenarioError, ScenarioSource},
};

/// Why a command ends without doing its work: one sentence, or several, and the exit code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct CliError {
    pub(super) message: String,
    /// Sentences before it.
    pub(super) before: Vec<String>,
    pub(super) code: u8,
}

/// Most mistakes of a scenario that are told one by one.
const SHOWN: usize = 50;

impl CliError {
    /// The command could not run: exit code 2.
    pub(crate) fn new(message: impl ToString) -> Self {
        Self {
            message: open_files::explained(message.to_string()),
            before: Vec::new(),
            code: 2,
        }
    }

    /// All mistakes of a scenario, with their number at the end where there are several.
    pub(crate) fn of_scenario(source: &ScenarioSource, mistakes: &ScenarioError) -> Self {
        let count = mistakes.iter().len();
        let shown = mistakes.iter().take(SHOWN);
        let mut before: Vec<String> = shown
            .map(|mistake| open_files::explained(mistake.to_string()))
            .collect();
        let message = match (count, before.pop()) {
            (1, Some(only)) => only,
            (_, last) => {
                before.extend(last);
                let more = if count > SHOWN {
                    format!(", of which the first {SHOWN} are shown")
                } else {
                    String::new()
                };
                let count = grouped(i64::try_from(count).unwrap_or(i64::MAX));
                format!("scenario {source} has {count} errors{more}; nothing was sent")
            }
        };
        Self {
            message,
            before,
            code: 2,
        }
    }

    /// The same where everything that there is to say was said, or no one is left to read it.
    pub(crate) fn silent() -> Self {
        Self {
            message: String::new(),
            before: Vec::new(),
            code: 2,
        }
    }
}

impl From<RunError> for CliError {
    /// Whatever a run could not do, its exit code is 2.
    fn from(error: RunError) -> Self {
        Self::new(error)
    }
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    Ok,
    /// A threshold failed, or the doctor found a broken link.
    Failed,
    /// Nothing succeeded.
    Nothing,
    /// The report could not be printed; it is in the run folder.
    Unprinted,
    /// The verdict is invalid.
    Invalid,
    Interrupted,
    Terminated,
}

impl Done {
    /// The exit code.
    pub(super) fn code(self) -> u8 {
        match self {
            Done::Ok => 0,
            Done::Failed => 1,
            Done::Nothing | Done::Unprinted => 2,
            Done::Invalid => 3,
            Done::Interrupted => 130,
            Done::Terminated => 143,
        }
    }

    /// How the program ends by what a signal asked for; None where nothing did.
    pub(super) fn asked(asked: Asked) -> Option<Self> {
        match asked {
            Asked::Nothing => None,
            Asked::Interrupt => Some(Done::Interrupted),
            Asked::Terminate => Some(Done::Terminated),
        }
    }
}
