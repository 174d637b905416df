//! Sources in trouble: busy servers, replies in forms that nobody knows, redirects, long replies,
//! secrets that are quoted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use tonic::Status;

use super::fake_jaeger::{Fake, Reply, Script, grpc_server, http_server};
use super::genuine::file;
use super::opened::{NOWHERE, check_words, http, open, options, refused, script};
use crate::spans::sources::budget::{Budget, SHARE};
use crate::spans::sources::http::Ask;
use crate::spans::{Again, SourceOptions, SpanError, find_source, open_until};

/// More headers than the content type.
fn reply(status: u16, headers: &'static str, body: &str) -> Reply {
    Reply::Send(status, headers, body.into())
}

async fn failure(name: &str, options: &SourceOptions) -> SpanError {
    match find_source(name).expect(name).open(options).await {
        Ok(source) => panic!("{name} opened {}", source.info().server),
        Err(error) => error,
    }
}

/// A server whose legacy path answers `legacy` and whose api_v3 lists services and answers `v3` for
/// a trace.
async fn two_paths(legacy: Reply, v3: Reply) -> Fake {
    http_server(move |target| match target {
        "/api/v3/services" => Reply::json("{\"services\":[\"standalone\"]}"),
        target if target.starts_with("/api/v3/traces/") => v3.clone(),
        target if target.starts_with("/api/traces/") => legacy.clone(),
        _ => Reply::not_found("404 page not found"),
    })
    .await
}

async fn check_no_choice(legacy: Reply, v3: Reply, again: Again, words: &[&str]) {
    let fake = two_paths(legacy, v3).await;
    let error = failure("jaeger-json", &options(NOWHERE, &fake.url)).await;
    check_words(&error.text, words);
    assert_eq!(error.again, again, "{error}");
}

#[tokio::test]
async fn a_failed_probe_is_no_evidence_for_another_api() {
    let good = || Reply::json("{\"result\":{\"resourceSpans\":[]}}");
    let busy = reply(
        500,
        "text/plain",
        "{\"errors\":[{\"msg\":\"rpc error: code = Code(429) desc = too many outstanding \
         requests\"}]}",
    );
    check_no_choice(
        busy,
        good(),
        Again::Later(None),
        &["status 500", "too many outstanding"],
    )
    .await;
    let limited = reply(429, "text/plain\r\nretry-after: 3", "slow down");
    check_no_choice(
        limited,
        good(),
        Again::Later(Some(Duration::from_secs(3))),
        &["429", "slow down"],
    )
    .await;
    let until = "text/plain\r\ndate: Mon, 30 Nov 2026 11:00:00 GMT\r\nretry-after: Mon, 30 Nov \
                 2026 11:00:04 GMT";
    check_no_choice(
        reply(503, until, "restarts"),
        good(),
        Again::Later(Some(Duration::from_secs(4))),
        &["503", "restarts"],
    )
    .await;
    check_no_choice(
        reply(502, "text/html", "<html>nginx"),
        good(),
        Again::Later(None),
        &["502", "web page"],
    )
    .await;
    check_no_choice(
        reply(418, "text/plain", "tea"),
        good(),
        Again::Perhaps,
        &["418", "tea"],
    )
    .await;
    // It lists services, and its traces are in the form of 1.46 or fail.
    let old = Reply::json(file("1.46.0", "search-trace.v3.json"));
    check_no_choice(
        Reply::not_found("404 page not found"),
        old,
        Again::Perhaps,
        &["which of Jaeger's APIs"],
    )
    .await;
    check_no_choice(
        Reply::not_found("404 page not found"),
        reply(503, "text/plain", "later"),
        Again::Later(None),
        &["503"],
    )
    .await;
}

#[tokio::test]
async fn a_store_may_say_not_found_under_any_status() {
    let said = "{\"data\":null,\"errors\":[{\"code\":500,\"msg\":\"trace not found\"}]}";
    let fake = http_server(move |_| reply(500, "text/plain", said)).await;
    let source = open("jaeger-json", &options(NOWHERE, &fake.url)).await;
    check_words(&source.info().server, &["Jaeger JSON at"]);
    assert_eq!(source.trace(42).await.expect("unknown is empty").spans, []);
    // A gateway without a route, once Jaeger is gone: no empty trace.
    let hits = AtomicUsize::new(0);
    let fake = http_server(move |_| match hits.fetch_add(1, Ordering::Relaxed) {
        0 => reply(404, "text/plain", said),
        _ => reply(
            404,
            "application/json",
            "{\"message\":\"no Route matched with those values\"}",
        ),
    })
    .await;
    let error = open("jaeger-json", &options(NOWHERE, &fake.url))
        .await
        .trace(42)
        .await
        .expect_err("no trace");
    check_words(&error.text, &["404", "no Route matched"]);
    let grpc = grpc_server(Script {
        unknown_v2: Status::internal("trace 2a not found: trace not found"),
        ..script("1.46.0")
    })
    .await;
    assert_eq!(
        open("jaeger", &options(&grpc.url, NOWHERE))
            .await
            .trace(42)
            .await
            .expect("unknown is empty")
            .spans,
        []
    );
}

#[tokio::test]
async fn a_grpc_api_shows_itself_or_none_is_chosen() {
    let failing = |v2: Status| Script {
        unknown_v3: Err(Status::internal("v3 is broken")),
        unknown_v2: v2,
        ..script("1.65.0")
    };
    let works = grpc_server(failing(Status::not_found("no"))).await;
    check_words(
        &open("jaeger", &options(&works.url, NOWHERE))
            .await
            .info()
            .server,
        &["api_v2"],
    );
    let neither = grpc_server(failing(Status::unavailable("store away"))).await;
    let error = failure("jaeger", &options(&neither.url, NOWHERE)).await;
    check_words(&error.text, &["v3 is broken", "store away"]);
    assert_eq!(error.again, Again::Later(None));
    let busy = grpc_server(Script {
        services: Err(Status::resource_exhausted("quota")),
        ..script("1.65.0")
    })
    .await;
    let error = failure("auto", &options(&busy.url, NOWHERE)).await;
    assert_eq!(
        error.again,
        Again::Later(None),
        "a back end that is busy is not none: {error}"
    );
}

/// A known trace that is answered with `body`.
async fn trace_error(body: Vec<u8>) -> SpanError {
    let known = script("1.46.0").known;
    let fake = http_server(
        move |target| match target.contains(&format!("{known:032x}")) {
            true => Reply::json(body.clone()),
            false => Reply::not_found(file("1.46.0", "trace-404.json")),
        },
    )
    .await;
    open("jaeger-json", &options(NOWHERE, &fake.url))
        .await
        .trace(known)
        .await
        .expect_err("an error")
}

#[tokio::test]
async fn a_form_that_nobody_knows_is_an_error_with_its_first_words() {
    check_words(
        &trace_error(b"{\"batches\":[{\"resource\":{}}]}".to_vec())
            .await
            .text,
        &["missing field `data`", "\"batches\""],
    );
    check_words(
        &trace_error(file("1.46.0", "search-trace.v3.json"))
            .await
            .text,
        &["{\"result\":{\"resourceSpans\""],
    );
    let text = String::from_utf8(file("1.46.0", "search-trace.legacy.json")).expect("JSON");
    let known = format!("{:032x}", script("1.46.0").known);
    let short = trace_error(text.replace(&known, &known[16..]).into_bytes()).await;
    check_words(&short.text, &["none of its 10 spans belongs to the trace"]);
    assert_eq!(short.again, Again::Never);
}

#[tokio::test]
async fn an_old_api_v3_over_http_is_no_empty_trace() {
    let known = script("1.46.0").known;
    let fake = http_server(move |target| match target {
        "/api/v3/services" => Reply::json("{\"services\":[]}"),
        target if target.starts_with(&format!("/api/v3/traces/{known:032x}")) => {
            Reply::json(file("1.46.0", "search-trace.v3.json"))
        }
        target if target.starts_with("/api/v3/traces/") => {
            Reply::not_found(file("2.20.0", "trace-404.v3.json"))
        }
        _ => Reply::not_found("404 page not found\n"),
    })
    .await;
    let source = open("jaeger-json", &options(NOWHERE, &fake.url)).await;
    check_words(
        &source.trace(known).await.expect_err("an old form").text,
        &["no spans at the expected place", "resourceSpans"],
    );
}

#[tokio::test]
async fn a_grpc_reply_of_another_trace_is_no_empty_trace() {
    for version in ["1.46.0", "2.20.0"] {
        let other = script(version);
        let known = other.known + 1;
        let fake = grpc_server(Script { known, ..other }).await;
        let error = open("jaeger", &options(&fake.url, NOWHERE))
            .await
            .trace(known)
            .await
            .expect_err("another trace");
        check_words(&error.text, &["none of its 10 spans belongs to the trace"]);
    }
}

#[tokio::test]
async fn a_busy_source_is_opened_when_it_can_answer() {
    let (busy, hits) = (AtomicUsize::new(2), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&hits);
    let fake = http_server(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        match busy.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            left.checked_sub(1)
        }) {
            Ok(_) => reply(503, "text/html", "<html>"),
            Err(_) => Reply::not_found(file("1.46.0", "trace-404.json")),
        }
    })
    .await;
    let options = options(NOWHERE, &fake.url);
    let entry = find_source("jaeger-json").expect("a row");
    let told = AtomicUsize::new(0);
    let waits = |error: &SpanError| {
        check_words(&error.text, &["503"]);
        told.fetch_add(1, Ordering::Relaxed);
    };
    open_until(
        entry,
        &options,
        Instant::now() + Duration::from_secs(60),
        &waits,
    )
    .await
    .expect("opens");
    assert_eq!(told.load(Ordering::Relaxed), 2);
    // Nobody there is not waited for.
    let nowhere = SourceOptions {
        http: Some(NOWHERE.to_owned()),
        ..options
    };
    let far = Instant::now() + Duration::from_secs(3_600);
    assert!(
        open_until(entry, &nowhere, far, &|error| panic!("waits: {error}"))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn redirects_stay_within_one_origin_and_take_no_headers_along() {
    let (hits, known) = (Arc::new(AtomicUsize::new(0)), script("1.46.0").known);
    let counted = Arc::clone(&hits);
    let other = http_server(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        Reply::not_found(file("1.46.0", "trace-404.json"))
    })
    .await;
    let elsewhere: &'static str = format!(
        "text/html\r\nlocation: {}/api/traces/1?token=t0psecret",
        other.url
    )
    .leak();
    let fake = http_server(move |_| reply(302, elsewhere, "<a>Found</a>")).await;
    let bare = options(NOWHERE, &fake.url);
    check_words(
        &refused("jaeger-json", &bare).await,
        &["302", &other.url, "tracing.spans endpoint"],
    );
    let with = SourceOptions {
        headers: vec![("x-key".to_owned(), "t0psecret".to_owned())],
        ..bare
    };
    let text = refused("jaeger-json", &with).await;
    assert!(
        text.contains("302") && !text.contains("t0psecret"),
        "{text}"
    );
    assert_eq!(
        hits.load(Ordering::Relaxed),
        0,
        "nothing was asked of the other origin"
    );
    let moved = http_server(move |target| match target.strip_prefix("/new") {
        Some(target) if target.contains(&format!("{known:032x}")) => {
            Reply::json(file("1.46.0", "search-trace.legacy.json"))
        }
        Some(_) => Reply::not_found(file("1.46.0", "trace-404.json")),
        None => reply(
            307,
            format!("text/html\r\nlocation: /new{target}").leak(),
            "",
        ),
    })
    .await;
    let within = options(NOWHERE, &moved.url);
    assert_eq!(
        open("jaeger-json", &within)
            .await
            .trace(known)
            .await
            .expect("the trace")
            .spans
            .len(),
        10
    );
    let with = SourceOptions {
        headers: vec![("x-key".to_owned(), "t0psecret".to_owned())],
        ..within
    };
    check_words(&refused("jaeger-json", &with).await, &["307"]);
}

#[tokio::test]
async fn a_long_reply_is_read_alone_and_short_ones_beside_it() {
    let fake = http_server(|target| match target {
        "/long" => Reply::json(vec![b' '; SHARE + 1]),
        _ => Reply::json("{}"),
    })
    .await;
    let base = url::Url::parse(&fake.url).expect("a URL");
    let client =
        crate::spans::sources::http::client(&SourceOptions::default(), &base).expect("a client");
    let budget = Budget::default();
    let get = |path: &str| {
        let (client, budget, url) = (
            client.clone(),
            budget.clone(),
            format!("{}{path}", fake.url),
        );
        tokio::spawn(async move {
            crate::spans::sources::http::get(&client, &budget, Ask::any(&url))
                .await
                .expect("an answer")
        })
    };
    let first = get("/long").await.expect("no panic");
    assert_eq!(first.body.len(), SHARE + 1);
    let second = get("/long");
    for _ in 0..3 {
        assert_eq!(get("/short").await.expect("no panic").body.len(), 2);
    }
    assert!(
        !second.is_finished(),
        "the first one is still being converted"
    );
    drop(first);
    assert_eq!(second.await.expect("no panic").body.len(), SHARE + 1);
}

/// What no server may bring to light.
const SECRET: &str = "t0ken-of-the-house";

fn with_secret(options: SourceOptions) -> SourceOptions {
    SourceOptions {
        headers: vec![("authorization".to_owned(), format!("Bearer {SECRET}"))],
        ..options
    }
}

fn check_no_secret(text: &str) {
    assert!(
        text.contains("***") && !text.contains(SECRET) && !text.contains(&SECRET[..8]),
        "{text}"
    );
}

#[tokio::test]
async fn a_secret_that_a_server_quotes_is_found_nowhere() {
    let quoting = format!("{} {SECRET} {SECRET}", "x".repeat(180));
    let body = quoting.clone();
    let json =
        http_server(move |_| Reply::Send(500, "text/plain", body.clone().into_bytes())).await;
    check_no_secret(&refused("jaeger-json", &with_secret(options(NOWHERE, &json.url))).await);
    let services = grpc_server(Script {
        services: Err(Status::internal(quoting.clone())),
        ..script("1.65.0")
    })
    .await;
    check_no_secret(&refused("jaeger", &with_secret(options(&services.url, NOWHERE))).await);
    let auto = open("auto", &with_secret(options(&services.url, &json.url))).await;
    check_no_secret(&auto.info().remark);
    let traces = Script {
        failure: Some(Status::internal(&quoting[150..])),
        services: Ok(vec![SECRET.to_owned()]),
        ..script("1.65.0")
    };
    let fake = grpc_server(traces.clone()).await;
    let source = open("jaeger", &with_secret(options(&fake.url, NOWHERE))).await;
    check_no_secret(
        &source
            .trace(traces.known)
            .await
            .expect_err("it quotes")
            .text,
    );
    check_no_secret(&source.services().await.expect("services").join(","));
    let text = String::from_utf8(file("1.46.0", "search-trace.legacy.json"))
        .expect("JSON")
        .replace("\"proxy\"", &format!("\"{SECRET}\""));
    let known = script("1.46.0").known;
    let spans = http_server(
        move |target| match target.contains(&format!("{known:032x}")) {
            true => Reply::json(text.clone()),
            false => Reply::not_found(file("1.46.0", "trace-404.json")),
        },
    )
    .await;
    let trace = open("jaeger-json", &with_secret(options(NOWHERE, &spans.url)))
        .await
        .trace(known)
        .await
        .expect("the trace");
    assert_eq!(trace.spans.len(), 10);
    check_no_secret(&format!("{trace:?}"));
}

#[tokio::test]
async fn auto_reads_from_no_port_that_was_not_named() {
    // Another Jaeger on the usual ports of that host would answer.
    let json = http("1.46.0", "/jaeger").await;
    let options = SourceOptions {
        endpoint: Some(format!("{}/jaeger", json.url)),
        timeout: Duration::from_secs(5),
        ..SourceOptions::default()
    };
    let source = open("auto", &options).await;
    check_words(&source.info().server, &["Jaeger JSON", &json.url[7..]]);
    assert_eq!(source.loss().await, None, "its counters were not named");
}
