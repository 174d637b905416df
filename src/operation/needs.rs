//! What a collection needs of Milvus that not every version has.

use super::{CollectionShape, ScalarField, VectorField, index::index_since};

/// Something that came with a version of Milvus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// What it is, in words: `vectors of type Int8`.
    pub what: String,
    /// The first version that has it: major, minor, patch.
    pub since: (u64, u64, u64),
}

/// Build parameters that came later than their index types: how these begin, name, version.
const PARAMS: &[(&str, &str, (u64, u64, u64))] = &[("SPARSE", "inverted_index_algo", (2, 5, 4))];

/// The version since which Milvus has several vector fields in a collection.
const SEVERAL_VECTORS: (u64, u64, u64) = (2, 4, 0);

fn whole((major, minor): (u32, u32)) -> (u64, u64, u64) {
    (major.into(), minor.into(), 0)
}

/// What the fields and indexes of a collection need.
#[must_use]
pub fn needs(shape: &CollectionShape) -> Vec<Need> {
    let mut needs: Vec<Need> = shape.vectors().flat_map(of_vector).collect();
    if !shape.more_vectors.is_empty() {
        needs.push(Need {
            what: "several vector fields".to_owned(),
            since: SEVERAL_VECTORS,
        });
    }
    let of_fields = [
        (
            "nullable fields",
            (2, 5, 0),
            has(shape, |field| field.nullable),
        ),
        (
            "default values",
            (2, 5, 0),
            has(shape, |field| field.default.is_some()),
        ),
        (
            "a clustering key",
            (2, 4, 7),
            has(shape, |field| field.clustering_key),
        ),
    ];
    let of_fields = of_fields.into_iter().filter(|(.., is_there)| *is_there);
    needs.extend(of_fields.map(|(what, since, _)| Need {
        what: what.to_owned(),
        since,
    }));
    needs
}

fn has(shape: &CollectionShape, is: fn(&ScalarField) -> bool) -> bool {
    shape.fields.iter().any(is)
}

fn of_vector(vector: &VectorField) -> Vec<Need> {
    let index = &vector.index;
    let mut needs = vec![Need {
        what: format!("vectors of type {}", vector.vector_type),
        since: whole(vector.vector_type.since()),
    }];
    if let Some(since) = index_since(&index.index_type) {
        needs.push(Need {
            what: format!("index type {}", index.index_type),
            since: whole(since),
        });
    }
    let params = PARAMS.iter().filter(|(types, name, _)| {
        index.index_type.starts_with(types) && index.params.contains_key(*name)
    });
    needs.extend(params.map(|(_, name, since)| Need {
        what: format!("{name} of index type {}", index.index_type),
        since: *since,
    }));
    needs
}
