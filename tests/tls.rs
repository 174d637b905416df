//! What is said of TLS that fails, against real servers: Go's crypto/tls and net/http, gRPC's
//! C-core and OpenSSL's, each with one fault after another, on each of the three links. With
//! `MILVUS_BENCH_TLS_TABLE=FILE` the table of what `doctor` said is written there.

#[path = "tls/servers.rs"]
mod servers;

use std::{
    fmt::Write,
    path::Path,
    process::{Command, Output},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use milvus_bench::{
    null_milvus::FakeMilvus,
    tls::{TlsCause, TlsPeer},
};
use servers::Servers;

const PROGRAM: &str = env!("CARGO_BIN_EXE_milvus-bench");

/// Programs that run at the same time.
const AT_ONCE: usize = 3;

/// Options of the client, the same for all three links.
#[derive(Clone, Copy)]
struct Client {
    scheme: &'static str,
    /// Keys of `tls`, each the name of a file but for the name of the server.
    tls: &'static [(&'static str, &'static str)],
}

const CA: (&str, &str) = ("ca", "ca.pem");
/// Trusts the tests' CA.
const TRUSTING: Client = Client {
    scheme: "https",
    tls: &[CA],
};
/// Knows the system's CAs alone.
const UNAWARE: Client = Client {
    scheme: "https",
    tls: &[],
};
const PLAIN: Client = Client {
    scheme: "http",
    tls: &[],
};
/// With a certificate that the servers trust, and with one that they don't.
const KNOWN: Client = Client {
    scheme: "https",
    tls: &[CA, ("cert", "client.pem"), ("key", "client.key")],
};
const STRANGER: Client = Client {
    scheme: "https",
    tls: &[
        CA,
        ("cert", "other-client.pem"),
        ("key", "other-client.key"),
    ],
};
/// Asks for the server by another name than that of its address.
const NAMING: Client = Client {
    scheme: "https",
    tls: &[CA, ("server_name", "other.test")],
};

/// A server with a fault, the client that meets it, and the cause by gRPC and by HTTP; None: TLS
/// itself works.
struct Case(
    &'static str,
    &'static str,
    Client,
    Option<TlsCause>,
    Option<TlsCause>,
);

impl Case {
    /// The same by gRPC and by HTTP.
    const fn same(
        server: &'static str,
        fault: &'static str,
        client: Client,
        cause: TlsCause,
    ) -> Self {
        Self(server, fault, client, Some(cause), Some(cause))
    }
}

/// What every server can show.
const OF_ALL: &[(&str, TlsCause)] = &[
    ("ca-true", TlsCause::CaAsServer),
    ("self-signed", TlsCause::CaAsServer),
    ("v1", TlsCause::OldCertificate),
    ("expired", TlsCause::Expired),
    ("future", TlsCause::NotYetValid),
    ("other-name", TlsCause::WrongName),
    ("no-name", TlsCause::NoNames),
    ("client-cert", TlsCause::NoClientCertificate),
];

const GO: &str = "Go";
const CORE: &str = "C-core";
const OPENSSL: &str = "OpenSSL";

/// What is particular to each.
const CASES: &[Case] = &[
    Case(GO, "web", TRUSTING, None, None),
    Case::same(GO, "web", UNAWARE, TlsCause::UnknownIssuer),
    Case::same(GO, "web", PLAIN, TlsCause::OnlyTls),
    Case::same(GO, "plain", TRUSTING, TlsCause::NotTls),
    Case::same(
        GO,
        "client-cert",
        STRANGER,
        TlsCause::ClientCertificateRefused,
    ),
    Case(GO, "client-cert", KNOWN, None, None),
    Case::same(
        GO,
        "client-cert-1.2",
        TRUSTING,
        TlsCause::NoClientCertificate,
    ),
    Case::same(
        GO,
        "client-cert-1.2",
        STRANGER,
        TlsCause::ClientCertificateRefused,
    ),
    Case(GO, "http1", TRUSTING, Some(TlsCause::NoHttp2), None),
    Case(GO, "no-alpn", TRUSTING, Some(TlsCause::NoAlpn), None),
    Case::same(GO, "old-version", TRUSTING, TlsCause::NoCommonVersion),
    Case::same(GO, "behind-down", TRUSTING, TlsCause::ClosedAfterwards),
    Case::same(GO, "hang-up", TRUSTING, TlsCause::HungUp),
    Case::same(GO, "reset", TRUSTING, TlsCause::HungUp),
    Case::same(
        GO,
        "client-cert-page",
        TRUSTING,
        TlsCause::NoClientCertificate,
    ),
    Case(GO, "client-cert-page", KNOWN, None, None),
    Case::same(GO, "sni", TRUSTING, TlsCause::ServerError),
    Case(GO, "sni", NAMING, None, None),
    Case(GO, "other-name", NAMING, None, None),
    Case(CORE, "good", TRUSTING, None, None),
    Case::same(CORE, "good", UNAWARE, TlsCause::UnknownIssuer),
    Case::same(CORE, "good", PLAIN, TlsCause::OnlyTls),
    Case::same(CORE, "plain", TRUSTING, TlsCause::NotTls),
    Case::same(
        CORE,
        "client-cert",
        STRANGER,
        TlsCause::ClientCertificateRefused,
    ),
    Case(CORE, "client-cert", KNOWN, None, None),
    Case(CORE, "other-name", NAMING, None, None),
    Case::same(OPENSSL, "web", UNAWARE, TlsCause::UnknownIssuer),
    Case::same(OPENSSL, "web", PLAIN, TlsCause::OnlyTls),
    Case::same(
        OPENSSL,
        "client-cert-no-alpn",
        TRUSTING,
        TlsCause::NoClientCertificate,
    ),
    Case::same(
        OPENSSL,
        "client-cert-refused",
        STRANGER,
        TlsCause::ClientCertificateRefused,
    ),
    Case::same(
        OPENSSL,
        "client-cert-1.2",
        TRUSTING,
        TlsCause::NoClientCertificate,
    ),
    Case(OPENSSL, "http1", TRUSTING, Some(TlsCause::NoHttp2), None),
    Case(OPENSSL, "no-alpn", TRUSTING, Some(TlsCause::NoAlpn), None),
    Case::same(OPENSSL, "old-version", TRUSTING, TlsCause::NoCommonVersion),
];

fn cases() -> Vec<Case> {
    let of_all = [GO, CORE, OPENSSL].into_iter().flat_map(|server| {
        let case = move |(fault, cause): &(&'static str, TlsCause)| {
            Case::same(server, fault, TRUSTING, *cause)
        };
        OF_ALL.iter().map(case)
    });
    let one =
        |Case(server, fault, client, grpc, http): &Case| Case(server, fault, *client, *grpc, *http);
    CASES.iter().map(one).chain(of_all).collect()
}

/// How a link is spoken with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Grpc,
    Http,
}

/// Links by the name that `doctor` gives them, each with its table.
const LINKS: [(&str, TlsPeer); 3] = [
    ("Milvus", TlsPeer::Milvus),
    ("OTLP endpoint", TlsPeer::OtlpEndpoint),
    ("span source", TlsPeer::SpanSource),
];

/// The vectors of that scenario.
const RANDOM: &str = "format = \"random\"\nrows = 100\ndim = 4\nqueries = 10";

/// A scenario of one short phase; `other` comes before the collections.
fn scenario(milvus: &str, tracing: &str, spans: &str) -> String {
    format!(
        r#"
name = "tls"
[milvus]
{milvus}
connections = 1
[tracing]
sample_ratio = 1.0
{tracing}
[tracing.spans]
settle = "0s"
deadline = "1s"
{spans}
[data.noise]
{RANDOM}
[collections.words]
data = "noise"
metric = "L2"
prepare = "full"
index = {{ type = "FLAT" }}
[workloads.search]
operation = "search"
rate = 20
limit = 1
[[phases]]
name = "only"
duration = "1s"
workloads = ["search"]
"#
    )
}

impl Client {
    /// `tls = { ... }`, with the files of `servers`.
    fn tls(self, servers: &Servers) -> String {
        let pair = |(key, value): &(&str, &str)| match *key {
            "server_name" => format!("{key} = {value:?}"),
            _ => format!("{key} = {:?}", servers.file(value)),
        };
        let pairs: Vec<String> = self.tls.iter().map(pair).collect();
        if pairs.is_empty() {
            String::new()
        } else {
            format!("tls = {{ {} }}", pairs.join(", "))
        }
    }

    /// All three links to one port; by HTTP the third has none to Milvus, which is gRPC alone.
    fn scenario(self, servers: &Servers, port: u16, by: By, source: &str) -> String {
        let (scheme, tls) = (self.scheme, self.tls(servers));
        let address = format!("{scheme}://localhost:{port}");
        let (milvus, path) = match by {
            By::Grpc => (format!("uri = {address:?}\n{tls}"), ""),
            By::Http => ("uri = \"http://127.0.0.1:1\"".to_owned(), "/v1/traces"),
        };
        scenario(
            &milvus,
            &format!("export = \"{address}{path}\"\n{tls}"),
            &format!("source = {source:?}\nendpoint = {address:?}\n{tls}"),
        )
    }

    fn described(self) -> String {
        let keys: Vec<&str> = self.tls.iter().map(|(_, value)| *value).collect();
        let keys = if keys.is_empty() {
            "no tls".to_owned()
        } else {
            keys.join(" ")
        };
        format!("{}, {keys}", self.scheme)
    }
}

fn program(folder: &Path, arguments: &[&str]) -> Output {
    let output = command(folder, arguments).output();
    output.expect("the program starts")
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("MILVUS_BENCH_CALIBRATE", "off")
        .env("NO_COLOR", "1");
    command
}

/// What `doctor` says of one link: its line and those below it.
fn said<'a>(output: &'a str, link: &str) -> Vec<&'a str> {
    let mut lines = output.lines();
    let first = lines
        .find(|line| line.get(8..).is_some_and(|rest| rest.starts_with(link)))
        .unwrap_or_else(|| panic!("no {link} in\n{output}"));
    let below = lines.take_while(|line| line.starts_with(' '));
    [first].into_iter().chain(below).collect()
}

/// What is wrong with `said` of a link where `expected` is the cause; None: nothing.
fn wrong(said: &[&str], peer: TlsPeer, expected: Option<TlsCause>) -> Option<String> {
    let text = said.join("\n");
    match expected {
        Some(cause) => {
            let right = said[0].starts_with("FAILED")
                && said
                    .get(1)
                    .is_some_and(|line| line.trim() == format!("1. {}", cause.what()))
                && said
                    .get(2)
                    .is_some_and(|line| line.trim() == cause.change(peer))
                && said.len() == 3
                && text.matches(cause.what()).count() == 1;
            (!right).then(|| format!("expected {cause:?} once, found\n{text}"))
        }
        None => {
            let named = TlsCause::named_in(&text);
            // Words of the servers behind TLS; OpenSSL's answers with a page, and no POST at all.
            let answered = [
                "404",
                "Method not found",
                "web page",
                "does not answer within",
            ];
            let is_right = named.is_none() && answered.iter().any(|word| text.contains(word));
            (!is_right).then(|| format!("TLS works, but {named:?} was named:\n{text}"))
        }
    }
}

/// A row of the table for people, of what `doctor` said.
fn row(Case(server, fault, client, ..): &Case, by: By, link: &str, said: &[&str]) -> String {
    let by = if by == By::Grpc { "gRPC" } else { "HTTP" };
    let what = said.get(1).map_or(said[0], |line| line.trim());
    let what = what.trim_start_matches("1. ");
    format!(
        "| {server} | {fault} | {} | {link}, {by} | {what} |\n",
        client.described()
    )
}

#[test]
fn each_fault_of_each_server_is_told_apart_on_each_link() {
    let fake = FakeMilvus::start();
    let servers = Servers::start(fake.uri().trim_start_matches("http://"));
    let folder = tempfile::tempdir().expect("a folder");
    let cases = cases();
    let all: Vec<(usize, By)> = (0..cases.len())
        .flat_map(|number| [(number, By::Grpc), (number, By::Http)])
        // A server of gRPC alone hears no HTTP/1.
        .filter(|(number, by)| *by == By::Grpc || cases[*number].0 != CORE)
        .collect();
    let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some((number, by)) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            let case @ Case(server, fault, client, grpc, http) = &cases[*number];
            let (source, expected) = match by {
                // It asks both ways, and names what both meet.
                By::Grpc if grpc == http && number % 2 == 0 => ("auto", grpc),
                By::Grpc => ("jaeger", grpc),
                By::Http if *server == GO => ("jaeger-json", http),
                By::Http => ("tempo", http),
            };
            let port = servers.port(server, fault);
            let name = format!(
                "{number}-{}.toml",
                if *by == By::Grpc { "grpc" } else { "http" }
            );
            let text = client.scenario(&servers, port, *by, source);
            std::fs::write(folder.path().join(&name), text).expect("written");
            let output = program(folder.path(), &["doctor", &name, "--deadline", "1"]);
            let stdout = String::from_utf8_lossy(&output.stdout);
            for (link, peer) in LINKS {
                if link == "Milvus" && *by == By::Http {
                    continue;
                }
                let said = said(&stdout, link);
                let row = row(case, *by, link, &said);
                let wrong = wrong(&said, peer, *expected);
                let wrong = wrong.map(|wrong| format!("{row}{wrong}\n"));
                found.lock().expect("no panic").push((*number, row, wrong));
            }
        }
    };
    std::thread::scope(|scope| {
        (0..AT_ONCE).for_each(|_| drop(scope.spawn(work)));
    });
    let mut found = found.into_inner().expect("no panic");
    found.sort();
    let mut table =
        "| server | fault | client | link | doctor |\n|---|---|---|---|---|\n".to_owned();
    found.iter().for_each(|(_, row, _)| table += row);
    if let Some(path) = std::env::var_os("MILVUS_BENCH_TLS_TABLE") {
        std::fs::write(path, &table).expect("the table is written");
    }
    let wrong: String = found
        .into_iter()
        .filter_map(|(_, _, wrong)| wrong)
        .collect();
    assert!(wrong.is_empty(), "{wrong}");
    a_file_that_cant_be_used_is_named(&servers, folder.path());
    a_run_says_the_same(&servers, &cases, folder.path());
    a_run_with_the_right_options_works(&servers, &fake, folder.path());
    a_file_is_fetched_where_its_ca_is_named(&servers, folder.path());
}

/// Of each link, and nothing is guessed from what listens there.
fn a_file_that_cant_be_used_is_named(servers: &Servers, folder: &Path) {
    let client = Client {
        scheme: "https",
        tls: &[("ca", "server.key")],
    };
    let text = client.scenario(servers, servers.port(GO, "web"), By::Grpc, "jaeger");
    std::fs::write(folder.join("file.toml"), text).expect("written");
    let output = program(folder, &["doctor", "file.toml", "--deadline", "1"]);
    let stdout = String::from_utf8_lossy(&output.stdout);
    for (link, peer) in LINKS {
        let said = said(&stdout, link);
        let cause = said.get(1).copied().unwrap_or_default();
        assert!(
            said[0].contains(&format!("{} names ", peer.key("ca")))
                && cause.ends_with("can't be used"),
            "{said:#?}"
        );
    }
}

/// `run` ends with the cause where Milvus can't be reached, and warns of it on the other links.
fn a_run_says_the_same(servers: &Servers, cases: &[Case], folder: &Path) {
    let fake = FakeMilvus::start();
    let mut wrong = String::new();
    let mut check = |case: &Case, stderr: &str, cause: TlsCause, peers: &[TlsPeer]| {
        for peer in peers {
            if !(stderr.contains(cause.what()) && stderr.contains(&cause.change(*peer))) {
                let Case(server, fault, ..) = case;
                let _ = writeln!(
                    wrong,
                    "{server} {fault} {peer:?}: no {cause:?} in\n{stderr}"
                );
            }
        }
    };
    for (number, case) in cases.iter().enumerate() {
        let Case(server, fault, _, Some(cause), _) = case else {
            continue;
        };
        let name = format!("{number}-grpc.toml");
        let output = program(folder, &["run", &name]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{server} {fault}: {stderr}");
        check(case, &stderr, *cause, &[TlsPeer::Milvus]);
    }
    let of_others = [
        (GO, "client-cert", TRUSTING, By::Grpc),
        (GO, "web", UNAWARE, By::Http),
        (CORE, "client-cert", TRUSTING, By::Grpc),
        (OPENSSL, "v1", TRUSTING, By::Http),
        (GO, "web", PLAIN, By::Grpc),
    ];
    for (number, (server, fault, client, by)) in of_others.into_iter().enumerate() {
        let source = if by == By::Grpc {
            "jaeger"
        } else {
            "jaeger-json"
        };
        let is_it = |case: &&Case| {
            case.0 == server
                && case.1 == fault
                && case.2.tls == client.tls
                && case.2.scheme == client.scheme
        };
        let case = cases.iter().find(is_it).expect("a case of the table");
        let name = format!("other-{number}.toml");
        let text = client
            .scenario(servers, servers.port(server, fault), By::Http, source)
            .replace("http://127.0.0.1:1", &fake.uri());
        let text = match by {
            By::Grpc => text.replace("/v1/traces", ""),
            By::Http => text,
        };
        std::fs::write(folder.join(&name), text).expect("written");
        let output = program(folder, &["run", &name, "--accept-invalid"]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        let cause = case.3.expect("a cause");
        check(
            case,
            &stderr,
            cause,
            &[TlsPeer::OtlpEndpoint, TlsPeer::SpanSource],
        );
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// A private CA, a client certificate and a name by SNI: what the advice says, done.
fn a_run_with_the_right_options_works(servers: &Servers, fake: &FakeMilvus, folder: &Path) {
    for (fault, client) in [
        ("good", TRUSTING),
        ("good-client-cert", KNOWN),
        ("good-other-name", NAMING),
    ] {
        let port = servers.port(GO, fault);
        let text = client
            .scenario(servers, port, By::Grpc, "jaeger")
            .replace("sample_ratio = 1.0", "sample_ratio = 0.0");
        std::fs::write(folder.join("good.toml"), text).expect("written");
        let before = fake.calls().len();
        let output = program(folder, &["run", "good.toml", "--accept-invalid"]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{fault}: {stderr}");
        assert!(fake.calls().len() > before, "{fault}: {stderr}");
    }
}

/// The file of a data set, whose server no CA of the system has signed.
fn a_file_is_fetched_where_its_ca_is_named(servers: &Servers, folder: &Path) {
    // Of the bytes that the server has.
    let sum = "0e1b6c9e95be2e1627b73a9449e381cc2acb5d6f675d165c5fe92b7ae80c7b1a";
    let port = servers.port(GO, "file");
    let remote = format!("{{ url = \"https://localhost:{port}/base.fbin\", sha256 = \"{sum}\" }}");
    let text = PLAIN
        .scenario(servers, 1, By::Http, "auto")
        .replace(RANDOM, &format!("base = {remote}\nqueries = {remote}"));
    std::fs::write(folder.join("fetch.toml"), text).expect("written");
    let fetch = |ca: Option<&str>| {
        let mut command = command(folder, &["data", "fetch", "fetch.toml"]);
        command.env("MILVUS_BENCH_CACHE", folder.join("cache"));
        command.envs(ca.map(|name| ("SSL_CERT_FILE", servers.file(name))));
        command.output().expect("the program starts")
    };
    let unaware = fetch(None);
    let stderr = String::from_utf8_lossy(&unaware.stderr);
    assert!(
        stderr.contains(TlsCause::UnknownIssuer.what()) && stderr.contains("SSL_CERT_FILE="),
        "{stderr}"
    );
    let output = fetch(Some("ca.pem"));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
}
