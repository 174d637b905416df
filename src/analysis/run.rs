//! From a run folder to an [`Analysis`].

mod head;
mod recall;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use hdrhistogram::Histogram;

use super::{
    Analysis, Band, Contrast, ErrorText, Join, JoinState, PhaseTime, Quantiles, Rates, RequestCounts, ThresholdResult, TracingCost,
    WorkloadAnalysis, advice, bands, collect,
    collect::{Collected, StreamData},
    connections,
    contrasts::{self, PhaseSide},
    exemplars, instances, intervals,
    intervals::Window,
    kept::KeptTraces,
    machine, plan, quantiles,
    recorded::Recorded,
    requests, rows,
    series::SeriesMaker,
    statistics::{series::Series, trend},
    tail, thresholds,
    times::Possible,
    tracing_cost::{self, Switched},
    verdict,
};
use crate::{
    record::{Figure, FigureHistograms, FolderError, HistogramKey, Outcome, Part, RunInfo, RunReader, Status, StreamInfo},
    spans::Trace,
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

/// Analyses a run. `traces` are those of `spans.jsonl`, each trace id once, in any order; the same files give the same
/// bytes.
///
/// # Errors
/// requests.jsonl or latency.hlog can't be opened. Damage within them is told in [`Analysis::warnings`].
pub fn analyse(reader: &RunReader, traces: impl Iterator<Item = Trace>) -> Result<Analysis, AnalysisError> {
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
    let measured = info.streams.iter().enumerate().filter(|(_, stream)| stream.is_measured());
    let measured = measured.filter(|(_, stream)| was_begun(info, stream, &histograms));
    let workloads = measured
        .map(|(at, stream)| {
            let streams = Stream { info, stream, histograms: &histograms, data: &found.streams[at], found: &found, recorded };
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
            .map(|error| ErrorText { at: error.stream.clone(), outcome: error.outcome.clone(), text: error.text.clone() })
            .collect(),
        warnings: head::warnings(info, &histograms, &found).into_iter().chain(not_whole).collect(),
        verdict: super::Verdict::default(),
        thresholds: Vec::new(),
        requests: super::RequestTable::default(),
        round: info.round,
    };
    analysis.verdict = verdict::verdict(info, &analysis, &reader.changed_files());
    analysis.thresholds = against_thresholds((info, recorded), &histograms, &found, &analysis.workloads);
    analysis.requests = requests::table(&info.streams, &mut found);
    Ok(analysis)
}

/// How long each phase of the load really ran, its stages, and the ramps between them, together; without warm-up.
fn phase_times((info, recorded): (&RunInfo, Recorded), histograms: &FigureHistograms, found: &Collected) -> Vec<PhaseTime> {
    let phases = info.phases.iter().filter(|phase| phase.name != verdict::PREPARE);
    let time = |name: &str| {
        let streams =
            info.streams.iter().zip(&found.streams).filter(|(stream, _)| stream.phase == name && stream.part != Some(Part::Warmup));
        let ran = streams.map(|(stream, data)| Stream { info, stream, histograms, data, found, recorded }.ran_ns());
        let ran = ran.filter(|ran| !ran.is_empty());
        let (start, end) = ran.fold((u64::MAX, 0), |(start, end), ran| (start.min(ran.start), end.max(ran.end)));
        PhaseTime { phase: name.to_owned(), duration_s: end.saturating_sub(start) as f64 / 1e9 }
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
        Some(Stream { info, stream: &info.streams[at], histograms, data: &found.streams[at], found, recorded })
    };
    let measured = workloads.iter().filter(|workload| workload.phase != verdict::PREPARE);
    let streams: Vec<(&WorkloadAnalysis, Stream<'_>)> = measured.filter_map(|workload| Some((workload, of(workload)?))).collect();
    // Sent requests have a send lag and a queue time whatever became of them.
    let seconds: Vec<_> = streams
        .iter()
        .map(|(_, stream)| {
            move |figure: Figure| {
                let of_sent = matches!(figure, Figure::SendLag | Figure::QueueTime);
                let wanted = move |outcome| if of_sent { outcome != Outcome::NotSent } else { outcome == Outcome::Ok };
                Some(stream.series(stream.window()?, figure, wanted))
            }
        })
        .collect();
    let rows: Vec<thresholds::Row<'_>> = streams
        .iter()
        .zip(&seconds)
        .map(|((workload, stream), seconds)| thresholds::Row { workload, requests: &stream.data.requests, parts: &found.parts, seconds })
        .collect();
    thresholds::results(&info.thresholds, info.aborted.as_ref(), &rows)
}

/// Whether anything of `stream` was measured, or should have been: what a failed or broken off run did not come to has no
/// figures, and none are made up for it.
fn was_begun(info: &RunInfo, stream: &StreamInfo, histograms: &FigureHistograms) -> bool {
    let phase = info.phases.iter().any(|phase| phase.name == stream.phase);
    // A run that was cut came to the first stages only.
    let reached = info.status == Status::Complete || stream.stage().is_none();
    stream.due > 0 || (info.status != Status::Failed && phase && reached) || counts(stream, histograms).due > 0
}

/// Makes room for the traces that will be drawn. Preparation is not drawn: its one trace is as large as its inserts are many.
fn want_traces(info: &RunInfo, histograms: &FigureHistograms, found: &mut Collected) {
    for (stream, data) in info.streams.iter().zip(&mut found.streams).filter(|(stream, _)| stream.phase != "prepare") {
        let latency = if stream.open_loop { Figure::ResponseTime } else { Figure::ServiceTime };
        let ok = of_stream(histograms, stream, latency).find(|(key, _)| key.outcome == Outcome::Ok);
        data.kept = ok.map(|(_, histogram)| KeptTraces::new(histogram));
    }
}

/// Resolution of the span times; nanoseconds where nothing was fetched.
pub(super) fn resolution(info: &RunInfo) -> u32 {
    info.fetch.as_ref().map_or(1, |fetch| fetch.resolution_ns.max(1))
}

/// Histograms of one stream and figure, by outcome.
fn of_stream<'h>(
    histograms: &'h FigureHistograms,
    stream: &'h StreamInfo,
    figure: Figure,
) -> impl Iterator<Item = (&'h HistogramKey, &'h Histogram<u64>)> {
    histograms.merged.iter().filter(move |(key, _)| {
        key.figure == figure && Some(&key.part) == stream.part.as_ref() && key.phase == stream.phase && key.workload == stream.workload
    })
}

fn counts(stream: &StreamInfo, histograms: &FigureHistograms) -> RequestCounts {
    let mut counts = RequestCounts::default();
    let mut by_outcome: BTreeMap<Outcome, u64> = BTreeMap::new();
    // A request that was not sent has no service time, and one of preparation no lag: the largest count is that of all.
    for (key, histogram) in Figure::ALL.into_iter().flat_map(|figure| of_stream(histograms, stream, figure)) {
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

/// The join states of every measured stream that sampled anything; requests without a trace get theirs here.
fn joins(info: &RunInfo, found: &mut Collected) -> BTreeMap<usize, Join> {
    let fetch = info.fetch.as_ref();
    // No source was asked, or the reading was broken off: what was not seen may still be there.
    let ended_early = fetch.is_none_or(|fetch| fetch.source == "none" || (fetch.asked == 0 && fetch.error.is_some()));
    let hex = |id: &String| u128::from_str_radix(id, 16).ok();
    let not_fetched: BTreeSet<u128> = fetch.iter().flat_map(|fetch| &fetch.not_fetched_ids).filter_map(hex).collect();
    let mut joins = BTreeMap::new();
    for (at, data) in found.streams.iter_mut().enumerate() {
        let not_recorded = info.streams[at].not_recorded;
        let mut join = Join { not_recorded, sampled: data.requests.len() as u64 + not_recorded, ..Join::default() };
        for request in &mut data.requests {
            let failed = !request.ok;
            let unseen = if ended_early || not_fetched.contains(&request.trace_id) { JoinState::NotFetched } else { JoinState::Missing };
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

/// One measured stream with everything that is known of it.
struct Stream<'a> {
    info: &'a RunInfo,
    stream: &'a StreamInfo,
    histograms: &'a FigureHistograms,
    data: &'a StreamData,
    found: &'a Collected,
    recorded: Recorded,
}

impl Stream<'_> {
    fn workload(&self, join: Option<Join>) -> WorkloadAnalysis {
        let stream = self.stream;
        let counts = counts(stream, self.histograms);
        let lost = (counts.failed + counts.not_sent) as f64 / counts.due.max(1) as f64;
        let open = stream.open_loop;
        let duration_s = self.duration_s();
        let mut workload = WorkloadAnalysis {
            phase: stream.phase.clone(),
            stage: stream.stage().map(str::to_owned),
            workload: stream.workload.clone(),
            operation: stream.operation.clone(),
            loop_kind: if open { "open" } else { "closed" }.to_owned(),
            duration_s,
            rate: self.rates(&counts, duration_s),
            response_time_us: self.figure(Figure::ResponseTime, lost).filter(|_| open),
            service_time_us: self.figure(Figure::ServiceTime, lost),
            send_lag_us: self.of_sent(Figure::SendLag).filter(|_| open),
            queue_time_us: self.of_sent(Figure::QueueTime).filter(|_| !open),
            failed_time_us: self.failed_times(),
            histograms: self.histograms(),
            recall: recall::of_stream(self.data),
            no_recall: recall::missing(self.info, stream, self.data),
            truth_wrong: self.data.truth_wrong.0,
            join,
            stopped: stream.stopped.clone(),
            ..WorkloadAnalysis::default()
        };
        let (written, of) = self.data.rows;
        // Rows that a search returns are no throughput.
        let writes = matches!(self.stream.method.as_str(), "Insert" | "Upsert" | "Delete");
        workload.rows_per_s = (writes && written > 0 && of > 0).then(|| workload.rate.throughput * written as f64 / of as f64);
        workload.vectors = stream.replies.map(|replies| replies.vectors).filter(|vectors| *vectors > 1);
        workload.vectors_per_s = workload.vectors.map(|vectors| workload.rate.throughput * vectors as f64);
        workload.rows = stream.replies.zip(self.ok(Figure::Rows)).and_then(|(shape, histogram)| rows::of_histogram(histogram, shape));
        workload.requests = counts;
        let curve = |(name, histogram): (&String, &Histogram<u64>)| (name.clone(), quantiles::curve_of_histogram(histogram));
        workload.curves = workload.histograms.iter().map(curve).collect();
        self.explain(&mut workload);
        // The steps of preparation are single calls, one after the other.
        if stream.phase != verdict::PREPARE {
            self.trust(&mut workload);
        }
        workload
    }

    /// How far every quantile can be trusted, and whether the latency rose or fell all along.
    fn trust(&self, workload: &mut WorkloadAnalysis) {
        let Some(window) = self.window() else { return };
        let place = workload.place();
        let add = |quantiles: &mut Option<Quantiles>, figure: &str, series: &Series| {
            if let Some(quantiles) = quantiles {
                intervals::add(quantiles, series, &[&self.info.run, &place, figure]);
            }
        };
        workload.tracing_cost = self.tracing_cost(window, &place);
        let is_ok = |outcome| outcome == Outcome::Ok;
        let response = self.series(window, Figure::ResponseTime, is_ok);
        let service = self.series(window, Figure::ServiceTime, is_ok);
        workload.trend = trend::trend(if self.stream.open_loop { &response } else { &service });
        add(&mut workload.response_time_us, "response_time", &response);
        add(&mut workload.service_time_us, "service_time", &service);
        let send_lag = self.series(window, Figure::SendLag, |outcome| outcome != Outcome::NotSent);
        add(&mut workload.send_lag_us, "send_lag", &send_lag);
        workload.late_in_full_seconds = self.late_in_full_seconds();
        let matched = || self.data.requests.iter().filter_map(|request| Some((request, request.matched()?.server_ns as i64)));
        let server = matched().map(|(request, server)| (request.done_ns, server));
        add(&mut workload.server_time_us, "server_time", &window.of_values(server));
        let gap = matched().map(|(request, server)| (request.done_ns, request.service_ns() as i64 - server));
        add(&mut workload.gap_us, "gap", &window.of_values(gap));
    }

    /// Whether requests were late when others had filled the machine.
    fn late_in_full_seconds(&self) -> Option<f64> {
        let phase = self.info.phases.iter().find(|phase| phase.name == self.stream.phase)?;
        let keys = of_stream(self.histograms, self.stream, Figure::SendLag).map(|(key, _)| key);
        let sent = keys.filter(|key| key.outcome != Outcome::NotSent);
        machine::late_in_full_seconds(phase.machine.as_ref()?, sent.filter_map(|key| self.histograms.seconds.get(key)).flatten())
    }

    /// What being traced adds to a request.
    fn tracing_cost(&self, window: Window, place: &str) -> Option<TracingCost> {
        let latency = self.latency();
        let (key, histogram) = of_stream(self.histograms, self.stream, latency).find(|(key, _)| key.outcome == Outcome::Ok)?;
        let seconds = self.histograms.seconds.get(key)?;
        let bucket = |value| histogram.median_equivalent(value);
        let phase = self.info.phases.iter().find(|phase| phase.name == self.stream.phase);
        let start_ns = phase.map_or(self.stream.start_ns, |phase| phase.start.monotonic_ns);
        let switched = self.stream.switch.map(|switch| Switched { switch, start_ns });
        tracing_cost::cost(window, seconds.iter(), &self.data.requests, (bucket, switched), &[&self.info.run, place])
    }

    /// What a caller waits.
    fn latency(&self) -> Figure {
        if self.stream.open_loop { Figure::ResponseTime } else { Figure::ServiceTime }
    }

    /// A figure second by second, over the outcomes that are `wanted`.
    fn series(&self, window: Window, figure: Figure, wanted: impl Fn(Outcome) -> bool) -> Series {
        let keys = of_stream(self.histograms, self.stream, figure).map(|(key, _)| key).filter(|key| wanted(key.outcome));
        window.of_counts(keys.filter_map(|key| self.histograms.seconds.get(key)).flatten())
    }

    /// Everything that comes from the spans.
    fn explain(&self, workload: &mut WorkloadAnalysis) {
        let requests = self.data.requests.as_slice();
        if requests.is_empty() {
            return;
        }
        workload.traces = Some(self.data.facts.finish(requests));
        self.matched_quantiles(workload);
        let latency = self.latency();
        let Some(histogram) = self.ok(latency) else { return };
        workload.account = bands::account(histogram, requests, &self.found.parts);
        let sides = tail::sides(histogram, requests);
        let (run, place) = (self.info.run.as_str(), workload.place());
        workload.tail = tail::tail(&sides, requests, self.window(), &self.found.parts, &[run, &place]);
        workload.contrasts = self.contrasts(latency, &[run, &place]);
        workload.stacks = self.found.stacks.stacks(&sides);
        workload.instances = instances::instances(requests, &sides, &self.found.instances);
        workload.node_calls = instances::node_calls(&self.data.node_calls, &self.found.instances);
        workload.exemplars = exemplars::exemplars(histogram, requests, &self.found.parts, self.info);
        let consistency = advice::consistency(&self.info.plan, &self.stream.workload);
        let index_type = advice::index_type(self.info, &self.stream.workload, &self.stream.collection);
        let too_small = advice::too_small(self.info, &self.stream.collection);
        workload.advice = advice::advice(advice::Case { workload, consistency, index_type, too_small });
    }

    /// The same workload in its first phase, in the latter's slow seconds, and at its beginning, against this one.
    fn contrasts(&self, latency: Figure, names: &[&str]) -> Vec<Contrast> {
        let Self { stream, data, found, .. } = self;
        let Some(window) = self.window().filter(|_| stream.phase != verdict::PREPARE) else { return Vec::new() };
        let first = self.first_phase().and_then(|first| {
            let this = PhaseSide { phase: &stream.phase, requests: &data.requests, window: Some(window) };
            let other = PhaseSide { phase: &first.stream.phase, requests: &first.data.requests, window: first.window() };
            contrasts::of_phase(this, other, &found.parts, names)
        });
        let series = self.series(window, latency, |outcome| outcome == Outcome::Ok);
        let slow = contrasts::of_slow_seconds(&data.requests, &series, window, &found.parts);
        let early = contrasts::of_first_requests(&data.requests, (stream.start_ns, self.end_ns()), &found.parts);
        first.into_iter().chain(slow).chain(early).collect()
    }

    /// The first phase with the same workload, and stage; None where it is this one.
    fn first_phase(&self) -> Option<Stream<'_>> {
        let alike =
            |other: &StreamInfo| other.is_measured() && other.workload == self.stream.workload && other.stage() == self.stream.stage();
        let at = self.info.streams.iter().position(alike)?;
        let stream = &self.info.streams[at];
        (stream.phase != self.stream.phase).then(|| Stream { stream, data: &self.found.streams[at], ..*self })
    }

    /// The seconds of the part.
    fn window(&self) -> Option<Window> {
        Window::new(self.stream.start_ns, self.end_ns())
    }

    fn matched_quantiles(&self, workload: &mut WorkloadAnalysis) {
        let matched = || self.data.requests.iter().filter_map(|request| Some((request, request.matched()?.server_ns as i64)));
        let mut server: Vec<i64> = matched().map(|(_, server)| server).collect();
        let mut gap: Vec<i64> = matched().map(|(request, server)| request.service_ns() as i64 - server).collect();
        let mut service: Vec<i64> = matched().map(|(request, _)| request.service_ns() as i64).collect();
        let mut response: Vec<i64> = matched().map(|(request, _)| request.latency_ns() as i64).collect();
        workload.server_time_us = quantiles::of_values(&mut server);
        workload.gap_us = quantiles::of_values(&mut gap);
        workload.matched_service_time_us = quantiles::of_values(&mut service);
        workload.matched_response_time_us = quantiles::of_values(&mut response).filter(|_| self.stream.open_loop);
        if !server.is_empty() {
            workload.curves.insert("server_time".to_owned(), quantiles::curve_of_values(&server));
            workload.curves.insert("gap".to_owned(), quantiles::curve_of_values(&gap));
        }
    }

    fn ok(&self, figure: Figure) -> Option<&Histogram<u64>> {
        of_stream(self.histograms, self.stream, figure).find(|(key, _)| key.outcome == Outcome::Ok).map(|(_, histogram)| histogram)
    }

    fn figure(&self, figure: Figure, lost: f64) -> Option<Quantiles> {
        self.ok(figure).and_then(|histogram| quantiles::of_histogram(histogram, lost))
    }

    /// What a caller waits and the service time, whole.
    fn histograms(&self) -> BTreeMap<String, Histogram<u64>> {
        let figures = [self.latency(), Figure::ServiceTime].into_iter();
        figures.filter_map(|figure| Some((figure.name().to_owned(), self.ok(figure)?.clone()))).collect()
    }

    /// The quantiles of everything that was sent: when a request left is not changed by how it ended, and a late one is
    /// more likely to fail.
    fn of_sent(&self, figure: Figure) -> Option<Quantiles> {
        let mut sent = of_stream(self.histograms, self.stream, figure).filter(|(key, _)| key.outcome != Outcome::NotSent);
        let mut all = sent.next()?.1.clone();
        for (_, histogram) in sent {
            all.add(histogram).expect("the histograms of a run have the same bounds");
        }
        quantiles::of_histogram(&all, 0.0)
    }

    fn failed_times(&self) -> BTreeMap<String, Quantiles> {
        let failed = of_stream(self.histograms, self.stream, Figure::ServiceTime)
            .filter(|(key, _)| !matches!(key.outcome, Outcome::Ok | Outcome::NotSent));
        failed.filter_map(|(key, histogram)| Some((key.outcome.to_string(), quantiles::of_histogram(histogram, 0.0)?))).collect()
    }

    /// The time that every rate and every window is of.
    fn ran_ns(&self) -> Range<u64> {
        self.stream.start_ns..self.end_ns()
    }

    fn end_ns(&self) -> u64 {
        self.recorded.end_ns(self.stream, self.data.last_done_ns)
    }

    fn duration_s(&self) -> f64 {
        let ran = self.ran_ns();
        (ran.end - ran.start) as f64 / 1e9
    }

    fn rates(&self, counts: &RequestCounts, duration_s: f64) -> Rates {
        let per_second = |count: f64| if duration_s > 0.0 { count / duration_s } else { 0.0 };
        // Of a record that was cut only what it holds was counted.
        let whole = !self.recorded.cut;
        let sent = if self.stream.sent > 0 && whole { self.stream.sent } else { counts.ok + counts.failed };
        let due = if whole { self.stream.due } else { counts.due };
        // Successes that ended after the part are no throughput of it; their share is known from the sampled ones.
        let ok = || self.data.requests.iter().filter(|request| request.ok);
        let late =
            if whole { ok().filter(|request| request.done_ns > self.end_ns()).count() } else { 0 } as f64 / ok().count().max(1) as f64;
        Rates {
            target: self.stream.target_rate.filter(|_| self.stream.open_loop),
            scheduled: (self.stream.open_loop && self.stream.due > 0).then(|| per_second(due as f64)),
            achieved: per_second(sent as f64),
            throughput: per_second(counts.ok as f64 * (1.0 - late)),
        }
    }
}

/// The account's bands without `all`.
pub(super) fn cut_bands(workload: &WorkloadAnalysis) -> impl Iterator<Item = &Band> {
    workload.account.iter().filter(|band| band.band != "all")
}

#[cfg(test)]
mod cut_tests;
#[cfg(test)]
mod tests;
