//! Answers about indexes, loading, flushing, segments and compaction: what set-up polls.

use super::{Answer, Collection, Index, Keeps, Store, ok, refuse};
use crate::milvus::proto::{self, CompactionState, IndexState, LoadState, SegmentState};

impl Store {
    pub(in crate::null_milvus) fn load(
        &mut self,
        dbname: &str,
        request: &proto::LoadCollectionRequest,
    ) -> Answer<proto::Status> {
        let collection = self.collection(dbname, &request.db_name, &request.collection_name)?;
        let is_indexed = |field: &str| collection.indexes.iter().any(|index| index.field == field);
        if let Some(field) = collection.vector_fields().find(|field| !is_indexed(field)) {
            return refuse(
                700,
                25,
                format!(
                    "there is no vector index on field: [{field}], please create index firstly"
                ),
            );
        }
        collection.loaded = true;
        Ok(proto::Status::default())
    }

    pub(in crate::null_milvus) fn release(
        &mut self,
        dbname: &str,
        request: &proto::ReleaseCollectionRequest,
    ) -> Answer<proto::Status> {
        self.collection(dbname, &request.db_name, &request.collection_name)?
            .loaded = false;
        Ok(proto::Status::default())
    }

    pub(in crate::null_milvus) fn loading_progress(
        &mut self,
        dbname: &str,
        request: &proto::GetLoadingProgressRequest,
    ) -> Answer<proto::GetLoadingProgressResponse> {
        self.loaded(dbname, &request.db_name, &request.collection_name)?;
        let progress = if self.is_undone("GetLoadingProgress") {
            50
        } else {
            100
        };
        Ok(proto::GetLoadingProgressResponse {
            status: ok(),
            progress,
            refresh_progress: 0,
        })
    }

    /// A missing collection is no failure here.
    pub(in crate::null_milvus) fn load_state(
        &mut self,
        dbname: &str,
        request: &proto::GetLoadStateRequest,
    ) -> Answer<proto::GetLoadStateResponse> {
        let key = self.key(dbname, &request.db_name, &request.collection_name)?;
        let state = match self
            .collections
            .get(&key)
            .map(|collection| collection.loaded)
        {
            None => LoadState::NotExist,
            Some(false) => LoadState::NotLoad,
            Some(true) if self.is_undone("GetLoadState") => LoadState::Loading,
            Some(true) => LoadState::Loaded,
        };
        Ok(proto::GetLoadStateResponse {
            status: ok(),
            state: state.into(),
        })
    }

    pub(in crate::null_milvus) fn create_index(
        &mut self,
        dbname: &str,
        request: &proto::CreateIndexRequest,
    ) -> Answer<proto::Status> {
        let id = self.new_id();
        let collection = self.collection(dbname, &request.db_name, &request.collection_name)?;
        let Some(field) = collection
            .schema
            .fields
            .iter()
            .find(|field| field.name == request.field_name)
        else {
            return refuse(
                65535,
                1,
                format!(
                    "cannot create index on non-exist field: {}",
                    request.field_name
                ),
            );
        };
        let name = if request.index_name.is_empty() {
            format!("_default_idx_{}", field.field_id)
        } else {
            request.index_name.clone()
        };
        collection
            .indexes
            .retain(|index| index.field != request.field_name);
        collection.indexes.push(Index {
            id,
            name,
            field: request.field_name.clone(),
            params: request.extra_params.clone(),
        });
        Ok(proto::Status::default())
    }

    pub(in crate::null_milvus) fn describe_index(
        &mut self,
        dbname: &str,
        request: &proto::DescribeIndexRequest,
    ) -> Answer<proto::DescribeIndexResponse> {
        let collection = self.collection(dbname, &request.db_name, &request.collection_name)?;
        let wanted = |index: &&Index| {
            let is_field = request.field_name.is_empty() || index.field == request.field_name;
            is_field && (request.index_name.is_empty() || index.name == request.index_name)
        };
        let indexes: Vec<Index> = collection.indexes.iter().filter(wanted).cloned().collect();
        let total_rows = collection.sealed_rows();
        if indexes.is_empty() {
            return refuse(
                700,
                25,
                format!("index not found[collection={}]", request.collection_name),
            );
        }
        let failure = self.index_failure.clone();
        let is_undone = self.is_undone("DescribeIndex") || failure.is_some();
        let unfinished = if failure.is_some() {
            IndexState::Failed
        } else {
            IndexState::InProgress
        };
        let describe = |index: Index| proto::IndexDescription {
            index_name: index.name,
            index_id: index.id,
            params: index.params,
            field_name: index.field,
            indexed_rows: if is_undone {
                total_rows / 2
            } else {
                total_rows
            },
            total_rows,
            state: if is_undone {
                unfinished.into()
            } else {
                IndexState::Finished.into()
            },
            index_state_fail_reason: failure.clone().unwrap_or_default(),
            pending_index_rows: if is_undone {
                total_rows - total_rows / 2
            } else {
                0
            },
        };
        let index_descriptions = indexes.into_iter().map(describe).collect();
        Ok(proto::DescribeIndexResponse {
            status: ok(),
            index_descriptions,
        })
    }

    pub(in crate::null_milvus) fn drop_index(
        &mut self,
        dbname: &str,
        request: &proto::DropIndexRequest,
    ) -> Answer<proto::Status> {
        let collection = self.collection(dbname, &request.db_name, &request.collection_name)?;
        if collection.loaded {
            return refuse(
                65535,
                1,
                "index cannot be dropped, collection is loaded, please release it first",
            );
        }
        collection
            .indexes
            .retain(|index| index.field != request.field_name && index.name != request.index_name);
        Ok(proto::Status::default())
    }

    pub(in crate::null_milvus) fn flush(
        &mut self,
        dbname: &str,
        request: &proto::FlushRequest,
    ) -> Answer<proto::FlushResponse> {
        let (next, flush_ts, keeps) = (self.new_id(), self.timestamp(), self.keeps);
        let mut reply = proto::FlushResponse {
            status: ok(),
            db_name: request.db_name.clone(),
            ..Default::default()
        };
        for name in &request.collection_names {
            let collection = self.collection(dbname, &request.db_name, name)?;
            let growing = collection.growing;
            collection.seal(next);
            let all: Vec<i64> = collection.segments.iter().map(|(id, _)| *id).collect();
            let flushed = match keeps {
                Keeps::Counts => all.clone(),
                Keeps::Rows if growing.1 > 0 => vec![growing.0],
                Keeps::Rows => Vec::new(),
            };
            reply
                .coll_seg_ids
                .insert(name.clone(), proto::LongArray { data: flushed });
            reply
                .flush_coll_seg_ids
                .insert(name.clone(), proto::LongArray { data: all });
            reply.coll_seal_times.insert(
                name.clone(),
                i64::try_from(flush_ts >> 18).unwrap_or(i64::MAX),
            );
            reply.coll_flush_ts.insert(name.clone(), flush_ts);
        }
        Ok(reply)
    }

    pub(in crate::null_milvus) fn flush_state(
        &mut self,
        _: &str,
        _: &proto::GetFlushStateRequest,
    ) -> Answer<proto::GetFlushStateResponse> {
        Ok(proto::GetFlushStateResponse {
            status: ok(),
            flushed: !self.is_undone("GetFlushState"),
        })
    }

    /// Merges all sealed segments into one.
    pub(in crate::null_milvus) fn compact(
        &mut self,
        _: &str,
        request: &proto::ManualCompactionRequest,
    ) -> Answer<proto::ManualCompactionResponse> {
        let (merged, id) = (self.new_id(), request.collection_id);
        let Some(collection) = self
            .collections
            .values_mut()
            .find(|collection| collection.id == id)
        else {
            return refuse(100, 4, format!("can't find collection[collection={id}]"));
        };
        let plans = i32::from(collection.segments.len() > 1);
        if plans > 0 {
            collection.segments = vec![(merged, collection.sealed_rows())];
        }
        let reply = proto::ManualCompactionResponse {
            status: ok(),
            compaction_id: self.new_id(),
            compaction_plan_count: plans,
        };
        Ok(reply)
    }

    pub(in crate::null_milvus) fn compaction_state(
        &mut self,
        _: &str,
        _: &proto::GetCompactionStateRequest,
    ) -> Answer<proto::GetCompactionStateResponse> {
        let is_undone = self.is_undone("GetCompactionState");
        let state = if is_undone {
            CompactionState::Executing
        } else {
            CompactionState::Completed
        };
        Ok(proto::GetCompactionStateResponse {
            status: ok(),
            state: state.into(),
            executing_plan_no: i64::from(is_undone),
            completed_plan_no: i64::from(!is_undone),
        })
    }

    /// While polls are left, the first half of them finds nothing and the rest finds growing copies
    /// without index.
    pub(in crate::null_milvus) fn query_segments(
        &mut self,
        dbname: &str,
        request: &proto::GetQuerySegmentInfoRequest,
    ) -> Answer<proto::GetQuerySegmentInfoResponse> {
        self.loaded(dbname, &request.db_name, &request.collection_name)?;
        let handed_off = match self.polls_left("GetQuerySegmentInfo") {
            Some((left, first)) if left >= first / 2 => return Ok(segments(Vec::new())),
            Some(_) => false,
            None => true,
        };
        let collection = self.collection(dbname, &request.db_name, &request.collection_name)?;
        let mut infos: Vec<_> = collection
            .segments
            .iter()
            .map(|segment| collection.query_segment(*segment, handed_off))
            .collect();
        if collection.growing.1 > 0 {
            infos.push(collection.query_segment(collection.growing, false));
        }
        Ok(segments(infos))
    }

    pub(in crate::null_milvus) fn persistent_segments(
        &mut self,
        dbname: &str,
        request: &proto::GetPersistentSegmentInfoRequest,
    ) -> Answer<proto::GetPersistentSegmentInfoResponse> {
        let collection = self.collection(dbname, &request.db_name, &request.collection_name)?;
        let info = |(segment_id, num_rows): &(i64, i64)| proto::PersistentSegmentInfo {
            segment_id: *segment_id,
            collection_id: collection.id,
            partition_id: collection.id + 1,
            num_rows: *num_rows,
            state: SegmentState::Flushed.into(),
        };
        let infos = collection.segments.iter().map(info).collect();
        Ok(proto::GetPersistentSegmentInfoResponse {
            status: ok(),
            infos,
        })
    }
}

fn segments(infos: Vec<proto::QuerySegmentInfo>) -> proto::GetQuerySegmentInfoResponse {
    proto::GetQuerySegmentInfoResponse {
        status: ok(),
        infos,
    }
}

impl Collection {
    fn seal(&mut self, next: i64) {
        if self.growing.1 > 0 {
            self.segments.push(self.growing);
            self.growing = (next, 0);
        }
    }

    fn query_segment(
        &self,
        (segment_id, num_rows): (i64, i64),
        handed_off: bool,
    ) -> proto::QuerySegmentInfo {
        let index = self
            .vector_fields()
            .find_map(|field| self.indexes.iter().find(|index| index.field == field));
        // Of a FLAT index there is no file that a segment could have.
        let is_flat = |index: &&Index| {
            index
                .params
                .iter()
                .any(|pair| pair.key == "index_type" && pair.value == "FLAT")
        };
        let index = index.filter(|index| handed_off && !is_flat(index));
        proto::QuerySegmentInfo {
            segment_id,
            collection_id: self.id,
            partition_id: self.id + 1,
            mem_size: 0,
            num_rows,
            index_name: index.map(|index| index.name.clone()).unwrap_or_default(),
            index_id: index.map_or(0, |index| index.id),
            state: if handed_off {
                SegmentState::Sealed.into()
            } else {
                SegmentState::Growing.into()
            },
            node_ids: vec![2],
        }
    }
}
