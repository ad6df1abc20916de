//! Reads the answer to a question that was understood.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use analysis::logs::{Config, Miner};
use model::entity::EntityId;
use model::ports::{ChangeSource, Eyes, LogSource, TopologySource, TraceSource};
use model::query::{Answer, Gap, Query};
use model::telemetry::{Severity, SpanKind};
use serde::{Deserialize, Serialize};

use super::{About, Question};

/// How many lines an answer shows; what is left out is counted.
const SHOWN: usize = 20;

/// One sentence of an answer, and the query by which anyone can look again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// The sentence.
    pub text: String,
    /// What to ask to see it.
    pub query: Query,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// What was understood, restated.
    pub understood: String,
    /// The question as values.
    pub question: Question,
    /// The answer; empty when there is nothing to tell.
    pub lines: Vec<Line>,
    /// Lines that were left out.
    pub more: usize,
    /// What could not be looked at: then an empty answer proves nothing.
    pub gaps: Vec<Gap>,
}

/// Calls that one entity answered.
#[derive(Default)]
struct Calls {
    count: u64,
    failed: u64,
    millis: Vec<f64>,
    /// What the failures said, and how often.
    messages: BTreeMap<String, u64>,
}

/// Looks, and tells. The order of the lines depends on nothing but what was seen.
pub fn answer(question: &Question, eyes: &dyn Eyes) -> Reply {
    let mut gaps = Vec::new();
    let lines = match question.about {
        About::Changes => changes(question, eyes, &mut gaps),
        About::Health => calls(question, eyes, &mut gaps, Telling::Health),
        About::Errors => calls(question, eyes, &mut gaps, Telling::Errors),
        About::Latency => calls(question, eyes, &mut gaps, Telling::Latency),
        About::Logs => logs(question, eyes, &mut gaps),
        About::Dependencies => neighbours(question, eyes, &mut gaps, true),
        About::Dependents => neighbours(question, eyes, &mut gaps, false),
    };
    let more = lines.len().saturating_sub(SHOWN);
    Reply {
        understood: question.to_string(),
        question: question.clone(),
        lines: lines.into_iter().take(SHOWN).collect(),
        more,
        gaps,
    }
}

fn found<T>(answer: Answer<T>, gaps: &mut Vec<Gap>) -> Option<T> {
    match answer {
        Answer::Found(value) => Some(value),
        Answer::Nothing => None,
        Answer::CouldNotLook(gap) => {
            gaps.push(gap);
            None
        }
    }
}

fn changes(question: &Question, eyes: &dyn Eyes, gaps: &mut Vec<Gap>) -> Vec<Line> {
    let all = found(ChangeSource::changes(eyes, question.window), gaps).unwrap_or_default();
    let mut seen: Vec<_> = all
        .into_iter()
        .filter(|c| {
            question
                .entity
                .as_ref()
                .is_none_or(|e| c.entities.contains(e))
        })
        .collect();
    // Newest first: that is what people ask for.
    seen.sort_by(|a, b| (b.start, &b.id).cmp(&(a.start, &a.id)));
    seen.into_iter()
        .map(|change| {
            let by = if change.actor.is_empty() {
                String::new()
            } else {
                format!(", by {}", change.actor)
            };
            let undone = change
                .undone
                .map_or(String::new(), |at| format!(", undone {}", at.clock()));
            let on: Vec<&str> = change.entities.iter().map(EntityId::as_str).collect();
            Line {
                text: format!(
                    "{} {} on {}: {}{by}{undone}",
                    change.start,
                    change.kind.word(),
                    if on.is_empty() {
                        "nobody named".to_string()
                    } else {
                        on.join(", ")
                    },
                    change.title
                ),
                query: Query::Change { id: change.id },
            }
        })
        .collect()
}

enum Telling {
    Health,
    Errors,
    Latency,
}

fn calls(question: &Question, eyes: &dyn Eyes, gaps: &mut Vec<Gap>, telling: Telling) -> Vec<Line> {
    let mut by_entity: BTreeMap<EntityId, Calls> = BTreeMap::new();
    let looked = TraceSource::scan(eyes, question.window, &mut |span| {
        let answers = matches!(span.kind, SpanKind::Server | SpanKind::Consumer);
        if answers && question.entity.as_ref().is_none_or(|e| e == span.entity) {
            let calls = by_entity.entry(span.entity.clone()).or_default();
            calls.count += 1;
            calls
                .millis
                .push(span.end.since(span.start).as_seconds() * 1000.0);
            if span.error {
                calls.failed += 1;
                let said: String = span.message.chars().take(160).collect();
                *calls.messages.entry(said).or_default() += 1;
            }
        }
        ControlFlow::Continue(())
    });
    found(looked, gaps);
    let mut told: Vec<(f64, Line)> = by_entity
        .into_iter()
        .filter_map(|(entity, mut calls)| {
            calls.millis.sort_by(f64::total_cmp);
            let at = |share: f64| {
                let last = calls.millis.len().saturating_sub(1);
                let index = (share * last as f64).round() as usize;
                calls.millis.get(index.min(last)).copied().unwrap_or(0.0)
            };
            let share = calls.failed as f64 / calls.count.max(1) as f64;
            let (order, text) = match telling {
                Telling::Health => (
                    share,
                    format!(
                        "{entity}: {} calls, {:.2}% failed, half within {:.0} ms, 95% within {:.0} ms",
                        calls.count,
                        share * 100.0,
                        at(0.5),
                        at(0.95)
                    ),
                ),
                Telling::Latency => (
                    at(0.95),
                    format!(
                        "{entity}: half within {:.0} ms, 95% within {:.0} ms, slowest {:.0} ms, of {} calls",
                        at(0.5),
                        at(0.95),
                        at(1.0),
                        calls.count
                    ),
                ),
                Telling::Errors => {
                    if calls.failed == 0 {
                        return None;
                    }
                    let most = calls
                        .messages
                        .iter()
                        .filter(|(said, _)| !said.is_empty())
                        .max_by(|a, b| a.1.cmp(b.1).then_with(|| b.0.cmp(a.0)));
                    let most = most.map_or(String::new(), |(said, n)| format!("; {n} times: {said}"));
                    (
                        calls.failed as f64,
                        format!("{entity}: {} of {} calls failed{most}", calls.failed, calls.count),
                    )
                }
            };
            let query = Query::Traces {
                entity,
                caller: None,
                operation: String::new(),
                window: question.window,
            };
            Some((order, Line { text, query }))
        })
        .collect();
    told.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.text.cmp(&b.1.text)));
    told.into_iter().map(|(_, line)| line).collect()
}

fn logs(question: &Question, eyes: &dyn Eyes, gaps: &mut Vec<Gap>) -> Vec<Line> {
    let mut miner = Miner::new(Config::default());
    let mut rows: Vec<(analysis::logs::TemplateId, Option<Severity>)> = Vec::new();
    let looked = LogSource::scan(
        eyes,
        question.entity.as_ref(),
        question.window,
        &mut |line| {
            rows.push((miner.insert(line.body.as_bytes()), line.severity));
            ControlFlow::Continue(())
        },
    );
    found(looked, gaps);
    miner.merge();
    let mut counted: BTreeMap<u32, (u64, Option<Severity>)> = BTreeMap::new();
    for (id, severity) in rows {
        let entry = counted.entry(miner.resolve(id).0).or_default();
        entry.0 += 1;
        entry.1 = entry.1.max(severity);
    }
    let mut told: Vec<(Option<Severity>, u64, String)> = counted
        .into_iter()
        .filter_map(|(id, (count, severity))| {
            let text = miner.template(analysis::logs::TemplateId(id))?.text;
            Some((severity, count, text))
        })
        .collect();
    // The worst first, then the most frequent.
    told.sort_by(|a, b| (b.0, b.1).cmp(&(a.0, a.1)).then_with(|| a.2.cmp(&b.2)));
    told.into_iter()
        .map(|(severity, count, text)| Line {
            text: format!(
                "{count} x {}{}",
                severity.map_or(String::new(), |s| format!(
                    "{} ",
                    format!("{s:?}").to_uppercase()
                )),
                text.chars().take(200).collect::<String>()
            ),
            query: Query::Logs {
                entity: question.entity.clone(),
                pattern: text,
                window: question.window,
            },
        })
        .collect()
}

fn neighbours(question: &Question, eyes: &dyn Eyes, gaps: &mut Vec<Gap>, below: bool) -> Vec<Line> {
    let Some(entity) = &question.entity else {
        return Vec::new();
    };
    let topology = found(TopologySource::topology(eyes, question.window), gaps).unwrap_or_default();
    topology
        .edges
        .iter()
        .filter(|edge| {
            if below {
                edge.from == *entity
            } else {
                edge.to == *entity
            }
        })
        .map(|edge| Line {
            text: format!(
                "{} {} {}{}",
                edge.from,
                format!("{:?}", edge.kind).to_lowercase(),
                edge.to,
                if edge.seen_in.is_empty() {
                    String::new()
                } else {
                    format!(" (seen in {})", edge.seen_in)
                }
            ),
            query: Query::Topology {
                entity: entity.clone(),
            },
        })
        .collect()
}
