//! Composite alarms: the states of their children, and the holding back of their actions.

use std::collections::BTreeMap;

use model::EntityId;
use serde_json::json;

use super::calendar::long;
use super::evaluate::Round;
use super::rules::{CompositeAlarm, rule_of};
use super::state::{State, Transition};
use super::suppress;

/// How a child stands in this round: `rule@entity`, or a rule's worst.
fn state_of(round: &Round<'_>, child: &str) -> State {
    match child.split_once('@') {
        Some((rule, entity)) => round
            .after
            .of(rule, &EntityId::from(entity))
            .unwrap_or_default(),
        None => round.after.of_rule(child),
    }
}

pub(super) fn evaluate(alarm: &CompositeAlarm, round: &mut Round<'_>) {
    let rule = &alarm.rule;
    let own = EntityId::from(rule.entity.as_deref().unwrap_or(""));
    let mut standing = round.standing(&rule.name, &own);
    let children: BTreeMap<String, State> = alarm
        .composite
        .children()
        .iter()
        .map(|child| (child.clone(), state_of(round, child)))
        .collect();
    let changed: Vec<String> = children
        .iter()
        .filter(|(child, state)| standing.children.get(*child) != Some(state))
        .map(|(child, _)| child.clone())
        .collect();
    // A state set by hand stands until a child turns.
    let kept = standing.forced && changed.is_empty();
    let holds = alarm
        .composite
        .holds(&|child| children.get(child).copied().unwrap_or_default());
    let to = match (kept, holds) {
        (true, _) => standing.state,
        (false, true) => State::Alarm,
        (false, false) => State::Ok,
    };
    let turned = to != standing.state;
    standing.forced = kept;
    standing.heard = round.now;
    if to != standing.state {
        standing.state = to;
        standing.since = round.now;
        standing.reason = match changed.first() {
            Some(child) => format!(
                "{child} transitioned to {} at {}",
                children.get(child).copied().unwrap_or_default(),
                long(round.now)
            ),
            None => format!(
                "The rule is {} at {}",
                if holds { "true" } else { "false" },
                long(round.now)
            ),
        };
        let triggering: Vec<_> = changed
            .iter()
            .map(|child| {
                let state = children.get(child).copied().unwrap_or_default();
                json!({"arn": child, "state": {"value": state.word(), "timestamp": long(round.now)}})
            })
            .collect();
        standing.data = json!({"triggeringAlarms": triggering});
        if to == State::Alarm {
            standing.about = changed.iter().find_map(|child| about(round, child));
        }
    }
    standing.children = children;
    let acts = match &rule.suppressor {
        None => {
            standing.hold = None;
            standing.suppressed = false;
            turned
        }
        Some(suppressor) => {
            let is = state_of(round, suppressor) == State::Alarm;
            let was = std::mem::replace(&mut standing.suppressed, is);
            let (acts, hold) =
                suppress::step(standing.hold, alarm.patience, (was, is), turned, round.now);
            standing.hold = hold;
            acts
        }
    };
    if acts {
        let entity = if own.as_str().is_empty() {
            standing.about.clone().unwrap_or_else(|| own.clone())
        } else {
            own.clone()
        };
        round.told.push(Transition {
            rule: rule.name.clone(),
            entity,
            from: standing.told,
            to,
            at: round.now,
            true_at: None,
            reason: standing.reason.clone(),
            data: standing.data.clone(),
            description: rule.description.clone(),
            severity: rule.severity,
            metric: String::new(),
            statistic: String::new(),
            threshold: None,
            observed: None,
            labels: rule.labels.clone(),
        });
        standing.labels.clone_from(&rule.labels);
        standing.told = to;
    }
    round.keep(&rule.name, own, standing);
}

/// The entity behind a child: the one it names, or the first of its rule that is in ALARM, or any.
fn about(round: &Round<'_>, child: &str) -> Option<EntityId> {
    if let Some((_, entity)) = child.split_once('@') {
        return Some(EntityId::from(entity));
    }
    let rule = rule_of(child);
    let of_rule = || {
        round
            .after
            .alarms
            .iter()
            .filter(|(key, _)| key.rule == rule)
    };
    let found = of_rule()
        .find(|(_, standing)| standing.state == State::Alarm)
        .or_else(|| of_rule().next());
    found.map(|(key, standing)| standing.about.clone().unwrap_or_else(|| key.entity.clone()))
}
