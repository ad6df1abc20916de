//! What the tools give: of what the API answers the part that a conversation needs, each field with what it means.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A text.
#[derive(Serialize, JsonSchema)]
pub struct Text {
    /// The report.
    pub markdown: String,
    /// Is there more than was given?
    pub cut: bool,
}

/// Incidents.
#[derive(Serialize, Deserialize, JsonSchema)]
pub struct Incidents {
    /// Those of this part.
    pub items: Vec<IncidentLine>,
    /// To be given as `cursor` for the next part; null if this was the last.
    pub next: Option<String>,
}

/// One incident in short.
#[derive(Serialize, Deserialize, JsonSchema)]
pub struct IncidentLine {
    /// Its name.
    pub id: String,
    /// The symptom in a line.
    pub title: String,
    /// How it stands.
    pub standing: String,
    /// When it was opened (RFC 3339).
    pub opened: String,
    /// When it was closed.
    pub closed: Option<String>,
    /// Does one of its alarms fire?
    pub firing: bool,
    /// What its newest report blames, the surest first.
    pub causes: Vec<CauseLine>,
}

/// One cause.
#[derive(Serialize, Deserialize, JsonSchema)]
pub struct CauseLine {
    /// Where.
    pub entity: String,
    /// How.
    pub mechanism: String,
    /// The change that did it.
    pub change: Option<String>,
    /// How sure, 0..1.
    pub confidence: f64,
    /// The same in a word.
    pub word: String,
}

/// One incident.
#[derive(Serialize, Deserialize, JsonSchema)]
pub struct Incident {
    #[serde(flatten)]
    pub line: IncidentLine,
    /// Its alarms, as they came.
    pub alarms: Vec<AlarmLine>,
    /// The newest plan, and the digest that a yes would be bound to.
    pub plan: Option<Object>,
    /// Other incidents that belong to it.
    pub links: Vec<Object>,
    /// What people who know said of its causes.
    pub judged: Vec<Object>,
    /// Notices that people did not get.
    pub untold: Vec<Object>,
    /// Entries in its journal.
    pub entries: u64,
}

/// One alarm.
#[derive(Serialize, Deserialize, JsonSchema)]
pub struct AlarmLine {
    /// The rule's name.
    pub rule: String,
    /// About whom.
    pub entity: String,
    /// When it fired.
    pub fired_at: String,
    /// What it tells people.
    #[serde(default)]
    pub summary: String,
}

/// What an observation stands on.
#[derive(Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// Sentences that cite it.
    pub claims: Vec<Object>,
    /// The observation, with its query, statistic, digest and raw rows.
    pub evidence: Vec<Object>,
}

/// An answer.
#[derive(Serialize, Deserialize, JsonSchema)]
pub struct Reply {
    /// What was understood.
    pub understood: String,
    /// The question as values.
    pub question: Object,
    /// The answer, line by line, each with the query that shows it.
    pub lines: Vec<Object>,
    /// Lines that were left out.
    pub more: u64,
    /// What could not be looked at: then an empty answer proves nothing.
    pub gaps: Vec<Object>,
}

/// What could not be seen.
#[derive(Serialize, Deserialize, JsonSchema)]
pub struct Gaps {
    /// The incident.
    #[serde(default)]
    pub incident: String,
    /// The gaps of its newest report.
    pub gaps: Vec<GapLine>,
}

/// One gap.
#[derive(Serialize, Deserialize, JsonSchema)]
pub struct GapLine {
    /// What was wanted.
    pub wanted: String,
    /// Of whom; null for everyone.
    #[serde(default)]
    pub entity: Option<String>,
    /// Why not.
    pub why: String,
    /// In the source's own words.
    #[serde(default)]
    pub detail: String,
    /// Which hypotheses it keeps from being tested.
    #[serde(default)]
    pub affects: Vec<String>,
    /// Confidence that closing it could add, 0..1.
    #[serde(default)]
    pub gain: f64,
    /// How to close it.
    #[serde(default)]
    pub how_to_close: String,
}

/// What was altered.
#[derive(Serialize, Deserialize, JsonSchema)]
pub struct Changes {
    /// Those of this part.
    pub items: Vec<ChangeLine>,
    /// To be given as `cursor` for the next part; null if this was the last.
    pub next: Option<String>,
}

/// One change.
#[derive(Serialize, Deserialize, JsonSchema)]
pub struct ChangeLine {
    /// Its id.
    pub id: String,
    /// What sort.
    pub kind: String,
    /// When it began to act.
    pub start: String,
    /// One line for people.
    pub title: String,
    /// Who.
    #[serde(default)]
    pub actor: String,
    /// What it touched.
    #[serde(default)]
    pub entities: Vec<String>,
    /// What it altered, where that is known.
    #[serde(default)]
    pub diff: Option<String>,
    /// When it was undone, if it was.
    #[serde(default)]
    pub undone: Option<String>,
}

/// An investigation that somebody asked for.
#[derive(Serialize, Deserialize, JsonSchema)]
pub struct Investigation {
    /// Its number.
    pub number: u64,
    /// Of what.
    pub subject: Object,
    /// `running`, `done` or `failed`.
    pub going: String,
    /// What it is doing, or did last.
    pub step: String,
    /// When it began.
    pub started: String,
    /// When it ended.
    pub ended: Option<String>,
    /// How the report ended, when it is done: `cause_found`, `unknown`, `recovered`, `no_active_fault`.
    pub status: Option<String>,
    /// Why it failed.
    pub why: Option<String>,
}

/// What could be done.
#[derive(Serialize, Deserialize, JsonSchema)]
pub struct Proposal {
    /// Digest of the report that it rests on.
    pub report: String,
    /// The plan; null if there is none.
    pub plan: Option<Object>,
    /// Why there is none.
    pub why: Vec<String>,
}

/// A value whose fields the API's description has.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Object(Map<String, Value>);
