//! Milvus is reached, or waited for: one that says that it is not ready yet is asked again, and so
//! is one that can't be connected to where `wait` was written.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    error::{RunError, RunErrorKind},
    watcher::{WaitGuard, Watcher, observer, within},
};
use crate::{
    doctor::{NO_MILVUS, is_web_server},
    load::connect_options,
    milvus::{
        self, CallError, CallFailure, Client, ConnectError, ConnectOptions, SetupError, Transport,
    },
    plan::Plan,
    tls::{TlsPeer, no_connection},
};

/// Time between two attempts.
const AGAIN: Duration = Duration::from_millis(500);

/// A Milvus that answers.
pub(crate) struct Reached {
    pub(crate) transport: Transport,
    /// As it says it; None where it does not know the question.
    pub(crate) version: Option<String>,
}

/// Why it does not answer now.
struct NotYet {
    error: RunError,
    why: Why,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// It answers, and says that it is not ready, or a proxy says so for it.
    NotReady,
    /// No connection is taken.
    Unreachable,
    /// Asking again would not help.
    Final,
}

/// Connects and asks who it is.
pub(crate) async fn reach(plan: &Plan, watcher: &Arc<dyn Watcher>) -> Result<Reached, RunError> {
    let options = ConnectOptions {
        observer: Some(observer(watcher)),
        ..connect_options(plan)
    };
    let wait = plan.milvus.wait;
    let began = Instant::now();
    let deadline = began + wait.limit;
    let mut waiting: Option<WaitGuard> = None;
    let mut last = match attempt(&options, plan.milvus.timeout).await {
        Ok(reached) => return Ok(reached),
        Err(not_yet) => not_yet,
    };
    loop {
        let is_waited_for = match last.why {
            Why::NotReady => true,
            Why::Unreachable => wait.written,
            Why::Final => false,
        };
        if !is_waited_for || Instant::now() >= deadline {
            // A longer wait helps only against what passes.
            return Err(given_up(
                last.error,
                (is_waited_for && waiting.is_some()).then(|| began.elapsed()),
            ));
        }
        if waiting.is_none() {
            let uri = &plan.milvus.uri;
            watcher.step(&format!(
                "{}; asking again for {} (`wait` of [milvus], or --wait)",
                last.error,
                within(wait.limit)
            ));
            waiting = Some(watcher.waiting(
                &format!("waiting for Milvus at {uri} to be ready"),
                &within(wait.limit),
            ));
        }
        tokio::time::sleep_until(deadline.min(Instant::now() + AGAIN)).await;
        match tokio::time::timeout_at(deadline, attempt(&options, plan.milvus.timeout)).await {
            Ok(Ok(reached)) => return Ok(reached),
            Ok(Err(not_yet)) => last = not_yet,
            // The last answer says more than that there was none to the last question.
            Err(_) => {}
        }
    }
}

fn failed(why: impl ToString) -> RunError {
    RunError::new(RunErrorKind::Connect, why)
}

fn given_up(error: RunError, after: Option<Duration>) -> RunError {
    match after {
        None => error,
        Some(after) => failed(format!(
            "{error}; gave up after {} s; use --wait to wait longer",
            after.as_secs()
        )),
    }
}

async fn attempt(options: &ConnectOptions, timeout: Duration) -> Result<Reached, NotYet> {
    let transport = Transport::connect(options).await.map_err(|error| {
        let why = if matches!(error, ConnectError::Unreachable { .. }) {
            Why::Unreachable
        } else {
            Why::Final
        };
        NotYet {
            error: failed(error),
            why,
        }
    })?;
    let client = Client::new(transport.clone(), timeout);
    let refused = |error: SetupError| NotYet {
        error: no_answer(options, &error),
        why: why(&error.failure),
    };
    let version = match client.identify().await {
        Ok(version) => version,
        Err(error) => {
            return Err(refused_for_good(options, &error)
                .await
                .unwrap_or_else(|| refused(error)));
        }
    };
    // A proxy of Milvus knows its version long before it is ready.
    match milvus::optional(client.health().await) {
        Err(error) if why(&error.failure) == Why::NotReady => Err(refused(error)),
        _ => Ok(Reached { transport, version }),
    }
}

/// Where TLS is why the first call failed, or a web server: asking again would not help. How HTTP/2
/// with one ends differs each time.
async fn refused_for_good(options: &ConnectOptions, error: &SetupError) -> Option<NotYet> {
    let failure = &error.failure;
    let is_unavailable = failure.error == CallError::Unavailable;
    let may_be_tls = is_unavailable || failure.error == CallError::Timeout;
    if !may_be_tls && failure.http_status.is_none() {
        return None;
    }
    let text = if let Some(trouble) = milvus::tls_trouble(options, failure.http_status).await {
        format!(
            "{} to Milvus at {}: {}",
            no_connection(&options.uri),
            options.uri,
            trouble.sentence(TlsPeer::Milvus)
        )
    } else if is_unavailable
        && failure.http_status.is_none()
        && !failure.retriable
        && is_web_server(&options.uri).await
    {
        no_http2(options, error)
    } else {
        return None;
    };
    Some(NotYet {
        error: failed(text),
        why: Why::Final,
    })
}

fn no_http2(options: &ConnectOptions, error: &SetupError) -> String {
    format!(
        "Milvus at {} does not answer: {error}; the server there does not speak HTTP/2, so it is \
         not Milvus, whose gRPC port is 19530 by default",
        options.uri
    )
}

/// Why the first call failed; a server that asks who we are has answered.
fn no_answer(options: &ConnectOptions, error: &SetupError) -> RunError {
    if error.failure.error == CallError::UNAUTHENTICATED && error.failure.http_status.is_none() {
        let text = &error.failure.text;
        return failed(format!(
            "Milvus refuses the credentials ({text}): check `token`, or `user` and `password`, of \
             [milvus]"
        ));
    }
    match why(&error.failure) {
        Why::NotReady => failed(format!(
            "Milvus at {} is not ready yet: {error}",
            options.uri
        )),
        Why::Final if error.failure.error == CallError::Unavailable => {
            failed(no_http2(options, error))
        }
        Why::Final
            if error.failure.error == CallError::UNIMPLEMENTED
                && error.failure.http_status.is_none() =>
        {
            failed(format!(
                "there is no Milvus at {}: {error}; {NO_MILVUS}: give the address of Milvus' gRPC \
                 port, 19530 by default, with --uri or `uri` of [milvus]",
                options.uri
            ))
        }
        _ => failed(format!(
            "Milvus at {} does not answer: {error}",
            options.uri
        )),
    }
}

fn why(failure: &CallFailure) -> Why {
    let text = failure.text.to_lowercase();
    // What an HTTP/1 server says to HTTP/2 is no frame; it will say so again.
    let speaks_otherwise = [
        "frame with invalid size",
        "protocol error",
        "invalid http version",
        "frame_size_error",
    ];
    match failure.error {
        CallError::Milvus(code) if milvus::passes(code) => Why::NotReady,
        // 2.2 has one code for everything unexpected.
        CallError::Milvus(_)
            if ["not ready", "not healthy", "initializing"]
                .iter()
                .any(|words| text.contains(words)) =>
        {
            Why::NotReady
        }
        CallError::Unavailable
            if failure.http_status.is_none()
                && speaks_otherwise.iter().any(|words| text.contains(words)) =>
        {
            Why::Final
        }
        CallError::Unavailable => Why::NotReady,
        _ => Why::Final,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(error: CallError, text: &str, expected: Why) {
        assert_eq!(
            why(&CallFailure::new(error, text)),
            expected,
            "{error} {text}"
        );
    }

    #[test]
    fn not_ready_is_said_in_many_ways() {
        check(
            CallError::Milvus(1),
            "service not ready[proxy=1]: Initializing",
            Why::NotReady,
        );
        check(CallError::Milvus(2), "service unavailable", Why::NotReady);
        check(CallError::Milvus(-56), "", Why::NotReady);
        check(
            CallError::Milvus(-1),
            "proxy Milvus Proxy 1 is not healthy, StateCode=Initializing",
            Why::NotReady,
        );
        check(
            CallError::Unavailable,
            "connection reset by peer",
            Why::NotReady,
        );
        check(CallError::Milvus(-1), "boom", Why::Final);
        check(CallError::Milvus(1100), "", Why::Final);
        check(CallError::Timeout, "", Why::Final);
        check(CallError::Grpc(16), "", Why::Final);
        check(
            CallError::Unavailable,
            "transport error: http2 error: connection error detected: frame with invalid size",
            Why::Final,
        );
    }
}
