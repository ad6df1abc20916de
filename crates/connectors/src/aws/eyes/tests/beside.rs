//! What is built, recorded, automated and searched for, in the double: what a look makes of it, and what a search costs.

use super::services::{COMMIT, at, seconds};
use super::ways::whole;
use super::*;

/// Builds: one that failed, one that a pipeline tells of itself, one of nobody's, and one of long ago.
pub fn builds(call: &Call) -> Said {
    let build = |id: &str, minutes: i64, status: &str, version: &str, by: &str| {
        let project = id.split(':').next().unwrap_or_default();
        let phase = |name: &str, status: &str| {
            json!({ "phaseType": name, "phaseStatus": status, "startTime": seconds(minutes),
                    "contexts": if status == "FAILED" { json!([{ "statusCode": "COMMAND_EXECUTION_ERROR",
                        "message": "Error while executing command: npm test. Reason: exit status 1" }]) } else { json!([]) } })
        };
        json!({
            "id": id, "projectName": project, "startTime": seconds(minutes), "endTime": seconds(minutes - 2),
            "buildStatus": status, "sourceVersion": "main", "resolvedSourceVersion": version, "initiator": by,
            "phases": [phase("INSTALL", "SUCCEEDED"), phase("BUILD", status), phase("COMPLETED", status)],
            "environment": { "type": "LINUX_CONTAINER", "image": "i", "computeType": "BUILD_GENERAL1_SMALL",
                             "environmentVariables": [{ "name": "KEY", "value": "variable-canary-010" }] },
        })
    };
    Said::Json(
        200,
        match call.action.as_str() {
            "codebuild:ListBuilds" => {
                json!({ "ids": ["web-build:3", "web:2", "tools:1", "tools:0"] })
            }
            _ => json!({ "builds": [
                build("web-build:3", 12, "FAILED", COMMIT, "GitHub-Hookshot/1"),
                build("web:2", 13, "SUCCEEDED", COMMIT, "codepipeline/web"),
                build("tools:1", 40, "SUCCEEDED", "main", "ann"),
                build("tools:0", 90_000, "SUCCEEDED", "main", "ann"),
            ]}),
        },
    )
}

/// Records of one function.
pub fn recorded(call: &Call) -> Said {
    let item = |minutes: i64, timeout: i64, pool: &str, set: i64| {
        json!({
            "configurationItemCaptureTime": seconds(minutes), "configurationItemStatus": "OK", "configurationStateId": minutes.to_string(),
            "resourceType": "AWS::Lambda::Function", "resourceId": "pay",
            "configuration": json!({
                "timeout": timeout, "revisionId": set, "lastModified": at(set),
                "environment": { "variables": { "POOL": pool } },
            }).to_string(),
        })
    };
    match call.action.as_str() {
        "config:DescribeConfigurationRecorderStatus" => Said::Json(
            200,
            json!({ "ConfigurationRecordersStatus": [{ "name": "default", "recording": true }] }),
        ),
        _ if call.body["resourceId"] == "pay" => Said::Json(
            200,
            json!({ "configurationItems": [
                item(20, 3, "variable-canary-011", 22), item(9_000, 30, "variable-canary-012", 9_001),
            ]}),
        ),
        _ => Said::Json(
            400,
            json!({ "__type": "ResourceNotDiscoveredException", "message": "not recorded" }),
        ),
    }
}

/// Automation, commands and parameters.
pub fn systems(call: &Call) -> Said {
    let run = |id: &str, document: &str, minutes: i64, status: &str| {
        json!({
            "AutomationExecutionId": id, "DocumentName": document, "AutomationExecutionStatus": status,
            "ExecutionStartTime": seconds(minutes), "ExecutionEndTime": seconds(minutes - 1), "ExecutedBy": "ann",
            "Outputs": { "out": ["variable-canary-013"] },
        })
    };
    let mut restart = run(
        "11111111-1111-4111-8111-111111111111",
        "AWS-RestartEC2Instance",
        18,
        "Failed",
    );
    restart["TargetParameterName"] = json!("InstanceId");
    restart["ResolvedTargets"] = json!({ "ParameterValues": ["i-0abc"], "Truncated": false });
    restart["FailureMessage"] = json!("Step fails when it is Poll action status for completion.");
    let mut child = run(
        "22222222-2222-4222-8222-222222222222",
        "AWS-RestartEC2Instance",
        18,
        "Failed",
    );
    child["ParentAutomationExecutionId"] = json!("11111111-1111-4111-8111-111111111111");
    Said::Json(
        200,
        match call.action.as_str() {
            "ssm:DescribeAutomationExecutions" => json!({ "AutomationExecutionMetadataList": [
                restart, child, run("33333333-3333-4333-8333-333333333333", "AWS-Tune", 26, "Success"), run("00000000-0000-4000-8000-000000000000", "AWS-Old", 90_000, "Failed"),
            ]}),
            "ssm:GetAutomationExecution" => json!({ "AutomationExecution": {
                "AutomationExecutionId": "33333333-3333-4333-8333-333333333333", "DocumentName": "AWS-Tune",
                "Parameters": { "FunctionName": ["pay"], "Secret": ["variable-canary-014"] },
            }}),
            "ssm:ListCommands" => json!({ "Commands": [
                { "CommandId": "c-1", "DocumentName": "AWS-RunPatchBaseline", "InstanceIds": ["i-0abc"], "Status": "Failed",
                  "StatusDetails": "Failed", "RequestedDateTime": seconds(31), "TargetCount": 1, "ErrorCount": 1,
                  "Parameters": { "commands": ["variable-canary-015"] } },
                { "CommandId": "c-0", "DocumentName": "AWS-Old", "InstanceIds": ["i-0abc"], "Status": "Failed",
                  "RequestedDateTime": seconds(90_000) },
            ]}),
            "ssm:DescribeParameters" => json!({ "Parameters": [
                { "Name": "/shop/pool", "Version": 3, "Type": "String", "LastModifiedDate": seconds(24), "LastModifiedUser": "ann",
                  "ARN": "arn:aws:ssm:eu-west-1:111111111111:parameter/shop/pool" },
                { "Name": "/shop/old", "Version": 9, "Type": "SecureString", "LastModifiedDate": seconds(90_000) },
            ]}),
            other => panic!("nobody taught the double {other}"),
        },
    )
}

/// Lines as a search gives them.
fn results(status: &str, lines: usize, matched: usize, megabytes: f64) -> Value {
    let line = |nth: usize| {
        let cell = |field: &str, value: &str| json!({ "field": field, "value": value });
        // The newest first.
        let time = BEGIN
            .minus(Span(5 * MINUTE + nth as i64 * SECOND / 4))
            .to_string();
        json!([
            cell("@timestamp", &time.replace('T', " ").replace('Z', "")),
            cell("@message", "ERROR Rate exceeded"),
            cell("@log", "111111111111:/aws/lambda/pay"),
            cell("@logStream", "a"),
            cell("@ptr", "p"),
        ])
    };
    json!({
        "status": status, "results": (0..lines).map(line).collect::<Vec<_>>(),
        "statistics": { "recordsMatched": matched as f64, "recordsScanned": 1e6, "bytesScanned": megabytes * 1e6 },
    })
}

/// A search that ends at once, but in one region never.
pub fn search(call: &Call) -> Said {
    Said::Json(
        200,
        match call.action.as_str() {
            "logs:StartQuery" => json!({ "queryId": format!("q-{}", call.region) }),
            "logs:StopQuery" => json!({ "success": true }),
            _ if call.body["queryId"] == "q-us-east-1" => results("Running", 1, 1, 1.0),
            _ => results("Complete", 2, 2, 25.0),
        },
    )
}

fn searching(region: &str) -> Settings {
    Settings {
        regions: vec![region.to_string()],
        insights: true,
        ..Settings::default()
    }
}

fn made(double: &Arc<Double>, action: &str) -> Vec<Call> {
    let calls = double.calls().into_iter();
    calls.filter(|call| call.action == action).collect()
}

/// Looks with searches, answered so where `answering` has something to say.
fn searched(
    settings: Settings,
    answering: impl Fn(&Call) -> Option<Value> + Send + Sync + 'static,
) -> (Brought, Arc<Double>) {
    let time = Time::new();
    let double = Double::new(&time, Duration::from_millis(20), move |call| {
        answering(call).map_or_else(|| answer(call), |value| Said::Json(200, value))
    });
    let eyes = eyes(&double, settings);
    let brought = look(&double, &eyes);
    assert!(time.now().since(BEGIN) <= eyes.settings.budget.look);
    (brought, double)
}

#[test]
fn one_search_reads_all_groups() {
    let (brought, double) = searched(searching("eu-west-1"), |_| None);
    assert_eq!(brought.gaps, []);
    assert_eq!(made(&double, "logs:FilterLogEvents").len(), 0);
    assert_eq!(made(&double, "logs:StopQuery").len(), 0);
    let [started] = &made(&double, "logs:StartQuery")[..] else {
        panic!("one search");
    };
    assert_eq!(
        started.body["logGroupNames"],
        json!(["/aws/lambda/pay", "/ecs/front"])
    );
    assert_eq!(started.body["startTime"], json!(BEGIN.0 / SECOND - 3_600));
    assert_eq!(started.body["endTime"], json!(BEGIN.0 / SECOND - 1));
    let lines: Vec<(&str, &str, i64)> = brought
        .logs
        .iter()
        .map(|line| {
            let ago = BEGIN.since(line.time).0 / (SECOND / 4);
            (line.entity.as_str(), &*line.body, ago)
        })
        .collect();
    let line = |ago: i64| ("function/pay", "ERROR Rate exceeded", ago);
    assert_eq!(lines, [line(1_201), line(1_200)]);
    // It read 25 megabytes; all else that is paid is less than a tenth of a thousandth.
    let spent = brought.asked.spent.micro_usd;
    assert!((215..=225).contains(&spent), "{spent}");
}

#[test]
fn without_being_turned_on_no_search_is_made() {
    let (_, double) = searched(one_region(), |_| None);
    let all = double.calls();
    assert!(!all.iter().any(|call| call.action.ends_with("Query")));
    assert_eq!(made(&double, "logs:FilterLogEvents").len(), 2);
}

#[test]
fn a_search_that_does_not_end_is_stopped() {
    let (brought, double) = searched(searching("us-east-1"), |_| None);
    let [gap] = &brought.gaps[..] else {
        panic!("{:?}", brought.gaps)
    };
    assert_eq!(gap.why, GapReason::Timeout);
    let [stopped] = &made(&double, "logs:StopQuery")[..] else {
        panic!("it is not stopped, or twice");
    };
    assert_eq!(stopped.body["queryId"], "q-us-east-1");
    // Waits grow: a look of twenty seconds asks about a dozen times.
    let asked = made(&double, "logs:GetQueryResults").len();
    assert!((8..=14).contains(&asked), "{asked}");
    assert_eq!(brought.logs.len(), 1, "what it found so far is told");
}

/// Groups that hold so much, of a day.
fn holding(bytes: i64) -> Value {
    json!({ "logGroups": [
        { "logGroupName": "/aws/lambda/pay", "storedBytes": bytes, "creationTime": (BEGIN.0 - 24 * 60 * MINUTE) / 1_000_000 },
    ]})
}

#[test]
fn what_would_cost_too_much_is_not_searched() {
    // 480 gigabytes of a day: 20 of an hour, for ten cents.
    let (brought, double) = searched(searching("eu-west-1"), |call| {
        (call.action == "logs:DescribeLogGroups").then(|| holding(480_000_000_000))
    });
    let [gap] = &brought.gaps[..] else {
        panic!("{:?}", brought.gaps)
    };
    assert_eq!(gap.why, GapReason::Budget);
    assert!(
        gap.detail.contains("the $0.05 of a look are spent"),
        "{gap:?}"
    );
    assert_eq!(made(&double, "logs:StartQuery").len(), 0);
    assert_eq!(made(&double, "logs:FilterLogEvents").len(), 1);
    assert!(brought.asked.spent.micro_usd < 200);
}

#[test]
fn what_a_search_read_is_paid_and_no_more() {
    // A gigabyte was thought to be read, which is half a cent; it was a megabyte.
    let (brought, _) = searched(searching("eu-west-1"), |call| match call.action.as_str() {
        "logs:DescribeLogGroups" => Some(holding(24_000_000_000)),
        "logs:GetQueryResults" => Some(results("Complete", 1, 1, 1.0)),
        _ => None,
    });
    assert_eq!(brought.gaps, []);
    let spent = brought.asked.spent.micro_usd;
    assert!((95..=105).contains(&spent), "{spent}");
}

#[test]
fn a_search_that_reads_more_than_may_be_paid_is_stopped() {
    let (brought, double) = searched(searching("eu-west-1"), |call| {
        let running = call.action == "logs:GetQueryResults";
        running.then(|| results("Running", 3, 3, 20_000.0))
    });
    let [gap] = &brought.gaps[..] else {
        panic!("{:?}", brought.gaps)
    };
    assert_eq!(gap.why, GapReason::Budget);
    assert_eq!(made(&double, "logs:GetQueryResults").len(), 1);
    assert_eq!(made(&double, "logs:StopQuery").len(), 1);
    // Ten cents are gone, although five were all that may be.
    let spent = brought.asked.spent.micro_usd;
    assert!((100_000..101_000).contains(&spent), "{spent}");
}

#[test]
fn more_lines_than_one_search_gives_are_a_gap() {
    let (brought, _) = searched(searching("eu-west-1"), |call| {
        let found = call.action == "logs:GetQueryResults";
        found.then(|| results("Complete", 10_000, 31_000, 25.0))
    });
    let [gap] = &brought.gaps[..] else {
        panic!("{:?}", brought.gaps)
    };
    assert_eq!(
        (gap.wanted.as_str(), gap.why),
        ("all log lines", GapReason::Budget)
    );
    assert!(
        gap.detail.contains("the newest 10000 of 31000 lines"),
        "{gap:?}"
    );
    assert_eq!(brought.logs.len(), 10_000);
}

#[test]
fn a_search_that_may_not_be_started_leaves_the_groups() {
    let time = Time::new();
    let double = Double::new(&time, Duration::from_millis(20), |call| {
        match call.action.as_str() {
            "logs:StartQuery" => Said::Json(
                400,
                json!({ "__type": "AccessDeniedException", "message": "x is not authorized" }),
            ),
            _ => answer(call),
        }
    });
    let eyes = eyes(&double, searching("eu-west-1"));
    let brought = look(&double, &eyes);
    let [gap] = &brought.gaps[..] else {
        panic!("{:?}", brought.gaps)
    };
    assert_eq!(gap.why, GapReason::Permission);
    assert!(gap.how_to_close.starts_with("allow logs:StartQuery "));
    assert_eq!(made(&double, "logs:FilterLogEvents").len(), 2);
    let spent = brought.asked.spent.micro_usd;
    assert!(
        (90..=100).contains(&spent),
        "what was not started costs nothing: {spent}"
    );
}

#[test]
fn values_are_in_nothing_that_is_told() {
    let time = Time::new();
    let double = Double::new(&time, Duration::from_millis(20), whole);
    let eyes = eyes(&double, one_region());
    let brought = look(&double, &eyes);
    assert_eq!(brought.gaps, []);
    let told = format!("{brought:?}");
    assert!(!told.contains("variable-canary"), "{told}");
    let record = brought
        .changes
        .iter()
        .find(|one| one.id.starts_with("config:pay"));
    let diff = record.unwrap().diff.as_deref().unwrap();
    for line in ["-  timeout: 30", "+  timeout: 3", "(left out), another"] {
        assert!(diff.contains(line), "{line}: {diff}");
    }
    // Nothing that a variable says leaves: parameters are compared here.
    let asked = made(&double, "ssm:DescribeParameters");
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].body, json!({ "MaxResults": 50 }));
    let after = &made(&double, "ssm:DescribeAutomationExecutions")[0].body["Filters"][0];
    assert_eq!(after["Key"], "StartTimeAfter");
    assert_eq!(after["Values"], json!([at(24 * 60)]));
}

#[test]
fn builds_are_read_until_the_time_that_counts_is_over() {
    let build = |id: &str, minutes: i64| json!({ "id": id, "projectName": "web", "startTime": seconds(minutes), "endTime": seconds(minutes - 1), "buildStatus": "SUCCEEDED" });
    for (late, questions, gaps) in [(10, 1, 0), (70, 2, 0), (100, 2, 1)] {
        let time = Time::new();
        let double = Double::new(&time, Duration::from_millis(20), move |call| {
            match call.action.as_str() {
                "codebuild:ListBuilds" => {
                    assert_eq!(call.body["sortOrder"], "DESCENDING");
                    let ids: Vec<String> = (0..100).map(|at| format!("web:{at}")).collect();
                    Said::Json(200, json!({ "ids": ids, "nextToken": "more" }))
                }
                "codebuild:BatchGetBuilds" => {
                    let ids = call.body["ids"].as_array().unwrap();
                    let builds = ids.iter().map(|id| {
                        let id = id.as_str().unwrap();
                        let at: i64 = id.strip_prefix("web:").unwrap().parse().unwrap();
                        build(id, if at < late { 5 + at } else { 90_000 + at })
                    });
                    Said::Json(200, json!({ "builds": builds.collect::<Vec<_>>() }))
                }
                _ => answer(call),
            }
        });
        let eyes = eyes(&double, one_region());
        let brought = look(&double, &eyes);
        assert_eq!(
            made(&double, "codebuild:BatchGetBuilds").len(),
            questions,
            "{late}"
        );
        assert_eq!(brought.gaps.len(), gaps, "{late}: {:?}", brought.gaps);
        let built = brought
            .changes
            .iter()
            .filter(|one| one.id.starts_with("codebuild:"));
        assert_eq!(built.count() as i64, late);
    }
}
