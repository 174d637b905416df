//! Names, choices and the nearest known word.

use super::{At, ScenarioError};
use crate::keys::nearest;

/// The rule for names of scenarios, phases and workloads, in words.
pub const NAME_RULE: &str =
    "1 to 64 letters, digits, `_`, `.` or `-`, beginning with a letter or digit";

/// Longest piece of the user's text that a message repeats, in characters.
const SHOWN: usize = 80;

/// Whether `text` may name a scenario, a phase or a workload.
#[must_use]
pub fn is_name(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

/// `text` in quotes, control characters escaped, long text cut.
#[must_use]
pub fn quoted(text: &str) -> String {
    let cut: String = text.chars().take(SHOWN).collect();
    let dots = if cut.len() < text.len() { "..." } else { "" };
    format!("\"{}{dots}\"", cut.escape_debug())
}

/// A number in the form in which people write it: `200`, `0.5`, `1e300`.
#[must_use]
pub fn plain_number(number: f64) -> String {
    if number == 0.0 || (1e-6..1e15).contains(&number.abs()) || !number.is_finite() {
        number.to_string()
    } else {
        format!("{number:e}")
    }
}

/// The row that `text` names in any case, else an error with all names; `what` is what they are
/// names of.
pub(crate) fn choose<'a, T>(
    text: &At<String>,
    what: &str,
    rows: &'a [T],
    name: impl Fn(&T) -> &str,
) -> Result<&'a T, ScenarioError> {
    if let Some(row) = rows
        .iter()
        .find(|row| name(row).eq_ignore_ascii_case(&text.value))
    {
        return Ok(row);
    }
    let hint = nearest(&text.value, rows.iter().map(&name))
        .map(|word| format!(", did you mean \"{word}\""))
        .unwrap_or_default();
    let names: Vec<&str> = rows.iter().map(&name).collect();
    let allowed = if names.is_empty() {
        "the scenario has none".to_owned()
    } else {
        format!("expected one of {}", names.join(", ").escape_debug())
    };
    Err(text.error(format!(
        "is {}, which is not a known {what}{hint}; {allowed}",
        quoted(&text.value)
    )))
}
