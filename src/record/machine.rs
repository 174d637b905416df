//! What ran on the client's machine during a phase, interval by interval: for run.json.

use serde::{Deserialize, Serialize};

/// CPU of the client's machine during one phase. Lists have an entry for each interval, of about a
/// second; of a long phase for several seconds, so that there are at most [`MachineUse::MOST`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MachineUse {
    /// Cores of the machine.
    pub cores: u32,
    /// Cores that this program's load may run on: fewer where it is pinned or confined.
    pub usable_cores: u32,
    /// Milvus and Jaeger as far as they were found on this machine.
    pub servers: Vec<LocalServer>,
    /// Start of the first interval on the monotonic clock.
    pub start_ns: u64,
    /// End of each interval, seconds after `start_ns`; the next one begins there.
    pub at_s: Vec<f64>,
    /// Cores that this program used.
    pub client: Vec<f64>,
    /// Cores that Milvus used; 0 where it was not found on this machine.
    pub milvus: Vec<f64>,
    /// Cores that Jaeger, or what else takes the spans, used; 0 where it was not found on this
    /// machine.
    pub jaeger: Vec<f64>,
    /// Cores that all other programs used.
    pub others: Vec<f64>,
    /// Cores that the hypervisor gave to other machines while this one had work for them.
    pub steal: Vec<f64>,
    /// Share of the cores that this program may run on which had nothing to do, in [0, 1].
    pub idle: Vec<f64>,
    /// Seconds a second in which the CPU limit of this program's container kept it from running,
    /// over its threads; empty without one.
    pub throttled: Vec<f64>,
    /// Load average of the last minute.
    pub load_average: Vec<f64>,
    /// Frequency of the cores, on average; empty where it can't be read.
    pub mhz: Vec<f64>,
}

impl MachineUse {
    /// Largest number of intervals.
    pub const MOST: usize = 600;

    /// Every list.
    pub fn lists(&mut self) -> [&mut Vec<f64>; 9] {
        let Self {
            client,
            milvus,
            jaeger,
            others,
            steal,
            idle,
            throttled,
            load_average,
            mhz,
            ..
        } = self;
        [
            client,
            milvus,
            jaeger,
            others,
            steal,
            idle,
            throttled,
            load_average,
            mhz,
        ]
    }

    /// Length of interval `at` in seconds.
    #[must_use]
    pub fn length_s(&self, at: usize) -> f64 {
        let from = at
            .checked_sub(1)
            .and_then(|before| self.at_s.get(before))
            .copied()
            .unwrap_or(0.0);
        self.at_s.get(at).map_or(0.0, |to| to - from)
    }

    /// Makes one interval of each two, once there are [`Self::MOST`].
    pub fn thin_out(&mut self) {
        if self.at_s.len() < Self::MOST {
            return;
        }
        let lengths: Vec<f64> = (0..self.at_s.len()).map(|at| self.length_s(at)).collect();
        for list in self.lists() {
            let pairs = list.chunks(2).zip(lengths.chunks(2));
            let mean = |(values, lengths): (&[f64], &[f64])| {
                let sum: f64 = values
                    .iter()
                    .zip(lengths)
                    .map(|(value, length)| value * length)
                    .sum();
                (sum / lengths.iter().sum::<f64>().max(1e-9) * 1e3).round() / 1e3
            };
            *list = pairs.map(mean).collect();
        }
        self.at_s = self
            .at_s
            .chunks(2)
            .filter_map(|pair| pair.last().copied())
            .collect();
    }
}

/// A server of the run that was found on the client's machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LocalServer {
    /// `Milvus` or `Jaeger`.
    pub name: String,
    /// Its processes.
    pub pids: Vec<u32>,
    /// How they were found, e.g. `listens at 127.0.0.1:19530`.
    pub how: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_phase_has_wider_intervals_and_the_same_time() {
        let n = MachineUse::MOST;
        let mut machine = MachineUse {
            at_s: (1..=n).map(|at| at as f64).collect(),
            others: (0..n)
                .map(|at| if at % 2 == 0 { 1.0 } else { 2.0 })
                .collect(),
            ..MachineUse::default()
        };
        machine.thin_out();
        assert_eq!(
            (machine.at_s.len(), machine.at_s[0], machine.at_s.last()),
            (n / 2, 2.0, Some(&(n as f64)))
        );
        assert!(
            machine.others.len() == n / 2
                && machine.others.iter().all(|cores| *cores == 1.5)
                && machine.mhz.is_empty()
        );
        let before = machine.clone();
        machine.thin_out();
        assert_eq!(machine, before);
    }
}
