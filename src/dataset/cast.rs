//! Values of one type as another one, for files that are written: as NumPy's `astype`, but a number
//! that the type can't hold is refused.

use half::{bf16, f16};

use super::element::{Element, Unfit};

/// A type that values are cast to.
trait Target: Sized {
    /// The value as this type has it; None where it has none.
    fn of(value: Value) -> Option<Self>;
    fn put(self, out: &mut Vec<u8>);
}

/// A value of any type.
#[derive(Clone, Copy)]
enum Value {
    Float(f64),
    Signed(i64),
    Unsigned(u64),
}

impl Value {
    fn text(self) -> String {
        match self {
            Self::Float(value) => value.to_string(),
            Self::Signed(value) => value.to_string(),
            Self::Unsigned(value) => value.to_string(),
        }
    }

    /// Without its fraction; None of NaN and infinity.
    fn whole(self) -> Option<i128> {
        match self {
            Self::Float(value) if value.is_finite() => Some(value as i128),
            Self::Float(_) => None,
            Self::Signed(value) => Some(i128::from(value)),
            Self::Unsigned(value) => Some(i128::from(value)),
        }
    }
}

macro_rules! whole_numbers {
    ($($type:ty),*) => {$(
        impl Target for $type {
            fn of(value: Value) -> Option<Self> {
                <$type>::try_from(value.whole()?).ok()
            }

            fn put(self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
        }
    )*};
}

whole_numbers!(i8, u8, i16, u16, i32, u32, i64, u64);

/// NaN and infinity stay what they are; a finite number does not become infinite.
macro_rules! floats {
    ($($type:ty: $from_f64:expr;)*) => {$(
        impl Target for $type {
            fn of(value: Value) -> Option<Self> {
                let (cast, is_finite): ($type, bool) = match value {
                    Value::Float(value) => ($from_f64(value), value.is_finite()),
                    Value::Signed(value) => ($from_f64(value as f64), true),
                    Value::Unsigned(value) => ($from_f64(value as f64), true),
                };
                (cast.is_finite() || !is_finite).then_some(cast)
            }

            fn put(self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
        }
    )*};
}

floats! {
    f16: f16::from_f64;
    bf16: bf16::from_f64;
    f32: |value| value as f32;
    f64: |value| value;
}

/// One byte, 0 or 1.
struct Truth(bool);

impl Target for Truth {
    fn of(value: Value) -> Option<Self> {
        Some(Self(match value {
            Value::Float(value) => value != 0.0,
            Value::Signed(value) => value != 0,
            Value::Unsigned(value) => value != 0,
        }))
    }

    fn put(self, out: &mut Vec<u8>) {
        out.push(u8::from(self.0));
    }
}

impl Element {
    /// Appends these values as values of type `to`. Fractions are cut off where it has whole
    /// numbers, and rounded to the nearest, ties to even, where it has fewer digits.
    ///
    /// # Errors
    /// A value that the type can't hold. Sparse rows have no other type.
    pub(super) fn cast(self, from: &[u8], to: Self, out: &mut Vec<u8>) -> Result<(), Unfit> {
        match to {
            _ if to == self => {
                out.extend_from_slice(from);
                Ok(())
            }
            Self::F16 => self.cast_as::<f16>(from, to, out),
            Self::BF16 => self.cast_as::<bf16>(from, to, out),
            Self::F32 => self.cast_as::<f32>(from, to, out),
            Self::F64 => self.cast_as::<f64>(from, to, out),
            Self::I8 => self.cast_as::<i8>(from, to, out),
            Self::U8 => self.cast_as::<u8>(from, to, out),
            Self::I16 => self.cast_as::<i16>(from, to, out),
            Self::U16 => self.cast_as::<u16>(from, to, out),
            Self::I32 => self.cast_as::<i32>(from, to, out),
            Self::U32 => self.cast_as::<u32>(from, to, out),
            Self::I64 => self.cast_as::<i64>(from, to, out),
            Self::U64 => self.cast_as::<u64>(from, to, out),
            Self::Bool => self.cast_as::<Truth>(from, to, out),
            Self::Sparse => Err(Unfit {
                at: 0,
                story: format!("{} values, which are not sparse", self.name()),
            }),
        }
    }

    fn cast_as<T: Target>(self, from: &[u8], to: Self, out: &mut Vec<u8>) -> Result<(), Unfit> {
        self.each_value(from, |at, value| match T::of(value) {
            Some(cast) => {
                cast.put(out);
                Ok(())
            }
            None => Err(Unfit {
                at,
                story: format!("{}, which type {} can't hold", value.text(), to.name()),
            }),
        })
    }

    /// Every value; none of sparse rows.
    fn each_value(
        self,
        from: &[u8],
        mut take: impl FnMut(usize, Value) -> Result<(), Unfit>,
    ) -> Result<(), Unfit> {
        let wide = |bytes: &[u8; 8]| *bytes;
        let eights = || from.as_chunks().0.iter().map(wide).enumerate();
        match self {
            Self::I64 => eights()
                .try_for_each(|(at, bytes)| take(at, Value::Signed(i64::from_le_bytes(bytes)))),
            Self::U64 => eights()
                .try_for_each(|(at, bytes)| take(at, Value::Unsigned(u64::from_le_bytes(bytes)))),
            // Of all others each value is exactly one of f64.
            _ => self.each(from, |at, value| take(at, Value::Float(value))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cast<const N: usize>(from: Element, bytes: &[u8], to: Element) -> Result<[u8; N], String> {
        let mut out = Vec::new();
        from.cast(bytes, to, &mut out)
            .map_err(|unfit| format!("{} {}", unfit.at, unfit.story))?;
        Ok(out.try_into().expect("so many bytes"))
    }

    #[test]
    fn values_are_cast_as_numpy_casts_them() {
        // np.float32([1.9, -1.9]).astype(np.int8)
        let floats = [1.9_f32, -1.9].map(f32::to_le_bytes).concat();
        assert_eq!(cast(Element::F32, &floats, Element::I8), Ok([1, 0xff]));
        // np.float64([0.1]).astype(np.float32)
        let tenth = 0.1_f64.to_le_bytes();
        assert_eq!(
            cast(Element::F64, &tenth, Element::F32),
            Ok(0.1_f32.to_le_bytes())
        );
        // np.float32([65519]).astype(np.float16) is 65504
        let large = 65_519_f32.to_le_bytes();
        assert_eq!(cast(Element::F32, &large, Element::F16), Ok([0xff, 0x7b]));
        let nan = f32::NAN.to_le_bytes();
        assert_eq!(
            cast(Element::F32, &nan, Element::F64)
                .map(f64::from_le_bytes)
                .map(f64::is_nan),
            Ok(true)
        );
        let most = u64::MAX.to_le_bytes();
        assert_eq!(cast(Element::U64, &most, Element::U64), Ok(most));
        assert_eq!(cast(Element::U8, &[0, 7], Element::Bool), Ok([0, 1]));
    }

    #[test]
    fn a_value_out_of_range_is_refused_with_its_place() {
        let refused = |from: Element, bytes: &[u8], to: Element, words: &str| {
            assert_eq!(cast::<0>(from, bytes, to), Err(words.to_owned()));
        };
        let floats = [1.0_f32, 128.0].map(f32::to_le_bytes).concat();
        let story = "1 128, which type int8 can't hold";
        refused(Element::F32, &floats, Element::I8, story);
        let most = u64::MAX.to_le_bytes();
        let story = "0 18446744073709551615, which type int64 can't hold";
        refused(Element::U64, &most, Element::I64, story);
        let nan = f32::NAN.to_le_bytes();
        refused(
            Element::F32,
            &nan,
            Element::U8,
            "0 NaN, which type uint8 can't hold",
        );
        let large = 65_520_f32.to_le_bytes();
        refused(
            Element::F32,
            &large,
            Element::F16,
            "0 65520, which type float16 can't hold",
        );
        refused(
            Element::I8,
            &[0xff],
            Element::U8,
            "0 -1, which type uint8 can't hold",
        );
    }
}
