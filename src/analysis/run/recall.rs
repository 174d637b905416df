//! Recall of a workload, or why there is none.

use crate::{
    analysis::{model::Recall, requests::lines::StreamLines},
    record::{RunInfo, StreamInfo},
};

/// The note of a stream that says why its replies have no recall.
const NOTE: &str = "recall";

/// None where it is not known, or where the truth that it is taken from was proved wrong.
pub(super) fn of_stream(lines: &StreamLines) -> Option<Recall> {
    let (sum, min, requests) = lines.recall.filter(|_| lines.truth_wrong.0 == 0)?;
    Some(Recall {
        mean: sum / requests as f64,
        min,
        requests,
    })
}

/// Why a search has none, in words that go on after `no recall: `.
pub(super) fn missing(info: &RunInfo, stream: &StreamInfo, lines: &StreamLines) -> Option<String> {
    if stream.operation != "search" || of_stream(lines).is_some() {
        return None;
    }
    if lines.truth_wrong.0 > 0 {
        return Some(proved_wrong(lines));
    }
    if let Some(why) = stream.notes.get(NOTE) {
        return Some(why.clone());
    }
    // Older versions left no note, so nothing is known of their truth.
    let known = info.round.is_some();
    let why = match (lines.requests.is_empty(), lines.rows.1) {
        (true, _) if stream.sample_ratio == 0.0 => {
            "it is that of traced requests, and none was traced (`tracing.sample_ratio` is 0)"
        }
        (true, _) => "it is that of traced requests, and none was sent",
        (false, 0) => "it is that of traced requests, and none of them succeeded",
        (false, _) => {
            "the replies hold no row numbers as primary keys, or the queries have no neighbours"
        }
    };
    known.then(|| why.to_owned())
}

fn proved_wrong(lines: &StreamLines) -> String {
    let (count, query) = lines.truth_wrong;
    let of = lines.rows.1;
    let query = query.map_or(String::new(), |query| format!(" (query {query} is one)"));
    format!(
        "the truth of its data set is wrong, since {count} of {of} traced replies hold a row \
         nearer than the first of the true neighbours{query}: it was made for other rows, other \
         queries or another metric"
    )
}
