//! The facts, laid out by unit, so that many conditions can be asked of them.

use std::borrow::Cow;
use std::collections::BTreeSet;

use model::{EdgeKind, EntityKind, SourceKind, Timestamp};
use rustc_hash::FxHashMap;

use crate::catalogue::{Condition, Shape, StepCondition, TraceCondition, Where};
use crate::constants::{RARE_AMONG_PEERS, SURE_OF_CALLS, SURE_OF_STEPS};
use crate::facts::{EdgeFact, Facts, LogFact, SeriesFact, WorkFact};
use crate::probes::events::{self, EventFact, Standing};
use crate::probes::states::{self, Health, StateFact};
use crate::role::Role;
use crate::scene::Scene;

use super::compiled::Signature;
use super::{Compiled, FactRef, Hit, Outcome, collect, document, names, series};

/// From so many times the usual on somebody takes processor that others had.
const MANY_TIMES: f64 = 4.0;

/// One signature seen in one fact.
pub(super) struct Sighting {
    pub(super) signature: Signature,
    pub(super) unit: u32,
    pub(super) named: Option<u32>,
    pub(super) fact: FactRef,
}

/// The facts, laid out by unit. Build it once per set of facts, then ask as often as needed.
pub struct Matcher<'a> {
    pub(super) scene: &'a Scene,
    pub(super) facts: &'a Facts,
    pub(super) compiled: &'a Compiled,
    states: Cow<'a, [StateFact]>,
    events: Cow<'a, [EventFact]>,
    names: names::Names,
    logs_of: FxHashMap<u32, Vec<u32>>,
    series_of: FxHashMap<(u32, Role), Vec<u32>>,
    series_of_all: FxHashMap<Role, Vec<u32>>,
    edges_of: FxHashMap<u32, Vec<u32>>,
}

impl<'a> Matcher<'a> {
    /// Lays the facts out. `facts.state_facts` and `facts.event_facts` are used where they are complete,
    /// and made here where they are not.
    pub fn new(scene: &'a Scene, facts: &'a Facts, compiled: &'a Compiled) -> Self {
        let states = if facts.state_facts.len() == facts.states.len() {
            Cow::Borrowed(facts.state_facts.as_slice())
        } else {
            Cow::Owned(states::health(scene, &facts.states))
        };
        let events = if facts.event_facts.len() == facts.events.len() {
            Cow::Borrowed(facts.event_facts.as_slice())
        } else {
            Cow::Owned(events::standing(scene, &facts.events, &states))
        };
        let mut logs_of: FxHashMap<u32, Vec<u32>> = FxHashMap::default();
        for (number, log) in facts.logs.iter().enumerate() {
            for unit in speaks_of(scene, log) {
                logs_of.entry(unit).or_default().push(number as u32);
            }
        }
        let mut series_of: FxHashMap<(u32, Role), Vec<u32>> = FxHashMap::default();
        let mut series_of_all: FxHashMap<Role, Vec<u32>> = FxHashMap::default();
        for (number, fact) in facts.series.iter().enumerate() {
            series_of
                .entry((fact.unit, fact.role))
                .or_default()
                .push(number as u32);
            series_of_all
                .entry(fact.role)
                .or_default()
                .push(number as u32);
        }
        let mut edges_of: FxHashMap<u32, Vec<u32>> = FxHashMap::default();
        for (number, edge) in facts.edges.iter().enumerate() {
            for unit in [edge.caller, edge.callee] {
                edges_of.entry(unit).or_default().push(number as u32);
            }
        }
        let names = names::Names::new(scene);
        Self {
            scene,
            facts,
            compiled,
            states,
            events,
            names,
            logs_of,
            series_of,
            series_of_all,
            edges_of,
        }
    }

    /// The limits that are known of a unit, in the order of the facts.
    fn limits_of(&self, unit: u32) -> impl Iterator<Item = &SeriesFact> {
        let numbers = self.series_of.get(&(unit, Role::Limit));
        numbers
            .into_iter()
            .flatten()
            .map(|number| &self.facts.series[*number as usize])
    }

    /// All signatures that are seen, sorted by (mechanism, unit, signature).
    pub fn matches(&self) -> Vec<Hit> {
        collect(self)
    }

    /// Does the condition hold, seen from the candidate `unit`?
    pub fn test(&self, condition: &Condition, unit: u32) -> Outcome {
        self.outcome(condition, self.seen_from(condition.place, unit).as_deref())
    }

    /// Is there anything of the sort that the condition is about, whether it holds or not?
    pub fn covers(&self, condition: &Condition, unit: u32) -> bool {
        let seen_from = |place| {
            self.look(condition, self.seen_from(place, unit).as_deref())
                .is_some_and(|(refs, looked)| looked || !refs.is_empty())
        };
        // That a name was not answered is written by those who asked.
        seen_from(condition.place) || (condition.lookup && seen_from(Where::Above))
    }

    /// The units at that place, seen from `unit`; `None` stands for all.
    fn seen_from(&self, place: Where, unit: u32) -> Option<Vec<u32>> {
        match place {
            Where::Itself => Some(vec![unit]),
            Where::Below => Some(self.scene.below(unit).map(|(u, _)| u).collect()),
            Where::Above => Some(self.scene.above(unit).map(|(u, _)| u).collect()),
            Where::Anywhere => None,
        }
    }

    /// What the states show, judged; same order as `Facts::states`.
    pub fn states(&self) -> &[StateFact] {
        &self.states
    }

    /// What the events tell, judged; same order as `Facts::events`.
    pub fn events(&self) -> &[EventFact] {
        &self.events
    }

    /// Every signature in every fact, in a fixed order.
    pub(super) fn sightings(&self) -> Vec<Sighting> {
        let mut all = Vec::new();
        self.sightings_in_logs(&mut all);
        self.sightings_in_events(&mut all);
        self.sightings_in_states(&mut all);
        for &signature in &self.compiled.others {
            let condition = self.condition(signature);
            for unit in self.units_of(condition) {
                if let Outcome::Met(facts) = self.outcome(condition, Some(&[unit])) {
                    all.extend(facts.into_iter().map(|fact| Sighting {
                        signature,
                        unit,
                        named: self.outsider(condition, &fact),
                        fact,
                    }));
                }
            }
        }
        self.name_the_ended(&mut all);
        all
    }

    /// What a machine counts of its processes (kills) is told of those on it whose own lines say the same.
    fn name_the_ended(&self, all: &mut Vec<Sighting>) {
        let says = |sighting: &&Sighting| {
            matches!(sighting.fact, FactRef::Log(_)) && self.condition(sighting.signature).own
        };
        let say: BTreeSet<(u32, u32)> = all
            .iter()
            .filter(says)
            .map(|sighting| (sighting.signature.0, sighting.unit))
            .collect();
        let mut lent = Vec::new();
        all.retain(|sighting| {
            let FactRef::Series(number) = &sighting.fact else {
                return true;
            };
            let fact = &self.facts.series[*number as usize];
            if fact.role != Role::Restarts
                || self.scene.entities[fact.unit as usize].kind != EntityKind::Host
            {
                return true;
            }
            let before = lent.len();
            let on_it = say.iter().filter(|(mechanism, unit)| {
                *mechanism == sighting.signature.0
                    && self
                        .scene
                        .below(*unit)
                        .any(|(to, edge)| to == fact.unit && edge.kind == EdgeKind::RunsOn)
            });
            lent.extend(on_it.map(|(_, unit)| Sighting {
                named: Some(*unit),
                fact: sighting.fact.clone(),
                ..*sighting
            }));
            lent.len() == before
        });
        all.extend(lent);
    }

    /// Failing calls to somebody outside speak of the one outside.
    fn outsider(&self, condition: &Condition, fact: &FactRef) -> Option<u32> {
        match (condition.trace, fact) {
            (Some(TraceCondition::ExternalErrors), FactRef::Edge(number)) => self
                .facts
                .edges
                .get(*number as usize)
                .map(|edge| edge.callee),
            (None, FactRef::Series(number)) => {
                let metric = condition.metric.as_ref()?;
                let fact = self.facts.series.get(*number as usize)?;
                (Role::parse(&metric.role) == Some(Role::ProviderErrors))
                    .then(|| self.only_outsider(fact.unit))
                    .flatten()
            }
            _ => None,
        }
    }

    /// The one outside of the house whom this unit calls, where there is just one.
    fn only_outsider(&self, unit: u32) -> Option<u32> {
        let mut outside = self
            .scene
            .below(unit)
            .map(|(callee, _)| callee)
            .filter(|callee| self.scene.entities[*callee as usize].kind == EntityKind::External);
        let first = outside.next()?;
        outside.all(|other| other == first).then_some(first)
    }

    fn condition(&self, (mechanism, signature): Signature) -> &'static Condition {
        &self.compiled.catalogue().mechanisms[mechanism as usize].signatures[signature as usize]
    }

    fn named(&self, condition: &Condition, text: &str) -> Option<u32> {
        let group = condition.names.as_deref()?;
        let captured = self.compiled.capture(condition.pattern()?, group, text)?;
        let entity = self.names.resolve(captured)? as usize;
        Some(self.scene.meant_by(self.scene.unit_of[entity]))
    }

    /// Whose trouble it is that `unit` was not told whom a name means: of those whom it asks for names. Where nobody knows
    /// them, of the one by that name (`named`), unless somebody else reaches it: then, as where nobody is called so, of
    /// the one who asked.
    pub(super) fn answerers(&self, unit: u32, named: Option<u32>) -> Vec<u32> {
        let asked: Vec<u32> = self
            .scene
            .below(unit)
            .filter(|(_, edge)| edge.kind == EdgeKind::AsksNames)
            .map(|(server, _)| server)
            .collect();
        if !asked.is_empty() {
            return asked;
        }
        let reached = |named: &u32| {
            let edges = self.edges_of.get(named).into_iter().flatten();
            edges
                .map(|number| &self.facts.edges[*number as usize])
                .filter(|edge| edge.callee == *named && edge.caller != unit)
                .any(|edge| edge.calls.1 > 0 && 2 * edge.errors.1 < edge.calls.1)
        };
        vec![named.filter(|named| !reached(named)).unwrap_or(unit)]
    }

    fn sightings_in_logs(&self, all: &mut Vec<Sighting>) {
        for (number, log) in self
            .facts
            .logs
            .iter()
            .enumerate()
            .filter(|(_, log)| is_unusual(log))
        {
            let (template, example) = (
                self.compiled.logs.expressions().matches(&log.template),
                self.compiled.logs.expressions().matches(&log.example),
            );
            for which in 0..self.compiled.logs.of.len() {
                if !(template.matched(which) || example.matched(which)) {
                    continue;
                }
                let signature = self.compiled.logs.of[which];
                let condition = self.condition(signature);
                if self.excepted(condition, &[&log.template, &log.example]) {
                    continue;
                }
                let named = self.named(condition, &log.example);
                for unit in speaks_of(self.scene, log) {
                    all.push(Sighting {
                        signature,
                        unit,
                        named,
                        fact: FactRef::Log(number as u32),
                    });
                }
            }
        }
    }

    fn sightings_in_events(&self, all: &mut Vec<Sighting>) {
        for event in self.events.iter().filter(|e| e.standing != Standing::Old) {
            for which in self
                .compiled
                .events
                .expressions()
                .matches(&event.text)
                .iter()
            {
                let signature = self.compiled.events.of[which];
                let condition = self.condition(signature);
                if (event.is_current() || condition.moment)
                    && !self.excepted(condition, &[&event.text])
                {
                    let named = self.named(condition, &event.text);
                    all.push(Sighting {
                        signature,
                        unit: event.unit,
                        named,
                        fact: FactRef::Event(event.index),
                    });
                }
            }
        }
    }

    fn sightings_in_states(&self, all: &mut Vec<Sighting>) {
        for state in self.states.iter().filter(|s| s.health != Health::Leaving) {
            for saying in &state.sayings {
                for which in self
                    .compiled
                    .shows
                    .expressions()
                    .matches(&saying.text)
                    .iter()
                {
                    let signature = self.compiled.shows.of[which];
                    let condition = self.condition(signature);
                    let kind = condition.state.as_ref().map_or("", |s| s.kind.as_str());
                    if !is_kind(kind, &state.kind) || self.excepted(condition, &[&saying.text]) {
                        continue;
                    }
                    let named = self.named(condition, &saying.text);
                    let fact = FactRef::State(state.index, saying.path.clone());
                    all.push(Sighting {
                        signature,
                        unit: state.unit,
                        named,
                        fact,
                    });
                }
            }
        }
    }

    fn excepted(&self, condition: &Condition, texts: &[&str]) -> bool {
        condition.except.as_deref().is_some_and(|except| {
            texts
                .iter()
                .any(|text| self.compiled.is_match(except, text))
        })
    }

    /// Units that have anything of the sort that the condition is about, sorted.
    fn units_of(&self, condition: &Condition) -> Vec<u32> {
        let mut units: Vec<u32> = match condition.source() {
            Some(SourceKind::Metrics) => {
                let role = condition.metric.as_ref().and_then(|m| Role::parse(&m.role));
                self.series_of
                    .keys()
                    .filter(|(_, r)| Some(*r) == role)
                    .map(|(unit, _)| *unit)
                    .collect()
            }
            Some(SourceKind::Traces) => self
                .facts
                .work
                .iter()
                .map(|w| w.unit)
                .chain(self.edges_of.keys().copied())
                .collect(),
            Some(SourceKind::State) => self.states.iter().map(|s| s.unit).collect(),
            Some(SourceKind::Changes) => self
                .facts
                .changes
                .iter()
                .flat_map(|c| c.units.iter().copied())
                .collect(),
            Some(SourceKind::Logs) => self
                .facts
                .logs
                .iter()
                .map(|l| l.unit)
                .chain(self.facts.work.iter().map(|w| w.unit))
                .collect(),
            _ => Vec::new(),
        };
        units.sort_unstable();
        units.dedup();
        units
    }

    /// What became of the condition at these units, anywhere if none are given.
    pub(super) fn outcome(&self, condition: &Condition, units: Option<&[u32]>) -> Outcome {
        let Some((refs, looked)) = self.look(condition, units) else {
            return Outcome::NotCovered;
        };
        match (refs.is_empty(), looked) {
            (false, _) => Outcome::Met(refs),
            // A past borrowed from the incident's own recording shows what changed, never that nothing did.
            (true, true)
                if condition.source() == Some(SourceKind::Metrics) && self.scene.borrowed =>
            {
                Outcome::NotCovered
            }
            (true, true) => Outcome::Unmet,
            (true, false) => Outcome::NotCovered,
        }
    }

    /// What fits the condition at these units, and whether there was anything to look at; `None` if that kind of
    /// source was not collected at all.
    fn look(&self, condition: &Condition, units: Option<&[u32]>) -> Option<(Vec<FactRef>, bool)> {
        let source = condition.source()?;
        if !self.facts.covered.contains(&source) {
            return None;
        }
        let here = |unit: u32| units.is_none_or(|list| list.contains(&unit));
        let mut refs = Vec::new();
        let mut looked = false;
        match source {
            SourceKind::Logs if condition.steps.is_some() => {
                if let Some(wanted) = condition.steps {
                    self.in_steps(wanted, units, &mut looked, &mut refs);
                }
            }
            SourceKind::Logs => {
                let pattern = condition.log.as_deref().unwrap_or_default();
                for number in self.numbers(&self.logs_of, self.facts.logs.len(), units) {
                    looked = true;
                    let log = &self.facts.logs[number as usize];
                    if is_unusual(log)
                        && (self.compiled.is_match(pattern, &log.template)
                            || self.compiled.is_match(pattern, &log.example))
                        && !self.excepted(condition, &[&log.template, &log.example])
                    {
                        refs.push(FactRef::Log(number));
                    }
                }
            }
            SourceKind::Events => {
                // Events are rare: a platform that says nothing about an entity says that nothing happened.
                looked = units.is_none_or(|list| !list.is_empty());
                let pattern = condition.event.as_deref().unwrap_or_default();
                for event in self
                    .events
                    .iter()
                    .filter(|e| here(e.unit) && e.standing != Standing::Old)
                {
                    if (event.is_current() || condition.moment)
                        && self.compiled.is_match(pattern, &event.text)
                        && !self.excepted(condition, &[&event.text])
                    {
                        refs.push(FactRef::Event(event.index));
                    }
                }
            }
            SourceKind::State => {
                let wanted = condition.state.as_ref()?;
                for state in self
                    .states
                    .iter()
                    .filter(|s| here(s.unit) && is_kind(&wanted.kind, &s.kind))
                {
                    looked = true;
                    if state.health == Health::Leaving {
                        continue;
                    }
                    if let Some(shows) = &wanted.shows {
                        refs.extend(
                            state
                                .sayings
                                .iter()
                                .filter(|s| {
                                    self.compiled.is_match(shows, &s.text)
                                        && !self.excepted(condition, &[&s.text])
                                })
                                .map(|s| FactRef::State(state.index, s.path.clone())),
                        );
                    } else if let Some((_, snapshot)) = self.facts.states.get(state.index as usize)
                    {
                        let places = document::places(wanted, &snapshot.document, self.compiled);
                        refs.extend(
                            places
                                .into_iter()
                                .map(|path| FactRef::State(state.index, path)),
                        );
                    }
                }
            }
            SourceKind::Metrics => {
                let wanted = condition.metric.as_ref()?;
                let role = Role::parse(&wanted.role)?;
                let mut numbers: Vec<u32> = match units {
                    Some(list) => list
                        .iter()
                        .filter_map(|u| self.series_of.get(&(*u, role)))
                        .flatten()
                        .copied()
                        .collect(),
                    None => self.series_of_all.get(&role).cloned().unwrap_or_default(),
                };
                numbers.sort_unstable();
                let mut concerned = 0;
                for number in numbers {
                    let fact = &self.facts.series[number as usize];
                    if series::concerns(wanted, role, fact, self.compiled) {
                        looked = true;
                        concerned += 1;
                        if series::behaves(
                            wanted,
                            fact,
                            || self.limits_of(fact.unit),
                            self.scene.span(),
                        ) {
                            refs.push(FactRef::Series(number));
                        }
                    }
                }
                // All is as ever only if nothing of it is otherwise: of many counters of failures most stay at zero.
                if wanted.is == Shape::Normal && refs.len() < concerned {
                    refs.clear();
                }
            }
            SourceKind::Traces => {
                let wanted = condition.trace?;
                self.in_spans(wanted, units, &mut looked, &mut refs);
            }
            SourceKind::Changes => {
                looked = units.is_none_or(|list| !list.is_empty());
                let wanted = condition.change.as_deref().unwrap_or_default();
                for (number, change) in self.facts.changes.iter().enumerate() {
                    if change.units.iter().any(|u| here(*u))
                        && super::change::can_produce(change, wanted)
                    {
                        refs.push(FactRef::Change(number as u32));
                    }
                }
            }
            SourceKind::Topology | SourceKind::Alarm | SourceKind::Lessons => {}
        }
        Some((refs, looked))
    }

    /// Numbers of the facts of these units (all, if none are given), sorted, each once.
    fn numbers(
        &self,
        index: &FxHashMap<u32, Vec<u32>>,
        all: usize,
        units: Option<&[u32]>,
    ) -> Vec<u32> {
        let mut numbers: Vec<u32> = match units {
            Some(units) => units
                .iter()
                .filter_map(|u| index.get(u))
                .flatten()
                .copied()
                .collect(),
            None => (0..all as u32).collect(),
        };
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    fn in_steps(
        &self,
        wanted: StepCondition,
        units: Option<&[u32]>,
        looked: &mut bool,
        refs: &mut Vec<FactRef>,
    ) {
        for number in self.numbers(&self.logs_of, self.facts.logs.len(), units) {
            let log = &self.facts.logs[number as usize];
            *looked |= log.joined;
            let seen = match wanted {
                StepCondition::Changed => {
                    log.path.as_ref().is_some_and(|p| p.nats >= SURE_OF_STEPS)
                }
                StepCondition::AlwaysFail => log
                    .habit
                    .as_ref()
                    .is_some_and(|h| h.nats >= RARE_AMONG_PEERS),
            };
            if seen {
                refs.push(FactRef::Log(number));
            }
        }
        if wanted == StepCondition::Changed {
            let here = |unit: u32| units.is_none_or(|list| list.contains(&unit));
            for (number, work) in self.facts.work.iter().enumerate() {
                let quiet = work.quiet.as_ref();
                if here(work.unit) && quiet.is_some_and(|q| q.nats >= RARE_AMONG_PEERS) {
                    refs.push(FactRef::Work(number as u32));
                }
            }
        }
    }

    fn in_spans(
        &self,
        wanted: TraceCondition,
        units: Option<&[u32]>,
        looked: &mut bool,
        refs: &mut Vec<FactRef>,
    ) {
        let here = |unit: u32| units.is_none_or(|list| list.contains(&unit));
        if matches!(
            wanted,
            TraceCondition::ErrorOrigin | TraceCondition::OwnTime | TraceCondition::Traffic
        ) {
            for (number, work) in self
                .facts
                .work
                .iter()
                .enumerate()
                .filter(|(_, w)| here(w.unit))
            {
                *looked = true;
                let seen = match wanted {
                    TraceCondition::ErrorOrigin => self.errors_begin(work),
                    TraceCondition::OwnTime => {
                        work.own_z >= 4.0 && work.own_ms.1 >= 1.2 * work.own_ms.0
                    }
                    _ => {
                        self.per_time(work.requests.1, work.requests.0) >= 1.8
                            && work.requests.1 >= 20
                    }
                };
                if seen {
                    refs.push(FactRef::Work(number as u32));
                }
            }
            return;
        }
        for number in self.numbers(&self.edges_of, self.facts.edges.len(), units) {
            let edge = &self.facts.edges[number as usize];
            // A gap speaks of the one that is called; fan-out and failing calls of the one that calls.
            let about = if wanted == TraceCondition::Gap {
                edge.callee
            } else {
                edge.caller
            };
            if !here(about) {
                continue;
            }
            *looked = true;
            let seen = match wanted {
                TraceCondition::Gap => {
                    // What a request waits in all: a little at each of many calls is felt, a little at one is not.
                    let more = edge.gap_ms.1 - edge.gap_ms.0;
                    let each = edge.calls_per_request.1.max(1.0);
                    edge.gap_z >= 4.0
                        && edge.gap_ms.1 >= 1.2 * edge.gap_ms.0
                        && crate::anomaly::felt(more * each) > 0.0
                        && !self.wait_for_processor(edge.caller, edge.callee)
                }
                TraceCondition::FanOut => {
                    edge.calls_per_request.1 >= 1.5 * edge.calls_per_request.0
                        && edge.calls_per_request.1 >= edge.calls_per_request.0 + 1.0
                        && edge.calls.0 > 0
                        && more_calls(edge) >= SURE_OF_CALLS
                }
                _ => {
                    self.scene.entities[edge.callee as usize].kind == EntityKind::External
                        && more_errors(edge)
                }
            };
            if seen {
                refs.push(FactRef::Edge(number));
            }
        }
    }

    /// Whom the line of this fact names, if it is one.
    pub(super) fn mentions(&self, fact: &FactRef) -> &[u32] {
        match fact {
            FactRef::Log(number) => &self.facts.logs[*number as usize].mentions,
            _ => &[],
        }
    }

    /// Both run on one machine and nowhere else, and on it somebody else takes many times the processor of before: between
    /// them lies no wire, and what passes between a call and its being taken up is waiting for a turn.
    fn wait_for_processor(&self, one: u32, other: u32) -> bool {
        let machines = |unit: u32| -> BTreeSet<u32> {
            let below = self.scene.below(unit);
            below
                .filter_map(|(machine, edge)| (edge.kind == EdgeKind::RunsOn).then_some(machine))
                .collect()
        };
        let busy = |unit: u32| {
            let numbers = self.series_of.get(&(unit, Role::Cpu));
            let mut facts = numbers
                .into_iter()
                .flatten()
                .map(|&number| &self.facts.series[number as usize]);
            facts.any(|fact| {
                fact.active && fact.z >= series::FAR && fact.level >= MANY_TIMES * fact.normal
            })
        };
        let shared = machines(one);
        shared.len() == 1
            && shared == machines(other)
            && shared.iter().any(|&machine| {
                let above = self.scene.above(machine);
                above
                    .filter(|(unit, edge)| {
                        edge.kind == EdgeKind::RunsOn && *unit != one && *unit != other
                    })
                    .any(|(unit, _)| busy(unit))
            })
    }

    /// Failures begin here in at least 2 % of the requests, three times the share of before.
    fn errors_begin(&self, work: &WorkFact) -> bool {
        let share = |errors: u64, requests: u64| errors as f64 / requests.max(1) as f64;
        let (before, during) = (
            share(work.origin_errors.0, work.requests.0),
            share(work.origin_errors.1, work.requests.1),
        );
        work.origin_errors.1 >= 2 && during >= 0.02 && during >= 3.0 * before
    }

    /// How many times as often as before, given how long both stretches are.
    fn per_time(&self, during: u64, before: u64) -> f64 {
        let length = |w: &model::TimeWindow| (w.length().0 as f64).max(1.0);
        (during as f64 / length(&self.scene.window))
            / (before.max(1) as f64 / length(&self.scene.near))
    }

    /// When a fact was first and last seen, where it has a time.
    pub(super) fn span_of(&self, fact: &FactRef) -> (Option<Timestamp>, Option<Timestamp>) {
        match fact {
            FactRef::Log(n) => self
                .facts
                .logs
                .get(*n as usize)
                .map(|l| (Some(l.first), Some(l.last))),
            FactRef::Event(n) => self
                .facts
                .events
                .get(*n as usize)
                .map(|(_, e)| (Some(e.first), Some(e.last))),
            FactRef::State(n, _) => self
                .facts
                .states
                .get(*n as usize)
                .map(|(_, s)| (None, Some(s.time))),
            FactRef::Series(n) => self.facts.series.get(*n as usize).map(|s| {
                let last = s
                    .recovered
                    .map(|r| r.lo)
                    .or(s.active.then_some(self.scene.now));
                (s.onset.map(|o| o.hi), last)
            }),
            FactRef::Edge(n) => self
                .facts
                .edges
                .get(*n as usize)
                .map(|e| (e.first_error, None)),
            FactRef::Work(n) => self
                .facts
                .work
                .get(*n as usize)
                .map(|w| (w.first_error, None)),
            FactRef::Change(n) => self
                .facts
                .changes
                .get(*n as usize)
                .map(|c| (Some(c.acts_from), c.change.undone)),
        }
        .unwrap_or((None, None))
    }
}

/// More of it than its past explains?
fn is_unusual(log: &LogFact) -> bool {
    log.during > 0
        && (log.before == 0 || log.z >= 3.0 || log.during as f64 >= 3.0 * log.expected + 3.0)
}

/// How surely calls per request changed: log-likelihood ratio of two Poisson rates against one, in nats.
fn more_calls(edge: &EdgeFact) -> f64 {
    let requests = |calls: u64, each: f64| if each > 0.0 { calls as f64 / each } else { 0.0 };
    let exposure = (
        requests(edge.calls.0, edge.calls_per_request.0),
        requests(edge.calls.1, edge.calls_per_request.1),
    );
    let (before, during) = (edge.calls.0 as f64, edge.calls.1 as f64);
    let rate = (before + during) / (exposure.0 + exposure.1).max(1e-9);
    let part = |calls: f64, exposure: f64| {
        if calls > 0.0 && exposure > 0.0 {
            calls * (calls / (exposure * rate)).ln()
        } else {
            0.0
        }
    };
    part(before, exposure.0) + part(during, exposure.1)
}

fn more_errors(edge: &EdgeFact) -> bool {
    let share = |errors: u64, calls: u64| errors as f64 / calls.max(1) as f64;
    let (before, during) = (
        share(edge.errors.0, edge.calls.0),
        share(edge.errors.1, edge.calls.1),
    );
    edge.errors.1 >= 2 && during >= 0.02 && during >= 3.0 * before
}

/// `kubernetes.pod` is meant by `kubernetes.pod` and by `pod`; `*` means any.
fn is_kind(wanted: &str, kind: &str) -> bool {
    wanted == "*" || wanted == kind || kind.rsplit('.').next() == Some(wanted)
}

/// Whom a log line speaks of: its writer, or whom it mentions when the writer is a part of the platform.
fn speaks_of(scene: &Scene, log: &LogFact) -> Vec<u32> {
    let mut units = vec![log.unit];
    if scene.is_of_the_platform(log.unit) {
        let mentioned: Vec<u32> = log
            .mentions
            .iter()
            .copied()
            .filter(|m| *m != log.unit)
            .collect();
        if !mentioned.is_empty() {
            units = mentioned;
        }
    }
    units.sort_unstable();
    units.dedup();
    units
}
