//! True neighbours as VectorDBBench has them: a list of ids for each query, nearest first.

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use super::{
    super::super::{
        file::check_memory,
        format::Asked,
        truth::{NO_NEIGHBOUR, Truth},
        vectors::{Cell, ColumnType},
    },
    cells,
    file::Files,
    folder, ids,
};

/// Names of the column.
const NAMES: [&str; 2] = ["neighbors_id", "neighbors"];

/// Reads the neighbours and puts the positions of rows in place of their ids.
pub(super) fn read(asked: &Asked<'_>) -> Result<Truth, String> {
    let path = &asked.beginning.path;
    let file = match asked.beginning.file {
        Some(_) => path.clone(),
        None => {
            folder::neighbours(path).ok_or("has no file neighbors.parquet: `truth` names one")?
        }
    };
    let files = Arc::new(Files::open(path, &[PathBuf::clone(&file)])?);
    let named = asked.options.neighbors.as_deref();
    let name = match named {
        Some(name) => name,
        None => {
            let there = |name: &&&str| {
                files
                    .list
                    .iter()
                    .all(|file| cells::leaf(file, name).is_some())
            };
            NAMES.iter().find(there).ok_or_else(|| {
                format!(
                    "has no column {}, the column of true neighbours: `neighbors` names it; its \
                     columns are {}",
                    NAMES.join(" or "),
                    files.names()
                )
            })?
        }
    };
    let column = cells::blocks(&files, name, 1)
        .map_err(|story| format!("has a column {name} that can't be read: {story}"))?;
    if column.decode.column_type() != ColumnType::List(Box::new(ColumnType::Int)) {
        return Err(format!(
            "has a column {name} that holds no lists of whole numbers, the ids of neighbours"
        ));
    }
    let mut lists: Vec<Vec<i64>> = Vec::new();
    let mut ids = 0_u128;
    // A few at a time: of some data sets, a list has a million ids.
    for row in 0..files.rows {
        let cells = cells::all(&column, row, 1)?;
        for cell in cells {
            let list = list(cell).map_err(|story| format!("{story} in {}", files.row_name(row)))?;
            ids += list.len() as u128;
            check_memory(ids * 8)?;
            lists.push(list);
        }
    }
    follow_queries(asked, &files, &mut lists)?;
    let k = lists.iter().map(Vec::len).max().unwrap_or(0);
    if k == 0 {
        return Err("has no neighbours: all of its lists are empty".to_owned());
    }
    check_memory(lists.len() as u128 * k as u128 * 8)?;
    let mut truth = Truth {
        k,
        ids: Vec::with_capacity(lists.len() * k),
        distances: Vec::new(),
    };
    for list in lists {
        truth.ids.extend_from_slice(&list);
        truth
            .ids
            .resize(truth.ids.len().next_multiple_of(k), NO_NEIGHBOUR);
        if list.is_empty() {
            truth.ids.resize(truth.ids.len() + k, NO_NEIGHBOUR);
        }
    }
    by_position(asked, &mut truth)?;
    Ok(truth)
}

fn list(cell: Cell) -> Result<Vec<i64>, String> {
    let Cell::List(cells) = cell else {
        return Err("has no neighbours (null)".to_owned());
    };
    let id = |cell| match cell {
        Cell::Int(id) => Ok(id),
        _ => Err("has a null among the neighbours".to_owned()),
    };
    cells.into_iter().map(id).collect()
}

/// Puts the lists into the order of the queries, where both have ids.
fn follow_queries(
    asked: &Asked<'_>,
    files: &Arc<Files>,
    lists: &mut Vec<Vec<i64>>,
) -> Result<(), String> {
    let (Some(queries), Some(own)) = (asked.query_vectors, ids::Ids::of(files, None)?) else {
        return Ok(());
    };
    if lists.len() as u64 != queries.rows() {
        return Ok(());
    }
    let own = own.read(0, files.rows)?;
    let mut wanted = Vec::new();
    if !ids::each(queries, |_, id| {
        wanted.push(id);
        Ok(())
    })? || wanted == own
    {
        return Ok(());
    }
    let places: HashMap<i64, usize> = own.into_iter().zip(0..).collect();
    let place = |id: &i64| places.get(id).copied();
    let order: Vec<usize> = wanted
        .iter()
        .map(|id| {
            place(id).ok_or_else(|| {
                format!("has no neighbours for the query with id {id}: is it of other queries?")
            })
        })
        .collect::<Result<_, String>>()?;
    *lists = order.into_iter().map(|at| lists[at].clone()).collect();
    Ok(())
}

/// Positions of rows in place of their ids, where these differ.
fn by_position(asked: &Asked<'_>, truth: &mut Truth) -> Result<(), String> {
    let Some(base) = asked.base else {
        return Ok(());
    };
    let wanted = truth.ids.iter().copied().filter(|id| *id >= 0);
    let Some(rows) = ids::positions(base, wanted)
        .map_err(|story| format!("names ids of the rows, which can't be used: the base {story}"))?
    else {
        return Ok(());
    };
    let k = truth.k;
    for (at, id) in truth.ids.iter_mut().enumerate() {
        if *id < 0 {
            continue;
        }
        *id = *rows.get(id).ok_or_else(|| {
            format!(
                "names id {id} for query {}, which no row of the data set has: is it the truth of \
                 another base?",
                at / k
            )
        })?;
    }
    Ok(())
}
