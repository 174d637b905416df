//! Workloads that a reader wants to see beside each other: one in several phases or stages, and
//! several of one operation on one collection, such as searches with `ef` from 16 to 256.

use std::collections::BTreeMap;

use serde::Serialize;

use super::workload::latency;
use crate::{
    analysis::{Analysis, WorkloadAnalysis},
    report::clean,
};

/// Keys that differ beyond which workloads are told apart by their names alone.
const MOST_KEYS: usize = 3;

/// A workload of several phases or stages.
#[derive(Debug)]
pub(super) struct PhasesWords {
    pub(super) workload: String,
    /// Place of the first among all workloads.
    pub(super) index: usize,
    /// What its places are: `phase`, or `stage` of one phase.
    pub(super) of: &'static str,
}

impl PhasesWords {
    /// `search, phase beside phase`.
    pub(super) fn title(&self) -> String {
        let Self { workload, of, .. } = self;
        format!("{workload}, {of} beside {of}")
    }
}

/// Several workloads of one operation on one collection.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(super) struct Sweep {
    /// `search on words, by ef`.
    pub(super) title: String,
    /// Keys of the workloads whose values differ, `params.` left out; empty where there are none or
    /// many.
    pub(super) keys: Vec<String>,
    /// In the order of drawing: rising, where the first key's values are numbers.
    pub(super) points: Vec<SweepPoint>,
}

/// One of them.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(super) struct SweepPoint {
    /// What stands below it: the first key's value, or its name.
    pub(super) label: String,
    /// Values of the keys.
    pub(super) values: Vec<String>,
    /// Place among all workloads.
    pub(super) workload: usize,
}

impl Sweep {
    /// Places of its workloads among all.
    pub(super) fn places(&self) -> Vec<usize> {
        self.points.iter().map(|point| point.workload).collect()
    }
}

/// A workload and its place among all.
type Placed<'a> = (usize, &'a WorkloadAnalysis);

/// Workloads that were measured at several places, in the order of the first.
pub(super) fn phases(measured: &[Placed<'_>]) -> Vec<PhasesWords> {
    let mut found: Vec<PhasesWords> = Vec::new();
    for (index, workload) in measured {
        let same: Vec<&WorkloadAnalysis> = measured
            .iter()
            .map(|(_, other)| *other)
            .filter(|other| other.workload == workload.workload && latency(other).is_some())
            .collect();
        let is_one_phase = same.iter().all(|other| other.phase == workload.phase);
        if same.len() > 1
            && found
                .iter()
                .all(|known| known.workload != clean(&workload.workload))
        {
            found.push(PhasesWords {
                workload: clean(&workload.workload),
                index: *index,
                of: if is_one_phase { "stage" } else { "phase" },
            });
        }
    }
    found
}

/// Workloads of one operation on one collection, in the order of the first. Where one of them ran
/// in several phases, those of each phase are beside each other.
pub(super) fn sweeps(analysis: &Analysis) -> Vec<Sweep> {
    let mut groups: Vec<((&str, &str), Vec<Placed<'_>>)> = Vec::new();
    let measured = analysis
        .workloads
        .iter()
        .enumerate()
        .filter(|(_, workload)| !workload.is_preparation() && latency(workload).is_some());
    for placed in measured {
        let keys = keys_of(analysis, &placed.1.workload);
        let Some(collection) = keys.get("collection") else {
            continue;
        };
        let key = (placed.1.operation.as_str(), *collection);
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, group)) => group.push(placed),
            None => groups.push((key, vec![placed])),
        }
    }
    let sweep = |(key, group): ((&str, &str), Vec<Placed<'_>>)| {
        let phases = by_phase(group);
        let several = phases.len() > 1;
        phases
            .into_iter()
            .filter(|group| names(group).len() > 1)
            .map(|group| sweep_of(analysis, key, &group, several))
            .collect::<Vec<_>>()
    };
    groups.into_iter().flat_map(sweep).collect()
}

/// One group where each workload ran once, else one of each phase.
fn by_phase(group: Vec<Placed<'_>>) -> Vec<Vec<Placed<'_>>> {
    if names(&group).len() == group.len() {
        return vec![group];
    }
    let mut phases: Vec<Vec<Placed<'_>>> = Vec::new();
    for placed in group {
        match phases
            .iter_mut()
            .find(|known| known[0].1.phase == placed.1.phase)
        {
            Some(phase) => phase.push(placed),
            None => phases.push(vec![placed]),
        }
    }
    phases
}

/// Names of the workloads, each once.
fn names<'a>(group: &[Placed<'a>]) -> Vec<&'a str> {
    let mut names: Vec<&str> = group
        .iter()
        .map(|(_, workload)| workload.workload.as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn sweep_of(
    analysis: &Analysis,
    (operation, collection): (&str, &str),
    group: &[Placed<'_>],
    several: bool,
) -> Sweep {
    let keys = differing(analysis, &names(group));
    let point = |(index, workload): &Placed<'_>| {
        let of = keys_of(analysis, &workload.workload);
        let values: Vec<String> = keys
            .iter()
            .map(|key| clean(of.get(key.as_str()).unwrap_or(&"-")))
            .collect();
        let name = match &workload.stage {
            Some(stage) => format!("{stage}/{}", workload.workload),
            None => workload.workload.clone(),
        };
        SweepPoint {
            label: values.first().cloned().unwrap_or_else(|| clean(&name)),
            values,
            workload: *index,
        }
    };
    let mut points: Vec<SweepPoint> = group.iter().map(point).collect();
    let number = |point: &SweepPoint| point.values.first()?.parse::<f64>().ok();
    if points.iter().all(|point| number(point).is_some()) {
        let of = |point: &SweepPoint| number(point).unwrap_or_default();
        points.sort_by(|a, b| of(a).total_cmp(&of(b)));
    }
    let keys: Vec<String> = keys
        .iter()
        .map(|key| clean(key.trim_start_matches("params.")))
        .collect();
    let by = if keys.is_empty() {
        ", side by side".to_owned()
    } else {
        format!(", by {}", keys.join(", "))
    };
    let phase = if several {
        format!(" in {}", group[0].1.phase)
    } else {
        String::new()
    };
    Sweep {
        title: clean(&format!("{operation} on {collection}{phase}{by}")),
        keys,
        points,
    }
}

/// The keys of a workload and their values, as the plan has them.
fn keys_of<'a>(analysis: &'a Analysis, name: &str) -> BTreeMap<&'a str, &'a str> {
    let key = |path: &'a str| {
        path.strip_prefix("workloads.")?
            .strip_prefix(name)?
            .strip_prefix('.')
    };
    analysis
        .plan
        .iter()
        .filter_map(|(path, value)| Some((key(path)?, value.as_str())))
        .collect()
}

/// Keys whose values are not the same for all workloads; none where there are more than
/// [`MOST_KEYS`]. Parameters of the operation come first, then what a request asks for, then its
/// arrivals.
fn differing(analysis: &Analysis, names: &[&str]) -> Vec<String> {
    let of: Vec<_> = names.iter().map(|name| keys_of(analysis, name)).collect();
    let mut keys: Vec<&str> = of.iter().flat_map(|keys| keys.keys().copied()).collect();
    keys.sort_by_key(|key| (rank(key), *key));
    keys.dedup();
    keys.retain(|key| of.iter().any(|keys| keys.get(key) != of[0].get(key)));
    if keys.len() > MOST_KEYS {
        keys.clear();
    }
    keys.into_iter().map(str::to_owned).collect()
}

fn rank(key: &str) -> usize {
    const LOAD: [&str; 5] = ["rate", "arrivals", "concurrency", "start", "timeout"];
    match key {
        _ if key.starts_with("params.") => 0,
        _ if LOAD.iter().any(|load| key.starts_with(load)) => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::quantiles;

    fn workload(phase: &str, name: &str) -> WorkloadAnalysis {
        WorkloadAnalysis {
            phase: phase.to_owned(),
            workload: name.to_owned(),
            operation: "search".to_owned(),
            response_time_us: Some(quantiles([1.0; 7])),
            ..WorkloadAnalysis::default()
        }
    }

    /// Searches with one `ef` each on `words`, each `rate` of its own where there is one.
    fn analysis(places: &[(&str, &str)], settings: &[(&str, &str, &str)]) -> Analysis {
        let key = |name: &str, key: &str, value: &str| {
            (format!("workloads.{name}.{key}"), value.to_owned())
        };
        let mut plan: Vec<(String, String)> = settings
            .iter()
            .map(|(name, of, value)| key(name, of, value))
            .collect();
        let mut names: Vec<&str> = places.iter().map(|(_, name)| *name).collect();
        names.sort_unstable();
        names.dedup();
        plan.extend(names.iter().map(|name| key(name, "collection", "words")));
        Analysis {
            plan,
            workloads: places
                .iter()
                .map(|(phase, name)| workload(phase, name))
                .collect(),
            ..Analysis::default()
        }
    }

    #[track_caller]
    fn check(analysis: &Analysis, expected: &[(&str, &[&str])]) {
        let found = sweeps(analysis);
        let found: Vec<(&str, Vec<&str>)> = found
            .iter()
            .map(|sweep| {
                (
                    sweep.title.as_str(),
                    sweep
                        .points
                        .iter()
                        .map(|point| point.label.as_str())
                        .collect(),
                )
            })
            .collect();
        let expected: Vec<(&str, Vec<&str>)> = expected
            .iter()
            .map(|(title, labels)| (*title, labels.to_vec()))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn searches_with_one_key_that_differs_are_a_sweep_in_its_order() {
        let settings = [
            ("a", "params.ef", "128"),
            ("b", "params.ef", "16"),
            ("c", "params.ef", "64"),
        ];
        check(
            &analysis(&[("p", "a"), ("p", "b"), ("q", "c")], &settings),
            &[("search on words, by ef", &["16", "64", "128"])],
        );
    }

    #[test]
    fn a_workload_of_several_phases_makes_a_sweep_of_each() {
        let settings = [("a", "params.ef", "16"), ("b", "params.ef", "32")];
        let places = [("p", "a"), ("p", "b"), ("q", "a"), ("q", "b"), ("r", "b")];
        check(
            &analysis(&places, &settings),
            &[
                ("search on words in p, by ef", &["16", "32"]),
                ("search on words in q, by ef", &["16", "32"]),
            ],
        );
    }

    #[test]
    fn parameters_come_before_rates_and_many_keys_are_none() {
        let mut settings = vec![
            ("a", "params.ef", "16"),
            ("b", "params.ef", "32"),
            ("a", "rate", "10.0"),
            ("b", "rate", "20.0"),
        ];
        let places = [("p", "a"), ("p", "b")];
        check(
            &analysis(&places, &settings),
            &[("search on words, by ef, rate", &["16", "32"])],
        );
        settings.extend([("a", "limit", "1"), ("a", "nq", "5")]);
        check(
            &analysis(&places, &settings),
            &[("search on words, side by side", &["a", "b"])],
        );
    }

    #[test]
    fn one_workload_or_another_operation_is_no_sweep() {
        check(&analysis(&[("p", "a"), ("q", "a")], &[]), &[]);
        let mut other = analysis(&[("p", "a"), ("p", "b")], &[]);
        other.workloads[1].operation = "insert".to_owned();
        check(&other, &[]);
        // Without a plan it is not known what they were on.
        other.plan.clear();
        check(&other, &[]);
    }
}
