//! Scalar fields: the entry of `fields = [...]` as written, checked, and what its rows hold.

mod values;

use serde::Deserialize;
use toml::{Table, Value};

pub use values::{FieldValue, FieldValues};
pub(super) use values::{column, constant_column, data_type, id_column};

use super::{
    MAX_TEXT, OperationError, OperationErrors, ScalarField, ScalarType, draw, index::IndexOptions,
    keys::refuse,
};
use crate::keys::{all, needs};

/// One entry of `fields = [...]` of a collection as written.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScalarFieldOptions {
    /// Name in the schema.
    pub name: String,
    /// Name of the type, in any case.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Longest text in bytes, VarChar only.
    pub max_length: Option<i64>,
    /// What rows hold: `"row-number"` (the default), or a table with one of choice, uniform,
    /// constant, text.
    pub values: Option<Value>,
    /// Index of the field, if it has one.
    pub index: Option<IndexOptions>,
}

const TYPES: [(&str, ScalarType); 9] = [
    ("Bool", ScalarType::Bool),
    ("Int8", ScalarType::Int8),
    ("Int16", ScalarType::Int16),
    ("Int32", ScalarType::Int32),
    ("Int64", ScalarType::Int64),
    ("Float", ScalarType::Float),
    ("Double", ScalarType::Double),
    ("VarChar", ScalarType::VarChar),
    ("JSON", ScalarType::Json),
];

const FORMS: &str = "\"row-number\", { choice = [..], weights = [..] }, { uniform = [lowest, \
                     highest] }, { constant = .. }, or, for VarChar, { text = \"prefix-{row}\" }";

/// Digits of the largest row id.
const ROW_DIGITS: usize = 19;

impl ScalarType {
    /// Their names, as in a scenario.
    #[must_use]
    pub fn names() -> Vec<&'static str> {
        TYPES.iter().map(|row| row.0).collect()
    }

    /// Its name, as in a scenario.
    #[must_use]
    pub fn name(self) -> &'static str {
        TYPES
            .iter()
            .find(|(_, known)| *known == self)
            .map_or("", |(name, _)| name)
    }

    /// Lowest and highest number of an integer type; None for the others.
    pub(super) fn int_range(self) -> Option<(i64, i64)> {
        match self {
            ScalarType::Int8 => Some((i8::MIN.into(), i8::MAX.into())),
            ScalarType::Int16 => Some((i16::MIN.into(), i16::MAX.into())),
            ScalarType::Int32 => Some((i32::MIN.into(), i32::MAX.into())),
            ScalarType::Int64 => Some((i64::MIN, i64::MAX)),
            _ => None,
        }
    }
}

impl ScalarFieldOptions {
    /// The field with everything checked. Its values are drawn from (`seed`, name, row id).
    ///
    /// # Errors
    /// Keys whose values are not allowed, each as `fields.<name>.<key>`.
    pub fn resolve(&self, seed: u64) -> Result<ScalarField, OperationErrors> {
        let of_field = |error: OperationError| OperationError {
            key: format!("fields.{}.{}", self.name, error.key),
            message: error.message,
        };
        self.checked(seed).map_err(|errors| errors.map(of_field))
    }

    fn checked(&self, seed: u64) -> Result<ScalarField, OperationErrors> {
        let name = check_name(&self.name).map_err(OperationErrors::from);
        let ((), scalar_type) = all((name, self.scalar_type()))?;
        let max_length = self.max_length(scalar_type).map_err(OperationErrors::from);
        let values = needs(&max_length).and_then(|max_length| {
            Ok(self.values(ValueReader {
                scalar_type,
                max_length: *max_length,
                stream: draw::mix(seed ^ draw::mix(draw::text_hash(&self.name))),
            })?)
        });
        let index = self
            .index
            .as_ref()
            .map(|index| index.resolve_scalar(scalar_type));
        let (values, index, max_length) = all((values, index.transpose(), max_length))?;
        Ok(ScalarField {
            name: self.name.clone(),
            scalar_type,
            max_length,
            values,
            index,
        })
    }

    fn scalar_type(&self) -> Result<ScalarType, OperationErrors> {
        let mut types = TYPES.iter();
        match types.find(|(name, _)| name.eq_ignore_ascii_case(&self.type_name)) {
            Some((_, scalar_type)) => Ok(*scalar_type),
            None => {
                let names: Vec<_> = TYPES.iter().map(|(name, _)| *name).collect();
                Ok(refuse(
                    "type",
                    format!(
                        "is {:?}, expected one of {}",
                        self.type_name,
                        names.join(", ")
                    ),
                )?)
            }
        }
    }

    fn values(&self, reader: ValueReader) -> Result<FieldValues, OperationError> {
        match &self.values {
            None => reader.row_number(),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("row-number") => {
                reader.row_number()
            }
            Some(Value::Table(table)) => reader.table(table),
            Some(found) => refuse("values", format!("is {found}, expected one of {FORMS}")),
        }
    }

    fn max_length(&self, scalar_type: ScalarType) -> Result<Option<u32>, OperationError> {
        match (scalar_type, self.max_length) {
            (ScalarType::VarChar, Some(length @ 1..=MAX_TEXT)) => Ok(Some(length as u32)),
            (ScalarType::VarChar, Some(length)) => refuse(
                "max_length",
                format!("is {length}, expected 1 to {MAX_TEXT}"),
            ),
            (ScalarType::VarChar, None) => refuse(
                "max_length",
                format!("is missing, VarChar needs it: 1 to {MAX_TEXT}"),
            ),
            (_, Some(_)) => refuse(
                "max_length",
                format!("is for VarChar only, the type is {}", scalar_type.name()),
            ),
            (_, None) => Ok(None),
        }
    }
}

fn check_name(name: &str) -> Result<(), OperationError> {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.len() <= 255
        && name.bytes().all(word)
        && name
            .bytes()
            .next()
            .is_some_and(|first| !first.is_ascii_digit())
    {
        return Ok(());
    }
    refuse(
        "name",
        format!(
            "is {name:?}, expected at most 255 letters, digits and _, not beginning with a digit"
        ),
    )
}

/// Reads `values` for one type.
struct ValueReader {
    scalar_type: ScalarType,
    max_length: Option<u32>,
    stream: u64,
}

impl ValueReader {
    fn row_number(&self) -> Result<FieldValues, OperationError> {
        self.check_length("values", ROW_DIGITS)?;
        Ok(FieldValues::RowNumber)
    }

    fn table(&self, table: &Table) -> Result<FieldValues, OperationError> {
        let kinds = ["choice", "uniform", "constant", "text"];
        let allowed =
            |key: &str| kinds.contains(&key) || (key == "weights" && table.contains_key("choice"));
        if let Some(key) = table.keys().find(|key| !allowed(key)) {
            return refuse(
                &format!("values.{key}"),
                format!("is not a known form, expected one of {FORMS}"),
            );
        }
        let given: Vec<_> = kinds
            .iter()
            .filter_map(|kind| table.get(*kind).map(|value| (*kind, value)))
            .collect();
        match given[..] {
            [("choice", value)] => self.choice(value, table.get("weights")),
            [("uniform", value)] => self.uniform(value),
            [("constant", value)] => {
                Ok(FieldValues::Constant(self.value("values.constant", value)?))
            }
            [("text", value)] => self.text(value),
            _ => refuse(
                "values",
                format!(
                    "has {} of its forms, expected exactly one of {FORMS}",
                    given.len()
                ),
            ),
        }
    }

    fn choice(
        &self,
        value: &Value,
        weights: Option<&Value>,
    ) -> Result<FieldValues, OperationError> {
        let Some(items) = value
            .as_array()
            .filter(|items| (1..=100_000).contains(&items.len()))
        else {
            return refuse(
                "values.choice",
                format!("is {value}, expected a list of 1 to 100000 values"),
            );
        };
        let values = items
            .iter()
            .map(|item| self.value("values.choice", item))
            .collect::<Result<Vec<_>, _>>()?;
        let cumulative = shares(weights, values.len());
        let cumulative = cumulative.or_else(|message| refuse("values.weights", message))?;
        Ok(FieldValues::Choice {
            stream: self.stream,
            cumulative,
            values,
        })
    }

    fn uniform(&self, value: &Value) -> Result<FieldValues, OperationError> {
        let wrong = || {
            let kind = if self.scalar_type.int_range().is_some() {
                "whole numbers of the type"
            } else {
                "numbers"
            };
            refuse(
                "values.uniform",
                format!(
                    "is {value} for {}, expected [lowest, highest], two {kind}",
                    self.scalar_type.name()
                ),
            )
        };
        let Some([low, high]) = value.as_array().map(Vec::as_slice) else {
            return wrong();
        };
        if let Some((least, most)) = self.scalar_type.int_range() {
            return match (low.as_integer(), high.as_integer()) {
                (Some(min), Some(max)) if least <= min && min <= max && max <= most => {
                    Ok(FieldValues::UniformInt {
                        stream: self.stream,
                        min,
                        max,
                    })
                }
                _ => wrong(),
            };
        }
        match (self.scalar_type, number(low), number(high)) {
            (ScalarType::Float | ScalarType::Double, Some(min), Some(max))
                if min <= max && (max - min).is_finite() =>
            {
                Ok(FieldValues::UniformFloat {
                    stream: self.stream,
                    min,
                    max,
                })
            }
            (ScalarType::Float | ScalarType::Double, ..) => wrong(),
            _ => refuse(
                "values.uniform",
                format!("is for numbers, the type is {}", self.scalar_type.name()),
            ),
        }
    }

    fn text(&self, value: &Value) -> Result<FieldValues, OperationError> {
        if self.scalar_type != ScalarType::VarChar {
            return refuse(
                "values.text",
                format!(
                    "is for VarChar only, the type is {}",
                    self.scalar_type.name()
                ),
            );
        }
        let Some((prefix, suffix)) = value.as_str().and_then(|text| text.split_once("{row}"))
        else {
            return refuse(
                "values.text",
                format!(
                    "is {value}, expected text that contains {{row}}; use constant for the same \
                     text in every row"
                ),
            );
        };
        self.check_length("values.text", prefix.len() + suffix.len() + ROW_DIGITS)?;
        Ok(FieldValues::Text {
            prefix: prefix.to_owned(),
            suffix: suffix.to_owned(),
        })
    }

    fn value(&self, key: &str, value: &Value) -> Result<FieldValue, OperationError> {
        let name = self.scalar_type.name();
        let wrong = || {
            refuse(
                key,
                format!("holds {value}, expected a value of type {name}"),
            )
        };
        match (self.scalar_type, value) {
            (ScalarType::Bool, Value::Boolean(flag)) => Ok(FieldValue::Bool(*flag)),
            (ScalarType::Float | ScalarType::Double, found) => {
                number(found).map_or_else(wrong, |number| Ok(FieldValue::Float(number)))
            }
            (ScalarType::VarChar, Value::String(text)) => {
                self.check_length(key, text.len())?;
                Ok(FieldValue::Text(text.clone()))
            }
            (ScalarType::Json, found) => match serde_json::to_string(found) {
                Ok(text) => Ok(FieldValue::Text(text)),
                Err(_) => wrong(),
            },
            (_, Value::Integer(number)) => match self.scalar_type.int_range() {
                Some((least, most)) if (least..=most).contains(number) => {
                    Ok(FieldValue::Int(*number))
                }
                _ => wrong(),
            },
            _ => wrong(),
        }
    }

    /// A text that the server would refuse in the middle of the run is refused here.
    fn check_length(&self, key: &str, length: usize) -> Result<(), OperationError> {
        match self.max_length {
            Some(most) if length > most as usize => refuse(
                key,
                format!("makes texts of up to {length} bytes, max_length allows {most}: raise it"),
            ),
            _ => Ok(()),
        }
    }
}

/// The rising sums of `weights`, divided by the last, of `count` values (at least 1).
///
/// # Errors
/// They are not as many numbers from 0 on, or all are 0; what is said goes on after the key.
pub(super) fn shares(weights: Option<&Value>, count: usize) -> Result<Vec<f64>, String> {
    let weights = match weights {
        None => vec![1.0; count],
        Some(found) => {
            let items = found.as_array().map(Vec::as_slice).unwrap_or_default();
            let numbers: Option<Vec<f64>> = items.iter().map(number).collect();
            let good = |numbers: &Vec<f64>| {
                let sum: f64 = numbers.iter().sum();
                let all = numbers.iter().all(|number| *number >= 0.0);
                numbers.len() == count && all && sum > 0.0 && sum.is_finite()
            };
            numbers.filter(good).ok_or_else(|| {
                format!("is {found}, expected {count} numbers from 0, one per choice, not all 0")
            })?
        }
    };
    let total: f64 = weights.iter().sum();
    let sums = weights.iter().scan(0.0, |sum, weight| {
        *sum += weight / total;
        Some(*sum)
    });
    Ok(sums.collect())
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Float(number) => Some(*number).filter(|number| number.is_finite()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
