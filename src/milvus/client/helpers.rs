//! The questions that doctor and preparation ask, each as one call with its answer taken out of the
//! reply.
//!
//! They are polls and look-ups: sent without a trace context. The database is that of the
//! [`super::Transport`].

use super::{
    CallError, CallFailure, Client, Method, SetupError, if_allowed, none_if,
    proto::{
        CheckHealthRequest, CheckHealthResponse, ConsistencyLevel, DescribeCollectionRequest,
        DescribeCollectionResponse, DescribeIndexRequest, DescribeIndexResponse, FieldData,
        GetCollectionStatisticsRequest, GetCollectionStatisticsResponse, GetLoadStateRequest,
        GetLoadStateResponse, GetQuerySegmentInfoRequest, GetQuerySegmentInfoResponse,
        GetVersionRequest, GetVersionResponse, IndexDescription, LoadState, QueryRequest,
        QueryResults, QuerySegmentInfo, ShowCollectionsRequest, ShowCollectionsResponse,
        field_data::Field, scalar_field::Data,
    },
};
use crate::milvus::methods;

/// Longest version that is kept, characters.
const LONGEST_VERSION: usize = 100;

impl Client {
    /// Version of the server as it says it, e.g. `v2.3.5`; at most 100 characters.
    ///
    /// # Errors
    /// The call failed.
    pub async fn version(&self) -> Result<String, SetupError> {
        let reply: GetVersionResponse = self
            .call(&methods::GET_VERSION, &GetVersionRequest {}, b"")
            .await?;
        Ok(reply.version.chars().take(LONGEST_VERSION).collect())
    }

    /// The version of a Milvus; None where it does not know the question, but lists collections:
    /// milvus-lite.
    ///
    /// # Errors
    /// A call failed: with [`CallError::UNIMPLEMENTED`] where a gRPC server is there that is no
    /// Milvus.
    pub async fn identify(&self) -> Result<Option<String>, SetupError> {
        // Whoever may search may not be allowed to ask this.
        let version = if_allowed(self.version().await)?;
        if version.is_none() {
            // Every Milvus knows this one, and may deny it. A server that does not is something
            // else.
            let listed: Result<ShowCollectionsResponse, _> = self
                .call(
                    &methods::SHOW_COLLECTIONS,
                    &ShowCollectionsRequest::default(),
                    b"",
                )
                .await;
            match listed {
                Err(error) if error.failure.error == CallError::UNIMPLEMENTED => return Err(error),
                listed => if_allowed(listed)?,
            };
        }
        Ok(version)
    }

    /// Health of the server: `is_healthy` with `reasons` if not, and the quota states.
    ///
    /// # Errors
    /// The call failed.
    pub async fn health(&self) -> Result<CheckHealthResponse, SetupError> {
        self.call(&methods::CHECK_HEALTH, &CheckHealthRequest {}, b"")
            .await
    }

    /// Schema and settings of `collection`; None if there is no such collection.
    ///
    /// # Errors
    /// The call failed in another way.
    pub async fn describe_collection(
        &self,
        collection: &str,
    ) -> Result<Option<DescribeCollectionResponse>, SetupError> {
        let request = DescribeCollectionRequest {
            collection_name: collection.into(),
            ..Default::default()
        };
        none_if(
            self.call(&methods::DESCRIBE_COLLECTION, &request, b"")
                .await,
            is_missing_collection,
        )
    }

    /// Milvus' words where the database of the transport does not exist; None where it does, or
    /// where it is unknown.
    pub async fn missing_database(&self) -> Option<String> {
        let reply: Result<ShowCollectionsResponse, _> = self
            .call(
                &methods::SHOW_COLLECTIONS,
                &ShowCollectionsRequest::default(),
                b"",
            )
            .await;
        reply
            .err()
            .filter(|error| is_missing_database(&error.failure))
            .map(|error| error.failure.to_string())
    }

    /// Whether `collection` is loaded; [`LoadState::NotExist`] if there is no such collection.
    ///
    /// # Errors
    /// The call failed, or the state is none that is known.
    pub async fn load_state(&self, collection: &str) -> Result<LoadState, SetupError> {
        let request = GetLoadStateRequest {
            collection_name: collection.into(),
            ..Default::default()
        };
        let reply = none_if(
            self.call(&methods::GET_LOAD_STATE, &request, b"").await,
            is_missing_collection,
        )?;
        // 2.3 says so in the state, others by a failure; both are state 0.
        let reply: GetLoadStateResponse = reply.unwrap_or_default();
        LoadState::try_from(reply.state).map_err(|_| {
            bad_reply(
                &methods::GET_LOAD_STATE,
                &format!("unknown load state {}", reply.state),
            )
        })
    }

    /// The indexes of `collection`; none at all is an empty list.
    ///
    /// # Errors
    /// The call failed, e.g. because there is no such collection.
    pub async fn describe_index(
        &self,
        collection: &str,
    ) -> Result<Vec<IndexDescription>, SetupError> {
        let request = DescribeIndexRequest {
            collection_name: collection.into(),
            ..Default::default()
        };
        let reply: Option<DescribeIndexResponse> = none_if(
            self.call(&methods::DESCRIBE_INDEX, &request, b"").await,
            is_missing_index,
        )?;
        Ok(reply
            .map(|reply| reply.index_descriptions)
            .unwrap_or_default())
    }

    /// The segments of `collection` that query nodes have loaded.
    ///
    /// # Errors
    /// The call failed, e.g. because the collection is not loaded.
    pub async fn query_segments(
        &self,
        collection: &str,
    ) -> Result<Vec<QuerySegmentInfo>, SetupError> {
        let request = GetQuerySegmentInfoRequest {
            collection_name: collection.into(),
            ..Default::default()
        };
        let reply: GetQuerySegmentInfoResponse = self
            .call(&methods::GET_QUERY_SEGMENT_INFO, &request, b"")
            .await?;
        Ok(reply.infos)
    }

    /// Rows of `collection` that a strongly consistent read sees, deleted ones not among them. It
    /// must be loaded.
    ///
    /// # Errors
    /// The call failed, or the reply holds no count.
    pub async fn count_rows(&self, collection: &str) -> Result<u64, SetupError> {
        self.count(collection, ConsistencyLevel::Strong).await
    }

    /// Rows of `collection` that a read sees which waits for nothing, so that it disturbs nothing:
    /// writes of the last moments may be missing. The collection must be loaded.
    ///
    /// # Errors
    /// The call failed, or the reply holds no count.
    pub async fn count_visible_rows(&self, collection: &str) -> Result<u64, SetupError> {
        self.count(collection, ConsistencyLevel::Eventually).await
    }

    async fn count(&self, collection: &str, level: ConsistencyLevel) -> Result<u64, SetupError> {
        let request = QueryRequest {
            collection_name: collection.into(),
            output_fields: vec!["count(*)".into()],
            consistency_level: level.into(),
            // What pymilvus sends beside the level: 1 waits for nothing.
            guarantee_timestamp: u64::from(level == ConsistencyLevel::Eventually),
            ..Default::default()
        };
        let reply: QueryResults = self.call(&methods::QUERY, &request, b"").await?;
        let count = reply
            .fields_data
            .first()
            .and_then(first_number)
            .and_then(|count| u64::try_from(count).ok());
        count.ok_or_else(|| bad_reply(&methods::QUERY, "no count(*) in the reply"))
    }

    /// Flushed rows of `collection` as its statistics say, deletions not subtracted.
    ///
    /// # Errors
    /// The call failed, or the reply holds no count.
    pub async fn row_count(&self, collection: &str) -> Result<u64, SetupError> {
        let request = GetCollectionStatisticsRequest {
            collection_name: collection.into(),
            ..Default::default()
        };
        let reply: GetCollectionStatisticsResponse = self
            .call(&methods::GET_COLLECTION_STATISTICS, &request, b"")
            .await?;
        let count = reply
            .stats
            .iter()
            .find(|pair| pair.key == "row_count")
            .and_then(|pair| pair.value.parse().ok());
        count.ok_or_else(|| {
            bad_reply(
                &methods::GET_COLLECTION_STATISTICS,
                "no row_count in the reply",
            )
        })
    }
}

/// 2.3 and later say 100; 2.2 says 4, or 1 (unexpected error) with a text.
fn is_missing_collection(failure: &CallFailure) -> bool {
    match failure.error {
        CallError::Milvus(100 | -4) => true,
        CallError::Milvus(-1) => {
            failure.text.contains("not found") || failure.text.contains("can't find collection")
        }
        _ => false,
    }
}

/// 2.3 and later say 800.
fn is_missing_database(failure: &CallFailure) -> bool {
    failure.error == CallError::Milvus(800)
}

/// 2.3 and later say 700, 2.2 says 25.
fn is_missing_index(failure: &CallFailure) -> bool {
    matches!(failure.error, CallError::Milvus(700 | -25))
}

fn first_number(field: &FieldData) -> Option<i64> {
    let Some(Field::Scalars(scalars)) = &field.field else {
        return None;
    };
    match &scalars.data {
        Some(Data::LongData(numbers)) => numbers.data.first().copied(),
        _ => None,
    }
}

fn bad_reply(method: &'static Method, text: &str) -> SetupError {
    SetupError {
        method: method.name,
        failure: CallFailure::new(CallError::BadReply, text),
    }
}
