//! What the tools take. Whatever is not named here is refused.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::mcp::door::Unreached;
use crate::mcp::part;

/// Which incidents.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Those that are closed, too?
    #[serde(default)]
    pub all: bool,
    /// `next` of the part before; without it the first part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub cursor: Option<String>,
    /// Items in one part, from 1 to 50; 20 if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u32", range(min = 1, max = 50))]
    pub limit: Option<u32>,
}

impl Which {
    /// As it follows the question mark.
    pub fn query(&self) -> String {
        format!(
            "{}&all={}",
            listed(self.limit, self.cursor.as_deref()),
            self.all
        )
    }
}

/// As it follows the question mark.
fn listed(limit: Option<u32>, cursor: Option<&str>) -> String {
    let limit = limit.unwrap_or(20).clamp(1, 50);
    let cursor = cursor.map_or_else(String::new, |cursor| format!("&cursor={}", part(cursor)));
    format!("limit={limit}{cursor}")
}

/// Which part of a list.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// `next` of the part before; without it the first part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub cursor: Option<String>,
    /// Items in one part, from 1 to 50; 20 if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u32", range(min = 1, max = 50))]
    pub limit: Option<u32>,
}

impl List {
    /// As it follows the question mark.
    pub fn query(&self) -> String {
        listed(self.limit, self.cursor.as_deref())
    }
}

/// One incident.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// Its whole name, such as `inc-20260618-150612-3f9a1c`.
    pub incident: String,
}

/// Whose report: one of the three.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReportOf {
    /// An incident's whole name.
    #[schemars(with = "String")]
    pub incident: Option<String>,
    /// A recording's name.
    #[schemars(with = "String")]
    pub recording: Option<String>,
    /// An investigation's number.
    #[schemars(with = "u64")]
    pub investigation: Option<u64>,
}

impl ReportOf {
    /// Where it is in the API, below that space.
    ///
    /// # Errors
    /// If none or several are named.
    pub fn place(&self, space: &str) -> Result<String, Unreached> {
        match (&self.incident, &self.recording, self.investigation) {
            (Some(id), None, None) => Ok(format!("{space}/incidents/{}", part(id))),
            (None, Some(name), None) => Ok(format!("{space}/recordings/{}", part(name))),
            (None, None, Some(number)) => Ok(format!("{space}/investigations/{number}")),
            _ => Err(Unreached::Senseless(
                "give one of `incident`, `recording` and `investigation`".to_string(),
            )),
        }
    }
}

/// What is to be investigated: one of the two.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Subject {
    /// An incident's whole name.
    #[schemars(with = "String")]
    pub incident: Option<String>,
    /// A recording's name.
    #[schemars(with = "String")]
    pub recording: Option<String>,
}

impl Subject {
    /// Where it is in the API, below that space.
    ///
    /// # Errors
    /// If none or several are named.
    pub fn place(&self, space: &str) -> Result<String, Unreached> {
        match (&self.incident, &self.recording) {
            (Some(id), None) => Ok(format!("{space}/incidents/{}", part(id))),
            (None, Some(name)) => Ok(format!("{space}/recordings/{}", part(name))),
            _ => Err(Unreached::Senseless(
                "give one of `incident` and `recording`".to_string(),
            )),
        }
    }
}

/// One observation.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EvidenceOf {
    /// The incident's whole name.
    pub incident: String,
    /// The observation, such as `E3`.
    pub evidence: String,
}

/// A question.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// In words.
    #[schemars(length(max = 1000))]
    pub question: String,
}

/// One investigation.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Numbered {
    /// Its number.
    pub investigation: u64,
}
