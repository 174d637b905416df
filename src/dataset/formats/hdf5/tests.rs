use super::super::small::{check, files, opened, opened_with, path, refused};

#[test]
fn every_variant_has_the_rows_that_h5py_reads() {
    let (mut compared, mut parts, mut newer) = (0, 0, Vec::new());
    for (name, about) in files("hdf5") {
        if about["refused"] == true {
            continue;
        }
        let source = match opened(&name) {
            Ok(source) => source,
            // What HDF5 2 writes with libver="latest" is newer than the reader.
            Err(error) if error.message.contains("version 5 of the data layout") => {
                newer.push(name);
                continue;
            }
            Err(error) => panic!("{name}: {error}"),
        };
        parts += check(&name, &source, &about);
        compared += 1;
    }
    let latest = ["chunked", "grows-both", "grows", "one-chunk"];
    assert_eq!(
        newer,
        latest.map(|name| format!("mini/hdf5/{name}-latest.hdf5"))
    );
    assert!(compared >= 29, "{compared}");
    assert!(parts > 2 * compared, "{parts} of {compared}");
}

/// The index of the chunks is a tree whose first key begins with the bytes of its first chunk.
#[test]
fn a_chunk_that_says_to_be_larger_than_the_file_is_not_made_room_for() {
    let mut bytes = std::fs::read(path("mini/hdf5/chunked-earliest.hdf5")).unwrap();
    let trees = (0..bytes.len() - 28).filter(|at| bytes[*at..].starts_with(b"TREE\x01"));
    let trees: Vec<usize> = trees.collect();
    assert!(!trees.is_empty(), "trees of chunks");
    for tree in trees {
        bytes[tree + 24..tree + 28].copy_from_slice(&u32::MAX.to_le_bytes());
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.hdf5");
    std::fs::write(&file, bytes).unwrap();
    let options = crate::dataset::DatasetOptions {
        base: Some(file),
        ..Default::default()
    };
    let error = crate::dataset::open(&options).expect_err("refused").message;
    assert!(error.contains("a chunk of its array"), "{error}");
    assert!(error.contains("has 4294967295 bytes at byte"), "{error}");
}

#[test]
fn arrays_can_have_other_names() {
    let source = opened_with("refused/other-names.hdf5", |options| {
        options.vector = Some("vectors".into());
    });
    assert_eq!(source.unwrap().rows(), 6);
}

#[test]
fn files_that_cannot_be_used_are_answered_by_one_sentence() {
    for (name, words) in [
        (
            "compound",
            "array train of compound{x: f32, y: f32}, expected numbers",
        ),
        (
            "dimensions",
            "names row 7 for query 0, the data set has 6 rows",
        ),
        (
            "group",
            "no array train, which `vector` names otherwise: it has none",
        ),
        ("one-dimension", "array train of 1 dimensions"),
        (
            "other-names",
            "no array train, which `vector` names otherwise: it has vectors",
        ),
        (
            "short-truth",
            "neighbours of 2 queries, but the data set has 6",
        ),
        ("strings", "array train of vlen_string, expected numbers"),
        (
            "truth-of-others",
            "names row 1007 for query 0, the data set has 6 rows",
        ),
    ] {
        refused(&format!("refused/{name}.hdf5"), &[words]);
    }
}

#[test]
fn a_file_that_ends_early_is_answered_by_one_sentence() {
    let whole = std::fs::read(path("mini/hdf5/contiguous-earliest.hdf5")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let cut = folder.path().join("cut.hdf5");
    for length in (0..whole.len()).step_by(61) {
        std::fs::write(&cut, &whole[..length]).unwrap();
        let error = opened_with("", |options| options.base = Some(cut.clone()));
        let error = error.expect_err("it is cut").message;
        assert!(!error.contains('\n'), "{error}");
    }
}
