//! Cases with expected verdicts: policies tested as code is.
//!
//! A case holds a request, the policies, and what must come of it. The layout is the one in which
//! policy simulators exchange cases.

use serde::Deserialize;
use serde_json::Value;

use super::answer::{Answer, Verdict};
use super::decide::explain;
use super::document::{self, Policy};
use super::policies::{Level, Named, Policies};
use super::request::{Request, Written};

/// A case, as it is written down.
#[derive(Clone, Debug, Deserialize)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// What must come of it: `Allowed`, `ExplicitlyDenied`, `ImplicitlyDenied` or `Unknown`.
    #[serde(alias = "reference_verdict")]
    pub expect: String,
    /// The request and all policies.
    pub simulation: Simulation,
}

/// A request with all policies that have a say.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Simulation {
    /// The call. Keys that are not in its context are not in the request, unless it says
    /// `"contextComplete": false`.
    pub request: Value,
    #[serde(default)]
    identity_policies: Vec<Given>,
    #[serde(default)]
    service_control_policies: Vec<GivenLevel>,
    #[serde(default)]
    resource_control_policies: Vec<GivenLevel>,
    #[serde(default)]
    resource_policy: Option<Value>,
    #[serde(default)]
    permission_boundary_policies: Option<Vec<Given>>,
    #[serde(default)]
    session_policy: Option<Value>,
    #[serde(default)]
    vpc_endpoint_policies: Option<Vec<Given>>,
}

#[derive(Clone, Debug, Deserialize)]
struct Given {
    name: String,
    policy: Value,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GivenLevel {
    org_identifier: String,
    #[serde(default)]
    policies: Vec<Given>,
}

/// A case that cannot be evaluated: which part, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{part}: {why}")]
pub struct BadCase {
    /// Which part of the case.
    pub part: String,
    /// What is wrong with it.
    pub why: String,
}

impl Simulation {
    /// The typed values.
    ///
    /// # Errors
    /// The part that cannot be read.
    pub fn read(&self) -> Result<(Policies, Request), BadCase> {
        let bad = |part: &str, why: String| BadCase {
            part: part.to_string(),
            why,
        };
        let mut request = self.request.clone();
        if let Value::Object(fields) = &mut request {
            let says =
                fields.contains_key("contextComplete") || fields.contains_key("context_complete");
            if !says {
                fields.insert("contextComplete".into(), true.into());
            }
        }
        let request: Written =
            serde_json::from_value(request).map_err(|error| bad("request", error.to_string()))?;
        let request = request
            .read()
            .map_err(|error| bad("request", error.to_string()))?;
        let policy = |part: &str, value: &Value| -> Result<Policy, BadCase> {
            let text = value.to_string();
            let policy = match value {
                // As the API gives them: a document in a text.
                Value::String(text) => Policy::parse(text),
                _ => Policy::parse(&text),
            };
            policy.map_err(|error: document::PolicyError| bad(part, error.to_string()))
        };
        let named = |part: &str, list: &[Given]| -> Result<Vec<Named>, BadCase> {
            list.iter()
                .map(|given| {
                    let policy = policy(&format!("{part} {:?}", given.name), &given.policy)?;
                    Ok(Named {
                        name: given.name.clone(),
                        policy,
                    })
                })
                .collect()
        };
        let one = |part: &str, value: &Option<Value>| -> Result<Vec<Named>, BadCase> {
            value
                .iter()
                .filter(|value| !value.is_null())
                .map(|value| {
                    Ok(Named {
                        name: part.to_string(),
                        policy: policy(part, value)?,
                    })
                })
                .collect()
        };
        let levels = |part: &str, list: &[GivenLevel]| -> Result<Vec<Level>, BadCase> {
            list.iter()
                .map(|level| {
                    let policies = named(part, &level.policies)?;
                    Ok(Level {
                        name: level.org_identifier.clone(),
                        policies,
                    })
                })
                .collect()
        };
        let policies = Policies {
            identity: named("identityPolicies", &self.identity_policies)?,
            resource: one("resourcePolicy", &self.resource_policy)?,
            boundary: named(
                "permissionBoundaryPolicies",
                self.permission_boundary_policies
                    .as_deref()
                    .unwrap_or_default(),
            )?,
            session: one("sessionPolicy", &self.session_policy)?,
            endpoint: named(
                "vpcEndpointPolicies",
                self.vpc_endpoint_policies.as_deref().unwrap_or_default(),
            )?,
            service_control: levels("serviceControlPolicies", &self.service_control_policies)?,
            resource_control: levels("resourceControlPolicies", &self.resource_control_policies)?,
        };
        Ok((policies, request))
    }

    /// The answer.
    ///
    /// # Errors
    /// The part that cannot be read.
    pub fn run(&self) -> Result<Answer, BadCase> {
        let (policies, request) = self.read()?;
        explain(&policies, &request).map_err(|error| BadCase {
            part: "policies".to_string(),
            why: error.to_string(),
        })
    }
}

impl Case {
    /// The verdict that must come of it.
    ///
    /// # Errors
    /// A word that is none.
    pub fn expected(&self) -> Result<Verdict, BadCase> {
        Ok(match self.expect.as_str() {
            "Allowed" => Verdict::Allowed,
            "ExplicitlyDenied" => Verdict::ExplicitlyDenied,
            "ImplicitlyDenied" => Verdict::ImplicitlyDenied,
            "Unknown" => Verdict::Unknown,
            other => {
                return Err(BadCase {
                    part: "expect".to_string(),
                    why: format!(
                        "{other:?}; expected Allowed, ExplicitlyDenied, ImplicitlyDenied or Unknown"
                    ),
                });
            }
        })
    }
}
