use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn poisson(shape: Shape, seed: u64) -> Schedule {
    Schedule {
        shape,
        spread: Spread::Poisson { seed },
        first: 0.0,
    }
}

/// The first due times of an even schedule, milliseconds.
#[track_caller]
fn check(shape: Shape, expected_ms: &[u64]) {
    let slots = Pacer::new(Schedule::even(shape), 0, 1).take(expected_ms.len());
    let found: Vec<u64> = slots.map(|slot| slot.due.as_millis() as u64).collect();
    assert_eq!(found, expected_ms, "{shape:?}");
}

#[test]
fn even_arrivals_stand_at_equal_distances_from_zero() {
    check(Shape::Constant { rate: 1000.0 }, &[0, 1, 2, 3]);
    check(Shape::Constant { rate: 0.5 }, &[0, 2_000, 4_000]);
}

#[test]
fn a_ramp_comes_closer_and_closer_and_ends() {
    check(
        Shape::Linear {
            from: 0.0,
            to: 4.0,
            over: SECOND,
        },
        &[0, 707],
    );
    check(
        Shape::Linear {
            from: 4.0,
            to: 0.0,
            over: SECOND,
        },
        &[0, 292],
    );
    let ramp = Schedule::even(Shape::Linear {
        from: 0.0,
        to: 100.0,
        over: SECOND,
    });
    assert_eq!(Pacer::new(ramp, 0, 1).count(), 50);
}

#[test]
fn a_sine_is_dense_in_its_first_half() {
    check(
        Shape::Sine {
            mean: 4.0,
            amplitude: 4.0,
            period: SECOND,
        },
        &[0, 168, 295, 442],
    );
}

#[test]
fn bursts_come_at_once() {
    check(
        Shape::Bursts {
            size: 3,
            every: SECOND,
        },
        &[0, 0, 0, 1_000, 1_000, 1_000, 2_000],
    );
    check(
        Shape::Bursts {
            size: 1,
            every: SECOND / 2,
        },
        &[0, 500, 1_000],
    );
}

#[test]
fn even_arrivals_do_not_drift() {
    let last = Pacer::new(Schedule::even(Shape::Constant { rate: 3.0 }), 0, 1)
        .nth(3_000_000)
        .map(|slot| slot.due);
    assert_eq!(last, Some(Duration::from_secs(1_000_000)));
}

#[test]
fn slots_before_an_end_do_not_include_the_end() {
    let count = |shape, ms| Schedule::even(shape).count_before(Duration::from_millis(ms));
    assert_eq!(count(Shape::Constant { rate: 500.0 }, 10_000), 5000);
    assert_eq!(count(Shape::Constant { rate: 0.1 }, 30_000), 3);
    assert_eq!(
        count(
            Shape::Linear {
                from: 0.0,
                to: 400.0,
                over: SECOND * 60
            },
            60_000
        ),
        12_000
    );
    assert_eq!(
        count(
            Shape::Linear {
                from: 0.0,
                to: 400.0,
                over: SECOND * 60
            },
            30_000
        ),
        3_000
    );
    assert_eq!(
        count(
            Shape::Sine {
                mean: 200.0,
                amplitude: 100.0,
                period: SECOND * 30
            },
            60_000
        ),
        12_000
    );
    assert_eq!(
        count(
            Shape::Bursts {
                size: 50,
                every: SECOND
            },
            5_000
        ),
        250
    );
    assert_eq!(
        count(
            Shape::Bursts {
                size: 50,
                every: SECOND
            },
            5_001
        ),
        300
    );
}

/// Distance of the gaps between `sums` from the exponential distribution with mean 1 must be below
/// the critical value of the Kolmogorov distribution at the level 0.001.
#[track_caller]
fn check_exponential(sums: &[f64]) {
    let mut gaps: Vec<f64> = std::iter::once(sums[0])
        .chain(sums.windows(2).map(|pair| pair[1] - pair[0]))
        .collect();
    gaps.sort_by(f64::total_cmp);
    let n = gaps.len() as f64;
    let distances = gaps.iter().enumerate().map(|(index, gap)| {
        let expected = 1.0 - (-gap).exp();
        (expected - index as f64 / n)
            .abs()
            .max((expected - (index + 1) as f64 / n).abs())
    });
    let distance = distances.fold(0.0, f64::max);
    assert!(
        n > 5_000.0 && distance < 1.95 / n.sqrt(),
        "distance {distance} of {n} gaps"
    );
}

#[test]
fn poisson_arrivals_pass_a_kolmogorov_smirnov_test_after_time_rescaling() {
    let shapes = [
        Shape::Constant { rate: 100.0 },
        Shape::Linear {
            from: 0.0,
            to: 400.0,
            over: SECOND * 60,
        },
        Shape::Linear {
            from: 400.0,
            to: 0.0,
            over: SECOND * 60,
        },
        Shape::Sine {
            mean: 200.0,
            amplitude: 200.0,
            period: SECOND * 30,
        },
    ];
    for (shape, seed) in shapes.into_iter().zip(7..) {
        let dues = Pacer::new(poisson(shape, seed), 0, 1).take(20_000);
        check_exponential(
            &dues
                .map(|slot| shape.integral(slot.due))
                .collect::<Vec<f64>>(),
        );
    }
}

#[test]
#[should_panic(expected = "distance")]
fn arrivals_of_a_ramp_that_are_not_rescaled_fail_the_test() {
    let ramp = Shape::Linear {
        from: 0.0,
        to: 400.0,
        over: SECOND * 60,
    };
    let dues: Vec<f64> = Pacer::new(poisson(ramp, 7), 0, 1)
        .take(20_000)
        .map(|slot| slot.due.as_secs_f64() * 200.0)
        .collect();
    check_exponential(&dues);
}

#[test]
fn a_seed_keeps_its_meaning() {
    let dues: Vec<u64> = Pacer::new(poisson(Shape::Constant { rate: 100.0 }, 42), 0, 1)
        .take(4)
        .map(|slot| slot.due.as_micros() as u64)
        .collect();
    assert_eq!(dues, SEED_42_US);
}

/// Of the first version: a change of these numbers changes every schedule that users have.
const SEED_42_US: [u64; 4] = [11_453, 41_466, 47_044, 56_915];

fn shapes() -> impl Strategy<Value = Shape> {
    let every = (1_u64..100_000).prop_map(Duration::from_millis);
    prop_oneof![
        (0.1_f64..1e6).prop_map(|rate| Shape::Constant { rate }),
        (0.0_f64..1e5, 0.1_f64..1e5, every.clone()).prop_map(|(from, to, over)| Shape::Linear {
            from,
            to,
            over
        }),
        (0.1_f64..1e5, 0.0_f64..=1e5, every.clone()).prop_map(|(from, to, over)| Shape::Linear {
            from,
            to,
            over
        }),
        (0.1_f64..1e5, 0.0_f64..=1.0, every.clone()).prop_map(|(mean, share, period)| {
            Shape::Sine {
                mean,
                amplitude: mean * share,
                period,
            }
        }),
        (1_u64..100, every).prop_map(|(size, every)| Shape::Bursts { size, every }),
    ]
}

fn schedules() -> impl Strategy<Value = Schedule> {
    let spread = prop_oneof![
        Just(Spread::Even),
        any::<u64>().prop_map(|seed| Spread::Poisson { seed })
    ];
    (shapes(), spread, 0.0_f64..1.0).prop_map(|(shape, spread, first)| Schedule {
        shape,
        spread,
        first,
    })
}

proptest! {
    #[test]
    fn shards_interleave_to_the_whole(schedule in schedules(), shards in 1_u64..9) {
        let whole: Vec<Slot> = Pacer::new(schedule, 0, 1).take(64).collect();
        let mut merged: Vec<Slot> = (0..shards)
            .flat_map(|shard| Pacer::new(schedule, shard, shards).take(64))
            .collect();
        merged.sort_by_key(|slot| slot.seq);
        merged.truncate(64);
        prop_assert_eq!(whole, merged);
    }

    #[test]
    fn a_schedule_never_goes_back(schedule in schedules()) {
        let dues: Vec<Duration> = Pacer::new(schedule, 0, 1)
            .take(500)
            .map(|slot| slot.due)
            .collect();
        prop_assert!(dues.windows(2).all(|pair| pair[0] <= pair[1]));
    }

    #[test]
    fn even_schedules_meet_their_integral(schedule in schedules(), count in 1_usize..500) {
        let even = Schedule {
            spread: Spread::Even,
            ..schedule
        };
        let is_burst = matches!(even.shape, Shape::Bursts { .. });
        if let Some(end) = Pacer::new(even, 0, 1)
            .nth(count - 1)
            .map(|slot| slot.due)
            .filter(|_| !is_burst)
        {
            let missing = even.shape.integral(end) - even.first - (count - 1) as f64;
            // Half a nanosecond of the highest rate, and what f64 leaves of 30,000 s.
            prop_assert!(missing.abs() < 2e-3, "{} requests at {:?}", missing, end);
        }
    }

    #[test]
    fn slots_are_counted_as_they_are_walked(schedule in schedules(), ms in 1_u64..200) {
        let end = Duration::from_millis(ms);
        if schedule.shape.integral(end) < 20_000.0 {
            let walked = Pacer::new(schedule, 0, 1)
                .take_while(|slot| slot.due < end)
                .count() as u64;
            prop_assert_eq!(schedule.count_before(end), walked);
        }
    }
}
