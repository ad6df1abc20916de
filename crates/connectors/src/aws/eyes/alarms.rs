//! Alarms: how they stand, and when they turned. They follow from metrics, and say which ones matter.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudwatch::types::{AlarmType, HistoryItemType, ScanBy};
use aws_smithy_types::DateTime;
use model::query::{Gap, GapReason};
use model::time::Timestamp;
use model::{EntityId, Severity, SourceKind};
use serde_json::json;

use super::ask::{Asking, Miss};
use super::formulas::{Formula, Watched};
use super::found::Found;
use super::metrics::Metric;
use super::repeats::clip;
use crate::files::aws::names;

/// Alarms of one answer: the most that may be asked for.
const PAGE: i32 = 100;
/// Answers that are read, of alarms and of their history.
const PAGES: usize = 5;

/// What alarms say beyond themselves.
#[derive(Default)]
pub(super) struct Alarms {
    /// Who fires, or did in this time.
    pub firing: BTreeSet<EntityId>,
    /// What they look at, those that fire first.
    pub metrics: Vec<Metric>,
    /// What they compute of metrics, and whom they are about, those that fire first.
    pub formulas: Vec<(EntityId, Formula)>,
    /// Whom each alarm is about.
    about: BTreeMap<String, EntityId>,
}

impl Alarms {
    /// Whom alarms are about, each once: those that fire first.
    pub fn everybody(&self) -> Vec<&EntityId> {
        let all: BTreeSet<&EntityId> = self.about.values().collect();
        let calm = all.into_iter().filter(|one| !self.firing.contains(*one));
        self.firing.iter().chain(calm).collect()
    }

    /// Whom the alarm of this name is about.
    pub fn whom(&self, name: &str) -> Option<&EntityId> {
        self.about.get(name)
    }
}

/// A moment of the SDK's as ours.
pub(in crate::aws) fn moment(at: &DateTime) -> Timestamp {
    let nanos = i64::from(at.subsec_nanos());
    Timestamp(
        at.secs()
            .saturating_mul(model::time::SECOND)
            .saturating_add(nanos),
    )
}

/// A moment of ours as the SDK's.
pub(in crate::aws) fn stamp(at: Timestamp) -> DateTime {
    let seconds = at.0.div_euclid(model::time::SECOND);
    let nanos = at.0.rem_euclid(model::time::SECOND);
    DateTime::from_secs_and_nanos(seconds, u32::try_from(nanos).unwrap_or(0))
}

/// Alarms and their history.
pub(super) async fn look(asking: &Asking<'_>) -> (Found, Alarms) {
    let mut found = Found::default();
    let mut alarms = Alarms::default();
    match standing(asking, &mut found, &mut alarms).await {
        Ok(()) => {
            found.seen.extend([SourceKind::State, SourceKind::Events]);
        }
        Err(miss) => found.missed(asking, "alarms", &miss),
    }
    if !alarms.about.is_empty()
        && let Err(miss) = history(asking, &mut found, &mut alarms).await
    {
        found.missed(asking, "when alarms turned", &miss);
    }
    (found, alarms)
}

/// How alarms stand.
async fn standing(asking: &Asking<'_>, found: &mut Found, alarms: &mut Alarms) -> Result<(), Miss> {
    let mut calm = Vec::new();
    let mut computed = Vec::new();
    let mut beyond = Vec::new();
    let mut next = None;
    for page in 0.. {
        if page == PAGES {
            let detail = format!("the first {} alarms were read", PAGES * PAGE as usize);
            let gap = asking.cut("all alarms", detail, "name fewer regions and accounts");
            found.gaps.push(gap);
            break;
        }
        let sent = asking
            .place
            .cloudwatch
            .describe_alarms()
            .alarm_types(AlarmType::MetricAlarm)
            .alarm_types(AlarmType::CompositeAlarm)
            .max_records(PAGE)
            .set_next_token(next)
            .send();
        let answer = asking.ask("cloudwatch:DescribeAlarms", 1, sent).await?;
        for alarm in answer.metric_alarms() {
            let name = alarm.alarm_name().unwrap_or_default();
            let watched = Watched::by(alarm);
            // Of several metrics the one that tells of somebody.
            let mut about = watched.metrics.iter().map(|metric| &metric.dimensions[..]);
            let tells = |dimensions: &&[(String, String)]| {
                let pairs = dimensions.iter().map(|(n, v)| (n.as_str(), v.as_str()));
                names::most_telling(pairs).is_some()
            };
            let entity = found.by_dimensions(about.find(tells).unwrap_or_default(), name);
            let metric = watched.metrics.first();
            let state = alarm.state_value().map_or("", |state| state.as_str());
            let since = alarm
                .state_transitioned_timestamp()
                .or(alarm.state_updated_timestamp())
                .map(moment);
            let document = json!({
                "AlarmName": name,
                "StateValue": state,
                "StateReason": alarm.state_reason(),
                "Since": since.map(|at| at.to_string()),
                "Metric": metric.map(|metric| metric.name.as_str()),
                "Namespace": metric.map(|metric| metric.namespace.as_str()),
                "Statistic": metric.map(|metric| metric.statistic.as_str()),
                "Expression": watched.formula.as_ref().map(|formula| clip(&formula.expression)),
                "Threshold": alarm.threshold(),
                "ComparisonOperator": alarm.comparison_operator().map(|operator| operator.as_str()),
                "TreatMissingData": alarm.treat_missing_data(),
                "ActionsEnabled": alarm.actions_enabled(),
            });
            found.state(entity.clone(), "cloudwatch.alarm", document, asking.now);
            alarms.about.insert(name.to_string(), entity.clone());
            let fires = state == "ALARM";
            if watched.beyond {
                beyond.push(name.to_string());
            }
            if let Some(formula) = watched.formula {
                computed.push((!fires, (entity.clone(), formula)));
            }
            match fires {
                true => {
                    alarms.firing.insert(entity);
                    alarms.metrics.extend(watched.metrics);
                }
                false => calm.extend(watched.metrics),
            }
        }
        for alarm in answer.composite_alarms() {
            let name = alarm.alarm_name().unwrap_or_default();
            let entity = found.named(model::EntityKind::Unknown, name);
            let document = json!({
                "AlarmName": name,
                "StateValue": alarm.state_value().map(|state| state.as_str()),
                "StateReason": alarm.state_reason(),
                "AlarmRule": alarm.alarm_rule(),
            });
            found.state(entity.clone(), "cloudwatch.alarm", document, asking.now);
            alarms.about.insert(name.to_string(), entity);
        }
        next = answer.next_token().map(str::to_string);
        if next.is_none() {
            break;
        }
    }
    alarms.metrics.extend(calm);
    computed.sort_by_key(|(calm, _)| *calm);
    alarms.formulas = computed.into_iter().map(|(_, one)| one).collect();
    if !beyond.is_empty() {
        let all = clip(&beyond.join(", "));
        let detail = format!(
            "{}: what {all} computes ranges over more than it names",
            asking.here()
        );
        found.gaps.push(Gap::new(
            "what alarms compute",
            GapReason::Connector,
            detail,
            "let the alarm name the metrics that it looks at",
        ));
    }
    Ok(())
}

/// When alarms turned in this time.
async fn history(asking: &Asking<'_>, found: &mut Found, alarms: &mut Alarms) -> Result<(), Miss> {
    let mut next = None;
    for _ in 0..PAGES {
        let sent = asking
            .place
            .cloudwatch
            .describe_alarm_history()
            .history_item_type(HistoryItemType::StateUpdate)
            .start_date(stamp(asking.hull.from()))
            .end_date(stamp(asking.hull.to()))
            .max_records(PAGE)
            .scan_by(ScanBy::TimestampDescending)
            .set_next_token(next)
            .send();
        let answer = asking
            .ask("cloudwatch:DescribeAlarmHistory", 1, sent)
            .await?;
        for item in answer.alarm_history_items() {
            let Some(at) = item.timestamp().map(moment) else {
                continue;
            };
            let name = item.alarm_name().unwrap_or_default();
            let said = item.history_summary().unwrap_or_default();
            // An emulator that leaves the time out of account must not make an old turn a new one.
            let turned = item
                .history_item_type()
                .is_none_or(|kind| *kind == HistoryItemType::StateUpdate);
            if !turned || !asking.hull.contains(at) {
                continue;
            }
            let entity = match alarms.about.get(name) {
                Some(entity) => entity.clone(),
                None => found.named(model::EntityKind::Unknown, name),
            };
            let fired = said.ends_with("to ALARM");
            if fired {
                alarms.firing.insert(entity.clone());
            }
            let severity = if fired {
                Severity::Warn
            } else {
                Severity::Info
            };
            let message = format!("{name}: {said}");
            found.event(
                entity,
                at,
                ("cloudwatch", "AlarmStateUpdate"),
                message,
                Some(severity),
            );
        }
        next = answer.next_token().map(str::to_string);
        if next.is_none() {
            return Ok(());
        }
    }
    let detail = format!("the newest {} turns were read", PAGES * PAGE as usize);
    let how = "name fewer regions and accounts, or look at less time";
    found
        .gaps
        .push(asking.cut("when all alarms turned", detail, how));
    Ok(())
}
