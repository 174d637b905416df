//! One measured stream: its figures, how far they can be trusted, and what its spans explain.

use std::{collections::BTreeMap, ops::Range};

use hdrhistogram::Histogram;

use super::{
    classes,
    joining::{RunTraces, StreamTraces},
    recall,
    recorded::Recorded,
};
use crate::{
    analysis::{
        explanation::{
            advice, bands,
            contrasts::{self, PlaceSide},
            exemplars, instances, tail,
        },
        figures::{
            histograms::{counts, successes},
            intervals::{self, Window},
            machine, quantiles, reply_rows,
            tracing_cost::{self, Switched},
        },
        model::{Contrast, Join, Quantiles, Rates, RequestCounts, TracingCost, WorkloadAnalysis},
        requests::{
            lines::{Lines, StreamLines},
            request::{CompactAccount, Request},
        },
        statistics::{series::Series, trend},
    },
    record::{Figure, FigureHistograms, Outcome, PhaseInfo, RunInfo, Status, StreamInfo},
};

/// What was read of a run.
#[derive(Clone, Copy)]
pub(super) struct Run<'a> {
    pub(super) info: &'a RunInfo,
    pub(super) histograms: &'a FigureHistograms,
    pub(super) lines: &'a Lines,
    pub(super) traces: &'a RunTraces,
    pub(super) recorded: Recorded,
}

impl<'a> Run<'a> {
    /// The phase of one of its streams.
    fn phase(&self, stream: &StreamInfo) -> Option<&'a PhaseInfo> {
        let mut phases = self.info.phases.iter();
        phases.find(|phase| phase.name == stream.phase)
    }
}

/// What tells a stream from the one that it is compared with.
type NameOf = fn(&StreamInfo) -> &str;

/// Kind of a contrast, the stream that another one is compared with, what tells them apart.
type Compared<'a> = (&'static str, Stream<'a>, NameOf);

/// One stream with everything that is known of it.
pub(super) struct Stream<'a> {
    pub(super) run: Run<'a>,
    pub(super) stream: &'a StreamInfo,
    pub(super) lines: &'a StreamLines,
    pub(super) traces: &'a StreamTraces,
}

impl<'a> Stream<'a> {
    /// The stream of `run` with this number.
    pub(super) fn of(run: &Run<'a>, number: usize) -> Self {
        Self {
            run: *run,
            stream: &run.info.streams[number],
            lines: &run.lines.streams[number],
            traces: &run.traces.streams[number],
        }
    }

    /// The same of a part of its requests, which has histograms of its own.
    pub(super) fn part(&self, stream: &'a StreamInfo) -> Self {
        Self {
            run: self.run,
            stream,
            lines: self.lines,
            traces: self.traces,
        }
    }

    /// Its traced requests, or those of one of its classes.
    pub(super) fn requests(&self, class: Option<u8>) -> Vec<&'a Request> {
        let all = self.lines.requests.iter();
        all.filter(|request| class.is_none() || request.class == class)
            .collect()
    }

    pub(super) fn workload(&self, join: Option<Join>) -> WorkloadAnalysis {
        let stream = self.stream;
        let counts = counts(stream, self.run.histograms);
        let lost = (counts.failed + counts.not_sent) as f64 / counts.due.max(1) as f64;
        let open = stream.open_loop;
        let duration_s = self.duration_s();
        let mut workload = WorkloadAnalysis {
            phase: stream.phase.clone(),
            stage: stream.stage().map(str::to_owned),
            workload: stream.workload.clone(),
            operation: stream.operation.clone(),
            collection: stream.collection.clone(),
            loop_kind: if open { "open" } else { "closed" }.to_owned(),
            duration_s,
            figures_lost: counts.due == 0 && self.was_due(),
            rate: self.rates(&counts, duration_s),
            response_time_us: self.figure(Figure::ResponseTime, lost).filter(|_| open),
            service_time_us: self.figure(Figure::ServiceTime, lost),
            send_lag_us: self.of_sent(Figure::SendLag).filter(|_| open),
            queue_time_us: self.of_sent(Figure::QueueTime).filter(|_| !open),
            failed_time_us: self.failed_times(),
            histograms: self.histograms(),
            recall: recall::of_stream(self.lines),
            no_recall: recall::missing(self.run.info, stream, self.lines),
            truth_wrong: self.lines.truth_wrong.0,
            join,
            stopped: stream.stopped.clone(),
            ..WorkloadAnalysis::default()
        };
        let (written, of) = self.lines.rows;
        // Rows that a search returns are no throughput.
        let writes = !workload.figures_lost && self.stream.writes_rows();
        workload.rows_per_s = (writes && written > 0 && of > 0)
            .then(|| workload.rate.throughput * written as f64 / of as f64);
        workload.vectors = stream
            .replies
            .map(|replies| replies.vectors)
            .filter(|vectors| *vectors > 1);
        workload.vectors_per_s = workload
            .vectors
            .filter(|_| !workload.figures_lost)
            .map(|vectors| workload.rate.throughput * vectors as f64);
        workload.rows = stream
            .replies
            .zip(self.ok(Figure::Rows))
            .and_then(|(shape, histogram)| reply_rows::of_histogram(histogram, shape));
        workload.requests = counts;
        let curve = |(name, histogram): (&String, &Histogram<u64>)| {
            (name.clone(), quantiles::curve_of_histogram(histogram))
        };
        workload.curves = workload.histograms.iter().map(curve).collect();
        self.explain(&mut workload);
        // The steps of preparation are single calls, one after the other.
        if !stream.is_preparation() {
            self.trust(&mut workload);
        }
        workload.classes = classes::of_stream(self, &workload.requests);
        workload
    }

    /// Whether requests were due, whatever became of their figures.
    fn was_due(&self) -> bool {
        // A killed process left no count, and what it sent may be in the lines that can't be read.
        let unknown =
            self.run.info.status == Status::Running && self.run.histograms.damage.is_some();
        self.stream.due > 0 || !self.lines.requests.is_empty() || unknown
    }

    /// How far every quantile can be trusted, and whether the latency rose or fell all along.
    fn trust(&self, workload: &mut WorkloadAnalysis) {
        let Some(window) = self.window() else { return };
        let place = workload.place();
        let add = |quantiles: &mut Option<Quantiles>, figure: &str, series: &Series| {
            self.add_intervals(quantiles, series, &[&place, figure]);
        };
        workload.tracing_cost = self.tracing_cost(window, &place);
        let is_ok = |outcome| outcome == Outcome::Ok;
        let response = self.series(window, Figure::ResponseTime, is_ok);
        let service = self.series(window, Figure::ServiceTime, is_ok);
        workload.trend = trend::trend(if self.stream.open_loop {
            &response
        } else {
            &service
        });
        add(&mut workload.response_time_us, "response_time", &response);
        add(&mut workload.service_time_us, "service_time", &service);
        let send_lag = self.series(window, Figure::SendLag, |outcome| {
            outcome != Outcome::NotSent
        });
        add(&mut workload.send_lag_us, "send_lag", &send_lag);
        workload.late_in_full_seconds = self.late_in_full_seconds();
        let server = self.lines.matched();
        let server = server.map(|(request, account)| (request.done_ns, account.server_ns as i64));
        add(
            &mut workload.server_time_us,
            "server_time",
            &window.of_values(server),
        );
        let gap = self.lines.matched();
        let gap =
            gap.map(|(request, account)| (request.done_ns, request.gap_ns(account.server_ns)));
        add(&mut workload.gap_us, "gap", &window.of_values(gap));
    }

    /// Adds the ends of the intervals of `quantiles`, whose seed are the run and the `names`.
    pub(super) fn add_intervals(
        &self,
        quantiles: &mut Option<Quantiles>,
        series: &Series,
        names: &[&str],
    ) {
        if let Some(quantiles) = quantiles {
            let names: Vec<&str> = std::iter::once(self.run.info.run.as_str())
                .chain(names.iter().copied())
                .collect();
            intervals::add(quantiles, series, &names);
        }
    }

    /// Whether requests were late when others had filled the machine.
    fn late_in_full_seconds(&self) -> Option<f64> {
        let phase = self.run.phase(self.stream)?;
        let keys = self
            .run
            .histograms
            .of_stream(self.stream, Figure::SendLag)
            .map(|(key, _)| key);
        let sent = keys.filter(|key| key.outcome != Outcome::NotSent);
        machine::late_in_full_seconds(
            phase.machine.as_ref()?,
            sent.filter_map(|key| self.run.histograms.seconds.get(key))
                .flatten(),
        )
    }

    /// What being traced adds to a request.
    fn tracing_cost(&self, window: Window, place: &str) -> Option<TracingCost> {
        let latency = self.stream.latency();
        let (key, histogram) = self
            .run
            .histograms
            .of_stream(self.stream, latency)
            .find(|(key, _)| key.outcome == Outcome::Ok)?;
        let seconds = self.run.histograms.seconds.get(key)?;
        let bucket = |value| histogram.median_equivalent(value);
        let phase = self.run.phase(self.stream);
        let start_ns = phase.map_or(self.stream.start_ns, |phase| phase.start.monotonic_ns);
        let switched = self
            .stream
            .switch
            .map(|switch| Switched { switch, start_ns });
        tracing_cost::cost(
            window,
            seconds.iter(),
            &self.lines.requests,
            (bucket, switched),
            &[&self.run.info.run, place],
        )
    }

    /// A figure second by second, over the outcomes that are `wanted`.
    pub(super) fn series(
        &self,
        window: Window,
        figure: Figure,
        wanted: impl Fn(Outcome) -> bool,
    ) -> Series {
        let keys = self
            .run
            .histograms
            .of_stream(self.stream, figure)
            .map(|(key, _)| key)
            .filter(|key| wanted(key.outcome));
        window.of_counts(
            keys.filter_map(|key| self.run.histograms.seconds.get(key))
                .flatten(),
        )
    }

    /// Everything that comes from the spans.
    fn explain(&self, workload: &mut WorkloadAnalysis) {
        let requests = self.lines.requests.as_slice();
        if requests.is_empty() {
            return;
        }
        workload.traces = Some(self.traces.tally.finish(requests));
        self.matched_quantiles(workload);
        let latency = self.stream.latency();
        let Some(histogram) = self.ok(latency) else {
            return;
        };
        workload.account = bands::account(histogram, requests.iter(), &self.run.traces.parts);
        let sides = tail::sides(histogram, requests);
        let (run, place) = (self.run.info.run.as_str(), workload.place());
        workload.tail = tail::tail(
            &sides,
            requests,
            self.window(),
            &self.run.traces.parts,
            &[run, &place],
        );
        workload.contrasts = self.contrasts(latency, &[run, &place]);
        workload.stacks = self.run.traces.stacks.stacks(&sides);
        workload.instances = instances::instances(requests, &sides, &self.run.traces.instances);
        workload.node_calls =
            instances::node_calls(&self.traces.node_calls, &self.run.traces.instances);
        workload.exemplars =
            exemplars::exemplars(histogram, requests, &self.run.traces.parts, self.run.info);
        let consistency = advice::consistency(&self.run.info.plan, &self.stream.workload);
        let index_type = advice::index_type(
            self.run.info,
            &self.stream.workload,
            &self.stream.collection,
        );
        let too_small = advice::too_small(self.run.info, &self.stream.collection);
        workload.advice = advice::advice(advice::Case {
            workload,
            consistency,
            index_type,
            too_small,
        });
    }

    /// What it is compared with, its slow seconds and its beginning, against this one.
    fn contrasts(&self, latency: Figure, names: &[&str]) -> Vec<Contrast> {
        let stream = self.stream;
        let (requests, parts) = (&self.lines.requests, &self.run.traces.parts);
        let Some(window) = self.window().filter(|_| !stream.is_preparation()) else {
            return Vec::new();
        };
        let others = self.compared_with().into_iter();
        let others = others.filter_map(|(kind, other, name)| {
            let sides = [self, &other].map(|side| PlaceSide {
                name: name(side.stream),
                requests: &side.lines.requests,
                window: side.window(),
            });
            contrasts::of_places(kind, sides.into(), parts, names)
        });
        let series = self.series(window, latency, |outcome| outcome == Outcome::Ok);
        let slow = contrasts::of_slow_seconds(requests, &series, window, parts);
        let early = contrasts::of_first_requests(requests, (stream.start_ns, self.end_ns()), parts);
        others.chain(slow).chain(early).collect()
    }

    /// The streams that it is compared with, with the kind of the contrast and with what tells both
    /// apart: the first phase with the same workload, and stage; the stage before; where there is
    /// neither, the first workload with the same operation on the same collection, if it ran in
    /// another phase: beside each other both would have been part of each other's load.
    fn compared_with(&self) -> Vec<Compared<'a>> {
        let this = self.stream;
        let before = self.run.info.streams.iter().enumerate();
        let before = before.take_while(|(_, other)| !std::ptr::eq(*other, this));
        let measured: Vec<_> = before
            .filter(|(_, other)| other.is_measured() && !other.is_preparation())
            .collect();
        let of = |found: Option<&(usize, &StreamInfo)>, kind, name: NameOf| {
            found.map(|(number, _)| (kind, Stream::of(&self.run, *number), name))
        };
        let phase = measured.iter().find(|(_, other)| other.is_alike(this));
        let stage = measured.iter().rfind(|(_, other)| {
            let same = other.phase == this.phase && other.workload == this.workload;
            same && other.stage().is_some() && this.stage().is_some()
        });
        let phase = of(phase, Contrast::PHASE, |stream| &stream.phase);
        let stage = of(stage, Contrast::STAGE, |stream| {
            stream.stage().unwrap_or_default()
        });
        let found: Vec<Compared<'a>> = phase.into_iter().chain(stage).collect();
        if !found.is_empty() || this.stage().is_some() {
            return found;
        }
        let sweep = measured.iter().find(|(_, other)| {
            let of = |stream: &StreamInfo| (stream.operation.clone(), stream.collection.clone());
            let alike = of(other) == of(this) && other.open_loop == this.open_loop;
            alike && other.stage().is_none() && other.workload != this.workload
        });
        let sweep = sweep.filter(|(_, other)| other.phase != this.phase);
        let sweep = of(sweep, Contrast::WORKLOAD, |stream| &stream.workload);
        sweep.into_iter().collect()
    }

    /// The seconds of the part.
    pub(super) fn window(&self) -> Option<Window> {
        Window::new(self.stream.start_ns, self.end_ns())
    }

    fn matched_quantiles(&self, workload: &mut WorkloadAnalysis) {
        let of = |value: fn(&Request, &CompactAccount) -> i64| -> Vec<i64> {
            let matched = self.lines.matched();
            matched
                .map(|(request, account)| value(request, account))
                .collect()
        };
        let mut server = of(|_, account| account.server_ns as i64);
        let mut gap = of(|request, account| request.gap_ns(account.server_ns));
        let mut service = of(|request, _| request.service_ns() as i64);
        let mut response = of(|request, _| request.latency_ns() as i64);
        workload.server_time_us = quantiles::of_values(&mut server);
        workload.gap_us = quantiles::of_values(&mut gap);
        workload.matched_service_time_us = quantiles::of_values(&mut service);
        workload.matched_response_time_us =
            quantiles::of_values(&mut response).filter(|_| self.stream.open_loop);
        if !server.is_empty() {
            workload.curves.insert(
                "server_time".to_owned(),
                quantiles::curve_of_values(&server),
            );
            workload
                .curves
                .insert("gap".to_owned(), quantiles::curve_of_values(&gap));
        }
    }

    pub(super) fn ok(&self, figure: Figure) -> Option<&Histogram<u64>> {
        successes(self.run.histograms, self.stream, figure)
    }

    pub(super) fn figure(&self, figure: Figure, lost: f64) -> Option<Quantiles> {
        self.ok(figure)
            .and_then(|histogram| quantiles::of_histogram(histogram, lost))
    }

    /// What a caller waits and the service time, whole.
    fn histograms(&self) -> BTreeMap<String, Histogram<u64>> {
        let figures = [self.stream.latency(), Figure::ServiceTime].into_iter();
        figures
            .filter_map(|figure| Some((figure.name().to_owned(), self.ok(figure)?.clone())))
            .collect()
    }

    /// The quantiles of everything that was sent: when a request left is not changed by how it
    /// ended, and a late one is more likely to fail.
    fn of_sent(&self, figure: Figure) -> Option<Quantiles> {
        let mut sent = self
            .run
            .histograms
            .of_stream(self.stream, figure)
            .filter(|(key, _)| key.outcome != Outcome::NotSent);
        let mut all = sent.next()?.1.clone();
        for (_, histogram) in sent {
            all.add(histogram)
                .expect("the histograms of a run have the same bounds");
        }
        quantiles::of_histogram(&all, 0.0)
    }

    fn failed_times(&self) -> BTreeMap<String, Quantiles> {
        let failed = self
            .run
            .histograms
            .of_stream(self.stream, Figure::ServiceTime)
            .filter(|(key, _)| !matches!(key.outcome, Outcome::Ok | Outcome::NotSent));
        failed
            .filter_map(|(key, histogram)| {
                Some((
                    key.outcome.to_string(),
                    quantiles::of_histogram(histogram, 0.0)?,
                ))
            })
            .collect()
    }

    /// The time that every rate and every window is of.
    pub(super) fn ran_ns(&self) -> Range<u64> {
        self.stream.start_ns..self.end_ns()
    }

    fn end_ns(&self) -> u64 {
        self.run
            .recorded
            .end_ns(self.stream, self.lines.last_done_ns)
    }

    fn duration_s(&self) -> f64 {
        let ran = self.ran_ns();
        (ran.end - ran.start) as f64 / 1e9
    }

    fn rates(&self, counts: &RequestCounts, duration_s: f64) -> Rates {
        let per_second = |count: f64| {
            if duration_s > 0.0 {
                count / duration_s
            } else {
                0.0
            }
        };
        // Of a record that was cut only what it holds was counted.
        let whole = !self.run.recorded.cut;
        let sent = if self.stream.sent > 0 && whole {
            self.stream.sent
        } else {
            counts.ok + counts.failed
        };
        let due = if whole { self.stream.due } else { counts.due };
        // Successes that ended after the part are no throughput of it; their share is known from
        // the sampled ones.
        let ok = || self.lines.requests.iter().filter(|request| request.ok);
        let late = if whole {
            ok().filter(|request| request.done_ns > self.end_ns())
                .count()
        } else {
            0
        } as f64
            / ok().count().max(1) as f64;
        Rates {
            target: self.stream.target_rate.filter(|_| self.stream.open_loop),
            scheduled: (self.stream.open_loop && self.stream.due > 0)
                .then(|| per_second(due as f64)),
            achieved: per_second(sent as f64),
            throughput: per_second(counts.ok as f64 * (1.0 - late)),
        }
    }
}
