//! A span costs the same in traces of any size and shape, in every pass over them: written, read,
//! judged, joined, accounted, folded, drawn.
//!
//! Measured in processor time of the thread, which other programs do not change, and against itself
//! at another size.

use std::{fmt::Write as _, sync::Arc};

use crate::{
    analysis::{
        run::analyse,
        testing::{
            TraceMaker, resource,
            run::{Made, RunMaker},
        },
        traces::waterfall::waterfall,
    },
    record::{RequestLine, RunReader},
    spans::{
        AttributeValue, SpanKind, SpanReader, SpanResource, SpanWriter, Trace, is_whole,
        scale::mean_ns,
    },
};

/// How many times as long a span may take in a larger trace. Sorting and memory that is further
/// away make it two or three; whatever looks at all other spans for each one would make it a
/// hundred.
const FACTOR: f64 = 10.0;
/// What every shape is tried with: a thirtieth and the whole of a trace that is far larger than any
/// of Milvus.
const SIZES: [u64; 2] = [2_000, 60_000];
/// What a chain is tried with besides.
const CHAINS: [u64; 2] = [20_000, 280_000];
const SEARCH: &str = "milvus.proto.milvus.MilvusService/Search";

/// A search whose server root has room for `spans`, numbered from 3 on.
fn search(spans: u64) -> TraceMaker {
    let end = 10 * spans as i64 + 1_000;
    TraceMaker::search(end + 1_000, (100, end))
}

/// A run of one request with a trace of a size.
struct OfSize {
    folder: tempfile::TempDir,
    reader: RunReader,
    trace: Trace,
    line: RequestLine,
    client: u64,
    spans: u64,
}

impl OfSize {
    fn new(trace: &TraceMaker, spans: u64) -> Self {
        let mut run = RunMaker::new(false);
        run.traced(Made::ok(0, 0, 10 * spans + 2_000), trace);
        let (folder, reader) = run.write();
        let (trace, line) = (run.traces.remove(0), run.lines.remove(0));
        let client = u64::from_str_radix(&line.span_id, 16).expect("hex digits");
        Self {
            folder,
            reader,
            trace,
            line,
            client,
            spans,
        }
    }

    /// Written, read, and judged as the fetch does.
    fn files(&self) {
        let path = self.folder.path().join("spans.jsonl");
        let mut writer = SpanWriter::create(&path, crate::record::own_file).expect("a file");
        writer.write(&self.trace).expect("written");
        writer.finish().expect("named");
        let read: Vec<Trace> = SpanReader::open(&path)
            .expect("the file")
            .map(|trace| trace.expect("a trace"))
            .collect();
        assert!(is_whole(&read[0], self.client) || read.len() == 1);
    }

    /// Joined, accounted, folded.
    fn analysis(&self, trace: Trace) {
        let analysis = analyse(&self.reader, std::iter::once(trace)).expect("an analysis");
        assert_eq!(analysis.workloads[0].join.map(|join| join.sampled), Some(1));
    }

    fn drawing(&self) {
        let drawn = waterfall(&self.reader, &self.trace, &self.line).rows.len();
        assert!(
            drawn as u64 >= self.spans.min(1_000),
            "{drawn} of {}",
            self.spans
        );
    }

    /// Mean processor time of a span in each pass, nanoseconds.
    fn per_span_ns(&self) -> [(&'static str, f64); 3] {
        let times = [
            ("files", mean_ns(|| (), |()| self.files())),
            (
                "analysis",
                mean_ns(|| self.trace.clone(), |trace| self.analysis(trace)),
            ),
            ("drawing", mean_ns(|| (), |()| self.drawing())),
        ];
        times.map(|(pass, time)| (pass, time / self.spans as f64))
    }
}

#[track_caller]
fn check(make: &dyn Fn(u64) -> TraceMaker) {
    check_sizes(SIZES, make);
}

#[track_caller]
fn check_sizes(sizes: [u64; 2], make: &dyn Fn(u64) -> TraceMaker) {
    let [small, large] = sizes.map(|size| OfSize::new(&make(size), size).per_span_ns());
    let slow = small
        .iter()
        .zip(&large)
        .any(|((_, small), (_, large))| *large > FACTOR * small);
    assert!(
        !slow,
        "nanoseconds of a span in traces of {sizes:?}: {small:?}, {large:?}"
    );
}

/// A name of letters: digits would make all of them one.
fn letters(mut number: u64) -> String {
    let mut name = "of ".to_owned();
    while number > 0 {
        name.push((b'a' + (number % 26) as u8) as char);
        number /= 26;
    }
    name
}

#[test]
fn a_chain_of_nested_spans() {
    let chain = |spans| {
        let mut trace = search(spans);
        for at in 0..spans {
            let (start, end) = (200 + at as i64, 200 + 2 * spans as i64 - at as i64);
            trace.internal(
                (at + 3, at + 2),
                ["SearchTask", "Frobnicate"][at as usize % 2],
                (start, end),
            );
        }
        trace
    };
    check_sizes(SIZES, &chain);
    check_sizes(CHAINS, &chain);
}

#[test]
fn a_chain_of_handlers() {
    check(&|spans| {
        let mut trace = search(spans);
        let proxy = resource("proxy", 1);
        for at in 0..spans {
            trace.add(
                (at + 3, at + 2),
                (SEARCH, SpanKind::Server),
                (200 + at as i64, 200 + 2 * spans as i64 - at as i64),
                &proxy,
            );
        }
        trace
    });
}

#[test]
fn a_chain_of_calls_between_hosts_with_clocks_of_their_own() {
    check(&|spans| {
        let mut trace = search(spans);
        let hosts: Vec<Arc<SpanResource>> =
            (1..8).map(|node| resource("querynode", node)).collect();
        for at in 0..spans {
            let off = 7 * (at % 7) as i64;
            let times = (
                200 + at as i64 + off,
                200 + 2 * spans as i64 - at as i64 + off,
            );
            trace.add(
                (at + 3, at + 2),
                ("LoadIndex", SpanKind::Internal),
                times,
                &hosts[at as usize % 7],
            );
        }
        trace
    });
}

#[test]
fn a_chain_of_spans_that_start_when_all_above_but_the_root_are_over() {
    check(&|spans| {
        let mut trace = search(spans);
        (0..spans).for_each(|at| {
            _ = trace.internal(
                (at + 3, at + 2),
                "schedule-it",
                (200 + 2 * at as i64, 201 + 2 * at as i64),
            )
        });
        trace
    });
}

#[test]
fn late_spans_below_a_staircase_of_ends() {
    check(&|spans| {
        let mut trace = search(spans);
        let half = spans / 2;
        for at in 0..half {
            trace.internal(
                (at + 3, at + 2),
                "SearchTask",
                (200, 200 + 2 * half as i64 - at as i64),
            );
        }
        for at in half..spans {
            // Its nearest ancestor that still runs is anywhere on the way up.
            let start = 201 + half as i64 + (at * 7_919 % half) as i64;
            trace.engine((at + 3, half + 2), (start, start + 1));
        }
        trace
    });
}

#[test]
fn siblings_within_each_other() {
    check(&|spans| {
        let mut trace = search(spans);
        for at in 0..spans {
            let times = (200 + at as i64, 200 + 2 * spans as i64 - at as i64);
            trace.internal(
                (at + 3, 2),
                ["SearchTask", "Frobnicate"][at as usize % 2],
                times,
            );
        }
        trace
    });
}

#[test]
fn siblings_that_overlap_and_contain_none() {
    check(&|spans| {
        let mut trace = search(spans);
        for at in 0..spans {
            let start = 200 + 4 * at as i64;
            trace.internal(
                (at + 3, 2),
                ["SearchTask", "Frobnicate", "reduceResults"][at as usize % 3],
                (start, start + 5 + (at % 3) as i64),
            );
        }
        trace
    });
}

#[test]
fn siblings_that_belong_at_the_bottom_of_a_chain() {
    check(&|spans| {
        let mut trace = search(spans);
        let half = spans / 2;
        for at in 0..half {
            trace.internal(
                (at + 3, at + 2),
                "SearchTask",
                (200 + at as i64, 200 + 4 * spans as i64 - at as i64),
            );
        }
        for at in half..spans {
            let start = 200 + 2 * at as i64;
            trace.internal((at + 3, 2), "Frobnicate", (start, start + 1));
        }
        trace
    });
}

#[test]
fn calls_that_fail_side_by_side() {
    check(&|spans| {
        let mut trace = search(spans);
        for at in 0..spans {
            let start = 200 + 5 * at as i64;
            let kind = if at % 10 == 9 {
                SpanKind::Internal
            } else {
                SpanKind::Client
            };
            trace.add(
                (at + 3, 2),
                ("etcdserverpb.KV/Range", kind),
                (start, start + 3),
                &resource("proxy", 1),
            );
            trace.with(|span| {
                span.status = if at % 3 == 0 { 2 } else { 0 };
                let address = |key: &str, value: u64| {
                    (key.to_owned(), AttributeValue::Text(value.to_string()))
                };
                span.attributes = vec![
                    address("network.peer.address", at % 50),
                    address("network.peer.port", 1),
                ];
            });
        }
        trace
    });
}

#[test]
fn one_call_with_any_number_of_answers() {
    check(&|spans| {
        let mut trace = search(spans);
        let method = "milvus.proto.query.QueryNode/Search";
        trace.add(
            (3, 2),
            (method, SpanKind::Client),
            (200, 200 + 9 * spans as i64),
            &resource("proxy", 1),
        );
        for at in 1..spans {
            let start = 200 + 4 * at as i64;
            trace.add(
                (at + 3, 3),
                (method, SpanKind::Server),
                (start, start + 3),
                &resource("querynode", 1 + at as i64 % 5),
            );
        }
        trace
    });
}

#[test]
fn spans_of_which_each_has_its_own_name_and_process() {
    check(&|spans| {
        let mut trace = search(spans);
        for at in 0..spans {
            let start = 200 + 4 * at as i64;
            let pod = ("k8s.pod.name".to_owned(), AttributeValue::Text(letters(at)));
            let process = Arc::new(SpanResource {
                service: letters(at % 1_000),
                attributes: vec![pod],
            });
            trace.add(
                (at + 3, 2),
                (&letters(at), SpanKind::Internal),
                (start, start + 3),
                &process,
            );
            trace.with(|span| span.scope = letters(at));
        }
        trace
    });
}

#[test]
fn spans_of_one_process_with_any_number_of_attributes_and_events() {
    check(&|spans| {
        let mut trace = search(spans);
        let attributes = (0..spans / 20)
            .map(|at| (letters(at), AttributeValue::Int(1)))
            .collect();
        let process = Arc::new(SpanResource {
            service: "querynode".to_owned(),
            attributes,
        });
        for at in 0..spans {
            let start = 200 + 4 * at as i64;
            trace.add(
                (at + 3, 2),
                ("segmentPrune", SpanKind::Internal),
                (start, start + 3),
                &process,
            );
        }
        for at in 0..spans {
            trace.event(
                "search segments done, segmentIDs = [1 2 3]",
                200 + at as i64,
            );
        }
        trace
    });
}

#[test]
fn orphans_and_other_roots() {
    check(&|spans| {
        let mut trace = search(spans);
        for at in 0..spans {
            let start = 200 + 4 * at as i64;
            let (name, kind) = if at % 2 == 0 {
                (SEARCH, SpanKind::Server)
            } else {
                ("SearchTask", SpanKind::Internal)
            };
            trace.add(
                (at + 3, 1_000_000 + at),
                (name, kind),
                (start, start + 3),
                &resource("proxy", 1),
            );
        }
        // What hangs on nothing is not drawn.
        trace.internal((2_000_000, 2), "SearchTask", (200, 300));
        (0..spans).for_each(|at| {
            _ = trace.internal((3_000_000 + at, 2_000_000), "reduceResults", (200, 201))
        });
        trace
    });
}

#[test]
fn a_long_name_costs_its_length() {
    let [short, long] = [20_000usize, 2_000_000].map(|length| {
        let mut trace = search(2_000);
        let mut name = String::with_capacity(length + 8);
        while name.len() < length {
            let _ = write!(name, "a1-b/{}", name.len());
        }
        trace
            .internal((3, 2), &name, (200, 300))
            .internal((4, 3), &name, (210, 290));
        let sized = OfSize::new(&trace, 2);
        let analysis =
            analyse(&sized.reader, std::iter::once(sized.trace.clone())).expect("an analysis");
        let longest = analysis.workloads[0].account[0]
            .parts
            .iter()
            .map(|part| part.part.len())
            .max();
        assert!(longest.is_some_and(|longest| longest < 600), "{longest:?}");
        sized
            .per_span_ns()
            .map(|(_, time)| time)
            .iter()
            .sum::<f64>()
    });
    // A hundred times as long.
    assert!(long < FACTOR * 100.0 * short, "{long} for {short}");
}
