//! The traced request: a search where a loaded collection is found, else a listing. Both only read.

use prost::Message;
use tokio::time::Instant;

use super::{
    DoctorCollection, DoctorOptions, Ids,
    milvus_link::Server,
    otlp_link::{export, now_ns},
};
use crate::{
    milvus::{
        Client, HasStatus, Method, SetupError, methods, placeholder_group,
        proto::{
            ConsistencyLevel, DslType, KeyValuePair, LoadState, SearchRequest, SearchResults,
            ShowCollectionsRequest, ShowCollectionsResponse,
        },
    },
    telemetry::{ClientSpan, ExportOptions, RequestIds, SpanTemplate, TraceParent},
    vector_type::VectorType,
};

/// Loaded collections that are looked at for one that can be searched.
const CANDIDATES: usize = 5;

/// Largest dimension that Milvus has; more is no answer of a Milvus.
const MAX_DIM: u32 = 32_768;

/// `type` of ShowCollections: the loaded ones.
const IN_MEMORY: i32 = 1;

/// The traced request, answered.
pub(super) struct Sent {
    /// What it was, in words.
    pub(super) what: String,
    /// Whether it was a search that found rows: then the engine has worked, and leaves a span.
    pub(super) engine_worked: bool,
    pub(super) ids: RequestIds,
    pub(super) answered: Instant,
}

/// Sends a request without the sampled flag and then one with it. `otlp`: where its client span
/// goes, if anywhere.
///
/// # Errors
/// Even the listing fails; the text says how.
pub(super) async fn send(
    server: &Server,
    options: &DoctorOptions,
    otlp: Option<&ExportOptions>,
    ids: &Ids,
) -> Result<Sent, String> {
    let client = &server.client;
    let target = match configured(client, options.collection.as_ref()).await {
        Some(collection) => Some(collection),
        None => any_loaded(client).await,
    };
    let searched = match target {
        Some(target) => search(client, &target, ids)
            .await
            .map_err(|error| error.to_string()),
        None => Err("no loaded collection was found to search in".to_owned()),
    };
    // A search that is refused is no reason to give up: every Milvus leaves spans of a listing too.
    let answered = match searched {
        Ok(answered) => answered,
        Err(why) => list(client, ids, &why)
            .await
            .map_err(|error| error.to_string())?,
    };
    let at = Instant::now();
    if let Some(otlp) = otlp {
        // Only for the eye in Jaeger's UI: that spans are taken was seen before.
        let _ = export(otlp, answered.span).await;
    }
    Ok(Sent {
        what: answered.what,
        engine_worked: answered.engine_worked,
        ids: ids.traced,
        answered: at,
    })
}

/// The collection of the scenario, if it is loaded.
async fn configured(
    client: &Client,
    collection: Option<&DoctorCollection>,
) -> Option<DoctorCollection> {
    let collection = collection?;
    let loaded = client
        .load_state(&collection.name)
        .await
        .is_ok_and(|state| state == LoadState::Loaded);
    loaded.then(|| collection.clone())
}

/// One of the loaded collections that has vectors.
async fn any_loaded(client: &Client) -> Option<DoctorCollection> {
    let request = ShowCollectionsRequest {
        r#type: IN_MEMORY,
        ..Default::default()
    };
    let reply: ShowCollectionsResponse = client
        .call(&methods::SHOW_COLLECTIONS, &request, b"")
        .await
        .ok()?;
    for name in reply.collection_names.into_iter().take(CANDIDATES) {
        if let Some(collection) = searchable(client, name).await {
            return Some(collection);
        }
    }
    None
}

async fn searchable(client: &Client, name: String) -> Option<DoctorCollection> {
    let schema = client.describe_collection(&name).await.ok()??.schema?;
    let (field, vector_type) = schema.fields.into_iter().find_map(|field| {
        let of = VectorType::all().find(|of| of.number() == field.data_type)?;
        Some((field, of))
    })?;
    let dim = match vector_type {
        VectorType::Sparse => 0,
        _ => value(&field.type_params, "dim")?
            .parse()
            .ok()
            .filter(|dim| (1..=MAX_DIM).contains(dim))?,
    };
    let indexes = client.describe_index(&name).await.unwrap_or_default();
    let index = indexes.iter().find(|index| index.field_name == field.name);
    let metric = index
        .and_then(|index| value(&index.params, "metric_type"))
        .unwrap_or_default()
        .to_owned();
    Some(DoctorCollection {
        name,
        vector_field: field.name,
        vector_type,
        dim,
        metric,
    })
}

fn value<'a>(pairs: &'a [KeyValuePair], key: &str) -> Option<&'a str> {
    pairs
        .iter()
        .find(|pair| pair.key == key)
        .map(|pair| pair.value.as_str())
}

/// A request that was answered twice.
struct Answered {
    what: String,
    engine_worked: bool,
    /// The client span of the sampled one.
    span: ClientSpan,
}

async fn search(
    client: &Client,
    target: &DoctorCollection,
    ids: &Ids,
) -> Result<Answered, SetupError> {
    let (reply, span) =
        both::<_, SearchResults>(client, &methods::SEARCH, &search_request(target), ids).await?;
    let hits: i64 = reply.results.map_or(0, |results| {
        results
            .topks
            .iter()
            .fold(0, |sum, count| count.saturating_add(sum))
    });
    Ok(Answered {
        what: format!("Search in {}", target.name),
        engine_worked: hits > 0,
        span,
    })
}

async fn list(client: &Client, ids: &Ids, why: &str) -> Result<Answered, SetupError> {
    let request = ShowCollectionsRequest::default();
    let (_, span) =
        both::<_, ShowCollectionsResponse>(client, &methods::SHOW_COLLECTIONS, &request, ids)
            .await?;
    Ok(Answered {
        what: format!("ShowCollections ({why})"),
        engine_worked: false,
        span,
    })
}

/// The same request twice: first unsampled, then sampled, so that the spans of the first can't come
/// after those of the second.
async fn both<Req, Res>(
    client: &Client,
    method: &'static Method,
    request: &Req,
    ids: &Ids,
) -> Result<(Res, ClientSpan), SetupError>
where
    Req: Message,
    Res: Message + Default + HasStatus,
{
    let _: Res = client
        .call(
            method,
            request,
            TraceParent::new(ids.untraced, false).as_bytes(),
        )
        .await?;
    let start_ns = now_ns();
    let reply = client
        .call(
            method,
            request,
            TraceParent::new(ids.traced, true).as_bytes(),
        )
        .await?;
    Ok((reply, client_span(method, ids.traced, start_ns)))
}

/// A vector that is not zero.
fn some_vector(vector_type: VectorType, dim: usize) -> Vec<u8> {
    let half = 0.5_f32.to_le_bytes();
    match vector_type {
        VectorType::Float => half.repeat(dim),
        // 0.5 in both.
        VectorType::Float16 => [0x00, 0x38].repeat(dim),
        VectorType::BFloat16 => [0x00, 0x3f].repeat(dim),
        VectorType::Int8 => vec![1; dim],
        VectorType::Binary => vec![0b0101_0101; dim / 8],
        VectorType::Sparse => [0_u32.to_le_bytes(), half].concat(),
    }
}

/// One neighbour of a vector that is not zero, which has no direction; nothing is waited for.
fn search_request(target: &DoctorCollection) -> SearchRequest {
    let vector = some_vector(target.vector_type, target.dim as usize);
    let mut search_params = vec![
        ("anns_field", target.vector_field.as_str()),
        ("topk", "1"),
        ("params", "{}"),
        ("round_decimal", "-1"),
    ];
    if !target.metric.is_empty() {
        search_params.push(("metric_type", &target.metric));
    }
    SearchRequest {
        collection_name: target.name.clone(),
        dsl_type: DslType::BoolExprV1 as i32,
        placeholder_group: placeholder_group(target.vector_type, &[&vector]),
        search_params: search_params
            .into_iter()
            .map(|(key, value)| KeyValuePair {
                key: key.into(),
                value: value.into(),
            })
            .collect(),
        // The pair that pymilvus sends for Eventually.
        guarantee_timestamp: 1,
        consistency_level: ConsistencyLevel::Eventually.into(),
        nq: 1,
        ..SearchRequest::default()
    }
}

fn client_span(method: &Method, ids: RequestIds, start_ns: u64) -> ClientSpan {
    ClientSpan {
        trace_id: ids.trace_id,
        span_id: ids.span_id,
        parent_id: None,
        start_ns,
        // The wall clock may have been set back meanwhile.
        end_ns: now_ns().max(start_ns),
        template: SpanTemplate::call(
            method.path.trim_start_matches('/'),
            &[("milvus_bench.doctor", "do server spans follow?".into())],
        ),
        seq: None,
        failure: None,
    }
}
