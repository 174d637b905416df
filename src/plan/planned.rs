//! The tables of one kind as planned: those that are right, and what is known of the others, so
//! that what names one of those is not said to name none.

use crate::scenario::{ScenarioError, Section};

/// The tables of one kind.
pub(super) struct Planned<T> {
    /// Those that are right, in the order of the file.
    pub(super) right: Vec<T>,
    /// Names of those that are not, which has been told.
    pub(super) wrong: Vec<String>,
    /// Whether all of them could not be read, so that their names are not known.
    pub(super) is_lost: bool,
}

impl<T> Planned<T> {
    /// None, since their list was refused.
    pub(super) fn lost() -> Self {
        Self {
            right: Vec::new(),
            wrong: Vec::new(),
            is_lost: true,
        }
    }

    /// Whether nothing is wrong with any of them.
    pub(super) fn is_whole(&self) -> bool {
        self.wrong.is_empty() && !self.is_lost
    }

    /// Adds what is right, or notes that `table` is not: also where only a key of it is refused,
    /// without which it is another one than was meant.
    pub(super) fn add(
        &mut self,
        table: &Section,
        found: Result<T, ScenarioError>,
        mistakes: &mut ScenarioError,
    ) {
        match mistakes.keep(found).filter(|_| !table.is_refused()) {
            Some(found) => self.right.push(found),
            None => {
                // Those of a list have their name in a key.
                let named = table
                    .rows_of()
                    .key("name")
                    .filter(|_| table.name.is_empty());
                let written = named.and_then(|key| table.text(key.name).ok().flatten());
                let name = written.map_or_else(|| table.name.clone(), |name| name.value);
                self.wrong.push(name);
            }
        }
    }

    /// An error where the table `name` is there and wrong, or may be; what is said of it then would
    /// follow from that.
    pub(super) fn unless_wrong(&self, name: &str) -> Result<(), ScenarioError> {
        if self.is_lost || self.wrong.iter().any(|wrong| wrong == name) {
            return Err(ScenarioError::told());
        }
        Ok(())
    }
}

impl<T> Default for Planned<T> {
    fn default() -> Self {
        Self {
            right: Vec::new(),
            wrong: Vec::new(),
            is_lost: false,
        }
    }
}
