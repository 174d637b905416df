//! Requests worth looking at: the slowest, and one near each quantile.

use hdrhistogram::Histogram;

use crate::{
    analysis::{
        figures::quantiles::us,
        model::Exemplar,
        requests::request::Request,
        traces::{link::link, parts::PartTable},
    },
    record::RunInfo,
};

/// How many of the slowest are named.
pub(crate) const SLOWEST: usize = 3;
/// Quantiles that get an example.
pub(crate) const NEAR: [(&str, f64); 4] =
    [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)];

/// The slowest matched requests, then one near each quantile of all successes that has requests
/// above it.
pub(crate) fn exemplars(
    histogram: &Histogram<u64>,
    requests: &[Request],
    parts: &PartTable,
    info: &RunInfo,
) -> Vec<Exemplar> {
    let mut matched: Vec<&Request> = requests
        .iter()
        .filter(|request| request.matched().is_some())
        .collect();
    matched.sort_by_key(|request| (std::cmp::Reverse(request.latency_ns()), request.seq));
    let slowest = matched
        .iter()
        .take(SLOWEST)
        .map(|request| exemplar("slowest", request, parts, info));
    let near = NEAR
        .iter()
        .filter(|(_, q)| (1.0 - q) * histogram.len() as f64 >= 1.0)
        .filter_map(|(label, q)| {
            let value = histogram.value_at_quantile(*q);
            let nearest = matched
                .iter()
                .min_by_key(|request| (request.latency_ns().abs_diff(value), request.seq))?;
            Some(exemplar(label, nearest, parts, info))
        });
    slowest.chain(near).collect()
}

fn exemplar(label: &str, request: &Request, parts: &PartTable, info: &RunInfo) -> Exemplar {
    let largest = request.matched().and_then(|account| {
        account
            .parts
            .iter()
            .max_by_key(|(part, ns)| (*ns, std::cmp::Reverse(parts.key(*part))))
    });
    let trace_id = format!("{:032x}", request.trace_id);
    Exemplar {
        label: label.to_owned(),
        link: link(info, &trace_id),
        trace_id,
        seq: request.seq,
        latency_us: us(request.latency_ns()),
        largest_area: largest
            .map(|(part, _)| parts.key(*part).area.name().to_owned())
            .unwrap_or_default(),
        largest_part: largest
            .map(|(part, _)| parts.key(*part).title())
            .unwrap_or_default(),
        largest_part_us: largest.map_or(0.0, |(_, ns)| us(*ns)),
        waterfall: None,
    }
}
