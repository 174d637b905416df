//! Colours as people see them: CIEDE2000, the contrast of WCAG, and what a sight that lacks one
//! kind of cone makes of a colour. For the test of the areas' colours and the search that found
//! them.

#![allow(dead_code, reason = "each of its users needs a part")]

use std::f64::consts::PI;

/// A colour of sRGB.
pub(crate) type Rgb = [u8; 3];

/// A colour in CIE L\*a\*b\*, white point D65.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Lab {
    /// Lightness, 0 to 100.
    pub(crate) l: f64,
    /// Green to red.
    pub(crate) a: f64,
    /// Blue to yellow.
    pub(crate) b: f64,
}

/// The colour of `#rrggbb`; None for what is written otherwise.
pub(crate) fn parse(text: &str) -> Option<Rgb> {
    let digits = text.strip_prefix('#').filter(|digits| {
        digits.len() == 6
            && digits
                .chars()
                .all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c))
    })?;
    let number = u32::from_str_radix(digits, 16).ok()?;
    let [_, rgb @ ..] = number.to_be_bytes();
    Some(rgb)
}

type Matrix = [[f64; 3]; 3];

/// Normal sight, protanopia, deuteranopia: on linear sRGB. Of G. M. Machado, M. M. Oliveira and
/// L. A. F. Fernandes, "A Physiologically-based Model for Simulation of Color Vision Deficiency",
/// IEEE Transactions on Visualization and Computer Graphics 15(6), 2009, severity 1.0.
pub(crate) const SIGHTS: [(&str, Matrix); 3] = [
    (
        "normal sight",
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
    ),
    (
        "protanopia",
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ],
    ),
    (
        "deuteranopia",
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ],
    ),
];

/// Linear sRGB to XYZ (IEC 61966-2-1).
const XYZ: Matrix = [
    [0.4124564, 0.3575761, 0.1804375],
    [0.2126729, 0.7151522, 0.0721750],
    [0.0193339, 0.1191920, 0.9503041],
];

fn times(matrix: &Matrix, v: [f64; 3]) -> [f64; 3] {
    matrix.map(|row| row[0] * v[0] + row[1] * v[1] + row[2] * v[2])
}

fn linear(color: Rgb) -> [f64; 3] {
    color.map(|channel| {
        let value = f64::from(channel) / 255.0;
        if value <= 0.04045 {
            value / 12.92
        } else {
            ((value + 0.055) / 1.055).powf(2.4)
        }
    })
}

/// The colour as each of [`SIGHTS`] sees it.
pub(crate) fn seen(color: Rgb) -> [Lab; 3] {
    SIGHTS.map(|(_, sight)| lab(times(&sight, linear(color)).map(|value| value.clamp(0.0, 1.0))))
}

fn lab(linear: [f64; 3]) -> Lab {
    let f = |value: f64| {
        if value > 216.0 / 24_389.0 {
            value.cbrt()
        } else {
            (24_389.0 / 27.0 * value + 16.0) / 116.0
        }
    };
    let (color, white) = (times(&XYZ, linear), times(&XYZ, [1.0; 3]));
    let [x, y, z] = [0, 1, 2].map(|at| f(color[at] / white[at]));
    Lab {
        l: 116.0 * y - 16.0,
        a: 500.0 * (x - y),
        b: 200.0 * (y - z),
    }
}

/// CIEDE2000 with all weights 1, after G. Sharma, W. Wu and E. N. Dalal, "The CIEDE2000
/// Color-Difference Formula: Implementation Notes, Supplementary Test Data, and Mathematical
/// Observations", Color Research and Application 30(1), 2005.
pub(crate) fn difference(one: Lab, two: Lab) -> f64 {
    let share = |chroma: f64| (chroma.powi(7) / (chroma.powi(7) + 25_f64.powi(7))).sqrt();
    let mean_chroma = (one.a.hypot(one.b) + two.a.hypot(two.b)) / 2.0;
    let g = 1.0 + 0.5 * (1.0 - share(mean_chroma));
    let polar = |of: Lab| {
        let angle = of.b.atan2(g * of.a).to_degrees();
        (
            (g * of.a).hypot(of.b),
            if angle < 0.0 { angle + 360.0 } else { angle },
        )
    };
    let ((chroma1, hue1), (chroma2, hue2)) = (polar(one), polar(two));
    let (turn, hue) = if chroma1 * chroma2 == 0.0 {
        (0.0, hue1 + hue2)
    } else {
        hues(hue1, hue2)
    };
    let chroma = (chroma1 + chroma2) / 2.0;
    let cos = |degrees: f64| degrees.to_radians().cos();
    let t = 1.0 - 0.17 * cos(hue - 30.0) + 0.24 * cos(2.0 * hue) + 0.32 * cos(3.0 * hue + 6.0)
        - 0.20 * cos(4.0 * hue - 63.0);
    let off = ((one.l + two.l) / 2.0 - 50.0).powi(2);
    let l = (two.l - one.l) / (1.0 + 0.015 * off / (20.0 + off).sqrt());
    let c = (chroma2 - chroma1) / (1.0 + 0.045 * chroma);
    let h =
        2.0 * (chroma1 * chroma2).sqrt() * (turn / 360.0 * PI).sin() / (1.0 + 0.015 * chroma * t);
    let rotation = 60.0 * (-((hue - 275.0) / 25.0).powi(2)).exp();
    let rotated = -2.0 * share(chroma) * rotation.to_radians().sin() * c * h;
    (l * l + c * c + h * h + rotated).max(0.0).sqrt()
}

/// From one hue to the other the shorter way, and the hue between them, degrees.
fn hues(one: f64, two: f64) -> (f64, f64) {
    let (turn, sum) = (two - one, one + two);
    if turn.abs() <= 180.0 {
        (turn, sum / 2.0)
    } else {
        let shorter = turn - 360.0 * turn.signum();
        let other_side = if sum < 360.0 { 360.0 } else { -360.0 };
        (shorter, (sum + other_side) / 2.0)
    }
}

/// Smallest difference of two colours over all [`SIGHTS`], and the one that sees it.
pub(crate) fn least_difference(one: Rgb, two: Rgb) -> (f64, &'static str) {
    let all = seen(one)
        .into_iter()
        .zip(seen(two))
        .zip(SIGHTS)
        .map(|((one, two), (sight, _))| (difference(one, two), sight));
    all.min_by(|a, b| a.0.total_cmp(&b.0))
        .expect("there are sights")
}

/// Contrast of two colours as WCAG 2 defines it, 1 to 21.
pub(crate) fn contrast(one: Rgb, two: Rgb) -> f64 {
    let luminance = |color: Rgb| times(&XYZ, linear(color))[1];
    let (one, two) = (luminance(one), luminance(two));
    (one.max(two) + 0.05) / (one.min(two) + 0.05)
}
