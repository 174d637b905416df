//! What else runs on this machine while a phase runs: read once a second by the run's own thread,
//! off the measured path.

mod procfs;
mod servers;

use std::time::Duration;

use tokio::time::Instant;

use self::procfs::{CpuTimes, read};
use crate::{
    plan::Plan,
    record::{LocalServer, MachineUse, environment},
};

/// Everything that counts up, at one moment, in seconds of CPU.
#[derive(Clone, Debug, Default)]
struct Reading {
    cpu: CpuTimes,
    client_s: f64,
    milvus_s: f64,
    jaeger_s: f64,
    throttled_s: Option<f64>,
}

/// Samples the machine during one phase.
#[derive(Debug)]
pub(crate) struct Sampler {
    servers: Vec<LocalServer>,
    /// Cores that the load may run on.
    usable: Vec<u32>,
    last: (Instant, Reading),
    start: Instant,
    found: MachineUse,
}

/// Shortest interval: in a shorter one the kernel's ticks of 10 ms would be a good part of it.
const LEAST_S: f64 = 0.25;

impl Sampler {
    /// Begins with a phase that begins now; `pinned` are the cores of the load threads, none where
    /// the kernel chooses.
    pub(crate) async fn begin(plan: &Plan, pinned: &[u32], now_ns: u64) -> Self {
        let servers = servers::find(plan).await;
        let usable = if pinned.is_empty() {
            procfs::usable_cores()
        } else {
            pinned.to_vec()
        };
        let start = Instant::now();
        let usable_cores = u32::try_from(usable.len()).unwrap_or(u32::MAX);
        let found = MachineUse {
            usable_cores,
            servers: servers.clone(),
            start_ns: now_ns,
            ..MachineUse::default()
        };
        let first = reading(&servers, &usable);
        Self {
            servers,
            usable,
            last: (start, first),
            start,
            found,
        }
    }

    /// Looks again, if the last time was so long ago. A timer that is late by little does not skip
    /// a second.
    pub(crate) fn look_each(&mut self, pause: Duration) {
        if self.last.0.elapsed() + pause / 20 >= pause {
            self.look();
        }
    }

    /// Adds the interval since the last look, if it is long enough to say something.
    pub(crate) fn look(&mut self) {
        let now = Instant::now();
        let length_s = now.saturating_duration_since(self.last.0).as_secs_f64();
        if length_s < LEAST_S {
            return;
        }
        let next = reading(&self.servers, &self.usable);
        add(&mut self.found, &self.last.1, &next, length_s);
        self.found.at_s.push(rounded(
            now.saturating_duration_since(self.start).as_secs_f64(),
        ));
        self.found.load_average.extend(
            read("/proc/loadavg")
                .as_deref()
                .and_then(procfs::load_average),
        );
        self.found.mhz.extend(procfs::mhz(&self.usable));
        self.last = (now, next);
        self.found.thin_out();
    }

    /// The same as will be found in the end, until now; None before the first interval.
    pub(crate) fn found(&self) -> Option<MachineUse> {
        let mut found = self.found.clone();
        let MachineUse {
            at_s,
            load_average,
            mhz,
            ..
        } = &mut found;
        // A file that can't be read every time says nothing.
        for list in [load_average, mhz]
            .into_iter()
            .filter(|list| list.len() != at_s.len())
        {
            list.clear();
        }
        (found.cores > 0 && !found.at_s.is_empty()).then_some(found)
    }

    /// What was found, until its end.
    pub(crate) fn finish(mut self) -> Option<MachineUse> {
        self.look();
        self.found()
    }
}

fn reading(servers: &[LocalServer], usable: &[u32]) -> Reading {
    let of = |name: &str| {
        let pids = servers
            .iter()
            .filter(|server| server.name == name)
            .flat_map(|server| &server.pids);
        pids.filter_map(|pid| procfs::process_s(&read(&format!("/proc/{pid}/stat"))?))
            .sum()
    };
    Reading {
        cpu: read("/proc/stat")
            .map(|text| procfs::cpu_times(&text, usable))
            .unwrap_or_default(),
        client_s: environment::process_cpu_s(),
        milvus_s: of(servers::MILVUS),
        jaeger_s: of(servers::JAEGER),
        throttled_s: procfs::throttled_s(),
    }
}

/// Adds what happened between two readings. A process that ended takes its counter with it: no list
/// goes below 0.
fn add(found: &mut MachineUse, before: &Reading, after: &Reading, length_s: f64) {
    let cores = |before: f64, after: f64| rounded(((after - before) / length_s).max(0.0));
    found.cores = after.cpu.cores;
    let (client, milvus, jaeger) = (
        cores(before.client_s, after.client_s),
        cores(before.milvus_s, after.milvus_s),
        cores(before.jaeger_s, after.jaeger_s),
    );
    let all = cores(before.cpu.programs_s, after.cpu.programs_s);
    found.client.push(client);
    found.milvus.push(milvus);
    found.jaeger.push(jaeger);
    found
        .others
        .push(rounded((all - client - milvus - jaeger).max(0.0)));
    found
        .steal
        .push(cores(before.cpu.steal_s, after.cpu.steal_s));
    let (idle, of) = (
        after.cpu.usable_idle_s - before.cpu.usable_idle_s,
        after.cpu.usable_s - before.cpu.usable_s,
    );
    found.idle.push(rounded(if of > 0.0 {
        (idle / of).clamp(0.0, 1.0)
    } else {
        1.0
    }));
    found.throttled.extend(
        before
            .throttled_s
            .zip(after.throttled_s)
            .map(|(before, after)| cores(before, after)),
    );
}

/// To a thousandth: more digits would be of no meaning, and long.
fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(programs_s: f64, idle_s: f64, client_s: f64, milvus_s: f64) -> Reading {
        let cpu = CpuTimes {
            cores: 2,
            programs_s,
            steal_s: programs_s / 10.0,
            usable_s: programs_s + idle_s,
            usable_idle_s: idle_s,
        };
        Reading {
            cpu,
            client_s,
            milvus_s,
            ..Reading::default()
        }
    }

    #[test]
    fn what_neither_the_client_nor_milvus_used_is_that_of_others() {
        let mut found = MachineUse::default();
        add(
            &mut found,
            &at(10.0, 5.0, 1.0, 3.0),
            &at(13.0, 6.0, 1.2, 4.0),
            2.0,
        );
        assert_eq!(
            (found.cores, &found.client, &found.milvus, &found.others),
            (2, &vec![0.1], &vec![0.5], &vec![0.9])
        );
        assert_eq!(
            (&found.steal, &found.idle, found.throttled.len()),
            (&vec![0.15], &vec![0.25], 0)
        );
        // Milvus was started again: its counter begins anew.
        add(
            &mut found,
            &at(13.0, 6.0, 1.2, 4.0),
            &at(14.0, 8.0, 1.3, 0.5),
            1.0,
        );
        assert_eq!((found.milvus[1], found.others[1]), (0.0, 0.9));
    }

    #[test]
    fn this_machine_can_be_sampled() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let _inside = runtime.enter();
        let usable = procfs::usable_cores();
        assert!(!usable.is_empty());
        let (servers, start) = (Vec::new(), Instant::now());
        let first = reading(&servers, &usable);
        let found = MachineUse::default();
        let mut sampler = Sampler {
            servers,
            usable,
            last: (start, first),
            start,
            found,
        };
        // Busy for a while: this process uses CPU, and that is the client's.
        while sampler.found.at_s.is_empty() {
            sampler.look();
        }
        let found = sampler.finish().unwrap();
        assert!(
            found.cores > 0
                && found.client[0] > 0.0
                && found.load_average.len() == found.at_s.len(),
            "{found:?}"
        );
        assert!(
            found.client[0] <= f64::from(found.cores) + 0.1 && (0.0..=1.0).contains(&found.idle[0]),
            "{found:?}"
        );
    }
}
