//! The state of a collection before and after a phase, as far as Milvus tells it.

use super::{
    rows::{RowsExpected, settled_rows},
    served,
};
use crate::{
    milvus::{
        Client, optional,
        proto::{QuerySegmentInfo, SegmentState},
    },
    operation::CollectionShape,
    record::CollectionState,
};

/// Which rows are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// How many there should be; None where it is unknown.
    pub expected: Option<RowsExpected>,
    /// Whether rows were written that a count which waits for nothing could miss.
    pub written: bool,
}

/// Asks for id, rows, segments and index; what can't be had is None.
pub async fn collection_state(
    client: &Client,
    shape: &CollectionShape,
    when: &str,
    count: Count,
) -> CollectionState {
    let found = client.describe_collection(&shape.name).await.ok().flatten();
    let segments = optional(client.query_segments(&shape.name).await)
        .ok()
        .flatten();
    let indexes = client.describe_index(&shape.name).await.unwrap_or_default();
    let index = indexes
        .iter()
        .find(|index| index.field_name == shape.vector.name);
    let index_type = index
        .map(served::index_type)
        .filter(|name| !name.is_empty());
    let sum = |of: SegmentState| {
        let rows = |segments: &Vec<QuerySegmentInfo>| {
            segments
                .iter()
                .filter(|segment| segment.state() == of)
                .map(|segment| segment.num_rows.max(0) as u64)
                .sum::<u64>()
        };
        segments.as_ref().map(rows)
    };
    let (rows, rows_estimated) = rows(client, &shape.name, count).await;
    let (listed, sealed_rows) = (sum(SegmentState::Growing), sum(SegmentState::Sealed));
    // Milvus 2.3.5 lists no growing segments: they hold what the sealed ones do not.
    CollectionState {
        name: shape.name.clone(),
        when: when.to_owned(),
        id: found
            .map(|found| found.collection_id)
            .filter(|id| *id != 0)
            .map(|id| id.to_string()),
        rows,
        rows_estimated,
        growing_rows: listed
            .filter(|listed| *listed > 0)
            .or_else(|| Some(rows?.saturating_sub(sealed_rows?))),
        sealed_rows,
        unindexed_rows: segments
            .as_ref()
            .map(|segments| served::unindexed_rows(segments, index_type.unwrap_or_default())),
        segments: segments.as_ref().map(|segments| segments.len() as u64),
        index_state: index.map(served::state_words),
        index_type: index_type.map(str::to_owned),
    }
}

/// The rows, and whether some that were written may be missing. A count that waits for nothing is
/// enough where nothing was written and it is as expected: a Strong one waits for time ticks. A
/// collection that is not loaded has statistics only, of flushed rows.
async fn rows(client: &Client, name: &str, count: Count) -> (Option<u64>, bool) {
    let visible = client.count_visible_rows(name).await.ok();
    let fits =
        visible.is_some_and(|rows| count.expected.is_none_or(|expected| expected.holds(rows)));
    if fits && !count.written {
        return (visible, false);
    }
    if visible.is_some()
        && let Some(rows) = settled_rows(client, name, count.expected).await
    {
        return (Some(rows), false);
    }
    match visible {
        Some(rows) => (Some(rows), true),
        None => {
            let rows = client.row_count(name).await.ok();
            (rows, rows.is_some())
        }
    }
}
