//! `operation = "delete"`: rows of the preparation by their keys, each once, or those that an
//! expression names.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use toml::Value;

use super::{
    Build, CollectionShape, Deletes, Finished, Operation, OperationContext, OperationEntry,
    OperationError, OperationErrors, RequestKey, RowChange, RowKeys, RowUse, Writes,
    keys::{Keys, refuse},
    rows,
    values::{Drawing, Places},
};
use crate::{
    dataset::DatasetError,
    keys::{DefaultValue, Key, Kind, percentage},
    milvus::{Call, CallFailure, Method, methods, proto::DeleteRequest},
};

pub(super) const ENTRY: OperationEntry = OperationEntry {
    name: "delete",
    called: "a delete",
    summary: "deletes rows inserted by the preparation by their keys, each once, in an order \
              drawn from the seed; or the rows that match a filter",
    keys: &[
        rows::BATCH,
        Key::new(
            "rows",
            Kind::Rows,
            DefaultValue::Text("50%"),
            "rows to delete, out of those that preparation inserts; upserts and queries by ids \
             use the others",
        )
        .allowed("1 to the rows that preparation inserts"),
        Key::new(
            "filter",
            Kind::TEXT,
            DefaultValue::None("none"),
            "boolean expression over fields; every request deletes the rows that match",
        )
        .excludes(&["batch", "rows"])
        .answers(&["expr"]),
    ],
    rows: RowUse::Writes(Writes {
        does: "deletes from",
        change: RowChange::Removes,
        alone: "each row is deleted once",
    }),
    counts_rows: true,
    more_rows: Some("a larger `rows` of the delete, more initial_rows"),
    has_recall: false,
    needs_loaded: true,
    // One by a filter reads before it writes.
    never_in: &[],
    build: Build::Requests(build),
};

#[derive(Debug)]
enum Delete {
    Keys(KeyDelete),
    /// The request, encoded, without an expression where that is drawn.
    Filter(Bytes, Option<Drawing>),
}

#[derive(Debug)]
struct KeyDelete {
    shape: Arc<CollectionShape>,
    row_keys: RowKeys,
    batch: u64,
    /// How many keys it may take.
    rows: u64,
}

impl Operation for Delete {
    fn method(&self) -> &'static Method {
        &methods::DELETE
    }

    fn capacity(&self) -> Option<u64> {
        match self {
            Delete::Keys(of) => Some(of.rows.div_ceil(of.batch)),
            Delete::Filter(..) => None,
        }
    }

    fn rows_per_request(&self) -> Option<u64> {
        match self {
            Delete::Keys(of) => Some(of.batch),
            Delete::Filter(..) => None,
        }
    }

    fn deletes(&self) -> Deletes {
        match self {
            Delete::Keys(of) => Deletes::Keys(of.rows),
            Delete::Filter(..) => Deletes::Unknown,
        }
    }

    fn prepare(&self, key: RequestKey) -> Result<Call, DatasetError> {
        let body = match self {
            Delete::Keys(of) => encoded(&of.shape, of.expression(key)),
            Delete::Filter(body, None) => body.clone(),
            Delete::Filter(head, Some(drawing)) => {
                Bytes::from(drawing.after(head, key, drawn_part))
            }
        };
        Ok(Call {
            method: &methods::DELETE,
            body,
        })
    }

    fn drawing(&self) -> Option<&Drawing> {
        match self {
            Delete::Keys(_) => None,
            Delete::Filter(_, drawing) => drawing.as_ref(),
        }
    }

    fn finish(&self, _key: RequestKey, body: Bytes) -> Result<Finished, CallFailure> {
        rows::changed(body, |reply| reply.delete_cnt)
    }
}

impl KeyDelete {
    /// `id in [..]` with the next keys that leave.
    fn expression(&self, key: RequestKey) -> String {
        let number = key.earlier.saturating_add(key.seq);
        let first = number.saturating_mul(self.batch).min(self.rows);
        let end = first.saturating_add(self.batch).min(self.rows);
        let mut text = format!("{} in [", self.shape.key.name);
        for at in first..end {
            if at > first {
                text.push(',');
            }
            self.shape
                .key
                .write(self.row_keys.that_leaves(at), &mut text);
        }
        text.push(']');
        text
    }
}

fn encoded(shape: &CollectionShape, expr: String) -> Bytes {
    let request = DeleteRequest {
        db_name: shape.database.clone(),
        collection_name: shape.name.clone(),
        expr,
        ..DeleteRequest::default()
    };
    Bytes::from(request.encode_to_vec())
}

/// What of a request is drawn.
fn drawn_part(texts: Vec<(&str, String)>) -> DeleteRequest {
    DeleteRequest {
        expr: texts.into_iter().map(|(_, text)| text).collect(),
        ..DeleteRequest::default()
    }
}

fn build(context: OperationContext) -> Result<Arc<dyn Operation>, OperationErrors> {
    let OperationContext {
        collection: shape,
        row_keys,
        reused,
        values,
        keys,
        ..
    } = context;
    let by_keys = ["batch", "rows"]
        .into_iter()
        .find(|key| keys.contains_key(*key));
    let mut keys = Keys::new(keys, ENTRY.keys)?;
    if let Some(filter) = keys.text("filter")? {
        if let Some(key) = by_keys {
            return Ok(refuse(
                key,
                "is for deletes by keys and excludes filter: give only one of them",
            )?);
        }
        if filter.trim().is_empty() {
            return Ok(refuse(
                "filter",
                "is empty, expected an expression such as \"rank < 10\"",
            )?);
        }
        let mut places = Places::of(values);
        let fixed = places.expression("filter", filter)?;
        let head = encoded(&shape, fixed);
        return Ok(Arc::new(Delete::Filter(head, places.drawing())));
    }
    let batch = rows::batch(&mut keys, &shape)?;
    let rows = may_be_deleted(&keys.value("rows"), row_keys.rows(), reused)?;
    Ok(Arc::new(Delete::Keys(KeyDelete {
        shape,
        row_keys,
        batch,
        rows,
    })))
}

/// Rows that may be deleted, as written, of `all`.
fn may_be_deleted(written: &Value, all: u64, reused: bool) -> Result<u64, OperationError> {
    if all == 0 {
        let why = if reused {
            "no data set (`data`, initial_rows) says which rows its reused collection contains"
        } else {
            "preparation leaves its collection empty"
        };
        return refuse("", format!("has no rows to delete: {why}; use filter"));
    }
    let there = rows::there(reused);
    let share =
        |text: &str| percentage(text).map(|percent| (all as f64 * percent / 100.0).ceil() as u64);
    let rows = match written {
        Value::Integer(rows) => u64::try_from(*rows).ok(),
        Value::String(text) => share(text),
        _ => None,
    };
    match rows.filter(|rows| (1..=all).contains(rows)) {
        Some(rows) => Ok(rows),
        None => refuse(
            "rows",
            format!(
                "is {written}, expected at least 1 and at most the {all} rows {there}, or a share \
                 of them such as \"50%\""
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::tests::{check_refused, context, key, seven_rows};
    use super::*;
    use crate::milvus::proto::{MutationResult, Status};

    fn of(text: &str) -> OperationContext {
        context(text, seven_rows(), 7)
    }

    fn sent(operation: &dyn Operation, seq: u64) -> String {
        let call = operation.prepare(key(0, seq)).unwrap();
        assert_eq!(call.method.name, "Delete");
        let request = DeleteRequest::decode(call.body).unwrap();
        let names = (request.db_name.as_str(), request.collection_name.as_str());
        assert_eq!(names, ("db", "words"));
        request.expr
    }

    fn keys(expression: &str) -> Vec<u64> {
        let list = expression
            .strip_prefix("id in [")
            .and_then(|rest| rest.strip_suffix(']'));
        let keys = list.unwrap_or_else(|| panic!("{expression}")).split(',');
        keys.map(|key| key.parse().unwrap()).collect()
    }

    #[test]
    fn each_key_that_may_be_deleted_is_so_once() {
        let operation = build(of("batch = 2\nrows = 5")).unwrap();
        assert_eq!(
            (operation.capacity(), operation.deletes()),
            (Some(3), Deletes::Keys(5))
        );
        let sent: Vec<Vec<u64>> = (0..3).map(|seq| keys(&sent(&*operation, seq))).collect();
        assert_eq!(sent.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
        let deleted: BTreeSet<u64> = sent.concat().into_iter().collect();
        let row_keys = RowKeys::all_stay(7, 42, "words").with_leaving(5);
        let staying: BTreeSet<u64> = (0..2).map(|at| row_keys.that_stays(at)).collect();
        assert_eq!(deleted.len(), 5);
        assert!(deleted.is_disjoint(&staying), "{deleted:?} {staying:?}");
    }

    #[test]
    fn requests_go_on_after_those_of_earlier_parts() {
        let operation = build(of("batch = 1\nrows = 7")).unwrap();
        let later = RequestKey {
            earlier: 2,
            ..key(0, 1)
        };
        let request = DeleteRequest::decode(operation.prepare(later).unwrap().body).unwrap();
        assert_eq!(keys(&request.expr), keys(&sent(&*operation, 3)));
    }

    #[test]
    fn a_filter_is_sent_as_written_and_nothing_is_known_of_its_rows() {
        let operation = build(of("filter = 'rank < 3'")).unwrap();
        assert_eq!(sent(&*operation, 0), "rank < 3");
        assert_eq!(sent(&*operation, 9), "rank < 3");
        assert_eq!(
            (operation.capacity(), operation.rows_per_request()),
            (None, None)
        );
        assert_eq!(operation.deletes(), Deletes::Unknown);
    }

    #[test]
    fn the_reply_says_how_many_rows_are_gone() {
        let operation = build(of("filter = 'rank < 3'")).unwrap();
        let reply = |delete_cnt: i64, code: i32| {
            let status = Some(Status {
                code,
                ..Status::default()
            });
            MutationResult {
                status,
                delete_cnt,
                ..MutationResult::default()
            }
            .encode_to_vec()
            .into()
        };
        assert_eq!(operation.finish(key(0, 0), reply(3, 0)).unwrap().rows, 3);
        assert!(operation.finish(key(0, 0), reply(0, 101)).is_err());
    }

    #[test]
    fn half_of_the_rows_may_be_deleted_where_nothing_is_said() {
        assert_eq!(build(of("")).unwrap().deletes(), Deletes::Keys(4));
        assert_eq!(
            build(of("rows = '100%'")).unwrap().deletes(),
            Deletes::Keys(7)
        );
    }

    #[test]
    fn wrong_keys_are_refused() {
        check_refused(&ENTRY, of("rows = 8"), "rows", "at most the 7 rows");
        check_refused(&ENTRY, of("rows = 0"), "rows", "at most the 7 rows");
        check_refused(
            &ENTRY,
            of("rows = 'half'"),
            "rows",
            "a share of them such as \"50%\"",
        );
        check_refused(&ENTRY, of("filter = ' '"), "filter", "is empty");
        check_refused(
            &ENTRY,
            of("filter = 'a > 1'\nbatch = 2"),
            "batch",
            "excludes filter",
        );
        check_refused(
            &ENTRY,
            of("filter = 'a > 1'\nrows = 2"),
            "rows",
            "excludes filter",
        );
        let empty = context("", seven_rows(), 0);
        check_refused(&ENTRY, empty, "", "has no rows to delete");
    }
}
