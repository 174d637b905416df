//! A calibration as text.

use std::fmt::Write;

use super::{
    calibration::{Calibration, CellResult},
    cells::TRACED_AT,
};

/// Three tables: closed loops, what tracing costs, open loops beside the bare timer. A table
/// without cells is left out.
pub(crate) fn table(calibration: &Calibration) -> String {
    let mut text = String::new();
    // Writing to a String can't fail.
    let _ = writeln!(
        text,
        "one load thread against a null Milvus in a separate process, {} s each; CPU is of this \
         whole process: load, writer, exporter",
        calibration.cell_s
    );
    let machine: Vec<&str> = ["processor", "cores", "os", "version", "profile"]
        .into_iter()
        .filter_map(|key| calibration.machine.get(key).map(String::as_str))
        .collect();
    let _ = writeln!(
        text,
        "processor, cores, kernel, milvus-bench: {}",
        machine.join(", ")
    );
    closed(&mut text, calibration);
    tracing(&mut text, calibration);
    open(&mut text, calibration);
    text
}

fn closed(text: &mut String, calibration: &Calibration) {
    let mut cells = calibration
        .cells
        .iter()
        .filter(|cell| cell.in_flight.is_some())
        .peekable();
    if cells.peek().is_none() {
        return;
    }
    text.push_str(
        "\nclosed loop      dim  in flight  traced  requests/s  CPU us/request  thread busy  \
         service time us   p50    p99  p99.9\n",
    );
    for cell in cells {
        let measured = &cell.measured;
        let [p50, p99, p999] = measured.service_time_us.unwrap_or_default();
        let _ = writeln!(
            text,
            "{:<14} {:>5}  {:>9}  {:>5.0}%  {:>10.0}  {:>14.1}  {:>10.0}%  {p50:>21.0} {p99:>6.0} \
             {p999:>6.0}{}",
            cell.cell,
            cell.dim,
            cell.in_flight.unwrap_or_default(),
            cell.traced * 100.0,
            measured.per_second,
            measured.cpu_us,
            measured.thread_busy * 100.0,
            not_ok(cell),
        );
    }
}

/// Total cost of tracing: the cells that differ in the traced share alone, against the one without.
fn tracing(text: &mut String, calibration: &Calibration) {
    let at = |cell: &&CellResult| (cell.dim, cell.in_flight) == (TRACED_AT.0, Some(TRACED_AT.1));
    let cells: Vec<&CellResult> = calibration.cells.iter().filter(at).collect();
    let Some(untraced) = cells
        .iter()
        .find(|cell| cell.traced == 0.0)
        .filter(|_| cells.len() > 1)
    else {
        return;
    };
    text.push_str(
        "\ntracing, exporter running  traced  requests/s     of 0 %  CPU us/request     of 0 %  \
         spans exported    lost\n",
    );
    for cell in &cells {
        let (measured, base) = (&cell.measured, &untraced.measured);
        let _ = writeln!(
            text,
            "{:<25} {:>6.0}%  {:>10.0}  {:>8.0} %  {:>14.1}  {:>8.0} %  {:>14} {:>7}",
            cell.cell,
            cell.traced * 100.0,
            measured.per_second,
            100.0 * measured.per_second / base.per_second,
            measured.cpu_us,
            100.0 * measured.cpu_us / base.cpu_us,
            measured.spans_exported,
            measured.spans_lost,
        );
    }
}

fn open(text: &mut String, calibration: &Calibration) {
    let mut cells = calibration
        .cells
        .iter()
        .filter(|cell| cell.rate.is_some())
        .peekable();
    if cells.peek().is_none() {
        return;
    }
    text.push_str(
        "\nopen loop  requests/s  CPU us/request  thread busy  send lag us   p50    p99  p99.9  \
         bare timer   p50    p99  p99.9  ratio  p50   p99 p99.9\n",
    );
    for cell in cells {
        let measured = &cell.measured;
        let [lag, bare] =
            [measured.send_lag_us, measured.bare_timer_us].map(Option::unwrap_or_default);
        let ratio = [0, 1, 2].map(|at| {
            if bare[at] > 0.0 {
                lag[at] / bare[at]
            } else {
                0.0
            }
        });
        let _ = writeln!(
            text,
            "{:<9}  {:>10.0}  {:>14.1}  {:>10.1}%  {:>17.0} {:>6.0} {:>6.0}  {:>16.0} {:>6.0} \
             {:>6.0}  {:>10.2} {:>5.2} {:>5.2}{}",
            cell.cell,
            measured.per_second,
            measured.cpu_us,
            measured.thread_busy * 100.0,
            lag[0],
            lag[1],
            lag[2],
            bare[0],
            bare[1],
            bare[2],
            ratio[0],
            ratio[1],
            ratio[2],
            not_ok(cell),
        );
    }
}

fn not_ok(cell: &CellResult) -> String {
    match cell.measured.not_ok {
        0 => String::new(),
        count => format!("  {count} not ok"),
    }
}
