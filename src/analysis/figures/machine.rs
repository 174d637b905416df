//! A busy machine is not a slow client: what others took of it, and whether requests were late just
//! then.

use crate::{
    analysis::model::PhaseMachine,
    record::{MachineUse, PhaseInfo, RunInfo, SecondCounts},
};

/// Share of the usable cores that had nothing to do, below which the machine was full.
const IDLE: f64 = 0.15;
/// Cores that others must have taken for it to be their doing: in all, and as a share of the cores.
const TAKEN: f64 = 0.25;
/// See [`TAKEN`].
const TAKEN_SHARE: f64 = 0.1;
/// Seconds a second in which a CPU limit kept the client from running.
const THROTTLED: f64 = 0.05;
/// Send lag beyond which a request was late, nanoseconds: that of the verdict.
const LATE_NS: u64 = 1_000_000;

/// The phases whose machine was looked at.
pub(crate) fn phases(info: &RunInfo) -> Vec<PhaseMachine> {
    let of = |phase: &PhaseInfo| {
        Some(PhaseMachine {
            phase: phase.name.clone(),
            use_of: phase.machine.clone()?,
        })
    };
    info.phases.iter().filter_map(of).collect()
}

/// Share of the phase's time in which others left nothing of the client's machine; None where there
/// was no such time.
#[must_use]
pub fn share_of_others(machine: &PhaseMachine) -> Option<f64> {
    crowd(&machine.use_of).map(|crowd| crowd.share)
}

/// The intervals of a phase in which others left nothing of the machine.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Crowd {
    cores: u32,
    /// Share of the phase's time.
    pub(crate) share: f64,
    /// Means over these intervals, in cores.
    others: f64,
    steal: f64,
    milvus: f64,
    jaeger: f64,
    load_average: f64,
    throttled: f64,
}

/// Whether others left nothing in interval `at`.
fn is_full(machine: &MachineUse, at: usize) -> bool {
    let of = |list: &[f64]| list.get(at).copied().unwrap_or(0.0);
    let usable = f64::from(if machine.usable_cores == 0 {
        machine.cores
    } else {
        machine.usable_cores
    });
    let least = TAKEN.max(TAKEN_SHARE * usable);
    let idle = machine.idle.get(at).copied().unwrap_or(1.0);
    // Others may be busy on cores that this program has no use of: no more than was taken of its
    // own is their doing.
    let here = of(&machine.others).min((usable * (1.0 - idle) - of(&machine.client)).max(0.0));
    let taken = here + of(&machine.steal);
    // What the hypervisor took was wanted here, whatever other cores had to do.
    (taken >= least && idle < IDLE)
        || of(&machine.steal) >= least
        || of(&machine.throttled) >= THROTTLED
}

/// None where there was no such interval.
pub(crate) fn crowd(machine: &MachineUse) -> Option<Crowd> {
    let full: Vec<usize> = (0..machine.at_s.len())
        .filter(|at| is_full(machine, *at))
        .collect();
    let time: f64 = full.iter().map(|at| machine.length_s(*at)).sum();
    let all = machine.at_s.last().copied().unwrap_or(0.0);
    let mean = |list: &[f64]| {
        full.iter()
            .map(|at| list.get(*at).copied().unwrap_or(0.0) * machine.length_s(*at))
            .sum::<f64>()
            / time
    };
    (time > 0.0 && all > 0.0).then(|| Crowd {
        cores: machine.cores,
        share: time / all,
        others: mean(&machine.others),
        steal: mean(&machine.steal),
        milvus: mean(&machine.milvus),
        jaeger: mean(&machine.jaeger),
        load_average: mean(&machine.load_average),
        throttled: mean(&machine.throttled),
    })
}

impl Crowd {
    /// `other programs used 1.6 of 2 cores (load average 4.2), beside Milvus with 0.3`.
    pub(crate) fn sentence(&self) -> String {
        let mut taken = Vec::new();
        if self.others >= 0.05 {
            taken.push(format!(
                "other programs used {:.1} of {} cores",
                self.others, self.cores
            ));
        }
        if self.steal >= 0.05 {
            taken.push(format!(
                "the hypervisor gave {:.1} of {} cores to other machines (steal)",
                self.steal, self.cores
            ));
        }
        if self.throttled >= THROTTLED {
            taken.push(format!(
                "the CPU limit of its container throttled this program for {:.1} s in each second",
                self.throttled
            ));
        }
        let servers = [("Milvus", self.milvus), ("Jaeger", self.jaeger)]
            .into_iter()
            .filter(|(_, cores)| *cores >= 0.05);
        let servers: Vec<String> = servers
            .map(|(name, cores)| format!("{name} with {cores:.1}"))
            .collect();
        let beside = if servers.is_empty() {
            String::new()
        } else {
            format!(", beside {}", servers.join(" and "))
        };
        let load = if self.load_average > 0.0 {
            format!(" (load average {:.1})", self.load_average)
        } else {
            String::new()
        };
        format!("{}{load}{beside}", taken.join(" and "))
    }
}

/// Of the requests that were sent more than 1 ms late, the share of those in seconds that others
/// had filled; None where nothing is known, or none was late. `lags` are the send lags of one
/// stream by the second in which the requests ended.
pub(crate) fn late_in_full_seconds<'a>(
    machine: &MachineUse,
    lags: impl Iterator<Item = &'a SecondCounts>,
) -> Option<f64> {
    let intervals: Vec<(f64, f64)> = (0..machine.at_s.len())
        .filter(|at| is_full(machine, *at))
        .map(|at| {
            let to = machine.start_ns as f64 / 1e9 + machine.at_s[at];
            (to - machine.length_s(at), to)
        })
        .collect();
    let (mut late, mut within) = (0, 0);
    for lag in lags {
        let number: u64 = lag
            .counts
            .iter()
            .filter(|(value, _)| *value > LATE_NS)
            .map(|(_, count)| count)
            .sum();
        let (from, to) = (lag.second as f64, lag.second as f64 + 1.0);
        late += number;
        within += if intervals
            .iter()
            .any(|(start, end)| *start < to && *end > from)
        {
            number
        } else {
            0
        };
    }
    (late > 0 && !machine.at_s.is_empty()).then(|| within as f64 / late as f64)
}

/// `of 2 cores client 0.31, Milvus 0.92, other programs 0.52; load average 2.3, 2,600 MHz`: means
/// over all phases.
pub(crate) fn fact(info: &RunInfo) -> Option<String> {
    let machines: Vec<&MachineUse> = info
        .phases
        .iter()
        .filter_map(|phase| phase.machine.as_ref())
        .collect();
    let cores = machines.first()?.cores;
    let mean = |list: fn(&MachineUse) -> &Vec<f64>| {
        let (mut sum, mut time) = (0.0, 0.0);
        for machine in &machines {
            for (at, value) in list(machine).iter().enumerate() {
                sum += value * machine.length_s(at);
                time += machine.length_s(at);
            }
        }
        if time > 0.0 { sum / time } else { 0.0 }
    };
    let used = [
        ("client", mean(|machine| &machine.client)),
        ("Milvus", mean(|machine| &machine.milvus)),
        ("Jaeger", mean(|machine| &machine.jaeger)),
        ("other programs", mean(|machine| &machine.others)),
        ("steal", mean(|machine| &machine.steal)),
    ];
    let used: Vec<String> = used
        .into_iter()
        .filter(|(_, cores)| *cores >= 0.005)
        .map(|(name, cores)| format!("{name} {cores:.2}"))
        .collect();
    let mhz = mean(|machine| &machine.mhz);
    let mhz = if mhz > 0.0 {
        format!(", {mhz:.0} MHz")
    } else {
        String::new()
    };
    Some(format!(
        "of {cores} cores {}; load average {:.1}{mhz}",
        used.join(", "),
        mean(|machine| &machine.load_average)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two cores for four seconds: other programs, steal and idle in each.
    fn machine(seconds: [(f64, f64, f64); 4]) -> MachineUse {
        MachineUse {
            cores: 2,
            start_ns: 10_500_000_000,
            at_s: vec![1.0, 2.0, 3.0, 4.0],
            others: seconds.iter().map(|second| second.0).collect(),
            steal: seconds.iter().map(|second| second.1).collect(),
            idle: seconds.iter().map(|second| second.2).collect(),
            milvus: vec![0.3; 4],
            load_average: vec![4.0; 4],
            ..MachineUse::default()
        }
    }

    #[test]
    fn a_full_machine_is_the_doing_of_whoever_filled_it() {
        let idle = (0.1, 0.0, 0.8);
        assert_eq!(crowd(&machine([idle; 4])), None);
        // Milvus filled it.
        assert_eq!(crowd(&machine([(0.1, 0.0, 0.01); 4])), None);
        // There was room beside the others.
        assert_eq!(crowd(&machine([(1.0, 0.0, 0.4); 4])), None);
        let busy = crowd(&machine([idle, (1.6, 0.0, 0.0), (1.4, 0.0, 0.05), idle]))
            .expect("others filled it");
        assert_eq!((busy.share, (busy.others * 10.0).round()), (0.5, 15.0));
        assert_eq!(
            busy.sentence(),
            "other programs used 1.5 of 2 cores (load average 4.0), beside Milvus with 0.3"
        );
        let stolen = crowd(&machine([(0.0, 0.8, 0.5), idle, idle, idle])).expect("steal is enough");
        assert!(
            stolen
                .sentence()
                .starts_with("the hypervisor gave 0.8 of 2 cores to other machines (steal) (load"),
            "{}",
            stolen.sentence()
        );
        let limited = MachineUse {
            throttled: vec![0.0, 0.4, 0.0, 0.0],
            ..machine([idle; 4])
        };
        assert!(
            crowd(&limited)
                .expect("the limit")
                .sentence()
                .contains("the CPU limit of its container throttled this program for 0.4 s")
        );
    }

    #[test]
    fn others_on_cores_that_the_client_has_no_use_of_are_not_in_its_way() {
        let pinned = |client: f64| {
            let machine = machine([(20.0, 0.0, 0.02); 4]);
            MachineUse {
                cores: 64,
                usable_cores: 2,
                client: vec![client; 4],
                ..machine
            }
        };
        assert_eq!(crowd(&pinned(1.95)), None, "it filled its two cores itself");
        assert!(crowd(&pinned(0.4)).is_some());
    }

    #[test]
    fn late_requests_are_counted_by_the_seconds_in_which_they_were_late() {
        let lag = |second, late, prompt| SecondCounts {
            second,
            counts: vec![(50_000, prompt), (3_000_000, late)],
            sum_ns: 0.0,
        };
        // Full from 11.5 s to 12.5 s.
        let machine = machine([
            (0.0, 0.0, 1.0),
            (1.9, 0.0, 0.0),
            (0.0, 0.0, 1.0),
            (0.0, 0.0, 1.0),
        ]);
        let share = |lags: &[SecondCounts]| late_in_full_seconds(&machine, lags.iter());
        assert_eq!(
            share(&[lag(10, 1, 99), lag(11, 5, 5), lag(12, 3, 7), lag(13, 1, 99)]),
            Some(0.8)
        );
        assert_eq!(share(&[lag(10, 1, 99)]), Some(0.0));
        assert_eq!(share(&[lag(11, 0, 99)]), None);
        assert_eq!(
            late_in_full_seconds(&MachineUse::default(), [lag(11, 5, 5)].iter()),
            None
        );
    }
}
