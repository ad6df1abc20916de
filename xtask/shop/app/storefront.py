"""What customers' browsers ask: the front page, products, carts, the checkout."""

import json
import os
import time
import uuid

import redis
import requests
from flask import request
from opentelemetry.instrumentation.redis import RedisInstrumentor
from prometheus_client import Counter

import service
from service import DOMAIN, Upstream, log

service.telemetry()
if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
    RedisInstrumentor().instrument()
app = service.web()
carts = redis.Redis(host=f"redis.{DOMAIN}", port=6379, socket_timeout=2, socket_connect_timeout=2)
CHECKOUTS = Counter("checkouts", "Checkouts by how they ended.", ["result"])
CART_SECONDS = 1800


def call(name, method, path, timeout=5.0, **more):
    """Asks another service of the shop; its failure is ours, with a name."""
    begun = time.perf_counter()
    try:
        answer = requests.request(method, f"http://{name}.{DOMAIN}:8000{path}", timeout=timeout, **more)
    except requests.Timeout as error:
        raise Upstream(f"{name} did not answer within {time.perf_counter() - begun:.1f} s", 504) from error
    except requests.RequestException as error:
        raise Upstream(f"{name} cannot be reached: {error}") from error
    if answer.status_code >= 500:
        raise Upstream(f"{name} answered {answer.status_code}: {answer.text[:200].strip()}", answer.status_code)
    return answer


@app.get("/")
def front():
    products = call("catalogue", "GET", "/products").json()
    try:
        hints = call("recommendations", "GET", "/hints", timeout=1.0).json()
    except Upstream as error:
        # A page without hints sells less, and is still a page.
        log.warning("no hints: %s", error)
        hints = []
    return {"products": products, "hints": hints}


@app.get("/product/<int:number>")
def product(number):
    return call("catalogue", "GET", f"/products/{number}").json()


@app.post("/cart")
def cart():
    session = str(uuid.uuid4())
    carts.set(f"cart:{session}", json.dumps(request.get_json()), ex=CART_SECONDS)
    return {"session": session}


@app.post("/checkout")
def checkout():
    asked = request.get_json()
    kept = carts.get(f"cart:{asked['session']}")
    if kept is None:
        CHECKOUTS.labels("no_cart").inc()
        log.warning("checkout refused: the cart of session %s is gone", asked["session"])
        return {"error": "your cart is empty"}, 409
    order = json.loads(kept) | {"customer": asked["customer"]}
    try:
        answer = call("orders", "POST", "/orders", timeout=6.0, json=order)
    except Upstream:
        CHECKOUTS.labels("failed").inc()
        raise
    if answer.status_code != 201:
        CHECKOUTS.labels("refused").inc()
        return answer.json(), answer.status_code
    CHECKOUTS.labels("ok").inc()
    try:
        carts.delete(f"cart:{asked['session']}")
        carts.zincrby("bought", 1, order["product"])
    except redis.RedisError as error:
        log.warning("a cart was left behind: %s", error)
    return answer.json(), 201


@app.get("/order/<int:number>")
def order(number):
    answer = call("orders", "GET", f"/orders/{number}")
    return answer.json(), answer.status_code


service.serve(app, threads=16)
