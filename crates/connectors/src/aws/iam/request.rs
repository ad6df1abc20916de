//! A call: who, what, on what, and what is known of its circumstances.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::principal::{Identity, Kind, is_account};

/// The most characters that all context values may have together.
const LONGEST: usize = 64 * 1024;

/// A request that cannot be evaluated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {found}; expected {expected}")]
pub struct RequestError {
    /// Which field.
    pub place: String,
    /// What is there.
    pub found: String,
    /// What was expected.
    pub expected: String,
}

impl RequestError {
    fn new(place: &str, found: impl Into<String>, expected: &str) -> Self {
        Self {
            place: place.into(),
            found: found.into(),
            expected: expected.into(),
        }
    }
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Root, a user, a role, a session.
    Identity(Identity),
    /// A service, for itself.
    Service(String),
    /// Somebody whom an identity provider vouches for, who takes on a role.
    Federated(String),
    /// Nobody signed in.
    Anonymous,
}

/// What is known of one context key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known<'a> {
    /// The request has it, with these values.
    Values(&'a [String]),
    /// The request does not have it.
    Absent,
    /// Nobody said.
    Unknown,
}

/// Context keys, compared without regard to case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    values: BTreeMap<String, Vec<String>>,
    absent: BTreeSet<String>,
    complete: bool,
}

impl Context {
    /// What is known of `key`.
    pub fn get(&self, key: &str) -> Known<'_> {
        let key = key.to_ascii_lowercase();
        match self.values.get(&key) {
            Some(values) => Known::Values(values),
            None if self.complete || self.absent.contains(&key) => Known::Absent,
            None => Known::Unknown,
        }
    }

    fn derive(&mut self, key: &str, value: impl Into<String>) {
        let key = key.to_ascii_lowercase();
        if !self.absent.contains(&key) {
            self.values.entry(key).or_insert_with(|| vec![value.into()]);
        }
    }
}

/// One call, as the evaluator takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Who calls.
    pub caller: Caller,
    /// As told, for people.
    pub principal: String,
    /// Service and call: `s3:GetObject`.
    pub action: String,
    /// An ARN, or `*` for calls that are about none.
    pub resource: String,
    /// The account that the resource is in, where that is known.
    pub resource_account: Option<String>,
    /// The account that manages the organization: neither of its policies reaches it.
    pub management_account: Option<String>,
    /// Is the caller's role one that a service made for itself? Organizations' policies do not reach it.
    pub service_linked: bool,
    /// The circumstances.
    pub context: Context,
}

/// A call as it is written down: `request.json`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub struct Written {
    /// An ARN, a service such as `ec2.amazonaws.com`, an identity provider, or `anonymous`.
    pub principal: Value,
    /// Of a session: the ARN of its role, which tells the role's path.
    #[serde(default)]
    pub role: Option<String>,
    /// `s3:GetObject`
    pub action: String,
    /// An ARN; `*` for calls that are about none.
    #[serde(default = "any")]
    pub resource: Value,
    /// Where the ARN does not say, as those of S3.
    #[serde(default, alias = "resourceAccount")]
    pub resource_account: Option<String>,
    /// The account that manages the organization.
    #[serde(default, alias = "managementAccount")]
    pub management_account: Option<String>,
    /// Keys and values: a text, number, truth value, or a list of them; `null` says that the request
    /// does not have the key.
    #[serde(default, alias = "contextVariables")]
    pub context: BTreeMap<String, Value>,
    /// True: what is not in `context` is not in the request. Otherwise nobody knows.
    #[serde(default, alias = "contextComplete")]
    pub context_complete: bool,
}

fn any() -> Value {
    Value::from("*")
}

impl Written {
    /// Reads the words.
    ///
    /// # Errors
    /// The field that cannot be understood, and what was expected.
    pub fn read(&self) -> Result<Request, RequestError> {
        let (caller, principal) = caller(&self.principal)?;
        if !self
            .action
            .split_once(':')
            .is_some_and(|(s, a)| !s.is_empty() && !a.is_empty())
            || self.action.contains(['*', '?'])
        {
            return Err(RequestError::new(
                "action",
                format!("{:?}", self.action),
                "one call, such as s3:GetObject",
            ));
        }
        let (resource, account) = match &self.resource {
            Value::String(text) => (text.clone(), None),
            Value::Object(fields) => {
                let text = |name: &str| fields.get(name).and_then(Value::as_str).map(String::from);
                let resource = text("resource").ok_or_else(|| {
                    RequestError::new("resource", "an object without `resource`", "an ARN")
                })?;
                (resource, text("accountId"))
            }
            _ => {
                return Err(RequestError::new(
                    "resource",
                    "something else",
                    "an ARN as a text",
                ));
            }
        };
        let resource_account = self
            .resource_account
            .clone()
            .or(account)
            .or_else(|| account_of(&resource));
        for (place, account) in [
            ("resource_account", &resource_account),
            ("management_account", &self.management_account),
        ] {
            if let Some(bad) = account.as_ref().filter(|account| !is_account(account)) {
                return Err(RequestError::new(
                    place,
                    format!("{bad:?}"),
                    "twelve digits",
                ));
            }
        }
        if resource.len() > LONGEST {
            let found = format!("{} bytes", resource.len());
            return Err(RequestError::new("resource", found, "at most 65536 bytes"));
        }
        let mut request = Request {
            caller,
            principal,
            action: self.action.clone(),
            resource,
            resource_account,
            management_account: self.management_account.clone(),
            service_linked: false,
            context: self.context()?,
        };
        request.derive(self.role.as_deref())?;
        Ok(request)
    }

    fn context(&self) -> Result<Context, RequestError> {
        let mut context = Context {
            complete: self.context_complete,
            ..Context::default()
        };
        let mut length = 0;
        for (key, value) in &self.context {
            let folded = key.to_ascii_lowercase();
            let values = match value {
                Value::Null => {
                    context.absent.insert(folded);
                    continue;
                }
                Value::Array(list) => list.iter().map(scalar).collect::<Option<Vec<_>>>(),
                one => scalar(one).map(|one| vec![one]),
            };
            let values = values.ok_or_else(|| {
                RequestError::new(
                    &format!("context.{key}"),
                    "something nested",
                    "a text, a number, a truth value, or a list of them",
                )
            })?;
            length += key.len() + values.iter().map(String::len).sum::<usize>();
            context.values.insert(folded, values);
        }
        if length + self.action.len() + self.principal.to_string().len() > LONGEST {
            return Err(RequestError::new(
                "context",
                format!("{length} bytes"),
                "at most 65536 bytes in all",
            ));
        }
        Ok(context)
    }
}

impl Request {
    /// Adds the keys that follow from the request itself. Source: IAM User Guide, "AWS global condition
    /// context keys".
    fn derive(&mut self, role: Option<&str>) -> Result<(), RequestError> {
        let role = role
            .map(|arn| {
                Identity::parse(arn)
                    .filter(|role| role.kind == Kind::Role)
                    .ok_or_else(|| {
                        RequestError::new("role", format!("{arn:?}"), "the ARN of a role")
                    })
            })
            .transpose()?;
        let context = &mut self.context;
        match &self.caller {
            Caller::Identity(who) => {
                context.derive("aws:PrincipalAccount", &who.account);
                context.derive("aws:PrincipalIsAWSService", "false");
                let kind = match who.kind {
                    Kind::Root => "Account",
                    Kind::User => "User",
                    Kind::Role | Kind::Session => "AssumedRole",
                    Kind::FederatedUser => "FederatedUser",
                };
                context.derive("aws:PrincipalType", kind);
                if who.kind == Kind::User {
                    context.derive("aws:username", &who.name);
                } else {
                    context.absent.insert("aws:username".into());
                }
                let path = match (&role, who.kind) {
                    (Some(role), _) => role.arn.as_str(),
                    (None, Kind::Role) => who.arn.as_str(),
                    _ => "",
                };
                // Names with this beginning are kept for the services.
                self.service_linked = path.contains(":role/aws-service-role/")
                    || who.name.starts_with("AWSServiceRoleFor");
                match (&role, who.kind) {
                    (Some(role), _) => {
                        if role.name != who.name || role.account != who.account {
                            return Err(RequestError::new(
                                "role",
                                format!("{:?}", role.arn),
                                "the role whose session the principal is",
                            ));
                        }
                        context.derive("aws:PrincipalArn", &role.arn);
                    }
                    // A session's ARN does not tell its role's path: only if all is said, there is none.
                    (None, Kind::Session) if context.complete => {
                        let arn = format!(
                            "arn:{}:iam::{}:role/{}",
                            who.partition, who.account, who.name
                        );
                        context.derive("aws:PrincipalArn", arn);
                    }
                    (None, Kind::Session) => {}
                    (None, _) => context.derive("aws:PrincipalArn", &who.arn),
                }
            }
            Caller::Service(service) => {
                context.derive("aws:PrincipalIsAWSService", "true");
                context.derive("aws:PrincipalServiceName", service);
                for key in ["aws:username", "aws:principalarn", "aws:principalaccount"] {
                    context.absent.insert(key.into());
                }
            }
            Caller::Federated(_) => {
                context.absent.insert("aws:username".into());
            }
            Caller::Anonymous => {
                context.derive("aws:PrincipalType", "Anonymous");
                context.derive("aws:PrincipalIsAWSService", "false");
                for key in ["aws:username", "aws:principalarn"] {
                    context.absent.insert(key.into());
                }
            }
        }
        if let Some(account) = &self.resource_account {
            context.derive("aws:ResourceAccount", account);
        }
        Ok(())
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The account in a resource's ARN, where it has one.
fn account_of(arn: &str) -> Option<String> {
    arn.split(':')
        .nth(4)
        .filter(|account| is_account(account))
        .map(String::from)
}

fn caller(value: &Value) -> Result<(Caller, String), RequestError> {
    let expected = "the ARN of a user, role, session or root; a service such as ec2.amazonaws.com; \
         an identity provider; or \"anonymous\"";
    let wrong = || RequestError::new("principal", value.to_string(), expected);
    let anonymous = || (Caller::Anonymous, "anonymous".to_string());
    let text = match value {
        Value::String(text) => text.as_str(),
        Value::Object(fields) => {
            let field = |name: &str| fields.get(name).and_then(Value::as_str);
            return match field("type") {
                Some("Anonymous") => Ok(anonymous()),
                Some("Federated") => {
                    let id = field("id").ok_or_else(wrong)?;
                    Ok((Caller::Federated(id.into()), id.into()))
                }
                _ => Err(wrong()),
            };
        }
        _ => return Err(wrong()),
    };
    let caller = if text == "anonymous" {
        return Ok(anonymous());
    } else if let Some(identity) = Identity::parse(text) {
        Caller::Identity(identity)
    } else if is_account(text) {
        Identity::parse(&format!("arn:aws:iam::{text}:root"))
            .map(Caller::Identity)
            .ok_or_else(wrong)?
    } else if text.contains(":saml-provider/") || text.contains(":oidc-provider/") {
        Caller::Federated(text.into())
    } else if !text.contains(':')
        && (text.ends_with(".amazonaws.com") || text.ends_with(".amazonaws.com.cn"))
        && !text.starts_with("cognito-identity.")
    {
        Caller::Service(text.into())
    } else if !text.contains(':') && text.contains('.') {
        Caller::Federated(text.into())
    } else {
        return Err(wrong());
    };
    Ok((caller, text.to_string()))
}
