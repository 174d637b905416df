//! Queries, what real replies held, and a truth that they prove wrong.

use std::collections::BTreeSet;

use crate::bench::scenarios;
use crate::run::Run;
use crate::servers::Servers;

const SHORT: [&str; 4] = [
    "phases.low.warmup=0s",
    "phases.low.duration=7s",
    "phases.high.warmup=0s",
    "phases.high.duration=1s",
];

fn run(servers: &Servers, sets: &[&str]) -> Run {
    servers
        .run("search-only", &[&SHORT, sets].concat())
        .unwrap_or_else(|error| panic!("{error}"))
}

/// Neighbours of each query in the file that is shipped.
const NEIGHBOURS: usize = 100;

pub(crate) fn every_query_once_and_what_came_back(servers: &Servers) {
    let run = run(
        servers,
        &["workloads.low.rate=200", "tracing.keep_ids=true"],
    );
    let mut lines: Vec<_> = run
        .requests()
        .into_iter()
        .filter(|line| line.phase == "low")
        .collect();
    lines.sort_unstable_by_key(|line| line.seq);
    // 1,000 queries, and every request is traced.
    let pass: BTreeSet<u64> = lines
        .iter()
        .filter(|line| line.seq < 1_000)
        .filter_map(|line| line.query)
        .collect();
    assert_eq!(pass.len(), 1_000, "of {} requests", lines.len());
    let ok = lines.iter().filter(|line| line.recall.is_some());
    for line in ok {
        let ids = line
            .ids
            .as_ref()
            .map_or(0, milvus_bench::record::ReplyIds::len);
        assert_eq!(
            (ids, line.scores.len(), line.rows),
            (10, 10, 10),
            "{line:?}"
        );
        assert!(
            line.scores.is_sorted_by(|one, next| one >= next),
            "cosines fall: {line:?}"
        );
    }
    assert_eq!(run.info().round, Some(1));
    let workload = run.workload("low", "low");
    assert!(
        workload
            .recall
            .as_ref()
            .is_some_and(|recall| recall.mean > 0.8)
            && workload.no_recall.is_none(),
        "{:?}",
        workload.recall
    );
}

/// The shipped truth without the first neighbour of each query: its distances are those of the
/// rows, and yet it is wrong.
pub(crate) fn a_truth_without_its_first_neighbours_is_proved_wrong(servers: &Servers) {
    let bytes = std::fs::read(scenarios().join("data/glove-100-quick/truth-cosine.ibin"))
        .expect("the shipped truth");
    let (header, lists) = bytes.split_at(8);
    let rest = |list: &[u8]| {
        list.chunks(4 * NEIGHBOURS)
            .flat_map(|list| list[4..].to_vec())
            .collect::<Vec<u8>>()
    };
    let (ids, distances) = lists.split_at(lists.len() / 2);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("truth.ibin");
    let k = (NEIGHBOURS as u32 - 1).to_le_bytes();
    std::fs::write(
        &path,
        [&header[..4], &k, &rest(ids), &rest(distances)].concat(),
    )
    .expect("a file");
    let run = run(servers, &[&format!("data.glove.truth={}", path.display())]);
    let workload = run.workload("low", "low");
    assert!(
        workload.recall.is_none() && workload.truth_wrong > 0,
        "{:?}",
        workload.recall
    );
    assert!(
        workload
            .no_recall
            .as_ref()
            .is_some_and(|why| why.contains("nearer than the first of the true neighbours"))
    );
    assert!(
        run.report
            .verdict
            .reasons
            .iter()
            .any(|reason| reason.code == "truth_wrong" && reason.at == "low/low")
    );
}
