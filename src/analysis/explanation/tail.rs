//! What sets the tail apart from the median half.

use hdrhistogram::Histogram;

use crate::analysis::{
    explanation::{
        bands::LEAST_MATCHED,
        contrasts::{self, MeanDifference, Side, in_words},
    },
    figures::intervals::Window,
    model::{Certainty, Tail},
    requests::request::Request,
    statistics::contrast::Seconds,
    traces::parts::PartTable,
};

/// Where the tail may begin: the first that leaves enough matched requests is taken.
const ABOVE: [(&str, f64); 3] = [("p99", 0.99), ("p95", 0.95), ("p90", 0.9)];

/// Matched requests of the tail and of the median half.
#[derive(Debug)]
pub(crate) struct Sides<'a> {
    /// `p99`, `p95` or `p90`.
    pub(crate) above: &'static str,
    pub(crate) tail: Vec<&'a Request>,
    pub(crate) body: Vec<&'a Request>,
}

/// Chooses where the tail begins. The last choice is taken even if it is too small;
/// [`Sides::too_small`] tells.
pub(crate) fn sides<'a>(histogram: &Histogram<u64>, requests: &'a [Request]) -> Sides<'a> {
    let matched = || {
        requests
            .iter()
            .filter(|request| request.matched().is_some())
    };
    let above = |q: f64| {
        let cut = histogram.value_at_quantile(q);
        matched()
            .filter(|request| request.latency_ns() > cut)
            .collect::<Vec<_>>()
    };
    let median = histogram.value_at_quantile(0.5);
    let body = matched()
        .filter(|request| request.latency_ns() <= median)
        .collect();
    let mut sides = Sides {
        above: "",
        tail: Vec::new(),
        body,
    };
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
    pub(crate) fn too_small(&self) -> bool {
        (self.tail.len().min(self.body.len()) as u64) < LEAST_MATCHED
    }
}

/// The tail of one workload, whose part is `window`; None where nothing was matched. The `names` of
/// run and workload are the seed.
pub(crate) fn tail(
    sides: &Sides<'_>,
    requests: &[Request],
    window: Option<Window>,
    parts: &PartTable,
    names: &[&str],
) -> Option<Tail> {
    let matched = requests
        .iter()
        .filter(|request| request.matched().is_some())
        .count();
    if matched == 0 {
        return None;
    }
    let mut tail = Tail {
        above: sides.above.to_owned(),
        requests: sides.tail.len() as u64,
        ..Tail::default()
    };
    if sides.too_small() {
        tail.missing = Some(missing(sides, matched));
        return Some(tail);
    }
    let side = |requests: &Vec<_>| Side {
        requests: requests.clone(),
        window,
    };
    let found = contrasts::difference(
        &side(&sides.tail),
        &side(&sides.body),
        Seconds::Same,
        parts,
        &[names, &["tail"]].concat(),
    );
    match in_a_sentence(sides, &found) {
        Ok(sentence) => tail.sentence = Some(sentence),
        Err(missing) => tail.missing = Some(missing),
    }
    tail.difference_us = found.us;
    tail.difference_low_us = found.ends_us.map(|(low, _)| low);
    tail.difference_high_us = found.ends_us.map(|(_, high)| high);
    tail.parts = found.parts;
    tail.why_not = found.why_not;
    Some(tail)
}

/// The top part in words, or why there is none.
fn in_a_sentence(sides: &Sides<'_>, found: &MeanDifference) -> Result<String, String> {
    let Sides { above, tail, .. } = sides;
    if found.us <= 0.0 || found.certainty() == Certainty::MayBeNone {
        return Err(format!(
            "requests above {above} are not slower than the median half: there is no tail to \
             explain"
        ));
    }
    let slower = format!(
        "requests above {above} are {} slower than the median half",
        in_words(found.us)
    );
    match found.in_words() {
        Some(share) => Ok(format!("{slower}; {share} ({} requests)", tail.len())),
        None => Err(format!(
            "{slower}, and no part's share of that is distinguishable from zero: measure longer"
        )),
    }
}

fn missing(sides: &Sides<'_>, matched: usize) -> String {
    let (count, side) = if sides.tail.len() <= sides.body.len() {
        (sides.tail.len(), format!("above {}", sides.above))
    } else {
        (sides.body.len(), "in the median half".to_owned())
    };
    let factor = (LEAST_MATCHED as f64 / count.max(1) as f64).max(300.0 / matched as f64);
    let requests = if count == 1 {
        "request lies"
    } else {
        "requests lie"
    };
    format!(
        "{count} matched {requests} {side}, but the tail's latency breakdown needs \
         {LEAST_MATCHED}: trace or measure about {factor:.1} times as many"
    )
}
