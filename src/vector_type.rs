//! Types of vector fields, one row each.

use std::fmt;

/// Type of a vector field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum VectorType {
    /// 32-bit floats.
    #[default]
    Float,
    /// 16-bit floats (IEEE 754).
    Float16,
    /// 16-bit floats with the range of 32-bit ones (bfloat16).
    BFloat16,
    /// Signed bytes.
    Int8,
    /// Bits, eight to a byte.
    Binary,
    /// Pairs of index and 32-bit float.
    Sparse,
}

/// How long a vector is on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    /// So many bits for each dimension.
    Bits(u32),
    /// Each vector its own.
    Varies,
}

struct Row {
    vector_type: VectorType,
    name: &'static str,
    /// Number in Milvus' `DataType` and in its `PlaceholderType`.
    number: i32,
    length: Length,
    /// First version of Milvus that has it: major, minor.
    since: (u32, u32),
}

static TYPES: &[Row] = &[
    row(VectorType::Float, "Float", 101, Length::Bits(32), (2, 0)),
    row(
        VectorType::Float16,
        "Float16",
        102,
        Length::Bits(16),
        (2, 4),
    ),
    row(
        VectorType::BFloat16,
        "BFloat16",
        103,
        Length::Bits(16),
        (2, 4),
    ),
    row(VectorType::Int8, "Int8", 105, Length::Bits(8), (2, 6)),
    row(VectorType::Binary, "Binary", 100, Length::Bits(1), (2, 0)),
    row(VectorType::Sparse, "Sparse", 104, Length::Varies, (2, 4)),
];

const fn row(
    vector_type: VectorType,
    name: &'static str,
    number: i32,
    length: Length,
    since: (u32, u32),
) -> Row {
    Row {
        vector_type,
        name,
        number,
        length,
        since,
    }
}

impl VectorType {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        TYPES.iter().map(|row| row.vector_type)
    }

    fn row(self) -> &'static Row {
        // Every type has its row: a test.
        TYPES
            .iter()
            .find(|row| row.vector_type == self)
            .unwrap_or(&TYPES[0])
    }

    /// Its name, as in a scenario.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Its number in Milvus' `DataType` and `PlaceholderType`.
    #[must_use]
    pub fn number(self) -> i32 {
        self.row().number
    }

    /// First version of Milvus that has it: major, minor.
    #[must_use]
    pub fn since(self) -> (u32, u32) {
        self.row().since
    }

    /// Bytes of a vector of `dim` dimensions on the wire; None for sparse ones, each of which has
    /// its own length.
    #[must_use]
    pub fn bytes(self, dim: u32) -> Option<usize> {
        match self.row().length {
            Length::Bits(bits) => Some((u64::from(dim) * u64::from(bits) / 8) as usize),
            Length::Varies => None,
        }
    }
}

impl fmt::Display for VectorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_a_row_of_its_own() {
        for vector_type in [
            VectorType::Float,
            VectorType::Float16,
            VectorType::BFloat16,
            VectorType::Int8,
            VectorType::Binary,
            VectorType::Sparse,
        ] {
            assert_eq!(vector_type.row().vector_type, vector_type);
        }
        assert_eq!(VectorType::all().count(), 6);
    }

    #[test]
    fn a_vector_has_the_bytes_of_its_type() {
        let bytes = |vector_type: VectorType| vector_type.bytes(16);
        assert_eq!(bytes(VectorType::Float), Some(64));
        assert_eq!(bytes(VectorType::BFloat16), Some(32));
        assert_eq!(bytes(VectorType::Int8), Some(16));
        assert_eq!(bytes(VectorType::Binary), Some(2));
        assert_eq!(bytes(VectorType::Sparse), None);
    }
}
