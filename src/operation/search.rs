//! `operation = "search"`: nearest neighbours of query vectors.
//!
//! Everything but the vectors is encoded once, when the operation is built; a request is a copy of
//! that with its vectors put in place.

mod reply;
mod template;

use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use toml::{Table, Value};

use self::{
    reply::{ReturnedReply, SearchReply, per_query, scores},
    template::Template,
};
use super::{
    Build, CollectionShape, Consistency, Finished, Operation, OperationContext, OperationEntry,
    OperationError, OperationErrors, PrimaryKey, Replies, RequestKey, Returned, ReturnedIds,
    RowUse, VectorField,
    consistency::ReadConsistency,
    index::check_search_params,
    keys::{Keys, refuse},
    recall::{Answer, Recall},
    values::{Drawing, Places},
};
use crate::{
    dataset::{Dataset, DatasetError},
    keys::{DefaultValue, Key, Kind, all},
    milvus::{
        Call, CallError, CallFailure, Method, check_status, methods,
        proto::{DslType, KeyValuePair, SearchRequest, ids::IdField},
    },
    vector_type::VectorType,
};

/// Most results of one query vector: above 16,384 Milvus needs a property of the collection.
const MAX_LIMIT: i64 = 1_000_000;
/// Most query vectors of one request.
const MAX_QUERIES: i64 = 16_384;
/// Largest message that Milvus' proxy receives.
const MAX_BODY: usize = 64 << 20;

const EF: &str = "`params = { ef = ... }`";

pub(super) const ENTRY: OperationEntry = OperationEntry {
    name: "search",
    called: "a search",
    summary: "searches for the nearest neighbours of query vectors of the data set",
    keys: &[
        Key::new(
            "limit",
            Kind::integer(1, MAX_LIMIT),
            DefaultValue::Integer(10),
            "neighbours to return per query vector; above 16,384 the collection needs the property \
             query_mode = \"large_topk\"",
        )
        .answers(&["top_k", "topk", "k"]),
        Key::new(
            "nq",
            Kind::integer(1, MAX_QUERIES),
            DefaultValue::Integer(1),
            "query vectors of one request",
        ),
        Key::new(
            "params",
            Kind::Params,
            DefaultValue::Empty,
            "search parameters of the index",
        )
        .example("{ ef = 64 } or { nprobe = 8 }")
        .answers(&["search_params", "param"])
        .foreign(&[
            ("ef", EF),
            ("ef_search", EF),
            ("nprobe", "`params = { nprobe = ... }`"),
        ]),
        Key::new(
            "filter",
            Kind::TEXT,
            DefaultValue::None("none"),
            "boolean expression over scalar fields, e.g. \"rank < 5000\"",
        )
        .answers(&["expr"]),
        Key::new(
            "output_fields",
            Kind::Texts,
            DefaultValue::Empty,
            "fields to return besides id and score",
        ),
        Key::new(
            "consistency",
            Kind::Choice(Consistency::names),
            DefaultValue::None("the collection's"),
            "consistency of the search; Session does not track the writes of this process, so it \
             waits for nothing",
        ),
        Key::new(
            "round_decimal",
            Kind::integer(-1, 6),
            DefaultValue::Integer(-1),
            "decimals of scores; -1: not rounded",
        ),
        Key::new(
            "ignore_growing",
            Kind::Flag,
            DefaultValue::Flag(false),
            "ignores rows in growing segments",
        ),
        Key::new(
            "group_by_field",
            Kind::TEXT,
            DefaultValue::None("none"),
            "returns the best row for each value of this field",
        )
        .answers(&["group_by"]),
        Key::new(
            "partitions",
            Kind::Texts,
            DefaultValue::None("all"),
            "partitions to search in",
        )
        .answers(&["partition_names", "partition_name"]),
        Key::new(
            "vector_field",
            Kind::TEXT,
            DefaultValue::None("the collection's vector_field"),
            "vector field to search, by the queries of its own data set",
        )
        .answers(&["anns_field"]),
    ],
    rows: RowUse::Reads,
    counts_rows: false,
    more_rows: None,
    has_recall: true,
    needs_loaded: true,
    never_in: &["log append"],
    build: Build::Requests(build),
};

/// The keys of the workload, checked.
#[derive(Debug)]
struct SearchKeys {
    limit: i64,
    nq: usize,
    params: Table,
    filter: String,
    output_fields: Vec<String>,
    consistency: Option<Consistency>,
    round_decimal: i64,
    ignore_growing: bool,
    group_by_field: Option<String>,
    partitions: Vec<String>,
    vector_field: Option<String>,
}

#[derive(Debug)]
struct Search {
    dataset: Arc<dyn Dataset>,
    template: Template,
    drawing: Option<Drawing>,
    limit: u64,
    /// Or why there is none.
    recall: Result<Recall, String>,
    key: PrimaryKey,
    keep_ids: bool,
    /// Whether the collection may hold other rows than the data set.
    reused: bool,
    /// Whether scores are not rounded.
    exact_scores: bool,
}

impl Operation for Search {
    fn method(&self) -> &'static Method {
        &methods::SEARCH
    }

    fn replies(&self) -> Option<Replies> {
        let vectors = self.template.nq() as u64;
        Some(Replies {
            vectors,
            full_rows: Some(vectors * self.limit),
            never_empty: false,
        })
    }

    fn prepare(&self, key: RequestKey) -> Result<Call, DatasetError> {
        let queries = self.queries(key).map(|index| self.dataset.query(index));
        let drawn = self.drawing.as_ref();
        let drawn = drawn.map(|drawing| drawn_part(drawing.texts(key)));
        Ok(Call {
            method: &methods::SEARCH,
            body: self.template.request(queries, drawn.as_ref()),
        })
    }

    fn drawing(&self) -> Option<&Drawing> {
        self.drawing.as_ref()
    }

    fn no_recall(&self) -> Option<&str> {
        self.recall.as_ref().err().map(String::as_str)
    }

    fn query_numbers(&self, key: RequestKey) -> Vec<u64> {
        self.queries(key).collect()
    }

    fn finish(&self, key: RequestKey, body: Bytes) -> Result<Finished, CallFailure> {
        let reply = SearchReply::decode(body.clone())
            .map_err(|error| CallFailure::new(CallError::BadReply, &error.to_string()))?;
        check_status(reply.status.as_ref())?;
        let hits = reply.results.unwrap_or_default();
        let ids = match hits.ids.and_then(|ids| ids.id_field) {
            Some(ids) => {
                let rows = saturated(count_of(&ids));
                match self.key.rows_of(ids) {
                    Some(ids) => ids,
                    // Keys of another type than the scenario says.
                    None => {
                        return Ok(Finished {
                            rows,
                            recall: f32::NAN,
                        });
                    }
                }
            }
            None => Vec::new(),
        };
        let recall = match &self.recall {
            Err(_) => f32::NAN,
            Ok(recall) => {
                let answers = per_query(&ids, &hits.topks, self.template.nq())?;
                let scores = if self.scores_matter() {
                    scores(body, ids.len())
                } else {
                    Vec::new()
                };
                let mut begin = 0;
                let answers = self.queries(key).zip(answers).map(|(query, ids)| {
                    let scores = scores.get(begin..begin + ids.len()).unwrap_or_default();
                    begin += ids.len();
                    Answer { query, ids, scores }
                });
                recall.of_request(&*self.dataset, answers)
            }
        };
        Ok(Finished {
            rows: saturated(ids.len()),
            recall,
        })
    }

    fn returned(&self, body: Bytes) -> Option<Returned> {
        if !self.keep_ids {
            return None;
        }
        let hits = ReturnedReply::decode(body)
            .ok()?
            .results
            .unwrap_or_default();
        let ids = match hits.ids.and_then(|ids| ids.id_field) {
            Some(IdField::IntId(ids)) => ReturnedIds::Numbers(ids.data),
            Some(IdField::StrId(ids)) => ReturnedIds::Texts(ids.data),
            None => ReturnedIds::default(),
        };
        let several = self.template.nq() > 1;
        let counts = hits
            .topks
            .iter()
            .filter(|_| several)
            .map(|count| u32::try_from(*count).unwrap_or_default());
        Some(Returned {
            ids,
            scores: hits.scores,
            per_query: counts.collect(),
        })
    }
}

impl Search {
    /// Whether the truth is one of rows that the data set does not have, so that only scores tell
    /// whether a row is nearer.
    fn scores_matter(&self) -> bool {
        self.exact_scores && (self.dataset.rows() == 0 || self.reused)
    }

    /// The query vectors of a request: each once, pass after pass.
    fn queries(&self, key: RequestKey) -> impl Iterator<Item = u64> + Clone {
        key.queries
            .queries(key.seq, self.template.nq() as u64, self.dataset.queries())
    }
}

fn count_of(ids: &IdField) -> usize {
    match ids {
        IdField::IntId(ids) => ids.data.len(),
        IdField::StrId(ids) => ids.data.len(),
    }
}

fn saturated(rows: usize) -> u32 {
    u32::try_from(rows).unwrap_or(u32::MAX)
}

fn build(context: OperationContext) -> Result<Arc<dyn Operation>, OperationErrors> {
    let shape = &*context.collection;
    let mut keys = read_keys(Keys::new(context.keys, ENTRY.keys)?)?;
    let not_all_rows = not_all_rows(&keys);
    let mut places = Places::of(context.values);
    keys.filter = places.expression("filter", keys.filter)?;
    keys.partitions = places.names("partitions", keys.partitions)?;
    let vector = searched(shape, keys.vector_field.as_deref())?;
    let ((), dataset, template) = all((
        check_search_params(&vector.index, &keys.params, keys.limit),
        queries_of(vector).map_err(OperationErrors::from),
        template(shape, vector, &keys),
    ))?;
    let recall = match not_all_rows.or(context.truth_fails) {
        _ if dataset.truth().is_none() => Err("its data set has no `truth`".to_owned()),
        Some(why) => Err(why),
        None => Recall::new(&*dataset, &vector.metric, keys.limit as usize)?,
    };
    Ok(Arc::new(Search {
        dataset,
        template,
        drawing: places.drawing(),
        recall,
        key: shape.key.clone(),
        keep_ids: context.keep_ids,
        reused: context.reused,
        exact_scores: keys.round_decimal < 0,
        limit: keys.limit.unsigned_abs(),
    }))
}

/// The vector field of this name, the main one where none is given.
fn searched<'a>(
    shape: &'a CollectionShape,
    name: Option<&str>,
) -> Result<&'a VectorField, OperationError> {
    let Some(name) = name else {
        return Ok(&shape.vector);
    };
    match shape.vectors().find(|vector| vector.name == name) {
        Some(vector) => Ok(vector),
        None => {
            let names: Vec<&str> = shape.vectors().map(|vector| vector.name.as_str()).collect();
            refuse(
                "vector_field",
                format!(
                    "is {name:?}, which is not a vector field of collection {}; it has: {}",
                    shape.name,
                    names.join(", ")
                ),
            )
        }
    }
}

/// The data set, if it has query vectors that fit the field.
fn queries_of(vector: &VectorField) -> Result<Arc<dyn Dataset>, OperationError> {
    let data = vector.data.clone();
    let Some(dataset) = data.filter(|dataset| dataset.queries() > 0) else {
        return refuse(
            "",
            "has no query vectors: give its collection a data set with queries (`data`)",
        );
    };
    let is_dense = vector.vector_type != VectorType::Sparse;
    if is_dense && vector.dim != dataset.dim() {
        return refuse(
            "",
            format!(
                "has query vectors of dimension {}, its collection has {}: use another data set",
                dataset.dim(),
                vector.dim
            ),
        );
    }
    Ok(dataset)
}

fn template(
    shape: &CollectionShape,
    vector: &VectorField,
    keys: &SearchKeys,
) -> Result<Template, OperationErrors> {
    let request = search_request(shape, vector, keys).map_err(OperationErrors::from);
    let (request, ()) = all((
        request,
        check_nq(vector, keys.nq).map_err(OperationErrors::from),
    ))?;
    Ok(Template::new(request, vector, keys.nq))
}

/// Refuses requests that may be larger than Milvus takes.
fn check_nq(vector: &VectorField, nq: usize) -> Result<(), OperationError> {
    let longest = vector.vector_type.bytes(vector.dim).or_else(|| {
        let data = vector.data.as_deref()?;
        let lengths = (0..data.queries()).map(|index| data.query(index).len());
        lengths.max()
    });
    let largest = MAX_BODY / (longest.unwrap_or(0) + 10);
    if nq > largest {
        return refuse(
            "nq",
            format!(
                "is {nq}, whose request may exceed Milvus' limit of 64 MiB: expected 1 to \
                 {largest} here"
            ),
        );
    }
    Ok(())
}

/// Why not every row is a candidate, so that the truth of the data set is not that of the request.
fn not_all_rows(keys: &SearchKeys) -> Option<String> {
    let ranged = ["radius", "range_filter"]
        .into_iter()
        .find(|key| keys.params.contains_key(*key));
    let given = [
        ("`filter`", !keys.filter.is_empty()),
        ("`partitions`", !keys.partitions.is_empty()),
        ("`group_by_field`", keys.group_by_field.is_some()),
        ("`ignore_growing`", keys.ignore_growing),
    ];
    let key = given
        .into_iter()
        .find(|(_, given)| *given)
        .map(|(key, _)| key.to_owned());
    let key = key.or_else(|| ranged.map(|key| format!("`{key}` among its params")));
    key.map(|key| {
        format!("it has {key}, and the truth of its data set is that of a search among all rows")
    })
}

fn read_keys(mut keys: Keys) -> Result<SearchKeys, OperationError> {
    Ok(SearchKeys {
        limit: keys.number("limit")?,
        nq: keys.number("nq")? as usize,
        params: keys.table("params")?,
        filter: keys.text("filter")?.unwrap_or_default(),
        output_fields: keys.texts("output_fields")?,
        consistency: keys
            .text("consistency")?
            .as_deref()
            .map(Consistency::named)
            .transpose()?,
        round_decimal: keys.number("round_decimal")?,
        ignore_growing: keys.flag("ignore_growing")?,
        group_by_field: keys.text("group_by_field")?,
        partitions: keys.texts("partitions")?,
        vector_field: keys.text("vector_field")?,
    })
}

/// The request without its vectors.
fn search_request(
    shape: &CollectionShape,
    vector: &VectorField,
    keys: &SearchKeys,
) -> Result<SearchRequest, OperationError> {
    let read = ReadConsistency::new(keys.consistency);
    let mut search_params = vec![
        ("anns_field", vector.name.clone()),
        ("topk", keys.limit.to_string()),
        // Milvus 2.3 fails without this one, even where there is nothing to say.
        ("params", json_params(&keys.params)?),
        ("round_decimal", keys.round_decimal.to_string()),
    ];
    if !vector.metric.is_empty() {
        search_params.push(("metric_type", vector.metric.clone()));
    }
    if keys.ignore_growing {
        search_params.push(("ignore_growing", "true".into()));
    }
    if let Some(field) = &keys.group_by_field {
        search_params.push(("group_by_field", field.clone()));
    }
    Ok(SearchRequest {
        db_name: shape.database.clone(),
        collection_name: shape.name.clone(),
        partition_names: keys.partitions.clone(),
        dsl: keys.filter.clone(),
        dsl_type: DslType::BoolExprV1 as i32,
        output_fields: keys.output_fields.clone(),
        search_params: search_params
            .into_iter()
            .map(|(key, value)| KeyValuePair {
                key: key.into(),
                value,
            })
            .collect(),
        guarantee_timestamp: read.guarantee_timestamp,
        nq: keys.nq as i64,
        consistency_level: read.level,
        use_default_consistency: read.use_default,
        ..SearchRequest::default()
    })
}

/// What of a request is drawn.
fn drawn_part(texts: Vec<(&str, String)>) -> SearchRequest {
    let mut request = SearchRequest::default();
    for (key, text) in texts {
        match key {
            "filter" => request.dsl = text,
            _ => request.partition_names.push(text),
        }
    }
    request
}

/// The JSON text of `params`.
fn json_params(params: &Table) -> Result<String, OperationError> {
    let unfit = |value: &Value| match value {
        Value::Float(number) => !number.is_finite(),
        Value::String(_) | Value::Integer(_) | Value::Boolean(_) => false,
        _ => true,
    };
    if let Some((key, value)) = params.iter().find(|(_, value)| unfit(value)) {
        return refuse(
            &format!("params.{key}"),
            format!("is {value}, expected a number, a text, true or false"),
        );
    }
    serde_json::to_string(params)
        .or_else(|error| refuse("params", format!("can't be written as JSON: {error}")))
}

#[cfg(test)]
mod tests;
