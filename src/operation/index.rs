//! Indexes that Milvus knows: names, and parameters that can't be right.
//!
//! Only what every version agrees on is refused here; whether a server has an index type at all, it
//! says itself.

mod table;

use std::{collections::BTreeMap, ops::RangeInclusive};

use serde::Deserialize;
use toml::{Table, Value};

use self::table::find;
pub(super) use self::table::index_since;
pub use self::table::{indexes_of, vector_indexes};
use super::{IndexShape, OperationError, OperationErrors, ScalarType, keys::refuse};
use crate::{
    keys::{all, each},
    vector_type::VectorType,
};

/// `index = { type = "...", params = { ... } }` as written.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndexOptions {
    /// Name of the index type, in any case.
    #[serde(rename = "type")]
    pub index_type: String,
    /// Build parameters: numbers, texts, true or false.
    #[serde(default)]
    pub params: Table,
}

/// Index types of scalar fields. Most take any type: what a version refuses, it says itself.
pub const SCALAR_INDEXES: &[&str] = &[
    "INVERTED",
    "STL_SORT",
    "Trie",
    "BITMAP",
    "NGRAM",
    "AUTOINDEX",
];

/// Build parameters that are numbers in a range: how the index types that have them begin, name,
/// range.
const BUILD_RANGES: &[(&str, &str, RangeInclusive<i64>)] = &[
    ("HNSW", "M", 2..=2048),
    ("HNSW", "efConstruction", 1..=i64::MAX),
    ("IVF", "nlist", 1..=65_536),
    ("SCANN", "nlist", 1..=65_536),
    ("BIN_IVF", "nlist", 1..=65_536),
];

/// The same of search parameters; of those that a limit or `nlist` bounds, that is checked
/// elsewhere.
const SEARCH_RANGES: &[(&str, &str, RangeInclusive<i64>)] = &[
    ("HNSW", "ef", 1..=i64::MAX),
    ("IVF", "nprobe", 1..=65_536),
    ("GPU_IVF", "nprobe", 1..=65_536),
    ("BIN_IVF", "nprobe", 1..=65_536),
    ("SCANN", "nprobe", 1..=65_536),
    ("SCANN", "reorder_k", 1..=i64::MAX),
    ("DISKANN", "search_list", 1..=i64::MAX),
];

/// Parameters as other tools write them, and what Milvus knows: how the index types that have them
/// begin, theirs, Milvus'. Milvus would take them in silence, and build or search with its
/// defaults.
const FOREIGN: &[(&str, &str, &str)] = &[
    ("HNSW", "m", "M"),
    ("HNSW", "efconstruction", "efConstruction"),
    ("HNSW", "ef", "ef"),
    ("HNSW", "efsearch", "ef"),
    ("IVF", "nlist", "nlist"),
    ("IVF", "nprobe", "nprobe"),
    ("SCANN", "nlist", "nlist"),
    ("SCANN", "nprobe", "nprobe"),
    ("BIN_IVF", "nlist", "nlist"),
    ("BIN_IVF", "nprobe", "nprobe"),
    ("SPARSE", "dropratiobuild", "drop_ratio_build"),
    ("SPARSE", "dropratiosearch", "drop_ratio_search"),
    ("SPARSE", "dropratio", "drop_ratio_search"),
    ("SPARSE", "dimmaxscoreratio", "dim_max_score_ratio"),
    ("SPARSE", "invertedindexalgo", "inverted_index_algo"),
];

/// Shares, at least 0 and below 1: how the index types that have them begin, and name.
const SHARES: &[(&str, &str)] = &[
    ("SPARSE", "drop_ratio_build"),
    ("SPARSE", "drop_ratio_search"),
];
/// Ways in which a sparse index may search.
const SPARSE_ALGORITHMS: [&str; 3] = ["DAAT_MAXSCORE", "DAAT_WAND", "TAAT_NAIVE"];

/// Refuses parameters of another spelling; `key` is the table that has them.
fn check_spelling(index_type: &str, params: &Table, key: &str) -> Result<(), OperationErrors> {
    let check = |name: &String| {
        let plain = name.to_lowercase().replace(['_', '-'], "");
        // HNSW_PQ and HNSW_PRQ have both M and m.
        let both = plain == "m" && index_type.starts_with("HNSW_P");
        let row = FOREIGN
            .iter()
            .find(|(types, theirs, _)| index_type.starts_with(types) && *theirs == plain && !both);
        match row.filter(|(.., known)| known != name) {
            None => Ok(()),
            Some((.., known)) => refuse(
                &format!("{key}.{name}"),
                format!("is not a parameter of index type {index_type}, write {known}"),
            ),
        }
    };
    each(params.keys().map(|name| Ok(check(name)?))).map(drop)
}

/// Refuses what is no number where `rows` has one for the index type, and what they have for other
/// index types alone; where they have nothing for this one, all is let through.
fn check_rows(
    index_type: &str,
    params: &Table,
    key: &str,
    rows: &[(&str, &str, RangeInclusive<i64>)],
) -> Result<(), OperationErrors> {
    let own: Vec<&str> = rows
        .iter()
        .filter(|(types, ..)| index_type.starts_with(types))
        .map(|(_, name, _)| *name)
        .collect();
    let check = |(name, value): (&String, &Value)| {
        let is_of_others = rows.iter().any(|(_, other, _)| other == name);
        let key = format!("{key}.{name}");
        if own.contains(&name.as_str()) && whole(value).is_none() {
            refuse(&key, format!("is {value}, expected a whole number"))
        } else if is_of_others && !own.is_empty() && !own.contains(&name.as_str()) {
            let own = own.join(" or ");
            refuse(
                &key,
                format!("is not a parameter of index type {index_type}, write {own}"),
            )
        } else {
            Ok(())
        }
    };
    each(params.iter().map(|param| Ok(check(param)?))).map(drop)
}

/// Refuses shares out of range, and an algorithm that is none.
fn check_shares(index_type: &str, params: &Table, key: &str) -> Result<(), OperationErrors> {
    let check = |(name, value): (&String, &Value)| {
        let key = format!("{key}.{name}");
        let is_share = SHARES
            .iter()
            .any(|(types, share)| index_type.starts_with(types) && share == name);
        let share = match value {
            Value::Float(share) => Some(*share),
            Value::Integer(share) => Some(*share as f64),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        if is_share && !share.is_some_and(|share| (0.0..1.0).contains(&share)) {
            return refuse(&key, format!("is {value}, expected at least 0 and below 1"));
        }
        let algorithm = name == "inverted_index_algo" && index_type.starts_with("SPARSE");
        if algorithm && !SPARSE_ALGORITHMS.contains(&value.as_str().unwrap_or_default()) {
            let known = SPARSE_ALGORITHMS.join(", ");
            return refuse(&key, format!("is {value}, expected one of {known}"));
        }
        Ok(())
    };
    each(params.iter().map(|param| Ok(check(param)?))).map(drop)
}

/// A whole number, also where it is written as a text.
fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Integer(number) => Some(*number),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

impl IndexOptions {
    /// The index of a vector field.
    ///
    /// # Errors
    /// Unknown type, one that vectors of this type don't take, or parameters that can't be right.
    /// Keys: `index.type`, `index.params.<name>`.
    pub fn resolve_vector(
        &self,
        vector_type: VectorType,
        dim: u32,
    ) -> Result<IndexShape, OperationErrors> {
        let found = find(&self.index_type);
        let Some(row) = found.filter(|row| row.types.contains(&vector_type)) else {
            let written = found.map_or_else(
                || format!("{:?}", self.index_type),
                |row| row.name.to_owned(),
            );
            let known = indexes_of(vector_type).into_iter().map(|(name, _)| name);
            let known = known.collect::<Vec<_>>().join(", ");
            return Ok(refuse(
                "index.type",
                format!("is {written}, expected one of {known} for a vector of type {vector_type}"),
            )?);
        };
        let name = row.name;
        let ranges = BUILD_RANGES
            .iter()
            .filter(|(types, ..)| name.starts_with(types));
        let ranges =
            ranges.map(|(_, key, range)| Ok(check_range(self.params.get(*key), key, range)?));
        let (_, (), (), _, (), params) = all((
            check_spelling(name, &self.params, "index.params"),
            check_rows(name, &self.params, "index.params", BUILD_RANGES),
            check_shares(name, &self.params, "index.params"),
            each(ranges),
            self.check_divisor(name, dim),
            text_params(&self.params),
        ))?;
        Ok(IndexShape {
            index_type: name.to_owned(),
            params,
        })
    }

    fn check_divisor(&self, name: &str, dim: u32) -> Result<(), OperationErrors> {
        if name == "IVF_PQ"
            && let Some(m) = self.params.get("m").and_then(whole)
            && (m < 1 || i64::from(dim) % m != 0)
        {
            refuse(
                "index.params.m",
                format!("is {m}, expected a divisor of the dimension {dim}"),
            )?;
        }
        Ok(())
    }

    /// The index of a scalar field of type `scalar_type`.
    ///
    /// # Errors
    /// Unknown type, or one that does not fit the field. Keys: `index.type`, `index.params.<name>`.
    pub fn resolve_scalar(&self, scalar_type: ScalarType) -> Result<IndexShape, OperationErrors> {
        let Some(name) = SCALAR_INDEXES
            .iter()
            .find(|name| name.eq_ignore_ascii_case(&self.index_type))
        else {
            return Ok(refuse(
                "index.type",
                format!(
                    "is {:?}, expected one of {} for a scalar field",
                    self.index_type,
                    SCALAR_INDEXES.join(", ")
                ),
            )?);
        };
        if *name == "Trie" && scalar_type != ScalarType::VarChar {
            refuse(
                "index.type",
                "is Trie, which is for VarChar fields only: use INVERTED",
            )?;
        }
        Ok(IndexShape {
            index_type: (*name).to_owned(),
            params: text_params(&self.params)?,
        })
    }
}

/// Refuses search parameters that can't be right for `index`; an index that is not known allows
/// all.
pub(super) fn check_search_params(
    index: &IndexShape,
    params: &Table,
    limit: i64,
) -> Result<(), OperationErrors> {
    let at_least_limit = || {
        if let Some(key) = find(&index.index_type).and_then(|row| row.at_least_limit)
            && let Some(found) = params.get(key).and_then(whole)
            && found < limit
        {
            refuse(
                &format!("params.{key}"),
                format!(
                    "is {found}, but index type {} needs at least the limit of the search, {limit}",
                    index.index_type
                ),
            )?;
        }
        Ok(())
    };
    let probes = || {
        if index.index_type.contains("IVF") || index.index_type == "SCANN" {
            let nlist = index.params.get("nlist");
            let nlist = nlist.and_then(|nlist| nlist.parse().ok());
            check_search_range(params.get("nprobe"), &(1..=nlist.unwrap_or(65_536)))?;
        }
        Ok(())
    };
    let spelling = check_spelling(&index.index_type, params, "params");
    let rows = check_rows(&index.index_type, params, "params", SEARCH_RANGES);
    let shares = check_shares(&index.index_type, params, "params");
    all((spelling, rows, shares, at_least_limit(), probes())).map(drop)
}

fn check_search_range(
    found: Option<&Value>,
    range: &RangeInclusive<i64>,
) -> Result<(), OperationError> {
    match found.and_then(whole) {
        Some(number) if !range.contains(&number) => refuse(
            "params.nprobe",
            format!(
                "is {number}, expected {} to {}, the nlist of the index",
                range.start(),
                range.end()
            ),
        ),
        _ => Ok(()),
    }
}

fn check_range(
    found: Option<&Value>,
    key: &str,
    range: &RangeInclusive<i64>,
) -> Result<(), OperationError> {
    match found.and_then(whole) {
        Some(number) if !range.contains(&number) => {
            let upper = if *range.end() == i64::MAX {
                String::new()
            } else {
                format!(" to {}", range.end())
            };
            let from = if upper.is_empty() { "at least " } else { "" };
            refuse(
                &format!("index.params.{key}"),
                format!("is {number}, expected {from}{}{upper}", range.start()),
            )
        }
        _ => Ok(()),
    }
}

/// Each parameter as the text that Milvus gets.
fn text_params(params: &Table) -> Result<BTreeMap<String, String>, OperationErrors> {
    let text = |(key, value): (&String, &Value)| match value {
        Value::String(text) => Ok((key.clone(), text.clone())),
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) => {
            Ok((key.clone(), value.to_string()))
        }
        _ => Ok(refuse(
            &format!("index.params.{key}"),
            format!("is {value}, expected a number, a text, true or false"),
        )?),
    };
    Ok(each(params.iter().map(text))?.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(text: &str) -> IndexOptions {
        toml::from_str(text).unwrap()
    }

    fn check_refused(result: Result<IndexShape, OperationErrors>, key: &str, word: &str) {
        let errors = result.expect_err("refused");
        let error = errors.iter().next().expect("a word");
        assert_eq!(error.key, key);
        assert!(
            error.message.contains(word),
            "{word:?} is not in: {}",
            error.message
        );
    }

    fn vector(text: &str) -> Result<IndexShape, OperationErrors> {
        options(text).resolve_vector(VectorType::Float, 100)
    }

    #[test]
    fn names_are_canonical_and_params_are_texts() {
        let index =
            vector("type = 'hnsw'\nparams = { M = 16, efConstruction = 200, refine = true }")
                .unwrap();
        assert_eq!(index.index_type, "HNSW");
        assert_eq!(index.params["M"], "16");
        assert_eq!(index.params["refine"], "true");
        assert_eq!(
            options("type = 'trie'")
                .resolve_scalar(ScalarType::VarChar)
                .unwrap()
                .index_type,
            "Trie"
        );
    }

    #[test]
    fn unknown_names_are_answered_with_the_allowed_ones() {
        check_refused(vector("type = 'HSNW'"), "index.type", "IVF_FLAT");
        let of = |vector_type, index: &str| {
            options(&format!("type = '{index}'")).resolve_vector(vector_type, 8)
        };
        check_refused(
            of(VectorType::Binary, "hnsw"),
            "index.type",
            "is HNSW, expected one of AUTOINDEX, BIN_FLAT, BIN_IVF_FLAT for a vector of type Binary",
        );
        check_refused(of(VectorType::Sparse, "FLAT"), "index.type", "SPARSE_WAND");
        check_refused(of(VectorType::Int8, "BIN_FLAT"), "index.type", "type Int8");
        check_refused(of(VectorType::Float, "BIN_IVF_FLAT"), "index.type", "HNSW");
        check_refused(
            options("type = 'HNSW'").resolve_scalar(ScalarType::Int64),
            "index.type",
            "INVERTED",
        );
        check_refused(
            options("type = 'Trie'").resolve_scalar(ScalarType::Int64),
            "index.type",
            "VarChar",
        );
    }

    #[test]
    fn parameters_of_binary_and_sparse_indexes_are_checked() {
        let sparse = |params: &str| {
            options(&format!(
                "type = 'SPARSE_INVERTED_INDEX'\nparams = {{ {params} }}"
            ))
            .resolve_vector(VectorType::Sparse, 8)
        };
        sparse("inverted_index_algo = 'DAAT_WAND', drop_ratio_build = 0.2").unwrap();
        check_refused(
            sparse("inverted_index_algo = 'WAND'"),
            "index.params.inverted_index_algo",
            "DAAT_MAXSCORE",
        );
        check_refused(
            sparse("drop_ratio_build = 1.0"),
            "index.params.drop_ratio_build",
            "below 1",
        );
        let searched = |index: &str, params: &str| {
            let index = IndexShape {
                index_type: index.into(),
                params: [("nlist".into(), "32".into())].into(),
            };
            let found = check_search_params(&index, &toml::from_str(params).unwrap(), 10);
            found.map(|()| index)
        };
        searched("SPARSE_INVERTED_INDEX", "drop_ratio_search = 0.2").unwrap();
        check_refused(
            searched("SPARSE_WAND", "drop_ratio_search = 2"),
            "params.drop_ratio_search",
            "below 1",
        );
        check_refused(
            searched("SPARSE_WAND", "drop_ratio = 0.2"),
            "params.drop_ratio",
            "drop_ratio_search",
        );
        searched("BIN_IVF_FLAT", "nprobe = 32").unwrap();
        check_refused(
            searched("BIN_IVF_FLAT", "nprobe = 33"),
            "params.nprobe",
            "1 to 32",
        );
        check_refused(searched("BIN_IVF_FLAT", "ef = 64"), "params.ef", "nprobe");
    }

    #[test]
    fn build_parameters_out_of_range_are_refused() {
        check_refused(
            vector("type = 'HNSW'\nparams = { M = 1 }"),
            "index.params.M",
            "2 to 2048",
        );
        check_refused(
            vector("type = 'HNSW_SQ'\nparams = { M = 3000 }"),
            "index.params.M",
            "3000",
        );
        check_refused(
            vector("type = 'HNSW'\nparams = { efConstruction = 0 }"),
            "index.params.efConstruction",
            "at least 1",
        );
        check_refused(
            vector("type = 'IVF_FLAT'\nparams = { nlist = 0 }"),
            "index.params.nlist",
            "1 to 65536",
        );
        check_refused(
            vector("type = 'IVF_PQ'\nparams = { m = 7 }"),
            "index.params.m",
            "divisor of the dimension 100",
        );
        check_refused(
            vector("type = 'FLAT'\nparams = { a = [] }"),
            "index.params.a",
            "[]",
        );
    }

    #[test]
    fn parameters_of_another_spelling_are_refused() {
        check_refused(
            vector("type = 'HNSW'\nparams = { m = 16 }"),
            "index.params.m",
            "write M",
        );
        check_refused(
            vector("type = 'HNSW'\nparams = { ef_construction = 16 }"),
            "index.params.ef_construction",
            "write efConstruction",
        );
        check_refused(
            vector("type = 'IVF_FLAT'\nparams = { n_list = 16 }"),
            "index.params.n_list",
            "write nlist",
        );
        assert!(
            vector("type = 'HNSW_PQ'\nparams = { M = 16, m = 4 }").is_ok()
                && vector("type = 'IVF_PQ'\nparams = { m = 4 }").is_ok()
        );
        check_search("type = 'HNSW'", "ef_search = 64", Err("params.ef_search"));
        check_search("type = 'IVF_FLAT'", "nProbe = 8", Err("params.nProbe"));
    }

    #[test]
    fn numeric_parameters_are_numbers_and_those_of_other_index_types_are_refused() {
        check_refused(
            vector("type = 'HNSW'\nparams = { M = 'abc' }"),
            "index.params.M",
            "a whole number",
        );
        check_refused(
            vector("type = 'IVF_FLAT'\nparams = { M = 16 }"),
            "index.params.M",
            "not a parameter of index type IVF_FLAT, write nlist",
        );
        check_search("type = 'HNSW'", "ef = 'abc'", Err("params.ef"));
        check_search("type = 'HNSW'", "ef = true", Err("params.ef"));
        check_search("type = 'HNSW'", "ef = 64.5", Err("params.ef"));
        check_search("type = 'HNSW'", "ef = '64'", Ok(()));
        check_search("type = 'HNSW'", "ef = '9'", Err("params.ef"));
        check_search("type = 'HNSW'", "nprobe = 8", Err("params.nprobe"));
        check_search("type = 'DISKANN'", "ef = 64", Err("params.ef"));
        check_search("type = 'SCANN'", "reorder_k = 'a'", Err("params.reorder_k"));
        // What no row knows goes to the server as it is.
        check_search("type = 'HNSW'", "new_key = 'abc'", Ok(()));
        check_search("type = 'AUTOINDEX'", "level = 2\nef = 64", Ok(()));
        assert!(vector("type = 'HNSW'\nparams = { new_key = 'abc' }").is_ok());
    }

    fn check_search(index: &str, params: &str, expected: Result<(), &str>) {
        let found = check_search_params(&vector(index).unwrap(), &params.parse().unwrap(), 10);
        assert_eq!(
            found.map_err(|errors| errors.only().key),
            expected.map_err(str::to_owned),
            "{index} {params}"
        );
    }

    #[test]
    fn search_parameters_that_cannot_be_right_are_refused() {
        check_search("type = 'HNSW'", "ef = 10", Ok(()));
        check_search("type = 'HNSW'", "ef = 9", Err("params.ef"));
        check_search("type = 'HNSW'", "", Ok(()));
        check_search(
            "type = 'DISKANN'",
            "search_list = 9",
            Err("params.search_list"),
        );
        check_search("type = 'FLAT'", "ef = 9", Ok(()));
        check_search(
            "type = 'IVF_FLAT'\nparams = { nlist = 128 }",
            "nprobe = 129",
            Err("params.nprobe"),
        );
        check_search("type = 'IVF_FLAT'", "nprobe = 0", Err("params.nprobe"));
        check_search(
            "type = 'IVF_SQ8'\nparams = { nlist = 128 }",
            "nprobe = 128",
            Ok(()),
        );
    }
}
