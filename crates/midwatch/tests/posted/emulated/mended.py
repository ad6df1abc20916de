"""ministack, with what its audit trail and its enforcement get wrong put right, so that nothing rests on it.

AWS's history of events holds no calls of data, such as invocations, while the emulator's newest 50 records would be little
else. The emulator names a call whose action stands in a form or an address by method and service ("POST.iam"), and so takes what reads for
what alters; it names calls that set a limit of concurrency by that of another; whoever reads a limit is held to the right
to set it; copies of a function go on under the role that it had before; and of a function that cannot be started by the
name that is set, it has no line, where AWS's own runtime for Python writes one.

Where `MENDED_LIVED` names a file, whatever happens before that file is there is recorded as of an hour ago: so a test that puts
numbers of a calm time there has a trail that goes with them.
"""
import os
import pathlib
import re
import sys
import time

from ministack import app
from ministack.core import iam_actions
from ministack.services import cloudtrail, lambda_svc

DATA = {"Invoke", "PutItem", "GetItem", "UpdateItem", "DeleteItem", "Query", "Scan", "PutMetricData", "Publish"}
LIMITS = {
    "GET": "GetFunctionConcurrency",
    "PUT": "PutFunctionConcurrency",
    "DELETE": "DeleteFunctionConcurrency",
}
LIVED = pathlib.Path(os.environ["MENDED_LIVED"]) if "MENDED_LIVED" in os.environ else None
OPERATION = re.compile(r"/operation/(\w+)$")
READS = re.compile("Get|List|Describe|Head|Filter|BatchGet|Lookup|Search")

named, recorded, needed = app._ct_event_name, cloudtrail.record_event, iam_actions._lambda_action
traced, configured = app._maybe_record_cloudtrail, lambda_svc._update_config
executed = lambda_svc._execute_function_warm
NAMELESS = re.compile(r"Worker init failed: module '([^']+)' has no attribute '([^']+)'")


def limit(method, path):
    return LIMITS.get(method) if path.rstrip("/").endswith("/concurrency") else None


def name(service, method, path, headers, query_params):
    # Lambda writes the date of its interface behind the name.
    if service == "lambda" and limit(method, path):
        return limit(method, path) + "20171031"
    operation = OPERATION.search(path)
    return operation[1] if operation else named(service, method, path, headers, query_params)


def trace(service, method, path, headers, body, query_params, *rest):
    asked = app._routing_params(method, path, headers, body, query_params)
    traced(service, method, path, headers, body, asked, *rest)


def record(*words, **told):
    if told["event_name"] not in DATA:
        recorded(*words, **told)


def reads(method, event_name):
    return "true" if method in ("GET", "HEAD") or READS.match(event_name) else "false"


def configure(function, data):
    if "Role" in data:
        lambda_svc.invalidate_worker(function, qualifier="$LATEST")
    return configured(function, data)


def execute(function, event, request_id):
    result = executed(function, event, request_id)
    body = result.get("body")
    found = NAMELESS.match(str(body.get("errorMessage"))) if result.get("error") and isinstance(body, dict) else None
    if found:
        says, kind = f"Handler '{found[2]}' missing on module '{found[1]}'", "Runtime.HandlerNotFound"
        body = {"errorMessage": says, "errorType": kind, "requestId": request_id, "stackTrace": []}
        result = {**result, "body": body, "log": f"[ERROR] {kind}: {says}\nTraceback (most recent call last):"}
    return result


class Clock:
    """That of the audit trail."""

    def __getattr__(self, other):
        return getattr(time, other)

    def time(self):
        return time.time() - (0 if LIVED is None or LIVED.exists() else 3600)


app._ct_event_name = name
lambda_svc._update_config = configure
lambda_svc._execute_function_warm = execute
cloudtrail.time = Clock()
app._maybe_record_cloudtrail = trace
cloudtrail.record_event = record
cloudtrail._is_readonly = reads
iam_actions._lambda_action = lambda method, path: limit(method, path) or needed(method, path)

sys.exit(app.main())
