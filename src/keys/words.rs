//! Kinds, ranges and defaults in words, for the table of keys and for messages.

use std::time::Duration;

use super::{ANY_NUMBER, DefaultValue, Key, Kind, Table};

/// Characters of a word that are compared with those that are known.
const LONGEST_WORD: usize = 80;

impl Table {
    /// The table as a scenario has it, e.g. `[milvus]` or `[[phases]]`; empty for the top of the
    /// file.
    #[must_use]
    pub fn heading(&self) -> String {
        match self.path.strip_suffix("[]") {
            _ if self.path.is_empty() => String::new(),
            Some(list) if !list.contains('.') => format!("[[{list}]]"),
            _ if self.path.contains("[]") => self.path.to_owned(),
            _ => format!("[{}]", self.path),
        }
    }

    /// What messages call one of it: `a workload`, or its heading.
    #[must_use]
    pub fn owner(&self) -> String {
        let plural = self
            .path
            .strip_suffix(".<name>")
            .or_else(|| self.path.strip_suffix("[]"));
        match plural.and_then(|plural| plural.strip_suffix('s')) {
            Some(one) if !one.contains('.') => format!("a {one}"),
            _ => self.heading(),
        }
    }
}

impl Key {
    /// What is allowed, in words; may be empty.
    #[must_use]
    pub fn allowed_words(&self) -> String {
        let example = self.example_words();
        let words = [
            self.kind.range_words(),
            self.allowed.to_owned(),
            example.trim_start_matches(", ").to_owned(),
        ];
        words
            .into_iter()
            .filter(|words| !words.is_empty())
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// Its example, to go on after what is allowed: `, such as { ef = 64 }`; may be empty.
    #[must_use]
    pub fn example_words(&self) -> String {
        match self.example {
            "" => String::new(),
            example => format!(", such as {example}"),
        }
    }

    /// What it does, and which keys must not be beside it.
    #[must_use]
    pub fn meaning_words(&self) -> String {
        let meaning = self.meaning;
        match self.excludes {
            [] => meaning.to_owned(),
            [one] => format!("{meaning}; excludes `{one}`"),
            [before @ .., last] => {
                format!("{meaning}; excludes `{}` and `{last}`", before.join("`, `"))
            }
        }
    }
}

impl Kind {
    /// What a value is, in words.
    #[must_use]
    pub fn words(&self) -> String {
        let words = match self {
            Self::Text(_) | Self::Choice(_) => "text",
            Self::Integer { .. } | Self::Callers { .. } => "number",
            Self::Ratio => "number or \"auto\"",
            Self::Flag => "true or false",
            Self::Duration { .. } => "duration",
            Self::Rate { .. } => "number or \"5000 rows/s\"",
            Self::Rows => "number or \"80%\"",
            Self::Path => "path",
            Self::KeyFile => "path or { file }",
            Self::Secret => "secret",
            Self::Headers
            | Self::Params
            | Self::Shares(_)
            | Self::Table(_)
            | Self::Named { .. } => "table",
            Self::Values => "text or table",
            Self::Any => "value",
            Self::Texts => "list of texts",
            Self::Form(form) => form.words,
            Self::Tables { .. } => "list of tables",
            Self::OneOf(kinds) => {
                let one = |kind: &Kind| match kind {
                    Self::Table(table) => braces(table),
                    kind => kind.words(),
                };
                return kinds.iter().map(one).collect::<Vec<_>>().join(" or ");
            }
        };
        words.to_owned()
    }

    /// What its range is, in words; empty where it has none.
    fn range_words(&self) -> String {
        match self {
            Self::Integer { min, max } | Self::Callers { min, max } if *max == i64::MAX => {
                format!("{} or more", grouped(*min))
            }
            Self::Integer { min, max } | Self::Callers { min, max } => {
                format!("{} to {}", grouped(*min), grouped(*max))
            }
            Self::Ratio => "0 to 1".to_owned(),
            Self::Duration { min, max } => {
                format!("{} to {}", duration_words(*min), duration_words(*max))
            }
            Self::Rate { min, max } => format!("{min} to {}", grouped(*max as i64)),
            Self::Choice(names) => names().join(", "),
            Self::Secret => "${NAME} or { file }".to_owned(),
            Self::Named { most, .. } | Self::Tables { most, .. } if *most < ANY_NUMBER => {
                format!("at most {most}")
            }
            Self::OneOf(kinds) => {
                let one = |kind: &Kind| match kind {
                    Self::Table(table) if matches!(kinds, [Self::Choice(_), ..]) => braces(table),
                    kind => kind.range_words(),
                };
                let ranges = kinds.iter().map(one).filter(|words| !words.is_empty());
                ranges.collect::<Vec<_>>().join(", ")
            }
            _ => String::new(),
        }
    }
}

impl DefaultValue {
    /// It in words.
    #[must_use]
    pub fn words(&self, kind: &Kind) -> String {
        match (self, kind) {
            (Self::Text(""), _) => "empty".to_owned(),
            (Self::Text(text) | Self::None(text), _) => (*text).to_owned(),
            (Self::Integer(number), _) => grouped(*number),
            (Self::Flag(flag), _) => flag.to_string(),
            (Self::Empty, Kind::Texts | Kind::Tables { .. }) => "[]".to_owned(),
            (Self::Empty, _) => "{}".to_owned(),
            (Self::Needed(more), _) => format!("required{more}"),
        }
    }
}

impl Key {
    /// Its default as `check --resolved` shows it: a value, `null` for `none`, else the words.
    #[must_use]
    pub fn default_json(&self) -> serde_json::Value {
        use serde_json::{Value, json};
        match (self.default, self.kind) {
            (DefaultValue::None("none") | DefaultValue::Needed(_), _) => Value::Null,
            (DefaultValue::Text(text) | DefaultValue::None(text), _) => json!(text),
            (DefaultValue::Integer(number), _) => json!(number),
            (DefaultValue::Flag(flag), _) => json!(flag),
            (DefaultValue::Empty, Kind::Texts | Kind::Tables { .. }) => json!([]),
            (DefaultValue::Empty, _) => json!({}),
        }
    }
}

/// The keys of a table in braces.
fn braces(table: &Table) -> String {
    let names: Vec<&str> = table.keys.iter().map(|key| key.name).collect();
    format!("{{ {} }}", names.join(", "))
}

/// A duration as it is written in a scenario.
#[must_use]
pub fn duration_words(duration: Duration) -> String {
    humantime::format_duration(duration)
        .to_string()
        .replace("days", "d")
        .replace("day", "d")
}

/// Digits in groups of three.
#[must_use]
pub fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if number < 0 { format!("-{out}") } else { out }
}

/// The known word that is most like `word`, if one is like it at all.
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word: String = word
        .chars()
        .take(LONGEST_WORD)
        .collect::<String>()
        .to_lowercase();
    let scored = known.map(|candidate| {
        (
            strsim::jaro_winkler(&word, &candidate.to_lowercase()),
            candidate,
        )
    });
    scored
        .filter(|(score, _)| *score > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}
