//! The looks of areas: what stands in the table is told apart in every sight, on light and dark
//! ground, and where a terminal or a print has no colours.

#[path = "support/colour.rs"]
mod colour;

use std::collections::BTreeSet;

use colour::{Lab, Rgb, contrast, difference, least_difference, parse, seen};
use milvus_bench::analysis::{AREAS, Area, AreaRow, Hatch};
use unicode_width::UnicodeWidthChar;

/// CIEDE2000 of two areas that may touch, and of any two.
const TOUCHING: f64 = 15.0;
const ANY: f64 = 5.0;
/// Contrast of WCAG 2 that graphics need on their ground; that of words on bars is seen in
/// `tests/html.rs`.
const GRAPHICS: f64 = 3.0;
/// CIE chroma up to which a colour passes for grey.
const GREY: f64 = 12.0;

/// Colours of an area on one kind of page.
struct Theme {
    name: &'static str,
    of: fn(&AreaRow) -> &'static str,
    /// Which of the two of `light-dark(...)` in the rules.
    at: usize,
}

const THEMES: [Theme; 2] = [
    Theme {
        name: "light",
        of: |row| row.light,
        at: 0,
    },
    Theme {
        name: "dark",
        of: |row| row.dark,
        at: 1,
    },
];

const STYLE: &str = include_str!("../templates/report.css");

/// The colour of the page's ground.
fn ground(theme: &Theme) -> Rgb {
    let both = STYLE
        .split("--paper: light-dark(")
        .nth(1)
        .and_then(|rest| rest.split(')').next())
        .expect("the ground of the page");
    color(both.split(", ").nth(theme.at).expect("both grounds"))
}

#[track_caller]
fn color(text: &str) -> Rgb {
    parse(text).unwrap_or_else(|| panic!("{text:?} is no #rrggbb"))
}

/// Every two rows, once.
fn pairs() -> impl Iterator<Item = (&'static AreaRow, &'static AreaRow)> {
    AREAS
        .iter()
        .enumerate()
        .flat_map(|(at, one)| AREAS[..at].iter().map(move |two| (two, one)))
}

/// Pairs that are closer than `least` says of them, in words.
fn too_close(least: fn(Area, Area) -> Option<f64>) -> Vec<String> {
    THEMES
        .iter()
        .flat_map(|theme| pairs().map(move |(one, two)| (theme, one, two)))
        .filter_map(|(theme, one, two)| {
            let least = least(one.id, two.id)?;
            let colors = [one, two].map(|row| color((theme.of)(row)));
            let (found, sight) = least_difference(colors[0], colors[1]);
            (found < least).then(|| {
                let Theme { name, .. } = theme;
                format!("{name}, {sight}: {} and {}, {found:.2}", one.name, two.name)
            })
        })
        .collect()
}

#[test]
fn areas_that_may_touch_are_told_apart_in_every_sight() {
    assert_eq!(
        too_close(|one, two| one.may_touch(two).then_some(TOUCHING)),
        [""; 0]
    );
}

#[test]
fn no_two_areas_look_alike_in_any_sight() {
    assert_eq!(too_close(|_, _| Some(ANY)), [""; 0]);
}

#[test]
fn any_two_areas_of_an_account_may_touch_since_those_between_may_be_absent() {
    let in_none = AREAS.iter().filter(|row| !row.id.is_in_account());
    assert_eq!(in_none.map(|row| row.name).collect::<Vec<_>>(), ["queue"]);
    let touching = pairs()
        .filter(|(one, two)| one.id.may_touch(two.id))
        .count();
    let in_account = AREAS.len() - 1;
    assert_eq!(touching, in_account * (in_account - 1) / 2);
}

#[test]
fn every_area_is_seen_on_its_ground() {
    for theme in &THEMES {
        for row in &AREAS {
            let found = contrast(color((theme.of)(row)), ground(theme));
            assert!(found >= GRAPHICS, "{} {}: {found:.2}", theme.name, row.name);
        }
    }
}

#[test]
fn grey_is_carried_by_a_hatch_of_its_own() {
    let is_grey = |row: &&AreaRow| {
        THEMES.iter().any(|theme| {
            let Lab { a, b, .. } = seen(color((theme.of)(row)))[0];
            a.hypot(b) <= GREY
        })
    };
    let grey: Vec<&AreaRow> = AREAS.iter().filter(is_grey).collect();
    assert!(!grey.is_empty());
    let hatches: BTreeSet<&str> = grey.iter().filter_map(|row| row.hatch.path()).collect();
    let names: Vec<_> = grey.iter().map(|row| (row.name, row.hatch)).collect();
    assert_eq!(hatches.len(), grey.len(), "{names:?}");
}

#[test]
fn no_two_areas_share_colour_and_hatch() {
    for theme in &THEMES {
        let looks: BTreeSet<_> = AREAS
            .iter()
            .map(|row| ((theme.of)(row), row.hatch.path()))
            .collect();
        assert_eq!(looks.len(), AREAS.len(), "{}", theme.name);
    }
}

#[test]
fn every_area_has_a_sign_and_a_colour_of_its_own_in_a_terminal() {
    let signs: BTreeSet<char> = AREAS.iter().map(|row| row.sign).collect();
    let colors: BTreeSet<u8> = AREAS.iter().map(|row| row.palette).collect();
    let names: BTreeSet<&str> = AREAS.iter().map(|row| row.name).collect();
    assert_eq!(
        (signs.len(), colors.len(), names.len()),
        (AREAS.len(), AREAS.len(), AREAS.len())
    );
    assert!(signs.iter().all(|sign| sign.width() == Some(1)));
    // The sixteen first ones are what each terminal makes of them.
    assert!(colors.iter().all(|number| *number >= 16));
}

#[test]
fn the_page_names_no_area_that_the_table_lacks_and_has_no_colour_of_one() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/templates/report");
    let script: String = std::fs::read_dir(folder)
        .expect("the page's scripts")
        .map(|file| std::fs::read_to_string(file.expect("a file").path()).expect("a script"))
        .collect();
    let named: Vec<&str> = ["color('", "fill('", "look('"]
        .iter()
        .flat_map(|call| script.split(call).skip(1))
        .filter_map(|rest| rest.split('\'').next())
        .collect();
    assert!(named.contains(&"engine"), "{named:?}");
    for name in named {
        assert!(AREAS.iter().any(|row| row.name == name), "{name}");
    }
    for row in &AREAS {
        for text in [row.light, row.dark] {
            assert!(!script.contains(text) && !STYLE.contains(text), "{text}");
        }
    }
}

#[test]
fn the_palette_is_searched_for_every_area_on_the_grounds_of_the_page() {
    let search = include_str!("../benches/palette.rs");
    let wanted = search
        .split("const WANTED")
        .nth(1)
        .and_then(|rest| rest.split("];").next());
    let wanted = wanted.expect("the colours by eye");
    for row in &AREAS {
        assert!(
            wanted.contains(&format!("(\"{}\", ", row.name)),
            "{}",
            row.name
        );
    }
    for theme in &THEMES {
        let [r, g, b] = ground(theme);
        let row = format!("(\"{}\", \"#{r:02x}{g:02x}{b:02x}\")", theme.name);
        assert!(search.contains(&row), "{row}");
    }
}

#[test]
fn the_last_area_is_that_of_everything_unknown() {
    assert_eq!(AREAS.last().map(|row| row.id), Some(Area::Other));
    assert!(AREAS.iter().all(|row| row.id.row() == row));
    assert_ne!(Area::Other.row().hatch, Hatch::None);
}

/// Pairs of L\*, a\*, b\* with their difference: the supplementary test data of Sharma, Wu and
/// Dalal.
const SHARMA: [([f64; 3], [f64; 3], f64); 34] = [
    ([50.0, 2.6772, -79.7751], [50.0, 0.0, -82.7485], 2.0425),
    ([50.0, 3.1571, -77.2803], [50.0, 0.0, -82.7485], 2.8615),
    ([50.0, 2.8361, -74.0200], [50.0, 0.0, -82.7485], 3.4412),
    ([50.0, -1.3802, -84.2814], [50.0, 0.0, -82.7485], 1.0000),
    ([50.0, -1.1848, -84.8006], [50.0, 0.0, -82.7485], 1.0000),
    ([50.0, -0.9009, -85.5211], [50.0, 0.0, -82.7485], 1.0000),
    ([50.0, 0.0, 0.0], [50.0, -1.0, 2.0], 2.3669),
    ([50.0, -1.0, 2.0], [50.0, 0.0, 0.0], 2.3669),
    ([50.0, 2.4900, -0.0010], [50.0, -2.4900, 0.0009], 7.1792),
    ([50.0, 2.4900, -0.0010], [50.0, -2.4900, 0.0010], 7.1792),
    ([50.0, 2.4900, -0.0010], [50.0, -2.4900, 0.0011], 7.2195),
    ([50.0, 2.4900, -0.0010], [50.0, -2.4900, 0.0012], 7.2195),
    ([50.0, -0.0010, 2.4900], [50.0, 0.0009, -2.4900], 4.8045),
    ([50.0, -0.0010, 2.4900], [50.0, 0.0010, -2.4900], 4.8045),
    ([50.0, -0.0010, 2.4900], [50.0, 0.0011, -2.4900], 4.7461),
    ([50.0, 2.5, 0.0], [50.0, 0.0, -2.5], 4.3065),
    ([50.0, 2.5, 0.0], [73.0, 25.0, -18.0], 27.1492),
    ([50.0, 2.5, 0.0], [61.0, -5.0, 29.0], 22.8977),
    ([50.0, 2.5, 0.0], [56.0, -27.0, -3.0], 31.9030),
    ([50.0, 2.5, 0.0], [58.0, 24.0, 15.0], 19.4535),
    ([50.0, 2.5, 0.0], [50.0, 3.1736, 0.5854], 1.0000),
    ([50.0, 2.5, 0.0], [50.0, 3.2972, 0.0], 1.0000),
    ([50.0, 2.5, 0.0], [50.0, 1.8634, 0.5757], 1.0000),
    ([50.0, 2.5, 0.0], [50.0, 3.2592, 0.3350], 1.0000),
    (
        [60.2574, -34.0099, 36.2677],
        [60.4626, -34.1751, 39.4387],
        1.2644,
    ),
    (
        [63.0109, -31.0961, -5.8663],
        [62.8187, -29.7946, -4.0864],
        1.2630,
    ),
    (
        [61.2901, 3.7196, -5.3901],
        [61.4292, 2.2480, -4.9620],
        1.8731,
    ),
    (
        [35.0831, -44.1164, 3.7933],
        [35.0232, -40.0716, 1.5901],
        1.8645,
    ),
    (
        [22.7233, 20.0904, -46.6940],
        [23.0331, 14.9730, -42.5619],
        2.0373,
    ),
    (
        [36.4612, 47.8580, 18.3852],
        [36.2715, 50.5065, 21.2231],
        1.4146,
    ),
    (
        [90.8027, -2.0831, 1.4410],
        [91.1528, -1.6435, 0.0447],
        1.4441,
    ),
    (
        [90.9257, -0.5406, -0.9208],
        [88.6381, -0.8985, -0.7239],
        1.5381,
    ),
    (
        [6.7747, -0.2908, -2.4247],
        [5.8714, -0.0985, -2.2286],
        0.6377,
    ),
    (
        [2.0776, 0.0795, -1.1350],
        [0.9033, -0.0636, -0.5514],
        0.9082,
    ),
];

#[test]
fn the_difference_of_colours_is_that_of_sharmas_test_data() {
    let lab = |[l, a, b]: [f64; 3]| Lab { l, a, b };
    for (one, two, expected) in SHARMA {
        let found = difference(lab(one), lab(two));
        assert!((found - expected).abs() < 5e-5, "{one:?} {two:?}: {found}");
        let back = difference(lab(two), lab(one));
        assert!((found - back).abs() < 1e-9, "{one:?} {two:?}");
    }
}

#[test]
fn contrast_is_that_of_wcag() {
    assert!((contrast([0; 3], [255; 3]) - 21.0).abs() < 1e-4);
    // The grey that is named most often for 4.5 on white.
    assert!((contrast(color("#767676"), [255; 3]) - 4.54).abs() < 0.005);
}

#[test]
fn a_sight_without_red_or_green_cones_takes_red_and_green_for_one_hue() {
    let (red, green) = (seen(color("#a05000")), seen(color("#5f7000")));
    let [normal, protanope, deuteranope] = [0, 1, 2].map(|at| difference(red[at], green[at]));
    assert!(normal > 30.0, "{normal}");
    assert!(
        protanope.max(deuteranope) < 15.0,
        "{protanope} {deuteranope}"
    );
    // What a browser shows for pure red where it emulates these sights by the same model.
    let [_, protanope, deuteranope] = seen([255, 0, 0]);
    assert!(difference(protanope, seen(color("#6d5f00"))[0]) < 0.3);
    assert!(difference(deuteranope, seen(color("#a39000"))[0]) < 0.3);
    // Grey stays grey.
    for Lab { a, b, .. } in seen([128; 3]) {
        assert!(a.hypot(b) < 0.5, "{a} {b}");
    }
}
