//! Kinds of requests: the trait, and the table of those that a workload may name.
//!
//! An operation builds the bytes of a request from its key and looks at the reply afterwards. It
//! knows nothing of time.

mod collection;
mod consistency;
mod delete;
mod draw;
mod entry;
mod fields;
mod index;
mod insert;
mod keys;
pub mod mark;
mod metric;
mod mix;
mod needs;
mod order;
mod primary_key;
mod properties;
mod query;
mod recall;
mod row_keys;
mod rows;
mod search;
pub mod setup;
mod truth;
mod upsert;
mod values;

use std::{fmt, sync::Arc};

use bytes::Bytes;

pub use collection::{
    CollectionShape, Consistency, IndexShape, MAX_TEXT, ScalarField, ScalarType, VectorField,
};
pub use entry::{
    Build, Component, OperationEntry, RowChange, RowUse, Writes, called_where, names_where,
};
pub use fields::{FieldValue, FieldValues, MAX_CAPACITY, ScalarFieldOptions, dynamic_values};
pub use index::{IndexOptions, SCALAR_INDEXES, indexes_of, vector_indexes};
pub use insert::{insert_call, inserted};
pub use keys::check_keys;
pub use metric::{default_metric, known_metric, metrics, metrics_of};
pub use needs::{Need, needs};
pub use order::QueryOrder;
pub use primary_key::{KEY_TYPES, KeyOptions, PrimaryKey, RowKeyValues};
pub use properties::collection_properties;
pub use row_keys::RowKeys;
pub use rows::{rows_per_batch, written_batch};
pub use values::{
    Drawing, MOST_CLASSES, MOST_VALUES, PlannedRows, SPLIT_KEYS, Split, VALUE_KEYS, Values,
};

use crate::{
    keys::Mistakes,
    milvus::{Call, CallFailure, Method},
};

/// Identity of a request, as far as content depends on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestKey {
    /// Hash of (seed, round, phase, workload, part, seq): what random choices are drawn from.
    pub hash: u64,
    /// Number within (phase, workload, part), from 0.
    pub seq: u64,
    /// Requests of this workload in earlier parts and phases: `earlier + seq` numbers the requests
    /// of a whole run.
    pub earlier: u64,
    /// The order in which queries are taken.
    pub queries: QueryOrder,
}

/// What a reply held.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Finished {
    /// Rows written or returned.
    pub rows: u32,
    /// Share of the true neighbours that were returned, in [0, 1]; NaN where it is not known,
    /// [`TRUTH_WRONG`] where the reply proves that the truth is wrong.
    pub recall: f32,
}

/// Which rows the requests of an operation delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletes {
    /// None.
    Nothing,
    /// So many of those that preparation inserts, at most, each once; see [`RowKeys`].
    Keys(u64),
    /// Some that only Milvus knows.
    Unknown,
}

/// What the replies of a read hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replies {
    /// Query vectors of a request; 1 where it has none.
    pub vectors: u64,
    /// Rows of a reply that lacks none; None where the scenario does not say.
    pub full_rows: Option<u64>,
    /// Whether each holds a row, whatever the collection does.
    pub never_empty: bool,
}

/// In the place of a recall: the reply holds a row nearer than the first of the true neighbours.
pub const TRUTH_WRONG: f32 = f32::NEG_INFINITY;

/// Key of an [`OperationError`] that means the truth of the workload's data set.
pub const TRUTH_KEY: &str = "data.truth";

/// Rows that a reply held, in its order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Returned {
    /// Primary keys.
    pub ids: ReturnedIds,
    /// As many as ids, or none.
    pub scores: Vec<f32>,
    /// Rows of each query vector, where the request has several.
    pub per_query: Vec<u32>,
}

/// Primary keys of rows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ReturnedIds {
    Numbers(Vec<i64>),
    Texts(Vec<String>),
}

impl Default for ReturnedIds {
    fn default() -> Self {
        Self::Numbers(Vec::new())
    }
}

/// One kind of request, resolved: a pure function from key to bytes and from bytes to outcome.
pub trait Operation: Send + Sync + fmt::Debug {
    /// The gRPC method of every call.
    fn method(&self) -> &'static Method;

    /// Requests that its data suffices for; None: without end.
    fn capacity(&self) -> Option<u64> {
        None
    }

    /// Rows that one request writes, where that is a number of the scenario: what a rate in rows is
    /// divided by.
    fn rows_per_request(&self) -> Option<u64> {
        None
    }

    /// Which rows its requests delete.
    fn deletes(&self) -> Deletes {
        Deletes::Nothing
    }

    /// What its replies hold; None of everything that reads no rows.
    fn replies(&self) -> Option<Replies> {
        None
    }

    /// Why its replies have no recall, in words that go on after `no recall: `; None where they
    /// have one.
    fn no_recall(&self) -> Option<&str> {
        Some("only a search has a recall")
    }

    /// What of its requests is drawn from the values of its workload; None where nothing is.
    fn drawing(&self) -> Option<&Drawing> {
        None
    }

    /// The request with `key`: a pure function of it, so the same in every run.
    ///
    /// # Errors
    /// Rows can't be read from their file any more.
    fn prepare(&self, key: RequestKey) -> Result<Call, crate::dataset::DatasetError>;

    /// The numbers of the query vectors of the request with `key`, in its order; none where it has
    /// none.
    fn query_numbers(&self, _key: RequestKey) -> Vec<u64> {
        Vec::new()
    }

    /// What the reply held, where the scenario keeps it (`[tracing] keep_ids`); asked of traced
    /// requests only, after [`Self::finish`].
    fn returned(&self, _body: Bytes) -> Option<Returned> {
        None
    }

    /// What the reply to `key` says. Called after `done` was read.
    ///
    /// # Errors
    /// The reply's status is a failure, or its bytes are no such message.
    fn finish(&self, key: RequestKey, body: Bytes) -> Result<Finished, CallFailure>;
}

/// What an operation is built from.
#[derive(Clone, Debug)]
pub struct OperationContext {
    /// Name of the workload, for messages.
    pub workload: String,
    /// The collection as planned.
    pub collection: Arc<CollectionShape>,
    /// Rows that preparation inserts; insert workloads go on after them.
    pub initial_rows: u64,
    /// Which of these stay.
    pub row_keys: RowKeys,
    /// Why the data set's truth is not that of the rows that are there while the workload runs, in
    /// words that go on after `no recall: `; None where it is.
    pub truth_fails: Option<String>,
    /// Whether the collection is one that was there, which may hold other rows than the data set.
    pub reused: bool,
    /// Whether replies say what they held ([`Operation::returned`]).
    pub keep_ids: bool,
    /// What is drawn for each request; None where the workload has no `values`.
    pub values: Option<Arc<Values>>,
    /// Keys of the workload's table that the plan does not know itself.
    pub keys: toml::Table,
}

/// Why an operation can't be built: the key as typed, and one sentence without it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationError {
    /// Key within the workload's table; empty when the workload as a whole is meant, [`TRUTH_KEY`]
    /// for the truth of its data set.
    pub key: String,
    /// What was found and what is allowed.
    pub message: String,
}

/// Why an operation, a field or an index can't be built: everything that is wrong.
pub type OperationErrors = Mistakes<OperationError>;

/// Every operation of a workload, one row and one file each.
pub static OPERATIONS: &[OperationEntry] = &[
    search::ENTRY,
    insert::ENTRY,
    query::ENTRY,
    upsert::ENTRY,
    delete::ENTRY,
    mix::ENTRY,
];

#[cfg(test)]
mod tests;
