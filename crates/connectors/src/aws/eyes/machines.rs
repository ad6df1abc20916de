//! Machines of EC2: which run, which fail their status checks, what AWS plans with them, and why others stopped.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{Instance, InstanceStatus};
use model::time::{SECOND, Timestamp};
use model::{Change, ChangeKind, EdgeKind, EntityId, EntityKind, SourceKind};
use serde_json::{Value, json};

use super::alarms::moment;
use super::ask::{Asking, Miss};
use super::balancers::Hosts;
use super::found::Found;
use super::repeats::{Repeats, clip};

mod ends;
mod planned;

use ends::{End, end};
use planned::{Troubles, troubles};

/// Machines of one answer.
const PAGE: i32 = 500;
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
    machine: Instance,
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
    let mut told: Vec<(bool, EntityId, Value)> = Vec::new();
    for one in &listed {
        let machine = &one.machine;
        let Some(id) = machine.instance_id().filter(|id| !id.is_empty()) else {
            continue;
        };
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
        told.push((well, entity, document(machine, end.as_ref(), &troubles)));
    }
    told.sort_by_key(|(well, _, _)| *well);
    let ill = told.iter().filter(|(well, _, _)| !*well).count();
    told.truncate(ill + WELL);
    for (_, entity, document) in told {
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
        let sent = asking
            .place
            .machines
            .describe_instances()
            .max_results(PAGE)
            .set_next_token(next)
            .send();
        let answer = asking.ask("ec2:DescribeInstances", 1, sent).await?;
        next = answer.next_token().map(str::to_string);
        for reservation in answer.reservations() {
            let id = reservation.reservation_id().unwrap_or_default();
            out.extend(reservation.instances().iter().map(|machine| Listed {
                reservation: id.to_string(),
                machine: machine.clone(),
            }));
        }
        next = next.filter(|next| !next.is_empty());
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
async fn checked(
    asking: &Asking<'_>,
    found: &mut Found,
) -> Result<BTreeMap<String, InstanceStatus>, Miss> {
    let mut out = BTreeMap::new();
    let mut next = None;
    for _ in 0..PAGES {
        let sent = asking
            .place
            .machines
            .describe_instance_status()
            .include_all_instances(true)
            .max_results(PAGE)
            .set_next_token(next)
            .send();
        let answer = asking.ask("ec2:DescribeInstanceStatus", 1, sent).await?;
        for status in answer.instance_statuses() {
            let id = status.instance_id().unwrap_or_default();
            out.insert(id.to_string(), status.clone());
        }
        next = answer.next_token().map(str::to_string);
        next = next.filter(|next| !next.is_empty());
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
fn group(machine: &Instance) -> Option<&str> {
    let tag = machine.tags().iter().find(|tag| tag.key() == Some(GROUP));
    tag.and_then(|tag| tag.value())
        .filter(|name| !name.is_empty())
}

/// By which names and addresses others call it, and where it is.
fn label(entity: &EntityId, machine: &Instance, found: &mut Found) {
    let zone = machine
        .placement()
        .and_then(|place| place.availability_zone());
    for (name, value) in [
        ("endpoint", machine.public_dns_name()),
        ("address", machine.public_ip_address()),
        ("cloud.zone", zone),
    ] {
        found
            .directory
            .label(entity, name, value.unwrap_or_default());
    }
}

/// Its private addresses, each in its network.
fn reach(entity: &EntityId, machine: &Instance, hosts: &mut Hosts) {
    let network = machine.vpc_id().unwrap_or_default();
    let own = machine.network_interfaces().iter();
    let own = own.filter_map(|one| one.private_ip_address());
    for address in own.chain(machine.private_ip_address()) {
        hosts.insert((network.to_string(), address.to_string()), entity.clone());
    }
}

/// How a machine is. What fails stands for its status, whatever its state is.
fn document(machine: &Instance, end: Option<&End>, troubles: &Troubles) -> Value {
    let state = machine.state().and_then(|state| state.name());
    let state = state.map_or("", |state| state.as_str());
    let mut said = troubles.remarks();
    said.extend(end.map(|end| end.why().to_string()));
    let image = machine.image_id();
    json!({
        "InstanceId": machine.instance_id(),
        "Status": if end.is_none() && troubles.fails() { "impaired" } else { state },
        "State": state,
        "InstanceType": machine.instance_type().map(|kind| kind.as_str()),
        "ImageId": image,
        "InstanceLifecycle": machine.instance_lifecycle().map(|kind| kind.as_str()),
        "AvailabilityZone": machine.placement().and_then(|place| place.availability_zone()),
        "LaunchTime": machine.launch_time().map(|at| moment(at).to_string()),
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
        let Some(at) = one.machine.launch_time().map(moment) else {
            return;
        };
        if (asking.reaches_back()..asking.now).contains(&at) {
            let kind = one.machine.instance_type();
            let kind = kind.map_or("", |kind| kind.as_str());
            let key = (one.reservation.clone(), at);
            let launch = self.0.entry(key).or_default();
            launch.0.push(entity.clone());
            launch.1 = kind.to_string();
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
                Change {
                    id: format!("{ID}{reservation}:{}", at.0 / SECOND),
                    kind: ChangeKind::Infrastructure,
                    start: at,
                    end: at,
                    entities,
                    actor: String::new(),
                    // AWS tells of the last start only.
                    title: format!("{who} ({kind}): launched, or started again"),
                    files: Vec::new(),
                    diff: None,
                    version: String::new(),
                    carries: Vec::new(),
                    undone: None,
                    raw: model::telemetry::RawRef::default(),
                }
            })
    }
}
