//! What happened, why we think so, what we do not know, what could be done.
//!
//! Values only: no colours, no width, no language of a page. The commands dress them.
//! **J3**: every [`Claim`] cites evidence that is in [`Report::evidence`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::alarm::Alarm;
use crate::entity::{EntityId, EntityKind};
use crate::evidence::{Evidence, EvidenceId};
use crate::mechanism::{Category, MechanismId};
use crate::query::{GapReason, Query};
use crate::source::{Asked, SourceLook};
use crate::telemetry::Severity;
use crate::time::{TimeWindow, Timestamp};
use crate::topology::EdgeKind;

/// The schema of reports that this build writes.
pub const SCHEMA: &str = "midwatch.report/1";

/// How the investigation ended.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// At least one cause is possible or better.
    CauseFound,
    /// Something is wrong, and we do not know what.
    Unknown,
    /// Something was wrong, and is over.
    Recovered,
    /// Nothing is wrong.
    NoActiveFault,
}

/// How sure, in a word.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// At least 0.25.
    Possible,
    /// At least 0.60.
    Probable,
    /// At least 0.90, two independent kinds of source, the mechanism seen directly, nothing against it.
    Confirmed,
}

impl Word {
    /// As written in sentences.
    pub fn text(self) -> &'static str {
        match self {
            Self::Possible => "possible",
            Self::Probable => "probable",
            Self::Confirmed => "confirmed",
        }
    }
}

/// A sentence which cites what it stands on. INVARIANT (J3): never without evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Claim {
    /// Unique within the report: `C1`, `C2`, …
    pub id: String,
    /// The sentence.
    pub text: String,
    /// What it stands on.
    pub evidence: Vec<EvidenceId>,
}

/// An interval in which something began.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub struct Onset {
    /// Last seen well.
    pub lo: Timestamp,
    /// First seen ill.
    pub hi: Timestamp,
}

/// Which engine and which rules wrote the report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EngineVersion {
    /// The program's version.
    pub version: String,
    /// BLAKE3 (hex) of the catalogue of mechanisms and of the constants.
    pub rules: String,
}

/// The head of a report. The title is the symptom, not the cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Header {
    /// The recording's id.
    pub case: String,
    /// The symptom.
    pub title: String,
    /// How it ended.
    pub status: Status,
    /// The worst alarm's severity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// When it began, with its uncertainty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Onset>,
    /// When the first alarm fired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detected: Option<Timestamp>,
    /// When it was over, with its uncertainty; `None` while it lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<Onset>,
    /// When the looking happened.
    pub looked_at: Timestamp,
    /// The stretch that was looked at.
    pub window: TimeWindow,
    /// Which rules.
    pub engine: EngineVersion,
    /// What the engine was told beyond the recording: its budget.
    pub budget: BudgetLimit,
}

/// What one case may spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BudgetLimit {
    /// Questions asked of sources.
    pub reads: u32,
}

/// Something that is wrong, as seen from outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Symptom {
    /// Who shows it.
    pub entity: EntityId,
    /// What it is, as a closed word: `latency`, `errors`, `traffic`, `saturation`, `state`, …
    pub aspect: String,
    /// When it began.
    pub onset: Onset,
    /// Still there when we looked?
    pub active: bool,
    /// How large, in robust standard deviations or the nearest thing to it.
    pub size: f64,
    /// The sentence.
    pub claim: Claim,
}

/// How a prediction of a mechanism fared.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum PredictionOutcome {
    /// Seen as predicted.
    Met,
    /// Covered, and not seen as predicted.
    Unmet,
    /// Could not be looked at, or was not.
    Untested,
}

/// One prediction, and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Prediction {
    /// `must`, `may` or `must_not`.
    pub force: String,
    /// What was predicted, for people.
    pub text: String,
    /// What became of it.
    pub outcome: PredictionOutcome,
    /// What shows it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<EvidenceId>,
}

/// The score of a hypothesis in nats, term by term (ENGINE.md, S3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Score {
    /// logit of the prior.
    pub prior: f64,
    /// Signatures.
    pub signature: f64,
    /// Changes.
    pub change: f64,
    /// What the entity does beyond what its dependencies explain.
    pub anomaly: f64,
    /// Order in time.
    pub timing: f64,
    /// Affected against unaffected.
    pub difference: f64,
    /// Precedents.
    pub history: f64,
    /// What speaks against, positive.
    pub against: f64,
    /// The sum.
    pub total: f64,
}

/// One step of a way back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Mitigation {
    /// What to do, in a word from a closed list: `rollback`, `scale`, `restart`, `failover`, …
    pub action: String,
    /// For people: what to prepare and check first.
    pub prepare: String,
    /// What to apply.
    pub apply: String,
    /// How to know that it worked.
    pub verify: String,
    /// The way back from it.
    pub roll_back: String,
    /// What could go wrong.
    pub risk: String,
    /// Who should say yes.
    pub approver: String,
}

/// One link of the way in which a failure travelled, from the cause to a symptom.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Link {
    /// The one that leans (nearer to the symptom).
    pub from: EntityId,
    /// The one leaned upon (nearer to the cause).
    pub to: EntityId,
    /// How it leans.
    pub kind: EdgeKind,
    /// What shows that the failure took this edge.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<EvidenceId>,
}

/// One cause that the report names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cause {
    /// Where.
    pub entity: EntityId,
    /// How.
    pub mechanism: MechanismId,
    /// The mechanism's title.
    pub title: String,
    /// Which of the five.
    pub category: Category,
    /// The change that did it, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
    /// How sure, in a word.
    pub word: Word,
    /// How sure, 0..1, calibrated.
    pub confidence: f64,
    /// Why it is not surer: the caps that bind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caps: Vec<String>,
    /// Term by term.
    pub score: Score,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub onset: Option<Onset>,
    /// The sentence that names it.
    pub claim: Claim,
    /// What speaks for it.
    pub supports: Vec<Claim>,
    /// What speaks against it.
    pub contradicts: Vec<Claim>,
    /// What it predicted.
    pub predictions: Vec<Prediction>,
    /// From the cause to the symptoms.
    pub path: Vec<Link>,
    /// Symptoms that would stand unexplained without it (indexes into `symptoms`).
    pub explains: Vec<u32>,
    /// Ways back, the safest first.
    pub mitigations: Vec<Mitigation>,
}

/// A hypothesis that was put aside, with the evidence that says so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RuledOut {
    /// Where.
    pub entity: EntityId,
    /// How; `None` when it is about the entity as such.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mechanism: Option<MechanismId>,
    /// Which change, when it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
    /// `healthy`, `began_after`, `rolled_back`, `no_path`, `cannot_produce`, `explained`, `victim`, `transient`, `prediction_failed`.
    pub reason: String,
    /// The sentence.
    pub claim: Claim,
}

/// Something wrong that has nothing to do with the symptoms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Latent {
    /// Where.
    pub entity: EntityId,
    /// The sentence.
    pub claim: Claim,
}

/// The smallest part of the system that holds a fault which could not be named.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UnknownScope {
    /// Its entities, sorted.
    pub entities: Vec<EntityId>,
    /// Symptoms that stay unexplained (indexes into `symptoms`).
    pub symptoms: Vec<u32>,
    /// What is known of it.
    pub claim: Claim,
    /// Reads that would separate the leaders, best first.
    pub reads: Vec<String>,
}

/// A gap, and what it costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GapCost {
    /// What was wanted.
    pub wanted: String,
    /// Of whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<EntityId>,
    /// Why not.
    pub why: GapReason,
    /// In the source's words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// Which hypotheses it keeps from being tested.
    pub affects: Vec<String>,
    /// Confidence that closing it could add, 0..1.
    pub gain: f64,
    /// How to close it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub how_to_close: String,
}

/// One line of the timeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TimelineEntry {
    /// When.
    pub at: Timestamp,
    /// Until when, for what lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// `change`, `onset`, `event`, `alarm`, `recovery`, `gap`.
    pub kind: String,
    /// Whose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<EntityId>,
    /// The sentence.
    pub claim: Claim,
}

/// One entity of the ranking, best first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ranked {
    /// Who.
    pub entity: EntityId,
    /// Best hypothesis about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mechanism: Option<MechanismId>,
    /// The change that this hypothesis blames.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
    /// Nats.
    pub score: f64,
    /// 0..1.
    pub confidence: f64,
}

/// An earlier incident that looked alike. Shown, never decisive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Precedent {
    /// Its case.
    pub case: String,
    /// When it was learned.
    pub at: Timestamp,
    /// How alike it is, its age counted, 0..1.
    pub similarity: f64,
    /// What it turned out to be.
    pub was: String,
    /// What put it right; empty where nothing is known to have.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub put_right: String,
    /// What is alike, the weightiest first.
    pub alike: Vec<Alike>,
    /// The same as a sentence, with the lesson that it stands on.
    pub claim: Claim,
}

/// One way in which an earlier incident is alike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Alike {
    /// `log lines`, `mechanism`, `place`, `what metrics did`, `kind of change`.
    pub what: String,
    /// How alike in this, 0..1.
    pub share: f64,
    /// What both have, for people; empty where it would be too long to tell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub common: Vec<String>,
}

/// A series worth looking at, thinned to at most 240 points, with what was marked on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Picture {
    /// What is drawn.
    pub title: String,
    /// Whose.
    pub entity: EntityId,
    /// Unit of the values.
    pub unit: String,
    /// Which evidence it belongs to.
    pub evidence: EvidenceId,
    /// Times.
    pub times: Vec<Timestamp>,
    /// Values.
    pub values: Vec<f64>,
    /// Baseline band [low, high], where one was learned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub band: Option<(f64, f64)>,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub onset: Option<Onset>,
}

/// One entity that the report speaks of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Named {
    /// Id.
    pub id: EntityId,
    /// What people call it.
    pub name: String,
    /// What sort.
    pub kind: EntityKind,
}

/// One question that was asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QueryRun {
    /// What.
    pub query: Query,
    /// `found`, `nothing` or `could_not_look`.
    pub answer: String,
    /// Rows read.
    pub rows: u64,
}

/// What the investigation cost. Wall-clock time is left out, so that the same recording gives the same bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cost {
    /// Questions asked.
    pub reads: u32,
    /// Rows looked at.
    pub rows: u64,
    /// Bytes read.
    pub bytes: u64,
}

/// What happened, why we think so, what we do not know, what could be done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// `midwatch.report/1`.
    pub schema: String,
    /// Head.
    pub header: Header,
    /// The verdict in at most five sentences.
    pub verdict: Vec<Claim>,
    /// The alarms as they arrived.
    pub alarms: Vec<Alarm>,
    /// Who is hurt.
    pub impact: Vec<Claim>,
    /// What is wrong.
    pub symptoms: Vec<Symptom>,
    /// Causes, the surest first; more than one only if they are needed together.
    pub causes: Vec<Cause>,
    /// Runners-up: hypotheses that were not chosen, best first.
    pub ranking: Vec<Ranked>,
    /// What was put aside, and why.
    pub ruled_out: Vec<RuledOut>,
    /// Wrong, but not here and now.
    pub latent: Vec<Latent>,
    /// What stays unexplained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<UnknownScope>,
    /// What could not be seen, dearest first.
    pub gaps: Vec<GapCost>,
    /// In order of time.
    pub timeline: Vec<TimelineEntry>,
    /// Nearest earlier incidents.
    pub precedents: Vec<Precedent>,
    /// For people who look rather than read.
    pub pictures: Vec<Picture>,
    /// Every entity spoken of.
    pub entities: Vec<Named>,
    /// Everything that was observed and cited.
    pub evidence: Vec<Evidence>,
    /// Everything that was asked.
    pub queries: Vec<QueryRun>,
    /// What it cost.
    pub cost: Cost,
    /// What the live sources were asked in their own words, as far as something here stands on it, and what that
    /// cost them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<SourceLook>,
    /// BLAKE3 (hex) of all evidence, in order, and of the lessons that were handed in, if any were.
    pub ledger: String,
}

impl Report {
    /// How a live source is asked in its own words for what this query is about; empty where none was.
    pub fn own_words(&self, query: &Query) -> Vec<(&SourceLook, &Asked)> {
        let looks = self.sources.iter();
        looks
            .filter_map(|look| Some((look, look.answers(query)?)))
            .collect()
    }

    /// Every sentence of the report, in reading order.
    pub fn claims(&self) -> Vec<&Claim> {
        let mut claims: Vec<&Claim> = self.verdict.iter().chain(&self.impact).collect();
        claims.extend(self.symptoms.iter().map(|s| &s.claim));
        for cause in &self.causes {
            claims.push(&cause.claim);
            claims.extend(cause.supports.iter().chain(&cause.contradicts));
        }
        claims.extend(self.ruled_out.iter().map(|r| &r.claim));
        claims.extend(self.latent.iter().map(|l| &l.claim));
        claims.extend(self.unknown.iter().map(|u| &u.claim));
        claims.extend(self.timeline.iter().map(|t| &t.claim));
        claims.extend(self.precedents.iter().map(|p| &p.claim));
        claims
    }
}
