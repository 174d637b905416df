//! Metrics: names, types of vectors that they are for, and what they say of two vectors, computed
//! in f64 from the values that are stored.

use half::{bf16, f16};

use super::{OperationError, keys::refuse};
use crate::vector_type::VectorType;

/// A metric whose distances can be computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Metric {
    L2,
    Ip,
    Cosine,
    Hamming,
    Jaccard,
}

struct Row {
    metric: Metric,
    name: &'static str,
    /// Types that have it; the one that stands first for a type is not its default.
    types: &'static [VectorType],
    /// How distances must be written in the truth of a data set, in words that go on after `metric
    /// L2 needs `.
    form: &'static str,
}

const DENSE: &[VectorType] = &[
    VectorType::Float,
    VectorType::Float16,
    VectorType::BFloat16,
    VectorType::Int8,
];

static METRICS: &[Row] = &[
    Row {
        metric: Metric::L2,
        name: "L2",
        types: DENSE,
        form: "squared distances",
    },
    Row {
        metric: Metric::Ip,
        name: "IP",
        types: &[
            VectorType::Float,
            VectorType::Float16,
            VectorType::BFloat16,
            VectorType::Int8,
            VectorType::Sparse,
        ],
        form: "inner products",
    },
    Row {
        metric: Metric::Cosine,
        name: "COSINE",
        types: DENSE,
        form: "1 - cosine",
    },
    Row {
        metric: Metric::Hamming,
        name: "HAMMING",
        types: &[VectorType::Binary],
        form: "counts of differing bits",
    },
    Row {
        metric: Metric::Jaccard,
        name: "JACCARD",
        types: &[VectorType::Binary],
        form: "1 - (bits set in both) / (bits set in either)",
    },
];

/// Names of all metrics.
#[must_use]
pub fn metrics() -> Vec<&'static str> {
    METRICS.iter().map(|row| row.name).collect()
}

/// The metrics of a vector of this type.
#[must_use]
pub fn metrics_of(vector_type: VectorType) -> Vec<&'static str> {
    METRICS
        .iter()
        .filter(|row| row.types.contains(&vector_type))
        .map(|row| row.name)
        .collect()
}

/// The metric of a vector of this type where none is written.
#[must_use]
pub fn default_metric(vector_type: VectorType) -> &'static str {
    match vector_type {
        VectorType::Sparse => "IP",
        VectorType::Binary => "HAMMING",
        _ => "COSINE",
    }
}

/// `metric` in the form in which Milvus knows it.
///
/// # Errors
/// A vector of this type has no such metric; the error's key is `metric`.
pub fn known_metric(metric: &str, vector_type: VectorType) -> Result<&'static str, OperationError> {
    let known = METRICS
        .iter()
        .find(|row| row.name.eq_ignore_ascii_case(metric));
    let allowed = || {
        let names = metrics_of(vector_type).join(", ");
        format!("expected one of {names} for a vector of type {vector_type}")
    };
    match known {
        Some(row) if row.types.contains(&vector_type) => Ok(row.name),
        Some(row) => refuse("metric", format!("is {}, {}", row.name, allowed())),
        None => refuse(
            "metric",
            format!("is {metric:?}, {}{}", allowed(), meant_metric(metric)),
        ),
    }
}

/// What to write for a metric under a name of other programs; may be empty.
fn meant_metric(metric: &str) -> String {
    let meant = match metric.to_lowercase().replace(['-', '_', ' '], "").as_str() {
        "euclid" | "euclidean" | "l2squared" | "sqeuclidean" | "squaredl2" => "L2",
        "dot" | "dotproduct" | "inner" | "innerproduct" | "mips" => "IP",
        "angular" | "cos" | "cosinesimilarity" | "cosinedistance" => "COSINE",
        "hammingdistance" | "bitdistance" => "HAMMING",
        "tanimoto" | "jaccarddistance" | "jaccardindex" => "JACCARD",
        _ => return String::new(),
    };
    format!("; write metric = \"{meant}\"")
}

/// What two vectors have between them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Between {
    /// Sum of the squared differences.
    pub(super) squares: f64,
    pub(super) product: f64,
    pub(super) cosine: f64,
    /// Squares of both norms, added; of binary vectors 1.
    pub(super) norms: f64,
    /// Bits that differ.
    pub(super) differing: f64,
    /// The same by the dimension.
    pub(super) differing_share: f64,
    /// Bits set in both by those set in either.
    pub(super) overlap: f64,
}

impl Between {
    /// Of two vectors of one type, each as a placeholder has it.
    pub(super) fn new(vector_type: VectorType, a: &[u8], b: &[u8]) -> Self {
        match vector_type {
            VectorType::Binary => Self::of_bits(a, b),
            VectorType::Sparse => Self::of_sparse(a, b),
            _ => Self::of_values(&values(vector_type, a), &values(vector_type, b)),
        }
    }

    fn of_values(a: &[f64], b: &[f64]) -> Self {
        let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        Self {
            squares: a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum(),
            ..Self::of_products(product(a, a), product(b, b), product(a, b))
        }
    }

    fn of_products(own: f64, other: f64, product: f64) -> Self {
        let norms = (own * other).sqrt();
        Self {
            product,
            // The zero vector has no direction; Milvus gives it the cosine 0.
            cosine: if norms > 0.0 { product / norms } else { 0.0 },
            norms: own + other,
            ..Self::default()
        }
    }

    fn of_bits(a: &[u8], b: &[u8]) -> Self {
        let count = |of: fn(u8, u8) -> u8| {
            let bits = a.iter().zip(b).map(|(a, b)| of(*a, *b).count_ones());
            f64::from(bits.sum::<u32>())
        };
        let (both, either) = (count(|a, b| a & b), count(|a, b| a | b));
        let differing = count(|a, b| a ^ b);
        Self {
            norms: 1.0,
            differing,
            differing_share: differing / (8 * a.len().max(1)) as f64,
            // Nothing in common, as Milvus has it.
            overlap: if either > 0.0 { both / either } else { 0.0 },
            ..Self::default()
        }
    }

    fn of_sparse(a: &[u8], b: &[u8]) -> Self {
        let square = |pairs: &[u8]| pairs_of(pairs).map(|(_, value)| value * value).sum();
        let mut others = pairs_of(b).peekable();
        let products = pairs_of(a).map(|(index, value)| {
            while others.next_if(|(other, _)| *other < index).is_some() {}
            let same = others.next_if(|(other, _)| *other == index);
            same.map_or(0.0, |(_, other)| value * other)
        });
        let product = products.sum();
        Self::of_products(square(a), square(b), product)
    }
}

/// The values of a dense vector.
fn values(vector_type: VectorType, bytes: &[u8]) -> Vec<f64> {
    let halves = |value: fn([u8; 2]) -> f64| {
        let halves = bytes.as_chunks().0.iter();
        halves.map(|bytes| value(*bytes)).collect()
    };
    match vector_type {
        VectorType::Float16 => halves(|bytes| f16::from_le_bytes(bytes).to_f64()),
        VectorType::BFloat16 => halves(|bytes| bf16::from_le_bytes(bytes).to_f64()),
        VectorType::Int8 => bytes
            .iter()
            .map(|byte| f64::from(i8::from_le_bytes([*byte])))
            .collect(),
        _ => bytes
            .as_chunks()
            .0
            .iter()
            .map(|value| f64::from(f32::from_le_bytes(*value)))
            .collect(),
    }
}

/// Indices and values of a sparse vector.
fn pairs_of(bytes: &[u8]) -> impl Iterator<Item = (u32, f64)> {
    bytes.as_chunks::<8>().0.iter().map(|pair| {
        let [a, b, c, d, value @ ..] = *pair;
        (
            u32::from_le_bytes([a, b, c, d]),
            f64::from(f32::from_le_bytes(value)),
        )
    })
}

impl Metric {
    fn row(self) -> &'static Row {
        // Every metric has its row: a test.
        METRICS
            .iter()
            .find(|row| row.metric == self)
            .unwrap_or(&METRICS[0])
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        METRICS
            .iter()
            .find(|row| row.name.eq_ignore_ascii_case(name))
            .map(|row| row.metric)
    }

    pub(super) fn name(self) -> &'static str {
        self.row().name
    }

    /// What the truth of a data set must hold for it.
    pub(super) fn needed(self) -> String {
        let Row { name, form, .. } = self.row();
        format!("metric {name} needs {form}, or ids without distances")
    }

    /// Squared Euclidean distance, negated inner product, 1 - cosine, differing bits, or 1 - the
    /// share of bits that both have.
    pub(super) fn distance(self, between: &Between) -> f64 {
        match self {
            Self::L2 => between.squares,
            Self::Ip => -between.product,
            Self::Cosine => 1.0 - between.cosine,
            Self::Hamming => between.differing,
            Self::Jaccard => 1.0 - between.overlap,
        }
    }

    /// The distance that a score of Milvus stands for.
    pub(super) fn of_score(self, score: f32) -> f64 {
        match self {
            Self::Ip => -f64::from(score),
            Self::Cosine => 1.0 - f64::from(score),
            Self::L2 | Self::Hamming | Self::Jaccard => f64::from(score),
        }
    }

    /// What rounding is relative to: a score of an inner product may be near zero where the vectors
    /// are large.
    pub(super) fn scale(self, between: &Between) -> f64 {
        match self {
            Self::L2 | Self::Ip => between.norms,
            Self::Cosine | Self::Hamming | Self::Jaccard => 1.0,
        }
    }
}

/// How far values may be from those that a truth was made from, relative to the norms: of 16 bits
/// they are rounded, and the truth mostly is that of the values before.
pub(super) fn rounding(vector_type: VectorType) -> f64 {
    match vector_type {
        VectorType::Float16 => 1e-3,
        VectorType::BFloat16 => 8e-3,
        _ => 1e-5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Metric; 5] = [
        Metric::L2,
        Metric::Ip,
        Metric::Cosine,
        Metric::Hamming,
        Metric::Jaccard,
    ];

    fn sparse(pairs: &[(u32, f32)]) -> Vec<u8> {
        let bytes = pairs
            .iter()
            .flat_map(|(index, value)| [index.to_le_bytes(), value.to_le_bytes()]);
        bytes.flatten().collect()
    }

    #[test]
    fn every_metric_has_a_row_and_every_type_its_default() {
        for metric in ALL {
            assert_eq!(metric.row().metric, metric);
        }
        assert_eq!(METRICS.len(), ALL.len());
        for vector_type in VectorType::all() {
            let default = default_metric(vector_type);
            assert_eq!(known_metric(default, vector_type), Ok(default));
        }
    }

    #[test]
    fn a_metric_of_other_types_is_answered_with_those_of_this_one() {
        let told = |metric, vector_type| known_metric(metric, vector_type).unwrap_err().message;
        assert_eq!(
            told("cosine", VectorType::Binary),
            "is COSINE, expected one of HAMMING, JACCARD for a vector of type Binary"
        );
        assert_eq!(
            told("tanimoto", VectorType::Binary),
            "is \"tanimoto\", expected one of HAMMING, JACCARD for a vector of type Binary; write \
             metric = \"JACCARD\""
        );
        assert_eq!(
            told("L2", VectorType::Sparse),
            "is L2, expected one of IP for a vector of type Sparse"
        );
    }

    #[test]
    fn every_type_of_value_is_decoded() {
        let halves = [f16::from_f32(1.5), f16::from_f32(-2.0)].map(f16::to_le_bytes);
        let brains = [bf16::from_f32(1.5), bf16::from_f32(-2.0)].map(bf16::to_le_bytes);
        let singles = [1.5_f32, -2.0].map(f32::to_le_bytes);
        for (vector_type, bytes) in [
            (VectorType::Float, singles.as_flattened()),
            (VectorType::Float16, halves.as_flattened()),
            (VectorType::BFloat16, brains.as_flattened()),
        ] {
            let found = Between::new(vector_type, bytes, bytes);
            assert_eq!((found.product, found.squares), (6.25, 0.0));
        }
        let found = Between::new(VectorType::Int8, &[0x80, 3], &[0xff, 5]);
        assert_eq!(found.product, 128.0 + 15.0);
        assert_eq!(found.squares, 127.0 * 127.0 + 4.0);
    }

    #[test]
    fn bits_are_counted() {
        let found = Between::new(VectorType::Binary, &[0b1100, 0xff], &[0b1010, 0xff]);
        assert_eq!(Metric::Hamming.distance(&found), 2.0);
        assert_eq!(Metric::Jaccard.distance(&found), 1.0 - 9.0 / 11.0);
        assert_eq!(found.differing_share, 2.0 / 16.0);
        let empty = Between::new(VectorType::Binary, &[0], &[0]);
        assert_eq!(Metric::Jaccard.distance(&empty), 1.0);
    }

    #[test]
    fn sparse_vectors_meet_in_their_common_indices() {
        let a = sparse(&[(1, 2.0), (7, 3.0), (4_000_000_000, 5.0)]);
        let b = sparse(&[(0, 9.0), (7, 0.5), (9, 1.0), (4_000_000_000, -1.0)]);
        let found = Between::new(VectorType::Sparse, &a, &b);
        assert_eq!(found.product, 1.5 - 5.0);
        assert_eq!(found.norms, 38.0 + 83.25);
        let none = Between::new(VectorType::Sparse, &[], &b);
        assert_eq!((none.product, none.cosine), (0.0, 0.0));
    }
}
