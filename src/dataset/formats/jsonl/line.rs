//! A line: its object, and the vector in it.

use serde_json::{Map, Value};

use super::super::guard::{guarded, one_line};

/// A vector as a line has it.
pub(super) enum Vector {
    Dense(Vec<f64>),
    /// Indices ascending.
    Sparse(Vec<(u32, f32)>),
}

/// The object in the line of a row.
///
/// # Errors
/// It has none, in words that go on after the name of the file.
pub(super) fn object(row: u64, line: &[u8]) -> Result<Map<String, Value>, String> {
    let read = guarded("JSON", || {
        serde_json::from_slice::<Value>(line).map_err(|error| {
            let cause = one_line(&error.to_string());
            let (cause, place) = match cause.split_once(" at line 1 column ") {
                Some((cause, column)) => (cause.to_owned(), format!(", byte {column}")),
                None => (cause, String::new()),
            };
            format!("is not JSON in line {}{place} ({cause})", row + 1)
        })
    })?;
    match read {
        Value::Object(object) => Ok(object),
        other => Err(format!(
            "has {} in line {}, expected an object",
            name(&other),
            row + 1
        )),
    }
}

pub(super) fn name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The vector of a row.
///
/// # Errors
/// What it is instead, in words that go on after `has`.
pub(super) fn vector(value: &Value) -> Result<Vector, String> {
    let refuse = |found: String| {
        Err(format!(
            "{found} where the vector is needed, a list of numbers or {{\"index\": value}}"
        ))
    };
    let pairs = match value {
        Value::Array(list) if list.iter().all(Value::is_number) => {
            return Ok(Vector::Dense(
                list.iter().filter_map(Value::as_f64).collect(),
            ));
        }
        Value::Array(list) if list.first().is_some_and(Value::is_array) => {
            let pair = |value: &Value| match value.as_array().map(Vec::as_slice) {
                Some([index, value]) => Some((index.as_u64()?, value.as_f64()?)),
                _ => None,
            };
            list.iter().map(pair).collect::<Option<Vec<_>>>()
        }
        Value::Array(list) => {
            let other = list.iter().find(|value| !value.is_number());
            let other = other.map_or("nothing", name);
            return refuse(format!("{other} in a list"));
        }
        Value::Object(object) => of_object(object),
        other => return refuse(name(other).to_owned()),
    };
    let Some(pairs) = pairs else {
        return refuse("pairs that are not an index and a number".to_owned());
    };
    let mut found = Vec::with_capacity(pairs.len());
    for (index, value) in pairs {
        let index = u32::try_from(index).ok().filter(|index| *index < u32::MAX);
        let index = index.ok_or("an index above 4294967294 in a sparse vector")?;
        found.push((index, value as f32));
    }
    found.sort_by_key(|(index, _)| *index);
    if let Some(pair) = found.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(format!("index {} twice in a sparse vector", pair[0].0));
    }
    Ok(Vector::Sparse(found))
}

/// `{"7": 0.5}`, or `{"indices": [7], "values": [0.5]}`.
fn of_object(object: &Map<String, Value>) -> Option<Vec<(u64, f64)>> {
    let list = |key: &str| object.get(key).and_then(Value::as_array);
    if let (Some(indices), Some(values)) = (list("indices"), list("values")) {
        if indices.len() != values.len() || object.len() != 2 {
            return None;
        }
        let pair = |(index, value): (&Value, &Value)| Some((index.as_u64()?, value.as_f64()?));
        return indices.iter().zip(values).map(pair).collect();
    }
    let pair = |(index, value): (&String, &Value)| Some((index.parse().ok()?, value.as_f64()?));
    object.iter().map(pair).collect()
}

/// The key of the vector in an object: one of the usual names, or the only list of numbers.
pub(super) fn find(object: &Map<String, Value>, usual: &[&str]) -> Result<String, String> {
    if let Some(name) = usual.iter().find(|name| object.contains_key(**name)) {
        return Ok((*name).to_owned());
    }
    let is_vector = |value: &Value| {
        let numbers = value.as_array().filter(|list| !list.is_empty());
        numbers.is_some_and(|list| list.iter().all(Value::is_number))
    };
    let mut lists = object.iter().filter(|(_, value)| is_vector(value));
    match (lists.next(), lists.next()) {
        (Some((name, _)), None) => Ok(name.clone()),
        (found, _) => {
            let keys = object.keys().take(20).map(|key| format!("{key:?}"));
            let keys: Vec<String> = keys.collect();
            let count = if found.is_some() {
                "several lists"
            } else {
                "no list"
            };
            Err(format!(
                "has {count} of numbers in line 1: `vector` names the one that is the vector; \
                 its keys are {}",
                keys.join(", ")
            ))
        }
    }
}
