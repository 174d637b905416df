//! Which cells are measured, and what they are called.

use std::fmt;

/// How the requests of a cell arise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shape {
    /// Callers that each wait for their answer.
    InFlight(u32),
    /// Requests per second, at equal distances.
    Rate(u32),
}

/// What is measured: searches of one vector.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cell {
    /// Dimensions of the vector: 128 makes requests of 658 bytes.
    pub(super) dim: u32,
    pub(super) shape: Shape,
    /// Share of requests that are traced, in percent.
    pub(super) traced_percent: u32,
}

/// `d128-c64-t1`: dimensions, callers, percent traced. `r1000`: requests per second.
impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            dim,
            traced_percent,
            ..
        } = self;
        match self.shape {
            Shape::InFlight(callers) => write!(f, "d{dim}-c{callers}-t{traced_percent}"),
            Shape::Rate(rate) => write!(f, "r{rate}"),
        }
    }
}

impl Cell {
    /// Share of requests that are traced, in [0, 1].
    pub(super) fn traced(&self) -> f64 {
        f64::from(self.traced_percent) / 100.0
    }
}

/// Percent traced of the cells that a run is compared with; what `sample_ratio = "auto"` comes to
/// in a run of minutes.
pub(super) const USUAL_PERCENT: u32 = 1;

/// Dimensions and callers at which the traced share is varied: small requests and many in flight,
/// where tracing weighs most.
pub(super) const TRACED_AT: (u32, u32) = (128, 64);

const fn closed(dim: u32, callers: u32, traced_percent: u32) -> Cell {
    Cell {
        dim,
        shape: Shape::InFlight(callers),
        traced_percent,
    }
}

const fn open(rate: u32) -> Cell {
    Cell {
        dim: 128,
        shape: Shape::Rate(rate),
        traced_percent: 0,
    }
}

/// Every size with every number in flight at the usual traced share, and every traced share at one
/// of them: what tracing costs is work per traced request, whatever the vector, so the other 24
/// combinations would say nothing new. Then send lag at four rates.
pub(super) const ALL: [Cell; 16] = [
    closed(128, 1, USUAL_PERCENT),
    closed(128, 16, USUAL_PERCENT),
    closed(768, 1, USUAL_PERCENT),
    closed(768, 16, USUAL_PERCENT),
    closed(768, 64, USUAL_PERCENT),
    closed(1536, 1, USUAL_PERCENT),
    closed(1536, 16, USUAL_PERCENT),
    closed(1536, 64, USUAL_PERCENT),
    closed(128, 64, 0),
    closed(128, 64, USUAL_PERCENT),
    closed(128, 64, 10),
    closed(128, 64, 100),
    open(100),
    open(1000),
    open(10_000),
    open(50_000),
];

/// What the first run on a machine measures by itself.
pub(super) const QUICK: [Cell; 7] = [
    closed(128, 1, USUAL_PERCENT),
    closed(128, 16, USUAL_PERCENT),
    closed(128, 64, USUAL_PERCENT),
    closed(128, 64, 100),
    closed(768, 16, USUAL_PERCENT),
    closed(768, 64, USUAL_PERCENT),
    closed(1536, 64, USUAL_PERCENT),
];

/// The cells whose names hold one of `asked`; all of them where nothing is asked for.
///
/// # Errors
/// No cell is called so.
pub(super) fn select(asked: &[String]) -> Result<Vec<Cell>, String> {
    let names = || {
        ALL.iter()
            .map(Cell::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    };
    if let Some(unknown) = asked
        .iter()
        .find(|text| !ALL.iter().any(|cell| is_called(cell, text)))
    {
        return Err(format!(
            "--only {unknown:?} is not a cell or part of a cell's name, expected one of {}",
            names()
        ));
    }
    Ok(ALL
        .into_iter()
        .filter(|cell| asked.is_empty() || asked.iter().any(|text| is_called(cell, text)))
        .collect())
}

/// Whether `text` is the cell's name or some of the parts between its dashes, in their order.
fn is_called(cell: &Cell, text: &str) -> bool {
    let name = cell.to_string();
    let mut parts = name.split('-');
    text.split('-').all(|asked| parts.any(|part| part == asked))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(asked: &[&str], expected: &[&str]) {
        let asked: Vec<String> = asked.iter().map(|text| (*text).to_owned()).collect();
        let found =
            select(&asked).map(|cells| cells.iter().map(Cell::to_string).collect::<Vec<_>>());
        assert_eq!(
            found,
            Ok(expected.iter().map(|name| (*name).to_owned()).collect()),
            "{asked:?}"
        );
    }

    #[test]
    fn cells_are_chosen_by_name_or_by_parts_of_it() {
        check(&["d128-c64-t1"], &["d128-c64-t1"]);
        check(&["r1000"], &["r1000"]);
        check(&["d768"], &["d768-c1-t1", "d768-c16-t1", "d768-c64-t1"]);
        check(&["d128-t1"], &["d128-c1-t1", "d128-c16-t1", "d128-c64-t1"]);
        check(&["t100", "r100"], &["d128-c64-t100", "r100"]);
        assert_eq!(select(&[]).map(|cells| cells.len()), Ok(ALL.len()));
    }

    #[test]
    fn what_no_cell_is_called_is_refused_with_the_names() {
        for wrong in ["", "d12", "c64-d128", "r1", "d128-c64-t1-x"] {
            let error = select(&[wrong.to_owned()]).expect_err(wrong);
            assert!(
                error.contains(&format!("{wrong:?}")) && error.contains("d1536-c16-t1"),
                "{error}"
            );
        }
    }

    #[test]
    fn every_name_is_there_once_and_the_quick_ones_are_of_them() {
        let mut names: Vec<String> = ALL.iter().map(Cell::to_string).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
        assert!(QUICK.iter().all(|cell| ALL.contains(cell)));
    }
}
