"""What every service of the shop has: settings, log lines, traces by OTLP, metrics for Prometheus, a server."""

import logging
import os
import sys
import time

import flask
import waitress
from opentelemetry import trace
from opentelemetry._logs import set_logger_provider
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest

NAME = os.environ["SERVICE"]
VERSION = os.environ.get("VERSION", "1.4.0")
DOMAIN = os.environ["DOMAIN"]

REQUESTS = Counter("http_requests", "Requests answered.", ["handler", "method", "code"])
SECONDS = Histogram(
    "http_request_duration_seconds",
    "How long answers took.",
    ["handler"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8),
)
Gauge("app_info", "Which version runs.", ["version"]).labels(VERSION).set(1)

log = logging.getLogger(NAME)


def resource(name=NAME, version=VERSION):
    """Who sends, in OpenTelemetry's words."""
    return Resource.create(
        {
            "service.name": name,
            "service.version": version,
            "service.namespace": "shop",
            "deployment.environment.name": "production",
            "host.name": "shop-1",
        }
    )


def telemetry():
    """Log lines to standard output and, with the spans, to whatever OTEL_EXPORTER_OTLP_ENDPOINT names."""
    logging.basicConfig(
        stream=sys.stdout,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    # The exporters' own complaints would otherwise be exported in their turn.
    for quiet in ("opentelemetry", "urllib3", "pika", "waitress.queue", "psycopg.pool"):
        logging.getLogger(quiet).setLevel(logging.CRITICAL)
    if not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return
    traces = TracerProvider(resource=resource())
    traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(), schedule_delay_millis=1000))
    trace.set_tracer_provider(traces)
    logs = LoggerProvider(resource=resource())
    logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(), schedule_delay_millis=1000))
    set_logger_provider(logs)
    logging.getLogger().addHandler(LoggingHandler(level=logging.INFO, logger_provider=logs))
    RequestsInstrumentor().instrument()


def web():
    """A Flask application that counts and times what it answers."""
    app = flask.Flask(NAME)
    if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        FlaskInstrumentor().instrument_app(app, excluded_urls="metrics,healthz")

    @app.before_request
    def begin():
        flask.g.begun = time.perf_counter()

    @app.after_request
    def count(answer):
        rule = flask.request.url_rule
        handler = rule.rule if rule else "none"
        if handler not in ("/metrics", "/healthz"):
            REQUESTS.labels(handler, flask.request.method, answer.status_code).inc()
            SECONDS.labels(handler).observe(time.perf_counter() - flask.g.begun)
        return answer

    @app.errorhandler(Exception)
    def failed(error):
        code = getattr(error, "code", None)
        if isinstance(code, int) and 400 <= code < 500:
            return {"error": str(error)}, code
        log.error("%s %s failed: %s: %s", flask.request.method, flask.request.path, type(error).__name__, error)
        # Whoever calls is told whether it was us or somebody further down.
        status = getattr(error, "status", 500)
        return {"error": f"{type(error).__name__}: {error}"}, status

    @app.get("/metrics")
    def metrics():
        return generate_latest(), 200, {"content-type": CONTENT_TYPE_LATEST}

    @app.get("/healthz")
    def healthz():
        return {"ok": True}

    return app


class Upstream(Exception):
    """A service that we called failed, or kept us waiting."""

    def __init__(self, text, status=502):
        super().__init__(text)
        self.status = status


def serve(app, threads=8):
    """Serves until the process ends."""
    log.info("%s %s starting", NAME, VERSION)
    host, port = os.environ["LISTEN"].split(":")
    waitress.serve(app, host=host, port=int(port), threads=threads, _quiet=True)
