//! `report.html` and `comparison.html` in a real browser: Chromium without a window, the page
//! opened from disk.
//!
//! A machine without Chromium leaves these tests out and says so in one line, which libtest can't;
//! with `CI=true` it fails.

#[path = "support/chromium.rs"]
mod chromium;
#[path = "support/colour.rs"]
mod colour;
#[path = "support/harness.rs"]
mod harness;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Output},
};

use chromium::Chromium;
use harness::{Harness, Tally, list, loudly, say};

use milvus_bench::{
    analysis::{AREAS, Analysis, AreaRow, compare::compare},
    report::{REPORTS, comparison::COMPARISONS},
};
use serde_json::Value;
use tempfile::TempDir;

/// A test in the browser.
type Case = harness::Case<Chromium>;

/// Every test that needs the browser.
const PAGES: &[Case] = &[
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
        name: "names_in_a_comparison_that_are_scripts_stay_text",
        run: names_in_a_comparison_that_are_scripts_stay_text,
    },
];

/// What becomes of them without one: this program is asked, with a PATH of its own.
const WITHOUT: &[harness::Case<()>] = &[
    harness::Case {
        name: "without_chromium_the_pages_are_left_out_loudly",
        run: without_chromium_the_pages_are_left_out_loudly,
    },
    harness::Case {
        name: "a_chromium_that_does_not_start_is_none",
        run: a_chromium_that_does_not_start_is_none,
    },
    harness::Case {
        name: "in_ci_a_missing_chromium_is_a_failure",
        run: in_ci_a_missing_chromium_is_a_failure,
    },
];

fn main() -> ExitCode {
    let harness = match Harness::from_arguments(std::env::args().skip(1)) {
        Ok(harness) => harness,
        Err(text) => {
            say(&text);
            return ExitCode::FAILURE;
        }
    };
    let (pages, without) = (harness.wanted(PAGES), harness.wanted(WITHOUT));
    if harness.lists() {
        list(&pages);
        list(&without);
        return ExitCode::SUCCESS;
    }
    let mut tally = Tally::default();
    for case in without {
        tally.case(case.name, || (case.run)(&()));
    }
    match chromium::find() {
        _ if pages.is_empty() => {}
        Ok(chromium) => {
            for case in pages {
                tally.case(case.name, || (case.run)(&chromium));
            }
        }
        Err(why) if in_ci() => pages
            .iter()
            .for_each(|case| tally.not_run(case.name, &format!("{why}, and CI is set"))),
        Err(why) => loudly(&format!(
            "{why}: the {} tests of the pages in a browser are LEFT OUT (apt-get install chromium)",
            pages.len()
        )),
    }
    tally.finish()
}

/// Where nobody reads what a test run said, nothing may be left out.
fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true" || value == "1")
}

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

/// The run of the golden files.
fn sample() -> Analysis {
    serde_json::from_str(include_str!("golden/report.json")).expect("a golden report")
}

fn page(analysis: &Analysis) -> String {
    let entry = REPORTS
        .iter()
        .find(|entry| entry.name == "html")
        .expect("a row for html");
    String::from_utf8((entry.render)(analysis).expect("a page")).expect("UTF-8")
}

/// Three runs of the golden files, a little apart, whose latencies are `scale` times theirs.
fn side(name: &str, scale: f64) -> Vec<Analysis> {
    let run = |(at, apart): (usize, f64)| {
        let (mut run, scale) = (sample(), scale * apart);
        run.run = format!("{name}-{at}");
        run.plan.push((
            "workloads.search.params.a_key_with_a_long_name".to_owned(),
            format!("its value, {name} the change"),
        ));
        for workload in &mut run.workloads {
            workload
                .curves
                .values_mut()
                .flatten()
                .for_each(|(_, us)| *us *= scale);
            let figures = [
                &mut workload.response_time_us,
                &mut workload.service_time_us,
            ];
            for estimate in figures
                .into_iter()
                .flatten()
                .flat_map(|figures| figures.values_mut())
            {
                estimate.value *= scale;
                estimate
                    .low
                    .iter_mut()
                    .chain(&mut estimate.high)
                    .for_each(|end| *end *= scale);
            }
            workload
                .account
                .iter_mut()
                .flat_map(|band| &mut band.parts)
                .for_each(|part| part.mean_us *= scale);
        }
        run
    };
    [1.0, 1.03, 0.98].into_iter().enumerate().map(run).collect()
}

fn comparison(baseline: &[Analysis], run: &[Analysis]) -> String {
    let entry = COMPARISONS
        .iter()
        .find(|entry| entry.name == "html")
        .expect("a row for html");
    String::from_utf8((entry.render)(&compare(baseline, run)).expect("a page")).expect("UTF-8")
}

/// A scratch folder with pages, and a profile of its own for the browser.
struct Browser<'a> {
    chromium: &'a Chromium,
    folder: TempDir,
}

impl<'a> Browser<'a> {
    fn new(chromium: &'a Chromium) -> Self {
        Self {
            chromium,
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    fn write(&self, name: &str, page: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, page).expect("a file");
        path
    }

    /// Opens `page` and gives the document as it is when its scripts have run, and what the browser
    /// logged.
    #[track_caller]
    fn open(&self, page: &Path, more: &[&str]) -> (String, String) {
        // The page is ours, so it needs no sandbox, which a container can't give. A browser that
        // hangs is ended.
        let Output {
            stdout,
            stderr,
            status,
        } = Command::new("timeout")
            .args(["--kill-after=5", "180"])
            .arg(&self.chromium.0)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--hide-scrollbars",
                "--enable-logging=stderr",
                "--virtual-time-budget=20000",
            ])
            .arg(format!(
                "--user-data-dir={}",
                self.folder.path().join("profile").display()
            ))
            .args(more)
            .args(["--dump-dom", &format!("file://{}", page.display())])
            .output()
            .expect("timeout of coreutils");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(status.success(), "{status}: {}", text(&stderr));
        (text(&stdout), text(&stderr))
    }

    /// What [`PROBE`] found in `page`, a report, in a frame of `width` pixels.
    #[track_caller]
    fn probe(&self, page: &str, width: u32, more: &[&str]) -> Value {
        self.ask(PROBE, page, width, more)
    }

    /// What the script `probe` found in `page`.
    #[track_caller]
    fn ask(&self, probe: &str, page: &str, width: u32, more: &[&str]) -> Value {
        let open = page
            .find("<meta http-equiv=\"Content-Security-Policy\"")
            .expect("a policy");
        let close = open + page[open..].find('>').expect("its end") + 1;
        let probed = format!(
            "{}{}<script>{probe}</script>",
            &page[..open],
            &page[close..]
        );
        self.write("probed.html", &probed);
        let outer = self.write("outer.html", &OUTER.replace("WIDTH", &width.to_string()));
        let (document, _) = self.open(&outer, more);
        let found = document
            .split("PROBE ")
            .nth(1)
            .and_then(|rest| rest.split(" END").next());
        let found = found.unwrap_or_else(|| panic!("the probe was not run: {document}"));
        // The browser escapes the answer as it prints the document.
        let found = found
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&");
        serde_json::from_str(&found).unwrap_or_else(|error| panic!("{error}: {found}"))
    }
}

/// A frame has any width; a window has not. It answers by a message, since files are strangers to
/// each other.
const OUTER: &str = include_str!("html/outer.html");

/// Asks the page what is to be seen in it.
const PROBE: &str = include_str!("html/report_probe.js");

/// Asks the page how areas look: in bars with the ink of the word on them, and in legends.
const AREAS_PROBE: &str = include_str!("html/areas_probe.js");

/// Asks a comparison what is to be seen in it.
const COMPARISON_PROBE: &str = include_str!("html/comparison_probe.js");

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

/// Mean brightness of a colour, 0 to 255.
fn brightness(color: &Value) -> u64 {
    let channels: Vec<u64> = color
        .as_array()
        .expect("a colour")
        .iter()
        .filter_map(Value::as_u64)
        .collect();
    channels.iter().sum::<u64>() / 3
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
            page.matches("<figure data-chart").count()
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
    // Data, uPlot, the page's own script, and the probe.
    assert_eq!(
        (found["scripts"].as_u64(), found["images"].as_u64()),
        (Some(4), Some(0)),
        "{found:#}"
    );
}

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
    // The probe is the only script.
    assert_eq!(
        (
            found["scripts"].as_u64(),
            found["images"].as_u64(),
            found["errors"].as_str()
        ),
        (Some(1), Some(0), Some("")),
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

/// This program for one page where only the folder `path` is searched for a browser: whether it
/// succeeded, and what it wrote.
fn asked(path: &Path, ci: Option<&str>) -> (bool, String) {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command
        .args(["--exact", PAGES[0].name])
        .env("PATH", path)
        .env_remove("CI")
        .envs(ci.map(|value| ("CI", value)));
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("it starts");
    (
        status.success(),
        format!(
            "{}{}",
            String::from_utf8_lossy(&stdout),
            String::from_utf8_lossy(&stderr)
        ),
    )
}

#[track_caller]
fn check_left_out(path: &Path, ci: Option<&str>, why: &str) {
    let (succeeded, wrote) = asked(path, ci);
    assert!(succeeded && wrote.contains("0 passed; 0 failed"), "{wrote}");
    let lines: Vec<&str> = wrote
        .lines()
        .filter(|line| line.contains("LEFT OUT"))
        .collect();
    assert!(
        lines.len() == 1 && lines[0].contains(why) && lines[0].contains("apt-get install chromium"),
        "{wrote}"
    );
}

fn without_chromium_the_pages_are_left_out_loudly((): &()) {
    let empty = tempfile::tempdir().expect("a folder");
    for ci in [None, Some(""), Some("false")] {
        check_left_out(empty.path(), ci, "no Chromium on PATH");
    }
}

/// As the package of a distribution that only says how to get another one; and a folder of that
/// name.
fn a_chromium_that_does_not_start_is_none((): &()) {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("chromium")).expect("a folder");
    let stub = folder.path().join("chromium-browser");
    fs::write(&stub, "#!/bin/sh\necho 'please install it' >&2\nexit 1\n").expect("a file");
    fs::set_permissions(&stub, fs::Permissions::from_mode(0o755)).expect("it may be run");
    check_left_out(
        folder.path(),
        None,
        &format!("{} does not start", stub.display()),
    );
}

fn in_ci_a_missing_chromium_is_a_failure((): &()) {
    let empty = tempfile::tempdir().expect("a folder");
    let (succeeded, wrote) = asked(empty.path(), Some("true"));
    assert!(
        !succeeded && wrote.contains("no Chromium on PATH") && wrote.contains("0 passed; 1 failed"),
        "{wrote}"
    );
    assert!(!wrote.contains("LEFT OUT"), "{wrote}");
}
