//! What was rolled out: the revisions that a cluster keeps of its workloads become changes, each with what its
//! template differs in from the one before.
//!
//! A deployment keeps its earlier replica sets, numbered by `deployment.kubernetes.io/revision`; a stateful set and a
//! daemon set keep `ControllerRevision`s. What went back to an earlier template takes that one's object with a new
//! number, so the object is older than its turn: when that turn began is told by the events, or by the deployment.

use std::collections::BTreeMap;

use model::time::{MINUTE, Span, Timestamp};
use model::{Change, ChangeKind, RawRef};
use serde_json::Value;

use super::manifest;
use super::objects::who;
use crate::files::gathered::{Gathered, moment_at, text_at};

/// What began longer before the time that is looked at explains nothing there.
const OLDEST: Span = Span(7 * 24 * 60 * MINUTE);
/// The number of a replica set's turn.
const REVISION: &str = "deployment.kubernetes.io/revision";
/// The numbers of the turns that it had before.
const HISTORY: &str = "deployment.kubernetes.io/revision-history";
/// Why, as whoever ordered it may say.
const CAUSE: &str = "kubernetes.io/change-cause";
/// What `kubectl rollout restart` writes into a template.
const RESTARTED: &str = "kubectl.kubernetes.io/restartedAt";
/// Characters of a reason.
const WORDS: usize = 200;

/// Kind, namespace and name of a workload.
type Workload = (String, String, String);

/// One turn of one template.
struct Revision {
    number: u64,
    /// Of the object that keeps it.
    name: String,
    made: Option<Timestamp>,
    /// Turns that the same template had before.
    before: Vec<u64>,
    cause: String,
    template: Value,
    raw: RawRef,
}

/// Collects revisions and what tells when they began.
#[derive(Default)]
pub(super) struct Rollouts {
    known: BTreeMap<Workload, Vec<Revision>>,
    /// When a replica set was last made larger, by namespace and name.
    grown: BTreeMap<(String, String), Timestamp>,
    /// What a deployment says of its newest rollout: when that last moved, and whether it is over.
    moved: BTreeMap<Workload, (Timestamp, bool)>,
}

impl Rollouts {
    /// Takes over what one object tells.
    pub fn object(&mut self, kind: &str, object: &Value, raw: &RawRef) {
        match kind {
            "ReplicaSet" => self.set(object, raw),
            "ControllerRevision" => self.revision(object, raw),
            "Deployment" => self.deployment(object),
            _ => {}
        }
    }

    fn set(&mut self, object: &Value, raw: &RawRef) {
        let note = |name| text_at(object, &["metadata", "annotations", name]);
        let Some(workload) = owner(object, &["Deployment"]) else {
            return;
        };
        let Ok(number) = note(REVISION).parse() else {
            return;
        };
        let before = note(HISTORY).split(',');
        self.known.entry(workload).or_default().push(Revision {
            number,
            name: text_at(object, &["metadata", "name"]).to_string(),
            made: moment_at(object, &["metadata", "creationTimestamp"]),
            before: before.filter_map(|n| n.trim().parse().ok()).collect(),
            cause: note(CAUSE).chars().take(WORDS).collect(),
            template: object["spec"]["template"].clone(),
            raw: raw.clone(),
        });
    }

    fn revision(&mut self, object: &Value, raw: &RawRef) {
        let Some(workload) = owner(object, &["StatefulSet", "DaemonSet"]) else {
            return;
        };
        let Some(number) = object["revision"].as_u64() else {
            return;
        };
        let cause = text_at(object, &["metadata", "annotations", CAUSE]);
        self.known.entry(workload).or_default().push(Revision {
            number,
            name: text_at(object, &["metadata", "name"]).to_string(),
            made: moment_at(object, &["metadata", "creationTimestamp"]),
            before: Vec::new(),
            cause: cause.chars().take(WORDS).collect(),
            template: object["data"]["spec"]["template"].clone(),
            raw: raw.clone(),
        });
    }

    fn deployment(&mut self, object: &Value) {
        let conditions = object["status"]["conditions"].as_array();
        let progress = conditions
            .into_iter()
            .flatten()
            .find(|condition| text_at(condition, &["type"]) == "Progressing");
        let Some(progress) = progress else { return };
        if let Some(at) = moment_at(progress, &["lastUpdateTime"]) {
            let over = text_at(progress, &["reason"]) == "NewReplicaSetAvailable";
            let meta = |key| text_at(object, &["metadata", key]).to_string();
            let workload = ("Deployment".to_string(), meta("namespace"), meta("name"));
            self.moved.insert(workload, (at, over));
        }
    }

    /// Takes over when a replica set grew, if this event says so.
    pub fn event(&mut self, object: &Value) {
        if text_at(object, &["reason"]) != "ScalingReplicaSet" {
            return;
        }
        let message = match text_at(object, &["message"]) {
            "" => text_at(object, &["note"]),
            message => message,
        };
        // `Scaled up replica set cart-7d4 to 1 from 0`
        let Some(name) = message
            .strip_prefix("Scaled up replica set ")
            .and_then(|rest| rest.split(' ').next())
        else {
            return;
        };
        let times = [
            &["firstTimestamp"][..],
            &["deprecatedFirstTimestamp"],
            &["eventTime"],
        ];
        let Some(at) = times.iter().find_map(|path| moment_at(object, path)) else {
            return;
        };
        let namespace = text_at(object, &["metadata", "namespace"]).to_string();
        let known = self
            .grown
            .entry((namespace, name.to_string()))
            .or_insert(at);
        *known = at.max(*known);
    }

    /// Every turn that began not too long ago, as a change.
    pub fn finish(self, gathered: &mut Gathered<'_>) {
        let now = gathered.manifest.now;
        let oldest = gathered.manifest.window.from().minus(OLDEST);
        for (workload, mut revisions) in self.known {
            revisions.sort_by(|a, b| (a.number, &a.name).cmp(&(b.number, &b.name)));
            let newest = revisions.last().map_or(0, |newest| newest.number);
            let moved = self.moved.get(&workload);
            let mut begun: Vec<Option<Timestamp>> = Vec::new();
            let mut latest = None;
            for revision in &revisions {
                // Made before an earlier turn began: it stood there before, and came back.
                let back = !revision.before.is_empty() || revision.made < latest;
                let grown = self.grown.get(&(workload.1.clone(), revision.name.clone()));
                let start = match (back, grown) {
                    (false, _) => revision.made,
                    (true, Some(at)) => Some(*at),
                    (true, None) => moved
                        .filter(|_| revision.number == newest)
                        .map(|(at, _)| *at),
                };
                latest = latest.max(start);
                begun.push(start);
            }
            for (at, revision) in revisions.iter().enumerate() {
                let Some(start) = begun[at].filter(|start| (oldest..=now).contains(start)) else {
                    continue;
                };
                let earlier = at.checked_sub(1).and_then(|before| revisions.get(before));
                let mut change = change(&workload, revision, earlier, start);
                if revision.number == newest
                    && let Some((over, true)) = moved
                    && *over >= start
                    && *over <= now
                {
                    change.end = *over;
                }
                // Undone by whatever came later and stood there before.
                change.undone = revisions[at + 1..]
                    .iter()
                    .zip(&begun[at + 1..])
                    .find(|(later, _)| later.before.iter().any(|turn| *turn < revision.number))
                    .and_then(|(_, begun)| *begun);
                let (kind, namespace, name) = &workload;
                change.entities = vec![gathered.directory.id(&who(kind, namespace, name))];
                gathered.changes.push(change);
            }
        }
    }
}

/// The workload that keeps a revision, if it is one of these kinds.
fn owner(object: &Value, kinds: &[&str]) -> Option<Workload> {
    let owners = object.pointer("/metadata/ownerReferences")?.as_array()?;
    let owner = owners
        .iter()
        .find(|owner| kinds.contains(&text_at(owner, &["kind"])))?;
    let name = text_at(owner, &["name"]);
    (!name.is_empty()).then(|| {
        (
            text_at(owner, &["kind"]).to_string(),
            text_at(object, &["metadata", "namespace"]).to_string(),
            name.to_string(),
        )
    })
}

fn change(
    (kind, namespace, name): &Workload,
    revision: &Revision,
    earlier: Option<&Revision>,
    start: Timestamp,
) -> Change {
    let path = format!("{namespace}/{}-{name}.yaml", kind.to_ascii_lowercase());
    let images = manifest::images(&revision.template);
    let old = earlier.map(|earlier| manifest::images(&earlier.template));
    let other: Vec<String> = images
        .iter()
        .filter(|image| old.as_ref().is_none_or(|old| !old.contains(image)))
        .map(|(_, image)| image.clone())
        .collect();
    let diff =
        earlier.and_then(|earlier| manifest::diff(&path, &earlier.template, &revision.template));
    let restart = earlier.is_some_and(|earlier| {
        revision.template.is_object()
            && without_restart(&earlier.template) == without_restart(&revision.template)
    });
    let mut title = format!("{namespace}/{name}: revision {}", revision.number);
    match old.as_deref() {
        _ if restart => title += ", started anew as it was",
        Some(_) if other.is_empty() => title += ", settings altered",
        None if other.is_empty() => {}
        _ => title += &format!(", image {}", other.join(", ")),
    }
    if !revision.cause.is_empty() {
        title += &format!(" ({})", revision.cause);
    }
    Change {
        id: format!(
            "kubernetes:{namespace}/{}/{name}:{}",
            kind.to_ascii_lowercase(),
            revision.number
        ),
        kind: if restart {
            ChangeKind::Maintenance
        } else if earlier.is_some() && other.is_empty() {
            ChangeKind::Config
        } else {
            ChangeKind::Deploy
        },
        start,
        end: start,
        entities: Vec::new(),
        actor: String::new(),
        title,
        files: vec![path],
        diff,
        version: other
            .iter()
            .map(|image| manifest::tag(image))
            .collect::<Vec<_>>()
            .join(", "),
        // Many a pipeline names an image after the commit that it was built from.
        carries: other
            .iter()
            .map(|image| manifest::tag(image))
            .filter(|tag| tag.len() == 40 && tag.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .map(str::to_string)
            .collect(),
        undone: None,
        raw: revision.raw.clone(),
    }
}

/// The template without the moment at which somebody ordered a restart.
fn without_restart(template: &Value) -> Value {
    let mut template = manifest::plain(template);
    if let Some(notes) = template
        .pointer_mut("/metadata/annotations")
        .and_then(Value::as_object_mut)
    {
        notes.remove(RESTARTED);
    }
    manifest::plain(&template)
}
