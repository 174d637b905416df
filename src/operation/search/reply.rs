//! Replies to searches, as far as they are looked at.

use bytes::Bytes;
use prost::Message;

use crate::milvus::{
    CallError, CallFailure,
    proto::{Ids, Status},
};

/// The fields of `SearchResults` that are looked at: the rest is skipped without being copied.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SearchReply {
    #[prost(message, optional, tag = "1")]
    pub(super) status: Option<Status>,
    #[prost(message, optional, tag = "2")]
    pub(super) results: Option<SearchHits>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SearchHits {
    #[prost(message, optional, tag = "5")]
    pub(super) ids: Option<Ids>,
    #[prost(int64, repeated, tag = "6")]
    pub(super) topks: Vec<i64>,
}

/// The fields that are kept where the scenario wants them.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ReturnedReply {
    #[prost(message, optional, tag = "2")]
    pub(super) results: Option<ReturnedHits>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ReturnedHits {
    #[prost(float, repeated, tag = "4")]
    pub(super) scores: Vec<f32>,
    #[prost(message, optional, tag = "5")]
    pub(super) ids: Option<Ids>,
    #[prost(int64, repeated, tag = "6")]
    pub(super) topks: Vec<i64>,
}

/// The scores of a reply alone.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ScoredReply {
    #[prost(message, optional, tag = "2")]
    pub(super) results: Option<Scores>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Scores {
    #[prost(float, repeated, tag = "4")]
    pub(super) scores: Vec<f32>,
}

/// The scores of `rows` rows; none where there are not as many.
pub(super) fn scores(body: Bytes, rows: usize) -> Vec<f32> {
    let found = ScoredReply::decode(body)
        .ok()
        .and_then(|reply| reply.results)
        .unwrap_or_default()
        .scores;
    if found.len() == rows {
        found
    } else {
        Vec::new()
    }
}

/// Cuts the ids of all `nq` queries into those of each.
pub(super) fn per_query<'a>(
    ids: &'a [i64],
    topks: &[i64],
    nq: usize,
) -> Result<Vec<&'a [i64]>, CallFailure> {
    // A server that leaves the counts out can only be understood with one query.
    if topks.is_empty() && (nq == 1 || ids.is_empty()) {
        return Ok(std::iter::once(ids)
            .chain(std::iter::repeat(&[][..]))
            .take(nq)
            .collect());
    }
    let mut left = ids;
    let mut parts = Vec::with_capacity(nq);
    for count in topks {
        let part = usize::try_from(*count)
            .ok()
            .and_then(|count| left.split_at_checked(count));
        let Some((part, rest)) = part else { break };
        parts.push(part);
        left = rest;
    }
    if parts.len() == nq && topks.len() == nq && left.is_empty() {
        return Ok(parts);
    }
    let text = format!(
        "topks {:?} do not fit {} ids of {nq} queries",
        &topks[..topks.len().min(10)],
        ids.len()
    );
    Err(CallFailure::new(CallError::BadReply, &text))
}
