//! How long documents may be.

use crate::documents::{Document, generated, read};

#[test]
fn the_readme_and_the_map_are_short() {
    for (file, most) in [("README.md", 12 * 1024), ("ARCHITECTURE.md", 10 * 1024)] {
        let size = read(file).len();
        assert!(size <= most, "{file} has {size} bytes");
    }
}

#[test]
fn the_reports_of_the_documents_fit_a_screen() {
    for (file, lines) in [
        ("README.md", 15..=45),
        ("docs/reading-a-report.md", 20..=110),
    ] {
        let text = read(file);
        let report = &text[generated(&text, "report")];
        let shown: Vec<&str> = report
            .lines()
            .filter(|line| !line.starts_with("```"))
            .collect();
        assert!(
            lines.contains(&shown.len()),
            "{file}: {} lines",
            shown.len()
        );
        for line in shown {
            assert!(line.chars().count() <= 110, "{file}: {line}");
        }
    }
}

#[test]
fn the_two_commands_stand_in_blocks_of_their_own() {
    let blocks = Document::open("README.md".to_owned()).blocks();
    for command in [
        "cargo run --release -- run scenarios/quickstart.toml --stack",
        "cargo test",
    ] {
        assert!(
            blocks.iter().any(|block| block.code.trim() == command),
            "{command}"
        );
    }
}
