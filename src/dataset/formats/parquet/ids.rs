//! The column of ids: names of rows, which need not be their positions.

use std::{collections::HashMap, sync::Arc};

use super::{
    super::super::vectors::{Cell, ColumnType, Vectors},
    cells::{self, CellsOf},
    column::Column,
    file::Files,
};

/// Rows that are read in one go.
const STEP: u64 = 64 * 1024;

/// The ids of rows.
#[derive(Clone, Debug)]
pub(super) struct Ids {
    column: Arc<Column<CellsOf>>,
    name: String,
}

impl Ids {
    /// The column `name`, if the files have it; a column that is not asked for by name may hold
    /// something else than whole numbers, and is no column of ids then.
    ///
    /// # Errors
    /// It is asked for and not there, in words that go on after the name of the file.
    pub(super) fn of(files: &Arc<Files>, asked: Option<&str>) -> Result<Option<Self>, String> {
        let name = asked.unwrap_or("id");
        let column = cells::own(files, name);
        match column {
            Ok(column) if column.decode.column_type() == ColumnType::Int => Ok(Some(Self {
                column: Arc::new(column),
                name: name.to_owned(),
            })),
            Ok(_) if asked.is_some() => Err(format!(
                "has a column {name} that holds no whole numbers, which `id` needs"
            )),
            Err(story) if asked.is_some() => Err(story),
            _ => Ok(None),
        }
    }

    /// Ids of `count` rows from row `first` on.
    ///
    /// # Errors
    /// One is missing, or they can't be read.
    pub(super) fn read(&self, first: u64, count: u64) -> Result<Vec<i64>, String> {
        let cells = cells::all(&self.column, first, count)?;
        let ids = cells
            .into_iter()
            .zip(first..)
            .map(|(cell, row)| match cell {
                Cell::Int(id) => Ok(id),
                _ => Err(format!("has no id in column {} of row {row}", self.name)),
            });
        ids.collect()
    }
}

/// Gives all ids of some vectors to `take`, with their rows; false where they have none.
pub(super) fn each(
    vectors: &dyn Vectors,
    mut take: impl FnMut(u64, i64) -> Result<(), String>,
) -> Result<bool, String> {
    for first in (0..vectors.rows()).step_by(STEP as usize) {
        let count = STEP.min(vectors.rows() - first);
        let Some(ids) = vectors.ids(first, count)? else {
            return Ok(false);
        };
        for (id, row) in ids.into_iter().zip(first..) {
            take(row, id)?;
        }
    }
    Ok(true)
}

/// Positions of the rows with these ids; those that are not there are missing. None where row and
/// id are the same.
///
/// # Errors
/// An id that stands twice, or ids that can't be read.
pub(super) fn positions(
    vectors: &dyn Vectors,
    wanted: impl Iterator<Item = i64>,
) -> Result<Option<HashMap<i64, i64>>, String> {
    let mut found: HashMap<i64, i64> = wanted.map(|id| (id, -1)).collect();
    let mut are_same = true;
    let has_ids = each(vectors, |row, id| {
        let row = row as i64;
        are_same &= row == id;
        if let Some(place) = found.get_mut(&id) {
            if *place >= 0 {
                return Err(format!(
                    "has id {id} in row {place} and in row {row}: each may stand once"
                ));
            }
            *place = row;
        }
        Ok(())
    })?;
    found.retain(|_, row| *row >= 0);
    Ok((has_ids && !are_same).then_some(found))
}
