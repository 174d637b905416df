//! Rows and the calls that touch them: insert, delete, search, query.

use milvus_bench::milvus::proto;
use prost::Message;
use proto::DataType;
use proto::field_data::Field;
use proto::ids::IdField;
use proto::scalar_field::Data as Scalars;
use proto::vector_field::Data as Vectors;

use super::store::{Answer, Collection, Store, ok, refuse};

/// Keys of a collection, and its vectors if searches shall compare them.
pub(super) struct Rows {
    ints: Vec<i64>,
    texts: Vec<String>,
    has_text_keys: bool,
    /// One per row in an exact store, else empty.
    vectors: Vec<Vec<f32>>,
    exact: bool,
}

impl Rows {
    pub(super) fn new(schema: &proto::CollectionSchema, exact: bool) -> Self {
        let has_text_keys =
            primary(schema).is_some_and(|field| field.data_type == DataType::VarChar as i32);
        Self {
            ints: Vec::new(),
            texts: Vec::new(),
            has_text_keys,
            vectors: Vec::new(),
            exact,
        }
    }

    pub(super) fn len(&self) -> usize {
        if self.has_text_keys {
            self.texts.len()
        } else {
            self.ints.len()
        }
    }

    fn keys(&self, rows: &[usize]) -> IdField {
        if self.has_text_keys {
            IdField::StrId(proto::StringArray {
                data: rows.iter().map(|row| self.texts[*row].clone()).collect(),
            })
        } else {
            IdField::IntId(proto::LongArray {
                data: rows.iter().map(|row| self.ints[*row]).collect(),
            })
        }
    }

    /// Rows whose key stands in a list such as `id in [1, 2]` or `id in ["a"]`; None without a
    /// list.
    fn listed(&self, expression: &str) -> Option<Vec<usize>> {
        let list = expression.split_once('[')?.1.split_once(']')?.0;
        let listed: Vec<&str> = list
            .split(',')
            .map(|key| key.trim().trim_matches(['"', '\'']))
            .collect();
        let is_listed = |row: &usize| match self.texts.get(*row) {
            Some(key) => listed.contains(&key.as_str()),
            None => listed.contains(&self.ints[*row].to_string().as_str()),
        };
        Some((0..self.len()).filter(is_listed).collect())
    }

    fn remove(&mut self, rows: &[usize]) {
        for row in rows.iter().rev() {
            if self.has_text_keys {
                self.texts.remove(*row);
            } else {
                self.ints.remove(*row);
            }
            if *row < self.vectors.len() {
                self.vectors.remove(*row);
            }
        }
    }
}

fn primary(schema: &proto::CollectionSchema) -> Option<&proto::FieldSchema> {
    schema.fields.iter().find(|field| field.is_primary_key)
}

fn dimension(field: &proto::FieldSchema) -> usize {
    field
        .type_params
        .iter()
        .find(|pair| pair.key == "dim")
        .and_then(|pair| pair.value.parse().ok())
        .unwrap_or(0)
}

fn float_vector(schema: &proto::CollectionSchema) -> Option<&proto::FieldSchema> {
    schema
        .fields
        .iter()
        .find(|field| field.data_type == DataType::FloatVector as i32)
}

/// Rows in one column, by the dimension of its own; None for a column without data.
fn column_rows(column: &proto::FieldData) -> Option<usize> {
    match column.field.as_ref()? {
        Field::Scalars(scalars) => Some(match scalars.data.as_ref()? {
            Scalars::BoolData(values) => values.data.len(),
            Scalars::IntData(values) => values.data.len(),
            Scalars::LongData(values) => values.data.len(),
            Scalars::FloatData(values) => values.data.len(),
            Scalars::DoubleData(values) => values.data.len(),
            Scalars::StringData(values) => values.data.len(),
            Scalars::BytesData(values) => values.data.len(),
            Scalars::JsonData(values) => values.data.len(),
        }),
        Field::Vectors(vectors) => {
            let dim = usize::try_from(vectors.dim).ok().filter(|dim| *dim > 0);
            match vectors.data.as_ref()? {
                Vectors::FloatVector(values) => Some(values.data.len() / dim?),
                Vectors::BinaryVector(bytes) => Some(bytes.len() * 8 / dim?),
                Vectors::Float16Vector(bytes) | Vectors::Bfloat16Vector(bytes) => {
                    Some(bytes.len() / 2 / dim?)
                }
                Vectors::Int8Vector(bytes) => Some(bytes.len() / dim?),
                Vectors::SparseFloatVector(rows) => Some(rows.contents.len()),
            }
        }
    }
}

/// What Milvus checks before it takes rows.
fn check_insert(schema: &proto::CollectionSchema, request: &proto::InsertRequest) -> Answer<()> {
    for field in schema
        .fields
        .iter()
        .filter(|field| !field.auto_id && !field.is_function_output && !field.is_dynamic)
    {
        let Some(column) = request
            .fields_data
            .iter()
            .find(|column| column.field_name == field.name)
        else {
            return refuse(
                1100,
                5,
                format!(
                    "fieldSchema({}) has no corresponding fieldData pass in: invalid parameter",
                    field.name
                ),
            );
        };
        if column.r#type != field.data_type {
            return refuse(
                1100,
                5,
                format!(
                    "field {} has type {} instead of {}: invalid parameter",
                    field.name, column.r#type, field.data_type
                ),
            );
        }
        if let Some(Field::Vectors(vectors)) = &column.field {
            let wanted = dimension(field);
            if wanted > 0 && vectors.dim != wanted as i64 {
                return refuse(
                    1100,
                    5,
                    format!(
                        "the dim ({}) of field data is not equal to schema dim ({wanted}): \
                         invalid parameter",
                        vectors.dim
                    ),
                );
            }
        }
        let found = column_rows(column);
        if found != Some(request.num_rows as usize) {
            return refuse(
                1100,
                5,
                format!(
                    "the num_rows ({}) of field ({}) is not equal to {found:?}: invalid parameter",
                    request.num_rows, field.name
                ),
            );
        }
    }
    Ok(())
}

impl Store {
    pub(super) fn insert(&mut self, dbname: &str, request: proto::InsertRequest) -> Answer {
        let timestamp = self.timestamp();
        let first = self.new_id();
        let collection = self.collection(dbname, &request.db_name, &request.collection_name)?;
        check_insert(&collection.schema, &request)?;
        let (count, before) = (request.num_rows as usize, collection.rows.len());
        collection.take(request.fields_data, count, first);
        collection.grow(count as i64);
        let new: Vec<usize> = (before..collection.rows.len()).collect();
        let reply = proto::MutationResult {
            status: ok(),
            ids: Some(proto::Ids {
                id_field: Some(collection.rows.keys(&new)),
            }),
            succ_index: (0..request.num_rows).collect(),
            insert_cnt: count as i64,
            timestamp,
            ..Default::default()
        };
        // Generated keys use up a range of ids.
        self.skip_ids(count as i64);
        Ok(reply.encode_to_vec())
    }

    pub(super) fn delete(&mut self, dbname: &str, request: &proto::DeleteRequest) -> Answer {
        let timestamp = self.timestamp();
        let collection = self.loaded(dbname, &request.db_name, &request.collection_name)?;
        let Some(rows) = collection.rows.listed(&request.expr) else {
            return refuse(
                65535,
                1,
                format!(
                    "failed to create delete plan: cannot parse expression: {}",
                    request.expr
                ),
            );
        };
        let ids = proto::Ids {
            id_field: Some(collection.rows.keys(&rows)),
        };
        collection.rows.remove(&rows);
        let delete_cnt = rows.len() as i64;
        Ok(proto::MutationResult {
            status: ok(),
            ids: Some(ids),
            delete_cnt,
            timestamp,
            ..Default::default()
        }
        .encode_to_vec())
    }

    pub(super) fn search(&mut self, dbname: &str, request: &proto::SearchRequest) -> Answer {
        let collection = self.loaded(dbname, &request.db_name, &request.collection_name)?;
        let param = |key: &str| {
            request
                .search_params
                .iter()
                .find(|pair| pair.key == key)
                .map(|pair| pair.value.as_str())
        };
        if param("params").is_none() {
            return refuse(
                65535,
                1,
                "failed to search: [json.exception.parse_error.101] parse error at line 1, column \
                 1",
            );
        }
        let topk = param("topk")
            .and_then(|topk| topk.parse().ok())
            .filter(|topk| (1..=16_384).contains(topk));
        let Some(topk) = topk else {
            return refuse(
                65535,
                1,
                format!(
                    "topk [{}] is invalid, should be in range [1, 16384]",
                    param("topk").unwrap_or_default()
                ),
            );
        };
        let queries = proto::PlaceholderGroup::decode(request.placeholder_group.as_ref()).ok();
        let queries = queries
            .and_then(|group| group.placeholders.into_iter().next())
            .map(|value| value.values)
            .unwrap_or_default();
        if queries.is_empty() || (request.nq != 0 && request.nq != queries.len() as i64) {
            return refuse(
                65535,
                1,
                format!(
                    "nq [{}] is invalid, {} vectors were sent",
                    request.nq,
                    queries.len()
                ),
            );
        }
        let dim = float_vector(&collection.schema).map_or(0, dimension);
        if dim > 0 && queries.iter().any(|query| query.len() != 4 * dim) {
            return refuse(
                65535,
                1,
                format!(
                    "failed to search/query delegator: Assert \"dim == {dim}\": vector dimension \
                     mismatch"
                ),
            );
        }
        let metric = param("metric_type")
            .map(str::to_owned)
            .or_else(|| collection.metric())
            .unwrap_or_default();
        let hits: Vec<Vec<(usize, f32)>> = queries
            .iter()
            .map(|query| collection.nearest(query, &metric, topk))
            .collect();
        let results = collection.results(&hits, topk, &request.output_fields);
        let reply = proto::SearchResults {
            status: ok(),
            results: Some(results),
            collection_name: request.collection_name.clone(),
        };
        Ok(reply.encode_to_vec())
    }

    pub(super) fn query(&mut self, dbname: &str, request: &proto::QueryRequest) -> Answer {
        let collection = self.loaded(dbname, &request.db_name, &request.collection_name)?;
        let limit = request
            .query_params
            .iter()
            .find(|pair| pair.key == "limit")
            .and_then(|pair| pair.value.parse().ok());
        let listed = collection.rows.listed(&request.expr);
        let mut rows = listed.unwrap_or_else(|| (0..collection.rows.len()).collect());
        let counts = request
            .output_fields
            .iter()
            .any(|field| field == "count(*)");
        if !counts && request.expr.is_empty() && limit.is_none() {
            return refuse(65535, 1, "empty expression should be used with limit");
        }
        let fields_data = if counts {
            vec![column(
                "count(*)",
                DataType::Int64,
                Scalars::LongData(proto::LongArray {
                    data: vec![rows.len() as i64],
                }),
            )]
        } else {
            rows.truncate(limit.unwrap_or(usize::MAX));
            collection.columns(&request.output_fields, &rows)
        };
        let reply = proto::QueryResults {
            status: ok(),
            fields_data,
            collection_name: request.collection_name.clone(),
            output_fields: request.output_fields.clone(),
        };
        Ok(reply.encode_to_vec())
    }
}

fn column(name: &str, data_type: DataType, data: Scalars) -> proto::FieldData {
    let field = Some(Field::Scalars(proto::ScalarField { data: Some(data) }));
    proto::FieldData {
        r#type: data_type.into(),
        field_name: name.to_owned(),
        field,
        ..Default::default()
    }
}

impl Collection {
    /// Keeps the keys, generated from `first` on where the schema says so, and the vectors of an
    /// exact store.
    fn take(&mut self, columns: Vec<proto::FieldData>, count: usize, first: i64) {
        let key = primary(&self.schema)
            .filter(|field| !field.auto_id)
            .map(|field| field.name.clone());
        let vector = float_vector(&self.schema)
            .filter(|_| self.rows.exact)
            .map(|field| (field.name.clone(), dimension(field).max(1)));
        match (&key, self.rows.has_text_keys) {
            (Some(_), _) => {}
            (None, false) => self.rows.ints.extend((first..).take(count)),
            (None, true) => self
                .rows
                .texts
                .extend((first..).take(count).map(|key| key.to_string())),
        }
        for column in columns {
            match column.field {
                Some(Field::Scalars(scalars)) if Some(&column.field_name) == key.as_ref() => {
                    match scalars.data {
                        Some(Scalars::LongData(keys)) => self.rows.ints.extend(keys.data),
                        Some(Scalars::StringData(keys)) => self.rows.texts.extend(keys.data),
                        _ => {}
                    }
                }
                Some(Field::Vectors(proto::VectorField {
                    data: Some(Vectors::FloatVector(values)),
                    ..
                })) => {
                    if let Some((_, dim)) = vector
                        .as_ref()
                        .filter(|(name, _)| *name == column.field_name)
                    {
                        self.rows
                            .vectors
                            .extend(values.data.chunks(*dim).map(<[f32]>::to_vec));
                    }
                }
                _ => {}
            }
        }
    }

    fn metric(&self) -> Option<String> {
        let params = self.indexes.iter().flat_map(|index| &index.params);
        params
            .filter(|pair| pair.key == "metric_type")
            .map(|pair| pair.value.clone())
            .next()
    }

    /// Rows and scores, best first; without vectors the first rows.
    fn nearest(&self, query: &[u8], metric: &str, topk: usize) -> Vec<(usize, f32)> {
        if self.rows.vectors.is_empty() {
            return (0..self.rows.len().min(topk))
                .map(|row| (row, 1.0 / (row as f32 + 1.0)))
                .collect();
        }
        let query: Vec<f32> = query
            .chunks_exact(4)
            .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
            .collect();
        let mut scored: Vec<(usize, f32)> = self
            .rows
            .vectors
            .iter()
            .map(|vector| score(metric, &query, vector))
            .enumerate()
            .collect();
        let sign = if metric == "L2" { 1.0 } else { -1.0 };
        scored.sort_by(|left, right| (sign * left.1).total_cmp(&(sign * right.1)));
        scored.truncate(topk);
        scored
    }

    fn results(
        &self,
        hits: &[Vec<(usize, f32)>],
        topk: usize,
        output_fields: &[String],
    ) -> proto::SearchResultData {
        let rows: Vec<usize> = hits.iter().flatten().map(|(row, _)| *row).collect();
        proto::SearchResultData {
            num_queries: hits.len() as i64,
            top_k: topk as i64,
            fields_data: if output_fields.is_empty() {
                Vec::new()
            } else {
                self.columns(output_fields, &rows)
            },
            scores: hits.iter().flatten().map(|(_, score)| *score).collect(),
            ids: Some(proto::Ids {
                id_field: Some(self.rows.keys(&rows)),
            }),
            topks: hits.iter().map(|hits| hits.len() as i64).collect(),
            output_fields: output_fields.to_vec(),
        }
    }

    /// The key column holds the real keys; other fields hold zeros, as only keys are kept.
    fn columns(&self, names: &[String], rows: &[usize]) -> Vec<proto::FieldData> {
        let is_wanted =
            |field: &&proto::FieldSchema| field.is_primary_key || names.contains(&field.name);
        self.schema
            .fields
            .iter()
            .filter(is_wanted)
            .map(|field| self.output(field, rows))
            .collect()
    }

    fn output(&self, field: &proto::FieldSchema, rows: &[usize]) -> proto::FieldData {
        let count = rows.len();
        let data_type = DataType::try_from(field.data_type).unwrap_or(DataType::None);
        let scalars = match (data_type, field.is_primary_key) {
            (_, true) => match self.rows.keys(rows) {
                IdField::IntId(keys) => Scalars::LongData(keys),
                IdField::StrId(keys) => Scalars::StringData(keys),
            },
            (DataType::Bool, _) => Scalars::BoolData(proto::BoolArray {
                data: vec![false; count],
            }),
            (DataType::Int64, _) => Scalars::LongData(proto::LongArray {
                data: vec![0; count],
            }),
            (DataType::FloatScalar, _) => Scalars::FloatData(proto::FloatArray {
                data: vec![0.0; count],
            }),
            (DataType::Double, _) => Scalars::DoubleData(proto::DoubleArray {
                data: vec![0.0; count],
            }),
            (DataType::VarChar, _) => Scalars::StringData(proto::StringArray {
                data: vec![String::new(); count],
            }),
            (DataType::Json, _) => Scalars::JsonData(proto::JsonArray {
                data: vec![b"{}".to_vec(); count],
            }),
            (DataType::FloatVector, _) => return self.output_vectors(field, rows),
            _ => Scalars::IntData(proto::IntArray {
                data: vec![0; count],
            }),
        };
        column(&field.name, data_type, scalars)
    }

    fn output_vectors(&self, field: &proto::FieldSchema, rows: &[usize]) -> proto::FieldData {
        let dim = dimension(field);
        let zeros = vec![0.0; dim];
        let data = rows
            .iter()
            .flat_map(|row| self.rows.vectors.get(*row).unwrap_or(&zeros))
            .copied()
            .collect();
        let vectors = proto::VectorField {
            dim: dim as i64,
            data: Some(Vectors::FloatVector(proto::FloatArray { data })),
        };
        proto::FieldData {
            r#type: DataType::FloatVector.into(),
            field_name: field.name.clone(),
            field: Some(Field::Vectors(vectors)),
            ..Default::default()
        }
    }
}

/// Score as Milvus reports it: the squared distance for L2.
fn score(metric: &str, left: &[f32], right: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    match metric {
        "L2" => left.iter().zip(right).map(|(a, b)| (a - b) * (a - b)).sum(),
        "COSINE" => dot(left, right) / (dot(left, left).sqrt() * dot(right, right).sqrt()),
        _ => dot(left, right),
    }
}
