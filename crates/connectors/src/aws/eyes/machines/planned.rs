//! What is wrong with a machine of EC2 that runs, and what AWS plans with it.

use model::time::{SECOND, Timestamp};
use model::{Change, ChangeKind, EntityId, Severity};
use serde_json::{Value, json};

use super::super::ask::Asking;
use super::super::found::{Found, plain};
use super::super::repeats::{Repeats, clip};
use super::documents::{Check, Planned, Status, at, told};

/// Plans of one machine that are told.
const PLANS: usize = 10;

/// A status check that fails: since when, the metric that shows it too, and what that means.
struct Failing {
    since: Timestamp,
    reason: &'static str,
    says: String,
}

/// Something that AWS plans.
struct Plan {
    code: String,
    description: String,
    begins: Option<Timestamp>,
    ends: Option<Timestamp>,
    /// It is over.
    done: bool,
}

/// All of it.
#[derive(Default)]
pub(super) struct Troubles {
    pub system: Option<String>,
    pub machine: Option<String>,
    pub volumes: Option<String>,
    failing: Vec<Failing>,
    plans: Vec<Plan>,
    now: Timestamp,
    since: Timestamp,
}

/// What is wrong with this machine.
pub(super) fn troubles(asking: &Asking<'_>, id: &str, status: Option<&Status>) -> Troubles {
    let mut troubles = Troubles {
        now: asking.now,
        since: asking.reaches_back(),
        ..Troubles::default()
    };
    let Some(status) = status else {
        return troubles;
    };
    // A look ends before `now`.
    let newest = Timestamp(asking.now.0.saturating_sub(1));
    for (check, reason, says) in [
        (
            &status.system_status,
            "StatusCheckFailed_System",
            "fails its system status check: AWS's own machine beneath it is at fault",
        ),
        (
            &status.instance_status,
            "StatusCheckFailed_Instance",
            "fails its instance status check: its operating system does not answer",
        ),
        (
            &status.attached_ebs_status,
            "StatusCheckFailed_AttachedEBS",
            "fails its status check of volumes: it reaches one of them no longer",
        ),
    ] {
        if check.status == "impaired" {
            troubles.failing.push(Failing {
                since: check.since().unwrap_or(newest).min(newest),
                reason,
                says: format!("instance {id} {says}"),
            });
        }
    }
    let word = |check: &Check| told(&check.status).map(str::to_string);
    troubles.system = word(&status.system_status);
    troubles.machine = word(&status.instance_status);
    troubles.volumes = word(&status.attached_ebs_status);
    let planned = status.events_set.item.iter();
    troubles.plans = planned.filter_map(plan).take(PLANS).collect();
    troubles
}

/// What is planned; `None` if that was given up.
fn plan(event: &Planned) -> Option<Plan> {
    let said = event.description.as_str();
    if said.starts_with("[Canceled]") {
        return None;
    }
    let description = said.strip_prefix("[Completed]").unwrap_or(said).trim();
    Some(Plan {
        code: event.code.clone(),
        description: clip(description),
        begins: at(&event.not_before),
        ends: at(&event.not_after),
        done: said.starts_with("[Completed]"),
    })
}

impl Troubles {
    /// Does it fail a status check?
    pub fn fails(&self) -> bool {
        !self.failing.is_empty()
    }

    /// What a person should read first.
    pub fn remarks(&self) -> Vec<String> {
        let mut said: Vec<String> = self.failing.iter().map(|one| one.says.clone()).collect();
        let due = self.plans.iter().filter(|plan| !plan.done);
        said.extend(due.map(|plan| {
            let when = plan
                .begins
                .map_or("some time".to_string(), |at| at.to_string());
            format!("{} is due from {when}: {}", plan.code, plan.description)
        }));
        said
    }

    /// Plans as a part of the machine's document.
    pub fn planned(&self) -> Vec<Value> {
        let plans = self.plans.iter();
        plans
            .map(|plan| {
                json!({
                    "Code": plan.code, "Description": plan.description, "Completed": plan.done,
                    "NotBefore": plan.begins.map(|at| at.to_string()), "NotAfter": plan.ends.map(|at| at.to_string()),
                })
            })
            .collect()
    }

    /// Failing checks as events, and plans that were carried out as changes.
    pub fn pour(&self, entity: &EntityId, found: &mut Found, repeats: &mut Repeats) {
        let newest = Timestamp(self.now.0.saturating_sub(1));
        for one in &self.failing {
            // Since then, and still.
            let moments = [Some(newest), Some(one.since).filter(|at| *at < newest)];
            for at in moments.into_iter().flatten() {
                repeats.say(entity, at, ("ec2", one.reason), &one.says, Severity::Error);
            }
        }
        for plan in &self.plans {
            let Some(begins) = plan.begins.filter(|at| (self.since..self.now).contains(at)) else {
                continue;
            };
            let ends = plan
                .ends
                .unwrap_or(begins)
                .clamp(begins, newest.max(begins));
            // When a plan was carried out is not told, only when it was to be; one that is not may never be.
            if !plan.done {
                continue;
            }
            let title = format!("{}, completed: {}", plan.code, plan.description);
            found.changes.push(Change {
                id: format!("ec2-plan:{entity}:{}:{}", plan.code, begins.0 / SECOND),
                kind: ChangeKind::Maintenance,
                actor: "AWS".to_string(),
                ..plain(&title, (begins, ends), vec![entity.clone()])
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_up_is_no_plan_and_what_is_over_is_not_due() {
        let event = |said: &str| Planned {
            code: "system-reboot".to_string(),
            description: said.to_string(),
            ..Planned::default()
        };
        assert!(plan(&event("[Canceled] scheduled reboot")).is_none());
        let done = plan(&event("[Completed] scheduled reboot")).unwrap();
        assert!(done.done && done.description == "scheduled reboot");
        let troubles = Troubles {
            plans: vec![done, plan(&event("scheduled reboot")).unwrap()],
            ..Troubles::default()
        };
        assert_eq!(
            troubles.remarks(),
            ["system-reboot is due from some time: scheduled reboot"]
        );
        assert_eq!(troubles.planned().len(), 2);
    }
}
