//! Types of vectors: Binary on Milvus 2.3.5, those that it lacks on milvus-lite; with recall from
//! the true neighbours of the values that are stored.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::lite::{Lite, Release};
use crate::{bench::Ended, own, run::Run, servers::Servers};

/// A collection of a scenario, its index exact or asked for all of its lists.
struct Typed<'a> {
    name: &'static str,
    /// Files in tests/data/vectors: rows, queries, true neighbours.
    files: [&'a str; 3],
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

const HAMMING: Typed<'static> = Typed {
    name: "e2e_hamming",
    files: BITS,
    keys: "vector_type = \"Binary\"\nindex = { type = \"BIN_FLAT\" }",
    params: "",
};
const JACCARD: Typed<'static> = Typed {
    name: "e2e_jaccard",
    files: BITS_JACCARD,
    keys: "vector_type = \"Binary\"\nmetric = \"JACCARD\"\nindex = { type = \"BIN_FLAT\" }",
    params: "",
};

/// The shipped files.
fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/vectors")
}

/// A scenario that searches each of these collections.
fn scenario(uri: &str, collections: &[Typed<'_>]) -> String {
    let folder = shipped();
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
fn run(servers: &Servers, uri: &str, collections: &[Typed<'_>]) -> Run {
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

fn check_recall(run: &Run, collections: &[Typed<'_>], least: f64) {
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
    let folder = tempfile::tempdir().expect("a folder");
    let base = folder.path().join("base.csr");
    fill_empty_rows(&base);
    let sparse = [Typed {
        name: "e2e_sparse",
        files: [base.to_str().expect("UTF-8"), SPARSE[1], SPARSE[2]],
        keys: "index = { type = \"SPARSE_INVERTED_INDEX\" }",
        params: "",
    }];
    check_recall(&run(servers, &lite.uri, &sparse), &sparse, 1.0);
}

/// The shipped rows with a pair in the empty ones, which milvus-lite 3.2.2 refuses. No query has
/// its index, so that the neighbours stay.
fn fill_empty_rows(path: &Path) {
    let bytes = std::fs::read(shipped().join(SPARSE[0])).expect("the shipped rows");
    let header: Vec<i64> = bytes[..24].chunks(8).map(long).collect();
    let (rows, columns, pairs) = (header[0] as usize, header[1], header[2] as usize);
    let (places, rest) = bytes[24..].split_at(8 * (rows + 1));
    let (indices, values) = rest.split_at(4 * pairs);
    let places: Vec<i64> = places.chunks(8).map(long).collect();
    let [mut new_places, mut new_indices, mut new_values] = [const { Vec::new() }; 3];
    let mut count = 0_i64;
    new_places.extend(count.to_le_bytes());
    for row in places.windows(2) {
        let [first, end] = [row[0] as usize * 4, row[1] as usize * 4];
        if first == end {
            new_indices.extend(0_i32.to_le_bytes());
            new_values.extend(1_f32.to_le_bytes());
        } else {
            new_indices.extend(&indices[first..end]);
            new_values.extend(&values[first..end]);
        }
        count = new_values.len() as i64 / 4;
        new_places.extend(count.to_le_bytes());
    }
    assert!(count > header[2], "no row is empty");
    let header = [header[0], columns, count].map(i64::to_le_bytes).concat();
    std::fs::write(path, [header, new_places, new_indices, new_values].concat()).expect("a file");
}

fn long(bytes: &[u8]) -> i64 {
    i64::from_le_bytes(bytes.try_into().expect("eight bytes"))
}
