//! From verdict to report: every sentence is made here, each from evidence that it cites (J3).

mod aside;
mod cause;
mod pictures;
mod precedents;
mod timeline;

pub(crate) use precedents::was;

use std::collections::BTreeSet;

use model::report::{
    BudgetLimit, Claim, EngineVersion, GapCost, Header, Latent, Named as NamedEntity, Onset,
    Ranked, Report, SCHEMA, Status, Symptom, UnknownScope, Word,
};
use model::{Polarity, Query, SourceKind};

use crate::catalogue::catalogue;
use crate::derive::{Ledger, Subject, digest_json};
use crate::history::{CITED_FOR_SYMPTOM, Judged};
use crate::hypotheses::{Ground, Hypothesis};
use crate::verdict::Verdict;
use crate::words::{self, number};
use crate::world::World;
use crate::{calibration, constants};

/// Hands out claims with running ids.
pub(crate) struct Claims {
    next: u32,
}

impl Claims {
    /// A sentence that cites evidence. Without any, it cites the first alarm or the map: a sentence
    /// about nothing observed is not made (J3).
    pub(crate) fn say(
        &mut self,
        ledger: &mut Ledger<'_, '_>,
        text: String,
        mut evidence: Vec<model::EvidenceId>,
        fallback: Subject,
    ) -> Claim {
        if evidence.is_empty() {
            evidence.push(ledger.cite(fallback, Polarity::Neutral, 0.0));
        }
        evidence.sort_unstable();
        evidence.dedup();
        self.next += 1;
        Claim {
            id: format!("C{}", self.next),
            text: sentence(&text),
            evidence,
        }
    }
}

/// First letter large, full stop at the end.
fn sentence(text: &str) -> String {
    let text = text.trim();
    let mut letters = text.chars();
    let Some(first) = letters.next() else {
        return String::new();
    };
    // A name keeps its own first letter: only words of ours are raised.
    let head = if text
        .split_whitespace()
        .next()
        .is_some_and(|w| w.chars().all(|c| c.is_ascii_lowercase()))
    {
        first.to_uppercase().collect::<String>()
    } else {
        first.to_string()
    };
    let stop = if text.ends_with(['.', '!', '?']) {
        ""
    } else {
        "."
    };
    format!("{head}{}{stop}", letters.as_str())
}

/// What the parts of the report share while it is written.
pub(crate) struct Desk<'d, 'w, 'e> {
    pub(crate) world: &'w World<'e>,
    pub(crate) ground: &'d Ground<'d>,
    pub(crate) hypotheses: &'d [Hypothesis],
    pub(crate) verdict: &'d Verdict,
    pub(crate) ledger: Ledger<'w, 'e>,
    pub(crate) claims: Claims,
}

impl Desk<'_, '_, '_> {
    pub(crate) fn name(&self, unit: u32) -> &str {
        self.world.scene.name(unit)
    }

    /// What a sentence without better evidence stands on: the first alarm, else the map around the first entity.
    pub(crate) fn ground_of_last_resort(&self) -> Subject {
        if self.world.eyes.alarms().is_empty() {
            Subject::Around(0)
        } else {
            Subject::Alarm(0)
        }
    }

    pub(crate) fn say(&mut self, text: String, evidence: Vec<model::EvidenceId>) -> Claim {
        let fallback = self.ground_of_last_resort();
        self.claims.say(&mut self.ledger, text, evidence, fallback)
    }
}

/// Writes the report.
pub fn compose(
    world: &World<'_>,
    ground: &Ground<'_>,
    judged: &Judged<'_>,
    budget: BudgetLimit,
) -> Report {
    let (hypotheses, verdict) = (&*judged.hypotheses, &judged.verdict);
    let cited = units_to_cite(ground, hypotheses, verdict);
    let mut desk = Desk {
        world,
        ground,
        hypotheses,
        verdict,
        ledger: Ledger::new(world, &cited, &judged.recalled),
        claims: Claims { next: 0 },
    };
    if world.scene.entities.is_empty() {
        return empty_report(world, budget);
    }
    let symptoms = symptoms(&mut desk);
    let causes = cause::cards(&mut desk);
    let ruled_out = aside::ruled_out(&mut desk);
    let latent = aside::latent(&mut desk);
    let unknown = unknown(&mut desk);
    let verdict_lines = five_lines(&mut desk, &causes);
    let impact = impact(&mut desk);
    let timeline = timeline::timeline(&mut desk);
    let gaps = gaps(&desk);
    let pictures = pictures::pictures(&mut desk);
    let precedents = precedents::precedents(&mut desk, judged);
    let header = header(&desk, budget);
    let ranking = ranking(&desk);
    let Desk { ledger, .. } = desk;
    let evidence = ledger.finish();
    let mut hasher = blake3::Hasher::new();
    for item in &evidence {
        hasher
            .update(item.digest.as_bytes())
            .update(item.says.as_bytes())
            .update(b"\n");
    }
    if !world.lessons.is_empty() {
        // All that were handed in count: how common a mechanism is follows from every one of them.
        hasher.update(analysis::precedents::digest_text().as_bytes());
        for lesson in &world.lessons {
            hasher.update(digest_json(lesson).as_bytes()).update(b"\n");
        }
    }
    let mut report = Report {
        schema: SCHEMA.to_string(),
        header,
        verdict: verdict_lines,
        alarms: world.eyes.alarms().to_vec(),
        impact,
        symptoms,
        causes,
        ranking,
        ruled_out,
        latent,
        unknown,
        gaps,
        timeline,
        precedents,
        pictures,
        entities: Vec::new(),
        evidence,
        queries: world.queries.clone(),
        cost: world.cost,
        sources: Vec::new(),
        ledger: hasher.finalize().to_hex().to_string(),
    };
    report.sources = sources(world, &report);
    report.entities = spoken_of(world, &report);
    report
}

/// What live sources were asked, as far as an observation of the report stands on it, and what that cost them.
fn sources(world: &World<'_>, report: &Report) -> Vec<model::source::SourceLook> {
    let mut looks = world.eyes.manifest().sources.clone();
    for look in &mut looks {
        let mut cited: BTreeSet<(&str, &str, &str)> = BTreeSet::new();
        let mut lines: BTreeSet<Option<&str>> = BTreeSet::new();
        for evidence in &report.evidence {
            match &evidence.query {
                Query::Metric {
                    entity,
                    metric,
                    statistic,
                    ..
                } => {
                    cited.insert((entity.as_str(), metric, statistic));
                }
                Query::Logs { entity, .. } => {
                    lines.insert(entity.as_ref().map(model::EntityId::as_str));
                }
                _ => {}
            }
        }
        look.asked.retain(|asked| {
            let whose = asked.entity.as_ref().map(model::EntityId::as_str);
            match asked.kind {
                SourceKind::Logs => lines.contains(&whose),
                _ => cited.contains(&(
                    whose.unwrap_or_default(),
                    asked.metric.as_str(),
                    asked.statistic.as_str(),
                )),
            }
        });
    }
    looks
}

fn empty_report(world: &World<'_>, budget: BudgetLimit) -> Report {
    let manifest = world.eyes.manifest();
    Report {
        schema: SCHEMA.to_string(),
        header: Header {
            case: manifest.id.clone(),
            title: manifest.title.clone(),
            status: Status::Unknown,
            severity: None,
            started: None,
            detected: None,
            resolved: None,
            looked_at: manifest.now,
            window: manifest.window,
            engine: engine(),
            budget,
        },
        verdict: Vec::new(),
        alarms: Vec::new(),
        impact: Vec::new(),
        symptoms: Vec::new(),
        causes: Vec::new(),
        ranking: Vec::new(),
        ruled_out: Vec::new(),
        latent: Vec::new(),
        unknown: None,
        gaps: world
            .scene
            .gaps
            .iter()
            .map(|gap| GapCost {
                wanted: gap.wanted.clone(),
                entity: gap.entity.clone(),
                why: gap.why,
                detail: gap.detail.clone(),
                affects: Vec::new(),
                gain: 0.0,
                how_to_close: gap.how_to_close.clone(),
            })
            .collect(),
        timeline: Vec::new(),
        precedents: Vec::new(),
        pictures: Vec::new(),
        entities: Vec::new(),
        evidence: Vec::new(),
        queries: world.queries.clone(),
        cost: world.cost,
        sources: world.eyes.manifest().sources.clone(),
        ledger: blake3::hash(b"").to_hex().to_string(),
    }
}

/// The version of the engine and the digest of its rules.
pub fn engine() -> EngineVersion {
    let mut hasher = blake3::Hasher::new();
    hasher.update(catalogue().digest.as_bytes());
    hasher.update(crate::role::digest().as_bytes());
    hasher.update(constants::digest_text().as_bytes());
    hasher.update(calibration::digest_text().as_bytes());
    EngineVersion {
        version: env!("CARGO_PKG_VERSION").to_string(),
        rules: hasher.finalize().to_hex().to_string(),
    }
}

fn units_to_cite(ground: &Ground<'_>, hypotheses: &[Hypothesis], verdict: &Verdict) -> Vec<u32> {
    let mut units: BTreeSet<u32> = ground.symptoms.iter().map(|s| s.unit).collect();
    units.extend(verdict.named.iter().map(|n| hypotheses[n.hypothesis].unit));
    for named in &verdict.named {
        for at in hypotheses[named.hypothesis].refs() {
            match at {
                crate::kinds::FactRef::Log(i) => units.insert(ground.facts.logs[i as usize].unit),
                crate::kinds::FactRef::Work(i) => units.insert(ground.facts.work[i as usize].unit),
                crate::kinds::FactRef::Edge(i) => {
                    units.insert(ground.facts.edges[i as usize].callee)
                }
                _ => false,
            };
        }
    }
    units.extend(hypotheses.iter().take(40).map(|h| h.unit));
    units.extend(ground.scene.alarmed.iter().copied());
    units.into_iter().collect()
}

fn symptoms(desk: &mut Desk<'_, '_, '_>) -> Vec<Symptom> {
    let seen = desk.ground.symptoms;
    seen.iter()
        .map(|symptom| {
            let refs: Vec<_> = symptom
                .refs
                .iter()
                .take(CITED_FOR_SYMPTOM)
                .copied()
                .collect();
            let evidence = desk.ledger.cite_facts(&refs, Polarity::For);
            let said = evidence
                .first()
                .map_or(String::new(), |id| desk.ledger.says(*id).to_string());
            let claim = desk.say(format!("{}: {said}", desk.name(symptom.unit)), evidence);
            Symptom {
                entity: desk.world.scene.id(symptom.unit).clone(),
                aspect: symptom.aspect.to_string(),
                onset: Onset {
                    lo: symptom.onset.lo,
                    hi: symptom.onset.hi,
                },
                active: symptom.active,
                size: words::six(symptom.size),
                claim,
            }
        })
        .collect()
}

fn header(desk: &Desk<'_, '_, '_>, budget: BudgetLimit) -> Header {
    let manifest = desk.world.eyes.manifest();
    let alarms = desk.world.eyes.alarms();
    let started = desk
        .ground
        .symptoms
        .iter()
        .map(|s| s.onset)
        .min_by_key(|o| (o.hi, o.lo));
    let over = matches!(desk.verdict.status, Status::Recovered);
    let resolved = if over {
        desk.ground
            .facts
            .series
            .iter()
            .filter(|f| desk.world.scene.alarmed.binary_search(&f.unit).is_ok())
            .filter_map(|f| f.recovered)
            .max_by_key(|o| (o.hi, o.lo))
    } else {
        None
    };
    Header {
        case: manifest.id.clone(),
        title: manifest.title.clone(),
        status: desk.verdict.status,
        severity: alarms.iter().filter_map(|a| a.severity).max(),
        started,
        detected: alarms.iter().map(|a| a.fired_at).min(),
        resolved,
        looked_at: manifest.now,
        window: desk.world.scene.window,
        engine: engine(),
        budget,
    }
}

/// The verdict in five lines: cause, scope, what is not broken, still happening?, next safest step.
fn five_lines(desk: &mut Desk<'_, '_, '_>, causes: &[model::report::Cause]) -> Vec<Claim> {
    let mut lines = Vec::new();
    match desk.verdict.status {
        Status::CauseFound => {
            let texts: Vec<String> = causes
                .iter()
                .map(|c| c.claim.text.trim_end_matches('.').to_string())
                .collect();
            let evidence: Vec<_> = causes
                .iter()
                .flat_map(|c| c.claim.evidence.iter().copied())
                .collect();
            lines.push(desk.say(texts.join("; and "), evidence));
        }
        Status::Unknown => {
            let best = causes.first();
            let text = best.map_or_else(
                || {
                    "The cause is unknown: nothing that was looked at explains what is seen"
                        .to_string()
                },
                |c| {
                    format!(
                        "The cause is unknown; the best guess is {} on {} at {}",
                        c.title,
                        desk.world
                            .scene
                            .number(&c.entity)
                            .map_or("?", |n| desk.world.scene.name(n)),
                        number(c.confidence)
                    )
                },
            );
            let evidence = best.map_or(Vec::new(), |c| c.claim.evidence.clone());
            lines.push(desk.say(text, evidence));
        }
        Status::Recovered => {
            let evidence = calm_evidence(desk);
            lines.push(desk.say("No active fault: what raised the alarm is over, and the readings have come back to normal".to_string(), evidence));
        }
        Status::NoActiveFault => {
            let evidence = calm_evidence(desk);
            lines.push(desk.say("No active fault: everything that was looked at around the alarm is within its normal bounds".to_string(), evidence));
        }
    }
    lines.push(scope_line(desk));
    lines.push(not_broken_line(desk));
    lines.push(still_line(desk));
    lines.push(next_line(desk, causes));
    lines
}

/// What shows that the alarmed units are well: their states, their series.
fn calm_evidence(desk: &mut Desk<'_, '_, '_>) -> Vec<model::EvidenceId> {
    let mut ids = Vec::new();
    let alarmed = desk.world.scene.alarmed.clone();
    let health = &desk.world.facts.state_facts;
    let states: Vec<u32> = health
        .iter()
        .filter(|f| alarmed.binary_search(&f.unit).is_ok())
        .map(|f| f.index)
        .take(4)
        .collect();
    for index in states {
        ids.push(desk.ledger.cite(
            Subject::Fact(crate::kinds::FactRef::State(index)),
            Polarity::Healthy,
            0.0,
        ));
    }
    for unit in alarmed {
        if desk.world.facts.series.iter().any(|f| f.unit == unit) {
            ids.push(
                desk.ledger
                    .cite(Subject::Calm(unit), Polarity::Healthy, 0.0),
            );
        }
    }
    let recovered: Vec<u32> = desk
        .world
        .facts
        .series
        .iter()
        .enumerate()
        .filter(|(_, f)| f.recovered.is_some() && f.bad > crate::probes::series::BAND)
        .map(|(i, _)| i as u32)
        .take(3)
        .collect();
    for index in recovered {
        ids.push(desk.ledger.cite(
            Subject::Fact(crate::kinds::FactRef::Series(index)),
            Polarity::Healthy,
            0.0,
        ));
    }
    let notices: Vec<u32> = (0..desk.world.facts.events.len() as u32).take(6).collect();
    for index in notices {
        ids.push(desk.ledger.cite(
            Subject::Fact(crate::kinds::FactRef::Event(index)),
            Polarity::Neutral,
            0.0,
        ));
    }
    ids
}

fn scope_line(desk: &mut Desk<'_, '_, '_>) -> Claim {
    let mut units: Vec<u32> = desk
        .ground
        .symptoms
        .iter()
        .filter(|s| s.active)
        .map(|s| s.unit)
        .collect();
    units.sort_unstable();
    units.dedup();
    let names: Vec<&str> = units.iter().map(|u| desk.name(*u)).collect();
    let text = if names.is_empty() {
        "No unit shows a symptom now".to_string()
    } else {
        format!("Affected: {}", words::list(&names, 5, "nobody"))
    };
    let refs: Vec<_> = desk
        .ground
        .symptoms
        .iter()
        .filter(|s| s.active)
        .filter_map(|s| s.refs.first().copied())
        .take(6)
        .collect();
    let evidence = desk.ledger.cite_facts(&refs, Polarity::For);
    desk.say(text, evidence)
}

/// Units that were looked at and are well, nearest to the alarm first.
pub(crate) fn well_units(desk: &Desk<'_, '_, '_>) -> Vec<u32> {
    let scene = &desk.world.scene;
    let ill: BTreeSet<u32> = desk
        .ground
        .symptoms
        .iter()
        .map(|s| s.unit)
        .chain(
            desk.verdict
                .named
                .iter()
                .map(|n| desk.hypotheses[n.hypothesis].unit),
        )
        .chain(
            desk.ground
                .anomalies
                .iter()
                .filter(|a| a.strength > 1.0)
                .map(|a| a.unit),
        )
        .collect();
    let mut measured: BTreeSet<u32> = BTreeSet::new();
    let mut out_of_band: BTreeSet<u32> = BTreeSet::new();
    for fact in &desk.world.facts.series {
        measured.insert(fact.unit);
        if fact.bad > crate::probes::series::BAND {
            out_of_band.insert(fact.unit);
        }
    }
    let mut units: Vec<(u32, u32)> = measured
        .into_iter()
        .filter(|u| !ill.contains(u) && !out_of_band.contains(u))
        .map(|u| {
            let hops = scene
                .alarmed
                .iter()
                .filter_map(|a| desk.ground.reach.down(*a, u))
                .map(|w| w.hops)
                .min()
                .unwrap_or(9);
            (hops, u)
        })
        .collect();
    units.sort_by(|a, b| a.0.cmp(&b.0).then(scene.id(a.1).cmp(scene.id(b.1))));
    units.into_iter().map(|(_, u)| u).collect()
}

fn not_broken_line(desk: &mut Desk<'_, '_, '_>) -> Claim {
    let units = well_units(desk);
    let names: Vec<&str> = units.iter().map(|u| desk.name(*u)).collect();
    let text = if names.is_empty() {
        "Nothing else was measured well enough to be called healthy".to_string()
    } else {
        format!("Not broken: {}", words::list(&names, 4, ""))
    };
    let evidence = units
        .iter()
        .take(4)
        .map(|u| desk.ledger.cite(Subject::Calm(*u), Polarity::Healthy, 0.0))
        .collect();
    desk.say(text, evidence)
}

fn still_line(desk: &mut Desk<'_, '_, '_>) -> Claim {
    let active: Vec<_> = desk
        .ground
        .symptoms
        .iter()
        .filter(|s| s.active)
        .filter_map(|s| s.refs.first().copied())
        .take(4)
        .collect();
    let at = desk.world.scene.now.clock();
    let text = if active.is_empty() {
        format!("It was not happening any more at {at}")
    } else {
        format!("It was still happening at {at}")
    };
    let evidence = desk.ledger.cite_facts(&active, Polarity::For);
    desk.say(text, evidence)
}

fn next_line(desk: &mut Desk<'_, '_, '_>, causes: &[model::report::Cause]) -> Claim {
    let sure = causes
        .iter()
        .find(|c| c.word >= Word::Probable && !c.mitigations.is_empty());
    let (text, evidence) = match (sure, causes.first(), desk.verdict.status) {
        (Some(cause), ..) => (
            format!("Next safest step: {}", cause.mitigations[0].apply),
            cause.claim.evidence.clone(),
        ),
        (None, Some(cause), _) => {
            let read = desk
                .hypotheses
                .iter()
                .find(|h| h.mechanism().id == cause.mechanism.0)
                .and_then(|h| h.mechanism().reads.first());
            (
                format!(
                    "Next: change nothing yet; {}",
                    read.map_or("compare the leading hypotheses below", |r| r.as_str())
                ),
                cause.claim.evidence.clone(),
            )
        }
        (None, None, Status::Recovered | Status::NoActiveFault) => (
            "Next: no action on the system; look at the alarm's rule if it fires like this again"
                .to_string(),
            Vec::new(),
        ),
        _ => (
            "Next: close the first gap below and investigate again".to_string(),
            Vec::new(),
        ),
    };
    desk.say(text, evidence)
}

fn impact(desk: &mut Desk<'_, '_, '_>) -> Vec<Claim> {
    let mut felt: Vec<usize> = (0..desk.ground.symptoms.len())
        .filter(|&i| matches!(desk.ground.symptoms[i].aspect, "latency" | "errors"))
        .collect();
    // Who is hurt now comes before who was.
    felt.sort_by_key(|&i| !desk.ground.symptoms[i].active);
    felt.truncate(6);
    felt.into_iter()
        .map(|i| {
            let symptom = &desk.ground.symptoms[i];
            let refs: Vec<_> = symptom.refs.iter().take(1).copied().collect();
            let evidence = desk.ledger.cite_facts(&refs, Polarity::For);
            let (who, aspect) = (desk.name(symptom.unit), symptom.aspect);
            let how_long = desk.world.scene.now.since(symptom.onset.hi);
            let text = if symptom.active {
                format!("users of {who} feel it ({aspect}) for {how_long} so far")
            } else {
                format!("users of {who} felt it ({aspect}); that is over")
            };
            desk.say(text, evidence)
        })
        .collect()
}

fn unknown(desk: &mut Desk<'_, '_, '_>) -> Option<UnknownScope> {
    let nothing_named = desk.verdict.status == Status::Unknown;
    if desk.verdict.unexplained.is_empty() && !nothing_named {
        return None;
    }
    let symptoms: Vec<usize> = if desk.verdict.unexplained.is_empty() {
        (0..desk.ground.symptoms.len()).collect()
    } else {
        desk.verdict.unexplained.clone()
    };
    let starts: Vec<u32> = if symptoms.is_empty() {
        desk.world.scene.alarmed.clone()
    } else {
        symptoms
            .iter()
            .map(|&i| desk.ground.symptoms[i].unit)
            .collect()
    };
    // What all of them lean on holds a common fault; what is healthy with coverage is taken out.
    let well: BTreeSet<u32> = well_units(desk).into_iter().collect();
    let mut common: Option<BTreeSet<u32>> = None;
    for start in &starts {
        let below: BTreeSet<u32> = crate::excess::reachable(&desk.world.scene, *start)
            .into_iter()
            .collect();
        common = Some(match common {
            None => below,
            Some(so_far) => so_far.intersection(&below).copied().collect(),
        });
    }
    let mut units: Vec<u32> = common
        .unwrap_or_default()
        .into_iter()
        .filter(|u| !well.contains(u))
        .collect();
    if units.is_empty() {
        units = starts;
        units.sort_unstable();
        units.dedup();
    }
    let names: Vec<&str> = units.iter().map(|u| desk.name(*u)).collect();
    let text = format!(
        "The unexplained part lies within {}",
        words::list(&names, 6, "what was not measured")
    );
    let evidence = units
        .iter()
        .take(3)
        .map(|u| {
            desk.ledger
                .cite(Subject::Around(*u), Polarity::Neutral, 0.0)
        })
        .collect();
    let reads: Vec<String> = desk
        .hypotheses
        .iter()
        .filter(|h| h.aside.is_none())
        .take(3)
        .flat_map(|h| h.mechanism().reads.iter().take(1).cloned())
        .collect();
    let claim = desk.say(text, evidence);
    Some(UnknownScope {
        entities: units
            .into_iter()
            .map(|u| desk.world.scene.id(u).clone())
            .collect(),
        symptoms: symptoms.into_iter().map(|i| i as u32).collect(),
        claim,
        reads,
    })
}

/// What each gap costs: predictions of the live hypotheses that only it could test.
fn gaps(desk: &Desk<'_, '_, '_>) -> Vec<GapCost> {
    let mut costs: Vec<GapCost> = desk
        .world
        .scene
        .gaps
        .iter()
        .map(|gap| {
            let touched: Vec<(usize, &Hypothesis)> = desk
                .hypotheses
                .iter()
                .enumerate()
                .filter(|(_, h)| h.aside.is_none())
                .take(12)
                .filter(|(_, h)| {
                    h.tested.iter().any(|t| {
                        t.outcome == model::report::PredictionOutcome::Untested
                            && gap.lacks(t.source)
                    })
                })
                .collect();
            let gain = touched
                .iter()
                .map(|(i, _)| {
                    (constants::CAP_ALWAYS - desk.verdict.confidence[*i]).clamp(0.0, 0.3)
                        * desk.verdict.confidence[*i].max(0.05)
                })
                .fold(0.0, f64::max);
            let affects: BTreeSet<String> = touched
                .iter()
                .map(|(_, h)| format!("{} on {}", h.mechanism().title, desk.name(h.unit)))
                .collect();
            GapCost {
                wanted: gap.wanted.clone(),
                entity: gap.entity.clone(),
                why: gap.why,
                detail: gap.detail.clone(),
                affects: affects.into_iter().take(5).collect(),
                gain: words::six(gain),
                how_to_close: gap.how_to_close.clone(),
            }
        })
        .collect();
    costs.sort_by(|a, b| {
        b.gain
            .total_cmp(&a.gain)
            .then(a.wanted.cmp(&b.wanted))
            .then(a.entity.cmp(&b.entity))
    });
    costs
}

/// Units by their best hypothesis; those named by the verdict first, in its order.
fn ranking(desk: &Desk<'_, '_, '_>) -> Vec<Ranked> {
    // Where nothing is sure enough for a verdict, the guesses keep the order of their scores.
    let mut order: Vec<usize> = match desk.verdict.status {
        Status::CauseFound => desk.verdict.named.iter().map(|n| n.hypothesis).collect(),
        _ => Vec::new(),
    };
    order.extend((0..desk.hypotheses.len()).filter(|i| desk.hypotheses[*i].aside.is_none()));
    let mut seen: BTreeSet<u32> = BTreeSet::new();
    let mut ranked: Vec<Ranked> = Vec::new();
    for index in order {
        let hypothesis = &desk.hypotheses[index];
        if !seen.insert(hypothesis.unit) {
            continue;
        }
        let named = desk.verdict.named.iter().find(|n| n.hypothesis == index);
        ranked.push(Ranked {
            entity: desk.world.scene.id(hypothesis.unit).clone(),
            mechanism: Some(model::MechanismId(hypothesis.mechanism().id.clone())),
            change: hypothesis
                .change
                .map(|c| desk.world.facts.changes[c as usize].change.id.clone()),
            score: words::six(hypothesis.score.total),
            confidence: words::six(named.map_or(desk.verdict.confidence[index], |n| n.confidence)),
        });
        if ranked.len() == 50 {
            break;
        }
    }
    ranked
}

fn spoken_of(world: &World<'_>, report: &Report) -> Vec<NamedEntity> {
    let mut ids: BTreeSet<&model::EntityId> = report.symptoms.iter().map(|s| &s.entity).collect();
    ids.extend(report.causes.iter().map(|c| &c.entity));
    ids.extend(
        report
            .causes
            .iter()
            .flat_map(|c| c.path.iter().flat_map(|l| [&l.from, &l.to])),
    );
    ids.extend(report.ruled_out.iter().map(|r| &r.entity));
    ids.extend(report.latent.iter().map(|l| &l.entity));
    ids.extend(report.ranking.iter().map(|r| &r.entity));
    ids.extend(report.evidence.iter().filter_map(|e| e.entity.as_ref()));
    ids.extend(report.alarms.iter().map(|a| &a.entity));
    ids.extend(report.unknown.iter().flat_map(|u| &u.entities));
    ids.extend(report.timeline.iter().filter_map(|t| t.entity.as_ref()));
    ids.extend(report.pictures.iter().map(|p| &p.entity));
    ids.into_iter()
        .map(|id| match world.scene.number(id) {
            Some(n) => NamedEntity {
                id: id.clone(),
                name: world.scene.name(n).to_string(),
                kind: world.scene.entities[n as usize].kind,
            },
            None => NamedEntity {
                id: id.clone(),
                name: id.to_string(),
                kind: model::EntityKind::Unknown,
            },
        })
        .collect()
}

/// A latent finding's value, built where findings are.
pub(crate) fn latent_finding(
    desk: &mut Desk<'_, '_, '_>,
    unit: u32,
    text: String,
    evidence: Vec<model::EvidenceId>,
) -> Latent {
    let claim = desk.say(text, evidence);
    Latent {
        entity: desk.world.scene.id(unit).clone(),
        claim,
    }
}
