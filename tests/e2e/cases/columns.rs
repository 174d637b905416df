//! Keys and fields from the columns of a file, on the real Milvus: what it gives back is what the
//! file holds.

use std::{collections::BTreeMap, fmt::Write as _, path::Path, time::SystemTime};

use milvus_bench::milvus::{methods, proto};
use proto::{field_data::Field, scalar_field::Data};
use serde_json::{Map, Value, json};

use super::lite::{Lite, Release};
use crate::{own, run::Run, servers::Servers};

/// Rows of the file.
const ROWS: u64 = 200;
/// Rows that are deleted.
const DELETED: u64 = 50;

/// What `year` is of the first row; every fifth row has none, by `null` or without the key.
const YEAR: u64 = 1900;

/// Fields of a row, without its key and its vector.
const FIELDS: [&str; 6] = ["section", "rank", "price", "tags", "counts", "meta"];

fn vectors(file: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/vectors/main");
    folder.join(file).display().to_string()
}

/// The key, the fields and what the dynamic field holds of row `row`.
fn row(row: u64) -> Map<String, Value> {
    let tags: Vec<String> = (0..row % 4).map(|tag| format!("t{tag}")).collect();
    let counts: Vec<u64> = (0..row % 3).collect();
    let section = ["sport", "world", "arts"][row as usize % 3];
    let columns = json!({
        "key": format!("größe \"{row}\""),
        "section": section,
        "rank": row * 10_000_000_000,
        "price": row as f64 / 8.0,
        "tags": tags,
        "counts": counts,
        "meta": { "a": row, "b": [1.5, null] },
        "color": if row.is_multiple_of(2) { "red" } else { "blue" },
        "size": row % 5,
    });
    columns.as_object().expect("a table").clone()
}

/// The vectors of a shipped file with columns beside them.
fn write_rows(path: &Path) {
    let text = std::fs::read_to_string(vectors("base.jsonl")).expect("the shipped rows");
    let mut written = String::new();
    for (number, line) in (0..).zip(text.lines()) {
        let mut object: Map<String, Value> = serde_json::from_str(line).expect("a row");
        object.extend(row(number));
        match number % 10 {
            4 => {}
            9 => drop(object.insert("year".to_owned(), Value::Null)),
            _ => drop(object.insert("year".to_owned(), json!(YEAR + number))),
        }
        writeln!(written, "{}", Value::from(object)).expect("a line");
    }
    assert_eq!(text.lines().count() as u64, ROWS);
    std::fs::write(path, written).expect("a file");
}

fn collection(name: &str, keys: &str) -> String {
    format!(
        "[collections.{name}]\ndata = \"notes\"\nmetric = \"COSINE\"\nconsistency = \
         \"Strong\"\nkeep = true\nindex = {{ type = \"FLAT\" }}\nid_field = \"key\"\nid_values = \
         {{ column = \"key\" }}\nid_max_length = 32\ndynamic = true\ndynamic_values = {{ columns \
         = [\"color\", \"size\"] }}\npartitions = 8\nfields = [{{ name = \"section\", max_length \
         = 64, partition_key = true, values = {{ column = \"section\" }} }}, {{ name = \"rank\", \
         values = {{ column = \"rank\" }} }}, {{ name = \"price\", values = {{ column = \"price\" \
         }} }}, {{ name = \"tags\", max_length = 16, max_capacity = 8, values = {{ column = \
         \"tags\" }} }}, {{ name = \"counts\", type = \"Array\", element = \"Int32\", values = {{ \
         column = \"counts\" }} }}, {{ name = \"meta\", values = {{ column = \"meta\" }} \
         }}]\n{keys}\n"
    )
}

/// Queries whose answer is known: a filter, and how many rows match it.
const FILTERS: [(&str, &str, u32); 4] = [
    ("by_key", "section == 'sport' and rank >= 0", 67),
    ("by_array", "array_contains(tags, 't2')", 50),
    ("by_json", "meta['a'] < 20", 20),
    ("by_dynamic", "color == 'red'", 100),
];

fn scenario(servers: &Servers, rows: &Path) -> String {
    let mut text = format!(
        "name = \"columns\"\n[milvus]\nuri = \"{}\"\n[tracing]\nexport = \
         \"off\"\n[tracing.spans]\nsource = \"none\"\n[data.notes]\nbase = \"{}\"\nqueries = \
         \"{}\"\ntruth = \"{}\"\n{}{}",
        servers.stack.milvus_uri,
        rows.display(),
        vectors("query.fbin"),
        vectors("truth-cosine.ibin"),
        collection("e2e_columns", ""),
        collection("e2e_columns_filled", "prepare = \"schema\""),
    );
    let mut workload = |name: &str, keys: &str| {
        let _ = writeln!(
            text,
            "[workloads.{name}]\ncollection = \"e2e_columns\"\n{keys}"
        );
    };
    workload(
        "search",
        "operation = \"search\"\nrate = 4\nlimit = 10\nnq = 5",
    );
    workload(
        "by_ids",
        "operation = \"query\"\nrate = 4\nids = 7\noutput_fields = [\"section\", \"meta\"]",
    );
    for (name, filter, _) in FILTERS {
        let keys = format!("operation = \"query\"\nrate = 4\nlimit = 1000\nfilter = \"{filter}\"");
        workload(name, &keys);
    }
    let delete = "operation = \"delete\"\nconcurrency = 1\nbatch = 10\nrows = 50";
    workload("delete", delete);
    let filters: Vec<&str> = FILTERS.iter().map(|(name, ..)| *name).collect();
    text + "[workloads.fill]\noperation = \"insert\"\ncollection = \
            \"e2e_columns_filled\"\nconcurrency = 2\nbatch = 30\n"
        + &format!(
            "[[phases]]\nname = \"found\"\nduration = \"2s\"\nworkloads = {:?}\n",
            [&["search", "by_ids"], filters.as_slice()].concat()
        )
        + "[[phases]]\nname = \"deleted\"\nuntil = \"exhausted\"\nworkloads = [\"delete\"]\n"
        + "[[phases]]\nname = \"filled\"\nuntil = \"exhausted\"\nworkloads = [\"fill\"]\n"
}

/// The values of a column that a reply holds.
fn values(columns: &[proto::FieldData], name: &str) -> Vec<Value> {
    let column = columns.iter().find(|column| column.field_name == name);
    let Some(Field::Scalars(scalars)) = column.and_then(|column| column.field.as_ref()) else {
        panic!("{name} is not in the reply");
    };
    list(scalars)
}

fn list(scalars: &proto::ScalarField) -> Vec<Value> {
    match scalars.data.as_ref() {
        Some(Data::LongData(found)) => found.data.iter().map(|one| json!(one)).collect(),
        Some(Data::IntData(found)) => found.data.iter().map(|one| json!(one)).collect(),
        Some(Data::DoubleData(found)) => found.data.iter().map(|one| json!(one)).collect(),
        Some(Data::StringData(found)) => found.data.iter().map(|one| json!(one)).collect(),
        Some(Data::ArrayData(found)) => found.data.iter().map(|one| json!(list(one))).collect(),
        Some(Data::JsonData(found)) => found
            .data
            .iter()
            .map(|one| serde_json::from_slice(one).expect("JSON"))
            .collect(),
        // A list without elements.
        None => Vec::new(),
        other => panic!("{other:?}"),
    }
}

/// Every row of a collection by its key, as [`row`] has them.
fn stored(servers: &Servers, collection: &str) -> BTreeMap<String, Map<String, Value>> {
    let fields = FIELDS.iter().chain(&["$meta"]);
    let request = proto::QueryRequest {
        collection_name: collection.to_owned(),
        expr: "rank >= 0".to_owned(),
        output_fields: fields.clone().map(|name| (*name).to_owned()).collect(),
        ..proto::QueryRequest::default()
    };
    let reply: proto::QueryResults = own::Milvus::of(servers).call(&methods::QUERY, &request);
    let keys = values(&reply.fields_data, "key");
    let mut rows: Vec<Map<String, Value>> = keys
        .iter()
        .map(|key| Map::from_iter([("key".to_owned(), key.clone())]))
        .collect();
    for name in fields {
        let found = values(&reply.fields_data, name);
        assert_eq!(found.len(), rows.len(), "{name}");
        for (row, value) in rows.iter_mut().zip(found) {
            match value {
                Value::Object(dynamic) if *name == "$meta" => row.extend(dynamic),
                value => drop(row.insert((*name).to_owned(), value)),
            }
        }
    }
    let by_key = |row: Map<String, Value>| (row["key"].as_str().expect("a text").to_owned(), row);
    rows.into_iter().map(by_key).collect()
}

pub(crate) fn keys_and_fields_of_a_file_are_those_of_milvus(servers: &Servers) {
    let folder = tempfile::tempdir().expect("a folder");
    let rows = folder.path().join("notes.jsonl");
    write_rows(&rows);
    let (ended, written) = own::run(servers, &scenario(servers, &rows));
    assert_eq!(ended.code, Some(0), "{}", ended.told());
    let run = Run::read(&written.out, ended, SystemTime::UNIX_EPOCH);
    for workload in crate::run::measured(&run.report) {
        let requests = &workload.requests;
        assert!(
            requests.ok > 0 && requests.failed == 0,
            "{}: {requests:?}",
            workload.place()
        );
    }
    let search = run.workload("found", "search");
    let recall = search.recall.as_ref().expect("the truth is known");
    assert!(recall.mean > 0.999, "{recall:?}");
    for (name, _, matching) in FILTERS {
        assert_rows(&run, name, matching);
    }
    assert_rows(&run, "by_ids", 7);
    let expected: BTreeMap<String, Map<String, Value>> = (0..ROWS)
        .map(row)
        .map(|row| (row["key"].as_str().expect("a text").to_owned(), row))
        .collect();
    let filled = stored(servers, "e2e_columns_filled");
    assert_eq!(filled.len() as u64, ROWS);
    assert_eq!(filled, expected);
    let left = stored(servers, "e2e_columns");
    assert_eq!(left.len() as u64, ROWS - DELETED);
    for (key, row) in &left {
        assert_eq!(Some(row), expected.get(key));
    }
}

/// Checks that every request of a workload returned `rows` rows.
fn assert_rows(run: &Run, name: &str, rows: u32) {
    let lines = run.requests().into_iter();
    let found: Vec<u32> = lines
        .filter(|line| line.workload == name)
        .map(|line| line.rows)
        .collect();
    assert!(!found.is_empty(), "{name} has no request");
    assert!(
        found.iter().all(|found| *found == rows),
        "{name}: {found:?}"
    );
}

pub(crate) fn missing_values_are_null_or_the_default_on_milvus_lite_3_2(servers: &Servers) {
    let lite = Lite::start(servers.cache(), Release::V3_2);
    let folder = tempfile::tempdir().expect("a folder");
    let rows = folder.path().join("notes.jsonl");
    write_rows(&rows);
    let text = format!(
        "name = \"missing\"\n[milvus]\nuri = \"{}\"\nwait = \"60s\"\n[tracing]\nexport = \
         \"off\"\n[tracing.spans]\nsource = \"none\"\n[data.notes]\nbase = \"{}\"\nqueries = \
         \"{}\"\n[collections.e2e_missing]\ndata = \"notes\"\nmetric = \"COSINE\"\nkeep = \
         true\nindex = {{ type = \"FLAT\" }}\nfields = [{{ name = \"rank\", values = {{ column = \
         \"rank\" }} }}, {{ name = \"year\", nullable = true, values = {{ column = \"year\" }} \
         }}, {{ name = \"edition\", default = 7, values = {{ column = \"year\" }} \
         }}]\n[workloads.search]\noperation = \"search\"\nrate = 5\nlimit = 10\noutput_fields = \
         [\"year\", \"edition\"]\n",
        lite.uri,
        rows.display(),
        vectors("query.fbin"),
    );
    let (ended, written) = own::run(servers, &(text + &own::phase(&["search"], "1s")));
    assert_eq!(ended.code, Some(0), "{}", ended.told());
    let run = Run::read(&written.out, ended, SystemTime::UNIX_EPOCH);
    let requests = &run.workload("alone", "search").requests;
    assert!(requests.ok > 0 && requests.failed == 0, "{requests:?}");
    let request = proto::QueryRequest {
        collection_name: "e2e_missing".to_owned(),
        expr: "rank >= 0".to_owned(),
        output_fields: ["year", "edition"].map(str::to_owned).into(),
        ..proto::QueryRequest::default()
    };
    let reply: proto::QueryResults = own::Milvus::at(&lite.uri).call(&methods::QUERY, &request);
    let keys = values(&reply.fields_data, "id");
    let years = values(&reply.fields_data, "year");
    let editions = values(&reply.fields_data, "edition");
    let year = reply.fields_data.iter().find(|of| of.field_name == "year");
    let valid = &year.expect("the field").valid_data;
    assert_eq!([keys.len(), valid.len()], [ROWS as usize; 2]);
    for (at, key) in keys.iter().enumerate() {
        let row = key.as_u64().expect("a number");
        let is_there = row % 5 != 4;
        assert_eq!(valid[at], is_there, "row {row}");
        let expected = if is_there { YEAR + row } else { 7 };
        assert_eq!(editions[at], json!(expected), "row {row}");
        if is_there {
            assert_eq!(years[at], json!(expected), "row {row}");
        }
    }
}
