//! The terms of the field, in documents and messages: the list of terms with their former words,
//! and phrases that the project does without.
//!
//! `MILVUS_BENCH_UPDATE=1 cargo test --test words` writes the list into docs/methodology.md.

#[path = "support/documents.rs"]
mod documents;

use std::fmt::Write as _;

use documents::{Document, check_generated, documents, files_below, read};
use proc_macro2::{TokenStream, TokenTree};

/// A term that texts use, and what it was called.
struct Term {
    now: &'static str,
    /// As it is printed in the list.
    before: &'static str,
    /// Its forms in texts, in lower case.
    forms: &'static [&'static str],
}

const TERMS: [Term; 7] = [
    Term {
        now: "write delay",
        before: "hand-over",
        forms: &["hand-over", "hand-overs"],
    },
    Term {
        now: "read delay",
        before: "read wake-up",
        forms: &["read wake-up", "read wake-ups"],
    },
    Term {
        now: "flow-control wait",
        before: "no window",
        forms: &["no window"],
    },
    Term {
        now: "latency breakdown",
        before: "account",
        forms: &["account", "accounts"],
    },
    Term {
        now: "caveat",
        before: "reservation",
        forms: &["reservation", "reservations"],
    },
    Term {
        now: "suggestion",
        before: "advice",
        forms: &["advice"],
    },
    Term {
        now: "scheduled request",
        before: "slot",
        forms: &["slot", "slots"],
    },
];

/// Phrases that have a shorter or a usual form.
const PHRASES: [(&str, &str); 7] = [
    ("nobody", "name who does not, or use the passive"),
    ("says of itself", "name what it is"),
    ("say of itself", "name what it is"),
    ("say of themselves", "name what they are"),
    ("no option of it", "name the program that lacks the option"),
    ("that is said", "\"with a message\""),
    ("be it while", "name the cases"),
];

/// Phrases that messages do without. The forms are those of serde and rustc: "is 5, expected a
/// number from 0 to 1".
const IN_MESSAGES: [(&str, &str); 6] = [
    ("allowed is", "\"expected ...\""),
    ("allowed are", "\"expected ...\""),
    ("stands beside", "\"cannot be combined with\""),
    ("look at its", "\"check its\""),
    ("look at the", "\"check the\""),
    ("somebody", "name who it is"),
];

/// Part of docs/methodology.md that holds the list, and so the former words.
const LIST: &str = "words";

/// Where a text stands: a file, of a document also the line.
type Place = String;

/// Whether `phrase` stands in `text` as whole words, whatever its case.
fn has(text: &str, phrase: &str) -> bool {
    let text = text.to_lowercase();
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    text.match_indices(phrase).any(|(at, found)| {
        !text[..at].ends_with(is_word) && !text[at + found.len()..].starts_with(is_word)
    })
}

/// What `text` says that it should not, and what to write.
fn faults(text: &str) -> Vec<String> {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let terms = TERMS.iter().flat_map(|term| {
        let forms = term.forms.iter();
        forms.map(|form| (*form, term.now))
    });
    terms
        .chain(PHRASES)
        .filter(|(phrase, _)| has(&words, phrase))
        .map(|(phrase, instead)| format!("{phrase:?}: {instead}"))
        .collect()
}

/// What a message says that it should not, and what to write.
fn faults_of_message(text: &str) -> Vec<String> {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let phrases = IN_MESSAGES.iter().filter(|(phrase, _)| has(&words, phrase));
    let mut faults = faults(text);
    faults.extend(phrases.map(|(phrase, instead)| format!("{phrase:?}: {instead}")));
    if denies_a_kind(&words) {
        faults.push("\"is no\": \"is not a\"".to_owned());
    }
    faults
}

/// Whether `text` says of something that it "is no file"; "there is no file" is right.
fn denies_a_kind(text: &str) -> bool {
    let words: Vec<&str> = text.split(' ').collect();
    words.windows(4).any(|words| {
        let [before, verb, no, of] = words else {
            return false;
        };
        matches!(*verb, "is" | "are")
            && *no == "no"
            && !before.trim_matches('"').eq_ignore_ascii_case("there")
            && !matches!(*of, "longer" | "more")
    })
}

/// A string of code without what its braces stand for: `{advice}` is a name.
fn without_names(text: &str) -> String {
    let mut kept = String::new();
    let mut depth = 0_u32;
    for c in text.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            c if depth == 0 => kept.push(c),
            _ => {}
        }
    }
    kept
}

/// A text without its code between backticks.
fn without_code(text: &str) -> String {
    text.split('`').step_by(2).collect::<Vec<_>>().join(" ` ")
}

/// The strings of `tokens`, texts of documentation left out.
fn strings(tokens: TokenStream, found: &mut Vec<String>) {
    let mut before: [Option<String>; 2] = [None, None];
    for token in tokens {
        match &token {
            TokenTree::Group(group) => strings(group.stream(), found),
            TokenTree::Literal(literal) => {
                let is_doc = before[0].as_deref() == Some("doc");
                let text = literal.to_string();
                if !is_doc && text.contains('"') {
                    found.push(text);
                }
            }
            _ => {}
        }
        let [_, last] = &mut before;
        before = [last.take(), Some(token.to_string())];
    }
}

/// Every text of the program for people: strings of more than one word.
fn messages() -> Vec<(Place, String)> {
    let files = files_below("src")
        .into_iter()
        .filter(|file| file.ends_with(".rs") && !file.contains("generated"));
    let mut messages = Vec::new();
    for file in files {
        let tokens: TokenStream = read(&file)
            .parse()
            .unwrap_or_else(|error| panic!("{file}: {error}"));
        let mut found = Vec::new();
        strings(tokens, &mut found);
        let prose = found.into_iter().filter_map(|text| {
            // A line break of the code within a string.
            let text = without_code(&without_names(&text.replace("\\\n", " ")));
            text.trim().contains(' ').then(|| (file.clone(), text))
        });
        messages.extend(prose);
    }
    messages
}

/// Prose of the documents; of the changelog the newest section.
fn prose() -> Vec<(Place, String)> {
    let mut pieces = Vec::new();
    for document in documents() {
        let newest = newest_section(&document);
        for piece in document.prose(LIST) {
            if newest.is_none_or(|end| piece.line < end) {
                pieces.push((format!("{}:{}", document.path, piece.line), piece.text));
            }
        }
    }
    pieces
}

/// Line after the newest section of a changelog; None for every other document.
fn newest_section(document: &Document) -> Option<usize> {
    if document.path != "CHANGELOG.md" {
        return None;
    }
    let sections = document.text.lines().enumerate();
    let mut sections = sections.filter(|(_, line)| line.starts_with("## "));
    Some(sections.nth(1).map_or(usize::MAX, |(line, _)| line + 1))
}

/// Fails with every fault that `faults` finds in `texts`.
fn check(texts: Vec<(Place, String)>, faults: fn(&str) -> Vec<String>) {
    assert!(
        texts.len() > 100,
        "the texts were not found: {}",
        texts.len()
    );
    let faults: Vec<String> = texts
        .iter()
        .flat_map(|(place, text)| {
            let faults = faults(text).into_iter();
            faults.map(move |fault| format!("{place}: {fault} in {text:?}"))
        })
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn documents_use_the_terms_of_the_list() {
    check(prose(), faults);
}

#[test]
fn messages_use_the_terms_of_the_list() {
    check(messages(), faults_of_message);
}

/// Comments of the code that still have former words: a number that falls.
const COMMENTS_LEFT: usize = 60;

/// Comments of `file` with a fault, whole lines and their ends.
fn comments_with_faults(file: &str) -> usize {
    let text = read(file);
    let mut comments: Vec<String> = Vec::new();
    let mut goes_on = false;
    for line in text.lines() {
        let comment = line.trim_start().strip_prefix("//");
        match comment {
            Some(comment) if goes_on => {
                let last = comments.last_mut().expect("it goes on");
                last.push(' ');
                last.push_str(comment.trim_start_matches(['/', '!']));
            }
            Some(comment) => comments.push(comment.trim_start_matches(['/', '!']).to_owned()),
            None => {}
        }
        goes_on = comment.is_some();
    }
    let faulty = comments
        .iter()
        .filter(|comment| !faults(&without_code(comment)).is_empty());
    faulty.count()
}

#[test]
fn comments_lose_their_former_words() {
    let files = files_below("src");
    let found: Vec<(usize, &String)> = files
        .iter()
        .filter(|file| file.ends_with(".rs"))
        .map(|file| (comments_with_faults(file), file))
        .filter(|(count, _)| *count > 0)
        .collect();
    let count: usize = found.iter().map(|(count, _)| count).sum();
    assert!(
        count <= COMMENTS_LEFT,
        "{count} comments have former words, and {COMMENTS_LEFT} are left: {found:?}"
    );
}

#[test]
fn the_list_of_terms_is_in_the_methodology() {
    let mut table = "| term | before |\n| --- | --- |\n".to_owned();
    for Term { now, before, .. } in &TERMS {
        writeln!(table, "| {now} | {before} |").expect("a String takes any text");
    }
    check_generated("docs/methodology.md", LIST, &table, "words");
}

#[test]
fn former_words_are_found_as_whole_words_outside_of_code() {
    let check = |text: &str, expected: usize| {
        let found = faults(&without_code(&without_names(text)));
        assert_eq!(found.len(), expected, "{text}: {found:?}");
    };
    check("an Account of the latency", 1);
    check("the `account` of report.json", 0);
    check("{advice}, account_us and accounting", 0);
    check("ten slots wait, and nobody is there", 2);
    check("no\n   window", 1);
}

#[test]
fn messages_say_what_is_expected_and_what_a_thing_is_not() {
    let check = |text: &str, expected: usize| {
        let found = faults_of_message(text);
        assert_eq!(found.len(), expected, "{text}: {found:?}");
    };
    check("is 5, allowed are numbers from 0 to 1", 1);
    check("is 5, expected a number from 0 to 1", 0);
    check("names a.pem, which is no file", 1);
    check("the 2 that are no file: look at the log", 2);
    check("there is no run, and it is no longer needed", 0);
    check("only reading operations are allowed", 0);
}
