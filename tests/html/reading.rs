//! What a reader finds in `report.html`: contents, legends, words, tables of a phone, the verdict.

use milvus_bench::analysis::{Analysis, ThresholdState, VerdictState};
use serde_json::{Value, json};

use crate::{
    Case,
    browser::Browser,
    chromium::Chromium,
    samples::{page, sample, swept},
};

/// The tests of this file.
pub(crate) const CASES: &[Case] = &[
    Case {
        name: "contents_stand_beside_the_report_and_lead_to_all_of_it",
        run: contents_stand_beside_the_report_and_lead_to_all_of_it,
    },
    Case {
        name: "the_first_screen_says_what_changed_between_phases_and_why",
        run: the_first_screen_says_what_changed_between_phases_and_why,
    },
    Case {
        name: "a_dashed_line_has_a_dashed_swatch_and_p99_is_no_p50_of_another_hue",
        run: a_dashed_line_has_a_dashed_swatch_and_p99_is_no_p50_of_another_hue,
    },
    Case {
        name: "words_in_bars_end_in_an_ellipsis_and_follow_the_page",
        run: words_in_bars_end_in_an_ellipsis_and_follow_the_page,
    },
    Case {
        name: "a_phone_shows_p50_and_p99_first_and_folds_the_contents",
        run: a_phone_shows_p50_and_p99_first_and_folds_the_contents,
    },
    Case {
        name: "a_notice_of_the_browser_is_no_failure_and_an_error_is_shown",
        run: a_notice_of_the_browser_is_no_failure_and_an_error_is_shown,
    },
    Case {
        name: "a_failed_threshold_colours_verdict_title_and_icon",
        run: a_failed_threshold_colours_verdict_title_and_icon,
    },
    Case {
        name: "searches_with_several_settings_are_side_by_side",
        run: searches_with_several_settings_are_side_by_side,
    },
    Case {
        name: "numbers_look_as_in_the_text_report",
        run: numbers_look_as_in_the_text_report,
    },
    Case {
        name: "a_span_stands_beside_its_area",
        run: a_span_stands_beside_its_area,
    },
];

const PROBE: &str = include_str!("reading_probe.js");

/// What the probe found on light paper.
#[track_caller]
fn read(chromium: &Chromium, analysis: &Analysis, width: u32) -> Value {
    let light = "--blink-settings=preferredColorScheme=1";
    let found = Browser::new(chromium).ask(PROBE, &page(analysis), width, &[light]);
    assert_eq!(found["errors"], "", "{found:#}");
    found
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("no number: {value}"))
}

fn contents_stand_beside_the_report_and_lead_to_all_of_it(chromium: &Chromium) {
    let found = read(chromium, &sample(), 1280);
    let links = list(&found["links"]);
    for link in links {
        assert_eq!(link["found"], true, "{link:#}");
    }
    let texts: Vec<&str> = links
        .iter()
        .filter_map(|link| link["text"].as_str())
        .collect();
    for wanted in [
        "Verdict",
        "search, phase beside phase",
        "Workloads",
        "alone/search",
        "under-ingest/ingest",
        "Latency breakdown",
        "Traces behind it",
        "The run",
        "Machine, alone",
        "Plan",
    ] {
        assert!(texts.contains(&wanted), "{wanted}: {texts:#?}");
    }
    let seen = links.iter().filter(|link| link["seen"] == true).count();
    assert!(found["unfolded"] == true && seen >= 7, "{links:#?}");
    // They stay while the report is scrolled, and say where it is.
    let (run, contents) = (number(&found["run_top"]), number(&found["contents_top"]));
    assert!(
        run < 900.0 && (0.0..200.0).contains(&contents),
        "{run} {contents}"
    );
    assert!(
        found["current"]
            .as_str()
            .is_some_and(|hash| hash != "#verdict"),
        "{}",
        found["current"]
    );
}

fn the_first_screen_says_what_changed_between_phases_and_why(chromium: &Chromium) {
    let found = read(chromium, &sample(), 1280);
    let answer = &list(&found["answers"])[0];
    let text = answer["text"].as_str().expect("a text");
    for words in [
        "search in 2 phases",
        "3.95 ms",
        "at least 48.3 ms",
        "slower than alone",
        "consistency wait · Delegator-waitTSafe",
        "brute force",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let bottom = number(&answer["bottom"]);
    assert!((200.0..800.0).contains(&bottom), "{answer:#}");
    assert_eq!(answer["leads_to"], "search, phase beside phase");
    let sections = list(&found["sections"]);
    assert_eq!(
        sections[1..4],
        ["Answer", "search, phase beside phase", "Workloads"]
    );
    let swept = read(chromium, &swept(), 1280);
    assert_eq!(list(&swept["sections"])[2], "search on words, by ef");
}

fn a_dashed_line_has_a_dashed_swatch_and_p99_is_no_p50_of_another_hue(chromium: &Chromium) {
    let found = read(chromium, &sample(), 1280);
    let line = |chart: &str, label: &str| {
        list(&found["legends"])
            .iter()
            .filter(|legend| legend["chart"] == chart)
            .flat_map(|legend| list(&legend["lines"]))
            .find(|line| line["label"] == label)
            .unwrap_or_else(|| panic!("no {label} in {chart}: {:#}", found["legends"]))
    };
    for (chart, label, dash) in [
        ("series", "p50", ""),
        ("series", "p99", "6 4"),
        ("series", "planned", "4 3"),
        ("curves", "response time", ""),
        ("curves", "service time", "7 4"),
        ("overlay", "alone", ""),
        ("overlay", "under-ingest", "7 4"),
    ] {
        let line = line(chart, label);
        assert_eq!(
            (line["shape"].as_str(), line["dash"].as_str()),
            (Some("line"), Some(dash)),
            "{line:#}"
        );
    }
    assert_eq!(line("series", "failed")["shape"], "rect");
    let stroke = |label: &str| line("series", label)["stroke"].clone();
    assert_ne!(stroke("p50"), stroke("p99"));
}

fn words_in_bars_end_in_an_ellipsis_and_follow_the_page(chromium: &Chromium) {
    let found = read(chromium, &sample(), 1280);
    let shortened = |words: &[Value]| {
        let mut short = 0;
        for word in words {
            let (whole, shown) = (
                word["whole"].as_str().expect("a text"),
                word["shown"].as_str().expect("a text"),
            );
            let is_cut = shown
                .strip_suffix('…')
                .is_some_and(|begin| whole.starts_with(begin));
            assert!(shown == whole || shown.is_empty() || is_cut, "{word:#}");
            assert!(shown.is_empty() || number(&word["over"]) < 0.0, "{word:#}");
            short += usize::from(is_cut);
        }
        short
    };
    let (wide, narrow) = (list(&found["words"]), list(&found["narrower"]));
    assert!(
        shortened(wide) > 0 && shortened(narrow) > 0,
        "{wide:#?} {narrow:#?}"
    );
    let letters = |words: &[Value]| {
        words
            .iter()
            .filter_map(|word| word["shown"].as_str())
            .map(|text| text.chars().count())
            .sum::<usize>()
    };
    assert!(
        letters(narrow) * 2 < letters(wide),
        "{} letters of {}",
        letters(narrow),
        letters(wide)
    );
}

fn a_phone_shows_p50_and_p99_first_and_folds_the_contents(chromium: &Chromium) {
    for analysis in [sample(), swept()] {
        let found = read(chromium, &analysis, 390);
        assert_eq!(found["scroll"], 390, "{found:#}");
        assert_eq!(found["unfolded"], false);
        let mut tables = 0;
        for table in list(&found["tables"]) {
            let headings = list(table);
            let at = |key: &str| {
                let is = |heading: &&Value| {
                    heading["text"]
                        .as_str()
                        .is_some_and(|text| text.trim_end_matches(" ms") == key)
                };
                headings.iter().find(is)
            };
            if let (Some(_), Some(p99)) = (at("p50"), at("p99")) {
                assert!(number(&p99["right"]) <= 390.0, "{headings:#?}");
                tables += 1;
            }
        }
        // Of the workloads, and of each workload.
        assert!(tables > 3, "{:#}", found["tables"]);
    }
}

fn a_notice_of_the_browser_is_no_failure_and_an_error_is_shown(chromium: &Chromium) {
    let found = read(chromium, &sample(), 1280);
    assert_eq!(found["after_notice"], 0, "{found:#}");
    let shown = list(&found["after_error"]);
    assert!(
        shown.len() == 1
            && shown[0]
                .as_str()
                .is_some_and(|text| text.contains("could not draw everything")
                    && text.contains("thrown by the probe")),
        "{shown:#?}"
    );
}

fn a_failed_threshold_colours_verdict_title_and_icon(chromium: &Chromium) {
    let mut analysis = sample();
    (analysis.verdict.state, analysis.verdict.reasons) = (VerdictState::Valid, Vec::new());
    let failed = read(chromium, &analysis, 1280);
    analysis
        .thresholds
        .retain(|result| result.state != ThresholdState::Failed);
    let passed = read(chromium, &analysis, 1280);
    for (found, color, mark, words) in [
        (&failed, "bad", "✕", "1 of 3 thresholds failed"),
        (&passed, "good", "✓", "Valid: nothing speaks against"),
    ] {
        assert_eq!(found["border"], found["colors"][color], "{found:#}");
        assert_eq!(found["mark"], mark);
        let text = |of: &str| found[of].as_str().expect("a text").to_owned();
        assert!(text("title").starts_with(mark), "{}", text("title"));
        assert!(text("verdict").contains(words), "{}", text("verdict"));
        assert!(
            text("icon").starts_with("data:image/svg+xml"),
            "{}",
            text("icon")
        );
    }
    let title = failed["title"].as_str().expect("a title");
    assert!(title.contains("thresholds failed"), "{title}");
    assert_ne!(failed["icon"], passed["icon"]);
}

fn searches_with_several_settings_are_side_by_side(chromium: &Chromium) {
    let found = read(chromium, &swept(), 1280);
    let rows = list(&found["rows"]);
    let efs: Vec<&Value> = rows.iter().map(|row| &row[0]).collect();
    assert_eq!(json!(efs), json!(["16", "32", "64", "128", "256"]));
    let p99: Vec<&str> = rows.iter().filter_map(|row| row[2].as_str()).collect();
    assert!(p99.len() == 5 && p99[0] != p99[4], "{rows:#?}");
    let charts: Vec<&Value> = list(&found["legends"])
        .iter()
        .filter(|legend| legend["chart"] == "sweep")
        .collect();
    let labels: Vec<&str> = charts
        .iter()
        .flat_map(|legend| list(&legend["lines"]))
        .filter_map(|line| line["label"].as_str())
        .collect();
    assert_eq!(charts.len(), 1);
    for wanted in ["p50", "p99", "recall", "sent /s"] {
        assert!(labels.contains(&wanted), "{labels:?}");
    }
    let linked = list(&found["links"])
        .iter()
        .any(|link| link["text"] == "search on words, by ef");
    assert!(linked, "{:#}", found["links"]);
}

fn a_span_stands_beside_its_area(chromium: &Chromium) {
    let found = read(chromium, &sample(), 1280);
    let spans = list(&found["spans"]);
    assert!(!spans.is_empty());
    for span in spans {
        assert!(
            span["area"].as_str().is_some_and(|area| !area.is_empty()),
            "{span:#}"
        );
    }
    let largest = list(&found["largest"]);
    assert!(
        largest.iter().any(|text| text
            .as_str()
            .is_some_and(|text| text.contains("consistency wait · Delegator-waitTSafe"))),
        "{largest:#?}"
    );
}

/// As `src/report/units.rs` has them.
fn numbers_look_as_in_the_text_report(chromium: &Chromium) {
    let browser = Browser::new(chromium);
    let mut tab = browser.tab("", &page(&sample()), 1280, &[]);
    for (shown, rows) in [
        (
            "duration",
            &[
                ("0.25", "0.250 us"),
                ("999.4", "999 us"),
                ("999.6", "1.00 ms"),
                ("-512.3", "-512 us"),
                ("999600", "1.00 s"),
                ("3.6e9", "3,600 s"),
                ("NaN", "-"),
            ][..],
        ),
        (
            "number",
            &[
                ("-0.0001", "0.000"),
                ("9.996", "10.0"),
                ("-1234", "-1,234"),
                ("12345.6", "12,346"),
            ],
        ),
        (
            "share",
            &[
                ("0", "0 %"),
                ("0.0001", "<0.1 %"),
                ("0.0994", "9.9 %"),
                ("0.0996", "10 %"),
                ("0.99996", "99.9 %"),
                ("1", "100 %"),
                ("-0.031", "-3.1 %"),
                ("12.5", "1,250 %"),
            ],
        ),
        (
            "recall",
            &[("0.9874", "0.987"), ("0.99996", "0.99996"), ("1", "1.000")],
        ),
        ("count", &[("9999999", "9,999,999"), ("12345678", "12.3 M")]),
    ] {
        for (value, expected) in rows {
            assert_eq!(
                tab.value(&format!("{shown}({value})")),
                *expected,
                "{shown} {value}"
            );
        }
    }
    let text = tab.value("document.body.innerText");
    let text = text.as_str().expect("a text");
    assert!(!text.contains(['µ', '−']), "{text}");
}
