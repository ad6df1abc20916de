//! Documents of Systems Manager and builds of CodeBuild, as AWS tells of them on the wire.

use std::collections::BTreeMap;

use model::EntityId;
use model::time::SECOND;
use serde_json::{Value, json};

use crate::aws::eyes::tests::double::{BEGIN, Call, Said};
use crate::aws::runs::{Build, MARK, Runbook};

pub const CHECKOUT: &str = "service/checkout";
pub const STOCK: &str = "service/stock";
pub const RUNS: &str = "arn:aws:iam::111111111111:role/runs-documents";

/// What was run, the newest first.
pub struct Ran {
    /// Under which name the role was taken last.
    session: String,
    pub automations: Vec<Value>,
    pub commands: Vec<Value>,
    pub builds: Vec<Value>,
    /// How runs end: well, or not.
    pub well: bool,
    /// How many looks a run takes.
    pub slow: u64,
    going: u64,
    /// Machines that answer.
    pub machines: Vec<&'static str>,
}

fn built(id: &str, status: &str, version: &str, workspace: &str, minutes: i64) -> Value {
    json!({
        "id": format!("shop-terraform:{id}"), "projectName": "shop-terraform", "buildStatus": status,
        "startTime": BEGIN.0 / SECOND - minutes * 60, "sourceVersion": "refs/heads/main",
        "resolvedSourceVersion": version,
        "phases": [{ "phaseType": "BUILD", "phaseStatus": status }],
        "environment": environment(&json!([{ "name": "TF_WORKSPACE", "value": workspace, "type": "PLAINTEXT" }])),
    })
}

fn environment(variables: &Value) -> Value {
    json!({
        "type": "LINUX_CONTAINER", "image": "aws/codebuild/standard:7.0", "computeType": "BUILD_GENERAL1_SMALL",
        "environmentVariables": variables,
    })
}

impl Ran {
    pub fn new() -> Self {
        Self {
            session: String::new(),
            automations: Vec::new(),
            commands: Vec::new(),
            builds: vec![
                built("b3", "FAILED", "c3", "live", 30),
                built("b2", "SUCCEEDED", "c2", "live", 60),
                built("b1", "SUCCEEDED", "c1", "live", 90),
                built("b0", "SUCCEEDED", "c0", "test", 120),
            ],
            well: true,
            slow: 0,
            going: 0,
            machines: vec!["i-0a", "i-0b"],
        }
    }

    /// Is what was begun last still under way? Each look brings it nearer to its end.
    fn goes_on(&mut self) -> bool {
        let goes = self.going > 0;
        self.going = self.going.saturating_sub(1);
        goes
    }
}

pub fn runbooks() -> Vec<Runbook> {
    let values = |all: &[(&str, &[&str])]| -> BTreeMap<String, Vec<String>> {
        let all = all.iter();
        all.map(|(name, values)| {
            let values = values.iter().map(ToString::to_string);
            (name.to_string(), values.collect())
        })
        .collect()
    };
    let one = |document: &str, version: &str| Runbook {
        document: document.to_string(),
        version: version.to_string(),
        entity: EntityId::from(CHECKOUT),
        allows: BTreeMap::new(),
        targets: BTreeMap::new(),
        at_once: None,
        role: Some(RUNS.to_string()),
        way_back: None,
        remedies: Vec::new(),
        touches: Vec::new(),
    };
    vec![
        Runbook {
            allows: values(&[("Mode", &["soft", "hard"]), ("Odd", &["1"])]),
            way_back: Some("Shop-Fill".to_string()),
            touches: vec![EntityId::from("service/pay")],
            ..one("Shop-Drain", "3")
        },
        one("Shop-Fill", "1"),
        Runbook {
            role: None,
            allows: values(&[("Mode", &["soft"])]),
            targets: values(&[("tag:Role", &["checkout"])]),
            remedies: vec!["restart".to_string()],
            ..one("Shop-Restart", "2")
        },
        Runbook {
            way_back: Some("Shop-Gone".to_string()),
            ..one("Shop-Refill", "1")
        },
        one("Shop-Gone", "9"),
        // It is an automation.
        Runbook {
            role: None,
            targets: values(&[("tag:Role", &["checkout"])]),
            ..one("Shop-Turn", "1")
        },
    ]
}

pub fn builds() -> Vec<Build> {
    vec![Build {
        project: "shop-terraform".to_string(),
        entity: EntityId::from(STOCK),
        environment: BTreeMap::from([("TF_WORKSPACE".to_string(), vec!["live".to_string()])]),
        versions: vec!["refs/heads/main".to_string()],
        remedies: vec!["fix_config".to_string()],
        touches: vec![EntityId::from("database/stock")],
    }]
}

fn refused(code: &str) -> Said {
    Said::Json(400, json!({ "__type": code, "message": "no" }))
}

/// Whose role was taken.
pub fn taken_as(ran: &mut Ran, call: &Call) {
    let named = call.all.split("RoleSessionName=").nth(1);
    let named = named.and_then(|rest| rest.split('&').next());
    ran.session = named.unwrap_or_default().to_string();
}

/// As the answer to a question; `None` if it is one of something else.
pub fn answer(ran: &mut Ran, call: &Call) -> Option<Said> {
    let ok = |value: Value| Some(Said::Json(200, value));
    match call.action.as_str() {
        "ssm:DescribeDocument" => {
            let [name, version] =
                ["Name", "DocumentVersion"].map(|of| call.body[of].as_str().unwrap());
            let parameter = |name: &str, default: Option<&str>| json!({ "Name": name, "Type": "String", "DefaultValue": default });
            let role = || parameter("AutomationAssumeRole", None);
            let (kind, parameters) = match (name, version) {
                ("Shop-Drain", "3") => ("Automation", vec![parameter("Mode", None), role()]),
                ("Shop-Fill" | "Shop-Refill" | "Shop-Turn", "1") => ("Automation", vec![role()]),
                ("Shop-Restart", "2") => ("Command", vec![parameter("Mode", Some("soft"))]),
                _ => return Some(refused("InvalidDocumentVersion")),
            };
            ok(json!({ "Document": {
                "Name": name, "DocumentVersion": version, "Status": "Active", "DocumentType": kind,
                "Parameters": parameters,
            }}))
        }
        "ssm:DescribeInstanceInformation" => {
            assert_eq!(call.body["Filters"][0]["Key"], "tag:Role");
            let machines = ran.machines.iter();
            let machines = machines.map(|id| json!({ "InstanceId": id, "PingStatus": "Online" }));
            let lost = json!({ "InstanceId": "i-0c", "PingStatus": "ConnectionLost" });
            let all: Vec<Value> = machines.chain([lost]).collect();
            ok(json!({ "InstanceInformationList": all }))
        }
        "ssm:DescribeAutomationExecutions" => {
            let filters = &call.body["Filters"];
            let since = filters[1]["Values"][0].as_str().unwrap();
            assert!(
                since.starts_with("2025-12-31T00:") && since.len() == 20,
                "{since}"
            );
            let goes = ran.goes_on();
            let mut told = ran.automations.clone();
            if let Some(first) = told.first_mut().filter(|_| goes) {
                first["AutomationExecutionStatus"] = json!("InProgress");
            }
            let prefix = filters[0]["Values"][0].as_str().unwrap();
            told.retain(|one| one["DocumentName"].as_str().unwrap().starts_with(prefix));
            ok(json!({ "AutomationExecutionMetadataList": told }))
        }
        "ssm:GetAutomationExecution" => ok(json!({ "AutomationExecution": {
            "AutomationExecutionId": call.body["AutomationExecutionId"],
            "StepExecutions": [
                { "StepName": "drain", "StepStatus": "Success", "Outputs": { "Secret": ["canary"] } },
                { "StepName": "wait", "StepStatus": if ran.well { "Success" } else { "Failed" },
                  "FailureMessage": "the canary died" },
            ],
        }})),
        "ssm:ListCommands" => {
            let goes = ran.goes_on();
            let mut told = ran.commands.clone();
            if let Some(first) = told.first_mut().filter(|_| goes) {
                first["Status"] = json!("InProgress");
            }
            ok(json!({ "Commands": told }))
        }
        "codebuild:ListBuildsForProject" if call.body["projectName"] != "shop-terraform" => {
            Some(refused("ResourceNotFoundException"))
        }
        "codebuild:ListBuildsForProject" => {
            let ids: Vec<&Value> = ran.builds.iter().map(|one| &one["id"]).collect();
            ok(json!({ "ids": ids }))
        }
        "codebuild:BatchGetBuilds" => {
            let goes = ran.goes_on();
            let mut told = ran.builds.clone();
            if let Some(first) = told.first_mut().filter(|_| goes) {
                first["buildStatus"] = json!("IN_PROGRESS");
            }
            ok(json!({ "builds": told }))
        }
        _ => None,
    }
}

/// Carries it out; false if it is about something else.
pub fn alter(ran: &mut Ran, call: &Call) -> bool {
    let (body, at) = (&call.body, call.at.0 / SECOND);
    let ends = |well: &'static str, ill: &'static str| if ran.well { well } else { ill };
    match call.action.as_str() {
        "ssm:StartAutomationExecution" => {
            let by = format!(
                "arn:aws:sts::111111111111:assumed-role/midwatch-acts/{}",
                ran.session
            );
            let one = json!({
                "AutomationExecutionId": body["ClientToken"], "DocumentName": body["DocumentName"],
                "DocumentVersion": body["DocumentVersion"], "ExecutionStartTime": at, "ExecutedBy": by,
                "AutomationExecutionStatus": ends("Success", "TimedOut"),
            });
            ran.automations.insert(0, one);
        }
        "ssm:SendCommand" => {
            let failed = if ran.well { 0 } else { 1 };
            let one = json!({
                "CommandId": id(call), "DocumentName": body["DocumentName"], "Comment": body["Comment"],
                "RequestedDateTime": at, "Status": ends("Success", "Failed"), "TargetCount": 2, "CompletedCount": 2,
                "ErrorCount": failed,
            });
            ran.commands.insert(0, one);
        }
        "codebuild:StartBuild" => {
            let asked = body["sourceVersion"].as_str().unwrap();
            let resolved = if asked.starts_with("refs/") {
                "c9"
            } else {
                asked
            };
            let mut one = built("", ends("SUCCEEDED", "FAILED"), resolved, "live", 0);
            one["id"] = json!(id(call));
            one["startTime"] = json!(at);
            one["environment"] = environment(&body["environmentVariablesOverride"]);
            ran.builds.insert(0, one);
        }
        _ => return false,
    }
    ran.going = ran.slow;
    true
}

/// AWS's name for what a request begins.
fn id(call: &Call) -> String {
    let body = &call.body;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    match call.action.as_str() {
        "ssm:StartAutomationExecution" => text(&body["ClientToken"]),
        "ssm:SendCommand" => format!("command of {}", text(&body["Comment"])),
        _ => format!("shop-terraform:{}", text(&body["idempotencyToken"])),
    }
}

/// As an answer to a request that begins something looks.
pub fn taken(call: &Call) -> Option<Value> {
    let id = id(call);
    Some(match call.action.as_str() {
        "ssm:StartAutomationExecution" => json!({ "AutomationExecutionId": id }),
        "ssm:SendCommand" => json!({ "Command": { "CommandId": id, "Status": "Pending" } }),
        "codebuild:StartBuild" => json!({ "build": { "id": id, "buildStatus": "IN_PROGRESS" } }),
        _ => return None,
    })
}

/// The step that a build was begun for.
pub fn mark(call: &Call) -> Option<String> {
    let variables = call.body["environmentVariablesOverride"].as_array()?;
    let mark = variables.iter().find(|one| one["name"] == MARK)?;
    Some(mark["value"].as_str()?.to_string())
}
