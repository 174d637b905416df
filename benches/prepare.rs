//! Cost of preparing one request, vectors included: the tool's own share of the time before `sent`.

use std::{hint::black_box, sync::Arc};

use criterion::{Criterion, criterion_group, criterion_main};
use milvus_bench::{
    dataset::{Dataset, DatasetOptions, open},
    operation::{
        CollectionShape, Consistency, IndexShape, OPERATIONS, Operation, OperationContext,
        PrimaryKey, RequestKey, RowKeys, VectorField,
    },
    vector_type::VectorType,
};

/// Rows of the data set; the insert goes round it.
const ROWS: u64 = 10_000;

/// Vectors of dimension `dim` in a file, as a scenario has them; generated ones would measure the
/// generator.
fn dataset(folder: &std::path::Path, dim: u32) -> Arc<dyn Dataset> {
    let options = DatasetOptions {
        format: Some("random".into()),
        rows: Some(ROWS),
        dim: Some(dim),
        ..DatasetOptions::default()
    };
    let opened = |options: &DatasetOptions| {
        let source = open(options).expect("a data set that can be used");
        source.dataset(VectorType::Float).expect("floats")
    };
    let random = opened(&options);
    let mut file: Vec<u8> = [ROWS as u32, dim]
        .into_iter()
        .flat_map(u32::to_le_bytes)
        .collect();
    random.read_rows(0, ROWS, &mut file).expect("random rows");
    let path = folder.join(format!("{dim}.fbin"));
    std::fs::write(&path, file).expect("a scratch file");
    let options = DatasetOptions {
        base: Some(path.clone()),
        queries: Some(path),
        ..DatasetOptions::default()
    };
    opened(&options)
}

fn operation(name: &str, keys: &str, dataset: &Arc<dyn Dataset>) -> Arc<dyn Operation> {
    let collection = CollectionShape {
        database: String::new(),
        name: "bench".into(),
        key: PrimaryKey {
            name: "id".into(),
            ..PrimaryKey::default()
        },
        vector: VectorField {
            name: "vector".into(),
            dim: dataset.dim(),
            metric: "L2".into(),
            index: IndexShape {
                index_type: "HNSW".into(),
                params: Default::default(),
            },
            data: Some(Arc::clone(dataset)),
            ..VectorField::default()
        },
        more_vectors: Vec::new(),
        consistency: Consistency::Bounded,
        fields: Vec::new(),
        dynamic: None,
        partitions: 0,
        properties: Default::default(),
        shards: 1,
        replicas: 1,
    };
    let context = OperationContext {
        workload: name.into(),
        collection: Arc::new(collection),
        initial_rows: 0,
        row_keys: RowKeys::all_stay(0, 42, name),
        truth_fails: None,
        reused: false,
        keep_ids: false,
        values: None,
        keys: keys.parse().expect("keys"),
    };
    let entry = OPERATIONS
        .iter()
        .find(|entry| entry.name == name)
        .expect("an operation of the table");
    entry
        .operation(context)
        .unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

fn prepare(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a scratch folder");
    for dim in [128, 768] {
        let dataset = dataset(folder.path(), dim);
        let workloads = [
            (
                format!("prepare/search/dim {dim}"),
                operation("search", "limit = 10\nparams = { ef = 64 }", &dataset),
            ),
            (
                format!("prepare/insert 100 rows/dim {dim}"),
                operation("insert", "batch = 100\non_end = 'repeat'", &dataset),
            ),
        ];
        for (name, operation) in workloads {
            let mut seq = 0_u64;
            criterion.bench_function(&name, |bencher| {
                bencher.iter(|| {
                    seq += 1;
                    let key = RequestKey {
                        hash: seq.wrapping_mul(0x9e37_79b9_7f4a_7c15),
                        seq,
                        ..RequestKey::default()
                    };
                    black_box(operation.prepare(key).expect("a request"))
                });
            });
        }
    }
}

criterion_group!(benches, prepare);
criterion_main!(benches);
