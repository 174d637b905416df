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
    /// Command whose page is printed; default: that of the program
    #[arg(value_name = "COMMAND")]
    command: Option<String>,
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
    let name = match &arguments.command {
        None => "milvus-bench".to_owned(),
        Some(name) => format!("milvus-bench-{name}"),
    };
    let pages = pages();
    let page = pages.iter().find(|page| name_of(page) == name);
    let page = page.ok_or_else(|| {
        let names = pages
            .iter()
            .filter_map(|page| name_of(page).strip_prefix("milvus-bench-"));
        CliError::new(format!(
            "milvus-bench has no command {:?}; it has: {}",
            arguments.command.as_deref().unwrap_or_default(),
            names.collect::<Vec<_>>().join(", ")
        ))
    })?;
    print(&rendered(page)?).map(|()| Done::Ok)
}

/// `milvus-bench` or `milvus-bench-run`.
fn name_of(page: &Command) -> &str {
    page.get_display_name().unwrap_or_else(|| page.get_name())
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

/// The program and each of its commands.
fn pages() -> Vec<Command> {
    let mut program = command();
    program.build();
    let version = env!("CARGO_PKG_VERSION");
    let of_command = |of: &Command| of.clone().version(version);
    let commands = program
        .get_subcommands()
        .filter(|of| !of.is_hide_set() && of.get_name() != "help");
    let mut pages: Vec<Command> = commands.map(of_command).collect();
    pages.insert(0, program);
    pages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_with_its_flags_and_examples() {
        let pages = pages();
        let shown = |of: &&Command| !of.is_hide_set();
        assert_eq!(
            pages.len(),
            1 + command().get_subcommands().filter(shown).count()
        );
        for page in &pages {
            let text = String::from_utf8(rendered(page).unwrap()).unwrap();
            assert!(
                text.starts_with(".ie") && text.contains(".SH NAME"),
                "{text}"
            );
            if name_of(page) != "milvus-bench" {
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
}
