//! The README's table of all keys, made from the data that also answers unknown keys.

use std::fmt::Write as _;

use crate::{
    operation::OPERATIONS,
    scenario::{KEYS, ScenarioKey},
};

/// Every key of a scenario in Markdown, one table per table of the scenario, the operations' keys
/// after the workload's.
#[must_use]
pub fn key_table() -> String {
    let mut out = String::new();
    for keys in KEYS.chunk_by(|one, next| one.table == next.table) {
        let Some(first) = keys.first() else { continue };
        heading(
            &mut out,
            &if first.table.is_empty() {
                "top of the file".to_owned()
            } else {
                format!("`{}`", first.heading())
            },
        );
        for key in keys {
            row(&mut out, key);
        }
        if first.table == "workloads.<name>" {
            operations(&mut out);
        }
    }
    out
}

fn operations(out: &mut String) {
    for entry in OPERATIONS {
        heading(
            out,
            &format!(
                "`[workloads.<name>]` with `operation = \"{}\"`: {}",
                entry.name, entry.summary
            ),
        );
        for doc in entry.keys {
            row(
                out,
                &ScenarioKey {
                    table: "",
                    name: doc.name,
                    kind: doc.kind,
                    default: doc.default,
                    range: "",
                    meaning: doc.meaning,
                },
            );
        }
    }
}

fn heading(out: &mut String, title: &str) {
    let gap = if out.is_empty() { "" } else { "\n" };
    // Writing to a String can't fail.
    let _ = write!(
        out,
        "{gap}**{title}**\n\n| key | type | default | allowed | meaning |\n| --- | --- | --- | \
         --- | --- |\n"
    );
}

fn row(out: &mut String, key: &ScenarioKey) {
    let cell = |text: &str| text.replace('|', "\\|").replace('<', "&lt;");
    let _ = writeln!(
        out,
        "| `{}` | {} | {} | {} | {} |",
        key.name,
        cell(key.kind),
        cell(key.default),
        cell(key.range),
        cell(key.meaning)
    );
}
