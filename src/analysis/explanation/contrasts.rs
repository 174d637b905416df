//! What sets one group of matched requests apart from another: the tail from the faster half, a
//! phase from the first one with the same workload, a stage from the one before, workloads of one
//! operation from the first of them, the slowest seconds from the others, the first requests from
//! the later ones.

use std::collections::BTreeSet;

use crate::analysis::{
    explanation::bands::LEAST_MATCHED,
    figures::{intervals::Window, quantiles::us},
    model::{Certainty, Contrast, TailPart, parts_cancel_out},
    requests::request::Request,
    statistics::{
        contrast::{self, Group, Seconds},
        interval::NoInterval,
        rng::seed_of,
        series::Series,
    },
    traces::parts::{PartKey, PartTable},
};

/// Seconds below which none of them are called slow.
const LEAST_SECONDS: usize = 20;
/// One in so many seconds is looked at as slow.
const SLOW_SECONDS: usize = 10;
/// One in so many nanoseconds of a part belongs to its first requests.
const FIRST: u64 = 20;
/// Slow seconds, and first requests, are told only where their mean is so many times that of the
/// others.
const WORTH_TELLING: f64 = 1.5;
/// Most parts of a contrast that are kept, without the tail's.
const MOST_PARTS: usize = 12;

/// Matched requests, and the seconds that they lie in.
#[derive(Clone, Debug)]
pub(crate) struct Side<'a> {
    pub(crate) requests: Vec<&'a Request>,
    pub(crate) window: Option<Window>,
}

/// A difference of means with its parts.
#[derive(Clone, Debug, Default)]
pub(crate) struct MeanDifference {
    pub(crate) us: f64,
    pub(crate) ends_us: Option<(f64, f64)>,
    /// By share, falling.
    pub(crate) parts: Vec<TailPart>,
    pub(crate) why_not: Option<NoInterval>,
}

impl MeanDifference {
    /// Whether it can be told from none.
    pub(crate) fn certainty(&self) -> Certainty {
        Certainty::of(self.us, self.ends_us)
    }

    /// `81 % [74, 86] of that is `consistency wait · querynode Delegator-waitTSafe``, the time of
    /// the part itself where parts cancel out; None where no part has a share that can be told from
    /// none.
    pub(crate) fn in_words(&self) -> Option<String> {
        let top = self
            .parts
            .first()
            .filter(|top| top.share > 0.0 && top.share_low.is_none_or(|low| low > 0.0))?;
        if parts_cancel_out(&self.parts) {
            let (more, less) = if self.us < 0.0 {
                ("less", "more")
            } else {
                ("more", "less")
            };
            return Some(format!(
                "`{}` alone took {} {more}, and other parts {less}",
                top.title(),
                in_words(top.difference_us.abs())
            ));
        }
        let percent = |share: f64| share * 100.0;
        let ends = top.share_low.zip(top.share_high);
        let ends = ends.map_or(String::new(), |(low, high)| {
            format!(" [{:.0}, {:.0}]", percent(low), percent(high))
        });
        Some(format!(
            "{:.0} %{ends} of that is `{}`",
            percent(top.share),
            top.title()
        ))
    }
}

/// Means of `one` minus means of `other`. The `names` of run, workload and groups are the seed.
pub(crate) fn difference(
    one: &Side<'_>,
    other: &Side<'_>,
    seconds: Seconds,
    parts: &PartTable,
    names: &[&str],
) -> MeanDifference {
    let matched = one
        .requests
        .iter()
        .chain(&other.requests)
        .filter_map(|request| request.matched());
    let numbers: Vec<u32> = matched
        .flat_map(|account| account.parts.iter().map(|(part, _)| *part))
        .collect::<BTreeSet<u32>>()
        .into_iter()
        .collect();
    let means = (
        means(&one.requests, &numbers),
        means(&other.requests, &numbers),
    );
    let differences: Vec<f64> = means
        .0
        .iter()
        .zip(&means.1)
        .map(|(one, other)| one - other)
        .collect();
    let us = differences.iter().sum::<f64>();
    let drawn = match (one.window, other.window) {
        (Some(first), Some(second)) => contrast::contrast(
            &group(one, first, &numbers),
            &group(other, second, &numbers),
            seconds,
            seed_of(names),
        ),
        _ => contrast::ContrastEnds::default(),
    };
    let mut rows: Vec<(&PartKey, f64, Option<contrast::Ends>)> = numbers
        .iter()
        .enumerate()
        .map(|(at, number)| {
            (
                parts.key(*number),
                differences[at],
                drawn.shares.get(at).copied(),
            )
        })
        .collect();
    rows.sort_by(|(a, a_us, _), (b, b_us, _)| (b_us / us).total_cmp(&(a_us / us)).then(a.cmp(b)));
    let parts = rows.into_iter().map(|(key, difference_us, ends)| TailPart {
        area: key.area.name().to_owned(),
        service: key.service.clone(),
        part: key.label.clone(),
        difference_us,
        share: if us == 0.0 { 0.0 } else { difference_us / us },
        share_low: ends.map(|(low, _)| low),
        share_high: ends.map(|(_, high)| high),
    });
    let mut found = MeanDifference {
        us,
        ends_us: drawn.difference,
        parts: parts.collect(),
        why_not: drawn.why_not,
    };
    if found.certainty() == Certainty::MayBeNone {
        // Shares of a difference that may be none mean nothing.
        found
            .parts
            .iter_mut()
            .for_each(|part| (part.share_low, part.share_high) = (None, None));
    }
    found
}

/// Mean of every part in microseconds, in the order of `numbers`.
fn means(requests: &[&Request], numbers: &[u32]) -> Vec<f64> {
    let mut sums = vec![0i128; numbers.len()];
    for (part, time) in requests
        .iter()
        .filter_map(|request| request.matched())
        .flat_map(|account| &account.parts)
    {
        if let Ok(at) = numbers.binary_search(part) {
            sums[at] += i128::from(*time);
        }
    }
    sums.into_iter()
        .map(|sum| us(sum) / requests.len().max(1) as f64)
        .collect()
}

fn group(side: &Side<'_>, window: Window, numbers: &[u32]) -> Group {
    let mut group = Group::new(window.seconds(), numbers.len());
    for request in &side.requests {
        let parts = request
            .matched()
            .into_iter()
            .flat_map(|account| &account.parts);
        let dense =
            parts.filter_map(|(part, time)| Some((numbers.binary_search(part).ok()?, us(*time))));
        group.add(
            window.at(request.intended_ns.unwrap_or(request.sent_ns)),
            dense,
        );
    }
    group
}

/// The matched requests among `requests`.
fn matched(requests: &[Request]) -> Vec<&Request> {
    requests
        .iter()
        .filter(|request| request.matched().is_some())
        .collect()
}

/// A phase, a stage or a workload that is compared with another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlaceSide<'a> {
    /// What tells it from the other: the name of its phase, its stage or its workload.
    pub(crate) name: &'a str,
    pub(crate) requests: &'a [Request],
    pub(crate) window: Option<Window>,
}

/// A place against another one, of other seconds; None where either has too few matched requests.
/// `kind` is one of [`Contrast::PHASE`], [`Contrast::STAGE`] and [`Contrast::WORKLOAD`].
pub(crate) fn of_places(
    kind: &str,
    (place, other): (PlaceSide<'_>, PlaceSide<'_>),
    parts: &PartTable,
    names: &[&str],
) -> Option<Contrast> {
    let side = |place: &PlaceSide<'_>| matched(place.requests).len() as u64 >= LEAST_MATCHED;
    (side(&place) && side(&other)).then(|| {
        let subject = format!("{} is", place.name);
        let names = [names, &[kind, other.name]].concat();
        let with = other.name;
        let [one, other] = [place, other].map(|place| Side {
            requests: matched(place.requests),
            window: place.window,
        });
        let found = difference(&one, &other, Seconds::Apart, parts, &names);
        let requests = (one.requests.len(), other.requests.len());
        contrast_of(kind, (&subject, with), requests, found)
    })
}

/// The slowest seconds against the others, where they are worth telling. `latency` is that of all
/// requests by the second of their end.
pub(crate) fn of_slow_seconds(
    requests: &[Request],
    latency: &Series,
    window: Window,
    parts: &PartTable,
) -> Option<Contrast> {
    let mut means: Vec<(f64, usize)> = latency
        .seconds()
        .iter()
        .enumerate()
        .filter(|(_, second)| second.count() > 0)
        .map(|(at, second)| (second.sum() / second.count() as f64, at))
        .collect();
    if means.len() < LEAST_SECONDS {
        return None;
    }
    means.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let slow: BTreeSet<usize> = means
        .iter()
        .take(means.len() / SLOW_SECONDS)
        .map(|(_, at)| *at)
        .collect();
    let (one, other) = matched(requests)
        .into_iter()
        .partition(|request| slow.contains(&window.at(request.done_ns)));
    let subject = format!("the slowest {} of {} seconds are", slow.len(), means.len());
    told(
        "slow_seconds",
        (&subject, "the others"),
        (one, other),
        parts,
    )
}

/// The first requests against the later ones, where they are worth telling.
pub(crate) fn of_first_requests(
    requests: &[Request],
    (start_ns, end_ns): (u64, u64),
    parts: &PartTable,
) -> Option<Contrast> {
    let until = start_ns + end_ns.saturating_sub(start_ns) / FIRST;
    let (one, other) = matched(requests)
        .into_iter()
        .partition(|request| request.intended_ns.unwrap_or(request.sent_ns) < until);
    let subject = format!("the first {:.1} s are", (until - start_ns) as f64 / 1e9);
    told(
        "first_requests",
        (&subject, "the rest"),
        (one, other),
        parts,
    )
}

/// A contrast of groups that were chosen because they differ: it has no interval, and is told only
/// where it is large.
fn told<'a>(
    kind: &str,
    names: (&str, &str),
    (one, other): (Vec<&'a Request>, Vec<&'a Request>),
    parts: &PartTable,
) -> Option<Contrast> {
    if (one.len().min(other.len()) as u64) < LEAST_MATCHED {
        return None;
    }
    let side = |requests| Side {
        requests,
        window: None,
    };
    let (one, other) = (side(one), side(other));
    let found = difference(&one, &other, Seconds::Same, parts, &[]);
    let body = mean_latency(&other.requests);
    (found.us > (WORTH_TELLING - 1.0) * body).then(|| {
        contrast_of(
            kind,
            names,
            (one.requests.len(), other.requests.len()),
            found,
        )
    })
}

/// Mean latency in microseconds.
pub(crate) fn mean_latency(requests: &[&Request]) -> f64 {
    let sum: u128 = requests
        .iter()
        .map(|request| u128::from(request.latency_ns()))
        .sum();
    sum as f64 / 1_000.0 / requests.len().max(1) as f64
}

fn contrast_of(
    kind: &str,
    (subject, with): (&str, &str),
    (requests, with_requests): (usize, usize),
    found: MeanDifference,
) -> Contrast {
    let slower = if found.us < 0.0 { "faster" } else { "slower" };
    let words = found.in_words().map(|share| {
        format!(
            "{subject} {} {slower} than {with}; {share}",
            in_words(found.us.abs())
        )
    });
    let certainty = found.certainty();
    let mut parts = found.parts;
    // The largest on either side: what got faster stands at the end.
    parts.sort_by(|a, b| {
        b.difference_us
            .abs()
            .total_cmp(&a.difference_us.abs())
            .then_with(|| a.part.cmp(&b.part))
    });
    parts.truncate(MOST_PARTS);
    let contrast = Contrast {
        kind: kind.to_owned(),
        with: with.to_owned(),
        requests: requests as u64,
        with_requests: with_requests as u64,
        difference_us: found.us,
        difference_low_us: found.ends_us.map(|(low, _)| low),
        difference_high_us: found.ends_us.map(|(_, high)| high),
        parts,
        sentence: None,
        why_not: found.why_not,
    };
    // Groups that were chosen by their latency are slower whatever another run shows.
    let is_told = match certainty {
        Certainty::Shown => true,
        Certainty::MayBeNone => false,
        Certainty::NotKnown => !contrast.is_of_place(),
    };
    Contrast {
        sentence: words.filter(|_| is_told),
        ..contrast
    }
}

/// A duration for a sentence.
pub(crate) fn in_words(us: f64) -> String {
    match us {
        us if us >= 1e6 => format!("{:.1} s", us / 1e6),
        us if us >= 1e3 => format!("{:.1} ms", us / 1e3),
        us => format!("{us:.0} us"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A difference of `us`, of which parts have these shares.
    fn found(us: f64, shares: &[f64]) -> MeanDifference {
        let part = |share: &f64| TailPart {
            area: "gap".to_owned(),
            part: "gap".to_owned(),
            difference_us: share * us,
            share: *share,
            ..TailPart::default()
        };
        MeanDifference {
            us,
            parts: shares.iter().map(part).collect(),
            ..MeanDifference::default()
        }
    }

    #[test]
    fn parts_that_are_more_than_the_whole_are_told_by_their_times() {
        let check = |us: f64, shares: &[f64], expected: &str| {
            let words = found(us, shares).in_words();
            assert_eq!(words.as_deref(), Some(expected), "{shares:?}");
        };
        check(1_000.0, &[0.81, 0.19], "81 % of that is `gap`");
        check(1_000.0, &[0.97, 0.06, -0.03], "97 % of that is `gap`");
        let more = "`gap` alone took 4.4 ms more, and other parts less";
        check(200.0, &[22.0, -21.0], more);
        let less = "`gap` alone took 4.4 ms less, and other parts more";
        check(-200.0, &[22.0, -21.0], less);
        let sum = "`gap` alone took 710 us more, and other parts less";
        check(1_000.0, &[0.71, 0.46, 0.25, -0.42], sum);
        assert_eq!(found(200.0, &[-0.1]).in_words(), None);
    }

    #[test]
    fn a_place_without_an_interval_is_not_said_to_differ() {
        let sentence = |kind: &str, ends_us: Option<(f64, f64)>| {
            let found = MeanDifference {
                ends_us,
                ..found(1_000.0, &[1.0])
            };
            contrast_of(kind, ("it is", "others"), (50, 50), found).sentence
        };
        assert_eq!(sentence(Contrast::PHASE, None), None);
        assert_eq!(sentence(Contrast::PHASE, Some((-1.0, 2_000.0))), None);
        assert!(sentence(Contrast::PHASE, Some((1.0, 2_000.0))).is_some());
        assert!(sentence("slow_seconds", None).is_some());
    }
}
