//! The answer to a key that a table does not have.

use super::words::nearest;
use crate::keys::{Key, Table};

/// Keys that the format has and this version has not, by the path of their table.
pub(super) const NOT_BUILT: &[(&str, &str)] = &[
    ("milvus", "needs"),
    ("milvus", "retries"),
    ("tracing.spans", "headers_command"),
    ("tracing.spans", "tls"),
    ("tracing.spans", "forward"),
    ("collections.<name>", "num_partitions"),
    ("collections.<name>", "properties"),
    ("workloads.<name>", "retries"),
    ("workloads.<name>", "switch_every"),
    ("workloads.<name>", "ids"),
    ("workloads.<name>", "cleanup"),
    ("phases[]", "switch_every"),
];

/// What to say of `name`, which `table` of the scenario `root` does not have; `extra` are keys that
/// it has beside its rows. Goes on after the key, e.g. `is not a key, did you mean ...`.
pub(crate) fn unknown_key(
    root: &'static Table,
    table: &Table,
    name: &str,
    extra: &[Key],
) -> String {
    let lower = name.to_lowercase();
    if NOT_BUILT.contains(&(table.path, lower.as_str())) {
        return "is not built yet; leave it out".to_owned();
    }
    let known = || table.keys.iter().chain(extra).map(|key| key.name);
    let dashed = lower.replace('-', "_");
    if let Some(key) = known().find(|key| *key == dashed) {
        return format!("is not a key here, write `{key}`");
    }
    if let Some(ours) = ours(root, table, &dashed) {
        return format!("is not a key here, write {ours}");
    }
    let tables = root.all();
    let others = tables
        .iter()
        .filter(|other| !other.path.is_empty() && dashed != "name" && other.key(&dashed).is_some());
    let headings: Vec<String> = others.map(|other| other.heading()).collect();
    if !headings.is_empty() {
        let headings = headings.join(" or ");
        return format!("is not a key here, it belongs to {headings}");
    }
    match nearest(name, known()) {
        Some(key) => format!("is not a key, did you mean `{key}`"),
        None => format!(
            "is not a key; known here: {}",
            known().collect::<Vec<_>>().join(", ")
        ),
    }
}

/// What to write in the place of `word` of another tool, which `table` has.
fn ours(root: &'static Table, table: &Table, word: &str) -> Option<String> {
    // In stages, some of these words mean something else than elsewhere.
    let elsewhere = |other: &&&Table| !other.path.ends_with("stages[]");
    let tables = root.all();
    let own = tables.iter().filter(|other| other.path == table.path);
    own.chain(tables.iter().filter(elsewhere))
        .find_map(|table| {
            let in_common = answer(table.keys, &table.owner(), word);
            let mut variants = table.variants().into_iter();
            in_common.or_else(|| {
                variants.find_map(|variant| {
                    // A workload of search is a search workload.
                    let owner = table.owner();
                    let what = owner.trim_start_matches("a ");
                    let article = match variant.name.starts_with(['a', 'e', 'i', 'o', 'u']) {
                        true => "an",
                        false => "a",
                    };
                    let owner = format!("{article} {} {what}", variant.name);
                    answer(variant.keys, &owner, word)
                })
            })
        })
}

/// The answer that one of `keys`, which `owner` has, gives to `word`.
fn answer(keys: &[Key], owner: &str, word: &str) -> Option<String> {
    keys.iter().find_map(|key| {
        if key.answers.contains(&word) {
            return Some(format!("`{}` of {owner}", key.name));
        }
        let mut foreign = key.foreign.iter();
        let (_, ours) = foreign.find(|(theirs, _)| *theirs == word)?;
        Some((*ours).to_owned())
    })
}
