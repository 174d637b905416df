//! Replies that hold nothing: a success each, and no answer.

use serde_json::Value;

use super::{at, reason};
use crate::{
    analysis::{
        VerdictState::Reservations,
        model::{Analysis, Reason, WorkloadAnalysis},
    },
    record::RunInfo,
};

/// Share of replies without a row above which the workload measures something else than its author
/// wanted.
const EMPTY: f64 = 0.5;

/// A workload most of whose replies are empty, with what its plan and its collection say about why.
pub(super) fn of_replies(
    info: &RunInfo,
    analysis: &Analysis,
    workload: &WorkloadAnalysis,
) -> Vec<Reason> {
    let Some(empty) = workload
        .rows
        .as_ref()
        .map(|rows| rows.empty)
        .filter(|empty| *empty > EMPTY)
    else {
        return Vec::new();
    };
    let advice = format!(
        "most replies contain no row, so the figures show how fast Milvus finds nothing; likely \
         because {}",
        likely(info, analysis, workload).join(", or ")
    );
    at(
        workload,
        vec![reason(
            "empty_replies",
            Reservations,
            (empty, EMPTY, "share"),
            advice,
        )],
    )
}

/// The causes that this workload can have, the likeliest first; at least one.
fn likely(info: &RunInfo, analysis: &Analysis, workload: &WorkloadAnalysis) -> Vec<String> {
    let plan = info
        .plan
        .get("workloads")
        .and_then(|workloads| workloads.get(&workload.workload));
    let text = |key: &str| {
        plan.and_then(|plan| plan.get(key)?.as_str())
            .filter(|text| !text.trim().is_empty())
    };
    let is_set = |key: &str| plan.and_then(|plan| plan.get(key)).is_some_and(is_given);
    let stream = info.streams.iter().find(|stream| {
        stream.is_measured()
            && (&stream.phase, &stream.workload) == (&workload.phase, &workload.workload)
    });
    let collection = stream.map_or("", |stream| stream.collection.as_str());
    let before = format!("before {}", workload.phase);
    let rows = analysis
        .collections
        .iter()
        .find(|state| state.name == collection && state.when == before)
        .and_then(|state| state.rows);
    if rows == Some(0) {
        return vec![format!(
            "collection {collection} held no row when the phase began (see its prepare and \
             initial_rows)"
        )];
    }
    let mut causes = Vec::new();
    causes.extend(text("filter").map(|filter| format!("no row passes its filter `{filter}`")));
    if is_set("ids") {
        causes.push("the requested ids are not in the collection".to_owned());
    }
    if is_set("partitions") {
        causes.push("its partitions hold no row".to_owned());
    }
    let ranged = ["/params/radius", "/params/range_filter"];
    if plan.is_some_and(|plan| ranged.iter().any(|path| plan.pointer(path).is_some())) {
        causes.push("nothing lies within its `radius` and `range_filter`".to_owned());
    }
    if plan.is_some_and(|plan| plan.get("ignore_growing") == Some(&Value::Bool(true))) {
        causes.push("its rows are in growing segments, which `ignore_growing` skips".to_owned());
    }
    if rows.is_none() || causes.is_empty() {
        causes.push(format!(
            "collection {collection} contains no row, or none visible yet at its consistency level"
        ));
    }
    causes
}

fn is_given(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(values) => !values.is_empty(),
        Value::String(text) => text != "all",
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        analysis::model::ReplyRows,
        record::{CollectionState, Part, StreamInfo},
    };

    /// The sentence about a workload with `plan` whose replies are empty, in a collection of so
    /// many rows.
    fn advice(empty: f64, plan: &Value, rows: Option<u64>) -> Option<String> {
        let stream = StreamInfo {
            phase: "p".to_owned(),
            workload: "w".to_owned(),
            collection: "words".to_owned(),
            part: Some(Part::Measured),
            ..StreamInfo::default()
        };
        let info = RunInfo {
            plan: json!({ "workloads": { "w": plan } }),
            streams: vec![stream],
            ..RunInfo::default()
        };
        let state = |when: &str, rows| CollectionState {
            name: "words".to_owned(),
            when: when.to_owned(),
            rows,
            ..CollectionState::default()
        };
        let analysis = Analysis {
            collections: vec![state("before p", rows), state("after p", Some(7))],
            ..Analysis::default()
        };
        let workload = WorkloadAnalysis {
            phase: "p".to_owned(),
            workload: "w".to_owned(),
            rows: Some(ReplyRows {
                replies: 100,
                empty,
                ..ReplyRows::default()
            }),
            ..WorkloadAnalysis::default()
        };
        let mut reasons = of_replies(&info, &analysis, &workload);
        assert!(reasons.len() < 2);
        reasons.pop().map(|reason| {
            assert_eq!(
                (reason.at.as_str(), reason.figure, reason.code.as_str()),
                ("p/w", empty, "empty_replies")
            );
            reason.advice
        })
    }

    #[track_caller]
    fn check(plan: Value, rows: Option<u64>, expected: &[&str], absent: &[&str]) {
        let advice = advice(0.9, &plan, rows).expect("a reason");
        assert!(
            expected.iter().all(|words| advice.contains(words)),
            "{advice}"
        );
        assert!(
            absent.iter().all(|words| !advice.contains(words)),
            "{advice}"
        );
    }

    #[test]
    fn some_empty_replies_are_no_reason() {
        assert_eq!(
            (
                advice(0.0, &json!({}), Some(1)),
                advice(0.5, &json!({}), Some(1))
            ),
            (None, None)
        );
    }

    #[test]
    fn the_causes_are_those_that_the_plan_allows() {
        check(
            json!({ "filter": "rank < 0" }),
            Some(0),
            &["words held no row when the phase began"],
            &["filter"],
        );
        check(
            json!({ "filter": "rank < 0", "ids": null }),
            Some(2_000),
            &["no row passes its filter `rank < 0`"],
            &["ids", "consistency"],
        );
        check(
            json!({ "filter": "", "ids": 3 }),
            Some(2_000),
            &["the requested ids"],
            &["filter"],
        );
        check(
            json!({ "partitions": "all" }),
            Some(2_000),
            &["none visible yet at its consistency level"],
            &["partitions"],
        );
        check(
            json!({ "params": { "radius": 0.1 }, "partitions": ["a"] }),
            None,
            &["its partitions", "`radius`", "contains no row"],
            &[],
        );
    }
}
