//! The rows of one collection: by key and in the order of their writing, with their scalar fields,
//! and with their vectors where searches compare them.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    filter::{Filter, Scalar, Test},
    vectors,
};
use crate::milvus::proto::{
    self, DataType, field_data::Field, ids::IdField, scalar_field::Data as Scalars,
};

/// Name of the dynamic field.
pub(super) const META: &str = "$meta";

/// A primary key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Int(i64),
    Text(String),
}

impl Key {
    fn scalar(&self) -> Scalar {
        match self {
            Key::Int(key) => Scalar::Int(*key),
            Key::Text(key) => Scalar::Text(key.clone()),
        }
    }

    /// None for a literal that is no key.
    fn of(literal: &Scalar) -> Option<Self> {
        match literal {
            Scalar::Int(key) => Some(Key::Int(*key)),
            Scalar::Text(key) => Some(Key::Text(key.clone())),
            _ => None,
        }
    }
}

/// One row.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) key: Key,
    /// Grows with each row.
    number: u64,
    /// By position of the field in the schema; a vector's place is [`Scalar::Missing`].
    scalars: Vec<Scalar>,
    /// By position of the field in the schema, as placeholders have them; empty unless searches are
    /// exact.
    vectors: Vec<Option<Vec<u8>>>,
}

/// All rows of a collection. One key may have several, as inserts do not look for it.
#[derive(Debug)]
pub(super) struct Rows {
    /// Names of the schema's fields, and the position of the primary key.
    fields: Vec<String>,
    key_field: Option<usize>,
    has_text_keys: bool,
    is_exact: bool,
    /// By number.
    rows: BTreeMap<u64, Row>,
    numbers: HashMap<Key, Vec<u64>>,
    next: u64,
}

pub(super) fn primary(schema: &proto::CollectionSchema) -> Option<&proto::FieldSchema> {
    schema.fields.iter().find(|field| field.is_primary_key)
}

pub(super) fn dimension(field: &proto::FieldSchema) -> usize {
    field
        .type_params
        .iter()
        .find(|pair| pair.key == "dim")
        .and_then(|pair| pair.value.parse().ok())
        .unwrap_or(0)
}

impl Row {
    /// The vector of the field at this place of the schema, where it is kept.
    pub(super) fn vector(&self, place: usize) -> Option<&Vec<u8>> {
        self.vectors.get(place)?.as_ref()
    }
}

impl Rows {
    pub(super) fn new(schema: &proto::CollectionSchema, is_exact: bool) -> Self {
        let has_text_keys =
            primary(schema).is_some_and(|field| field.data_type == DataType::VarChar as i32);
        Self {
            fields: schema
                .fields
                .iter()
                .map(|field| field.name.clone())
                .chain(schema.enable_dynamic_field.then(|| META.to_owned()))
                .collect(),
            key_field: schema.fields.iter().position(|field| field.is_primary_key),
            has_text_keys,
            is_exact,
            rows: BTreeMap::new(),
            numbers: HashMap::new(),
            next: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether searches compare vectors.
    pub(super) fn is_exact(&self) -> bool {
        self.is_exact
    }

    fn iter(&self) -> impl Iterator<Item = &Row> {
        self.rows.values()
    }

    /// Appends `count` rows and returns their keys, which are generated from `first` on where no
    /// column brings them.
    pub(super) fn insert(
        &mut self,
        schema: &proto::CollectionSchema,
        columns: &[proto::FieldData],
        count: usize,
        first: i64,
    ) -> Vec<Key> {
        let column = |field: &proto::FieldSchema| {
            columns
                .iter()
                .find(|column| column.field_name == field.name)
                .and_then(|column| column.field.as_ref())
        };
        let mut values: Vec<Vec<Scalar>> = schema
            .fields
            .iter()
            .map(|field| field_values(field, columns, count))
            .collect();
        if schema.enable_dynamic_field {
            let meta = columns.iter().find(|column| column.is_dynamic);
            let meta = meta.and_then(|column| column.field.as_ref());
            values.push(meta.map(scalars).unwrap_or_default());
        }
        let fields = schema.fields.iter().filter(|_| self.is_exact);
        let mut vectors: Vec<Vec<Vec<u8>>> = fields
            .map(|field| {
                let column = vectors::type_of(field).and_then(|_| column(field));
                column.map_or_else(Vec::new, |column| vectors::split(column, dimension(field)))
            })
            .collect();
        let generated = |row: usize| {
            let key = first + row as i64;
            if self.has_text_keys {
                Key::Text(key.to_string())
            } else {
                Key::Int(key)
            }
        };
        let rows: Vec<Row> = (0..count)
            .map(|row| {
                let mut take = |values: &mut Vec<Scalar>| {
                    values.get_mut(row).map_or(Scalar::Missing, |value| {
                        std::mem::replace(value, Scalar::Missing)
                    })
                };
                let mut scalars: Vec<Scalar> = values.iter_mut().map(&mut take).collect();
                let given = self.key_field.and_then(|field| Key::of(&scalars[field]));
                let key = given.unwrap_or_else(|| generated(row));
                if let Some(field) = self.key_field {
                    scalars[field] = key.scalar();
                }
                Row {
                    key,
                    number: self.next + row as u64,
                    scalars,
                    vectors: vectors
                        .iter_mut()
                        .map(|of| of.get_mut(row).map(std::mem::take))
                        .collect(),
                }
            })
            .collect();
        let keys = rows.iter().map(|row| row.key.clone()).collect();
        for row in rows {
            self.numbers
                .entry(row.key.clone())
                .or_default()
                .push(row.number);
            self.rows.insert(row.number, row);
        }
        self.next += count as u64;
        keys
    }

    /// Takes out all rows with one of these keys, and says how many there were.
    pub(super) fn remove<'a>(&mut self, keys: impl Iterator<Item = &'a Key>) -> usize {
        let mut removed = 0;
        for key in keys {
            for number in self.numbers.remove(key).unwrap_or_default() {
                self.rows.remove(&number);
                removed += 1;
            }
        }
        removed
    }

    /// The keys if `filter` is nothing but a list of them.
    pub(super) fn listed(&self, filter: &Filter) -> Option<Vec<Key>> {
        let [(field, Test::In(values))] = filter.all.as_slice() else {
            return None;
        };
        (self.position(field).is_some() && self.position(field) == self.key_field)
            .then(|| values.iter().filter_map(Key::of).collect())
    }

    /// None for an expression of a form that is not read, or of a field that is not there.
    pub(super) fn filter(&self, expression: &str) -> Option<Filter> {
        let is_known = |(field, _): &(String, Test)| {
            self.position(field).is_some() || self.position(META).is_some()
        };
        Filter::parse(expression).filter(|filter| filter.all.iter().all(is_known))
    }

    /// The first `most` rows that `expression` means, the newest of each key; all of them for one
    /// that is not read.
    pub(super) fn selected(&self, expression: &str, most: usize) -> Vec<&Row> {
        let is_newest = |row: &&Row| self.numbers[&row.key].last() == Some(&row.number);
        match self.filter(expression) {
            Some(filter) => {
                let mut rows = self.matching(&filter);
                rows.retain(is_newest);
                rows.truncate(most);
                rows
            }
            None => self.iter().filter(is_newest).take(most).collect(),
        }
    }

    /// How many rows `expression` means; several with one key all count.
    pub(super) fn count(&self, expression: &str) -> usize {
        self.filter(expression)
            .map_or(self.len(), |filter| self.matching(&filter).len())
    }

    /// The rows that `filter` means, in the order of their writing.
    pub(super) fn matching(&self, filter: &Filter) -> Vec<&Row> {
        if let Some(keys) = self.listed(filter) {
            let keys: HashSet<Key> = keys.into_iter().collect();
            let mut numbers: Vec<u64> = keys
                .iter()
                .filter_map(|key| self.numbers.get(key))
                .flatten()
                .copied()
                .collect();
            numbers.sort_unstable();
            return numbers.iter().map(|number| &self.rows[number]).collect();
        }
        self.iter()
            .filter(|row| {
                filter.holds(|field| match self.position(field) {
                    Some(field) => row.scalars[field].clone(),
                    None => self.of_dynamic(row, field),
                })
            })
            .collect()
    }

    /// The value under `key` of the dynamic field.
    fn of_dynamic(&self, row: &Row, key: &str) -> Scalar {
        let meta = self.position(META).map(|field| &row.scalars[field]);
        let Some(Scalar::Json(text)) = meta else {
            return Scalar::Missing;
        };
        let found: Option<serde_json::Value> = serde_json::from_slice(text).ok();
        match found.as_ref().and_then(|found| found.get(key)) {
            Some(serde_json::Value::Bool(flag)) => Scalar::Bool(*flag),
            Some(serde_json::Value::String(text)) => Scalar::Text(text.clone()),
            Some(serde_json::Value::Number(number)) => match number.as_i64() {
                Some(number) => Scalar::Int(number),
                None => Scalar::Float(number.as_f64().unwrap_or(0.0)),
            },
            _ => Scalar::Missing,
        }
    }

    /// The column of the dynamic field.
    pub(super) fn dynamic_column(&self, rows: &[&Row]) -> proto::FieldData {
        let field = proto::FieldSchema {
            name: META.to_owned(),
            data_type: DataType::Json.into(),
            ..Default::default()
        };
        proto::FieldData {
            is_dynamic: true,
            ..self.column(&field, rows)
        }
    }

    fn position(&self, field: &str) -> Option<usize> {
        self.fields.iter().position(|name| name == field)
    }

    /// Keys as a reply carries them.
    pub(super) fn ids(&self, keys: &[Key]) -> IdField {
        if self.has_text_keys {
            let text = |key: &Key| match key {
                Key::Text(key) => key.clone(),
                Key::Int(key) => key.to_string(),
            };
            IdField::StrId(proto::StringArray {
                data: keys.iter().map(text).collect(),
            })
        } else {
            let int = |key: &Key| match key {
                Key::Int(key) => Some(*key),
                Key::Text(_) => None,
            };
            IdField::IntId(proto::LongArray {
                data: keys.iter().filter_map(int).collect(),
            })
        }
    }

    /// A column of a reply; what is not kept of a field is zero.
    pub(super) fn column(&self, field: &proto::FieldSchema, rows: &[&Row]) -> proto::FieldData {
        let data_type = DataType::try_from(field.data_type).unwrap_or(DataType::None);
        if let Some(vector_type) = vectors::type_of(field) {
            let place = self.position(&field.name).unwrap_or(usize::MAX);
            let rows: Vec<_> = rows.iter().map(|row| row.vector(place)).collect();
            return vectors::column(field, vector_type, &rows);
        }
        let mut values: Vec<&Scalar> = match self.position(&field.name) {
            Some(position) => rows.iter().map(|row| &row.scalars[position]).collect(),
            None => vec![&Scalar::Missing; rows.len()],
        };
        let mut valid_data = Vec::new();
        if field.nullable {
            valid_data = values.iter().map(|value| **value != Scalar::Null).collect();
            values.retain(|value| **value != Scalar::Null);
        }
        let ints = || values.iter().map(|value| int(value));
        let doubles = || values.iter().map(|value| float(value));
        let scalars = match data_type {
            DataType::Bool => Scalars::BoolData(proto::BoolArray {
                data: values
                    .iter()
                    .map(|value| **value == Scalar::Bool(true))
                    .collect(),
            }),
            DataType::Int64 => Scalars::LongData(proto::LongArray {
                data: ints().collect(),
            }),
            DataType::FloatScalar => Scalars::FloatData(proto::FloatArray {
                data: doubles().map(|value| value as f32).collect(),
            }),
            DataType::Double => Scalars::DoubleData(proto::DoubleArray {
                data: doubles().collect(),
            }),
            DataType::VarChar => Scalars::StringData(proto::StringArray {
                data: values.iter().map(|value| text(value)).collect(),
            }),
            DataType::Json => Scalars::JsonData(proto::JsonArray {
                data: values.iter().map(|value| json(value)).collect(),
            }),
            DataType::Array => Scalars::ArrayData(proto::ArrayArray {
                data: values.iter().map(|value| list(value)).collect(),
                element_type: field.element_type,
            }),
            _ => Scalars::IntData(proto::IntArray {
                data: ints()
                    .map(|value| i32::try_from(value).unwrap_or(0))
                    .collect(),
            }),
        };
        proto::FieldData {
            valid_data,
            ..scalar_column(&field.name, data_type, scalars)
        }
    }
}

/// What each row holds of a field: a row without a value gets the default, or none.
fn field_values(
    field: &proto::FieldSchema,
    columns: &[proto::FieldData],
    count: usize,
) -> Vec<Scalar> {
    let column = columns
        .iter()
        .find(|column| column.field_name == field.name);
    let lacking = match &field.default_value {
        Some(value) => default_value(value),
        None if field.nullable => Scalar::Null,
        None => Scalar::Missing,
    };
    let Some(column) = column else {
        return vec![lacking; count];
    };
    let values = column.field.as_ref().map(scalars).unwrap_or_default();
    if column.valid_data.is_empty() {
        return values;
    }
    let mut values = values.into_iter();
    let value = |valid: &bool| {
        let value = if *valid { values.next() } else { None };
        value.unwrap_or_else(|| lacking.clone())
    };
    column.valid_data.iter().map(value).collect()
}

fn default_value(value: &proto::ValueField) -> Scalar {
    use proto::value_field::Data;
    match &value.data {
        Some(Data::BoolData(value)) => Scalar::Bool(*value),
        Some(Data::IntData(value)) => Scalar::Int(i64::from(*value)),
        Some(Data::LongData(value)) => Scalar::Int(*value),
        Some(Data::FloatData(value)) => Scalar::Float(f64::from(*value)),
        Some(Data::DoubleData(value)) => Scalar::Float(*value),
        Some(Data::StringData(value)) => Scalar::Text(value.clone()),
        Some(Data::BytesData(value)) => Scalar::Json(value.clone()),
        None => Scalar::Missing,
    }
}

fn json(value: &Scalar) -> Vec<u8> {
    match value {
        Scalar::Json(text) => text.clone(),
        _ => b"{}".to_vec(),
    }
}

fn list(value: &Scalar) -> proto::ScalarField {
    match value {
        Scalar::List(values) => values.clone(),
        _ => proto::ScalarField::default(),
    }
}

pub(super) fn scalar_column(name: &str, data_type: DataType, data: Scalars) -> proto::FieldData {
    let field = Some(Field::Scalars(proto::ScalarField { data: Some(data) }));
    proto::FieldData {
        r#type: data_type.into(),
        field_name: name.to_owned(),
        field,
        ..Default::default()
    }
}

fn int(value: &Scalar) -> i64 {
    match value {
        Scalar::Int(value) => *value,
        _ => 0,
    }
}

fn float(value: &Scalar) -> f64 {
    match value {
        Scalar::Float(value) => *value,
        _ => 0.0,
    }
}

fn text(value: &Scalar) -> String {
    match value {
        Scalar::Text(value) => value.clone(),
        _ => String::new(),
    }
}

/// The values of a column of scalars; nothing of a kind that is not kept.
fn scalars(field: &Field) -> Vec<Scalar> {
    let Field::Scalars(proto::ScalarField { data: Some(data) }) = field else {
        return Vec::new();
    };
    match data {
        Scalars::BoolData(values) => values.data.iter().copied().map(Scalar::Bool).collect(),
        Scalars::IntData(values) => values
            .data
            .iter()
            .map(|value| Scalar::Int(i64::from(*value)))
            .collect(),
        Scalars::LongData(values) => values.data.iter().copied().map(Scalar::Int).collect(),
        Scalars::FloatData(values) => values
            .data
            .iter()
            .map(|value| Scalar::Float(f64::from(*value)))
            .collect(),
        Scalars::DoubleData(values) => values.data.iter().copied().map(Scalar::Float).collect(),
        Scalars::StringData(values) => values.data.iter().cloned().map(Scalar::Text).collect(),
        Scalars::JsonData(values) => values.data.iter().cloned().map(Scalar::Json).collect(),
        Scalars::ArrayData(values) => values.data.iter().cloned().map(Scalar::List).collect(),
        Scalars::BytesData(_) => Vec::new(),
    }
}
