//! An Auto Scaling group: how many machines it runs, and between which numbers it may. Every request names the numbers that
//! are to be so, and is refused here where AWS would alter another number along with them: so the way back is exact.

use aws_sdk_autoscaling::types::LifecycleState;
use model::EntityId;
use model::action::Action;

use super::Trouble;
use super::bench::{At, Work};
use super::former::cannot;
use super::matter::Update;

/// What a group's numbers are called, as limits and as settings.
const LEAST: &str = "min_size";
const MOST: &str = "max_size";
const WANTED: &str = "desired_capacity";

/// A group, and what is to be so of it.
pub(super) struct Group {
    entity: EntityId,
    at: At,
    present: Present,
    aim: Aim,
}

/// How a group is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Present {
    least: u64,
    most: u64,
    wanted: u64,
    /// Machines that are in service.
    running: u64,
}

/// What is to be so; what is `None` stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Aim {
    least: Option<u64>,
    most: Option<u64>,
    wanted: Option<u64>,
}

impl Aim {
    fn set(&mut self, name: &str, value: Option<u64>) -> Result<(), Trouble> {
        let Some(value) = value else {
            return cannot("a group always has these numbers: say which");
        };
        match name {
            LEAST => self.least = Some(value),
            MOST => self.most = Some(value),
            WANTED => self.wanted = Some(value),
            _ => {
                return cannot(format!(
                    "of a group they set {LEAST}, {MOST} and {WANTED}, and nothing else"
                ));
            }
        }
        Ok(())
    }
}

impl Work<'_> {
    /// The group that the action is about, and what is to be so.
    pub async fn group(&self, action: &Action) -> Result<Group, Trouble> {
        let mut aim = Aim::default();
        match action {
            Action::Scale { copies, .. } => aim.wanted = Some(*copies),
            Action::SetLimit { limit, value, .. } if limit != WANTED => aim.set(limit, *value)?,
            Action::SetSettings { settings, .. } => {
                for (name, value) in settings {
                    let value = value.as_ref().and_then(|value| value.parse().ok());
                    aim.set(name, value)?;
                }
            }
            Action::RevertChange { .. } => {
                return cannot(
                    "what a group was before a change is not known for certain: scaling policies and schedules alter it \
                     too, and the audit trail does not tell of them; scale it to a number",
                );
            }
            _ => return cannot("these hands have no such action for a group"),
        }
        let entity = action.entity();
        let (at, present) = self.find_group(entity).await?;
        let group = Group {
            entity: entity.clone(),
            at,
            present,
            aim,
        };
        let [least, most, wanted] = group.then();
        if least > wanted || wanted > most {
            return cannot(format!(
                "{wanted} machines do not lie between {least} and {most}: AWS would refuse it, or alter how many run \
                 along with it"
            ));
        }
        Ok(group)
    }

    async fn find_group(&self, entity: &EntityId) -> Result<(At, Present), Trouble> {
        let (name, benches) = self.called(entity)?;
        if !self.settings.named.groups.iter().any(|one| one == name) {
            return cannot(format!(
                "the group {name} is not among those that these hands may alter; name it in their groups"
            ));
        }
        let mut found = Vec::new();
        for bench in benches {
            let at = At {
                bench,
                name: name.to_string(),
            };
            if let Some(present) = self.present_group(&at).await? {
                found.push((at, present));
            }
        }
        self.only(entity, found)
    }

    /// How it is now; `None` if there is no such group.
    async fn present_group(&self, at: &At) -> Result<Option<Present>, Trouble> {
        let bench = self.bench(at)?;
        let sent = bench
            .reads
            .scaling
            .describe_auto_scaling_groups()
            .auto_scaling_group_names(&at.name)
            .send();
        let answer = self
            .ask(bench, "autoscaling:DescribeAutoScalingGroups", sent)
            .await?;
        let mut groups = answer.auto_scaling_groups().iter();
        let named = groups.find(|one| one.auto_scaling_group_name() == Some(at.name.as_str()));
        let Some(group) = named else {
            return Ok(None);
        };
        let count = |count: Option<i32>| count.and_then(|count| u64::try_from(count).ok());
        let numbers = (
            count(group.min_size()),
            count(group.max_size()),
            count(group.desired_capacity()),
        );
        let (Some(least), Some(most), Some(wanted)) = numbers else {
            return cannot("AWS does not tell how large that group is and may be");
        };
        let serving = group.instances().iter();
        let serving =
            serving.filter(|one| one.lifecycle_state() == Some(&LifecycleState::InService));
        Ok(Some(Present {
            least,
            most,
            wanted,
            running: serving.count() as u64,
        }))
    }
}

impl Group {
    /// Name, how it is, and how it is to be.
    fn numbers(&self) -> [(&'static str, u64, Option<u64>); 3] {
        let (present, aim) = (self.present, self.aim);
        [
            (LEAST, present.least, aim.least),
            (MOST, present.most, aim.most),
            (WANTED, present.wanted, aim.wanted),
        ]
    }

    /// All numbers as they are to be.
    fn then(&self) -> [u64; 3] {
        self.numbers().map(|(_, now, then)| then.unwrap_or(now))
    }

    fn differing(&self) -> Vec<(&'static str, u64)> {
        let numbers = self.numbers().into_iter();
        let differ = numbers.filter(|(_, now, then)| then.is_some_and(|then| then != *now));
        differ.map(|(name, now, _)| (name, now)).collect()
    }

    pub fn is_so(&self) -> bool {
        self.differing().is_empty()
    }

    pub fn update(&self) -> Update {
        let Present {
            running, wanted, ..
        } = self.present;
        if self.is_so() && running != wanted {
            return Update::Coming(format!(
                "{running} of {wanted} machines are in service so far"
            ));
        }
        Update::Over
    }

    pub fn before(&self) -> String {
        let numbers = self.numbers().into_iter();
        let said = numbers.filter(|(_, _, then)| then.is_some());
        let said = said.map(|(name, now, _)| format!("{name} = {now}"));
        said.collect::<Vec<_>>().join(", ")
    }

    pub fn after(&self) -> String {
        let numbers = self.numbers().into_iter();
        let said = numbers.filter_map(|(name, _, then)| Some(format!("{name} = {}", then?)));
        said.collect::<Vec<_>>().join(", ")
    }

    pub fn undo(&self) -> Option<Action> {
        let entity = self.entity.clone();
        match self.differing()[..] {
            [] => None,
            [(WANTED, copies)] => Some(Action::Scale { entity, copies }),
            [(limit, now)] => Some(Action::SetLimit {
                entity,
                limit: limit.to_string(),
                value: Some(now),
            }),
            ref several => Some(Action::SetSettings {
                entity,
                settings: several
                    .iter()
                    .map(|(name, now)| (name.to_string(), Some(now.to_string())))
                    .collect(),
            }),
        }
    }

    /// Machines that are added, and room for more, harm nobody, unless somebody stopped all of it.
    pub fn harms_nobody(&self) -> bool {
        let [least, most, wanted] = self.then();
        let Present {
            least: now_least,
            most: now_most,
            wanted: now,
            ..
        } = self.present;
        now > 0 && wanted >= now && most >= now_most && least >= now_least
    }

    pub async fn write(&self, work: &Work<'_>) -> Result<(), Trouble> {
        let bench = work.bench(&self.at)?;
        let told = |number: Option<u64>| {
            let told = number.map(i32::try_from).transpose();
            told.map_err(|_| Trouble::Cannot("that is more than AWS can be told".to_string()))
        };
        let differing = self.differing();
        let wanted = told(self.aim.wanted)?;
        if let ([(WANTED, _)], Some(wanted)) = (&differing[..], wanted) {
            let sent = bench
                .once
                .scaling
                .set_desired_capacity()
                .auto_scaling_group_name(&self.at.name)
                .desired_capacity(wanted)
                .honor_cooldown(false)
                .send();
            let sent = work
                .ask(bench, "autoscaling:SetDesiredCapacity", sent)
                .await;
            return sent.map(|_| ());
        }
        let sent = bench
            .once
            .scaling
            .update_auto_scaling_group()
            .auto_scaling_group_name(&self.at.name)
            .set_min_size(told(self.aim.least)?)
            .set_max_size(told(self.aim.most)?)
            .set_desired_capacity(wanted)
            .send();
        let sent = work.ask(bench, "autoscaling:UpdateAutoScalingGroup", sent);
        sent.await.map(|_| ())
    }

    pub async fn look(&mut self, work: &Work<'_>) -> Result<(), Trouble> {
        match work.present_group(&self.at).await? {
            Some(present) => {
                self.present = present;
                Ok(())
            }
            None => cannot("that group is gone"),
        }
    }
}
