//! A real Milvus and Jaeger on free ports, for tests that no Rust program drives
//! (`tests/field.sh`):
//!
//! `cargo run --example real_stack -- FOLDER`
//!
//! Prints one line of JSON when both are ready, and ends them when its stdin closes or it is told
//! to end (SIGTERM, SIGINT). FOLDER holds their data and logs.
#![allow(clippy::print_stdout)]

use std::{
    error::Error,
    io::{self, Read, Write},
    path::PathBuf,
};

use clap::Parser;
use milvus_bench::stack::{self, Stack, StackGuard, StackOptions};
use tokio::signal::unix::{SignalKind, signal};

/// Starts a real Milvus and Jaeger on free ports; serves until its stdin closes.
#[derive(Parser)]
struct Arguments {
    /// Folder of their data and logs, made if it is not there.
    folder: PathBuf,
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Arguments::parse().folder;
    let options = StackOptions::free_ports(&folder)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let entered = runtime.enter();
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    drop(entered);
    // Ends them also where this function leaves by `?`.
    let guard = StackGuard::new(&options.folder);
    let started = runtime.block_on(async {
        tokio::select! {
            started = stack::up(&options, &|text| eprintln!("{text}")) => started.map(Some),
            _ = terminate.recv() => Ok(None),
            _ = interrupt.recv() => Ok(None),
        }
    })?;
    let Some(started) = started else {
        return Ok(());
    };
    println!("{}", json(&started));
    io::stdout().flush()?;
    let (closed, is_closed) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        // An input that can't be read has ended too.
        let _ = io::copy(&mut io::stdin().lock().by_ref(), &mut io::sink());
        let _ = closed.send(());
    });
    runtime.block_on(async {
        tokio::select! {
            _ = is_closed => {}
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stack::down(&options.folder, &|_| ()).await
    })?;
    guard.keep();
    Ok(())
}

fn json(stack: &Stack) -> serde_json::Value {
    serde_json::json!({
        "milvus": stack.milvus_uri,
        "jaeger_grpc": stack.jaeger_grpc,
        "jaeger_http": stack.jaeger_http,
        "otlp": stack.otlp,
        "remarks": stack.remarks,
    })
}
