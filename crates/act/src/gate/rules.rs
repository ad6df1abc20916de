//! Hard rules: what no policy and no person can lift, short of the configuration.

use std::collections::BTreeSet;

use model::entity::EntityId;
use model::incident::{Incident, IncidentId, PlanState, RunEnd};
use model::plan::Approval;
use model::time::{Span, Timestamp};

use super::Question;

/// The hard rules' numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// The least sure cause of a plan must be at least so sure, 0..1.
    pub confidence: f64,
    /// After a recovery that runs or succeeded, an entity is left alone for so long.
    pub cooldown: Span,
    /// How many plans one incident may see performed.
    pub attempts: u32,
    /// How many entities a plan may touch.
    pub blast_radius: usize,
    /// How long a yes counts at most.
    pub approval_lasts: Span,
    /// How old the facts of the report may be when its plan is run.
    pub facts_last: Span,
}

impl Default for Rules {
    /// 0.8; 5 min; 2 plans; 12 entities; a yes counts for 30 min, and so do facts.
    fn default() -> Self {
        Self {
            confidence: 0.8,
            cooldown: Span::minutes(5),
            attempts: 2,
            blast_radius: 12,
            approval_lasts: Span::minutes(30),
            facts_last: Span::minutes(30),
        }
    }
}

/// How a recovery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecoveryState {
    /// Its steps are being performed, or its success is not known yet.
    Runs,
    /// Fresh telemetry showed that it worked, at this moment.
    Succeeded(Timestamp),
    /// It failed, was unwound, or did not help.
    Failed,
}

/// One plan that was performed, or is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// For which incident.
    pub incident: IncidentId,
    /// The plan's digest.
    pub plan: String,
    /// Whom it altered.
    pub entities: BTreeSet<EntityId>,
    /// When it was begun.
    pub started: Timestamp,
    /// How it stands.
    pub state: RecoveryState,
}

/// Every plan of these incidents that was begun.
pub fn recoveries<'a>(incidents: impl IntoIterator<Item = &'a Incident>) -> Vec<Recovery> {
    let mut found = Vec::new();
    for incident in incidents {
        for plan in &incident.plans {
            let Some(started) = plan.run_started else {
                continue;
            };
            let verified = plan.verified.last().map(|(at, passed, _)| (*at, *passed));
            // A plan whose incident is over, or has another plan, is no longer waited for.
            let over = incident.closed.is_some()
                || incident.handed_over.is_some()
                || incident
                    .latest_plan()
                    .is_some_and(|latest| latest.digest != plan.digest);
            let state = match (&plan.run_ended, verified) {
                (Some((_, RunEnd::Completed)), Some((at, true))) => RecoveryState::Succeeded(at),
                (Some((_, RunEnd::Completed)) | None, _) if !over => RecoveryState::Runs,
                _ => RecoveryState::Failed,
            };
            found.push(Recovery {
                incident: incident.id.clone(),
                plan: plan.digest.clone(),
                entities: altered(plan),
                started,
                state,
            });
        }
    }
    found
}

fn altered(state: &PlanState) -> BTreeSet<EntityId> {
    let steps = state.plan.steps.iter();
    steps.map(|step| step.action.entity().clone()).collect()
}

/// How sure the least sure cause of a plan is, by the plan and, where a newer report keeps the plan, by that report
/// too: what it does not name any longer is not sure at all. 0..1.
pub(super) fn confidence(question: &Question<'_>, state: &PlanState) -> f64 {
    let planned = state.plan.confidence();
    let Some(report) = question
        .incident
        .report()
        .filter(|_| state.report != state.plan.report)
    else {
        return planned;
    };
    state
        .plan
        .basis
        .iter()
        .map(|basis| {
            let same = report.causes.iter().filter(|cause| {
                (&cause.entity, &cause.mechanism) == (&basis.entity, &basis.mechanism)
            });
            same.map(|cause| cause.confidence).fold(0.0, f64::max)
        })
        .fold(planned, f64::min)
}

/// Rules that do not hold.
pub(super) struct Broken {
    pub(super) reasons: Vec<String>,
    /// When it may be asked again; `None` for never.
    pub(super) again_at: Option<Timestamp>,
}

impl Rules {
    /// What speaks for the plan, or all rules that it breaks.
    pub(super) fn hold(
        &self,
        question: &Question<'_>,
        state: &PlanState,
    ) -> Result<Vec<String>, Broken> {
        let now = question.now;
        let plan = &state.plan;
        let mut never = Vec::new();
        let mut later: Vec<(String, Timestamp)> = Vec::new();
        let mut fine = Vec::new();

        if let Some(why) = question.kill_switch {
            never.push(format!("the kill switch is on: {why}"));
        }
        if question.incident.closed.is_some() {
            never.push("the incident is closed".to_string());
        }
        if let Some((by, why)) = &state.refusal {
            never.push(format!("{} said no: {why}", super::shown(by)));
        }
        if state.expired {
            never.push("nobody answered in time".to_string());
        }
        if state.withdrawn {
            never.push("it was withdrawn: a newer report leads to no plan".to_string());
        }
        if state.run_started.is_some() {
            never.push("it is being performed already, or was".to_string());
        }
        if plan.steps.is_empty() {
            never.push("it has no steps".to_string());
        }
        if plan.digest() != state.digest {
            never.push("it is not the plan that was proposed".to_string());
        }

        let confidence = confidence(question, state);
        // A number that is no number is not enough either.
        if confidence >= self.confidence {
            fine.push(format!(
                "the least sure cause is sure to {confidence:.2}, {:.2} is wanted",
                self.confidence
            ));
        } else {
            never.push(format!(
                "the least sure cause is sure to {confidence:.2} only; {:.2} is wanted",
                self.confidence
            ));
        }

        let touched: BTreeSet<&EntityId> = plan
            .touches
            .iter()
            .chain(plan.steps.iter().map(|step| step.action.entity()))
            .collect();
        if touched.len() > self.blast_radius {
            never.push(format!(
                "it touches {} entities; at most {} are allowed",
                touched.len(),
                self.blast_radius
            ));
        } else {
            fine.push(format!(
                "it touches {} of at most {} entities",
                touched.len(),
                self.blast_radius
            ));
        }

        // The fold takes no plan that was proposed before: a new try has a digest of its own.
        let others = question.incident.plans.iter();
        let others = others.filter(|plan| plan.digest != state.digest);
        let begun = others.filter(|plan| plan.run_started.is_some()).count();
        if begun >= self.attempts as usize {
            never.push(format!(
                "{} recoveries are the limit of one incident; a person must go on",
                self.attempts
            ));
        }

        match question.incident.report() {
            // A newer report that leads to the same steps keeps the plan (`PlanKept`).
            Some(report) if report.ledger == state.report => {
                let age = now.since(report.header.looked_at);
                if age > self.facts_last {
                    never.push(format!(
                        "the report is {age} old, and its facts count for {}; investigate again",
                        self.facts_last
                    ));
                }
            }
            Some(_) => never.push(
                "it rests on a report that is not the newest; propose again from the newest"
                    .to_string(),
            ),
            None => never.push("there is no report that it could rest on".to_string()),
        }

        let altered = altered(state);
        for recovery in question.recoveries {
            if recovery.plan == state.digest && recovery.incident == plan.incident {
                continue;
            }
            let Some(entity) = recovery.entities.intersection(&altered).next() else {
                continue;
            };
            match recovery.state {
                RecoveryState::Runs => later.push((
                    format!(
                        "a recovery of {entity} has been running since {} ({})",
                        recovery.started.clock(),
                        recovery.incident
                    ),
                    now.max(recovery.started).plus(self.cooldown),
                )),
                RecoveryState::Succeeded(at) => {
                    let until = at.plus(self.cooldown);
                    if now < until {
                        later.push((
                            format!(
                                "{entity} was recovered at {} ({}) and is left alone for {}",
                                at.clock(),
                                recovery.incident,
                                self.cooldown
                            ),
                            until,
                        ));
                    }
                }
                RecoveryState::Failed => {}
            }
        }

        if never.is_empty() && later.is_empty() {
            return Ok(fine);
        }
        let again_at = if never.is_empty() {
            later.iter().map(|(_, at)| *at).max()
        } else {
            None
        };
        never.extend(later.into_iter().map(|(why, _)| why));
        Err(Broken {
            reasons: never,
            again_at,
        })
    }

    /// Why the approval does not count, leaving aside who gave it; empty if it does.
    pub(super) fn approval_counts(
        &self,
        now: Timestamp,
        state: &PlanState,
        approval: &Approval,
    ) -> Vec<String> {
        let mut why = Vec::new();
        if approval.plan != state.digest {
            let short = |digest: &str| digest.chars().take(12).collect::<String>();
            why.push(format!(
                "the approval is for plan {}, not for {}",
                short(&approval.plan),
                short(&state.digest)
            ));
        }
        if approval.at > now {
            why.push(format!(
                "the approval is dated {}, which is not yet",
                approval.at
            ));
        }
        let until = approval.until.min(approval.at.plus(self.approval_lasts));
        if now >= until {
            why.push(format!("the approval expired at {until}"));
        }
        why
    }
}
