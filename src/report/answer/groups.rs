//! Which workloads one answer is about: phases, stages, sweeps.

use crate::analysis::{Analysis, Contrast, WorkloadAnalysis};

/// What tells the places of an answer apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::report) enum AnswerKind {
    /// One workload in several phases.
    Phases,
    /// One workload in the stages of a phase.
    Stages,
    /// Workloads of one operation on one collection, one after the other: a sweep.
    Workloads,
    /// A workload that is compared with nothing.
    Single,
}

/// Workloads that one answer is about.
pub(super) struct Group {
    pub(super) kind: AnswerKind,
    /// Indices in [`Analysis::workloads`].
    pub(super) places: Vec<usize>,
}

/// Every measured workload in a group, in at most one of each kind, in the order of the first of
/// each. A sweep takes the first phase of a workload; its later ones are compared with that.
pub(super) fn groups(analysis: &Analysis) -> Vec<Group> {
    let rows = &analysis.workloads;
    let mut groups: Vec<Group> = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        if row.is_preparation() {
            continue;
        }
        let alike = |same: &dyn Fn(&WorkloadAnalysis) -> bool| -> Vec<usize> {
            let later = rows.iter().enumerate().skip(index);
            let alike = later.filter(|(at, other)| *at == index || same(other));
            alike.map(|(at, _)| at).collect()
        };
        let stages = alike(&|other| {
            let same = (&other.phase, &other.workload) == (&row.phase, &row.workload);
            same && other.stage.is_some() && row.stage.is_some()
        });
        let phases = alike(&|other| other.is_alike(row) && row.stage.is_none());
        let found = [
            (AnswerKind::Stages, stages),
            (AnswerKind::Phases, phases),
            (AnswerKind::Workloads, sweep(rows, index, &groups)),
        ];
        for (kind, places) in found {
            let mut of_kind = groups.iter().filter(|group| group.kind == kind);
            let taken = of_kind.any(|group| group.places.contains(&index));
            if places.len() > 1 && !taken {
                groups.push(Group { kind, places });
            }
        }
        if !groups.iter().any(|group| group.places.contains(&index)) {
            let (kind, places) = (AnswerKind::Single, vec![index]);
            groups.push(Group { kind, places });
        }
    }
    groups
}

/// The workload at `first`, and those of the same operation on the same collection that ran in
/// phases of their own; each in its first phase, and in no sweep among `groups`.
fn sweep(rows: &[WorkloadAnalysis], first: usize, groups: &[Group]) -> Vec<usize> {
    let row = &rows[first];
    let mut found = vec![first];
    let is_later = |at: usize| {
        rows[..at]
            .iter()
            .any(|any| any.workload == rows[at].workload)
    };
    let sweeps = groups
        .iter()
        .filter(|group| group.kind == AnswerKind::Workloads);
    let taken: Vec<usize> = sweeps.flat_map(|of| of.places.clone()).collect();
    if row.collection.is_empty() || row.stage.is_some() || is_later(first) {
        return found;
    }
    let of = |row: &WorkloadAnalysis| {
        let (operation, collection) = (row.operation.clone(), row.collection.clone());
        (operation, collection, row.loop_kind.clone())
    };
    for (at, other) in rows.iter().enumerate().skip(first + 1) {
        let free = other.stage.is_none() && !is_later(at) && !taken.contains(&at);
        // Beside each other both would be part of each other's load.
        let beside = |a: &WorkloadAnalysis, b: &WorkloadAnalysis| {
            let mut rows = rows.iter();
            rows.any(|any| any.phase == a.phase && any.workload == b.workload)
        };
        let apart = found.iter().all(|known| {
            let known = &rows[*known];
            !beside(known, other) && !beside(other, known)
        });
        if of(other) == of(row) && free && apart && !other.is_preparation() {
            found.push(at);
        }
    }
    found
}

impl Group {
    pub(super) fn rows<'a>(&self, analysis: &'a Analysis) -> Vec<&'a WorkloadAnalysis> {
        self.places
            .iter()
            .map(|at| &analysis.workloads[*at])
            .collect()
    }

    /// What tells a place from the others.
    pub(super) fn name<'a>(&self, row: &'a WorkloadAnalysis) -> &'a str {
        match self.kind {
            AnswerKind::Phases | AnswerKind::Single => &row.phase,
            AnswerKind::Stages => row.stage.as_deref().unwrap_or(&row.phase),
            AnswerKind::Workloads => &row.workload,
        }
    }

    /// Number of the place that another one is compared with.
    pub(super) fn other(&self, place: usize) -> usize {
        match self.kind {
            AnswerKind::Stages => place - 1,
            _ => 0,
        }
    }

    /// `row` against `other`.
    pub(super) fn contrast<'a>(
        &self,
        row: &'a WorkloadAnalysis,
        other: &WorkloadAnalysis,
    ) -> Option<&'a Contrast> {
        let kind = match self.kind {
            AnswerKind::Phases => Contrast::PHASE,
            AnswerKind::Stages => Contrast::STAGE,
            AnswerKind::Workloads => Contrast::WORKLOAD,
            AnswerKind::Single => return None,
        };
        let with = self.name(other);
        let mut contrasts = row.contrasts.iter();
        contrasts.find(|contrast| contrast.kind == kind && contrast.with == with)
    }

    pub(super) fn subject(&self, rows: &[&WorkloadAnalysis]) -> String {
        match self.kind {
            AnswerKind::Phases => rows[0].workload.clone(),
            AnswerKind::Stages => format!("{}/{}", rows[0].phase, rows[0].workload),
            AnswerKind::Workloads => rows[0].operation.clone(),
            AnswerKind::Single => rows[0].place(),
        }
    }
}
