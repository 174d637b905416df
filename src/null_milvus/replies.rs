//! Replies to data calls: encoded once for each size, then shared.

use std::collections::HashMap;

use bytes::{Buf, Bytes};

use super::message::{Parts, Value, decimal, fields, framed, is_text, text};
use crate::milvus::proto::{
    DataType, FieldData, Ids, LongArray, MutationResult, QueryResults, ScalarField,
    SearchResultData, SearchResults, Status, field_data::Field, ids::IdField, scalar_field::Data,
};

/// Hybrid timestamp of everything that asks for one, long ago: whatever waits for it waits for
/// nothing.
pub(super) const TIMESTAMP: u64 = 1 << 18;
/// Rows of one reply at most; a request for more gets so many.
const ROWS_MAX: u64 = 1 << 20;
/// Queries, and rows per query, that Milvus allows.
const EACH_MAX: u64 = 16_384;
/// Encoded replies that are kept, and the largest of them; a workload needs one.
const KEPT_MAX: usize = 64;
const KEPT_BYTES_MAX: usize = 1 << 20;

/// Which reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Size {
    Search { nq: u64, limit: u64 },
    Insert { rows: u64 },
    Upsert { rows: u64 },
    Delete { rows: u64 },
    Query { rows: u64 },
    Count { rows: u64 },
}

/// The replies that were asked for so far.
#[derive(Debug, Default)]
pub(super) struct Replies {
    kept: HashMap<Size, Bytes>,
    last: Option<(Size, Bytes)>,
}

impl Replies {
    /// The reply with gRPC's prefix.
    pub(super) fn get(&mut self, size: Size) -> Bytes {
        if let Some((last, reply)) = &self.last
            && *last == size
        {
            return reply.clone();
        }
        let reply = self
            .kept
            .get(&size)
            .cloned()
            .unwrap_or_else(|| self.encode(size));
        self.last = Some((size, reply.clone()));
        reply
    }

    fn encode(&mut self, size: Size) -> Bytes {
        let reply = size.encode();
        if self.kept.len() >= KEPT_MAX {
            self.kept.clear();
        }
        if reply.len() <= KEPT_BYTES_MAX {
            self.kept.insert(size, reply.clone());
        }
        reply
    }
}

/// Database and name of the collection that a data call names.
pub(super) type Target = (String, String);

/// Looks into an `InsertRequest` or `UpsertRequest`: its target and rows. The columns are skipped.
pub(super) fn look_into_insert(mut parts: Parts<'_>) -> (Target, u64) {
    let (mut target, mut rows) = (Target::default(), 0);
    let length = parts.remaining();
    fields(&mut parts, length, |tag, value, parts| match (tag, value) {
        (2, Value::Length(length)) => target.0 = text(parts, length),
        (3, Value::Length(length)) => target.1 = text(parts, length),
        (7, Value::Number(number)) => rows = number,
        _ => {}
    });
    (target, rows.min(ROWS_MAX))
}

/// Looks into a `DeleteRequest`: its target and the keys that it lists.
pub(super) fn look_into_delete(mut parts: Parts<'_>) -> (Target, u64) {
    let (mut target, mut rows) = (Target::default(), 0);
    let length = parts.remaining();
    fields(&mut parts, length, |tag, value, parts| match (tag, value) {
        (2, Value::Length(length)) => target.0 = text(parts, length),
        (3, Value::Length(length)) => target.1 = text(parts, length),
        (5, Value::Length(length)) => rows = list_length(parts, length).unwrap_or(0),
        _ => {}
    });
    (target, rows.min(ROWS_MAX))
}

/// Looks into a `QueryRequest`: its target and what it wants. `rows` of a count are not known here.
pub(super) fn look_into_query(mut parts: Parts<'_>) -> (Target, Size) {
    let (mut target, mut listed, mut limit, mut counts) = (Target::default(), None, None, false);
    let length = parts.remaining();
    fields(&mut parts, length, |tag, value, parts| match (tag, value) {
        (2, Value::Length(length)) => target.0 = text(parts, length),
        (3, Value::Length(length)) => target.1 = text(parts, length),
        (4, Value::Length(length)) => listed = list_length(parts, length),
        (5, Value::Length(length)) => counts |= is_text(parts, length, b"count(*)"),
        (9, Value::Length(length)) => limit = parameter(parts, length, b"limit").or(limit),
        _ => {}
    });
    let rows = listed.or(limit).unwrap_or(1).min(EACH_MAX);
    (
        target,
        if counts {
            Size::Count { rows: 0 }
        } else {
            Size::Query { rows }
        },
    )
}

/// Keys in a list such as `id in [1, 2]`; None without a list.
pub(super) fn list_length(parts: &mut Parts<'_>, length: usize) -> Option<u64> {
    let mut list = (0..length.min(parts.remaining()))
        .map(|_| parts.get_u8())
        .skip_while(|byte| *byte != b'[');
    list.next()?;
    Some(
        1 + list
            .take_while(|byte| *byte != b']')
            .filter(|byte| *byte == b',')
            .count() as u64,
    )
}

impl Size {
    /// Reads `nq` and `topk` of a `SearchRequest`.
    pub(super) fn of_search(mut parts: Parts<'_>) -> Self {
        let (mut nq, mut limit) = (1, 10);
        let length = parts.remaining();
        fields(&mut parts, length, |tag, value, parts| match (tag, value) {
            (12, Value::Number(number)) => nq = number,
            (9, Value::Length(length)) => {
                limit = parameter(parts, length, b"topk").unwrap_or(limit)
            }
            _ => {}
        });
        let nq = nq.clamp(1, EACH_MAX);
        Size::Search {
            nq,
            limit: limit.clamp(1, EACH_MAX).min(ROWS_MAX / nq),
        }
    }

    fn encode(self) -> Bytes {
        match self {
            Size::Search { nq, limit } => framed(&search(nq, limit)),
            Size::Insert { rows } => {
                let succ_index = (0..u32::try_from(rows).unwrap_or(u32::MAX)).collect();
                framed(&MutationResult {
                    insert_cnt: signed(rows),
                    succ_index,
                    ..mutation(rows)
                })
            }
            Size::Upsert { rows } => framed(&MutationResult {
                insert_cnt: signed(rows),
                delete_cnt: signed(rows),
                upsert_cnt: signed(rows),
                succ_index: (0..u32::try_from(rows).unwrap_or(u32::MAX)).collect(),
                ..mutation(rows)
            }),
            // Neither keys nor a timestamp, as of 2.3.5.
            Size::Delete { rows } => framed(&MutationResult {
                status: Some(Status::default()),
                ids: Some(Ids::default()),
                delete_cnt: signed(rows),
                ..MutationResult::default()
            }),
            Size::Query { rows } => framed(&query("id", (0..signed(rows)).collect())),
            Size::Count { rows } => framed(&query("count(*)", vec![signed(rows)])),
        }
    }
}

/// The number of a `KeyValuePair` whose key is `key`.
pub(super) fn parameter(parts: &mut Parts<'_>, length: usize, key: &[u8]) -> Option<u64> {
    let (mut is_wanted, mut number) = (false, None);
    fields(parts, length, |tag, value, parts| match (tag, value) {
        (1, Value::Length(length)) => is_wanted = is_text(parts, length, key),
        (2, Value::Length(length)) if is_wanted => number = decimal(parts, length),
        _ => {}
    });
    number
}

pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn ids(rows: impl Iterator<Item = i64>) -> Option<Ids> {
    Some(Ids {
        id_field: Some(IdField::IntId(LongArray {
            data: rows.collect(),
        })),
    })
}

/// Each query finds the rows 0, 1, ... at growing distances.
fn search(nq: u64, limit: u64) -> SearchResults {
    let each = || (0..nq).flat_map(|_| 0..limit);
    let results = SearchResultData {
        num_queries: signed(nq),
        top_k: signed(limit),
        scores: each().map(|row| 0.125 + row as f32 / 64.0).collect(),
        ids: ids(each().map(signed)),
        topks: (0..nq).map(|_| signed(limit)).collect(),
        ..SearchResultData::default()
    };
    SearchResults {
        status: Some(Status::default()),
        results: Some(results),
        collection_name: String::new(),
    }
}

fn mutation(rows: u64) -> MutationResult {
    MutationResult {
        status: Some(Status::default()),
        ids: ids((0..rows).map(signed)),
        timestamp: TIMESTAMP,
        ..MutationResult::default()
    }
}

fn query(name: &str, data: Vec<i64>) -> QueryResults {
    let scalars = ScalarField {
        data: Some(Data::LongData(LongArray { data })),
    };
    let column = FieldData {
        r#type: DataType::Int64.into(),
        field_name: name.to_owned(),
        field: Some(Field::Scalars(scalars)),
        ..FieldData::default()
    };
    QueryResults {
        status: Some(Status::default()),
        fields_data: vec![column],
        ..QueryResults::default()
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::{
        milvus::proto::{DeleteRequest, InsertRequest, KeyValuePair, QueryRequest, SearchRequest},
        null_milvus::message::Body,
    };

    /// The message of a frame that this module made or reads.
    fn body(frame: Bytes) -> Body {
        let mut body = Body::default();
        body.push(frame);
        body
    }

    fn decoded<M: Message + Default>(size: Size) -> M {
        let body = body(size.encode());
        M::decode(body.message().expect("a whole message")).expect("a reply")
    }

    fn search_size(nq: i64, search_params: &[(&str, &str)]) -> Size {
        let search_params = search_params
            .iter()
            .map(|(key, value)| KeyValuePair::new(key, value))
            .collect();
        let request = SearchRequest {
            nq,
            search_params,
            dsl: "rank < 5".into(),
            placeholder_group: vec![7; 600].into(),
            ..Default::default()
        };
        Size::of_search(body(framed(&request)).message().expect("whole"))
    }

    #[test]
    fn the_size_of_a_search_is_read() {
        assert_eq!(
            search_size(3, &[("anns_field", "v"), ("topk", "7"), ("params", "{}")]),
            Size::Search { nq: 3, limit: 7 }
        );
        assert_eq!(
            search_size(0, &[("topk", "7")]),
            Size::Search { nq: 1, limit: 7 }
        );
        assert_eq!(search_size(1, &[]), Size::Search { nq: 1, limit: 10 });
        assert_eq!(
            search_size(1, &[("topk", "-7")]),
            Size::Search { nq: 1, limit: 10 }
        );
        assert_eq!(
            search_size(-1, &[("topk", "16384")]),
            Size::Search {
                nq: 16_384,
                limit: 64
            }
        );
    }

    #[test]
    fn a_search_finds_so_many_rows_of_each_query() {
        let reply: SearchResults = decoded(Size::Search { nq: 2, limit: 3 });
        let results = reply.results.expect("results");
        assert_eq!(
            (results.num_queries, results.top_k, results.topks),
            (2, 3, vec![3, 3])
        );
        assert_eq!(results.ids, ids([0, 1, 2, 0, 1, 2].into_iter()));
        assert_eq!(results.scores.len(), 6);
        assert_eq!(reply.status, Some(Status::default()));
    }

    #[test]
    fn writes_say_their_rows() {
        let insert: MutationResult = decoded(Size::Insert { rows: 3 });
        assert_eq!(
            (insert.insert_cnt, insert.delete_cnt, insert.succ_index),
            (3, 0, vec![0, 1, 2])
        );
        assert_eq!(insert.ids, ids(0..3));
        let upsert: MutationResult = decoded(Size::Upsert { rows: 3 });
        assert_eq!(
            (upsert.insert_cnt, upsert.delete_cnt, upsert.upsert_cnt),
            (3, 3, 3)
        );
        let delete: MutationResult = decoded(Size::Delete { rows: 2 });
        assert_eq!((delete.insert_cnt, delete.delete_cnt), (0, 2));
    }

    #[test]
    fn what_is_written_is_read() {
        let insert = InsertRequest {
            db_name: "db".into(),
            collection_name: "docs".into(),
            fields_data: vec![FieldData {
                field_name: "id".into(),
                ..Default::default()
            }],
            num_rows: 50,
            ..Default::default()
        };
        let target = || ("db".to_owned(), "docs".to_owned());
        assert_eq!(
            look_into_insert(body(framed(&insert)).message().expect("whole")),
            (target(), 50)
        );
        let expr = "id in [1, 2, 3]".into();
        let delete = DeleteRequest {
            db_name: "db".into(),
            collection_name: "docs".into(),
            expr,
            ..Default::default()
        };
        assert_eq!(
            look_into_delete(body(framed(&delete)).message().expect("whole")),
            (target(), 3)
        );
    }

    fn check_query(expr: &str, output: &str, params: &[(&str, &str)], expected: Size) {
        let request = QueryRequest {
            collection_name: "docs".into(),
            expr: expr.into(),
            output_fields: vec![output.into()],
            query_params: params
                .iter()
                .map(|(key, value)| KeyValuePair::new(key, value))
                .collect(),
            ..Default::default()
        };
        let (target, size) = look_into_query(body(framed(&request)).message().expect("whole"));
        assert_eq!((target.1.as_str(), size), ("docs", expected));
    }

    #[test]
    fn a_query_returns_its_keys_or_its_limit() {
        check_query("id in [4,5,6]", "rank", &[], Size::Query { rows: 3 });
        check_query(
            "rank < 5",
            "rank",
            &[("limit", "20")],
            Size::Query { rows: 20 },
        );
        check_query("rank < 5", "rank", &[], Size::Query { rows: 1 });
        check_query("", "count(*)", &[], Size::Count { rows: 0 });
        let reply: QueryResults = decoded(Size::Count { rows: 77 });
        let data = Data::LongData(LongArray { data: vec![77] });
        assert_eq!(
            reply.fields_data[0].field,
            Some(Field::Scalars(ScalarField { data: Some(data) }))
        );
    }

    #[test]
    fn a_reply_is_encoded_once() {
        let mut replies = Replies::default();
        let size = |limit| Size::Search { nq: 1, limit };
        let (first, other) = (replies.get(size(10)), replies.get(size(11)));
        assert_eq!(first.as_ptr(), replies.get(size(10)).as_ptr());
        assert_eq!(other.as_ptr(), replies.get(size(11)).as_ptr());
    }

    #[test]
    fn many_sizes_and_large_replies_are_not_all_kept() {
        let mut replies = Replies::default();
        (1..=1_000).for_each(|limit| drop(replies.get(Size::Search { nq: 1, limit })));
        assert!(replies.kept.len() <= KEPT_MAX);
        replies.get(Size::Search {
            nq: 64,
            limit: EACH_MAX,
        });
        assert!(
            replies
                .kept
                .values()
                .all(|reply| reply.len() <= KEPT_BYTES_MAX)
        );
    }
}
