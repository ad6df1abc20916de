//! One record of the audit trail: which call it tells of, what that set, and what was answered.

use std::collections::BTreeMap;

use aws_sdk_cloudtrail::types::Event;
use model::time::Timestamp;
use serde_json::Value;

use super::parameter::Parameter;
use crate::aws::eyes::alarms::moment;

/// What stands in the trail in place of what it does not tell.
const HIDDEN: &str = "HIDDEN";

/// One call that the trail tells of.
pub(super) struct Record {
    pub id: String,
    pub name: String,
    pub at: Timestamp,
    /// What was asked.
    parameters: Value,
    /// What was answered.
    answer: Value,
    /// It was refused, or it only read.
    idle: bool,
    /// What the trail itself says that it was about.
    resources: Vec<String>,
}

/// What a record says of variables.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Name to value.
    Values(BTreeMap<String, String>),
    /// That they were set, and not to what.
    Hidden,
}

/// A field under either of its spellings: AWS's trail begins names with a small letter, and requests with a capital.
pub(super) fn field<'v>(of: &'v Value, name: &str) -> Option<&'v Value> {
    let mut letters = name.chars();
    let first = letters.next()?.to_ascii_uppercase();
    let capital = format!("{first}{}", letters.as_str());
    let found = of.get(name).or_else(|| of.get(&capital))?;
    (!found.is_null()).then_some(found)
}

/// Is this a value, and not what stands in place of one?
fn is_shown(value: &str) -> bool {
    !value.starts_with(HIDDEN) && !value.starts_with("***")
}

/// A function's name, in whichever way it is named: alone, with its account, or as an ARN, each perhaps with a version.
fn function(named: &str) -> &str {
    let name = match named.split_once("function:") {
        Some((_, rest)) => rest,
        None => named,
    };
    name.split(':').next().unwrap_or(name)
}

impl Record {
    pub fn read(event: &Event) -> Option<Self> {
        let detail: Value = serde_json::from_str(event.cloud_trail_event()?).ok()?;
        let resources = event.resources().iter();
        Some(Self {
            id: event.event_id()?.to_string(),
            name: event.event_name()?.to_string(),
            at: moment(event.event_time()?),
            parameters: detail.get("requestParameters").cloned().unwrap_or_default(),
            answer: detail.get("responseElements").cloned().unwrap_or_default(),
            idle: field(&detail, "errorCode").is_some() || event.read_only() == Some("true"),
            resources: resources
                .filter_map(|one| Some(one.resource_name()?.to_string()))
                .collect(),
        })
    }

    /// Did it alter that function?
    pub fn altered(&self, name: &str) -> bool {
        let told = field(&self.parameters, "functionName").and_then(Value::as_str);
        !self.idle
            && match told {
                Some(told) => function(told) == name,
                None => self.resources.iter().any(|one| function(one) == name),
            }
    }

    /// What was asked for under this name.
    pub fn asked(&self, name: &str) -> Option<&Value> {
        field(&self.parameters, name)
    }

    /// The same, where it is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.asked(name)?.as_str()
    }

    /// What was answered under this name.
    pub fn answered(&self, name: &str) -> Option<&Value> {
        field(&self.answer, name)
    }

    /// The names of what was asked for, in small letters.
    pub fn asks(&self) -> impl Iterator<Item = String> {
        let parameters = self.parameters.as_object().into_iter().flatten();
        parameters.map(|(name, _)| name.to_ascii_lowercase())
    }

    /// Was it carried out, and did it alter anything?
    pub fn took_effect(&self) -> bool {
        !self.idle
    }

    /// Is it this call? Behind the names of Lambda's calls their date may stand.
    pub fn is(&self, call: &str) -> bool {
        self.name
            .strip_prefix(call)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_digit()))
    }

    /// How many copies it let run at once, if it said: inside, `None` is no limit.
    pub fn concurrency(&self) -> Option<Option<u64>> {
        if let Some(copies) = field(&self.parameters, "reservedConcurrentExecutions") {
            return Some(Some(copies.as_u64()?));
        }
        // A function is born without a limit.
        (self.is("DeleteFunctionConcurrency") || self.is("CreateFunction")).then_some(None)
    }

    /// Which variables it set, if it set any. AWS's own trail hides their values.
    pub fn variables(&self) -> Option<Told> {
        let Some(environment) = field(&self.parameters, "environment") else {
            let born = self.is("CreateFunction");
            return born.then(|| Told::Values(BTreeMap::new()));
        };
        let Some(variables) = field(environment, "variables").and_then(Value::as_object) else {
            return Some(Told::Hidden);
        };
        let value = |(name, value): (&String, &Value)| {
            let value = value.as_str().filter(|value| is_shown(value))?;
            Some((name.clone(), value.to_string()))
        };
        let all: Option<BTreeMap<String, String>> = variables.iter().map(value).collect();
        Some(all.map_or(Told::Hidden, Told::Values))
    }

    /// The role that it gave, or that the function had after it.
    pub fn role(&self) -> Option<&str> {
        let told = field(&self.parameters, "role").or_else(|| field(&self.answer, "role"));
        told?.as_str()
    }

    /// Did it ask for a role?
    pub fn gave_role(&self) -> bool {
        field(&self.parameters, "role").is_some()
    }

    /// What it says of that parameter, asked for or so after it; inside, `None` where the value is not told.
    pub fn parameter(&self, one: Parameter) -> Option<Option<String>> {
        let asked = field(&self.parameters, one.field());
        match asked.or_else(|| field(&self.answer, one.field())) {
            Some(value) => Some(one.read(value).filter(|value| is_shown(value))),
            // A function is born with one, whoever does not say which: nothing older tells of it.
            None => self.is("CreateFunction").then_some(None),
        }
    }

    /// The parameters that it asked for.
    pub fn gave(&self) -> Vec<Parameter> {
        let asked = |one: &Parameter| field(&self.parameters, one.field()).is_some();
        Parameter::ALL.into_iter().filter(asked).collect()
    }

    /// What the function's time of alteration was after it, to the very millisecond where AWS tells.
    pub fn modified(&self) -> Option<Timestamp> {
        field(&self.answer, "lastModified")?.as_str()?.parse().ok()
    }

    /// What it set that is not put back (all but variables, role and parameters), and was not so before: `earlier` tells how
    /// it was. By name, since the order of a record's fields says nothing.
    pub fn altered_else(&self, earlier: Option<&Self>) -> Vec<String> {
        let known = [
            "environment",
            "functionname",
            "handler",
            "memorysize",
            "revisionid",
            "role",
            "timeout",
            "dryrun",
        ];
        let Some(parameters) = self.parameters.as_object() else {
            return Vec::new();
        };
        let before = |name: &str| {
            let earlier = earlier?;
            let small = name[..1].to_ascii_lowercase() + &name[1..];
            field(&earlier.parameters, &small).or_else(|| field(&earlier.answer, &small))
        };
        let differs = |name: &&String, value: &Value| {
            let plain = name.is_ascii() && !name.is_empty();
            !plain || before(name) != Some(value)
        };
        let rest = parameters
            .iter()
            .filter(|(name, _)| !known.contains(&name.to_ascii_lowercase().as_str()))
            .filter(|(name, value)| differs(name, value));
        let mut names: Vec<String> = rest.map(|(name, _)| name.clone()).collect();
        names.sort_unstable();
        names
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(name: &str, parameters: Value, answer: Value) -> Record {
        Record {
            id: "id".to_string(),
            name: name.to_string(),
            at: Timestamp(0),
            parameters,
            answer,
            idle: false,
            resources: Vec::new(),
        }
    }

    #[test]
    fn a_record_says_what_it_set() {
        let put = "PutFunctionConcurrency20171031";
        for (name, parameters, wanted) in [
            (
                put,
                json!({"reservedConcurrentExecutions": 0}),
                Some(Some(0)),
            ),
            // As an emulator writes it.
            (
                "UpdateFunctionCode",
                json!({"ReservedConcurrentExecutions": 7}),
                Some(Some(7)),
            ),
            (put, json!({"reservedConcurrentExecutions": -1}), None),
            ("DeleteFunctionConcurrency20171031", json!({}), Some(None)),
            ("CreateFunction20150331", json!({}), Some(None)),
            ("DeleteFunction20150331", json!({}), None),
            ("CreateFunctionUrlConfig", json!({}), None),
        ] {
            let said = record(name, parameters.clone(), Value::Null).concurrency();
            assert_eq!(said, wanted, "{name} {parameters}");
        }
        let update = "UpdateFunctionConfiguration20150331v2";
        let values = |pairs: &[(&str, &str)]| {
            let pairs = pairs
                .iter()
                .map(|(name, value)| (name.to_string(), value.to_string()));
            Some(Told::Values(pairs.collect()))
        };
        for (name, parameters, wanted) in [
            (update, json!({"timeout": 3}), None),
            (update, json!({"environment": {}}), Some(Told::Hidden)),
            (
                update,
                json!({"environment": {"variables": {"A": "HIDDEN_DUE_TO_SECURITY_REASONS"}}}),
                Some(Told::Hidden),
            ),
            (
                "UpdateFunctionConfiguration",
                json!({"Environment": {"Variables": {"A": "b"}}}),
                values(&[("A", "b")]),
            ),
            ("CreateFunction20150331", json!({}), values(&[])),
        ] {
            let said = record(name, parameters.clone(), Value::Null).variables();
            assert_eq!(said, wanted, "{name} {parameters}");
        }
    }

    #[test]
    fn a_record_says_of_a_parameter_what_it_was_after_it() {
        let update = "UpdateFunctionConfiguration20150331v2";
        let told = |value: &str| Some(Some(value.to_string()));
        for (name, parameters, answer, wanted, gave) in [
            (
                update,
                json!({"timeout": 3}),
                json!({"timeout": 3}),
                told("3"),
                true,
            ),
            (update, json!({}), json!({"timeout": 15}), told("15"), false),
            // As an emulator writes it.
            (update, json!({"Timeout": 3}), Value::Null, told("3"), true),
            (
                update,
                json!({"timeout": "3 s"}),
                json!({}),
                Some(None),
                true,
            ),
            (update, json!({"role": "r"}), json!({}), None, false),
            (
                "CreateFunction20150331",
                json!({}),
                json!({}),
                Some(None),
                false,
            ),
        ] {
            let one = record(name, parameters.clone(), answer);
            assert_eq!(
                one.parameter(Parameter::Timeout),
                wanted,
                "{name} {parameters}"
            );
            assert_eq!(!one.gave().is_empty(), gave, "{name} {parameters}");
        }
        let hidden = json!({"handler": "HIDDEN_DUE_TO_SECURITY_REASONS"});
        let one = record(update, hidden, Value::Null);
        assert_eq!(one.parameter(Parameter::Handler), Some(None));
    }

    #[test]
    fn a_record_says_whom_it_altered() {
        for (named, wanted) in [
            ("pay", true),
            ("arn:aws:lambda:eu-west-1:111111111111:function:pay", true),
            (
                "arn:aws:lambda:eu-west-1:111111111111:function:pay:live",
                true,
            ),
            ("111111111111:function:pay", true),
            ("pay:3", true),
            ("payments", false),
            ("", false),
        ] {
            let mut one = record("x", json!({"functionName": named}), Value::Null);
            assert_eq!(one.altered("pay"), wanted, "{named}");
            one.idle = true;
            assert!(!one.altered("pay"), "{named}");
        }
        let mut one = record("x", json!({}), Value::Null);
        assert!(!one.altered("pay"));
        one.resources = vec!["pay".to_string()];
        assert!(one.altered("pay"));
    }

    #[test]
    fn what_else_was_altered_is_told_by_what_was_before() {
        let change = record(
            "UpdateFunctionConfiguration20150331v2",
            json!({
                "functionName": "pay", "environment": {}, "timeout": 3, "memorySize": 512, "handler": "pay.handle",
                "runtime": "python3.13", "description": "pays",
            }),
            Value::Null,
        );
        let before = record(
            "x",
            json!({"runtime": "python3.13"}),
            json!({"description": "paid"}),
        );
        assert_eq!(change.altered_else(Some(&before)), ["description"]);
        assert_eq!(change.altered_else(None), ["description", "runtime"]);
        let same = record(
            "x",
            json!({"Runtime": "python3.13"}),
            json!({"description": "pays"}),
        );
        assert!(change.altered_else(Some(&same)).is_empty());
    }
}
