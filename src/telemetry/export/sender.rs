//! One batch to the endpoint, by OpenTelemetry's exporter, and what became of it.

use std::{collections::HashSet, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::KeyValue;
use opentelemetry_otlp::{
    Compression, Protocol, RetryPolicy, SpanExporter, WithExportConfig as _, WithHttpConfig as _,
    WithTonicConfig as _,
};
use opentelemetry_sdk::{
    Resource,
    error::{OTelSdkError, OTelSdkResult},
    resource::TelemetryResourceDetector,
    trace::{SpanData, SpanExporter as _},
};
use tonic::metadata::MetadataMap;

use super::{
    events::Listener,
    http::{Client, HttpFailure, LastFailure},
    options::{ExportOptions, ExportProtocol},
};
use crate::{
    mask::Mask,
    not_grpc::NotGrpc,
    tls::{Look, Needs, TlsPeer, no_connection},
};

/// Longest text of a server that is kept.
const MAX_WORDS: usize = 300;

/// Longest look at why the endpoint took nothing.
const LOOK: Duration = Duration::from_secs(5);

/// Where batches go.
#[derive(Debug)]
pub(super) struct Sender {
    exporter: SpanExporter,
    listener: Listener,
    http: LastFailure,
    /// Of the headers' values.
    mask: Mask,
    resource_bytes: usize,
    options: ExportOptions,
}

/// What a batch came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    /// Further tries of it.
    pub(super) retries: u64,
    /// Spans that the server rejected though it took the batch, and its words.
    pub(super) taken: Result<(u64, String), Failure>,
}

/// Why a batch was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// One sentence, with the server's words but without the headers' values, which it may have
    /// repeated.
    pub(super) text: String,
    /// Status of an HTTP reply.
    pub(super) http_status: Option<u16>,
}

impl Sender {
    /// Must be called within a Tokio runtime. Connects when the first batch is sent.
    ///
    /// # Errors
    /// The endpoint is no URI, or a file of TLS can't be used.
    pub(super) fn new(options: &ExportOptions) -> Result<Self, String> {
        let (listener, http) = (Listener::default(), LastFailure::default());
        let headers = headers(&options.headers);
        let unusable = |error: opentelemetry_otlp::ExporterBuildError| {
            format!(
                "the OTLP endpoint {} can't be used: {error}",
                options.endpoint
            )
        };
        // Longer than the exporter's thread waits for a batch, so that there is one place that ends
        // it.
        let timeout = options.timeout * 2;
        let mut exporter = match options.protocol {
            ExportProtocol::Grpc => {
                let mut builder = SpanExporter::builder()
                    .with_tonic()
                    .with_endpoint(&options.endpoint)
                    .with_timeout(timeout)
                    .with_metadata(MetadataMap::from_headers(headers))
                    .with_retry_policy(RetryPolicy::recommended());
                if options.endpoint.starts_with("https://") {
                    let config = options.tls.for_grpc(timeout);
                    builder = builder.with_tls_config(config.map_err(|error| error.to_string())?);
                }
                if options.gzip {
                    builder = builder.with_compression(Compression::Gzip);
                }
                builder.build().map_err(unusable)?
            }
            ExportProtocol::HttpProtobuf => {
                let mut builder = SpanExporter::builder()
                    .with_http()
                    .with_protocol(Protocol::HttpBinary)
                    .with_endpoint(&options.endpoint)
                    .with_timeout(timeout)
                    .with_http_client(Client::new(options, headers, http.clone())?)
                    .with_retry_policy(RetryPolicy::recommended());
                if options.gzip {
                    builder = builder.with_compression(Compression::Gzip);
                }
                builder.build().map_err(unusable)?
            }
        };
        let (resource, resource_bytes) = resource(options);
        exporter.set_resource(&resource);
        Ok(Self {
            exporter,
            listener,
            http,
            mask: Mask::of(&options.headers),
            resource_bytes,
            options: options.clone(),
        })
    }

    /// Listens to the exporter's events on this thread, for as long as the guard lives.
    pub(super) fn listen(&self) -> tracing::subscriber::DefaultGuard {
        tracing::subscriber::set_default(self.listener.clone())
    }

    /// An upper bound of what stands around the spans of a batch.
    pub(super) fn resource_bytes(&self) -> usize {
        self.resource_bytes
    }

    /// Sends a batch, and again where that may help.
    pub(super) async fn send(&self, spans: Vec<SpanData>) -> Sent {
        let result = self.exporter.export(spans).await;
        let heard = self.listener.take();
        let words = self.clean(&heard.words);
        let taken = match result {
            Ok(()) => Ok((heard.rejected, words)),
            error => Err(self.failure(error, &words)),
        };
        Sent {
            retries: heard.tries.saturating_sub(1),
            taken,
        }
    }

    /// What a batch came to whose answer nobody waits for any more.
    pub(super) fn abandoned(&self, text: String) -> Sent {
        let retries = self.listener.take().tries.saturating_sub(1);
        self.http.take();
        Sent {
            retries,
            taken: Err(Failure {
                text,
                http_status: None,
            }),
        }
    }

    /// Why no batch was taken, where TLS is why: for a failure with this HTTP status.
    /// Each step of the look takes at most `patience`.
    pub(super) async fn tls_trouble(
        &self,
        http_status: Option<u16>,
        patience: Duration,
    ) -> Option<String> {
        let options = &self.options;
        let look = Look {
            url: &options.endpoint,
            options: &options.tls,
            needs: match options.protocol {
                ExportProtocol::Grpc => Needs::Http2,
                ExportProtocol::HttpProtobuf => Needs::Http,
            },
            patience,
        };
        let looked = async {
            match http_status {
                None => look.trouble().await,
                Some(status) => look.trouble_after(status).await,
            }
        };
        let trouble = tokio::time::timeout(LOOK, looked).await.ok()?;
        Some(format!(
            "{}: {}",
            no_connection(&options.endpoint),
            trouble?.sentence(TlsPeer::OtlpEndpoint)
        ))
    }

    fn failure(&self, result: OTelSdkResult, words: &str) -> Failure {
        let said = match result {
            Err(OTelSdkError::InternalFailure(text)) => text,
            Err(error) => error.to_string(),
            Ok(()) => String::new(),
        };
        let with = |text: &str, words: &str| {
            if words.is_empty() {
                text.to_owned()
            } else {
                format!("{text}: {words}")
            }
        };
        if let Some(page) = NotGrpc::in_words(&said).or_else(|| NotGrpc::in_words(words)) {
            return Failure {
                text: page.to_string(),
                http_status: Some(page.http_status()),
            };
        }
        match (self.http.take(), said.split_once("gRPC code: ")) {
            (
                Some(HttpFailure {
                    status: Some(status),
                    words,
                }),
                _,
            ) => Failure {
                text: with(&format!("HTTP status {status}"), &self.clean(&words)),
                http_status: Some(status),
            },
            (
                Some(HttpFailure {
                    status: None,
                    words,
                }),
                _,
            ) => Failure {
                text: with("no answer over HTTP", &of_transport(&self.clean(&words))),
                http_status: None,
            },
            // With its causes behind the code it is the transport's failure, and the words repeat
            // the first of them.
            (None, Some((_, code))) if code.contains(": ") => Failure {
                text: format!("gRPC code: {}", of_transport(&self.clean(code))),
                http_status: None,
            },
            (None, Some((_, code))) => Failure {
                text: with(&format!("gRPC code: {code}"), words),
                http_status: None,
            },
            (None, None) => Failure {
                text: self.clean(&said),
                http_status: None,
            },
        }
    }

    /// Text from outside: without secrets, on one line, not longer than a sentence.
    fn clean(&self, text: &str) -> String {
        self.mask
            .text(text)
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .chars()
            .take(MAX_WORDS)
            .collect()
    }
}

/// Errors of a transport in the order of their causes, which often repeat each other, each once.
fn of_transport(text: &str) -> String {
    let mut said: Vec<&str> = Vec::new();
    text.split(": ").for_each(|part| {
        if !said.contains(&part) {
            said.push(part);
        }
    });
    said.join(": ")
}

/// Those that HTTP allows; the others were named when the settings were read.
fn headers(pairs: &[(String, String)]) -> HeaderMap {
    let header = |(name, value): &(String, String)| {
        let mut value = HeaderValue::try_from(value).ok()?;
        value.set_sensitive(true);
        Some((HeaderName::try_from(name).ok()?, value))
    };
    pairs.iter().filter_map(header).collect()
}

/// Attributes of this process, and an upper bound of their bytes with the messages around a batch.
fn resource(options: &ExportOptions) -> (Resource, usize) {
    let service = ("service.name".to_owned(), options.service_name.clone());
    let mut seen = HashSet::new();
    let all: Vec<(String, String)> = [service]
        .into_iter()
        .chain(options.resource.iter().cloned())
        .filter(|(name, _)| seen.insert(name.clone()))
        .collect();
    let bytes = 512
        + all
            .iter()
            .map(|(name, value)| name.len() + value.len() + 16)
            .sum::<usize>();
    let attributes = all
        .into_iter()
        .map(|(name, value)| KeyValue::new(name, value));
    // Its own name and version stand for the SDK, whatever the environment says.
    let sdk = Box::new(TelemetryResourceDetector);
    (
        Resource::builder_empty()
            .with_attributes(attributes)
            .with_detector(sdk)
            .build(),
        bytes,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_of_a_transport_are_said_once() {
        let twice =
            "Unavailable: tcp connect error: tcp connect error: Connection refused (os error 111)";
        assert_eq!(
            of_transport(twice),
            "Unavailable: tcp connect error: Connection refused (os error 111)"
        );
    }

    #[test]
    fn the_first_of_a_name_counts() {
        let mut options = ExportOptions::grpc("http://h:1", "s");
        options.resource = [("run", "1"), ("run", "2"), ("service.name", "other")]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .to_vec();
        let (resource, _) = resource(&options);
        let value = |name: &'static str| resource.get(&name.into()).map(|value| value.to_string());
        assert_eq!(
            (value("run").as_deref(), value("service.name").as_deref()),
            (Some("1"), Some("s"))
        );
        assert_eq!(
            value("telemetry.sdk.name").as_deref(),
            Some("opentelemetry")
        );
    }
}
