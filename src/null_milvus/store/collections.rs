//! Answers about the server, its collections and their aliases.

use prost::Message;

use super::{Answer, COLLECTIONS_MAX, Collection, Keeps, Refusal, Rows, Store, ok, refuse};
use crate::milvus::proto;

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

impl Store {
    pub(in crate::null_milvus) fn connect(
        &mut self,
        _: &str,
        _: &proto::ConnectRequest,
    ) -> Answer<proto::ConnectResponse> {
        let server_info = proto::ServerInfo {
            build_tags: self.version.clone(),
            deploy_mode: "STANDALONE".to_owned(),
            ..proto::ServerInfo::default()
        };
        Ok(proto::ConnectResponse {
            status: ok(),
            server_info: Some(server_info),
            identifier: 1,
        })
    }

    pub(in crate::null_milvus) fn get_version(
        &mut self,
        _: &str,
        _: &proto::GetVersionRequest,
    ) -> Answer<proto::GetVersionResponse> {
        Ok(proto::GetVersionResponse {
            status: ok(),
            version: self.version.clone(),
        })
    }

    pub(in crate::null_milvus) fn check_health(
        &mut self,
        _: &str,
        _: &proto::CheckHealthRequest,
    ) -> Answer<proto::CheckHealthResponse> {
        Ok(proto::CheckHealthResponse {
            status: ok(),
            is_healthy: true,
            ..proto::CheckHealthResponse::default()
        })
    }

    pub(in crate::null_milvus) fn alloc_timestamp(
        &mut self,
        _: &str,
        _: &proto::AllocTimestampRequest,
    ) -> Answer<proto::AllocTimestampResponse> {
        Ok(proto::AllocTimestampResponse {
            status: ok(),
            timestamp: self.timestamp(),
        })
    }

    pub(in crate::null_milvus) fn list_databases(
        &mut self,
        _: &str,
        _: &proto::ListDatabasesRequest,
    ) -> Answer<proto::ListDatabasesResponse> {
        Ok(proto::ListDatabasesResponse {
            status: ok(),
            db_names: self.databases.clone(),
        })
    }

    pub(in crate::null_milvus) fn create(
        &mut self,
        dbname: &str,
        request: &proto::CreateCollectionRequest,
    ) -> Answer<proto::Status> {
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
                return Ok(proto::Status::default());
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
        if self.collections.len() >= COLLECTIONS_MAX {
            return refuse(
                65535,
                1,
                format!("exceeded the limit number of collections[limit={COLLECTIONS_MAX}]"),
            );
        }
        for (field, id) in schema.fields.iter_mut().zip(100..) {
            field.field_id = id;
        }
        let (id, segment, created) = (self.new_id(), self.new_id(), self.timestamp());
        let segments = match self.keeps {
            Keeps::Counts => vec![(segment, 0)],
            Keeps::Rows => Vec::new(),
        };
        let collection = Collection {
            id,
            rows: Rows::new(&schema, self.exact),
            schema,
            raw_schema: request.schema.clone(),
            level: request.consistency_level,
            shards: request.shards_num.max(1),
            properties: request.properties.clone(),
            created,
            indexes: Vec::new(),
            loaded: false,
            segments,
            growing: (segment, 0),
        };
        self.collections.insert(key, collection);
        Ok(proto::Status::default())
    }

    pub(in crate::null_milvus) fn remove(
        &mut self,
        dbname: &str,
        request: &proto::DropCollectionRequest,
    ) -> Answer<proto::Status> {
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
        Ok(proto::Status::default())
    }

    pub(in crate::null_milvus) fn create_alias(
        &mut self,
        dbname: &str,
        request: &proto::CreateAliasRequest,
    ) -> Answer<proto::Status> {
        let key = self.key(dbname, &request.db_name, &request.collection_name)?;
        self.found(&key, 4)?;
        let alias = (key.0, request.alias.clone());
        match self.aliases.get(&alias) {
            Some(other) if *other != key.1 => refuse(
                1602,
                1,
                format!(
                    "{} is alias to another collection: {other}: alias already exist",
                    alias.1
                ),
            ),
            None if self.aliases.len() >= COLLECTIONS_MAX => refuse(
                65535,
                1,
                format!("exceeded the limit number of aliases[limit={COLLECTIONS_MAX}]"),
            ),
            _ => {
                self.aliases.insert(alias, key.1);
                Ok(proto::Status::default())
            }
        }
    }

    pub(in crate::null_milvus) fn drop_alias(
        &mut self,
        dbname: &str,
        request: &proto::DropAliasRequest,
    ) -> Answer<proto::Status> {
        let (database, _) = self.key(dbname, &request.db_name, "")?;
        self.aliases.remove(&(database, request.alias.clone()));
        Ok(proto::Status::default())
    }

    pub(in crate::null_milvus) fn has(
        &mut self,
        dbname: &str,
        request: &proto::HasCollectionRequest,
    ) -> Answer<proto::BoolResponse> {
        let key = self.key(dbname, &request.db_name, &request.collection_name)?;
        Ok(proto::BoolResponse {
            status: ok(),
            value: self.collections.contains_key(&key),
        })
    }

    pub(in crate::null_milvus) fn describe(
        &mut self,
        dbname: &str,
        request: &proto::DescribeCollectionRequest,
    ) -> Answer<proto::DescribeCollectionResponse> {
        let key = self
            .key(dbname, &request.db_name, &request.collection_name)
            .or_else(missing_database)?;
        let aliases = self.aliases_of(&key);
        let undescribed = self.undescribed;
        let collection = self.found(&key, 1)?;
        let channel = |shard| format!("by-dev-rootcoord-dml_{shard}_{}v{shard}", collection.id);
        let mut reply = proto::DescribeCollectionResponse {
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
        if undescribed {
            reply.schema.get_or_insert_default().description.clear();
            reply.collection_id = 0;
            reply.aliases.clear();
        }
        Ok(reply)
    }

    pub(in crate::null_milvus) fn show(
        &mut self,
        dbname: &str,
        request: &proto::ShowCollectionsRequest,
    ) -> Answer<proto::ShowCollectionsResponse> {
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
        })
    }

    pub(in crate::null_milvus) fn statistics(
        &mut self,
        dbname: &str,
        request: &proto::GetCollectionStatisticsRequest,
    ) -> Answer<proto::GetCollectionStatisticsResponse> {
        let rows = self
            .collection(dbname, &request.db_name, &request.collection_name)?
            .sealed_rows();
        let stats = vec![proto::KeyValuePair::new("row_count", rows)];
        Ok(proto::GetCollectionStatisticsResponse {
            status: ok(),
            stats,
        })
    }
}
