use super::*;

fn field(name: &str, data_type: DataType, dim: Option<u32>) -> FieldSchema {
    let dim = dim.map(|dim| KeyValuePair {
        key: "dim".to_owned(),
        value: dim.to_string(),
    });
    let is_primary_key = name == "id";
    FieldSchema {
        name: name.to_owned(),
        data_type: data_type.into(),
        is_primary_key,
        type_params: dim.into_iter().collect(),
        ..FieldSchema::default()
    }
}

fn found(fields: Vec<FieldSchema>, index: &[(&str, &str)]) -> Found {
    let params = index
        .iter()
        .map(|(key, value)| KeyValuePair {
            key: (*key).to_owned(),
            value: (*value).to_owned(),
        })
        .collect();
    let index = IndexDescription {
        field_name: "v".to_owned(),
        params,
        ..IndexDescription::default()
    };
    let indexes = vec![index];
    Found {
        name: "words".to_owned(),
        alias_of: None,
        fields,
        consistency: ConsistencyLevel::Strong,
        indexes,
        rows: Some(1_000),
        loaded: true,
    }
}

const MILVUS: Place<'static> = Place {
    uri: "http://127.0.0.1:19530",
    database: None,
};

/// The scenario for `found`, and the plan that is made of it.
fn planned(
    found: &Found,
    place: Place<'_>,
    version: Option<&str>,
) -> (String, Result<crate::plan::Plan, CliError>) {
    let text = starter(found, place, version)
        .expect("a starter")
        .render()
        .expect("a scenario");
    let plan = plan_of(
        &ScenarioSource::Stdin(text.clone()),
        &[],
        &PlanFlags::default(),
    );
    (text, plan)
}

/// The scenario for `found` as a plan, which proves that it is one.
fn check(found: &Found, lines: &[&str]) {
    let (text, plan) = planned(found, MILVUS, Some("v2.3.5"));
    assert!(plan.is_ok(), "{:?}\n{text}", plan.err());
    for line in lines {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

fn plain() -> Vec<FieldSchema> {
    vec![
        field("id", DataType::Int64, None),
        field("v", DataType::FloatVector, Some(96)),
        field("lang", DataType::VarChar, None),
    ]
}

#[test]
fn what_milvus_says_of_the_collection_is_in_the_scenario() {
    let hnsw = found(plain(), &[("index_type", "HNSW"), ("metric_type", "IP")]);
    check(
        &hnsw,
        &[
            "\ndim = 96\n",
            "1,000 rows of 96 dimensions in the field v, index HNSW.",
            "\nmetric = \"IP\"\n",
            "\nconsistency = \"Strong\"\n",
        ],
    );
    check(
        &hnsw,
        &[
            "\nid_field = \"id\"\nvector_field = \"v\"\n",
            "\nparams = { ef = 64 }",
            "\n# output_fields = [\"lang\"]\n",
            "access = \"read\"",
        ],
    );
    check(
        &found(
            plain(),
            &[("index_type", "IVF_FLAT"), ("metric_type", "L2")],
        ),
        &["params = { nprobe = 16 }"],
    );
    check(
        &found(
            plain(),
            &[("index_type", "AUTOINDEX"), ("metric_type", "COSINE")],
        ),
        &["limit = 10\n# output_fields"],
    );
}

#[test]
fn vectors_of_other_types_are_written_as_such() {
    let of = |data_type, dim, index: &str, metric: &str| {
        let fields = vec![
            field("id", DataType::Int64, None),
            field("v", data_type, dim),
        ];
        let params = [("index_type", index), ("metric_type", metric)];
        found(fields, &params)
    };
    check(
        &of(DataType::BinaryVector, Some(96), "BIN_IVF_FLAT", "JACCARD"),
        &[
            "1,000 rows of 96 dimensions (Binary) in the field v, index BIN_IVF_FLAT.",
            "\nmetric = \"JACCARD\"\nvector_type = \"Binary\"\n",
            "params = { nprobe = 16 }",
        ],
    );
    check(
        &of(DataType::SparseFloatVector, None, "SPARSE_WAND", "IP"),
        &[
            "1,000 rows of sparse vectors in the field v, index SPARSE_WAND.",
            "\nnonzeros = \"16..64\"",
            "\nvector_type = \"Sparse\"\n",
            "params = { drop_ratio_search = 0.0 }",
        ],
    );
}

#[test]
fn the_database_is_in_the_scenario() {
    let place = Place {
        database: Some("a\"b"),
        ..MILVUS
    };
    let hnsw = found(plain(), &[("index_type", "HNSW"), ("metric_type", "IP")]);
    let (text, plan) = planned(&hnsw, place, None);
    let plan = plan.expect("a plan");
    assert_eq!(plan.milvus.database.as_deref(), Some("a\"b"), "{text}");
    assert!(
        text.starts_with(
            "# Searches of the collection words of database a\"b of the Milvus at http"
        ),
        "{text}"
    );
}

#[test]
fn what_is_not_known_is_marked() {
    let mut unknown = found(plain(), &[]);
    (unknown.loaded, unknown.rows) = (false, None);
    check(
        &unknown,
        &[
            "It is not loaded: load it before a run.",
            "metric = \"L2\"      ",
            "has no index yet",
        ],
    );
    unknown.alias_of = Some("words_v2".to_owned());
    check(
        &unknown,
        &[
            "An alias of words_v2. Rows of 96 dimensions",
            "\nname = \"words\"",
        ],
    );
    let mut fields = plain();
    fields.push(field("w", DataType::FloatVector, Some(8)));
    check(
        &found(fields, &[("index_type", "FLAT"), ("metric_type", "L2")]),
        &["vector_field = \"v\"   # <-- or w\n"],
    );
}

#[test]
fn names_from_outside_stay_text() {
    let mut odd = found(
        plain(),
        &[("index_type", "a\"\nb = 1 #"), ("metric_type", "L2")],
    );
    odd.fields[2].name = "x\"]\nrate = 5".to_owned();
    // A name that no scenario may have.
    odd.name = "_words".to_owned();
    check(
        &odd,
        &["name = \"init\"", "name = \"_words\"", "index a\" b = 1 #."],
    );
}

#[test]
fn collections_without_vectors_are_refused() {
    let error = starter(
        &found(vec![field("id", DataType::Int64, None)], &[]),
        MILVUS,
        None,
    )
    .expect_err("no vector");
    assert!(error.message.contains("no field of vectors"), "{error}");
}

#[test]
fn the_collection_is_the_one_that_is_meant() {
    let names: Vec<String> = (0..25).map(|number| format!("c{number}")).collect();
    assert_eq!(choose(Some("c3"), &names, MILVUS), Ok("c3".to_owned()));
    assert_eq!(choose(None, &names[..1], MILVUS), Ok("c0".to_owned()));
    let refused = |wanted, names: &[String], words: &str| {
        let error = choose(wanted, names, MILVUS).expect_err(words).message;
        assert!(error.contains(words), "{error}");
    };
    refused(
        None,
        &names,
        "which collection? the Milvus at http://127.0.0.1:19530 has: c0, c1,",
    );
    refused(
        None,
        &names,
        "c19 and 5 more; write `milvus-bench init NAME`",
    );
    refused(
        Some("c"),
        &names[..2],
        "has no collection c; it has: c0, c1",
    );
    refused(None, &[], "no collection to search");
}
