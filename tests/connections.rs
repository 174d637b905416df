//! The connections of the load against a null Milvus: streams that run out, connections that the server closes.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use bytes::Bytes;
use milvus_bench::{
    milvus::{Access, Call, CallError, ConnectOptions, Connections, Exchange, NotSent, Pick, Watch, methods},
    null_milvus::{NullMilvus, NullOptions},
};

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
    fn hand_over(&self, connection: usize, _: Duration) {
        self.handed_over.set(self.handed_over.get() + 1);
        self.connections.borrow_mut().push(connection);
    }

    fn read_wake_up(&self, _: usize, _: Duration) {
        self.read.set(self.read.get() + 1);
    }

    fn no_window(&self, _: usize, _: Duration) {
        self.blocked.set(self.blocked.get() + 1);
    }
}

fn version() -> Call {
    Call { method: &methods::GET_VERSION, body: Bytes::new() }
}

fn run<F: Future>(
    options: NullOptions,
    connect: impl FnOnce(&mut ConnectOptions),
    test: impl FnOnce(Connections, Rc<Counts>) -> F,
) -> F::Output {
    let server = NullMilvus::start(options).expect("a null Milvus");
    let mut to = ConnectOptions::new(format!("http://{}", server.address()));
    connect(&mut to);
    let local = tokio::runtime::LocalOptions::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build_local(local).expect("a runtime");
    runtime.block_on(async {
        let counts = Rc::new(Counts::default());
        let watch: Rc<dyn Watch> = Rc::<Counts>::clone(&counts);
        let connections = Connections::open(&to, watch).await.expect("it connects");
        test(connections, counts).await
    })
}

async fn call(connections: &Connections, pin: u64) -> Exchange {
    let in_flight = connections.start(pin, &version(), b"").await.expect("it is sent");
    in_flight.reply(TIMEOUT).await
}

#[test]
fn the_limit_of_streams_is_kept_and_waited_for_before_sent() {
    let options = NullOptions { max_concurrent_streams: Some(2), ..NullOptions::default() };
    run(
        options,
        |_| {},
        |connections, _| async move {
            let mut started = [0, 1].map(|pin| connections.try_start(pin, &version(), b"").expect("a stream is free"));
            assert_eq!(connections.try_start(2, &version(), b"").err(), Some(NotSent::Busy));
            let first = &mut started[0];
            let sent = first.sent();
            let [first, second] = started;
            let (first, third) = tokio::join!(first.reply(TIMEOUT), call(&connections, 2));
            assert!(first.result.is_ok() && second.reply(TIMEOUT).await.result.is_ok() && third.result.is_ok());
            assert!(first.sent == sent && third.sent >= first.done, "the third was sent when a stream was free");
        },
    );
}

#[test]
fn a_connection_that_the_server_closes_is_replaced_and_costs_no_request() {
    let options = NullOptions { goaway_after: Some(10), ..NullOptions::default() };
    run(
        options,
        |to| to.connections = 2,
        |connections, counts| async move {
            for pin in 0..200 {
                let exchange = call(&connections, pin).await;
                assert!(exchange.result.is_ok(), "request {pin}: {:?}", exchange.result);
            }
            assert_eq!(counts.handed_over.get(), 200);
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
        run(NullOptions::default(), pinned, |connections, counts| async move {
            for _ in 0..6 {
                assert!(call(&connections, 4).await.result.is_ok());
            }
            counts.connections.take()
        })
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
            let in_flight = connections.try_start(0, &version(), b"").expect("it is sent");
            connections.close();
            let failure = in_flight.reply(TIMEOUT).await.result.expect_err("it was given up");
            assert_eq!(failure.error, CallError::Unavailable);
            assert!(matches!(connections.try_start(0, &version(), b""), Err(NotSent::Never(_))));
        },
    );
}

#[test]
fn access_is_checked_before_anything_is_sent() {
    run(
        NullOptions::default(),
        |to| to.access = Access::Read,
        |connections, counts| async move {
            let drop = Call { method: &methods::DROP_COLLECTION, body: Bytes::new() };
            let Err(NotSent::Never(failure)) = connections.try_start(0, &drop, b"") else { panic!("it is refused") };
            assert_eq!(failure.error, CallError::Forbidden);
            assert_eq!(counts.handed_over.get(), 0);
        },
    );
}

#[test]
fn a_request_larger_than_the_window_is_sent_as_the_window_opens() {
    run(
        NullOptions::default(),
        |_| {},
        |connections, _| async move {
            let large = Call { method: &methods::INSERT, body: Bytes::from(vec![0x7a; 40 << 20]) };
            let in_flight = connections.start(0, &large, b"").await.expect("it is sent");
            // The body is no message; that a reply comes shows that all of it arrived.
            let exchange = in_flight.reply(TIMEOUT).await;
            assert!(!matches!(exchange.result, Err(ref failure) if failure.error == CallError::Timeout), "{:?}", exchange.result);
        },
    );
}
