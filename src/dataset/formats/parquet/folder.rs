//! Folders of VectorDBBench: which files have the rows, the queries, the neighbours and the labels.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Most files of a folder that are looked at.
const MOST_FILES: usize = 100_000;
/// Where newer sets have their rows.
const WITHIN: [&str; 2] = ["data", "train"];

/// Files of the rows: shuffled ones before those in order, as VectorDBBench takes them.
///
/// # Errors
/// There are none, or some are missing, in words that go on after the name of the folder.
pub(super) fn rows(folder: &Path, asked: Option<&str>) -> Result<Vec<PathBuf>, String> {
    let prefixes = match asked {
        Some(names) if names.contains(',') => return listed(folder, names),
        Some(prefix) => vec![prefix],
        None => vec!["shuffle_train", "train"],
    };
    find(folder, &prefixes)?.ok_or_else(|| {
        format!(
            "is a folder without {} or {}: `files` names others",
            name(prefixes[0]),
            prefixes.last().map_or_else(String::new, |prefix| format!(
                "{prefix}-00-of-10.parquet and so on"
            ))
        )
    })
}

/// Files of the queries.
///
/// # Errors
/// As [`rows`].
pub(super) fn queries(folder: &Path) -> Result<Vec<PathBuf>, String> {
    find(folder, &["test"])?.ok_or_else(|| "is a folder without test.parquet".to_owned())
}

/// Whether there are files of rows, or of queries.
pub(super) fn is_one(folder: &Path) -> bool {
    !matches!(find(folder, &["shuffle_train", "train", "test"]), Ok(None))
}

/// What a base in this folder implies as `queries`.
pub(super) fn implied_queries(folder: &Path) -> Option<PathBuf> {
    match find(folder, &["test"]) {
        Ok(Some(files)) if files.len() == 1 => files.into_iter().next(),
        // Which ones is found again, or refused, when they are opened.
        Ok(Some(_)) | Err(_) => Some(folder.to_owned()),
        Ok(None) => None,
    }
}

/// The file of the neighbours of the queries.
pub(super) fn neighbours(folder: &Path) -> Option<PathBuf> {
    let places = [
        "neighbors.parquet",
        "neighbors/neighbors.parquet",
        "data/neighbors.parquet",
        "../neighbors/neighbors.parquet",
    ];
    let path = places.iter().map(|place| folder.join(place));
    path.into_iter().find(|path| path.is_file())
}

/// The file of labels by id.
pub(super) fn labels(folder: &Path) -> Option<PathBuf> {
    Some(folder.join("scalar_labels.parquet")).filter(|path| path.is_file())
}

fn name(prefix: &str) -> String {
    format!("{prefix}.parquet")
}

/// Files by their names, in this order.
fn listed(folder: &Path, names: &str) -> Result<Vec<PathBuf>, String> {
    let path = |given: &str| {
        let given = given.trim().trim_end_matches(".parquet");
        let path = folder.join(name(given));
        if path.is_file() {
            Ok(path)
        } else {
            Err(format!("is a folder without {}", name(given)))
        }
    };
    names.split(',').map(path).collect()
}

fn find(folder: &Path, prefixes: &[&str]) -> Result<Option<Vec<PathBuf>>, String> {
    let within = WITHIN.iter().map(|name| folder.join(name));
    for folder in [folder.to_owned()].into_iter().chain(within) {
        if !folder.is_dir() {
            continue;
        }
        let files = files(&folder)?;
        for prefix in prefixes {
            if let Some(parts) = parts(&files, prefix)? {
                let path = |name: &String| folder.join(name);
                return Ok(Some(parts.into_iter().map(path).collect()));
            }
        }
    }
    shards(&folder.join("train")).map(|found| found.filter(|_| prefixes.contains(&"train")))
}

fn files(folder: &Path) -> Result<Vec<String>, String> {
    let unreadable = |error| format!("can't be read: {error}");
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)?.take(MOST_FILES) {
        let entry = entry.map_err(unreadable)?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    Ok(names)
}

/// `<prefix>-00-of-10.parquet` and so on, all of them, or `<prefix>.parquet`.
fn parts<'a>(files: &'a [String], prefix: &str) -> Result<Option<Vec<&'a String>>, String> {
    let number = |name: &str| -> Option<(u64, u64)> {
        let rest = name.strip_prefix(prefix)?.strip_prefix('-')?;
        let (part, of) = rest.strip_suffix(".parquet")?.split_once("-of-")?;
        Some((part.parse().ok()?, of.parse().ok()?))
    };
    let mut parts: Vec<_> = files
        .iter()
        .filter_map(|name| number(name).map(|number| (number, name)))
        .collect();
    let single = files.iter().find(|file| **file == name(prefix));
    let Some(((_, of), first)) = parts.first().copied() else {
        return Ok(single.map(|file| vec![file]));
    };
    parts.sort_by_key(|((part, _), _)| *part);
    if let Some((_, other)) = parts.iter().find(|((_, other), _)| *other != of) {
        return Err(format!(
            "has files of two splits, {first} and {other}: keep those of one"
        ));
    }
    // Parts are counted from 0; some people count from 1.
    let start = u64::from(parts.iter().all(|((part, _), _)| *part > 0));
    if parts.len() as u64 != of
        || parts
            .iter()
            .zip(start..)
            .any(|(((part, _), _), expected)| *part != expected)
    {
        let there = |wanted: &u64| parts.iter().any(|((part, _), _)| part == wanted);
        let missing = (0..of).find(|part| !there(part)).unwrap_or_default();
        return Err(format!(
            "has {} of the {of} files {prefix}-00-of-{of:02}.parquet and so on, part {missing} is \
             missing",
            parts.len()
        ));
    }
    Ok(Some(parts.into_iter().map(|(_, name)| name).collect()))
}

/// `shard-*/*.parquet`, by name.
fn shards(folder: &Path) -> Result<Option<Vec<PathBuf>>, String> {
    if !folder.is_dir() {
        return Ok(None);
    }
    let mut found = Vec::new();
    for shard in files(folder)?
        .iter()
        .filter(|name| name.starts_with("shard-"))
    {
        let shard = folder.join(shard);
        if !shard.is_dir() {
            continue;
        }
        let names = files(&shard)?.into_iter();
        let files = names.filter(|name| name.ends_with(".parquet"));
        found.extend(files.map(|name| shard.join(name)));
    }
    Ok((!found.is_empty()).then_some(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[&str], expected: Result<Option<&[&str]>, &str>) {
        let files: Vec<String> = files.iter().map(|name| (*name).to_owned()).collect();
        let found = parts(&files, "train");
        match expected {
            Ok(expected) => {
                let found = found.unwrap();
                let found = found.map(|list| list.into_iter().map(String::as_str).collect());
                assert_eq!(found, expected.map(<[&str]>::to_vec), "{files:?}");
            }
            Err(words) => {
                let found = found.unwrap_err();
                assert!(found.contains(words), "{found}");
            }
        }
    }

    #[test]
    fn files_of_a_split_are_taken_in_their_order_and_all_of_them() {
        check(&["other.parquet", "trainer.parquet"], Ok(None));
        check(&["train.parquet"], Ok(Some(&["train.parquet"])));
        let two = ["train-00-of-02.parquet", "train-01-of-02.parquet"];
        check(&[two[1], two[0]], Ok(Some(&two)));
        check(&["train.parquet", two[0], two[1]], Ok(Some(&two)));
        let unpadded = ["train-00-of-2.parquet", "train-01-of-2.parquet"];
        check(&unpadded, Ok(Some(&unpadded)));
        let from_one = ["train-1-of-2.parquet", "train-2-of-2.parquet"];
        check(&from_one, Ok(Some(&from_one)));
        check(&["train-00-of-02.parquet"], Err("part 1 is missing"));
        check(
            &["train-00-of-03.parquet", "train-02-of-03.parquet"],
            Err("part 1 is missing"),
        );
        check(
            &[two[0], two[1], "train-00-of-03.parquet"],
            Err("two splits"),
        );
    }
}
