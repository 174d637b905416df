//! A search without its vectors, encoded once.

use bytes::Bytes;
use prost::Message;

use super::super::{VectorField, values::followed};
use crate::{
    milvus::{encode_search, placeholder_group, proto::SearchRequest},
    vector_type::VectorType,
};

/// A request without its vectors.
#[derive(Debug)]
pub(super) struct Template {
    vector_type: VectorType,
    nq: usize,
    form: Form,
}

#[derive(Debug)]
enum Form {
    /// Vectors of one length: a whole request with zeros in their place, and where each begins.
    Whole { body: Vec<u8>, vectors: Vec<usize> },
    /// Vectors of any length: the fields before and after them.
    Parts { before: Vec<u8>, after: Vec<u8> },
}

impl Template {
    pub(super) fn new(request: SearchRequest, vector: &VectorField, nq: usize) -> Self {
        let vector_type = vector.vector_type;
        Self {
            vector_type,
            nq,
            form: match vector_type.bytes(vector.dim) {
                Some(row) => whole(request, vector_type, row, nq),
                None => parts(request),
            },
        }
    }

    /// Vectors of a request.
    pub(super) fn nq(&self) -> usize {
        self.nq
    }

    /// The request for these vectors, in one allocation; `drawn` holds fields that differ from
    /// request to request and are not in the template.
    pub(super) fn request<'a>(
        &self,
        queries: impl Iterator<Item = &'a [u8]> + Clone,
        drawn: Option<&SearchRequest>,
    ) -> Bytes {
        match &self.form {
            Form::Whole { body, vectors } => {
                let mut body = match drawn {
                    None => body.clone(),
                    Some(drawn) => followed(body, drawn),
                };
                for (at, query) in vectors.iter().zip(queries) {
                    body[*at..*at + query.len()].copy_from_slice(query);
                }
                Bytes::from(body)
            }
            Form::Parts { before, after } => {
                let longer = drawn.map(|drawn| followed(after, drawn));
                let after = longer.as_deref().unwrap_or(after);
                encode_search(before, self.vector_type, queries, after)
            }
        }
    }
}

/// A request whose vectors have `row` bytes each.
fn whole(request: SearchRequest, vector_type: VectorType, row: usize, nq: usize) -> Form {
    let zeros = vec![0; row];
    let group = placeholder_group(vector_type, &vec![&zeros[..]; nq]);
    // The group ends with its vectors, each with a tag and a length before it.
    let value = row + prost::length_delimiter_len(row) + 1;
    let header = 1 + prost::length_delimiter_len(group.len());
    let group_end = before(&request).encoded_len() + header + group.len();
    let vectors = (0..nq)
        .map(|index| group_end - (nq - index) * value + value - row)
        .collect();
    let body = SearchRequest {
        placeholder_group: group,
        ..request
    };
    Form::Whole {
        body: body.encode_to_vec(),
        vectors,
    }
}

fn parts(request: SearchRequest) -> Form {
    let before = before(&request);
    let after = SearchRequest {
        db_name: String::new(),
        collection_name: String::new(),
        partition_names: Vec::new(),
        dsl: String::new(),
        ..request
    };
    Form::Parts {
        before: before.encode_to_vec(),
        after: after.encode_to_vec(),
    }
}

/// The fields of a request that come before its vectors.
fn before(request: &SearchRequest) -> SearchRequest {
    SearchRequest {
        db_name: request.db_name.clone(),
        collection_name: request.collection_name.clone(),
        partition_names: request.partition_names.clone(),
        dsl: request.dsl.clone(),
        ..SearchRequest::default()
    }
}
