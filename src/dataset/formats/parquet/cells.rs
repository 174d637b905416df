//! Columns beside the vectors.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use half::f16;
use parquet::{
    basic::{ConvertedType, LogicalType, Type},
    column::reader::ColumnReader,
    data_type::AsBytes,
    schema::types::ColumnDescriptor,
};

use super::{
    super::super::{
        element::Element,
        vectors::{Cell, Column as Listed, ColumnType, Columns},
    },
    column::{Column, Decode, Fault},
    file::{Files, OneFile},
    ids::Ids,
    levels::{Levels, Missing, Records, records},
    types::element,
};

/// Bytes of cells that are kept for each column.
const KEEP: usize = 8 << 20;
/// Cells of a block.
const BLOCK: u64 = 1024;
/// Most different values of a joined column that are kept by number.
const MOST_DIFFERENT: usize = 1 << 16;

/// The columns of some files, and those that are joined to them by id.
pub(super) struct Table {
    listed: Vec<Listed>,
    cells: Vec<Cells>,
}

enum Cells {
    Own(Column<CellsOf>),
    Joined(Joined),
    /// Why it can't be read.
    None(String),
}

impl fmt::Debug for Table {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_list().entries(&self.listed).finish()
    }
}

impl Table {
    /// The columns of `files` without those named in `without`.
    pub(super) fn of(files: &Arc<Files>, without: &[&str]) -> Self {
        let mut table = Self {
            listed: Vec::new(),
            cells: Vec::new(),
        };
        let Some(first) = files.list.first() else {
            return table;
        };
        for field in first.schema().root_schema().get_fields() {
            let name = field.name();
            if without.contains(&name) {
                continue;
            }
            let optional = field.get_basic_info().has_repetition() && field.is_optional();
            let (column_type, cells) = match own(files, name) {
                Ok(column) => (column.decode.column_type(), Cells::Own(column)),
                Err(story) => (ColumnType::Unreadable(story.clone()), Cells::None(story)),
            };
            table.listed.push(Listed {
                name: name.to_owned(),
                column_type,
                nullable: optional,
            });
            table.cells.push(cells);
        }
        table
    }

    /// Adds the columns of another table, whose rows are found by the ids of these.
    pub(super) fn join(&mut self, other: Self, rows: &Arc<Positions>) {
        for (listed, cells) in other.listed.into_iter().zip(other.cells) {
            if self.listed.iter().any(|own| own.name == listed.name) {
                continue;
            }
            let cells = match cells {
                Cells::Own(column) => Cells::Joined(Joined {
                    column,
                    rows: Arc::clone(rows),
                    codes: Mutex::new(None),
                }),
                other => other,
            };
            self.listed.push(listed);
            self.cells.push(cells);
        }
    }
}

/// The column of this name in all of the files.
pub(super) fn own(files: &Arc<Files>, name: &str) -> Result<Column<CellsOf>, String> {
    blocks(files, name, BLOCK)
}

/// The same, decoded in blocks of so many rows.
pub(super) fn blocks(files: &Arc<Files>, name: &str, rows: u64) -> Result<Column<CellsOf>, String> {
    let mut leaves = Vec::new();
    let mut decode: Option<CellsOf> = None;
    for file in &files.list {
        let Some(leaf) = leaf(file, name) else {
            let file = file.name();
            return Err(format!("has no column {name} in {file}"));
        };
        let found = CellsOf::of(file, leaf)?;
        let first = decode.get_or_insert_with(|| found.clone());
        if first.kind != found.kind {
            return Err(format!(
                "has values of another type in column {name} of {} than in {}",
                file.name(),
                files.list[0].name()
            ));
        }
        leaves.push(leaf);
    }
    let decode = decode.ok_or("has no files")?;
    let decode = CellsOf { rows, ..decode };
    Ok(Column::new(Arc::clone(files), leaves, decode, KEEP))
}

/// The number of a column among the leaves of a file; of a structure, that of its first part.
pub(super) fn leaf(file: &OneFile, name: &str) -> Option<usize> {
    let schema = file.schema();
    (0..schema.num_columns()).find(|leaf| schema.get_column_root(*leaf).name() == name)
}

impl Columns for Table {
    fn list(&self) -> &[Listed] {
        &self.listed
    }

    fn cells(&self, number: usize, first: u64, count: u64) -> Result<Vec<Cell>, String> {
        let name = &self.listed[number].name;
        match &self.cells[number] {
            Cells::Own(column) => all(column, first, count),
            Cells::Joined(joined) => joined.cells(first, count),
            Cells::None(story) => Err(format!("has a column {name:?} that can't be read: {story}")),
        }
    }
}

/// Cells of some rows.
pub(super) fn all(column: &Column<CellsOf>, first: u64, count: u64) -> Result<Vec<Cell>, String> {
    let mut found = Vec::with_capacity(count as usize);
    column.read(first, count, |block, first, count| {
        found.extend_from_slice(block.get(first..first + count)?);
        Some(())
    })?;
    Ok(found)
}

/// A column of another file whose rows have the ids of these.
struct Joined {
    column: Column<CellsOf>,
    rows: Arc<Positions>,
    /// Of a column with few different values: these, and the number of each row's.
    codes: Mutex<Option<Result<Codes, ()>>>,
}

struct Codes {
    different: Vec<Cell>,
    of_row: Vec<u16>,
}

/// Which row of a joined file belongs to a row.
#[derive(Debug)]
pub(super) struct Positions {
    /// None where row and id are the same.
    pub(super) ids: Option<Ids>,
    /// Rows of the joined file by id; None where they are in the order of their ids, 0 and up.
    pub(super) by_id: Option<Vec<u32>>,
    /// Rows of the joined file.
    pub(super) rows: u64,
}

impl Positions {
    fn of(&self, first: u64, count: u64) -> Result<Vec<u64>, String> {
        let ids = match &self.ids {
            Some(ids) => ids.read(first, count)?,
            None => (first as i64..(first + count) as i64).collect(),
        };
        ids.into_iter()
            .map(|id| {
                let row = u64::try_from(id).ok().filter(|id| *id < self.rows);
                let row = row.ok_or_else(|| {
                    format!(
                        "has a row with id {id} that scalar_labels.parquet has no row for: its \
                         ids are 0 to {}",
                        self.rows.saturating_sub(1)
                    )
                })?;
                let by_id = self.by_id.as_ref();
                Ok(by_id.map_or(row, |by_id| u64::from(by_id[row as usize])))
            })
            .collect()
    }
}

impl Joined {
    fn cells(&self, first: u64, count: u64) -> Result<Vec<Cell>, String> {
        let rows = self.rows.of(first, count)?;
        let mut codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        if codes.is_none() {
            *codes = Some(self.encode()?);
        }
        if let Some(Ok(codes)) = &*codes {
            let cell = |row: u64| codes.different[usize::from(codes.of_row[row as usize])].clone();
            return Ok(rows.into_iter().map(cell).collect());
        }
        drop(codes);
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            found.extend(all(&self.column, row, 1)?);
        }
        Ok(found)
    }

    /// Reads the column once; Err where it has too many different values.
    fn encode(&self) -> Result<Result<Codes, ()>, String> {
        let mut numbers: HashMap<String, u16> = HashMap::new();
        let (mut different, mut of_row) = (Vec::new(), Vec::new());
        for first in (0..self.rows.rows).step_by(BLOCK as usize) {
            let count = BLOCK.min(self.rows.rows - first);
            for cell in all(&self.column, first, count)? {
                let key = format!("{cell:?}");
                let number = match numbers.get(&key) {
                    Some(number) => *number,
                    None if different.len() == MOST_DIFFERENT => return Ok(Err(())),
                    None => {
                        let number = different.len() as u16;
                        numbers.insert(key, number);
                        different.push(cell);
                        number
                    }
                };
                of_row.push(number);
            }
        }
        Ok(Ok(Codes { different, of_row }))
    }
}

/// How the values of a column are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Bool,
    Int(Element),
    Float(Element),
    Text,
    Json,
}

/// Decodes rows into cells.
#[derive(Clone, Debug)]
pub(super) struct CellsOf {
    kind: Kind,
    levels: Levels,
    rows: u64,
}

impl CellsOf {
    fn of(file: &OneFile, leaf: usize) -> Result<Self, String> {
        let root = file.schema().get_column_root(leaf);
        let column = file.schema().column(leaf);
        let optional = root.get_basic_info().has_repetition() && root.is_optional();
        let levels = Levels::of(&column, optional);
        let levels = levels.ok_or("it holds lists of lists")?;
        let parts = column.path().parts().len();
        if parts > if levels.is_list { 3 } else { 1 } {
            return Err("it holds structures".to_owned());
        }
        Ok(Self {
            kind: kind(&column)?,
            levels,
            rows: BLOCK,
        })
    }

    pub(super) fn column_type(&self) -> ColumnType {
        let of_value = match self.kind {
            Kind::Bool => ColumnType::Bool,
            Kind::Int(_) => ColumnType::Int,
            Kind::Float(_) => ColumnType::Float,
            Kind::Text => ColumnType::Text,
            Kind::Json => ColumnType::Json,
        };
        if self.levels.is_list {
            ColumnType::List(Box::new(of_value))
        } else {
            of_value
        }
    }

    fn rows_of<T>(
        &self,
        found: Records<T>,
        of: impl Fn(T) -> Result<Cell, String>,
    ) -> Result<Vec<Cell>, Fault> {
        let levels = self.levels;
        let mut rows: Vec<Cell> = Vec::new();
        let mut values = found.values.into_iter();
        let count = found.definition.len().max(values.len());
        for at in 0..count {
            let level = found.definition.get(at).copied().unwrap_or(levels.full);
            let cell = if level == levels.full {
                let value = values.next().ok_or_else(|| Fault {
                    row: Some(rows.len()),
                    story: "has fewer values in {row} than it says".to_owned(),
                })?;
                let row = rows.len();
                Ok(of(value).map_err(|story| Fault {
                    row: Some(row),
                    story: if story.contains("{row}") {
                        format!("has {story}")
                    } else {
                        format!("has {story} in {{row}}")
                    },
                })?)
            } else {
                Err(levels.missing(level))
            };
            if !levels.is_list {
                rows.push(cell.unwrap_or(Cell::Null));
                continue;
            }
            if found.repetition.get(at) == Some(&0) {
                rows.push(match cell {
                    Ok(cell) => Cell::List(vec![cell]),
                    Err(Missing::Row) => Cell::Null,
                    Err(Missing::Element) => Cell::List(vec![Cell::Null]),
                    Err(Missing::Elements) => Cell::List(Vec::new()),
                });
            } else if let Some(Cell::List(list)) = rows.last_mut() {
                list.push(cell.unwrap_or(Cell::Null));
            }
        }
        Ok(rows)
    }
}

fn kind(column: &ColumnDescriptor) -> Result<Kind, String> {
    let (logical, converted) = (column.logical_type_ref(), column.converted_type());
    let unreadable = |what: &str| Err(format!("it holds {what}"));
    if matches!(logical, Some(LogicalType::Decimal(_))) || converted == ConvertedType::DECIMAL {
        let (precision, scale) = (column.type_precision(), column.type_scale());
        return unreadable(&format!(
            "decimals ({precision} digits, {scale} behind the point): write them as doubles or as \
             whole numbers"
        ));
    }
    if let Some(element) = element(column) {
        return Ok(match element {
            Element::Bool => Kind::Bool,
            Element::F16 | Element::F32 | Element::F64 => Kind::Float(element),
            _ => Kind::Int(element),
        });
    }
    match (column.physical_type(), logical, converted) {
        (_, Some(LogicalType::Json), _) | (_, _, ConvertedType::JSON) => Ok(Kind::Json),
        (Type::BYTE_ARRAY, Some(LogicalType::String | LogicalType::Enum), _)
        | (Type::BYTE_ARRAY, _, ConvertedType::UTF8 | ConvertedType::ENUM) => Ok(Kind::Text),
        (Type::INT96, ..) => {
            unreadable("timestamps of 96 bits: write them as timestamps of 64 bits")
        }
        (_, Some(LogicalType::Uuid), _) => unreadable("UUIDs as bytes: write them as texts"),
        _ => unreadable("bytes: write them as texts"),
    }
}

impl Decode for CellsOf {
    type Block = Vec<Cell>;

    fn width(&self) -> Option<u64> {
        None
    }

    fn rows(&self) -> u64 {
        self.rows
    }

    fn decode(&self, reader: &mut ColumnReader, rows: usize) -> Result<Vec<Cell>, Fault> {
        let whole = |value: i64| match self.kind {
            Kind::Int(Element::U64) if value < 0 => Err(format!(
                "the number {} in {{row}}, expected at most {}",
                value as u64,
                i64::MAX
            )),
            _ => Ok(Cell::Int(value)),
        };
        let text = |bytes: &[u8]| {
            let text = std::str::from_utf8(bytes).map_err(|_| "a text that is not UTF-8")?;
            Ok(match self.kind {
                Kind::Json => Cell::Json(text.to_owned()),
                _ => Cell::Text(text.to_owned()),
            })
        };
        match reader {
            ColumnReader::BoolColumnReader(reader) => {
                self.rows_of(records(reader, rows)?, |value| Ok(Cell::Bool(value)))
            }
            ColumnReader::Int32ColumnReader(reader) => {
                self.rows_of(records(reader, rows)?, |value| {
                    Ok(Cell::Int(match self.kind {
                        Kind::Int(Element::U32 | Element::U16 | Element::U8) => {
                            i64::from(value as u32)
                        }
                        _ => i64::from(value),
                    }))
                })
            }
            ColumnReader::Int64ColumnReader(reader) => self.rows_of(records(reader, rows)?, whole),
            ColumnReader::FloatColumnReader(reader) => self
                .rows_of(records(reader, rows)?, |value| {
                    Ok(Cell::Float(f64::from(value)))
                }),
            ColumnReader::DoubleColumnReader(reader) => {
                self.rows_of(records(reader, rows)?, |value| Ok(Cell::Float(value)))
            }
            ColumnReader::ByteArrayColumnReader(reader) => {
                self.rows_of(records(reader, rows)?, |value| text(value.data()))
            }
            ColumnReader::FixedLenByteArrayColumnReader(reader) => {
                self.rows_of(records(reader, rows)?, |value| {
                    let bytes = value.as_bytes();
                    match bytes.first_chunk::<2>().filter(|_| bytes.len() == 2) {
                        Some(half) => Ok(Cell::Float(f64::from(f16::from_le_bytes(*half)))),
                        None => Err("bytes".to_owned()),
                    }
                })
            }
            ColumnReader::Int96ColumnReader(_) => Err(Fault {
                row: None,
                story: "96-bit numbers".to_owned(),
            }),
        }
    }

    fn bytes(block: &Vec<Cell>) -> usize {
        block.iter().map(bytes).sum()
    }
}

fn bytes(cell: &Cell) -> usize {
    size_of::<Cell>()
        + match cell {
            Cell::Text(text) | Cell::Json(text) => text.len(),
            Cell::List(list) => list.iter().map(bytes).sum(),
            _ => 0,
        }
}
