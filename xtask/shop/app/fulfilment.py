"""Takes paid orders from the queue and writes down what is to be sent."""

import json
import os
import threading
import time

import pika
from opentelemetry.instrumentation.pika import PikaInstrumentor
from prometheus_client import Counter

import databases
import service
from service import DOMAIN, log

service.telemetry()
app = service.web()
shop = databases.pool("postgres", most=2)
DONE = Counter("parcels", "Messages of the queue, by what became of them.", ["result"])


def parcel(channel, method, properties, body):
    """One message. One that fails goes back to the queue: it may be the database's fault."""
    try:
        order = json.loads(body)
        weight = order["weight"] * 1000 + 250
        with shop.connection() as db:
            db.execute("insert into shipments (order_id, customer, grams) values (%s, %s, %s)", (order["order"], order["customer"], weight))
    except Exception as error:
        DONE.labels("failed").inc()
        log.error("parcel failed, message %s goes back to the queue: %s: %s", method.delivery_tag, type(error).__name__, error)
        time.sleep(0.3)
        channel.basic_nack(method.delivery_tag, requeue=True)
        return
    DONE.labels("ok").inc()
    channel.basic_ack(method.delivery_tag)


def consume():
    while True:
        try:
            where = pika.ConnectionParameters(
                host=f"rabbitmq.{DOMAIN}", credentials=pika.PlainCredentials("shop", "shop"), heartbeat=30
            )
            with pika.BlockingConnection(where) as connection:
                channel = connection.channel()
                channel.queue_declare("parcels", durable=True)
                channel.basic_qos(prefetch_count=1)
                if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
                    PikaInstrumentor().instrument_channel(channel)
                channel.basic_consume("parcels", parcel)
                channel.start_consuming()
        except Exception as error:
            log.error("no queue: %s: %s", type(error).__name__, error)
            time.sleep(2)


threading.Thread(target=consume, daemon=True).start()
service.serve(app, threads=2)
