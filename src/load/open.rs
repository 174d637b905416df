//! Open loop: slots of a schedule, sent whether or not earlier ones were answered.
//!
//! A slot that finds no place in flight waits and keeps its intended time; what is still waiting at
//! the part's end is recorded as not sent.

use std::{future::poll_fn, rc::Rc, task::Poll, time::Duration};

use tokio::time::Instant;

use super::{
    phase::{LaneResult, Loop, PartLoad, PartPlan, StreamResult},
    places::{Place, Places},
    request::{Before, Lane, Launch, Prepared},
    stop::{Stop, StopListener},
    thread::{LaneContext, LaneOutcome},
};
use crate::pacer::{Pacer, Slot};

/// A slot that is late by no more than this at the part's end, by the wake-up of its timer alone,
/// is still sent.
const WAKE_UP: Duration = Duration::from_millis(10);

/// Slots that are due already and sent one after the other before the event loop has its turn.
const BURST: u32 = 8;

/// One part while it runs.
struct Part<'a> {
    lane: Rc<Lane>,
    places: &'a Places,
    stop: StopListener,
    start: Instant,
    end: Option<Instant>,
    earlier: u64,
    result: StreamResult,
    /// Slots that were sent since the event loop had its turn.
    burst: u32,
}

/// Whether the schedule goes on.
#[derive(PartialEq)]
enum Next {
    Slot,
    End,
}

/// Runs the shard of this thread through all parts of the workload.
pub(super) async fn run(context: LaneContext) -> LaneOutcome {
    let Loop::Open { max_in_flight } = context.stream.arrival else {
        return Ok(LaneResult::default());
    };
    // With fewer places than threads some threads have none; the others take their slots.
    let shards = u64::from(context.shard.of).min(max_in_flight);
    let shard = u64::from(context.shard.index);
    let mut result = LaneResult::default();
    if shard >= shards {
        // It has nothing that could be used up.
        context.live.set_exhausted();
        context.sending_ends();
        return Ok(result);
    }
    let places = Places::new(max_in_flight / shards + u64::from(shard < max_in_flight % shards));
    let mut earlier = context.stream.earlier.first().copied().unwrap_or(0);
    let mut lanes = Vec::new();
    for plan in &context.stream.parts {
        let PartLoad::Open(schedule) = plan.load else {
            continue;
        };
        let mut part = Part::new(&context, plan, &places, earlier);
        part.run(Pacer::new(schedule, shard, shards), plan).await;
        // A part that only the end of its data ends has used up all of it, on all shards together.
        let used_up = context
            .stream
            .operation
            .capacity()
            .map_or(part.result.due, |capacity| capacity.saturating_sub(earlier));
        earlier += plan.slots.unwrap_or(used_up);
        lanes.push(Rc::clone(&part.lane));
        result.parts.push(part.result);
    }
    if result.parts.last().is_some_and(|part| !part.ended_itself) {
        wait_for_the_end(&context).await;
    }
    context.sending_ends();
    places.all_free().await;
    // Only now: requests of an earlier part may end within a later one.
    for (part, lane) in result.parts.iter_mut().zip(&lanes) {
        part.sent = lane.sent.get();
        part.in_flight_max = lane.in_flight_max.get();
        part.last_ns = part.last_ns.max(lane.last_sent_ns.get());
    }
    result.earlier.push((0, earlier));
    Ok(result)
}

/// A phase lasts as long as it was planned, also where its schedule holds no slot any more.
async fn wait_for_the_end(context: &LaneContext) {
    let end = context
        .stream
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
    fn new(context: &LaneContext, plan: &PartPlan, places: &'a Places, earlier: u64) -> Self {
        let start = context.start + plan.start;
        Self {
            lane: Rc::new(context.lane(plan)),
            places,
            stop: context.stop.listen(),
            start,
            end: plan.duration.map(|duration| start + duration),
            earlier,
            result: StreamResult {
                stream: plan.stream.0,
                ..StreamResult::default()
            },
            burst: 0,
        }
    }

    async fn run(&mut self, pacer: Pacer, plan: &PartPlan) {
        let capacity = self.lane.operation.capacity();
        for slot in pacer {
            if plan.duration.is_some_and(|duration| slot.due >= duration) {
                break;
            }
            if plan.requests.is_some_and(|requests| slot.seq >= requests) {
                self.end_itself(slot);
                break;
            }
            if capacity.is_some_and(|capacity| self.earlier + slot.seq >= capacity) {
                self.result.stopped = Some(super::ROWS_USED_UP.to_owned());
                self.end_itself(slot);
                self.lane.live.set_exhausted();
                break;
            }
            if self.serve(slot).await == Next::End {
                break;
            }
        }
    }

    /// There is nothing for `slot` and those after it.
    fn end_itself(&mut self, slot: Slot) {
        self.result.ended_itself = true;
        self.result.missing_from_ns = Some(self.lane.shared.clock.ns_of(self.start + slot.due));
    }

    /// Waits for the slot's time and for a place in flight, and sends.
    async fn serve(&mut self, slot: Slot) -> Next {
        let due = self.start + slot.due;
        if self.is_over(due) {
            return self.give_up(slot, due);
        }
        let prepared = match self.lane.prepare(slot.seq, self.earlier, due) {
            Ok(prepared) => prepared,
            Err(error) => {
                self.result.stopped = Some(error.to_string());
                self.end_itself(slot);
                return Next::End;
            }
        };
        if self.wait(due).await == Next::End {
            return Next::End;
        }
        match self.place(due).await {
            Some(place) => {
                self.result.due += 1;
                self.send(slot, due, prepared, place);
                self.let_others_run().await;
                Next::Slot
            }
            None => self.give_up(slot, due),
        }
    }

    /// Whether a slot that is due at `due` can't be sent any more.
    fn is_over(&self, due: Instant) -> bool {
        let now = Instant::now();
        self.stop.asked() != Stop::Go
            || self
                .end
                .is_some_and(|end| now >= end && due + WAKE_UP < now)
    }

    /// Records a slot that was due and not sent; one that was not due when the part was told to end
    /// was never due.
    fn give_up(&mut self, slot: Slot, due: Instant) -> Next {
        let now = Instant::now();
        if due > now {
            return Next::End;
        }
        self.result.due += 1;
        self.lane
            .record_not_sent(slot.seq, self.lane.shared.clock.ns_of(due), now);
        Next::Slot
    }

    /// Waits until `due`; [`Next::End`] when the part is told to end before that.
    async fn wait(&mut self, due: Instant) -> Next {
        if self.stop.asked() == Stop::Go && due > Instant::now() {
            self.burst = 0;
            tokio::select! {
                biased;
                () = self.stop.until(Stop::EndPart) => {}
                () = self.lane.shared.timers.until_slot(due) => {}
            }
        }
        // A slot that was due before the wish to stop counts as due; it will not be sent.
        if self.stop.asked() != Stop::Go && due > Instant::now() {
            Next::End
        } else {
            Next::Slot
        }
    }

    /// A place in flight, None when the part ends before there is one.
    async fn place(&mut self, due: Instant) -> Option<Place> {
        if self.is_over(due) {
            return None;
        }
        if let Some(place) = self.places.try_take() {
            return Some(place);
        }
        self.result.in_flight_waits += 1;
        self.burst = 0;
        let timers = &self.lane.shared.timers;
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

    fn send(&mut self, slot: Slot, due: Instant, request: Prepared, place: Place) {
        let lane = Rc::clone(&self.lane);
        let before = Before {
            intended_ns: Some(lane.shared.clock.ns_of(due)),
            ready_ns: None,
        };
        let pin = slot.seq / lane.shards;
        let started = lane.start(&request, pin);
        let launch = Launch {
            request,
            before,
            pin,
            started,
            stop: self.stop.clone(),
        };
        tokio::task::spawn_local(async move {
            lane.finish(launch).await;
            drop(place);
        });
    }

    /// Lets requests leave and replies come in between slots that are due already.
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
