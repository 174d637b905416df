//! One connection to where the file is: what is asked for, whether the answer is the file or the
//! rest of it, and its bytes.

use std::error::Error;

use reqwest::{
    Response, StatusCode,
    header::{
        ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderName, IF_RANGE,
        LAST_MODIFIED, RANGE,
    },
    redirect::Policy,
};

use super::{FetchEvent, FetchOptions, Told, error::FetchTrouble, part::Part};
use crate::{
    dataset::{RemoteFile, check_address},
    tls::{TlsCause, TlsOptions},
};

/// Redirects that are followed.
const MAX_REDIRECTS: usize = 10;
/// Longest title of a web page that an error shows, in characters.
const TITLE: usize = 60;

/// How a connection ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// Nothing is missing.
    Whole,
    /// The beginning that is there is not that of the file; why.
    Again(String),
    /// The server did not answer; why.
    Silent(String),
    /// It broke after an answer, or the server is busy; why.
    Broken(String),
}

/// Asks for one file.
#[derive(Debug)]
pub(super) struct Transfer<'a> {
    client: reqwest::Client,
    file: &'a RemoteFile,
}

/// Where the bytes of an answer stand in the file.
struct Body {
    start: u64,
    total: Option<u64>,
    version: String,
}

impl<'a> Transfer<'a> {
    /// A client that trusts the system's CA certificates, or those of SSL_CERT_FILE, and uses the
    /// proxies of the environment.
    pub(super) fn new(file: &'a RemoteFile, options: &FetchOptions) -> Result<Self, FetchTrouble> {
        let none = |error: &dyn Error| FetchTrouble::Client(innermost(error));
        let tls = TlsOptions::default()
            .client_config(&[b"h2", b"http/1.1"])
            .map_err(|error| none(&error))?;
        let mut builder = reqwest::Client::builder();
        if file.url.scheme() == "http" {
            // A server on this machine is none of a proxy's.
            builder = builder.no_proxy();
        }
        let client = builder
            .connect_timeout(options.patience)
            .read_timeout(options.patience)
            .redirect(Policy::custom(|attempt| {
                if attempt.previous().len() > MAX_REDIRECTS {
                    return attempt.error("too many redirects");
                }
                match check_address(attempt.url()) {
                    Ok(()) => attempt.follow(),
                    Err(story) => attempt.error(Unsafe(story)),
                }
            }))
            .tls_backend_preconfigured(tls)
            .build()
            .map_err(|error| none(&error))?;
        Ok(Self { client, file })
    }

    /// Receives into `part` what it lacks, or as much of it as comes.
    pub(super) async fn receive(
        &self,
        part: &mut Part,
        told: Told<'_>,
    ) -> Result<Ended, FetchTrouble> {
        let length = part.length();
        let mut request = self
            .client
            .get(self.file.url.clone())
            // A file that is compressed on the way alone would have another sum and length.
            .header(ACCEPT_ENCODING, "identity");
        if length > 0 {
            request = request.header(RANGE, format!("bytes={length}-"));
            // Another version is answered as a whole. A weak tag can't be asked for.
            if !part.version().is_empty() && !part.version().starts_with("W/") {
                request = request.header(IF_RANGE, part.version());
            }
        }
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return unanswered(&error, length),
        };
        let status = response.status();
        if status == StatusCode::RANGE_NOT_SATISFIABLE && length > 0 {
            // `bytes */TOTAL`: nothing is missing, or what is there is too long.
            let total = text(&response, CONTENT_RANGE);
            let is_whole = total.strip_prefix("bytes */") == Some(length.to_string().as_str());
            let why = "what was kept is longer than the file".to_owned();
            return Ok(if is_whole {
                Ended::Whole
            } else {
                Ended::Again(why)
            });
        }
        if !status.is_success() {
            return refused(status);
        }
        if text(&response, CONTENT_TYPE).starts_with("text/html") {
            let title = title(response).await;
            return Err(FetchTrouble::WebPage { title });
        }
        let body = body_of(&response);
        if status == StatusCode::PARTIAL_CONTENT {
            if body.start != length {
                return Ok(Ended::Again(
                    "the server sends another part than was asked for".into(),
                ));
            }
            if !part.version().is_empty() && part.version() != body.version {
                return Ok(Ended::Again("the file at the address was changed".into()));
            }
        } else {
            if length > 0 {
                told(&FetchEvent::Again(
                    "the server sends the whole file".to_owned(),
                ));
            }
            part.restart(&body.version)?;
        }
        let at = part.length();
        if let Some(total) = body.total {
            part.check_room(total.saturating_sub(at))?;
        }
        told(&FetchEvent::Begun {
            at,
            total: body.total,
        });
        receive_body(response, &body, part, told).await
    }
}

async fn receive_body(
    mut response: Response,
    body: &Body,
    part: &mut Part,
    told: Told<'_>,
) -> Result<Ended, FetchTrouble> {
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => part.append(&chunk)?,
            Ok(None) if body.total.is_some_and(|total| total > part.length()) => {
                return Ok(Ended::Broken("the connection ended early".to_owned()));
            }
            Ok(None) => return Ok(Ended::Whole),
            Err(error) if error.is_timeout() => {
                return Ok(Ended::Broken("nothing came any more".to_owned()));
            }
            Err(error) => return Ok(Ended::Broken(innermost(&error))),
        }
        told(&FetchEvent::Received {
            bytes: part.length(),
            total: body.total,
        });
    }
}

/// A redirect to an address that files are not fetched from.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unsafe(String);

/// What is wrong where there is no answer.
fn unanswered(error: &reqwest::Error, bytes: u64) -> Result<Ended, FetchTrouble> {
    let mut inner: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = inner {
        if let Some(Unsafe(story)) = error.downcast_ref() {
            let story = story.clone();
            return Err(FetchTrouble::Redirect { story });
        }
        inner = error.source();
    }
    let refuse = |why| Err(FetchTrouble::Broken { why, bytes });
    if let Some(cause) = TlsCause::of(error) {
        let more = if cause == TlsCause::UnknownIssuer {
            "; SSL_CERT_FILE=FILE.pem in the environment names other CA certificates"
        } else {
            ""
        };
        return refuse(format!("{}{more}", cause.what()));
    }
    if error.is_redirect() {
        return refuse(innermost(error));
    }
    Ok(Ended::Silent(if error.is_timeout() {
        "the server does not answer".to_owned()
    } else {
        innermost(error)
    }))
}

/// What a status other than success means: a busy server is asked again.
fn refused(status: StatusCode) -> Result<Ended, FetchTrouble> {
    let advice = match status.as_u16() {
        408 | 425 | 429 | 500..=599 => {
            return Ok(Ended::Broken(format!("the server answers {status}")));
        }
        401 | 403 | 407 => {
            "it asks for a login, or forbids it: fetch the file yourself and name its path"
        }
        404 | 410 => "check the address: there is no such file",
        _ => "check the address",
    };
    Err(FetchTrouble::Refused {
        status: status.to_string(),
        advice,
    })
}

fn body_of(response: &Response) -> Body {
    // Of the answer itself: reqwest's own length is None where the body was decoded.
    let length = text(response, CONTENT_LENGTH).parse().ok();
    // `bytes FIRST-LAST/TOTAL`.
    let range = text(response, CONTENT_RANGE);
    let range = range.strip_prefix("bytes ").and_then(|range| {
        let (range, total) = range.split_once('/')?;
        Some((
            range.split_once('-')?.0.parse::<u64>().ok()?,
            total.parse().ok(),
        ))
    });
    let tag = text(response, ETAG);
    let version = if tag.is_empty() {
        text(response, LAST_MODIFIED)
    } else {
        tag
    };
    match range {
        Some((start, total)) if response.status() == StatusCode::PARTIAL_CONTENT => Body {
            start,
            total: total.or_else(|| length.map(|length: u64| start.saturating_add(length))),
            version,
        },
        _ => Body {
            start: 0,
            total: length,
            version,
        },
    }
}

fn text(response: &Response, name: HeaderName) -> String {
    let value = response.headers().get(name);
    let text = value.and_then(|value| value.to_str().ok());
    text.unwrap_or_default().to_owned()
}

/// ` ("Title")` of a page, or nothing.
async fn title(mut response: Response) -> String {
    let beginning = response.chunk().await.ok().flatten().unwrap_or_default();
    let page = String::from_utf8_lossy(&beginning).into_owned();
    let lower = page.to_ascii_lowercase();
    let title = lower.find("<title").and_then(|at| {
        let start = at + lower[at..].find('>')? + 1;
        let end = start + lower[start..].find("</title")?;
        Some(page[start..end].trim().chars().take(TITLE).collect())
    });
    title
        .filter(|title: &String| !title.is_empty())
        .map_or_else(String::new, |title| format!(" ({title:?})"))
}

/// The innermost cause says what happened; the outer ones say that something did, and hold the
/// address.
fn innermost(error: &dyn Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
