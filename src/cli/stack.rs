//! `stack up|status|down`, and `run --stack`.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::{CliError, Done, output::print, progress::Progress, runtime, waits::within};
use crate::{
    plan::Plan,
    record::Warning,
    runner::{
        probe::{self, ProbeTarget},
        signals::{Asked, Signals, Stage},
    },
    spans::{SourceEntry, SourceKind},
    stack::{self, Stack, StackOptions},
};

/// Arguments of `stack`.
#[derive(Debug, Args)]
pub(crate) struct StackArguments {
    #[command(subcommand)]
    command: StackCommand,
}

#[derive(Debug, Subcommand)]
enum StackCommand {
    /// Install what is missing, start Milvus and Jaeger, wait until a traced search comes back
    Up,
    /// Which processes run, where they listen, where their logs are
    Status,
    /// End what `up` started
    Down,
}

/// How long the end of a process may take.
const ENDING: &str = "at most about 15 s for each";

/// Longest wait for the probe's spans.
const PROBE_DEADLINE: Duration = Duration::from_secs(60);

/// Runs the subcommand.
pub(crate) fn stack(arguments: &StackArguments, signals: &Signals) -> Result<Done, CliError> {
    let options = StackOptions::default_ports().map_err(CliError::new)?;
    let progress = Progress::new(false);
    let runtime = runtime()?;
    match arguments.command {
        StackCommand::Up => {
            // Left half way, it would leave servers behind.
            signals.enter(Stage::Measuring);
            let Some(stack) =
                runtime.block_on(signals.unless_asked(Asked::Nothing, up(&options, &progress)))
            else {
                return Ok(signals.asked().done().unwrap_or(Done::Interrupted));
            };
            let stack = stack?;
            progress.end();
            print(describe(&stack).as_bytes())?;
            Ok(Done::Ok)
        }
        StackCommand::Status => {
            let status = runtime.block_on(stack::status(&options.folder));
            progress.end();
            if let Some(problem) = status.problem {
                return Err(CliError::new(problem));
            }
            print(describe_status(&status).as_bytes())?;
            Ok(if status.healthy {
                Done::Ok
            } else {
                Done::Failed
            })
        }
        StackCommand::Down => {
            let report = runtime
                .block_on(stack::down(&options.folder, &progress.steps(ENDING)))
                .map_err(CliError::new)?;
            progress.end();
            let text = if report.ended.is_empty() {
                "nothing was running\n".to_owned()
            } else {
                format!("ended {}\n", report.ended.join(", "))
            };
            print(text.as_bytes())?;
            Ok(Done::Ok)
        }
    }
}

/// Starts the stack and sends the probe: it counts as up when a traced search came back with a span
/// of the engine.
async fn up(options: &StackOptions, progress: &Progress) -> Result<Stack, CliError> {
    let stack = stack::up(
        options,
        &progress.steps("`milvus-bench stack down` undoes it"),
    )
    .await
    .map_err(CliError::new)?;
    for remark in &stack.remarks {
        progress.step(remark);
    }
    if let Some(jaeger) = &stack.jaeger_grpc
        && stack.started
    {
        let target = ProbeTarget {
            milvus: stack.milvus_uri.clone(),
            jaeger: jaeger.clone(),
            otlp: stack.otlp.clone(),
            deadline: PROBE_DEADLINE,
        };
        let say = progress.steps(within(PROBE_DEADLINE));
        say("sending a traced search through Milvus to Jaeger and back");
        if let Err(error) = probe::probe(&target).await {
            // A stack that does not trace is no stack; what was started is not left behind.
            let ended = stack::down(&options.folder, &progress.steps(ENDING)).await;
            let also = ended
                .err()
                .map(|error| format!("; it could not be ended either: {error}"))
                .unwrap_or_default();
            return Err(CliError::new(format!(
                "the stack runs but does not trace: {error}{also}"
            )));
        }
    }
    Ok(stack)
}

/// `run --stack`: nothing if Milvus answers at the plan's URI already. Without a Jaeger the run is
/// its own receiver, which is a warning of the run.
pub(crate) async fn ensure_for_run(
    plan: &mut Plan,
    progress: &Progress,
) -> Result<Option<Warning>, CliError> {
    let options = StackOptions::default_ports().map_err(CliError::new)?;
    if probe::answers(&plan.milvus.uri).await {
        progress.step(&format!(
            "{} answers already: leaving it as it is",
            plan.milvus.uri
        ));
        let ours = stack::status(&options.folder)
            .await
            .stack
            .filter(|stack| probe::is_same_place(&plan.milvus.uri, &stack.milvus_uri));
        return Ok(ours.and_then(|stack| without_jaeger(plan, &stack)));
    }
    let local = format!("http://127.0.0.1:{}", options.ports.milvus);
    if !probe::is_same_place(&plan.milvus.uri, &local) {
        return Err(CliError::new(format!(
            "nothing answers at {}, and --stack starts Milvus at {local}: leave the scenario's \
             uri out, or name that one",
            plan.milvus.uri
        )));
    }
    let stack = up(&options, progress).await?;
    Ok(without_jaeger(plan, &stack))
}

/// A stack without Jaeger: the run receives the spans itself, where the stack's Milvus sends them.
fn without_jaeger(plan: &mut Plan, stack: &Stack) -> Option<Warning> {
    if stack.jaeger_grpc.is_some() {
        return None;
    }
    plan.tracing.source = SourceEntry::first_of(SourceKind::Received);
    plan.tracing.listen = stack.otlp.trim_start_matches("http://").to_owned();
    let reason = stack
        .remarks
        .iter()
        .find(|remark| remark.contains("Jaeger"))
        .cloned();
    Some(Warning::NoJaeger {
        reason: reason.unwrap_or_else(|| "the local stack has none".to_owned()),
    })
}

fn describe(stack: &Stack) -> String {
    let mut text = format!("Milvus  {}\n", stack.milvus_uri);
    let mut line = |name: &str, value: &Option<String>| {
        if let Some(value) = value {
            text.push_str(&format!("{name:<8}{value}\n"));
        }
    };
    line("Jaeger", &stack.jaeger_grpc);
    line("  JSON", &stack.jaeger_http);
    line("OTLP", &Some(stack.otlp.clone()));
    for (name, version) in &stack.versions {
        text.push_str(&format!("{name} {version}\n"));
    }
    text.push_str("run `milvus-bench stack down` to end it\n");
    text
}

fn describe_status(status: &stack::StackStatus) -> String {
    if status.processes.is_empty() {
        return "no stack was started; `milvus-bench stack up` starts one\n".to_owned();
    }
    let mut text = String::new();
    for process in &status.processes {
        let state = if process.alive { "running" } else { "ended" };
        text.push_str(&format!(
            "{:<8}{state:<9}pid {:<8}{:<22}log {}\n",
            process.name,
            process.pid,
            process.address,
            process.log.display()
        ));
    }
    text.push_str(if status.healthy {
        "healthy\n"
    } else {
        "not healthy: `milvus-bench stack up` starts it anew\n"
    });
    text
}
