//! Rows as Insert and Upsert carry them, and the reply to a request that changes rows.

use bytes::Bytes;
use prost::Message;
use toml::{Table, Value};

use super::{
    CollectionShape, Finished, OperationError, VectorField,
    fields::{FieldValue, column, constant_column, id_column},
    keys::{Keys, refuse},
};
use crate::{
    dataset::{Dataset, DatasetError, sparse_rows},
    keys::{DefaultValue, Key, Kind},
    milvus::{
        CallError, CallFailure, InsertParts, VectorColumn, check_status, encode_insert,
        proto::Status,
    },
};

/// The key of the rows of one request.
pub(super) const BATCH: Key = Key::new(
    "batch",
    Kind::integer(1, i64::MAX),
    DefaultValue::Integer(100),
    "rows per request, of at most 64 MiB",
)
.answers(&["batch_size", "num_per_batch", "num_rows"]);

/// Largest message that Milvus' proxy receives.
const MAX_BODY: u64 = 64 << 20;
/// Bytes of a good request of preparation: the message queue splits larger ones.
const GOOD_BODY: u64 = 4 << 20;
/// Rows of a request of preparation beyond which its rate does not grow.
const GOOD_ROWS: u64 = 10_000;

/// Bytes of a sparse vector where its length is not known: 60 indices and their values.
const SPARSE_ROW: usize = 500;

/// The fields of `MutationResult` that are looked at; the ids, most of its bytes, are skipped.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Changed {
    #[prost(message, optional, tag = "1")]
    status: Option<Status>,
    #[prost(uint32, repeated, tag = "4")]
    err_index: Vec<u32>,
    #[prost(int64, tag = "6")]
    pub(super) insert_cnt: i64,
    #[prost(int64, tag = "7")]
    pub(super) delete_cnt: i64,
    #[prost(int64, tag = "8")]
    pub(super) upsert_cnt: i64,
}

/// The message of an Insert or Upsert that gives the rows with these keys (at least one) what the
/// rows from `first` on hold: the vectors of the data set, which begin again after its last row,
/// and the values of the fields; all of them what is `given` for a field, by its number.
///
/// # Errors
/// The rows can't be read, or there are none.
pub(super) fn encode(
    shape: &CollectionShape,
    keys: Vec<i64>,
    first: u64,
    given: &[(usize, FieldValue)],
) -> Result<Bytes, DatasetError> {
    let count = keys.len() as u64;
    let Ok(rows) = u32::try_from(count) else {
        return Err(DatasetError(format!(
            "{count} rows are more than a request can number"
        )));
    };
    let data = shape.vectors().map(|vector| vectors(vector, first, count));
    let data = data.collect::<Result<Vec<_>, _>>()?;
    let columns: Vec<VectorColumn<'_>> = shape
        .vectors()
        .zip(&data)
        .map(|(vector, data)| VectorColumn {
            name: &vector.name,
            vector_type: vector.vector_type,
            dim: vector.dim,
            data,
        })
        .collect();
    let mut fields = vec![id_column(&shape.key.name, keys)];
    fields.extend(shape.fields.iter().enumerate().map(|(at, field)| {
        match given.iter().find(|(of, _)| *of == at) {
            Some((_, value)) => constant_column(field, value, count),
            None => column(field, first, count),
        }
    }));
    Ok(encode_insert(&InsertParts {
        database: &shape.database,
        collection: &shape.name,
        partition: "",
        fields: &fields,
        vectors: &columns,
        rows,
    }))
}

/// The vectors of `count` rows from `first` on; they begin again after the last one of the data
/// set.
fn vectors(vector: &VectorField, first: u64, count: u64) -> Result<Vec<u8>, DatasetError> {
    let data = vector.data.as_deref();
    let Some(dataset) = data.filter(|dataset| dataset.rows() > 0) else {
        return Err(DatasetError(
            "the data set has queries only, no rows to insert".into(),
        ));
    };
    let row = vector.vector_type.bytes(vector.dim).unwrap_or(SPARSE_ROW);
    let mut vectors = Vec::with_capacity(count as usize * row);
    let (mut at, mut left) = (first % dataset.rows(), count);
    while left > 0 {
        let part = left.min(dataset.rows() - at);
        dataset.read_rows(at, part, &mut vectors)?;
        (at, left) = (0, left - part);
    }
    Ok(vectors)
}

/// What the reply to a request that changes rows says: as many as `count` finds in it.
///
/// # Errors
/// The status is a failure, single rows were refused, or the bytes are no `MutationResult`.
pub(super) fn changed(body: Bytes, count: fn(&Changed) -> i64) -> Result<Finished, CallFailure> {
    let reply = Changed::decode(body)
        .map_err(|error| CallFailure::new(CallError::BadReply, &error.to_string()))?;
    check_status(reply.status.as_ref())?;
    if !reply.err_index.is_empty() {
        let text = format!(
            "the status is success, but {} rows were refused (err_index)",
            reply.err_index.len()
        );
        return Err(CallFailure::new(CallError::BadReply, &text));
    }
    let count = count(&reply);
    let Ok(rows) = u32::try_from(count) else {
        let text = format!("the status is success, but the reply counts {count} changed rows");
        return Err(CallFailure::new(CallError::BadReply, &text));
    };
    Ok(Finished {
        rows,
        recall: f32::NAN,
    })
}

/// What rows of a collection are called that are there before the first phase: `the 7 rows ...`.
pub(super) fn there(reused: bool) -> &'static str {
    if reused {
        "that a reused collection is assumed to contain (initial_rows)"
    } else {
        "that preparation inserts"
    }
}

/// Rows for a request of preparation: about 4 MiB, at most 10,000 rows, at least 1.
#[must_use]
pub fn rows_per_batch(shape: &CollectionShape) -> u64 {
    (GOOD_BODY / row_bytes(shape))
        .min(GOOD_ROWS)
        .clamp(1, largest_batch(shape).max(1))
}

/// The value of [`BATCH`].
///
/// # Errors
/// A request would be larger than Milvus takes.
pub(super) fn batch(keys: &mut Keys, shape: &CollectionShape) -> Result<u64, OperationError> {
    let largest = largest_batch(shape);
    let batch = keys.number(BATCH.name)?.unsigned_abs();
    if batch > largest {
        return refuse(
            BATCH.name,
            format!(
                "is {batch}, whose request may exceed Milvus' limit of 64 MiB: expected 1 to \
                 {largest} for this collection"
            ),
        );
    }
    Ok(batch)
}

/// The rows of a request by the keys of a workload that writes some, as far as they are right.
#[must_use]
pub fn written_batch(keys: &Table) -> u64 {
    let written = keys.get(BATCH.name).and_then(Value::as_integer);
    let default = match BATCH.default {
        DefaultValue::Integer(batch) => batch,
        _ => 1,
    };
    written.unwrap_or(default).unsigned_abs()
}

/// Most bytes of one row in a request; of sparse vectors what is likely.
fn row_bytes(shape: &CollectionShape) -> u64 {
    let scalars: usize = shape
        .fields
        .iter()
        .map(|field| field.values.max_bytes(field.scalar_type))
        .sum();
    let vectors: usize = shape.vectors().map(vector_bytes).sum();
    (vectors + 10 + scalars) as u64
}

/// Bytes of a vector; of sparse ones the longest of some of the rows.
fn vector_bytes(vector: &VectorField) -> usize {
    vector
        .vector_type
        .bytes(vector.dim)
        .or_else(|| longest_of_some(vector.data.as_deref()?))
        .unwrap_or(SPARSE_ROW)
}

fn longest_of_some(data: &dyn Dataset) -> Option<usize> {
    let rows = data.rows();
    let count = rows.min(64);
    let mut some = Vec::new();
    for first in [0, (rows - count) / 2, rows - count] {
        data.read_rows(first, count, &mut some).ok()?;
    }
    sparse_rows(&some).map(|pairs| pairs.len() + 5).max()
}

/// Most rows whose request is sure to fit in [`MAX_BODY`].
fn largest_batch(shape: &CollectionShape) -> u64 {
    // Names of fields and nested lengths: 255 bytes of name and five lengths of at most 10 bytes
    // for each.
    let fixed = 600 + (shape.fields.len() + shape.vectors().count() + 1) as u64 * 300;
    (MAX_BODY - fixed.min(MAX_BODY)) / row_bytes(shape)
}

#[cfg(test)]
mod tests {
    use super::super::{
        ScalarFieldOptions, VectorField, insert_call,
        tests::{Vectors, holding, shape},
    };
    use super::*;

    #[test]
    fn a_count_that_no_request_can_have_changed_is_a_failed_reply() {
        let rows = |count: i64| {
            let reply = Changed {
                delete_cnt: count,
                ..Changed::default()
            };
            changed(reply.encode_to_vec().into(), |reply| reply.delete_cnt).map(|of| of.rows)
        };
        assert_eq!(rows(3).unwrap(), 3);
        for count in [-1, 1 << 32, i64::MAX] {
            let failure = rows(count).expect_err("refused");
            assert!(failure.text.contains(&count.to_string()), "{failure:?}");
        }
    }

    #[test]
    fn the_largest_batch_fits_and_preparation_stays_near_four_mebibytes() {
        let text = "name = 'word'\ntype = 'VarChar'\nmax_length = 200\nvalues = { constant = \
                    'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' }";
        let field = toml::from_str::<ScalarFieldOptions>(text)
            .unwrap()
            .resolve(42)
            .unwrap();
        let data = Vectors {
            dim: 768,
            rows: vec![1.0; 768],
            ..Vectors::default()
        };
        let mut shape = holding(shape(), data);
        shape.vector.dim = 768;
        shape.fields = vec![field];
        // Ids near the end of their range are the longest.
        let body = |count| {
            insert_call(&shape, i64::MAX as u64 - count, count)
                .unwrap()
                .body
                .len() as u64
        };
        assert!((MAX_BODY * 9 / 10..=MAX_BODY).contains(&body(largest_batch(&shape))));
        assert!((GOOD_BODY * 9 / 10..=GOOD_BODY + 1000).contains(&body(rows_per_batch(&shape))));
        assert_eq!(
            rows_per_batch(&CollectionShape {
                vector: VectorField {
                    dim: 1,
                    ..VectorField::default()
                },
                fields: Vec::new(),
                ..shape.clone()
            }),
            GOOD_ROWS
        );
    }
}
