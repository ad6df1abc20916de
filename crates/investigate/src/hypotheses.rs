//! Which causes are possible, and how well is each supported? (S2, S3)
//!
//! A hypothesis is (unit, mechanism), sometimes with the change that triggered it. Everything found is
//! turned into nats in independent groups, each capped (max + 0.3 x second), so that ten log lines
//! count once. The gates put a hypothesis aside with the reason; they never merely lower it.

mod changes;
mod gate;
mod propose;
mod roots;
mod score;

use std::collections::{BTreeMap, BTreeSet};

use analysis::precedents::BaseRates;
use model::SourceKind;
use model::report::{PredictionOutcome, Score};
use rustc_hash::FxHashSet;

use crate::catalogue::{Mechanism, Spread, catalogue};
use crate::constants as k;
use crate::facts::{Facts, Interval};
use crate::kinds::{self, FactRef};
use crate::matching::Matcher;
use crate::pull::Anomaly;
use crate::reach::Reach;
use crate::scene::Scene;
use crate::symptoms;

pub use score::is_seen_with_its_change;

pub(crate) use propose::{grows_unasked, is_entrance};

/// A prediction of the mechanism, tested.
#[derive(Clone, Debug, PartialEq)]
pub struct Tested {
    /// `must`, `may` or `must_not`.
    pub force: &'static str,
    /// For people.
    pub says: String,
    /// What became of it.
    pub outcome: PredictionOutcome,
    /// It would explain what is seen instead ([`crate::catalogue::Condition::instead`]).
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
        let first_hand = || {
            self.score.signature > other.score.signature
                && !self.is_hearsay(facts)
                && other.is_hearsay(facts)
        };
        let heard = || first_hand() && leans_on(scene, other.unit, self.unit);
        match self.mechanism().spreads {
            Spread::Callers | Spread::Neighbours => heard(),
            Spread::Partners => heard() || (first_hand() && leans_on(scene, self.unit, other.unit)),
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
    let pulls = score::own_pull(ground);
    let mut table = propose::propose(ground, &pulls);
    changes::add_changes(ground, &mut table);
    let mut all: Vec<Hypothesis> = table.into_values().collect();
    for hypothesis in &mut all {
        score::score(ground, hypothesis, &pulls);
        gate::gate(ground, hypothesis);
        // Looked up once here: echoes are asked for pair by pair.
        if hypothesis.mechanism().spreads == Spread::Requests
            && is_entrance(ground.scene, hypothesis.unit)
        {
            hypothesis.sends_to = called_from(ground.scene, hypothesis.unit);
        }
    }
    roots::prefer_roots(ground, &mut all);
    roots::prefer_sources(ground, &mut all);
    roots::keep_ahead(ground, &mut all);
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
