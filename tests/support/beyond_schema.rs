//! Bad scenarios that no JSON Schema can refuse: what their errors say, by the reason.
//!
//! Every other one of the tests must be refused by the schema too.

/// Reasons, each with words of the errors that it is the reason of.
const BEYOND: &[(&str, &[&str])] = &[
    (
        "it depends on another table, or on another key's value",
        &[
            "which is not a collection of the scenario",
            "which is not a data set of the scenario",
            "has no `collection`; the scenario has",
            "which is not a workload of the scenario",
            "which is not a phase of the scenario",
            "which is not a field of collection",
            "which is not a vector field of collection",
            " for a vector of type ",
            "; Milvus allows one such field",
            "but no field is the partition key",
            "but the collection has no dynamic field",
            "but the dynamic field holds tables of values",
            "but row numbers have up to",
            "but the primary key is an Int64",
            "Array needs it",
            "expected \"row-number\" or { column",
            "which the phase already has",
            " of another phase; names must differ",
            " of another field; names must differ",
            "they must differ",
            "has no end; add duration",
            "workload of the phase ever uses up its rows",
            "so a collection has one such workload",
            "would assume unchanged in the next run",
            "that no workload deletes",
            " callers write ",
            "lower `rows` of the delete",
            "rows that a reused collection is assumed to contain",
            "that `parts` does not name",
            "deletes some that only Milvus knows",
            "preparation inserts all",
            "has queries and no rows",
            "has no query vectors",
            "has no rows to insert",
            "they must be the same",
            "the rows of the data set",
            "at least the limit",
            "needs an address with https://",
            "; access = \"",
            " is `words` in Milvus, like collection",
            "to a second stage",
            " is given, but the stages of its workloads",
            "is in rows a second, which only",
            ", whose `start` is ",
            "at most 60000 can be recorded",
            "is 0 after 0",
            "more than `mean`",
            ", but the stages of `",
            " is for workloads without stages",
            "which is not a name of `values`",
            "is drawn and in no request",
            "but stands for the field",
            "expected [lowest, highest]",
            "a class of requests, ",
            "classes of requests have",
        ],
    ),
    (
        "a path may be any text",
        &["is an address, which needs the sum of the file"],
    ),
    (
        "it is in the cache or not",
        &["is not in the cache; `milvus-bench data fetch SCENARIO`"],
    ),
    (
        "a pattern does not compare times or numbers in texts",
        &[
            "the longest duration is 30 days",
            "and M would be months",
            "is 1000, expected a whole number; write rows",
            "expected 4s to 1h",
            "expected 0s to 1d",
            "has a fraction of a second",
            "expected 0s to 1h",
            "takes longer than 30 days",
        ],
    ),
    (
        "a requirement has a grammar of its own, and means figures of workloads",
        &[
            "expected a figure (response_time, ",
            "so it can never be decided",
            "so it can never pass",
            "so the threshold can never fail",
            "no server span is read",
            "expected a unit of time (us, ms, s)",
            "a closed loop has no ",
            "a closed loop sends every due request",
            "an open loop has no ",
            "only a search has a recall",
            "can never end the run: ",
            "can't end the run, since its figure",
        ],
    ),
    (
        "properties are those of Milvus, under any names",
        &["properties.mmap.enabled` is"],
    ),
    (
        "it is in a file",
        &[
            "has no columns: formats with columns",
            "can't be used: ",
            "which is not a file",
        ],
    ),
];

/// Whether `message` is that of a scenario which no schema can refuse.
#[must_use]
pub(crate) fn is_beyond_a_schema(message: &str) -> bool {
    let mut words = BEYOND.iter().flat_map(|(_, words)| *words);
    words.any(|words| message.contains(words))
}
