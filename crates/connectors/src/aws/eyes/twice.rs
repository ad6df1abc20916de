//! What a service tells of itself and the audit trail tells as the call that ordered it is one change: the service's, with
//! when it was ordered and by whom; or the trail's, where the service tells nothing more ([`left_to_the_trail`]).
//!
//! Rollouts of ECS know best themselves what they altered ([`rollouts`](super::rollouts)), and records of AWS Config tell
//! it to whoever else tells of it ([`recorded`](super::recorded)).

use model::Change;
use model::time::{MINUTE, SECOND, Span};

use super::{gateways, machines};

/// How the changes of a service are called, by which call they are ordered, as the trail names it, and whether what the call
/// was given is told with them. (Names of changes are made of the first, of whom they are called, a colon, and which one.)
const ORDERS: [(&str, &str, bool); 4] = [
    ("codebuild:", "StartBuild", false),
    ("ssm:automation:", "StartAutomationExecution", true),
    ("ssm:command:", "SendCommand", false),
    // The value is among what it was given.
    ("ssm:parameter:", "PutParameter", false),
];
/// So long lies at most between a call and what it made.
const ORDERED: Span = Span(10 * SECOND);

/// Is this call of the trail the order of that change?
fn ordered(change: &Change, (own, call, _): (&str, &str, bool), other: &Change) -> bool {
    let Some((name, _)) = change
        .id
        .strip_prefix(own)
        .and_then(|rest| rest.rsplit_once(':'))
    else {
        return false;
    };
    let apart = change.start.since(other.start).0.saturating_abs();
    let said = |text: &str| !name.is_empty() && text.contains(name);
    other.title.starts_with(call)
        && apart <= ORDERED.0
        && (said(&other.title)
            || other.diff.as_deref().is_some_and(said)
            || other
                .entities
                .iter()
                .any(|one| change.entities.contains(one)))
}

/// Leaves each of them told once.
pub(super) fn told_once(changes: &mut Vec<Change>) {
    for order in ORDERS {
        let (mut own, mut others): (Vec<Change>, Vec<Change>) = std::mem::take(changes)
            .into_iter()
            .partition(|change| change.id.starts_with(order.0));
        for change in &mut own {
            let found = others
                .iter()
                .position(|other| ordered(change, order, other));
            let Some(found) = found else { continue };
            let mut other = others.remove(found);
            if !order.2 {
                other.diff = None;
            }
            // Who called is known better by the trail than by what the service calls them.
            let actor = std::mem::take(&mut other.actor);
            if !actor.is_empty() {
                change.actor = actor;
            }
            change.start = change.start.min(other.start);
            change.complete(other);
        }
        changes.extend(others);
        changes.extend(own);
    }
}

/// Calls that alter what a stage of an API serves.
const STAGES: &[&str] = &[
    "CreateDeployment",
    "CreateStage",
    "ImportApi",
    "ImportRestApi",
    "PutRestApi",
    "ReimportApi",
    "UpdateDeployment",
    "UpdateStage",
];
/// How changes are called that say no more than that something was, and the calls of which the trail tells by whom and
/// with what.
const LEFT: [(&str, &[&str]); 2] = [
    (gateways::ID, STAGES),
    (machines::ID, &["RunInstances", "StartInstances"]),
];
/// So long after such a call its service tells of it.
const TOLD: Span = Span(2 * MINUTE);

/// Leaves out what says less than the trail does.
pub(super) fn left_to_the_trail(changes: &mut Vec<Change>) {
    for (id, calls) in LEFT {
        let (mut own, others): (Vec<Change>, Vec<Change>) = std::mem::take(changes)
            .into_iter()
            .partition(|change| change.id.starts_with(id));
        own.retain(|change| {
            !others.iter().any(|other| {
                let entities = &change.entities;
                calls.iter().any(|call| other.title.starts_with(call))
                    && change.start.since(other.start).0.saturating_abs() <= TOLD.0
                    && entities.iter().all(|one| other.entities.contains(one))
            })
        });
        *changes = others;
        changes.append(&mut own);
    }
}

#[cfg(test)]
mod tests {
    use model::EntityId;
    use model::time::Timestamp;

    use super::super::found::plain;
    use super::*;

    fn change(id: &str, title: &str, at: i64, who: &str) -> Change {
        let at = Timestamp(at * SECOND);
        Change {
            id: id.to_string(),
            ..plain(title, (at, at), vec![EntityId::from(who)])
        }
    }

    #[test]
    fn what_the_audit_trail_tells_of_is_left_to_it() {
        let mut changes = vec![
            change("apigateway:a:prod", "prod of a", 600, "gateway/a"),
            change("apigateway:b:prod", "prod of b", 600, "gateway/b"),
            change("apigateway:a:test", "test of a", 1_200, "gateway/a"),
            change("e-1", "CreateDeployment a", 540, "gateway/a"),
            change("e-2", "TagResource b", 600, "gateway/b"),
            change("ec2:r-1:600", "host/i-1: launched", 600, "host/i-1"),
            change("ec2:r-2:600", "host/i-2: launched", 600, "host/i-2"),
            change("ec2:r-1:1200", "host/i-1: launched", 1_200, "host/i-1"),
            change("e-3", "RunInstances i-1", 540, "host/i-1"),
            change("e-4", "CreateTags i-2", 600, "host/i-2"),
        ];
        left_to_the_trail(&mut changes);
        let ids: Vec<&str> = changes.iter().map(|one| one.id.as_str()).collect();
        assert_eq!(
            ids,
            [
                "e-1",
                "e-2",
                "e-3",
                "e-4",
                "apigateway:b:prod",
                "apigateway:a:test",
                "ec2:r-2:600",
                "ec2:r-1:1200",
            ]
        );
    }

    #[test]
    fn an_order_and_what_it_made_are_one_change() {
        let change = |id: &str, title: &str, at: i64, diff: &str| Change {
            actor: if diff.is_empty() { "" } else { "anna" }.to_string(),
            diff: (!diff.is_empty()).then(|| diff.to_string()),
            ..change(id, title, at, if diff.is_empty() { "a" } else { "b" })
        };
        let mut changes = vec![
            change(
                "e-1",
                "PutParameter",
                100,
                "+name: /shop/pool\n+value: 20\n",
            ),
            change("e-2", "PutParameter", 100, "+name: /shop/other\n"),
            change("e-3", "StartBuild", 205, "+projectName: web\n"),
            change("e-4", "StartBuild", 300, "+projectName: web\n"),
            change(
                "ssm:parameter:/shop/pool:3",
                "parameter /shop/pool",
                101,
                "",
            ),
            change("codebuild:web:77", "build of web", 206, ""),
            change("codebuild:nobody", "build", 300, ""),
        ];
        told_once(&mut changes);
        let told: Vec<(&str, i64, &str, bool)> = changes
            .iter()
            .map(|one| {
                (
                    one.id.as_str(),
                    one.start.0 / SECOND,
                    one.actor.as_str(),
                    one.diff.is_some(),
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                ("e-2", 100, "anna", true),
                ("e-4", 300, "anna", true),
                ("codebuild:web:77", 205, "anna", false),
                ("codebuild:nobody", 300, "", false),
                ("ssm:parameter:/shop/pool:3", 100, "anna", false),
            ]
        );
    }
}
