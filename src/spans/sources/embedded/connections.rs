//! The connections that the receiver is given. tonic asks again at once after an error of the
//! listener and tells nobody: with no file left that is a core of this machine, which the load
//! misses. Here errors are counted, and the next try comes after a pause.

use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{Stream, stream};
use tokio::net::{TcpListener, TcpStream};

use super::locked;
use super::store::Store;

/// Pause after an error: with no file left the connection stays there, and would be asked for
/// without end.
const PAUSE: Duration = Duration::from_millis(50);

/// Every connection of `listener`.
pub(super) fn of(
    listener: TcpListener,
    store: Arc<Mutex<Store>>,
) -> impl Stream<Item = io::Result<TcpStream>> + Send + 'static {
    let listener = Arc::new(listener);
    accepted(store, move || {
        let listener = Arc::clone(&listener);
        async move { listener.accept().await.map(|(connection, _)| connection) }
    })
}

/// Everything that `accept` gives; its errors are counted in `store`.
fn accepted<A, F>(
    store: Arc<Mutex<Store>>,
    accept: A,
) -> impl Stream<Item = io::Result<TcpStream>> + Send + 'static
where
    A: FnMut() -> F + Send + 'static,
    F: Future<Output = io::Result<TcpStream>> + Send,
{
    stream::unfold((store, accept), |(store, mut accept)| async move {
        loop {
            match accept().await {
                Ok(connection) => return Some((Ok(connection), (store, accept))),
                Err(error) => {
                    locked(&store).not_accepted(&error);
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
    use tonic::service::Routes;
    use tonic::transport::Server;

    use super::super::door::Door;
    use super::*;

    /// No file left in the process, on the machine; no memory; a connection that was gone at once.
    const ERRORS: [i32; 4] = [24, 23, 12, 103];

    #[tokio::test]
    async fn a_receiver_goes_on_after_errors_of_its_listener() {
        let store = Arc::new(Mutex::new(Store::new(1, 10)));
        let listener = Arc::new(TcpListener::bind("127.0.0.1:0").await.expect("a free port"));
        let address = listener.local_addr().expect("bound");
        let mut errors = ERRORS.into_iter();
        let connections = accepted(Arc::clone(&store), move || {
            let (error, listener) = (errors.next(), Arc::clone(&listener));
            async move {
                match error {
                    Some(code) => Err(io::Error::from_raw_os_error(code)),
                    None => listener.accept().await.map(|(connection, _)| connection),
                }
            }
        });
        let routes = Routes::from(
            Routes::default()
                .into_axum_router()
                .fallback_service(Door::new(&store)),
        );
        let server = tokio::spawn(
            Server::builder()
                .add_routes(routes)
                .serve_with_incoming(connections),
        );
        let mut client = TraceServiceClient::connect(format!("http://{address}"))
            .await
            .expect("connects");
        client
            .export(ExportTraceServiceRequest::default())
            .await
            .expect("exports");
        let told = locked(&store).refused().expect("told");
        for words in [
            "could not accept a connection, 4 times",
            "Too many open files",
            "raise it before the run",
        ] {
            assert!(told.contains(words), "{words}: {told}");
        }
        assert!(!server.is_finished());
        server.abort();
    }
}
