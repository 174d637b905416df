//! The classes of a stream that is split by a value: their figures, from histograms of their own.

use hdrhistogram::Histogram;

use super::stream::Stream;
use crate::{
    analysis::{
        explanation::bands,
        figures::{
            histograms::{counts, successes},
            quantiles::us,
        },
        model::{ClassAnalysis, RequestCounts, WorkloadAnalysis},
    },
    record::{Figure, Outcome, SplitInfo, StreamInfo},
};

/// Successes from which a p99 is one: below it would be the maximum.
const LEAST: u64 = 100;

/// A class as a workload by itself, with its stream.
pub(super) struct ClassPart<'a> {
    pub(super) whole: &'a WorkloadAnalysis,
    pub(super) figures: WorkloadAnalysis,
    pub(super) stream: StreamInfo,
    /// Its number.
    pub(super) class: u8,
}

/// All classes of these workloads.
pub(super) fn parts<'a>(
    workloads: &[&'a WorkloadAnalysis],
    streams: &[StreamInfo],
) -> Vec<ClassPart<'a>> {
    let of_workload = |whole: &'a WorkloadAnalysis| {
        let stream = streams.iter().find(|stream| whole.is_of(stream));
        let classes = whole
            .classes
            .iter()
            .zip(0..)
            .filter_map(move |(class, number)| {
                Some(ClassPart {
                    whole,
                    figures: class.as_workload(whole),
                    stream: stream?.of_class(&class.class),
                    class: number,
                })
            });
        classes.collect::<Vec<_>>()
    };
    workloads
        .iter()
        .flat_map(|whole| of_workload(whole))
        .collect()
}

/// The classes in their order; `all` are the counts of the whole stream.
pub(super) fn of_stream(stream: &Stream<'_>, all: &RequestCounts) -> Vec<ClassAnalysis> {
    let Some(split) = &stream.stream.split else {
        return Vec::new();
    };
    let infos: Vec<StreamInfo> = split
        .classes
        .iter()
        .map(|class| stream.stream.of_class(class))
        .collect();
    let classes = (0..infos.len()).map(|at| class(stream, (split, &infos, at), all));
    classes.collect()
}

fn class(
    whole: &Stream<'_>,
    (split, infos, at): (&SplitInfo, &[StreamInfo], usize),
    all: &RequestCounts,
) -> ClassAnalysis {
    let info = &infos[at];
    let stream = whole.part(info);
    let histograms = whole.run.histograms;
    let requests = counts(info, histograms);
    let lost = (requests.failed + requests.not_sent) as f64 / requests.due.max(1) as f64;
    let latency = info.latency();
    let (mut response, mut service) = (
        stream
            .figure(Figure::ResponseTime, lost)
            .filter(|_| info.open_loop),
        stream.figure(Figure::ServiceTime, lost),
    );
    if let Some(window) = whole.window() {
        let place = format!("{}/{}", info.phase, info.workload);
        let is_ok = |outcome| outcome == Outcome::Ok;
        let of = |figure| stream.series(window, figure, is_ok);
        let (of_response, of_service) = (of(Figure::ResponseTime), of(Figure::ServiceTime));
        stream.add_intervals(&mut response, &of_response, &[&place, "response_time"]);
        stream.add_intervals(&mut service, &of_service, &[&place, "service_time"]);
    }
    let others = infos.iter().enumerate().filter(|(other, _)| *other != at);
    let rest = others.filter_map(|(_, info)| successes(histograms, info, latency));
    let own = stream.ok(latency);
    let enough = |histogram: &Histogram<u64>| histogram.len() >= LEAST;
    let rest_p99_us = sum(rest)
        .filter(|rest| enough(rest) && own.is_some_and(enough))
        .map(|rest| us(rest.value_at_quantile(0.99)));
    let of_class = whole.requests(u8::try_from(at).ok());
    let of_class = of_class.iter().copied();
    let parts = &whole.run.traces.parts;
    ClassAnalysis {
        by: split.by.clone(),
        class: split.classes[at].clone(),
        label: split
            .labels
            .get(at)
            .filter(|label| **label != split.classes[at])
            .cloned(),
        by_rank: split.by_rank,
        share: requests.due as f64 / all.due.max(1) as f64,
        requests,
        response_time_us: response,
        service_time_us: service,
        rest_p99_us,
        account: own.map_or_else(Vec::new, |own| bands::account(own, of_class, parts)),
    }
}

/// All of them together; None of none.
fn sum<'h>(mut histograms: impl Iterator<Item = &'h Histogram<u64>>) -> Option<Histogram<u64>> {
    let mut all = histograms.next()?.clone();
    for histogram in histograms {
        all.add(histogram)
            .expect("the histograms of a run have the same bounds");
    }
    Some(all)
}
