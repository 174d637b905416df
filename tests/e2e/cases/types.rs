//! Types of vectors: Binary on Milvus 2.3.5, those that it lacks on milvus-lite; with recall from
//! the true neighbours of the values that are stored.

use std::{fmt::Write as _, path::Path, time::SystemTime};

use super::lite::{Lite, Release};
use crate::{bench::Ended, own, run::Run, servers::Servers};

/// A collection of a scenario, its index exact or asked for all of its lists.
struct Typed {
    name: &'static str,
    /// Files in tests/data/vectors: rows, queries, true neighbours.
    files: [&'static str; 3],
    /// Keys of the collection.
    keys: &'static str,
    /// Search parameters.
    params: &'static str,
}

const BITS: [&str; 3] = [
    "main/base-bits.u8bin",
    "main/query-bits.u8bin",
    "main/truth-bits-hamming.ibin",
];
const BITS_JACCARD: [&str; 3] = [BITS[0], BITS[1], "main/truth-bits-jaccard.ibin"];
const HALVES: [&str; 3] = [
    "main/base.f16bin",
    "main/query.f16bin",
    "main/truth-f16-cosine.ibin",
];
const FLOATS: [&str; 3] = [
    "main/base.fbin",
    "main/query.fbin",
    "main/truth-cosine.ibin",
];
const SPARSE: [&str; 3] = [
    "sparse/base.csr",
    "sparse/queries.dev.csr",
    "sparse/base.dev.gt",
];

const HAMMING: Typed = Typed {
    name: "e2e_hamming",
    files: BITS,
    keys: "vector_type = \"Binary\"\nindex = { type = \"BIN_FLAT\" }",
    params: "",
};
const JACCARD: Typed = Typed {
    name: "e2e_jaccard",
    files: BITS_JACCARD,
    keys: "vector_type = \"Binary\"\nmetric = \"JACCARD\"\nindex = { type = \"BIN_FLAT\" }",
    params: "",
};

/// A scenario that searches each of these collections.
fn scenario(uri: &str, collections: &[Typed]) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/vectors");
    let mut text = format!(
        "name = \"types\"\n[milvus]\nuri = \"{uri}\"\n[tracing]\nexport = \
         \"off\"\n[tracing.spans]\nsource = \"none\"\n"
    );
    for Typed {
        name,
        files,
        keys,
        params,
    } in collections
    {
        let [base, queries, truth] = files.map(|file| folder.join(file).display().to_string());
        let _ = write!(
            text,
            "[data.{name}]\nbase = \"{base}\"\nqueries = \"{queries}\"\ntruth = \
             \"{truth}\"\n[collections.{name}]\ndata = \"{name}\"\nconsistency = \
             \"Strong\"\n{keys}\n[workloads.{name}]\noperation = \"search\"\ncollection = \
             \"{name}\"\nrate = 2\nlimit = 10\nnq = 3\nparams = {{ {params} }}\n"
        );
    }
    let names: Vec<&str> = collections.iter().map(|of| of.name).collect();
    text + &own::phase(&names, "3s")
}

/// The run of a scenario, which must come to its end.
fn run(servers: &Servers, uri: &str, collections: &[Typed]) -> Run {
    let (ended, written) = run_text(servers, &scenario(uri, collections));
    assert_eq!(ended.code, Some(0), "{}", ended.told());
    Run::read(&written.out, ended, SystemTime::UNIX_EPOCH)
}

fn run_text(servers: &Servers, text: &str) -> (Ended, own::Written) {
    let written = own::write(servers, text);
    let mut arguments = written.arguments();
    // milvus-lite begins to answer a moment after it has started.
    arguments.extend(["--wait".to_owned(), "60s".to_owned()]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    (servers.bench.call(&arguments), written)
}

fn check_recall(run: &Run, collections: &[Typed], least: f64) {
    for Typed { name, .. } in collections {
        let workload = run.workload("alone", name);
        assert_eq!(workload.requests.failed, 0, "{name}");
        let recall = workload.recall.as_ref();
        let recall = recall.unwrap_or_else(|| panic!("{name}: {:?}", workload.no_recall));
        assert!(recall.mean >= least, "{name}: {recall:?}");
    }
}

pub(crate) fn binary_vectors_on_milvus_2_3_5_are_found_by_every_metric_and_index(
    servers: &Servers,
) {
    let collections = [
        HAMMING,
        JACCARD,
        Typed {
            name: "e2e_hamming_ivf",
            keys: "vector_type = \"Binary\"\nindex = { type = \"BIN_IVF_FLAT\", params = { nlist \
                   = 8 } }",
            params: "nprobe = 8",
            ..HAMMING
        },
        Typed {
            name: "e2e_jaccard_ivf",
            keys: "vector_type = \"Binary\"\nmetric = \"JACCARD\"\nindex = { type = \
                   \"BIN_IVF_FLAT\", params = { nlist = 8 } }",
            params: "nprobe = 8",
            ..JACCARD
        },
    ];
    let run = run(servers, &servers.stack.milvus_uri, &collections);
    check_recall(&run, &collections, 1.0);
}

pub(crate) fn what_milvus_2_3_5_lacks_is_refused_before_anything_is_written(servers: &Servers) {
    let int8 = [Typed {
        name: "e2e_int8",
        files: [
            "main/base.i8bin",
            "main/query.i8bin",
            "main/truth-i8-l2.ibin",
        ],
        keys: "vector_type = \"Int8\"\nmetric = \"L2\"\nindex = { type = \"HNSW\" }",
        params: "",
    }];
    let text = scenario(&servers.stack.milvus_uri, &int8);
    let (ended, written) = run_text(servers, &text);
    assert_ne!(ended.code, Some(0));
    let told = ended.told();
    assert!(
        told.contains("which lacks vectors of type Int8 (collection e2e_int8)"),
        "{told}"
    );
    let requests = std::fs::read(written.out.join("requests.jsonl")).unwrap_or_default();
    assert!(requests.is_empty(), "a request was sent");
}

pub(crate) fn halves_bits_and_sparse_vectors_are_found_on_milvus_lite_2_5(servers: &Servers) {
    let lite = Lite::start(servers.cache(), Release::V2_5);
    let exact = [
        HAMMING,
        JACCARD,
        Typed {
            name: "e2e_float16",
            files: HALVES,
            keys: "vector_type = \"Float16\"\nindex = { type = \"FLAT\" }",
            params: "",
        },
        Typed {
            name: "e2e_sparse",
            files: SPARSE,
            keys: "index = { type = \"SPARSE_INVERTED_INDEX\", params = { inverted_index_algo = \
                   \"DAAT_MAXSCORE\" } }",
            params: "drop_ratio_search = 0.0",
        },
    ];
    check_recall(&run(servers, &lite.uri, &exact), &exact, 1.0);
    // Of the truth of the floats, whose neighbours rounding may exchange.
    let rounded = [Typed {
        name: "e2e_bfloat16",
        files: FLOATS,
        keys: "vector_type = \"BFloat16\"\nindex = { type = \"FLAT\" }",
        params: "",
    }];
    check_recall(&run(servers, &lite.uri, &rounded), &rounded, 0.95);
}

pub(crate) fn sparse_vectors_are_found_on_milvus_lite_3_2(servers: &Servers) {
    let lite = Lite::start(servers.cache(), Release::V3_2);
    let sparse = [Typed {
        name: "e2e_sparse",
        files: SPARSE,
        keys: "index = { type = \"SPARSE_INVERTED_INDEX\" }",
        params: "",
    }];
    check_recall(&run(servers, &lite.uri, &sparse), &sparse, 1.0);
}
