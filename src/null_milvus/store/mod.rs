//! What the server knows: databases, collections, their indexes, segments and rows, and the
//! aliases.
//!
//! One store serves both servers. That of a null Milvus counts rows and keeps none: they are in one
//! segment, sealed and indexed at once, and its clock stands still, so that whoever waits for
//! something waits for nothing. That of a fake Milvus keeps every row, has real segments and a real
//! clock.

mod collections;
mod columns;
mod data_calls;
mod filter;
mod lifecycle;
mod rows;
mod vectors;

use std::{
    collections::{BTreeMap, HashMap},
    time::{SystemTime, UNIX_EPOCH},
};

use prost::Message;

use super::{message::Parts, replies::TIMESTAMP};
use crate::milvus::proto::{self, DataType};
use rows::Rows;

/// Collections, and aliases, at a time: a client that makes them for ever shall not fill the
/// memory.
const COLLECTIONS_MAX: usize = 1_000;

/// Database and name.
pub(super) type Key = (String, String);

/// Why a call gets no answer.
#[derive(Debug)]
pub(super) enum Refusal {
    /// gRPC OK, and this status in the reply.
    Milvus(proto::Status),
    /// A gRPC status: code and text.
    Grpc(i32, String),
}

/// A reply, or why there is none.
pub(super) type Answer<T> = Result<T, Refusal>;

/// A refusal by Milvus' new and legacy codes.
fn refuse<T>(code: i32, error_code: i32, reason: impl Into<String>) -> Answer<T> {
    Err(Refusal::Milvus(proto::Status {
        code,
        error_code,
        reason: reason.into(),
        ..proto::Status::default()
    }))
}

/// The request in a message; gRPC's INTERNAL for bytes that are none, as Go's server says.
pub(super) fn parse<M: Message + Default>(parts: Parts<'_>) -> Answer<M> {
    M::decode(parts)
        .map_err(|error| Refusal::Grpc(13, format!("grpc: error unmarshalling request: {error}")))
}

fn ok() -> Option<proto::Status> {
    Some(proto::Status::default())
}

/// One index of one field.
#[derive(Clone, Debug)]
struct Index {
    id: i64,
    name: String,
    field: String,
    params: Vec<proto::KeyValuePair>,
}

#[derive(Debug)]
pub(super) struct Collection {
    id: i64,
    schema: proto::CollectionSchema,
    raw_schema: Vec<u8>,
    level: i32,
    shards: i32,
    properties: Vec<proto::KeyValuePair>,
    created: u64,
    indexes: Vec<Index>,
    loaded: bool,
    rows: Rows,
    /// Id and rows of each sealed segment.
    segments: Vec<(i64, i64)>,
    growing: (i64, i64),
}

impl Collection {
    fn sealed_rows(&self) -> i64 {
        self.segments.iter().map(|(_, rows)| rows).sum()
    }

    fn vector_fields(&self) -> impl Iterator<Item = &str> {
        self.schema
            .fields
            .iter()
            .filter(|field| field.data_type >= DataType::BinaryVector as i32)
            .map(|field| field.name.as_str())
    }

    /// The refusal with code 101 unless it is loaded.
    fn check_loaded(&self, name: &str) -> Answer<()> {
        if self.loaded {
            Ok(())
        } else {
            refuse(101, 1, format!("collection not loaded[collection={name}]"))
        }
    }

    /// Counts rows that were inserted into the growing segment.
    fn grow(&mut self, rows: i64) {
        self.growing.1 += rows;
    }
}

/// Whether rows are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keeps {
    /// Their number alone.
    Counts,
    /// Every one.
    Rows,
}

#[derive(Debug)]
pub(super) struct Store {
    keeps: Keeps,
    pub(super) version: String,
    pub(super) databases: Vec<String>,
    /// Left and initial number of polls that find the work undone, by method.
    pub(super) not_yet: HashMap<&'static str, (u32, u32)>,
    /// Whether searches compare vectors.
    pub(super) exact: bool,
    collections: BTreeMap<Key, Collection>,
    /// Why builds of indexes fail.
    pub(super) index_failure: Option<String>,
    /// How far its clock is ahead of the machine's, milliseconds.
    pub(super) ahead_ms: u128,
    /// Whether it gives back no description, id or alias of a collection, as milvus-lite 3.2.2.
    pub(super) undescribed: bool,
    /// Database and alias, and the collection's name.
    aliases: BTreeMap<Key, String>,
    last_id: i64,
    last_timestamp: u64,
}

impl Store {
    pub(super) fn new(keeps: Keeps) -> Self {
        let version = match keeps {
            Keeps::Counts => "v2.3.5-null",
            Keeps::Rows => "v2.3.5-fake",
        };
        Self {
            keeps,
            version: version.to_owned(),
            databases: vec!["default".to_owned()],
            not_yet: HashMap::new(),
            exact: false,
            collections: BTreeMap::new(),
            index_failure: None,
            ahead_ms: 0,
            undescribed: false,
            aliases: BTreeMap::new(),
            last_id: 470_000_000_000_000_000,
            last_timestamp: 0,
        }
    }

    /// Rows of the collection in database `default`; None if there is no such collection.
    pub(super) fn kept_rows(&self, collection: &str) -> Option<usize> {
        self.collections
            .get(&default_key(collection))
            .map(|collection| collection.rows.len())
    }

    /// Aliases of the collection in database `default`.
    pub(super) fn aliases(&self, collection: &str) -> Vec<String> {
        self.aliases_of(&default_key(collection))
    }

    /// Rows that were counted in a collection; 0 for one that is not there.
    pub(super) fn counted_rows(&self, dbname: &str, (database, name): &Key) -> i64 {
        let key = self.key(dbname, database, name);
        key.ok()
            .and_then(|key| self.collections.get(&key))
            .map_or(0, Collection::sealed_rows)
    }

    /// Adds to the rows that were counted in a collection, or takes away from them.
    pub(super) fn count_rows(&mut self, dbname: &str, (database, name): &Key, rows: i64) {
        let key = self.key(dbname, database, name);
        let collection = key.ok().and_then(|key| self.collections.get_mut(&key));
        if let Some(segment) = collection.and_then(|found| found.segments.first_mut()) {
            segment.1 = segment.1.saturating_add(rows).max(0);
        }
    }

    fn new_id(&mut self) -> i64 {
        self.last_id += 1;
        self.last_id
    }

    /// Makes the next `count` ids belong to what was just made.
    fn skip_ids(&mut self, count: i64) {
        self.last_id += count;
    }

    /// A hybrid timestamp: milliseconds above 18 logical bits, never the same twice where rows are
    /// kept.
    fn timestamp(&mut self) -> u64 {
        if self.keeps == Keeps::Counts {
            return TIMESTAMP;
        }
        let ms = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_millis()
            + self.ahead_ms;
        self.last_timestamp = (self.last_timestamp + 1).max(u64::try_from(ms).unwrap_or(0) << 18);
        self.last_timestamp
    }

    fn is_undone(&mut self, method: &'static str) -> bool {
        self.polls_left(method).is_some()
    }

    /// How many polls are left after this one and how many there were at first; None when the work
    /// is done.
    fn polls_left(&mut self, method: &'static str) -> Option<(u32, u32)> {
        let (left, first) = self.not_yet.get_mut(method)?;
        *left = left.checked_sub(1)?;
        Some((*left, *first))
    }

    fn key(&self, metadata: &str, request: &str, collection: &str) -> Answer<Key> {
        let database = [request, metadata, "default"]
            .into_iter()
            .find(|name| !name.is_empty())
            .unwrap_or_default();
        if !self.databases.iter().any(|known| known == database) {
            return refuse(800, 1, format!("database not found[database={database}]"));
        }
        let key = (database.to_owned(), collection.to_owned());
        // An alias stands for its collection in every call.
        match self.aliases.get(&key) {
            Some(name) => Ok((key.0, name.clone())),
            None => Ok(key),
        }
    }

    /// The aliases of a collection.
    fn aliases_of(&self, key: &Key) -> Vec<String> {
        let of = self
            .aliases
            .iter()
            .filter(|((database, _), name)| (database, *name) == (&key.0, &key.1));
        of.map(|((_, alias), _)| alias.clone()).collect()
    }

    /// The collection, or the refusal with code 100 and the legacy `missing`.
    fn found(&mut self, key: &Key, missing: i32) -> Answer<&mut Collection> {
        match self.collections.get_mut(key) {
            Some(collection) => Ok(collection),
            None => refuse(
                100,
                missing,
                format!(
                    "can't find collection[database={}][collection={}]",
                    key.0, key.1
                ),
            ),
        }
    }

    fn collection(
        &mut self,
        dbname: &str,
        database: &str,
        collection: &str,
    ) -> Answer<&mut Collection> {
        let key = self.key(dbname, database, collection)?;
        self.found(&key, 4)
    }

    /// The collection if it is loaded, else the refusal with code 101.
    fn loaded(&mut self, dbname: &str, database: &str, name: &str) -> Answer<&mut Collection> {
        let collection = self.collection(dbname, database, name)?;
        collection.check_loaded(name)?;
        Ok(collection)
    }
}

fn default_key(collection: &str) -> Key {
    ("default".to_owned(), collection.to_owned())
}
