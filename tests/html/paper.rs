//! `report.html` and `comparison.html` on paper: A4, as the browser's own print makes it.
//!
//! Poppler (`pdftoppm`, `pdftotext`) looks at the pages. A machine without it leaves these tests
//! out and says so; with `CI=true` it fails.

use std::{fs, path::Path, process::Command};

use milvus_bench::analysis::Analysis;

use crate::{
    Case,
    browser::Browser,
    chromium::Chromium,
    harness::loudly,
    samples::{comparison, page, sample, side, swept},
    suite::in_ci,
};

/// The tests of this file.
pub(crate) const CASES: &[Case] = &[
    Case {
        name: "paper_has_every_chart_whole_in_its_colours_and_no_half_empty_page",
        run: paper_has_every_chart_whole_in_its_colours_and_no_half_empty_page,
    },
    Case {
        name: "a_sweep_and_a_comparison_fit_on_paper",
        run: a_sweep_and_a_comparison_fit_on_paper,
    },
    Case {
        name: "a_comparison_of_few_figures_begins_on_its_first_page",
        run: a_comparison_of_few_figures_begins_on_its_first_page,
    },
    Case {
        name: "no_chart_is_squeezed_on_paper",
        run: no_chart_is_squeezed_on_paper,
    },
    Case {
        name: "after_printing_the_page_is_as_before",
        run: after_printing_the_page_is_as_before,
    },
];

/// Width of A4 without its margins of 12 mm, in pixels.
const PAPER: u32 = 703;
/// Points per inch: fine enough for a line of text.
const RESOLUTION: &str = "50";
/// What nothing is printed on, of the width, on each side: a little less than the margin of 12 mm.
const MARGIN: f64 = 10.0 / 210.0;

/// A page as pixels: red, green, blue.
struct Sheet {
    width: usize,
    height: usize,
    pixels: Vec<[u8; 3]>,
}

impl Sheet {
    /// P6, as pdftoppm writes it.
    fn read(file: &Path) -> Self {
        let bytes = fs::read(file).expect("a page");
        let mut fields = Vec::new();
        let mut at = 0;
        while fields.len() < 4 {
            let end = at
                + bytes[at..]
                    .iter()
                    .position(u8::is_ascii_whitespace)
                    .expect("a head");
            fields.push(String::from_utf8_lossy(&bytes[at..end]).into_owned());
            at = end + 1;
        }
        let number = |field: &str| field.parse::<usize>().expect("a number");
        Self {
            width: number(&fields[1]),
            height: number(&fields[2]),
            pixels: bytes[at..]
                .chunks_exact(3)
                .map(|p| [p[0], p[1], p[2]])
                .collect(),
        }
    }

    fn is_inked(&self, row: usize, columns: std::ops::Range<usize>) -> bool {
        let row = &self.pixels[row * self.width..][columns];
        row.iter()
            .any(|pixel| pixel.iter().any(|channel| *channel < 240))
    }

    /// How far down it is printed on, of its height.
    fn filled(&self) -> f64 {
        let last = (0..self.height)
            .rev()
            .find(|row| self.is_inked(*row, 0..self.width));
        last.map_or(0.0, |row| (row + 1) as f64 / self.height as f64)
    }

    /// Whether something reaches into the margins.
    fn overflows(&self) -> bool {
        let margin = (MARGIN * self.width as f64) as usize;
        (0..self.height).any(|row| {
            self.is_inked(row, 0..margin) || self.is_inked(row, self.width - margin..self.width)
        })
    }

    fn has(&self, color: [u8; 3]) -> bool {
        let is_near = |pixel: &&[u8; 3]| {
            pixel
                .iter()
                .zip(color)
                .all(|(one, other)| one.abs_diff(other) < 3)
        };
        self.pixels.iter().filter(is_near).count() > 500
    }
}

/// What was printed: its pages and its text.
struct Printed {
    sheets: Vec<Sheet>,
    /// Width of what is printed, in pixels.
    width: f64,
    text: String,
}

/// None where poppler is missing, which is said.
fn print(chromium: &Chromium, page: &str) -> Option<Printed> {
    let browser = Browser::new(chromium);
    let folder = tempfile::tempdir().expect("a folder");
    let document = folder.path().join("page.pdf");
    fs::write(&document, browser.tab("", page, 1280, &[]).print()).expect("a file");
    let ran = Command::new("pdftoppm")
        .args(["-r", RESOLUTION])
        .args([&document, &folder.path().join("sheet")])
        .status();
    match ran {
        Ok(status) => assert!(status.success(), "{status}"),
        Err(why) if in_ci() => panic!("pdftoppm: {why}, and CI is set"),
        Err(why) => {
            loudly(&format!(
                "pdftoppm: {why}: LEFT OUT (apt-get install poppler-utils)"
            ));
            return None;
        }
    }
    let text = Command::new("pdftotext")
        .arg(&document)
        .arg("-")
        .output()
        .expect("poppler");
    let mut files: Vec<_> = fs::read_dir(folder.path())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|file| file.extension().is_some_and(|ending| ending == "ppm"))
        .collect();
    files.sort();
    let width = browser.tab("", page, 1280, &[]).width_on_paper(PAPER);
    Some(Printed {
        width,
        sheets: files.iter().map(|file| Sheet::read(file)).collect(),
        text: String::from_utf8_lossy(&text.stdout).into_owned(),
    })
}

#[track_caller]
fn check_sheets(printed: &Printed) {
    let filled: Vec<f64> = printed.sheets.iter().map(Sheet::filled).collect();
    let (_, whole) = filled.split_last().expect("pages");
    assert!(
        whole.iter().all(|share| *share > 0.5),
        "half empty: {filled:.2?}"
    );
    let over: Vec<usize> = (0..printed.sheets.len())
        .filter(|at| printed.sheets[*at].overflows())
        .collect();
    assert!(over.is_empty(), "cut on pages {over:?}, from 0");
    assert!(
        printed.width <= f64::from(PAPER) + 1.0,
        "cut: {} pixels wide",
        printed.width
    );
}

/// Titles of all charts stand in the text as often as in the page.
#[track_caller]
fn check_titles(printed: &Printed, analysis: &Analysis) {
    let page = page(analysis);
    let titles: Vec<&str> = page
        .split("<figure ")
        .skip(1)
        .filter_map(|figure| figure.split("<h3>").nth(1)?.split("</h3>").next())
        .collect();
    assert!(titles.len() > 5, "{titles:?}");
    for title in &titles {
        let wanted = titles.iter().filter(|other| *other == title).count();
        let plain = title.replace("&#39;", "'");
        let found = printed
            .text
            .lines()
            .filter(|line| line.trim() == plain)
            .count();
        assert!(
            found >= wanted,
            "{plain}: {found} of {wanted}\n{}",
            printed.text
        );
    }
}

fn paper_has_every_chart_whole_in_its_colours_and_no_half_empty_page(chromium: &Chromium) {
    let analysis = sample();
    let Some(printed) = print(chromium, &page(&analysis)) else {
        return;
    };
    check_sheets(&printed);
    check_titles(&printed, &analysis);
    // The box of a failed threshold, which a browser leaves out to save ink.
    assert!(printed.sheets[0].has([0xfb, 0xe9, 0xe7]), "no colours");
}

fn a_sweep_and_a_comparison_fit_on_paper(chromium: &Chromium) {
    let compared = comparison(&side("before", 1.0), &side("after", 2.0));
    for page in [page(&swept()), compared] {
        if let Some(printed) = print(chromium, &page) {
            check_sheets(&printed);
        }
    }
}

/// Short tables are all beginning and end.
fn a_comparison_of_few_figures_begins_on_its_first_page(chromium: &Chromium) {
    let few = |name, scale| {
        let mut runs = side(name, scale);
        for run in &mut runs {
            for workload in &mut run.workloads {
                let figures = [
                    &mut workload.response_time_us,
                    &mut workload.service_time_us,
                ];
                for figures in figures.into_iter().flatten() {
                    figures.retain(|key, _| key == "p50");
                }
            }
        }
        runs
    };
    let page = comparison(&few("before", 1.0), &few("after", 2.0));
    if let Some(printed) = print(chromium, &page) {
        check_sheets(&printed);
    }
}

/// Charts are drawn once for paper: each is as wide as it was drawn.
fn no_chart_is_squeezed_on_paper(chromium: &Chromium) {
    let browser = Browser::new(chromium);
    let mut tab = browser.tab("", &page(&swept()), 1280, &[]);
    // A chart has its size once the script that draws it is over.
    let widths = "(dispatchEvent(new Event('beforeprint')), \
                  Promise.resolve().then(() => null).then(() => \
                  [...document.querySelectorAll('.u-wrap')].map((wrap) => \
                  parseFloat(wrap.style.width) / \
                  wrap.closest('.uplot').parentElement.clientWidth)))";
    let found = tab.value(widths);
    let found: Vec<f64> = serde_json::from_value(found).expect("shares");
    assert!(found.len() > 3, "{found:?}");
    assert!(
        found.iter().all(|share| (share - 1.0).abs() < 0.02),
        "{found:.2?}"
    );
}

fn after_printing_the_page_is_as_before(chromium: &Chromium) {
    let browser = Browser::new(chromium);
    let mut tab = browser.tab("", &page(&sample()), 1280, &[]);
    let state = "[document.documentElement.className, document.documentElement.dataset.errors, \
                 document.querySelector('canvas').getBoundingClientRect().width, \
                 [...document.querySelectorAll('details')].map((details) => details.open).join(), \
                 [...document.querySelectorAll('table')].map((table) => table.style.zoom).join()]";
    let before = tab.value(state);
    tab.print();
    assert_eq!(tab.value(state), before);
}
