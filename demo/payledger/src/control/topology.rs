//! What there is and who leans on whom, as the control plane knows it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::config::{HOSTS, RegionConfig};
use crate::names::{EntityName, FUNCTIONS, Kind, REGIONS, other_region};

/// Entities and typed edges. An edge goes from who leans to who is leaned on.
pub fn topology(regions: &BTreeMap<String, RegionConfig>) -> Value {
    let mut entities = vec![
        entity(&EntityName::router()),
        entity(&EntityName::provider()),
    ];
    let mut edges = Vec::new();
    let mut edge = |from: &EntityName, to: &EntityName, kind: &str| {
        edges.push(json!({"from": from.to_string(), "to": to.to_string(), "kind": kind}));
    };
    let mut roles: Vec<&String> = regions
        .values()
        .flat_map(|config| config.roles.keys())
        .collect();
    roles.sort();
    roles.dedup();
    entities.extend(
        roles
            .into_iter()
            .map(|role| entity(&EntityName::role(role))),
    );
    for region in REGIONS {
        let Some(config) = regions.get(region) else {
            continue;
        };
        let (front, table) = (EntityName::front(region), EntityName::table(region));
        let certificate = EntityName::certificate(region);
        let functions_host = EntityName::host(region, "functions-host");
        entities.extend([&front, &table, &certificate].map(entity));
        for (host, _) in HOSTS {
            entities.push(entity(&EntityName::host(region, host)));
        }
        edge(&EntityName::router(), &front, "calls");
        edge(&front, &EntityName::host(region, "api-host"), "runs_on");
        edge(&table, &EntityName::host(region, "table-host"), "runs_on");
        edge(
            &table,
            &EntityName::table(other_region(region)),
            "replicates_from",
        );
        for name in FUNCTIONS {
            let function = EntityName::function(region, name);
            let mut described = entity(&function);
            if let Some(held) = config.functions.get(name) {
                described["version"] = held.version.clone().into();
                edge(&function, &EntityName::role(&held.role), "uses_role");
            }
            entities.push(described);
            edge(&front, &function, "calls");
            edge(&function, &functions_host, "runs_on");
            edge(&function, &table, "calls");
            if name == "health" {
                for sibling in FUNCTIONS.iter().filter(|sibling| **sibling != "health") {
                    edge(&function, &EntityName::function(region, sibling), "calls");
                }
            }
            if name == "createTransaction" {
                edge(&function, &EntityName::provider(), "calls");
                edge(&function, &certificate, "uses_config");
            }
        }
    }
    json!({"entities": entities, "edges": edges})
}

fn entity(name: &EntityName) -> Value {
    // Roles, certificates and the outside provider send no telemetry of their own.
    let telemetry = match name.kind {
        Kind::Role | Kind::Certificate | Kind::Provider => Value::Null,
        _ => {
            let mut attributes = json!({
                "service.name": name.name,
                "service.namespace": "payledger",
                "service.instance.id": name.to_string(),
            });
            if let Some(region) = &name.region {
                attributes["cloud.region"] = region.as_str().into();
            }
            attributes
        }
    };
    json!({
        "id": name.to_string(),
        "kind": name.kind.word(),
        "name": name.name,
        "region": name.region,
        "arn": name.arn(),
        "telemetry": telemetry,
    })
}
