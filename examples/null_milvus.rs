//! A Milvus that does no work, for measuring the load generator itself.
//!
//! `cargo run --release --example null_milvus -- --listen 127.0.0.1:19530`; it ends when its stdin closes.
#![allow(clippy::print_stdout)]

use std::{
    io::{self, Read, Write},
    net::SocketAddr,
};

use clap::Parser;
use milvus_bench::null_milvus::{NullMilvus, NullOptions};

/// A Milvus that answers every call at once and does no work. Serves until its stdin closes.
#[derive(Parser)]
struct Arguments {
    /// Address to listen at; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// SETTINGS_MAX_CONCURRENT_STREAMS.
    #[arg(long)]
    max_concurrent_streams: Option<u32>,
    /// Requests of a connection after which the server says GOAWAY.
    #[arg(long)]
    goaway_after: Option<u64>,
    /// Core to pin the serving thread to.
    #[arg(long)]
    core: Option<usize>,
}

fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    let server = NullMilvus::start(NullOptions {
        listen: arguments.listen,
        max_concurrent_streams: arguments.max_concurrent_streams,
        goaway_after: arguments.goaway_after,
        core: arguments.core,
        ..NullOptions::default()
    })?;
    println!("listening on {}", server.address());
    io::stdout().flush()?;
    let mut rest = Vec::new();
    io::stdin().read_to_end(&mut rest)?;
    println!("{:?}", server.counters());
    Ok(())
}
