//! Where and how client spans are exported.

use std::{fmt, time::Duration};

use crate::tls::TlsOptions;

/// How OTLP is carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportProtocol {
    /// OTLP/gRPC.
    Grpc,
    /// OTLP/HTTP, protobuf.
    HttpProtobuf,
}

/// Where client spans go.
#[derive(Clone, PartialEq, Eq)]
pub struct ExportOptions {
    /// The endpoint: `http://127.0.0.1:4317` of gRPC, the whole address that is posted to of HTTP.
    pub endpoint: String,
    /// How.
    pub protocol: ExportProtocol,
    /// Headers of each request; their values are secrets.
    pub headers: Vec<(String, String)>,
    /// Whether requests are compressed.
    pub gzip: bool,
    /// Longest time for a batch, further tries included.
    pub timeout: Duration,
    /// For an address with https.
    pub tls: TlsOptions,
    /// `service.name`.
    pub service_name: String,
    /// Other resource attributes, e.g. the run's id; the first of a name counts.
    pub resource: Vec<(String, String)>,
}

impl ExportOptions {
    /// Longest time for a batch where nobody sets another one: OpenTelemetry's default.
    pub const TIMEOUT: Duration = Duration::from_secs(10);

    /// To the OTLP/gRPC endpoint `endpoint`, with the defaults of everything else.
    #[must_use]
    pub fn grpc(endpoint: impl Into<String>, service_name: impl Into<String>) -> Self {
        Self {
            endpoint: endpoint.into(),
            protocol: ExportProtocol::Grpc,
            headers: Vec::new(),
            gzip: false,
            timeout: Self::TIMEOUT,
            tls: TlsOptions::default(),
            service_name: service_name.into(),
            resource: Vec::new(),
        }
    }
}

impl fmt::Debug for ExportOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("ExportOptions")
            .field("endpoint", &self.endpoint)
            .field("protocol", &self.protocol)
            .field("headers", &names)
            .field("gzip", &self.gzip)
            .field("timeout", &self.timeout)
            .field("tls", &self.tls)
            .field("service_name", &self.service_name)
            .field("resource", &self.resource)
            .finish()
    }
}
