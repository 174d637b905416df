//! From a run folder to an [`Analysis`].

pub(super) mod head;
mod plan;
mod recall;
mod recorded;
mod stream;

use std::collections::{BTreeMap, BTreeSet};

use hdrhistogram::Histogram;

use self::{recorded::Recorded, stream::Stream};
use crate::{
    analysis::{
        explanation::kept::KeptTraces,
        figures::{connections, machine, series::SeriesMaker},
        judgement::{thresholds, verdict},
        model::{
            Analysis, Band, ErrorText, Join, PhaseTime, RequestCounts, ThresholdResult,
            WorkloadAnalysis,
        },
        requests::{
            collect::{self, Collected},
            table,
        },
        traces::{join::JoinState, times::Possible},
    },
    record::{
        Figure, FigureHistograms, FolderError, HistogramKey, Outcome, Part, RunInfo, RunReader,
        Status, StreamInfo,
    },
    spans::{SourceKind, Trace, kind_of},
};

/// Version of `report.json`.
const FORMAT: u32 = 1;

/// Why a run can't be analysed: one sentence with the file and the next step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AnalysisError(pub String);

impl From<FolderError> for AnalysisError {
    fn from(error: FolderError) -> Self {
        Self(error.0)
    }
}

/// Analyses a run. `traces` are those of `spans.jsonl`, each trace id once, in any order; the same
/// files give the same bytes.
///
/// # Errors
/// requests.jsonl or latency.hlog can't be opened. Damage within them is told in
/// [`Analysis::warnings`].
pub fn analyse(
    reader: &RunReader,
    traces: impl Iterator<Item = Trace>,
) -> Result<Analysis, AnalysisError> {
    let info = reader.info();
    let histograms = reader.histograms()?;
    let mut courses = SeriesMaker::new(info);
    for (key, seconds) in &histograms.seconds {
        seconds.iter().for_each(|second| courses.add(key, second));
    }
    let mut series = courses.finish();
    let mut found = collect::read_requests(reader)?;
    want_traces(info, &histograms, &mut found);
    collect::read_spans(&mut found, traces, resolution(info), Possible::of(info));
    let mut joins = joins(info, &mut found);
    let recorded = Recorded::of(reader, &histograms);
    let measured = info
        .streams
        .iter()
        .enumerate()
        .filter(|(_, stream)| stream.is_measured());
    let measured = measured.filter(|(_, stream)| was_begun(info, stream, &histograms));
    let workloads = measured
        .map(|(at, stream)| {
            let streams = Stream {
                info,
                stream,
                histograms: &histograms,
                data: &found.streams[at],
                found: &found,
                recorded,
            };
            let mut workload = streams.workload(joins.remove(&at));
            workload.series = series.remove(&at);
            if let Some(kept) = &found.streams[at].kept {
                kept.draw(reader, stream, &found.streams[at].requests, &mut workload);
            }
            workload
        })
        .collect();
    let (connections, not_whole) = connections::connections(reader);
    let mut analysis = Analysis {
        format: FORMAT,
        name: info.name.clone(),
        description: info.description.clone(),
        run: info.run.clone(),
        status: head::status(info.status).to_owned(),
        failure: info.failure.clone(),
        environment: head::environment(info),
        phases: phase_times((info, recorded), &histograms, &found),
        client_capacity: info.client_capacity.clone(),
        plan: plan::rows(&info.plan),
        spans: head::spans(info, &found),
        workloads,
        connections,
        machine: machine::phases(info),
        collections: info.collections.clone(),
        warmup: head::warmup(info, &histograms),
        errors: info
            .errors
            .iter()
            .map(|error| ErrorText {
                at: error.stream.clone(),
                outcome: error.outcome.clone(),
                text: error.text.clone(),
            })
            .collect(),
        warnings: head::warnings(info, &histograms, &found)
            .into_iter()
            .chain(not_whole)
            .collect(),
        verdict: crate::analysis::Verdict::default(),
        thresholds: Vec::new(),
        requests: crate::analysis::RequestTable::default(),
        round: info.round,
    };
    analysis.verdict = verdict::verdict(info, &analysis, &reader.changed_files());
    // What the verdict says is not said again.
    analysis.warnings.retain(|warning| {
        !analysis
            .verdict
            .reasons
            .iter()
            .any(|reason| reason.advice.contains(warning.as_str()))
    });
    analysis.thresholds =
        against_thresholds((info, recorded), &histograms, &found, &analysis.workloads);
    analysis.requests = table::table(&info.streams, &mut found);
    Ok(analysis)
}

/// How long each phase of the load really ran, its stages, and the ramps between them, together;
/// without warm-up.
fn phase_times(
    (info, recorded): (&RunInfo, Recorded),
    histograms: &FigureHistograms,
    found: &Collected,
) -> Vec<PhaseTime> {
    let phases = info
        .phases
        .iter()
        .filter(|phase| phase.name != verdict::PREPARE);
    let time = |name: &str| {
        let streams = info
            .streams
            .iter()
            .zip(&found.streams)
            .filter(|(stream, _)| stream.phase == name && stream.part != Some(Part::Warmup));
        let ran = streams.map(|(stream, data)| {
            Stream {
                info,
                stream,
                histograms,
                data,
                found,
                recorded,
            }
            .ran_ns()
        });
        let ran = ran.filter(|ran| !ran.is_empty());
        let (start, end) = ran.fold((u64::MAX, 0), |(start, end), ran| {
            (start.min(ran.start), end.max(ran.end))
        });
        PhaseTime {
            phase: name.to_owned(),
            duration_s: end.saturating_sub(start) as f64 / 1e9,
        }
    };
    phases.map(|phase| time(&phase.name)).collect()
}

/// What the scenario requires, at every workload that was measured.
fn against_thresholds(
    (info, recorded): (&RunInfo, Recorded),
    histograms: &FigureHistograms,
    found: &Collected,
    workloads: &[WorkloadAnalysis],
) -> Vec<ThresholdResult> {
    let of = |workload: &WorkloadAnalysis| {
        let alike = |stream: &StreamInfo| {
            stream.is_measured()
                && stream.phase == workload.phase
                && stream.workload == workload.workload
                && stream.stage() == workload.stage.as_deref()
        };
        let at = info.streams.iter().position(alike)?;
        Some(Stream {
            info,
            stream: &info.streams[at],
            histograms,
            data: &found.streams[at],
            found,
            recorded,
        })
    };
    let measured = workloads
        .iter()
        .filter(|workload| workload.phase != verdict::PREPARE);
    let streams: Vec<(&WorkloadAnalysis, Stream<'_>)> = measured
        .filter_map(|workload| Some((workload, of(workload)?)))
        .collect();
    // Sent requests have a send lag and a queue time whatever became of them.
    let seconds: Vec<_> = streams
        .iter()
        .map(|(_, stream)| {
            move |figure: Figure| {
                let of_sent = matches!(figure, Figure::SendLag | Figure::QueueTime);
                let wanted = move |outcome| {
                    if of_sent {
                        outcome != Outcome::NotSent
                    } else {
                        outcome == Outcome::Ok
                    }
                };
                Some(stream.series(stream.window()?, figure, wanted))
            }
        })
        .collect();
    let rows: Vec<thresholds::Row<'_>> = streams
        .iter()
        .zip(&seconds)
        .map(|((workload, stream), seconds)| thresholds::Row {
            workload,
            requests: &stream.data.requests,
            parts: &found.parts,
            seconds,
        })
        .collect();
    thresholds::results(&info.thresholds, info.aborted.as_ref(), &rows)
}

/// Whether anything of `stream` was measured, or should have been: what a failed or broken off run
/// did not come to has no figures, and none are made up for it.
fn was_begun(info: &RunInfo, stream: &StreamInfo, histograms: &FigureHistograms) -> bool {
    let phase = info.phases.iter().any(|phase| phase.name == stream.phase);
    // A run that was cut came to the first stages only.
    let reached = info.status == Status::Complete || stream.stage().is_none();
    stream.due > 0
        || (info.status != Status::Failed && phase && reached)
        || counts(stream, histograms).due > 0
}

/// Makes room for the traces that will be drawn. Preparation is not drawn: its one trace is as
/// large as its inserts are many.
fn want_traces(info: &RunInfo, histograms: &FigureHistograms, found: &mut Collected) {
    for (stream, data) in info
        .streams
        .iter()
        .zip(&mut found.streams)
        .filter(|(stream, _)| stream.phase != "prepare")
    {
        let latency = if stream.open_loop {
            Figure::ResponseTime
        } else {
            Figure::ServiceTime
        };
        let ok = of_stream(histograms, stream, latency).find(|(key, _)| key.outcome == Outcome::Ok);
        data.kept = ok.map(|(_, histogram)| KeptTraces::new(histogram));
    }
}

/// Resolution of the span times; nanoseconds where nothing was fetched.
pub(super) fn resolution(info: &RunInfo) -> u32 {
    info.fetch
        .as_ref()
        .map_or(1, |fetch| fetch.resolution_ns.max(1))
}

/// Histograms of one stream and figure, by outcome.
fn of_stream<'h>(
    histograms: &'h FigureHistograms,
    stream: &'h StreamInfo,
    figure: Figure,
) -> impl Iterator<Item = (&'h HistogramKey, &'h Histogram<u64>)> {
    histograms.merged.iter().filter(move |(key, _)| {
        key.figure == figure
            && Some(&key.part) == stream.part.as_ref()
            && key.phase == stream.phase
            && key.workload == stream.workload
    })
}

fn counts(stream: &StreamInfo, histograms: &FigureHistograms) -> RequestCounts {
    let mut counts = RequestCounts::default();
    let mut by_outcome: BTreeMap<Outcome, u64> = BTreeMap::new();
    // A request that was not sent has no service time, and one of preparation no lag: the largest
    // count is that of all.
    for (key, histogram) in Figure::ALL
        .into_iter()
        .flat_map(|figure| of_stream(histograms, stream, figure))
    {
        let count = by_outcome.entry(key.outcome).or_default();
        *count = histogram.len().max(*count);
    }
    for (outcome, count) in by_outcome {
        match outcome {
            Outcome::Ok => counts.ok = count,
            Outcome::NotSent => counts.not_sent = count,
            outcome => {
                counts.failed += count;
                counts.outcomes.insert(outcome.to_string(), count);
            }
        }
    }
    // Counted from what was recorded, so that the sum holds for a killed run too.
    counts.due = counts.ok + counts.failed + counts.not_sent;
    counts
}

/// The join states of every measured stream that sampled anything; requests without a trace get
/// theirs here.
fn joins(info: &RunInfo, found: &mut Collected) -> BTreeMap<usize, Join> {
    let fetch = info.fetch.as_ref();
    // No source was asked, or the reading was broken off: what was not seen may still be there.
    let ended_early = fetch.is_none_or(|fetch| {
        kind_of(&fetch.source) == Some(SourceKind::Nothing)
            || (fetch.asked == 0 && fetch.error.is_some())
    });
    let hex = |id: &String| u128::from_str_radix(id, 16).ok();
    let not_fetched: BTreeSet<u128> = fetch
        .iter()
        .flat_map(|fetch| &fetch.not_fetched_ids)
        .filter_map(hex)
        .collect();
    let mut joins = BTreeMap::new();
    for (at, data) in found.streams.iter_mut().enumerate() {
        let not_recorded = info.streams[at].not_recorded;
        let mut join = Join {
            not_recorded,
            sampled: data.requests.len() as u64 + not_recorded,
            ..Join::default()
        };
        for request in &mut data.requests {
            let failed = !request.ok;
            let unseen = if ended_early || not_fetched.contains(&request.trace_id) {
                JoinState::NotFetched
            } else {
                JoinState::Missing
            };
            *match request.state.get_or_insert(unseen) {
                JoinState::Matched => &mut join.matched,
                JoinState::Incomplete => &mut join.incomplete,
                JoinState::NoRoot => &mut join.no_root,
                JoinState::Missing => {
                    join.missing_failed += u64::from(failed);
                    &mut join.missing
                }
                JoinState::NotRecorded => &mut join.not_recorded,
                JoinState::NotFetched => &mut join.not_fetched,
            } += 1;
        }
        if join.sampled > 0 {
            joins.insert(at, join);
        }
    }
    joins
}

/// The account's bands without `all`.
pub(super) fn cut_bands(workload: &WorkloadAnalysis) -> impl Iterator<Item = &Band> {
    workload.account.iter().filter(|band| band.band != "all")
}

#[cfg(test)]
mod cut_tests;
#[cfg(test)]
mod tests;
