//! The state of a collection before and after a phase, as far as Milvus tells it.

use crate::{
    milvus::{
        Client, optional,
        proto::{IndexState, QuerySegmentInfo, SegmentState},
    },
    operation::CollectionShape,
    record::CollectionState,
};

/// Asks for rows, segments and index; what can't be had is None.
pub async fn collection_state(client: &Client, shape: &CollectionShape, when: &str) -> CollectionState {
    let segments = optional(client.query_segments(&shape.name).await).ok().flatten();
    let indexes = client.describe_index(&shape.name).await.unwrap_or_default();
    let index = indexes.iter().find(|index| index.field_name == shape.vector_field);
    let sum = |of: &dyn Fn(&QuerySegmentInfo) -> bool| {
        let rows = |segments: &Vec<QuerySegmentInfo>| {
            segments.iter().filter(|segment| of(segment)).map(|segment| segment.num_rows.max(0) as u64).sum()
        };
        segments.as_ref().map(rows)
    };
    // A Strong count would wait for time ticks and change what is measured next. A collection that is not loaded has statistics only.
    let rows = match client.count_visible_rows(&shape.name).await {
        Ok(rows) => Some(rows),
        Err(_) => client.row_count(&shape.name).await.ok(),
    };
    let (listed, sealed_rows) =
        (sum(&|segment| segment.state() == SegmentState::Growing), sum(&|segment| segment.state() == SegmentState::Sealed));
    // Milvus 2.3.5 lists no growing segments: they hold what the sealed ones do not.
    CollectionState {
        name: shape.name.clone(),
        when: when.to_owned(),
        rows,
        growing_rows: listed.filter(|listed| *listed > 0).or_else(|| Some(rows?.saturating_sub(sealed_rows?))),
        sealed_rows,
        unindexed_rows: sum(&|segment| {
            segment.state() == SegmentState::Sealed && segment.index_name.is_empty() && segment.num_rows >= 1024
        }),
        segments: segments.as_ref().map(|segments| segments.len() as u64),
        index_state: index.map(|index| state_name(index.state()).to_owned()),
    }
}

fn state_name(state: IndexState) -> &'static str {
    match state {
        IndexState::None => "unknown",
        IndexState::Unissued => "not begun",
        IndexState::InProgress => "in progress",
        IndexState::Finished => "finished",
        IndexState::Failed => "failed",
        IndexState::Retry => "being tried again",
    }
}
