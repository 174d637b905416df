//! What a threshold requires, as text and as parts: `response_time.p99 < 20ms`, `area("engine").p99
//! < 20ms`, `response_time.p99 < 1.5 * phase("alone").response_time.p99`,
//! `response_time.p99.worst("10s") < 200ms`.

use std::fmt;

use crate::{analysis::traces::areas::Area, record};

/// Quantiles that may be named, longer names first.
const QUANTILES: [&str; 7] = ["p99.9", "p50", "p90", "p95", "p99", "max", "mean"];

/// Figures with a name of their own.
static NAMED: [(&str, Base); 14] = [
    ("response_time", Base::Time(Time::Response)),
    ("service_time", Base::Time(Time::Service)),
    ("send_lag", Base::Time(Time::SendLag)),
    ("queue_time", Base::Time(Time::Queue)),
    ("server_time", Base::Time(Time::Server)),
    ("gap", Base::Time(Time::Gap)),
    ("failed", Base::Failed),
    ("not_sent", Base::NotSent),
    ("achieved_rate", Base::AchievedRate),
    ("throughput", Base::Throughput),
    ("join.matched", Base::Matched),
    ("recall.mean", Base::Recall),
    ("rows.mean", Base::RowsMean),
    ("empty", Base::Empty),
];

/// A whole requirement.
#[derive(Clone, Debug, PartialEq)]
pub struct Expression {
    /// What is looked at.
    pub figure: Quantity,
    /// How it is compared.
    pub relation: Relation,
    /// With what.
    pub limit: Limit,
}

/// What of a workload is looked at: a figure of the report, in the notation of thresholds.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantity {
    /// What it is about.
    pub base: Base,
    /// Key of its quantile, or `mean`; None for counts and rates.
    pub quantile: Option<&'static str>,
    /// Seconds of the windows of which the worst counts; None: of the whole part.
    pub worst_s: Option<u32>,
}

/// What a figure is about.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Base {
    Time(Time),
    /// Time of an area per matched request.
    Area(String),
    /// Time of a part per matched request, by its label.
    Part(String),
    /// Share of the due requests.
    Failed,
    /// Share of the due requests.
    NotSent,
    /// Share of the target rate.
    AchievedRate,
    /// Successes per second.
    Throughput,
    /// Share of the traced requests.
    Matched,
    Recall,
    /// Rows per reply of a search or a query.
    RowsMean,
    /// Share of the replies without any row.
    Empty,
}

/// A time that every request has, or every matched one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Time {
    Response,
    Service,
    SendLag,
    Queue,
    Server,
    Gap,
}

/// How a figure is compared with its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Relation {
    Below,
    AtMost,
    Above,
    AtLeast,
}

/// What a figure is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum Limit {
    /// In the figure's unit: microseconds, a share, or a number.
    Value(f64),
    /// `factor` times a figure of the same workload in another phase.
    #[allow(missing_docs)]
    Phase {
        factor: f64,
        phase: String,
        figure: Quantity,
    },
}

/// Unit of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Unit {
    Microseconds,
    Share,
    PerSecond,
    Rows,
}

impl Quantity {
    /// Its unit.
    #[must_use]
    pub fn unit(&self) -> Unit {
        match self.base {
            Base::Time(_) | Base::Area(_) | Base::Part(_) => Unit::Microseconds,
            Base::Throughput => Unit::PerSecond,
            Base::RowsMean => Unit::Rows,
            Base::Failed
            | Base::NotSent
            | Base::AchievedRate
            | Base::Matched
            | Base::Recall
            | Base::Empty => Unit::Share,
        }
    }

    /// Whether a class of requests has it, as its workload has.
    #[must_use]
    pub fn is_of_classes(&self) -> bool {
        matches!(
            self.base,
            Base::Time(Time::Response | Time::Service)
                | Base::Area(_)
                | Base::Part(_)
                | Base::Failed
                | Base::NotSent
                | Base::Throughput
        )
    }

    /// Whether only matched requests have it.
    #[must_use]
    pub fn needs_spans(&self) -> bool {
        match self.base {
            Base::Time(time) => time.recorded().is_none(),
            Base::Area(_) | Base::Part(_) | Base::Matched => true,
            Base::Failed
            | Base::NotSent
            | Base::AchievedRate
            | Base::Throughput
            | Base::Recall
            | Base::RowsMean
            | Base::Empty => false,
        }
    }

    /// The figure of every request that it is taken from, second by second; None where there is no
    /// such one.
    #[must_use]
    pub fn recorded(&self) -> Option<record::Figure> {
        match self.base {
            Base::Time(time) => time.recorded(),
            Base::RowsMean | Base::Empty => Some(record::Figure::Rows),
            _ => None,
        }
    }

    /// Why a workload of an open (or closed) loop does not have it; None where it may.
    #[must_use]
    pub fn lacking(&self, open_loop: bool) -> Option<&'static str> {
        match (&self.base, open_loop) {
            (Base::Time(Time::Response), false) => {
                Some("a closed loop has no response time, use service_time")
            }
            (Base::Time(Time::SendLag), false) => {
                Some("a closed loop has no send lag, use queue_time")
            }
            (Base::NotSent, false) => Some("a closed loop sends every due request, use failed"),
            (Base::AchievedRate, false) => Some("a closed loop has no target rate, use throughput"),
            (Base::Time(Time::Queue), true) => Some("an open loop has no queue time, use send_lag"),
            _ => None,
        }
    }
}

impl Time {
    /// The figure of every request that it is taken from, second by second; None where only matched
    /// requests have it.
    #[must_use]
    pub fn recorded(self) -> Option<record::Figure> {
        match self {
            Time::Response => Some(record::Figure::ResponseTime),
            Time::Service => Some(record::Figure::ServiceTime),
            Time::SendLag => Some(record::Figure::SendLag),
            Time::Queue => Some(record::Figure::QueueTime),
            Time::Server | Time::Gap => None,
        }
    }
}

impl Unit {
    /// As in report.json.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Unit::Microseconds => "us",
            Unit::Share => "share",
            Unit::PerSecond => "/s",
            Unit::Rows => "rows",
        }
    }
}

impl Relation {
    /// Whether `value` is on the side that is required.
    #[must_use]
    pub fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Relation::Below => value < limit,
            Relation::AtMost => value <= limit,
            Relation::Above => value > limit,
            Relation::AtLeast => value >= limit,
        }
    }

    /// Whether small values are required.
    #[must_use]
    pub fn wants_small(self) -> bool {
        matches!(self, Relation::Below | Relation::AtMost)
    }
}

/// Why a text is no requirement: what stands where, and what is allowed there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpressionError(String);

impl fmt::Display for ExpressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

type Result<T> = std::result::Result<T, ExpressionError>;

impl Expression {
    /// Reads `text`.
    ///
    /// # Errors
    /// It is no requirement; the error goes on after `is "...", `.
    pub fn parse(text: &str) -> Result<Self> {
        let mut rest = Rest(text);
        let figure = figure(&mut rest)?;
        let relation = relation(&mut rest)?;
        let limit = limit(&mut rest, &figure)?;
        if !rest.skip().is_empty() {
            return Err(rest.unexpected("the end of the expression"));
        }
        Ok(Self {
            figure,
            relation,
            limit,
        })
    }

    /// Why it says nothing while the run is measured, after `which `; None where it does.
    #[must_use]
    pub fn silent_while_measured(&self) -> Option<&'static str> {
        let seen = match self.figure.base {
            Base::Time(time) => time.recorded().is_some(),
            Base::Failed | Base::Throughput | Base::RowsMean | Base::Empty => true,
            _ => false,
        };
        match self {
            _ if !seen => Some(
                "is not known before the end of the run; use response_time, service_time, \
                 send_lag, queue_time, failed, throughput, rows.mean or empty",
            ),
            _ if self.figure.worst_s.is_some() => Some("already has a window, `over`; omit .worst"),
            Self {
                limit: Limit::Phase { .. },
                ..
            } => Some("is compared with another phase; use a number"),
            _ => None,
        }
    }
}

/// What is still to be read.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn skip(&mut self) -> &'a str {
        self.0 = self.0.trim_start();
        self.0
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.skip().strip_prefix(word);
        self.0 = found.unwrap_or(self.0);
        found.is_some()
    }

    /// A name is whole: `gap` is not the beginning of `gaps`.
    fn take_name(&mut self, name: &str) -> bool {
        let whole = |rest: &str| {
            !rest.starts_with(|next: char| next.is_ascii_alphanumeric() || next == '_')
        };
        let found = self.skip().strip_prefix(name).filter(|rest| whole(rest));
        self.0 = found.unwrap_or(self.0);
        found.is_some()
    }

    /// `("text")`.
    fn quoted(&mut self) -> Result<String> {
        let inner = self
            .skip()
            .strip_prefix("(\"")
            .and_then(|rest| rest.split_once("\")"));
        let Some((text, rest)) = inner else {
            return Err(self.unexpected("a name in (\"...\")"));
        };
        self.0 = rest;
        Ok(text.to_owned())
    }

    fn number(&mut self) -> Option<f64> {
        let text = self.skip();
        let end = text
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(text.len());
        let number = text[..end].parse().ok()?;
        self.0 = &text[end..];
        Some(number)
    }

    fn unexpected(&self, allowed: &str) -> ExpressionError {
        let found = self.0.trim();
        let found = if found.is_empty() {
            "ends early".to_owned()
        } else {
            format!("has `{found}`")
        };
        ExpressionError(format!("{found}, expected {allowed}"))
    }
}

fn figure(rest: &mut Rest<'_>) -> Result<Quantity> {
    let base = base(rest)?;
    let has_quantiles = matches!(base, Base::Time(_) | Base::Area(_) | Base::Part(_));
    if !has_quantiles {
        return Ok(Quantity {
            base,
            quantile: None,
            worst_s: None,
        });
    }
    let quantile = rest
        .take(".")
        .then(|| QUANTILES.into_iter().find(|name| rest.take_name(name)))
        .flatten();
    let quantile = quantile
        .ok_or_else(|| rest.unexpected("one of .p50, .p90, .p95, .p99, .p99.9, .max, .mean"))?;
    let worst_s = if rest.take(".worst") {
        Some(window(rest, &base)?)
    } else {
        None
    };
    Ok(Quantity {
        base,
        quantile: Some(quantile),
        worst_s,
    })
}

fn base(rest: &mut Rest<'_>) -> Result<Base> {
    if let Some((_, base)) = NAMED.iter().find(|(name, _)| rest.take_name(name)) {
        return Ok(base.clone());
    }
    if rest.take_name("part") {
        return Ok(Base::Part(rest.quoted()?));
    }
    if rest.take_name("area") {
        let name = rest.quoted()?;
        let names = Area::ALL.map(Area::name);
        return if names.contains(&name.as_str()) {
            Ok(Base::Area(name))
        } else {
            Err(ExpressionError(format!(
                "names the area \"{name}\", expected one of {}",
                names.join(", ")
            )))
        };
    }
    let names: Vec<&str> = NAMED.iter().map(|(name, _)| *name).collect();
    Err(rest.unexpected(&format!(
        "a figure ({}, area(\"...\"), part(\"...\"))",
        names.join(", ")
    )))
}

/// `("10s")`: whole seconds, since histograms are kept by the second.
fn window(rest: &mut Rest<'_>, base: &Base) -> Result<u32> {
    if !matches!(base, Base::Time(time) if time.recorded().is_some()) {
        return Err(ExpressionError(
            "has `.worst`, which is for response_time, service_time, send_lag and queue_time"
                .to_owned(),
        ));
    }
    let text = rest.quoted()?;
    let (number, unit) = text.split_at(
        text.find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len()),
    );
    let factor = match unit {
        "s" => 1,
        "m" => 60,
        _ => 0,
    };
    let seconds = number
        .parse()
        .ok()
        .and_then(|number: u32| number.checked_mul(factor));
    seconds.filter(|seconds| *seconds > 0).ok_or_else(|| {
        ExpressionError(format!(
            "has windows of \"{text}\", expected whole seconds, e.g. \"10s\""
        ))
    })
}

fn relation(rest: &mut Rest<'_>) -> Result<Relation> {
    let signs = [
        ("<=", Relation::AtMost),
        (">=", Relation::AtLeast),
        ("<", Relation::Below),
        (">", Relation::Above),
    ];
    let found = signs.into_iter().find(|(sign, _)| rest.take(sign));
    found
        .map(|(_, relation)| relation)
        .ok_or_else(|| rest.unexpected("one of <, <=, >, >="))
}

fn limit(rest: &mut Rest<'_>, figure: &Quantity) -> Result<Limit> {
    let number = rest.number();
    let times = number.is_some() && rest.take("*");
    if !times && let Some(number) = number {
        let (times, by) = factor(rest, figure.unit())?;
        let value = number * times / by;
        // More may be sent than the schedule held, but 99 is never meant as 9,900 %.
        let most = if figure.base == Base::AchievedRate && by > 1.0 {
            f64::INFINITY
        } else {
            1.0
        };
        if figure.unit() == Unit::Share && value > most {
            return Err(ExpressionError(format!(
                "has the limit {:.0} %, expected a share from 0 to 1, or from 0% to 100%",
                value * 100.0
            )));
        }
        return Ok(Limit::Value(value));
    }
    if !rest.take_name("phase") {
        return Err(rest.unexpected("a number with its unit, or phase(\"...\") with a figure"));
    }
    let phase = rest.quoted()?;
    if !rest.take(".") {
        return Err(rest.unexpected("a figure of that phase"));
    }
    let other = self::figure(rest)?;
    if other.unit() != figure.unit() {
        return Err(ExpressionError(
            "compares figures of different units".to_owned(),
        ));
    }
    Ok(Limit::Phase {
        factor: number.unwrap_or(1.0),
        phase,
        figure: other,
    })
}

/// A unit, and what a number before it is multiplied with and divided by.
type WrittenUnit = (&'static str, (f64, f64));

/// What a written number is multiplied with and divided by: 95 / 100 is 0.95, and 95 x 0.01 is not.
fn factor(rest: &mut Rest<'_>, unit: Unit) -> Result<(f64, f64)> {
    let (units, allowed): (&[WrittenUnit], &str) = match unit {
        Unit::Microseconds => (
            &[("us", (1.0, 1.0)), ("ms", (1e3, 1.0)), ("s", (1e6, 1.0))],
            "a unit of time (us, ms, s)",
        ),
        Unit::Share => (&[("%", (1.0, 100.0)), ("", (1.0, 1.0))], "% or nothing"),
        Unit::PerSecond => (&[("/s", (1.0, 1.0)), ("", (1.0, 1.0))], "/s or nothing"),
        Unit::Rows => (
            &[("rows", (1.0, 1.0)), ("", (1.0, 1.0))],
            "`rows` or nothing",
        ),
    };
    let found = units.iter().find(|(name, _)| rest.take_name(name));
    found
        .map(|(_, factor)| *factor)
        .ok_or_else(|| rest.unexpected(allowed))
}

#[cfg(test)]
mod tests;
