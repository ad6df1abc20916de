//! What earlier incidents add: they are recalled by what is seen now, shown, and nudge a little (HIST).
//!
//! The verdict is reached twice over the same facts. First without any precedent: that says by what this incident is
//! to be compared, and whom the evidence alone makes a possible cause. Then with the nats of the nearest precedents,
//! for those only: history may move what is in doubt, and can neither put forward a cause for which the evidence does
//! not speak, nor make one known where the evidence leaves it unknown.

use std::borrow::Cow;
use std::collections::BTreeSet;

use analysis::precedents::{self, Features, Near};
use model::EntityKind;
use model::lesson::Lesson;
use model::mechanism::MechanismId;
use model::ports::Eyes;
use model::report::Status;

use crate::constants as k;
use crate::hypotheses::{self, Ground, Hypothesis};
use crate::kinds::FactRef;
use crate::verdict::{self, Verdict};
use crate::world::World;

/// How many facts a cause card cites: by those an incident is remembered.
pub(crate) const CITED: usize = 8;
/// How many facts a symptom cites.
pub(crate) const CITED_FOR_SYMPTOM: usize = 2;

/// The verdict, what it was reached over, and the precedents beside it.
pub struct Judged<'h> {
    /// All hypotheses, best first, with what history added.
    pub hypotheses: Cow<'h, [Hypothesis]>,
    /// The verdict over them.
    pub verdict: Verdict,
    /// The nearest earlier incidents, the nearest first.
    pub recalled: Vec<Near>,
    /// By what they were compared.
    pub seen: Features,
}

/// The lessons that the case hands in: none of the future, and none of the incident itself.
pub fn handed_in(eyes: &dyn Eyes) -> Vec<Lesson> {
    let manifest = eyes.manifest();
    let mut lessons = eyes.lessons().found().unwrap_or_default();
    lessons.retain(|lesson| lesson.at <= manifest.now && lesson.incident.0 != manifest.id);
    lessons
}

/// Decides, recalls what is alike, and decides again where that nudges anybody.
pub fn judge<'h>(
    world: &World<'_>,
    ground: &Ground<'_>,
    hypotheses: &'h [Hypothesis],
) -> Judged<'h> {
    let verdict = verdict::decide(ground, hypotheses);
    let alone = |verdict, recalled, seen| Judged {
        hypotheses: Cow::Borrowed(hypotheses),
        verdict,
        recalled,
        seen,
    };
    if world.lessons.is_empty() {
        return alone(verdict, Vec::new(), Features::default());
    }
    let seen = features(ground, hypotheses, &verdict);
    let recalled = precedents::nearest(&world.lessons, &seen, ground.scene.now);
    if verdict.status != Status::CauseFound {
        return alone(verdict, recalled, seen);
    }
    let mut nudged = hypotheses.to_vec();
    let mut any = false;
    for (hypothesis, confidence) in nudged.iter_mut().zip(&verdict.confidence) {
        if hypothesis.aside.is_some() || *confidence < k::NAMED {
            continue;
        }
        // What a stronger one brings about is no rival of it, and would win by what both have in common.
        let follows = hypotheses.iter().any(|root| {
            root.aside.is_none()
                && root.score.total > hypothesis.score.total
                && root.brings_about(hypothesis, ground.scene, ground.facts)
        });
        if follows {
            continue;
        }
        let unit = &ground.scene.entities[hypothesis.unit as usize];
        let nats = precedents::nudge(
            &world.lessons,
            &recalled,
            &unit.id,
            unit.kind,
            &MechanismId(hypothesis.mechanism().id.clone()),
        );
        if nats > 0.0 {
            hypothesis.score.history = nats;
            hypothesis.score.total += nats;
            any = true;
        }
    }
    if !any {
        return alone(verdict, recalled, seen);
    }
    hypotheses::sort(&mut nudged, ground.scene);
    let verdict = verdict::decide(ground, &nudged);
    Judged {
        hypotheses: Cow::Owned(nudged),
        verdict,
        recalled,
        seen,
    }
}

/// By what this incident is compared: the same that its lesson would keep of its report.
pub fn features(ground: &Ground<'_>, hypotheses: &[Hypothesis], verdict: &Verdict) -> Features {
    let named: Vec<&Hypothesis> = verdict
        .named
        .iter()
        .filter_map(|named| hypotheses.get(named.hypothesis))
        .collect();
    let entity = |unit: u32| &ground.scene.entities[unit as usize];
    let changes = named.iter().filter_map(|h| h.change);
    Features {
        templates: templates(ground, &named),
        mechanisms: named
            .iter()
            .map(|h| MechanismId(h.mechanism().id.clone()))
            .collect(),
        entities: named.iter().map(|h| entity(h.unit).id.clone()).collect(),
        path: path(ground, hypotheses, verdict),
        shapes: shapes(ground),
        changes: changes
            .map(|c| ground.facts.changes[c as usize].change.kind)
            .collect(),
    }
}

/// Templates of the lines that speak for the causes; of those that are new and show symptoms, where there is no cause.
fn templates(ground: &Ground<'_>, named: &[&Hypothesis]) -> BTreeSet<String> {
    let text = |at: FactRef| match at {
        FactRef::Log(i) => {
            let template = ground.facts.logs[i as usize].template.as_str();
            (!template.is_empty() && !template.starts_with('/')).then_some(template)
        }
        _ => None,
    };
    let cited = named
        .iter()
        .flat_map(|h| h.refs().into_iter().take(CITED))
        .filter_map(text);
    let kept = precedents::templates(cited);
    if !kept.is_empty() {
        return kept;
    }
    let shown = ground
        .symptoms
        .iter()
        .flat_map(|s| s.refs.iter().take(CITED_FOR_SYMPTOM));
    precedents::templates(shown.filter_map(|at| text(*at)))
}

/// Kinds of things on the way from the causes to the symptoms that they explain, and of all symptoms.
fn path(ground: &Ground<'_>, hypotheses: &[Hypothesis], verdict: &Verdict) -> BTreeSet<EntityKind> {
    let mut units: BTreeSet<u32> = ground.symptoms.iter().map(|s| s.unit).collect();
    for named in &verdict.named {
        let Some(hypothesis) = hypotheses.get(named.hypothesis) else {
            continue;
        };
        units.insert(hypothesis.unit);
        for &symptom in &named.explains {
            let start = ground.symptoms[symptom].unit;
            units.extend(ground.reach.path(start, hypothesis.unit));
        }
    }
    units
        .into_iter()
        .map(|unit| ground.scene.entities[unit as usize].kind)
        .collect()
}

/// What metrics did, by aspect, from the first thing cited that tells a direction.
fn shapes(ground: &Ground<'_>) -> BTreeSet<String> {
    ground
        .symptoms
        .iter()
        .map(|symptom| {
            let mut cited = symptom.refs.iter().take(CITED_FOR_SYMPTOM);
            let z = cited.find_map(|at| match at {
                FactRef::Series(i) => Some(ground.facts.series[*i as usize].z),
                FactRef::Log(i) => Some(ground.facts.logs[*i as usize].z),
                _ => None,
            });
            analysis::precedents::shape(symptom.aspect, z)
        })
        .collect()
}
