//! A bare client on tonic's channel: what the usual gRPC client of Rust costs, without recording,
//! trace context or schedule.
//!
//! `cargo bench --bench bare_tonic -- URI IN_FLIGHT SECONDS BODY_FILE CONNECTIONS` is to tonic what
//! `benches/bare_h2.rs` is to `h2`: the same body again and again, one thread, the reply as bytes;
//! prints the same line of JSON.

#![allow(clippy::print_stdout)]

use std::{cell::Cell, rc::Rc, time::Duration};

use bytes::Bytes;
use http::uri::PathAndQuery;
use milvus_bench::milvus::BytesCodec;
use rustix::time::{ClockId, clock_gettime};
use tokio::time::Instant;
use tonic::{
    Request,
    client::Grpc,
    transport::{Channel, Endpoint},
};

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    let [uri, in_flight, seconds, body_file, connections] = &arguments[..] else {
        println!(
            "bare_tonic: no arguments, nothing is measured; see the head of benches/bare_tonic.rs"
        );
        return;
    };
    let number = |text: &String| text.parse::<f64>().expect("a number");
    let options = tokio::runtime::LocalOptions::default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(options)
        .expect("a runtime");
    runtime.block_on(measure(
        uri.clone(),
        number(in_flight) as usize,
        Duration::from_secs_f64(number(seconds)),
        std::fs::read(body_file).expect("the body").into(),
        number(connections) as usize,
    ));
}

async fn measure(uri: String, in_flight: usize, length: Duration, body: Bytes, connections: usize) {
    let done = Rc::new(Cell::new(0));
    let began = Instant::now();
    let cpu = cpu();
    let mut tasks = Vec::new();
    for number in 0..connections {
        let endpoint = Endpoint::from_shared(uri.clone())
            .expect("a URI")
            .tcp_nodelay(true);
        let endpoint = endpoint
            .initial_stream_window_size(8 << 20)
            .initial_connection_window_size(64 << 20);
        let channel = endpoint.connect().await.expect("a connection");
        for _ in (number..in_flight).step_by(connections) {
            tasks.push(tokio::task::spawn_local(calls(
                channel.clone(),
                body.clone(),
                began + length,
                Rc::clone(&done),
            )));
        }
    }
    for task in tasks {
        task.await.expect("no panic");
    }
    let (elapsed, cpu) = (began.elapsed().as_secs_f64(), self::cpu() - cpu);
    let requests = done.get() as f64;
    println!(
        "{{\"per_second\": {:.0}, \"cpu_us\": {:.3}, \"busy\": {:.3}, \"requests\": {requests}}}",
        requests / elapsed,
        cpu * 1e6 / requests,
        cpu / elapsed
    );
}

async fn calls(channel: Channel, body: Bytes, until: Instant, done: Rc<Cell<u64>>) {
    let path = PathAndQuery::from_static("/milvus.proto.milvus.MilvusService/Search");
    // Its buffer has the size that tonic's own codecs give theirs.
    let codec = BytesCodec {
        body_bytes: (8 << 10) - 5,
    };
    let mut client = Grpc::new(channel);
    while Instant::now() < until {
        client.ready().await.expect("ready");
        client
            .unary(Request::new(body.clone()), path.clone(), codec)
            .await
            .expect("a reply");
        done.set(done.get() + 1);
    }
}

fn cpu() -> f64 {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}
