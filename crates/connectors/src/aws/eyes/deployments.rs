//! Deployments of `CodeDeploy`: onto services, functions and machines, as changes, with how they ended.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_codedeploy::types::{DeploymentInfo, DeploymentStatus as Ended, TimeRange};
use model::time::Timestamp;
use model::{Change, ChangeKind, EntityId, EntityKind, Severity, SourceKind};
use serde_json::Value;

use super::alarms::{moment, stamp};
use super::ask::{Asking, Miss, is_name};
use super::found::Found;
use super::repeats::clip;

/// A name of an application or a group is no longer.
const NAME: usize = 100;
/// Deployments that may be told of at once; the newest of a day.
const AT_ONCE: usize = 25;
/// Applications whose groups are asked for: one question each.
const APPLICATIONS: usize = 5;

/// What each group of an application deploys onto.
type Groups = BTreeMap<(String, String), Vec<EntityId>>;

/// Deployments.
pub(super) async fn look(asking: &Asking<'_>) -> Found {
    let mut found = Found::default();
    if let Err(miss) = deployments(asking, &mut found).await {
        found.missed(asking, "deployments", &miss);
    }
    found
}

async fn deployments(asking: &Asking<'_>, found: &mut Found) -> Result<(), Miss> {
    let lately = TimeRange::builder()
        .start(stamp(asking.reaches_back()))
        .end(stamp(asking.now));
    let sent = asking
        .place
        .deployments
        .list_deployments()
        .create_time_range(lately.build())
        .send();
    let answer = asking.ask("codedeploy:ListDeployments", 1, sent).await?;
    found.seen.insert(SourceKind::Changes);
    let ids = answer.deployments();
    if ids.is_empty() {
        return Ok(());
    }
    if ids.len() > AT_ONCE || answer.next_token().is_some() {
        let detail = format!("{AT_ONCE} deployments were read");
        let gap = asking.cut("all deployments", detail, "shorten changes");
        found.gaps.push(gap);
    }
    let some = ids.iter().take(AT_ONCE).cloned().collect();
    let sent = asking
        .place
        .deployments
        .batch_get_deployments()
        .set_deployment_ids(Some(some))
        .send();
    let answer = asking
        .ask("codedeploy:BatchGetDeployments", 1, sent)
        .await?;
    let all = answer.deployments_info();
    // What happened does not get lost where it is not told onto what.
    let groups = match groups(asking, all, found).await {
        Ok(groups) => groups,
        Err(miss) => {
            found.missed(asking, "onto what was deployed", &miss);
            Groups::new()
        }
    };
    for one in all {
        tell(asking, one, &groups, found);
    }
    Ok(())
}

/// Onto what the groups of these deployments deploy.
async fn groups(
    asking: &Asking<'_>,
    all: &[DeploymentInfo],
    found: &mut Found,
) -> Result<Groups, Miss> {
    let mut wanted: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for one in all {
        if let (Some(application), Some(group)) =
            (one.application_name(), one.deployment_group_name())
            && is_name(application, NAME)
            && is_name(group, NAME)
        {
            wanted
                .entry(application)
                .or_default()
                .insert(group.to_string());
        }
    }
    let mut groups = Groups::new();
    for (application, names) in wanted.into_iter().take(APPLICATIONS) {
        let sent = asking
            .place
            .deployments
            .batch_get_deployment_groups()
            .application_name(application)
            .set_deployment_group_names(Some(names.into_iter().collect()))
            .send();
        let answer = asking
            .ask("codedeploy:BatchGetDeploymentGroups", 1, sent)
            .await?;
        for group in answer.deployment_groups_info() {
            let name = group.deployment_group_name().unwrap_or_default();
            let key = (application.to_string(), name.to_string());
            let onto = groups.entry(key).or_default();
            for service in group
                .ecs_services()
                .iter()
                .filter_map(|one| one.service_name())
            {
                onto.push(found.there(asking, EntityKind::Service, service));
            }
            for fleet in group
                .auto_scaling_groups()
                .iter()
                .filter_map(|one| one.name())
            {
                onto.push(found.there(asking, EntityKind::Workload, fleet));
            }
        }
    }
    Ok(groups)
}

fn tell(asking: &Asking<'_>, one: &DeploymentInfo, groups: &Groups, found: &mut Found) {
    let began = one.start_time().or(one.create_time()).map(moment);
    let Some(began) = began.filter(|at| *at >= asking.reaches_back() && *at < asking.now) else {
        return;
    };
    let end = one
        .complete_time()
        .map_or(began, moment)
        .clamp(began, asking.now);
    let text = |value: Option<&str>| value.unwrap_or_default().to_string();
    let (application, group) = (
        text(one.application_name()),
        text(one.deployment_group_name()),
    );
    let (version, function) = revision(one);
    let mut title = format!("{application}/{group}");
    if !version.is_empty() {
        title += &format!(": {version}");
    }
    let mut entities = groups
        .get(&(application, group))
        .cloned()
        .unwrap_or_default();
    if let Some(function) = function {
        entities.push(found.there(asking, EntityKind::Function, &function));
    }
    entities.sort();
    entities.dedup();
    let failed = matches!(one.status(), Some(Ended::Failed | Ended::Stopped));
    let status = one.status().map_or("", |status| status.as_str());
    if one.status() != Some(&Ended::Succeeded) {
        title += &format!(", {}", status.to_ascii_lowercase());
    }
    if failed {
        failure(one, &entities, end, found);
    }
    let back = one
        .rollback_info()
        .and_then(|one| one.rollback_deployment_id());
    let commit =
        |tag: &&String| tag.len() == 40 && tag.bytes().all(|byte| byte.is_ascii_hexdigit());
    found.changes.push(Change {
        id: format!("codedeploy:{}", one.deployment_id().unwrap_or_default()),
        kind: ChangeKind::Deploy,
        start: began,
        end,
        entities,
        actor: one
            .creator()
            .map(|one| one.as_str().to_string())
            .unwrap_or_default(),
        title,
        files: Vec::new(),
        diff: None,
        carries: Some(&version).filter(commit).cloned().into_iter().collect(),
        version,
        undone: back.filter(|back| !back.is_empty()).map(|_| end),
        raw: model::telemetry::RawRef::default(),
    });
}

/// Why a deployment failed, as an event of whatever it was for.
fn failure(one: &DeploymentInfo, entities: &[EntityId], at: Timestamp, found: &mut Found) {
    let error = one.error_information();
    let code = error
        .and_then(|error| error.code())
        .map_or("", |code| code.as_str());
    let said = error.and_then(|error| error.message()).unwrap_or_default();
    let back = one.rollback_info().and_then(|one| one.rollback_message());
    let name = one.deployment_id().unwrap_or_default();
    let message = format!(
        "deployment failed: {name}: {code}: {said} {}",
        back.unwrap_or_default()
    );
    for entity in entities {
        found.event(
            entity.clone(),
            at,
            ("codedeploy", "DeploymentFailed"),
            clip(message.trim_end()),
            Some(Severity::Error),
        );
    }
    found.seen.insert(SourceKind::Events);
}

/// Which version a deployment brings; and, if that is told, of which function.
fn revision(one: &DeploymentInfo) -> (String, Option<String>) {
    let Some(revision) = one.revision() else {
        return (String::new(), None);
    };
    if let Some(commit) = revision.git_hub_location().and_then(|one| one.commit_id()) {
        return (commit.to_string(), None);
    }
    if let Some(bundle) = revision.s3_location() {
        let key = bundle.key().unwrap_or_default();
        let version = bundle.version().or(bundle.e_tag());
        let version = version.map_or(String::new(), |version| format!("@{version}"));
        return (clip(&format!("{key}{version}")), None);
    }
    let content = revision.app_spec_content().and_then(|one| one.content());
    function(content.unwrap_or_default())
}

/// The version and name of the function that a specification brings out. AWS hands specifications back as they were
/// given: those that its own tools write are JSON, others are not read.
fn function(content: &str) -> (String, Option<String>) {
    let content: Value = serde_json::from_str(content).unwrap_or(Value::Null);
    let resources = content["Resources"]
        .as_array()
        .or(content["resources"].as_array());
    let resources = resources.into_iter().flatten().filter_map(Value::as_object);
    for resource in resources.flat_map(|one| one.values()) {
        let text = |upper: &str, lower: &str| {
            let properties = resource.get("Properties").or(resource.get("properties"))?;
            let value = properties.get(upper).or(properties.get(lower))?;
            value.as_str().filter(|text| !text.is_empty()).map(clip)
        };
        if let Some(name) = text("Name", "name") {
            return (
                text("TargetVersion", "targetversion").unwrap_or_default(),
                Some(name),
            );
        }
    }
    (String::new(), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_specification_names_its_function() {
        let content = r#"{"version":0.0,"Resources":[{"fn":{"Type":"AWS::Lambda::Function","Properties":
            {"Name":"pay","Alias":"live","CurrentVersion":"6","TargetVersion":"7"}}}]}"#;
        assert_eq!(
            function(content),
            ("7".to_string(), Some("pay".to_string()))
        );
        for odd in [
            "",
            "{",
            "[1]",
            r#"{"Resources":[7]}"#,
            r#"{"Resources":[{"a":{"Properties":{"Name":7}}}]}"#,
        ] {
            assert_eq!(function(odd), (String::new(), None), "{odd}");
        }
    }
}
