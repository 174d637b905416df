//! What the server knows of collections, and its answers to everything but data calls. No row is
//! kept, only their number.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message;

use super::{message::Parts, replies::framed};
use crate::milvus::{
    Method,
    proto::{self, CompactionState, DataType, IndexState, LoadState, SegmentState},
};

/// What `GetVersion` says.
const VERSION: &str = "v2.3.5-null";
/// Hybrid timestamp of everything that asks for one, long ago: whatever waits for it waits for
/// nothing.
pub(super) const TIMESTAMP: u64 = 1 << 18;
/// Collections at a time; their schemas are the only thing here that a client makes grow.
const COLLECTIONS_MAX: usize = 1_000;

/// Database and name.
pub(super) type Key = (String, String);

/// The database that an empty name means, and the one in a call's metadata.
pub(super) fn key(dbname: &str, database: String, collection: String) -> Key {
    let database = if database.is_empty() {
        dbname.to_owned()
    } else {
        database
    };
    (
        if database.is_empty() {
            "default".to_owned()
        } else {
            database
        },
        collection,
    )
}

#[derive(Debug)]
struct Collection {
    id: i64,
    schema: proto::CollectionSchema,
    request: proto::CreateCollectionRequest,
    indexes: Vec<proto::IndexDescription>,
    aliases: Vec<String>,
    loaded: bool,
    rows: i64,
}

/// All collections.
#[derive(Debug, Default)]
pub(super) struct Store {
    collections: BTreeMap<Key, Collection>,
    last_id: i64,
}

/// A failure in a reply's status: code, legacy code, text.
type Refusal = (i32, i32, String);

fn ok() -> Option<proto::Status> {
    Some(proto::Status::default())
}

/// The reply of `method` that says `code`. Some methods reply with the status itself, all others
/// have it as field 1.
pub(super) fn refused(method: &Method, code: i32, error_code: i32, reason: &str) -> Bytes {
    let status = proto::Status {
        code,
        error_code,
        reason: reason.to_owned(),
        ..proto::Status::default()
    };
    match method.name {
        "CreateCollection" | "DropCollection" | "LoadCollection" | "ReleaseCollection"
        | "CreateIndex" | "DropIndex" | "CreateAlias" | "DropAlias" => framed(&status),
        _ => framed(&proto::BoolResponse {
            status: Some(status),
            value: false,
        }),
    }
}

fn parse<M: Message + Default>(parts: Parts<'_>) -> Result<M, Refusal> {
    M::decode(parts).map_err(|error| (65535, 1, format!("error unmarshalling request: {error}")))
}

impl Store {
    /// Rows of a collection; 0 for one that is not there.
    pub(super) fn rows(&self, key: &Key) -> i64 {
        self.collections
            .get(key)
            .map_or(0, |collection| collection.rows)
    }

    /// Adds to the rows of a collection, or takes away from them.
    pub(super) fn count(&mut self, key: &Key, rows: i64) {
        if let Some(collection) = self.collections.get_mut(key) {
            collection.rows = collection.rows.saturating_add(rows).max(0);
        }
    }

    /// The reply to a call of `method` that is no data call; `dbname` is the metadata entry.
    pub(super) fn answer(&mut self, method: &Method, dbname: &str, parts: Parts<'_>) -> Bytes {
        self.try_answer(method, dbname, parts)
            .unwrap_or_else(|(code, error_code, text)| refused(method, code, error_code, &text))
    }

    fn try_answer(
        &mut self,
        method: &Method,
        dbname: &str,
        parts: Parts<'_>,
    ) -> Result<Bytes, Refusal> {
        match method.name {
            "Connect" => Ok(framed(&connected())),
            "GetVersion" => Ok(framed(&proto::GetVersionResponse {
                status: ok(),
                version: VERSION.to_owned(),
            })),
            "CheckHealth" => Ok(framed(&proto::CheckHealthResponse {
                status: ok(),
                is_healthy: true,
                ..Default::default()
            })),
            "AllocTimestamp" => Ok(framed(&proto::AllocTimestampResponse {
                status: ok(),
                timestamp: TIMESTAMP,
            })),
            "ListDatabases" => Ok(framed(&proto::ListDatabasesResponse {
                status: ok(),
                db_names: vec!["default".to_owned()],
            })),
            "GetFlushState" => Ok(framed(&proto::GetFlushStateResponse {
                status: ok(),
                flushed: true,
            })),
            "ManualCompaction" => Ok(framed(&proto::ManualCompactionResponse {
                status: ok(),
                compaction_id: 1,
                compaction_plan_count: 0,
            })),
            "GetCompactionState" => {
                let state = CompactionState::Completed.into();
                Ok(framed(&proto::GetCompactionStateResponse {
                    status: ok(),
                    state,
                    ..Default::default()
                }))
            }
            "CreateCollection" => self.create(dbname, parse(parts)?),
            "ShowCollections" => self.show(dbname, parse(parts)?),
            "DropAlias" => {
                let alias = parse::<proto::DropAliasRequest>(parts)?.alias;
                self.collections
                    .values_mut()
                    .for_each(|collection| collection.aliases.retain(|known| *known != alias));
                Ok(framed(&proto::Status::default()))
            }
            "Flush" => self.flush(dbname, parse(parts)?),
            _ => self.answer_of_one(method, dbname, parts),
        }
    }

    /// Calls that name one collection.
    fn answer_of_one(
        &mut self,
        method: &Method,
        dbname: &str,
        parts: Parts<'_>,
    ) -> Result<Bytes, Refusal> {
        // GetLoadState and GetLoadingProgress have the names in other fields.
        let (database, name) = match method.name {
            "GetLoadState" | "GetLoadingProgress" => {
                parse::<proto::GetLoadStateRequest>(parts.clone())
                    .map(|found| (found.db_name, found.collection_name))?
            }
            _ => parse::<proto::DropCollectionRequest>(parts.clone())
                .map(|found| (found.db_name, found.collection_name))?,
        };
        let key = key(dbname, database, name);
        match method.name {
            "DropCollection" => {
                self.collections.remove(&key);
                return Ok(framed(&proto::Status::default()));
            }
            "HasCollection" => {
                return Ok(framed(&proto::BoolResponse {
                    status: ok(),
                    value: self.collections.contains_key(&key),
                }));
            }
            "GetLoadState" if !self.collections.contains_key(&key) => {
                return Ok(framed(&proto::GetLoadStateResponse {
                    status: ok(),
                    state: LoadState::NotExist.into(),
                }));
            }
            _ => {}
        }
        let legacy = if method.name == "DescribeCollection" {
            1
        } else {
            4
        };
        let missing = || {
            (
                100,
                legacy,
                format!(
                    "collection not found[database={}][collection={}]",
                    key.0, key.1
                ),
            )
        };
        self.collections
            .get_mut(&key)
            .ok_or_else(missing)?
            .answer(method, &key.1, parts)
    }

    fn create(
        &mut self,
        dbname: &str,
        request: proto::CreateCollectionRequest,
    ) -> Result<Bytes, Refusal> {
        let key = key(
            dbname,
            request.db_name.clone(),
            request.collection_name.clone(),
        );
        let mut schema: proto::CollectionSchema =
            proto::CollectionSchema::decode(request.schema.as_slice())
                .map_err(|error| (65535, 1, format!("the schema can't be read: {error}")))?;
        if let Some(existing) = self.collections.get(&key) {
            let is_same = existing.request.schema == request.schema;
            let text = format!(
                "create duplicate collection with different parameters, collection: {}",
                key.1
            );
            return if is_same {
                Ok(framed(&proto::Status::default()))
            } else {
                Err((65535, 1, text))
            };
        }
        if self.collections.len() >= COLLECTIONS_MAX {
            return Err((
                65535,
                1,
                format!("exceeded the limit number of collections[limit={COLLECTIONS_MAX}]"),
            ));
        }
        for (field, id) in schema.fields.iter_mut().zip(100..) {
            field.field_id = id;
        }
        self.last_id += 10;
        let collection = Collection {
            id: self.last_id,
            schema,
            request,
            indexes: Vec::new(),
            aliases: Vec::new(),
            loaded: false,
            rows: 0,
        };
        self.collections.insert(key, collection);
        Ok(framed(&proto::Status::default()))
    }

    fn show(&self, dbname: &str, request: proto::ShowCollectionsRequest) -> Result<Bytes, Refusal> {
        let (database, _) = key(dbname, request.db_name, String::new());
        let shown = self.collections.iter().filter(|((place, _), found)| {
            *place == database && (request.r#type == 0 || found.loaded)
        });
        let (collection_names, collection_ids) = shown
            .map(|((_, name), found)| (name.clone(), found.id))
            .unzip();
        Ok(framed(&proto::ShowCollectionsResponse {
            status: ok(),
            collection_names,
            collection_ids,
        }))
    }

    fn flush(&self, dbname: &str, request: proto::FlushRequest) -> Result<Bytes, Refusal> {
        let mut reply = proto::FlushResponse {
            status: ok(),
            db_name: request.db_name.clone(),
            ..Default::default()
        };
        for name in request.collection_names {
            let key = key(dbname, request.db_name.clone(), name);
            let collection = self.collections.get(&key).ok_or_else(|| {
                (
                    100,
                    4,
                    format!("collection not found[collection={}]", key.1),
                )
            })?;
            reply.coll_seg_ids.insert(
                key.1.clone(),
                proto::LongArray {
                    data: vec![collection.segment()],
                },
            );
            reply.flush_coll_seg_ids.insert(
                key.1.clone(),
                proto::LongArray {
                    data: vec![collection.segment()],
                },
            );
            reply.coll_seal_times.insert(key.1.clone(), 1);
            reply.coll_flush_ts.insert(key.1, TIMESTAMP);
        }
        Ok(framed(&reply))
    }
}

fn connected() -> proto::ConnectResponse {
    let server_info = proto::ServerInfo {
        build_tags: VERSION.to_owned(),
        deploy_mode: "STANDALONE".to_owned(),
        ..Default::default()
    };
    proto::ConnectResponse {
        status: ok(),
        server_info: Some(server_info),
        identifier: 1,
    }
}

impl Collection {
    /// All rows are in one segment, sealed and indexed at once.
    fn segment(&self) -> i64 {
        self.id + 1
    }

    fn answer(&mut self, method: &Method, name: &str, parts: Parts<'_>) -> Result<Bytes, Refusal> {
        match method.name {
            "DescribeCollection" => Ok(framed(&self.describe(name))),
            "CreateAlias" => {
                let alias = parse::<proto::CreateAliasRequest>(parts)?.alias;
                // A client that never drops one could fill the memory.
                if self.aliases.len() < COLLECTIONS_MAX && !self.aliases.contains(&alias) {
                    self.aliases.push(alias);
                }
                Ok(framed(&proto::Status::default()))
            }
            "LoadCollection" => self.load(),
            "ReleaseCollection" => {
                self.loaded = false;
                Ok(framed(&proto::Status::default()))
            }
            "GetLoadState" => {
                let state = if self.loaded {
                    LoadState::Loaded
                } else {
                    LoadState::NotLoad
                };
                Ok(framed(&proto::GetLoadStateResponse {
                    status: ok(),
                    state: state.into(),
                }))
            }
            "GetLoadingProgress" if !self.loaded => {
                Err((101, 1, format!("collection not loaded[collection={name}]")))
            }
            "GetLoadingProgress" => Ok(framed(&proto::GetLoadingProgressResponse {
                status: ok(),
                progress: 100,
                refresh_progress: 0,
            })),
            "CreateIndex" => self.create_index(parse(parts)?),
            "DescribeIndex" => self.describe_index(name, &parse(parts)?),
            "DropIndex" => {
                let request: proto::DropIndexRequest = parse(parts)?;
                self.indexes.retain(|index| {
                    index.field_name != request.field_name && index.index_name != request.index_name
                });
                Ok(framed(&proto::Status::default()))
            }
            "GetCollectionStatistics" => {
                let stats = vec![proto::KeyValuePair {
                    key: "row_count".to_owned(),
                    value: self.rows.to_string(),
                }];
                Ok(framed(&proto::GetCollectionStatisticsResponse {
                    status: ok(),
                    stats,
                }))
            }
            "GetQuerySegmentInfo" if !self.loaded => {
                Err((101, 1, format!("collection not loaded[collection={name}]")))
            }
            "GetQuerySegmentInfo" => Ok(framed(&proto::GetQuerySegmentInfoResponse {
                status: ok(),
                infos: self.query_segments(),
            })),
            "GetPersistentSegmentInfo" => Ok(framed(&proto::GetPersistentSegmentInfoResponse {
                status: ok(),
                infos: self.segments(),
            })),
            other => Err((65535, 1, format!("the null Milvus does not know {other}"))),
        }
    }

    fn vector_fields(&self) -> impl Iterator<Item = &str> {
        self.schema
            .fields
            .iter()
            .filter(|field| field.data_type >= DataType::BinaryVector as i32)
            .map(|field| field.name.as_str())
    }

    fn describe(&self, name: &str) -> proto::DescribeCollectionResponse {
        proto::DescribeCollectionResponse {
            status: ok(),
            schema: Some(self.schema.clone()),
            collection_id: self.id,
            created_timestamp: TIMESTAMP,
            shards_num: self.request.shards_num.max(1),
            aliases: self.aliases.clone(),
            consistency_level: self.request.consistency_level,
            collection_name: name.to_owned(),
            properties: self.request.properties.clone(),
            num_partitions: 1,
            ..proto::DescribeCollectionResponse::default()
        }
    }

    fn load(&mut self) -> Result<Bytes, Refusal> {
        let is_indexed = |field: &str| self.indexes.iter().any(|index| index.field_name == field);
        if let Some(field) = self.vector_fields().find(|field| !is_indexed(field)) {
            return Err((
                700,
                25,
                format!(
                    "there is no vector index on field: [{field}], please create index firstly"
                ),
            ));
        }
        self.loaded = true;
        Ok(framed(&proto::Status::default()))
    }

    fn create_index(&mut self, request: proto::CreateIndexRequest) -> Result<Bytes, Refusal> {
        let Some(field) = self
            .schema
            .fields
            .iter()
            .find(|field| field.name == request.field_name)
        else {
            return Err((
                65535,
                1,
                format!(
                    "cannot create index on non-exist field: {}",
                    request.field_name
                ),
            ));
        };
        let index_name = if request.index_name.is_empty() {
            format!("_default_idx_{}", field.field_id)
        } else {
            request.index_name
        };
        self.indexes
            .retain(|index| index.field_name != request.field_name);
        self.indexes.push(proto::IndexDescription {
            index_name,
            index_id: self.id + 2,
            params: request.extra_params,
            field_name: request.field_name,
            state: IndexState::Finished.into(),
            ..proto::IndexDescription::default()
        });
        Ok(framed(&proto::Status::default()))
    }

    fn describe_index(
        &self,
        name: &str,
        request: &proto::DescribeIndexRequest,
    ) -> Result<Bytes, Refusal> {
        let is_wanted = |index: &&proto::IndexDescription| {
            (request.field_name.is_empty() || index.field_name == request.field_name)
                && (request.index_name.is_empty() || index.index_name == request.index_name)
        };
        let covering = |index: &proto::IndexDescription| proto::IndexDescription {
            indexed_rows: self.rows,
            total_rows: self.rows,
            ..index.clone()
        };
        let index_descriptions: Vec<_> = self
            .indexes
            .iter()
            .filter(is_wanted)
            .map(covering)
            .collect();
        if index_descriptions.is_empty() {
            return Err((700, 25, format!("index not found[collection={name}]")));
        }
        Ok(framed(&proto::DescribeIndexResponse {
            status: ok(),
            index_descriptions,
        }))
    }

    fn query_segments(&self) -> Vec<proto::QuerySegmentInfo> {
        let index = self
            .vector_fields()
            .find_map(|field| self.indexes.iter().find(|index| index.field_name == field));
        vec![proto::QuerySegmentInfo {
            segment_id: self.segment(),
            collection_id: self.id,
            partition_id: self.id + 3,
            num_rows: self.rows,
            index_name: index
                .map(|index| index.index_name.clone())
                .unwrap_or_default(),
            index_id: index.map_or(0, |index| index.index_id),
            state: SegmentState::Sealed.into(),
            node_ids: vec![2],
            ..proto::QuerySegmentInfo::default()
        }]
    }

    fn segments(&self) -> Vec<proto::PersistentSegmentInfo> {
        vec![proto::PersistentSegmentInfo {
            segment_id: self.segment(),
            collection_id: self.id,
            partition_id: self.id + 3,
            num_rows: self.rows,
            state: SegmentState::Flushed.into(),
        }]
    }
}
