use super::*;
use crate::{
    analysis::{Estimate, VerdictState},
    report::sample,
};

/// The one answer of the sample, changed.
fn one(change: impl FnOnce(&mut Analysis)) -> Answer {
    let mut analysis = sample::analysis();
    change(&mut analysis);
    let answers = answers(&analysis);
    assert_eq!(answers.len(), 1, "{answers:?}");
    answers.into_iter().next().unwrap()
}

fn ends(row: &mut WorkloadAnalysis, low: f64, high: f64) {
    let p99 = row
        .response_time_us
        .as_mut()
        .and_then(|of| of.get_mut("p99"))
        .unwrap();
    (p99.low, p99.high, p99.at_least) = (Some(low), Some(high), false);
}

/// Places of the searches of the sample.
const ALONE: usize = 4;
const UNDER_INGEST: usize = 5;

#[test]
fn a_workload_of_two_phases_says_what_changed_and_why() {
    let answer = one(|_| ());
    assert_eq!(
        (answer.kind, answer.subject.as_str()),
        (AnswerKind::Phases, "search")
    );
    assert_eq!(answer.places, [ALONE, UNDER_INGEST]);
    assert_eq!(
        answer.what,
        "p99 3.95 ms [3.78, 4.22] alone -> at least 48.3 ms under-ingest (at least 12.2x)"
    );
    assert_eq!(
        answer.why,
        [
            "on average under-ingest is 2.98 ms [2.51, 3.44] slower than alone: 81 % [74, 86] \
             `consistency wait · Delegator-waitTSafe`, 11 % [7, 14] `node queue · schedule`, 6 % \
             [4, 9] `gap`",
            "under-ingest: requests above p99 are 58.8 ms slower than the median half; 87 % [79, \
             92] of that is `consistency wait · Delegator-waitTSafe` (39 requests)",
        ]
    );
    let suggestion = answer.suggestion.unwrap();
    assert!(
        suggestion.starts_with("41 % of the engine's time is brute force"),
        "{suggestion}"
    );
}

#[test]
fn intervals_that_overlap_are_said_and_so_is_a_difference_that_may_be_none() {
    let answer = one(|analysis| {
        ends(&mut analysis.workloads[UNDER_INGEST], 4_000.0, 53_000.0);
        let contrast = &mut analysis.workloads[UNDER_INGEST].contrasts[0];
        contrast.difference_low_us = Some(-100.0);
    });
    assert_eq!(
        answer.what,
        "p99 3.95 ms [3.78, 4.22] alone -> 48.3 ms [4.00, 53.0] under-ingest (12.2x, their \
         intervals overlap)"
    );
    assert_eq!(
        answer.why[0],
        "the means of under-ingest and alone are indistinguishable: they differ by 2.98 ms \
         [-0.100, 3.44]"
    );
}

#[test]
fn parts_that_cancel_out_are_told_by_their_times() {
    let answer = one(|analysis| {
        let contrast = &mut analysis.workloads[UNDER_INGEST].contrasts[0];
        contrast.difference_us = 200.0;
        (contrast.difference_low_us, contrast.difference_high_us) = (None, None);
        for part in &mut contrast.parts {
            (part.share_low, part.share_high) = (None, None);
        }
        for (part, share) in contrast.parts.iter_mut().zip([22.0, -21.0]) {
            (part.share, part.difference_us) = (share, share * 200.0);
        }
    });
    assert_eq!(
        answer.why[0],
        "on average under-ingest was 200 us slower than alone, without an interval: it is not \
         known whether another run would show it; seen was +4.40 ms `consistency wait · \
         Delegator-waitTSafe`, -4.20 ms `node queue · schedule`, +182 us `gap`"
    );
}

#[test]
fn of_parts_that_cancel_out_those_that_may_be_none_are_not_named() {
    let shares = [0.71, 0.46, 0.25, -0.42];
    let answer = one(|analysis| {
        let parts = &mut analysis.workloads[UNDER_INGEST].contrasts[0].parts;
        for (part, share) in parts.iter_mut().zip(shares) {
            (part.share, part.difference_us) = (share, share * 2_976.0);
            (part.share_low, part.share_high) = (Some(share - 0.3), Some(share + 0.3));
        }
    });
    let parts = answer.why[0].split_once("slower than alone: ").unwrap().1;
    assert_eq!(
        parts,
        "+2.11 ms `consistency wait · Delegator-waitTSafe`, +1.37 ms `node queue · schedule`, \
         -1.25 ms `engine · SegCoreSearch`"
    );
}

#[test]
fn a_difference_without_an_interval_is_what_was_seen_and_no_more() {
    let seen = |change: fn(&mut WorkloadAnalysis)| {
        one(|analysis| {
            let row = &mut analysis.workloads[UNDER_INGEST];
            let contrast = &mut row.contrasts[0];
            (contrast.difference_low_us, contrast.difference_high_us) = (None, None);
            let p99 = row.response_time_us.as_mut().unwrap().get_mut("p99");
            p99.unwrap().at_least = false;
            change(row);
        })
    };
    let large = seen(|_| ());
    let words = "on average under-ingest was 2.98 ms slower than alone, without an interval: it \
                 is not known whether another run would show it";
    assert!(
        large.why[0].starts_with(&format!("{words}; seen was 81 % [74, 86] `")),
        "{large:?}"
    );
    assert!(large.suggestion.is_some());
    let small = seen(|row| row.contrasts[0].difference_us = 20.0);
    let small_words = words.replace("2.98 ms", "20.0 us");
    assert_eq!((&small.why[0], &small.suggestion), (&small_words, &None));
    let other_way = seen(|row| {
        let quantiles = row.response_time_us.as_mut().unwrap();
        quantiles.values_mut().for_each(|of| of.value = 10.0);
    });
    let words = words.to_owned();
    assert_eq!((&other_way.why[0], &other_way.suggestion), (&words, &None));
}

#[test]
fn a_fall_is_called_faster() {
    let answer = one(|analysis| {
        let contrast = &mut analysis.workloads[UNDER_INGEST].contrasts[0];
        contrast.difference_us = -2_976.0;
        (contrast.difference_low_us, contrast.difference_high_us) =
            (Some(-3_440.0), Some(-2_510.0));
    });
    assert!(
        answer.why[0].starts_with("on average under-ingest is 2.98 ms [2.51, 3.44] faster than"),
        "{answer:?}"
    );
}

#[test]
fn without_spans_the_client_says_what_it_saw() {
    let without = |source: bool| {
        one(|analysis| {
            for row in &mut analysis.workloads {
                (row.tail, row.join) = (None, None);
                (row.contrasts, row.account, row.advice) = Default::default();
            }
            if !source {
                analysis.spans = None;
            }
        })
    };
    let answer = without(false);
    assert_eq!(
        answer.why,
        [
            "the client saw service time p99 3.82 ms -> 48.1 ms, send lag p99 133 us -> 240 us",
            "the cause is unknown: no server spans were read; all figures are client-side",
        ]
    );
    assert_eq!(answer.suggestion, None);
    assert!(without(true).why[1].contains("no request was sampled"));
}

#[test]
fn a_comparison_with_too_few_traces_says_so() {
    let answer = one(|analysis| analysis.workloads[UNDER_INGEST].contrasts.clear());
    assert!(
        answer.why[1].contains("needs 30 matched requests on either side"),
        "{answer:?}"
    );
}

/// The search in stages of these rates, with these p99.
fn staged(analysis: &mut Analysis, stages: &[(&str, f64, f64)]) {
    let row = analysis.workloads[ALONE].clone();
    let stage = |(name, rate, p99): &(&str, f64, f64)| {
        let mut row = row.clone();
        (row.phase, row.stage) = ("load".to_owned(), Some((*name).to_owned()));
        row.rate.target = Some(*rate);
        row.response_time_us = Some(sample::quantiles([*p99; 7]));
        ends(&mut row, 0.9 * p99, 1.1 * p99);
        row
    };
    analysis.workloads = stages.iter().map(stage).collect();
}

#[test]
fn stages_say_where_they_bend() {
    let stages = [
        ("low", 100.0, 2e3),
        ("middle", 200.0, 2.5e3),
        ("high", 400.0, 9e3),
        ("top", 800.0, 1e4),
    ];
    let answer = one(|analysis| staged(analysis, &stages));
    assert_eq!(
        (answer.kind, answer.subject.as_str()),
        (AnswerKind::Stages, "load/search")
    );
    assert_eq!(
        answer.what,
        "p99 2.00 ms [1.80, 2.20] at 100/s in low, 2.50 ms [2.25, 2.75] at 200/s in middle \
         (1.25x), 9.00 ms [8.10, 9.90] at 400/s in high (3.60x), 10.0 ms [9.00, 11.0] at 800/s in \
         top (1.11x, their intervals overlap); it bends between middle and high"
    );
    let flat = one(|analysis| staged(analysis, &[("a", 1.0, 2e3), ("b", 2.0, 2.5e3)]));
    assert!(
        flat.what
            .ends_with("no bend: no stage has twice the p99 of the previous one"),
        "{flat:?}"
    );
}

#[test]
fn of_many_stages_the_first_the_bend_and_the_last_are_named() {
    let names: Vec<String> = (0..12).map(|at| format!("s{at}")).collect();
    let stages: Vec<(&str, f64, f64)> = names
        .iter()
        .enumerate()
        .map(|(at, name)| (name.as_str(), 100.0, if at < 6 { 1e3 } else { 5e3 }))
        .collect();
    let answer = one(|analysis| staged(analysis, &stages));
    for (name, is_named) in [
        ("s0", true),
        ("s3", false),
        ("s5", true),
        ("s6", true),
        ("s11", true),
    ] {
        assert_eq!(
            answer.what.contains(&format!("/s in {name} "))
                || answer.what.contains(&format!("/s in {name},")),
            is_named,
            "{name} {answer:?}"
        );
    }
    assert!(
        answer.what.contains(", 8 more; it bends between s5 and s6"),
        "{answer:?}"
    );
}

#[test]
fn workloads_of_one_operation_in_phases_of_their_own_are_a_sweep() {
    let sweep = |analysis: &mut Analysis| {
        for (row, name) in analysis.workloads[ALONE..]
            .iter_mut()
            .zip(["ef-64", "ef-512"])
        {
            (row.phase, row.workload) = (format!("phase-{name}"), name.to_owned());
            row.contrasts.iter_mut().for_each(|contrast| {
                (contrast.kind, contrast.with) = (Contrast::WORKLOAD.into(), "ef-64".into());
            });
        }
        analysis.workloads.truncate(UNDER_INGEST + 1);
    };
    let answer = one(sweep);
    assert_eq!(
        (answer.kind, answer.subject.as_str()),
        (AnswerKind::Workloads, "search")
    );
    assert!(
        answer
            .what
            .contains(" ef-64 -> at least 48.3 ms ef-512 (at least"),
        "{answer:?}"
    );
    assert!(answer.why[0].contains("ef-512 is 2.98 ms [2.51, 3.44] slower than ef-64: "));
    // Beside each other both are part of each other's load.
    let mut analysis = sample::analysis();
    sweep(&mut analysis);
    analysis.workloads[UNDER_INGEST].phase = analysis.workloads[ALONE].phase.clone();
    let kinds: Vec<AnswerKind> = answers(&analysis)
        .iter()
        .map(|answer| answer.kind)
        .collect();
    assert_eq!(kinds, [AnswerKind::Single, AnswerKind::Single]);
}

#[test]
fn a_workload_by_itself_says_where_its_time_goes() {
    let answer = one(|analysis| analysis.workloads.retain(|row| row.phase == "alone"));
    assert_eq!(
        (answer.kind, answer.subject.as_str()),
        (AnswerKind::Single, "alone/search")
    );
    assert_eq!(answer.what, "p50 1.89 ms, p99 3.95 ms [3.78, 4.22]");
    assert_eq!(
        answer.why,
        [
            "where the time goes: min-p50 engine 41 %, gap 29 %, proxy queue 11 %; p99-max engine \
             48 %, gap 24 %, node queue 7.9 %",
            "requests above p99 are 3.49 ms slower than the median half; 52 % [41, 63] of that is \
             `engine · SegCoreSearch` (40 requests)",
        ]
    );
}

#[test]
fn nothing_measured_is_no_answer() {
    assert_eq!(answers(&Analysis::default()), []);
}

#[test]
fn a_curve_that_may_bend_is_not_said_to_bend_or_not_to() {
    let what = |change: &dyn Fn(&mut Analysis)| {
        let stages = [("a", 1.0, 1e3), ("b", 2.0, 1.5e3), ("c", 3.0, 4.5e3)];
        let answer = one(|analysis| {
            staged(analysis, &stages);
            change(analysis);
        });
        answer.what
    };
    let p99 = |analysis: &mut Analysis, at: usize, change: fn(&mut Estimate)| {
        let quantiles = analysis.workloads[at].response_time_us.as_mut().unwrap();
        change(quantiles.get_mut("p99").unwrap());
    };
    let bends = what(&|_| ());
    assert!(bends.ends_with("; it bends between b and c"), "{bends}");
    // Overlapping intervals, a lower bound before and one behind, an invalid run.
    let overlap = what(&|analysis| p99(analysis, 2, |of| of.low = Some(1.0)));
    let before = what(&|analysis| p99(analysis, 1, |of| of.at_least = true));
    let behind = what(&|analysis| {
        p99(analysis, 2, |of| {
            (of.value, of.at_least, of.low, of.high) = (2e3, true, None, None);
        });
    });
    let invalid = what(&|analysis| analysis.verdict.state = VerdictState::Invalid);
    for what in [overlap, before, behind, invalid] {
        assert!(!what.contains("bend") && !what.contains("twice"), "{what}");
    }
}

#[test]
fn a_curve_without_intervals_doubles_where_it_stays_there_and_never_bends() {
    let what = |p99s: &[f64]| {
        let names = ["a", "b", "c", "d"];
        let stages: Vec<_> = names
            .iter()
            .zip(p99s)
            .map(|(name, p99)| (*name, 1.0, *p99))
            .collect();
        let answer = one(|analysis| {
            staged(analysis, &stages);
            for row in &mut analysis.workloads {
                let p99 = row
                    .response_time_us
                    .as_mut()
                    .and_then(|of| of.get_mut("p99"));
                let p99 = p99.unwrap();
                (p99.low, p99.high) = (None, None);
            }
        });
        answer.what.split_once("x); ").unwrap().1.to_owned()
    };
    assert_eq!(
        what(&[1e3, 1.1e3, 3e3, 4e3]),
        "p99 at least doubles between b and c; without 95 % intervals"
    );
    assert_eq!(what(&[48e3, 5e3, 47e3, 15e3]), "without 95 % intervals");
    assert_eq!(
        what(&[1e3, 1.1e3, 1.2e3, 1.3e3]),
        "no stage has twice the p99 of the previous one; without 95 % intervals"
    );
}

#[test]
fn of_many_places_that_which_is_explained_is_named() {
    let answer = one(|analysis| {
        let row = analysis.workloads[ALONE].clone();
        let phase = |at: usize| {
            let mut row = row.clone();
            row.phase = format!("p{at}");
            row.response_time_us = Some(sample::quantiles([if at == 6 { 9e4 } else { 1e3 }; 7]));
            row
        };
        analysis.workloads = (0..12).map(phase).collect();
    });
    assert_eq!(answer.explained, 6);
    assert!(answer.what.contains(" p6 (90.0x)"), "{answer:?}");
    assert!(answer.what.contains(", 9 more"), "{answer:?}");
}

/// Kind, and names of the places, of what is compared where searches ran as (phase, workload).
fn compared(places: &[(&str, &str)]) -> Vec<(AnswerKind, Vec<String>)> {
    let mut analysis = sample::analysis();
    let row = analysis.workloads[ALONE].clone();
    let rows = places.iter().map(|(phase, workload)| {
        let mut row = row.clone();
        (row.phase, row.workload) = ((*phase).to_owned(), (*workload).to_owned());
        row
    });
    analysis.workloads = rows.collect();
    let named = |answer: Answer| {
        let places = answer
            .places
            .iter()
            .map(|at| analysis.workloads[*at].place());
        (answer.kind, places.collect())
    };
    answers(&analysis).into_iter().map(named).collect()
}

#[test]
fn a_workload_is_in_one_sweep() {
    let found = compared(&[("p1", "ef32"), ("p1", "ef64"), ("p2", "ef128")]);
    let sweep = ["p1/ef32", "p2/ef128"].map(str::to_owned).to_vec();
    assert_eq!(found, [(AnswerKind::Workloads, sweep)]);
}

#[test]
fn a_later_phase_of_a_workload_leaves_it_in_its_sweep() {
    let found = compared(&[("low", "ef32"), ("high", "ef128"), ("mixed", "ef128")]);
    let [sweep, phases] = [["low/ef32", "high/ef128"], ["high/ef128", "mixed/ef128"]]
        .map(|places| places.map(str::to_owned).to_vec());
    assert_eq!(
        found,
        [(AnswerKind::Workloads, sweep), (AnswerKind::Phases, phases)]
    );
}

#[test]
fn a_workload_that_ran_beside_another_in_a_later_phase_is_not_compared_with_it() {
    let found = compared(&[("alone", "a"), ("both", "a"), ("both", "b")]);
    let phases = ["alone/a", "both/a"].map(str::to_owned).to_vec();
    assert_eq!(found, [(AnswerKind::Phases, phases)]);
}

#[test]
fn what_is_left_out_is_counted_as_what_it_is() {
    let places = |kind: &str| -> Vec<(String, String)> {
        let name = |at: usize| format!("{kind}{at}");
        match kind {
            "single" => (0..5).map(|at| ("p".to_owned(), name(at))).collect(),
            _ => (0..10)
                .map(|at| (format!("p{}", at % 2), name(at / 2)))
                .collect(),
        }
    };
    let more = |kind: &str| {
        let mut analysis = sample::analysis();
        let row = analysis.workloads[ALONE].clone();
        let rows = places(kind)
            .into_iter()
            .map(|(phase, workload)| WorkloadAnalysis {
                phase,
                workload,
                collection: String::new(),
                ..row.clone()
            });
        analysis.workloads = rows.collect();
        first_answers(&analysis).1.unwrap()
    };
    assert_eq!(more("single"), "and 2 more workloads, see below");
    assert_eq!(more("phases"), "and 2 more comparisons, see below");
}
