//! `operation = "upsert"`: rows that are there get what other rows of the data set hold.
//!
//! The keys are those of preparation's rows that no workload deletes, one after the other in an
//! order drawn by the seed, and again in the same order when all have had their turn: a key is
//! written again after as many rows as there are such keys. Two requests that are under way at once
//! hold the same key only where one of them outlasts a whole turn.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    Build, CollectionShape, Finished, Operation, OperationContext, OperationEntry, OperationErrors,
    RequestKey, RowChange, RowKeys, RowUse, Writes, draw,
    keys::{Keys, refuse},
    rows,
    values::{Drawing, Places},
};
use crate::{
    dataset::DatasetError,
    keys::Key,
    milvus::{Call, CallFailure, Method, methods},
};

pub(super) const ENTRY: OperationEntry = OperationEntry {
    name: "upsert",
    called: "an upsert",
    summary: "replaces vector and fields of rows that preparation inserted and no workload \
              deletes, by those of other rows of the data set, drawn from the seed",
    keys: UPSERT_KEYS,
    rows: RowUse::Writes(Writes {
        does: "upserts into",
        change: RowChange::Replaces,
        alone: "keys are used one after the other",
    }),
    counts_rows: true,
    more_rows: None,
    has_recall: false,
    needs_loaded: false,
    never_in: &["consistency wait", "node queue", "engine"],
    build: Build::Requests(build),
};

const UPSERT_KEYS: &[Key] = &[rows::BATCH];

#[derive(Debug)]
struct Upsert {
    shape: Arc<CollectionShape>,
    row_keys: RowKeys,
    batch: u64,
    drawing: Option<Drawing>,
}

impl Operation for Upsert {
    fn method(&self) -> &'static Method {
        &methods::UPSERT
    }

    fn rows_per_request(&self) -> Option<u64> {
        Some(self.batch)
    }

    fn prepare(&self, key: RequestKey) -> Result<Call, DatasetError> {
        let number = key.earlier.saturating_add(key.seq);
        let turns = number.saturating_mul(self.batch);
        let keys = (0..self.batch).map(|at| self.row_keys.in_turn(turns.saturating_add(at)) as i64);
        // Rows that follow one another are read at once.
        let firsts = self.shape.rows().saturating_sub(self.batch) + 1;
        let first = draw::below(key.hash, firsts);
        let given = self.drawing.as_ref().map(|drawing| drawing.fields(key));
        Ok(Call {
            method: &methods::UPSERT,
            body: rows::encode(
                &self.shape,
                keys.collect(),
                first,
                &given.unwrap_or_default(),
            )?,
        })
    }

    fn drawing(&self) -> Option<&Drawing> {
        self.drawing.as_ref()
    }

    fn finish(&self, _key: RequestKey, body: Bytes) -> Result<Finished, CallFailure> {
        rows::changed(body, |reply| reply.upsert_cnt)
    }
}

fn build(context: OperationContext) -> Result<Arc<dyn Operation>, OperationErrors> {
    let OperationContext {
        collection: shape,
        row_keys,
        reused,
        values,
        keys,
        ..
    } = context;
    let mut places = Places::of(values);
    let largest = places.fields(&shape)?;
    let batch = rows::batch(&mut Keys::new(keys, ENTRY.keys)?, &largest)?;
    if shape.rows() == 0 {
        return Ok(refuse(
            "",
            "has no rows to write: give its collection a data set with rows (`data`)",
        )?);
    }
    if let Some(why) = row_keys.unknown() {
        return Ok(refuse(
            "",
            format!(
                "replaces existing rows, but {why}, and an upsert would restore those: give the \
                 delete `batch` and `rows`"
            ),
        )?);
    }
    let (staying, all, there) = (row_keys.staying(), row_keys.rows(), rows::there(reused));
    if staying == 0 && all > 0 {
        return Ok(refuse(
            "",
            format!(
                "has no row to write: none of the {all} rows {there} stays, since a delete may \
                 take all of them; lower `rows` of the delete"
            ),
        )?);
    }
    if batch > staying {
        let rest = if staying == all {
            ""
        } else {
            " and no workload deletes"
        };
        return Ok(refuse(
            "batch",
            format!("is {batch}, expected at most the {staying} rows {there}{rest}"),
        )?);
    }
    Ok(Arc::new(Upsert {
        shape,
        row_keys,
        batch,
        drawing: places.drawing(),
    }))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prost::Message;

    use super::super::{
        ScalarFieldOptions,
        tests::{check_refused, context, holding, key, seven_rows, shape},
    };
    use super::*;
    use crate::dataset::Dataset;
    use crate::milvus::proto::{
        UpsertRequest, field_data::Field, scalar_field::Data, vector_field,
    };

    /// A workload on a collection with the field `rank`, of whose seven rows some may be deleted.
    fn of(text: &str, leaving: u64) -> OperationContext {
        let rank = "name = 'rank'\ntype = 'Int64'";
        let rank = toml::from_str::<ScalarFieldOptions>(rank).unwrap();
        let shape = CollectionShape {
            fields: vec![rank.resolve(42).unwrap()],
            ..holding(shape(), seven_rows())
        };
        OperationContext {
            collection: Arc::new(shape),
            row_keys: RowKeys::all_stay(7, 42, "words").with_leaving(leaving),
            ..context(text, seven_rows(), 7)
        }
    }

    /// Keys, `rank` and the first number of each vector of a request.
    fn sent(operation: &dyn Operation, hash: u64, seq: u64) -> (Vec<i64>, Vec<i64>, Vec<f32>) {
        let call = operation.prepare(key(hash, seq)).unwrap();
        assert_eq!(call.method.name, "Upsert");
        let request = UpsertRequest::decode(call.body).unwrap();
        let long = |name: &str| {
            let column = request
                .fields_data
                .iter()
                .find(|column| column.field_name == name);
            match column.and_then(|column| column.field.clone()) {
                Some(Field::Scalars(scalars)) => match scalars.data {
                    Some(Data::LongData(values)) => values.data,
                    other => panic!("{other:?}"),
                },
                other => panic!("{other:?}"),
            }
        };
        let vectors = request
            .fields_data
            .iter()
            .find_map(|column| match &column.field {
                Some(Field::Vectors(vectors)) => match &vectors.data {
                    Some(vector_field::Data::FloatVector(values)) => {
                        Some(values.data.iter().step_by(vectors.dim as usize).copied())
                    }
                    _ => None,
                },
                _ => None,
            });
        let (keys, rank) = (long("id"), long("rank"));
        assert_eq!(keys.len() as u32, request.num_rows);
        (keys, rank, vectors.unwrap().collect())
    }

    #[test]
    fn keys_that_stay_have_their_turn_and_then_again_in_the_same_order() {
        let operation = build(of("batch = 2", 3)).unwrap();
        let keys: Vec<i64> = (0..4)
            .flat_map(|seq| sent(&*operation, seq, seq).0)
            .collect();
        let row_keys = RowKeys::all_stay(7, 42, "words").with_leaving(3);
        let staying: BTreeSet<i64> = (0..4).map(|at| row_keys.that_stays(at) as i64).collect();
        assert_eq!(keys[..4].iter().copied().collect::<BTreeSet<_>>(), staying);
        assert_eq!(keys[..4], keys[4..]);
    }

    #[test]
    fn a_row_gets_the_vector_and_the_fields_of_another() {
        let operation = build(of("batch = 2", 0)).unwrap();
        let mut firsts = BTreeSet::new();
        for hash in 0..100 {
            let (_, rank, vectors) = sent(&*operation, draw::mix(hash), 0);
            let mut expected = Vec::new();
            seven_rows()
                .read_rows(rank[0] as u64, 2, &mut expected)
                .unwrap();
            let row = expected.len() / 2;
            let first = |at: usize| f32::from_le_bytes(expected[at..at + 4].try_into().unwrap());
            assert_eq!(vectors, [first(0), first(row)]);
            assert_eq!(rank[1], rank[0] + 1);
            firsts.insert(rank[0]);
        }
        assert_eq!(firsts, (0..6).collect(), "all rows are drawn");
    }

    #[test]
    fn wrong_keys_are_refused() {
        let word = "at most the 4 rows that preparation inserts and no workload deletes";
        check_refused(&ENTRY, of("batch = 5", 3), "batch", word);
        check_refused(&ENTRY, of("batch = 0", 0), "batch", "from 1");
        let without = OperationContext {
            collection: Arc::new(shape()),
            ..of("batch = 1", 0)
        };
        check_refused(&ENTRY, without, "", "has no rows to write");
    }
}
