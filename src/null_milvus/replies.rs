//! Replies to data calls: encoded once for each size, then shared.

use std::collections::HashMap;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::Message;

use super::{
    message::{PREFIX, Parts, Value, decimal, fields, is_text, text},
    store::TIMESTAMP,
};
use crate::milvus::proto::{
    DataType, FieldData, Ids, LongArray, MutationResult, QueryResults, ScalarField, SearchResultData, SearchResults, Status,
    field_data::Field, ids::IdField, scalar_field::Data,
};

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
        let reply = self.kept.get(&size).cloned().unwrap_or_else(|| self.encode(size));
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

/// `message` with gRPC's prefix.
pub(super) fn framed(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut out = BytesMut::with_capacity(PREFIX + length);
    out.put_u8(0);
    out.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    message.encode_raw(&mut out);
    out.freeze()
}

/// What a data call names beside its size.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) database: String,
    pub(super) collection: String,
}

/// Looks into an `InsertRequest`: its target and rows. The columns are skipped.
pub(super) fn look_into_insert(mut parts: Parts<'_>) -> (Target, u64) {
    let (mut target, mut rows) = (Target::default(), 0);
    let length = parts.remaining();
    fields(&mut parts, length, |tag, value, parts| match (tag, value) {
        (2, Value::Length(length)) => target.database = text(parts, length),
        (3, Value::Length(length)) => target.collection = text(parts, length),
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
        (2, Value::Length(length)) => target.database = text(parts, length),
        (3, Value::Length(length)) => target.collection = text(parts, length),
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
        (2, Value::Length(length)) => target.database = text(parts, length),
        (3, Value::Length(length)) => target.collection = text(parts, length),
        (4, Value::Length(length)) => listed = list_length(parts, length),
        (5, Value::Length(length)) => counts |= is_text(parts, length, b"count(*)"),
        (9, Value::Length(length)) => limit = parameter(parts, length, b"limit").or(limit),
        _ => {}
    });
    let rows = listed.or(limit).unwrap_or(1).min(EACH_MAX);
    (target, if counts { Size::Count { rows: 0 } } else { Size::Query { rows } })
}

/// Keys in a list such as `id in [1, 2]`; None without a list.
pub(super) fn list_length(parts: &mut Parts<'_>, length: usize) -> Option<u64> {
    let mut list = (0..length.min(parts.remaining())).map(|_| parts.get_u8()).skip_while(|byte| *byte != b'[');
    list.next()?;
    Some(1 + list.take_while(|byte| *byte != b']').filter(|byte| *byte == b',').count() as u64)
}

impl Size {
    /// Reads `nq` and `topk` of a `SearchRequest`.
    pub(super) fn of_search(mut parts: Parts<'_>) -> Self {
        let (mut nq, mut limit) = (1, 10);
        let length = parts.remaining();
        fields(&mut parts, length, |tag, value, parts| match (tag, value) {
            (12, Value::Number(number)) => nq = number,
            (9, Value::Length(length)) => limit = parameter(parts, length, b"topk").unwrap_or(limit),
            _ => {}
        });
        let nq = nq.clamp(1, EACH_MAX);
        Size::Search { nq, limit: limit.clamp(1, EACH_MAX).min(ROWS_MAX / nq) }
    }

    fn encode(self) -> Bytes {
        match self {
            Size::Search { nq, limit } => framed(&search(nq, limit)),
            Size::Insert { rows } => {
                let succ_index = (0..u32::try_from(rows).unwrap_or(u32::MAX)).collect();
                framed(&MutationResult { insert_cnt: signed(rows), succ_index, ..mutation(rows) })
            }
            Size::Delete { rows } => framed(&MutationResult { delete_cnt: signed(rows), ..mutation(rows) }),
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
    Some(Ids { id_field: Some(IdField::IntId(LongArray { data: rows.collect() })) })
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
    SearchResults { status: Some(Status::default()), results: Some(results), collection_name: String::new() }
}

fn mutation(rows: u64) -> MutationResult {
    MutationResult { status: Some(Status::default()), ids: ids((0..rows).map(signed)), timestamp: TIMESTAMP, ..MutationResult::default() }
}

fn query(name: &str, data: Vec<i64>) -> QueryResults {
    let scalars = ScalarField { data: Some(Data::LongData(LongArray { data })) };
    let column = FieldData {
        r#type: DataType::Int64.into(),
        field_name: name.to_owned(),
        field: Some(Field::Scalars(scalars)),
        ..FieldData::default()
    };
    QueryResults { status: Some(Status::default()), fields_data: vec![column], ..QueryResults::default() }
}
