use super::*;

fn options(text: &str) -> IndexOptions {
    toml::from_str(text).unwrap()
}

fn check_refused(result: Result<IndexShape, OperationErrors>, key: &str, word: &str) {
    let errors = result.expect_err("refused");
    let error = errors.iter().next().expect("a word");
    assert_eq!(error.key, key);
    assert!(
        error.message.contains(word),
        "{word:?} is not in: {}",
        error.message
    );
}

fn vector(text: &str) -> Result<IndexShape, OperationErrors> {
    options(text).resolve_vector(VectorType::Float, 100)
}

#[test]
fn names_are_canonical_and_params_are_texts() {
    let index =
        vector("type = 'hnsw'\nparams = { M = 16, efConstruction = 200, refine = true }").unwrap();
    assert_eq!(index.index_type, "HNSW");
    assert_eq!(index.params["M"], "16");
    assert_eq!(index.params["refine"], "true");
    assert_eq!(
        options("type = 'trie'")
            .resolve_scalar(ScalarType::VarChar)
            .unwrap()
            .index_type,
        "Trie"
    );
}

#[test]
fn unknown_names_are_answered_with_the_allowed_ones() {
    check_refused(vector("type = 'HSNW'"), "index.type", "IVF_FLAT");
    let of = |vector_type, index: &str| {
        options(&format!("type = '{index}'")).resolve_vector(vector_type, 8)
    };
    check_refused(
        of(VectorType::Binary, "hnsw"),
        "index.type",
        "is HNSW, expected one of AUTOINDEX, BIN_FLAT, BIN_IVF_FLAT for a vector of type \
         Binary",
    );
    check_refused(of(VectorType::Sparse, "FLAT"), "index.type", "SPARSE_WAND");
    check_refused(of(VectorType::Int8, "BIN_FLAT"), "index.type", "type Int8");
    check_refused(of(VectorType::Float, "BIN_IVF_FLAT"), "index.type", "HNSW");
    check_refused(
        options("type = 'HNSW'").resolve_scalar(ScalarType::Int64),
        "index.type",
        "INVERTED",
    );
    check_refused(
        options("type = 'Trie'").resolve_scalar(ScalarType::Int64),
        "index.type",
        "VarChar",
    );
}

#[test]
fn parameters_of_binary_and_sparse_indexes_are_checked() {
    let sparse = |params: &str| {
        options(&format!(
            "type = 'SPARSE_INVERTED_INDEX'\nparams = {{ {params} }}"
        ))
        .resolve_vector(VectorType::Sparse, 8)
    };
    sparse("inverted_index_algo = 'DAAT_WAND', drop_ratio_build = 0.2").unwrap();
    check_refused(
        sparse("inverted_index_algo = 'WAND'"),
        "index.params.inverted_index_algo",
        "DAAT_MAXSCORE",
    );
    check_refused(
        sparse("drop_ratio_build = 1.0"),
        "index.params.drop_ratio_build",
        "below 1",
    );
    let searched = |index: &str, params: &str| {
        let index = IndexShape {
            index_type: index.into(),
            params: [("nlist".into(), "32".into())].into(),
        };
        let found = check_search_params(&index, &toml::from_str(params).unwrap(), 10);
        found.map(|()| index)
    };
    searched("SPARSE_INVERTED_INDEX", "drop_ratio_search = 0.2").unwrap();
    check_refused(
        searched("SPARSE_WAND", "drop_ratio_search = 2"),
        "params.drop_ratio_search",
        "below 1",
    );
    check_refused(
        searched("SPARSE_WAND", "drop_ratio = 0.2"),
        "params.drop_ratio",
        "drop_ratio_search",
    );
    searched("BIN_IVF_FLAT", "nprobe = 32").unwrap();
    check_refused(
        searched("BIN_IVF_FLAT", "nprobe = 33"),
        "params.nprobe",
        "1 to 32",
    );
    check_refused(searched("BIN_IVF_FLAT", "ef = 64"), "params.ef", "nprobe");
}

#[test]
fn build_parameters_out_of_range_are_refused() {
    check_refused(
        vector("type = 'HNSW'\nparams = { M = 1 }"),
        "index.params.M",
        "2 to 2048",
    );
    check_refused(
        vector("type = 'HNSW_SQ'\nparams = { M = 3000 }"),
        "index.params.M",
        "3000",
    );
    check_refused(
        vector("type = 'HNSW'\nparams = { efConstruction = 0 }"),
        "index.params.efConstruction",
        "at least 1",
    );
    check_refused(
        vector("type = 'IVF_FLAT'\nparams = { nlist = 0 }"),
        "index.params.nlist",
        "1 to 65536",
    );
    check_refused(
        vector("type = 'IVF_PQ'\nparams = { m = 7 }"),
        "index.params.m",
        "divisor of the dimension 100",
    );
    check_refused(
        vector("type = 'FLAT'\nparams = { a = [] }"),
        "index.params.a",
        "[]",
    );
}

#[test]
fn parameters_of_another_spelling_are_refused() {
    check_refused(
        vector("type = 'HNSW'\nparams = { m = 16 }"),
        "index.params.m",
        "write M",
    );
    check_refused(
        vector("type = 'HNSW'\nparams = { ef_construction = 16 }"),
        "index.params.ef_construction",
        "write efConstruction",
    );
    check_refused(
        vector("type = 'IVF_FLAT'\nparams = { n_list = 16 }"),
        "index.params.n_list",
        "write nlist",
    );
    assert!(
        vector("type = 'HNSW_PQ'\nparams = { M = 16, m = 4 }").is_ok()
            && vector("type = 'IVF_PQ'\nparams = { m = 4 }").is_ok()
    );
    check_search("type = 'HNSW'", "ef_search = 64", Err("params.ef_search"));
    check_search("type = 'IVF_FLAT'", "nProbe = 8", Err("params.nProbe"));
}

#[test]
fn numeric_parameters_are_numbers_and_those_of_other_index_types_are_refused() {
    check_refused(
        vector("type = 'HNSW'\nparams = { M = 'abc' }"),
        "index.params.M",
        "a whole number",
    );
    check_refused(
        vector("type = 'IVF_FLAT'\nparams = { M = 16 }"),
        "index.params.M",
        "not a parameter of index type IVF_FLAT, write nlist",
    );
    check_search("type = 'HNSW'", "ef = 'abc'", Err("params.ef"));
    check_search("type = 'HNSW'", "ef = true", Err("params.ef"));
    check_search("type = 'HNSW'", "ef = 64.5", Err("params.ef"));
    check_search("type = 'HNSW'", "ef = '64'", Ok(()));
    check_search("type = 'HNSW'", "ef = '9'", Err("params.ef"));
    check_search("type = 'HNSW'", "nprobe = 8", Err("params.nprobe"));
    check_search("type = 'DISKANN'", "ef = 64", Err("params.ef"));
    check_search("type = 'SCANN'", "reorder_k = 'a'", Err("params.reorder_k"));
    // What no row knows goes to the server as it is.
    check_search("type = 'HNSW'", "new_key = 'abc'", Ok(()));
    check_search("type = 'AUTOINDEX'", "level = 2\nef = 64", Ok(()));
    assert!(vector("type = 'HNSW'\nparams = { new_key = 'abc' }").is_ok());
}

fn check_search(index: &str, params: &str, expected: Result<(), &str>) {
    let found = check_search_params(&vector(index).unwrap(), &params.parse().unwrap(), 10);
    assert_eq!(
        found.map_err(|errors| errors.only().key),
        expected.map_err(str::to_owned),
        "{index} {params}"
    );
}

#[test]
fn search_parameters_that_cannot_be_right_are_refused() {
    check_search("type = 'HNSW'", "ef = 10", Ok(()));
    check_search("type = 'HNSW'", "ef = 9", Err("params.ef"));
    check_search("type = 'HNSW'", "", Ok(()));
    check_search(
        "type = 'DISKANN'",
        "search_list = 9",
        Err("params.search_list"),
    );
    check_search("type = 'FLAT'", "ef = 9", Ok(()));
    check_search(
        "type = 'IVF_FLAT'\nparams = { nlist = 128 }",
        "nprobe = 129",
        Err("params.nprobe"),
    );
    check_search("type = 'IVF_FLAT'", "nprobe = 0", Err("params.nprobe"));
    check_search(
        "type = 'IVF_SQ8'\nparams = { nlist = 128 }",
        "nprobe = 128",
        Ok(()),
    );
}
