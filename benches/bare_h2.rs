//! A bare `h2` client: what HTTP/2 itself costs, without recording, trace context, timeouts or
//! schedule.
//!
//! `cargo bench --bench bare_h2 -- URI IN_FLIGHT SECONDS BODY_BYTES CONNECTIONS` sends searches of
//! 128 or more dimensions to a null Milvus and prints one line of JSON: requests per second, CPU
//! microseconds of this process per request, share of one core. `benches/engine.py` runs it beside
//! the other clients.

#![allow(clippy::print_stdout)]

use std::{cell::Cell, rc::Rc, time::Duration};

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Request, Version};
use rustix::time::{ClockId, clock_gettime};
use tokio::{net::TcpStream, time::Instant};

/// What every task of the client needs.
struct Load {
    sender: h2::client::SendRequest<Bytes>,
    body: Bytes,
    authority: String,
    headers: HeaderMap,
    until: Instant,
    done: Rc<Cell<u64>>,
}

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    let [uri, in_flight, seconds, body_file, connections] = &arguments[..] else {
        println!("bare_h2: no arguments, nothing is measured; see the head of benches/bare_h2.rs");
        return;
    };
    let number = |text: &String| text.parse::<f64>().expect("a number");
    let options = tokio::runtime::LocalOptions::default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(options)
        .expect("a runtime");
    runtime.block_on(measure(
        uri.trim_start_matches("http://").to_owned(),
        number(in_flight) as usize,
        Duration::from_secs_f64(number(seconds)),
        &std::fs::read(body_file).expect("the body"),
        number(connections) as usize,
    ));
}

async fn measure(
    authority: String,
    in_flight: usize,
    length: Duration,
    body: &[u8],
    connections: usize,
) {
    let done = Rc::new(Cell::new(0));
    let mut framed = BytesMut::new();
    framed.put_u8(0);
    framed.put_u32(body.len() as u32);
    framed.put_slice(body);
    let body = framed.freeze();
    let mut headers = HeaderMap::new();
    headers.insert("te", HeaderValue::from_static("trailers"));
    headers.insert("content-type", HeaderValue::from_static("application/grpc"));
    headers.insert("user-agent", HeaderValue::from_static("bare-h2"));
    let began = Instant::now();
    let cpu = cpu();
    let mut tasks = Vec::new();
    for number in 0..connections {
        let tcp = TcpStream::connect(&authority).await.expect("a connection");
        tcp.set_nodelay(true).expect("no delay");
        let (sender, connection) = h2::client::Builder::new()
            .initial_window_size(8 << 20)
            .initial_connection_window_size(64 << 20)
            .handshake::<_, Bytes>(tcp)
            .await
            .expect("HTTP/2");
        tokio::task::spawn_local(async move { drop(connection.await) });
        for _ in (number..in_flight).step_by(connections) {
            let load = Load {
                sender: sender.clone(),
                body: body.clone(),
                authority: authority.clone(),
                headers: headers.clone(),
                until: began + length,
                done: Rc::clone(&done),
            };
            tasks.push(tokio::task::spawn_local(call(load)));
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

async fn call(load: Load) {
    let mut sender = load.sender;
    let uri: http::Uri = format!(
        "http://{}/milvus.proto.milvus.MilvusService/Search",
        load.authority
    )
    .parse()
    .expect("a URI");
    while Instant::now() < load.until {
        let mut request = Request::new(());
        *request.method_mut() = http::Method::POST;
        *request.version_mut() = Version::HTTP_2;
        *request.uri_mut() = uri.clone();
        *request.headers_mut() = load.headers.clone();
        sender = sender.ready().await.expect("ready");
        let (response, mut stream) = sender.send_request(request, false).expect("sent");
        stream.send_data(load.body.clone(), true).expect("sent");
        let mut body = response.await.expect("a reply").into_body();
        while let Some(data) = body.data().await {
            let data = data.expect("data");
            let _ = body.flow_control().release_capacity(data.len());
        }
        let trailers = body.trailers().await.expect("trailers").expect("trailers");
        assert_eq!(
            trailers.get("grpc-status").map(HeaderValue::as_bytes),
            Some(&b"0"[..])
        );
        load.done.set(load.done.get() + 1);
    }
}

fn cpu() -> f64 {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}
