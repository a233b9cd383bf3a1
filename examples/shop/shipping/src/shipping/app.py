"""The HTTP side of shipping."""

import os

from flask import Flask, request

from shipping.parcels import parcel

MODE = os.environ.get("MODE", "sandbox")
app = Flask(__name__)


@app.get("/healthz")
def healthz():
    return {"service": "shipping", "mode": MODE}


@app.post("/parcels")
def book():
    order = request.get_json(silent=True) or {}
    country, pieces = order.get("country"), order.get("pieces")
    if not country or not isinstance(pieces, int) or pieces < 1:
        detail = 'send {"country": "DE", "pieces": 2}'
        problem = {"title": "not a parcel", "status": 422, "detail": detail}
        return problem, 422, {"content-type": "application/problem+json"}
    return parcel(country, pieces, MODE)
