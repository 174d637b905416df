//! No measure of time: searches the colours of areas on pages, the source of `light` and `dark` in
//! the table `AREAS`.
//!
//! Any two areas may stand side by side in a bar, so every pair has to stay apart for every sight,
//! and every colour has to be seen on the page's ground. Of the colours that one would choose by
//! eye, simulated annealing moves each as little as that allows. Same numbers, same colours;
//! `tests/areas.rs` proves the rules. `cargo bench --bench palette`, with `light` or `dark` and the
//! number of tries.

#![allow(clippy::print_stdout)]

#[path = "../tests/support/colour.rs"]
mod colour;

use colour::{Lab, Rgb, contrast, difference, parse, seen};

/// Area; colour by eye on light and on dark ground; weight of keeping it, higher for the areas that
/// are often large.
const WANTED: [(&str, &str, &str, f64); 16] = [
    ("send lag", "#d55e00", "#ff8a3c", 1.0),
    ("queue", "#c07a30", "#f2a65a", 0.3),
    ("retries", "#a6192e", "#ff5c6c", 0.7),
    ("gap", "#6b7480", "#8b95a1", 1.0),
    ("mesh", "#8b95a1", "#c3cad2", 0.5),
    ("proxy queue", "#6f4fa0", "#9a78d6", 0.7),
    ("timestamp", "#c8639a", "#e79ac4", 0.4),
    ("planning", "#8f7fd6", "#c3b3f0", 0.5),
    ("consistency wait", "#a08a00", "#e8d44a", 1.0),
    ("node queue", "#b07000", "#e69f00", 1.0),
    ("engine", "#00875f", "#2fbf8f", 1.5),
    ("reduce", "#1f8fd0", "#6fc4f5", 1.0),
    ("node to node", "#0057b8", "#3f8fe0", 1.0),
    ("log append", "#6b3f14", "#b98a5a", 0.6),
    ("metadata", "#2f4f4f", "#6fa0a0", 0.4),
    ("other", "#2b2b2b", "#f0f0ea", 0.6),
];
/// `--paper` of `templates/report.css`.
const GROUNDS: [(&str, &str); 2] = [("light", "#fdfdfc"), ("dark", "#15171a")];
/// Hatched on pages, so that they may be grey; the others have to have a hue.
const GREY: [&str; 3] = ["gap", "mesh", "other"];
/// In no bar (`Area::may_touch`): it may come closer to the others.
const IN_NO_BAR: &str = "queue";
/// What is asked for, a little above what the test demands.
const APART: f64 = 15.1;
const APART_ELSEWHERE: f64 = 8.0;
const CONTRAST: f64 = 3.02;
/// CIE chroma below which a colour passes for grey, and the least of the others.
const GREY_CHROMA: f64 = 10.0;
const HUE_CHROMA: f64 = 24.0;
/// Steps of one try.
const MOVES: u32 = 400_000;

/// Numbers of splitmix64: the same on every machine.
struct Random(u64);

impl Random {
    /// From 0 to below 1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn below(&mut self, count: usize) -> usize {
        (self.next() * count as f64) as usize
    }
}

struct Search {
    ground: Rgb,
    colors: Vec<Rgb>,
    seen: Vec<[Lab; 3]>,
    wanted: Vec<Lab>,
    random: Random,
}

impl Search {
    fn new(theme: usize, seed: u64) -> Self {
        let color = |text: &str| parse(text).expect("a colour");
        let colors: Vec<Rgb> = WANTED
            .iter()
            .map(|(_, light, dark, _)| color([light, dark][theme]))
            .collect();
        let seen: Vec<_> = colors.iter().map(|color| seen(*color)).collect();
        Self {
            ground: color(GROUNDS[theme].1),
            wanted: seen.iter().map(|sights| sights[0]).collect(),
            colors,
            seen,
            random: Random(seed),
        }
    }

    /// What it costs that area `at` looks like this, whatever the others do.
    fn own(&self, at: usize, looks: Lab) -> f64 {
        let (name, .., weight) = WANTED[at];
        let moved = 0.02 * weight * difference(looks, self.wanted[at]).powi(2);
        let chroma = looks.a.hypot(looks.b);
        moved
            + if GREY.contains(&name) {
                0.02 * (chroma - GREY_CHROMA).max(0.0).powi(2)
            } else {
                0.06 * (HUE_CHROMA - chroma).max(0.0).powi(2)
            }
    }

    fn cost(&self, at: usize, color: Rgb, sights: &[Lab; 3]) -> f64 {
        let missing = (CONTRAST - contrast(color, self.ground)).max(0.0);
        let mut cost = self.own(at, sights[0]) + 8_000.0 * missing;
        for (other, there) in self.seen.iter().enumerate().filter(|(n, _)| *n != at) {
            let apart = if [WANTED[at].0, WANTED[other].0].contains(&IN_NO_BAR) {
                APART_ELSEWHERE
            } else {
                APART
            };
            for (one, two) in sights.iter().zip(there) {
                let near = (apart - difference(*one, *two)).max(0.0);
                cost += 30.0 * near * near;
            }
        }
        cost
    }

    fn takes(&mut self, worse: f64, heat: f64) -> bool {
        worse <= 0.0 || self.random.next() < (-worse / heat).exp()
    }

    fn run(&mut self) {
        for step in 0..MOVES {
            let left = 1.0 - f64::from(step) / f64::from(MOVES);
            let (heat, reach) = (60.0 * 1e-4_f64.powf(1.0 - left), 4.0 + 60.0 * left * left);
            let at = self.random.below(WANTED.len());
            if self.random.next() < 0.03 {
                let other = self.random.below(WANTED.len());
                self.swap(at, other, heat);
                continue;
            }
            let color = self.colors[at].map(|channel| {
                let by = (self.random.next() + self.random.next() - 1.0) * reach;
                (f64::from(channel) + by).round().clamp(0.0, 255.0) as u8
            });
            let sights = seen(color);
            let before = self.cost(at, self.colors[at], &self.seen[at]);
            let worse = self.cost(at, color, &sights) - before;
            if self.takes(worse, heat) {
                (self.colors[at], self.seen[at]) = (color, sights);
            }
        }
    }

    fn swap(&mut self, one: usize, two: usize, heat: f64) {
        if one == two || [WANTED[one].0, WANTED[two].0].contains(&IN_NO_BAR) {
            return;
        }
        let (a, b) = (self.seen[one][0], self.seen[two][0]);
        let before = self.own(one, a) + self.own(two, b);
        let worse = self.own(one, b) + self.own(two, a) - before;
        if self.takes(worse, heat) {
            self.colors.swap(one, two);
            self.seen.swap(one, two);
        }
    }

    /// The closest pair of a bar, and what the search is to make small.
    fn result(&self) -> (f64, f64) {
        let in_bar: Vec<&[Lab; 3]> = WANTED
            .iter()
            .zip(&self.seen)
            .filter(|((name, ..), _)| *name != IN_NO_BAR)
            .map(|(_, sights)| sights)
            .collect();
        let mut closest = f64::MAX;
        for (at, one) in in_bar.iter().enumerate() {
            for two in &in_bar[..at] {
                for (one, two) in one.iter().zip(*two) {
                    closest = closest.min(difference(*one, *two));
                }
            }
        }
        let costs = self.seen.iter().zip(&self.colors).enumerate();
        (
            closest,
            costs
                .map(|(at, (sights, color))| self.cost(at, *color, sights))
                .sum(),
        )
    }
}

fn main() {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    let tries: u64 = words
        .get(1)
        .map_or(8, |word| word.parse().expect("a number of tries"));
    for (theme, (name, _)) in GROUNDS.iter().enumerate() {
        if words.first().is_some_and(|only| only != name) {
            continue;
        }
        let mut best: Option<(f64, Search)> = None;
        for seed in 1..=tries {
            let mut search = Search::new(theme, seed);
            search.run();
            let (closest, cost) = search.result();
            eprintln!("{name} {seed}: {closest:.2} apart, cost {cost:.1}");
            if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                best = Some((cost, search));
            }
        }
        let (_, best) = best.expect("one try at least");
        let least = best
            .colors
            .iter()
            .map(|color| contrast(*color, best.ground))
            .fold(21.0, f64::min);
        println!("{name}: {:.2} apart, contrast {least:.2}", best.result().0);
        for ((area, ..), [r, g, b]) in WANTED.iter().zip(&best.colors) {
            println!("  {area:<17} #{r:02x}{g:02x}{b:02x}");
        }
    }
}
