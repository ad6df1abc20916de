//! `[connectors.aws.NAME]`: accounts and regions of AWS that are asked when an incident is looked at.

mod runs;

use std::collections::BTreeMap;
use std::path::PathBuf;

use connectors::aws::deeds::Scope;
use connectors::aws::named::{Named, Traffic};
use model::EntityId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Bounds, Bytes, Fault, Length, bounds, length_fault, named};

pub use runs::{AwsBuild, AwsRunbook};

/// Accounts and regions of AWS. Who asks is whom the machine offers: environment, profile, web identity, instance.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Aws {
    /// Regions, such as `["eu-west-1"]`; that of the profile or the environment unless they are given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<String>,
    /// Further accounts by a name of yours, each with the role that is taken there; the own account is then read only
    /// if it is among them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub accounts: BTreeMap<String, AwsAccount>,
    /// Profile of the shared configuration files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// An address that stands for all of AWS, such as an emulator's `http://127.0.0.1:4566`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Namespaces of metrics, such as `["AWS/Lambda"]`; all unless they are given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<String>,
    /// How the names of log groups begin that are read; any, those of alarmed entities and functions first, unless they
    /// are given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log_groups: Vec<String>,
    /// Reads lines by one search of CloudWatch Logs Insights over all chosen log groups (those with words of trouble) in
    /// place of one request for each group (all lines). It is paid by what it reads, and counted against `dollars`; off
    /// unless it is turned on. `midwatch permissions aws` then allows it too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub insights: bool,
    /// Asks Resource Explorer too, for names and tags of what no other call lists, at one call more; off unless it is turned
    /// on: they are worth more to a map than to an incident.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub explorer: bool,
    /// Metrics of one look at one account in one region; 1000 unless something else is said. They are paid for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<usize>,
    /// Log groups of one look at one account in one region; 20 unless something else is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<usize>,
    /// Traces of one look at one account in one region; 60 unless something else is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traces: Option<usize>,
    /// Functions, tables, queues, services, target groups, state machines and pipelines, of each kind, that are asked
    /// about one by one; 12 unless something else is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<usize>,
    /// How far back the audit trail, releases, builds, automation and records of AWS Config are read; 24h unless something
    /// else is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Length>,
    /// US dollars that one look at all accounts and regions may cost by the price list; 0.05 for each account in each
    /// region unless something else is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dollars: Option<f64>,
    /// US dollars that any hour may cost; 1.0 for each account in each region unless something else is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dollars_per_hour: Option<f64>,
    /// What you pay instead of the public price, in US dollars for each unit, such as
    /// `{ "cloudwatch:GetMetricData" = 0.000008 }`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub prices: BTreeMap<String, f64>,
    /// File in which every call is written down as it is made, for `midwatch permissions prove`; relative to the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_log: Option<PathBuf>,
    /// What may be altered there, and under which role; nothing without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hands: Option<AwsHands>,
    /// Requests that one look may send; 150 for each account in each region unless something else is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<u64>,
    /// Bytes of answers that one look may read; 64MiB for each account in each region unless something else is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<Bytes>,
    /// Requests that may be sent in any hour; 3000 for each account in each region unless something else is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_hour: Option<u64>,
    /// Bytes of answers that may be read in any hour; 1GiB for each account in each region unless something else is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_per_hour: Option<Bytes>,
    /// How long one request may take; 5s unless something else is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Length>,
    /// How long one look may take, waits included; 20s unless something else is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look: Option<Length>,
}

/// An account that is read under a role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AwsAccount {
    /// The role that is taken there, such as `arn:aws:iam::222222222222:role/midwatch-reads`.
    pub role_arn: String,
    /// What the role's trust wants to be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
}

/// Hands: what they do they do under a second role, which is not that of whoever looks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AwsHands {
    /// The role that is taken to act, such as `arn:aws:iam::111111111111:role/midwatch-acts`; its account is the one that
    /// is altered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// What the role's trust wants to be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Act without a role of their own: only with `endpoint`, for an emulator that knows no roles.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub without_role: bool,
    /// Profile of the shared configuration files of whoever takes the role; that of the connector unless it is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// ARNs of the roles that a function may be given; none unless they are named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// Services of ECS that may be altered, as `CLUSTER/SERVICE` or `CLUSTER/*`; none unless they are named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
    /// Auto Scaling groups that may be altered, by their names; none unless they are named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// Records of Route 53 by which traffic may be shared out otherwise; none unless they are named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub traffic: Vec<AwsTraffic>,
    /// Documents of Systems Manager that may be run; none unless they are named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runbooks: Vec<AwsRunbook>,
    /// Projects of CodeBuild that may be built; none unless they are named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub builds: Vec<AwsBuild>,
    /// File in which every call of the hands is written down, for `midwatch permissions prove --hands`; relative to the
    /// file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_log: Option<PathBuf>,
}

/// The records of one name by which Route 53 shares out traffic, weighted or as primary and secondary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AwsTraffic {
    /// The hosted zone's id, such as `Z0123456789ABC`.
    pub zone: String,
    /// The name of the records, such as `api.shop.example`.
    pub name: String,
    /// Their type: `A`, `AAAA` or `CNAME`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Who carries the traffic of which record, by its set identifier: `{ "service/blue" = "blue", "service/green" = "green" }`.
    pub carries: BTreeMap<EntityId, String>,
}

/// Can it be the name of a region: parts of letters, at least two, and a number, as in `us-gov-west-1`?
fn is_region(name: &str) -> bool {
    let mut parts = name.split('-').rev();
    let number = parts.next().unwrap_or_default();
    let words: Vec<&str> = parts.collect();
    let all = |part: &str, fits: fn(&u8) -> bool| {
        !part.is_empty() && part.len() <= 20 && part.bytes().all(|byte| fits(&byte))
    };
    all(number, u8::is_ascii_digit)
        && words.len() >= 2
        && words.iter().all(|word| all(word, u8::is_ascii_lowercase))
}

impl AwsHands {
    /// What else than functions may be altered.
    pub fn named(&self) -> Named {
        let traffic = self.traffic.iter().map(|one| Traffic {
            zone: one.zone.clone(),
            name: one.name.clone(),
            kind: one.kind.clone(),
            carries: one.carries.clone(),
        });
        Named {
            services: self.services.clone(),
            groups: self.groups.clone(),
            traffic: traffic.collect(),
            runbooks: self.runbooks.iter().map(AwsRunbook::named).collect(),
            builds: self.builds.iter().map(AwsBuild::named).collect(),
        }
    }
}

impl Aws {
    /// What the hands' own role is for; `None` without hands, and where they have no role.
    pub fn scope(&self) -> Option<Scope> {
        let hands = self.hands.as_ref()?;
        let scope = Scope::of(hands.role_arn.as_ref()?)?;
        Some(Scope {
            regions: self.regions.clone(),
            roles: hands.roles.clone(),
            named: hands.named(),
            ..scope
        })
    }

    /// The name of the hands' account where several are read: those of one account are told apart by it.
    pub fn account_of_hands(&self) -> Option<&str> {
        let own = self.scope()?.account;
        let mut accounts = self.accounts.iter();
        let same = |role: &str| Scope::of(role).is_some_and(|scope| scope.account == own);
        let found = accounts.find(|(_, account)| same(&account.role_arn))?;
        Some(found.0.as_str())
    }

    /// What is wrong with the hands.
    fn hands_fault(&self, key: &str) -> Option<Fault> {
        let hands = self.hands.as_ref()?;
        let fault = |of: &str, what: &str, remedy: &str| {
            Some((
                format!("{key}.hands{of}"),
                what.to_string(),
                remedy.to_string(),
            ))
        };
        let example = "write it like \"arn:aws:iam::111111111111:role/midwatch-acts\"";
        let Some(role) = &hands.role_arn else {
            return match (hands.without_role, &self.endpoint) {
                (false, _) => fault(
                    "",
                    "names no role to act under",
                    "give it role_arn, a role of its own; `midwatch permissions aws --hands` prints its policy",
                ),
                (true, None) => fault(
                    ".without_role",
                    "is for emulators, and there is no endpoint of one",
                    "give the hands role_arn, a role of their own",
                ),
                (true, Some(_)) if !self.accounts.is_empty() => fault(
                    ".without_role",
                    "tells not in which of several accounts to act",
                    "give the hands role_arn, a role of that account",
                ),
                (true, Some(_)) => self.named_fault(hands, key),
            };
        };
        if hands.without_role {
            return fault(
                ".without_role",
                "contradicts role_arn",
                "leave one of them out",
            );
        }
        if Scope::of(role).is_none() {
            return fault(".role_arn", "is no role", example);
        }
        if self.accounts.values().any(|one| one.role_arn == *role) {
            return fault(
                ".role_arn",
                "is the role that reads",
                "make a second role: whoever looks must not be able to act",
            );
        }
        if !self.accounts.is_empty() && self.account_of_hands().is_none() {
            return fault(
                ".role_arn",
                "is of an account that is not read",
                "add that account to accounts: what is altered must be seen",
            );
        }
        self.named_fault(hands, key)
    }

    fn named_fault(&self, hands: &AwsHands, key: &str) -> Option<Fault> {
        let Some(wrong) = hands.roles.iter().find(|role| Scope::of(role).is_none()) else {
            let (of, what, remedy) = hands.named().fault()?;
            return Some((format!("{key}.hands.{of}"), what, remedy.to_string()));
        };
        Some((
            format!("{key}.hands.roles"),
            format!("names {wrong:?}, which is no role"),
            "name roles by their ARNs: [\"arn:aws:iam::111111111111:role/pay-runs\"]".to_string(),
        ))
    }

    /// How much may be asked, over all its accounts and regions.
    pub fn bounds(&self) -> Bounds {
        Bounds {
            dollars: self.dollars,
            dollars_per_hour: self.dollars_per_hour,
            ..bounds!(self)
        }
    }

    /// What types cannot say.
    pub(super) fn fault(&self, name: &str) -> Option<Fault> {
        let key = format!("connectors.aws.{name}");
        let fault = |of: &str, what: &str, remedy: &str| {
            Some((format!("{key}{of}"), what.to_string(), remedy.to_string()))
        };
        if let Some(fault) = named(&key, name) {
            return Some(fault);
        }
        if let Some(bad) = self.regions.iter().find(|region| !is_region(region)) {
            return fault(
                ".regions",
                &format!("names what is no region: {bad:?}"),
                "write them like [\"eu-west-1\"]",
            );
        }
        for (account, role) in &self.accounts {
            if let Some(fault) = named(&format!("{key}.accounts.{account}"), account) {
                return Some(fault);
            }
            if Scope::of(&role.role_arn).is_none() {
                return fault(
                    &format!(".accounts.{account}.role_arn"),
                    "is no role",
                    "write it like \"arn:aws:iam::222222222222:role/midwatch-reads\"",
                );
            }
        }
        if let Some(endpoint) = &self.endpoint {
            let rest = ["http://", "https://"]
                .iter()
                .find_map(|scheme| endpoint.strip_prefix(scheme));
            match rest {
                Some(rest) if !rest.is_empty() && !rest.contains(['@', '?', '#']) => {}
                _ => {
                    return fault(
                        ".endpoint",
                        "is no address of HTTP, or holds more than one",
                        "write it like \"http://127.0.0.1:4566\"",
                    );
                }
            }
        }
        self.bounds()
            .fault(&key)
            .or_else(|| self.hands_fault(&key))
            .or_else(|| length_fault(&key, ".changes", self.changes))
    }
}
