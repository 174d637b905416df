//! `operation = "insert"`: rows of the data set, each once, and the same request for preparation.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message;

use super::{
    Build, CollectionShape, Finished, Operation, OperationContext, OperationEntry, OperationError,
    RequestKey, RowChange, RowUse, Writes,
    fields::{column, id_column},
    keys::{Keys, refuse},
};
use crate::{
    dataset::{Dataset, DatasetError},
    keys::{DefaultValue, Key, Kind},
    milvus::{
        Call, CallError, CallFailure, FloatColumn, InsertParts, Method, check_status,
        encode_insert, methods, proto::Status,
    },
};

pub(super) const ENTRY: OperationEntry = OperationEntry {
    name: "insert",
    called: "an insert",
    summary: "inserts the rows of the data set that preparation left, each once; ids are row \
              numbers",
    keys: &[
        Key::new(
            "batch",
            Kind::integer(1, i64::MAX),
            DefaultValue::Integer(100),
            "rows of one request, which may have at most 64 MiB",
        )
        .answers(&["batch_size", "num_per_batch", "batch", "num_rows"]),
        Key::new(
            "on_end",
            Kind::Choice(|| ON_END.iter().map(|row| row.0).collect()),
            DefaultValue::Text("stop"),
            "when the rows are used up: stop, or go on with fresh ids and the vectors from the \
             first on (then there is no recall)",
        ),
    ],
    rows: RowUse::Writes(Writes {
        does: "inserts into",
        change: RowChange::Adds,
        alone: "each row is inserted once",
    }),
    counts_rows: true,
    ends_phases: true,
    has_recall: false,
    needs_loaded: false,
    never_in: &["consistency wait", "node queue", "engine"],
    build: Build::Requests(build),
};

const ON_END: &[(&str, OnEnd)] = &[("stop", OnEnd::Stop), ("repeat", OnEnd::Repeat)];
/// Largest message that Milvus' proxy receives.
const MAX_BODY: u64 = 64 << 20;
/// Bytes of a good request of preparation: the message queue splits larger ones.
const GOOD_BODY: u64 = 4 << 20;
/// Rows of a request of preparation beyond which its rate does not grow.
const GOOD_ROWS: u64 = 10_000;

#[derive(Debug)]
struct Insert {
    shape: Arc<CollectionShape>,
    dataset: Arc<dyn Dataset>,
    initial_rows: u64,
    batch: u64,
    on_end: OnEnd,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OnEnd {
    Stop,
    Repeat,
}

/// The fields of `MutationResult` that are looked at; the ids, most of its bytes, are skipped.
#[derive(Clone, PartialEq, Message)]
struct InsertReply {
    #[prost(message, optional, tag = "1")]
    status: Option<Status>,
    #[prost(uint32, repeated, tag = "4")]
    err_index: Vec<u32>,
    #[prost(int64, tag = "6")]
    insert_cnt: i64,
}

impl Operation for Insert {
    fn method(&self) -> &'static Method {
        &methods::INSERT
    }

    fn capacity(&self) -> Option<u64> {
        match self.on_end {
            OnEnd::Stop => Some(
                self.dataset
                    .rows()
                    .saturating_sub(self.initial_rows)
                    .div_ceil(self.batch),
            ),
            OnEnd::Repeat => None,
        }
    }

    fn rows_per_request(&self) -> Option<u64> {
        Some(self.batch)
    }

    fn prepare(&self, key: RequestKey) -> Result<Call, DatasetError> {
        let number = key.earlier.saturating_add(key.seq);
        let first = self
            .initial_rows
            .saturating_add(number.saturating_mul(self.batch));
        let count = match self.on_end {
            OnEnd::Repeat => self.batch,
            OnEnd::Stop => self.batch.min(self.dataset.rows().saturating_sub(first)),
        };
        if count == 0 {
            return Err(DatasetError(format!(
                "request {number} begins at row {first}, the data set has {} rows",
                self.dataset.rows()
            )));
        }
        insert_call(&self.shape, &*self.dataset, first, count)
    }

    fn finish(&self, _key: RequestKey, body: Bytes) -> Result<Finished, CallFailure> {
        inserted(body)
    }
}

/// The request that inserts `count` rows (at least 1) from row id `first` on. Ids beyond the data
/// set's rows take its vectors from the first on.
///
/// # Errors
/// The rows can't be read, or there are none.
pub fn insert_call(
    shape: &CollectionShape,
    dataset: &dyn Dataset,
    first: u64,
    count: u64,
) -> Result<Call, DatasetError> {
    if dataset.rows() == 0 {
        return Err(DatasetError(
            "the data set has queries only, no rows to insert".into(),
        ));
    }
    let last = first
        .checked_add(count)
        .filter(|end| *end <= i64::MAX as u64);
    let (Some(_), Ok(rows)) = (last, u32::try_from(count)) else {
        return Err(DatasetError(format!(
            "{count} rows from id {first} on are more than a collection can number"
        )));
    };
    let mut vectors = Vec::with_capacity((count * 4 * u64::from(dataset.dim())) as usize);
    let (mut at, mut left) = (first % dataset.rows(), count);
    while left > 0 {
        let part = left.min(dataset.rows() - at);
        dataset.read_rows(at, part, &mut vectors)?;
        (at, left) = (0, left - part);
    }
    let mut fields = vec![id_column(&shape.id_field, first, count)];
    fields.extend(shape.fields.iter().map(|field| column(field, first, count)));
    let body = encode_insert(&InsertParts {
        database: &shape.database,
        collection: &shape.name,
        partition: "",
        fields: &fields,
        vectors: FloatColumn {
            name: &shape.vector_field,
            dim: dataset.dim(),
            data: &vectors,
        },
        rows,
    });
    Ok(Call {
        method: &methods::INSERT,
        body,
    })
}

/// Rows for a request of preparation: about 4 MiB, at most 10,000 rows, at least 1.
#[must_use]
pub fn rows_per_batch(shape: &CollectionShape) -> u64 {
    (GOOD_BODY / row_bytes(shape))
        .min(GOOD_ROWS)
        .clamp(1, largest_batch(shape).max(1))
}

/// What the reply to an insert says: rows that were written.
///
/// # Errors
/// The status is a failure, single rows were refused, or the bytes are no `MutationResult`.
pub fn inserted(body: Bytes) -> Result<Finished, CallFailure> {
    let reply = InsertReply::decode(body)
        .map_err(|error| CallFailure::new(CallError::BadReply, &error.to_string()))?;
    check_status(reply.status.as_ref())?;
    if !reply.err_index.is_empty() {
        let text = format!(
            "the status is success, but {} rows were refused (err_index)",
            reply.err_index.len()
        );
        return Err(CallFailure::new(CallError::BadReply, &text));
    }
    Ok(Finished {
        rows: u32::try_from(reply.insert_cnt).unwrap_or(0),
        recall: f32::NAN,
    })
}

/// Most bytes of one row in a request.
fn row_bytes(shape: &CollectionShape) -> u64 {
    let scalars: usize = shape
        .fields
        .iter()
        .map(|field| field.values.max_bytes(field.scalar_type))
        .sum();
    4 * u64::from(shape.dim) + 10 + scalars as u64
}

/// Most rows whose request is sure to fit in [`MAX_BODY`].
fn largest_batch(shape: &CollectionShape) -> u64 {
    // Names of fields and nested lengths: 255 bytes of name and five lengths of at most 10 bytes
    // for each.
    let fixed = 600 + (shape.fields.len() as u64 + 2) * 300;
    (MAX_BODY - fixed.min(MAX_BODY)) / row_bytes(shape)
}

fn build(context: OperationContext) -> Result<Arc<dyn Operation>, OperationError> {
    let OperationContext {
        collection: shape,
        dataset,
        initial_rows,
        keys,
        ..
    } = context;
    let mut keys = Keys::new(keys, ENTRY.keys)?;
    let on_end = keys.choice("on_end", ON_END)?;
    let largest = largest_batch(&shape);
    let batch = keys.number("batch")?.unsigned_abs();
    if batch > largest {
        return refuse(
            "batch",
            format!(
                "is {batch}, whose request may exceed the 64 MiB that Milvus takes: allowed is 1 \
                 to {largest} for this collection"
            ),
        );
    }
    let Some(dataset) = dataset.filter(|dataset| dataset.rows() > 0) else {
        return refuse(
            "",
            "has no rows to insert: give its collection a data set with rows (`data`)",
        );
    };
    if on_end == OnEnd::Stop && initial_rows >= dataset.rows() {
        return refuse(
            "on_end",
            format!(
                "is \"stop\", but preparation inserts all {} rows: lower initial_rows of the \
                 collection, or use \"repeat\"",
                dataset.rows()
            ),
        );
    }
    Ok(Arc::new(Insert {
        shape,
        dataset,
        initial_rows,
        batch,
        on_end,
    }))
}

#[cfg(test)]
mod tests;
