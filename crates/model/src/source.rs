//! What sources were asked in their own words, and what that cost: so that anyone can ask them again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::entity::EntityId;
use crate::evidence::SourceKind;
use crate::query::Query;

/// What a look cost one source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Spent {
    /// Requests that were sent, those that were sent again included.
    pub requests: u64,
    /// Requests that were sent again.
    pub retries: u64,
    /// Bytes of answers.
    pub bytes: u64,
    /// What that costs by the price list, in millionths of a US dollar; 0 where asking costs nothing.
    #[serde(skip_serializing_if = "is_free")]
    pub micro_usd: u64,
}

fn is_free(price: &u64) -> bool {
    *price == 0
}

/// One question in the source's own language, and which of our series or lines it brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// What it brought: numbers, lines or spans.
    pub kind: SourceKind,
    /// Whose; `None` for everyone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<EntityId>,
    /// The metric as our rows name it; empty for lines.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub metric: String,
    /// The statistic as our rows name it; empty for none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub statistic: String,
    /// The question, ready to be copied.
    pub text: String,
}

/// What one source brought to a case.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceLook {
    /// The source, as the configuration names it: `prometheus.main`.
    pub name: String,
    /// The language of its questions: `PromQL`, `LogQL`, `TraceQL`.
    pub language: String,
    /// Where it is asked.
    pub address: String,
    /// Milliseconds between the points that it was asked for; 0 where it has none.
    #[serde(default, skip_serializing_if = "is_none")]
    pub step_ms: i64,
    /// What the look cost it.
    #[serde(default)]
    pub spent: Spent,
    /// What it was asked; sorted by (entity, metric, statistic, text).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asked: Vec<Asked>,
}

fn is_none(number: &i64) -> bool {
    *number == 0
}

impl SourceLook {
    /// The question that brings what `query` is about, in the source's own words; `None` if it brought nothing of
    /// that.
    pub fn answers(&self, query: &Query) -> Option<&Asked> {
        self.asked.iter().find(|asked| match query {
            Query::Metric {
                entity,
                metric,
                statistic,
                ..
            } => {
                asked.kind == SourceKind::Metrics
                    && asked.entity.as_ref() == Some(entity)
                    && asked.metric == *metric
                    && asked.statistic == *statistic
            }
            Query::Logs { entity, .. } => asked.kind == SourceKind::Logs && asked.entity == *entity,
            Query::Traces { entity, .. } => {
                let whose = asked.entity.as_ref();
                asked.kind == SourceKind::Traces && whose.is_none_or(|whose| whose == entity)
            }
            _ => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{TimeWindow, Timestamp};

    #[test]
    fn a_question_is_found_by_what_it_brought() {
        let asked = |metric: &str, text: &str| Asked {
            kind: SourceKind::Metrics,
            entity: Some(EntityId::from("service/a")),
            metric: metric.to_string(),
            statistic: String::new(),
            text: text.to_string(),
        };
        let look = SourceLook {
            asked: vec![asked("depth", "depth{}"), asked("wait", "wait{}")],
            ..SourceLook::default()
        };
        let query = |entity: &str, metric: &str| Query::Metric {
            entity: EntityId::from(entity),
            metric: metric.to_string(),
            statistic: String::new(),
            window: TimeWindow::new(Timestamp(0), Timestamp(1)).unwrap(),
        };
        let text = |query: Query| look.answers(&query).map(|asked| asked.text.as_str());
        assert_eq!(text(query("service/a", "wait")), Some("wait{}"));
        assert_eq!(text(query("service/b", "wait")), None);
        assert_eq!(text(query("service/a", "other")), None);
        let json = serde_json::to_string(&look).unwrap();
        assert_eq!(serde_json::from_str::<SourceLook>(&json).unwrap(), look);
    }
}
