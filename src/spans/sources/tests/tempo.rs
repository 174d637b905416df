//! Source `tempo` against a server that answers as Tempo's documentation and source say; the traces
//! in its replies are genuine ones of Milvus.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use opentelemetry_proto::tonic::trace::v1::TracesData;
use prost::Message;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::fake_jaeger::{Fake, Reply, http_server, http_server_by_head};
use super::genuine::{file, messages, trace_id};
use super::opened::{check_words, http, open, refused};
use crate::spans::{
    Again, FetchRules, SourceOptions, SpanSource, Trace, Wanted, fetch, find_source, open_until,
    sign_at,
};

const PROTOBUF: &str = "application/protobuf";
const NO_ROUTE: &str = "404 page not found\n";
const WHY_PARTIAL: &str =
    "Trace exceeds maximum size of 5000000 bytes, a partial trace is returned";

/// A Tempo of a version, with one trace.
#[derive(Clone)]
struct Tempo {
    /// Whether it has `/api/v2/traces`.
    v2: bool,
    /// Whether it sends JSON whatever is asked for.
    json: bool,
    /// Whether its JSON has ids and kinds as protobuf's own JSON has them, and older names.
    older_json: bool,
    partial: bool,
    tenant: Option<&'static str>,
}

const USUAL: Tempo = Tempo {
    v2: true,
    json: false,
    older_json: false,
    partial: false,
    tenant: None,
};

fn known() -> u128 {
    trace_id(&file("1.65.0", "search-trace.get-v2.bin"))
}

fn data() -> TracesData {
    let parts: Vec<TracesData> = messages(&file("1.65.0", "search-trace.get-v3.bin"));
    TracesData {
        resource_spans: parts
            .into_iter()
            .flat_map(|part| part.resource_spans)
            .collect(),
    }
}

/// `tempopb.TraceByIDResponse` by hand, so that the reader's own type does not prove itself.
fn trace_by_id(trace: &TracesData, partial: bool) -> Vec<u8> {
    let field = |number: u8, bytes: &[u8]| {
        let mut out = vec![number << 3 | 2];
        prost::encoding::encode_varint(bytes.len() as u64, &mut out);
        out.extend_from_slice(bytes);
        out
    };
    let mut out = field(1, &trace.encode_to_vec());
    // Field 2 has metrics, of which the first is the number of bytes that were looked at.
    out.extend(field(2, &[0x08, 0x2a]));
    if partial {
        out.extend([3 << 3, 1]);
        out.extend(field(4, WHY_PARTIAL.as_bytes()));
    }
    out
}

/// Groups of spans as protobuf's own JSON has them: ids in base64, names of kinds and codes.
fn older_json(groups: &mut Value) {
    let base64 = |id: &mut Value| {
        let hex = id.as_str().expect("an id").to_owned();
        let bytes: Vec<u8> = (0..hex.len() / 2)
            .map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("hex digits"))
            .collect();
        *id = json!(STANDARD.encode(bytes));
    };
    for group in groups.as_array_mut().expect("a list") {
        let mut scopes = group["scopeSpans"].take();
        for scope in scopes.as_array_mut().expect("a list") {
            for span in scope["spans"].as_array_mut().expect("a list") {
                for key in ["traceId", "spanId", "parentSpanId"] {
                    base64(&mut span[key]);
                }
                span["kind"] = match span["kind"].as_i64() {
                    Some(2) => json!("SPAN_KIND_SERVER"),
                    Some(3) => json!("SPAN_KIND_CLIENT"),
                    _ => json!("SPAN_KIND_INTERNAL"),
                };
                if span["status"]["code"] == json!(2) {
                    span["status"]["code"] = json!("STATUS_CODE_ERROR");
                }
            }
            scope["instrumentationLibrary"] = scope["scope"].take();
        }
        group["instrumentationLibrarySpans"] = scopes;
        group.as_object_mut().expect("a group").remove("scopeSpans");
    }
}

impl Tempo {
    async fn start(self) -> Fake {
        http_server_by_head(move |target, head| self.answer(target, head)).await
    }

    fn answer(&self, target: &str, head: &str) -> Reply {
        let plain = |status, text: &str| Reply::Send(status, "text/plain", text.into());
        match target {
            "/api/echo" => return plain(200, "echo"),
            "/ready" => return plain(200, "ready\n"),
            "/api/status/buildinfo" => {
                return Reply::json(json!({"version": "2.7.1", "goVersion": "x"}).to_string());
            }
            _ => {}
        }
        let has = |tenant: &str| head.contains(&format!("x-scope-orgid: {tenant}\r\n"));
        if self.tenant.is_some_and(|tenant| !has(tenant)) {
            return plain(401, "no org id\n");
        }
        if target == "/api/search/tag/service.name/values" {
            return Reply::json(json!({"tagValues": ["milvus-bench", "standalone"]}).to_string());
        }
        let asked_for = |path: &str| {
            let id = target.strip_prefix(path)?;
            u128::from_str_radix(id, 16).ok()
        };
        let json = self.json || !head.contains("accept: application/protobuf\r\n");
        match (asked_for("/api/v2/traces/"), asked_for("/api/traces/")) {
            (Some(id), _) if self.v2 => self.v2_reply(id == known(), json),
            (None, Some(id)) if id == known() => self.v1_reply(json),
            // What a combiner of no parts gives, in versions of different words.
            (None, Some(_)) => Reply::not_found(if self.json { "trace not found" } else { "" }),
            _ => Reply::not_found(NO_ROUTE),
        }
    }

    /// Of an unknown id too the status is 200, and the trace is empty.
    fn v2_reply(&self, is_known: bool, json: bool) -> Reply {
        let trace = if is_known {
            data()
        } else {
            TracesData::default()
        };
        let partial = self.partial && is_known;
        if !json {
            return Reply::Send(200, PROTOBUF, trace_by_id(&trace, partial));
        }
        let mut reply = json!({"trace": {}, "metrics": {}});
        if is_known {
            let mut groups = serde_json::to_value(&trace).expect("writes")["resourceSpans"].take();
            if self.older_json {
                older_json(&mut groups);
            }
            reply["trace"]["resourceSpans"] = groups;
        }
        if partial {
            reply["status"] = json!("PARTIAL");
            reply["message"] = json!(WHY_PARTIAL);
        }
        Reply::json(reply.to_string())
    }

    fn v1_reply(&self, json: bool) -> Reply {
        if !json {
            return Reply::Send(200, PROTOBUF, data().encode_to_vec());
        }
        let mut groups = serde_json::to_value(data()).expect("writes")["resourceSpans"].take();
        if self.older_json {
            older_json(&mut groups);
        }
        Reply::json(json!({ "batches": groups }).to_string())
    }
}

fn options(fake: &Fake) -> SourceOptions {
    SourceOptions {
        endpoint: Some(fake.url.clone()),
        timeout: Duration::from_secs(5),
        ..SourceOptions::default()
    }
}

async fn opened(tempo: Tempo) -> (Fake, Box<dyn SpanSource>) {
    let fake = tempo.start().await;
    let source = open("tempo", &options(&fake)).await;
    (fake, source)
}

/// The spans as gRPC of Jaeger gives them, which other tests prove.
async fn expected() -> Trace {
    let script = super::opened::script("1.65.0");
    let fake = super::fake_jaeger::grpc_server(script).await;
    let jaeger = SourceOptions {
        grpc: Some(fake.url.clone()),
        ..options(&fake)
    };
    let source = open("jaeger", &jaeger).await;
    source.trace(known()).await.expect("a trace")
}

#[tokio::test]
async fn every_api_and_form_gives_the_same_spans() {
    let expected = expected().await;
    assert!(expected.spans.len() > 5);
    for v2 in [true, false] {
        for (json, older_json) in [(false, false), (true, false), (true, true)] {
            let (_fake, source) = opened(Tempo {
                v2,
                json,
                older_json,
                ..USUAL
            })
            .await;
            let api = if v2 {
                "Tempo 2.7.1 API v2 at"
            } else {
                "Tempo 2.7.1 API v1 at"
            };
            check_words(&source.info().server, &[api]);
            assert_eq!((source.info().resolution_ns, &source.info().ui), (1, &None));
            let trace = source.trace(known()).await.expect("a trace");
            assert_eq!(trace, expected, "v2 {v2}, json {json}, older {older_json}");
            // Not known is not there, or not yet, and no error.
            let unknown = source.trace(2).await.expect("an answer");
            assert!(unknown.spans.is_empty(), "{unknown:?}");
            assert_eq!(source.refused(), None);
        }
    }
}

#[tokio::test]
async fn a_partial_trace_is_delivered_and_told() {
    for json in [false, true] {
        let (_fake, source) = opened(Tempo {
            partial: true,
            json,
            ..USUAL
        })
        .await;
        let trace = source.trace(known()).await.expect("a trace");
        assert!(!trace.spans.is_empty());
        let told = source.refused().expect("told");
        check_words(
            &told,
            &["in part", WHY_PARTIAL, &format!("{:032x}", known())],
        );
    }
}

#[tokio::test]
async fn a_tempo_with_tenants_is_told_which() {
    let fake = Tempo {
        tenant: Some("team-a"),
        ..USUAL
    }
    .start()
    .await;
    check_words(
        &refused("tempo", &options(&fake)).await,
        &["401", "no org id", "x-scope-orgid"],
    );
    let with = SourceOptions {
        headers: vec![("x-scope-orgid".to_owned(), "team-a".to_owned())],
        ..options(&fake)
    };
    let source = open("tempo", &with).await;
    assert!(
        !source
            .trace(known())
            .await
            .expect("a trace")
            .spans
            .is_empty()
    );
    assert_eq!(
        source.services().await.expect("a list"),
        ["milvus-bench", "standalone"]
    );
}

#[tokio::test]
async fn a_tempo_that_is_not_ready_is_waited_for() {
    let asked = AtomicUsize::new(0);
    let fake = http_server_by_head(move |target, head| match target {
        "/ready" => Reply::Send(503, "text/plain", b"Ingester not ready: waiting".to_vec()),
        _ if target.starts_with("/api/v2/") && asked.fetch_add(1, Ordering::SeqCst) == 0 => {
            Reply::Send(500, "text/plain", b"empty ring\n".to_vec())
        }
        _ => USUAL.answer(target, head),
    })
    .await;
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let say = |error: &crate::spans::SpanError| told.lock().expect("no panic").push(error.clone());
    let entry = find_source("tempo").expect("a row");
    let deadline = Instant::now() + Duration::from_secs(60);
    open_until(entry, &options(&fake), deadline, &say)
        .await
        .expect("opens");
    let told = told.lock().expect("no panic");
    assert_eq!((told.len(), told[0].again), (1, Again::Later(None)));
    check_words(&told[0].text, &["not ready", "Ingester not ready: waiting"]);
}

#[tokio::test]
async fn a_trace_that_is_known_late_is_polled_for() {
    // More often than a source is asked whose silence means that a trace is lost.
    const SILENT: usize = 12;
    let asked = AtomicUsize::new(0);
    let older = Tempo { v2: false, ..USUAL };
    let fake = http_server_by_head(move |target, head| {
        let known = target == format!("/api/traces/{:032x}", known());
        if known && asked.fetch_add(1, Ordering::SeqCst) < SILENT {
            return Reply::not_found("");
        }
        older.answer(target, head)
    })
    .await;
    let source = open("tempo", &options(&fake)).await;
    let wanted = vec![Wanted {
        trace_id: known(),
        client_span_id: 1,
        group: 0,
        age: Duration::ZERO,
    }];
    let rules = FetchRules {
        second_look_after: Duration::from_millis(1),
        ..FetchRules::new(Instant::now(), Duration::ZERO, Duration::from_secs(60))
    };
    let mut spans = 0;
    let mut write = |trace: &Trace| {
        spans = trace.spans.len();
        Ok(())
    };
    let counters = fetch(source.as_ref(), wanted, rules, &|_| {}, &mut write)
        .await
        .expect("writing works");
    assert!(
        spans > 5 && counters.looks as usize > SILENT,
        "{counters:?}"
    );
}

#[tokio::test]
async fn a_route_that_is_gone_is_no_absent_trace() {
    let asked = AtomicUsize::new(0);
    let fake = http_server_by_head(move |target, head| {
        if target.starts_with("/api/v2/") && asked.fetch_add(1, Ordering::SeqCst) > 0 {
            return Reply::not_found(NO_ROUTE);
        }
        USUAL.answer(target, head)
    })
    .await;
    let source = open("tempo", &options(&fake)).await;
    let error = source.trace(known()).await.expect_err("no answer");
    assert_eq!(error.again, Again::Perhaps);
    check_words(&error.text, &["404", "page not found"]);
}

#[tokio::test]
async fn what_is_no_tempo_is_named_as_such() {
    let pages = http_server(|_| Reply::html("<html>another server</html>")).await;
    check_words(
        &refused("tempo", &options(&pages)).await,
        &["is not Tempo", "web page"],
    );
    let nowhere = SourceOptions {
        endpoint: Some(super::opened::NOWHERE.to_owned()),
        ..SourceOptions::default()
    };
    check_words(
        &refused("tempo", &nowhere).await,
        &["no Tempo answers", "3200"],
    );
}

#[tokio::test]
async fn a_jaeger_is_known_where_a_tempo_was_expected() {
    let jaeger = http("1.65.0", "").await;
    let found = sign_at(&jaeger.url, &SourceOptions::default()).await;
    assert_eq!(
        found.map(|(entry, server)| (entry.name, server)),
        Some(("auto", "Jaeger"))
    );
    check_words(
        &refused("tempo", &options(&jaeger)).await,
        &["is Jaeger", "set tracing.spans source = \"auto\""],
    );
}

#[tokio::test]
async fn a_tempo_is_known_where_another_source_was_expected() {
    let fake = USUAL.start().await;
    let found = sign_at(&fake.url, &SourceOptions::default()).await;
    assert_eq!(
        found.map(|(entry, server)| (entry.name, server)),
        Some(("tempo", "Grafana Tempo"))
    );
    let words = ["is Grafana Tempo", "set tracing.spans source = \"tempo\""];
    for name in ["jaeger", "jaeger-json"] {
        check_words(&refused(name, &options(&fake)).await, &words);
    }
    let without = open("auto", &options(&fake)).await;
    check_words(&without.info().remark, &words);
}

#[tokio::test]
async fn spans_of_another_trace_are_an_error() {
    let fake = http_server_by_head(|target, head| {
        let other = target.replace(&format!("{:032x}", 5), &format!("{:032x}", known()));
        USUAL.answer(&other, head)
    })
    .await;
    let source = open("tempo", &options(&fake)).await;
    let error = source.trace(5).await.expect_err("none of it is wanted");
    check_words(&error.text, &["belongs to the trace"]);
}
