//! The closed words about how things break.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The five root-cause categories.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Code, config, permission, infrastructure or flag was altered.
    SystemChange,
    /// Quota, throttle, saturation, pool, disk or memory ran out.
    ResourceLimit,
    /// A process, node or disk failed, or data is corrupt.
    ComponentFailure,
    /// Something leaned upon failed: internal, external, DNS, network, certificate.
    DependencyIssue,
    /// What came in was unusual: load, payload, abuse, a bad record.
    InputAnomaly,
}

impl Category {
    /// The words people use for it.
    pub fn words(self) -> &'static str {
        match self {
            Self::SystemChange => "system change",
            Self::ResourceLimit => "resource limit",
            Self::ComponentFailure => "component failure",
            Self::DependencyIssue => "dependency issue",
            Self::InputAnomaly => "input anomaly",
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// Names one mechanism of the catalogue, such as `resource.connection-pool-exhausted`.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct MechanismId(pub String);

impl fmt::Display for MechanismId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
