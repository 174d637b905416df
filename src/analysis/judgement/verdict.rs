//! Whether to believe a run: every doubt with its figure, its limit and suggestion.
//!
//! The preparation is left out: its steps are few and have no schedule.

mod client;
mod replies;

use crate::{
    analysis::{
        model::{
            Analysis, Join, Reason, TraceFacts, Verdict,
            VerdictState::{self, Invalid, Reservations},
            WorkloadAnalysis,
        },
        statistics::trend::CHANGE as TREND,
    },
    record::{ExportInfo, Outcome, RunInfo, Status, StreamInfo, Warning},
    spans::{SourceKind, is_milvus_service, kind_of},
};

/// Requests without any server span from which on it can be told how they were lost.
const WHOLE_LOSSES: u64 = 5;
/// Largest share of the lost requests that may have come back in part where sampling was changed on
/// the way.
const IN_PART: f64 = 0.1;
/// Least share of the sampled requests that must be matched.
const MATCHED: f64 = 0.95;
/// Largest difference of the unmatched share between bands: beyond it the latency breakdown is that
/// of other requests.
const BAND_DIFFERENCE: f64 = 0.05;
/// Sampled requests that a band needs before its share says anything.
const BAND_SAMPLED: u64 = 30;
/// Share of failed requests.
const FAILED: f64 = 0.001;
/// Share of requests with a negative gap, and the most negative gap in microseconds, that the
/// server's own way of ending its span explains.
const NEGATIVE_GAPS: f64 = 0.01;
/// See [`NEGATIVE_GAPS`].
const LOWEST_GAP_US: f64 = -500.0;
/// What is said of a run that was ended before it had measured anything, whenever that was.
pub const NOTHING_MEASURED: &str = "nothing was measured: the run ended before any measured \
                                    request was answered; run it again";
/// Code of that reason.
const NOTHING_MEASURED_CODE: &str = "nothing_measured";
/// Figure, limit and unit of a reason that is a yes or no.
const YES: (f64, f64, &str) = (1.0, 0.0, "");

/// The verdict on a run whose figures are complete; `changed_files` has a sentence for each file
/// that is not what it was.
pub(crate) fn verdict(info: &RunInfo, analysis: &Analysis, changed_files: &[String]) -> Verdict {
    if matches!(info.status, Status::Interrupted | Status::Running)
        && has_measured_nothing(analysis)
    {
        // No figure, no doubt about one.
        let reasons = vec![reason(
            NOTHING_MEASURED_CODE,
            Invalid,
            YES,
            NOTHING_MEASURED,
        )];
        return Verdict {
            state: Invalid,
            client_bound: false,
            reasons,
        };
    }
    let mut reasons = of_run(info);
    reasons.extend(
        changed_files
            .iter()
            .map(|sentence| reason("changed_file", Invalid, YES, sentence.as_str())),
    );
    reasons.extend(client::of_phases(info, analysis));
    for workload in analysis
        .workloads
        .iter()
        .filter(|workload| !workload.is_preparation())
    {
        let stream = info.streams.iter().find(|stream| workload.is_of(stream));
        reasons.extend(stream.and_then(|stream| requests_lost(info, stream, workload)));
        if workload.requests.due == 0 {
            reasons.extend((!workload.figures_lost).then(|| nothing_due(info, analysis, workload)));
            continue;
        }
        reasons.extend(of_failures(workload));
        reasons.extend(replies::of_replies(info, analysis, workload));
        reasons.extend(truth_wrong(workload));
        reasons.extend(client::of_load(info, analysis, workload, stream));
        if !spans_are_off(info) {
            reasons.extend(of_spans(info, workload));
        }
    }
    let state = reasons
        .iter()
        .map(|reason| reason.state)
        .max()
        .unwrap_or_default();
    Verdict {
        state,
        client_bound: reasons.iter().any(|reason| reason.client_bound),
        reasons,
    }
}

/// Whether no request of a measurement was answered, by success or failure.
fn has_measured_nothing(analysis: &Analysis) -> bool {
    let mut measured = analysis
        .workloads
        .iter()
        .filter(|workload| !workload.is_preparation());
    measured.all(|workload| {
        let counts = &workload.requests;
        counts.ok == 0
            && !workload.figures_lost
            && counts.outcomes.keys().all(|code| {
                code.parse()
                    .is_ok_and(|outcome: Outcome| !outcome.is_answer())
            })
    })
}

impl Analysis {
    /// Whether the run was ended before it had measured anything: the verdict says nothing else
    /// then.
    #[must_use]
    pub fn nothing_measured(&self) -> bool {
        self.verdict
            .reasons
            .iter()
            .any(|reason| reason.code == NOTHING_MEASURED_CODE)
    }
}

fn reason(
    code: &str,
    state: VerdictState,
    (figure, limit, unit): (f64, f64, &str),
    advice: impl Into<String>,
) -> Reason {
    let (code, unit, advice) = (code.to_owned(), unit.to_owned(), advice.into());
    Reason {
        code,
        state,
        figure,
        limit,
        unit,
        advice,
        ..Reason::default()
    }
}

fn of_run(info: &RunInfo) -> Vec<Reason> {
    let mut reasons = Vec::new();
    match info.status {
        Status::Complete => {}
        Status::Failed => reasons.push(reason(
            "failed_run",
            Invalid,
            YES,
            info.failure.clone().unwrap_or_else(|| {
                "the run failed before its end: see the errors below, and run it again".to_owned()
            }),
        )),
        Status::Aborted => reasons.push(reason(
            "aborted",
            Reservations,
            YES,
            "a threshold with `abort` ended the run: the figures hold for the part that was \
             measured; fix the cause, or loosen the threshold",
        )),
        Status::Running | Status::Interrupted => reasons.push(reason(
            "interrupted",
            Reservations,
            YES,
            "the run ended early: the figures hold for the part that was measured, which may be \
             too short; run it again for the whole",
        )),
    }
    reasons.extend(info.warnings.iter().filter_map(of_warning));
    reasons.extend(info.export.as_ref().and_then(client_spans_lost));
    if let Some(dropped) = info
        .fetch
        .as_ref()
        .and_then(|fetch| fetch.back_end_dropped)
        .filter(|dropped| *dropped > 0)
    {
        let advice = "the trace back end lost spans, so latency breakdowns may lack parts: trace \
                      less (a smaller sample_ratio), or give the collector larger queues";
        reasons.push(reason(
            "spans_dropped",
            Reservations,
            (dropped as f64, 0.0, "spans"),
            advice,
        ));
    }
    reasons
}

/// Spans of this program that no trace back end has. Latency breakdowns are made of the server's
/// spans and lack nothing.
fn client_spans_lost(export: &ExportInfo) -> Option<Reason> {
    let figure = match &export.error {
        _ if export.dropped > 0 => (export.dropped as f64, 0.0, "spans"),
        // The exporter did not even start.
        Some(_) if export.exported == 0 => YES,
        _ => return None,
    };
    let why = export
        .error
        .clone()
        .unwrap_or_else(|| "the queue before the export was full".to_owned());
    let to = if why.contains(&export.endpoint) {
        String::new()
    } else {
        format!(" to {}", export.endpoint)
    };
    let advice = format!(
        "the client's own spans were not all exported{to} ({why}): they are missing in Jaeger's \
         UI only, figures and latency breakdowns are unaffected; check the export endpoint of \
         [tracing]"
    );
    Some(reason("client_spans_lost", Reservations, figure, advice))
}

/// Whether the scenario wants no server spans: what was not asked for is no doubt.
fn spans_are_off(info: &RunInfo) -> bool {
    let off = info
        .plan
        .pointer("/tracing/spans/source")
        .and_then(|source| kind_of(source.as_str()?))
        .is_some_and(|kind| kind == SourceKind::Nothing);
    // `milvus-bench spans` may have fetched them since.
    off && info
        .fetch
        .as_ref()
        .is_none_or(|fetch| kind_of(&fetch.source) == Some(SourceKind::Nothing))
}

/// Requests that are in no figure: of a complete run what the load counted as due, against what was
/// recorded.
fn requests_lost(
    info: &RunInfo,
    stream: &StreamInfo,
    workload: &WorkloadAnalysis,
) -> Option<Reason> {
    // A request above one hour fits no histogram; run.json counts its figures for all streams
    // together.
    let lost = stream
        .due
        .saturating_sub(workload.requests.due)
        .saturating_sub(info.overflows);
    let advice = "requests were begun and are missing from all figures, so their outcome is \
                  unknown: latency.hlog is damaged, the disk was full, or this is a bug in \
                  milvus-bench; run it again, and report it if it happens again";
    let figure = if lost == 0 {
        YES
    } else {
        (lost as f64, 0.0, "requests")
    };
    let is_lost = workload.figures_lost || (info.status == Status::Complete && lost > 0);
    let found = is_lost.then(|| reason("requests_lost", Invalid, figure, advice));
    found.map(|reason| Reason {
        at: workload.place(),
        ..reason
    })
}

/// What the run itself found doubtful; the rest of its warnings are remarks.
pub(crate) fn of_warning(warning: &Warning) -> Option<Reason> {
    let of_workload = |phase: &str, workload: &str| format!("{phase}/{workload}");
    let (code, figure, at) = match warning {
        Warning::DebugBuild => ("debug_build", (1.0, 0.0, ""), String::new()),
        Warning::ClockStep { phase, step_us } => {
            ("clock_step", (*step_us, 1_000.0, "us"), phase.clone())
        }
        Warning::NotRecorded { samples } => (
            "not_recorded",
            (*samples as f64, 0.0, "requests"),
            String::new(),
        ),
        Warning::RowsUsedUp {
            phase, workload, ..
        } => ("rows_used_up", YES, of_workload(phase, workload)),
        Warning::StoppedEarly {
            phase, workload, ..
        } => ("stopped_early", YES, of_workload(phase, workload)),
        Warning::IndexUnfinished { phase, .. } => {
            ("index_unfinished", (1.0, 0.0, ""), phase.clone())
        }
        Warning::ServedByBruteForce { phase, rows, .. } => {
            ("brute_force", (*rows as f64, 0.0, "rows"), phase.clone())
        }
        // Figures of another collection than the scenario's.
        Warning::CollectionReplaced { phase, .. } => ("collection_replaced", YES, phase.clone()),
        Warning::ForeignRows { phase, rows, .. } => {
            ("foreign_rows", (*rows as f64, 0.0, "rows"), phase.clone())
        }
        _ => return None,
    };
    let state = if matches!(
        warning,
        Warning::CollectionReplaced { .. } | Warning::ForeignRows { .. }
    ) {
        Invalid
    } else {
        Reservations
    };
    Some(Reason {
        at,
        ..reason(code, state, figure, warning.to_string())
    })
}

/// A workload that had nothing to send has no figures, which is no fault.
fn nothing_due(info: &RunInfo, analysis: &Analysis, workload: &WorkloadAnalysis) -> Reason {
    let is_all = analysis
        .workloads
        .iter()
        .filter(|other| !other.is_preparation())
        .all(|other| other.requests.due == 0);
    let time = format!(
        "nothing was due in the {} s that it ran",
        (workload.duration_s * 1e3).round() / 1e3
    );
    let advice = match (&workload.stopped, workload.rate.target) {
        (Some(stopped), _) => format!(
            "nothing was due, since {stopped}: there is nothing to measure; give it more rows, or \
             a phase of its own"
        ),
        _ if info.status != Status::Complete => format!(
            "{time}, since the run ended before that: there is nothing to measure; run it again"
        ),
        (None, Some(rate)) => format!(
            "{time}: at {rate} requests/s the first request comes later; use a longer phase or a \
             higher rate"
        ),
        (None, None) => {
            format!(
                "{time}, since none of its callers had started: there is nothing to measure; use \
                 a longer phase or more callers"
            )
        }
    };
    let state = if is_all { Invalid } else { Reservations };
    Reason {
        at: workload.place(),
        ..reason("nothing_due", state, YES, advice)
    }
}

fn of_failures(workload: &WorkloadAnalysis) -> Vec<Reason> {
    let counts = &workload.requests;
    let failed = counts.failed as f64 / counts.due.max(1) as f64;
    let mut reasons = Vec::new();
    if counts.ok == 0 {
        let advice = "no request succeeded, so there is nothing to measure: check the errors, and \
                      run `doctor`";
        reasons.push(reason("no_success", Invalid, YES, advice));
    } else if failed > FAILED {
        let advice = "requests failed; the quantiles cover successes only; check the outcomes and \
                      the errors before you trust the tail";
        reasons.push(reason(
            "failed",
            Reservations,
            (failed, FAILED, "share"),
            advice,
        ));
    }
    reasons.extend(trend(workload));
    at(workload, reasons)
}

/// A figure of a phase is one number, which a phase that changes all along does not have.
fn trend(workload: &WorkloadAnalysis) -> Option<Reason> {
    let change = workload.trend?.change;
    let (verb, than) = if change > 0.0 {
        ("rose", "slower")
    } else {
        ("fell", "faster")
    };
    let advice = format!(
        "the mean latency {verb} across the phase: its last third was {than} than its first by \
         this share, so quantiles and intervals hold for this phase only; use a longer warm-up, \
         or find out what grows (rows, segments, a queue)"
    );
    Some(reason(
        "trend",
        Reservations,
        (change.abs(), TREND, "share"),
        advice,
    ))
}

/// A truth that a reply proves wrong says nothing about any other reply.
fn truth_wrong(workload: &WorkloadAnalysis) -> Option<Reason> {
    let advice = format!(
        "{}; regenerate the truth file; other figures are unaffected",
        workload
            .no_recall
            .as_deref()
            .unwrap_or("the truth of its data set is wrong")
    );
    let found = (workload.truth_wrong > 0).then(|| {
        reason(
            "truth_wrong",
            Reservations,
            (workload.truth_wrong as f64, 0.0, "requests"),
            advice,
        )
    });
    found.map(|reason| Reason {
        at: workload.place(),
        ..reason
    })
}

fn at(workload: &WorkloadAnalysis, mut reasons: Vec<Reason>) -> Vec<Reason> {
    reasons
        .iter_mut()
        .for_each(|reason| reason.at = workload.place());
    reasons
}

fn of_spans(info: &RunInfo, workload: &WorkloadAnalysis) -> Vec<Reason> {
    let Some(join) = &workload.join else {
        return Vec::new();
    };
    // What was refused on the way to Milvus has no span there, and that is no loss.
    let known =
        (join.sampled - join.not_recorded - join.not_fetched).saturating_sub(join.missing_failed);
    let mut reasons: Vec<Reason> = workload
        .traces
        .iter()
        .filter_map(impossible_times)
        .collect();
    let spoilt = workload
        .traces
        .as_ref()
        .map_or(0, |traces| traces.spoilt_by_times);
    let alone = workload
        .traces
        .as_ref()
        .filter(|_| proves_the_store(info))
        .map_or(0, |traces| traces.client_span_alone);
    let handlers = workload
        .traces
        .as_ref()
        .map_or(0, |traces| traces.handler_lost);
    if join.matched == 0 {
        if known > 0 && known == spoilt {
            return at(workload, reasons);
        }
        let (code, advice) = if known == 0 && join.missing_failed > 0 {
            (
                "no_spans",
                "no traced request succeeded, and no failed one has a server span, so there is no \
                 latency breakdown: they were refused on the way to Milvus; check the errors"
                    .to_owned(),
            )
        } else if known > 0 {
            let (code, advice) = no_span_at_all(info, join, (known, alone, handlers));
            (code, advice.to_owned())
        } else {
            ("no_spans", not_fetched(info))
        };
        reasons.push(reason(code, Reservations, YES, advice));
        return at(workload, reasons);
    }
    let matched = join.matched as f64 / known.max(1) as f64;
    // What impossible times cost has been said.
    let without_spoilt = (join.matched + spoilt) as f64 / known.max(1) as f64;
    if without_spoilt < MATCHED {
        let (code, advice) =
            Losses::of(join, (known - spoilt.min(known), alone, handlers)).code_and_advice();
        reasons.push(reason(
            code,
            Reservations,
            (matched, MATCHED, "share"),
            advice,
        ));
    }
    if join.not_fetched == 0 {
        reasons.extend(unequal_bands(workload));
    }
    reasons.extend(negative_gaps(workload, join.matched));
    at(workload, reasons)
}

/// Why no span of any request was fetched, as the run recorded it.
fn not_fetched(info: &RunInfo) -> String {
    let fetch = info.fetch.as_ref();
    let error = fetch.and_then(|fetch| fetch.error.as_deref());
    let remark = fetch
        .filter(|fetch| kind_of(&fetch.source) == Some(SourceKind::Nothing))
        .map(|fetch| fetch.remark.as_str())
        .filter(|remark| !remark.is_empty());
    match (error, remark) {
        (None, Some(why)) => format!(
            "there is no latency breakdown: {why}; once it answers, `milvus-bench spans` fetches \
             the spans"
        ),
        (error, _) => format!(
            "server spans were not fetched, so there is no latency breakdown: {}",
            error.unwrap_or("fetch them with `milvus-bench spans`")
        ),
    }
}

/// The spans are there, and hang below something that is not.
const PARENTS_CHANGED: &str = "server spans came back in the traces of requests, but do not hang \
                               below the client's span, so these requests are in no latency \
                               breakdown: a proxy or mesh on the way to Milvus inserts its own \
                               span into `traceparent` and exports it elsewhere or not at all; \
                               switch its tracing off for this route, or let it export to the \
                               same back end";

/// Why no request of a workload has server spans: what is known of the way of the spans tells the
/// causes apart. `seen` as of [`Losses::of`].
fn no_span_at_all(
    info: &RunInfo,
    join: &Join,
    seen: (u64, u64, u64),
) -> (&'static str, &'static str) {
    let has_milvus = info
        .fetch
        .as_ref()
        .is_some_and(|fetch| fetch.services.iter().any(|name| is_milvus_service(name)));
    let exported = info.export.as_ref().map_or(0, |export| export.exported);
    match Losses::of(join, seen) {
        Losses::ParentChanged => ("no_spans", PARENTS_CHANGED),
        Losses::NeverMade if has_milvus => (
            "sampling_changed",
            "no traced request has a server span, though the client's own spans came back and the \
             trace back end has spans of Milvus: either a mesh or gateway on the way to Milvus \
             clears the sampled flag, drops or replaces `traceparent` (let it keep both, Istio: \
             meshConfig.defaultConfig.tracing, or send to Milvus directly to find out), or those \
             spans are of another Milvus and this one exports nothing there (trace.exporter otlp, \
             trace.otlp.endpoint)",
        ),
        Losses::NeverMade => (
            "no_spans",
            "no server spans were found for any traced request, so there is no latency breakdown; \
             the client's own spans came back, so the trace back end keeps what it is sent: \
             either Milvus exports nothing there (trace.exporter otlp, trace.otlp.endpoint), or a \
             mesh or gateway on the way clears the sampled flag, drops or replaces `traceparent`; \
             `doctor` tests each link",
        ),
        Losses::Whole if exported > 0 && proves_the_store(info) => (
            "no_spans",
            "neither server spans nor the client's own spans came back for most traced requests, \
             so there is no latency breakdown: the trace back end or a collector before it loses \
             whole traces (tail sampling, a full queue), or it is a different one from that of \
             [tracing] export; check the spans that it drops, and run `doctor`",
        ),
        _ => (
            "no_spans",
            "no server spans were found for any traced request, so there is no latency breakdown: \
             check with `doctor` that Milvus exports to the same trace back end (trace.exporter \
             otlp), and that no mesh or gateway on the way clears the sampled flag, drops or \
             replaces `traceparent`",
        ),
    }
}

/// Whether the client's spans come back the way that Milvus' spans do. A receiver in this process
/// has them from the process itself, whatever Milvus' exporter, or a collector behind it, does with
/// whole traces.
fn proves_the_store(info: &RunInfo) -> bool {
    info.fetch
        .as_ref()
        .is_some_and(|fetch| kind_of(&fetch.source) != Some(SourceKind::Received))
}

/// How the requests that are not matched lost their server spans.
#[derive(Clone, Copy)]
enum Losses {
    /// Some in part, as in a store or a queue that loses spans.
    InPart,
    /// Server spans are there, and hang below something that is not.
    ParentChanged,
    /// All or nothing, and the client's own spans of most came back: no server spans were made for
    /// these requests.
    NeverMade,
    /// All or nothing, and nothing proves that the store has what it is sent: one that loses or
    /// samples whole traces is as likely.
    Whole,
}

impl Losses {
    /// `known`: requests of which something can be known; `client_span_alone`: those of them whose
    /// client span came back and nothing else; `handler_lost`: those without a root whose handler's
    /// span was lost.
    fn of(join: &Join, (known, client_span_alone, handler_lost): (u64, u64, u64)) -> Self {
        let in_part = join.incomplete + join.no_root;
        let lost = known.saturating_sub(join.matched);
        let missing = join.missing.saturating_sub(join.missing_failed);
        let changed = join.no_root.saturating_sub(handler_lost);
        if changed > 0 && changed as f64 >= (1.0 - IN_PART) * lost as f64 {
            Self::ParentChanged
        } else if missing < WHOLE_LOSSES || in_part as f64 > IN_PART * lost as f64 {
            Self::InPart
        } else if 2 * client_span_alone > missing {
            Self::NeverMade
        } else {
            Self::Whole
        }
    }

    fn code_and_advice(self) -> (&'static str, &'static str) {
        match self {
            Self::ParentChanged => ("parent_changed", PARENTS_CHANGED),
            Self::NeverMade => (
                "sampling_changed",
                "the other traced requests have no server span at all, though the client's own \
                 spans of most of them came back: a mesh or gateway on the way to Milvus clears \
                 the sampled flag, drops or replaces `traceparent`; let it keep both (Istio: \
                 meshConfig.defaultConfig.tracing), and run `doctor` several times",
            ),
            Self::Whole => (
                "unmatched",
                "the other traced requests have no server span at all: either the trace back end \
                 or a collector before it dropped whole traces (tail sampling, a full queue), or \
                 a mesh or gateway on the way to Milvus clears the sampled flag, drops or \
                 replaces `traceparent`; check the collector's count of dropped spans, and run \
                 `doctor` several times; the client's own spans distinguish the two if they are \
                 exported to the same back end as those of Milvus ([tracing] export)",
            ),
            Self::InPart => (
                "unmatched",
                "server spans of some traced requests stayed incomplete, so the latency breakdown \
                 covers only the others: trace less (a smaller sample_ratio), wait longer \
                 (settle), or give the collector larger queues",
            ),
        }
    }
}

/// Spans whose times can't be, with what they cost.
fn impossible_times(traces: &TraceFacts) -> Option<Reason> {
    let found = traces.impossible.in_words()?;
    let cost = match traces.spoilt_by_times {
        0 => String::new(),
        1 => "; 1 request is therefore missing from the latency breakdown".to_owned(),
        requests => {
            format!("; {requests} requests are therefore missing from the latency breakdown")
        }
    };
    let advice = format!(
        "{found}: they are excluded from all figures{cost}; check the clocks of Milvus' machines, \
         and whatever forwards its spans to the trace back end"
    );
    Some(reason(
        "impossible_times",
        Reservations,
        (traces.impossible.total() as f64, 0.0, "spans"),
        advice,
    ))
}

/// Traces that are lost in one band more than in another make the latency breakdown that of other
/// requests.
fn unequal_bands(workload: &WorkloadAnalysis) -> Option<Reason> {
    let shares = workload
        .cut_bands()
        .filter(|band| band.sampled >= BAND_SAMPLED)
        .map(|band| 1.0 - band.matched as f64 / band.sampled as f64);
    let (least, most) = shares.fold(
        (f64::INFINITY, f64::NEG_INFINITY),
        |(least, most), share| (least.min(share), most.max(share)),
    );
    let advice = "traces of slow and of fast requests were lost unequally, so the bands with more \
                  losses are biased: trace less, so that none are lost";
    // 1 - 0.95 is a little more than 0.05 in binary.
    (most - least > BAND_DIFFERENCE + 1e-9).then(|| {
        reason(
            "unmatched_bands",
            Reservations,
            (most - least, BAND_DIFFERENCE, "share"),
            advice,
        )
    })
}

fn negative_gaps(workload: &WorkloadAnalysis, matched: u64) -> Option<Reason> {
    let traces = workload.traces.as_ref()?;
    let share = traces.negative_gaps as f64 / matched.max(1) as f64;
    let advice = "server spans last longer than the calls that they belong to, more than the \
                  order in which the server ends them explains: check the clocks and the trace \
                  back end; do not trust the gap";
    if share > NEGATIVE_GAPS {
        Some(reason(
            "negative_gap",
            Reservations,
            (share, NEGATIVE_GAPS, "share"),
            advice,
        ))
    } else {
        (traces.lowest_gap_us < LOWEST_GAP_US).then(|| {
            reason(
                "negative_gap",
                Reservations,
                (traces.lowest_gap_us, LOWEST_GAP_US, "us"),
                advice,
            )
        })
    }
}

#[cfg(test)]
mod tests;
