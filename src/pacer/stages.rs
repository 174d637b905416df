//! Stages one after the other as one schedule: what a stage leaves over of a request begins the
//! next one.
//!
//! With S_i = Λ_1(D_1) + ... + Λ_i(D_i), scheduled request k of the whole is due where the integral
//! reaches k. Stage i + 1 therefore has `first = k - S_i` for the first scheduled request k that is
//! not before its beginning, and the stages together hold ⌈S_n⌉ scheduled requests, however short
//! each of them is. Poisson arrivals have no memory: there every stage begins anew.

use std::time::Duration;

use super::{Schedule, Shape, Spread};

/// What is smaller than this share of a request is a rounding of binary numbers.
const ROUNDING: f64 = 1e-6;

/// One stage of even arrivals within all of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StageSlots {
    /// [`Schedule::first`] of the stage.
    pub first: f64,
    /// Scheduled requests of the stage.
    pub slots: u64,
}

/// Where each stage of even arrivals begins, and how many scheduled requests it has.
#[must_use]
pub fn stages(all: &[(Shape, Duration)]) -> Vec<StageSlots> {
    let mut first = 0.0;
    let each = all.iter().map(|(shape, duration)| {
        let stage = StageSlots {
            first,
            slots: Schedule {
                shape: *shape,
                spread: Spread::Even,
                first,
            }
            .count_before(*duration),
        };
        let left = first + stage.slots as f64 - shape.integral(*duration);
        first = if left < ROUNDING { 0.0 } else { left };
        stage
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pacer::Pacer;

    fn ramp(from: f64, to: f64, ms: u64) -> (Shape, Duration) {
        let over = Duration::from_millis(ms);
        (Shape::Linear { from, to, over }, over)
    }

    fn level(rate: f64, ms: u64) -> (Shape, Duration) {
        (Shape::Constant { rate }, Duration::from_millis(ms))
    }

    #[track_caller]
    fn check(all: &[(Shape, Duration)], slots: &[u64]) {
        let found: Vec<u64> = stages(all).iter().map(|stage| stage.slots).collect();
        assert_eq!(found, slots, "{all:?}");
    }

    #[test]
    fn whole_integrals_are_met_by_each_stage() {
        check(
            &[
                ramp(0.0, 400.0, 60_000),
                level(400.0, 300_000),
                ramp(400.0, 0.0, 10_000),
            ],
            &[12_000, 120_000, 2_000],
        );
        check(
            &[
                level(0.1, 30_000),
                level(1.0 / 3.0, 30_000),
                level(0.7, 10_000),
            ],
            &[3, 10, 7],
        );
    }

    #[test]
    fn a_fraction_of_a_request_goes_on_into_the_next_stage() {
        // 2.5 and 2.5 are five requests; each stage by itself would have three.
        check(&[level(2.5, 1_000), level(2.5, 1_000)], &[3, 2]);
        check(
            &[
                ramp(0.0, 1.0, 1_000),
                ramp(1.0, 0.0, 1_000),
                level(1.0, 2_000),
            ],
            &[1, 0, 2],
        );
        let due = |stage: usize, seq| {
            let all = [level(2.5, 1_000), level(5.0, 1_000)];
            Schedule {
                first: stages(&all)[stage].first,
                ..Schedule::even(all[stage].0)
            }
            .due(seq)
        };
        assert_eq!(due(0, 2), Some(Duration::from_millis(800)));
        assert_eq!(
            due(1, 0),
            Some(Duration::from_millis(100)),
            "half a request at five a second"
        );
    }

    #[test]
    fn steps_are_levels_one_after_the_other() {
        check(
            &[level(10.0, 1_000), level(20.0, 1_000), level(5.0, 1_000)],
            &[10, 20, 5],
        );
    }

    proptest! {
        #[test]
        fn all_stages_together_meet_their_integral(
            rates in prop::collection::vec((0.0_f64..500.0, 0.0_f64..500.0, 1_u64..5_000), 1..8),
        ) {
            let all: Vec<(Shape, Duration)> = rates
                .iter()
                .map(|(from, to, ms)| ramp(*from, *to + 0.001, *ms))
                .collect();
            let integral: f64 = all
                .iter()
                .map(|(shape, duration)| shape.integral(*duration))
                .sum();
            let found = stages(&all);
            let slots: u64 = found.iter().map(|stage| stage.slots).sum();
            prop_assert!(
                (slots as f64 - integral) > -0.01 && (slots as f64 - integral) < 1.01,
                "{} requests of {}",
                slots,
                integral
            );
            for ((shape, duration), stage) in all.iter().zip(&found) {
                prop_assert!((stage.slots as f64 - shape.integral(*duration)).abs() < 1.01);
                let schedule = Schedule {
                    shape: *shape,
                    spread: Spread::Even,
                    first: stage.first,
                };
                let walked = Pacer::new(schedule, 0, 1)
                    .take_while(|slot| slot.due < *duration)
                    .count() as u64;
                prop_assert_eq!(walked, stage.slots);
            }
        }
    }
}
