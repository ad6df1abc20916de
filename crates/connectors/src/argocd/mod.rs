//! Argo CD, asked: what each application was brought to, when, by whom, and whether it is now as it should be.
//!
//! The history of an application becomes changes that carry their revision, so that they meet the commits that a host of
//! code tells of; how it stands becomes a state, and what failed an event. Nothing is synchronised or refreshed by
//! asking. Documented in `docs/connectors/changes.md`; the API: <https://argo-cd.readthedocs.io/en/stable/developer-guide/api-docs/>.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use model::query::{Gap, GapReason};
use model::time::{Span, TimeWindow, Timestamp};
use model::{Change, ChangeKind, EntityId, Event, RawRef, Severity, SourceKind, StateSnapshot};
use serde_json::{Value, json};

use crate::delivery::changes::{carrying, change};
use crate::delivery::{list_at, moment_at, name, said_at, summary, take, text_at};
use crate::forge::{is_sha, went_back};
use crate::pull::{Brought, Call, GREETING, Live, Look, Met, Missed, Needs, Source};

/// Applications that are told of at most.
const MOST: usize = 1_000;
/// Entities that one application touches at most.
const TOUCHED: usize = 50;
/// The parts of an application that are asked for; a server that does not know how to choose gives all of them.
const FIELDS: &str = "items.metadata.name,items.metadata.namespace,items.spec,items.status.sync,items.status.health,\
                      items.status.history,items.status.operationState,items.status.conditions,items.status.resources";

/// What to read, beyond where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Applications that matter; empty for all.
    pub applications: Vec<String>,
    /// Which entities an application touches; its workloads, unless it is named.
    pub touches: BTreeMap<String, Vec<String>>,
    /// How far back its history is told.
    pub since: Span,
}

/// All that is asked of such a server.
pub const NEEDS: Needs = Needs {
    calls: &[Call::get(
        "/api/v1/applications",
        "what was brought out, and how it stands",
    )],
    grant: "p, role:midwatch, applications, get, */*, allow\n\
            p, role:midwatch, applications, create, */*, deny\n\
            p, role:midwatch, applications, update, */*, deny\n\
            p, role:midwatch, applications, delete, */*, deny\n\
            p, role:midwatch, applications, sync, */*, deny\n\
            p, role:midwatch, applications, override, */*, deny\n\
            p, role:midwatch, applications, action/*, */*, deny\n\
            p, role:midwatch, exec, create, */*, deny\n\
            g, midwatch, role:midwatch\n",
};

/// The reading end.
pub struct Eyes {
    source: Source,
    settings: Settings,
}

impl Eyes {
    /// Of this server.
    pub fn new(source: Source, settings: Settings) -> Self {
        Self {
            source: source.only(&NEEDS),
            settings,
        }
    }

    /// The applications that matter; and by how much its clock is ahead, if that matters.
    fn applications(&self, look: &mut Look<'_>) -> Result<(Vec<Value>, Span), Missed> {
        let fields = [("fields", FIELDS.to_string())];
        let answered = look.ask("/api/v1/applications", &fields)?;
        let ahead = self.source.ahead(answered.date);
        let mut answer: Value = serde_json::from_slice(&answered.body)
            .map_err(|error| Missed::Strange(error.to_string()))?;
        let items = match take(&mut answer, "items") {
            Value::Array(items) => items,
            // Without any, there is no list.
            Value::Null if answer.is_object() => Vec::new(),
            _ => return Err(Missed::Strange("no list of items was found".to_string())),
        };
        let wanted = &self.settings.applications;
        let matters = |one: &Value| {
            let name = text_at(one, &["metadata", "name"]);
            !name.is_empty() && (wanted.is_empty() || wanted.iter().any(|known| known == name))
        };
        Ok((items.into_iter().filter(matters).collect(), ahead))
    }

    /// Whom an application touches.
    fn touched(&self, application: &Value) -> Vec<EntityId> {
        let own = text_at(application, &["metadata", "name"]);
        if let Some(named) = self.settings.touches.get(own) {
            return named.iter().map(|id| EntityId::from(id.as_str())).collect();
        }
        let workloads: Vec<EntityId> = list_at(&application["status"], "resources")
            .iter()
            .filter(|resource| {
                let kind = text_at(resource, &["kind"]);
                [
                    "Deployment",
                    "StatefulSet",
                    "DaemonSet",
                    "Rollout",
                    "CronJob",
                    "Job",
                ]
                .contains(&kind)
            })
            .filter(|resource| !text_at(resource, &["name"]).is_empty())
            .take(TOUCHED)
            .map(|resource| {
                let part = |of: &str| name(text_at(resource, &[of]));
                let id = match part("namespace").as_str() {
                    "" => format!("workload/{}", part("name")),
                    namespace => format!("workload/{namespace}/{}", part("name")),
                };
                EntityId::from(id.as_str())
            })
            .collect();
        match workloads.is_empty() {
            true => vec![EntityId::from(format!("service/{}", name(own)).as_str())],
            false => workloads,
        }
    }

    fn told(
        &self,
        application: &Value,
        (ahead, now, from): (Span, Timestamp, Timestamp),
        met: &mut Met,
        brought: &mut Brought,
    ) {
        let entities = self.touched(application);
        let Some(first) = entities.first() else {
            return;
        };
        for id in &entities {
            met.introduce(id);
        }
        let own = name(text_at(application, &["metadata", "name"]));
        let by_ours = |at: Timestamp| at.minus(ahead);
        let mut deployed: Vec<(String, Change)> = list_at(&application["status"], "history")
            .iter()
            .filter_map(|entry| past(entry, &own, self.name()))
            .map(|change| {
                let ours = Change {
                    start: by_ours(change.start),
                    end: by_ours(change.end),
                    entities: entities.clone(),
                    ..change
                };
                (String::new(), ours)
            })
            .collect();
        went_back(&mut deployed);
        let kept = |change: &Change| change.end >= from && change.start <= now;
        brought
            .changes
            .extend(deployed.into_iter().map(|(_, change)| change).filter(kept));
        let status = &application["status"];
        let state = |path: &[&str]| said_at(status, path);
        let (sync, health) = (state(&["sync", "status"]), state(&["health", "status"]));
        // An address may hold a password.
        let repository = said_at(application, &["spec", "source", "repoURL"]);
        let repository = crate::files::hide(&repository).unwrap_or(repository);
        brought.snapshots.push(StateSnapshot {
            entity: first.clone(),
            // A look ends before `now`: what it shows was so a moment earlier.
            time: now.minus(Span(1)),
            kind: "argocd.application".to_string(),
            document: json!({
                "source": self.name(),
                "application": own,
                "sync": sync,
                "health": health,
                "revision": state(&["sync", "revision"]),
                "wanted": said_at(application, &["spec", "source", "targetRevision"]),
                "path": said_at(application, &["spec", "source", "path"]),
                "repository": repository,
                "operation": state(&["operationState", "phase"]),
            }),
            raw: RawRef::default(),
        });
        let mut event = |at: Option<Timestamp>, reason: &str, parts: &[&str]| {
            let Some(at) = at.map(by_ours).filter(|at| *at <= now) else {
                return;
            };
            brought.events.push(Event {
                entity: first.clone(),
                first: at,
                last: at,
                source: "argocd".to_string(),
                reason: name(reason),
                message: summary(parts),
                severity: Some(Severity::Warn),
                count: 1,
                raw: RawRef::default(),
            });
        };
        let phase = state(&["operationState", "phase"]);
        if matches!(phase.as_str(), "Failed" | "Error") {
            let ended = moment_at(status, &["operationState", "finishedAt"]);
            let message = text_at(status, &["operationState", "message"]);
            event(ended, &format!("Sync{phase}"), &[own.as_str(), message]);
        }
        for condition in list_at(status, "conditions").iter().take(20) {
            let kind = text_at(condition, &["type"]);
            let bad = kind.ends_with("Error") || kind.ends_with("Warning");
            if bad {
                let at = moment_at(condition, &["lastTransitionTime"]);
                event(at, kind, &[own.as_str(), text_at(condition, &["message"])]);
            }
        }
    }
}

/// One entry of a history: what the application was brought to. Those whom it touches are not in it.
fn past(entry: &Value, application: &str, source: &str) -> Option<Change> {
    let id = said_at(entry, &["id"]);
    let end = moment_at(entry, &["deployedAt"])?;
    // An application may have several sources, each with its revision.
    let several: Vec<String> = list_at(entry, "revisions")
        .iter()
        .filter_map(|revision| Some(name(revision.as_str()?)))
        .collect();
    let revision = match said_at(entry, &["revision"]) {
        revision if !revision.is_empty() => revision,
        _ => several.join(","),
    };
    if id.is_empty() || revision.is_empty() {
        return None;
    }
    let start = moment_at(entry, &["deployStartedAt"])
        .unwrap_or(end)
        .min(end);
    let path = said_at(entry, &["source", "path"]);
    let short: String = match is_sha(&revision) {
        true => revision.chars().take(8).collect(),
        false => revision.clone(),
    };
    let automatic = entry["initiatedBy"]["automated"].as_bool() == Some(true);
    let actor = match said_at(entry, &["initiatedBy", "username"]) {
        actor if actor.is_empty() && automatic => "Argo CD".to_string(),
        actor => actor,
    };
    let carried = if is_sha(&revision) {
        revision.clone()
    } else {
        String::new()
    };
    Some(Change {
        end,
        actor,
        files: (!path.is_empty()).then_some(path).into_iter().collect(),
        version: revision,
        ..carrying(
            carried,
            change(
                format!("{source}:{application}:{id}"),
                ChangeKind::Deploy,
                start,
                format!("{application}: brought to {short}"),
            ),
        )
    })
}

impl Live for Eyes {
    fn name(&self) -> &str {
        self.source.name()
    }

    fn look(&self, hull: TimeWindow, now: Timestamp) -> Brought {
        let mut look = self.source.look();
        let mut brought = self.source.brought("Argo CD API");
        let mut met = Met::new();
        match self.applications(&mut look) {
            Ok((applications, ahead)) => {
                brought.seen = &[SourceKind::Changes, SourceKind::State, SourceKind::Events];
                if ahead.0 != 0 {
                    brought.gaps.push(self.source.off(ahead));
                }
                let from = hull.from().min(now.minus(self.settings.since));
                for application in applications.iter().take(MOST) {
                    self.told(application, (ahead, now, from), &mut met, &mut brought);
                }
                if applications.len() > MOST {
                    brought.gaps.push(
                        Gap::new(
                            format!("all applications of {}", self.name()),
                            GapReason::Budget,
                            format!("it has {}; the first {MOST} were read", applications.len()),
                            format!(
                                "name those that matter in applications of [connectors.{}]",
                                self.name()
                            ),
                        )
                        .hiding([SourceKind::Changes]),
                    );
                }
            }
            Err(missed) => {
                let mut gap = missed.gap("changes", self.name());
                if gap.why == GapReason::Permission {
                    gap.how_to_close = format!(
                        "let the token of [connectors.{}] read: `p, ROLE, applications, get, */*, allow` in argocd-rbac-cm",
                        self.name()
                    );
                }
                brought.gaps.push(gap);
            }
        }
        brought.topology = met.topology();
        self.source.ended(&look, &mut brought);
        brought
    }

    fn greet(&self) -> Result<String, Missed> {
        let mut look = self.source.look_for(GREETING);
        let (applications, ahead) = self.applications(&mut look)?;
        let is = |one: &&Value, part: &str, state: &str| {
            text_at(one, &["status", part, "status"]) == state
        };
        let synced = applications
            .iter()
            .filter(|one| is(one, "sync", "Synced"))
            .count();
        let healthy = applications
            .iter()
            .filter(|one| is(one, "health", "Healthy"))
            .count();
        let said = format!(
            "{} applications, {synced} of them as their repository says, {healthy} healthy",
            applications.len()
        );
        let sees =
            "what applications were brought to, and how they stand; no metrics, logs or traces";
        Ok(self.source.greeting(&said, ahead, sees))
    }
}
