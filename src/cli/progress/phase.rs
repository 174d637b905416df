//! The lines of a phase while it runs, one per workload.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use super::board::Board;
use crate::{
    load::LiveSnapshot,
    plan::{Arrival, PhaseLength, Plan, ScheduledPart},
    report::units,
    runner::{Counts, PhaseWatcher},
};

/// Time between two readings of the counters.
const STEP: Duration = Duration::from_secs(1);

/// The lines of a phase, one per workload.
pub(super) struct PhaseLines<'a> {
    workloads: Vec<Workload<'a>>,
    start: Instant,
    /// Readings of the last seconds, the oldest first; there is always one.
    readings: VecDeque<(Instant, Vec<LiveSnapshot>)>,
    board: Board,
}

/// What is known of a workload beforehand.
struct Workload<'a> {
    phase: &'a str,
    length: PhaseLength,
    name: &'a str,
    open: bool,
    parts: Vec<ScheduledPart>,
    /// Requests of all parts; None where Milvus' speed decides.
    requests: Option<u64>,
}

impl<'a> PhaseLines<'a> {
    pub(super) fn new(plan: &'a Plan, number: usize, start: Instant, board: Board) -> Self {
        let phase = &plan.phases[number];
        let workload = |index: &usize| {
            let planned = plan.planned_parts(number, *index);
            Workload {
                phase: &phase.name,
                length: phase.length,
                name: &plan.workloads[*index].name,
                open: matches!(plan.workloads[*index].arrival, Arrival::Open { .. }),
                requests: planned.iter().map(|(_, requests)| *requests).sum(),
                parts: planned.into_iter().map(|(part, _)| part).collect(),
            }
        };
        let workloads: Vec<_> = phase.workloads.iter().map(workload).collect();
        let nothing = vec![LiveSnapshot::default(); workloads.len()];
        let readings = VecDeque::from([(start, nothing)]);
        Self {
            workloads,
            start,
            readings,
            board,
        }
    }

    /// Draws the lines of these counters.
    fn draw(&mut self, counts: &Counts) {
        let Some((before, counters)) = self.readings.front() else {
            return;
        };
        let form = if self.board.is_drawn() {
            Form::Short
        } else {
            Form::Full
        };
        let from = before.saturating_duration_since(self.start);
        let elapsed = counts.now.saturating_duration_since(self.start);
        let workloads = self.workloads.iter().zip(counters);
        let counted = counts.live.iter().zip(&counts.over);
        let lines = workloads
            .zip(counted)
            .map(|((workload, before), (now, over))| {
                let recent = Recent {
                    span: workload.ran(from, elapsed, *over),
                    before,
                    now,
                    over: over.is_some(),
                };
                workload.line(form, elapsed, &recent)
            });
        let lines: Vec<String> = lines.collect();
        self.board.draw(counts.due, &lines);
    }
}

impl PhaseWatcher for PhaseLines<'_> {
    /// Draws them as often as the board wants it.
    fn counted(&mut self, counts: Counts) {
        if self.board.wants(counts.due) {
            self.draw(&counts);
        }
        let now = counts.now;
        self.readings.push_back((now, counts.live));
        // The next lines are drawn a step later.
        let window = self.board.window();
        while self.readings.len() > 1 && self.readings[0].0 + window < now + STEP / 2 {
            self.readings.pop_front();
        }
    }
}

/// How much a line says.
#[derive(Clone, Copy, Debug)]
enum Form {
    /// All of it.
    Full,
    /// What is not in the title of the lines, in 80 columns.
    Short,
}

/// What stands where there is no figure.
const NONE: &str = "-";

/// Two readings and the time between them in which the workload could send.
struct Recent<'a> {
    span: Duration,
    before: &'a LiveSnapshot,
    now: &'a LiveSnapshot,
    /// Whether it has nothing more to send.
    over: bool,
}

impl Recent<'_> {
    /// Per second; 0 where it sent nothing all the time.
    fn rate(&self, before: u64, now: u64) -> f64 {
        if self.span.is_zero() {
            0.0
        } else {
            now.saturating_sub(before) as f64 / self.span.as_secs_f64().max(1e-3)
        }
    }
}

impl Workload<'_> {
    /// Its line, so long after the phase's start.
    fn line(&self, form: Form, elapsed: Duration, recent: &Recent<'_>) -> String {
        let rate = recent.rate(recent.before.sent, recent.now.sent);
        let (phase, rate_of, latency) = match (form, self.open) {
            (Form::Short, _) => (String::new(), "", ""),
            (Form::Full, true) => (format!("{}/", self.phase), "rate ", "response time "),
            (Form::Full, false) => (format!("{}/", self.phase), "rate ", "service time "),
        };
        let failed = match (form, recent.now.failed) {
            (Form::Short, 0) => String::new(),
            (_, failed) => format!("failed {}, ", units::count(failed)),
        };
        let fresh = recent.now.latencies.since(&recent.before.latencies);
        let [p50, p99] = [0.5, 0.99].map(|q| {
            fresh
                .quantile_ns(q)
                .map_or(NONE.to_owned(), |ns| units::duration(ns as f64 / 1e3))
        });
        format!(
            "{phase}{}/{}: {rate_of}{}/s, in flight {}, {latency}p50 {p50}, p99 {p99}, \
             {failed}left {}",
            if recent.over {
                "ended".to_owned()
            } else {
                self.stage(elapsed)
            },
            self.name,
            if rate > 0.0 {
                units::number(rate)
            } else {
                "0".to_owned()
            },
            units::count(recent.now.in_flight()),
            self.left(elapsed, recent),
        )
    }

    /// The part of the time from `from` to `elapsed` after the phase's start in which it could
    /// send; it was `over` at some time.
    fn ran(&self, from: Duration, elapsed: Duration, over: Option<Duration>) -> Duration {
        let start = self.parts.first().map_or(Duration::ZERO, |part| part.start);
        over.map_or(elapsed, |over| over.min(elapsed))
            .saturating_sub(from.max(start))
    }

    /// Name of the part that runs.
    fn stage(&self, elapsed: Duration) -> String {
        match self.parts.iter().rev().find(|part| part.start <= elapsed) {
            None => "waiting".to_owned(),
            Some(part)
                if part
                    .duration
                    .is_some_and(|duration| part.start + duration <= elapsed) =>
            {
                "ending".to_owned()
            }
            Some(part) => part.kind.to_string(),
        }
    }

    /// Time until it ends.
    fn left(&self, elapsed: Duration, recent: &Recent<'_>) -> String {
        if recent.over {
            return whole(Duration::ZERO);
        }
        let end = self
            .parts
            .last()
            .and_then(|part| part.duration.map(|duration| part.start + duration));
        if let Some(end) = end {
            return whole(end.saturating_sub(elapsed));
        }
        // What ends it is a number of requests, and Milvus decides how fast they are done.
        let rate = recent.rate(recent.before.ended, recent.now.ended);
        match self.requests {
            Some(requests) if rate > 0.0 => {
                let left = requests.saturating_sub(recent.now.ended) as f64 / rate;
                format!(
                    "about {}",
                    whole(Duration::try_from_secs_f64(left).unwrap_or(Duration::MAX))
                )
            }
            _ if self.length == PhaseLength::Exhausted => "until the rows are used up".to_owned(),
            _ => NONE.to_owned(),
        }
    }
}

/// A time in whole seconds, minutes or hours, never less than it is.
fn whole(duration: Duration) -> String {
    let seconds = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{} h", seconds.div_ceil(3600)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{PartKind, PartLoad};

    fn part(kind: PartKind, start: u64, duration: Option<u64>) -> ScheduledPart {
        let (start, duration) = (
            Duration::from_secs(start),
            duration.map(Duration::from_secs),
        );
        ScheduledPart {
            kind,
            start,
            duration,
            requests: None,
            load: PartLoad::Closed { from: 1, to: 1 },
        }
    }

    /// A workload `search` of the phase `alone`: 5 s of warm-up, a ramp of 10 s, 20 s of the level
    /// `full`.
    fn staged() -> Workload<'static> {
        let parts = vec![
            part(PartKind::Warmup, 0, Some(5)),
            part(PartKind::Ramp(1), 5, Some(10)),
            part(PartKind::Stage("full".to_owned()), 15, Some(20)),
        ];
        let length = PhaseLength::Duration(Duration::from_secs(30));
        Workload {
            phase: "alone",
            length,
            name: "search",
            open: true,
            parts,
            requests: Some(1000),
        }
    }

    /// A workload that only `length` ends.
    fn open_end(length: PhaseLength, requests: Option<u64>) -> Workload<'static> {
        Workload {
            phase: "load",
            length,
            name: "ingest",
            open: false,
            parts: vec![part(PartKind::Measured, 0, None)],
            requests,
        }
    }

    /// Five seconds in which 1,000 requests were sent and 990 ended, 2 of them failures.
    fn check(workload: &Workload<'_>, elapsed_ms: u64, expected: &str) {
        let before = LiveSnapshot {
            sent: 100,
            ended: 100,
            failed: 1,
            latencies: [1_000_000_000; 99].into_iter().collect(),
        };
        let fresh = [vec![2_000_000; 978], vec![50_000_000; 10]].concat();
        let latencies = fresh.into_iter().chain([1_000_000_000; 99]).collect();
        let now = LiveSnapshot {
            sent: 1100,
            ended: 1090,
            failed: 3,
            latencies,
        };
        let recent = Recent {
            span: Duration::from_secs(5),
            before: &before,
            now: &now,
            over: false,
        };
        assert_eq!(
            workload.line(Form::Full, Duration::from_millis(elapsed_ms), &recent),
            expected
        );
    }

    #[test]
    fn a_line_names_the_stage_and_every_figure() {
        let figures = "rate 200/s, in flight 10, response time p50 2.00 ms, p99 49.3 ms, failed 3";
        check(
            &staged(),
            0,
            &format!("alone/warmup/search: {figures}, left 35 s"),
        );
        check(
            &staged(),
            5_000,
            &format!("alone/ramp/search: {figures}, left 30 s"),
        );
        check(
            &staged(),
            15_500,
            &format!("alone/full/search: {figures}, left 20 s"),
        );
        check(
            &staged(),
            35_000,
            &format!("alone/ending/search: {figures}, left 0 s"),
        );
        let later = Workload {
            parts: vec![part(PartKind::Measured, 5, Some(7200))],
            ..staged()
        };
        check(
            &later,
            4_000,
            &format!("alone/waiting/search: {figures}, left 3 h"),
        );
        check(
            &later,
            5_000,
            &format!("alone/measured/search: {figures}, left 2 h"),
        );
    }

    #[test]
    fn time_left_is_an_estimate_where_milvus_decides() {
        let figures = "load/measured/ingest: rate 200/s, in flight 10, service time p50 2.00 ms, \
                       p99 49.3 ms, failed 3";
        check(
            &open_end(PhaseLength::Requests(10_000), Some(10_000)),
            9_000,
            &format!("{figures}, left about 45 s"),
        );
        check(
            &open_end(PhaseLength::Requests(90_000), Some(90_000)),
            9_000,
            &format!("{figures}, left about 8 min"),
        );
        check(
            &open_end(PhaseLength::Exhausted, None),
            9_000,
            &format!("{figures}, left until the rows are used up"),
        );
        check(
            &open_end(PhaseLength::Requests(10), None),
            9_000,
            &format!("{figures}, left -"),
        );
    }

    #[test]
    fn without_an_answer_there_is_no_figure() {
        let nothing = LiveSnapshot::default();
        let recent = Recent {
            span: Duration::from_secs(1),
            before: &nothing,
            now: &nothing,
            over: false,
        };
        let workload = open_end(PhaseLength::Requests(10), Some(10));
        let line = |form| workload.line(form, Duration::ZERO, &recent);
        assert_eq!(
            line(Form::Short),
            "measured/ingest: 0/s, in flight 0, p50 -, p99 -, left -"
        );
        assert_eq!(
            line(Form::Full),
            "load/measured/ingest: rate 0/s, in flight 0, service time p50 -, p99 -, failed 0, \
             left -"
        );
    }

    #[test]
    fn a_workload_that_is_over_has_the_rate_of_the_time_that_it_ran() {
        let seconds = |text: f64| Duration::from_secs_f64(text);
        let workload = Workload {
            parts: vec![part(PartKind::Measured, 2, Some(60))],
            ..staged()
        };
        assert_eq!(
            workload.ran(seconds(0.0), seconds(5.0), None),
            seconds(3.0),
            "its start is later than the phase's"
        );
        assert_eq!(
            workload.ran(seconds(0.0), seconds(10.0), Some(seconds(2.5))),
            seconds(0.5)
        );
        assert_eq!(
            workload.ran(seconds(5.0), seconds(10.0), Some(seconds(2.5))),
            Duration::ZERO
        );
        let (before, now) = (
            LiveSnapshot::default(),
            LiveSnapshot {
                sent: 100,
                ended: 100,
                ..LiveSnapshot::default()
            },
        );
        let line = |span| {
            workload.line(
                Form::Short,
                seconds(10.0),
                &Recent {
                    span,
                    before: &before,
                    now: &now,
                    over: true,
                },
            )
        };
        assert_eq!(
            line(seconds(0.5)),
            "ended/search: 200/s, in flight 0, p50 -, p99 -, left 0 s"
        );
        assert_eq!(
            line(Duration::ZERO),
            "ended/search: 0/s, in flight 0, p50 -, p99 -, left 0 s"
        );
    }
}
