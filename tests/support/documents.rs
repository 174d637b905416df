//! The project's documents, as tests read them: blocks, inline code, links, anchors and prose of
//! Markdown files.

// Two test binaries compile this module, each for itself, and one uses a part of it.
#![allow(dead_code, unreachable_pub)]

use std::{
    collections::BTreeSet,
    fs,
    ops::Range,
    path::{Path, PathBuf},
};

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// Set to 1 to rewrite what is generated.
pub const UPDATE: &str = "MILVUS_BENCH_UPDATE";

/// What stands for a piece of inline code in prose, so that the words around it stay apart.
const CODE: &str = "\u{fffc}";

/// Markdown files outside of `docs/`, README first.
const OTHERS: [&str; 7] = [
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "benches/README.md",
    "deploy/compose/README.md",
    "results/README.md",
];

/// One Markdown file.
pub struct Document {
    /// Its path from the project's folder.
    pub path: String,
    /// The file as it is.
    pub text: String,
}

/// A fenced block.
pub struct Block {
    /// First word of its fence: `sh`, `toml`, `text`, ...
    pub language: String,
    /// What stands between the fences.
    pub code: String,
    /// Text of the HTML comment right before it; empty without one.
    pub comment: String,
    /// Line of its fence, from 1.
    pub line: usize,
}

/// A paragraph, heading, list entry or cell without its code.
pub struct Prose {
    /// Line on which it begins, from 1.
    pub line: usize,
    /// Its words, inline code replaced by one sign.
    pub text: String,
}

/// The project's folder.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Text of `file`, a path from the project's folder.
pub fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Every Markdown file for people.
pub fn documents() -> Vec<Document> {
    let others = OTHERS.map(str::to_owned).into_iter();
    others.chain(pages()).map(Document::open).collect()
}

/// README and the pages: what users read.
pub fn for_users() -> Vec<Document> {
    let pages = pages().into_iter().map(Document::open);
    [Document::open("README.md".to_owned())]
        .into_iter()
        .chain(pages)
        .collect()
}

/// Paths of the Markdown files below `docs/`, from the project's folder.
pub fn pages() -> Vec<String> {
    files_below("docs")
        .into_iter()
        .filter(|path| path.ends_with(".md"))
        .collect()
}

/// Paths of all files below `folder`, from the project's folder, in order of their names.
pub fn files_below(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(root().join(&folder))
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for entry in entries {
            let path = folder.join(entry.expect("an entry").file_name());
            if root().join(&path).is_dir() {
                folders.push(path);
            } else {
                found.push(path.to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    found
}

impl Document {
    /// The file at `path` from the project's folder.
    pub fn open(path: String) -> Self {
        let text = read(&path);
        Self { path, text }
    }

    /// Its events, each with its place in the text.
    fn events(&self) -> impl Iterator<Item = (Event<'_>, Range<usize>)> {
        Parser::new_ext(&self.text, Options::ENABLE_TABLES).into_offset_iter()
    }

    /// Line of the byte `at`, from 1.
    fn line(&self, at: usize) -> usize {
        self.text[..at].matches('\n').count() + 1
    }

    /// Its fenced blocks.
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        let (mut comment, mut in_block) = (String::new(), false);
        for (event, range) in self.events() {
            match event {
                Event::Html(text) => comment.push_str(&text),
                Event::Start(Tag::HtmlBlock) => comment.clear(),
                Event::End(TagEnd::HtmlBlock) => {}
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                    in_block = true;
                    blocks.push(Block {
                        language: info
                            .split_whitespace()
                            .next()
                            .unwrap_or_default()
                            .to_owned(),
                        code: String::new(),
                        comment: std::mem::take(&mut comment).trim().to_owned(),
                        line: self.line(range.start),
                    });
                }
                Event::End(TagEnd::CodeBlock) => in_block = false,
                Event::Text(text) if in_block => {
                    blocks.last_mut().expect("it began").code.push_str(&text);
                }
                Event::Start(_) => comment.clear(),
                _ => {}
            }
        }
        blocks
    }

    /// Its inline code.
    pub fn code(&self) -> Vec<String> {
        self.events()
            .filter_map(|(event, _)| match event {
                Event::Code(code) => Some(code.split_whitespace().collect::<Vec<_>>().join(" ")),
                _ => None,
            })
            .collect()
    }

    /// Targets of its links and pictures.
    pub fn links(&self) -> Vec<String> {
        self.events()
            .filter_map(|(event, _)| match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    Some(dest_url.into_string())
                }
                _ => None,
            })
            .collect()
    }

    /// Its headings below the title, with their texts.
    pub fn headings(&self) -> Vec<(HeadingLevel, String)> {
        let mut headings = Vec::new();
        let mut inside = false;
        for (event, _) in self.events() {
            match event {
                Event::Start(Tag::Heading { level, .. }) => {
                    inside = true;
                    headings.push((level, String::new()));
                }
                Event::End(TagEnd::Heading(_)) => inside = false,
                Event::Text(text) | Event::Code(text) if inside => {
                    headings.last_mut().expect("it began").1.push_str(&text);
                }
                _ => {}
            }
        }
        headings
    }

    /// Anchors of its headings that GitHub and mdBook both make.
    pub fn anchors(&self) -> BTreeSet<String> {
        let texts: Vec<String> = self.headings().into_iter().map(|(_, text)| text).collect();
        let of_github = unique(texts.iter().map(|text| anchor_of_github(text)));
        let of_mdbook = unique(texts.iter().map(|text| anchor_of_mdbook(text)));
        of_github.intersection(&of_mdbook).cloned().collect()
    }

    /// Its paragraphs, headings, list entries and cells, but for what stands between the markers of
    /// the generated part `skipped`.
    pub fn prose(&self, skipped: &str) -> Vec<Prose> {
        let skip = find_generated(&self.text, skipped).unwrap_or_default();
        let mut pieces: Vec<Prose> = Vec::new();
        let (mut in_block, mut is_open) = (false, false);
        for (event, range) in self.events() {
            let piece = match event {
                Event::Start(Tag::CodeBlock(_)) => {
                    in_block = true;
                    continue;
                }
                Event::End(TagEnd::CodeBlock) => {
                    in_block = false;
                    continue;
                }
                Event::Text(text) if !in_block => text.into_string(),
                Event::Code(_) => CODE.to_owned(),
                Event::SoftBreak | Event::HardBreak => " ".to_owned(),
                Event::Start(Tag::Paragraph | Tag::Heading { .. } | Tag::TableCell | Tag::Item) => {
                    is_open = false;
                    continue;
                }
                _ => continue,
            };
            if skip.contains(&range.start) {
                continue;
            }
            if !is_open {
                pieces.push(Prose {
                    line: self.line(range.start),
                    text: String::new(),
                });
                is_open = true;
            }
            pieces.last_mut().expect("it is open").text.push_str(&piece);
        }
        pieces
    }
}

/// Each of `anchors` once, with a number where it comes again, as both programs do it.
fn unique(anchors: impl Iterator<Item = String>) -> BTreeSet<String> {
    let mut seen: Vec<String> = Vec::new();
    let mut found = BTreeSet::new();
    for anchor in anchors {
        let count = seen.iter().filter(|other| **other == anchor).count();
        found.insert(match count {
            0 => anchor.clone(),
            count => format!("{anchor}-{count}"),
        });
        seen.push(anchor);
    }
    found
}

/// GitHub: lower case, letters, digits, `-` and `_`, and `-` for each space.
fn anchor_of_github(title: &str) -> String {
    title
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

/// mdBook (`id_from_content`): only ASCII in lower case, `-` for any white space.
fn anchor_of_mdbook(title: &str) -> String {
    title
        .trim()
        .chars()
        .filter_map(|c| match c {
            c if c.is_alphanumeric() || matches!(c, '-' | '_') => Some(c.to_ascii_lowercase()),
            c if c.is_whitespace() => Some('-'),
            _ => None,
        })
        .collect()
}

fn find_generated(text: &str, name: &str) -> Option<Range<usize>> {
    let (begin, end) = (
        format!("<!-- {name}:begin -->\n"),
        format!("<!-- {name}:end -->"),
    );
    let from = text.find(&begin)? + begin.len();
    Some(from..from + text[from..].find(&end)?)
}

/// Where in `text` the generated part `name` is: between its markers.
pub fn generated(text: &str, name: &str) -> Range<usize> {
    find_generated(text, name).unwrap_or_else(|| panic!("no part between markers {name}"))
}

/// The generated part `name` of `file` is `expected`; rewritten if that was asked for. `test` is
/// the test binary that does it.
pub fn check_generated(file: &str, name: &str, expected: &str, test: &str) {
    let mut text = read(file);
    let range = generated(&text, name);
    if text[range.clone()] == *expected {
        return;
    }
    assert!(
        std::env::var(UPDATE).is_ok_and(|value| value == "1"),
        "{file} is not up to date between its markers {name}: run {UPDATE}=1 cargo test --test \
         {test}"
    );
    text.replace_range(range, expected);
    fs::write(root().join(file), text).expect("the document can be written");
}
