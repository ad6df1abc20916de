//! Policies as they lie in a folder: what the command line prints, and plain documents.
//!
//! What a print-out is about stands in it (`get-role`, `get-role-policy`, `get-user-policy`,
//! `get-group-policy`, `get-account-authorization-details`, `organizations describe-policy`). A plain
//! document, and a print-out that does not say to what it is attached (`get-policy-version`,
//! `get-bucket-policy`), tells it by its folder: `identity/`, `boundary/`, `session/`, `resource/`,
//! `endpoint/`, `scp/LEVEL/`, `rcp/LEVEL/`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::document::{Policy, PolicyError};
use super::policies::{Layer, Level, Named, Policies};
use super::principal::Kind;
use super::request::{Caller, Request};

/// A file that cannot be used: which, where in it, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {found}; expected {expected}")]
pub struct BadFile {
    /// Its path below the folder.
    pub file: String,
    /// What is there.
    pub found: String,
    /// What was expected.
    pub expected: String,
}

/// Collects policies for one call.
#[derive(Debug)]
pub struct Gatherer<'r> {
    request: &'r Request,
    policies: Policies,
    levels: BTreeMap<(Layer, String), Vec<Named>>,
    /// Managed policies of whole print-outs, by ARN.
    managed: BTreeMap<String, Policy>,
    /// Managed policies that the caller or its boundary names: ARN, layer, file.
    attached: Vec<(String, Layer, String)>,
    passed: Vec<String>,
}

impl<'r> Gatherer<'r> {
    /// For this call: what is about others is passed over.
    pub fn new(request: &'r Request) -> Self {
        Self {
            request,
            policies: Policies::default(),
            levels: BTreeMap::new(),
            managed: BTreeMap::new(),
            attached: Vec::new(),
            passed: Vec::new(),
        }
    }

    /// Takes one file. `path` is its path below the folder, with `/`.
    ///
    /// # Errors
    /// No JSON, no policy where one has to be, or nothing that tells to what it is attached.
    pub fn add(&mut self, path: &str, text: &str) -> Result<(), BadFile> {
        let bad = |found: String, expected: &str| BadFile {
            file: path.to_string(),
            found,
            expected: expected.to_string(),
        };
        let json: Value = serde_json::from_str(text)
            .map_err(|error| bad(error.to_string(), "JSON, as the AWS command line prints it"))?;
        if json.get("Statement").is_some() {
            let policy = Policy::parse(text).map_err(|error| wrong(path, &error))?;
            return self.place(path, stem(path), policy);
        }
        if let Some(role) = json.get("Role") {
            return self.role(path, role);
        }
        if let Some(version) = json.get("PolicyVersion") {
            let policy = document(path, version.get("Document"))?;
            return self.place(path, stem(path), policy);
        }
        for (field, kind) in [
            ("RoleName", "role"),
            ("UserName", "user"),
            ("GroupName", "group"),
        ] {
            if let (Some(owner), Some(found)) = (text_of(&json, field), json.get("PolicyDocument"))
            {
                let policy = document(path, Some(found))?;
                let name = text_of(&json, "PolicyName").unwrap_or_default();
                // To which groups a user belongs is not printed there: those in the folder are its own.
                if kind == "group" || self.is_caller(kind, owner) {
                    let name = format!("{name} of {kind} {owner}");
                    self.policies.identity.push(Named { name, policy });
                } else {
                    self.passed
                        .push(format!("{path}: it is about {kind} {owner}"));
                }
                return Ok(());
            }
        }
        if let Some(summary) = json
            .get("Policy")
            .and_then(|policy| policy.get("PolicySummary"))
        {
            let policy = document(path, json.get("Policy").and_then(|p| p.get("Content")))?;
            let name = text_of(summary, "Name").unwrap_or(stem(path)).to_string();
            let layer = match text_of(summary, "Type") {
                Some("SERVICE_CONTROL_POLICY") => Layer::ServiceControl,
                Some("RESOURCE_CONTROL_POLICY") => Layer::ResourceControl,
                other => {
                    return Err(bad(
                        format!("an organization's policy of the type {other:?}"),
                        "SERVICE_CONTROL_POLICY or RESOURCE_CONTROL_POLICY",
                    ));
                }
            };
            let level = match folder(path) {
                Some((_, level)) if !level.is_empty() => level,
                _ => "the organization".to_string(),
            };
            self.levels
                .entry((layer, level))
                .or_default()
                .push(Named { name, policy });
            return Ok(());
        }
        if json.get("RoleDetailList").is_some() || json.get("UserDetailList").is_some() {
            return self.account(path, &json);
        }
        // `get-bucket-policy`, `get-key-policy`, `lambda get-policy`, `get-resource-policy`,
        // `get-queue-attributes`: a document in a text.
        let of_resource = json
            .get("Policy")
            .or_else(|| json.get("ResourcePolicy"))
            .or_else(|| {
                json.get("Attributes")
                    .and_then(|attributes| attributes.get("Policy"))
            });
        if let Some(found) = of_resource {
            let policy = document(path, Some(found))?;
            return match folder(path) {
                Some(_) => self.place(path, stem(path), policy),
                None => {
                    let name = stem(path).to_string();
                    self.policies.resource.push(Named { name, policy });
                    Ok(())
                }
            };
        }
        if json.get("AttachedPolicies").is_some() || json.get("PolicyNames").is_some() {
            self.passed
                .push(format!("{path}: a list of names, without documents"));
            return Ok(());
        }
        Err(bad(
            "neither a policy nor a print-out that holds one".to_string(),
            "a document with `Statement`, or what `aws iam get-role-policy` and its like print",
        ))
    }

    /// All that was taken, and what was passed over and why.
    ///
    /// # Errors
    /// A managed policy that the caller has, whose document is nowhere.
    pub fn finish(mut self) -> Result<(Policies, Vec<String>), BadFile> {
        for (arn, layer, file) in std::mem::take(&mut self.attached) {
            let name = arn.rsplit('/').next().unwrap_or_default().to_string();
            let there = match layer {
                Layer::Boundary => &mut self.policies.boundary,
                _ => &mut self.policies.identity,
            };
            if there.iter().any(|named| named.name == name) {
                continue;
            }
            match self.managed.get(&arn) {
                Some(policy) => there.push(Named {
                    name,
                    policy: policy.clone(),
                }),
                None if layer == Layer::Boundary && !there.is_empty() => {}
                None => {
                    return Err(BadFile {
                        file,
                        found: format!("{arn} is attached, and its document is not in the folder"),
                        expected: format!(
                            "what `aws iam get-policy-version` prints of it, as {}/{name}.json",
                            if layer == Layer::Boundary {
                                "boundary"
                            } else {
                                "identity"
                            }
                        ),
                    });
                }
            }
        }
        for ((layer, name), policies) in self.levels {
            let level = Level { name, policies };
            match layer {
                Layer::ServiceControl => self.policies.service_control.push(level),
                _ => self.policies.resource_control.push(level),
            }
        }
        Ok((self.policies, self.passed))
    }

    /// Puts a document where its folder says.
    fn place(&mut self, path: &str, name: &str, policy: Policy) -> Result<(), BadFile> {
        let named = Named {
            name: name.to_string(),
            policy,
        };
        let Some((layer, level)) = folder(path) else {
            return Err(BadFile {
                file: path.to_string(),
                found: "a policy, and nothing tells to what it is attached".to_string(),
                expected:
                    "it in one of the folders identity, boundary, session, resource, endpoint, \
                           scp/LEVEL, rcp/LEVEL"
                        .to_string(),
            });
        };
        match layer {
            Layer::Identity => self.policies.identity.push(named),
            Layer::Resource => self.policies.resource.push(named),
            Layer::Boundary => self.policies.boundary.push(named),
            Layer::Session => self.policies.session.push(named),
            Layer::Endpoint => self.policies.endpoint.push(named),
            Layer::ServiceControl | Layer::ResourceControl => {
                let level = if level.is_empty() {
                    "the organization".to_string()
                } else {
                    level
                };
                self.levels.entry((layer, level)).or_default().push(named);
            }
        }
        Ok(())
    }

    fn is_caller(&self, kind: &str, name: &str) -> bool {
        match &self.request.caller {
            Caller::Identity(who) => {
                let same = match who.kind {
                    Kind::User => kind == "user",
                    Kind::Role | Kind::Session => kind == "role",
                    Kind::Root | Kind::FederatedUser => false,
                };
                same && who.name == name
            }
            _ => false,
        }
    }

    /// `get-role`: its trust policy if the call is about the role, its boundary if it calls.
    fn role(&mut self, path: &str, role: &Value) -> Result<(), BadFile> {
        let name = text_of(role, "RoleName").unwrap_or_default();
        let mut used = false;
        if text_of(role, "Arn") == Some(self.request.resource.as_str()) {
            let policy = document(path, role.get("AssumeRolePolicyDocument"))?;
            let name = format!("trust policy of role {name}");
            self.policies.resource.push(Named { name, policy });
            used = true;
        }
        if self.is_caller("role", name) {
            self.boundary(path, role);
            used = true;
        }
        if !used {
            self.passed.push(format!("{path}: it is about role {name}"));
        }
        Ok(())
    }

    fn boundary(&mut self, path: &str, owner: &Value) {
        let arn = owner
            .get("PermissionsBoundary")
            .and_then(|boundary| text_of(boundary, "PermissionsBoundaryArn"));
        if let Some(arn) = arn {
            self.attached
                .push((arn.to_string(), Layer::Boundary, path.to_string()));
        }
    }

    /// `get-account-authorization-details`: everything of an account at once.
    fn account(&mut self, path: &str, json: &Value) -> Result<(), BadFile> {
        for managed in list(json, "Policies") {
            let Some(arn) = text_of(managed, "Arn") else {
                continue;
            };
            let default = list(managed, "PolicyVersionList")
                .find(|version| version.get("IsDefaultVersion") == Some(&Value::Bool(true)));
            if let Some(version) = default {
                let policy = document(path, version.get("Document"))?;
                self.managed.insert(arn.to_string(), policy);
            }
        }
        let mut groups = Vec::new();
        for (section, kind, name, inline) in [
            ("UserDetailList", "user", "UserName", "UserPolicyList"),
            ("RoleDetailList", "role", "RoleName", "RolePolicyList"),
        ] {
            for owner in list(json, section) {
                let who = text_of(owner, name).unwrap_or_default();
                if kind == "role" && text_of(owner, "Arn") == Some(self.request.resource.as_str()) {
                    let policy = document(path, owner.get("AssumeRolePolicyDocument"))?;
                    let name = format!("trust policy of role {who}");
                    self.policies.resource.push(Named { name, policy });
                }
                if !self.is_caller(kind, who) {
                    continue;
                }
                self.boundary(path, owner);
                self.owned(path, owner, inline, &format!("{kind} {who}"))?;
                groups.extend(list(owner, "GroupList").filter_map(Value::as_str));
            }
        }
        for group in list(json, "GroupDetailList") {
            let name = text_of(group, "GroupName").unwrap_or_default();
            if groups.contains(&name) {
                self.owned(path, group, "GroupPolicyList", &format!("group {name}"))?;
            }
        }
        Ok(())
    }

    fn owned(
        &mut self,
        path: &str,
        owner: &Value,
        inline: &str,
        whose: &str,
    ) -> Result<(), BadFile> {
        for one in list(owner, inline) {
            let policy = document(path, one.get("PolicyDocument"))?;
            let name = text_of(one, "PolicyName").unwrap_or_default();
            let name = format!("{name} of {whose}");
            self.policies.identity.push(Named { name, policy });
        }
        for one in list(owner, "AttachedManagedPolicies") {
            if let Some(arn) = text_of(one, "PolicyArn") {
                self.attached
                    .push((arn.to_string(), Layer::Identity, path.to_string()));
            }
        }
        Ok(())
    }
}

fn list<'v>(json: &'v Value, field: &str) -> impl Iterator<Item = &'v Value> {
    json.get(field)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn text_of<'v>(json: &'v Value, field: &str) -> Option<&'v str> {
    json.get(field).and_then(Value::as_str)
}

/// The file's name without its ending.
fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.strip_suffix(".json").unwrap_or(name)
}

/// What the folders of a path say, and the level below them.
fn folder(path: &str) -> Option<(Layer, String)> {
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    parts.iter().enumerate().find_map(|(n, part)| {
        let layer = match *part {
            "identity" => Layer::Identity,
            "boundary" => Layer::Boundary,
            "session" => Layer::Session,
            "resource" | "trust" => Layer::Resource,
            "endpoint" => Layer::Endpoint,
            "scp" => Layer::ServiceControl,
            "rcp" => Layer::ResourceControl,
            _ => return None,
        };
        Some((layer, parts.get(n + 1..).unwrap_or_default().join("/")))
    })
}

/// A document as an object, as a text, or as a text with percent signs: the API gives all three.
fn document(path: &str, found: Option<&Value>) -> Result<Policy, BadFile> {
    let policy = match found {
        Some(Value::String(text)) if text.starts_with('%') => Policy::parse(&unquoted(text)),
        Some(Value::String(text)) => Policy::parse(text),
        Some(object @ Value::Object(_)) => Policy::parse(&object.to_string()),
        _ => {
            return Err(BadFile {
                file: path.to_string(),
                found: "no policy document".to_string(),
                expected: "a document with `Statement`".to_string(),
            });
        }
    };
    policy.map_err(|error| wrong(path, &error))
}

fn wrong(path: &str, error: &PolicyError) -> BadFile {
    BadFile {
        file: path.to_string(),
        found: format!("{}: {}", error.place, error.found),
        expected: error.expected.clone(),
    }
}

/// `%7B%22` as `{"`.
fn unquoted(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digit = |at: usize| {
            after
                .get(at)
                .and_then(|byte| char::from(*byte).to_digit(16))
        };
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
