//! Things that can break.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The name by which the whole house knows one entity, such as `service/checkout`.
///
/// Unique within a recording. Cheap to clone. The text carries no meaning for the engine: renaming
/// every entity changes no verdict.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct EntityId(#[schemars(with = "String")] Arc<str>);

impl EntityId {
    /// From any text.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for EntityId {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

/// Maps keyed by ids are asked with text. The derived `Eq`, `Ord` and `Hash` are those of the text.
impl Borrow<str> for EntityId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What sort of thing an entity is.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum EntityKind {
    /// A service: code that answers requests, however many copies run.
    Service,
    /// A function that a platform runs on demand.
    Function,
    /// One running copy in an orchestrator.
    Pod,
    /// What keeps a number of copies running (deployment, stateful set, job).
    Workload,
    /// A container outside of a pod.
    Container,
    /// A machine, real or virtual.
    Host,
    /// A database server or cluster.
    Database,
    /// A table, collection or bucket within a store.
    Table,
    /// A queue, topic or stream.
    Queue,
    /// A cache.
    Cache,
    /// A load balancer, API gateway or proxy.
    Gateway,
    /// A provider outside of the house that cannot be looked into.
    External,
    /// A role, policy or credential.
    Role,
    /// A setting, secret, flag or parameter.
    Config,
    /// A limit that a scope is bound by.
    Quota,
    /// A namespace, cluster, zone, region or account.
    Scope,
    /// A browser, phone or other client.
    Client,
    /// Not known.
    #[default]
    Unknown,
}

impl EntityKind {
    /// The word people use for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Function => "function",
            Self::Pod => "pod",
            Self::Workload => "workload",
            Self::Container => "container",
            Self::Host => "host",
            Self::Database => "database",
            Self::Table => "table",
            Self::Queue => "queue",
            Self::Cache => "cache",
            Self::Gateway => "gateway",
            Self::External => "external provider",
            Self::Role => "role",
            Self::Config => "setting",
            Self::Quota => "quota",
            Self::Scope => "scope",
            Self::Client => "client",
            Self::Unknown => "component",
        }
    }
}

/// A thing that can break: service, host, pod, queue, database, function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Entity {
    /// Unique within the recording.
    pub id: EntityId,
    /// What sort of thing it is.
    #[serde(default)]
    pub kind: EntityKind,
    /// What people call it.
    pub name: String,
    /// Properties by which the affected can be compared with the unaffected: version, zone, host, role.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub labels: std::collections::BTreeMap<String, String>,
}
