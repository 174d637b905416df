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

#[rustfmt::skip]
static TYPES: &[Row] = &[
    Row { vector_type: VectorType::Float,    name: "Float",    number: 101, length: Length::Bits(32), since: (2, 0) },
    Row { vector_type: VectorType::Float16,  name: "Float16",  number: 102, length: Length::Bits(16), since: (2, 4) },
    Row { vector_type: VectorType::BFloat16, name: "BFloat16", number: 103, length: Length::Bits(16), since: (2, 4) },
    Row { vector_type: VectorType::Int8,     name: "Int8",     number: 105, length: Length::Bits(8),  since: (2, 6) },
    Row { vector_type: VectorType::Binary,   name: "Binary",   number: 100, length: Length::Bits(1),  since: (2, 0) },
    Row { vector_type: VectorType::Sparse,   name: "Sparse",   number: 104, length: Length::Varies,   since: (2, 4) },
];

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
