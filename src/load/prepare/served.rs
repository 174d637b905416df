//! From which segments a collection is served, and what is missing of its index: pure, over what
//! Milvus says.
//!
//! Milvus builds nothing over segments below 1,024 rows (by default), nor for index types that are
//! brute force by themselves. Such segments have no index on the query nodes either, so they are no
//! reason to wait.

use crate::{
    milvus::proto::{IndexDescription, IndexState, QuerySegmentInfo, SegmentState},
    record::is_brute_force,
};

/// Milvus builds no index over a segment with fewer rows, unless it is configured otherwise.
const SMALLEST_INDEXED_SEGMENT: i64 = 1024;

/// The type of an index, as Milvus says it; empty where it does not.
pub(super) fn index_type(index: &IndexDescription) -> &str {
    index
        .params
        .iter()
        .find(|pair| pair.key == "index_type")
        .map_or("", |pair| pair.value.as_str())
}

/// Whether an index is finished over `rows` rows. milvus-lite reports no rows at all: there
/// finished is all there is.
pub(super) fn covers(index: &IndexDescription, rows: u64) -> bool {
    let total = u64::try_from(index.total_rows).unwrap_or(0);
    index.state() == IndexState::Finished
        && index.pending_index_rows == 0
        && (total >= rows || (total == 0 && index.indexed_rows == 0))
}

/// How far an index is, with Milvus' own reason where it has one: `in progress, 0 of 20000 rows`.
pub(super) fn progress(index: &IndexDescription, rows: u64) -> String {
    let reason = &index.index_state_fail_reason;
    let reason = if reason.is_empty() {
        String::new()
    } else {
        format!("; Milvus says: {reason}")
    };
    let indexed = u64::try_from(index.indexed_rows).unwrap_or(0);
    format!(
        "index {} {}, {indexed} of {rows} rows{reason}",
        index_type(index),
        state_name(index.state())
    )
}

/// The state of an index in words, with Milvus' own reason where it has one: `failed (no space left
/// on device)`.
pub(super) fn state_words(index: &IndexDescription) -> String {
    let (state, reason) = (state_name(index.state()), &index.index_state_fail_reason);
    if reason.is_empty() {
        state.to_owned()
    } else {
        format!("{state} ({reason})")
    }
}

/// The sentence about an index whose build failed, with Milvus' own reason and state.
pub(super) fn failed(index: &IndexDescription, collection: &str) -> Option<String> {
    let reason = match index.index_state_fail_reason.as_str() {
        "" => "Milvus gives no reason; its log may have one",
        reason => reason,
    };
    (index.state() == IndexState::Failed).then(|| {
        let (kind, field) = (index_type(index), &index.field_name);
        format!(
            "Milvus could not build the index {kind} on {field} of collection {collection} (state \
             failed, {} of {} rows indexed): {reason}",
            index.indexed_rows, index.total_rows
        )
    })
}

/// Milvus' state of an index in words.
fn state_name(state: IndexState) -> &'static str {
    match state {
        IndexState::None => "unknown",
        IndexState::Unissued => "not begun",
        IndexState::InProgress => "in progress",
        IndexState::Finished => "finished",
        IndexState::Failed => "failed",
        IndexState::Retry => "being retried",
    }
}

fn sealed(segments: &[QuerySegmentInfo]) -> impl Iterator<Item = &QuerySegmentInfo> {
    segments
        .iter()
        .filter(|segment| segment.state() == SegmentState::Sealed)
}

/// Rows of sealed segments without the index that they should have.
pub(super) fn unindexed_rows(segments: &[QuerySegmentInfo], index_type: &str) -> u64 {
    if is_brute_force(index_type) {
        return 0;
    }
    let bare = sealed(segments).filter(|segment| {
        segment.index_name.is_empty() && segment.num_rows >= SMALLEST_INDEXED_SEGMENT
    });
    bare.map(|segment| u64::try_from(segment.num_rows).unwrap_or(0))
        .sum()
}

/// What keeps a collection from being served as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// So many of its rows are in sealed segments only.
    Rows(u64),
    /// So many rows are served without the index.
    Index(u64),
}

impl Missing {
    /// In words, of a collection of `rows` rows.
    pub(super) fn words(&self, rows: u64) -> String {
        match self {
            Missing::Rows(served) => {
                format!("{served} of {rows} rows are served from sealed segments")
            }
            Missing::Index(bare) => format!("{bare} rows are served without an index"),
        }
    }
}

/// None when `rows` rows are served from sealed segments with an index of the type, or with none
/// where none will ever be.
pub(super) fn missing(
    segments: &[QuerySegmentInfo],
    rows: u64,
    index_type: &str,
) -> Option<Missing> {
    let served: u64 = sealed(segments)
        .map(|segment| u64::try_from(segment.num_rows).unwrap_or(0))
        .sum();
    if served < rows {
        return Some(Missing::Rows(served));
    }
    let bare = unindexed_rows(segments, index_type);
    (bare > 0).then_some(Missing::Index(bare))
}

/// What is served, each segment with id, rows and index.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Layout(Vec<(i64, i64, String)>);

impl Layout {
    /// Of these segments, in an order of its own: equal where nothing was handed off, merged or
    /// indexed in between.
    pub(super) fn of(segments: &[QuerySegmentInfo]) -> Self {
        let mut all: Vec<_> = segments
            .iter()
            .map(|segment| {
                (
                    segment.segment_id,
                    segment.num_rows,
                    segment.index_name.clone(),
                )
            })
            .collect();
        all.sort();
        Self(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::milvus::proto::KeyValuePair;

    fn segment(rows: i64, state: SegmentState, index: &str) -> QuerySegmentInfo {
        QuerySegmentInfo {
            num_rows: rows,
            state: state.into(),
            index_name: index.to_owned(),
            ..QuerySegmentInfo::default()
        }
    }

    fn check(
        segments: &[QuerySegmentInfo],
        rows: u64,
        index_type: &str,
        expected: Option<Missing>,
    ) {
        assert_eq!(
            missing(segments, rows, index_type),
            expected,
            "{index_type}"
        );
    }

    #[test]
    fn sealed_and_indexed_is_ready() {
        check(
            &[
                segment(8000, SegmentState::Sealed, "v"),
                segment(2000, SegmentState::Sealed, "v"),
            ],
            10_000,
            "HNSW",
            None,
        );
    }

    #[test]
    fn finished_is_not_in_use() {
        check(&[], 10_000, "HNSW", Some(Missing::Rows(0)));
        check(
            &[segment(10_000, SegmentState::Growing, "")],
            10_000,
            "HNSW",
            Some(Missing::Rows(0)),
        );
        check(
            &[segment(10_000, SegmentState::Sealed, "")],
            10_000,
            "HNSW",
            Some(Missing::Index(10_000)),
        );
        assert_eq!(
            Missing::Rows(3).words(9),
            "3 of 9 rows are served from sealed segments"
        );
    }

    #[test]
    fn a_small_segment_never_gets_an_index() {
        check(
            &[segment(1023, SegmentState::Sealed, "")],
            1023,
            "HNSW",
            None,
        );
        check(
            &[
                segment(20_000, SegmentState::Sealed, "v"),
                segment(500, SegmentState::Sealed, ""),
            ],
            20_500,
            "IVF_FLAT",
            None,
        );
        check(
            &[segment(1024, SegmentState::Sealed, "")],
            1024,
            "AUTOINDEX",
            Some(Missing::Index(1024)),
        );
    }

    #[test]
    fn brute_force_that_was_asked_for_has_no_index_to_wait_for() {
        for index_type in ["FLAT", "BIN_FLAT", "flat", "GPU_BRUTE_FORCE"] {
            check(
                &[
                    segment(1024, SegmentState::Sealed, ""),
                    segment(20_000, SegmentState::Sealed, ""),
                ],
                21_024,
                index_type,
                None,
            );
            check(
                &[segment(1024, SegmentState::Sealed, "")],
                2000,
                index_type,
                Some(Missing::Rows(1024)),
            );
        }
        // Only the name begins alike.
        check(
            &[segment(2000, SegmentState::Sealed, "")],
            2000,
            "IVF_FLAT",
            Some(Missing::Index(2000)),
        );
    }

    fn index(state: IndexState, total: i64, pending: i64, reason: &str) -> IndexDescription {
        IndexDescription {
            state: state.into(),
            field_name: "v".into(),
            params: vec![KeyValuePair {
                key: "index_type".into(),
                value: "DISKANN".into(),
            }],
            total_rows: total,
            indexed_rows: total - pending,
            pending_index_rows: pending,
            index_state_fail_reason: reason.into(),
            ..IndexDescription::default()
        }
    }

    #[test]
    fn an_index_over_no_sealed_row_is_finished_too() {
        assert!(covers(&index(IndexState::Finished, 100, 0, ""), 100));
        assert!(!covers(&index(IndexState::Finished, 100, 50, ""), 100));
        assert!(!covers(&index(IndexState::Finished, 50, 0, ""), 100));
        // milvus-lite counts nothing.
        assert!(covers(&index(IndexState::Finished, 0, 0, ""), 100));
    }

    #[test]
    fn a_failed_build_has_state_and_reason() {
        let told =
            failed(&index(IndexState::Failed, 100, 100, "disk is full"), "c").unwrap_or_default();
        assert_eq!(
            told,
            "Milvus could not build the index DISKANN on v of collection c (state failed, 0 of \
             100 rows indexed): disk is full"
        );
        assert!(
            failed(&index(IndexState::Failed, 100, 100, ""), "c")
                .unwrap_or_default()
                .contains("no reason")
        );
        assert_eq!(failed(&index(IndexState::Retry, 100, 100, "x"), "c"), None);
        let told = progress(&index(IndexState::Retry, 100, 60, "no disk"), 100);
        assert_eq!(
            told,
            "index DISKANN being retried, 40 of 100 rows; Milvus says: no disk"
        );
    }
}
