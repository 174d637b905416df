//! `report.hgrm`: latency by percentile, in the layout of HdrHistogram's
//! `outputPercentileDistribution`, which its plotter (`plotFiles.html`), `hdr-plot` and many
//! scripts read.
//!
//! The lines are those that the Java library prints of the same histogram with five ticks per half
//! distance and a scale of one million (nanoseconds to milliseconds), to the byte;
//! `tests/hdrhistogram/` compares them.
//!
//! **Several distributions in one file.** The format has no place for a name, and its readers take
//! a whole file as one curve: of two blocks they make one line that jumps back. They skip what
//! begins with `#`, though. So the first block, the response time of the first workload, stands as
//! it is, and the later ones stand behind `#| `: an undivided file is read right by every tool, and
//! nothing is lost. Taking the three signs away and cutting at the lines with the names gives a
//! file per block; `docs/reference/run-folder.md` has the command. Preparation is left out: its
//! steps are single calls.

use std::fmt::Write as _;

use hdrhistogram::Histogram;

use super::{ReportEntry, ReportError, RunReport, clean};
use crate::analysis::{Analysis, WorkloadAnalysis};

/// The row of the table.
pub(super) const ENTRY: ReportEntry = ReportEntry {
    name: "hgrm",
    file: "report.hgrm",
    text: true,
    joined: Some(joined),
    summary: "percentile distributions in the layout of HdrHistogram, for its plotters",
    render: |analysis| Ok(render(analysis).into_bytes()),
};

/// What stands before each line of a block that readers shall not join to the first one.
const ASIDE: &str = "#| ";

/// What follows a block's name in its first line.
const TITLE_END: &str = " ok, milliseconds";

/// Lines between two halvings of the distance to 100 %: what HdrHistogram's own tools print.
const TICKS_PER_HALF_DISTANCE: u64 = 5;

/// Figures in the order of blocks: what a caller waits comes first.
const FIGURES: [&str; 2] = ["response_time", "service_time"];

fn render(analysis: &Analysis) -> String {
    let measured = analysis
        .workloads
        .iter()
        .filter(|workload| !workload.is_preparation());
    let mut blocks = measured.flat_map(blocks);
    let mut out = blocks
        .next()
        .unwrap_or_else(|| "# no request succeeded\n".to_owned());
    for block in blocks {
        for line in block.lines() {
            out.push_str(format!("{ASIDE}{line}").trim_end());
            out.push('\n');
        }
    }
    out
}

/// Blocks of all runs, with the run before their names: the first of the first run stands as it is,
/// the others behind [`ASIDE`].
fn joined(reports: &[RunReport]) -> Result<Vec<u8>, ReportError> {
    let mut out = String::new();
    for (number, report) in reports.iter().enumerate() {
        let text = String::from_utf8_lossy(&report.bytes);
        for line in text.lines() {
            let (aside, line) = line
                .strip_prefix(ASIDE)
                .or_else(|| line.strip_prefix(ASIDE.trim_end()))
                .map_or((number > 0, line), |line| (true, line));
            let titled = line
                .strip_prefix("# ")
                .filter(|line| line.ends_with(TITLE_END));
            let line = titled.map_or_else(
                || line.to_owned(),
                |title| format!("# {}/{title}", clean(&report.run)),
            );
            out.push_str(format!("{}{line}", if aside { ASIDE } else { "" }).trim_end());
            out.push('\n');
        }
    }
    Ok(out.into_bytes())
}

/// One block per figure that the workload has.
fn blocks(workload: &WorkloadAnalysis) -> impl Iterator<Item = String> {
    let histograms = FIGURES
        .into_iter()
        .filter_map(|figure| Some((figure, workload.histograms.get(figure)?)));
    histograms
        .filter(|(_, histogram)| !histogram.is_empty())
        .map(|(figure, histogram)| {
            let name = clean(&format!("{}/{figure}", workload.place()));
            format!("# {name}{TITLE_END}\n{}", distribution(histogram))
        })
}

/// What Java's `outputPercentileDistribution` prints.
fn distribution(histogram: &Histogram<u64>) -> String {
    let mut out = format!(
        "{:>12} {:>14} {:>10} {:>14}\n\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    );
    // Writing to a String can't fail, here and below.
    for step in steps(histogram) {
        let level = step.percent / 100.0;
        let _ = write!(
            out,
            "{:>12} {} {:>10}",
            milliseconds(step.value_ns),
            twelve_decimals(level),
            step.count
        );
        let _ = if step.percent < 100.0 {
            writeln!(out, " {:>14.2}", 1.0 / (1.0 - level))
        } else {
            writeln!(out)
        };
    }
    let _ = writeln!(
        out,
        "#[Mean    = {:>12.3}, StdDeviation   = {:>12.3}]",
        histogram.mean() / 1e6,
        histogram.stdev() / 1e6
    );
    let _ = writeln!(
        out,
        "#[Max     = {:>12}, Total count    = {:>12}]",
        milliseconds(histogram.max()),
        histogram.len()
    );
    let _ = writeln!(
        out,
        "#[Buckets = {:>12}, SubBuckets     = {:>12}]",
        histogram.buckets(),
        sub_buckets(histogram)
    );
    out
}

/// Milliseconds with three decimals. In whole numbers, because half a microsecond is rounded up, as
/// Java does, and a float may lie below it.
fn milliseconds(ns: u64) -> String {
    let us = (ns + 500) / 1_000;
    format!("{}.{:03}", us / 1_000, us % 1_000)
}

/// A share with twelve decimals. Half way is rounded up, as Java does and `format!` does not:
/// 0.9997802734375 is a level.
fn twelve_decimals(share: f64) -> String {
    let digits = (share * 1e12).round() as u64;
    format!(
        "{}.{:012}",
        digits / 1_000_000_000_000,
        digits % 1_000_000_000_000
    )
}

/// Buckets of one size in a power of two: twice 10 to the number of digits, rounded up to a power
/// of two.
fn sub_buckets(histogram: &Histogram<u64>) -> u64 {
    (2 * 10u64.pow(histogram.sigfig().into())).next_power_of_two()
}

/// One line of a distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Step {
    /// The level that was reached, in [0, 100].
    percent: f64,
    /// Highest value of the bucket in which it was reached, nanoseconds.
    value_ns: u64,
    /// Values up to there.
    count: u64,
}

/// Every level from 0 % on with the bucket that reaches it; the last bucket once more with 100 %.
/// The levels are added up in per cent as Java does: the iterator of the crate adds up shares,
/// whose sums differ in the last digit.
fn steps(histogram: &Histogram<u64>) -> Vec<Step> {
    let (mut steps, mut level, mut count) = (Vec::new(), 0.0, 0);
    for bucket in histogram.iter_recorded() {
        count += bucket.count_at_value();
        let value_ns = histogram.highest_equivalent(bucket.value_iterated_to());
        let reached = 100.0 * count as f64 / histogram.len() as f64;
        // The last bucket reaches every level; it is told for the first of them and for 100 %.
        let last = count == histogram.len();
        while reached >= level {
            steps.push(Step {
                percent: level,
                value_ns,
                count,
            });
            level = next_level(level);
            if last {
                steps.push(Step {
                    percent: 100.0,
                    value_ns,
                    count,
                });
                break;
            }
        }
    }
    steps
}

/// Five equal steps from one half of the distance to 100 % to the next.
fn next_level(percent: f64) -> f64 {
    let halvings = ((100.0 / (100.0 - percent)).ln() / 2f64.ln()) as u32;
    percent + 100.0 / (TICKS_PER_HALF_DISTANCE << (halvings + 1)) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn histogram(values: impl IntoIterator<Item = u64>) -> Histogram<u64> {
        let mut histogram = Histogram::new_with_bounds(1, 3_600_000_000_000, 3).unwrap();
        values
            .into_iter()
            .for_each(|value| histogram.record(value).unwrap());
        histogram
    }

    /// What a plotter takes from a file: value and 1/(1-percentile) of each line of four numbers
    /// that is no comment.
    fn read(file: &str) -> Vec<[f64; 4]> {
        let lines = file
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'));
        let numbers = lines.map(|line| {
            line.split_whitespace()
                .filter_map(|word| word.parse().ok())
                .collect::<Vec<f64>>()
        });
        numbers
            .filter_map(|numbers| numbers.try_into().ok())
            .collect()
    }

    /// The blocks of a file by their names, as the documented command cuts them.
    fn cut(file: &str) -> Vec<(String, String)> {
        let mut blocks: Vec<(String, String)> = Vec::new();
        for line in file.lines().map(|line| {
            line.strip_prefix("#|")
                .map_or(line, |rest| rest.strip_prefix(' ').unwrap_or(rest))
        }) {
            match line
                .strip_prefix("# ")
                .and_then(|rest| rest.strip_suffix(" ok, milliseconds"))
            {
                Some(name) => blocks.push((name.to_owned(), String::new())),
                None => blocks.last_mut().unwrap().1.push_str(&format!("{line}\n")),
            }
        }
        blocks
    }

    #[test]
    fn the_lines_are_those_of_the_java_library() {
        let expected = concat!(
            "       Value     Percentile TotalCount 1/(1-Percentile)\n\n",
            "      25.002 0.000000000000          1           1.00\n",
            "      25.002 0.100000000000          1           1.11\n",
            "      25.002 0.200000000000          1           1.25\n",
            "      25.002 0.300000000000          1           1.43\n",
            "      50.004 0.400000000000          2           1.67\n",
            "      50.004 0.500000000000          2           2.00\n",
            "      50.004 0.550000000000          2           2.22\n",
            "      50.004 0.600000000000          2           2.50\n",
            "      50.004 0.650000000000          2           2.86\n",
            "      75.039 0.700000000000          3           3.33\n",
            "      75.039 1.000000000000          3\n",
            "#[Mean    =       49.996, StdDeviation   =       20.417]\n",
            "#[Max     =       75.039, Total count    =            3]\n",
            "#[Buckets =           32, SubBuckets     =         2048]\n",
        );
        assert_eq!(
            distribution(&histogram([25_000_000, 50_000_000, 75_000_000])),
            expected
        );
    }

    #[test]
    fn values_are_those_of_the_histogram() {
        let histogram = histogram((1..=100_000u64).map(|at| at * at));
        for step in steps(&histogram) {
            assert_eq!(step.count, histogram.count_between(0, step.value_ns));
            assert!(
                step.count as f64 >= step.percent / 100.0 * 100_000.0 - 1e-6,
                "{step:?}"
            );
        }
        assert_eq!(steps(&histogram).last().unwrap().value_ns, histogram.max());
    }

    #[test]
    fn one_value_has_the_first_and_the_last_level() {
        let found: Vec<f64> = steps(&histogram([1_000]))
            .iter()
            .map(|step| step.percent)
            .collect();
        assert_eq!(found, [0.0, 100.0]);
    }

    #[test]
    fn levels_half_way_are_rounded_up() {
        assert_eq!(twelve_decimals(0.999_780_273_437_5), "0.999780273438");
        assert_eq!(twelve_decimals(0.1), "0.100000000000");
        assert_eq!(twelve_decimals(1.0), "1.000000000000");
    }

    #[test]
    fn half_a_microsecond_is_rounded_up() {
        let check = |ns, expected: &str| assert_eq!(milliseconds(ns), expected);
        check(499, "0.000");
        check(500, "0.001");
        check(1_500, "0.002");
        check(3_600_000_000_000, "3600000.000");
    }

    #[test]
    fn a_plotter_reads_one_curve_and_no_jump() {
        let file = render(&sample::analysis());
        let lines = read(&file);
        assert!(
            lines.len() > 30
                && lines.is_sorted_by(|a, b| a[0] <= b[0]
                    && a[1] < b[1]
                    && a[2] <= b[2]
                    && a[3] < b[3])
        );
        let alone = &sample::analysis().workloads[4];
        let expected = distribution(&alone.histograms["response_time"]);
        assert!(
            file.starts_with(&format!(
                "# alone/search/response_time ok, milliseconds\n{expected}#| #"
            )),
            "{file}"
        );
    }

    #[test]
    fn every_block_can_be_cut_out() {
        let analysis = sample::analysis();
        let blocks = cut(&render(&analysis));
        let names: Vec<&str> = blocks.iter().map(|(name, _)| name.as_str()).collect();
        let expected = [
            "alone/search/response_time",
            "alone/search/service_time",
            "under-ingest/search/response_time",
            "under-ingest/search/service_time",
            "under-ingest/ingest/service_time",
        ];
        assert_eq!(names, expected);
        assert_eq!(
            blocks[4].1,
            distribution(&analysis.workloads[6].histograms["service_time"])
        );
    }

    #[test]
    fn nothing_succeeded() {
        let mut analysis = sample::analysis();
        analysis
            .workloads
            .iter_mut()
            .for_each(|workload| workload.histograms.clear());
        assert_eq!(render(&analysis), "# no request succeeded\n");
    }

    #[test]
    fn a_name_from_outside_is_one_comment() {
        let mut analysis = sample::analysis();
        analysis.workloads[4].workload = "x\n1.0 0.5 1 2.0".to_owned();
        assert!(
            render(&analysis)
                .starts_with("# alone/x 1.0 0.5 1 2.0/response_time ok, milliseconds\n")
        );
    }
}
