//! An account as AWS's services tell of it, each in its own protocol, all at one address. What it does not know it answers
//! with 501.

use model::Timestamp;
use model::time::{MINUTE, SECOND};
use serde_json::{Map, Value, json};

use super::account::{Account, METRICS, Metric, function};
use super::cbor;
use super::doubles::unknown;
use super::wire::{Asked, Reply, Trouble, beside};

/// Where a list goes on; nothing else that is sent looks like it.
const MORE: &str = "where-the-next-page-begins";
/// By how much what lies in another time than was asked for does so.
const ELSEWHERE: i64 = 26 * 60 * MINUTE;

/// How a service is spoken to.
#[derive(Clone, Copy, PartialEq)]
enum Protocol {
    /// JSON, with the operation in a header.
    Json,
    /// CBOR, with the operation in the path.
    Cbor,
    /// JSON, by method and path.
    Rest,
    /// A form, answered in XML.
    Form,
    /// The same, as EC2 has it.
    Machines,
    /// XML, by method and path.
    Paths,
}

/// A call, as it was sent.
struct Call {
    /// As a signature names it: `monitoring` for CloudWatch.
    service: String,
    operation: String,
    protocol: Protocol,
    /// What was asked, as far as that is JSON or CBOR.
    given: Value,
    /// It asks for the page after another.
    goes_on: bool,
}

/// Answers a call.
pub fn aws(account: &Account, asked: &Asked, trouble: Trouble) -> Reply {
    let call = call(asked);
    let about = |mask: &str| {
        mask.split('|')
            .any(|service| service == "*" || service == call.service)
    };
    match trouble {
        // Who signs by a clock that is further off than five minutes is not let in.
        Trouble::Clock(seconds) if seconds.abs() > 300 => {
            return refusal(call.protocol, "InvalidSignatureException");
        }
        Trouble::HangsUp(mask) if about(mask) => return Reply::text(0, ""),
        Trouble::Refused(mask, code) if about(mask) => return refusal(call.protocol, code),
        _ => {}
    }
    match answer(account, asked, &call, trouble) {
        Some(mut told) => {
            if let Some((_, list, next)) = LISTS.iter().find(|(name, ..)| *name == call.operation) {
                turn(&mut told, (*list, *next), call.goes_on, trouble);
            }
            said(&call, told)
        }
        None => unknown(),
    }
}

/// What call it is: each protocol says it elsewhere.
fn call(asked: &Asked) -> Call {
    // `AWS4-HMAC-SHA256 Credential=KEY/20260101/eu-west-1/lambda/aws4_request, …`
    let service = asked.header("authorization").split('/').nth(3);
    let service = service.unwrap_or_default().to_string();
    let text = String::from_utf8_lossy(&asked.body);
    let target = asked.header("x-amz-target").rsplit_once('.');
    let form = text.strip_prefix("Action=");
    let (protocol, operation) = if let Some((_, operation)) = target {
        (Protocol::Json, operation)
    } else if let Some((_, operation)) = asked.path.split_once("/operation/") {
        (Protocol::Cbor, operation)
    } else if let Some(form) = form {
        let protocol = match service.as_str() {
            "ec2" => Protocol::Machines,
            _ => Protocol::Form,
        };
        (protocol, form.split('&').next().unwrap_or_default())
    } else {
        let last = asked.path.trim_end_matches('/').rsplit('/').next();
        match (service.as_str(), last.unwrap_or_default()) {
            ("lambda", "functions") => (Protocol::Rest, "ListFunctions"),
            ("lambda", "concurrency") => (Protocol::Rest, "GetFunctionConcurrency"),
            ("lambda", "event-source-mappings") => (Protocol::Rest, "ListEventSourceMappings"),
            ("xray", "TraceSummaries") => (Protocol::Rest, "GetTraceSummaries"),
            ("apigateway", "restapis") => (Protocol::Rest, "GetRestApis"),
            ("apigateway", "apis") => (Protocol::Rest, "GetApis"),
            ("route53", "healthcheck") => (Protocol::Paths, "ListHealthChecks"),
            _ => (Protocol::Rest, ""),
        }
    };
    let given = match protocol {
        Protocol::Cbor => cbor::read(&asked.body),
        _ => serde_json::from_slice(&asked.body).unwrap_or_default(),
    };
    Call {
        service,
        operation: operation.to_string(),
        protocol,
        given,
        goes_on: text.contains(MORE) || asked.query.values().any(|value| value == MORE),
    }
}

/// What is there of it, as JSON whatever the protocol.
fn answer(account: &Account, asked: &Asked, call: &Call, trouble: Trouble) -> Option<Value> {
    let beside = beside(trouble);
    let moved = match trouble {
        Trouble::OtherTime => -ELSEWHERE,
        _ => 0,
    };
    // A moment as it is told, in seconds.
    let told = |at: i64| (at + beside + moved).div_euclid(SECOND);
    Some(match call.operation.as_str() {
        "DescribeAlarms" => json!({"MetricAlarms": alarms(&|at| json!({"@": told(at)}), account)}),
        "DescribeAlarmHistory" => json!({"AlarmHistoryItems": [{
            "AlarmName": "checkout fails", "Timestamp": {"@": told(account.alarmed.0)}, "HistoryItemType": "StateUpdate",
            "HistorySummary": "Alarm updated from OK to ALARM",
        }]}),
        "ListMetrics" => {
            let all = METRICS.iter().map(|one| {
                json!({"Namespace": one.namespace, "MetricName": one.name,
                       "Dimensions": [{"Name": one.of.0, "Value": one.of.1}]})
            });
            json!({"Metrics": all.collect::<Vec<_>>()})
        }
        "GetMetricData" => {
            json!({"MetricDataResults": points(account, &call.given, (beside, moved))})
        }
        "DescribeLogGroups" => {
            let all = ["checkout", "mail", "reserve"].map(
                |name| json!({"logGroupName": format!("/aws/lambda/{name}"), "storedBytes": 9_000_000}),
            );
            json!({"logGroups": all})
        }
        "FilterLogEvents" => {
            let milli = |name: &str| call.given[name].as_i64().unwrap() * (SECOND / 1_000);
            let group = call.given["logGroupName"].as_str().unwrap();
            let wanted = milli("startTime")..=milli("endTime");
            let lines = account.lines.iter().filter(|line| {
                group.strip_prefix("/aws/lambda/") == Some(line.function)
                    && wanted.contains(&(line.at + beside))
            });
            let events = lines.map(|line| {
                json!({"timestamp": told(line.at) * 1_000, "message": format!("{}\n", line.text), "logStreamName": "one"})
            });
            json!({"events": events.collect::<Vec<_>>()})
        }
        // Of calls that were denied there is none.
        "LookupEvents" if call.given["LookupAttributes"][0]["AttributeKey"] != "ReadOnly" => {
            json!({"Events": []})
        }
        "LookupEvents" => {
            let all = account.calls.iter().map(|one| {
                let at = Timestamp(told(one.at) * SECOND).to_string();
                let whole = json!({
                    "eventVersion": "1.11", "eventTime": at, "eventSource": "lambda.amazonaws.com", "eventName": one.name,
                    "awsRegion": "eu-west-1", "readOnly": false, "eventID": one.id, "requestParameters": one.given,
                    "userIdentity": {"type": "IAMUser", "userName": one.who},
                });
                json!({
                    "EventId": one.id, "EventName": one.name, "EventSource": "lambda.amazonaws.com", "ReadOnly": "false",
                    "EventTime": told(one.at), "Username": one.who,
                    "Resources": [{"ResourceType": "AWS::Lambda::Function", "ResourceName": one.function}],
                    "CloudTrailEvent": whole.to_string(),
                })
            });
            json!({"Events": all.collect::<Vec<_>>()})
        }
        "ListFunctions" => {
            let all = ["checkout", "mail", "reserve"].map(function);
            json!({"Functions": all})
        }
        "GetFunctionConcurrency" if asked.path.contains("/reserve/") => {
            json!({"ReservedConcurrentExecutions": 0})
        }
        "GetFunctionConcurrency" => json!({}),
        "ListTables" => json!({"TableNames": ["stock"]}),
        "DescribeTable" => json!({"Table": {
            "TableName": "stock", "TableStatus": "ACTIVE", "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
        }}),
        // Nothing else is there.
        "ListHealthChecks" => {
            json!({"HealthChecks": "", "MaxItems": 100, "IsTruncated": false, "Marker": ""})
        }
        "DescribeConfigurationRecorderStatus" => json!({"ConfigurationRecordersStatus": []}),
        operation => {
            let (_, list, _) = LISTS.iter().find(|(name, ..)| *name == operation)?;
            json!({ *list: nothing(call.protocol) })
        }
    })
}

/// Lists: the call, where the list stands in its answer, and where it stands that there is more.
const LISTS: [(&str, &str, &str); 26] = [
    ("DescribeAlarms", "MetricAlarms", "NextToken"),
    ("DescribeAlarmHistory", "AlarmHistoryItems", "NextToken"),
    ("ListMetrics", "Metrics", "NextToken"),
    ("GetMetricData", "MetricDataResults", "NextToken"),
    ("DescribeLogGroups", "logGroups", "nextToken"),
    ("FilterLogEvents", "events", "nextToken"),
    ("LookupEvents", "Events", "NextToken"),
    ("GetTraceSummaries", "TraceSummaries", "NextToken"),
    ("ListFunctions", "Functions", "NextMarker"),
    (
        "ListEventSourceMappings",
        "EventSourceMappings",
        "NextMarker",
    ),
    ("ListTables", "TableNames", "LastEvaluatedTableName"),
    ("ListQueues", "QueueUrls", "NextToken"),
    ("ListSubscriptions", "Subscriptions", "NextToken"),
    ("GetResources", "ResourceTagMappingList", "PaginationToken"),
    ("ListClusters", "clusterArns", "nextToken"),
    ("DescribeDBInstances", "DBInstances", "Marker"),
    ("DescribeLoadBalancers", "LoadBalancers", "NextMarker"),
    (
        "DescribeAutoScalingGroups",
        "AutoScalingGroups",
        "NextToken",
    ),
    ("ListStateMachines", "stateMachines", "nextToken"),
    ("ListPipelines", "pipelines", "nextToken"),
    ("ListDeployments", "deployments", "nextToken"),
    ("ListBuilds", "ids", "nextToken"),
    (
        "DescribeAutomationExecutions",
        "AutomationExecutionMetadataList",
        "NextToken",
    ),
    ("DescribeInstances", "reservationSet", "nextToken"),
    ("GetRestApis", "item", "position"),
    ("GetApis", "items", "nextToken"),
];

/// A list with nothing on it.
fn nothing(protocol: Protocol) -> Value {
    match protocol {
        Protocol::Form | Protocol::Machines | Protocol::Paths => json!(""),
        _ => json!([]),
    }
}

/// The page of a list that comes of such a trouble.
fn turn(told: &mut Value, (list, next): (&str, &str), goes_on: bool, trouble: Trouble) {
    let (rows, more) = match (trouble, goes_on) {
        (Trouble::SamePage, _) => (usize::MAX, true),
        (Trouble::EmptyPages, _) | (Trouble::EmptyFirst, false) | (Trouble::Truncated, true) => {
            (0, true)
        }
        (Trouble::Truncated, false) => (told[list].as_array().map_or(0, Vec::len) / 2, true),
        _ => return,
    };
    if let Some(all) = told[list].as_array_mut() {
        all.truncate(rows);
    }
    if more {
        told[next] = json!(MORE);
    }
}

/// The alarms: one that fires, one that does not.
fn alarms(moment: &dyn Fn(i64) -> Value, account: &Account) -> Value {
    let alarm = |name: &str, function: &str, state: &str, since: i64| {
        json!({
            "AlarmName": name, "StateValue": state, "StateUpdatedTimestamp": moment(since), "Namespace": "AWS/Lambda",
            "MetricName": "Errors", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 3, "Threshold": 5.0,
            "ComparisonOperator": "GreaterThanThreshold", "Dimensions": [{"Name": "FunctionName", "Value": function}],
        })
    };
    json!([
        alarm("checkout fails", "checkout", "ALARM", account.alarmed.0),
        alarm("mail fails", "mail", "OK", account.began - 3_000 * MINUTE),
    ])
}

/// Points of the metrics that are asked for, as CloudWatch stamps them: with the beginning of each minute.
fn points(account: &Account, given: &Value, (beside, moved): (i64, i64)) -> Value {
    let moment = |name: &str| (given[name]["@"].as_f64().unwrap() as i64) * SECOND;
    let (from, to) = (moment("StartTime"), moment("EndTime"));
    // A minute that is not over has no number yet.
    let last = to.min(account.now + beside - MINUTE);
    let queries = given["MetricDataQueries"].as_array().unwrap().iter();
    queries
        .map(|query| {
            let about = &query["MetricStat"];
            let statistic = about["Stat"].as_str().unwrap();
            let fits = |one: &&Metric| {
                let dimension = &about["Metric"]["Dimensions"][0];
                one.name == about["Metric"]["MetricName"]
                    && one.of.0 == dimension["Name"]
                    && one.of.1 == dimension["Value"]
            };
            let metric = METRICS.iter().find(fits).unwrap();
            let step = about["Period"].as_i64().unwrap() * SECOND;
            let all = (0..).map(|i| from + i * step).take_while(|at| *at <= last);
            let known = all.filter_map(|at| {
                let value = account.value(metric, statistic, at - beside + moved)?;
                Some((json!({"@": (at + moved) / SECOND}), json!(value)))
            });
            let (times, values): (Vec<Value>, Vec<Value>) = known.unzip();
            json!({"Id": query["Id"], "StatusCode": "Complete", "Timestamps": times, "Values": values})
        })
        .collect()
}

/// An answer in the protocol of the call.
fn said(call: &Call, told: Value) -> Reply {
    let wrapped = |inner: Value| json!({ format!("{}Response", call.operation): inner });
    match call.protocol {
        Protocol::Json | Protocol::Rest => Reply::json(&told),
        Protocol::Cbor => encoded(200, &told),
        Protocol::Form => xml(
            200,
            &wrapped(json!({ format!("{}Result", call.operation): told })),
        ),
        Protocol::Machines | Protocol::Paths => xml(200, &wrapped(told)),
    }
}

fn encoded(status: u16, told: &Value) -> Reply {
    Reply {
        kind: "application/cbor",
        headers: "smithy-protocol: rpc-v2-cbor\r\n".to_string(),
        ..Reply::bytes(status, cbor::written(told))
    }
}

fn xml(status: u16, document: &Value) -> Reply {
    let mut text = String::new();
    elements(document, &mut text);
    Reply {
        kind: "text/xml",
        ..Reply::text(status, &text)
    }
}

/// Objects and texts as elements.
fn elements(value: &Value, out: &mut String) {
    let fields: &Map<String, Value> = match value {
        Value::Object(fields) => fields,
        Value::String(text) => return *out += text,
        other => return *out += &other.to_string(),
    };
    for (name, value) in fields {
        *out += &format!("<{name}>");
        elements(value, out);
        *out += &format!("</{name}>");
    }
}

/// What each code stands for, and how services say it that answer in XML.
const CODES: [(&str, &str, &str); 5] = [
    (
        "AccessDeniedException",
        "AccessDenied",
        "User: arn:aws:iam::111111111111:user/midwatch is not authorized to perform this action",
    ),
    ("ThrottlingException", "Throttling", "Rate exceeded"),
    (
        "ExpiredTokenException",
        "ExpiredToken",
        "The security token included in the request is expired",
    ),
    (
        "UnrecognizedClientException",
        "InvalidClientTokenId",
        "The security token included in the request is invalid.",
    ),
    (
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "Signature expired: 20260101T000000Z is now earlier than 20260101T005500Z (20260101T010000Z - 5 min.)",
    ),
];

/// The call is refused with that code.
fn refusal(protocol: Protocol, code: &str) -> Reply {
    let (_, short, message) = CODES.iter().find(|(known, ..)| *known == code).unwrap();
    let status = match (protocol, code) {
        (Protocol::Rest, "ThrottlingException") => 429,
        (Protocol::Json | Protocol::Cbor, _) | (_, "ThrottlingException") => 400,
        _ => 403,
    };
    let told = json!({"__type": code, "message": message});
    let error = json!({"Code": short, "Message": message});
    match protocol {
        Protocol::Json => Reply::text(status, &told.to_string()),
        Protocol::Cbor => encoded(status, &told),
        Protocol::Rest => Reply {
            headers: format!("x-amzn-errortype: {code}\r\n"),
            ..Reply::text(status, &json!({"message": message}).to_string())
        },
        Protocol::Machines => xml(
            status,
            &json!({"Response": {"Errors": {"Error": error}, "RequestID": "1"}}),
        ),
        Protocol::Form | Protocol::Paths => xml(
            status,
            &json!({"ErrorResponse": {"Error": error, "RequestId": "1"}}),
        ),
    }
}
