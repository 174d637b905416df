//! Keys of `[tracing]`.

use super::{forms::URL, tls};
use crate::{
    keys::{DefaultValue, Key, Kind, Table, secs},
    plan::otlp::EXPORT,
    spans::SPAN_SOURCES,
};

const USUAL_SOURCE: DefaultValue = DefaultValue::Text(SPAN_SOURCES[0].name);
const NOT_BLANK: &str = "\\S";
const URL_OR_OFF: &str = "^\\s*[Hh][Tt][Tt][Pp][Ss]?://[^/@?#]|^[Oo][Ff][Ff]$";
/// An address with a place for the trace id, without a user.
const LINK: &str = "^[Hh][Tt][Tt][Pp][Ss]?://[^/@]+(/.*)?\\{trace_id\\}";
const SOCKET: &str = "^([0-9.]+|\\[[0-9A-Fa-f:.%]+\\]):[0-9]{1,5}$";
const SOCKET_OR_OFF: &str = "^([0-9.]+|\\[[0-9A-Fa-f:.%]+\\]):[0-9]{1,5}$|^[Oo][Ff][Ff]$";

/// `tracing`.
pub(super) static TRACING: Table = Table::new(
    "tracing",
    &[
        Key::new(
            "sample_ratio",
            Kind::Ratio,
            DefaultValue::Text("auto"),
            "share of requests that are traced; auto: at most `max_traces` in a phase",
        )
        .answers(&["sample_rate", "sampling"]),
        Key::new(
            "switch_every",
            Kind::duration(secs(4), secs(3600)),
            DefaultValue::None("never"),
            "length of time blocks; of each two, one is traced, picked at random, which shows the \
             cost of tracing",
        ),
        Key::new(
            "max_traces",
            Kind::integer(1, 10_000_000),
            DefaultValue::Integer(20_000),
            "maximum number of traces of a phase with `sample_ratio = \"auto\"`",
        ),
        Key::new(
            "keep_ids",
            Kind::Flag,
            DefaultValue::Flag(false),
            "writes primary keys and scores that traced searches and queries returned into \
             requests.jsonl, at most 1,000 per request",
        ),
        Key::new(
            "service_name",
            Kind::Text(NOT_BLANK),
            DefaultValue::Text("milvus-bench"),
            "`service.name` of the client's spans; `OTEL_SERVICE_NAME` takes precedence",
        )
        .allowed("not empty"),
        Key::new(
            "export",
            Kind::Text(URL_OR_OFF),
            DefaultValue::Text(EXPORT),
            "endpoint of the client's spans: HTTP with port 4318 or a path that ends in \
             /v1/traces, otherwise gRPC; `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` and \
             `OTEL_EXPORTER_OTLP_ENDPOINT` take precedence",
        )
        .allowed("an OTLP address, or off")
        .answers(&["otlp_endpoint", "otlp"]),
        Key::new(
            "tls",
            Kind::Table(&tls::OF_EXPORT),
            DefaultValue::None("the system's CA certificates"),
            "TLS of `export`; `OTEL_EXPORTER_OTLP_CERTIFICATE`, `..._CLIENT_CERTIFICATE` and \
             `..._CLIENT_KEY` take precedence",
        )
        .allowed("with https:// only"),
        Key::new(
            "spans",
            Kind::Table(&SPANS),
            DefaultValue::None(""),
            "where the server's spans are read",
        ),
    ],
);

/// `tracing.spans`.
static SPANS: Table = Table::new(
    "tracing.spans",
    &[
        Key::new(
            "source",
            Kind::Choice(|| SPAN_SOURCES.iter().map(|row| row.name).collect()),
            USUAL_SOURCE,
            "source of the server's spans; auto: Jaeger's gRPC on 16685, else its JSON on 16686, \
             else none",
        )
        .foreign(&[("jaeger", "`source` and `endpoint` of [tracing.spans]")]),
        Key::new(
            "endpoint",
            Kind::Text(URL),
            DefaultValue::None("the source's port on 127.0.0.1"),
            "address of the source, with its path; 16685 and 16686 mean both ports, any other \
             port only itself",
        )
        .allowed(
            "http:// or https:// (without a port: the source's, https 443); no user or password",
        ),
        Key::new(
            "admin",
            Kind::Text(URL),
            DefaultValue::None(
                "port 14269 or 8888 of the endpoint's host, if its port is 16685 or 16686",
            ),
            "Jaeger's admin port, which counts dropped spans",
        )
        .allowed("http:// or https://; no user or password"),
        Key::new(
            "settle",
            Kind::duration(secs(0), secs(600)),
            DefaultValue::Text("8s"),
            "wait after the last request before spans are read",
        ),
        Key::new(
            "deadline",
            Kind::duration(secs(1), secs(3600)),
            DefaultValue::Text("60s"),
            "maximum time for reading spans",
        ),
        Key::new(
            "headers",
            Kind::Headers,
            DefaultValue::None("none"),
            "headers of every request to the source",
        )
        .allowed("each value ${NAME}, \"Bearer ${NAME}\" or { file }"),
        Key::new(
            "tls",
            Kind::Table(&tls::OF_SPANS),
            DefaultValue::None("the system's CA certificates"),
            "TLS of `endpoint`",
        )
        .allowed("with https:// only"),
        Key::new(
            "link",
            Kind::Text(LINK),
            DefaultValue::None("Jaeger's UI if it answers"),
            "address of a trace in a UI, which reports link to",
        )
        .allowed("http:// or https://, with {trace_id} in it, without ${...}"),
        Key::new(
            "listen",
            Kind::Text(SOCKET),
            DefaultValue::Text("127.0.0.1:4317"),
            "source = \"embedded\": where spans are received",
        )
        .allowed("IP address and port"),
        Key::new(
            "listen_http",
            Kind::Text(SOCKET_OR_OFF),
            DefaultValue::Text("127.0.0.1:4318"),
            "source = \"embedded\": where OTLP/HTTP is received (protobuf, JSON); a port in use \
             causes a warning",
        )
        .allowed("IP address and port, or off"),
    ],
);
