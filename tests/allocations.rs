//! What one request allocates on its load thread does not grow unseen. A count, so it holds on
//! every machine.

#[path = "../benches/counted/mod.rs"]
mod counted;

use counted::{Counting, Load, measure};
use milvus_bench::null_milvus::{NullMilvus, NullOptions};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// `benches/allocations.rs` prints what it is exactly.
#[test]
fn a_request_allocates_no_more_than_stated() {
    let null = NullMilvus::start(NullOptions::default()).expect("a null Milvus");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    for (arrival, most, most_bytes) in [
        ("concurrency = 8", 16.5, 4_000.0),
        ("rate = 4000", 17.5, 6_000.0),
    ] {
        for traced in [0.0, 1.0] {
            let load = Load {
                arrival,
                traced,
                warm_up: 4_000,
                requests: 8_000,
            };
            let found = runtime.block_on(measure(&null.uri(), load));
            let is_within = found.allocations <= most && found.bytes <= most_bytes;
            assert!(
                is_within,
                "{arrival}, {traced} traced: {found:?}, stated are {most} and {most_bytes} bytes"
            );
            assert!(found.allocations > 1.0, "{arrival}: nothing was counted");
        }
    }
}
