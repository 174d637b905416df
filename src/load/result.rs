//! What a phase gave: each part, each workload of a thread, each thread, and all together.

use crate::record::{Outcome, StreamId};

/// What one part gave on one thread.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StreamResult {
    /// Index in the run's streams.
    pub stream: u16,
    /// Scheduled requests that were due (open loop) or requests that were begun.
    pub due: u64,
    /// Requests that were sent.
    pub sent: u64,
    /// Most requests in flight at one time on this thread.
    pub in_flight_max: u64,
    /// Scheduled requests that had to wait for a place in flight.
    pub in_flight_waits: u64,
    /// Whether it ended by itself: its requests or its rows were used up, or could not be read any
    /// more.
    pub ended_itself: bool,
    /// When the first scheduled request was due that it had nothing for any more, nanoseconds since
    /// the run's start; open loop only.
    pub missing_from_ns: Option<u64>,
    /// The last moment at which it sent anything, or a caller could have, nanoseconds since the
    /// run's start.
    pub last_ns: u64,
    /// Why it stopped before its end.
    pub stopped: Option<String>,
}

/// What one workload gave on one thread.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct WorkloadResult {
    /// Per part and component.
    pub(super) parts: Vec<StreamResult>,
    /// (row of the phase, index in its `earlier`, the new value).
    pub(super) earlier: Vec<(usize, usize, u64)>,
}

/// What a workload gave on one thread, or how its task was cancelled, which only the end of the
/// thread's runtime does.
pub(super) type WorkloadOutcome = Result<WorkloadResult, String>;

/// What a phase gave on one thread.
#[derive(Debug)]
pub(super) struct ThreadResult {
    /// Per workload of the phase.
    pub(super) workloads: Vec<WorkloadOutcome>,
    pub(super) texts: Vec<(StreamId, Outcome, String)>,
    /// Share of one core that it used, from the phase's start until nothing more was sent.
    pub(super) cpu_share: f64,
}

/// What a phase gave, all threads together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PhaseResult {
    /// Per part that ran.
    pub streams: Vec<StreamResult>,
    /// Per row of the phase: its `earlier` for the next phase.
    pub earlier: Vec<Vec<u64>>,
    /// First texts of failures.
    pub texts: Vec<(StreamId, Outcome, String)>,
    /// Largest share of one core that a thread used.
    pub thread_cpu_max: f64,
    /// Why a workload ended on a thread without a result.
    pub(super) workload_error: Option<String>,
}

impl PhaseResult {
    pub(super) fn add(&mut self, thread: ThreadResult) {
        self.thread_cpu_max = self.thread_cpu_max.max(thread.cpu_share);
        self.texts.extend(thread.texts);
        for workload in thread.workloads {
            let workload = match workload {
                Ok(workload) => workload,
                Err(error) => {
                    self.workload_error.get_or_insert(error);
                    continue;
                }
            };
            for (row, index, value) in workload.earlier {
                let known = self.earlier.get_mut(row);
                if let Some(known) = known.and_then(|earlier| earlier.get_mut(index)) {
                    *known = value.max(*known);
                }
            }
            for part in workload.parts {
                match self
                    .streams
                    .iter_mut()
                    .find(|known| known.stream == part.stream)
                {
                    Some(known) => known.add(&part),
                    None => self.streams.push(part),
                }
            }
        }
    }
}

impl StreamResult {
    /// The last moment at which something was due or could have been sent: the planned end, or
    /// before it the wish to stop, or the part's own end. All of them nanoseconds since the run's
    /// start.
    ///
    /// An open loop that has used up its requests or rows ended when the next scheduled request
    /// would have been due: n scheduled requests take n times their distance, not n - 1 times. In a
    /// closed loop it is when the last caller found nothing to send any more.
    #[must_use]
    pub fn end_ns(&self, start_ns: u64, planned_ns: Option<u64>, stopped_ns: Option<u64>) -> u64 {
        let own = || self.last_ns.max(self.missing_from_ns.unwrap_or(0));
        let end_ns = if self.ended_itself {
            own()
        } else {
            planned_ns
                .into_iter()
                .chain(stopped_ns)
                .min()
                .unwrap_or_else(own)
        };
        end_ns.max(start_ns)
    }

    /// Notes why it stopped where the rows of a component are used up; `own` says whether it is of
    /// that one.
    pub(super) fn rows_used_up(&mut self, own: bool) {
        let why = if own {
            super::ROWS_USED_UP
        } else {
            super::ROWS_OF_MIX_USED_UP
        };
        (self.ended_itself, self.stopped) = (true, Some(why.to_owned()));
    }

    fn add(&mut self, other: &StreamResult) {
        self.due += other.due;
        self.sent += other.sent;
        self.in_flight_max += other.in_flight_max;
        self.in_flight_waits += other.in_flight_waits;
        self.ended_itself &= other.ended_itself;
        // Scheduled requests are divided among the threads: the first one that was missing on any
        // of them.
        self.missing_from_ns = self
            .missing_from_ns
            .into_iter()
            .chain(other.missing_from_ns)
            .min();
        self.last_ns = self.last_ns.max(other.last_ns);
        self.stopped = self.stopped.take().or_else(|| other.stopped.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 1_000;

    /// The end of a part that begins at 1,000.
    fn check(result: &StreamResult, planned: Option<u64>, stopped: Option<u64>, expected: u64) {
        assert_eq!(
            result.end_ns(START, planned, stopped),
            expected,
            "{result:?} {planned:?} {stopped:?}"
        );
    }

    fn own_end(last_ns: u64, missing_from_ns: Option<u64>) -> StreamResult {
        StreamResult {
            ended_itself: true,
            last_ns,
            missing_from_ns,
            ..StreamResult::default()
        }
    }

    #[test]
    fn a_part_ends_as_planned_or_when_it_is_told_to() {
        let result = StreamResult {
            last_ns: 1_200,
            ..StreamResult::default()
        };
        check(&result, Some(5_000), None, 5_000);
        check(&result, Some(5_000), Some(3_000), 3_000);
        check(&result, Some(5_000), Some(6_000), 5_000);
        check(&result, None, Some(3_000), 3_000);
        check(&result, Some(500), Some(600), START);
    }

    #[test]
    fn a_part_that_has_nothing_left_ends_by_itself() {
        check(&own_end(1_900, Some(2_000)), Some(5_000), None, 2_000);
        check(&own_end(2_700, Some(2_000)), Some(5_000), None, 2_700);
        check(&own_end(1_900, Some(2_000)), None, Some(1_901), 2_000);
        check(&own_end(1_900, None), Some(5_000), None, 1_900);
        check(&own_end(0, None), Some(5_000), None, START);
    }

    #[test]
    fn threads_end_together_only_when_all_have_nothing_left() {
        let mut sum = own_end(1_900, Some(2_100));
        sum.add(&own_end(1_800, Some(2_000)));
        check(&sum, Some(5_000), None, 2_000);
        sum.add(&StreamResult {
            last_ns: 4_900,
            ..StreamResult::default()
        });
        check(&sum, Some(5_000), None, 5_000);
    }
}
