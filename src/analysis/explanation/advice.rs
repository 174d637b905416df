//! What those who run Milvus can do about it, in Milvus' terms: a table of rules over what was
//! found for a workload.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    analysis::{
        model::{Advice, WorkloadAnalysis},
        traces::areas::Area,
    },
    record::{RunInfo, is_brute_force},
};

/// A workload, and what the plan says of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case<'a> {
    pub(crate) workload: &'a WorkloadAnalysis,
    /// Consistency level that its reads ask for; None where it is not known.
    pub(crate) consistency: Option<&'a str>,
    /// Type of the index of its collection's vectors; None where it is not known.
    pub(crate) index_type: Option<&'a str>,
    /// Whether all that has no index are segments too small for one.
    pub(crate) too_small: bool,
}

/// One rule: what it is called, and the share that it found, with the sentence, where it applies.
struct Rule {
    code: &'static str,
    find: fn(Case<'_>) -> Option<(f64, String)>,
}

const fn rule(code: &'static str, find: fn(Case<'_>) -> Option<(f64, String)>) -> Rule {
    Rule { code, find }
}

/// Every rule, in the order of a request's way.
static RULES: &[Rule] = &[
    rule("gap", gap),
    rule("proxy_queue", proxy_queue),
    rule("timestamp", timestamp),
    rule("consistency_wait", consistency_wait),
    rule("node_queue", node_queue),
    rule("brute_force", brute_force),
    rule("many_segments", many_segments),
    rule("merged", merged),
    rule("reduce", reduce),
    rule("one_node", one_node),
    rule("retries", retries),
    rule("metadata", metadata),
    rule("log_append", log_append),
];

/// Share of the mean above which an area that need not be large is told.
const LARGE: f64 = 0.25;
/// The same for an area that may well be most of a request.
const MOST: f64 = 0.5;
/// Share of the engine's time above which brute force is told, and of the node calls above which
/// merging is.
const OFTEN: f64 = 0.2;
/// Engine calls of a search above which its segments are called many.
const MANY_SEGMENTS: f64 = 16.0;
/// Share of the mean above which pauses between repeated calls are told.
const RETRIES: f64 = 0.01;
/// By how much an instance's share of the tail exceeds its share of the faster half.
const TAIL_TO_BODY: f64 = 1.5;

/// What applies to a workload, the largest share first.
pub(crate) fn advice(case: Case<'_>) -> Vec<Advice> {
    let found = RULES.iter().filter_map(|rule| {
        let (share, sentence) = (rule.find)(case)?;
        Some(Advice {
            code: rule.code.to_owned(),
            share,
            sentence,
        })
    });
    let mut found: Vec<Advice> = found.collect();
    found.sort_by(|a, b| b.share.total_cmp(&a.share).then(a.code.cmp(&b.code)));
    found
}

/// Suggestions that take the cores of Milvus as too few.
const OF_CORES: [&str; 3] = ["proxy_queue", "node_queue", "merged"];

/// What applies where other programs took the cores that Milvus ran on: that Milvus has too few is
/// not known, so suggestions about them come last and say who took them.
pub(crate) fn beside_other_programs(advice: &mut [Advice]) {
    let is_of_cores = |advice: &Advice| OF_CORES.contains(&advice.code.as_str());
    for advice in advice.iter_mut().filter(|advice| is_of_cores(advice)) {
        let found = advice.sentence.split_once(": ").map(|(found, _)| found);
        advice.sentence = format!(
            "{}: other programs took the cores of this machine; measure where nothing else runs \
             before adding cores to Milvus",
            found.unwrap_or(&advice.sentence)
        );
    }
    advice.sort_by_key(is_of_cores);
}

/// The consistency level of `workload` in the plan of run.json: its own, else its collection's.
pub(crate) fn consistency<'a>(plan: &'a Value, workload: &str) -> Option<&'a str> {
    let text = |value: &'a Value| {
        value
            .as_str()
            .filter(|level| ["Strong", "Session", "Bounded", "Eventually"].contains(level))
    };
    let workload = plan.get("workloads")?.get(workload)?;
    let own = workload.get("consistency").and_then(text);
    own.or_else(|| {
        text(
            plan.get("collections")?
                .get(workload.get("collection")?.as_str()?)?
                .get("consistency")?,
        )
    })
}

/// The type of the index that `workload` searches: as Milvus said it before its phase, else as the
/// scenario asks for it.
pub(crate) fn index_type<'a>(
    info: &'a RunInfo,
    workload: &str,
    collection: &str,
) -> Option<&'a str> {
    let told = info
        .collections
        .iter()
        .filter(|state| state.name == collection)
        .find_map(|state| state.index_type.as_deref());
    told.or_else(|| {
        let key = info
            .plan
            .get("workloads")?
            .get(workload)?
            .get("collection")?
            .as_str()?;
        info.plan
            .get("collections")?
            .get(key)?
            .pointer("/index/type")?
            .as_str()
    })
}

/// Whether a collection held neither growing rows nor unindexed ones whenever it was looked at:
/// what is searched without an index then is in segments over which Milvus builds none.
pub(crate) fn too_small(info: &RunInfo, collection: &str) -> bool {
    let mut states = info
        .collections
        .iter()
        .filter(|state| state.name == collection)
        .peekable();
    states.peek().is_some()
        && states.all(|state| (state.growing_rows, state.unindexed_rows) == (Some(0), Some(0)))
}

/// Share of an area in the mean of all matched requests.
fn area(case: Case<'_>, area: Area) -> Option<f64> {
    let all = case
        .workload
        .account
        .first()
        .filter(|band| band.band == "all" && band.mean_us > 0.0)?;
    let sum: f64 = all
        .parts
        .iter()
        .filter(|part| part.area == area.name())
        .map(|part| part.mean_us)
        .sum();
    Some(sum / all.mean_us)
}

/// The share of an area where it is more than `limit`, and the sentence that begins with it.
fn large(case: Case<'_>, of: Area, limit: f64, rest: &str) -> Option<(f64, String)> {
    let share = area(case, of).filter(|share| *share > limit)?;
    Some((
        share,
        format!("{} is {} of the time: {rest}", of.name(), percent(share)),
    ))
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

fn gap(case: Case<'_>) -> Option<(f64, String)> {
    let rest = "it is spent outside Milvus' own spans, on the network, in gRPC and in the client; \
                check the client's part of the gap, and measure from a machine closer to Milvus";
    large(case, Area::Gap, MOST, rest)
}

fn proxy_queue(case: Case<'_>) -> Option<(f64, String)> {
    let rest = "requests queue in the proxy; send fewer concurrent requests, or give Milvus more \
                proxies or proxy cores";
    large(case, Area::ProxyQueue, LARGE, rest)
}

fn timestamp(case: Case<'_>) -> Option<(f64, String)> {
    let rest = "requests ask the root coordinator for a timestamp or ids; Milvus 2.3 does so for \
                every request, 2.4 and later for reads with Strong consistency only";
    large(case, Area::Timestamp, LARGE, rest)
}

fn consistency_wait(case: Case<'_>) -> Option<(f64, String)> {
    let rest = match case.consistency {
        Some("Strong") => {
            "the workload asks for Strong, so each request waits until the shard has consumed \
             every earlier write; Bounded and Session do not wait for the newest time tick"
        }
        Some("Bounded") => {
            "the shard has not consumed writes that are older than the graceful time \
             (common.gracefulTime), so consumption lags behind: check the load of query nodes and \
             message queue"
        }
        Some("Session") => {
            "requests wait until the shard has consumed this client's own writes; fewer or larger \
             writes, or Bounded, would help"
        }
        _ => {
            "requests wait until the shard has consumed the writes that they must see; a weaker \
             consistency level shortens the wait"
        }
    };
    large(case, Area::ConsistencyWait, LARGE, rest)
}

fn node_queue(case: Case<'_>) -> Option<(f64, String)> {
    let rest = "the query node's cores are busy; send fewer concurrent requests, or add query \
                nodes or cores";
    large(case, Area::NodeQueue, LARGE, rest)
}

/// Brute force that was asked for is no finding.
fn brute_force(case: Case<'_>) -> Option<(f64, String)> {
    if case.index_type.is_some_and(is_brute_force) {
        return None;
    }
    let facts = case
        .workload
        .traces
        .as_ref()
        .filter(|facts| facts.engine_us > 0.0)?;
    let share = facts.brute_force_us / facts.engine_us;
    let (what, todo) = if case.too_small {
        (
            "segments too small for an index",
            "Milvus builds no index below 1,024 rows, so use more rows, or wait for compaction",
        )
    } else {
        ("growing or unindexed segments", "flush, wait for the index")
    };
    let sentence = format!(
        "{} of the engine's time is brute force over {what}: {todo}",
        percent(share)
    );
    (share > OFTEN).then_some((share, sentence))
}

fn many_segments(case: Case<'_>) -> Option<(f64, String)> {
    let facts = case.workload.traces.as_ref()?;
    let matched = case.workload.join.filter(|join| join.matched > 0)?.matched;
    let segments = facts.engine_searches as f64 / matched as f64;
    let sentence = format!(
        "a search visits {segments:.0} segments, each a separate call of the engine: wait for \
         compaction, or use larger segments"
    );
    (segments > MANY_SEGMENTS).then(|| (area(case, Area::Engine).unwrap_or(0.0), sentence))
}

fn merged(case: Case<'_>) -> Option<(f64, String)> {
    let facts = case
        .workload
        .traces
        .as_ref()
        .filter(|facts| facts.node_calls > 0)?;
    let share = facts.merged_node_calls as f64 / facts.node_calls as f64;
    let sentence = format!(
        "{} of the searches were merged on the query node with another queued search: the node is \
         near its limit, and their queue and engine times cannot be separated",
        percent(share)
    );
    (share > OFTEN).then_some((share, sentence))
}

fn reduce(case: Case<'_>) -> Option<(f64, String)> {
    let rest = "results of segments and nodes are merged; fewer segments, a smaller limit or \
                fewer output fields make it cheaper";
    large(case, Area::Reduce, LARGE, rest)
}

/// `72 % of the tail's engine time is on querynode 17, which has 13 % of the faster half's`.
fn one_node(case: Case<'_>) -> Option<(f64, String)> {
    let shares = &case.workload.instances;
    let mut sums: BTreeMap<(&str, &str), (f64, f64)> = BTreeMap::new();
    for row in shares {
        let (tail, body) = sums.entry((&row.area, &row.service)).or_default();
        (*tail, *body) = (
            *tail + row.tail_mean_us.unwrap_or(0.0),
            *body + row.body_mean_us.unwrap_or(0.0),
        );
    }
    let found = shares.iter().filter_map(|row| {
        let (tail, body) = sums.get(&(row.area.as_str(), row.service.as_str()))?;
        let of = |time: Option<f64>, sum: f64| (sum > 0.0).then(|| time.unwrap_or(0.0) / sum);
        let (tail, body) = (of(row.tail_mean_us, *tail)?, of(row.body_mean_us, *body)?);
        // How much slower it makes the tail decides whether it is worth a sentence.
        let grown = row.tail_mean_us? - row.body_mean_us?;
        let whole = case
            .workload
            .tail
            .as_ref()
            .map_or(0.0, |tail| tail.difference_us);
        (tail > MOST && tail > TAIL_TO_BODY * body && grown > OFTEN * whole)
            .then_some((grown, tail, body, row))
    });
    let (_, tail, body, row) = found.max_by(|a, b| a.0.total_cmp(&b.0))?;
    let sentence = format!(
        "{} of the tail's {} time is on {} {}, which has {} of the faster half's: check that \
         node, its load, its memory and its number of segments",
        percent(tail),
        row.area,
        row.service,
        row.instance,
        percent(body)
    );
    Some((tail, sentence))
}

fn retries(case: Case<'_>) -> Option<(f64, String)> {
    let rest = "calls between Milvus components were retried after a pause; look for failures in \
                the logs of proxy and query nodes";
    large(case, Area::Retries, RETRIES, rest)
}

fn metadata(case: Case<'_>) -> Option<(f64, String)> {
    let rest = "requests ask the coordinators, as after a change of schema, load or balance; \
                check coordinators and etcd";
    large(case, Area::Metadata, LARGE, rest)
}

fn log_append(case: Case<'_>) -> Option<(f64, String)> {
    let rest = "writes wait for the message queue: check its disk and network, and insert more \
                rows per request";
    large(case, Area::LogAppend, MOST, rest)
}

#[cfg(test)]
mod tests;
