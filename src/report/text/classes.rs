//! One table for each workload whose requests are told apart by a value.

use super::{measured, name_of, section};
use crate::{
    analysis::Analysis,
    report::{
        classes::{ClassTable, HEADINGS},
        layout::{Cell, Page, Table},
    },
};

/// The tables; nothing where no workload has classes.
pub(super) fn write(page: &mut Page, analysis: &Analysis) {
    for workload in measured(analysis) {
        let Some(of) = ClassTable::of(workload) else {
            continue;
        };
        section(
            page,
            &format!("{} by {}", name_of(workload), of.by),
            &of.sentence,
        );
        let mut table = Table::new(1).droppable(&[8, 7, 3, 2]);
        let headings: Vec<&str> = std::iter::once("class").chain(HEADINGS).collect();
        table.heading(&headings);
        for row in &of.rows {
            let cells = std::iter::once(&row.class).chain(&row.cells);
            table.row(cells.map(|text| Cell::plain(text)).collect());
        }
        page.extend(table.lines(page.columns()));
    }
}
