"""The bank: somebody else's, so it tells nothing of itself. How long it takes stands in a file, read at each request."""

import os
import random
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Bank(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        try:
            with open(os.environ["BANK_SECONDS"], encoding="utf-8") as file:
                seconds = float(file.read())
        except (OSError, ValueError):
            seconds = 0.02
        time.sleep(seconds + random.random() * 0.02)
        try:
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"ok")
        except OSError:
            # Whoever asked did not wait.
            pass

    def log_message(self, *_):
        pass


host, port = os.environ["LISTEN"].split(":")
ThreadingHTTPServer((host, int(port)), Bank).serve_forever()
