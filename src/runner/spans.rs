//! The server's spans of a run: the source is opened before the load, read after it. Nothing here
//! can lose a run.

use std::{
    cell::Cell,
    collections::{BTreeMap, HashMap, HashSet},
    path::Path,
    time::Duration,
};

use tokio::time::Instant;

use super::{
    error::{RunError, RunErrorKind},
    from_plan::source_options,
    state::Run,
    watcher::{Watcher, within},
};
use crate::{
    open_files,
    plan::{Plan, TracingPlan},
    record::{FetchInfo, RunFolder, RunReader, own_file},
    spans::{
        EmbeddedReceiver, FetchCounters, FetchProgress, FetchRules, LossCounters, SourceInfo,
        SourceKind, SourceOptions, SpanError, SpanReader, SpanSource, SpanWriter, Trace, Wanted,
        fetch, open_until,
    },
};

/// Longest time until a source is open: it may ask several addresses in several ways.
const OPENING: Duration = Duration::from_secs(60);

/// A source that is open.
pub(super) struct OpenSource {
    source: Box<dyn SpanSource>,
    receiver: Option<EmbeddedReceiver>,
    before: Option<LossCounters>,
}

impl OpenSource {
    /// Where this program itself receives spans, as an OTLP endpoint.
    pub(super) fn receiver(&self) -> Option<String> {
        self.receiver
            .as_ref()
            .map(|receiver| format!("http://{}", receiver.addr()))
    }
}

/// Opens a source that is no receiver; one that is busy is asked until `deadline`.
async fn open(
    tracing: &TracingPlan,
    nonce: u64,
    deadline: Instant,
    watcher: &dyn Watcher,
) -> Result<Box<dyn SpanSource>, SpanError> {
    let limit = deadline
        .saturating_duration_since(Instant::now())
        .max(OPENING);
    let _opening = watcher.waiting(
        &format!("opening span source {}", tracing.source.name),
        &within(limit),
    );
    let options = source_options(tracing, nonce);
    let say = |error: &SpanError| watcher.now(&waiting(&error.text));
    let opened =
        tokio::time::timeout(limit, open_until(tracing.source, &options, deadline, &say)).await;
    let late = || {
        SpanError::new(format!(
            "span source {} did not open within {} s; check that it is running",
            tracing.source.name,
            limit.as_secs()
        ))
    };
    opened.unwrap_or_else(|_| Err(late()))
}

/// A reading that is over by then is told by its beginning and its end alone.
const SHORT_LOOK: Duration = Duration::from_secs(1);

/// What is said while a source can't answer.
pub(crate) fn waiting(trouble: &str) -> String {
    format!("spans: waiting, asked again until the deadline: {trouble}")
}

/// Opens the source before the load: the embedded receiver must listen by then, and drop counters
/// are read before and after. A source that does not answer is tried again after the load; a
/// receiver that can't listen is an error, because spans that were not received can't be read
/// later.
pub(super) async fn open_early(run: &mut Run, plan: &Plan) -> Result<Option<OpenSource>, RunError> {
    let nonce = u64::from_str_radix(&run.info.nonce, 16).unwrap_or_default();
    let receives = plan.tracing.source.kind == SourceKind::Received;
    let opened = if receives {
        let limit = SourceOptions::default().max_spans;
        receive(plan, nonce, limit, run.watcher.as_ref())
            .await
            .map(|receiver| (receiver.source(), Some(receiver)))
    } else {
        // A source that is busy is waited for after the load, not before it.
        open(&plan.tracing, nonce, Instant::now(), run.watcher.as_ref())
            .await
            .map(|source| (source, None))
    };
    match opened {
        Ok((source, receiver)) => {
            note_source(&mut run.info.servers, source.as_ref());
            if !source.info().remark.is_empty() {
                run.watcher.step(&source.info().remark);
            }
            if has_no_ui(source.info()) && plan.tracing.link.is_none() {
                run.watcher.step(&format!(
                    "reports link to no UI, since {} has none: `milvus-bench trace` draws a \
                     request, and [tracing.spans] link names a UI elsewhere",
                    source.info().server
                ));
            }
            let before = source.loss().await;
            Ok(Some(OpenSource {
                source,
                receiver,
                before,
            }))
        }
        Err(error) if receives => Err(RunError::new(RunErrorKind::Spans, error)),
        Err(error) => {
            run.watcher.warn(&format!(
                "server spans can't be read now: {error}; the read is retried after the load"
            ));
            Ok(None)
        }
    }
}

/// Starts the receiver. Without its port of OTLP/HTTP, which few senders need, it goes on.
async fn receive(
    plan: &Plan,
    nonce: u64,
    limit: usize,
    watcher: &dyn Watcher,
) -> Result<EmbeddedReceiver, SpanError> {
    let receiver = EmbeddedReceiver::start(&plan.tracing.listen, nonce, limit).await?;
    if let Some(listen) = &plan.tracing.listen_http
        && let Err(error) = receiver.also_http(listen).await
    {
        watcher.warn(&error.to_string());
    }
    Ok(receiver)
}

/// Reads the spans of every traced request into spans.jsonl and notes in run.json what came of it.
pub(super) async fn collect(run: &mut Run, plan: &Plan, early: Option<OpenSource>) {
    let nonce = u64::from_str_radix(&run.info.nonce, 16).unwrap_or_default();
    // A choice of several may have found none of them before the load.
    let found = early.filter(|early| {
        !plan.tracing.reads_spans() || early.source.info().entry.kind != SourceKind::Nothing
    });
    let signals = run.signals.clone();
    // An interrupt of the load does not end the fetch; one that comes now does.
    let asked_before = signals.asked();
    let ended = run.clock.instant_of(last_done(&run.folder));
    let deadline = ended + plan.tracing.deadline;
    let opened = match found {
        Some(early) => Ok(early),
        None => match signals
            .unless_asked(
                asked_before,
                open(&plan.tracing, nonce, deadline, run.watcher.as_ref()),
            )
            .await
        {
            Some(opened) => opened.map(|source| OpenSource {
                source,
                receiver: None,
                before: None,
            }),
            None => Err(SpanError::new(
                "interrupted while opening the span source".to_owned(),
            )),
        },
    };
    let info = match opened {
        Ok(opened) => {
            note_source(&mut run.info.servers, opened.source.as_ref());
            let mut signals = signals;
            let times = Times {
                settle: plan.tracing.settle,
                deadline: plan.tracing.deadline,
            };
            let reading = Reading {
                folder: &run.folder,
                opened: &opened,
                times,
                ended,
            };
            reading
                .read(run.watcher.as_ref(), async move {
                    signals.wait_for_more_than(asked_before).await
                })
                .await
        }
        Err(SpanError { text: error, .. }) => FetchInfo {
            source: plan.tracing.source.name.to_owned(),
            error: Some(open_files::explained(format!(
                "{error}; `milvus-bench spans` fetches again when it answers"
            ))),
            ..FetchInfo::default()
        },
    };
    for trouble in info.error.iter().chain(&info.refused) {
        run.watcher.warn(&format!("server spans: {trouble}"));
    }
    run.info.fetch = Some(info);
    run.folder.note_files(&mut run.info);
    run.save_or_warn();
}

/// Notes that the spans of a run that a signal ended were not fetched, and how they still are.
pub(super) fn leave_out(run: &mut Run, plan: &Plan, early: Option<&OpenSource>) {
    if !plan.tracing.reads_spans() {
        return;
    }
    let source = plan.tracing.source;
    let later = if source.keeps_spans {
        "`milvus-bench spans` fetches them, while the back end has them".to_owned()
    } else {
        format!(
            "the spans of the {} receiver are lost; end a run with Ctrl-C (SIGINT) to keep them",
            source.name
        )
    };
    let error = format!(
        "the run was ended by SIGTERM or SIGHUP, which do not wait for server spans: {later}"
    );
    let about = early.map_or_else(
        || FetchInfo {
            source: source.name.to_owned(),
            ..FetchInfo::default()
        },
        |early| about(early.source.info()),
    );
    run.info.fetch = Some(FetchInfo {
        error: Some(error),
        ..about
    });
    run.save_or_warn();
}

/// How long is waited.
#[derive(Clone, Copy, Debug)]
struct Times {
    settle: Duration,
    deadline: Duration,
}

/// `spans RUN`: reads again, for so long from that moment on. A run of the past has settled.
pub(crate) async fn read_again(
    folder: &RunFolder,
    source: Box<dyn SpanSource>,
    (ended, deadline): (Instant, Duration),
    watcher: &dyn Watcher,
) -> FetchInfo {
    let opened = OpenSource {
        source,
        receiver: None,
        before: None,
    };
    let times = Times {
        settle: Duration::ZERO,
        deadline,
    };
    Reading {
        folder,
        opened: &opened,
        times,
        ended,
    }
    .read(watcher, std::future::pending())
    .await
}

/// One reading of all spans of a run.
struct Reading<'a> {
    folder: &'a RunFolder,
    opened: &'a OpenSource,
    times: Times,
    ended: Instant,
}

impl Reading<'_> {
    /// Reads until all is there, the deadline has passed, or `stop` returns; what was read is
    /// written in any case.
    async fn read(&self, watcher: &dyn Watcher, stop: impl Future<Output = ()>) -> FetchInfo {
        let source = self.opened.source.as_ref();
        let mut info = about(source.info());
        let wanted = match wanted(self.folder) {
            Ok(wanted) => wanted,
            Err(error) => {
                return FetchInfo {
                    error: Some(error),
                    ..info
                };
            }
        };
        if source.info().entry.kind == SourceKind::Nothing {
            return info;
        }
        // The requests of the preparation share one trace.
        let traces: HashSet<u128> = wanted.iter().map(|wanted| wanted.trace_id).collect();
        watcher.step(&format!(
            "fetching the spans of {} requests in {} traces from {}",
            wanted.len(),
            traces.len(),
            info.server
        ));
        let requests = wanted.len() as u64;
        let mut stop = std::pin::pin!(stop);
        let _reading = watcher.waiting(
            &format!("reading the spans of {} traces", traces.len()),
            &within(self.times.deadline),
        );
        match self.fetch_into_file(wanted, watcher, stop.as_mut()).await {
            Ok(Some(counters)) => {
                note(&mut info, counters);
                tokio::select! {
                    after = source.loss() => note_loss(&mut info, self.opened.before, after),
                    () = stop => {}
                }
            }
            Ok(None) => {
                info.error = Some(
                    "interrupted before all spans were read; `milvus-bench spans` fetches again"
                        .to_owned(),
                )
            }
            Err(error) => {
                let text = format!(
                    "spans.jsonl can't be written: {error}; free some space, then `milvus-bench \
                     spans` fetches again"
                );
                info.error = Some(open_files::explained(text));
            }
        }
        info.refused = source.refused();
        // A request with server spans has more than one beside the client's.
        if info.spans < 2 * requests {
            info.services = services(source).await;
        }
        info.took_s = Instant::now()
            .saturating_duration_since(self.ended)
            .as_secs_f64();
        info
    }

    /// None when it was stopped.
    async fn fetch_into_file(
        &self,
        wanted: Vec<Wanted>,
        watcher: &dyn Watcher,
        stop: impl Future<Output = ()>,
    ) -> std::io::Result<Option<FetchCounters>> {
        let path = self.folder.file("spans.jsonl");
        // Dropped where something can't be written, it leaves room for run.json and the reports.
        let mut writer = SpanWriter::create(&path, own_file)?;
        let kept = keep_earlier(&path, &mut writer)?;
        let began = Cell::new(Instant::now());
        let say = |at: FetchProgress| match &at.trouble {
            Some(trouble) => watcher.now(&waiting(trouble)),
            None if at.done == 0 => {
                began.set(Instant::now());
                watcher.step(&in_words(&at));
            }
            None if at.done == at.of => watcher.step(&in_words(&at)),
            // Until the first has settled, or is old enough to be read again, there is nothing new
            // to say.
            None if at.done == 1 => began.set(Instant::now()),
            // A short reading has said what there is to say.
            None if began.get().elapsed() >= SHORT_LOOK => watcher.now(&in_words(&at)),
            None => {}
        };
        let rules = FetchRules::new(self.ended, self.times.settle, self.times.deadline);
        let fetched = {
            // A back end that forgot a part of a trace since does not shorten it.
            let shortens = |trace: &Trace| {
                kept.get(&trace.trace_id)
                    .is_some_and(|spans| *spans > trace.spans.len())
            };
            let mut write = |trace: &Trace| {
                if shortens(trace) {
                    Ok(())
                } else {
                    writer.write(trace)
                }
            };
            let source = self.opened.source.as_ref();
            tokio::select! {
                fetched = fetch(source, wanted, rules, &say, &mut write) => fetched.map(Some),
                () = stop => Ok(None),
            }
        }?;
        writer.finish()?;
        Ok(fetched)
    }
}

/// A reading of all traces, or of those that may have grown, as it begins, goes on and ends.
fn in_words(at: &FetchProgress) -> String {
    let reading = match at.look {
        1 => "first reading".to_owned(),
        2 => "second reading, of traces that may have grown".to_owned(),
        look => format!("reading {look}, of traces that are incomplete or grew"),
    };
    let FetchProgress {
        done, of, spans, ..
    } = at;
    let traces = if *of == 1 { "trace" } else { "traces" };
    match *done {
        0 => format!("spans: {reading}: {of} {traces}"),
        _ if done == of => {
            format!("spans: {reading}: done, {of} {traces} asked for; {spans} spans so far")
        }
        _ => format!("spans: {reading}: {done} of {of} {traces}, {spans} spans so far"),
    }
}

/// Longest wait for the list of services, which is an extra.
const SERVICES: Duration = Duration::from_secs(5);

/// What tells, where hardly a span was found, a Milvus that exports nothing there from traces that
/// were never begun.
async fn services(source: &dyn SpanSource) -> Vec<String> {
    let listed = tokio::time::timeout(SERVICES, source.services()).await;
    listed.ok().and_then(Result::ok).unwrap_or_default()
}

/// What the span source said of itself, for run.json.
fn note_source(servers: &mut BTreeMap<String, String>, source: &dyn SpanSource) {
    servers.insert("spans".to_owned(), source.info().server.clone());
}

/// Copies the traces of an earlier reading, so that reading again from a back end that lost them
/// costs nothing. Gives their numbers of spans.
fn keep_earlier(path: &Path, writer: &mut SpanWriter) -> std::io::Result<HashMap<u128, usize>> {
    let mut kept = HashMap::new();
    if path.exists() {
        for trace in SpanReader::open(path)
            .map_err(std::io::Error::other)?
            .flatten()
        {
            writer.write(&trace)?;
            kept.insert(trace.trace_id, trace.spans.len());
        }
    }
    Ok(kept)
}

/// Whether a trace can't be opened where the spans are read.
fn has_no_ui(source: &SourceInfo) -> bool {
    source.ui.is_none() && source.entry.kind == SourceKind::Pulled
}

fn about(source: &SourceInfo) -> FetchInfo {
    let mut remark = source.remark.clone();
    if has_no_ui(source) {
        let comma = if remark.is_empty() { "" } else { "; " };
        remark += &format!("{comma}no UI there to open a trace in");
    }
    FetchInfo {
        source: source.entry.name.to_owned(),
        server: source.server.clone(),
        remark,
        resolution_ns: source.resolution_ns,
        ui: source.ui.clone(),
        ..FetchInfo::default()
    }
}

fn note(info: &mut FetchInfo, counters: FetchCounters) {
    info.asked = counters.asked;
    info.not_fetched = counters.not_fetched + counters.failed;
    info.not_fetched_ids = counters
        .not_fetched_ids
        .iter()
        .chain(&counters.failed_ids)
        .map(|id| format!("{id:032x}"))
        .collect();
    info.spans = counters.spans;
    info.grew = counters.grew;
    info.unsettled = counters.unsettled;
    info.error = info
        .error
        .take()
        .or(counters.error.map(open_files::explained));
}

fn note_loss(info: &mut FetchInfo, before: Option<LossCounters>, after: Option<LossCounters>) {
    if let (Some(before), Some(after)) = (before, after) {
        info.back_end_received = after.received.checked_sub(before.received);
        info.back_end_dropped = after.dropped.checked_sub(before.dropped);
    }
}

/// The traced requests that were sent, from requests.jsonl alone.
fn wanted(folder: &RunFolder) -> Result<Vec<Wanted>, String> {
    let reader = RunReader::open(folder.path()).map_err(|error| error.to_string())?;
    let last = last_done(folder);
    let mut groups: Vec<String> = Vec::new();
    let mut wanted = Vec::new();
    for line in reader
        .requests()
        .map_err(|error| error.to_string())?
        .flatten()
    {
        let (true, Some(done)) = (line.sampled && line.sent_ns.is_some(), line.done_ns) else {
            continue;
        };
        let (Ok(trace_id), Ok(client_span_id)) = (
            u128::from_str_radix(&line.trace_id, 16),
            u64::from_str_radix(&line.span_id, 16),
        ) else {
            continue;
        };
        let group = groups
            .iter()
            .position(|known| *known == line.operation)
            .unwrap_or_else(|| {
                groups.push(line.operation);
                groups.len() - 1
            });
        let age = Duration::from_nanos(last.saturating_sub(done));
        wanted.push(Wanted {
            trace_id,
            client_span_id,
            group: u32::try_from(group).unwrap_or(u32::MAX),
            age,
        });
    }
    Ok(wanted)
}

/// When the last request of the run ended, nanoseconds since its start.
fn last_done(folder: &RunFolder) -> u64 {
    let requests = RunReader::open(folder.path()).and_then(|reader| reader.requests());
    requests
        .map(|lines| {
            lines
                .flatten()
                .filter_map(|line| line.done_ns)
                .max()
                .unwrap_or_default()
        })
        .unwrap_or_default()
}
