//! The answer, below the verdict.

use crate::{
    analysis::Analysis,
    report::{
        answer::{Answer, first_answers},
        layout::{Line, Page, Paint},
    },
};

/// The block; nothing where nothing was measured.
pub(super) fn write(page: &mut Page, analysis: &Analysis) {
    let (answers, more) = first_answers(analysis);
    for answer in &answers {
        write_answer(page, answer);
    }
    if let Some(text) = more {
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
