"""Hears of alarms from a topic, and posts them as EventBridge posts an alarm's change of state.

On AWS a rule of EventBridge does this by itself. The emulator's CloudWatch tells topics alone, and what its SNS posts is
not signed.
"""
import json
import os
import urllib.request


def event(record):
    told = json.loads(record["Sns"]["Message"])
    looks = told["Trigger"]
    metric = {
        "namespace": looks["Namespace"],
        "name": looks["MetricName"],
        "dimensions": {
            one.get("Name", one.get("name")): one.get("Value", one.get("value"))
            for one in looks["Dimensions"]
        },
    }
    stat = {"metric": metric, "period": looks["Period"], "stat": looks["Statistic"]}
    return {
        "id": record["Sns"]["MessageId"],
        "source": "aws.cloudwatch",
        "detail-type": "CloudWatch Alarm State Change",
        "account": told["AWSAccountId"],
        "region": told["Region"],
        "time": told["StateChangeTime"],
        "detail": {
            "alarmName": told["AlarmName"],
            "state": {
                "value": told["NewStateValue"],
                "reason": told["NewStateReason"],
                "timestamp": told["StateChangeTime"],
            },
            "configuration": {"metrics": [{"id": "m1", "metricStat": stat, "returnData": True}]},
        },
    }


def handler(events, context):
    for record in events["Records"]:
        posted = urllib.request.Request(
            os.environ["INLET"],
            data=json.dumps(event(record)).encode(),
            headers={
                "authorization": "Bearer " + os.environ["SECRET"],
                "content-type": "application/json",
            },
        )
        with urllib.request.urlopen(posted, timeout=5) as answer:
            print("told", answer.status)
