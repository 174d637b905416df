//! Links: each leads to a file, and to a heading where it names one.

use std::{collections::BTreeSet, path::Path};

use crate::documents::{Document, documents, pages, root};

/// The folder of `file`, from the project's folder.
fn folder(file: &str) -> &str {
    file.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// `path` from the project's folder, written from `folder`; None where it leaves the project.
fn resolved(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            ".." => {
                parts.pop()?;
            }
            "." => {}
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// What is wrong with `link` of `document`.
fn fault(document: &Document, link: &str) -> Option<String> {
    if link.starts_with("http://") || link.starts_with("https://") {
        return None;
    }
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = match path {
        "" => document.path.clone(),
        path => match resolved(folder(&document.path), path) {
            Some(target) => target,
            None => return Some("it leaves the project".to_owned()),
        },
    };
    if !root().join(&target).exists() {
        return Some(format!("there is no {target}"));
    }
    if anchor.is_empty() {
        return None;
    }
    let anchors = Document::open(target).anchors();
    (!anchors.contains(anchor)).then(|| format!("its headings are {anchors:?}"))
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let mut links = 0;
    let mut faults = Vec::new();
    for document in documents() {
        for link in document.links() {
            links += 1;
            let found = fault(&document, &link);
            faults.extend(found.map(|fault| format!("{} links to {link}: {fault}", document.path)));
        }
    }
    assert!(links > 50, "{links}");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_page_is_in_the_contents() {
    let contents = Document::open("docs/SUMMARY.md".to_owned());
    let listed: BTreeSet<String> = contents
        .links()
        .into_iter()
        // What docs/root_documents.py puts in.
        .filter(|page| !page.is_empty())
        .map(|page| format!("docs/{page}"))
        .collect();
    let there: BTreeSet<String> = pages()
        .into_iter()
        .filter(|page| page != "docs/SUMMARY.md")
        .collect();
    assert_eq!(listed, there);
}

#[test]
fn every_page_has_one_title_and_headings_of_their_own() {
    for page in pages() {
        if page == "docs/SUMMARY.md" {
            continue;
        }
        let headings = Document::open(page.clone()).headings();
        let titles = headings
            .iter()
            .filter(|(level, _)| *level == pulldown_cmark::HeadingLevel::H1);
        assert_eq!(titles.count(), 1, "{page}");
        let texts: BTreeSet<&String> = headings.iter().map(|(_, text)| text).collect();
        assert_eq!(texts.len(), headings.len(), "{page}: {headings:?}");
    }
}

#[test]
fn a_link_is_written_from_its_page() {
    assert_eq!(
        resolved("docs/reference", "../a.md").as_deref(),
        Some("docs/a.md")
    );
    assert_eq!(resolved("", "docs/a.md").as_deref(), Some("docs/a.md"));
    assert_eq!(resolved("docs", "../../a.md"), None);
    assert!(Path::new(root()).is_absolute());
    let page = |text: &str| Document {
        path: "docs/x.md".to_owned(),
        text: text.to_owned(),
    };
    for (link, expected) in [
        ("nowhere.md", "there is no docs/nowhere.md"),
        ("../../outside.md", "it leaves the project"),
        ("thresholds.md#nothing", "its headings are"),
    ] {
        let found = fault(&page(""), link).expect("a fault");
        assert!(found.contains(expected), "{link}: {found}");
    }
    assert_eq!(fault(&page(""), "thresholds.md#figures"), None);
}

#[test]
fn anchors_are_those_of_github_and_of_mdbook() {
    let text = "# What's `[milvus]`?\n## A b\n## A b\n## Äé\n";
    let document = Document {
        path: String::new(),
        text: text.to_owned(),
    };
    // The last one is äé in GitHub and Äé in mdBook.
    let expected = ["whats-milvus", "a-b", "a-b-1"].map(str::to_owned);
    assert_eq!(document.anchors(), expected.into_iter().collect());
}
