//! What was altered, when did it begin to act, whom does it reach, and what does its diff do?

use std::collections::{BTreeMap, BTreeSet};

use analysis::changes::{
    ChangeReading, Effect, EffectKind, FailureKind, Provenance, can_produce, read_change,
};
use model::{Change, ChangeKind, Timestamp};

use crate::facts::{ChangeFact, Reading};
use crate::scene::Scene;

/// Least plausibility that is written down.
const LEAST: f64 = 0.05;
/// Strength of an effect that only the kind of the record tells.
const RECORDED: f64 = 0.6;

/// The word of a failure kind in snake case, as catalogue files and `kinds` write it.
pub fn kind_word(kind: FailureKind) -> String {
    let name = format!("{kind:?}");
    let mut word = String::with_capacity(name.len() + 4);
    for (i, c) in name.char_indices() {
        if c.is_uppercase() && i > 0 {
            word.push('_');
        }
        word.extend(c.to_lowercase());
    }
    word
}

/// Reads every change. A commit acts from the first deploy that carries it; a deploy that carries
/// recorded commits is read through them, and stands for itself only if it carries none.
pub fn judge(scene: &Scene, changes: Vec<Change>) -> Vec<ChangeFact> {
    let mut carried: BTreeMap<&str, (&Change, Timestamp)> = BTreeMap::new();
    for deploy in changes.iter().filter(|c| !c.carries.is_empty()) {
        for commit in &deploy.carries {
            let entry = carried.entry(commit).or_insert((deploy, deploy.start));
            if deploy.start < entry.1 {
                *entry = (deploy, deploy.start);
            }
        }
    }
    let any_deploys = changes.iter().any(|c| c.kind == ChangeKind::Deploy);
    let known: BTreeSet<&str> = changes.iter().map(|c| c.id.as_str()).collect();
    let names = Names::of(scene);
    let mut facts: Vec<ChangeFact> = changes
        .iter()
        .filter(|c| c.carries.is_empty() || !c.carries.iter().any(|id| known.contains(id.as_str())))
        .map(|change| {
            let deployed = carried.get(change.id.as_str());
            let files: Vec<&str> = change.files.iter().map(String::as_str).collect();
            let mut read = read_change(&change.title, &files, change.diff.as_deref());
            of_its_kind(&mut read, change);
            let mut units: BTreeSet<u32> = change
                .entities
                .iter()
                .filter_map(|e| scene.unit(e))
                .collect();
            if let Some((deploy, _)) = deployed {
                units.extend(deploy.entities.iter().filter_map(|e| scene.unit(e)));
            }
            if units.is_empty() {
                units.extend(read.owners.iter().filter_map(|owner| names.find(owner)));
            }
            let reading = Reading {
                complete: read.diff_read,
                shared: read.shared_library,
                harmless: read.harmless.as_ref().map(|h| h.reason.clone()),
                produces: FailureKind::ALL
                    .iter()
                    .filter_map(|&kind| {
                        let (plausible, reason) = can_produce(&read, kind);
                        (plausible >= LEAST).then(|| (kind_word(kind), (plausible, reason)))
                    })
                    .collect(),
                effects: read
                    .effects
                    .iter()
                    .filter(|e| !e.kind.is_harmless())
                    .take(3)
                    .map(|e| e.summary.clone())
                    .collect(),
                vocabulary: read.vocabulary.clone(),
                territory: read.owners.iter().cloned().collect(),
            };
            // Where deploys are recorded, a commit that none of them carries is not yet known to run.
            let undeployed = change.kind == ChangeKind::Commit && any_deploys && deployed.is_none();
            ChangeFact {
                acts_from: deployed.map_or(change.start, |(_, at)| *at),
                deployed_by: deployed.map(|(deploy, _)| deploy.id.clone()),
                undeployed,
                units: units.into_iter().collect(),
                reading,
                relevance: 0.0,
                full: Box::new(read),
                change: change.clone(),
            }
        })
        .collect();
    facts.sort_by(|a, b| (a.acts_from, &a.change.id).cmp(&(b.acts_from, &b.change.id)));
    facts
}

/// What the record's own kind says of its effect, where nothing that was read says more.
fn of_its_kind(read: &mut ChangeReading, change: &Change) {
    let (kind, says) = match change.kind {
        ChangeKind::Permission => (EffectKind::PermissionChanged, "changes who may do what"),
        ChangeKind::Certificate => (EffectKind::TlsChanged, "changes a certificate"),
        _ => return,
    };
    if read.harmless.is_some() || read.effects.iter().any(|e| e.strength >= RECORDED) {
        return;
    }
    let file = read.paths.first().cloned().unwrap_or_default();
    let effect = Effect {
        provenance: Provenance::FromMessage,
        ..Effect::new(kind, &file, RECORDED, says)
    };
    read.effects.insert(0, effect);
}

/// Finds a unit by the name of a folder: `checkout` is `checkoutservice` or `checkout-svc`.
struct Names {
    bare: BTreeMap<String, u32>,
}

impl Names {
    fn of(scene: &Scene) -> Self {
        let mut bare = BTreeMap::new();
        for (number, entity) in scene.entities.iter().enumerate() {
            let unit = scene.unit_of[number];
            if unit as usize == number {
                bare.entry(stem(&entity.name)).or_insert(unit);
            }
        }
        Self { bare }
    }

    fn find(&self, folder: &str) -> Option<u32> {
        self.bare.get(&stem(folder)).copied()
    }
}

/// A service's name without the words that only say that it is one.
fn stem(name: &str) -> String {
    let lower: String = name
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric())
        .collect();
    for tail in ["service", "svc", "server", "app", "api"] {
        if let Some(head) = lower.strip_suffix(tail)
            && head.len() >= 3
        {
            return head.to_string();
        }
    }
    lower
}
