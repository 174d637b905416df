//! `data info`: what is in files of vectors, as text or as JSON.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Map, Value, json};

use super::{
    super::{
        ended::{CliError, Done},
        fetch::bytes,
        output::print,
        progress::Progress,
        terminal::broken,
    },
    read::ReadArguments,
};
use crate::{
    dataset::{
        Column, Direction, Element, Found, Inspected, Range, Survey, Truth, Vectors, survey,
    },
    report::{clean, units},
};

/// Arguments of `data info`.
#[derive(Debug, Args)]
pub(super) struct InfoArguments {
    /// Files, or folders of a data set
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    read: ReadArguments,
    /// Print JSON: an array with an object for each file
    #[arg(long)]
    json: bool,
}

/// Columns of a label, as wide as all are.
const LABEL: usize = 12;

/// Vectors and what was found in them.
struct Part<'a> {
    /// `base` or `queries`.
    name: &'static str,
    vectors: &'a dyn Vectors,
    survey: Survey,
}

/// Looks into every file, and prints what is in it.
pub(super) fn info(arguments: &InfoArguments) -> Result<Done, CliError> {
    let mut all = Vec::new();
    for (number, path) in arguments.files.iter().enumerate() {
        let found = arguments.read.inspect(path)?;
        let progress = Progress::new(false);
        let parts = [("base", &found.base), ("queries", &found.queries)];
        let parts = parts.into_iter().filter_map(|(name, vectors)| {
            let vectors: &dyn Vectors = &**vectors.as_ref()?;
            Some(surveyed(path, name, vectors, &progress))
        });
        let parts: Vec<Part<'_>> = parts.collect::<Result<_, _>>()?;
        progress.end();
        if arguments.json {
            all.push(json_of(path, &found, &parts));
        } else {
            let gap = if number > 0 { "\n" } else { "" };
            let text = gap.to_owned() + &text_of(path, &found, &parts);
            let start = |line: &str| line.starts_with(' ').then_some(LABEL + 2);
            print(broken(&text, start).as_bytes())?;
        }
    }
    if arguments.json {
        let mut text = serde_json::to_vec_pretty(&all).map_err(CliError::new)?;
        text.push(b'\n');
        print(&text)?;
    }
    Ok(Done::Ok)
}

fn surveyed<'a>(
    path: &Path,
    name: &'static str,
    vectors: &'a dyn Vectors,
    progress: &Progress,
) -> Result<Part<'a>, CliError> {
    let rows = vectors.rows();
    let shown = path.display();
    let survey = survey(vectors, &mut |read| {
        // What is read at once needs no line.
        if read == rows {
            return;
        }
        let (read, rows) = (units::count(read), units::count(rows));
        progress.now(&format!("reading {name} of {shown}: {read} of {rows} rows"));
    });
    Ok(Part {
        name,
        vectors,
        survey: survey.map_err(|story| CliError::new(format!("{shown} {story}")))?,
    })
}

fn text_of(path: &Path, found: &Inspected, parts: &[Part<'_>]) -> String {
    let mut lines = vec![format!("{}: {}", path.display(), found.format)];
    let mut add = |label: &str, text: String| lines.push(format!("  {label:<LABEL$}{text}"));
    for part in parts {
        let Survey { rows, .. } = part.survey;
        let vectors = part.vectors;
        let dim = units::count(u64::from(vectors.values()));
        let (element, rows) = (vectors.element().name(), units::count(rows));
        let size = bytes(vectors.size());
        let indices = if vectors.element() == Element::Sparse {
            " different indices"
        } else {
            ""
        };
        add(
            part.name,
            format!("{rows} rows of {dim}{indices}, {element}, {size}"),
        );
        for (label, text) in survey_lines(&part.survey) {
            add(label, text);
        }
        for column in columns(vectors) {
            add("column", column_words(column));
        }
    }
    if let Some(truth) = &found.truth {
        add("truth", truth_words(truth));
    }
    let lines = lines.iter().map(|line| clean(line) + "\n");
    lines.collect()
}

fn columns(vectors: &dyn Vectors) -> &[Column] {
    vectors.columns().map_or(&[], |columns| columns.list())
}

fn column_words(column: &Column) -> String {
    let nullable = if column.nullable { ", may be null" } else { "" };
    format!("{}: {}{nullable}", column.name, column.column_type.name())
}

fn survey_lines(survey: &Survey) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    if let Some(lengths) = &survey.lengths {
        lines.push(("values", format!("{} a row", range_words(lengths))));
    }
    let norms = survey.norms.as_ref().map_or_else(
        || "none: every row has NaN or infinity".to_owned(),
        |norms| {
            let normalised = if survey.is_normalised() { "" } else { "not " };
            format!("{}: {normalised}normalised", range_words(norms))
        },
    );
    lines.push(("norms", norms));
    let among = if survey.compared() < survey.rows {
        format!(" of the first {} rows", units::count(survey.compared()))
    } else {
        String::new()
    };
    let counts = [
        ("duplicates", survey.duplicates, " equal to an earlier one"),
        ("zero", survey.zeros, " with zeros alone"),
    ];
    for (label, found, what) in counts {
        let among = if label == "duplicates" { &among } else { "" };
        lines.push((label, found_words(found, "row", what, among)));
    }
    lines.push(("NaN", found_words(survey.nans, "value", "", "")));
    lines.push(("infinite", found_words(survey.infinities, "value", "", "")));
    let first = survey
        .first
        .iter()
        .map(|(index, value)| match survey.lengths {
            Some(_) => format!("{index}: {}", shortest(*value)),
            None => shortest(*value),
        });
    let first: Vec<String> = first.collect();
    lines.push(("first row", first.join(", ")));
    lines
}

/// A number of 32 bits as such has less digits.
fn shortest(value: f64) -> String {
    let single = value as f32;
    if f64::from(single) == value {
        single.to_string()
    } else {
        value.to_string()
    }
}

fn range_words(range: &Range) -> String {
    let Range { min, mean, max } = range;
    format!(
        "{} to {}, mean {}",
        units::number(*min),
        units::number(*max),
        units::number(*mean)
    )
}

/// `3 rows equal to an earlier one, first in row 17`, or `none`.
fn found_words(found: Found, noun: &str, what: &str, among: &str) -> String {
    match found.first_row {
        None => format!("none{among}"),
        Some(row) => format!(
            "{} {noun}{}{what}{among}, first in row {}",
            units::count(found.count),
            if found.count == 1 { "" } else { "s" },
            units::count(row)
        ),
    }
}

fn truth_words(truth: &Truth) -> String {
    let ids = truth.range().map_or_else(
        || "no ids".to_owned(),
        |(least, greatest)| format!("ids {least} to {greatest}"),
    );
    let distances = match truth.direction() {
        None => "no distances",
        Some(Direction::Level) => "distances that are all equal",
        Some(Direction::Rising) => "rising distances",
        Some(Direction::Falling) => "falling distances",
    };
    let (queries, k) = (units::count(truth.queries()), truth.k);
    format!("{queries} queries, {k} neighbours each; {ids}; {distances}")
}

fn json_of(path: &Path, found: &Inspected, parts: &[Part<'_>]) -> Value {
    let mut json = Map::new();
    json.insert("file".to_owned(), json!(path.display().to_string()));
    json.insert("format".to_owned(), json!(found.format));
    for part in parts {
        json.insert(part.name.to_owned(), part_json(part));
    }
    if let Some(truth) = &found.truth {
        let direction = truth.direction().map(|direction| match direction {
            Direction::Level => "level",
            Direction::Rising => "rising",
            Direction::Falling => "falling",
        });
        let range = truth.range();
        let truth = json!({
            "queries": truth.queries(),
            "k": truth.k,
            "least_id": range.map(|range| range.0),
            "greatest_id": range.map(|range| range.1),
            "distances": direction,
        });
        json.insert("truth".to_owned(), truth);
    }
    Value::Object(json)
}

fn part_json(part: &Part<'_>) -> Value {
    let Part {
        vectors, survey, ..
    } = part;
    let range = |range: &Option<Range>| {
        range.map(|Range { min, mean, max }| json!({ "min": min, "mean": mean, "max": max }))
    };
    let found = |found: Found| json!({ "count": found.count, "first_row": found.first_row });
    let columns = columns(*vectors).iter().map(|column| {
        json!({
            "name": column.name,
            "type": column.column_type.name(),
            "nullable": column.nullable,
        })
    });
    let mut duplicates = found(survey.duplicates);
    duplicates["of_first_rows"] = json!(survey.compared());
    json!({
        "rows": survey.rows,
        "dim": vectors.values(),
        "type": vectors.element().name(),
        "bytes": vectors.size(),
        "values_a_row": range(&survey.lengths),
        "norms": range(&survey.norms),
        "normalised": survey.is_normalised(),
        "duplicates": duplicates,
        "zeros": found(survey.zeros),
        "nans": found(survey.nans),
        "infinities": found(survey.infinities),
        // NaN and infinity are null, as JSON has it.
        "first_row": survey.first.iter().map(|(_, value)| *value).collect::<Vec<_>>(),
        "columns": columns.collect::<Vec<_>>(),
    })
}
