//! `latency.hlog` and `connections.hlog`: one histogram per second of every figure, in
//! HdrHistogram's interval log format.
//!
//! The tag of a line is `phase/part/workload/figure/outcome`, or `connection/figure`. Values are
//! nanoseconds, three significant digits, up to one hour; above that a request is counted as
//! overflow in run.json. Those of the figure `rows` are rows.

use std::{collections::BTreeMap, path::Path};

use hdrhistogram::{
    Histogram,
    serialization::{Deserializer, interval_log},
};

use super::{
    Figure, FolderError, Outcome, Part, SocketFigure, StreamInfo,
    histogram::{DIGITS, MAX_NS, highest, new_histogram},
    own_file::read_regular,
};

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

/// Histograms of a run, in nanoseconds; of `rows` in rows.
#[derive(Clone, Debug, Default)]
pub struct FigureHistograms {
    /// Merged over all seconds.
    pub merged: BTreeMap<HistogramKey, Histogram<u64>>,
    /// The same second by second, in the order of the file: a second has a line for each thread,
    /// and none where nothing ended.
    pub seconds: BTreeMap<HistogramKey, Vec<SecondCounts>>,
    /// Number of histogram lines that were read.
    pub lines: u64,
    /// What was wrong with the file, e.g. a last line that is cut; None where nothing was.
    pub damage: Option<String>,
}

impl FigureHistograms {
    /// Those of one stream and figure, by outcome.
    pub fn of_stream<'h>(
        &'h self,
        stream: &'h StreamInfo,
        figure: Figure,
    ) -> impl Iterator<Item = (&'h HistogramKey, &'h Histogram<u64>)> {
        let of_stream =
            move |key: &HistogramKey| stream.is_of(&key.phase, &key.part, &key.workload);
        self.merged
            .iter()
            .filter(move |(key, _)| key.figure == figure && of_stream(key))
    }
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
    /// What `histogram` holds, of nanoseconds.
    #[must_use]
    pub fn new(second: u64, histogram: &Histogram<u64>) -> Self {
        let counts = histogram
            .iter_recorded()
            .map(|bucket| {
                (
                    histogram.highest_equivalent(bucket.value_iterated_to()),
                    bucket.count_at_value(),
                )
            })
            .collect();
        Self {
            second,
            counts,
            sum_ns: histogram.mean() * histogram.len() as f64,
        }
    }
}

/// Reads an interval log and merges its seconds, those before `until` where there is one.
///
/// # Errors
/// The file can't be opened. A damaged line ends the reading and is told in
/// [`FigureHistograms::damage`], what was read before it is kept.
pub fn read_histograms(path: &Path, until: Option<u64>) -> Result<FigureHistograms, FolderError> {
    let mut merged = BTreeMap::new();
    let mut seconds = BTreeMap::<_, Vec<_>>::new();
    let (lines, damage) = read_lines(path, |second, tag, histogram| {
        let key = HistogramKey::parse(tag)?;
        if until.is_some_and(|until| second >= until) {
            return Ok(());
        }
        check_bound(&histogram, highest(key.figure))?;
        seconds
            .entry(key.clone())
            .or_default()
            .push(SecondCounts::new(second, &histogram));
        let known = merged
            .entry(key)
            .or_insert_with_key(|key| new_histogram(key.figure));
        known.add(&histogram).map_err(|error| error.to_string())
    })?;
    Ok(FigureHistograms {
        merged,
        seconds,
        lines,
        damage,
    })
}

/// One line of `connections.hlog`: what happened at the socket of one connection within one second.
#[derive(Clone, Debug, PartialEq)]
pub struct SocketInterval {
    /// The second, from the run's start.
    pub second: u64,
    /// Number of the connection, through all threads: connection n belongs to thread n modulo their
    /// number.
    pub connection: u16,
    /// Which figure.
    pub figure: SocketFigure,
    /// Its values in nanoseconds.
    pub histogram: Histogram<u64>,
}

/// Hands every line of `connections.hlog` to `take`, in the order of the file. Gives what was wrong
/// with the file, None where nothing was; the lines before the damage were handed over.
///
/// # Errors
/// The file can't be opened.
pub fn read_sockets(
    path: &Path,
    mut take: impl FnMut(SocketInterval),
) -> Result<Option<String>, FolderError> {
    let (_, damage) = read_lines(path, |second, tag, histogram| {
        let unknown = || format!("tag {tag:?} is not connection/figure");
        let (connection, figure) = tag.split_once('/').ok_or_else(unknown)?;
        let connection = connection.parse().map_err(|_| unknown())?;
        let figure = SocketFigure::ALL
            .into_iter()
            .find(|known| known.name() == figure)
            .ok_or_else(unknown)?;
        check_bound(&histogram, MAX_NS)?;
        take(SocketInterval {
            second,
            connection,
            figure,
            histogram,
        });
        Ok(())
    })?;
    Ok(damage)
}

/// Hands second, tag and histogram of every line to `take`. Gives the number of lines and what was
/// wrong with the first that can't be used, which ends the reading.
fn read_lines(
    path: &Path,
    mut take: impl FnMut(u64, &str, Histogram<u64>) -> Result<(), String>,
) -> Result<(u64, Option<String>), FolderError> {
    let bytes = read_regular(path).map_err(|error| {
        FolderError(format!(
            "{} can't be read: {error}; restore the original run folder",
            path.display()
        ))
    })?;
    // Damage is told in reports, which do not change with the folder's place.
    let file = path.file_name().unwrap_or_default().display();
    let mut deserializer = Deserializer::new();
    let mut lines = 0;
    for entry in interval_log::IntervalLogIterator::new(&bytes) {
        let taken = match entry {
            Ok(interval_log::LogEntry::Interval(line)) => decode(&line, &mut deserializer)
                .and_then(|(tag, histogram)| take(line.start_timestamp().as_secs(), tag, histogram))
                .map_err(|text| format!(": {text}")),
            Ok(_) => continue,
            Err(_) => Err(String::new()),
        };
        if let Err(text) = taken {
            return Ok((
                lines,
                Some(format!("{file} is damaged after {lines} histograms{text}")),
            ));
        }
        lines += 1;
    }
    Ok((lines, None))
}

/// Tag and histogram of a line. A garbled one can still be read as numbers, so what the line says
/// twice is compared.
fn decode<'l>(
    line: &interval_log::IntervalLogHistogram<'l>,
    deserializer: &mut Deserializer,
) -> Result<(&'l str, Histogram<u64>), String> {
    use base64::Engine as _;

    let tag = line.tag().ok_or("a histogram without a tag")?.as_str();
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(line.encoded_histogram())
        .map_err(|error| error.to_string())?;
    let histogram: Histogram<u64> = deserializer
        .deserialize(&mut bytes.as_slice())
        .map_err(|error| error.to_string())?;
    let bounds = (histogram.low(), histogram.sigfig());
    if bounds != (1, DIGITS) {
        return Err(format!("a histogram of {bounds:?}"));
    }
    if (histogram.max() as f64 - line.max()).abs() > 0.5 {
        return Err(format!(
            "the maximum of {tag} is not the one that its line names"
        ));
    }
    Ok((tag, histogram))
}

fn check_bound(histogram: &Histogram<u64>, highest: u64) -> Result<(), String> {
    if histogram.high() == highest {
        Ok(())
    } else {
        Err(format!(
            "a histogram up to {}, not {highest}",
            histogram.high()
        ))
    }
}

impl HistogramKey {
    /// The tag of the interval log.
    #[must_use]
    pub fn tag(&self) -> String {
        format!(
            "{}/{}/{}/{}/{}",
            self.phase,
            self.part,
            self.workload,
            self.figure.name(),
            self.outcome
        )
    }

    /// Reads a tag.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(tag: &str) -> Result<Self, String> {
        let fields: Vec<&str> = tag.split('/').collect();
        let [phase, part, workload, figure, outcome] = fields[..] else {
            return Err(format!("tag {tag:?} has not five fields"));
        };
        let figure = Figure::ALL.into_iter().find(|known| known.name() == figure);
        match (part, figure) {
            ("", _) | (_, None) => Err(format!("tag {tag:?} has no part or an unknown figure")),
            (part, Some(figure)) => {
                let part = Part::from_name(part);
                Ok(Self {
                    phase: phase.to_owned(),
                    part,
                    workload: workload.to_owned(),
                    figure,
                    outcome: outcome.parse()?,
                })
            }
        }
    }
}

#[cfg(test)]
mod tests;
