//! How p99 changes from place to place, and where a curve over stages bends.

use super::groups::Group;
use crate::{
    analysis::{Estimate, Quantiles, VerdictState, WorkloadAnalysis},
    report::units::{duration, number},
};

/// From how many times the p99 of the stage before on a curve is said to bend.
const BEND: f64 = 2.0;

/// What is known of the p99 over the stages.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    /// At this place it is at least twice that of the place before, and the intervals are apart.
    Bends(usize),
    /// The same without intervals; all that follow are at least twice all that come before.
    Doubles(usize),
    /// It is nowhere twice that of the place before; whether all have intervals.
    Flat { all_have_ends: bool },
    /// Nothing is known, or the run is invalid.
    NotKnown,
}

impl Shape {
    pub(super) fn of(
        changes: &[Option<Change<'_>>],
        rows: &[&WorkloadAnalysis],
        verdict: VerdictState,
    ) -> Self {
        if verdict == VerdictState::Invalid {
            return Self::NotKnown;
        }
        let find = |wanted: &dyn Fn(usize, &Change<'_>) -> bool| {
            let mut places = 1..rows.len();
            places.find(|place| {
                let change = changes[place - 1].as_ref();
                change.is_some_and(|change| wanted(*place, change))
            })
        };
        let bend = find(&|_, change| change.doubles() && change.is_apart() == Some(true));
        // One slow stage, or a fast one, is no step of the curve.
        let is_step = |place: usize| {
            let values = |rows: &[&WorkloadAnalysis]| -> Vec<f64> {
                rows.iter()
                    .filter_map(|row| Some(p99(row)?.value))
                    .collect()
            };
            let (before, after) = (values(&rows[..place]), values(&rows[place..]));
            after
                .iter()
                .all(|after| before.iter().all(|before| *after >= BEND * before))
        };
        let doubling = find(&|place, change| {
            change.doubles() && change.is_apart().is_none() && is_step(place)
        });
        let all = |wanted: fn(&Change<'_>) -> bool| {
            changes.iter().all(|of| of.as_ref().is_some_and(wanted))
        };
        match (bend, doubling) {
            (Some(place), _) => Self::Bends(place),
            (None, Some(place)) => Self::Doubles(place),
            (None, None) if all(|change| change.stays_below()) => Self::Flat {
                all_have_ends: all(|change| change.is_apart().is_some()),
            },
            (None, None) => Self::NotKnown,
        }
    }

    pub(super) fn place(self) -> Option<usize> {
        match self {
            Self::Bends(place) | Self::Doubles(place) => Some(place),
            Self::Flat { .. } | Self::NotKnown => None,
        }
    }

    /// The end of the answer's first line.
    pub(super) fn in_words(self, group: &Group, rows: &[&WorkloadAnalysis]) -> String {
        let between = |place: usize| {
            let (from, to) = (rows[group.other(place)], rows[place]);
            format!("between {} and {}", group.name(from), group.name(to))
        };
        match self {
            Self::Bends(place) => format!("; it bends {}", between(place)),
            Self::Doubles(place) => format!("; p99 at least doubles {}", between(place)),
            Self::Flat { all_have_ends } => {
                let bends = if all_have_ends { "no bend: " } else { "" };
                format!("; {bends}no stage has twice the p99 of the previous one")
            }
            Self::NotKnown => String::new(),
        }
    }
}

/// Two p99, the earlier one first.
pub(super) struct Change<'a> {
    from: &'a Estimate,
    to: &'a Estimate,
}

impl<'a> Change<'a> {
    /// None where either has no p99.
    pub(super) fn of(from: &'a WorkloadAnalysis, to: &'a WorkloadAnalysis) -> Option<Self> {
        let (from, to) = (p99(from)?, p99(to)?);
        Some(Self { from, to })
    }

    /// How many times as long; None where the first is a lower bound or nothing.
    fn times(&self) -> Option<f64> {
        let times = self.to.value / self.from.value;
        (!self.from.at_least && times.is_finite() && times > 0.0).then_some(times)
    }

    pub(super) fn size(&self) -> f64 {
        self.times().map_or(0.0, |times| times.ln().abs())
    }

    /// Whether both have intervals, and these have nothing in common; a lower bound is apart from
    /// what ends below it.
    pub(super) fn is_apart(&self) -> Option<bool> {
        let from = ends(self.from)?;
        if self.to.at_least && !self.from.at_least {
            return (from.1 < self.to.value).then_some(true);
        }
        let to = ends(self.to)?;
        Some(from.1 < to.0 || to.1 < from.0)
    }

    fn doubles(&self) -> bool {
        self.times().is_some_and(|times| times >= BEND)
    }

    /// Whether the later one is certainly not twice the earlier one, as far as was seen.
    fn stays_below(&self) -> bool {
        !self.to.at_least && self.times().is_some_and(|times| times < BEND)
    }

    /// `12.2x`; that intervals overlap is said.
    pub(super) fn in_words(&self) -> Option<String> {
        let bound = if self.to.at_least { "at least " } else { "" };
        let overlap = match self.is_apart() {
            Some(false) => ", their intervals overlap",
            _ => "",
        };
        Some(format!("{bound}{}x{overlap}", number(self.times()?)))
    }
}

pub(super) fn latency(row: &WorkloadAnalysis) -> Option<&Quantiles> {
    if row.loop_kind == "closed" {
        row.service_time_us.as_ref()
    } else {
        row.response_time_us.as_ref()
    }
}

pub(super) fn p99(row: &WorkloadAnalysis) -> Option<&Estimate> {
    latency(row)?.get("p99")
}

pub(super) fn ends(estimate: &Estimate) -> Option<(f64, f64)> {
    estimate.low.zip(estimate.high)
}

/// `3.95 ms [3.78, 4.22]`: both ends in the unit of the figure.
pub(super) fn with_ends(value_us: f64, ends: Option<(f64, f64)>) -> String {
    let text = duration(value_us);
    let scale = match text.rsplit_once(' ').map(|(_, unit)| unit) {
        Some("us") => 1.0,
        Some("ms") => 1e3,
        _ => 1e6,
    };
    let ends = ends.map_or(String::new(), |(low, high)| {
        format!(" [{}, {}]", number(low / scale), number(high / scale))
    });
    format!("{text}{ends}")
}

/// `at least 48.3 ms`, `3.95 ms [3.78, 4.22]`, `-`.
pub(super) fn estimate(estimate: Option<&Estimate>) -> String {
    estimate.map_or("-".to_owned(), |found| {
        let bound = if found.at_least { "at least " } else { "" };
        format!("{bound}{}", with_ends(found.value, ends(found)))
    })
}
