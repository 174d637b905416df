//! Texts of requests with places for values: `tenant == {tenant}`.

use std::fmt::Write as _;

use super::super::FieldValue;

/// What a text is to Milvus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextKind {
    /// An expression, in which a text stands in quotes.
    Expression,
    /// A name, as it is.
    Name,
}

/// A text in pieces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// Number of a value, and the quotes around it.
    Value(usize, Quotes),
}

/// How a text is written at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quotes {
    /// Within quotes of its own.
    Own,
    /// Within a literal with these quotes.
    Around(char),
    /// As it is.
    None,
}

impl Template {
    /// Cuts `text` at the places for values, which are `{name}` with one of `names`; `{{` is a
    /// brace. Braces around anything but a name are kept, as those of JSON are.
    ///
    /// # Errors
    /// A name between braces that is not one of `names`.
    pub(super) fn new(text: &str, kind: TextKind, names: &[&str]) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut literal = Literal::default();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            if let Some(after) = rest.strip_prefix("{{") {
                plain.push('{');
                // `{{name}}` is `{name}`: who doubles one brace doubles both.
                if let Some((name, after)) = name_before(after, "}}") {
                    plain.push_str(name);
                    plain.push('}');
                    rest = after;
                } else {
                    rest = after;
                }
                continue;
            }
            let placed = rest
                .strip_prefix('{')
                .and_then(|rest| name_before(rest, "}"));
            if let Some((name, after)) = placed {
                let Some(at) = names.iter().position(|known| *known == name) else {
                    return Err(name.to_owned());
                };
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
                let quotes = match (kind, literal.quotes) {
                    (TextKind::Name, _) => Quotes::None,
                    (_, Some(quotes)) => Quotes::Around(quotes),
                    (_, None) => Quotes::Own,
                };
                pieces.push(Piece::Value(at, quotes));
                rest = after;
                continue;
            }
            literal.pass(c);
            plain.push(c);
            rest = &rest[c.len_utf8()..];
        }
        pieces.push(Piece::Text(plain));
        pieces.retain(|piece| !matches!(piece, Piece::Text(text) if text.is_empty()));
        Ok(Self { pieces })
    }

    /// Numbers of the values that it has places for.
    pub(super) fn values(&self) -> impl Iterator<Item = usize> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Value(at, _) => Some(*at),
            Piece::Text(_) => None,
        })
    }

    /// The text with values, of which `value` gives each by its number.
    pub(super) fn filled<'v>(&self, value: impl Fn(usize) -> &'v FieldValue) -> String {
        let mut out = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Value(at, quotes) => put(&mut out, value(*at), *quotes),
            }
        }
        out
    }
}

/// Whether a place of an expression is within a literal.
#[derive(Debug, Default)]
struct Literal {
    quotes: Option<char>,
    escaped: bool,
}

impl Literal {
    fn pass(&mut self, c: char) {
        match (self.quotes, c) {
            (Some(_), _) if self.escaped => self.escaped = false,
            (Some(_), '\\') => self.escaped = true,
            (Some(quotes), c) if c == quotes => self.quotes = None,
            (None, '"' | '\'') => self.quotes = Some(c),
            _ => {}
        }
    }
}

/// A name at the beginning of `text` and what follows after `end`.
fn name_before<'t>(text: &'t str, end: &str) -> Option<(&'t str, &'t str)> {
    let (name, after) = text.split_once(end)?;
    is_name(name).then_some((name, after))
}

/// Whether a value may be called so.
pub(super) fn is_name(name: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.len() <= 64
        && name.chars().all(word)
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

fn put(out: &mut String, value: &FieldValue, quotes: Quotes) {
    // Writing to a String can't fail.
    let _ = match value {
        FieldValue::Bool(flag) => write!(out, "{flag}"),
        FieldValue::Int(number) => write!(out, "{number}"),
        // With a point or an exponent, so that it is a float for Milvus too.
        FieldValue::Float(number) => write!(out, "{number:?}"),
        FieldValue::Text(text) => {
            match quotes {
                Quotes::None => out.push_str(text),
                Quotes::Around(around) => escape(out, text, around),
                Quotes::Own => {
                    out.push('"');
                    escape(out, text, '"');
                    out.push('"');
                }
            }
            Ok(())
        }
        // A choice of a request holds none of these.
        FieldValue::Null | FieldValue::List(_) => Ok(()),
    };
}

/// Escapes what ends a literal of Milvus' grammar or may not be in it.
pub(in crate::operation) fn escape(out: &mut String, text: &str, quotes: char) {
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            c if c == quotes => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
}
