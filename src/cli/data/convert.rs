//! `data convert`: vectors written in another format.

use std::{
    fs::{File, OpenOptions},
    ops::Range,
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};

use super::{
    super::{
        ended::{CliError, Done},
        output::say,
        progress::Progress,
    },
    read::ReadArguments,
};
use crate::{
    dataset::{Selection, WRITTEN, WriteError, WrittenFormat, write},
    report::{clean, units},
};

/// Arguments of `data convert`.
#[derive(Debug, Args)]
pub(super) struct ConvertArguments {
    /// The file, or folder of a data set, that is read
    from: PathBuf,
    /// The file that is written; its extension is its format unless --to names one
    to: PathBuf,
    /// Format of the file that is written
    #[arg(id = "to_format", long = "to", value_name = "FORMAT")]
    to_format: Option<String>,
    #[command(flatten)]
    read: ReadArguments,
    /// Which vectors of a file that has several
    #[arg(long, value_name = "PART", value_enum, default_value_t = PartChoice::Base)]
    part: PartChoice,
    /// Only rows A to B - 1, numbered from 0; without A from the first, without B to the last
    #[arg(long, value_name = "A..B", value_parser = rows)]
    rows: Option<(Option<u64>, Option<u64>)>,
    /// Write the last N of these rows into a second file, TO with .queries before its extension
    #[arg(long, value_name = "N", value_parser = super::super::values::whole(1..=u64::MAX))]
    queries: Option<u64>,
    /// Overwrite files that are there
    #[arg(long)]
    force: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PartChoice {
    Base,
    Queries,
}

/// Reads, casts and writes.
pub(super) fn convert(arguments: &ConvertArguments) -> Result<Done, CliError> {
    let format = written_format(arguments)?;
    let from = &arguments.from;
    let found = arguments.read.inspect(from)?;
    let part = match arguments.part {
        PartChoice::Base => found.base.map(Ok).unwrap_or(Err("vectors")),
        PartChoice::Queries => found.queries.map(Ok).unwrap_or(Err("query vectors")),
    };
    let vectors = part.map_err(|what| {
        CliError::new(format!(
            "{} ({}) has no {what}",
            from.display(),
            found.format
        ))
    })?;
    let files = files(arguments, vectors.rows())?;
    if !arguments.force {
        for (path, _) in &files {
            if path.symlink_metadata().is_ok() {
                return Err(CliError::new(format!(
                    "{} is there already: name another file, or overwrite it with --force",
                    path.display()
                )));
            }
        }
    }
    let progress = Progress::new(false);
    // None of them gets its name before all of them are whole.
    let mut written = Vec::new();
    for (path, rows) in &files {
        let selection = Selection {
            vectors: &*vectors,
            first: rows.start,
            count: rows.end - rows.start,
        };
        written.push(Unnamed::write(selection, format, (from, path), &progress)?);
    }
    for file in written {
        file.rename()?;
    }
    progress.end();
    for (path, rows) in &files {
        let count = units::count(rows.end - rows.start);
        let dim = units::count(u64::from(vectors.values()));
        let path = path.display();
        say(&clean(&format!(
            "{path}: {count} rows of {dim}, {}",
            format.name
        )));
    }
    Ok(Done::Ok)
}

/// The parser of `--rows`.
fn rows(text: &str) -> Result<(Option<u64>, Option<u64>), String> {
    let number = |text: &str| match text.replace('_', "") {
        text if text.is_empty() => Ok(None),
        text => text.parse().map(Some),
    };
    let parsed = text
        .split_once("..")
        .and_then(|(from, to)| Some((number(from).ok()?, number(to).ok()?)));
    let empty = "expected A..B with A below B, e.g. 0..1000";
    match parsed {
        None => Err("expected A..B with whole numbers, e.g. 0..1000".to_owned()),
        Some((from, Some(to))) if from.unwrap_or(0) >= to => Err(empty.to_owned()),
        Some(rows) => Ok(rows),
    }
}

fn written_format(arguments: &ConvertArguments) -> Result<&'static WrittenFormat, CliError> {
    let extension = arguments.to.extension();
    let extension = extension.map(|text| text.to_string_lossy().into_owned());
    let (name, named_by) = match (&arguments.to_format, &extension) {
        (Some(name), _) => (name.as_str(), "--to is"),
        (None, Some(name)) => (name.as_str(), "the extension is"),
        (None, None) => ("", "TO has no extension"),
    };
    let mut formats = WRITTEN.iter();
    let found = formats.find(|format| format.name.eq_ignore_ascii_case(name));
    found.ok_or_else(|| {
        let names: Vec<&str> = WRITTEN.iter().map(|format| format.name).collect();
        let gap = if name.is_empty() { "" } else { " " };
        CliError::new(format!(
            "{} can't be written: {named_by}{gap}{name}, expected one of {} as the extension or \
             with --to",
            arguments.to.display(),
            names.join(", ")
        ))
    })
}

/// The files to be written, each with its rows.
fn files(arguments: &ConvertArguments, there: u64) -> Result<Vec<(PathBuf, Range<u64>)>, CliError> {
    let (first, end) = arguments.rows.unwrap_or((None, None));
    let (first, end) = (first.unwrap_or(0), end.unwrap_or(there));
    let from = arguments.from.display();
    if end > there || first >= end {
        return Err(CliError::new(format!(
            "--rows is {first}..{end}, but {from} has rows 0..{there}"
        )));
    }
    let to = arguments.to.clone();
    let Some(queries) = arguments.queries else {
        return Ok(vec![(to, first..end)]);
    };
    let rows = end - first;
    if queries >= rows {
        return Err(CliError::new(format!(
            "--queries is {queries}, expected less than the {rows} rows that are written"
        )));
    }
    let split = end - queries;
    let beside = beside(&to);
    Ok(vec![(to, first..split), (beside, split..end)])
}

/// `a/base.fbin` becomes `a/base.queries.fbin`.
fn beside(to: &Path) -> PathBuf {
    let mut name = to.file_stem().unwrap_or_default().to_owned();
    name.push(".queries");
    if let Some(extension) = to.extension() {
        name.push(".");
        name.push(extension);
    }
    to.with_file_name(name)
}

/// A file on its way to its name; removed unless it gets there.
struct Unnamed<'a> {
    path: PathBuf,
    to: &'a Path,
    is_named: bool,
}

impl Drop for Unnamed<'_> {
    fn drop(&mut self) {
        if !self.is_named {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl<'a> Unnamed<'a> {
    fn write(
        selection: Selection<'_>,
        format: &WrittenFormat,
        (from, to): (&Path, &'a Path),
        progress: &Progress,
    ) -> Result<Self, CliError> {
        let mut name = std::ffi::OsString::from(".");
        name.push(to.file_name().unwrap_or_default());
        name.push(format!(".{}.new", std::process::id()));
        let (path, shown) = (to.with_file_name(name), to.display());
        let fault = |error: std::io::Error| {
            CliError::new(format!(
                "{shown} can't be written: {error}; nothing was changed"
            ))
        };
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        let file: File = file.map_err(fault)?;
        let unnamed = Self {
            path,
            to,
            is_named: false,
        };
        let rows = selection.count;
        let told = &mut |written: u64| {
            // What is written at once needs no line.
            if written == rows {
                return;
            }
            let (written, rows) = (units::count(written), units::count(rows));
            progress.now(&format!("writing {shown}: {written} of {rows} rows"));
        };
        write(selection, format, &file, told).map_err(|error| match error {
            WriteError::Rows(story) => CliError::new(format!("{} {story}", from.display())),
            WriteError::File(error) => fault(error),
        })?;
        file.sync_all().map_err(fault)?;
        Ok(unnamed)
    }

    fn rename(mut self) -> Result<(), CliError> {
        std::fs::rename(&self.path, self.to).map_err(|error| {
            CliError::new(format!("{} can't be written: {error}", self.to.display()))
        })?;
        self.is_named = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_a_range_with_both_or_one_end() {
        assert_eq!(rows("0..10"), Ok((Some(0), Some(10))));
        assert_eq!(rows("..1_000"), Ok((None, Some(1000))));
        assert_eq!(rows("5.."), Ok((Some(5), None)));
        for wrong in ["5", "5..5", "6..5", "a..b", "-1..5"] {
            assert!(rows(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn queries_stand_beside_the_rows() {
        assert_eq!(
            beside(Path::new("a/base.1M.fbin")),
            Path::new("a/base.1M.queries.fbin")
        );
        assert_eq!(beside(Path::new("base")), Path::new("base.queries"));
    }
}
