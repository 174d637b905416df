//! What vectors are like: norms, equal rows, values that no field takes. Everything is read once,
//! in order, and memory does not grow with the rows.

use std::{
    collections::HashSet,
    hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher},
};

use super::{
    element::{Element, sparse_rows},
    vectors::Vectors,
};

/// Bytes that are read at once, or one row.
const CHUNK: u64 = 1 << 20;
/// Rows whose hashes are kept to find equal ones, so that their table stays below 100 MB.
pub(super) const COMPARED: u64 = 7_000_000;
/// By how much a norm of 1 may be off: rounding of 16-bit floats.
const ROUNDING: f64 = 1e-3;
/// Values of the first row that are kept.
const SHOWN: usize = 8;

/// What was found in all rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Survey {
    /// Rows.
    pub rows: u64,
    /// Euclidean norms of rows without NaN and infinity; None where there are no such rows.
    pub norms: Option<Range>,
    /// Of sparse rows their numbers of values.
    pub lengths: Option<Range>,
    /// Rows that equal an earlier one to the bit, among those that were compared.
    pub duplicates: Found,
    /// Rows all of whose values are 0.
    pub zeros: Found,
    /// Values that are NaN.
    pub nans: Found,
    /// Values that are infinite.
    pub infinities: Found,
    /// The first values of the first row; of a sparse one with their indices.
    pub first: Vec<(u32, f64)>,
}

/// Least, mean and greatest of numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct Range {
    pub min: f64,
    pub mean: f64,
    pub max: f64,
}

/// How many there are, and the row of the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Found {
    pub count: u64,
    pub first_row: Option<u64>,
}

impl Found {
    fn add(&mut self, count: u64, row: u64) {
        self.count += count;
        if count > 0 {
            self.first_row.get_or_insert(row);
        }
    }
}

impl Survey {
    /// Whether all norms are 1, but for rounding.
    #[must_use]
    pub fn is_normalised(&self) -> bool {
        let is_one = |norm: f64| (norm - 1.0).abs() <= ROUNDING;
        self.norms
            .is_some_and(|norms| is_one(norms.min) && is_one(norms.max))
    }

    /// Rows among which equal ones were looked for.
    #[must_use]
    pub fn compared(&self) -> u64 {
        self.rows.min(COMPARED)
    }
}

/// Sum, least and greatest of numbers so far.
#[derive(Debug)]
struct Sum {
    count: u64,
    sum: f64,
    min: f64,
    max: f64,
}

impl Sum {
    const NONE: Self = Self {
        count: 0,
        sum: 0.0,
        min: f64::INFINITY,
        max: f64::NEG_INFINITY,
    };

    fn add(&mut self, value: f64) {
        self.count += 1;
        self.sum += value;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }

    fn range(&self) -> Option<Range> {
        (self.count > 0).then(|| Range {
            min: self.min,
            mean: self.sum / self.count as f64,
            max: self.max,
        })
    }
}

/// Hashes, which need not be hashed again.
#[derive(Default)]
struct Itself(u64);

impl Hasher for Itself {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// Reads all rows, and tells `told` how many after each chunk.
///
/// # Errors
/// They can't be read, in words that go on after the name of the file.
pub fn survey(vectors: &dyn Vectors, told: &mut dyn FnMut(u64)) -> Result<Survey, String> {
    let rows = vectors.rows();
    let mut all = Surveyor {
        element: vectors.element(),
        found: Survey {
            rows,
            ..Survey::default()
        },
        norms: Sum::NONE,
        lengths: Sum::NONE,
        hashes: HashSet::default(),
        values: Vec::new(),
    };
    let row_bytes = vectors.element().bytes() as u64 * u64::from(vectors.values());
    let at_once = match vectors.element() {
        // A row has as many pairs as it likes.
        Element::Sparse => 256,
        _ => (CHUNK / row_bytes.max(1)).max(1),
    };
    let (mut first, mut bytes) = (0, Vec::new());
    while first < rows {
        let count = at_once.min(rows - first);
        bytes.clear();
        vectors.read(first, count, &mut bytes)?;
        match vectors.element() {
            Element::Sparse => {
                (first..)
                    .zip(sparse_rows(&bytes))
                    .for_each(|(row, pairs)| all.sparse(row, pairs));
            }
            _ => (first..)
                .zip(bytes.chunks_exact(row_bytes.max(1) as usize))
                .for_each(|(row, values)| all.dense(row, values)),
        }
        first += count;
        told(first);
    }
    Ok(Survey {
        norms: all.norms.range(),
        lengths: all.lengths.range(),
        ..all.found
    })
}

struct Surveyor {
    element: Element,
    found: Survey,
    norms: Sum,
    lengths: Sum,
    hashes: HashSet<u64, BuildHasherDefault<Itself>>,
    /// Those of one row, whose space is used for the next one.
    values: Vec<f64>,
}

impl Surveyor {
    fn dense(&mut self, row: u64, bytes: &[u8]) {
        let mut values = std::mem::take(&mut self.values);
        values.clear();
        let Ok(()) = self.element.each(bytes, |_, value| {
            values.push(value);
            Ok::<(), std::convert::Infallible>(())
        });
        if row == 0 {
            self.found.first = (0..).zip(values.iter().copied()).take(SHOWN).collect();
        }
        self.note(row, &values);
        self.values = values;
        self.compare(row, bytes);
    }

    fn sparse(&mut self, row: u64, bytes: &[u8]) {
        let pairs = bytes.as_chunks::<8>().0.iter().map(|pair| {
            let [a, b, c, d, value @ ..] = *pair;
            let value = f64::from(f32::from_le_bytes(value));
            (u32::from_le_bytes([a, b, c, d]), value)
        });
        if row == 0 {
            self.found.first = pairs.clone().take(SHOWN).collect();
        }
        let values: Vec<f64> = pairs.map(|(_, value)| value).collect();
        self.lengths.add(values.len() as f64);
        self.note(row, &values);
        self.compare(row, bytes);
    }

    fn note(&mut self, row: u64, values: &[f64]) {
        let squares: f64 = values.iter().map(|value| value * value).sum();
        if squares.is_finite() {
            self.norms.add(squares.sqrt());
            let is_zero = values.iter().all(|value| *value == 0.0);
            self.found.zeros.add(u64::from(is_zero), row);
            return;
        }
        let count = |is: fn(f64) -> bool| values.iter().filter(|value| is(**value)).count() as u64;
        self.found.nans.add(count(f64::is_nan), row);
        self.found.infinities.add(count(f64::is_infinite), row);
    }

    fn compare(&mut self, row: u64, bytes: &[u8]) {
        if row < COMPARED {
            let mut hasher = DefaultHasher::new();
            bytes.hash(&mut hasher);
            let is_new = self.hashes.insert(hasher.finish());
            self.found.duplicates.add(u64::from(!is_new), row);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::element::put_sparse_row;

    #[derive(Debug)]
    struct Rows(Vec<[f32; 2]>);

    impl Vectors for Rows {
        fn rows(&self) -> u64 {
            self.0.len() as u64
        }

        fn values(&self) -> u32 {
            2
        }

        fn element(&self) -> Element {
            Element::F32
        }

        fn read(&self, first: u64, count: u64, out: &mut Vec<u8>) -> Result<(), String> {
            let rows = &self.0[first as usize..(first + count) as usize];
            out.extend(rows.iter().flatten().flat_map(|value| value.to_le_bytes()));
            Ok(())
        }
    }

    #[derive(Debug)]
    struct Sparse;

    impl Vectors for Sparse {
        fn rows(&self) -> u64 {
            2
        }

        fn values(&self) -> u32 {
            9
        }

        fn element(&self) -> Element {
            Element::Sparse
        }

        fn read(&self, first: u64, count: u64, out: &mut Vec<u8>) -> Result<(), String> {
            for row in first..first + count {
                let pair = [&7_u32.to_le_bytes()[..], &3_f32.to_le_bytes()].concat();
                put_sparse_row(if row == 0 { &pair } else { &[] }, out);
            }
            Ok(())
        }
    }

    fn found(count: u64, first_row: u64) -> Found {
        Found {
            count,
            first_row: Some(first_row),
        }
    }

    #[test]
    fn what_is_in_rows_is_counted_with_its_first_place() {
        let (nan, inf) = (f32::NAN, f32::INFINITY);
        let rows = [
            [3.0, 4.0],
            [0.0, 0.0],
            [3.0, 4.0],
            [nan, inf],
            [nan, 1.0],
            [0.0, -0.0],
        ];
        let mut told = Vec::new();
        let survey = survey(&Rows(rows.to_vec()), &mut |rows| told.push(rows)).unwrap();
        let norms = survey.norms.unwrap();
        assert_eq!((norms.min, norms.mean, norms.max), (0.0, 2.5, 5.0));
        assert_eq!(survey.duplicates, found(1, 2));
        assert_eq!(survey.zeros, found(2, 1));
        assert_eq!((survey.nans, survey.infinities), (found(2, 3), found(1, 3)));
        assert_eq!(survey.first, [(0, 3.0), (1, 4.0)]);
        assert!(!survey.is_normalised() && survey.compared() == 6);
        assert_eq!(told, [6]);
    }

    #[test]
    fn norms_of_one_but_for_rounding_are_normalised() {
        let rows = vec![[0.6, 0.8], [1.0, 0.0], [0.600_1, 0.8]];
        assert!(survey(&Rows(rows), &mut |_| ()).unwrap().is_normalised());
    }

    #[test]
    fn sparse_rows_have_lengths_and_indices() {
        let survey = survey(&Sparse, &mut |_| ()).unwrap();
        let lengths = survey.lengths.unwrap();
        assert_eq!((lengths.min, lengths.mean, lengths.max), (0.0, 0.5, 1.0));
        assert_eq!(survey.first, [(7, 3.0)]);
        assert_eq!(
            (survey.norms.unwrap().max, survey.zeros),
            (3.0, found(1, 1))
        );
    }
}
