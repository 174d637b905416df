//! `format = "parquet"`: folders of VectorDBBench, and any Parquet file with a column of vectors.
//!
//! Read by the crate's own readers of columns, without Arrow. Where pages lie is found by their
//! headers ([`pages`]), so that any row is read with its page alone, and no header makes room for
//! more than the file can hold.

use std::{path::PathBuf, sync::Arc};

use super::super::{
    file::Beginning,
    format::{Asked, DatasetEntry, FileFormat, Format, Neighbours, Parts, Role},
    options::DatasetOptions,
    vectors::Vectors,
};

use self::{
    cells::{Positions, Table},
    file::Files,
    ids::Ids,
    vectors::ParquetVectors,
};

mod cells;
mod column;
mod file;
mod folder;
mod ids;
mod levels;
mod pages;
mod thrift;
mod truth;
mod types;
mod vectors;

pub(in crate::dataset) const ENTRY: DatasetEntry = DatasetEntry {
    name: "parquet",
    summary: "a folder of VectorDBBench with train, test and neighbors, or Parquet files with a \
              column of vectors",
    format: Format::Files(FileFormat {
        extensions: &["parquet", "pq"],
        recognises,
        vectors: open,
        truth: Some(Neighbours {
            name: "parquet",
            extensions: &["parquet", "pq"],
            recognises,
            read: truth::read,
        }),
        parts,
    }),
};

/// Names that a column of vectors has where it is not named.
const VECTORS: [&str; 5] = ["emb", "vector", "embedding", "vectors", "embeddings"];

fn recognises(beginning: &Beginning) -> bool {
    match beginning.file {
        Some(_) => beginning.head.starts_with(b"PAR1"),
        None => folder::is_one(&beginning.path),
    }
}

fn parts(beginning: &Beginning, _: &DatasetOptions) -> Parts {
    if beginning.file.is_some() {
        return Parts::default();
    }
    Parts {
        queries: folder::implied_queries(&beginning.path),
        truth: folder::neighbours(&beginning.path),
    }
}

fn open(asked: &Asked<'_>) -> Result<Arc<dyn Vectors>, String> {
    let (path, options) = (&asked.beginning.path, asked.options);
    let is_folder = asked.beginning.file.is_none();
    let paths = match asked.role {
        _ if !is_folder => vec![path.clone()],
        Role::Queries => folder::queries(path)?,
        _ => folder::rows(path, options.files.as_deref())?,
    };
    let files = Arc::new(Files::open(path, &paths)?);
    let asked_vector = match asked.role {
        Role::Queries => options.query_vector.as_ref().or(options.vector.as_ref()),
        _ => options.vector.as_ref(),
    };
    let (name, leaves) = vector_column(&files, asked_vector.map(String::as_str))?;
    if asked.role != Role::Base {
        let ids = Ids::of(&files, None)?;
        return Ok(Arc::new(ParquetVectors::open(&files, &leaves, ids, None)?));
    }
    let ids = Ids::of(&files, options.id.as_deref())?;
    let mut columns = Table::of(&files, &[&name]);
    if let Some(labels) = folder::labels(path).filter(|_| is_folder) {
        join_labels(&mut columns, path, labels, ids.clone())?;
    }
    let vectors = ParquetVectors::open(&files, &leaves, ids, Some(columns))?;
    Ok(Arc::new(vectors))
}

/// The column of vectors in each file: the one that is named, has a usual name, or is the only one
/// with lists.
fn vector_column(files: &Files, asked: Option<&str>) -> Result<(String, Vec<usize>), String> {
    let Some(first) = files.list.first() else {
        return Err("has no files".to_owned());
    };
    let name = match asked {
        Some(name) => name.to_owned(),
        None => {
            let usual = VECTORS
                .iter()
                .find(|name| cells::leaf(first, name).is_some());
            let schema = first.schema();
            let mut lists = (0..schema.num_columns())
                .filter(|leaf| schema.column(*leaf).max_rep_level() == 1)
                .map(|leaf| schema.get_column_root(leaf).name());
            let only = lists.next().filter(|_| lists.next().is_none());
            let found = usual.copied().or(only).ok_or_else(|| {
                format!(
                    "has no column {}, and not one column of lists alone: `vector` names that of \
                     the vectors; its columns are {}",
                    VECTORS.join(", "),
                    files.names()
                )
            })?;
            found.to_owned()
        }
    };
    let leaves = files.list.iter().map(|file| {
        cells::leaf(file, &name).ok_or_else(|| {
            let place = match &files.list[..] {
                [_] => String::new(),
                _ => format!(" in {}", file.name()),
            };
            format!(
                "has no column {name}{place}, which is to hold the vectors: its columns are {}",
                files.names()
            )
        })
    });
    let leaves = leaves.collect::<Result<_, _>>()?;
    Ok((name, leaves))
}

/// Adds the columns of `scalar_labels.parquet`, whose `id` is that of the rows.
fn join_labels(
    columns: &mut Table,
    folder: &std::path::Path,
    labels: PathBuf,
    ids: Option<Ids>,
) -> Result<(), String> {
    let files = Arc::new(Files::open(folder, &[labels])?);
    let of_labels = |story: String| format!("has a file scalar_labels.parquet that {story}");
    let own = Ids::of(&files, None).map_err(of_labels)?;
    let rows = files.rows;
    let mut by_id: Option<Vec<u32>> = None;
    if let Some(own) = own {
        for first in (0..rows).step_by(65_536) {
            let count = rows.min(first + 65_536) - first;
            for (id, row) in own
                .read(first, count)
                .map_err(of_labels)?
                .into_iter()
                .zip(first..)
            {
                if id == row as i64 && by_id.is_none() {
                    continue;
                }
                let place = by_id.get_or_insert_with(|| {
                    (0..rows)
                        .map(|at| if at < row { at as u32 } else { u32::MAX })
                        .collect()
                });
                let place = usize::try_from(id).ok().and_then(|id| place.get_mut(id));
                match place {
                    Some(place) if *place == u32::MAX && row < u64::from(u32::MAX) => {
                        *place = row as u32;
                    }
                    _ => {
                        return Err(of_labels(format!(
                            "has id {id} in row {row}, expected each from 0 to {} once",
                            rows - 1
                        )));
                    }
                }
            }
        }
    }
    let positions = Positions { ids, by_id, rows };
    columns.join(Table::of(&files, &["id"]), &Arc::new(positions));
    Ok(())
}

#[cfg(test)]
mod tests;
