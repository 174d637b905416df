//! Whether to believe the page, and whether what the scenario requires was so: the words at its
//! top, their colour, its title and the icon of its tab.

use super::icon::Icon;
use crate::{
    analysis::{Analysis, Reason, ThresholdState, VerdictState},
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
    pub(super) icon: String,
}

/// A reason for care.
#[derive(Debug)]
pub(super) struct ReasonWords {
    pub(super) found: String,
    pub(super) limit: String,
    pub(super) advice: String,
}

/// The words of `analysis`' verdict and thresholds.
pub(super) fn verdict(analysis: &Analysis) -> VerdictWords {
    let mut groups = alike(&analysis.verdict.reasons);
    groups.retain(|reasons| !OF_STATUS.contains(&reasons[0].code.as_str()));
    groups.sort_by_key(|reasons| std::cmp::Reverse(reasons[0].state));
    let reasons = counted(groups.len() as u64, "reason");
    let state = analysis.verdict.state;
    let (word, sentence) = match (state, groups.is_empty()) {
        (VerdictState::Valid, _) => (
            "valid",
            "Valid: nothing speaks against these figures".to_owned(),
        ),
        (VerdictState::Reservations, true) => {
            ("valid with caveats", "Valid with caveats".to_owned())
        }
        (VerdictState::Reservations, false) => (
            "valid with caveats",
            format!("Valid with caveats: {reasons} for care"),
        ),
        (VerdictState::Invalid, true) => ("invalid", "Invalid".to_owned()),
        (VerdictState::Invalid, false) => (
            "invalid",
            format!("Invalid: {reasons} not to use these figures"),
        ),
    };
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
        reasons: groups.iter().map(|reasons| reason(reasons)).collect(),
        open: [
            (ThresholdState::Failed, "bad"),
            (ThresholdState::Undecided, "doubtful"),
        ]
        .into_iter()
        .flat_map(|(state, class)| lines(analysis, state).map(move |line| (class, line)))
        .collect(),
        passed: lines(analysis, ThresholdState::Passed).collect(),
        icon: icon.address(),
    }
}

/// `2 of 5 thresholds failed`; None where none did.
fn failed(analysis: &Analysis) -> Option<String> {
    let failed = lines(analysis, ThresholdState::Failed).count() as u64;
    (failed > 0).then(|| {
        let all = analysis.thresholds.len() as u64;
        format!("{} of {} failed", count(failed), counted(all, "threshold"))
    })
}

fn lines(analysis: &Analysis, state: ThresholdState) -> impl Iterator<Item = String> {
    let alike = analysis
        .thresholds
        .iter()
        .filter(move |result| result.state == state);
    alike.map(|result| clean(&thresholds::line(result)))
}

fn reason(reasons: &[&Reason]) -> ReasonWords {
    let first = reasons[0];
    let places: Vec<String> = reasons
        .iter()
        .map(|reason| clean(&reason.at))
        .filter(|at| !at.is_empty())
        .collect();
    let code = clean(&first.code.replace('_', " "));
    if first.unit.is_empty() {
        let found = if places.is_empty() {
            code
        } else {
            format!("{code} at {}", places.join(", "))
        };
        return ReasonWords {
            found,
            limit: String::new(),
            advice: clean(&first.advice),
        };
    }
    let at = |reason: &Reason| {
        if reason.at.is_empty() {
            String::new()
        } else {
            format!(" at {}", clean(&reason.at))
        }
    };
    let found: Vec<String> = reasons
        .iter()
        .map(|reason| format!("{}{}", figure(reason.figure, &reason.unit), at(reason)))
        .collect();
    ReasonWords {
        found: format!("{code} {}", clean(&found.join(", "))),
        limit: clean(&figure(first.limit, &first.unit)),
        advice: clean(&first.advice),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::{ThresholdResult, Verdict};

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
