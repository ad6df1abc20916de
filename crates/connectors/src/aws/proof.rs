//! Whether the calls of a log are all in the table of whoever made them: eyes or hands.
//!
//! A log is what CloudTrail exports (files of `Records`, or one record per line), what `aws cloudtrail lookup-events`
//! prints, or what the connector itself writes down (`call_log`).
//!
//! What is in the table reads, whatever its name sounds like: a search of logs is started and stopped, and alters nothing
//! ([`READS_BY_ANOTHER_NAME`](super::calls::READS_BY_ANOTHER_NAME)).

use std::collections::BTreeMap;

use serde_json::Value;

use super::calls::Call;

/// What a log shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// Calls that count, those outside of the table included.
    pub calls: u64,
    /// Calls of somebody else, which do not count.
    pub others: u64,
    /// How often each call was made that is in the table, by its action.
    pub known: BTreeMap<String, u64>,
    /// How often each call was made that is not.
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
        "record {0} tells of no call: it has neither eventSource and eventName nor service and operation"
    )]
    NoCall(u64),
}

/// Finds the call of a table that a log knows by the names of its source and of itself.
pub type Table = fn(&str, &str) -> Option<&'static Call>;

/// Holds the calls of a log against a table ([`calls::by_trail`](super::calls::by_trail) is that of the eyes,
/// [`deeds::by_trail`](super::deeds::by_trail) that of the hands). With `by`, only those count whose caller's name or ARN contains it.
///
/// # Errors
/// If there is something else in it than calls.
pub fn prove(log: &str, by: &str, table: Table) -> Result<Proof, BadLog> {
    let mut proof = Proof::default();
    let mut read = 0;
    for document in serde_json::Deserializer::from_str(log).into_iter::<Value>() {
        let document = document.map_err(|error| BadLog::Json(read, error.to_string()))?;
        let list = ["Records", "Events"]
            .iter()
            .find_map(|name| document.get(name)?.as_array());
        match list {
            Some(list) => {
                for record in list {
                    read += 1;
                    proof.take(record, by, read, table)?;
                }
            }
            None => {
                read += 1;
                proof.take(&document, by, read, table)?;
            }
        }
    }
    Ok(proof)
}

impl Proof {
    fn take(&mut self, record: &Value, by: &str, number: u64, table: Table) -> Result<(), BadLog> {
        let text = |names: &[&str]| -> String {
            let found = names.iter().find_map(|name| record.get(name)?.as_str());
            found.unwrap_or_default().to_string()
        };
        let source = text(&["eventSource", "EventSource", "service"]);
        let name = text(&["eventName", "EventName", "operation"]);
        if source.is_empty() || name.is_empty() {
            return Err(BadLog::NoCall(number));
        }
        if !by.is_empty() && !callers(record).iter().any(|caller| caller.contains(by)) {
            self.others += 1;
            return Ok(());
        }
        self.calls += 1;
        match table(&source, &name) {
            Some(call) => *self.known.entry(call.action.to_string()).or_default() += 1,
            None => *self.foreign.entry(format!("{source} {name}")).or_default() += 1,
        }
        Ok(())
    }
}

/// Everything that a record calls its caller.
fn callers(record: &Value) -> Vec<String> {
    let inner = record.get("CloudTrailEvent").and_then(Value::as_str);
    let inner: Option<Value> = inner.and_then(|text| serde_json::from_str(text).ok());
    let detail = inner.as_ref().unwrap_or(record);
    let paths = [
        "/userIdentity/arn",
        "/userIdentity/userName",
        "/userIdentity/sessionContext/sessionIssuer/arn",
    ];
    let named = paths.iter().filter_map(|path| detail.pointer(path));
    let beside = ["Username", "by"]
        .iter()
        .filter_map(|name| record.get(name));
    named
        .chain(beside)
        .filter_map(|value| Some(value.as_str()?.to_string()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::{calls, deeds};
    use super::*;

    const LOOKED_UP: &str = r#"{"Events":[
        {"EventSource":"monitoring.amazonaws.com","EventName":"DescribeAlarms","Username":"midwatch"},
        {"EventSource":"lambda.amazonaws.com","EventName":"UpdateFunctionCode20150331v2","Username":"anna",
         "CloudTrailEvent":"{\"userIdentity\":{\"arn\":\"arn:aws:iam::1:user/anna\"}}"}]}"#;
    const EXPORTED: &str = r#"{"Records":[
        {"eventSource":"sts.amazonaws.com","eventName":"AssumeRole","userIdentity":{"arn":"arn:aws:sts::1:assumed-role/midwatch/x"}}]}
{"eventSource":"logs.amazonaws.com","eventName":"FilterLogEvents","userIdentity":{"arn":"arn:aws:sts::1:assumed-role/midwatch/x"}}
{"at":"2026-01-01T00:00:00Z","service":"sqs","operation":"ListQueues","by":"midwatch"}"#;

    #[test]
    fn a_log_is_held_against_the_table() {
        let proof = prove(LOOKED_UP, "", calls::by_trail).unwrap();
        assert_eq!(proof.calls, 2);
        let foreign: Vec<_> = proof.foreign.into_iter().collect();
        let wanted = "lambda.amazonaws.com UpdateFunctionCode20150331v2".to_string();
        assert_eq!(foreign, [(wanted, 1)]);

        let own = prove(LOOKED_UP, "midwatch", calls::by_trail).unwrap();
        assert_eq!((own.calls, own.others), (1, 1));
        assert!(own.foreign.is_empty());

        let proof = prove(EXPORTED, "midwatch", calls::by_trail).unwrap();
        assert_eq!((proof.calls, proof.others), (3, 0));
        assert!(proof.foreign.is_empty(), "{proof:?}");
        let known: Vec<&str> = proof.known.keys().map(String::as_str).collect();
        assert_eq!(
            known,
            ["logs:FilterLogEvents", "sqs:ListQueues", "sts:AssumeRole"]
        );
    }

    #[test]
    fn a_deed_is_no_call_of_the_eyes() {
        let did = r#"{"service":"lambda","operation":"PutFunctionConcurrency","by":"aws.main.hands"}
{"service":"lambda","operation":"GetFunctionConcurrency","by":"aws.main.hands"}"#;
        let eyes = prove(did, "", calls::by_trail).unwrap();
        let foreign: Vec<&String> = eyes.foreign.keys().collect();
        assert_eq!(foreign, ["lambda PutFunctionConcurrency"]);
        let hands = prove(did, "", deeds::by_trail).unwrap();
        assert!(hands.foreign.is_empty(), "{hands:?}");
        // Their role is taken by somebody else; it takes none itself.
        let taken = r#"{"service":"sts","operation":"AssumeRole","by":"aws.main.hands"}"#;
        let taken = prove(taken, "", deeds::by_trail).unwrap();
        assert!(taken.foreign.is_empty(), "{taken:?}");
        let takes = r#"{"eventSource":"sts.amazonaws.com","eventName":"AssumeRole",
            "userIdentity":{"arn":"arn:aws:sts::1:assumed-role/midwatch-acts/midwatch-hands"}}"#;
        let takes = prove(takes, "midwatch-acts", deeds::by_trail).unwrap();
        assert_eq!((takes.calls, takes.foreign.len()), (1, 1));
        // Hands have no business with what only eyes look at.
        let read = r#"{"service":"logs","operation":"FilterLogEvents","by":"aws.main"}"#;
        assert_eq!(prove(read, "", deeds::by_trail).unwrap().foreign.len(), 1);
    }

    #[test]
    fn a_search_only_reads_and_what_is_named_like_one_is_not_excused() {
        let log = r#"{"eventSource":"logs.amazonaws.com","eventName":"StartQuery"}
{"service":"logs","operation":"StopQuery","by":"aws.main"}
{"eventSource":"athena.amazonaws.com","eventName":"StartQueryExecution"}
{"eventSource":"logs.amazonaws.com","eventName":"StartLiveTail"}"#;
        let proof = prove(log, "", calls::by_trail).unwrap();
        let known: Vec<&str> = proof.known.keys().map(String::as_str).collect();
        assert_eq!(known, ["logs:StartQuery", "logs:StopQuery"]);
        assert_eq!(proof.foreign.len(), 2, "{proof:?}");
    }

    #[test]
    fn what_is_no_log_proves_nothing() {
        assert_eq!(prove("", "", calls::by_trail).unwrap(), Proof::default());
        assert_eq!(prove("[1]", "", calls::by_trail), Err(BadLog::NoCall(1)));
        assert_eq!(
            prove("{\"a\":1}", "", calls::by_trail),
            Err(BadLog::NoCall(1))
        );
        assert!(matches!(
            prove("{\"Events\":[]} no", "", calls::by_trail),
            Err(BadLog::Json(0, _))
        ));
    }
}
