//! One HTTP client for all that servers say outside gRPC: traces, their counters, and whether a
//! real UI answers.

use std::time::Duration;

use reqwest::Response;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::redirect::Policy;
use url::Url;

use super::address;
use super::budget::{ALONE, Budget, SHARE, Turn};
use super::source::{LossCounters, Sign, SignBody, SourceOptions};
use crate::not_grpc::retry_after;
use crate::spans::error::{Again, SpanError};
use crate::spans::error::{cleaned, names_missing_trace, of_http};
use crate::tls::{Renamed, TlsPeer};

/// Redirects that are followed, all within one origin.
const MAX_REDIRECTS: usize = 5;
/// Beginning of a body that errors and signs are looked for in.
const BEGINNING: usize = 2_000;
/// Stands in the page that a build without UI serves, in the wording of 1.45 and in that of today.
const PLACEHOLDER: &str = "not compiled with the UI assets";
/// Counters and the UI are extras: nobody should wait for them.
const EXTRA_TIMEOUT: Duration = Duration::from_secs(1);

/// A reply, read whole.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: String,
    /// Where a redirect leads that was not followed.
    pub(super) location: Option<String>,
    /// The server named a time to come back.
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Vec<u8>,
    /// Of a long one; goes when it has been converted.
    pub(super) _turn: Option<Turn>,
}

impl Answer {
    /// Jaeger answers unknown paths with its UI's page and status 200, so the status alone proves
    /// nothing. The type need not be `application/json`: several versions send JSON as
    /// `text/plain`.
    pub(super) fn is_json(&self) -> bool {
        let first = self.body.iter().find(|byte| !byte.is_ascii_whitespace());
        !self.is_html() && matches!(first, Some(b'{'))
    }

    pub(super) fn is_html(&self) -> bool {
        self.content_type.starts_with("text/html")
    }

    /// What it is, in words for an error.
    pub(super) fn described(&self) -> String {
        if let (300..=399, Some(location)) = (self.status, &self.location) {
            return format!(
                "status {}, a redirect to {}, which is not followed",
                self.status,
                cleaned(location)
            );
        }
        let what = match (self.is_html(), self.body.is_empty()) {
            (true, _) => "with a web page".to_owned(),
            (false, true) => "with an empty body".to_owned(),
            (false, false) => format!("\"{}\"", self.first_words()),
        };
        format!("status {} {what}", self.status)
    }

    /// How its body begins.
    pub(super) fn first_words(&self) -> String {
        cleaned(&self.beginning())
    }

    fn beginning(&self) -> String {
        String::from_utf8_lossy(self.body.get(..BEGINNING).unwrap_or(&self.body)).into_owned()
    }

    /// What it promises of the next one.
    pub(super) fn again(&self) -> Again {
        of_http(self.status, &self.beginning(), self.retry_after)
    }

    /// Whether it says that there is no such trace, under whatever status. Pages and missing routes
    /// don't.
    pub(super) fn names_missing_trace(&self) -> bool {
        self.status >= 400 && !self.is_html() && names_missing_trace(&self.beginning())
    }
}

/// Asks servers of HTTP.
#[derive(Clone, Debug)]
pub(super) struct Client {
    inner: reqwest::Client,
    renamed: Option<Renamed>,
}

/// A client that sends the options' headers, waits no longer than their timeout, and uses no proxy
/// of the environment: traces are read from the address that the scenario names, or not at all.
/// Redirects stay within one origin, and with headers none is followed: they would go along. The
/// options' name of the server is that of the host of `base`.
pub(super) fn client(options: &SourceOptions, base: &Url) -> Result<Client, SpanError> {
    let of_tls = |error: &dyn std::fmt::Display| SpanError::new(error.to_string());
    let config = options
        .tls
        .client_config(&[b"h2", b"http/1.1"])
        .map_err(|error| of_tls(&error))?;
    let renamed = Renamed::of(base, &options.tls)
        .map_err(|error| of_tls(&format!("{}: {error}", TlsPeer::SpanSource.table())))?;
    let mut builder = reqwest::Client::builder()
        .no_proxy()
        .timeout(options.timeout)
        .redirect(if options.headers.is_empty() {
            same_origin()
        } else {
            Policy::none()
        })
        .default_headers(header_map(&options.headers)?)
        .tls_backend_preconfigured(config);
    if let Some(renamed) = &renamed {
        builder = renamed.known_to(builder);
    }
    let inner = builder.build().map_err(|error| {
        SpanError::new(format!(
            "the HTTP client for reading spans can't be built: {}",
            causes(&error)
        ))
    })?;
    Ok(Client { inner, renamed })
}

fn same_origin() -> Policy {
    Policy::custom(|attempt| {
        let stays = attempt
            .previous()
            .first()
            .is_some_and(|asked| asked.origin() == attempt.url().origin());
        if stays && attempt.previous().len() <= MAX_REDIRECTS {
            attempt.follow()
        } else {
            attempt.stop()
        }
    })
}

fn header_map(headers: &[(String, String)]) -> Result<HeaderMap, SpanError> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        // The value may be a secret: it never enters the text.
        let wrong = |what| {
            SpanError::new(format!(
                "the header \"{}\" of tracing.spans has {what}",
                cleaned(name)
            ))
        };
        let key = HeaderName::try_from(name.as_str()).map_err(|_| {
            wrong("a name that HTTP does not allow: use letters, digits and hyphens")
        })?;
        let mut value = HeaderValue::try_from(value.as_str()).map_err(|_| {
            wrong("a value with characters that HTTP does not allow: remove line ends")
        })?;
        value.set_sensitive(true);
        map.append(key, value);
    }
    Ok(map)
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) struct NoAnswer {
    /// In words for an error.
    pub(super) words: String,
    pub(super) again: Again,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask<'a> {
    pub(super) url: &'a str,
    /// Form in which the reply is wanted, as the header `accept` has it.
    pub(super) accept: &'static str,
}

impl<'a> Ask<'a> {
    /// `url` in whatever form it is sent.
    pub(super) fn any(url: &'a str) -> Self {
        Self { url, accept: "*/*" }
    }
}

/// Reads what `ask` wants whole: a reply beyond its share of the budget alone, and one beyond the
/// budget not at all.
pub(super) async fn get(
    client: &Client,
    budget: &Budget,
    ask: Ask<'_>,
) -> Result<Answer, NoAnswer> {
    if let Some(answer) = get_up_to(client, ask, SHARE).await? {
        return Ok(answer);
    }
    let turn = Some(budget.alone().await);
    let answer = get_up_to(client, ask, ALONE).await?.map(|answer| Answer {
        _turn: turn,
        ..answer
    });
    answer.ok_or_else(|| NoAnswer {
        words: format!("the reply is longer than {} MiB", ALONE >> 20),
        again: Again::Perhaps,
    })
}

/// None where the body is longer than `limit`.
async fn get_up_to(
    client: &Client,
    ask: Ask<'_>,
    limit: usize,
) -> Result<Option<Answer>, NoAnswer> {
    // Nobody there, or hung up in the middle: a restart looks like that.
    let broken = |error: reqwest::Error| NoAnswer {
        words: causes(&error),
        again: Again::Later(None),
    };
    let url = match &client.renamed {
        Some(renamed) => &renamed.url(ask.url),
        None => ask.url,
    };
    let request = client.inner.get(url).header(ACCEPT, ask.accept);
    let response = request.send().await.map_err(broken)?;
    let text = |name| {
        response
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    let (status, content_type, location) = (
        response.status().as_u16(),
        text(CONTENT_TYPE),
        text(LOCATION),
    );
    let retry_after = retry_after(response.headers());
    let Some(body) = body(response, limit).await.map_err(broken)? else {
        return Ok(None);
    };
    Ok(Some(Answer {
        status,
        content_type: content_type.unwrap_or_default(),
        location,
        retry_after,
        body,
        _turn: None,
    }))
}

async fn body(mut response: Response, limit: usize) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > limit {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

/// An error with its causes and without its address, which may hold what the user would rather not
/// see copied.
pub(super) fn causes(error: &dyn std::error::Error) -> String {
    let mut texts = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        texts.push(error.to_string());
        next = error.source();
    }
    // The innermost says what happened; the outer ones say that something did.
    cleaned(texts.last().map_or("", String::as_str))
}

/// Address of the UI when a real one answers: not JSON, not an error, and not the placeholder of a
/// build without UI.
pub(super) async fn ui(client: &Client, base: &Url) -> Option<String> {
    let base = address::base(base);
    let answer = tokio::time::timeout(
        EXTRA_TIMEOUT,
        get_up_to(client, Ask::any(&format!("{base}/")), SHARE),
    )
    .await
    .ok()?
    .ok()??;
    let page = String::from_utf8_lossy(&answer.body);
    (answer.status == 200 && answer.is_html() && !page.contains(PLACEHOLDER)).then_some(base)
}

/// Whether the server at `base` is the one whose sign this is.
pub(super) async fn shows(client: &Client, base: &str, sign: &Sign) -> bool {
    let url = format!("{base}{}", sign.path);
    let answer =
        tokio::time::timeout(EXTRA_TIMEOUT, get_up_to(client, Ask::any(&url), SHARE)).await;
    let shows = |body: &[u8]| match sign.body {
        SignBody::Is(text) => body.trim_ascii() == text.as_bytes(),
        SignBody::Begins(text) => body.trim_ascii().starts_with(text.as_bytes()),
    };
    matches!(answer, Ok(Ok(Some(answer))) if answer.status == 200 && shows(&answer.body))
}

/// Jaeger's drop counters from the first of `addresses` that has them.
pub(super) async fn loss(client: &Client, addresses: &[Url]) -> Option<LossCounters> {
    for address in addresses {
        let url = format!("{}/metrics", address::base(address));
        let answer =
            tokio::time::timeout(EXTRA_TIMEOUT, get_up_to(client, Ask::any(&url), SHARE)).await;
        if let Ok(Ok(Some(answer))) = answer
            && answer.status == 200
            && let Some(counters) = counters(&String::from_utf8_lossy(&answer.body))
        {
            return Some(counters);
        }
    }
    None
}

/// Sums Jaeger's counters in Prometheus' text form. The prefix of 1.x differs between versions
/// (`jaeger_`, `jaeger_collector_`), and 2.x writes its names with and without `_total`, so names
/// are matched by their ends.
fn counters(text: &str) -> Option<LossCounters> {
    let mut found = false;
    let mut sum = LossCounters::default();
    for (name, value) in text.lines().filter_map(sample) {
        let name = name.strip_suffix("_total").unwrap_or(name);
        let is = |end: &str| {
            name.strip_suffix(end)
                .is_some_and(|start| start.is_empty() || start.ends_with('_'))
        };
        let received = is("spans_received")
            || is("otelcol_receiver_accepted_spans")
            || is("otelcol_receiver_refused_spans");
        let dropped = is("spans_dropped")
            || is("otelcol_receiver_refused_spans")
            || is("otelcol_exporter_send_failed_spans");
        found |= received || dropped;
        if received {
            sum.received += value;
        }
        if dropped {
            sum.dropped += value;
        }
    }
    found.then_some(sum)
}

/// Name and value of one line.
fn sample(line: &str) -> Option<(&str, u64)> {
    if line.starts_with('#') {
        return None;
    }
    let (name, rest) = match line.split_once('{') {
        Some((name, rest)) => (name, rest.rsplit_once('}')?.1),
        None => line.split_once(' ')?,
    };
    let value: f64 = rest.split_whitespace().next()?.parse().ok()?;
    // Counters are whole and not negative; the cast saturates.
    (value.is_finite() && value >= 0.0).then_some((name, value as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<(u64, u64)>) {
        let expected = expected.map(|(received, dropped)| LossCounters { received, dropped });
        assert_eq!(counters(text), expected, "{text}");
    }

    #[test]
    fn genuine_counters_of_three_versions() {
        check(
            include_str!("../../../tests/data/jaeger/1.46.0/metrics-14269.txt"),
            Some((118_493, 0)),
        );
        check(
            include_str!("../../../tests/data/jaeger/1.65.0/metrics-14269.txt"),
            Some((33_067, 0)),
        );
        check(
            include_str!("../../../tests/data/jaeger/2.20.0/metrics-8888.txt"),
            Some((19_998, 0)),
        );
    }

    #[test]
    fn drops_are_counted_under_all_names() {
        check("jaeger_spans_dropped_total{host=\"h\"} 3\n", Some((0, 3)));
        check(
            "jaeger_collector_spans_dropped_total{host=\"a\"} \
             3\njaeger_collector_spans_dropped_total{host=\"b\"} 1.5e+03",
            Some((0, 1503)),
        );
        check(
            "otelcol_receiver_refused_spans_total{receiver=\"otlp\"} \
             2\notelcol_exporter_send_failed_spans 4",
            Some((2, 6)),
        );
    }

    #[test]
    fn other_lines_are_no_counters() {
        check(
            "# HELP jaeger_spans_dropped_total x\nnotspans_dropped_total 5\nspans_dropped_total \
             NaN\nx{ 3\n<html>",
            None,
        );
        check("", None);
    }

    #[test]
    fn json_is_told_by_its_first_byte() {
        let answer = |content_type: &str, body: &str| Answer {
            status: 200,
            content_type: content_type.into(),
            location: None,
            retry_after: None,
            body: body.into(),
            _turn: None,
        };
        assert!(answer("text/plain", " {}").is_json());
        assert!(!answer("text/html; charset=utf-8", "{}").is_json());
        assert!(!answer("application/json", "").is_json());
    }

    #[test]
    fn a_header_with_a_line_end_is_refused_without_showing_its_value() {
        let error = header_map(&[("authorization".into(), "s3cret\n".into())])
            .expect_err("refused")
            .text;
        assert!(
            error.contains("authorization") && !error.contains("s3cret"),
            "{error}"
        );
    }
}
