//! `comparison.html`.

use serde_json::Value;

use crate::{
    Case,
    browser::{Browser, brightness},
    chromium::Chromium,
    samples::{comparison, side, side_of},
};

/// The tests of this file.
pub(crate) const CASES: &[Case] = &[
    Case {
        name: "a_comparison_loads_from_disk_without_a_complaint",
        run: a_comparison_loads_from_disk_without_a_complaint,
    },
    Case {
        name: "a_comparison_is_drawn_in_light_and_dark",
        run: a_comparison_is_drawn_in_light_and_dark,
    },
    Case {
        name: "a_comparison_fits_a_phone",
        run: a_comparison_fits_a_phone,
    },
    Case {
        name: "a_comparison_is_green_only_where_equality_was_shown",
        run: a_comparison_is_green_only_where_equality_was_shown,
    },
    Case {
        name: "names_in_a_comparison_that_are_scripts_stay_text",
        run: names_in_a_comparison_that_are_scripts_stay_text,
    },
];

/// Asks a comparison what is to be seen in it.
const COMPARISON_PROBE: &str = include_str!("comparison_probe.js");

/// Every run has a line, every ratio its place and interval, every area its bars, in two colours
/// that are not the paper's.
#[track_caller]
fn check_comparison(found: &Value) {
    let marks = |name: &str| {
        found[name]
            .as_array()
            .unwrap_or_else(|| panic!("{found:#}"))
            .clone()
    };
    let sections = found["sections"].as_u64().expect("a number") as usize;
    assert!(sections > 0, "{found:#}");
    for name in ["baseline", "run", "ratios", "intervals", "before", "after"] {
        assert!(
            !marks(name).is_empty() && marks(name).iter().all(|mark| mark["inside"] == true),
            "{name}: {:#}",
            found[name]
        );
        let seen =
            |mark: &Value| brightness(&mark["color"]).abs_diff(brightness(&found["paper"])) > 60;
        assert!(
            marks(name).iter().all(seen),
            "{name}: {:#} on {}",
            found[name],
            found["paper"]
        );
    }
    assert_eq!(
        (marks("baseline").len(), marks("run").len()),
        (3 * sections, 3 * sections),
        "{found:#}"
    );
    let rows = found["rows"].as_u64().expect("a number") as usize;
    assert_eq!(
        (marks("ratios").len(), marks("intervals").len()),
        (rows, rows),
        "{found:#}"
    );
    assert!(
        marks("baseline")
            .iter()
            .all(|line| line["width"].as_f64() > Some(150.0)),
        "{found:#}"
    );
    assert_ne!(marks("baseline")[0]["color"], marks("run")[0]["color"]);
    // The slower side lies above, and its bars are longer.
    let (line, slower) = (&marks("baseline")[0], &marks("run")[0]);
    assert!(
        slower["top"].as_f64() < line["top"].as_f64()
            && slower["bottom"].as_f64() < line["bottom"].as_f64(),
        "{line:#} {slower:#}"
    );
    let (bar, longer) = (&marks("before")[0], &marks("after")[0]);
    assert!(
        bar["width"].as_f64() > Some(5.0) && longer["width"].as_f64() > bar["width"].as_f64(),
        "{bar:#} {longer:#}"
    );
    assert!(
        found["labels"].as_u64() > Some(4) && found["cut"].as_array().is_some_and(Vec::is_empty),
        "{:#}",
        found["cut"]
    );
    assert_eq!(
        found["out_of_reach"], 0,
        "what may scroll is reached by the keyboard: {found:#}"
    );
}

fn a_comparison_loads_from_disk_without_a_complaint(chromium: &Chromium) {
    let browser = Browser::new(chromium);
    let path = browser.write(
        "comparison.html",
        &comparison(&side("before", 1.0), &side("after", 2.0)),
    );
    let (_, log) = browser.open(&path, &[]);
    let complaints: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("CONSOLE"))
        .collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
}

fn a_comparison_is_drawn_in_light_and_dark(chromium: &Chromium) {
    let (browser, page) = (
        Browser::new(chromium),
        comparison(&side("before", 1.0), &side("after", 2.0)),
    );
    let light = browser.ask(
        COMPARISON_PROBE,
        &page,
        1280,
        &["--blink-settings=preferredColorScheme=1"],
    );
    check_comparison(&light);
    let dark = browser.ask(
        COMPARISON_PROBE,
        &page,
        1280,
        &["--blink-settings=preferredColorScheme=0"],
    );
    check_comparison(&dark);
    assert!(
        brightness(&light["paper"]) > 200 && brightness(&dark["paper"]) < 80,
        "{light:#} {dark:#}"
    );
}

fn a_comparison_fits_a_phone(chromium: &Chromium) {
    let found = Browser::new(chromium).ask(
        COMPARISON_PROBE,
        &comparison(&side("before", 1.0), &side("after", 2.0)),
        390,
        &[],
    );
    check_comparison(&found);
    assert_eq!(
        (found["width"].as_u64(), found["scroll"].as_u64()),
        (Some(390), Some(390)),
        "{found:#}"
    );
    assert_eq!(
        found["sideways"], 0,
        "ratios and curves are seen whole: {found:#}"
    );
}

/// What the runs show, what the page says, and the colour of both.
fn a_comparison_is_green_only_where_equality_was_shown(chromium: &Chromium) {
    // Without the intervals within a run, which are wider than any margin.
    let side = |scale: f64, apart: &[f64]| {
        let mut runs = side_of(&format!("x{scale}"), scale, apart);
        for workload in runs.iter_mut().flat_map(|run| &mut run.workloads) {
            let figures = workload.response_time_us.iter_mut();
            figures
                .flat_map(|figures| figures.values_mut())
                .filter(|_| apart.len() > 1)
                .for_each(|estimate| (estimate.low, estimate.high) = (None, None));
        }
        runs
    };
    let (alike, unlike) = ([1.0, 1.004, 0.997], [1.0, 1.3, 0.75]);
    for (scale, apart, p99, [color, mark, words]) in [
        (2.0, &alike[..], "slower", ["bad", "✕", "It got worse"]),
        (0.5, &alike, "faster", ["accent", "+", "It got better"]),
        (
            1.001,
            &alike,
            "equal within 5 %",
            ["good", "✓", "No change"],
        ),
        (
            1.001,
            &unlike,
            "no difference shown",
            ["soft", "?", "These runs can't tell"],
        ),
        (
            2.0,
            &[1.0],
            "differs within these runs",
            ["doubtful", "!", "It looks worse"],
        ),
    ] {
        let page = comparison(&side(1.0, apart), &side(scale, apart));
        let light = "--blink-settings=preferredColorScheme=1";
        let found = Browser::new(chromium).ask(COMPARISON_PROBE, &page, 1280, &[light]);
        let text = |of: &str| found[of].as_str().expect("a text").to_owned();
        assert!(
            text("title").starts_with(mark) && text("result").contains(words),
            "{} {}",
            text("title"),
            text("result")
        );
        assert_eq!(
            found["border"], found["colors"][color],
            "{words}: {found:#}"
        );
        let figures = found["figures"].as_array().expect("figures");
        let figure = figures
            .iter()
            .find(|figure| figure["name"] == "response time p99");
        let figure = figure.unwrap_or_else(|| panic!("no p99: {figures:#?}"));
        assert_eq!(figure["result"], p99, "{figure:#}");
        for part in ["color", "at"] {
            assert_eq!(figure[part], found["colors"][color], "{words}: {figure:#}");
        }
        // Figures that are shown and not tested have no colour.
        let untested = figures
            .iter()
            .find(|figure| figure["name"] == "response time p90");
        assert_eq!(untested.expect("p90")["color"], found["colors"]["soft"]);
        let names: Vec<&str> = figures
            .iter()
            .filter_map(|row| row["name"].as_str())
            .collect();
        assert_eq!(names[..2], ["response time p50", "response time p99"]);
    }
}

fn names_in_a_comparison_that_are_scripts_stay_text(chromium: &Chromium) {
    const HOSTILE: &str = "</title></style><script>document.documentElement.dataset.errors = \
                           'run'</script><img src=x>";
    let named = |name: &str, scale: f64| {
        let mut runs = side(name, scale);
        for run in &mut runs {
            run.run = format!("{HOSTILE}{name}");
            run.plan
                .push((HOSTILE.to_owned(), format!("{HOSTILE}{name}")));
            run.workloads
                .iter_mut()
                .for_each(|workload| workload.workload = HOSTILE.to_owned());
        }
        runs
    };
    let found = Browser::new(chromium).ask(
        COMPARISON_PROBE,
        &comparison(&named("before", 1.0), &named("after", 2.0)),
        1280,
        &[],
    );
    check_comparison(&found);
    assert_eq!(
        (
            found["scripts"].as_u64(),
            found["images"].as_u64(),
            found["errors"].as_str()
        ),
        (Some(0), Some(0), Some("")),
        "{found:#}"
    );
    for shown in ["headings", "titles"] {
        let texts = found[shown].as_array().expect("texts");
        assert!(
            texts
                .iter()
                .any(|text| text.as_str().is_some_and(|text| text.contains(HOSTILE))),
            "{shown}: {texts:#?}"
        );
    }
}
