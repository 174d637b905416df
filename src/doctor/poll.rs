//! Waiting for a trace to appear.

use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};

use crate::spans::{SpanError, SpanSource, Trace};

/// How more time is given to spans that are late: to the doctor's own, and to those of a run.
pub(super) const LONGER: &str = "--deadline of doctor, e.g. --deadline 120; for a run, in the \
                                 scenario: [tracing.spans] deadline = \"120s\"";

/// Between two questions for one trace: Milvus sends every 5 s, so that a finer look finds little
/// earlier, and a Jaeger that traces its readers is not filled by this.
const PAUSE: Duration = Duration::from_millis(500);

/// What the look at the deadline itself may take.
const LAST_LOOK: Duration = Duration::from_secs(1);

/// What the last look gave.
pub(super) struct Polled {
    /// The trace as last seen; None when no look succeeded.
    pub(super) trace: Option<Trace>,
    /// Why the last look failed, if it did.
    pub(super) error: Option<SpanError>,
}

/// Reads `trace_id` until `done` says so or the `deadline` has passed; the last look is at the
/// deadline.
pub(super) async fn poll(
    source: &dyn SpanSource,
    trace_id: u128,
    deadline: Duration,
    mut done: impl FnMut(&Trace) -> bool,
) -> Polled {
    let end = Instant::now() + deadline;
    let mut polled = Polled {
        trace: None,
        error: None,
    };
    loop {
        match timeout_at(end.max(Instant::now() + LAST_LOOK), source.trace(trace_id)).await {
            Ok(Ok(trace)) => {
                let enough = done(&trace);
                polled = Polled {
                    trace: Some(trace),
                    error: None,
                };
                if enough {
                    return polled;
                }
            }
            Ok(Err(error)) => polled.error = Some(error),
            Err(_) if polled.trace.is_none() && polled.error.is_none() => {
                polled.error = Some(SpanError::new(
                    "the span source did not answer before the deadline".to_owned(),
                ));
            }
            Err(_) => {}
        }
        let now = Instant::now();
        if now >= end {
            return polled;
        }
        sleep_until(end.min(now + PAUSE)).await;
    }
}
