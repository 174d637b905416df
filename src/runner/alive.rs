//! Whether the process that measures a run is still there: its folder says *running* until it is
//! complete, and so does one whose process was killed.

use crate::record::{ProcessInfo, RunInfo, Status};

/// This process, as it is kept in run.json. A pid alone names nothing: it is given again after the
/// process has ended.
pub(crate) fn this_process() -> Option<ProcessInfo> {
    let pid = std::process::id();
    Some(ProcessInfo {
        pid,
        start_ticks: start_ticks(pid)?,
        boot: boot()?,
    })
}

/// The status of a run in a word: *killed* where it never came to its end and its process is gone.
pub(crate) fn status(info: &RunInfo) -> String {
    match info.status {
        Status::Running if !is_alive(info.process.as_ref()) => "killed".to_owned(),
        status => format!("{status:?}").to_lowercase(),
    }
}

/// False also for runs of older versions, which do not say who measures them.
fn is_alive(process: Option<&ProcessInfo>) -> bool {
    process.is_some_and(|process| {
        boot().as_ref() == Some(&process.boot)
            && start_ticks(process.pid) == Some(process.start_ticks)
    })
}

/// When a process began, in clock ticks since the boot; None where there is none, or it has ended
/// and was not waited for.
fn start_ticks(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold blanks and brackets.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    if fields.first() == Some(&"Z") {
        None
    } else {
        fields.get(19)?.parse().ok()
    }
}

fn boot() -> Option<String> {
    Some(
        std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
            .ok()?
            .trim()
            .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: Status, change: impl FnOnce(&mut ProcessInfo), expected: &str) {
        let mut process = this_process().expect("Linux");
        change(&mut process);
        assert_eq!(
            self::status(&RunInfo {
                status,
                process: Some(process),
                ..RunInfo::default()
            }),
            expected
        );
    }

    #[test]
    fn a_run_is_running_while_its_process_is_there() {
        check(Status::Running, |_| {}, "running");
        check(
            Status::Complete,
            |process| process.pid = u32::MAX,
            "complete",
        );
        assert_eq!(
            status(&RunInfo::default()),
            "killed",
            "a run of an older version"
        );
    }

    #[test]
    fn a_pid_that_was_given_again_is_another_process() {
        check(Status::Running, |process| process.pid = u32::MAX, "killed");
        check(
            Status::Running,
            |process| process.start_ticks += 1,
            "killed",
        );
        check(
            Status::Running,
            |process| process.boot = "another".to_owned(),
            "killed",
        );
    }
}
