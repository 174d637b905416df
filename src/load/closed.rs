//! Closed loop: callers, each of which waits for its answer and thinks before its next request.
//!
//! Caller c's k-th request of a part has seq = c + k x callers, the most callers of any part. There
//! is no schedule, so stalls are under-counted; the report says so.
//!
//! Rows are shared out among the callers. A workload of one kind of request ends when the last
//! caller has none left. A mix without one of its components would be another one: it ends for all
//! callers once one of them has no row for the component that it drew.

use std::{cell::Cell, rc::Rc, time::Duration};

use tokio::time::Instant;

use super::{
    callers,
    phase::{ComponentRun, Loop, PartLoad, PartPlan},
    request::{Before, Launch, Prepared, ThreadStream},
    result::{StreamResult, WorkloadOutcome, WorkloadResult},
    stop::{Stop, StopListener},
    workload::{WorkloadContext, joined},
};
use crate::plan::ThinkTime;

/// Marks the hash that a pause is drawn from: content is drawn from that of the number itself.
const PAUSE: u64 = 1 << 63;

/// Runs the callers of this thread through all parts of the workload.
pub(super) async fn run(context: WorkloadContext) -> WorkloadOutcome {
    let Loop::Closed {
        callers,
        think_time,
    } = context.workload.arrival
    else {
        return Ok(WorkloadResult::default());
    };
    let parts = &context.workload.parts;
    let streams: Rc<Vec<Vec<Rc<ThreadStream>>>> =
        Rc::new(parts.iter().map(|plan| context.streams(plan)).collect());
    if let Some(component) = used_up_before(&context) {
        context.workload.rows_end.tell(component);
    }
    let context = Rc::new(context);
    let numbers = (context.shard.index..callers).step_by(context.shard.of.max(1) as usize);
    let with_rows = Rc::new(Cell::new(numbers.len()));
    let mut tasks = Vec::new();
    for number in numbers {
        let (context, streams, with_rows) = (
            Rc::clone(&context),
            Rc::clone(&streams),
            Rc::clone(&with_rows),
        );
        tasks.push(tokio::task::spawn_local(async move {
            let components = context.workload.components.iter();
            let earlier = components
                .map(|of| of.earlier.get(number as usize).copied().unwrap_or(0))
                .collect();
            let mut caller = Caller {
                number: u64::from(number),
                callers: u64::from(callers),
                think_time,
                earlier,
                stop: context.stop.listen(),
                rows_end: context.workload.rows_end.listen(),
                with_rows,
                used_up: false,
            };
            let mut results = Vec::new();
            for (plan, streams) in context.workload.parts.iter().zip(streams.iter()) {
                results.extend(caller.run(&context, plan, streams).await);
            }
            (number, caller.earlier, results)
        }));
    }
    if tasks.is_empty() {
        // It has nothing that could be used up.
        context.set_exhausted();
    }
    let mut result = WorkloadResult::default();
    for task in tasks {
        let (number, earlier, parts) = joined(task.await)?;
        for (component, earlier) in earlier.into_iter().enumerate() {
            let row = context.first_row + component;
            result.earlier.push((row, number as usize, earlier));
        }
        merge(&mut result.parts, parts);
    }
    context.sending_ends();
    for (part, stream) in result.parts.iter_mut().zip(streams.iter().flatten()) {
        part.sent = stream.sent.get();
        part.in_flight_max = stream.in_flight_max.get();
        part.last_ns = part.last_ns.max(stream.last_sent_ns.get());
    }
    Ok(result)
}

/// The component of a mix of which a caller had rows, and used them up in earlier phases; the same
/// on all threads.
fn used_up_before(context: &WorkloadContext) -> Option<usize> {
    let components = &context.workload.components;
    let used_up = |of: &ComponentRun| {
        of.operation.capacity().is_some_and(|capacity| {
            let earlier = (0..).zip(&of.earlier);
            earlier
                .filter(|(caller, _)| *caller < capacity)
                .any(|(caller, earlier)| caller + earlier >= capacity)
        })
    };
    let is_mix = components.len() > 1;
    components.iter().position(|of| is_mix && used_up(of))
}

fn merge(parts: &mut Vec<StreamResult>, of_caller: Vec<StreamResult>) {
    if parts.is_empty() {
        *parts = of_caller;
        return;
    }
    for (sum, part) in parts.iter_mut().zip(of_caller) {
        sum.due += part.due;
        sum.ended_itself &= part.ended_itself;
        sum.last_ns = sum.last_ns.max(part.last_ns);
        sum.stopped = sum.stopped.take().or(part.stopped);
    }
}

/// The caller could have sent at `now`, and has nothing any more; `why` says what it lacks.
fn end_itself(
    results: &mut [StreamResult],
    stream: &ThreadStream,
    now: Instant,
    why: Option<String>,
) {
    for result in results {
        (result.ended_itself, result.last_ns) = (true, stream.shared.clock.ns_of(now));
        result.stopped = why.clone();
    }
}

struct Caller {
    number: u64,
    callers: u64,
    think_time: ThinkTime,
    /// Per component, requests that this caller made before the part, times the number of callers:
    /// where its row numbers go on.
    earlier: Vec<u64>,
    stop: StopListener,
    /// Of the other callers of a mix.
    rows_end: StopListener,
    /// Callers of this thread that have rows left. They use up their shares at different times.
    with_rows: Rc<Cell<usize>>,
    used_up: bool,
}

impl Caller {
    async fn run(
        &mut self,
        context: &WorkloadContext,
        plan: &PartPlan,
        streams: &[Rc<ThreadStream>],
    ) -> Vec<StreamResult> {
        let mut results: Vec<StreamResult> =
            streams.iter().map(|stream| stream.no_result()).collect();
        let (PartLoad::Closed { from, to }, Some(first)) = (plan.load, streams.first()) else {
            return results;
        };
        let Some(shift) = callers::shift(self.number, (from, to), plan.duration) else {
            // Others decide how long the part lasts.
            results
                .iter_mut()
                .for_each(|result| result.ended_itself = true);
            return results;
        };
        if self.used_up {
            let used_up = |result: &mut StreamResult| result.rows_used_up(true);
            results.iter_mut().for_each(used_up);
            return results;
        }
        let start = context.start + plan.start + shift.begin;
        let end = shift.end.map(|end| context.start + plan.start + end);
        if !self.wait_until(first, start).await {
            self.end_mix(context, &mut results, first);
            return results;
        }
        for round in 0.. {
            let seq = self.number + round * self.callers;
            let now = Instant::now();
            if end.is_some_and(|end| now >= end) || self.stop.asked() != Stop::Go {
                break;
            }
            if self.end_mix(context, &mut results, first) {
                break;
            }
            if plan.requests.is_some_and(|requests| seq >= requests) {
                end_itself(&mut results, first, now, None);
                break;
            }
            let component = plan.draws.component(seq);
            let (stream, begun) = (&streams[component], results[component].due);
            if self.lacks(streams, component, begun) {
                self.end_rows(context, component, &mut results, first);
                break;
            }
            let number = self.number + begun * self.callers;
            match stream.prepare(number, self.earlier[component], now) {
                Ok(request) => {
                    results[component].due += 1;
                    self.send(stream, request).await;
                }
                Err(error) => {
                    end_itself(&mut results, first, now, Some(error.to_string()));
                    self.use_up(context);
                    break;
                }
            }
            let pause = callers::pause(self.think_time, plan.ids.key_hash(seq | PAUSE));
            if !self.rest(stream, pause, end).await {
                self.end_mix(context, &mut results, first);
                break;
            }
        }
        for (earlier, result) in self.earlier.iter_mut().zip(&results) {
            *earlier += result.due * self.callers;
        }
        results
    }

    /// Waits for `pause`, no longer than until `end`; false when the wait was cut short.
    async fn rest(&mut self, stream: &ThreadStream, pause: Duration, end: Option<Instant>) -> bool {
        if pause.is_zero() {
            return true;
        }
        // A part does not last longer because its callers think.
        let rested = Instant::now() + pause;
        self.wait_until(stream, end.map_or(rested, |end| end.min(rested)))
            .await
    }

    /// Sends a request at once, and waits for its end.
    async fn send(&self, stream: &ThreadStream, request: Prepared) {
        let before = Before {
            intended_ns: None,
            ready_ns: Some(stream.shared.clock.now_ns()),
        };
        let pin = self.number / stream.shards;
        let started = stream.start(&request, pin);
        stream
            .finish(Launch {
                request,
                before,
                pin,
                started,
                stop: self.stop.clone(),
            })
            .await;
    }

    /// Whether the data of a component is used up for this caller, which has begun so many of its
    /// requests in the part.
    fn lacks(&self, streams: &[Rc<ThreadStream>], component: usize, begun: u64) -> bool {
        let next = self.earlier[component] + self.number + begun * self.callers;
        streams[component]
            .operation
            .capacity()
            .is_some_and(|capacity| next >= capacity)
    }

    /// There is no row for a request of `component`: the end of this caller, or of the whole mix.
    fn end_rows(
        &mut self,
        context: &WorkloadContext,
        component: usize,
        results: &mut [StreamResult],
        stream: &ThreadStream,
    ) {
        if results.len() > 1 {
            context.workload.rows_end.tell(component);
            self.end_mix(context, results, stream);
            return;
        }
        let why = super::ROWS_USED_UP.to_owned();
        end_itself(results, stream, Instant::now(), Some(why));
        self.use_up(context);
    }

    /// Ends the part where a component of the mix has no rows left for some caller; false while it
    /// goes on.
    fn end_mix(
        &self,
        context: &WorkloadContext,
        results: &mut [StreamResult],
        stream: &ThreadStream,
    ) -> bool {
        let Some(used_up) = context.workload.rows_end.told() else {
            return false;
        };
        end_itself(results, stream, Instant::now(), None);
        for (component, result) in results.iter_mut().enumerate() {
            result.rows_used_up(component == used_up);
        }
        context.set_exhausted();
        true
    }

    /// Nothing more comes from this caller; says so once that holds for all callers of the thread,
    /// if they send rows.
    fn use_up(&mut self, context: &WorkloadContext) {
        let ends = |of: &ComponentRun| of.operation.capacity().is_some();
        let finite = context.workload.components.iter().any(ends);
        if !finite || std::mem::replace(&mut self.used_up, true) {
            return;
        }
        self.with_rows.set(self.with_rows.get() - 1);
        if self.with_rows.get() == 0 {
            context.set_exhausted();
        }
    }

    /// False when the part is told to end before that.
    async fn wait_until(&mut self, stream: &ThreadStream, deadline: Instant) -> bool {
        tokio::select! {
            biased;
            () = self.stop.until(Stop::EndPart) => false,
            () = self.rows_end.until(Stop::EndPart) => false,
            () = stream.shared.timers.until(deadline) => true,
        }
    }
}
