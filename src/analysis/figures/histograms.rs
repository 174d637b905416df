//! The histograms of one stream, and how many requests they count.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use crate::{
    analysis::model::RequestCounts,
    record::{Figure, FigureHistograms, Outcome, StreamInfo},
};

/// The histogram of the successes of one stream; None where there are none.
pub(crate) fn successes<'h>(
    histograms: &'h FigureHistograms,
    stream: &'h StreamInfo,
    figure: Figure,
) -> Option<&'h Histogram<u64>> {
    histograms
        .of_stream(stream, figure)
        .find(|(key, _)| key.outcome == Outcome::Ok)
        .map(|(_, histogram)| histogram)
}

/// How many requests of a stream ended how.
pub(crate) fn counts(stream: &StreamInfo, histograms: &FigureHistograms) -> RequestCounts {
    let mut counts = RequestCounts::default();
    let mut by_outcome: BTreeMap<Outcome, u64> = BTreeMap::new();
    // A request that was not sent has no service time, and one of preparation no lag: the largest
    // count is that of all.
    for (key, histogram) in Figure::ALL
        .into_iter()
        .flat_map(|figure| histograms.of_stream(stream, figure))
    {
        let count = by_outcome.entry(key.outcome).or_default();
        *count = histogram.len().max(*count);
    }
    for (outcome, count) in by_outcome {
        match outcome {
            Outcome::Ok => counts.ok = count,
            Outcome::NotSent => counts.not_sent = count,
            outcome => {
                counts.failed += count;
                counts.outcomes.insert(outcome.to_string(), count);
            }
        }
    }
    // Counted from what was recorded, so that the sum holds for a killed run too.
    counts.due = counts.ok + counts.failed + counts.not_sent;
    counts
}
