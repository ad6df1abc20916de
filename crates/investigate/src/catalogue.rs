//! The catalogue of mechanisms: how things break, as data.
//!
//! Each file under `mechanisms/` describes one. The format is documented in `CONTRIBUTING.md`;
//! [`Mechanism`] is the schema. A file that does not parse fails the build's tests, never a night.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use model::{Category, SourceKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where, seen from the candidate entity, a condition is looked for.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Where {
    /// On the candidate itself (its unit, with its copies).
    #[default]
    Itself,
    /// On what it leans on.
    Below,
    /// On those who lean on it.
    Above,
    /// Anywhere in the case.
    Anywhere,
}

/// How a series must behave.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Above its past.
    High,
    /// Below its past.
    Low,
    /// Within its past.
    Normal,
    /// Grows steadily.
    Rising,
    /// Falls steadily.
    Falling,
    /// At or within 5 % of a known limit (a limit series, 100 %, or the value it sticks to).
    AtLimit,
    /// Far from a limit that is known: at its worst no more than two thirds of it were used, or a fifth of the whole was
    /// free.
    Ample,
    /// At zero.
    Zero,
    /// Above zero, where its past is zero.
    Appeared,
}

/// One thing that can be seen. Exactly one of the fields `log`, `steps`, `event`, `state`, `metric`, `trace` or
/// `change` says what.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// A log line that matches this regular expression (case-insensitive), more often than before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// What the lines of requests show, one after another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<StepCondition>,
    /// An event whose `reason: message` matches this regular expression (case-insensitive), not older than the window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// A state document with a value that fits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<StateCondition>,
    /// A series of this role that behaves so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<MetricCondition>,
    /// What the spans show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceCondition>,
    /// A change whose diff (or kind) can produce this failure; a word of `analysis::changes::FailureKind` in snake case. Or
    /// `reserved_concurrency_to_nothing`: a change that does so is the mechanism itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
    /// Where to look.
    #[serde(default, rename = "on")]
    pub place: Where,
    /// For people: what this condition means. Used in predictions.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub says: String,
    /// Nats that it adds when it is met as a signature: 6 names mechanism and entity, 4 the mechanism, 2 is generic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nats: Option<f64>,
    /// A named group of the regular expression whose text names the guilty entity (a host, a table, a
    /// role): the candidate is then that entity if the map knows it, else the one that was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<String>,
    /// A log line or event that also matches this regular expression (case-insensitive) does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub except: Option<String>,
    /// What the line tells is the writer's own trouble, although it names another or came of a call to one: its
    /// own certificate, its own rights.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub own: bool,
    /// The line tells that a name was not answered. The candidate is then whoever its writer asks for names; where nobody
    /// knows who that is, the one by that name, unless others reach it; else the writer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lookup: bool,
    /// Of a `must_not`: it would explain what is seen instead. Where the cause is seen first-hand beside a change that
    /// sets it off, both may be at work, and it speaks against neither.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub instead: bool,
    /// The event is a moment (a failover, a kill) rather than a condition that lasts: it counts although
    /// the entity is well again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub moment: bool,
    /// Texts that the regular expression must match. Needed for `log`, `event` and a state's `shows`; tested.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<String>,
    /// Look-alikes that it must not match. Needed likewise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counter_examples: Vec<String>,
}

impl Condition {
    /// Which kind of source it looks at; `None` for a condition that says nothing.
    pub fn source(&self) -> Option<SourceKind> {
        if self.log.is_some() || self.steps.is_some() {
            Some(SourceKind::Logs)
        } else if self.event.is_some() {
            Some(SourceKind::Events)
        } else if self.state.is_some() {
            Some(SourceKind::State)
        } else if self.metric.is_some() {
            Some(SourceKind::Metrics)
        } else if self.trace.is_some() {
            Some(SourceKind::Traces)
        } else if self.change.is_some() {
            Some(SourceKind::Changes)
        } else {
            None
        }
    }

    /// The regular expression over texts, if it has one: of a log line, an event, or what a state shows.
    pub fn pattern(&self) -> Option<&str> {
        self.log
            .as_deref()
            .or(self.event.as_deref())
            .or_else(|| self.state.as_ref().and_then(|s| s.shows.as_deref()))
    }
}

/// A value in a state document.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StateCondition {
    /// Document kind, such as `kubernetes.pod`.
    pub kind: String,
    /// Regular expression (case-insensitive) over what the document shows in words common to all
    /// shapes of it ([`crate::probes::states`]); `path` is not needed then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shows: Option<String>,
    /// Dotted path; `*` stands for any element.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// Regular expression (case-insensitive) over the value's text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matches: Option<String>,
    /// Number at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    /// Number at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<f64>,
    /// The value is less than the value at this other path of the same document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub less_than: Option<String>,
    /// The number is its share of the sum of all numbers at `path` (0 to 1).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub share: bool,
    /// Only documents for which these hold as well count: pairs of dotted path and regular expression.
    /// Where such a path begins like `path`, its `*` stands for the same element.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub also: BTreeMap<String, String>,
}

/// What a series does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricCondition {
    /// A word of [`crate::role::Role`] in snake case.
    pub role: String,
    /// How it behaves.
    pub is: Shape,
    /// Regular expression (case-insensitive) that the metric's own name must match besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A level that it must reach besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    /// A level that it must stay under besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<f64>,
}

/// What spans show.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum TraceCondition {
    /// Failures begin here.
    ErrorOrigin,
    /// Its own work takes longer.
    OwnTime,
    /// Time is lost between its callers and it.
    Gap,
    /// It makes more calls per request.
    FanOut,
    /// It receives more requests.
    Traffic,
    /// Its calls to somebody outside fail.
    ExternalErrors,
}

/// What the lines of requests show, one after another.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum StepCondition {
    /// Requests take other steps than before, or leave no line where all their peers do.
    Changed,
    /// Each request of an operation ends with an error line, as hardly any other operation does.
    AlwaysFail,
}

/// What a mechanism says must, may, or must not be seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Predictions {
    /// Covered and not seen: 3 nats against.
    #[serde(default)]
    pub must: Vec<Condition>,
    /// Seen: a little for.
    #[serde(default)]
    pub may: Vec<Condition>,
    /// Seen: 4 nats against.
    #[serde(default)]
    pub must_not: Vec<Condition>,
}

/// What a remedy may do.
pub const ACTIONS: &[&str] = &[
    "rollback",
    "scale",
    "restart",
    "failover",
    "purge",
    "raise_limit",
    "fix_config",
    "fix_permission",
    "renew",
    "throttle",
    "wait",
    "tell_provider",
    "none",
];

/// One way back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Remedy {
    /// One of [`ACTIONS`].
    pub action: String,
    /// What to prepare and check first.
    pub prepare: String,
    /// What to apply; `{entity}` and `{change}` are filled in.
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

/// One way in which things break.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mechanism {
    /// Such as `resource.connection-pool-exhausted`; the file's name without `.toml`.
    pub id: String,
    /// For people; completes "… because of".
    pub title: String,
    /// Which of the five.
    pub category: Category,
    /// What lies at the bottom of it.
    pub nature: Nature,
    /// Two or three sentences: how it comes about, how it looks.
    pub summary: String,
    /// Base rate before anything is seen; 0.02 by default.
    #[serde(default = "default_prior")]
    pub prior: f64,
    /// Kinds of entity that can break so (words of `EntityKind`); empty: any.
    #[serde(default)]
    pub entities: Vec<String>,
    /// Any of these proposes the mechanism. Each independent kind of source counts once (max + 0.3 x second).
    #[serde(default, rename = "signature")]
    pub signatures: Vec<Condition>,
    /// What it predicts.
    #[serde(default)]
    pub predict: Predictions,
    /// A change is the trigger: the candidate needs one (`needed`), may have one (`possible`), has none (`none`).
    #[serde(default)]
    pub change: ChangeRole,
    /// Whom its echo is heard from.
    #[serde(default)]
    pub spreads: Spread,
    /// It refuses or fails at once, and keeps nobody waiting: what takes longer than before has another reason.
    #[serde(default)]
    pub fails_at_once: bool,
    /// Mechanisms that this one commonly causes further along: if both fit one entity, this is the root.
    #[serde(default)]
    pub causes: Vec<String>,
    /// For mechanisms that say no more than which own anomaly a unit shows: a word of `Anomaly::kind`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generic: Option<String>,
    /// Ways back, the safest first.
    #[serde(default, rename = "remedy")]
    pub remedies: Vec<Remedy>,
    /// Reads that test it, in people's words, for gaps and for "what to read next".
    #[serde(default)]
    pub reads: Vec<String>,
    /// Where the knowledge is from.
    #[serde(default)]
    pub sources: Vec<String>,
}

fn default_prior() -> f64 {
    0.02
}

/// Where the same trouble shows again, that is only the echo of it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Spread {
    /// At those who lean on whoever has it.
    #[default]
    Callers,
    /// With the requests: at those whom it calls, and whom they call.
    Requests,
    /// At the machine that it runs on, and at those who lean on it.
    Machine,
    /// At those who talk with it, whoever of them asks.
    Partners,
    /// At whoever runs on the same machine, whether they have anything else to do with each other or not.
    Neighbours,
}

/// What part a change plays in a mechanism.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ChangeRole {
    /// It cannot happen without one.
    Needed,
    /// It can happen with or without.
    #[default]
    Possible,
    /// It happens without.
    None,
}

/// What lies at the bottom of a mechanism: finer than [`Category`], and closed as well. Whoever sorts
/// incidents by other words maps from these.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Nature {
    /// What a programmer wrote.
    Code,
    /// What somebody set: names, values, manifests, schemas, images.
    Configuration,
    /// Who may do what, and with which credential.
    Permission,
    /// There is not enough of something for what is asked of it.
    Capacity,
    /// What came in, or lies stored, is wrong.
    Data,
    /// Somebody leaned upon does not deliver.
    Dependency,
    /// Machines, networks and what runs on them.
    Platform,
}

/// A catalogue file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("mechanism {file}: {problem}")]
pub struct BadMechanism {
    /// Which.
    pub file: String,
    /// What is wrong and what was expected.
    pub problem: String,
}

/// All mechanisms, sorted by id.
#[derive(Debug)]
pub struct Catalogue {
    /// Sorted by id.
    pub mechanisms: Vec<Mechanism>,
    /// BLAKE3 (hex) of the files.
    pub digest: String,
}

include!(concat!(env!("OUT_DIR"), "/mechanisms.rs"));

impl Catalogue {
    /// Parses the files.
    ///
    /// # Errors
    /// The first file that does not parse, or whose `id` is not its name.
    pub fn parse(files: &[(&str, &str)]) -> Result<Self, BadMechanism> {
        let mut hasher = blake3::Hasher::new();
        let mut mechanisms = Vec::with_capacity(files.len());
        for (name, text) in files {
            let bad = |problem: String| BadMechanism {
                file: (*name).to_string(),
                problem,
            };
            let mechanism: Mechanism = toml::from_str(text).map_err(|e| bad(e.to_string()))?;
            if format!("{}.toml", mechanism.id) != *name {
                return Err(bad(format!(
                    "its id is {:?}; expected the file's name without .toml",
                    mechanism.id
                )));
            }
            hasher
                .update(name.as_bytes())
                .update(&[0])
                .update(text.as_bytes())
                .update(&[0]);
            mechanisms.push(mechanism);
        }
        mechanisms.sort_by(|a: &Mechanism, b| a.id.cmp(&b.id));
        Ok(Self {
            mechanisms,
            digest: hasher.finalize().to_hex().to_string(),
        })
    }

    /// The mechanism with this id.
    pub fn get(&self, id: &str) -> Option<&Mechanism> {
        self.mechanisms
            .binary_search_by(|m| m.id.as_str().cmp(id))
            .ok()
            .map(|i| &self.mechanisms[i])
    }
}

/// The catalogue that is built in.
pub fn catalogue() -> &'static Catalogue {
    static CATALOGUE: OnceLock<Catalogue> = OnceLock::new();
    CATALOGUE.get_or_init(|| {
        // A test parses every file, so that this cannot fail in a released build.
        Catalogue::parse(FILES).unwrap_or_else(|bad| panic!("built-in catalogue: {bad}"))
    })
}

#[cfg(test)]
mod tests;
