"""Payments: checks the signature's time and asks the bank."""

import time

import requests
from flask import request

import service
from service import DOMAIN, Upstream, log

service.telemetry()
app = service.web()
TOLERANCE = 60.0


@app.post("/charge")
def charge():
    asked = request.get_json()
    off = time.time() - float(request.headers.get("X-Signed-At", "0"))
    if abs(off) > TOLERANCE:
        side = "in the past" if off > 0 else "in the future"
        log.error("order %s refused: signature timestamp is %.0f s %s, tolerance is %.0f s", asked["order"], abs(off), side, TOLERANCE)
        return {"error": f"signature timestamp outside tolerance: {abs(off):.0f} s {side}"}, 401
    try:
        answer = requests.post(f"http://api.examplebank.{DOMAIN}:9000/authorise", json=asked, timeout=2.5)
    except requests.Timeout as error:
        raise Upstream(f"api.examplebank.{DOMAIN} did not answer within 2.5 s", 504) from error
    except requests.RequestException as error:
        raise Upstream(f"api.examplebank.{DOMAIN} cannot be reached: {error}") from error
    if answer.status_code != 200:
        raise Upstream(f"api.examplebank.{DOMAIN} answered {answer.status_code}")
    return {"paid": True}


service.serve(app)
