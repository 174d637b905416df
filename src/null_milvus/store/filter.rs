//! Filter expressions as far as they are read here: comparisons of a field with a literal, lists
//! of values, and several of these joined by `and`.

use crate::milvus::proto;

/// A value of one field of one row.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar {
    /// Nothing was sent for it.
    Missing,
    /// A row without a value.
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Json(Vec<u8>),
    /// An array.
    List(proto::ScalarField),
}

impl Scalar {
    /// Order of two values; None for values that can't be compared.
    fn order(&self, other: &Self) -> Option<std::cmp::Ordering> {
        match (self, other) {
            (Scalar::Bool(left), Scalar::Bool(right)) => left.partial_cmp(right),
            (Scalar::Int(left), Scalar::Int(right)) => left.partial_cmp(right),
            (Scalar::Int(left), Scalar::Float(right)) => (*left as f64).partial_cmp(right),
            (Scalar::Float(left), Scalar::Int(right)) => left.partial_cmp(&(*right as f64)),
            (Scalar::Float(left), Scalar::Float(right)) => left.partial_cmp(right),
            (Scalar::Text(left), Scalar::Text(right)) => left.partial_cmp(right),
            _ => None,
        }
    }
}

/// What is asked of one field.
#[derive(Debug, PartialEq)]
pub(super) enum Test {
    /// One of these values.
    In(Vec<Scalar>),
    /// None of these values.
    NotIn(Vec<Scalar>),
    /// `==`, `!=`, `<`, `<=`, `>` or `>=`, and a literal.
    Compare(&'static str, Scalar),
}

/// A filter: all of its tests hold.
#[derive(Debug, PartialEq)]
pub(super) struct Filter {
    /// Fields' names and tests.
    pub(super) all: Vec<(String, Test)>,
}

/// Longer ones first, so that `<=` is not read as `<`.
const OPERATORS: [&str; 6] = ["==", "!=", "<=", ">=", "<", ">"];

impl Filter {
    /// None for an expression of another form.
    pub(super) fn parse(expression: &str) -> Option<Self> {
        let mut rest = expression.trim();
        let mut all = Vec::new();
        loop {
            let (term, after) = term(rest)?;
            all.push(term);
            rest = after.trim_start();
            if rest.is_empty() {
                return Some(Self { all });
            }
            rest = ["and ", "AND ", "&&"]
                .iter()
                .find_map(|word| rest.strip_prefix(word))?
                .trim_start();
        }
    }

    /// Whether a row with these values is meant.
    pub(super) fn holds(&self, value: impl Fn(&str) -> Scalar) -> bool {
        self.all
            .iter()
            .all(|(field, test)| test.holds(&value(field)))
    }
}

impl Test {
    fn holds(&self, found: &Scalar) -> bool {
        use std::cmp::Ordering::{Equal, Greater, Less};
        let is = |wanted: &Scalar| found.order(wanted) == Some(Equal);
        match self {
            Test::In(values) => values.iter().any(is),
            Test::NotIn(values) => !values.iter().any(is),
            Test::Compare(operator, wanted) => match (*operator, found.order(wanted)) {
                (_, None) => false,
                ("==", order) => order == Some(Equal),
                ("!=", order) => order != Some(Equal),
                ("<", order) => order == Some(Less),
                ("<=", order) => order != Some(Greater),
                (">", order) => order == Some(Greater),
                (_, order) => order != Some(Less),
            },
        }
    }
}

/// The first test, and what follows it.
fn term(text: &str) -> Option<((String, Test), &str)> {
    let length = text
        .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$'))
        .unwrap_or(text.len());
    let (field, rest) = text.split_at(length);
    if field.is_empty() || field.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let rest = rest.trim_start();
    let word = |word: &str| {
        rest.get(..word.len())
            .filter(|start| start.eq_ignore_ascii_case(word))
            .map(|_| rest[word.len()..].trim_start())
    };
    let (test, rest) = if let Some(rest) = word("not in") {
        let (values, rest) = list(rest)?;
        (Test::NotIn(values), rest)
    } else if let Some(rest) = word("in") {
        let (values, rest) = list(rest)?;
        (Test::In(values), rest)
    } else {
        let operator = OPERATORS
            .into_iter()
            .find(|operator| rest.starts_with(operator))?;
        let (value, rest) = literal(rest[operator.len()..].trim_start())?;
        (Test::Compare(operator, value), rest)
    };
    Some(((field.to_owned(), test), rest))
}

/// The values between the brackets that `text` begins with, and what follows them.
fn list(text: &str) -> Option<(Vec<Scalar>, &str)> {
    let mut rest = text.strip_prefix('[')?.trim_start();
    let mut values = Vec::new();
    loop {
        if let Some(rest) = rest.strip_prefix(']') {
            return Some((values, rest));
        }
        let (value, after) = literal(rest)?;
        values.push(value);
        rest = after.trim_start();
        rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
    }
}

/// The text up to `quote`, and what follows that.
fn quoted(text: &str, quote: char) -> Option<(Scalar, &str)> {
    let (mut value, mut rest) = (String::new(), text.chars());
    loop {
        match rest.next()? {
            found if found == quote => return Some((Scalar::Text(value), rest.as_str())),
            '\\' => value.push(match rest.next()? {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                other => other,
            }),
            other => value.push(other),
        }
    }
}

/// The literal that `text` begins with, and what follows it.
fn literal(text: &str) -> Option<(Scalar, &str)> {
    if let Some(quote) = text.chars().next().filter(|c| ['"', '\''].contains(c)) {
        return quoted(&text[1..], quote);
    }
    let length = text
        .find(|c: char| !(c.is_alphanumeric() || ['+', '-', '.'].contains(&c)))
        .unwrap_or(text.len());
    let (word, rest) = text.split_at(length);
    let value = match word {
        "true" | "True" => Scalar::Bool(true),
        "false" | "False" => Scalar::Bool(false),
        _ => word
            .parse()
            .map(Scalar::Int)
            .or_else(|_| word.parse().map(Scalar::Float))
            .ok()?,
    };
    Some((value, rest))
}
