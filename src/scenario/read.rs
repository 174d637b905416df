//! From the tree to tables of values: one function, which goes by the rows of the keys.

use std::path::Path;

use super::{
    At, Scenario, ScenarioError, ScenarioSource, Section,
    section::Written,
    tree::{Node, Value},
    units,
    unknown::unknown_key,
    values::{key_path, list, number, ratio, secret, table, text, wrong},
};
use crate::keys::{Kind, Table};

type Result<T> = std::result::Result<T, ScenarioError>;

/// What a scenario is read with.
struct Reader<'a> {
    root: &'static Table,
    /// Where relative paths start.
    folder: &'a Path,
}

/// The whole file, with the keys of `root`.
pub(super) fn scenario(
    tree: &Node,
    root: &'static Table,
    source: &ScenarioSource,
    text: String,
) -> Result<Scenario> {
    let (stem, folder) = match source {
        ScenarioSource::Stdin(_) => (None, Path::new("")),
        ScenarioSource::File(path) => (
            path.file_stem().and_then(|stem| stem.to_str()),
            path.parent().unwrap_or(Path::new("")),
        ),
    };
    Ok(Scenario {
        file: source.to_string(),
        file_stem: stem.map(str::to_owned),
        source: text,
        root: Reader { root, folder }.section("", tree, root)?,
    })
}

impl Reader<'_> {
    fn section(&self, name: &str, node: &Node, rows: &'static Table) -> Result<Section> {
        let mut section = Section {
            name: name.to_owned(),
            ..Section::left_out(rows, node.place.clone())
        };
        for (key, node) in table(node)? {
            if rows.key(key).is_some() {
                continue;
            }
            if rows.variants.is_none() {
                return Err(node.place.error(unknown_key(self.root, rows, key, &[])));
            }
            section.others.push((
                key.clone(),
                At {
                    value: node.to_toml(),
                    place: node.place.clone(),
                },
            ));
        }
        for row in rows.keys {
            let Some(node) = node.get(row.name) else {
                continue;
            };
            let value = At {
                value: self.value(node, &row.kind)?,
                place: node.place.clone(),
            };
            section.values.push((row.name, value));
        }
        Ok(section)
    }

    fn value(&self, node: &Node, kind: &'static Kind) -> Result<Written> {
        Ok(match kind {
            Kind::Text(_) | Kind::Choice(_) => Written::Text(text(node)?),
            Kind::Integer { .. } => Written::Integer(number(node)?),
            Kind::Ratio => Written::Ratio(ratio(node)?),
            Kind::Flag => match node.value {
                Value::Flag(flag) => Written::Flag(flag),
                _ => return Err(wrong(node, "true or false")),
            },
            Kind::Duration { .. } => Written::Duration(units::duration(node)?),
            Kind::Rate { .. } => Written::Level(units::level(node)?),
            Kind::Callers { .. } => Written::Callers(units::callers(node)?),
            Kind::Rows => Written::Rows(units::initial_rows(node)?),
            Kind::Path => Written::Path(self.folder.join(text(node)?)),
            Kind::KeyFile => Written::Path(key_path(node, self.folder)?),
            Kind::Secret => Written::Secret(secret(node, self.folder)?),
            Kind::Headers => Written::Secrets(self.headers(node)?),
            Kind::Params | Kind::Shares(_) => {
                table(node)?;
                Written::Toml(node.to_toml())
            }
            Kind::Values => Written::Toml(node.to_toml()),
            Kind::Texts => {
                let item = |node: &Node| at(node, text(node)?);
                Written::Texts(list(node)?.iter().map(item).collect::<Result<_>>()?)
            }
            Kind::Table(rows) => Written::Section(self.section("", node, rows)?),
            Kind::Named { table: rows, .. } => {
                let tables = table(node)?.iter();
                let sections = tables.map(|(name, node)| self.section(name, node, rows));
                Written::Sections(sections.collect::<Result<_>>()?)
            }
            Kind::Tables { table: rows, .. } => {
                let sections = list(node)?.iter().map(|node| self.section("", node, rows));
                Written::Sections(sections.collect::<Result<_>>()?)
            }
            Kind::OneOf(kinds) => return self.one_of(node, kinds),
        })
    }

    fn one_of(&self, node: &Node, kinds: &'static [Kind]) -> Result<Written> {
        let fits = |kind: &&Kind| match node.value {
            Value::Table(_) => kind.table().is_some(),
            Value::Integer(_) => matches!(kind, Kind::Integer { .. }),
            _ => false,
        };
        let kind = kinds.iter().find(fits).unwrap_or(&kinds[0]);
        match kind {
            // An error then shows a table as well.
            Kind::Rate { .. } => Ok(Written::Level(units::rate(node)?)),
            kind => self.value(node, kind),
        }
    }

    fn headers(&self, node: &Node) -> Result<Vec<(String, At<super::SecretSource>)>> {
        // A value that is no table is not shown: it may be a secret.
        let entries = table(node).map_err(|_| {
            node.place.error(
                "is no table of headers; write for example headers = { authorization = \"Bearer \
                 ${NAME}\" }",
            )
        })?;
        let header = |(name, node): &(String, Node)| {
            Ok((name.clone(), at(node, secret(node, self.folder)?)?))
        };
        entries.iter().map(header).collect()
    }
}

fn at<T>(node: &Node, value: T) -> Result<At<T>> {
    Ok(At {
        value,
        place: node.place.clone(),
    })
}
