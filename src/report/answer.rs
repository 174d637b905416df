//! What a run answers, in words for every report: where a workload ran in several phases or stages,
//! or several workloads of one operation ran one after the other, what changed between them and
//! why; else where the time of each goes, and what sets its tail apart.
//!
//! Nothing is computed here but ratios of what is shown: figures, intervals and sentences are those
//! of the analysis.

mod curve;
mod groups;

pub(super) use groups::AnswerKind;

use self::{
    curve::{Change, Shape, ends, estimate, latency, p99, with_ends},
    groups::{Group, groups},
};
use super::{
    areas::band_name,
    units::{counted, duration, number, ratio, share},
};
use crate::analysis::{
    Analysis, Band, Certainty, Contrast, Quantiles, SpanSummary, TailPart, WorkloadAnalysis,
    parts_cancel_out,
};

/// Most answers that a text begins with; what the others rest on stands below.
const MOST_ANSWERS: usize = 3;
/// Most places whose p99 is named.
const MOST_PLACES: usize = 8;
/// Most parts that a difference, and areas that a band, is said to consist of.
const MOST_PARTS: usize = 3;
/// Share of the mean below which a difference without an interval is not explained.
const WORTH_EXPLAINING: f64 = 0.05;

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

/// The first answers of a run, and in words how many more there are.
pub(super) fn first_answers(analysis: &Analysis) -> (Vec<Answer>, Option<String>) {
    let mut first = answers(analysis);
    let rest = first.split_off(first.len().min(MOST_ANSWERS));
    let more = rest.first().map(|next| {
        let noun = match next.kind {
            AnswerKind::Single => "more workload",
            _ => "more comparison",
        };
        format!("and {}, see below", counted(rest.len() as u64, noun))
    });
    (first, more)
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

/// How much a p99 changed, as its distance from no change, and the answer.
fn compare(analysis: &Analysis, group: &Group) -> (f64, Answer) {
    let rows = group.rows(analysis);
    let changes: Vec<Option<Change<'_>>> = (1..rows.len())
        .map(|place| Change::of(rows[group.other(place)], rows[place]))
        .collect();
    let size = |place: usize| changes[place - 1].as_ref().map_or(0.0, Change::size);
    let shape = match group.kind {
        AnswerKind::Stages => Shape::of(&changes, &rows, analysis.verdict.state),
        _ => Shape::NotKnown,
    };
    // The change that is explained: the last of the largest, since what stands later is asked for.
    let told = shape.place().unwrap_or_else(|| {
        let places = 1..rows.len();
        places
            .max_by(|a, b| size(*a).total_cmp(&size(*b)))
            .unwrap_or(1)
    });
    let (row, other) = (rows[told], rows[group.other(told)]);
    let p99_is_apart = changes[told - 1].as_ref().and_then(Change::is_apart) == Some(true);
    let is_explained = p99_is_apart
        || group
            .contrast(row, other)
            .is_none_or(|contrast| is_worth_explaining(contrast, row, other));
    let answer = Answer {
        kind: group.kind,
        subject: group.subject(&rows),
        places: group.places.clone(),
        explained: group.places[told],
        what: what(group, &rows, &changes, (shape, told)),
        why: why(analysis, group, row, other),
        suggestion: suggestion(row, Some(other)).filter(|_| is_explained),
    };
    (size(told), answer)
}

/// p99 of every place, how many times as long the later ones are, and where it bends. Of many
/// places the first, the last and those of the change that is explained, `told`, are named.
fn what(
    group: &Group,
    rows: &[&WorkloadAnalysis],
    changes: &[Option<Change<'_>>],
    (shape, told): (Shape, usize),
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
        let near = *at == told || *at == group.other(told);
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
    let bends = shape.in_words(group, rows);
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
    if let Some(contrast) = group.contrast(row, other) {
        let explains = is_worth_explaining(contrast, row, other);
        return [because(contrast, group.name(row), explains)]
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
fn because(contrast: &Contrast, name: &str, explains: bool) -> String {
    let ends = contrast.difference_low_us.zip(contrast.difference_high_us);
    let with = &contrast.with;
    if contrast.certainty() == Certainty::MayBeNone {
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
    if contrast.certainty() == Certainty::NotKnown {
        let parts = if explains && !parts.is_empty() {
            format!("; seen was {}", parts.join(", "))
        } else {
            String::new()
        };
        return format!(
            "on average {name} was {} {word} than {with}, without an interval: it is not known \
             whether another run would show it{parts}",
            duration(sign * contrast.difference_us)
        );
    }
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

/// Whether a difference of means is one to look for causes of. Without an interval, it is where
/// it is a good part of the mean, and not both median and p99 went the other way.
fn is_worth_explaining(
    contrast: &Contrast,
    row: &WorkloadAnalysis,
    other: &WorkloadAnalysis,
) -> bool {
    match contrast.certainty() {
        Certainty::Shown => return true,
        Certainty::MayBeNone => return false,
        Certainty::NotKnown => {}
    }
    let difference = contrast.difference_us;
    let is_large = other
        .account
        .first()
        .is_none_or(|all| difference.abs() >= WORTH_EXPLAINING * all.mean_us);
    let goes_along = |key: &str| {
        let value = |row: &WorkloadAnalysis| Some(latency(row)?.get(key)?.value);
        Some((value(row)? - value(other)?) * difference >= 0.0)
    };
    let along: Vec<bool> = ["p50", "p99"].into_iter().filter_map(goes_along).collect();
    is_large && (along.is_empty() || along.contains(&true))
}

/// The largest parts of a difference: their shares, or their times where those that went its way
/// are more than all of it.
fn parts_of(contrast: &Contrast) -> Vec<String> {
    let cancel = parts_cancel_out(&contrast.parts);
    let size = |part: &TailPart| if cancel { part.share.abs() } else { part.share };
    let mut parts: Vec<&TailPart> = contrast
        .parts
        .iter()
        .filter(|part| part.is_named(cancel))
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
