//! Load balancers: how they are, whether what stands behind them is well, and who that is.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use aws_sdk_elasticloadbalancingv2::types::{TargetGroup, TargetHealthDescription};
use model::{EdgeKind, EntityId, EntityKind, SourceKind};
use serde_json::{Value, json};

use super::ask::{Asking, Miss};
use super::found::Found;
use super::repeats::clip;
use crate::files::aws::names;

/// Load balancers and target groups of one answer.
const PAGE: i32 = 100;
/// Targets of one group that are told of, those that are not well first.
const TARGETS: usize = 50;

/// Who stands behind which target group, as services and groups of machines know it.
#[derive(Default)]
pub(super) struct Behind(Vec<(EntityId, String)>);

impl Behind {
    /// This one stands behind the group with this ARN.
    pub fn stands(&mut self, who: &EntityId, group: &str) {
        self.0.push((who.clone(), group.to_string()));
    }
}

/// Machines by the network and the private address in it.
pub(super) type Hosts = BTreeMap<(String, String), EntityId>;

/// To whom balancers send.
#[derive(Default)]
pub(super) struct Fronts {
    /// Which balancers send to which target group, by its ARN.
    groups: BTreeMap<String, Vec<EntityId>>,
    /// Which of them send to which address, and in which network that is.
    addresses: Vec<(EntityId, (String, String))>,
}

impl Fronts {
    /// Draws an edge from each balancer to whoever stands behind its target groups.
    pub fn lead(&self, behind: &[Behind], found: &mut Found) {
        for (who, group) in behind.iter().flat_map(|some| &some.0) {
            for front in self.groups.get(group).into_iter().flatten() {
                found.edge(front, who, EdgeKind::Calls, "the balancer's target group");
            }
        }
    }

    /// Draws an edge from each balancer to the machines whose addresses it sends to.
    pub fn reach(&self, hosts: &Hosts, found: &mut Found) {
        for (front, address) in &self.addresses {
            if let Some(host) = hosts.get(address) {
                found.edge(front, host, EdgeKind::Calls, "the balancer's target group");
            }
        }
    }
}

/// Load balancers, and to which target groups they send.
pub(super) async fn look(asking: &Asking<'_>, firing: &BTreeSet<EntityId>) -> (Found, Fronts) {
    let mut found = Found::default();
    let mut fronts = Fronts::default();
    let any = match balancers(asking, &mut found).await {
        Ok(any) => any,
        Err(miss) => {
            found.missed(asking, "load balancers", &miss);
            return (found, fronts);
        }
    };
    found.seen.insert(SourceKind::State);
    // A target group that nobody sends to serves nobody.
    if any && let Err(miss) = groups(asking, firing, &mut found, &mut fronts).await {
        found.missed(asking, "what stands behind load balancers", &miss);
    }
    (found, fronts)
}

async fn balancers(asking: &Asking<'_>, found: &mut Found) -> Result<bool, Miss> {
    let sent = asking
        .place
        .elb
        .describe_load_balancers()
        .page_size(PAGE)
        .send();
    let answer = asking
        .ask("elasticloadbalancing:DescribeLoadBalancers", 1, sent)
        .await?;
    if answer
        .next_marker()
        .is_some_and(|marker| !marker.is_empty())
    {
        let detail = format!("the first {PAGE} load balancers were read");
        let gap = asking.cut(
            "all load balancers",
            detail,
            "name fewer regions and accounts",
        );
        found.gaps.push(gap);
    }
    for balancer in answer.load_balancers() {
        let Some(arn) = balancer.load_balancer_arn() else {
            continue;
        };
        let entity = found.there(asking, EntityKind::Gateway, names::arn(arn).1);
        found.directory.label(&entity, "arn", arn);
        if let Some(name) = balancer.dns_name() {
            found.directory.label(&entity, "endpoint", name);
        }
        let state = balancer.state();
        let document = json!({
            "LoadBalancerName": balancer.load_balancer_name(),
            "Type": balancer.r#type().map(|kind| kind.as_str()),
            "Scheme": balancer.scheme().map(|scheme| scheme.as_str()),
            "State": state.and_then(|state| state.code()).map(|code| code.as_str()),
            "StateReason": state.and_then(|state| state.reason()),
        });
        found.state(entity, "elb.balancer", document, asking.now);
    }
    Ok(!answer.load_balancers().is_empty())
}

async fn groups(
    asking: &Asking<'_>,
    firing: &BTreeSet<EntityId>,
    found: &mut Found,
    fronts: &mut Fronts,
) -> Result<(), Miss> {
    let sent = asking
        .place
        .elb
        .describe_target_groups()
        .page_size(PAGE)
        .send();
    let answer = asking
        .ask("elasticloadbalancing:DescribeTargetGroups", 1, sent)
        .await?;
    let mut groups: BTreeMap<&str, &TargetGroup> = BTreeMap::new();
    let mut wanted = Vec::new();
    for group in answer.target_groups() {
        let Some(arn) = group.target_group_arn() else {
            continue;
        };
        let balancers = group.load_balancer_arns().iter();
        let balancers: Vec<EntityId> = balancers.filter_map(|arn| found.by_arn(arn)).collect();
        if let Some(first) = balancers.first() {
            wanted.push((first.clone(), arn));
            groups.insert(arn, group);
        }
        fronts.groups.insert(arn.to_string(), balancers);
    }
    let more = answer
        .next_marker()
        .is_some_and(|marker| !marker.is_empty());
    let words = ("how targets are", "target groups");
    for (_, arn) in found.first(asking, firing, words, wanted, more) {
        let sent = asking
            .place
            .elb
            .describe_target_health()
            .target_group_arn(arn)
            .send();
        let answer = asking
            .ask("elasticloadbalancing:DescribeTargetHealth", 1, sent)
            .await?;
        let before = fronts.groups.get(arn).map_or(&[][..], Vec::as_slice);
        if let Some(group) = groups.get(arn) {
            let targets = answer.target_health_descriptions();
            tell(asking, group, targets, before, found);
            let network = group.vpc_id().unwrap_or_default();
            let ids = targets.iter().filter_map(|one| one.target()?.id());
            let addresses = ids.filter(|id| id.parse::<IpAddr>().is_ok());
            for address in addresses {
                let address = (network.to_string(), address.to_string());
                let sends = before.iter().map(|front| (front.clone(), address.clone()));
                fronts.addresses.extend(sends);
            }
        }
    }
    Ok(())
}

/// How the targets of one group are, as a document of each balancer that sends to it.
fn tell(
    asking: &Asking<'_>,
    group: &TargetGroup,
    targets: &[TargetHealthDescription],
    fronts: &[EntityId],
    found: &mut Found,
) {
    let mut told: Vec<(bool, Value)> = Vec::new();
    for one in targets {
        let (target, health) = (one.target(), one.target_health());
        let id = target.and_then(|target| target.id()).unwrap_or_default();
        let state = health.and_then(|health| health.state());
        let state = state.map_or("", |state| state.as_str());
        let document = json!({
            "Target": {
                "Id": id, "Port": target.and_then(|target| target.port()),
                "AvailabilityZone": target.and_then(|target| target.availability_zone()),
            },
            "TargetHealth": {
                "State": state,
                "Reason": health.and_then(|health| health.reason()).map(|reason| reason.as_str()),
                "Description": health.and_then(|health| health.description()).map(clip),
            },
        });
        told.push((state == "healthy", document));
        let who = match id {
            instance if instance.starts_with("i-") => {
                Some(found.there(asking, EntityKind::Host, instance))
            }
            arn => found.by_arn(arn),
        };
        for front in who.iter().flat_map(|_| fronts) {
            if let Some(who) = who.as_ref().filter(|who| *who != front) {
                found.edge(front, who, EdgeKind::Calls, "the balancer's target group");
            }
        }
    }
    told.sort_by_key(|(well, _)| *well);
    let well = told.iter().filter(|(well, _)| *well).count();
    let (all, told) = (told.len(), told.into_iter().take(TARGETS));
    let told: Vec<Value> = told.map(|(_, document)| document).collect();
    let document = json!({
        "TargetGroupName": group.target_group_name(),
        "TargetType": group.target_type().map(|kind| kind.as_str()),
        "Protocol": group.protocol().map(|protocol| protocol.as_str()),
        "Port": group.port(),
        "HealthCheckPath": group.health_check_path(),
        "HealthCheckIntervalSeconds": group.health_check_interval_seconds(),
        "HealthCheckTimeoutSeconds": group.health_check_timeout_seconds(),
        "Matcher": group.matcher().and_then(|matcher| matcher.http_code()),
        "Healthy": well,
        "Targets": all,
        "TargetHealthDescriptions": told,
    });
    for front in fronts {
        found.state(front.clone(), "elb.targets", document.clone(), asking.now);
    }
}
