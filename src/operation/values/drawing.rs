//! What of an operation's requests is drawn, and where it stands in them.

use std::{collections::BTreeSet, sync::Arc};

use prost::Message;

use super::{
    Split, Values,
    distributions::Extent,
    fields::{as_field, check},
    text::{Template, TextKind},
};
use crate::{
    keys::nearest,
    operation::{
        CollectionShape, FieldValue, FieldValues, OperationError, OperationErrors, RequestKey,
        ScalarField, ScalarType, draw, keys::refuse,
    },
};

/// A field that holds a value in all rows of a request.
#[derive(Clone, Debug)]
struct FieldPlace {
    /// Its number among the fields of the collection.
    field: usize,
    name: String,
    scalar_type: ScalarType,
    /// Number of the value.
    value: usize,
}

/// The parts of an operation's requests that are drawn anew for each.
#[derive(Debug)]
pub struct Drawing {
    values: Arc<Values>,
    /// Texts with places for values, each with its key.
    texts: Vec<(&'static str, Template)>,
    fields: Vec<FieldPlace>,
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
        let of_fields = self.fields.iter().map(|place| place.value);
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
        let texts = texts.map(|(name, text)| (name.to_owned(), text));
        let fields = self.fields.iter().map(|place| {
            let value = self.values.draw(place.value, key).value;
            let FieldValue::Text(text) = as_field(&value, ScalarType::VarChar) else {
                unreachable!("a text field holds texts");
            };
            (place.name.clone(), text)
        });
        let ids = self
            .row(key, 0, 1)
            .map(|row| ("ids".to_owned(), format!("row {row}, ...")));
        texts.chain(fields).chain(ids).collect()
    }

    /// What all rows of a request hold, by the number of the field.
    pub(in crate::operation) fn fields(&self, key: RequestKey) -> Vec<(usize, FieldValue)> {
        let drawn = |place: &FieldPlace| {
            let value = self.values.draw(place.value, key).value;
            (place.field, as_field(&value, place.scalar_type))
        };
        self.fields.iter().map(drawn).collect()
    }

    /// The `nth` row number that a request is for, of `count`; None where none are drawn.
    pub(in crate::operation) fn row(&self, key: RequestKey, nth: u64, count: u64) -> Option<u64> {
        let key = RequestKey {
            hash: if nth == 0 {
                key.hash
            } else {
                draw::mix(key.hash ^ draw::mix(nth))
            },
            seq: key.seq.wrapping_mul(count).wrapping_add(nth),
            earlier: key.earlier.wrapping_mul(count),
            ..key
        };
        match self.values.draw(self.ids?, key).value {
            FieldValue::Int(number) => u64::try_from(number).ok(),
            _ => None,
        }
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
    fields: Vec<FieldPlace>,
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

    /// Takes the values that are named like fields of the collection, for the rows of requests.
    /// Gives the collection with the longest of these values in its fields.
    ///
    /// # Errors
    /// Such a value does not fit its field.
    pub(in crate::operation) fn fields(
        &mut self,
        shape: &CollectionShape,
    ) -> Result<CollectionShape, OperationErrors> {
        let mut largest = shape.clone();
        let Some(values) = &self.values else {
            return Ok(largest);
        };
        let check = |name: &str, value: usize, field: &ScalarField| {
            let fits = check(values.extent(value), field);
            fits.or_else(|message| refuse(&format!("values.{name}"), message))
        };
        for (field, of) in largest.fields.iter_mut().enumerate() {
            let Some(value) = values.names().position(|name| name == of.name) else {
                continue;
            };
            check(&of.name, value, of)?;
            self.fields.push(FieldPlace {
                field,
                name: of.name.clone(),
                scalar_type: of.scalar_type,
                value,
            });
            // Only the length of a text is not that of its type.
            let longest = of.max_length.map_or(0, |most| most as usize);
            if matches!(of.scalar_type, ScalarType::VarChar) {
                of.values = FieldValues::Constant(FieldValue::Text("-".repeat(longest)));
            }
        }
        Ok(largest)
    }

    /// Takes the value that is named like the primary key, for the keys of requests, which are of
    /// `rows` rows.
    ///
    /// # Errors
    /// Its values are no numbers of rows.
    pub(in crate::operation) fn ids(&mut self, key: &str, rows: u64) -> Result<(), OperationError> {
        let Some(values) = &self.values else {
            return Ok(());
        };
        let Some(value) = values.names().position(|name| name == key) else {
            return Ok(());
        };
        let is_row = |row: i64| u64::try_from(row).is_ok_and(|row| row < rows);
        let fits = match values.extent(value) {
            // The newest rows of a collection that grows.
            Extent::Ints(0, i64::MAX) => true,
            Extent::Ints(low, high) => is_row(low) && is_row(high),
            Extent::Floats => false,
            Extent::Listed(values) => values
                .iter()
                .all(|value| matches!(value, FieldValue::Int(row) if is_row(*row))),
        };
        if !fits {
            let message = format!(
                "gives numbers that are none of a row, but stands for the primary key in `ids`: \
                 expected whole numbers from 0 to {}",
                rows.saturating_sub(1)
            );
            return refuse(&format!("values.{key}"), message);
        }
        self.ids = Some(value);
        Ok(())
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
        "holds {{{unknown}}}, which is not a name of `values`{}; it has: {}; a brace is written \
         {{{{",
        near.unwrap_or_default(),
        names.join(", ")
    )
}
