//! Kinds of requests: the trait, and the table of those that a workload may name.
//!
//! An operation builds the bytes of a request from its key and looks at the reply afterwards. It knows nothing of time.

mod collection;
mod consistency;
mod draw;
mod fields;
mod index;
mod insert;
mod keys;
mod query;
mod recall;
mod search;
pub mod setup;

use std::{fmt, sync::Arc};

use bytes::Bytes;

pub use collection::{CollectionShape, Consistency, IndexShape, ScalarField, ScalarType};
pub use fields::{FieldValue, FieldValues, ScalarFieldOptions};
pub use index::{IndexOptions, known_metric};
pub use insert::{insert_call, inserted, rows_per_batch};

use crate::{
    dataset::Dataset,
    milvus::{Call, CallFailure, Effect, Method},
};

/// Identity of a request, as far as content depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestKey {
    /// Hash of (seed, phase, workload, part, seq): what random choices are drawn from.
    pub hash: u64,
    /// Number within (phase, workload, part), from 0.
    pub seq: u64,
    /// Requests of this workload in earlier parts and phases: `earlier + seq` numbers the requests of a whole run.
    pub earlier: u64,
}

/// What a reply held.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Finished {
    /// Rows written or returned.
    pub rows: u32,
    /// Share of the true neighbours that were returned, in [0, 1]; NaN where it is not known.
    pub recall: f32,
}

/// What the replies of a read hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replies {
    /// Query vectors of a request; 1 where it has none.
    pub vectors: u64,
    /// Rows of a reply that lacks none; None where the scenario does not say.
    pub full_rows: Option<u64>,
}

/// One kind of request, resolved: a pure function from key to bytes and from bytes to outcome.
pub trait Operation: Send + Sync + fmt::Debug {
    /// The gRPC method of every call.
    fn method(&self) -> &'static Method;

    /// Requests that its data suffices for; None: without end.
    fn capacity(&self) -> Option<u64> {
        None
    }

    /// Rows that one request writes, where that is a number of the scenario: what a rate in rows is divided by.
    fn rows_per_request(&self) -> Option<u64> {
        None
    }

    /// What its replies hold; None of everything that reads no rows.
    fn replies(&self) -> Option<Replies> {
        None
    }

    /// Whether its requests write rows.
    fn writes(&self) -> bool {
        self.method().effect != Effect::Reads
    }

    /// The request with `key`: a pure function of it, so the same in every run.
    ///
    /// # Errors
    /// Rows can't be read from their file any more.
    fn prepare(&self, key: RequestKey) -> Result<Call, crate::dataset::DatasetError>;

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
    /// Its vectors; None for a collection that is reused without a data set.
    pub dataset: Option<Arc<dyn Dataset>>,
    /// Rows that preparation inserts; insert workloads go on after them.
    pub initial_rows: u64,
    /// Whether rows stay the same while the workload runs, so that the data set's truth holds.
    pub truth_holds: bool,
    /// Keys of the workload's table that the plan does not know itself.
    pub keys: toml::Table,
}

/// Why an operation can't be built: the key as typed, and one sentence without it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationError {
    /// Key within the workload's table; empty when the workload as a whole is meant.
    pub key: String,
    /// What was found and what is allowed.
    pub message: String,
}

/// A key of the scenario, as the README's table has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct KeyDoc {
    pub name: &'static str,
    pub kind: &'static str,
    pub default: &'static str,
    pub meaning: &'static str,
}

/// One operation that a workload may name.
pub struct OperationEntry {
    /// Name in `operation = "..."`.
    pub name: &'static str,
    /// One sentence for `list` and the README.
    pub summary: &'static str,
    /// The keys that it reads itself.
    pub keys: &'static [KeyDoc],
    /// Builds it; refuses keys that it does not know.
    pub build: fn(OperationContext) -> Result<Arc<dyn Operation>, OperationError>,
}

/// Every operation of a workload, one row and one file each.
pub static OPERATIONS: &[OperationEntry] = &[search::ENTRY, insert::ENTRY, query::ENTRY];

#[cfg(test)]
mod tests;
