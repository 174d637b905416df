//! `report.json`: the analysis itself, for programs. Floats are written in full, so that an
//! account's parts still add up.

use serde::Serialize;

use super::{
    ReportEntry, ReportError, RunReport,
    clean::{is_break, is_invisible},
};
use crate::analysis::Analysis;

/// The row of the table.
pub(super) const ENTRY: ReportEntry = ReportEntry {
    name: "json",
    file: "report.json",
    text: true,
    joined: Some(joined),
    summary: "every figure, for programs; its keys keep their meaning",
    render,
};

fn render(analysis: &Analysis) -> Result<Vec<u8>, ReportError> {
    to_json(analysis)
}

/// A list of the reports; each names its run.
fn joined(reports: &[RunReport]) -> Result<Vec<u8>, ReportError> {
    let reports: Vec<&[u8]> = reports
        .iter()
        .map(|report| report.bytes.trim_ascii())
        .collect();
    Ok([
        b"[\n".as_slice(),
        &reports.join(b",\n".as_slice()),
        b"\n]\n",
    ]
    .concat())
}

/// `value` as JSON to be read by people as well, without characters that mean something to a
/// terminal.
pub(super) fn to_json(value: &impl Serialize) -> Result<Vec<u8>, ReportError> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| ReportError(format!("the report can't be written as JSON: {error}")))?;
    let text = numbers_in_lines(&text);
    let mut out = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        // serde_json escapes what JSON demands; the rest would reach a terminal as control. Such
        // characters stand only within strings, where the escape means the same.
        if c != '\n' && (is_break(c) || is_invisible(c)) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(c);
        }
    }
    out.push('\n');
    Ok(out.into_bytes())
}

/// The same with lists of numbers in one line each: curves and series would take a line for each
/// number. No text has a line break in JSON, so that a line that ends with `[` begins a list.
fn numbers_in_lines(pretty: &str) -> String {
    let mut out = String::with_capacity(pretty.len());
    let mut rest = pretty;
    while let Some((before, list)) = rest.split_once("[\n") {
        out.push_str(before);
        out.push('[');
        let plain = |text: &str| {
            text.chars().all(|c| {
                matches!(
                    c,
                    '0'..='9' | '+' | '-' | '.' | 'e' | 'E' | ',' | ' ' | '\n' | 'n' | 'u' | 'l'
                )
            })
        };
        match list.split_once(']').filter(|(numbers, _)| plain(numbers)) {
            Some((numbers, after)) => {
                out.push_str(&numbers.split_whitespace().collect::<Vec<_>>().join(" "));
                out.push(']');
                rest = after;
            }
            None => {
                out.push('\n');
                rest = list;
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{analysis::RequestTable, report::sample};

    fn check_reads_back(analysis: &Analysis) -> String {
        let text = String::from_utf8(render(analysis).unwrap()).unwrap();
        // Whole histograms and single requests are not written.
        let mut analysis = analysis.clone();
        analysis
            .workloads
            .iter_mut()
            .for_each(|workload| workload.histograms.clear());
        analysis.requests = RequestTable::default();
        assert_eq!(serde_json::from_str::<Analysis>(&text).unwrap(), analysis);
        text
    }

    #[test]
    fn what_is_written_reads_back_equal_and_twice_the_same() {
        let first = check_reads_back(&sample::analysis());
        assert_eq!(first, check_reads_back(&sample::analysis()));
        check_reads_back(&Analysis::default());
    }

    #[test]
    fn lists_of_numbers_take_a_line_each() {
        let check = |value: serde_json::Value, expected: &str| {
            let found = numbers_in_lines(&serde_json::to_string_pretty(&value).unwrap());
            assert_eq!(found, expected);
            assert_eq!(
                serde_json::from_str::<serde_json::Value>(&found).unwrap(),
                value
            );
        };
        check(
            serde_json::json!([1, -2.5, null, 1e-7]),
            "[1, -2.5, null, 1e-7]",
        );
        check(
            serde_json::json!([[0.5, 1], [], [2, 3]]),
            "[\n  [0.5, 1],\n  [],\n  [2, 3]\n]",
        );
        check(
            serde_json::json!({ "a": ["1", "[", "]"], "b": [{ "c": [7] }] }),
            "{\n  \"a\": [\n    \"1\",\n    \"[\",\n    \"]\"\n  ],\n  \"b\": [\n    {\n      \
             \"c\": [7]\n    }\n  ]\n}",
        );
        check(
            serde_json::json!({ "a[": "[\n1]", "b": [true, false] }),
            "{\n  \"a[\": \"[\\n1]\",\n  \"b\": [\n    true,\n    false\n  ]\n}",
        );
    }

    #[test]
    fn keys_are_those_of_the_documented_format() {
        let text = check_reads_back(&sample::analysis());
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let search = &json["workloads"][5];
        assert_eq!(json["format"], 1);
        assert_eq!(json["verdict"]["state"], "reservations");
        assert_eq!(search["loop"], "open");
        assert!(search["response_time_us"]["p99.9"]["value"].is_f64());
        assert_eq!(search["response_time_us"]["p99"]["at_least"], true);
        assert!(search["response_time_us"]["p50"].get("at_least").is_none());
        assert_eq!(search["account"][0]["band"], "all");
        assert!(search["account"][0]["parts"][0].get("service").is_none());
        assert!(json["workloads"][6]["response_time_us"].is_null());
    }

    #[test]
    fn parts_add_up_to_the_mean_after_reading() {
        let text = check_reads_back(&sample::analysis());
        let analysis: Analysis = serde_json::from_str(&text).unwrap();
        for band in analysis
            .workloads
            .iter()
            .flat_map(|workload| &workload.account)
        {
            let sum: f64 = band.parts.iter().map(|part| part.mean_us).sum();
            assert!(
                (sum - band.mean_us).abs() <= 1e-6 * band.mean_us,
                "{}: {sum} {}",
                band.band,
                band.mean_us
            );
        }
    }

    #[test]
    fn text_from_outside_is_escaped() {
        let analysis = Analysis {
            name: "a\u{1b}[31m\u{9b}\u{7f}\u{202e}\u{e0041}\n\"<".to_owned(),
            ..Analysis::default()
        };
        let text = check_reads_back(&analysis);
        assert!(
            text.contains(r#""a\u001b[31m\u009b\u007f\u202e\udb40\udc41\n\"<""#),
            "{text}"
        );
    }
}
