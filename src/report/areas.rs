//! Areas and parts in a terminal: the row of an area by its name, its colour, and a part's short
//! name.

use super::layout::Paint;
use crate::analysis::{AREAS, Area, AreaRow};

/// Index in [`AREAS`]; that of `other` for a name that is not there.
pub(super) fn index_of(area: &str) -> usize {
    AREAS
        .iter()
        .position(|row| row.name == area)
        .unwrap_or(Area::Other as usize)
}

/// Row of an area; that of `other` for a name that is not there.
pub(super) fn row_of(area: &str) -> &'static AreaRow {
    &AREAS[index_of(area)]
}

/// Colour of an area.
pub(super) fn paint_of(area: &AreaRow) -> Paint {
    Paint::Palette(area.palette)
}

/// Divides `cells` columns among `sizes` in proportion, so that they add up (largest remainders).
/// Sizes below zero count as zero; without any size nothing is divided.
pub(super) fn divide(sizes: &[f64], cells: usize) -> Vec<usize> {
    let size = |value: &f64| {
        if value.is_finite() {
            value.max(0.0)
        } else {
            0.0
        }
    };
    let total: f64 = sizes.iter().map(size).sum();
    if total <= 0.0 || !total.is_finite() {
        return vec![0; sizes.len()];
    }
    let exact: Vec<f64> = sizes
        .iter()
        .map(|value| size(value) / total * cells as f64)
        .collect();
    let mut out: Vec<usize> = exact.iter().map(|cells| cells.floor() as usize).collect();
    let mut by_rest: Vec<usize> = (0..exact.len()).collect();
    by_rest.sort_by(|a, b| {
        (exact[*b].fract())
            .total_cmp(&exact[*a].fract())
            .then(a.cmp(b))
    });
    let missing = cells.saturating_sub(out.iter().sum());
    for at in by_rest.into_iter().take(missing) {
        out[at] += 1;
    }
    out
}

/// `p50-p90` for `50-90`, `min-p50` for `0-50`, `p99-max` for `99-100`; other names as they are.
pub(super) fn band_name(band: &str) -> String {
    let Some((from, to)) = band.split_once('-') else {
        return band.to_owned();
    };
    let from = if from == "0" {
        "min".to_owned()
    } else {
        format!("p{from}")
    };
    let to = if to == "100" {
        "max".to_owned()
    } else {
        format!("p{to}")
    };
    format!("{from}-{to}")
}

/// Name of a part: of a gRPC method the package is left out.
pub(super) fn part_name(part: &str) -> String {
    match part.split_once('/') {
        Some((service, rest)) if !service.contains(' ') => match service.rsplit_once('.') {
            Some((_, service)) => format!("{service}/{rest}"),
            None => part.to_owned(),
        },
        _ => part.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn unknown_areas_look_like_other() {
        assert_eq!(row_of("engine").sign, '█');
        assert_eq!(row_of("an unknown area").id, Area::Other);
    }

    fn check_name(part: &str, expected: &str) {
        assert_eq!(part_name(part), expected);
    }

    #[test]
    fn grpc_methods_lose_their_package() {
        check_name("SegCoreSearch", "SegCoreSearch");
        check_name(
            "milvus.proto.milvus.MilvusService/Search",
            "MilvusService/Search",
        );
        check_name(
            "milvus.proto.query.QueryNode/Search (client)",
            "QueryNode/Search (client)",
        );
        check_name("/v2/vectordb/search", "/v2/vectordb/search");
        check_name("a b.c/d", "a b.c/d");
    }

    fn check_band(band: &str, expected: &str) {
        assert_eq!(band_name(band), expected);
    }

    #[test]
    fn bands_are_named_after_their_quantiles() {
        check_band("all", "all");
        check_band("0-50", "min-p50");
        check_band("99-99.9", "p99-p99.9");
        check_band("99.9-100", "p99.9-max");
        check_band("0-100", "min-max");
    }

    fn check(sizes: &[f64], cells: usize, expected: &[usize]) {
        assert_eq!(divide(sizes, cells), expected, "{sizes:?}");
    }

    #[test]
    fn columns_are_divided_in_proportion() {
        check(&[1.0, 1.0, 2.0], 8, &[2, 2, 4]);
        check(&[1.0, 1.0, 1.0], 10, &[4, 3, 3]);
        check(&[99.0, 1.0], 10, &[10, 0]);
        check(&[-5.0, 1.0], 3, &[0, 3]);
        check(&[f64::NAN, 1.0], 3, &[0, 3]);
        check(&[0.0, 0.0], 3, &[0, 0]);
        check(&[], 3, &[]);
        check(&[f64::MAX, f64::MAX], 3, &[0, 0]);
    }

    proptest! {
        #[test]
        fn they_add_up(
            sizes in prop::collection::vec(0.001_f64..1e6, 1..17),
            cells in 0_usize..200,
        ) {
            prop_assert_eq!(divide(&sizes, cells).iter().sum::<usize>(), cells);
        }
    }
}
