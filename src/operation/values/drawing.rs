//! What of an operation's requests is drawn, and where it stands in them.

use std::{collections::BTreeSet, sync::Arc};

use prost::Message;

use super::{
    Split, Values,
    text::{Template, TextKind},
};
use crate::{
    keys::nearest,
    operation::{FieldValue, OperationError, RequestKey, keys::refuse},
};

/// The parts of an operation's requests that are drawn anew for each.
#[derive(Debug)]
pub struct Drawing {
    values: Arc<Values>,
    /// Texts with places for values, each with its key.
    texts: Vec<(&'static str, Template)>,
    /// Fields that the rows of a request have in common: place among the fields, number of the
    /// value.
    fields: Vec<(usize, usize)>,
    /// Number of the value that keys of rows are drawn by.
    ids: Option<usize>,
    /// Whether requests hold the value that the workload is split by.
    is_split: bool,
}

impl Drawing {
    /// The names of the values that requests hold.
    #[must_use]
    pub fn names(&self) -> BTreeSet<&str> {
        let of_texts = self.texts.iter().flat_map(|(_, text)| text.values());
        let of_fields = self.fields.iter().map(|(_, value)| *value);
        let numbers = of_texts.chain(of_fields).chain(self.ids);
        numbers.map(|value| self.values.name(value)).collect()
    }

    /// The classes of its requests, where the workload has some and requests hold their value.
    #[must_use]
    pub fn split(&self) -> Option<&Split> {
        self.values.split().filter(|_| self.is_split)
    }

    /// The number of the class of a request, where there are some.
    #[must_use]
    pub fn class(&self, key: RequestKey) -> Option<u8> {
        let split = self.split()?;
        Some(split.class(&self.values.draw(split.value, key)))
    }

    /// What is drawn for a request, as text: keys of the operation and names of fields, each with
    /// its content.
    #[must_use]
    pub fn example(&self, key: RequestKey) -> Vec<(String, String)> {
        let texts = self.texts(key).into_iter();
        texts.map(|(name, text)| (name.to_owned(), text)).collect()
    }

    /// The texts of a request, each with its key.
    pub(in crate::operation) fn texts(&self, key: RequestKey) -> Vec<(&'static str, String)> {
        if self.texts.is_empty() {
            return Vec::new();
        }
        let drawn = self.values.draw_all(key);
        let filled = |(name, text): &(&'static str, Template)| {
            (*name, text.filled(|value| &drawn[value].value))
        };
        self.texts.iter().map(filled).collect()
    }

    /// `head`, an encoded message, with what is drawn after it: `tail` makes a message of the same
    /// type with nothing but these texts. The fields of a message may come in any order.
    pub(in crate::operation) fn after<M: Message>(
        &self,
        head: &[u8],
        key: RequestKey,
        tail: impl FnOnce(Vec<(&'static str, String)>) -> M,
    ) -> Vec<u8> {
        followed(head, &tail(self.texts(key)))
    }
}

/// `head`, an encoded message, with the fields of another one of its type after it.
pub(in crate::operation) fn followed(head: &[u8], tail: &impl Message) -> Vec<u8> {
    let mut body = Vec::with_capacity(head.len() + tail.encoded_len());
    body.extend_from_slice(head);
    tail.encode_raw(&mut body);
    body
}

/// Takes the keys of an operation that may hold values.
#[derive(Debug)]
pub(in crate::operation) struct Places {
    values: Option<Arc<Values>>,
    texts: Vec<(&'static str, Template)>,
    fields: Vec<(usize, usize)>,
    ids: Option<usize>,
}

impl Places {
    /// Of an operation of a workload with these values; None where it has none.
    pub(in crate::operation) fn of(values: Option<Arc<Values>>) -> Self {
        Self {
            values,
            texts: Vec::new(),
            fields: Vec::new(),
            ids: None,
        }
    }

    /// What is the same in all requests of an expression under `key`: all of it, or nothing where
    /// it has places for values.
    ///
    /// # Errors
    /// It has a place for a value that the workload has not.
    pub(in crate::operation) fn expression(
        &mut self,
        key: &'static str,
        text: String,
    ) -> Result<String, OperationError> {
        let kept = self.text(key, text, TextKind::Expression)?;
        Ok(kept.unwrap_or_default())
    }

    /// The same of a list of names.
    ///
    /// # Errors
    /// As that of [`Self::expression`].
    pub(in crate::operation) fn names(
        &mut self,
        key: &'static str,
        names: Vec<String>,
    ) -> Result<Vec<String>, OperationError> {
        let kept = names
            .into_iter()
            .map(|name| self.text(key, name, TextKind::Name));
        let kept: Result<Vec<_>, _> = kept.collect();
        Ok(kept?.into_iter().flatten().collect())
    }

    fn text(
        &mut self,
        key: &'static str,
        text: String,
        kind: TextKind,
    ) -> Result<Option<String>, OperationError> {
        let Some(values) = &self.values else {
            return Ok(Some(text));
        };
        let names: Vec<&str> = values.names().collect();
        match Template::new(&text, kind, &names) {
            Err(unknown) => refuse(key, no_value(&unknown, &names)),
            Ok(template) if template.values().next().is_none() => {
                Ok(Some(template.filled(|_| &FieldValue::Bool(false))))
            }
            Ok(template) => {
                self.texts.push((key, template));
                Ok(None)
            }
        }
    }

    /// What is drawn; None where nothing is.
    pub(in crate::operation) fn drawing(self) -> Option<Drawing> {
        let nothing = self.texts.is_empty() && self.fields.is_empty() && self.ids.is_none();
        let values = self.values.filter(|_| !nothing)?;
        let mut drawing = Drawing {
            values,
            texts: self.texts,
            fields: self.fields,
            ids: self.ids,
            is_split: false,
        };
        let split = drawing.values.split().map(|split| split.by.as_str());
        drawing.is_split = split.is_some_and(|by| drawing.names().contains(by));
        Some(drawing)
    }
}

fn no_value(unknown: &str, names: &[&str]) -> String {
    let near =
        nearest(unknown, names.iter().copied()).map(|near| format!(", did you mean {{{near}}}"));
    format!(
        "holds {{{unknown}}}, which is no name of `values`{}; it has: {}; a brace is written {{{{",
        near.unwrap_or_default(),
        names.join(", ")
    )
}
