//! A service of ECS: which task definition it runs, and how many copies of it. ECS knows no revision of a service onto which
//! could be written: it is read just before, and of a service no more is written than what is to be otherwise.

use aws_sdk_ecs::types::{
    DeploymentControllerType, DeploymentRolloutState, SchedulingStrategy, TaskDefinitionStatus,
};
use model::EntityId;
use model::action::Action;

use super::Trouble;
use super::bench::{At, Work};
use super::former::cannot;
use super::matter::Update;
use crate::pull::Missed;

/// What a service's settings are called, where an action names several of them.
const DEFINITION: &str = "task_definition";
const COPIES: &str = "desired_count";

/// A service, and what is to be so of it.
pub(super) struct Service {
    entity: EntityId,
    pub at: Place,
    pub present: Present,
    aim: Aim,
}

/// Where a service is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub at: At,
    pub cluster: String,
}

/// How a service is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Present {
    /// `checkout:42`.
    pub definition: String,
    /// How many are to run.
    pub copies: u64,
    running: u64,
    /// How its rollout goes.
    rollout: Update,
    /// It runs once on each machine, however many there are.
    everywhere: bool,
    /// ECS may bring it back to an earlier definition by itself, and no call tells of that.
    pub rolls_back: bool,
}

/// What is to be so; what is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Aim {
    pub definition: Option<String>,
    pub copies: Option<u64>,
}

/// `checkout:42` of a task definition's ARN.
pub(super) fn short(definition: &str) -> &str {
    match definition.split_once(":task-definition/") {
        Some((_, name)) => name,
        None => definition,
    }
}

/// `checkout` and `42` of `checkout:42`.
fn parts(definition: &str) -> Option<(&str, u32)> {
    let (family, revision) = definition.split_once(':')?;
    Some((family, revision.parse().ok()?))
}

fn number(text: &str) -> Result<u64, Trouble> {
    text.parse()
        .map_err(|_| Trouble::Cannot(format!("{text:?} is no number of copies")))
}

impl Work<'_> {
    /// The service that the action is about, and what is to be so.
    pub async fn service(&self, action: &Action) -> Result<Service, Trouble> {
        let acts = matches!(
            action,
            Action::RevertChange { .. }
                | Action::SetVersion { .. }
                | Action::Scale { .. }
                | Action::SetSettings { .. }
        );
        if !acts {
            return cannot("these hands have no such action for a service");
        }
        let entity = action.entity();
        let (at, present) = self.find_service(entity).await?;
        let mut aim = Aim::default();
        match action {
            Action::SetVersion { version, .. } => aim.definition = Some(version.clone()),
            Action::Scale { copies, .. } => aim.copies = Some(*copies),
            Action::SetSettings { settings, .. } => {
                for (name, value) in settings {
                    match (name.as_str(), value) {
                        (DEFINITION, Some(value)) => aim.definition = Some(value.clone()),
                        (COPIES, Some(value)) => aim.copies = Some(number(value)?),
                        _ => {
                            return cannot(format!(
                                "of a service's settings they give {DEFINITION} and {COPIES} a value, and nothing else"
                            ));
                        }
                    }
                }
            }
            Action::RevertChange { change, .. } => {
                aim = self.former_service(&at, &present, change).await?;
            }
            _ => return cannot("these hands have no such action for a service"),
        }
        if let Some(definition) = aim.definition.take() {
            aim.definition = Some(self.runnable(&at, &present, &definition).await?);
        }
        if aim.copies.is_some() && present.everywhere {
            return cannot("that service runs once on each machine: how many cannot be set");
        }
        Ok(Service {
            entity: entity.clone(),
            at,
            present,
            aim,
        })
    }

    /// Where that service is, among those that are named.
    async fn find_service(&self, entity: &EntityId) -> Result<(Place, Present), Trouble> {
        let (called, benches) = self.called(entity)?;
        let (cluster, name) = match called.split_once('/') {
            Some((cluster, name)) => (Some(cluster), name),
            None => (None, called),
        };
        let mut clusters = self.settings.named.clusters(name);
        clusters.retain(|one| cluster.is_none_or(|cluster| cluster == *one));
        if clusters.is_empty() {
            return cannot(format!(
                "the service {called} is not among those that these hands may alter; name it in their services"
            ));
        }
        let mut found = Vec::new();
        for bench in benches {
            for cluster in &clusters {
                let at = Place {
                    at: At {
                        bench,
                        name: name.to_string(),
                    },
                    cluster: (*cluster).to_string(),
                };
                if let Some(present) = self.present_service(&at).await? {
                    found.push((at, present));
                }
            }
        }
        self.only(entity, found)
    }

    /// How it is now; `None` if there is no such service.
    async fn present_service(&self, at: &Place) -> Result<Option<Present>, Trouble> {
        let bench = self.bench(&at.at)?;
        let sent = bench
            .reads
            .ecs
            .describe_services()
            .cluster(&at.cluster)
            .services(&at.at.name)
            .send();
        let answer = match self.ask(bench, "ecs:DescribeServices", sent).await {
            Ok(answer) => answer,
            Err(Trouble::Missed(_, Missed::Refused(_, said)))
                if said.starts_with("ClusterNotFound") =>
            {
                return Ok(None);
            }
            Err(trouble) => return Err(trouble),
        };
        let active = |one: &&aws_sdk_ecs::types::Service| one.status() == Some("ACTIVE");
        let Some(service) = answer.services().iter().find(active) else {
            return Ok(None);
        };
        if let Some(controller) = service.deployment_controller()
            && *controller.r#type() != DeploymentControllerType::Ecs
        {
            return cannot(format!(
                "that service is rolled out by {}, and not by ECS itself",
                controller.r#type().as_str()
            ));
        }
        let count = |count: i32| u64::try_from(count).unwrap_or_default();
        let newest = service.deployments().iter();
        let newest = newest.clone().find(|one| one.status() == Some("PRIMARY"));
        let (copies, running) = (
            count(service.desired_count()),
            count(service.running_count()),
        );
        let far = || Update::Coming(format!("{running} of {copies} copies run so far"));
        let rollout = match newest.and_then(|one| one.rollout_state()) {
            Some(DeploymentRolloutState::Failed) => Update::Broken(
                newest
                    .and_then(|one| one.rollout_state_reason())
                    .unwrap_or("it says not why")
                    .to_string(),
            ),
            Some(DeploymentRolloutState::InProgress) => far(),
            _ if running != copies => far(),
            _ => Update::Over,
        };
        let rules = service.deployment_configuration();
        let breaker = rules.and_then(|one| one.deployment_circuit_breaker());
        let alarms = rules.and_then(|one| one.alarms());
        Ok(Some(Present {
            definition: short(service.task_definition().unwrap_or_default()).to_string(),
            copies,
            running,
            rollout,
            everywhere: service.scheduling_strategy() == Some(&SchedulingStrategy::Daemon),
            rolls_back: breaker.is_some_and(|one| one.rollback())
                || alarms.is_some_and(|one| one.rollback()),
        }))
    }

    /// That revision of the family that runs, if it can still be run.
    async fn runnable(
        &self,
        at: &Place,
        present: &Present,
        wanted: &str,
    ) -> Result<String, Trouble> {
        let Some((family, _)) = parts(&present.definition) else {
            return cannot("AWS does not tell which task definition that service runs");
        };
        let wanted = match wanted.parse::<u32>() {
            Ok(revision) => format!("{family}:{revision}"),
            Err(_) => short(wanted).to_string(),
        };
        match parts(&wanted) {
            Some((same, _)) if same == family => {}
            Some((other, _)) => {
                return cannot(format!(
                    "that service runs {family}, and {other} is something else"
                ));
            }
            None => return cannot(format!("{wanted:?} is no revision of {family}")),
        }
        if wanted == present.definition {
            return Ok(wanted);
        }
        let bench = self.bench(&at.at)?;
        let sent = bench
            .reads
            .ecs
            .describe_task_definition()
            .task_definition(&wanted)
            .send();
        let answer = self.ask(bench, "ecs:DescribeTaskDefinition", sent).await?;
        let status = answer.task_definition().and_then(|one| one.status());
        if status != Some(&TaskDefinitionStatus::Active) {
            return cannot(format!("{wanted} was deregistered, and cannot be run"));
        }
        Ok(wanted)
    }
}

impl Service {
    fn moves(&self) -> bool {
        let wanted = self.aim.definition.as_ref();
        wanted.is_some_and(|one| *one != self.present.definition)
    }

    fn scales(&self) -> bool {
        self.aim
            .copies
            .is_some_and(|one| one != self.present.copies)
    }

    pub fn is_so(&self) -> bool {
        !self.moves() && !self.scales()
    }

    pub fn update(&self) -> Update {
        match &self.present.rollout {
            // Whatever was rolled out before is what this is to replace.
            _ if !self.is_so() => Update::Over,
            rollout => rollout.clone(),
        }
    }

    pub fn before(&self) -> String {
        let mut said = Vec::new();
        if self.aim.definition.is_some() {
            said.push(format!("task definition = {}", self.present.definition));
        }
        if self.aim.copies.is_some() {
            let Present {
                copies, running, ..
            } = self.present;
            said.push(format!("copies = {copies}, of which {running} run"));
        }
        said.join(", ")
    }

    pub fn after(&self) -> String {
        let definition = self.aim.definition.iter();
        let definition = definition.map(|one| format!("task definition = {one}"));
        let copies = self.aim.copies.iter().map(|one| format!("copies = {one}"));
        definition.chain(copies).collect::<Vec<_>>().join(", ")
    }

    pub fn undo(&self) -> Option<Action> {
        let entity = self.entity.clone();
        let Present {
            definition, copies, ..
        } = &self.present;
        match (self.moves(), self.scales()) {
            (true, false) => Some(Action::SetVersion {
                entity,
                version: definition.clone(),
            }),
            (false, true) => Some(Action::Scale {
                entity,
                copies: *copies,
            }),
            (true, true) => Some(Action::SetSettings {
                entity,
                settings: [
                    (DEFINITION.to_string(), Some(definition.clone())),
                    (COPIES.to_string(), Some(copies.to_string())),
                ]
                .into(),
            }),
            (false, false) => None,
        }
    }

    /// More of the same harms nobody, unless somebody stopped all of it.
    pub fn harms_nobody(&self) -> bool {
        let more = self.aim.copies.is_none_or(|one| one >= self.present.copies);
        !self.moves() && more && self.present.copies > 0
    }

    pub async fn write(&self, work: &Work<'_>) -> Result<(), Trouble> {
        let bench = work.bench(&self.at.at)?;
        let copies = |copies| {
            i32::try_from(copies).map_err(|_| {
                Trouble::Cannot(format!("{copies} copies are more than AWS can be told"))
            })
        };
        let copies = self.aim.copies.filter(|_| self.scales()).map(copies);
        let definition = self.aim.definition.clone().filter(|_| self.moves());
        let sent = bench
            .once
            .ecs
            .update_service()
            .cluster(&self.at.cluster)
            .service(&self.at.at.name)
            .set_task_definition(definition)
            .set_desired_count(copies.transpose()?)
            .send();
        let sent = work.ask(bench, "ecs:UpdateService", sent).await;
        sent.map(|_| ())
    }

    pub async fn look(&mut self, work: &Work<'_>) -> Result<(), Trouble> {
        match work.present_service(&self.at).await? {
            Some(present) => {
                self.present = present;
                Ok(())
            }
            None => cannot("that service is gone"),
        }
    }
}
