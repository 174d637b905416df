//! The forms of `values` as written, checked.

use toml::{Table, Value};

use super::{
    cells::{self, Fit},
    types::FieldType,
    values::{FieldValue, FieldValues},
};
use crate::{
    dataset::{DataColumn, Source},
    operation::{OperationError, ScalarType, draw, keys::refuse},
};

const FORMS: &str = "\"row-number\", { choice = [..], weights = [..] }, { uniform = [lowest, \
                     highest] }, { constant = .. }, { column = \"name\" }, for VarChar { text = \
                     \"prefix-{row}\" }, or for JSON { columns = [\"name\", ..] }";

/// The names of the forms.
const KINDS: [&str; 6] = ["choice", "uniform", "constant", "text", "column", "columns"];

/// Digits of the largest row id.
const ROW_DIGITS: usize = 19;

/// Reads `values` for one type.
#[derive(Clone, Copy)]
pub(super) struct ValueReader<'a> {
    pub(super) field_type: FieldType,
    /// Hash of (seed, field name).
    pub(super) stream: u64,
    pub(super) data: Option<&'a Source>,
}

impl ValueReader<'_> {
    /// `column` is that of the form `{ column = .. }`, if it is of this.
    pub(super) fn values(
        self,
        written: Option<&Value>,
        column: Option<DataColumn>,
    ) -> Result<FieldValues, OperationError> {
        match written {
            None => self.row_number(),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("row-number") => {
                self.row_number()
            }
            Some(Value::Table(table)) => self.table(table, column),
            Some(found) => refuse("values", format!("is {found}, expected one of {FORMS}")),
        }
    }

    fn row_number(&self) -> Result<FieldValues, OperationError> {
        self.check_length("values", ROW_DIGITS)?;
        Ok(match self.field_type.element {
            // An array of it alone.
            Some(element) => FieldValues::List {
                stream: 0,
                min: 1,
                max: 1,
                element,
                elements: Box::new(FieldValues::RowNumber),
            },
            None => FieldValues::RowNumber,
        })
    }

    fn table(
        &self,
        table: &Table,
        column: Option<DataColumn>,
    ) -> Result<FieldValues, OperationError> {
        let is_array = self.field_type.element.is_some();
        let allowed = |key: &str| match key {
            "weights" => table.contains_key("choice"),
            "length" => is_array && (table.contains_key("choice") || table.contains_key("uniform")),
            "nulls" => !table.contains_key("column"),
            _ => KINDS.contains(&key),
        };
        if let Some(key) = table.keys().find(|key| !allowed(key)) {
            return refuse(
                &format!("values.{key}"),
                format!("is not a known form, expected one of {FORMS}"),
            );
        }
        let given: Vec<_> = KINDS
            .iter()
            .filter_map(|kind| table.get(*kind).map(|value| (*kind, value)))
            .collect();
        let of_elements = table.get("length").zip(self.field_type.element());
        let reader = match of_elements {
            Some((_, field_type)) => Self {
                field_type,
                ..*self
            },
            None => *self,
        };
        let values = match (&given[..], column) {
            ([("column", _)], Some(column)) => self.column(column),
            ([("choice", value)], _) => reader.choice(value, table.get("weights")),
            ([("uniform", value)], _) => reader.uniform(value),
            ([("constant", value)], _) => {
                Ok(FieldValues::Constant(self.value("values.constant", value)?))
            }
            ([("text", value)], _) => self.text(value),
            ([("columns", value)], _) => self.columns(value),
            ([], _) if table.contains_key("nulls") => self.row_number(),
            _ => refuse(
                "values",
                format!(
                    "has {} of its forms, expected exactly one of {FORMS}",
                    given.len()
                ),
            ),
        }?;
        let values = match of_elements {
            Some((length, field_type)) => self.lists(length, field_type, values)?,
            None => values,
        };
        match table.get("nulls") {
            Some(share) => self.nulls(share, values),
            None => Ok(values),
        }
    }

    fn nulls(&self, share: &Value, values: FieldValues) -> Result<FieldValues, OperationError> {
        match number(share) {
            Some(share) if (0.0..=1.0).contains(&share) => Ok(FieldValues::Nulls {
                stream: draw::mix(!self.stream),
                share,
                values: Box::new(values),
            }),
            _ => refuse(
                "values.nulls",
                format!("is {share}, expected the share of rows without a value, from 0 to 1"),
            ),
        }
    }

    /// Arrays of drawn elements.
    fn lists(
        &self,
        length: &Value,
        element: FieldType,
        elements: FieldValues,
    ) -> Result<FieldValues, OperationError> {
        let most = self.field_type.max_capacity.unwrap_or(0);
        let ends = match length {
            Value::Array(ends) => match ends[..] {
                [Value::Integer(min), Value::Integer(max)] => Some((min, max)),
                _ => None,
            },
            Value::Integer(length) => Some((*length, *length)),
            _ => None,
        };
        match ends {
            Some((min, max)) if 0 <= min && min <= max && max <= i64::from(most) => {
                Ok(FieldValues::List {
                    stream: draw::mix(self.stream),
                    min: min as u32,
                    max: max as u32,
                    element: element.scalar_type,
                    elements: Box::new(elements),
                })
            }
            _ => refuse(
                "values.length",
                format!(
                    "is {length}, expected a number of elements from 0 to {most}, or [least, most]"
                ),
            ),
        }
    }

    fn column(&self, column: DataColumn) -> Result<FieldValues, OperationError> {
        let fit = Fit {
            field_type: self.field_type,
            // Whether the field allows rows without a value is looked at with it.
            allows_null: true,
            objects: false,
        };
        let longest = match self.field_type.most_bytes() {
            Some(bytes) if !cells::is_looked_at(&column) || bytes <= 10 => bytes,
            _ => fit
                .longest(&column)
                .or_else(|error| refuse("values", format!("can't be used: {error}")))?,
        };
        Ok(FieldValues::Column { column, longest })
    }

    fn columns(&self, names: &Value) -> Result<FieldValues, OperationError> {
        if self.field_type.scalar_type != ScalarType::Json {
            return refuse(
                "values.columns",
                format!("is for JSON only, the type is {}", self.field_type.name()),
            );
        }
        let Some(names) = names.as_array().filter(|names| !names.is_empty()) else {
            return refuse(
                "values.columns",
                format!("is {names}, expected a list of names of columns"),
            );
        };
        let columns = names
            .iter()
            .map(|name| cells::named_column("values.columns", name, self.data))
            .collect::<Result<Vec<_>, _>>()?;
        let longest = cells::longest_object(&columns)
            .or_else(|error| refuse("values", format!("can't be used: {error}")))?;
        Ok(FieldValues::Object { columns, longest })
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
            let kind = if self.field_type.scalar_type.int_range().is_some() {
                "whole numbers of the type"
            } else {
                "numbers"
            };
            refuse(
                "values.uniform",
                format!(
                    "is {value} for {}, expected [lowest, highest], two {kind}",
                    self.field_type.name()
                ),
            )
        };
        let Some([low, high]) = value.as_array().map(Vec::as_slice) else {
            return wrong();
        };
        if let Some((least, most)) = self.field_type.scalar_type.int_range() {
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
        match (self.field_type.scalar_type, number(low), number(high)) {
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
                format!("is for numbers, the type is {}", self.field_type.name()),
            ),
        }
    }

    fn text(&self, value: &Value) -> Result<FieldValues, OperationError> {
        if self.field_type.scalar_type != ScalarType::VarChar {
            return refuse(
                "values.text",
                format!(
                    "is for VarChar only, the type is {}",
                    self.field_type.name()
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

    /// One value of the type.
    pub(super) fn value(&self, key: &str, value: &Value) -> Result<FieldValue, OperationError> {
        let name = self.field_type.name();
        let wrong = || {
            refuse(
                key,
                format!("holds {value}, expected a value of type {name}"),
            )
        };
        match (self.field_type.scalar_type, value) {
            (ScalarType::Array, Value::Array(items)) => self.list(key, items),
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
            (_, Value::Integer(number)) => match self.field_type.scalar_type.int_range() {
                Some((least, most)) if (least..=most).contains(number) => {
                    Ok(FieldValue::Int(*number))
                }
                _ => wrong(),
            },
            _ => wrong(),
        }
    }

    fn list(&self, key: &str, items: &[Value]) -> Result<FieldValue, OperationError> {
        let most = self.field_type.max_capacity.unwrap_or(0) as usize;
        if items.len() > most {
            return refuse(
                key,
                format!(
                    "holds {} elements, max_capacity allows {most}: raise it",
                    items.len()
                ),
            );
        }
        let Some(field_type) = self.field_type.element() else {
            return Ok(FieldValue::List(Vec::new()));
        };
        let reader = Self {
            field_type,
            ..*self
        };
        let values = items.iter().map(|item| reader.value(key, item));
        Ok(FieldValue::List(values.collect::<Result<_, _>>()?))
    }

    /// A text that the server would refuse in the middle of the run is refused here.
    fn check_length(&self, key: &str, length: usize) -> Result<(), OperationError> {
        match self.field_type.max_length {
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
pub(in crate::operation) fn shares(
    weights: Option<&Value>,
    count: usize,
) -> Result<Vec<f64>, String> {
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
