//! A proxy of HTTP/2 between the client and Milvus that does with the trace context what meshes and
//! gateways do.

use std::net::SocketAddr;

use bytes::Bytes;
use h2::{
    RecvStream, SendStream,
    client::SendRequest,
    server::{self, SendResponse},
};
use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::net::{TcpListener, TcpStream};

/// What becomes of the headers of a request.
pub type Meddle = fn(&mut HeaderMap);

const HEADER: &str = "traceparent";

/// The sampled flag is cleared.
pub fn clears_the_flag(headers: &mut HeaderMap) {
    change(headers, |[trace, parent, _]| {
        format!("00-{trace}-{parent}-00")
    });
}

/// The header is dropped.
pub fn drops_the_header(headers: &mut HeaderMap) {
    headers.remove(HEADER);
}

/// The header is dropped, and B3's stand in its place.
pub fn speaks_b3(headers: &mut HeaderMap) {
    let Some([trace, parent, _]) = parts(headers) else {
        return;
    };
    headers.remove(HEADER);
    for (name, value) in [
        ("x-b3-traceid", trace.as_str()),
        ("x-b3-spanid", &parent),
        ("x-b3-sampled", "1"),
    ] {
        headers.insert(name, HeaderValue::from_str(value).expect("hex"));
    }
}

/// A trace of its own begins, sampled where the client's was.
pub fn begins_another_trace(headers: &mut HeaderMap) {
    change(headers, |[trace, parent, flags]| {
        let other: String = trace.chars().rev().collect();
        format!("00-{other}-{parent}-{flags}")
    });
}

/// A span of its own, exported nowhere, is the parent.
pub fn puts_its_span_in(headers: &mut HeaderMap) {
    change(headers, |[trace, parent, flags]| {
        let other: String = parent.chars().rev().collect();
        format!("00-{trace}-{other}-{flags}")
    });
}

/// Half of the requests have their flag cleared.
pub fn samples_by_itself(headers: &mut HeaderMap) {
    let digit = parts(headers).and_then(|[_, parent, _]| parent.chars().last());
    if digit.is_some_and(|digit| digit < '8') {
        clears_the_flag(headers);
    }
}

fn parts(headers: &HeaderMap) -> Option<[String; 3]> {
    let text = headers.get(HEADER)?.to_str().ok()?;
    let mut parts = text.split('-').skip(1).map(str::to_owned);
    Some([parts.next()?, parts.next()?, parts.next()?])
}

fn change(headers: &mut HeaderMap, of: impl Fn([String; 3]) -> String) {
    if let Some(parts) = parts(headers) {
        let value = HeaderValue::from_str(&of(parts)).expect("hex");
        headers.insert(HEADER, value);
    }
}

/// Starts the proxy before the server at `upstream`, an address with http://, on the runtime that
/// this is called in; gives its own address.
pub async fn before(upstream: &str, meddle: Meddle) -> String {
    let upstream: SocketAddr = upstream
        .trim_start_matches("http://")
        .parse()
        .expect("an address");
    let listener = TcpListener::bind(("127.0.0.1", 0))
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(connection(client, upstream, meddle));
        }
    });
    format!("http://{address}")
}

async fn connection(
    client: TcpStream,
    upstream: SocketAddr,
    meddle: Meddle,
) -> Result<(), h2::Error> {
    let mut server = server::handshake(client).await?;
    let stream = TcpStream::connect(upstream).await.map_err(io)?;
    let (sender, driven) = h2::client::handshake(stream).await?;
    tokio::spawn(driven);
    while let Some(accepted) = server.accept().await {
        let (request, respond) = accepted?;
        tokio::spawn(exchange(request, respond, sender.clone(), meddle));
    }
    Ok(())
}

fn io(_: std::io::Error) -> h2::Error {
    h2::Reason::REFUSED_STREAM.into()
}

async fn exchange(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    sender: SendRequest<Bytes>,
    meddle: Meddle,
) -> Result<(), h2::Error> {
    let (mut head, body) = request.into_parts();
    meddle(&mut head.headers);
    let mut sender = sender.ready().await?;
    let ended = body.is_end_stream();
    let (response, to) = sender.send_request(Request::from_parts(head, ()), ended)?;
    if !ended {
        pipe(body, to).await?;
    }
    let (head, body) = response.await?.into_parts();
    let ended = body.is_end_stream();
    let to = respond.send_response(Response::from_parts(head, ()), ended)?;
    if !ended {
        pipe(body, to).await?;
    }
    Ok(())
}

async fn pipe(mut from: RecvStream, mut to: SendStream<Bytes>) -> Result<(), h2::Error> {
    while let Some(chunk) = from.data().await {
        let chunk = chunk?;
        from.flow_control().release_capacity(chunk.len())?;
        to.send_data(chunk, false)?;
    }
    match from.trailers().await? {
        Some(trailers) => to.send_trailers(trailers),
        None => to.send_data(Bytes::new(), true),
    }
}
