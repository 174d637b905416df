//! Whether to believe the page, and whether what the scenario requires was so: the words at its
//! top, their colour, its title and the icon of its tab.

use super::icon::Icon;
use crate::{
    analysis::{Analysis, Reason, ThresholdResult, ThresholdState, VerdictState},
    report::{
        clean,
        text::head::{OF_STATUS, alike, figure},
        thresholds,
        units::{count, counted},
    },
};

/// The verdict as the page shows it.
#[derive(Debug)]
pub(super) struct VerdictWords {
    /// Of its box: `valid`, `reservations` or `invalid`. A failed threshold is as red as an invalid
    /// run.
    pub(super) class: &'static str,
    pub(super) mark: &'static str,
    /// For the page's title.
    pub(super) word: String,
    pub(super) sentence: String,
    pub(super) reasons: Vec<ReasonWords>,
    /// What failed and what could not be decided: a class and a line.
    pub(super) open: Vec<(&'static str, String)>,
    /// What passed.
    pub(super) passed: Vec<String>,
    /// `5 of 10 thresholds passed`.
    pub(super) counts: String,
    pub(super) icon: String,
}

/// A caveat, or a reason why the run is invalid.
#[derive(Debug)]
pub(super) struct ReasonWords {
    pub(super) found: String,
    pub(super) limit: String,
    /// Where, if not everywhere, and what to do.
    pub(super) advice: Vec<(String, String)>,
    /// Whether the advice is unfolded: the answer is to stand on the first screen as well.
    pub(super) open: bool,
}

/// The words of `analysis`' verdict and thresholds.
pub(super) fn verdict(analysis: &Analysis) -> VerdictWords {
    let mut groups = alike(&analysis.verdict.reasons);
    groups.retain(|reasons| !OF_STATUS.contains(&reasons[0].code.as_str()));
    groups.sort_by_key(|reasons| std::cmp::Reverse(reasons[0].state));
    let things = of_one_thing(&groups);
    let state = analysis.verdict.state;
    let (word, sentence) = words(state, things.len() as u64);
    let sentence = if analysis.verdict.client_bound {
        format!("Client-bound. {sentence}")
    } else {
        sentence
    };
    let failed = failed(analysis);
    let (word, sentence) = match &failed {
        None => (word.to_owned(), sentence),
        // What an invalid run shows is no ground to judge by.
        Some(failed) if state == VerdictState::Invalid => (
            format!("{word}, thresholds failed"),
            format!("{sentence}. {failed}"),
        ),
        Some(failed) => (
            format!("thresholds failed, {word}"),
            format!("{failed}. {sentence}"),
        ),
    };
    let icon = match state {
        VerdictState::Invalid => Icon::Bad,
        _ if failed.is_some() => Icon::Bad,
        VerdictState::Reservations => Icon::Doubtful,
        VerdictState::Valid => Icon::Good,
    };
    VerdictWords {
        class: icon.class(),
        mark: icon.mark(),
        word,
        sentence,
        reasons: things
            .iter()
            .enumerate()
            .map(|(at, thing)| reason(thing, at == 0))
            .collect(),
        open: [
            (ThresholdState::Failed, "bad"),
            (ThresholdState::Undecided, "doubtful"),
        ]
        .into_iter()
        .flat_map(|(state, class)| {
            let lines = lines(analysis, state).into_iter();
            lines.map(move |line| (class, line))
        })
        .collect(),
        passed: lines(analysis, ThresholdState::Passed),
        counts: thresholds_passed(analysis),
        icon: icon.address(),
    }
}

/// The verdict in a word and in a sentence, with as many reasons.
fn words(state: VerdictState, reasons: u64) -> (&'static str, String) {
    let word = match state {
        VerdictState::Valid => "valid",
        VerdictState::Reservations => "valid with caveats",
        VerdictState::Invalid => "invalid",
    };
    let sentence = match (state, reasons) {
        (VerdictState::Valid, _) => "Valid: nothing speaks against these figures".to_owned(),
        (VerdictState::Reservations, 0) => "Valid with caveats".to_owned(),
        (VerdictState::Reservations, _) => format!("Valid with {}", counted(reasons, "caveat")),
        (VerdictState::Invalid, 0) => "Invalid".to_owned(),
        (VerdictState::Invalid, _) => format!(
            "Invalid: {} not to use these figures",
            counted(reasons, "reason")
        ),
    };
    (word, sentence)
}

/// `2 of 5 thresholds failed`; None where none did.
fn failed(analysis: &Analysis) -> Option<String> {
    let failed = of_state(analysis, ThresholdState::Failed).count() as u64;
    (failed > 0).then(|| {
        let all = analysis.thresholds.len() as u64;
        format!("{} of {} failed", count(failed), counted(all, "threshold"))
    })
}

fn thresholds_passed(analysis: &Analysis) -> String {
    let passed = of_state(analysis, ThresholdState::Passed).count() as u64;
    let all = analysis.thresholds.len() as u64;
    format!("{} of {} passed", count(passed), counted(all, "threshold"))
}

/// One line for each threshold of this state; that of several workloads names them.
fn lines(analysis: &Analysis, state: ThresholdState) -> Vec<String> {
    let mut groups: Vec<Vec<&ThresholdResult>> = Vec::new();
    for result in of_state(analysis, state) {
        let is_same = |group: &&mut Vec<&ThresholdResult>| {
            let known = group[0];
            (&known.require, known.strict) == (&result.require, result.strict)
                && parted(known).map(|(_, rest)| rest) == parted(result).map(|(_, rest)| rest)
        };
        match groups.iter_mut().find(is_same) {
            Some(group) => group.push(result),
            None => groups.push(vec![result]),
        }
    }
    let line = |group: &Vec<&ThresholdResult>| match (group.as_slice(), parted(group[0])) {
        (several @ [first, _, ..], Some((_, rest))) => {
            let found = several.iter().filter_map(|result| {
                let (found, _) = parted(result)?;
                Some(format!("{found} at {}", result.at))
            });
            let found: Vec<String> = found.collect();
            format!("{}: {}, limit {rest}", first.require, found.join(", "))
        }
        _ => thresholds::line(group[0]),
    };
    groups.iter().map(|group| clean(&line(group))).collect()
}

fn of_state(analysis: &Analysis, state: ThresholdState) -> impl Iterator<Item = &ThresholdResult> {
    analysis
        .thresholds
        .iter()
        .filter(move |result| result.state == state)
}

/// Figure and limit in words; None where the sentence says something else.
fn parted(result: &ThresholdResult) -> Option<(&str, &str)> {
    result.sentence.split_once(", limit ")
}

/// Groups of [`alike`] reasons that are about one thing, with one limit: they differ in their
/// places, and in the figures of their advice.
fn of_one_thing<'a>(groups: &[Vec<&'a Reason>]) -> Vec<Vec<Vec<&'a Reason>>> {
    let mut things: Vec<Vec<Vec<&Reason>>> = Vec::new();
    for group in groups {
        let is_same = |thing: &&mut Vec<Vec<&Reason>>| {
            let (one, other) = (thing[0][0], group[0]);
            (one.code.as_str(), one.state, one.limit) == (&other.code, other.state, other.limit)
        };
        match things.iter_mut().find(is_same) {
            Some(thing) => thing.push(group.clone()),
            None => things.push(vec![group.clone()]),
        }
    }
    things
}

fn reason(thing: &[Vec<&Reason>], open: bool) -> ReasonWords {
    let first = thing[0][0];
    let code = clean(&first.code.replace('_', " "));
    let found = |reason: &Reason| {
        let figure = if reason.unit.is_empty() {
            String::new()
        } else {
            figure(reason.figure, &reason.unit)
        };
        let at = if reason.at.is_empty() {
            String::new()
        } else {
            format!("at {}", reason.at)
        };
        clean(format!("{figure} {at}").trim())
    };
    let all: Vec<String> = thing.iter().flatten().map(|reason| found(reason)).collect();
    let advice = thing
        .iter()
        .map(|group| {
            let places: Vec<String> = group.iter().map(|reason| clean(&reason.at)).collect();
            let places = if thing.len() > 1 {
                places.join(", ")
            } else {
                String::new()
            };
            (places, clean(&group[0].advice))
        })
        .filter(|(_, advice)| !advice.is_empty());
    ReasonWords {
        found: format!("{code} {}", all.join(", ")).trim_end().to_owned(),
        limit: if first.unit.is_empty() {
            String::new()
        } else {
            clean(&figure(first.limit, &first.unit))
        },
        advice: advice.collect(),
        open,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::Verdict;

    fn check(state: VerdictState, thresholds: &[ThresholdState], expected: [&str; 4]) {
        let thresholds = thresholds.iter().map(|state| ThresholdResult {
            state: *state,
            ..ThresholdResult::default()
        });
        let found = verdict(&Analysis {
            verdict: Verdict {
                state,
                ..Verdict::default()
            },
            thresholds: thresholds.collect(),
            ..Analysis::default()
        });
        assert_eq!(
            [found.class, found.mark, &found.word, &found.sentence],
            expected
        );
    }

    #[test]
    fn a_threshold_that_failed_at_several_places_is_one_line() {
        let result = |require: &str, at: &str, sentence: &str| ThresholdResult {
            require: require.to_owned(),
            at: at.to_owned(),
            state: ThresholdState::Failed,
            sentence: sentence.to_owned(),
            ..ThresholdResult::default()
        };
        let found = verdict(&Analysis {
            thresholds: vec![
                result("p99 < 5ms", "a/search", "7.00 ms, limit 5.00 ms"),
                result("failed < 1%", "a/search", "2.00 %, limit 1.00 %"),
                result("p99 < 5ms", "b/search", "9.00 ms, limit 5.00 ms"),
            ],
            ..Analysis::default()
        });
        let lines: Vec<&str> = found.open.iter().map(|(_, line)| line.as_str()).collect();
        assert_eq!(
            lines,
            [
                "p99 < 5ms: 7.00 ms at a/search, 9.00 ms at b/search, limit 5.00 ms",
                "failed < 1% at a/search: 2.00 %, limit 1.00 %",
            ]
        );
        assert!(found.sentence.starts_with("3 of 3 thresholds failed"));
    }

    #[test]
    fn reasons_of_one_thing_are_one_line() {
        let reason = |code: &str, at: &str, figure, advice: &str| Reason {
            code: code.to_owned(),
            at: at.to_owned(),
            state: VerdictState::Reservations,
            figure,
            limit: 1_000.0,
            unit: "us".to_owned(),
            advice: advice.to_owned(),
            ..Reason::default()
        };
        let found = verdict(&Analysis {
            verdict: Verdict {
                state: VerdictState::Reservations,
                reasons: vec![
                    reason("send_lag", "a/search", 3e3, "used 1.7 of 2 cores"),
                    reason("send_lag", "b/search", 4e3, "used 1.8 of 2 cores"),
                    reason("failed", "a/search", 3e3, "read the errors"),
                ],
                ..Verdict::default()
            },
            ..Analysis::default()
        });
        assert_eq!(found.sentence, "Valid with 2 caveats");
        let lines: Vec<&str> = found
            .reasons
            .iter()
            .map(|line| line.found.as_str())
            .collect();
        assert_eq!(
            lines,
            [
                "send lag 3.00 ms at a/search, 4.00 ms at b/search",
                "failed 3.00 ms at a/search"
            ]
        );
        let advice = |at: usize| found.reasons[at].advice.clone();
        let pair = |at: &str, text: &str| (at.to_owned(), text.to_owned());
        assert_eq!(
            advice(0),
            [
                pair("a/search", "used 1.7 of 2 cores"),
                pair("b/search", "used 1.8 of 2 cores")
            ]
        );
        assert_eq!(advice(1), [pair("", "read the errors")]);
        assert!(found.reasons[0].open && !found.reasons[1].open);
    }

    #[test]
    fn a_failed_threshold_colours_the_verdict_and_an_undecided_one_does_not() {
        use ThresholdState::{Failed, Passed, Undecided};
        let valid = "Valid: nothing speaks against these figures";
        check(
            VerdictState::Valid,
            &[Passed, Undecided],
            ["valid", "✓", "valid", valid],
        );
        check(
            VerdictState::Valid,
            &[Passed, Failed],
            [
                "invalid",
                "✕",
                "thresholds failed, valid",
                &format!("1 of 2 thresholds failed. {valid}"),
            ],
        );
        check(
            VerdictState::Reservations,
            &[Failed],
            [
                "invalid",
                "✕",
                "thresholds failed, valid with caveats",
                "1 of 1 threshold failed. Valid with caveats",
            ],
        );
        check(
            VerdictState::Invalid,
            &[Failed],
            [
                "invalid",
                "✕",
                "invalid, thresholds failed",
                "Invalid. 1 of 1 threshold failed",
            ],
        );
    }
}
