//! Machines of EC2: which run, which fail their status checks, what AWS plans with them, and why others stopped.

use std::collections::{BTreeMap, BTreeSet};

use model::time::{SECOND, Timestamp};
use model::{Change, ChangeKind, EdgeKind, EntityId, EntityKind, SourceKind};
use serde_json::{Value, json};

use super::ask::{Asking, Miss};
use super::balancers::Hosts;
use super::found::{Found, plain};
use super::repeats::{Repeats, clip};

mod documents;
mod ends;
mod planned;
mod wire;

use documents::{Machine, Status, at, told};
use ends::{End, end};
use planned::{Troubles, troubles};
pub(super) use wire::Client;

/// Machines of one answer.
const PAGE: usize = 500;
/// Answers of each call that are read.
const PAGES: usize = 2;
/// Machines that run well of which there is a document.
const WELL: usize = 200;
/// How the ids of changes begin that a launch is.
pub(super) const ID: &str = "ec2:";
/// The tag by which a group marks its machines.
const GROUP: &str = "aws:autoscaling:groupName";

/// A machine, and the request that launched it.
struct Listed {
    reservation: String,
    machine: Machine,
}

/// Machines, and at which addresses they are.
pub(super) async fn look(asking: &Asking<'_>, firing: &BTreeSet<EntityId>) -> (Found, Hosts) {
    let mut found = Found::default();
    let mut hosts = Hosts::default();
    let listed = match listed(asking, &mut found).await {
        Ok(listed) => listed,
        Err(miss) => {
            found.missed(asking, "machines", &miss);
            return (found, hosts);
        }
    };
    found.seen.insert(SourceKind::State);
    if listed.is_empty() {
        return (found, hosts);
    }
    let checked = match checked(asking, &mut found).await {
        Ok(checked) => {
            found.seen.extend([SourceKind::Changes, SourceKind::Events]);
            checked
        }
        Err(miss) => {
            found.missed(asking, "status checks of machines", &miss);
            BTreeMap::new()
        }
    };
    let mut repeats = Repeats::default();
    let mut launches = Launches::default();
    let mut rows: Vec<(bool, EntityId, Value)> = Vec::new();
    for one in &listed {
        let machine = &one.machine;
        let id = machine.instance_id.as_str();
        if id.is_empty() {
            continue;
        }
        let end = end(asking, machine);
        if !is_told(firing, id, end.as_ref()) {
            continue;
        }
        let entity = found.there(asking, EntityKind::Host, id);
        let troubles = troubles(asking, id, checked.get(id));
        troubles.pour(&entity, &mut found, &mut repeats);
        if let Some(end) = &end {
            end.say(&entity, &mut repeats);
        } else {
            label(&entity, machine, &mut found);
            reach(&entity, machine, &mut hosts);
            match group(machine) {
                Some(group) => {
                    let group = found.there(asking, EntityKind::Workload, group);
                    found.edge(&group, &entity, EdgeKind::ServedBy, "the group's machines");
                }
                None => launches.take(asking, one, &entity),
            }
        }
        let well = end.is_none() && !troubles.fails();
        rows.push((well, entity, document(machine, end.as_ref(), &troubles)));
    }
    rows.sort_by_key(|(well, _, _)| *well);
    let ill = rows.iter().filter(|(well, _, _)| !*well).count();
    rows.truncate(ill + WELL);
    for (_, entity, document) in rows {
        found.state(entity, "ec2.instance", document, asking.now);
    }
    found.changes.extend(launches.changes());
    repeats.pour(&mut found);
    (found, hosts)
}

/// Is it one that matters now? What was ended long ago, or on purpose for good, is nobody's trouble.
fn is_told(firing: &BTreeSet<EntityId>, id: &str, end: Option<&End>) -> bool {
    let name = Found::default().named(EntityKind::Host, id);
    end.is_none_or(End::matters) || firing.contains(&name)
}

async fn listed(asking: &Asking<'_>, found: &mut Found) -> Result<Vec<Listed>, Miss> {
    let mut out = Vec::new();
    let mut next = None;
    for _ in 0..PAGES {
        let sent = asking.place.machines.describe_instances(PAGE, next);
        let answer = match asking.ask("ec2:DescribeInstances", 1, sent).await {
            Err(miss) if !out.is_empty() => {
                found.missed(asking, "all machines", &miss);
                return Ok(out);
            }
            answer => answer?,
        };
        for reservation in answer.reservation_set.item {
            let id = reservation.reservation_id;
            let machines = reservation.instances_set.item.into_iter();
            out.extend(machines.map(|machine| Listed {
                reservation: id.clone(),
                machine,
            }));
        }
        next = told(&answer.next_token).map(str::to_string);
        if next.is_none() {
            return Ok(out);
        }
    }
    let detail = format!("the first {} machines were read", out.len());
    let gap = asking.cut("all machines", detail, "name fewer regions and accounts");
    found.gaps.push(gap);
    Ok(out)
}

/// Status checks and what is planned, by machine; of those that do not run, too.
async fn checked(asking: &Asking<'_>, found: &mut Found) -> Result<BTreeMap<String, Status>, Miss> {
    let mut out = BTreeMap::new();
    let mut next = None;
    for _ in 0..PAGES {
        let sent = asking.place.machines.describe_instance_status(PAGE, next);
        let answer = match asking.ask("ec2:DescribeInstanceStatus", 1, sent).await {
            Err(miss) if !out.is_empty() => {
                found.missed(asking, "status checks of all machines", &miss);
                return Ok(out);
            }
            answer => answer?,
        };
        let statuses = answer.instance_status_set.item.into_iter();
        out.extend(statuses.map(|status| (status.instance_id.clone(), status)));
        next = told(&answer.next_token).map(str::to_string);
        if next.is_none() {
            return Ok(out);
        }
    }
    let detail = format!(
        "status checks of the first {} machines were read",
        out.len()
    );
    let how = "name fewer regions and accounts";
    found
        .gaps
        .push(asking.cut("status checks of all machines", detail, how));
    Ok(out)
}

/// The group that it belongs to.
fn group(machine: &Machine) -> Option<&str> {
    let tag = machine.tag_set.item.iter().find(|tag| tag.key == GROUP);
    tag.and_then(|tag| told(&tag.value))
}

/// By which name and number others call it, and where it is.
fn label(entity: &EntityId, machine: &Machine, found: &mut Found) {
    for (name, value) in [
        ("endpoint", &machine.dns_name),
        ("address", &machine.ip_address),
        ("cloud.zone", &machine.placement.availability_zone),
    ] {
        found.directory.label(entity, name, value);
    }
}

/// Its private addresses, each in its network.
fn reach(entity: &EntityId, machine: &Machine, hosts: &mut Hosts) {
    let own = machine.network_interface_set.item.iter();
    let own = own.map(|one| &one.private_ip_address);
    for address in own.chain([&machine.private_ip_address]) {
        if let Some(address) = told(address) {
            hosts.insert(
                (machine.vpc_id.clone(), address.to_string()),
                entity.clone(),
            );
        }
    }
}

/// How a machine is. What fails stands for its status, whatever its state is.
fn document(machine: &Machine, end: Option<&End>, troubles: &Troubles) -> Value {
    let state = machine.instance_state.name.as_str();
    let mut said = troubles.remarks();
    said.extend(end.map(|end| end.why().to_string()));
    json!({
        "InstanceId": machine.instance_id,
        "Status": if end.is_none() && troubles.fails() { "impaired" } else { state },
        "State": state,
        "InstanceType": told(&machine.instance_type),
        "ImageId": told(&machine.image_id),
        "InstanceLifecycle": told(&machine.instance_lifecycle),
        "AvailabilityZone": told(&machine.placement.availability_zone),
        "LaunchTime": at(&machine.launch_time).map(|at| at.to_string()),
        "SystemStatus": troubles.system,
        "InstanceStatus": troubles.machine,
        "AttachedEbsStatus": troubles.volumes,
        "Events": troubles.planned(),
        "message": clip(&said.join("; ")),
    })
}

/// Machines that were launched, by the request that did it and when.
#[derive(Default)]
struct Launches(BTreeMap<(String, Timestamp), (Vec<EntityId>, String)>);

impl Launches {
    /// Takes one, if it was launched in the time in which changes are told. Groups tell of their own.
    fn take(&mut self, asking: &Asking<'_>, one: &Listed, entity: &EntityId) {
        let Some(at) = at(&one.machine.launch_time) else {
            return;
        };
        if (asking.reaches_back()..asking.now).contains(&at) {
            let key = (one.reservation.clone(), at);
            let launch = self.0.entry(key).or_default();
            launch.0.push(entity.clone());
            launch.1.clone_from(&one.machine.instance_type);
        }
    }

    /// One change for each request.
    fn changes(self) -> impl Iterator<Item = Change> {
        self.0
            .into_iter()
            .map(|((reservation, at), (entities, kind))| {
                let who = match &entities[..] {
                    [one] => one.to_string(),
                    all => format!("{} machines", all.len()),
                };
                // AWS tells of the last start only.
                let title = format!("{who} ({kind}): launched, or started again");
                Change {
                    id: format!("{ID}{reservation}:{}", at.0 / SECOND),
                    kind: ChangeKind::Infrastructure,
                    ..plain(&title, (at, at), entities)
                }
            })
    }
}
