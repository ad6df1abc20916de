//! Cause cards: what, where, how sure, what speaks for and against, and the way back.

use model::report::{Cause, Link, Mitigation, Prediction, PredictionOutcome};
use model::{MechanismId, Polarity};

use super::Desk;
use crate::derive::Subject;
use crate::history::CITED;
use crate::hypotheses::{Hypothesis, Tested};
use crate::kinds::FactRef;
use crate::verdict::Named;
use crate::words::{self, number};

pub(super) fn cards(desk: &mut Desk<'_, '_, '_>) -> Vec<Cause> {
    let named = desk.verdict.named.clone();
    named.iter().map(|n| card(desk, n)).collect()
}

fn card(desk: &mut Desk<'_, '_, '_>, named: &Named) -> Cause {
    let hypothesis = desk.hypotheses[named.hypothesis].clone();
    let mechanism = hypothesis.mechanism();
    let unit = hypothesis.unit;
    let refs: Vec<FactRef> = hypothesis.refs().into_iter().take(CITED).collect();
    let ids = cite_weighted(desk, &hypothesis, &refs);
    let mut predictions = Vec::new();
    for tested in &hypothesis.tested {
        predictions.push(prediction(desk, tested));
    }
    let change = hypothesis
        .change
        .map(|c| desk.world.facts.changes[c as usize].change.clone());
    let trigger = change.as_ref().map_or(String::new(), |c| {
        format!(", set off by {}", words::change_name(c))
    });
    let text = format!(
        "{} cause: {} on {}{trigger} ({}, {})",
        named.word.text(),
        lower_first(&mechanism.title),
        desk.name(unit),
        mechanism.category.words(),
        number(named.confidence)
    );
    let mut evidence: Vec<_> = ids.iter().take(4).copied().collect();
    if let Some(number) = hypothesis.change {
        evidence.push(
            desk.ledger
                .cite(Subject::Fact(FactRef::Change(number)), Polarity::For, 0.0),
        );
    }
    let claim = desk.say(text, evidence);
    let mut supports = Vec::new();
    for id in &ids {
        let said = desk.ledger.says(*id).to_string();
        supports.push(desk.say(said, vec![*id]));
    }
    if let Some(number) = hypothesis.change {
        let id = desk
            .ledger
            .cite(Subject::Fact(FactRef::Change(number)), Polarity::For, 0.0);
        if !hypothesis.change_reason.is_empty() {
            supports.push(desk.say(
                format!(
                    "the change can produce what is seen: {}",
                    hypothesis.change_reason
                ),
                vec![id],
            ));
        }
    }
    let mut contradicts = Vec::new();
    for tested in hypothesis
        .tested
        .iter()
        .filter(|t| t.outcome == PredictionOutcome::Unmet)
    {
        let text = match tested.force {
            "must_not" => format!("seen, though it should not be: {}", tested.says),
            "must" => format!("not seen, though it should be: {}", tested.says),
            _ => continue,
        };
        let evidence = if tested.refs.is_empty() {
            vec![desk.ledger.cite(
                Subject::Silence(tested.source, unit),
                Polarity::Against,
                0.0,
            )]
        } else {
            desk.ledger
                .cite_facts(&tested.refs[..tested.refs.len().min(3)], Polarity::Against)
        };
        contradicts.push(desk.say(text, evidence));
    }
    let path = path(desk, &hypothesis, named);
    let mitigations = mitigations(desk, &hypothesis);
    Cause {
        entity: desk.world.scene.id(unit).clone(),
        mechanism: MechanismId(mechanism.id.clone()),
        title: mechanism.title.clone(),
        category: mechanism.category,
        change: change.map(|c| c.id),
        word: named.word,
        confidence: words::six(named.confidence),
        caps: named.caps.clone(),
        score: rounded(&hypothesis),
        onset: hypothesis.onset,
        claim,
        supports,
        contradicts,
        predictions,
        path,
        explains: named.explains.iter().map(|i| *i as u32).collect(),
        mitigations,
    }
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    match (letters.next(), text.chars().nth(1)) {
        // An abbreviation keeps its capitals.
        (Some(first), Some(second)) if second.is_uppercase() => {
            format!("{first}{}", letters.as_str())
        }
        (Some(first), _) => format!("{}{}", first.to_lowercase(), letters.as_str()),
        (None, _) => String::new(),
    }
}

fn rounded(hypothesis: &Hypothesis) -> model::report::Score {
    let s = &hypothesis.score;
    model::report::Score {
        prior: words::six(s.prior),
        signature: words::six(s.signature),
        change: words::six(s.change),
        anomaly: words::six(s.anomaly),
        timing: words::six(s.timing),
        difference: words::six(s.difference),
        history: words::six(s.history),
        against: words::six(s.against),
        total: words::six(s.total),
    }
}

fn cite_weighted(
    desk: &mut Desk<'_, '_, '_>,
    hypothesis: &Hypothesis,
    refs: &[FactRef],
) -> Vec<model::EvidenceId> {
    refs.iter()
        .map(|at| {
            let weight = hypothesis
                .groups
                .values()
                .flatten()
                .filter(|(_, r)| r == at)
                .map(|(n, _)| *n)
                .fold(0.0, f64::max);
            desk.ledger.cite(Subject::Fact(*at), Polarity::For, weight)
        })
        .collect()
}

fn prediction(desk: &mut Desk<'_, '_, '_>, tested: &Tested) -> Prediction {
    let refs: Vec<FactRef> = tested.refs.iter().take(2).copied().collect();
    let polarity = match (tested.outcome, tested.force) {
        (PredictionOutcome::Met, "must_not") => Polarity::Absent,
        (PredictionOutcome::Met, _) => Polarity::For,
        (PredictionOutcome::Unmet, _) => Polarity::Against,
        (PredictionOutcome::Untested, _) => Polarity::Neutral,
    };
    Prediction {
        force: tested.force.to_string(),
        text: tested.says.clone(),
        outcome: tested.outcome,
        evidence: desk.ledger.cite_facts(&refs, polarity),
    }
}

/// From the cause to each symptom that it explains, link by link, without repeats.
fn path(desk: &mut Desk<'_, '_, '_>, hypothesis: &Hypothesis, named: &Named) -> Vec<Link> {
    let mut links: Vec<Link> = Vec::new();
    for &symptom in &named.explains {
        let start = desk.ground.symptoms[symptom].unit;
        let way = desk.ground.reach.path(start, hypothesis.unit);
        for pair in way.windows(2) {
            let scene = &desk.world.scene;
            let (near, far) = (pair[0], pair[1]);
            let Some(edge) = scene
                .below(near)
                .find(|(u, _)| *u == far)
                .map(|(_, e)| *e)
                .or_else(|| scene.above(near).find(|(u, _)| *u == far).map(|(_, e)| *e))
            else {
                continue;
            };
            let (from, to) = (scene.id(edge.from).clone(), scene.id(edge.to).clone());
            if links.iter().any(|l| l.from == from && l.to == to) {
                continue;
            }
            let fact = desk
                .world
                .facts
                .edges
                .iter()
                .position(|f| f.caller == edge.from && f.callee == edge.to);
            let evidence = match (fact, edge.told_by) {
                (Some(i), _) => desk
                    .ledger
                    .cite_facts(&[FactRef::Edge(i as u32)], Polarity::For),
                (None, Some(line)) => desk.ledger.cite_facts(&[FactRef::Log(line)], Polarity::For),
                (None, None) => {
                    vec![
                        desk.ledger
                            .cite(Subject::Around(edge.from), Polarity::Neutral, 0.0),
                    ]
                }
            };
            links.push(Link {
                from,
                to,
                kind: edge.kind,
                evidence,
            });
            if links.len() >= 40 {
                return links;
            }
        }
    }
    links
}

fn mitigations(desk: &Desk<'_, '_, '_>, hypothesis: &Hypothesis) -> Vec<Mitigation> {
    let entity = desk.name(hypothesis.unit).to_string();
    let change = hypothesis.change.map_or("the change".to_string(), |c| {
        let change = &desk.world.facts.changes[c as usize].change;
        words::change_name(change)
    });
    let fill = |text: &str| {
        text.replace("{entity}", &entity)
            .replace("{change}", &change)
    };
    let mut remedies: Vec<_> = hypothesis.mechanism().remedies.iter().collect();
    // Where a change did it, undoing that change is the safest way back, so it comes first.
    if hypothesis.change.is_some() {
        remedies.sort_by_key(|r| r.action != "rollback");
    }
    remedies
        .into_iter()
        .map(|r| Mitigation {
            action: r.action.clone(),
            prepare: fill(&r.prepare),
            apply: fill(&r.apply),
            verify: fill(&r.verify),
            roll_back: fill(&r.roll_back),
            risk: fill(&r.risk),
            approver: fill(&r.approver),
        })
        .collect()
}
