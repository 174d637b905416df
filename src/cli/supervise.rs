//! A command on a thread of its own, so that a signal ends the program whatever is under way there:
//! by returning through `main`.

use super::{
    ended::{CliError, Done},
    output::say,
    runtime::runtime,
};
use crate::runner::{Asked, Heard, Signals, Stage};

/// Carries out `work`, until it ends or a signal leaves it; `when_free` is said where it had not
/// even begun.
pub(crate) fn supervised(
    work: impl FnOnce(&Signals) -> Result<Done, CliError> + Send + 'static,
    when_free: Option<&str>,
) -> Result<Done, CliError> {
    let runtime = runtime()?;
    let listening = runtime.block_on(async { Signals::listen(|heard| say(&sentence(heard))) });
    let signals = listening
        .map_err(|error| CliError::new(format!("signals can't be listened to: {error}")))?;
    let mut leaving = signals.clone();
    let (sender, ended) = tokio::sync::oneshot::channel();
    let carry_out = move || {
        let ended = work(&signals);
        // Nobody waits for it any more when it was left.
        let _ = sender.send(ended);
    };
    let thread = std::thread::Builder::new()
        .name("run".to_owned())
        .spawn(carry_out)
        .map_err(|error| CliError::new(format!("can't start a thread: {error}")))?;
    let ended = runtime.block_on(async {
        tokio::select! {
            ended = ended => Some(ended),
            () = leaving.leave() => None,
        }
    });
    match ended {
        Some(Ok(ended)) => ended,
        // It panicked, and the message has been printed.
        Some(Err(_)) => std::panic::resume_unwind(
            thread
                .join()
                .err()
                .unwrap_or_else(|| Box::new("the command's thread ended without a result")),
        ),
        None => {
            // Dropping it would wait for what is under way, or take the clock away from it.
            std::mem::forget(runtime);
            if leaving.stage() == Stage::Free {
                when_free.iter().for_each(|line| say(line));
            }
            Ok(Done::asked(leaving.asked()).unwrap_or(Done::Interrupted))
        }
    }
}

/// What a signal does that does not end the program at once.
fn sentence(heard: Heard) -> String {
    let Heard { asked, name, stage } = heard;
    match (asked, stage) {
        (Asked::Interrupt, Stage::Finishing) => {
            "interrupted: finishing the report; press Ctrl-C again to quit immediately, and \
             `milvus-bench report` makes it later"
                .to_owned()
        }
        (Asked::Interrupt, _) => {
            "interrupted: ending the measurement and keeping what was measured; press Ctrl-C \
             again to quit immediately"
                .to_owned()
        }
        (_, Stage::Finishing) => {
            format!("ended by {name}: finishing the report; `milvus-bench report` makes it later")
        }
        _ => format!(
            "ended by {name}: stopping the measurement and keeping what was measured, without \
             waiting for server spans"
        ),
    }
}
