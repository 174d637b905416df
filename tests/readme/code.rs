//! Pieces of code in the documents: commands of milvus-bench among them.

use crate::documents::Document;

/// Languages of blocks whose lines are commands, or have some.
const SHELLS: [&str; 3] = ["sh", "console", "yaml"];

/// How commands of milvus-bench begin.
const PROGRAMS: [&str; 2] = ["milvus-bench ", "cargo run --release -- "];

/// Every piece of code of `document` that runs milvus-bench, from its first argument on.
pub(crate) fn commands(document: &Document) -> Vec<String> {
    let blocks = document.blocks();
    let lines = blocks
        .iter()
        .filter(|block| SHELLS.contains(&block.language.as_str()))
        .flat_map(|block| block.code.lines());
    // In a workflow a command is the value of a key, or an entry of a list.
    let lines = lines.map(|line| line.trim().trim_start_matches("- "));
    let lines = lines.map(|line| line.strip_prefix("run: ").unwrap_or(line).to_owned());
    lines
        .chain(document.code())
        .filter_map(|code| arguments(&code))
        .collect()
}

/// What stands behind the program's name in `code`, up to a comment or the next program.
fn arguments(code: &str) -> Option<String> {
    let rest = PROGRAMS
        .iter()
        .find_map(|program| code.strip_prefix(program))?;
    let end = [" #", " > ", " | ", " && "];
    let end = end.iter().filter_map(|sign| rest.find(sign)).min();
    Some(rest[..end.unwrap_or(rest.len())].trim().to_owned())
}

/// Lines of blocks and inline code of `document`.
pub(crate) fn all(document: &Document) -> Vec<String> {
    let blocks = document.blocks();
    let lines = blocks
        .iter()
        .flat_map(|block| block.code.lines().map(str::to_owned));
    lines.chain(document.code()).collect()
}

#[test]
fn commands_are_found_in_blocks_and_in_inline_code() {
    let text = "a `milvus-bench report\nRUN` b\n\n```sh\ncargo run --release -- stack down   # \
                ends it\nmilvus-bench doctor\n```\n\n```text\nmilvus-bench is a \
                program\n```\n\n```yaml\n- run: milvus-bench run x\n```\n\n`--x` c\n";
    let document = Document {
        path: String::new(),
        text: text.to_owned(),
    };
    assert_eq!(
        commands(&document),
        ["stack down", "doctor", "run x", "report RUN"]
    );
    assert_eq!(document.code(), ["milvus-bench report RUN", "--x"]);
    assert_eq!(document.blocks().len(), 3);
}
