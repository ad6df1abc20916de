//! A source whose clock is wrong, and lists that never end.

use std::sync::atomic::Ordering;

use super::ways::whole;
use super::*;

fn brought(ahead: i64, answering: impl Fn(&Call) -> Said + Send + Sync + 'static) -> Brought {
    let time = Time::new();
    let double = Double::new(&time, Duration::from_millis(20), answering);
    double.ahead.store(ahead, Ordering::Relaxed);
    let eyes = eyes(&double, one_region());
    look(&double, &eyes)
}

#[test]
fn a_clock_that_is_not_ours_is_told_of_and_the_rest_is_read() {
    for (ahead, way) in [(7, "ahead of"), (-90, "behind")] {
        let brought = brought(ahead, answer);
        let [gap] = &brought.gaps[..] else {
            panic!("{:?}", brought.gaps)
        };
        assert_eq!(gap.wanted, "the right time of aws.main");
        assert_eq!(gap.why, GapReason::Connector);
        let said = gap.detail.contains(&format!(" {way} ours"));
        assert!(said && gap.how_to_close.contains("NTP"), "{gap:?}");
        assert_eq!(brought.series.len(), 6);
    }
    assert_eq!(brought(0, answer).gaps, []);
}

/// A signature that is over is a matter of clocks, not of rights.
#[test]
fn whom_our_clock_makes_a_stranger_is_not_asked_for_rights() {
    for (code, message, why, cure) in [
        (
            "InvalidSignatureException",
            "Signature expired: 20260101T000000Z is now earlier than 20260101T000500Z",
            GapReason::Connector,
            "NTP",
        ),
        (
            "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
            GapReason::Connector,
            "NTP",
        ),
        (
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided.",
            GapReason::Permission,
            "allow logs:DescribeLogGroups",
        ),
    ] {
        let brought = brought(0, move |call| match call.action.as_str() {
            "logs:DescribeLogGroups" => {
                Said::Json(403, json!({ "__type": code, "message": message }))
            }
            _ => answer(call),
        });
        let gap = &brought.gaps[0];
        assert_eq!(gap.wanted, "log groups", "{:?}", brought.gaps);
        assert_eq!(gap.why, why, "{code}: {message}");
        assert!(gap.how_to_close.contains(cure), "{gap:?}");
        assert_eq!(brought.series.len(), 6);
    }
}

/// The whole place, with one list that says that there is more each time.
#[test]
fn a_list_that_does_not_end_is_a_gap() {
    for (action, field, wanted) in [
        ("cloudwatch:DescribeAlarms", "NextToken", "all alarms"),
        (
            "cloudwatch:DescribeAlarmHistory",
            "NextToken",
            "when all alarms turned",
        ),
        ("cloudwatch:ListMetrics", "NextToken", "all metrics"),
        ("logs:DescribeLogGroups", "nextToken", "all log groups"),
        (
            "cloudtrail:LookupEvents",
            "NextToken",
            "changes of others than function/pay, table/ledger before 23:54:00",
        ),
        (
            "lambda:ListEventSourceMappings",
            "NextMarker",
            "what all functions read",
        ),
        (
            "codepipeline:ListPipelineExecutions",
            "nextToken",
            "all that pipelines released",
        ),
        (
            "sns:ListSubscriptions",
            "</ListSubscriptionsResult>",
            "all subscriptions",
        ),
        (
            "ec2:DescribeInstances",
            "</DescribeInstancesResponse>",
            "all machines",
        ),
        (
            "ec2:DescribeInstanceStatus",
            "</DescribeInstanceStatusResponse>",
            "status checks of all machines",
        ),
    ] {
        let brought = brought(0, move |call| match whole(call) {
            Said::Json(200, mut value) if call.action == action => {
                value[field] = json!("more");
                // Of executions there is more to read only if the oldest that was told began lately.
                let told = value.get_mut("pipelineExecutionSummaries");
                if let Some(told) = told.and_then(Value::as_array_mut) {
                    told.pop();
                }
                Said::Json(200, value)
            }
            Said::Xml(200, text) if call.action == action => {
                let name = if action.starts_with("ec2") {
                    "nextToken"
                } else {
                    "NextToken"
                };
                Said::Xml(
                    200,
                    text.replace(field, &format!("<{name}>more</{name}>{field}")),
                )
            }
            said => said,
        });
        let told: Vec<&str> = brought.gaps.iter().map(|gap| gap.wanted.as_str()).collect();
        assert!(told.contains(&wanted), "{action}: {told:?}");
        assert!(brought.series.len() >= 6, "{action}");
    }
}
