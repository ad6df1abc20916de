//! Says no unless it finds a yes, with reasons. The only maker of [`ClearedPlan`]s (J1).
//!
//! Two layers. Hard rules that no policy can lift: the kill switch, confidence, cooldown, number of tries, blast
//! radius, facts that are too old. Then the operator's policy, in Cedar, which denies what it does not permit:
//! either the watch may go alone, or a person whom the policy lets approve has said yes to this very plan.

mod policy;
mod rules;

use model::incident::{Incident, PlanState};
use model::plan::{Approval, GateAnswer, Plan};
use model::time::Timestamp;
use model::topology::Topology;

pub use policy::{ASK_ALWAYS, HARMLESS_ALONE, OBSERVER, Person, PolicyFault, SCHEMA, sample};
pub use rules::{Recovery, RecoveryState, Rules, recoveries};

use policy::{Around, Policy, Principal};

/// A plan that may be performed. INVARIANT (J1): only the gate can make one.
#[derive(Clone, Debug, PartialEq)]
pub struct ClearedPlan {
    plan: Plan,
    digest: String,
    at: Timestamp,
}

impl ClearedPlan {
    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Its digest.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// When the gate let it through.
    pub fn at(&self) -> Timestamp {
        self.at
    }
}

/// The gate's answer; as [`GateAnswer`], but a Go carries the plan that may be run.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// It may be performed.
    Go {
        /// The plan.
        cleared: Box<ClearedPlan>,
        /// Why.
        reasons: Vec<String>,
    },
    /// A person must say yes.
    Ask {
        /// Why.
        reasons: Vec<String>,
        /// Who may, sorted.
        who: Vec<String>,
    },
    /// It may not be run now.
    Refuse {
        /// Why.
        reasons: Vec<String>,
        /// When it may be asked again; `None` for never.
        again_at: Option<Timestamp>,
    },
}

impl Decision {
    /// As the journal holds it.
    pub fn answer(&self) -> GateAnswer {
        match self {
            Self::Go { reasons, .. } => GateAnswer::Go {
                reasons: reasons.clone(),
            },
            Self::Ask { reasons, who } => GateAnswer::Ask {
                reasons: reasons.clone(),
                who: who.clone(),
            },
            Self::Refuse { reasons, again_at } => GateAnswer::Refuse {
                reasons: reasons.clone(),
                again_at: *again_at,
            },
        }
    }
}

/// What the gate is told beside the plan.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Now.
    pub now: Timestamp,
    /// The incident as its journal tells it; its newest plan is the one in question.
    pub incident: &'a Incident,
    /// Kinds, labels and scopes of entities, as known now.
    pub topology: &'a Topology,
    /// Everyone who is known. Whoever is not is a stranger.
    pub people: &'a [Person],
    /// What was done lately, in all incidents ([`recoveries`] reads it from them).
    pub recoveries: &'a [Recovery],
    /// Why no hand may move at all, if the kill switch is on.
    pub kill_switch: Option<&'a str>,
}

/// The gate: hard rules, and the operator's policy.
#[derive(Debug)]
pub struct Gate {
    policy: Result<Policy, PolicyFault>,
    rules: Rules,
}

impl Gate {
    /// From a policy's text. One that cannot be read, or does not fit the schema, permits nothing:
    /// [`Gate::fault`] says where and what.
    pub fn new(policy: &str, rules: Rules) -> Self {
        Self {
            policy: Policy::parse(policy),
            rules,
        }
    }

    /// What is wrong with the policy.
    pub fn fault(&self) -> Option<&PolicyFault> {
        self.policy.as_ref().err()
    }

    /// The hard rules.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// May the incident's newest plan be performed now? The same question is asked when it is proposed, and again
    /// when it is to be run.
    pub fn ask(&self, question: &Question<'_>) -> Decision {
        let Some(state) = question.incident.latest_plan() else {
            return refuse(vec!["there is no plan".to_string()]);
        };
        let (mut reasons, again_at) = match self.rules.hold(question, state) {
            Ok(reasons) => (reasons, None),
            Err(rules::Broken { reasons, again_at }) => (reasons, Some(again_at)),
        };
        if let Some(again_at) = again_at {
            return Decision::Refuse { reasons, again_at };
        }
        let policy = match &self.policy {
            Ok(policy) => policy,
            Err(fault) => {
                return refuse(vec![format!("nothing is permitted: {fault}")]);
            }
        };
        let alone = policy.permits(&Principal::Watch, &state.plan, around(question, state));
        let not_alone = match alone {
            Ok(by) => {
                reasons.push(format!("the policy lets the watch go alone ({by})"));
                return go(state, question.now, reasons);
            }
            Err(why) => why,
        };
        // A yes that does not count does no harm either: a stranger must not be able to end a plan by approving it.
        let mut unheeded = Vec::new();
        if let Some(approval) = &state.approval {
            match self.approvable(question, approval) {
                Ok(by) => {
                    reasons.push(by);
                    return go(state, question.now, reasons);
                }
                Err(why) => unheeded = why,
            }
        }
        let mut who: Vec<String> = question
            .people
            .iter()
            .filter(|person| {
                let principal = Principal::Person(person);
                policy
                    .permits(&principal, &state.plan, around(question, state))
                    .is_ok()
            })
            .map(|person| person.name.clone())
            .collect();
        who.sort();
        who.dedup();
        if who.is_empty() {
            let mut reasons = vec![
                "the policy permits it neither to the watch nor to anybody whom it knows"
                    .to_string(),
            ];
            reasons.extend(not_alone);
            reasons.extend(unheeded);
            return refuse(reasons);
        }
        reasons.extend(not_alone);
        reasons.extend(unheeded);
        Decision::Ask { reasons, who }
    }

    /// Does this approval count for the incident's newest plan? `Ok` says why it does, `Err` why it does not. Ask
    /// before an approval is written into the journal; [`Gate::ask`] asks again.
    pub fn approvable(
        &self,
        question: &Question<'_>,
        approval: &Approval,
    ) -> Result<String, Vec<String>> {
        let Some(state) = question.incident.latest_plan() else {
            return Err(vec!["there is no plan".to_string()]);
        };
        let policy = self
            .policy
            .as_ref()
            .map_err(|fault| vec![format!("nothing is permitted: {fault}")])?;
        let mut why = self.rules.approval_counts(question.now, state, approval);
        let person = question.people.iter().find(|p| p.name == approval.by);
        match person {
            None => why.push(format!(
                "{} is not known here; people who may approve are listed in the configuration",
                shown(&approval.by)
            )),
            Some(person) => {
                let principal = Principal::Person(person);
                match policy.permits(&principal, &state.plan, around(question, state)) {
                    Ok(by) if why.is_empty() => {
                        return Ok(format!(
                            "{} said yes to this very plan at {} until {}, as the policy permits ({by})",
                            shown(&approval.by),
                            approval.at.clock(),
                            approval.until.clock(),
                        ));
                    }
                    Ok(_) => {}
                    Err(not) => {
                        why.push(format!("{} may not approve this plan", shown(&approval.by)));
                        why.extend(not);
                    }
                }
            }
        }
        Err(why)
    }
}

/// Clears again a plan whose run was begun and cut short. The journal holds the gate's Go for it (the fold takes
/// no beginning without one), so nothing new is permitted here. `None` if it was never begun.
pub fn resume(state: &PlanState) -> Option<ClearedPlan> {
    let (Some(at), Some((_, GateAnswer::Go { .. }))) = (state.run_started, &state.gate) else {
        return None;
    };
    // What was altered since is not what was cleared.
    let digest = state.plan.digest();
    (digest == state.digest).then(|| ClearedPlan {
        plan: (*state.plan).clone(),
        digest,
        at,
    })
}

fn around<'a>(question: &Question<'a>, state: &PlanState) -> Around<'a> {
    Around {
        topology: question.topology,
        confidence: rules::confidence(question, state),
    }
}

fn go(state: &PlanState, now: Timestamp, reasons: Vec<String>) -> Decision {
    Decision::Go {
        cleared: Box::new(ClearedPlan {
            plan: (*state.plan).clone(),
            digest: state.digest.clone(),
            at: now,
        }),
        reasons,
    }
}

fn refuse(reasons: Vec<String>) -> Decision {
    Decision::Refuse {
        reasons,
        again_at: None,
    }
}

/// A name from outside, short and without control characters.
fn shown(name: &str) -> String {
    let clean: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
    if clean.is_empty() {
        "somebody without a name".to_string()
    } else {
        clean
    }
}
