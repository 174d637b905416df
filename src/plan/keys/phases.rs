//! Keys of `[[phases]]`.

use crate::keys::{DefaultValue, Key, Kind, LONGEST, Table, millis, secs};

/// Names of phases: those of scenarios but for that of the preparation.
const PHASE_NAME: &str = "^(?!prepare$)[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$";

/// How a phase ends.
const ONE_END: &str = "none; needs one of `duration`, `requests`, `until`, or stages";

/// `phases[]`.
pub(super) static PHASE: Table = Table::new(
    "phases[]",
    &[
        Key::new(
            "name",
            Kind::Text(PHASE_NAME),
            DefaultValue::Needed(""),
            "name of the phase",
        )
        .allowed("as the scenario's; not prepare"),
        Key::new(
            "warmup",
            Kind::duration(secs(0), secs(86_400)),
            DefaultValue::Text("0s"),
            "the same load before the measurement; recorded separately, excluded from all figures",
        )
        .answers(&["warm_up", "warmup_time"]),
        Key::new(
            "duration",
            Kind::duration(millis(1), LONGEST),
            DefaultValue::None(ONE_END),
            "length of the phase; if all workloads have stages, that of the longest stages",
        )
        .excludes(&["requests", "until"])
        .answers(&["concurrency_duration", "run_time", "test_time"]),
        Key::new(
            "requests",
            Kind::integer(1, 1_000_000_000),
            DefaultValue::None(ONE_END),
            "ends the phase after this number of requests of each workload",
        )
        .excludes(&["until"])
        .answers(&["iterations"]),
        Key::new(
            "until",
            Kind::Choice(|| vec!["exhausted"]),
            DefaultValue::None(ONE_END),
            "ends the phase when one of its workloads has used up its rows",
        ),
        Key::new(
            "workloads",
            Kind::Texts,
            DefaultValue::Needed(""),
            "workloads that run at the same time",
        )
        .allowed("tables of `[workloads]`"),
    ],
)
.rules(&[r#"{ "properties": { "workloads": { "uniqueItems": true } } }"#]);
