//! What can be done about a client that was late.

use crate::record::{PhaseInfo, RunInfo};

/// Share of one core below which more load threads hardly change what is late.
const THREAD_IDLE: f64 = 0.25;

/// What can be done about a client that was late in `phase`: `busy` where its threads had much to
/// do. Where they had not, a core was not free in time, and that of a machine which Milvus uses as
/// well is no surprise.
pub(super) fn remedy(info: &RunInfo, phase: &str, busy: &str) -> String {
    let found = info.phases.iter().find(|found| found.name == phase);
    let Some(found) = found.filter(|found| is_idle(info, found)) else {
        return busy.to_owned();
    };
    let servers = found.machine.as_ref().map(|machine| &*machine.servers);
    let names: Vec<&str> = servers
        .unwrap_or_default()
        .iter()
        .map(|server| server.name.as_str())
        .collect();
    let machine = match &*names {
        [] => "use another machine for the client".to_owned(),
        names => format!(
            "{} on this machine too, so use another machine for the client, or compare server \
             times, which exclude this wait",
            match names {
                [name] => format!("{name} runs"),
                names => format!("{} run", names.join(" and ")),
            }
        ),
    };
    format!(
        "{machine}; more threads (--threads) hardly help, since each used less than a quarter of \
         a core"
    )
}

/// Whether no load thread had much to do. The requests of a burst wait for one thread however long
/// it has nothing to do afterwards.
fn is_idle(info: &RunInfo, phase: &PhaseInfo) -> bool {
    let streams = info
        .streams
        .iter()
        .filter(|stream| stream.phase == phase.name);
    let has_bursts = streams.map(|stream| &stream.workload).any(|name| {
        let table = name.split(':').next().unwrap_or_default();
        let arrivals = info.plan.pointer(&format!("/workloads/{table}/arrivals"));
        arrivals.is_some_and(|arrivals| arrivals.get("burst").is_some())
    });
    let cpu = phase.thread_cpu_max.filter(|_| !info.precise);
    cpu.is_some_and(|cpu| cpu < THREAD_IDLE) && !has_bursts
}
