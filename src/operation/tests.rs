//! What the operations' tests share, and the table tests.

use super::*;
use crate::dataset::{Dataset, DatasetError, Truth};

/// A data set in memory: every row and query as given.
#[derive(Debug, Default)]
pub(super) struct Vectors {
    pub(super) dim: u32,
    pub(super) rows: Vec<f32>,
    pub(super) queries: Vec<u8>,
    pub(super) truth: Option<Truth>,
}

impl Dataset for Vectors {
    fn rows(&self) -> u64 {
        self.rows.len() as u64 / u64::from(self.dim)
    }

    fn dim(&self) -> u32 {
        self.dim
    }

    fn queries(&self) -> u64 {
        self.queries.len() as u64 / 4 / u64::from(self.dim)
    }

    fn read_rows(&self, first: u64, count: u64, out: &mut Vec<u8>) -> Result<(), DatasetError> {
        let dim = u64::from(self.dim);
        let range = (first * dim) as usize..((first + count) * dim) as usize;
        let rows = self
            .rows
            .get(range)
            .ok_or_else(|| DatasetError(format!("no row {first}")))?;
        out.extend(little_endian(rows));
        Ok(())
    }

    fn query(&self, index: u64) -> &[u8] {
        let row = 4 * self.dim as usize;
        &self.queries[index as usize * row..][..row]
    }

    fn truth(&self) -> Option<&Truth> {
        self.truth.as_ref()
    }
}

pub(super) fn little_endian(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

/// Seven rows (0, 1), (2, 3), ... and three queries (0.5, 0), (1.5, 0), (2.5, 0).
pub(super) fn seven_rows() -> Vectors {
    Vectors {
        dim: 2,
        rows: (0_u8..14).map(f32::from).collect(),
        queries: little_endian(&[0.5, 0.0, 1.5, 0.0, 2.5, 0.0]),
        truth: None,
    }
}

pub(super) fn shape() -> CollectionShape {
    CollectionShape {
        database: "db".into(),
        name: "words".into(),
        key: PrimaryKey {
            name: "id".into(),
            ..PrimaryKey::default()
        },
        vector: VectorField {
            name: "vector".into(),
            dim: 2,
            metric: "L2".into(),
            index: IndexShape {
                index_type: "HNSW".into(),
                params: [("M".into(), "16".into())].into(),
            },
            ..VectorField::default()
        },
        more_vectors: Vec::new(),
        consistency: Consistency::Bounded,
        fields: Vec::new(),
        dynamic: None,
        partitions: 0,
        properties: std::collections::BTreeMap::new(),
        shards: 1,
        replicas: 1,
    }
}

/// The shape with these vectors in its main field.
pub(super) fn holding(mut shape: CollectionShape, vectors: Vectors) -> CollectionShape {
    shape.vector.data = Some(Arc::new(vectors));
    shape
}

/// A workload with the keys of `text` on [`shape`] and `dataset`, of whose rows `initial_rows` are
/// in.
pub(super) fn context(text: &str, dataset: Vectors, initial_rows: u64) -> OperationContext {
    OperationContext {
        workload: "w".into(),
        collection: Arc::new(holding(shape(), dataset)),
        initial_rows,
        row_keys: RowKeys::all_stay(initial_rows, 42, "words"),
        truth_fails: None,
        reused: false,
        keep_ids: false,
        values: None,
        keys: text.parse().unwrap(),
    }
}

/// The same with `values` of its workload.
pub(super) fn with_values(context: OperationContext, values: &str) -> OperationContext {
    let rows = PlannedRows {
        initial: context.initial_rows,
        per_request: 0.0,
    };
    let values = Values::read(&values.parse().unwrap(), None, 42, rows).unwrap();
    OperationContext {
        values: Some(Arc::new(values)),
        ..context
    }
}

pub(super) fn key(hash: u64, seq: u64) -> RequestKey {
    RequestKey {
        hash,
        seq,
        ..RequestKey::default()
    }
}

/// Building must fail at `key` with a message that holds `word`.
pub(super) fn check_refused(
    entry: &OperationEntry,
    context: OperationContext,
    key: &str,
    word: &str,
) {
    let error = entry.operation(context).expect_err("refused").only();
    assert_eq!(error.key, key, "{}", error.message);
    assert!(
        error.message.contains(word),
        "{word:?} is not in: {}",
        error.message
    );
}

#[test]
fn operations_and_their_keys_have_names_of_their_own() {
    let unique = |names: Vec<&str>| {
        let mut sorted = names.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), names.len(), "{names:?}");
    };
    unique(OPERATIONS.iter().map(|entry| entry.name).collect());
    for entry in OPERATIONS {
        unique(entry.keys.iter().map(|doc| doc.name).collect());
        assert!(!entry.summary.is_empty() && entry.keys.iter().all(|key| !key.meaning.is_empty()));
    }
}

#[test]
fn every_operation_refuses_a_key_that_it_does_not_know() {
    let single = |entry: &&OperationEntry| matches!(entry.build, Build::Requests(_));
    for entry in OPERATIONS.iter().filter(single) {
        check_refused(
            entry,
            context("zzz = 1", seven_rows(), 3),
            "zzz",
            "is not a key of this operation",
        );
    }
}
