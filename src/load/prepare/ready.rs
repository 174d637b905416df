//! When a collection is ready: flushed, indexed, loaded, and served from sealed segments with their index.
//!
//! Milvus' own words are not enough: an index is "finished" before a query node uses it. So the segments that the query
//! nodes serve are counted: all rows, sealed, each with an index. Segments below 1,024 rows never get one.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    PrepareError, failed,
    steps::{PrepareContext, Step},
};
use crate::{
    milvus::{
        methods, optional,
        proto::{FlushResponse, GetFlushStateResponse, IndexDescription, IndexState, LoadState, QuerySegmentInfo, SegmentState},
    },
    operation::setup,
    plan::CollectionPlan,
};

/// Time between two polls.
const POLL: Duration = Duration::from_millis(200);

/// Milvus builds no index over a segment with fewer rows.
const SMALLEST_INDEXED_SEGMENT: i64 = 1024;

/// Flushes and waits until the rows are in sealed segments.
pub(super) async fn flush(context: &mut PrepareContext<'_>, collection: &CollectionPlan) -> Result<(), PrepareError> {
    let shape = &collection.shape;
    let fail = |error| failed(collection, error);
    let reply: FlushResponse =
        context.step_with_reply(collection, Step::Flush, &methods::FLUSH, &setup::flush(shape)).await.map_err(fail)?;
    let segments: Vec<i64> = reply.coll_seg_ids.get(&shape.name).map(|ids| ids.data.clone()).unwrap_or_default();
    let timestamp = reply.coll_flush_ts.get(&shape.name).copied().unwrap_or_default();
    let request = setup::flush_state(shape, segments, timestamp);
    let began = Instant::now();
    let mut wait = Wait::new(context, collection, "flushed");
    loop {
        let state: GetFlushStateResponse = context.client.call(&methods::GET_FLUSH_STATE, &request, b"").await.map_err(fail)?;
        if state.flushed {
            break;
        }
        wait.pause(context, "its last rows are still being written").await?;
    }
    context.record_wait(collection, Step::WaitFlushed, began);
    Ok(())
}

/// Waits until the index covers every row.
pub(super) async fn wait_for_index(context: &mut PrepareContext<'_>, collection: &CollectionPlan) -> Result<(), PrepareError> {
    let began = Instant::now();
    let mut wait = Wait::new(context, collection, "indexed");
    loop {
        let indexes = context.client.describe_index(&collection.shape.name).await.map_err(|error| failed(collection, error))?;
        if let Some(index) = indexes.iter().find(|index| index.state() == IndexState::Failed) {
            return Err(PrepareError::NotReady(format!(
                "Milvus could not build the index {} of collection {}: {}",
                index.index_name, collection.shape.name, index.index_state_fail_reason
            )));
        }
        let vector = indexes.iter().find(|index| index.field_name == collection.shape.vector_field);
        if vector.is_some_and(|index| covers(index, collection.initial_rows)) {
            break;
        }
        let seen = vector.map_or("no index yet".to_owned(), |index| format!("{} of {} rows", index.indexed_rows, collection.initial_rows));
        wait.pause(context, &seen).await?;
    }
    context.record_wait(collection, Step::WaitIndexed, began);
    Ok(())
}

/// Whether an index is finished over `rows` rows. milvus-lite reports no rows at all: there finished is all there is.
fn covers(index: &IndexDescription, rows: u64) -> bool {
    let total = u64::try_from(index.total_rows).unwrap_or(0);
    index.state() == IndexState::Finished && index.pending_index_rows == 0 && (total >= rows || (total == 0 && index.indexed_rows == 0))
}

/// Waits until the collection is loaded and, if it holds rows, served from sealed segments with their index.
pub(super) async fn wait_until_ready(
    context: &mut PrepareContext<'_>,
    collection: &CollectionPlan,
    filled: bool,
) -> Result<(), PrepareError> {
    let began = Instant::now();
    let mut wait = Wait::new(context, collection, "ready");
    loop {
        let state = context.client.load_state(&collection.shape.name).await.map_err(|error| failed(collection, error))?;
        let seen = match state {
            LoadState::Loaded if !filled => break,
            LoadState::Loaded => match served(context, collection).await? {
                None => break,
                Some(seen) => seen,
            },
            _ => "it is still being loaded".to_owned(),
        };
        wait.pause(context, &seen).await?;
    }
    context.record_wait(collection, Step::WaitReady, began);
    Ok(())
}

/// Whether a collection that exists is loaded, holds its initial rows and is served with its index.
pub(super) async fn is_ready(context: &PrepareContext<'_>, collection: &CollectionPlan) -> Result<bool, PrepareError> {
    let fail = |error| failed(collection, error);
    if context.client.load_state(&collection.shape.name).await.map_err(fail)? != LoadState::Loaded {
        return Ok(false);
    }
    let rows = context.client.count_rows(&collection.shape.name).await.map_err(fail)?;
    Ok(rows == collection.initial_rows && served(context, collection).await?.is_none())
}

/// None when every row is served from a sealed segment with an index; else what is missing.
async fn served(context: &PrepareContext<'_>, collection: &CollectionPlan) -> Result<Option<String>, PrepareError> {
    let segments = optional(context.client.query_segments(&collection.shape.name).await).map_err(|error| failed(collection, error))?;
    // A server that can't tell its segments (milvus-lite) is taken at its word.
    Ok(segments.and_then(|segments| missing(&segments, collection.initial_rows)))
}

fn missing(segments: &[QuerySegmentInfo], rows: u64) -> Option<String> {
    let sealed: Vec<&QuerySegmentInfo> = segments.iter().filter(|segment| segment.state() == SegmentState::Sealed).collect();
    let served: i64 = sealed.iter().map(|segment| segment.num_rows).sum();
    if u64::try_from(served).unwrap_or(0) < rows {
        return Some(format!("{served} of {rows} rows are served from sealed segments"));
    }
    let bare: i64 = sealed
        .iter()
        .filter(|segment| segment.index_name.is_empty() && segment.num_rows >= SMALLEST_INDEXED_SEGMENT)
        .map(|segment| segment.num_rows)
        .sum();
    (bare > 0).then(|| format!("{bare} rows are served without an index"))
}

/// Polls with a deadline.
struct Wait {
    deadline: Instant,
    what: &'static str,
    name: String,
    patience: Duration,
}

impl Wait {
    fn new(context: &PrepareContext<'_>, collection: &CollectionPlan, what: &'static str) -> Self {
        context.say(format!("{}: waiting until it is {what}", collection.shape.name));
        Self {
            deadline: Instant::now() + collection.ready_timeout,
            what,
            name: collection.shape.name.clone(),
            patience: collection.ready_timeout,
        }
    }

    async fn pause(&mut self, context: &PrepareContext<'_>, seen: &str) -> Result<(), PrepareError> {
        if context.is_stopped() {
            return Err(PrepareError::Interrupted);
        }
        if Instant::now() >= self.deadline {
            return Err(PrepareError::NotReady(format!(
                "collection {} was not {} within {} s ({seen}): look at Milvus' log, or raise its ready_timeout",
                self.name,
                self.what,
                self.patience.as_secs()
            )));
        }
        let so_far = self.patience.saturating_sub(self.deadline.saturating_duration_since(Instant::now()));
        let (what, so_far, limit) = (self.what, so_far.as_secs(), self.patience.as_secs());
        context.say(format!("{}: waiting until it is {what} ({seen}): {so_far} s so far, at most {limit} s", self.name));
        tokio::time::sleep(POLL).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(rows: i64, state: SegmentState, index: &str) -> QuerySegmentInfo {
        QuerySegmentInfo { num_rows: rows, state: state.into(), index_name: index.to_owned(), ..QuerySegmentInfo::default() }
    }

    fn check(segments: &[QuerySegmentInfo], rows: u64, expected: Option<&str>) {
        assert_eq!(missing(segments, rows).as_deref(), expected);
    }

    #[test]
    fn sealed_and_indexed_is_ready() {
        check(&[segment(8000, SegmentState::Sealed, "v"), segment(2000, SegmentState::Sealed, "v")], 10_000, None);
    }

    #[test]
    fn finished_is_not_in_use() {
        check(&[], 10_000, Some("0 of 10000 rows are served from sealed segments"));
        check(&[segment(10_000, SegmentState::Growing, "")], 10_000, Some("0 of 10000 rows are served from sealed segments"));
        check(&[segment(10_000, SegmentState::Sealed, "")], 10_000, Some("10000 rows are served without an index"));
    }

    #[test]
    fn a_small_segment_never_gets_an_index() {
        check(&[segment(1000, SegmentState::Sealed, "")], 1000, None);
    }

    #[test]
    fn an_index_over_no_sealed_row_is_finished_too() {
        let index = |total, pending| IndexDescription {
            state: IndexState::Finished.into(),
            total_rows: total,
            indexed_rows: total - pending,
            pending_index_rows: pending,
            ..IndexDescription::default()
        };
        assert!(covers(&index(100, 0), 100));
        assert!(!covers(&index(100, 50), 100));
        assert!(!covers(&index(50, 0), 100));
    }
}
