//! Our trimmed messages against those of the official SDK: same numbers, same types, same names.
//!
//! Each message of ours is filled from its fields' names, encoded, decoded by the SDK, compared
//! field by field, encoded by the SDK and decoded by us again. Many rounds: so that every variant
//! of a oneof is met, and two flags can't be swapped.

// Deprecated fields of the SDK travel as ever.
#![allow(deprecated)]

use std::{any::type_name, collections::HashMap, fmt::Debug};

use bytes::Bytes;
use milvus::proto as sdk;
use milvus_bench::milvus::proto as ours;

const ROUNDS: u64 = 64;

/// A value that follows from a seed, never a default but for flags.
trait Fill {
    fn fill(seed: u64) -> Self;
}

/// Equality of a value of ours with one of the SDK.
trait Same<Theirs> {
    fn same(&self, theirs: &Theirs) -> bool;
}

fn seed_of(seed: u64, name: &str) -> u64 {
    let hash = name
        .bytes()
        .fold(seed ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    (hash ^ (hash >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

macro_rules! values {
    ($($type:ty: $seed:ident => $fill:expr;)*) => {$(
        impl Fill for $type {
            fn fill($seed: u64) -> Self {
                $fill
            }
        }
        impl Same<$type> for $type {
            fn same(&self, theirs: &$type) -> bool {
                self == theirs
            }
        }
    )*};
}

values! {
    bool: seed => (seed >> 40) & 1 == 1;
    u8: seed => (seed >> 32) as u8 | 1;
    i32: seed => (seed >> 33) as i32 | 1;
    u32: seed => (seed >> 32) as u32 | 1;
    i64: seed => seed as i64 | 1;
    u64: seed => seed | 1;
    f32: seed => (seed >> 40) as f32 + 0.5;
    f64: seed => (seed >> 11) as f64 + 0.5;
    String: seed => format!("{seed:x}");
}

impl Fill for Bytes {
    fn fill(seed: u64) -> Self {
        Vec::fill(seed).into()
    }
}

// 2.6 made the field a oneof, the same on the wire.
impl Same<Option<sdk::milvus::search_request::SearchInput>> for Bytes {
    fn same(&self, theirs: &Option<sdk::milvus::search_request::SearchInput>) -> bool {
        use sdk::milvus::search_request::SearchInput;
        matches!(theirs, Some(SearchInput::PlaceholderGroup(bytes)) if bytes == self)
    }
}

impl<T: Fill> Fill for Option<T> {
    fn fill(seed: u64) -> Self {
        Some(T::fill(seed))
    }
}

impl<O: Same<T>, T> Same<Option<T>> for Option<O> {
    fn same(&self, theirs: &Option<T>) -> bool {
        matches!((self, theirs), (Some(ours), Some(theirs)) if ours.same(theirs))
    }
}

impl<T: Fill> Fill for Vec<T> {
    fn fill(seed: u64) -> Self {
        vec![T::fill(seed), T::fill(seed_of(seed, "second"))]
    }
}

impl<O: Same<T>, T> Same<Vec<T>> for Vec<O> {
    fn same(&self, theirs: &Vec<T>) -> bool {
        self.len() == theirs.len()
            && self
                .iter()
                .zip(theirs)
                .all(|(ours, theirs)| ours.same(theirs))
    }
}

impl<T: Fill> Fill for HashMap<String, T> {
    fn fill(seed: u64) -> Self {
        HashMap::from([(String::fill(seed), T::fill(seed))])
    }
}

impl<O: Same<T>, T> Same<HashMap<String, T>> for HashMap<String, O> {
    fn same(&self, theirs: &HashMap<String, T>) -> bool {
        self.len() == theirs.len()
            && self
                .iter()
                .all(|(key, ours)| theirs.get(key).is_some_and(|theirs| ours.same(theirs)))
    }
}

macro_rules! oneofs {
    ($($($part:ident)::+ = $module:ident::$($their_part:ident)::+ { $($variant:ident)* })*) => {$(
        impl Fill for ours::$($part)::+ {
            fn fill(seed: u64) -> Self {
                let variants: &[fn(u64) -> Self] = &[$(|seed| Self::$variant(Fill::fill(seed))),*];
                variants[(seed >> 40) as usize % variants.len()](seed)
            }
        }
        impl Same<sdk::$module::$($their_part)::+> for ours::$($part)::+ {
            fn same(&self, theirs: &sdk::$module::$($their_part)::+) -> bool {
                use sdk::$module::$($their_part)::+ as Theirs;
                match (self, theirs) {
                    $((Self::$variant(ours), Theirs::$variant(theirs)) => ours.same(theirs),)*
                    _ => false,
                }
            }
        }
    )*};
}

oneofs! {
    scalar_field::Data = schema::scalar_field::Data {
        BoolData IntData LongData FloatData DoubleData StringData BytesData ArrayData JsonData
    }
    value_field::Data = schema::value_field::Data {
        BoolData IntData LongData FloatData DoubleData StringData BytesData
    }
    vector_field::Data = schema::vector_field::Data {
        FloatVector BinaryVector Float16Vector Bfloat16Vector SparseFloatVector Int8Vector
    }
    field_data::Field = schema::field_data::Field { Scalars Vectors }
    ids::IdField = schema::i_ds::IdField { IntId StrId }
}

macro_rules! their {
    ($message:ident $field:ident) => {
        $message.$field
    };
    ($message:ident $field:ident $theirs:ident) => {
        $message.$theirs
    };
}

/// Name, fields, and in parentheses the SDK's name of the field before. A literal of ours without
/// `..` proves that no field is forgotten.
macro_rules! messages {
    ($(
        $name:ident = $module:ident::$theirs:ident {
            $($field:ident $(($their_field:ident))?)*
        }
    )*) => {
        $(
            impl Fill for ours::$name {
                fn fill(_seed: u64) -> Self {
                    Self { $($field: Fill::fill(seed_of(_seed, stringify!($field)))),* }
                }
            }
            impl Same<sdk::$module::$theirs> for ours::$name {
                fn same(&self, _theirs: &sdk::$module::$theirs) -> bool {
                    true $(&& self.$field.same(&their!(_theirs $field $($their_field)?)))*
                }
            }
        )*

        const NAMES: &[&str] = &[$(stringify!($name)),*];

        #[test]
        fn every_message_means_the_same_to_the_official_sdk() {
            for round in 0..ROUNDS {
                $(check::<ours::$name, sdk::$module::$theirs>(seed_of(round, stringify!($name)));)*
            }
        }
    };
}

fn check<Ours, Theirs>(seed: u64)
where
    Ours: Fill + Same<Theirs> + prost::Message + Default + PartialEq + Debug,
    Theirs: prost_sdk::Message + Default + Debug,
{
    let ours = Ours::fill(seed);
    let theirs = <Theirs as prost_sdk::Message>::decode(&ours.encode_to_vec()[..])
        .expect("the SDK decodes our message");
    assert!(
        ours.same(&theirs),
        "{}: {ours:?} became {theirs:?}",
        type_name::<Ours>()
    );
    let again = <Ours as prost::Message>::decode(&prost_sdk::Message::encode_to_vec(&theirs)[..])
        .expect("we decode the SDK's message");
    assert_eq!(again, ours);
}

messages! {
    KeyValuePair = common::KeyValuePair { key value }
    KeyDataPair = common::KeyDataPair { key data }
    Status = common::Status { error_code reason code retriable detail }
    PlaceholderValue = common::PlaceholderValue { tag r#type values }
    PlaceholderGroup = common::PlaceholderGroup { placeholders }
    ValueField = schema::ValueField { data }
    FieldSchema = schema::FieldSchema {
        field_id name is_primary_key description data_type type_params index_params auto_id
        element_type default_value is_dynamic is_partition_key is_clustering_key nullable
        is_function_output
    }
    CollectionSchema = schema::CollectionSchema {
        name description auto_id fields enable_dynamic_field properties
    }
    BoolArray = schema::BoolArray { data }
    IntArray = schema::IntArray { data }
    LongArray = schema::LongArray { data }
    FloatArray = schema::FloatArray { data }
    DoubleArray = schema::DoubleArray { data }
    StringArray = schema::StringArray { data }
    BytesArray = schema::BytesArray { data }
    JsonArray = schema::JsonArray { data }
    ArrayArray = schema::ArrayArray { data element_type }
    ScalarField = schema::ScalarField { data }
    SparseFloatArray = schema::SparseFloatArray { contents dim }
    VectorField = schema::VectorField { dim data }
    FieldData = schema::FieldData { r#type field_name field_id is_dynamic valid_data field }
    Ids = schema::IDs { id_field }
    SearchResultData = schema::SearchResultData {
        num_queries top_k fields_data scores ids topks output_fields
    }
    ClientInfo = common::ClientInfo { sdk_type sdk_version local_time user host reserved }
    ServerInfo = common::ServerInfo { build_tags build_time git_commit go_version deploy_mode }
    ConnectRequest = milvus::ConnectRequest { client_info }
    ConnectResponse = milvus::ConnectResponse { status server_info identifier }
    GetVersionRequest = milvus::GetVersionRequest {}
    GetVersionResponse = milvus::GetVersionResponse { status version }
    CheckHealthRequest = milvus::CheckHealthRequest {}
    CheckHealthResponse = milvus::CheckHealthResponse { status is_healthy reasons quota_states }
    AllocTimestampRequest = milvus::AllocTimestampRequest {}
    AllocTimestampResponse = milvus::AllocTimestampResponse { status timestamp }
    ListDatabasesRequest = milvus::ListDatabasesRequest {}
    ListDatabasesResponse = milvus::ListDatabasesResponse { status db_names }
    CreateCollectionRequest = milvus::CreateCollectionRequest {
        db_name collection_name schema shards_num consistency_level properties num_partitions
    }
    DropCollectionRequest = milvus::DropCollectionRequest { db_name collection_name }
    HasCollectionRequest = milvus::HasCollectionRequest { db_name collection_name }
    BoolResponse = milvus::BoolResponse { status value }
    DescribeCollectionRequest = milvus::DescribeCollectionRequest {
        db_name collection_name collection_id
    }
    DescribeCollectionResponse = milvus::DescribeCollectionResponse {
        status schema collection_id virtual_channel_names created_timestamp shards_num aliases
        consistency_level collection_name properties num_partitions
    }
    CreateAliasRequest = milvus::CreateAliasRequest { db_name collection_name alias }
    DropAliasRequest = milvus::DropAliasRequest { db_name alias }
    ShowCollectionsRequest = milvus::ShowCollectionsRequest { db_name r#type collection_names }
    ShowCollectionsResponse = milvus::ShowCollectionsResponse {
        status collection_names collection_ids
    }
    LoadCollectionRequest = milvus::LoadCollectionRequest {
        db_name collection_name replica_number resource_groups refresh
    }
    ReleaseCollectionRequest = milvus::ReleaseCollectionRequest { db_name collection_name }
    GetLoadingProgressRequest = milvus::GetLoadingProgressRequest {
        collection_name partition_names db_name
    }
    GetLoadingProgressResponse = milvus::GetLoadingProgressResponse {
        status progress refresh_progress
    }
    GetLoadStateRequest = milvus::GetLoadStateRequest { collection_name partition_names db_name }
    GetLoadStateResponse = milvus::GetLoadStateResponse { status state }
    CreateIndexRequest = milvus::CreateIndexRequest {
        db_name collection_name field_name extra_params index_name
    }
    DescribeIndexRequest = milvus::DescribeIndexRequest {
        db_name collection_name field_name index_name
    }
    IndexDescription = milvus::IndexDescription {
        index_name index_id params field_name indexed_rows total_rows state index_state_fail_reason
        pending_index_rows
    }
    DescribeIndexResponse = milvus::DescribeIndexResponse { status index_descriptions }
    DropIndexRequest = milvus::DropIndexRequest { db_name collection_name field_name index_name }
    InsertRequest = milvus::InsertRequest {
        db_name collection_name partition_name fields_data hash_keys num_rows
    }
    UpsertRequest = milvus::UpsertRequest {
        db_name collection_name partition_name fields_data hash_keys num_rows
    }
    DeleteRequest = milvus::DeleteRequest { db_name collection_name partition_name expr }
    MutationResult = milvus::MutationResult {
        status ids(i_ds) succ_index err_index acknowledged insert_cnt delete_cnt upsert_cnt
        timestamp
    }
    FlushRequest = milvus::FlushRequest { db_name collection_names }
    FlushResponse = milvus::FlushResponse {
        status db_name coll_seg_ids(coll_seg_i_ds) flush_coll_seg_ids(flush_coll_seg_i_ds)
        coll_seal_times coll_flush_ts
    }
    GetFlushStateRequest = milvus::GetFlushStateRequest {
        segment_ids(segment_i_ds) flush_ts db_name collection_name
    }
    GetFlushStateResponse = milvus::GetFlushStateResponse { status flushed }
    SearchRequest = milvus::SearchRequest {
        db_name collection_name partition_names dsl placeholder_group(search_input) dsl_type
        output_fields search_params travel_timestamp guarantee_timestamp nq not_return_all_meta
        consistency_level use_default_consistency
    }
    SearchResults = milvus::SearchResults { status results collection_name }
    QueryRequest = milvus::QueryRequest {
        db_name collection_name expr output_fields partition_names travel_timestamp
        guarantee_timestamp query_params not_return_all_meta consistency_level
        use_default_consistency
    }
    QueryResults = milvus::QueryResults { status fields_data collection_name output_fields }
    GetCollectionStatisticsRequest = milvus::GetCollectionStatisticsRequest {
        db_name collection_name
    }
    GetCollectionStatisticsResponse = milvus::GetCollectionStatisticsResponse { status stats }
    ManualCompactionRequest = milvus::ManualCompactionRequest {
        collection_id collection_name db_name
    }
    ManualCompactionResponse = milvus::ManualCompactionResponse {
        status compaction_id compaction_plan_count
    }
    GetCompactionStateRequest = milvus::GetCompactionStateRequest { compaction_id }
    GetCompactionStateResponse = milvus::GetCompactionStateResponse {
        status state executing_plan_no completed_plan_no
    }
    GetQuerySegmentInfoRequest = milvus::GetQuerySegmentInfoRequest { db_name collection_name }
    QuerySegmentInfo = milvus::QuerySegmentInfo {
        segment_id collection_id partition_id mem_size num_rows index_name index_id state node_ids
    }
    GetQuerySegmentInfoResponse = milvus::GetQuerySegmentInfoResponse { status infos }
    GetPersistentSegmentInfoRequest = milvus::GetPersistentSegmentInfoRequest {
        db_name collection_name
    }
    PersistentSegmentInfo = milvus::PersistentSegmentInfo {
        segment_id collection_id partition_id num_rows state
    }
    GetPersistentSegmentInfoResponse = milvus::GetPersistentSegmentInfoResponse { status infos }
}

#[test]
fn no_message_of_the_proto_is_left_out() {
    let proto = include_str!("../../proto/milvus.proto");
    let names: Vec<&str> = proto
        .lines()
        .filter_map(|line| line.strip_prefix("message ")?.split([' ', '{']).next())
        .collect();
    assert!(names.len() > 70);
    assert_eq!(names, NAMES);
}

/// Values of the two enums, each pair of one meaning.
macro_rules! same_values {
    ($($name:ident = $module:ident { $($variant:ident $(($theirs:ident))?)* })*) => {$($(
        assert_eq!(
            ours::$name::$variant as i32,
            their_variant!($module $name $variant $($theirs)?) as i32,
            stringify!($name::$variant)
        );
    )*)*};
}

macro_rules! their_variant {
    ($module:ident $name:ident $variant:ident) => {
        sdk::$module::$name::$variant
    };
    ($module:ident $name:ident $variant:ident $theirs:ident) => {
        sdk::$module::$name::$theirs
    };
}

#[test]
fn enum_values_mean_the_same_to_the_official_sdk() {
    same_values! {
        ConsistencyLevel = common { Strong Session Bounded Eventually Customized }
        DslType = common { Dsl BoolExprV1 }
        IndexState = common { None Unissued InProgress Finished Failed Retry }
        LoadState = common { NotExist NotLoad Loading Loaded }
        SegmentState = common {
            None NotExistSegment(NotExist) Growing Sealed Flushed Flushing Dropped Importing
        }
        CompactionState = common { UndefinedState(UndefiedState) Executing Completed }
        PlaceholderType = common {
            PlaceholderNone(None) PlaceholderVarchar(VarChar) Binary(BinaryVector)
            Float(FloatVector) Float16(Float16Vector) Bfloat16(BFloat16Vector)
            SparseFloat(SparseFloatVector) Int8VectorPlaceholder(Int8Vector)
        }
        DataType = schema {
            None Bool Int8 Int16 Int32 Int64 FloatScalar(Float) Double String VarChar Array Json
            Geometry Timestamptz BinaryVector FloatVector Float16Vector
            Bfloat16Vector(BFloat16Vector) SparseFloatVector Int8Vector
        }
    }
}
