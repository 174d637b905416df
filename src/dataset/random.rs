//! `format = "random"`: generated vectors, the same for the same seed on every machine.
//!
//! Generator: ChaCha with 8 rounds, key = seed (8 bytes, little-endian) followed by the name of
//! what is drawn, stream = number of the vector. So every row is a pure function of (seed, row) and
//! is found without drawing those before it.
//!
//! Other types of vectors are made from the same floats: Float16 and BFloat16 by rounding, Int8 by
//! a factor, Binary by their signs. Sparse ones are drawn for themselves.

mod made;

use std::sync::Arc;

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use rand_distr::{Distribution as _, StandardNormal};

use self::made::{Form, put_int8, put_signs};
use super::{
    element::Element,
    format::{DatasetEntry, Format},
    options::{DatasetOptions, MAX_DIM, MAX_IN_MEMORY, OpenError},
    source::{Part, Source},
    vectors::Vectors,
};
use crate::vector_type::VectorType;

pub(super) const ENTRY: DatasetEntry = DatasetEntry {
    name: "random",
    summary: "generated vectors: normal, uniform or clustered, the same for the same seed",
    format: Format::Generated(open),
};

/// Centres of `clustered`.
const CENTRES: u32 = 100;
/// Standard deviation of a value of `clustered` around its centre, whose own values have 1.
const SPREAD: f32 = 0.3;
const DEFAULT_QUERIES: u64 = 1000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Distribution {
    /// Every value from the standard normal distribution.
    Normal,
    /// Every value from [-1, 1).
    Uniform,
    /// One of [`CENTRES`] standard normal centres plus normal noise of [`SPREAD`].
    Clustered,
}

const DISTRIBUTIONS: &[(&str, Distribution)] = &[
    ("normal", Distribution::Normal),
    ("uniform", Distribution::Uniform),
    ("clustered", Distribution::Clustered),
];

/// Names of the distributions.
#[must_use]
pub fn distributions() -> Vec<&'static str> {
    DISTRIBUTIONS.iter().map(|row| row.0).collect()
}

/// Non-zero values of a sparse vector unless the scenario says another range.
const NONZEROS: (u32, u32) = (16, 64);
/// Largest number of indices of sparse vectors: Milvus takes indices below 2^32 - 1.
const MAX_INDICES: u32 = u32::MAX - 1;

/// Vectors of one kind, `rows` or `queries`.
#[derive(Clone, Debug)]
struct Generated {
    kind: &'static str,
    count: u64,
    /// Share of the rows that equal an earlier one.
    duplicates: f64,
    form: Form,
    generator: Arc<Generator>,
}

#[derive(Debug)]
struct Generator {
    seed: u64,
    dim: u32,
    distribution: Distribution,
    /// Least and most non-zero values of sparse vectors.
    nonzeros: (u32, u32),
    /// Values of the centres, empty unless clustered; of sparse ones their indices are drawn anew.
    centres: Vec<f32>,
}

impl Vectors for Generated {
    fn rows(&self) -> u64 {
        self.count
    }

    fn values(&self) -> u32 {
        match self.form {
            Form::Signs => self.generator.dim / 8,
            Form::Floats | Form::Int8 | Form::Sparse => self.generator.dim,
        }
    }

    fn element(&self) -> Element {
        match self.form {
            Form::Floats => Element::F32,
            Form::Int8 => Element::I8,
            Form::Signs => Element::U8,
            Form::Sparse => Element::Sparse,
        }
    }

    fn read(&self, first: u64, count: u64, out: &mut Vec<u8>) -> Result<(), String> {
        let mut floats = Vec::new();
        for row in first..first + count {
            let row = self.original(row);
            match self.form {
                Form::Floats => self.generator.vector(self.kind, row, out),
                Form::Sparse => self.generator.sparse(self.kind, row, out),
                Form::Int8 | Form::Signs => {
                    floats.clear();
                    self.generator.vector(self.kind, row, &mut floats);
                    match self.form {
                        Form::Int8 => put_int8(&floats, self.generator.int8_scale(), out),
                        _ => put_signs(&floats, out),
                    }
                }
            }
        }
        Ok(())
    }

    fn is_made(&self) -> bool {
        true
    }

    fn made_for(&self, vector_type: VectorType) -> Option<Arc<dyn Vectors>> {
        let form = match vector_type {
            // One with `nonzeros` is sparse and nothing else.
            _ if self.form == Form::Sparse => return None,
            VectorType::Int8 => Form::Int8,
            VectorType::Binary if self.generator.dim.is_multiple_of(8) => Form::Signs,
            VectorType::Sparse => Form::Sparse,
            _ => return None,
        };
        Some(Arc::new(Self {
            form,
            ..self.clone()
        }))
    }
}

impl Generated {
    /// The row that this one equals: itself, unless it is a duplicate.
    fn original(&self, mut row: u64) -> u64 {
        while self.duplicates > 0.0 && row > 0 {
            let mut rng = stream(self.generator.seed, "duplicates", row);
            if f64::from(unit(rng.next_u32())) >= self.duplicates {
                break;
            }
            // An earlier one, which may be a duplicate itself.
            row = rng.next_u64() % row;
        }
        row
    }
}

impl Generator {
    fn new(options: &DatasetOptions, dim: u32, distribution: Distribution) -> Self {
        let seed = options.seed;
        let has_centres = distribution == Distribution::Clustered && options.nonzeros.is_none();
        let count = if has_centres { CENTRES } else { 0 };
        let mut rng = stream(seed, "centres", 0);
        let centres = (0..count * dim)
            .map(|_| StandardNormal.sample(&mut rng))
            .collect();
        Self {
            seed,
            dim,
            distribution,
            nonzeros: options
                .nonzeros
                .unwrap_or((NONZEROS.0.min(dim), NONZEROS.1.min(dim))),
            centres,
        }
    }

    /// What a float is multiplied with to become an Int8: four standard deviations fit.
    fn int8_scale(&self) -> f32 {
        match self.distribution {
            Distribution::Uniform => 127.0,
            Distribution::Normal | Distribution::Clustered => 32.0,
        }
    }

    /// Appends vector `number` of `kind` (`rows`, `queries`) to `out`.
    fn vector(&self, kind: &str, number: u64, out: &mut Vec<u8>) {
        let mut rng = stream(self.seed, kind, number);
        let mut put = |value: f32| out.extend_from_slice(&value.to_le_bytes());
        match self.distribution {
            Distribution::Normal => {
                (0..self.dim).for_each(|_| put(StandardNormal.sample(&mut rng)))
            }
            Distribution::Uniform => {
                (0..self.dim).for_each(|_| put(unit(rng.next_u32()) * 2.0 - 1.0))
            }
            Distribution::Clustered => {
                let centre = (rng.next_u32() % CENTRES) as usize * self.dim as usize;
                for value in &self.centres[centre..centre + self.dim as usize] {
                    let noise: f32 = StandardNormal.sample(&mut rng);
                    put(value + SPREAD * noise);
                }
            }
        }
    }
}

/// 24 random bits as a number in [0, 1).
fn unit(bits: u32) -> f32 {
    (bits >> 8) as f32 / (1_u32 << 24) as f32
}

fn stream(seed: u64, kind: &str, number: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..8 + kind.len()].copy_from_slice(kind.as_bytes());
    let mut rng = ChaCha8Rng::from_seed(key);
    rng.set_stream(number);
    rng
}

fn refuse<T>(key: &'static str, message: String) -> Result<T, OpenError> {
    Err(OpenError { key, message })
}

fn open(options: &DatasetOptions) -> Result<Source, OpenError> {
    if let Some(key) = options.names().next() {
        return refuse(
            key,
            "names something within files, format random has none".into(),
        );
    }
    for (key, path) in [
        ("base", &options.base),
        ("queries", &options.queries),
        ("truth", &options.truth),
    ] {
        if path.is_some() {
            return refuse(
                key,
                "is a file, format random has none: it takes rows, dim, queries (a number), \
                 distribution, nonzeros, duplicates and seed"
                    .into(),
            );
        }
    }
    let dim = dim(options)?;
    let rows = match options.rows {
        // Enough for a collection that is reused.
        None => 0,
        // Row ids are signed 64-bit numbers in Milvus.
        Some(rows) if rows == 0 || rows > i64::MAX as u64 => {
            return refuse("rows", format!("is {rows}, expected 1 to {}", i64::MAX));
        }
        Some(rows) => rows,
    };
    let query_count = query_count(options, dim)?;
    let name = options.distribution.as_deref().unwrap_or("normal");
    let Some((_, distribution)) = DISTRIBUTIONS
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
    else {
        return refuse(
            "distribution",
            format!("is {name:?}, expected normal, uniform or clustered"),
        );
    };
    let generator = Arc::new(Generator::new(options, dim, *distribution));
    let part = |key: &'static str, kind: &'static str, count: u64| Part {
        label: format!("{key} of [data.{}]", options.name),
        key,
        vectors: Arc::new(Generated {
            kind,
            count,
            duplicates: options.duplicates.filter(|_| kind == "rows").unwrap_or(0.0),
            form: if options.nonzeros.is_some() {
                Form::Sparse
            } else {
                Form::Floats
            },
            generator: Arc::clone(&generator),
        }),
    };
    let base = Some(part("rows", "rows", rows)).filter(|_| rows > 0);
    Source::new(base, Some(part("queries", "queries", query_count)), None)
}

/// The dimension, with which `nonzeros` have to fit.
fn dim(options: &DatasetOptions) -> Result<u32, OpenError> {
    let Some(dim) = options.dim else {
        return refuse(
            "dim",
            "is missing, format random needs it: 1 to 32,768".to_owned(),
        );
    };
    let (most, said) = match options.nonzeros {
        None => (MAX_DIM, "32,768"),
        Some(_) => (MAX_INDICES, "4,294,967,294"),
    };
    if !(1..=most).contains(&dim) {
        return refuse("dim", format!("is {dim}, expected 1 to {said}"));
    }
    let largest = dim.min(MAX_DIM);
    if let Some((least, most)) = options.nonzeros
        && (least < 1 || least > most || most > largest)
    {
        return refuse(
            "nonzeros",
            format!(
                "is {least} to {most}, expected a number or a range \"LEAST..MOST\" from 1 to \
                 {largest}"
            ),
        );
    }
    Ok(dim)
}

fn query_count(options: &DatasetOptions, dim: u32) -> Result<u64, OpenError> {
    let count = options.query_count.unwrap_or(DEFAULT_QUERIES);
    let longest = match options.nonzeros {
        None => 4 * u64::from(dim),
        Some((_, most)) => 8 * u64::from(most),
    };
    let most = MAX_IN_MEMORY / longest;
    if !(1..=most).contains(&count) {
        return refuse(
            "queries",
            format!(
                "is {count}, expected 1 to {most} with dimension {dim} (they are kept in memory)"
            ),
        );
    }
    Ok(count)
}

#[cfg(test)]
mod tests;
