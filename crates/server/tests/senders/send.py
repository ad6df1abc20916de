"""Sends the three signals of a service: python send.py http|grpc ENDPOINT SERVICE."""

import logging
import sys

from opentelemetry import trace
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode

protocol, endpoint, service = sys.argv[1:]
if protocol == "grpc":
    from grpc import Compression
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    def made(exporter, path):
        return exporter(endpoint=endpoint, insecure=True, compression=Compression.Gzip)

else:
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    def made(exporter, path):
        return exporter(endpoint=f"{endpoint}/v1/{path}", compression=Compression.Gzip)


resource = Resource({"service.name": service})
tracers = TracerProvider(resource=resource)
tracers.add_span_processor(BatchSpanProcessor(made(OTLPSpanExporter, "traces")))
tracer = tracers.get_tracer("test")
with tracer.start_as_current_span("serve", kind=SpanKind.SERVER):
    asking = {"peer.service": "ledger", "tries": 3}
    with tracer.start_as_current_span("ask ledger", kind=SpanKind.CLIENT, attributes=asking):
        trace.get_current_span().set_status(Status(StatusCode.ERROR, "no answer"))
tracers.shutdown()

loggers = LoggerProvider(resource=resource)
loggers.add_log_record_processor(SimpleLogRecordProcessor(made(OTLPLogExporter, "logs")))
log = logging.getLogger("test")
log.propagate = False
log.addHandler(LoggingHandler(logger_provider=loggers))
log.warning("it is getting %s", "late")
loggers.shutdown()

reader = PeriodicExportingMetricReader(made(OTLPMetricExporter, "metrics"), export_interval_millis=60_000)
meters = MeterProvider(resource=resource, metric_readers=[reader])
meter = meters.get_meter("test")
requests = meter.create_counter("requests")
took = meter.create_histogram("took", unit="ms")
depth = meter.create_gauge("depth")
for _ in range(2):
    requests.add(5)
    took.record(12.0)
    depth.set(7, {"queue": "q1"})
    meters.force_flush()
meters.shutdown()
