//! The plan as a list: paths and values, for reports that show it whole.

use serde_json::Value;

/// Most rows; a plan of more is cut, and the last row says so.
const MOST_ROWS: usize = 400;

/// Every value of the plan with its path, in the order of the JSON.
pub(crate) fn rows(plan: &Value) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    add(&mut rows, "", plan);
    if rows.len() > MOST_ROWS {
        let more = rows.len() - MOST_ROWS;
        rows.truncate(MOST_ROWS);
        rows.push(("...".to_owned(), format!("{more} more in run.json")));
    }
    rows
}

fn add(rows: &mut Vec<(String, String)>, path: &str, value: &Value) {
    match value {
        Value::Null if path.is_empty() => {}
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                add(rows, &path, value);
            }
        }
        Value::Array(values)
            if values
                .iter()
                .any(|value| value.is_object() || value.is_array()) =>
        {
            for (number, value) in values.iter().enumerate() {
                add(rows, &format!("{path}[{number}]"), value);
            }
        }
        Value::Array(values) => rows.push((
            path.to_owned(),
            values.iter().map(word).collect::<Vec<_>>().join(", "),
        )),
        value => rows.push((path.to_owned(), word(value))),
    }
}

/// One value as it would be written, text without quotes; what is not set is a dash.
fn word(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Object(_) => "none".to_owned(),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(plan: &Value, expected: &[(&str, &str)]) {
        let rows = rows(plan);
        assert_eq!(
            rows.iter()
                .map(|(path, value)| (path.as_str(), value.as_str()))
                .collect::<Vec<_>>(),
            expected
        );
    }

    #[test]
    fn every_value_has_its_path() {
        check(
            &json!({"a": {"rate": 200.0, "b": null}, "w": ["x", "y"]}),
            &[("a.b", "-"), ("a.rate", "200.0"), ("w", "x, y")],
        );
        check(
            &json!({"p": [{"n": 1}, {"n": 2}], "e": {}, "f": []}),
            &[("e", "none"), ("f", ""), ("p[0].n", "1"), ("p[1].n", "2")],
        );
        check(&Value::Null, &[]);
    }

    #[test]
    fn long_plans_are_cut_and_say_so() {
        let rows = rows(&json!({ "n": (0..500).map(|n| json!({ "n": n })).collect::<Vec<_>>() }));
        assert_eq!(
            (rows.len(), rows[400].1.as_str()),
            (401, "100 more in run.json")
        );
    }
}
