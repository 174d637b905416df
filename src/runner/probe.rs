//! A traced search through a small collection of its own: proves that Milvus, its engine and Jaeger
//! are one chain.

use std::time::Duration;

use prost::Message;
use tokio::time::Instant;

use crate::{
    milvus::{
        Client, ConnectOptions, Method, SetupError, Transport, methods, placeholder_group,
        proto::{
            self, ConsistencyLevel, DataType, DslType, FieldData, FieldSchema, KeyValuePair,
            LoadState,
        },
    },
    spans::{SourceOptions, SpanSource, find_source},
    telemetry::{IdStream, Nonce, TraceParent},
    vector_type::VectorType,
};

/// Name of the probe's collection; it is dropped at the end.
const COLLECTION: &str = "milvus_bench_probe";

/// Time between two looks.
const POLL: Duration = Duration::from_millis(500);

/// What is probed.
#[derive(Clone, Debug)]
pub(super) struct ProbeTarget {
    pub(super) milvus: String,
    pub(super) jaeger: String,
    pub(super) otlp: String,
    pub(super) deadline: Duration,
}

/// Whether anything accepts a connection at `uri`.
pub(super) async fn answers(uri: &str) -> bool {
    let Some(place) = place(uri) else {
        return false;
    };
    let connect = tokio::net::TcpStream::connect(place);
    tokio::time::timeout(Duration::from_secs(2), connect)
        .await
        .is_ok_and(|connected| connected.is_ok())
}

/// Whether two URIs name the same host and port; `localhost` is 127.0.0.1.
pub(super) fn is_same_place(one: &str, other: &str) -> bool {
    place(one).is_some() && place(one) == place(other)
}

fn place(uri: &str) -> Option<(String, u16)> {
    let uri = url::Url::parse(uri).ok()?;
    let host = match uri.host_str()? {
        "localhost" => "127.0.0.1",
        host => host,
    };
    Some((
        host.to_owned(),
        uri.port_or_known_default()
            .filter(|port| *port != 80)
            .unwrap_or(19530),
    ))
}

/// Creates the collection, searches it with the sampled flag until the engine's span came back,
/// drops it.
///
/// # Errors
/// A call failed, or no span of the engine came back in time: one sentence.
pub(super) async fn probe(target: &ProbeTarget) -> Result<(), String> {
    let transport = Transport::connect(&ConnectOptions::new(target.milvus.clone()))
        .await
        .map_err(|error| error.to_string())?;
    let client = Client::new(transport, Duration::from_secs(30));
    let entry = find_source("jaeger").ok_or("there is no source jaeger")?;
    let options = SourceOptions {
        endpoint: Some(target.jaeger.clone()),
        ..SourceOptions::default()
    };
    let source = entry
        .open(&options)
        .await
        .map_err(|error| error.to_string())?;
    let deadline = Instant::now() + target.deadline;
    set_up(&client, deadline)
        .await
        .map_err(|error| error.to_string())?;
    let found = search_until_traced(&client, source.as_ref(), deadline, &target.otlp).await;
    let dropped: Result<proto::Status, SetupError> = client
        .call(
            &methods::DROP_COLLECTION,
            &proto::DropCollectionRequest {
                collection_name: COLLECTION.to_owned(),
                ..Default::default()
            },
            b"",
        )
        .await;
    found.and(dropped.map(drop).map_err(|error| error.to_string()))
}

async fn set_up(client: &Client, deadline: Instant) -> Result<(), SetupError> {
    let name = || COLLECTION.to_owned();
    let drop = proto::DropCollectionRequest {
        collection_name: name(),
        ..Default::default()
    };
    let call = Caller { client };
    call.status(&methods::DROP_COLLECTION, &drop).await?;
    let key = FieldSchema {
        name: "id".into(),
        is_primary_key: true,
        data_type: DataType::Int64.into(),
        ..Default::default()
    };
    let dim = KeyValuePair {
        key: "dim".into(),
        value: "4".into(),
    };
    let vector = FieldSchema {
        name: "v".into(),
        data_type: DataType::FloatVector.into(),
        type_params: vec![dim],
        ..Default::default()
    };
    let schema = proto::CollectionSchema {
        name: name(),
        description: "probe of milvus-bench".into(),
        fields: vec![key, vector],
        ..Default::default()
    };
    let create = proto::CreateCollectionRequest {
        collection_name: name(),
        schema: schema.encode_to_vec(),
        shards_num: 1,
        consistency_level: ConsistencyLevel::Eventually.into(),
        ..Default::default()
    };
    call.status(&methods::CREATE_COLLECTION, &create).await?;
    let pair = |key: &str, value: &str| KeyValuePair {
        key: key.into(),
        value: value.into(),
    };
    let extra_params = vec![
        pair("index_type", "FLAT"),
        pair("metric_type", "L2"),
        pair("params", "{}"),
    ];
    let index = proto::CreateIndexRequest {
        collection_name: name(),
        field_name: "v".into(),
        extra_params,
        ..Default::default()
    };
    call.status(&methods::CREATE_INDEX, &index).await?;
    call.status(
        &methods::LOAD_COLLECTION,
        &proto::LoadCollectionRequest {
            collection_name: name(),
            replica_number: 1,
            ..Default::default()
        },
    )
    .await?;
    while client.load_state(COLLECTION).await? != LoadState::Loaded && Instant::now() < deadline {
        tokio::time::sleep(POLL).await;
    }
    let _: proto::MutationResult = client.call(&methods::INSERT, &rows(), b"").await?;
    Ok(())
}

struct Caller<'a> {
    client: &'a Client,
}

impl Caller<'_> {
    async fn status<Request: Message>(
        &self,
        method: &'static Method,
        request: &Request,
    ) -> Result<(), SetupError> {
        self.client
            .call::<Request, proto::Status>(method, request, b"")
            .await
            .map(drop)
    }
}

fn rows() -> proto::InsertRequest {
    use proto::{field_data::Field, scalar_field::Data, vector_field};
    let ids = proto::ScalarField {
        data: Some(Data::LongData(proto::LongArray {
            data: (0..8).collect(),
        })),
    };
    let floats = proto::FloatArray {
        data: (0..32_u8).map(f32::from).collect(),
    };
    let vectors = proto::VectorField {
        dim: 4,
        data: Some(vector_field::Data::FloatVector(floats)),
    };
    let field = |name: &str, kind: DataType, field| FieldData {
        r#type: kind.into(),
        field_name: name.into(),
        field: Some(field),
        ..Default::default()
    };
    proto::InsertRequest {
        collection_name: COLLECTION.into(),
        fields_data: vec![
            field("id", DataType::Int64, Field::Scalars(ids)),
            field("v", DataType::FloatVector, Field::Vectors(vectors)),
        ],
        num_rows: 8,
        ..Default::default()
    }
}

/// Searches, and looks for the engine's span of every search so far, until one came back: a single
/// search may be merged.
async fn search_until_traced(
    client: &Client,
    source: &dyn SpanSource,
    deadline: Instant,
    otlp: &str,
) -> Result<(), String> {
    let stream = IdStream::new(Nonce(rand::random()), 0, "probe", "search", "measured");
    let mut services = Vec::new();
    for seq in 0_u64.. {
        let ids = stream.ids(seq, 0);
        let context = TraceParent::new(ids, true);
        let searched: Result<proto::SearchResults, SetupError> = client
            .call(&methods::SEARCH, &search(), context.as_bytes())
            .await;
        let failed = searched.err().map(|error| error.to_string());
        tokio::time::sleep(POLL).await;
        for earlier in 0..=seq {
            let trace = source
                .trace(stream.ids(earlier, 0).trace_id)
                .await
                .map_err(|error| error.to_string())?;
            if trace.spans.iter().any(|span| span.service() == "segcore") {
                return Ok(());
            }
            services = trace
                .spans
                .iter()
                .map(|span| span.service().to_owned())
                .collect();
        }
        if Instant::now() >= deadline {
            let seen = if services.is_empty() {
                "no span at all".to_owned()
            } else {
                format!("spans of {} only", services.join(", "))
            };
            let search = failed
                .map(|error| format!("; the last search failed: {error}"))
                .unwrap_or_default();
            return Err(format!(
                "of {} traced searches {seen} came back from Jaeger, none of the engine{search}; \
                 Milvus should export to {otlp}",
                seq + 1
            ));
        }
    }
    Ok(())
}

fn search() -> proto::SearchRequest {
    let pair = |key: &str, value: &str| KeyValuePair {
        key: key.into(),
        value: value.into(),
    };
    proto::SearchRequest {
        collection_name: COLLECTION.into(),
        dsl_type: DslType::BoolExprV1.into(),
        placeholder_group: placeholder_group(VectorType::Float, &[&[0_u8; 16]]),
        search_params: vec![
            pair("anns_field", "v"),
            pair("topk", "1"),
            pair("params", "{}"),
            pair("metric_type", "L2"),
        ],
        nq: 1,
        consistency_level: ConsistencyLevel::Eventually.into(),
        guarantee_timestamp: 1,
        ..Default::default()
    }
}
