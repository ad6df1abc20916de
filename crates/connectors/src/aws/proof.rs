//! Whether the calls of a log are all in the table.
//!
//! A log is what CloudTrail exports (files of `Records`, or one record per line), what `aws cloudtrail lookup-events`
//! prints, or what the connector itself writes down (`call_log`).

use std::collections::BTreeMap;

use serde_json::Value;

use super::calls;

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

/// Holds the calls of a log against the table. With `by`, only those count whose caller's name or ARN contains it.
///
/// # Errors
/// If there is something else in it than calls.
pub fn prove(log: &str, by: &str) -> Result<Proof, BadLog> {
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
                    proof.take(record, by, read)?;
                }
            }
            None => {
                read += 1;
                proof.take(&document, by, read)?;
            }
        }
    }
    Ok(proof)
}

impl Proof {
    fn take(&mut self, record: &Value, by: &str, number: u64) -> Result<(), BadLog> {
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
        match calls::by_trail(&source, &name) {
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
        let proof = prove(LOOKED_UP, "").unwrap();
        assert_eq!(proof.calls, 2);
        let foreign: Vec<_> = proof.foreign.into_iter().collect();
        let wanted = "lambda.amazonaws.com UpdateFunctionCode20150331v2".to_string();
        assert_eq!(foreign, [(wanted, 1)]);

        let own = prove(LOOKED_UP, "midwatch").unwrap();
        assert_eq!((own.calls, own.others), (1, 1));
        assert!(own.foreign.is_empty());

        let proof = prove(EXPORTED, "midwatch").unwrap();
        assert_eq!((proof.calls, proof.others), (3, 0));
        assert!(proof.foreign.is_empty(), "{proof:?}");
        let known: Vec<&str> = proof.known.keys().map(String::as_str).collect();
        assert_eq!(
            known,
            ["logs:FilterLogEvents", "sqs:ListQueues", "sts:AssumeRole"]
        );
    }

    #[test]
    fn what_is_no_log_proves_nothing() {
        assert_eq!(prove("", "").unwrap(), Proof::default());
        assert_eq!(prove("[1]", ""), Err(BadLog::NoCall(1)));
        assert_eq!(prove("{\"a\":1}", ""), Err(BadLog::NoCall(1)));
        assert!(matches!(
            prove("{\"Events\":[]} no", ""),
            Err(BadLog::Json(0, _))
        ));
    }
}
