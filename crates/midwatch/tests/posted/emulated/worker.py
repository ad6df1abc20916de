"""Writes each request into the ledger."""
import os

import botocore.session

tables = botocore.session.get_session().create_client("dynamodb")


def handler(event, context):
    tables.put_item(TableName=os.environ["LEDGER"], Item={"id": {"S": event["id"]}})
    return {"id": event["id"]}
