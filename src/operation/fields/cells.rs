//! Columns of a data set as values of a field: which type goes with which, and what single cells
//! may hold.

use toml::Value;

use super::{
    types::FieldType,
    values::{FieldValue, FieldValues},
};
use crate::{
    dataset::{Cell, ColumnType, DataColumn, DatasetError, Source},
    operation::{OperationError, ScalarField, ScalarType, keys::refuse},
};

/// Rows up to which all cells are looked at before the run; those beyond are when they are sent.
const LOOKED_AT: u64 = 1_000_000;
/// Rows that are looked at in one go.
const AT_ONCE: u64 = 8192;

/// The column that `values = { column = ... }` names; None where it is of another form.
pub(super) fn column_of(
    values: Option<&Value>,
    data: Option<&Source>,
) -> Result<Option<DataColumn>, OperationError> {
    let Some(named) = values.and_then(|values| values.as_table()?.get("column")) else {
        return Ok(None);
    };
    named_column("values.column", named, data).map(Some)
}

/// The column of this name.
pub(in crate::operation) fn named_column(
    key: &str,
    named: &Value,
    data: Option<&Source>,
) -> Result<DataColumn, OperationError> {
    let Some(name) = named.as_str() else {
        return refuse(key, format!("is {named}, expected the name of a column"));
    };
    let Some(data) = data else {
        return refuse(
            key,
            format!("is {name:?}, but the collection has no data set: give it one (`data`)"),
        );
    };
    let column = data
        .column(name)
        .or_else(|story| refuse(key, format!("is {name:?}, {story}")))?;
    if let ColumnType::Unreadable(why) = column.column_type() {
        return refuse(key, format!("is {name:?}, which can't be read: {why}"));
    }
    Ok(column)
}

/// The type of field that a column becomes where none is given, and that of its elements.
pub(super) fn natural(column_type: &ColumnType) -> (ScalarType, Option<ScalarType>) {
    let scalar_type = match column_type {
        ColumnType::Bool => ScalarType::Bool,
        ColumnType::Int => ScalarType::Int64,
        ColumnType::Float => ScalarType::Double,
        ColumnType::Text => ScalarType::VarChar,
        ColumnType::Json | ColumnType::Unreadable(_) => ScalarType::Json,
        ColumnType::List(element) => {
            return match natural(element) {
                (element, None) if element.is_element() => (ScalarType::Array, Some(element)),
                // Lists of lists are JSON only.
                _ => (ScalarType::Json, None),
            };
        }
    };
    (scalar_type, None)
}

/// Whether cells of the column may become values of the type.
pub(super) fn check_type(column: &DataColumn, field: FieldType) -> Result<(), OperationError> {
    let found = column.column_type();
    if goes(found, field) {
        return Ok(());
    }
    refuse(
        "values.column",
        format!(
            "is {:?}, whose cells are of type {} and can't become values of type {}: use a field \
             of type {}, or JSON",
            column.name(),
            found.name(),
            field.name(),
            natural(found).0.name()
        ),
    )
}

fn goes(found: &ColumnType, field: FieldType) -> bool {
    match (field.scalar_type, found) {
        (_, ColumnType::Unreadable(_)) => false,
        (ScalarType::Json, _)
        | (ScalarType::Bool, ColumnType::Bool)
        | (ScalarType::VarChar, ColumnType::Text)
        | (ScalarType::Float | ScalarType::Double, ColumnType::Int | ColumnType::Float) => true,
        (ScalarType::Array, ColumnType::List(found)) => {
            field.element().is_some_and(|element| goes(found, element))
        }
        (of, ColumnType::Int) => of.int_range().is_some(),
        _ => false,
    }
}

/// What cells must be to become values of a field.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fit {
    pub(super) field_type: FieldType,
    /// Whether a row may hold none, so that nothing is sent for it.
    pub(super) allows_null: bool,
    /// Whether each must be a JSON object.
    pub(super) objects: bool,
}

impl Fit {
    pub(super) fn of(field: &ScalarField) -> Self {
        Self {
            field_type: field.field_type(),
            allows_null: field.nullable || field.default.is_some(),
            objects: false,
        }
    }

    /// That of the dynamic field.
    pub(super) fn of_objects() -> Self {
        Self {
            field_type: FieldType::of(ScalarType::Json),
            allows_null: false,
            objects: true,
        }
    }

    /// The values of `count` rows from row `first` on.
    pub(super) fn values(
        self,
        column: &DataColumn,
        first: u64,
        count: u64,
    ) -> Result<Vec<FieldValue>, DatasetError> {
        let cells = column.cells(first, count)?;
        let rows = first..first.saturating_add(count);
        rows.zip(cells)
            .map(|(row, cell)| self.value(column, row, cell))
            .collect()
    }

    fn value(self, column: &DataColumn, row: u64, cell: Cell) -> Result<FieldValue, DatasetError> {
        if cell == Cell::Null {
            return match (self.allows_null, self.objects) {
                (true, _) => Ok(FieldValue::Null),
                (false, true) => Ok(FieldValue::Text("{}".to_owned())),
                (false, false) => Err(column.cell_error(
                    row,
                    "no value",
                    "the field needs one in every row; set nullable = true, or a default",
                )),
            };
        }
        let value = converted(cell, self.field_type)
            .map_err(|unfit| column.cell_error(row, &unfit.holds, &unfit.rule))?;
        match &value {
            FieldValue::Text(text) if self.objects && !is_object(text) => Err(column.cell_error(
                row,
                "JSON that is not a table of values",
                "the dynamic field needs one in every row",
            )),
            _ => Ok(value),
        }
    }

    /// Looks at all cells of a column, up to [`LOOKED_AT`], before anything is sent.
    pub(super) fn look_at(self, field: &ScalarField) -> Result<(), DatasetError> {
        match &field.values {
            FieldValues::Column { column, .. } if !self.always_fits(column) => {
                self.longest(column).map(drop)
            }
            _ => Ok(()),
        }
    }

    fn always_fits(self, column: &DataColumn) -> bool {
        let of_any_value = matches!(
            (self.field_type.scalar_type, column.column_type()),
            (ScalarType::Bool, _) | (ScalarType::Int64 | ScalarType::Double, ColumnType::Int)
        );
        of_any_value && (self.allows_null || !column.is_nullable())
    }

    /// Most bytes of one of the first [`LOOKED_AT`] values, on the wire.
    pub(super) fn longest(self, column: &DataColumn) -> Result<usize, DatasetError> {
        let rows = column.rows().min(LOOKED_AT);
        let mut longest = 0;
        for first in (0..rows).step_by(AT_ONCE as usize) {
            let values = self.values(column, first, AT_ONCE.min(rows - first))?;
            let part = values.iter().map(FieldValue::bytes).max();
            longest = longest.max(part.unwrap_or(0));
        }
        Ok(longest)
    }
}

/// Whether all rows of a column are looked at before the run.
pub(super) fn is_looked_at(column: &DataColumn) -> bool {
    column.rows() <= LOOKED_AT
}

/// Why a cell can't become a value.
struct Unfit {
    holds: String,
    rule: String,
}

fn unfit<T>(holds: impl ToString, rule: impl ToString) -> Result<T, Unfit> {
    Err(Unfit {
        holds: holds.to_string(),
        rule: rule.to_string(),
    })
}

fn converted(cell: Cell, field: FieldType) -> Result<FieldValue, Unfit> {
    match (field.scalar_type, cell) {
        (ScalarType::Json, Cell::Json(text) | Cell::Text(text)) => json_text(text),
        (ScalarType::Json, cell) => {
            let mut text = String::new();
            write_json(cell, &mut text);
            Ok(FieldValue::Text(text))
        }
        (ScalarType::Bool, Cell::Bool(flag)) => Ok(FieldValue::Bool(flag)),
        (ScalarType::VarChar, Cell::Text(text)) => match field.max_length {
            Some(most) if text.len() > most as usize => unfit(
                format!("a text of {} bytes", text.len()),
                format!("max_length allows {most}; raise it"),
            ),
            _ => Ok(FieldValue::Text(text)),
        },
        (ScalarType::Double, Cell::Int(number)) => Ok(FieldValue::Float(number as f64)),
        (ScalarType::Float, Cell::Int(number)) => Ok(FieldValue::Float(number as f64)),
        (ScalarType::Float | ScalarType::Double, Cell::Float(number)) => {
            let fits = match field.scalar_type {
                ScalarType::Float => (number as f32).is_finite(),
                _ => number.is_finite(),
            };
            if fits {
                Ok(FieldValue::Float(number))
            } else {
                let name = field.scalar_type.name();
                unfit(
                    format!("{number:?}"),
                    format!("a {name} field needs a finite number"),
                )
            }
        }
        (ScalarType::Array, Cell::List(cells)) => list(cells, field),
        (scalar_type, Cell::Int(number)) => match scalar_type.int_range() {
            Some((least, most)) if (least..=most).contains(&number) => Ok(FieldValue::Int(number)),
            Some((least, most)) => unfit(
                number,
                format!(
                    "a field of type {} takes {least} to {most}",
                    scalar_type.name()
                ),
            ),
            None => unfit(number, format!("expected a value of type {}", field.name())),
        },
        (_, other) => unfit(
            format!("{other:?}"),
            format!("expected a value of type {}", field.name()),
        ),
    }
}

fn list(cells: Vec<Cell>, field: FieldType) -> Result<FieldValue, Unfit> {
    if let Some(most) = field
        .max_capacity
        .filter(|most| cells.len() > *most as usize)
    {
        return unfit(
            format!("{} elements", cells.len()),
            format!("max_capacity allows {most}; raise it"),
        );
    }
    let Some(element) = field.element() else {
        return Ok(FieldValue::List(Vec::new()));
    };
    let values = cells.into_iter().map(|cell| converted(cell, element));
    Ok(FieldValue::List(values.collect::<Result<_, _>>()?))
}

fn json_text(text: String) -> Result<FieldValue, Unfit> {
    match serde_json::from_str::<serde::de::IgnoredAny>(&text) {
        Ok(_) => Ok(FieldValue::Text(text)),
        Err(error) => unfit(
            format!("a text that is not JSON ({error})"),
            "a JSON field needs JSON texts",
        ),
    }
}

fn is_object(text: &str) -> bool {
    text.trim_start().starts_with('{')
}

/// A cell as JSON; texts of JSON as they are.
pub(super) fn write_json(cell: Cell, out: &mut String) {
    let simple = match cell {
        Cell::Json(text) => return out.push_str(&text),
        Cell::List(cells) => {
            out.push('[');
            for (at, cell) in cells.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_json(cell, out);
            }
            return out.push(']');
        }
        Cell::Null => serde_json::Value::Null,
        Cell::Bool(flag) => flag.into(),
        Cell::Int(number) => number.into(),
        Cell::Float(number) => number.into(),
        Cell::Text(text) => text.into(),
    };
    out.push_str(&simple.to_string());
}

/// Tables of the cells of these columns, one a row; a cell without a value is left out.
pub(super) fn objects(
    columns: &[DataColumn],
    first: u64,
    count: u64,
) -> Result<Vec<FieldValue>, DatasetError> {
    let mut texts = vec!["{".to_owned(); count as usize];
    for column in columns {
        let name = serde_json::Value::from(column.name()).to_string();
        for (text, cell) in texts.iter_mut().zip(column.cells(first, count)?) {
            if cell == Cell::Null {
                continue;
            }
            if text.len() > 1 {
                text.push(',');
            }
            text.push_str(&name);
            text.push(':');
            write_json(cell, text);
        }
    }
    let closed = texts.into_iter().map(|text| FieldValue::Text(text + "}"));
    Ok(closed.collect())
}

/// Most bytes of one of the first [`LOOKED_AT`] tables of these columns.
pub(super) fn longest_object(columns: &[DataColumn]) -> Result<usize, DatasetError> {
    let rows = columns.iter().map(DataColumn::rows).min().unwrap_or(0);
    let rows = rows.min(LOOKED_AT);
    let mut longest = 0;
    for first in (0..rows).step_by(AT_ONCE as usize) {
        let values = objects(columns, first, AT_ONCE.min(rows - first))?;
        let part = values.iter().map(FieldValue::bytes).max();
        longest = longest.max(part.unwrap_or(0));
    }
    Ok(longest)
}
