//! Records of Route 53 by which traffic is shared out, weighted or as primary and secondary: what carries how much of it.
//!
//! A record is replaced by itself with another weight, in one batch that Route 53 carries out whole or not at all: the very
//! record that was read is deleted, and the other created. What somebody altered in between no longer is the record that
//! was read, and the batch is refused.

use std::collections::BTreeMap;

use aws_sdk_route53::types::{
    Change, ChangeAction, ChangeBatch, ResourceRecordSet, ResourceRecordSetFailover, RrType,
};
use model::EntityId;
use model::action::Action;

use super::Trouble;
use super::bench::{At, Bench, Work};
use super::former::cannot;
use super::matter::Update;
use crate::aws::named::{Named, Traffic};
use crate::pull::Missed;

/// Records of one answer, and the most that are read: of one name and type there are no more.
const PAGE: i32 = 300;
/// The heaviest that a record may be.
const HEAVIEST: i64 = 255;

/// How much of the traffic a record carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Share {
    /// So much of the sum of all.
    Weight(i64),
    /// All, while it is healthy.
    Primary,
    /// All, while the primary is not.
    Secondary,
}

impl Share {
    fn of(record: &ResourceRecordSet) -> Option<Self> {
        match (record.weight(), record.failover()) {
            (Some(weight), None) => Some(Self::Weight(weight)),
            (None, Some(ResourceRecordSetFailover::Primary)) => Some(Self::Primary),
            (None, Some(ResourceRecordSetFailover::Secondary)) => Some(Self::Secondary),
            _ => None,
        }
    }

    fn read(text: &str) -> Option<Self> {
        match text {
            "PRIMARY" => Some(Self::Primary),
            "SECONDARY" => Some(Self::Secondary),
            text => {
                let weight = text.parse().ok()?;
                (0..=HEAVIEST)
                    .contains(&weight)
                    .then_some(Self::Weight(weight))
            }
        }
    }

    fn same_sort(self, other: Self) -> bool {
        matches!(self, Self::Weight(_)) == matches!(other, Self::Weight(_))
    }
}

impl std::fmt::Display for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Weight(weight) => weight.fmt(f),
            Self::Primary => f.write_str("PRIMARY"),
            Self::Secondary => f.write_str("SECONDARY"),
        }
    }
}

/// Records of one name, and how traffic is to be shared out among them.
pub(super) struct Shares {
    traffic: Traffic,
    /// As they are now, by their set identifiers.
    records: BTreeMap<String, ResourceRecordSet>,
    now: BTreeMap<String, Share>,
    aim: BTreeMap<String, Share>,
}

/// Where else the traffic of that entity could go.
pub(super) fn elsewhere(named: &Named, from: &EntityId) -> Vec<Action> {
    let carried = named.traffic.iter();
    let carried = carried.filter(|one| one.carries.contains_key(from));
    let others = carried.flat_map(|one| one.carries.keys().filter(|to| *to != from));
    let away = |to: &EntityId| Action::FailOver {
        from: from.clone(),
        to: to.clone(),
    };
    others.map(away).collect()
}

/// A name as Route 53 compares it.
fn plain(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

impl Work<'_> {
    /// The records that the action is about, if it is about records.
    pub fn shared(&self, action: &Action) -> Option<&Traffic> {
        let mut named = self.settings.named.traffic.iter();
        match action {
            Action::FailOver { from, to } => {
                named.find(|one| one.carries.contains_key(from) && one.carries.contains_key(to))
            }
            other => named.find(|one| one.entity() == *other.entity()),
        }
    }

    /// How the traffic is shared out, and how it is to be.
    pub async fn shares(&self, traffic: &Traffic, action: &Action) -> Result<Shares, Trouble> {
        let records = self.records(traffic).await?;
        let shares = records
            .iter()
            .filter_map(|(set, record)| Some((set.clone(), Share::of(record)?)));
        let now: BTreeMap<String, Share> = shares.collect();
        let aim = match action {
            Action::FailOver { from, to } => {
                let set = |who| {
                    let set: Option<&String> = traffic.carries.get(who);
                    set.and_then(|set| Some((set.clone(), *now.get(set)?)))
                };
                let (Some(from), Some(to)) = (set(from), set(to)) else {
                    return cannot(format!(
                        "{} has no weighted record, and none of a primary and a secondary, for both",
                        traffic.name
                    ));
                };
                moved(from, to)?
            }
            Action::SetSettings { settings, .. } => {
                let mut aim = BTreeMap::new();
                for (set, value) in settings {
                    let share = value.as_deref().and_then(Share::read);
                    let known = traffic.carries.values().any(|one| one == set);
                    match (now.get(set), share) {
                        (Some(now), Some(share)) if known && now.same_sort(share) => {
                            aim.insert(set.clone(), share);
                        }
                        _ => {
                            return cannot(format!(
                                "{set} of {} is not named, is not there, or cannot carry that",
                                traffic.name
                            ));
                        }
                    }
                }
                aim
            }
            _ => return cannot("these hands have no such action for shared traffic"),
        };
        let then = |set: &String, now: Share| aim.get(set).copied().unwrap_or(now);
        let then: Vec<Share> = now.iter().map(|(set, now)| then(set, *now)).collect();
        if then.iter().all(|share| *share == Share::Weight(0)) {
            return cannot("nobody would carry it: Route 53 shares it out evenly then");
        }
        if then
            .iter()
            .filter(|share| **share == Share::Primary)
            .count()
            > 1
        {
            return cannot("there can be one primary only");
        }
        Ok(Shares {
            traffic: traffic.clone(),
            records,
            now,
            aim,
        })
    }

    /// Names are the same in every region.
    fn first_bench(&self) -> Result<&Bench, Trouble> {
        self.bench(&At {
            bench: 0,
            name: String::new(),
        })
    }

    /// All records of that name and type, by their set identifiers.
    async fn records(
        &self,
        traffic: &Traffic,
    ) -> Result<BTreeMap<String, ResourceRecordSet>, Trouble> {
        let bench = self.first_bench()?;
        let kind = RrType::from(traffic.kind.as_str());
        let sent = bench
            .reads
            .dns
            .list_resource_record_sets()
            .hosted_zone_id(&traffic.zone)
            .start_record_name(&traffic.name)
            .start_record_type(kind.clone())
            .max_items(PAGE)
            .send();
        let answer = self
            .ask(bench, "route53:ListResourceRecordSets", sent)
            .await?;
        let ours =
            |one: &&ResourceRecordSet| plain(one.name()) == traffic.name && *one.r#type() == kind;
        let ours = answer.resource_record_sets().iter().filter(ours);
        let by_set = ours.filter_map(|one| Some((one.set_identifier()?.to_string(), one.clone())));
        Ok(by_set.collect())
    }
}

/// All that the one carries to the other.
fn moved(
    (from, of_from): (String, Share),
    (to, of_to): (String, Share),
) -> Result<BTreeMap<String, Share>, Trouble> {
    Ok(match (of_from, of_to) {
        (Share::Weight(_), Share::Weight(to_now)) if to_now > 0 => {
            [(from, Share::Weight(0)), (to, of_to)].into()
        }
        (Share::Weight(carried), Share::Weight(_)) if carried > 0 => {
            [(from, Share::Weight(0)), (to, of_from)].into()
        }
        (Share::Weight(_), Share::Weight(_)) => {
            return cannot("neither of them carries anything");
        }
        (Share::Weight(_), _) | (_, Share::Weight(_)) => {
            return cannot("one of them is weighted, and the other is not");
        }
        (_, _) => [(from, Share::Secondary), (to, Share::Primary)].into(),
    })
}

impl Shares {
    /// Set identifiers whose share is to be another, with what it is now and then.
    fn differing(&self) -> impl Iterator<Item = (&String, Share, Share)> {
        self.aim.iter().filter_map(|(set, then)| {
            let now = *self.now.get(set)?;
            (now != *then).then_some((set, now, *then))
        })
    }

    pub fn touches(&self) -> impl Iterator<Item = EntityId> {
        let carry = self.traffic.carries.iter();
        let carry = carry.filter(|(_, set)| self.aim.contains_key(*set));
        carry
            .map(|(who, _)| who.clone())
            .chain(std::iter::once(self.traffic.entity()))
    }

    pub fn is_so(&self) -> bool {
        let gone = self.aim.keys().any(|set| !self.now.contains_key(set));
        !gone && self.differing().next().is_none()
    }

    pub fn update(&self) -> Update {
        Update::Over
    }

    fn said(&self, shares: &BTreeMap<String, Share>) -> String {
        let said = self.aim.keys().filter_map(|set| {
            let share = shares.get(set)?;
            Some(format!("{set} = {share}"))
        });
        let said: Vec<String> = said.collect();
        format!("{}: {}", self.traffic.name, said.join(", "))
    }

    pub fn before(&self) -> String {
        self.said(&self.now)
    }

    pub fn after(&self) -> String {
        self.said(&self.aim)
    }

    pub fn undo(&self) -> Option<Action> {
        let former = self.differing();
        let settings: BTreeMap<_, _> = former
            .map(|(set, now, _)| (set.clone(), Some(now.to_string())))
            .collect();
        (!settings.is_empty()).then(|| Action::SetSettings {
            entity: self.traffic.entity(),
            settings,
        })
    }

    /// Whoever carries more may not bear it.
    pub fn harms_nobody(&self) -> bool {
        false
    }

    fn batch(&self) -> Result<ChangeBatch, Trouble> {
        let mut deleted = Vec::new();
        let mut created = Vec::new();
        for (set, _, then) in self.differing() {
            let Some(record) = self.records.get(set) else {
                return cannot("a record that is to be altered is gone");
            };
            let mut other = record.clone();
            match then {
                Share::Weight(weight) => other.weight = Some(weight),
                Share::Primary => other.failover = Some(ResourceRecordSetFailover::Primary),
                Share::Secondary => other.failover = Some(ResourceRecordSetFailover::Secondary),
            }
            for (action, record, list) in [
                (ChangeAction::Delete, record.clone(), &mut deleted),
                (ChangeAction::Create, other, &mut created),
            ] {
                let change = Change::builder().action(action).resource_record_set(record);
                let change = change.build();
                list.push(change.map_err(|error| Trouble::Cannot(error.to_string()))?);
            }
        }
        // All that is to go goes first: there may be no two primaries, not even on the way.
        deleted.extend(created);
        let batch = ChangeBatch::builder().set_changes(Some(deleted)).build();
        batch.map_err(|error| Trouble::Cannot(error.to_string()))
    }

    pub async fn write(&self, work: &Work<'_>) -> Result<(), Trouble> {
        let bench = work.first_bench()?;
        let sent = bench
            .once
            .dns
            .change_resource_record_sets()
            .hosted_zone_id(&self.traffic.zone)
            .change_batch(self.batch()?)
            .send();
        let sent = work.ask(bench, "route53:ChangeResourceRecordSets", sent);
        sent.await.map(|_| ()).map_err(|trouble| match trouble {
            Trouble::Missed(_, Missed::Refused(400, said)) if said.starts_with("InvalidChangeBatch") => {
                Trouble::Cannot(format!(
                    "nothing was written: somebody altered the records between our reading and our writing, or Route 53 \
                     does not take them so ({said})"
                ))
            }
            other => other,
        })
    }

    pub async fn look(&mut self, work: &Work<'_>) -> Result<(), Trouble> {
        self.records = work.records(&self.traffic).await?;
        let shares = self.records.iter();
        let shares = shares.filter_map(|(set, record)| Some((set.clone(), Share::of(record)?)));
        self.now = shares.collect();
        Ok(())
    }
}
