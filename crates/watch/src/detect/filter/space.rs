//! `[ip, user, ..., status = 5* || status = 404, bytes > 1000]`

use super::condition::{Condition, OPERATORS, number};

/// Most fields that a pattern may name.
const MOST_FIELDS: usize = 100;

#[derive(Clone, Debug)]
pub(super) struct Space {
    fields: Vec<Field>,
}

#[derive(Clone, Debug)]
enum Field {
    /// Any number of fields without a name.
    Ellipsis,
    Named {
        name: String,
        /// Any of these, each a list of which all must hold; empty for no condition.
        any: Vec<Vec<Condition>>,
    },
}

impl Space {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let inner = text
            .strip_prefix('[')
            .and_then(|t| t.strip_suffix(']'))
            .ok_or("a pattern of fields stands between [ and ]")?;
        let mut fields = Vec::new();
        for written in inner.split(',') {
            let written = written.trim();
            fields.push(if written == "..." {
                Field::Ellipsis
            } else {
                named(written)?
            });
        }
        if fields.len() > MOST_FIELDS {
            return Err(format!("a pattern has at most {MOST_FIELDS} fields"));
        }
        if fields
            .iter()
            .filter(|f| matches!(f, Field::Ellipsis))
            .count()
            > 1
        {
            return Err("at most one ... may stand in a pattern".to_string());
        }
        Ok(Self { fields })
    }

    /// The named fields of a line that matches.
    pub(super) fn fields(&self, line: &str) -> Option<Vec<(String, String)>> {
        let parts = split(line);
        let named = self.fields.len()
            - self
                .fields
                .iter()
                .filter(|f| matches!(f, Field::Ellipsis))
                .count();
        let spare = parts.len().checked_sub(named)?;
        if spare > 0 && named == self.fields.len() {
            return None;
        }
        let mut parts = parts.into_iter();
        let mut found = Vec::with_capacity(named);
        for field in &self.fields {
            match field {
                Field::Ellipsis => {
                    parts.by_ref().take(spare).for_each(drop);
                }
                Field::Named { name, any } => {
                    let part = parts.next()?;
                    let value = number(part);
                    let holds = any.is_empty()
                        || any
                            .iter()
                            .any(|all| all.iter().all(|c| c.holds(part, value)));
                    if !holds {
                        return None;
                    }
                    found.push((name.clone(), part.to_string()));
                }
            }
        }
        Some(found)
    }
}

fn named(written: &str) -> Result<Field, String> {
    let end = written
        .find(|c: char| !(c.is_alphanumeric() || c == '_'))
        .unwrap_or(written.len());
    let name = written.get(..end).unwrap_or("");
    if name.is_empty() {
        return Err(format!(
            "{written:?} does not begin with the name of a field"
        ));
    }
    let mut any = Vec::new();
    let rest = written.get(end..).unwrap_or("").trim();
    if rest.is_empty() {
        return Ok(Field::Named {
            name: name.to_string(),
            any,
        });
    }
    for (i, alternative) in written.split("||").enumerate() {
        let mut all = Vec::new();
        for (j, clause) in alternative.split("&&").enumerate() {
            let clause = clause.trim();
            // Every clause names the field again.
            let condition = clause.strip_prefix(name).ok_or_else(|| {
                format!(
                    "clause {} of field {name} names another field: {clause:?}",
                    i + j + 1
                )
            })?;
            let condition = condition.trim_start();
            let (operator, value) = OPERATORS
                .into_iter()
                .find_map(|(sign, operator)| Some((operator, condition.strip_prefix(sign)?)))
                .ok_or_else(|| format!("{clause:?}: =, !=, <, <=, > or >= stands after {name}"))?;
            let value = value.trim();
            let bare = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
            all.push(Condition::new(
                operator,
                bare.unwrap_or(value),
                bare.is_some(),
            )?);
        }
        any.push(all);
    }
    Ok(Field::Named {
        name: name.to_string(),
        any,
    })
}

/// The fields of a line; what stands between quotation marks or brackets is one.
fn split(line: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        let close = match first {
            '"' => Some('"'),
            '[' => Some(']'),
            _ => None,
        };
        let enclosed = close.and_then(|close| rest.get(1..)?.split_once(close));
        let (part, after) = enclosed
            .unwrap_or_else(|| rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len())));
        parts.push(part);
        rest = after.trim_start();
    }
    parts
}
