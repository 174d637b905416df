//! Keys of `[[thresholds]]`.

use crate::keys::{DefaultValue, Key, Kind, Table, secs};

/// `thresholds[]`.
pub(super) static THRESHOLD: Table = Table::new(
    "thresholds[]",
    &[
        Key::new(
            "require",
            Kind::TEXT,
            DefaultValue::Needed(""),
            "the requirement, e.g. \"response_time.p99 < 50ms\"; see Thresholds",
        )
        .allowed("figure, comparison, limit"),
        Key::new(
            "workload",
            Kind::TEXT,
            DefaultValue::None("all with the figure"),
            "workload of the threshold",
        )
        .allowed(
            "a table of `[workloads]`, but of a mix one of its parts: \"<workload>:<operation>\"",
        ),
        Key::new(
            "phase",
            Kind::TEXT,
            DefaultValue::None("every one"),
            "phase of the threshold",
        )
        .allowed("a name of `[[phases]]`"),
        Key::new(
            "strict",
            Kind::Flag,
            DefaultValue::Flag(false),
            "an undecided threshold counts as failed",
        ),
        Key::new(
            "abort",
            Kind::Table(&ABORT),
            DefaultValue::None("never"),
            "ends the run early if the threshold is violated; see Thresholds",
        ),
    ],
);

/// `thresholds[].abort`.
static ABORT: Table = Table::new(
    "thresholds[].abort",
    &[
        Key::new(
            "over",
            Kind::duration(secs(1), secs(600)),
            DefaultValue::Needed(""),
            "length of the window: the run ends if the figure of the last seconds of this length \
             violates the threshold",
        )
        .allowed("whole seconds"),
        Key::new(
            "after",
            Kind::duration(secs(0), secs(86_400)),
            DefaultValue::Text("0s"),
            "time after the start of the measured part, or of a stage, that is not checked",
        ),
    ],
);
