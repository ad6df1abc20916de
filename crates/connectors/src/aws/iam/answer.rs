//! What the evaluator says, and why.

use std::fmt;

use serde::Serialize;

use super::policies::Layer;

/// May the call be made?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Verdict {
    /// It may.
    Allowed,
    /// A statement denies it.
    ExplicitlyDenied,
    /// Nothing allows it where something has to.
    ImplicitlyDenied,
    /// It depends on what is not known ([`Answer::missing`]).
    Unknown,
}

impl Verdict {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::ExplicitlyDenied => "denied: a statement forbids it",
            Self::ImplicitlyDenied => "denied: nothing allows it where something has to",
            Self::Unknown => "not known",
        }
    }
}

/// Where a statement stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// What the policy is attached to.
    pub layer: Layer,
    /// Of an organization: which of its levels; otherwise empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub level: String,
    /// The policy's name.
    pub policy: String,
    /// Which statement; the first is 1.
    pub statement: usize,
    /// The statement's own name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// What it says, in one line: `Deny s3:* on *`.
    pub says: String,
}

impl Place {
    /// Where it stands, without what it says: `identity policy "write", statement 2 (Table)`.
    pub fn short(&self) -> String {
        let mut out = format!("{} {:?}", self.layer.words(), self.policy);
        if !self.level.is_empty() {
            out.push_str(&format!(" of {}", self.level));
        }
        out.push_str(&format!(", statement {}", self.statement));
        if let Some(sid) = &self.sid {
            out.push_str(&format!(" ({sid})"));
        }
        out
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.short(), self.says)
    }
}

/// What one kind of policies says to the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stance {
    /// It allows it.
    Allows,
    /// It denies it.
    Denies,
    /// It says nothing to it.
    Silent,
    /// It cannot be told.
    Unknown,
    /// Such policies do not reach this caller or resource.
    Exempt,
}

/// What one kind of policies says to the call, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which kind.
    pub layer: Layer,
    /// What it says.
    pub stance: Stance,
    /// Of an organization: the level that decides; otherwise empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub level: String,
    /// The first statement that says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// A statement that would have allowed the call, but for this.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Near {
    /// Where it stands.
    pub place: Place,
    /// What does not fit.
    pub but: Vec<String>,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// May the call be made?
    pub verdict: Verdict,
    /// Who, in the words of the request.
    pub principal: String,
    /// Which call.
    pub action: String,
    /// On what.
    pub resource: String,
    /// The statements that decide: those that deny, or those that allow.
    pub decided_by: Vec<Place>,
    /// Kinds of policies that would have to allow the call and do not.
    pub lacking: Vec<Layer>,
    /// What would have to be known.
    pub missing: Vec<String>,
    /// What each kind says.
    pub findings: Vec<Finding>,
    /// Statements of the lacking kinds that nearly allow it.
    pub nearest: Vec<Near>,
    /// What was taken for granted.
    pub assumed: Vec<String>,
}

impl Answer {
    /// The answer in one sentence, without a full stop.
    pub fn sentence(&self) -> String {
        match self.verdict {
            Verdict::Allowed => "the call is allowed".to_string(),
            Verdict::ExplicitlyDenied => match self.decided_by.first() {
                Some(place) => format!("the call is denied by {place}"),
                None => "the call is denied by a statement".to_string(),
            },
            Verdict::ImplicitlyDenied => {
                let lacking: Vec<&str> = self.lacking.iter().map(|layer| layer.words()).collect();
                format!(
                    "the call is denied because no {} allows it",
                    lacking.join(" and no ")
                )
            }
            Verdict::Unknown => format!(
                "it cannot be told without: {}",
                super::statement::few(&self.missing)
            ),
        }
    }
}
