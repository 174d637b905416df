//! `stack up|status|down`.

use clap::{Args, Subcommand};

use super::{
    ended::{CliError, Done},
    output::print,
    progress::Progress,
    runtime::runtime,
};
use crate::{
    runner::{
        Asked, Signals, Stage,
        stack::{ENDING, up},
        steps,
    },
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
                return Ok(Done::asked(signals.asked()).unwrap_or(Done::Interrupted));
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
                .block_on(stack::down(&options.folder, &steps(&progress, ENDING)))
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
        "not healthy: `milvus-bench stack up` restarts it\n"
    });
    text
}
