//! What the parts are called, everywhere the same: in the topology, in telemetry, in the audit log.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The region that serves while it is well.
pub const PRIMARY: &str = "ap-southeast-1";
/// The region that takes over.
pub const SECONDARY: &str = "ap-northeast-1";
/// Both regions, the primary first.
pub const REGIONS: [&str; 2] = [PRIMARY, SECONDARY];
/// The functions that every region runs.
pub const FUNCTIONS: [&str; 4] = [
    "createTransaction",
    "listTransactions",
    "getBalance",
    "health",
];
/// The one table.
pub const TABLE: &str = "ledger";
/// The account number in every ARN; the one that documentation uses.
pub const ACCOUNT: &str = "111122223333";
/// The payment provider's host name as its certificate has it.
pub const PROVIDER_HOST: &str = "payments.example.com";

/// The region that is not this one.
pub fn other_region(region: &str) -> &'static str {
    if region == PRIMARY {
        SECONDARY
    } else {
        PRIMARY
    }
}

/// What sort of thing an entity is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The failover router.
    Router,
    /// A region's API front.
    Front,
    /// A function of a region.
    Function,
    /// A machine that a process of a region runs on.
    Host,
    /// A region's copy of the ledger table.
    Table,
    /// A role that functions act under.
    Role,
    /// The outside payment provider.
    Provider,
    /// A client certificate.
    Certificate,
}

impl Kind {
    /// The word that begins the entity's id.
    pub fn word(self) -> &'static str {
        match self {
            Self::Router => "router",
            Self::Front => "front",
            Self::Function => "function",
            Self::Host => "host",
            Self::Table => "table",
            Self::Role => "role",
            Self::Provider => "provider",
            Self::Certificate => "certificate",
        }
    }
}

/// The name of one entity: its kind, its region unless it is global, and what people call it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntityName {
    /// What sort.
    pub kind: Kind,
    /// Where; `None` for what belongs to no region.
    pub region: Option<String>,
    /// The short name, which is also `service.name` in telemetry.
    pub name: String,
}

impl EntityName {
    /// An entity of a region.
    pub fn of(kind: Kind, region: &str, name: &str) -> Self {
        Self {
            kind,
            region: Some(region.to_owned()),
            name: name.to_owned(),
        }
    }

    /// An entity that belongs to no region.
    pub fn global(kind: Kind, name: &str) -> Self {
        Self {
            kind,
            region: None,
            name: name.to_owned(),
        }
    }

    /// The router.
    pub fn router() -> Self {
        Self::global(Kind::Router, "router")
    }

    /// A region's API front.
    pub fn front(region: &str) -> Self {
        Self::of(Kind::Front, region, "api")
    }

    /// A function of a region.
    pub fn function(region: &str, name: &str) -> Self {
        Self::of(Kind::Function, region, name)
    }

    /// A region's table.
    pub fn table(region: &str) -> Self {
        Self::of(Kind::Table, region, TABLE)
    }

    /// A role.
    pub fn role(name: &str) -> Self {
        Self::global(Kind::Role, name)
    }

    /// The payment provider.
    pub fn provider() -> Self {
        Self::global(Kind::Provider, "payments")
    }

    /// A region's client certificate for the payment provider.
    pub fn certificate(region: &str) -> Self {
        Self::of(Kind::Certificate, region, "payments-client")
    }

    /// The machine that one process runs on: `api-host`, `functions-host`, `table-host`.
    pub fn host(region: &str, name: &str) -> Self {
        Self::of(Kind::Host, region, name)
    }

    /// The Amazon Resource Name, where such a thing would have one.
    pub fn arn(&self) -> String {
        let region = self.region.as_deref().unwrap_or("");
        let name = &self.name;
        match self.kind {
            Kind::Function => format!("arn:aws:lambda:{region}:{ACCOUNT}:function:{name}"),
            Kind::Table => format!("arn:aws:dynamodb:{region}:{ACCOUNT}:table/{name}"),
            Kind::Role => format!("arn:aws:iam::{ACCOUNT}:role/{name}"),
            Kind::Front => format!("arn:aws:apigateway:{region}::/restapis/{name}"),
            Kind::Host => format!("arn:aws:ec2:{region}:{ACCOUNT}:instance/{name}"),
            Kind::Certificate => format!("arn:aws:acm:{region}:{ACCOUNT}:certificate/{name}"),
            Kind::Router => format!("arn:aws:route53:::healthcheck/{name}"),
            Kind::Provider => format!("urn:external:{name}"),
        }
    }
}

impl fmt::Display for EntityName {
    /// The id: `function/ap-southeast-1/getBalance`, `router/router`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.region {
            Some(region) => write!(f, "{}/{region}/{}", self.kind.word(), self.name),
            None => write!(f, "{}/{}", self.kind.word(), self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_arns() {
        let function = EntityName::function(PRIMARY, "getBalance");
        assert_eq!(function.to_string(), "function/ap-southeast-1/getBalance");
        assert_eq!(
            function.arn(),
            "arn:aws:lambda:ap-southeast-1:111122223333:function:getBalance"
        );
        assert_eq!(EntityName::router().to_string(), "router/router");
        assert_eq!(other_region(PRIMARY), SECONDARY);
        assert_eq!(other_region(SECONDARY), PRIMARY);
    }
}
