//! Open loop: slots of a schedule, sent whether or not earlier ones were answered.
//!
//! A slot that finds no place in flight waits and keeps its intended time; what is still waiting at the part's end is
//! recorded as not sent.

use std::{rc::Rc, sync::Arc, time::Duration};

use tokio::{sync::Semaphore, task::JoinSet, time::Instant};

use super::{
    engine::{LaneContext, LaneOutcome, LaneResult, Loop, PartLoad, PartPlan, StreamResult},
    request::{Before, Lane, Prepared},
    stop::{Stop, StopListener},
    timer::Timer,
};
use crate::pacer::{Pacer, Slot};

/// A slot that is late by no more than this at the part's end, by the wake-up of its timer alone, is still sent.
const WAKE_UP: Duration = Duration::from_millis(10);

/// One part while it runs.
struct Part<'a> {
    lane: Rc<Lane>,
    places: Arc<Semaphore>,
    timer: &'a Timer,
    stop: StopListener,
    start: Instant,
    end: Option<Instant>,
    earlier: u64,
    result: StreamResult,
}

/// Whether the schedule goes on.
#[derive(PartialEq)]
enum Next {
    Slot,
    End,
}

/// Runs the shard of this thread through all parts of the workload.
pub(super) async fn run(context: LaneContext) -> LaneOutcome {
    let Loop::Open { max_in_flight } = context.stream.arrival else { return Ok(LaneResult::default()) };
    // With fewer places than threads some threads have none; the others take their slots.
    let shards = u64::from(context.shard.of).min(max_in_flight);
    let shard = u64::from(context.shard.index);
    let mut result = LaneResult::default();
    if shard >= shards {
        // It has nothing that could be used up.
        context.live.set_exhausted();
        return Ok(result);
    }
    let timer = Timer::new().map_err(|error| error.to_string())?;
    let share = max_in_flight / shards + u64::from(shard < max_in_flight % shards);
    let places = Arc::new(Semaphore::new(usize::try_from(share).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS)));
    let mut tasks = JoinSet::new();
    let mut earlier = context.stream.earlier.first().copied().unwrap_or(0);
    let mut lanes = Vec::new();
    for plan in &context.stream.parts {
        let PartLoad::Open(schedule) = plan.load else { continue };
        let mut part = Part::new(&context, plan, &places, &timer, earlier);
        part.run(Pacer::new(schedule, shard, shards), plan, &mut tasks).await;
        // A part that only the end of its data ends has used up all of it, on all shards together.
        let used_up = context.stream.operation.capacity().map_or(part.result.due, |capacity| capacity.saturating_sub(earlier));
        earlier += plan.slots.unwrap_or(used_up);
        lanes.push(Rc::clone(&part.lane));
        result.parts.push(part.result);
    }
    while let Some(task) = tasks.join_next().await {
        resume(task);
    }
    // Only now: requests of an earlier part may end within a later one.
    for (part, lane) in result.parts.iter_mut().zip(&lanes) {
        part.in_flight_max = lane.in_flight_max.get();
        part.last_done_ns = lane.last_done_ns.get();
    }
    result.earlier.push((0, earlier));
    Ok(result)
}

/// A panic of a request's task is a bug, and ends the thread.
fn resume(task: Result<(), tokio::task::JoinError>) {
    if let Err(error) = task
        && let Ok(panic) = error.try_into_panic()
    {
        std::panic::resume_unwind(panic);
    }
}

impl<'a> Part<'a> {
    fn new(context: &LaneContext, plan: &PartPlan, places: &Arc<Semaphore>, timer: &'a Timer, earlier: u64) -> Self {
        let start = context.start + plan.start;
        Self {
            lane: Rc::new(context.lane(plan)),
            places: Arc::clone(places),
            timer,
            stop: context.stop.listen(),
            start,
            end: plan.duration.map(|duration| start + duration),
            earlier,
            result: StreamResult { stream: plan.stream.0, ..StreamResult::default() },
        }
    }

    async fn run(&mut self, pacer: Pacer, plan: &PartPlan, tasks: &mut JoinSet<()>) {
        let capacity = self.lane.operation.capacity();
        for slot in pacer {
            if plan.requests.is_some_and(|requests| slot.seq >= requests) || plan.duration.is_some_and(|duration| slot.due >= duration) {
                break;
            }
            if capacity.is_some_and(|capacity| self.earlier + slot.seq >= capacity) {
                self.result.stopped = Some(super::ROWS_USED_UP.to_owned());
                self.lane.live.set_exhausted();
                break;
            }
            while let Some(task) = tasks.try_join_next() {
                resume(task);
            }
            if self.serve(slot, tasks).await == Next::End {
                break;
            }
        }
    }

    /// Waits for the slot's time and for a place in flight, and sends.
    async fn serve(&mut self, slot: Slot, tasks: &mut JoinSet<()>) -> Next {
        let due = self.start + slot.due;
        if self.is_over(due) {
            return self.give_up(slot, due);
        }
        let prepared = match self.lane.prepare(slot.seq, self.earlier) {
            Ok(prepared) => prepared,
            Err(error) => {
                self.result.stopped = Some(error.to_string());
                return Next::End;
            }
        };
        if self.wait(due).await == Next::End {
            return Next::End;
        }
        match self.place(due).await {
            Some(place) => {
                self.result.due += 1;
                self.send(due, prepared, place, tasks);
                // Lets the request leave before the next slot is looked at, which may be due already.
                tokio::task::yield_now().await;
                Next::Slot
            }
            None => self.give_up(slot, due),
        }
    }

    /// Whether a slot that is due at `due` can't be sent any more.
    fn is_over(&self, due: Instant) -> bool {
        let now = Instant::now();
        self.stop.asked() != Stop::Go || self.end.is_some_and(|end| now >= end && due + WAKE_UP < now)
    }

    /// Records a slot that was due and not sent; one that was not due when the part was told to end was never due.
    fn give_up(&mut self, slot: Slot, due: Instant) -> Next {
        let now = Instant::now();
        if due > now {
            return Next::End;
        }
        self.result.due += 1;
        self.lane.record_not_sent(slot.seq, self.lane.shared.clock.ns_of(due), now);
        Next::Slot
    }

    /// Waits until `due`; [`Next::End`] when the part is told to end before that.
    async fn wait(&mut self, due: Instant) -> Next {
        if self.stop.asked() == Stop::Go && due > Instant::now() {
            tokio::select! {
                biased;
                () = self.stop.until(Stop::EndPart) => {}
                waited = self.timer.wait_until(due) => if let Err(error) = waited {
                    self.result.stopped = Some(format!("the timer failed: {error}"));
                    return Next::End;
                },
            }
        }
        // A slot that was due before the wish to stop counts as due; it will not be sent.
        if self.stop.asked() != Stop::Go && due > Instant::now() { Next::End } else { Next::Slot }
    }

    /// A place in flight, None when the part ends before there is one.
    async fn place(&mut self, due: Instant) -> Option<tokio::sync::OwnedSemaphorePermit> {
        if self.is_over(due) {
            return None;
        }
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Some(place);
        }
        self.result.in_flight_waits += 1;
        let end = self.end;
        let timer = self.timer;
        let ended = async {
            match end {
                // A timer that fails gives up the slot, as the end does.
                Some(end) => drop(timer.wait_until(end).await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            place = Arc::clone(&self.places).acquire_owned() => place.ok(),
            () = self.stop.until(Stop::EndPart) => None,
            () = ended => None,
        }
    }

    fn send(&mut self, due: Instant, prepared: Prepared, place: tokio::sync::OwnedSemaphorePermit, tasks: &mut JoinSet<()>) {
        self.result.sent += 1;
        let (lane, stop) = (Rc::clone(&self.lane), self.stop.clone());
        let before = Before { intended_ns: Some(lane.shared.clock.ns_of(due)), ready_ns: None };
        tasks.spawn_local(async move {
            lane.send(prepared, before, stop).await;
            drop(place);
        });
    }
}
