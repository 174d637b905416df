//! Lines, tables and paragraphs of fixed width, in columns of a terminal. What they show, others
//! decide.
//!
//! Every text enters through [`Line::push`], [`Cell::new`] or a page's paragraph, which clean it.

mod line;
mod page;
mod sheet;
mod style;
mod table;
mod width;
mod words;

pub use self::style::TextStyle;
pub(super) use self::{
    line::{Line, Paint},
    page::Page,
    sheet::{Group, Sheet},
    table::{Cell, Table},
};
