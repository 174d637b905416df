//! `spans`: fetch the server spans of a run again.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use tokio::time::Instant;

use super::{
    ended::{CliError, Done},
    flags::{OF_SPANS, said_by_flags},
    output::print,
    progress::Progress,
    reports::{Printed, to_print, write_reports},
    runs,
    runtime::runtime,
};
use crate::{
    record::{FetchInfo, RunFolder, RunInfo, RunReader},
    runner::{self, analyse_folder, within},
    spans::{
        SPAN_SOURCES, SourceEntry, SourceKind, SourceOptions, find_source, kind_of, open_until,
    },
    tls::{TlsFile, TlsOptions, TlsPeer},
};

/// Arguments of `spans`.
#[derive(Debug, Args)]
pub(crate) struct SpansArguments {
    /// Run folder; default: the newest below results/
    #[arg(value_name = "RUN")]
    run: Option<PathBuf>,
    /// Source to read from; default: that of the run's scenario
    #[arg(long, value_name = "SOURCE")]
    source: Option<String>,
    /// Its address; default: that of the run's scenario
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Header of every request to the source, its value from an environment variable, e.g.
    /// authorization=JAEGER_TOKEN
    #[arg(long, value_name = "NAME=VARIABLE")]
    header_env: Vec<String>,
    /// Private key of the client certificate of the run's `[tracing.spans]`, which runs do not store
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// Maximum time for reading, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    deadline: u64,
}

/// Fetches and renders again.
pub(crate) fn spans(arguments: &SpansArguments) -> Result<Done, CliError> {
    let folder = runs::find(arguments.run.as_deref())?;
    let reader = RunReader::open(folder.path()).map_err(CliError::new)?;
    // Written again below, it would look as if it had never been changed.
    if let Some(sentence) = reader.changed_info() {
        return Err(CliError::new(format!(
            "{}: {sentence}",
            folder.path().display()
        )));
    }
    let mut info = reader.info().clone();
    let (entry, options) = source(arguments, &info)?;
    let progress = Progress::new(false);
    for name in left_out(&info, &options.headers) {
        progress.warn(&format!(
            "the run sent the header {name} to its span source: give it with --header-env \
             {name}=VARIABLE"
        ));
    }
    let aside = Aside::of_changed(&folder, &reader, &progress);
    let deadline = Duration::from_secs(arguments.deadline);
    let fetched = runtime()?.block_on(fetch(&folder, (entry, &options), deadline, &progress));
    progress.end();
    if let (Err(_), Some(aside)) = (&fetched, &aside) {
        aside.put_back();
    }
    let fetched = fetched?;
    if let Some(error) = &fetched.error {
        progress.warn(&said_by_flags(error, OF_SPANS));
    }
    info.fetch = Some(fetched);
    folder.note_file("spans.jsonl", &mut info);
    folder.write_info(&info).map_err(CliError::new)?;
    let _analysing = progress.waiting(
        "analysing the run",
        "until its files are read and its reports made",
    );
    let analysis = analyse_folder(&folder)?;
    let written = write_reports(&folder, &analysis, &[]);
    print(&to_print(
        &analysis,
        Printed {
            asked: &[],
            explain: false,
        },
    )?)?;
    written?;
    Ok(Done::Ok)
}

/// The source that is asked again, and how it is reached: as the run's scenario has it, where the
/// arguments name nothing else.
fn source(
    arguments: &SpansArguments,
    info: &RunInfo,
) -> Result<(&'static SourceEntry, SourceOptions), CliError> {
    let planned = |key: &str| {
        info.plan
            .pointer(&format!("/tracing/spans/{key}"))
            .and_then(|value| value.as_str())
            .map(str::to_owned)
    };
    let name = arguments
        .source
        .clone()
        .or_else(|| planned("source"))
        .unwrap_or_else(|| SourceEntry::usual().name.to_owned());
    let endpoint = arguments.endpoint.clone().or_else(|| planned("endpoint"));
    // Another endpoint is another Jaeger.
    let admin = if arguments.endpoint.is_some() {
        None
    } else {
        planned("admin")
    };
    let entry = find_source(&name).filter(|entry| entry.keeps_spans);
    let entry = entry.ok_or_else(|| {
        let keep = SPAN_SOURCES.iter().filter(|entry| entry.keeps_spans);
        let names: Vec<&str> = keep.map(|entry| entry.name).collect();
        CliError::new(format!(
            "spans can't be fetched again from source {name:?}: name one that keeps them, \
             --source with one of {}",
            names.join(", ")
        ))
    })?;
    let environment = |name: &str| std::env::var(name).ok();
    let headers = arguments
        .header_env
        .iter()
        .map(|text| header(text, &environment))
        .collect::<Result<Vec<_>, _>>()?;
    let options = SourceOptions {
        endpoint,
        admin,
        headers,
        tls: tls(&planned, arguments.tls_key.as_deref())?,
        ..SourceOptions::default()
    };
    Ok((entry, options))
}

/// `tls` as the run's scenario has it; where the key is, is a secret that no run keeps.
fn tls(
    planned: &dyn Fn(&str) -> Option<String>,
    key: Option<&Path>,
) -> Result<TlsOptions, CliError> {
    let file = |key: &str| {
        let path = planned(&format!("tls/{key}"))?;
        Some(TlsFile::new(path, TlsPeer::SpanSource.key(key)))
    };
    let cert = file("cert");
    if cert.is_some() && key.is_none() {
        return Err(CliError::new(
            "the run had a client certificate for its span source, tls.cert of [tracing.spans]: \
             give its private key with --tls-key FILE",
        ));
    }
    Ok(TlsOptions {
        ca: file("ca"),
        key: key
            .filter(|_| cert.is_some())
            .map(|key| TlsFile::new(key, "--tls-key")),
        cert,
        server_name: planned("tls/server_name"),
    })
}

/// A spans.jsonl that was changed since the run was complete, under another name: nothing of it is
/// kept, since what was fetched can't be told from what was changed.
struct Aside {
    spans: PathBuf,
    aside: PathBuf,
}

impl Aside {
    /// None where it was not changed: what was fetched before is kept beside what is fetched now.
    fn of_changed(folder: &RunFolder, reader: &RunReader, progress: &Progress) -> Option<Self> {
        reader.changed_file("spans.jsonl")?;
        let [spans, aside] = ["spans.jsonl", "spans.jsonl.changed"].map(|name| folder.file(name));
        std::fs::rename(&spans, &aside).ok()?;
        progress.warn(
            "spans.jsonl was changed since the run was complete: it is now spans.jsonl.changed \
             and is not used any more",
        );
        Some(Self { spans, aside })
    }

    /// Nothing took its place.
    fn put_back(&self) {
        let _ = std::fs::rename(&self.aside, &self.spans);
    }
}

/// Opens the source and reads every trace of the run.
async fn fetch(
    folder: &RunFolder,
    (entry, options): (&SourceEntry, &SourceOptions),
    deadline: Duration,
    progress: &Progress,
) -> Result<FetchInfo, CliError> {
    let ended = Instant::now();
    let opening = progress.waiting(
        format!("opening span source {}", entry.name),
        within(deadline),
    );
    let source = open_until(entry, options, ended + deadline, &|error| {
        let text = said_by_flags(&error.text, OF_SPANS);
        progress.now(&runner::spans::waiting(&text))
    })
    .await;
    drop(opening);
    let source = source.map_err(|error| CliError::new(said_by_flags(&error.text, OF_SPANS)))?;
    let fetched = runner::spans::read_again(folder, source, (ended, deadline), progress).await;
    // What run.json says of the earlier reading is worth more.
    let why = nothing_read(&fetched).map(|why| said_by_flags(&why, OF_SPANS));
    why.map_or(Ok(fetched), |why| Err(CliError::new(why)))
}

/// `NAME=VARIABLE` as the header with the variable's value, which is not shown in any message.
fn header(
    text: &str,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<(String, String), CliError> {
    let named = text
        .split_once('=')
        .filter(|(name, variable)| !name.is_empty() && !variable.is_empty());
    let (name, variable) = named.ok_or_else(|| {
        CliError::new(
            "--header-env takes the name of a header and that of an environment variable: write \
             for example authorization=JAEGER_TOKEN",
        )
    })?;
    let value = environment(variable).filter(|value| !value.is_empty()).ok_or_else(|| {
        CliError::new(format!(
            "--header-env {name}={variable}: {variable} is not set in the environment, or empty; \
             set it to the header's value"
        ))
    })?;
    Ok((name.to_lowercase(), value))
}

/// Headers of the run's scenario that are not given; run.json has their names, never their values.
fn left_out(info: &RunInfo, given: &[(String, String)]) -> Vec<String> {
    let planned = info
        .plan
        .pointer("/tracing/spans/headers")
        .and_then(|names| names.as_array());
    let names = planned
        .into_iter()
        .flatten()
        .filter_map(|name| name.as_str());
    names
        .filter(|name| !given.iter().any(|(known, _)| known == name))
        .map(str::to_owned)
        .collect()
}

/// Why nothing at all was read: nobody answered, or nobody answered with a trace.
fn nothing_read(fetched: &FetchInfo) -> Option<String> {
    if kind_of(&fetched.source) == Some(SourceKind::Nothing) {
        return Some(fetched.remark.clone());
    }
    fetched
        .error
        .clone()
        .filter(|_| fetched.not_fetched == fetched.asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_header(text: &str, expected: Result<(&str, &str), &str>) {
        let environment = |name: &str| {
            ["TOKEN", "EMPTY"].contains(&name).then(|| {
                if name == "TOKEN" {
                    "Bearer x".to_owned()
                } else {
                    String::new()
                }
            })
        };
        match (header(text, &environment), expected) {
            (Ok((name, value)), Ok(expected)) => {
                assert_eq!((name.as_str(), value.as_str()), expected)
            }
            (Err(error), Err(words)) => assert!(error.message.contains(words), "{error}"),
            (found, _) => panic!("{text}: {found:?}"),
        }
    }

    #[test]
    fn a_header_has_its_value_from_the_environment() {
        check_header("Authorization=TOKEN", Ok(("authorization", "Bearer x")));
        check_header("authorization=EMPTY", Err("EMPTY is not set"));
        check_header("authorization=OTHER", Err("OTHER is not set"));
        check_header("authorization", Err("authorization=JAEGER_TOKEN"));
        check_header("=TOKEN", Err("authorization=JAEGER_TOKEN"));
        check_header("authorization=", Err("authorization=JAEGER_TOKEN"));
    }

    #[test]
    fn a_reading_without_any_answer_is_none() {
        let fetched = |asked, not_fetched, error: Option<&str>| FetchInfo {
            source: "jaeger".to_owned(),
            asked,
            not_fetched,
            error: error.map(str::to_owned),
            ..FetchInfo::default()
        };
        assert_eq!(nothing_read(&fetched(5, 0, None)), None);
        assert_eq!(nothing_read(&fetched(0, 0, None)), None);
        assert_eq!(nothing_read(&fetched(5, 4, Some("gone"))), None);
        assert_eq!(
            nothing_read(&fetched(5, 5, Some("gone"))).as_deref(),
            Some("gone")
        );
        assert_eq!(
            nothing_read(&fetched(0, 0, Some("requests.jsonl is damaged"))).as_deref(),
            Some("requests.jsonl is damaged")
        );
        let none = FetchInfo {
            source: "none".to_owned(),
            remark: "no server answers".to_owned(),
            ..FetchInfo::default()
        };
        assert_eq!(nothing_read(&none).as_deref(), Some("no server answers"));
    }
}
