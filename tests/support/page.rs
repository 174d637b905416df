//! HTTP/2 without TLS that answers every request with one status and a page, as a proxy or an
//! ingress does.

use bytes::Bytes;
use tokio::net::TcpListener;

/// A server of pages, on a thread that ends with the process.
pub struct Page {
    address: std::net::SocketAddr,
}

impl Page {
    /// Answers with `status`, and with `headers` in the place of the type of a page.
    pub fn start(status: u16, headers: &'static [(&'static str, &'static str)]) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a listener");
        let address = listener.local_addr().expect("an address");
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).expect("a listener");
                while let Ok((socket, _)) = listener.accept().await {
                    tokio::spawn(serve(socket, status, headers));
                }
            });
        });
        Self { address }
    }

    /// Its address, `http://host:port`.
    pub fn uri(&self) -> String {
        format!("http://{}", self.address)
    }
}

async fn serve(socket: tokio::net::TcpStream, status: u16, headers: &[(&str, &str)]) {
    let Ok(mut connection) = h2::server::handshake(socket).await else {
        return;
    };
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let mut reply = http::Response::builder().status(status);
        for (name, value) in headers {
            reply = reply.header(*name, *value);
        }
        let reply = reply.body(()).expect("a reply");
        // The caller may be gone.
        if let Ok(mut stream) = respond.send_response(reply, false) {
            let _ = stream.send_data(
                Bytes::from(format!("<html><h1>{status}</h1><hr>nginx</html>")),
                true,
            );
        }
        drop(request);
    }
}
