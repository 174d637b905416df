//! The table of a workload whose requests are told apart by a value: a row for each class, and what
//! sets one of them apart from the rest.

use super::{
    clean,
    units::{NONE, count, duration, number, share},
};
use crate::analysis::{Band, ClassAnalysis, Estimate, WorkloadAnalysis};

/// Areas that are named of a class.
const AREAS: usize = 2;

/// Headings of the columns after the name of the class.
pub(super) const HEADINGS: [&str; 8] = [
    "requests",
    "share",
    "failed",
    "p50",
    "p99",
    "p99 / rest",
    "matched",
    "largest areas",
];

/// A row for each class.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ClassTable {
    /// What tells the classes apart: `lang`, `tenant rank`.
    pub(super) by: String,
    pub(super) rows: Vec<ClassRow>,
    /// The largest contrast; empty where none is known.
    pub(super) sentence: String,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct ClassRow {
    pub(super) class: String,
    /// As many as [`HEADINGS`].
    pub(super) cells: Vec<String>,
}

impl ClassTable {
    /// The table of a workload; None where it has no classes.
    pub(super) fn of(workload: &WorkloadAnalysis) -> Option<Self> {
        let first = workload.classes.first()?;
        let rank = if first.by_rank { " rank" } else { "" };
        let rows = workload.classes.iter().map(row).collect();
        let sentence = sentence(&workload.classes).unwrap_or_default();
        Some(Self {
            by: clean(&format!("{}{rank}", first.by)),
            rows,
            sentence: clean(&sentence),
        })
    }
}

fn row(class: &ClassAnalysis) -> ClassRow {
    let counts = &class.requests;
    let quantile = |key: &str| {
        let found = class.latency_us().and_then(|quantiles| quantiles.get(key));
        found.map_or(NONE.to_owned(), estimate)
    };
    let against = class.p99_against_rest();
    let all = class.account.first();
    ClassRow {
        class: clean(class.label()),
        cells: vec![
            count(counts.due),
            share(class.share),
            count(counts.failed + counts.not_sent),
            quantile("p50"),
            quantile("p99"),
            against.map_or(NONE.to_owned(), |factor| format!("{}x", number(factor))),
            count(all.map_or(0, |all| all.matched)),
            all.map_or(NONE.to_owned(), areas),
        ],
    }
}

/// `3.95 ms [3.78, 4.22]`: the ends are in the unit of the value.
fn estimate(found: &Estimate) -> String {
    let at_least = if found.at_least { ">= " } else { "" };
    let ends = found
        .low
        .zip(found.high)
        .map_or(String::new(), |(low, high)| {
            format!(" [{}, {}]", duration(low), duration(high))
        });
    format!("{at_least}{}{ends}", duration(found.value))
}

/// The largest areas of the mean.
fn areas(all: &Band) -> String {
    let mut areas: Vec<(&str, f64)> = Vec::new();
    for part in &all.parts {
        match areas.iter_mut().find(|(area, _)| *area == part.area) {
            Some((_, sum)) => *sum += part.mean_us,
            None => areas.push((&part.area, part.mean_us)),
        }
    }
    areas.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
    let named = areas
        .iter()
        .take(AREAS)
        .map(|(area, us)| format!("{} {}", clean(area), share(us / all.mean_us)));
    named.collect::<Vec<_>>().join(", ")
}

/// What sets the class apart whose p99 is farthest from that of the rest, of those whose 95 %
/// interval leaves out that of the rest; that there is none; None where no p99 is compared.
fn sentence(classes: &[ClassAnalysis]) -> Option<String> {
    let compared = || classes.iter().filter(|of| of.p99_against_rest().is_some());
    compared().next()?;
    let factors = compared()
        .filter(|class| class.is_apart())
        .filter_map(|class| Some((class, class.p99_against_rest()?)));
    let distance = |factor: f64| factor.max(1.0 / factor);
    let Some((class, factor)) = factors.max_by(|a, b| distance(a.1).total_cmp(&distance(b.1)))
    else {
        let found = if compared().any(|class| class.p99_interval().is_some()) {
            "no p99 differs from that of the rest by more than its 95 % interval"
        } else {
            "no p99 has a 95 % interval that would tell it from that of the rest"
        };
        return Some(found.to_owned());
    };
    let verb = if class.by_rank && !class.class.bytes().all(|byte| byte.is_ascii_digit()) {
        "have"
    } else {
        "has"
    };
    Some(format!(
        "{} {verb} {} of the requests and p99 {}x that of the rest",
        class.title(),
        share(class.share),
        number(factor)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::{Quantiles, RequestCounts};

    fn class(name: &str, due: u64, p99_us: f64, rest_us: Option<f64>) -> ClassAnalysis {
        let p99 = Estimate {
            value: p99_us,
            low: Some(p99_us - 100.0),
            high: Some(p99_us + 100.0),
            ..Estimate::default()
        };
        ClassAnalysis {
            by: "tenant".to_owned(),
            class: name.to_owned(),
            by_rank: true,
            requests: RequestCounts {
                due,
                ok: due,
                ..RequestCounts::default()
            },
            share: due as f64 / 1_000.0,
            service_time_us: Some(Quantiles::from([("p99".to_owned(), p99)])),
            rest_p99_us: rest_us,
            ..ClassAnalysis::default()
        }
    }

    fn said(classes: Vec<ClassAnalysis>) -> String {
        let workload = WorkloadAnalysis {
            classes,
            ..WorkloadAnalysis::default()
        };
        ClassTable::of(&workload).map_or(String::new(), |table| table.sentence)
    }

    #[test]
    fn the_class_farthest_from_the_rest_is_told() {
        let one = || class("1", 310, 4_200.0, Some(2_000.0));
        let few = |rest| class("2-10", 300, 1_000.0, rest);
        assert_eq!(
            said(vec![one(), few(Some(1_100.0))]),
            "tenant rank 1 has 31 % of the requests and p99 2.10x that of the rest"
        );
        assert_eq!(
            said(vec![one(), few(Some(4_000.0))]),
            "tenant ranks 2-10 have 30 % of the requests and p99 0.250x that of the rest"
        );
        assert_eq!(said(vec![few(None)]), "");
        assert_eq!(said(Vec::new()), "");
    }

    #[test]
    fn a_p99_that_its_interval_does_not_tell_from_the_rest_is_not_named() {
        let near = || class("2-10", 300, 1_000.0, Some(1_100.0));
        assert_eq!(
            said(vec![near()]),
            "no p99 differs from that of the rest by more than its 95 % interval"
        );
        let mut unknown = class("1", 310, 4_200.0, Some(2_000.0));
        for quantiles in unknown.service_time_us.iter_mut() {
            let p99 = quantiles.get_mut("p99").unwrap();
            (p99.low, p99.high) = (None, None);
        }
        let said = said(vec![unknown]);
        assert!(said.starts_with("no p99 has a 95 % interval"), "{said}");
    }

    #[test]
    fn a_row_has_a_cell_for_each_heading() {
        let row = row(&class("101+", 1_000, 4_200.0, None));
        assert_eq!(row.cells.len(), HEADINGS.len());
        assert_eq!(
            row.cells,
            [
                "1,000",
                "100 %",
                "0",
                "-",
                "4.20 ms [4.10 ms, 4.30 ms]",
                "-",
                "0",
                "-"
            ]
        );
    }
}
