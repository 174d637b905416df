//! Reading a workload's own keys: every one is checked, and an unknown one is answered with ours.

use std::ops::RangeInclusive;

use toml::{Table, Value};

use super::{KeyDoc, OperationError};

/// Words of pymilvus and VectorDBBench, with the words used here.
const FOREIGN: &[(&str, &str)] = &[
    ("top_k", "limit"),
    ("topk", "limit"),
    ("k", "limit"),
    ("expr", "filter"),
    ("search_params", "params"),
    ("param", "params"),
    ("consistency_level", "consistency"),
    ("partition_names", "partitions"),
    ("partition_name", "partitions"),
    ("group_by", "group_by_field"),
    ("batch_size", "batch"),
    ("num_rows", "batch"),
];

/// Words whose meaning is a key of the collection.
const OF_COLLECTION: &[(&str, &str)] = &[
    ("metric_type", "metric"),
    ("metric", "metric"),
    ("anns_field", "vector_field"),
    ("data", "data"),
];

/// The keys of one workload that its operation reads.
#[derive(Debug)]
pub(super) struct Keys(Table);

pub(super) fn refuse<T>(key: &str, message: impl Into<String>) -> Result<T, OperationError> {
    Err(OperationError {
        key: key.to_owned(),
        message: message.into(),
    })
}

impl Keys {
    /// Refuses keys that are not in `known`.
    pub(super) fn new(table: Table, known: &[KeyDoc]) -> Result<Self, OperationError> {
        match table
            .keys()
            .find(|key| !known.iter().any(|doc| doc.name == *key))
        {
            Some(key) => refuse(key, unknown(key, known)),
            None => Ok(Self(table)),
        }
    }

    pub(super) fn take(&mut self, key: &str) -> Option<Value> {
        self.0.remove(key)
    }

    pub(super) fn number(
        &mut self,
        key: &str,
        allowed: RangeInclusive<i64>,
    ) -> Result<Option<i64>, OperationError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Integer(number)) if allowed.contains(&number) => Ok(Some(number)),
            Some(found) => {
                let end = if *allowed.end() == i64::MAX {
                    " on".to_owned()
                } else {
                    format!(" to {}", allowed.end())
                };
                refuse(
                    key,
                    format!(
                        "is {found}, allowed is a whole number from {}{end}",
                        allowed.start()
                    ),
                )
            }
        }
    }

    pub(super) fn text(&mut self, key: &str) -> Result<Option<String>, OperationError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(found) => refuse(key, format!("is {found}, allowed is a text")),
        }
    }

    pub(super) fn flag(&mut self, key: &str) -> Result<Option<bool>, OperationError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Boolean(flag)) => Ok(Some(flag)),
            Some(found) => refuse(key, format!("is {found}, allowed is true or false")),
        }
    }

    /// A list of texts; empty where the key is left out.
    pub(super) fn texts(&mut self, key: &str) -> Result<Vec<String>, OperationError> {
        let wrong = |found: &Value| OperationError {
            key: key.to_owned(),
            message: format!("is {found}, allowed is a list of texts"),
        };
        match self.take(key) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| item.as_str().map(str::to_owned).ok_or_else(|| wrong(item)))
                .collect(),
            Some(found) => Err(wrong(&found)),
        }
    }

    pub(super) fn table(&mut self, key: &str) -> Result<Table, OperationError> {
        match self.take(key) {
            None => Ok(Table::new()),
            Some(Value::Table(table)) => Ok(table),
            Some(found) => refuse(
                key,
                format!("is {found}, allowed is a table, such as {{ ef = 64 }}"),
            ),
        }
    }
}

fn unknown(key: &str, known: &[KeyDoc]) -> String {
    if let Some((_, ours)) = FOREIGN
        .iter()
        .find(|(word, ours)| *word == key && known.iter().any(|doc| doc.name == *ours))
    {
        return format!("is not a key of this operation: here it is called {ours}");
    }
    if let Some((_, ours)) = OF_COLLECTION.iter().find(|(word, _)| *word == key) {
        return format!(
            "is not a key of a workload: it belongs to the collection, where it is called {ours}"
        );
    }
    let nearest = known
        .iter()
        .map(|doc| (strsim::jaro_winkler(key, doc.name), doc.name))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let names: Vec<_> = known.iter().map(|doc| doc.name).collect();
    match nearest {
        Some((likeness, name)) if likeness > 0.8 => {
            format!("is not a key of this operation: did you mean {name}?")
        }
        _ => format!(
            "is not a key of this operation, which has {}",
            names.join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[KeyDoc] = &[
        KeyDoc {
            name: "limit",
            kind: "number",
            default: "10",
            meaning: "",
        },
        KeyDoc {
            name: "filter",
            kind: "text",
            default: "",
            meaning: "",
        },
        KeyDoc {
            name: "params",
            kind: "table",
            default: "",
            meaning: "",
        },
    ];

    fn keys(text: &str) -> Result<Keys, OperationError> {
        Keys::new(text.parse().unwrap(), KNOWN)
    }

    fn check_refused(text: &str, key: &str, word: &str) {
        let error = keys(text).expect_err("refused");
        assert_eq!(error.key, key);
        assert!(
            error.message.contains(word),
            "{word:?} is not in: {}",
            error.message
        );
    }

    #[test]
    fn unknown_keys_are_answered_with_ours() {
        check_refused("topk = 3", "topk", "called limit");
        check_refused("expr = 'a > 1'", "expr", "called filter");
        check_refused("search_params = {}", "search_params", "called params");
        check_refused("metric_type = 'L2'", "metric_type", "called metric");
        check_refused("limt = 3", "limt", "did you mean limit");
        check_refused("zzz = 3", "zzz", "limit, filter, params");
        // `batch` is no key of this operation, so it must not be advised.
        check_refused("batch_size = 3", "batch_size", "which has limit");
    }

    #[test]
    fn values_are_read_by_kind_and_range() {
        assert_eq!(
            keys("limit = 3").unwrap().number("limit", 1..=9),
            Ok(Some(3))
        );
        assert_eq!(keys("").unwrap().number("limit", 1..=9), Ok(None));
        assert_eq!(
            keys("limit = 10")
                .unwrap()
                .number("limit", 1..=9)
                .unwrap_err()
                .message,
            "is 10, allowed is a whole number from 1 to 9"
        );
        assert!(keys("limit = '3'").unwrap().number("limit", 1..=9).is_err());
        assert!(keys("filter = 3").unwrap().text("filter").is_err());
        assert!(keys("params = 3").unwrap().table("params").is_err());
        assert!(keys("filter = ['a', 1]").unwrap().texts("filter").is_err());
        assert_eq!(
            keys("filter = ['a', 'b']").unwrap().texts("filter"),
            Ok(vec!["a".into(), "b".into()])
        );
        assert!(keys("filter = 'true'").unwrap().flag("filter").is_err());
    }
}
