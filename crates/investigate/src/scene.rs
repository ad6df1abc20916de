//! All that is known before we look: who there is, who leans on whom, and which stretches of time to compare.
//!
//! Entities get dense numbers in the order of their ids, so that the rest of the engine works on
//! plain arrays. Copies of one service (its pods) are rolled up into one *unit*: what a pod shows,
//! its service shows.

use model::ports::Eyes;
use model::query::{Answer, Gap, GapReason};
use model::recording::BaselineKind;
use model::time::{MINUTE, Span};
use model::{EdgeKind, Entity, EntityId, EntityKind, SourceKind, TimeWindow, Timestamp};
use rustc_hash::FxHashMap;

/// One edge between dense entity numbers: `from` leans on `to`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SceneEdge {
    /// The one that leans.
    pub from: u32,
    /// The one leaned upon.
    pub to: u32,
    /// How.
    pub kind: EdgeKind,
    /// 0..1.
    pub confidence: f64,
    /// Requests along the edge per request of `from`, where known.
    pub calls_per_request: Option<f64>,
    /// The lines that tell of it (number in `Facts::logs`), where the map does not.
    pub told_by: Option<u32>,
}

/// All that is known before we look. Once built, only ways that lines tell of are added ([`Scene::hear_of`]), and what
/// sources refuse.
#[derive(Clone, Debug)]
pub struct Scene {
    /// Sorted by id; an index into this is how the engine names an entity.
    pub entities: Vec<Entity>,
    index: FxHashMap<EntityId, u32>,
    /// The unit that stands for each entity: a pod's service, else the entity itself.
    pub unit_of: Vec<u32>,
    /// Sorted by (from, to, kind), and after these what lines tell of; between units, self-loops removed.
    pub edges: Vec<SceneEdge>,
    /// Per entity: numbers of the edges that leave it (what it leans on).
    pub leans_on: Vec<Vec<u32>>,
    /// Per entity: numbers of the edges that reach it (who leans on it).
    pub carries: Vec<Vec<u32>>,
    /// The stretch in which the incident is looked for.
    pub window: TimeWindow,
    /// The stretch just before it that shows health.
    pub near: TimeWindow,
    /// Stretches long ago that show health; may be empty.
    pub history: Vec<TimeWindow>,
    /// No past was recorded: the first part of the incident's own window stands for it.
    pub borrowed: bool,
    /// When the looking happens; nothing after it is read.
    pub now: Timestamp,
    /// When the first alarm fired; `now` without one.
    pub alarm_at: Timestamp,
    /// When the last alarm fired; `now` without one. Two incidents at once begin at two times.
    pub last_alarm_at: Timestamp,
    /// The units that the alarms are about, sorted.
    pub alarmed: Vec<u32>,
    /// What could not be seen: the recording's own list, and what sources refused.
    pub gaps: Vec<Gap>,
}

impl Scene {
    /// Are there changes that could not be looked at, whatever others were?
    pub fn is_blind_to_changes(&self) -> bool {
        self.gaps.iter().any(Gap::hides_changes)
    }

    /// Reads the map and the head of the case.
    pub fn read(eyes: &dyn Eyes) -> Self {
        let manifest = eyes.manifest();
        let window = manifest.window;
        let alarm_at = eyes
            .alarms()
            .iter()
            .map(|a| a.fired_at)
            .min()
            .unwrap_or(manifest.now);
        let last_alarm_at = eyes
            .alarms()
            .iter()
            .map(|a| a.fired_at)
            .max()
            .unwrap_or(manifest.now);
        let near = manifest
            .baselines
            .iter()
            .find(|b| b.kind == BaselineKind::Near)
            .map(|b| b.window)
            .or_else(|| {
                TimeWindow::new(
                    window
                        .from()
                        .minus(Span(window.length().0.max(20 * MINUTE).saturating_mul(3))),
                    window.from(),
                )
            })
            .unwrap_or(window);
        let history = manifest
            .baselines
            .iter()
            .filter(|b| b.kind == BaselineKind::History)
            .map(|b| b.window)
            .collect();
        let everything = TimeWindow::new(Timestamp(i64::MIN), manifest.now).unwrap_or(window);
        let mut gaps = manifest.gaps.clone();
        let mut topology = match eyes.topology(everything) {
            Answer::Found(topology) => topology,
            Answer::Nothing => Default::default(),
            Answer::CouldNotLook(gap) => {
                if !gaps.contains(&gap) {
                    gaps.push(gap);
                }
                Default::default()
            }
        };
        topology.normalise();

        // Telemetry may speak of entities that the map does not know: they are added without edges.
        let mut extra: Vec<EntityId> = eyes.alarms().iter().map(|a| a.entity.clone()).collect();
        if let Some(series) = eyes.series().found() {
            extra.extend(series.iter().map(|s| s.key.entity.clone()));
        }
        if let Some(snapshots) = eyes.snapshots(everything).found() {
            extra.extend(snapshots.into_iter().map(|s| s.entity));
        }
        if let Some(events) = eyes.events(everything).found() {
            extra.extend(events.into_iter().map(|e| e.entity));
        }
        extra.extend(
            topology
                .edges
                .iter()
                .flat_map(|e| [e.from.clone(), e.to.clone()]),
        );
        extra.sort();
        extra.dedup();
        extra.retain(|id| topology.entity(id).is_none());
        topology.entities.extend(extra.into_iter().map(|id| {
            let name = id
                .as_str()
                .rsplit('/')
                .next()
                .unwrap_or_default()
                .to_string();
            Entity {
                kind: EntityKind::Unknown,
                name,
                labels: Default::default(),
                id,
            }
        }));
        topology.normalise();

        let entities = topology.entities;
        let index: FxHashMap<EntityId, u32> = entities
            .iter()
            .enumerate()
            .map(|(i, e)| (e.id.clone(), i as u32))
            .collect();
        let mut unit_of: Vec<u32> = (0..entities.len() as u32).collect();
        for edge in topology
            .edges
            .iter()
            .filter(|e| e.kind == EdgeKind::ServedBy)
        {
            if let (Some(&from), Some(&to)) = (index.get(&edge.from), index.get(&edge.to)) {
                // The first server in the order of ids wins, so that a shared copy has one unit.
                if unit_of[to as usize] == to && from != to {
                    unit_of[to as usize] = from;
                }
            }
        }
        // A workload's pods may belong to a service one step further up: follow, but never in a circle.
        for start in 0..entities.len() {
            let mut at = start;
            for _ in 0..4 {
                let up = unit_of[at] as usize;
                if up == at || up == start {
                    break;
                }
                at = up;
            }
            unit_of[start] = at as u32;
        }

        let mut edges: Vec<SceneEdge> = topology
            .edges
            .iter()
            .filter_map(|e| {
                let from = unit_of[*index.get(&e.from)? as usize];
                let to = unit_of[*index.get(&e.to)? as usize];
                (from != to && e.kind != EdgeKind::ServedBy).then_some(SceneEdge {
                    from,
                    to,
                    kind: e.kind,
                    confidence: e.confidence.clamp(0.0, 1.0),
                    calls_per_request: e.calls_per_request.filter(|c| c.is_finite() && *c >= 0.0),
                    told_by: None,
                })
            })
            .collect();
        edges.sort_by(|a, b| {
            (a.from, a.to, a.kind)
                .cmp(&(b.from, b.to, b.kind))
                .then(b.confidence.total_cmp(&a.confidence))
        });
        edges.dedup_by(|a, b| (a.from, a.to, a.kind) == (b.from, b.to, b.kind));
        let mut leans_on = vec![Vec::new(); entities.len()];
        let mut carries = vec![Vec::new(); entities.len()];
        for (number, edge) in edges.iter().enumerate() {
            leans_on[edge.from as usize].push(number as u32);
            carries[edge.to as usize].push(number as u32);
        }
        let mut alarmed: Vec<u32> = eyes
            .alarms()
            .iter()
            .filter_map(|a| index.get(&a.entity))
            .map(|&e| unit_of[e as usize])
            .collect();
        alarmed.sort_unstable();
        alarmed.dedup();
        Self {
            entities,
            index,
            unit_of,
            edges,
            leans_on,
            carries,
            window,
            near,
            history,
            borrowed: false,
            now: manifest.now,
            alarm_at,
            last_alarm_at,
            alarmed,
            gaps,
        }
    }

    /// The number of an entity.
    pub fn number(&self, id: &EntityId) -> Option<u32> {
        self.index.get(id).copied()
    }

    /// The unit that stands for an entity.
    pub fn unit(&self, id: &EntityId) -> Option<u32> {
        self.number(id).map(|n| self.unit_of[n as usize])
    }

    /// What people call it.
    pub fn name(&self, number: u32) -> &str {
        &self.entities[number as usize].name
    }

    /// Its id.
    pub fn id(&self, number: u32) -> &EntityId {
        &self.entities[number as usize].id
    }

    /// Could evidence of one of these kinds, of this unit, not be looked at? What was never recorded of a whole system was not
    /// kept from us this time: all its verdicts live without it.
    pub fn was_kept_from_us(&self, unit: u32, kinds: &[SourceKind]) -> bool {
        let id = self.id(unit);
        self.gaps.iter().any(|gap| {
            gap.entity.as_ref().is_none_or(|of| of == id)
                && gap.why != GapReason::NotRecorded
                && kinds.iter().any(|kind| gap.conceals(*kind))
        })
    }

    /// Is it a part of the platform (the orchestrator's controllers, a kernel) that writes about others?
    pub fn is_of_the_platform(&self, unit: u32) -> bool {
        const PLATFORM: &[&str] = &[
            "kube-",
            "kubelet",
            "scheduler",
            "controller-manager",
            "cluster-autoscaler",
            "karpenter",
            "containerd",
            "dockerd",
            "cri-o",
            "kernel",
            "systemd",
            "argocd",
            "argo-rollouts",
            "flux",
            "horizontal-pod-autoscaler",
        ];
        let name = self.name(unit).to_ascii_lowercase();
        PLATFORM.iter().any(|p| name.starts_with(p))
    }

    /// That `from` leans on `to`, by what it says itself (in the lines of this number) where the map knows of no way.
    pub fn hear_of(&mut self, from: u32, to: u32, told_by: u32) {
        let number = self.edges.len() as u32;
        self.leans_on[from as usize].push(number);
        self.carries[to as usize].push(number);
        self.edges.push(SceneEdge {
            from,
            to,
            kind: EdgeKind::Calls,
            confidence: crate::constants::TOLD_BY_LINES,
            calls_per_request: None,
            told_by: Some(told_by),
        });
    }

    /// The units that `unit` calls, reads from or copies from, by the map.
    pub fn called_by_the_map(&self, unit: u32) -> impl Iterator<Item = u32> {
        let below = self.leans_on[unit as usize].iter();
        below
            .map(|&edge| &self.edges[edge as usize])
            .filter(|edge| {
                let passes_on = matches!(
                    edge.kind,
                    EdgeKind::Calls | EdgeKind::Consumes | EdgeKind::ReplicatesFrom
                );
                passes_on && edge.told_by.is_none()
            })
            .map(|edge| edge.to)
    }

    /// The units that `unit` leans on, with the edge.
    pub fn below(&self, unit: u32) -> impl Iterator<Item = (u32, &SceneEdge)> {
        self.leans_on[unit as usize]
            .iter()
            .map(|&e| (self.edges[e as usize].to, &self.edges[e as usize]))
    }

    /// Whom a name means: where it is that of an address which is watched from outside, whoever answers there, if that is
    /// one; else the unit itself.
    pub fn meant_by(&self, unit: u32) -> u32 {
        if self.entities[unit as usize].kind != EntityKind::Client {
            return unit;
        }
        let mut answering = self
            .below(unit)
            .filter(|(_, edge)| edge.kind == EdgeKind::Calls)
            .map(|(callee, _)| callee);
        answering
            .next()
            .filter(|_| answering.next().is_none())
            .unwrap_or(unit)
    }

    /// The units that lean on `unit`, with the edge.
    pub fn above(&self, unit: u32) -> impl Iterator<Item = (u32, &SceneEdge)> {
        self.carries[unit as usize]
            .iter()
            .map(|&e| (self.edges[e as usize].from, &self.edges[e as usize]))
    }

    /// From the earliest stretch that shows health (history left out) until now.
    pub fn span(&self) -> TimeWindow {
        TimeWindow::new(self.near.from().min(self.window.from()), self.now).unwrap_or(self.window)
    }
}

impl Scene {
    /// Until the onset is known, the first third of what was recorded before the alarm stands for health,
    /// where the recording declares no baseline of its own.
    pub fn borrow_baseline(&mut self, first: Option<Timestamp>) {
        let Some(first) = first else { return };
        if !self.history.is_empty() || first < self.window.from().minus(Span(5 * MINUTE)) {
            // There is a past outside of the window: nothing needs to be borrowed.
            self.widen_near(first);
            return;
        }
        let third = Timestamp(first.0 + (self.alarm_at.max(first).0 - first.0) / 3);
        if let (Some(near), Some(window)) = (
            TimeWindow::new(first, third),
            TimeWindow::new(third, self.window.to()),
        ) {
            self.near = near;
            self.window = window;
            self.borrowed = true;
        }
    }

    /// An alarm at the very end of what was recorded leaves nothing behind it that could be compared: the
    /// stretch before it is the incident then.
    fn alarm_ends_the_window(&self) -> bool {
        let after = self.window.to().since(self.alarm_at).0;
        after * 10 < self.window.length().0
    }

    fn widen_near(&mut self, first: Timestamp) {
        if first < self.near.from()
            && !self.history.iter().any(|h| h.contains(first))
            && let Some(near) = TimeWindow::new(first, self.near.to())
        {
            self.near = near;
        }
    }

    /// Draws the line between "before" and "incident": at the onset, if one was seen, else at the alarm,
    /// else where the recording's window begins.
    ///
    /// The line never lies after the alarm: what alarmed had begun by then.
    pub fn settle(&mut self, onset: Option<Timestamp>) {
        let line = onset.unwrap_or(self.alarm_at).min(self.alarm_at);
        if onset.is_none() && (line <= self.window.from() || self.alarm_ends_the_window()) {
            return;
        }
        let from = self.near.from().min(self.window.from());
        if let (Some(near), Some(window)) = (
            TimeWindow::new(from, line),
            TimeWindow::new(line, self.window.to()),
        ) {
            self.near = near;
            self.window = window;
        }
    }
}
