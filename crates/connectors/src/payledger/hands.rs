//! What can be altered at the control plane, each with its way back. Every request carries the step's key as
//! `Idempotency-Key`, so that the control plane performs it once however often it is asked (J2).

use std::time::Duration;

use model::EntityId;
use model::action::{Action, Outcome, Preview, StepKey};
use model::ports::{Actuator, HandsError};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{self, ClientError};

const NAME: &str = "payledger";

/// The altering end.
pub struct Hands {
    control: String,
    client: reqwest::blocking::Client,
}

/// One request to the control plane.
struct Request {
    method: Method,
    path: String,
    body: Value,
}

/// Whom an action is about, in the control plane's words.
enum Whom<'a> {
    Function { region: &'a str, name: &'a str },
    Front { region: &'a str },
    Table { region: &'a str, name: &'a str },
    Certificate { region: &'a str },
    Other,
}

fn whom(entity: &EntityId) -> Whom<'_> {
    let parts: Vec<&str> = entity.as_str().split('/').collect();
    match parts.as_slice() {
        ["function", region, name] => Whom::Function { region, name },
        ["service", region, "api"] => Whom::Front { region },
        ["service", region, name @ "ledger"] => Whom::Table { region, name },
        ["config", region, "payments-client"] => Whom::Certificate { region },
        _ => Whom::Other,
    }
}

impl Hands {
    /// On the control plane at this base address.
    pub fn new(control: &str) -> Result<Self, ClientError> {
        Ok(Self {
            control: control.trim_end_matches('/').to_string(),
            client: client::client(Duration::from_secs(8))?,
        })
    }

    fn get(&self, path: &str) -> Result<Value, HandsError> {
        client::json(self.client.get(format!("{}{path}", self.control))).map_err(
            |error| match error {
                ClientError::Refused { .. } | ClientError::Strange(_) => HandsError::Cannot {
                    actuator: NAME.to_string(),
                    action: format!("read {path}"),
                    why: error.to_string(),
                },
                _ => HandsError::Unreachable {
                    actuator: NAME.to_string(),
                    why: error.to_string(),
                },
            },
        )
    }

    fn cannot<T>(action: &Action, why: impl Into<String>) -> Result<T, HandsError> {
        Err(HandsError::Cannot {
            actuator: NAME.to_string(),
            action: action.to_string(),
            why: why.into(),
        })
    }

    /// The request that makes it so. Reads first where a setting is part of a whole.
    fn request(&self, action: &Action) -> Result<Request, HandsError> {
        let put = |path: String, body: Value| {
            Ok(Request {
                method: Method::PUT,
                path,
                body,
            })
        };
        let post = |path: String| {
            Ok(Request {
                method: Method::POST,
                path,
                body: json!({}),
            })
        };
        match (action, whom(action.entity())) {
            (Action::RevertChange { change, .. }, _) if plain(change) => {
                post(format!("/revert/{change}"))
            }
            (Action::SetRole { role, .. }, Whom::Function { region, name }) => put(
                format!("/functions/{region}/{name}/role"),
                json!({"role": role.as_str().trim_start_matches("role/")}),
            ),
            (Action::SetSettings { settings, .. }, Whom::Function { region, name }) => {
                let now = self.get(&format!("/functions/{region}/{name}"))?;
                let mut whole = now["environment"].as_object().cloned().unwrap_or_default();
                for (setting, value) in settings {
                    match value {
                        Some(value) => whole.insert(setting.clone(), Value::String(value.clone())),
                        None => whole.remove(setting),
                    };
                }
                put(
                    format!("/functions/{region}/{name}/environment"),
                    json!({"environment": whole}),
                )
            }
            (Action::SetLimit { limit, value, .. }, Whom::Function { region, name })
                if limit == "concurrency" =>
            {
                put(
                    format!("/functions/{region}/{name}/concurrency"),
                    json!({"reservedConcurrentExecutions": value}),
                )
            }
            (
                Action::SetLimit {
                    limit,
                    value: Some(value),
                    ..
                },
                Whom::Table { region, name },
            ) if limit == "throughput" => put(
                format!("/tables/{region}/{name}/throughput"),
                json!({"readCapacityUnits": value, "writeCapacityUnits": value}),
            ),
            (Action::SetVersion { version, .. }, Whom::Function { region, name }) => put(
                format!("/functions/{region}/{name}/version"),
                json!({"version": version}),
            ),
            (Action::Restart { .. }, Whom::Function { region, name }) => {
                post(format!("/functions/{region}/{name}/restart"))
            }
            (Action::Restart { .. }, Whom::Table { region, name }) => {
                post(format!("/tables/{region}/{name}/replication/restart"))
            }
            (Action::Renew { .. }, Whom::Certificate { region }) => {
                post(format!("/certificates/{region}/payments-client/renew"))
            }
            (Action::SetAside { record, .. }, Whom::Table { region, name }) if plain(record) => {
                post(format!("/records/{region}/{name}/{record}/set-aside"))
            }
            (Action::PutBack { record, .. }, Whom::Table { region, name }) if plain(record) => {
                post(format!("/records/{region}/{name}/{record}/put-back"))
            }
            (Action::Throttle { per_second, .. }, Whom::Front { region }) => put(
                format!("/fronts/{region}/limit"),
                json!({"requestsPerSecond": per_second}),
            ),
            _ => Self::cannot(
                action,
                "its control plane has no such action for that entity",
            ),
        }
    }
}

/// Is it a plain name, that cannot lead a path elsewhere?
fn plain(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 200
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_:".contains(c))
}

impl Actuator for Hands {
    fn name(&self) -> &str {
        NAME
    }

    fn preview(&self, action: &Action) -> Result<Preview, HandsError> {
        // What could not be asked for must not be promised.
        self.request(action)?;
        let entity = action.entity().clone();
        let shown = |value: &Value| match value {
            Value::Null => "none".to_string(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let (before, after, undo) = match (action, whom(&entity)) {
            (Action::RevertChange { change, .. }, _) => {
                let audit = self.get(&format!("/audit?limit={}", super::MOST))?;
                let record = audit["Records"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .find(|record| record["eventID"] == change.as_str());
                let Some(record) = record else {
                    return Self::cannot(action, "no such change is in the audit log");
                };
                let detail = &record["additionalEventData"];
                if detail["revertible"] != Value::Bool(true) {
                    return Self::cannot(action, "the change left nothing that could be put back");
                }
                let (from, to) = altered(&detail["after"], &detail["before"]);
                // The way back from putting back is to put the reverting change back; its id is not known yet,
                // so the way back names the settings themselves.
                (from, to, self.again(&entity, &detail["after"]))
            }
            (Action::SetRole { role, .. }, Whom::Function { region, name }) => {
                let now = self.get(&format!("/functions/{region}/{name}"))?;
                let old = shown(&now["role"]);
                let undo = Action::SetRole {
                    entity: entity.clone(),
                    role: EntityId::new(format!("role/{old}")),
                };
                (
                    format!("role = {old}"),
                    format!("role = {role}"),
                    Some(undo),
                )
            }
            (Action::SetSettings { settings, .. }, Whom::Function { region, name }) => {
                let now = self.get(&format!("/functions/{region}/{name}"))?;
                let old =
                    |setting: &String| now["environment"][setting].as_str().map(str::to_string);
                let undo = Action::SetSettings {
                    entity: entity.clone(),
                    settings: settings.keys().map(|s| (s.clone(), old(s))).collect(),
                };
                let names: Vec<&str> = settings.keys().map(String::as_str).collect();
                let states: Vec<&str> = settings
                    .keys()
                    .map(|s| if old(s).is_some() { "set" } else { "not set" })
                    .collect();
                (
                    format!("{} {}", names.join(", "), states.join(", ")),
                    format!("{} as named", names.join(", ")),
                    Some(undo),
                )
            }
            (Action::SetLimit { value, .. }, Whom::Function { region, name }) => {
                let now = self.get(&format!("/functions/{region}/{name}"))?;
                let old = &now["reservedConcurrentExecutions"];
                let undo = Action::SetLimit {
                    entity: entity.clone(),
                    limit: "concurrency".to_string(),
                    value: old.as_u64(),
                };
                (
                    format!("reserved concurrency = {}", shown(old)),
                    format!(
                        "reserved concurrency = {}",
                        value.map_or("none".to_string(), |v| v.to_string())
                    ),
                    Some(undo),
                )
            }
            (Action::SetLimit { value, .. }, Whom::Table { region, name }) => {
                let now = self.get(&format!("/tables/{region}/{name}"))?;
                let old = &now["provisionedThroughput"]["writeCapacityUnits"];
                let undo = Action::SetLimit {
                    entity: entity.clone(),
                    limit: "throughput".to_string(),
                    value: old.as_u64(),
                };
                (
                    format!("throughput = {}", shown(old)),
                    format!("throughput = {}", value.unwrap_or_default()),
                    Some(undo),
                )
            }
            (Action::SetVersion { version, .. }, Whom::Function { region, name }) => {
                let now = self.get(&format!("/functions/{region}/{name}"))?;
                let old = shown(&now["version"]);
                let undo = Action::SetVersion {
                    entity: entity.clone(),
                    version: old.clone(),
                };
                (
                    format!("version = {old}"),
                    format!("version = {version}"),
                    Some(undo),
                )
            }
            (Action::SetAside { record, .. }, _) => (
                format!("record {record} is in use"),
                format!("record {record} is set aside"),
                Some(Action::PutBack {
                    entity: entity.clone(),
                    record: record.clone(),
                }),
            ),
            (Action::PutBack { record, .. }, _) => (
                format!("record {record} is set aside"),
                format!("record {record} is in use"),
                Some(Action::SetAside {
                    entity: entity.clone(),
                    record: record.clone(),
                }),
            ),
            (Action::Throttle { per_second, .. }, Whom::Front { region }) => {
                let state = self.get("/state")?;
                let old = state["regions"][region]["front_requests_per_second"].as_u64();
                let said = |rate: Option<u64>| {
                    rate.map_or("no limit".to_string(), |rate| {
                        format!("{rate} requests a second")
                    })
                };
                let undo = Action::Throttle {
                    entity: entity.clone(),
                    per_second: old,
                };
                (said(old), said(*per_second), Some(undo))
            }
            // Restarting and renewing leave nothing to go back to.
            _ => ("as it runs".to_string(), "started afresh".to_string(), None),
        };
        // A fresh certificate takes nothing away although the old one does not come back.
        let harmless = undo.is_some() || matches!(action, Action::Renew { .. });
        Ok(Preview {
            before,
            after,
            undo,
            harmless,
            touches: vec![entity],
        })
    }

    fn perform(&self, key: &StepKey, action: &Action) -> Outcome {
        let request = match self.request(action) {
            Ok(request) => request,
            // Nothing was sent but reads.
            Err(error) => {
                return Outcome::Failed {
                    why: error.to_string(),
                };
            }
        };
        let sent = self
            .client
            .request(request.method, format!("{}{}", self.control, request.path))
            .header("Idempotency-Key", &key.0)
            .header("X-Actor", "midwatch")
            .json(&request.body);
        match client::json::<Value>(sent) {
            Ok(answer) => Outcome::Done {
                detail: answer["eventID"]
                    .as_str()
                    .map_or(String::new(), |id| format!("audit record {id}")),
            },
            Err(
                error @ (ClientError::Unreached(_)
                | ClientError::Refused {
                    status: 400..=499, ..
                }),
            ) => Outcome::Failed {
                why: error.to_string(),
            },
            Err(error) => Outcome::Unknown {
                why: error.to_string(),
            },
        }
    }

    fn was_done(&self, key: &StepKey, _: &Action) -> Outcome {
        let asked = self
            .client
            .get(format!("{}/operations/{}", self.control, key.0));
        match client::json::<Value>(asked) {
            Ok(answer) if answer["state"] == "done" => Outcome::Done {
                detail: "the control plane remembers it".to_string(),
            },
            Ok(answer) => Outcome::Failed {
                why: format!(
                    "the control plane refused it: {}",
                    answer["answer"]["message"]
                ),
            },
            Err(ClientError::Refused { status: 404, .. }) => Outcome::Failed {
                why: "the control plane never carried it out".to_string(),
            },
            Err(error) => Outcome::Unknown {
                why: error.to_string(),
            },
        }
    }
}

impl Hands {
    /// The action that makes it again as the parameters of an audit record say.
    fn again(&self, entity: &EntityId, parameters: &Value) -> Option<Action> {
        let entity = entity.clone();
        if let Some(role) = parameters["role"].as_str() {
            let name = role.rsplit('/').next().unwrap_or(role);
            return Some(Action::SetRole {
                entity,
                role: EntityId::new(format!("role/{name}")),
            });
        }
        if let Some(variables) = parameters["environment"]["variables"].as_object() {
            let Whom::Function { region, name } = whom(&entity) else {
                return None;
            };
            // The record holds the whole environment; names that were not in it must go again.
            let now = self.get(&format!("/functions/{region}/{name}")).ok()?;
            let mut settings: std::collections::BTreeMap<String, Option<String>> = variables
                .iter()
                .map(|(name, value)| (name.clone(), value.as_str().map(str::to_string)))
                .collect();
            for name in now["environment"].as_object()?.keys() {
                settings.entry(name.clone()).or_insert(None);
            }
            return Some(Action::SetSettings { entity, settings });
        }
        if parameters.get("reservedConcurrentExecutions").is_some() {
            return Some(Action::SetLimit {
                entity,
                limit: "concurrency".to_string(),
                value: parameters["reservedConcurrentExecutions"].as_u64(),
            });
        }
        if let Some(version) = parameters["version"].as_str() {
            return Some(Action::SetVersion {
                entity,
                version: version.to_string(),
            });
        }
        None
    }
}

/// The settings in which two states differ, as `name = value` of the first and of the second. Values of
/// variables are not shown: they may be secrets.
fn altered(first: &Value, second: &Value) -> (String, String) {
    let (first, second) = (super::read::flat(first), super::read::flat(second));
    let names: std::collections::BTreeSet<&String> = first.keys().chain(second.keys()).collect();
    let mut said = (Vec::new(), Vec::new());
    for name in names {
        let (a, b) = (first.get(name), second.get(name));
        if a == b {
            continue;
        }
        let tell = |value: Option<&String>| match value {
            None => format!("{name} not set"),
            Some(_) if name.starts_with("environment") => format!("{name} set"),
            Some(value) => format!("{name} = {value}"),
        };
        said.0.push(tell(a));
        said.1.push(tell(b));
    }
    (said.0.join(", "), said.1.join(", "))
}
