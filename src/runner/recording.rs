//! What is open while the load runs: the writer of the run folder, and the exporter of the client's
//! own spans, which the writer feeds.

use std::sync::Arc;

use super::{
    error::{RunError, RunErrorKind},
    from_plan::export_options,
    spans::OpenSource,
    state::Run,
};
use crate::{
    load::{ClientSpans, SpanContext, query_numbers},
    plan::Plan,
    record::{ExportInfo, Interval, OnInterval, PREPARATION, RunWriter, Status, Warning},
    telemetry::{
        ClientSpan, ExportOptions, Exporter, IdStream, Nonce, RequestIds, SpanQueue, SpanTemplate,
    },
};

/// Roots of the run's traces that hold more than one request. Hours can lie between the two, so
/// they are two stories.
#[derive(Clone, Copy)]
pub(super) struct Roots {
    pub(super) prepare: RequestIds,
    pub(super) clean_up: RequestIds,
}

impl Roots {
    fn new(nonce: Nonce, seed: u64) -> Self {
        let root =
            |workload| IdStream::new(nonce, seed, PREPARATION, workload, "measured").ids(0, 0);
        Self {
            prepare: root(""),
            clean_up: root("clean-up"),
        }
    }
}

/// See the module.
pub(super) struct Recording {
    pub(super) writer: RunWriter,
    pub(super) roots: Roots,
    exporter: Option<Exporter>,
    queue: Option<SpanQueue>,
}

impl Recording {
    /// Opens both. Without an exporter the run goes on.
    pub(super) fn begin(
        run: &mut Run,
        plan: &Plan,
        source: Option<&OpenSource>,
    ) -> Result<Self, RunError> {
        let exporter = start_exporter(run, plan, source);
        let roots = Roots::new(run.nonce, plan.seed);
        let streams = Arc::new(run.info.streams.clone());
        let queue = exporter.as_ref().map(Exporter::queue);
        let spans = ClientSpans::new(span_context(run, plan, roots), &streams);
        let on_interval = on_interval(run, spans, queue.clone());
        let queries = query_numbers(plan, &streams, run.ids(plan));
        match RunWriter::start_with_queries(&run.folder, streams, queries, on_interval) {
            Ok(writer) => Ok(Self {
                writer,
                roots,
                exporter,
                queue,
            }),
            Err(error) => {
                drop(queue);
                finish_exporter(run, plan, exporter);
                Err(RunError::new(RunErrorKind::Folder, error))
            }
        }
    }

    /// Closes both, the writer first, since its end closes the way into the exporter.
    ///
    /// # Errors
    /// Not all of it could be written.
    pub(super) fn end(mut self, run: &mut Run, plan: &Plan) -> Result<(), RunError> {
        if let Some(queue) = &mut self.queue {
            root_spans(run, self.roots)
                .into_iter()
                .for_each(|span| queue.push(span));
        }
        let written = close(run, self.writer);
        drop(self.queue);
        finish_exporter(run, plan, self.exporter);
        written
    }
}

/// The end of a run that was interrupted before it had sent anything. Its folder can be read as any
/// other.
pub(super) fn interrupted_early(run: &mut Run) {
    run.info.status = Status::Interrupted;
    let streams = Arc::new(run.info.streams.clone());
    let closed = match RunWriter::start(&run.folder, streams, Box::new(|_: &Interval| ())) {
        Ok(writer) => close(run, writer),
        Err(error) => Err(RunError::new(RunErrorKind::Folder, error)),
    };
    if let Err(error) = closed {
        run.watcher.warn(&error.to_string());
    }
    run.folder.note_files(&mut run.info);
    run.save_or_warn();
}

/// What the writer's thread does with each second: thresholds that may end the run look at it, and
/// spans are made of its traced samples.
fn on_interval(run: &Run, spans: ClientSpans, mut queue: Option<SpanQueue>) -> OnInterval {
    let watch = Arc::clone(&run.watch);
    Box::new(move |interval: &Interval| {
        // Held for a moment once a second by the run's thread, which looks at it. A poisoned one
        // watches no more.
        if let Ok(mut watch) = watch.lock() {
            watch.add(interval);
        }
        let Some(queue) = &mut queue else { return };
        interval
            .samples
            .iter()
            .filter(|sample| sample.sampled)
            .filter_map(|sample| spans.of(sample))
            .for_each(|span| queue.push(span));
        queue.flush();
    })
}

fn start_exporter(run: &mut Run, plan: &Plan, source: Option<&OpenSource>) -> Option<Exporter> {
    let mut options = match source.and_then(OpenSource::receiver) {
        Some(receiver) => ExportOptions::grpc(receiver, &plan.tracing.service_name),
        None => export_options(&plan.tracing)?,
    };
    options.resource = vec![("milvus_bench.run_id".to_owned(), run.id())];
    options
        .resource
        .extend(plan.tracing.resource.iter().cloned());
    let started = Exporter::start(&options);
    let error = started.as_ref().err().cloned();
    if let Some(error) = &error {
        run.watcher.warn(error);
    }
    run.info.export = Some(ExportInfo {
        endpoint: options.endpoint,
        error,
        ..ExportInfo::default()
    });
    started.ok()
}

fn finish_exporter(run: &mut Run, plan: &Plan, exporter: Option<Exporter>) {
    let Some(exporter) = exporter else { return };
    let sending = run.waiting("sending the last of the client's own spans", "at most 30 s");
    let counters = exporter.finish();
    let error = counters.error.map(|error| plan.named_by_giver(&error));
    drop(sending);
    let export = run.info.export.get_or_insert_default();
    if counters.dropped > 0 {
        let why = error
            .clone()
            .unwrap_or_else(|| "its queue was full".to_owned());
        run.watcher.warn(&format!(
            "{} of the client's own spans were not exported to {}: {why}",
            counters.dropped, export.endpoint
        ));
    }
    export.exported = counters.exported;
    export.dropped = counters.dropped;
    export.retries = counters.retries;
    export.error = error;
}

/// Ends the writer and notes what it counted.
fn close(run: &mut Run, writer: RunWriter) -> Result<(), RunError> {
    let writing = run.waiting(
        "writing the last figures to the run folder",
        "until the disk has taken them",
    );
    let counters = writer.finish();
    drop(writing);
    let info = &mut run.info;
    for (stream, count) in &counters.not_recorded {
        if let Some(stream) = info.streams.get_mut(usize::from(*stream)) {
            stream.not_recorded = *count;
        }
    }
    let lost: u64 = counters.not_recorded.values().sum();
    if lost > 0 {
        info.warnings.push(Warning::NotRecorded { samples: lost });
    }
    if counters.failures_not_kept > 0 {
        info.warnings.push(Warning::FailuresNotKept {
            failures: counters.failures_not_kept,
        });
    }
    info.overflows = counters.overflows;
    info.cut = counters.cut;
    let error = counters.error.map(RunError::of(RunErrorKind::Folder));
    error.map_or(Ok(()), Err)
}

fn span_context(run: &Run, plan: &Plan, roots: Roots) -> SpanContext {
    let uri = url::Url::parse(&plan.milvus.uri).ok();
    SpanContext {
        run: run.id(),
        anchor: run.info.start,
        host: uri
            .as_ref()
            .and_then(|uri| uri.host_str())
            .unwrap_or_default()
            .to_owned(),
        port: uri
            .as_ref()
            .and_then(url::Url::port_or_known_default)
            .unwrap_or(19530),
        database: plan.milvus.database.clone(),
        older_names: plan.tracing.older_names,
        roots: vec![roots.prepare, roots.clean_up],
    }
}

/// The spans that the steps of preparation and of clean-up stand below, so that each reads as one
/// story. As the steps', their wall time is derived from the run's start, so that a step of the
/// clock moves no child out of its root.
fn root_spans(run: &Run, roots: Roots) -> Vec<ClientSpan> {
    let root = |ids: RequestIds, name: &'static str, (from, to): (u64, u64)| ClientSpan {
        trace_id: ids.trace_id,
        span_id: ids.span_id,
        parent_id: None,
        start_ns: run.info.start.unix_of(from),
        end_ns: run.info.start.unix_of(to),
        template: SpanTemplate::step(name, &[("milvus_bench.run_id", run.id().as_str().into())]),
        seq: None,
        failure: None,
    };
    let phase = run.info.phases.iter().find(|phase| phase.is_preparation());
    let from = phase
        .map_or(run.info.start, |phase| phase.start)
        .monotonic_ns;
    let to = phase
        .and_then(|phase| phase.end)
        .map_or(from, |end| end.monotonic_ns);
    let clean_up = run
        .cleaned_up
        .map(|times| root(roots.clean_up, "clean-up", times));
    [root(roots.prepare, PREPARATION, (from, to))]
        .into_iter()
        .chain(clean_up)
        .collect()
}
