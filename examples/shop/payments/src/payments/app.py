"""The HTTP side of payments."""

import os
import secrets

import psycopg
from flask import Flask, request

from payments import ledger
from payments.database import answers
from payments.fees import fee

MODE = os.environ.get("MODE", "sandbox")
ACQUIRER = {"sandbox": "testbank", "live": "europay"}[MODE]
app = Flask(__name__)


@app.get("/healthz")
def healthz():
    """Healthy is who can note a payment: that takes our own database."""
    well = answers()
    database = "answers" if well else "does not answer"
    return {"service": "payments", "mode": MODE, "database": database}, 200 if well else 503


@app.get("/payments")
def payments():
    return ledger.total()


@app.get("/payments/<authorisation>")
def payment(authorisation):
    return ledger.find(authorisation) or problem(404, "no such payment", authorisation)


@app.post("/payments")
def pay():
    wanted = request.get_json(silent=True) or {}
    amount, country = wanted.get("amount"), wanted.get("country")
    if type(amount) is not int or not 0 < amount < 10_000_000 or not named(country):
        detail = 'send {"amount": 1200, "country": "DE"}, the amount in cents'
        return problem(422, "not a payment", detail)
    cost = fee(amount, country, MODE)
    authorisation = f"{ACQUIRER}-{secrets.token_hex(4)}"
    ledger.note(authorisation, amount, country, cost)
    return {"authorisation": authorisation, "amount": amount, "fee": cost}


def named(country):
    return isinstance(country, str) and country.isprintable() and 0 < len(country) <= 60


def problem(status, title, detail):
    value = {"title": title, "status": status, "detail": detail}
    return value, status, {"content-type": "application/problem+json"}


@app.errorhandler(psycopg.OperationalError)
def database_failed(error):
    return problem(503, "the database failed", f"{type(error).__name__}: ask again in a moment")
