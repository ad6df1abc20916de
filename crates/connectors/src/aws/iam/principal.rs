//! Whom a statement is about, and who calls.
//!
//! Source: IAM User Guide, "AWS JSON policy elements: Principal" and "NotPrincipal".

use serde_json::{Map, Value, json};

use super::document::PolicyError;

/// Whom a statement is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principals {
    /// Everybody but these.
    pub not: bool,
    /// In the order in which they were written.
    pub listed: Vec<Principal>,
}

/// One of whom a statement may name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// `*`: everybody, also who did not sign in.
    Everyone,
    /// An account: by its number, or as its `root`.
    Account(String),
    /// An identity: user, role, session of a role, federated user, in an account.
    Identity(Identity),
    /// What a name became when whom it named was deleted (`AIDA...`, `AROA...`).
    UniqueId(String),
    /// A service, such as `ec2.amazonaws.com`.
    Service(String),
    /// An identity provider: a domain, or a provider's ARN.
    Federated(String),
    /// An account by the number that only S3 uses.
    CanonicalUser(String),
    /// An ARN of another sort, compared letter by letter.
    Other(String),
}

/// A user, a role, or a session of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// As written.
    pub arn: String,
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
    /// Twelve digits.
    pub account: String,
    /// Which sort.
    pub kind: Kind,
    /// Its own name, without a path; of a session: the role's.
    pub name: String,
    /// Of a session: its name.
    pub session: String,
}

/// Sorts of identities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Of an account, with all rights in it.
    Root,
    /// A user.
    User,
    /// A role.
    Role,
    /// What a role becomes when it is assumed.
    Session,
    /// A session that a user made for somebody else.
    FederatedUser,
}

impl Identity {
    /// Reads `arn:aws:iam::111111111111:user/path/name` and its like.
    pub fn parse(arn: &str) -> Option<Self> {
        let mut parts = arn.splitn(6, ':');
        let (head, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
        let (region, account, rest) = (parts.next()?, parts.next()?, parts.next()?);
        if head != "arn" || partition.is_empty() || !region.is_empty() || !is_account(account) {
            return None;
        }
        let last = |path: &str| path.rsplit('/').next().unwrap_or_default().to_string();
        let (kind, name, session) = match (service, rest.split_once('/')) {
            (_, None) if rest == "root" => (Kind::Root, String::new(), String::new()),
            ("iam", Some(("user", path))) => (Kind::User, last(path), String::new()),
            ("iam", Some(("role", path))) => (Kind::Role, last(path), String::new()),
            ("sts", Some(("assumed-role", rest))) => {
                let (role, session) = rest.split_once('/')?;
                (Kind::Session, role.to_string(), session.to_string())
            }
            ("sts", Some(("federated-user", name))) => {
                (Kind::FederatedUser, name.to_string(), String::new())
            }
            _ => return None,
        };
        if kind != Kind::Root && name.is_empty() {
            return None;
        }
        Some(Self {
            arn: arn.to_string(),
            partition: partition.to_string(),
            account: account.to_string(),
            kind,
            name,
            session,
        })
    }
}

/// Twelve digits?
pub(super) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl Principal {
    /// Reads one entry below `AWS`, `Service`, `Federated` or `CanonicalUser`.
    pub(super) fn read(place: &str, kind: &str, text: String) -> Result<Self, PolicyError> {
        match kind {
            "AWS" => {}
            "Service" => return Ok(Self::Service(text)),
            "Federated" => return Ok(Self::Federated(text)),
            "CanonicalUser" => return Ok(Self::CanonicalUser(text)),
            _ => {
                return Err(PolicyError::new(
                    place,
                    format!("principals of the sort {kind:?}"),
                    "`AWS`, `Service`, `Federated` or `CanonicalUser`",
                ));
            }
        }
        if text == "*" {
            return Ok(Self::Everyone);
        }
        if text.contains(['*', '?']) {
            return Err(PolicyError::new(
                place,
                format!("{text:?}"),
                "one whole principal: wildcards have no meaning inside of it (use a condition on aws:PrincipalArn)",
            ));
        }
        if is_account(&text) {
            return Ok(Self::Account(text));
        }
        if let Some(identity) = Identity::parse(&text) {
            return Ok(match identity.kind {
                Kind::Root => Self::Account(identity.account),
                _ => Self::Identity(identity),
            });
        }
        let id = text.len() >= 16 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        Ok(if id {
            Self::UniqueId(text)
        } else {
            Self::Other(text)
        })
    }
}

impl Principals {
    /// In the grammar's own words.
    pub(super) fn to_json(&self) -> Value {
        if self.listed == [Principal::Everyone] {
            return "*".into();
        }
        let mut kinds: Map<String, Value> = Map::new();
        for principal in &self.listed {
            let (kind, text) = match principal {
                Principal::Everyone => ("AWS", "*"),
                Principal::Account(text) | Principal::UniqueId(text) | Principal::Other(text) => {
                    ("AWS", text.as_str())
                }
                Principal::Identity(identity) => ("AWS", identity.arn.as_str()),
                Principal::Service(text) => ("Service", text.as_str()),
                Principal::Federated(text) => ("Federated", text.as_str()),
                Principal::CanonicalUser(text) => ("CanonicalUser", text.as_str()),
            };
            let list = kinds.entry(kind).or_insert_with(|| json!([]));
            if let Value::Array(list) = list {
                list.push(text.into());
            }
        }
        Value::Object(kinds)
    }
}
