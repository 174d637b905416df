use proptest::prelude::*;
use prost::Message;

use super::super::tests::{
    Vectors, check_refused, context, holding, key, little_endian, seven_rows, shape, with_values,
};
use super::*;
use crate::{
    milvus::{
        CallError,
        proto::{
            self, FieldData, InsertRequest, MutationResult, Status, field_data::Field,
            scalar_field::Data, vector_field,
        },
    },
    operation::ScalarFieldOptions,
};

fn insert(text: &str, initial_rows: u64) -> Arc<dyn Operation> {
    build(context(text, seven_rows(), initial_rows)).unwrap()
}

fn sent(call: &Call) -> InsertRequest {
    assert_eq!(call.method.name, "Insert");
    InsertRequest::decode(call.body.clone()).unwrap()
}

fn longs(field: &FieldData) -> Vec<i64> {
    let Some(Field::Scalars(scalars)) = &field.field else {
        panic!("no scalars")
    };
    let Some(Data::LongData(values)) = &scalars.data else {
        panic!("no longs")
    };
    values.data.clone()
}

fn floats(request: &InsertRequest) -> Vec<f32> {
    let field = request
        .fields_data
        .iter()
        .find(|field| field.field_name == "vector")
        .unwrap();
    let Some(Field::Vectors(vectors)) = &field.field else {
        panic!("no vectors")
    };
    let Some(vector_field::Data::FloatVector(values)) = &vectors.data else {
        panic!("no floats")
    };
    values.data.clone()
}

/// Request `seq` must hold the ids `ids` and the vectors of the rows `rows` (row r is (2r, 2r +
/// 1)).
fn check_request(operation: &dyn Operation, seq: u64, ids: &[i64], rows: &[u8]) {
    let request = sent(&operation.prepare(key(0, seq)).unwrap());
    assert_eq!(
        (request.db_name.as_str(), request.collection_name.as_str()),
        ("db", "words")
    );
    assert_eq!(request.num_rows as usize, ids.len());
    assert_eq!(longs(&request.fields_data[0]), ids);
    let vectors: Vec<f32> = rows
        .iter()
        .flat_map(|row| [f32::from(2 * row), f32::from(2 * row + 1)])
        .collect();
    assert_eq!(floats(&request), vectors);
}

#[test]
fn each_row_is_inserted_once_and_the_last_request_is_shorter() {
    let operation = insert("batch = 2", 2);
    assert_eq!(operation.capacity(), Some(3));
    check_request(&*operation, 0, &[2, 3], &[2, 3]);
    check_request(&*operation, 1, &[4, 5], &[4, 5]);
    check_request(&*operation, 2, &[6], &[6]);
    assert!(
        operation
            .prepare(key(0, 3))
            .unwrap_err()
            .0
            .contains("7 rows")
    );
    assert!(operation.prepare(key(0, u64::MAX)).is_err());
}

#[test]
fn earlier_requests_of_the_run_are_counted() {
    let operation = insert("batch = 2", 2);
    let late = RequestKey {
        seq: 1,
        earlier: 1,
        ..RequestKey::default()
    };
    assert_eq!(
        operation.prepare(late).unwrap().body,
        operation.prepare(key(0, 2)).unwrap().body
    );
}

#[test]
fn repeat_goes_on_with_fresh_ids_and_the_first_vectors() {
    let operation = insert("batch = 5\non_end = 'Repeat'", 7);
    assert_eq!(operation.capacity(), None);
    check_request(&*operation, 0, &[7, 8, 9, 10, 11], &[0, 1, 2, 3, 4]);
    check_request(&*operation, 1, &[12, 13, 14, 15, 16], &[5, 6, 0, 1, 2]);
    assert!(operation.prepare(key(0, u64::MAX)).is_err());
}

#[test]
fn a_request_may_be_longer_than_the_data_set() {
    let call = insert_call(&holding(shape(), seven_rows()), 6, 16).unwrap();
    assert_eq!(
        floats(&sent(&call))
            .chunks(2)
            .map(|row| row[0] / 2.0)
            .collect::<Vec<_>>()[..9],
        [6.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 0.0]
    );
}

#[test]
fn scalar_fields_are_sent_as_columns_of_their_type() {
    let field = |text: &str| {
        toml::from_str::<ScalarFieldOptions>(text)
            .unwrap()
            .resolve(42, None)
            .unwrap()
    };
    let fields = vec![
        field("name = 'rank'\ntype = 'Int64'"),
        field("name = 'small'\ntype = 'Int8'"),
        field("name = 'even'\ntype = 'Bool'"),
        field("name = 'word'\ntype = 'VarChar'\nmax_length = 30\nvalues = { text = 'w-{row}' }"),
        field("name = 'about'\ntype = 'JSON'"),
        field("name = 'x'\ntype = 'Double'\nvalues = { constant = 0.5 }"),
        field("name = 'y'\ntype = 'Float'\nvalues = { constant = 2 }"),
    ];
    let request = sent(
        &insert_call(
            &CollectionShape {
                fields,
                ..holding(shape(), seven_rows())
            },
            300,
            2,
        )
        .unwrap(),
    );
    let columns: Vec<_> = request.fields_data[1..8]
        .iter()
        .map(|field| match &field.field {
            Some(Field::Scalars(scalars)) => (
                field.field_name.as_str(),
                field.r#type,
                format!("{:?}", scalars.data.as_ref().unwrap()),
            ),
            _ => panic!("no scalars"),
        })
        .collect();
    let expected = [
        ("rank", 5, "LongData(LongArray { data: [300, 301] })"),
        ("small", 2, "IntData(IntArray { data: [44, 45] })"),
        ("even", 1, "BoolData(BoolArray { data: [false, true] })"),
        (
            "word",
            21,
            "StringData(StringArray { data: [\"w-300\", \"w-301\"] })",
        ),
        (
            "about",
            23,
            "JsonData(JsonArray { data: [[123, 34, 114, 111, 119, 34, 58, 51, 48, 48, 125], [123, \
             34, 114, 111, 119, 34, 58, 51, 48, 49, 125]] })",
        ),
        ("x", 11, "DoubleData(DoubleArray { data: [0.5, 0.5] })"),
        ("y", 10, "FloatData(FloatArray { data: [2.0, 2.0] })"),
    ];
    assert_eq!(
        columns,
        expected.map(|(name, number, data)| (name, number, data.to_owned()))
    );
}

#[test]
fn what_cannot_work_is_refused_when_it_is_built() {
    let refused = |text: &str, initial, key: &str, word: &str| {
        check_refused(&ENTRY, context(text, seven_rows(), initial), key, word)
    };
    refused("batch = 0", 2, "batch", "is 0");
    refused("batch = '5'", 2, "batch", "whole number");
    refused("batch = 4000000", 2, "batch", "expected 1 to 3728");
    refused("on_end = 'wrap'", 2, "on_end", "\"stop\" or \"repeat\"");
    refused(
        "",
        7,
        "on_end",
        "is \"stop\" by default, but preparation inserts all 7 rows",
    );
    refused(
        "on_end = 'stop'",
        7,
        "on_end",
        "is \"stop\", but preparation",
    );
    refused("batch_size = 3", 2, "batch_size", "use batch");
    let queries_alone = Vectors {
        dim: 2,
        queries: little_endian(&[1.0, 2.0]),
        ..Vectors::default()
    };
    check_refused(
        &ENTRY,
        context("", queries_alone, 0),
        "",
        "no rows to insert",
    );
    check_refused(
        &ENTRY,
        OperationContext {
            collection: Arc::new(shape()),
            ..context("", seven_rows(), 0)
        },
        "",
        "no rows to insert",
    );
}

fn check_reply(reply: MutationResult, expected: Result<u32, CallError>) {
    let found = inserted(Bytes::from(reply.encode_to_vec()));
    assert_eq!(
        found
            .map(|finished| finished.rows)
            .map_err(|failure| failure.error),
        expected
    );
}

#[test]
fn replies_are_read() {
    let status = |code| {
        Some(Status {
            code,
            ..Status::default()
        })
    };
    check_reply(
        MutationResult {
            status: status(0),
            insert_cnt: 5,
            succ_index: vec![0, 1, 2, 3, 4],
            ..MutationResult::default()
        },
        Ok(5),
    );
    check_reply(
        MutationResult {
            status: status(9),
            ..MutationResult::default()
        },
        Err(CallError::Milvus(9)),
    );
    check_reply(
        MutationResult {
            status: status(0),
            err_index: vec![3],
            insert_cnt: 4,
            ..MutationResult::default()
        },
        Err(CallError::BadReply),
    );
    assert!(inserted(Bytes::new()).unwrap().recall.is_nan());
}

proptest! {
    #[test]
    fn no_reply_makes_it_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = inserted(Bytes::from(body));
    }
}

/// An insert of two rows into a collection with one field, with a value for it.
fn with_field(field: &str, value: &str) -> OperationContext {
    let field = toml::from_str::<ScalarFieldOptions>(&format!("name = 'v'\n{field}")).unwrap();
    let mut shape = holding(shape(), seven_rows());
    shape.fields = vec![field.resolve(42, None).unwrap()];
    let context = OperationContext {
        collection: Arc::new(shape),
        ..context("batch = 2", seven_rows(), 1)
    };
    with_values(context, &format!("v = {value}"))
}

#[test]
fn all_rows_of_a_request_hold_the_value_that_is_called_like_the_field() {
    let check = |field: &str, value: &str, expected: Data| {
        let operation = build(with_field(field, value)).unwrap();
        let request = sent(&operation.prepare(key(1, 1)).unwrap());
        let column = request
            .fields_data
            .iter()
            .find(|column| column.field_name == "v")
            .unwrap();
        let Some(Field::Scalars(scalars)) = &column.field else {
            panic!("no scalars")
        };
        assert_eq!(scalars.data, Some(expected), "{field} {value}");
    };
    let longs = |data: &[i64]| {
        Data::LongData(proto::LongArray {
            data: data.to_vec(),
        })
    };
    check("type = 'Int64'", "{ sequential = [5, 9] }", longs(&[6, 6]));
    let doubles = proto::DoubleArray {
        data: vec![6.0, 6.0],
    };
    check(
        "type = 'Double'",
        "{ sequential = [5, 9] }",
        Data::DoubleData(doubles),
    );
    let texts = |text: &str| {
        Data::StringData(proto::StringArray {
            data: vec![text.to_owned(); 2],
        })
    };
    check(
        "type = 'VarChar'\nmax_length = 4",
        "{ sequential = [5, 9] }",
        texts("6"),
    );
    check(
        "type = 'VarChar'\nmax_length = 4",
        "{ choice = ['a\"b'] }",
        texts("a\"b"),
    );
    let json = |text: &str| {
        Data::JsonData(proto::JsonArray {
            data: vec![text.into(); 2],
        })
    };
    check("type = 'JSON'", "{ choice = ['a\"b'] }", json("\"a\\\"b\""));
    let flags = proto::BoolArray {
        data: vec![true, true],
    };
    check(
        "type = 'Bool'",
        "{ choice = [true] }",
        Data::BoolData(flags),
    );
}

#[test]
fn values_that_a_field_can_not_hold_are_refused() {
    let check = |field: &str, value: &str, words: &str| {
        check_refused(&ENTRY, with_field(field, value), "values.v", words);
    };
    check(
        "type = 'Int8'",
        "{ zipf = 1, of = 200 }",
        "gives whole numbers from 1 to 200",
    );
    check(
        "type = 'Int64'",
        "{ uniform = [0.5, 1] }",
        "gives numbers with fractions",
    );
    check(
        "type = 'Int64'",
        "{ choice = [1, 'a'] }",
        "gives \"a\", but stands for the field v",
    );
    check("type = 'Bool'", "{ choice = [1] }", "which is Bool");
    let short = "type = 'VarChar'\nmax_length = 2";
    check(
        short,
        "{ sequential = [1, 100] }",
        "which is VarChar of at most 2 bytes",
    );
    check(
        short,
        "{ uniform = [0.0, 1] }",
        "gives numbers with fractions",
    );
}
