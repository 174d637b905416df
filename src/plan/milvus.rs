//! `[milvus]`: address, credentials, connections.

use std::time::Duration;

use super::{
    AccessPlan, ConnectionsPlan, CredentialsPlan, MilvusPlan, PickPlan, PlanError, PlanFlags,
    Remark, ResolvePlan, Secret, TlsPlan, WaitPlan, limits, secret,
    uri::{Address, Giver},
};
use crate::scenario::{At, ConnectionsTable, Environment, MilvusTable, TlsTable, choose, quoted};

const URI_EXAMPLE: &str = "http://127.0.0.1:19530";
const MILVUS_PORT: u16 = 19530;
pub(super) const ACCESS: &[(&str, AccessPlan)] = &[
    ("read", AccessPlan::Read),
    ("write", AccessPlan::Write),
    ("all", AccessPlan::All),
];
pub(super) const RESOLVE: &[(&str, ResolvePlan)] = &[
    ("first", ResolvePlan::First),
    ("every-address", ResolvePlan::EveryAddress),
];
pub(super) const PICK: &[(&str, PickPlan)] = &[
    ("round-robin", PickPlan::RoundRobin),
    ("pinned", PickPlan::Pinned),
    ("least-in-flight", PickPlan::LeastInFlight),
];
/// Shortest and longest timeout of a request.
pub(super) const TIMEOUTS: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(1)..=Duration::from_secs(3600);
/// Shortest and longest wait for Milvus.
const WAITS: std::ops::RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(3600);

impl AccessPlan {
    /// Its name, as in a scenario.
    #[must_use]
    pub fn name(self) -> &'static str {
        ACCESS
            .iter()
            .find(|(_, access)| *access == self)
            .map_or("", |(name, _)| name)
    }
}

impl ResolvePlan {
    /// Its name, as in a scenario.
    #[must_use]
    pub fn name(self) -> &'static str {
        RESOLVE
            .iter()
            .find(|(_, resolve)| *resolve == self)
            .map_or("", |(name, _)| name)
    }
}

impl PickPlan {
    /// Its name, as in a scenario.
    #[must_use]
    pub fn name(self) -> &'static str {
        PICK.iter()
            .find(|(_, pick)| *pick == self)
            .map_or("", |(name, _)| name)
    }
}

pub(super) fn resolve(
    table: &MilvusTable,
    flags: &PlanFlags,
    env: Environment<'_>,
    remarks: &mut Vec<Remark>,
) -> Result<MilvusPlan, PlanError> {
    if let Some(written) = &table.uri {
        // Even where it is overridden: the scenario's text is kept in the run folder, so it must
        // hold no password.
        Address::written(written).url(URI_EXAMPLE)?;
    }
    let uri = uri(table, flags, env, remarks).origin(URI_EXAMPLE, MILVUS_PORT, remarks)?;
    let access = table
        .access
        .as_ref()
        .map(|text| choose(text, "access", ACCESS, |row| row.0))
        .transpose()?;
    let tls = table
        .tls
        .as_ref()
        .map(|tls| tls_plan(tls, &uri))
        .transpose()?;
    Ok(MilvusPlan {
        uri,
        timeout: limits::duration(&table.timeout, TIMEOUTS, Duration::from_secs(10))?,
        wait: wait(table, flags)?,
        connections: connections(&table.connections)?,
        access: access.map_or(AccessPlan::All, |row| row.1),
        database: table.database.as_ref().map(database).transpose()?,
        credentials: credentials(table, env, remarks)?,
        tls,
    })
}

fn wait(table: &MilvusTable, flags: &PlanFlags) -> Result<WaitPlan, PlanError> {
    let limit = limits::duration(&table.wait, WAITS, Duration::from_secs(60))?;
    Ok(WaitPlan {
        limit: flags.wait.unwrap_or(limit),
        written: flags.wait.is_some() || table.wait.is_some(),
    })
}

fn connections(table: &ConnectionsTable) -> Result<ConnectionsPlan, PlanError> {
    let resolve = table
        .resolve
        .as_ref()
        .map(|text| choose(text, "choice of addresses", RESOLVE, |row| row.0))
        .transpose()?;
    let pick = table
        .pick
        .as_ref()
        .map(|text| choose(text, "choice of connections", PICK, |row| row.0))
        .transpose()?;
    Ok(ConnectionsPlan {
        count: limits::number(&table.count, 1..=1024, 4)? as u32,
        resolve: resolve.map_or(ResolvePlan::First, |row| row.1),
        pick: pick.map_or(PickPlan::RoundRobin, |row| row.1),
    })
}

fn uri<'a>(
    table: &'a MilvusTable,
    flags: &PlanFlags,
    env: Environment<'_>,
    remarks: &mut Vec<Remark>,
) -> Address<'a> {
    if let Some(text) = &flags.uri {
        return Address {
            text: text.clone(),
            giver: Giver::Flag("--uri"),
        };
    }
    let is_set = table.uri.as_ref().is_some_and(|at| at.place.is_set());
    if let Some(text) = env("MILVUS_URI").filter(|text| !text.is_empty() && !is_set) {
        if table.uri.is_some() {
            remarks.push(Remark::EnvironmentOverrides {
                variable: "MILVUS_URI".to_owned(),
                key: "milvus.uri".to_owned(),
            });
        }
        return Address {
            text,
            giver: Giver::Variable("MILVUS_URI"),
        };
    }
    table.uri.as_ref().map_or_else(
        || Address {
            text: URI_EXAMPLE.to_owned(),
            giver: Giver::Flag("--uri"),
        },
        Address::written,
    )
}

fn database(text: &At<String>) -> Result<String, PlanError> {
    if text.value.is_empty() || text.value.len() > 255 || text.value.chars().any(char::is_control) {
        return Err(text
            .error(format!(
                "is {}, allowed are names of 1 to 255 characters",
                quoted(&text.value)
            ))
            .into());
    }
    Ok(text.value.clone())
}

fn credentials(
    table: &MilvusTable,
    env: Environment<'_>,
    remarks: &mut Vec<Remark>,
) -> Result<CredentialsPlan, PlanError> {
    if let (Some(token), Some(_)) = (&table.token, &table.user) {
        return Err(token
            .error("stands beside `user`, allowed is one of the two")
            .into());
    }
    if let Some(text) = env("MILVUS_TOKEN").filter(|text| !text.is_empty()) {
        if text.chars().any(char::is_control) {
            return Err(PlanError(
                "`MILVUS_TOKEN` holds a control character, allowed is one line of text".to_owned(),
            ));
        }
        // A scenario that takes its token from the same variable is not overridden.
        let written = table
            .token
            .as_ref()
            .map(|_| "milvus.token")
            .or(table.user.as_ref().map(|_| "milvus.user"));
        let same = table
            .token
            .as_ref()
            .is_some_and(|token| matches!(&token.value, crate::scenario::SecretSource::Variable { name, .. } if name == "MILVUS_TOKEN"));
        if let Some(key) = written.filter(|_| !same) {
            remarks.push(Remark::EnvironmentOverrides {
                variable: "MILVUS_TOKEN".to_owned(),
                key: key.to_owned(),
            });
        }
        return Ok(CredentialsPlan::Token(Secret::new(text)));
    }
    match (&table.token, &table.user, &table.password) {
        (Some(token), ..) => Ok(CredentialsPlan::Token(secret::look_up(token, env)?)),
        (None, Some(user), Some(password)) => Ok(CredentialsPlan::User {
            name: user.value.clone(),
            password: secret::look_up(password, env)?,
        }),
        (None, Some(user), None) => Err(user
            .error("has no `password` beside it; add password = \"${NAME}\" or { file = \"...\" }")
            .into()),
        (None, None, Some(password)) => Err(password
            .error("has no `user` beside it; add user = \"...\"")
            .into()),
        (None, None, None) => Ok(CredentialsPlan::None),
    }
}

fn tls_plan(tls: &At<TlsTable>, uri: &str) -> Result<TlsPlan, PlanError> {
    if !uri.starts_with("https://") {
        return Err(tls
            .error(format!(
                "needs an address with https://, the address is {uri}"
            ))
            .into());
    }
    if let (Some(at), None) | (None, Some(at)) = (&tls.value.cert, &tls.value.key) {
        return Err(at
            .error("stands alone, the client's certificate needs both `cert` and `key`")
            .into());
    }
    for file in [&tls.value.ca, &tls.value.cert, &tls.value.key]
        .into_iter()
        .flatten()
    {
        if !file.value.is_file() {
            return Err(file
                .error(format!(
                    "names {}, which is no file; give the path of a PEM file",
                    file.value.display()
                ))
                .into());
        }
    }
    let path = |at: &Option<At<std::path::PathBuf>>| at.as_ref().map(|at| at.value.clone());
    Ok(TlsPlan {
        ca: path(&tls.value.ca),
        cert: path(&tls.value.cert),
        key: path(&tls.value.key),
        server_name: tls
            .value
            .server_name
            .as_ref()
            .map(|name| name.value.clone()),
    })
}
