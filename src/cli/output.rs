//! What this program writes as text: lines for the user on stderr, and on stdout what was asked
//! for.
//!
//! Either can go away while a command runs: a pipe whose reader ended, a full disk, a terminal that
//! was hung up. The macros of the standard library panic then. A line that stderr does not take is
//! lost, and nothing else is; what stdout does not take is an error.

use std::io::{self, ErrorKind, Write};

use super::ended::CliError;
use crate::report::clean;

/// Writes a line to stderr, in one piece.
pub(crate) fn say(line: &str) {
    // There is no other place to complain at.
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// Tells the user why a command ends without doing its work.
pub(crate) fn say_error(error: &CliError) {
    let sentences = error.before.iter().chain([&error.message]);
    for sentence in sentences.filter(|sentence| !sentence.is_empty()) {
        say(&format!("error: {}", clean(sentence)));
    }
}

/// Writes to stdout.
///
/// # Errors
/// Not all of it could be written. A reader that has enough (`| head`) needs no message, and gets
/// none.
pub(crate) fn print(bytes: &[u8]) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    written(out.write_all(bytes).and_then(|()| out.flush()))
}

/// What became of writing to stdout.
fn written(result: io::Result<()>) -> Result<(), CliError> {
    match result {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(CliError::silent()),
        Err(error) => Err(CliError::new(format!(
            "can't write to stdout: {error}; the output is incomplete"
        ))),
    }
}

/// Prints what clap has to say: help and version, which were asked for, on stdout; a wrong argument
/// on stderr.
///
/// # Errors
/// Wrong arguments, whose message has been written, or a stdout that can't be written.
pub(crate) fn print_of_clap(message: &clap::Error) -> Result<(), CliError> {
    let printed = message.print().and_then(|()| io::stdout().lock().flush());
    if message.use_stderr() {
        Err(CliError::silent())
    } else {
        written(printed)
    }
}
