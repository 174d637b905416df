//! What a run measures, around its phases: whether a collection is still the one that it prepared,
//! and holds the rows that it put there.

use super::{
    error::{RunError, RunErrorKind},
    state::Run,
};
use crate::{
    load::{
        LiveSnapshot,
        prepare::{Claims, Count, RowsExpected, collection_state},
    },
    milvus::Client,
    operation::{RowUse, Writes},
    plan::{Plan, PrepareMode},
    record::{CollectionState, Warning},
};

/// What preparation left to the phases.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prepared<'a> {
    /// For questions between phases.
    pub(super) client: &'a Client,
    /// The collections that the run created or found.
    pub(super) claims: &'a Claims,
}

/// When a collection is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    Before,
    After,
}

impl When {
    fn name(self) -> &'static str {
        match self {
            When::Before => "before",
            When::After => "after",
        }
    }
}

/// The collections of a plan with the rows that they should hold.
pub(super) struct Collections<'a> {
    plan: &'a Plan,
    prepared: Prepared<'a>,
    counts: Vec<Count>,
    /// Collections of which it was said already that their rows are not the run's.
    told: Vec<bool>,
}

impl<'a> Collections<'a> {
    pub(super) fn new(plan: &'a Plan, prepared: Prepared<'a>) -> Self {
        let count = |reused: bool, rows: u64| Count {
            expected: (!reused).then(|| RowsExpected::exactly(rows)),
            written: false,
        };
        let counts = plan
            .collections
            .iter()
            .map(|collection| {
                count(
                    collection.prepare == PrepareMode::Reuse,
                    collection.initial_rows,
                )
            })
            .collect();
        Self {
            plan,
            prepared,
            counts,
            told: vec![false; plan.collections.len()],
        }
    }

    /// Notes the state of every collection, and what is doubtful about it.
    pub(super) async fn note(&mut self, run: &mut Run, phase: &str, when: When) {
        for (index, collection) in self.plan.collections.iter().enumerate() {
            let Prepared { client, claims } = self.prepared;
            let changed = claims.changed(&collection.shape.name).await;
            let count = self.counts[index];
            // Rows of another collection are not compared.
            let count = if changed.is_some() {
                Count {
                    expected: None,
                    ..count
                }
            } else {
                count
            };
            let state = collection_state(
                client,
                &collection.shape,
                &format!("{} {phase}", when.name()),
                count,
            )
            .await;
            self.counts[index].written = false;
            if when == When::Before {
                run.info.warnings.extend(doubts(phase, &state));
            }
            if let Some(found) = changed {
                let collection = collection.shape.name.clone();
                run.info.warnings.push(Warning::CollectionReplaced {
                    phase: phase.to_owned(),
                    collection,
                    found,
                });
            } else if let Some(warning) =
                foreign_rows(phase, when, &state, count.expected).filter(|_| !self.told[index])
            {
                self.told[index] = true;
                run.watcher.warn(&warning.to_string());
                run.info.warnings.push(warning);
            }
            run.info.collections.push(state);
        }
    }

    /// Counts what the workloads of phase `number` wrote.
    pub(super) fn wrote(&mut self, number: usize, live: &[LiveSnapshot]) {
        for (index, live) in self.plan.phases[number].workloads.iter().zip(live) {
            let workload = &self.plan.workloads[*index];
            let RowUse::Writes(Writes { change, .. }) = workload.entry.rows else {
                continue;
            };
            let count = &mut self.counts[workload.collection];
            count.written = true;
            let ok = live.ended.saturating_sub(live.failed);
            let with = |rows: u64| {
                count
                    .expected
                    .map(|expected| expected.after(change, rows, ok, live.sent))
            };
            // It is unknown what a request without a number of rows wrote.
            count.expected = workload.operation.rows_per_request().and_then(with);
        }
    }

    /// An error when a collection is not the one that the run created or found: nothing more is
    /// sent to it.
    pub(super) fn check(&self, run: &Run, phase: &str) -> Result<(), RunError> {
        let is_of_phase = |warning: &&Warning| {
            matches!(
                warning,
                Warning::CollectionReplaced { phase: of, .. } if of == phase
            )
        };
        let replaced = run.info.warnings.iter().find(is_of_phase);
        replaced.map_or(Ok(()), |warning| {
            Err(RunError::new(RunErrorKind::Collection, warning))
        })
    }
}

/// What is doubtful about a collection at the beginning of a phase.
fn doubts(phase: &str, state: &CollectionState) -> Vec<Warning> {
    let (phase, collection) = (phase.to_owned(), state.name.clone());
    let unfinished = state
        .index_state
        .as_ref()
        .filter(|index| *index != "finished")
        .map(|index| Warning::IndexUnfinished {
            phase: phase.clone(),
            collection: collection.clone(),
            state: index.clone(),
        });
    let bare =
        state
            .unindexed_rows
            .filter(|rows| *rows > 0)
            .map(|rows| Warning::ServedByBruteForce {
                phase,
                collection,
                rows,
            });
    unfinished.into_iter().chain(bare).collect()
}

/// The warning about rows that this run did not put into a collection, or that it put there and
/// that are gone. A count that may lack something proves nothing.
fn foreign_rows(
    phase: &str,
    when: When,
    state: &CollectionState,
    expected: Option<RowsExpected>,
) -> Option<Warning> {
    let (rows, expected) = (state.rows.filter(|_| !state.rows_estimated)?, expected?);
    (!expected.holds(rows)).then(|| Warning::ForeignRows {
        phase: phase.to_owned(),
        when: when.name().to_owned(),
        collection: state.name.clone(),
        rows,
        expected: expected.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(state: &CollectionState, expected: Option<RowsExpected>, words: Option<&str>) {
        let warning =
            foreign_rows("alone", When::After, state, expected).map(|warning| warning.to_string());
        assert_eq!(warning.is_some(), words.is_some(), "{warning:?}");
        assert!(
            warning
                .unwrap_or_default()
                .contains(words.unwrap_or_default())
        );
    }

    #[test]
    fn rows_of_others_are_told_and_estimates_prove_nothing() {
        let counted = |rows| CollectionState {
            name: "words".to_owned(),
            rows: Some(rows),
            ..CollectionState::default()
        };
        let expected = Some(RowsExpected {
            least: 1000,
            most: 1003,
        });
        check(&counted(1002), expected, None);
        check(
            &counted(1502),
            expected,
            Some("words held 1502 rows after phase alone, but this run inserted 1000 to 1003"),
        );
        check(&counted(2), expected, Some("held 2 rows"));
        check(&counted(2), None, None);
        check(
            &CollectionState {
                rows_estimated: true,
                ..counted(2)
            },
            expected,
            None,
        );
        check(
            &CollectionState {
                rows: None,
                ..counted(2)
            },
            expected,
            None,
        );
    }
}
