//! How the requests of a workload arise: open or closed loop, rate, stages, bursts, callers.

use std::time::Duration;

use super::PlanError;
use crate::{
    keys::{LONGEST, grouped},
    operation,
    pacer::Shape,
    scenario::{At, Level, NAME_RULE, Place, Section, is_name, plain_number, quoted},
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

pub(super) const ARRIVALS: &[(&str, Arrivals)] =
    &[("even", Arrivals::Even), ("poisson", Arrivals::Poisson)];
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
pub(super) fn resolve(table: &Section, batch: Option<u64>) -> Result<Arrival, PlanError> {
    let [rate, stages, concurrency] =
        ["rate", "stages", "concurrency"].map(|key| table.place_of(key));
    let burst = table.section("arrivals");
    match (rate, stages, burst, concurrency) {
        (None, None, None, Some(_)) => closed(table),
        (Some(_), None, None, None) => open(table, OpenLoad::Steady(shape(table, batch)?)),
        (None, Some(_), None, None) => open(table, OpenLoad::Stages(self::stages(table, batch)?)),
        (None, None, Some(burst), None) => open(table, OpenLoad::Steady(bursts(burst)?)),
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
        (None, None, Some(burst), Some(_)) => Err(beside(
            &burst.place,
            "`concurrency`",
            "bursts (open loop) or `concurrency` (closed loop)",
        )),
    }
}

fn beside(at: &Place, other: &str, choice: &str) -> PlanError {
    at.error(format!("stands beside {other}, allowed is one: {choice}"))
        .into()
}

fn open(table: &Section, load: OpenLoad) -> Result<Arrival, PlanError> {
    if let Some(place) = table.place_of("think_time") {
        let has = if table.place_of("rate").is_some() {
            "a `rate`"
        } else {
            "an open loop"
        };
        return Err(place
            .error(format!(
                "is for a closed loop (`concurrency`), but the workload has {has}; leave one of \
                 them out"
            ))
            .into());
    }
    let arrivals = if table.section("arrivals").is_some() {
        Arrivals::Even
    } else {
        table.choice("arrivals", "spread of arrivals", ARRIVALS)?
    };
    Ok(Arrival::Open {
        load,
        arrivals,
        max_in_flight: table.integer("max_in_flight")?.unsigned_abs(),
    })
}

fn closed(table: &Section) -> Result<Arrival, PlanError> {
    let open_only = ["arrivals", "max_in_flight"];
    if let Some(place) = open_only.iter().find_map(|key| table.place_of(key)) {
        return Err(place
            .error(
                "is for an open loop (`rate`), but the workload has `concurrency`; leave one of \
                 them out",
            )
            .into());
    }
    let load = match table.section("concurrency") {
        None => CallerLoad::Steady(table.written_integer("concurrency")?.unwrap_or(1) as u32),
        Some(callers) if callers.place_of("stages").is_some() => {
            CallerLoad::Stages(stages(callers, None)?)
        }
        Some(callers) => {
            let example = "concurrency = { stages = [{ to = 32, over = \"10s\" }, { at = 32, for \
                           = \"30s\" }] }";
            return Err(callers
                .error(format!(
                    "has no `stages`; write a number of callers, or {example}"
                ))
                .into());
        }
    };
    let think_time = match table.section("think_time") {
        None => ThinkTime::Constant(table.duration("think_time")?),
        Some(drawn) => {
            let mean = drawn.written_duration("exponential")?.ok_or_else(|| {
                drawn
                    .error("has no mean; write for example think_time = { exponential = \"50ms\" }")
            })?;
            ThinkTime::Exponential(mean)
        }
    };
    Ok(Arrival::Closed { load, think_time })
}

fn shape(table: &Section, batch: Option<u64>) -> Result<Shape, PlanError> {
    let Some(sine) = table.section("rate") else {
        let rate = level(table, "rate", batch)?.unwrap_or_default();
        return Ok(Shape::Constant { rate });
    };
    let [mean, amplitude] = ["mean", "amplitude"].map(|key| level(sine, key, batch));
    let (Some(mean), Some(swing), Some(period)) =
        (mean?, amplitude?, sine.written_duration("period")?)
    else {
        let example = "rate = { mean = 200, amplitude = 100, period = \"30s\" }";
        return Err(sine
            .error(format!(
                "is no number and no sine; write for example {example}"
            ))
            .into());
    };
    if let Some(amplitude) = sine.level("amplitude").filter(|_| swing > mean) {
        let message = format!(
            "is {}, more than `mean`, so that the rate would fall below 0",
            amplitude.value.number
        );
        return Err(amplitude.error(message).into());
    }
    Ok(Shape::Sine {
        mean,
        amplitude: swing,
        period,
    })
}

fn bursts(table: &Section) -> Result<Shape, PlanError> {
    let (Some(size), Some(every)) = (
        table.written_integer("burst")?,
        table.written_duration("every")?,
    ) else {
        return Err(table
            .error(
                "has no `burst` or no `every`; write for example arrivals = { burst = 50, every = \
                 \"1s\" }",
            )
            .into());
    };
    Ok(Shape::Bursts {
        size: size.unsigned_abs(),
        every,
    })
}

/// The level at `key`, within the range of its row: requests per second, rows per second divided
/// by the rows of a request; or callers. None where it is left out.
fn level(table: &Section, key: &str, batch: Option<u64>) -> Result<Option<f64>, PlanError> {
    let Some(at) = table.level(key) else {
        return Ok(None);
    };
    match table.row(key).kind.rate_range() {
        Some(range) => per_second(&at, batch, range).map(Some),
        None => Ok(table.written_integer(key)?.map(|callers| callers as f64)),
    }
}

fn per_second(at: &At<Level>, batch: Option<u64>, range: (f64, f64)) -> Result<f64, PlanError> {
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
    let (min, max) = range;
    if (min..=max).contains(&rate) {
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
    let above = if min > 0.0 { "above 0: " } else { "" };
    Err(at
        .error(format!(
            "is {what}, allowed are numbers {above}{min} to {} requests per second",
            grouped(max as i64)
        ))
        .into())
}

/// The stages below `key` `stages` of `whole`: a workload, or its callers.
fn stages(whole: &Section, batch: Option<u64>) -> Result<Vec<Stage>, PlanError> {
    const EXAMPLE: &str = "[{ to = 400, over = \"1m\" }, { at = 400, for = \"5m\" }]";
    let list = whole.sections_within("stages", "a workload")?;
    let refuse = |message: String| whole.place_or_child("stages").error(message);
    let mut stages: Vec<Stage> = Vec::new();
    for table in list {
        let found = match (table.place_of("to"), table.place_of("at")) {
            (Some(to), None) => ramp(table, to, stages.last(), batch)?,
            (None, Some(at)) => hold(table, at, &stages, batch)?,
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
        let story = "holds no level (`at`), and ramps are in no figure: nothing would be measured";
        return Err(refuse(format!("{story}; write for example {EXAMPLE}")).into());
    }
    if stages.iter().map(|stage| stage.duration).sum::<Duration>() > LONGEST {
        let story = "takes longer than 30 days, which is the longest phase";
        return Err(refuse(story.to_owned()).into());
    }
    Ok(stages)
}

fn ramp(
    table: &Section,
    to: &Place,
    before: Option<&Stage>,
    batch: Option<u64>,
) -> Result<Stage, PlanError> {
    if table.place_of("over").is_none() {
        return Err(table
            .error("is a ramp (`to`) without `over`; add for example over = \"1m\"")
            .into());
    }
    if let Some(place) = table.place_of("for") {
        return Err(place
            .error("belongs to a level (`at`); the time of a ramp (`to`) is `over`")
            .into());
    }
    if let Some(place) = table.place_of("name") {
        return Err(place
            .error("names a ramp, which has no row in the report; names are for levels (`at`)")
            .into());
    }
    let start = match (table.place_of("from"), before) {
        (Some(place), Some(_)) => {
            return Err(place
                .error("is for the first stage; later ones begin where the one before ended")
                .into());
        }
        (None, Some(before)) => before.to,
        (_, None) => level(table, "from", batch)?.unwrap_or(0.0),
    };
    let end = level(table, "to", batch)?.unwrap_or_default();
    if start + end == 0.0 {
        return Err(to
            .error("is 0 after 0, so nothing would be sent; a ramp goes from 0 or to 0, not both")
            .into());
    }
    Ok(Stage {
        name: None,
        from: start,
        to: end,
        duration: table.written_duration("over")?.unwrap_or_default(),
    })
}

fn hold(
    table: &Section,
    at: &Place,
    before: &[Stage],
    batch: Option<u64>,
) -> Result<Stage, PlanError> {
    if table.place_of("for").is_none() {
        return Err(table
            .error("is a level (`at`) without `for`; add for example for = \"5m\"")
            .into());
    }
    if let Some(place) = table.place_of("over").or(table.place_of("from")) {
        return Err(place
            .error("belongs to a ramp (`to`); a level has `at` and `for`")
            .into());
    }
    let found = level(table, "at", batch)?.unwrap_or_default();
    let (name, place) = (table.text("name"), table.place_of("name").unwrap_or(at));
    let number = || table.level("at").map_or(0.0, |at| at.value.number);
    let chosen = match &name {
        Some(name) => name.value.clone(),
        None => number().to_string(),
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
        duration: table.written_duration("for")?.unwrap_or_default(),
    })
}
