//! What a service of ECS runs, its task definition, as the template of a workload: the words that a cluster uses for
//! containers, images, variables and limits, so that what two of them differ in reads, and is judged, the same.

use aws_sdk_ecs::types::{ContainerDefinition, TaskDefinition};
use serde_json::{Map, Value, json};

use crate::files::kubernetes::manifest;

/// A field, where there is something to say.
fn put(fields: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        fields.insert(name.to_string(), value);
    }
}

/// The definition as a template.
pub(super) fn template(definition: &TaskDefinition) -> Value {
    let mut spec = Map::new();
    let containers = definition.container_definitions().iter().map(container);
    spec.insert("containers".to_string(), containers.collect());
    let role = definition.task_role_arn().filter(|role| !role.is_empty());
    put(&mut spec, "role", role.map(Value::from));
    put(&mut spec, "cpu", definition.cpu().map(Value::from));
    put(
        &mut spec,
        "memory",
        definition.memory().map(|mib| json!(format!("{mib}Mi"))),
    );
    let network = definition.network_mode().map(|mode| mode.as_str());
    put(&mut spec, "network", network.map(Value::from));
    json!({ "spec": spec })
}

fn container(container: &ContainerDefinition) -> Value {
    let mut fields = Map::new();
    put(&mut fields, "name", container.name().map(Value::from));
    put(&mut fields, "image", container.image().map(Value::from));
    let words = |list: &[String]| (!list.is_empty()).then(|| json!(list));
    put(&mut fields, "command", words(container.entry_point()));
    put(&mut fields, "args", words(container.command()));
    let mut variables: Vec<(&str, Value)> = Vec::new();
    for variable in container.environment() {
        let name = variable.name().unwrap_or_default();
        variables.push((name, json!({ "name": name, "value": variable.value() })));
    }
    for secret in container.secrets() {
        let (name, from) = (secret.name(), secret.value_from());
        variables.push((name, json!({ "name": name, "valueFrom": from })));
    }
    // ECS keeps no order of them.
    variables.sort_by(|a, b| a.0.cmp(b.0));
    let variables: Vec<Value> = variables
        .into_iter()
        .map(|(_, variable)| variable)
        .collect();
    put(
        &mut fields,
        "env",
        (!variables.is_empty()).then(|| variables.into()),
    );
    let mut limits = Map::new();
    put(
        &mut limits,
        "memory",
        container.memory().map(|mib| json!(format!("{mib}Mi"))),
    );
    let cpu = container.cpu();
    put(&mut limits, "cpu", (cpu > 0).then(|| json!(cpu)));
    let asked = container.memory_reservation();
    let asked = asked.map(|mib| json!({ "memory": format!("{mib}Mi") }));
    let mut resources = Map::new();
    put(&mut resources, "requests", asked);
    put(
        &mut resources,
        "limits",
        (!limits.is_empty()).then(|| limits.into()),
    );
    put(
        &mut fields,
        "resources",
        (!resources.is_empty()).then(|| resources.into()),
    );
    let ports: Vec<Value> = container
        .port_mappings()
        .iter()
        .map(|port| json!({ "containerPort": port.container_port(), "hostPort": port.host_port() }))
        .collect();
    put(
        &mut fields,
        "ports",
        (!ports.is_empty()).then(|| ports.into()),
    );
    let check = container.health_check().map(|check| {
        json!({
            "command": check.command(), "periodSeconds": check.interval(), "timeoutSeconds": check.timeout(),
            "failureThreshold": check.retries(),
        })
    });
    put(&mut fields, "healthCheck", check);
    Value::Object(fields)
}

/// What a deployment brought.
pub(super) struct Brings {
    /// Images that were not run before.
    pub images: Vec<String>,
    /// What differs, without secrets; `None` if nothing does, or if it is not known what ran before.
    pub diff: Option<String>,
    /// Tags of those images.
    pub version: String,
    /// Commits that those tags name.
    pub carries: Vec<String>,
}

/// What `now` brings where `before` ran.
pub(super) fn brings(path: &str, before: Option<&Value>, now: &Value) -> Brings {
    let old = before.map(manifest::images);
    let images: Vec<String> = manifest::images(now)
        .into_iter()
        .filter(|image| old.as_ref().is_none_or(|old| !old.contains(image)))
        .map(|(_, image)| image)
        .collect();
    let tags: Vec<&str> = images.iter().map(|image| manifest::tag(image)).collect();
    let commit = |tag: &&str| tag.len() == 40 && tag.bytes().all(|byte| byte.is_ascii_hexdigit());
    Brings {
        diff: before.and_then(|before| manifest::diff(path, before, now)),
        version: tags.join(", "),
        carries: tags
            .iter()
            .copied()
            .filter(commit)
            .map(str::to_string)
            .collect(),
        images,
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::types::{KeyValuePair, Secret};

    use super::*;

    fn definition(image: &str, memory: i32, password: &str) -> Value {
        let variable =
            |name: &str, value: &str| KeyValuePair::builder().name(name).value(value).build();
        let secret = Secret::builder()
            .name("KEY")
            .value_from("arn:aws:ssm:eu-west-1:1:parameter/key");
        let container = ContainerDefinition::builder()
            .name("app")
            .image(image)
            .memory(memory)
            .environment(variable("POOL", "20"))
            .environment(variable("DB_PASSWORD", password))
            .secrets(secret.build().unwrap())
            .build();
        template(
            &TaskDefinition::builder()
                .container_definitions(container)
                .build(),
        )
    }

    #[test]
    fn what_a_definition_brings_is_a_diff_without_secrets() {
        let commit = "c0ffee1234abcdc0ffee1234abcdc0ffee1234ab";
        let old = definition("shop/web:v1", 512, "first-canary");
        let new = definition(&format!("shop/web:{commit}"), 128, "second-canary");
        let brings = brings("ecs/web.yaml", Some(&old), &new);
        assert_eq!(brings.images, [format!("shop/web:{commit}")]);
        assert_eq!(
            (brings.version.as_str(), &brings.carries[..]),
            (commit, &[commit.to_string()][..])
        );
        let diff = brings.diff.unwrap();
        for line in [
            "-    image: shop/web:v1",
            "-        memory: \"512Mi\"",
            "+        memory: \"128Mi\"",
            "(left out), another",
        ] {
            assert!(diff.contains(line), "{line}: {diff}");
        }
        assert!(!diff.contains("canary"), "{diff}");
    }
}
