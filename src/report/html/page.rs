//! The words of the page: what the template fills in.

use askama::Template;

use super::{SCRIPT, STYLE, UPLOT};
use crate::{
    analysis::{
        Analysis, ConnectionFigures, Estimate, PhaseMachine, Quantiles, Reason, Tail,
        ThresholdState, VerdictState, WorkloadAnalysis,
    },
    report::{
        clean, replies,
        text::{
            closing::{collections, step_us, warmup},
            connections,
            head::{OF_STATUS, alike, figure, source, status_note},
        },
        thresholds,
        units::{count, counted, duration, ms, number, ratio, recall, share},
    },
};

/// Areas that the mean is said to consist of.
const LARGEST: usize = 3;

/// The whole page. Everything in it is text, escaped by the template, but for `data` (see
/// [`super::data`]) and the three files of this crate.
#[derive(Debug, Template)]
#[template(path = "report.html")]
pub(super) struct Page {
    policy: String,
    name: String,
    description: String,
    verdict: VerdictWords,
    status_note: String,
    workloads: Vec<WorkloadWords>,
    comparisons: Vec<Comparison>,
    warnings: Vec<String>,
    errors: Vec<ErrorWords>,
    /// What failed, what could not be decided, what passed: a class and a line.
    thresholds: Vec<(&'static str, String)>,
    environment: Vec<(String, String)>,
    /// Phases whose machine is drawn.
    machines: Vec<MachineWords>,
    preparation: Vec<(String, String)>,
    plan: Vec<(String, String)>,
    footer: String,
    data: String,
    style: &'static str,
    uplot: &'static str,
    script: &'static str,
}

#[derive(Debug)]
struct VerdictWords {
    class: &'static str,
    mark: &'static str,
    word: &'static str,
    sentence: String,
    reasons: Vec<ReasonWords>,
}

#[derive(Debug)]
struct ReasonWords {
    found: String,
    limit: String,
    advice: String,
}

/// A stretch of a sentence; names of parts stand out.
#[derive(Debug, PartialEq)]
struct Piece {
    text: String,
    is_name: bool,
}

#[derive(Debug)]
struct WorkloadWords {
    /// Place among all workloads: that of its data.
    index: usize,
    place: String,
    sentence: Vec<Piece>,
    figures: String,
    lead: String,
    cells: Vec<String>,
    /// What else sets requests apart, and what to do about it.
    notes: Vec<Vec<Piece>>,
    stopped: String,
    above: String,
    is_open: bool,
    has_curves: bool,
    has_server: bool,
    has_account: bool,
    has_tail: bool,
    has_series: bool,
    has_stacks: bool,
    has_exemplars: bool,
    has_join: bool,
}

/// A workload of several phases or stages.
#[derive(Debug)]
struct Comparison {
    workload: String,
    /// Place of the first among all workloads.
    index: usize,
}

#[derive(Debug)]
struct ErrorWords {
    at: String,
    outcome: String,
    text: String,
}

/// What ran on the client's machine during a phase.
#[derive(Debug)]
struct MachineWords {
    /// Place among all phases.
    index: usize,
    phase: String,
    cores: String,
    /// Milvus and Jaeger, and how they were found.
    servers: String,
}

impl Page {
    /// The page of `analysis`.
    pub(super) fn new(analysis: &Analysis, data: String, policy: String) -> Self {
        let measured: Vec<(usize, &WorkloadAnalysis)> = analysis
            .workloads
            .iter()
            .enumerate()
            .filter(|(_, workload)| !workload.is_preparation())
            .collect();
        let cleaned = |rows: &[(String, String)]| {
            rows.iter()
                .map(|(key, value)| (clean(key), clean(value)))
                .collect()
        };
        let error = |error: &crate::analysis::ErrorText| ErrorWords {
            at: clean(&error.at),
            outcome: clean(&error.outcome),
            text: clean(&error.text),
        };
        Self {
            policy,
            name: clean(&analysis.name),
            description: clean(analysis.description.trim()),
            verdict: verdict(analysis),
            status_note: clean(&status_note(analysis).unwrap_or_default()),
            comparisons: comparisons(&measured),
            workloads: measured
                .iter()
                .map(|(index, workload)| words(*index, workload))
                .collect(),
            warnings: analysis
                .warnings
                .iter()
                .map(|warning| clean(warning))
                .collect(),
            errors: analysis.errors.iter().map(error).collect(),
            thresholds: threshold_lines(analysis),
            environment: environment(analysis),
            machines: analysis
                .machine
                .iter()
                .enumerate()
                .map(|(index, machine)| machine_words(index, machine))
                .collect(),
            preparation: preparation(analysis),
            plan: cleaned(&analysis.plan),
            footer: format!(
                "Report of {}, made from its folder alone. Charts by uPlot 1.6.32 (MIT licence).",
                clean(&analysis.run)
            ),
            data,
            style: STYLE,
            uplot: UPLOT,
            script: SCRIPT,
        }
    }
}

fn verdict(analysis: &Analysis) -> VerdictWords {
    let mut groups = alike(&analysis.verdict.reasons);
    groups.retain(|reasons| !OF_STATUS.contains(&reasons[0].code.as_str()));
    groups.sort_by_key(|reasons| std::cmp::Reverse(reasons[0].state));
    let reasons = counted(groups.len() as u64, "reason");
    let (class, mark, word, sentence) = match analysis.verdict.state {
        VerdictState::Valid => (
            "valid",
            "✓",
            "valid",
            "Valid: nothing speaks against these figures".to_owned(),
        ),
        VerdictState::Reservations if groups.is_empty() => (
            "reservations",
            "!",
            "valid with caveats",
            "Valid with caveats".to_owned(),
        ),
        VerdictState::Reservations => (
            "reservations",
            "!",
            "valid with caveats",
            format!("Valid with caveats: {reasons} for care"),
        ),
        VerdictState::Invalid if groups.is_empty() => {
            ("invalid", "✕", "invalid", "Invalid".to_owned())
        }
        VerdictState::Invalid => (
            "invalid",
            "✕",
            "invalid",
            format!("Invalid: {reasons} not to use these figures"),
        ),
    };
    let sentence = if analysis.verdict.client_bound {
        format!("Client-bound. {sentence}")
    } else {
        sentence
    };
    VerdictWords {
        class,
        mark,
        word,
        sentence,
        reasons: groups.iter().map(|reasons| reason(reasons)).collect(),
    }
}

fn reason(reasons: &[&Reason]) -> ReasonWords {
    let first = reasons[0];
    let places: Vec<String> = reasons
        .iter()
        .map(|reason| clean(&reason.at))
        .filter(|at| !at.is_empty())
        .collect();
    let code = clean(&first.code.replace('_', " "));
    if first.unit.is_empty() {
        let found = if places.is_empty() {
            code
        } else {
            format!("{code} at {}", places.join(", "))
        };
        return ReasonWords {
            found,
            limit: String::new(),
            advice: clean(&first.advice),
        };
    }
    let at = |reason: &Reason| {
        if reason.at.is_empty() {
            String::new()
        } else {
            format!(" at {}", clean(&reason.at))
        }
    };
    let found: Vec<String> = reasons
        .iter()
        .map(|reason| format!("{}{}", figure(reason.figure, &reason.unit), at(reason)))
        .collect();
    ReasonWords {
        found: format!("{code} {}", clean(&found.join(", "))),
        limit: clean(&figure(first.limit, &first.unit)),
        advice: clean(&first.advice),
    }
}

fn words(index: usize, workload: &WorkloadAnalysis) -> WorkloadWords {
    let requests = &workload.requests;
    let tail = workload.tail.as_ref().filter(|tail| !tail.parts.is_empty());
    let mut lead = vec![
        clean(&workload.operation),
        format!("{} loop", clean(&workload.loop_kind)),
        duration(workload.duration_s * 1e6),
    ];
    lead.push(match workload.without_figures() {
        Some(why) => why.to_owned(),
        None => format!("{} ok of {} due", count(requests.ok), count(requests.due)),
    });
    lead.extend(
        workload
            .vectors
            .map(|vectors| format!("{} query vectors a request", count(vectors))),
    );
    lead.extend(workload.rows.as_ref().map(replies::rows));
    lead.extend(
        workload
            .recall
            .as_ref()
            .map(|of| format!("recall {} (least {})", recall(of.mean), recall(of.min))),
    );
    lead.extend(
        workload
            .no_recall
            .as_ref()
            .map(|why| format!("no recall: {}", clean(why))),
    );
    WorkloadWords {
        index,
        place: clean(&workload.place()),
        sentence: pieces(&sentence(workload)),
        figures: figures(workload),
        lead: lead.join(", "),
        cells: cells(workload),
        notes: notes(workload).map(|text| pieces(&clean(text))).collect(),
        stopped: clean(workload.stopped.as_deref().unwrap_or_default()),
        above: tail.map(|tail| clean(&tail.above)).unwrap_or_default(),
        is_open: workload.loop_kind == "open",
        has_curves: !workload.curves.is_empty(),
        has_server: workload.curves.contains_key("server_time"),
        has_account: !workload.account.is_empty(),
        has_tail: tail.is_some(),
        has_series: workload.course.is_some(),
        has_stacks: workload.stacks.is_some(),
        has_exemplars: !workload.exemplars.is_empty(),
        has_join: workload.join.is_some(),
    }
}

/// Sentences about phases, slow seconds and first requests, then the advice.
fn notes(workload: &WorkloadAnalysis) -> impl Iterator<Item = &str> {
    let told = workload
        .contrasts
        .iter()
        .filter_map(|contrast| contrast.sentence.as_deref());
    told.chain(
        workload
            .advice
            .iter()
            .map(|advice| advice.sentence.as_str()),
    )
}

/// Where the time goes, or why that can't be said.
fn sentence(workload: &WorkloadAnalysis) -> String {
    let said = |tail: &Tail| tail.sentence.clone().or_else(|| tail.missing.clone());
    let words = workload.tail.as_ref().and_then(said);
    let words = words
        .or_else(|| workload.without_figures().map(str::to_owned))
        .unwrap_or_else(|| match &workload.join {
            _ if workload.requests.ok == 0 => {
                "no request succeeded; the latency breakdown holds successes".to_owned()
            }
            None => "unknown: nothing was traced".to_owned(),
            Some(join) => {
                format!(
                    "unknown: none of {} sampled requests was matched; `milvus-bench doctor` \
                     checks the chain",
                    count(join.sampled)
                )
            }
        });
    clean(&words)
}

/// The sentence with a capital and its names apart.
fn pieces(sentence: &str) -> Vec<Piece> {
    let mut chars = sentence.chars();
    let capital: String = chars
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .chain(chars)
        .collect();
    capital
        .split('`')
        .enumerate()
        .map(|(at, text)| Piece {
            text: text.to_owned(),
            is_name: at % 2 == 1,
        })
        .collect()
}

fn latency(workload: &WorkloadAnalysis) -> Option<&Quantiles> {
    workload
        .response_time_us
        .as_ref()
        .or(workload.service_time_us.as_ref())
}

fn figures(workload: &WorkloadAnalysis) -> String {
    let shown = |key: &str| {
        Some(format!(
            "{key} {}",
            estimate(latency(workload)?.get(key)?, duration)
        ))
    };
    let figures: Vec<String> = ["p50", "p99", "p99.9"]
        .into_iter()
        .filter_map(shown)
        .collect();
    let failed = workload.requests.failed + workload.requests.not_sent;
    let losses = if failed > 0 {
        format!("; {} failed or not sent", count(failed))
    } else {
        String::new()
    };
    let mean = mean(workload)
        .map(|mean| format!("; {mean}"))
        .unwrap_or_default();
    format!(
        "{} of {} successes{losses}{mean}",
        figures.join(", "),
        count(workload.requests.ok)
    )
}

/// `mean 5.66 ms: engine 31 %, node queue 29 %, gap 12 %`: the three largest areas of all matched
/// requests.
fn mean(workload: &WorkloadAnalysis) -> Option<String> {
    let all = workload.account.first()?;
    let mut areas: Vec<(&str, f64)> = Vec::new();
    for part in &all.parts {
        match areas.iter_mut().find(|(area, _)| *area == part.area) {
            Some((_, sum)) => *sum += part.mean_us,
            None => areas.push((&part.area, part.mean_us)),
        }
    }
    areas.sort_by(|a, b| b.1.total_cmp(&a.1));
    let shares: Vec<String> = areas
        .iter()
        .take(LARGEST)
        .map(|(area, mean_us)| format!("{} {}", clean(area), share(ratio(*mean_us, all.mean_us))))
        .collect();
    Some(format!(
        "mean {}: {}",
        duration(all.mean_us),
        shares.join(", ")
    ))
}

fn estimate(estimate: &Estimate, shown: fn(f64) -> String) -> String {
    format!(
        "{}{}",
        if estimate.at_least { "≥ " } else { "" },
        shown(estimate.value)
    )
}

/// The row of the overview, in the order of its head.
fn cells(workload: &WorkloadAnalysis) -> Vec<String> {
    let requests = &workload.requests;
    let cell = |quantiles: Option<&Quantiles>, key: &str| {
        quantiles
            .and_then(|quantiles| quantiles.get(key))
            .map_or("-".to_owned(), |found| estimate(found, ms))
    };
    let rate = |rate: Option<f64>| rate.map_or("-".to_owned(), number);
    let mut cells = vec![clean(&workload.loop_kind)];
    // Counts that can't be read are not 0.
    let known = |number: u64| {
        if workload.figures_lost {
            "-".to_owned()
        } else {
            count(number)
        }
    };
    cells.extend(
        [
            requests.due,
            requests.ok,
            requests.failed,
            requests.not_sent,
        ]
        .map(known),
    );
    cells.extend(
        [
            Some(workload.rate.achieved).filter(|_| !workload.figures_lost),
            workload.rate.target,
            workload.rows_per_s,
        ]
        .map(rate),
    );
    cells.extend(["p50", "p90", "p99", "p99.9", "max"].map(|key| cell(latency(workload), key)));
    cells.push(cell(workload.send_lag_us.as_ref(), "p99"));
    cells.push(rate(workload.vectors_per_s));
    cells.push(rate(workload.rows.as_ref().map(|rows| rows.mean)));
    cells.push(
        workload
            .rows
            .as_ref()
            .map_or("-".to_owned(), |rows| share(rows.empty)),
    );
    cells.push(
        workload
            .recall
            .as_ref()
            .map_or("-".to_owned(), |of| recall(of.mean)),
    );
    cells
}

/// Workloads that were measured at several places, in the order of the first.
fn comparisons(measured: &[(usize, &WorkloadAnalysis)]) -> Vec<Comparison> {
    let mut found: Vec<Comparison> = Vec::new();
    for (index, workload) in measured {
        let same = measured
            .iter()
            .filter(|(_, other)| other.workload == workload.workload && latency(other).is_some())
            .count();
        if same > 1
            && found
                .iter()
                .all(|known| known.workload != clean(&workload.workload))
        {
            found.push(Comparison {
                workload: clean(&workload.workload),
                index: *index,
            });
        }
    }
    found
}

fn threshold_lines(analysis: &Analysis) -> Vec<(&'static str, String)> {
    let states = [
        (ThresholdState::Failed, "bad"),
        (ThresholdState::Undecided, "doubtful"),
        (ThresholdState::Passed, "good"),
    ];
    let of = |(state, class)| {
        let alike = analysis
            .thresholds
            .iter()
            .filter(move |result| result.state == state);
        alike.map(move |result| (class, clean(&thresholds::line(result))))
    };
    states.into_iter().flat_map(of).collect()
}

fn environment(analysis: &Analysis) -> Vec<(String, String)> {
    let mut rows = vec![
        ("run".to_owned(), clean(&analysis.run)),
        ("status".to_owned(), clean(&analysis.status)),
    ];
    rows.extend(
        collections(&analysis.collections)
            .into_iter()
            .map(|text| ("collection".to_owned(), clean(&text))),
    );
    rows.extend(
        analysis
            .environment
            .iter()
            .map(|(key, value)| (clean(key), clean(value))),
    );
    let own = |figures: &ConnectionFigures| {
        (
            format!("client's part of the gap, {}", clean(&figures.phase)),
            format!(
                "{}; ms, p50/p99/max",
                connections::figures(figures).join(", ")
            ),
        )
    };
    rows.extend(analysis.connections.iter().map(own));
    rows.push((
        "spans".to_owned(),
        analysis
            .spans
            .as_ref()
            .map_or("none were read".to_owned(), |spans| clean(&source(spans))),
    ));
    rows
}

fn machine_words(index: usize, machine: &PhaseMachine) -> MachineWords {
    let servers = machine.use_of.servers.iter().map(|server| {
        let pids: Vec<String> = server.pids.iter().map(ToString::to_string).collect();
        format!(
            "{} (pid {}): {}",
            clean(&server.name),
            pids.join(", "),
            clean(&server.how)
        )
    });
    let servers: Vec<String> = servers.collect();
    let servers = if servers.is_empty() {
        "no Milvus and no Jaeger was found on it".to_owned()
    } else {
        servers.join("; ")
    };
    MachineWords {
        index,
        phase: clean(&machine.phase),
        cores: counted(u64::from(machine.use_of.cores), "core"),
        servers,
    }
}

fn preparation(analysis: &Analysis) -> Vec<(String, String)> {
    let steps = analysis
        .workloads
        .iter()
        .filter(|workload| workload.is_preparation() && workload.requests.due > 0);
    let row = |step: &WorkloadAnalysis| {
        let rows = step
            .rows_per_s
            .map(|rows| format!(", {} rows/s", number(rows)))
            .unwrap_or_default();
        let failed = if step.requests.failed > 0 {
            format!(", {} failed", count(step.requests.failed))
        } else {
            String::new()
        };
        (
            clean(&step.workload),
            format!("{}{rows}{failed}", duration(step_us(step))),
        )
    };
    steps
        .map(row)
        .chain(warmup(analysis).map(|words| ("not counted".to_owned(), words)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_parts_stand_out_in_a_sentence() {
        let piece = |text: &str, is_name| Piece {
            text: text.to_owned(),
            is_name,
        };
        assert_eq!(
            pieces("most is `gap` (3)"),
            [
                piece("Most is ", false),
                piece("gap", true),
                piece(" (3)", false)
            ]
        );
        assert_eq!(pieces(""), [piece("", false)]);
    }
}
