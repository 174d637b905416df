//! The 95 % intervals of what sets one group of requests apart from another, part by part: the
//! difference of their means, and the share that each part has of it.
//!
//! The percentile interval of the stationary bootstrap as in [`super::interval`], over the seconds
//! that the requests were due in. A share is a ratio of two differences that vary together, so both
//! are taken from the same resample. How long blocks must be is read from what each second adds to
//! the error of a share (its influence: Davison and Hinkley, "Bootstrap Methods and their
//! Application", 1997, section 2.7), not from the latency itself.

use super::{
    block_length::Memory,
    bootstrap::{RESAMPLES, Resampler},
    interval::{Blocks, Lack, NoInterval, expanded, level, too_few},
};

/// Parts, the largest ones, that decide on the length of blocks.
const DECIDING: usize = 3;
/// Blocks that each group must have requests in.
const BLOCKS_WITH_REQUESTS: f64 = 10.0;
/// Fewest effective blocks that ends are computed with: the t quantile of fewer is beyond use.
const LEAST_EFFECTIVE: f64 = 3.0;

/// One group of requests: their number and the sums of their parts, second by second.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    parts: usize,
    counts: Vec<f64>,
    /// The parts of the first second, then those of the second one, ...
    sums: Vec<f64>,
}

impl Group {
    /// No request yet, in any of `seconds` seconds, of `parts` parts.
    #[must_use]
    pub fn new(seconds: usize, parts: usize) -> Self {
        Self {
            parts,
            counts: vec![0.0; seconds],
            sums: vec![0.0; seconds * parts],
        }
    }

    /// Adds a request of `second` with the parts that it has: (number below the group's parts,
    /// time).
    pub fn add(&mut self, second: usize, parts: impl Iterator<Item = (usize, f64)>) {
        self.counts[second] += 1.0;
        parts.for_each(|(part, time)| self.sums[second * self.parts + part] += time);
    }

    /// Adds `count` requests of `second` whose latencies, the only part, add up to `sum`.
    pub fn add_sum(&mut self, second: usize, count: f64, sum: f64) {
        self.counts[second] += count;
        self.sums[second * self.parts] += sum;
    }

    fn seconds(&self) -> usize {
        self.counts.len()
    }

    /// Mean of every part, each second as often as `weight` says; None where that leaves no
    /// request.
    fn means(&self, weight: impl Fn(usize) -> f64) -> Option<Vec<f64>> {
        let mut means = vec![0.0; self.parts];
        let mut count = 0.0;
        for second in 0..self.seconds() {
            let weight = weight(second);
            if weight > 0.0 && self.counts[second] > 0.0 {
                count += weight * self.counts[second];
                let sums = &self.sums[second * self.parts..][..self.parts];
                means
                    .iter_mut()
                    .zip(sums)
                    .for_each(|(mean, sum)| *mean += weight * sum);
            }
        }
        means.iter_mut().for_each(|mean| *mean /= count);
        (count > 0.0).then_some(means)
    }

    /// What each second adds to the error of a combination of the means: `factors` times the means
    /// of the parts.
    fn influence(&self, means: &[f64], factors: &[f64]) -> Vec<f64> {
        let count: f64 = self.counts.iter().sum();
        let combined: f64 = means
            .iter()
            .zip(factors)
            .map(|(mean, factor)| mean * factor)
            .sum();
        let of_second = |second: usize| {
            let sums = &self.sums[second * self.parts..][..self.parts];
            let sum: f64 = sums
                .iter()
                .zip(factors)
                .map(|(sum, factor)| sum * factor)
                .sum();
            (sum - combined * self.counts[second]) / count
        };
        (0..self.seconds()).map(of_second).collect()
    }
}

/// Whether two groups are requests of the same seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seconds {
    /// Slow and fast requests of one phase: what a second did to both is kept together.
    Same,
    /// Requests of two phases.
    Apart,
}

/// Lower and upper end.
pub type Ends = (f64, f64);

/// What the resamples say of a difference.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ContrastEnds {
    /// 95 % interval of the difference of the mean latencies; None where there is none.
    pub difference: Option<Ends>,
    /// 95 % interval of each part's share of the difference, in the parts' order; empty where there
    /// is none. Shares mean nothing where the interval of the difference includes zero.
    pub shares: Vec<Ends>,
    /// Why there are none.
    pub why_not: Option<NoInterval>,
}

/// Intervals of `one` minus `other`, groups with the same parts, whose parts add up to each
/// request's latency. The same seed gives the same intervals.
#[must_use]
pub fn contrast(one: &Group, other: &Group, seconds: Seconds, seed: u64) -> ContrastEnds {
    let (Some(mean), Some(other_mean)) = (one.means(|_| 1.0), other.means(|_| 1.0)) else {
        return ContrastEnds::default();
    };
    let differences: Vec<f64> = mean
        .iter()
        .zip(&other_mean)
        .map(|(one, other)| one - other)
        .collect();
    let whole: f64 = differences.iter().sum();
    let influences = Influences {
        one,
        other,
        means: (&mean, &other_mean),
        seconds,
    };
    let of_share = |part: usize| {
        influences.of(&share_factors(
            part,
            differences[part] / whole,
            differences.len(),
        ))
    };
    let of_whole = influences.of(&vec![1.0; differences.len()]);
    let deciding = largest(&differences).take(DECIDING);
    let deciding = deciding.flat_map(&of_share);
    let memories: Vec<Memory> = of_whole
        .iter()
        .cloned()
        .chain(deciding)
        .map(|series| Memory::of(&series))
        .collect();
    let lengths = memories.iter().map(Memory::block_length_s);
    let length_s = lengths.fold(1.0, f64::max);
    let blocks = [one, other].map(|group| Blocks::new(group.seconds(), length_s));
    if let Some(why_not) = missing(&blocks, [one, other]) {
        return ContrastEnds {
            why_not: Some(why_not),
            ..ContrastEnds::default()
        };
    }
    let stretches = memories.iter().map(|memory| memory.stretch(length_s));
    let stretch = stretches.fold(1.0, f64::max);
    let ends = |values: Vec<f64>, influence: &[Vec<f64>]| {
        let effective = influence
            .iter()
            .zip(&blocks)
            .map(|(series, blocks)| blocks.effective(series).min(blocks.count));
        let least = effective.fold(f64::INFINITY, f64::min).max(LEAST_EFFECTIVE);
        ends(values, stretch * expanded(least))
    };
    let drawn = resample(one, other, (seconds, length_s), seed);
    let wholes: Vec<f64> = drawn
        .iter()
        .map(|differences| differences.iter().sum())
        .collect();
    let shares = (0..differences.len()).map(|part| {
        let of_part = drawn.iter().zip(&wholes);
        let values = of_part.map(|(differences, whole)| differences[part] / whole);
        ends(values.collect(), &of_share(part))
    });
    ContrastEnds {
        shares: shares.collect(),
        difference: Some(ends(wholes.clone(), &of_whole[..1])),
        why_not: None,
    }
}

/// Numbers of the parts, the largest difference first.
fn largest(differences: &[f64]) -> impl Iterator<Item = usize> {
    let mut parts: Vec<usize> = (0..differences.len()).collect();
    parts.sort_by(|a, b| {
        let size = |part: &usize| differences[*part].abs();
        size(b).total_cmp(&size(a)).then(a.cmp(b))
    });
    parts.into_iter()
}

/// What each second adds to the error of a combination of the differences: one series where the
/// groups share their seconds, else one of each.
struct Influences<'a> {
    one: &'a Group,
    other: &'a Group,
    means: (&'a [f64], &'a [f64]),
    seconds: Seconds,
}

impl Influences<'_> {
    fn of(&self, factors: &[f64]) -> Vec<Vec<f64>> {
        let one = self.one.influence(self.means.0, factors);
        let other = self.other.influence(self.means.1, factors);
        match self.seconds {
            Seconds::Same => vec![
                one.iter()
                    .zip(other)
                    .map(|(one, other)| one - other)
                    .collect(),
            ],
            Seconds::Apart => vec![one, other],
        }
    }
}

/// A share's error is that of its part less the share of the whole's.
fn share_factors(part: usize, share: f64, parts: usize) -> Vec<f64> {
    (0..parts)
        .map(|at| f64::from(u8::from(at == part)) - share)
        .collect()
}

/// What there is too little of for an interval.
fn missing(blocks: &[Blocks; 2], groups: [&Group; 2]) -> Option<NoInterval> {
    let shortest = blocks
        .iter()
        .min_by(|a, b| a.seconds.total_cmp(&b.seconds))?;
    if let Some(why_not) = too_few(shortest.seconds, shortest.length_s) {
        return Some(why_not);
    }
    let with_requests = |(blocks, group): (&Blocks, &Group)| {
        let sums = blocks.sums(group.counts.iter().copied());
        sums.iter().filter(|sum| **sum > 0.0).count() as f64
    };
    let least = blocks
        .iter()
        .zip(groups)
        .map(with_requests)
        .fold(f64::INFINITY, f64::min)
        / BLOCKS_WITH_REQUESTS;
    let needed_s = (shortest.seconds / least.max(1e-3)).ceil();
    (least < 1.0).then_some(NoInterval {
        lacks: Lack::RequestsBeyond,
        needed_s,
    })
}

/// Differences of all parts in every resample that leaves both groups a request.
fn resample(
    one: &Group,
    other: &Group,
    (seconds, length_s): (Seconds, f64),
    seed: u64,
) -> Vec<Vec<f64>> {
    let mut of_one = Resampler::new(one.seconds(), length_s, seed);
    let mut of_other = Resampler::new(other.seconds(), length_s, seed ^ 1);
    let mut draw = || {
        let weights = of_one.draw();
        let mean = one.means(|second| f64::from(weights[second]))?;
        let weights = if seconds == Seconds::Same {
            weights
        } else {
            of_other.draw()
        };
        let other_mean = other.means(|second| f64::from(weights[second]))?;
        Some(
            mean.iter()
                .zip(other_mean)
                .map(|(one, other)| one - other)
                .collect(),
        )
    };
    (0..RESAMPLES).filter_map(|_| draw()).collect()
}

fn ends(mut values: Vec<f64>, z: f64) -> Ends {
    values.sort_unstable_by(f64::total_cmp);
    let at = level(z, values.len());
    let last = values.len().saturating_sub(1);
    (
        values.get(at).copied().unwrap_or(0.0),
        values.get(last.saturating_sub(at)).copied().unwrap_or(0.0),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::statistics::rng::Rng;

    /// The normal distribution's deviates, roughly: sums of twelve even ones.
    fn normal(rng: &mut Rng) -> f64 {
        (0..12).map(|_| rng.unit()).sum::<f64>() - 6.0
    }

    /// Groups of a run of `seconds`: each second has a few slow requests, whose parts grow by 8 and
    /// by 2 on average, and forty fast ones. The slow ones' first part follows a level with a
    /// memory of seconds.
    fn slow_and_fast(seconds: usize, seed: u64) -> (Group, Group) {
        let mut rng = Rng::new(seed);
        let (mut slow, mut fast) = (Group::new(seconds, 2), Group::new(seconds, 2));
        let mut level = 0.0;
        for second in 0..seconds {
            level = 0.5 * level + normal(&mut rng);
            for _ in 0..1 + rng.below(4) {
                slow.add(
                    second,
                    [
                        (0, 9.0 + level + normal(&mut rng)),
                        (1, 3.0 + normal(&mut rng)),
                    ]
                    .into_iter(),
                );
            }
            for _ in 0..40 {
                fast.add(
                    second,
                    [(0, 1.0 + 0.1 * normal(&mut rng)), (1, 1.0)].into_iter(),
                );
            }
        }
        (slow, fast)
    }

    #[test]
    fn the_interval_of_a_share_covers_the_truth() {
        const RUNS: u64 = 200;
        let (mut printed, mut covered) = (0, [0; 2]);
        for seed in 0..RUNS {
            let (slow, fast) = slow_and_fast(200, seed * 104_729 + 5);
            let found = contrast(&slow, &fast, Seconds::Same, seed);
            let Some(share) = found.shares.first() else {
                continue;
            };
            printed += 1;
            assert!(share.0 < share.1 && share.1 - share.0 < 0.2, "{share:?}");
            covered[0] += u64::from(share.0 <= 0.8 && 0.8 <= share.1);
            let difference = found
                .difference
                .expect("there is one where there are shares");
            covered[1] += u64::from(difference.0 <= 10.0 && 10.0 <= difference.1);
        }
        assert!(printed > RUNS / 2, "{printed} of {RUNS} have one");
        assert!(
            covered
                .iter()
                .all(|runs| (printed * 9 / 10..printed).contains(runs)),
            "of {printed}: {covered:?}"
        );
    }

    #[test]
    fn shares_add_up_and_their_ends_lie_around_them() {
        let (slow, fast) = slow_and_fast(120, 3);
        let found = contrast(&slow, &fast, Seconds::Same, 1);
        let means = (slow.means(|_| 1.0).unwrap(), fast.means(|_| 1.0).unwrap());
        let whole: f64 = means.0.iter().sum::<f64>() - means.1.iter().sum::<f64>();
        for (part, (low, high)) in found.shares.iter().enumerate() {
            let share = (means.0[part] - means.1[part]) / whole;
            assert!(
                *low < share && share < *high,
                "{part}: {low} {share} {high}"
            );
        }
        assert_eq!(
            found,
            contrast(&slow, &fast, Seconds::Same, 1),
            "one seed gives one interval"
        );
        assert_ne!(found, contrast(&slow, &fast, Seconds::Same, 2));
    }

    fn check_lacks(one: &Group, other: &Group, expected: Option<Lack>) {
        let found = contrast(one, other, Seconds::Same, 0);
        assert_eq!(found.why_not.map(|why_not| why_not.lacks), expected);
        assert_eq!(found.difference.is_some(), !found.shares.is_empty());
    }

    #[test]
    fn what_there_is_too_little_of_is_named() {
        let (slow, fast) = slow_and_fast(15, 1);
        check_lacks(&slow, &fast, Some(Lack::Blocks));
        let (_, fast) = slow_and_fast(120, 1);
        let mut one_stall = Group::new(120, 2);
        (0..50).for_each(|at| one_stall.add(60 + at % 3, [(0, 50.0)].into_iter()));
        let found = contrast(&one_stall, &fast, Seconds::Same, 0);
        assert!(
            found.why_not.is_some() && found.shares.is_empty(),
            "{found:?}"
        );
        check_lacks(&Group::new(120, 2), &fast, None);
    }

    #[test]
    fn phases_apart_are_resampled_apart() {
        let ((slow, _), (_, fast)) = (slow_and_fast(100, 1), slow_and_fast(140, 2));
        let found = contrast(&slow, &fast, Seconds::Apart, 9);
        let (low, high) = found.difference.expect("both are long enough");
        assert!(low < 10.5 && high > 9.5 && high - low < 3.0, "{low} {high}");
    }

    #[test]
    fn nothing_that_varies_has_ends_of_no_width() {
        let (mut one, mut other) = (Group::new(60, 1), Group::new(60, 1));
        (0..60).for_each(|second| one.add_sum(second, 2.0, 14.0));
        (0..60).for_each(|second| other.add_sum(second, 1.0, 4.0));
        let found = contrast(&one, &other, Seconds::Same, 0);
        assert_eq!(
            (found.difference, found.shares),
            (Some((3.0, 3.0)), vec![(1.0, 1.0)])
        );
    }
}
