//! The primary key of a collection, and the key of each row: its number, or the cell of a column.
//!
//! Everything else counts rows. Keys are made of row numbers where a request is encoded, and row
//! numbers of keys where the ids of a reply are compared.

use std::{fmt, fmt::Write as _, sync::Arc};

use toml::Value;

use super::{MAX_TEXT, OperationError, fields::named_column, keys::refuse, values::escape};
use crate::{
    dataset::{Cell, ColumnType, DataColumn, Source},
    milvus::proto::{DataType, LongArray, StringArray, ids::IdField, scalar_field::Data},
};

/// Rows that are read in one go.
const AT_ONCE: u64 = 8192;
/// Digits of the largest row number.
const ROW_DIGITS: usize = 19;
/// In place of the number of a row that is none of the data set's.
const NO_ROW: i64 = -1;

/// Types of a primary key, as in a scenario.
pub const KEY_TYPES: [&str; 2] = ["Int64", "VarChar"];

/// The primary key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PrimaryKey {
    /// Name in the schema.
    pub name: String,
    /// Longest text in bytes, from 1 to [`MAX_TEXT`]; None of an Int64.
    pub max_length: Option<u32>,
    /// The keys of rows.
    pub keys: RowKeyValues,
}

/// The key of each row.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum RowKeyValues {
    /// Its number, as a number or in digits.
    #[default]
    RowNumber,
    /// The cell of a column; rows beyond the column's have new keys: the numbers after the largest
    /// one, or the texts with how often the data has begun again.
    Column(Arc<KeyColumn>),
}

/// The keys of a column, all different, found by row and by key.
pub struct KeyColumn {
    column: DataColumn,
    keys: Keys,
    /// Row numbers by ascending key; empty where that is their own order.
    order: Vec<u32>,
}

enum Keys {
    /// Numbers less than 2^32 apart: 4 bytes each, beside 4 of the order.
    Near { least: i64, above: Vec<u32> },
    /// Any numbers.
    Far(Vec<i64>),
    /// Texts one after the other, where each ends, and what is put before the number of a turn.
    Texts {
        bytes: Vec<u8>,
        ends: Vec<u64>,
        separator: String,
    },
}

/// What a scenario says of a primary key.
#[derive(Clone, Debug, Default)]
pub struct KeyOptions {
    /// `id_field`.
    pub name: String,
    /// `id_type`, where it is given.
    pub type_name: Option<String>,
    /// `id_values`, where it is given.
    pub values: Option<Value>,
    /// `id_max_length`, where it is given.
    pub max_length: Option<i64>,
}

impl KeyOptions {
    /// The key with everything checked; a column is read as a whole.
    ///
    /// # Errors
    /// A key whose value is not allowed, rows without a key, or two with the same.
    pub fn resolve(&self, data: Option<&Source>) -> Result<PrimaryKey, OperationError> {
        let column = self.column(data)?;
        let of_column = column.as_ref().map(DataColumn::column_type);
        let is_text = match &self.type_name {
            Some(name) => name.eq_ignore_ascii_case(KEY_TYPES[1]),
            None => of_column == Some(&ColumnType::Text),
        };
        match of_column {
            None | Some(ColumnType::Int) => {}
            Some(ColumnType::Text) if is_text => {}
            Some(other) => {
                let rule = if is_text || *other != ColumnType::Text {
                    "a primary key is of numbers or texts"
                } else {
                    "use id_type = \"VarChar\""
                };
                return refuse(
                    "id_values.column",
                    format!(
                        "is {:?}, whose cells are of type {}: {rule}",
                        column.as_ref().map_or("", DataColumn::name),
                        other.name()
                    ),
                );
            }
        }
        let max_length = self.max_length(is_text)?;
        let keys = match column {
            None => {
                self.check_length(max_length, ROW_DIGITS, "row numbers")?;
                RowKeyValues::RowNumber
            }
            Some(column) => {
                let keys = KeyColumn::read(column, is_text)
                    .or_else(|story| refuse("id_values.column", story))?;
                self.check_length(max_length, keys.longest(), "its keys")?;
                if keys.are_row_numbers() {
                    RowKeyValues::RowNumber
                } else {
                    RowKeyValues::Column(Arc::new(keys))
                }
            }
        };
        Ok(PrimaryKey {
            name: self.name.clone(),
            max_length,
            keys,
        })
    }

    fn column(&self, data: Option<&Source>) -> Result<Option<DataColumn>, OperationError> {
        let Some(values) = &self.values else {
            return Ok(None);
        };
        let table = values.as_table();
        match table.and_then(|table| Some((table.len(), table.get("column")?))) {
            Some((1, named)) => named_column("id_values.column", named, data).map(Some),
            _ if values.as_str() == Some("row-number") => Ok(None),
            _ => refuse(
                "id_values",
                format!("is {values}, expected \"row-number\" or {{ column = \"name\" }}"),
            ),
        }
    }

    fn max_length(&self, is_text: bool) -> Result<Option<u32>, OperationError> {
        match (is_text, self.max_length) {
            (true, Some(length)) => Ok(Some(length as u32)),
            (true, None) => Ok(Some(MAX_TEXT as u32)),
            (false, None) => Ok(None),
            (false, Some(length)) => refuse(
                "id_max_length",
                format!("is {length}, but the primary key is an Int64: omit it"),
            ),
        }
    }

    fn check_length(
        &self,
        max_length: Option<u32>,
        longest: usize,
        what: &str,
    ) -> Result<(), OperationError> {
        match max_length {
            Some(most) if longest > most as usize => refuse(
                "id_max_length",
                format!("is {most}, but {what} have up to {longest} bytes: raise it"),
            ),
            _ => Ok(()),
        }
    }
}

impl PrimaryKey {
    /// Whether keys are texts.
    #[must_use]
    pub fn is_text(&self) -> bool {
        self.max_length.is_some()
    }

    /// Its type in the schema.
    pub(super) fn data_type(&self) -> DataType {
        if self.is_text() {
            DataType::VarChar
        } else {
            DataType::Int64
        }
    }

    /// Rows that can have keys.
    pub(super) fn most_rows(&self) -> u64 {
        match &self.keys {
            RowKeyValues::RowNumber => i64::MAX as u64,
            RowKeyValues::Column(column) => column.most_rows(),
        }
    }

    /// Most bytes of a key in a request.
    pub(super) fn max_bytes(&self) -> u64 {
        match (&self.keys, self.max_length) {
            (_, None) => 10,
            (RowKeyValues::RowNumber, Some(_)) => 20 + 3,
            (RowKeyValues::Column(column), Some(_)) => column.longest_of_turns() as u64 + 4,
        }
    }

    /// Most bytes that a text has after the data has begun again, where that is more than the field
    /// takes.
    pub(super) fn too_long_to_repeat(&self) -> Option<usize> {
        let (RowKeyValues::Column(column), Some(most)) = (&self.keys, self.max_length) else {
            return None;
        };
        let longest = column.longest_of_turns();
        (longest > most as usize).then_some(longest)
    }

    /// The keys of `rows`, each below [`Self::most_rows`].
    pub(super) fn of_rows(&self, rows: impl Iterator<Item = u64>) -> Data {
        let column = match &self.keys {
            RowKeyValues::RowNumber => None,
            RowKeyValues::Column(column) => Some(column),
        };
        if self.is_text() {
            let text = |row: u64| match column {
                None => row.to_string(),
                Some(column) => column.text(row),
            };
            return Data::StringData(StringArray {
                data: rows.map(text).collect(),
            });
        }
        let data = match column {
            None => rows.map(|row| row as i64).collect(),
            Some(column) => rows.map(|row| column.number(row)).collect(),
        };
        Data::LongData(LongArray { data })
    }

    /// Appends the key of row `row` as an expression has it.
    pub(super) fn write(&self, row: u64, out: &mut String) {
        // Writing to a String can't fail.
        let _ = match (&self.keys, self.is_text()) {
            (RowKeyValues::RowNumber, false) => write!(out, "{row}"),
            (RowKeyValues::RowNumber, true) => write!(out, "\"{row}\""),
            (RowKeyValues::Column(column), false) => write!(out, "{}", column.number(row)),
            (RowKeyValues::Column(column), true) => {
                write_literal(&column.text(row), out);
                Ok(())
            }
        };
    }

    /// The numbers of the rows that have these keys, -1 for a key that none of the data set's rows
    /// has; None where the reply has keys of the other type.
    pub(super) fn rows_of(&self, ids: IdField) -> Option<Vec<i64>> {
        match (ids, &self.keys) {
            (IdField::IntId(ids), _) if self.is_text() => ids.data.is_empty().then(Vec::new),
            (IdField::StrId(ids), _) if !self.is_text() => ids.data.is_empty().then(Vec::new),
            (IdField::IntId(ids), RowKeyValues::RowNumber) => Some(ids.data),
            (IdField::IntId(ids), RowKeyValues::Column(column)) => {
                let row = |key: &i64| column.row_of_number(*key);
                Some(ids.data.iter().map(row).collect())
            }
            (IdField::StrId(ids), RowKeyValues::RowNumber) => {
                let row = |key: &String| key.parse().unwrap_or(NO_ROW);
                Some(ids.data.iter().map(row).collect())
            }
            (IdField::StrId(ids), RowKeyValues::Column(column)) => {
                let row = |key: &String| column.row_of_text(key);
                Some(ids.data.iter().map(row).collect())
            }
        }
    }
}

/// A text in quotes, as Milvus' expressions read it.
fn write_literal(text: &str, out: &mut String) {
    out.push('"');
    escape(out, text, '"');
    out.push('"');
}

impl KeyColumn {
    /// All keys of the column; the error goes on after its name.
    fn read(column: DataColumn, is_text: bool) -> Result<Self, String> {
        let named = |story: String| format!("is {:?}, but {story}", column.name());
        if column.rows() > u64::from(u32::MAX) {
            let rows = column.rows();
            return Err(named(format!(
                "a column of keys may have {} rows, this one has {rows}",
                u32::MAX
            )));
        }
        let keys = if is_text {
            read_texts(&column).map_err(named)?
        } else {
            read_numbers(&column).map_err(named)?
        };
        let order = keys.order();
        let mut found = Self {
            column,
            keys,
            order,
        };
        found.check_different()?;
        if found.order.is_sorted() {
            found.order = Vec::new();
        }
        Ok(found)
    }

    fn check_different(&self) -> Result<(), String> {
        for pair in self.order.windows(2) {
            let (first, second) = (u64::from(pair[0]), u64::from(pair[1]));
            if self.keys.is_same(first, second) {
                let mut key = String::new();
                match &self.keys {
                    Keys::Texts { .. } => write_literal(&self.text(first), &mut key),
                    _ => key = self.number(first).to_string(),
                }
                let (first, second) = (first.min(second), first.max(second));
                return Err(format!(
                    "is {:?}, which holds the key {key} in row {first} and in row {second}: every \
                     row needs a key of its own",
                    self.column.name()
                ));
            }
        }
        Ok(())
    }

    fn rows(&self) -> u64 {
        self.column.rows()
    }

    fn are_row_numbers(&self) -> bool {
        match &self.keys {
            Keys::Near { least: 0, above } => (0..).zip(above).all(|(row, key)| row == *key),
            _ => false,
        }
    }

    /// The row with the `at`-th key.
    fn row_at(&self, at: usize) -> u64 {
        self.order.get(at).map_or(at as u64, |row| u64::from(*row))
    }

    fn largest(&self) -> i64 {
        self.number(self.row_at(self.rows() as usize - 1))
    }

    fn most_rows(&self) -> u64 {
        match &self.keys {
            Keys::Texts { .. } => i64::MAX as u64,
            _ => self
                .rows()
                .saturating_add(self.largest().abs_diff(i64::MAX))
                .min(i64::MAX as u64),
        }
    }

    fn number(&self, row: u64) -> i64 {
        let given = usize::try_from(row).ok().and_then(|row| match &self.keys {
            Keys::Near { least, above } => Some(least + i64::from(*above.get(row)?)),
            Keys::Far(keys) => keys.get(row).copied(),
            Keys::Texts { .. } => None,
        });
        match given {
            Some(key) => key,
            // The numbers after the largest.
            None if row >= self.rows() => {
                self.largest().wrapping_add((row - self.rows()) as i64 + 1)
            }
            None => 0,
        }
    }

    fn text(&self, row: u64) -> String {
        let Keys::Texts {
            bytes,
            ends,
            separator,
        } = &self.keys
        else {
            return self.number(row).to_string();
        };
        let text = text_at(bytes, ends, (row % self.rows()) as usize);
        let mut text = String::from_utf8_lossy(text).into_owned();
        match row / self.rows() {
            0 => {}
            turn => {
                // Writing to a String can't fail.
                let _ = write!(text, "{separator}{turn}");
            }
        }
        text
    }

    /// Bytes of the longest key.
    fn longest(&self) -> usize {
        match &self.keys {
            Keys::Texts { ends, .. } => {
                let starts = std::iter::once(&0).chain(ends);
                let lengths = ends.iter().zip(starts).map(|(end, start)| end - start);
                lengths.max().unwrap_or(0) as usize
            }
            _ => 0,
        }
    }

    /// The same with the number of a turn.
    fn longest_of_turns(&self) -> usize {
        match &self.keys {
            Keys::Texts { separator, .. } => self.longest() + separator.len() + ROW_DIGITS,
            _ => 0,
        }
    }

    fn row_of_number(&self, key: i64) -> i64 {
        let rows = self.rows() as usize;
        let at = partition_point(rows, |at| self.number(self.row_at(at)) < key);
        let row = self.row_at(at);
        if at < rows && self.number(row) == key {
            row as i64
        } else {
            NO_ROW
        }
    }

    fn row_of_text(&self, key: &str) -> i64 {
        let Keys::Texts { bytes, ends, .. } = &self.keys else {
            return key.parse().map_or(NO_ROW, |key| self.row_of_number(key));
        };
        let rows = self.rows() as usize;
        let text = |at: usize| text_at(bytes, ends, self.row_at(at) as usize);
        let at = partition_point(rows, |at| text(at) < key.as_bytes());
        if at < rows && text(at) == key.as_bytes() {
            self.row_at(at) as i64
        } else {
            NO_ROW
        }
    }
}

/// The first of `0..count` that is not below.
fn partition_point(count: usize, is_below: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low + (high - low) / 2;
        if is_below(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

fn text_at<'a>(bytes: &'a [u8], ends: &[u64], row: usize) -> &'a [u8] {
    let start = row.checked_sub(1).map_or(0, |before| ends[before]);
    &bytes[start as usize..ends[row] as usize]
}

impl Keys {
    /// Row numbers by ascending key, equal ones by row.
    fn order(&self) -> Vec<u32> {
        let rows = match self {
            Keys::Near { above, .. } => above.len(),
            Keys::Far(keys) => keys.len(),
            Keys::Texts { ends, .. } => ends.len(),
        };
        let mut order: Vec<u32> = (0..rows as u32).collect();
        match self {
            Keys::Near { above, .. } => {
                order.sort_unstable_by_key(|row| (above[*row as usize], *row))
            }
            Keys::Far(keys) => order.sort_unstable_by_key(|row| (keys[*row as usize], *row)),
            Keys::Texts { bytes, ends, .. } => {
                order.sort_unstable_by_key(|row| (text_at(bytes, ends, *row as usize), *row))
            }
        }
        order
    }

    fn is_same(&self, first: u64, second: u64) -> bool {
        let (first, second) = (first as usize, second as usize);
        match self {
            Keys::Near { above, .. } => above[first] == above[second],
            Keys::Far(keys) => keys[first] == keys[second],
            Keys::Texts { bytes, ends, .. } => {
                text_at(bytes, ends, first) == text_at(bytes, ends, second)
            }
        }
    }
}

/// Hands over every cell with its row.
fn each_cell(
    column: &DataColumn,
    mut take: impl FnMut(u64, Cell) -> Result<(), String>,
) -> Result<(), String> {
    for first in (0..column.rows()).step_by(AT_ONCE as usize) {
        let count = AT_ONCE.min(column.rows() - first);
        let cells = column
            .cells(first, count)
            .map_err(|error| error.to_string())?;
        for (row, cell) in (first..).zip(cells) {
            take(row, cell)?;
        }
    }
    Ok(())
}

fn no_key(row: u64) -> String {
    format!("row {row} has no value in it: every row needs a key")
}

fn read_numbers(column: &DataColumn) -> Result<Keys, String> {
    let mut keys = Vec::with_capacity(column.rows() as usize);
    each_cell(column, |row, cell| match cell {
        Cell::Int(key) => {
            keys.push(key);
            Ok(())
        }
        _ => Err(no_key(row)),
    })?;
    let least = keys.iter().copied().min().unwrap_or(0);
    let most = keys.iter().copied().max().unwrap_or(0);
    if most.abs_diff(least) > u64::from(u32::MAX) {
        return Ok(Keys::Far(keys));
    }
    let above = keys.iter().map(|key| key.abs_diff(least) as u32).collect();
    Ok(Keys::Near { least, above })
}

fn read_texts(column: &DataColumn) -> Result<Keys, String> {
    let (mut bytes, mut ends) = (Vec::new(), Vec::with_capacity(column.rows() as usize));
    // More of these than any key has one after the other.
    let mut tildes = 1;
    each_cell(column, |row, cell| {
        let text = match cell {
            Cell::Text(text) => text,
            Cell::Int(number) => number.to_string(),
            _ => return Err(no_key(row)),
        };
        let runs = text.split(|character| character != '~').map(str::len);
        tildes = tildes.max(runs.max().unwrap_or(0) + 1);
        bytes.extend_from_slice(text.as_bytes());
        ends.push(bytes.len() as u64);
        Ok(())
    })?;
    Ok(Keys::Texts {
        bytes,
        ends,
        separator: "~".repeat(tildes),
    })
}

impl PartialEq for KeyColumn {
    fn eq(&self, other: &Self) -> bool {
        self.column == other.column
    }
}

/// The column: the fingerprint of a collection is made of this.
impl fmt::Debug for KeyColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.column)
    }
}

#[cfg(test)]
mod tests;
