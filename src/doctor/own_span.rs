//! Fourth link: the span that the OTLP endpoint took can be read from the span source, so both are
//! one back end.

use super::{
    Cause, Check, DoctorOptions, Link, OWN_SPAN,
    background::Window,
    otlp_link::Marked,
    poll::{LONGER, poll},
};
use crate::{
    spans::{ServerSpan, SourceEntry, SpanSource},
    telemetry::ClientSpan,
};

/// Waits for `marked`; skipped where one of both ends is missing.
pub(super) async fn check(
    source: Option<&dyn SpanSource>,
    marked: Option<&Marked>,
    window: &Window,
    options: &DoctorOptions,
) -> Link {
    let (
        source,
        Marked {
            span: marked,
            taken,
        },
    ) = match (source, marked) {
        (Some(source), Some(marked)) => (source, marked),
        (None, _) => {
            return Check::begin(OWN_SPAN).skipped("there is no span source to read it from");
        }
        (_, None) => return Check::begin(OWN_SPAN).skipped("no client span was exported"),
    };
    let check = Check::since(OWN_SPAN, *taken);
    let ours = |span: &&ServerSpan| span.span_id == marked.span_id;
    let polled = poll(source, marked.trace_id, options.deadline, |trace| {
        trace.spans.iter().any(|span| ours(&span))
    })
    .await;
    if let Some(span) = polled
        .trace
        .iter()
        .flat_map(|trace| &trace.spans)
        .find(ours)
    {
        return judge_times(&check, source.info().entry, marked, span);
    }
    if let Some(error) = polled.error {
        return check.failed(
            format!("can't read spans: {error}"),
            vec![Cause::new(
                "the span source does not return traces",
                "check its log",
            )],
        );
    }
    let services = source.services().await.unwrap_or_default();
    let dropped = window.dropped(source).await;
    check.failed(
        format!("not found within {} s", options.deadline.as_secs_f64()),
        with_refused(
            source,
            causes(
                source.info().entry,
                &services,
                options.otlp.as_ref().map_or("", |otlp| &otlp.service_name),
                dropped,
            ),
        ),
    )
}

/// `causes`, after the one that the receiver itself knows.
pub(super) fn with_refused(source: &dyn SpanSource, causes: Vec<Cause>) -> Vec<Cause> {
    let known = source
        .refused()
        .map(|refused| Cause::new(refused, source.info().entry.troubles.held_back));
    known.into_iter().chain(causes).collect()
}

fn judge_times(check: &Check, entry: &SourceEntry, sent: &ClientSpan, read: &ServerSpan) -> Link {
    let whole_us = |ns: u64| ns / 1_000 * 1_000;
    if (read.start_ns, read.end_ns) == (sent.start_ns, sent.end_ns) {
        return check.ok("found, its times exact to the nanosecond");
    }
    // Start and duration are cut apart from each other, so that the end may be off by two.
    if read.start_ns == whole_us(sent.start_ns) && read.end_ns.abs_diff(sent.end_ns) < 2_000 {
        return check.ok("found, its times cut to whole microseconds");
    }
    let moved_ns = i128::from(read.start_ns) - i128::from(sent.start_ns);
    let seen = format!(
        "found, but the back end shifted its start by {moved_ns} ns and reports a duration of {} \
         ns instead of {}",
        read.duration_ns(),
        sent.end_ns - sent.start_ns
    );
    check.warning(seen, Cause::plain(entry.troubles.moved_times))
}

fn causes(
    entry: &SourceEntry,
    services: &[String],
    service_name: &str,
    dropped: u64,
) -> Vec<Cause> {
    let mut causes = drops(entry, dropped);
    let other = Cause::plain(entry.troubles.other_back_end);
    let late = vec![Cause::new(
        "the back end is slow to store, or a collector before it batches, filters or samples",
        format!(
            "the collector's pipeline (tail_sampling, probabilistic_sampler, filter); {LONGER}"
        ),
    )];
    // A service of this name is there: of an earlier run, or of spans that are let through.
    let known = services.iter().any(|service| service == service_name);
    causes.extend(if known { [late, other] } else { [other, late] }.concat());
    causes
}

/// What the back end's own counters say; empty where they say nothing. Jaeger 1.x says OK to its
/// senders and throws away when its queue is full.
pub(super) fn drops(entry: &SourceEntry, dropped: u64) -> Vec<Cause> {
    if dropped == 0 {
        return Vec::new();
    }
    Cause::of(entry.troubles.dropped, "{spans}", &dropped.to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{doctor::LinkState, spans::SpanKind, telemetry::SpanTemplate};

    fn check_times(start_ns: u64, end_ns: u64, state: LinkState, word: &str) {
        let sent = ClientSpan {
            trace_id: 1,
            span_id: 2,
            parent_id: None,
            start_ns: 5_000_123,
            end_ns: 6_000_579,
            template: SpanTemplate::step("x", &[]),
            seq: None,
            failure: None,
        };
        let read = ServerSpan {
            trace_id: 1,
            span_id: 2,
            parent_id: None,
            name: "x".into(),
            kind: SpanKind::Internal,
            scope: String::new(),
            start_ns,
            end_ns,
            attributes: Vec::new(),
            events: Vec::new(),
            status: 0,
            status_message: String::new(),
            resource: Arc::default(),
        };
        let link = judge_times(&Check::begin(OWN_SPAN), SourceEntry::usual(), &sent, &read);
        assert_eq!(link.state, state, "{}", link.seen);
        assert!(link.seen.contains(word), "{}", link.seen);
    }

    #[test]
    fn times_tell_the_resolution() {
        check_times(5_000_123, 6_000_579, LinkState::Ok, "nanosecond");
        check_times(5_000_000, 6_000_000, LinkState::Ok, "whole microseconds");
    }

    #[test]
    fn moved_times_are_a_warning() {
        check_times(
            4_000_123,
            5_000_579,
            LinkState::Warning,
            "shifted its start by -1000000 ns",
        );
        check_times(
            5_000_123,
            9_000_579,
            LinkState::Warning,
            "4000456 ns instead of 1000456",
        );
    }

    #[test]
    fn what_the_back_end_knows_orders_the_causes() {
        let services = ["milvus-bench".to_owned()];
        assert!(
            causes(SourceEntry::usual(), &services, "milvus-bench", 0)[0]
                .what
                .contains("slow to store")
        );
        assert!(
            causes(SourceEntry::usual(), &services, "other", 0)[0]
                .what
                .contains("two different back ends")
        );
        assert!(
            causes(SourceEntry::usual(), &services, "other", 7)[0]
                .what
                .contains("dropped 7 spans")
        );
    }
}
