//! What was put aside, and what is wrong but not here and now.

use std::collections::BTreeSet;

use model::report::{Latent, PredictionOutcome, RuledOut};
use model::{MechanismId, Polarity};

use super::Desk;
use crate::constants as k;
use crate::derive::Subject;
use crate::facts::ChangeFact;
use crate::kinds::FactRef;
use crate::words;

/// How many of each kind are listed.
const MOST: usize = 24;

pub(super) fn ruled_out(desk: &mut Desk<'_, '_, '_>) -> Vec<RuledOut> {
    let mut out = changes(desk);
    out.extend(hypotheses(desk));
    out.extend(units(desk));
    out
}

/// Every change that acts within reach of the incident and was not blamed, with the reason.
fn changes(desk: &mut Desk<'_, '_, '_>) -> Vec<RuledOut> {
    let blamed: BTreeSet<u32> = desk
        .verdict
        .named
        .iter()
        .filter_map(|n| desk.hypotheses[n.hypothesis].change)
        .collect();
    let first_ill = desk.ground.first_ill();
    let mut chosen: Vec<u32> = (0..desk.world.facts.changes.len() as u32)
        .filter(|i| !blamed.contains(i))
        .collect();
    // Nearest to the onset first: those are the ones that people would suspect.
    chosen.sort_by_key(|i| {
        let fact = &desk.world.facts.changes[*i as usize];
        (
            first_ill.since(fact.acts_from).0.abs(),
            fact.change.id.clone(),
        )
    });
    let mut out = Vec::new();
    for index in chosen.into_iter().take(MOST) {
        let fact = desk.world.facts.changes[index as usize].clone();
        let (reason, why) = reason_against(desk, &fact, index);
        let id = desk.ledger.cite(
            Subject::Fact(FactRef::Change(index)),
            Polarity::Against,
            0.0,
        );
        let text = format!("{} did not do it: {why}", words::change_name(&fact.change));
        let claim = desk.say(text, vec![id]);
        let unit = fact
            .units
            .first()
            .copied()
            .or_else(|| desk.world.scene.alarmed.first().copied())
            .unwrap_or(0);
        out.push(RuledOut {
            entity: desk.world.scene.id(unit).clone(),
            mechanism: None,
            change: Some(fact.change.id.clone()),
            reason: reason.to_string(),
            claim,
        });
    }
    out
}

fn reason_against(
    desk: &Desk<'_, '_, '_>,
    fact: &ChangeFact,
    index: u32,
) -> (&'static str, String) {
    let first_ill = desk.ground.first_ill_of(&fact.units);
    if fact.acts_from > first_ill.plus(k::CLOCK_SLACK) {
        return (
            "began_after",
            format!(
                "it acts only from {}, after the first sign at {}",
                fact.acts_from.clock(),
                first_ill.clock()
            ),
        );
    }
    if let Some(undone) = fact.change.undone.filter(|at| *at < first_ill) {
        return (
            "rolled_back",
            format!(
                "it was undone at {}, before the first sign at {}",
                undone.clock(),
                first_ill.clock()
            ),
        );
    }
    if fact.undeployed {
        return (
            "no_path",
            "deploys are recorded, and none of them carries it, so it is not known to run"
                .to_string(),
        );
    }
    if let Some(harmless) = &fact.reading.harmless {
        return ("cannot_produce", harmless.clone());
    }
    let can = desk.ground.kinds.iter().any(|seen| {
        fact.reading
            .produces
            .get(seen.kind)
            .is_some_and(|(p, _)| *p >= k::LEAST_FIT)
    });
    if !can {
        let what = fact
            .reading
            .effects
            .first()
            .cloned()
            .unwrap_or_else(|| "nothing in it".to_string());
        let tail = if fact.reading.complete {
            "that cannot produce what is seen"
        } else {
            "its diff was withheld, and its title and paths name nothing that could produce what is seen"
        };
        return ("cannot_produce", format!("{what}; {tail}"));
    }
    let tied = desk.ground.symptoms.iter().any(|s| {
        fact.units
            .iter()
            .any(|u| desk.ground.reach.either(s.unit, *u).is_some())
    });
    if !fact.units.is_empty() && !tied {
        return (
            "no_path",
            "nothing that shows a symptom leans on what it touches".to_string(),
        );
    }
    let rival = desk
        .hypotheses
        .iter()
        .any(|h| h.change == Some(index) && h.aside.is_none());
    if rival {
        (
            "explained",
            "what it could do is explained better by the causes above".to_string(),
        )
    } else {
        (
            "cannot_produce",
            "nothing of what it does fits what is seen where it is seen".to_string(),
        )
    }
}

/// Mechanisms that were proposed and failed their own predictions.
fn hypotheses(desk: &mut Desk<'_, '_, '_>) -> Vec<RuledOut> {
    let mut out = Vec::new();
    let mut seen: BTreeSet<(u32, u32)> = BTreeSet::new();
    for index in 0..desk.hypotheses.len() {
        let hypothesis = desk.hypotheses[index].clone();
        let Some(aside) = &hypothesis.aside else {
            continue;
        };
        if aside.reason == "no_change"
            || aside.reason == "no_path"
            || !seen.insert((hypothesis.unit, hypothesis.mechanism))
        {
            continue;
        }
        let failed: Vec<&crate::hypotheses::Tested> = hypothesis
            .tested
            .iter()
            .filter(|t| t.outcome == PredictionOutcome::Unmet && t.force != "may")
            .collect();
        let why = match failed.first() {
            Some(t) if t.force == "must_not" => {
                format!("seen, though it should not be: {}", t.says)
            }
            Some(t) => format!("not seen, though it should be: {}", t.says),
            None => "everything it would explain is explained by the causes above".to_string(),
        };
        let mut evidence: Vec<_> = failed
            .iter()
            .flat_map(|t| t.refs.iter().copied())
            .take(3)
            .collect::<Vec<_>>()
            .iter()
            .map(|at| desk.ledger.cite(Subject::Fact(*at), Polarity::Against, 0.0))
            .collect();
        if evidence.is_empty() {
            let source = failed
                .first()
                .map_or(model::SourceKind::Metrics, |t| t.source);
            evidence.push(desk.ledger.cite(
                Subject::Silence(source, hypothesis.unit),
                Polarity::Absent,
                0.0,
            ));
        }
        let mechanism = hypothesis.mechanism();
        let text = format!(
            "not {} on {}: {why}",
            mechanism.title.to_lowercase(),
            desk.name(hypothesis.unit)
        );
        let claim = desk.say(text, evidence);
        out.push(RuledOut {
            entity: desk.world.scene.id(hypothesis.unit).clone(),
            mechanism: Some(MechanismId(mechanism.id.clone())),
            change: None,
            reason: aside.reason.to_string(),
            claim,
        });
        if out.len() == MOST {
            break;
        }
    }
    out
}

/// Units that were healthy throughout, with coverage.
fn units(desk: &mut Desk<'_, '_, '_>) -> Vec<RuledOut> {
    let mut out = Vec::new();
    for unit in super::well_units(desk).into_iter().take(MOST / 2) {
        let id = desk
            .ledger
            .cite(Subject::Calm(unit), Polarity::Healthy, 0.0);
        let text = format!("not {}: {}", desk.name(unit), desk.ledger.says(id));
        let claim = desk.say(text, vec![id]);
        out.push(RuledOut {
            entity: desk.world.scene.id(unit).clone(),
            mechanism: None,
            change: None,
            reason: "healthy".to_string(),
            claim,
        });
    }
    // Whoever is named as a cause, or shows a symptom, is not cleared by one document that finds no fault with it.
    let causes = desk.verdict.named.iter();
    let ill: BTreeSet<u32> = causes
        .map(|named| desk.hypotheses[named.hypothesis].unit)
        .chain(desk.ground.symptoms.iter().map(|symptom| symptom.unit))
        .collect();
    let scene = &desk.world.scene;
    let healthy: Vec<(u32, u32, String)> = desk
        .world
        .facts
        .state_facts
        .iter()
        .filter(|f| {
            matches!(
                f.health,
                crate::probes::states::Health::Healthy | crate::probes::states::Health::Leaving
            )
        })
        .filter(|f| {
            let unit = scene.unit_of.get(f.entity as usize);
            unit.is_none_or(|unit| !ill.contains(unit))
        })
        .map(|f| (f.index, f.entity, f.why.clone()))
        .take(MOST)
        .collect();
    for (index, entity, _) in healthy {
        let id = desk
            .ledger
            .cite(Subject::Fact(FactRef::State(index)), Polarity::Healthy, 0.0);
        let text = format!("not {}: {}", desk.name(entity), desk.ledger.says(id));
        let claim = desk.say(text, vec![id]);
        out.push(RuledOut {
            entity: desk.world.scene.id(entity).clone(),
            mechanism: None,
            change: None,
            reason: "healthy".to_string(),
            claim,
        });
    }
    out
}

/// Well-supported hypotheses that nothing ties to a symptom.
pub(super) fn latent(desk: &mut Desk<'_, '_, '_>) -> Vec<Latent> {
    let mut out = Vec::new();
    for index in 0..desk.hypotheses.len() {
        let hypothesis = desk.hypotheses[index].clone();
        let untied = hypothesis
            .aside
            .as_ref()
            .is_some_and(|a| a.reason == "no_path");
        if !untied || hypothesis.score.signature + hypothesis.score.anomaly < 4.0 {
            continue;
        }
        let refs: Vec<FactRef> = hypothesis.refs().into_iter().take(2).collect();
        let evidence = desk.ledger.cite_facts(&refs, Polarity::Neutral);
        let text = format!(
            "{} on {}: real, but nothing ties it to this incident",
            hypothesis.mechanism().title,
            desk.name(hypothesis.unit)
        );
        out.push(super::latent_finding(desk, hypothesis.unit, text, evidence));
        if out.len() == 10 {
            break;
        }
    }
    out
}
