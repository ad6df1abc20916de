//! One round: every rule against the newest numbers.

use std::collections::{BTreeMap, BTreeSet};

use model::{Answer, EntityId, Gap, TimeWindow, Timestamp};

use super::burn;
use super::datapoints::Datapoints;
use super::metric;
use super::parent;
use super::reason;
use super::rules::Rules;
use super::state::{AlarmKey, Standing, State, States, Transition};

/// An alarm of which nothing was heard for so long is forgotten, so that entities that come and go do not
/// pile up: a day, in nanoseconds.
const FORGET: i64 = 24 * 3600 * model::time::SECOND;

/// Evaluates all rules at `now`. Gives how the alarms stand, and what must be told, sorted by (rule, entity); a
/// turn that a suppressor holds back is told once it no longer does. Pure: the same rules, numbers,
/// states and moment give the same.
pub fn evaluate(
    rules: &Rules,
    source: &dyn Datapoints,
    before: &States,
    now: Timestamp,
) -> (States, Vec<Transition>) {
    let mut round = Round {
        now,
        source,
        before,
        after: States::default(),
        told: Vec::new(),
    };
    for alarm in &rules.metrics {
        metric::evaluate(alarm, &mut round);
    }
    for slo in &rules.slos {
        burn::evaluate(slo, &mut round);
    }
    for composite in &rules.composites {
        parent::evaluate(composite, &mut round);
    }
    round.remove_undeclared(rules);
    let mut told = round.told;
    told.sort_by(|a, b| (&a.rule, &a.entity).cmp(&(&b.rule, &b.entity)));
    (round.after, told)
}

/// What one round carries from rule to rule.
pub(super) struct Round<'a> {
    pub now: Timestamp,
    pub source: &'a dyn Datapoints,
    pub before: &'a States,
    pub after: States,
    pub told: Vec<Transition>,
}

/// What a rule says about one of its alarms.
pub(super) struct Finding {
    pub entity: EntityId,
    pub standing: Standing,
    /// The reason and its data, if the state turned.
    pub turned: Option<(String, serde_json::Value)>,
    pub observed: Option<f64>,
    /// When the condition became true in the data, where that is known.
    pub true_at: Option<Timestamp>,
}

impl Round<'_> {
    /// How the rule's alarm stood, or stands from now on.
    pub(super) fn standing(&self, rule: &str, entity: &EntityId) -> Standing {
        let key = AlarmKey {
            rule: rule.to_string(),
            entity: entity.clone(),
        };
        let known = self.before.alarms.get(&key).cloned();
        known.unwrap_or_else(|| Standing::created(self.now))
    }

    /// The entities that the rule had alarms for.
    pub(super) fn known(&self, rule: &str) -> BTreeSet<EntityId> {
        let from = AlarmKey {
            rule: rule.to_string(),
            entity: EntityId::new(""),
        };
        self.before
            .alarms
            .range(from..)
            .take_while(|(key, _)| key.rule == rule)
            .map(|(key, _)| key.entity.clone())
            .collect()
    }

    /// Nothing could be looked at: every alarm of the rule stays as it is. A blind eye is not an absence of data.
    pub(super) fn keep_all(&mut self, rule: &str, gap: Gap) {
        for entity in self.known(rule) {
            let standing = self.standing(rule, &entity);
            self.keep(rule, entity, standing);
        }
        self.after.blind.insert(rule.to_string(), gap);
    }

    /// Writes down how an alarm stands.
    pub(super) fn keep(&mut self, rule: &str, entity: EntityId, standing: Standing) {
        let rule = rule.to_string();
        self.after
            .alarms
            .insert(AlarmKey { rule, entity }, standing);
    }

    /// May an alarm that says nothing be forgotten?
    pub(super) fn forgettable(&self, standing: &Standing) -> bool {
        standing.state != State::Alarm
            && standing.told != State::Alarm
            && self.now.since(standing.heard).0 > FORGET
    }

    /// Alarms whose rules are gone: those that fire end, or an incident would wait for them for ever.
    fn remove_undeclared(&mut self, rules: &Rules) {
        let declared: BTreeSet<&str> = rules.names().into_iter().collect();
        for (key, standing) in &self.before.alarms {
            if declared.contains(key.rule.as_str()) || standing.told != State::Alarm {
                continue;
            }
            let mut ended = standing.clone();
            ended.state = State::Ok;
            ended.reason = reason::REMOVED.to_string();
            self.told.push(Transition::bare(key, &ended, self.now));
        }
    }
}

/// The newest numbers of one read, entity by entity; `Err` if the source could not look.
pub(super) fn numbers(
    round: &Round<'_>,
    read: &super::rules::Read,
    window: TimeWindow,
    period: i64,
) -> Result<BTreeMap<EntityId, Vec<super::datapoints::Datapoint>>, Gap> {
    let answer =
        round
            .source
            .datapoints(&read.selector, &read.statistic, window, model::Span(period));
    match answer {
        Answer::CouldNotLook(gap) => Err(gap),
        Answer::Nothing => Ok(BTreeMap::new()),
        Answer::Found(found) => Ok(found
            .into_iter()
            .filter(|points| read.selector.matches_entity(&points.entity))
            .map(|points| (points.entity, points.points))
            .collect()),
    }
}

/// The last moment of the rhythm that is not after `now`.
pub(super) fn last_tick(now: Timestamp, tick: i64) -> i64 {
    let tick = tick.max(1);
    now.0.div_euclid(tick).saturating_mul(tick)
}
