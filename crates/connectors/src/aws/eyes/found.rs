//! What one place showed, and rows that the importer's readers hand over.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use model::case::{OwnedLog, OwnedSpan};
use model::query::{Gap, GapReason};
use model::source::Asked;
use model::telemetry::RawRef;
use model::time::{MINUTE, TimeWindow, Timestamp};
use model::{
    Change, ChangeKind, EdgeKind, EntityId, Event, Series, Severity, SourceKind, StateSnapshot,
    Topology,
};
use serde_json::Value;

use super::ask::{Asking, Miss};
use super::repeats::clip;
use crate::files::aws::names;
use crate::files::entities::{Declared, Directory, Who};
use crate::files::rows::{LogParts, SpanParts};
use crate::files::stream::{Flow, ON, Place as Row, Sink, sort_fields};
use crate::pull::Brought;

/// A change that says no more than this.
pub(super) fn plain(
    title: &str,
    (start, end): (Timestamp, Timestamp),
    entities: Vec<EntityId>,
) -> Change {
    Change {
        id: String::new(),
        kind: ChangeKind::Config,
        start,
        end,
        entities,
        actor: String::new(),
        title: clip(title),
        files: Vec::new(),
        diff: None,
        version: String::new(),
        carries: Vec::new(),
        undone: None,
        raw: RawRef::default(),
    }
}

/// What one place showed.
pub(super) struct Found {
    pub seen: BTreeSet<SourceKind>,
    pub directory: Directory,
    pub series: Vec<Series>,
    pub logs: Vec<OwnedLog>,
    pub spans: Vec<OwnedSpan>,
    pub changes: Vec<Change>,
    pub snapshots: Vec<StateSnapshot>,
    pub events: Vec<Event>,
    pub gaps: Vec<Gap>,
    /// Gaps of what got no answer at all, until it is known which evidence that would have been.
    unanswered: Vec<Gap>,
    pub asked: Vec<Asked>,
    /// Edges that are not the directory's: of spans and service graphs.
    pub topology: Topology,
    /// How much was given that lies in quite another time than was asked for; it was left out.
    pub strays: u64,
}

/// A service may round the time that it is asked about by an hour, and its clock may be off by as much as it lets pass.
const ROUNDED: i64 = 60 * MINUTE;

/// Does it lie in quite another time?
pub(super) fn is_astray(at: Timestamp, asked: TimeWindow) -> bool {
    at.0 < asked.from().0.saturating_sub(ROUNDED) || at.0 > asked.to().0.saturating_add(ROUNDED)
}

impl Default for Found {
    fn default() -> Self {
        Self {
            seen: BTreeSet::new(),
            directory: Directory::new(Arc::<Declared>::default()),
            series: Vec::new(),
            logs: Vec::new(),
            spans: Vec::new(),
            changes: Vec::new(),
            snapshots: Vec::new(),
            events: Vec::new(),
            gaps: Vec::new(),
            unanswered: Vec::new(),
            asked: Vec::new(),
            topology: Topology::default(),
            strays: 0,
        }
    }
}

impl Found {
    /// The id of whom an ARN or a name is of; `None` if it is of nobody that we know.
    pub fn by_arn(&mut self, arn: &str) -> Option<EntityId> {
        let (kind, name) = names::arn(arn);
        let kind = kind.filter(|kind| *kind != model::EntityKind::Unknown)?;
        Some(self.named(kind, name))
    }

    /// The id of a thing of this kind and name.
    pub fn named(&mut self, kind: model::EntityKind, name: &str) -> EntityId {
        self.directory.id(&Who::Named(kind, Cow::Borrowed(name)))
    }

    /// The id of a thing that is in the place that was asked, with where that is.
    pub fn there(&mut self, asking: &Asking<'_>, kind: model::EntityKind, name: &str) -> EntityId {
        let entity = self.named(kind, name);
        let place = asking.place;
        self.directory.label(&entity, "cloud.region", &place.region);
        self.directory
            .label(&entity, "cloud.account", &place.account);
        entity
    }

    /// Those of `things` that are asked about one by one, as many as the settings allow, whoever fires first. `wanted`
    /// is what is asked of them, of `all` (such as `tables`), of which there are `more`.
    pub fn first<T: Ord>(
        &mut self,
        asking: &Asking<'_>,
        firing: &BTreeSet<EntityId>,
        words: (&str, &str),
        things: Vec<(EntityId, T)>,
        more: bool,
    ) -> Vec<(EntityId, T)> {
        let most = asking.settings.details;
        self.first_of(asking, firing, words, things, (more, most))
    }

    /// The same, `most` of them: where one question asks about several.
    pub fn first_of<T: Ord>(
        &mut self,
        asking: &Asking<'_>,
        firing: &BTreeSet<EntityId>,
        (wanted, all): (&str, &str),
        mut things: Vec<(EntityId, T)>,
        (more, most): (bool, usize),
    ) -> Vec<(EntityId, T)> {
        things.sort_by(|(a, one), (b, other)| {
            let key = |entity: &EntityId| !firing.contains(entity);
            (key(a), a, one).cmp(&(key(b), b, other))
        });
        if things.len() > most || more {
            let least = if more { "at least " } else { "" };
            let detail = format!(
                "{} of {least}{} {all} were asked about",
                most.min(things.len()),
                things.len()
            );
            self.gaps.push(asking.cut(wanted, detail, "raise details"));
        }
        things.truncate(most);
        things
    }

    /// Everybody who has an address, by it: a host name, or numbers that the whole world knows.
    pub fn addresses(&self) -> BTreeMap<String, EntityId> {
        let mut addresses = BTreeMap::new();
        for (id, entity) in &self.directory.met {
            for label in ["endpoint", "address"] {
                if let Some(address) = entity.labels.get(label) {
                    let address = address.trim_end_matches('.').to_ascii_lowercase();
                    addresses.entry(address).or_insert_with(|| id.clone());
                }
            }
        }
        addresses
    }

    /// Whom dimensions are about; without any that tell, `otherwise`.
    pub fn by_dimensions(&mut self, dimensions: &[(String, String)], otherwise: &str) -> EntityId {
        let pairs = dimensions.iter().map(|(n, v)| (n.as_str(), v.as_str()));
        match names::most_telling(pairs) {
            Some(who) => self.directory.id(&who),
            None => self.named(model::EntityKind::Unknown, otherwise),
        }
    }

    /// A document of how a thing is set.
    pub fn state(&mut self, entity: EntityId, kind: &str, document: Value, now: Timestamp) {
        self.snapshots.push(StateSnapshot {
            entity,
            // A look ends before `now`: what it shows was so a moment earlier.
            time: Timestamp(now.0.saturating_sub(1)),
            kind: kind.to_string(),
            document,
            raw: model::telemetry::RawRef::default(),
        });
    }

    /// Something that AWS says happened.
    pub fn event(
        &mut self,
        entity: EntityId,
        at: Timestamp,
        (source, reason): (&str, &str),
        message: String,
        severity: Option<Severity>,
    ) {
        self.events.push(Event {
            entity,
            first: at,
            last: at,
            source: source.to_string(),
            reason: reason.to_string(),
            message,
            severity,
            count: 1,
            raw: model::telemetry::RawRef::default(),
        });
    }

    /// That `from` leans on `to`.
    pub fn edge(&mut self, from: &EntityId, to: &EntityId, kind: EdgeKind, seen_in: &str) {
        self.directory.edge(from, to, kind, seen_in);
    }

    /// That something could not be seen.
    pub fn missed(&mut self, asking: &Asking<'_>, wanted: &str, miss: &Miss) {
        self.unanswered.push(asking.gap(wanted, miss));
    }

    /// That something was given of quite another time.
    pub fn tell_strays(&mut self, asking: &Asking<'_>, kind: SourceKind) {
        if self.strays > 0 {
            let gap = Gap::new(
                format!("the right {}", kind.word()),
                GapReason::Connector,
                format!(
                    "{}: {} of them lie in another time than was asked for; they were left out",
                    asking.here(),
                    self.strays
                ),
                format!(
                    "see what answers there: endpoint in [connectors.{}]",
                    asking.source
                ),
            );
            self.gaps.push(gap.hiding([kind]));
            self.strays = 0;
        }
    }

    /// The same, where what was not answered is evidence of this kind. What was only cut short hides nothing by
    /// itself: whoever fires was asked about first.
    #[must_use]
    pub fn of(mut self, kind: SourceKind) -> Self {
        let unanswered = std::mem::take(&mut self.unanswered).into_iter();
        self.gaps.extend(unanswered.map(|gap| gap.hiding([kind])));
        self
    }

    /// Takes over what another part of the same place found.
    pub fn join(&mut self, other: Self) {
        self.seen.extend(other.seen);
        self.directory.merge(other.directory);
        self.series.extend(other.series);
        self.logs.extend(other.logs);
        self.spans.extend(other.spans);
        self.changes.extend(other.changes);
        self.snapshots.extend(other.snapshots);
        self.events.extend(other.events);
        self.gaps.extend(other.gaps);
        self.unanswered.extend(other.unanswered);
        self.asked.extend(other.asked);
        self.topology.join(other.topology);
    }

    /// Everybody, and who leans on whom.
    pub fn map(&self) -> Topology {
        let mut topology = Topology {
            entities: self.directory.met.values().cloned().collect(),
            edges: self.directory.edges.values().cloned().collect(),
        };
        topology.join(self.topology.clone());
        topology
    }

    /// Calls everybody by these names instead.
    pub fn rename(&mut self, names: &BTreeMap<EntityId, EntityId>) {
        let new = |id: &mut EntityId| {
            if let Some(name) = names.get(id) {
                *id = name.clone();
            }
        };
        self.series
            .iter_mut()
            .for_each(|one| new(&mut one.key.entity));
        self.logs.iter_mut().for_each(|one| new(&mut one.entity));
        self.spans.iter_mut().for_each(|one| new(&mut one.entity));
        self.snapshots
            .iter_mut()
            .for_each(|one| new(&mut one.entity));
        self.events.iter_mut().for_each(|one| new(&mut one.entity));
        for change in &mut self.changes {
            change.entities.iter_mut().for_each(new);
        }
        for asked in &mut self.asked {
            asked.entity.iter_mut().for_each(new);
        }
        for gap in self.gaps.iter_mut().chain(&mut self.unanswered) {
            gap.entity.iter_mut().for_each(new);
        }
        let mut map = self.map();
        map.entities.iter_mut().for_each(|one| new(&mut one.id));
        for edge in &mut map.edges {
            new(&mut edge.from);
            new(&mut edge.to);
        }
        map.normalise();
        self.directory = Directory::new(Arc::<Declared>::default());
        self.topology = map;
    }

    /// Puts it into what the whole look brings.
    pub fn pour(self, brought: &mut Brought) {
        brought.topology.join(self.map());
        brought.series.extend(self.series);
        brought.logs.extend(self.logs);
        brought.spans.extend(self.spans);
        brought.changes.extend(self.changes);
        brought.snapshots.extend(self.snapshots);
        brought.events.extend(self.events);
        brought.gaps.extend(self.gaps);
        brought.gaps.extend(self.unanswered);
        brought.asked.asked.extend(self.asked);
    }
}

/// The kinds as a list that lives as long as the program; there are few different ones.
pub(super) fn kinds(seen: &BTreeSet<SourceKind>) -> &'static [SourceKind] {
    static KNOWN: Mutex<BTreeMap<Vec<SourceKind>, &'static [SourceKind]>> =
        Mutex::new(BTreeMap::new());
    let list: Vec<SourceKind> = seen.iter().copied().collect();
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known
        .entry(list.clone())
        .or_insert_with(|| Box::leak(list.into_boxed_slice()))
}

/// Takes rows from the importer's readers.
pub(super) struct Rows {
    directory: Directory,
    file: Arc<str>,
    hull: TimeWindow,
    strays: u64,
    logs: Vec<OwnedLog>,
    spans: Vec<OwnedSpan>,
}

impl Rows {
    /// Into rows of a file of this name, in this time.
    pub fn new(file: &str, hull: TimeWindow) -> Self {
        Self {
            directory: Directory::new(Arc::<Declared>::default()),
            file: Arc::from(file),
            hull,
            strays: 0,
            logs: Vec::new(),
            spans: Vec::new(),
        }
    }

    /// Puts them into what was found.
    pub fn pour(self, found: &mut Found) {
        found.directory.merge(self.directory);
        found.logs.extend(self.logs);
        found.spans.extend(self.spans);
        found.strays += self.strays;
    }
}

fn owned(fields: &[(Cow<'_, str>, Cow<'_, str>)]) -> Vec<(Box<str>, Box<str>)> {
    let pairs = fields.iter();
    pairs
        .map(|(name, value)| ((**name).into(), (**value).into()))
        .collect()
}

impl Sink for Rows {
    fn wants_logs(&self) -> bool {
        true
    }

    fn wants_spans(&self) -> bool {
        true
    }

    fn directory(&mut self) -> &mut Directory {
        &mut self.directory
    }

    fn log(&mut self, mut parts: LogParts<'_>, _: Row) -> Flow {
        if !self.hull.contains(parts.time) {
            self.strays += u64::from(is_astray(parts.time, self.hull));
            return ON;
        }
        let entity = self
            .directory
            .id(parts.who.as_ref().unwrap_or(&Who::Nobody));
        sort_fields(&mut parts.attributes);
        self.logs.push(OwnedLog {
            time: parts.time,
            entity,
            severity: parts.severity,
            body: parts.body.into(),
            attributes: owned(&parts.attributes),
            trace_id: parts.trace_id.into(),
            span_id: parts.span_id.into(),
            file: Arc::clone(&self.file),
            line: self.logs.len() as u64 + 1,
        });
        ON
    }

    fn span(&mut self, mut parts: SpanParts<'_>, _: Row) -> Flow {
        let (start, end) = (parts.start.min(parts.end), parts.start.max(parts.end));
        if !self.hull.contains(start) {
            return ON;
        }
        let entity = self
            .directory
            .id(parts.who.as_ref().unwrap_or(&Who::Nobody));
        sort_fields(&mut parts.attributes);
        self.spans.push(OwnedSpan {
            trace_id: parts.trace_id.into(),
            span_id: parts.span_id.into(),
            parent_id: parts.parent_id.into(),
            entity,
            name: parts.name.into(),
            kind: parts.kind,
            start,
            end,
            error: parts.error,
            message: parts.message.into(),
            peer: parts.peer.into(),
            attributes: owned(&parts.attributes),
            file: Arc::clone(&self.file),
            line: self.spans.len() as u64 + 1,
        });
        ON
    }
}
