//! The words of a workload: its sentence, its figures, its row of the overview, and which charts
//! it has.

use crate::{
    analysis::{Estimate, Quantiles, Tail, WorkloadAnalysis},
    report::{
        classes::ClassTable,
        clean, replies,
        units::{NONE, count, duration, ms, number, ratio, recall, share},
    },
};

/// Areas that the mean is said to consist of.
const LARGEST: usize = 3;

/// A stretch of a sentence; names of parts stand out.
#[derive(Debug, PartialEq)]
pub(super) struct Piece {
    pub(super) text: String,
    pub(super) is_name: bool,
}

#[derive(Debug)]
pub(super) struct WorkloadWords {
    /// Place among all workloads: that of its data.
    pub(super) index: usize,
    pub(super) place: String,
    pub(super) sentence: Vec<Piece>,
    pub(super) figures: String,
    pub(super) lead: String,
    pub(super) cells: Vec<String>,
    /// What else sets requests apart, and what to do about it.
    pub(super) notes: Vec<Vec<Piece>>,
    pub(super) classes: Option<ClassTable>,
    pub(super) stopped: String,
    pub(super) above: String,
    pub(super) is_open: bool,
    pub(super) has_curves: bool,
    pub(super) has_server: bool,
    pub(super) has_account: bool,
    pub(super) has_tail: bool,
    pub(super) has_series: bool,
    pub(super) has_stacks: bool,
    pub(super) has_exemplars: bool,
    pub(super) has_join: bool,
}

impl WorkloadWords {
    /// The charts that there are: beginning of the id, and title.
    pub(super) fn charts(&self) -> Vec<(&'static str, &'static str)> {
        [
            (self.has_curves, "curves", "Latency by percentile"),
            (self.has_account, "account", "Latency breakdown"),
            (self.has_tail, "tail", "What makes the tail slow"),
            (self.has_series, "series", "Over time"),
            (self.has_stacks, "flame", "Critical path"),
            (self.has_exemplars, "exemplars", "Requests to look at"),
            (self.has_join, "traces", "Traces behind it"),
        ]
        .into_iter()
        .filter(|(has, ..)| *has)
        .map(|(_, chart, title)| (chart, title))
        .collect()
    }
}

/// What the page says of a workload, the `index`th of all.
pub(super) fn words(index: usize, workload: &WorkloadAnalysis) -> WorkloadWords {
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
        sentence: with_capital(&sentence(workload)),
        figures: figures(workload),
        lead: lead.join(", "),
        cells: cells(workload),
        notes: notes(workload)
            .map(|text| with_capital(&clean(text)))
            .collect(),
        classes: ClassTable::of(workload),
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

/// A sentence with a capital, and its names apart.
pub(super) fn with_capital(sentence: &str) -> Vec<Piece> {
    let mut chars = sentence.chars();
    let capital = chars.next().into_iter().flat_map(char::to_uppercase);
    pieces(&capital.chain(chars).collect::<String>())
}

/// A text with its names apart.
pub(super) fn pieces(text: &str) -> Vec<Piece> {
    text.split('`')
        .enumerate()
        .map(|(at, text)| Piece {
            text: text.to_owned(),
            is_name: at % 2 == 1,
        })
        .collect()
}

/// What a caller waits.
pub(super) fn latency(workload: &WorkloadAnalysis) -> Option<&Quantiles> {
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

/// Columns of the table of workloads. What is asked for most comes first: a phone shows two beside
/// the names.
const COLUMNS: [&str; 17] = [
    "p50",
    "p99",
    "p99.9",
    "max",
    "send lag p99",
    "recall",
    "sent /s",
    "target /s",
    "ok",
    "failed",
    "not sent",
    "due",
    "rows /s",
    "vectors /s",
    "rows a reply",
    "empty",
    "loop",
];

/// The row of a workload, in the order of [`COLUMNS`].
fn cells(workload: &WorkloadAnalysis) -> Vec<String> {
    let requests = &workload.requests;
    let cell = |quantiles: Option<&Quantiles>, key: &str| {
        quantiles
            .and_then(|quantiles| quantiles.get(key))
            .map_or(NONE.to_owned(), |found| estimate(found, ms))
    };
    let rate = |rate: Option<f64>| rate.map_or(NONE.to_owned(), number);
    // Counts that can't be read are not 0.
    let known = |number: u64| {
        if workload.figures_lost {
            NONE.to_owned()
        } else {
            count(number)
        }
    };
    let rows = workload.rows.as_ref();
    let mut cells: Vec<String> = ["p50", "p99", "p99.9", "max"]
        .map(|key| cell(latency(workload), key))
        .into();
    cells.extend([
        cell(workload.send_lag_us.as_ref(), "p99"),
        workload
            .recall
            .as_ref()
            .map_or(NONE.to_owned(), |of| recall(of.mean)),
        rate(Some(workload.rate.achieved).filter(|_| !workload.figures_lost)),
        rate(workload.rate.target),
        known(requests.ok),
        known(requests.failed),
        known(requests.not_sent),
        known(requests.due),
        rate(workload.rows_per_s),
        rate(workload.vectors_per_s),
        rate(rows.map(|rows| rows.mean)),
        rows.map_or(NONE.to_owned(), |rows| share(rows.empty)),
        clean(&workload.loop_kind),
    ]);
    cells
}

/// Takes the columns that are empty for all out of the rows, and gives the headings of the others.
pub(super) fn used_columns(workloads: &mut [WorkloadWords]) -> Vec<&'static str> {
    let used = |at: usize| workloads.iter().any(|words| words.cells[at] != NONE);
    let used: Vec<usize> = (0..COLUMNS.len()).filter(|at| used(*at)).collect();
    for words in workloads {
        words.cells = used.iter().map(|at| words.cells[*at].clone()).collect();
    }
    used.into_iter().map(|at| COLUMNS[at]).collect()
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
            with_capital("most is `gap` (3)"),
            [
                piece("Most is ", false),
                piece("gap", true),
                piece(" (3)", false)
            ]
        );
        assert_eq!(with_capital(""), [piece("", false)]);
        assert_eq!(pieces("p99 of"), [piece("p99 of", false)]);
    }
}
