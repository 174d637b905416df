//! `[milvus] needs`: the versions of Milvus that a scenario is for, and what its collections need.

use semver::{Op, Version, VersionReq};

use super::{CollectionPlan, Plan};
use crate::{
    operation::{Need, needs},
    scenario::{ScenarioError, Section, quoted},
};

/// The requirement as written.
pub(super) fn requirement(table: &Section) -> Result<Option<VersionReq>, ScenarioError> {
    let Some(text) = table.text("needs")? else {
        return Ok(None);
    };
    match VersionReq::parse(text.value.trim()) {
        Ok(requirement) if least(&requirement).is_some() => Ok(Some(requirement)),
        _ => Err(text.error(format!(
            "is {}, expected versions of Milvus such as \">= 2.4\" or \">= 2.5, < 2.7\"",
            quoted(&text.value)
        ))),
    }
}

/// Refuses a requirement that allows versions which lack what a collection needs.
pub(super) fn check(
    table: &Section,
    requirement: Option<&VersionReq>,
    collections: &[CollectionPlan],
) -> Result<(), ScenarioError> {
    let Some(least) = requirement.and_then(least) else {
        return Ok(());
    };
    let Some((name, need)) = lacking(&least, collections) else {
        return Ok(());
    };
    let since = short(&need.since);
    let message = format!(
        "allows Milvus {}, which lacks {} (collection {name}): write needs = \">= {since}\"",
        short(&(least.major, least.minor, least.patch)),
        need.what
    );
    Err(table.place_or_child("needs").error(message))
}

/// What comes last of that which a version lacks, with the name of its collection.
fn lacking(version: &Version, collections: &[CollectionPlan]) -> Option<(String, Need)> {
    let found = (version.major, version.minor, version.patch);
    let all = collections.iter().flat_map(|collection| {
        let needs = needs(&collection.shape).into_iter();
        needs.map(|need| (collection.key.clone(), need))
    });
    all.filter(|(_, need)| need.since > found)
        .max_by_key(|(_, need)| need.since)
}

/// `2.6`, or `2.5.4`.
fn short((major, minor, patch): &(u64, u64, u64)) -> String {
    match patch {
        0 => format!("{major}.{minor}"),
        _ => format!("{major}.{minor}.{patch}"),
    }
}

/// The lowest version that a requirement allows; None where it allows none.
fn least(requirement: &VersionReq) -> Option<Version> {
    let ends = requirement.comparators.iter().flat_map(|of| {
        let (minor, patch) = (of.minor.unwrap_or(0), of.patch.unwrap_or(0));
        // What is above `> 2.4` begins with 2.5, what is above `> 2.4.1` with 2.4.2.
        let next = match (of.minor, of.patch) {
            (None, _) => Version::new(of.major + 1, 0, 0),
            (_, None) => Version::new(of.major, minor + 1, 0),
            _ => Version::new(of.major, minor, patch + 1),
        };
        let is_above = of.op == Op::Greater;
        [Version::new(of.major, minor, patch), next]
            .into_iter()
            .skip(usize::from(is_above))
    });
    let all = std::iter::once(Version::new(0, 0, 0)).chain(ends);
    all.filter(|version| requirement.matches(version)).min()
}

/// The version in what a server says of itself, `v2.3.5-lite`; None for what is not numbered as
/// Milvus is, which may have anything.
fn version_of(said: &str) -> Option<Version> {
    let said = said.trim().trim_start_matches('v');
    let end = said.find(|c: char| !c.is_ascii_digit() && c != '.');
    let mut numbers = said[..end.unwrap_or(said.len())].split('.');
    let mut number = || numbers.next()?.parse::<u64>().ok();
    let (major, minor) = (number()?, number()?);
    Some(Version::new(major, minor, number().unwrap_or(0)))
}

impl Plan {
    /// Why a server that says this of its version can't do what the scenario asks for, in one
    /// sentence; None where it can, or its version says nothing.
    #[must_use]
    pub fn lacks_of(&self, said: &str) -> Option<String> {
        let version = version_of(said)?;
        if let Some(requirement) = &self.milvus.needs
            && !requirement.matches(&version)
        {
            return Some(format!(
                "Milvus has version {said}, but the scenario needs {requirement} (milvus.needs)"
            ));
        }
        let (name, need) = lacking(&version, &self.collections)?;
        Some(format!(
            "Milvus has version {said}, which lacks {} (collection {name}): they came with Milvus \
             {}",
            need.what,
            short(&need.since)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_version_of_a_requirement_is_found() {
        let least = |text: &str| {
            let found = least(&VersionReq::parse(text).unwrap());
            found.map(|version| version.to_string())
        };
        assert_eq!(least(">= 2.4").as_deref(), Some("2.4.0"));
        assert_eq!(least("> 2.4").as_deref(), Some("2.5.0"));
        assert_eq!(least("> 2.4.1").as_deref(), Some("2.4.2"));
        assert_eq!(least("2.5.4").as_deref(), Some("2.5.4"));
        assert_eq!(least(">= 2.5, < 2.7").as_deref(), Some("2.5.0"));
        assert_eq!(least("< 2.7").as_deref(), Some("0.0.0"));
        assert_eq!(least("< 2.4, > 2.5"), None);
    }

    #[test]
    fn versions_are_read_as_servers_say_them() {
        let read = |said| version_of(said).map(|version| version.to_string());
        assert_eq!(read("v2.3.5-lite").as_deref(), Some("2.3.5"));
        assert_eq!(read("2.6.4").as_deref(), Some("2.6.4"));
        assert_eq!(read("v2.6-20251103-a1b2c3").as_deref(), Some("2.6.0"));
        assert_eq!(read("milvus_lite-3.2.2"), None);
        assert_eq!(read("master-20251103"), None);
        assert_eq!(read(""), None);
    }
}
