//! Secrets: looked up from where the scenario names them, and never shown.

use std::{fmt, fs, io::Read as _, path::Path};

use crate::scenario::{At, Environment, ScenarioError, SecretSource};

/// Longest secret in a file, in bytes.
const MAX_BYTES: u64 = 64 << 10;

/// A secret: never printed, never serialised.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The secret itself, for the wire.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Looks a secret up.
pub(super) fn look_up(
    source: &At<SecretSource>,
    env: Environment<'_>,
) -> Result<Secret, ScenarioError> {
    let (prefix, text) = match &source.value {
        SecretSource::Variable { prefix, name } => {
            let missing = || {
                source.error(format!(
                    "needs the environment variable {name}, which is not set or is empty; set it \
                     before the run"
                ))
            };
            (
                prefix.as_str(),
                env(name)
                    .filter(|text| !text.is_empty())
                    .ok_or_else(missing)?,
            )
        }
        SecretSource::File(path) => (
            "",
            read(path).map_err(|story| {
                source.error(format!("names the file {}, {story}", path.display()))
            })?,
        ),
    };
    // The text goes into a header of HTTP/2; its own value must not appear in an error.
    if text.chars().any(char::is_control) {
        return Err(source
            .error("holds a line break or another control character, expected one line of text"));
    }
    Ok(Secret(format!("{prefix}{text}")))
}

fn read(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let file = fs::File::open(path).map_err(|error| format!("which can't be opened: {error}"))?;
    file.take(MAX_BYTES)
        .read_to_string(&mut text)
        .map_err(|error| format!("which can't be read: {error}"))?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        Err("which is empty".to_owned())
    } else {
        Ok(text.to_owned())
    }
}
