//! Requests worth looking at: the slowest, and one near each quantile.

use hdrhistogram::Histogram;

use super::{Exemplar, collect::Request, quantiles::us, tables::PartTable};

/// How many of the slowest are named.
pub(super) const SLOWEST: usize = 3;
/// Quantiles that get an example.
pub(super) const NEAR: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)];

/// The slowest matched requests, then one near each quantile of all successes that has requests above it.
pub(super) fn exemplars(histogram: &Histogram<u64>, requests: &[Request], parts: &PartTable, ui: Option<&str>) -> Vec<Exemplar> {
    let mut matched: Vec<&Request> = requests.iter().filter(|request| request.matched().is_some()).collect();
    matched.sort_by_key(|request| (std::cmp::Reverse(request.latency_ns()), request.seq));
    let slowest = matched.iter().take(SLOWEST).map(|request| exemplar("slowest", request, parts, ui));
    let near = NEAR.iter().filter(|(_, q)| (1.0 - q) * histogram.len() as f64 >= 1.0).filter_map(|(label, q)| {
        let value = histogram.value_at_quantile(*q);
        let nearest = matched.iter().min_by_key(|request| (request.latency_ns().abs_diff(value), request.seq))?;
        Some(exemplar(label, nearest, parts, ui))
    });
    slowest.chain(near).collect()
}

fn exemplar(label: &str, request: &Request, parts: &PartTable, ui: Option<&str>) -> Exemplar {
    let largest =
        request.matched().and_then(|light| light.parts.iter().max_by_key(|(part, ns)| (*ns, std::cmp::Reverse(parts.key(*part)))));
    let trace_id = format!("{:032x}", request.trace_id);
    Exemplar {
        label: label.to_owned(),
        link: link(ui, &trace_id),
        trace_id,
        seq: request.seq,
        latency_us: us(request.latency_ns()),
        largest_part: largest.map(|(part, _)| parts.key(*part).title()).unwrap_or_default(),
        largest_part_us: largest.map_or(0.0, |(_, ns)| us(*ns)),
        waterfall: None,
    }
}

/// Address of a trace in Jaeger's UI.
pub(super) fn link(ui: Option<&str>, trace_id: &str) -> Option<String> {
    ui.map(|ui| format!("{}/trace/{trace_id}", ui.trim_end_matches('/')))
}
