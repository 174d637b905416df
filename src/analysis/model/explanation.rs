//! What a report says of where the time went: bands, instances, tail, contrasts, suggestions,
//! single requests.

use serde::{Deserialize, Serialize};

use crate::analysis::statistics::interval::NoInterval;

/// One band of the latency breakdown.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Band {
    /// `all`, then `0-50`, `50-90`, `90-99`, `99-99.9`, `99.9-100`, or a merged one, e.g. `99-100`.
    pub band: String,
    /// Lowest latency of the band.
    pub from_us: f64,
    /// Highest latency of the band.
    pub to_us: f64,
    /// Successful requests in it.
    pub all: u64,
    /// Sampled successes in it.
    pub sampled: u64,
    /// Matched successes in it: those that the parts are means of.
    pub matched: u64,
    /// Mean latency of the matched; the parts' means add up to it.
    pub mean_us: f64,
    /// Mean latency of all successes in it.
    pub mean_of_all_us: f64,
    /// The latency breakdown, sorted by area (in the order of
    /// [`crate::analysis::traces::areas::Area`]), then by mean, falling.
    pub parts: Vec<PartMean>,
}

/// Mean of one part over the matched requests of a band.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PartMean {
    /// Area, e.g. `engine`.
    pub area: String,
    /// Service of the span; left out for parts of the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Normalised span name with ` (client)` or ` (merged)`, or `send lag`, `queue`, `gap`.
    pub part: String,
    /// Mean self time on the critical path.
    pub mean_us: f64,
}

impl PartMean {
    /// Area and span, see [`part_title`].
    #[must_use]
    pub fn title(&self) -> String {
        part_title(&self.area, self.service.as_deref(), &self.part)
    }
}

/// `consistency wait · querynode Delegator-waitTSafe`: a span with its area, without which its name
/// says little. Parts of the client, whose names are those of their areas, are named once; the
/// service of a Milvus that is one process is left out, and the package of a gRPC method.
#[must_use]
pub fn part_title(area: &str, service: Option<&str>, part: &str) -> String {
    if area == part {
        return area.to_owned();
    }
    let package = part
        .split_once('/')
        .filter(|(service, _)| !service.contains(' '))
        .and_then(|(service, _)| service.rfind('.'));
    let part = package.map_or(part, |dot| &part[dot + 1..]);
    match service.filter(|service| !service.is_empty() && *service != "standalone") {
        Some(service) => format!("{area} · {service} {part}"),
        None => format!("{area} · {part}"),
    }
}

/// Critical-path time of one area on one instance.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct InstanceShare {
    /// Area.
    pub area: String,
    /// Service.
    pub service: String,
    /// `k8s.pod.name`, else `host.name`, else NodeID; empty where none is known.
    pub instance: String,
    /// Mean over all matched requests.
    pub mean_us: f64,
    /// Mean over the tail; None where the tail is too small.
    pub tail_mean_us: Option<f64>,
    /// Mean over the band 0-50.
    pub body_mean_us: Option<f64>,
}

/// Calls to one query node, as their callers saw them, without the time in which it waited for
/// other nodes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NodeCalls {
    /// Service of the called instance.
    pub service: String,
    /// As in [`InstanceShare::instance`].
    pub instance: String,
    /// Number of calls of matched successes.
    pub calls: u64,
    /// Mean duration.
    pub mean_us: f64,
    /// Longest duration.
    pub max_us: f64,
}

/// What sets the tail apart from the median half.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tail {
    /// `p99`, `p95` or `p90`: the tail is everything above it.
    pub above: String,
    /// Matched requests in the tail.
    pub requests: u64,
    /// Mean of the tail minus mean of 0-50.
    pub difference_us: f64,
    /// Lower end of its 95 % interval; null where there is none.
    #[serde(default)]
    pub difference_low_us: Option<f64>,
    /// Upper end.
    #[serde(default)]
    pub difference_high_us: Option<f64>,
    /// Why there are no intervals, and how long a run would give them; left out where there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_not: Option<NoInterval>,
    /// One row per part, sorted by share, falling.
    pub parts: Vec<TailPart>,
    /// The top part in words; None where it can't be said, then `missing` says why.
    pub sentence: Option<String>,
    /// What is missing for a sentence, and how much.
    pub missing: Option<String>,
}

/// One thing that those who run Milvus can do something about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Advice {
    /// Stable code: `consistency_wait`, `brute_force`, ...
    pub code: String,
    /// How much of the latency, or of the searches, it is about, in [0, 1].
    pub share: f64,
    /// What was found, and what to try.
    pub sentence: String,
}

/// Traced against not traced successes of the same seconds: which request is traced is chance, so
/// the difference is what being traced adds to the request itself. What it adds to its neighbours
/// is not in it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TracingCost {
    /// Traced successes.
    pub traced: u64,
    /// Successes that were not traced.
    pub not_traced: u64,
    /// Mean latency of the traced minus that of the others.
    pub mean_difference_us: f64,
    /// Lower end of its 95 % interval; null where there is none.
    pub low_us: Option<f64>,
    /// Upper end.
    pub high_us: Option<f64>,
    /// Median of the traced minus that of the others, exact to a thousandth of the latency.
    pub median_difference_us: f64,
    /// What tracing costs altogether; None without `[tracing] switch_every`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<TotalTracingCost>,
}

/// Blocks of time with tracing against their neighbours without it, all requests of each.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TotalTracingCost {
    /// Pairs of neighbouring blocks.
    pub pairs: u64,
    /// Mean latency with tracing minus that without, averaged over the pairs.
    pub mean_difference_us: f64,
    /// Lower end of its 95 % interval; null with fewer than four pairs.
    pub low_us: Option<f64>,
    /// Upper end.
    pub high_us: Option<f64>,
}

/// What sets one group of requests apart from another, without the tail, which has an entry of its
/// own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Contrast {
    /// `phase`: this phase against the first with the same workload. `stage`: this stage against
    /// the one before. `workload`: this workload against the first with the same operation on the
    /// same collection, in another phase. `slow_seconds`: the slowest tenth of the seconds against
    /// the others. `first_requests`: those of the first twentieth of the time against the rest. The
    /// last two are there only where they are half as slow again.
    pub kind: String,
    /// What the group is compared with: the name of a phase, stage or workload, or words.
    pub with: String,
    /// Matched requests of the group.
    pub requests: u64,
    /// Matched requests that it is compared with.
    pub with_requests: u64,
    /// Mean of the group minus mean of the others.
    pub difference_us: f64,
    /// Lower end of its 95 % interval; null where there is none, which is always so for groups that
    /// were chosen by their latency.
    pub difference_low_us: Option<f64>,
    /// Upper end.
    pub difference_high_us: Option<f64>,
    /// The largest parts of the difference, up or down; at most 12.
    pub parts: Vec<TailPart>,
    /// The top part in words; None where it can't be told from none.
    pub sentence: Option<String>,
    /// Why there are no intervals of a `phase`, `stage` or `workload`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_not: Option<NoInterval>,
}

impl Contrast {
    /// Kind of a phase against the first with the same workload.
    pub const PHASE: &'static str = "phase";
    /// Kind of a stage against the one before.
    pub const STAGE: &'static str = "stage";
    /// Kind of a workload against the first with the same operation on the same collection.
    pub const WORKLOAD: &'static str = "workload";

    /// Whether it compares one place with another: phases, stages, workloads.
    #[must_use]
    pub fn is_of_place(&self) -> bool {
        [Self::PHASE, Self::STAGE, Self::WORKLOAD].contains(&self.kind.as_str())
    }

    /// What is known of the difference.
    #[must_use]
    pub fn certainty(&self) -> Certainty {
        let ends = self.difference_low_us.zip(self.difference_high_us);
        Certainty::of(self.difference_us, ends)
    }
}

/// Whether a difference can be told from none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// Its interval is on one side of zero.
    Shown,
    /// Its interval holds zero, or there is no difference.
    MayBeNone,
    /// It has no interval: whether another run would show it is not known.
    NotKnown,
}

impl Certainty {
    /// That of `difference` with the ends of its 95 % interval, where there is one.
    #[must_use]
    pub fn of(difference: f64, ends: Option<(f64, f64)>) -> Self {
        match ends {
            _ if difference == 0.0 => Self::MayBeNone,
            None => Self::NotKnown,
            Some((low, high)) if low > 0.0 || high < 0.0 => Self::Shown,
            Some(_) => Self::MayBeNone,
        }
    }
}

/// Share of a difference below which a part of it is not named.
const WORTH_NAMING: f64 = 0.05;
/// Share of a single part that is shown as more than 100 %.
const MORE_THAN_ALL: f64 = 1.005;

/// Whether the parts of a difference that went its way are more than all of it, since others went
/// the other way: then shares say little, and the time of each part is told.
#[must_use]
pub fn parts_cancel_out(parts: &[TailPart]) -> bool {
    let shares = || parts.iter().map(|part| part.share);
    let named: f64 = shares().filter(|share| *share >= WORTH_NAMING).sum();
    named > 1.0 + WORTH_NAMING || shares().any(|share| share >= MORE_THAN_ALL)
}

/// One part of a difference between two groups of requests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TailPart {
    /// Area.
    pub area: String,
    /// Service; left out for parts of the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Part.
    pub part: String,
    /// Mean in the tail (the group) minus mean in 0-50 (in what it is compared with).
    pub difference_us: f64,
    /// Its share of the whole difference.
    pub share: f64,
    /// Lower end of the share's 95 % interval; null where there is none.
    #[serde(default)]
    pub share_low: Option<f64>,
    /// Upper end.
    #[serde(default)]
    pub share_high: Option<f64>,
}

impl TailPart {
    /// Whether it is worth naming: not small, and its interval, where there is one, on one side of
    /// zero. Parts that went the other way are where parts cancel out.
    #[must_use]
    pub fn is_named(&self, cancel: bool) -> bool {
        let share = if cancel { self.share.abs() } else { self.share };
        let ends = self.share_low.zip(self.share_high);
        share >= WORTH_NAMING && Certainty::of(self.share, ends) != Certainty::MayBeNone
    }

    /// Area and span, see [`part_title`].
    #[must_use]
    pub fn title(&self) -> String {
        part_title(&self.area, self.service.as_deref(), &self.part)
    }
}

/// One request worth looking at.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Exemplar {
    /// `slowest`, `p50`, `p90`, `p99`, `p99.9`.
    pub label: String,
    /// 32 hex digits.
    pub trace_id: String,
    /// Number within the workload.
    pub seq: u64,
    /// Response time (open loop) or service time.
    pub latency_us: f64,
    /// Area of the largest part; empty in reports of older versions.
    #[serde(default)]
    pub largest_area: String,
    /// The largest part: service and span.
    pub largest_part: String,
    /// Its time.
    pub largest_part_us: f64,
    /// Link to Jaeger's UI, only where a real UI was found.
    pub link: Option<String>,
    /// The request itself; None in preparation.
    #[serde(default)]
    pub waterfall: Option<Waterfall>,
}

/// One request as a waterfall: `trace RUN ID`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Waterfall {
    /// 32 hex digits.
    pub trace_id: String,
    /// `phase/part/workload`.
    pub at: String,
    /// Number within the workload.
    pub seq: u64,
    /// Operation.
    pub operation: String,
    /// Outcome code.
    pub outcome: String,
    /// Join state, e.g. `matched`.
    pub state: String,
    /// Response time, null in a closed loop.
    pub response_time_us: Option<f64>,
    /// Service time.
    pub service_time_us: f64,
    /// Send lag, null in a closed loop.
    pub send_lag_us: Option<f64>,
    /// Service time - server root; null without a root.
    pub gap_us: Option<f64>,
    /// Spans in the order of drawing, children below their parents. Times are relative to `sent`;
    /// the server's wall clock is laid so that the gap before the root and after it are as
    /// recorded.
    pub rows: Vec<WaterfallRow>,
    /// Rows that are not in `rows`: an exemplar has at most 120, those with the most time on the
    /// critical path.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rows_left_out: u64,
    /// The latency breakdown of this one request; adds up to the latency.
    pub parts: Vec<PartMean>,
    /// Link to Jaeger's UI, only where a real UI was found.
    pub link: Option<String>,
}

fn is_zero(value: &u64) -> bool {
    *value == 0
}

/// One span of a waterfall.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WaterfallRow {
    /// Depth below the client span, which is 0.
    pub depth: u32,
    /// Label of the part.
    pub label: String,
    /// Service.
    pub service: String,
    /// Instance, empty where none is known.
    pub instance: String,
    /// Area of the largest share of its self time; `not counted`, `asynchronous` or `detached` for
    /// spans aside.
    pub area: String,
    /// Start, relative to the client span's start.
    pub start_us: f64,
    /// Duration as recorded.
    pub duration_us: f64,
    /// Its time on the critical path: self time of the span.
    pub self_us: f64,
    /// Stretches of its self time on the critical path: (start, end), relative as above.
    pub critical: Vec<(f64, f64)>,
}

/// Folded critical paths of two sides. All frames' own times add up to the mean latency of each
/// side.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stacks {
    /// `p99`, `p95` or `p90`: the tail is everything above it.
    pub above: String,
    /// Matched requests in the tail.
    pub tail_requests: u64,
    /// Matched requests of the faster half.
    pub body_requests: u64,
    /// Parents before their children; at most 300. Beyond that the smallest count as own time of
    /// their parents.
    pub frames: Vec<StackFrame>,
}

/// One chain of spans, named by its last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StackFrame {
    /// Index of the frame above; left out for `send lag`, `gap` and the server root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<u32>,
    /// Normalised span name with ` (client)`, or `send lag`, `gap`.
    pub label: String,
    /// Service; left out for parts of the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Area of the largest share of its own time.
    pub area: String,
    /// Mean own time on the critical path of a request in the tail, without its children's.
    pub tail_us: f64,
    /// The same of a request in the faster half.
    pub body_us: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(area: &str, service: Option<&str>, part: &str, expected: &str) {
        assert_eq!(part_title(area, service, part), expected);
    }

    #[test]
    fn a_span_is_named_with_its_area() {
        check(
            "timestamp",
            Some("standalone"),
            "milvus.proto.rootcoord.RootCoord/AllocTimestamp (client)",
            "timestamp · RootCoord/AllocTimestamp (client)",
        );
        check(
            "engine",
            Some("querynode"),
            "SegCoreSearch",
            "engine · querynode SegCoreSearch",
        );
        check(
            "engine",
            Some(""),
            "ReduceHelper.x",
            "engine · ReduceHelper.x",
        );
        check("gap", None, "gap", "gap");
        check("other", None, "a b.c/d", "other · a b.c/d");
    }
}
