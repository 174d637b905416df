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
mod tests;
