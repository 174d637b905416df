//! What lies between the client and the trace back end and spoils the traces: a mesh that meddles
//! with the trace context, or a store that loses. The report's reason is the right one of them.

use milvus_bench::null_milvus::{FakeMilvus, Shape};
use tokio::runtime::Runtime;

use crate::{
    bench::Bench,
    support::{
        mesh::{self, Meddle},
        trace_backend::TraceBackend,
    },
};

/// A Milvus that traces into a back end which has spans of it already, behind a mesh.
struct Chain {
    runtime: Runtime,
    fake: FakeMilvus,
    backend: TraceBackend,
}

impl Chain {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let (fake, backend) = (FakeMilvus::start(), runtime.block_on(TraceBackend::start()));
        fake.spans_to(&backend.otlp(), Shape::v2_3_5());
        backend.knows_service("standalone");
        Self {
            runtime,
            fake,
            backend,
        }
    }

    /// Runs through `meddle`; code and advice of each reason that the workload's spans gave.
    fn reasons(&self, meddle: Meddle) -> Vec<(String, String)> {
        let mesh = self
            .runtime
            .block_on(mesh::before(&self.fake.uri(), meddle));
        let (export, spans) = (self.backend.otlp(), self.backend.http());
        let export = format!("export = \"{export}\"");
        let source = format!("source = \"jaeger-json\"\nendpoint = \"{spans}\"");
        let bench = Bench::at(
            &self.fake,
            &[
                ("export = \"off\"", export.as_str()),
                ("source = \"none\"", source.as_str()),
                ("settle = \"0s\"", "settle = \"300ms\""),
            ],
        );
        bench.run(&["--uri", &mesh]).exits(0);
        let report = bench.only_folder().report();
        let reasons = report["verdict"]["reasons"].as_array().expect("reasons");
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        reasons
            .iter()
            .filter(|reason| reason["at"] == "alone/search")
            .map(|reason| (text(&reason["code"]), text(&reason["advice"])))
            .collect()
    }

    #[track_caller]
    fn check(&self, meddle: Meddle, code: &str, words: &[&str]) {
        let reasons = self.reasons(meddle);
        let found = reasons.iter().find(|(found, _)| found == code);
        assert!(
            found.is_some_and(|(_, advice)| words.iter().all(|word| advice.contains(word))),
            "no {code} with {words:?} in {reasons:#?}"
        );
    }
}

#[test]
fn a_mesh_that_meddles_with_the_trace_context_is_named() {
    for meddle in [
        mesh::clears_the_flag,
        mesh::drops_the_header,
        mesh::begins_another_trace,
        mesh::speaks_b3,
        mesh::samples_by_itself,
    ] {
        Chain::start().check(meddle, "sampling_changed", &["mesh", "`traceparent`"]);
    }
}

#[test]
fn a_mesh_that_puts_its_own_span_in_is_named_as_that() {
    Chain::start().check(
        mesh::puts_its_span_in,
        "no_spans",
        &["its own span into `traceparent`"],
    );
}

#[test]
fn a_store_that_loses_is_not_called_a_mesh() {
    let whole = Chain::start();
    whole.backend.loses_every_trace(1);
    whole.check(|_| {}, "no_spans", &["loses whole traces"]);
    let some = Chain::start();
    some.backend.loses_every_trace(2);
    some.check(|_| {}, "unmatched", &["dropped whole traces"]);
    let in_part = Chain::start();
    in_part.fake.lose_span("SearchTask", 2);
    in_part.check(|_| {}, "unmatched", &["stayed incomplete"]);
}
