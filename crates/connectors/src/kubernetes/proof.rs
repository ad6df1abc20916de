//! Did it keep to what it needs? The audit log of an API server, held against the table of calls.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::calls::{LISTED, LOGS, VERSION};
use crate::delivery::{name, said_at, take, text_at};

/// What a log shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// Calls of the callers that were asked about.
    pub calls: u64,
    /// Calls of others, and lines that are none.
    pub others: u64,
    /// Calls that are in the table, as `list apps/deployments`.
    pub known: BTreeSet<String>,
    /// Those that are not, and how often each was made.
    pub foreign: BTreeMap<String, u64>,
}

/// Holds a log against the table: JSON lines of `audit.k8s.io/v1`, or a list of them. Only calls of callers whose name
/// contains `by` count; all, if it is empty. A call stands in several stages; the last one of each counts.
pub fn prove(log: &str, by: &str) -> Proof {
    let mut proof = Proof::default();
    let whole: Option<Value> = serde_json::from_str(log).ok();
    let items = match whole {
        Some(Value::Array(items)) => items,
        Some(mut list) if list["items"].is_array() => match take(&mut list, "items") {
            Value::Array(items) => items,
            _ => Vec::new(),
        },
        Some(one) => vec![one],
        None => log
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| serde_json::from_str(line).unwrap_or_default())
            .collect(),
    };
    for event in items {
        let (caller, verb) = (
            text_at(&event, &["user", "username"]),
            text_at(&event, &["verb"]),
        );
        let stage = text_at(&event, &["stage"]);
        if stage == "RequestReceived" || stage == "ResponseStarted" {
            continue;
        }
        if verb.is_empty() || !caller.contains(by) {
            proof.others += 1;
            continue;
        }
        proof.calls += 1;
        let (call, allowed) = made(&event, verb);
        if allowed {
            proof.known.insert(call);
        } else {
            *proof.foreign.entry(call).or_default() += 1;
        }
    }
    proof
}

/// A call as people write it, and whether it is in the table.
fn made(event: &Value, verb: &str) -> (String, bool) {
    let part = |key: &str| said_at(event, &["objectRef", key]);
    let (group, resource, below) = (part("apiGroup"), part("resource"), part("subresource"));
    if resource.is_empty() {
        let path = said_at(event, &["requestURI"]);
        let allowed = verb == "get" && path.split('?').next() == Some(VERSION);
        return (format!("{} {path}", name(verb)), allowed);
    }
    let resource = match below.as_str() {
        "" => resource,
        below => format!("{resource}/{below}"),
    };
    let allowed = LISTED
        .iter()
        .chain([&LOGS])
        .any(|call| call.group == group && call.resource == resource && call.verb == verb);
    let place = match group.as_str() {
        "" => resource,
        group => format!("{group}/{resource}"),
    };
    (format!("{} {place}", name(verb)), allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_shows_what_was_not_needed() {
        let line = |user: &str,
                    verb: &str,
                    group: &str,
                    resource: &str,
                    below: &str,
                    stage: &str| {
            serde_json::json!({"user": {"username": user}, "verb": verb, "stage": stage, "requestURI": "/x",
                "objectRef": {"apiGroup": group, "resource": resource, "subresource": below}})
            .to_string()
        };
        let us = "system:serviceaccount:ops:midwatch";
        let log = [
            line(us, "list", "", "pods", "", "RequestReceived"),
            line(us, "list", "", "pods", "", "ResponseComplete"),
            line(us, "get", "", "pods", "log", "ResponseComplete"),
            line(us, "list", "apps", "deployments", "", "ResponseComplete"),
            line(us, "list", "", "secrets", "", "ResponseComplete"),
            line(us, "patch", "apps", "deployments", "", "ResponseComplete"),
            line("anna", "delete", "", "pods", "", "ResponseComplete"),
            r#"{"user":{"username":"system:serviceaccount:ops:midwatch"},"verb":"get","requestURI":"/version?x=1"}"#.to_string(),
            "no line".to_string(),
        ]
        .join("\n");
        let proof = prove(&log, "ops:midwatch");
        assert_eq!((proof.calls, proof.others), (6, 2));
        let known: Vec<&str> = proof.known.iter().map(String::as_str).collect();
        assert_eq!(
            known,
            [
                "get /version?x=1",
                "get pods/log",
                "list apps/deployments",
                "list pods"
            ]
        );
        let foreign: Vec<&str> = proof.foreign.keys().map(String::as_str).collect();
        assert_eq!(foreign, ["list secrets", "patch apps/deployments"]);
        assert_eq!(
            prove(&format!("[{}]", log.lines().next().unwrap()), "").calls,
            0
        );
        assert_eq!(prove("", "").calls, 0);
    }
}
