//! `cloudtrail lookup-events`: writes are changes, denied calls are events, successful reads are
//! nothing.

use model::{Change, ChangeKind, EntityId, EntityKind, Event, Severity};
use serde_json::{Map, Value};

use super::{names, refusals};
use crate::files::documents::typed;
use crate::files::entities::Who;
use crate::files::error::FilesError;
use crate::files::gathered::{Gathered, moment_at, text_at, values};
use crate::files::kubernetes::manifest::{HIDDEN, is_secret};
use crate::files::source::DataFile;

/// Reads audit records.
pub(super) fn read(
    file: &DataFile,
    text: &str,
    gathered: &mut Gathered<'_>,
) -> Result<(), FilesError> {
    values(file, text, "Events", |event, raw| {
        let inner = text_at(&event, &["CloudTrailEvent"]);
        let detail: Value = if inner.is_empty() {
            Value::Null
        } else {
            typed(file, inner, raw.line)?
        };
        let Some(at) =
            moment_at(&event, &["EventTime"]).or_else(|| moment_at(&detail, &["eventTime"]))
        else {
            return Err(file.syntax(raw.line, "an audit record without a time", "an `EventTime`"));
        };
        let name = text_at(&event, &["EventName"]);
        let actor = match text_at(&event, &["Username"]) {
            "" => text_at(&detail, &["userIdentity", "arn"]),
            user => user,
        };
        let entities = touched(&event, &detail, gathered);
        let code = text_at(&detail, &["errorCode"]);
        if !code.is_empty() {
            let said = text_at(&detail, &["errorMessage"]);
            let role = text_at(
                &detail,
                &[
                    "userIdentity",
                    "sessionContext",
                    "sessionIssuer",
                    "userName",
                ],
            );
            let entity = match (entities.first(), role) {
                (Some(entity), _) => entity.clone(),
                (None, "") => gathered
                    .directory
                    .id(&Who::Named(EntityKind::Unknown, source(&event).into())),
                (None, role) => gathered
                    .directory
                    .id(&Who::Named(EntityKind::Role, role.into())),
            };
            let told = refusals::refusal(gathered.events.len(), said, &detail);
            gathered.refusals.extend(told);
            gathered.events.push(Event {
                entity,
                first: at,
                last: at,
                source: "cloudtrail".into(),
                reason: code.into(),
                message: format!("{name} by {actor}: {said}"),
                severity: Some(Severity::Error),
                count: 1,
                raw,
            });
            return Ok(());
        }
        let reads =
            text_at(&event, &["ReadOnly"]) == "true" || detail["readOnly"] == Value::Bool(true);
        if reads {
            return Ok(());
        }
        let mut lines = String::new();
        flatten("", &detail["requestParameters"], &mut lines);
        let id = match text_at(&event, &["EventId"]) {
            "" => format!("{}:{}", raw.file, raw.line),
            id => id.to_string(),
        };
        gathered.changes.push(Change {
            id,
            kind: kind(source(&event), name, &detail["requestParameters"]),
            start: at,
            end: at,
            entities,
            actor: actor.into(),
            title: title(name, &event),
            files: Vec::new(),
            diff: (!lines.is_empty()).then_some(lines),
            version: String::new(),
            carries: Vec::new(),
            undone: None,
            raw,
        });
        Ok(())
    })
}

fn source(event: &Value) -> &str {
    text_at(event, &["EventSource"])
        .split('.')
        .next()
        .unwrap_or_default()
}

fn title(name: &str, event: &Value) -> String {
    let resources: Vec<&str> = event["Resources"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|resource| text_at(resource, &["ResourceName"]))
        .filter(|name| !name.is_empty())
        .take(3)
        .collect();
    if resources.is_empty() {
        return name.to_string();
    }
    format!("{name} {}", resources.join(", "))
}

/// What sort of change a call is, by the service, the words of its name, and what it sets.
fn kind(source: &str, name: &str, set: &Value) -> ChangeKind {
    // Under another role a function may do other things; its code and its settings stay.
    let sets = |word: &str| {
        let mut keys = set.as_object().into_iter().flat_map(Map::keys);
        keys.any(|key| key.eq_ignore_ascii_case(word))
    };
    // A console and CloudFormation send all that is set, the role among it, whatever was altered.
    let else_set = [
        "environment",
        "ephemeralStorage",
        "layers",
        "memorySize",
        "runtime",
        "timeout",
        "vpcConfig",
    ];
    if name.starts_with("UpdateFunctionConfiguration")
        && sets("role")
        && !else_set.iter().any(|word| sets(word))
    {
        return ChangeKind::Permission;
    }
    // `UpdateFunctionCode20150331v2`: Lambda dates its calls.
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    match source {
        "iam" | "sts" | "sso" => return ChangeKind::Permission,
        "acm" => return ChangeKind::Certificate,
        "evidently" => return ChangeKind::Flag,
        "appconfig" => return ChangeKind::Flag,
        "codedeploy" | "amplify" => return ChangeKind::Deploy,
        _ => {}
    }
    if has(&["Policy", "Permission", "Grant", "Role", "Credential"])
        && !has(&["ScalingPolicy", "LifecyclePolicy"])
    {
        return ChangeKind::Permission;
    }
    if has(&[
        "Concurrency",
        "Capacity",
        "AutoScalingGroup",
        "Scaling",
        "ReplicaCount",
    ]) {
        return ChangeKind::Scaling;
    }
    if has(&[
        "FunctionCode",
        "PublishVersion",
        "UpdateAlias",
        "CreateAlias",
        "TaskDefinition",
        "UpdateService",
        "Deploy",
        "PutImage",
    ]) {
        return ChangeKind::Deploy;
    }
    if has(&["Certificate"]) {
        return ChangeKind::Certificate;
    }
    if has(&[
        "Configuration",
        "Parameter",
        "Secret",
        "Setting",
        "Attribute",
        "Option",
        "Environment",
    ]) {
        return ChangeKind::Config;
    }
    ChangeKind::Infrastructure
}

/// Whom a call touched: the resources that the record lists, and those that its parameters name.
fn touched(event: &Value, detail: &Value, gathered: &mut Gathered<'_>) -> Vec<EntityId> {
    let mut out = Vec::new();
    for resource in event["Resources"].as_array().into_iter().flatten() {
        let name = text_at(resource, &["ResourceName"]);
        if name.is_empty() {
            continue;
        }
        let (by_arn, short) = names::arn(name);
        let kind = by_arn.or(match text_at(resource, &["ResourceType"]) {
            "AWS::Lambda::Function" => Some(EntityKind::Function),
            "AWS::RDS::DBInstance" | "AWS::RDS::DBCluster" => Some(EntityKind::Database),
            "AWS::DynamoDB::Table" | "AWS::S3::Bucket" => Some(EntityKind::Table),
            "AWS::SQS::Queue" | "AWS::SNS::Topic" | "AWS::Kinesis::Stream" => {
                Some(EntityKind::Queue)
            }
            "AWS::IAM::Role" | "AWS::IAM::User" | "AWS::IAM::Policy" => Some(EntityKind::Role),
            "AWS::ECS::Service" => Some(EntityKind::Service),
            "AWS::ECS::Cluster" => Some(EntityKind::Scope),
            "AWS::EC2::Instance" => Some(EntityKind::Host),
            "AWS::AutoScaling::AutoScalingGroup" => Some(EntityKind::Workload),
            "AWS::SecretsManager::Secret" | "AWS::SSM::Parameter" => Some(EntityKind::Config),
            _ => None,
        });
        if let Some(kind) = kind {
            out.push(gathered.directory.id(&Who::Named(kind, short.into())));
        }
    }
    if let Some(parameters) = detail["requestParameters"].as_object() {
        let named = parameters
            .iter()
            .filter(|(name, _)| names::telling(name))
            .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)));
        if let Some(who) = names::most_telling(named) {
            out.push(gathered.directory.id(&who));
        }
        // Whose rights were altered, where it is no role: nobody else can be meant by it.
        if out.is_empty() && source(event) == "iam" {
            let keys = [
                "userName",
                "UserName",
                "groupName",
                "GroupName",
                "policyName",
                "PolicyName",
            ];
            let name = keys.iter().find_map(|key| parameters.get(*key)?.as_str());
            if let Some(name) = name.filter(|name| !name.is_empty()) {
                let who = Who::Named(EntityKind::Role, name.into());
                out.push(gathered.directory.id(&who));
            }
        }
    }
    out.sort();
    out.dedup();
    out
}

/// Is what a parameter of this name holds for nobody's eyes?
fn is_password(key: &str) -> bool {
    key.to_ascii_lowercase().contains("password")
}

/// Is this what a variable holds: of an API's stage (`variables: { NAME: value }`, `stageVariableOverrides`), of a build
/// (`environmentVariablesOverride: [{ name, value }]`), or by the path to one (`{ path: "/variables/NAME", value }`)? Names
/// tell what was altered, values may be secrets.
fn is_of_variable(path: &str, fields: &Map<String, Value>, key: &str) -> bool {
    let are_variables = |name: &str| name.to_ascii_lowercase().contains("variable");
    let mut parts = path.rsplit('.');
    let (last, before) = (parts.next(), parts.next());
    let is_place = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    match (last, before) {
        (Some(place), Some(list)) if is_place(place) => {
            let pointer = fields.get("path").and_then(Value::as_str);
            key == "value" && (are_variables(list) || pointer.is_some_and(are_variables))
        }
        (Some(map), _) => are_variables(map),
        (None, _) => false,
    }
}

/// What stands before a question mark: behind it a health check may carry a token.
fn before_query(text: &str) -> &str {
    text.split('?').next().unwrap_or(text)
}

/// Parameters as lines of a diff: what the call set.
fn flatten(path: &str, value: &Value, out: &mut String) {
    let join = |key: &str| {
        if path.is_empty() {
            key.to_string()
        } else {
            format!("{path}.{key}")
        }
    };
    match value {
        // Of variables of functions AWS tells no more than that they were set.
        Value::Object(fields) if fields.is_empty() && !path.is_empty() => {
            out.push_str(&format!("+{path}: {{}}\n"));
        }
        Value::Object(fields) => {
            // A variable of a container, whose name says that it holds a secret.
            let name = fields.get("name").and_then(Value::as_str);
            let secret = name.is_some_and(is_secret);
            for (key, inner) in fields {
                match inner {
                    // AWS leaves passwords out itself; what stands in for it may not.
                    Value::String(_)
                        if (secret && key == "value")
                            || is_password(key)
                            || is_of_variable(path, fields, key) =>
                    {
                        out.push_str(&format!("+{}: {HIDDEN}\n", join(key)));
                    }
                    inner => flatten(&join(key), inner, out),
                }
            }
        }
        Value::Array(items) => {
            for (i, inner) in items.iter().enumerate() {
                flatten(&join(&i.to_string()), inner, out);
            }
        }
        Value::Null => {}
        Value::String(text) if path.to_ascii_lowercase().ends_with("resourcepath") => {
            out.push_str(&format!("+{path}: {}\n", before_query(text)));
        }
        Value::String(text) => out.push_str(&format!("+{path}: {text}\n")),
        other => out.push_str(&format!("+{path}: {other}\n")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_call_set_is_told_without_secrets() {
        let set = json!({
            "masterUserPassword": "sesame",
            "createStageInput": { "stageName": "prod", "variables": { "fn": "sesame" } },
            "canarySettings": { "stageVariableOverrides": { "fn": "sesame" } },
            "patchOperations": [
                { "op": "replace", "path": "/variables/DB", "value": "sesame" },
                { "op": "replace", "path": "/canarySettings/stageVariableOverrides/DB", "value": "sesame" },
                { "op": "replace", "path": "/throttling/rateLimit", "value": "7" },
            ],
            "environmentVariablesOverride": [{ "name": "POOL", "value": "sesame", "type": "PLAINTEXT" }],
            "healthCheckConfig": { "resourcePath": "/health?token=sesame" },
            "containerDefinitions": [{ "environment": [
                { "name": "DB_TOKEN", "value": "sesame" }, { "name": "DB_HOST", "value": "db-2" },
            ]}],
            "desiredCount": 0,
        });
        let mut lines = String::new();
        flatten("", &set, &mut lines);
        assert!(!lines.contains("sesame"), "{lines}");
        for line in [
            "+createStageInput.stageName: prod",
            "+createStageInput.variables.fn: (left out)",
            "+patchOperations.0.path: /variables/DB",
            "+patchOperations.2.value: 7",
            "+environmentVariablesOverride.0.name: POOL",
            "+environmentVariablesOverride.0.type: PLAINTEXT",
            "+healthCheckConfig.resourcePath: /health",
            "+containerDefinitions.0.environment.1.value: db-2",
            "+desiredCount: 0",
        ] {
            assert!(lines.lines().any(|one| one == line), "{line}: {lines}");
        }
    }
}
