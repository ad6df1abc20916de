//! From a report to the safest way back that somebody's hands can take.

mod expect;
mod usual;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::action::{Action, Preview};
use model::change::Change;
use model::entity::EntityId;
use model::incident::IncidentId;
use model::mechanism::MechanismId;
use model::plan::{Basis, Check, Condition, Plan, PlannedStep};
use model::ports::{Actuator, ChangeSource, Eyes, TopologySource};
use model::report::{Cause, Report};
use model::time::{Span, TimeWindow};
use model::topology::{EdgeKind, Topology};

pub use usual::Usual;

/// A cause less sure than this is not even possible (`report::Word::Possible`).
const POSSIBLE: f64 = 0.25;

/// A way back that the operator has declared: this remedy, for that entity, is that action.
#[derive(Clone, Debug, PartialEq)]
pub struct Way {
    /// A remedy's word: `rollback`, `failover`, `scale`, …
    pub remedy: String,
    /// Of which cause's entity.
    pub entity: EntityId,
    /// The action.
    pub action: Action,
}

/// What the operator and the moment add to the report.
#[derive(Clone, Debug, PartialEq)]
pub struct Context {
    /// Changes as known now, to see what the guilty one touched and whether it is undone already.
    pub changes: Vec<Change>,
    /// Who leans on what, as known now: whose certificates and settings a cause's entity uses.
    pub topology: Topology,
    /// Causes that a plan of this incident has answered already, as telemetry has shown since: whatever the report still
    /// says of them, they are past.
    pub past: BTreeSet<(EntityId, MechanismId)>,
    /// Declared ways back; asked before the actuators' own offers.
    pub ways: Vec<Way>,
    /// Further conditions of success, such as a router's failback: State of the router = primary.
    pub also: Vec<Condition>,
    /// Further conditions whose failing stops a run.
    pub stop: Vec<Condition>,
    /// How long after the last step the first verdict may be had.
    pub settle: Span,
    /// After this long without success a plan has failed.
    pub patience: Span,
    /// Over how long a stretch of fresh telemetry conditions are looked at.
    pub over: Span,
    /// Fewer calls than this tell nothing.
    pub calls: u64,
    /// The share of failing calls at which an entity is well, 0..1.
    pub error_share: f64,
    /// The 95th percentile of response time at which an entity is well, in milliseconds, where it is known.
    pub latency_ms: BTreeMap<EntityId, f64>,
    /// What the telemetry says of how the ill did when they were well; `None` where nobody looked.
    pub usual: Option<Usual>,
    /// The share of failing calls of somebody healthy within the blast radius at which a run stops, 0..1.
    pub stop_share: f64,
    /// Causes less sure than this are left for the next look as long as there are surer ones: what is sure is
    /// mended first, and what then remains is looked at anew. 0..1.
    pub sure: f64,
}

impl Default for Context {
    /// Verdict after 5 s over 5 s of telemetry, failure after 5 min; 1 % of at least 10 calls; stop at 25 %;
    /// sure is 0.8, as at the gate.
    fn default() -> Self {
        Self {
            changes: Vec::new(),
            topology: Topology::default(),
            past: BTreeSet::new(),
            ways: Vec::new(),
            also: Vec::new(),
            stop: Vec::new(),
            settle: Span::seconds(5),
            patience: Span::minutes(5),
            over: Span::seconds(5),
            calls: 10,
            error_share: 0.01,
            latency_ms: BTreeMap::new(),
            usual: None,
            stop_share: 0.25,
            sure: 0.8,
        }
    }
}

impl Context {
    /// Fills in what the telemetry that the report rests on knows: changes of the last day, who leans on whom, and
    /// how the ill did when they were well. What the operator has set stays.
    #[must_use]
    pub fn informed_by(mut self, eyes: &dyn Eyes, report: &Report) -> Self {
        let now = eyes.manifest().now;
        if let Some(day) = TimeWindow::new(now.minus(Span::minutes(24 * 60)), now.plus(Span(1))) {
            self.changes = ChangeSource::changes(eyes, day).found().unwrap_or_default();
            self.topology = TopologySource::topology(eyes, day)
                .found()
                .unwrap_or_default();
        }
        self.usual = Some(Usual::learn(eyes, report));
        self
    }
}

/// A way back that some actuator has previewed.
struct Candidate {
    step: PlannedStep,
    touches: Vec<EntityId>,
    risk: String,
}

impl Candidate {
    /// The safer, the smaller.
    fn danger(&self) -> u8 {
        match (self.step.harmless, self.step.undo.is_some()) {
            (true, true) => 0,
            (_, true) => 1,
            (true, false) => 2,
            (false, false) => 3,
        }
    }
}

/// Proposes the safest way back from the report's causes, or says for each of them why there is none.
///
/// For each cause that is at least possible: undoing the change that it blames, else the actions of its
/// remedies, as operator and actuators know them. Whatever an actuator can preview is a candidate; one with a way
/// back goes before one without. The same report, context and hands give the same plan.
pub fn propose(
    incident: &IncidentId,
    report: &Report,
    context: &Context,
    hands: &[Arc<dyn Actuator>],
    attempt: u32,
) -> Result<Plan, Vec<String>> {
    let mut open = Vec::new();
    let (causes, left) = chosen(report, context);
    open.extend(left);
    let mut answered: Vec<(&Cause, Candidate)> = Vec::new();
    for cause in causes {
        match best(cause, context, hands) {
            Ok(candidate) => answered.push((cause, candidate)),
            Err(why) => open.push(format!("{} ({}): {why}", cause.entity, cause.title)),
        }
    }
    if answered.is_empty() {
        if open.is_empty() {
            let why = match report.causes.is_empty() {
                true => "the report names no cause",
                false => "what the report names was put right already, and is well since",
            };
            open.push(why.to_string());
        }
        return Err(open);
    }
    // The safest first; among equals in the report's order, which is the surest first.
    answered.sort_by_key(|(_, candidate)| candidate.danger());

    let mut steps: Vec<PlannedStep> = Vec::new();
    let mut touches = BTreeSet::new();
    let mut risks = Vec::new();
    for (_, candidate) in &answered {
        touches.extend(candidate.touches.iter().cloned());
        touches.insert(candidate.step.action.entity().clone());
        if !candidate.risk.is_empty() && !risks.contains(&candidate.risk) {
            risks.push(candidate.risk.clone());
        }
        // Two causes may come from one change: it is undone once.
        match steps
            .iter_mut()
            .find(|step| step.action == candidate.step.action)
        {
            Some(step) => {
                step.because.push(' ');
                step.because.push_str(&candidate.step.because);
            }
            None => steps.push(candidate.step.clone()),
        }
    }
    for step in &steps {
        if step.undo.is_none() {
            risks.push(format!("There is no way back from this: {}.", step.action));
        }
    }
    let whole = open.is_empty();
    risks.extend(open.into_iter().map(|why| format!("Not answered: {why}.")));

    let answered: Vec<&Cause> = answered.iter().map(|(cause, _)| *cause).collect();
    let touches: Vec<EntityId> = touches.into_iter().collect();
    Ok(Plan {
        incident: incident.clone(),
        report: report.ledger.clone(),
        attempt,
        basis: answered
            .iter()
            .map(|cause| Basis {
                entity: cause.entity.clone(),
                mechanism: cause.mechanism.clone(),
                change: cause.change.clone(),
                confidence: expect::six(cause.confidence),
            })
            .collect(),
        expect: Check {
            all: expect::expected(report, context, &answered, whole),
            over: context.over,
        },
        stop: Check {
            all: expect::stops(report, context, &touches),
            over: context.over,
        },
        steps,
        settle: context.settle,
        patience: context.patience,
        touches,
        risks,
    })
}

/// The causes to answer now, and why others are left.
fn chosen<'a>(report: &'a Report, context: &Context) -> (Vec<&'a Cause>, Vec<String>) {
    let past = |cause: &&Cause| {
        let key = (cause.entity.clone(), cause.mechanism.clone());
        context.past.contains(&key)
    };
    let open: Vec<&Cause> = report.causes.iter().filter(|cause| !past(cause)).collect();
    let anyone_sure = open.iter().any(|cause| cause.confidence >= context.sure);
    let mut chosen = Vec::new();
    let mut left = Vec::new();
    for cause in open {
        let sure = format!(
            "{} ({}) is sure to {:.2} only",
            cause.entity, cause.title, cause.confidence
        );
        if cause.confidence < POSSIBLE || cause.confidence.is_nan() {
            left.push(format!("{sure}, which is not even possible"));
        } else if anyone_sure && cause.confidence < context.sure {
            left.push(format!(
                "{sure}: it is looked at again once the surer ones are mended"
            ));
        } else {
            chosen.push(cause);
        }
    }
    (chosen, left)
}

/// The best that any hand can do about a cause, or why there is nothing.
fn best(
    cause: &Cause,
    context: &Context,
    hands: &[Arc<dyn Actuator>],
) -> Result<Candidate, String> {
    let mut why = Vec::new();
    let mut candidates = Vec::new();
    let mut tried: Vec<Action> = Vec::new();
    let mut attempt =
        |action: Action, risk: &str, candidates: &mut Vec<Candidate>, why: &mut Vec<String>| {
            if tried.contains(&action) {
                return;
            }
            match preview(&action, hands) {
                Ok((actuator, preview)) => {
                    candidates.push(candidate(cause, &action, actuator, preview, risk));
                }
                Err(because) => why.extend(because),
            }
            tried.push(action);
        };
    let first_risk = |words: &[&str]| {
        cause
            .mitigations
            .iter()
            .find(|m| words.contains(&m.action.as_str()))
            .map_or("", |m| m.risk.as_str())
    };
    // Undoing what did it mends the cause; whatever else there is mends its effects.
    if let Some(change) = &cause.change {
        let known = context.changes.iter().find(|c| c.id == *change);
        match known.and_then(|c| c.undone) {
            Some(at) => why.push(format!("{change} was undone at {at} already")),
            None => {
                let risk = first_risk(&["rollback", "fix_config", "fix_permission"]);
                for entity in altered_by(cause, known) {
                    let change = change.clone();
                    let before = candidates.len();
                    attempt(
                        Action::RevertChange { entity, change },
                        risk,
                        &mut candidates,
                        &mut why,
                    );
                    if candidates.len() > before {
                        break;
                    }
                }
            }
        }
    }
    let undoes = !candidates.is_empty();
    for mitigation in cause.mitigations.iter().filter(|_| !undoes) {
        match mitigation.action.as_str() {
            "wait" => why.push("it passes by itself; wait".to_string()),
            "none" => why.push("nothing can be done about it".to_string()),
            "tell_provider" => why.push("only its provider can mend it; tell them".to_string()),
            remedy => {
                let mut found = false;
                for action in ways(cause, remedy, context, hands) {
                    found = true;
                    attempt(action, &mitigation.risk, &mut candidates, &mut why);
                }
                if !found {
                    why.push(format!("no actuator has an action for {remedy:?}"));
                }
            }
        }
    }
    // Stable: among equally safe ones the report's order stands, which is the safest first.
    candidates.sort_by_key(|candidate| candidate.danger());
    candidates.into_iter().next().ok_or_else(|| {
        if why.is_empty() {
            "the catalogue knows no remedy".to_string()
        } else {
            why.join("; ")
        }
    })
}

/// Whom the guilty change altered: the cause's own entity first, then whom the change names.
fn altered_by(cause: &Cause, change: Option<&Change>) -> Vec<EntityId> {
    let mut entities = Vec::new();
    if let Some(change) = change {
        if change.entities.contains(&cause.entity) || change.entities.is_empty() {
            entities.push(cause.entity.clone());
        }
        entities.extend(change.entities.iter().cloned());
    }
    entities.push(cause.entity.clone());
    let mut seen = BTreeSet::new();
    entities.retain(|entity| seen.insert(entity.clone()));
    entities
}

/// Actions for a remedy's word: those that the operator declared, those that follow from the word alone, those
/// that the actuators offer.
fn ways(
    cause: &Cause,
    remedy: &str,
    context: &Context,
    hands: &[Arc<dyn Actuator>],
) -> Vec<Action> {
    let entity = cause.entity.clone();
    let declared = context
        .ways
        .iter()
        .filter(|way| way.remedy == remedy && way.entity == cause.entity)
        .map(|way| way.action.clone());
    let plain = match remedy {
        "restart" => vec![Action::Restart { entity }],
        // What is renewed is the certificate or credential, which may be an entity of its own.
        "renew" => std::iter::once(entity)
            .chain(
                context
                    .topology
                    .edges
                    .iter()
                    .filter(|edge| {
                        edge.from == cause.entity
                            && matches!(edge.kind, EdgeKind::UsesConfig | EdgeKind::UsesRole)
                    })
                    .map(|edge| edge.to.clone()),
            )
            .map(|entity| Action::Renew { entity })
            .collect(),
        // The rest wants values that only the operator or the actuators know.
        _ => Vec::new(),
    };
    let offered = hands
        .iter()
        .flat_map(|hand| hand.offers(remedy, &cause.entity));
    declared.chain(offered).chain(plain).collect()
}

/// The first actuator, in the order of their names, that can show what the action would do.
fn preview<'a>(
    action: &Action,
    hands: &'a [Arc<dyn Actuator>],
) -> Result<(&'a str, Preview), Vec<String>> {
    let mut by_name: Vec<&Arc<dyn Actuator>> = hands.iter().collect();
    by_name.sort_by(|a, b| a.name().cmp(b.name()));
    let mut why = Vec::new();
    for hand in by_name {
        match hand.preview(action) {
            Ok(preview) => return Ok((hand.name(), preview)),
            Err(error) => why.push(error.to_string()),
        }
    }
    if why.is_empty() {
        why.push("no actuator is connected".to_string());
    }
    Err(why)
}

fn candidate(
    cause: &Cause,
    action: &Action,
    actuator: &str,
    preview: Preview,
    risk: &str,
) -> Candidate {
    Candidate {
        step: PlannedStep {
            action: action.clone(),
            // Harmless means also that there is a way back, whatever an actuator says.
            harmless: preview.harmless && preview.undo.is_some(),
            undo: preview.undo,
            actuator: actuator.to_string(),
            before: preview.before,
            after: preview.after,
            because: format!("{} [{}]", cause.claim.text, cause.claim.id),
        },
        touches: preview.touches,
        risk: risk.to_string(),
    }
}
