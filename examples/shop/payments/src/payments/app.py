"""The HTTP side of payments."""

import os
import secrets

from flask import Flask, request

from payments.fees import fee

MODE = os.environ.get("MODE", "sandbox")
ACQUIRER = {"sandbox": "testbank", "live": "europay"}[MODE]
app = Flask(__name__)


@app.get("/healthz")
def healthz():
    return {"service": "payments", "mode": MODE}


@app.post("/payments")
def pay():
    payment = request.get_json(silent=True) or {}
    amount, country = payment.get("amount"), payment.get("country")
    if not isinstance(amount, int) or amount <= 0 or not country:
        detail = 'send {"amount": 1200, "country": "DE"}, the amount in cents'
        problem = {"title": "not a payment", "status": 422, "detail": detail}
        return problem, 422, {"content-type": "application/problem+json"}
    return {
        "authorisation": f"{ACQUIRER}-{secrets.token_hex(4)}",
        "amount": amount,
        "fee": fee(amount, country, MODE),
    }
