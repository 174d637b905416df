mod scripted;

use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;

use self::scripted::{Answer, Script, Scripted};
use super::*;
use crate::spans::sources::source::{SourceEntry, SourceOptions};

const SETTLE: Duration = Duration::from_secs(8);
const DEADLINE: Duration = Duration::from_secs(60);

fn wanted(ids: u128) -> Vec<Wanted> {
    (1..=ids)
        .map(|trace_id| Wanted {
            trace_id,
            client_span_id: 1,
            group: 0,
            age: Duration::ZERO,
        })
        .collect()
}

struct Fetched {
    counters: FetchCounters,
    /// Number of spans of the newest version.
    written: BTreeMap<u128, usize>,
    took: Duration,
}

async fn run(source: &Scripted, wanted: Vec<Wanted>, rules: FetchRules) -> Fetched {
    let mut written = BTreeMap::new();
    let mut write = |trace: &Trace| {
        written.insert(trace.trace_id, trace.spans.len());
        Ok(())
    };
    let counters = fetch(source, wanted, rules, &|_| {}, &mut write)
        .await
        .expect("writing works");
    Fetched {
        counters,
        written,
        took: source.begun.elapsed(),
    }
}

fn rules() -> FetchRules {
    FetchRules::new(Instant::now(), SETTLE, DEADLINE)
}

#[tokio::test(start_paused = true)]
async fn nothing_missing_takes_settle_and_one_second_look() {
    let source = Scripted::new(Scripted::whole(20_000, 9));
    let fetched = run(&source, wanted(20_000), rules()).await;
    assert!(
        fetched.took < SETTLE + Duration::from_secs(10) + Duration::from_secs(20_000 / 5_000),
        "{:?}",
        fetched.took
    );
    assert_eq!(
        (
            fetched.counters.whole,
            fetched.counters.spans,
            fetched.counters.looks
        ),
        (20_000, 180_000, 2)
    );
    assert_eq!(source.all_readings(), 20_000 + 200, "all once, 1 % again");
    assert_eq!(fetched.written.len(), 20_000);
    assert_eq!(source.state.lock().expect("no panic").most_under_way, 16);
}

#[tokio::test(start_paused = true)]
async fn at_least_fifty_are_read_again() {
    let source = Scripted::new(Scripted::whole(80, 9));
    run(&source, wanted(80), rules()).await;
    assert_eq!(source.all_readings(), 80 + 50);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_read_before_it_settled_nor_again_within_five_seconds() {
    let source = Scripted::new(Scripted::whole(10, 9));
    run(&source, wanted(10), rules()).await;
    for readings in source.state.lock().expect("no panic").readings.values() {
        assert!(
            readings[0] >= SETTLE && readings[1] - readings[0] >= Duration::from_secs(5),
            "{readings:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn old_ids_are_read_first_and_young_ones_after_their_own_settle() {
    let source = Scripted::new(Scripted::whole(100, 9));
    let ages = (1..=100)
        .map(|id| Wanted {
            trace_id: id,
            client_span_id: 1,
            group: 0,
            age: Duration::from_millis(100 * id as u64),
        })
        .collect();
    run(&source, ages, rules()).await;
    let state = source.state.lock().expect("no panic");
    assert_eq!(state.order[..100], (1..=100).rev().collect::<Vec<u128>>());
    for (id, readings) in &state.readings {
        assert!(
            readings[0] >= SETTLE.saturating_sub(Duration::from_millis(100 * *id as u64)),
            "{id} at {readings:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn late_spans_are_found_and_replace_the_first_version() {
    let mut script = Scripted::whole(200, 9);
    script.insert(3, vec![(12, Answer::Hole), (16, Answer::Spans(9))]);
    script.insert(4, vec![(20, Answer::Spans(9))]);
    let source = Scripted::new(script);
    let fetched = run(&source, wanted(200), rules()).await;
    assert_eq!(
        (
            fetched.counters.whole,
            fetched.written[&3],
            fetched.written[&4]
        ),
        (200, 9, 9)
    );
    assert_eq!(fetched.counters.spans, 200 * 9);
}

#[tokio::test(start_paused = true)]
async fn a_trace_below_the_mode_is_read_again_once() {
    let mut script = Scripted::whole(2_000, 9);
    script.insert(3, vec![(0, Answer::Spans(8))]);
    let source = Scripted::new(script);
    let fetched = run(&source, wanted(2_000), rules()).await;
    assert_eq!((source.readings(3), fetched.counters.looks), (2, 2));
    assert!(
        fetched.took < SETTLE + Duration::from_secs(10),
        "{:?}",
        fetched.took
    );
}

/// Late spans of single traces, as those of a collection that is dropped after the load, made every
/// such run wait five seconds more.
#[tokio::test(start_paused = true)]
async fn a_known_gap_that_the_second_look_fills_costs_no_third() {
    let mut script = Scripted::whole(2_000, 9);
    script.insert(3, vec![(0, Answer::Hole), (12, Answer::Spans(9))]);
    script.insert(4, vec![(0, Answer::Spans(7)), (12, Answer::Spans(9))]);
    let source = Scripted::new(script);
    let fetched = run(&source, wanted(2_000), rules()).await;
    assert_eq!(
        (
            fetched.counters.looks,
            fetched.counters.grew,
            fetched.counters.unsettled,
            fetched.counters.whole
        ),
        (2, 2, 0, 2_000)
    );
    assert!(
        fetched.took < SETTLE + Duration::from_secs(10),
        "{:?}",
        fetched.took
    );
}

#[tokio::test(start_paused = true)]
async fn a_gap_that_is_filled_in_part_is_looked_at_again() {
    let mut script = Scripted::whole(2_000, 9);
    script.insert(
        3,
        vec![
            (0, Answer::Spans(7)),
            (12, Answer::Spans(8)),
            (16, Answer::Spans(9)),
        ],
    );
    let source = Scripted::new(script);
    let fetched = run(&source, wanted(2_000), rules()).await;
    assert_eq!((fetched.written[&3], fetched.counters.whole), (9, 2_000));
}

#[tokio::test(start_paused = true)]
async fn groups_have_their_own_mode() {
    let mut script = Scripted::whole(1_000, 9);
    script.extend((501..=1_000).map(|id| (id, vec![(0, Answer::Spans(4))])));
    script.insert(700, vec![(0, Answer::Spans(3))]);
    let source = Scripted::new(script);
    let wanted = wanted(1_000)
        .into_iter()
        .map(|one| Wanted {
            group: u32::from(one.trace_id > 500),
            ..one
        })
        .collect();
    run(&source, wanted, rules()).await;
    assert_eq!(
        (source.all_readings(), source.readings(700)),
        (1_000 + 1 + 50, 2)
    );
}

#[tokio::test(start_paused = true)]
async fn growth_in_the_probe_has_all_read_again() {
    let script = (1..=2_000)
        .map(|id| (id, vec![(0, Answer::Spans(8)), (10, Answer::Spans(9))]))
        .collect();
    let source = Scripted::new(script);
    let fetched = run(&source, wanted(2_000), rules()).await;
    assert!(fetched.written.values().all(|spans| *spans == 9));
    assert_eq!(
        (
            fetched.counters.grew,
            fetched.counters.unsettled,
            fetched.counters.spans
        ),
        (2_000, 0, 18_000)
    );
}

/// An id that is known after 40 s, another one never.
fn known_late() -> Script {
    let mut script = Scripted::whole(100, 9);
    script.insert(3, vec![(40, Answer::Spans(9))]);
    script.remove(&4);
    script
}

#[tokio::test(start_paused = true)]
async fn a_source_that_may_be_late_is_asked_for_unknown_ids_until_the_deadline() {
    let late = Scripted::new(known_late()).late();
    let fetched = run(&late, wanted(100), rules()).await;
    assert_eq!((fetched.counters.whole, fetched.counters.read), (99, 100));
    assert!(
        fetched.took >= DEADLINE - Duration::from_secs(6),
        "{:?}",
        fetched.took
    );
    // Those that were whole at once cost no reading more than usual.
    assert_eq!(
        late.readings(3) + late.readings(4),
        late.all_readings() - 98 - 50
    );
    let usual = Scripted::new(known_late());
    let fetched = run(&usual, wanted(100), rules()).await;
    assert_eq!(fetched.counters.whole, 98);
    assert!(fetched.took < Duration::from_secs(40), "{:?}", fetched.took);
}

#[tokio::test(start_paused = true)]
async fn lost_spans_end_the_fetch_after_three_quiet_looks() {
    let mut script = Scripted::whole(500, 9);
    script.remove(&7);
    let source = Scripted::new(script);
    let fetched = run(&source, wanted(500), rules()).await;
    assert_eq!(
        (
            source.readings(7),
            fetched.counters.whole,
            fetched.counters.read
        ),
        (4, 499, 500)
    );
    assert!(
        fetched.took < SETTLE + Duration::from_secs(16),
        "{:?}",
        fetched.took
    );
}

#[tokio::test(start_paused = true)]
async fn what_still_changes_at_the_deadline_is_left_and_counted() {
    let growing = (0..30)
        .map(|step| (step * 5, Answer::Spans(step + 1)))
        .collect();
    let mut script = Scripted::whole(100, 9);
    script.insert(5, growing);
    let source = Scripted::new(script);
    let fetched = run(&source, wanted(100), rules()).await;
    assert_eq!(fetched.counters.unsettled, 1);
    assert!(
        fetched.took <= DEADLINE && fetched.took > DEADLINE - Duration::from_secs(6),
        "{:?}",
        fetched.took
    );
}

#[tokio::test(start_paused = true)]
async fn a_store_that_forgets_does_not_shorten_a_trace() {
    let mut script = Scripted::whole(40, 9);
    script.insert(5, vec![(0, Answer::Spans(9)), (10, Answer::Spans(2))]);
    script.insert(6, vec![(0, Answer::Spans(9)), (10, Answer::Spans(0))]);
    let fetched = run(&Scripted::new(script), wanted(40), rules()).await;
    assert_eq!(
        (
            fetched.written[&5],
            fetched.written[&6],
            fetched.counters.spans,
            fetched.counters.looks
        ),
        (9, 9, 360, 2)
    );
}

#[tokio::test(start_paused = true)]
async fn errors_of_single_ids_are_retried_then_counted() {
    let mut script = Scripted::whole(2_000, 9);
    for id in 100..140 {
        script.insert(id * 10, vec![(0, Answer::Error)]);
    }
    let source = Scripted::new(script);
    let fetched = run(&source, wanted(2_000), rules()).await;
    assert_eq!(
        (
            fetched.counters.failed,
            fetched.counters.read,
            fetched.written.len()
        ),
        (40, 1_960, 1_960)
    );
    assert_eq!(
        source.readings(1_000),
        6,
        "three attempts in each of two looks"
    );
    assert!(
        fetched
            .counters
            .error
            .is_some_and(|error| error.starts_with("no 1"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_source_that_refuses_ends_the_fetch_with_what_was_read() {
    let script = (1..=50_000)
        .map(|id| (id, vec![(0, Answer::Spans(9)), (9, Answer::Refused)]))
        .collect();
    let source = Scripted::new(script);
    let fetched = run(&source, wanted(50_000), rules()).await;
    let counters = fetched.counters;
    assert!(fetched.took < Duration::from_secs(12), "{:?}", fetched.took);
    assert_eq!(fetched.written.len() as u64, counters.read);
    assert!(
        counters.read > 1_000 && counters.not_fetched > 1_000 && counters.error.is_some(),
        "{} read",
        counters.read
    );
    assert_eq!(
        counters.asked,
        counters.read + counters.failed + counters.not_fetched
    );
    assert_eq!(counters.not_fetched_ids.len() as u64, counters.not_fetched);
}

/// An ingress without a back end, a restart, a store that is busy: 16 failures in 1.3 s ended the
/// reading with 50 s to go.
async fn check_outage(trouble: Answer) {
    let script = (1..=5_000)
        .map(|id| {
            (
                id,
                vec![
                    (0, Answer::Spans(9)),
                    (9, trouble.clone()),
                    (40, Answer::Spans(9)),
                ],
            )
        })
        .collect();
    let source = Scripted::new(script);
    let fetched = run(&source, wanted(5_000), slow(rules())).await;
    assert_eq!(
        (
            fetched.counters.read,
            fetched.counters.failed,
            fetched.counters.not_fetched
        ),
        (5_000, 0, 0),
        "{trouble:?}"
    );
    assert_eq!(
        (fetched.counters.whole, fetched.counters.error),
        (5_000, None),
        "{trouble:?}"
    );
    let asked = source.all_readings();
    assert!(
        asked < 5_000 + 5_000 + 16 * 30,
        "{trouble:?}: the source is spared while it is away: {asked} questions"
    );
}

/// So few at a time that an outage finds them under way.
fn slow(rules: FetchRules) -> FetchRules {
    FetchRules {
        in_flight: 4,
        ..rules
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_waited_for() {
    check_outage(Answer::Busy(None)).await;
    check_outage(Answer::Busy(Some(3))).await;
    check_outage(Answer::Busy(Some(3_600))).await;
    check_outage(Answer::Error).await;
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_away_from_the_beginning_is_asked_until_the_deadline_and_said() {
    let source = Scripted::new(
        (1..=100)
            .map(|id| (id, vec![(0, Answer::Busy(None))]))
            .collect(),
    );
    let told = std::cell::Cell::new(0);
    let progress =
        |at: FetchProgress| told.set(told.get() + u32::from(at.trouble.as_deref() == Some("busy")));
    let counters = fetch(&source, wanted(100), rules(), &progress, &mut |_| Ok(()))
        .await
        .expect("writing works");
    assert!(
        source.begun.elapsed() > DEADLINE - Duration::from_secs(1)
            && source.begun.elapsed() <= DEADLINE,
        "{:?}",
        source.begun.elapsed()
    );
    assert_eq!(
        (
            counters.read,
            counters.failed + counters.not_fetched,
            counters.error.as_deref()
        ),
        (0, 100, Some("busy"))
    );
    assert!(told.get() > 30, "told {} times", told.get());
}

#[tokio::test(start_paused = true)]
async fn a_busy_id_does_not_keep_others_waiting_and_is_asked_until_the_deadline() {
    let mut script = Scripted::whole(3_000, 9);
    // All that are read at the same time.
    for id in 1..=16 {
        script.insert(id, vec![(0, Answer::Busy(None)), (50, Answer::Spans(9))]);
    }
    let source = Scripted::new(script);
    let fetched = run(&source, wanted(3_000), rules()).await;
    assert_eq!(
        (fetched.counters.read, fetched.written.len()),
        (3_000, 3_000)
    );
    let state = source.state.lock().expect("no panic");
    let last_first = (17..=3_000)
        .map(|id| state.readings[&id][0])
        .max()
        .expect("readings");
    assert!(
        last_first < SETTLE + Duration::from_secs(10),
        "others were read by {last_first:?}"
    );
}

/// A rate limit: of four questions one is answered.
#[tokio::test(start_paused = true)]
async fn a_rate_limit_costs_no_trace() {
    let answers = |id: u128| {
        (0..60)
            .map(|second| {
                (
                    second,
                    if (u64::try_from(id).unwrap_or(0) + second) % 4 == 0 {
                        Answer::Spans(9)
                    } else {
                        Answer::Busy(Some(1))
                    },
                )
            })
            .collect()
    };
    let source = Scripted::new((1..=64).map(|id| (id, answers(id))).collect());
    let fetched = run(
        &source,
        wanted(64),
        FetchRules {
            deadline: Duration::from_secs(30),
            ..rules()
        },
    )
    .await;
    assert_eq!(
        (
            fetched.counters.read,
            fetched.counters.failed,
            fetched.counters.error
        ),
        (64, 0, None)
    );
}

#[tokio::test(start_paused = true)]
async fn a_time_to_come_back_holds_for_all() {
    let script = (1..=64)
        .map(|id| (id, vec![(0, Answer::Busy(Some(7))), (14, Answer::Spans(9))]))
        .collect();
    let source = Scripted::new(script);
    run(&source, wanted(64), rules()).await;
    let state = source.state.lock().expect("no panic");
    let second = state
        .readings
        .values()
        .filter_map(|readings| readings.get(1))
        .min()
        .expect("a second attempt");
    assert!(*second >= SETTLE + Duration::from_secs(7), "{second:?}");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_hangs_ends_at_the_deadline() {
    let script = (1..=100).map(|id| (id, vec![(0, Answer::Hang)])).collect();
    let fetched = run(&Scripted::new(script), wanted(100), rules()).await;
    assert!(
        fetched.took <= DEADLINE + Duration::from_secs(1),
        "{:?}",
        fetched.took
    );
    assert!(
        fetched
            .counters
            .error
            .is_some_and(|error| error.contains("deadline"))
    );
    assert_eq!(
        (
            fetched.counters.read,
            fetched.counters.failed + fetched.counters.not_fetched
        ),
        (0, 100)
    );
}

#[tokio::test(start_paused = true)]
async fn the_budget_is_a_choice_that_does_not_depend_on_order() {
    let rules = FetchRules {
        budget: Some(100),
        ..rules()
    };
    let one = run(
        &Scripted::new(Scripted::whole(1_000, 9)),
        wanted(1_000),
        rules,
    )
    .await;
    let other = run(
        &Scripted::new(Scripted::whole(1_000, 9)),
        wanted(1_000).into_iter().rev().collect(),
        FetchRules {
            ended: Instant::now(),
            ..rules
        },
    )
    .await;
    assert_eq!((one.written.len(), one.counters.not_fetched), (100, 900));
    assert_eq!(one.written, other.written);
    let young = one.written.keys().filter(|id| **id > 500).count();
    assert!(
        (25..75).contains(&young),
        "{young} of 100 from the second half"
    );
}

#[tokio::test(start_paused = true)]
async fn requests_that_share_a_trace_are_one_reading_and_all_must_be_there() {
    let source = Scripted::new(Scripted::whole(1, 3));
    let both = [1, 77]
        .map(|client_span_id| Wanted {
            client_span_id,
            ..wanted(1)[0]
        })
        .to_vec();
    let fetched = run(&source, both, rules()).await;
    assert_eq!(
        (
            fetched.counters.asked,
            fetched.counters.read,
            fetched.counters.whole
        ),
        (1, 1, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_wanted_is_nothing_read() {
    let fetched = run(&Scripted::new(Script::new()), vec![], rules()).await;
    assert_eq!(
        fetched.counters,
        FetchCounters {
            looks: 1,
            ..FetchCounters::default()
        }
    );
    assert_eq!(fetched.took, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn the_source_none_is_not_waited_for() {
    let none = SourceEntry::first_of(SourceKind::Nothing);
    let source = none.open(&SourceOptions::default()).await.expect("opens");
    let begun = Instant::now();
    let counters = fetch(
        source.as_ref(),
        wanted(3),
        rules(),
        &|_| {},
        &mut |_| Ok(()),
    )
    .await
    .expect("writing works");
    assert_eq!(
        (counters.asked, counters.not_fetched, begun.elapsed()),
        (3, 3, Duration::ZERO)
    );
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_is_an_error() {
    let source = Scripted::new(Scripted::whole(3, 9));
    let mut write = |_: &Trace| Err(io::Error::from(io::ErrorKind::StorageFull));
    let error = fetch(&source, wanted(3), rules(), &|_| {}, &mut write)
        .await
        .expect_err("an error");
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
}

fn any_answers() -> impl Strategy<Value = Vec<(u64, Answer)>> {
    let answer = prop_oneof![
        4 => (0_u64..10).prop_map(Answer::Spans),
        1 => Just(Answer::Hole),
        1 => Just(Answer::Error),
        1 => proptest::option::of(0_u64..100).prop_map(Answer::Busy),
        1 => Just(Answer::Refused),
        1 => Just(Answer::Hang),
    ];
    proptest::collection::vec((0_u64..70, answer), 0..5).prop_map(|mut answers| {
        answers.sort_by_key(|(from, _)| *from);
        answers
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_source_ends_in_time_and_adds_up(
        scripts in proptest::collection::vec(any_answers(), 0..120),
        ages in proptest::collection::vec(0_u64..20_000, 120),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let count = scripts.len();
            let source = Scripted::new((1..).zip(scripts).collect());
            let wanted: Vec<Wanted> = wanted(count as u128)
                .into_iter()
                .zip(ages)
                .map(|(one, age)| Wanted {
                    age: Duration::from_millis(age),
                    ..one
                })
                .collect();
            let mut longest: HashMap<u128, usize> = HashMap::new();
            let mut write = |trace: &Trace| {
                let before = longest.insert(trace.trace_id, trace.spans.len());
                assert!(
                    before.is_none_or(|before| before <= trace.spans.len()),
                    "a version may not be shorter"
                );
                Ok(())
            };
            let counters = fetch(&source, wanted, rules(), &|_| {}, &mut write)
                .await
                .expect("writing works");
            assert!(
                source.begun.elapsed() <= DEADLINE + Duration::from_millis(10),
                "{:?}",
                source.begun.elapsed()
            );
            assert_eq!(counters.asked, count as u64);
            assert_eq!(
                counters.asked,
                counters.read + counters.failed + counters.not_fetched
            );
            assert_eq!(counters.spans, longest.values().sum::<usize>() as u64);
            assert!(source.state.lock().expect("no panic").most_under_way <= 16);
        });
    }
}
