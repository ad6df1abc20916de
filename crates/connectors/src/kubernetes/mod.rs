//! A Kubernetes cluster, asked: objects, events, rollouts, and the lines of pods that look broken.
//!
//! [`Eyes::look`] lists what `calls` names, and takes it over as the reader of `kubectl get -o json` does
//! (`files::kubernetes`): a cluster looks the same whichever way it is known. [`Cluster`] carries the questions, by
//! kube-rs. It only reads; secrets are not even listed, and of configurations only the names. Documented in
//! `docs/connectors/kubernetes.md`; the API: <https://kubernetes.io/docs/reference/using-api/api-concepts/>.

pub mod calls;
mod list;
mod logs;
pub mod proof;
mod wire;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use model::query::{Gap, GapReason};
use model::recording::{Manifest, SCHEMA};
use model::time::{MINUTE, Span, TimeWindow, Timestamp};
use model::{RawRef, SourceKind, Topology};
use serde_json::Value;

use crate::files::entities::{Declared, Directory};
use crate::files::gathered::{Gathered, text_at};
use crate::files::kubernetes::gather;
use crate::pull::{Brought, Budget, GREETING, Live, Look, Missed, Source, dated};
use calls::{Call, LISTED, LOGS};
pub use wire::{Access, Cluster};

/// What rollouts are told from.
const ROLLOUTS: [&str; 2] = ["controllerrevisions", "replicasets"];

/// How long a map of who leans on whom stands.
const MAP_LASTS: Span = Span(5 * MINUTE);
/// Sorts of objects that a map is made of.
const MAP: [&str; 2] = ["pods", "services"];

/// What to read, beyond where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Namespaces that are looked at; empty for all.
    pub namespaces: Vec<String>,
    /// Pods whose lines one look reads.
    pub pods: u64,
    /// Lines of one container.
    pub lines: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            namespaces: Vec::new(),
            pods: 12,
            lines: 500,
        }
    }
}

/// What a look may cost unless something else is said: an API server gives long pages, and not in an instant.
pub fn budget() -> Budget {
    Budget {
        timeout: Span::seconds(10),
        look: Span::seconds(30),
        ..Budget::default()
    }
}

/// The reading end.
pub struct Eyes {
    source: Source,
    settings: Settings,
    map: Mutex<Option<(Timestamp, Topology)>>,
}

/// What the lists of one look brought.
#[derive(Default)]
struct Objects {
    /// By resource.
    of: BTreeMap<&'static str, Vec<Value>>,
    /// Resources of which at least a part was read.
    seen: Vec<&'static str>,
    gaps: Vec<Gap>,
}

impl Objects {
    fn saw(&self, resource: &str) -> bool {
        self.seen.contains(&resource)
    }
}

impl Eyes {
    /// Of this cluster.
    pub fn new(source: Source, settings: Settings) -> Self {
        Self {
            source,
            settings,
            map: Mutex::new(None),
        }
    }

    /// Lists these sorts of objects, wherever it may.
    fn list(&self, look: &mut Look<'_>, wanted: impl Fn(&Call) -> bool) -> Objects {
        let mut objects = Objects::default();
        let mut unasked: Vec<&str> = Vec::new();
        let mut end: Option<Missed> = None;
        for call in LISTED.iter().filter(|call| wanted(call)) {
            if end.is_some() {
                unasked.push(call.resource);
                continue;
            }
            let everywhere = [None];
            let named: Vec<Option<&str>>;
            let places: &[Option<&str>] = if call.namespaced && !self.settings.namespaces.is_empty()
            {
                let all = self.settings.namespaces.iter();
                named = all.map(|namespace| Some(namespace.as_str())).collect();
                &named
            } else {
                &everywhere
            };
            for place in places {
                let listed = list::all(look, call, *place);
                if listed.missed.is_none() || !listed.objects.is_empty() {
                    let known = objects.of.entry(call.resource).or_default();
                    known.extend(listed.objects);
                    if !objects.saw(call.resource) {
                        objects.seen.push(call.resource);
                    }
                }
                let Some(missed) = listed.missed else {
                    continue;
                };
                objects.gaps.push(self.unlisted(call, *place, &missed));
                if look.closed().is_some() {
                    end = Some(missed);
                    break;
                }
            }
        }
        if let Some(missed) = end.filter(|_| !unasked.is_empty()) {
            let mut gap = self.gap(&missed);
            gap.wanted = unasked.join(", ");
            let rollouts = unasked.iter().any(|one| ROLLOUTS.contains(one));
            objects
                .gaps
                .push(gap.hiding(rollouts.then_some(SourceKind::Changes)));
        }
        objects
    }

    /// That this could not be listed there, and what would help.
    fn unlisted(&self, call: &Call, place: Option<&str>, missed: &Missed) -> Gap {
        let wanted = match place {
            Some(namespace) => format!("{} in {namespace}", call.resource),
            None => call.resource.to_string(),
        };
        let mut gap = missed.gap(&wanted, self.name());
        gap.how_to_close = self.remedy(Some((call, place)), missed, gap.how_to_close);
        let rollouts = ROLLOUTS.contains(&call.resource);
        gap.hiding(rollouts.then_some(SourceKind::Changes))
    }

    /// What would help, in the words of a cluster.
    fn remedy(&self, of: Option<(&Call, Option<&str>)>, missed: &Missed, usual: String) -> String {
        match (missed, of) {
            (Missed::Permission(_), Some((call, place))) => {
                let role = match place {
                    Some(namespace) => format!("a Role in {namespace}"),
                    None => "a ClusterRole".to_string(),
                };
                format!(
                    "grant it by {role} with the rule {}; docs/connectors/kubernetes.md has all of them",
                    call.rule()
                )
            }
            (Missed::Permission(_) | Missed::Stranger(_), _) => format!(
                "see that the kubeconfig or service account of [connectors.{}] is still good",
                self.name()
            ),
            (Missed::Unreached(_), _) => format!(
                "check that {} answers from this machine",
                self.source.address()
            ),
            (Missed::Budget(_) | Missed::TooLong(_), _) => format!(
                "name fewer namespaces in [connectors.{}], or raise its requests, bytes, look or *_per_hour",
                self.name()
            ),
            _ => usual,
        }
    }

    /// Takes over what objects tell.
    fn told(&self, objects: &Objects, hull: TimeWindow, now: Timestamp, brought: &mut Brought) {
        let manifest = manifest(hull, now);
        let mut gathered = Gathered::new(&manifest, directory());
        let mut all: Vec<(Value, RawRef)> = Vec::new();
        // In the order of the table, and each list as the server ordered it.
        for call in LISTED {
            let list = objects.of.get(call.resource).into_iter().flatten();
            let file: Arc<str> = Arc::from(format!("kubernetes/{}", call.resource));
            all.extend(list.zip(1..).map(|(object, line)| {
                let raw = RawRef {
                    file: Arc::clone(&file),
                    line,
                };
                (object.clone(), raw)
            }));
        }
        gather(all, &mut gathered);
        brought.snapshots = gathered.snapshots;
        brought.events = gathered.events;
        brought.changes = gathered.changes;
        brought.topology = topology(gathered.directory);
    }

    /// The lines of pods that look broken. Were there any to be read?
    fn lines(
        &self,
        look: &mut Look<'_>,
        pods: &[Value],
        hull: TimeWindow,
        now: Timestamp,
        brought: &mut Brought,
    ) -> bool {
        let most = usize::try_from(self.settings.pods).unwrap_or(usize::MAX);
        let broken = logs::broken(pods, hull, most);
        let mut read = false;
        for of in &broken {
            let id = format!("pod/{}/{}", of.namespace, of.pod);
            let runs = [of.runs.then_some(false), of.ended.then_some(true)];
            for earlier in runs.into_iter().flatten() {
                let lines = self.settings.lines;
                match logs::read(look, of, earlier, &id.as_str().into(), hull, now, lines) {
                    Ok(lines) => {
                        read = true;
                        brought.logs.extend(lines);
                    }
                    // It is gone, or never ran: there is nothing that could be read.
                    Err(Missed::Refused(400 | 404, _)) => {}
                    Err(missed) => {
                        brought.gaps.push(self.unlisted(&LOGS, None, &missed));
                        return read;
                    }
                }
            }
        }
        if read {
            brought.gaps.push(Gap::new(
                "lines of pods that look well",
                GapReason::Budget,
                format!(
                    "{}: lines are read of pods that look broken only",
                    self.name()
                ),
                "send lines over OTLP, or ask for them where they are kept, such as [connectors.loki.NAME]",
            ));
        }
        read
    }

    /// Its version, and by how much its clock is ahead, if that matters.
    fn version(&self, look: &mut Look<'_>) -> Result<(String, Span), Missed> {
        let answered = look.ask(calls::VERSION, &[])?;
        let ahead = self.source.ahead(answered.date);
        let version: Value = serde_json::from_slice(&answered.body)
            .map_err(|error| Missed::Strange(error.to_string()))?;
        let version = text_at(&version, &["gitVersion"]);
        if version.is_empty() {
            return Err(Missed::Strange("no gitVersion was found".to_string()));
        }
        Ok((version.chars().take(40).collect(), ahead))
    }
}

impl Live for Eyes {
    fn name(&self) -> &str {
        self.source.name()
    }

    fn look(&self, hull: TimeWindow, now: Timestamp) -> Brought {
        let mut look = self.source.look();
        let mut brought = self.source.brought("Kubernetes API");
        let ahead = match self.version(&mut look) {
            Ok((_, ahead)) => ahead,
            Err(missed) => {
                let mut gap = self.gap(&missed);
                gap.wanted = "objects and events of the cluster".to_string();
                let all = [
                    SourceKind::Logs,
                    SourceKind::Changes,
                    SourceKind::State,
                    SourceKind::Events,
                    SourceKind::Topology,
                ];
                brought.gaps.push(gap.hiding(all));
                brought.asked.spent = look.spent();
                return brought;
            }
        };
        let mut objects = self.list(&mut look, |_| true);
        brought.gaps.append(&mut objects.gaps);
        if ahead.0 != 0 {
            brought.gaps.push(self.source.off(ahead));
        }
        // What it tells is told by its own clock.
        let theirs = |at: Timestamp| at.plus(ahead);
        let (then, now_there) = (
            TimeWindow::new(theirs(hull.from()), theirs(hull.to())).unwrap_or(hull),
            theirs(now),
        );
        self.told(&objects, then, now_there, &mut brought);
        let pods = objects.of.remove("pods").unwrap_or_default();
        let read = self.lines(&mut look, &pods, then, now_there, &mut brought);
        shift(&mut brought, self.name(), ahead, now);
        brought.seen = seen(
            objects.seen.iter().any(|one| *one != "events"),
            objects.saw("events"),
            objects.saw("replicasets") || objects.saw("controllerrevisions"),
            read,
        );
        brought.asked.spent = look.spent();
        brought
    }

    fn greet(&self) -> Result<String, Missed> {
        let mut look = self.source.look_for(GREETING);
        let (version, ahead) = self.version(&mut look)?;
        let objects = self.list(&mut look, |call| ["pods", "nodes"].contains(&call.resource));
        let count = |resource: &str| objects.of.get(resource).map_or(0, Vec::len);
        let mut said = format!(
            "Kubernetes {version}: {} pods, {} nodes",
            count("pods"),
            count("nodes")
        );
        if !self.settings.namespaces.is_empty() {
            said += &format!(" (pods of {})", self.settings.namespaces.join(", "));
        }
        if let Some(gap) = objects.gaps.first() {
            said += &format!("; not {}: {}", gap.wanted, gap.how_to_close);
        }
        let sees = "objects, events, rollouts, and lines of pods that look broken; no metrics, no traces, and nothing of secrets";
        Ok(self.source.greeting(&said, ahead, sees))
    }

    fn gap(&self, missed: &Missed) -> Gap {
        let mut gap = missed.gap("", self.name());
        gap.how_to_close = self.remedy(None, missed, gap.how_to_close);
        gap
    }

    fn around(&self, now: Timestamp) -> Topology {
        if let Some((at, known)) = &*self.map.lock().unwrap_or_else(PoisonError::into_inner)
            && now.since(*at).0.saturating_abs() < MAP_LASTS.0
        {
            return known.clone();
        }
        let mut look = self.source.look();
        let objects = self.list(&mut look, |call| MAP.contains(&call.resource));
        let mut brought = Brought::default();
        if let Some(hull) = TimeWindow::new(now.minus(Span::minutes(1)), now) {
            self.told(&objects, hull, now, &mut brought);
        }
        // An empty map stands too: a server that does not answer is not asked at every alarm.
        *self.map.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((now, brought.topology.clone()));
        brought.topology
    }
}

/// The head that the reader of documents wants: when was this?
fn manifest(hull: TimeWindow, now: Timestamp) -> Manifest {
    Manifest {
        schema: SCHEMA.to_string(),
        id: String::new(),
        title: String::new(),
        now,
        window: hull,
        baselines: Vec::new(),
        gaps: Vec::new(),
        sources: Vec::new(),
        origin: String::new(),
        licence: String::new(),
    }
}

fn directory() -> Directory {
    Directory::new(Arc::<Declared>::default())
}

fn topology(directory: Directory) -> Topology {
    let mut topology = Topology {
        entities: directory.met.into_values().collect(),
        edges: directory.edges.into_values().collect(),
    };
    topology.normalise();
    topology
}

/// Brings what happened to our clock, and leaves out what is still to come by it.
fn shift(brought: &mut Brought, name: &str, ahead: Span, now: Timestamp) {
    for event in &mut brought.events {
        event.first = event.first.minus(ahead);
        event.last = event.last.minus(ahead).min(now).max(event.first);
    }
    brought.events.retain(|event| event.first <= now);
    for change in &mut brought.changes {
        dated::shift(change, ahead);
    }
    dated::until(now, name, brought);
    for line in &mut brought.logs {
        line.time = line.time.minus(ahead);
    }
    for snapshot in &mut brought.snapshots {
        snapshot.time = snapshot.time.minus(ahead);
    }
}

/// The kinds of telemetry that were read.
fn seen(state: bool, events: bool, changes: bool, logs: bool) -> &'static [SourceKind] {
    use SourceKind::{Changes, Events, Logs, State};
    match (state, events, changes, logs) {
        (false, false, false, _) => &[],
        (true, false, false, false) => &[State],
        (false, true, false, _) => &[Events],
        (true, true, false, false) => &[State, Events],
        (_, false, true, false) => &[State, Changes],
        (_, true, true, false) => &[State, Events, Changes],
        (true, false, false, true) => &[State, Logs],
        (true, true, false, true) => &[State, Events, Logs],
        (_, false, true, true) => &[State, Changes, Logs],
        (_, true, true, true) => &[State, Events, Changes, Logs],
    }
}
