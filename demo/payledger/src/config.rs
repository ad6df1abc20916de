//! What the control plane holds and the regions act on.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::names::{EntityName, TABLE};

/// Everything that one region is to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RegionConfig {
    /// Goes up with every change, in either region.
    pub generation: u64,
    /// By name.
    pub functions: BTreeMap<String, FunctionConfig>,
    /// What each role may do; the same in both regions.
    pub roles: BTreeMap<String, Vec<Grant>>,
    /// The ledger table.
    pub table: TableConfig,
    /// Requests per second that the API front lets through; `None` is no limit.
    pub front_requests_per_second: Option<u32>,
    /// How the payment provider is reached.
    pub payments: PaymentsConfig,
    /// How many times each host's clock was set right; a host that sees this go up does so.
    pub clock_syncs: BTreeMap<String, u64>,
}

/// One function.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FunctionConfig {
    /// The role it acts under.
    pub role: String,
    /// What its code finds in its environment.
    pub environment: BTreeMap<String, String>,
    /// How many copies may run at once; 0 lets none run, `None` shares the account's.
    pub reserved_concurrency: Option<u32>,
    /// Which build of its code runs.
    pub version: String,
    /// In seconds.
    pub timeout_seconds: f64,
    /// In MiB.
    pub memory_mb: u64,
    /// How many times it was started afresh by hand.
    pub restarts: u64,
    /// When its configuration was last altered, RFC 3339.
    pub last_modified: String,
}

/// One thing that a role may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Such as `dynamodb:PutItem`.
    pub action: String,
    /// The name of the table; `*` is any.
    pub resource: String,
}

/// The table of one region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableConfig {
    /// Reads per second.
    pub read_capacity: u32,
    /// Writes per second.
    pub write_capacity: u32,
    /// `byTime` (newest first) and `byAccount` (running totals).
    pub indexes: BTreeSet<String>,
    /// Ids of records that were put aside: no query returns them.
    pub set_aside: BTreeSet<String>,
    /// How many times its replication was started afresh by hand.
    pub replication_restarts: u64,
}

/// How the payment provider is reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PaymentsConfig {
    /// `primary` or `standby`: which of the provider's two sites.
    pub route: String,
    /// The client certificate's number; goes up with each issue.
    pub certificate_serial: u64,
    /// When the client certificate runs out, RFC 3339.
    pub certificate_not_after: String,
    /// The client certificate and its key, PEM. Never given out by the public parts of the API.
    pub certificate_pem: String,
    /// See `certificate_pem`.
    pub key_pem: String,
}

/// The regions as they are first set up; certificates are issued after.
pub fn first(region: &str, now: &str) -> RegionConfig {
    let mut functions = BTreeMap::new();
    for (name, role, concurrency, version) in [
        ("createTransaction", "ledger-writer", 12, "41"),
        ("listTransactions", "ledger-reader", 20, "17"),
        ("getBalance", "ledger-reader", 20, "23"),
        ("health", "ledger-health", 10, "5"),
    ] {
        functions.insert(
            name.to_owned(),
            FunctionConfig {
                role: role.to_owned(),
                environment: environment(name, region),
                reserved_concurrency: Some(concurrency),
                version: version.to_owned(),
                timeout_seconds: 3.0,
                memory_mb: 128,
                restarts: 0,
                last_modified: now.to_owned(),
            },
        );
    }
    RegionConfig {
        generation: 1,
        functions,
        roles: roles(),
        table: TableConfig {
            read_capacity: 200,
            write_capacity: 100,
            indexes: ["byTime", "byAccount"].map(str::to_owned).into(),
            set_aside: BTreeSet::new(),
            replication_restarts: 0,
        },
        front_requests_per_second: None,
        payments: PaymentsConfig {
            route: "primary".into(),
            certificate_serial: 0,
            certificate_not_after: now.to_owned(),
            certificate_pem: String::new(),
            key_pem: String::new(),
        },
        clock_syncs: BTreeMap::new(),
    }
}

fn environment(function: &str, region: &str) -> BTreeMap<String, String> {
    let mut out = BTreeMap::from([
        ("LEDGER_TABLE".to_owned(), TABLE.to_owned()),
        ("LOG_LEVEL".to_owned(), "INFO".to_owned()),
        ("REGION".to_owned(), region.to_owned()),
    ]);
    if function == "createTransaction" {
        out.insert(
            "PAYMENTS_URL".into(),
            format!("https://{}/v1/authorisations", crate::names::PROVIDER_HOST),
        );
        out.insert("CURRENCY".into(), "SGD".into());
    }
    out
}

fn roles() -> BTreeMap<String, Vec<Grant>> {
    let grant = |actions: &[&str]| {
        actions
            .iter()
            .map(|action| Grant {
                action: format!("dynamodb:{action}"),
                resource: TABLE.to_owned(),
            })
            .collect::<Vec<_>>()
    };
    BTreeMap::from([
        ("ledger-writer".to_owned(), grant(&["PutItem", "GetItem"])),
        ("ledger-reader".to_owned(), grant(&["Query", "GetItem"])),
        ("ledger-health".to_owned(), grant(&["DescribeTable"])),
        (
            "ledger-auditor".to_owned(),
            grant(&["Scan", "DescribeTable"]),
        ),
        ("ledger-replication".to_owned(), grant(&["Replicate"])),
        ("settlement-import".to_owned(), grant(&["PutItem"])),
        // Statements are mailed from files: it never touches the table.
        (
            "statement-mailer".to_owned(),
            vec![Grant {
                action: "ses:SendEmail".into(),
                resource: "*".into(),
            }],
        ),
    ])
}

impl RegionConfig {
    /// May this role do that to the table?
    pub fn allows(&self, role: &str, action: &str, resource: &str) -> bool {
        self.roles.get(role).is_some_and(|grants| {
            grants.iter().any(|grant| {
                grant.action == action && (grant.resource == "*" || grant.resource == resource)
            })
        })
    }

    /// Without secrets, for whoever asks.
    pub fn public(&self) -> Self {
        let mut copy = self.clone();
        copy.payments.certificate_pem.clear();
        copy.payments.key_pem.clear();
        copy
    }
}

/// The hosts of a region, with the process that runs on each.
pub const HOSTS: [(&str, &str); 3] = [
    ("api-host", "front"),
    ("functions-host", "functions"),
    ("table-host", "table"),
];

/// The entity of the machine on which a region's process of this role runs.
pub fn host_of(region: &str, role: &str) -> Option<EntityName> {
    HOSTS
        .iter()
        .find(|(_, process)| *process == role)
        .map(|(host, _)| EntityName::host(region, host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_may_do_what_it_does_and_no_more() {
        let config = first(crate::names::PRIMARY, "2026-01-01T00:00:00Z");
        assert!(config.allows("ledger-writer", "dynamodb:PutItem", "ledger"));
        assert!(!config.allows("ledger-writer", "dynamodb:Query", "ledger"));
        assert!(!config.allows("ledger-writer", "dynamodb:PutItem", "other"));
        assert!(!config.allows("statement-mailer", "dynamodb:PutItem", "ledger"));
        assert!(!config.allows("nobody", "dynamodb:PutItem", "ledger"));
        for function in config.functions.values() {
            assert!(config.roles.contains_key(&function.role));
        }
    }
}
