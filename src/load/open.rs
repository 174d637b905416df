//! Open loop: requests of a schedule, sent whether or not earlier ones were answered.
//!
//! A scheduled request that finds no place in flight waits and keeps its intended time; what is
//! still waiting at the part's end is recorded as not sent.

use std::{future::poll_fn, rc::Rc, task::Poll, time::Duration};

use tokio::time::Instant;

use super::{
    components::Numbering,
    phase::{Loop, PartLoad, PartPlan},
    places::{Place, Places},
    request::{Before, Launch, Prepared, ThreadStream},
    result::{StreamResult, WorkloadOutcome, WorkloadResult},
    stop::{Stop, StopListener},
    workload::WorkloadContext,
};
use crate::pacer::{Pacer, Slot};

/// A scheduled request that is late by no more than this at the part's end, by the wake-up of its
/// timer alone, is still sent.
const WAKE_UP: Duration = Duration::from_millis(10);

/// Scheduled requests that are due already and sent one after the other before the event loop has
/// its turn.
const BURST: u32 = 8;

/// One part while it runs.
struct Part<'a> {
    /// Per component.
    streams: Vec<Rc<ThreadStream>>,
    numbering: Numbering,
    places: &'a Places,
    stop: StopListener,
    start: Instant,
    end: Option<Instant>,
    /// Per component, its requests before the part.
    earlier: &'a [u64],
    /// Per component.
    results: Vec<StreamResult>,
    /// Scheduled requests that were sent since the event loop had its turn.
    burst: u32,
}

/// A scheduled request with its call.
#[derive(Clone, Copy)]
struct Request {
    slot: Slot,
    component: usize,
    /// Its number within the component.
    number: u64,
}

/// Whether the schedule goes on.
#[derive(PartialEq)]
enum Next {
    Slot,
    End,
}

/// Runs the shard of this thread through all parts of the workload.
pub(super) async fn run(context: WorkloadContext) -> WorkloadOutcome {
    let Loop::Open { max_in_flight } = context.workload.arrival else {
        return Ok(WorkloadResult::default());
    };
    // With fewer places than threads some threads have none; the others take their scheduled
    // requests.
    let shards = u64::from(context.shard.of).min(max_in_flight);
    let shard = u64::from(context.shard.index);
    let mut result = WorkloadResult::default();
    if shard >= shards {
        // It has nothing that could be used up.
        context.set_exhausted();
        context.sending_ends();
        return Ok(result);
    }
    let places = Places::new(max_in_flight / shards + u64::from(shard < max_in_flight % shards));
    let components = &context.workload.components;
    let mut earlier: Vec<u64> = components
        .iter()
        .map(|of| of.earlier.first().copied().unwrap_or(0))
        .collect();
    let mut streams = Vec::new();
    for plan in &context.workload.parts {
        let PartLoad::Open(schedule) = plan.load else {
            continue;
        };
        let mut part = Part::new(&context, plan, &places, &earlier);
        part.run(Pacer::new(schedule, shard, shards), plan, &context)
            .await;
        let Part {
            streams: of_part,
            numbering,
            results,
            ..
        } = part;
        for (at, stream) in plan.streams.iter().enumerate() {
            // A part that only the end of its data ends has used up all of it, on all shards
            // together.
            let used_up = components[at]
                .operation
                .capacity()
                .map_or(numbering.drawn()[at], |capacity| {
                    capacity.saturating_sub(earlier[at])
                });
            earlier[at] += stream.slots.unwrap_or(used_up);
        }
        streams.extend(of_part);
        result.parts.extend(results);
    }
    if result.parts.last().is_some_and(|part| !part.ended_itself) {
        wait_for_the_end(&context).await;
    }
    context.sending_ends();
    places.all_free().await;
    // Only now: requests of an earlier part may end within a later one.
    for (part, stream) in result.parts.iter_mut().zip(&streams) {
        part.sent = stream.sent.get();
        part.in_flight_max = stream.in_flight_max.get();
        part.last_ns = part.last_ns.max(stream.last_sent_ns.get());
    }
    for (component, earlier) in earlier.into_iter().enumerate() {
        result
            .earlier
            .push((context.first_row + component, 0, earlier));
    }
    Ok(result)
}

/// A phase lasts as long as it was planned, also where its schedule holds no request any more.
async fn wait_for_the_end(context: &WorkloadContext) {
    let end = context
        .workload
        .parts
        .last()
        .and_then(|plan| Some(context.start + plan.start + plan.duration?));
    let mut stop = context.stop.listen();
    if let Some(end) = end {
        tokio::select! {
            biased;
            () = stop.until(Stop::EndPart) => {}
            () = context.shared.timers.until(end) => {}
        }
    }
}

impl<'a> Part<'a> {
    fn new(
        context: &WorkloadContext,
        plan: &PartPlan,
        places: &'a Places,
        earlier: &'a [u64],
    ) -> Self {
        let start = context.start + plan.start;
        let streams = context.streams(plan);
        let left = streams.iter().zip(earlier).map(|(stream, earlier)| {
            let capacity = stream.operation.capacity();
            capacity.map(|capacity| capacity.saturating_sub(*earlier))
        });
        Self {
            numbering: Numbering::new(&plan.draws, left.collect()),
            results: streams.iter().map(|stream| stream.no_result()).collect(),
            streams,
            places,
            stop: context.stop.listen(),
            start,
            end: plan.duration.map(|duration| start + duration),
            earlier,
            burst: 0,
        }
    }

    async fn run(&mut self, pacer: Pacer, plan: &PartPlan, context: &WorkloadContext) {
        for slot in pacer {
            if plan.duration.is_some_and(|duration| slot.due >= duration) {
                break;
            }
            if plan.requests.is_some_and(|requests| slot.seq >= requests) {
                self.end_itself(slot, None, context);
                break;
            }
            let Some((component, number)) = self.numbering.take(slot.seq) else {
                self.end_itself(slot, None, context);
                let over = self.numbering.over();
                for (component, result) in self.results.iter_mut().enumerate() {
                    result.rows_used_up(over == Some(component));
                }
                context.set_exhausted();
                break;
            };
            let request = Request {
                slot,
                component,
                number,
            };
            if self.serve(request, context).await == Next::End {
                break;
            }
        }
    }

    /// There is nothing for `slot` and those after it.
    fn end_itself(&mut self, slot: Slot, why: Option<String>, context: &WorkloadContext) {
        let missing_from_ns = context.shared.clock.ns_of(self.start + slot.due);
        for result in &mut self.results {
            result.ended_itself = true;
            result.missing_from_ns = Some(missing_from_ns);
            result.stopped = why.clone();
        }
    }

    /// Waits for its due time and for a place in flight, and sends.
    async fn serve(&mut self, request: Request, context: &WorkloadContext) -> Next {
        let due = self.start + request.slot.due;
        if self.is_over(due) {
            return self.give_up(request, due);
        }
        let at = request.component;
        let prepared = match self.streams[at].prepare(request.number, self.earlier[at], due) {
            Ok(prepared) => prepared,
            Err(error) => {
                self.end_itself(request.slot, Some(error.to_string()), context);
                return Next::End;
            }
        };
        if self.wait(due, context).await == Next::End {
            return Next::End;
        }
        match self.place(due, at).await {
            Some(place) => {
                self.results[at].due += 1;
                self.send(request, due, prepared, place);
                self.let_others_run().await;
                Next::Slot
            }
            None => self.give_up(request, due),
        }
    }

    /// Whether a scheduled request that is due at `due` can't be sent any more.
    fn is_over(&self, due: Instant) -> bool {
        let now = Instant::now();
        self.stop.asked() != Stop::Go
            || self
                .end
                .is_some_and(|end| now >= end && due + WAKE_UP < now)
    }

    /// Records a scheduled request that was due and not sent; one that was not due when the part
    /// was told to end was never due.
    fn give_up(&mut self, request: Request, due: Instant) -> Next {
        let now = Instant::now();
        if due > now {
            return Next::End;
        }
        self.results[request.component].due += 1;
        let stream = &self.streams[request.component];
        let intended_ns = stream.shared.clock.ns_of(due);
        let earlier = self.earlier[request.component];
        stream.record_not_sent(request.number, earlier, intended_ns, now);
        Next::Slot
    }

    /// Waits until `due`; [`Next::End`] when the part is told to end before that.
    async fn wait(&mut self, due: Instant, context: &WorkloadContext) -> Next {
        if self.stop.asked() == Stop::Go && due > Instant::now() {
            self.burst = 0;
            tokio::select! {
                biased;
                () = self.stop.until(Stop::EndPart) => {}
                () = context.shared.timers.until_slot(due) => {}
            }
        }
        // A scheduled request that was due before the wish to stop counts as due; it will not be
        // sent.
        if self.stop.asked() != Stop::Go && due > Instant::now() {
            Next::End
        } else {
            Next::Slot
        }
    }

    /// A place in flight for a request of a component, None when the part ends before there is one.
    async fn place(&mut self, due: Instant, component: usize) -> Option<Place> {
        if self.is_over(due) {
            return None;
        }
        if let Some(place) = self.places.try_take() {
            return Some(place);
        }
        self.results[component].in_flight_waits += 1;
        self.burst = 0;
        let timers = &self.streams[component].shared.timers;
        let ended = async {
            match self.end {
                Some(end) => timers.until(end).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            place = self.places.take() => Some(place),
            () = self.stop.until(Stop::EndPart) => None,
            () = ended => None,
        }
    }

    fn send(&mut self, of: Request, due: Instant, request: Prepared, place: Place) {
        let stream = Rc::clone(&self.streams[of.component]);
        let before = Before {
            intended_ns: Some(stream.shared.clock.ns_of(due)),
            ready_ns: None,
        };
        let pin = of.slot.seq / stream.shards;
        let started = stream.start(&request, pin);
        let launch = Launch {
            request,
            before,
            pin,
            started,
            stop: self.stop.clone(),
        };
        tokio::task::spawn_local(async move {
            stream.finish(launch).await;
            drop(place);
        });
    }

    /// Lets requests leave and replies come in between scheduled requests that are due already.
    async fn let_others_run(&mut self) {
        self.burst += 1;
        if self.burst < BURST {
            return;
        }
        self.burst = 0;
        let mut yielded = false;
        // Not Tokio's `yield_now`, which asks the kernel for events each time.
        poll_fn(|cx| {
            if std::mem::replace(&mut yielded, true) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}
