//! The answer to a key that a table does not have.

use crate::keys::{Key, Table, Variant, nearest};

/// Keys that the format has and this version has not, by the path of their table.
pub(super) const NOT_BUILT: &[(&str, &str)] = &[
    ("milvus", "retries"),
    ("tracing.spans", "headers_command"),
    ("tracing.spans", "forward"),
    ("workloads.<name>", "retries"),
    ("workloads.<name>", "cleanup"),
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
        return "is not implemented yet; omit it".to_owned();
    }
    let known = || table.keys.iter().chain(extra).map(|key| key.name);
    let dashed = lower.replace('-', "_");
    // A list has a plural.
    let is_plural = |key: &str| key.strip_suffix('s') == Some(&dashed);
    if let Some(key) = known().find(|key| *key == dashed || is_plural(key)) {
        return format!("is not a key here, write `{key}`");
    }
    let others = root.all();
    if let Some(ours) = ours(&others, table, extra, &dashed) {
        return format!("is not a key here, write {ours}");
    }
    let has_it = |other: &&&Table| {
        !other.path.is_empty() && dashed != "name" && other.key(&dashed).is_some()
    };
    let headings: Vec<String> = others
        .iter()
        .filter(has_it)
        .map(|of| of.heading())
        .collect();
    if !headings.is_empty() {
        let headings = headings.join(" or ");
        return format!("is not a key here, it belongs to {headings}");
    }
    if let Some(ours) = others.iter().find_map(|other| of_variants(other, &dashed)) {
        return format!("is not a key here, write {ours}");
    }
    match nearest(name, known()) {
        Some(key) => format!("is not a key, did you mean `{key}`"),
        None => format!(
            "is not a key; known here: {}",
            known().collect::<Vec<_>>().join(", ")
        ),
    }
}

/// What to say of `name`, which stands beside the tables that it may be meant for: the headings of
/// these, each with its keys. None where none of them has it.
pub(crate) fn key_of_table_below(name: &str, tables: &[(String, &[Key])]) -> Option<String> {
    let word = name.to_lowercase().replace('-', "_");
    let key_of = |keys: &[Key]| {
        let own = keys.iter().find(|key| key.name == word);
        own.map(|_| "it".to_owned())
            .or_else(|| word_for(keys, &word))
    };
    let ours = tables.iter().find_map(|(_, keys)| key_of(keys))?;
    let having = tables.iter().filter(|(_, keys)| key_of(keys).is_some());
    let headings: Vec<&str> = having.map(|(heading, _)| heading.as_str()).collect();
    Some(format!(
        "is not a key here, write {ours} in {}",
        headings.join(" or ")
    ))
}

/// What to write in the place of `word` of another tool, which `table` has, with `extra` beside its
/// rows; then what one of `others` has.
fn ours(others: &[&Table], table: &Table, extra: &[Key], word: &str) -> Option<String> {
    if let Some(ours) = word_for(extra, word) {
        return Some(ours);
    }
    // In stages, some of these words mean something else than elsewhere.
    let elsewhere = |other: &&&Table| !other.path.ends_with("stages[]");
    let by_words =
        |table: &Table| answer(table.keys, &table.owner(), word).or_else(|| of_words(table, word));
    let own = others.iter().filter(|other| other.path == table.path);
    own.clone()
        .find_map(|own| by_words(own).or_else(|| of_variants(own, word)))
        .or_else(|| others.iter().filter(elsewhere).find_map(|of| by_words(of)))
}

/// The key of some variants of `table` that is called `word`.
fn of_variants(table: &Table, word: &str) -> Option<String> {
    let variants = table.variants();
    let mut keys = variants.iter().flat_map(|variant| variant.keys);
    let key = keys.find(|key| key.name == word)?;
    Some(of_those_with(table, &variants, key))
}

/// What a key of some variants of `table` answers to `word` of another tool.
fn of_words(table: &Table, word: &str) -> Option<String> {
    let variants = table.variants();
    let mut keys = variants.iter().flat_map(|variant| variant.keys);
    if let Some(key) = keys.find(|key| key.answers.contains(&word)) {
        return Some(of_those_with(table, &variants, key));
    }
    variants.iter().find_map(|variant| {
        let text = foreign(variant.keys, word)?;
        Some(format!("{text} of {}", those(table, &[variant.name])))
    })
}

/// `key`, with all the variants that have a key of its name.
fn of_those_with(table: &Table, variants: &[Variant], key: &Key) -> String {
    let has_it = |variant: &&Variant| variant.keys.iter().any(|other| other.name == key.name);
    let names: Vec<&str> = variants.iter().filter(has_it).map(|of| of.name).collect();
    format!("`{}` of {}", key.name, those(table, &names))
}

/// `a search or query workload`, which is a workload of one of these.
fn those(table: &Table, names: &[&str]) -> String {
    let owner = table.owner();
    let what = owner.trim_start_matches("a ");
    let first = names.first().copied().unwrap_or_default();
    let article = if first.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    };
    let names = match names {
        [before @ .., last] if !before.is_empty() => format!("{} or {last}", before.join(", ")),
        names => names.concat(),
    };
    format!("{article} {names} {what}")
}

/// What to write for `word` of another tool where `keys` are.
fn word_for(keys: &[Key], word: &str) -> Option<String> {
    let own = keys.iter().find(|key| key.answers.contains(&word));
    own.map(|key| format!("`{}`", key.name))
        .or_else(|| foreign(keys, word).map(str::to_owned))
}

/// The answer that one of `keys`, which `owner` has, gives to `word`.
fn answer(keys: &[Key], owner: &str, word: &str) -> Option<String> {
    let own = keys.iter().find(|key| key.answers.contains(&word));
    own.map(|key| format!("`{}` of {owner}", key.name))
        .or_else(|| foreign(keys, word).map(str::to_owned))
}

/// The text that one of `keys` has for `word`.
fn foreign(keys: &[Key], word: &str) -> Option<&'static str> {
    let mut all = keys.iter().flat_map(|key| key.foreign);
    all.find(|(theirs, _)| *theirs == word)
        .map(|(_, ours)| *ours)
}
