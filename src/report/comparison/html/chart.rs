//! Where the marks of the page's charts stand: in the units of their view boxes, or in per cent of
//! a width that only the browser knows.

use crate::{
    analysis::compare::{AreaComparison, FigureComparison, RunCurve},
    report::{clean, units::duration},
};

/// The curves of all runs of a workload on one axis of percentiles.
#[derive(Debug)]
pub(super) struct Curves {
    /// One line per run: class of its side, name of the run, `x,y x,y ...` within [`WIDTH`] and
    /// [`HEIGHT`].
    pub(super) lines: Vec<(&'static str, String, String)>,
    /// Place in per cent of the width, and label.
    pub(super) percentiles: Vec<(String, &'static str)>,
    /// Place in pixels from the top, and label.
    pub(super) latencies: Vec<(String, String)>,
}

/// A ratio with its interval on an axis from `1 / end` to `end`, whose middle is 1.
#[derive(Debug)]
pub(super) struct Whisker {
    pub(super) at: String,
    /// None with fewer than three runs on a side.
    pub(super) interval: Option<(String, String)>,
}

/// Mean time of an area on both sides.
#[derive(Debug)]
pub(super) struct Bars {
    pub(super) area: String,
    pub(super) baseline: (String, String),
    pub(super) run: (String, String),
    pub(super) grown: String,
}

/// Width of the view box of the curves, which is stretched to the page's: their words, which are
/// not, stand beside it.
pub(super) const WIDTH: f64 = 1_000.0;
/// Height of the curves, in pixels and in the view box.
pub(super) const HEIGHT: f64 = 260.0;
/// Decades of the axis: to p99.99.
const DECADES: f64 = 4.0;
/// Shares of the requests that get a line.
const PERCENTILES: [(f64, &str); 5] = [
    (50.0, "p50"),
    (90.0, "p90"),
    (99.0, "p99"),
    (99.9, "p99.9"),
    (99.99, "p99.99"),
];
/// Width of the axis of ratios.
const WHISKER: f64 = 180.0;
/// Width of the longest bar.
const BAR: f64 = 400.0;
/// Smallest end of the axis of ratios.
const LEAST_END: f64 = 1.1;

/// The curves; None where no run has one.
pub(super) fn curves(runs: &[RunCurve]) -> Option<Curves> {
    let values = || {
        runs.iter()
            .flat_map(|run| &run.points)
            .map(|(_, us)| *us)
            .filter(|us| *us > 0.0)
    };
    let (least, most) = (
        values().min_by(f64::total_cmp)?,
        values().max_by(f64::total_cmp)?,
    );
    // A little room, so that a flat curve has a scale as well.
    let (low, high) = ((least * 0.9).log10(), (most * 1.1).log10());
    let end = runs
        .iter()
        .flat_map(|run| run.points.last())
        .map(|(percentile, _)| decades(*percentile))
        .fold(1.0, f64::max);
    let x = |percentile: f64| decades(percentile) / end;
    let y = |us: f64| HEIGHT * (1.0 - (us.log10() - low) / (high - low));
    let line = |run: &RunCurve| {
        let points = run
            .points
            .iter()
            .filter(|(_, us)| *us > 0.0)
            .map(|(percentile, us)| format!("{:.1},{:.1}", WIDTH * x(*percentile), y(*us)));
        (
            if run.is_baseline { "baseline" } else { "run" },
            clean(&run.run),
            points.collect::<Vec<_>>().join(" "),
        )
    };
    Some(Curves {
        lines: runs.iter().map(line).collect(),
        percentiles: PERCENTILES
            .into_iter()
            .filter(|(at, _)| decades(*at) <= end + 1e-9)
            .map(|(at, label)| (format!("{:.2}", 100.0 * x(at)), label))
            .collect(),
        latencies: steps(low, high)
            .into_iter()
            .map(|us| (format!("{:.1}", y(us)), duration(us)))
            .collect(),
    })
}

/// Decades from p0: p90 is 1, p99 is 2.
fn decades(percentile: f64) -> f64 {
    // The logarithm of the inverse, since the negative one of 1 would be -0.
    (1.0 / (1.0 - percentile / 100.0).max(1e-12))
        .log10()
        .min(DECADES)
}

/// 1, 2 and 5 of each decade between two powers of ten; fewer where there would be more than eight.
fn steps(low: f64, high: f64) -> Vec<f64> {
    let of = |digits: &[f64]| -> Vec<f64> {
        let powers = low.floor() as i32..=high.ceil() as i32;
        let all =
            powers.flat_map(|power| digits.iter().map(move |digit| digit * 10f64.powi(power)));
        all.filter(|step| (low..=high).contains(&step.log10()))
            .collect()
    };
    let all = of(&[1.0, 2.0, 5.0]);
    if all.len() <= 8 { all } else { of(&[1.0]) }
}

/// Where the axis of ratios ends: all ratios and intervals are within.
pub(super) fn widest<'a>(figures: impl Iterator<Item = &'a FigureComparison>) -> f64 {
    let ends = figures
        .flat_map(|figure| [Some(figure.ratio), figure.low, figure.high])
        .flatten()
        .filter(|ratio| *ratio > 0.0);
    ends.map(|ratio| ratio.max(1.0 / ratio))
        .filter(|ratio| ratio.is_finite())
        .fold(LEAST_END, f64::max)
}

pub(super) fn whisker(figure: &FigureComparison, end: f64) -> Whisker {
    let x = |ratio: f64| {
        let place = WHISKER / 2.0 * (1.0 + ratio.max(f64::MIN_POSITIVE).ln() / end.ln());
        format!("{:.1}", place.clamp(0.0, WHISKER))
    };
    Whisker {
        at: x(figure.ratio),
        interval: figure
            .low
            .zip(figure.high)
            .map(|(low, high)| (x(low), x(high))),
    }
}

/// The areas with anything to see, as long as their times.
pub(super) fn bars(areas: &[AreaComparison]) -> Vec<Bars> {
    let longest = areas
        .iter()
        .map(|area| area.baseline_us.max(area.run_us))
        .fold(0.0, f64::max);
    let bar = |us: f64| (format!("{:.1}", BAR * us.max(0.0) / longest), duration(us));
    let of = |area: &AreaComparison| {
        let grown = area.run_us - area.baseline_us;
        Bars {
            area: clean(&area.area),
            baseline: bar(area.baseline_us),
            run: bar(area.run_us),
            grown: format!(
                "{}{}",
                if grown < 0.0 { "-" } else { "+" },
                duration(grown.abs())
            ),
        }
    };
    if longest > 0.0 {
        areas.iter().map(of).collect()
    } else {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_decades_of_what_is_above_them() {
        let found: Vec<f64> = [0.0, 90.0, 99.0, 99.9, 100.0]
            .map(|at| (decades(at) * 1e6).round() / 1e6)
            .into();
        assert_eq!(found, [0.0, 1.0, 2.0, 3.0, 4.0]);
    }

    #[test]
    fn curves_lie_within_their_axes() {
        let run = |is_baseline, points: &[(f64, f64)]| RunCurve {
            is_baseline,
            run: "r".to_owned(),
            points: points.to_vec(),
        };
        let found = curves(&[
            run(true, &[(0.0, 100.0), (90.0, 200.0), (99.0, 400.0)]),
            run(false, &[(0.0, 90.0), (99.0, 4_000.0)]),
        ])
        .expect("curves");
        assert_eq!(
            found
                .lines
                .iter()
                .map(|(class, ..)| *class)
                .collect::<Vec<_>>(),
            ["baseline", "run"]
        );
        assert!(
            found.lines[0].2.starts_with("0.0,")
                && found.lines[0].2.contains(" 500.0,")
                && found.lines[0].2.contains(" 1000.0,"),
            "{found:?}"
        );
        let percentiles: Vec<_> = found
            .percentiles
            .iter()
            .map(|(at, label)| (at.as_str(), *label))
            .collect();
        assert_eq!(
            percentiles,
            [("15.05", "p50"), ("50.00", "p90"), ("100.00", "p99")]
        );
        assert_eq!(
            found
                .latencies
                .iter()
                .map(|(_, label)| label.as_str())
                .collect::<Vec<_>>(),
            ["100 us", "200 us", "500 us", "1.00 ms", "2.00 ms"]
        );
        let within = |number: &str, end: f64| {
            (0.0..=end).contains(&number.parse::<f64>().expect("a number"))
        };
        let points = || {
            found
                .lines
                .iter()
                .flat_map(|(_, _, points)| points.split(' '))
                .filter_map(|point| point.split_once(','))
        };
        assert!(
            points().count() == 5 && points().all(|(x, y)| within(x, WIDTH) && within(y, HEIGHT)),
            "{found:?}"
        );
        assert!(
            found.latencies.iter().all(|(at, _)| within(at, HEIGHT)),
            "{found:?}"
        );
        assert!(curves(&[]).is_none() && curves(&[run(true, &[(0.0, 0.0)])]).is_none());
    }

    #[test]
    fn ratios_lie_around_one() {
        let figure = |ratio: f64, low, high| FigureComparison {
            ratio,
            low,
            high,
            ..FigureComparison::default()
        };
        let slow = figure(2.0, Some(1.0), Some(4.0));
        assert_eq!(widest([&slow].into_iter()), 4.0);
        let found = whisker(&slow, 4.0);
        assert_eq!(
            (
                found.at.as_str(),
                found
                    .interval
                    .as_ref()
                    .map(|(low, high)| (low.as_str(), high.as_str()))
            ),
            ("135.0", Some(("90.0", "180.0")))
        );
        // Nothing that was measured leaves the axis, or the page.
        assert_eq!(whisker(&figure(0.0, None, None), 1.1).at, "0.0");
    }

    #[test]
    fn bars_are_as_long_as_their_times() {
        let area = |baseline_us, run_us| AreaComparison {
            area: "engine".to_owned(),
            baseline_us,
            run_us,
        };
        let found = bars(&[area(1_000.0, 2_000.0), area(500.0, 0.0)]);
        assert_eq!(
            (
                found[0].baseline.0.as_str(),
                found[0].run.0.as_str(),
                found[0].grown.as_str()
            ),
            ("200.0", "400.0", "+1.00 ms")
        );
        assert_eq!(
            (found[1].baseline.0.as_str(), found[1].grown.as_str()),
            ("100.0", "-500 us")
        );
        assert!(bars(&[area(0.0, 0.0)]).is_empty());
    }
}
