//! What a collection must hold after a run: its writing requests are built again from the run
//! folder, and what they left is compared with what Milvus gives back.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};

use milvus_bench::{
    load::RunIds,
    milvus::{Client, ConnectOptions, Transport, methods, proto},
    operation::{RequestKey, RowChange, RowUse, Writes},
    plan::{Plan, PlanFlags},
    record::{RunReader, StreamInfo},
    scenario::{Scenario, ScenarioSource},
    telemetry::{IdStream, Nonce},
};
use prost::Message;
use proto::{field_data::Field, scalar_field::Data, vector_field};
use tokio::time::Instant;

/// How long a count may differ.
const SETTLED: Duration = Duration::from_secs(90);

/// Keys that are asked for at once.
const ASKED: usize = 500;

/// What one row holds: its `rank` and its vector.
type Row = (i64, Vec<f32>);

/// What a run left in its only collection.
#[derive(Debug)]
pub struct Written {
    plan: Plan,
    rows: BTreeMap<i64, Row>,
    /// Keys that were deleted.
    pub deleted: BTreeSet<i64>,
    /// Keys that were written again, without those that were deleted.
    pub replaced: BTreeSet<i64>,
}

/// Replays every request that changed rows; the run must have sent all that was due, and all with
/// success; `sets` is what it was told with `--set`. `rank` must be the only field, with the row's
/// number.
pub fn replay(folder: &Path, sets: &[&str]) -> Written {
    let reader = RunReader::open(folder).expect("run.json");
    let info = reader.info();
    let source = ScenarioSource::File(folder.join("scenario.toml"));
    let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
    let scenario = Scenario::read(&source, &sets, &|_| None).expect("scenario.toml");
    let plan = Plan::from_scenario(&scenario, &PlanFlags::default(), &|_| None).expect("a plan");
    let nonce = Nonce(u64::from_str_radix(&info.nonce, 16).expect("16 hex digits"));
    let ids = RunIds::new(nonce, info.seed, info.round.unwrap_or(1));
    let mut written = Written {
        rows: first_rows(&plan),
        plan: plan.clone(),
        deleted: BTreeSet::new(),
        replaced: BTreeSet::new(),
    };
    for workload in &plan.workloads {
        let RowUse::Writes(Writes { change, .. }) = workload.entry.rows else {
            continue;
        };
        let of_workload = |stream: &&StreamInfo| stream.workload == workload.name;
        let mut earlier = 0;
        for stream in info.streams.iter().filter(of_workload) {
            assert_eq!(stream.due, stream.sent, "{stream:?}");
            let part = stream.part.as_ref().expect("a part").to_string();
            let (phase, name) = (&stream.phase, &workload.name);
            let ids = IdStream::new(ids.nonce, ids.seed, phase, name, &part);
            for seq in 0..stream.due {
                let key = RequestKey {
                    hash: ids.key_hash(seq),
                    seq,
                    earlier,
                    ..RequestKey::default()
                };
                let call = workload.operation.prepare(key).expect("a request");
                written.apply(change, &call.body);
            }
            earlier += stream.due;
        }
    }
    written
}

/// The rows of preparation.
fn first_rows(plan: &Plan) -> BTreeMap<i64, Row> {
    let collection = &plan.collections[0];
    let dataset = collection.shape.vector.data.as_ref().expect("a data set");
    let mut bytes = Vec::new();
    let rows = collection.initial_rows;
    dataset.read_rows(0, rows, &mut bytes).expect("its rows");
    let vectors = bytes.chunks(4 * dataset.dim() as usize);
    let float = |bytes: &[u8]| f32::from_le_bytes(bytes.try_into().expect("four bytes"));
    (0..)
        .zip(vectors)
        .map(|(row, vector)| (row, (row, vector.chunks(4).map(float).collect())))
        .collect()
}

impl Written {
    fn apply(&mut self, change: RowChange, body: &[u8]) {
        if change == RowChange::Removes {
            let request = proto::DeleteRequest::decode(body).expect("a delete");
            let list = request.expr.split(['[', ']']).nth(1).expect("a list");
            for key in list.split(',') {
                let key = key.trim().parse().expect("a key");
                assert!(self.deleted.insert(key), "{key} is deleted twice");
                self.rows.remove(&key).expect("a row that is there");
            }
            return;
        }
        let request = proto::UpsertRequest::decode(body).expect("rows");
        for (key, row) in rows_of(&request.fields_data) {
            let before = self.rows.insert(key, row);
            assert_eq!(
                before.is_some(),
                change == RowChange::Replaces,
                "of key {key}"
            );
            self.replaced.insert(key);
        }
    }

    /// Rows that are there.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Reads all rows back, Strong, and compares them; and that no deleted key is there.
    pub fn check(&self, uri: &str) {
        let found = self.read(uri);
        for (key, row) in &self.rows {
            assert_eq!(found.get(key), Some(row), "row {key}");
        }
    }

    /// The same without vectors, which a fake does not give back.
    pub fn check_fields(&self, uri: &str) {
        let found = self.read(uri);
        for (key, (rank, _)) in &self.rows {
            assert_eq!(found.get(key).map(|row| row.0), Some(*rank), "row {key}");
        }
    }

    /// The rows that are there, of those that were or should be.
    fn read(&self, uri: &str) -> BTreeMap<i64, Row> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let options = ConnectOptions::new(uri.to_owned());
            let transport = Transport::connect(&options).await.expect("a connection");
            let client = Client::new(transport, Duration::from_secs(60));
            self.check_count(&client).await;
            let all: Vec<i64> = self.rows.keys().chain(&self.deleted).copied().collect();
            let mut found = BTreeMap::new();
            for keys in all.chunks(ASKED) {
                let request = self.query(keys);
                let reply: proto::QueryResults = client
                    .call(&methods::QUERY, &request, b"")
                    .await
                    .expect("rows");
                found.extend(rows_of(&reply.fields_data));
            }
            assert_eq!(found.len(), self.rows.len(), "deleted rows came back");
            found
        })
    }

    /// Counts the rows until they are as many as they should be, no longer than [`SETTLED`]: once
    /// Milvus 2.3.5 counted too many after five minutes of upserts, and why was not found out.
    async fn check_count(&self, client: &Client) {
        let name = &self.plan.collections[0].shape.name;
        let began = Instant::now();
        loop {
            let count = client.count_rows(name).await.expect("a count");
            if count == self.rows.len() as u64 {
                return;
            }
            assert!(
                began.elapsed() < SETTLED,
                "count(*) of {name} is {count} and not {}",
                self.rows.len()
            );
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// The rows with these keys and all of their fields.
    fn query(&self, keys: &[i64]) -> proto::QueryRequest {
        let shape = &self.plan.collections[0].shape;
        let list: Vec<String> = keys.iter().map(i64::to_string).collect();
        proto::QueryRequest {
            collection_name: shape.name.clone(),
            expr: format!("{} in [{}]", shape.key.name, list.join(",")),
            output_fields: vec!["rank".to_owned(), shape.vector.name.clone()],
            ..proto::QueryRequest::default()
        }
    }
}

/// Rows of the columns `id`, `rank` and of vectors.
fn rows_of(columns: &[proto::FieldData]) -> Vec<(i64, Row)> {
    let longs = |name: &str| {
        let column = columns.iter().find(|column| column.field_name == name);
        match column.and_then(|column| column.field.as_ref()) {
            Some(Field::Scalars(scalars)) => match &scalars.data {
                Some(Data::LongData(values)) => values.data.clone(),
                other => panic!("{name}: {other:?}"),
            },
            other => panic!("{name}: {other:?}"),
        }
    };
    let vectors = columns.iter().find_map(|column| match &column.field {
        Some(Field::Vectors(vectors)) => match &vectors.data {
            Some(vector_field::Data::FloatVector(values)) => {
                let rows = values.data.chunks(vectors.dim as usize);
                Some(rows.map(<[f32]>::to_vec).collect::<Vec<_>>())
            }
            _ => None,
        },
        _ => None,
    });
    let rows = longs("rank").into_iter().zip(vectors.expect("vectors"));
    longs("id").into_iter().zip(rows).collect()
}
