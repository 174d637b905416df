//! `doctor`: every link of the chain client -> Milvus -> Jaeger -> client, one after the other.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use clap::Args;

use super::{
    ended::{CliError, Done},
    flags::{OF_DOCTOR, said_by_flags},
    output::print,
    progress::Progress,
    runtime::runtime,
    scenario::{NO_SCENARIO, plan_of},
    terminal::{broken, has_colors},
    values::whole,
};
use crate::{
    doctor::{DoctorCollection, DoctorOptions, examine, is_broken, render, text_column},
    load::connect_options,
    milvus::ConnectOptions,
    plan::{Plan, PlanFlags},
    runner::{
        Watcher,
        from_plan::{export_options, source_options},
        observer, within,
    },
    scenario::ScenarioSource,
    spans::SourceKind,
    telemetry::ExportOptions,
};

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorArguments {
    /// Scenario whose Milvus, tracing and collection are examined; default: those of a scenario
    /// that names nothing
    #[arg(value_name = "SCENARIO")]
    scenario: Option<PathBuf>,
    /// Milvus, e.g. http://127.0.0.1:19530
    #[arg(long, value_name = "URI")]
    uri: Option<String>,
    /// Where the server's spans are read, e.g. http://127.0.0.1:16685
    #[arg(long, value_name = "URL")]
    spans: Option<String>,
    /// Where the client's own spans go, e.g. http://127.0.0.1:4317, or :4318 for OTLP over HTTP
    #[arg(long, value_name = "URL")]
    otlp: Option<String>,
    /// Maximum wait for spans, in seconds
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 30,
        value_parser = whole(1..=600_u64)
    )]
    deadline: u64,
}

/// Examines and prints one line per link.
pub(crate) fn doctor(arguments: &DoctorArguments) -> Result<Done, CliError> {
    let source = match &arguments.scenario {
        Some(path) => ScenarioSource::File(path.clone()),
        None => ScenarioSource::Stdin(NO_SCENARIO.to_owned()),
    };
    let flags = PlanFlags {
        uri: arguments.uri.clone(),
        spans: arguments.spans.clone(),
        otlp: arguments.otlp.clone(),
        ..PlanFlags::default()
    };
    let plan = plan_of(&source, &[], &flags)?;
    let progress = Arc::new(Progress::new(false));
    let doubts = plan.remarks.iter().filter(|remark| !remark.is_note());
    doubts.for_each(|remark| progress.warn(&remark.to_string()));
    let options = options(&plan, arguments, Arc::clone(&progress) as _);
    let present = Mutex::new(None);
    // No link takes longer than the export's last attempts, or the wait for spans and for late
    // ones.
    let longest = within(options.deadline.max(Duration::from_secs(30)) + Duration::from_secs(15));
    let mut links = runtime()?.block_on(examine(&options, &|text| {
        progress.now(text);
        if let Ok(mut present) = present.lock() {
            *present = Some(progress.waiting(text, longest.clone()));
        }
    }));
    drop(present);
    progress.end();
    for link in &mut links {
        link.seen = plan.named_by_giver(&link.seen);
        if arguments.scenario.is_none() {
            link.seen = said_by_flags(&link.seen, OF_DOCTOR);
        }
        for cause in &mut link.causes {
            cause.change = plan.named_by_giver(&cause.change);
        }
    }
    let text = render(&links, has_colors());
    print(broken(&text, |line| Some(text_column(line))).as_bytes())?;
    Ok(if is_broken(&links) {
        Done::Failed
    } else {
        Done::Ok
    })
}

fn options(plan: &Plan, arguments: &DoctorArguments, watcher: Arc<dyn Watcher>) -> DoctorOptions {
    let collection = arguments
        .scenario
        .is_some()
        .then(|| plan.collections.first())
        .flatten();
    DoctorOptions {
        connect: ConnectOptions {
            observer: Some(observer(&watcher)),
            ..connect_options(plan)
        },
        // The embedded receiver is the endpoint itself.
        otlp: if plan.tracing.source.kind == SourceKind::Received {
            Some(ExportOptions::grpc(
                format!("http://{}", plan.tracing.listen),
                &plan.tracing.service_name,
            ))
        } else {
            export_options(&plan.tracing)
        },
        source: plan.tracing.source,
        source_options: source_options(&plan.tracing, 0),
        collection: collection.map(|collection| DoctorCollection {
            name: collection.shape.name.clone(),
            vector_field: collection.shape.vector.name.clone(),
            vector_type: collection.shape.vector.vector_type,
            dim: collection.shape.vector.dim,
            metric: collection.shape.vector.metric.clone(),
        }),
        deadline: Duration::from_secs(arguments.deadline),
    }
}
