//! A policy document as typed values: read strictly, and written back.
//!
//! The grammar is that of the IAM User Guide, "Grammar of the IAM JSON policy language". What the service
//! refuses to save is an error here too, with the place in the document and what was expected there.

use serde_json::{Map, Value, json};

use super::condition::Operator;
use super::json::Json;
use super::principal::{Principal, Principals};

/// The longest document that is read, in bytes: six times what any policy may be (a vault's 20 kB).
pub const LONGEST: usize = 128 * 1024;

/// A policy that cannot be read: where, what is there, what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {found}; expected {expected}")]
pub struct PolicyError {
    /// Where in the document: `Statement[1].Condition.StringLike`, or line and column.
    pub place: String,
    /// What is there.
    pub found: String,
    /// What was expected there.
    pub expected: String,
}

impl PolicyError {
    pub(super) fn new(
        place: impl Into<String>,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self {
            place: place.into(),
            found: found.into(),
            expected: expected.into(),
        }
    }
}

/// Which grammar a document is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// `2008-10-17`, and documents that do not say: `${...}` is plain text.
    #[default]
    V2008,
    /// `2012-10-17`: `${...}` is a variable.
    V2012,
}

/// What a statement does when it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It gives the right.
    Allow,
    /// It takes the right, whatever else gives it.
    Deny,
}

/// `Action` and `Resource`, or `NotAction` and `NotResource`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patterns {
    /// Matches what none of the patterns does.
    pub not: bool,
    /// As written, with wildcards and variables; at least one.
    pub patterns: Vec<String>,
}

/// One line of a condition block: one operator, one key, its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// How key and values are compared.
    pub operator: Operator,
    /// The context key as written; keys are compared without regard to case.
    pub key: String,
    /// Any of these will do, or for a negated operator: none of them may.
    pub values: Vec<String>,
}

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Its name, where it has one.
    pub sid: Option<String>,
    /// What it does.
    pub effect: Effect,
    /// Whom it is about; none in policies that belong to whoever calls.
    pub principals: Option<Principals>,
    /// Which calls.
    pub actions: Patterns,
    /// On what; none in trust policies, which are about the role that they belong to.
    pub resources: Option<Patterns>,
    /// All of them must hold.
    pub conditions: Vec<Condition>,
}

/// A policy document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Which grammar.
    pub version: Version,
    /// Its name, where it has one.
    pub id: Option<String>,
    /// In the order in which they were written.
    pub statements: Vec<Statement>,
}

impl Policy {
    /// Reads a document.
    ///
    /// # Errors
    /// What is not JSON, not the grammar, or longer than [`LONGEST`].
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        if text.len() > LONGEST {
            return Err(PolicyError::new(
                "the document",
                format!("{} bytes", text.len()),
                format!("at most {LONGEST}; the service saves none that long"),
            ));
        }
        let json: Json = serde_json::from_str(text).map_err(|error| {
            PolicyError::new(
                format!("line {}, column {}", error.line(), error.column()),
                error.to_string(),
                "a policy document in JSON, without a key twice",
            )
        })?;
        read(&json)
    }

    /// The document in the grammar's own words.
    pub fn to_json(&self) -> Value {
        let mut out = Map::new();
        let version = match self.version {
            Version::V2008 => "2008-10-17",
            Version::V2012 => "2012-10-17",
        };
        out.insert("Version".into(), version.into());
        if let Some(id) = &self.id {
            out.insert("Id".into(), id.as_str().into());
        }
        let statements: Vec<Value> = self.statements.iter().map(written).collect();
        out.insert("Statement".into(), statements.into());
        Value::Object(out)
    }
}

fn written(statement: &Statement) -> Value {
    let mut out = Map::new();
    if let Some(sid) = &statement.sid {
        out.insert("Sid".into(), sid.as_str().into());
    }
    let effect = match statement.effect {
        Effect::Allow => "Allow",
        Effect::Deny => "Deny",
    };
    out.insert("Effect".into(), effect.into());
    if let Some(principals) = &statement.principals {
        let name = if principals.not {
            "NotPrincipal"
        } else {
            "Principal"
        };
        out.insert(name.into(), principals.to_json());
    }
    let mut patterns = |name: &str, of: &Patterns| {
        let name = if of.not {
            format!("Not{name}")
        } else {
            name.to_string()
        };
        out.insert(name, json!(of.patterns));
    };
    patterns("Action", &statement.actions);
    if let Some(resources) = &statement.resources {
        patterns("Resource", resources);
    }
    if !statement.conditions.is_empty() {
        let mut block = Map::new();
        for condition in &statement.conditions {
            let operator = block
                .entry(condition.operator.text.clone())
                .or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(keys) = operator {
                keys.insert(condition.key.clone(), json!(condition.values));
            }
        }
        out.insert("Condition".into(), Value::Object(block));
    }
    Value::Object(out)
}

/// Reads a document that is parsed already.
pub(super) fn read(json: &Json) -> Result<Policy, PolicyError> {
    let Json::Object(fields) = json else {
        return Err(PolicyError::new(
            "the document",
            json.sort(),
            "an object with `Version` and `Statement`",
        ));
    };
    let (mut version, mut id, mut statements) = (Version::V2008, None, None);
    for (key, value) in fields {
        match key.as_str() {
            "Version" => {
                version = match value {
                    Json::Text(text) if text == "2012-10-17" => Version::V2012,
                    Json::Text(text) if text == "2008-10-17" => Version::V2008,
                    other => {
                        return Err(PolicyError::new(
                            "Version",
                            shown(other),
                            "\"2012-10-17\" or \"2008-10-17\"",
                        ));
                    }
                };
            }
            "Id" => id = Some(text("Id", value)?),
            "Statement" => {
                statements = Some(match value {
                    Json::List(list) => list
                        .iter()
                        .enumerate()
                        .map(|(n, one)| statement(&format!("Statement[{n}]"), one))
                        .collect::<Result<Vec<_>, _>>()?,
                    one => vec![statement("Statement", one)?],
                });
            }
            other => {
                return Err(PolicyError::new(
                    "the document",
                    format!("the key {other:?}"),
                    "`Version`, `Id` and `Statement` only",
                ));
            }
        }
    }
    let statements = statements.ok_or_else(|| {
        PolicyError::new("the document", "no `Statement`", "at least one statement")
    })?;
    Ok(Policy {
        version,
        id,
        statements,
    })
}

fn statement(place: &str, json: &Json) -> Result<Statement, PolicyError> {
    let Json::Object(fields) = json else {
        return Err(PolicyError::new(
            place,
            json.sort(),
            "a statement: an object",
        ));
    };
    let (mut sid, mut effect, mut principals) = (None, None, None);
    let (mut actions, mut resources, mut conditions) = (None, None, Vec::new());
    let twice = |key: &str, there: bool| {
        if there {
            let expected = format!("either `{key}` or `Not{key}`");
            return Err(PolicyError::new(
                place,
                format!("both `{key}` and `Not{key}`"),
                expected,
            ));
        }
        Ok(())
    };
    for (key, value) in fields {
        let at = format!("{place}.{key}");
        match key.as_str() {
            "Sid" => sid = Some(text(&at, value)?),
            "Effect" => {
                effect = Some(match value {
                    Json::Text(text) if text == "Allow" => Effect::Allow,
                    Json::Text(text) if text == "Deny" => Effect::Deny,
                    other => {
                        return Err(PolicyError::new(at, shown(other), "\"Allow\" or \"Deny\""));
                    }
                });
            }
            "Principal" | "NotPrincipal" => {
                twice("Principal", principals.is_some())?;
                principals = Some(whom(&at, value, key == "NotPrincipal")?);
            }
            "Action" | "NotAction" => {
                twice("Action", actions.is_some())?;
                let patterns = texts(&at, value)?;
                if let Some(bad) = patterns.iter().find(|p| *p != "*" && !p.contains(':')) {
                    return Err(PolicyError::new(
                        at,
                        format!("{bad:?}"),
                        "`*`, or a service and a call such as `s3:GetObject`",
                    ));
                }
                actions = Some(Patterns {
                    not: key == "NotAction",
                    patterns,
                });
            }
            "Resource" | "NotResource" => {
                twice("Resource", resources.is_some())?;
                let patterns = texts(&at, value)?;
                resources = Some(Patterns {
                    not: key == "NotResource",
                    patterns,
                });
            }
            "Condition" => conditions = block(&at, value)?,
            other => {
                return Err(PolicyError::new(
                    place,
                    format!("the key {other:?}"),
                    "`Sid`, `Effect`, `Principal`, `Action`, `Resource`, `Condition`, or one with `Not`",
                ));
            }
        }
    }
    let wants = |what: &str| PolicyError::new(place, format!("no `{what}`"), format!("`{what}`"));
    Ok(Statement {
        sid,
        effect: effect.ok_or_else(|| wants("Effect"))?,
        principals,
        actions: actions.ok_or_else(|| wants("Action"))?,
        resources,
        conditions,
    })
}

fn whom(place: &str, json: &Json, not: bool) -> Result<Principals, PolicyError> {
    let mut listed = Vec::new();
    match json {
        Json::Text(text) if text == "*" => listed.push(Principal::Everyone),
        Json::Object(kinds) if !kinds.is_empty() => {
            for (kind, values) in kinds {
                let at = format!("{place}.{kind}");
                for value in texts(&at, values)? {
                    listed.push(Principal::read(&at, kind, value)?);
                }
            }
        }
        other => {
            return Err(PolicyError::new(
                place,
                shown(other),
                "\"*\", or an object with `AWS`, `Service`, `Federated` or `CanonicalUser`",
            ));
        }
    }
    Ok(Principals { not, listed })
}

fn block(place: &str, json: &Json) -> Result<Vec<Condition>, PolicyError> {
    let mut conditions = Vec::new();
    let Json::Object(operators) = json else {
        return Err(PolicyError::new(
            place,
            json.sort(),
            "an object of operators",
        ));
    };
    for (operator, keys) in operators {
        let at = format!("{place}.{operator}");
        let Json::Object(keys) = keys else {
            return Err(PolicyError::new(
                at,
                keys.sort(),
                "an object of context keys",
            ));
        };
        for (key, values) in keys {
            let values = match values {
                Json::List(list) => list
                    .iter()
                    .map(|value| scalar(&format!("{at}.{key}"), value))
                    .collect::<Result<Vec<_>, _>>()?,
                one => vec![scalar(&format!("{at}.{key}"), one)?],
            };
            conditions.push(Condition {
                operator: Operator::read(operator),
                key: key.clone(),
                values,
            });
        }
    }
    Ok(conditions)
}

fn scalar(place: &str, json: &Json) -> Result<String, PolicyError> {
    match json {
        Json::Text(text) | Json::Number(text) => Ok(text.clone()),
        Json::Bool(value) => Ok(value.to_string()),
        other => Err(PolicyError::new(
            place,
            other.sort(),
            "a text, a number or a truth value",
        )),
    }
}

fn text(place: &str, json: &Json) -> Result<String, PolicyError> {
    match json {
        Json::Text(text) => Ok(text.clone()),
        other => Err(PolicyError::new(place, other.sort(), "a text")),
    }
}

fn texts(place: &str, json: &Json) -> Result<Vec<String>, PolicyError> {
    let list = match json {
        Json::List(list) => list
            .iter()
            .map(|one| text(place, one))
            .collect::<Result<Vec<_>, _>>()?,
        one => vec![text(place, one)?],
    };
    if list.is_empty() {
        return Err(PolicyError::new(
            place,
            "an empty list",
            "at least one text",
        ));
    }
    Ok(list)
}

fn shown(json: &Json) -> String {
    match json {
        Json::Text(text) => format!("{:?}", text.chars().take(80).collect::<String>()),
        other => other.sort().to_string(),
    }
}
