//! milvus-bench: a traced load generator and benchmark for Milvus.
//!
//! A scenario describes collections and workloads; every request of the measured load is sent at a
//! planned time, carries a W3C trace context and is recorded; the server's spans are fetched back,
//! joined by trace id, and the client's latency is split into the parts that the server reports.
//!
//! # A scenario through the library
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use milvus_bench::{
//!     plan::{Plan, PlanFlags},
//!     runner::{self, RunOptions, RunPlace, Signals, Silent, Watcher},
//!     scenario::{Scenario, ScenarioSource},
//! };
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let environment = |name: &str| std::env::var(name).ok();
//! let source = ScenarioSource::File("scenarios/quickstart.toml".into());
//! let scenario = Scenario::read(&source, &[], &environment)?;
//! let mut plan = Plan::from_scenario(&scenario, &PlanFlags::default(), &environment)?;
//! let options = RunOptions::new(RunPlace::In("results".into()));
//! let watcher: Arc<dyn Watcher> = Arc::new(Silent);
//! let ended = runner::run(&mut plan, &options, &Signals::none(), &watcher).await?;
//! let verdict = ended.analysis.map(|analysis| analysis.verdict);
//! # Ok(())
//! # }
//! ```
//!
//! # Map
//!
//! The order is that of one run: [`scenario`] (the TOML as written, by the rows of [`keys`])
//! becomes a [`plan`] (every check and default), whose [`operation`]s build requests from
//! [`dataset`]s, whose files [`fetch`] brings where they are at an address; [`load`] sends them
//! when the [`pacer`] says so through [`milvus`], with ids of [`telemetry`]; [`record`] keeps every
//! request in the run folder; [`spans`] fetches what the server recorded; [`analysis`] joins spans
//! and breaks latency down; [`report`] renders.
//! [`runner`] does all of it in this order, [`cli`] is the command line around it. [`stack`] runs
//! Milvus and Jaeger locally, [`doctor`] checks the chain between them, [`null_milvus`] answers
//! without work, so that `calibrate` can measure the program itself. [`tls`], [`not_grpc`],
//! [`open_files`] and [`mask`] are what several of them must do, say or hide alike. Who may import
//! whom is checked by `tests/layout.rs`.
//!
//! # Path of one request
//!
//! `due = pacer.due(seq)` → `Operation::prepare(key)` → wait until start + `due` → `sent` → the
//! call → `done` → `Operation::finish(body)` → `Recorder::record(Sample)`. Nothing but the call
//! stands between `sent` and `done`.

pub mod analysis;
mod calibrate;
pub mod cli;
pub mod dataset;
pub mod doctor;
pub mod fetch;
pub mod keys;
pub mod load;
pub mod mask;
pub mod milvus;
pub mod not_grpc;
pub mod null_milvus;
pub mod open_files;
pub mod operation;
pub mod pacer;
pub mod plan;
pub mod record;
pub mod report;
pub mod runner;
pub mod scenario;
pub mod spans;
pub mod stack;
pub mod telemetry;
pub mod tls;
pub mod vector_type;
