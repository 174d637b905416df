//! `values` and `split` of a workload: as written, and as its operation draws them.

use std::sync::Arc;

use toml::{Table, Value};

use crate::{
    keys::{Kind, all, each},
    operation::{OperationErrors, PlannedRows, Values},
    scenario::{Place, ScenarioError, Section},
};

/// What a workload has written.
#[derive(Clone, Debug)]
pub(super) struct WrittenValues {
    values: Table,
    split: Option<Table>,
}

impl WrittenValues {
    /// Of the workload with this table; None where it has neither.
    ///
    /// # Errors
    /// A value is out of range, or one that could not be read was told.
    pub(super) fn of(table: &Section) -> Result<Option<Self>, ScenarioError> {
        let sections = table.sections_within("values", "a workload")?.iter();
        let values = sections.map(|section| Ok((section.name.clone(), as_toml(section)?)));
        let split = table.section("split").map(as_toml).transpose();
        let (values, split) = all((each(values), split))?;
        if values.is_empty() && split.is_none() {
            return table.unless_meant("values").map(|()| None);
        }
        let values = values.into_iter();
        Ok(Some(Self {
            values: values.map(|(name, of)| (name, Value::Table(of))).collect(),
            split,
        }))
    }

    /// The values as they are drawn by requests that come with `rows`; `seed` is the scenario's.
    ///
    /// # Errors
    /// What is not allowed, each at its place in the workload's table.
    pub(super) fn read(
        &self,
        table: &Section,
        seed: u64,
        rows: PlannedRows,
    ) -> Result<Arc<Values>, ScenarioError> {
        let values = Values::read(&self.values, self.split.as_ref(), seed, rows);
        values.map(Arc::new).map_err(|errors: OperationErrors| {
            let mut mistakes = ScenarioError::told();
            let error = |key: &str, message: &str| place(table, key).error(message);
            errors
                .iter()
                .for_each(|of| mistakes.add(error(&of.key, &of.message)));
            mistakes
        })
    }
}

/// Where a key of `values` or `split` stands.
pub(super) fn place(table: &Section, path: &str) -> Place {
    let mut names = path.splitn(3, '.');
    let (key, name) = (names.next().unwrap_or_default(), names.next());
    match (key, name, names.next()) {
        ("values", Some(name), below) => {
            let mut sections = table.sections("values").iter();
            let section = sections.find(|section| section.name == name);
            match (section, below) {
                (Some(section), Some(below)) => section.place_or_child(below),
                (Some(section), None) => section.place.clone(),
                (None, _) => table.place_or_child(key),
            }
        }
        (key, Some(below), _) => match table.section(key) {
            Some(section) => section.place_or_child(below),
            None => table.place_or_child(key),
        },
        (key, None, _) => table.place_or_child(key),
    }
}

/// A table as it is written, each key checked by its row.
fn as_toml(section: &Section) -> Result<Table, ScenarioError> {
    if section.is_refused() {
        return Err(ScenarioError::told());
    }
    let value = |name: &str, kind: Kind| -> Result<Option<Value>, ScenarioError> {
        Ok(match kind {
            Kind::Integer { .. } => section.written_integer(name)?.map(Value::from),
            Kind::Flag => section.written_flag(name).map(|at| at.value.into()),
            Kind::Text(_) => section.text(name)?.map(|at| at.value.into()),
            _ => section.toml(name)?.map(|at| at.value),
        })
    };
    let keys = section.rows_of().keys.iter();
    let found = each(keys.map(|key| Ok((key.name, value(key.name, key.kind)?))))?;
    let written = found.into_iter();
    Ok(written
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect())
}
