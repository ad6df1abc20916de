//! Faults: declared in data (`faults/*.toml`), put in and taken out as life does it.
//!
//! What a person would do goes through the control plane, and so into the audit log. What happens by
//! itself does not: a process is told through a path that only PayLedger's own programs can use.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::clock::{rfc3339, true_ms};
use crate::deployment::{Deployment, Settings, StateFolder, read_json, write_json};
use crate::failure::Failure;
use crate::hop::plain_client;
use crate::process::KEY_HEADER;
use crate::signing::{Caller, SigningKey};

const FILES: [&str; 15] = [
    include_str!("../faults/three.toml"),
    include_str!("../faults/role-swapped.toml"),
    include_str!("../faults/concurrency-zero.toml"),
    include_str!("../faults/variable-removed.toml"),
    include_str!("../faults/slow-table.toml"),
    include_str!("../faults/table-throttled.toml"),
    include_str!("../faults/bad-deploy.toml"),
    include_str!("../faults/poison-record.toml"),
    include_str!("../faults/memory-leak.toml"),
    include_str!("../faults/replication-lag.toml"),
    include_str!("../faults/certificate-expired.toml"),
    include_str!("../faults/clock-skew.toml"),
    include_str!("../faults/provider-down.toml"),
    include_str!("../faults/traffic-surge.toml"),
    include_str!("../faults/calm.toml"),
];

/// One fault.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// `role-swapped`.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// What it does.
    pub does: String,
    /// How it is undone.
    pub undone: String,
    /// Other faults that it consists of, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub of: Vec<String>,
    /// Other faults that nobody can see while this one lasts: what they break is never reached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hides: Vec<String>,
    /// What is done, in order.
    #[serde(default, rename = "step", skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// What an investigation should find; every one of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expected: Vec<Expected>,
}

/// One thing that is done.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// By which road.
    pub through: Road,
    /// `nature`: which process is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
    /// `control`: who asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// `control`: `PUT` or `POST`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// `control`: the path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What is sent.
    #[serde(default)]
    pub body: Value,
    /// `control`, environment only: the environment as it is, without this variable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub without: Option<String>,
    /// How long to wait before it.
    #[serde(default)]
    pub wait_seconds: f64,
    /// Is it there only to be suspected wrongly?
    #[serde(default)]
    pub innocent: bool,
    /// What undoes it. A change through the control plane is put back by its event's id if this is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<Box<Step>>,
}

/// By which road something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Road {
    /// A person's change: the control plane, and its audit log.
    Control,
    /// It happens by itself.
    Nature,
    /// A partner's feed writes a record into the primary region's table.
    Feed,
}

/// What an investigation should find.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// The entity's id in the topology.
    pub entity: String,
    /// What is wrong with it: a mechanism's id.
    pub mechanism: String,
    /// `system_change`, `input_anomaly`, `resource_limit`, `component_failure`, `dependency_issue`.
    pub category: String,
    /// `eventName` of the change that did it; absent if nobody changed anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
    /// Other mechanisms that would be just as right.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub or_mechanisms: Vec<String>,
    /// Other entities that would be just as right.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub or_entities: Vec<String>,
}

/// What was done to put a fault in: `injected.json`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Injected {
    /// When, RFC 3339.
    pub at: String,
    /// The ids of the audit log's events, oldest first.
    pub events: Vec<String>,
    /// Steps to take to undo it, in order.
    undo: Vec<Undo>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
enum Undo {
    Revert(String),
    Step(Box<Step>),
}

/// Every fault, in the order in which they are listed.
pub fn all() -> Result<Vec<Fault>, Failure> {
    FILES
        .iter()
        .map(|text| {
            toml::from_str(text)
                .map_err(|error| Failure::new(format!("a fault's file is broken: {error}")))
        })
        .collect()
}

/// Faults that are to be in at the same time, in an order in which each of them can be put in: what hides another one
/// comes after it. Nobody writes a record into a table whose clock is wrong.
///
/// # Errors
/// When there is no fault of such a name.
pub fn in_order<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<Vec<&'n str>, Failure> {
    let names: Vec<&str> = names.into_iter().collect();
    let (mut first, mut last) = (Vec::new(), Vec::new());
    for name in &names {
        let fault = find(name)?;
        let hides = fault
            .hides
            .iter()
            .any(|hidden| names.contains(&hidden.as_str()));
        let group = if hides { &mut last } else { &mut first };
        group.push(*name);
    }
    first.append(&mut last);
    Ok(first)
}

/// One fault with everything that it consists of: the steps and answers of its parts come after its own.
pub fn find(name: &str) -> Result<Fault, Failure> {
    let faults = all()?;
    let mut found = faults
        .iter()
        .find(|fault| fault.name == name)
        .cloned()
        .ok_or_else(|| {
            let names: Vec<&str> = faults.iter().map(|fault| fault.name.as_str()).collect();
            Failure::new(format!("fault {name:?} is unknown"))
                .advice(format!("known: {}", names.join(", ")))
        })?;
    for part in found.of.clone() {
        let part = find(&part)?;
        found.steps.extend(part.steps);
        found.expected.extend(part.expected);
    }
    Ok(found)
}

/// Puts faults into a running PayLedger, and takes them out.
pub struct Injector {
    state: StateFolder,
    deployment: Deployment,
    settings: Settings,
    http: reqwest::Client,
}

impl Injector {
    /// For the PayLedger of this folder.
    pub fn new(state: &StateFolder) -> Result<Self, Failure> {
        Ok(Self {
            deployment: state.deployment()?,
            settings: state.settings()?,
            http: plain_client(Duration::from_secs(10))?,
            state: state.clone(),
        })
    }

    /// What is in now, by name.
    pub fn injected(state: &StateFolder) -> Result<BTreeMap<String, Injected>, Failure> {
        let path = state.file("injected.json");
        if path.exists() {
            read_json(&path)
        } else {
            Ok(BTreeMap::new())
        }
    }

    fn save(&self, injected: &BTreeMap<String, Injected>) -> Result<(), Failure> {
        write_json(&self.state.file("injected.json"), injected)
    }

    /// Puts a fault in.
    pub async fn inject(&self, name: &str) -> Result<Injected, Failure> {
        let fault = find(name)?;
        let mut all = Self::injected(&self.state)?;
        if let Some(known) = all.get(name) {
            return Err(
                Failure::new(format!("{name} is in already, since {}", known.at))
                    .advice(format!("take it out first: payledger fault restore {name}")),
            );
        }
        let mut injected = Injected {
            at: rfc3339(true_ms()),
            events: Vec::new(),
            undo: Vec::new(),
        };
        for step in &fault.steps {
            let outcome = self.take(step).await;
            match outcome {
                Ok(event) => {
                    injected.events.extend(event.clone());
                    let undo = match (&step.undo, event) {
                        (Some(undo), _) => Some(Undo::Step(undo.clone())),
                        (None, Some(event)) => Some(Undo::Revert(event)),
                        (None, None) => None,
                    };
                    // The last done is the first undone.
                    if let Some(undo) = undo {
                        injected.undo.insert(0, undo);
                    }
                    all.insert(name.to_owned(), injected.clone());
                    self.save(&all)?;
                }
                Err(failure) => {
                    return Err(
                        Failure::new(format!("{name} was put in only in part: {failure}")).advice(
                            format!("take out what is in: payledger fault restore {name}"),
                        ),
                    );
                }
            }
        }
        Ok(injected)
    }

    /// Takes a fault out. What somebody else has put right already is left alone.
    pub async fn restore(&self, name: &str) -> Result<(), Failure> {
        let mut all = Self::injected(&self.state)?;
        let Some(injected) = all.get(name).cloned() else {
            return Err(Failure::new(format!("{name} is not in")).advice(
                "what is in stands in `payledger status`; what there is, in `payledger fault list`",
            ));
        };
        for undo in &injected.undo {
            match undo {
                Undo::Revert(event) => self.revert(event).await?,
                Undo::Step(step) => {
                    self.take(step).await?;
                }
            }
        }
        all.remove(name);
        self.save(&all)
    }

    /// Does one thing; answers the event's id if it went through the control plane.
    async fn take(&self, step: &Step) -> Result<Option<String>, Failure> {
        let wait = Duration::try_from_secs_f64(step.wait_seconds).unwrap_or(Duration::ZERO);
        tokio::time::sleep(wait).await;
        match step.through {
            Road::Control => self.ask_control(step).await,
            Road::Nature => self.tell(step).await.map(|()| None),
            Road::Feed => self.feed(&step.body).await.map(|()| None),
        }
    }

    async fn send(&self, request: reqwest::RequestBuilder, what: &str) -> Result<Value, Failure> {
        let reply = request
            .send()
            .await
            .map_err(|error| Failure::new(format!("{what}: no answer: {error}")))?;
        let status = reply.status();
        let text = reply.text().await.unwrap_or_default();
        let body: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        if status.is_success() {
            return Ok(body);
        }
        let said = body["message"].as_str().unwrap_or(&text);
        Err(Failure::new(format!("{what}: {status}: {said}")))
    }

    async fn ask_control(&self, step: &Step) -> Result<Option<String>, Failure> {
        let path = step.path.as_deref().unwrap_or("/");
        let url = format!("{}{path}", self.deployment.control);
        let mut body = step.body.clone();
        if let Some(variable) = &step.without {
            let held = url.trim_end_matches("/environment");
            let function = self.send(self.http.get(held), held).await?;
            let mut environment = function["environment"].clone();
            if let Some(variables) = environment.as_object_mut() {
                variables.remove(variable);
            }
            body = json!({"environment": environment});
        }
        let method = step.method.as_deref().unwrap_or("PUT");
        let request = if method == "POST" {
            self.http.post(&url)
        } else {
            self.http.put(&url)
        };
        let request = request
            .header("idempotency-key", crate::chance::uuid())
            .header("x-actor", step.actor.as_deref().unwrap_or("operator"))
            .header("user-agent", "platform-cli/2.4")
            .json(&body);
        let said = self.send(request, &format!("{method} {path}")).await?;
        Ok(said["eventID"].as_str().map(str::to_owned))
    }

    async fn tell(&self, step: &Step) -> Result<(), Failure> {
        let wanted = step.process.as_deref().unwrap_or("");
        let process = self
            .deployment
            .processes
            .iter()
            .find(|process| process.name == wanted)
            .ok_or_else(|| Failure::new(format!("there is no process {wanted:?}")))?;
        let request = self
            .http
            .post(format!("{}/_nature", process.address))
            .header(KEY_HEADER, &self.settings.signing_key)
            .json(&step.body);
        self.send(request, wanted).await.map(|_| ())
    }

    async fn feed(&self, record: &Value) -> Result<(), Failure> {
        let ask = json!({"action": "PutItem", "id": record["id"], "fields": record["fields"], "replace": true});
        let body = serde_json::to_vec(&ask).unwrap_or_default();
        let caller = Caller {
            role: "settlement-import".into(),
            session: "settlement-import".into(),
        };
        let signature = SigningKey::new(&self.settings.signing_key).sign(&caller, true_ms(), &body);
        let table = self
            .deployment
            .regions
            .first()
            .map(|region| region.table.clone())
            .unwrap_or_default();
        let request = self
            .http
            .post(format!("{table}/"))
            .header("authorization", signature)
            .body(body);
        self.send(request, "the table").await.map(|_| ())
    }

    async fn revert(&self, event: &str) -> Result<(), Failure> {
        let reply = self
            .http
            .post(format!("{}/revert/{event}", self.deployment.control))
            .header("idempotency-key", crate::chance::uuid())
            .header("user-agent", "platform-cli/2.4")
            .send()
            .await
            .map_err(|error| Failure::new(format!("control plane: no answer: {error}")))?;
        // 409: somebody has put it back before us.
        if reply.status().is_success() || reply.status() == reqwest::StatusCode::CONFLICT {
            return Ok(());
        }
        let text = reply.text().await.unwrap_or_default();
        Err(Failure::new(format!(
            "event {event} could not be put back: {text}"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_says_what_it_does_and_what_is_to_be_found() {
        let faults = all().expect("files parse");
        assert!(faults.len() >= 13);
        for fault in &faults {
            let whole = find(&fault.name).expect("found");
            assert!(!whole.steps.is_empty(), "{}", fault.name);
            // Where nothing is to be found, nothing is done that could do harm.
            let innocent = whole.steps.iter().all(|step| step.innocent);
            assert_eq!(whole.expected.is_empty(), innocent, "{}", fault.name);
            for step in &whole.steps {
                assert!(
                    step.through == Road::Control || step.undo.is_some(),
                    "{}: a step that the audit log does not hold needs its own way back",
                    fault.name
                );
            }
            // What nobody did must not stand in the audit log; what somebody did must.
            let changed = whole
                .steps
                .iter()
                .any(|step| step.through == Road::Control && !step.innocent);
            assert_eq!(
                changed,
                whole
                    .expected
                    .iter()
                    .any(|expected| expected.change.is_some()),
                "{}",
                fault.name
            );
        }
        assert_eq!(find("three").expect("found").expected.len(), 3);
        for hidden in faults.iter().flat_map(|fault| &fault.hides) {
            assert!(faults.iter().any(|other| other.name == *hidden), "{hidden}");
        }
    }

    #[test]
    fn what_hides_another_fault_is_put_in_after_it() {
        let order = |names: &[&'static str]| in_order(names.iter().copied()).expect("known");
        assert_eq!(
            order(&["clock-skew", "poison-record"]),
            ["poison-record", "clock-skew"]
        );
        assert_eq!(
            order(&["clock-skew", "provider-down"]),
            ["clock-skew", "provider-down"]
        );
        assert!(in_order(["clock-skew", "no-such"]).is_err());
    }
}
