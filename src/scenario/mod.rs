//! The scenario: the TOML as written, with the place of every value; unknown keys refused.
//!
//! It knows types and units, and goes by the rows of the keys (see [`crate::keys`]). What values
//! mean together is for [`crate::plan`]. Secrets never get here: a scenario holds where a secret is
//! to be found, not the secret.

mod expand;
mod read;
mod resolved;
mod section;
mod sets;
mod tree;
mod units;
mod unknown;
mod values;
mod words;

use std::{
    fmt, fs,
    io::Read as _,
    path::{Path, PathBuf},
};

use crate::keys::Table;

pub use section::{InitialRows, Level, SecretSource, Section};
pub use tree::Place;
pub use words::{NAME_RULE, is_name, nearest, plain_number, quoted};

pub(crate) use unknown::{key_of_table_below, unknown_key};
pub(crate) use words::choose;

/// Largest scenario that is read, in bytes: bigger ones are data given by mistake.
const MAX_BYTES: u64 = 1 << 20;

/// Why a scenario can't be read: one sentence with the place, the key as typed, what was found and
/// what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ScenarioError(pub String);

/// A value and where it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Its key's place.
    pub place: Place,
}

impl<T> At<T> {
    /// An error about this value; `message` goes on after the key, e.g. `is 5, allowed is ...`.
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

impl Scenario {
    /// Reads a scenario with the keys of `root`: text, then `--set` by path, then `${NAME}` in
    /// `[milvus]`, `[tracing]` and paths, then types.
    ///
    /// # Errors
    /// The file can't be read, is no TOML, has an unknown key or a value of the wrong type; or a
    /// `--set` does not fit.
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
        let mut tree = tree::parse(&source.to_string(), &text)?;
        for set in sets {
            sets::apply(&mut tree, root, set)?;
        }
        expand::expand(&mut tree, root, env)?;
        read::scenario(&tree, root, source, text)
    }
}

fn read_file(path: &Path) -> Result<String, ScenarioError> {
    let shown = path.display().to_string().escape_debug().to_string();
    let refuse = |error: std::io::Error| {
        ScenarioError(format!(
            "scenario {shown} can't be read ({error}); give the path of a TOML file, or - for stdin"
        ))
    };
    let mut bytes = Vec::new();
    fs::File::open(path)
        .map_err(refuse)?
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(refuse)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(ScenarioError(format!(
            "{shown} is larger than 1 MiB and so no scenario; give the path of a TOML file"
        )));
    }
    String::from_utf8(bytes).map_err(|_| {
        ScenarioError(format!(
            "{shown} is not UTF-8 text and so no TOML; give the path of a TOML file"
        ))
    })
}

#[cfg(test)]
mod tests;
