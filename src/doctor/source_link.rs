//! Third link: the place that spans are read from answers.

use super::{Cause, Check, Link, SPAN_SOURCE, probe, probe::Peer};
use crate::spans::{SPAN_SOURCES, SourceEntry, SourceOptions, SpanSource, find_source};

/// Services that are listed by name.
const LISTED: usize = 12;

/// Where every advice of this link ends.
const KEYS: &str = "--spans, or in the scenario: [tracing.spans] endpoint = \"http://HOST:16686\"";

/// Opens the source; None when there is none, by wish or by failure.
pub(super) async fn check(
    name: &str,
    options: &SourceOptions,
) -> (Link, Option<Box<dyn SpanSource>>) {
    let check = Check::begin(SPAN_SOURCE);
    let Some(entry) = find_source(name) else {
        let known: Vec<&str> = SPAN_SOURCES.iter().map(|entry| entry.name).collect();
        let cause = Cause::new(
            "a typing error",
            format!(
                "in the scenario: [tracing.spans] source = one of {}",
                known.join(", ")
            ),
        );
        return (
            check.failed(format!("there is no span source {name:?}"), vec![cause]),
            None,
        );
    };
    match (entry.open)(options).await {
        Ok(source) if source.info().name == "none" => (
            no_source(&check, entry, options, &source.info().remark).await,
            None,
        ),
        Ok(source) => (describe(&check, &*source).await, Some(source)),
        Err(error) => (
            check.failed(error.to_string(), causes(entry, options, &error.text).await),
            None,
        ),
    }
}

/// `none` by wish is a result; `auto` that found nothing is a broken link.
async fn no_source(
    check: &Check,
    entry: &SourceEntry,
    options: &SourceOptions,
    remark: &str,
) -> Link {
    if entry.name == "none" {
        return check.skipped(
            "no traces to be had, as the source \"none\" says: the report shows the client's side \
             only",
        );
    }
    check.failed(remark, causes(entry, options, remark).await)
}

async fn describe(check: &Check, source: &dyn SpanSource) -> Link {
    let info = source.info();
    let remark = match (info.remark.as_str(), info.resolution_ns) {
        ("", 1) => "times are nanoseconds",
        ("", _) => "times are whole microseconds",
        // It says what is worth knowing about the times too.
        (remark, _) => remark,
    };
    let seen = |services: &str| format!("{}, {services}; {remark}", info.server);
    match source.services().await {
        Ok(services) => check.ok(seen(&listed(&services))),
        Err(error) => {
            let cause = Cause::new(
                "its API is only partly passed on",
                "the proxy before it: /api/v3/services, or the gRPC service \
                 jaeger.api_v2.QueryService",
            );
            check.warning(
                seen(&format!("its services can't be listed: {error}")),
                vec![cause],
            )
        }
    }
}

fn listed(services: &[String]) -> String {
    let mut names: Vec<&str> = services.iter().map(String::as_str).take(LISTED).collect();
    match services.len() {
        0 => return "no spans yet".to_owned(),
        count if count > LISTED => names.push("..."),
        _ => {}
    }
    format!("has spans of {}", names.join(", "))
}

async fn causes(entry: &SourceEntry, options: &SourceOptions, text: &str) -> Vec<Cause> {
    if entry.name == "embedded" {
        let change = "stop it, or in the scenario: [tracing.spans] listen = \"127.0.0.1:PORT\", \
                      and the same in Milvus' trace.otlp.endpoint";
        return vec![Cause::new(
            format!(
                "another process, perhaps a Jaeger or a collector, has {}",
                options.listen
            ),
            change,
        )];
    }
    // Also where the refusal is a page.
    if text.contains("headers") {
        let change = "in the scenario: [tracing.spans] headers = { authorization = \"${NAME}\" } \
                      (Jaeger with tenants: x-tenant)";
        return vec![Cause::new("it wants to know who reads", change)];
    }
    if text.contains("web page") {
        return causes_of_web_page();
    }
    if ["can't be read now", "its services now"]
        .iter()
        .any(|words| text.contains(words))
    {
        return vec![Cause::new(
            "it is starting or overloaded, or a proxy answers in its place",
            "its log and the proxy's; docker compose ps; kubectl get pods",
        )];
    }
    let endpoint = options
        .endpoint
        .as_deref()
        .unwrap_or(entry.default_endpoint);
    causes_by_peer(probe::look_at(endpoint).await, entry.name, endpoint)
}

fn causes_of_web_page() -> Vec<Cause> {
    vec![
        Cause::new(
            "Jaeger lives below a base path (--query.base-path), and what answers here is its UI \
             or a proxy's page",
            "--spans, or in the scenario: [tracing.spans] endpoint = \
             \"http://HOST:16686/BASE/PATH\"",
        ),
        Cause::new(
            "a proxy with a login stands before Jaeger",
            "in the scenario: [tracing.spans] headers = { authorization = \"${NAME}\" }; or \
             Kubernetes: kubectl port-forward service/jaeger 16685 16686",
        ),
        Cause::new("that port is no Jaeger", KEYS),
    ]
}

fn causes_by_peer(peer: Peer, source: &str, endpoint: &str) -> Vec<Cause> {
    let place = probe::place(endpoint);
    match peer {
        Peer::NoAddress => vec![Cause::new("the address can't be read", KEYS)],
        Peer::UnknownName => {
            vec![Cause::new(
                "this machine does not know the host: names of Compose and of Kubernetes services \
                 hold only within them",
                KEYS,
            )]
        }
        Peer::Refused => vec![
            Cause::new(
                format!("nothing listens at {place}: Jaeger is not running"),
                "docker compose ps; milvus-bench stack up for a local one",
            ),
            Cause::new(
                "its ports are not published",
                "Compose, service jaeger: ports: [\"127.0.0.1:16685:16685\", \
                 \"127.0.0.1:16686:16686\"]; Kubernetes: kubectl port-forward service/jaeger \
                 16685 16686",
            ),
            Cause::new(
                "nobody collects traces here",
                "in the scenario: [tracing.spans] source = \"embedded\" (milvus-bench receives \
                 them) or \"none\"",
            ),
        ],
        Peer::Silent => vec![Cause::new(
            "a firewall swallows the packets, or the machine is not there",
            KEYS,
        )],
        Peer::Tls => vec![Cause::new(
            "it speaks TLS",
            "--spans, or in the scenario: [tracing.spans] endpoint = \"https://HOST:PORT\"",
        )],
        Peer::Http if source == "jaeger" => vec![Cause::new(
            format!("{place} is a web port, gRPC is on 16685"),
            "--spans, or in the scenario: [tracing.spans] endpoint = \"http://HOST:16685\"; or \
             source = \"auto\", which reads both",
        )],
        Peer::Http | Peer::Other => {
            vec![Cause::new(
                format!(
                    "what answers at {place} is not Jaeger's query service (16685 gRPC, 16686 JSON)"
                ),
                KEYS,
            )]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::LinkState;

    #[tokio::test]
    async fn none_is_a_result_and_no_broken_link() {
        let (link, source) = check("none", &SourceOptions::default()).await;
        assert_eq!(link.state, LinkState::Skipped);
        assert!(
            link.seen.contains("no traces to be had") && source.is_none(),
            "{}",
            link.seen
        );
    }

    #[tokio::test]
    async fn an_unknown_source_is_answered_with_the_known_ones() {
        let (link, _) = check("tempoo", &SourceOptions::default()).await;
        assert_eq!(link.state, LinkState::Failed);
        assert!(
            link.causes[0]
                .change
                .contains("auto, jaeger, jaeger-json, embedded, none"),
            "{:?}",
            link.causes
        );
    }

    #[test]
    fn long_lists_of_services_are_cut() {
        let names: Vec<String> = (0..20).map(|number| format!("s{number}")).collect();
        assert!(listed(&names).ends_with("s11, ..."));
        assert_eq!(listed(&names[..2]), "has spans of s0, s1");
        assert_eq!(listed(&[]), "no spans yet");
    }

    #[tokio::test]
    async fn words_of_the_source_come_before_a_look_at_its_port() {
        let entry = find_source("auto").expect("auto");
        let check = async |text: &str, expected: &str| {
            let found = causes(entry, &SourceOptions::default(), text).await;
            assert!(found[0].what.contains(expected), "{text}: {found:?}");
        };
        check(
            "it refuses to be read (status 401 with a web page): set tracing.spans headers",
            "who reads",
        )
        .await;
        check(
            "it is not Jaeger's JSON (status 200 with a web page)",
            "base path",
        )
        .await;
        check(
            "a trace back end answers, but can't be read now: HTTP status 504 Gateway Timeout",
            "a proxy answers in its place",
        )
        .await;
    }

    #[test]
    fn a_web_port_for_grpc_is_told_apart() {
        assert!(
            causes_by_peer(Peer::Http, "jaeger", "h:16686")[0]
                .what
                .contains("gRPC is on 16685")
        );
        assert!(
            causes_by_peer(Peer::Http, "auto", "h:80")[0]
                .what
                .contains("not Jaeger's query service")
        );
    }
}
