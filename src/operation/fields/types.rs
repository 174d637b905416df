//! Types of scalar fields: names, ranges, and what belongs to a type.

use crate::operation::{OperationError, ScalarType, keys::refuse};

pub(super) const TYPES: [(&str, ScalarType); 10] = [
    ("Bool", ScalarType::Bool),
    ("Int8", ScalarType::Int8),
    ("Int16", ScalarType::Int16),
    ("Int32", ScalarType::Int32),
    ("Int64", ScalarType::Int64),
    ("Float", ScalarType::Float),
    ("Double", ScalarType::Double),
    ("VarChar", ScalarType::VarChar),
    ("JSON", ScalarType::Json),
    ("Array", ScalarType::Array),
];

impl ScalarType {
    /// Their names, as in a scenario.
    #[must_use]
    pub fn names() -> Vec<&'static str> {
        TYPES.iter().map(|row| row.0).collect()
    }

    /// The names of those that an array may hold.
    #[must_use]
    pub fn element_names() -> Vec<&'static str> {
        TYPES
            .iter()
            .filter(|(_, scalar_type)| scalar_type.is_element())
            .map(|row| row.0)
            .collect()
    }

    pub(super) fn is_element(self) -> bool {
        !matches!(self, ScalarType::Json | ScalarType::Array)
    }

    /// Its name, as in a scenario.
    #[must_use]
    pub fn name(self) -> &'static str {
        TYPES
            .iter()
            .find(|(_, known)| *known == self)
            .map_or("", |(name, _)| name)
    }

    pub(super) fn named(key: &str, name: &str, allowed: &[&str]) -> Result<Self, OperationError> {
        let found = TYPES
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name) && allowed.contains(known));
        match found {
            Some((_, scalar_type)) => Ok(*scalar_type),
            None => refuse(
                key,
                format!("is {name:?}, expected one of {}", allowed.join(", ")),
            ),
        }
    }

    /// Lowest and highest number of an integer type; None for the others.
    pub(in crate::operation) fn int_range(self) -> Option<(i64, i64)> {
        match self {
            ScalarType::Int8 => Some((i8::MIN.into(), i8::MAX.into())),
            ScalarType::Int16 => Some((i16::MIN.into(), i16::MAX.into())),
            ScalarType::Int32 => Some((i32::MIN.into(), i32::MAX.into())),
            ScalarType::Int64 => Some((i64::MIN, i64::MAX)),
            _ => None,
        }
    }
}

/// Type of a field with what belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::operation) struct FieldType {
    pub(in crate::operation) scalar_type: ScalarType,
    pub(in crate::operation) element: Option<ScalarType>,
    pub(in crate::operation) max_length: Option<u32>,
    pub(in crate::operation) max_capacity: Option<u32>,
}

impl FieldType {
    /// A type that nothing belongs to.
    pub(super) fn of(scalar_type: ScalarType) -> Self {
        Self {
            scalar_type,
            element: None,
            max_length: None,
            max_capacity: None,
        }
    }

    /// That of its elements, where it is an array.
    pub(super) fn element(self) -> Option<Self> {
        self.element.map(|element| Self {
            max_length: self.max_length,
            ..Self::of(element)
        })
    }

    /// Most bytes of a value in an insert; None where that is not of the type.
    pub(super) fn most_bytes(self) -> Option<usize> {
        match self.scalar_type {
            ScalarType::Float => Some(4),
            ScalarType::Double => Some(8),
            ScalarType::VarChar => Some(self.max_length? as usize + 5),
            ScalarType::Json => None,
            ScalarType::Array => {
                let element = self.element()?.most_bytes()?;
                Some(10 + self.max_capacity? as usize * element)
            }
            // A negative number takes ten bytes as varint.
            _ => Some(10),
        }
    }

    /// `Int64`, `Array of Int8`.
    pub(super) fn name(self) -> String {
        match self.element {
            Some(element) => format!("{} of {}", self.scalar_type.name(), element.name()),
            None => self.scalar_type.name().to_owned(),
        }
    }
}
