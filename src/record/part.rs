//! Part of a phase: what its name stands for in `requests.jsonl`, in the tags of `latency.hlog` and
//! in ids.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Part of a workload within a phase. Warm-up and ramps are recorded apart and are in no figure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// The load before measuring.
    Warmup,
    /// The whole measured part of a workload without stages.
    #[default]
    Measured,
    /// The n-th ramp between stages, from 1.
    Ramp(u32),
    /// A stage that is measured, by its name.
    Stage(String),
}

impl Part {
    /// The part that is called `name`: `warmup`, `measured`, `ramp`, `ramp-2`, ..., else a stage.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        let ramp = || {
            name.strip_prefix("ramp-")?
                .parse()
                .ok()
                .filter(|number| *number > 1)
        };
        match name {
            "warmup" => Part::Warmup,
            "measured" => Part::Measured,
            "ramp" => Part::Ramp(1),
            _ => ramp().map_or_else(|| Part::Stage(name.to_owned()), Part::Ramp),
        }
    }

    /// Whether its requests are in the figures.
    #[must_use]
    pub fn is_measured(&self) -> bool {
        matches!(self, Part::Measured | Part::Stage(_))
    }

    /// Name of the stage; None for every other part.
    #[must_use]
    pub fn stage(&self) -> Option<&str> {
        match self {
            Part::Stage(name) => Some(name),
            _ => None,
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part::Warmup => f.write_str("warmup"),
            Part::Measured => f.write_str("measured"),
            Part::Ramp(1) => f.write_str("ramp"),
            Part::Ramp(number) => write!(f, "ramp-{number}"),
            Part::Stage(name) => f.write_str(name),
        }
    }
}

impl Serialize for Part {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        if name.is_empty() {
            Err(serde::de::Error::custom("a part without a name"))
        } else {
            Ok(Part::from_name(&name))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_has_one_name_and_every_name_one_part() {
        let check = |name: &str, part: &Part, measured: bool| {
            assert_eq!(
                (
                    &Part::from_name(name),
                    part.to_string().as_str(),
                    part.is_measured()
                ),
                (part, name, measured)
            );
            let json = serde_json::to_string(part).unwrap();
            assert_eq!(
                (json.as_str(), &serde_json::from_str::<Part>(&json).unwrap()),
                (format!("\"{name}\"").as_str(), part)
            );
        };
        check("warmup", &Part::Warmup, false);
        check("measured", &Part::Measured, true);
        check("ramp", &Part::Ramp(1), false);
        check("ramp-2", &Part::Ramp(2), false);
        check("average", &Part::Stage("average".to_owned()), true);
        check("400", &Part::Stage("400".to_owned()), true);
        check("ramp-1", &Part::Stage("ramp-1".to_owned()), true);
        assert!(serde_json::from_str::<Part>("\"\"").is_err());
    }
}
