//! The operator's policy as it stands, and what the gate would say if it, the moment or the yes were another. Nothing is
//! altered by asking, and nothing that is asked here can be run.

use model::incident::IncidentId;
use model::plan::GateAnswer;
use model::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::house::Space;
use super::problem::Problem;
use super::route::{Asked, Json, Nothing, Route};

/// The routes of this file.
pub fn routes() -> Vec<Route> {
    vec![
        Route::of_space(
            "/policy",
            "getPolicy",
            "What may be done here, when, and who may say yes",
            policy,
        ),
        Route::question(
            "/policy/simulate",
            "simulatePolicy",
            "What the gate would say to an incident's plan under another policy, at another moment, with a yes or without",
            simulate,
        ),
    ]
}

/// What is wrong with a policy's text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PolicyWrong {
    /// Line, from 1; `null` where it is about the whole.
    pub line: Option<usize>,
    /// Column in that line, in characters from 1.
    pub column: Option<usize>,
    /// What.
    pub what: String,
}

/// The numbers that no policy can lift.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct HardRules {
    /// The least sure cause of a plan must be at least so sure, 0 to 1.
    pub min_confidence: f64,
    /// After a recovery that runs or succeeded, an entity is left alone for so many nanoseconds.
    pub cooldown: i64,
    /// Plans for one incident, the first included.
    pub attempts: u32,
    /// Entities that one plan may touch.
    pub max_touched: u64,
    /// How long a yes counts, in nanoseconds.
    pub approval_valid: i64,
    /// How old the facts of a report may be when its plan is run, in nanoseconds.
    pub facts_last: i64,
}

/// The policy as it stands.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Policy")]
pub struct PolicyShown {
    /// The name of one that comes with the program, or the file that the configuration names.
    pub name: String,
    /// Its text, in Cedar.
    pub text: String,
    /// Why it permits nothing, if it cannot be read.
    pub wrong: Option<PolicyWrong>,
    /// The hard rules.
    pub rules: HardRules,
    /// Who is known to the gate, sorted.
    pub people: Vec<String>,
    /// Those that come with the program: name, and text.
    pub samples: Vec<Sample>,
}

/// A policy that comes with the program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "PolicySample")]
pub struct Sample {
    /// Its name, for `[act] policy`.
    pub name: String,
    /// Its text, in Cedar.
    pub text: String,
}

/// What is supposed. What is not said is as it stands.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Supposition")]
pub struct Supposed {
    /// The incident whose newest plan is asked about, by its whole name.
    pub incident: String,
    /// Another policy: the name of one that comes with the program, or a text in Cedar.
    pub policy: Option<String>,
    /// Who has said yes; `null` for nobody.
    pub approved_by: Option<String>,
    /// When the gate is asked; without it when the plan was proposed.
    pub at: Option<Timestamp>,
    /// Another least confidence, 0 to 1.
    pub min_confidence: Option<f64>,
    /// Another number of entities that a plan may touch.
    pub max_touched: Option<u32>,
}

/// What the gate would say.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Simulated")]
pub struct Simulated {
    /// The plan's digest.
    pub plan: String,
    /// When it was asked.
    pub at: Timestamp,
    /// The answer.
    pub answer: GateAnswer,
    /// What is wrong with the policy that was supposed; nothing is permitted then.
    pub wrong: Option<PolicyWrong>,
}

fn policy(space: &dyn Space, _: &Asked, _: Nothing) -> Result<Json<PolicyShown>, Problem> {
    Ok(Json(space.policy()?))
}

fn simulate(space: &dyn Space, _: &Asked, supposed: Supposed) -> Result<Json<Simulated>, Problem> {
    let id = &supposed.incident;
    let folded = space
        .incident(&IncidentId(id.clone()))?
        .ok_or_else(|| Problem::not_found("incident", id))?;
    let answered = space.suppose(&folded.incident, &supposed)?;
    answered
        .map(Json)
        .ok_or_else(|| Problem::not_found("plan of incident", id))
}
