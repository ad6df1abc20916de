//! Functions of Lambda: how they are set, what they read, and what they lean on.

use std::collections::BTreeMap;

use model::topology::Edge;
use model::{EdgeKind, EntityId, EntityKind, SourceKind};
use serde_json::json;

use super::ask::{Asking, Miss};
use super::found::Found;
use crate::files::aws::names;

/// Functions of one answer.
const PAGE: i32 = 50;
/// Answers that are read.
const PAGES: usize = 6;
/// How sure it is that a function leans on what a variable of it names.
const BY_VARIABLE: f64 = 0.8;

/// What the variables of functions and of services name. Values are compared with the names of things that are there, and kept nowhere.
#[derive(Default)]
pub(super) struct Names(Said, Said);

/// Whose variable, its name, and what it says.
type Said = Vec<(EntityId, String, String)>;

impl Names {
    /// A variable of whoever runs code says this.
    pub fn say(&mut self, whose: &EntityId, variable: &str, value: &str) {
        self.0
            .push((whose.clone(), variable.to_string(), value.to_string()));
    }

    /// Whose variable of which name says what.
    pub fn each(&self) -> impl Iterator<Item = (&EntityId, &str, &str)> {
        let said = self.0.iter().chain(&self.1);
        said.map(|(whose, variable, value)| (whose, variable.as_str(), value.as_str()))
    }

    /// A variable of whoever runs code is filled from there: it names a secret or a parameter, and nothing that is called.
    pub fn filled(&mut self, whose: &EntityId, variable: &str, from: &str) {
        self.1
            .push((whose.clone(), variable.to_string(), from.to_string()));
    }

    /// Takes over what variables of others say.
    pub fn join(&mut self, other: Self) {
        self.0.extend(other.0);
        self.1.extend(other.1);
    }

    /// Draws an edge wherever a variable names a table, a queue or another function that is there.
    pub fn lean(self, found: &mut Found) {
        let entities = found.map().entities;
        let things: BTreeMap<&str, &EntityId> = entities
            .iter()
            .filter(|one| {
                matches!(
                    one.kind,
                    EntityKind::Table | EntityKind::Queue | EntityKind::Function
                )
            })
            .map(|one| (one.name.as_str(), &one.id))
            .collect();
        for (function, variable, value) in &self.0 {
            let Some(to) = things.get(names::arn(value).1) else {
                continue;
            };
            if *to == function {
                continue;
            }
            found.topology.edges.push(Edge {
                from: function.clone(),
                to: (*to).clone(),
                kind: EdgeKind::Calls,
                confidence: BY_VARIABLE,
                calls_per_request: None,
                seen_in: format!("the variable {variable} of the function"),
            });
        }
        found.topology.normalise();
    }
}

/// Functions, and what their variables name.
pub(super) async fn look(asking: &Asking<'_>) -> (Found, Names) {
    let mut found = Found::default();
    let mut names = Names::default();
    let listed = match list(asking, &mut found, &mut names).await {
        Ok(listed) => listed,
        Err(miss) => {
            // Who calls whom stands in their variables.
            let gap = asking.gap("functions", &miss);
            found
                .gaps
                .push(gap.hiding([SourceKind::State, SourceKind::Topology]));
            return (found, names);
        }
    };
    found.seen.insert(SourceKind::State);
    for (entity, document) in listed {
        found.state(entity, "lambda.function", document, asking.now);
    }
    if let Err(miss) = mappings(asking, &mut found).await {
        found.missed(asking, "what functions read", &miss);
    }
    (found, names)
}

type Listed = Vec<(EntityId, serde_json::Value)>;

/// All functions and how they are set. Values of variables may be secrets: their names are enough.
async fn list(asking: &Asking<'_>, found: &mut Found, names: &mut Names) -> Result<Listed, Miss> {
    let mut listed = Vec::new();
    let mut next = None;
    for page in 0.. {
        if page == PAGES {
            let detail = format!("the first {} functions were read", listed.len());
            let gap = asking.cut("all functions", detail, "name fewer regions and accounts");
            found.gaps.push(gap.hiding([SourceKind::Topology]));
            break;
        }
        let sent = asking
            .place
            .lambda
            .list_functions()
            .max_items(PAGE)
            .set_marker(next)
            .send();
        let answer = asking.ask("lambda:ListFunctions", 1, sent).await?;
        for function in answer.functions() {
            let Some(name) = function.function_name() else {
                continue;
            };
            let entity = found.there(asking, EntityKind::Function, name);
            let mut variables: Vec<&str> = Vec::new();
            let environment = function.environment().and_then(|one| one.variables());
            for (variable, value) in environment.into_iter().flatten() {
                variables.push(variable);
                names.say(&entity, variable, value);
            }
            variables.sort_unstable();
            if let Some(role) = function.role().and_then(|role| found.by_arn(role)) {
                found.edge(
                    &entity,
                    &role,
                    EdgeKind::UsesRole,
                    "the function's configuration",
                );
            }
            let dead = function
                .dead_letter_config()
                .and_then(|one| one.target_arn());
            if let Some(dead) = dead.and_then(|arn| found.by_arn(arn)) {
                found.edge(
                    &entity,
                    &dead,
                    EdgeKind::Produces,
                    "the function's dead letters",
                );
            }
            let arn = function.function_arn().unwrap_or_default();
            found.directory.label(&entity, "arn", arn);
            let document = json!({
                "FunctionName": name,
                "Runtime": function.runtime().map(|runtime| runtime.as_str()),
                "Handler": function.handler(),
                "Timeout": function.timeout(),
                "MemorySize": function.memory_size(),
                "LastModified": function.last_modified(),
                "Version": function.version(),
                "CodeSha256": function.code_sha256(),
                "Role": function.role(),
                "State": function.state().map(|state| state.as_str()),
                "StateReason": function.state_reason(),
                "LastUpdateStatus": function.last_update_status().map(|status| status.as_str()),
                "LastUpdateStatusReason": function.last_update_status_reason(),
                "Variables": variables,
            });
            listed.push((entity, document));
        }
        next = answer.next_marker().map(str::to_string);
        if next.is_none() {
            break;
        }
    }
    Ok(listed)
}

/// Which queues and streams functions read.
async fn mappings(asking: &Asking<'_>, found: &mut Found) -> Result<(), Miss> {
    let mut next = None;
    for _ in 0..PAGES {
        let sent = asking
            .place
            .lambda
            .list_event_source_mappings()
            .max_items(100)
            .set_marker(next)
            .send();
        let answer = asking
            .ask("lambda:ListEventSourceMappings", 1, sent)
            .await?;
        for mapping in answer.event_source_mappings() {
            let function = mapping.function_arn().and_then(|arn| found.by_arn(arn));
            let source = mapping.event_source_arn().and_then(|arn| found.by_arn(arn));
            let (Some(function), Some(source)) = (function, source) else {
                continue;
            };
            found.edge(
                &function,
                &source,
                EdgeKind::Consumes,
                "an event source mapping",
            );
            let document = json!({
                "EventSource": source.as_str(),
                "State": mapping.state(),
                "StateTransitionReason": mapping.state_transition_reason(),
                "BatchSize": mapping.batch_size(),
                "LastProcessingResult": mapping.last_processing_result(),
            });
            found.state(function, "lambda.mapping", document, asking.now);
        }
        next = answer.next_marker().map(str::to_string);
        next = next.filter(|next| !next.is_empty());
        if next.is_none() {
            return Ok(());
        }
    }
    let detail = format!("the first {PAGES} answers were read");
    let how = "name fewer regions and accounts";
    found
        .gaps
        .push(asking.cut("what all functions read", detail, how));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_name_what_is_there_are_edges() {
        let mut found = Found::default();
        let pay = found.named(EntityKind::Function, "pay");
        let ship = found.named(EntityKind::Function, "ship");
        found.named(EntityKind::Table, "ledger");
        let said = |function: &EntityId, name: &str, value: &str| {
            (function.clone(), name.to_string(), value.to_string())
        };
        let said = vec![
            said(&pay, "LEDGER", "ledger"),
            said(
                &pay,
                "SHIPPER",
                "arn:aws:lambda:eu-west-1:111111111111:function:ship",
            ),
            // Whoever is told its own name leans on nobody for it.
            said(&pay, "SELF", "pay"),
            said(&ship, "STAGE", "live"),
        ];
        Names(said, Vec::new()).lean(&mut found);
        let edges = found.topology.edges.iter();
        let edges: Vec<String> = edges
            .map(|edge| format!("{} {:?} {}", edge.from, edge.kind, edge.to))
            .collect();
        assert_eq!(
            edges,
            [
                "function/pay Calls function/ship",
                "function/pay Calls table/ledger"
            ]
        );
    }
}
