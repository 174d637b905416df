//! Requests worth looking at: the slowest, and one near each quantile.

use hdrhistogram::Histogram;

use crate::{
    analysis::{
        figures::quantiles::us, model::Exemplar, requests::collect::Request,
        traces::tables::PartTable,
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
    let largest = request.matched().and_then(|light| {
        light
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
        largest_part: largest
            .map(|(part, _)| parts.key(*part).title())
            .unwrap_or_default(),
        largest_part_us: largest.map_or(0.0, |(_, ns)| us(*ns)),
        waterfall: None,
    }
}

/// Where a trace is opened: as the scenario says, else in Jaeger's UI, where one answered.
pub(crate) fn link(info: &RunInfo, trace_id: &str) -> Option<String> {
    let ui = || {
        info.fetch
            .as_ref()?
            .ui
            .as_ref()
            .map(|ui| format!("{}/trace/{trace_id}", ui.trim_end_matches('/')))
    };
    info.trace_link
        .as_ref()
        .map(|link| link.replace("{trace_id}", trace_id))
        .or_else(ui)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::FetchInfo;

    fn check(ui: Option<&str>, named: Option<&str>, expected: Option<&str>) {
        let fetch = Some(FetchInfo {
            ui: ui.map(str::to_owned),
            ..FetchInfo::default()
        });
        let info = RunInfo {
            fetch,
            trace_link: named.map(str::to_owned),
            ..RunInfo::default()
        };
        assert_eq!(link(&info, "0af7").as_deref(), expected);
    }

    #[test]
    fn a_link_is_there_where_something_was_found_or_named() {
        check(None, None, None);
        check(
            Some("http://jaeger:16686/"),
            None,
            Some("http://jaeger:16686/trace/0af7"),
        );
        let named = "https://grafana.example/explore?left={trace_id}&x={trace_id}";
        check(
            Some("http://jaeger:16686"),
            Some(named),
            Some("https://grafana.example/explore?left=0af7&x=0af7"),
        );
    }
}
