//! What the plan says, as those who are given it have it: the exporter, the source of spans,
//! run.json.

use crate::{
    plan::{AbortPlan, OtlpProtocol, Plan, Remark, ThresholdPlan, TracingPlan},
    record::{AbortInfo, ThresholdInfo, Warning},
    spans::SourceOptions,
    telemetry::{ExportOptions, ExportProtocol},
};

/// Where the client's spans go, from the plan; None: nowhere.
pub(crate) fn export_options(tracing: &TracingPlan) -> Option<ExportOptions> {
    let export = tracing.export.as_ref()?;
    Some(ExportOptions {
        protocol: match export.protocol {
            OtlpProtocol::Grpc => ExportProtocol::Grpc,
            OtlpProtocol::HttpProtobuf => ExportProtocol::HttpProtobuf,
        },
        headers: export
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), value.reveal().to_owned()))
            .collect(),
        gzip: export.gzip,
        timeout: export.timeout,
        tls: export.tls.clone(),
        resource: tracing.resource.clone(),
        ..ExportOptions::grpc(&export.endpoint, &tracing.service_name)
    })
}

/// How the source is reached.
pub(crate) fn source_options(tracing: &TracingPlan, nonce: u64) -> SourceOptions {
    let usual = SourceOptions::default();
    SourceOptions {
        // One silent server must not cost more than all of the reading may.
        timeout: usual.timeout.min(tracing.deadline),
        endpoint: tracing.endpoint.clone(),
        admin: tracing.admin.clone(),
        headers: tracing
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), value.reveal().to_owned()))
            .collect(),
        tls: tracing.tls.clone().unwrap_or_default(),
        listen: tracing.listen.clone(),
        listen_http: tracing.listen_http.clone(),
        nonce,
        ..usual
    }
}

pub(super) fn threshold(plan: &ThresholdPlan) -> ThresholdInfo {
    let ThresholdPlan {
        require,
        workload,
        phase,
        strict,
        abort,
    } = plan.clone();
    let abort = abort.map(|AbortPlan { over, after }| AbortInfo {
        over_s: u32::try_from(over.as_secs()).unwrap_or(u32::MAX),
        after_ns: u64::try_from(after.as_nanos()).unwrap_or(u64::MAX),
    });
    ThresholdInfo {
        require,
        workload,
        phase,
        strict,
        abort,
    }
}

pub(super) fn warnings(plan: &Plan) -> Vec<Warning> {
    let debug = cfg!(debug_assertions).then_some(Warning::DebugBuild);
    let remarks = plan.remarks.iter().filter_map(|remark| match remark {
        Remark::EnvironmentOverrides { variable, key } => Some(Warning::EnvironmentOverrides {
            variable: variable.clone(),
            key: key.clone(),
        }),
        Remark::UnusedWorkload { name } => Some(Warning::UnusedWorkload {
            workload: name.clone(),
        }),
        Remark::SamplerIgnored { variable } => Some(Warning::SamplerIgnored {
            variable: variable.clone(),
        }),
        Remark::Variable { variable, story } => Some(Warning::Variable {
            variable: variable.clone(),
            story: story.clone(),
        }),
        // Said when the scenario was read.
        Remark::PortTaken { .. } | Remark::UnusedKey { .. } | Remark::LargeLimit { .. } => None,
    });
    debug.into_iter().chain(remarks).collect()
}
