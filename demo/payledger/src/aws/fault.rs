//! Faults, declared in data (`faults/aws/*.toml`): calls of AWS that a person might make. Nothing else is touched, and no
//! number is made up: what follows from a fault follows by itself.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::cloud::Cloud;
use super::{Said, functions, roles};
use crate::failure::Failure;

const FILES: [&str; 6] = [
    include_str!("../../faults/aws/three.toml"),
    include_str!("../../faults/aws/role-swapped.toml"),
    include_str!("../../faults/aws/concurrency-zero.toml"),
    include_str!("../../faults/aws/variable-removed.toml"),
    include_str!("../../faults/aws/handler-renamed.toml"),
    include_str!("../../faults/aws/policy-removed.toml"),
];

/// One fault.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Fault {
    name: String,
    title: String,
    does: String,
    undone: String,
    /// Other faults that it consists of, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    of: Vec<String>,
    #[serde(default, rename = "step", skip_serializing_if = "Vec::is_empty")]
    steps: Vec<Step>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    expected: Vec<Expected>,
}

/// A call, in the primary region.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "call", rename_all = "snake_case", deny_unknown_fields)]
enum Step {
    /// Another role for a function.
    GiveRole { function: String, role: String },
    /// A variable less.
    TakeVariable { function: String, variable: String },
    /// A reservation of copies.
    Reserve { function: String, copies: i32 },
    /// Another beginning in the code.
    NameHandler { function: String, handler: String },
    /// A role without its policy.
    DropPolicy { role: String },
}

/// What an investigation should find.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    entity: String,
    mechanism: String,
    /// `eventName` of the change that did it.
    change: String,
}

fn all() -> Result<Vec<Fault>, Failure> {
    let read = FILES.iter().map(|text| toml::from_str(text));
    read.collect::<Result<_, _>>()
        .map_err(|error| Failure::new(format!("a fault's file is broken: {error}")))
}

/// What can be broken.
pub(super) fn list() -> Result<Said, Failure> {
    let faults = all()?;
    let lines = faults
        .iter()
        .map(|one| format!("{:<18} {}", one.name, one.title));
    let text = lines.collect::<Vec<_>>().join("\n");
    Ok(Said::done(text, json!(faults)))
}

/// Breaks it; says which calls were made.
pub(super) async fn inject(cloud: &Cloud, name: &str) -> Result<Vec<String>, Failure> {
    let faults = all()?;
    let Some(fault) = faults.iter().find(|one| one.name == name) else {
        let names: Vec<&str> = faults.iter().map(|one| one.name.as_str()).collect();
        return Err(Failure::new(format!("no fault {name:?}"))
            .advice(format!("there are {}", names.join(", "))));
    };
    let parts = faults.iter().filter(|one| fault.of.contains(&one.name));
    let steps = fault.steps.iter().chain(parts.flat_map(|one| &one.steps));
    let place = cloud.primary()?;
    let mut did = Vec::new();
    for step in steps {
        did.push(match step {
            Step::GiveRole { function, role } => {
                functions::give_role(cloud, place, &cloud.named(function), role).await?
            }
            Step::TakeVariable { function, variable } => {
                functions::take_variable(place, &cloud.named(function), variable).await?
            }
            Step::Reserve { function, copies } => {
                functions::reserve(place, &cloud.named(function), *copies).await?
            }
            Step::NameHandler { function, handler } => {
                functions::name_handler(place, &cloud.named(function), handler).await?
            }
            Step::DropPolicy { role } => roles::drop_policy(cloud, role).await?,
        });
    }
    Ok(did)
}

#[cfg(test)]
mod tests {
    use super::super::system::{FUNCTIONS, ROLES};
    use super::*;

    #[test]
    fn faults_speak_of_what_is_set_up() {
        let faults = all().unwrap();
        let function = |name: &str| FUNCTIONS.iter().any(|one| one.name == name);
        let role = |name: &str| ROLES.iter().any(|one| one.name == name);
        for fault in &faults {
            assert!(fault.steps.is_empty() != fault.of.is_empty(), "{fault:?}");
            for part in &fault.of {
                assert!(faults.iter().any(|one| one.name == *part), "{part}");
            }
            for step in &fault.steps {
                let known = match step {
                    Step::GiveRole {
                        function: name,
                        role: other,
                    } => function(name) && role(other),
                    Step::TakeVariable {
                        function: name,
                        variable,
                    } => FUNCTIONS.iter().any(|one| {
                        one.name == name && one.variables.iter().any(|(known, _)| known == variable)
                    }),
                    Step::Reserve { function: name, .. }
                    | Step::NameHandler { function: name, .. } => function(name),
                    Step::DropPolicy { role: name } => role(name),
                };
                assert!(known, "{step:?}");
            }
        }
    }
}
