//! The doctor against a fake Milvus and a trace back end in this process: each link is broken once,
//! and the link and the first cause that it names are the ones that were broken.

mod support;

use std::net::TcpListener;
use std::sync::Mutex;
use std::time::Duration;

use milvus_bench::doctor::{
    DoctorCollection, DoctorOptions, Link, LinkState, MILVUS, OTLP_ENDPOINT, OWN_SPAN, SAMPLING,
    SERVER_SPANS, SPAN_SOURCE, examine, is_broken, render,
};
use milvus_bench::milvus::{ConnectOptions, Credentials, Effect, methods, proto};
use milvus_bench::null_milvus::{Failure, FakeMilvus, Shape, SpanSpec};
use milvus_bench::spans::{SourceEntry, SourceOptions, find_source};
use milvus_bench::telemetry::{ExportOptions, IdStream, Nonce};
use support::foreign::Table;
use support::mesh::{self, Meddle};
use support::raw_client::{call, connect};
use support::trace_backend::TraceBackend;
use tonic::Request;

/// Long enough for everything that comes.
const GENEROUS: Duration = Duration::from_secs(30);

/// For what never comes; nothing is asserted about its length.
const SHORT: Duration = Duration::from_millis(300);

/// A fake Milvus that traces into a back end, and the options that fit them.
struct Chain {
    milvus: FakeMilvus,
    backend: TraceBackend,
    options: DoctorOptions,
}

/// An OTLP/gRPC endpoint of the client's own spans.
fn grpc(endpoint: String) -> Option<ExportOptions> {
    Some(ExportOptions::grpc(endpoint, "milvus-bench"))
}

/// The row of the source named `name`.
fn entry(name: &str) -> &'static SourceEntry {
    find_source(name).expect("a source of the table")
}

impl Chain {
    async fn start() -> Self {
        let (milvus, backend) = (FakeMilvus::start(), TraceBackend::start().await);
        milvus.spans_to(&backend.otlp(), Shape::v2_3_5());
        let source_options = SourceOptions {
            endpoint: Some(backend.http()),
            admin: Some(backend.http()),
            ..SourceOptions::default()
        };
        let options = DoctorOptions {
            connect: ConnectOptions::new(milvus.uri()),
            otlp: grpc(backend.otlp()),
            source: entry("jaeger-json"),
            source_options,
            collection: None,
            deadline: GENEROUS,
        };
        Self {
            milvus,
            backend,
            options,
        }
    }

    async fn links(&self) -> Vec<Link> {
        examine(&self.options, &|_| ()).await
    }

    /// Examines, and checks the state of every link and, for the broken one, a word of its first
    /// cause and one of its change.
    async fn check(&self, states: [LinkState; 6], cause: &str, change: &str) -> Vec<Link> {
        let links = self.links().await;
        let text = render(&links, false);
        let names: Vec<&str> = links.iter().map(|link| link.name).collect();
        assert_eq!(
            names,
            [
                MILVUS,
                OTLP_ENDPOINT,
                SPAN_SOURCE,
                OWN_SPAN,
                SERVER_SPANS,
                SAMPLING
            ]
        );
        assert_eq!(
            links.iter().map(|link| link.state).collect::<Vec<_>>(),
            states,
            "\n{text}"
        );
        assert_eq!(is_broken(&links), states.contains(&LinkState::Failed));
        if let Some(broken) = links
            .iter()
            .find(|link| matches!(link.state, LinkState::Failed | LinkState::Warning))
        {
            assert!(
                broken.causes[0].what.contains(cause),
                "{cause:?} is not the first cause in\n{text}"
            );
            assert!(
                broken.causes[0].change.contains(change),
                "{change:?} is not to be changed in\n{text}"
            );
        }
        links
    }
}

use LinkState::{Failed, Ok as Fine, Skipped, Warning};

/// A port that nothing listens on.
fn closed_port() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    format!("http://{}", listener.local_addr().expect("an address"))
}

/// A loaded collection `things` of two rows.
async fn load_things(milvus: &FakeMilvus) {
    let things = Table {
        name: "things",
        dim: 2,
    };
    let (create, index, load) = (things.create(""), things.index("HNSW"), things.load());
    let two_rows = things.insert(0, 2, vec![0.0, 1.0, 2.0, 3.0]);
    let channel = connect(&milvus.uri()).await;
    let created: proto::Status = call(&channel, &methods::CREATE_COLLECTION, Request::new(create))
        .await
        .expect("created");
    let inserted: proto::MutationResult = call(&channel, &methods::INSERT, Request::new(two_rows))
        .await
        .expect("inserted");
    let indexed: proto::Status = call(&channel, &methods::CREATE_INDEX, Request::new(index))
        .await
        .expect("indexed");
    let loaded: proto::Status = call(&channel, &methods::LOAD_COLLECTION, Request::new(load))
        .await
        .expect("loaded");
    assert_eq!(
        (created.code, inserted.insert_cnt, indexed.code, loaded.code),
        (0, 2, 0, 0)
    );
}

fn find<'a>(links: &'a [Link], name: &str) -> &'a Link {
    links.iter().find(|link| link.name == name).expect(name)
}

// ---- all fine ----

#[tokio::test]
async fn a_whole_chain_with_a_loaded_collection_is_searched() {
    let chain = Chain::start().await;
    load_things(&chain.milvus).await;
    let before = chain.milvus.calls().len();
    let links = chain.check([Fine; 6], "", "").await;
    assert!(find(&links, MILVUS).seen.contains("v2.3.5-fake"));
    assert!(find(&links, OWN_SPAN).seen.contains("whole microseconds"));
    let seen = &find(&links, SERVER_SPANS).seen;
    assert!(
        seen.contains("Search in things: 9 spans of segcore, standalone; their parent is our span"),
        "{seen}"
    );
    let calls = chain.milvus.calls();
    assert!(
        calls[before..]
            .iter()
            .all(|call| call.method.effect == Effect::Reads),
        "the doctor changes nothing"
    );
    assert_eq!(
        chain.milvus.count(&methods::SEARCH),
        2,
        "one unsampled, one sampled"
    );
}

#[tokio::test]
async fn late_spans_are_waited_for() {
    let chain = Chain::start().await;
    chain.backend.is_late_by(2);
    chain.check([Fine; 6], "", "").await;
}

#[tokio::test]
async fn without_a_collection_a_listing_is_enough() {
    let chain = Chain::start().await;
    let links = chain.check([Fine; 6], "", "").await;
    assert!(
        find(&links, SERVER_SPANS)
            .seen
            .contains("ShowCollections (no loaded collection"),
        "{links:?}"
    );
}

#[tokio::test]
async fn a_refused_search_falls_back_to_a_listing() {
    let mut chain = Chain::start().await;
    load_things(&chain.milvus).await;
    chain.options.collection = Some(DoctorCollection {
        name: "things".into(),
        vector_field: "vector".into(),
        vector_type: milvus_bench::vector_type::VectorType::Float,
        dim: 3,
        metric: String::new(),
    });
    let links = chain.check([Fine; 6], "", "").await;
    assert!(
        find(&links, SERVER_SPANS)
            .seen
            .contains("ShowCollections (Search failed"),
        "{links:?}"
    );
}

#[tokio::test]
async fn the_embedded_receiver_takes_the_spans_of_both() {
    let mut chain = Chain::start().await;
    let listen = closed_port();
    chain.milvus.spans_to(&listen, Shape::v2_3_5());
    chain.options.otlp = grpc(listen.clone());
    chain.options.source = entry("embedded");
    chain.options.source_options = SourceOptions {
        listen: listen.trim_start_matches("http://").to_owned(),
        ..SourceOptions::default()
    };
    let links = chain.check([Fine; 6], "", "").await;
    assert!(
        find(&links, OWN_SPAN)
            .seen
            .contains("exact to the nanosecond")
    );
}

#[tokio::test]
async fn no_traces_to_be_had_is_a_result() {
    let mut chain = Chain::start().await;
    chain.options.source = entry("none");
    chain.options.otlp = None;
    let links = chain
        .check([Fine, Skipped, Skipped, Skipped, Skipped, Skipped], "", "")
        .await;
    assert!(
        find(&links, SERVER_SPANS)
            .seen
            .contains("no traces available")
    );
}

#[tokio::test]
async fn progress_tells_each_step() {
    let mut chain = Chain::start().await;
    chain.options.source = entry("none");
    let steps = Mutex::new(Vec::new());
    examine(&chain.options, &|step| {
        steps.lock().expect("no panic").push(step.to_owned())
    })
    .await;
    assert!(steps.into_inner().expect("no panic").len() >= 4);
}

// ---- Milvus ----

#[tokio::test]
async fn milvus_down() {
    let chain = Chain::start().await;
    chain.milvus.kill();
    chain
        .check(
            [Failed, Fine, Fine, Fine, Skipped, Skipped],
            "not running",
            "docker compose ps",
        )
        .await;
}

#[tokio::test]
async fn a_grpc_server_that_is_not_milvus() {
    let mut chain = Chain::start().await;
    chain.options.connect = ConnectOptions::new(chain.backend.otlp());
    chain
        .check(
            [Failed, Fine, Fine, Fine, Skipped, Skipped],
            "not Milvus",
            "19530",
        )
        .await;
}

#[tokio::test]
async fn a_web_port_that_is_not_milvus() {
    let mut chain = Chain::start().await;
    chain.options.connect = ConnectOptions::new(chain.backend.http());
    chain
        .check(
            [Failed, Fine, Fine, Fine, Skipped, Skipped],
            "9091",
            "19530",
        )
        .await;
}

#[tokio::test]
async fn a_milvus_without_tls_asked_by_tls() {
    let mut chain = Chain::start().await;
    chain.options.connect = ConnectOptions::new(chain.milvus.uri().replace("http://", "https://"));
    chain
        .check(
            [Failed, Fine, Fine, Fine, Skipped, Skipped],
            "does not speak TLS",
            "http://",
        )
        .await;
}

#[tokio::test]
async fn wrong_password() {
    let mut chain = Chain::start().await;
    chain.milvus.require_token("root:Milvus");
    chain.options.connect.credentials = Credentials::User {
        name: "root".into(),
        password: "s3cret".into(),
    };
    let links = chain
        .check(
            [Failed, Fine, Fine, Fine, Skipped, Skipped],
            "is wrong",
            "${MILVUS_PASSWORD}",
        )
        .await;
    assert!(!render(&links, false).contains("s3cret"));
}

#[tokio::test]
async fn missing_password() {
    let chain = Chain::start().await;
    chain.milvus.require_token("root:Milvus");
    chain
        .check(
            [Failed, Fine, Fine, Fine, Skipped, Skipped],
            "requires authentication",
            "[milvus] user",
        )
        .await;
}

#[tokio::test]
async fn a_milvus_that_answers_garbage() {
    let chain = Chain::start().await;
    chain
        .milvus
        .fail(&methods::GET_VERSION, .., Failure::Garbage(vec![0xff; 9]));
    chain
        .check(
            [Failed, Fine, Fine, Fine, Skipped, Skipped],
            "not answer like Milvus",
            "[milvus] uri",
        )
        .await;
}

#[tokio::test]
async fn a_milvus_whose_health_may_not_be_asked_is_a_warning() {
    let chain = Chain::start().await;
    chain.milvus.fail(
        &methods::CHECK_HEALTH,
        ..,
        Failure::milvus(1401, 1, "privilege not permitted"),
    );
    chain
        .check(
            [Warning, Fine, Fine, Fine, Fine, Fine],
            "may not call CheckHealth",
            "CheckHealth",
        )
        .await;
}

// ---- OTLP endpoint ----

#[tokio::test]
async fn otlp_refused() {
    let mut chain = Chain::start().await;
    chain.options.otlp = grpc(closed_port());
    chain
        .check(
            [Fine, Failed, Fine, Skipped, Fine, Fine],
            "the port is wrong",
            "[tracing] export",
        )
        .await;
    // The causes are of that port, not of OTLP's own.
    let links = chain.links().await;
    let causes = &find(&links, OTLP_ENDPOINT).causes;
    assert!(
        causes
            .iter()
            .all(|cause| !cause.change.contains("4317:4317")),
        "{causes:?}"
    );
}

#[tokio::test]
async fn an_otlp_address_without_scheme() {
    let mut chain = Chain::start().await;
    chain.options.otlp = grpc(chain.backend.otlp().replace("http://", ""));
    chain
        .check(
            [Fine, Failed, Fine, Skipped, Fine, Fine],
            "no scheme",
            "http://HOST:4317",
        )
        .await;
}

#[tokio::test]
async fn a_password_in_the_otlp_address_is_not_shown() {
    let mut chain = Chain::start().await;
    for endpoint in [
        closed_port(),
        "http://nowhere.invalid:1".to_owned(),
        "http://[".to_owned(),
    ] {
        chain.options.otlp = grpc(endpoint.replace("http://", "http://user:s3cret@"));
        let links = chain.links().await;
        assert_eq!(find(&links, OTLP_ENDPOINT).state, Failed);
        assert!(!render(&links, false).contains("s3cret"), "{links:?}");
    }
}

#[tokio::test]
async fn a_grpc_server_that_is_no_otlp_receiver() {
    let mut chain = Chain::start().await;
    chain.options.otlp = grpc(chain.milvus.uri());
    chain
        .check(
            [Fine, Failed, Fine, Skipped, Fine, Fine],
            "no OTLP receiver",
            "http://HOST:4317",
        )
        .await;
}

#[tokio::test]
async fn a_web_port_that_is_no_otlp_receiver() {
    let mut chain = Chain::start().await;
    chain.options.otlp = grpc(chain.backend.http());
    chain
        .check(
            [Fine, Failed, Fine, Skipped, Fine, Fine],
            "web port",
            "http://HOST:4317",
        )
        .await;
}

// ---- span source ----

#[tokio::test]
async fn source_down() {
    let mut chain = Chain::start().await;
    for source in ["auto", "jaeger", "jaeger-json"] {
        chain.options.source = entry(source);
        chain.options.source_options.endpoint = Some(closed_port());
        chain
            .check(
                [Fine, Fine, Failed, Skipped, Skipped, Skipped],
                "Jaeger is not running",
                "docker compose ps",
            )
            .await;
        // What to do stands in the causes alone, each once.
        let links = chain.links().await;
        let link = find(&links, SPAN_SOURCE);
        for remedy in [
            "start Jaeger",
            "publish",
            "open port",
            "endpoint",
            "jaeger-json",
        ] {
            assert!(!link.seen.contains(remedy), "{source}: {}", link.seen);
        }
        assert!(
            link.causes
                .iter()
                .any(|cause| cause.change.contains("[tracing.spans] endpoint")),
            "{link:?}"
        );
    }
}

#[tokio::test]
async fn a_grpc_port_where_json_is_read_is_named() {
    let mut chain = Chain::start().await;
    chain.options.source = entry("jaeger-json");
    chain.options.source_options.endpoint = Some(chain.milvus.uri());
    chain
        .check(
            [Fine, Fine, Failed, Skipped, Skipped, Skipped],
            "does not speak HTTP/1: Jaeger's gRPC is on 16685",
            "http://HOST:16686",
        )
        .await;
}

#[tokio::test]
async fn source_behind_a_web_page() {
    let mut chain = Chain::start().await;
    chain.backend.only_a_web_page();
    for source in ["auto", "jaeger-json"] {
        chain.options.source = entry(source);
        chain
            .check(
                [Fine, Fine, Failed, Skipped, Skipped, Skipped],
                "base path",
                "BASE/PATH",
            )
            .await;
    }
}

#[tokio::test]
async fn a_port_in_use_for_the_embedded_receiver() {
    let mut chain = Chain::start().await;
    chain.options.source = entry("embedded");
    chain.options.source_options.listen = chain
        .backend
        .otlp()
        .trim_start_matches("http://")
        .to_owned();
    chain
        .check(
            [Fine, Fine, Failed, Skipped, Skipped, Skipped],
            "another process",
            "[tracing.spans] listen",
        )
        .await;
}

#[tokio::test]
async fn exporter_and_source_of_two_back_ends() {
    let mut chain = Chain::start().await;
    let other = TraceBackend::start().await;
    chain.options.otlp = grpc(other.otlp());
    // Milvus' spans are there at once; only our own never come.
    chain.options.deadline = Duration::from_secs(5);
    chain
        .check(
            [Fine, Fine, Fine, Failed, Fine, Fine],
            "two different back ends",
            "[tracing] export",
        )
        .await;
}

// ---- server spans ----

#[tokio::test]
async fn a_milvus_that_exports_nothing() {
    let mut chain = Chain::start().await;
    chain.milvus.lose_every_trace(1);
    chain.milvus.version("v2.5.11");
    chain.options.deadline = SHORT;
    let links = chain.links().await;
    let link = find(&links, SERVER_SPANS);
    assert_eq!(link.state, Failed);
    assert!(link.seen.contains("none of any Milvus"), "{}", link.seen);
    // The doctor's own wait has a flag; the key is that of runs.
    assert!(
        link.causes[0].change.starts_with("--deadline of doctor"),
        "{link:?}"
    );
    assert!(
        link.causes[1].what.contains("trace.exporter is noop"),
        "{link:?}"
    );
    assert!(
        link.causes[1].change.contains("configs/user.yaml")
            && link.causes[1].change.contains("method: grpc"),
        "{link:?}"
    );
    assert!(
        link.causes[2].what.contains("another address")
            && link.causes[3].change.contains("secure: false"),
        "{link:?}"
    );
    assert_eq!(find(&links, SAMPLING).state, Skipped);
}

#[tokio::test]
async fn a_back_end_that_knows_another_milvus() {
    let mut chain = Chain::start().await;
    chain.milvus.lose_every_trace(1);
    chain.backend.knows_service("querynode");
    chain.options.deadline = SHORT;
    let links = chain.links().await;
    let link = find(&links, SERVER_SPANS);
    assert!(
        link.state == Failed
            && link
                .seen
                .contains("although the span source has spans of querynode"),
        "{link:?}"
    );
    assert!(
        link.causes[0].what.contains("late") && link.causes[2].what.contains("another Milvus"),
        "{link:?}"
    );
}

fn spec(name: &str, service: &str, server: bool, parent: Option<usize>) -> SpanSpec {
    use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
    let kind = if server {
        SpanKind::Server
    } else {
        SpanKind::Client
    };
    SpanSpec {
        service: service.to_owned(),
        node_id: 1,
        scope: String::new(),
        name: name.to_owned(),
        kind,
        parent,
        start_ns: 0,
        end_ns: 1_000,
        events: Vec::new(),
    }
}

/// A mesh puts its span between ours and Milvus'.
fn through_a_mesh() -> Shape {
    Shape::new(|served| {
        let method = served.method.path.trim_start_matches('/');
        vec![
            spec("egress", "istio-proxy", false, None),
            spec(method, "standalone", true, Some(0)),
        ]
    })
}

#[tokio::test]
async fn a_mesh_whose_spans_are_there_is_fine() {
    let chain = Chain::start().await;
    chain
        .milvus
        .spans_to(&chain.backend.otlp(), through_a_mesh());
    let links = chain.check([Fine; 6], "", "").await;
    assert!(
        find(&links, SERVER_SPANS)
            .seen
            .contains("between them and our span: istio-proxy"),
        "{links:?}"
    );
}

#[tokio::test]
async fn server_spans_with_another_parent() {
    let mut chain = Chain::start().await;
    chain
        .milvus
        .spans_to(&chain.backend.otlp(), through_a_mesh());
    chain.milvus.lose_span("egress", 1);
    chain.options.deadline = Duration::from_secs(5);
    chain
        .check(
            [Fine, Fine, Fine, Fine, Failed, Skipped],
            "proxy or mesh",
            "same back end",
        )
        .await;
}

/// What doctor says of the server spans behind a mesh, or of a store that loses; the cause that is
/// said first but for that spans may be late.
async fn first_cause(chain: &mut Chain, meddle: Meddle) -> (String, String) {
    let mesh = mesh::before(&chain.milvus.uri(), meddle).await;
    chain.options.connect = ConnectOptions::new(mesh);
    chain.options.deadline = Duration::from_secs(5);
    let links = chain.links().await;
    let link = find(&links, SERVER_SPANS);
    assert_eq!(link.state, Failed, "{link:?}");
    let cause = link
        .causes
        .iter()
        .find(|cause| !cause.what.contains("are late"));
    let cause = cause.expect("a cause").what.clone();
    (link.seen.clone(), cause)
}

#[tokio::test]
async fn a_mesh_that_meddles_with_the_trace_context_is_named() {
    for meddle in [
        mesh::clears_the_flag,
        mesh::drops_the_header,
        mesh::speaks_b3,
    ] {
        let mut chain = Chain::start().await;
        chain.backend.knows_service("standalone");
        let (seen, cause) = first_cause(&mut chain, meddle).await;
        assert!(
            seen.contains("and the client's own span of it came back")
                && cause.contains("clears the sampled flag"),
            "{seen}: {cause}"
        );
    }
}

#[tokio::test]
async fn spans_under_another_trace_id_are_told_as_a_header_that_was_replaced() {
    let mut chain = Chain::start().await;
    let (_, cause) = first_cause(&mut chain, mesh::begins_another_trace).await;
    assert!(
        cause.contains("replaces `traceparent`") && cause.contains("other trace ids"),
        "{cause}"
    );
}

#[tokio::test]
async fn a_span_of_a_mesh_in_the_place_of_ours_is_named() {
    let mut chain = Chain::start().await;
    let (seen, cause) = first_cause(&mut chain, mesh::puts_its_span_in).await;
    assert!(
        seen.contains("their parent is not our span") && cause.contains("its own span"),
        "{seen}: {cause}"
    );
}

#[tokio::test]
async fn a_store_that_loses_whole_traces_is_not_called_a_mesh() {
    let mut chain = Chain::start().await;
    chain.backend.knows_service("standalone");
    chain.backend.loses_every_trace(1);
    let (_, cause) = first_cause(&mut chain, |_| {}).await;
    assert!(cause.contains("loses whole traces"), "{cause}");
}

#[tokio::test]
async fn a_search_without_engine_spans_is_a_warning() {
    let mut chain = Chain::start().await;
    load_things(&chain.milvus).await;
    chain.milvus.lose_span("SegCoreSearch", 1);
    chain.options.deadline = Duration::from_secs(5);
    chain
        .check([Fine, Fine, Fine, Fine, Warning, Fine], "merged", "idle")
        .await;
}

#[tokio::test]
async fn server_spans_without_the_grpc_servers_one() {
    let mut chain = Chain::start().await;
    chain
        .milvus
        .lose_span("milvus.proto.milvus.MilvusService/ShowCollections", 1);
    chain.options.deadline = Duration::from_secs(5);
    let links = chain
        .check([Fine, Fine, Fine, Fine, Failed, Skipped], "", "")
        .await;
    assert!(
        find(&links, SERVER_SPANS)
            .seen
            .contains("but none from its gRPC server"),
        "{links:?}"
    );
}

#[tokio::test]
async fn a_refused_listing_is_a_failed_request() {
    let chain = Chain::start().await;
    chain.milvus.fail(
        &methods::SHOW_COLLECTIONS,
        ..,
        Failure::milvus(1401, 1, "privilege not permitted"),
    );
    chain
        .check(
            [Fine, Fine, Fine, Fine, Failed, Skipped],
            "may not list",
            "rights of the user",
        )
        .await;
}

#[tokio::test]
async fn milvus_lite_has_no_traces_to_be_had() {
    let chain = Chain::start().await;
    chain.milvus.version("milvus_lite-3.2.2");
    chain
        .check([Fine, Fine, Fine, Fine, Skipped, Skipped], "", "")
        .await;
}

// ---- sampling ----

#[tokio::test]
async fn spans_of_an_unsampled_request_are_a_warning() {
    let mut chain = Chain::start().await;
    chain.options.source_options.nonce = 0xabc;
    // The unsampled request is the second of the doctor's three.
    let ids = IdStream::new(Nonce(0xabc), 0, "doctor", "doctor", "doctor").ids(1, 0);
    chain.backend.holds_span(ids.trace_id, "standalone");
    chain
        .check(
            [Fine, Fine, Fine, Fine, Fine, Warning],
            "decides about sampling itself",
            "traceparent",
        )
        .await;
}

#[tokio::test]
async fn background_spans_are_a_warning() {
    let chain = Chain::start().await;
    chain.backend.counts_spans();
    // The spans of others arrive as soon as the doctor's traced request was answered, and go on.
    let arriving = async {
        chain.milvus.called(&methods::SHOW_COLLECTIONS, 3).await;
        chain.backend.goes_on_taking_spans_of_others(10_000);
    };
    let check = chain.check(
        [Fine, Fine, Fine, Fine, Fine, Warning],
        "sampleFraction is above 0",
        "sampleFraction: 0",
    );
    tokio::join!(check, arriving);
}

/// What was traced just before, by the check of a stack that was started, arrives in one sending.
#[tokio::test]
async fn spans_that_arrive_once_are_no_background() {
    let chain = Chain::start().await;
    chain.backend.counts_spans();
    let arriving = async {
        chain.milvus.called(&methods::SHOW_COLLECTIONS, 3).await;
        chain.backend.takes_spans_of_others(10_000);
    };
    let check = chain.check([Fine; 6], "", "few spans of others arrive");
    tokio::join!(check, arriving);
}
