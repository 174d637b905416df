//! What the server knows: databases, collections, their indexes and segments; the answers that
//! don't touch rows.

mod lifecycle;

use std::collections::{BTreeMap, HashMap};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use milvus_bench::milvus::{Method, proto};
use prost::Message;
use proto::DataType;

use super::rows::Rows;

/// Why a call gets no answer.
pub(super) enum Refusal {
    /// gRPC OK, and this status in the reply.
    Milvus(proto::Status),
    /// A gRPC status.
    Grpc(tonic::Status),
}

pub(super) type Answer<T = Vec<u8>> = Result<T, Refusal>;

/// What 2.3.5 says of a collection of a database that is not there: that the collection is not.
fn missing_database<T>(refusal: Refusal) -> Answer<T> {
    match refusal {
        Refusal::Milvus(status) if status.code == 800 => refuse(
            100,
            1,
            format!(
                "can't find collection collection not found{}",
                status.reason
            ),
        ),
        other => Err(other),
    }
}

/// A refusal by Milvus' new and legacy codes.
pub(super) fn refuse<T>(code: i32, error_code: i32, reason: impl Into<String>) -> Answer<T> {
    Err(Refusal::Milvus(proto::Status {
        code,
        error_code,
        reason: reason.into(),
        ..Default::default()
    }))
}

/// The reply of `method` that says `status`. Some methods reply with the status itself, all others
/// have it as field 1.
pub(super) fn refused(method: &Method, status: proto::Status) -> Bytes {
    match method.name {
        "CreateCollection" | "DropCollection" | "LoadCollection" | "ReleaseCollection"
        | "CreateIndex" | "DropIndex" | "CreateAlias" | "DropAlias" => {
            status.encode_to_vec().into()
        }
        _ => proto::BoolResponse {
            status: Some(status),
            value: false,
        }
        .encode_to_vec()
        .into(),
    }
}

pub(super) fn parse<M: Message + Default>(body: &Bytes) -> Answer<M> {
    M::decode(body.clone()).map_err(|error| {
        Refusal::Grpc(tonic::Status::internal(format!(
            "grpc: error unmarshalling request: {error}"
        )))
    })
}

pub(super) fn ok() -> Option<proto::Status> {
    Some(proto::Status::default())
}

/// One index of one field.
#[derive(Clone)]
pub(super) struct Index {
    id: i64,
    name: String,
    pub(super) field: String,
    pub(super) params: Vec<proto::KeyValuePair>,
}

pub(super) struct Collection {
    pub(super) id: i64,
    pub(super) schema: proto::CollectionSchema,
    raw_schema: Vec<u8>,
    level: i32,
    shards: i32,
    properties: Vec<proto::KeyValuePair>,
    created: u64,
    pub(super) indexes: Vec<Index>,
    pub(super) loaded: bool,
    pub(super) rows: Rows,
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
    pub(super) fn check_loaded(&self, name: &str) -> Answer<()> {
        if self.loaded {
            Ok(())
        } else {
            refuse(101, 1, format!("collection not loaded[collection={name}]"))
        }
    }

    /// Counts rows that were inserted into the growing segment.
    pub(super) fn grow(&mut self, rows: i64) {
        self.growing.1 += rows;
    }
}

pub(super) struct Store {
    pub(super) version: String,
    pub(super) databases: Vec<String>,
    /// Left and initial number of polls that find the work undone, by method.
    pub(super) not_yet: HashMap<&'static str, (u32, u32)>,
    pub(super) exact: bool,
    collections: BTreeMap<(String, String), Collection>,
    /// Why builds of indexes fail.
    pub(super) index_failure: Option<String>,
    /// How far its clock is ahead of the machine's, milliseconds.
    pub(super) ahead_ms: u128,
    /// Database and alias, and the collection's name.
    aliases: BTreeMap<(String, String), String>,
    last_id: i64,
    last_timestamp: u64,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            version: "v2.3.5-fake".to_owned(),
            databases: vec!["default".to_owned()],
            not_yet: HashMap::new(),
            exact: false,
            collections: BTreeMap::new(),
            index_failure: None,
            ahead_ms: 0,
            aliases: BTreeMap::new(),
            last_id: 470_000_000_000_000_000,
            last_timestamp: 0,
        }
    }
}

impl Store {
    pub(super) fn rows(&self, collection: &str) -> Option<usize> {
        self.collections
            .get(&("default".to_owned(), collection.to_owned()))
            .map(|collection| collection.rows.len())
    }

    /// Aliases of the collection in database `default`.
    pub(super) fn aliases(&self, collection: &str) -> Vec<String> {
        self.aliases_of(&("default".to_owned(), collection.to_owned()))
    }

    /// The reply to one call; `dbname` is the metadata entry.
    pub(super) fn answer(&mut self, method: &'static Method, dbname: &str, body: &Bytes) -> Answer {
        match method.name {
            "Connect" => Ok(lifecycle::connect(&self.version).encode_to_vec()),
            "GetVersion" => Ok(proto::GetVersionResponse {
                status: ok(),
                version: self.version.clone(),
            }
            .encode_to_vec()),
            "CheckHealth" => Ok(proto::CheckHealthResponse {
                status: ok(),
                is_healthy: true,
                ..Default::default()
            }
            .encode_to_vec()),
            "AllocTimestamp" => Ok(proto::AllocTimestampResponse {
                status: ok(),
                timestamp: self.timestamp(),
            }
            .encode_to_vec()),
            "ListDatabases" => Ok(proto::ListDatabasesResponse {
                status: ok(),
                db_names: self.databases.clone(),
            }
            .encode_to_vec()),
            "CreateCollection" => self.create(dbname, parse(body)?),
            "DropCollection" => self.remove(dbname, parse(body)?),
            "HasCollection" => self.has(dbname, &parse(body)?),
            "DescribeCollection" => self.describe(dbname, &parse(body)?),
            "CreateAlias" => self.create_alias(dbname, parse(body)?),
            "DropAlias" => self.drop_alias(dbname, parse(body)?),
            "ShowCollections" => self.show(dbname, &parse(body)?),
            "LoadCollection" => self.load(dbname, &parse(body)?),
            "ReleaseCollection" => self.release(dbname, &parse(body)?),
            "GetLoadingProgress" => self.loading_progress(dbname, &parse(body)?),
            "GetLoadState" => self.load_state(dbname, &parse(body)?),
            "CreateIndex" => self.create_index(dbname, parse(body)?),
            "DescribeIndex" => self.describe_index(dbname, &parse(body)?),
            "DropIndex" => self.drop_index(dbname, &parse(body)?),
            "Insert" => self.insert(dbname, &parse(body)?),
            "Upsert" => self.upsert(dbname, &parse(body)?),
            "Delete" => self.delete(dbname, &parse(body)?),
            "Flush" => self.flush(dbname, parse(body)?),
            "GetFlushState" => Ok(proto::GetFlushStateResponse {
                status: ok(),
                flushed: !self.is_undone("GetFlushState"),
            }
            .encode_to_vec()),
            "Search" => self.search(dbname, &parse(body)?),
            "Query" => self.query(dbname, &parse(body)?),
            "GetCollectionStatistics" => self.statistics(dbname, &parse(body)?),
            "ManualCompaction" => self.compact(&parse(body)?),
            "GetCompactionState" => Ok(self.compaction_state().encode_to_vec()),
            "GetQuerySegmentInfo" => self.query_segments(dbname, &parse(body)?),
            "GetPersistentSegmentInfo" => self.persistent_segments(dbname, &parse(body)?),
            other => Err(Refusal::Grpc(tonic::Status::unimplemented(format!(
                "unknown method {other}"
            )))),
        }
    }

    // ---- helpers ----

    pub(super) fn new_id(&mut self) -> i64 {
        self.last_id += 1;
        self.last_id
    }

    /// Makes the next `count` ids belong to what was just made.
    pub(super) fn skip_ids(&mut self, count: i64) {
        self.last_id += count;
    }

    /// A hybrid timestamp: milliseconds above 18 logical bits, never the same twice.
    pub(super) fn timestamp(&mut self) -> u64 {
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

    fn key(&self, metadata: &str, request: &str, collection: &str) -> Answer<(String, String)> {
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
    fn aliases_of(&self, key: &(String, String)) -> Vec<String> {
        let of = self
            .aliases
            .iter()
            .filter(|((database, _), name)| (database, *name) == (&key.0, &key.1));
        of.map(|((_, alias), _)| alias.clone()).collect()
    }

    /// The collection, or the refusal with code 100 and the legacy `missing`.
    fn found(&mut self, key: &(String, String), missing: i32) -> Answer<&mut Collection> {
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

    pub(super) fn collection(
        &mut self,
        dbname: &str,
        database: &str,
        collection: &str,
    ) -> Answer<&mut Collection> {
        let key = self.key(dbname, database, collection)?;
        self.found(&key, 4)
    }

    /// The collection if it is loaded, else the refusal with code 101.
    pub(super) fn loaded(
        &mut self,
        dbname: &str,
        database: &str,
        name: &str,
    ) -> Answer<&mut Collection> {
        let collection = self.collection(dbname, database, name)?;
        collection.check_loaded(name)?;
        Ok(collection)
    }

    // ---- collections ----

    fn create(&mut self, dbname: &str, request: proto::CreateCollectionRequest) -> Answer {
        let key = self.key(dbname, &request.db_name, &request.collection_name)?;
        if key.1 != request.collection_name {
            return refuse(
                65535,
                1,
                format!(
                    "create duplicate collection with different parameters, collection: {}",
                    request.collection_name
                ),
            );
        }
        if let Some(existing) = self.collections.get(&key) {
            if existing.raw_schema == request.schema {
                return Ok(proto::Status::default().encode_to_vec());
            }
            return refuse(
                65535,
                1,
                format!(
                    "create duplicate collection with different parameters, collection: {}",
                    key.1
                ),
            );
        }
        let Ok(mut schema) = proto::CollectionSchema::decode(request.schema.as_slice()) else {
            return refuse(65535, 1, "proto: cannot parse invalid wire-format data");
        };
        if !schema.fields.iter().any(|field| field.is_primary_key) {
            return refuse(65535, 1, "primary key is not specified");
        }
        for (field, id) in schema.fields.iter_mut().zip(100..) {
            field.field_id = id;
        }
        let (id, growing, created) = (self.new_id(), self.new_id(), self.timestamp());
        let collection = Collection {
            id,
            rows: Rows::new(&schema, self.exact),
            schema,
            raw_schema: request.schema,
            level: request.consistency_level,
            shards: request.shards_num.max(1),
            properties: request.properties,
            created,
            indexes: Vec::new(),
            loaded: false,
            segments: Vec::new(),
            growing: (growing, 0),
        };
        self.collections.insert(key, collection);
        Ok(proto::Status::default().encode_to_vec())
    }

    fn remove(&mut self, dbname: &str, request: proto::DropCollectionRequest) -> Answer {
        let key = self.key(dbname, &request.db_name, &request.collection_name)?;
        if key.1 != request.collection_name {
            return refuse(
                65535,
                1,
                format!(
                    "cannot drop the collection via alias = {}",
                    request.collection_name
                ),
            );
        }
        // As 2.4 and later do; 2.3.5 drops it and leaves the aliases behind.
        if self.collections.contains_key(&key) && !self.aliases_of(&key).is_empty() {
            return refuse(
                65535,
                1,
                "unable to drop the collection because it has associated aliases, please remove \
                 all aliases before dropping",
            );
        }
        self.collections.remove(&key);
        Ok(proto::Status::default().encode_to_vec())
    }

    fn create_alias(&mut self, dbname: &str, request: proto::CreateAliasRequest) -> Answer {
        let key = self.key(dbname, &request.db_name, &request.collection_name)?;
        self.found(&key, 4)?;
        let alias = (key.0, request.alias);
        match self.aliases.get(&alias) {
            Some(other) if *other != key.1 => refuse(
                1602,
                1,
                format!(
                    "{} is alias to another collection: {other}: alias already exist",
                    alias.1
                ),
            ),
            _ => {
                self.aliases.insert(alias, key.1);
                Ok(proto::Status::default().encode_to_vec())
            }
        }
    }

    fn drop_alias(&mut self, dbname: &str, request: proto::DropAliasRequest) -> Answer {
        let (database, _) = self.key(dbname, &request.db_name, "")?;
        self.aliases.remove(&(database, request.alias));
        Ok(proto::Status::default().encode_to_vec())
    }

    fn has(&mut self, dbname: &str, request: &proto::HasCollectionRequest) -> Answer {
        let key = self.key(dbname, &request.db_name, &request.collection_name)?;
        Ok(proto::BoolResponse {
            status: ok(),
            value: self.collections.contains_key(&key),
        }
        .encode_to_vec())
    }

    fn describe(&mut self, dbname: &str, request: &proto::DescribeCollectionRequest) -> Answer {
        let key = self
            .key(dbname, &request.db_name, &request.collection_name)
            .or_else(missing_database)?;
        let aliases = self.aliases_of(&key);
        let collection = self.found(&key, 1)?;
        let channel = |shard| format!("by-dev-rootcoord-dml_{shard}_{}v{shard}", collection.id);
        let reply = proto::DescribeCollectionResponse {
            status: ok(),
            schema: Some(collection.schema.clone()),
            collection_id: collection.id,
            virtual_channel_names: (0..collection.shards).map(channel).collect(),
            created_timestamp: collection.created,
            shards_num: collection.shards,
            consistency_level: collection.level,
            // The name that was asked for: an alias is not told apart from the name, but in the
            // schema.
            collection_name: request.collection_name.clone(),
            aliases,
            properties: collection.properties.clone(),
            num_partitions: 1,
        };
        Ok(reply.encode_to_vec())
    }

    fn show(&mut self, dbname: &str, request: &proto::ShowCollectionsRequest) -> Answer {
        let (database, _) = self.key(dbname, &request.db_name, "")?;
        let of_database = self
            .collections
            .iter()
            .filter(|((place, _), _)| *place == database);
        let shown = of_database.filter(|(_, collection)| request.r#type == 0 || collection.loaded);
        let (names, ids) = shown
            .map(|((_, name), collection)| (name.clone(), collection.id))
            .unzip();
        Ok(proto::ShowCollectionsResponse {
            status: ok(),
            collection_names: names,
            collection_ids: ids,
        }
        .encode_to_vec())
    }

    fn statistics(
        &mut self,
        dbname: &str,
        request: &proto::GetCollectionStatisticsRequest,
    ) -> Answer {
        let rows = self
            .collection(dbname, &request.db_name, &request.collection_name)?
            .sealed_rows();
        let stats = vec![proto::KeyValuePair {
            key: "row_count".to_owned(),
            value: rows.to_string(),
        }];
        Ok(proto::GetCollectionStatisticsResponse {
            status: ok(),
            stats,
        }
        .encode_to_vec())
    }
}
