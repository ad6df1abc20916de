//! Before an incident: which failures could be told, of whom, and what would have to be collected for the rest.
//!
//! The engine's own matcher is asked, for every way to break and every unit that can break so, whether there is
//! anything to look at: what it could not see tonight, it says today. Whether something is wrong does not matter here.

use std::collections::{BTreeMap, BTreeSet};

use model::ports::Eyes;
use model::query::Gap;
use model::report::BudgetLimit;
use model::{Category, EntityId, EntityKind, SourceKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::catalogue::{ChangeRole, Condition, Mechanism, Where};
use crate::constants::STRONG_SIGN;
use crate::matching::{self, Matcher};
use crate::scene::Scene;
use crate::world::{Step, World};

/// How well one way to break could be seen at one unit.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Sight {
    /// Nothing that would show it is collected.
    Blind,
    /// Something would hint at it, and at much else.
    Hinted,
    /// At least one of its own strong signs would be seen.
    Named,
}

impl Sight {
    /// The word people read.
    pub fn word(self) -> &'static str {
        match self {
            Self::Blind => "blind",
            Self::Hinted => "hinted",
            Self::Named => "named",
        }
    }
}

/// Something that can be collected of one unit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Signal {
    /// From which kind of source.
    pub source: SourceKind,
    /// What, for people; completes "collect …".
    pub what: String,
}

/// One way to break, at one unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// Id in the catalogue.
    pub mechanism: String,
    /// For people.
    pub title: String,
    /// Which of the five.
    pub category: Category,
    /// How well it could be seen.
    pub sight: Sight,
    /// What is collected that would show it, sorted.
    pub seen_by: Vec<Signal>,
    /// What is not and would, the most telling first.
    pub missing: Vec<Signal>,
}

/// A signal that is not collected, and how many further failures it would name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Advice {
    /// What to collect.
    pub signal: Signal,
    /// Failures that cannot be named today and could be with this alone.
    pub opens: u32,
}

/// One unit and everything that can break there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Unit {
    /// Which.
    pub entity: EntityId,
    /// What it is.
    pub kind: EntityKind,
    /// How many failures could be named, only hinted at, and not seen.
    pub counts: Counts,
    /// Each of them, the blind ones first, then by id.
    pub failures: Vec<Failure>,
    /// What to collect of it, that which opens most first.
    pub advice: Vec<Advice>,
}

/// How many failures of each sort.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// Could be named.
    pub named: u32,
    /// Only hinted at.
    pub hinted: u32,
    /// Not seen.
    pub blind: u32,
}

impl Counts {
    /// All of them.
    pub fn total(self) -> u32 {
        self.named + self.hinted + self.blind
    }

    /// The share that could be named, 0 to 1; 1 where nothing can break.
    pub fn share(self) -> f64 {
        if self.total() == 0 {
            1.0
        } else {
            f64::from(self.named) / f64::from(self.total())
        }
    }

    fn add(&mut self, sight: Sight) {
        match sight {
            Sight::Blind => self.blind += 1,
            Sight::Hinted => self.hinted += 1,
            Sight::Named => self.named += 1,
        }
    }
}

/// What could be told of a house, before anything happens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Readiness {
    /// Of all units together.
    pub counts: Counts,
    /// Sorted by id.
    pub units: Vec<Unit>,
    /// Sources that could not be looked into, and how to close that.
    pub gaps: Vec<Gap>,
}

/// Looks at what is collected, and says what could be told of it. The same eyes give the same answer.
pub fn assess(eyes: &dyn Eyes, budget: BudgetLimit, progress: &mut dyn FnMut(Step)) -> Readiness {
    let world = World::survey(eyes, budget, progress);
    let compiled = matching::compiled();
    let matcher = Matcher::new(&world.scene, &world.facts, compiled);
    let collected = Collected::of(&world);
    let orchestrated = is_orchestrated(&world.scene);
    let mut counts = Counts::default();
    let mut units = Vec::new();
    for (number, entity) in world.scene.entities.iter().enumerate() {
        let unit = number as u32;
        if world.scene.unit_of[number] != unit || !can_break(entity.kind) {
            continue;
        }
        let mut failures = Vec::new();
        for (which, mechanism) in compiled.catalogue().mechanisms.iter().enumerate() {
            let elsewhere = mechanism.id.starts_with(ORCHESTRATED) && !orchestrated;
            if elsewhere || !compiled.can_break(which as u32, entity.kind) {
                continue;
            }
            failures.push(judge(&matcher, unit, mechanism, collected));
        }
        if failures.is_empty() {
            continue;
        }
        let mut own = Counts::default();
        for failure in &failures {
            own.add(failure.sight);
            counts.add(failure.sight);
        }
        let advice = advise(&failures);
        failures.sort_by(|a, b| (a.sight, &a.mechanism).cmp(&(b.sight, &b.mechanism)));
        units.push(Unit {
            entity: entity.id.clone(),
            kind: entity.kind,
            counts: own,
            failures,
            advice,
        });
    }
    Readiness {
        counts,
        units,
        gaps: world.scene.gaps,
    }
}

/// Rare things, of which a source that tells none may be one that nobody feeds: in an incident silence means that
/// nothing happened, here it means that nothing is known of them.
#[derive(Clone, Copy)]
struct Collected {
    events: bool,
    changes: bool,
}

impl Collected {
    fn of(world: &World<'_>) -> Self {
        Self {
            events: !world.facts.events.is_empty(),
            changes: !world.facts.changes.is_empty(),
        }
    }

    fn has(self, source: SourceKind) -> bool {
        match source {
            SourceKind::Events => self.events,
            SourceKind::Changes => self.changes,
            _ => true,
        }
    }
}

/// How the ids of mechanisms begin that only an orchestrator knows.
const ORCHESTRATED: &str = "kubernetes.";

/// Is anything here run by an orchestrator?
fn is_orchestrated(scene: &Scene) -> bool {
    scene
        .entities
        .iter()
        .any(|e| matches!(e.kind, EntityKind::Pod | EntityKind::Workload))
}

/// Does it do work that can fail? Names for people, rights and places do not, and an outsider cannot be looked into.
fn can_break(kind: EntityKind) -> bool {
    !matches!(
        kind,
        EntityKind::External
            | EntityKind::Role
            | EntityKind::Config
            | EntityKind::Quota
            | EntityKind::Scope
            | EntityKind::Client
    )
}

/// How much a sign counts; one that states nothing hints.
fn nats(mechanism: &Mechanism, condition: &Condition) -> f64 {
    // One that says no more than where something is slow is named by whatever shows that.
    if mechanism.generic.is_some() {
        STRONG_SIGN
    } else {
        condition.nats.unwrap_or(0.0)
    }
}

fn judge(matcher: &Matcher<'_>, unit: u32, mechanism: &Mechanism, collected: Collected) -> Failure {
    let mut seen_by = BTreeSet::new();
    let mut missing: Vec<(f64, Signal)> = Vec::new();
    let mut strongest = None;
    for condition in &mechanism.signatures {
        let Some(signal) = signal(condition) else {
            continue;
        };
        let nats = nats(mechanism, condition);
        if collected.has(signal.source) && matcher.covers(condition, unit) {
            seen_by.insert(signal);
            strongest = Some(strongest.map_or(nats, |most: f64| most.max(nats)));
        } else {
            missing.push((nats, signal));
        }
    }
    let mut sight = match strongest {
        Some(nats) if nats >= STRONG_SIGN => Sight::Named,
        Some(_) => Sight::Hinted,
        None => Sight::Blind,
    };
    if mechanism.change == ChangeRole::Needed && !collected.changes {
        sight = sight.min(Sight::Hinted);
        missing.push((f64::MAX, changes()));
    }
    missing.retain(|(_, signal)| !seen_by.contains(signal));
    missing.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let mut told = BTreeSet::new();
    Failure {
        mechanism: mechanism.id.clone(),
        title: mechanism.title.clone(),
        category: mechanism.category,
        sight,
        seen_by: seen_by.into_iter().collect(),
        missing: missing
            .into_iter()
            .map(|(_, signal)| signal)
            .filter(|signal| told.insert(signal.clone()))
            .collect(),
    }
}

/// For each signal that is missing, the failures that it alone would name.
fn advise(failures: &[Failure]) -> Vec<Advice> {
    let mut opens: BTreeMap<&Signal, u32> = BTreeMap::new();
    for failure in failures.iter().filter(|f| f.sight != Sight::Named) {
        let Some(mechanism) = crate::catalogue().get(&failure.mechanism) else {
            continue;
        };
        for missing in &failure.missing {
            let names = mechanism.signatures.iter().any(|condition| {
                nats(mechanism, condition) >= STRONG_SIGN
                    && signal(condition).as_ref() == Some(missing)
            });
            // Where it cannot happen without a change, whoever sees none names none.
            let needs =
                mechanism.change == ChangeRole::Needed && failure.missing.contains(&changes());
            if if needs { *missing == changes() } else { names } {
                *opens.entry(missing).or_default() += 1;
            }
        }
    }
    let mut advice: Vec<Advice> = opens
        .into_iter()
        .map(|(signal, opens)| Advice {
            signal: signal.clone(),
            opens,
        })
        .collect();
    advice.sort_by(|a, b| b.opens.cmp(&a.opens).then_with(|| a.signal.cmp(&b.signal)));
    advice
}

fn changes() -> Signal {
    Signal {
        source: SourceKind::Changes,
        what: "changes: deploys, settings, permissions".to_string(),
    }
}

/// What would have to be collected for the condition to be looked at.
fn signal(condition: &Condition) -> Option<Signal> {
    let source = condition.source()?;
    let what = match source {
        SourceKind::Logs if condition.steps.is_some() => {
            "log lines that say to which request they belong".to_string()
        }
        SourceKind::Logs => "log lines".to_string(),
        SourceKind::Events => "events of the platform".to_string(),
        SourceKind::State => match condition.state.as_ref().map_or("*", |s| s.kind.as_str()) {
            "*" => "its state, as the platform describes it".to_string(),
            kind => format!("its state: {kind}"),
        },
        SourceKind::Metrics => {
            let role = condition.metric.as_ref().map_or("", |m| m.role.as_str());
            format!("a metric: {}", role.replace('_', " "))
        }
        SourceKind::Traces => "spans".to_string(),
        SourceKind::Changes => return Some(changes()),
        SourceKind::Topology | SourceKind::Alarm | SourceKind::Lessons => return None,
    };
    let place = match condition.place {
        Where::Itself | Where::Anywhere => "",
        Where::Below => ", of what it leans on",
        Where::Above => ", of those who lean on it",
    };
    Some(Signal {
        source,
        what: what + place,
    })
}
