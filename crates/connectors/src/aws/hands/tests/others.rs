//! A service of ECS, an Auto Scaling group and records of Route 53, as AWS tells of them on the wire.

use std::collections::BTreeMap;

use model::EntityId;
use serde_json::{Value, json};

use crate::aws::eyes::tests::double::{Call, Said};
use crate::aws::named::{Named, Traffic};

/// How all of them stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Others {
    pub definition: String,
    pub copies: u64,
    pub running: u64,
    pub rollout: &'static str,
    pub controller: &'static str,
    pub daemon: bool,
    pub rolls_back: bool,
    /// `[min, max, desired]`.
    pub group: [u64; 3],
    /// Set identifier to weight, or `PRIMARY` and `SECONDARY`.
    pub records: BTreeMap<String, String>,
}

pub fn shares(all: &[(&str, &str)]) -> BTreeMap<String, String> {
    let all = all.iter();
    all.map(|(set, share)| (set.to_string(), share.to_string()))
        .collect()
}

impl Others {
    pub fn new() -> Self {
        Self {
            definition: "checkout:42".to_string(),
            copies: 3,
            running: 3,
            rollout: "COMPLETED",
            controller: "ECS",
            daemon: false,
            rolls_back: false,
            group: [2, 8, 4],
            records: shares(&[("blue", "70"), ("green", "30"), ("old", "0")]),
        }
    }
}

pub fn named() -> Named {
    let carries = ["blue", "green", "old"];
    let carries = carries.map(|set| (EntityId::new(format!("service/{set}")), set.to_string()));
    Named {
        services: vec!["shop/checkout".to_string()],
        groups: vec!["workers".to_string()],
        traffic: vec![Traffic {
            zone: "Z0123456789ABC".to_string(),
            name: "api.shop.example".to_string(),
            kind: "A".to_string(),
            carries: carries.into(),
        }],
        runbooks: super::ran::runbooks(),
        builds: super::ran::builds(),
    }
}

fn refused(status: u16, code: &str) -> Said {
    Said::Json(status, json!({ "__type": code, "message": "no" }))
}

/// As the answer to a question; `None` if it is one of something else.
pub fn answer(others: &Others, call: &Call) -> Option<Said> {
    let ok = |value: Value| Some(Said::Json(200, value));
    let definition =
        |name: &str| format!("arn:aws:ecs:eu-west-1:111111111111:task-definition/{name}");
    match call.action.as_str() {
        "ecs:DescribeServices" if call.body["cluster"] != "shop" => {
            Some(refused(400, "ClusterNotFoundException"))
        }
        "ecs:DescribeServices" if call.body["services"][0] != "checkout" => {
            ok(json!({ "services": [], "failures": [{ "reason": "MISSING" }] }))
        }
        "ecs:DescribeServices" => ok(json!({ "services": [{
            "serviceName": "checkout", "status": "ACTIVE", "taskDefinition": definition(&others.definition),
            "desiredCount": others.copies, "runningCount": others.running, "pendingCount": 0,
            "schedulingStrategy": if others.daemon { "DAEMON" } else { "REPLICA" },
            "deploymentController": { "type": others.controller },
            "deploymentConfiguration": {
                "deploymentCircuitBreaker": { "enable": others.rolls_back, "rollback": others.rolls_back },
            },
            "deployments": [{
                "status": "PRIMARY", "taskDefinition": definition(&others.definition), "desiredCount": others.copies,
                "rolloutState": others.rollout, "rolloutStateReason": "tasks failed to start",
            }],
        }], "failures": [] })),
        "ecs:DescribeTaskDefinition" => {
            let name = call.body["taskDefinition"].as_str().unwrap();
            // Revision 40 was deregistered.
            let status = if name.ends_with(":40") {
                "INACTIVE"
            } else {
                "ACTIVE"
            };
            ok(
                json!({ "taskDefinition": { "taskDefinitionArn": definition(name), "status": status } }),
            )
        }
        "autoscaling:DescribeAutoScalingGroups" => {
            let [least, most, wanted] = others.group;
            let machine = "<member><InstanceId>i-1</InstanceId><LifecycleState>InService</LifecycleState></member>";
            let machines = machine.repeat(usize::try_from(wanted).unwrap());
            Some(Said::Xml(
                200,
                format!(
                    "<DescribeAutoScalingGroupsResponse><DescribeAutoScalingGroupsResult><AutoScalingGroups><member>\
                 <AutoScalingGroupName>workers</AutoScalingGroupName><MinSize>{least}</MinSize><MaxSize>{most}</MaxSize>\
                 <DesiredCapacity>{wanted}</DesiredCapacity><Instances>{machines}</Instances></member></AutoScalingGroups>\
                 </DescribeAutoScalingGroupsResult></DescribeAutoScalingGroupsResponse>"
                ),
            ))
        }
        "route53:ListResourceRecordSets" => {
            let records = others.records.iter();
            let records = records.map(|(set, share)| record(set, share));
            let other = "<ResourceRecordSet><Name>next.shop.example.</Name><Type>A</Type><TTL>60</TTL><ResourceRecords>\
                         <ResourceRecord><Value>192.0.2.9</Value></ResourceRecord></ResourceRecords></ResourceRecordSet>";
            Some(Said::Xml(
                200,
                format!(
                    "<ListResourceRecordSetsResponse xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\">\
                 <ResourceRecordSets>{}{other}</ResourceRecordSets><IsTruncated>false</IsTruncated><MaxItems>300</MaxItems>\
                 </ListResourceRecordSetsResponse>",
                    records.collect::<String>()
                ),
            ))
        }
        _ => None,
    }
}

/// A record as AWS writes it, and as it has to be named to be deleted.
fn record(set: &str, share: &str) -> String {
    let share = match share.parse::<u64>() {
        Ok(weight) => format!("<Weight>{weight}</Weight>"),
        Err(_) => format!("<Failover>{share}</Failover>"),
    };
    format!(
        "<ResourceRecordSet><Name>api.shop.example.</Name><Type>A</Type><SetIdentifier>{set}</SetIdentifier>{share}\
         <TTL>60</TTL><ResourceRecords><ResourceRecord><Value>192.0.2.1</Value></ResourceRecord></ResourceRecords>\
         <HealthCheckId>probe-{set}</HealthCheckId></ResourceRecordSet>"
    )
}

/// What stands between the tags of this name, each time.
fn between<'t>(text: &'t str, tag: &str) -> Vec<&'t str> {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    let parts = text.split(open.as_str()).skip(1);
    parts
        .filter_map(|part| Some(part.split_once(close.as_str())?.0))
        .collect()
}

/// Whoever was quicker.
pub fn meanwhile(others: &mut Others) {
    others.records.insert("blue".to_string(), "71".to_string());
}

/// Carries it out; the refusal, if it is refused.
pub fn alter(others: &mut Others, call: &Call) -> Option<Said> {
    let sent = call.all.rsplit('\n').next().unwrap();
    let field = |name: &str| {
        let pairs = sent.split('&').filter_map(|pair| pair.split_once('='));
        let mut found = pairs.filter(|(key, _)| *key == name);
        found.next().and_then(|(_, value)| value.parse().ok())
    };
    match call.action.as_str() {
        "ecs:UpdateService" => {
            if let Some(definition) = call.body["taskDefinition"].as_str() {
                others.definition = definition.to_string();
            }
            others.copies = call.body["desiredCount"].as_u64().unwrap_or(others.copies);
        }
        "autoscaling:SetDesiredCapacity" | "autoscaling:UpdateAutoScalingGroup" => {
            let names = ["MinSize", "MaxSize", "DesiredCapacity"];
            for (number, name) in others.group.iter_mut().zip(names) {
                *number = field(name).unwrap_or(*number);
            }
        }
        "route53:ChangeResourceRecordSets" => {
            let mut records = others.records.clone();
            for change in between(&call.all, "Change") {
                let set = between(change, "SetIdentifier")[0].to_string();
                let share = [between(change, "Weight"), between(change, "Failover")].concat()[0]
                    .to_string();
                // All that was read is sent back with it.
                assert!(
                    change.contains(&format!("<HealthCheckId>probe-{set}<")),
                    "{change}"
                );
                assert!(change.contains("<Value>192.0.2.1</Value>"), "{change}");
                let held = match between(change, "Action")[0] {
                    "DELETE" => records.remove(&set) == Some(share),
                    "CREATE" => records.insert(set, share).is_none(),
                    other => panic!("{other}"),
                };
                if !held {
                    return Some(Said::Xml(
                        400,
                        "<ErrorResponse xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><Error><Type>Sender</Type>\
                         <Code>InvalidChangeBatch</Code><Message>the values provided do not match the current values\
                         </Message></Error><RequestId>1</RequestId></ErrorResponse>"
                            .to_string(),
                    ));
                }
            }
            others.records = records;
        }
        other => panic!("{other}"),
    }
    None
}

/// As an answer to a request that alters looks.
pub fn taken(call: &Call) -> Said {
    let xml = |name: &str| Said::Xml(200, format!("<{name}Response></{name}Response>"));
    match call.action.as_str() {
        "route53:ChangeResourceRecordSets" => Said::Xml(
            200,
            "<ChangeResourceRecordSetsResponse xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><ChangeInfo>\
             <Id>/change/C1</Id><Status>PENDING</Status><SubmittedAt>2026-01-01T00:00:00Z</SubmittedAt></ChangeInfo>\
             </ChangeResourceRecordSetsResponse>"
                .to_string(),
        ),
        "autoscaling:SetDesiredCapacity" => xml("SetDesiredCapacity"),
        "autoscaling:UpdateAutoScalingGroup" => xml("UpdateAutoScalingGroup"),
        _ => Said::Json(200, json!({})),
    }
}
