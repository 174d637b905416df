//! What sets the tail apart from the median half.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use super::{
    Tail, TailPart,
    bands::{self, LEAST_MATCHED},
    collect::{Light, Request},
    quantiles::us,
    tables::{PartKey, PartTable},
};

/// Where the tail may begin: the first that leaves enough matched requests is taken.
const ABOVE: [(&str, f64); 3] = [("p99", 0.99), ("p95", 0.95), ("p90", 0.9)];

/// Matched requests of the tail and of the median half.
#[derive(Debug)]
pub(super) struct Sides<'a> {
    /// `p99`, `p95` or `p90`.
    pub(super) above: &'static str,
    pub(super) tail: Vec<&'a Request>,
    pub(super) body: Vec<&'a Request>,
}

/// Chooses where the tail begins. The last choice is taken even if it is too small; [`Sides::too_small`] tells.
pub(super) fn sides<'a>(histogram: &Histogram<u64>, requests: &'a [Request]) -> Sides<'a> {
    let matched = || requests.iter().filter(|request| request.matched().is_some());
    let above = |q: f64| {
        let cut = histogram.value_at_quantile(q);
        matched().filter(|request| request.latency_ns() > cut).collect::<Vec<_>>()
    };
    let median = histogram.value_at_quantile(0.5);
    let body = matched().filter(|request| request.latency_ns() <= median).collect();
    let mut sides = Sides { above: "", tail: Vec::new(), body };
    for (name, q) in ABOVE {
        (sides.above, sides.tail) = (name, above(q));
        if sides.tail.len() as u64 >= LEAST_MATCHED {
            break;
        }
    }
    sides
}

impl Sides<'_> {
    /// Whether either side is too small to say anything.
    pub(super) fn too_small(&self) -> bool {
        (self.tail.len().min(self.body.len()) as u64) < LEAST_MATCHED
    }
}

/// The tail of one workload; None where nothing was matched.
pub(super) fn tail(sides: &Sides<'_>, requests: &[Request], parts: &PartTable) -> Option<Tail> {
    let matched = requests.iter().filter(|request| request.matched().is_some()).count();
    if matched == 0 {
        return None;
    }
    let count = sides.tail.len() as u64;
    let mut tail = Tail { above: sides.above.to_owned(), requests: count, ..Tail::default() };
    if sides.too_small() {
        tail.missing = Some(missing(sides, matched));
        return Some(tail);
    }
    let difference = mean_latency(&sides.tail) - mean_latency(&sides.body);
    tail.difference_us = difference;
    tail.parts = differences(sides, difference, parts);
    if let Some(top) = tail.parts.first().filter(|top| difference > 0.0 && top.share > 0.0) {
        let title = top.service.iter().chain([&top.part]).map(String::as_str).collect::<Vec<_>>().join(" ");
        tail.sentence = Some(format!(
            "requests above {} are {} slower than the median half; {:.0} % of that is `{title}` ({count} requests)",
            sides.above,
            in_words(difference),
            top.share * 100.0
        ));
    } else {
        tail.missing = Some(format!("requests above {} are not slower than the median half: there is no tail to explain", sides.above));
    }
    Some(tail)
}

fn missing(sides: &Sides<'_>, matched: usize) -> String {
    let (count, side) = if sides.tail.len() <= sides.body.len() {
        (sides.tail.len(), format!("above {}", sides.above))
    } else {
        (sides.body.len(), "in the median half".to_owned())
    };
    let factor = (LEAST_MATCHED as f64 / count.max(1) as f64).max(300.0 / matched as f64);
    let requests = if count == 1 { "request lies" } else { "requests lie" };
    format!("{count} matched {requests} {side}, the tail's account needs {LEAST_MATCHED}: trace or measure about {factor:.1} times as many")
}

fn mean_latency(requests: &[&Request]) -> f64 {
    let sum: u128 = requests.iter().map(|request| u128::from(request.latency_ns())).sum();
    sum as f64 / 1_000.0 / requests.len().max(1) as f64
}

fn differences(sides: &Sides<'_>, whole: f64, parts: &PartTable) -> Vec<TailPart> {
    let means = |requests: &[&Request]| -> BTreeMap<u32, f64> {
        let lights = requests.iter().filter_map(|request| request.matched()).collect::<Vec<&Light>>();
        bands::sums(lights.into_iter()).into_iter().map(|(part, sum)| (part, us(sum) / requests.len().max(1) as f64)).collect()
    };
    let (tail, body) = (means(&sides.tail), means(&sides.body));
    let numbers: std::collections::BTreeSet<u32> = tail.keys().chain(body.keys()).copied().collect();
    let mut rows: Vec<(&PartKey, f64)> =
        numbers.into_iter().map(|part| (parts.key(part), tail.get(&part).unwrap_or(&0.0) - body.get(&part).unwrap_or(&0.0))).collect();
    rows.sort_by(|(a, a_us), (b, b_us)| b_us.total_cmp(a_us).then(a.cmp(b)));
    rows.into_iter()
        .map(|(key, difference_us)| TailPart {
            area: key.area.name().to_owned(),
            service: key.service.clone(),
            part: key.label.clone(),
            difference_us,
            share: if whole == 0.0 { 0.0 } else { difference_us / whole },
        })
        .collect()
}

/// A duration for a sentence.
fn in_words(us: f64) -> String {
    match us {
        us if us >= 1e6 => format!("{:.1} s", us / 1e6),
        us if us >= 1e3 => format!("{:.1} ms", us / 1e3),
        us => format!("{us:.0} us"),
    }
}
