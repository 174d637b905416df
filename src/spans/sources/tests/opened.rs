//! The sources against servers that answer as the three Jaeger versions do, and as Jaeger does not.

use std::time::Duration;

use tonic::Status;

use super::fake_jaeger::{Fake, Reply, Script, grpc_server, http_server};
use super::genuine::{file, messages, trace_id};
use crate::spans::{LossCounters, SourceOptions, SpanSource, find_source};

pub(super) const NOWHERE: &str = "http://127.0.0.1:1";

pub(super) fn script(version: &str) -> Script {
    let v2 = file(version, "search-trace.get-v2.bin");
    Script {
        services: Ok(vec!["milvus-bench".to_owned(), "standalone".to_owned()]),
        known: trace_id(&v2),
        v2: messages(&v2),
        v3: messages(&file(version, "search-trace.get-v3.bin")),
        unknown_v3: if version == "1.46.0" {
            Err(Status::unknown("trace not found"))
        } else {
            Ok(())
        },
        unknown_v2: Status::not_found("trace not found"),
        failure: None,
        hang: false,
        needs: None,
    }
}

/// Jaeger's HTTP port of `version`: the search trace, the page of a build without UI.
pub(super) async fn http(version: &'static str, base: &'static str) -> Fake {
    let known = script(version).known;
    http_server(move |target| {
        let Some(path) = target.strip_prefix(base) else {
            return Reply::html("<html>another server</html>");
        };
        let legacy = format!("/api/traces/{known:032x}?raw=true");
        match path {
            path if path == legacy => Reply::json(file(version, "search-trace.legacy.json")),
            path if path.starts_with("/api/traces/") => {
                Reply::not_found(file(version, "trace-404.json"))
            }
            "/api/services" => Reply::json(file("1.65.0", "services.json")),
            "/api/v3/services" => Reply::Send(
                200,
                "text/plain",
                b"{\"services\":[\"standalone\"]}".to_vec(),
            ),
            "/metrics" => Reply::Send(
                200,
                "text/plain",
                b"jaeger_spans_received_total 7\njaeger_spans_dropped_total 2\n".to_vec(),
            ),
            _ => Reply::html(file("1.65.0", "unknown-path-200.html")),
        }
    })
    .await
}

pub(super) fn options(grpc: &str, http: &str) -> SourceOptions {
    SourceOptions {
        endpoint: Some(NOWHERE.to_owned()),
        grpc: Some(grpc.to_owned()),
        http: Some(http.to_owned()),
        admin: Some(http.to_owned()),
        timeout: Duration::from_secs(5),
        ..SourceOptions::default()
    }
}

pub(super) async fn open(name: &str, options: &SourceOptions) -> Box<dyn SpanSource> {
    find_source(name)
        .expect(name)
        .open(options)
        .await
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

pub(super) async fn refused(name: &str, options: &SourceOptions) -> String {
    match find_source(name).expect(name).open(options).await {
        Ok(source) => panic!("{name} opened {}", source.info().server),
        Err(error) => error.text,
    }
}

pub(super) fn check_words(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "\"{word}\" is not in: {text}");
    }
}

#[tokio::test]
async fn grpc_reads_every_version_by_its_best_api() {
    for (version, api) in [
        ("1.46.0", "api_v2"),
        ("1.65.0", "api_v3"),
        ("2.20.0", "api_v3"),
    ] {
        let script = script(version);
        let fake = grpc_server(script.clone()).await;
        let source = open("jaeger", &options(&fake.url, NOWHERE)).await;
        check_words(&source.info().server, &[api, "127.0.0.1:"]);
        assert_eq!(
            (
                source.info().entry.name,
                source.info().resolution_ns,
                source.info().ui.as_deref()
            ),
            ("jaeger", 1, None)
        );
        assert_eq!(
            source
                .trace(script.known)
                .await
                .expect("the trace")
                .spans
                .len(),
            10,
            "{version}"
        );
        assert_eq!(
            source.trace(42).await.expect("unknown is empty").spans,
            [],
            "{version}"
        );
        assert_eq!(source.services().await.expect("services").len(), 2);
        assert_eq!(source.loss().await, None);
    }
}

#[tokio::test]
async fn a_new_server_may_say_not_found() {
    let script = Script {
        unknown_v3: Err(Status::not_found("no")),
        ..script("2.20.0")
    };
    let fake = grpc_server(script).await;
    let source = open("jaeger", &options(&fake.url, NOWHERE)).await;
    check_words(&source.info().server, &["api_v3"]);
    assert_eq!(source.trace(42).await.expect("unknown is empty").spans, []);
}

#[tokio::test]
async fn grpc_sends_headers_and_says_when_they_are_missing() {
    let fake = grpc_server(Script {
        needs: Some("x-tenant"),
        ..script("1.65.0")
    })
    .await;
    let without = options(&fake.url, NOWHERE);
    check_words(
        &refused("jaeger", &without).await,
        &["PermissionDenied", "headers"],
    );
    let with = SourceOptions {
        headers: vec![("X-Tenant".to_owned(), "a".to_owned())],
        ..without
    };
    open("jaeger", &with).await;
}

#[tokio::test]
async fn grpc_errors_name_server_id_and_next_step() {
    let script = Script {
        failure: Some(Status::internal("disk\u{7} broken")),
        ..script("1.46.0")
    };
    let fake = grpc_server(script.clone()).await;
    let source = open("jaeger", &options(&fake.url, NOWHERE)).await;
    let error = source.trace(script.known).await.expect_err("fails").text;
    check_words(
        &error,
        &[
            &fake.url[7..],
            &format!("{:032x}", script.known),
            "Internal: disk broken",
            "check its log",
        ],
    );
}

#[tokio::test]
async fn a_hanging_grpc_server_is_left_after_the_timeout() {
    let script = Script {
        hang: true,
        ..script("1.65.0")
    };
    let fake = grpc_server(script.clone()).await;
    let options = SourceOptions {
        timeout: Duration::from_millis(300),
        ..options(&fake.url, NOWHERE)
    };
    let error = open("jaeger", &options)
        .await
        .trace(script.known)
        .await
        .expect_err("hangs")
        .text;
    check_words(&error, &["DeadlineExceeded", "0.3 s"]);
}

#[tokio::test]
async fn what_is_no_jaeger_grpc_is_told_apart() {
    check_words(
        &refused("jaeger", &options(NOWHERE, NOWHERE)).await,
        &["127.0.0.1:1", "16685", "auto"],
    );
    let other = grpc_server(Script {
        services: Err(Status::unimplemented("unknown service")),
        ..script("1.65.0")
    })
    .await;
    check_words(
        &refused("jaeger", &options(&other.url, NOWHERE)).await,
        &["Unimplemented", "16685"],
    );
    let web = http("1.65.0", "").await;
    check_words(
        &refused("jaeger", &options(&web.url, NOWHERE)).await,
        &["16685"],
    );
    let silent = http_server(|_| Reply::Hang).await;
    let options = SourceOptions {
        timeout: Duration::from_millis(300),
        ..options(&silent.url, NOWHERE)
    };
    check_words(&refused("jaeger", &options).await, &["16685"]);
}

#[tokio::test]
async fn json_reads_every_version() {
    for version in ["1.46.0", "1.65.0", "2.20.0"] {
        let fake = http(version, "").await;
        let source = open("jaeger-json", &options(NOWHERE, &fake.url)).await;
        assert_eq!(
            (
                source.info().entry.name,
                source.info().resolution_ns,
                source.info().ui.as_deref()
            ),
            ("jaeger-json", 1_000, None)
        );
        assert_eq!(
            source
                .trace(script(version).known)
                .await
                .expect("the trace")
                .spans
                .len(),
            10,
            "{version}"
        );
        assert_eq!(
            source.trace(42).await.expect("unknown is empty").spans,
            [],
            "{version}"
        );
        assert_eq!(source.services().await, Ok(vec!["standalone".to_owned()]));
        assert_eq!(
            source.loss().await,
            Some(LossCounters {
                received: 7,
                dropped: 2
            })
        );
    }
}

#[tokio::test]
async fn json_keeps_a_base_path() {
    let fake = http("1.65.0", "/ui/jaeger").await;
    let source = open(
        "jaeger-json",
        &options(NOWHERE, &format!("{}/ui/jaeger/", fake.url)),
    )
    .await;
    assert_eq!(
        source
            .trace(script("1.65.0").known)
            .await
            .expect("the trace")
            .spans
            .len(),
        10
    );
    check_words(
        &refused("jaeger-json", &options(NOWHERE, &fake.url)).await,
        &["web page", "base path"],
    );
}

#[tokio::test]
async fn json_falls_back_to_api_v3() {
    let known = script("2.20.0").known;
    let fake = http_server(move |target| match target {
        "/api/v3/services" => Reply::json("{\"services\":[]}"),
        target if target.starts_with(&format!("/api/v3/traces/{known:032x}?start_time=")) => {
            Reply::json(file("2.20.0", "search-trace.v3.json"))
        }
        target if target.starts_with("/api/v3/traces/") => {
            Reply::not_found(file("2.20.0", "trace-404.v3.json"))
        }
        _ => Reply::not_found("404 page not found\n"),
    })
    .await;
    let source = open("jaeger-json", &options(NOWHERE, &fake.url)).await;
    check_words(&source.info().server, &["api_v3"]);
    assert_eq!(source.info().resolution_ns, 1);
    assert_eq!(
        source.trace(known).await.expect("the trace").spans.len(),
        10
    );
    assert_eq!(source.trace(42).await.expect("unknown is empty").spans, []);
}

#[tokio::test]
async fn a_look_alike_may_answer_unknown_ids_with_no_data() {
    let fake = http_server(|_| Reply::json("{\"data\":[],\"errors\":null}")).await;
    let source = open("jaeger-json", &options(NOWHERE, &fake.url)).await;
    assert_eq!(source.trace(42).await.expect("empty").spans, []);
}

/// A server that passes the probe and answers the search trace with `reply`.
async fn json_error(reply: Reply) -> String {
    let known = script("1.46.0").known;
    let fake = http_server(
        move |target| match target.contains(&format!("{known:032x}")) {
            true => reply.clone(),
            false => Reply::not_found(file("1.46.0", "trace-404.json")),
        },
    )
    .await;
    let options = SourceOptions {
        timeout: Duration::from_millis(500),
        ..options(NOWHERE, &fake.url)
    };
    let error = open("jaeger-json", &options)
        .await
        .trace(known)
        .await
        .expect_err("an error")
        .text;
    check_words(
        &error,
        &[&format!("{known:032x}"), &fake.url[7..], "check its log"],
    );
    error
}

#[tokio::test]
async fn wrong_json_replies_say_what_came() {
    check_words(
        &json_error(Reply::Send(
            500,
            "text/plain",
            b"{\"errors\":[{\"msg\":\"unsupported value: NaN\"}]}".to_vec(),
        ))
        .await,
        &["500", "NaN"],
    );
    check_words(
        &json_error(Reply::json("")).await,
        &["200 with an empty body"],
    );
    check_words(
        &json_error(Reply::html("<html>")).await,
        &["200 with a web page"],
    );
    check_words(
        &json_error(Reply::not_found("404 page not found")).await,
        &["404", "page not found"],
    );
    check_words(
        &json_error(Reply::json("{\"data\":[{\"spans\":[{\"traceID\":\"x\"")).await,
        &["JSON can't be read"],
    );
    check_words(&json_error(Reply::Hang).await, &["timed out"]);
    json_error(Reply::Close).await;
}

#[tokio::test]
async fn what_is_no_jaeger_json_is_told_apart() {
    let web = http_server(|_| Reply::html("<html>")).await;
    check_words(
        &refused("jaeger-json", &options(NOWHERE, &web.url)).await,
        &["web page", "16686", &web.url[7..]],
    );
    let guarded = http_server(|_| Reply::Send(401, "text/plain", b"who are you".to_vec())).await;
    check_words(
        &refused("jaeger-json", &options(NOWHERE, &guarded.url)).await,
        &["401", "who are you", "headers"],
    );
    check_words(
        &refused("jaeger-json", &options(NOWHERE, NOWHERE)).await,
        &["127.0.0.1:1", "16686"],
    );
    let grpc = grpc_server(script("1.65.0")).await;
    check_words(
        &refused("jaeger-json", &options(NOWHERE, &grpc.url)).await,
        &["16686"],
    );
}

#[tokio::test]
async fn a_real_ui_is_linked() {
    let known = script("1.46.0").known;
    let fake = http_server(move |target| match target {
        "/" => Reply::html("<html><div id=\"jaeger-ui-root\"></div></html>"),
        target if target.contains(&format!("{known:032x}")) => {
            Reply::json(file("1.46.0", "search-trace.legacy.json"))
        }
        _ => Reply::not_found(file("1.46.0", "trace-404.json")),
    })
    .await;
    let grpc = grpc_server(script("1.46.0")).await;
    for name in ["jaeger", "jaeger-json"] {
        assert_eq!(
            open(name, &options(&grpc.url, &fake.url))
                .await
                .info()
                .ui
                .as_deref(),
            Some(fake.url.as_str()),
            "{name}"
        );
    }
}

#[tokio::test]
async fn the_page_of_a_build_without_ui_is_no_ui() {
    for page in [
        file("1.45.0", "placeholder.html"),
        file("1.65.0", "unknown-path-200.html"),
    ] {
        let fake = http_server(move |target| match target {
            "/" => Reply::html(page.clone()),
            _ => Reply::not_found(file("1.46.0", "trace-404.json")),
        })
        .await;
        assert_eq!(
            open("jaeger-json", &options(NOWHERE, &fake.url))
                .await
                .info()
                .ui,
            None
        );
    }
}

#[tokio::test]
async fn https_where_none_is_spoken_is_an_error_and_no_panic() {
    let fake = grpc_server(script("1.46.0")).await;
    let url = fake.url.replace("http:", "https:");
    for name in ["jaeger", "jaeger-json"] {
        check_words(
            &refused(name, &options(&url, &url)).await,
            &[&url[8..], "does not speak TLS", "[tracing.spans] endpoint"],
        );
    }
}

#[tokio::test]
async fn auto_takes_the_best_of_what_answers() {
    let (grpc, json) = (
        grpc_server(script("1.46.0")).await,
        http("1.46.0", "").await,
    );
    let both = open("auto", &options(&grpc.url, &json.url)).await;
    assert_eq!(
        (both.info().entry.name, both.info().remark.as_str()),
        ("jaeger", "")
    );
    let json_only = open("auto", &options(NOWHERE, &json.url)).await;
    assert_eq!(
        (json_only.info().entry.name, json_only.info().resolution_ns),
        ("jaeger-json", 1_000)
    );
    check_words(
        &json_only.info().remark,
        &["microseconds", "16685", "nanoseconds"],
    );
    assert_eq!(
        json_only
            .trace(script("1.46.0").known)
            .await
            .expect("the trace")
            .spans
            .len(),
        10
    );
    let neither = open("auto", &options(NOWHERE, NOWHERE)).await;
    assert_eq!(neither.info().entry.name, "none");
    check_words(
        &neither.info().remark,
        &["16685", "16686", "tracing.spans endpoint"],
    );
}

#[tokio::test]
async fn an_address_that_cant_be_used_is_an_error_even_for_auto() {
    let options = SourceOptions {
        endpoint: Some("ftp://jaeger".to_owned()),
        ..SourceOptions::default()
    };
    for name in ["auto", "jaeger", "jaeger-json"] {
        check_words(
            &refused(name, &options).await,
            &["ftp", "https://HOST:PORT"],
        );
    }
}
