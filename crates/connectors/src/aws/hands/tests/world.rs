//! A function of Lambda and its audit trail, as AWS tells of them on the wire.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::AsyncSleep as _;
use model::time::{MINUTE, SECOND, Timestamp};
use serde_json::{Value, json};

use super::super::*;
use super::others::{self, Others};
use super::ran::{self, Ran};
use crate::aws::eyes::tests::double::{BEGIN, Call, Double, Said, Time};

pub const ROLE: &str = "arn:aws:iam::111111111111:role/midwatch-acts";
pub const RUNS: &str = "arn:aws:iam::111111111111:role/pay-runs";
pub const READS: &str = "arn:aws:iam::111111111111:role/pay-reads";
/// The value of a variable: it must be nowhere but on the wire.
pub const VALUE: &str = "value-of-a-variable-canary";
pub const TABLE: &str = "ledger-canary";

/// How the function stands, and what is told of it.
pub struct State {
    pub concurrency: Option<u64>,
    pub variables: BTreeMap<String, String>,
    pub role: String,
    /// Handler, timeout and memory.
    pub rest: Value,
    pub revision: u64,
    pub modified: Timestamp,
    pub versions: Vec<(Timestamp, BTreeMap<String, String>)>,
    /// Handler, timeout and memory of each of them.
    pub published: Value,
    pub trail: Vec<Value>,
    /// What else there is.
    pub others: Others,
    /// What was run.
    pub ran: Ran,
    /// How many looks an update takes to be over.
    pub slow: u64,
    pub going: u64,
    /// What becomes of requests that alter.
    pub writes: Writes,
}

/// What becomes of a request that alters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Writes {
    Answered,
    /// It is carried out, and no answer comes.
    Unheard,
    /// It is not carried out, and no answer comes.
    Lost,
    /// It is answered, and does not show yet.
    Hidden,
    /// Somebody else was quicker.
    Late,
    Denied,
}

/// The parameters of a function's configuration, as Lambda names them.
pub const PARAMETERS: [&str; 3] = ["Handler", "Timeout", "MemorySize"];

/// Handler, timeout and memory as they were before anybody altered them.
pub fn well() -> Value {
    json!({ "Handler": "pay.handle", "Timeout": 15, "MemorySize": 512 })
}

/// So long before now, in minutes.
pub fn ago(minutes: i64) -> Timestamp {
    Timestamp(BEGIN.0 - minutes * MINUTE)
}

/// As Lambda writes a moment.
pub fn written(at: Timestamp) -> String {
    at.to_string().trim_end_matches('Z').to_string() + ".000+0000"
}

pub fn pairs(all: &[(&str, &str)]) -> BTreeMap<String, String> {
    let all = all.iter();
    all.map(|(name, value)| (name.to_string(), value.to_string()))
        .collect()
}

/// A call as the audit trail tells of it.
pub fn told(id: &str, name: &str, at: Timestamp, parameters: Value, answer: Value) -> Value {
    let detail = json!({
        "eventName": name, "requestParameters": parameters, "responseElements": answer,
    });
    json!({
        "EventId": id, "EventName": name, "EventSource": "lambda.amazonaws.com", "EventTime": at.0 / SECOND,
        "ReadOnly": "false", "CloudTrailEvent": detail.to_string(),
    })
}

fn held(state: &Arc<Mutex<State>>) -> MutexGuard<'_, State> {
    state.lock().unwrap()
}

/// Does the attribute that was asked for fit?
fn fits(event: &Value, body: &Value) -> bool {
    let asked = &body["LookupAttributes"][0];
    let value = &asked["AttributeValue"];
    let until = body["EndTime"].as_f64().unwrap_or(f64::MAX);
    let at = event["EventTime"].as_f64().unwrap();
    at <= until
        && match asked["AttributeKey"].as_str().unwrap() {
            "EventId" => event["EventId"] == *value,
            "EventName" => event["EventName"] == *value,
            // Nothing of Lambda's is told by the name of a resource here.
            _ => false,
        }
}

/// With those fields too.
fn with(mut said: Value, rest: &Value) -> Value {
    for (name, value) in rest.as_object().unwrap() {
        said[name.as_str()] = value.clone();
    }
    said
}

fn configuration(state: &State, variables: &BTreeMap<String, String>) -> Value {
    let said = json!({
        "FunctionName": "pay", "Role": state.role, "RevisionId": state.revision.to_string(),
        "LastModified": written(state.modified), "Environment": { "Variables": variables },
        "LastUpdateStatus": if state.going > 0 { "InProgress" } else { "Successful" },
    });
    with(said, &state.rest)
}

fn denied(call: &Call) -> Said {
    if ["autoscaling:", "route53:"]
        .iter()
        .any(|in_xml| call.action.starts_with(in_xml))
    {
        return Said::Xml(
            403,
            "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>\
             <Message>User is not authorized</Message></Error><RequestId>1</RequestId></ErrorResponse>"
                .to_string(),
        );
    }
    let said = json!({ "__type": "AccessDeniedException", "message": "User is not authorized" });
    Said::Json(403, said)
}

fn answer(state: &mut State, call: &Call) -> Said {
    let ok = |value: Value| Said::Json(200, value);
    if call.action == "sts:AssumeRole" {
        ran::taken_as(&mut state.ran, call);
    }
    if let Some(said) = ran::answer(&mut state.ran, call) {
        return said;
    }
    match call.action.as_str() {
        "sts:AssumeRole" => Said::Xml(
            200,
            "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
             <AccessKeyId>ASIAACTS0000</AccessKeyId><SecretAccessKey>role/SECRET</SecretAccessKey>\
             <SessionToken>role-token</SessionToken><Expiration>2030-01-01T00:00:00Z</Expiration></Credentials>\
             </AssumeRoleResult></AssumeRoleResponse>"
                .to_string(),
        ),
        "cloudtrail:LookupEvents" => {
            let events = state.trail.iter().filter(|event| fits(event, &call.body));
            ok(json!({ "Events": events.collect::<Vec<_>>() }))
        }
        "lambda:GetFunctionConfiguration" if !call.all.contains("/pay/") => {
            let said = json!({ "__type": "ResourceNotFoundException", "message": "no such function" });
            Said::Json(404, said)
        }
        "lambda:GetFunctionConfiguration" => {
            let said = configuration(state, &state.variables);
            state.going = state.going.saturating_sub(1);
            ok(said)
        }
        "lambda:GetFunctionConcurrency" => match state.concurrency {
            Some(copies) => ok(json!({ "ReservedConcurrentExecutions": copies })),
            None => ok(json!({})),
        },
        "lambda:ListVersionsByFunction" => {
            let versions = state.versions.iter().enumerate().map(|(at, (when, variables))| {
                let said = json!({ "Version": (at + 1).to_string(), "LastModified": written(*when),
                                   "Environment": { "Variables": variables } });
                with(said, &state.published)
            });
            ok(json!({ "Versions": versions.collect::<Vec<_>>() }))
        }
        _ => others::answer(&state.others, call).unwrap_or_else(|| altered(state, call)),
    }
}

fn altered(state: &mut State, call: &Call) -> Said {
    match state.writes {
        Writes::Lost => return Said::Silence,
        Writes::Hidden => return taken(call),
        Writes::Denied => return denied(call),
        Writes::Late => {
            state.revision += 1;
            others::meanwhile(&mut state.others);
        }
        Writes::Answered | Writes::Unheard => {}
    }
    let body = &call.body;
    match call.action.as_str() {
        "lambda:PutFunctionConcurrency" => {
            state.concurrency = body["ReservedConcurrentExecutions"].as_u64();
        }
        "lambda:DeleteFunctionConcurrency" => state.concurrency = None,
        "lambda:UpdateFunctionConfiguration" => {
            if body["RevisionId"].as_str() != Some(state.revision.to_string().as_str()) {
                let said = json!({ "__type": "PreconditionFailedException", "message": "stale" });
                return Said::Json(412, said);
            }
            if let Some(variables) = body["Environment"]["Variables"].as_object() {
                let text = |value: &Value| value.as_str().unwrap().to_string();
                let all = variables.iter();
                state.variables = all
                    .map(|(name, value)| (name.clone(), text(value)))
                    .collect();
                if variables.contains_key("TOO_LONG") {
                    let measured = format!("limit exceeded. String measured: {body}");
                    let said =
                        json!({ "__type": "InvalidParameterValueException", "message": measured });
                    return Said::Json(400, said);
                }
            }
            if let Some(role) = body["Role"].as_str() {
                state.role = role.to_string();
            }
            for name in PARAMETERS {
                if let Some(value) = body.get(name) {
                    state.rest[name] = value.clone();
                }
            }
            state.revision += 1;
            state.going = state.slow;
        }
        _ if ran::alter(&mut state.ran, call) => {}
        _ => {
            if let Some(refused) = others::alter(&mut state.others, call) {
                return refused;
            }
        }
    }
    match state.writes {
        Writes::Unheard => Said::Silence,
        _ => taken(call),
    }
}

/// As an answer to a request that alters looks.
fn taken(call: &Call) -> Said {
    ran::taken(call).map_or_else(|| others::taken(call), |said| Said::Json(200, said))
}

/// All of it.
pub struct World {
    pub double: Arc<Double>,
    pub state: Arc<Mutex<State>>,
    pub hands: Hands,
}

impl World {
    /// With hands in these regions.
    pub fn reaching(regions: &[&str], alter: impl FnOnce(&mut State)) -> Self {
        Self::built(regions, Settings::default(), alter)
    }

    /// With hands that may spend so much, where it costs a cent to ask how many copies may run.
    pub fn paying(budget: Budget, alter: impl FnOnce(&mut State)) -> Self {
        let usual = Settings {
            budget,
            prices: BTreeMap::from([("lambda:GetFunctionConcurrency".to_string(), 0.01)]),
            ..Settings::default()
        };
        Self::built(&["eu-west-1"], usual, alter)
    }

    fn built(regions: &[&str], usual: Settings, alter: impl FnOnce(&mut State)) -> Self {
        let mut state = State {
            concurrency: None,
            variables: pairs(&[("LEDGER", TABLE), ("TOKEN", VALUE)]),
            role: RUNS.to_string(),
            rest: well(),
            revision: 7,
            modified: ago(5),
            versions: Vec::new(),
            published: well(),
            trail: Vec::new(),
            others: Others::new(),
            ran: Ran::new(),
            slow: 0,
            going: 0,
            writes: Writes::Answered,
        };
        alter(&mut state);
        let state = Arc::new(Mutex::new(state));
        let within = Arc::clone(&state);
        let double = Double::new(&Time::new(), Duration::from_millis(20), move |call| {
            answer(&mut held(&within), call)
        });
        let settings = Settings {
            regions: regions.iter().map(ToString::to_string).collect(),
            role: Some(Taken {
                role_arn: ROLE.to_string(),
                external_id: Some("known-to-both".to_string()),
            }),
            roles: vec![RUNS.to_string(), READS.to_string()],
            named: others::named(),
            ..usual
        };
        let own = Credentials::new("AKIAOWN", "own/SECRET", None, None, "test");
        let means = Means {
            clock: double.time.clone(),
            sleep: double.time.sleeps(),
            http: double.client(),
            credentials: Some(SharedCredentialsProvider::new(own)),
        };
        let hands = Hands::new("aws.main", settings, means).unwrap();
        Self {
            double,
            state,
            hands,
        }
    }

    /// With hands in one region.
    pub fn new(alter: impl FnOnce(&mut State)) -> Self {
        Self::reaching(&["eu-west-1"], alter)
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        held(&self.state)
    }

    pub fn preview(&self, action: &Action) -> Result<Preview, String> {
        let time = &self.double.time;
        let seen = time.run(self.hands.previewed(action));
        seen.map_err(|error| self.clean(error.to_string()))
    }

    pub fn perform(&self, key: &str, action: &Action) -> Outcome {
        let key = StepKey(key.to_string());
        self.cleaned(self.double.time.run(self.hands.performed(&key, action)))
    }

    pub fn was_done(&self, key: &str, action: &Action) -> Outcome {
        let key = StepKey(key.to_string());
        self.cleaned(self.double.time.run(self.hands.seen(&key, action)))
    }

    pub fn later(&self, span: Span) {
        self.double.time.run(async {
            let wait = Duration::from_nanos(span.0.unsigned_abs());
            self.hands.means.sleep.sleep(wait).await;
        });
    }

    /// The calls that altered, or tried to.
    pub fn writes(&self) -> Vec<Call> {
        let calls = self.double.calls().into_iter();
        let alters = |call: &Call| crate::aws::deeds::ALTERS.contains(&call.action.as_str());
        calls.filter(alters).collect()
    }

    fn cleaned(&self, outcome: Outcome) -> Outcome {
        self.clean(format!("{outcome:?}"));
        outcome
    }

    /// No value of a variable is in it.
    fn clean(&self, said: String) -> String {
        assert!(!said.contains("canary"), "{said}");
        said
    }
}
