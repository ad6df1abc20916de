//! What was altered before the newest pages of the audit trail begin.
//!
//! Many calls count as altering and set nothing (`CreateLogStream`): in a busy account the newest of them reach back some
//! minutes, and the guilty one lies before. The trail can be asked by the name of one thing, so it is asked about those of
//! whom alarms tell, once it is known what is there. Whose changes are unseen even then is said.

use std::collections::BTreeSet;

use aws_sdk_cloudtrail::types::{Event, LookupAttributeKey};
use model::query::{Gap, GapReason};
use model::time::{SECOND, Span, TimeWindow, Timestamp};
use model::{Entity, EntityId, EntityKind, SourceKind};

use super::alarms::Alarms;
use super::ask::{Asking, is_name};
use super::found::Found;
use super::recorded;
use super::trail::{Reading, back_to, events, oldest};
use crate::files::everything;

/// Those who are asked about by name: at the pace that a place allows, each costs a second.
const FEW: usize = 3;
/// Letters of a name. The trail takes 2,000, and counts some of them twice.
const LONGEST: usize = 1_000;
/// What brings the others. To read less far back does not: the newest come first, however little time is asked for.
const REMEDY: &str = "have changes posted as they happen: a rule of EventBridge for calls that CloudTrail tells of, and a \
                      function that posts them to an inlet of the kind cloudevents (docs/inlets.md)";

/// Where the newest pages of what was altered end, if that is too soon.
pub(super) struct Cut {
    /// The time that they should tell of.
    pub window: TimeWindow,
    /// How many calls they hold.
    pub count: usize,
    /// When the oldest of these was made.
    pub since: Option<Timestamp>,
    /// The ids of what was read.
    pub known: BTreeSet<String>,
}

/// Somebody of whom alarms tell, as the trail calls them.
struct Near<'f> {
    entity: &'f EntityId,
    name: &'f str,
    /// Their service of AWS; empty where no inventory tells it.
    service: &'f str,
}

/// Asks for older changes by name; what is left unseen is a gap.
pub(super) async fn look(asking: &Asking<'_>, cut: Cut, alarms: &Alarms, known: &Found) -> Found {
    let Cut {
        window,
        count,
        since,
        known: read,
    } = cut;
    let mut found = Found::default();
    let manifest = everything();
    let mut reading = Reading::new(window, read, &manifest);
    // A moment in the trail is a second: all of that at which the pages end is asked for, and nothing newer.
    let until = since.map_or(window.to(), |at| at.plus(Span(SECOND)).min(window.to()));
    let unread = TimeWindow::new(window.from(), until).unwrap_or(window);
    let (mut told, mut untold) = (Vec::new(), Vec::new());
    for near in nearest(alarms, known) {
        let whose = format!(" of {}", near.entity);
        let about = (LookupAttributeKey::ResourceName, near.name);
        let (events, whole) = match events(asking, about, unread, 1).await {
            Ok(answer) => answer,
            Err(miss) => {
                let (wanted, hidden) = unseen(asking, &whose, since);
                found.gaps.push(asking.gap(&wanted, &miss).hiding(hidden));
                break;
            }
        };
        let own: Vec<&Event> = events.iter().filter(|one| near.is_named_in(one)).collect();
        // One attribute is all that can be asked by: so calls that only read come too.
        let altering = own.iter().filter(|one| one.read_only() != Some("true"));
        for event in altering {
            if reading.tells_of(asking, event, near.entity) {
                reading.take(asking, event);
            }
        }
        if !whole {
            let since = oldest(&events).or(since);
            let back = back_to(since);
            let detail = format!("the newest {} that name it were read{back}", events.len());
            found.gaps.push(gap(asking, &whose, since, &detail));
        }
        // Nobody says whether a thing was left alone, or whether the trail has another name for it.
        match own.is_empty() {
            true => untold.push(near.entity.as_str()),
            false => told.push(near.entity.as_str()),
        }
    }
    let mut whose = String::new();
    let mut detail = format!("the newest {count} that alter were read{}", back_to(since));
    if !told.is_empty() {
        let told = told.join(", ");
        detail += &format!("; of those before, the ones that name {told}");
        whose = format!(" of others than {told}");
    }
    if !untold.is_empty() {
        detail += &format!("; none before names {}", untold.join(", "));
    }
    found.gaps.push(gap(asking, &whose, since, &detail));
    reading.pour(asking, &mut found).await;
    found
}

/// How changes `whose` before that time are called, and whether they may be what matters.
fn unseen(
    asking: &Asking<'_>,
    whose: &str,
    since: Option<Timestamp>,
) -> (String, Option<SourceKind>) {
    let before = since.map_or(String::new(), |at| format!(" before {}", at.clock()));
    // What was altered before the time that is looked at is only older.
    match since.is_some_and(|at| at <= asking.hull.from()) {
        true => (format!("older changes{whose}{before}"), None),
        false => (format!("changes{whose}{before}"), Some(SourceKind::Changes)),
    }
}

/// That such changes were not read.
fn gap(asking: &Asking<'_>, whose: &str, since: Option<Timestamp>, detail: &str) -> Gap {
    let (wanted, hidden) = unseen(asking, whose, since);
    let detail = format!("{}: {detail}", asking.here());
    Gap::new(wanted, GapReason::Budget, detail, REMEDY).hiding(hidden)
}

/// Whom alarms are about, as far as the trail has a name for them; as many as are asked about.
fn nearest<'f>(alarms: &Alarms, known: &'f Found) -> Vec<Near<'f>> {
    let all = alarms.everybody().into_iter();
    let near = all.filter_map(|id| Near::of(known.directory.met.get(id)?));
    near.take(FEW).collect()
}

impl<'f> Near<'f> {
    /// By the name that its calls are given.
    fn of(entity: &'f Entity) -> Option<Self> {
        use EntityKind::{Cache, Database, Function, Host, Queue, Service, Table, Workload};
        let (service, arn) = recorded::arn_of(entity);
        let name = match (entity.kind, service) {
            (_, "elasticloadbalancing" | "sqs" | "states") => arn,
            (Host, _) if !entity.name.starts_with("i-") => return None,
            (Cache | Database | Function | Host | Queue | Service | Table | Workload, _) => {
                entity.name.as_str()
            }
            _ => return None,
        };
        is_name(name, LONGEST).then_some(Self {
            entity: &entity.id,
            name,
            service,
        })
    }

    /// Is it a call of their service? Those of others name things of theirs that are called the same.
    fn is_named_in(&self, event: &Event) -> bool {
        let source = event.event_source().unwrap_or_default();
        let source = source.split('.').next().unwrap_or_default();
        self.service.is_empty() || source.is_empty() || source == self.service
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_a_name_in_the_trail_is_asked_for_by_it() {
        let front = "arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/app/front/50dc";
        let settle = "arn:aws:states:eu-west-1:1:stateMachine:settle";
        let inbox = "arn:aws:sqs:eu-west-1:1:inbox";
        let pay = "arn:aws:lambda:eu-west-1:1:function:pay";
        let long = "x".repeat(2 * LONGEST);
        for (kind, name, arn, wanted) in [
            (EntityKind::Function, "pay", pay, Some(("pay", "lambda"))),
            (EntityKind::Function, "pay", "", Some(("pay", ""))),
            (
                EntityKind::Function,
                "settle",
                settle,
                Some((settle, "states")),
            ),
            (EntityKind::Queue, "inbox", inbox, Some((inbox, "sqs"))),
            (EntityKind::Queue, "inbox", "", Some(("inbox", ""))),
            (
                EntityKind::Gateway,
                "app/front/50dc",
                front,
                Some((front, "elasticloadbalancing")),
            ),
            (EntityKind::Gateway, "app/front/50dc", "", None),
            (EntityKind::Host, "i-0abc", "", Some(("i-0abc", ""))),
            (EntityKind::Host, "web-1", "", None),
            (EntityKind::Unknown, "pay throttled", "", None),
            (EntityKind::Table, "", "", None),
            (EntityKind::Table, long.as_str(), "", None),
            (EntityKind::Service, "web", "arn:", Some(("web", ""))),
        ] {
            let entity = Entity {
                id: EntityId::from("one"),
                kind,
                name: name.to_string(),
                labels: [("arn".to_string(), arn.to_string())].into(),
            };
            let near = Near::of(&entity).map(|near| (near.name, near.service));
            assert_eq!(near, wanted, "{kind:?} {name} {arn}");
        }
    }
}
