//! What the plan says, as those who are given it have it: the connections to Milvus, the exporter,
//! run.json.

use std::time::Duration;

use crate::{
    milvus::{self, ConnectOptions, Credentials, Pick, Resolve, TlsOptions},
    plan::{
        AbortPlan, AccessPlan, CredentialsPlan, NamedFile, OtlpProtocol, PickPlan, Plan, Remark,
        ResolvePlan, ThresholdPlan, TracingPlan,
    },
    record::{AbortInfo, ThresholdInfo, Warning},
    telemetry::{ExportOptions, ExportProtocol, ExportTls, TlsFile},
};

/// Where the client's spans go, from the plan; None: nowhere.
pub(crate) fn export_options(tracing: &TracingPlan) -> Option<ExportOptions> {
    let export = tracing.export.as_ref()?;
    let file = |file: &NamedFile| TlsFile {
        path: file.path.clone(),
        named_by: file.variable.clone(),
    };
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
        tls: ExportTls {
            ca: export.ca.as_ref().map(file),
            identity: export
                .identity
                .as_ref()
                .map(|(cert, key)| (file(cert), file(key))),
        },
        resource: tracing.resource.clone(),
        ..ExportOptions::grpc(&export.endpoint, &tracing.service_name)
    })
}

/// How to reach Milvus, from the plan.
pub(crate) fn connect_options(plan: &Plan) -> ConnectOptions {
    let mut options = ConnectOptions::new(plan.milvus.uri.clone());
    options.connections = plan.milvus.connections.count;
    options.resolve = match plan.milvus.connections.resolve {
        ResolvePlan::First => Resolve::First,
        ResolvePlan::EveryAddress => Resolve::EveryAddress,
    };
    options.pick = match plan.milvus.connections.pick {
        PickPlan::RoundRobin => Pick::RoundRobin,
        PickPlan::Pinned => Pick::Pinned,
        PickPlan::LeastInFlight => Pick::LeastInFlight,
    };
    options.connect_timeout = plan.milvus.timeout.min(Duration::from_secs(10));
    options.access = match plan.milvus.access {
        AccessPlan::Read => milvus::Access::Read,
        AccessPlan::Write => milvus::Access::Write,
        AccessPlan::All => milvus::Access::All,
    };
    options.database.clone_from(&plan.milvus.database);
    options.credentials = match &plan.milvus.credentials {
        CredentialsPlan::None => Credentials::None,
        CredentialsPlan::Token(token) => Credentials::Token(token.reveal().to_owned()),
        CredentialsPlan::User { name, password } => Credentials::User {
            name: name.clone(),
            password: password.reveal().to_owned(),
        },
    };
    options.tls = plan.milvus.tls.as_ref().map(|tls| TlsOptions {
        ca: tls.ca.clone(),
        cert: tls.cert.clone(),
        key: tls.key.clone(),
        server_name: tls.server_name.clone(),
    });
    options
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
        Remark::PortTaken { .. } => None,
    });
    debug.into_iter().chain(remarks).collect()
}
