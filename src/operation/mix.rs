//! `operation = "mix"`: requests of several operations on one arrival process, each drawn for
//! itself.
//!
//! Documentation and scenarios call them parts of the mix; in code they are components, since a
//! part is a part of a phase there.

use toml::{Table, Value};

use super::{
    Build, Component, OPERATIONS, OperationEntry, OperationError, OperationErrors, RowUse,
    keys::{Keys, refuse},
};
use crate::keys::{DefaultValue, Key, Kind, LARGEST_SHARE, all, each};

const PARTS: &str = "parts";

pub(super) const ENTRY: OperationEntry = OperationEntry {
    name: "mix",
    called: "a mix",
    summary: "sends requests of several operations in one arrival process, each drawn from the \
              seed; reports have a row for each, `<workload>:<operation>`",
    keys: &[Key::new(
        PARTS,
        Kind::Shares(names),
        DefaultValue::Needed(""),
        "operations, each with its share of the requests; tables named after them have their \
         keys, such as [workloads.<name>.search]",
    )
    .allowed("operations other than mix, with numbers above 0 and at most 1,000,000")
    .example("{ search = 70, upsert = 20, delete = 10 }")],
    rows: RowUse::AsComponents,
    counts_rows: false,
    more_rows: None,
    has_recall: false,
    needs_loaded: false,
    never_in: &[],
    build: Build::Components(build),
};

/// The operations that can be parts.
fn names() -> Vec<&'static str> {
    let is_single = |entry: &&OperationEntry| matches!(entry.build, Build::Requests(_));
    let single = OPERATIONS.iter().filter(is_single);
    single.map(|entry| entry.name).collect()
}

fn build(mut table: Table) -> Result<Vec<Component>, OperationErrors> {
    let own = table.remove_entry(PARTS).into_iter().collect();
    let parts = Keys::new(own, ENTRY.keys)?.table(PARTS)?;
    let names = names();
    let unknown = parts.keys().filter(|name| !names.contains(&name.as_str()));
    let unknown = unknown.map(|found| {
        let names = names.join(", ");
        let message = format!("holds {found:?}, expected one of the operations {names}");
        Ok(refuse(PARTS, message)?)
    });
    each::<(), _>(unknown)?;
    if parts.is_empty() {
        refuse(
            PARTS,
            format!(
                "names no operation; write one or more{}",
                ENTRY.keys[0].example_words()
            ),
        )?;
    }
    if let Some(found) = table.keys().find(|name| !parts.contains_key(*name)) {
        let message = format!("has keys of requests that `{PARTS}` does not name; give it a share");
        refuse(found, message)?;
    }
    // In the order of the table of operations, so that requests do not depend on how it is written.
    let of_parts = OPERATIONS
        .iter()
        .filter(|entry| parts.contains_key(entry.name));
    each(of_parts.map(|entry| {
        let share = share(entry.name, &parts[entry.name]).map_err(OperationErrors::from);
        let keys = keys(entry.name, table.remove(entry.name)).map_err(OperationErrors::from);
        let (share, keys) = all((share, keys))?;
        Ok(Component { entry, share, keys })
    }))
}

fn share(name: &str, found: &Value) -> Result<f64, OperationError> {
    let number = match found {
        Value::Integer(number) => *number as f64,
        Value::Float(number) => *number,
        _ => f64::NAN,
    };
    if number > 0.0 && number <= LARGEST_SHARE {
        return Ok(number);
    }
    refuse(
        &format!("{PARTS}.{name}"),
        format!(
            "is {found}, expected a number above 0 and at most 1,000,000; omit operations that \
             should not run"
        ),
    )
}

fn keys(name: &str, found: Option<Value>) -> Result<Table, OperationError> {
    match found {
        None => Ok(Table::new()),
        Some(Value::Table(table)) => Ok(table),
        Some(found) => refuse(name, format!("is {found}, expected a table of its keys")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn components(text: &str) -> Result<Vec<Component>, OperationErrors> {
        build(text.parse().unwrap())
    }

    fn check_refused(text: &str, key: &str, word: &str) {
        let error = components(text).expect_err("refused");
        let error = error.iter().next().unwrap();
        assert_eq!(error.key, key, "{}", error.message);
        assert!(
            error.message.contains(word),
            "{word:?} is not in: {}",
            error.message
        );
    }

    #[test]
    fn each_part_has_its_share_and_its_keys() {
        let found = components("parts = { upsert = 20, search = 70.5 }\nsearch = { limit = 3 }");
        let found = found.unwrap();
        let names: Vec<_> = found.iter().map(|of| (of.entry.name, of.share)).collect();
        assert_eq!(names, [("search", 70.5), ("upsert", 20.0)]);
        assert_eq!(found[0].keys, "limit = 3".parse().unwrap());
        assert!(found[1].keys.is_empty());
    }

    #[test]
    fn wrong_parts_are_refused() {
        check_refused("", "parts", "names no operation");
        check_refused(
            "parts = ['search']",
            "parts",
            "expected a table, such as { search = 70, upsert = 20, delete = 10 }",
        );
        check_refused(
            "parts = { serch = 1 }",
            "parts",
            "expected one of the operations search, insert",
        );
        check_refused("parts = { mix = 1 }", "parts", "holds \"mix\"");
        check_refused(
            "parts = { search = 0 }",
            "parts.search",
            "expected a number above 0",
        );
        for share in ["1e308", "1_000_001", "inf", "-1"] {
            check_refused(
                &format!("parts = {{ search = {share}, upsert = {share} }}"),
                "parts.search",
                "a number above 0 and at most 1,000,000",
            );
        }
        assert!(components("parts = { search = 1_000_000 }").is_ok());
        check_refused("parts = { search = 'many' }", "parts.search", "is \"many\"");
        check_refused(
            "parts = { search = 1 }\nsearch = 3",
            "search",
            "a table of its keys",
        );
        let other = "parts = { search = 1 }\nupsert = { batch = 3 }";
        check_refused(other, "upsert", "that `parts` does not name");
    }
}
