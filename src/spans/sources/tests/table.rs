//! The table as others read it.

use std::{fs, path::Path};

use crate::spans::{SPAN_SOURCES, SourceEntry, SourceKind, find_source, kind_of};

#[test]
fn names_are_unique_and_found() {
    for (row, entry) in SPAN_SOURCES.iter().enumerate() {
        assert!(
            SPAN_SOURCES[..row]
                .iter()
                .all(|earlier| earlier.name != entry.name),
            "{} stands twice",
            entry.name
        );
        assert!(find_source(entry.name).is_some_and(|found| found.reads == entry.reads));
    }
    assert!(find_source("zipkin").is_none() && kind_of("zipkin").is_none());
}

#[test]
fn there_is_a_row_of_each_kind() {
    for kind in [
        SourceKind::Pulled,
        SourceKind::Received,
        SourceKind::Nothing,
    ] {
        assert_eq!(SourceEntry::first_of(kind).kind, kind);
    }
}

/// Doctor has a cause for every trouble that a source of its kind can have.
#[test]
fn rows_name_causes_for_every_trouble_of_their_kind() {
    for entry in SPAN_SOURCES {
        let troubles = &entry.troubles;
        let (everyone, servers) = (
            [troubles.not_there, troubles.other_back_end],
            [
                troubles.web_port,
                troubles.other_server,
                troubles.web_page,
                troubles.refused,
                troubles.no_services,
            ],
        );
        let lists: Vec<_> = match entry.kind {
            SourceKind::Pulled => everyone.into_iter().chain(servers).collect(),
            SourceKind::Received => everyone.to_vec(),
            SourceKind::Nothing => vec![],
        };
        assert!(
            lists.iter().all(|list| !list.is_empty()),
            "{}: {troubles:?}",
            entry.name
        );
        assert_eq!(
            entry.kind == SourceKind::Nothing,
            troubles.otlp_from_container.is_empty() || troubles.no_counters.is_empty(),
            "{}",
            entry.name
        );
        assert!(
            !entry.keeps_spans || entry.kind == SourceKind::Pulled,
            "{}",
            entry.name
        );
    }
}

/// What a source is stands in its row; a name that is compared is a fact that the next source
/// would have to be added to.
#[test]
fn no_module_compares_the_name_of_a_source() {
    let mut files = vec![];
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder of src") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    let compares = |line: &str| {
        let named = |quoted: &str| {
            ["== ", "!= ", "=> ", "| "]
                .iter()
                .any(|sign| line.contains(&format!("{sign}{quoted}")))
                || line.contains(&format!("{quoted} =>"))
                || line.contains(&format!("{quoted} | "))
        };
        // "none" and "auto" are values of other keys, too.
        let names = SPAN_SOURCES
            .iter()
            .map(|entry| format!("\"{}\"", entry.name));
        let mut rare = names
            .clone()
            .filter(|name| name != "\"none\"" && name != "\"auto\"");
        rare.any(|name| named(&name))
            || (line.contains("source") && names.into_iter().any(|name| named(&name)))
    };
    let found: Vec<String> = files
        .iter()
        .filter(|path| !path.to_string_lossy().contains("test"))
        .flat_map(|path| {
            let text = fs::read_to_string(path).unwrap_or_default();
            let code = text
                .split("#[cfg(test)]")
                .next()
                .unwrap_or_default()
                .to_owned();
            let lines = code.lines().filter(|line| compares(line));
            lines
                .map(|line| format!("{}: {}", path.display(), line.trim()))
                .collect::<Vec<_>>()
        })
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}
