//! What a service of ECS ran before a change, wherever AWS still tells: what was rolled out until then, as ECS answered to
//! the change itself, or what the audit trail tells of the call before it. What cannot be told for certain is not guessed.

use serde_json::Value;

use super::Trouble;
use super::bench::Work;
use super::former::cannot;
use super::record::{Record, field};
use super::service::{Aim, Place, Present, short};

/// ECS's calls that say what a service runs, or end it.
const CALLS: [&str; 3] = ["UpdateService", "CreateService", "DeleteService"];
/// What a change may have asked for that can be put back, or that says nothing of what is.
const KNOWN: [&str; 6] = [
    "cluster",
    "desiredcount",
    "forcenewdeployment",
    "service",
    "taskdefinition",
    "clienttoken",
];

/// The last part of an ARN's path, or the name itself.
fn last(named: &str) -> &str {
    named.rsplit('/').next().unwrap_or(named)
}

/// Is this about that service?
fn about(record: &Record, place: &Place) -> bool {
    let named = record
        .text("service")
        .or_else(|| record.text("serviceName"));
    // A service's ARN may name its cluster, and a call may leave it to that; without either it is that called so.
    let within = named.and_then(|named| {
        let mut parts = named.split_once(":service/")?.1.split('/');
        let (cluster, rest) = (parts.next()?, parts.next());
        rest.map(|_| cluster)
    });
    let cluster = record.text("cluster").map(last).or(within);
    record.took_effect()
        && named.map(last) == Some(place.at.name.as_str())
        && cluster.unwrap_or("default") == place.cluster
}

/// The revision that a record says is to run: what ECS made of what was asked.
fn set(record: &Record) -> Option<String> {
    let asked = record.text("taskDefinition")?;
    let made = record
        .answered("service")
        .and_then(|service| field(service, "taskDefinition"))
        .and_then(Value::as_str);
    let name = short(made.unwrap_or(asked));
    // A family alone is its newest revision at that time, which nobody knows any more.
    name.contains(':').then(|| name.to_string())
}

/// What was rolled out until that change, as ECS answered to it.
fn replaced(record: &Record, set: &str) -> Option<String> {
    let service = record.answered("service")?;
    let all = field(service, "deployments")?.as_array()?;
    let text = |one: &Value, name: &str| Some(field(one, name)?.as_str()?.to_string());
    let mut former: Vec<String> = all
        .iter()
        .filter(|one| text(one, "status").as_deref() == Some("ACTIVE"))
        .filter_map(|one| Some(short(&text(one, "taskDefinition")?).to_string()))
        .filter(|one| one != set)
        .collect();
    former.dedup();
    match former.len() {
        1 => former.pop(),
        // Of several that were under way it is not told which was the good one.
        _ => None,
    }
}

fn copies(record: &Record) -> Option<u64> {
    record.asked("desiredCount")?.as_u64()
}

impl Work<'_> {
    /// The state before that change of that service, as something to be so again.
    pub async fn former_service(
        &self,
        place: &Place,
        present: &Present,
        change: &str,
    ) -> Result<Aim, Trouble> {
        let change = self.record(&place.at, change).await?;
        if !change.is("UpdateService") || !about(&change, place) {
            return cannot(format!(
                "{} is no update of {} in {}, which is all that these hands put back of a service",
                change.name, place.at.name, place.cluster
            ));
        }
        let mut rest: Vec<String> = change.asks().collect();
        rest.retain(|name| !KNOWN.contains(&name.as_str()));
        if !rest.is_empty() {
            rest.sort_unstable();
            return cannot(format!(
                "that change also set {}, which these hands do not put back",
                rest.join(", ")
            ));
        }
        let (moved, scaled) = (change.asked("taskDefinition").is_some(), copies(&change));
        if !moved && scaled.is_none() {
            return cannot("that change set neither a task definition nor how many copies run");
        }
        let calls = CALLS.map(str::to_string);
        let earlier = self
            .earlier(&place.at, &change, &calls, |one| about(one, place))
            .await?;
        let untold =
            |what| format!("the audit trail does not reach back to {what}: it keeps 90 days");
        let mut aim = Aim::default();
        if moved {
            let Some(now) = set(&change) else {
                return cannot("the audit trail does not tell which revision that change set");
            };
            let named = |record: &Record| record.asked("taskDefinition").map(|_| set(record));
            let before = match replaced(&change, &now) {
                Some(before) => before,
                None if present.rolls_back => {
                    return cannot(
                        "ECS may have brought that service back by itself before that change, and tells nobody to what: \
                         set the version",
                    );
                }
                None => match earlier.newest(&change, named)? {
                    Some((_, Some(before))) => before,
                    Some((_, None)) => {
                        return cannot("the audit trail does not tell which revision ran before");
                    }
                    None => return cannot(untold("what ran before")),
                },
            };
            if present.definition != now && present.definition != before {
                return cannot(format!(
                    "it was altered again since that change, and runs {}",
                    present.definition
                ));
            }
            aim.definition = Some(before);
        }
        if let Some(now) = scaled {
            let Some((_, before)) = earlier.newest(&change, copies)? else {
                return cannot(untold("how many ran before"));
            };
            if present.copies != now && present.copies != before {
                return cannot(format!(
                    "it was scaled again since that change, to {}",
                    present.copies
                ));
            }
            aim.copies = Some(before);
        }
        Ok(aim)
    }
}
