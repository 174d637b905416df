//! `operation = "query"`: rows by a filter, or by primary keys that differ from request to request.

use std::{collections::HashSet, sync::Arc};

use bytes::Bytes;
use prost::Message;

use super::{
    Build, CollectionShape, Consistency, Finished, Operation, OperationContext, OperationEntry,
    OperationError, OperationErrors, PrimaryKey, Replies, RequestKey, Returned, ReturnedIds,
    RowKeys, RowUse,
    consistency::ReadConsistency,
    draw,
    keys::{Keys, refuse},
    values::{Drawing, Places, followed},
};
use crate::{
    dataset::DatasetError,
    keys::{DefaultValue, Key, Kind},
    milvus::{
        Call, CallError, CallFailure, Method, check_status, methods,
        proto::{
            FieldData, KeyValuePair, QueryRequest, Status, field_data::Field, scalar_field::Data,
            vector_field,
        },
    },
};

/// Draws by a distribution for each id of a request, of which some may be the same.
const TRIES: u64 = 100;

/// Most rows of one reply.
const MAX_LIMIT: i64 = 16_384;

pub(super) const ENTRY: OperationEntry = OperationEntry {
    name: "query",
    called: "a query",
    summary: "fetches rows by a filter, or by random primary keys",
    keys: &[
        Key::new(
            "filter",
            Kind::TEXT,
            DefaultValue::None("none"),
            "boolean expression over scalar fields; needs limit when empty",
        )
        .excludes(&["ids"])
        .answers(&["expr"]),
        Key::new(
            "ids",
            Kind::integer(1, MAX_LIMIT),
            DefaultValue::None("none"),
            "number of different random primary keys per request, of rows that preparation \
             inserts and no workload deletes",
        )
        .excludes(&["filter", "limit"]),
        Key::new(
            "limit",
            Kind::integer(1, MAX_LIMIT),
            DefaultValue::None("none"),
            "maximum number of rows to return",
        ),
        Key::new(
            "output_fields",
            Kind::Texts,
            DefaultValue::Empty,
            "fields to return besides the id; [\"count(*)\"] counts rows",
        ),
        Key::new(
            "consistency",
            Kind::Choice(Consistency::names),
            DefaultValue::None("the collection's"),
            "consistency of the query; Session does not track the writes of this process, so it \
             waits for nothing",
        ),
        Key::new(
            "partitions",
            Kind::Texts,
            DefaultValue::None("all"),
            "partitions to search in",
        ),
    ],
    rows: RowUse::Reads,
    counts_rows: false,
    more_rows: None,
    has_recall: false,
    needs_loaded: true,
    never_in: &["log append"],
    build: Build::Requests(build),
};

#[derive(Debug)]
struct Query {
    /// The request, encoded; without an expression when there are `ids`.
    encoded: Bytes,
    /// Name of the primary key, where what was returned is kept.
    kept: Option<String>,
    ids: Option<RandomIds>,
    drawing: Option<Drawing>,
    full_rows: Option<u64>,
    /// Whether it asks for the number of rows, which is a row by itself.
    counts: bool,
}

#[derive(Debug)]
struct RandomIds {
    key: PrimaryKey,
    per_request: u64,
    row_keys: RowKeys,
}

/// The fields of `QueryResults` that are looked at: columns stay encoded until one is needed.
#[derive(Clone, PartialEq, Message)]
struct QueryReply {
    #[prost(message, optional, tag = "1")]
    status: Option<Status>,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    fields_data: Vec<Bytes>,
}

impl Operation for Query {
    fn method(&self) -> &'static Method {
        &methods::QUERY
    }

    fn replies(&self) -> Option<Replies> {
        Some(Replies {
            vectors: 1,
            full_rows: self.full_rows,
            never_empty: self.counts,
        })
    }

    fn prepare(&self, key: RequestKey) -> Result<Call, DatasetError> {
        let drawn = |ids: Option<&RandomIds>, texts| {
            let expr = ids.map(|ids| ids.expression(key, self.drawing.as_ref()));
            drawn_part(expr.unwrap_or_default(), texts)
        };
        // The rest of the message is encoded already; fields may come in any order.
        let body = match (&self.ids, &self.drawing) {
            (None, None) => self.encoded.clone(),
            (ids, Some(drawing)) => {
                let tail = |texts| drawn(ids.as_ref(), texts);
                Bytes::from(drawing.after(&self.encoded, key, tail))
            }
            (ids, None) => Bytes::from(followed(&self.encoded, &drawn(ids.as_ref(), Vec::new()))),
        };
        Ok(Call {
            method: &methods::QUERY,
            body,
        })
    }

    fn drawing(&self) -> Option<&Drawing> {
        self.drawing.as_ref()
    }

    fn returned(&self, body: Bytes) -> Option<Returned> {
        let name = self.kept.as_ref()?;
        let mut columns = QueryReply::decode(body)
            .ok()?
            .fields_data
            .into_iter()
            .filter_map(|field| FieldData::decode(field).ok());
        let column = columns.find(|column| column.field_name == *name)?;
        let Some(Field::Scalars(scalars)) = column.field else {
            return None;
        };
        let ids = match scalars.data? {
            Data::LongData(values) => ReturnedIds::Numbers(values.data),
            Data::StringData(values) => ReturnedIds::Texts(values.data),
            _ => return None,
        };
        Some(Returned {
            ids,
            ..Returned::default()
        })
    }

    fn finish(&self, _key: RequestKey, body: Bytes) -> Result<Finished, CallFailure> {
        let bad =
            |error: prost::DecodeError| CallFailure::new(CallError::BadReply, &error.to_string());
        let reply = QueryReply::decode(body).map_err(bad)?;
        check_status(reply.status.as_ref())?;
        let mut rows = 0;
        for field in reply.fields_data {
            if let Some(found) = column_rows(&FieldData::decode(field).map_err(bad)?) {
                rows = found;
                break;
            }
        }
        Ok(Finished {
            rows: u32::try_from(rows).unwrap_or(u32::MAX),
            recall: f32::NAN,
        })
    }
}

impl RandomIds {
    /// `id in [..]` with different ids, drawn from the request, by a distribution where one is
    /// given.
    fn expression(&self, key: RequestKey, drawing: Option<&Drawing>) -> String {
        let mut chosen = HashSet::with_capacity(self.per_request as usize);
        let mut text = format!("{} in [", self.key.name);
        let mut number = 0;
        for draw in 0_u64.. {
            if chosen.len() as u64 == self.per_request {
                break;
            }
            let staying = self.row_keys.staying();
            let drawn = || drawing?.row(key, draw, self.per_request);
            number = match drawn() {
                // The rest of a distribution that hardly gives other values follows in order.
                Some(_) if draw >= TRIES * self.per_request => (number + 1) % staying,
                Some(number) => number,
                None => draw::below(draw::mix(key.hash ^ draw::mix(draw)), staying),
            };
            let id = self.row_keys.there(number);
            if chosen.insert(id) {
                if chosen.len() > 1 {
                    text.push(',');
                }
                self.key.write(id, &mut text);
            }
        }
        text.push(']');
        text
    }
}

/// Rows of a column; None for one whose form says nothing.
fn column_rows(field: &FieldData) -> Option<usize> {
    if !field.valid_data.is_empty() {
        return Some(field.valid_data.len());
    }
    match field.field.as_ref()? {
        Field::Scalars(scalars) => match scalars.data.as_ref()? {
            Data::BoolData(values) => Some(values.data.len()),
            Data::IntData(values) => Some(values.data.len()),
            Data::LongData(values) => Some(values.data.len()),
            Data::FloatData(values) => Some(values.data.len()),
            Data::DoubleData(values) => Some(values.data.len()),
            Data::StringData(values) => Some(values.data.len()),
            Data::BytesData(values) => Some(values.data.len()),
            Data::ArrayData(values) => Some(values.data.len()),
            Data::JsonData(values) => Some(values.data.len()),
        },
        Field::Vectors(vectors) => {
            let dim = usize::try_from(vectors.dim).ok()?;
            let (found, each) = match vectors.data.as_ref()? {
                vector_field::Data::FloatVector(values) => (values.data.len(), dim),
                vector_field::Data::BinaryVector(bytes) => (bytes.len(), dim / 8),
                vector_field::Data::Float16Vector(bytes)
                | vector_field::Data::Bfloat16Vector(bytes) => (bytes.len(), 2 * dim),
                vector_field::Data::Int8Vector(bytes) => (bytes.len(), dim),
                vector_field::Data::SparseFloatVector(rows) => (rows.contents.len(), 1),
            };
            found.checked_div(each)
        }
    }
}

fn build(context: OperationContext) -> Result<Arc<dyn Operation>, OperationErrors> {
    let OperationContext {
        collection: shape,
        row_keys,
        keep_ids,
        values,
        keys,
        ..
    } = context;
    let mut keys = Keys::new(keys, ENTRY.keys)?;
    let filter = keys.text("filter")?;
    let per_request = keys.written_number("ids")?;
    let limit = keys.written_number("limit")?;
    let output_fields = keys.texts("output_fields")?;
    let consistency = keys
        .text("consistency")?
        .as_deref()
        .map(Consistency::named)
        .transpose()?;
    let partitions = keys.texts("partitions")?;
    let counts = output_fields.iter().any(|field| field == "count(*)");
    let mut places = Places::of(values);
    let ids = match per_request {
        Some(_) if filter.is_some() => {
            return Ok(refuse("ids", "excludes filter: give only one of them")?);
        }
        Some(_) if limit.is_some() => {
            return Ok(refuse(
                "limit",
                "excludes ids, which sets the number of rows: omit limit",
            )?);
        }
        Some(wanted) => {
            places.ids(&shape.key.name, row_keys.staying())?;
            Some(random_ids(&shape.key, wanted.unsigned_abs(), row_keys)?)
        }
        None => None,
    };
    let unbounded =
        filter.as_deref().unwrap_or_default().trim().is_empty() && limit.is_none() && ids.is_none();
    if unbounded && !counts {
        return Ok(refuse(
            "",
            "asks for all rows: give it a filter, ids or limit",
        )?);
    }
    if counts && limit.is_some() {
        return Ok(refuse(
            "limit",
            "excludes output_fields = [\"count(*)\"]: omit it",
        )?);
    }
    let request = query_request(
        &shape,
        consistency,
        QueryParts {
            filter: places.expression("filter", filter.unwrap_or_default())?,
            limit,
            output_fields,
            partitions: places.names("partitions", partitions)?,
        },
    );
    let encoded = Bytes::from(request.encode_to_vec());
    let full_rows = per_request.or(limit).map(i64::unsigned_abs);
    Ok(Arc::new(Query {
        encoded,
        kept: keep_ids.then(|| shape.key.name.clone()),
        ids,
        drawing: places.drawing(),
        full_rows,
        counts,
    }))
}

/// Ids of rows that are there whatever the other workloads do.
fn random_ids(
    key: &PrimaryKey,
    per_request: u64,
    row_keys: RowKeys,
) -> Result<RandomIds, OperationError> {
    if let Some(why) = row_keys.unknown() {
        return refuse(
            "ids",
            format!("draws from existing rows, but {why}: use filter and limit"),
        );
    }
    let staying = row_keys.staying();
    if per_request > staying {
        let of = if staying == row_keys.rows() {
            "that preparation inserts"
        } else {
            "of the preparation that no workload deletes"
        };
        return refuse(
            "ids",
            format!("is {per_request}, expected at most the {staying} rows {of}"),
        );
    }
    Ok(RandomIds {
        key: key.clone(),
        per_request,
        row_keys,
    })
}

/// What of a request differs from the others.
fn drawn_part(expr: String, texts: Vec<(&str, String)>) -> QueryRequest {
    let mut request = QueryRequest {
        expr,
        ..QueryRequest::default()
    };
    for (key, text) in texts {
        match key {
            "filter" => request.expr = text,
            _ => request.partition_names.push(text),
        }
    }
    request
}

struct QueryParts {
    filter: String,
    limit: Option<i64>,
    output_fields: Vec<String>,
    partitions: Vec<String>,
}

fn query_request(
    shape: &CollectionShape,
    consistency: Option<Consistency>,
    parts: QueryParts,
) -> QueryRequest {
    let read = ReadConsistency::new(consistency);
    QueryRequest {
        db_name: shape.database.clone(),
        collection_name: shape.name.clone(),
        expr: parts.filter,
        output_fields: parts.output_fields,
        partition_names: parts.partitions,
        guarantee_timestamp: read.guarantee_timestamp,
        query_params: parts
            .limit
            .map(|limit| KeyValuePair {
                key: "limit".into(),
                value: limit.to_string(),
            })
            .into_iter()
            .collect(),
        consistency_level: read.level,
        use_default_consistency: read.use_default,
        ..QueryRequest::default()
    }
}

#[cfg(test)]
mod tests;
