"""Customers: so many sessions a second, each of a few requests, for so many seconds and no longer."""

import os
import random
import sys
import threading
import time

import requests

URL, RATE, SECONDS = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
MOST = threading.BoundedSemaphore(40)
chance = random.Random(7)


def session(number):
    web = requests.Session()
    ask = lambda method, path, **more: web.request(method, URL + path, timeout=10, **more)
    try:
        ask("GET", "/")
        for _ in range(2):
            time.sleep(chance.uniform(0.1, 0.4))
            ask("GET", f"/product/{chance.randint(1, 200)}")
        cart = ask("POST", "/cart", json={"product": chance.randint(1, 200)})
        time.sleep(chance.uniform(0.5, 1.5))
        bought = ask("POST", "/checkout", json={"session": cart.json()["session"], "customer": number % 5000})
        if bought.status_code == 201:
            time.sleep(0.5)
            ask("GET", f"/order/{bought.json()['order']}")
    except (requests.RequestException, ValueError, KeyError):
        # A customer who got no answer goes away.
        pass
    finally:
        MOST.release()


end = time.monotonic() + SECONDS
number = os.getpid()
while time.monotonic() < end:
    time.sleep(chance.expovariate(RATE))
    number += 1
    if MOST.acquire(blocking=False):
        threading.Thread(target=session, args=(number,), daemon=True).start()
