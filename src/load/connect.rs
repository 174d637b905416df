//! The connections that a plan names.

use std::time::Duration;

use crate::{
    milvus::{self, ConnectOptions, Credentials, Pick, Resolve},
    plan::{AccessPlan, CredentialsPlan, PickPlan, Plan, ResolvePlan},
};

/// How to reach Milvus, from the plan.
#[must_use]
pub fn connect_options(plan: &Plan) -> ConnectOptions {
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
    options.tls.clone_from(&plan.milvus.tls);
    options
}
