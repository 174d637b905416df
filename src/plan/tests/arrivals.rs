//! Stages, bursts, sine, callers and start: what parts a phase has, and what is refused.

use super::*;

/// The good scenario with other arrivals of `search` in a phase of its own.
fn staged(arrivals: &str, phase: &str) -> String {
    let text = with("rate = 200", arrivals);
    let (head, _) = text.split_once("[[phases]]").unwrap();
    format!("{head}[[phases]]\nname = \"alone\"\n{phase}\nworkloads = [\"search\"]\n")
}

const STAGES: &str = r#"arrivals = "even"
stages = [
    { to = 400, over = "10s" },
    { at = 400, for = "5s", name = "average" },
    { at = 800, for = "2s" },
    { to = 0, over = "1s" },
]"#;

/// Part, start, length and planned requests of every part of the first workload, times in
/// milliseconds.
#[track_caller]
fn check_parts(text: &str, expected: &[(&str, u128, u128, Option<u64>)]) -> Plan {
    let plan = plan(text).unwrap();
    let millis = |time: Duration| time.as_millis();
    let parts = plan.planned_parts(0, 0).into_iter();
    let found: Vec<_> = parts
        .map(|(part, requests)| {
            (
                part.kind.to_string(),
                millis(part.start),
                part.duration.map_or(0, millis),
                requests,
            )
        })
        .collect();
    let expected: Vec<_> = expected
        .iter()
        .map(|(kind, start, length, requests)| ((*kind).to_owned(), *start, *length, *requests))
        .collect();
    assert_eq!(found, expected);
    plan
}

#[test]
fn stages_are_parts_one_after_the_other() {
    let plan = check_parts(
        &staged(STAGES, ""),
        &[
            ("ramp", 0, 10_000, Some(2_000)),
            ("average", 10_000, 5_000, Some(2_000)),
            ("800", 15_000, 2_000, Some(1_600)),
            ("ramp-2", 17_000, 1_000, Some(400)),
        ],
    );
    assert_eq!(
        plan.phases[0].length,
        PhaseLength::Duration(Duration::from_secs(18))
    );
    assert_eq!(
        plan.planned_requests(0, 0, PlannedPart::Measured),
        Some(3_600)
    );
    assert_eq!(plan.planned_requests(0, 0, PlannedPart::Ramps), Some(2_400));
    let text = plan.expectation().to_string();
    for line in [
        "phase      alone: 18s\n",
        "requests   alone/search: about 3,600, about 2,400 in ramps, 100 % traced\n",
        "stage      alone/average/search: 400 a second for 5s, about 2,000\n",
        "stage      alone/800/search: 800 a second for 2s, about 1,600\n",
    ] {
        assert!(text.contains(line), "{line:?} is not in:\n{text}");
    }
    let resolved = |path: &str| {
        plan.resolved
            .pointer(path)
            .map(ToString::to_string)
            .unwrap_or_default()
    };
    assert_eq!(
        resolved("/workloads/search/stages/0"),
        r#"{"from":0.0,"over":"10s","to":400.0}"#
    );
    assert_eq!(
        resolved("/workloads/search/stages/2"),
        r#"{"at":800.0,"for":"2s","name":"800"}"#
    );
    assert_eq!(resolved("/phases/0/duration"), "\"18s\"");
    assert_eq!(
        (
            resolved("/phases/0/parts/1/part"),
            resolved("/phases/0/parts/1/requests")
        ),
        ("\"average\"".to_owned(), "2000".to_owned())
    );
    assert_eq!(
        resolved("/workloads/search/rate"),
        "",
        "it has stages instead"
    );
}

#[test]
fn warm_up_has_the_load_of_the_beginning() {
    let from = STAGES
        .replacen("{ to = 400,", "{ from = 50, to = 450,", 1)
        .replace("at = 400", "at = 450");
    let plan = check_parts(
        &staged(&from, "warmup = \"2s\""),
        &[
            ("warmup", 0, 2_000, Some(100)),
            ("ramp", 2_000, 10_000, Some(2_500)),
            ("average", 12_000, 5_000, Some(2_250)),
            ("800", 17_000, 2_000, Some(1_600)),
            ("ramp-2", 19_000, 1_000, Some(400)),
        ],
    );
    assert!(
        plan.expectation()
            .to_string()
            .contains("phase      alone: 18s, after 2s of warm-up\n")
    );
    let nothing = super::plan(&staged(STAGES, "warmup = \"2s\"")).unwrap();
    assert_eq!(
        nothing.parts(0, 0)[0].kind,
        PartKind::Ramp(1),
        "a load that begins at 0 has nothing to warm up with"
    );
    assert_eq!(nothing.parts(0, 0)[0].start, Duration::from_secs(2));
    let sine = "rate = { mean = 200, amplitude = 100, period = \"8s\" }\narrivals = \"even\"";
    check_parts(
        &staged(sine, "warmup = \"2s\"\nduration = \"8s\""),
        &[
            ("warmup", 0, 2_000, Some(400)),
            ("measured", 2_000, 8_000, Some(1_600)),
        ],
    );
}

#[test]
fn stages_that_are_no_whole_requests_meet_their_integral_together() {
    let stages = "arrivals = \"even\"\nstages = [{ at = 2.5, for = \"1s\", name = \"a\" }, { at = \
                  2.5, for = \"1s\", name = \"b\" }]";
    check_parts(
        &staged(stages, ""),
        &[("a", 0, 1_000, Some(3)), ("b", 1_000, 1_000, Some(2))],
    );
}

#[test]
fn bursts_take_the_place_of_a_rate() {
    let bursts = "arrivals = { burst = 50, every = \"1s\" }";
    let plan = check_parts(
        &staged(bursts, "duration = \"4500ms\""),
        &[("measured", 0, 4_500, Some(250))],
    );
    assert_eq!(
        plan.resolved.pointer("/workloads/search/arrivals/burst"),
        Some(&serde_json::json!(50))
    );
    let requests = super::plan(&staged(bursts, "requests = 200")).unwrap();
    assert_eq!(requests.measured_time(0), Some(Duration::from_secs(4)));
}

#[test]
fn a_rate_in_rows_is_divided_by_the_batch() {
    let insert = |rate: &str| {
        with("concurrency = 1", rate).replacen(
            "workloads = [\"search\"]",
            "workloads = [\"ingest\"]",
            1,
        )
    };
    let planned = |text: &str| {
        plan(&insert(text))
            .unwrap()
            .planned_requests(0, 1, PlannedPart::Warmup)
    };
    assert_eq!(
        planned("rate = \"60 rows/s\"\narrivals = \"even\""),
        Some(6),
        "20 rows are a batch"
    );
    let stages = plan(
        &insert("stages = [{ at = \"60 rows/s\", for = \"2s\" }]").replacen(
            "duration = \"10s\"\n",
            "",
            2,
        ),
    )
    .unwrap();
    assert_eq!(
        stages.workloads[1].arrival.stages()[0],
        Stage {
            name: Some("60".to_owned()),
            from: 3.0,
            to: 3.0,
            duration: Duration::from_secs(2)
        }
    );
}

#[test]
fn callers_have_stages_and_think() {
    let callers = "concurrency = { stages = [{ to = 32, over = \"10s\" }, { at = 32, for = \
                   \"30s\" }] }\nthink_time = { exponential = \"50ms\" }";
    let plan = check_parts(
        &staged(callers, ""),
        &[("ramp", 0, 10_000, None), ("32", 10_000, 30_000, None)],
    );
    assert_eq!(plan.workloads[0].arrival.callers(), Some(32));
    assert_eq!(
        plan.parts(0, 0)[0].load,
        PartLoad::Closed { from: 0, to: 32 }
    );
    assert!((plan.assumed_requests(0, 0) - 32.0 * 30.0 / 0.05).abs() < 1e-6);
    assert_eq!(
        plan.resolved
            .pointer("/workloads/search/think_time/exponential"),
        Some(&serde_json::json!("50ms"))
    );
    assert!(plan.expectation().to_string().contains(
        "stage      alone/32/search: 32 callers for 30s, as many as Milvus can answer\n"
    ));
}

#[test]
fn a_workload_may_begin_later() {
    let late = "rate = 200\narrivals = \"even\"\nstart = \"4s\"";
    check_parts(
        &staged(late, "warmup = \"1s\"\nduration = \"10s\""),
        &[("measured", 5_000, 6_000, Some(1_200))],
    );
    let staged_late = format!("start = \"2s\"\n{STAGES}");
    let plan = plan(&staged(&staged_late, "")).unwrap();
    assert_eq!(
        plan.phases[0].length,
        PhaseLength::Duration(Duration::from_secs(20))
    );
}

#[test]
fn workloads_without_stages_last_as_long_as_the_others() {
    let both = staged(STAGES, "").replacen("[\"search\"]", "[\"search\", \"ingest\"]", 1);
    let length = |text: &str| plan(text).unwrap().measured_time(0);
    assert_eq!(length(&both), Some(Duration::from_secs(18)));
    let longer = both.replacen(
        "name = \"alone\"\n",
        "name = \"alone\"\nduration = \"30s\"\n",
        1,
    );
    assert_eq!(length(&longer), Some(Duration::from_secs(30)));
    let message = plan(&longer.replacen("30s", "10s", 1))
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("is 10s, but the stages of `search` end after 18s"),
        "{message}"
    );
}

/// Other arrivals of `search` are refused, with a sentence that has all `words`.
#[track_caller]
fn refused(arrivals: &str, words: &[&str]) {
    refused_phase(arrivals, "duration = \"10s\"", words);
}

#[track_caller]
fn refused_phase(arrivals: &str, phase: &str, words: &[&str]) {
    let mistakes = plan(&staged(arrivals, phase)).expect_err(arrivals);
    let mut messages = mistakes.iter().map(ToString::to_string);
    assert!(
        messages.any(|message| words.iter().all(|word| message.contains(word))),
        "{words:?} are not in one of: {mistakes}"
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn stages_that_make_no_sense() {
    let one = |stage: &str, words: &[&str]| refused(&format!("stages = [{stage}]"), words);
    one("", &["`workloads.search.stages` has no level (`at`)"]);
    one(
        "{ to = 400, over = \"1m\" }",
        &["has no level", "{ at = 400, for = \"5m\" }"],
    );
    one(
        "{ for = \"1m\" }",
        &["`workloads.search.stages.0` has neither `to` nor `at`"],
    );
    one(
        "{ to = 1, at = 1, for = \"1m\" }",
        &["has `to` and `at`", "two stages"],
    );
    one("{ to = 400 }", &["without `over`", "over = \"1m\""]);
    one("{ at = 400 }", &["without `for`"]);
    one(
        "{ at = 400, for = \"0s\" }",
        &["`workloads.search.stages.0.for` is 0s, expected 1ms"],
    );
    one(
        "{ to = 400, over = \"-1s\" }",
        &["stages.0.over", "non-negative"],
    );
    one(
        "{ at = 0, for = \"1s\" }",
        &["stages.0.at` is 0, expected a number above 0"],
    );
    one("{ at = -5, for = \"1s\" }", &["stages.0.at` is -5"]);
    one(
        "{ to = -5, over = \"1s\" }",
        &["stages.0.to` is -5, expected a number from 0 to 1,000,000"],
    );
    one("{ to = 0, over = \"1s\" }", &["stages.0.to` is 0 after 0"]);
    one("{ to = 4, for = \"1s\" }", &["without `over`"]);
    one(
        "{ to = 4, over = \"1s\", for = \"1s\" }",
        &["stages.0.for` belongs to a level"],
    );
    one(
        "{ at = 4, for = \"1s\", over = \"1s\" }",
        &["stages.0.over` belongs to a ramp"],
    );
    one(
        "{ at = 4, for = \"1s\", from = 1 }",
        &["stages.0.from` belongs to a ramp"],
    );
    one(
        "{ at = 4, for = \"1s\" }, { from = 1, to = 8, over = \"1s\" }",
        &["stages.1.from` is for the first stage"],
    );
    one(
        "{ to = 4, over = \"1s\", name = \"up\" }",
        &["stages.up.name` names a ramp"],
    );
    one(
        "{ at = 4, for = \"1s\" }, { at = 4, for = \"2s\" }",
        &[
            "stages.1.at` gives the name \"4\" to a second stage",
            "add `name`",
        ],
    );
    one(
        "{ at = 4, for = \"1s\", name = \"a/b\" }",
        &["is \"a/b\"", "letters, digits"],
    );
    for word in ["warmup", "Measured", "ramp", "ramp-2"] {
        one(
            &format!("{{ at = 4, for = \"1s\", name = \"{word}\" }}"),
            &[word, "name of another part"],
        );
    }
    one(
        "{ at = 4, for = \"20d\" }, { to = 8, over = \"20d\" }",
        &["longer than 30 days"],
    );
    one(
        &"{ to = 4, over = \"1s\" },".repeat(101),
        &["stages.100` is one too many", "100 stages"],
    );
    refused(
        "stages = 5",
        &["`workloads.search.stages` is 5, expected a list"],
    );
}

#[test]
fn more_parts_than_can_be_recorded() {
    let stages: String = (1..=100)
        .map(|rate| format!("{{ at = {rate}, for = \"1s\" }},"))
        .collect();
    let names: Vec<String> = (0..10).map(|number| format!("w{number}")).collect();
    let workloads: String = names
        .iter()
        .map(|name| format!("[workloads.{name}]\noperation = \"search\"\nstages = [{stages}]\n"))
        .collect();
    let phases = |count: usize| {
        (0..count)
            .map(|number| format!("[[phases]]\nname = \"p{number}\"\nworkloads = {names:?}\n"))
            .collect::<String>()
    };
    let (head, _) = GOOD.split_once("[workloads.search]").unwrap();
    plan(&format!("{head}{workloads}{}", phases(60))).unwrap();
    let message = plan(&format!("{head}{workloads}{}", phases(61)))
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("61000 parts") && message.contains("at most 60000"),
        "{message}"
    );
}

#[test]
fn words_of_k6_are_answered_with_ours() {
    let one = |stage: &str, words: &[&str]| refused(&format!("stages = [{stage}]"), words);
    one(
        "{ target = 400, duration = \"1m\" }",
        &["stages.0.target` is not a key here, write `to` for a ramp, or `at` for a level"],
    );
    one(
        "{ to = 400, duration = \"1m\" }",
        &["stages.0.duration` is not a key here, write `over` of a ramp"],
    );
    one("{ to = 400, ovr = \"1m\" }", &["did you mean `over`"]);
    refused("vus = 5", &["`concurrency`"]);
    refused("target = 400", &["`to` or `at` within `stages`"]);
    refused("startTime = \"5s\"", &["write `start` of a workload"]);
    refused("ramp = \"5s\"", &["write `stages` of a workload"]);
    refused_phase(
        "rate = 200",
        "stages = []\nduration = \"1s\"",
        &["`phases.alone.stages` is not a key here, it belongs to [workloads.<name>]"],
    );
}

#[test]
fn loads_that_exclude_each_other() {
    refused(
        "rate = 5\nstages = [{ at = 4, for = \"1s\" }]",
        &["`workloads.search.stages` cannot be combined with `rate`"],
    );
    refused(
        "concurrency = 5\nstages = [{ at = 4, for = \"1s\" }]",
        &["stages` cannot be combined with `concurrency`"],
    );
    refused(
        "rate = 5\narrivals = { burst = 5, every = \"1s\" }",
        &["rate` cannot be combined with bursts"],
    );
    refused(
        "stages = []\narrivals = { burst = 5, every = \"1s\" }",
        &["stages` cannot be combined with bursts"],
    );
    refused(
        "concurrency = 5\narrivals = { burst = 5, every = \"1s\" }",
        &["arrivals` cannot be combined with `concurrency`"],
    );
    refused(
        "stages = [{ at = 4, for = \"1s\" }]\nthink_time = \"1s\"",
        &["think_time` is for a closed loop"],
    );
    refused(
        "concurrency = { stages = [{ at = 4, for = \"1s\" }] }\nmax_in_flight = 5",
        &["max_in_flight` is for an open loop"],
    );
}

#[test]
fn bursts_sines_callers_and_thoughts_out_of_range() {
    refused(
        "arrivals = { burst = 5 }",
        &["`workloads.search.arrivals` has no `burst` or no `every`"],
    );
    refused(
        "arrivals = { burst = 0, every = \"1s\" }",
        &["arrivals.burst` is 0, expected a whole number from 1"],
    );
    refused(
        "arrivals = { burst = 5, every = \"0s\" }",
        &["arrivals.every` is 0s"],
    );
    refused(
        "rate = { mean = 200 }",
        &["is neither a number nor a sine", "period = \"30s\""],
    );
    refused(
        "rate = { mean = 200, amplitude = 300, period = \"1s\" }",
        &["rate.amplitude` is 300, more than `mean`"],
    );
    refused(
        "rate = { mean = 0, amplitude = 0, period = \"1s\" }",
        &["rate.mean` is 0"],
    );
    refused(
        "rate = \"many rows/s\"",
        &["is \"many rows/s\", which is not a rate"],
    );
    refused(
        "rate = \"5000 rows/s\"",
        &["`workloads.search.rate` is in rows a second, which only an insert"],
    );
    refused("concurrency = {}", &["concurrency` has no `stages`"]);
    refused(
        "concurrency = { stages = [{ at = 0, for = \"1s\" }] }",
        &["concurrency.stages.0.at` is 0, expected a whole number from 1 to 10,000"],
    );
    refused(
        "concurrency = { stages = [{ to = 1.5, over = \"1s\" }] }",
        &["stages.0.to` is 1.5, expected a whole number of callers"],
    );
    refused(
        "concurrency = { stages = [{ to = 20_000, over = \"1s\" }] }",
        &["stages.0.to` is 20000, expected a whole number from 0 to 10,000"],
    );
    refused(
        "concurrency = 2\nthink_time = {}",
        &["think_time` has no mean"],
    );
    refused(
        "concurrency = 2\nthink_time = { exponential = \"2h\" }",
        &["think_time.exponential` is 2h"],
    );
}

#[test]
fn lengths_that_contradict_stages_and_starts() {
    refused_phase(
        STAGES,
        "duration = \"18s\"",
        &[
            "`phases.alone.duration` is given, but the stages",
            "18s",
            "omit it",
        ],
    );
    refused_phase(
        STAGES,
        "requests = 100",
        &[
            "`phases.alone.requests` is for workloads without stages",
            "`search`",
        ],
    );
    refused_phase(
        STAGES,
        "until = \"exhausted\"",
        &["`phases.alone.until` is for workloads without stages"],
    );
    refused(
        "rate = 5\nstart = \"10s\"",
        &[
            "`phases.alone.workloads` holds `search`, whose `start` is 10s, after the 10s of the \
             phase",
        ],
    );
}
