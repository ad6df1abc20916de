//! `[[connectors.aws.NAME.hands.runbooks]]` and `builds`: what hands may run.

use std::collections::BTreeMap;

use connectors::aws::runs::{Build, Runbook};
use model::EntityId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A document of Systems Manager that may be run for an entity: an automation, or a command for machines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AwsRunbook {
    /// Its name, such as `Shop-DrainCheckout`.
    pub document: String,
    /// Its version, a number: no other is run.
    pub version: String,
    /// What it is run for, such as `service/checkout`.
    pub entity: EntityId,
    /// Parameters that may be given, each with the values that it may have: `{ Mode = ["soft", "hard"] }`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub allows: BTreeMap<String, Vec<String>>,
    /// The machines that a command is sent to, such as `{ "tag:Role" = ["checkout"] }` or
    /// `{ InstanceIds = ["i-0123456789abcdef0"] }`; without them the document is an automation.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub targets: BTreeMap<String, Vec<String>>,
    /// How many machines run a command at once, such as `2` or `10%`; one unless something else is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_once: Option<String>,
    /// ARN of the role under which an automation runs; a command has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The document that leads back, one of the same entity's; without it there is no way back, and plans say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub way_back: Option<String>,
    /// Remedies for which it is offered, such as `["restart"]`; for none unless they are named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remedies: Vec<String>,
    /// Who else feels it, such as `["service/pay"]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub touches: Vec<EntityId>,
}

/// A project of CodeBuild that may be built for an entity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AwsBuild {
    /// Its name, such as `shop-terraform`.
    pub project: String,
    /// What it is built for, such as `service/checkout`.
    pub entity: EntityId,
    /// Variables that a build may be given, each with the values that it may have: `{ TF_WORKSPACE = ["live"] }`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, Vec<String>>,
    /// Versions of its source that may be built beside those that were built well before, such as `["refs/heads/main"]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<String>,
    /// Remedies for which it is offered, as it was built well last, such as `["fix_config"]`; for none unless they are
    /// named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remedies: Vec<String>,
    /// Who else feels it, such as `["service/pay"]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub touches: Vec<EntityId>,
}

impl AwsRunbook {
    pub(super) fn named(&self) -> Runbook {
        Runbook {
            document: self.document.clone(),
            version: self.version.clone(),
            entity: self.entity.clone(),
            allows: self.allows.clone(),
            targets: self.targets.clone(),
            at_once: self.at_once.clone(),
            role: self.role.clone(),
            way_back: self.way_back.clone(),
            remedies: self.remedies.clone(),
            touches: self.touches.clone(),
        }
    }
}

impl AwsBuild {
    pub(super) fn named(&self) -> Build {
        Build {
            project: self.project.clone(),
            entity: self.entity.clone(),
            environment: self.environment.clone(),
            versions: self.versions.clone(),
            remedies: self.remedies.clone(),
            touches: self.touches.clone(),
        }
    }
}
