//! The table of methods: one row for each that the server answers.
//!
//! A row says which field of the request names a collection, in which form the reply has its
//! status, what the store makes of the request, and, of a data call, the size of the reply that is
//! sent at once where no row is kept.

use std::sync::Mutex;

use bytes::Bytes;

use super::{
    lock::lock,
    message::{Parts, framed},
    replies::{Size, look_into_delete, look_into_insert, look_into_query},
    store::{Answer, Refusal, Store, parse},
};
use crate::milvus::{Method, methods, proto};

/// A row of [`TABLE`].
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) method: &'static Method,
    /// Field of the request that names its collection; 0 where none does.
    pub(super) names: u32,
    /// Where the reply has its status.
    form: Form,
    /// Reads the request, changes the store and makes the reply with gRPC's prefix; `dbname` is the
    /// metadata entry.
    answer: fn(&mut Store, dbname: &str, Parts<'_>) -> Answer<Bytes>,
    /// Of a data call, which alone is delayed and fails as the options say: looks into the request
    /// and counts its rows.
    pub(super) at_once: Option<AtOnce>,
}

/// Looks into a data call, as [`Entry::at_once`] says; `dbname` is the metadata entry.
pub(super) type AtOnce = fn(&Mutex<Store>, dbname: &str, Parts<'_>) -> Size;

/// Where a reply has its status.
#[derive(Clone, Copy, Debug)]
enum Form {
    /// It is the status.
    Whole,
    /// In field 1.
    Field,
}

macro_rules! table {
    ($($method:ident $names:literal $form:ident $answer:path $(, $at_once:path)?;)*) => {
        /// Data calls first, as they are looked for most.
        pub(super) static TABLE: &[Entry] = &[$(Entry {
            method: &methods::$method,
            names: $names,
            form: Form::$form,
            answer: |store, dbname, parts| Ok(framed(&$answer(store, dbname, &parse(parts)?)?)),
            at_once: table!(@ $($at_once)?),
        }),*];
    };
    (@) => { None };
    (@ $at_once:path) => { Some($at_once) };
}

table! {
    SEARCH 3 Field Store::search, search_at_once;
    QUERY 3 Field Store::query, query_at_once;
    INSERT 3 Field Store::insert, insert_at_once;
    UPSERT 3 Field Store::upsert, upsert_at_once;
    DELETE 3 Field Store::delete, delete_at_once;
    CONNECT 0 Field Store::connect;
    GET_VERSION 0 Field Store::get_version;
    CHECK_HEALTH 0 Field Store::check_health;
    ALLOC_TIMESTAMP 0 Field Store::alloc_timestamp;
    LIST_DATABASES 0 Field Store::list_databases;
    CREATE_COLLECTION 3 Whole Store::create;
    DROP_COLLECTION 3 Whole Store::remove;
    HAS_COLLECTION 3 Field Store::has;
    DESCRIBE_COLLECTION 3 Field Store::describe;
    CREATE_ALIAS 3 Whole Store::create_alias;
    DROP_ALIAS 3 Whole Store::drop_alias;
    SHOW_COLLECTIONS 0 Field Store::show;
    LOAD_COLLECTION 3 Whole Store::load;
    RELEASE_COLLECTION 3 Whole Store::release;
    GET_LOADING_PROGRESS 2 Field Store::loading_progress;
    GET_LOAD_STATE 2 Field Store::load_state;
    CREATE_INDEX 3 Whole Store::create_index;
    DESCRIBE_INDEX 3 Field Store::describe_index;
    DROP_INDEX 3 Whole Store::drop_index;
    FLUSH 3 Field Store::flush;
    GET_FLUSH_STATE 4 Field Store::flush_state;
    GET_COLLECTION_STATISTICS 3 Field Store::statistics;
    MANUAL_COMPACTION 4 Field Store::compact;
    GET_COMPACTION_STATE 0 Field Store::compaction_state;
    GET_QUERY_SEGMENT_INFO 3 Field Store::query_segments;
    GET_PERSISTENT_SEGMENT_INFO 3 Field Store::persistent_segments;
}

const SERVICE: &str = "/milvus.proto.milvus.MilvusService/";

/// Position in [`TABLE`] of the method with this path of HTTP/2; None for one that is unknown.
pub(super) fn position(path: &str) -> Option<usize> {
    let name = path.strip_prefix(SERVICE)?;
    TABLE.iter().position(|entry| entry.method.name == name)
}

impl Entry {
    /// Whether its calls are delayed and fail as the options say.
    pub(super) fn is_data(&self) -> bool {
        self.at_once.is_some()
    }

    /// The reply with gRPC's prefix; code and text of a gRPC status where there is none.
    pub(super) fn answer(
        &self,
        store: &mut Store,
        dbname: &str,
        message: Parts<'_>,
    ) -> Result<Bytes, (i32, String)> {
        match (self.answer)(store, dbname, message) {
            Ok(reply) => Ok(reply),
            Err(Refusal::Milvus(status)) => Ok(self.refused(status)),
            Err(Refusal::Grpc(code, text)) => Err((code, text)),
        }
    }

    /// The reply that says `status`.
    pub(super) fn refused(&self, status: proto::Status) -> Bytes {
        match self.form {
            Form::Whole => framed(&status),
            Form::Field => framed(&proto::BoolResponse {
                status: Some(status),
                value: false,
            }),
        }
    }
}

fn search_at_once(_: &Mutex<Store>, _: &str, message: Parts<'_>) -> Size {
    Size::of_search(message)
}

fn query_at_once(store: &Mutex<Store>, dbname: &str, message: Parts<'_>) -> Size {
    match look_into_query(message) {
        (target, Size::Count { .. }) => {
            let rows = lock(store).counted_rows(dbname, &target);
            Size::Count {
                rows: rows.unsigned_abs(),
            }
        }
        (_, size) => size,
    }
}

fn insert_at_once(store: &Mutex<Store>, dbname: &str, message: Parts<'_>) -> Size {
    let (target, rows) = look_into_insert(message);
    lock(store).count_rows(dbname, &target, rows.cast_signed());
    Size::Insert { rows }
}

/// The keys are taken to be there, so that the number of rows stays.
fn upsert_at_once(_: &Mutex<Store>, _: &str, message: Parts<'_>) -> Size {
    let (_, rows) = look_into_insert(message);
    Size::Upsert { rows }
}

fn delete_at_once(store: &Mutex<Store>, dbname: &str, message: Parts<'_>) -> Size {
    let (target, rows) = look_into_delete(message);
    lock(store).count_rows(dbname, &target, -rows.cast_signed());
    Size::Delete { rows }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::milvus::METHODS;

    #[test]
    fn every_method_has_one_row() {
        for method in METHODS {
            let rows = TABLE.iter().filter(|entry| entry.method == *method);
            assert_eq!(rows.count(), 1, "{}", method.name);
        }
    }

    #[test]
    fn a_path_is_found_by_its_method() {
        for (place, entry) in TABLE.iter().enumerate() {
            assert_eq!(position(entry.method.path), Some(place));
        }
        assert_eq!(position("/milvus.proto.milvus.MilvusService/Nothing"), None);
        assert_eq!(position("/other.Service/Search"), None);
    }
}
