//! Thresholds of a scenario against what was measured: passed, failed, or not to be decided.

pub mod expression;
pub mod watch;

use self::expression::{Base, Expression, Limit, Quantity, Relation, Time, Unit};
use crate::{
    analysis::{
        figures::quantiles::{self, us},
        model::{Estimate, Quantiles, ThresholdResult, ThresholdState, WorkloadAnalysis},
        requests::request::Request,
        statistics::series::{Second, Series},
        traces::parts::PartTable,
    },
    record::{self, AbortedInfo, ThresholdInfo},
};

/// A workload with what its figures are taken from.
pub(crate) struct Row<'a> {
    pub(crate) workload: &'a WorkloadAnalysis,
    pub(crate) requests: Vec<&'a Request>,
    pub(crate) parts: &'a PartTable,
    /// A figure of every request, second by second, nanoseconds.
    pub(crate) seconds: &'a dyn Fn(record::Figure) -> Option<Series>,
}

/// A figure with its interval, in its unit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Measured {
    value: f64,
    low: Option<f64>,
    high: Option<f64>,
    at_least: bool,
    /// Whether it lacks an interval that a longer run would have.
    too_short: bool,
}

impl Measured {
    fn exact(value: f64) -> Self {
        Self {
            value,
            low: Some(value),
            high: Some(value),
            ..Self::default()
        }
    }

    fn times(self, factor: f64) -> Self {
        let scaled = |end: Option<f64>| end.map(|end| end * factor);
        Self {
            value: self.value * factor,
            low: scaled(self.low),
            high: scaled(self.high),
            ..self
        }
    }
}

/// Every threshold at every row that it is for, in the order of the thresholds, then of the rows.
/// The one that ended the run failed, whatever the figures of the whole are.
pub(crate) fn results(
    thresholds: &[ThresholdInfo],
    aborted: Option<&AbortedInfo>,
    rows: &[Row<'_>],
) -> Vec<ThresholdResult> {
    let of = |(number, threshold)| {
        let wanted = rows
            .iter()
            .filter(move |row| is_for(threshold, row.workload));
        wanted.filter_map(move |row| {
            let found = result(threshold, row, rows)?;
            Some(
                match aborted
                    .filter(|aborted| aborted.threshold == number && aborted.at == found.at)
                {
                    Some(aborted) => ThresholdResult {
                        state: ThresholdState::Failed,
                        sentence: aborted.sentence.clone(),
                        ..found
                    },
                    None => found,
                },
            )
        })
    };
    thresholds.iter().enumerate().flat_map(of).collect()
}

fn is_for(threshold: &ThresholdInfo, workload: &WorkloadAnalysis) -> bool {
    let named =
        |wanted: &Option<String>, name: &str| wanted.as_deref().is_none_or(|wanted| wanted == name);
    // A class is part of its workload, for which a threshold without a name is.
    let is_meant = threshold.workload.is_some() || !record::is_class_name(&workload.workload);
    is_meant
        && named(&threshold.workload, &workload.workload)
        && named(&threshold.phase, &workload.phase)
}

/// None where the row is of a kind that can't have the figure.
fn result(threshold: &ThresholdInfo, row: &Row<'_>, rows: &[Row<'_>]) -> Option<ThresholdResult> {
    // Checked before the run; a run.json that was changed since has no say.
    let Expression {
        figure,
        relation,
        limit,
    } = Expression::parse(&threshold.require).ok()?;
    let no_search = figure.base == Base::Recall && row.workload.operation != "search";
    if no_search || figure.lacking(row.workload.loop_kind == "open").is_some() {
        return None;
    }
    let unit = figure.unit();
    let of_row = measure(&figure, row);
    let of_limit = match &limit {
        Limit::Value(value) => Some(Measured::exact(*value)),
        Limit::Phase {
            factor,
            phase,
            figure,
        } => {
            let alike = |other: &&Row<'_>| {
                other.workload.phase == *phase && other.workload.is_alike(row.workload)
            };
            rows.iter()
                .find(alike)
                .and_then(|other| Some(measure(figure, other)?.times(*factor)))
        }
    };
    let (state, words) = match (of_row, of_limit) {
        (Some(measured), Some(limit)) => decide(measured, relation, limit, unit),
        (None, _) => (
            ThresholdState::Undecided,
            format!(
                "there is no such figure: {}",
                why_absent(&figure, row.workload)
            ),
        ),
        (_, None) => (
            ThresholdState::Undecided,
            "there is nothing to compare it with: the other phase lacks the figure".to_owned(),
        ),
    };
    let state = if threshold.strict && state == ThresholdState::Undecided {
        ThresholdState::Failed
    } else {
        state
    };
    let ends = of_row.filter(|measured| measured.low != measured.high);
    Some(ThresholdResult {
        require: threshold.require.clone(),
        at: row.workload.place(),
        state,
        strict: threshold.strict,
        figure: of_row.map(|measured| measured.value),
        at_least: of_row.is_some_and(|measured| measured.at_least),
        low: ends.and_then(|measured| measured.low),
        high: ends.and_then(|measured| measured.high),
        limit: of_limit.map(|measured| measured.value),
        unit: unit.name().to_owned(),
        sentence: words,
    })
}

/// What the interval of a figure says, against that of its limit. A value stands for the ends that
/// are not known.
fn decide(
    measured: Measured,
    relation: Relation,
    limit: Measured,
    unit: Unit,
) -> (ThresholdState, String) {
    let small = relation.wants_small();
    let text = format!(
        "{}, limit {}",
        in_words(measured, unit),
        in_words(limit, unit)
    );
    if measured.at_least && small {
        // So many requests failed or were not sent that nothing says how slow they would have been.
        return (
            ThresholdState::Failed,
            format!(
                "at least {text}; so many requests failed or were not sent that the true value \
                 may be far higher"
            ),
        );
    }
    // The end that could break the requirement comes first, then the one that could save it.
    let ends = |of: Measured| [of.high.unwrap_or(of.value), of.low.unwrap_or(of.value)];
    let ([worst, best], [lax_limit, strict_limit]) = (ends(measured), ends(limit));
    let ([worst, best], [lax_limit, strict_limit]) = if small {
        ([worst, best], [lax_limit, strict_limit])
    } else {
        ([best, worst], [strict_limit, lax_limit])
    };
    let state = match (
        relation.holds(best, lax_limit),
        relation.holds(worst, strict_limit),
    ) {
        (false, _) => ThresholdState::Failed,
        (true, true) => ThresholdState::Passed,
        (true, false) => ThresholdState::Undecided,
    };
    let short: Vec<Measured> = [measured, limit]
        .into_iter()
        .filter(|of| of.too_short && of.high.is_none())
        .collect();
    let what = if short.iter().any(|of| of.low.is_none()) {
        "an interval"
    } else {
        "an upper end"
    };
    (
        state,
        if short.is_empty() {
            text
        } else {
            format!("{text}; the run is too short for {what}, so the measured value was used")
        },
    )
}

/// `87.2 ms [80.1 ms, 93.0 ms]`.
fn in_words(measured: Measured, unit: Unit) -> String {
    let show = |value: f64| match unit {
        Unit::Microseconds if value.abs() >= 999_500.0 => format!("{:.2} s", value / 1e6),
        Unit::Microseconds if value.abs() >= 999.5 => format!("{:.2} ms", value / 1e3),
        Unit::Microseconds => format!("{value:.0} us"),
        // What is not all is not rounded up to it.
        Unit::Share if (0.999_95..1.0 - 1e-9).contains(&value) => "99.99 %".to_owned(),
        Unit::Share => format!("{:.2} %", value * 100.0),
        Unit::PerSecond => format!("{value:.1}/s"),
        Unit::Rows => format!("{value:.2} rows"),
    };
    let ends = match (measured.low, measured.high) {
        (Some(low), Some(high)) if low != high => format!(" [{}, {}]", show(low), show(high)),
        (Some(low), None) => format!(" [{}, unknown]", show(low)),
        _ => String::new(),
    };
    format!("{}{ends}", show(measured.value))
}

fn measure(figure: &Quantity, row: &Row<'_>) -> Option<Measured> {
    let workload = row.workload;
    let counts = &workload.requests;
    let share = |part: u64, of: u64| (of > 0).then(|| Measured::exact(part as f64 / of as f64));
    match &figure.base {
        Base::Time(time) => match figure.worst_s {
            Some(seconds) => worst(figure, *time, seconds, row),
            None => estimate(times(*time, workload)?.get(figure.quantile?)?),
        },
        Base::Area(name) => of_requests(figure, row, |at| row.parts.key(at).area.name() == name),
        Base::Part(label) => of_requests(figure, row, |at| row.parts.key(at).label == *label),
        Base::Failed => share(counts.failed, counts.due),
        Base::NotSent => share(counts.not_sent, counts.due),
        // A workload that had nothing to send has no rate.
        Base::AchievedRate | Base::Throughput if counts.due == 0 => None,
        Base::AchievedRate => {
            let scheduled = workload.rate.scheduled.or(workload.rate.target);
            scheduled
                .filter(|rate| *rate > 0.0)
                .map(|rate| Measured::exact(workload.rate.achieved / rate))
        }
        Base::Throughput => Some(Measured::exact(workload.rate.throughput)),
        Base::Matched => {
            let join = workload.join?;
            share(
                join.matched,
                join.sampled - join.not_recorded - join.not_fetched,
            )
        }
        Base::Recall => workload
            .recall
            .as_ref()
            .map(|recall| Measured::exact(recall.mean)),
        Base::RowsMean => workload
            .rows
            .as_ref()
            .map(|rows| Measured::exact(rows.mean)),
        Base::Empty => workload
            .rows
            .as_ref()
            .map(|rows| Measured::exact(rows.empty)),
    }
}

/// Why a workload has no such figure.
fn why_absent<'a>(figure: &Quantity, workload: &'a WorkloadAnalysis) -> &'a str {
    let of_spans = figure.needs_spans();
    if let Some(why) = workload.without_figures() {
        return why;
    }
    match (&figure.base, workload.join) {
        (_, None) if of_spans => "nothing was traced",
        (Base::Matched, Some(_)) => "no traced request was looked for",
        (_, Some(join)) if of_spans && join.matched == 0 => {
            "no traced request was matched with its server spans"
        }
        _ if of_spans => "it did not occur in any matched request",
        (Base::Recall, _) => workload
            .no_recall
            .as_deref()
            .unwrap_or("its recall is not known"),
        (Base::Time(_), _) if figure.worst_s.is_some() => {
            "the part is shorter than one window, or nothing succeeded in any"
        }
        (Base::Time(_), _) => "no request succeeded",
        (Base::RowsMean | Base::Empty, _) if workload.requests.ok > 0 => {
            "its replies hold no rows of a search or a query"
        }
        (Base::RowsMean | Base::Empty, _) => "no request succeeded",
        _ => "it has none",
    }
}

fn times(time: Time, workload: &WorkloadAnalysis) -> Option<&Quantiles> {
    match time {
        Time::Response => workload.response_time_us.as_ref(),
        Time::Service => workload.service_time_us.as_ref(),
        Time::SendLag => workload.send_lag_us.as_ref(),
        Time::Queue => workload.queue_time_us.as_ref(),
        Time::Server => workload.server_time_us.as_ref(),
        Time::Gap => workload.gap_us.as_ref(),
    }
}

fn estimate(found: &Estimate) -> Option<Measured> {
    let Estimate {
        value,
        low,
        high,
        at_least,
        why_not,
    } = found.clone();
    Some(Measured {
        value,
        low,
        high,
        at_least,
        too_short: why_not.is_some(),
    })
}

/// A figure of the parts that are `wanted`, over the matched requests; None where none of them
/// occurred.
fn of_requests(figure: &Quantity, row: &Row<'_>, wanted: impl Fn(u32) -> bool) -> Option<Measured> {
    let matched = || row.requests.iter().filter_map(|request| request.matched());
    if !matched().any(|account| account.parts.iter().any(|(part, _)| wanted(*part))) {
        return None;
    }
    let time = |parts: &[(u32, i64)]| {
        parts
            .iter()
            .filter(|(part, _)| wanted(*part))
            .map(|(_, ns)| *ns)
            .sum::<i64>()
    };
    let mut values: Vec<i64> = matched().map(|account| time(&account.parts)).collect();
    let value = quantiles::of_values(&mut values)?
        .get(figure.quantile?)?
        .value;
    Some(Measured {
        value,
        ..Measured::default()
    })
}

/// The worst of the windows that lie in the part one after the other; a last one that is cut is
/// left out.
fn worst(figure: &Quantity, time: Time, seconds: u32, row: &Row<'_>) -> Option<Measured> {
    let series = (row.seconds)(time.recorded()?)?;
    let of_window = |window: &[Second]| of_series(figure.quantile?, &Series::new(window.to_vec()));
    let values = series
        .seconds()
        .chunks_exact(seconds as usize)
        .filter_map(of_window);
    values.max_by(f64::total_cmp).map(Measured::exact)
}

/// The quantile, or the mean, with this key, microseconds; None where nothing ended.
fn of_series(key: &str, series: &Series) -> Option<f64> {
    match key {
        "mean" => series.mean().map(|ns| ns / 1_000.0),
        key => quantiles::QUANTILES
            .iter()
            .find(|(known, _)| *known == key)
            .and_then(|(_, q)| series.quantile(*q))
            .map(us),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::model::{Join, Rates, ReplyRows, RequestCounts};

    fn measured(low: f64, value: f64, high: f64) -> Measured {
        Measured {
            value,
            low: Some(low),
            high: Some(high),
            ..Measured::default()
        }
    }

    fn check(measured: Measured, relation: Relation, limit: f64, expected: ThresholdState) {
        let (state, words) = decide(
            measured,
            relation,
            Measured::exact(limit),
            Unit::Microseconds,
        );
        assert_eq!(
            state, expected,
            "{measured:?} {relation:?} {limit}: {words}"
        );
    }

    #[test]
    fn the_interval_decides() {
        let around = measured(90.0, 100.0, 110.0);
        check(around, Relation::Below, 120.0, ThresholdState::Passed);
        check(around, Relation::Below, 105.0, ThresholdState::Undecided);
        check(around, Relation::Below, 95.0, ThresholdState::Undecided);
        check(around, Relation::Below, 80.0, ThresholdState::Failed);
        check(around, Relation::Above, 80.0, ThresholdState::Passed);
        check(around, Relation::Above, 105.0, ThresholdState::Undecided);
        check(around, Relation::Above, 120.0, ThresholdState::Failed);
    }

    #[test]
    fn a_count_has_no_doubt() {
        check(
            Measured::exact(0.0),
            Relation::Below,
            0.0,
            ThresholdState::Failed,
        );
        check(
            Measured::exact(0.0),
            Relation::AtMost,
            0.0,
            ThresholdState::Passed,
        );
        check(
            Measured::exact(1.0),
            Relation::AtLeast,
            1.0,
            ThresholdState::Passed,
        );
    }

    #[test]
    fn without_an_interval_the_value_decides_and_says_so() {
        let short = Measured {
            value: 100.0,
            too_short: true,
            ..Measured::default()
        };
        check(short, Relation::Below, 120.0, ThresholdState::Passed);
        check(short, Relation::Below, 100.0, ThresholdState::Failed);
        let (_, words) = decide(
            short,
            Relation::Below,
            Measured::exact(120.0),
            Unit::Microseconds,
        );
        assert_eq!(
            words,
            "100 us, limit 120 us; the run is too short for an interval, so the measured value \
             was used"
        );
    }

    #[test]
    fn a_value_stands_for_an_upper_end_that_is_not_known() {
        let open = |low: f64, value: f64| Measured {
            value,
            low: Some(low),
            too_short: true,
            ..Measured::default()
        };
        let figure = open(90.0, 100.0);
        check(figure, Relation::Below, 80.0, Failed);
        check(figure, Relation::Below, 95.0, Undecided);
        check(figure, Relation::Below, 120.0, Passed);
        check(figure, Relation::Above, 85.0, Passed);
        check(figure, Relation::Above, 95.0, Undecided);
        check(figure, Relation::Above, 105.0, Failed);
        let (_, words) = decide(
            figure,
            Relation::Below,
            Measured::exact(120.0),
            Unit::Microseconds,
        );
        assert_eq!(
            words,
            "100 us [90 us, unknown], limit 120 us; the run is too short for an upper end, so the \
             measured value was used"
        );
        // Another phase that is as short.
        let against = |figure, relation, low, value| {
            decide(figure, relation, open(low, value), Unit::Microseconds).0
        };
        for figure in [figure, measured(90.0, 100.0, 100.0)] {
            let below = [(9.0, 10.0), (75.0, 80.0), (93.0, 98.0), (115.0, 120.0)]
                .map(|(low, value)| against(figure, Relation::Below, low, value));
            assert_eq!(below, [Failed, Failed, Undecided, Passed], "{figure:?}");
            let above = [(9.0, 10.0), (90.0, 95.0), (115.0, 120.0)]
                .map(|(low, value)| against(figure, Relation::Above, low, value));
            assert_eq!(above, [Passed, Undecided, Failed], "{figure:?}");
        }
    }

    #[test]
    fn a_lower_bound_fails_whatever_its_value() {
        let bound = Measured {
            value: 100.0,
            at_least: true,
            ..Measured::default()
        };
        check(bound, Relation::Below, 80.0, ThresholdState::Failed);
        check(bound, Relation::Below, 120.0, ThresholdState::Failed);
        check(bound, Relation::Above, 80.0, ThresholdState::Passed);
    }

    fn workload(phase: &str, p99: Estimate) -> WorkloadAnalysis {
        WorkloadAnalysis {
            phase: phase.to_owned(),
            workload: "search".to_owned(),
            loop_kind: "open".to_owned(),
            requests: RequestCounts {
                due: 1_000,
                ok: 998,
                failed: 2,
                ..RequestCounts::default()
            },
            rate: Rates {
                target: Some(110.0),
                scheduled: Some(100.0),
                achieved: 99.5,
                throughput: 99.3,
            },
            response_time_us: Some(Quantiles::from([("p99".to_owned(), p99)])),
            join: Some(Join {
                sampled: 10,
                matched: 9,
                missing: 1,
                ..Join::default()
            }),
            rows: Some(ReplyRows {
                replies: 998,
                mean: 9.5,
                empty: 0.04,
                short: Some(0.1),
                full: Some(10),
            }),
            ..WorkloadAnalysis::default()
        }
    }

    fn estimated(low: f64, value: f64, high: f64) -> Estimate {
        Estimate {
            value,
            low: Some(low),
            high: Some(high),
            ..Estimate::default()
        }
    }

    /// States of `require` at the phases `alone` (p99 of 10 ms) and `busy` (14 ms).
    fn states(require: &str, change: impl Fn(&mut ThresholdInfo)) -> Vec<(String, ThresholdState)> {
        let workloads = [
            workload("alone", estimated(9_500.0, 10_000.0, 10_500.0)),
            workload("busy", estimated(13_000.0, 14_000.0, 15_000.0)),
        ];
        let second = |ms: i64| Second::of_values(&[ms * 1_000_000; 50]);
        let seconds = |figure| {
            let series = [1, 1, 1, 9, 1, 1, 1].map(second);
            (figure == record::Figure::ResponseTime).then(|| Series::new(series.to_vec()))
        };
        let parts = PartTable::default();
        let rows: Vec<Row<'_>> = workloads
            .iter()
            .map(|workload| Row {
                workload,
                requests: Vec::new(),
                parts: &parts,
                seconds: &seconds,
            })
            .collect();
        let mut threshold = ThresholdInfo {
            require: require.to_owned(),
            ..ThresholdInfo::default()
        };
        change(&mut threshold);
        results(&[threshold], None, &rows)
            .into_iter()
            .map(|result| (result.at, result.state))
            .collect()
    }

    #[test]
    fn a_result_says_that_its_figure_is_a_lower_bound() {
        let at_least = |at_least| {
            let workload = workload(
                "alone",
                Estimate {
                    at_least,
                    ..estimated(9_500.0, 10_000.0, 10_500.0)
                },
            );
            let row = Row {
                workload: &workload,
                requests: Vec::new(),
                parts: &PartTable::default(),
                seconds: &|_| None,
            };
            let threshold = ThresholdInfo {
                require: "response_time.p99 < 12ms".to_owned(),
                ..ThresholdInfo::default()
            };
            results(&[threshold], None, &[row])[0].at_least
        };
        assert_eq!([at_least(false), at_least(true)], [false, true]);
    }

    fn check_states(require: &str, expected: [ThresholdState; 2]) {
        let found = states(require, |_| {});
        assert_eq!(
            found.iter().map(|(_, state)| *state).collect::<Vec<_>>(),
            expected,
            "{require}"
        );
    }

    use ThresholdState::{Failed, Passed, Undecided};

    #[test]
    fn every_row_has_its_own_result() {
        check_states("response_time.p99 < 12ms", [Passed, Failed]);
        check_states("response_time.p99 < 14.5ms", [Passed, Undecided]);
        check_states("failed <= 0.2%", [Passed, Passed]);
        check_states("failed < 0.1%", [Failed, Failed]);
        check_states("not_sent <= 0", [Passed, Passed]);
        check_states("achieved_rate > 99%", [Passed, Passed]);
        check_states("achieved_rate > 99.6%", [Failed, Failed]);
        check_states("throughput > 100", [Failed, Failed]);
        check_states("rows.mean >= 9.5", [Passed, Passed]);
        check_states("rows.mean >= 9.6 rows", [Failed, Failed]);
        check_states("empty < 5%", [Passed, Passed]);
        check_states("empty <= 1%", [Failed, Failed]);
        check_states("join.matched > 95%", [Failed, Failed]);
    }

    #[test]
    fn another_phase_is_the_limit() {
        check_states(
            "response_time.p99 < 1.6 * phase(\"alone\").response_time.p99",
            [Passed, Passed],
        );
        check_states(
            "response_time.p99 < 1.3 * phase(\"alone\").response_time.p99",
            [Passed, Undecided],
        );
        check_states(
            "response_time.p99 < 1.2 * phase(\"alone\").response_time.p99",
            [Passed, Failed],
        );
    }

    #[test]
    fn the_worst_window_counts() {
        check_states("response_time.p99.worst(\"2s\") < 5ms", [Failed, Failed]);
        check_states("response_time.p99.worst(\"3s\") < 5ms", [Failed, Failed]);
        check_states("response_time.p50.worst(\"3s\") < 5ms", [Passed, Passed]);
        // Of seven seconds only the first four make a window of four, without the last ones.
        check_states(
            "response_time.max.worst(\"8s\") < 5ms",
            [Undecided, Undecided],
        );
    }

    #[test]
    fn what_does_not_occur_is_undecided_and_failed_where_that_is_strict() {
        check_states("part(\"SegCoreSearch\").mean < 5ms", [Undecided, Undecided]);
        let strict = states("part(\"SegCoreSearch\").mean < 5ms", |threshold| {
            threshold.strict = true
        });
        assert!(
            strict.iter().all(|(_, state)| *state == Failed),
            "{strict:?}"
        );
    }

    fn check_absent(require: &str, change: impl FnOnce(&mut WorkloadAnalysis), words: &str) {
        let mut workload = workload("alone", Estimate::default());
        change(&mut workload);
        let figure = Expression::parse(require).expect(require).figure;
        assert_eq!(why_absent(&figure, &workload), words, "{require}");
    }

    #[test]
    fn what_is_absent_says_why() {
        check_absent(
            "gap.p50 < 1ms",
            |workload| workload.join = None,
            "nothing was traced",
        );
        let unmatched = |workload: &mut WorkloadAnalysis| {
            workload.join = Some(Join {
                sampled: 10,
                missing: 10,
                ..Join::default()
            })
        };
        check_absent(
            "area(\"engine\").p50 < 1ms",
            unmatched,
            "no traced request was matched with its server spans",
        );
        check_absent(
            "part(\"x\").p50 < 1ms",
            |_| {},
            "it did not occur in any matched request",
        );
        check_absent("recall.mean > 0.9", |_| {}, "its recall is not known");
        check_absent("service_time.p99 < 1ms", |_| {}, "no request succeeded");
        check_absent(
            "empty < 1%",
            |workload| workload.rows = None,
            "its replies hold no rows of a search or a query",
        );
        check_absent(
            "rows.mean > 1",
            |workload| workload.requests.ok = 0,
            "no request succeeded",
        );
        check_absent(
            "throughput > 1",
            |workload| workload.requests = RequestCounts::default(),
            "nothing was due",
        );
    }

    #[test]
    fn names_choose_the_rows() {
        let of_phase = states("failed < 1%", |threshold| {
            threshold.phase = Some("busy".to_owned())
        });
        assert_eq!(of_phase, [("busy/search".to_owned(), Passed)]);
        assert_eq!(
            states("failed < 1%", |threshold| threshold.workload =
                Some("ingest".to_owned())),
            []
        );
        assert_eq!(
            states("queue_time.p99 < 1ms", |_| {}),
            [],
            "an open loop has none"
        );
    }
}
