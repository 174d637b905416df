//! What the user should know about how the plan came to be.

use std::fmt;

/// Most neighbours of a query vector that Milvus returns unless a property of the collection allows
/// more.
pub(super) const USUAL_LIMIT: u64 = 16_384;

/// Something that the user should know about how the plan came to be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Remark {
    EnvironmentOverrides { variable: String, key: String },
    SamplerIgnored { variable: String },
    Variable { variable: String, story: String },
    UnusedWorkload { name: String },
    PortTaken { giver: String, port: u16 },
    UnusedKey { key: String, story: String },
    LargeLimit { name: String, limit: u64 },
}

impl Remark {
    /// Whether it only says what was taken or left, and nothing that makes a figure doubtful.
    #[must_use]
    pub fn is_note(&self) -> bool {
        matches!(
            self,
            Self::PortTaken { .. } | Self::UnusedKey { .. } | Self::LargeLimit { .. }
        )
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EnvironmentOverrides { variable, key } => {
                write!(f, "{variable} overrides `{key}` of the scenario")
            }
            Self::SamplerIgnored { variable } => write!(
                f,
                "{variable} is ignored, `tracing.sample_ratio` decides which requests are traced"
            ),
            Self::PortTaken { giver, port } => {
                write!(f, "`{giver}` names no port, {port} is used")
            }
            Self::UnusedKey { key, story } => write!(f, "`{key}` {story}"),
            Self::LargeLimit { name, limit } => write!(
                f,
                "workload `{name}` searches for {limit} neighbours: above {USUAL_LIMIT} Milvus \
                 needs the property query_mode = \"large_topk\" of the collection (`properties`), \
                 which not every version has, and refuses the searches without it"
            ),
            Self::Variable { variable, story } => write!(f, "{variable} {story}"),
            Self::UnusedWorkload { name } => {
                write!(
                    f,
                    "workload `{name}` is not part of any phase and does not run"
                )
            }
        }
    }
}
