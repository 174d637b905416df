//! The state of a collection before and after a phase, as far as Milvus tells it.

use super::served;
use crate::{
    milvus::{
        Client, optional,
        proto::{QuerySegmentInfo, SegmentState},
    },
    operation::CollectionShape,
    record::CollectionState,
};

/// Asks for rows, segments and index; what can't be had is None. Writes of the last moments may be missing in the rows.
pub async fn collection_state(client: &Client, shape: &CollectionShape, when: &str) -> CollectionState {
    let segments = optional(client.query_segments(&shape.name).await).ok().flatten();
    let indexes = client.describe_index(&shape.name).await.unwrap_or_default();
    let index = indexes.iter().find(|index| index.field_name == shape.vector_field);
    let index_type = index.map(served::index_type).filter(|name| !name.is_empty());
    let sum = |of: SegmentState| {
        let rows = |segments: &Vec<QuerySegmentInfo>| {
            segments.iter().filter(|segment| segment.state() == of).map(|segment| segment.num_rows.max(0) as u64).sum::<u64>()
        };
        segments.as_ref().map(rows)
    };
    // A Strong count would wait for time ticks and change what is measured next. A collection that is not loaded has statistics only.
    let (rows, rows_estimated) = match client.count_visible_rows(&shape.name).await {
        Ok(rows) => (Some(rows), false),
        Err(_) => (client.row_count(&shape.name).await.ok(), true),
    };
    let (listed, sealed_rows) = (sum(SegmentState::Growing), sum(SegmentState::Sealed));
    // Milvus 2.3.5 lists no growing segments: they hold what the sealed ones do not.
    CollectionState {
        name: shape.name.clone(),
        when: when.to_owned(),
        rows,
        rows_estimated: rows_estimated && rows.is_some(),
        growing_rows: listed.filter(|listed| *listed > 0).or_else(|| Some(rows?.saturating_sub(sealed_rows?))),
        sealed_rows,
        unindexed_rows: segments.as_ref().map(|segments| served::unindexed_rows(segments, index_type.unwrap_or_default())),
        segments: segments.as_ref().map(|segments| segments.len() as u64),
        index_state: index.map(|index| served::state_name(index.state()).to_owned()),
        index_type: index_type.map(str::to_owned),
        ..CollectionState::default()
    }
}
