//! From AWS's names to entities.

use std::borrow::Cow;

use model::EntityKind;
use serde_json::Value;

use crate::files::entities::Who;

/// What a dimension, parameter or resource type names, the most telling first.
const NAMES: [(&str, EntityKind); 29] = [
    ("functionname", EntityKind::Function),
    ("dbinstanceidentifier", EntityKind::Database),
    ("dbclusteridentifier", EntityKind::Database),
    ("clusteridentifier", EntityKind::Database),
    ("tablename", EntityKind::Table),
    ("bucketname", EntityKind::Table),
    ("queuename", EntityKind::Queue),
    ("queueurl", EntityKind::Queue),
    ("topicname", EntityKind::Queue),
    ("topicarn", EntityKind::Queue),
    ("streamname", EntityKind::Queue),
    ("deliverystreamname", EntityKind::Queue),
    ("cacheclusterid", EntityKind::Cache),
    ("replicationgroupid", EntityKind::Cache),
    ("servicename", EntityKind::Service),
    ("service", EntityKind::Service),
    ("loadbalancer", EntityKind::Gateway),
    ("loadbalancername", EntityKind::Gateway),
    ("targetgroup", EntityKind::Gateway),
    ("apiname", EntityKind::Gateway),
    ("apiid", EntityKind::Gateway),
    ("restapiid", EntityKind::Gateway),
    ("distributionid", EntityKind::Gateway),
    ("autoscalinggroupname", EntityKind::Workload),
    ("instanceid", EntityKind::Host),
    ("rolename", EntityKind::Role),
    ("secretid", EntityKind::Config),
    ("clustername", EntityKind::Scope),
    ("statemachinearn", EntityKind::Function),
];

/// The rank and kind of a name.
fn meaning(name: &str) -> Option<(usize, EntityKind)> {
    let name = name.to_ascii_lowercase();
    NAMES
        .iter()
        .position(|(known, _)| *known == name)
        .map(|rank| (rank, NAMES[rank].1))
}

/// The last part of an ARN or URL, and the kind of thing that an ARN names.
pub(crate) fn arn(text: &str) -> (Option<EntityKind>, &str) {
    if let Some(rest) = text.strip_prefix("arn:") {
        let mut parts = rest.splitn(5, ':').skip(1);
        let service = parts.next().unwrap_or_default();
        let resource = parts.nth(2).unwrap_or_default();
        let (kind, name) = resource.split_once([':', '/']).unwrap_or(("", resource));
        let entity = match (service, kind) {
            ("lambda", "function") => EntityKind::Function,
            ("states", _) => EntityKind::Function,
            ("rds", "db" | "cluster") => EntityKind::Database,
            ("dynamodb", "table") => EntityKind::Table,
            ("s3", _) => EntityKind::Table,
            ("sqs" | "sns" | "kinesis", _) => EntityKind::Queue,
            ("elasticache", _) => EntityKind::Cache,
            ("elasticloadbalancing" | "apigateway", _) => EntityKind::Gateway,
            ("ecs", "service") => EntityKind::Service,
            ("ecs", "cluster") => EntityKind::Scope,
            ("ec2", "instance") => EntityKind::Host,
            ("iam", "role" | "user" | "policy") => EntityKind::Role,
            ("secretsmanager" | "ssm", _) => EntityKind::Config,
            _ => EntityKind::Unknown,
        };
        // A function's version or alias, a table's index: parts of the same thing. An ECS service's
        // cluster stands before it.
        let name = match entity {
            EntityKind::Function | EntityKind::Database => name.split(':').next().unwrap_or(name),
            EntityKind::Table => name.split('/').next().unwrap_or(name),
            EntityKind::Service | EntityKind::Role => name.rsplit('/').next().unwrap_or(name),
            _ => name,
        };
        let name = if name.is_empty() { resource } else { name };
        return (Some(entity), name);
    }
    if text.starts_with("https://") || text.starts_with("http://") {
        return (None, text.rsplit('/').next().unwrap_or(text));
    }
    (None, text)
}

/// Whom named things (dimensions, request parameters) are about: the most telling of them.
pub(crate) fn most_telling<'a>(named: impl Iterator<Item = (&'a str, &'a str)>) -> Option<Who<'a>> {
    let mut best: Option<(usize, Who<'a>)> = None;
    for (name, value) in named {
        if value.is_empty() {
            continue;
        }
        let (kind_of_arn, short) = arn(value);
        let (rank, kind) = match meaning(name) {
            Some((rank, kind)) => (rank, kind_of_arn.unwrap_or(kind)),
            None => (NAMES.len(), kind_of_arn.unwrap_or(EntityKind::Unknown)),
        };
        if best.as_ref().is_none_or(|(known, _)| rank < *known) {
            best = Some((rank, Who::Named(kind, Cow::Borrowed(short))));
        }
    }
    best.map(|(_, who)| who)
}

/// Is this name one of those that tell who is meant?
pub(crate) fn telling(name: &str) -> bool {
    meaning(name).is_some()
}

/// Whom CloudWatch dimensions are about.
pub(super) fn dimensions(list: &Value) -> Option<Who<'_>> {
    let list = list.as_array()?;
    most_telling(list.iter().filter_map(|dimension| {
        Some((
            dimension.get("Name")?.as_str()?,
            dimension.get("Value")?.as_str()?,
        ))
    }))
}

/// Whom a log group is about: `/aws/lambda/checkout` is the function's.
pub(crate) fn log_group(group: &str) -> Who<'static> {
    let group = group.rsplit_once(":log-group:").map_or(group, |(_, g)| g);
    // `logs get-query-results` writes `account:group`.
    let group = match group.split_once(':') {
        Some((account, rest)) if account.bytes().all(|b| b.is_ascii_digit()) => rest,
        _ => group.trim_end_matches(":*"),
    };
    if let Some(name) = group.strip_prefix("/aws/lambda/") {
        return Who::Named(EntityKind::Function, Cow::Owned(name.to_string()));
    }
    if let Some(rest) = group.strip_prefix("/aws/rds/") {
        let name = rest.split('/').nth(1).unwrap_or(rest);
        return Who::Named(EntityKind::Database, Cow::Owned(name.to_string()));
    }
    let name = group.trim_matches('/').rsplit('/').next().unwrap_or(group);
    Who::Named(EntityKind::Service, Cow::Owned(name.to_string()))
}
