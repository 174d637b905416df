//! No text makes the reading panic, and every refusal has its words, on a line each.

use proptest::prelude::*;

use super::*;

fn must_not_panic(text: &str, sets: &[&str]) {
    match plan_with(text, sets, &none, &PlanFlags::default()) {
        Err(mistakes) => {
            assert!(mistakes.iter().len() > 0, "rejected without a message");
            for message in mistakes.iter().map(ToString::to_string) {
                assert!(!message.chars().any(char::is_control), "{message:?}");
            }
        }
        Ok(plan) => {
            if sets.is_empty() {
                schema::check_agreement(text, None);
            }
            let _ = (plan.expectation().to_string(), format!("{plan:?}"));
            assert!(
                (0..plan.phases.len()).all(|phase| (0.0..=1.0).contains(&plan.sample_ratio(phase)))
            );
        }
    }
}

/// Every key with the path of its table.
fn rows() -> Vec<(&'static str, &'static str)> {
    let tables = SCENARIO.all().into_iter();
    tables
        .flat_map(|table| table.keys.iter().map(|key| (table.path, key.name)))
        .collect()
}

/// Values that stand for others in a scenario.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| format!("{number:?}").replace("NaN", "nan")),
        "\"[^\"\\\\\\p{C}]{0,12}\"",
        "\"[0-9]{1,20}(ms|s|m|h|d|%|/s| rows/s)\"",
        Just("[]".to_owned()),
        Just("{}".to_owned()),
        Just("[{}, 1, \"x\"]".to_owned()),
        Just("{ a = 1, file = \"x\", name = 2 }".to_owned()),
        Just("true".to_owned()),
        Just("1979-05-27".to_owned()),
    ]
}

proptest! {
    #[test]
    fn any_text(text in "\\PC{0,200}") {
        must_not_panic(&text, &[]);
    }

    #[test]
    fn any_lines_of_toml(
        lines in prop::collection::vec(
            "(\\[{0,2}[a-z.\"]{0,12}\\]{0,2}|[a-z._]{1,10} = [0-9a-z\"{}\\[\\], =%.-]{0,12})",
            0..12,
        ),
    ) {
        must_not_panic(&lines.join("\n"), &[]);
    }

    #[test]
    fn a_good_scenario_with_one_value_changed(line in 0_usize..40, value in value()) {
        let changed: Vec<String> = GOOD
            .lines()
            .enumerate()
            .map(|(index, text)| match text.split_once(" = ") {
                Some((key, _)) if index == line => format!("{key} = {value}"),
                _ => text.to_owned(),
            })
            .collect();
        must_not_panic(&changed.join("\n"), &[]);
    }

    #[test]
    fn a_good_scenario_with_one_line_gone(line in 0_usize..40) {
        let changed: Vec<&str> = GOOD
            .lines()
            .enumerate()
            .filter(|(index, _)| *index != line)
            .map(|(_, text)| text)
            .collect();
        must_not_panic(&changed.join("\n"), &[]);
    }

    #[test]
    fn every_known_key_with_any_value(
        key in 0_usize..rows().len(),
        value in value(),
    ) {
        let (table, key) = rows()[key];
        let table = table
            .replace("collections.<name>", "collections.words")
            .replace("workloads.<name>", "workloads.search")
            .replace("data.<name>", "data.noise")
            .replace("fields[]", "fields.rank")
            .replace("phases[]", "phases.alone");
        let path = if table.is_empty() {
            key.to_owned()
        } else {
            format!("{table}.{key}")
        };
        must_not_panic(GOOD, &[&format!("{path}={value}")]);
    }

    #[test]
    fn any_set(set in "[a-z.\"=]{0,20}\\PC{0,10}") {
        must_not_panic(GOOD, &[&set]);
    }
}
