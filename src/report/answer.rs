//! What a run answers, in words for every report: where a workload ran in several phases or stages,
//! or several workloads of one operation ran one after the other, what changed between them and
//! why; else where the time of each goes, and what sets its tail apart.
//!
//! Nothing is computed here but ratios of what is shown: figures, intervals and sentences are those
//! of the analysis.

use super::{
    areas::band_name,
    units::{counted, duration, number, ratio, share},
};
use crate::analysis::{
    Analysis, Band, Contrast, Estimate, Quantiles, SpanSummary, TailPart, WorkloadAnalysis,
};

/// From how many times the p99 of the stage before on a curve is said to bend.
const BEND: f64 = 2.0;
/// Most places whose p99 is named.
const MOST_PLACES: usize = 8;
/// Most parts that a difference, and areas that a band, is said to consist of.
const MOST_PARTS: usize = 3;
/// Share below which a part of a difference is not named.
const WORTH_NAMING: f64 = 0.05;

/// What tells the places of an answer apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AnswerKind {
    /// One workload in several phases.
    Phases,
    /// One workload in the stages of a phase.
    Stages,
    /// Workloads of one operation on one collection, one after the other: a sweep.
    Workloads,
    /// A workload that is compared with nothing.
    Single,
}

/// The answer of one workload, or of several that are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// What its places differ in.
    pub(super) kind: AnswerKind,
    /// Name of the workload, of a sweep that of the operation.
    pub(super) subject: String,
    /// Indices in [`Analysis::workloads`], in their order.
    pub(super) places: Vec<usize>,
    /// The one of them that `why` and `suggestion` are about.
    pub(super) explained: usize,
    /// `p99 3.95 ms [3.78, 4.22] alone -> at least 48.3 ms under-ingest (at least 12.2x)`.
    pub(super) what: String,
    /// Sentences; names of spans stand in backticks, each with its area.
    pub(super) why: Vec<String>,
    /// What to do about it, where a rule knows something.
    pub(super) suggestion: Option<String>,
}

/// What the run answers: comparisons, the largest change of p99 first; where there are none, every
/// workload by itself. Empty where nothing was measured.
pub(super) fn answers(analysis: &Analysis) -> Vec<Answer> {
    let groups = groups(analysis);
    let compared: Vec<&Group> = groups
        .iter()
        .filter(|group| group.kind != AnswerKind::Single)
        .collect();
    if compared.is_empty() {
        let single = groups.iter().map(|group| single(analysis, group));
        return single.collect();
    }
    let mut answers: Vec<(f64, Answer)> = compared
        .into_iter()
        .map(|group| compare(analysis, group))
        .collect();
    answers.sort_by(|a, b| b.0.total_cmp(&a.0));
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// Why nothing is known of where the time went.
pub(super) fn unknown(analysis: &Analysis) -> String {
    let measured = || {
        analysis
            .workloads
            .iter()
            .filter(|row| !row.is_preparation())
    };
    let joins = || measured().filter_map(|workload| workload.join);
    let sampled = joins().fold(0_u64, |sum, join| sum.saturating_add(join.sampled));
    let succeeded = measured().any(|workload| workload.requests.ok > 0);
    match &analysis.spans {
        Some(_) if joins().any(|join| join.matched > 0) && !succeeded => {
            "unknown: no request succeeded; the latency breakdown holds successes".to_owned()
        }
        Some(_) if joins().any(|join| join.matched > 0) => {
            "unknown: no success was matched; the latency breakdown holds successes".to_owned()
        }
        Some(_) if sampled == 0 => {
            "unknown: no request was sampled ([tracing] sample_ratio); all figures are client-side"
                .to_owned()
        }
        Some(spans) if spans.has_source() => format!(
            "unknown: none of {} was matched with the server's spans; `milvus-bench doctor` tests \
             every link",
            counted(sampled, "sampled request")
        ),
        spans => {
            let why = spans.as_ref().and_then(SpanSummary::why_none);
            let why = why.unwrap_or("no server spans were read");
            format!("unknown: {why}; all figures are client-side")
        }
    }
}

/// Workloads that one answer is about.
struct Group {
    kind: AnswerKind,
    /// Indices in [`Analysis::workloads`].
    places: Vec<usize>,
}

/// Every measured workload in one group, in the order of the first of each.
fn groups(analysis: &Analysis) -> Vec<Group> {
    let rows = &analysis.workloads;
    let mut groups: Vec<Group> = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        let taken = groups.iter().any(|group| group.places.contains(&index));
        if row.is_preparation() || taken {
            continue;
        }
        let alike = |same: &dyn Fn(&WorkloadAnalysis) -> bool| -> Vec<usize> {
            let later = rows.iter().enumerate().skip(index);
            let alike = later.filter(|(at, other)| *at == index || same(other));
            alike.map(|(at, _)| at).collect()
        };
        let stages = alike(&|other| {
            let same = (&other.phase, &other.workload) == (&row.phase, &row.workload);
            same && other.stage.is_some() && row.stage.is_some()
        });
        let phases = alike(&|other| other.is_alike(row) && row.stage.is_none());
        let found = [(AnswerKind::Stages, stages), (AnswerKind::Phases, phases)];
        let found = found.into_iter().find(|(_, places)| places.len() > 1);
        let (kind, places) = found.unwrap_or_else(|| {
            let places = sweep(rows, index);
            let several = places.len() > 1;
            let kind = if several {
                AnswerKind::Workloads
            } else {
                AnswerKind::Single
            };
            (kind, places)
        });
        groups.push(Group { kind, places });
    }
    groups
}

/// The workload at `first`, and those of the same operation on the same collection that ran in
/// phases of their own.
fn sweep(rows: &[WorkloadAnalysis], first: usize) -> Vec<usize> {
    let row = &rows[first];
    let mut found = vec![first];
    if row.collection.is_empty() || row.stage.is_some() {
        return found;
    }
    let of = |row: &WorkloadAnalysis| {
        let (operation, collection) = (row.operation.clone(), row.collection.clone());
        (operation, collection, row.loop_kind.clone())
    };
    for (at, other) in rows.iter().enumerate().skip(first + 1) {
        let alone = rows
            .iter()
            .filter(|any| any.workload == other.workload)
            .count()
            == 1;
        let apart = found.iter().all(|known| rows[*known].phase != other.phase);
        if of(other) == of(row) && alone && apart && !other.is_preparation() {
            found.push(at);
        }
    }
    found
}

impl Group {
    fn rows<'a>(&self, analysis: &'a Analysis) -> Vec<&'a WorkloadAnalysis> {
        self.places
            .iter()
            .map(|at| &analysis.workloads[*at])
            .collect()
    }

    /// What tells a place from the others.
    fn name<'a>(&self, row: &'a WorkloadAnalysis) -> &'a str {
        match self.kind {
            AnswerKind::Phases | AnswerKind::Single => &row.phase,
            AnswerKind::Stages => row.stage.as_deref().unwrap_or(&row.phase),
            AnswerKind::Workloads => &row.workload,
        }
    }

    /// Number of the place that another one is compared with.
    fn other(&self, place: usize) -> usize {
        match self.kind {
            AnswerKind::Stages => place - 1,
            _ => 0,
        }
    }

    fn contrast<'a>(&self, row: &'a WorkloadAnalysis) -> Option<&'a Contrast> {
        let kind = match self.kind {
            AnswerKind::Phases => Contrast::PHASE,
            AnswerKind::Stages => Contrast::STAGE,
            AnswerKind::Workloads => Contrast::WORKLOAD,
            AnswerKind::Single => return None,
        };
        row.contrasts.iter().find(|contrast| contrast.kind == kind)
    }

    fn subject(&self, rows: &[&WorkloadAnalysis]) -> String {
        match self.kind {
            AnswerKind::Phases => rows[0].workload.clone(),
            AnswerKind::Stages => format!("{}/{}", rows[0].phase, rows[0].workload),
            AnswerKind::Workloads => rows[0].operation.clone(),
            AnswerKind::Single => rows[0].place(),
        }
    }
}

/// How much a p99 changed, as its distance from no change, and the answer.
fn compare(analysis: &Analysis, group: &Group) -> (f64, Answer) {
    let rows = group.rows(analysis);
    let changes: Vec<Option<Change<'_>>> = (1..rows.len())
        .map(|place| Change::of(rows[group.other(place)], rows[place]))
        .collect();
    let size = |place: usize| changes[place - 1].as_ref().map_or(0.0, Change::size);
    let bend = (group.kind == AnswerKind::Stages)
        .then(|| {
            (1..rows.len()).find(|place| changes[place - 1].as_ref().is_some_and(Change::bends))
        })
        .flatten();
    // The change that is explained: the last of the largest, since what stands later is asked for.
    let told = bend.unwrap_or_else(|| {
        let places = 1..rows.len();
        places
            .max_by(|a, b| size(*a).total_cmp(&size(*b)))
            .unwrap_or(1)
    });
    let (row, other) = (rows[told], rows[group.other(told)]);
    let answer = Answer {
        kind: group.kind,
        subject: group.subject(&rows),
        places: group.places.clone(),
        explained: group.places[told],
        what: what(group, &rows, &changes, bend),
        why: why(analysis, group, row, other),
        suggestion: suggestion(row, Some(other)),
    };
    (size(told), answer)
}

/// Two p99, the earlier one first.
struct Change<'a> {
    from: &'a Estimate,
    to: &'a Estimate,
}

impl<'a> Change<'a> {
    /// None where either has no p99.
    fn of(from: &'a WorkloadAnalysis, to: &'a WorkloadAnalysis) -> Option<Self> {
        let (from, to) = (p99(from)?, p99(to)?);
        Some(Self { from, to })
    }

    /// How many times as long; None where the first is a lower bound or nothing.
    fn times(&self) -> Option<f64> {
        let times = self.to.value / self.from.value;
        (!self.from.at_least && times.is_finite() && times > 0.0).then_some(times)
    }

    fn size(&self) -> f64 {
        self.times().map_or(0.0, |times| times.ln().abs())
    }

    /// Whether both have intervals, and these have nothing in common.
    fn is_apart(&self) -> Option<bool> {
        let (from, to) = (ends(self.from)?, ends(self.to)?);
        Some(from.1 < to.0 || to.1 < from.0)
    }

    fn bends(&self) -> bool {
        self.times().is_some_and(|times| times >= BEND) && self.is_apart() != Some(false)
    }

    /// `12.2x`; that intervals overlap is said.
    fn in_words(&self) -> Option<String> {
        let bound = if self.to.at_least { "at least " } else { "" };
        let overlap = match self.is_apart() {
            Some(false) => ", their intervals overlap",
            _ => "",
        };
        Some(format!("{bound}{}x{overlap}", number(self.times()?)))
    }
}

fn latency(row: &WorkloadAnalysis) -> Option<&Quantiles> {
    if row.loop_kind == "closed" {
        row.service_time_us.as_ref()
    } else {
        row.response_time_us.as_ref()
    }
}

fn p99(row: &WorkloadAnalysis) -> Option<&Estimate> {
    latency(row)?.get("p99")
}

fn ends(estimate: &Estimate) -> Option<(f64, f64)> {
    estimate.low.zip(estimate.high)
}

/// `3.95 ms [3.78, 4.22]`: both ends in the unit of the figure.
fn with_ends(value_us: f64, ends: Option<(f64, f64)>) -> String {
    let text = duration(value_us);
    let scale = match text.rsplit_once(' ').map(|(_, unit)| unit) {
        Some("us") => 1.0,
        Some("ms") => 1e3,
        _ => 1e6,
    };
    let ends = ends.map_or(String::new(), |(low, high)| {
        format!(" [{}, {}]", number(low / scale), number(high / scale))
    });
    format!("{text}{ends}")
}

/// `at least 48.3 ms`, `3.95 ms [3.78, 4.22]`, `-`.
fn estimate(estimate: Option<&Estimate>) -> String {
    estimate.map_or("-".to_owned(), |found| {
        let bound = if found.at_least { "at least " } else { "" };
        format!("{bound}{}", with_ends(found.value, ends(found)))
    })
}

/// p99 of every place, how many times as long the later ones are, and where it bends.
fn what(
    group: &Group,
    rows: &[&WorkloadAnalysis],
    changes: &[Option<Change<'_>>],
    bend: Option<usize>,
) -> String {
    let place = |at: usize| {
        let row = rows[at];
        let rate = row.rate.target.unwrap_or(row.rate.achieved);
        let place = match group.kind {
            AnswerKind::Stages => format!("at {}/s in {}", number(rate), group.name(row)),
            _ => group.name(row).to_owned(),
        };
        let change = at
            .checked_sub(1)
            .and_then(|change| changes[change].as_ref());
        let change = change.and_then(Change::in_words);
        let change = change.map_or(String::new(), |words| format!(" ({words})"));
        format!("{} {place}{change}", estimate(p99(row)))
    };
    let named = |at: &usize| {
        let near = bend.is_some_and(|bend| *at == bend || *at + 1 == bend);
        rows.len() <= MOST_PLACES || *at == 0 || *at + 1 == rows.len() || near
    };
    let places: Vec<String> = (0..rows.len()).filter(named).map(place).collect();
    let more = rows.len() - places.len();
    let more = if more > 0 {
        format!(", {more} more")
    } else {
        String::new()
    };
    let joint = if rows.len() == 2 { " -> " } else { ", " };
    let bends = match (group.kind, bend) {
        (AnswerKind::Stages, Some(at)) => format!(
            "; it bends between {} and {}",
            group.name(rows[group.other(at)]),
            group.name(rows[at])
        ),
        (AnswerKind::Stages, None) if changes.iter().all(Option::is_some) => {
            "; no bend: no stage has twice the p99 of the previous one".to_owned()
        }
        _ => String::new(),
    };
    // A lower bound is no estimate.
    let p99s = rows.iter().filter_map(|row| p99(row));
    let sure: Vec<bool> = p99s
        .filter(|found| !found.at_least)
        .map(|found| ends(found).is_some())
        .collect();
    let unsure = match (sure.contains(&true), sure.contains(&false)) {
        (_, false) => "",
        (false, true) => "; without 95 % intervals",
        (true, true) => "; not every p99 has an interval",
    };
    let figure = if rows[0].loop_kind == "closed" {
        "service time p99"
    } else {
        "p99"
    };
    format!("{figure} {}{more}{bends}{unsure}", places.join(joint))
}

/// What `row` owes its difference from `other` to, and what sets its slowest requests apart.
fn why(
    analysis: &Analysis,
    group: &Group,
    row: &WorkloadAnalysis,
    other: &WorkloadAnalysis,
) -> Vec<String> {
    let tail = row.tail.as_ref().and_then(|tail| tail.sentence.as_ref());
    let tail = tail.map(|sentence| format!("{}: {sentence}", group.name(row)));
    if let Some(contrast) = group.contrast(row) {
        return [because(contrast, group.name(row))]
            .into_iter()
            .chain(tail)
            .collect();
    }
    let p99_of = |row: &WorkloadAnalysis, of: fn(&WorkloadAnalysis) -> Option<&Quantiles>| {
        of(row)
            .and_then(|quantiles| quantiles.get("p99"))
            .map(|found| duration(found.value))
    };
    let both = |noun: &str, of: fn(&WorkloadAnalysis) -> Option<&Quantiles>| {
        Some(format!(
            "{noun} p99 {} -> {}",
            p99_of(other, of)?,
            p99_of(row, of)?
        ))
    };
    let client: Vec<String> = [
        both("service time", |row| row.service_time_us.as_ref()),
        both("send lag", |row| row.send_lag_us.as_ref()),
    ]
    .into_iter()
    .flatten()
    .collect();
    let client = (!client.is_empty()).then(|| format!("the client saw {}", client.join(", ")));
    let has_both = !row.account.is_empty() && !other.account.is_empty();
    let cause = if has_both {
        "the cause is unknown: a comparison needs 30 matched requests on either side".to_owned()
    } else {
        format!("the cause is {}", unknown(analysis))
    };
    client.into_iter().chain([cause]).chain(tail).collect()
}

/// `on average under-ingest is 5.06 ms [4.31, 5.82] slower than alone: 71 % [64, 77] `gap`, ...`.
fn because(contrast: &Contrast, name: &str) -> String {
    let ends = contrast.difference_low_us.zip(contrast.difference_high_us);
    let with = &contrast.with;
    if !contrast.is_certain() {
        return format!(
            "the means of {name} and {with} are indistinguishable: they differ by {}",
            with_ends(contrast.difference_us, ends)
        );
    }
    let (word, sign) = if contrast.difference_us < 0.0 {
        ("faster", -1.0)
    } else {
        ("slower", 1.0)
    };
    let ends = ends.map(|(low, high)| {
        if sign < 0.0 {
            (-high, -low)
        } else {
            (low, high)
        }
    });
    let parts = parts_of(contrast);
    let parts = if parts.is_empty() {
        "no part's share of that is distinguishable from zero".to_owned()
    } else {
        parts.join(", ")
    };
    format!(
        "on average {name} is {} {word} than {with}: {parts}",
        with_ends(sign * contrast.difference_us, ends)
    )
}

/// The largest parts of a difference: their shares, or their times where some are larger than the
/// whole, since others went the other way.
fn parts_of(contrast: &Contrast) -> Vec<String> {
    let cancel = contrast.parts.iter().any(|part| part.share.abs() > 1.0);
    let size = |part: &TailPart| if cancel { part.share.abs() } else { part.share };
    let mut parts: Vec<&TailPart> = contrast
        .parts
        .iter()
        .filter(|part| size(part) >= WORTH_NAMING)
        .filter(|part| cancel || part.share_low.is_none_or(|low| low > 0.0))
        .collect();
    parts.sort_by(|a, b| size(b).total_cmp(&size(a)));
    let time_of = |part: &TailPart| {
        let us = part.difference_us;
        let sign = if us < 0.0 { '-' } else { '+' };
        format!("{sign}{} `{}`", duration(us.abs()), part.title())
    };
    let named = parts.into_iter().take(MOST_PARTS);
    named
        .map(|part| {
            if cancel {
                time_of(part)
            } else {
                share_of(part)
            }
        })
        .collect()
}

/// `71 % [64, 77] `consistency wait · Delegator-waitTSafe``.
fn share_of(part: &TailPart) -> String {
    let ends = part.share_low.zip(part.share_high);
    let ends = ends.map_or(String::new(), |(low, high)| {
        format!(" [{:.0}, {:.0}]", low * 100.0, high * 100.0)
    });
    format!("{:.0} %{ends} `{}`", part.share * 100.0, part.title())
}

/// The first suggestion for `row` that does not hold for `other` as well; else the first.
fn suggestion(row: &WorkloadAnalysis, other: Option<&WorkloadAnalysis>) -> Option<String> {
    let known = |code: &str| {
        other.is_some_and(|other| other.advice.iter().any(|advice| advice.code == code))
    };
    let new = row.advice.iter().find(|advice| !known(&advice.code));
    new.or(row.advice.first())
        .map(|advice| advice.sentence.clone())
}

/// A workload by itself.
fn single(analysis: &Analysis, group: &Group) -> Answer {
    let rows = group.rows(analysis);
    let row = rows[0];
    let figures = |key: &str| {
        let found = latency(row)?.get(key)?;
        Some(format!("{key} {}", estimate(Some(found))))
    };
    let figures: Vec<String> = ["p50", "p99"].into_iter().filter_map(figures).collect();
    let noun = if row.loop_kind == "closed" {
        "service time "
    } else {
        ""
    };
    let what = match row.without_figures() {
        Some(why) => why.to_owned(),
        None if figures.is_empty() => "no request succeeded".to_owned(),
        None => format!("{noun}{}", figures.join(", ")),
    };
    let tail = row.tail.as_ref();
    let tail = tail.and_then(|tail| tail.sentence.clone().or_else(|| tail.missing.clone()));
    let areas = match (row.cut_bands().next(), row.cut_bands().last()) {
        (Some(low), Some(high)) if low.band != high.band => {
            format!("where the time goes: {}; {}", areas_of(low), areas_of(high))
        }
        (Some(only), _) => format!("where the time goes: {}", areas_of(only)),
        _ => format!("where the time goes is {}", unknown(analysis)),
    };
    Answer {
        kind: group.kind,
        subject: group.subject(&rows),
        places: group.places.clone(),
        explained: group.places[0],
        what,
        why: match row.without_figures() {
            Some(_) => Vec::new(),
            None => [areas].into_iter().chain(tail).collect(),
        },
        suggestion: suggestion(row, None),
    }
}

/// `min-p50 engine 41 %, gap 29 %, proxy queue 11 %`: the largest areas of a band.
fn areas_of(band: &Band) -> String {
    let mut areas: Vec<(&str, f64)> = Vec::new();
    for part in &band.parts {
        match areas.iter_mut().find(|(area, _)| *area == part.area) {
            Some((_, sum)) => *sum += part.mean_us,
            None => areas.push((&part.area, part.mean_us)),
        }
    }
    areas.sort_by(|a, b| b.1.total_cmp(&a.1));
    let shares: Vec<String> = areas
        .iter()
        .take(MOST_PARTS)
        .map(|(area, mean_us)| format!("{area} {}", share(ratio(*mean_us, band.mean_us))))
        .collect();
    format!("{} {}", band_name(&band.band), shares.join(", "))
}

#[cfg(test)]
mod tests;
