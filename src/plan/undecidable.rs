//! Thresholds that can never catch: the plan alone shows that no run has the figure, that every run
//! fulfils it, or that none can.

use std::time::Duration;

use super::{Arrival, Arrivals, OpenLoad, PartKind, PartLoad, Plan, PlannedPart, ScheduledPart};
use crate::{
    analysis::{
        Area,
        judgement::thresholds::expression::{
            Base, Expression, Limit, Quantity, Relation, Time, Unit,
        },
    },
    operation::{self, OperationEntry, RowUse},
    pacer::Schedule,
};

/// A workload in a phase, by their numbers.
pub(super) type Row = (usize, usize);

/// Why the requirement says nothing of any run of the plan, in words that go on after `but `; None
/// where one may, at some of `rows`.
pub(super) fn why(plan: &Plan, expression: &Expression, rows: &[Row]) -> Option<String> {
    if let Some(end) = of_every_run(expression) {
        return Some(end.words());
    }
    // One workload that can't is enough for a run to fail.
    let mut ends = rows
        .iter()
        .filter(|row| of_figure(plan, &expression.figure, **row).is_none())
        .filter_map(|row| most_rows(plan, expression, row.1));
    if let Some(never) = ends.find(|end| matches!(end, End::Never(_))) {
        return Some(never.words());
    }
    let reasons = rows
        .iter()
        .map(|row| at_row(plan, expression, *row))
        .collect::<Option<Vec<Reason>>>()?;
    // A workload that is of the wrong kind says less than one that only lacks something.
    let told = reasons
        .iter()
        .find(|reason| !matches!(reason, Reason::Kind(_)))
        .or(reasons.first())?;
    Some(match told {
        Reason::Loop(why) => (*why).to_owned(),
        Reason::Kind(why) => format!("{why}, so it can never be decided; omit it"),
        Reason::Lacks(why) => format!("{why}, so it can never be decided; omit it"),
        Reason::Ends(end) => end.words(),
    })
}

/// A limit at or beyond the end of what a figure may be; the words say which end that is.
enum End {
    Always(String),
    Never(String),
}

impl End {
    fn words(&self) -> String {
        match self {
            Self::Always(why) => {
                format!("{why}, so the threshold can never fail; choose a stricter limit")
            }
            Self::Never(why) => {
                format!("{why}, so it can never pass; choose a looser limit")
            }
        }
    }

    /// Of a figure that is at least 0 and at most `most`, each with its words.
    fn of(
        relation: Relation,
        limit: f64,
        least: Option<&str>,
        most: Option<(f64, &str)>,
    ) -> Option<Self> {
        let (always, never) = (
            |why: &str| Some(Self::Always(why.to_owned())),
            |why: &str| Some(Self::Never(why.to_owned())),
        );
        match (relation, least, most) {
            (Relation::AtLeast, Some(why), _) if limit <= 0.0 => always(why),
            (Relation::Above, Some(why), _) if limit < 0.0 => always(why),
            (Relation::AtMost, Some(why), _) if limit < 0.0 => never(why),
            (Relation::Below, Some(why), _) if limit <= 0.0 => never(why),
            (Relation::AtMost, _, Some((most, why))) if limit >= most => always(why),
            (Relation::Below, _, Some((most, why))) if limit > most => always(why),
            (Relation::AtLeast, _, Some((most, why))) if limit > most => never(why),
            (Relation::Above, _, Some((most, why))) if limit >= most => never(why),
            _ => None,
        }
    }
}

/// Why a row never decides a threshold.
enum Reason {
    /// Its loop has no such figure; the words name another one.
    Loop(&'static str),
    /// Its operation has no such figure.
    Kind(String),
    Lacks(String),
    /// It has it, and the limit is none.
    Ends(End),
}

/// What holds of a figure whatever its workload is.
fn of_every_run(
    Expression {
        figure,
        relation,
        limit,
    }: &Expression,
) -> Option<End> {
    let Limit::Value(limit) = limit else {
        return None;
    };
    let may_be_negative = matches!(figure.base, Base::Area(_) | Base::Part(_))
        || figure.base == Base::Time(Time::Gap);
    let is_share = figure.unit() == Unit::Share && figure.base != Base::AchievedRate;
    let least = (!may_be_negative).then_some("no such figure is below 0");
    End::of(
        *relation,
        *limit,
        least,
        is_share.then_some((1.0, "no share is above 100 %")),
    )
}

fn at_row(plan: &Plan, expression: &Expression, (phase, workload): Row) -> Option<Reason> {
    if let Some(reason) = of_figure(plan, &expression.figure, (phase, workload)) {
        return Some(reason);
    }
    if let Some(end) = most_rows(plan, expression, workload) {
        return Some(Reason::Ends(end));
    }
    let Limit::Phase {
        phase: name,
        figure,
        ..
    } = &expression.limit
    else {
        return None;
    };
    let of_workload = &plan.workloads[workload].name;
    let other = plan.phases.iter().position(|other| other.name == *name)?;
    if other == phase && *figure == expression.figure {
        return Some(Reason::Lacks(format!(
            "in phase `{name}` it is compared with itself"
        )));
    }
    if !plan.phases[other].workloads.contains(&workload) {
        return Some(Reason::Lacks(format!(
            "phase `{name}` does not run workload `{of_workload}` of the comparison"
        )));
    }
    // Stages are compared with those of the same name.
    let kinds = |phase| {
        measured(plan, (phase, workload))
            .map(|part| part.kind)
            .collect::<Vec<PartKind>>()
    };
    let theirs = kinds(other);
    if !kinds(phase).iter().any(|kind| theirs.contains(kind)) {
        return Some(Reason::Lacks(format!(
            "phase `{name}` has no stage of the same name of workload `{of_workload}`"
        )));
    }
    of_figure(plan, figure, (other, workload))
}

/// Rows that no reply exceeds.
fn most_rows(
    plan: &Plan,
    Expression {
        figure,
        relation,
        limit,
    }: &Expression,
    workload: usize,
) -> Option<End> {
    let (Base::RowsMean, Limit::Value(limit)) = (&figure.base, limit) else {
        return None;
    };
    let most = plan.workloads[workload].operation.replies()?.full_rows?;
    let why = format!(
        "no reply of workload `{}` holds more than {most} rows",
        plan.workloads[workload].name
    );
    End::of(*relation, *limit, None, Some((most as f64, &why)))
}

/// Why a workload has no such figure in any run.
fn of_figure(plan: &Plan, figure: &Quantity, (phase, workload): Row) -> Option<Reason> {
    let of = &plan.workloads[workload];
    let (name, phase_name) = (&of.name, &plan.phases[phase].name);
    let open = matches!(of.arrival, Arrival::Open { .. });
    if let Some(why) = figure.lacking(open) {
        return Some(Reason::Loop(why));
    }
    if matches!(figure.base, Base::RowsMean | Base::Empty) && of.operation.replies().is_none() {
        let reads = operation::called_where(|entry| entry.rows == RowUse::Reads);
        return Some(Reason::Kind(format!(
            "only the replies of {reads} hold rows"
        )));
    }
    if figure.base == Base::Empty
        && of
            .operation
            .replies()
            .is_some_and(|replies| replies.never_empty)
    {
        return Some(Reason::Kind(
            "a reply to count(*) always holds a row".to_owned(),
        ));
    }
    if figure.base == Base::Recall && !of.entry.has_recall {
        let with = operation::called_where(|entry| entry.has_recall);
        return Some(Reason::Kind(format!("only {with} has a recall")));
    }
    if let Some(why) = of
        .operation
        .no_recall()
        .filter(|_| figure.base == Base::Recall)
    {
        return Some(Reason::Lacks(format!(
            "workload `{name}` has no recall: {why}"
        )));
    }
    if let Some(why) = never_in_account(figure, open, of.entry) {
        return Some(Reason::Kind(why));
    }
    if figure.needs_spans() && !plan.tracing.reads_spans() {
        return Some(Reason::Lacks(format!(
            "no server span is read (`tracing.spans.source` is \"{}\")",
            plan.tracing.source.name
        )));
    }
    let planned = plan.planned_requests(phase, workload, PlannedPart::Measured);
    if (figure.needs_spans() || figure.base == Base::Recall)
        && let Some(why) = not_traced(plan, phase, planned)
    {
        return Some(Reason::Lacks(why));
    }
    if planned == Some(0) && plan.left_before(phase, workload, PlannedPart::Measured) == Some(0) {
        return Some(Reason::Lacks(format!(
            "the rows of workload `{name}` are used up before phase `{phase_name}` begins"
        )));
    }
    let window = figure
        .worst_s
        .map(|seconds| Duration::from_secs(u64::from(seconds)))?;
    let longest = longest_part(plan, (phase, workload))?;
    (window > longest).then(|| {
        let [window, longest] = [window, longest].map(humantime::format_duration);
        Reason::Lacks(format!(
            "its windows are {window} long, and workload `{name}` is measured for {longest} at a \
             time in phase `{phase_name}`"
        ))
    })
}

/// Areas and parts that no request of this kind has.
fn never_in_account(figure: &Quantity, open: bool, entry: &OperationEntry) -> Option<String> {
    let (Base::Area(label) | Base::Part(label)) = &figure.base else {
        return None;
    };
    if label == Area::SendLag.name() && !open {
        return Some("a closed loop has no send lag (use queue_time)".to_owned());
    }
    if !matches!(figure.base, Base::Area(_)) {
        return None;
    }
    if label == Area::Queue.name() {
        return Some(
            "waiting before a request is sent is not part of its latency breakdown (use \
             queue_time, or send_lag in an open loop)"
                .to_owned(),
        );
    }
    let is_never = entry.never_in.iter().any(|area| label == area);
    is_never.then(|| {
        let what = match entry.rows {
            RowUse::Reads => "an operation that only reads",
            _ => entry.called,
        };
        format!("{what} has no such area")
    })
}

/// Why nothing of a phase is traced.
fn not_traced(plan: &Plan, phase: usize, planned: Option<u64>) -> Option<String> {
    let ratio = plan.sample_ratio(phase);
    if ratio == 0.0 {
        return Some(
            "it is known for traced requests only, and none is traced (`tracing.sample_ratio` is 0)"
                .to_owned(),
        );
    }
    let traced = planned
        .filter(|planned| *planned > 0)
        .map(|planned| planned as f64 * ratio)?;
    (traced < 1.0).then(|| {
        let name = &plan.phases[phase].name;
        format!(
            "it is known for traced requests only, and in phase `{name}` about {traced:.2} \
             requests are traced (`tracing.sample_ratio` is {ratio})"
        )
    })
}

fn measured(plan: &Plan, (phase, workload): Row) -> impl Iterator<Item = ScheduledPart> {
    plan.parts(phase, workload)
        .into_iter()
        .filter(|part| part.kind.group() == PlannedPart::Measured)
}

/// How long the longest measured part of a workload lasts at most, a stage by itself; None where
/// Milvus' speed decides.
pub(super) fn longest_part(plan: &Plan, row: Row) -> Option<Duration> {
    measured(plan, row)
        .map(|part| longest_time(plan, row, &part))
        .collect::<Option<Vec<Duration>>>()?
        .into_iter()
        .max()
}

fn longest_time(plan: &Plan, (phase, workload): Row, part: &ScheduledPart) -> Option<Duration> {
    let until_used_up = time_of_requests(plan, (phase, workload), part);
    part.duration.into_iter().chain(until_used_up).min()
}

/// How long an open loop takes at most for the requests of a part, or for the rows that are left;
/// None where it has no end by them.
fn time_of_requests(plan: &Plan, (phase, workload): Row, part: &ScheduledPart) -> Option<Duration> {
    let (
        PartLoad::Open { shape, .. },
        Arrival::Open {
            load: OpenLoad::Steady(_),
            arrivals,
            ..
        },
    ) = (part.load, &plan.workloads[workload].arrival)
    else {
        return None;
    };
    let own = |requests| plan.own(workload, requests);
    let requests = part
        .requests
        .map(own)
        .or_else(|| plan.left_before(phase, workload, PlannedPart::Measured))?;
    // The schedule is that of all components of a mix.
    let of_schedule = requests as f64 / plan.workloads[workload].share();
    let time = Schedule::even(shape).due(of_schedule.ceil() as u64)?;
    // Poisson arrivals are over at another time: twice the expected one is hardly ever reached by a
    // hundred of them, and ten times by one.
    match arrivals {
        Arrivals::Even => Some(time),
        Arrivals::Poisson if requests >= 100 => Some(time * 2),
        Arrivals::Poisson => Some(time * 10),
    }
}
