//! `format = "random"`: generated vectors, the same for the same seed on every machine.
//!
//! Generator: ChaCha with 8 rounds, key = seed (8 bytes, little-endian) followed by the name of
//! what is drawn, stream = number of the vector. So every row is a pure function of (seed, row) and
//! is found without drawing those before it.

use std::sync::Arc;

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use rand_distr::{Distribution as _, StandardNormal};

use super::{
    element::Element,
    format::{DatasetEntry, Format},
    options::{DatasetOptions, MAX_DIM, MAX_IN_MEMORY, OpenError},
    source::{Part, Source},
    vectors::Vectors,
};

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

/// Vectors of one kind, `rows` or `queries`.
#[derive(Debug)]
struct Generated {
    kind: &'static str,
    count: u64,
    generator: Arc<Generator>,
}

#[derive(Debug)]
struct Generator {
    seed: u64,
    dim: u32,
    distribution: Distribution,
    /// Values of the centres, empty unless clustered.
    centres: Vec<f32>,
}

impl Vectors for Generated {
    fn rows(&self) -> u64 {
        self.count
    }

    fn values(&self) -> u32 {
        self.generator.dim
    }

    fn element(&self) -> Element {
        Element::F32
    }

    fn read(&self, first: u64, count: u64, out: &mut Vec<u8>) -> Result<(), String> {
        (first..first + count).for_each(|row| self.generator.vector(self.kind, row, out));
        Ok(())
    }

    fn is_made(&self) -> bool {
        true
    }
}

impl Generator {
    fn new(seed: u64, dim: u32, distribution: Distribution) -> Self {
        let count = if distribution == Distribution::Clustered {
            CENTRES
        } else {
            0
        };
        let mut rng = stream(seed, "centres", 0);
        let centres = (0..count * dim)
            .map(|_| StandardNormal.sample(&mut rng))
            .collect();
        Self {
            seed,
            dim,
            distribution,
            centres,
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

fn open(options: &DatasetOptions) -> Result<Source, OpenError> {
    let refuse = |key, message| Err(OpenError { key, message });
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
                 distribution and seed"
                    .into(),
            );
        }
    }
    let Some(dim) = options.dim else {
        return refuse(
            "dim",
            format!("is missing, format random needs it: 1 to {MAX_DIM}"),
        );
    };
    if !(1..=MAX_DIM).contains(&dim) {
        return refuse("dim", format!("is {dim}, expected 1 to {MAX_DIM}"));
    }
    let rows = match options.rows {
        // Enough for a collection that is reused.
        None => 0,
        // Row ids are signed 64-bit numbers in Milvus.
        Some(rows) if rows == 0 || rows > i64::MAX as u64 => {
            return refuse("rows", format!("is {rows}, expected 1 to {}", i64::MAX));
        }
        Some(rows) => rows,
    };
    let query_count = options.query_count.unwrap_or(DEFAULT_QUERIES);
    let most = MAX_IN_MEMORY / (4 * u64::from(dim));
    if !(1..=most).contains(&query_count) {
        return refuse(
            "queries",
            format!(
                "is {query_count}, expected 1 to {most} with dimension {dim} (they are kept in \
                 memory)"
            ),
        );
    }
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
    let generator = Arc::new(Generator::new(options.seed, dim, *distribution));
    let part = |key: &'static str, kind: &'static str, count: u64| Part {
        label: format!("{key} of [data.{}]", options.name),
        key,
        vectors: Arc::new(Generated {
            kind,
            count,
            generator: Arc::clone(&generator),
        }),
    };
    let base = Some(part("rows", "rows", rows)).filter(|_| rows > 0);
    Source::new(base, Some(part("queries", "queries", query_count)), None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{dataset::Dataset, vector_type::VectorType};

    fn opened(options: &DatasetOptions) -> Arc<dyn Dataset> {
        open(options).unwrap().dataset(VectorType::Float).unwrap()
    }

    fn options(distribution: &str) -> DatasetOptions {
        DatasetOptions {
            name: "noise".into(),
            rows: Some(1000),
            dim: Some(16),
            query_count: Some(50),
            distribution: Some(distribution.into()),
            seed: 42,
            ..DatasetOptions::default()
        }
    }

    fn rows(data: &dyn Dataset, first: u64, count: u64) -> Vec<f32> {
        let mut out = Vec::new();
        data.read_rows(first, count, &mut out).unwrap();
        floats(&out)
    }

    fn floats(bytes: &[u8]) -> Vec<f32> {
        bytes
            .as_chunks()
            .0
            .iter()
            .map(|value| f32::from_le_bytes(*value))
            .collect()
    }

    fn moments(values: &[f32]) -> (f64, f64) {
        let n = values.len() as f64;
        let mean = values.iter().map(|value| f64::from(*value)).sum::<f64>() / n;
        (
            mean,
            values
                .iter()
                .map(|value| (f64::from(*value) - mean).powi(2))
                .sum::<f64>()
                / n,
        )
    }

    fn check_refused(change: impl Fn(&mut DatasetOptions), words: &[&str]) {
        let mut options = options("normal");
        change(&mut options);
        let OpenError { key, message } = open(&options).expect_err("refused");
        let message = format!("{key} {message}");
        for word in words {
            assert!(message.contains(word), "{word:?} is not in: {message}");
        }
    }

    #[test]
    fn a_row_does_not_depend_on_what_was_read_before() {
        for distribution in ["normal", "uniform", "clustered"] {
            let data = opened(&options(distribution));
            let all = rows(&*data, 0, 1000);
            assert_eq!(rows(&*data, 997, 3), all[997 * 16..]);
            assert_eq!(rows(&*data, 5, 1), all[5 * 16..6 * 16]);
        }
    }

    #[test]
    fn seeds_rows_and_queries_differ() {
        let data = opened(&options("normal"));
        let other = opened(&DatasetOptions {
            seed: 43,
            ..options("normal")
        });
        assert_ne!(rows(&*data, 0, 1), rows(&*other, 0, 1));
        assert_ne!(rows(&*data, 0, 1), rows(&*data, 1, 1));
        assert_ne!(rows(&*data, 0, 1), floats(data.query(0)));
        assert_ne!(data.query(0), data.query(1));
        assert_eq!(data.queries(), 50);
    }

    /// A scenario's seed keeps its meaning between versions: these values may never change.
    #[test]
    fn values_stay_the_same_between_versions() {
        let first = |distribution| rows(&*opened(&options(distribution)), 3, 1)[..2].to_vec();
        assert_eq!(first("uniform"), UNIFORM);
        assert_eq!(first("normal"), NORMAL);
        assert_eq!(first("clustered"), CLUSTERED);
    }
    const UNIFORM: [f32; 2] = [0.45465267, -0.7842964];
    const NORMAL: [f32; 2] = [-0.69223744, -0.16024612];
    const CLUSTERED: [f32; 2] = [-0.37449694, 1.1481239];

    #[test]
    fn distributions_have_their_moments() {
        // 16,000 values: five standard errors of the mean are 0.04, of the variance 0.06.
        let check = |distribution, variance: f64| {
            let (mean, found) = moments(&rows(&*opened(&options(distribution)), 0, 1000));
            assert!(
                mean.abs() < 0.04 && (found - variance).abs() < 0.06,
                "{distribution}: mean {mean}, variance {found}"
            );
        };
        check("normal", 1.0);
        check("Uniform", 1.0 / 3.0);
    }

    #[test]
    fn clustered_rows_lie_around_few_centres() {
        let values = rows(&*opened(&options("clustered")), 0, 1000);
        let vectors: Vec<&[f32]> = values.chunks(16).collect();
        let near = |a: &[f32], b: &[f32]| {
            a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>()
                < 16.0 * 4.0 * SPREAD * SPREAD
        };
        // About one row in a hundred shares the centre of the first; normal rows would not come
        // near at all.
        let shared = vectors[1..]
            .iter()
            .filter(|other| near(vectors[0], other))
            .count();
        assert!((1..60).contains(&shared), "{shared} rows near the first");
    }

    #[test]
    fn wrong_options_are_refused() {
        check_refused(|o| o.rows = Some(0), &["rows", "is 0"]);
        check_refused(|o| o.dim = Some(32_769), &["dim", "32769", "1 to 32768"]);
        check_refused(|o| o.dim = None, &["dim", "missing"]);
        check_refused(|o| o.query_count = Some(0), &["queries", "is 0"]);
        check_refused(
            |o| o.query_count = Some(u64::MAX),
            &["queries", "in memory"],
        );
        check_refused(
            |o| o.distribution = Some("gauss".into()),
            &["gauss", "normal, uniform or clustered"],
        );
        check_refused(|o| o.base = Some("x.fbin".into()), &["base", "is a file"]);
    }

    #[test]
    fn queries_alone_are_enough() {
        let data = opened(&DatasetOptions {
            rows: None,
            ..options("normal")
        });
        assert_eq!((data.rows(), data.queries()), (0, 50));
        assert!(data.read_rows(0, 1, &mut Vec::new()).is_err());
        // They are the same as beside rows.
        assert_eq!(data.query(7), opened(&options("normal")).query(7));
    }

    #[test]
    fn rows_beyond_the_end_are_refused() {
        let data = opened(&options("normal"));
        assert!(data.read_rows(999, 2, &mut Vec::new()).is_err());
        assert!(data.read_rows(u64::MAX, 2, &mut Vec::new()).is_err());
    }
}
