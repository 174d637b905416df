//! What a reply held, where `[tracing] keep_ids` wants it: ids and scores, bounded.

use serde::{Deserialize, Serialize};

/// Ids of one reply that are kept.
const IDS_KEPT: usize = 1_000;
/// Bytes of text ids of one reply that are kept.
const TEXT_KEPT: usize = 64 << 10;

/// Primary keys, in the order of the reply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
#[allow(missing_docs)]
pub enum ReplyIds {
    Numbers(Vec<i64>),
    Texts(Vec<String>),
}

/// The first rows of a reply, and how many there were.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    pub(super) ids: ReplyIds,
    pub(super) scores: Vec<f32>,
    pub(super) per_query: Vec<u32>,
    pub(super) left_out: u32,
}

impl ReplyIds {
    /// Their number.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers(ids) => ids.len(),
            Self::Texts(ids) => ids.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn truncate(&mut self, length: usize) {
        match self {
            Self::Numbers(ids) => ids.truncate(length),
            Self::Texts(ids) => ids.truncate(length),
        }
    }

    /// How many from the first on are within the bounds.
    fn kept(&self) -> usize {
        let Self::Texts(ids) = self else {
            return self.len().min(IDS_KEPT);
        };
        let mut bytes = 0_usize;
        let fits = |id: &&String| {
            bytes = bytes.saturating_add(id.len());
            bytes <= TEXT_KEPT
        };
        ids.iter().take(IDS_KEPT).take_while(fits).count()
    }
}

impl Reply {
    /// `scores` are as many as `ids`, or none; `per_query` is the number of rows of each query
    /// vector, where there are several.
    #[must_use]
    pub fn new(mut ids: ReplyIds, mut scores: Vec<f32>, mut per_query: Vec<u32>) -> Self {
        let (found, kept) = (ids.len(), ids.kept());
        ids.truncate(kept);
        scores.truncate(kept);
        per_query.truncate(IDS_KEPT);
        Self {
            ids,
            scores,
            per_query,
            left_out: u32::try_from(found - kept).unwrap_or(u32::MAX),
        }
    }

    /// The same without its rows, which are counted.
    pub(super) fn emptied(self) -> Self {
        let found = u32::try_from(self.ids.len()).unwrap_or(u32::MAX);
        Self {
            ids: ReplyIds::Numbers(Vec::new()),
            scores: Vec::new(),
            per_query: Vec::new(),
            left_out: self.left_out.saturating_add(found),
        }
    }

    /// Bytes that it holds, about.
    pub(super) fn bytes(&self) -> usize {
        let ids = match &self.ids {
            ReplyIds::Numbers(ids) => 8 * ids.len(),
            ReplyIds::Texts(ids) => ids.iter().map(|id| id.len() + 24).sum(),
        };
        ids + 4 * (self.scores.len() + self.per_query.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded_and_the_rest_is_counted() {
        let reply = Reply::new(
            ReplyIds::Numbers((0..1_500).collect()),
            vec![0.5; 1_500],
            vec![1_500],
        );
        assert_eq!(
            (reply.ids.len(), reply.scores.len(), reply.left_out),
            (1_000, 1_000, 500)
        );
        let long = Reply::new(
            ReplyIds::Texts(vec!["x".repeat(40_000); 3]),
            vec![0.5; 3],
            Vec::new(),
        );
        assert_eq!(
            (long.ids.len(), long.scores.len(), long.left_out),
            (1, 1, 2)
        );
        assert!(long.bytes() < 80_000);
        assert_eq!(long.emptied().left_out, 3);
        let small = Reply::new(
            ReplyIds::Texts(vec!["a".to_owned(), "b".to_owned()]),
            Vec::new(),
            Vec::new(),
        );
        assert_eq!((small.ids.len(), small.left_out), (2, 0));
        assert!(
            Reply::new(ReplyIds::Numbers(Vec::new()), Vec::new(), Vec::new())
                .ids
                .is_empty()
        );
    }
}
