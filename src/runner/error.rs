//! Why a run, or a part of it, could not be carried out.

use crate::open_files;

/// One sentence, and what it is about.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RunError {
    kind: RunErrorKind,
    message: String,
}

/// What an error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunErrorKind {
    /// The options ask for what this machine can't do.
    Options,
    /// The run folder can't be made, written or read.
    Folder,
    /// Milvus, or the local stack, is not reached.
    Connect,
    /// A collection can't be prepared, or is no longer the one that was.
    Collection,
    /// The load threads can't be started, or ended before their work did.
    Load,
    /// The receiver of spans can't listen.
    Spans,
    /// It was ended before its load began.
    Interrupted,
    /// An analysis or a report can't be made.
    Report,
    /// It came to no load, and for no other reason.
    NothingMeasured,
}

impl RunError {
    /// With a suggestion at its end where files may not be opened.
    pub(crate) fn new(kind: RunErrorKind, message: impl ToString) -> Self {
        Self {
            kind,
            message: open_files::explained(message.to_string()),
        }
    }

    /// Makes errors of one kind of others.
    pub(crate) fn of<E: ToString>(kind: RunErrorKind) -> impl FnOnce(E) -> Self {
        move |error| Self::new(kind, error)
    }

    /// What it is about.
    #[must_use]
    pub fn kind(&self) -> RunErrorKind {
        self.kind
    }
}
