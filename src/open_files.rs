//! "Too many open files": a limit of this process or machine, and no fault of whoever was called.
//! It has a suggestion of its own wherever it occurs: connections, files of a run, the embedded
//! receiver, the reading of spans.

use rustix::process::{Resource, getrlimit};

/// How the system's texts end: the process' limit (EMFILE), the machine's (ENFILE).
const OF_PROCESS: &str = "(os error 24)";
const OF_MACHINE: &str = "(os error 23)";

/// Begins the suggestion, by which a text that has it already is known.
const BEGINS: &str = "no more files can be opened";

/// What to do, if `text` is of such an error.
#[must_use]
pub fn advice(text: &str) -> Option<String> {
    if text.contains(OF_PROCESS) {
        let limit = getrlimit(Resource::Nofile)
            .current
            .map_or("no number".to_owned(), |limit| limit.to_string());
        return Some(format!(
            "{BEGINS} in this process, whose limit is {limit}: raise it before the run, e.g. \
             `ulimit -n 65536`, or use fewer connections"
        ));
    }
    text.contains(OF_MACHINE).then(|| {
        format!(
            "{BEGINS} on this machine: close programs with many open files, or raise its limit, \
             e.g. `sysctl fs.file-max=1000000`"
        )
    })
}

/// `text` with the suggestion at its end, where it is of such an error and has none yet.
#[must_use]
pub fn explained(text: String) -> String {
    match advice(&text).filter(|_| !text.contains(BEGINS)) {
        Some(advice) => format!("{text}; {advice}"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn errors_of_the_system_are_known_by_their_text() {
        let text = |code| io::Error::from_raw_os_error(code).to_string();
        assert!(advice(&text(24)).is_some_and(
            |advice| advice.contains("in this process") && advice.contains("ulimit -n")
        ));
        assert!(advice(&text(23)).is_some_and(|advice| advice.contains("on this machine")));
        assert_eq!(
            (advice(&text(2)), advice(&text(111)), advice("24 files")),
            (None, None, None)
        );
    }

    #[test]
    fn advice_is_given_once() {
        let once = explained(format!("a file: {}", io::Error::from_raw_os_error(24)));
        assert!(once.contains("; no more files can be opened"), "{once}");
        assert_eq!(explained(once.clone()), once);
        assert_eq!(explained("another error".to_owned()), "another error");
    }
}
