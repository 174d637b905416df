//! Types of values in files, and what becomes of them in a vector field.

use half::{bf16, f16};

use crate::vector_type::VectorType;

/// Type of the values of a file, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Element {
    F16,
    /// The upper half of a 32-bit float.
    BF16,
    F32,
    F64,
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
    /// One byte each, 0 for false.
    Bool,
    /// A row is what `SparseFloatArray` holds of it on the wire: the tag 0x0a, the length of the
    /// pairs in bytes (varint), and the pairs, each u32 index and f32 value, indices ascending.
    Sparse,
}

/// A value that a vector field can't hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unfit {
    /// Its number among those that were converted.
    pub(super) at: usize,
    /// What it is and what is allowed, in words that go on after `holds`.
    pub(super) story: String,
}

impl Element {
    /// Bytes of a value; 0 for sparse rows.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::Bool | Self::I8 | Self::U8 => 1,
            Self::F16 | Self::BF16 | Self::I16 | Self::U16 => 2,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F64 | Self::I64 | Self::U64 => 8,
            Self::Sparse => 0,
        }
    }

    /// Its name as NumPy has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::F16 => "float16",
            Self::BF16 => "bfloat16",
            Self::F32 => "float32",
            Self::F64 => "float64",
            Self::I8 => "int8",
            Self::U8 => "uint8",
            Self::I16 => "int16",
            Self::U16 => "uint16",
            Self::I32 => "int32",
            Self::U32 => "uint32",
            Self::I64 => "int64",
            Self::U64 => "uint64",
            Self::Bool => "bool",
            Self::Sparse => "sparse",
        }
    }

    /// The type of vector field that it becomes unless another one is asked for: every version of
    /// Milvus has Float and Binary.
    #[must_use]
    pub fn natural(self) -> VectorType {
        match self {
            Self::Bool => VectorType::Binary,
            Self::Sparse => VectorType::Sparse,
            _ => VectorType::Float,
        }
    }

    /// Dimension of a field of this type whose rows have `values` of it each; None where they
    /// can't become one. Bytes become a binary vector as they are, eight dimensions each.
    pub(super) fn dim(self, values: u32, to: VectorType) -> Option<u32> {
        let is_sparse = self == Self::Sparse;
        match (self, to) {
            (Self::Sparse, VectorType::Sparse) => Some(values),
            (Self::U8, VectorType::Binary) => values.checked_mul(8),
            (Self::Bool, VectorType::Binary) => Some(values).filter(|dim| dim % 8 == 0),
            (_, VectorType::Binary | VectorType::Sparse) => None,
            _ => Some(values).filter(|_| !is_sparse),
        }
    }

    /// Whether rows are in the file as they travel, so that they need to be checked alone.
    pub(super) fn is_wire_form_of(self, to: VectorType) -> bool {
        matches!(
            (self, to),
            (Self::F32, VectorType::Float)
                | (Self::F16, VectorType::Float16)
                | (Self::BF16, VectorType::BFloat16)
                | (Self::I8, VectorType::Int8)
                | (Self::U8, VectorType::Binary)
                | (Self::Sparse, VectorType::Sparse)
        )
    }

    /// Checks rows that are in the form in which they travel.
    ///
    /// # Errors
    /// A value that the field can't hold.
    pub(super) fn check(self, rows: &[u8], to: VectorType) -> Result<(), Unfit> {
        match (self, to) {
            (Self::F32, _) => first_not_finite(rows).map_or(Ok(()), |at| Err(not_finite(at))),
            (Self::F16, _) => {
                let bad = |bytes: &[u8; 2]| !f16::from_le_bytes(*bytes).is_finite();
                let at = rows.as_chunks().0.iter().position(bad);
                at.map_or(Ok(()), |at| Err(not_finite(at)))
            }
            (Self::BF16, _) => {
                let bad = |bytes: &[u8; 2]| !bf16::from_le_bytes(*bytes).is_finite();
                let at = rows.as_chunks().0.iter().position(bad);
                at.map_or(Ok(()), |at| Err(not_finite(at)))
            }
            (Self::Sparse, _) => sparse(rows),
            _ => Ok(()),
        }
    }

    /// Whether no value can be refused by [`Element::convert`].
    pub(super) fn always_fits(self, to: VectorType) -> bool {
        matches!(
            (self, to),
            (
                Self::I8 | Self::U8 | Self::I16 | Self::U16 | Self::I32 | Self::U32,
                VectorType::Float
            ) | (Self::I8, _)
                | (_, VectorType::Binary)
        )
    }

    /// Appends these values as a field of type `to` holds them. Rounding is to the nearest, ties
    /// to even, as NumPy's `astype`.
    ///
    /// # Errors
    /// A value that the field can't hold: NaN, infinity, or out of its range.
    pub(super) fn convert(
        self,
        from: &[u8],
        to: VectorType,
        out: &mut Vec<u8>,
    ) -> Result<(), Unfit> {
        match (self, to) {
            _ if self.is_wire_form_of(to) => {
                self.check(from, to)?;
                out.extend_from_slice(from);
            }
            // The first of eight is the highest bit, as in NumPy's packbits.
            (Self::Bool, VectorType::Binary) => out.extend(from.chunks(8).map(|bits| {
                bits.iter().enumerate().fold(0_u8, |byte, (place, bit)| {
                    byte | (u8::from(*bit != 0) << (7 - place))
                })
            })),
            (_, VectorType::Int8) => self.each(from, |at, value| {
                let whole = value as i8;
                if f64::from(whole) != value {
                    let story = format!(
                        "{value}, which is not a whole number from -128 to 127 (type Int8)"
                    );
                    return Err(Unfit { at, story });
                }
                out.push(whole.to_le_bytes()[0]);
                Ok(())
            })?,
            (_, VectorType::Float16) => self.each(from, |at, value| {
                // As NumPy: of f64 at once, of everything else by way of f32, which is exact.
                let half = f16::from_f64(value);
                if !half.is_finite() {
                    return Err(too_large(at, value, "Float16", "65,504"));
                }
                out.extend_from_slice(&half.to_le_bytes());
                Ok(())
            })?,
            (_, VectorType::BFloat16) => self.each(from, |at, value| {
                let half = bf16::from_f32(value as f32);
                if !half.is_finite() {
                    return Err(too_large(at, value, "BFloat16", "3.39e38"));
                }
                out.extend_from_slice(&half.to_le_bytes());
                Ok(())
            })?,
            _ => self.each(from, |at, value| {
                let single = value as f32;
                if !single.is_finite() {
                    return Err(too_large(at, value, "Float", "3.4e38"));
                }
                out.extend_from_slice(&single.to_le_bytes());
                Ok(())
            })?,
        }
        Ok(())
    }

    /// These values as row ids; None where their type has none. Those beyond the largest i64 become
    /// it, which no data set has as a row.
    pub(super) fn ids(self, from: &[u8]) -> Option<Vec<i64>> {
        macro_rules! ids {
            ($type:ty) => {
                from.as_chunks()
                    .0
                    .iter()
                    .map(|bytes| i64::try_from(<$type>::from_le_bytes(*bytes)).unwrap_or(i64::MAX))
                    .collect()
            };
        }
        Some(match self {
            Self::I8 => ids!(i8),
            Self::U8 => ids!(u8),
            Self::I16 => ids!(i16),
            Self::U16 => ids!(u16),
            Self::I32 => ids!(i32),
            Self::U32 => ids!(u32),
            Self::I64 => ids!(i64),
            Self::U64 => ids!(u64),
            Self::F16 | Self::BF16 | Self::F32 | Self::F64 | Self::Bool | Self::Sparse => {
                return None;
            }
        })
    }

    /// Every value as f64, which holds all but the largest of 64 bits exactly.
    pub(super) fn each<E>(
        self,
        from: &[u8],
        mut take: impl FnMut(usize, f64) -> Result<(), E>,
    ) -> Result<(), E> {
        macro_rules! values {
            ($type:ty, $to:expr) => {
                from.as_chunks()
                    .0
                    .iter()
                    .enumerate()
                    .try_for_each(|(at, bytes)| take(at, $to(<$type>::from_le_bytes(*bytes))))
            };
        }
        match self {
            Self::F16 => values!(f16, f64::from),
            Self::BF16 => values!(bf16, f64::from),
            Self::F32 => values!(f32, f64::from),
            Self::F64 => values!(f64, f64::from),
            Self::I8 => values!(i8, f64::from),
            Self::U8 => values!(u8, f64::from),
            Self::Bool => values!(u8, |byte| f64::from(u8::from(byte != 0))),
            Self::I16 => values!(i16, f64::from),
            Self::U16 => values!(u16, f64::from),
            Self::I32 => values!(i32, f64::from),
            Self::U32 => values!(u32, f64::from),
            Self::I64 => values!(i64, |value| value as f64),
            Self::U64 => values!(u64, |value| value as f64),
            Self::Sparse => Ok(()),
        }
    }
}

fn not_finite(at: usize) -> Unfit {
    Unfit {
        at,
        story: "NaN or infinity".to_owned(),
    }
}

fn too_large(at: usize, value: f64, name: &str, most: &str) -> Unfit {
    if !value.is_finite() {
        return not_finite(at);
    }
    Unfit {
        at,
        story: format!("{value:e}, larger than type {name} allows ({most})"),
    }
}

/// Checks sparse rows; `at` of an error is the number of the row.
fn sparse(rows: &[u8]) -> Result<(), Unfit> {
    for (at, pairs) in sparse_rows(rows).enumerate() {
        let mut before = None;
        for pair in pairs.as_chunks::<8>().0 {
            let [a, b, c, d, value @ ..] = *pair;
            let index = u32::from_le_bytes([a, b, c, d]);
            if !f32::from_le_bytes(value).is_finite() {
                return Err(not_finite(at));
            }
            if before.is_some_and(|before| before >= index) {
                let story = format!("index {index} after a larger or the same one");
                return Err(Unfit { at, story });
            }
            before = Some(index);
        }
    }
    Ok(())
}

/// The pairs of each sparse row; see [`Element::Sparse`].
pub fn sparse_rows(mut rows: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let mut rest = rows.get(1..)?;
        let length = prost::decode_length_delimiter(&mut rest).ok()?;
        let (pairs, rest) = rest.split_at_checked(length)?;
        rows = rest;
        Some(pairs)
    })
}

/// Appends a sparse row of these pairs; see [`Element::Sparse`].
pub fn put_sparse_row(pairs: &[u8], out: &mut Vec<u8>) {
    out.push(0x0a);
    // A Vec takes everything.
    let _ = prost::encode_length_delimiter(pairs.len(), out);
    out.extend_from_slice(pairs);
}

/// Index of the first f32 that is NaN or infinite.
pub(super) fn first_not_finite(bytes: &[u8]) -> Option<usize> {
    let is_bad = |value: &[u8; 4]| !f32::from_le_bytes(*value).is_finite();
    let values = bytes.as_chunks().0;
    // All of them first: without a way out it is done many at a time, and rows are read for every
    // insert.
    if values.iter().fold(false, |bad, value| bad | is_bad(value)) {
        values.iter().position(is_bad)
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
