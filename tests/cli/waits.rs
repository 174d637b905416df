//! What is waited for, how long, and what is said of it.

use std::net::SocketAddr;

use milvus_bench::{
    milvus::methods,
    null_milvus::{Failure, FakeMilvus},
};
use tonic::{
    Code,
    service::Routes,
    transport::{Server, server::TcpIncoming},
};

use crate::{
    bench::{Bench, closed_port, scenario},
    source::WebServer,
};

/// Milvus while it starts.
fn not_ready() -> Failure {
    Failure::milvus(1, 1, "service not ready[proxy=1]: Initializing")
}

#[test]
fn a_milvus_that_is_not_ready_yet_is_waited_for() {
    let fake = FakeMilvus::start();
    fake.fail(&methods::GET_VERSION, 1..=2, not_ready());
    // Its proxy knows its version before it is ready, and what stands before it may answer in its
    // place.
    fake.fail(
        &methods::CHECK_HEALTH,
        1..=2,
        Failure::grpc(Code::Unavailable, "no healthy upstream"),
    );
    let bench = Bench::at(&fake, &[]);
    let ended = bench.run(&[]).exits(0);
    assert_eq!(
        ended
            .stderr
            .matches("asking again for at most 60 s")
            .count(),
        1,
        "{}",
        ended.stderr
    );
    assert!(
        ended.stderr.contains("service not ready"),
        "{}",
        ended.stderr
    );
    assert_eq!(
        (
            fake.count(&methods::GET_VERSION),
            fake.count(&methods::CHECK_HEALTH)
        ),
        (5, 3)
    );
}

#[test]
fn it_is_waited_for_as_long_as_was_asked() {
    let fake = FakeMilvus::start();
    fake.fail(&methods::GET_VERSION, .., not_ready());
    for (scenario, flags) in [
        ("timeout = \"5s\"\nwait = \"1s\"", &[][..]),
        ("timeout = \"5s\"\nwait = \"1h\"", &["--wait", "1s"]),
    ] {
        let bench = Bench::at(&fake, &[("timeout = \"5s\"", scenario)]);
        bench.run(flags).exits(2).error(&[
            "is not ready yet",
            "service not ready",
            "gave up after 1 s",
            "--wait",
        ]);
        assert_eq!(bench.only_folder().run()["status"], "failed");
    }
    let ended = Bench::at(&fake, &[]).run(&["--wait", "0s"]).exits(2);
    assert!(
        !ended.error(&["is not ready yet"]).contains("waited"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_wait_that_makes_no_sense_is_refused() {
    let fake = FakeMilvus::start();
    Bench::at(
        &fake,
        &[("timeout = \"5s\"", "timeout = \"5s\"\nwait = \"2h\"")],
    )
    .run(&[])
    .exits(2)
    .error(&["wait", "2h", "expected 0s to 1h"]);
    let ended = Bench::at(&fake, &[]).run(&["--wait", "soon"]).exits(2);
    assert!(
        ended.stderr.contains("a duration from 0s to 1h"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_refused_connection_ends_at_once_and_is_the_first_sentence() {
    let uri = format!("http://127.0.0.1:{}", closed_port());
    // A Jaeger that is gone too, and a doubt that a run begins with.
    let source = format!(
        "source = \"jaeger\"\nendpoint = \"http://127.0.0.1:{}\"",
        closed_port()
    );
    let bench = Bench::new(&scenario(&uri, &[("source = \"none\"", &source)]));
    let ended = bench.run(&[]).exits(2);
    let first = ended.stderr.lines().next().expect("a line");
    assert!(
        first.starts_with("error: no connection to Milvus at")
            && first.contains("milvus-bench stack up"),
        "{}",
        ended.stderr
    );
    assert!(!ended.stderr.contains("asking again"), "{}", ended.stderr);
    assert_eq!(bench.only_folder().run()["status"], "failed");
}

#[test]
fn a_refused_connection_is_waited_for_where_that_was_asked() {
    let fake = FakeMilvus::start();
    fake.kill();
    let bench = Bench::at(&fake, &[]);
    let mut running = bench.start(&["--wait", "5m"]);
    running.says("asking again for at most 300 s");
    fake.restart();
    running.ended().exits(0);
    let gone = scenario(
        &format!("http://127.0.0.1:{}", closed_port()),
        &[("timeout = \"5s\"", "timeout = \"5s\"\nwait = \"1s\"")],
    );
    Bench::new(&gone)
        .run(&[])
        .exits(2)
        .error(&["no connection to Milvus", "gave up after 1 s"]);
}

#[test]
fn a_web_server_is_no_milvus_that_starts() {
    for server in [WebServer::without_http2(), WebServer::page()] {
        let uri = server.url();
        let bench = Bench::new(&scenario(&uri, &[]));
        for arguments in [
            &["run", "scenario.toml"][..],
            &["run", "scenario.toml", "--wait", "1m"],
            &["init", "--uri", &uri],
        ] {
            let ended = bench.call(arguments).exits(2);
            let error = ended.error(&[&uri, "does not speak HTTP/2", "19530"]);
            assert!(
                !error.contains("waited") && !ended.stderr.contains("asking again"),
                "{}",
                ended.stderr
            );
        }
    }
}

#[test]
fn a_grpc_server_that_is_no_milvus_is_named_before_any_collection() {
    let (address, _runtime) = no_milvus();
    let uri = format!("http://{address}");
    let bench = Bench::new(&scenario(&uri, &[]));
    for arguments in [
        &["run", "scenario.toml"][..],
        &["init", "--uri", &uri],
        &["init", "words", "--uri", &uri],
    ] {
        let ended = bench.call(arguments).exits(2);
        ended.error(&[
            "there is no Milvus at",
            &uri,
            "a gRPC server answers, but it is not Milvus",
            "--uri",
        ]);
        assert!(
            !ended.stderr.contains("asking again") && !ended.stderr.contains("DescribeCollection"),
            "{}",
            ended.stderr
        );
    }
}

/// milvus-lite knows no `GetVersion`.
#[test]
fn a_milvus_that_does_not_tell_its_version_is_one() {
    let fake = FakeMilvus::start();
    fake.fail(
        &methods::GET_VERSION,
        ..,
        Failure::grpc(Code::Unimplemented, "Method not implemented!"),
    );
    Bench::at(&fake, &[]).run(&[]).exits(0);
}

#[test]
fn init_waits_for_a_milvus_that_starts() {
    let fake = FakeMilvus::start();
    fake.fail(&methods::GET_VERSION, 1..=1, not_ready());
    let ended = Bench::at(&fake, &[])
        .call(&["init", "--uri", &fake.uri()])
        .exits(2);
    ended.error(&["no collection to search"]);
    assert!(
        ended.stderr.contains("is not ready yet") && ended.stderr.contains("asking again"),
        "{}",
        ended.stderr
    );
}

/// A gRPC server without services, until the runtime ends.
fn no_milvus() -> (SocketAddr, tokio::runtime::Runtime) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let listener = runtime
        .block_on(tokio::net::TcpListener::bind(("127.0.0.1", 0)))
        .expect("a free port");
    let address = listener.local_addr().expect("an address");
    runtime.spawn(
        Server::builder()
            .add_routes(Routes::default())
            .serve_with_incoming(TcpIncoming::from(listener)),
    );
    (address, runtime)
}

#[test]
fn doctor_never_waits() {
    let fake = FakeMilvus::start();
    fake.fail(&methods::GET_VERSION, .., not_ready());
    let bench = Bench::at(
        &fake,
        &[("timeout = \"5s\"", "timeout = \"5s\"\nwait = \"1h\"")],
    );
    let ended = bench.call(&["doctor", "scenario.toml"]).exits(1);
    assert!(
        ended.stdout.contains("service not ready"),
        "{}",
        ended.stdout
    );
    assert_eq!(fake.count(&methods::GET_VERSION), 1);
}

#[test]
fn a_first_call_that_is_not_answered_has_the_timeout_of_milvus_and_is_told_of() {
    let fake = FakeMilvus::start();
    fake.fail(&methods::GET_VERSION, .., Failure::Silence);
    let bench = Bench::at(&fake, &[("timeout = \"5s\"", "timeout = \"12s\"")]);
    let ended = bench.run(&[]).exits(2);
    ended.error(&["does not answer", "timeout", "no reply within 12s"]);
    assert!(
        ended
            .stderr
            .contains("waiting for Milvus' reply to GetVersion: 10 s so far, at most 12 s"),
        "{}",
        ended.stderr
    );
}

#[test]
fn preparation_and_clean_up_tell_of_a_call_that_lasts() {
    let fake = FakeMilvus::start();
    fake.delay(
        &methods::CREATE_INDEX,
        std::time::Duration::from_millis(10_500),
    );
    let ended = Bench::at(&fake, &[]).run(&[]).exits(0);
    assert!(
        ended
            .stderr
            .contains("waiting for Milvus' reply to CreateIndex: 10 s so far, at most 60 s"),
        "{}",
        ended.stderr
    );
}

#[test]
fn waiting_for_spans_is_told_of_but_not_with_quiet() {
    let fake = FakeMilvus::start();
    let embedded = format!(
        "source = \"embedded\"\nlisten = \"127.0.0.1:{}\"",
        closed_port()
    );
    let changes = [
        ("source = \"none\"", embedded.as_str()),
        ("settle = \"0s\"", "settle = \"11s\""),
        ("\"2s\"", "\"12s\""),
    ];
    let bench = Bench::at(&fake, &changes);
    let quiet = bench.start(&["--quiet", "--results", "quiet"]);
    let quiet = quiet.ended().exits(0);
    assert!(!quiet.stderr.contains("so far"), "{}", quiet.stderr);
    let told = bench.run(&[]).exits(0);
    assert!(
        told.stderr.contains("reading the spans of ")
            && told.stderr.contains(": 10 s so far, at most 12 s"),
        "{}",
        told.stderr
    );
}
