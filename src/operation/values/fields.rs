//! Values in the rows that requests write: one for all rows of a request, in the field of its name.

use super::{
    super::{FieldValue, ScalarField, ScalarType},
    distributions::Extent,
};

/// A value as a field of this type holds it; one that a field can't hold was refused.
pub(super) fn as_field(value: &FieldValue, scalar_type: ScalarType) -> FieldValue {
    match (scalar_type, value) {
        (ScalarType::Float | ScalarType::Double, FieldValue::Int(number)) => {
            FieldValue::Float(*number as f64)
        }
        (ScalarType::VarChar, value) => FieldValue::Text(text(value)),
        (ScalarType::Json, FieldValue::Text(text)) => {
            FieldValue::Text(serde_json::Value::from(text.as_str()).to_string())
        }
        (ScalarType::Json, value) => FieldValue::Text(text(value)),
        (_, value) => value.clone(),
    }
}

/// A value as a text without quotes.
pub(super) fn text(value: &FieldValue) -> String {
    match value {
        FieldValue::Bool(flag) => flag.to_string(),
        FieldValue::Int(number) => number.to_string(),
        FieldValue::Float(number) => format!("{number:?}"),
        FieldValue::Text(text) => text.clone(),
        // A choice of a request holds none of these.
        FieldValue::Null | FieldValue::List(_) => String::new(),
    }
}

/// Checks that a field can hold all values of a distribution.
///
/// # Errors
/// Some that it can't, in words that go on after the value's name.
pub(super) fn check(extent: Extent<'_>, field: &ScalarField) -> Result<(), String> {
    let refuse = |found: String| {
        Err(format!(
            "gives {found}, but stands for the field {} of the collection in rows, which is {}{}",
            field.name,
            field.scalar_type.name(),
            field
                .max_length
                .map_or_else(String::new, |most| format!(" of at most {most} bytes")),
        ))
    };
    match extent {
        Extent::Ints(low, high) => {
            let ends = [low, high].map(FieldValue::Int);
            if ends.iter().all(|end| holds(field, end)) {
                return Ok(());
            }
            refuse(format!("whole numbers from {low} to {high}"))
        }
        Extent::Floats if holds(field, &FieldValue::Float(LONGEST)) => Ok(()),
        Extent::Floats => refuse("numbers with fractions".to_owned()),
        Extent::Listed(values) => match values.iter().find(|value| !holds(field, value)) {
            None => Ok(()),
            Some(value) => refuse(format!("{:?}", text(value))),
        },
    }
}

/// One of the numbers with the longest texts.
const LONGEST: f64 = -1.234_567_890_123_456_7e-300;

fn holds(field: &ScalarField, value: &FieldValue) -> bool {
    match (field.scalar_type, value) {
        (ScalarType::Bool, FieldValue::Bool(_))
        | (ScalarType::Float | ScalarType::Double, FieldValue::Int(_) | FieldValue::Float(_))
        | (ScalarType::Json, _) => true,
        (ScalarType::VarChar, value) => {
            let most = field.max_length.map_or(usize::MAX, |most| most as usize);
            text(value).len() <= most
        }
        (scalar_type, FieldValue::Int(number)) => scalar_type
            .int_range()
            .is_some_and(|(least, most)| (least..=most).contains(number)),
        _ => false,
    }
}
