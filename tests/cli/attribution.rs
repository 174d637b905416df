//! Where the truth is known, the tail is explained by it: the spans of a fake Milvus say which
//! part, and which node, makes one search in ten slow.

use std::time::Duration;

use milvus_bench::{
    milvus::methods,
    null_milvus::{FakeMilvus, Served, Shape, SpanSpec},
};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::Value;

use crate::{
    bench::{Bench, closed_port},
    folder::Folder,
};

/// What a slow search takes, and any other.
const SLOW: Duration = Duration::from_millis(401);
const FAST: Duration = Duration::from_millis(1);
/// Share of a slow search in the consistency wait; the rest is the engine's. A fast one is halved.
const WAIT: f64 = 0.8;
/// The node that the slow ones are on, and the others.
const SLOW_NODE: i64 = 7;
const SLOW_INSTANCE: &str = "7";
const OTHER_NODE: i64 = 8;
/// The shares may be wrong by three percentage points.
const TOLERANCE: f64 = 0.03;

/// The root, the wait within it from its beginning, and the engine up to its end.
fn spans(served: &Served) -> Vec<SpanSpec> {
    let end_ns = served.duration_ns();
    let is_slow = served.number.is_multiple_of(10);
    let waited_ns = (end_ns as f64 * if is_slow { WAIT } else { 0.5 }) as u64;
    let node_id = if is_slow || served.number.is_multiple_of(4) {
        SLOW_NODE
    } else {
        OTHER_NODE
    };
    let span = |service: &str, name: &str, kind, parent, (start_ns, end_ns)| SpanSpec {
        service: service.to_owned(),
        node_id,
        scope: String::new(),
        name: name.to_owned(),
        kind,
        parent,
        start_ns,
        end_ns,
        events: Vec::new(),
    };
    let root = format!("milvus.proto.milvus.MilvusService/{}", served.method.name);
    vec![
        span("proxy", &root, SpanKind::Server, None, (0, end_ns)),
        span(
            "querynode",
            "Delegator-waitTSafe",
            SpanKind::Internal,
            Some(0),
            (0, waited_ns),
        ),
        span(
            "querynode",
            "SegCoreSearch",
            SpanKind::Internal,
            Some(0),
            (waited_ns, end_ns),
        ),
    ]
}

/// A thousand searches, one in ten of them slow.
fn explained() -> (Bench, Folder) {
    let fake = FakeMilvus::start();
    fake.delay_by(&methods::SEARCH, |number| {
        if number.is_multiple_of(10) {
            SLOW
        } else {
            FAST
        }
    });
    let listen = format!("127.0.0.1:{}", closed_port());
    fake.spans_to(&format!("http://{listen}"), Shape::new(spans));
    let embedded = format!("source = \"embedded\"\nlisten = \"{listen}\"");
    let changes = [
        ("source = \"none\"", embedded.as_str()),
        ("settle = \"0s\"", "settle = \"300ms\""),
        ("rate = 50", "rate = 250"),
        ("duration = \"1s\"", "duration = \"4s\""),
    ];
    let bench = Bench::at(&fake, &changes);
    bench.run(&[]).exits(0);
    let folder = bench.only_folder();
    folder.check();
    (bench, folder)
}

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is not a number"))
}

#[test]
fn the_part_and_the_node_that_make_the_tail_slow_are_found() {
    let (_bench, folder) = explained();
    let search = folder.workload("alone", "search");
    let tail = &search["tail"];
    let (top, second) = (&tail["parts"][0], &tail["parts"][1]);
    assert_eq!(
        (top["part"].as_str(), second["part"].as_str()),
        (Some("Delegator-waitTSafe"), Some("SegCoreSearch")),
        "{tail:#}"
    );
    let (slow_ms, fast_ms) = (SLOW.as_secs_f64() * 1e3, FAST.as_secs_f64() * 1e3);
    let grown = WAIT * slow_ms - 0.5 * fast_ms;
    let expected = grown / (slow_ms - fast_ms);
    // Of what Milvus took: on a busy machine the client's own lateness is a part of the tail, too.
    let share = number(&top["share"]) / (number(&top["share"]) + number(&second["share"]));
    assert!(
        (share - expected).abs() < TOLERANCE,
        "{share} instead of {expected}: {tail:#}"
    );
    let shares = search["instances"].as_array().expect("instances").iter();
    let engine: Vec<&Value> = shares.filter(|row| row["area"] == "engine").collect();
    let of = |key: &str| engine.iter().map(|row| number(&row[key])).sum::<f64>();
    let slow = engine
        .iter()
        .find(|row| row["instance"].as_str() == Some(SLOW_INSTANCE))
        .expect("the slow node");
    assert!(
        (number(&slow["tail_mean_us"]) / of("tail_mean_us") - 1.0).abs() < TOLERANCE,
        "{engine:#?}"
    );
    // One fast search in four, of which the numbers that are slow are none.
    let body = number(&slow["body_mean_us"]) / of("body_mean_us");
    assert!((0.1..0.4).contains(&body), "{body}: {engine:#?}");
    let advice = search["advice"].as_array().expect("advice");
    let named = |code: &str, words: &str| {
        advice.iter().any(|advice| {
            advice["code"] == code
                && advice["sentence"]
                    .as_str()
                    .is_some_and(|text| text.contains(words))
        })
    };
    assert!(named("one_node", "is on querynode 7"), "{advice:#?}");
    assert!(named("consistency_wait", "of the time"), "{advice:#?}");
}
