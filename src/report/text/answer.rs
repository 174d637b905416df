//! The answer, below the verdict.

use crate::{
    analysis::Analysis,
    report::{
        answer::{Answer, answers},
        layout::{Line, Page, Paint},
        units::counted,
    },
};

/// Most answers that are shown; what the others rest on stands below.
const MOST: usize = 3;

/// The block; nothing where nothing was measured.
pub(super) fn write(page: &mut Page, analysis: &Analysis) {
    let answers = answers(analysis);
    for answer in answers.iter().take(MOST) {
        write_answer(page, answer);
    }
    let more = answers.len().saturating_sub(MOST) as u64;
    if more > 0 {
        let text = format!("and {}, see below", counted(more, "more workload"));
        page.paragraph(Line::new("  ", Paint::Plain), &text, Paint::Dim);
    }
    if !answers.is_empty() {
        page.gap();
    }
}

fn write_answer(page: &mut Page, answer: &Answer) {
    let lead = Line::new("ANSWER ", Paint::Bold).push(&answer.subject, Paint::Bold);
    page.paragraph(lead.push(": ", Paint::Bold), &answer.what, Paint::Plain);
    for why in &answer.why {
        page.paragraph(Line::new("  ", Paint::Plain), why, Paint::Plain);
    }
    if let Some(suggestion) = &answer.suggestion {
        page.paragraph(Line::new("  → ", Paint::Bold), suggestion, Paint::Plain);
    }
}
