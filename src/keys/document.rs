//! The table of all keys in `docs/reference/scenario.md`.

use std::fmt::Write as _;

use super::{Key, Table};

/// Every key below `root` in Markdown, one table per table of the scenario, each followed by the
/// keys that depend on one of its own.
#[must_use]
pub fn markdown(root: &'static Table) -> String {
    let mut index = "| table | keys |\n| --- | --- |\n".to_owned();
    let mut sections = String::new();
    for table in root.all() {
        let title = match table.heading() {
            top if top.is_empty() => "Top of the file".to_owned(),
            heading => format!("`{heading}`"),
        };
        index_row(&mut index, &title, table.keys);
        rows(&mut sections, &format!("## {title}"), table.keys);
        for variant in table.variants() {
            let by = table.variants.map_or("", |variants| variants.by);
            let title = format!("`{by} = \"{}\"`", variant.name);
            index_row(&mut index, &title, variant.keys);
            let about = format!(
                "### {title}\n\nIn `{}`: {}.",
                table.heading(),
                variant.summary
            );
            rows(&mut sections, &about, variant.keys);
        }
    }
    index + &sections
}

/// A link to the section under `title`, and the names of its keys.
fn index_row(out: &mut String, title: &str, keys: &[Key]) {
    if keys.is_empty() {
        return;
    }
    // As GitHub and mdBook make it of a heading.
    let anchor = title.to_ascii_lowercase().replace(' ', "-");
    let anchor: String = anchor
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
        .collect();
    let names: Vec<String> = keys.iter().map(|key| format!("`{}`", key.name)).collect();
    // Writing to a String can't fail.
    let _ = writeln!(out, "| [{title}](#{anchor}) | {} |", names.join(", "));
}

fn rows(out: &mut String, title: &str, keys: &[Key]) {
    // A list whose entries have no keys of their own.
    if keys.is_empty() {
        return;
    }
    // Writing to a String can't fail.
    let _ = write!(
        out,
        "\n{title}\n\n| key | type | default | allowed | meaning |\n| --- | --- | --- | --- | \
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
