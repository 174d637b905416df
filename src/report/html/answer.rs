//! The answer, below the verdict: what changed between phases, stages or workloads, and why. The
//! words are those of every report.

use super::workload::{Piece, pieces};
use crate::{
    analysis::Analysis,
    report::{
        answer::{Answer, AnswerKind, answers},
        clean,
        units::counted,
    },
};

/// One answer.
#[derive(Debug)]
pub(super) struct AnswerWords {
    /// `search in 2 phases`.
    pub(super) heading: String,
    /// Where its charts are.
    pub(super) to: String,
    pub(super) what: Vec<Piece>,
    pub(super) why: Vec<Vec<Piece>>,
    pub(super) suggestion: Vec<Piece>,
}

/// The answers of a run, the largest change first. `sweeps` are the places of the first workload of
/// each sweep of the page.
pub(super) fn words(analysis: &Analysis, sweeps: &[Vec<usize>]) -> Vec<AnswerWords> {
    answers(analysis)
        .iter()
        .map(|answer| AnswerWords {
            heading: heading(answer),
            to: link(answer, sweeps),
            what: shown(&answer.what),
            why: answer.why.iter().map(|why| shown(why)).collect(),
            suggestion: answer.suggestion.as_deref().map(shown).unwrap_or_default(),
        })
        .collect()
}

fn heading(answer: &Answer) -> String {
    let subject = clean(&answer.subject);
    let number = answer.places.len() as u64;
    match answer.kind {
        AnswerKind::Phases => format!("{subject} in {}", counted(number, "phase")),
        AnswerKind::Stages => format!("{subject} in {}", counted(number, "stage")),
        AnswerKind::Workloads => format!("{subject}, {}", counted(number, "workload")),
        AnswerKind::Single => subject,
    }
}

fn link(answer: &Answer, sweeps: &[Vec<usize>]) -> String {
    let first = answer.places[0];
    let sweep = sweeps.iter().position(|places| places.contains(&first));
    match (answer.kind, sweep) {
        (AnswerKind::Phases | AnswerKind::Stages, _) => format!("#c{first}"),
        (AnswerKind::Workloads, Some(at)) => format!("#sweep-{at}"),
        _ => format!("#w{first}"),
    }
}

fn shown(text: &str) -> Vec<Piece> {
    // Begins with a figure or a name, which has no capital.
    pieces(&clean(&text.replace(" -> ", " → ")))
}
