//! The latency breakdown: bands of latency, and the mean of every part within each.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use crate::analysis::{
    figures::quantiles::us,
    model::Band,
    requests::request::{CompactAccount, Request},
    traces::parts::{PartTable, part_means},
};

/// Quantiles at which bands are cut, with their names.
const CUTS: [(&str, f64); 4] = [("50", 0.5), ("90", 0.9), ("99", 0.99), ("99.9", 0.999)];
/// Number of bands before any are merged.
const BANDS: usize = CUTS.len() + 1;
/// A band with fewer matched requests is merged into the one below: its means would say nothing.
pub(crate) const LEAST_MATCHED: u64 = 30;

/// The latencies at which bands are cut.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cuts([u64; CUTS.len()]);

impl Cuts {
    /// The quantiles of all successes.
    pub(crate) fn of(histogram: &Histogram<u64>) -> Self {
        Self(CUTS.map(|(_, q)| histogram.value_at_quantile(q)))
    }

    /// Number of the band of a latency.
    pub(crate) fn band(&self, latency_ns: u64) -> usize {
        self.0
            .iter()
            .position(|cut| latency_ns <= *cut)
            .unwrap_or(CUTS.len())
    }
}

/// Requests of one base band.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    all: u64,
    sum_ns: u128,
    lowest_ns: Option<u64>,
    highest_ns: u64,
    sampled: u64,
    matched: u64,
}

impl Counted {
    fn add(&mut self, other: &Counted) {
        self.all += other.all;
        self.sum_ns += other.sum_ns;
        self.lowest_ns = self.lowest_ns.into_iter().chain(other.lowest_ns).min();
        self.highest_ns = self.highest_ns.max(other.highest_ns);
        self.sampled += other.sampled;
        self.matched += other.matched;
    }
}

/// The latency breakdown of one workload; empty where no success was matched.
pub(crate) fn account<'r>(
    histogram: &Histogram<u64>,
    requests: impl Iterator<Item = &'r Request> + Clone,
    parts: &PartTable,
) -> Vec<Band> {
    let cuts = Cuts::of(histogram);
    let counted = count(histogram, requests.clone(), &cuts);
    if counted.iter().all(|band| band.matched == 0) {
        return Vec::new();
    }
    let matched: Vec<(usize, &Request, &CompactAccount)> = requests
        .filter_map(|request| Some((cuts.band(request.latency_ns()), request, request.matched()?)))
        .collect();
    let whole = vec![(0, BANDS - 1)];
    let ranges = whole.into_iter().chain(merge(&counted)).enumerate();
    ranges
        .map(|(number, range)| band(number == 0, range, &counted, &matched, parts))
        .collect()
}

fn count<'r>(
    histogram: &Histogram<u64>,
    requests: impl Iterator<Item = &'r Request>,
    cuts: &Cuts,
) -> [Counted; BANDS] {
    let mut counted = [Counted::default(); BANDS];
    for step in histogram.iter_recorded() {
        let value = step.value_iterated_to();
        let band = &mut counted[cuts.band(value)];
        band.all += step.count_at_value();
        band.sum_ns +=
            u128::from(histogram.median_equivalent(value)) * u128::from(step.count_at_value());
        band.lowest_ns = band.lowest_ns.or(Some(histogram.lowest_equivalent(value)));
        band.highest_ns = value;
    }
    for request in requests.filter(|request| request.ok) {
        let band = &mut counted[cuts.band(request.latency_ns())];
        band.sampled += 1;
        band.matched += u64::from(request.matched().is_some());
    }
    counted
}

/// Ranges of base bands after merging, rising. The topmost is looked at first, so that a small one
/// joins the one below; the lowest has none below and joins the one above.
fn merge(counted: &[Counted; BANDS]) -> Vec<(usize, usize)> {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    let mut top = BANDS - 1;
    let mut matched = 0;
    for at in (0..BANDS).rev() {
        matched += counted[at].matched;
        if matched >= LEAST_MATCHED {
            ranges.push((at, top));
            (top, matched) = (at.saturating_sub(1), 0);
        } else if at == 0 {
            match ranges.last_mut() {
                Some(above) => above.0 = 0,
                None => ranges.push((0, top)),
            }
        }
    }
    ranges.reverse();
    ranges
}

fn name(range: (usize, usize)) -> String {
    let from = range.0.checked_sub(1).map_or("0", |below| CUTS[below].0);
    let to = CUTS.get(range.1).map_or("100", |cut| cut.0);
    format!("{from}-{to}")
}

fn band(
    whole: bool,
    range: (usize, usize),
    counted: &[Counted; BANDS],
    matched: &[(usize, &Request, &CompactAccount)],
    parts: &PartTable,
) -> Band {
    let mut total = Counted::default();
    counted[range.0..=range.1]
        .iter()
        .for_each(|band| total.add(band));
    let members = || {
        matched
            .iter()
            .filter(|(band, _, _)| (range.0..=range.1).contains(band))
    };
    let latency: u128 = members()
        .map(|(_, request, _)| u128::from(request.latency_ns()))
        .sum();
    let per = |count: u64, sum: f64| if count == 0 { 0.0 } else { sum / count as f64 };
    Band {
        band: if whole { "all".to_owned() } else { name(range) },
        from_us: us(total.lowest_ns.unwrap_or(0)),
        to_us: us(total.highest_ns),
        all: total.all,
        sampled: total.sampled,
        matched: total.matched,
        mean_us: per(total.matched, latency as f64 / 1_000.0),
        mean_of_all_us: per(total.all, total.sum_ns as f64 / 1_000.0),
        parts: part_means(
            parts,
            &sums(members().map(|(_, _, account)| *account)),
            total.matched,
        ),
    }
}

/// Sum of each part over several requests, in nanoseconds.
pub(crate) fn sums<'a>(requests: impl Iterator<Item = &'a CompactAccount>) -> BTreeMap<u32, i128> {
    let mut sums = BTreeMap::new();
    for account in requests {
        for (part, ns) in &account.parts {
            *sums.entry(*part).or_default() += i128::from(*ns);
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_merge(matched: [u64; BANDS], expected: &[&str]) {
        let counted = matched.map(|matched| Counted {
            matched,
            ..Counted::default()
        });
        let names: Vec<_> = merge(&counted).into_iter().map(name).collect();
        assert_eq!(names, expected, "{matched:?}");
    }

    #[test]
    fn bands_with_enough_stay() {
        check_merge(
            [30; BANDS],
            &["0-50", "50-90", "90-99", "99-99.9", "99.9-100"],
        );
    }

    #[test]
    fn small_bands_join_the_one_below() {
        check_merge([500, 400, 90, 9, 1], &["0-50", "50-90", "90-100"]);
        check_merge(
            [500, 400, 90, 20, 10],
            &["0-50", "50-90", "90-99", "99-100"],
        );
        check_merge([500, 0, 90, 40, 0], &["0-90", "90-99", "99-100"]);
    }

    #[test]
    fn the_lowest_joins_the_one_above() {
        check_merge([3, 40, 90, 0, 0], &["0-90", "90-100"]);
        check_merge([3, 0, 0, 0, 0], &["0-100"]);
        check_merge([0, 0, 0, 0, 30], &["0-100"]);
    }
}
