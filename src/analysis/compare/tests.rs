//! Comparisons of made analyses, and how often they are wrong.

use super::*;
use crate::analysis::{
    model::{Band, Estimate, PartMean, Quantiles},
    statistics::rng::Rng,
};

/// A run whose latencies are `scale` times the usual ones, with an engine of `engine_us` of them.
fn run(name: &str, scale: f64, engine_us: f64) -> Analysis {
    let figure = |us: f64| Estimate {
        value: us * scale,
        ..Estimate::default()
    };
    let quantiles = [
        ("p50", 1_000.0),
        ("p99", 5_000.0),
        ("mean", 1_200.0),
        ("max", 9_000.0),
    ];
    let part = |area: &str, us: f64| PartMean {
        area: area.to_owned(),
        part: area.to_owned(),
        mean_us: us,
        ..PartMean::default()
    };
    let workload = WorkloadAnalysis {
        phase: "alone".to_owned(),
        workload: "search".to_owned(),
        loop_kind: "open".to_owned(),
        response_time_us: Some(
            quantiles
                .into_iter()
                .map(|(key, us)| (key.to_owned(), figure(us)))
                .collect::<Quantiles>(),
        ),
        account: vec![Band {
            band: "all".to_owned(),
            matched: 100,
            parts: vec![part("gap", 300.0), part("engine", engine_us)],
            ..Band::default()
        }],
        ..WorkloadAnalysis::default()
    };
    let (run, status) = (name.to_owned(), "complete".to_owned());
    Analysis {
        run,
        status,
        name: "s".to_owned(),
        workloads: vec![workload],
        ..Analysis::default()
    }
}

fn side(scales: &[f64], engine_us: f64) -> Vec<Analysis> {
    scales
        .iter()
        .enumerate()
        .map(|(at, scale)| run(&format!("r{at}"), *scale, engine_us))
        .collect()
}

fn results(comparison: &Comparison) -> Vec<(&str, ComparisonResult)> {
    let figures = comparison
        .workloads
        .iter()
        .flat_map(|workload| &workload.figures);
    figures
        .filter(|figure| figure.why_not.is_none())
        .map(|figure| (figure.key.as_str(), figure.result))
        .collect()
}

#[test]
fn a_run_twice_as_slow_is_found_and_the_area_is_named() {
    let found = compare(
        &side(&[1.0, 1.02, 0.99], 500.0),
        &side(&[2.0, 2.05, 1.97], 1_700.0),
    );
    use ComparisonResult::Slower;
    assert_eq!(
        results(&found),
        [("p50", Slower), ("p99", Slower), ("mean", Slower)]
    );
    let p99 = found.workloads[0]
        .figures
        .iter()
        .find(|figure| figure.key == "p99")
        .unwrap();
    assert!(
        p99.low.unwrap() < 2.0 && 2.0 < p99.high.unwrap() && p99.smallest.unwrap() < 1.2,
        "{p99:?}"
    );
    assert_eq!(
        found.workloads[0].sentence.as_deref(),
        Some("mean of the traced requests +1.2 ms, of which engine +1.2 ms")
    );
    assert_eq!(
        results(&compare(
            &side(&[2.0, 2.05, 1.97], 1.0),
            &side(&[1.0, 1.02, 0.99], 1.0)
        ))[0]
            .1,
        ComparisonResult::Faster
    );
}

/// Runs whose typical requests have `engine_us`, and whose slow ones wait by chance: p50 with p99
/// and mean.
fn spread(engine_us: f64, waits_us: [f64; 3]) -> Vec<Analysis> {
    let of = |(at, wait_us): (usize, f64)| {
        let mut run = run(&format!("r{at}"), 1.0, engine_us);
        let workload = &mut run.workloads[0];
        let band = |band: &str, matched: u64, area: &str, mean_us: f64| {
            let part = |area: &str, mean_us: f64| PartMean {
                area: area.to_owned(),
                mean_us,
                ..PartMean::default()
            };
            Band {
                band: band.to_owned(),
                matched,
                parts: vec![part("gap", 300.0), part(area, mean_us)],
                ..Band::default()
            }
        };
        workload.account.push(band("0-50", 50, "engine", engine_us));
        workload
            .account
            .push(band("50-90", 40, "engine", engine_us));
        workload
            .account
            .push(band("90-100", 10, "node queue", wait_us));
        let quantiles = workload.response_time_us.as_mut().unwrap();
        quantiles.get_mut("p50").unwrap().value = (300.0 + engine_us) * (1.0 + 0.01 * at as f64);
        quantiles.get_mut("p99").unwrap().value = wait_us;
        quantiles.get_mut("mean").unwrap().value = engine_us + 0.1 * wait_us;
        run
    };
    waits_us.into_iter().enumerate().map(of).collect()
}

#[test]
fn the_area_is_that_of_the_requests_that_got_slower() {
    use ComparisonResult::{NoDifferenceShown, Slower};
    let found = compare(
        &spread(500.0, [90_000.0, 5_000.0, 20_000.0]),
        &spread(1_000.0, [300_000.0, 9_000.0, 30_000.0]),
    );
    assert_eq!(
        results(&found),
        [
            ("p50", Slower),
            ("p99", NoDifferenceShown),
            ("mean", NoDifferenceShown)
        ]
    );
    let expected = "mean of the traced requests up to p90 +500 us, of which engine +500 us";
    assert_eq!(found.workloads[0].sentence.as_deref(), Some(expected));
    // The mean by chance, too.
    let tails = |waits_us: [f64; 3]| {
        let mut runs = spread(500.0, waits_us);
        runs.iter_mut()
            .zip([1e3, 5e3, 2e3])
            .for_each(|(run, mean)| {
                run.workloads[0]
                    .response_time_us
                    .as_mut()
                    .unwrap()
                    .get_mut("mean")
                    .unwrap()
                    .value = mean;
            });
        runs
    };
    let found = compare(
        &tails([50_000.0, 51_000.0, 52_000.0]),
        &tails([90_000.0, 91_000.0, 89_000.0]),
    );
    let expected = "mean of the traced requests above p90 +39.0 ms, of which node queue +39.0 ms";
    assert_eq!(found.workloads[0].sentence.as_deref(), Some(expected));
}

/// The same runs as the rounds of one `--repeat`, in any order.
fn rounds(side: Vec<Analysis>, numbers: &[u32]) -> Vec<Analysis> {
    let plan = vec![("seed".to_owned(), "42".to_owned())];
    side.into_iter()
        .zip(numbers)
        .map(|(run, round)| Analysis {
            round: Some(*round),
            plan: plan.clone(),
            ..run
        })
        .collect()
}

#[test]
fn round_is_compared_with_round() {
    use ComparisonResult::{NoDifferenceShown, Slower};
    // The draws differ by far more than the sides do.
    let (before, after) = (
        side(&[1.0, 2.0, 4.0], 500.0),
        side(&[4.4, 1.1, 2.21], 500.0),
    );
    let found = compare(
        &rounds(before.clone(), &[1, 2, 3]),
        &rounds(after.clone(), &[3, 1, 2]),
    );
    assert!(
        found.workloads[0].paired && results(&found).iter().all(|(_, result)| *result == Slower),
        "{found:#?}"
    );
    let p50 = &found.workloads[0].figures[0];
    assert!(
        (p50.ratio - 1.1).abs() < 0.01 && p50.low.unwrap() > 1.05 && p50.high.unwrap() < 1.15,
        "{p50:?}"
    );
    let unpaired = |before: Vec<Analysis>, after: Vec<Analysis>| {
        let found = compare(&before, &after);
        assert!(
            !found.workloads[0].paired
                && results(&found)
                    .iter()
                    .all(|(_, result)| *result == NoDifferenceShown),
            "{found:#?}"
        );
    };
    unpaired(before.clone(), after.clone());
    unpaired(
        rounds(before.clone(), &[1, 2, 3]),
        rounds(after.clone(), &[1, 2, 4]),
    );
    unpaired(
        rounds(before.clone(), &[1, 1, 1]),
        rounds(after.clone(), &[1, 1, 1]),
    );
    let mut other_seed = rounds(after.clone(), &[3, 1, 2]);
    other_seed
        .iter_mut()
        .for_each(|run| run.plan[0].1 = "43".to_owned());
    unpaired(rounds(before.clone(), &[1, 2, 3]), other_seed);
    // A workload that one of the runs lacks: the rounds of the others are not shifted.
    let mut lacking = rounds(after, &[3, 1, 2]);
    lacking[1].workloads.clear();
    assert!(!compare(&rounds(before, &[1, 2, 3]), &lacking).workloads[0].paired);
}

#[test]
fn rounds_in_common_are_compared_where_others_are_missing() {
    // Rounds 2 and 4 were left out of one side each, and round 6 was never run on one of them.
    let mut before = rounds(side(&[1.0, 2.0, 4.0, 0.5, 3.0], 500.0), &[1, 2, 3, 4, 5]);
    let mut after = rounds(
        side(&[3.3, 90.0, 4.42, 1.1, 90.0, 0.5], 500.0),
        &[5, 2, 3, 1, 6, 4],
    );
    (after[1].status, before[3].verdict.state) = ("interrupted".to_owned(), VerdictState::Invalid);
    let found = compare(&before, &after);
    assert!(
        found.workloads[0].paired
            && results(&found)
                .iter()
                .all(|(_, result)| *result == ComparisonResult::Slower),
        "{found:#?}"
    );
    assert!(
        (found.workloads[0].figures[0].ratio - 1.1).abs() < 0.01,
        "{:?}",
        found.workloads[0].figures[0]
    );
    let sides =
        [&found.baseline, &found.run].map(|side| (side.compared(), side.unpaired.join(" ")));
    assert_eq!(sides, [(3, "r1".to_owned()), (3, "r4 r5".to_owned())]);
    assert!(found.notes.is_empty(), "{:?}", found.notes);
    // Fewer than three in common: all of them, without pairs.
    after[2].status = "killed".to_owned();
    let found = compare(&before, &after);
    assert!(!found.workloads[0].paired && found.baseline.unpaired.is_empty());
    assert_eq!((found.baseline.compared(), found.run.compared()), (4, 4));
}

#[test]
fn a_round_that_lacks_a_workload_costs_that_workload_the_round() {
    let before = rounds(side(&[1.0, 2.0, 4.0, 3.0], 500.0), &[1, 2, 3, 4]);
    let mut after = rounds(side(&[1.1, 2.21, 4.4, 3.3], 500.0), &[1, 2, 3, 4]);
    let mut other = after[0].workloads[0].clone();
    other.workload = "ingest".to_owned();
    after[1].workloads = vec![other];
    let found = compare(&before, &after);
    assert!(
        found.workloads[0].paired
            && results(&found)
                .iter()
                .all(|(_, result)| *result == ComparisonResult::Slower),
        "{found:#?}"
    );
    assert_eq!(
        found.notes,
        ["alone/search: round 2 of one side only, excluded from its figures"]
    );
    assert_eq!(found.baseline.compared(), 4);
}

#[test]
fn a_difference_within_the_spread_is_not_shown() {
    let found = compare(
        &side(&[1.0, 1.3, 0.8], 500.0),
        &side(&[1.2, 0.9, 1.5], 500.0),
    );
    assert!(
        results(&found)
            .iter()
            .all(|(_, result)| *result == ComparisonResult::NoDifferenceShown),
        "{found:#?}"
    );
    assert!(
        found.workloads[0].figures[0].smallest.unwrap() > 1.5
            && found.workloads[0].sentence.is_none()
    );
}

#[test]
fn fewer_than_three_runs_are_never_slower() {
    let found = compare(&side(&[1.0], 500.0), &side(&[3.0, 3.1, 3.2], 500.0));
    assert!(
        results(&found)
            .iter()
            .all(|(_, result)| *result == ComparisonResult::NotTested),
        "{found:#?}"
    );
    let with_ends = |scale: f64| {
        let mut run = run("r", scale, 1.0);
        let quantiles = run.workloads[0].response_time_us.as_mut().unwrap();
        quantiles.values_mut().for_each(|estimate| {
            (estimate.low, estimate.high) = (Some(estimate.value * 0.9), Some(estimate.value * 1.1))
        });
        run
    };
    let apart = compare(&[with_ends(1.0)], &[with_ends(3.0)]);
    assert_eq!(
        results(&apart)[0].1,
        ComparisonResult::DiffersWithinTheseRuns
    );
    let near = compare(&[with_ends(1.0)], &[with_ends(1.1)]);
    assert_eq!(results(&near)[0].1, ComparisonResult::NoDifferenceShown);
    let without_upper_end = |scale: f64| {
        let mut run = with_ends(scale);
        run.workloads[0]
            .response_time_us
            .as_mut()
            .unwrap()
            .values_mut()
            .for_each(|estimate| estimate.high = None);
        run
    };
    let slower = compare(&[with_ends(1.0)], &[without_upper_end(3.0)]);
    assert_eq!(
        results(&slower)[0].1,
        ComparisonResult::DiffersWithinTheseRuns,
        "it is not needed"
    );
    let near = compare(&[with_ends(1.0)], &[without_upper_end(1.05)]);
    assert_eq!(
        results(&near)[0].1,
        ComparisonResult::NoDifferenceShown,
        "nor here: it is at least the value"
    );
    let unknown = compare(&[without_upper_end(1.0)], &[without_upper_end(3.0)]);
    assert_eq!(results(&unknown)[0].1, ComparisonResult::NotTested);
}

#[test]
fn the_spread_within_runs_is_known_from_lower_ends_too() {
    let smallest = |ends: fn(f64) -> (Option<f64>, Option<f64>)| {
        let mut runs = side(&[1.0, 1.001, 0.999], 500.0);
        for estimate in runs.iter_mut().flat_map(|run| {
            run.workloads[0]
                .response_time_us
                .as_mut()
                .unwrap()
                .values_mut()
        }) {
            (estimate.low, estimate.high) = ends(estimate.value);
        }
        compare(&runs, &runs).workloads[0].figures[0]
            .smallest
            .unwrap()
    };
    let [none, low, both] = [
        smallest(|_| (None, None)),
        smallest(|value| (Some(value / 1.2), None)),
        smallest(|value| (Some(value / 1.2), Some(value * 1.2))),
    ];
    assert!(
        none < low && (low - both).abs() < 1e-9,
        "{none} {low} {both}"
    );
}

#[test]
fn what_can_t_be_compared_says_why() {
    let mut bound = side(&[1.0, 1.0, 1.0], 1.0);
    bound[0].workloads[0]
        .response_time_us
        .as_mut()
        .unwrap()
        .get_mut("p99")
        .unwrap()
        .at_least = true;
    let found = compare(&bound, &side(&[1.0, 1.0, 1.0], 1.0));
    let why = |key: &str| {
        found.workloads[0]
            .figures
            .iter()
            .find(|figure| figure.key == key)
            .unwrap()
            .why_not
            .clone()
    };
    assert_eq!(
        (
            why("p50"),
            why("p99").unwrap().contains("lower bound"),
            why("p90").is_some()
        ),
        (None, true, true)
    );
    let mut invalid = side(&[1.0, 1.0, 9.0], 1.0);
    invalid[2].verdict.state = VerdictState::Invalid;
    let found = compare(&invalid, &side(&[1.0], 1.0));
    assert_eq!(
        (found.baseline.invalid.as_slice(), found.baseline.runs.len()),
        (["r2".to_owned()].as_slice(), 3)
    );
    let mut other = side(&[1.0], 1.0);
    other[0].workloads[0].workload = "ingest".to_owned();
    let found = compare(&side(&[1.0], 1.0), &other);
    assert_eq!(
        found.left_out,
        [
            "alone/search is in the baseline only",
            "alone/ingest is in the compared runs only"
        ]
    );
}

#[test]
fn curves_are_of_the_latency_that_the_figures_are_of() {
    let with = |kind: &str, names: &[&str]| {
        let mut runs = side(&[1.0], 1.0);
        runs[0].workloads[0].loop_kind = kind.to_owned();
        runs[0].workloads[0].curves = names
            .iter()
            .map(|name| {
                (
                    (*name).to_owned(),
                    vec![(50.0, if *name == "response_time" { 9.0 } else { 3.0 })],
                )
            })
            .collect();
        runs
    };
    let shown = |baseline: &[Analysis], run: &[Analysis]| -> Vec<(bool, f64)> {
        compare(baseline, run).workloads[0]
            .curves
            .iter()
            .map(|curve| (curve.is_baseline, curve.points[0].1))
            .collect()
    };
    let (open, closed) = (
        with("open", &["response_time", "service_time"]),
        with("closed", &["service_time"]),
    );
    assert_eq!(shown(&open, &open), [(true, 9.0), (false, 9.0)]);
    assert_eq!(shown(&closed, &closed), [(true, 3.0), (false, 3.0)]);
    // A response time beside a service time would be no comparison.
    assert_eq!(shown(&open, &closed), [(true, 3.0), (false, 3.0)]);
}

#[test]
fn what_differs_besides_the_result_is_listed() {
    let with = |ef: &str| {
        let mut runs = side(&[1.0, 1.0], 1.0);
        runs.iter_mut().for_each(|run| {
            run.plan = vec![
                ("seed".to_owned(), "42".to_owned()),
                ("ef".to_owned(), ef.to_owned()),
            ]
        });
        runs
    };
    let mut mixed = with("64");
    mixed[1].environment = vec![("machine".to_owned(), "2 cores".to_owned())];
    let found = compare(&mixed, &with("512")).differences;
    let text = |values: &[String]| values.join(" ");
    let found: Vec<_> = found
        .iter()
        .map(|found| (found.what.as_str(), text(&found.baseline), text(&found.run)))
        .collect();
    assert_eq!(
        found,
        [
            ("ef", "64".into(), "512".into()),
            ("machine", "- 2 cores".into(), "-".into())
        ]
    );
}

/// Share of comparisons of three runs against three that report any difference, where one side is
/// `factor` times as slow and runs spread by `deviation` of the logarithm; every figure of a run
/// has a spread of its own beside the run's.
fn reported(factor: f64, deviation: f64) -> f64 {
    const COMPARISONS: u64 = 400;
    let wrong = (0..COMPARISONS).filter(|seed| {
        let mut rng = Rng::new(seed * 6_151 + 17);
        let mut normal = || (0..12).map(|_| rng.unit()).sum::<f64>() - 6.0;
        let mut side = |factor: f64| -> Vec<Analysis> {
            (0..3)
                .map(|_| {
                    let mut run = run("r", factor * (deviation * normal()).exp(), 1.0);
                    let quantiles = run.workloads[0].response_time_us.as_mut().unwrap();
                    quantiles
                        .values_mut()
                        .for_each(|estimate| estimate.value *= (0.3 * deviation * normal()).exp());
                    run
                })
                .collect()
        };
        let (baseline, run) = (side(1.0), side(factor));
        let found = compare(&baseline, &run);
        results(&found).iter().any(|(_, result)| {
            matches!(result, ComparisonResult::Slower | ComparisonResult::Faster)
        })
    });
    wrong.count() as f64 / COMPARISONS as f64
}

/// The same of three rounds against the same three, whose draws spread by `draw`, the same on both
/// sides.
fn reported_in_rounds(factor: f64, draw: f64, deviation: f64) -> f64 {
    const COMPARISONS: u64 = 400;
    let found = (0..COMPARISONS).filter(|seed| {
        let mut rng = Rng::new(seed * 7_919 + 5);
        let mut normal = || (0..12).map(|_| rng.unit()).sum::<f64>() - 6.0;
        let draws: Vec<f64> = (0..3).map(|_| draw * normal()).collect();
        let mut side = |factor: f64| -> Vec<Analysis> {
            let runs = draws
                .iter()
                .map(|draw| run("r", factor * (draw + deviation * normal()).exp(), 1.0))
                .collect();
            rounds(runs, &[1, 2, 3])
        };
        let (baseline, run) = (side(1.0), side(factor));
        results(&compare(&baseline, &run))
            .iter()
            .any(|(_, result)| {
                matches!(result, ComparisonResult::Slower | ComparisonResult::Faster)
            })
    });
    found.count() as f64 / COMPARISONS as f64
}

#[test]
fn equal_rounds_are_rarely_called_different_and_what_the_draw_does_hides_nothing() {
    // Two of twenty are allowed, as without pairs.
    for (draw, deviation) in [(0.0, 0.05), (0.5, 0.05), (0.5, 0.3)] {
        let found = reported_in_rounds(1.0, draw, deviation);
        assert!(found <= 0.06, "{draw} {deviation}: {found}");
    }
    // Without pairs nothing at all of this would be found.
    let found = reported_in_rounds(1.5, 0.5, 0.02);
    assert!(found >= 0.9, "{found}");
}

#[test]
fn equal_sides_are_rarely_called_different() {
    // Two of twenty are allowed.
    assert!(reported(1.0, 0.05) <= 0.06, "{}", reported(1.0, 0.05));
    assert!(reported(1.0, 0.3) <= 0.06, "{}", reported(1.0, 0.3));
}

#[test]
fn a_difference_well_beyond_the_spread_is_mostly_found() {
    assert!(reported(1.5, 0.05) >= 0.9, "{}", reported(1.5, 0.05));
    assert!(reported(3.0, 0.1) >= 0.95, "{}", reported(3.0, 0.1));
}

#[test]
fn a_run_that_is_not_complete_is_no_repetition_and_is_named() {
    let mut before = side(&[1.0, 1.02, 0.99, 40.0], 500.0);
    for status in ["interrupted", "aborted", "failed", "killed", "running"] {
        before[3].status = status.to_owned();
        before[3].plan = vec![("seed".to_owned(), "other".to_owned())];
        let found = compare(&before, &side(&[1.01, 1.0, 0.98], 500.0));
        assert_eq!(
            results(&found)[0],
            ("p50", ComparisonResult::NoDifferenceShown),
            "{status}"
        );
        let left_out = IncompleteRun {
            run: "r3".to_owned(),
            status: status.to_owned(),
        };
        assert_eq!(
            (found.baseline.compared(), &found.baseline.incomplete[..]),
            (3, &[left_out][..])
        );
        assert!(
            found.differences.is_empty(),
            "what is left out differs from nothing: {:?}",
            found.differences
        );
    }
    // An invalid one that is not complete is left out once.
    before[3].verdict.state = VerdictState::Invalid;
    before[2].verdict.state = VerdictState::Invalid;
    let found = compare(&before, &side(&[1.0], 500.0));
    assert_eq!(
        (
            found.baseline.compared(),
            found.baseline.invalid,
            found.baseline.incomplete.len()
        ),
        (2, vec!["r2".to_owned()], 1)
    );
}

/// Closed loops of `vectors` query vectors a request, which are answered in a time of 1 and half a
/// time each.
fn callers(vectors: u64, throughput: f64) -> Vec<Analysis> {
    let mut runs = side(
        &[1.0, 1.01, 0.99].map(|scale| scale * (1.0 + vectors as f64) / 2.0),
        500.0,
    );
    for (at, run) in runs.iter_mut().enumerate() {
        let workload = &mut run.workloads[0];
        workload.loop_kind = "closed".to_owned();
        workload.service_time_us = workload.response_time_us.take();
        workload.rate.throughput = throughput * (1.0 + 0.01 * at as f64);
        workload.vectors = (vectors > 1).then_some(vectors);
    }
    runs
}

#[test]
fn requests_of_several_vectors_are_compared_by_vectors_per_second() {
    // A fifth of the requests, and twice the vectors.
    let found = compare(&callers(1, 1_000.0), &callers(10, 200.0));
    let figures = &found.workloads[0].figures;
    let vectors = figures
        .iter()
        .find(|figure| figure.figure == "vectors")
        .expect("vectors per second");
    assert!(
        (vectors.ratio - 2.0).abs() < 1e-6 && vectors.result == ComparisonResult::Faster,
        "{vectors:?}"
    );
    assert!(figures.iter().all(|figure| figure.figure != "throughput"));
    let times = figures
        .iter()
        .filter(|figure| figure.figure == "service_time" && figure.why_not.is_none());
    assert!(
        times.clone().count() > 2
            && times
                .clone()
                .all(|figure| figure.result == ComparisonResult::NotTested),
        "{figures:?}"
    );
    assert!(
        found.notes[0].starts_with(
            "alone/search: a request holds 1 query vectors in the baseline and 10 in the run"
        ),
        "{:?}",
        found.notes
    );
    let same = compare(&callers(10, 200.0), &callers(10, 200.0));
    assert_eq!(
        (same.notes.len(), results(&same)[0].1),
        (0, ComparisonResult::NoDifferenceShown)
    );
    let one = compare(&callers(1, 200.0), &callers(1, 400.0));
    assert!(
        one.workloads[0].figures.iter().any(
            |figure| figure.figure == "throughput" && figure.result == ComparisonResult::Faster
        )
    );
}

#[test]
fn a_recall_that_falls_is_lower_and_not_slower() {
    let with = |recall: f64| {
        let mut runs = side(&[1.0, 1.02, 0.99], 500.0);
        runs.iter_mut().for_each(|run| {
            run.workloads[0].recall = Some(crate::analysis::model::Recall {
                mean: recall,
                min: 0.0,
                requests: 9,
            })
        });
        runs
    };
    let result = |before: Vec<Analysis>, after: Vec<Analysis>| {
        let found = compare(&before, &after);
        let figure = found.workloads[0]
            .figures
            .iter()
            .find(|figure| figure.figure == "recall")
            .cloned();
        figure.map(|figure| (figure.result, figure.why_not.is_some()))
    };
    use ComparisonResult::{Higher, Lower, NoDifferenceShown, NotTested};
    assert_eq!(result(with(0.95), with(0.9)), Some((Lower, false)));
    assert_eq!(result(with(0.9), with(0.95)), Some((Higher, false)));
    assert_eq!(
        result(with(0.95), with(0.95)),
        Some((NoDifferenceShown, false))
    );
    let without = || side(&[1.0, 1.02, 0.99], 500.0);
    assert_eq!(result(with(0.95), without()), Some((NotTested, true)));
    assert_eq!(result(without(), without()), None);
}

#[test]
fn how_busy_the_machine_was_is_no_setting() {
    let with = |name: &str, cpu: &str, threads: &str| {
        let environment = [("cpu", cpu), ("load threads", threads)]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .to_vec();
        Analysis {
            environment,
            ..run(name, 1.0, 500.0)
        }
    };
    let found = compare(
        &[with("a", "of 2 cores client 0.1", "1")],
        &[with("b", "of 2 cores client 0.2", "2")],
    );
    assert_eq!(
        found
            .differences
            .iter()
            .map(|found| found.what.as_str())
            .collect::<Vec<_>>(),
        ["load threads"]
    );
}
