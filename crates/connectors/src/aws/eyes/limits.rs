//! How many copies of a function may run at once. AWS tells it of one function at a time, so it is asked of those of whom it
//! could matter: who fires, whose limit was altered, whose calls were turned away.

use std::collections::{BTreeMap, BTreeSet};

use model::query::Gap;
use model::{EntityId, SourceKind};
use serde_json::json;

use super::ask::{Asking, Miss};
use super::found::Found;

/// What functions are told of as.
const FUNCTION: &str = "lambda.function";

/// Limits of functions, by what is known by now.
#[derive(Default)]
pub(super) struct Limits(BTreeMap<EntityId, i32>);

impl Limits {
    /// Writes them into what is told of the functions.
    pub fn stand(self, found: &mut Found) {
        for one in &mut found.snapshots {
            if one.kind == FUNCTION
                && let Some(limit) = self.0.get(&one.entity)
            {
                one.document["ReservedConcurrentExecutions"] = json!(limit);
            }
        }
    }
}

/// Asks for them; what could not be told is the gap of what is given first.
pub(super) async fn look(
    asking: &Asking<'_>,
    firing: &BTreeSet<EntityId>,
    known: &Found,
) -> (Found, Limits) {
    let mut found = Found::default();
    let mut limits = Limits::default();
    let functions = matter(firing, known);
    let wanted = ("how often functions may run at once", "functions");
    for (entity, name) in found.first(asking, firing, wanted, functions, false) {
        if let Err(miss) = one(asking, entity, &name, &mut limits).await {
            found.missed(asking, wanted.0, &miss);
            break;
        }
    }
    (found, limits)
}

async fn one(
    asking: &Asking<'_>,
    entity: EntityId,
    name: &str,
    limits: &mut Limits,
) -> Result<(), Miss> {
    let sent = asking.place.lambda.get_function_concurrency();
    let sent = sent.function_name(name).send();
    let answer = asking.ask("lambda:GetFunctionConcurrency", 1, sent).await?;
    if let Some(limit) = answer.reserved_concurrent_executions() {
        limits.0.insert(entity, limit);
    }
    Ok(())
}

/// Functions of whom it could matter; all of them where numbers or the audit trail cannot tell.
fn matter(firing: &BTreeSet<EntityId>, known: &Found) -> Vec<(EntityId, String)> {
    let throttled = known
        .series
        .iter()
        .filter(|one| one.key.metric == "Throttles" && one.values.iter().any(|value| *value > 0.0));
    let altered = known.changes.iter();
    let altered = altered.filter(|one| one.title.contains("Concurrency"));
    let mut matter: BTreeSet<&EntityId> = throttled.map(|one| &one.key.entity).collect();
    matter.extend(altered.flat_map(|one| &one.entities));
    matter.extend(firing);
    let trail = known.seen.contains(&SourceKind::Changes);
    let blind = known.series.is_empty() || !trail || known.gaps.iter().any(Gap::hides_changes);
    let functions = known.snapshots.iter().filter(|one| one.kind == FUNCTION);
    functions
        .filter(|one| blind || matter.contains(&one.entity))
        .filter_map(|one| {
            let name = one.document["FunctionName"].as_str()?;
            Some((one.entity.clone(), name.to_string()))
        })
        .collect()
}
