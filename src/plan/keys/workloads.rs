//! Keys of `[workloads.<name>]` that all operations have.

use super::forms::names;
use crate::{
    keys::{DefaultValue, Key, Kind, LONGEST, Table, Variant, Variants, millis, secs},
    operation::{MOST_VALUES, OPERATIONS, OperationEntry, SPLIT_KEYS, VALUE_KEYS},
    plan::arrival::ARRIVALS,
};

/// Names of levels: those of scenarios but for the other parts of a phase.
const LEVEL_NAME: &str = concat!(
    "^(?!([Ww][Aa][Rr][Mm][Uu][Pp]|[Mm][Ee][Aa][Ss][Uu][Rr][Ee][Dd]|[Rr][Aa][Mm][Pp](-[0-9]*)?)$)",
    "[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
);
const ONE_LOOP: &str = r#"{ "anyOf": [
    { "required": ["rate"] },
    { "required": ["stages"] },
    { "required": ["concurrency"] },
    { "required": ["arrivals"], "properties": { "arrivals": { "type": "object" } } }
] }"#;
const BURSTS_ALONE: &str = r#"{
    "if": { "required": ["arrivals"], "properties": { "arrivals": { "type": "object" } } },
    "then": { "not": { "anyOf": [{ "required": ["rate"] }, { "required": ["stages"] }] } }
}"#;
const STAGES: &str = r#"{ "properties": { "stages": {
    "contains": { "required": ["at"] },
    "items": [{}],
    "additionalItems": { "not": { "required": ["from"] } }
} } }"#;
const STAGE_IS_ONE: &str = r#"{ "anyOf": [{ "required": ["to"] }, { "required": ["at"] }] }"#;
const PER_SECOND: &str = "`rate` of a workload, which is per second";
const FIRST: &str = "`from` of the first of `stages`";
const FIRST_CALLERS: &str = "`from` of the first of `concurrency = { stages = [...] }`";
const TO_OR_AT: &str = "`to` for a ramp, or `at` for a level";
const OVER_OR_FOR: &str = "`over` of a ramp (`to`), or `for` of a level (`at`)";

/// `workloads.<name>`.
pub(super) static WORKLOAD: Table = Table::new(
    "workloads.<name>",
    &[
        Key::new(
            "operation",
            Kind::Choice(|| OPERATIONS.iter().map(|row| row.name).collect()),
            DefaultValue::Needed(""),
            "kind of the requests",
        ),
        Key::new(
            "collection",
            Kind::TEXT,
            DefaultValue::None("the only one"),
            "collection of the requests",
        )
        .allowed("a table of `[collections]`")
        .foreign(&[(
            "collection_name",
            "`collection` of a workload, or `name` of a collection",
        )]),
        Key::new(
            "rate",
            Kind::OneOf(&[Kind::rate(0.001, 1e6), Kind::Table(&RATE)]),
            DefaultValue::None("none; one of `rate`, `stages`, bursts, `concurrency`"),
            "open loop: requests per second, whether or not earlier ones were answered; rows per \
             second are divided by `batch`; a table is a sine",
        )
        .excludes(&["stages", "concurrency"])
        .answers(&["qps", "rps", "target_qps"])
        .foreign(&[
            (
                "executor",
                "`rate` (open loop) or `concurrency` (closed loop) of a workload",
            ),
            ("time_unit", PER_SECOND),
            ("timeunit", PER_SECOND),
        ]),
        Key::new(
            "stages",
            Kind::Tables {
                table: &STAGE,
                most: 100,
            },
            DefaultValue::None("none; instead of `rate`"),
            "open loop: a rate that changes, stage after stage; the phase then needs no `duration`",
        )
        .excludes(&["concurrency"])
        .answers(&["ramp", "ramping", "ramp_time", "steps"])
        .foreign(&[
            ("ramp_up", "`stages` of a workload, or `warmup` of a phase"),
            ("target", "`to` or `at` within `stages` of a workload"),
            ("start_rate", FIRST),
            ("startrate", FIRST),
        ]),
        Key::new(
            "arrivals",
            Kind::OneOf(&[Kind::Choice(|| names(ARRIVALS)), Kind::Table(&BURST)]),
            DefaultValue::Text("poisson"),
            "open loop: spread of the requests; bursts take the place of `rate`",
        )
        .foreign(&[(
            "bursts",
            "`arrivals = { burst = ..., every = ... }` of a workload",
        )]),
        Key::new(
            "max_in_flight",
            Kind::integer(1, 1_000_000),
            DefaultValue::Integer(10_000),
            "open loop: maximum number of requests in flight; a request above it waits and keeps \
             its intended time",
        )
        .answers(&["max_vus", "maxvus", "preallocatedvus"]),
        Key::new(
            "concurrency",
            Kind::OneOf(&[Kind::integer(1, 10_000), Kind::Table(&CONCURRENCY)]),
            DefaultValue::None("none; this or an open loop"),
            "closed loop: number of callers, each of which waits for its answer",
        )
        .excludes(&["arrivals", "max_in_flight"])
        .answers(&[
            "vus",
            "virtual_users",
            "num_concurrency",
            "concurrencies",
            "concurrent",
            "parallel",
            "threads",
            "workers",
            "clients",
            "users",
        ])
        .foreign(&[
            ("start_vus", FIRST_CALLERS),
            ("startvus", FIRST_CALLERS),
            (
                "spawn_rate",
                "`concurrency = { stages = [...] }` of a workload",
            ),
        ]),
        Key::new(
            "think_time",
            Kind::OneOf(&[
                Kind::duration(secs(0), secs(3600)),
                Kind::Table(&THINK_TIME),
            ]),
            DefaultValue::Text("0s"),
            "closed loop: pause of a caller after an answer",
        )
        .needs(&["concurrency"])
        .answers(&["sleep"]),
        Key::new(
            "start",
            Kind::duration(secs(0), LONGEST),
            DefaultValue::Text("0s"),
            "delay after the start of the measured part of the phase; the workload then has no \
             warm-up",
        )
        .allowed("before the phase's end")
        .answers(&["start_time", "starttime"]),
        Key::new(
            "timeout",
            Kind::duration(millis(1), secs(3600)),
            DefaultValue::None("that of `[milvus]`"),
            "timeout of a request, from its sending",
        ),
        Key::new(
            "values",
            Kind::Named {
                table: &VALUE,
                most: MOST_VALUES,
            },
            DefaultValue::Empty,
            "values drawn for each request, as a function of the seed and the request: `{name}` in \
             `filter` and `partitions` stands for one; one that is called like a scalar field is \
             in all rows that an insert or upsert writes, like the primary key in `ids` of a query",
        )
        .allowed("names of letters, digits and `_`"),
        Key::new(
            "split",
            Kind::Table(&SPLIT),
            DefaultValue::None("none"),
            "classes of requests by a value: reports have figures of each",
        )
        .needs(&["values"]),
    ],
)
.variants_by(Variants {
    by: "operation",
    all: operations,
})
.rules(&[ONE_LOOP, BURSTS_ALONE, STAGES]);

/// `workloads.<name>.values.<name>`.
static VALUE: Table = Table::new("workloads.<name>.values.<name>", VALUE_KEYS);

/// `workloads.<name>.split`.
static SPLIT: Table = Table::new("workloads.<name>.split", SPLIT_KEYS);

/// `workloads.<name>.rate`.
static RATE: Table = Table::new(
    "workloads.<name>.rate",
    &[
        Key::new(
            "mean",
            Kind::rate(0.001, 1e6),
            DefaultValue::Needed(""),
            "mean of a sine, which begins there and rises",
        ),
        Key::new(
            "amplitude",
            Kind::rate(0.0, 1e6),
            DefaultValue::Needed(""),
            "the rate goes from mean - amplitude to mean + amplitude",
        )
        .allowed("at most `mean`"),
        Key::new(
            "period",
            Kind::duration(millis(1), LONGEST),
            DefaultValue::Needed(""),
            "period of the sine",
        ),
    ],
);

/// `workloads.<name>.stages[]`.
static STAGE: Table = Table::new(
    "workloads.<name>.stages[]",
    &stage(
        [
            Kind::rate(0.0, 1e6),
            Kind::rate(0.0, 1e6),
            Kind::rate(0.001, 1e6),
        ],
        [
            "a ramp: the rate changes linearly from the end of the stage before to this one; \
             recorded separately, excluded from all figures",
            "rate at the beginning, if the ramp is the first stage",
        ],
    ),
)
.rules(&[STAGE_IS_ONE]);

/// `workloads.<name>.arrivals`.
static BURST: Table = Table::new(
    "workloads.<name>.arrivals",
    &[
        Key::new(
            "burst",
            Kind::integer(1, 1_000_000),
            DefaultValue::Needed(""),
            "requests due at the same time",
        ),
        Key::new(
            "every",
            Kind::duration(millis(1), LONGEST),
            DefaultValue::Needed(""),
            "time between bursts; the first is at the beginning",
        ),
    ],
);

/// `workloads.<name>.concurrency`.
static CONCURRENCY: Table = Table::new(
    "workloads.<name>.concurrency",
    &[Key::new(
        "stages",
        Kind::Tables {
            table: &CALLER_STAGE,
            most: 100,
        },
        DefaultValue::Needed(""),
        "a number of callers that changes, stage after stage; the phase then needs no `duration`",
    )],
)
.rules(&[STAGES]);

/// `workloads.<name>.concurrency.stages[]`.
static CALLER_STAGE: Table = Table::new(
    "workloads.<name>.concurrency.stages[]",
    &stage(
        [
            Kind::callers(0, 10_000),
            Kind::callers(0, 10_000),
            Kind::callers(1, 10_000),
        ],
        [
            "a ramp: callers begin (or end) one by one, at equal intervals, until there are this \
             many; recorded separately, excluded from all figures",
            "callers at the beginning, if the ramp is the first stage",
        ],
    ),
)
.rules(&[STAGE_IS_ONE]);

/// `workloads.<name>.think_time`.
static THINK_TIME: Table = Table::new(
    "workloads.<name>.think_time",
    &[Key::new(
        "exponential",
        Kind::duration(secs(0), secs(3600)),
        DefaultValue::Needed(""),
        "mean of pauses with an exponential distribution",
    )],
);

/// The keys of a stage, with the kinds of `to`, `from` and `at`, and what a ramp and its beginning
/// are.
const fn stage([to, from, at]: [Kind; 3], [ramp, beginning]: [&'static str; 2]) -> [Key; 6] {
    [
        Key::new("to", to, DefaultValue::None("none; this or `at`"), ramp)
            .needs(&["over"])
            .excludes(&["at", "for", "name"])
            .foreign(&[
                ("target", TO_OR_AT),
                ("rate", TO_OR_AT),
                ("vus", TO_OR_AT),
                ("callers", TO_OR_AT),
                ("concurrency", TO_OR_AT),
                ("ramp", "`to` with `over`"),
            ]),
        Key::new(
            "over",
            Kind::duration(millis(1), LONGEST),
            DefaultValue::None("required with `to`"),
            "time of the ramp",
        )
        .foreign(&[("duration", OVER_OR_FOR), ("time", OVER_OR_FOR)]),
        Key::new("from", from, DefaultValue::Integer(0), beginning),
        Key::new(
            "at",
            at,
            DefaultValue::None("none; this or `to`"),
            "a level: measured, with a row of its own in reports",
        )
        .needs(&["for"])
        .excludes(&["over", "from"]),
        Key::new(
            "for",
            Kind::duration(millis(1), LONGEST),
            DefaultValue::None("required with `at`"),
            "time of the level",
        ),
        Key::new(
            "name",
            Kind::Text(LEVEL_NAME),
            DefaultValue::None("the number of `at`"),
            "name of the level",
        )
        .allowed("as the scenario's; not warmup, measured, ramp"),
    ]
}

fn operations() -> Vec<Variant> {
    let variant = |entry: &OperationEntry| Variant {
        name: entry.name,
        summary: entry.summary,
        keys: entry.all_keys(),
    };
    OPERATIONS.iter().map(variant).collect()
}
