//! Every text that the program can say names only commands, flags, tables, keys and files that
//! exist: all string literals outside of tests, the templates, and the help of all commands.

use std::{collections::BTreeSet, fs, path::Path};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::command;
use crate::{
    keys::{Kind, Table},
    operation::OPERATIONS,
    plan::SCENARIO,
    report::REPORTS,
};

/// Files whose texts are for other programs: their arguments, settings and tables.
const FOR_OTHERS: &[(&str, &str)] = &[
    ("src/stack/jaeger.rs", "flags and settings of Jaeger"),
    ("src/stack/milvus.rs", "settings of Milvus and etcd"),
    ("src/stack/install.rs", "arguments of pip"),
    (
        "src/null_milvus/",
        "requests and names of spans, as Milvus writes them",
    ),
    ("src/analysis/testing/", "made-up runs of tests"),
    ("src/analysis/scale.rs", "made-up traces of tests"),
    ("src/dataset/formats/mutated.rs", "files of tests"),
    ("src/dataset/formats/small.rs", "files of tests"),
    ("src/dataset/testing.rs", "columns of tests"),
    ("src/report/sample", "made-up analyses of tests"),
    (
        "src/calibrate/null.rs",
        "arguments of the hidden command null-milvus",
    ),
];

/// Flags of other programs that advice names.
const FOREIGN_FLAGS: &[(&str, &str)] = &[
    ("--release", "cargo"),
    ("--query.base-path", "Jaeger"),
    ("--query.max-clock-skew-adjustment", "Jaeger"),
];

/// Words after the program's name that are no command: it is the subject of a sentence.
const PROSE: &[&str] = &[
    "has", "sends", "receives", "created", "works", "that", "received", "is", "at", "did",
];

/// Keys of other programs and formats that advice names.
const FOREIGN_KEYS: &[(&str, &str)] = &[
    ("segmentIDs", "an attribute of Milvus' spans"),
    ("n", "a size in a message about a file"),
    ("k", "a size in a message about a file"),
    ("authorization", "a header"),
    ("x-scope-orgid", "a header"),
    ("Buckets", "HdrHistogram's text format"),
    ("v", "a stand-in for any key"),
    ("file", "where a secret stands"),
    ("nprobe", "a parameter of Milvus"),
    ("ef", "a parameter of Milvus"),
    ("search_list", "a parameter of Milvus"),
    ("M", "a parameter of Milvus"),
    ("efConstruction", "a parameter of Milvus"),
    ("drop_ratio_search", "a parameter of Milvus"),
    ("query_mode", "a property of Milvus"),
    ("color", "a name of the user"),
    ("choice", "a form of `values`"),
    ("column", "a form of `values`"),
    ("columns", "a form of `values`"),
    ("weights", "a form of `values`"),
    ("uniform", "a form of `values`"),
    ("constant", "a form of `values`"),
    ("text", "a form of `values`"),
];

/// Files that are other programs', or made up as an example.
const FOREIGN_FILES: &[(&str, &str)] = &[
    ("milvus.yaml", "Milvus"),
    ("scalar_labels.parquet", "VectorDBBench"),
    ("user.yaml", "Milvus"),
    ("values.yaml", "Helm"),
    ("scenario.toml", "an example"),
    ("words.toml", "an example"),
    ("s.toml", "an example"),
];

/// A text, and the file that has it.
struct Said {
    file: String,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Files below `folder`, from the project's folder.
fn files(folder: &str, found: &mut Vec<String>) {
    let mut entries: Vec<String> = fs::read_dir(root().join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    entries.sort();
    for name in entries {
        let path = if folder.is_empty() {
            name.clone()
        } else {
            format!("{folder}/{name}")
        };
        if ["target", ".git", "vendor", "results", "dist"].contains(&name.as_str()) {
            continue;
        }
        if root().join(&path).is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// The literals of tokens, but for those of attributes and of items that only tests have.
fn literals(tokens: TokenStream, found: &mut Vec<String>) {
    let mut tokens = tokens.into_iter().peekable();
    let mut is_test = false;
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Punct(sign) if sign.as_char() == '#' => {
                // Of a whole file: `#![doc = "..."]`.
                let inner = |token: &TokenTree| token.to_string() == "!";
                let _ = tokens.next_if(inner);
                if let Some(TokenTree::Group(group)) = tokens.peek()
                    && group.delimiter() == Delimiter::Bracket
                {
                    let attribute = group.stream().to_string().replace(' ', "");
                    is_test |= attribute == "cfg(test)" || attribute == "test";
                    // Doc comments, and the texts of clap, which are in its help.
                    tokens.next();
                }
            }
            TokenTree::Punct(sign) if sign.as_char() == ';' => is_test = false,
            TokenTree::Group(group) => {
                let ends_item = group.delimiter() == Delimiter::Brace;
                if !is_test {
                    literals(group.stream(), found);
                }
                is_test &= !ends_item;
            }
            TokenTree::Literal(literal) if !is_test => {
                found.extend(text_of(&literal.to_string()));
            }
            _ => {}
        }
    }
}

/// The text of a literal, if it is one of text.
fn text_of(literal: &str) -> Option<String> {
    if let Some(raw) = literal.strip_prefix('r') {
        let raw = raw.trim_matches('#');
        return Some(raw.strip_prefix('"')?.strip_suffix('"')?.to_owned());
    }
    let inside = literal.strip_prefix('"')?.strip_suffix('"')?;
    let (mut text, mut signs) = (String::new(), inside.chars().peekable());
    while let Some(sign) = signs.next() {
        match (sign, if sign == '\\' { signs.next() } else { None }) {
            ('\\', Some('n')) => text.push('\n'),
            ('\\', Some('\n')) => while signs.next_if(|sign| sign.is_whitespace()).is_some() {},
            ('\\', Some(other)) => text.push(other),
            (sign, _) => text.push(sign),
        }
    }
    Some(text)
}

/// Everything that can be said.
fn said() -> Vec<Said> {
    let mut paths = Vec::new();
    files("src", &mut paths);
    files("templates", &mut paths);
    let is_test = |path: &str| {
        path.contains("/tests/")
            || path.ends_with("tests.rs")
            || path.contains("generated")
            || path.contains("testdata")
            || path == "src/cli/advice.rs"
    };
    let mut found = Vec::new();
    for path in paths.iter().filter(|path| !is_test(path)) {
        if FOR_OTHERS.iter().any(|(of, _)| path.starts_with(of)) {
            continue;
        }
        let text = fs::read_to_string(root().join(path)).unwrap();
        let mut texts = Vec::new();
        match path.rsplit('.').next() {
            Some("rs") => literals(text.parse().unwrap(), &mut texts),
            Some("toml" | "md" | "txt" | "xml") => texts.push(text),
            _ => {}
        }
        found.extend(texts.into_iter().map(|text| Said {
            file: path.clone(),
            text,
        }));
    }
    let mut command = command();
    command.build();
    let mut help = |of: &clap::Command| {
        found.push(Said {
            file: format!("--help of {}", of.get_name()),
            text: of.clone().render_long_help().to_string(),
        });
    };
    help(&command);
    for of in command
        .get_subcommands()
        .filter(|of| of.get_name() != "help")
    {
        help(of);
        of.get_subcommands()
            .filter(|of| of.get_name() != "help")
            .for_each(&mut help);
    }
    found
}

/// Words of `text` that consist of signs for which `is_part` holds, each with what stands before
/// and behind it.
fn words<'a>(
    text: &'a str,
    is_part: impl Fn(char) -> bool + 'a,
) -> impl Iterator<Item = (&'a str, &'a str, &'a str)> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let start = from + text[from..].find(&is_part)?;
        let length = text[start..].find(|sign| !is_part(sign));
        let end = length.map_or(text.len(), |length| start + length);
        from = end;
        Some((&text[..start], &text[start..end], &text[end..]))
    })
}

/// All keys: of tables, of operations, and names of operations, which are keys of a mix.
fn keys() -> BTreeSet<&'static str> {
    let tables = SCENARIO.all().into_iter();
    let mut keys: BTreeSet<&str> = tables.flat_map(|of| of.keys).map(|key| key.name).collect();
    for entry in OPERATIONS {
        keys.extend(entry.all_keys().iter().map(|key| key.name));
    }
    keys.extend(FOREIGN_KEYS.iter().map(|(key, _)| *key));
    keys
}

/// Whether `path` leads to a table or a key; names of the user are anything.
fn leads(table: &'static Table, path: &[&str]) -> bool {
    let Some((first, rest)) = path.split_first() else {
        return true;
    };
    let variants = table.variants();
    let mut further = variants.iter().flat_map(|variant| variant.keys);
    let Some(key) = table.key(first) else {
        return further.any(|key| key.name == *first)
            || OPERATIONS.iter().any(|of| of.name == *first)
            || *first == "<operation>";
    };
    let mut kinds = key.kind.alternatives().iter();
    rest.is_empty()
        || kinds.any(|kind| match kind {
            Kind::Named { table, .. } => leads(table, &rest[1..]),
            Kind::Tables { table, .. } => leads(table, rest) || leads(table, &rest[1..]),
            Kind::Table(table) => leads(table, rest),
            Kind::Params | Kind::Headers => true,
            _ => false,
        })
}

/// What is named and does not exist, each with its file.
fn unknown(find: impl Fn(&str) -> Vec<String>) -> Vec<String> {
    let mut found = Vec::new();
    for said in said() {
        for word in find(&said.text) {
            found.push(format!("{}: {word} in {:.160}", said.file, said.text));
        }
    }
    found
}

#[track_caller]
fn check(find: impl Fn(&str) -> Vec<String>) {
    let found = unknown(find);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn flags_that_are_named_exist() {
    let mut command = command();
    command.build();
    let mut flags: BTreeSet<String> = BTreeSet::new();
    let mut all = vec![&command];
    while let Some(of) = all.pop() {
        let longs = of.get_arguments().filter_map(clap::Arg::get_long);
        flags.extend(longs.map(|long| format!("--{long}")));
        all.extend(of.get_subcommands());
    }
    assert!(flags.contains("--results"), "{flags:?}");
    flags.extend(FOREIGN_FLAGS.iter().map(|(flag, _)| (*flag).to_owned()));
    check(|text| {
        let is_part = |sign: char| sign.is_ascii_alphanumeric() || "-.".contains(sign);
        let words = words(text, is_part).map(|(_, word, _)| word.trim_end_matches('.'));
        let named = words.filter(|word| {
            word.strip_prefix("--")
                .is_some_and(|name| name.starts_with(|sign: char| sign.is_ascii_lowercase()))
        });
        named
            .filter(|word| !flags.contains(*word))
            .map(str::to_owned)
            .collect()
    });
}

#[test]
fn commands_that_are_named_exist() {
    let command = command();
    let names: Vec<&str> = command
        .get_subcommands()
        .map(clap::Command::get_name)
        .collect();
    check(|text| {
        let mut found = Vec::new();
        for (at, _) in text.match_indices("milvus-bench ") {
            let rest = &text[at + "milvus-bench ".len()..];
            let end = rest.find(|sign: char| !(sign.is_ascii_lowercase() || sign == '-'));
            let word = &rest[..end.unwrap_or(rest.len())];
            if !word.starts_with('-')
                && !word.is_empty()
                && !names.contains(&word)
                && !PROSE.contains(&word)
            {
                found.push(format!("milvus-bench {word}"));
            }
        }
        found
    });
}

#[test]
fn tables_and_keys_that_are_named_exist() {
    let tables: Vec<&str> = SCENARIO.keys.iter().map(|key| key.name).collect();
    let is_part = |sign: char| sign.is_ascii_alphanumeric() || "_.<>-".contains(sign);
    check(|text| {
        let paths = words(text, is_part).filter(|(before, word, after)| {
            let first = word.split('.').next().unwrap_or_default();
            let is_heading = before.ends_with('[') && after.starts_with(']');
            let is_path = word.contains('.') && !before.ends_with(['/', '{']);
            // Names of spans, and a file of Milvus.
            let is_foreign = word.contains(".proto.") || *word == "milvus.yaml";
            tables.contains(&first) && (is_heading || is_path) && !is_foreign
        });
        paths
            .map(|(_, word, _)| word.trim_end_matches('.'))
            .filter(|word| {
                let path: Vec<&str> = word.split('.').collect();
                !leads(&SCENARIO, &path)
            })
            .map(str::to_owned)
            .collect()
    });
}

#[test]
fn keys_that_are_to_be_set_exist() {
    let keys = keys();
    let is_part = |sign: char| sign.is_ascii_alphanumeric() || "_.-".contains(sign);
    check(|text| {
        let set = words(text, is_part).filter(|(before, word, after)| {
            let value = after.strip_prefix(" = ").unwrap_or_default();
            let is_value = |sign: char| sign.is_ascii_digit() || "\"[{<$".contains(sign);
            value.starts_with(is_value)
                && word.starts_with(|sign: char| sign.is_ascii_alphabetic())
                && !before.ends_with(['{', '/', '<', '"'])
        });
        set.map(|(_, word, _)| word)
            .filter(|word| !keys.contains(word.rsplit('.').next().unwrap_or_default()))
            .map(|word| format!("{word} = "))
            .collect()
    });
}

#[test]
fn keys_behind_their_table_are_its_own() {
    let tables = SCENARIO.all();
    // Words that go on with the sentence.
    const PROSE: &[&str] = &["and", "can", "has", "must", "of", "off", "or", "is"];
    check(|text| {
        let mut found = Vec::new();
        for table in tables.iter().filter(|table| !table.path.is_empty()) {
            let heading = format!("[{}] ", table.path);
            let plain = format!(" {} ", table.path);
            let plain = if table.path.contains('.') {
                &plain
            } else {
                &heading
            };
            for start in [heading.as_str(), plain] {
                for (at, _) in text.match_indices(start) {
                    let rest = &text[at + start.len()..];
                    let is_word = |sign: char| sign.is_ascii_lowercase() || sign == '_';
                    let end = rest.find(|sign| !is_word(sign)).unwrap_or(rest.len());
                    let word = &rest[..end];
                    let is_key = table.key(word).is_some();
                    if !word.is_empty() && !is_key && !PROSE.contains(&word) {
                        found.push(format!("{start}{word}"));
                    }
                }
            }
        }
        found
    });
}

#[test]
fn files_that_are_named_exist() {
    let mut known: BTreeSet<String> = BTreeSet::new();
    let mut paths = Vec::new();
    for folder in ["scenarios", "docs", "templates", "deploy"] {
        if root().join(folder).is_dir() {
            files(folder, &mut paths);
        }
    }
    let names = paths.iter().filter_map(|path| path.rsplit('/').next());
    known.extend(names.map(str::to_owned));
    known.extend(fs::read_dir(root()).unwrap().map(|entry| {
        let name = entry.unwrap().file_name();
        name.to_string_lossy().into_owned()
    }));
    known.extend(REPORTS.iter().map(|entry| entry.file.to_owned()));
    known.extend(["report.parquet", "calibration.json", "state.json"].map(str::to_owned));
    known.extend(["txt", "md", "html", "json"].map(|ending| format!("comparison.{ending}")));
    // Those of a run folder are written where they are named.
    let folder = fs::read_to_string(root().join("src/record/folder.rs")).unwrap();
    let mut of_folder = Vec::new();
    literals(folder.parse().unwrap(), &mut of_folder);
    known.extend(of_folder);
    known.extend(FOREIGN_FILES.iter().map(|(file, _)| (*file).to_owned()));
    const ENDINGS: &[&str] = &[
        "jsonl", "json", "toml", "hlog", "md", "html", "txt", "xml", "csv", "parquet", "yaml",
    ];
    let is_part = |sign: char| sign.is_ascii_alphanumeric() || "_.-<>/*{}".contains(sign);
    check(|text| {
        let named = words(text, is_part)
            .filter(|(before, ..)| !before.ends_with(':'))
            .map(|(_, word, _)| word.trim_end_matches('.'));
        let files = named.filter_map(|word| {
            let name = word.rsplit('/').next().unwrap_or(word);
            let (stem, ending) = name.rsplit_once('.')?;
            let is_file = ENDINGS.contains(&ending)
                && !stem.is_empty()
                && !name.contains(['*', '{', '<', '>']);
            is_file.then_some(name)
        });
        files
            .filter(|name| !known.contains(*name))
            .map(str::to_owned)
            .collect()
    });
}

#[test]
fn every_exemption_is_needed() {
    let texts = said();
    let is_said = |words: &str| texts.iter().any(|said| said.text.contains(words));
    let mut paths = Vec::new();
    files("src", &mut paths);
    let others = FOR_OTHERS.iter().map(|(of, _)| *of);
    let mut stale: Vec<String> = others
        .filter(|of| !paths.iter().any(|path| path.starts_with(of)))
        .map(str::to_owned)
        .collect();
    let prose = PROSE.iter().map(|word| format!("milvus-bench {word}"));
    let keys = FOREIGN_KEYS.iter().map(|(key, _)| format!("{key} = "));
    let words = FOREIGN_FLAGS
        .iter()
        .chain(FOREIGN_FILES)
        .map(|(word, _)| (*word).to_owned());
    stale.extend(
        prose
            .chain(keys)
            .chain(words)
            .filter(|words| !is_said(words)),
    );
    assert!(
        stale.is_empty(),
        "exempted, and said no more: {}",
        stale.join(", ")
    );
}
