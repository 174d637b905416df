//! Scenarios that cases write themselves, and Milvus asked without the program under test.

use std::path::PathBuf;
use std::time::Duration;

use milvus_bench::milvus::{Client, ConnectOptions, HasStatus, Method, Transport, methods, proto};
use milvus_bench::record::{RunInfo, RunReader};
use prost::Message;

use crate::bench::Ended;
use crate::servers::Servers;
use crate::support::foreign::{self, DIM};

/// The head of a scenario whose vectors are random, and whose spans are not read.
pub(crate) fn head(servers: &Servers, name: &str) -> String {
    format!(
        "name = \"{name}\"\n[milvus]\nuri = \"{}\"\n[tracing]\nexport = \
         \"off\"\n[tracing.spans]\nsource = \"none\"\n[data.noise]\nformat = \"random\"\nrows = \
         20500\ndim = {DIM}\nqueries = 50\n",
        servers.stack.milvus_uri
    )
}

/// A collection `name` with `keys`, and a workload that searches it.
pub(crate) fn searched(name: &str, keys: &str) -> String {
    format!(
        "[collections.{name}]\ndata = \"noise\"\nmetric = \
         \"L2\"\n{keys}\n[workloads.{name}]\noperation = \"search\"\ncollection = \
         \"{name}\"\nrate = 5\nlimit = 5\n"
    )
}

/// A phase of one second, or of `duration`, with these workloads.
pub(crate) fn phase(workloads: &[&str], duration: &str) -> String {
    format!("[[phases]]\nname = \"alone\"\nduration = \"{duration}\"\nworkloads = {workloads:?}\n")
}

/// A scenario in a file, and the folder of its run.
pub(crate) struct Written {
    pub(crate) scenario: PathBuf,
    pub(crate) out: PathBuf,
}

/// Writes a scenario.
pub(crate) fn write(servers: &Servers, text: &str) -> Written {
    let folder = servers.folder("own");
    let scenario = folder.join("scenario.toml");
    std::fs::write(&scenario, text).expect("a scenario");
    Written {
        scenario,
        out: folder.join("run"),
    }
}

impl Written {
    /// Arguments of its run. A machine that others keep busy may be too slow for the client: that
    /// is no fault of the run.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let text = |path: &PathBuf| path.display().to_string();
        [
            "run".to_owned(),
            text(&self.scenario),
            "--out".to_owned(),
            text(&self.out),
            "--accept-invalid".to_owned(),
        ]
        .to_vec()
    }

    /// run.json.
    pub(crate) fn info(&self) -> RunInfo {
        RunReader::open(&self.out).expect("run.json").info().clone()
    }

    /// Codes of the warnings in run.json.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let code = |warning: &milvus_bench::record::Warning| {
            serde_json::to_value(warning).ok()?["code"]
                .as_str()
                .map(str::to_owned)
        };
        self.info().warnings.iter().filter_map(code).collect()
    }
}

/// Writes a scenario and runs it.
pub(crate) fn run(servers: &Servers, text: &str) -> (Ended, Written) {
    let written = write(servers, text);
    let arguments = written.arguments();
    let ended = servers
        .bench
        .call(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    (ended, written)
}

/// Milvus' own answers.
pub(crate) struct Milvus {
    runtime: tokio::runtime::Runtime,
    client: Client,
}

impl Milvus {
    pub(crate) fn of(servers: &Servers) -> Self {
        Self::at(&servers.stack.milvus_uri)
    }

    /// Those of the server at `uri`.
    pub(crate) fn at(uri: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let options = ConnectOptions::new(uri.to_owned());
        let transport = runtime
            .block_on(Transport::connect(&options))
            .expect("Milvus answers");
        Self {
            runtime,
            client: Client::new(transport, Duration::from_secs(60)),
        }
    }

    pub(crate) fn call<Request: Message, Reply: Message + Default + HasStatus>(
        &self,
        method: &'static Method,
        request: &Request,
    ) -> Reply {
        self.runtime
            .block_on(self.client.call(method, request, b""))
            .unwrap_or_else(|error| panic!("{error}"))
    }

    fn order<Request: Message>(&self, method: &'static Method, request: &Request) {
        let _: proto::Status = self.call(method, request);
    }

    pub(crate) fn describe(&self, collection: &str) -> Option<proto::DescribeCollectionResponse> {
        self.runtime
            .block_on(self.client.describe_collection(collection))
            .expect("an answer")
    }

    /// Creates a collection like those of [`searched`], without a mark.
    pub(crate) fn create(&self, collection: &str) {
        self.order(
            &methods::CREATE_COLLECTION,
            &foreign::table(collection).create(""),
        );
    }

    /// Inserts rows with ids from `first` on, flushes, and waits for it: a segment of its own.
    pub(crate) fn segment(&self, collection: &str, first: i64, rows: i64) {
        // Spread, but the same each time.
        let number = |at: i64| ((at * 7919) % 10_007) as f32 / 10_007.0;
        let data = (first * DIM..(first + rows) * DIM).map(number).collect();
        let insert = foreign::table(collection).insert(first, rows, data);
        let _: proto::MutationResult = self.call(&methods::INSERT, &insert);
        let flush = foreign::table(collection).flush();
        let flushed: proto::FlushResponse = self.call(&methods::FLUSH, &flush);
        let request = proto::GetFlushStateRequest {
            segment_ids: flushed
                .coll_seg_ids
                .get(collection)
                .map(|ids| ids.data.clone())
                .unwrap_or_default(),
            flush_ts: flushed
                .coll_flush_ts
                .get(collection)
                .copied()
                .unwrap_or_default(),
            collection_name: collection.to_owned(),
            ..Default::default()
        };
        self.until(
            || {
                self.call::<_, proto::GetFlushStateResponse>(&methods::GET_FLUSH_STATE, &request)
                    .flushed
            },
            "flushed",
        );
    }

    /// Indexes, waits for it, loads, and waits for that.
    pub(crate) fn index_and_load(
        &self,
        collection: &str,
        index_type: &str,
        params: &[(&str, &str)],
    ) {
        let own = [("index_type", index_type), ("metric_type", "L2")];
        let extra_params = own
            .iter()
            .chain(params)
            .map(|(key, value)| proto::KeyValuePair::new(key, value))
            .collect();
        let (collection_name, field_name) = (collection.to_owned(), "vector".to_owned());
        self.order(
            &methods::CREATE_INDEX,
            &proto::CreateIndexRequest {
                collection_name,
                field_name,
                extra_params,
                ..Default::default()
            },
        );
        let finished = || {
            let indexes = self
                .runtime
                .block_on(self.client.describe_index(collection))
                .expect("an answer");
            indexes.iter().all(|index| {
                index.state() == proto::IndexState::Finished && index.pending_index_rows == 0
            })
        };
        self.until(finished, "indexed");
        let load = proto::LoadCollectionRequest {
            collection_name: collection.to_owned(),
            replica_number: 1,
            ..Default::default()
        };
        self.order(&methods::LOAD_COLLECTION, &load);
        let loaded = || {
            self.runtime
                .block_on(self.client.load_state(collection))
                .expect("an answer")
                == proto::LoadState::Loaded
        };
        self.until(loaded, "loaded");
    }

    /// Rows and index of each sealed segment that is served, the smallest first.
    pub(crate) fn segments(&self, collection: &str) -> Vec<(i64, bool)> {
        let infos = self
            .runtime
            .block_on(self.client.query_segments(collection))
            .expect("an answer");
        let mut segments: Vec<_> = infos
            .iter()
            .map(|info| (info.num_rows, !info.index_name.is_empty()))
            .collect();
        segments.sort_unstable();
        segments
    }

    pub(crate) fn release(&self, collection: &str) {
        let collection_name = collection.to_owned();
        self.order(
            &methods::RELEASE_COLLECTION,
            &proto::ReleaseCollectionRequest {
                collection_name,
                ..Default::default()
            },
        );
    }

    pub(crate) fn alias(&self, collection: &str, alias: &str) {
        let (collection_name, alias) = (collection.to_owned(), alias.to_owned());
        self.order(
            &methods::CREATE_ALIAS,
            &proto::CreateAliasRequest {
                collection_name,
                alias,
                ..Default::default()
            },
        );
    }

    /// Drops it and its aliases, as somebody who knows nothing of marks.
    pub(crate) fn drop(&self, collection: &str) {
        for alias in self
            .describe(collection)
            .map(|found| found.aliases)
            .unwrap_or_default()
        {
            self.order(
                &methods::DROP_ALIAS,
                &proto::DropAliasRequest {
                    alias,
                    ..Default::default()
                },
            );
        }
        let collection_name = collection.to_owned();
        self.order(
            &methods::DROP_COLLECTION,
            &proto::DropCollectionRequest {
                collection_name,
                ..Default::default()
            },
        );
    }

    /// Polls, for three minutes at most.
    fn until(&self, is_so: impl Fn() -> bool, what: &str) {
        for _ in 0..900 {
            if is_so() {
                return;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        panic!("it was not {what} within three minutes");
    }
}
