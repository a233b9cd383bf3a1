"""The HTTP side of promotions."""

import os
from urllib.parse import urlencode

from flask import Flask, request

from promotions.discounts import discounts
from promotions.neighbours import NeighbourFailed, call

MODE = os.environ.get("MODE", "sandbox")
app = Flask(__name__)


@app.get("/healthz")
def healthz():
    return {"service": "promotions", "mode": MODE}


@app.get("/discounts")
def list_discounts():
    path = "/base-prices?" + urlencode([("sku", sku) for sku in request.args.getlist("sku")])
    answer = call("pricing", path, baggage=request.headers.get("baggage"))
    return {"discounts": discounts(answer["base_prices"])}


@app.errorhandler(NeighbourFailed)
def neighbour_failed(error):
    problem = {"title": "a neighbour failed", "status": 502, "detail": str(error)}
    return problem, 502, {"content-type": "application/problem+json"}
