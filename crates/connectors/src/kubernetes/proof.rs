//! Did it keep to what it needs? The audit log of an API server, held against the table of calls.
//!
//! A log is events of `audit.k8s.io/v1`: one after another, as a server writes them, in lines or over several; or arrays of
//! them; or lists of them (`EventList`), as a server posts them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::calls::{LISTED, LOGS, VERSION};
use crate::delivery::{name, said_at, text_at};

/// Stages of a call that has not ended. What lasts (`watch`, `exec`) stands in a log by them alone until it ends.
const UNENDED: [&str; 2] = ["RequestReceived", "ResponseStarted"];

/// What a log shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// Calls of the callers that were asked about.
    pub calls: u64,
    /// Calls of others.
    pub others: u64,
    /// Calls that are in the table, as `list apps/deployments`.
    pub known: BTreeSet<String>,
    /// Those that are not, and how often each was made.
    pub foreign: BTreeMap<String, u64>,
}

/// Why a log cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLog {
    /// It is no JSON.
    #[error("it is no JSON after {0} records: {1}")]
    Json(u64, String),
    /// A record tells of no call.
    #[error(
        "record {0} tells of no call: it has no verb, as events of an API server's audit log have"
    )]
    NoCall(u64),
}

/// Holds a log against the table. Only calls of callers whose name contains `by` count; all, if it is empty.
///
/// A call stands in several stages under one id, and counts once; without an id it counts where it ended.
///
/// # Errors
/// If there is something else in it than calls: what cannot be read could be any call, so nothing would be proven.
pub fn prove(log: &str, by: &str) -> Result<Proof, BadLog> {
    let mut proof = Proof::default();
    let mut met: BTreeSet<(String, bool, String)> = BTreeSet::new();
    let mut read = 0;
    for document in serde_json::Deserializer::from_str(log).into_iter::<Value>() {
        let document = document.map_err(|error| BadLog::Json(read, error.to_string()))?;
        for event in events(&document) {
            read += 1;
            let verb = text_at(event, &["verb"]);
            if verb.is_empty() {
                return Err(BadLog::NoCall(read));
            }
            let own = text_at(event, &["user", "username"]).contains(by);
            let (call, allowed) = made(event, verb);
            let counts = match text_at(event, &["auditID"]) {
                "" => !UNENDED.contains(&text_at(event, &["stage"])),
                // Whoever asks may choose the id, so it alone does not tell that it is the same call.
                id => met.insert((id.to_string(), own, call.clone())),
            };
            if counts {
                proof.count(own, call, allowed);
            }
        }
    }
    Ok(proof)
}

impl Proof {
    fn count(&mut self, own: bool, call: String, allowed: bool) {
        if !own {
            self.others += 1;
            return;
        }
        self.calls += 1;
        if allowed {
            self.known.insert(call);
        } else {
            *self.foreign.entry(call).or_default() += 1;
        }
    }
}

/// The events of a document: those of an array, those of a list, or the one that it is.
fn events(document: &Value) -> &[Value] {
    let list = match document.get("verb") {
        Some(_) => document,
        None => document.get("items").unwrap_or(document),
    };
    list.as_array()
        .map_or(std::slice::from_ref(document), Vec::as_slice)
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

    const LISTS: &str = r#"{"verb":"list","stage":"ResponseComplete","user":{"username":"ops:midwatch"},"objectRef":{"resource":"pods"}}"#;
    const DELETES: &str = r#"{
  "verb": "delete",
  "stage": "ResponseComplete",
  "user": {
    "username": "ops:midwatch"
  },
  "objectRef": {
    "resource": "pods"
  }
}"#;
    const TRAIL: &str =
        r#"{"Records":[{"eventSource":"sqs.amazonaws.com","eventName":"ListQueues"}]}"#;

    /// What a log shows, or why it cannot be read.
    fn said(log: &str, by: &str) -> String {
        match prove(log, by) {
            Ok(proof) => {
                let foreign: Vec<String> = proof
                    .foreign
                    .iter()
                    .map(|(call, times)| format!("{times} x {call}"))
                    .collect();
                let (calls, others) = (proof.calls, proof.others);
                format!("{calls} calls, {others} of others; {}", foreign.join(", "))
            }
            Err(error) => error.to_string(),
        }
    }

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
        ]
        .join("\n");
        let proof = prove(&log, "ops:midwatch").unwrap();
        assert_eq!((proof.calls, proof.others), (6, 1));
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
        let begun = format!("[{}]", log.lines().next().unwrap());
        assert_eq!(prove(&begun, "").unwrap(), Proof::default());
    }

    #[test]
    fn every_way_of_writing_events_is_read() {
        let list = |events: &[&str]| {
            let events = events.join(",");
            format!(
                r#"{{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{{}},"items":[{events}]}}"#
            )
        };
        let both = "2 calls, 0 of others; 1 x delete pods";
        for (log, wanted) in [
            (LISTS.to_string(), "1 calls, 0 of others; "),
            (format!("{LISTS}\n{LISTS}\n"), "2 calls, 0 of others; "),
            (format!("{LISTS}\n{DELETES}"), both),
            (format!("{DELETES}\n\n{LISTS}\n"), both),
            (format!("[{LISTS},{DELETES}]"), both),
            (list(&[LISTS, DELETES]), both),
            (list(&[LISTS]) + "\n" + &list(&[DELETES]), both),
            (list(&[LISTS]) + DELETES, both),
            // An event stays one, whatever else is in it.
            (
                DELETES.replacen('{', r#"{"items":[],"#, 1),
                "1 calls, 0 of others; 1 x delete pods",
            ),
            (list(&[]), "0 calls, 0 of others; "),
            (String::new(), "0 calls, 0 of others; "),
            (" \n\n".to_string(), "0 calls, 0 of others; "),
        ] {
            assert_eq!(said(&log, "midwatch"), wanted, "{log}");
        }
    }

    #[test]
    fn what_cannot_be_read_proves_nothing() {
        let no_verb = |number: u64| format!("record {number} tells of no call: it has no verb");
        for (log, wanted) in [
            (
                "broken{".to_string(),
                "it is no JSON after 0 records: expected value at line 1".to_string(),
            ),
            (
                format!("{LISTS}\nbroken{{"),
                "it is no JSON after 1 records: expected value at line 2".to_string(),
            ),
            // The end of a file that is still written, or was cut.
            (
                format!("{LISTS}\n{{\"verb\":"),
                "it is no JSON after 1 records: EOF".to_string(),
            ),
            (TRAIL.to_string(), no_verb(1)),
            (format!("{LISTS}\n{TRAIL}"), no_verb(2)),
            (format!("[{LISTS},{{}}]"), no_verb(2)),
            (format!("{{\"items\":[{LISTS},null]}}"), no_verb(2)),
            ("{\"items\":{}}".to_string(), no_verb(1)),
            ("{\"verb\":7}".to_string(), no_verb(1)),
            ("7".to_string(), no_verb(1)),
        ] {
            for by in ["", "midwatch", "anna"] {
                let said = said(&log, by);
                assert!(said.starts_with(&wanted), "{log}: {said}");
            }
        }
    }

    #[test]
    fn a_call_counts_once_and_before_it_ends() {
        let event = |id: &str, verb: &str, resource: &str, stage: &str| {
            serde_json::json!({"auditID": id, "verb": verb, "stage": stage,
                "user": {"username": "ops:midwatch"}, "objectRef": {"resource": resource}})
            .to_string()
        };
        let listed = event("a", "list", "pods", "ResponseComplete");
        for (log, wanted) in [
            (
                event("a", "list", "pods", "RequestReceived") + &listed,
                "1 calls, 0 of others; ",
            ),
            (
                event("b", "watch", "secrets", "RequestReceived")
                    + &event("b", "watch", "secrets", "ResponseStarted"),
                "1 calls, 0 of others; 1 x watch secrets",
            ),
            (
                listed.clone() + &event("a", "delete", "pods", "RequestReceived"),
                "2 calls, 0 of others; 1 x delete pods",
            ),
            (
                event("", "watch", "secrets", "RequestReceived")
                    + &event("", "watch", "secrets", "ResponseComplete"),
                "1 calls, 0 of others; 1 x watch secrets",
            ),
        ] {
            assert_eq!(said(&log, ""), wanted, "{log}");
        }
        assert_eq!(said(&listed, "anna"), "0 calls, 1 of others; ");
    }
}
