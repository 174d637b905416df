//! Properties of collections and fields: any of Milvus', as texts; the values of known ones are
//! checked.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::{OperationError, keys::refuse};

/// Properties as the texts that Milvus gets.
pub(super) type Properties = BTreeMap<String, String>;

/// Properties of a field whose values are known: true or false.
pub(super) const PROPERTIES: &[&str] = &["mmap.enabled"];

/// Those of a collection.
pub(super) const OF_COLLECTIONS: &[&str] = &["mmap.enabled"];

/// Properties of a collection, each as the text that Milvus gets.
///
/// # Errors
/// A value that is no text, number, true or false; the key of the error is `properties.<name>`.
pub fn collection_properties(table: &Table) -> Result<Properties, OperationError> {
    property_texts(table, OF_COLLECTIONS)
}

pub(super) fn property_texts(table: &Table, flags: &[&str]) -> Result<Properties, OperationError> {
    let mut texts = Properties::new();
    read(table, "", flags, &mut texts)?;
    Ok(texts)
}

/// A name with dots that is not quoted is a table in TOML: it is joined again.
fn read(
    table: &Table,
    before: &str,
    flags: &[&str],
    texts: &mut Properties,
) -> Result<(), OperationError> {
    for (name, value) in table {
        let name = format!("{before}{name}");
        let key = format!("properties.{name}");
        let text = match value {
            Value::Table(below) => {
                read(below, &format!("{name}."), flags, texts)?;
                continue;
            }
            Value::String(text) => text.clone(),
            Value::Integer(number) => number.to_string(),
            Value::Float(number) if number.is_finite() => number.to_string(),
            Value::Boolean(flag) => flag.to_string(),
            other => {
                return refuse(
                    &key,
                    format!("is {other}, expected a text, a number, true or false"),
                );
            }
        };
        if flags.contains(&name.as_str()) && !matches!(text.as_str(), "true" | "false") {
            return refuse(&key, format!("is {value}, expected true or false"));
        }
        texts.insert(name, text);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_dots_may_be_quoted_or_not() {
        let texts = |text: &str| collection_properties(&text.parse().unwrap()).unwrap();
        let quoted = texts("'mmap.enabled' = true\n'collection.ttl.seconds' = 3600");
        let plain = texts("mmap.enabled = true\ncollection.ttl.seconds = 3600");
        assert_eq!(quoted, plain);
        assert_eq!(quoted["mmap.enabled"], "true");
        assert_eq!(quoted["collection.ttl.seconds"], "3600");
    }

    #[test]
    fn wrong_properties_are_refused() {
        let error = |text: &str| collection_properties(&text.parse().unwrap()).unwrap_err();
        let found = error("'mmap.enabled' = 3");
        assert_eq!(found.key, "properties.mmap.enabled");
        assert!(found.message.contains("true or false"), "{}", found.message);
        assert_eq!(error("a = [1]").key, "properties.a");
    }
}
