//! Formats of files: what each can read, and which one a file is in.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    file::Beginning,
    foreign,
    options::{DatasetOptions, OpenError},
    source::Source,
    truth::Truth,
    vectors::Vectors,
};

/// One format.
pub struct DatasetEntry {
    /// Name in `format = "..."`.
    pub name: &'static str,
    /// One sentence for `list` and the documents.
    pub summary: &'static str,
    /// Where its vectors come from.
    pub(super) format: Format,
}

impl DatasetEntry {
    /// Extensions of its files.
    #[must_use]
    pub fn extensions(&self) -> &'static [&'static str] {
        match &self.format {
            Format::Files(format) => format.extensions,
            Format::Generated(_) => &[],
        }
    }

    /// Name of the layout in which data sets of this format have their neighbours, if they have
    /// some.
    #[must_use]
    pub fn neighbours(&self) -> Option<&'static str> {
        match &self.format {
            Format::Files(format) => format.truth.map(|truth| truth.name),
            Format::Generated(_) => None,
        }
    }
}

/// Where the vectors of a format come from.
pub(super) enum Format {
    /// Files, each of which may be in another one of these formats.
    Files(FileFormat),
    /// No file.
    Generated(fn(&DatasetOptions) -> Result<Source, OpenError>),
}

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The rows.
    Base,
    /// The query vectors.
    Queries,
    /// The true neighbours.
    Truth,
}

impl Role {
    /// The key of `[data.<name>]` that names the file.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Queries => "queries",
            Self::Truth => "truth",
        }
    }
}

/// A file that a format is to open.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) beginning: &'a Beginning,
    pub(super) role: Role,
    /// Everything the scenario says of the data set.
    pub(super) options: &'a DatasetOptions,
    /// Queries of the data set, where the truth is asked for, or [`ANY_QUERIES`].
    pub(super) queries: u64,
    /// Rows of the data set, where the truth is asked for and there is a base.
    pub(super) rows: Option<u64>,
    /// The rows and the queries themselves then, whose ids the truth may name.
    pub(super) base: Option<&'a dyn Vectors>,
    pub(super) query_vectors: Option<&'a dyn Vectors>,
}

/// The truth is asked for without a data set: its number of queries is taken as it is.
pub(super) const ANY_QUERIES: u64 = u64::MAX;

/// Whether a truth has the neighbours of another number of queries than it should.
pub(super) fn has_other_queries(found: u64, asked: u64) -> bool {
    asked != ANY_QUERIES && found != asked
}

/// A format of files.
///
/// Errors of its functions are words that go on after the name of the file: `has 7 bytes, ...`.
pub(super) struct FileFormat {
    /// Extensions of its files, in lower case. They decide between formats that a content fits
    /// alike, and name the format of a file that is damaged.
    pub(super) extensions: &'static [&'static str],
    /// Whether a file or folder is in this format, by its content.
    pub(super) recognises: fn(&Beginning) -> bool,
    /// Opens rows or queries: checks the header against the size of the file, reads no rows.
    pub(super) vectors: fn(&Asked<'_>) -> Result<Arc<dyn Vectors>, String>,
    /// Reads true neighbours, where it has them. Order and range of the ids are checked by the
    /// caller.
    pub(super) truth: Option<Neighbours>,
    /// Other files of the data set that a base in this format implies.
    pub(super) parts: fn(&Beginning, &DatasetOptions) -> Parts,
}

/// Files that belong to a base.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) queries: Option<PathBuf>,
    pub(super) truth: Option<PathBuf>,
}

/// Reads neighbours, from files with other beginnings and extensions than the vectors have.
#[derive(Clone, Copy)]
pub(super) struct Neighbours {
    /// Name of the layout, for messages: several formats may have the same one.
    pub(super) name: &'static str,
    pub(super) extensions: &'static [&'static str],
    pub(super) recognises: fn(&Beginning) -> bool,
    pub(super) read: fn(&Asked<'_>) -> Result<Truth, String>,
}

/// No other files belong to a base.
pub(super) fn no_parts(_: &Beginning, _: &DatasetOptions) -> Parts {
    Parts::default()
}

impl FileFormat {
    fn fits(&self, role: Role, beginning: &Beginning) -> bool {
        match role {
            Role::Truth => self
                .truth
                .is_some_and(|truth| (truth.recognises)(beginning)),
            Role::Base | Role::Queries => (self.recognises)(beginning),
        }
    }

    fn is_named(&self, role: Role, extension: &str) -> bool {
        let extensions = match role {
            Role::Truth => self.truth.map_or(&[][..], |truth| truth.extensions),
            Role::Base | Role::Queries => self.extensions,
        };
        extensions.contains(&extension)
    }
}

fn files(
    table: &'static [DatasetEntry],
) -> impl Iterator<Item = (&'static DatasetEntry, &'static FileFormat)> {
    table.iter().filter_map(|entry| match &entry.format {
        Format::Files(format) => Some((entry, format)),
        Format::Generated(_) => None,
    })
}

/// Formats with their rows in the table.
type Found = Vec<(&'static DatasetEntry, &'static FileFormat)>;

/// The beginning of a file that the scenario names, and its format among those of `table`.
///
/// # Errors
/// The file can't be opened, is in no format that is known, in several, or in another one than the
/// scenario says.
pub(super) fn find(
    role: Role,
    path: &Path,
    named: Option<&str>,
    table: &'static [DatasetEntry],
) -> Result<(Beginning, &'static FileFormat), OpenError> {
    let refuse = |story: &str| OpenError::of_file(role.key(), path, story);
    let mut beginning = Beginning::of(path).map_err(|story| refuse(&story))?;
    let named = files(table).find(|(entry, _)| Some(entry.name) == named);
    beginning.format = named.map(|(entry, _)| entry.name);
    let fitting: Found = files(table)
        .filter(|(_, format)| format.fits(role, &beginning))
        .collect();
    if let Some((entry, format)) = named {
        let fits = fitting.iter().any(|(found, _)| found.name == entry.name);
        if fits || (role == Role::Base && fitting.is_empty()) {
            return Ok((beginning, format));
        }
        // `format` is that of the base; what else there is may be in another one.
        if role == Role::Base {
            return Err(refuse(&contradiction(entry.name, &names(role, &fitting))));
        }
    }
    let extension = beginning.extension();
    let by_name = |list: &Found| {
        list.iter()
            .find(|(_, format)| format.is_named(role, &extension))
            .map(|(_, format)| *format)
    };
    let found = match &names(role, &fitting)[..] {
        [_] => Ok(fitting[0].1),
        [] => by_name(&files(table).collect())
            .or(named.map(|(_, format)| format))
            .ok_or_else(|| unknown(&beginning, table)),
        several => by_name(&fitting).ok_or_else(|| {
            let several = several.join(", ");
            format!("may be in any of the formats {several}: say which with `format`")
        }),
    };
    let format = found.map_err(|story| refuse(&story))?;
    Ok((beginning, format))
}

/// The names of formats, each once: several may have their neighbours in the same layout.
fn names(role: Role, found: &Found) -> Vec<&'static str> {
    let mut names: Vec<&str> = Vec::new();
    for (entry, format) in found {
        let name = match (role, &format.truth) {
            (Role::Truth, Some(truth)) => truth.name,
            _ => entry.name,
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// A base in another format than the scenario says.
fn contradiction(named: &str, found: &[&str]) -> String {
    let (found, advice) = match found {
        [only] => (
            format!("format {only}"),
            format!("write format = \"{only}\" or leave `format` out"),
        ),
        several => (
            format!("one of the formats {}", several.join(", ")),
            "name the right one".to_owned(),
        ),
    };
    format!("is in {found} by its content, but `format` is \"{named}\": {advice}")
}

fn unknown(beginning: &Beginning, table: &'static [DatasetEntry]) -> String {
    let story = foreign::by_first_bytes(&beginning.head).unwrap_or_else(|| {
        if beginning.file.is_none() {
            "is a folder and not a regular file".to_owned()
        } else {
            "is in no known format".to_owned()
        }
    });
    let known: Vec<&str> = files(table).map(|(entry, _)| entry.name).collect();
    format!(
        "{story} (readable are {}; `format` names one whose content does not show it)",
        known.join(", ")
    )
}
