//! What the traces of a workload showed, and whether those that are missing are like those that are
//! there.

use std::collections::BTreeMap;

use crate::analysis::{
    figures::quantiles,
    model::{ImpossibleTimes, JoinState, TraceFacts},
    requests::request::Request,
    traces::{account::RequestAccount, join::Joined},
};

/// Most names that are counted apart: they come from outside, and there may be any number of them.
const MOST_NAMES: usize = 1_000;
/// What further ones are called.
const MORE_NAMES: &str = "(more)";

/// Counts facts trace by trace.
#[derive(Debug, Default)]
pub(crate) struct TraceTally {
    facts: TraceFacts,
    /// Number of traces by number of server spans.
    spans: BTreeMap<u64, u64>,
    largest_shift_ns: u64,
    engine_ns: u128,
    brute_force_ns: u128,
}

impl TraceTally {
    /// Adds what the join of one request showed, and whether its own span was there.
    pub(crate) fn add_joined(&mut self, joined: &Joined, client_span_found: bool) {
        self.facts.client_span_alone +=
            u64::from(joined.state == JoinState::Missing && client_span_found);
        self.facts.handler_lost +=
            u64::from(joined.state == JoinState::NoRoot && joined.handler_lost);
        self.facts.retried_by_transport += u64::from(joined.roots > 1);
        self.facts.callee_spans_lost += joined.callees_lost;
        self.facts.impossible.extend(&joined.impossible);
        self.facts.spoilt_by_times += u64::from(joined.spoilt_by_times);
    }

    /// Adds what the latency breakdown of one matched request showed.
    pub(crate) fn add_account(&mut self, account: &RequestAccount) {
        let facts = &mut self.facts;
        *self.spans.entry(account.spans).or_default() += 1;
        facts.engine_searches = facts
            .engine_searches
            .saturating_add(account.engine_searches);
        self.engine_ns += u128::from(account.engine_ns);
        self.brute_force_ns += u128::from(account.brute_force_ns);
        facts.node_calls += account.node_searches;
        facts.merged_node_calls += account.merged;
        let all_merged = account.node_searches > 0 && account.merged == account.node_searches;
        facts.merged += u64::from(all_merged);
        facts.merged_in_part +=
            u64::from(!all_merged && account.merged + account.merged_in_part > 0);
        for (into, from) in [
            (&mut facts.adopted, &account.adopted),
            (&mut facts.nested, &account.nested),
            (&mut facts.aside, &account.aside),
            (&mut facts.unknown_names, &account.unknown_names),
        ] {
            for (name, count) in from {
                let full = into.len() >= MOST_NAMES && !into.contains_key(name);
                *into
                    .entry(if full {
                        MORE_NAMES.to_owned()
                    } else {
                        name.clone()
                    })
                    .or_default() += count;
            }
        }
        facts.shifted += u64::from(account.largest_shift_ns > 0);
        self.largest_shift_ns = self.largest_shift_ns.max(account.largest_shift_ns);
    }

    /// Spans whose times can't be.
    pub(crate) fn impossible(&self) -> &ImpossibleTimes {
        &self.facts.impossible
    }

    /// The facts, completed with what the requests say.
    pub(crate) fn finish(&self, requests: &[Request]) -> TraceFacts {
        let mut facts = self.facts.clone();
        let mode = self
            .spans
            .iter()
            .max_by_key(|(spans, traces)| (**traces, **spans))
            .map(|(spans, _)| *spans);
        facts.spans_mode = mode.unwrap_or(0);
        facts.below_mode = self
            .spans
            .range(..facts.spans_mode)
            .map(|(_, traces)| traces)
            .sum();
        facts.engine_us = self.engine_ns as f64 / 1_000.0;
        facts.brute_force_us = self.brute_force_ns as f64 / 1_000.0;
        facts.largest_shift_us = quantiles::us(self.largest_shift_ns);
        let gaps = requests
            .iter()
            .filter_map(|request| Some(request.gap_ns(request.matched()?.server_ns)));
        for gap in gaps.filter(|gap| *gap < 0) {
            facts.negative_gaps += 1;
            facts.lowest_gap_us = facts.lowest_gap_us.min(quantiles::us(gap));
        }
        bias(requests, &mut facts);
        facts
    }
}

/// Service time of matched against not matched successes: traces lost under load are not lost at
/// random.
fn bias(requests: &[Request], facts: &mut TraceFacts) {
    let times = |matched: bool| {
        let of_side = requests.iter().filter(|request| {
            let lost = matches!(
                request.state,
                Some(JoinState::Incomplete | JoinState::NoRoot | JoinState::Missing)
            );
            request.ok
                && if matched {
                    request.matched().is_some()
                } else {
                    lost
                }
        });
        let mut times: Vec<i64> = of_side.map(|request| request.service_ns() as i64).collect();
        times.sort_unstable();
        times
    };
    let (matched, lost) = (times(true), times(false));
    facts.unmatched_p50_p99_us = quantiles::at(&lost, 0.5)
        .zip(quantiles::at(&lost, 0.99))
        .map(|(p50, p99)| (quantiles::us(p50), quantiles::us(p99)));
    facts.unmatched_ks = kolmogorov_smirnov(&matched, &lost);
}

/// Largest distance of two empirical distributions, in [0, 1]; None where one is empty. Both are
/// sorted.
fn kolmogorov_smirnov(one: &[i64], other: &[i64]) -> Option<f64> {
    if one.is_empty() || other.is_empty() {
        return None;
    }
    let share = |values: &[i64], limit: i64| {
        values.partition_point(|value| *value <= limit) as f64 / values.len() as f64
    };
    Some(
        one.iter()
            .chain(other)
            .map(|limit| (share(one, *limit) - share(other, *limit)).abs())
            .fold(0.0, f64::max),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(one: &[i64], other: &[i64], expected: Option<f64>) {
        assert_eq!(kolmogorov_smirnov(one, other), expected);
    }

    #[test]
    fn equal_distributions_have_no_distance() {
        check(&[1, 2, 3], &[1, 2, 3], Some(0.0));
        check(&[1, 1], &[1], Some(0.0));
    }

    #[test]
    fn distributions_apart_have_the_largest() {
        check(&[1, 2], &[3, 4], Some(1.0));
        check(&[1, 2, 3, 4], &[3, 4], Some(0.5));
    }

    #[test]
    fn one_side_alone_has_none() {
        check(&[], &[1], None);
        check(&[1], &[], None);
    }
}
