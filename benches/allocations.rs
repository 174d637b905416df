//! What one request allocates on its load thread: pick a slot, prepare, send, reply, finish,
//! record.
//!
//! `cargo bench --bench allocations` prints a line for each load. A null Milvus in this process
//! answers; only load threads are counted. `tests/allocations.rs` guards the numbers.

#![allow(clippy::print_stdout)]

mod counted;

use counted::{Counting, Load, measure};
use milvus_bench::null_milvus::{NullMilvus, NullOptions};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() {
    let null = NullMilvus::start(NullOptions::default()).expect("a null Milvus");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    println!("allocations of a load thread per search of 128 dimensions");
    for arrival in ["concurrency = 1", "concurrency = 16", "rate = 5000"] {
        for traced in [0.0, 1.0] {
            let load = Load {
                arrival,
                traced,
                warm_up: 20_000,
                requests: 20_000,
            };
            let found = runtime.block_on(measure(&null.uri(), load));
            println!(
                "{arrival}, {:.0} % traced: {:.2} allocations, {:.0} bytes",
                traced * 100.0,
                found.allocations,
                found.bytes
            );
        }
    }
}
