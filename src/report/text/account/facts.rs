//! What is said in words about a workload's traces: join, tail, instances, and what the traces
//! themselves showed.

use std::collections::BTreeMap;

use crate::{
    analysis::{Band, InstanceShare, TraceFacts, WorkloadAnalysis},
    report::{
        areas::band_name,
        layout::{Line, Page, Paint},
        units::{count, counted, duration, ratio, share},
    },
};

/// Share of matched among sampled requests below which a band is named.
const BAND_MATCHED: f64 = 0.8;

/// Share of the matched requests above which what happens now and then is told.
const ODD: f64 = 0.05;

/// Most advice that is given for a workload; report.json has all.
const MAX_ADVICE: usize = 2;

/// Share of the latency below which what tracing adds is not worth a line, unless its interval
/// reaches beyond.
const TRACING_COST: f64 = 0.05;

/// Most areas whose instances are listed.
const MAX_AREAS: usize = 2;

/// Most instances that are listed for an area.
const MAX_INSTANCES: usize = 4;

/// A negative gap beyond this is a defect of the data, microseconds.
const LOWEST_GAP_US: f64 = -500.0;

/// What became of the sampled requests; None where all were matched.
fn join(workload: &WorkloadAnalysis) -> Option<String> {
    let Some(join) = workload.join.filter(|join| join.sampled > 0) else {
        return Some("no request was sampled".to_owned());
    };
    if join.sampled == join.matched {
        return None;
    }
    let states = [
        (join.incomplete, "incomplete"),
        (join.no_root, "without a server root"),
        (join.missing, "missing"),
        (join.not_recorded, "not recorded"),
        (join.not_fetched, "not fetched"),
    ];
    let mut text = format!(
        "{} of {} sampled matched",
        count(join.matched),
        count(join.sampled)
    );
    for (number, state) in states.into_iter().filter(|(number, _)| *number > 0) {
        text += &format!(", {} {state}", count(number));
        if state == "missing" && join.missing_failed > 0 {
            text += &format!(" ({} of them failed)", count(join.missing_failed));
        }
    }
    Some(text)
}

/// Tail, instances, and what is odd about the traces. What the answer says of a workload that it
/// explains is not said again, but for its tail.
pub(super) fn write(page: &mut Page, workload: &WorkloadAnalysis, is_explained: bool) {
    let lead = || Line::new("• ", Paint::Bold);
    if let Some(tail) = workload
        .tail
        .as_ref()
        .and_then(|tail| tail.sentence.as_ref().or(tail.missing.as_ref()))
    {
        page.paragraph(lead(), tail, Paint::Plain);
    }
    let told = workload
        .contrasts
        .iter()
        .filter(|contrast| !(is_explained && contrast.is_of_place()))
        .filter_map(|contrast| contrast.sentence.clone());
    for text in told
        .chain(instances(&workload.instances))
        .chain(tracing_cost(workload))
    {
        page.paragraph(lead(), &text, Paint::Plain);
    }
    let advice = workload.advice.iter().take(MAX_ADVICE);
    for advice in advice.skip(usize::from(is_explained)) {
        page.paragraph(Line::new("→ ", Paint::Bold), &advice.sentence, Paint::Plain);
    }
    let mut facts: Vec<String> = join(workload)
        .into_iter()
        .chain(thin_bands(workload))
        .collect();
    facts.extend(
        workload
            .traces
            .iter()
            .flat_map(|facts| traces(facts, workload)),
    );
    if !facts.is_empty() {
        page.paragraph(lead(), &facts.join("; "), Paint::Plain);
    }
}

/// What being traced adds to a request, where it may be much.
fn tracing_cost(workload: &WorkloadAnalysis) -> Option<String> {
    let cost = workload.tracing_cost.as_ref()?;
    let latency = workload
        .response_time_us
        .as_ref()
        .or(workload.service_time_us.as_ref())?;
    let limit = TRACING_COST * latency.get("mean")?.value;
    let ends = cost.low_us.zip(cost.high_us);
    let much = ends.map_or(cost.mean_difference_us > limit, |(low, high)| {
        low > 0.0 && high > limit
    });
    let in_words = |ends: Option<(f64, f64)>| {
        ends.map_or(String::new(), |(low, high)| {
            format!(" [{}, {}]", duration(low), duration(high))
        })
    };
    let direct = much.then(|| {
        format!(
            "traced requests are {}{} slower than the others, on average",
            duration(cost.mean_difference_us),
            in_words(ends)
        )
    });
    // Who asked for it wants to read it, also where it is small.
    let total = cost.total.as_ref().map(|total| {
        let ends = in_words(total.low_us.zip(total.high_us));
        format!(
            "tracing adds {}{ends} to the mean of all requests ({})",
            duration(total.mean_difference_us),
            counted(total.pairs, "pair of blocks")
        )
    });
    let told: Vec<String> = direct.into_iter().chain(total).collect();
    (!told.is_empty()).then(|| told.join("; "))
}

/// `engine by instance: querynode 17 1.20 ms (tail 9.80 ms), ...` for the largest areas that ran on
/// several instances.
fn instances(shares: &[InstanceShare]) -> Vec<String> {
    let mut areas: BTreeMap<&str, Vec<&InstanceShare>> = BTreeMap::new();
    for share in shares {
        areas.entry(&share.area).or_default().push(share);
    }
    areas.retain(|_, rows| {
        rows.iter()
            .any(|row| row.service == rows[0].service && row.instance != rows[0].instance)
    });
    let mean = |rows: &[&InstanceShare]| rows.iter().map(|row| row.mean_us).sum::<f64>();
    let mut areas: Vec<_> = areas.into_iter().collect();
    areas.sort_by(|a, b| mean(&b.1).total_cmp(&mean(&a.1)).then(a.0.cmp(b.0)));
    areas
        .into_iter()
        .take(MAX_AREAS)
        .map(|(area, rows)| instances_of(area, rows))
        .collect()
}

fn instances_of(area: &str, mut rows: Vec<&InstanceShare>) -> String {
    rows.sort_by(|a, b| {
        b.mean_us
            .total_cmp(&a.mean_us)
            .then((&a.service, &a.instance).cmp(&(&b.service, &b.instance)))
    });
    let more = rows.len().saturating_sub(MAX_INSTANCES);
    let words = |row: &&InstanceShare| {
        let tail = row
            .tail_mean_us
            .map_or(String::new(), |tail| format!(" (tail {})", duration(tail)));
        format!(
            "{} {} {}{tail}",
            row.service,
            row.instance,
            duration(row.mean_us)
        )
    };
    let list: Vec<String> = rows.iter().take(MAX_INSTANCES).map(words).collect();
    let more = if more > 0 {
        format!(", {} more", count(more as u64))
    } else {
        String::new()
    };
    format!("{area} by instance: {}{more}", list.join(", "))
}

/// Bands whose matched requests may not stand for the rest.
fn thin_bands(workload: &WorkloadAnalysis) -> Option<String> {
    let matched = |band: &Band| ratio(band.matched as f64, band.sampled as f64);
    let thin = workload
        .account
        .iter()
        .filter(|band| band.sampled > 0 && matched(band) < BAND_MATCHED);
    let names: Vec<String> = thin
        .map(|band| format!("{} of {}", share(matched(band)), band_name(&band.band)))
        .collect();
    (!names.is_empty()).then(|| format!("only {} matched", names.join(", ")))
}

/// What matters for trusting the account; nothing where all is as it should be.
fn traces(facts: &TraceFacts, workload: &WorkloadAnalysis) -> Vec<String> {
    let matched = workload.join.map_or(0, |join| join.matched) as f64;
    let odd = |number: u64| ratio(number as f64, matched) > ODD;
    let mut out = Vec::new();
    if odd(facts.merged) {
        out.push(format!(
            "{} executed inside another request's search ({}, merged)",
            counted(facts.merged, "request"),
            share(ratio(facts.merged as f64, matched))
        ));
    }
    if odd(facts.merged_in_part) {
        out.push(format!("{} merged in part", count(facts.merged_in_part)));
    }
    if facts.retried_by_transport > 0 {
        out.push(format!(
            "{} retried by the transport",
            count(facts.retried_by_transport)
        ));
    }
    if facts.callee_spans_lost > 0 {
        out.push(format!(
            "{} between roles without the callee's span",
            counted(facts.callee_spans_lost, "call")
        ));
    }
    // A merged search lacks the spans of its engine.
    if odd(facts
        .below_mode
        .saturating_sub(facts.merged)
        .saturating_sub(facts.merged_in_part))
    {
        out.push(format!(
            "{} with fewer than the usual {}",
            counted(facts.below_mode, "trace"),
            counted(facts.spans_mode, "span")
        ));
    }
    if facts.negative_gaps as f64 > matched / 100.0 || facts.lowest_gap_us < LOWEST_GAP_US {
        out.push(format!(
            "{} with a negative gap, lowest {}",
            counted(facts.negative_gaps, "request"),
            duration(facts.lowest_gap_us)
        ));
    }
    if facts.shifted > 0 {
        out.push(format!(
            "{} shifted against clock skew, at most {}",
            counted(facts.shifted, "trace"),
            duration(facts.largest_shift_us)
        ));
    }
    if let Some(name) = facts.unknown_names.keys().next() {
        let number = facts.unknown_names.len() as u64;
        out.push(format!(
            "{} of no known area, e.g. {}",
            counted(number, "span name"),
            name
        ));
    }
    if let Some((p50, p99)) = facts.unmatched_p50_p99_us {
        out.push(format!(
            "not matched: service time p50 {}, p99 {}",
            duration(p50),
            duration(p99)
        ));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::Join;

    fn check_join(join: Option<Join>, expected: Option<&str>) {
        assert_eq!(
            super::join(&WorkloadAnalysis {
                join,
                ..WorkloadAnalysis::default()
            })
            .as_deref(),
            expected
        );
    }

    #[test]
    fn the_join_names_every_state_that_occurred() {
        check_join(None, Some("no request was sampled"));
        check_join(
            Some(Join {
                sampled: 1_000,
                matched: 1_000,
                ..Join::default()
            }),
            None,
        );
        check_join(
            Some(Join {
                sampled: 11,
                matched: 4,
                incomplete: 2,
                no_root: 1,
                missing: 2,
                missing_failed: 1,
                not_recorded: 1,
                not_fetched: 1,
            }),
            Some(
                "4 of 11 sampled matched, 2 incomplete, 1 without a server root, 2 missing (1 of \
                 them failed), 1 not recorded, 1 not fetched",
            ),
        );
    }

    fn instance(service: &str, instance: &str, mean_us: f64) -> InstanceShare {
        let (area, service, instance) =
            ("engine".to_owned(), service.to_owned(), instance.to_owned());
        InstanceShare {
            area,
            service,
            instance,
            mean_us,
            tail_mean_us: Some(2.0 * mean_us),
            body_mean_us: None,
        }
    }

    #[test]
    fn instances_are_listed_only_where_there_are_several() {
        assert!(instances(&[instance("standalone", "1", 1.0)]).is_empty());
        assert!(
            instances(&[instance("proxy", "1", 1.0), instance("querynode", "2", 1.0)]).is_empty()
        );
        assert_eq!(
            instances(&[
                instance("querynode", "1", 400.0),
                instance("querynode", "2", 1200.0)
            ]),
            [
                "engine by instance: querynode 2 1.20 ms (tail 2.40 ms), querynode 1 400 us (tail \
                 800 us)"
            ]
        );
    }

    #[test]
    fn healthy_traces_have_nothing_to_say() {
        let workload = WorkloadAnalysis {
            join: Some(Join {
                sampled: 1_000,
                matched: 1_000,
                ..Join::default()
            }),
            ..Default::default()
        };
        let facts = TraceFacts {
            spans_mode: 9,
            negative_gaps: 10,
            lowest_gap_us: -500.0,
            node_calls: 1_000,
            ..TraceFacts::default()
        };
        assert!(traces(&facts, &workload).is_empty());
        assert_eq!(
            traces(
                &TraceFacts {
                    negative_gaps: 11,
                    lowest_gap_us: -20.0,
                    ..facts
                },
                &workload
            ),
            ["11 requests with a negative gap, lowest -20.0 us"]
        );
    }
}
