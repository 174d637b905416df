//! From a run folder to an [`Analysis`]: what brings the rooms together. None of them imports it.

mod classes;
mod head;
mod joining;
mod plan;
mod recall;
mod recorded;
mod stream;

use std::collections::{BTreeMap, BTreeSet};

use self::{
    joining::RunTraces,
    recorded::Recorded,
    stream::{Run, Stream},
};
use crate::{
    analysis::{
        explanation::{advice, exemplar_traces::ExemplarTraces},
        figures::{
            connections,
            course::CourseMaker,
            histograms::{counts, successes},
            machine,
        },
        judgement::{thresholds, verdict},
        model::{
            Analysis, AnalysisError, Course, ErrorText, Join, JoinState, PhaseTime,
            ThresholdResult, WorkloadAnalysis,
        },
        requests::{
            lines::{self, Lines},
            listing,
        },
        traces::times::Possible,
    },
    record::{Figure, FigureHistograms, Outcome, Part, RunInfo, RunReader, Status, StreamInfo},
    spans::{SourceKind, Trace, kind_of},
};

/// Version of `report.json`.
const FORMAT: u32 = 1;

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
    let mut lines = lines::read(reader)?;
    let mut found = RunTraces::of(info.streams.len());
    want_traces(info, &histograms, &mut found);
    let (resolution, possible) = (info.span_resolution_ns(), Possible::of(info));
    found.read(traces, &mut lines, resolution, possible);
    let joins = joins(info, &mut lines);
    let run = Run {
        info,
        histograms: &histograms,
        lines: &lines,
        traces: &found,
        recorded: Recorded::of(reader, &histograms),
    };
    let (connections, not_whole) = connections::connections(reader);
    let mut analysis = Analysis {
        workloads: workloads(reader, &run, joins),
        connections,
        warnings: head::warnings(&run).into_iter().chain(not_whole).collect(),
        ..around(&run)
    };
    analysis.verdict = verdict::verdict(info, &analysis, &reader.changed_files());
    beside_other_programs(&mut analysis);
    // What the verdict says is not said again.
    analysis.warnings.retain(|warning| {
        let mut reasons = analysis.verdict.reasons.iter();
        !reasons.any(|reason| reason.advice.contains(warning.as_str()))
    });
    analysis.thresholds = against_thresholds(&run, &analysis.workloads);
    analysis.requests = listing::table(&info.streams, &mut lines.streams, &found.parts);
    Ok(analysis)
}

/// Suggestions where the verdict has the caveat that other programs used the machine on which
/// Milvus ran.
fn beside_other_programs(analysis: &mut Analysis) {
    let (machine, reasons) = (&analysis.machine, &analysis.verdict.reasons);
    let is_shared = |phase: &str| {
        let mut machines = machine.iter().filter(|machine| machine.phase == phase);
        machines.any(|machine| machine.use_of.milvus.iter().any(|cores| *cores > 0.0))
    };
    let is_busy = |workload: &WorkloadAnalysis| {
        let places = [workload.phase.clone(), workload.place()];
        let mut busy = reasons.iter().filter(|reason| reason.busy_machine);
        busy.any(|reason| places.contains(&reason.at)) && is_shared(&workload.phase)
    };
    for workload in analysis.workloads.iter_mut().filter(|of| is_busy(of)) {
        advice::beside_other_programs(&mut workload.advice);
    }
}

/// What stands around the figures of the workloads.
fn around(run: &Run<'_>) -> Analysis {
    let info = run.info;
    let errors = info.errors.iter().map(|error| ErrorText {
        at: error.stream.clone(),
        outcome: error.outcome.clone(),
        text: error.text.clone(),
    });
    Analysis {
        format: FORMAT,
        name: info.name.clone(),
        description: info.description.clone(),
        run: info.run.clone(),
        status: head::status(info.status).to_owned(),
        failure: info.failure.clone(),
        environment: head::environment(info),
        phases: phase_times(run),
        client_capacity: info.client_capacity.clone(),
        plan: plan::rows(&info.plan),
        spans: head::spans(run),
        machine: machine::phases(info),
        collections: info.collections.clone(),
        warmup: head::warmup(info, run.histograms),
        errors: errors.collect(),
        round: info.round,
        ..Analysis::default()
    }
}

/// Every workload that was measured, or should have been.
fn workloads(
    reader: &RunReader,
    run: &Run<'_>,
    mut joins: BTreeMap<usize, Join>,
) -> Vec<WorkloadAnalysis> {
    let info = run.info;
    let mut courses = courses(info, run.histograms);
    let streams = info.streams.iter().enumerate();
    let begun = streams
        .filter(|(_, stream)| stream.is_measured() && was_begun(info, stream, run.histograms));
    begun
        .map(|(number, stream)| {
            let found = Stream::of(run, number);
            let mut workload = found.workload(joins.remove(&number));
            workload.course = courses.remove(&number);
            if let Some(exemplars) = &found.traces.exemplars {
                exemplars.draw(reader, stream, &found.lines.requests, &mut workload);
            }
            workload
        })
        .collect()
}

fn courses(info: &RunInfo, histograms: &FigureHistograms) -> BTreeMap<usize, Course> {
    let mut courses = CourseMaker::new(info);
    for (key, seconds) in &histograms.seconds {
        seconds.iter().for_each(|second| courses.add(key, second));
    }
    courses.finish()
}

/// How long each phase of the load really ran, its stages, and the ramps between them, together;
/// without warm-up.
fn phase_times(run: &Run<'_>) -> Vec<PhaseTime> {
    let time = |name: &str| {
        let streams = run.info.streams.iter().enumerate();
        let ran = streams
            .filter(|(_, stream)| stream.phase == name && stream.part != Some(Part::Warmup))
            .map(|(number, _)| Stream::of(run, number).ran_ns())
            .filter(|ran| !ran.is_empty());
        let (start, end) = ran.fold((u64::MAX, 0), |(start, end), ran| {
            (start.min(ran.start), end.max(ran.end))
        });
        PhaseTime {
            phase: name.to_owned(),
            duration_s: end.saturating_sub(start) as f64 / 1e9,
        }
    };
    let phases = run.info.phases.iter();
    phases
        .filter(|phase| !phase.is_preparation())
        .map(|phase| time(&phase.name))
        .collect()
}

/// What the scenario requires, at every workload that was measured.
fn against_thresholds(run: &Run<'_>, workloads: &[WorkloadAnalysis]) -> Vec<ThresholdResult> {
    let measured = workloads
        .iter()
        .filter(|workload| !workload.is_preparation());
    let measured: Vec<&WorkloadAnalysis> = measured.collect();
    let number_of = |workload: &WorkloadAnalysis| {
        let mut streams = run.info.streams.iter();
        streams.position(|stream| workload.is_of(stream))
    };
    let wholes = measured.iter().filter_map(|workload| {
        let stream = Stream::of(run, number_of(workload)?);
        Some((*workload, stream, None))
    });
    let parts = classes::parts(&measured, &run.info.streams);
    let classes = parts.iter().filter_map(|part| {
        let whole = Stream::of(run, number_of(part.whole)?);
        Some((&part.figures, whole.part(&part.stream), Some(part.class)))
    });
    let streams: Vec<_> = wholes.chain(classes).collect();
    // Sent requests have a send lag and a queue time whatever became of them.
    let seconds: Vec<_> = streams
        .iter()
        .map(|(_, stream, _)| {
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
        .map(|((workload, stream, class), seconds)| thresholds::Row {
            workload,
            requests: stream.requests(*class),
            parts: &run.traces.parts,
            seconds,
        })
        .collect();
    thresholds::results(&run.info.thresholds, run.info.aborted.as_ref(), &rows)
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
fn want_traces(info: &RunInfo, histograms: &FigureHistograms, found: &mut RunTraces) {
    let streams = info.streams.iter().zip(&mut found.streams);
    for (stream, traces) in streams.filter(|(stream, _)| !stream.is_preparation()) {
        traces.exemplars = successes(histograms, stream, stream.latency()).map(ExemplarTraces::new);
    }
}

/// The join states of every measured stream that sampled anything; requests without a trace get
/// theirs here.
fn joins(info: &RunInfo, lines: &mut Lines) -> BTreeMap<usize, Join> {
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
    for (at, lines) in lines.streams.iter_mut().enumerate() {
        let not_recorded = info.streams[at].not_recorded;
        let mut join = Join {
            not_recorded,
            sampled: lines.requests.len() as u64 + not_recorded,
            ..Join::default()
        };
        for request in &mut lines.requests {
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

#[cfg(test)]
mod cut_tests;
#[cfg(test)]
mod tests;
