//! A Milvus that does no work, for measuring the load generator itself:
//!
//! `cargo run --release --example null_milvus -- --listen 127.0.0.1:19530`
//!
//! Prints `listening on <address>` when it is ready, serves until its stdin closes or it is told to
//! end (SIGTERM, SIGINT), and prints what it counted as one line of JSON.
#![allow(clippy::print_stdout)]

use std::{
    error::Error,
    io::{self, Read, Write},
    net::SocketAddr,
    time::Duration,
};

use clap::Parser;
use milvus_bench::null_milvus::{
    Delay, Errors, Failure, NullCounters, NullMilvus, NullOptions, Stall,
};
use tokio::signal::unix::{SignalKind, signal};

/// A Milvus that answers every call and does no work. Serves until its stdin closes, then prints
/// its counters as JSON.
#[derive(Parser)]
struct Arguments {
    /// Address to listen at; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Delay of data calls: none, fixed:2ms, exponential:2ms (mean), log-normal:2ms:0.5 (median,
    /// sigma), bimodal:1ms:50ms:0.01 (fast, slow, share of the slow ones).
    #[arg(long, default_value = "none", value_parser = delay)]
    delay: Delay,
    /// Time in which nothing is answered: begin after the start, and length, e.g. 10s:1s; may be
    /// given often.
    #[arg(long, value_parser = stall)]
    stall: Vec<Stall>,
    /// Failures of data calls: share and kind, e.g. 0.01:milvus:8:rate limit,
    /// 0.01:grpc:14:unavailable, 0.001:silence.
    #[arg(long, value_parser = errors)]
    errors: Option<Errors>,
    /// Requests of a connection after which the server says GOAWAY.
    #[arg(long)]
    goaway_after: Option<u64>,
    /// SETTINGS_MAX_CONCURRENT_STREAMS; no limit by default.
    #[arg(long)]
    max_concurrent_streams: Option<u32>,
    /// OTLP/gRPC endpoint for the server's spans of sampled requests, e.g. http://127.0.0.1:4317.
    #[arg(long)]
    spans: Option<String>,
    /// Core to pin the serving thread to.
    #[arg(long)]
    core: Option<usize>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let server = NullMilvus::start(NullOptions {
        listen: arguments.listen,
        delay: arguments.delay,
        stalls: arguments.stall,
        errors: arguments.errors,
        goaway_after: arguments.goaway_after,
        max_concurrent_streams: arguments.max_concurrent_streams,
        spans: arguments.spans,
        core: arguments.core,
    })?;
    // The signals are caught before anybody can know that the server is there.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let entered = runtime.enter();
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    drop(entered);
    println!("listening on {}", server.address());
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
    });
    // Whoever started it may be gone.
    let _ = writeln!(io::stdout(), "{}", json(&server.counters()));
    Ok(())
}

fn json(counters: &NullCounters) -> serde_json::Value {
    serde_json::json!({
        "connections": counters.connections,
        "requests": counters.requests,
        "in_flight": counters.in_flight,
        "max_in_flight": counters.max_in_flight,
        "bytes_received": counters.bytes_received,
        "bytes_sent": counters.bytes_sent,
        "traced": counters.traced,
        "exports": counters.exports,
        "traces_dropped": counters.traces_dropped,
        "spans_exported": counters.spans_exported,
        "spans_failed": counters.spans_failed,
        "cpu_time_ns": u64::try_from(counters.cpu_time.as_nanos()).unwrap_or(u64::MAX),
    })
}

fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|error| format!("{text:?} is no duration such as 2ms: {error}"))
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is no such number"))
}

fn delay(text: &str) -> Result<Delay, String> {
    match *text.split(':').collect::<Vec<_>>() {
        ["none"] => Ok(Delay::None),
        ["fixed", delay] => Ok(Delay::Fixed(duration(delay)?)),
        ["exponential", mean] => Ok(Delay::Exponential {
            mean: duration(mean)?,
        }),
        ["log-normal", median, sigma] => Ok(Delay::LogNormal {
            median: duration(median)?,
            sigma: number(sigma)?,
        }),
        ["bimodal", fast, slow, share] => Ok(Delay::Bimodal {
            fast: duration(fast)?,
            slow: duration(slow)?,
            slow_share: number(share)?,
        }),
        _ => Err(
            "allowed is none, fixed:D, exponential:MEAN, log-normal:MEDIAN:SIGMA or \
             bimodal:FAST:SLOW:SHARE"
                .to_owned(),
        ),
    }
}

fn stall(text: &str) -> Result<Stall, String> {
    let (after, length) = text
        .split_once(':')
        .ok_or("allowed is AFTER:LENGTH, e.g. 10s:1s")?;
    Ok(Stall {
        after: duration(after)?,
        length: duration(length)?,
    })
}

fn errors(text: &str) -> Result<Errors, String> {
    let (share, kind) = text
        .split_once(':')
        .ok_or("allowed is SHARE:KIND, e.g. 0.01:grpc:14:unavailable")?;
    let kind = match *kind.splitn(3, ':').collect::<Vec<_>>() {
        ["silence"] => Failure::Silence,
        // Since 2.3 the code decides; 1 is "unexpected error" for readers of 2.2.
        ["milvus", code, text] => Failure::milvus(number(code)?, 1, text),
        ["grpc", code, text] => Failure::Grpc {
            code: number(code)?,
            text: text.to_owned(),
        },
        _ => return Err("the kind is milvus:CODE:TEXT, grpc:CODE:TEXT or silence".to_owned()),
    };
    Ok(Errors {
        share: number(share)?,
        kind,
    })
}
