//! What people do about incidents. Each is written into the journal in the name of the account.

use std::sync::Arc;

use model::incident::{Incident, IncidentId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::house::{Folded, Space, Undone};
use super::problem::{Code, Problem};
use super::route::{Asked, Json, Nothing, Permission, Route};
use crate::control::Request;

/// The routes of this file.
pub fn routes() -> Vec<Route> {
    use Permission::{Approve, Respond};
    vec![
        Route::deed(
            "/incidents/{id}/approve",
            "approvePlan",
            "Says yes to the very plan of that digest",
            Approve,
            approve,
        ),
        Route::deed(
            "/incidents/{id}/refuse",
            "refusePlan",
            "Says no to the very plan of that digest",
            Respond,
            refuse,
        ),
        Route::deed(
            "/incidents/{id}/note",
            "note",
            "Writes a remark into the incident's journal",
            Respond,
            note,
        ),
        Route::deed(
            "/incidents/{id}/close",
            "closeIncident",
            "Closes an incident, with the reason",
            Respond,
            close,
        ),
        Route::deed(
            "/incidents/{id}/judge",
            "judgeCause",
            "Says whether what the newest report blames was a cause",
            Respond,
            judge,
        ),
        Route::deed(
            "/incidents/{id}/cause",
            "nameCause",
            "Says what it really was: where, and by which mechanism of the catalogue",
            Respond,
            name_cause,
        ),
        Route::deed(
            "/incidents/{id}/look",
            "lookAgain",
            "Asks for a fresh look at an open incident now",
            Respond,
            look_again,
        ),
        Route::deed(
            "/incidents/{id}/split",
            "splitIncident",
            "Takes alarms out of an incident into one of their own",
            Respond,
            split,
        ),
        Route::deed(
            "/incidents/{id}/merge",
            "mergeIncident",
            "Puts one incident into another",
            Respond,
            merge,
        ),
        Route::deed(
            "/incidents/{id}/link",
            "linkIncidents",
            "Says that two incidents belong together",
            Respond,
            link,
        ),
        Route::deed(
            "/silences",
            "silence",
            "Quiet for an entity, a rule or all, for a while",
            Respond,
            silence,
        ),
        Route::deed(
            "/silences/{silence}/end",
            "endSilence",
            "Ends a silence before its time",
            Respond,
            end_silence,
        ),
    ]
}

/// What came of a deed, in a sentence.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Said {
    /// For people.
    pub said: String,
}

impl Said {
    /// That.
    pub fn new(said: impl Into<String>) -> Self {
        Self { said: said.into() }
    }
}

/// The incident that the address names.
fn incident(space: &dyn Space, asked: &Asked) -> Result<Arc<Folded>, Problem> {
    let id = asked.param("id");
    let found = space.incident(&IncidentId(id.to_string()))?;
    found.ok_or_else(|| Problem::not_found("incident", id))
}

/// Has it done in the name of whoever asks.
fn perform(space: &dyn Space, asked: &Asked, wanted: Request) -> Result<Json<Said>, Problem> {
    match space.perform(&asked.who.name, wanted) {
        Ok(said) => Ok(Json(Said::new(said))),
        Err(Undone::No(why)) => Err(Problem::new(Code::Conflict, why)),
        Err(Undone::Failed(why)) => Err(Problem::failed(why)),
    }
}

/// Which plan.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Yes {
    /// The plan's digest, whole, as it was shown.
    plan: String,
}

/// Which plan, and why not.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct No {
    /// The plan's digest, whole, as it was shown.
    plan: String,
    /// Why.
    #[serde(default)]
    why: String,
}

/// Is the plan that waits the one that was shown? If not, what is different.
fn as_shown(incident: &Incident, digest: &str) -> Result<(), Problem> {
    let Some(waits) = incident.latest_plan() else {
        return Err(Problem::new(
            Code::Conflict,
            format!("{} has no plan", incident.id),
        ));
    };
    if waits.digest == digest {
        return Ok(());
    }
    let digest: String = digest.chars().take(64).collect();
    let shown = incident.plans.iter().find(|plan| plan.digest == digest);
    let mut detail = format!("the plan that waits is {}, not {digest}", waits.digest);
    match shown {
        None => detail.push_str("; no plan of this incident has that digest"),
        Some(shown) => {
            let lines = |plan: &model::Plan| -> Vec<String> {
                let steps = plan.steps.iter();
                steps.map(|step| step.action.to_string()).collect()
            };
            let (before, now) = (lines(&shown.plan), lines(&waits.plan));
            for gone in before.iter().filter(|line| !now.contains(line)) {
                detail += &format!("; no longer: {gone}");
            }
            for new in now.iter().filter(|line| !before.contains(line)) {
                detail += &format!("; new: {new}");
            }
            if before == now {
                detail += &format!(
                    "; the steps are the same, it is try {} now",
                    waits.plan.attempt
                );
            }
        }
    }
    Err(Problem::new(Code::PlanChanged, detail))
}

fn approve(space: &dyn Space, asked: &Asked, yes: Yes) -> Result<Json<Said>, Problem> {
    let found = incident(space, asked)?;
    as_shown(&found.incident, &yes.plan)?;
    let wanted = Request::Approve {
        incident: found.incident.id.to_string(),
        plan: yes.plan,
    };
    perform(space, asked, wanted)
}

fn refuse(space: &dyn Space, asked: &Asked, no: No) -> Result<Json<Said>, Problem> {
    let found = incident(space, asked)?;
    as_shown(&found.incident, &no.plan)?;
    let wanted = Request::Refuse {
        incident: found.incident.id.to_string(),
        plan: no.plan,
        why: no.why,
    };
    perform(space, asked, wanted)
}

/// A text that says something.
fn something(what: &str, text: &str) -> Result<(), Problem> {
    if text.trim().is_empty() {
        return Err(Problem::new(
            Code::BadRequest,
            format!("{what} is empty; whoever comes next will want to know"),
        ));
    }
    Ok(())
}

/// A remark.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Remark {
    /// What, up to 4,000 characters.
    text: String,
}

fn note(space: &dyn Space, asked: &Asked, remark: Remark) -> Result<Json<Said>, Problem> {
    something("text", &remark.text)?;
    let incident = incident(space, asked)?.incident.id.to_string();
    let text = remark.text;
    perform(space, asked, Request::Note { incident, text })
}

/// Why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Reason {
    /// Why, up to 4,000 characters.
    why: String,
}

fn close(space: &dyn Space, asked: &Asked, reason: Reason) -> Result<Json<Said>, Problem> {
    something("why", &reason.why)?;
    let incident = incident(space, asked)?.incident.id.to_string();
    let why = reason.why;
    perform(space, asked, Request::Close { incident, why })
}

/// A judgement.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Judgement {
    /// Which cause of the newest report, from 1; without it all of them.
    #[serde(default)]
    #[schemars(range(min = 1))]
    cause: Option<u32>,
    /// Was it a cause?
    right: bool,
}

fn judge(space: &dyn Space, asked: &Asked, judgement: Judgement) -> Result<Json<Said>, Problem> {
    let wanted = Request::Judge {
        incident: incident(space, asked)?.incident.id.to_string(),
        cause: judgement.cause.map(|cause| cause as usize),
        right: judgement.right,
    };
    perform(space, asked, wanted)
}

/// What it really was.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RealCause {
    /// Where: an entity, named whole.
    entity: String,
    /// How: the id of a mechanism, as `GET …/mechanisms` lists them.
    mechanism: String,
    /// Was it a cause beside those that the newest report blames? Else these are judged wrong, and what was named
    /// before is taken back.
    #[serde(default)]
    beside: bool,
    /// May the entity be one that nobody has heard of here?
    #[serde(default)]
    unseen: bool,
}

fn name_cause(space: &dyn Space, asked: &Asked, real: RealCause) -> Result<Json<Said>, Problem> {
    let wanted = Request::NameCause {
        incident: incident(space, asked)?.incident.id.to_string(),
        entity: real.entity,
        mechanism: real.mechanism,
        beside: real.beside,
        unseen: real.unseen,
    };
    perform(space, asked, wanted)
}

fn look_again(space: &dyn Space, asked: &Asked, _: Nothing) -> Result<Json<Said>, Problem> {
    let incident = incident(space, asked)?.incident.id.to_string();
    perform(space, asked, Request::Look { incident })
}

/// Which alarms.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Alarms {
    /// Their rules, or their fingerprints or the beginnings of these.
    alarms: Vec<String>,
}

fn split(space: &dyn Space, asked: &Asked, chosen: Alarms) -> Result<Json<Said>, Problem> {
    let incident = incident(space, asked)?.incident.id.to_string();
    let alarms = chosen.alarms;
    perform(space, asked, Request::Split { incident, alarms })
}

/// Into which.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Target {
    /// The other incident, named whole.
    into: String,
}

/// The other incident, if this space has it: only its end may not name it here.
fn other(space: &dyn Space, name: &str) -> Result<String, Problem> {
    let found = space.incident(&IncidentId(name.to_string()))?;
    found
        .map(|found| found.incident.id.to_string())
        .ok_or_else(|| Problem::not_found("incident", name))
}

fn merge(space: &dyn Space, asked: &Asked, target: Target) -> Result<Json<Said>, Problem> {
    let incident = incident(space, asked)?.incident.id.to_string();
    let into = other(space, &target.into)?;
    perform(space, asked, Request::Merge { incident, into })
}

/// With which, and why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct With {
    /// The other incident, named whole.
    with: String,
    /// Why.
    why: String,
}

fn link(space: &dyn Space, asked: &Asked, with: With) -> Result<Json<Said>, Problem> {
    something("why", &with.why)?;
    let wanted = Request::Link {
        incident: incident(space, asked)?.incident.id.to_string(),
        with: other(space, &with.with)?,
        why: with.why,
    };
    perform(space, asked, wanted)
}

/// What is to be quiet, for how long, and why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Quiet {
    /// Alarms about this entity; without it about all.
    #[serde(default)]
    entity: Option<String>,
    /// Alarms of this rule; without it of all.
    #[serde(default)]
    rule: Option<String>,
    /// For how many seconds: at most 30 days.
    #[schemars(range(min = 1, max = 2_592_000))]
    seconds: u64,
    /// Why.
    why: String,
}

/// The longest silence, in seconds: 30 days.
const LONGEST_SILENCE: u64 = 30 * 86_400;

fn silence(space: &dyn Space, asked: &Asked, quiet: Quiet) -> Result<Json<Said>, Problem> {
    something("why", &quiet.why)?;
    if !(1..=LONGEST_SILENCE).contains(&quiet.seconds) {
        return Err(Problem::new(
            Code::BadRequest,
            format!("seconds may be from 1 to {LONGEST_SILENCE}"),
        ));
    }
    let wanted = Request::Silence {
        entity: quiet.entity,
        rule: quiet.rule,
        seconds: quiet.seconds,
        why: quiet.why,
    };
    perform(space, asked, wanted)
}

fn end_silence(space: &dyn Space, asked: &Asked, _: Nothing) -> Result<Json<Said>, Problem> {
    let id = asked.param("silence");
    if !space.silences()?.iter().any(|silence| silence.id == id) {
        return Err(Problem::not_found("silence", id));
    }
    let silence = id.to_string();
    perform(space, asked, Request::EndSilence { silence })
}
