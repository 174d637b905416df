//! A gRPC method, and one call of it with its encoded body.

use bytes::Bytes;

/// What a method does to the state of Milvus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Reads only.
    Reads,
    /// Writes or deletes rows of a collection.
    WritesRows,
    /// Creates, drops, loads, releases, indexes, flushes or compacts.
    ChangesState,
}

/// What this run may do to Milvus: `[milvus] access`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Only calls that read leave the client.
    Read,
    /// Reads and writes of rows.
    Write,
    /// Everything.
    All,
}

impl Access {
    /// Whether a call with `effect` may leave the client.
    #[must_use]
    pub fn allows(self, effect: Effect) -> bool {
        match self {
            Access::Read => effect == Effect::Reads,
            Access::Write => effect <= Effect::WritesRows,
            Access::All => true,
        }
    }
}

/// One method of `milvus.proto.milvus.MilvusService`.
#[derive(Debug, PartialEq, Eq)]
pub struct Method {
    /// Name as in the service, e.g. `Search`.
    pub name: &'static str,
    /// Path of HTTP/2, e.g. `/milvus.proto.milvus.MilvusService/Search`.
    pub path: &'static str,
    /// What it does to Milvus' state.
    pub effect: Effect,
}

/// A request that is ready to be sent: encoded before its time, shared by reference.
#[derive(Clone, Debug)]
pub struct Call {
    /// Which method.
    pub method: &'static Method,
    /// The protobuf message, without the five bytes of gRPC's framing.
    pub body: Bytes,
}

macro_rules! methods {
    ($($constant:ident $name:literal $effect:ident;)*) => {
        /// The methods that this crate calls.
        pub mod methods {
            use super::{Effect, Method};
            $(
                #[doc = concat!("`", $name, "`")]
                pub static $constant: Method = Method {
                    name: $name,
                    path: concat!("/milvus.proto.milvus.MilvusService/", $name),
                    effect: Effect::$effect,
                };
            )*
        }
        /// Every method of [`mod@methods`], for table tests and the fake Milvus.
        pub static METHODS: &[&Method] = &[$(&methods::$constant),*];
    };
}

methods! {
    CONNECT "Connect" Reads;
    GET_VERSION "GetVersion" Reads;
    CHECK_HEALTH "CheckHealth" Reads;
    ALLOC_TIMESTAMP "AllocTimestamp" Reads;
    LIST_DATABASES "ListDatabases" Reads;
    CREATE_COLLECTION "CreateCollection" ChangesState;
    DROP_COLLECTION "DropCollection" ChangesState;
    HAS_COLLECTION "HasCollection" Reads;
    DESCRIBE_COLLECTION "DescribeCollection" Reads;
    CREATE_ALIAS "CreateAlias" ChangesState;
    DROP_ALIAS "DropAlias" ChangesState;
    SHOW_COLLECTIONS "ShowCollections" Reads;
    LOAD_COLLECTION "LoadCollection" ChangesState;
    RELEASE_COLLECTION "ReleaseCollection" ChangesState;
    GET_LOADING_PROGRESS "GetLoadingProgress" Reads;
    GET_LOAD_STATE "GetLoadState" Reads;
    CREATE_INDEX "CreateIndex" ChangesState;
    DESCRIBE_INDEX "DescribeIndex" Reads;
    DROP_INDEX "DropIndex" ChangesState;
    INSERT "Insert" WritesRows;
    UPSERT "Upsert" WritesRows;
    DELETE "Delete" WritesRows;
    FLUSH "Flush" ChangesState;
    GET_FLUSH_STATE "GetFlushState" Reads;
    SEARCH "Search" Reads;
    QUERY "Query" Reads;
    GET_COLLECTION_STATISTICS "GetCollectionStatistics" Reads;
    MANUAL_COMPACTION "ManualCompaction" ChangesState;
    GET_COMPACTION_STATE "GetCompactionState" Reads;
    GET_QUERY_SEGMENT_INFO "GetQuerySegmentInfo" Reads;
    GET_PERSISTENT_SEGMENT_INFO "GetPersistentSegmentInfo" Reads;
}
