//! How the requests of a workload arise: open or closed loop, rate, stages, bursts, callers.

use std::time::Duration;

use crate::{
    keys::{LONGEST, all, each, grouped, needs},
    operation,
    pacer::Shape,
    scenario::{
        At, Level, NAME_RULE, Place, ScenarioError, Section, is_name, plain_number, quoted,
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

/// How many rows a request of the workload writes, if it writes any; an error where that is not
/// known.
type Batch = Result<Option<u64>, ScenarioError>;

/// The loop of a workload.
pub(super) fn resolve(table: &Section, batch: &Batch) -> Result<Arrival, ScenarioError> {
    let [rate, stages, concurrency] =
        ["rate", "stages", "concurrency"].map(|key| table.place_of(key));
    let burst = table.section("arrivals");
    match (rate, stages, burst, concurrency) {
        (None, None, None, Some(_)) => closed(table),
        (Some(_), None, None, None) => open(table, shape(table, batch).map(OpenLoad::Steady)),
        (None, Some(_), None, None) => {
            open(table, self::stages(table, batch).map(OpenLoad::Stages))
        }
        (None, None, Some(burst), None) => open(table, bursts(burst).map(OpenLoad::Steady)),
        (None, None, None, None) => Err(table.lacks(
            &["rate", "stages", "concurrency", "arrivals"],
            "has neither `rate` nor `concurrency`; add rate = 200 or `stages` (open loop), or \
             concurrency = 8 (closed loop)",
        )),
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
            "`rate` or bursts, which set how many requests are due and when",
        )),
        (None, Some(at), Some(_), None) => Err(beside(
            at,
            "bursts (`arrivals`)",
            "`stages` or bursts, which set how many requests are due and when",
        )),
        (None, None, Some(burst), Some(_)) => Err(beside(
            &burst.place,
            "`concurrency`",
            "bursts (open loop) or `concurrency` (closed loop)",
        )),
    }
}

fn beside(at: &Place, other: &str, choice: &str) -> ScenarioError {
    at.error(format!("cannot be combined with {other}; use {choice}"))
}

fn open(table: &Section, load: Result<OpenLoad, ScenarioError>) -> Result<Arrival, ScenarioError> {
    let thinks = match table.place_of("think_time") {
        None => Ok(()),
        Some(place) => {
            let has = if table.place_of("rate").is_some() {
                "a `rate`"
            } else {
                "an open loop"
            };
            Err(place.error(format!(
                "is for a closed loop (`concurrency`), but the workload has {has}; omit one of them"
            )))
        }
    };
    let arrivals = if table.section("arrivals").is_some() {
        Ok(Arrivals::Even)
    } else {
        table.choice("arrivals", "spread of arrivals", ARRIVALS)
    };
    let ((), load, arrivals, max_in_flight) =
        all((thinks, load, arrivals, table.integer("max_in_flight")))?;
    Ok(Arrival::Open {
        load,
        arrivals,
        max_in_flight: max_in_flight.unsigned_abs(),
    })
}

fn closed(table: &Section) -> Result<Arrival, ScenarioError> {
    let open_only = ["arrivals", "max_in_flight"];
    let open_only = open_only.iter().filter_map(|key| table.place_of(key));
    let open_only = each::<(), _>(open_only.map(|place| {
        Err(place.error(
            "is for an open loop (`rate`), but the workload has `concurrency`; omit one of them",
        ))
    }));
    let (_, load, think_time) = all((open_only, callers(table), think_time(table)))?;
    Ok(Arrival::Closed { load, think_time })
}

fn callers(table: &Section) -> Result<CallerLoad, ScenarioError> {
    match table.section("concurrency") {
        None => {
            let callers = table.written_integer("concurrency")?;
            Ok(CallerLoad::Steady(callers.unwrap_or(1) as u32))
        }
        Some(callers) if callers.place_of("stages").is_some() => {
            stages(callers, &Ok(None)).map(CallerLoad::Stages)
        }
        Some(callers) => {
            let example = "concurrency = { stages = [{ to = 32, over = \"10s\" }, { at = 32, for \
                           = \"30s\" }] }";
            let story = format!("has no `stages`; write a number of callers, or {example}");
            Err(callers.lacks(&["stages"], story))
        }
    }
}

fn think_time(table: &Section) -> Result<ThinkTime, ScenarioError> {
    let Some(drawn) = table.section("think_time") else {
        return Ok(ThinkTime::Constant(table.duration("think_time")?));
    };
    let mean = drawn.written_duration("exponential")?;
    mean.map(ThinkTime::Exponential).ok_or_else(|| {
        drawn.lacks(
            &["exponential"],
            "has no mean; write for example think_time = { exponential = \"50ms\" }",
        )
    })
}

fn shape(table: &Section, batch: &Batch) -> Result<Shape, ScenarioError> {
    let Some(sine) = table.section("rate") else {
        let rate = level(table, "rate", batch)?.unwrap_or_default();
        return Ok(Shape::Constant { rate });
    };
    let parts = all((
        level(sine, "mean", batch),
        level(sine, "amplitude", batch),
        sine.written_duration("period"),
    ))?;
    let (Some(mean), Some(swing), Some(period)) = parts else {
        let example = "rate = { mean = 200, amplitude = 100, period = \"30s\" }";
        return Err(sine.lacks(
            &["mean", "amplitude", "period"],
            format!("is neither a number nor a sine; write for example {example}"),
        ));
    };
    if let Some(amplitude) = sine.level("amplitude")?.filter(|_| swing > mean) {
        let message = format!(
            "is {}, more than `mean`, so that the rate would fall below 0",
            amplitude.value.number
        );
        return Err(amplitude.error(message));
    }
    Ok(Shape::Sine {
        mean,
        amplitude: swing,
        period,
    })
}

fn bursts(table: &Section) -> Result<Shape, ScenarioError> {
    let parts = all((
        table.written_integer("burst"),
        table.written_duration("every"),
    ))?;
    let (Some(size), Some(every)) = parts else {
        return Err(table.lacks(
            &["burst", "every"],
            "has no `burst` or no `every`; write for example arrivals = { burst = 50, every = \
             \"1s\" }",
        ));
    };
    Ok(Shape::Bursts {
        size: size.unsigned_abs(),
        every,
    })
}

/// The level at `key`, within the range of its row: requests per second, rows per second divided
/// by the rows of a request; or callers. None where it is left out.
fn level(table: &Section, key: &str, batch: &Batch) -> Result<Option<f64>, ScenarioError> {
    let Some(at) = table.level(key)? else {
        return Ok(None);
    };
    match table.row(key).kind.rate_range() {
        Some(range) => per_second(&at, batch, range).map(Some),
        None => Ok(table.written_integer(key)?.map(|callers| callers as f64)),
    }
}

fn per_second(at: &At<Level>, batch: &Batch, range: (f64, f64)) -> Result<f64, ScenarioError> {
    let Level { number, rows } = at.value;
    let rate = if rows {
        let batch = needs(batch)?.ok_or_else(|| {
            at.error(format!(
                "is in rows a second, which only {} workload has; write requests a second as a \
                 number",
                operation::called_where(|entry| entry.counts_rows)
            ))
        })?;
        number / batch as f64
    } else {
        number
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
    let above = if min > 0.0 { "above 0: " } else { "from " };
    Err(at.error(format!(
        "is {what}, expected a number {above}{min} to {} requests per second",
        grouped(max as i64)
    )))
}

/// The stages below `key` `stages` of `whole`: a workload, or its callers.
fn stages(whole: &Section, batch: &Batch) -> Result<Vec<Stage>, ScenarioError> {
    let list = whole.sections_within("stages", "a workload")?;
    let refuse = |message: String| whole.place_or_child("stages").error(message);
    let mut found: Vec<Result<Stage, ScenarioError>> = Vec::new();
    for table in list {
        found.push(stage(table, &found, batch));
    }
    let stages = each(found)?;
    if !stages.iter().any(|stage| stage.name.is_some()) {
        let story = "has no level (`at`), and ramps are excluded from all figures: nothing would \
                     be measured";
        return Err(refuse(format!("{story}; write for example {STAGES}")));
    }
    if stages.iter().map(|stage| stage.duration).sum::<Duration>() > LONGEST {
        let story = "takes longer than 30 days, which is the maximum length of a phase";
        return Err(refuse(story.to_owned()));
    }
    Ok(stages)
}

const STAGES: &str = "[{ to = 400, over = \"1m\" }, { at = 400, for = \"5m\" }]";

/// A stage after those `before` it, some of which may be wrong.
fn stage(
    table: &Section,
    before: &[Result<Stage, ScenarioError>],
    batch: &Batch,
) -> Result<Stage, ScenarioError> {
    match (table.place_of("to"), table.place_of("at")) {
        (Some(to), None) => ramp(table, to, before.last(), batch),
        (None, Some(at)) => hold(table, at, before, batch),
        (Some(_), Some(_)) => Err(table.error(
            "has `to` and `at`; a ramp has `to` and `over`, a level `at` and `for`: write two \
             stages",
        )),
        (None, None) => Err(table.lacks(
            &["to", "at"],
            format!("has neither `to` nor `at`; write for example {STAGES}"),
        )),
    }
}

fn ramp(
    table: &Section,
    to: &Place,
    before: Option<&Result<Stage, ScenarioError>>,
    batch: &Batch,
) -> Result<Stage, ScenarioError> {
    let has_time = if table.place_of("over").is_some() {
        Ok(())
    } else {
        let story = "is a ramp (`to`) without `over`; add for example over = \"1m\"";
        Err(table.lacks(&["over"], story))
    };
    let of_level = absent(
        table,
        "for",
        "belongs to a level (`at`); the time of a ramp (`to`) is `over`",
    );
    let named = absent(
        table,
        "name",
        "names a ramp, which has no row in the report; only levels (`at`) have names",
    );
    let start = match (table.place_of("from"), before) {
        (Some(place), Some(_)) => Err(place
            .error("is for the first stage only; later stages begin where the previous one ended")),
        (None, Some(before)) => needs(before).map(|before| before.to),
        (_, None) => level(table, "from", batch).map(Option::unwrap_or_default),
    };
    let end = level(table, "to", batch).map(Option::unwrap_or_default);
    let own = all((has_time, of_level, named));
    let (start, end, duration, _) = all((start, end, table.written_duration("over"), own))?;
    if start + end == 0.0 {
        return Err(to.error(
            "is 0 after 0, so nothing would be sent; a ramp goes from 0 or to 0, not both",
        ));
    }
    Ok(Stage {
        name: None,
        from: start,
        to: end,
        duration: duration.unwrap_or_default(),
    })
}

/// An error where `key` is written.
fn absent(table: &Section, key: &str, story: &str) -> Result<(), ScenarioError> {
    table
        .place_of(key)
        .map_or(Ok(()), |place| Err(place.error(story)))
}

fn hold(
    table: &Section,
    at: &Place,
    before: &[Result<Stage, ScenarioError>],
    batch: &Batch,
) -> Result<Stage, ScenarioError> {
    let has_time = if table.place_of("for").is_some() {
        Ok(())
    } else {
        let story = "is a level (`at`) without `for`; add for example for = \"5m\"";
        Err(table.lacks(&["for"], story))
    };
    const OF_RAMP: &str = "belongs to a ramp (`to`); a level has `at` and `for`";
    let of_ramp = all((
        absent(table, "over", OF_RAMP),
        absent(table, "from", OF_RAMP),
    ));
    let load = level(table, "at", batch);
    let (found, name, duration, ..) = all((
        load.clone(),
        stage_name(table, (at, &load), before),
        table.written_duration("for"),
        has_time,
        of_ramp,
    ))?;
    let found = found.unwrap_or_default();
    Ok(Stage {
        name: Some(name),
        from: found,
        to: found,
        duration: duration.unwrap_or_default(),
    })
}

/// Name of a level, which is that of its load where it has none of its own.
fn stage_name(
    table: &Section,
    (at, load): (&Place, &Result<Option<f64>, ScenarioError>),
    before: &[Result<Stage, ScenarioError>],
) -> Result<String, ScenarioError> {
    let (name, place) = (table.text("name")?, table.place_of("name").unwrap_or(at));
    let chosen = match &name {
        Some(name) => name.value.clone(),
        None => {
            needs(load)?;
            let written = table.level("at")?;
            written.map_or(0.0, |at| at.value.number).to_string()
        }
    };
    if !is_name(&chosen) {
        return Err(place.error(format!(
            "is {}, expected {NAME_RULE} as the name of a stage",
            quoted(&chosen)
        )));
    }
    let ramp = || {
        chosen
            .to_lowercase()
            .strip_prefix("ramp-")
            .is_some_and(|number| number.chars().all(|c| c.is_ascii_digit()))
    };
    let mut reserved = RESERVED.iter();
    if reserved.any(|word| chosen.eq_ignore_ascii_case(word)) || ramp() {
        return Err(place.error(format!(
            "is \"{chosen}\", which is the name of another part of a phase; choose another"
        )));
    }
    let mut before = before.iter().flatten();
    if before.any(|other| other.name.as_ref() == Some(&chosen)) {
        let how = if name.is_some() {
            "choose another"
        } else {
            "add `name` to one of them"
        };
        return Err(place.error(format!(
            "gives the name \"{chosen}\" to a second stage; {how}"
        )));
    }
    Ok(chosen)
}
