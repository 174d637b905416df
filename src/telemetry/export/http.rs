//! The HTTP client of the exporter: reqwest, without proxies and without redirects, which would
//! carry secret headers to another place. It keeps why a request failed, which the exporter reduces
//! to a number.

use std::{
    error::Error,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode, header::CONTENT_TYPE};
use opentelemetry_http::{HttpClient, HttpError, ResponseBodyTooLarge};
use prost::Message;

use super::options::ExportOptions;
use crate::{
    not_grpc::chain,
    tls::{Renamed, TlsPeer},
};

/// Longest reply that is read; a longer one is no reply to an export.
const MAX_REPLY: usize = 1 << 20;

/// Why the last request failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct HttpFailure {
    /// None: no reply came.
    pub(super) status: Option<u16>,
    /// The server's words, or those of the connection.
    pub(super) words: String,
}

/// Where [`Client`] leaves it.
#[derive(Clone, Debug, Default)]
pub(super) struct LastFailure(Arc<Mutex<Option<HttpFailure>>>);

impl LastFailure {
    pub(super) fn take(&self) -> Option<HttpFailure> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn put(&self, failure: HttpFailure) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
    }
}

#[derive(Debug)]
pub(super) struct Client {
    inner: reqwest::Client,
    renamed: Option<Renamed>,
    headers: HeaderMap,
    failure: LastFailure,
}

impl Client {
    /// `headers` go with each request; here and not with the exporter, which would take their `%`
    /// for an escape.
    pub(super) fn new(
        options: &ExportOptions,
        headers: HeaderMap,
        failure: LastFailure,
    ) -> Result<Self, String> {
        let config = options.tls.client_config(&[b"h2", b"http/1.1"]);
        let renamed = match url::Url::parse(&options.endpoint) {
            Ok(url) => Renamed::of(&url, &options.tls)
                .map_err(|error| format!("{}: {error}", TlsPeer::OtlpEndpoint.table()))?,
            // The exporter says what is wrong with it.
            Err(_) => None,
        };
        let mut builder = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .tls_backend_preconfigured(config.map_err(|error| error.to_string())?);
        if let Some(renamed) = &renamed {
            builder = renamed.known_to(builder);
        }
        let inner = builder.build().map_err(|error| {
            format!(
                "the HTTP client of the OTLP endpoint can't be built: {}",
                causes(&error)
            )
        })?;
        Ok(Self {
            inner,
            renamed,
            headers,
            failure,
        })
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(
        &self,
        mut request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, HttpError> {
        self.headers
            .iter()
            .for_each(|(name, value)| drop(request.headers_mut().insert(name, value.clone())));
        if let Some(renamed) = &self.renamed {
            *request.uri_mut() = renamed.url(&request.uri().to_string()).parse()?;
        }
        let none = |error: &reqwest::Error| {
            self.failure.put(HttpFailure {
                status: None,
                words: causes(error),
            })
        };
        let mut response = self
            .inner
            .execute(request.try_into()?)
            .await
            .inspect_err(none)?;
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.inspect_err(none)? {
            if body.len() + chunk.len() > MAX_REPLY {
                let words = format!("its reply is longer than {} KiB", MAX_REPLY >> 10);
                self.failure.put(HttpFailure {
                    status: Some(response.status().as_u16()),
                    words,
                });
                return Err(Box::new(ResponseBodyTooLarge::new()));
            }
            body.extend_from_slice(&chunk);
        }
        let mut status = response.status();
        let kind = response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let is_page = kind.starts_with("text/html");
        if is_page || !status.is_success() {
            self.failure.put(HttpFailure {
                status: Some(status.as_u16()),
                words: words(&kind, &body),
            });
        }
        if is_page && status.is_success() {
            // A UI answers whatever it is asked with its page and status 200: nobody took the
            // spans, and another try won't help.
            status = StatusCode::NOT_ACCEPTABLE;
        }
        let headers = std::mem::take(response.headers_mut());
        let mut reply = http::Response::builder()
            .status(status)
            .body(body.freeze())?;
        *reply.headers_mut() = headers;
        Ok(reply)
    }
}

/// `google.rpc.Status`, what OTLP/HTTP has in the reply of a failure.
#[derive(Clone, PartialEq, prost::Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

/// What the server says, from whatever form it says it in.
fn words(kind: &str, body: &[u8]) -> String {
    if kind.starts_with("text/html") {
        return "a web page".to_owned();
    }
    if kind.starts_with("application/x-protobuf")
        && let Ok(status) = RpcStatus::decode(body)
    {
        return status.message;
    }
    let text = String::from_utf8_lossy(body);
    let json: Option<serde_json::Value> = serde_json::from_str(&text).ok();
    let named = |key| {
        json.as_ref()
            .and_then(|json| json.get(key))
            .and_then(serde_json::Value::as_str)
    };
    named("message")
        .or_else(|| named("error"))
        .map_or_else(|| text.trim().to_owned(), str::to_owned)
}

/// The causes of an error, without its outermost sentence, which holds the address.
fn causes(error: &dyn Error) -> String {
    match chain(error.source()) {
        none if none.is_empty() => "no connection".to_owned(),
        causes => causes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_every_form() {
        let status = RpcStatus {
            code: 8,
            message: "too many".to_owned(),
        }
        .encode_to_vec();
        for (kind, body, expected) in [
            ("application/x-protobuf", status.as_slice(), "too many"),
            (
                "application/json",
                br#"{"code": 8, "message": "slow down"}"#,
                "slow down",
            ),
            (
                "application/json; charset=utf-8",
                br#"{"error": "no tenant"}"#,
                "no tenant",
            ),
            ("text/html; charset=utf-8", b"<html>", "a web page"),
            ("text/plain", b" 404 page not found\n", "404 page not found"),
            ("", b"", ""),
        ] {
            assert_eq!(words(kind, body), expected, "{kind}");
        }
    }
}
