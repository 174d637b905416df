//! Consistency of reads: names, and what is sent for them.

use super::{Consistency, OperationError, keys};
use crate::milvus::proto::ConsistencyLevel;

const LEVELS: [(&str, Consistency); 4] = [
    ("Strong", Consistency::Strong),
    ("Session", Consistency::Session),
    ("Bounded", Consistency::Bounded),
    ("Eventually", Consistency::Eventually),
];

impl Consistency {
    /// The level called `name`, in any case.
    ///
    /// # Errors
    /// No level is called so; the error's key is `consistency`.
    pub fn named(name: &str) -> Result<Self, OperationError> {
        match LEVELS
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
        {
            Some((_, level)) => Ok(*level),
            None => keys::refuse(
                "consistency",
                format!("is {name:?}, expected Strong, Session, Bounded or Eventually"),
            ),
        }
    }

    /// Their names, as in a scenario.
    #[must_use]
    pub fn names() -> Vec<&'static str> {
        LEVELS.iter().map(|row| row.0).collect()
    }

    /// Its name, as in a scenario.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Consistency::Strong => "Strong",
            Consistency::Session => "Session",
            Consistency::Bounded => "Bounded",
            Consistency::Eventually => "Eventually",
        }
    }

    pub(super) fn level(self) -> ConsistencyLevel {
        match self {
            Consistency::Strong => ConsistencyLevel::Strong,
            Consistency::Session => ConsistencyLevel::Session,
            Consistency::Bounded => ConsistencyLevel::Bounded,
            Consistency::Eventually => ConsistencyLevel::Eventually,
        }
    }

    /// The guarantee timestamp that pymilvus sends beside the level: 0 waits for everything, 1 for
    /// nothing, 2 for all but the server's graceful time. `Session` sends 1, as pymilvus does
    /// before its first write: writes of this process are not tracked, so such a read waits for
    /// nothing.
    fn guarantee_timestamp(self) -> u64 {
        match self {
            Consistency::Strong => 0,
            Consistency::Session | Consistency::Eventually => 1,
            Consistency::Bounded => 2,
        }
    }
}

/// The three fields of a read request that decide what it waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReadConsistency {
    pub(super) use_default: bool,
    pub(super) level: i32,
    pub(super) guarantee_timestamp: u64,
}

impl ReadConsistency {
    /// `own` level of the workload, else the collection's, which the server knows itself.
    ///
    /// Level and timestamp are always sent as a pair: level 0 alone is Strong, which costs a search
    /// some 200 ms.
    pub(super) fn new(own: Option<Consistency>) -> Self {
        match own {
            None => Self {
                use_default: true,
                level: 0,
                guarantee_timestamp: 0,
            },
            Some(own) => Self {
                use_default: false,
                level: own.level() as i32,
                guarantee_timestamp: own.guarantee_timestamp(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_any_case() {
        assert_eq!(Consistency::named("bounded"), Ok(Consistency::Bounded));
        assert!(
            LEVELS.iter().all(
                |(name, level)| level.name() == *name && Consistency::named(name) == Ok(*level)
            )
        );
        assert!(
            Consistency::named("Eventual")
                .unwrap_err()
                .message
                .contains("Eventually")
        );
    }

    #[test]
    fn level_and_timestamp_are_sent_as_pymilvus_sends_them() {
        let sent = |own| {
            let read = ReadConsistency::new(own);
            (read.use_default, read.level, read.guarantee_timestamp)
        };
        assert_eq!(sent(None), (true, 0, 0));
        assert_eq!(sent(Some(Consistency::Strong)), (false, 0, 0));
        assert_eq!(sent(Some(Consistency::Session)), (false, 1, 1));
        assert_eq!(sent(Some(Consistency::Bounded)), (false, 2, 2));
        assert_eq!(sent(Some(Consistency::Eventually)), (false, 3, 1));
    }
}
