//! `[milvus]`: address, credentials, connections.

use std::time::Duration;

use super::{
    AccessPlan, AddressGiver, ConnectionsPlan, CredentialsPlan, MilvusPlan, PickPlan, PlanFlags,
    Remark, ResolvePlan, Secret, WaitPlan, needs, secret, tls,
    uri::{Address, Giver},
};
use crate::{
    keys::all,
    scenario::{At, Environment, ScenarioError, SecretSource, Section, quoted},
    tls::TlsPeer,
};

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
const NO_WAIT: WaitPlan = WaitPlan {
    limit: Duration::ZERO,
    written: false,
};
const ONE_CONNECTION: ConnectionsPlan = ConnectionsPlan {
    count: 1,
    resolve: ResolvePlan::First,
    pick: PickPlan::RoundRobin,
};

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

/// `[milvus]`; what is wrong is added to `mistakes`, and has a stand-in that breaks no rule of
/// other tables.
pub(super) fn resolve(
    table: &Section,
    flags: &PlanFlags,
    env: Environment<'_>,
    remarks: &mut Vec<Remark>,
    mistakes: &mut ScenarioError,
) -> MilvusPlan {
    let (uri, uri_giver) = mistakes.keep(uri(table, flags, env, remarks)).unzip();
    let tls = table
        .section("tls")
        .map(|table| tls::options(table, TlsPeer::Milvus, uri.as_deref()));
    let database = || table.text("database")?.as_ref().map(database).transpose();
    MilvusPlan {
        timeout: mistakes.or(table.duration("timeout"), Duration::MAX),
        wait: mistakes.or(wait(table, flags), NO_WAIT),
        connections: mistakes.or(connections(table), ONE_CONNECTION),
        access: mistakes.or(table.choice("access", "access", ACCESS), AccessPlan::All),
        database: mistakes.or(database(), None),
        credentials: mistakes.or(credentials(table, env, remarks), CredentialsPlan::None),
        tls: mistakes.or(tls.transpose(), None),
        needs: mistakes.or(needs::requirement(table), None),
        uri: uri.unwrap_or_default(),
        uri_giver: uri_giver.unwrap_or_default(),
    }
}

fn uri(
    table: &Section,
    flags: &PlanFlags,
    env: Environment<'_>,
    remarks: &mut Vec<Remark>,
) -> Result<(String, AddressGiver), ScenarioError> {
    let (written, example) = (table.text("uri")?, table.default_text("uri"));
    if let Some(written) = &written {
        // Even where it is overridden: the scenario's text is kept in the run folder, so it must
        // hold no password.
        Address::written(written).url(example)?;
    }
    let uri = written.as_ref().map_or_else(
        || Address {
            text: example.to_owned(),
            giver: Giver::Flag("--uri"),
        },
        Address::written,
    );
    let given = above(flags, env, written.as_ref(), remarks);
    let giver = given
        .as_ref()
        .map_or(AddressGiver::Scenario, |address| address.giver.named());
    let origin = given.unwrap_or(uri).origin(example, MILVUS_PORT, remarks)?;
    Ok((origin, giver))
}

fn wait(table: &Section, flags: &PlanFlags) -> Result<WaitPlan, ScenarioError> {
    let limit = table.duration("wait")?;
    Ok(WaitPlan {
        limit: flags.wait.unwrap_or(limit),
        written: flags.wait.is_some() || table.place_of("wait").is_some(),
    })
}

fn connections(milvus: &Section) -> Result<ConnectionsPlan, ScenarioError> {
    let table = milvus.section("connections");
    let count = match table {
        Some(table) => table.integer("count"),
        None => milvus.integer("connections"),
    };
    let table = table
        .cloned()
        .unwrap_or_else(|| milvus.section_or_empty("connections"));
    let (count, resolve, pick) = all((
        count,
        table.choice("resolve", "choice of addresses", RESOLVE),
        table.choice("pick", "choice of connections", PICK),
    ))?;
    Ok(ConnectionsPlan {
        count: count as u32,
        resolve,
        pick,
    })
}

/// The address of the flag or the environment, which stand above that of the scenario.
fn above<'a>(
    flags: &PlanFlags,
    env: Environment<'_>,
    written: Option<&At<String>>,
    remarks: &mut Vec<Remark>,
) -> Option<Address<'a>> {
    if let Some(text) = &flags.uri {
        return Some(Address {
            text: text.clone(),
            giver: Giver::Flag("--uri"),
        });
    }
    let is_set = written.is_some_and(|at| at.place.is_set());
    let text = env("MILVUS_URI").filter(|text| !text.is_empty() && !is_set)?;
    if written.is_some() {
        remarks.push(Remark::EnvironmentOverrides {
            variable: "MILVUS_URI".to_owned(),
            key: "milvus.uri".to_owned(),
        });
    }
    Some(Address {
        text,
        giver: Giver::Variable("MILVUS_URI"),
    })
}

fn database(text: &At<String>) -> Result<String, ScenarioError> {
    if text.value.is_empty() || text.value.len() > 255 || text.value.chars().any(char::is_control) {
        return Err(text.error(format!(
            "is {}, expected a name of 1 to 255 characters",
            quoted(&text.value)
        )));
    }
    Ok(text.value.clone())
}

fn credentials(
    table: &Section,
    env: Environment<'_>,
    remarks: &mut Vec<Remark>,
) -> Result<CredentialsPlan, ScenarioError> {
    let secrets = (table.secret("token"), table.secret("password"));
    let (token, password, user) = all((secrets.0, secrets.1, table.text("user")))?;
    if let (Some(token), Some(_)) = (&token, &user) {
        return Err(token.error("cannot be combined with `user`; use one of the two"));
    }
    if let Some(text) = env("MILVUS_TOKEN").filter(|text| !text.is_empty()) {
        if text.chars().any(char::is_control) {
            return Err(ScenarioError::new(
                "`MILVUS_TOKEN` holds a control character, expected one line of text",
            ));
        }
        // A scenario that takes its token from the same variable is not overridden.
        let written = token
            .as_ref()
            .map(|_| "milvus.token")
            .or(user.as_ref().map(|_| "milvus.user"));
        let same = token.as_ref().is_some_and(|token| {
            matches!(&token.value, SecretSource::Variable { name, .. } if name == "MILVUS_TOKEN")
        });
        if let Some(key) = written.filter(|_| !same) {
            remarks.push(Remark::EnvironmentOverrides {
                variable: "MILVUS_TOKEN".to_owned(),
                key: key.to_owned(),
            });
        }
        return Ok(CredentialsPlan::Token(Secret::new(text)));
    }
    match (&token, &user, &password) {
        (Some(token), ..) => Ok(CredentialsPlan::Token(secret::look_up(token, env)?)),
        (None, Some(user), Some(password)) => Ok(CredentialsPlan::User {
            name: user.value.clone(),
            password: secret::look_up(password, env)?,
        }),
        (None, Some(user), None) => {
            Err(user.error("needs a `password`; add password = \"${NAME}\" or { file = \"...\" }"))
        }
        (None, None, Some(password)) => Err(password.error("needs a `user`; add user = \"...\"")),
        (None, None, None) => Ok(CredentialsPlan::None),
    }
}
