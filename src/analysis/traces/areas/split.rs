//! Own time whose meaning changes within a span: boundaries in time, taken from the span's events
//! and children.

use super::{Area, Rule};

/// What is known about a span whose own time is ambiguous. Times are on the clock of the latency
/// breakdown, None where absent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Marks {
    /// Last end of a `Delegator-waitTSafe` child.
    pub(crate) wait_end: Option<i64>,
    /// Last end of a `schedule` child.
    pub(crate) schedule_end: Option<i64>,
    /// Last end of an engine child; until then own time waits for the engine's threads.
    pub(crate) engine_end: Option<i64>,
    /// First start of a child that merges the segments within the engine.
    pub(crate) reduce_start: Option<i64>,
    /// Whether this span called a worker in its own process.
    pub(crate) calls_worker: bool,
    /// Whether its node call was merged into that of another request.
    pub(crate) merged: bool,
    /// Whether a `SendMsg` runs below it.
    pub(crate) sends: bool,
    /// Start of the first and end of the last child that takes part.
    pub(crate) children: Option<(i64, i64)>,
    /// Event `... request enqueue`.
    pub(crate) enqueue: Option<i64>,
    /// Event `scheduler process PreExecute`.
    pub(crate) pre_execute: Option<i64>,
    /// Event `scheduler process Execute`.
    pub(crate) execute: Option<i64>,
    /// Event `scheduler process PostExecute`.
    pub(crate) post_execute: Option<i64>,
    /// Last event `search segments done` or `do query done`.
    pub(crate) segments_done: Option<i64>,
    /// Last event `start reduce query result`.
    pub(crate) start_reduce: Option<i64>,
    /// Last event `do search with channel done` or `do query with channel done`.
    pub(crate) channel_done: Option<i64>,
}

/// A stretch of own time and its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// Where it ends; it begins where the step before it ends.
    pub(crate) until: i64,
    /// What it means.
    pub(crate) area: Area,
    /// Whether it is the queue and engine time of a merged search.
    pub(crate) merged: bool,
}

/// The steps of a span in the order of time; the last one has no end.
pub(crate) fn steps(rule: Rule, marks: &Marks) -> Vec<Step> {
    let mut steps = Steps(Vec::with_capacity(6));
    let rest = match rule {
        Rule::Fixed(area) => area,
        Rule::Proxy => proxy(&mut steps, marks),
        Rule::SearchExecute if marks.calls_worker => search(&mut steps, marks),
        // In a cluster only choosing the shards and sending to them are its own.
        Rule::SearchExecute => Area::NodeToNode,
        Rule::NodeSearch if marks.segments_done.is_some() || marks.channel_done.is_some() => {
            search(&mut steps, marks)
        }
        Rule::NodeSearch | Rule::NodeCall => node_call(&mut steps, marks),
        Rule::RetrieveTask => retrieve_task(&mut steps, marks),
        Rule::NodeQuery => node_query(&mut steps, marks),
        Rule::FlushTask if marks.sends => Area::Metadata,
        Rule::FlushTask => Area::LogAppend,
        Rule::NotCounted | Rule::Unknown => Area::Other,
    };
    steps.0.push(Step {
        until: i64::MAX,
        area: rest,
        merged: false,
    });
    steps.0
}

struct Steps(Vec<Step>);

impl Steps {
    /// Adds a step up to `mark`, if there is one.
    fn until(&mut self, mark: Option<i64>, area: Area) -> &mut Self {
        self.add(mark, area, false)
    }

    fn add(&mut self, mark: Option<i64>, area: Area, merged: bool) -> &mut Self {
        let reached = self.0.last().map_or(i64::MIN, |step| step.until);
        if let Some(until) = mark.filter(|at| *at > reached) {
            self.0.push(Step {
                until,
                area,
                merged,
            });
        }
        self
    }
}

fn proxy(steps: &mut Steps, marks: &Marks) -> Area {
    // Before it is queued: locks, checks, waiting for ids.
    steps.until(marks.enqueue, Area::Other);
    Area::ProxyQueue
}

fn search(steps: &mut Steps, marks: &Marks) -> Area {
    if marks.merged {
        steps.until(marks.wait_end, Area::NodeToNode).add(
            marks.segments_done,
            Area::NodeQueue,
            true,
        );
    } else {
        steps.until(marks.wait_end, Area::NodeToNode);
        steps.until(marks.schedule_end.max(marks.engine_end), Area::NodeQueue);
        // From 2.4.2 on the merge of the segments has spans of its own; what lies before them is
        // not the merge.
        let between = if marks.reduce_start.is_some() {
            Area::Other
        } else {
            Area::Reduce
        };
        steps
            .until(marks.reduce_start, between)
            .until(marks.segments_done, Area::Reduce);
    }
    steps
        .until(marks.start_reduce, Area::Other)
        .until(marks.channel_done, Area::Reduce);
    // A worker's call has neither of the two events: what follows its engine is its merge and its
    // answer.
    if marks.channel_done.is_none() && !marks.calls_worker {
        Area::Reduce
    } else {
        Area::NodeToNode
    }
}

fn node_call(steps: &mut Steps, marks: &Marks) -> Area {
    steps.until(marks.children.map(|(first, _)| first), Area::NodeQueue);
    steps
        .until(marks.engine_end, Area::NodeQueue)
        .until(marks.children.map(|(_, last)| last), Area::Other);
    Area::Reduce
}

fn retrieve_task(steps: &mut Steps, marks: &Marks) -> Area {
    steps
        .until(marks.pre_execute, Area::Other)
        .until(marks.execute, Area::Planning);
    if marks.calls_worker {
        steps.until(marks.schedule_end.max(marks.engine_end), Area::NodeQueue);
        steps
            .until(marks.segments_done, Area::Reduce)
            .until(marks.start_reduce, Area::Reduce)
            .until(marks.channel_done, Area::Reduce);
    }
    if marks.post_execute.is_none() {
        return Area::NodeToNode;
    }
    steps.until(marks.post_execute, Area::NodeToNode);
    Area::Reduce
}

fn node_query(steps: &mut Steps, marks: &Marks) -> Area {
    if marks.engine_end.is_none() && marks.segments_done.is_none() {
        return node_call(steps, marks);
    }
    steps.until(marks.schedule_end.max(marks.engine_end), Area::NodeQueue);
    steps
        .until(marks.segments_done, Area::Reduce)
        .until(marks.start_reduce, Area::Reduce)
        .until(marks.channel_done, Area::Reduce);
    if marks.channel_done.is_none() {
        Area::Reduce
    } else {
        Area::NodeToNode
    }
}
