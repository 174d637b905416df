//! How the requests of a workload arise: open or closed loop, rate, stages, bursts, callers.

use std::{ops::RangeInclusive, time::Duration};

use super::{PlanError, limits, phases::MAX_DURATION};
use crate::{
    operation,
    pacer::Shape,
    scenario::{
        ArrivalsKey, At, BurstTable, ConcurrencyKey, Level, NAME_RULE, RateKey, SineTable,
        StageTable, ThinkTimeKey, WorkloadTable, choose, is_name, plain_number, quoted,
    },
};

/// How requests arise.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Arrival {
    /// A schedule: requests are due whether or not earlier ones were answered.
    Open {
        load: OpenLoad,
        arrivals: Arrivals,
        max_in_flight: u64,
    },
    /// Callers, each waits for its answer, then thinks.
    Closed {
        load: CallerLoad,
        think_time: ThinkTime,
    },
}

/// How the rate of an open loop runs.
#[derive(Clone, Debug, PartialEq)]
pub enum OpenLoad {
    /// One shape as long as the phase.
    Steady(Shape),
    /// One after the other, requests per second; at least one is a level.
    Stages(Vec<Stage>),
}

/// How many callers a closed loop has.
#[derive(Clone, Debug, PartialEq)]
pub enum CallerLoad {
    /// The same all the time.
    Steady(u32),
    /// One after the other; at least one is a level.
    Stages(Vec<Stage>),
}

/// One stage: a ramp, or a level where `from` is `to` and there is a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// Name of a level; None for a ramp.
    pub name: Option<String>,
    /// Requests per second, or callers, at its beginning.
    pub from: f64,
    /// The same at its end.
    pub to: f64,
    /// Its length, above 0.
    pub duration: Duration,
}

/// Pause of a caller between an answer and its next request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThinkTime {
    /// Always this long; may be zero.
    Constant(Duration),
    /// Drawn from the exponential distribution with this mean.
    Exponential(Duration),
}

impl Arrival {
    /// Its stages; none where the load is steady.
    #[must_use]
    pub fn stages(&self) -> &[Stage] {
        match self {
            Self::Open {
                load: OpenLoad::Stages(stages),
                ..
            }
            | Self::Closed {
                load: CallerLoad::Stages(stages),
                ..
            } => stages,
            _ => &[],
        }
    }

    /// Most callers at one time of a closed loop, at least 1; None for an open loop.
    #[must_use]
    pub fn callers(&self) -> Option<u32> {
        match self {
            Self::Open { .. } => None,
            Self::Closed {
                load: CallerLoad::Steady(callers),
                ..
            } => Some(*callers),
            Self::Closed {
                load: CallerLoad::Stages(stages),
                ..
            } => Some(
                stages
                    .iter()
                    .map(|stage| stage.from.max(stage.to) as u32)
                    .fold(1, u32::max),
            ),
        }
    }
}

/// Distribution of arrivals in an open loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Arrivals {
    Even,
    Poisson,
}

const ARRIVALS: &[(&str, Arrivals)] = &[("even", Arrivals::Even), ("poisson", Arrivals::Poisson)];
/// Lowest and highest rate, requests per second.
const RATES: RangeInclusive<f64> = 0.001..=1e6;
/// Ramps begin and end at 0 or at any rate.
const RAMP_RATES: RangeInclusive<f64> = 0.0..=1e6;
const CALLERS: RangeInclusive<i64> = 1..=10_000;
const MAX_STAGES: usize = 100;
const DEFAULT_IN_FLIGHT: i64 = 10_000;
const MAX_THINK_TIME: Duration = Duration::from_secs(3600);
/// Lengths of stages, periods and bursts.
const LENGTHS: RangeInclusive<Duration> = Duration::from_millis(1)..=MAX_DURATION;
/// Names of the other parts of a phase, which a stage can't have.
const RESERVED: &[&str] = &["warmup", "measured", "ramp"];

impl Arrivals {
    /// Its name, as in a scenario.
    #[must_use]
    pub fn name(self) -> &'static str {
        ARRIVALS
            .iter()
            .find(|(_, arrivals)| *arrivals == self)
            .map_or("", |(name, _)| name)
    }
}

/// The loop of a workload; `batch` is how many rows a request of it writes, if it writes any.
pub(super) fn resolve(table: &At<WorkloadTable>, batch: Option<u64>) -> Result<Arrival, PlanError> {
    let WorkloadTable {
        rate,
        stages,
        arrivals,
        concurrency,
        ..
    } = &table.value;
    let burst = arrivals
        .as_ref()
        .filter(|at| matches!(at.value, ArrivalsKey::Burst(_)));
    match (rate, stages, burst, concurrency) {
        (None, None, None, Some(concurrency)) => closed(&table.value, concurrency),
        (Some(rate), None, None, None) => open(&table.value, OpenLoad::Steady(shape(rate, batch)?)),
        (None, Some(list), None, None) => {
            let level = |at: &At<Level>, lowest| {
                per_second(at, batch, if lowest { RATES } else { RAMP_RATES })
            };
            open(&table.value, OpenLoad::Stages(self::stages(list, &level)?))
        }
        (None, None, Some(at), None) => match &at.value {
            ArrivalsKey::Burst(table_of_burst) => {
                open(&table.value, OpenLoad::Steady(bursts(at, table_of_burst)?))
            }
            ArrivalsKey::Named(_) => unreachable!("filtered above"),
        },
        (None, None, None, None) => Err(table
            .error(
                "has neither `rate` nor `concurrency`; add rate = 200 or `stages` (open loop), or \
                 concurrency = 8 (closed loop)",
            )
            .into()),
        (Some(at), _, None, Some(_)) => Err(beside(
            at,
            "`concurrency`",
            "`rate` (open loop) or `concurrency` (closed loop)",
        )),
        (None, Some(at), _, Some(_)) => Err(beside(
            at,
            "`concurrency`",
            "`stages` (open loop) or `concurrency` (closed loop)",
        )),
        (Some(_), Some(at), ..) => Err(beside(
            at,
            "`rate`",
            "`rate` or `stages`, whose first can be { at = ..., for = ... }",
        )),
        (Some(at), None, Some(_), _) => Err(beside(
            at,
            "bursts (`arrivals`)",
            "`rate` or bursts, which say how many are due and when",
        )),
        (None, Some(at), Some(_), None) => Err(beside(
            at,
            "bursts (`arrivals`)",
            "`stages` or bursts, which say how many are due and when",
        )),
        (None, None, Some(at), Some(_)) => Err(beside(
            at,
            "`concurrency`",
            "bursts (open loop) or `concurrency` (closed loop)",
        )),
    }
}

fn beside<T>(at: &At<T>, other: &str, choice: &str) -> PlanError {
    at.error(format!("stands beside {other}, allowed is one: {choice}"))
        .into()
}

fn open(table: &WorkloadTable, load: OpenLoad) -> Result<Arrival, PlanError> {
    if let Some(at) = &table.think_time {
        let has = if table.rate.is_some() {
            "a `rate`"
        } else {
            "an open loop"
        };
        return Err(at
            .error(format!(
                "is for a closed loop (`concurrency`), but the workload has {has}; leave one of \
                 them out"
            ))
            .into());
    }
    let arrivals = match &table.arrivals {
        Some(At {
            value: ArrivalsKey::Named(text),
            place,
        }) => {
            choose(
                &At {
                    value: text.clone(),
                    place: place.clone(),
                },
                "spread of arrivals",
                ARRIVALS,
                |row| row.0,
            )?
            .1
        }
        Some(_) => Arrivals::Even,
        None => Arrivals::Poisson,
    };
    let max_in_flight =
        limits::number(&table.max_in_flight, 1..=1_000_000, DEFAULT_IN_FLIGHT)?.unsigned_abs();
    Ok(Arrival::Open {
        load,
        arrivals,
        max_in_flight,
    })
}

fn closed(table: &WorkloadTable, concurrency: &At<ConcurrencyKey>) -> Result<Arrival, PlanError> {
    let open_only = table
        .arrivals
        .as_ref()
        .map(|at| &at.place)
        .or(table.max_in_flight.as_ref().map(|at| &at.place));
    if let Some(place) = open_only {
        return Err(place
            .error(
                "is for an open loop (`rate`), but the workload has `concurrency`; leave one of \
                 them out",
            )
            .into());
    }
    let load = match &concurrency.value {
        ConcurrencyKey::Callers(callers) => {
            let callers = Some(At {
                value: *callers,
                place: concurrency.place.clone(),
            });
            CallerLoad::Steady(limits::number(&callers, CALLERS, 1)? as u32)
        }
        ConcurrencyKey::Stages(Some(list)) => CallerLoad::Stages(stages(list, &callers)?),
        ConcurrencyKey::Stages(None) => {
            let example = "concurrency = { stages = [{ to = 32, over = \"10s\" }, { at = 32, for \
                           = \"30s\" }] }";
            return Err(concurrency
                .error(format!(
                    "has no `stages`; write a number of callers, or {example}"
                ))
                .into());
        }
    };
    let mean = |at: &Option<At<Duration>>| {
        limits::duration(at, Duration::ZERO..=MAX_THINK_TIME, Duration::ZERO)
    };
    let think_time = match &table.think_time {
        None => ThinkTime::Constant(Duration::ZERO),
        Some(At {
            value: ThinkTimeKey::Constant(time),
            place,
        }) => ThinkTime::Constant(mean(&Some(At {
            value: *time,
            place: place.clone(),
        }))?),
        Some(At {
            value: ThinkTimeKey::Exponential(Some(at)),
            ..
        }) => ThinkTime::Exponential(mean(&Some(at.clone()))?),
        Some(at) => {
            return Err(at
                .error("has no mean; write for example think_time = { exponential = \"50ms\" }")
                .into());
        }
    };
    Ok(Arrival::Closed { load, think_time })
}

fn shape(rate: &At<RateKey>, batch: Option<u64>) -> Result<Shape, PlanError> {
    match &rate.value {
        RateKey::Constant(level) => {
            let rate = per_second(
                &At {
                    value: *level,
                    place: rate.place.clone(),
                },
                batch,
                RATES,
            )?;
            Ok(Shape::Constant { rate })
        }
        RateKey::Sine(table) => {
            let SineTable {
                mean: Some(mean),
                amplitude: Some(amplitude),
                period: Some(period),
            } = table.as_ref()
            else {
                let example = "rate = { mean = 200, amplitude = 100, period = \"30s\" }";
                return Err(rate
                    .error(format!(
                        "is no number and no sine; write for example {example}"
                    ))
                    .into());
            };
            let (found, swing) = (
                per_second(mean, batch, RATES)?,
                per_second(amplitude, batch, RAMP_RATES)?,
            );
            if swing > found {
                let message = format!(
                    "is {}, more than `mean`, so that the rate would fall below 0",
                    amplitude.value.number
                );
                return Err(amplitude.error(message).into());
            }
            Ok(Shape::Sine {
                mean: found,
                amplitude: swing,
                period: length(period)?,
            })
        }
    }
}

fn bursts(at: &At<ArrivalsKey>, table: &BurstTable) -> Result<Shape, PlanError> {
    let (Some(_), Some(every)) = (&table.burst, &table.every) else {
        return Err(at
            .error(
                "has no `burst` or no `every`; write for example arrivals = { burst = 50, every = \
                 \"1s\" }",
            )
            .into());
    };
    let size = limits::number(&table.burst, 1..=1_000_000, 1)?.unsigned_abs();
    Ok(Shape::Bursts {
        size,
        every: length(every)?,
    })
}

fn length(at: &At<Duration>) -> Result<Duration, PlanError> {
    limits::duration(&Some(at.clone()), LENGTHS, *LENGTHS.start())
}

/// Requests per second; rows per second are divided by the rows of a request.
fn per_second(
    at: &At<Level>,
    batch: Option<u64>,
    range: RangeInclusive<f64>,
) -> Result<f64, PlanError> {
    let Level { number, rows } = at.value;
    let rate = match (rows, batch) {
        (false, _) => number,
        (true, Some(batch)) => number / batch as f64,
        (true, None) => {
            return Err(at
                .error(format!(
                    "is in rows a second, which only {} workload has; write requests a second as \
                     a number",
                    operation::called_where(|entry| entry.counts_rows)
                ))
                .into());
        }
    };
    if range.contains(&rate) {
        return Ok(rate);
    }
    let what = if rows {
        format!(
            "{} rows/s, {} requests a second",
            plain_number(number),
            plain_number(rate)
        )
    } else {
        plain_number(number)
    };
    let allowed = if range.contains(&0.0) {
        "0 to 1,000,000"
    } else {
        "above 0: 0.001 to 1,000,000"
    };
    Err(at
        .error(format!(
            "is {what}, allowed are numbers {allowed} requests per second"
        ))
        .into())
}

/// A number of callers; `lowest` where there must be one.
fn callers(at: &At<Level>, lowest: bool) -> Result<f64, PlanError> {
    let number = Some(At {
        value: at.value.number as i64,
        place: at.place.clone(),
    });
    Ok(limits::number(&number, i64::from(lowest)..=*CALLERS.end(), 1)? as f64)
}

/// Reads a level; the flag says whether it must be above 0.
type ReadLevel<'a> = &'a dyn Fn(&At<Level>, bool) -> Result<f64, PlanError>;

fn stages(list: &At<Vec<At<StageTable>>>, level: ReadLevel<'_>) -> Result<Vec<Stage>, PlanError> {
    const EXAMPLE: &str = "[{ to = 400, over = \"1m\" }, { at = 400, for = \"5m\" }]";
    if let Some(stage) = list.value.get(MAX_STAGES) {
        return Err(stage
            .error(format!(
                "is one too many, a workload may have {MAX_STAGES} stages"
            ))
            .into());
    }
    let mut stages: Vec<Stage> = Vec::new();
    for table in &list.value {
        let found = match (&table.value.to, &table.value.at) {
            (Some(to), None) => ramp(table, to, stages.last(), level)?,
            (None, Some(at)) => hold(table, at, &stages, level)?,
            (Some(_), Some(_)) => {
                return Err(table
                    .error(
                        "has `to` and `at`; a ramp has `to` and `over`, a level `at` and `for`: \
                         make it two stages",
                    )
                    .into());
            }
            (None, None) => {
                return Err(table
                    .error(format!(
                        "has neither `to` nor `at`; write for example {EXAMPLE}"
                    ))
                    .into());
            }
        };
        stages.push(found);
    }
    if !stages.iter().any(|stage| stage.name.is_some()) {
        return Err(list
            .error(format!(
                "holds no level (`at`), and ramps are in no figure: nothing would be measured; \
                 write for example {EXAMPLE}"
            ))
            .into());
    }
    if stages.iter().map(|stage| stage.duration).sum::<Duration>() > MAX_DURATION {
        return Err(list
            .error("takes longer than 30 days, which is the longest phase")
            .into());
    }
    Ok(stages)
}

fn ramp(
    table: &At<StageTable>,
    to: &At<Level>,
    before: Option<&Stage>,
    level: ReadLevel<'_>,
) -> Result<Stage, PlanError> {
    let StageTable {
        name,
        from,
        over,
        hold,
        ..
    } = &table.value;
    let over = over.as_ref().ok_or_else(|| {
        table.error("is a ramp (`to`) without `over`; add for example over = \"1m\"")
    })?;
    if let Some(at) = hold {
        return Err(at
            .error("belongs to a level (`at`); the time of a ramp (`to`) is `over`")
            .into());
    }
    if let Some(at) = name {
        return Err(at
            .error("names a ramp, which has no row in the report; names are for levels (`at`)")
            .into());
    }
    let start = match (from, before) {
        (Some(at), Some(_)) => {
            return Err(at
                .error("is for the first stage; later ones begin where the one before ended")
                .into());
        }
        (Some(at), None) => level(at, false)?,
        (None, Some(before)) => before.to,
        (None, None) => 0.0,
    };
    let end = level(to, false)?;
    if start + end == 0.0 {
        return Err(to
            .error("is 0 after 0, so nothing would be sent; a ramp goes from 0 or to 0, not both")
            .into());
    }
    Ok(Stage {
        name: None,
        from: start,
        to: end,
        duration: length(over)?,
    })
}

fn hold(
    table: &At<StageTable>,
    at: &At<Level>,
    before: &[Stage],
    level: ReadLevel<'_>,
) -> Result<Stage, PlanError> {
    let StageTable {
        name,
        from,
        over,
        hold,
        ..
    } = &table.value;
    let hold = hold.as_ref().ok_or_else(|| {
        table.error("is a level (`at`) without `for`; add for example for = \"5m\"")
    })?;
    if let Some(at) = over
        .as_ref()
        .map(|at| &at.place)
        .or(from.as_ref().map(|at| &at.place))
    {
        return Err(at
            .error("belongs to a ramp (`to`); a level has `at` and `for`")
            .into());
    }
    let found = level(at, true)?;
    let (place, chosen) = match name {
        Some(name) => (&name.place, name.value.clone()),
        None => (&at.place, at.value.number.to_string()),
    };
    if !is_name(&chosen) {
        return Err(place
            .error(format!(
                "is {}, allowed as the name of a stage are {NAME_RULE}",
                quoted(&chosen)
            ))
            .into());
    }
    let ramp = || {
        chosen
            .to_lowercase()
            .strip_prefix("ramp-")
            .is_some_and(|number| number.chars().all(|c| c.is_ascii_digit()))
    };
    if RESERVED
        .iter()
        .any(|word| chosen.eq_ignore_ascii_case(word))
        || ramp()
    {
        return Err(place
            .error(format!(
                "is \"{chosen}\", which is the name of another part of a phase; choose another"
            ))
            .into());
    }
    if before
        .iter()
        .any(|other| other.name.as_ref() == Some(&chosen))
    {
        let how = if name.is_some() {
            "choose another"
        } else {
            "add `name` to one of them"
        };
        return Err(place
            .error(format!(
                "gives the name \"{chosen}\" to a second stage; {how}"
            ))
            .into());
    }
    Ok(Stage {
        name: Some(chosen),
        from: found,
        to: found,
        duration: length(hold)?,
    })
}
