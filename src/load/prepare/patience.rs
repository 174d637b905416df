//! Steps and polls that are tried again while Milvus asks for it: a limit of the rate, a role that
//! is starting.
//!
//! Bounded, and said: at once, and then every ten seconds. What is not retriable is not tried
//! again.

use std::time::Duration;

use tokio::time::Instant;

use super::steps::PrepareContext;
use crate::{
    milvus::{CallError, CallFailure, SetupError},
    plan::CollectionPlan,
};

/// First and longest pause between two attempts.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(2));

/// Longest wait for a server that answers with a gRPC status instead of one of Milvus: a proxy
/// before it may say so for ever.
const GRPC: Duration = Duration::from_secs(60);

/// Longest wait when the load is over, or the run was told to end: only dropping goes on then.
const AT_THE_END: Duration = Duration::from_secs(30);

/// Time between two sentences about the same wait.
const SAID_EVERY: Duration = Duration::from_secs(10);

/// Attempts of one call.
#[derive(Debug)]
pub(super) struct Patience {
    collection: String,
    began: Instant,
    limit: Duration,
    pause: Duration,
    said: Option<Instant>,
}

impl Patience {
    /// For a call about `collection`, bounded by its `ready_timeout`.
    pub(super) fn new(collection: &CollectionPlan) -> Self {
        let name = collection.shape.name.clone();
        Self {
            collection: name,
            began: Instant::now(),
            limit: collection.ready_timeout,
            pause: PAUSES.0,
            said: None,
        }
    }

    /// Whether to try again after `failure` of `method`; if so, the pause before it is over.
    pub(super) async fn allows(
        &mut self,
        context: &PrepareContext<'_>,
        method: &str,
        failure: &CallFailure,
    ) -> bool {
        if !failure.retriable {
            return false;
        }
        let mut limit = self.limit;
        if !matches!(failure.error, CallError::Milvus(_)) {
            limit = limit.min(GRPC);
        }
        if context.ending || context.is_stopped() {
            limit = limit.min(AT_THE_END);
        }
        let waited = self.began.elapsed();
        if waited >= limit {
            return false;
        }
        if self.said.is_none_or(|at| at.elapsed() >= SAID_EVERY) {
            self.said = Some(Instant::now());
            let text = format!(
                "{}: Milvus asks to retry {method}, waiting {} s of at most {} s ({failure})",
                self.collection,
                waited.as_secs(),
                limit.as_secs()
            );
            context.tell(text);
        }
        tokio::time::sleep(self.pause.min(limit - waited)).await;
        self.pause = (self.pause * 2).min(PAUSES.1);
        true
    }

    /// How long it was tried, for the failure that ends it: empty where it was tried once.
    fn tried(&self) -> String {
        if self.said.is_some() {
            format!(" (retried for {} s)", self.began.elapsed().as_secs())
        } else {
            String::new()
        }
    }

    /// The last failure, with how long it was tried.
    pub(super) fn last(&self, failure: CallFailure) -> CallFailure {
        CallFailure {
            text: failure.text + &self.tried(),
            ..failure
        }
    }
}

/// Asks until there is an answer, or a failure that does not pass by itself.
///
/// # Errors
/// The last failure.
pub(super) async fn patiently<T>(
    context: &PrepareContext<'_>,
    collection: &CollectionPlan,
    ask: impl AsyncFn() -> Result<T, SetupError>,
) -> Result<T, SetupError> {
    let mut patience = Patience::new(collection);
    loop {
        match ask().await {
            Err(error) if patience.allows(context, error.method, &error.failure).await => {}
            Err(error) => {
                return Err(SetupError {
                    failure: patience.last(error.failure),
                    ..error
                });
            }
            Ok(answer) => return Ok(answer),
        }
    }
}
