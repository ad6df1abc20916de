//! The operator's standing orders, in Cedar: deny unless permitted.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::str::FromStr;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityTypeName, EntityUid, PolicyId,
    PolicySet, Request, RestrictedExpression, Schema, ValidationMode, Validator, ffi,
};
use model::entity::EntityId;
use model::plan::{Plan, PlannedStep};
use model::topology::{EdgeKind, Topology};

/// What a policy can speak of.
pub const SCHEMA: &str = include_str!("../../policies/schema.cedarschema");
/// Nothing may be done.
pub const OBSERVER: &str = include_str!("../../policies/observer.cedar");
/// A person of the group `oncall` says yes to each plan.
pub const ASK_ALWAYS: &str = include_str!("../../policies/ask-always.cedar");
/// What is deterministic and harmless may go alone; for the rest a person is asked.
pub const HARMLESS_ALONE: &str = include_str!("../../policies/harmless-alone.cedar");

/// The text of a policy that comes with the program: `observer`, `ask-always` or `harmless-alone`.
pub fn sample(name: &str) -> Option<&'static str> {
    match name {
        "observer" => Some(OBSERVER),
        "ask-always" => Some(ASK_ALWAYS),
        "harmless-alone" => Some(HARMLESS_ALONE),
        _ => None,
    }
}

/// Somebody who is known, and the groups that policies know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// As approvals name them.
    pub name: String,
    /// Such as `oncall`.
    pub groups: BTreeSet<String>,
}

/// What is wrong with a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct PolicyFault {
    /// Line of the policy's text, from 1; `None` where it is about the whole.
    pub line: Option<usize>,
    /// Column in that line, in characters from 1.
    pub column: Option<usize>,
    /// What.
    pub what: String,
}

impl fmt::Display for PolicyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the policy cannot be used")?;
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, ", line {line}, column {column}")?;
        }
        write!(f, ": {}", self.what)
    }
}

impl PolicyFault {
    fn of(error: ffi::DetailedError, text: &str) -> Self {
        let start = error.source_locations.first().map(|label| label.loc.start);
        let before = start.and_then(|start| text.get(..start.min(text.len())));
        let mut what = error.message;
        let label = error.source_locations.into_iter().next();
        if let Some(label) = label.and_then(|label| label.label) {
            what.push_str(": ");
            what.push_str(&label);
        }
        if let Some(help) = error.help {
            what.push_str("; ");
            what.push_str(&help);
        }
        Self {
            line: before.map(|before| before.matches('\n').count() + 1),
            column: before.map(|before| {
                before
                    .rsplit('\n')
                    .next()
                    .map_or(1, |line| line.chars().count() + 1)
            }),
            what,
        }
    }

    fn whole(what: impl fmt::Display) -> Self {
        Self {
            line: None,
            column: None,
            what: what.to_string(),
        }
    }
}

/// What is known beside the plan.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    pub(super) topology: &'a Topology,
    /// Of the least sure cause, 0..1.
    pub(super) confidence: f64,
}

/// Who asks to act.
pub(super) enum Principal<'a> {
    Watch,
    Person(&'a Person),
}

/// A policy that was read and fits the schema.
#[derive(Debug)]
pub(super) struct Policy {
    set: PolicySet,
    schema: Schema,
}

impl Policy {
    pub(super) fn parse(text: &str) -> Result<Self, PolicyFault> {
        let (schema, _) = Schema::from_cedarschema_str(SCHEMA).map_err(PolicyFault::whole)?;
        let set = PolicySet::from_str(text)
            .map_err(|errors| PolicyFault::of(ffi::DetailedError::from(&errors), text))?;
        if set.templates().next().is_some() {
            return Err(PolicyFault::whole(
                "it holds a template (?principal or ?resource), which permits nothing here; write the name out",
            ));
        }
        let verdict = Validator::new(schema.clone()).validate(&set, ValidationMode::Strict);
        // In the order of the text, so that the first fault is the first that a reader meets.
        let mut faults: Vec<PolicyFault> = verdict
            .validation_errors()
            .map(|error| PolicyFault::of(ffi::DetailedError::from(error), text))
            .collect();
        faults.sort_by(|a, b| (a.line, a.column, &a.what).cmp(&(b.line, b.column, &b.what)));
        match faults.into_iter().next() {
            Some(fault) => Err(fault),
            None => Ok(Self { set, schema }),
        }
    }

    /// May the principal do (or approve) every step of the plan? `Ok` names the policies that say so; `Err` says
    /// for each step that is not permitted why.
    pub(super) fn permits(
        &self,
        principal: &Principal<'_>,
        plan: &Plan,
        around: Around<'_>,
    ) -> Result<String, Vec<String>> {
        let mut by = BTreeSet::new();
        let mut not = Vec::new();
        for (index, step) in plan.steps.iter().enumerate() {
            match self.step(principal, plan, step, around) {
                Ok(policies) => by.extend(policies),
                Err(why) => not.push(format!(
                    "step {} ({} on {}): {why}",
                    index + 1,
                    step.action.word(),
                    step.action.entity()
                )),
            }
        }
        if not.is_empty() && !by.is_empty() {
            Ok(by.into_iter().collect::<Vec<_>>().join(", "))
        } else {
            Err(not)
        }
    }

    fn step(
        &self,
        principal: &Principal<'_>,
        plan: &Plan,
        step: &PlannedStep,
        around: Around<'_>,
    ) -> Result<Vec<String>, String> {
        let (request, entities) = self
            .request(principal, plan, step, around)
            .map_err(|what| format!("it could not be put to the policy: {what}"))?;
        let response = Authorizer::new().is_authorized(&request, &self.set, &entities);
        // A rule that could not be read might have been the one that forbids.
        let mut errors: Vec<String> = response
            .diagnostics()
            .errors()
            .map(ToString::to_string)
            .collect();
        errors.sort();
        if let Some(error) = errors.first() {
            return Err(format!("a rule of the policy failed: {error}"));
        }
        let mut rules: Vec<String> = response
            .diagnostics()
            .reason()
            .map(|id| self.name(id))
            .collect();
        rules.sort();
        match response.decision() {
            Decision::Allow => Ok(rules),
            Decision::Deny if rules.is_empty() => Err(match principal {
                Principal::Watch => "no rule lets the watch go alone".to_string(),
                Principal::Person(person) => {
                    format!("no rule lets {} approve it", super::shown(&person.name))
                }
            }),
            Decision::Deny => Err(format!("forbidden by {}", rules.join(", "))),
        }
    }

    /// The rule's `@id`, or its place.
    fn name(&self, id: &PolicyId) -> String {
        match self.set.annotation(id, "id") {
            Some(name) if !name.is_empty() => name.to_string(),
            _ => id.to_string(),
        }
    }

    fn request(
        &self,
        principal: &Principal<'_>,
        plan: &Plan,
        step: &PlannedStep,
        around: Around<'_>,
    ) -> Result<(Request, Entities), String> {
        let topology = around.topology;
        let text = |e: &dyn fmt::Display| e.to_string();
        let mut entities = Vec::new();
        let who = match principal {
            Principal::Watch => {
                let who = uid("Watch", "midwatch")?;
                entities.push(Entity::new_no_attrs(who.clone(), HashSet::new()));
                who
            }
            Principal::Person(person) => {
                let who = uid("Person", &person.name)?;
                let mut groups = HashSet::new();
                for group in &person.groups {
                    let group = uid("Group", group)?;
                    entities.push(Entity::new_no_attrs(group.clone(), HashSet::new()));
                    groups.insert(group);
                }
                entities.push(Entity::new_no_attrs(who.clone(), groups));
                who
            }
        };
        let on = step.action.entity();
        let mut scopes = HashSet::new();
        for scope in scopes_of(on, topology) {
            entities.push(component(scope, topology, HashSet::new())?);
            scopes.insert(uid("Component", scope.as_str())?);
        }
        entities.push(component(on, topology, scopes)?);

        let touched: BTreeSet<&EntityId> = plan
            .touches
            .iter()
            .chain(plan.steps.iter().map(|step| step.action.entity()))
            .collect();
        let mut touches = Vec::new();
        for entity in &touched {
            let entity = uid("Component", entity.as_str())?;
            touches.push(RestrictedExpression::new_entity_uid(entity));
        }
        let mechanisms: BTreeSet<&str> = plan
            .basis
            .iter()
            .map(|basis| basis.mechanism.0.as_str())
            .collect();
        // A number that is no number becomes 0.
        let percent = (around.confidence.clamp(0.0, 1.0) * 100.0 + 1e-9).floor() as i64;
        let long = |n: usize| RestrictedExpression::new_long(i64::try_from(n).unwrap_or(i64::MAX));
        let context = Context::from_pairs([
            (
                "harmless".to_string(),
                RestrictedExpression::new_bool(step.harmless),
            ),
            (
                "reversible".to_string(),
                RestrictedExpression::new_bool(step.undo.is_some()),
            ),
            (
                "confidence".to_string(),
                RestrictedExpression::new_long(percent),
            ),
            ("blast_radius".to_string(), long(touched.len())),
            (
                "touches".to_string(),
                RestrictedExpression::new_set(touches),
            ),
            ("steps".to_string(), long(plan.steps.len())),
            ("attempt".to_string(), long(plan.attempt as usize)),
            (
                "actuator".to_string(),
                RestrictedExpression::new_string(step.actuator.clone()),
            ),
            (
                "mechanisms".to_string(),
                RestrictedExpression::new_set(
                    mechanisms
                        .into_iter()
                        .map(|m| RestrictedExpression::new_string(m.to_string())),
                ),
            ),
        ])
        .map_err(|e| text(&e))?;
        let request = Request::new(
            who,
            uid("Action", step.action.word())?,
            uid("Component", on.as_str())?,
            context,
            Some(&self.schema),
        )
        .map_err(|e| text(&e))?;
        let entities =
            Entities::from_entities(entities, Some(&self.schema)).map_err(|e| text(&e))?;
        Ok((request, entities))
    }
}

fn uid(of: &str, id: &str) -> Result<EntityUid, String> {
    let name = EntityTypeName::from_str(of).map_err(|e| e.to_string())?;
    Ok(EntityUid::from_type_name_and_id(
        name,
        cedar_policy::EntityId::new(id),
    ))
}

fn component(
    id: &EntityId,
    topology: &Topology,
    scopes: HashSet<EntityUid>,
) -> Result<Entity, String> {
    let known = topology.entities.iter().find(|entity| entity.id == *id);
    let string = |text: &str| RestrictedExpression::new_string(text.to_string());
    let kind = known.map(|entity| entity.kind).unwrap_or_default();
    // The words that reports and policies share: the enum's own.
    let kind = serde_json::to_value(kind)
        .ok()
        .and_then(|value| value.as_str().map(str::to_string))
        .unwrap_or_default();
    let attributes = HashMap::from([
        (
            "name".to_string(),
            string(known.map_or(id.as_str(), |entity| &entity.name)),
        ),
        ("kind".to_string(), string(&kind)),
    ]);
    let labels = known.into_iter().flat_map(|entity| &entity.labels);
    Entity::new_with_tags(
        uid("Component", id.as_str())?,
        attributes,
        scopes,
        labels.map(|(name, value)| (name.clone(), string(value))),
    )
    .map_err(|e| e.to_string())
}

/// Every scope that the entity is part of, directly or not. A circle, which a hostile source might send, ends.
fn scopes_of<'a>(entity: &'a EntityId, topology: &'a Topology) -> BTreeSet<&'a EntityId> {
    let mut found = BTreeSet::new();
    let mut open = vec![entity];
    while let Some(inner) = open.pop() {
        for edge in &topology.edges {
            if edge.kind == EdgeKind::PartOf
                && edge.from == *inner
                && edge.to != *entity
                && found.insert(&edge.to)
            {
                open.push(&edge.to);
            }
        }
    }
    found
}
