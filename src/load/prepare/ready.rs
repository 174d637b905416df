//! When a collection is ready: flushed, indexed, loaded, and served from sealed segments with their
//! index.
//!
//! Milvus' own words are not enough: an index is "finished" before a query node uses it. So the
//! segments that the query nodes serve are counted: all rows, sealed, each with an index where
//! Milvus builds one ([`super::served`]).

use std::time::Duration;

use tokio::time::Instant;

use super::{
    PrepareError, failed,
    patience::patiently,
    served::{self, Layout, Missing},
    steps::{PrepareContext, Step},
};
use crate::{
    milvus::{
        if_allowed, methods,
        proto::{
            FlushResponse, GetFlushStateResponse, IndexDescription, LoadState, QuerySegmentInfo,
        },
    },
    operation::setup,
    plan::CollectionPlan,
};

/// Time between two polls.
const POLL: Duration = Duration::from_millis(200);

/// How long rows may be served without an index although it is finished, while no segment changes,
/// before that is how it stays: the coordinator looks for indexes to hand out every ten seconds.
const SETTLED: Duration = Duration::from_secs(30);

/// How long an index without a single row is a matter of time alone.
const SILENT: Duration = Duration::from_secs(5);

/// Longest wait of `ensure` for a collection that fits, but whose index or segments are still being
/// made.
const FITTING: Duration = Duration::from_secs(60);

/// Flushes and waits until the rows are in sealed segments.
pub(super) async fn flush(
    context: &mut PrepareContext<'_>,
    collection: &CollectionPlan,
) -> Result<(), PrepareError> {
    let shape = &collection.shape;
    let fail = |error| failed(collection, error);
    let reply: FlushResponse = context
        .step_with_reply(
            collection,
            Step::Flush,
            &methods::FLUSH,
            &setup::flush(shape),
        )
        .await
        .map_err(fail)?;
    let segments: Vec<i64> = reply
        .coll_seg_ids
        .get(&shape.name)
        .map(|ids| ids.data.clone())
        .unwrap_or_default();
    let timestamp = reply
        .coll_flush_ts
        .get(&shape.name)
        .copied()
        .unwrap_or_default();
    let request = setup::flush_state(shape, segments, timestamp);
    let began = Instant::now();
    let mut wait = Wait::new(context, collection, "flushed");
    loop {
        let ask = async || {
            context
                .client
                .call(&methods::GET_FLUSH_STATE, &request, b"")
                .await
        };
        let state: GetFlushStateResponse =
            patiently(context, collection, ask).await.map_err(fail)?;
        if state.flushed {
            break;
        }
        wait.pause(context, "its last rows are still being written")
            .await?;
    }
    context.record_wait(collection, Step::WaitFlushed, began);
    Ok(())
}

/// The indexes of a collection; an index whose build failed is an error with Milvus' reason.
async fn indexes(
    context: &PrepareContext<'_>,
    collection: &CollectionPlan,
) -> Result<Vec<IndexDescription>, PrepareError> {
    let name = &collection.shape.name;
    let ask = async || context.client.describe_index(name).await;
    let indexes = patiently(context, collection, ask)
        .await
        .map_err(|error| failed(collection, error))?;
    match indexes.iter().find_map(|index| served::failed(index, name)) {
        Some(sentence) => Err(PrepareError::NotReady(sentence)),
        None => Ok(indexes),
    }
}

/// The index of the vectors among others.
fn of_vectors<'a>(
    indexes: &'a [IndexDescription],
    collection: &CollectionPlan,
) -> Option<&'a IndexDescription> {
    indexes
        .iter()
        .find(|index| index.field_name == collection.shape.vector.name)
}

/// Waits until the index covers every row.
pub(super) async fn wait_for_index(
    context: &mut PrepareContext<'_>,
    collection: &CollectionPlan,
) -> Result<(), PrepareError> {
    let began = Instant::now();
    let mut wait = Wait::new(context, collection, "indexed");
    loop {
        let indexes = indexes(context, collection).await?;
        let covers = |index: &IndexDescription| served::covers(index, collection.initial_rows);
        let of_field = |name: &str| indexes.iter().find(|index| index.field_name == name);
        let mut vectors = collection.shape.vectors();
        // The first that does not cover every row.
        let waited_for = vectors.find(|vector| !of_field(&vector.name).is_some_and(covers));
        let Some(waited_for) = waited_for else {
            break;
        };
        let vector = of_field(&waited_for.name);
        let mut seen = vector.map_or("no index yet".to_owned(), |index| {
            served::progress(index, collection.initial_rows)
        });
        if vector.is_some_and(|index| {
            index.indexed_rows == 0 && index.index_state_fail_reason.is_empty()
        }) && wait.began.elapsed() >= SILENT
        {
            seen.push_str(
                ", and Milvus gives no reason: it retries a failing build silently; look for \
                 `failed to build index` in its log",
            );
        }
        wait.pause(context, &seen).await?;
    }
    context.record_wait(collection, Step::WaitIndexed, began);
    Ok(())
}

/// Waits until the collection is loaded and, if it holds rows, served from sealed segments with
/// their index.
pub(super) async fn wait_until_ready(
    context: &mut PrepareContext<'_>,
    collection: &CollectionPlan,
    filled: bool,
) -> Result<(), PrepareError> {
    let began = Instant::now();
    let mut wait = Wait::new(context, collection, "ready");
    let mut still = Still::default();
    loop {
        let seen = match load_state(context, collection).await? {
            LoadState::Loaded if !filled => break,
            LoadState::Loaded => match look(context, collection).await? {
                Look { missing: None, .. } => break,
                Look {
                    missing: Some(Missing::Index(rows)),
                    index,
                    segments,
                } if still.settled(&index, &segments) => {
                    context.tell(format!(
                        "{}: Milvus says that the index is finished and serves {rows} rows \
                         without it: its configuration builds no index on such segments",
                        collection.shape.name
                    ));
                    break;
                }
                Look {
                    missing: Some(missing),
                    index,
                    ..
                } => {
                    format!(
                        "{}, {}",
                        missing.words(collection.initial_rows),
                        served::progress(&index, collection.initial_rows)
                    )
                }
            },
            _ => "it is still being loaded".to_owned(),
        };
        wait.pause(context, &seen).await?;
    }
    context.record_wait(collection, Step::WaitReady, began);
    Ok(())
}

/// Whether nothing has changed for long although the index is finished.
#[derive(Debug, Default)]
struct Still {
    since: Option<(Instant, Layout)>,
}

impl Still {
    fn settled(&mut self, index: &IndexDescription, segments: &[QuerySegmentInfo]) -> bool {
        let now = Layout::of(segments);
        let finished = served::covers(index, 0);
        match &self.since {
            Some((since, before)) if finished && *before == now => since.elapsed() >= SETTLED,
            _ => {
                self.since = finished.then(|| (Instant::now(), now));
                false
            }
        }
    }
}

/// Waits until a collection of somebody is loaded, if it is being loaded; says whether it is.
pub(super) async fn is_loaded_soon(
    context: &PrepareContext<'_>,
    collection: &CollectionPlan,
) -> Result<bool, PrepareError> {
    let mut wait: Option<Wait> = None;
    loop {
        match load_state(context, collection).await? {
            LoadState::Loaded => return Ok(true),
            LoadState::Loading => {
                wait.get_or_insert_with(|| Wait::new(context, collection, "loaded"))
                    .pause(context, "it is still being loaded")
                    .await?;
            }
            _ => return Ok(false),
        }
    }
}

async fn load_state(
    context: &PrepareContext<'_>,
    collection: &CollectionPlan,
) -> Result<LoadState, PrepareError> {
    let ask = async || context.client.load_state(&collection.shape.name).await;
    patiently(context, collection, ask)
        .await
        .map_err(|error| failed(collection, error))
}

/// Whether a collection that exists is loaded, holds its initial rows and is served with its index.
/// One that only lacks the last of them is given a minute: its segments may just be merged, or
/// handed off.
pub(super) async fn is_ready(
    context: &PrepareContext<'_>,
    collection: &CollectionPlan,
) -> Result<bool, PrepareError> {
    if !is_loaded_soon(context, collection).await? {
        return Ok(false);
    }
    let ask = async || context.client.count_rows(&collection.shape.name).await;
    let rows = patiently(context, collection, ask)
        .await
        .map_err(|error| failed(collection, error))?;
    if rows != collection.initial_rows {
        return Ok(false);
    }
    let mut wait = Wait::new(context, collection, "ready").at_most(FITTING);
    let mut still = Still::default();
    loop {
        // An index that failed, or is not there, is made anew.
        let Ok(Look {
            missing,
            index,
            segments,
        }) = look(context, collection).await
        else {
            return Ok(false);
        };
        let Some(missing) = missing else {
            return Ok(true);
        };
        if matches!(missing, Missing::Index(_)) && still.settled(&index, &segments) {
            return Ok(true);
        }
        match wait.pause(context, &missing.words(rows)).await {
            Ok(()) => {}
            Err(PrepareError::NotReady(_)) => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}

/// What the query nodes serve, and the index of the vectors.
struct Look {
    missing: Option<Missing>,
    index: IndexDescription,
    segments: Vec<QuerySegmentInfo>,
}

/// A server that can't tell its segments (milvus-lite), or not to this user (a managed Milvus), is
/// taken at its word.
async fn look(
    context: &PrepareContext<'_>,
    collection: &CollectionPlan,
) -> Result<Look, PrepareError> {
    let indexes = indexes(context, collection).await?;
    let index = of_vectors(&indexes, collection).cloned().ok_or_else(|| {
        PrepareError::NotReady(format!(
            "collection {} has no index on {} any more",
            collection.shape.name, collection.shape.vector.name
        ))
    })?;
    let ask = async || if_allowed(context.client.query_segments(&collection.shape.name).await);
    let segments = patiently(context, collection, ask)
        .await
        .map_err(|error| failed(collection, error))?;
    let missing = segments.as_ref().and_then(|segments| {
        served::missing(
            segments,
            collection.initial_rows,
            served::index_type(&index),
        )
    });
    Ok(Look {
        missing,
        index,
        segments: segments.unwrap_or_default(),
    })
}

/// Polls with a deadline.
struct Wait {
    began: Instant,
    what: &'static str,
    name: String,
    patience: Duration,
}

impl Wait {
    fn new(context: &PrepareContext<'_>, collection: &CollectionPlan, what: &'static str) -> Self {
        context.say(format!(
            "{}: waiting until it is {what}",
            collection.shape.name
        ));
        Self {
            began: Instant::now(),
            what,
            name: collection.shape.name.clone(),
            patience: collection.ready_timeout,
        }
    }

    fn at_most(self, limit: Duration) -> Self {
        Self {
            patience: self.patience.min(limit),
            ..self
        }
    }

    async fn pause(
        &mut self,
        context: &PrepareContext<'_>,
        seen: &str,
    ) -> Result<(), PrepareError> {
        if context.is_stopped() {
            return Err(PrepareError::Interrupted);
        }
        let waited = self.began.elapsed();
        if waited >= self.patience {
            return Err(PrepareError::NotReady(format!(
                "collection {} was not {} within {} s ({seen}): check Milvus' log, or raise the \
                 ready_timeout of the collection",
                self.name,
                self.what,
                self.patience.as_secs()
            )));
        }
        let (name, what) = (&self.name, self.what);
        context.say(format!(
            "{name}: waiting until it is {what}, {} s of at most {} s ({seen})",
            waited.as_secs(),
            self.patience.as_secs()
        ));
        tokio::time::sleep(POLL).await;
        Ok(())
    }
}
