//! The analysis as the JSON that a page carries: floats of seven digits, texts without invisible
//! characters, nothing that could end the script element.

use serde_json::{Value, json};

use super::side_by_side::Sweep;
use crate::{
    analysis::{AREAS, ASIDE, Analysis, AreaRow},
    report::{
        clean,
        clean::{is_break, is_invisible},
    },
};

/// Digits of a float: three are shown. The others keep the page from another figure than the text
/// of the report has, which two roundings one after the other would give it.
const DIGITS: usize = 7;

/// The data of the charts. Workloads keep their places; what is not drawn is left out.
pub(super) fn json(analysis: &Analysis, sweeps: &[Sweep]) -> Result<String, serde_json::Error> {
    let mut drawn = analysis.clone();
    // The template shows these itself.
    (drawn.verdict, drawn.plan) = Default::default();
    for workload in drawn
        .workloads
        .iter_mut()
        .filter(|workload| workload.is_preparation())
    {
        workload.account.clear();
        workload.curves.clear();
        workload.instances.clear();
        workload.exemplars.clear();
    }
    for exemplar in drawn
        .workloads
        .iter_mut()
        .flat_map(|workload| &mut workload.exemplars)
    {
        exemplar
            .waterfall
            .iter_mut()
            .for_each(|waterfall| waterfall.parts.clear());
    }
    let mut value = serde_json::to_value(&drawn)?;
    value["sweeps"] = serde_json::to_value(sweeps)?;
    tidy(&mut value);
    value["areas"] = AREAS.iter().map(area).collect();
    value["aside"] = json!(ASIDE);
    Ok(inert(&serde_json::to_string(&value)?))
}

/// What the page has to know of an area.
fn area(row: &AreaRow) -> Value {
    json!({
        "name": row.name,
        "meaning": row.meaning,
        "hatch": row.hatch.path(),
        "light": row.light,
        "dark": row.dark,
    })
}

/// Rounds numbers and cleans texts, keys among them: codes and names of spans come from outside.
fn tidy(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(tidy),
        Value::Object(map) => {
            map.values_mut().for_each(tidy);
            *map = std::mem::take(map)
                .into_iter()
                .map(|(key, value)| (clean(&key), value))
                .collect();
        }
        Value::String(text) => *text = clean(text),
        Value::Number(number) if number.is_f64() => {
            let rounded = number
                .as_f64()
                .and_then(|exact| format!("{exact:.*e}", DIGITS - 1).parse().ok());
            if let Some(rounded) = rounded.and_then(serde_json::Number::from_f64) {
                *number = rounded;
            }
        }
        _ => {}
    }
}

/// JSON without the characters that mean something to HTML or to a terminal. They stand only within
/// strings, where the escape means the same.
fn inert(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if matches!(c, '<' | '>' | '&') || is_break(c) || is_invisible(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_have_seven_digits_and_counts_all() {
        let mut value =
            json!({"a": [3_540.434_361_422_308, 1e-7, -0.0, 0.1], "n": 1_234_567_890_u64});
        tidy(&mut value);
        assert_eq!(
            value.to_string(),
            r#"{"a":[3540.434,1e-7,-0.0,0.1],"n":1234567890}"#
        );
    }

    #[test]
    fn texts_do_not_reorder_the_page() {
        let mut value = json!({ "a\u{202e}": ["b\u{2067}\n"] });
        tidy(&mut value);
        assert_eq!(value.to_string(), r#"{"a":["b "]}"#);
    }

    #[test]
    fn nothing_ends_the_script_element() {
        let text = r#"</script><!--<script>&"#;
        let safe = inert(&json!({ text: "\u{2028}\u{202e}\u{e0041}" }).to_string());
        assert!(
            !safe.contains(['<', '>', '&', '\u{2028}', '\u{202e}']),
            "{safe}"
        );
        let back: Value = serde_json::from_str(&safe).unwrap();
        assert_eq!(back[text], "\u{2028}\u{202e}\u{e0041}");
    }
}
