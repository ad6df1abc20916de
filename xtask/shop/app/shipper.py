"""Ships the log files of what has no OpenTelemetry of its own, line by line, as log records by OTLP.

    shipper.py NAME=FILE...     NAME becomes service.name
"""

import os
import re
import sys
import time

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource

LEVELS = [
    (re.compile(r"\b(PANIC|FATAL|emerg|alert|crit|critical)\b"), SeverityNumber.FATAL, "FATAL"),
    (re.compile(r"\b(ERROR|error)\b"), SeverityNumber.ERROR, "ERROR"),
    (re.compile(r"\b(WARNING|warning|warn)\b|# "), SeverityNumber.WARN, "WARN"),
]


class Tail:
    """One file, from its end on; one that was not there at first, from its start."""

    def __init__(self, name, path):
        self.path, self.file, self.rest, self.late = path, None, "", False
        provider = LoggerProvider(
            resource=Resource.create({"service.name": name, "service.namespace": "shop", "host.name": "shop-1"})
        )
        provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(), schedule_delay_millis=1000))
        self.logger = provider.get_logger("file", attributes={"log.file.path": path})

    def read(self):
        try:
            if self.file is None:
                self.file = open(self.path, encoding="utf-8", errors="replace")
                if not self.late:
                    self.file.seek(0, os.SEEK_END)
            text = self.file.read()
        except OSError:
            self.late = True
            return
        lines = (self.rest + text).split("\n")
        self.rest = lines.pop()
        for line in lines[-500:]:
            if line.strip():
                self.send(line)

    def send(self, line):
        number, word = next(((number, word) for pattern, number, word in LEVELS if pattern.search(line)), (SeverityNumber.INFO, "INFO"))
        self.logger.emit(LogRecord(timestamp=time.time_ns(), severity_number=number, severity_text=word, body=line[:8000]))


tails = [Tail(*word.split("=", 1)) for word in sys.argv[1:]]
while True:
    for tail in tails:
        tail.read()
    time.sleep(0.5)
