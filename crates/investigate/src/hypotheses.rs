//! Which causes are possible, and how well is each supported? (S2, S3)
//!
//! A hypothesis is (unit, mechanism), sometimes with the change that triggered it. Everything found is
//! turned into nats in independent groups, each capped (max + 0.3 x second), so that ten log lines
//! count once. The gates put a hypothesis aside with the reason; they never merely lower it.

use std::collections::{BTreeMap, BTreeSet};

use analysis::precedents::BaseRates;
use analysis::ranking::capped_group;
use model::mechanism::MechanismId;
use model::report::{PredictionOutcome, Score};
use model::{ChangeKind, SourceKind};
use rustc_hash::FxHashSet;

use crate::catalogue::{ChangeRole, Condition, Mechanism, Nature, Spread, catalogue};
use crate::constants as k;
use crate::facts::{Facts, Interval, LogFact, SeriesFact};
use crate::kinds::{self, FactRef};
use crate::matching::{Matcher, Outcome};
use crate::plan::source_of;
use crate::pull::Anomaly;
use crate::reach::Reach;
use crate::role::Role;
use crate::scene::Scene;
use crate::symptoms;

/// A prediction of the mechanism, tested.
#[derive(Clone, Debug, PartialEq)]
pub struct Tested {
    /// `must`, `may` or `must_not`.
    pub force: &'static str,
    /// For people.
    pub says: String,
    /// What became of it.
    pub outcome: PredictionOutcome,
    /// It would explain what is seen instead ([`Condition::instead`]).
    pub instead: bool,
    /// Which source it needs.
    pub source: SourceKind,
    /// What shows it.
    pub refs: Vec<FactRef>,
}

/// Why a hypothesis was put aside.
#[derive(Clone, Debug, PartialEq)]
pub struct Aside {
    /// A word of `model::report::RuledOut::reason`.
    pub reason: &'static str,
    /// What shows it.
    pub refs: Vec<FactRef>,
}

/// One possible cause.
#[derive(Clone, Debug)]
pub struct Hypothesis {
    /// Where.
    pub unit: u32,
    /// How: index into the catalogue.
    pub mechanism: u32,
    /// The change that triggered it: index into `facts.changes`.
    pub change: Option<u32>,
    /// What speaks for it, by kind of source: nats and fact.
    pub groups: BTreeMap<SourceKind, Vec<(f64, FactRef)>>,
    /// What of it tells the unit's own trouble, whomever else it names.
    pub own: BTreeSet<FactRef>,
    /// For what spreads with the requests, where it enters the house: all whom they reach.
    pub sends_to: FxHashSet<u32>,
    /// Term by term.
    pub score: Score,
    /// Its predictions.
    pub tested: Vec<Tested>,
    /// When it began.
    pub onset: Option<Interval>,
    /// Why the change fits, for people.
    pub change_reason: String,
    /// Put aside by a gate?
    pub aside: Option<Aside>,
}

impl Hypothesis {
    /// Its mechanism.
    pub fn mechanism(&self) -> &'static Mechanism {
        &catalogue().mechanisms[self.mechanism as usize]
    }

    /// The kinds of source that speak for it.
    pub fn sources(&self) -> BTreeSet<SourceKind> {
        self.groups
            .iter()
            .filter(|(_, g)| g.iter().any(|(nats, _)| *nats > 0.0))
            .map(|(kind, _)| *kind)
            .collect()
    }

    /// Is `other` what this one commonly causes, on the same unit or on one that leans on it or carries it,
    /// or only its echo?
    pub fn brings_about(&self, other: &Self, scene: &Scene, facts: &Facts) -> bool {
        if self.is_echoed_by(other, scene, facts) {
            return true;
        }
        let touches = other.unit == self.unit
            || scene
                .below(self.unit)
                .chain(scene.above(self.unit))
                .any(|(unit, _)| unit == other.unit);
        touches
            && self
                .mechanism()
                .causes
                .iter()
                .any(|id| *id == other.mechanism().id)
    }

    /// Does `other`, who leans on this one, only pass on the same failure? A caller writes down what its
    /// database or provider told it; who shows it first-hand, and more clearly, is where it is.
    pub fn is_echoed_by(&self, other: &Self, scene: &Scene, facts: &Facts) -> bool {
        if self.mechanism != other.mechanism
            || self.unit == other.unit
            || self.mechanism().generic.is_some()
        {
            return false;
        }
        let heard = || {
            self.score.signature > other.score.signature
                && leans_on(scene, other.unit, self.unit)
                && !self.is_hearsay(facts)
                && other.is_hearsay(facts)
        };
        match self.mechanism().spreads {
            Spread::Callers => heard(),
            Spread::Requests => self.score.signature > 0.0 && self.sends_to.contains(&other.unit),
            Spread::Machine => {
                let below = |kind| {
                    scene
                        .below(self.unit)
                        .any(|(unit, edge)| unit == other.unit && edge.kind == kind)
                };
                heard() || (self.score.signature > 0.0 && below(model::EdgeKind::RunsOn))
            }
        }
    }

    /// Nothing speaks for it but lines, calls, and readings that users or callers feel.
    fn is_hearsay(&self, facts: &Facts) -> bool {
        self.groups
            .values()
            .flatten()
            .filter(|(nats, _)| *nats > 0.0)
            .all(|(_, at)| match at {
                FactRef::Log(_) | FactRef::Edge(_) | FactRef::Work(_) => true,
                FactRef::Series(i) => {
                    let role = facts.series[*i as usize].role;
                    role.is_felt() || role == crate::role::Role::ProviderErrors
                }
                FactRef::Event(_) | FactRef::State(_) | FactRef::Change(_) => false,
            })
    }

    /// Everything that speaks for it, strongest first.
    pub fn refs(&self) -> Vec<FactRef> {
        let mut all: Vec<(f64, FactRef)> = self.groups.values().flatten().copied().collect();
        all.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut refs: Vec<FactRef> = Vec::new();
        for (_, at) in all {
            if !refs.contains(&at) {
                refs.push(at);
            }
        }
        refs
    }
}

/// Whom do the requests that `from` sends reach, over whomever?
fn called_from(scene: &Scene, from: u32) -> FxHashSet<u32> {
    let mut met = FxHashSet::default();
    let mut layer = vec![from];
    for _ in 0..k::MOST_HOPS {
        layer = layer
            .iter()
            .flat_map(|unit| scene.below(*unit))
            .filter(|(_, edge)| edge.kind == model::EdgeKind::Calls)
            .map(|(unit, _)| unit)
            .filter(|unit| *unit != from && met.insert(*unit))
            .collect();
    }
    met
}

/// Does `above` lean on `below`, or on something that does, as a caller leans on the machine of its database?
fn leans_on(scene: &Scene, above: u32, below: u32) -> bool {
    scene
        .above(below)
        .any(|(unit, _)| unit == above || scene.above(unit).any(|(farther, _)| farther == above))
}

/// The kind of source that a fact comes from.
pub fn source_of_fact(at: FactRef) -> SourceKind {
    match at {
        FactRef::Series(_) => SourceKind::Metrics,
        FactRef::Log(_) => SourceKind::Logs,
        FactRef::Edge(_) | FactRef::Work(_) => SourceKind::Traces,
        FactRef::Event(_) => SourceKind::Events,
        FactRef::State(_) => SourceKind::State,
        FactRef::Change(_) => SourceKind::Changes,
    }
}

/// When a fact began, where it tells.
pub fn onset_of_fact(facts: &Facts, at: FactRef) -> Option<Interval> {
    match at {
        FactRef::Series(i) => facts.series[i as usize].onset,
        // What always fails tells nothing of when it began to.
        FactRef::Log(i) => Some(&facts.logs[i as usize])
            .filter(|fact| fact.habit.is_none())
            .map(|fact| Interval {
                lo: fact.first,
                hi: fact.first,
            }),
        FactRef::Edge(i) => facts.edges[i as usize]
            .first_error
            .map(|at| Interval { lo: at, hi: at }),
        FactRef::Work(i) => facts.work[i as usize]
            .first_error
            .map(|at| Interval { lo: at, hi: at }),
        FactRef::Event(i) => {
            Some(facts.events[i as usize].1.first).map(|at| Interval { lo: at, hi: at })
        }
        FactRef::State(_) => None,
        FactRef::Change(i) => {
            Some(facts.changes[i as usize].acts_from).map(|at| Interval { lo: at, hi: at })
        }
    }
}

/// All that the weighing needs.
pub struct Ground<'a> {
    /// Who and when.
    pub scene: &'a Scene,
    /// What was found.
    pub facts: &'a Facts,
    /// What is wrong, from outside.
    pub symptoms: &'a [symptoms::Seen],
    /// Own anomalies of units.
    pub anomalies: &'a [Anomaly],
    /// In which ways it fails.
    pub kinds: &'a [kinds::Seen],
    /// Paths between units.
    pub reach: &'a Reach,
    /// Asks conditions of the facts.
    pub matcher: &'a Matcher<'a>,
    /// How common each mechanism is here, where enough incidents tell.
    pub rates: &'a BaseRates,
}

impl Ground<'_> {
    /// The earliest moment at which a symptom was first seen ill; the window's beginning without any.
    pub fn first_ill(&self) -> model::Timestamp {
        self.symptoms
            .iter()
            .map(|s| s.onset.hi)
            .min()
            .unwrap_or(self.scene.alarm_at)
    }

    /// The same among the symptoms that trouble at one of `units` can show at: of two incidents at once,
    /// each is held against its own beginning.
    pub fn first_ill_of(&self, units: &[u32]) -> model::Timestamp {
        let tied = |start: u32| {
            units
                .iter()
                .any(|unit| self.reach.either(start, *unit).is_some())
        };
        let first = self
            .symptoms
            .iter()
            .filter(|s| tied(s.unit))
            .map(|s| s.onset.hi)
            .min();
        first.unwrap_or_else(|| self.first_ill())
    }
}

type Key = (u32, u32, Option<u32>);

/// All hypotheses with their scores, best first; those put aside come last.
pub fn weigh(ground: &Ground<'_>) -> Vec<Hypothesis> {
    let pulls = own_pull(ground);
    let mut table = propose(ground, &pulls);
    add_changes(ground, &mut table);
    let mut all: Vec<Hypothesis> = table.into_values().collect();
    for hypothesis in &mut all {
        score(ground, hypothesis, &pulls);
        gate(ground, hypothesis);
        // Looked up once here: echoes are asked for pair by pair.
        if hypothesis.mechanism().spreads == Spread::Requests
            && is_entrance(ground.scene, hypothesis.unit)
        {
            hypothesis.sends_to = called_from(ground.scene, hypothesis.unit);
        }
    }
    prefer_roots(ground, &mut all);
    prefer_sources(ground, &mut all);
    sort(&mut all, ground.scene);
    all
}

/// Order: aside last; score (to 1e-6), signature, earlier onset, entity id, mechanism, change.
pub fn sort(all: &mut [Hypothesis], scene: &Scene) {
    all.sort_by(|a, b| {
        let round = |x: f64| (x * 1e6).round();
        let onset = |h: &Hypothesis| h.onset.map_or(i64::MAX, |o| o.lo.0);
        a.aside
            .is_some()
            .cmp(&b.aside.is_some())
            .then(round(b.score.total).total_cmp(&round(a.score.total)))
            .then(round(b.score.signature).total_cmp(&round(a.score.signature)))
            .then(onset(a).cmp(&onset(b)))
            .then(scene.id(a.unit).cmp(scene.id(b.unit)))
            .then(a.mechanism.cmp(&b.mechanism))
            .then(a.change.cmp(&b.change))
    });
}

fn empty(unit: u32, mechanism: u32, change: Option<u32>) -> Hypothesis {
    Hypothesis {
        unit,
        mechanism,
        change,
        groups: BTreeMap::new(),
        own: BTreeSet::new(),
        sends_to: FxHashSet::default(),
        score: Score::default(),
        tested: Vec::new(),
        onset: None,
        change_reason: String::new(),
        aside: None,
    }
}

/// From signatures, and from what units do on their own account.
fn propose(ground: &Ground<'_>, pulls: &BTreeMap<u32, f64>) -> BTreeMap<Key, Hypothesis> {
    let mut table: BTreeMap<Key, Hypothesis> = BTreeMap::new();
    // Changes are weighed one by one, each against what it can produce (`add_changes`).
    let mut hits = ground.matcher.matches();
    hits.retain(|hit| hit.source != SourceKind::Changes);
    let plainly = said_plainly(&hits);
    for hit in hits {
        let entry = table
            .entry((hit.unit, hit.mechanism, None))
            .or_insert_with(|| empty(hit.unit, hit.mechanism, None));
        let facts: Vec<FactRef> = hit.refs.iter().map(FactRef::from).collect();
        let own = catalogue().mechanisms[hit.mechanism as usize]
            .signatures
            .get(hit.signature as usize)
            .is_some_and(|signature| signature.own);
        let factor = if hit.named || own {
            1.0
        } else {
            victim_factor(ground, hit.unit, &facts)
                .min(foreground(ground, hit.unit, hit.source, &facts, pulls))
                .min(heat_factor(ground, &facts))
                .min(lasting_factor(ground, &facts))
        };
        if own && hit.unit == hit.seen_on {
            entry.own.extend(facts.iter().copied());
        }
        let stressed = if is_told_by_alarm(ground, hit.unit, &facts) {
            k::TOLD_BY_ALARM
        } else {
            1.0
        };
        let vague = hit.strength <= k::VAGUE_SIGN
            && facts
                .first()
                .is_some_and(|at| matches!(at, FactRef::Log(i) if plainly.contains(i)));
        let factor = factor * stressed * if vague { k::SAID_OTHERWISE } else { 1.0 };
        let group = entry.groups.entry(hit.source).or_default();
        for (nth, at) in facts.into_iter().take(4).enumerate() {
            group.push((if nth == 0 { hit.strength * factor } else { 0.0 }, at));
        }
    }
    let generic: Vec<(u32, &Mechanism)> = catalogue()
        .mechanisms
        .iter()
        .enumerate()
        .filter(|(_, m)| m.generic.is_some())
        .map(|(i, m)| (i as u32, m))
        .collect();
    for anomaly in ground
        .anomalies
        .iter()
        .filter(|a| a.explained_by.is_none() && a.strength > 0.0)
    {
        for (index, mechanism) in &generic {
            if mechanism.generic.as_deref() == Some(anomaly.kind()) {
                let entry = table
                    .entry((anomaly.unit, *index, None))
                    .or_insert_with(|| empty(anomaly.unit, *index, None));
                for at in &anomaly.refs {
                    entry
                        .groups
                        .entry(source_of_fact(*at))
                        .or_default()
                        .push((0.0, *at));
                }
            }
        }
    }
    table
}

/// The lines that name plainly what is wrong: that they are error lines as well says little more.
fn said_plainly(hits: &[crate::matching::Hit]) -> FxHashSet<u32> {
    hits.iter()
        .filter(|hit| hit.strength >= k::PLAIN_SIGN)
        .flat_map(|hit| &hit.refs)
        .filter_map(|at| match at {
            crate::matching::FactRef::Log(i) => Some(*i),
            _ => None,
        })
        .collect()
}

/// Where spans cover a unit, what its lines and calls say is taken in the measure in which it does, given
/// the requests that it received, what it did not do before: the rest is background, or another's trouble.
fn foreground(
    ground: &Ground<'_>,
    unit: u32,
    source: SourceKind,
    refs: &[FactRef],
    pulls: &BTreeMap<u32, f64>,
) -> f64 {
    // What waits, how late a copy is, how wrong a clock is: no span shows it, and none can deny it.
    let role = refs.first().and_then(|at| match at {
        FactRef::Series(i) => Some(ground.facts.series[*i as usize].role),
        _ => None,
    });
    let grows = || match refs.first() {
        Some(FactRef::Series(i)) => grows_unasked(ground, &ground.facts.series[*i as usize]),
        _ => false,
    };
    if role.is_some_and(Role::is_unseen_by_spans) || grows() {
        return 1.0;
    }
    // Where requests enter from outside, nobody else's trouble brings more of them.
    if role == Some(Role::Traffic) && is_entrance(ground.scene, unit) {
        return 1.0;
    }
    // Where spans were taken before the incident, they cover whoever shows in them, even one that nobody
    // asked for anything until now.
    let earlier: u64 = ground.facts.work.iter().map(|w| w.requests.0).sum();
    let covered = earlier >= k::COVERED_REQUESTS
        && ground
            .facts
            .work
            .iter()
            .any(|w| w.unit == unit && w.requests.0 + w.requests.1 > 0);
    if !covered
        || !matches!(
            source,
            SourceKind::Logs | SourceKind::Traces | SourceKind::Metrics
        )
    {
        return 1.0;
    }
    let own = pulls.get(&unit).copied().unwrap_or(0.0);
    k::VICTIM + (1.0 - k::VICTIM) * (own / k::OWN_FULL).min(1.0)
}

/// Is it memory that began to grow before the unit's requests took longer? What is held for callers who wait comes
/// after the waiting; what comes before it is the unit's own.
pub(crate) fn grows_unasked(ground: &Ground<'_>, memory: &SeriesFact) -> bool {
    let Some(onset) = memory
        .onset
        .filter(|_| matches!(memory.role, Role::Memory | Role::MemoryFree))
    else {
        return false;
    };
    !ground.facts.series.iter().any(|other| {
        other.unit == memory.unit
            && other.role == Role::Latency
            && other.bad > crate::probes::series::BAND
            && other.onset.is_none_or(|began| began.lo <= onset.hi)
    })
}

/// Is it traffic, and has somebody drawn a line for the traffic of this very unit that is crossed?
fn is_told_by_alarm(ground: &Ground<'_>, unit: u32, refs: &[FactRef]) -> bool {
    let traffic = refs.iter().any(|at| match at {
        FactRef::Series(i) => ground.facts.series[*i as usize].role == Role::Traffic,
        _ => false,
    });
    traffic
        && ground
            .symptoms
            .iter()
            .any(|s| s.unit == unit && s.aspect == "traffic" && s.alarmed && s.active)
}

/// Does nobody on the map call it, while it calls others?
pub(crate) fn is_entrance(scene: &Scene, unit: u32) -> bool {
    let is_call = |kind: model::EdgeKind| kind == model::EdgeKind::Calls;
    !scene.above(unit).any(|(_, edge)| is_call(edge.kind))
        && scene.below(unit).any(|(_, edge)| is_call(edge.kind))
}

/// A busy processor that slows no request says little about what users feel, by whichever name.
fn heat_factor(ground: &Ground<'_>, refs: &[FactRef]) -> f64 {
    let idle = refs.first().is_some_and(|at| match at {
        FactRef::Series(i) => {
            let fact = &ground.facts.series[*i as usize];
            fact.role == crate::role::Role::Cpu
                && crate::pull::slows_nothing(ground.facts, fact.unit)
        }
        _ => false,
    });
    if idle { k::IDLE_HEAT } else { 1.0 }
}

/// A reading that has come back says less of what still lasts. Memory that is free again does not: as often as not its
/// process was ended, and what took it begins anew.
fn lasting_factor(ground: &Ground<'_>, refs: &[FactRef]) -> f64 {
    let lasts = ground.symptoms.iter().any(|s| s.active);
    let over = refs.iter().all(|at| match at {
        FactRef::Series(i) => {
            let fact = &ground.facts.series[*i as usize];
            let memory = matches!(fact.role, Role::Memory | Role::MemoryFree);
            !fact.active && fact.recovered.is_some() && !memory
        }
        _ => false,
    });
    if lasts && over { k::CAME_BACK } else { 1.0 }
}

/// A line that names somebody further down speaks of that one rather than of its writer: the client's
/// end of a broken call says least about its own health.
fn victim_factor(ground: &Ground<'_>, unit: u32, refs: &[FactRef]) -> f64 {
    let speaks_of_another = refs.first().is_some_and(|at| match at {
        FactRef::Log(i) if !ground.facts.logs[*i as usize].is_error() => false,
        FactRef::Log(i) => ground.facts.logs[*i as usize].mentions.iter().any(|&m| {
            m != unit
                && ground.reach.down(unit, m).is_some()
                && ground
                    .anomalies
                    .iter()
                    .any(|a| a.unit == m && a.strength > 1.0)
        }),
        _ => false,
    });
    if speaks_of_another { k::VICTIM } else { 1.0 }
}

/// From changes: a change is a candidate for each mechanism that one of its effects can set off, where
/// that kind of failure is really seen on a unit within its reach.
fn add_changes(ground: &Ground<'_>, table: &mut BTreeMap<Key, Hypothesis>) {
    let mechanisms = &catalogue().mechanisms;
    for (number, fact) in ground.facts.changes.iter().enumerate() {
        let change = Some(number as u32);
        if fact.reading.harmless.is_some()
            || fact.undeployed
            || fact.acts_from > ground.scene.last_alarm_at.plus(k::CLOCK_SLACK)
        {
            continue;
        }
        // What was taken back before anything was wrong is not what is wrong.
        if fact
            .change
            .undone
            .is_some_and(|at| at.plus(k::CLOCK_SLACK) < ground.first_ill_of(&fact.units))
        {
            continue;
        }
        add_by_its_kind(ground, table, number as u32);
        for seen in ground.kinds {
            // What a change does is seen only after it acts: each failure is held against its own onset.
            if seen
                .onset
                .is_some_and(|onset| fact.acts_from > onset.hi.plus(k::CLOCK_SLACK))
            {
                continue;
            }
            let Some((plausible, reason)) = fact.reading.produces.get(seen.kind) else {
                continue;
            };
            let Some((unit, path)) = nearest(ground, fact, seen.unit) else {
                continue;
            };
            let fit = plausible * seen.weight * path;
            if fit < k::LEAST_FIT {
                continue;
            }
            for (index, mechanism) in mechanisms.iter().enumerate() {
                // A right that was given or taken puts out no code.
                let foreign =
                    mechanism.nature == Nature::Code && fact.change.kind == ChangeKind::Permission;
                let fits = mechanism.change != ChangeRole::None
                    && !foreign
                    && mechanism
                        .signatures
                        .iter()
                        .any(|c| c.change.as_deref() == Some(seen.kind));
                if !fits {
                    continue;
                }
                let (groups, own) = table
                    .get(&(unit, index as u32, None))
                    .map(|h| (h.groups.clone(), h.own.clone()))
                    .unwrap_or_default();
                let entry = table
                    .entry((unit, index as u32, change))
                    .or_insert_with(|| Hypothesis {
                        groups,
                        own,
                        ..empty(unit, index as u32, change)
                    });
                let nats = k::CHANGE_EFFECT * fit;
                let group = entry.groups.entry(SourceKind::Changes).or_default();
                if group.iter().all(|(old, _)| *old < nats) {
                    entry.change_reason.clone_from(reason);
                }
                group.push((nats, FactRef::Change(number as u32)));
                for at in seen.refs.iter().take(2) {
                    entry
                        .groups
                        .entry(source_of_fact(*at))
                        .or_default()
                        .push((0.0, *at));
                }
            }
        }
    }
}

/// A right that is refused and a change of rights, a setting that is missing and a change of settings: where
/// the mechanism shows itself, the kind of the change speaks for it, even if its text tells nothing more.
fn add_by_its_kind(ground: &Ground<'_>, table: &mut BTreeMap<Key, Hypothesis>, number: u32) {
    let fact = &ground.facts.changes[number as usize];
    let word = serde_json::to_value(fact.change.kind).ok();
    let Some(word) = word.as_ref().and_then(|word| word.as_str()) else {
        return;
    };
    let shown: Vec<(u32, u32, f64)> = table
        .iter()
        .filter(|((.., change), _)| change.is_none())
        .filter(|(_, h)| h.mechanism().change != ChangeRole::None)
        .filter(|(_, h)| {
            h.mechanism()
                .signatures
                .iter()
                .any(|c| c.change.as_deref() == Some(word))
        })
        .filter(|(_, h)| {
            let shows = || h.groups.values().flatten().filter(|(nats, _)| *nats > 0.0);
            let first = shows()
                .filter_map(|(_, at)| onset_of_fact(ground.facts, *at))
                .map(|o| o.hi)
                .min();
            shows().next().is_some()
                && first.is_none_or(|first| fact.acts_from <= first.plus(k::CLOCK_SLACK))
        })
        .filter_map(|((unit, mechanism, _), _)| {
            Some((*unit, *mechanism, nearest(ground, fact, *unit)?.1))
        })
        .collect();
    for (unit, mechanism, path) in shown {
        let (groups, own) = table
            .get(&(unit, mechanism, None))
            .map(|h| (h.groups.clone(), h.own.clone()))
            .unwrap_or_default();
        let entry = table
            .entry((unit, mechanism, Some(number)))
            .or_insert_with(|| Hypothesis {
                groups,
                own,
                ..empty(unit, mechanism, Some(number))
            });
        let nats = k::CHANGE_EFFECT * k::OF_ITS_KIND * path;
        entry
            .groups
            .entry(SourceKind::Changes)
            .or_default()
            .push((nats, FactRef::Change(number)));
    }
}

/// Which of the units that a change reaches lies nearest to where a failure is seen, and how sure the way is.
///
/// A change of code or settings that several services share acts wherever it is used: at the failing unit itself.
fn nearest(
    ground: &Ground<'_>,
    fact: &crate::facts::ChangeFact,
    failing: u32,
) -> Option<(u32, f64)> {
    let direct = fact
        .units
        .iter()
        .filter_map(|&unit| ground.reach.either(failing, unit).map(|p| (unit, p)))
        .max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
    match direct {
        Some(found) => Some(found),
        None if fact.units.is_empty() || fact.reading.shared => Some((failing, k::UNPLACED)),
        None => None,
    }
}

/// Per unit: what it does on its own account, in nats.
fn own_pull(ground: &Ground<'_>) -> BTreeMap<u32, f64> {
    let mut by_unit: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for anomaly in ground.anomalies.iter().filter(|a| a.explained_by.is_none()) {
        by_unit
            .entry(anomaly.unit)
            .or_default()
            .push(anomaly.strength.clamp(0.0, k::MOST_ANOMALY));
    }
    by_unit
        .into_iter()
        .map(|(unit, strengths)| (unit, capped_group(&strengths)))
        .collect()
}

fn score(ground: &Ground<'_>, hypothesis: &mut Hypothesis, pulls: &BTreeMap<u32, f64>) {
    let mechanism = hypothesis.mechanism();
    let mut score = Score {
        prior: ground
            .rates
            .prior(&MechanismId(mechanism.id.clone()), mechanism.prior),
        ..Score::default()
    };
    for (kind, group) in &hypothesis.groups {
        let nats = capped_group(&group.iter().map(|(n, _)| *n).collect::<Vec<_>>());
        if *kind == SourceKind::Changes {
            score.change += nats
        } else {
            score.signature += nats
        }
    }
    score.signature = score.signature.min(k::MOST_SIGNATURE);
    if let Some(number) = hypothesis.change {
        let fact = &ground.facts.changes[number as usize];
        score.change = score.change.min(k::MOST_CHANGE)
            + k::CHANGE_RELEVANCE * fact.relevance
            + nearness(ground, fact, hypothesis.unit)
            - k::CHANGE_COST;
    }
    score.anomaly =
        pulls.get(&hypothesis.unit).copied().unwrap_or(0.0) * aspect_fit(ground, hypothesis);
    hypothesis.onset = hypothesis
        .refs()
        .into_iter()
        .filter(|at| !matches!(at, FactRef::Change(_)))
        .filter_map(|at| onset_of_fact(ground.facts, at))
        .min_by_key(|o| (o.hi, o.lo));
    if let Some(number) = hypothesis.change {
        // A cause that a change set off began when the change began to act, whenever it was first seen.
        let acts = ground.facts.changes[number as usize].acts_from;
        hypothesis.onset = Some(match hypothesis.onset {
            Some(seen) => Interval {
                lo: acts.min(seen.lo),
                hi: seen.hi,
            },
            None => Interval { lo: acts, hi: acts },
        });
    }
    score.timing = timing(ground, hypothesis.unit, hypothesis.onset);
    hypothesis.tested = test_predictions(ground, hypothesis.unit, mechanism);
    // Signs of its own beside its change: what would explain the same instead is not held against it.
    let sure = score.signature >= k::SIGN_BESIDE_CHANGE && score.change >= k::STRONG_SIGN;
    for tested in &hypothesis.tested {
        match (tested.force, tested.outcome) {
            ("must_not", PredictionOutcome::Unmet) if tested.instead && sure => {}
            ("must", PredictionOutcome::Unmet) => score.against += k::MUST_FAILED,
            ("must_not", PredictionOutcome::Unmet) => score.against += k::MUST_NOT_SEEN,
            ("must", PredictionOutcome::Met) => score.signature += k::MUST_MET,
            ("may", PredictionOutcome::Met) => score.signature += k::MAY_MET,
            _ => {}
        }
    }
    score.total = score.prior
        + score.signature
        + score.change
        + score.anomaly
        + score.timing
        + score.difference
        + score.history
        - score.against;
    hypothesis.score = score;
}

/// How well the unit's own anomaly fits the mechanism: a generic mechanism takes only anomalies of its
/// own kind, and those that show in words which name it plainly; a specific one takes what its unit does, whatever it is.
fn aspect_fit(ground: &Ground<'_>, hypothesis: &Hypothesis) -> f64 {
    let mechanism = hypothesis.mechanism();
    let generic = match mechanism.generic.as_deref() {
        Some(generic) => generic,
        // What comes in from outside is nothing that a unit does on its own account, save to take more of it.
        None if mechanism.spreads == Spread::Requests => "traffic",
        None => return 1.0,
    };
    let named_by: BTreeSet<FactRef> = hypothesis
        .groups
        .values()
        .flatten()
        .filter(|(nats, at)| {
            let words = matches!(at, FactRef::Log(_) | FactRef::Event(_) | FactRef::State(_));
            words && *nats >= k::STRONG_SIGN
        })
        .map(|(_, at)| *at)
        .collect();
    let own = ground
        .anomalies
        .iter()
        .filter(|a| a.unit == hypothesis.unit && a.explained_by.is_none());
    let mut same = 0.0_f64;
    let mut all = 0.0_f64;
    for anomaly in own {
        all = all.max(anomaly.strength);
        if anomaly.kind() == generic || anomaly.refs.iter().any(|at| named_by.contains(at)) {
            same = same.max(anomaly.strength);
        }
    }
    if all > 0.0 { same / all } else { 0.0 }
}

/// A change shortly before the first symptom is worth a look; tau by kind.
fn nearness(ground: &Ground<'_>, fact: &crate::facts::ChangeFact, unit: u32) -> f64 {
    let before = ground
        .first_ill_of(&[unit])
        .since(fact.acts_from)
        .as_minutes()
        .max(0.0);
    let (risk, tau) = k::change_risk(fact.change.kind);
    k::CHANGE_NEARNESS * risk * (-before / tau).exp()
}

/// Did it begin before what it is to explain? Necessary, hardly sufficient.
fn timing(ground: &Ground<'_>, unit: u32, onset: Option<Interval>) -> f64 {
    let Some(onset) = onset else { return 0.0 };
    if ground.symptoms.is_empty() {
        return 0.0;
    }
    let late = onset.lo.since(ground.first_ill_of(&[unit])).as_minutes();
    if late <= 0.0 {
        k::TIMING_BEFORE
    } else {
        -(late / k::TIMING_SCALE_MIN).min(k::TIMING_LATE)
    }
}

fn test_predictions(ground: &Ground<'_>, unit: u32, mechanism: &'static Mechanism) -> Vec<Tested> {
    let predict = &mechanism.predict;
    let lists: [(&'static str, &Vec<Condition>); 3] = [
        ("must", &predict.must),
        ("may", &predict.may),
        ("must_not", &predict.must_not),
    ];
    let mut tested = Vec::new();
    for (force, conditions) in lists {
        for condition in conditions {
            let (seen, refs) = match ground.matcher.test(condition, unit) {
                Outcome::Met(refs) => (Some(true), refs.iter().map(FactRef::from).collect()),
                Outcome::Unmet => (Some(false), Vec::new()),
                Outcome::NotCovered => (None, Vec::new()),
            };
            let outcome = match (force, seen) {
                (_, None) => PredictionOutcome::Untested,
                ("must_not", Some(seen)) => {
                    if seen {
                        PredictionOutcome::Unmet
                    } else {
                        PredictionOutcome::Met
                    }
                }
                (_, Some(true)) => PredictionOutcome::Met,
                (_, Some(false)) => PredictionOutcome::Unmet,
            };
            tested.push(Tested {
                force,
                says: condition.says.clone(),
                outcome,
                instead: condition.instead,
                source: source_of(condition),
                refs,
            });
        }
    }
    tested
}

/// The gates: each puts aside, with the reason.
fn gate(ground: &Ground<'_>, hypothesis: &mut Hypothesis) {
    if !ground.symptoms.is_empty() {
        let units = ground
            .symptoms
            .iter()
            .map(|s| s.unit)
            .chain(ground.scene.alarmed.iter().copied());
        if !units
            .into_iter()
            .any(|unit| ground.reach.either(unit, hypothesis.unit).is_some())
        {
            hypothesis.aside = Some(Aside {
                reason: "no_path",
                refs: hypothesis.refs(),
            });
            return;
        }
    }
    if is_over(ground, hypothesis) {
        hypothesis.aside = Some(Aside {
            reason: "transient",
            refs: hypothesis.refs(),
        });
        return;
    }
    let nothing_for_it = hypothesis
        .groups
        .values()
        .flatten()
        .all(|(nats, _)| *nats <= 0.0)
        && hypothesis.score.anomaly <= 0.0;
    if nothing_for_it {
        hypothesis.aside = Some(Aside {
            reason: "explained",
            refs: hypothesis.refs(),
        });
        return;
    }
    if hypothesis.mechanism().change == ChangeRole::Needed && hypothesis.change.is_none() {
        hypothesis.aside = Some(Aside {
            reason: "no_change",
            refs: Vec::new(),
        });
        return;
    }
    let failed: Vec<&Tested> = hypothesis
        .tested
        .iter()
        .filter(|t| {
            t.outcome == PredictionOutcome::Unmet && (t.force == "must" || t.force == "must_not")
        })
        .collect();
    if failed.len() >= 2
        || (failed.iter().any(|t| t.force == "must_not") && hypothesis.score.total < 0.0)
    {
        let refs = failed.iter().flat_map(|t| t.refs.iter().copied()).collect();
        hypothesis.aside = Some(Aside {
            reason: "prediction_failed",
            refs,
        });
    }
}

/// Only notices, lines and readings that came back speak for it, and since the last of them the unit's own
/// readings have left their band and come back: it was so, and is over.
fn is_over(ground: &Ground<'_>, hypothesis: &Hypothesis) -> bool {
    let mut last = None;
    let mut back = false;
    for at in hypothesis
        .groups
        .values()
        .flatten()
        .filter(|(nats, _)| *nats > 0.0)
        .map(|(_, at)| *at)
    {
        let seen = match at {
            FactRef::Event(i) => ground.facts.events[i as usize].1.last,
            FactRef::Log(i) => {
                let fact = &ground.facts.logs[i as usize];
                // A step that is no longer taken is missed to the end; so does a habit last.
                if fact.habit.is_some()
                    || fact.path.as_ref().is_some_and(|p| !p.more)
                    || still_comes(ground, fact)
                {
                    return false;
                }
                fact.last
            }
            // A series that has come back speaks of the past as well.
            FactRef::Series(i) if !ground.facts.series[i as usize].active => {
                back |= ground.facts.series[i as usize].recovered.is_some();
                continue;
            }
            _ => return false,
        };
        last = last.max(Some(seen));
    }
    let of_unit = || {
        ground
            .facts
            .series
            .iter()
            .filter(|f| f.unit == hypothesis.unit && f.bad > crate::probes::series::BAND)
    };
    if of_unit().any(|f| f.active) {
        return false;
    }
    let came_back = of_unit()
        .filter_map(|f| f.recovered.map(|back| (f.role, back)))
        .filter(|(role, back)| !went_with_its_process(ground, hypothesis, *role, *back))
        .map(|(_, back)| back.hi)
        .max();
    match last {
        Some(_) => came_back.is_some() && came_back >= last,
        // Only series speak for it, all of them came back, and nothing else shows that it lasts.
        None => {
            back && ground.symptoms.iter().all(|s| !s.active)
                && own_anomalies_are_over(ground, hypothesis.unit)
        }
    }
}

/// Does a line come so often that, had it ended, its last one would lie further back?
fn still_comes(ground: &Ground<'_>, fact: &LogFact) -> bool {
    let lasted = fact.last.since(fact.first).0.max(0) as f64;
    let apart = lasted / fact.during.saturating_sub(1).max(1) as f64;
    // Its unit's lines may be on their way still: what counts is how far they have come.
    let heard = ground
        .facts
        .logs
        .iter()
        .filter(|other| other.unit == fact.unit);
    let heard = heard.map(|other| other.last).max().unwrap_or(fact.last);
    let silent = heard.since(fact.last).0 as f64;
    fact.during >= k::STEADY_LINES && silent <= k::STILL_COMING * apart
}

/// Memory that is free again because its process was ended is no recovery: what took it begins anew.
fn went_with_its_process(
    ground: &Ground<'_>,
    hypothesis: &Hypothesis,
    role: Role,
    back: Interval,
) -> bool {
    if !matches!(role, Role::Memory | Role::MemoryFree) {
        return false;
    }
    let (from, to) = (back.lo.minus(k::ONE_MOMENT), back.hi.plus(k::ONE_MOMENT));
    let near = |at: model::Timestamp| from <= at && at <= to;
    hypothesis
        .groups
        .values()
        .flatten()
        .filter(|(nats, _)| *nats > 0.0)
        .any(|(_, at)| match at {
            FactRef::Log(i) => {
                let fact = &ground.facts.logs[*i as usize];
                near(fact.first) || near(fact.last)
            }
            FactRef::Event(i) => {
                let event = &ground.facts.events[*i as usize].1;
                near(event.first) || near(event.last)
            }
            _ => false,
        })
}

/// Does all that the unit does on its own account rest on readings that have come back?
fn own_anomalies_are_over(ground: &Ground<'_>, unit: u32) -> bool {
    let own = ground
        .anomalies
        .iter()
        .filter(|a| a.unit == unit && a.explained_by.is_none());
    own.flat_map(|a| &a.refs).all(|at| match at {
        FactRef::Series(i) => {
            !ground.facts.series[*i as usize].active
                && ground.facts.series[*i as usize].recovered.is_some()
        }
        _ => false,
    })
}

/// Where one mechanism commonly causes another and both fit one unit or two that lean on each other,
/// the root takes over part of the consequence's lead: the consequence's own signs are what the root predicts.
fn prefer_roots(ground: &Ground<'_>, all: &mut [Hypothesis]) {
    let plain: Vec<(u32, &'static str, f64)> = all
        .iter()
        .filter(|h| h.aside.is_none() && h.score.signature >= k::PLAIN_SIGN)
        .map(|h| (h.unit, h.mechanism().id.as_str(), h.score.total))
        .collect();
    // What its own unit gives a plainer reason for is led back to that reason only.
    let reasons = |h: &Hypothesis| -> Vec<&'static str> {
        let better = plain
            .iter()
            .filter(|(unit, id, total)| {
                *unit == h.unit && *id != h.mechanism().id.as_str() && *total > h.score.total
            })
            .map(|(_, id, _)| *id);
        better.collect()
    };
    let standing: Vec<(u32, &'static str, f64, Vec<&'static str>)> = all
        .iter()
        .filter(|h| h.aside.is_none())
        .map(|h| (h.unit, h.mechanism().id.as_str(), h.score.total, reasons(h)))
        .collect();
    for hypothesis in all.iter_mut().filter(|h| h.aside.is_none()) {
        let own = hypothesis.unit;
        let mechanism = hypothesis.mechanism();
        let causes = &mechanism.causes;
        let led_back = |reasons: &[&str]| {
            let known = |id: &&str| *id == mechanism.id || causes.iter().any(|c| c == *id);
            reasons.is_empty() || reasons.iter().any(known)
        };
        let touches = |unit: u32| {
            unit == own
                || ground.scene.below(own).any(|(u, _)| u == unit)
                || ground.scene.above(own).any(|(u, _)| u == unit)
        };
        let best = standing
            .iter()
            .filter(|(unit, id, _, reasons)| {
                causes.iter().any(|c| c == id) && touches(*unit) && led_back(reasons)
            })
            .map(|(_, _, total, _)| *total)
            .fold(f64::NEG_INFINITY, f64::max);
        let held = hypothesis.score.against < k::MUST_FAILED;
        if best.is_finite()
            && held
            && hypothesis.score.signature + hypothesis.score.change >= k::ROOT_LEAST
        {
            let lift = (best - hypothesis.score.total).clamp(0.0, k::SOURCE_LIFT) + k::ROOT_EDGE;
            hypothesis.score.difference += lift;
            hypothesis.score.total += lift;
        }
    }
}

/// Who shows a failure first-hand takes over the lead of those who lean on it and only pass it on.
fn prefer_sources(ground: &Ground<'_>, all: &mut [Hypothesis]) {
    let leads: Vec<f64> = all
        .iter()
        .map(|own| {
            let echoes = all.iter().filter(|other| {
                other.aside.is_none() && own.is_echoed_by(other, ground.scene, ground.facts)
            });
            echoes
                .map(|other| other.score.total)
                .fold(f64::NEG_INFINITY, f64::max)
        })
        .collect();
    for (hypothesis, lead) in all
        .iter_mut()
        .zip(leads)
        .filter(|(h, lead)| h.aside.is_none() && lead.is_finite())
    {
        let lift = (lead - hypothesis.score.total).clamp(0.0, k::SOURCE_LIFT) + k::ROOT_EDGE;
        hypothesis.score.difference += lift;
        hypothesis.score.total += lift;
    }
}
