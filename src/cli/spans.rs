//! `spans`: fetch the server spans of a run again.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use super::{
    CliError, Done, collect,
    finish::{analyse_folder, print_report, write_reports},
    progress::Progress,
    runs, runtime,
};
use crate::{
    record::RunReader,
    spans::{SourceOptions, find_source},
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
    /// Longest time of reading, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    deadline: u64,
}

/// Fetches and renders again.
pub(crate) fn spans(arguments: &SpansArguments) -> Result<Done, CliError> {
    let folder = runs::find(arguments.run.as_deref())?;
    let mut info = RunReader::open(folder.path()).map_err(CliError::new)?.info().clone();
    let planned = |key: &str| info.plan.pointer(&format!("/tracing/spans/{key}")).and_then(|value| value.as_str()).map(str::to_owned);
    let name = arguments.source.clone().or_else(|| planned("source")).unwrap_or_else(|| "auto".to_owned());
    let endpoint = arguments.endpoint.clone().or_else(|| planned("endpoint"));
    let entry = find_source(&name).filter(|entry| !matches!(entry.name, "embedded" | "none"));
    let entry = entry.ok_or_else(|| {
        CliError::new(format!(
            "spans can't be fetched again from source {name:?}: name one that keeps them, --source jaeger, jaeger-json or auto"
        ))
    })?;
    let progress = Progress::new(false);
    let fetched = runtime()?.block_on(async {
        let options = SourceOptions { endpoint, ..SourceOptions::default() };
        let source = (entry.open)(&options).await.map_err(CliError::new)?;
        Ok::<_, CliError>(collect::read_again(&folder, source, Duration::from_secs(arguments.deadline), &progress).await)
    })?;
    progress.end();
    if let Some(error) = &fetched.error {
        progress.warn(error);
    }
    info.fetch = Some(fetched);
    folder.write_info(&info).map_err(CliError::new)?;
    let analysis = analyse_folder(&folder)?;
    write_reports(&folder, &analysis, &[])?;
    print_report(&analysis, &[])?;
    Ok(Done::Ok)
}
