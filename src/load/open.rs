//! Open loop: slots of a schedule, sent whether or not earlier ones were answered.
//!
//! A slot that finds no place in flight waits and keeps its intended time; what is still waiting at the part's end is
//! recorded as not sent.

use std::{rc::Rc, sync::Arc, time::Duration};

use tokio::{sync::Semaphore, task::JoinSet, time::Instant};

use super::{
    engine::{LaneContext, LaneResult, Loop, PartPlan, StreamResult},
    request::{Before, Lane, Prepared},
    stop::{Stop, StopListener},
    timer::Timer,
};
use crate::pacer::{Pacer, Slot, Spread};

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
pub(super) async fn run(context: LaneContext) -> LaneResult {
    let Loop::Open { rate, poisson, max_in_flight } = context.stream.arrival else { return LaneResult::default() };
    // With fewer places than threads some threads have none; the others take their slots.
    let shards = u64::from(context.shard.of).min(max_in_flight);
    let shard = u64::from(context.shard.index);
    let mut result = LaneResult::default();
    let Ok(timer) = Timer::new() else { return result };
    if shard >= shards {
        return result;
    }
    let share = max_in_flight / shards + u64::from(shard < max_in_flight % shards);
    let places = Arc::new(Semaphore::new(usize::try_from(share).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS)));
    let mut tasks = JoinSet::new();
    let mut earlier = context.stream.earlier.first().copied().unwrap_or(0);
    for plan in &context.stream.parts {
        let spread = if poisson { Spread::Poisson { seed: plan.ids.key_hash(u64::MAX) } } else { Spread::Even };
        let mut part = Part::new(&context, plan, &places, &timer, earlier);
        part.run(Pacer::new(rate, spread, shard, shards), plan, &mut tasks).await;
        earlier += slots_of(plan, rate, spread, part.result.due);
        result.parts.push(part.finish());
    }
    while tasks.join_next().await.is_some() {}
    result.earlier.push((0, earlier));
    result
}

/// Slots of the whole schedule of a part, all shards together.
fn slots_of(plan: &PartPlan, rate: f64, spread: Spread, due_here: u64) -> u64 {
    match (plan.requests, plan.duration) {
        (Some(requests), _) => requests,
        (None, Some(duration)) => Pacer::count_before(rate, spread, duration),
        (None, None) => due_here,
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

    fn finish(self) -> StreamResult {
        StreamResult { in_flight_max: self.lane.in_flight_max.get(), ..self.result }
    }

    async fn run(&mut self, pacer: Pacer, plan: &PartPlan, tasks: &mut JoinSet<()>) {
        let capacity = self.lane.operation.capacity();
        for slot in pacer {
            if plan.requests.is_some_and(|requests| slot.seq >= requests) || plan.duration.is_some_and(|duration| slot.due >= duration) {
                break;
            }
            if capacity.is_some_and(|capacity| self.earlier + slot.seq >= capacity) {
                self.result.stopped = Some("its rows are used up".to_owned());
                self.lane.live.set_exhausted();
                break;
            }
            while tasks.try_join_next().is_some() {}
            if self.serve(slot, tasks).await == Next::End {
                break;
            }
        }
    }

    /// Waits for the slot's time and for a place in flight, and sends.
    async fn serve(&mut self, slot: Slot, tasks: &mut JoinSet<()>) -> Next {
        let due = self.start + slot.due;
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
        self.result.due += 1;
        match self.place(due).await {
            Some(place) => {
                self.send(slot, due, prepared, place, tasks);
                // Lets the request leave before the next slot is looked at, which may be due already.
                tokio::task::yield_now().await;
            }
            None => self.lane.record_not_sent(slot.seq, self.lane.shared.clock.ns_of(due), Instant::now()),
        }
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
        if self.stop.asked() != Stop::Go || self.end.is_some_and(|end| Instant::now() >= end && due + WAKE_UP < Instant::now()) {
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

    fn send(&mut self, slot: Slot, due: Instant, prepared: Prepared, place: tokio::sync::OwnedSemaphorePermit, tasks: &mut JoinSet<()>) {
        self.result.sent += 1;
        let (lane, stop) = (Rc::clone(&self.lane), self.stop.clone());
        let before = Before { intended_ns: Some(lane.shared.clock.ns_of(due)), ready_ns: None };
        debug_assert!(slot.due >= Duration::ZERO);
        tasks.spawn_local(async move {
            lane.send(prepared, before, stop).await;
            drop(place);
        });
    }
}
