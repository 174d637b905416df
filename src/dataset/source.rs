//! A data set as `[data.<name>]` says, opened: its parts, and its vectors as a field holds them.

use std::sync::Arc;

use super::{
    column::DataColumn,
    element::{Unfit, sparse_rows},
    file::{Beginning, check_memory},
    format::{self, Asked, DatasetEntry, FileFormat, Parts, Role},
    options::{DatasetError, DatasetOptions, MAX_DIM, OpenError},
    truth::{self, Truth},
    vectors::{Columns, Dataset, Vectors},
};
use crate::vector_type::VectorType;

/// Bytes of rows up to which all of them are looked at before the run: more would take seconds.
const LOOKED_AT: u64 = 256 << 20;
/// Rows that are looked at in one go.
const ROWS_LOOKED_AT: u64 = 1024;

/// Rows, queries and truth of a data set, before they are made for a type of vector field.
#[derive(Clone, Debug)]
pub struct Source {
    base: Option<Part>,
    queries: Option<Part>,
    truth: Option<Arc<Truth>>,
    /// Made for the natural type, by which the data set was checked.
    natural: Option<Arc<dyn Dataset>>,
}

/// Vectors with the name that messages give them.
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// `base of [data.glove] (path)`.
    pub(super) label: String,
    pub(super) key: &'static str,
    pub(super) vectors: Arc<dyn Vectors>,
}

impl Source {
    /// A data set of these parts, checked as a field of its natural type would hold it.
    ///
    /// # Errors
    /// As [`Source::dataset`].
    pub(super) fn new(
        base: Option<Part>,
        queries: Option<Part>,
        truth: Option<Truth>,
    ) -> Result<Self, OpenError> {
        let mut source = Self {
            base,
            queries,
            truth: truth.map(Arc::new),
            natural: None,
        };
        source.natural = Some(source.dataset(source.natural_type())?);
        Ok(source)
    }

    /// Number of rows; 0 where only queries are given.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.base.as_ref().map_or(0, |base| base.vectors.rows())
    }

    /// The type of vector field that its values become unless another one is asked for.
    #[must_use]
    pub fn natural_type(&self) -> VectorType {
        self.parts()
            .next()
            .map_or_else(VectorType::default, |part| part.vectors.element().natural())
    }

    /// Ids of `count` rows from row `first` on, by which columns and neighbours of its files name
    /// them; None where they are the numbers of the rows, as true neighbours always are here.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn ids(&self, first: u64, count: u64) -> Result<Option<Vec<i64>>, DatasetError> {
        let Some(base) = &self.base else {
            return Ok(None);
        };
        let ids = base.vectors.ids(first, count);
        ids.map_err(|story| DatasetError(format!("{} {story}", base.label)))
    }

    /// Columns beside the vectors of the rows, if the format has some.
    #[must_use]
    pub fn columns(&self) -> Option<&dyn Columns> {
        self.base.as_ref()?.vectors.columns()
    }

    /// The column of this name, of as many rows as the vectors.
    ///
    /// # Errors
    /// There is none, in words that go on after `is \"<name>\"`.
    pub fn column(&self, name: &str) -> Result<DataColumn, String> {
        match &self.base {
            Some(base) => DataColumn::new(&base.label, &base.vectors, name),
            None => Err("but its data set has no rows".to_owned()),
        }
    }

    /// Its vectors as a field of this type holds them; small data sets are looked at as a whole.
    ///
    /// # Errors
    /// They can't become of this type, have different dimensions, or hold a value that the field
    /// can't.
    pub fn dataset(&self, vector_type: VectorType) -> Result<Arc<dyn Dataset>, OpenError> {
        if let Some(natural) = &self.natural
            && natural.vector_type() == vector_type
        {
            return Ok(Arc::clone(natural));
        }
        let typed = |part: &Option<Part>| {
            let part = part.as_ref();
            part.map(|part| TypedPart::new(part, vector_type))
                .transpose()
        };
        let (base, queries) = (typed(&self.base)?, typed(&self.queries)?);
        let dim = match (&base, &queries) {
            (Some(base), Some(queries)) if !base.goes_with(queries) => {
                let message = format!(
                    "{} has dimension {}, {} has {}: they must be the same",
                    queries.part.label, queries.dim, base.part.label, base.dim
                );
                return Err(OpenError::named("queries", &message));
            }
            (Some(base), Some(queries)) => base.dim.max(queries.dim),
            (Some(part), None) | (None, Some(part)) => part.dim,
            (None, None) => 0,
        };
        let (query_bytes, query_ends) = match &queries {
            None => (Vec::new(), Vec::new()),
            Some(queries) => queries.read_all()?,
        };
        if let Some(base) = &base {
            base.look_at_all()?;
        }
        Ok(Arc::new(Typed {
            base,
            dim,
            vector_type,
            query_bytes,
            query_ends,
            truth: self.truth.clone(),
        }))
    }

    fn parts(&self) -> impl Iterator<Item = &Part> {
        [&self.base, &self.queries].into_iter().flatten()
    }
}

/// Vectors that are made for a type of field as they are read.
#[derive(Clone, Debug)]
struct TypedPart {
    part: Part,
    vector_type: VectorType,
    dim: u32,
}

impl TypedPart {
    fn new(part: &Part, vector_type: VectorType) -> Result<Self, OpenError> {
        let mut part = part.clone();
        if let Some(made) = part.vectors.made_for(vector_type) {
            part.vectors = made;
        }
        let (element, values) = (part.vectors.element(), part.vectors.values());
        let refuse = |story: String| {
            let message = format!("{} {story}", part.label);
            Err(OpenError::named(part.key, &message))
        };
        let Some(dim) = element.dim(values, vector_type) else {
            if part.vectors.is_made() && vector_type == VectorType::Binary {
                return refuse(format!(
                    "has dimension {values}, but vectors of type Binary need a multiple of 8"
                ));
            }
            let (element, natural) = (element.name(), element.natural());
            return refuse(format!(
                "holds {values} values of type {element} a row, which can't become vectors of \
                 type {vector_type}: use vector_type = \"{natural}\""
            ));
        };
        if vector_type != VectorType::Sparse && !(1..=MAX_DIM).contains(&dim) {
            return refuse(format!("has dimension {dim}, expected 1 to {MAX_DIM}"));
        }
        Ok(Self {
            part,
            vector_type,
            dim,
        })
    }

    /// Sparse vectors need not have the same number of indices.
    fn goes_with(&self, other: &Self) -> bool {
        self.dim == other.dim || self.vector_type == VectorType::Sparse
    }

    fn read(&self, first: u64, count: u64, out: &mut Vec<u8>) -> Result<(), DatasetError> {
        let (vectors, label) = (&*self.part.vectors, &self.part.label);
        let rows = vectors.rows();
        if first.checked_add(count).is_none_or(|end| end > rows) {
            return Err(DatasetError(format!(
                "{label} has {rows} rows, but {count} from row {first} on were requested"
            )));
        }
        let start = out.len();
        self.append(first, count, out).map_err(|story| {
            out.truncate(start);
            DatasetError(format!("{label} {story}"))
        })
    }

    fn append(&self, first: u64, count: u64, out: &mut Vec<u8>) -> Result<(), String> {
        let vectors = &*self.part.vectors;
        let (element, start) = (vectors.element(), out.len());
        let unfit = |unfit: Unfit| {
            let each = if element.bytes() == 0 {
                1
            } else {
                u64::from(vectors.values())
            };
            let vector = first + unfit.at as u64 / each;
            let rule = "every value must be a finite number";
            let rule = if unfit.story.starts_with("NaN") {
                format!(": {rule}")
            } else {
                String::new()
            };
            format!("holds {} in vector {vector}{rule}", unfit.story)
        };
        // Without a copy where the file holds what travels.
        if element.is_wire_form_of(self.vector_type) {
            vectors.read(first, count, out)?;
            return element
                .check(&out[start..], self.vector_type)
                .map_err(unfit);
        }
        let mut raw = Vec::new();
        vectors.read(first, count, &mut raw)?;
        element.convert(&raw, self.vector_type, out).map_err(unfit)
    }

    /// Reads all rows once, where they are not too many.
    fn look_at_all(&self) -> Result<(), OpenError> {
        let vectors = &*self.part.vectors;
        let always_fits = vectors.element().always_fits(self.vector_type) && !vectors.is_framed();
        if vectors.is_made() || always_fits || vectors.size() > LOOKED_AT {
            return Ok(());
        }
        let mut rows = Vec::new();
        for first in (0..vectors.rows()).step_by(ROWS_LOOKED_AT as usize) {
            rows.clear();
            self.read(first, ROWS_LOOKED_AT.min(vectors.rows() - first), &mut rows)
                .map_err(|error| OpenError::named(self.part.key, &error.0))?;
        }
        Ok(())
    }

    /// All rows, and where each ends if they differ in length.
    fn read_all(&self) -> Result<(Vec<u8>, Vec<usize>), OpenError> {
        let fault = |message: &str| OpenError::named(self.part.key, message);
        let rows = self.part.vectors.rows();
        let bytes = match self.vector_type.bytes(self.dim) {
            Some(row) => u128::from(rows) * row as u128,
            None => u128::from(self.part.vectors.size()),
        };
        check_memory(bytes).map_err(|story| fault(&format!("{} {story}", self.part.label)))?;
        let mut bytes = Vec::new();
        self.read(0, rows, &mut bytes)
            .map_err(|error| fault(&error.0))?;
        if self.vector_type != VectorType::Sparse {
            return Ok((bytes, Vec::new()));
        }
        let mut pairs = Vec::with_capacity(bytes.len());
        let mut ends = Vec::new();
        for row in sparse_rows(&bytes) {
            pairs.extend_from_slice(row);
            ends.push(pairs.len());
        }
        Ok((pairs, ends))
    }
}

/// A [`Source`] as a field of one type holds it.
#[derive(Debug)]
struct Typed {
    base: Option<TypedPart>,
    dim: u32,
    vector_type: VectorType,
    query_bytes: Vec<u8>,
    /// Of sparse queries.
    query_ends: Vec<usize>,
    truth: Option<Arc<Truth>>,
}

impl Dataset for Typed {
    fn rows(&self) -> u64 {
        self.base
            .as_ref()
            .map_or(0, |base| base.part.vectors.rows())
    }

    fn dim(&self) -> u32 {
        self.dim
    }

    fn vector_type(&self) -> VectorType {
        self.vector_type
    }

    fn queries(&self) -> u64 {
        match self.vector_type.bytes(self.dim) {
            Some(row) => self.query_bytes.len().checked_div(row).unwrap_or(0) as u64,
            None => self.query_ends.len() as u64,
        }
    }

    fn read_rows(&self, first: u64, count: u64, out: &mut Vec<u8>) -> Result<(), DatasetError> {
        let base = self.base.as_ref().ok_or_else(|| {
            DatasetError("the data set has queries only, no rows: give it a base file".into())
        })?;
        base.read(first, count, out)
    }

    fn query(&self, index: u64) -> &[u8] {
        let index = index as usize;
        match self.vector_type.bytes(self.dim) {
            Some(row) => &self.query_bytes[index * row..(index + 1) * row],
            None => {
                let start = index
                    .checked_sub(1)
                    .map_or(0, |before| self.query_ends[before]);
                &self.query_bytes[start..self.query_ends[index]]
            }
        }
    }

    fn truth(&self) -> Option<&Truth> {
        self.truth.as_deref()
    }
}

/// Opens a data set that is in files, each in a format of `table`.
pub(super) fn open_files(
    options: &DatasetOptions,
    table: &'static [DatasetEntry],
) -> Result<Source, OpenError> {
    let (base, queries, truth) = open_parts(options, table)?;
    Source::new(base, queries, truth)
}

/// Rows, queries and truth.
pub(super) type Opened = (Option<Part>, Option<Part>, Option<Truth>);

/// Its parts, of which no row was looked at.
pub(super) fn open_parts(
    options: &DatasetOptions,
    table: &'static [DatasetEntry],
) -> Result<Opened, OpenError> {
    refuse_foreign_keys(options)?;
    let named = options.format.as_deref();
    let find = |role: Role, path: &std::path::Path| format::find(role, path, named, table);
    let base = options
        .base
        .as_deref()
        .map(|path| find(Role::Base, path))
        .transpose()?;
    let implied = base
        .as_ref()
        .map_or_else(Parts::default, |(beginning, format)| {
            (format.parts)(beginning, options)
        });
    let queries = options.queries.as_ref().or(implied.queries.as_ref());
    let queries = queries.map(|path| find(Role::Queries, path)).transpose()?;
    let opened = |role: Role, found: &Option<(Beginning, &'static FileFormat)>| {
        let found = found.as_ref();
        found
            .map(|(beginning, format)| {
                let vectors = (format.vectors)(&Asked {
                    beginning,
                    role,
                    options,
                    queries: 0,
                    rows: None,
                    base: None,
                    query_vectors: None,
                });
                let vectors = vectors
                    .map_err(|story| OpenError::of_file(role.key(), &beginning.path, &story))?;
                let (key, name) = (role.key(), &options.name);
                let label = format!("{key} of [data.{name}] ({})", beginning.path.display());
                Ok(Part {
                    label,
                    key,
                    vectors,
                })
            })
            .transpose()
    };
    let (base, queries) = (opened(Role::Base, &base)?, opened(Role::Queries, &queries)?);
    if base.is_none() && queries.is_none() {
        return Err(OpenError {
            key: "",
            message: "has no file: give it base, queries or both".to_owned(),
        });
    }
    refuse_names(options, [&base, &queries].into_iter().flatten())?;
    // Other queries have other neighbours.
    let implied = implied.truth.filter(|_| options.queries.is_none());
    let truth = options.truth.as_ref().or(implied.as_ref());
    let truth = match truth {
        None => None,
        Some(path) => {
            let found = find(Role::Truth, path)?;
            Some(read_truth(
                &found,
                options,
                queries.as_ref(),
                base.as_ref(),
            )?)
        }
    };
    Ok((base, queries, truth))
}

fn read_truth(
    (beginning, format): &(Beginning, &'static FileFormat),
    options: &DatasetOptions,
    query_part: Option<&Part>,
    base: Option<&Part>,
) -> Result<Truth, OpenError> {
    let refuse = |story: String| OpenError::of_file(Role::Truth.key(), &beginning.path, &story);
    let queries = query_part.map_or(0, |part| part.vectors.rows());
    let rows = base.map(|part| part.vectors.rows());
    let Some(neighbours) = format.truth else {
        return Err(refuse("is in a format without true neighbours".to_owned()));
    };
    let truth = (neighbours.read)(&Asked {
        beginning,
        role: Role::Truth,
        options,
        queries,
        rows,
        base: base.map(|part| &*part.vectors),
        query_vectors: query_part.map(|part| &*part.vectors),
    });
    let truth = truth.map_err(refuse)?;
    if truth.queries() != queries {
        return Err(refuse(format!(
            "has the neighbours of {} queries, but the data set has {queries} queries: the \
             numbers must be equal",
            truth.queries()
        )));
    }
    truth::check(&truth, rows).map_err(refuse)?;
    Ok(truth)
}

/// Names of columns in files that have no names would be ignored without a word otherwise.
fn refuse_names<'a>(
    options: &DatasetOptions,
    parts: impl Iterator<Item = &'a Part>,
) -> Result<(), OpenError> {
    let known: Vec<&str> = parts
        .flat_map(|part| part.vectors.keys())
        .copied()
        .collect();
    match options.names().find(|key| !known.contains(key)) {
        Some(key) => Err(OpenError {
            key,
            message: "names a part of a file, but the files of this data set have no names within"
                .to_owned(),
        }),
        None => Ok(()),
    }
}

/// Keys of other formats would be ignored without a word otherwise.
fn refuse_foreign_keys(options: &DatasetOptions) -> Result<(), OpenError> {
    let given = [
        ("rows", options.rows.is_some()),
        ("dim", options.dim.is_some()),
        ("distribution", options.distribution.is_some()),
        ("nonzeros", options.nonzeros.is_some()),
        ("duplicates", options.duplicates.is_some()),
    ];
    match given.into_iter().find(|(_, given)| *given) {
        Some((key, _)) => Err(OpenError {
            key,
            message: "is a key of format random alone: files have base, queries and truth"
                .to_owned(),
        }),
        None if options.query_count.is_some() => Err(OpenError {
            key: "queries",
            message: "is a number, which format random alone takes: give the path of a file"
                .to_owned(),
        }),
        None => Ok(()),
    }
}
