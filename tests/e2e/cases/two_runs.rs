//! Two runs on one name of a collection, on a real Milvus.

use crate::bench::Running;
use crate::own::{Milvus, Written, head, phase, searched, write};
use crate::servers::Servers;

const NAME: &str = "e2e_two";

fn scenario(servers: &Servers) -> Written {
    let keys =
        "initial_rows = 2000\nindex = { type = \"HNSW\", params = { M = 8, efConstruction = 64 } }";
    write(
        servers,
        &format!(
            "{}{}{}",
            head(servers, "two"),
            searched(NAME, keys),
            phase(&[NAME], "10m")
        ),
    )
}

fn start(servers: &Servers, written: &Written) -> Running {
    let arguments = written.arguments();
    servers
        .bench
        .start(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Both folders are called so; the nonce tells the runs apart.
const RUN: &str = "is in use by run run of milvus-bench";

fn ends_well(running: Running, written: &Written) {
    running.interrupt();
    let (code, told) = running.ended();
    assert_eq!(code, Some(130), "{told}");
    assert!(!told.contains("was not dropped"), "{told}");
    let info = written.info();
    let failed: Vec<_> = info.errors.iter().collect();
    assert!(failed.is_empty(), "{failed:?}");
    assert!(
        !written
            .warnings()
            .iter()
            .any(|code| code == "collection_replaced" || code == "foreign_rows"),
        "{:?}",
        written.warnings()
    );
}

pub(crate) fn seconds_apart_the_second_is_refused(servers: &Servers) {
    let milvus = Milvus::of(servers);
    let (first, second) = (scenario(servers), scenario(servers));
    let mut running = start(servers, &first);
    running.says("phase alone");
    let id = milvus.describe(NAME).map(|found| found.collection_id);
    let (code, told) = start(servers, &second).ended();
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains(RUN), "{told}");
    assert_eq!(
        milvus.describe(NAME).map(|found| found.collection_id),
        id,
        "the first one's is still there"
    );
    assert_eq!(first.info().collections[0].id, id.map(|id| id.to_string()));
    ends_well(running, &first);
    assert!(milvus.describe(NAME).is_none(), "it is dropped at the end");
}

pub(crate) fn at_once_one_goes_on(servers: &Servers) {
    let (first, second) = (scenario(servers), scenario(servers));
    let (mut one, mut other) = (start(servers, &first), start(servers, &second));
    let runs = [
        one.says_or_ends("phase alone"),
        other.says_or_ends("phase alone"),
    ];
    assert_ne!(runs[0], runs[1], "one of them measures: {runs:?}");
    let ((running, written), ended) = if runs[0] {
        ((one, first), other)
    } else {
        ((other, second), one)
    };
    let (code, told) = ended.ended();
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("run run of milvus-bench"), "{told}");
    ends_well(running, &written);
    assert!(
        Milvus::of(servers).describe(NAME).is_none(),
        "it is dropped at the end"
    );
}

pub(crate) fn a_replaced_collection_is_found_out(servers: &Servers) {
    let milvus = Milvus::of(servers);
    let written = scenario(servers);
    let mut running = start(servers, &written);
    running.says("phase alone");
    milvus.drop(NAME);
    milvus.create(NAME);
    // Looked at every 20 s, so it ends by itself.
    let (code, told) = running.ended();
    assert_eq!(code, Some(2), "{told}");
    assert!(
        told.contains("was replaced during the run (another one has its name"),
        "{told}"
    );
    assert!(
        told.contains("was not dropped: it is not the one that this run created"),
        "{told}"
    );
    assert!(
        written
            .warnings()
            .iter()
            .any(|code| code == "collection_replaced"),
        "{:?}",
        written.warnings()
    );
    assert!(milvus.describe(NAME).is_some());
    milvus.drop(NAME);
}
