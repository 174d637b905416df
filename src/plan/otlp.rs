//! Where the client's own spans go, and how: `--otlp` and `--set` come before OpenTelemetry's
//! variables, those before the scenario. A variable that can't be used is named and left out, since
//! it may have been set for other programs.

use std::time::Duration;

use http::{HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;
use url::Url;

use super::{
    PlanFlags, Remark, Secret, tls,
    uri::{Address, Giver},
};
use crate::{
    scenario::{At, Environment, ScenarioError, Section, quoted},
    tls::{TlsFile, TlsOptions, TlsPeer},
};

/// The endpoint of OTLP/gRPC where none is named; that of OTLP/HTTP has another port.
pub(super) const EXPORT: &str = "http://127.0.0.1:4317";
const EXPORT_HTTP: &str = "http://127.0.0.1:4318";

/// Ports that OpenTelemetry gives to each protocol, and the path of OTLP/HTTP.
const GRPC_PORT: u16 = 4317;
const HTTP_PORT: u16 = 4318;
const TRACES_PATH: &str = "/v1/traces";

/// Variables of the exporter begin so; those for traces alone come first.
const PREFIXES: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES", "OTEL_EXPORTER_OTLP"];

/// Longest time for a batch that may be asked for, and the one of OpenTelemetry's default.
const MAX_TIMEOUT: Duration = Duration::from_secs(600);
const TIMEOUT: Duration = Duration::from_secs(10);

/// How OTLP is carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtlpProtocol {
    /// OTLP/gRPC.
    Grpc,
    /// OTLP/HTTP, protobuf.
    HttpProtobuf,
}

impl OtlpProtocol {
    /// As OpenTelemetry writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::HttpProtobuf => "http/protobuf",
        }
    }

    /// What the port or the path of an address says.
    fn of(address: &Url) -> Option<Self> {
        match address.port() {
            _ if address.path().trim_end_matches('/').ends_with(TRACES_PATH) => {
                Some(Self::HttpProtobuf)
            }
            Some(GRPC_PORT) => Some(Self::Grpc),
            Some(HTTP_PORT) => Some(Self::HttpProtobuf),
            _ => None,
        }
    }
}

/// Where the client's spans go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportPlan {
    /// The endpoint; of OTLP/HTTP with its path. Without user and password.
    pub endpoint: String,
    /// How.
    pub protocol: OtlpProtocol,
    /// Headers of each request; values are secrets.
    pub headers: Vec<(String, Secret)>,
    /// Whether requests are compressed.
    pub gzip: bool,
    /// Longest time for a batch.
    pub timeout: Duration,
    /// For an address with https.
    pub tls: TlsOptions,
}

/// Who says where spans go.
enum Target<'a> {
    Off,
    To(Address<'a>),
    Default,
}

pub(super) fn export(
    table: &Section,
    flags: &PlanFlags,
    env: Environment<'_>,
    remarks: &mut Vec<Remark>,
) -> Result<Option<ExportPlan>, ScenarioError> {
    let written = table.text("export")?;
    if let Some(at) = written.as_ref().filter(|at| !is_off(at)) {
        // Even where it is overridden: the scenario's text is kept in the run folder, so it must
        // hold no password.
        Address::written(at).url(EXPORT)?;
    }
    let mut variables = Variables { env, remarks };
    let target = if let Some(text) = &flags.otlp {
        Target::To(Address {
            text: text.clone(),
            giver: Giver::Flag("--otlp"),
        })
    } else {
        let written = written.as_ref();
        match written.filter(|at| at.place.is_set()) {
            Some(at) => of_scenario(at),
            None => variables
                .target(written.is_some())
                .unwrap_or_else(|| written.map_or(Target::Default, of_scenario)),
        }
    };
    let asked = match target {
        Target::Off => return Ok(None),
        Target::To(address) => Some(address),
        Target::Default => None,
    };
    let (address, protocol) = variables.address(asked)?;
    let gzip = variables.gzip();
    let timeout = variables.timeout();
    let headers = variables.headers();
    let tls = variables.tls(&address, table.section("tls"))?;
    variables.insecure(&address);
    let endpoint = address.as_str().trim_end_matches('/').to_owned();
    Ok(Some(ExportPlan {
        endpoint,
        protocol,
        headers,
        gzip,
        timeout,
        tls,
    }))
}

fn of_scenario(at: &At<String>) -> Target<'_> {
    if is_off(at) {
        Target::Off
    } else {
        Target::To(Address::written(at))
    }
}

fn is_off(at: &At<String>) -> bool {
    at.value.eq_ignore_ascii_case("off")
}

/// What [`older_names`]' variable has for programs of other conventions, each also with `/dup`.
const OTHER_CONVENTIONS: [&str; 8] = [
    "http",
    "database",
    "messaging",
    "code",
    "k8s",
    "db",
    "system",
    "gen_ai_latest_experimental",
];

/// Whether the older names of RPC attributes are wanted beside those of today.
pub(super) fn older_names(env: Environment<'_>, remarks: &mut Vec<Remark>) -> bool {
    const NAME: &str = "OTEL_SEMCONV_STABILITY_OPT_IN";
    let text = env(NAME).unwrap_or_default();
    let asked: Vec<&str> = text
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .collect();
    for word in &asked {
        // Those of other conventions are for other programs, but for the one that a client of a
        // database might follow.
        let area = word.strip_suffix("/dup").unwrap_or(word);
        let is_for_others = OTHER_CONVENTIONS.contains(&area) && *word != "database/dup";
        if !is_for_others && !["rpc", "rpc/dup"].contains(word) {
            remarks.push(Remark::Variable {
                variable: NAME.to_owned(),
                story: format!(
                    "has {}, which is ignored; expected rpc or rpc/dup",
                    quoted(word)
                ),
            });
        }
    }
    asked.contains(&"rpc/dup")
}

/// Attributes of this process for all its spans: those of `OTEL_RESOURCE_ATTRIBUTES`.
pub(super) fn resource(env: Environment<'_>, remarks: &mut Vec<Remark>) -> Vec<(String, String)> {
    const NAME: &str = "OTEL_RESOURCE_ATTRIBUTES";
    let text = env(NAME).unwrap_or_default();
    let mut found = Vec::new();
    for (entry, pair) in entries(&text).zip(pairs(&text)) {
        match pair {
            Ok(pair) => found.push(pair),
            Err(story) => {
                let story = format!(
                    "has {story}, {}, which is ignored; entries are name=value",
                    quoted(entry)
                );
                remarks.push(Remark::Variable {
                    variable: NAME.to_owned(),
                    story,
                });
            }
        }
    }
    found
}

/// Entries of such a list that are not empty.
fn entries(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
}

/// The pairs of a list as OpenTelemetry's variables have it, values percent-encoded; what is no
/// pair is an error that says so.
fn pairs(text: &str) -> impl Iterator<Item = Result<(String, String), &'static str>> {
    entries(text).map(|entry| {
        let (key, value) = entry.split_once('=').ok_or("an entry without `=`")?;
        let value = percent_decode_str(value.trim())
            .decode_utf8()
            .map_err(|_| "a value that is not UTF-8")?;
        let key = key.trim();
        if key.is_empty() {
            Err("an entry without a name")
        } else {
            Ok((key.to_owned(), value.into_owned()))
        }
    })
}

/// OpenTelemetry's variables, and what is to be said of them.
struct Variables<'a> {
    env: Environment<'a>,
    remarks: &'a mut Vec<Remark>,
}

impl Variables<'_> {
    /// A variable that is set; an empty one is not.
    fn get(&self, name: &str) -> Option<String> {
        (self.env)(name)
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty())
    }

    /// `OTEL_EXPORTER_OTLP_<NAME>` with its full name, that of traces first.
    fn of_exporter(&self, name: &str) -> Option<(String, String)> {
        PREFIXES
            .iter()
            .map(|prefix| format!("{prefix}_{name}"))
            .find_map(|name| self.get(&name).map(|text| (name, text)))
    }

    fn remark(&mut self, variable: impl Into<String>, story: impl Into<String>) {
        self.remarks.push(Remark::Variable {
            variable: variable.into(),
            story: story.into(),
        });
    }

    /// Names what overrides the scenario's `export`.
    fn overrides(&mut self, variable: &str, is_written: bool, story: &str) {
        if is_written {
            self.remarks.push(Remark::EnvironmentOverrides {
                variable: variable.to_owned(),
                key: "tracing.export".to_owned(),
            });
        } else if !story.is_empty() {
            self.remark(variable, story);
        }
    }

    /// What the environment says of the export; None: nothing that can be used.
    fn target(&mut self, is_written: bool) -> Option<Target<'static>> {
        const OFF: &str = "switches the client's spans off";
        let off = self.disabled().or_else(|| self.exporter_of_none());
        if let Some(variable) = off {
            self.overrides(variable, is_written, OFF);
            return Some(Target::Off);
        }
        let own = self.endpoint(
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "it is ignored, and OTEL_EXPORTER_OTLP_ENDPOINT is used if it is set",
        );
        let address =
            own.or_else(|| self.endpoint("OTEL_EXPORTER_OTLP_ENDPOINT", "it is ignored"))?;
        if let Giver::Variable(name) = address.giver {
            self.overrides(name, is_written, "");
        }
        Some(Target::To(address))
    }

    /// The variable that switches the whole SDK off, if it does.
    fn disabled(&mut self) -> Option<&'static str> {
        const VARIABLE: &str = "OTEL_SDK_DISABLED";
        let text = self.get(VARIABLE)?;
        if text.eq_ignore_ascii_case("true") {
            return Some(VARIABLE);
        }
        if !text.eq_ignore_ascii_case("false") {
            let text = quoted(&text);
            self.remark(
                VARIABLE,
                format!("is {text}, which is ignored; expected true or false"),
            );
        }
        None
    }

    /// The variable that names exporters, if it names none.
    fn exporter_of_none(&mut self) -> Option<&'static str> {
        const VARIABLE: &str = "OTEL_TRACES_EXPORTER";
        let text = self.get(VARIABLE)?;
        let names: Vec<String> = text
            .split(',')
            .map(|name| name.trim().to_lowercase())
            .filter(|name| !name.is_empty())
            .collect();
        if !names.is_empty() && names.iter().all(|name| name == "none") {
            return Some(VARIABLE);
        }
        let unknown: Vec<String> = names
            .iter()
            .filter(|name| *name != "otlp")
            .map(|name| quoted(name))
            .collect();
        if !unknown.is_empty() {
            let unknown = unknown.join(", ");
            self.remark(
                VARIABLE,
                format!("has {unknown}, which is ignored; expected otlp or none"),
            );
        }
        None
    }

    /// The address that the variable `name` holds; `otherwise` is told of one that can't be used.
    fn endpoint(&mut self, name: &'static str, otherwise: &str) -> Option<Address<'static>> {
        let text = self.get(name)?;
        let address = Address {
            text: self.with_scheme(name, text),
            giver: Giver::Variable(name),
        };
        let Err(error) = address.url(EXPORT) else {
            return Some(address);
        };
        let error = error.to_string();
        let story = error.strip_prefix(&format!("`{name}` ")).unwrap_or(&error);
        // The suggestion of an address is for those of Milvus.
        let story = if story.starts_with("contains a user") {
            "contains a user or password, which belong in OTEL_EXPORTER_OTLP_HEADERS"
        } else {
            story
        };
        self.remark(name, format!("{story}; {otherwise}"));
        None
    }

    /// An address without a scheme has that of `_INSECURE`.
    fn with_scheme(&mut self, name: &str, text: String) -> String {
        let has_host = text
            .rsplit_once(':')
            .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
        if !has_host || text.contains("://") {
            return text;
        }
        let is_plain = self
            .of_exporter("INSECURE")
            .is_some_and(|(_, text)| text.eq_ignore_ascii_case("true"));
        if !is_plain {
            self.remark(
                name,
                format!(
                    "is {} without a scheme: https:// is used; OTEL_EXPORTER_OTLP_INSECURE=true \
                     makes it http://",
                    quoted(&text)
                ),
            );
        }
        format!("{}://{text}", if is_plain { "http" } else { "https" })
    }

    /// The address and the protocol. Who names an address in the environment names the protocol
    /// there; a port of OpenTelemetry in an address from elsewhere comes before a variable that may
    /// be meant for another one.
    fn address(
        &mut self,
        asked: Option<Address<'_>>,
    ) -> Result<(Url, OtlpProtocol), ScenarioError> {
        let variable = self.protocol();
        let wanted = variable.as_ref().map(|(_, protocol)| *protocol);
        let Some(address) = asked else {
            let protocol = wanted.unwrap_or(OtlpProtocol::Grpc);
            let text = if protocol == OtlpProtocol::Grpc {
                EXPORT
            } else {
                EXPORT_HTTP
            };
            let address = Address {
                text: text.to_owned(),
                giver: Giver::Flag("--otlp"),
            };
            return Ok((with_path(address.url(EXPORT)?, protocol, false), protocol));
        };
        let url = address.url(EXPORT)?;
        let named = OtlpProtocol::of(&url);
        let (is_variable, is_whole) = match address.giver {
            Giver::Variable(name) => (true, name.starts_with(PREFIXES[0])),
            _ => (false, false),
        };
        let protocol = if is_variable {
            wanted.or(named)
        } else {
            named.or(wanted)
        }
        .unwrap_or(OtlpProtocol::Grpc);
        if let Some((name, wanted)) = variable.filter(|(_, wanted)| *wanted != protocol) {
            let shown = url.port_or_known_default().unwrap_or_default();
            self.remark(
                name,
                format!(
                    "is {}, but port {shown} or the path of the address is that of {}, which is \
                     used",
                    wanted.name(),
                    protocol.name()
                ),
            );
        }
        Ok((with_path(url, protocol, is_whole), protocol))
    }

    fn protocol(&mut self) -> Option<(String, OtlpProtocol)> {
        let (name, text) = self.of_exporter("PROTOCOL")?;
        match text.to_lowercase().as_str() {
            "grpc" => Some((name, OtlpProtocol::Grpc)),
            "http/protobuf" => Some((name, OtlpProtocol::HttpProtobuf)),
            // A server of OTLP/HTTP has to take both encodings.
            "http/json" => {
                self.remark(
                    &name,
                    "is http/json, which is not supported: http/protobuf is used",
                );
                Some((name, OtlpProtocol::HttpProtobuf))
            }
            _ => {
                self.remark(
                    name,
                    format!(
                        "is {}, which is ignored; expected grpc or http/protobuf",
                        quoted(&text)
                    ),
                );
                None
            }
        }
    }

    fn gzip(&mut self) -> bool {
        let Some((name, text)) = self.of_exporter("COMPRESSION") else {
            return false;
        };
        let gzip = text.eq_ignore_ascii_case("gzip");
        if !gzip && !text.eq_ignore_ascii_case("none") {
            self.remark(
                name,
                format!(
                    "is {}, which is ignored: nothing is compressed; expected gzip or none",
                    quoted(&text)
                ),
            );
        }
        gzip
    }

    fn timeout(&mut self) -> Duration {
        let Some((name, text)) = self.of_exporter("TIMEOUT") else {
            return TIMEOUT;
        };
        match text.parse().map(Duration::from_millis) {
            Ok(timeout) if !timeout.is_zero() && timeout <= MAX_TIMEOUT => timeout,
            _ => {
                let most = MAX_TIMEOUT.as_millis();
                self.remark(
                    name,
                    format!(
                        "is {}, which is ignored; expected whole milliseconds from 1 to {most}",
                        quoted(&text)
                    ),
                );
                TIMEOUT
            }
        }
    }

    /// Headers. What is wrong with one is said without its value, which is a secret.
    fn headers(&mut self) -> Vec<(String, Secret)> {
        let Some((name, text)) = self.of_exporter("HEADERS") else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for pair in pairs(&text) {
            match pair {
                Err(story) => self.remark(&name, format!("has {story}, which is ignored")),
                Ok((key, _)) if HeaderName::try_from(key.as_str()).is_err() => {
                    self.remark(
                        &name,
                        "has a name that HTTP does not allow, its entry is ignored",
                    );
                }
                Ok((key, value)) if HeaderValue::try_from(value.as_str()).is_err() => {
                    self.remark(
                        &name,
                        format!(
                            "has a value of {} that HTTP does not allow, it is ignored",
                            quoted(&key)
                        ),
                    );
                }
                Ok((key, value)) => found.push((key, Secret::new(value))),
            }
        }
        found
    }

    fn file(&self, name: &str) -> Option<TlsFile> {
        self.of_exporter(name)
            .map(|(variable, path)| TlsFile::new(path, variable))
    }

    /// `--set` before the variables, those before the scenario; certificate and key from one of
    /// them.
    fn tls(&mut self, address: &Url, table: Option<&Section>) -> Result<TlsOptions, ScenarioError> {
        let written = |table| tls::options(table, TlsPeer::OtlpEndpoint, Some(address.as_str()));
        let mut options = table.map(written).transpose()?.unwrap_or_default();
        let is_set = |key: &str| {
            table
                .and_then(|table| table.place_of(key))
                .is_some_and(|place| place.is_set())
        };
        let (ca, identity) = self.tls_files(address);
        if let Some(ca) = ca.filter(|_| !is_set("ca")) {
            self.overrides_tls(&ca, "ca", options.ca.is_some());
            options.ca = Some(ca);
        }
        if let Some((cert, key)) = identity.filter(|_| !is_set("cert") && !is_set("key")) {
            self.overrides_tls(&cert, "cert", options.cert.is_some());
            (options.cert, options.key) = (Some(cert), Some(key));
        }
        Ok(options)
    }

    fn overrides_tls(&mut self, file: &TlsFile, key: &str, is_written: bool) {
        if is_written {
            self.remarks.push(Remark::EnvironmentOverrides {
                variable: file.named_by.clone(),
                key: format!("tracing.tls.{key}"),
            });
        }
    }

    /// The CA's file of the variables, and those of the client certificate and its key.
    fn tls_files(&mut self, address: &Url) -> (Option<TlsFile>, Option<(TlsFile, TlsFile)>) {
        let (ca, cert, key) = (
            self.file("CERTIFICATE"),
            self.file("CLIENT_CERTIFICATE"),
            self.file("CLIENT_KEY"),
        );
        if address.scheme() != "https" {
            for file in [ca, cert, key].into_iter().flatten() {
                self.remark(
                    file.named_by,
                    "has no effect: the address of the export begins with http://",
                );
            }
            return (None, None);
        }
        match (cert, key) {
            (Some(cert), Some(key)) => (ca, Some((cert, key))),
            (Some(alone), None) => {
                self.remark(
                    alone.named_by,
                    "is ignored: the client certificate also needs OTEL_EXPORTER_OTLP_CLIENT_KEY",
                );
                (ca, None)
            }
            (None, Some(alone)) => {
                self.remark(
                    alone.named_by,
                    "is ignored: the client's key also needs OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
                );
                (ca, None)
            }
            (None, None) => (ca, None),
        }
    }

    /// Whether TLS is used is said by the scheme of the address; by the variable only where there
    /// was none.
    fn insecure(&mut self, address: &Url) {
        let Some((name, text)) = self.of_exporter("INSECURE") else {
            return;
        };
        let is_plain = match text.to_lowercase().as_str() {
            "true" => true,
            "false" => false,
            _ => {
                return self.remark(
                    name,
                    format!(
                        "is {}, which is ignored; expected true or false",
                        quoted(&text)
                    ),
                );
            }
        };
        if is_plain != (address.scheme() == "http") {
            self.remark(
                name,
                format!(
                    "is {text}, which has no effect: the address of the export begins with {}://",
                    address.scheme()
                ),
            );
        }
    }
}

/// The address that is posted to: that of a variable for traces alone is whole, others are a base.
fn with_path(mut url: Url, protocol: OtlpProtocol, is_whole: bool) -> Url {
    let path = url.path().trim_end_matches('/').to_owned();
    if protocol == OtlpProtocol::HttpProtobuf
        && !path.ends_with(TRACES_PATH)
        && (!is_whole || path.is_empty())
    {
        url.set_path(&format!("{path}{TRACES_PATH}"));
    }
    url
}
