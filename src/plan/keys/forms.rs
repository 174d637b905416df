//! Forms of texts that several tables have.

/// Names of scenarios, phases and stages.
pub(super) const NAME: &str = "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$";
/// Names that Milvus allows.
pub(super) const IDENTIFIER: &str = "^[A-Za-z_][A-Za-z0-9_]{0,254}$";
/// Addresses.
pub(super) const URL: &str = "^\\s*[Hh][Tt][Tt][Pp][Ss]?://[^/@?#]";

/// The names of a table of named values.
pub(super) fn names<T>(rows: &[(&'static str, T)]) -> Vec<&'static str> {
    rows.iter().map(|row| row.0).collect()
}
