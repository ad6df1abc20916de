"""Whoever owns the account: makes a user for those who look, a role for those who act, and somebody who tells.

    owner.py ENDPOINT REGION user                       prints the key of a user who may do nothing yet
    owner.py ENDPOINT REGION allow READS ACTS           what that user may do, and the role that it may take
    owner.py ENDPOINT REGION tell CODE TOPIC INLET SECRET   a function that hears of a topic and posts to an inlet
    owner.py ENDPOINT REGION past PREFIX MINUTES        what CloudWatch heard of these functions before
    owner.py ENDPOINT REGION event ID                   a record of the audit trail
"""
import json
import pathlib
import sys
import time
import zipfile

import botocore.session

endpoint, region, what, *words = sys.argv[1:]
session = botocore.session.get_session()


def client(service):
    return session.create_client(service, region_name=region, endpoint_url=endpoint)


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def trusts(principal):
    return policy({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"})


def user():
    """The emulator reads all that it knows of services when it is first asked for one that it lacks; not later."""
    try:
        client("xray").get_service_graph(StartTime=0, EndTime=60)
    except Exception as error:
        print(error, file=sys.stderr)
    iam = client("iam")
    iam.create_user(UserName="midwatch")
    key = iam.create_access_key(UserName="midwatch")["AccessKey"]
    return {"id": key["AccessKeyId"], "secret": key["SecretAccessKey"]}


def allow(reads, acts):
    iam = client("iam")
    made = iam.create_policy(PolicyName="midwatch-reads", PolicyDocument=pathlib.Path(reads).read_text())
    iam.attach_user_policy(UserName="midwatch", PolicyArn=made["Policy"]["Arn"])
    arn = iam.get_user(UserName="midwatch")["User"]["Arn"]
    iam.create_role(RoleName="midwatch-acts", AssumeRolePolicyDocument=trusts({"AWS": arn}))
    made = iam.create_policy(PolicyName="midwatch-acts", PolicyDocument=pathlib.Path(acts).read_text())
    iam.attach_role_policy(RoleName="midwatch-acts", PolicyArn=made["Policy"]["Arn"])


def tell(code, topic, inlet, secret):
    role = client("iam").create_role(
        RoleName="tell", AssumeRolePolicyDocument=trusts({"Service": "lambda.amazonaws.com"})
    )["Role"]["Arn"]
    archive = pathlib.Path("tell.zip")
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("index.py", pathlib.Path(code).read_text())
    functions = client("lambda")
    made = functions.create_function(
        FunctionName="tell", Runtime="python3.12", Handler="index.handler", Timeout=20, Role=role,
        Code={"ZipFile": archive.read_bytes()},
        Environment={"Variables": {"INLET": inlet, "SECRET": secret}},
    )["FunctionArn"]
    topics = client("sns")
    found = [one["TopicArn"] for one in topics.list_topics()["Topics"]]
    arn = next(one for one in found if one.endswith(":" + topic))
    functions.add_permission(
        FunctionName="tell", StatementId="topic", Action="lambda:InvokeFunction",
        Principal="sns.amazonaws.com", SourceArn=arn,
    )
    topics.subscribe(TopicArn=arn, Protocol="lambda", Endpoint=made)


def past(prefix, minutes):
    """Nobody waits here for as long as there are numbers of a system that is watched: they are put there, of calm minutes."""
    numbers = client("cloudwatch")
    now = time.time()

    def put(space, function, metric, value, unit):
        about = [{"Name": "FunctionName", "Value": function}]
        points = [
            {"MetricName": metric, "Dimensions": about, "Unit": unit, "Timestamp": now - 60 * ago, "Value": value(ago)}
            for ago in range(1, int(minutes) + 1)
        ]
        numbers.put_metric_data(Namespace=space, MetricData=points)

    for one in client("lambda").list_functions()["Functions"]:
        name = one["FunctionName"]
        if not name.startswith(prefix):
            continue
        put("AWS/Lambda", name, "Invocations", lambda ago: 20 + ago % 3, "Count")
        for metric in ["Errors", "Throttles"]:
            put("AWS/Lambda", name, metric, lambda ago: 0, "Count")


def event(id):
    about = [{"AttributeKey": "EventId", "AttributeValue": id}]
    return client("cloudtrail").lookup_events(LookupAttributes=about)["Events"][0]["CloudTrailEvent"]


print(json.dumps({"user": user, "allow": allow, "tell": tell, "past": past, "event": event}[what](*words)))
