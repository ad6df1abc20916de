//! Alarms that compute, seen through the double.

use super::*;

/// An alarm on the share of errors of `pay`, and one that ranges over whatever there is.
fn computing(call: &Call) -> Said {
    let metric = |id: &str, name: &str| {
        let about = json!([{ "Name": "FunctionName", "Value": "pay" }]);
        json!({ "Id": id, "ReturnData": false, "MetricStat": { "Period": 60, "Stat": "Sum", "Metric": {
            "Namespace": "AWS/Lambda", "MetricName": name, "Dimensions": about,
        }}})
    };
    match call.action.as_str() {
        "cloudwatch:DescribeAlarms" => Said::Json(
            200,
            json!({ "MetricAlarms": [
                { "AlarmName": "many fail", "StateValue": "ALARM", "Threshold": 5.0, "Metrics": [
                    metric("m1", "Errors"), metric("m2", "Invocations"),
                    { "Id": "e1", "Expression": "100 * m1 / m2", "Label": "error rate", "ReturnData": true },
                ]},
                { "AlarmName": "any fails", "StateValue": "OK", "Metrics": [
                    { "Id": "e1", "Expression": "SELECT SUM(Errors) FROM SCHEMA(\"AWS/Lambda\")", "ReturnData": true },
                ]},
            ]}),
        ),
        // What was not to be returned comes too, as an emulator may answer.
        "cloudwatch:GetMetricData" if call.all.contains("100 * m0_m1 / m0_m2") => Said::Json(
            200,
            json!({ "MetricDataResults": [
                { "Id": "m0", "StatusCode": "Complete", "Timestamps": [ago(3), ago(2)], "Values": [0.5, 40.0] },
                { "Id": "m0_m1", "StatusCode": "Complete", "Timestamps": [ago(3)], "Values": [7.0] },
            ]}),
        ),
        "cloudwatch:GetMetricData" => Said::Json(
            200,
            json!({ "MetricDataResults": [
                { "Id": "m0", "StatusCode": "Complete", "Timestamps": [ago(3), ago(2)], "Values": [1.0, 80.0] },
            ]}),
        ),
        _ => answer(call),
    }
}

#[test]
fn what_an_alarm_computes_is_a_series_of_whom_it_is_about() {
    let time = Time::new();
    let double = Double::new(&time, Duration::from_millis(20), computing);
    let eyes = eyes(&double, one_region());
    let brought = look(&double, &eyes);
    let rate = brought.series.iter();
    let rate: Vec<_> = rate.filter(|one| one.key.metric == "error rate").collect();
    let [rate] = rate[..] else {
        panic!("{:?}", brought.series)
    };
    assert_eq!(rate.key.entity.as_str(), "function/pay");
    assert_eq!(rate.key.labels["expression"], "100 * m1 / m2");
    assert_eq!(&rate.values[..], [0.5, 40.0]);
    // What it is computed of stands beside it.
    let errors = brought.series.iter();
    let mut errors = errors.filter(|one| one.key.metric == "Errors");
    assert_eq!(&errors.next().unwrap().values[..], [1.0, 80.0]);
    let asked = brought.asked.asked.iter();
    let mut asked = asked.filter(|one| one.metric == "error rate");
    assert!(asked.next().unwrap().text.contains("get-metric-data"));
    let alarm = brought
        .snapshots
        .iter()
        .find(|one| one.document["AlarmName"] == "many fail")
        .unwrap();
    assert_eq!(alarm.entity.as_str(), "function/pay");
    assert_eq!(alarm.document["Expression"], "100 * m1 / m2");
    let [gap] = &brought.gaps[..] else {
        panic!("{:?}", brought.gaps)
    };
    assert!(
        gap.detail
            .contains("what any fails computes ranges over more than it names")
    );
    let calls = double.calls().into_iter();
    let calls = calls.filter(|call| call.action == "cloudwatch:GetMetricData");
    assert_eq!(calls.count(), 2, "metrics, and what is computed");
}

#[test]
fn an_expression_that_is_taken_for_wrong_costs_no_metric() {
    let time = Time::new();
    let double = Double::new(&time, Duration::from_millis(20), |call| {
        match call.action.as_str() {
            "cloudwatch:GetMetricData" if call.all.contains("100 * m0_m1") => Said::Json(
                400,
                json!({ "__type": "ValidationError", "message": "Error in expression 'm0'" }),
            ),
            _ => computing(call),
        }
    });
    let eyes = eyes(&double, one_region());
    let brought = look(&double, &eyes);
    let named = |name: &str| brought.series.iter().any(|one| one.key.metric == name);
    assert!(
        named("Errors") && !named("error rate"),
        "{:?}",
        brought.series
    );
    let told = brought
        .gaps
        .iter()
        .filter(|gap| gap.detail.contains("Error in expression"));
    assert_eq!(told.count(), 1, "{:?}", brought.gaps);
}
