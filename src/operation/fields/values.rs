//! What rows hold: pure functions of the row id, or cells of the data set.

use super::{
    cells::{self, Fit},
    types::FieldType,
};
use crate::{
    dataset::{DataColumn, DatasetError},
    operation::{ScalarType, draw},
};

/// One value of a field.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldValue {
    /// None: nothing is sent for the row.
    Null,
    /// Of a Bool field.
    Bool(bool),
    /// Of an integer field, in the range of its type.
    Int(i64),
    /// Of a Float or Double field, finite.
    Float(f64),
    /// Of a VarChar field, or the JSON text of a JSON field.
    Text(String),
    /// Of an Array field: its elements.
    List(Vec<FieldValue>),
}

impl FieldValue {
    /// Bytes that it takes in an insert, at most.
    pub(super) fn bytes(&self) -> usize {
        match self {
            FieldValue::Null => 0,
            FieldValue::Bool(_) => 1,
            FieldValue::Int(_) => 10,
            FieldValue::Float(_) => 8,
            // A tag and up to three bytes of length before each.
            FieldValue::Text(text) => text.len() + 5,
            FieldValue::List(values) => 10 + values.iter().map(FieldValue::bytes).sum::<usize>(),
        }
    }
}

/// What the rows of a field hold: a pure function of the row id, or the cells of a column. `stream`
/// is a hash of (seed, field name).
#[derive(Clone, Debug, PartialEq)]
pub enum FieldValues {
    /// The row id: as a number (modulo what the type holds, from 0), its digits, whether it is odd,
    /// or `{"row": id}`.
    RowNumber,
    /// The same in every row.
    Constant(FieldValue),
    /// Whole numbers, both ends included, all equally likely.
    UniformInt {
        /// Hash of (seed, field name).
        stream: u64,
        /// Lowest number.
        min: i64,
        /// Highest number, at least `min`.
        max: i64,
    },
    /// Numbers in [min, max), all equally likely.
    UniformFloat {
        /// Hash of (seed, field name).
        stream: u64,
        /// Lowest number.
        min: f64,
        /// Upper end, at least `min`.
        max: f64,
    },
    /// One of a list.
    Choice {
        /// Hash of (seed, field name).
        stream: u64,
        /// Sums of the weights up to each value, rising; the last is 1.
        cumulative: Vec<f64>,
        /// The list, at least one.
        values: Vec<FieldValue>,
    },
    /// A text around the row id.
    Text {
        /// Before the row id.
        prefix: String,
        /// After the row id.
        suffix: String,
    },
    /// Arrays of drawn elements.
    List {
        /// Hash of (seed, field name).
        stream: u64,
        /// Fewest elements.
        min: u32,
        /// Most elements.
        max: u32,
        /// Type of the elements.
        element: ScalarType,
        /// What they are drawn from.
        elements: Box<FieldValues>,
    },
    /// The cells of a column of the data set, which begins again after its last row.
    Column {
        /// The column.
        column: DataColumn,
        /// Most bytes of one on the wire.
        longest: usize,
    },
    /// JSON tables of the cells of columns.
    Object {
        /// The columns, at least one.
        columns: Vec<DataColumn>,
        /// Most bytes of one on the wire.
        longest: usize,
    },
    /// Some rows hold none.
    Nulls {
        /// Hash of (seed, field name).
        stream: u64,
        /// Share of rows without a value.
        share: f64,
        /// What the others hold.
        values: Box<FieldValues>,
    },
}

impl FieldValues {
    /// The values of `count` rows from row `first` on.
    ///
    /// # Errors
    /// The cells of a column can't be read, or are not what the field takes.
    pub(super) fn of_rows(
        &self,
        fit: Fit,
        first: u64,
        count: u64,
    ) -> Result<Box<dyn Iterator<Item = FieldValue> + '_>, DatasetError> {
        Ok(match self {
            FieldValues::Column { column, .. } => {
                Box::new(fit.values(column, first, count)?.into_iter())
            }
            FieldValues::Object { columns, .. } => {
                Box::new(cells::objects(columns, first, count)?.into_iter())
            }
            FieldValues::Nulls {
                stream,
                share,
                values,
            } => {
                let values = values.of_rows(fit, first, count)?;
                Box::new((first..).zip(values).map(|(row, value)| {
                    if is_null(*stream, *share, row) {
                        FieldValue::Null
                    } else {
                        value
                    }
                }))
            }
            _ => Box::new(
                (first..first + count).map(move |row| self.value(fit.field_type.scalar_type, row)),
            ),
        })
    }

    /// Whether some rows hold none by the scenario.
    pub(super) fn has_nulls(&self) -> bool {
        matches!(self, FieldValues::Nulls { share, .. } if *share > 0.0)
    }

    /// Whether each is a table of values, where it is a JSON text.
    pub(super) fn makes_objects(&self) -> bool {
        let is_object =
            |value: &FieldValue| matches!(value, FieldValue::Text(text) if text.starts_with('{'));
        match self {
            FieldValues::RowNumber | FieldValues::Object { .. } | FieldValues::Column { .. } => {
                true
            }
            FieldValues::Constant(value) => is_object(value),
            FieldValues::Choice { values, .. } => values.iter().all(is_object),
            _ => false,
        }
    }

    /// The value of row `row` of a field of type `scalar_type`; of columns, whose rows are read
    /// together, none.
    #[must_use]
    pub fn value(&self, scalar_type: ScalarType, row: u64) -> FieldValue {
        let bits = |stream: u64| draw::mix(stream ^ draw::mix(row));
        match self {
            FieldValues::RowNumber => row_number(scalar_type, row),
            FieldValues::Constant(value) => value.clone(),
            FieldValues::UniformInt { stream, min, max } => {
                FieldValue::Int(draw::between(bits(*stream), *min, *max))
            }
            FieldValues::UniformFloat { stream, min, max } => {
                FieldValue::Float(min + draw::unit(bits(*stream)) * (max - min))
            }
            FieldValues::Choice {
                stream,
                cumulative,
                values,
            } => {
                let index = draw::pick(cumulative, bits(*stream));
                values.get(index).cloned().unwrap_or(FieldValue::Int(0))
            }
            FieldValues::Text { prefix, suffix } => {
                FieldValue::Text(format!("{prefix}{row}{suffix}"))
            }
            FieldValues::List {
                stream,
                min,
                max,
                element,
                elements,
            } => {
                let lengths = u64::from(max - min) + 1;
                let length = u64::from(*min) + draw::below(bits(*stream), lengths);
                // The first is that of the row, the others are those of rows far away.
                let row_of = |at| {
                    if at == 0 {
                        row
                    } else {
                        draw::mix(row ^ draw::mix(at))
                    }
                };
                let values = (0..length).map(|at| elements.value(*element, row_of(at)));
                FieldValue::List(values.collect())
            }
            FieldValues::Nulls {
                stream,
                share,
                values,
            } if !is_null(*stream, *share, row) => values.value(scalar_type, row),
            FieldValues::Column { .. } | FieldValues::Object { .. } | FieldValues::Nulls { .. } => {
                FieldValue::Null
            }
        }
    }

    /// Most bytes that a value takes in an insert.
    pub(in crate::operation) fn max_bytes(&self, scalar_type: ScalarType) -> usize {
        let fixed = |value: &FieldValue| match value {
            FieldValue::Text(text) => text.len(),
            _ => 0,
        };
        let most_of = |values: &[FieldValue]| values.iter().map(FieldValue::bytes).max();
        let text = match self {
            FieldValues::Column { longest, .. } | FieldValues::Object { longest, .. } => {
                return *longest;
            }
            FieldValues::List {
                max,
                element,
                elements,
                ..
            } => return 10 + *max as usize * elements.max_bytes(*element),
            FieldValues::Nulls { values, .. } => return 1 + values.max_bytes(scalar_type),
            FieldValues::Constant(value @ FieldValue::List(_)) => return value.bytes(),
            FieldValues::Choice { values, .. } if scalar_type == ScalarType::Array => {
                return most_of(values).unwrap_or(0);
            }
            FieldValues::Constant(value) => fixed(value),
            FieldValues::Choice { values, .. } => values.iter().map(fixed).max().unwrap_or(0),
            FieldValues::Text { prefix, suffix } => prefix.len() + suffix.len() + 20,
            _ => 30,
        };
        match FieldType::of(scalar_type).most_bytes() {
            Some(bytes) => bytes,
            // A tag and up to three bytes of length before each.
            None => text + 5,
        }
    }
}

fn is_null(stream: u64, share: f64, row: u64) -> bool {
    draw::unit(draw::mix(stream ^ draw::mix(row))) < share
}

fn row_number(scalar_type: ScalarType, row: u64) -> FieldValue {
    match scalar_type {
        ScalarType::Bool => FieldValue::Bool(row % 2 == 1),
        ScalarType::Float | ScalarType::Double => FieldValue::Float(row as f64),
        ScalarType::VarChar => FieldValue::Text(row.to_string()),
        ScalarType::Json => FieldValue::Text(format!("{{\"row\":{row}}}")),
        _ => {
            let most = scalar_type.int_range().map_or(i64::MAX, |(_, most)| most) as u64;
            FieldValue::Int((row % (most + 1)) as i64)
        }
    }
}
