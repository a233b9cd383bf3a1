"""What an amount is worth in another currency, at the rate that the provider of rates tells us over TLS."""

import http.server
import json
import os
import ssl
import urllib.request
from urllib.parse import parse_qs, urlsplit


def quoted(amount, rate):
    return f"{amount * rate:.2f}"


def rate():
    """What the provider says now; it is checked by the certificate that it gave us."""
    context = ssl.create_default_context(cafile="provider.pem")
    with urllib.request.urlopen(f"{os.environ['RATES_URL']}/rate", timeout=5, context=context) as answer:
        return json.load(answer)


class Quotes(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        url = urlsplit(self.path)
        if url.path == "/healthz":
            self.answer(200, {"status": "well"})
            return
        try:
            told = rate()
            amount = float(parse_qs(url.query).get("amount", ["1"])[0])
        except (OSError, ValueError) as error:
            self.answer(502, {"error": f"no rate: {error}"})
            return
        self.answer(200, {"quote": quoted(amount, told["rate"]), "by": told["by"]})

    def answer(self, status, said):
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(said).encode())

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    http.server.ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Quotes).serve_forever()
