//! The calls that touch rows, where they are kept: insert, upsert, delete, search, query.

use prost::Message;

use super::{
    Answer, Collection, Store,
    columns::check_columns,
    ok, refuse,
    rows::{Key, META, Row, dimension, primary, scalar_column},
    vectors::{self, vector_field},
};
use crate::{
    milvus::proto::{self, DataType, field_data::Field, scalar_field::Data as Scalars},
    vector_type::VectorType,
};

impl Store {
    pub(in crate::null_milvus) fn insert(
        &mut self,
        dbname: &str,
        request: &proto::InsertRequest,
    ) -> Answer<proto::MutationResult> {
        let timestamp = self.timestamp();
        let first = self.new_id();
        let collection = self.collection(dbname, &request.db_name, &request.collection_name)?;
        check_columns(&collection.schema, &request.fields_data, request.num_rows)?;
        let keys = collection.take(&request.fields_data, request.num_rows, first);
        let reply = proto::MutationResult {
            status: ok(),
            ids: collection.ids(&keys),
            succ_index: (0..request.num_rows).collect(),
            insert_cnt: i64::from(request.num_rows),
            timestamp,
            ..Default::default()
        };
        // Generated keys use up a range of ids.
        self.skip_ids(i64::from(request.num_rows));
        Ok(reply)
    }

    /// Replaces the rows with these keys, whether there are some or not: the counts are those of
    /// the request.
    pub(in crate::null_milvus) fn upsert(
        &mut self,
        dbname: &str,
        request: &proto::UpsertRequest,
    ) -> Answer<proto::MutationResult> {
        let timestamp = self.timestamp();
        let first = self.new_id();
        let collection = self.collection(dbname, &request.db_name, &request.collection_name)?;
        if primary(&collection.schema).is_some_and(|field| field.auto_id) {
            return refuse(
                1100,
                5,
                "the number of fields is less than needed: invalid parameter",
            );
        }
        check_columns(&collection.schema, &request.fields_data, request.num_rows)?;
        collection.forget(&request.fields_data);
        let keys = collection.take(&request.fields_data, request.num_rows, first);
        let count = i64::from(request.num_rows);
        let reply = proto::MutationResult {
            status: ok(),
            ids: collection.ids(&keys),
            succ_index: (0..request.num_rows).collect(),
            insert_cnt: count,
            delete_cnt: count,
            upsert_cnt: count,
            timestamp,
            ..Default::default()
        };
        Ok(reply)
    }

    /// A list of keys is counted as it stands, whether the keys are there or not, and needs no
    /// loaded collection; any other filter is a query first and counts what it found. Keys and a
    /// timestamp are never replied.
    pub(in crate::null_milvus) fn delete(
        &mut self,
        dbname: &str,
        request: &proto::DeleteRequest,
    ) -> Answer<proto::MutationResult> {
        let collection = self.collection(dbname, &request.db_name, &request.collection_name)?;
        if request.expr.trim().is_empty() {
            return refuse(
                1100,
                5,
                "invalid expression: invalid parameter[expected=valid expr][actual=empty expr]",
            );
        }
        let Some(filter) = collection.rows.filter(&request.expr) else {
            return refuse(
                65535,
                1,
                format!("failed to create expr plan, expr = {}", request.expr),
            );
        };
        let keys = match collection.rows.listed(&filter) {
            Some(keys) => keys,
            None => {
                collection.check_loaded(&request.collection_name)?;
                let found = collection.rows.matching(&filter);
                found.iter().map(|row| row.key.clone()).collect()
            }
        };
        collection.rows.remove(keys.iter());
        Ok(proto::MutationResult {
            status: ok(),
            ids: Some(proto::Ids::default()),
            delete_cnt: keys.len() as i64,
            ..Default::default()
        })
    }

    pub(in crate::null_milvus) fn search(
        &mut self,
        dbname: &str,
        request: &proto::SearchRequest,
    ) -> Answer<proto::SearchResults> {
        let collection = self.loaded(dbname, &request.db_name, &request.collection_name)?;
        let topk = topk_of(request, collection.most_results())?;
        let queries = queries_of(request)?;
        let name = search_param(request, "anns_field").unwrap_or_default();
        let Some((place, vector_type, schema)) = vector_field(&collection.schema, name) else {
            return refuse(
                65535,
                1,
                format!("failed to create query plan: failed to get field schema by name: {name}"),
            );
        };
        let dim = dimension(schema);
        let row = vector_type.bytes(dim as u32).filter(|row| *row > 0);
        if row.is_some_and(|row| queries.iter().any(|query| query.len() != row)) {
            return refuse(
                65535,
                1,
                format!(
                    "failed to search/query delegator: Assert \"dim == {dim}\": vector dimension \
                     mismatch"
                ),
            );
        }
        let metric = search_param(request, "metric_type")
            .map(str::to_owned)
            .or_else(|| collection.metric(&schema.name))
            .unwrap_or_default();
        // Without vectors the first rows are found, so that no more are needed.
        let most = if collection.rows.is_exact() {
            usize::MAX
        } else {
            topk
        };
        let candidates = collection.rows.selected(&request.dsl, most);
        let hits: Vec<Vec<(&Row, f32)>> = queries
            .iter()
            .map(|query| nearest(&candidates, query, (place, vector_type), &metric, topk))
            .collect();
        let results = collection.results(&hits, topk, &request.output_fields);
        let reply = proto::SearchResults {
            status: ok(),
            results: Some(results),
            collection_name: request.collection_name.clone(),
        };
        Ok(reply)
    }

    pub(in crate::null_milvus) fn query(
        &mut self,
        dbname: &str,
        request: &proto::QueryRequest,
    ) -> Answer<proto::QueryResults> {
        let collection = self.loaded(dbname, &request.db_name, &request.collection_name)?;
        let limit = request
            .query_params
            .iter()
            .find(|pair| pair.key == "limit")
            .and_then(|pair| pair.value.parse().ok());
        let counts = request
            .output_fields
            .iter()
            .any(|field| field == "count(*)");
        if !counts && request.expr.is_empty() && limit.is_none() {
            return refuse(65535, 1, "empty expression should be used with limit");
        }
        let fields_data = if counts {
            vec![scalar_column(
                "count(*)",
                DataType::Int64,
                Scalars::LongData(proto::LongArray {
                    data: vec![collection.rows.count(&request.expr) as i64],
                }),
            )]
        } else {
            let rows = collection
                .rows
                .selected(&request.expr, limit.unwrap_or(usize::MAX));
            collection.columns(&request.output_fields, &rows)
        };
        let reply = proto::QueryResults {
            status: ok(),
            fields_data,
            collection_name: request.collection_name.clone(),
            output_fields: request.output_fields.clone(),
        };
        Ok(reply)
    }
}

impl Collection {
    /// Keeps rows, and returns their keys.
    fn take(&mut self, columns: &[proto::FieldData], count: u32, first: i64) -> Vec<Key> {
        self.grow(i64::from(count));
        self.rows
            .insert(&self.schema, columns, count as usize, first)
    }

    /// Takes out the rows whose keys are in the column of keys.
    fn forget(&mut self, columns: &[proto::FieldData]) {
        let Some(key) = primary(&self.schema) else {
            return;
        };
        let column = columns.iter().find(|column| column.field_name == key.name);
        let Some(Field::Scalars(scalars)) = column.and_then(|column| column.field.as_ref()) else {
            return;
        };
        let keys: Vec<Key> = match &scalars.data {
            Some(Scalars::LongData(keys)) => keys.data.iter().copied().map(Key::Int).collect(),
            Some(Scalars::StringData(keys)) => keys.data.iter().cloned().map(Key::Text).collect(),
            _ => Vec::new(),
        };
        self.rows.remove(keys.iter());
    }

    /// Most rows for each query of a search.
    fn most_results(&self) -> usize {
        let mut properties = self.properties.iter();
        if properties.any(|pair| pair.key == "query_mode" && pair.value == "large_topk") {
            1_000_000
        } else {
            16_384
        }
    }

    fn ids(&self, keys: &[Key]) -> Option<proto::Ids> {
        Some(proto::Ids {
            id_field: Some(self.rows.ids(keys)),
        })
    }

    fn metric(&self, field: &str) -> Option<String> {
        let indexes = self.indexes.iter().filter(|index| index.field == field);
        let params = indexes.flat_map(|index| &index.params);
        params
            .filter(|pair| pair.key == "metric_type")
            .map(|pair| pair.value.clone())
            .next()
    }

    fn results(
        &self,
        hits: &[Vec<(&Row, f32)>],
        topk: usize,
        output_fields: &[String],
    ) -> proto::SearchResultData {
        let rows: Vec<&Row> = hits.iter().flatten().map(|(row, _)| *row).collect();
        let keys: Vec<Key> = rows.iter().map(|row| row.key.clone()).collect();
        proto::SearchResultData {
            num_queries: hits.len() as i64,
            top_k: topk as i64,
            fields_data: if output_fields.is_empty() {
                Vec::new()
            } else {
                self.columns(output_fields, &rows)
            },
            scores: hits.iter().flatten().map(|(_, score)| *score).collect(),
            ids: self.ids(&keys),
            topks: hits.iter().map(|hits| hits.len() as i64).collect(),
            output_fields: output_fields.to_vec(),
        }
    }

    /// The key's column, and those that were asked for.
    fn columns(&self, names: &[String], rows: &[&Row]) -> Vec<proto::FieldData> {
        let is_wanted =
            |field: &&proto::FieldSchema| field.is_primary_key || names.contains(&field.name);
        let dynamic = self.schema.enable_dynamic_field && names.iter().any(|name| name == META);
        let dynamic = dynamic.then(|| self.rows.dynamic_column(rows));
        self.schema
            .fields
            .iter()
            .filter(is_wanted)
            .map(|field| self.rows.column(field, rows))
            .chain(dynamic)
            .collect()
    }
}

/// Rows and scores, best first; without vectors the first rows.
fn nearest<'a>(
    rows: &[&'a Row],
    query: &[u8],
    (place, vector_type): (usize, VectorType),
    metric: &str,
    topk: usize,
) -> Vec<(&'a Row, f32)> {
    let scores: Option<Vec<f32>> = rows
        .iter()
        .map(|row| {
            Some(vectors::score(
                vector_type,
                metric,
                query,
                row.vector(place)?,
            ))
        })
        .collect();
    let Some(scores) = scores else {
        let first = rows.iter().take(topk).enumerate();
        return first
            .map(|(place, row)| (*row, 1.0 / (place as f32 + 1.0)))
            .collect();
    };
    let mut scored: Vec<(&Row, f32)> = rows.iter().copied().zip(scores).collect();
    let sign = if vectors::is_distance(metric) {
        1.0
    } else {
        -1.0
    };
    scored.sort_by(|left, right| (sign * left.1).total_cmp(&(sign * right.1)));
    // Of sparse vectors those without a common index are not found.
    if vector_type == VectorType::Sparse {
        scored.retain(|(_, score)| *score != 0.0);
    }
    scored.truncate(topk);
    scored
}

/// A parameter of a search by its name.
fn search_param<'a>(request: &'a proto::SearchRequest, key: &str) -> Option<&'a str> {
    let mut params = request.search_params.iter();
    params
        .find(|pair| pair.key == key)
        .map(|pair| pair.value.as_str())
}

/// How many rows a search asks for.
fn topk_of(request: &proto::SearchRequest, most: usize) -> Answer<usize> {
    if search_param(request, "params").is_none() {
        return refuse(
            65535,
            1,
            "failed to search: [json.exception.parse_error.101] parse error at line 1, column 1",
        );
    }
    let topk = search_param(request, "topk").unwrap_or_default();
    match topk.parse() {
        Ok(topk) if (1..=most).contains(&topk) => Ok(topk),
        _ => refuse(
            65535,
            1,
            format!("topk [{topk}] is invalid, should be in range [1, {most}]"),
        ),
    }
}

/// The vectors of a search.
fn queries_of(request: &proto::SearchRequest) -> Answer<Vec<Vec<u8>>> {
    let group = proto::PlaceholderGroup::decode(request.placeholder_group.as_ref()).ok();
    let queries = group
        .and_then(|group| group.placeholders.into_iter().next())
        .map(|value| value.values)
        .unwrap_or_default();
    if queries.is_empty() || (request.nq != 0 && request.nq != queries.len() as i64) {
        let (nq, sent) = (request.nq, queries.len());
        return refuse(
            65535,
            1,
            format!("nq [{nq}] is invalid, {sent} vectors were sent"),
        );
    }
    Ok(queries)
}
