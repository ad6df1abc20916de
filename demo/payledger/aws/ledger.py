"""PayLedger's functions on Lambda.

Each handler reads its settings when it is called, so that what is wrong with them stands in its own log. botocore is in
Lambda's own image of Python; nothing else is needed.
"""
import hashlib
import json
import os
import time

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

# Tried once: whoever calls tries again, under the same key.
ONCE = Config(retries={"max_attempts": 0}, connect_timeout=2, read_timeout=8)
session = botocore.session.get_session()
clients = {}


def client(service):
    if service not in clients:
        clients[service] = session.create_client(service, config=ONCE)
    return clients[service]


def say(level, context, message, **more):
    line = {"level": level, "service": context.function_name, "message": message, **more}
    print(json.dumps(line, sort_keys=True))


def key(account, id):
    return {"account": {"S": account}, "id": {"S": id}}


def plain(item):
    return {
        "id": item["id"]["S"],
        "account": item["account"]["S"],
        "amount": int(item["amount"]["N"]),
        "description": item.get("description", {}).get("S", ""),
        "at": item["at"]["S"],
    }


def rows(account, **more):
    return client("dynamodb").query(
        TableName=os.environ["LEDGER_TABLE"],
        KeyConditionExpression="account = :account",
        ExpressionAttributeValues={":account": {"S": account}},
        **more,
    )


def create_transaction(event, context):
    """One transaction for one key, however often it is asked for."""
    id = hashlib.sha256(event["key"].encode()).hexdigest()[:32]
    item = {
        **key(event["account"], id),
        "amount": {"N": str(int(event["amount"]))},
        "description": {"S": event.get("description", "")},
        "at": {"S": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())},
    }
    table = os.environ["LEDGER_TABLE"]
    try:
        client("dynamodb").put_item(
            TableName=table, Item=item, ConditionExpression="attribute_not_exists(id)"
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        say("info", context, "it was there already", action="PutItem", dependency=table)
    return {"id": id}


def list_transactions(event, context):
    found = rows(event["account"], Limit=min(int(event.get("limit", 20)), 100))
    return {"transactions": [plain(item) for item in found["Items"]]}


def get_balance(event, context):
    balance, more = 0, {}
    while True:
        found = rows(event["account"], **more)
        balance += sum(int(item["amount"]["N"]) for item in found["Items"])
        if "LastEvaluatedKey" not in found:
            return {"account": event["account"], "balance": balance}
        more = {"ExclusiveStartKey": found["LastEvaluatedKey"]}


def health(event, context):
    """Well is who can read the ledger."""
    table = os.environ["LEDGER_TABLE"]
    client("dynamodb").get_item(TableName=table, Key=key("health", "health"))
    return {"status": "ok", "region": os.environ.get("AWS_REGION", "")}


ROUTES = {
    ("POST", "/transaction"): "CREATE_TRANSACTION",
    ("GET", "/transactions"): "LIST_TRANSACTIONS",
    ("GET", "/balance"): "GET_BALANCE",
    ("GET", "/health"): "HEALTH",
}


def count(context, failed, seconds):
    about = [{"Name": "FunctionName", "Value": context.function_name}]
    numbers = {
        "Requests": (1, "Count"),
        "FailedRequests": (failed, "Count"),
        "RequestDuration": (seconds * 1000, "Milliseconds"),
    }
    client("cloudwatch").put_metric_data(
        Namespace="PayLedger",
        MetricData=[
            {"MetricName": name, "Dimensions": about, "Value": value, "Unit": unit}
            for name, (value, unit) in numbers.items()
        ],
    )


def passed_on(function, event):
    """Status and body of what a function answers."""
    try:
        said = client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
    except ClientError as error:
        code = error.response["Error"]["Code"]
        status = 429 if code == "TooManyRequestsException" else 502
        return status, {"message": str(error), "code": code}
    answer = json.loads(said["Payload"].read() or b"null")
    if "FunctionError" in said:
        return 502, {"message": answer.get("errorMessage"), "code": answer.get("errorType")}
    return 200, answer


def api(event, context):
    """The front: requests become calls of the others."""
    began = time.monotonic()
    route = ROUTES.get((event.get("method"), event.get("path")))
    if route is None:
        return {"statusCode": 404, "body": {"message": "there is no such path"}}
    function = os.environ[route]
    status, body = passed_on(function, event.get("body") or {})
    if status != 200:
        say("error", context, f"{function} failed: {body['message']}", action="Invoke",
            dependency=function, code=body["code"], status=status)
    count(context, int(status != 200), time.monotonic() - began)
    return {"statusCode": status, "body": body}
