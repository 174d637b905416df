//! The connections of the load against a null Milvus: streams that run out, connections that the
//! server closes.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use bytes::Bytes;
use milvus_bench::{
    milvus::{
        Access, Call, CallError, ConnectOptions, Connections, Exchange, NotSent, Pick, Watch,
        methods,
    },
    null_milvus::{Delay, NullCounters, NullMilvus, NullOptions},
};
use tokio::net::{TcpListener, TcpStream};

const TIMEOUT: Duration = Duration::from_secs(20);

/// Counts what it is told.
#[derive(Default)]
struct Counts {
    handed_over: Cell<u64>,
    read: Cell<u64>,
    blocked: Cell<u64>,
    connections: RefCell<Vec<usize>>,
}

impl Watch for Counts {
    fn write_delay(&self, connection: usize, _: Duration) {
        self.handed_over.set(self.handed_over.get() + 1);
        self.connections.borrow_mut().push(connection);
    }

    fn read_delay(&self, _: usize, _: Duration) {
        self.read.set(self.read.get() + 1);
    }

    fn flow_control_wait(&self, _: usize, _: Duration) {
        self.blocked.set(self.blocked.get() + 1);
    }
}

fn version() -> Call {
    Call {
        method: &methods::GET_VERSION,
        body: Bytes::new(),
    }
}

fn run<F: Future>(
    options: NullOptions,
    connect: impl FnOnce(&mut ConnectOptions),
    test: impl FnOnce(Connections, Rc<Counts>) -> F,
) -> F::Output {
    run_counted(options, connect, test).0
}

/// The test's result, and what the server has counted then.
fn run_counted<F: Future>(
    options: NullOptions,
    connect: impl FnOnce(&mut ConnectOptions),
    test: impl FnOnce(Connections, Rc<Counts>) -> F,
) -> (F::Output, NullCounters) {
    let server = NullMilvus::start(options).expect("a null Milvus");
    let mut to = ConnectOptions::new(format!("http://{}", server.address()));
    connect(&mut to);
    (connected(&to, test), server.counters())
}

fn connected<F: Future>(
    to: &ConnectOptions,
    test: impl FnOnce(Connections, Rc<Counts>) -> F,
) -> F::Output {
    let local = tokio::runtime::LocalOptions::default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(local)
        .expect("a runtime");
    runtime.block_on(async {
        let counts = Rc::new(Counts::default());
        let watch: Rc<dyn Watch> = Rc::<Counts>::clone(&counts);
        let connections = Connections::open(to, watch).await.expect("it connects");
        test(connections, counts).await
    })
}

async fn call(connections: &Connections, pin: u64) -> Exchange {
    let in_flight = connections
        .start(pin, &version(), b"")
        .await
        .expect("it is sent");
    in_flight.reply(TIMEOUT).await
}

#[test]
fn the_limit_of_streams_is_kept_and_waited_for_before_sent() {
    let options = NullOptions {
        max_concurrent_streams: Some(2),
        ..NullOptions::default()
    };
    run(
        options,
        |_| {},
        |connections, _| async move {
            let mut started = [0, 1].map(|pin| {
                connections
                    .try_start(pin, &version(), b"")
                    .expect("a stream is free")
            });
            assert_eq!(
                connections.try_start(2, &version(), b"").err(),
                Some(NotSent::Busy)
            );
            let first = &mut started[0];
            let sent = first.sent();
            let [first, second] = started;
            let (first, third) = tokio::join!(first.reply(TIMEOUT), call(&connections, 2));
            assert!(
                first.result.is_ok()
                    && second.reply(TIMEOUT).await.result.is_ok()
                    && third.result.is_ok()
            );
            assert!(
                first.sent == sent && third.sent >= first.done,
                "the third was sent when a stream was free"
            );
        },
    );
}

#[test]
fn a_connection_that_the_server_closes_is_replaced_and_costs_no_request() {
    let options = NullOptions {
        goaway_after: Some(10),
        ..NullOptions::default()
    };
    run(
        options,
        |to| to.connections = 2,
        |connections, counts| async move {
            for pin in 0..200 {
                let exchange = call(&connections, pin).await;
                assert!(
                    exchange.result.is_ok(),
                    "request {pin}: {:?}",
                    exchange.result
                );
            }
            assert_eq!(
                (counts.handed_over.get(), counts.blocked.get()),
                (200, 0),
                "no window was too small"
            );
            // The kernel begins to stamp some time after it was asked for the first time.
            let patience = tokio::time::Instant::now() + TIMEOUT;
            while counts.read.get() == 0 && tokio::time::Instant::now() < patience {
                assert!(call(&connections, 0).await.result.is_ok());
            }
            assert!(counts.read.get() > 0, "the kernel says when bytes arrived");
        },
    );
}

#[test]
fn pinned_requests_keep_their_connection_and_others_take_turns() {
    let pins = |pick: Pick| {
        let pinned = move |to: &mut ConnectOptions| (to.connections, to.pick) = (3, pick);
        run(
            NullOptions::default(),
            pinned,
            |connections, counts| async move {
                for _ in 0..6 {
                    assert!(call(&connections, 4).await.result.is_ok());
                }
                counts.connections.take()
            },
        )
    };
    assert_eq!(pins(Pick::Pinned), [1; 6]);
    assert_eq!(pins(Pick::RoundRobin), [0, 1, 2, 0, 1, 2]);
}

#[test]
fn closing_ends_what_is_in_flight_and_lets_nothing_leave() {
    run(
        NullOptions::default(),
        |_| {},
        |connections, _| async move {
            let in_flight = connections
                .try_start(0, &version(), b"")
                .expect("it is sent");
            connections.close();
            let failure = in_flight
                .reply(TIMEOUT)
                .await
                .result
                .expect_err("it was given up");
            assert_eq!(failure.error, CallError::Unavailable);
            assert!(matches!(
                connections.try_start(0, &version(), b""),
                Err(NotSent::Never(_))
            ));
        },
    );
}

#[test]
fn access_is_checked_before_anything_is_sent() {
    run(
        NullOptions::default(),
        |to| to.access = Access::Read,
        |connections, counts| async move {
            let drop = Call {
                method: &methods::DROP_COLLECTION,
                body: Bytes::new(),
            };
            let Err(NotSent::Never(failure)) = connections.try_start(0, &drop, b"") else {
                panic!("it is refused")
            };
            assert_eq!(failure.error, CallError::Forbidden);
            assert_eq!(counts.handed_over.get(), 0);
        },
    );
}

#[test]
fn requests_that_are_given_up_cost_no_connection() {
    let options = NullOptions {
        max_concurrent_streams: Some(4),
        delay: Delay::Fixed(10 * TIMEOUT),
        ..NullOptions::default()
    };
    let ((), counters) = run_counted(
        options,
        |_| {},
        |connections, _| async move {
            let search = Call {
                method: &methods::SEARCH,
                body: Bytes::new(),
            };
            for _ in 0..5 {
                let callers = (0..4).map(|pin| {
                    let (connections, search) = (&connections, &search);
                    async move {
                        connections
                            .start(pin, search, b"")
                            .await
                            .expect("it is sent")
                            .reply(Duration::from_millis(20))
                            .await
                    }
                });
                for exchange in futures_util::future::join_all(callers).await {
                    assert_eq!(
                        exchange.result.expect_err("nothing is answered").error,
                        CallError::Timeout
                    );
                }
            }
        },
    );
    assert_eq!(counters.connections, 1);
}

#[test]
fn a_pinned_request_that_waits_holds_up_no_other_connection() {
    let options = NullOptions {
        max_concurrent_streams: Some(1),
        delay: Delay::Fixed(10 * TIMEOUT),
        ..NullOptions::default()
    };
    run(
        options,
        |to| (to.connections, to.pick) = (2, Pick::Pinned),
        |connections, _| async move {
            let search = Call {
                method: &methods::SEARCH,
                body: Bytes::new(),
            };
            let _slow = connections
                .try_start(0, &search, b"")
                .expect("a stream is free");
            let mut waiting = Box::pin(connections.start(0, &search, b""));
            assert!(
                futures_util::poll!(&mut waiting).is_pending(),
                "its connection has no stream left"
            );
            let other = connections
                .try_start(1, &version(), b"")
                .expect("the other connection is free");
            assert!(other.reply(TIMEOUT).await.result.is_ok());
            assert_eq!(
                connections.try_start(2, &version(), b"").err(),
                Some(NotSent::Busy)
            );
        },
    );
}

/// A server of one HTTP/2 connection after the other, on a thread of its own that ends with the
/// process.
fn scripted<F: Future<Output = ()>>(
    serve: impl Fn(h2::server::Connection<TcpStream, Bytes>) -> F + Send + 'static,
) -> ConnectOptions {
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
                if let Ok(connection) = h2::server::handshake(socket).await {
                    serve(connection).await;
                }
            }
        });
    });
    ConnectOptions::new(format!("http://{address}"))
}

#[test]
fn a_request_larger_than_the_window_is_sent_as_the_window_opens_and_counted_as_held_up() {
    // Its windows are those of HTTP/2 before anybody asks for larger ones: 65,535 bytes.
    let to = scripted(|mut connection| async move {
        while let Some(Ok((request, mut respond))) = connection.accept().await {
            tokio::spawn(async move {
                let mut body = request.into_body();
                while let Some(Ok(piece)) = body.data().await {
                    let _ = body.flow_control().release_capacity(piece.len());
                }
                let reply = http::Response::builder()
                    .header("content-type", "application/grpc")
                    .body(())
                    .expect("a reply");
                let mut stream = respond.send_response(reply, false).expect("it is sent");
                let mut trailers = http::HeaderMap::new();
                trailers.insert("grpc-status", http::HeaderValue::from_static("0"));
                let _ = stream.send_data(Bytes::from_static(&[0; 5]), false);
                let _ = stream.send_trailers(trailers);
            });
        }
    });
    connected(&to, |connections, counts| async move {
        let insert = async |bytes: usize| {
            let call = Call {
                method: &methods::INSERT,
                body: Bytes::from(vec![0x7a; bytes]),
            };
            let exchange = connections
                .start(0, &call, b"")
                .await
                .expect("it is sent")
                .reply(TIMEOUT)
                .await;
            exchange.result.expect("a reply");
            (counts.handed_over.get(), counts.blocked.get())
        };
        assert_eq!(insert(60_000).await, (1, 0));
        assert_eq!(insert(4 << 20).await, (1, 1), "the window held it up");
    });
}

#[test]
fn a_reply_counts_before_the_whole_request_was_taken() {
    // It refuses at once, keeps the stream, and takes nothing more of its body than the first
    // window.
    let to = scripted(|mut connection| async move {
        let mut kept = Vec::new();
        while let Some(Ok((request, mut respond))) = connection.accept().await {
            let refusal = http::Response::builder()
                .header("content-type", "application/grpc")
                .header("grpc-status", "8");
            let refusal = refusal
                .header("grpc-message", "too large")
                .body(())
                .expect("a reply");
            let stream = respond.send_response(refusal, true);
            kept.push((request, respond, stream));
        }
    });
    connected(&to, |connections, _| async move {
        let large = Call {
            method: &methods::INSERT,
            body: Bytes::from(vec![0x7a; 1 << 20]),
        };
        let failure = connections
            .start(0, &large, b"")
            .await
            .expect("it is sent")
            .reply(TIMEOUT)
            .await
            .result
            .expect_err("it is refused");
        assert_eq!(failure.error, CallError::Grpc(8), "{failure:?}");
    });
}

#[test]
fn a_server_that_accepts_and_closes_is_not_called_in_a_tight_loop() {
    let (accepted, times) = std::sync::mpsc::channel();
    // It answers the ping of the opening and closes.
    let to = scripted(move |mut connection| {
        let accepted = accepted.clone();
        async move {
            let _ = accepted.send(tokio::time::Instant::now());
            let _ = tokio::time::timeout(Duration::from_millis(20), connection.accept()).await;
        }
    });
    let times = connected(&to, |_connections, _| async move {
        tokio::task::spawn_blocking(move || {
            (0..4)
                .map(|_| times.recv_timeout(TIMEOUT).expect("it is called again"))
                .collect::<Vec<_>>()
        })
        .await
        .expect("times")
    });
    let pauses: Vec<Duration> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (pause, least) in pauses.iter().zip([50, 100, 200]) {
        assert!(*pause >= Duration::from_millis(least), "{pauses:?}");
    }
}
