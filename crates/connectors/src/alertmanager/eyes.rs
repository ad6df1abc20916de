//! Alerts and silences that an Alertmanager holds, asked for. Nothing is ever written there.
//!
//! [`Eyes::look`] brings both into a look: each alert as a state, each silence as an event that says since when and
//! until when it stands, without the words of whoever ordered it, which are no observation. [`Eyes::silences`] are those
//! that stand, for the watch: `quiet` turns them into our own. Documented in `docs/connectors/alertmanager.md`; the API:
//! version 2, <https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml>.

use std::sync::{Mutex, PoisonError};

use model::query::{Gap, GapReason};
use model::silence::Silence;
use model::telemetry::RawRef;
use model::time::{Span, TimeWindow, Timestamp};
use model::{EntityId, Event, SourceKind, StateSnapshot};
use serde_json::{Value, json};

use super::quiet::{self, Ordered};
use crate::delivery::{self, labels, moment_at, text_at};
use crate::pull::{Brought, Call, GREETING, Live, Look, Met, Missed, Naming, Needs, Source};

/// Alerts, and silences, that are told of at most.
const MOST: usize = 500;
/// For so long silences that were heard stand while it does not answer.
const REMEMBERED: Span = Span(5 * model::time::MINUTE);
/// It looks after its silences every quarter of an hour, unless told otherwise; until then one that is over may still be
/// called standing.
const LATE: Span = Span(20 * model::time::MINUTE);

/// All that is asked of such a server.
pub const NEEDS: Needs = Needs {
    calls: &[
        Call::get("/api/v2/alerts", "what fires"),
        Call::get("/api/v2/silences", "who asked for quiet"),
    ],
    grant: "",
};

/// The reading end.
pub struct Eyes {
    source: Source,
    naming: Naming,
    heard: Mutex<Option<(Timestamp, Vec<Silence>)>>,
}

impl Eyes {
    /// Of this server.
    pub fn new(source: Source, naming: Naming) -> Self {
        Self {
            source: source.only(&NEEDS),
            naming,
            heard: Mutex::new(None),
        }
    }

    /// Its silences, in the order of their ids, by our clock; and by how much its clock is ahead, if that matters.
    fn ordered(&self, look: &mut Look<'_>) -> Result<(Vec<Ordered>, Span), Missed> {
        let answered = look.ask("/api/v2/silences", &[])?;
        let ahead = self.source.ahead(answered.date);
        let list = list(&answered.body)?;
        let mut found: Vec<Ordered> = list
            .iter()
            .filter_map(|one| Ordered::of(one, ahead))
            .collect();
        found.sort_by(|a, b| a.id.cmp(&b.id));
        Ok((found, ahead))
    }

    /// That it calls silences standing which ended long ago. They hold nothing here.
    fn stale(&self, ordered: &[Ordered], now: Timestamp) -> Option<Gap> {
        let stale = |one: &&Ordered| !one.is_over() && now.since(one.until).0 > LATE.0;
        let mut all = ordered.iter().filter(stale);
        let first = all.next()?;
        Some(Gap::new(
            format!("the right silences of {}", self.name()),
            GapReason::Connector,
            format!(
                "{}: it calls {} silences standing that are over, such as {}, which ended at {}",
                self.name(),
                all.count() + 1,
                first.id,
                first.until
            ),
            format!("see whether {} is well", self.source.address()),
        ))
    }

    /// Its alerts, whether anybody is told of them or not.
    fn alerts(&self, look: &mut Look<'_>) -> Result<Vec<Value>, Missed> {
        let yes = || "true".to_string();
        let fields = [
            ("active", yes()),
            ("silenced", yes()),
            ("inhibited", yes()),
            ("unprocessed", yes()),
        ];
        let answered = look.ask("/api/v2/alerts", &fields)?;
        list(&answered.body)
    }

    /// That a silence stands. What its author wrote is left out of what is read as an observation.
    fn event(&self, one: &Ordered, now: Timestamp, met: &mut Met) -> Event {
        let equal = one.equal();
        let entity = match self.naming.entity(&equal) {
            Some(_) => met.meet(&self.naming, &equal),
            None => EntityId::from(labels::NOBODY),
        };
        Event {
            entity,
            first: one.from.min(now),
            last: one.until.min(now).max(one.from.min(now)),
            source: "alertmanager".to_string(),
            reason: "Silenced".to_string(),
            message: format!(
                "silence {} of {} stands from {} to {}",
                one.id,
                self.name(),
                one.from,
                one.until
            ),
            severity: None,
            count: 1,
            raw: RawRef::default(),
        }
    }

    fn alert(&self, alert: &Value, now: Timestamp, met: &mut Met) -> StateSnapshot {
        let mut own = labels::of(alert.get("labels"));
        let rule = own.remove("alertname").unwrap_or_default();
        let entity = match self.naming.entity(&own) {
            Some(_) => met.meet(&self.naming, &own),
            None => EntityId::from(labels::NOBODY),
        };
        let severity = own
            .get("severity")
            .and_then(|word| super::grade(word))
            .map(|severity| severity.to_string());
        let names = |of: &str| -> Vec<String> {
            let list = alert["status"][of].as_array().into_iter().flatten();
            list.filter_map(|id| Some(delivery::name(id.as_str()?)))
                .take(20)
                .collect()
        };
        StateSnapshot {
            entity,
            // A look ends before `now`: what it shows was so a moment earlier.
            time: now.minus(Span(1)),
            kind: "alertmanager.alert".to_string(),
            // Not as a state of the entity: it follows from metrics that are looked at anyway, and would vouch for
            // itself.
            document: json!({
                "source": self.name(),
                "rule": rule,
                "alert": text_at(alert, &["status", "state"]),
                "active_at": moment_at(alert, &["startsAt"]).map(|at| at.to_string()),
                "severity": severity,
                "silenced_by": names("silencedBy"),
                "inhibited_by": names("inhibitedBy"),
            }),
            raw: RawRef::default(),
        }
    }
}

impl Live for Eyes {
    fn name(&self) -> &str {
        self.source.name()
    }

    fn look(&self, hull: TimeWindow, now: Timestamp) -> Brought {
        let mut look = self.source.look();
        let mut brought = self.source.brought("Alertmanager API");
        let mut met = Met::new();
        match self.ordered(&mut look) {
            Ok((ordered, ahead)) => {
                brought.seen = &[SourceKind::State, SourceKind::Events];
                if ahead.0 != 0 {
                    brought.gaps.push(self.source.off(ahead));
                }
                brought.gaps.extend(self.stale(&ordered, now));
                let standing = ordered.iter().filter(|one| one.stands_in(hull)).take(MOST);
                for one in standing {
                    brought.events.push(self.event(one, now, &mut met));
                }
            }
            Err(missed) => brought.gaps.push(missed.gap("silences", self.name())),
        }
        match self.alerts(&mut look) {
            Ok(alerts) => {
                brought.seen = &[SourceKind::State, SourceKind::Events];
                let all = alerts.len();
                for alert in alerts.iter().take(MOST) {
                    brought.snapshots.push(self.alert(alert, now, &mut met));
                }
                if all > MOST {
                    brought.gaps.push(Gap::new(
                        format!("all alerts of {}", self.name()),
                        GapReason::Budget,
                        format!("it holds {all}; the first {MOST} were read"),
                        "group its rules so that fewer fire at once",
                    ));
                }
            }
            Err(missed) => brought.gaps.push(missed.gap("alerts", self.name())),
        }
        brought.topology = met.topology();
        self.source.ended(&look, &mut brought);
        brought
    }

    fn greet(&self) -> Result<String, Missed> {
        let mut look = self.source.look_for(GREETING);
        let (ordered, ahead) = self.ordered(&mut look)?;
        let alerts = self.alerts(&mut look)?;
        let of = |state: &str| {
            let fits = |alert: &&Value| text_at(alert, &["status", "state"]) == state;
            alerts.iter().filter(fits).count()
        };
        let standing: Vec<&Ordered> = ordered.iter().filter(|one| !one.is_over()).collect();
        let foreign: Vec<&str> = standing
            .iter()
            .filter(|one| quiet::ours(one, self.name(), &self.naming).is_none())
            .map(|one| one.id.as_str())
            .collect();
        let mut said = format!(
            "{} alerts, {} of them suppressed; {} silences that stand or are to come, which hold here too",
            alerts.len(),
            of("suppressed"),
            standing.len()
        );
        if let Some(first) = foreign.first() {
            said += &format!(
                ", but for {} that cannot be told in our words (such as {first}: a matcher that is negated, empty, fits everything, or is a \
                 regular expression beyond `a|b.*`)",
                foreign.len()
            );
        }
        Ok(self.source.greeting(
            &said,
            ahead,
            "alerts and silences; no metrics, logs, traces or changes",
        ))
    }

    fn silences(&self, now: Timestamp) -> Vec<Silence> {
        let mut look = self.source.look_for(GREETING);
        let found = self.ordered(&mut look);
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        match found {
            Ok((ordered, _)) => {
                let ours: Vec<Silence> = ordered
                    .iter()
                    .filter(|one| !one.is_over())
                    .take(MOST)
                    .filter_map(|one| quiet::ours(one, self.name(), &self.naming))
                    .flatten()
                    .collect();
                *heard = Some((now, ours.clone()));
                ours
            }
            Err(_) => match &*heard {
                Some((at, known)) if now.since(*at).0.saturating_abs() < REMEMBERED.0 => {
                    known.clone()
                }
                _ => Vec::new(),
            },
        }
    }

    fn hushes(&self) -> bool {
        true
    }
}

/// A list of objects, as every answer is.
fn list(body: &[u8]) -> Result<Vec<Value>, Missed> {
    match serde_json::from_slice(body) {
        Ok(Value::Array(list)) => Ok(list),
        Ok(_) => Err(Missed::Strange("a list was expected".to_string())),
        Err(error) => Err(Missed::Strange(error.to_string())),
    }
}
