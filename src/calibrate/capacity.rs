//! How much a run used of what its client can generate: its busiest phase against the nearest
//! calibrated cell.
//!
//! Per load thread, since a calibration has one. The cell is the nearest by bytes of a request and
//! by requests in flight, both as ratios; its requests per second are corrected for the traced
//! share by what tracing cost at 128 dimensions and 64 in flight.

use super::{
    calibration::{Calibration, CellResult},
    cells::{TRACED_AT, USUAL_PERCENT},
    measure::request_bytes,
};
use crate::{
    plan::{PhasePlan, Plan},
    record::{ClientCapacity, Figure, FigureHistograms, RunInfo, StreamInfo},
};

/// Requests larger than the largest calibrated one by this factor are like none of them: an insert
/// of many rows.
const LARGER: f64 = 2.0;

/// What one load thread did in a phase, all workloads together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Load {
    /// Requests per second.
    per_second: f64,
    /// Requests in flight on average, by Little's law.
    in_flight: f64,
    /// Bytes of a request on average.
    bytes: f64,
    /// Share of requests that were traced.
    traced: f64,
}

/// The phase that used the largest share; None where no phase came to its end, or none is like a
/// calibrated cell.
pub(super) fn capacity(
    calibration: &Calibration,
    info: &RunInfo,
    plan: &Plan,
    histograms: &FigureHistograms,
) -> Option<ClientCapacity> {
    let of_phase = |phase: &PhasePlan| {
        let workloads = phase.workloads.iter().filter_map(|index| {
            let bytes = request_bytes(plan, *index)? as f64;
            let name = &plan.workloads.get(*index)?.name;
            let parts = info.streams.iter().filter(|stream| {
                stream.is_measured() && stream.phase == phase.name && stream.workload == *name
            });
            // The busiest stage.
            parts
                .filter_map(|stream| of_part(stream, bytes, histograms))
                .max_by(|a, b| a.per_second.total_cmp(&b.per_second))
        });
        let load = per_thread(workloads, info.threads)?;
        let (cell, capacity) = nearest(calibration, &load)?;
        Some(ClientCapacity {
            phase: phase.name.clone(),
            sent_per_second: load.per_second,
            capacity_per_second: capacity,
            share: load.per_second / capacity,
            cell: cell.cell.clone(),
            date: calibration.date.clone(),
        })
    };
    plan.phases
        .iter()
        .filter_map(of_phase)
        .max_by(|a, b| a.share.total_cmp(&b.share))
}

fn of_part(stream: &StreamInfo, bytes: f64, histograms: &FigureHistograms) -> Option<Load> {
    let ran = stream
        .end_ns
        .map(|end_ns| stream.ran_ns(end_ns))
        .filter(|ran| !ran.is_empty())?;
    let length_s = (ran.end - ran.start) as f64 / 1e9;
    // Time in flight of all requests, whatever became of them.
    let in_flight_s: f64 = histograms
        .of_stream(stream, Figure::ServiceTime)
        .map(|(_, histogram)| histogram.mean() / 1e9 * histogram.len() as f64)
        .sum();
    Some(Load {
        per_second: stream.sent as f64 / length_s,
        in_flight: in_flight_s / length_s,
        bytes,
        traced: stream.sample_ratio,
    })
}

/// Rates add up, the others are means over the requests. None for a phase in which nothing was
/// sent.
fn per_thread(workloads: impl Iterator<Item = Load>, threads: u32) -> Option<Load> {
    let mut sum = Load::default();
    for load in workloads {
        sum.per_second += load.per_second;
        sum.in_flight += load.in_flight;
        sum.bytes += load.bytes * load.per_second;
        sum.traced += load.traced * load.per_second;
    }
    let threads = f64::from(threads.max(1));
    (sum.per_second > 0.0).then(|| Load {
        per_second: sum.per_second / threads,
        in_flight: sum.in_flight / threads,
        bytes: sum.bytes / sum.per_second,
        traced: sum.traced / sum.per_second,
    })
}

/// The nearest cell, and the requests per second that it means for the load's traced share.
fn nearest<'c>(calibration: &'c Calibration, load: &Load) -> Option<(&'c CellResult, f64)> {
    let usual = f64::from(USUAL_PERCENT) / 100.0;
    let closed = || {
        calibration
            .cells
            .iter()
            .filter(|cell| cell.in_flight.is_some() && cell.measured.per_second > 0.0)
    };
    let distance = |cell: &CellResult| {
        let bytes = (load.bytes / cell.measured.request_bytes.max(1) as f64)
            .ln()
            .abs();
        // Fewer than one in flight are like one.
        bytes
            + (load.in_flight.max(1.0) / f64::from(cell.in_flight.unwrap_or(1)))
                .ln()
                .abs()
    };
    let cell = closed()
        .filter(|cell| cell.traced == usual)
        .min_by(|a, b| distance(a).total_cmp(&distance(b)))?;
    let largest = closed().map(|cell| cell.measured.request_bytes).max()?;
    if load.bytes > LARGER * largest as f64 {
        return None;
    }
    let traced =
        || closed().filter(|cell| (cell.dim, cell.in_flight) == (TRACED_AT.0, Some(TRACED_AT.1)));
    let of_share = |share: f64| {
        // Shares differ by their ratio; 0 is like one in a thousand.
        let distance = |cell: &CellResult| ((cell.traced + 0.001) / (share + 0.001)).ln().abs();
        traced()
            .min_by(|a, b| distance(a).total_cmp(&distance(b)))
            .map(|cell| cell.measured.per_second)
    };
    let tracing = of_share(load.traced)
        .zip(of_share(usual))
        .map_or(1.0, |(here, usual)| here / usual);
    Some((cell, cell.measured.per_second * tracing))
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            cells::{Cell, QUICK, Shape},
            measure::Measured,
        },
        *,
    };

    /// Requests per second fall with size and rise with the number in flight; everything traced
    /// halves them.
    fn calibration() -> Calibration {
        let result = |cell: &Cell| {
            let Shape::InFlight(callers) = cell.shape else {
                panic!("a closed loop")
            };
            let per_second = f64::from(callers) * 1e6
                / f64::from(cell.dim)
                / if cell.traced_percent == 100 { 2.0 } else { 1.0 };
            CellResult::new(
                cell,
                Measured {
                    per_second,
                    request_bytes: u64::from(4 * cell.dim + 146),
                    ..Measured::default()
                },
            )
        };
        Calibration {
            cells: QUICK.iter().map(result).collect(),
            ..Calibration::default()
        }
    }

    fn check(load: Load, expected: Option<(&str, f64)>) {
        let calibration = calibration();
        let found = nearest(&calibration, &load)
            .map(|(cell, capacity)| (cell.cell.as_str(), capacity.round()));
        assert_eq!(found, expected, "{load:?}");
    }

    fn load(bytes: f64, in_flight: f64, traced: f64) -> Load {
        Load {
            per_second: 100.0,
            in_flight,
            bytes,
            traced,
        }
    }

    #[test]
    fn the_cell_is_the_nearest_by_size_and_by_number_in_flight() {
        check(load(658.0, 0.1, 0.01), Some(("d128-c1-t1", 7_813.0)));
        check(load(658.0, 3.0, 0.01), Some(("d128-c1-t1", 7_813.0)));
        check(load(658.0, 5.0, 0.01), Some(("d128-c16-t1", 125_000.0)));
        check(load(658.0, 1_000.0, 0.01), Some(("d128-c64-t1", 500_000.0)));
        check(load(3_000.0, 40.0, 0.01), Some(("d768-c64-t1", 83_333.0)));
        check(load(6_290.0, 60.0, 0.01), Some(("d1536-c64-t1", 41_667.0)));
    }

    #[test]
    fn the_traced_share_counts_as_it_does_where_it_was_measured() {
        check(load(3_218.0, 64.0, 1.0), Some(("d768-c64-t1", 41_667.0)));
        check(load(3_218.0, 64.0, 0.0), Some(("d768-c64-t1", 83_333.0)));
    }

    #[test]
    fn requests_that_are_like_no_cell_are_compared_with_none() {
        check(load(60_000.0, 1.0, 0.01), None);
        assert_eq!(
            nearest(&Calibration::default(), &load(658.0, 1.0, 0.01)),
            None
        );
    }

    #[test]
    fn workloads_of_a_phase_add_up_and_are_shared_by_the_threads() {
        let loads = [
            Load {
                per_second: 300.0,
                in_flight: 3.0,
                bytes: 1_000.0,
                traced: 0.0,
            },
            Load {
                per_second: 100.0,
                in_flight: 1.0,
                bytes: 5_000.0,
                traced: 1.0,
            },
        ];
        let expected = Load {
            per_second: 200.0,
            in_flight: 2.0,
            bytes: 2_000.0,
            traced: 0.25,
        };
        assert_eq!(per_thread(loads.into_iter(), 2), Some(expected));
        assert_eq!(per_thread(std::iter::empty(), 2), None);
    }
}
