//! The local Milvus and Jaeger of a run: started if nothing answers, and up when a traced search
//! came back.

use std::time::Duration;

use super::{
    error::{RunError, RunErrorKind},
    probe::{ProbeTarget, answers, is_same_place, probe},
    watcher::{Watcher, steps, within},
};
use crate::{
    plan::Plan,
    record::Warning,
    spans::{SourceEntry, SourceKind},
    stack::{self, Stack, StackOptions},
};

/// How long the end of a process may take.
pub(crate) const ENDING: &str = "at most about 15 s for each";

/// Longest wait for the probe's spans.
const PROBE_DEADLINE: Duration = Duration::from_secs(60);

/// Starts the stack and sends the probe: it counts as up when a traced search came back with a span
/// of the engine.
pub(crate) async fn up(options: &StackOptions, watcher: &dyn Watcher) -> Result<Stack, RunError> {
    let stack = stack::up(
        options,
        &steps(watcher, "`milvus-bench stack down` undoes it"),
    )
    .await
    .map_err(failed)?;
    for remark in &stack.remarks {
        watcher.step(remark);
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
        let say = steps(watcher, within(PROBE_DEADLINE));
        say("sending a traced search through Milvus to Jaeger and back");
        if let Err(error) = probe(&target).await {
            // A stack that does not trace is no stack; what was started is not left behind.
            let ended = stack::down(&options.folder, &steps(watcher, ENDING)).await;
            let also = ended
                .err()
                .map(|error| format!("; it could not be stopped either: {error}"))
                .unwrap_or_default();
            return Err(failed(format!(
                "the stack runs but does not trace: {error}{also}"
            )));
        }
    }
    Ok(stack)
}

/// Nothing if Milvus answers at the plan's URI already. Without a Jaeger the run is its own
/// receiver, which is a warning of the run.
pub(super) async fn ensure(
    plan: &mut Plan,
    watcher: &dyn Watcher,
) -> Result<Option<Warning>, RunError> {
    let options = StackOptions::default_ports().map_err(failed)?;
    if answers(&plan.milvus.uri).await {
        watcher.step(&format!(
            "{} already answers: not starting another one",
            plan.milvus.uri
        ));
        let ours = stack::status(&options.folder)
            .await
            .stack
            .filter(|stack| is_same_place(&plan.milvus.uri, &stack.milvus_uri));
        return Ok(ours.and_then(|stack| without_jaeger(plan, &stack)));
    }
    let local = format!("http://127.0.0.1:{}", options.ports.milvus);
    if !is_same_place(&plan.milvus.uri, &local) {
        return Err(failed(format!(
            "nothing answers at {}, and --stack starts Milvus at {local}: omit the scenario's \
             uri, or set it to that address",
            plan.milvus.uri
        )));
    }
    let stack = up(&options, watcher).await?;
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

fn failed(why: impl ToString) -> RunError {
    RunError::new(RunErrorKind::Connect, why)
}
