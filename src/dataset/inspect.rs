//! A file or folder of vectors looked at by itself, without a scenario.

use std::{path::Path, sync::Arc};

use super::{
    format::{self, ANY_QUERIES, Asked, DatasetEntry, FileFormat, Format, Role},
    options::{DatasetOptions, OpenError},
    source::{self, Part},
    truth::{self, Truth},
    vectors::Vectors,
};

/// What a file or folder holds. A file of vectors has a base alone, one of true neighbours nothing
/// but these.
#[derive(Clone, Debug)]
pub struct Inspected {
    /// Name of its format.
    pub format: &'static str,
    /// The rows.
    pub base: Option<Arc<dyn Vectors>>,
    /// The query vectors.
    pub queries: Option<Arc<dyn Vectors>>,
    /// The true neighbours.
    pub truth: Option<Truth>,
}

/// Opens what is at `path`, in a format of `table`.
pub(super) fn inspect(
    path: &Path,
    options: &DatasetOptions,
    table: &'static [DatasetEntry],
) -> Result<Inspected, OpenError> {
    let find = |role| format::find(role, path, options.format.as_deref(), table);
    let name = |format: &FileFormat| {
        let is_it = |own: &Format| matches!(own, Format::Files(own) if std::ptr::eq(own, format));
        let found = table.iter().find(|entry| is_it(&entry.format));
        found.map_or("", |entry| entry.name)
    };
    let vectors = || {
        let (_, format) = find(Role::Base)?;
        let options = DatasetOptions {
            base: Some(path.to_owned()),
            ..options.clone()
        };
        let (base, queries, truth) = source::open_parts(&options, table)?;
        let vectors = |part: Option<Part>| part.map(|part| part.vectors);
        Ok(Inspected {
            format: name(format),
            base: vectors(base),
            queries: vectors(queries),
            truth,
        })
    };
    vectors().or_else(|no_vectors: OpenError| {
        // What is said of a file that is neither is said of vectors.
        let (beginning, format) = find(Role::Truth).map_err(|_| no_vectors.clone())?;
        let neighbours = format.truth.ok_or_else(|| no_vectors.clone())?;
        let asked = Asked {
            beginning: &beginning,
            role: Role::Truth,
            options,
            queries: ANY_QUERIES,
            rows: None,
            base: None,
            query_vectors: None,
        };
        let truth = (neighbours.read)(&asked)
            .and_then(|truth| truth::check(&truth, None).map(|()| truth))
            .map_err(|_| no_vectors)?;
        Ok(Inspected {
            format: name(format),
            base: None,
            queries: None,
            truth: Some(truth),
        })
    })
}
