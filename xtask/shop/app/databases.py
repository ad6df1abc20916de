"""Connections to PostgreSQL: a small pool for each database server."""

import os

from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor
from prometheus_client import Gauge
from psycopg_pool import ConnectionPool

import service

WAITING = Gauge("db_pool_waiting", "Requests that wait for a connection.", ["server"])
SIZE = Gauge("db_pool_size", "Connections that are open.", ["server"])


def pool(server, most=6, statement="5s"):
    """A pool of connections to this server of the shop's domain."""
    if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        PsycopgInstrumentor().instrument()
    host = f"{server}.{service.DOMAIN}"
    made = ConnectionPool(
        f"host={host} port=5432 dbname=shop user=shop connect_timeout=2 "
        f"application_name={service.NAME} options='-c statement_timeout={statement}'",
        min_size=1,
        max_size=most,
        # Connections that nobody needs go soon, as behind any pooler.
        max_idle=15,
        max_lifetime=60,
        timeout=3,
        reconnect_timeout=5,
        check=ConnectionPool.check_connection,
        open=False,
    )
    made.open(wait=False)
    WAITING.labels(server).set_function(lambda: made.get_stats().get("requests_waiting", 0))
    SIZE.labels(server).set_function(lambda: made.get_stats().get("pool_size", 0))
    return made
