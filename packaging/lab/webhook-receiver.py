#!/usr/bin/env python3
"""Receives webhooks and checks their Standard Webhooks signature with nothing but the standard library.

usage: webhook-receiver.py PORT SECRET-FILE LOG-FILE
Writes one line per request: `verified ID BODY` or `bad REASON`. Answers 204, or 400 to what does not verify.
"""
import base64
import hashlib
import hmac
import http.server
import sys
import time

PORT, SECRET_FILE, LOG_FILE = int(sys.argv[1]), sys.argv[2], sys.argv[3]
KEY = base64.b64decode(open(SECRET_FILE).read().strip().removeprefix("whsec_"))
TOLERANCE_SECONDS = 300


def check(headers, body):
    """None when the signature is right, else the reason (https://www.standardwebhooks.com, "Verifying webhook authenticity")."""
    try:
        message_id, sent, signatures = headers["webhook-id"], headers["webhook-timestamp"], headers["webhook-signature"]
        if abs(time.time() - int(sent)) > TOLERANCE_SECONDS:
            return "timestamp too old or in the future"
    except (TypeError, ValueError):
        return "a header is missing"
    signed = b".".join((message_id.encode(), sent.encode(), body))
    right = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    for part in signatures.split():
        version, _, value = part.partition(",")
        if version == "v1" and hmac.compare_digest(value, right):
            return None
    return "no signature fits"


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        wrong = check(self.headers, body)
        with open(LOG_FILE, "a", encoding="utf-8") as log:
            log.write(f"bad {wrong}\n" if wrong else f"verified {self.headers['webhook-id']} {body.decode()}\n")
        self.send_response(400 if wrong else 204)
        self.end_headers()

    def log_message(self, *args):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Receiver).serve_forever()
