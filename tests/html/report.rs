//! `report.html`.

use milvus_bench::analysis::{AREAS, AreaRow};
use serde_json::Value;

use crate::{
    Case,
    browser::{Browser, brightness},
    chromium::Chromium,
    colour,
    samples::{page, sample},
};

/// The tests of this file.
pub(crate) const CASES: &[Case] = &[
    Case {
        name: "it_loads_from_disk_without_a_complaint",
        run: it_loads_from_disk_without_a_complaint,
    },
    Case {
        name: "every_chart_is_drawn_on_light_paper",
        run: every_chart_is_drawn_on_light_paper,
    },
    Case {
        name: "the_systems_dark_mode_makes_it_dark",
        run: the_systems_dark_mode_makes_it_dark,
    },
    Case {
        name: "areas_look_as_their_table_says_and_their_names_can_be_read",
        run: areas_look_as_their_table_says_and_their_names_can_be_read,
    },
    Case {
        name: "a_phone_need_not_scroll_sideways",
        run: a_phone_need_not_scroll_sideways,
    },
    Case {
        name: "the_flame_graph_is_walked_with_arrows",
        run: the_flame_graph_is_walked_with_arrows,
    },
    Case {
        name: "names_that_are_scripts_stay_text",
        run: names_that_are_scripts_stay_text,
    },
];

/// Every chart of the page, by the name that its figure has.
const CHARTS: [&str; 10] = [
    "overlay",
    "phases",
    "curves",
    "account",
    "tail",
    "series",
    "flame",
    "exemplars",
    "traces",
    "machine",
];

/// Asks the page how areas look: in bars with the ink of the word on them, and in legends.
const AREAS_PROBE: &str = include_str!("areas_probe.js");

/// Every chart is there and holds something, and nothing failed.
#[track_caller]
fn check_charts(found: &Value) {
    assert_eq!(
        (found["errors"].as_str(), found["after"].as_str()),
        (Some(""), Some("")),
        "{found:#}"
    );
    let charts = found["charts"].as_array().expect("charts");
    for name in CHARTS {
        assert!(
            charts.iter().any(|chart| chart["chart"] == name),
            "no {name}: {found:#}"
        );
    }
    for chart in charts {
        let ink = chart["ink"].as_array().expect("a list");
        let is_drawn = chart["drawn"].as_u64().is_some_and(|marks| marks > 0)
            && chart["height"].as_f64().is_some_and(|height| height > 40.0);
        assert!(
            is_drawn && ink.iter().all(|pixels| pixels.as_u64() > Some(500)),
            "{chart:#}"
        );
    }
    let canvases = charts
        .iter()
        .map(|chart| chart["ink"].as_array().map_or(0, Vec::len))
        .sum::<usize>();
    assert!(canvases > 0, "no curve is drawn: {found:#}");
}

fn it_loads_from_disk_without_a_complaint(chromium: &Chromium) {
    let browser = Browser::new(chromium);
    let page = page(&sample());
    let path = browser.write("report.html", &page);
    let (document, log) = browser.open(&path, &[]);
    let complaints: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("CONSOLE"))
        .collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
    let head = &document[..document.len().min(400)];
    assert!(!head.contains("data-errors"), "{head}");
    assert!(
        head.contains(&format!(
            "data-ready=\"{}\"",
            page.matches(" data-chart=\"").count()
        )),
        "{head}"
    );
}

fn every_chart_is_drawn_on_light_paper(chromium: &Chromium) {
    let found = Browser::new(chromium).probe(
        &page(&sample()),
        1280,
        &["--blink-settings=preferredColorScheme=1"],
    );
    check_charts(&found);
    assert!(brightness(&found["paper"]) > 200, "{found:#}");
    assert!(
        brightness(&found["other"]) < 80,
        "the button makes it dark: {found:#}"
    );
}

fn the_systems_dark_mode_makes_it_dark(chromium: &Chromium) {
    let found = Browser::new(chromium).probe(
        &page(&sample()),
        1280,
        &["--blink-settings=preferredColorScheme=0"],
    );
    check_charts(&found);
    assert!(brightness(&found["paper"]) < 80, "{found:#}");
    assert!(
        brightness(&found["other"]) > 200,
        "the button makes it light: {found:#}"
    );
}

fn areas_look_as_their_table_says_and_their_names_can_be_read(chromium: &Chromium) {
    type Color = fn(&AreaRow) -> &str;
    let themes: [(&str, Color); 2] = [
        ("--blink-settings=preferredColorScheme=1", |row| row.light),
        ("--blink-settings=preferredColorScheme=0", |row| row.dark),
    ];
    for (theme, color) in themes {
        let found = Browser::new(chromium).ask(AREAS_PROBE, &page(&sample()), 1280, &[theme]);
        let list = |name: &str| found[name].as_array().expect("a list").clone();
        let (bars, legends) = (list("bars"), list("legends"));
        for shown in bars.iter().chain(&legends) {
            let row = AREAS.iter().find(|row| shown["area"] == row.name);
            let row = row.unwrap_or_else(|| panic!("no area: {shown}"));
            assert_eq!(shown["color"], color(row), "{theme}: {shown}");
            assert_eq!(shown["hatch"].as_str(), row.hatch.path(), "{shown}");
            if let Some(meaning) = shown.get("meaning") {
                assert_eq!(*meaning, row.meaning);
            }
            if let Some(ink) = shown["ink"].as_array() {
                let channel = |at: usize| ink[at].as_u64().expect("a channel") as u8;
                let bar = colour::parse(color(row)).expect("a colour");
                let found = colour::contrast(bar, [0, 1, 2].map(channel));
                assert!(found >= 4.5, "{theme}: {shown}, {found:.2}");
            }
        }
        let are_hatched = |all: &[Value]| all.iter().any(|shown| !shown["hatch"].is_null());
        assert!(are_hatched(&bars) && are_hatched(&legends), "{found:#}");
        assert!(bars.iter().any(|bar| bar["ink"].is_array()), "{found:#}");
    }
}

fn a_phone_need_not_scroll_sideways(chromium: &Chromium) {
    let found = Browser::new(chromium).probe(&page(&sample()), 390, &[]);
    check_charts(&found);
    assert_eq!(
        (found["width"].as_u64(), found["scroll"].as_u64()),
        (Some(390), Some(390)),
        "{found:#}"
    );
}

fn the_flame_graph_is_walked_with_arrows(chromium: &Chromium) {
    let found = Browser::new(chromium).probe(&page(&sample()), 1280, &[]);
    assert!(
        found["focus"]
            .as_str()
            .is_some_and(|label| label.contains("MilvusService/Search")),
        "{found:#}"
    );
}

fn names_that_are_scripts_stay_text(chromium: &Chromium) {
    const HOSTILE: &str =
        "</script><script>document.documentElement.dataset.errors = 'run'</script><img src=x>";
    let mut analysis = sample();
    (analysis.name, analysis.description) = (HOSTILE.to_owned(), HOSTILE.to_owned());
    for workload in &mut analysis.workloads {
        workload.workload = HOSTILE.to_owned();
        workload
            .account
            .iter_mut()
            .flat_map(|band| &mut band.parts)
            .for_each(|part| part.part = HOSTILE.to_owned());
        workload
            .stacks
            .iter_mut()
            .flat_map(|stacks| &mut stacks.frames)
            .for_each(|frame| frame.label = HOSTILE.to_owned());
        for exemplar in &mut workload.exemplars {
            exemplar.link = Some(format!("javascript:{HOSTILE}"));
            exemplar
                .waterfall
                .iter_mut()
                .flat_map(|drawn| &mut drawn.rows)
                .for_each(|row| row.label = HOSTILE.to_owned());
        }
    }
    let found = Browser::new(chromium).probe(&page(&analysis), 1280, &[]);
    check_charts(&found);
    // Data, uPlot and the page's own script.
    assert_eq!(
        (found["scripts"].as_u64(), found["images"].as_u64()),
        (Some(3), Some(0)),
        "{found:#}"
    );
}
