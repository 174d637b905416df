//! The scenario: the TOML as written, with the place of every value; unknown keys refused.
//!
//! It knows types and units, and goes by the rows of the keys (see [`crate::keys`]). What values
//! mean together is for [`crate::plan`]. Secrets never get here: a scenario holds where a secret is
//! to be found, not the secret.

mod expand;
mod forms;
mod read;
mod resolved;
mod section;
mod sets;
mod spelling;
mod tree;
mod units;
mod unknown;
mod values;
mod words;

use std::{
    collections::BTreeSet,
    fmt, fs,
    io::Read,
    path::{Path, PathBuf},
};

use crate::keys::{Mistakes, Table};

pub use section::{InitialRows, Level, SecretSource, Section};
pub use tree::Place;
pub use words::{NAME_RULE, is_name, plain_number, quoted};

pub(crate) use unknown::{key_of_table_below, unknown_key};
pub(crate) use words::choose;

/// Largest scenario that is read, in bytes: bigger ones are data given by mistake.
const MAX_BYTES: u64 = 1 << 20;

/// Why a scenario can't be run: everything that is wrong with it, as far as nothing follows from
/// another mistake.
pub type ScenarioError = Mistakes<Mistake>;

/// One thing that is wrong with a scenario: a sentence with the place, the key as typed, what was
/// found and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Line and column in the file, from 1; None for what stands elsewhere, or nowhere.
    position: Option<(usize, usize)>,
    message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl ScenarioError {
    /// One mistake that has no place in the file.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Mistake {
            position: None,
            message: message.into(),
        }
        .into()
    }

    /// Each mistake once, in the order of the file; what has no place in it comes last.
    #[must_use]
    pub fn in_order(self) -> Self {
        self.arranged(|mistakes| {
            let last = (usize::MAX, usize::MAX);
            mistakes.sort_by_key(|mistake| mistake.position.unwrap_or(last));
            let mut seen = BTreeSet::new();
            mistakes.retain(|mistake| seen.insert(mistake.message.clone()));
        })
    }
}

/// A value and where it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Its key's place.
    pub place: Place,
}

impl<T> At<T> {
    /// An error about this value; `message` goes on after the key, e.g. `is 5, expected ...`.
    #[must_use]
    pub fn error(&self, message: impl fmt::Display) -> ScenarioError {
        self.place.error(message)
    }
}

/// A whole file, as written.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// How the file is called in messages.
    pub file: String,
    /// Name of the file without its extension; None for stdin.
    pub file_stem: Option<String>,
    /// Its text as given, `${...}` unexpanded.
    pub source: String,
    /// The table at the top of the file.
    pub root: Section,
    /// What is wrong with its keys and their values, which the plan tells together with what is
    /// wrong between them.
    pub mistakes: ScenarioError,
}

/// Where a scenario comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScenarioSource {
    /// A file; relative paths in it start at its folder.
    File(PathBuf),
    /// Text from stdin; relative paths in it start at the working folder.
    Stdin(String),
}

impl fmt::Display for ScenarioSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.write_str(&path.display().to_string().escape_debug().to_string()),
            Self::Stdin(_) => f.write_str("<stdin>"),
        }
    }
}

/// Looks up an environment variable; a function, so that tests have an environment of their own.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

impl ScenarioSource {
    /// The text of this process' stdin, as bounded as a file.
    ///
    /// # Errors
    /// It can't be read, is no UTF-8, or is larger than a scenario may be.
    pub fn stdin() -> Result<Self, ScenarioError> {
        let text = read_bounded("<stdin>", std::io::stdin().lock()).map_err(|error| {
            ScenarioError::new(format!("the scenario on stdin can't be read: {error}"))
        })??;
        Ok(Self::Stdin(text))
    }
}

impl Scenario {
    /// Reads a scenario with the keys of `root`: text, then `--set` by path, then `${NAME}` in
    /// `[milvus]`, `[tracing]` and paths, then types.
    ///
    /// What is wrong with keys, values, and `--set`, is noted in [`Scenario::mistakes`].
    ///
    /// # Errors
    /// The file can't be read, or is no TOML.
    pub fn read_with(
        root: &'static Table,
        source: &ScenarioSource,
        sets: &[String],
        env: Environment<'_>,
    ) -> Result<Self, ScenarioError> {
        let text = match source {
            ScenarioSource::Stdin(text) => text.clone(),
            ScenarioSource::File(path) => read_file(path)?,
        };
        let mut mistakes = ScenarioError::told();
        let mut tree = tree::parse(&source.to_string(), &text, root, &mut mistakes)?;
        for set in sets {
            mistakes.or(sets::apply(&mut tree, root, set), ());
        }
        expand::expand(&mut tree, root, env, &mut mistakes);
        Ok(read::scenario(&tree, root, source, text, mistakes))
    }
}

fn read_file(path: &Path) -> Result<String, ScenarioError> {
    let shown = path.display().to_string().escape_debug().to_string();
    let refuse = |error: std::io::Error| {
        ScenarioError::new(format!(
            "scenario {shown} can't be read ({error}); give the path of a TOML file, or - for stdin"
        ))
    };
    let file = fs::File::open(path).map_err(refuse)?;
    read_bounded(&shown, file).map_err(refuse)?
}

/// The text of a scenario, of which no more is read than one may have; `shown` is how messages call
/// it. The outer error is that of the reader.
fn read_bounded(
    shown: &str,
    reader: impl Read,
) -> Result<Result<String, ScenarioError>, std::io::Error> {
    let mut bytes = Vec::new();
    reader.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    let refuse = |what: &str| {
        let message = format!("{shown} is {what}; give the path of a TOML file");
        Err(ScenarioError::new(message))
    };
    if bytes.len() as u64 > MAX_BYTES {
        return Ok(refuse("larger than 1 MiB, too large for a scenario"));
    }
    let text = String::from_utf8(bytes);
    Ok(text.or_else(|_| refuse("not UTF-8 text, so not TOML")))
}

#[cfg(test)]
mod tests;
