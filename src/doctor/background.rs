//! Sixth link: only what was asked for is traced. An unsampled request leaves nothing, and few
//! spans of others arrive.

use std::{collections::BTreeSet, time::Duration};

use tokio::time::{Instant, sleep_until};

use super::{Cause, Check, Ids, Link, LinkState, SAMPLING};
use crate::spans::{LossCounters, SourceEntry, SourceKind, SpanSource, is_milvus_service};

/// Milvus sends what it has every 5 s: a shorter look may fall between two sendings.
const WINDOW: Duration = Duration::from_secs(6);

/// An idle standalone with `sampleFraction: 1` makes 30 spans a second; the doctor itself, read by
/// a Jaeger that traces its own readers, stays below this.
const QUIET_SPANS_PER_S: f64 = 15.0;

/// The back end's counters when the traced request was about to be sent.
pub(super) struct Window {
    began: Instant,
    before: Option<LossCounters>,
    milvus: BTreeSet<String>,
}

impl Window {
    pub(super) async fn open(source: Option<&dyn SpanSource>) -> Self {
        let before = counters(source).await;
        let milvus = match source {
            Some(source) => milvus_services(source).await,
            None => BTreeSet::new(),
        };
        Self {
            began: Instant::now(),
            before,
            milvus,
        }
    }

    /// Services of Milvus that the back end had spans of by then.
    pub(super) fn milvus(&self) -> &BTreeSet<String> {
        &self.milvus
    }

    /// Spans that the back end threw away since; 0 where it can't be known.
    pub(super) async fn dropped(&self, source: &dyn SpanSource) -> u64 {
        let after = counters(Some(source)).await;
        self.before.zip(after).map_or(0, |(before, after)| {
            after.dropped.saturating_sub(before.dropped)
        })
    }
}

/// Services of Milvus that the source has spans of.
pub(super) async fn milvus_services(source: &dyn SpanSource) -> BTreeSet<String> {
    let services = source.services().await.unwrap_or_default();
    services
        .into_iter()
        .filter(|service| is_milvus_service(service))
        .collect()
}

/// None where they can't be read; a receiver in this process counts our own spans only.
async fn counters(source: Option<&dyn SpanSource>) -> Option<LossCounters> {
    let source = source.filter(|source| source.info().entry.kind != SourceKind::Received)?;
    source.loss().await
}

/// Looks after the traced request was found: then the spans of the unsampled one, sent just before
/// it, would be there too.
pub(super) async fn check(
    source: Option<&dyn SpanSource>,
    ids: &Ids,
    server_spans: &Link,
    window: Window,
) -> Link {
    let check = Check::begin(SAMPLING);
    let found = matches!(server_spans.state, LinkState::Ok | LinkState::Warning);
    let Some(source) = source.filter(|_| found) else {
        return check.skipped("needs server spans");
    };
    match source.trace(ids.untraced.trace_id).await {
        Ok(trace) if trace.spans.is_empty() => {}
        Ok(trace) => return against_the_flag(&check, trace.spans.len()),
        Err(error) => return check.skipped(format!("can't read spans: {error}")),
    }
    let Some(before) = window.before else {
        return check.ok(format!(
            "a request sent unsampled left nothing; {}",
            source.info().entry.troubles.no_counters
        ));
    };
    sleep_until(window.began + WINDOW).await;
    let gone = "a request sent unsampled left nothing; the counters of the back end are no longer \
                available";
    let own = source
        .trace(ids.traced.trace_id)
        .await
        .map_or(0, |trace| trace.spans.len() as u64);
    let Some(after) = counters(Some(source)).await else {
        return check.ok(gone);
    };
    let others = after
        .received
        .saturating_sub(before.received)
        .saturating_sub(own);
    let per_second = others as f64 / window.began.elapsed().as_secs_f64();
    if per_second <= QUIET_SPANS_PER_S {
        return judge(&check, source.info().entry, per_second);
    }
    // What was traced just before the doctor came arrives once, as one sending; what goes on
    // arrives in the next one, too.
    let again = Instant::now();
    sleep_until(again + WINDOW).await;
    match counters(Some(source)).await {
        Some(last) => judge(
            &check,
            source.info().entry,
            last.received.saturating_sub(after.received) as f64 / again.elapsed().as_secs_f64(),
        ),
        None => check.ok(gone),
    }
}

fn against_the_flag(check: &Check, spans: usize) -> Link {
    let seen = format!(
        "a request sent unsampled left {spans} spans: something traces more than was requested"
    );
    let cause = Cause::new(
        "a proxy or mesh before Milvus decides about sampling itself",
        "its tracing: it has to keep the flags of `traceparent` (Istio: \
         meshConfig.defaultConfig.tracing.sampling: 0)",
    );
    check.warning(seen, vec![cause])
}

fn judge(check: &Check, entry: &SourceEntry, per_second: f64) -> Link {
    if per_second <= QUIET_SPANS_PER_S {
        return check.ok(format!(
            "a request sent unsampled left nothing, and few spans of others arrive \
             ({per_second:.0}/s)"
        ));
    }
    let seen = format!(
        "{per_second:.0} spans/s arrive that the doctor did not ask for: they fill the store and \
         may push out those of a run"
    );
    let sampled = Cause::new(
        "Milvus traces requests and background work of its own: trace.sampleFraction is above 0",
        "user.yaml (2.4.1 and later) or milvus.yaml; Helm: extraConfigFiles: user.yaml: |+\n  \
         trace:\n    sampleFraction: 0  # is enough: the sampled flag of each request decides\nor \
         in Milvus' environment: TRACE_SAMPLEFRACTION=0; then restart Milvus",
    );
    let others = Cause::new(
        "other programs export to the same back end, or trace their requests to Milvus",
        "a Jaeger of its own for the benchmark",
    );
    let causes = [sampled, others].into_iter();
    check.warning(
        seen,
        causes
            .chain(Cause::plain(entry.troubles.own_work))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_rate(others: u64, seconds: f64, state: LinkState) {
        let usual = SourceEntry::usual();
        let link = judge(&Check::begin(SAMPLING), usual, others as f64 / seconds);
        assert_eq!(link.state, state, "{}", link.seen);
    }

    #[test]
    fn an_idle_milvus_with_fraction_1_is_noticed() {
        check_rate(180, 6.0, LinkState::Warning);
        let link = judge(&Check::begin(SAMPLING), SourceEntry::usual(), 30.0);
        assert!(
            link.seen.contains("30 spans/s")
                && link.causes[0].what.contains("sampleFraction")
                && link.causes[2]
                    .what
                    .contains("Jaeger traces its own readers"),
            "{link:?}"
        );
    }

    #[test]
    fn a_few_spans_are_no_background() {
        check_rate(0, 6.0, LinkState::Ok);
        check_rate(90, 6.0, LinkState::Ok);
    }
}
