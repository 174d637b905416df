//! `latency.hlog`: one histogram per second of every figure of every request, in HdrHistogram's interval log format.
//!
//! The tag of a line is `phase/part/workload/figure/outcome`. Values are nanoseconds, three significant digits, up to one
//! hour; above that a request is counted as overflow in run.json.

use std::{collections::BTreeMap, path::Path};

use hdrhistogram::Histogram;

use super::{Figure, FolderError, Outcome, Part};

/// Which histogram: everything in a tag.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HistogramKey {
    /// Name of the phase.
    pub phase: String,
    /// Part of the phase.
    pub part: Part,
    /// Name of the workload.
    pub workload: String,
    /// Which figure.
    pub figure: Figure,
    /// How the requests ended.
    pub outcome: Outcome,
}

/// Histograms of a run, in nanoseconds.
#[derive(Clone, Debug, Default)]
pub struct FigureHistograms {
    /// Merged over all seconds.
    pub merged: BTreeMap<HistogramKey, Histogram<u64>>,
    /// The same second by second, in the order of the file: a second has a line for each thread, and none where nothing ended.
    pub seconds: BTreeMap<HistogramKey, Vec<SecondCounts>>,
    /// Number of histogram lines that were read.
    pub lines: u64,
    /// What was wrong with the file, e.g. a last line that is cut; None where nothing was.
    pub damage: Option<String>,
}

/// One histogram of one second, no larger than what is in it.
#[derive(Clone, Debug, PartialEq)]
pub struct SecondCounts {
    /// Second since the run's start in which the requests ended.
    pub second: u64,
    /// Largest value of a bucket, nanoseconds, and its number of requests; rising.
    pub counts: Vec<(u64, u64)>,
    /// Sum of the values, nanoseconds, as the histogram's mean has it.
    pub sum_ns: f64,
}

impl SecondCounts {
    fn new(second: u64, histogram: &Histogram<u64>) -> Self {
        let counts = histogram
            .iter_recorded()
            .map(|bucket| (histogram.highest_equivalent(bucket.value_iterated_to()), bucket.count_at_value()))
            .collect();
        Self { second, counts, sum_ns: histogram.mean() * histogram.len() as f64 }
    }
}

/// Reads an interval log and merges its seconds.
///
/// # Errors
/// The file can't be opened or is no interval log. A damaged line ends the reading and is told in
/// [`FigureHistograms::damage`], what was read before it is kept.
pub fn read_histograms(path: &Path) -> Result<FigureHistograms, FolderError> {
    use hdrhistogram::serialization::{Deserializer, interval_log};

    let bytes = std::fs::read(path).map_err(|error| FolderError(format!("{} can't be read: {error}", path.display())))?;
    let mut found = FigureHistograms::default();
    let mut deserializer = Deserializer::new();
    for entry in interval_log::IntervalLogIterator::new(&bytes) {
        let Ok(entry) = entry else {
            found.damage = Some(format!("{} is damaged after {} histograms", path.display(), found.lines));
            break;
        };
        let interval_log::LogEntry::Interval(line) = entry else { continue };
        match decode(&line, &mut deserializer) {
            Ok((key, histogram)) => {
                let seconds = found.seconds.entry(key.clone()).or_default();
                seconds.push(SecondCounts::new(line.start_timestamp().as_secs(), &histogram));
                let merged = found.merged.entry(key).or_insert_with(new_histogram);
                // Both have the same bounds, so adding can't fail for a histogram that was written here.
                if merged.add(&histogram).is_err() {
                    found.damage = Some(format!("{} holds values above one hour", path.display()));
                }
                found.lines += 1;
            }
            Err(text) => {
                found.damage = Some(format!("{} is damaged after {} histograms: {text}", path.display(), found.lines));
                break;
            }
        }
    }
    Ok(found)
}

fn decode(
    line: &hdrhistogram::serialization::interval_log::IntervalLogHistogram<'_>,
    deserializer: &mut hdrhistogram::serialization::Deserializer,
) -> Result<(HistogramKey, Histogram<u64>), String> {
    use base64::Engine as _;

    let tag = line.tag().ok_or("a histogram without a tag")?;
    let key = HistogramKey::parse(tag.as_str())?;
    let bytes = base64::engine::general_purpose::STANDARD.decode(line.encoded_histogram()).map_err(|error| error.to_string())?;
    let histogram = deserializer.deserialize(&mut bytes.as_slice()).map_err(|error| error.to_string())?;
    Ok((key, histogram))
}

/// A histogram with the bounds of every figure: 1 ns to one hour, three significant digits.
#[must_use]
pub(super) fn new_histogram() -> Histogram<u64> {
    #[allow(clippy::unwrap_used)] // the bounds are constants that the crate accepts
    Histogram::new_with_bounds(1, MAX_NS, 3).unwrap()
}

/// Longest time that fits a histogram, nanoseconds: one hour.
pub(super) const MAX_NS: u64 = 3_600_000_000_000;

impl HistogramKey {
    /// The tag of the interval log.
    #[must_use]
    pub fn tag(&self) -> String {
        format!("{}/{}/{}/{}/{}", self.phase, self.part, self.workload, self.figure.name(), self.outcome)
    }

    /// Reads a tag.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(tag: &str) -> Result<Self, String> {
        let fields: Vec<&str> = tag.split('/').collect();
        let [phase, part, workload, figure, outcome] = fields[..] else { return Err(format!("tag {tag:?} has not five fields")) };
        let figure = Figure::ALL.into_iter().find(|known| known.name() == figure);
        match (part, figure) {
            ("", _) | (_, None) => Err(format!("tag {tag:?} has no part or an unknown figure")),
            (part, Some(figure)) => {
                let part = Part::from_name(part);
                Ok(Self { phase: phase.to_owned(), part, workload: workload.to_owned(), figure, outcome: outcome.parse()? })
            }
        }
    }
}
