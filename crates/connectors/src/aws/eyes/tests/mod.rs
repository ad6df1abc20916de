//! The connector in simulated time, against a double that answers as AWS does on the wire.

mod beside;
mod busy;
pub(in crate::aws) mod double;
mod entrances;
mod formulas;
mod lying;
mod models;
mod running;
mod services;
mod shapes;
mod ways;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use model::ports::Clock;
use model::query::GapReason;
use model::time::{MINUTE, SECOND, Span, TimeWindow};
use model::{EntityId, SourceKind};
use serde_json::{Value, json};

use self::double::{BEGIN, Call, Double, Said, Time};
use super::*;
use crate::pull::Money;

const KEY: &str = "AKIAOWNOWNOWNOWNOWN0";
const SECRET: &str = "own/SECRET+canary0000000000000000000000";
const TOKEN: &str = "own-session-token-canary-0000000000";

fn hull() -> TimeWindow {
    TimeWindow::new(BEGIN.minus(Span(60 * MINUTE)), BEGIN).unwrap()
}

fn means(double: &Arc<Double>) -> Means {
    let own = Credentials::new(KEY, SECRET, Some(TOKEN.to_string()), None, "test");
    Means {
        clock: double.time.clone(),
        sleep: double.time.sleeps(),
        http: double.client(),
        credentials: Some(SharedCredentialsProvider::new(own)),
    }
}

fn eyes(double: &Arc<Double>, settings: Settings) -> Eyes {
    Eyes::new("aws.main", settings, means(double)).unwrap()
}

fn one_region() -> Settings {
    Settings {
        regions: vec!["eu-west-1".to_string()],
        ..Settings::default()
    }
}

fn look(double: &Arc<Double>, eyes: &Eyes) -> Brought {
    double.time.run(eyes.looked(hull(), BEGIN))
}

/// Seconds before the beginning of simulated time, as CBOR has them.
fn ago(minutes: i64) -> Value {
    json!({ "@": (BEGIN.0 - minutes * MINUTE) / SECOND })
}

fn sts(operation: &str, result: &str) -> Said {
    Said::Xml(
        200,
        format!(
            "<{operation}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{operation}Result>{result}\
             </{operation}Result></{operation}Response>"
        ),
    )
}

/// A small account: a function that may not run, its queue, its table, and what is told of them.
fn answer(call: &Call) -> Said {
    let arn = |rest: &str| {
        let (service, rest) = rest.split_once(' ').unwrap();
        format!("arn:aws:{service}:{}:111111111111:{rest}", call.region)
    };
    let dimension = |name: &str, value: &str| json!([{ "Name": name, "Value": value }]);
    let millis = (BEGIN.0 - 5 * MINUTE) / 1_000_000;
    let ok = |value: Value| Said::Json(200, value);
    match call.action.as_str() {
        "sts:AssumeRole" => {
            // `RoleArn=arn%3Aaws%3Aiam%3A%3A000000000007%3Arole…`
            let role = call.all.split("%3A%3A").nth(1).unwrap_or_default();
            let account: String = role.chars().take(12).collect();
            sts(
                "AssumeRole",
                &format!(
                    "<Credentials><AccessKeyId>ASIA{account}0000</AccessKeyId><SecretAccessKey>role/SECRET+{account}</SecretAccessKey>\
                     <SessionToken>role-token-canary-{account}</SessionToken><Expiration>2030-01-01T00:00:00Z</Expiration></Credentials>"
                ),
            )
        }
        "sts:GetCallerIdentity" => sts(
            "GetCallerIdentity",
            "<Arn>arn:aws:sts::111111111111:assumed-role/midwatch/x</Arn>",
        ),
        "sns:ListSubscriptions" => Said::Xml(
            200,
            format!(
                "<ListSubscriptionsResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><ListSubscriptionsResult><Subscriptions>\
                 <member><TopicArn>{}</TopicArn><Protocol>sqs</Protocol><Endpoint>{}</Endpoint></member>\
                 <member><TopicArn>{}</TopicArn><Protocol>email</Protocol><Endpoint>anna@example.org</Endpoint><SubscriptionArn>PendingConfirmation</SubscriptionArn></member>\
                 </Subscriptions></ListSubscriptionsResult></ListSubscriptionsResponse>",
                arn("sns orders"),
                arn("sqs inbox"),
                arn("sns orders")
            ),
        ),
        "cloudwatch:DescribeAlarms" => ok(json!({ "MetricAlarms": [
            { "AlarmName": "pay throttled", "StateValue": "ALARM", "StateUpdatedTimestamp": ago(4), "Namespace": "AWS/Lambda",
              "MetricName": "Throttles", "Statistic": "Sum", "Threshold": 1.0, "Dimensions": dimension("FunctionName", "pay") },
            { "AlarmName": "ledger slow", "StateValue": "OK", "StateUpdatedTimestamp": ago(400), "Namespace": "AWS/DynamoDB",
              "MetricName": "SuccessfulRequestLatency", "ExtendedStatistic": "p95", "Threshold": 50.0,
              "Dimensions": dimension("TableName", "ledger") },
        ]})),
        "cloudwatch:DescribeAlarmHistory" => ok(json!({ "AlarmHistoryItems": [
            { "AlarmName": "pay throttled", "Timestamp": ago(4), "HistoryItemType": "StateUpdate",
              "HistorySummary": "Alarm updated from OK to ALARM" },
            // Out of the time that was asked for, as an emulator may answer.
            { "AlarmName": "pay throttled", "Timestamp": ago(4_000), "HistoryItemType": "StateUpdate",
              "HistorySummary": "Alarm updated from OK to ALARM" },
        ]})),
        "cloudwatch:ListMetrics" => ok(json!({ "Metrics": [
            { "Namespace": "AWS/Lambda", "MetricName": "Invocations", "Dimensions": dimension("FunctionName", "pay") },
            { "Namespace": "AWS/Lambda", "MetricName": "Throttles", "Dimensions": dimension("FunctionName", "pay") },
            { "Namespace": "AWS/Lambda", "MetricName": "Duration", "Dimensions": dimension("FunctionName", "pay") },
            { "Namespace": "AWS/Lambda", "MetricName": "Invocations", "Dimensions": [] },
            { "Namespace": "AWS/SQS", "MetricName": "ApproximateAgeOfOldestMessage", "Dimensions": dimension("QueueName", "inbox") },
        ]})),
        "cloudwatch:GetMetricData" => {
            let asked = call.all.matches("MetricStat").count();
            let results = (0..asked).map(|i| {
                json!({ "Id": format!("m{i}"), "StatusCode": "Complete", "Timestamps": [ago(3), ago(2)],
                        "Values": [i as f64 + 0.5, 2.0] })
            });
            ok(json!({ "MetricDataResults": results.collect::<Vec<_>>() }))
        }
        "logs:DescribeLogGroups" => ok(json!({ "logGroups": [
            { "logGroupName": "/aws/lambda/pay" }, { "logGroupName": "/ecs/front" },
        ]})),
        "logs:FilterLogEvents" => ok(json!({ "events": [
            { "timestamp": millis, "message": "ERROR Rate exceeded\n", "logStreamName": "a" },
        ]})),
        "cloudtrail:LookupEvents" => {
            let about = &call.body["LookupAttributes"][0];
            let event = |name: &str, detail: Value| {
                json!({ "EventId": format!("e-{name}"), "EventName": name, "EventSource": "lambda.amazonaws.com",
                        "EventTime": (BEGIN.0 - 6 * MINUTE) / SECOND, "Username": "anna", "ReadOnly": "false",
                        "Resources": [{ "ResourceType": "AWS::Lambda::Function", "ResourceName": "pay" }],
                        "CloudTrailEvent": detail.to_string() })
            };
            match about["AttributeKey"].as_str() {
                Some("ReadOnly") => ok(
                    json!({ "Events": [event("PutFunctionConcurrency20171031", json!({
                        "requestParameters": { "functionName": "pay", "reservedConcurrentExecutions": 0 },
                    }))]}),
                ),
                _ if about["AttributeValue"] == "Decrypt" => {
                    ok(json!({ "Events": [event("Decrypt", json!({
                        "readOnly": true, "errorCode": "AccessDenied", "errorMessage": "no",
                    }))]}))
                }
                _ => ok(json!({ "Events": [event("AssumeRole", json!({ "readOnly": true }))] })),
            }
        }
        "xray:GetServiceGraph" => ok(json!({ "Services": [
            { "ReferenceId": 0, "Name": "pay", "Type": "AWS::Lambda::Function", "Edges": [{ "ReferenceId": 1 }] },
            { "ReferenceId": 1, "Name": "ledger", "Type": "AWS::DynamoDB::Table", "Edges": [] },
            { "ReferenceId": 2, "Name": "pay", "Type": "client", "Edges": [{ "ReferenceId": 0 }] },
        ]})),
        "xray:GetTraceSummaries" => ok(json!({ "TraceSummaries": [{ "Id": "1-aaaa-bbbb" }] })),
        "xray:BatchGetTraces" => {
            let start = (BEGIN.0 - 5 * MINUTE) as f64 / SECOND as f64;
            let document = json!({ "id": "70de5b6f19ff9a0a", "name": "pay", "start_time": start, "end_time": start + 0.5,
                                   "origin": "AWS::Lambda::Function", "fault": true });
            ok(
                json!({ "Traces": [{ "Id": "1-aaaa-bbbb", "Segments": [{ "Id": "s", "Document": document.to_string() }] }] }),
            )
        }
        "lambda:ListFunctions" => ok(json!({ "Functions": [
            { "FunctionName": "pay", "FunctionArn": arn("lambda function:pay"), "Timeout": 3, "MemorySize": 128,
              "Role": "arn:aws:iam::111111111111:role/pay-runs",
              "Environment": { "Variables": { "LEDGER": "ledger", "PASSWORD": "variable-canary-000" } } },
        ]})),
        "lambda:GetFunctionConcurrency" => ok(json!({ "ReservedConcurrentExecutions": 0 })),
        "lambda:ListEventSourceMappings" => ok(json!({ "EventSourceMappings": [
            { "FunctionArn": arn("lambda function:pay"), "EventSourceArn": arn("sqs inbox"), "State": "Enabled" },
        ]})),
        "dynamodb:ListTables" => ok(json!({ "TableNames": ["ledger"] })),
        "dynamodb:DescribeTable" => ok(json!({ "Table": {
            "TableName": "ledger", "TableStatus": "ACTIVE",
            "ProvisionedThroughput": { "ReadCapacityUnits": 5, "WriteCapacityUnits": 5 },
            "Replicas": [{ "RegionName": "us-east-1", "ReplicaStatus": "ACTIVE" }],
        }})),
        "sqs:ListQueues" => ok(json!({ "QueueUrls": [
            format!("https://sqs.{}.amazonaws.com/111111111111/inbox", call.region),
        ]})),
        "sqs:GetQueueAttributes" => ok(json!({ "Attributes": {
            "ApproximateNumberOfMessages": "12",
            "RedrivePolicy": json!({ "deadLetterTargetArn": arn("sqs dead"), "maxReceiveCount": 3 }).to_string(),
        }})),
        "tag:GetResources" => ok(json!({ "ResourceTagMappingList": [
            { "ResourceARN": arn("lambda function:pay"), "Tags": [{ "Key": "team", "Value": "payments" }] },
        ]})),
        _ => services::nothing(call),
    }
}

#[test]
fn what_aws_answers_becomes_rows() {
    let time = Time::new();
    let double = Double::new(&time, Duration::from_millis(20), answer);
    let eyes = eyes(&double, one_region());
    let brought = look(&double, &eyes);
    assert_eq!(brought.gaps, []);
    let seen: BTreeSet<SourceKind> = brought.seen.iter().copied().collect();
    use SourceKind::{Changes, Events, Logs, Metrics, State, Traces};
    assert_eq!(
        seen,
        [Metrics, Logs, Traces, Changes, State, Events]
            .into_iter()
            .collect()
    );
    let series: Vec<String> = brought
        .series
        .iter()
        .map(|one| one.key.to_string())
        .collect();
    assert_eq!(
        series,
        [
            "function/pay:Throttles:Sum",
            "table/ledger:SuccessfulRequestLatency:p95",
            "function/pay:Duration:Average",
            "function/pay:Duration:p99",
            "function/pay:Invocations:Sum",
            "queue/inbox:ApproximateAgeOfOldestMessage:Maximum",
        ]
    );
    assert_eq!(brought.series[0].values, [0.5, 2.0]);
    assert_eq!(brought.series[2].key.unit, "ms");
    let lines: Vec<(String, String)> = brought
        .logs
        .iter()
        .map(|line| (line.entity.to_string(), line.body.to_string()))
        .collect();
    let line = |who: &str| (who.to_string(), "ERROR Rate exceeded".to_string());
    assert_eq!(lines, [line("function/pay"), line("service/front")]);
    assert_eq!(brought.spans.len(), 1);
    assert!(brought.spans[0].error && brought.spans[0].entity.as_str() == "function/pay");
    let changes: Vec<&str> = brought
        .changes
        .iter()
        .map(|one| one.title.as_str())
        .collect();
    assert_eq!(changes, ["PutFunctionConcurrency20171031 pay"]);
    assert!(
        brought.changes[0]
            .diff
            .as_ref()
            .unwrap()
            .contains("reservedConcurrentExecutions: 0")
    );
    let events: Vec<String> = brought
        .events
        .iter()
        .map(|one| format!("{} {} {}", one.entity, one.reason, one.message))
        .collect();
    assert_eq!(
        events,
        [
            "function/pay AlarmStateUpdate pay throttled: Alarm updated from OK to ALARM",
            "function/pay AccessDenied Decrypt by anna: no"
        ]
    );
    let state = |kind: &str| -> &Value {
        let found = brought.snapshots.iter().find(|one| one.kind == kind);
        &found.unwrap_or_else(|| panic!("{kind}")).document
    };
    assert_eq!(state("lambda.function")["ReservedConcurrentExecutions"], 0);
    assert_eq!(
        state("lambda.function")["Variables"],
        json!(["LEDGER", "PASSWORD"])
    );
    assert_eq!(
        state("dynamodb.table")["Replicas"][0]["ReplicaStatus"],
        "ACTIVE"
    );
    assert_eq!(state("sqs.queue")["ApproximateNumberOfMessages"], 12);
    assert_eq!(
        state("sns.topic")["SubscriptionsConfirmed"],
        json!({ "sqs": 1 })
    );
    assert_eq!(
        state("sns.topic")["SubscriptionsPending"],
        json!({ "email": 1 })
    );
    assert_eq!(state("cloudwatch.alarm")["StateValue"], "ALARM");
    let edges: Vec<String> = brought
        .topology
        .edges
        .iter()
        .map(|edge| format!("{} {:?} {}", edge.from, edge.kind, edge.to))
        .collect();
    assert_eq!(
        edges,
        [
            "function/pay Consumes queue/inbox",
            "function/pay UsesRole role/pay-runs",
            "function/pay Calls table/ledger",
            "queue/inbox Produces queue/dead",
            "queue/inbox Consumes queue/orders",
        ]
    );
    let pay = brought
        .topology
        .entity(&EntityId::from("function/pay"))
        .unwrap();
    assert_eq!(
        pay.labels.get("tag.team").map(String::as_str),
        Some("payments")
    );
    let spent = brought.asked.spent;
    assert_eq!(spent.requests as usize, double.calls().len());
    assert!(spent.requests < 40, "{spent:?}");
    // Six metrics, three requests of CloudWatch, and little else.
    assert!((90..=100).contains(&spent.micro_usd), "{spent:?}");
    assert!(time.now().since(BEGIN) < Span::seconds(5));
    let whole = format!("{brought:?}");
    assert!(!whole.contains("variable-canary") && !whole.contains("anna@example.org"));
    // Asked about again at once, the map is that of this look.
    assert_eq!(eyes.around(BEGIN), brought.topology);
}

#[test]
fn every_call_of_the_table_is_made_and_no_other() {
    let time = Time::new();
    let double = Double::new(&time, Duration::from_millis(20), ways::whole);
    for insights in [false, true] {
        // In one of them a search never ends.
        let regions = ["eu-west-1", "us-east-1"].map(str::to_string);
        let settings = Settings {
            accounts: accounts(1),
            regions: regions.to_vec(),
            insights,
            explorer: true,
            ..Settings::default()
        };
        let eyes = eyes(&double, settings);
        let _ = time.run(eyes.looked(hull(), BEGIN));
        let said = time.run(eyes.greeted()).unwrap();
        assert!(
            said.contains("assumed-role/midwatch/x in 2 places"),
            "{said}"
        );
    }
    let made: BTreeSet<String> = double.calls().into_iter().map(|call| call.action).collect();
    let table = CALLS.iter().map(|call| call.action.to_string());
    let table: BTreeSet<String> = table.collect();
    assert_eq!(made, table);
}

fn accounts(count: u32) -> Vec<Account> {
    let account = |i: u32| Account {
        name: format!("account-{i}"),
        role_arn: format!("arn:aws:iam::{i:012}:role/midwatch-reads"),
        external_id: Some("known-to-both".to_string()),
    };
    (1..=count).map(account).collect()
}

#[test]
fn what_is_not_in_the_table_never_leaves() {
    let time = Time::new();
    let double = Double::new(&time, Duration::from_millis(20), answer);
    let eyes = eyes(&double, one_region());
    let look = Arc::new(Look::begin(&eyes.tally, Span::seconds(20)));
    let shown = Shown::default();
    let places = place::places(&eyes.settings, &eyes.means, &look, &shown);
    let places = time.run(places).unwrap();
    let place = &places[0];
    let refused = time.run(place.lambda.delete_function().function_name("pay").send());
    let why = format!("{:?}", refused.unwrap_err());
    assert!(
        why.contains("DeleteFunction is not in the list of calls"),
        "{why}"
    );
    assert!(
        time.run(place.lambda.invoke().function_name("pay").send())
            .is_err()
    );
    assert!(
        time.run(place.sqs.receive_message().queue_url("http://q").send())
            .is_err()
    );
    assert!(
        time.run(place.dynamodb.scan().table_name("ledger").send())
            .is_err()
    );
    assert!(
        time.run(place.lambda.get_function().function_name("pay").send())
            .is_err()
    );
    assert_eq!(double.calls().len(), 0);
    assert_eq!(look.spent().requests, 0);
}

#[test]
fn twenty_accounts_in_four_regions_meet_no_quota() {
    let time = Time::new();
    let double = Double::new(&time, Duration::from_millis(40), answer);
    let settings = Settings {
        regions: ["eu-west-1", "eu-central-1", "us-east-1", "us-west-2"]
            .map(str::to_string)
            .to_vec(),
        accounts: accounts(20),
        budget: Budget::default().times(80),
        ..Settings::default()
    };
    let eyes = eyes(&double, settings);
    let brought = look(&double, &eyes);
    assert_eq!(brought.gaps, []);
    let mut made: BTreeMap<(String, String, String), Vec<i64>> = BTreeMap::new();
    for call in double.calls() {
        made.entry((call.key, call.region, call.action))
            .or_default()
            .push(call.at.0);
    }
    let places: BTreeSet<(&String, &String)> = made
        .keys()
        .filter(|(_, _, action)| action == "cloudtrail:LookupEvents")
        .map(|(key, region, _)| (key, region))
        .collect();
    assert_eq!(places.len(), 80);
    for ((key, region, action), at) in &made {
        let quota = calls_of(action);
        for (i, first) in at.iter().enumerate() {
            let within = at[i..]
                .iter()
                .take_while(|at| **at - first < SECOND)
                .count();
            assert!(
                within as f64 <= quota,
                "{key} {region} {action}: {within} in a second"
            );
        }
    }
    // One account after the other would take twenty times as long.
    assert!(
        time.now().since(BEGIN) < Span::seconds(8),
        "{}",
        time.now().since(BEGIN)
    );
    // A role is taken once for all of its regions.
    let taken = made
        .iter()
        .filter(|((_, _, action), _)| action == "sts:AssumeRole");
    assert_eq!(taken.map(|(_, at)| at.len()).sum::<usize>(), 20);
    // What has one name in eighty places are eighty things.
    let pays = brought
        .series
        .iter()
        .filter(|one| one.key.metric == "Throttles");
    let pays: BTreeSet<&str> = pays.map(|one| one.key.entity.as_str()).collect();
    assert_eq!(pays.len(), 80);
    assert!(
        pays.contains("function/pay@account-7/us-east-1"),
        "{pays:?}"
    );
}

fn calls_of(action: &str) -> f64 {
    crate::aws::calls::by_action(action).unwrap().per_second
}

#[test]
fn whatever_fails_is_a_gap_and_the_rest_is_read() {
    let denied = || {
        Said::Json(
            400,
            json!({ "__type": "AccessDeniedException", "message": "User: x is not authorized" }),
        )
    };
    let time = Time::new();
    let double = Double::new(&time, Duration::from_millis(20), move |call| {
        match call.action.as_str() {
            "logs:FilterLogEvents" => denied(),
            "dynamodb:ListTables" => Said::Json(
                400,
                json!({ "__type": "ThrottlingException", "message": "slower" }),
            ),
            "xray:GetTraceSummaries" => Said::Silence,
            "sqs:ListQueues" => Said::Json(500, json!({})),
            "tag:GetResources" => Said::Json(200, json!([7])).odd(),
            _ => answer(call),
        }
    });
    let eyes = eyes(&double, one_region());
    let brought = look(&double, &eyes);
    let why = |action: &str| {
        let gap = brought.gaps.iter().find(|gap| gap.detail.contains(action));
        gap.unwrap_or_else(|| panic!("{action}: {:?}", brought.gaps))
    };
    let logs = why("logs:FilterLogEvents");
    assert_eq!(logs.why, GapReason::Permission);
    assert!(
        logs.how_to_close.starts_with("allow logs:FilterLogEvents"),
        "{logs:?}"
    );
    assert!(logs.how_to_close.contains("midwatch permissions aws"));
    assert_eq!(why("dynamodb:ListTables").why, GapReason::RateLimit);
    assert_eq!(why("xray:GetTraceSummaries").why, GapReason::Timeout);
    assert_eq!(why("sqs:ListQueues").why, GapReason::Connector);
    // Nothing hangs beyond the look.
    assert!(time.now().since(BEGIN) <= eyes.settings.budget.look);
    assert!(brought.series.len() == 6 && !brought.seen.contains(&SourceKind::Traces));
    // Tried again, and not for ever.
    let tables = double
        .calls()
        .iter()
        .filter(|call| call.action == "dynamodb:ListTables")
        .count();
    assert_eq!(tables, 3);
    assert!(brought.asked.spent.retries >= 2);
}

/// Of how many calls of X-Ray each answer to the first is the beginning.
#[test]
fn the_graph_is_asked_for_where_there_may_be_traces() {
    let asked = |summaries: Said| {
        let time = Time::new();
        let double = Double::new(&time, Duration::from_millis(20), move |call| {
            match call.action.as_str() {
                "xray:GetTraceSummaries" => summaries.clone(),
                _ => answer(call),
            }
        });
        let eyes = eyes(&double, one_region());
        let brought = look(&double, &eyes);
        let calls = double.calls().into_iter();
        let calls: BTreeSet<String> = calls
            .filter_map(|call| Some(call.action.strip_prefix("xray:")?.to_string()))
            .collect();
        (
            calls.into_iter().collect::<Vec<_>>().join(" "),
            brought.seen.contains(&SourceKind::Traces),
        )
    };
    let some = Said::Json(200, json!({ "TraceSummaries": [{ "Id": "1-aaaa-bbbb" }] }));
    let all = "BatchGetTraces GetServiceGraph GetTraceSummaries".to_string();
    assert_eq!(asked(some), (all, true));
    let none = Said::Json(200, json!({ "TraceSummaries": [] }));
    assert_eq!(asked(none), ("GetTraceSummaries".to_string(), true));
    let denied = Said::Json(403, json!({ "__type": "AccessDeniedException" }));
    let both = "GetServiceGraph GetTraceSummaries".to_string();
    assert_eq!(asked(denied), (both, false));
    let unknown = Said::Json(404, json!({ "__type": "UnknownOperationException" })).odd();
    assert_eq!(asked(unknown), ("GetTraceSummaries".to_string(), false));
}

#[test]
fn what_is_spent_is_not_spent_again() {
    for (settings, wanted, most) in [
        (
            Settings {
                budget: Budget {
                    requests: 5,
                    ..Budget::default()
                },
                ..one_region()
            },
            "the 5 requests of a look are spent",
            5,
        ),
        (
            Settings {
                budget: Budget {
                    bytes: 1,
                    ..Budget::default()
                },
                ..one_region()
            },
            "the 1 bytes of a look are spent",
            12,
        ),
        (
            Settings {
                budget: Budget {
                    money: Money {
                        look: 25_000,
                        hour: u64::MAX,
                    },
                    ..Budget::default()
                },
                ..one_region()
            },
            "the $0.000025 of a look are spent",
            40,
        ),
    ] {
        let time = Time::new();
        let double = Double::new(&time, Duration::from_millis(20), answer);
        let eyes = eyes(&double, settings);
        let brought = look(&double, &eyes);
        let told = brought
            .gaps
            .iter()
            .filter(|gap| gap.detail.contains(wanted));
        assert!(told.clone().all(|gap| gap.why == GapReason::Budget));
        // What was never asked, and would have been evidence, is missing.
        let evidence = [
            ("which metrics there are", SourceKind::Metrics),
            ("log groups", SourceKind::Logs),
            ("changes", SourceKind::Changes),
        ];
        let kind = |gap: &Gap| evidence.iter().find(|(part, _)| gap.wanted == *part);
        let parts = told.clone().filter_map(|gap| Some((gap, kind(gap)?.1)));
        assert!(parts.clone().count() > 0, "{wanted}: {:?}", brought.gaps);
        for (gap, kind) in parts {
            assert_eq!(gap.hides, [kind], "{gap:?}");
        }
        assert!(told.count() > 0, "{wanted}: {:?}", brought.gaps);
        assert!(
            double.calls().len() <= most,
            "{wanted}: {}",
            double.calls().len()
        );
    }
}

#[test]
fn credentials_are_in_nothing_that_is_told() {
    let time = Time::new();
    // An endpoint that says back everything it was sent, and one that fails to give a role.
    let echo = |call: &Call| {
        let all = format!("{} {SECRET} {TOKEN}", call.all);
        Said::Json(
            400,
            json!({ "__type": "ValidationException", "message": all }),
        )
        .odd()
    };
    let double = Double::new(&time, Duration::from_millis(20), move |call| {
        match call.action.as_str() {
            "sts:AssumeRole" => answer(call),
            _ => echo(call),
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("calls.jsonl");
    let settings = Settings {
        accounts: accounts(2),
        call_log: Some(log.clone()),
        ..one_region()
    };
    let eyes = eyes(&double, settings);
    let brought = look(&double, &eyes);
    assert!(brought.gaps.len() > 10);
    let greeted = time.run(eyes.greeted());
    let log = std::fs::read_to_string(&log).unwrap();
    let told = format!(
        "{brought:?} {greeted:?} {log} {}",
        serde_json::to_string(&brought.gaps).unwrap()
    );
    for secret in [
        KEY,
        SECRET,
        TOKEN,
        "role/SECRET",
        "role-token-canary",
        "ASIA00000000",
    ] {
        assert!(!told.contains(secret), "{secret} in {told}");
    }
    // The log names every call, and all of them are in the table.
    let proof = crate::aws::proof::prove(&log, "aws.main", crate::aws::calls::by_trail).unwrap();
    assert_eq!(proof.calls as usize, double.calls().len());
    assert!(proof.foreign.is_empty());
}

#[test]
fn without_a_way_in_it_says_so() {
    let time = Time::new();
    let double = Double::new(&time, Duration::from_millis(20), |call| {
        match call.action.as_str() {
        "sts:AssumeRole" => Said::Xml(
            403,
            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Code>AccessDenied</Code>\
             <Message>not authorized to perform: sts:AssumeRole</Message></Error></ErrorResponse>"
                .to_string(),
        ),
        _ => answer(call),
    }
    });
    let settings = Settings {
        accounts: accounts(1),
        ..one_region()
    };
    let eyes = eyes(&double, settings);
    let brought = look(&double, &eyes);
    assert!(brought.seen.is_empty());
    assert!(
        brought
            .gaps
            .iter()
            .all(|gap| gap.why == GapReason::Permission),
        "{:?}",
        brought.gaps
    );
    // A role that is refused once is not asked for by every call.
    let taken = double
        .calls()
        .iter()
        .filter(|call| call.action == "sts:AssumeRole")
        .count();
    assert!(taken <= 12, "{taken}");
    let said = time.run(eyes.greeted()).unwrap_err();
    assert!(matches!(said, Missed::Permission(_)), "{said:?}");
}
