//! When Milvus is ready, by type of index and number of rows, and what is asked for before a load.

use milvus_bench::record::RunInfo;

use crate::own::{Milvus, Written, head, phase, run, searched};
use crate::servers::Servers;

/// Index types with their parameters.
const TYPES: &[(&str, &str)] = &[
    ("FLAT", ""),
    ("IVF_FLAT", "nlist = 16"),
    ("HNSW", "M = 8, efConstruction = 64"),
    ("AUTOINDEX", ""),
];

/// Below the smallest segment that Milvus indexes, that segment, and many.
const SIZES: &[u32] = &[500, 1024, 20_000];

/// Rows that two shards share so that one segment is below 1,024 rows and one is not (1,004 and
/// 1,044 by the ids' hashes).
const UNEVEN: u32 = 2048;

fn collection(prepare: &str, index: (&str, &str), rows: u32, shards: u32) -> (String, String) {
    let name = format!("e2e_{}_{rows}_{shards}", index.0.to_lowercase());
    let keep = if prepare == "full" { "keep = true" } else { "" };
    let keys = format!(
        "prepare = \"{prepare}\"\n{keep}\nshards = {shards}\ninitial_rows = {rows}\nready_timeout \
         = \"150s\"\nindex = {{ type = \"{}\", params = {{ {} }} }}",
        index.0, index.1
    );
    let text = searched(&name, &keys);
    (name, text)
}

/// The whole matrix in one run.
fn matrix(servers: &Servers, prepare: &str) -> Written {
    let mut all: Vec<(String, String)> = TYPES
        .iter()
        .flat_map(|index| {
            SIZES
                .iter()
                .map(|rows| collection(prepare, *index, *rows, 1))
        })
        .collect();
    all.push(collection(prepare, TYPES[2], UNEVEN, 2));
    let names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
    let collections: String = all.iter().map(|(_, text)| text.as_str()).collect();
    let (ended, written) = run(
        servers,
        &format!(
            "{}{collections}{}",
            head(servers, "indexes"),
            phase(&names, "1s")
        ),
    );
    assert_eq!(
        ended.code,
        Some(0),
        "prepare = \"{prepare}\": {}",
        ended.told()
    );
    written
}

/// Operations of preparation that were sent.
fn steps(info: &RunInfo) -> Vec<String> {
    let sent = info
        .streams
        .iter()
        .filter(|stream| stream.phase == "prepare" && stream.sent > 0 && !stream.method.is_empty());
    sent.map(|stream| stream.operation.clone()).collect()
}

pub(crate) fn every_index_type_is_ready_at_every_size(servers: &Servers) {
    for (prepare, creates) in [
        ("full", true),
        ("ensure", false),
        ("ensure", false),
        ("reuse", false),
    ] {
        let written = matrix(servers, prepare);
        let info = written.info();
        assert_eq!(
            steps(&info).iter().any(|step| step == "create_collection"),
            creates,
            "{prepare}: {:?}",
            steps(&info)
        );
        let warnings = written.warnings();
        let doubt = |code: &String| {
            [
                "served_by_brute_force",
                "index_unfinished",
                "foreign_rows",
                "not_marked",
            ]
            .contains(&code.as_str())
        };
        assert!(!warnings.iter().any(doubt), "{prepare}: {warnings:?}");
        for state in &info.collections {
            let rows = state
                .name
                .split('_')
                .rev()
                .nth(1)
                .and_then(|rows| rows.parse().ok());
            assert_eq!(
                (state.rows, state.sealed_rows),
                (rows, rows),
                "{prepare}: {state:?}"
            );
            let index_type = state.index_type.clone().unwrap_or_default().to_lowercase();
            assert!(
                state.name.starts_with(&format!("e2e_{index_type}_")),
                "{prepare}: {state:?}"
            );
        }
    }
    let milvus = Milvus::of(servers);
    // What this is about: segments without an index that are ready all the same.
    assert_eq!(milvus.segments("e2e_flat_20000_1"), [(20_000, false)]);
    assert_eq!(milvus.segments("e2e_hnsw_500_1"), [(500, false)]);
    assert_eq!(milvus.segments("e2e_hnsw_20000_1"), [(20_000, true)]);
    let uneven: Vec<bool> = milvus
        .segments("e2e_hnsw_2048_2")
        .iter()
        .map(|(_, indexed)| *indexed)
        .collect();
    assert_eq!(
        uneven,
        [false, true],
        "{:?}",
        milvus.segments("e2e_hnsw_2048_2")
    );
    let all = TYPES.iter().flat_map(|index| {
        SIZES
            .iter()
            .map(|rows| collection("full", *index, *rows, 1).0)
    });
    all.chain(["e2e_hnsw_2048_2".to_owned()])
        .for_each(|name| milvus.drop(&name));
}

/// Flushed one after the other; compaction may merge them, which is ready as well.
pub(crate) fn a_small_segment_beside_a_large_one_is_ready(servers: &Servers) {
    let milvus = Milvus::of(servers);
    for (name, index_type, params) in [
        (
            "e2e_beside_hnsw",
            "HNSW",
            &[("M", "8"), ("efConstruction", "64")][..],
        ),
        ("e2e_beside_flat", "FLAT", &[]),
    ] {
        milvus.create(name);
        milvus.segment(name, 0, 20_000);
        milvus.segment(name, 20_000, 500);
        milvus.index_and_load(name, index_type, params);
        let scenario = format!(
            "{}{}{}",
            head(servers, "beside"),
            searched(name, "prepare = \"reuse\""),
            phase(&[name], "1s")
        );
        let (ended, written) = run(servers, &scenario);
        assert_eq!(ended.code, Some(0), "{}", ended.told());
        assert!(
            !written
                .warnings()
                .iter()
                .any(|code| code == "served_by_brute_force"),
            "{:?}",
            written.warnings()
        );
        assert!(
            milvus
                .describe(name)
                .is_some_and(|found| found.aliases.is_empty()),
            "what is not ours carries no mark"
        );
        milvus.drop(name);
    }
}

/// Milvus 2.3.5 from PyPI can't build it, tries for ever and gives no reason; below 1,024 rows
/// there is nothing to build.
pub(crate) fn diskann_comes_as_far_as_milvus_does(servers: &Servers) {
    let scenario = |rows: u32, timeout: &str| {
        let keys = format!(
            "initial_rows = {rows}\nready_timeout = \"{timeout}\"\nindex = {{ type = \"DISKANN\" }}"
        );
        format!(
            "{}{}{}",
            head(servers, "diskann"),
            searched("e2e_diskann", &keys),
            phase(&["e2e_diskann"], "1s")
        )
    };
    let (ended, _) = run(servers, &scenario(500, "150s"));
    assert_eq!(ended.code, Some(0), "{}", ended.told());
    let (ended, _) = run(servers, &scenario(2000, "8s"));
    assert_eq!(ended.code, Some(2), "{}", ended.told());
    for words in [
        "e2e_diskann",
        "was not indexed within 8 s",
        "index DISKANN in progress, 0 of 2000 rows",
        "failed to build index",
    ] {
        assert!(ended.stderr.contains(words), "{words}: {}", ended.told());
    }
    assert!(
        Milvus::of(servers).describe("e2e_diskann").is_none(),
        "what it created is dropped"
    );
}

pub(crate) fn what_reuse_needs_is_checked(servers: &Servers) {
    let milvus = Milvus::of(servers);
    let name = "e2e_reused";
    milvus.create(name);
    milvus.segment(name, 0, 500);
    milvus.index_and_load(name, "FLAT", &[]);
    milvus.alias(name, "e2e_reused_alias");
    let scenario = |keys: &str, milvus: &str| {
        let head = head(servers, "reused").replace("[tracing]", &format!("{milvus}\n[tracing]"));
        format!(
            "{head}{}{}",
            searched("target", keys),
            phase(&["target"], "1s")
        )
    };
    let by_alias = "name = \"e2e_reused_alias\"\nprepare = \"reuse\"";
    let (ended, _) = run(servers, &scenario(by_alias, ""));
    assert_eq!(ended.code, Some(0), "{}", ended.told());
    let refused = |scenario: String, words: &[&str]| {
        let (ended, _) = run(servers, &scenario);
        assert_eq!(ended.code, Some(2), "{}", ended.told());
        words
            .iter()
            .for_each(|words| assert!(ended.stderr.contains(words), "{words}: {}", ended.told()));
    };
    refused(
        scenario(
            "name = \"e2e_reused_alias\"\nindex = { type = \"FLAT\" }",
            "",
        ),
        &["e2e_reused_alias is an alias of collection e2e_reused"],
    );
    refused(
        scenario(by_alias, "database = \"e2e_lost\""),
        &[
            "database e2e_lost does not exist",
            "milvus_800: database not found[database=e2e_lost]",
        ],
    );
    let init = servers
        .bench
        .call(&[
            "init",
            "e2e_reused_alias",
            "--uri",
            &servers.stack.milvus_uri,
        ])
        .with_code(0);
    assert!(
        init.stdout.contains("An alias of e2e_reused. 500 rows"),
        "{}",
        init.told()
    );
    milvus.release(name);
    refused(
        scenario("name = \"e2e_reused\"\nprepare = \"reuse\"", ""),
        &["collection e2e_reused is not loaded"],
    );
    milvus.drop(name);
}
