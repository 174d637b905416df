//! The table of all keys in `docs/reference/scenario.md`.

use std::fmt::Write as _;

use super::{Key, Table};

/// Every key below `root` in Markdown, one table per table of the scenario, each followed by the
/// keys that depend on one of its own.
#[must_use]
pub fn markdown(root: &'static Table) -> String {
    let mut out = String::new();
    for table in root.all() {
        let title = match table.heading() {
            top if top.is_empty() => "Top of the file".to_owned(),
            heading => format!("`{heading}`"),
        };
        rows(&mut out, &format!("## {title}"), table.keys);
        for variant in table.variants() {
            let by = table.variants.map_or("", |variants| variants.by);
            let title = format!(
                "### `{by} = \"{}\"`\n\nIn `{}`: {}.",
                variant.name,
                table.heading(),
                variant.summary
            );
            rows(&mut out, &title, variant.keys);
        }
    }
    out
}

fn rows(out: &mut String, title: &str, keys: &[Key]) {
    // A list whose entries have no keys of their own.
    if keys.is_empty() {
        return;
    }
    let gap = if out.is_empty() { "" } else { "\n" };
    // Writing to a String can't fail.
    let _ = write!(
        out,
        "{gap}{title}\n\n| key | type | default | allowed | meaning |\n| --- | --- | --- | --- | \
         --- |\n"
    );
    let cell = |text: &str| text.replace('|', "\\|").replace('<', "&lt;");
    for key in keys {
        let _ = writeln!(
            out,
            "| `{}` | {} | {} | {} | {} |",
            key.name,
            cell(&key.kind.words()),
            cell(&key.default.words(&key.kind)),
            cell(&key.allowed_words()),
            cell(&key.meaning_words())
        );
    }
}
