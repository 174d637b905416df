//! Every key of a scenario, as data: what is allowed where, the README's table, and the answer to
//! an unknown key.

use super::words::nearest;

/// One key of the scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScenarioKey {
    /// Path of its table, `<name>` where the user gives the name; empty for the top of the file.
    pub table: &'static str,
    /// The key.
    pub name: &'static str,
    /// What its value is.
    pub kind: &'static str,
    /// What holds where it is left out.
    pub default: &'static str,
    /// Values that are allowed.
    pub range: &'static str,
    /// What it does.
    pub meaning: &'static str,
}

impl ScenarioKey {
    /// Its table as a scenario has it, e.g. `[milvus]` or `[[phases]]`; empty for the top of the
    /// file.
    #[must_use]
    pub fn heading(&self) -> String {
        match self.table.strip_suffix("[]") {
            _ if self.table.is_empty() => String::new(),
            Some(list) if !list.contains('.') => format!("[[{list}]]"),
            _ if self.table.contains("[]") => self.table.to_owned(),
            _ => format!("[{}]", self.table),
        }
    }
}

const fn key(
    table: &'static str,
    name: &'static str,
    kind: &'static str,
    default: &'static str,
    range: &'static str,
    meaning: &'static str,
) -> ScenarioKey {
    ScenarioKey {
        table,
        name,
        kind,
        default,
        range,
        meaning,
    }
}

pub(super) const TOP: &str = "";
pub(super) const MILVUS: &str = "milvus";
pub(super) const CONNECTIONS: &str = "milvus.connections";
pub(super) const TLS: &str = "milvus.tls";
pub(super) const TRACING: &str = "tracing";
pub(super) const SPANS: &str = "tracing.spans";
pub(super) const DATA: &str = "data.<name>";
pub(super) const COLLECTION: &str = "collections.<name>";
pub(super) const INDEX: &str = "collections.<name>.index";
pub(super) const FIELD: &str = "collections.<name>.fields[]";
pub(super) const FIELD_INDEX: &str = "collections.<name>.fields[].index";
pub(super) const WORKLOAD: &str = "workloads.<name>";
pub(super) const RATE: &str = "workloads.<name>.rate";
pub(super) const STAGE: &str = "workloads.<name>.stages[]";
pub(super) const ARRIVALS: &str = "workloads.<name>.arrivals";
pub(super) const CONCURRENCY: &str = "workloads.<name>.concurrency";
pub(super) const CALLER_STAGE: &str = "workloads.<name>.concurrency.stages[]";
pub(super) const THINK_TIME: &str = "workloads.<name>.think_time";
pub(super) const PHASE: &str = "phases[]";
pub(super) const THRESHOLD: &str = "thresholds[]";
pub(super) const ABORT: &str = "thresholds[].abort";

/// Every key that is built; a workload's table also has the keys of its operation.
#[rustfmt::skip]
pub static KEYS: &[ScenarioKey] = &[
    key(TOP, "name", "text", "the file's name", "1 to 64 of `A-Za-z0-9_.-`, the first a letter or \
                                                 digit", "name of the scenario and, in front, of its \
                                                      run folders"),
    key(TOP, "description", "text", "empty", "", "question that the scenario answers, shown in \
                                                  the report"),
    key(TOP, "seed", "number", "42", "0 or more", "same seed: same requests, same ones sampled"),
    key(TOP, "milvus", "table", "", "", "how to reach Milvus"),
    key(TOP, "tracing", "table", "", "", "trace context, the client's spans, the server's spans"),
    key(TOP, "data", "table", "", "", "named sources of vectors"),
    key(TOP, "collections", "table", "", "at least one", "named collections"),
    key(TOP, "workloads", "table", "", "at least one", "named workloads: what callers do"),
    key(TOP, "phases", "list of tables", "", "at least one", "phases, one after the other"),
    key(TOP, "thresholds", "list of tables", "none", "at most 200", "what is required of the figures; exit code 1 where one fails"),
    key(MILVUS, "uri", "text", "http://127.0.0.1:19530", "http:// or https://, host, port (without one: 19530, https 443); no user or password, no \
         path", "address of Milvus; `--uri` and `MILVUS_URI` come first"),
    key(MILVUS, "timeout", "duration", "10s", "1ms to 1h", "of one request, from its sending; counts as failed then"),
    key(MILVUS, "wait", "duration", "60s", "0s to 1h", "how long a Milvus is waited for at the start that answers \"not ready yet\"; where it is \
         written, also one that takes no connections; `--wait` comes first"),
    key(MILVUS, "connections", "number or { count, resolve, pick }", "4", "1 to 1,024", "connections that requests are spread over, divided among the load threads"),
    key(MILVUS, "access", "text", "all", "read, write, all", "what may leave the client: only reads; reads and writes of rows; everything"),
    key(MILVUS, "database", "text", "Milvus' default", "", "database of all collections"),
    key(MILVUS, "token", "secret", "none", "${NAME} or { file }", "API key or `user:password`; `MILVUS_TOKEN` comes first; excludes `user`"),
    key(MILVUS, "user", "text", "none", "", "user name; needs `password`"),
    key(MILVUS, "password", "secret", "none", "${NAME} or { file }", "password of `user`"),
    key(MILVUS, "tls", "table", "the system's roots", "with https:// only", "certificates"),
    key(CONNECTIONS, "count", "number", "4", "1 to 1,024", "the same as `connections` as a number"),
    key(CONNECTIONS, "resolve", "text", "first", "first, every-address", "first: all to the first address of the host's name that answers; every-address: spread \
         over all of them"),
    key(CONNECTIONS, "pick", "text", "round-robin", "round-robin, pinned, least-in-flight", "which connection a request takes; pinned: always the same for one caller of a closed \
         loop, and for one place in the order of an open one's requests"),
    key(TLS, "ca", "path", "the system's roots", "a PEM file", "authorities that Milvus' certificate may be signed by"),
    key(TLS, "cert", "path", "none", "a PEM file", "the client's certificate; needs `key`"),
    key(TLS, "key", "path or { file }", "none", "a PEM file, never the key itself", "the key of `cert`"),
    key(TLS, "server_name", "text", "the host of `uri`", "", "name that Milvus' certificate must have"),
    key(TRACING, "sample_ratio", "number or \"auto\"", "auto", "0 to 1", "share of requests that are traced; auto: as many as give at most `max_traces` a phase"),
    key(TRACING, "switch_every", "duration", "never", "4s to 1h", "traces in one of every two such blocks of time, chosen by chance, and nothing in the \
         other: shows what tracing costs"),
    key(TRACING, "max_traces", "number", "20,000", "1 to 10,000,000", "most traces of a phase under `sample_ratio = \"auto\"`"),
    key(TRACING, "keep_ids", "true or false", "false", "", "writes the primary keys and scores that traced searches and queries returned into \
         requests.jsonl, at most 1,000 of a request"),
    key(TRACING, "service_name", "text", "milvus-bench", "not empty", "`service.name` of the client's spans; `OTEL_SERVICE_NAME` comes first"),
    key(TRACING, "export", "text", "http://127.0.0.1:4317", "an OTLP address, or off", "where the client's spans go: by HTTP with port 4318 or a path that ends in /v1/traces, \
         else by gRPC; `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` and `OTEL_EXPORTER_OTLP_ENDPOINT` \
         come first"),
    key(TRACING, "spans", "table", "", "", "where the server's spans are read"),
    key(SPANS, "source", "text", "auto", "auto, jaeger, jaeger-json, embedded, none", "auto: Jaeger's gRPC on 16685, else its JSON on 16686, else none"),
    key(SPANS, "endpoint", "text", "the source's port on 127.0.0.1", "http:// or https:// (without a port: the source's, https 443); no user or password", "address of the source; its path is kept; 16685 and 16686 stand for both, any other port \
         for itself alone"),
    key(SPANS, "admin", "text", "port 14269 or 8888 of the endpoint's host, if its port is 16685 \
                                 or 16686", "http:// or https://; no user or password", "Jaeger's admin port, whose counters tell how many spans it \
                                      dropped"),
    key(SPANS, "settle", "duration", "8s", "0s to 10m", "wait after the last request before spans are read"),
    key(SPANS, "deadline", "duration", "60s", "1s to 1h", "longest time of reading spans"),
    key(SPANS, "headers", "table", "none", "each value ${NAME}, \"Bearer ${NAME}\" or { file }", "headers of every request to the source"),
    key(SPANS, "link", "text", "Jaeger's UI where one answers", "http:// or https://, with {trace_id} in it, without ${...}", "where a reader opens a trace: reports link to it"),
    key(SPANS, "listen", "text", "127.0.0.1:4317", "IP address and port", "source = \"embedded\": where spans are received"),
    key(SPANS, "listen_http", "text", "127.0.0.1:4318", "IP address and port, or off", "source = \"embedded\": where OTLP/HTTP is received (protobuf, JSON); a port that is \
         taken is a warning"),
    key(DATA, "format", "text", "none, needed", "fbin, random", "format of the data set"),
    key(DATA, "base", "path", "none", "", "file of the rows"),
    key(DATA, "queries", "path, or number for random", "random: 1,000", "", "file or number of the query vectors"),
    key(DATA, "truth", "path", "none", "", "file of the true neighbours: gives recall"),
    key(DATA, "rows", "number", "none", "1 or more", "random: rows"),
    key(DATA, "dim", "number", "none", "1 to 32,768", "random: dimension"),
    key(DATA, "distribution", "text", "normal", "normal, uniform, clustered", "random: distribution of the values"),
    key(COLLECTION, "name", "text", "the table's name", "letters, digits, `_`, no digit first, at most 255", "name in Milvus"),
    key(COLLECTION, "data", "text", "none, needed unless `prepare = \"reuse\"`", "a table of `[data]`", "its vectors and queries"),
    key(COLLECTION, "dim", "number", "the data set's", "1 to 32,768", "dimension; must be the data set's"),
    key(COLLECTION, "metric", "text", "COSINE", "L2, IP, COSINE", "metric of the vector index"),
    key(COLLECTION, "consistency", "text", "Bounded", "Strong, Session, Bounded, Eventually", "of the collection; a workload may choose its own"),
    key(COLLECTION, "prepare", "text", "full", "full, ensure, schema, reuse", "full: drop ours, create, insert, flush, index, load, wait until ready; ensure: keep ours \
         if it fits, else full; schema: create, index, load, empty; reuse: must exist, is left \
         alone"),
    key(COLLECTION, "initial_rows", "number or \"80%\"", "all; schema: 0", "0 to the rows of the data", "rows that preparation inserts; the rest is for insert workloads"),
    key(COLLECTION, "keep", "true or false", "false; ensure and reuse: true", "", "false: dropped at the end if this run created it"),
    key(COLLECTION, "index", "table", "{ type = \"AUTOINDEX\" }", "", "index of the vector field"),
    key(COLLECTION, "fields", "list of tables", "[]", "", "scalar fields beside key and vector"),
    key(COLLECTION, "id_field", "text", "id", "a field name", "primary key, Int64: the number of the row"),
    key(COLLECTION, "vector_field", "text", "vector", "a field name", "the vector"),
    key(COLLECTION, "shards", "number", "Milvus' default", "1 to 64", "shards of a collection that is created"),
    key(COLLECTION, "replicas", "number", "1", "1 to 64", "replicas that are loaded"),
    key(COLLECTION, "ready_timeout", "duration", "10m", "1s to 1d", "longest wait until it is ready"),
    key(INDEX, "type", "text", "none, needed", "FLAT, IVF_FLAT, HNSW, DISKANN, AUTOINDEX, ...", "type of the vector index"),
    key(INDEX, "params", "table", "{}", "", "build parameters, e.g. { M = 16, efConstruction = \
                                             200 }"),
    key(FIELD, "name", "text", "none, needed", "a field name", "name of the field"),
    key(FIELD, "type", "text", "none, needed", "Bool, Int8, Int16, Int32, Int64, Float, Double, \
                                                VarChar, JSON", "type of the field"),
    key(FIELD, "max_length", "number", "none, VarChar needs it", "1 to 65,535", "longest text in bytes"),
    key(FIELD, "values", "text or table", "row-number", "\"row-number\", { choice, weights }, { uniform }, { constant }, { text }", "what rows hold, a function of seed and row"),
    key(FIELD, "index", "table", "none", "", "index of the field"),
    key(FIELD_INDEX, "type", "text", "none, needed", "INVERTED, STL_SORT, Trie, BITMAP, NGRAM, AUTOINDEX", "type of a scalar index"),
    key(FIELD_INDEX, "params", "table", "{}", "", "build parameters"),
    key(WORKLOAD, "operation", "text", "none, needed", "search, insert, query", "kind of its requests"),
    key(WORKLOAD, "collection", "text", "the only one", "a table of `[collections]`", "the collection that it works on"),
    key(WORKLOAD, "rate", "number, \"5000 rows/s\" or { mean, amplitude, period }", "none; one of `rate`, `stages`, bursts, `concurrency`", "0.001 to 1,000,000", "open loop: requests per second, whether or not earlier ones were answered; rows are \
         divided by `batch`; a table is a sine"),
    key(WORKLOAD, "stages", "list of tables", "none; instead of `rate`", "1 to 100 stages", "open loop: a rate that changes, stage after stage; the phase then needs no `duration`"),
    key(WORKLOAD, "arrivals", "text or { burst, every }", "poisson", "even, poisson, { burst, every }", "open loop: spread of the requests; bursts take the place of `rate`"),
    key(WORKLOAD, "max_in_flight", "number", "10,000", "1 to 1,000,000", "open loop: places in flight; a request that finds none waits, its intended time \
         unchanged"),
    key(WORKLOAD, "concurrency", "number or { stages }", "none; this or an open loop", "1 to 10,000", "closed loop: callers, each waits for its answer"),
    key(WORKLOAD, "think_time", "duration or { exponential }", "0s", "0s to 1h", "closed loop: pause of a caller after its answer"),
    key(WORKLOAD, "start", "duration", "0s", "0s to 30d, before the phase's end", "begins so long after the measured part of its phase, and has no warm-up then"),
    key(WORKLOAD, "timeout", "duration", "that of `[milvus]`", "1ms to 1h", "of one request, from its sending"),
    key(RATE, "mean", "number or \"5000 rows/s\"", "none, needed", "0.001 to 1,000,000", "a sine begins here, upwards"),
    key(RATE, "amplitude", "number or \"5000 rows/s\"", "none, needed", "0 to `mean`", "the rate goes from mean - amplitude to mean + amplitude"),
    key(RATE, "period", "duration", "none, needed", "1ms to 30d", "time of one up and down"),
    key(STAGE, "to", "number or \"5000 rows/s\"", "none; this or `at`", "0 to 1,000,000", "a ramp: the rate goes along a line from where the stage before ended to this one; \
         recorded apart, in no figure"),
    key(STAGE, "over", "duration", "none, needed with `to`", "1ms to 30d", "time of the ramp"),
    key(STAGE, "from", "number or \"5000 rows/s\"", "0", "0 to 1,000,000", "where a ramp begins that is the first stage"),
    key(STAGE, "at", "number or \"5000 rows/s\"", "none; this or `to`", "0.001 to 1,000,000", "a level, at once: measured, a row of its own in reports"),
    key(STAGE, "for", "duration", "none, needed with `at`", "1ms to 30d", "time of the level"),
    key(STAGE, "name", "text", "the number of `at`", "as the scenario's; not warmup, measured, ramp", "name of the level"),
    key(ARRIVALS, "burst", "number", "none, needed", "1 to 1,000,000", "requests that are due at once"),
    key(ARRIVALS, "every", "duration", "none, needed", "1ms to 30d", "time from burst to burst; the first is at the beginning"),
    key(CONCURRENCY, "stages", "list of tables", "none, needed", "1 to 100 stages", "callers that change, stage after stage; the phase then needs no `duration`"),
    key(CALLER_STAGE, "to", "number", "none; this or `at`", "0 to 10,000", "a ramp: callers begin (or end) one by one, at equal distances, up to this many; recorded \
         apart, in no figure"),
    key(CALLER_STAGE, "over", "duration", "none, needed with `to`", "1ms to 30d", "time of the ramp"),
    key(CALLER_STAGE, "from", "number", "0", "0 to 10,000", "where a ramp begins that is the first stage"),
    key(CALLER_STAGE, "at", "number", "none; this or `to`", "1 to 10,000", "a level, at once: measured, a row of its own in reports"),
    key(CALLER_STAGE, "for", "duration", "none, needed with `at`", "1ms to 30d", "time of the level"),
    key(CALLER_STAGE, "name", "text", "the number of `at`", "as the scenario's; not warmup, measured, ramp", "name of the level"),
    key(THINK_TIME, "exponential", "duration", "none, needed", "0s to 1h", "mean of pauses that are drawn from the exponential distribution"),
    key(PHASE, "name", "text", "none, needed", "as the scenario's; not prepare", "name of the phase"),
    key(PHASE, "warmup", "duration", "0s", "0s to 1d", "same load before measuring, recorded apart"),
    key(PHASE, "duration", "duration", "none; one of the three, or stages", "1ms to 30d", "ends after this time; left out where all workloads have stages: the phase ends with the \
         longest"),
    key(PHASE, "requests", "number", "none; one of the three, or stages", "1 to 1,000,000,000", "ends after so many requests of each workload"),
    key(PHASE, "until", "text", "none; one of the three, or stages", "exhausted", "ends when the rows of its insert workloads are used up"),
    key(PHASE, "workloads", "list of texts", "none, needed", "tables of `[workloads]`", "workloads that run at the same time"),
    key(THRESHOLD, "require", "text", "none, needed", "figure, comparison, limit", "what is required, e.g. \"response_time.p99 < 50ms\"; see Thresholds"),
    key(THRESHOLD, "workload", "text", "every one that has the figure", "a table of `[workloads]`", "the workload that it is for"),
    key(THRESHOLD, "phase", "text", "every one", "a name of `[[phases]]`", "the phase that it is for"),
    key(THRESHOLD, "strict", "true or false", "false", "", "what can't be decided counts as failed"),
    key(THRESHOLD, "abort", "table", "never", "", "when it ends the run before its time; see \
                                                   Thresholds"),
    key(ABORT, "over", "duration", "none, needed", "1s to 10m, whole seconds", "the run ends when the figure of the last so many seconds violates the threshold"),
    key(ABORT, "after", "duration", "0s", "0s to 1d", "time from the start of the measured part, or of a stage, that is not looked at"),
];

/// Keys that the format has and this version has not.
pub(super) const NOT_BUILT: &[(&str, &str)] = &[
    (MILVUS, "needs"),
    (MILVUS, "retries"),
    (SPANS, "headers_command"),
    (SPANS, "tls"),
    (SPANS, "forward"),
    (COLLECTION, "num_partitions"),
    (COLLECTION, "properties"),
    (WORKLOAD, "retries"),
    (WORKLOAD, "switch_every"),
    (WORKLOAD, "ids"),
    (WORKLOAD, "cleanup"),
    (PHASE, "switch_every"),
];

/// Words of k6 in a stage, where some of them mean something else than elsewhere.
const FOREIGN_IN_STAGES: &[(&str, &str)] = &[
    ("target", "`to` for a ramp, or `at` for a level"),
    (
        "duration",
        "`over` of a ramp (`to`), or `for` of a level (`at`)",
    ),
    ("rate", "`to` for a ramp, or `at` for a level"),
    ("vus", "`to` for a ramp, or `at` for a level"),
    ("callers", "`to` for a ramp, or `at` for a level"),
    ("concurrency", "`to` for a ramp, or `at` for a level"),
    (
        "time",
        "`over` of a ramp (`to`), or `for` of a level (`at`)",
    ),
    ("ramp", "`to` with `over`"),
];

/// Words of pymilvus, k6 and VectorDBBench with what to write instead.
#[rustfmt::skip]
const FOREIGN: &[(&str, &str)] = &[
    ("top_k", "`limit` of a search workload"), ("topk", "`limit` of a search workload"), ("k", "`limit` of a search workload"),
    ("limit", "`limit` of a search workload"), ("expr", "`filter` of a workload"), ("filter", "`filter` of a workload"),
    ("search_params", "`params` of a search workload"), ("param", "`params` of a search workload"),
    ("ef", "`params = { ef = ... }` of a search workload"), ("nprobe", "`params = { nprobe = ... }` of a search workload"),
    ("ef_search", "`params = { ef = ... }` of a search workload"), ("nq", "`nq` of a search workload"),
    ("output_fields", "`output_fields` of a workload"),
    ("metric_type", "`metric` of a collection"), ("index_type", "`index = { type = ... }` of a collection"),
    ("index_params", "`index = { type = ..., params = { ... } }` of a collection"),
    ("m", "`index = { params = { M = ... } }` of a collection"), ("ef_construction", "`index = { params = { efConstruction = ... } }` of a collection"),
    ("efconstruction", "`index = { params = { efConstruction = ... } }` of a collection"),
    ("consistency_level", "`consistency`"), ("collection_name", "`collection` of a workload, or `name` of a collection"),
    ("anns_field", "`vector_field` of a collection"), ("vector_field_name", "`vector_field` of a collection"),
    ("primary_field", "`id_field` of a collection"), ("primary_field_name", "`id_field` of a collection"),
    ("dimension", "`dim`"), ("shards_num", "`shards` of a collection"), ("num_shards", "`shards` of a collection"),
    ("replica_number", "`replicas` of a collection"), ("datatype", "`type`"), ("dtype", "`type`"), ("data_type", "`type`"),
    ("dataset", "`data` of a collection"), ("schema", "`fields` of a collection"), ("drop_old", "`prepare` of a collection"),
    ("batch_size", "`batch` of an insert workload"), ("num_per_batch", "`batch` of an insert workload"), ("batch", "`batch` of an insert workload"),
    ("vus", "`concurrency` of a workload"), ("virtual_users", "`concurrency` of a workload"), ("num_concurrency", "`concurrency` of a workload"),
    ("concurrencies", "`concurrency` of a workload"), ("concurrent", "`concurrency` of a workload"), ("parallel", "`concurrency` of a workload"),
    ("threads", "`concurrency` of a workload"), ("workers", "`concurrency` of a workload"), ("clients", "`concurrency` of a workload"),
    ("users", "`concurrency` of a workload"), ("max_vus", "`max_in_flight` of a workload"), ("maxvus", "`max_in_flight` of a workload"),
    ("preallocatedvus", "`max_in_flight` of a workload"), ("qps", "`rate` of a workload"), ("rps", "`rate` of a workload"),
    ("target_qps", "`rate` of a workload"), ("executor", "`rate` (open loop) or `concurrency` (closed loop) of a workload"),
    ("sleep", "`think_time` of a workload"), ("iterations", "`requests` of a phase"), ("concurrency_duration", "`duration` of a phase"),
    ("run_time", "`duration` of a phase"), ("test_time", "`duration` of a phase"), ("ramp_up", "`stages` of a workload, or `warmup` of a phase"),
    ("target", "`to` or `at` within `stages` of a workload"), ("ramp", "`stages` of a workload"), ("ramping", "`stages` of a workload"),
    ("ramp_time", "`stages` of a workload"), ("steps", "`stages` of a workload"), ("start_rate", "`from` of the first of `stages`"),
    ("startrate", "`from` of the first of `stages`"), ("start_vus", "`from` of the first of `concurrency = { stages = [...] }`"),
    ("startvus", "`from` of the first of `concurrency = { stages = [...] }`"), ("spawn_rate", "`concurrency = { stages = [...] }` of a workload"),
    ("start_time", "`start` of a workload"), ("starttime", "`start` of a workload"), ("time_unit", "`rate` of a workload, which is per second"),
    ("timeunit", "`rate` of a workload, which is per second"), ("bursts", "`arrivals = { burst = ..., every = ... }` of a workload"),
    ("warm_up", "`warmup` of a phase"), ("warmup_time", "`warmup` of a phase"), ("scenarios", "`[[phases]]` and `[workloads.<name>]`"),
    ("threshold", "`[[thresholds]]`"), ("assertions", "`[[thresholds]]`"), ("slo", "`[[thresholds]]`"), ("expect", "`require` of `[[thresholds]]`"),
    ("abortonfail", "`[[thresholds]]`"), ("host", "`uri` of [milvus]"), ("port", "`uri` of [milvus]"), ("address", "`uri` of [milvus]"), ("url", "`uri` or `endpoint`"),
    ("secure", "`uri = \"https://...\"` of [milvus]"), ("db_name", "`database` of [milvus]"), ("database_name", "`database` of [milvus]"),
    ("api_key", "`token` of [milvus]"), ("username", "`user` of [milvus]"), ("sample_rate", "`sample_ratio` of [tracing]"),
    ("sampling", "`sample_ratio` of [tracing]"), ("otlp_endpoint", "`export` of [tracing]"), ("otlp", "`export` of [tracing]"),
    ("jaeger", "`source` and `endpoint` of [tracing.spans]"),
];

/// Keys of the table `table`.
pub(super) fn of_table(table: &str) -> impl Iterator<Item = &'static str> {
    KEYS.iter()
        .filter(move |key| key.table == table)
        .map(|key| key.name)
}

/// What to say of `name`, which the table `table` does not have; `extra` are keys that it has
/// beside those of [`KEYS`]. Goes on after the key, e.g. `is not a key, did you mean ...`.
pub(crate) fn unknown_key(table: &str, name: &str, extra: &[&'static str]) -> String {
    let lower = name.to_lowercase();
    if NOT_BUILT.contains(&(table, lower.as_str())) {
        return "is not built yet; leave it out".to_owned();
    }
    let known = || of_table(table).chain(extra.iter().copied());
    let dashed = lower.replace('-', "_");
    if let Some(key) = known().find(|key| *key == dashed) {
        return format!("is not a key here, write `{key}`");
    }
    let of_table: &[_] = if table.ends_with("stages[]") {
        FOREIGN_IN_STAGES
    } else {
        &[]
    };
    if let Some((_, ours)) = of_table
        .iter()
        .chain(FOREIGN)
        .find(|(word, _)| *word == dashed)
    {
        return format!("is not a key here, write {ours}");
    }
    if let Some(key) = KEYS
        .iter()
        .find(|key| key.name == dashed && !key.table.is_empty() && key.name != "name")
    {
        let best = KEYS
            .iter()
            .filter(|other| other.name == key.name && !other.table.is_empty())
            .map(ScenarioKey::heading);
        return format!(
            "is not a key here, it belongs to {}",
            best.collect::<Vec<_>>().join(" or ")
        );
    }
    match nearest(name, known()) {
        Some(key) => format!("is not a key, did you mean `{key}`"),
        None => format!(
            "is not a key; known here: {}",
            known().collect::<Vec<_>>().join(", ")
        ),
    }
}

/// Whether the value at `path` is a secret, which may only be named.
pub(super) fn is_secret(path: &str) -> bool {
    let keys: Vec<&str> = path.split('.').collect();
    match keys.as_slice() {
        ["milvus", "token" | "password"] => true,
        ["tracing", "spans", "headers", _header, rest @ ..] => rest != ["file"],
        _ => false,
    }
}
