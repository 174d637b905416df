//! The other values of the objects, as columns.

use std::sync::Arc;

use serde_json::Value;

use super::{
    super::super::vectors::{Cell, Column, ColumnType, Columns},
    line::name,
    lines::Lines,
};

/// Lines that the columns are found in.
const LOOKED_AT: u64 = 1024;

/// The columns of the first lines.
#[derive(Clone, Debug)]
pub(super) struct Table {
    lines: Arc<Lines>,
    list: Vec<Column>,
}

impl Table {
    pub(super) fn of(lines: &Arc<Lines>, vector: &str) -> Result<Self, String> {
        let mut found: Vec<(String, Option<ColumnType>)> = Vec::new();
        lines.objects(0, LOOKED_AT.min(lines.rows()), |_, object| {
            for (key, value) in &object {
                if key == vector {
                    continue;
                }
                let at = found.iter().position(|(known, _)| known == key);
                let at = at.unwrap_or_else(|| {
                    found.push((key.clone(), None));
                    found.len() - 1
                });
                found[at].1 = common(found[at].1.take(), of_value(value));
            }
            Ok(())
        })?;
        let column = |(name, found): (String, Option<ColumnType>)| Column {
            column_type: found.unwrap_or_else(|| {
                let lines = LOOKED_AT.min(lines.rows());
                ColumnType::Unreadable(format!("it is null in the first {lines} lines"))
            }),
            name,
            nullable: true,
        };
        Ok(Self {
            lines: Arc::clone(lines),
            list: found.into_iter().map(column).collect(),
        })
    }
}

fn of_value(value: &Value) -> Option<ColumnType> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(_) => ColumnType::Bool,
        Value::Number(number) if number.is_i64() => ColumnType::Int,
        Value::Number(_) => ColumnType::Float,
        Value::String(_) => ColumnType::Text,
        Value::Object(_) => ColumnType::Json,
        Value::Array(list) => {
            let of_values = list.iter().map(of_value).fold(None, common);
            match of_values {
                Some(ColumnType::Json | ColumnType::List(_)) => ColumnType::Json,
                Some(element) => ColumnType::List(Box::new(element)),
                // Of an empty list: what the others are.
                None => ColumnType::List(Box::new(ColumnType::Unreadable(String::new()))),
            }
        }
    })
}

/// The type that holds both.
fn common(one: Option<ColumnType>, other: Option<ColumnType>) -> Option<ColumnType> {
    use ColumnType::{Float, Int, Json, List, Unreadable};
    let Some(one) = one else {
        return other;
    };
    Some(match (one, other) {
        (one, None) => one,
        (one, Some(other)) if one == other => one,
        (Int, Some(Float)) | (Float, Some(Int)) => Float,
        (List(one), Some(List(other))) => match (*one, *other) {
            (Unreadable(_), known) | (known, Unreadable(_)) => List(Box::new(known)),
            (one, other) => match common(Some(one), Some(other)) {
                Some(Json) | None => Json,
                Some(element) => List(Box::new(element)),
            },
        },
        _ => Json,
    })
}

impl Columns for Table {
    fn list(&self) -> &[Column] {
        &self.list
    }

    fn cells(&self, number: usize, first: u64, count: u64) -> Result<Vec<Cell>, String> {
        let column = &self.list[number];
        let mut cells = Vec::with_capacity(count as usize);
        self.lines.objects(first, count, |row, mut object| {
            let value = object.remove(&column.name).unwrap_or(Value::Null);
            let found = name(&value);
            let cell = cell(value, &column.column_type).ok_or_else(|| {
                format!(
                    "has {found} in {} of line {}, expected {}",
                    column.name,
                    row + 1,
                    words(&column.column_type)
                )
            })?;
            cells.push(cell);
            Ok(())
        })?;
        Ok(cells)
    }
}

fn cell(value: Value, of: &ColumnType) -> Option<Cell> {
    Some(match (of, value) {
        (ColumnType::Unreadable(_), value) if !value.is_null() => return None,
        (_, Value::Null) => Cell::Null,
        (ColumnType::Bool, Value::Bool(value)) => Cell::Bool(value),
        (ColumnType::Int, Value::Number(number)) => Cell::Int(number.as_i64()?),
        (ColumnType::Float, Value::Number(number)) => Cell::Float(number.as_f64()?),
        (ColumnType::Text, Value::String(text)) => Cell::Text(text),
        (ColumnType::Json, value) => Cell::Json(value.to_string()),
        (ColumnType::List(element), Value::Array(list)) => {
            let cells = list.into_iter().map(|value| cell(value, element));
            Cell::List(cells.collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

fn words(column: &ColumnType) -> &'static str {
    match column {
        ColumnType::Bool => "true or false",
        ColumnType::Int => "a whole number",
        ColumnType::Float => "a number",
        ColumnType::Text => "a text",
        ColumnType::Json => "anything",
        ColumnType::List(_) => "a list of values of one type",
        ColumnType::Unreadable(_) => "null as in the lines before",
    }
}
