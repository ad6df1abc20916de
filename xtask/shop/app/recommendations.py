"""What others bought: hints for the front page, from a sorted set in Redis."""

import os

import redis
from opentelemetry.instrumentation.redis import RedisInstrumentor

import service
from service import DOMAIN

service.telemetry()
if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
    RedisInstrumentor().instrument()
app = service.web()
store = redis.Redis(host=f"redis.{DOMAIN}", port=6379, socket_timeout=0.8, socket_connect_timeout=0.8)


@app.get("/hints")
def hints():
    return [int(name) for name in store.zrevrange("bought", 0, 4)]


service.serve(app, threads=4)
