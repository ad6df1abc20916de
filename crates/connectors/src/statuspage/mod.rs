//! What a provider says of itself: pages as Statuspage serves them (`/api/v2/…`), which many others imitate.
//!
//! [`Eyes::look`] asks for components and incidents. A component that is not operational is an event for as long as it is
//! so, and each update of an incident is one until the next; both are about the entity that the configuration names,
//! because a page does not know by which name we call it. What a page says is what its owner says: the report holds it
//! against what was measured. Documented in `docs/connectors/statuspage.md`; the API: <https://metastatuspage.com/api>.

#[cfg(test)]
mod tests;

use model::query::{Gap, GapReason};
use model::telemetry::RawRef;
use model::time::{MINUTE, Span, TimeWindow, Timestamp};
use model::{EntityId, Event, Severity, SourceKind};
use serde_json::Value;

use crate::delivery::{list_at, moment_at, summary, take, text_at};
use crate::pull::{Brought, Call, GREETING, Live, Look, Met, Missed, Needs, Source};

/// Events that are told of at most.
const MOST: usize = 200;
/// How long before the time that is looked at an incident may have ended: it may explain how things came to be.
const BEFORE: Span = Span(24 * 60 * MINUTE);
/// Characters of what an update says that are kept.
const WORDS: usize = 600;

/// What to read, beyond where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whom the page is about, as our telemetry names it: `external/api.stripe.com`.
    pub entity: EntityId,
    /// Names of components that matter; empty for all.
    pub components: Vec<String>,
}

/// All that is asked of such a server.
pub const NEEDS: Needs = Needs {
    calls: &[
        Call::get("/api/v2/summary.json", "how components are"),
        Call::get(
            "/api/v2/incidents.json",
            "what the provider says of incidents",
        ),
    ],
    grant: "",
};

/// The reading end.
pub struct Eyes {
    source: Source,
    settings: Settings,
}

impl Eyes {
    /// Of this page.
    pub fn new(source: Source, settings: Settings) -> Self {
        Self {
            source: source.only(&NEEDS),
            settings,
        }
    }

    fn all(
        &self,
        look: &mut Look<'_>,
        hull: TimeWindow,
        now: Timestamp,
        brought: &mut Brought,
    ) -> Result<(), Missed> {
        let (page, ahead) = self.page(look)?;
        brought.seen = &[SourceKind::Events];
        if ahead.0 != 0 {
            brought.gaps.push(self.source.off(ahead));
        }
        let mut met = Met::new();
        for component in self.wanted(&page).filter(|one| is_down(one)) {
            let since = moment_at(component, &["updated_at"]).unwrap_or(now);
            let state = text_at(component, &["status"]);
            let words = [text_at(component, &["name"])];
            brought
                .events
                .push(self.event(since.minus(ahead), now, state, &words, now));
        }
        match self.incidents(look) {
            Ok(incidents) => {
                let from = hull.from().minus(BEFORE);
                for incident in incidents.iter().filter(|one| self.concerns(one)) {
                    self.updates(incident, ahead, now, brought);
                }
                brought.events.retain(|event| event.last >= from);
            }
            Err(missed) => brought
                .gaps
                .push(missed.gap("incidents of the provider", self.name())),
        }
        brought
            .events
            .sort_by(|a, b| (a.first, &a.message).cmp(&(b.first, &b.message)));
        if let Some(beyond) = brought.events.len().checked_sub(MOST).filter(|n| *n > 0) {
            // The newest say most of now.
            brought.events.drain(..beyond);
            brought.gaps.push(Gap::new(
                format!("all updates of {}", self.name()),
                GapReason::Budget,
                format!("the oldest {beyond} were left out"),
                format!(
                    "name those that matter in components of [connectors.{}]",
                    self.name()
                ),
            ));
        }
        if !brought.events.is_empty() {
            met.introduce(&self.settings.entity);
        }
        brought.topology = met.topology();
        Ok(())
    }

    /// Components and their page; and by how much its clock is ahead, if that matters.
    fn page(&self, look: &mut Look<'_>) -> Result<(Value, Span), Missed> {
        let answered = look.ask("/api/v2/summary.json", &[])?;
        let ahead = self.source.ahead(answered.date);
        let page: Value = serde_json::from_slice(&answered.body)
            .map_err(|error| Missed::Strange(error.to_string()))?;
        if !page["components"].is_array() {
            return Err(Missed::Strange(
                "no list of components was found".to_string(),
            ));
        }
        Ok((page, ahead))
    }

    fn incidents(&self, look: &mut Look<'_>) -> Result<Vec<Value>, Missed> {
        let answered = look.ask("/api/v2/incidents.json", &[])?;
        let mut answer: Value = serde_json::from_slice(&answered.body)
            .map_err(|error| Missed::Strange(error.to_string()))?;
        match take(&mut answer, "incidents") {
            Value::Array(list) => Ok(list),
            _ => Err(Missed::Strange(
                "no list of incidents was found".to_string(),
            )),
        }
    }

    fn wanted<'v>(&'v self, page: &'v Value) -> impl Iterator<Item = &'v Value> {
        let wanted = &self.settings.components;
        list_at(page, "components").iter().filter(move |one| {
            // A group says only what its parts say.
            let group = one["group"].as_bool().unwrap_or(false);
            let name = text_at(one, &["name"]);
            !group && (wanted.is_empty() || wanted.iter().any(|known| known == name))
        })
    }

    /// Is it about any component that matters? One that names none is about all.
    fn concerns(&self, incident: &Value) -> bool {
        let wanted = &self.settings.components;
        let named = list_at(incident, "components");
        wanted.is_empty()
            || named.is_empty()
            || named.iter().any(|one| {
                let name = text_at(one, &["name"]);
                wanted.iter().any(|known| known == name)
            })
    }

    /// An event for each update, which stands until the next, or until now.
    fn updates(&self, incident: &Value, ahead: Span, now: Timestamp, brought: &mut Brought) {
        let moment = |update: &Value| {
            let at = moment_at(update, &["display_at"]).or(moment_at(update, &["created_at"]))?;
            Some(at.minus(ahead))
        };
        let mut updates: Vec<(Timestamp, &Value)> = list_at(incident, "incident_updates")
            .iter()
            .filter_map(|update| Some((moment(update)?, update)))
            .filter(|(at, _)| *at <= now)
            .collect();
        updates.sort_by_key(|(at, _)| *at);
        for (i, (at, update)) in updates.iter().enumerate() {
            let state = text_at(update, &["status"]);
            let over = matches!(state, "resolved" | "postmortem" | "completed");
            let until = match updates.get(i + 1) {
                Some((next, _)) => *next,
                None if over => *at,
                None => now,
            };
            let words = [text_at(incident, &["name"]), text_at(update, &["body"])];
            brought
                .events
                .push(self.event(*at, until, state, &words, now));
        }
    }

    fn event(
        &self,
        first: Timestamp,
        last: Timestamp,
        reason: &str,
        words: &[&str],
        now: Timestamp,
    ) -> Event {
        let first = first.min(now);
        let said = summary(words);
        Event {
            entity: self.settings.entity.clone(),
            first,
            last: last.min(now).max(first),
            source: "status_page".to_string(),
            reason: reason.chars().take(60).collect(),
            message: said.chars().take(WORDS).collect(),
            severity: match reason {
                "major_outage" | "partial_outage" => Some(Severity::Error),
                "degraded_performance" | "investigating" | "identified" => Some(Severity::Warn),
                _ => None,
            },
            count: 1,
            raw: RawRef::default(),
        }
    }
}

impl Live for Eyes {
    fn name(&self) -> &str {
        self.source.name()
    }

    fn look(&self, hull: TimeWindow, now: Timestamp) -> Brought {
        self.source.looked(
            "Statuspage API",
            "what the provider says",
            |look, brought| self.all(look, hull, now, brought),
        )
    }

    fn greet(&self) -> Result<String, Missed> {
        let mut look = self.source.look_for(GREETING);
        let (page, ahead) = self.page(&mut look)?;
        let down = self.wanted(&page).filter(|one| is_down(one)).count();
        let all = self.wanted(&page).count();
        let mut said = format!(
            "{} about {}: {all} components, {down} of them not operational",
            text_at(&page, &["page", "name"]),
            self.settings.entity
        );
        if all == 0 {
            said += "; none of those that are named in components is there";
        }
        let sees = "what the provider says of itself, and nothing else";
        Ok(self.source.greeting(&said, ahead, sees))
    }
}

/// Does its owner say that it does not do what it should?
fn is_down(component: &Value) -> bool {
    !matches!(text_at(component, &["status"]), "operational" | "")
}
