"""Orders: stock is taken and the order kept in PostgreSQL, the payment asked for, the parcel ordered through the queue."""

import json
import os
import time

import pika
import requests
from flask import request
from opentelemetry.instrumentation.pika import PikaInstrumentor

import databases
import service
from service import DOMAIN, Upstream, log

service.telemetry()
app = service.web()
primary = databases.pool("postgres", statement="4s")
replica = databases.pool("postgres-replica", most=4)
# What is printed on the invoice; orders are kept with it.
INVOICE = "The goods remain our property until they are paid for in full. " * 40


def charge(order, amount):
    """Asks for the payment; signed with the time, as the payment's interface wants it."""
    stamp = {"X-Signed-At": f"{time.time():.3f}"}
    try:
        answer = requests.post(
            f"https://pay.{DOMAIN}:8443/charge",
            json={"order": order, "amount": amount},
            headers=stamp,
            timeout=4.0,
            verify=os.environ["SHOP_CA"],
        )
    except requests.Timeout as error:
        raise Upstream(f"payment of order {order} timed out", 504) from error
    except requests.RequestException as error:
        raise Upstream(f"payment of order {order}: {error}") from error
    if answer.status_code != 200:
        raise Upstream(f"payment of order {order} was answered {answer.status_code}: {answer.text[:200].strip()}")


def announce(order):
    """Tells the fulfilment, and waits until the broker has it."""
    where = pika.ConnectionParameters(
        host=f"rabbitmq.{DOMAIN}",
        credentials=pika.PlainCredentials("shop", "shop"),
        blocked_connection_timeout=2,
        socket_timeout=2,
        stack_timeout=4,
        connection_attempts=1,
    )
    with pika.BlockingConnection(where) as connection:
        channel = connection.channel()
        if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
            PikaInstrumentor().instrument_channel(channel)
        channel.queue_declare("parcels", durable=True)
        channel.confirm_delivery()
        channel.basic_publish("", "parcels", json.dumps(order), pika.BasicProperties(delivery_mode=2))


@app.post("/orders")
def place():
    asked = request.get_json()
    with primary.connection() as db:
        row = db.execute(
            "update inventory set stock = stock - 1 where product = %s and stock > 0 returning stock", (asked["product"],)
        ).fetchone()
        if row is None:
            return {"error": "sold out"}, 409
        price = db.execute("select price from products where id = %s", (asked["product"],)).fetchone()[0]
        number = db.execute(
            "insert into orders (customer, product, amount, state, invoice) values (%s, %s, %s, 'placed', %s) returning id",
            (asked["customer"], asked["product"], price, INVOICE),
        ).fetchone()[0]
    charge(number, price)
    with primary.connection() as db:
        db.execute("update orders set state = 'paid' where id = %s", (number,))
    try:
        announce({"order": number, "customer": asked["customer"], "weight": 1 + number % 5})
    except Exception as error:
        raise Upstream(f"the broker did not take order {number}: {type(error).__name__} {error}", 503) from error
    return {"order": number}, 201


@app.get("/orders/<int:number>")
def show(number):
    with replica.connection() as db:
        row = db.execute("select state, amount from orders where id = %s", (number,)).fetchone()
    if row is None:
        log.warning("order %s is not known on postgres-replica", number)
        return {"error": "no such order"}, 404
    return {"order": number, "state": row[0], "amount": row[1]}


service.serve(app)
