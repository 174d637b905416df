//! Keys of `[data.<name>]`.

use crate::{
    dataset::{DATASETS, MAX_DIM, distributions},
    keys::{DefaultValue, Key, Kind, Table},
};

/// `data.<name>`.
pub(super) static DATA: Table = Table::new(
    "data.<name>",
    &[
        Key::new(
            "format",
            Kind::Choice(|| DATASETS.iter().map(|row| row.name).collect()),
            DefaultValue::Needed(""),
            "format of the data set",
        ),
        Key::new(
            "base",
            Kind::Path,
            DefaultValue::None("none"),
            "file of the rows",
        ),
        Key::new(
            "queries",
            Kind::OneOf(&[Kind::Path, Kind::integer(1, 1_000_000_000)]),
            DefaultValue::None("random: 1,000"),
            "file or number of the query vectors",
        ),
        Key::new(
            "truth",
            Kind::Path,
            DefaultValue::None("none"),
            "file of the true neighbours, for recall",
        ),
        Key::new(
            "rows",
            Kind::integer(1, 10_000_000_000),
            DefaultValue::None("none"),
            "random: rows",
        ),
        Key::new(
            "dim",
            Kind::integer(1, MAX_DIM as i64),
            DefaultValue::None("none"),
            "random: dimension",
        )
        .foreign(&[("dimension", "`dim`")]),
        Key::new(
            "distribution",
            Kind::Choice(distributions),
            DefaultValue::None("normal"),
            "random: distribution of the values",
        ),
    ],
);
