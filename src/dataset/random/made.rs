//! Generated vectors of other types than floats.

use std::collections::BTreeSet;

use rand_chacha::{ChaCha8Rng, rand_core::Rng};
use rand_distr::{Distribution as _, StandardNormal};

use super::{CENTRES, Distribution, Generator, stream, unit};
use crate::dataset::put_sparse_row;

/// What becomes of the numbers that are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Floats,
    /// Multiplied, rounded, and cut at the ends.
    Int8,
    /// A bit for each float, 1 for those above 0.
    Signs,
    Sparse,
}

fn floats(bytes: &[u8]) -> impl Iterator<Item = f32> {
    let values = bytes.as_chunks().0.iter();
    values.map(|bytes| f32::from_le_bytes(*bytes))
}

pub(super) fn put_int8(bytes: &[u8], scale: f32, out: &mut Vec<u8>) {
    // A cast saturates.
    let values = floats(bytes).map(|value| (value * scale).round() as i8);
    out.extend(values.map(|value| value.to_le_bytes()[0]));
}

/// The first of eight is the highest bit, as in NumPy's packbits.
pub(super) fn put_signs(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend(bytes.chunks(32).map(|eight| {
        let bits = floats(eight).enumerate();
        bits.fold(0_u8, |byte, (place, value)| {
            byte | (u8::from(value > 0.0) << (7 - place))
        })
    }));
}

impl Generator {
    /// Appends sparse vector `number` of `kind`, with the indices that it takes drawn like words of
    /// a language: low ones often. With `clustered`, three of four come from those of one of the
    /// centres.
    pub(super) fn sparse(&self, kind: &str, number: u64, out: &mut Vec<u8>) {
        let mut rng = stream(self.seed, kind, number);
        let (least, most) = self.nonzeros;
        let count = least + rng.next_u32() % (most - least + 1);
        let centre = match self.distribution {
            Distribution::Clustered => self.centre(u64::from(rng.next_u32() % CENTRES)),
            Distribution::Normal | Distribution::Uniform => Vec::new(),
        };
        let mut indices = BTreeSet::new();
        for _ in 0..count {
            let from_centre = !centre.is_empty() && !rng.next_u32().is_multiple_of(4);
            let index = if from_centre {
                centre[rng.next_u32() as usize % centre.len()]
            } else {
                self.index(&mut rng)
            };
            self.put_index(index, &mut indices);
        }
        let mut pairs = Vec::with_capacity(8 * indices.len());
        for index in indices {
            let value: f32 = match self.distribution {
                // Above 0, at most 1.
                Distribution::Uniform => 1.0 - unit(rng.next_u32()),
                Distribution::Normal | Distribution::Clustered => {
                    let value: f32 = StandardNormal.sample(&mut rng);
                    value.abs().max(1e-6)
                }
            };
            pairs.extend_from_slice(&index.to_le_bytes());
            pairs.extend_from_slice(&value.to_le_bytes());
        }
        put_sparse_row(&pairs, out);
    }

    /// Indices of a centre, as many as a vector has at most.
    fn centre(&self, number: u64) -> Vec<u32> {
        let mut rng = stream(self.seed, "centres", number);
        (0..self.nonzeros.1).map(|_| self.index(&mut rng)).collect()
    }

    /// Index i with a frequency proportional to i^(-2/3).
    fn index(&self, rng: &mut ChaCha8Rng) -> u32 {
        let place = f64::from(unit(rng.next_u32()));
        (f64::from(self.dim) * place * place * place) as u32
    }

    /// Takes the next free index where this one is taken: there are more than are wanted.
    fn put_index(&self, mut index: u32, indices: &mut BTreeSet<u32>) {
        while !indices.insert(index) {
            index = (index + 1) % self.dim;
        }
    }
}
