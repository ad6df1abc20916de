//! Every change that the control plane knows how to make, and the change that undoes it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::config::{HOSTS, RegionConfig};
use crate::control::artifacts;
use crate::names::{EntityName, FUNCTIONS};

/// One change to one region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mutation {
    /// Where.
    pub region: String,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What is changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum What {
    /// The role that a function acts under.
    Role {
        /// Whose.
        function: String,
        /// The new one.
        role: String,
    },
    /// The whole environment of a function.
    Environment {
        /// Whose.
        function: String,
        /// All of its variables.
        environment: BTreeMap<String, String>,
    },
    /// How many copies of a function may run at once.
    Concurrency {
        /// Whose.
        function: String,
        /// `None` removes the reservation.
        reserved_concurrency: Option<u32>,
    },
    /// Which build of a function runs.
    Version {
        /// Whose.
        function: String,
        /// The build.
        version: String,
    },
    /// Starts a function afresh: its running copies are dropped.
    Restart {
        /// Which.
        function: String,
    },
    /// The table's capacity.
    Throughput {
        /// Reads per second.
        read_capacity: u32,
        /// Writes per second.
        write_capacity: u32,
    },
    /// Which indexes the table has.
    Indexes {
        /// All of them.
        indexes: BTreeSet<String>,
    },
    /// Puts a record aside, so that no query returns it.
    SetAside {
        /// Its id.
        record: String,
    },
    /// Puts it back.
    PutBack {
        /// Its id.
        record: String,
    },
    /// Starts the replication into this region afresh.
    RestartReplication {},
    /// Requests per second that the API front lets through.
    FrontLimit {
        /// `None` is no limit.
        requests_per_second: Option<u32>,
    },
    /// Which of the payment provider's sites is used.
    PaymentsRoute {
        /// `primary` or `standby`.
        route: String,
    },
    /// A new client certificate for the payment provider.
    RenewCertificate {},
    /// Sets a host's clock right.
    SyncClock {
        /// Which.
        host: String,
    },
}

/// Why a change cannot be made.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Impossible {
    /// It names something that is not there.
    #[error("{0}")]
    NoSuch(String),
    /// What it asks for makes no sense.
    #[error("{0}")]
    Invalid(String),
}

/// How a change stands in the audit log.
pub struct AuditForm {
    /// `lambda.amazonaws.com`.
    pub source: &'static str,
    /// `UpdateFunctionConfiguration`.
    pub name: &'static str,
    /// What it touched.
    pub entity: EntityName,
    /// What was asked for.
    pub parameters: Value,
}

impl Mutation {
    /// Makes the change, and says which one would undo it; `None` for what cannot be undone.
    pub fn apply(
        &self,
        config: &mut RegionConfig,
        now: &str,
    ) -> Result<Option<Mutation>, Impossible> {
        let undo = match &self.what {
            What::Role { function, role } => {
                if !config.roles.contains_key(role) {
                    return Err(Impossible::NoSuch(format!(
                        "role {role} does not exist; known: {}",
                        listed(config.roles.keys())
                    )));
                }
                let held = held(config, function, now)?;
                Some(What::Role {
                    function: function.clone(),
                    role: std::mem::replace(&mut held.role, role.clone()),
                })
            }
            What::Environment {
                function,
                environment,
            } => {
                let held = held(config, function, now)?;
                Some(What::Environment {
                    function: function.clone(),
                    environment: std::mem::replace(&mut held.environment, environment.clone()),
                })
            }
            What::Concurrency {
                function,
                reserved_concurrency,
            } => {
                let held = held(config, function, now)?;
                Some(What::Concurrency {
                    function: function.clone(),
                    reserved_concurrency: std::mem::replace(
                        &mut held.reserved_concurrency,
                        *reserved_concurrency,
                    ),
                })
            }
            What::Version { function, version } => {
                if artifacts::find(function, version).is_none() {
                    return Err(Impossible::NoSuch(format!(
                        "{function} has no build {version}; known: {}",
                        listed(artifacts::versions(function))
                    )));
                }
                let held = held(config, function, now)?;
                Some(What::Version {
                    function: function.clone(),
                    version: std::mem::replace(&mut held.version, version.clone()),
                })
            }
            What::Restart { function } => {
                held(config, function, now)?.restarts += 1;
                None
            }
            What::Throughput {
                read_capacity,
                write_capacity,
            } => {
                if *read_capacity == 0 || *write_capacity == 0 {
                    return Err(Impossible::Invalid(
                        "capacity must be at least 1 read and 1 write per second".into(),
                    ));
                }
                let table = &mut config.table;
                Some(What::Throughput {
                    read_capacity: std::mem::replace(&mut table.read_capacity, *read_capacity),
                    write_capacity: std::mem::replace(&mut table.write_capacity, *write_capacity),
                })
            }
            What::Indexes { indexes } => {
                if let Some(unknown) = indexes
                    .iter()
                    .find(|index| !["byTime", "byAccount"].contains(&index.as_str()))
                {
                    return Err(Impossible::Invalid(format!(
                        "index {unknown} is unknown; the table can have byTime and byAccount"
                    )));
                }
                Some(What::Indexes {
                    indexes: std::mem::replace(&mut config.table.indexes, indexes.clone()),
                })
            }
            What::SetAside { record } => {
                let new = config.table.set_aside.insert(record.clone());
                new.then(|| What::PutBack {
                    record: record.clone(),
                })
            }
            What::PutBack { record } => {
                if !config.table.set_aside.remove(record) {
                    return Err(Impossible::NoSuch(format!(
                        "record {record} was not put aside"
                    )));
                }
                Some(What::SetAside {
                    record: record.clone(),
                })
            }
            What::RestartReplication {} => {
                config.table.replication_restarts += 1;
                None
            }
            What::FrontLimit {
                requests_per_second,
            } => Some(What::FrontLimit {
                requests_per_second: std::mem::replace(
                    &mut config.front_requests_per_second,
                    *requests_per_second,
                ),
            }),
            What::PaymentsRoute { route } => {
                if !["primary", "standby"].contains(&route.as_str()) {
                    return Err(Impossible::Invalid(format!(
                        "route {route} is unknown; expected primary or standby"
                    )));
                }
                Some(What::PaymentsRoute {
                    route: std::mem::replace(&mut config.payments.route, route.clone()),
                })
            }
            // The certificate itself is issued by the control plane, which holds the authority's key.
            What::RenewCertificate {} => None,
            What::SyncClock { host } => {
                if !HOSTS.iter().any(|(name, _)| name == host) {
                    return Err(Impossible::NoSuch(format!(
                        "host {host} does not exist; known: {}",
                        listed(HOSTS.iter().map(|(name, _)| *name))
                    )));
                }
                *config.clock_syncs.entry(host.clone()).or_default() += 1;
                None
            }
        };
        Ok(undo.map(|what| Self {
            region: self.region.clone(),
            what,
        }))
    }

    /// What it touches.
    pub fn entity(&self) -> EntityName {
        let region = self.region.as_str();
        match &self.what {
            What::Role { function, .. }
            | What::Environment { function, .. }
            | What::Concurrency { function, .. }
            | What::Version { function, .. }
            | What::Restart { function } => EntityName::function(region, function),
            What::Throughput { .. }
            | What::Indexes { .. }
            | What::SetAside { .. }
            | What::PutBack { .. }
            | What::RestartReplication {} => EntityName::table(region),
            What::FrontLimit { .. } => EntityName::front(region),
            What::PaymentsRoute { .. } => EntityName::function(region, "createTransaction"),
            What::RenewCertificate {} => EntityName::certificate(region),
            What::SyncClock { host } => EntityName::host(region, host),
        }
    }

    /// How it stands in the audit log: the names that CloudTrail has for such a change.
    pub fn audit_form(&self) -> AuditForm {
        let (source, name, parameters) = match &self.what {
            What::Role { function, role } => (
                "lambda.amazonaws.com",
                "UpdateFunctionConfiguration",
                json!({"functionName": function, "role": EntityName::role(role).arn()}),
            ),
            What::Environment {
                function,
                environment,
            } => (
                "lambda.amazonaws.com",
                "UpdateFunctionConfiguration",
                json!({"functionName": function, "environment": {"variables": environment}}),
            ),
            What::Concurrency {
                function,
                reserved_concurrency: Some(limit),
            } => (
                "lambda.amazonaws.com",
                "PutFunctionConcurrency",
                json!({"functionName": function, "reservedConcurrentExecutions": limit}),
            ),
            What::Concurrency { function, .. } => (
                "lambda.amazonaws.com",
                "DeleteFunctionConcurrency",
                json!({"functionName": function}),
            ),
            What::Version { function, version } => (
                "lambda.amazonaws.com",
                "UpdateFunctionCode",
                json!({
                    "functionName": function,
                    "version": version,
                    "commit": artifacts::find(function, version).map(|build| build.commit),
                }),
            ),
            What::Restart { function } => (
                "lambda.amazonaws.com",
                "RestartFunction",
                json!({"functionName": function}),
            ),
            What::Throughput {
                read_capacity,
                write_capacity,
            } => (
                "dynamodb.amazonaws.com",
                "UpdateTable",
                json!({"tableName": "ledger", "provisionedThroughput": {
                    "readCapacityUnits": read_capacity, "writeCapacityUnits": write_capacity}}),
            ),
            What::Indexes { indexes } => (
                "dynamodb.amazonaws.com",
                "UpdateTable",
                json!({"tableName": "ledger", "globalSecondaryIndexes": indexes}),
            ),
            What::SetAside { record } => (
                "dynamodb.amazonaws.com",
                "SetRecordAside",
                json!({"tableName": "ledger", "key": {"id": record}}),
            ),
            What::PutBack { record } => (
                "dynamodb.amazonaws.com",
                "PutRecordBack",
                json!({"tableName": "ledger", "key": {"id": record}}),
            ),
            What::RestartReplication {} => (
                "dynamodb.amazonaws.com",
                "RestartReplication",
                json!({"tableName": "ledger", "replicaRegion": self.region}),
            ),
            What::FrontLimit {
                requests_per_second,
            } => (
                "apigateway.amazonaws.com",
                "UpdateStage",
                json!({"restApiId": "api", "throttlingRateLimit": requests_per_second}),
            ),
            What::PaymentsRoute { route } => (
                "route53.amazonaws.com",
                "ChangeResourceRecordSets",
                json!({"name": crate::names::PROVIDER_HOST, "value": route}),
            ),
            What::RenewCertificate {} => (
                "acm.amazonaws.com",
                "RenewCertificate",
                json!({"certificateArn": self.entity().arn()}),
            ),
            What::SyncClock { host } => (
                "ssm.amazonaws.com",
                "SendCommand",
                json!({"instanceIds": [host], "documentName": "chronyc-makestep"}),
            ),
        };
        AuditForm {
            source,
            name,
            entity: self.entity(),
            parameters,
        }
    }
}

fn held<'a>(
    config: &'a mut RegionConfig,
    function: &str,
    now: &str,
) -> Result<&'a mut crate::config::FunctionConfig, Impossible> {
    let held = config.functions.get_mut(function).ok_or_else(|| {
        Impossible::NoSuch(format!(
            "function {function} does not exist; known: {}",
            listed(FUNCTIONS)
        ))
    })?;
    now.clone_into(&mut held.last_modified);
    Ok(held)
}

fn listed<T: std::fmt::Display>(names: impl IntoIterator<Item = T>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| name.to_string()).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::first;
    use crate::names::PRIMARY;

    fn any_what() -> impl Strategy<Value = What> {
        let function = prop::sample::select(FUNCTIONS.map(str::to_owned).to_vec());
        let roles = vec![
            "ledger-reader".to_owned(),
            "statement-mailer".to_owned(),
            "ghost".into(),
        ];
        prop_oneof![
            (function.clone(), prop::sample::select(roles))
                .prop_map(|(function, role)| What::Role { function, role }),
            (function.clone(), prop::option::of(0..50_u32)).prop_map(|(function, limit)| {
                What::Concurrency {
                    function,
                    reserved_concurrency: limit,
                }
            }),
            (
                function.clone(),
                prop::collection::btree_map("[A-Z]{1,4}", "[a-z]{0,4}", 0..4)
            )
                .prop_map(|(function, environment)| What::Environment {
                    function,
                    environment
                }),
            (
                function,
                prop::sample::select(vec!["23".to_owned(), "24".into(), "42".into(), "1".into()])
            )
                .prop_map(|(function, version)| What::Version { function, version }),
            (0..9_u32, 0..9_u32).prop_map(|(read_capacity, write_capacity)| What::Throughput {
                read_capacity,
                write_capacity
            }),
            prop::sample::subsequence(
                vec!["byTime".to_owned(), "byAccount".into(), "x".into()],
                0..3
            )
            .prop_map(|list| What::Indexes {
                indexes: list.into_iter().collect()
            }),
            prop::sample::select(vec!["primary".to_owned(), "standby".into(), "".into()])
                .prop_map(|route| What::PaymentsRoute { route }),
            "[a-c]".prop_map(|record| What::SetAside { record }),
            "[a-c]".prop_map(|record| What::PutBack { record }),
        ]
    }

    proptest! {
        #[test]
        fn what_is_undone_leaves_no_trace(what in any_what()) {
            let before = first(PRIMARY, "then");
            let mut config = before.clone();
            let mutation = Mutation { region: PRIMARY.into(), what };
            match mutation.apply(&mut config, "then") {
                Ok(Some(undo)) => {
                    undo.apply(&mut config, "then").expect("undo applies");
                    prop_assert_eq!(config, before);
                }
                Ok(None) => {}
                Err(_) => prop_assert_eq!(config, before),
            }
        }
    }
}
