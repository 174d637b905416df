//! Classes of requests by a value: where reports tell figures apart.

use toml::{Table, Value};

use super::{
    super::{FieldValue, OperationError, keys::refuse},
    distributions::{Distribution, Drawn, Extent, field_value},
    fields::text,
};
use crate::keys::{DefaultValue, Form, Key, Kind};

/// Most classes of a workload.
pub const MOST_CLASSES: usize = 100;

static RANKS: Form = Form {
    words: "list of numbers",
    schema: r#"{
        "type": "array", "items": { "type": "integer", "minimum": 1 },
        "minItems": 1, "maxItems": 99
    }"#,
    example: "[1, 10, 100]",
};
static CLASSES: Form = Form {
    words: "list of values",
    schema: r#"{
        "type": "array",
        "items": { "type": ["integer", "number", "string", "boolean"] },
        "minItems": 1,
        "maxItems": 100
    }"#,
    example: "[\"en\"]",
};

/// The keys of `split`.
pub const SPLIT_KEYS: &[Key] = &[
    Key::new(
        "by",
        Kind::TEXT,
        DefaultValue::Needed(""),
        "value whose classes have figures of their own",
    )
    .allowed("a name of `values`"),
    Key::new(
        "ranks",
        Kind::Form(&RANKS),
        DefaultValue::None("none; needed for zipf and latest"),
        "zipf, latest: highest rank of each class; ranks above the last are a class as well",
    )
    .allowed("1 to 99 ranks, rising")
    .excludes(&["classes"]),
    Key::new(
        "classes",
        Kind::Form(&CLASSES),
        DefaultValue::None("all values, at most 100"),
        "choice: values that are a class each; all others together are the class `other`",
    )
    .allowed("values of its `choice`"),
];

/// Which class a request is of.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// Name of the value.
    pub by: String,
    /// Whether classes are ranges of ranks.
    pub by_rank: bool,
    /// Names of the classes, from that with number 0 on: at least one, at most [`MOST_CLASSES`];
    /// letters, digits and `_.+-`.
    pub classes: Vec<String>,
    /// What reports call each of them: the value itself, which may be any text.
    pub labels: Vec<String>,
    /// Number of the value.
    pub(super) value: usize,
    bounds: Bounds,
}

#[derive(Clone, Debug, PartialEq)]
enum Bounds {
    /// The highest rank of each class but the last.
    Ranks(Vec<u64>),
    /// The value of each class but, where there is one more, that of all others.
    Listed(Vec<FieldValue>),
}

/// Names, labels and bounds.
type Classes = (Vec<String>, Vec<String>, Bounds);

impl Split {
    /// The number of the class of what was drawn, below the number of classes.
    pub(super) fn class(&self, drawn: &Drawn) -> u8 {
        let at = match &self.bounds {
            Bounds::Ranks(ranks) => ranks.partition_point(|highest| *highest < drawn.rank),
            Bounds::Listed(values) => values
                .iter()
                .position(|value| *value == drawn.value)
                .unwrap_or(values.len()),
        };
        at as u8
    }

    /// Reads `split`, whose `by` is the value with number `value` and this distribution.
    ///
    /// # Errors
    /// Classes that the distribution has not; the key is that within `split`.
    pub(super) fn read(
        table: &Table,
        by: &str,
        value: usize,
        distribution: &dyn Distribution,
    ) -> Result<Self, OperationError> {
        let (classes, labels, bounds) = match (table.get("ranks"), table.get("classes")) {
            (Some(_), Some(_)) => {
                return refuse("classes", "excludes ranks: give only one of them");
            }
            (Some(ranks), None) => of_ranks(ranks, by, distribution)?,
            (None, classes) => of_values(classes, by, distribution)?,
        };
        Ok(Self {
            by: by.to_owned(),
            by_rank: matches!(bounds, Bounds::Ranks(_)),
            classes,
            labels,
            value,
            bounds,
        })
    }
}

fn of_ranks(
    found: &Value,
    by: &str,
    distribution: &dyn Distribution,
) -> Result<Classes, OperationError> {
    let Some(of) = distribution.ranks() else {
        return refuse(
            "ranks",
            format!("is for zipf and latest, {by} has no ranks; use classes with a choice"),
        );
    };
    let whole = |value: &Value| value.as_integer().and_then(|rank| u64::try_from(rank).ok());
    let ranks = found
        .as_array()
        .map(|items| items.iter().map(whole).collect::<Option<Vec<_>>>());
    let ranks = ranks.flatten().filter(|ranks| {
        let rises = ranks.is_sorted_by(|one, next| one < next);
        (1..MOST_CLASSES).contains(&ranks.len()) && rises && ranks[0] >= 1
    });
    let ranks = ranks.filter(|ranks| ranks.last().is_some_and(|last| *last <= of));
    let Some(mut ranks) = ranks else {
        return refuse(
            "ranks",
            format!(
                "is {found}, expected 1 to 99 rising numbers from 1 to {of}, the ranks of {by}"
            ),
        );
    };
    let mut names = Vec::new();
    let mut low = 1;
    for high in &ranks {
        names.push(if low == *high {
            low.to_string()
        } else {
            format!("{low}-{high}")
        });
        low = high + 1;
    }
    if low <= of {
        names.push(format!("{low}+"));
    } else {
        ranks.pop();
    }
    Ok((names.clone(), names, Bounds::Ranks(ranks)))
}

fn of_values(
    found: Option<&Value>,
    by: &str,
    distribution: &dyn Distribution,
) -> Result<Classes, OperationError> {
    let Extent::Listed(all) = distribution.extent() else {
        let message = if distribution.ranks().is_some() {
            format!(
                "has no ranks, which the classes of {by} are; write for example ranks = [1, 10]"
            )
        } else {
            format!("is by {by}, which is neither a choice nor has ranks (zipf, latest)")
        };
        return refuse("", message);
    };
    let mut distinct: Vec<FieldValue> = Vec::new();
    for value in all {
        if !distinct.contains(value) && distinct.len() <= MOST_CLASSES {
            distinct.push(value.clone());
        }
    }
    let values = match found {
        None if distinct.len() <= MOST_CLASSES => distinct.clone(),
        None => {
            let message = format!(
                "has no classes, and {by} has more than {MOST_CLASSES} values: write the values \
                 that are to be a class each"
            );
            return refuse("", message);
        }
        Some(found) => listed(found, by, all)?,
    };
    let mut labels: Vec<String> = values.iter().map(text).collect();
    if distinct.iter().any(|value| !values.contains(value)) {
        labels.push("other".to_owned());
    }
    let mut names: Vec<String> = Vec::new();
    for label in &labels {
        names.push(unlike(class_name(label), &names));
    }
    Ok((names, labels, Bounds::Listed(values)))
}

/// The values that are written as classes.
fn listed(found: &Value, by: &str, all: &[FieldValue]) -> Result<Vec<FieldValue>, OperationError> {
    let items = found.as_array().map(Vec::as_slice).unwrap_or_default();
    let values: Option<Vec<_>> = items.iter().map(field_value).collect();
    let values = values.filter(|values| {
        let known = values.iter().all(|value| all.contains(value));
        let mut once = values.iter().enumerate();
        let once = once.all(|(at, value)| !values[..at].contains(value));
        // One more is that of the others.
        (1..MOST_CLASSES).contains(&values.len()) && known && once
    });
    values.map_or_else(
        || {
            let message =
                format!("is {found}, expected 1 to 99 different values of the choice of {by}");
            refuse("classes", message)
        },
        Ok,
    )
}

/// The name of a class in files: letters, digits and `_.+-`.
fn class_name(label: &str) -> String {
    let plain = |c: char| {
        let is_plain = c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-');
        if is_plain { c } else { '_' }
    };
    let name: String = label.chars().map(plain).take(32).collect();
    if name.is_empty() {
        "_".to_owned()
    } else {
        name
    }
}

/// `name`, with a number at its end where it is one of `names`.
fn unlike(name: String, names: &[String]) -> String {
    let numbered = (2..).map(|number| format!("{name}_{number}"));
    let mut tries = std::iter::once(name.clone()).chain(numbered);
    tries.find(|one| !names.contains(one)).unwrap_or(name)
}
