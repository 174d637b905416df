//! From the tree to tables of values, by the rows of the keys. What is wrong is noted, and the rest
//! is read.

use std::path::Path;

use super::{
    At, Scenario, ScenarioError, ScenarioSource, Section,
    forms::{Forms, as_list, as_named, as_table, no_table},
    section::Written,
    tree::{Node, Value},
    units,
    unknown::unknown_key,
    values::{flag, key_path, list, number, ratio, secret, table, text},
};
use crate::keys::{Key, Kind, Table, each};

type Result<T> = std::result::Result<T, ScenarioError>;

/// What a scenario is read with.
struct Reader<'a> {
    root: &'static Table,
    /// Where relative paths start.
    folder: &'a Path,
    mistakes: ScenarioError,
}

/// The whole file, with the keys of `root`; `mistakes` are those that were found before.
pub(super) fn scenario(
    tree: &Node,
    root: &'static Table,
    source: &ScenarioSource,
    text: String,
    mistakes: ScenarioError,
) -> Scenario {
    let (stem, folder) = match source {
        ScenarioSource::Stdin(_) => (None, Path::new("")),
        ScenarioSource::File(path) => (
            path.file_stem().and_then(|stem| stem.to_str()),
            path.parent().unwrap_or(Path::new("")),
        ),
    };
    let mut reader = Reader {
        root,
        folder,
        mistakes,
    };
    let section = reader.section("", tree, root);
    Scenario {
        file: source.to_string(),
        file_stem: stem.map(str::to_owned),
        source: text,
        root: section,
        mistakes: reader.mistakes,
    }
}

impl Reader<'_> {
    fn section(&mut self, name: &str, node: &Node, rows: &'static Table) -> Section {
        let mut section = Section {
            name: name.to_owned(),
            ..Section::left_out(rows, node.place.clone())
        };
        let Some(entries) = self.entries(node, rows) else {
            section.refused.whole = true;
            return section;
        };
        for (key, node) in entries {
            match rows.key(key) {
                Some(row) => self.key(&mut section, row, node),
                None if rows.variants.is_none() => {
                    let message = unknown_key(self.root, rows, key, &[]);
                    self.mistakes.add(node.place.error(&message));
                    section.note_unknown(message);
                }
                None if node.is_refused() => section.refused.others.push(key.clone()),
                None => {
                    let value = At {
                        value: node.to_toml(),
                        place: node.place.clone(),
                    };
                    section.others.push((key.clone(), value));
                }
            }
        }
        section
    }

    fn key(&mut self, section: &mut Section, row: &'static Key, node: &Node) {
        let place = node.place.clone();
        match self.value(node, row, &row.kind) {
            Ok(value) => section.values.push((row.name, At { value, place })),
            Err(mistakes) => {
                self.mistakes.add(mistakes);
                section.refused.keys.push((row.name, place));
            }
        }
    }

    /// The values of a table; None where there is none, which has been noted.
    fn entries<'n>(&mut self, node: &'n Node, rows: &Table) -> Option<&'n [(String, Node)]> {
        let found = as_table(node).and_then(|forms| {
            self.mistakes.add(forms.mistakes);
            match &forms.value.value {
                Value::Table(entries) => Ok(&entries[..]),
                _ => Err(no_table(forms.value, rows)),
            }
        });
        self.mistakes.keep(found)
    }

    fn value(&mut self, node: &Node, row: &Key, kind: &'static Kind) -> Result<Written> {
        match kind {
            Kind::Table(rows) => return Ok(Written::Section(self.section("", node, rows))),
            Kind::Named { table: rows, .. } => return self.named(node, rows),
            Kind::Tables { table: rows, .. } => return self.listed(node, row, rows),
            Kind::OneOf(kinds) => return self.one_of(node, row, kinds),
            _ if node.is_refused() => return Err(ScenarioError::told()),
            _ => {}
        }
        Ok(match kind {
            Kind::Integer { .. } => Written::Integer(number(node, row)?),
            Kind::Ratio => Written::Ratio(ratio(node)?),
            Kind::Flag => Written::Flag(flag(node, row)?),
            Kind::Duration { .. } => Written::Duration(units::duration(node, row)?),
            Kind::Rate { .. } => Written::Level(units::level(node, row)?),
            Kind::Callers { .. } => Written::Callers(units::callers(node, row)?),
            Kind::Rows => Written::Rows(units::initial_rows(node, row)?),
            Kind::Path => Written::Path(self.folder.join(text(node)?)),
            Kind::KeyFile => Written::Path(key_path(node, self.folder)?),
            Kind::Secret => Written::Secret(secret(node, self.folder)?),
            Kind::Headers => Written::Secrets(self.headers(node)?),
            Kind::Params | Kind::Shares(_) => {
                table(node)?;
                Written::Toml(node.to_toml())
            }
            Kind::Values | Kind::Any | Kind::Form(_) => Written::Toml(node.to_toml()),
            Kind::Texts => {
                let item = |node: &Node| Ok(at(node, text(node)?));
                Written::Texts(each(list(node, row)?.iter().map(item))?)
            }
            // The other kinds are above.
            _ => Written::Text(text(node)?),
        })
    }

    fn named(&mut self, node: &Node, rows: &'static Table) -> Result<Written> {
        let Forms { value, mistakes } = as_named(node, rows)?;
        self.mistakes.add(mistakes);
        let sections = value.iter();
        let sections = sections.map(|(name, node)| self.section(name, node, rows));
        Ok(Written::Sections(sections.collect()))
    }

    fn listed(&mut self, node: &Node, row: &Key, rows: &'static Table) -> Result<Written> {
        let Forms { value, mistakes } = as_list(node, row.name, rows)?;
        self.mistakes.add(mistakes);
        let sections = value.iter().map(|node| self.section("", node, rows));
        Ok(Written::Sections(sections.collect()))
    }

    fn one_of(&mut self, node: &Node, row: &Key, kinds: &'static [Kind]) -> Result<Written> {
        let fits = |kind: &&Kind| match node.value {
            Value::Table(_) => kind.table().is_some(),
            Value::Integer(_) => matches!(kind, Kind::Integer { .. }),
            _ => false,
        };
        let kind = kinds.iter().find(fits).unwrap_or(&kinds[0]);
        match kind {
            _ if node.is_refused() && kind.table().is_none() => Err(ScenarioError::told()),
            // An error then shows a table as well.
            Kind::Rate { .. } => Ok(Written::Level(units::rate(node, row)?)),
            kind => self.value(node, row, kind),
        }
    }

    fn headers(&self, node: &Node) -> Result<Vec<(String, At<super::SecretSource>)>> {
        // A value that is no table is not shown: it may be a secret.
        let entries = table(node).map_err(|_| {
            node.place.error(
                "is not a table of headers; write for example headers = { authorization = \
                 \"Bearer ${NAME}\" }",
            )
        })?;
        let header = |(name, node): &(String, Node)| {
            Ok((name.clone(), at(node, secret(node, self.folder)?)))
        };
        each(entries.iter().map(header))
    }
}

fn at<T>(node: &Node, value: T) -> At<T> {
    At {
        value,
        place: node.place.clone(),
    }
}
