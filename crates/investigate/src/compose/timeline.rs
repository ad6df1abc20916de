//! What happened when.

use std::collections::BTreeSet;

use model::Polarity;
use model::report::TimelineEntry;

use super::Desk;
use crate::derive::Subject;
use crate::kinds::FactRef;
use crate::words;

/// Longest timeline that people read.
const MOST: usize = 40;

pub(super) fn timeline(desk: &mut Desk<'_, '_, '_>) -> Vec<TimelineEntry> {
    let mut entries = Vec::new();
    let scene = &desk.world.scene;
    let first_ill = desk.ground.first_ill();
    let blamed: BTreeSet<u32> = desk
        .verdict
        .named
        .iter()
        .filter_map(|n| desk.hypotheses[n.hypothesis].change)
        .collect();
    let mut near: Vec<u32> = (0..desk.world.facts.changes.len() as u32).collect();
    near.sort_by_key(|i| {
        let fact = &desk.world.facts.changes[*i as usize];
        (
            !blamed.contains(i),
            fact.deployed_by.is_none() && fact.units.is_empty(),
            first_ill.since(fact.acts_from).0.abs(),
        )
    });
    for index in near.into_iter().take(8) {
        let fact = desk.world.facts.changes[index as usize].clone();
        let id = desk.ledger.cite(
            Subject::Fact(FactRef::Change(index)),
            Polarity::Neutral,
            0.0,
        );
        let text = format!(
            "{} {}",
            words::change_name(&fact.change),
            if fact.undeployed {
                "is made, and not known to run"
            } else {
                "begins to act"
            }
        );
        let claim = desk.say(text, vec![id]);
        entries.push(TimelineEntry {
            at: fact.acts_from,
            until: None,
            kind: "change".to_string(),
            entity: fact.units.first().map(|u| scene.id(*u).clone()),
            claim,
        });
    }
    for index in 0..desk.ground.symptoms.len().min(12) {
        let symptom = desk.ground.symptoms[index].clone();
        let refs: Vec<FactRef> = symptom.refs.iter().take(1).copied().collect();
        let ids = desk.ledger.cite_facts(&refs, Polarity::For);
        let said = ids
            .first()
            .map_or(String::new(), |id| desk.ledger.says(*id).to_string());
        let text = format!(
            "{}: {} begins ({said})",
            desk.name(symptom.unit),
            symptom.aspect
        );
        let claim = desk.say(text, ids);
        entries.push(TimelineEntry {
            at: symptom.onset.lo,
            until: Some(symptom.onset.hi).filter(|hi| *hi > symptom.onset.lo),
            kind: "onset".to_string(),
            entity: Some(scene.id(symptom.unit).clone()),
            claim,
        });
    }
    for named in desk.verdict.named.clone() {
        let hypothesis = desk.hypotheses[named.hypothesis].clone();
        for at in hypothesis
            .refs()
            .into_iter()
            .filter(|at| !matches!(at, FactRef::Change(_) | FactRef::State(_)))
            .take(4)
        {
            let Some(onset) = crate::hypotheses::onset_of_fact(&desk.world.facts, at) else {
                continue;
            };
            let id = desk.ledger.cite(Subject::Fact(at), Polarity::For, 0.0);
            let said = desk.ledger.says(id).to_string();
            let claim = desk.say(said, vec![id]);
            entries.push(TimelineEntry {
                at: onset.lo,
                until: Some(onset.hi).filter(|hi| *hi > onset.lo),
                kind: "evidence".to_string(),
                entity: Some(scene.id(hypothesis.unit).clone()),
                claim,
            });
        }
    }
    for (index, alarm) in desk.world.eyes.alarms().iter().enumerate().take(8) {
        let id = desk
            .ledger
            .cite(Subject::Alarm(index), Polarity::Neutral, 0.0);
        let said = desk.ledger.says(id).to_string();
        let claim = desk.say(said, vec![id]);
        entries.push(TimelineEntry {
            at: alarm.fired_at,
            until: None,
            kind: "alarm".to_string(),
            entity: Some(alarm.entity.clone()),
            claim,
        });
    }
    let events: Vec<(u32, u32, model::Timestamp, model::Timestamp)> = desk
        .world
        .facts
        .events
        .iter()
        .enumerate()
        .filter(|(_, (_, e))| e.last >= scene.near.from())
        .map(|(i, (unit, e))| (i as u32, *unit, e.first, e.last))
        .take(10)
        .collect();
    for (index, unit, first, last) in events {
        let id = desk
            .ledger
            .cite(Subject::Fact(FactRef::Event(index)), Polarity::Neutral, 0.0);
        let said = desk.ledger.says(id).to_string();
        let claim = desk.say(said, vec![id]);
        entries.push(TimelineEntry {
            at: first,
            until: Some(last).filter(|l| *l > first),
            kind: "event".to_string(),
            entity: Some(scene.id(unit).clone()),
            claim,
        });
    }
    let back: Vec<(u32, model::report::Onset)> = desk
        .world
        .facts
        .series
        .iter()
        .enumerate()
        .filter(|(_, f)| {
            scene.alarmed.binary_search(&f.unit).is_ok() && f.bad > crate::probes::series::BAND
        })
        .filter_map(|(i, f)| f.recovered.map(|r| (i as u32, r)))
        .take(4)
        .collect();
    for (index, recovered) in back {
        let id = desk.ledger.cite(
            Subject::Fact(FactRef::Series(index)),
            Polarity::Healthy,
            0.0,
        );
        let fact = &desk.world.facts.series[index as usize];
        let text = format!(
            "{} of {} is back in its band",
            words::metric(&fact.series.key),
            desk.name(fact.unit)
        );
        let entity = Some(fact.series.key.entity.clone());
        let claim = desk.say(text, vec![id]);
        entries.push(TimelineEntry {
            at: recovered.hi,
            until: None,
            kind: "recovery".to_string(),
            entity,
            claim,
        });
    }
    entries.sort_by(|a, b| (a.at, &a.kind, &a.claim.text).cmp(&(b.at, &b.kind, &b.claim.text)));
    entries.dedup_by(|a, b| a.at == b.at && a.claim.text == b.claim.text);
    entries.truncate(MOST);
    entries
}
