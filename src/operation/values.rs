//! Values that are drawn for each request: by the seed, from a distribution, for filters, ids and
//! rows.
//!
//! A value is a pure function of (key of the request, name of the value), so it is the same in
//! every run and on every thread.

mod distributions;
mod drawing;
mod fields;
mod ranks;
mod split;
mod text;

use std::sync::Arc;

use toml::{Table, Value};

pub use distributions::VALUE_KEYS;
pub use drawing::Drawing;
pub(super) use drawing::{Places, followed};
pub use split::{MOST_CLASSES, SPLIT_KEYS, Split};
pub(super) use text::escape;

use self::distributions::{Distribution, Drawn, Extent, Place, Reader};
use super::{OperationError, OperationErrors, RequestKey, draw, keys::refuse};
use crate::keys::{all, each, nearest};

/// Most values of a workload.
pub const MOST_VALUES: usize = 100;

/// Rows of the collection as far as the plan knows them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PlannedRows {
    /// Rows that preparation inserts.
    pub initial: u64,
    /// Rows that are inserted per request of the workload, by itself or beside it in a mix.
    pub per_request: f64,
}

/// The values of a workload.
#[derive(Debug)]
pub struct Values {
    named: Vec<Named>,
    split: Option<Split>,
    rows: PlannedRows,
}

#[derive(Debug)]
struct Named {
    name: String,
    hash: u64,
    distribution: Arc<dyn Distribution>,
}

impl Values {
    /// Reads `values` and `split` of a workload as written; `seed` is the scenario's.
    ///
    /// # Errors
    /// Everything that is not allowed; keys begin with `values` or `split`.
    pub fn read(
        values: &Table,
        split: Option<&Table>,
        seed: u64,
        rows: PlannedRows,
    ) -> Result<Self, OperationErrors> {
        let named = each(
            values
                .iter()
                .map(|(name, value)| named(name, value, seed, rows)),
        )?;
        let mut values = Self {
            named,
            split: None,
            rows,
        };
        values.split = split.map(|table| values.read_split(table)).transpose()?;
        Ok(values)
    }

    fn read_split(&self, table: &Table) -> Result<Split, OperationErrors> {
        let inside = |error: OperationError| OperationError {
            key: below("split", &error.key),
            ..error
        };
        let names: Vec<&str> = self.names().collect();
        let by = table.get("by").and_then(Value::as_str).unwrap_or_default();
        let Some(value) = names.iter().position(|name| *name == by) else {
            let near = nearest(by, self.names()).map(|near| format!(", did you mean \"{near}\""));
            let has = match names[..] {
                [] => "the workload has none".to_owned(),
                _ => format!("it has: {}", names.join(", ")),
            };
            let message = format!(
                "is {by:?}, which is not a name of `values`{}; {has}",
                near.unwrap_or_default()
            );
            return Ok(refuse("split.by", message)?);
        };
        let split = Split::read(table, by, value, &*self.named[value].distribution);
        Ok(split.map_err(inside)?)
    }

    /// Names of the values, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.named.iter().map(|named| named.name.as_str())
    }

    /// The classes of its requests, where they have some.
    #[must_use]
    pub fn split(&self) -> Option<&Split> {
        self.split.as_ref()
    }

    fn name(&self, value: usize) -> &str {
        &self.named[value].name
    }

    fn extent(&self, value: usize) -> Extent<'_> {
        self.named[value].distribution.extent()
    }

    fn draw(&self, value: usize, key: RequestKey) -> Drawn {
        let Named {
            hash, distribution, ..
        } = &self.named[value];
        let number = key.earlier.saturating_add(key.seq);
        let PlannedRows {
            initial,
            per_request,
        } = self.rows;
        distribution.draw(Place {
            bits: draw::mix(key.hash ^ hash),
            number,
            rows: initial.saturating_add((number as f64 * per_request) as u64),
        })
    }

    fn draw_all(&self, key: RequestKey) -> Vec<Drawn> {
        let values = 0..self.named.len();
        values.map(|value| self.draw(value, key)).collect()
    }
}

fn named(
    name: &str,
    value: &Value,
    seed: u64,
    rows: PlannedRows,
) -> Result<Named, OperationErrors> {
    let path = format!("values.{name}");
    let checked = if text::is_name(name) {
        Ok(())
    } else {
        Ok(refuse(
            &path,
            "is not a name for a value, expected at most 64 letters, digits and `_`, not \
             beginning with a digit",
        )?)
    };
    let Value::Table(table) = value else {
        let message = format!("is {value}, expected a table such as {{ uniform = [0, 364] }}");
        return Ok(refuse(&path, message)?);
    };
    let hash = draw::mix(draw::text_hash(name));
    let reader = Reader {
        table,
        stream: draw::mix(seed ^ hash),
        rows: rows.initial,
        grows: rows.per_request > 0.0,
    };
    let distribution = reader.read().map_err(|error| {
        OperationErrors::from(OperationError {
            key: below(&path, &error.key),
            ..error
        })
    });
    let ((), distribution) = all((checked, distribution))?;
    Ok(Named {
        name: name.to_owned(),
        hash,
        distribution,
    })
}

/// The path of `key` in the table at `path`, or of the table.
fn below(path: &str, key: &str) -> String {
    if key.is_empty() {
        path.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

#[cfg(test)]
mod tests;
