//! A phase while it runs: its progress, the user's wish to stop, and the end of phases that last
//! until rows are used up.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use super::session::Session;
use crate::{
    analysis::judgement::thresholds::watch::Measuring,
    cli::{CliError, progress::Board},
    load::{
        LanePlan, LiveSnapshot, PartPlan, PhaseResult, PhaseRun, RunningPhase, Stop, StopHandle,
        prepare::Claims,
    },
    plan::{Arrival, PhaseLength, Plan, ScheduledPart},
    report::units,
};

/// Time between two readings of the counters: at a low rate, more looks would be a good part of
/// what this program does.
const READ: Duration = Duration::from_secs(1);

/// Time between two writings of what is known of the machine: the most that a run which is killed
/// loses of it.
const SAVE_MACHINE: Duration = Duration::from_secs(5);

/// How long requests in flight are waited for after Ctrl-C.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// Waits for the end of phase `number`: draws progress, passes on signals, ends phases that last
/// until their rows are used up.
pub(crate) async fn watch(
    session: &mut Session<'_>,
    plan: &Plan,
    number: usize,
    running: &mut RunningPhase,
    phase: &PhaseRun,
    claims: &Claims,
) -> Result<PhaseResult, CliError> {
    let mut signals = session.signals.clone();
    let phase_plan = &plan.phases[number];
    let title = format!(
        "phase {}: response times, in a closed loop service times",
        phase_plan.name
    );
    let board = session.progress.board(&title, phase_plan.workloads.len());
    let mut display = Display::new(plan, number, phase.start, board);
    let stop = &phase.stop;
    let measuring = measuring(phase, session.clock.ns_of(phase.start));
    let ends_exhausted = phase_plan.length == PhaseLength::Exhausted;
    let exhausted = running.exhausted();
    tokio::pin!(exhausted);
    let mut saved = Instant::now();
    loop {
        tokio::select! {
            result = running.wait() => return result.map_err(CliError::new),
            () = &mut exhausted, if ends_exhausted && stop.asked() == Stop::Go => stop.ask(Stop::EndPart),
            () = tokio::time::sleep(READ) => {}
            () = signals.wait(), if stop.asked() == Stop::Go => end_soon(stop),
        }
        if let Some(machine) = &mut session.machine {
            machine.look_each(READ);
        }
        if saved.elapsed() >= SAVE_MACHINE {
            session.save_machine();
            saved = Instant::now();
        }
        if stop.asked() == Stop::Go
            && let Some(aborted) = session
                .watch
                .lock()
                .ok()
                .and_then(|mut watch| watch.violated(&until_over(&measuring, &running.over())))
        {
            session.info.aborted = Some(aborted);
            end_soon(stop);
        }
        // What is sent to the name now goes to somebody else's collection.
        if stop.asked() == Stop::Go && claims.lost().is_some() {
            end_soon(stop);
        }
        display.look(running);
    }
}

/// Sends nothing more, and gives what is in flight a moment.
fn end_soon(stop: &StopHandle) {
    stop.ask(Stop::EndPart);
    let stop = stop.clone();
    tokio::spawn(async move {
        tokio::time::sleep(LAST_ANSWERS).await;
        stop.ask(Stop::Abort);
    });
}

/// When each part of the phase is measured as planned, by its row of the phase; and the phase's
/// start.
struct PlannedParts {
    start_ns: u64,
    parts: Vec<(usize, Measuring)>,
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn measuring(phase: &PhaseRun, start_ns: u64) -> PlannedParts {
    let of = |part: &PartPlan, lane: &LanePlan| {
        let from_ns = start_ns.saturating_add(nanos(part.start));
        Measuring {
            stream: lane.stream.0,
            from_ns,
            to_ns: part
                .duration
                .map(|length| from_ns.saturating_add(nanos(length))),
        }
    };
    let mut parts = Vec::new();
    let mut first_row = 0;
    for stream in &phase.streams {
        for part in &stream.parts {
            let lanes = part.lanes.iter().enumerate();
            parts.extend(lanes.map(|(at, lane)| (first_row + at, of(part, lane))));
        }
        first_row += stream.components.len();
    }
    PlannedParts { start_ns, parts }
}

/// The same, no longer than each workload had something to send: one whose rows are used up is not
/// slow.
fn until_over(planned: &PlannedParts, over: &[Option<Duration>]) -> Vec<Measuring> {
    let of = |(at, part): &(usize, Measuring)| {
        let over_ns = over
            .get(*at)
            .copied()
            .flatten()
            .map(|over| planned.start_ns.saturating_add(nanos(over)));
        Measuring {
            to_ns: part.to_ns.into_iter().chain(over_ns).min(),
            ..*part
        }
    };
    planned.parts.iter().map(of).collect()
}

/// The lines of a phase, one per workload.
struct Display<'a> {
    workloads: Vec<Workload<'a>>,
    start: Instant,
    /// When the counters are to be read again.
    next: Instant,
    /// Readings of the last seconds, the oldest first; there is always one.
    readings: VecDeque<(Instant, Vec<LiveSnapshot>)>,
    board: Board<'a>,
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

impl<'a> Display<'a> {
    fn new(plan: &'a Plan, number: usize, start: Instant, board: Board<'a>) -> Self {
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
            next: start + READ,
            readings,
            board,
        }
    }

    /// Reads the counters once a second and draws them as often as the board wants it.
    fn look(&mut self, running: &RunningPhase) {
        let now = Instant::now();
        if now < self.next {
            return;
        }
        let live = running.live();
        // A step of the grid and not a second from now, so that ten readings take ten seconds.
        let at = self.next;
        self.next = (self.next + READ).max(now);
        if self.board.wants(at)
            && let Some((before, counters)) = self.readings.front()
        {
            let form = if self.board.is_drawn() {
                Form::Short
            } else {
                Form::Full
            };
            let (from, elapsed) = (
                before.saturating_duration_since(self.start),
                now.saturating_duration_since(self.start),
            );
            let workloads = self
                .workloads
                .iter()
                .zip(counters)
                .zip(&live)
                .zip(running.over());
            let lines = workloads.map(|(((workload, before), now), over)| {
                let span = workload.ran(from, elapsed, over);
                workload.line(
                    form,
                    elapsed,
                    &Recent {
                        span,
                        before,
                        now,
                        over: over.is_some(),
                    },
                )
            });
            let lines: Vec<String> = lines.collect();
            self.board.draw(at, &lines);
        }
        self.readings.push_back((now, live));
        // The next lines are drawn a step later.
        while self.readings.len() > 1 && self.readings[0].0 + self.board.window() < now + READ / 2 {
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

    #[test]
    fn no_threshold_looks_at_a_workload_that_is_over() {
        let part = |stream| Measuring {
            stream,
            from_ns: 1_000,
            to_ns: Some(9_000),
        };
        let planned = PlannedParts {
            start_ns: 500,
            parts: vec![
                (0, part(0)),
                (1, part(1)),
                (
                    1,
                    Measuring {
                        to_ns: None,
                        ..part(2)
                    },
                ),
            ],
        };
        let ends = |over: [Option<u64>; 2]| -> Vec<Option<u64>> {
            until_over(&planned, &over.map(|ns| ns.map(Duration::from_nanos)))
                .iter()
                .map(|part| part.to_ns)
                .collect()
        };
        assert_eq!(ends([None, None]), [Some(9_000), Some(9_000), None]);
        assert_eq!(
            ends([None, Some(3_500)]),
            [Some(9_000), Some(4_000), Some(4_000)]
        );
        assert_eq!(ends([Some(20_000), None]), [Some(9_000), Some(9_000), None]);
    }
}
