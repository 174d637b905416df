//! Rows of a column as the crate gives them: values, and levels that tell which row each is in and
//! what is missing.

use parquet::{
    column::reader::ColumnReaderImpl, data_type::DataType, schema::types::ColumnDescriptor,
};

use super::column::Fault;

/// Rows with their levels.
pub(super) struct Records<T> {
    pub(super) values: Vec<T>,
    /// Empty where nothing can be missing.
    pub(super) definition: Vec<i16>,
    /// 0 begins a row; empty where a row is one value.
    pub(super) repetition: Vec<i16>,
}

/// The next `rows` rows.
pub(super) fn records<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    rows: usize,
) -> Result<Records<T::T>, Fault> {
    let mut found = Records {
        values: Vec::new(),
        definition: Vec::new(),
        repetition: Vec::new(),
    };
    let (read, _, _) = reader.read_records(
        rows,
        Some(&mut found.definition),
        Some(&mut found.repetition),
        &mut found.values,
    )?;
    if read == rows {
        return Ok(found);
    }
    Err(Fault {
        row: None,
        story: format!("only {read} are present"),
    })
}

/// What a level says that has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    Row,
    Element,
    /// A list without elements.
    Elements,
}

/// Levels of a column: of values, or of lists of values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Levels {
    /// The level of a value that is there.
    pub(super) full: i16,
    /// Whether rows are lists.
    pub(super) is_list: bool,
    element_is_optional: bool,
    row_is_optional: bool,
}

impl Levels {
    /// None where rows are lists of lists.
    pub(super) fn of(column: &ColumnDescriptor, row_is_optional: bool) -> Option<Self> {
        let is_list = column.max_rep_level() == 1;
        (column.max_rep_level() <= 1).then(|| Self {
            full: column.max_def_level(),
            is_list,
            element_is_optional: is_list && column.self_type().is_optional(),
            row_is_optional,
        })
    }

    pub(super) fn missing(self, level: i16) -> Missing {
        if !self.is_list || (level == 0 && self.row_is_optional) {
            Missing::Row
        } else if level == self.full - 1 && self.element_is_optional {
            Missing::Element
        } else {
            Missing::Elements
        }
    }
}
