//! Third link: the place that spans are read from answers.

use super::{Cause, Check, Link, SPAN_SOURCE, probe, probe::Peer};
use crate::{
    spans::{SourceEntry, SourceKind, SourceOptions, SpanSource, without_remedies},
    tls::TlsPeer,
};

/// Services that are listed by name.
const LISTED: usize = 12;

/// Opens the source; None when there is none, by wish or by failure.
pub(super) async fn check(
    entry: &'static SourceEntry,
    options: &SourceOptions,
) -> (Link, Option<Box<dyn SpanSource>>) {
    let check = Check::begin(SPAN_SOURCE);
    match entry.open(options).await {
        Ok(source) if source.info().entry.kind == SourceKind::Nothing => (
            no_source(&check, entry, options, &source.info().remark).await,
            None,
        ),
        Ok(source) => (describe(&check, &*source).await, Some(source)),
        Err(error) => {
            let causes = causes(entry, options, &error.text).await;
            (check.failed(seen(&error.text), causes), None)
        }
    }
}

/// Nothing by wish is a result; a source that was to be read and is not there is a broken link.
async fn no_source(
    check: &Check,
    entry: &SourceEntry,
    options: &SourceOptions,
    remark: &str,
) -> Link {
    if entry.kind == SourceKind::Nothing {
        return check.skipped(format!(
            "no traces available, as the source \"{}\" says: the report shows the client's side \
             only",
            entry.name
        ));
    }
    let causes = causes(entry, options, remark).await;
    check.failed(seen(remark), causes)
}

/// What was seen, without the remedies, which stand below it.
fn seen(text: &str) -> String {
    without_remedies(&probe::without_cause(text, TlsPeer::SpanSource))
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
        Err(error) => check.warning(
            seen(&format!("its services can't be listed: {error}")),
            Cause::plain(info.entry.troubles.no_services),
        ),
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
    let troubles = &entry.troubles;
    if entry.kind == SourceKind::Received {
        return Cause::of(troubles.not_there, "{place}", &options.listen);
    }
    if let Some(cause) = Cause::of_tls_in(text, TlsPeer::SpanSource) {
        return vec![cause];
    }
    // Also where the refusal is a page.
    if text.contains("headers") {
        return Cause::plain(troubles.refused);
    }
    let endpoint = options
        .endpoint
        .as_deref()
        .unwrap_or(entry.default_endpoint);
    if let Some(found) = another(entry, options, endpoint).await {
        return vec![found];
    }
    if text.contains("web page") {
        return Cause::plain(troubles.web_page);
    }
    if ["can't be read now", "its services now"]
        .iter()
        .any(|words| text.contains(words))
    {
        return vec![Cause::new(
            "it is starting or overloaded, or a proxy answers in its place",
            "check its log and the proxy's; docker compose ps; kubectl get pods",
        )];
    }
    causes_by_peer(probe::look_at(endpoint).await, entry, endpoint)
}

/// The server of another source, where it is that one that answers.
async fn another(entry: &SourceEntry, options: &SourceOptions, endpoint: &str) -> Option<Cause> {
    let (other, server) = entry.another_at(endpoint, options).await?;
    Some(Cause::new(
        format!("the server at {} is {server}", probe::place(endpoint)),
        format!(
            "in the scenario: [tracing.spans] source = \"{}\"",
            other.name
        ),
    ))
}

fn causes_by_peer(peer: Peer, entry: &SourceEntry, endpoint: &str) -> Vec<Cause> {
    let (place, troubles) = (probe::place(endpoint), &entry.troubles);
    let keys = format!(
        "--spans, or in the scenario: [tracing.spans] endpoint = \"{}\"",
        entry.default_endpoint.replace("127.0.0.1", "HOST")
    );
    match peer {
        Peer::NoAddress => vec![Cause::new("the address can't be read", keys)],
        Peer::UnknownName => {
            vec![Cause::new(
                "this machine does not know the host: names of Compose and of Kubernetes services \
                 hold only within them",
                keys,
            )]
        }
        Peer::Refused => {
            let mut causes = Cause::of(troubles.not_there, "{place}", &place);
            causes.push(Cause::new("it is at another address", keys));
            causes.push(Cause::new(
                "there is no trace back end here",
                "in the scenario: [tracing.spans] source = \"embedded\" (milvus-bench receives \
                 them) or \"none\"",
            ));
            causes
        }
        Peer::Silent => vec![Cause::new(
            "a firewall drops the packets, or the machine is down",
            keys,
        )],
        // A second look has found no trouble with TLS itself.
        Peer::Tls | Peer::Http => Cause::of(troubles.web_port, "{place}", &place),
        Peer::Other => Cause::of(troubles.other_server, "{place}", &place),
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;
    use crate::{doctor::LinkState, spans::find_source};

    #[tokio::test]
    async fn none_is_a_result_and_no_broken_link() {
        let (link, source) = check(
            SourceEntry::first_of(SourceKind::Nothing),
            &SourceOptions::default(),
        )
        .await;
        assert_eq!(link.state, LinkState::Skipped);
        assert!(
            link.seen.contains("no traces available") && source.is_none(),
            "{}",
            link.seen
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
        let entry = SourceEntry::usual();
        let check = async |text: &str, expected: &str| {
            let found = causes(entry, &SourceOptions::default(), text).await;
            assert!(found[0].what.contains(expected), "{text}: {found:?}");
        };
        check(
            "it denied access (status 401 with a web page): set tracing.spans headers",
            "requires authentication",
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

    /// Answers the path that a Tempo shows itself by, and nothing else.
    async fn tempo(listener: TcpListener) {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = vec![0; 4_096];
            let read = stream.read(&mut head).await.unwrap_or_default();
            let reply: &[u8] = if head[..read].starts_with(b"GET /api/echo ") {
                b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\necho"
            } else {
                b"HTTP/1.1 404 x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            };
            // A caller that hung up has seen enough.
            let _ = stream.write_all(reply).await;
        }
    }

    #[tokio::test]
    async fn the_server_of_another_source_is_named_with_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let options = SourceOptions {
            endpoint: Some(format!("http://{}", listener.local_addr().expect("bound"))),
            ..SourceOptions::default()
        };
        let server = tokio::spawn(tempo(listener));
        for name in ["auto", "jaeger", "jaeger-json"] {
            let (link, source) = check(find_source(name).expect("a row"), &options).await;
            assert!(
                source.is_none() && link.state == LinkState::Failed,
                "{name}"
            );
            assert!(
                link.causes[0].what.contains("Grafana Tempo")
                    && link.causes[0].change.ends_with("source = \"tempo\""),
                "{name}: {:?}",
                link.causes
            );
        }
        server.abort();
    }

    #[test]
    fn a_web_port_for_grpc_is_told_apart() {
        assert!(
            causes_by_peer(Peer::Http, find_source("jaeger").expect("a row"), "h:16686")[0]
                .what
                .contains("gRPC is on 16685")
        );
        assert!(
            causes_by_peer(Peer::Http, SourceEntry::usual(), "h:80")[0]
                .what
                .contains("not Jaeger's query service")
        );
    }
}
