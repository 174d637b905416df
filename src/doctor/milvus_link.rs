//! First link: Milvus answers, and says that it is well.

use std::time::Duration;

use super::{Cause, Check, Link, MILVUS, advice, probe, probe::Peer};
use crate::{
    milvus::{
        CallError, CallFailure, Client, ConnectError, ConnectOptions, Credentials, SetupError,
        Transport, methods, optional,
        proto::{CheckHealthResponse, ConnectRequest, ConnectResponse},
        tls_trouble,
    },
    tls::{TlsCause, TlsPeer},
};

/// Longest wait for one of the doctor's calls; a search with strong consistency takes half a
/// second.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Milvus' own port.
const PORT: u16 = 19530;

/// What a gRPC server is that does not know the calls which every Milvus knows.
pub const NO_MILVUS: &str =
    "a gRPC server answers, but it is not Milvus (Jaeger's ports 16685 and 4317 also speak gRPC)";

/// A Milvus that answered.
pub(super) struct Server {
    pub(super) client: Client,
    /// As it says it; None where it does not know the question.
    pub(super) version: Option<String>,
    pub(super) uri: String,
}

/// A link that is broken: what was seen, and what may be the cause.
type Broken = (String, Vec<Cause>);

/// Connects and asks; None when the link is broken.
pub(super) async fn check(options: &ConnectOptions) -> (Link, Option<Server>) {
    let check = Check::begin(MILVUS);
    match reach(options).await {
        Err((seen, causes)) => (check.failed(seen, causes), None),
        Ok(server) => {
            let mode = deploy_mode(&server.client).await;
            let health = optional(server.client.health().await);
            let who = server
                .version
                .as_deref()
                .unwrap_or("a server that does not report its version");
            let who = format!("{who}{mode} at {}", probe::place(&options.uri));
            (judge(&check, &who, health), Some(server))
        }
    }
}

/// Connects, asks who is there, and whether the database is.
async fn reach(options: &ConnectOptions) -> Result<Server, Broken> {
    // One connection is enough for a look, whatever the load will use.
    let one = ConnectOptions {
        connections: 1,
        ..options.clone()
    };
    let transport = match Transport::connect(&one).await {
        Ok(transport) => transport,
        Err(error) => {
            if let ConnectError::Tls {
                known: Some(known),
                cause,
                ..
            } = &error
            {
                return Err(no_tls(options, *known, cause));
            }
            let peer = probe::look_at(&options.uri).await;
            return Err((
                error.to_string(),
                causes_of_no_connection(options, &error, peer),
            ));
        }
    };
    let client = Client::new(transport, TIMEOUT);
    let version = match client.identify().await {
        Ok(version) => version,
        Err(error) => return Err(no_answer(options, &error).await),
    };
    if let Some(database) = &options.database
        && let Some(words) = client.missing_database().await
    {
        let place = probe::place(&options.uri);
        let cause = Cause::new(
            "the database was never created, or its name is misspelt",
            "in the scenario: [milvus] database = \"NAME\"; omit it for the default database",
        );
        return Err((
            format!("{place} has no database {database}: {words}"),
            vec![cause],
        ));
    }
    Ok(Server {
        client,
        version,
        uri: options.uri.clone(),
    })
}

/// What is there that took the connection and failed the first call.
async fn no_answer(options: &ConnectOptions, error: &SetupError) -> Broken {
    let peer = probe::look_at(&options.uri).await;
    let place = probe::place(&options.uri);
    let failure = &error.failure;
    let is_unanswered = matches!(failure.error, CallError::Unavailable | CallError::Timeout);
    if (is_unanswered || failure.http_status.is_some())
        && let Some(trouble) = tls_trouble(options, failure.http_status).await
    {
        return no_tls(options, trouble.cause, &trouble.detail);
    }
    (
        format!("{place} does not answer like Milvus: {error}"),
        causes_of_failed_call(&error.failure, peer, options),
    )
}

/// What the TLS library said, and what it means.
fn no_tls(options: &ConnectOptions, cause: TlsCause, detail: &str) -> Broken {
    (
        probe::no_tls("Milvus", &options.uri, detail),
        vec![Cause::of_tls(cause, TlsPeer::Milvus)],
    )
}

/// `, deployed as STANDALONE`, or nothing: not all versions say it.
async fn deploy_mode(client: &Client) -> String {
    let reply: Result<ConnectResponse, _> = client
        .call(&methods::CONNECT, &ConnectRequest::default(), b"")
        .await;
    let mode = reply
        .ok()
        .and_then(|reply| reply.server_info)
        .map(|info| info.deploy_mode)
        .unwrap_or_default();
    if mode.is_empty() {
        mode
    } else {
        format!(", deployed as {mode}")
    }
}

fn judge(
    check: &Check,
    who: &str,
    health: Result<Option<CheckHealthResponse>, SetupError>,
) -> Link {
    match health {
        Ok(None) => check.ok(format!("{who}; it does not report its health")),
        Ok(Some(health)) if health.is_healthy => judge_quotas(check, who, &health),
        Ok(Some(health)) => {
            let change = "the log of that role; kubectl get pods, or docker compose ps";
            let what = "a role is down, restarting or not registered yet";
            check.warning(
                format!("{who}, not healthy: {}", health.reasons.join("; ")),
                vec![Cause::new(what, change)],
            )
        }
        Err(error) => {
            let change =
                "run with the rights of a user that may call CheckHealth, or ignore this line";
            check.warning(
                format!("{who}; {error}"),
                vec![Cause::new("this user may not call CheckHealth", change)],
            )
        }
    }
}

fn judge_quotas(check: &Check, who: &str, health: &CheckHealthResponse) -> Link {
    let states: Vec<&str> = health
        .quota_states
        .iter()
        .filter_map(|state| quota_state(*state))
        .collect();
    if states.is_empty() {
        return check.ok(format!("{who}, healthy"));
    }
    let change = "milvus.yaml: quotaAndLimits; memory and disk of the nodes, if their quota is \
                  used up";
    let cause = Cause::new(
        "a quota of Milvus is used up, or an administrator denies requests: they will be refused",
        change,
    );
    check.warning(
        format!("{who}, healthy, but {}", states.join(", ")),
        vec![cause],
    )
}

fn quota_state(state: i32) -> Option<&'static str> {
    match state {
        2 => Some("reads are limited"),
        3 => Some("writes are limited"),
        4 => Some("reads are denied"),
        5 => Some("writes are denied"),
        6 => Some("changes of schema are denied"),
        _ => None,
    }
}

fn causes_of_no_connection(
    options: &ConnectOptions,
    error: &ConnectError,
    peer: Peer,
) -> Vec<Cause> {
    match error {
        ConnectError::Uri { .. } => {
            vec![Cause::new(
                "the address is wrong",
                "--uri, or in the scenario: [milvus] uri = \"http://HOST:19530\"",
            )]
        }
        ConnectError::Option { .. } | ConnectError::TlsOption(_) => {
            vec![Cause::new(
                "a setting of [milvus] can't be used",
                "the key named above, in the scenario",
            )]
        }
        ConnectError::Tls {
            known: Some(cause), ..
        } => vec![Cause::of_tls(*cause, TlsPeer::Milvus)],
        ConnectError::Tls { known: None, .. } => {
            vec![Cause::new(
                "TLS with the server failed for the reason named above",
                "the server's log, or that of the proxy before it",
            )]
        }
        ConnectError::Unreachable { .. } => causes_by_peer(peer, &options.uri),
        ConnectError::TooManyFiles { advice, .. } => {
            vec![Cause::new("this process can't open more files", advice)]
        }
    }
}

/// What a look at the address tells about a server with which no gRPC came about.
fn causes_by_peer(peer: Peer, uri: &str) -> Vec<Cause> {
    let port = probe::port(uri);
    match peer {
        Peer::Refused if port != PORT => vec![
            Cause::new(
                "Milvus is not running, or is still starting",
                "docker compose ps; kubectl get pods; milvus-bench stack up for a local one",
            ),
            Cause::new(
                "the port is wrong: Milvus' gRPC is on 19530",
                "--uri, or in the scenario: [milvus] uri = \"http://HOST:19530\"",
            ),
        ],
        Peer::Refused => vec![
            Cause::new(
                "Milvus is not running, or is still starting",
                "docker compose ps; kubectl get pods; milvus-bench stack up for a local one",
            ),
            Cause::new(
                "its port is not published to this machine",
                "Compose: ports: [\"127.0.0.1:19530:19530\"]; Kubernetes: kubectl port-forward \
                 service/RELEASE-milvus 19530",
            ),
        ],
        Peer::UnknownName | Peer::NoAddress => vec![Cause::new(
            "this machine does not know the host: names of Compose and of Kubernetes services \
             hold only within them",
            "--uri, or [milvus] uri in the scenario: the published address, e.g. \
             http://127.0.0.1:19530",
        )],
        Peer::Silent => vec![Cause::new(
            "a firewall drops the packets, or the machine is down",
            format!("the firewall or security group of port {port}; [milvus] uri in the scenario"),
        )],
        // A second look has found no trouble with TLS itself.
        Peer::Tls => vec![Cause::new(
            "TLS works there, but the server behind it does not answer like Milvus",
            "the log of the TLS front (ingress, load balancer) and its upstream address",
        )],
        Peer::Http => vec![Cause::new(
            "a web server answers: Milvus' metrics and UI are on 9091, gRPC is on 19530, and an \
             ingress must pass gRPC on",
            "--uri, or in the scenario: [milvus] uri = \"http://HOST:19530\"; ingress-nginx: \
             nginx.ingress.kubernetes.io/backend-protocol: GRPC",
        )],
        Peer::Other => vec![
            Cause::new(
                "Milvus is starting or stopping, or a published port or port-forward has no \
                 server behind it",
                "try again; check its log and docker compose ps",
            ),
            Cause::new(
                "something else listens there, without TLS",
                "--uri, or in the scenario: [milvus] uri = \"http://HOST:19530\"",
            ),
        ],
    }
}

fn causes_of_failed_call(
    failure: &CallFailure,
    peer: Peer,
    options: &ConnectOptions,
) -> Vec<Cause> {
    if let Some(status) = failure.http_status {
        return causes_of_page(status);
    }
    let credentials_key = "in the scenario: [milvus] user = \"NAME\", password = \
                           \"${MILVUS_PASSWORD}\", or token = \"${MILVUS_TOKEN}\"";
    match failure.error {
        CallError::UNAUTHENTICATED if options.credentials == Credentials::None => {
            vec![Cause::new(
                "this Milvus requires authentication (common.security.authorizationEnabled)",
                credentials_key,
            )]
        }
        CallError::UNAUTHENTICATED | CallError::PERMISSION_DENIED => vec![Cause::new(
            "user, password or token is wrong, or the user lacks the privilege",
            credentials_key,
        )],
        CallError::UNIMPLEMENTED => vec![Cause::new(
            NO_MILVUS,
            "--uri, or in the scenario: [milvus] uri = \"http://HOST:19530\"",
        )],
        CallError::Timeout => vec![
            Cause::new(
                "Milvus is overloaded, or waits for etcd or its message queue",
                "check its log; docker compose ps; kubectl get pods",
            ),
            Cause::new(
                "the server there does not answer gRPC",
                "--uri, or [milvus] uri in the scenario",
            ),
        ],
        CallError::Unavailable => match TlsCause::named_in(&failure.text) {
            Some(cause) => vec![Cause::of_tls(cause, TlsPeer::Milvus)],
            None => causes_by_peer(peer, &options.uri),
        },
        // Not ready, unavailable.
        CallError::Milvus(1 | 2) => {
            vec![Cause::new(
                "Milvus is starting, or waits for one of its roles",
                "try again; check its log and docker compose ps",
            )]
        }
        _ => vec![Cause::new(
            "the server refuses the call or does not answer like Milvus",
            format!("[milvus] uri and database in the scenario; {}", advice::LOG),
        )],
    }
}

/// What stands before Milvus, or in its place, by the HTTP status that it answers with.
fn causes_of_page(status: u16) -> Vec<Cause> {
    let address = "--uri, or in the scenario: [milvus] uri = \"http://HOST:19530\"";
    let ingress =
        "ingress-nginx: nginx.ingress.kubernetes.io/backend-protocol: GRPC; nginx: grpc_pass";
    match status {
        502..=504 => vec![Cause::new(
            "a proxy or ingress answers, and the Milvus behind it is down, is starting, or has \
             another address",
            "docker compose ps; kubectl get pods; the proxy's log and its upstream address",
        )],
        413 => vec![Cause::new(
            "a proxy or ingress rejects requests of this size",
            "nginx: client_max_body_size; ingress-nginx: \
             nginx.ingress.kubernetes.io/proxy-body-size",
        )],
        401 | 403 | 407 => {
            vec![Cause::new(
                "a proxy or ingress before Milvus requires a login",
                "the proxy's rules for this path, or an address behind it",
            )]
        }
        429 => vec![Cause::new(
            "a proxy or ingress limits the rate",
            "its limits (nginx: limit_req)",
        )],
        _ => vec![
            Cause::new(
                "a web server answers: Milvus' metrics and UI are on 9091, gRPC is on 19530",
                address,
            ),
            Cause::new("a proxy or ingress does not pass gRPC on", ingress),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::LinkState;

    fn check_health(
        health: Result<Option<CheckHealthResponse>, SetupError>,
        state: LinkState,
        word: &str,
    ) {
        let link = judge(&Check::begin(MILVUS), "v2.5.11", health);
        assert_eq!(link.state, state, "{}", link.seen);
        assert!(link.seen.contains(word), "{}", link.seen);
    }

    #[test]
    fn an_unhealthy_milvus_is_a_warning_with_its_reasons() {
        let health = CheckHealthResponse {
            reasons: vec!["querynode 3 is gone".into()],
            ..Default::default()
        };
        check_health(Ok(Some(health)), LinkState::Warning, "querynode 3 is gone");
    }

    #[test]
    fn a_used_up_quota_is_a_warning_although_it_is_healthy() {
        let health = CheckHealthResponse {
            is_healthy: true,
            quota_states: vec![0, 5],
            ..Default::default()
        };
        check_health(Ok(Some(health)), LinkState::Warning, "writes are denied");
    }

    #[test]
    fn a_server_without_the_question_is_fine() {
        check_health(Ok(None), LinkState::Ok, "does not report its health");
    }

    #[test]
    fn a_user_without_the_right_is_a_warning() {
        let failure = CallFailure::new(CallError::Milvus(1401), "privilege not permitted");
        check_health(
            Err(SetupError {
                method: "CheckHealth",
                failure,
            }),
            LinkState::Warning,
            "privilege",
        );
    }

    fn first_cause(error: CallError, peer: Peer, credentials: &Credentials) -> String {
        let options = ConnectOptions {
            credentials: credentials.clone(),
            ..ConnectOptions::new("http://h:19530")
        };
        causes_of_failed_call(&CallFailure::new(error, "x"), peer, &options)
            .swap_remove(0)
            .what
    }

    #[test]
    fn causes_follow_status_and_second_look() {
        let token = Credentials::Token("t".into());
        for (error, peer, credentials, word) in [
            (
                CallError::UNAUTHENTICATED,
                Peer::Other,
                &Credentials::None,
                "requires authentication",
            ),
            (CallError::UNAUTHENTICATED, Peer::Other, &token, "is wrong"),
            (CallError::UNIMPLEMENTED, Peer::Other, &token, "not Milvus"),
            (CallError::Timeout, Peer::Other, &token, "overloaded"),
            (CallError::Unavailable, Peer::Tls, &token, "TLS works there"),
            (CallError::Unavailable, Peer::Http, &token, "web server"),
            (
                CallError::Unavailable,
                Peer::Other,
                &token,
                "starting or stopping",
            ),
            (CallError::Milvus(1), Peer::Other, &token, "is starting"),
            (
                CallError::BadReply,
                Peer::Other,
                &token,
                "not answer like Milvus",
            ),
        ] {
            let found = first_cause(error, peer, credentials);
            assert!(found.contains(word), "{error} {peer:?}: {found}");
        }
    }

    #[test]
    fn tls_trouble_has_the_cause_of_its_error() {
        let error = |known| ConnectError::Tls {
            uri: "https://h:1".into(),
            cause: "c".into(),
            known,
        };
        let options = ConnectOptions::new("https://h:1");
        let causes_of_no_connection =
            |error: &ConnectError, peer| super::causes_of_no_connection(&options, error, peer);
        // What a second look finds does not change it.
        for peer in [Peer::Tls, Peer::Http, Peer::Other] {
            assert!(
                causes_of_no_connection(&error(Some(TlsCause::NoHttp2)), peer)[0]
                    .what
                    .contains("ALPN")
            );
            assert!(
                causes_of_no_connection(&error(Some(TlsCause::NotTls)), peer)[0]
                    .what
                    .contains("does not speak TLS")
            );
            assert!(
                causes_of_no_connection(&error(None), peer)[0]
                    .what
                    .contains("named above")
            );
        }
        let failure =
            CallFailure::new(CallError::Unavailable, TlsCause::NoClientCertificate.what());
        let causes = causes_of_failed_call(&failure, Peer::Tls, &options);
        assert!(
            causes.len() == 1 && causes[0].change.contains("cert = "),
            "{causes:?}"
        );
    }
}
