//! A small world for the room's tests: hands, reports from a few words, incidents from events.
#![allow(
    dead_code,
    reason = "each test file is a program of its own and uses a part"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use model::action::{Action, Outcome, Preview, StepKey};
use model::alarm::Alarm;
use model::entity::EntityId;
use model::incident::{Fingerprint, Incident, IncidentEvent, IncidentId};
use model::plan::Plan;
use model::ports::{Actuator, HandsError};
use model::report::Report;
use model::time::{Span, Timestamp};
use serde_json::{Value, json};

pub const START: &str = "2026-06-18T15:00:00Z";

pub fn start() -> Timestamp {
    START.parse().expect("a time")
}

pub fn at(seconds: i64) -> Timestamp {
    start().plus(Span::seconds(seconds))
}

pub fn id() -> IncidentId {
    IncidentId("inc-20260618-150000-000001".to_string())
}

/// What one action does in the world of the tests.
#[derive(Clone)]
pub struct Deed {
    pub action: Action,
    pub undo: Option<Action>,
    pub harmless: bool,
    pub touches: Vec<&'static str>,
}

/// Hands that know a list of deeds and do whatever they are asked.
pub struct Hands {
    pub name: String,
    pub deeds: Vec<Deed>,
    pub offers: BTreeMap<(String, String), Vec<Action>>,
    pub performed: Mutex<Vec<StepKey>>,
}

impl Hands {
    pub fn new(name: &str, deeds: Vec<Deed>) -> Self {
        Self {
            name: name.to_string(),
            deeds,
            offers: BTreeMap::new(),
            performed: Mutex::new(Vec::new()),
        }
    }
}

impl Actuator for Hands {
    fn name(&self) -> &str {
        &self.name
    }

    fn offers(&self, remedy: &str, entity: &EntityId) -> Vec<Action> {
        let key = (remedy.to_string(), entity.to_string());
        self.offers.get(&key).cloned().unwrap_or_default()
    }

    fn preview(&self, action: &Action) -> Result<Preview, HandsError> {
        let deed = self.deeds.iter().find(|deed| deed.action == *action);
        let deed = deed.ok_or_else(|| HandsError::Cannot {
            actuator: self.name.clone(),
            action: action.to_string(),
            why: "not known here".to_string(),
        })?;
        Ok(Preview {
            before: "as it is".to_string(),
            after: "as it was".to_string(),
            undo: deed.undo.clone(),
            harmless: deed.harmless,
            touches: deed.touches.iter().map(|e| EntityId::from(*e)).collect(),
        })
    }

    fn perform(&self, key: &StepKey, _: &Action) -> Outcome {
        self.performed.lock().expect("lock").push(key.clone());
        Outcome::Done {
            detail: String::new(),
        }
    }

    fn was_done(&self, key: &StepKey, _: &Action) -> Outcome {
        if self.performed.lock().expect("lock").contains(key) {
            Outcome::Done {
                detail: String::new(),
            }
        } else {
            Outcome::Failed {
                why: "never asked".to_string(),
            }
        }
    }
}

pub fn arc(hands: Hands) -> Arc<dyn Actuator> {
    Arc::new(hands)
}

pub fn revert(entity: &str, change: &str) -> Action {
    Action::RevertChange {
        entity: entity.into(),
        change: change.to_string(),
    }
}

pub fn restart(entity: &str) -> Action {
    Action::Restart {
        entity: entity.into(),
    }
}

/// A report from the parts that matter to a test; the rest is what an empty report has.
pub fn report(parts: Value) -> Report {
    let mut whole = json!({
        "schema": "midwatch.report/1",
        "header": {
            "case": "c", "title": "payments fail", "status": "cause_found", "looked_at": START,
            "window": {"from": "2026-06-18T14:00:00Z", "to": START},
            "engine": {"version": "0", "rules": "r"}, "budget": {"reads": 60}
        },
        "verdict": [], "alarms": [], "impact": [], "symptoms": [], "causes": [], "ranking": [],
        "ruled_out": [], "latent": [], "gaps": [], "timeline": [], "precedents": [], "pictures": [],
        "entities": [], "evidence": [], "queries": [],
        "cost": {"reads": 0, "rows": 0, "bytes": 0}, "ledger": "ledger-1"
    });
    for (name, value) in parts.as_object().expect("an object") {
        whole[name] = value.clone();
    }
    serde_json::from_value(whole).expect("a report")
}

/// A cause: entity, mechanism, change (or null), confidence, what only it explains, remedies `[word, risk]`.
pub fn cause(
    number: usize,
    entity: &str,
    mechanism: &str,
    change: Value,
    confidence: f64,
    explains: &[u32],
    remedies: &[(&str, &str)],
) -> Value {
    let mitigations: Vec<Value> = remedies
        .iter()
        .map(|(action, risk)| {
            json!({"action": action, "prepare": "", "apply": "", "verify": "", "roll_back": "",
                   "risk": risk, "approver": ""})
        })
        .collect();
    json!({
        "entity": entity, "mechanism": mechanism, "title": mechanism, "category": "system_change",
        "change": change, "word": "probable", "confidence": confidence,
        "score": {"prior": 0.0, "signature": 0.0, "change": 0.0, "anomaly": 0.0, "timing": 0.0,
                  "difference": 0.0, "history": 0.0, "against": 0.0, "total": 0.0},
        "claim": {"id": format!("C{number}"), "text": format!("{entity} broke."), "evidence": []},
        "supports": [], "contradicts": [], "predictions": [], "path": [],
        "explains": explains, "mitigations": mitigations
    })
}

pub fn symptom(entity: &str, aspect: &str, active: bool) -> Value {
    json!({
        "entity": entity, "aspect": aspect, "onset": {"lo": START, "hi": START}, "active": active,
        "size": 9.0, "claim": {"id": "S", "text": "It is ill.", "evidence": []}
    })
}

pub fn alarm(rule: &str, entity: &str, state: &str) -> Value {
    json!({"id": format!("{rule}-1"), "rule": rule, "entity": entity, "fired_at": START, "state": state})
}

/// The plan, as a person would read it aloud.
pub fn read(plan: &Result<Plan, Vec<String>>) -> String {
    let plan = match plan {
        Ok(plan) => plan,
        Err(why) => return format!("none: {}", why.join(" | ")),
    };
    let mut lines = Vec::new();
    for (index, step) in plan.steps.iter().enumerate() {
        let harmless = if step.harmless { ", harmless" } else { "" };
        let undo = step
            .undo
            .as_ref()
            .map_or("no way back".to_string(), |undo| format!("back: {undo}"));
        lines.push(format!(
            "{}. {} ({}{harmless}; {undo}) because {}",
            index + 1,
            step.action,
            step.actuator,
            step.because
        ));
    }
    for basis in &plan.basis {
        lines.push(format!(
            "basis {} {} {:.2}",
            basis.entity, basis.mechanism, basis.confidence
        ));
    }
    for condition in &plan.expect.all {
        lines.push(format!("expect {condition}"));
    }
    for condition in &plan.stop.all {
        lines.push(format!("stop unless {condition}"));
    }
    let touches: Vec<&str> = plan.touches.iter().map(EntityId::as_str).collect();
    lines.push(format!("touches {}", touches.join(" ")));
    for risk in &plan.risks {
        lines.push(format!("risk {risk}"));
    }
    lines.join("\n")
}

/// An incident with one alarm.
pub fn incident() -> Incident {
    let alarm: Alarm =
        serde_json::from_value(alarm("errors", "gateway/front", "firing")).expect("an alarm");
    let fingerprint = Fingerprint::of(&alarm, &[]);
    let entry = model::incident::Entry {
        seq: 1,
        at: start(),
        event: IncidentEvent::Opened { alarm, fingerprint },
        previous: String::new(),
        digest: String::new(),
    };
    Incident::fold(&id(), &[entry])
        .expect("a journal")
        .expect("an incident")
}

/// Adds events, one second apart.
pub fn happen(incident: &mut Incident, events: Vec<IncidentEvent>) {
    for event in events {
        let seq = incident.seq + 1;
        let when = incident.touched.plus(Span::seconds(1));
        incident.apply(seq, when, &event).expect("a legal event");
    }
}

/// An incident whose report and plan stand.
pub fn planned(report: Report, plan: Plan) -> Incident {
    let mut incident = incident();
    let window = report.header.window;
    happen(
        &mut incident,
        vec![
            IncidentEvent::InvestigationStarted { attempt: 1, window },
            IncidentEvent::InvestigationEnded {
                attempt: 1,
                report: Box::new(report),
            },
            IncidentEvent::PlanProposed {
                plan: Box::new(plan),
            },
        ],
    );
    incident
}

pub fn groups(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}
