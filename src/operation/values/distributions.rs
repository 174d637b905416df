//! How the values of requests are distributed: the trait, and the table of distributions.
//!
//! A draw is a pure function of a [`Place`]: no generator outlives it, so threads agree without
//! communicating.

use std::{fmt, sync::Arc};

use toml::{Table, Value};

use super::{
    super::{FieldValue, OperationError, draw, fields::shares, keys::refuse},
    ranks::{latest, zipf},
};
use crate::keys::{DefaultValue, Form, Key, Kind};

/// What a value is drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// 64 random bits, a hash of (request, name of the value).
    pub(super) bits: u64,
    /// Number of the draw among those of the workload.
    pub(super) number: u64,
    /// Rows that the collection has by plan; at least 1 where the distribution needs it.
    pub(super) rows: u64,
}

/// What was drawn.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Drawn {
    pub(super) value: FieldValue,
    /// From 1, the most frequent one, where the distribution has ranks; else 0.
    pub(super) rank: u64,
}

/// All values that a distribution may give.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Extent<'a> {
    /// Whole numbers, both ends included.
    Ints(i64, i64),
    Floats,
    Listed(&'a [FieldValue]),
}

/// How a value is distributed.
pub(super) trait Distribution: fmt::Debug + Send + Sync {
    /// The value of one draw.
    fn draw(&self, place: Place) -> Drawn;

    /// All values that it may give.
    fn extent(&self) -> Extent<'_>;

    /// How many ranks it has; None where its values have no order of their frequency.
    fn ranks(&self) -> Option<u64> {
        None
    }
}

/// A row of the table of distributions.
#[derive(Debug)]
pub(super) struct DistributionEntry {
    /// The key that chooses it.
    key: Key,
    /// Those of [`PARAMETERS`] that it has.
    with: &'static [&'static str],
    read: fn(&Reader<'_>) -> Result<Arc<dyn Distribution>, OperationError>,
}

/// Two numbers.
static RANGE: Form = Form {
    words: "[lowest, highest]",
    schema: r#"{
        "type": "array", "items": { "type": "number" }, "minItems": 2, "maxItems": 2
    }"#,
    example: "[0, 364]",
};
static EXPONENT: Form = Form {
    words: "number",
    schema: r#"{ "type": "number", "exclusiveMinimum": 0, "maximum": 100 }"#,
    example: "1.1",
};
static CHOICE: Form = Form {
    words: "list of values",
    schema: r#"{
        "type": "array",
        "items": { "type": ["integer", "number", "string", "boolean"] },
        "minItems": 1,
        "maxItems": 100000
    }"#,
    example: "[\"en\", \"de\"]",
};
static WEIGHTS: Form = Form {
    words: "list of numbers",
    schema: r#"{ "type": "array", "items": { "type": "number", "minimum": 0 } }"#,
    example: "[9, 1]",
};

/// Ranks that a Zipf distribution may have: larger numbers are not exact in 64 bits of float.
const MOST_RANKS: i64 = 1_000_000_000_000;

/// Every distribution, one row each.
pub(super) const DISTRIBUTIONS: &[DistributionEntry] = &[
    DistributionEntry {
        key: Key::new(
            "uniform",
            Kind::Form(&RANGE),
            DefaultValue::None("none"),
            "equally likely numbers: whole ones with both ends, or, where one end has a fraction, \
             any from the lowest up to the highest",
        ),
        with: &[],
        read: uniform,
    },
    DistributionEntry {
        key: Key::new(
            "sequential",
            Kind::Form(&RANGE),
            DefaultValue::None("none"),
            "whole numbers in rising order by the number of the request within its workload, and \
             from the lowest on again after the highest",
        ),
        with: &[],
        read: sequential,
    },
    DistributionEntry {
        key: Key::new(
            "zipf",
            Kind::Form(&EXPONENT),
            DefaultValue::None("none"),
            "ranks 1 to `of` by a Zipf distribution with this exponent: rank r is drawn r^exponent \
             times less often than rank 1",
        )
        .allowed("above 0, at most 100")
        .needs(&["of"]),
        with: &["of", "from", "scramble"],
        read: zipf,
    },
    DistributionEntry {
        key: Key::new(
            "latest",
            Kind::Form(&EXPONENT),
            DefaultValue::None("none"),
            "row numbers near the newest row by a Zipf distribution with this exponent, as YCSB's \
             latest: rank 1 is the newest row of the preparation, and in an insert, or beside one \
             in a mix, the newest that is due by the shares and the number of the request",
        )
        .allowed("above 0, at most 100"),
        with: &["of"],
        read: latest,
    },
    DistributionEntry {
        key: Key::new(
            "choice",
            Kind::Form(&CHOICE),
            DefaultValue::None("none"),
            "one of these values",
        )
        .allowed("1 to 100,000 whole numbers, numbers, texts, or true and false"),
        with: &["weights"],
        read: choice,
    },
];

/// What distributions have besides, each in one row.
const PARAMETERS: [Key; 4] = [
    Key::new(
        "of",
        Kind::integer(1, MOST_RANKS),
        DefaultValue::None("latest: all rows of the preparation"),
        "zipf, latest: number of ranks",
    ),
    Key::new(
        "from",
        Kind::integer(i64::MIN, MOST_RANKS),
        DefaultValue::Integer(1),
        "zipf: lowest value, which is that of rank 1 without `scramble`",
    )
    .needs(&["zipf"]),
    Key::new(
        "scramble",
        Kind::Flag,
        DefaultValue::Flag(false),
        "zipf: gives each rank a value drawn from the seed and the name of the value, so that \
         frequent values do not stand together",
    )
    .needs(&["zipf"]),
    Key::new(
        "weights",
        Kind::Form(&WEIGHTS),
        DefaultValue::None("all equal"),
        "choice: relative frequency of each value",
    )
    .needs(&["choice"]),
];

/// The keys of a value: those of the distributions, then their parameters.
pub const VALUE_KEYS: &[Key] = &{
    let mut keys = [DISTRIBUTIONS[0].key; DISTRIBUTIONS.len() + PARAMETERS.len()];
    let mut at = 0;
    while at < keys.len() {
        keys[at] = if at < DISTRIBUTIONS.len() {
            DISTRIBUTIONS[at].key
        } else {
            PARAMETERS[at - DISTRIBUTIONS.len()]
        };
        at += 1;
    }
    keys
};

/// Reads the table of one value.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    pub(super) table: &'a Table,
    /// Hash of (seed, name): the same in all workloads of a scenario.
    pub(super) stream: u64,
    /// Rows of the preparation.
    pub(super) rows: u64,
    /// Whether the workload's requests come with further rows.
    pub(super) grows: bool,
}

impl Reader<'_> {
    /// The distribution of the table; the keys of errors are those of the table.
    ///
    /// # Errors
    /// It names none or several, has a parameter that its distribution has not, or a value that is
    /// not allowed.
    pub(super) fn read(&self) -> Result<Arc<dyn Distribution>, OperationError> {
        let named = |entry: &&DistributionEntry| self.table.contains_key(entry.key.name);
        let given: Vec<_> = DISTRIBUTIONS.iter().filter(named).collect();
        let [entry] = given[..] else {
            let names: Vec<_> = DISTRIBUTIONS.iter().map(|row| row.key.name).collect();
            let message = format!(
                "has {} of the distributions, expected exactly one of {}",
                given.len(),
                names.join(", ")
            );
            return refuse("", message);
        };
        let mut more = self.table.keys();
        let strange = more.find(|key| *key != entry.key.name && !entry.with.contains(&&key[..]));
        if let Some(key) = strange {
            let has = match entry.with {
                [] => "no further key".to_owned(),
                with => with.join(", "),
            };
            let message = format!("is not a key of {}, which has {has}", entry.key.name);
            return refuse(key, message);
        }
        (entry.read)(self)
    }

    pub(super) fn value(&self, key: &str) -> &Value {
        &self.table[key]
    }

    pub(super) fn integer(&self, key: &str) -> Option<i64> {
        self.table.get(key).and_then(Value::as_integer)
    }

    /// Two whole numbers, or None.
    fn ints(&self, key: &str) -> Option<(i64, i64)> {
        match self.value(key).as_array().map(Vec::as_slice) {
            Some([Value::Integer(low), Value::Integer(high)]) if low <= high => Some((*low, *high)),
            _ => None,
        }
    }
}

/// A number, whole or not; None where it is none or not finite.
pub(super) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Float(number) => Some(*number).filter(|number| number.is_finite()),
        _ => None,
    }
}

fn without_rank(value: FieldValue) -> Drawn {
    Drawn { value, rank: 0 }
}

#[derive(Debug)]
struct UniformInts(i64, i64);

impl Distribution for UniformInts {
    fn draw(&self, place: Place) -> Drawn {
        without_rank(FieldValue::Int(draw::between(place.bits, self.0, self.1)))
    }

    fn extent(&self) -> Extent<'_> {
        Extent::Ints(self.0, self.1)
    }
}

#[derive(Debug)]
struct UniformFloats(f64, f64);

impl Distribution for UniformFloats {
    fn draw(&self, place: Place) -> Drawn {
        let span = self.1 - self.0;
        without_rank(FieldValue::Float(self.0 + draw::unit(place.bits) * span))
    }

    fn extent(&self) -> Extent<'_> {
        Extent::Floats
    }
}

fn uniform(reader: &Reader<'_>) -> Result<Arc<dyn Distribution>, OperationError> {
    if let Some((low, high)) = reader.ints("uniform") {
        return Ok(Arc::new(UniformInts(low, high)));
    }
    let found = reader.value("uniform");
    let ends = match found.as_array().map(Vec::as_slice) {
        Some([low, high]) => number(low).zip(number(high)),
        _ => None,
    };
    match ends.filter(|(low, high)| low <= high && (high - low).is_finite()) {
        Some((low, high)) => Ok(Arc::new(UniformFloats(low, high))),
        None => refuse(
            "uniform",
            format!("is {found}, expected [lowest, highest], two numbers such as [0, 364]"),
        ),
    }
}

#[derive(Debug)]
struct Sequential(i64, i64);

impl Distribution for Sequential {
    fn draw(&self, place: Place) -> Drawn {
        let step = match self.1.wrapping_sub(self.0) as u64 {
            u64::MAX => place.number,
            span => place.number % (span + 1),
        };
        without_rank(FieldValue::Int(self.0.wrapping_add(step as i64)))
    }

    fn extent(&self) -> Extent<'_> {
        Extent::Ints(self.0, self.1)
    }
}

fn sequential(reader: &Reader<'_>) -> Result<Arc<dyn Distribution>, OperationError> {
    match reader.ints("sequential") {
        Some((low, high)) => Ok(Arc::new(Sequential(low, high))),
        None => {
            let found = reader.value("sequential");
            refuse(
                "sequential",
                format!(
                    "is {found}, expected [lowest, highest], two whole numbers such as [0, 99]"
                ),
            )
        }
    }
}

#[derive(Debug)]
struct Choice {
    /// Sums of the weights up to each value, rising; the last is 1.
    cumulative: Vec<f64>,
    values: Vec<FieldValue>,
}

impl Distribution for Choice {
    fn draw(&self, place: Place) -> Drawn {
        let value = &self.values[draw::pick(&self.cumulative, place.bits)];
        without_rank(value.clone())
    }

    fn extent(&self) -> Extent<'_> {
        Extent::Listed(&self.values)
    }
}

fn choice(reader: &Reader<'_>) -> Result<Arc<dyn Distribution>, OperationError> {
    let found = reader.value("choice");
    let items = found
        .as_array()
        .filter(|items| (1..=100_000).contains(&items.len()));
    let values = items.and_then(|items| items.iter().map(field_value).collect::<Option<Vec<_>>>());
    let Some(values) = values else {
        return refuse(
            "choice",
            format!(
                "is {found}, expected a list of 1 to 100,000 numbers, texts, or true and false"
            ),
        );
    };
    let cumulative = shares(reader.table.get("weights"), values.len());
    let cumulative = cumulative.or_else(|message| refuse("weights", message))?;
    Ok(Arc::new(Choice { cumulative, values }))
}

/// The value that a list of a scenario has.
pub(super) fn field_value(value: &Value) -> Option<FieldValue> {
    match value {
        Value::Boolean(flag) => Some(FieldValue::Bool(*flag)),
        Value::Integer(number) => Some(FieldValue::Int(*number)),
        Value::Float(number) if number.is_finite() => Some(FieldValue::Float(*number)),
        Value::String(text) => Some(FieldValue::Text(text.clone())),
        _ => None,
    }
}
