//! The transport against a server that a test scripts, and the options that are refused.

use std::net::TcpListener;

use tonic::transport::{Certificate, Identity, ServerTlsConfig};

use super::*;
use crate::{
    milvus::{
        methods,
        test_server::{Answer, TestServer},
        tls_trouble,
    },
    tls::{TlsFile, TlsOptions},
};

/// Long enough that only a hang reaches it.
const GENEROUS: Duration = Duration::from_secs(60);
const TRACEPARENT: &[u8] = b"00-0123456789abcdef0123456789abcdef-0123456789abcdef-01";

fn search(body: &'static [u8]) -> Call {
    Call {
        method: &methods::SEARCH,
        body: Bytes::from_static(body),
    }
}

fn with_user(uri: &str) -> ConnectOptions {
    let credentials = Credentials::User {
        name: "root".into(),
        password: "Geheim#1".into(),
    };
    ConnectOptions {
        credentials,
        database: Some("shop".into()),
        ..ConnectOptions::new(uri)
    }
}

/// The failure of one search that gets `status`.
async fn failure_of(status: Status) -> CallFailure {
    let server = TestServer::start(move |_| Answer::Fail(status.clone()));
    let transport = Transport::connect(&with_user(&server.uri)).await.unwrap();
    transport
        .call(0, &search(b""), TRACEPARENT, GENEROUS)
        .await
        .result
        .unwrap_err()
}

async fn check_status(status: Status, expected: &str) {
    assert_eq!(failure_of(status).await.to_string(), expected);
}

async fn check_refused(options: ConnectOptions, expected: &str) {
    let found = Transport::connect(&options).await.unwrap_err().to_string();
    assert!(found.contains(expected), "{found:?} lacks {expected:?}");
}

#[tokio::test]
async fn a_reply_arrives_as_it_was_sent() {
    let server = TestServer::start(|seen| {
        Answer::Reply([&seen.body[..], seen.path.as_bytes()].concat().into())
    });
    let transport = Transport::connect(&ConnectOptions {
        connections: 3,
        ..ConnectOptions::new(&server.uri)
    })
    .await
    .unwrap();
    assert_eq!(transport.connections(), 3);
    for connection in 0..4 {
        let before = Instant::now();
        let reply = transport
            .call(connection, &search(b"body "), TRACEPARENT, GENEROUS)
            .await;
        assert_eq!(
            reply.result.unwrap(),
            "body /milvus.proto.milvus.MilvusService/Search"
        );
        assert!(before <= reply.sent && reply.sent < reply.done && reply.done <= Instant::now());
    }
}

#[tokio::test]
async fn metadata_is_sent() {
    let mut server = TestServer::start(|_| Answer::Reply(Bytes::new()));
    let transport = Transport::connect(&with_user(&server.uri)).await.unwrap();
    transport
        .call(0, &search(b""), TRACEPARENT, GENEROUS)
        .await
        .result
        .unwrap();
    let metadata = server.seen.recv().await.unwrap().metadata;
    assert_eq!(metadata.get("traceparent").unwrap().as_bytes(), TRACEPARENT);
    // base64 of root:Geheim#1, no scheme before it.
    assert_eq!(
        metadata.get("authorization").unwrap(),
        "cm9vdDpHZWhlaW0jMQ=="
    );
    assert_eq!(metadata.get("dbname").unwrap(), "shop");
    assert!(
        metadata.get("grpc-timeout").is_none(),
        "the client's own timer is the only one"
    );
}

#[tokio::test]
async fn nothing_is_sent_that_was_not_asked_for() {
    let mut server = TestServer::start(|_| Answer::Reply(Bytes::new()));
    let transport = Transport::connect(&ConnectOptions::new(&server.uri))
        .await
        .unwrap();
    transport
        .call(0, &search(b""), b"", GENEROUS)
        .await
        .result
        .unwrap();
    let metadata = server.seen.recv().await.unwrap().metadata;
    assert!(
        ["traceparent", "authorization", "dbname"]
            .iter()
            .all(|key| metadata.get(*key).is_none()),
        "{metadata:?}"
    );
}

#[tokio::test]
async fn a_slow_reply_is_a_timeout() {
    let server = TestServer::start(|_| Answer::Silence);
    let transport = Transport::connect(&ConnectOptions::new(&server.uri))
        .await
        .unwrap();
    let timeout = Duration::from_millis(50);
    let reply = transport.call(0, &search(b""), TRACEPARENT, timeout).await;
    assert_eq!(reply.result.unwrap_err().error, CallError::Timeout);
    assert!(reply.done - reply.sent >= timeout);
}

#[tokio::test]
async fn a_broken_connection_is_unavailable_and_is_replaced() {
    let mut server = TestServer::start(|_| Answer::Silence);
    let transport = Transport::connect(&ConnectOptions::new(&server.uri))
        .await
        .unwrap();
    let hanging = {
        let transport = transport.clone();
        tokio::spawn(async move { transport.call(0, &search(b""), TRACEPARENT, GENEROUS).await })
    };
    server.seen.recv().await.unwrap();
    let _second = server.replace(|_| Answer::Reply("back".into()));
    assert_eq!(
        hanging.await.unwrap().result.unwrap_err().error,
        CallError::Unavailable
    );
    for _ in 0..10 {
        match transport
            .call(0, &search(b""), TRACEPARENT, GENEROUS)
            .await
            .result
        {
            Ok(body) => return assert_eq!(body, "back"),
            Err(failure) => assert_eq!(failure.error, CallError::Unavailable),
        }
    }
    panic!("ten calls did not bring the connection back");
}

#[tokio::test]
async fn a_server_that_is_gone_is_unavailable() {
    let server = TestServer::start(|_| Answer::Reply(Bytes::new()));
    let transport = Transport::connect(&ConnectOptions::new(&server.uri))
        .await
        .unwrap();
    drop(server);
    // The first calls may still meet the old connection; from the first failure on there is no
    // listener.
    let mut failure = None;
    while failure.is_none() {
        failure = transport
            .call(0, &search(b""), TRACEPARENT, GENEROUS)
            .await
            .result
            .err();
    }
    assert_eq!(failure.unwrap().error, CallError::Unavailable);
    let failure = transport
        .call(0, &search(b""), TRACEPARENT, GENEROUS)
        .await
        .result
        .unwrap_err();
    assert_eq!(failure.error, CallError::Unavailable);
    assert!(failure.text.contains("refused"), "{failure}");
}

#[tokio::test]
async fn a_forbidden_call_never_leaves_the_client() {
    let mut server = TestServer::start(|_| Answer::Reply(Bytes::new()));
    let transport = Transport::connect(&ConnectOptions {
        access: Access::Read,
        ..ConnectOptions::new(&server.uri)
    })
    .await
    .unwrap();
    for method in [&methods::INSERT, &methods::DROP_COLLECTION] {
        let reply = transport
            .call(
                0,
                &Call {
                    method,
                    body: Bytes::new(),
                },
                TRACEPARENT,
                GENEROUS,
            )
            .await;
        let failure = reply.result.unwrap_err();
        assert_eq!(failure.error, CallError::Forbidden);
        assert_eq!(
            failure.text,
            format!(
                "{} was not sent: [milvus] access = \"read\" does not allow it",
                method.name
            )
        );
        assert_eq!(reply.sent, reply.done);
    }
    transport
        .call(0, &search(b""), TRACEPARENT, GENEROUS)
        .await
        .result
        .unwrap();
    assert!(
        server.seen.recv().await.unwrap().path.ends_with("/Search"),
        "the search is the first call that arrived"
    );
}

#[tokio::test]
async fn large_replies_and_requests_pass() {
    const LENGTH: usize = 9 << 20;
    let server = TestServer::start(|seen| {
        Answer::Reply(vec![7; if seen.body.is_empty() { LENGTH } else { 1 }].into())
    });
    let transport = Transport::connect(&ConnectOptions::new(&server.uri))
        .await
        .unwrap();
    assert_eq!(
        transport
            .call(0, &search(b""), TRACEPARENT, GENEROUS)
            .await
            .result
            .unwrap()
            .len(),
        LENGTH
    );
    // The test server takes at most 4 MiB.
    let insert = Call {
        method: &methods::INSERT,
        body: vec![1; 3 << 20].into(),
    };
    assert_eq!(
        transport
            .call(0, &insert, TRACEPARENT, GENEROUS)
            .await
            .result
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn statuses_of_the_server_keep_their_code() {
    check_status(Status::resource_exhausted("too large"), "grpc_8: too large").await;
    check_status(
        Status::unimplemented("unknown method"),
        "grpc_12: unknown method",
    )
    .await;
    check_status(
        Status::unauthenticated("auth check failure"),
        "grpc_16: auth check failure",
    )
    .await;
    check_status(Status::unknown("?"), "grpc_2: ?").await;
}

#[tokio::test]
async fn some_statuses_of_the_server_are_classes_of_their_own() {
    check_status(Status::unavailable("closing"), "unavailable: closing").await;
    check_status(Status::deadline_exceeded("late"), "timeout: late").await;
}

#[tokio::test]
async fn secrets_are_masked_before_a_text_is_cut() {
    let text = format!(
        "got cm9vdDpHZWhlaW0jMQ==, R2VoZWltIzE= and Geheim#1 {} Geheim#1",
        "x".repeat(443)
    );
    let failure = failure_of(Status::internal(text)).await;
    assert!(
        failure.text.starts_with("got ***, *** and *** xxx"),
        "{failure}"
    );
    assert!(!failure.text.contains("Geh"), "{failure}");
}

#[test]
fn secrets_are_not_printed() {
    let token = ConnectOptions {
        credentials: Credentials::Token("s3cret".into()),
        ..ConnectOptions::new("http://a")
    };
    for text in [format!("{token:?}"), format!("{:?}", with_user("http://a"))] {
        assert!(
            text.contains("***") && !text.contains("s3cret") && !text.contains("Geheim"),
            "{text}"
        );
    }
}

#[test]
fn a_token_with_a_password_hides_both() {
    let secrets = Credentials::Token("root:pw".into()).secrets();
    assert_eq!(secrets, ["cm9vdDpwdw==", "root:pw", "cHc=", "pw"]);
    assert_eq!(
        Credentials::Token(String::new()).secrets(),
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn a_server_that_is_down_is_named() {
    // Bound and dropped: there is no listener.
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let expected = format!("no connection to Milvus at http://{address}: Connection refused");
    check_refused(ConnectOptions::new(format!("http://{address}")), &expected).await;
    let expected = format!("no connection to Milvus at https://{address}: Connection refused");
    check_refused(ConnectOptions::new(format!("https://{address}")), &expected).await;
}

#[tokio::test]
async fn tls_with_a_server_without_it_is_named() {
    let server = TestServer::start(|_| Answer::Silence);
    let uri = server.uri.replace("http://", "https://");
    check_refused(
        ConnectOptions::new(&uri),
        &format!("no TLS connection to Milvus at {uri}: the server does not speak TLS"),
    )
    .await;
}

fn certificate(name: &str) -> TlsFile {
    let path: std::path::PathBuf = [
        env!("CARGO_MANIFEST_DIR"),
        "src/milvus/transport/testdata",
        name,
    ]
    .iter()
    .collect();
    TlsFile::new(path, "tls of [milvus]")
}

/// A server named milvus.test that wants certificates of its clients.
fn tls_server() -> TestServer {
    let read = |name| std::fs::read(certificate(name).path).unwrap();
    let identity = Identity::from_pem(read("server.pem"), read("server.key"));
    let tls = ServerTlsConfig::new()
        .identity(identity)
        .client_ca_root(Certificate::from_pem(read("ca.pem")));
    TestServer::start_tls(tls, |_| Answer::Reply("secret".into()))
}

/// What `tls_server` wants.
fn client_tls() -> TlsOptions {
    let file = |name| Some(certificate(name));
    TlsOptions {
        ca: file("ca.pem"),
        cert: file("client.pem"),
        key: file("client.key"),
        server_name: Some("milvus.test".into()),
    }
}

#[tokio::test]
async fn tls_with_certificates_on_both_sides_works() {
    let server = tls_server();
    let options = ConnectOptions {
        tls: Some(client_tls()),
        ..ConnectOptions::new(&server.uri)
    };
    let transport = Transport::connect(&options).await.unwrap();
    assert_eq!(
        transport
            .call(0, &search(b""), TRACEPARENT, GENEROUS)
            .await
            .result
            .unwrap(),
        "secret"
    );
}

#[tokio::test]
async fn a_server_of_another_name_or_authority_is_refused() {
    let server = tls_server();
    let with = |tls: TlsOptions| ConnectOptions {
        tls: Some(tls),
        ..ConnectOptions::new(&server.uri)
    };
    let expected = |cause: TlsCause| {
        format!(
            "no TLS connection to Milvus at {}: {} (invalid peer certificate: ",
            server.uri,
            cause.what()
        )
    };
    let another_name = expected(TlsCause::WrongName);
    check_refused(
        with(TlsOptions {
            server_name: Some("other.test".into()),
            ..client_tls()
        }),
        &another_name,
    )
    .await;
    check_refused(
        with(TlsOptions {
            server_name: None,
            ..client_tls()
        }),
        &another_name,
    )
    .await;
    let unknown = expected(TlsCause::UnknownIssuer);
    check_refused(
        with(TlsOptions {
            ca: Some(certificate("client.pem")),
            ..client_tls()
        }),
        &unknown,
    )
    .await;
}

#[tokio::test]
async fn a_client_without_its_certificate_is_refused() {
    let server = tls_server();
    let tls = TlsOptions {
        cert: None,
        key: None,
        ..client_tls()
    };
    let options = ConnectOptions {
        tls: Some(tls),
        ..ConnectOptions::new(&server.uri)
    };
    // In TLS 1.3 the server's refusal comes after the client's side of the handshake is done: at
    // the first call at the latest.
    if let Ok(transport) = Transport::connect(&options).await {
        let failure = transport
            .call(0, &search(b""), TRACEPARENT, GENEROUS)
            .await
            .result
            .unwrap_err();
        assert_eq!(failure.error, CallError::Unavailable);
    }
    let cause = tls_trouble(&options, None).await.map(|found| found.cause);
    assert_eq!(cause, Some(TlsCause::NoClientCertificate));
    let good = ConnectOptions {
        tls: Some(client_tls()),
        ..ConnectOptions::new(&server.uri)
    };
    assert_eq!(tls_trouble(&good, None).await, None);
}

#[tokio::test]
async fn a_server_that_never_shakes_hands_is_given_up() {
    // Listens and never accepts, so that TLS waits for its answer.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("https://{}", listener.local_addr().unwrap());
    let options = ConnectOptions {
        connect_timeout: Duration::from_millis(50),
        ..ConnectOptions::new(&uri)
    };
    check_refused(options, &format!("Milvus at {uri}: ")).await;
}

#[tokio::test]
async fn unusable_uris_are_refused() {
    for (uri, expected) in [
        (
            "localhost:19530",
            "\"localhost:19530\" has no scheme; write http://host:port",
        ),
        ("", "has no scheme"),
        ("grpc://a:1", "has the scheme \"grpc\""),
        ("http://", "is not valid (empty host)"),
        ("http://a:99999", "is not valid (invalid port number)"),
        (
            "http://a:1/shop",
            "has a path; give a database as [milvus] database",
        ),
        ("http://root:pw@a:1", "uri \"***\" contains a user"),
        ("root:pw@a:1", "uri \"***\" has no scheme"),
    ] {
        check_refused(ConnectOptions::new(uri), expected).await;
    }
}

#[tokio::test]
async fn unusable_databases_are_refused() {
    for database in ["ü", "a b", "a\n"] {
        let options = ConnectOptions {
            database: Some(database.into()),
            ..ConnectOptions::new("http://a:1")
        };
        check_refused(options, "[milvus] database").await;
    }
}

#[tokio::test]
async fn unusable_tls_options_are_refused() {
    let with = |uri: &str, tls: TlsOptions| ConnectOptions {
        tls: Some(tls),
        ..ConnectOptions::new(uri)
    };
    check_refused(
        with("http://a:1", TlsOptions::default()),
        "is without TLS, but [milvus] tls is set",
    )
    .await;
    let missing = TlsOptions {
        ca: Some(TlsFile::new("missing.pem", "tls.ca of [milvus]")),
        ..TlsOptions::default()
    };
    check_refused(
        with("https://a:1", missing),
        "tls.ca of [milvus] names missing.pem, which can't be read: No such file",
    )
    .await;
}
