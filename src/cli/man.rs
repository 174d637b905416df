//! `man`: pages for `man`, made of the same texts as `--help`.

use std::{fs, path::PathBuf};

use clap::{Args, Command};
use clap_mangen::Man;

use super::{
    command,
    ended::{CliError, Done},
    output::{print, say},
};

/// Arguments of `man`.
#[derive(Debug, Args)]
pub(crate) struct ManArguments {
    /// Command whose page is printed, e.g. run or stack up; default: that of the program
    #[arg(value_name = "COMMAND", num_args = 0..=2)]
    command: Vec<String>,
    /// Write the pages of all commands into this folder instead, e.g. share/man/man1
    #[arg(long, value_name = "FOLDER", conflicts_with = "command")]
    out: Option<PathBuf>,
}

/// Prints one page, or writes all.
pub(crate) fn man(arguments: &ManArguments) -> Result<Done, CliError> {
    if let Some(folder) = &arguments.out {
        let unwritten = |error: std::io::Error| {
            CliError::new(format!("{} can't be written: {error}", folder.display()))
        };
        fs::create_dir_all(folder).map_err(unwritten)?;
        let pages = pages();
        for page in &pages {
            let file = folder.join(format!("{}.1", name_of(page)));
            fs::write(file, rendered(page)?).map_err(unwritten)?;
        }
        say(&format!("{} pages in {}", pages.len(), folder.display()));
        return Ok(Done::Ok);
    }
    let typed: Vec<&str> = arguments.command.iter().map(String::as_str).collect();
    let words = [&["milvus-bench"], &typed[..]].concat();
    let pages = pages();
    let page = pages.iter().find(|page| words_of(page) == words);
    let page = page.ok_or_else(|| {
        let names = pages
            .iter()
            .skip(1)
            .map(|page| words_of(page)[1..].join(" "));
        CliError::new(format!(
            "milvus-bench has no command {:?}; it has: {}",
            typed.join(" "),
            names.collect::<Vec<_>>().join(", ")
        ))
    })?;
    print(&rendered(page)?).map(|()| Done::Ok)
}

/// `milvus-bench` or `milvus-bench-run`.
fn name_of(page: &Command) -> &str {
    page.get_display_name().unwrap_or_else(|| page.get_name())
}

/// The words that call it: `milvus-bench`, `stack`, `up`.
fn words_of(page: &Command) -> Vec<&str> {
    page.get_bin_name().unwrap_or_default().split(' ').collect()
}

fn rendered(page: &Command) -> Result<Vec<u8>, CliError> {
    let mut bytes = Vec::new();
    let version = env!("CARGO_PKG_VERSION");
    Man::new(page.clone())
        .source(format!("milvus-bench {version}"))
        .manual("milvus-bench")
        .render(&mut bytes)
        .map_err(CliError::new)?;
    Ok(bytes)
}

/// The program, each of its commands, and the commands below those.
fn pages() -> Vec<Command> {
    // There is no page of `help`, which would be referred to.
    let without_help = |of: Command| of.disable_help_subcommand(true);
    let mut program = without_help(command()).mut_subcommands(without_help);
    program.build();
    let mut pages = Vec::new();
    add_pages(&program, &mut pages);
    pages
}

fn add_pages(of: &Command, pages: &mut Vec<Command>) {
    pages.push(of.clone().version(env!("CARGO_PKG_VERSION")));
    let below = of.get_subcommands().filter(|below| !below.is_hide_set());
    below.for_each(|below| add_pages(below, pages));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_with_its_flags_and_examples() {
        let pages = pages();
        let names: Vec<&str> = pages.iter().map(name_of).collect();
        for of in command().get_subcommands().filter(|of| !of.is_hide_set()) {
            let name = format!("milvus-bench-{}", of.get_name());
            assert!(
                names.contains(&name.as_str()),
                "{name} is not among {names:?}"
            );
        }
        for page in &pages {
            let text = String::from_utf8(rendered(page).unwrap()).unwrap();
            assert!(
                text.starts_with(".ie") && text.contains(".SH NAME"),
                "{text}"
            );
            if words_of(page).len() == 2 {
                assert!(text.contains("Examples:"), "{}", name_of(page));
            }
            for flag in page.get_arguments().filter_map(clap::Arg::get_long) {
                assert!(
                    text.contains(&flag.replace('-', "\\-")),
                    "{flag} is not in {text}"
                );
            }
        }
    }

    #[test]
    fn pages_refer_only_to_pages_that_there_are() {
        let pages = pages();
        let names: Vec<&str> = pages.iter().map(name_of).collect();
        let mut seen = 0;
        for page in &pages {
            let text = String::from_utf8(rendered(page).unwrap()).unwrap();
            let text = text.replace('\\', "");
            for (at, _) in text.match_indices("(1)") {
                let before = text[..at].trim_end_matches("fR");
                let start = before.rfind(|c: char| !(c.is_ascii_lowercase() || c == '-'));
                let name = &before[start.map_or(0, |start| start + 1)..];
                let name = name.trim_start_matches("fB");
                assert!(names.contains(&name), "{name} of {}", name_of(page));
                seen += 1;
            }
        }
        assert!(seen > 10, "{seen}");
    }
}
