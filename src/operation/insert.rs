//! `operation = "insert"`: rows of the data set, each once, and the same request for preparation.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    Build, CollectionShape, Finished, Operation, OperationContext, OperationEntry, OperationErrors,
    RequestKey, RowChange, RowUse, Writes,
    fields::FieldValue,
    keys::{Keys, refuse},
    rows,
    values::{Drawing, Places},
};
use crate::{
    dataset::DatasetError,
    keys::{DefaultValue, Key, Kind},
    milvus::{Call, CallFailure, Method, methods},
};

pub(super) const ENTRY: OperationEntry = OperationEntry {
    name: "insert",
    called: "an insert",
    summary: "inserts the rows of the data set that preparation did not, each once; ids are row \
              numbers",
    keys: &[
        rows::BATCH,
        Key::new(
            "on_end",
            Kind::Choice(|| ON_END.iter().map(|row| row.0).collect()),
            DefaultValue::Text("stop"),
            "when the rows are used up. stop: end; repeat: continue with new ids and the vectors \
             from the first on, without recall",
        ),
    ],
    rows: RowUse::Writes(Writes {
        does: "inserts into",
        change: RowChange::Adds,
        alone: "each row is inserted once",
    }),
    counts_rows: true,
    more_rows: Some("more rows (initial_rows)"),
    has_recall: false,
    needs_loaded: false,
    never_in: &["consistency wait", "node queue", "engine"],
    build: Build::Requests(build),
};

const ON_END: &[(&str, OnEnd)] = &[("stop", OnEnd::Stop), ("repeat", OnEnd::Repeat)];
#[derive(Debug)]
struct Insert {
    shape: Arc<CollectionShape>,
    initial_rows: u64,
    batch: u64,
    on_end: OnEnd,
    drawing: Option<Drawing>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OnEnd {
    Stop,
    Repeat,
}

impl Operation for Insert {
    fn method(&self) -> &'static Method {
        &methods::INSERT
    }

    fn capacity(&self) -> Option<u64> {
        match self.on_end {
            OnEnd::Stop => Some(
                self.shape
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
            OnEnd::Stop => self.batch.min(self.shape.rows().saturating_sub(first)),
        };
        if count == 0 {
            return Err(DatasetError(format!(
                "request {number} begins at row {first}, the data set has {} rows",
                self.shape.rows()
            )));
        }
        let given = self.drawing.as_ref().map(|drawing| drawing.fields(key));
        insert_given(&self.shape, first, count, &given.unwrap_or_default())
    }

    fn drawing(&self) -> Option<&Drawing> {
        self.drawing.as_ref()
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
pub fn insert_call(shape: &CollectionShape, first: u64, count: u64) -> Result<Call, DatasetError> {
    insert_given(shape, first, count, &[])
}

fn insert_given(
    shape: &CollectionShape,
    first: u64,
    count: u64,
    given: &[(usize, FieldValue)],
) -> Result<Call, DatasetError> {
    let last = first
        .checked_add(count)
        .filter(|end| *end <= i64::MAX as u64);
    let Some(end) = last else {
        return Err(DatasetError(format!(
            "{count} rows from id {first} on are more than a collection can number"
        )));
    };
    let keys = (first..end).map(|row| row as i64).collect();
    Ok(Call {
        method: &methods::INSERT,
        body: rows::encode(shape, keys, first, given)?,
    })
}

/// What the reply to an insert says: rows that were written.
///
/// # Errors
/// The status is a failure, single rows were refused, or the bytes are no `MutationResult`.
pub fn inserted(body: Bytes) -> Result<Finished, CallFailure> {
    rows::changed(body, |reply| reply.insert_cnt)
}

fn build(context: OperationContext) -> Result<Arc<dyn Operation>, OperationErrors> {
    let OperationContext {
        collection: shape,
        initial_rows,
        values,
        keys,
        ..
    } = context;
    let mut keys = Keys::new(keys, ENTRY.keys)?;
    let default = if keys.has("on_end") {
        ""
    } else {
        " by default"
    };
    let on_end = keys.choice("on_end", ON_END)?;
    let mut places = Places::of(values);
    let largest = places.fields(&shape)?;
    let batch = rows::batch(&mut keys, &largest)?;
    if shape.rows() == 0 {
        return Ok(refuse(
            "",
            "has no rows to insert: give its collection a data set with rows (`data`)",
        )?);
    }
    if on_end == OnEnd::Stop && initial_rows >= shape.rows() {
        return Ok(refuse(
            "on_end",
            format!(
                "is \"stop\"{default}, but preparation inserts all {} rows: lower initial_rows of \
                 the collection, or use \"repeat\"",
                shape.rows()
            ),
        )?);
    }
    Ok(Arc::new(Insert {
        shape,
        initial_rows,
        batch,
        on_end,
        drawing: places.drawing(),
    }))
}

#[cfg(test)]
mod tests;
