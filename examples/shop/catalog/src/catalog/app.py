"""The HTTP side of the catalogue."""

import os
from urllib.parse import urlencode

from flask import Flask, request

from catalog.neighbours import NeighbourFailed, call
from catalog.products import PRODUCTS, offer

MODE = os.environ.get("MODE", "sandbox")
app = Flask(__name__)


@app.get("/healthz")
def healthz():
    return {"service": "catalog", "mode": MODE}


@app.get("/products")
def products():
    return offers(list(PRODUCTS))


@app.get("/products/<sku>")
def product(sku):
    if sku not in PRODUCTS:
        problem = {"title": "no such product", "status": 404, "detail": sku}
        return problem, 404, {"content-type": "application/problem+json"}
    return offers([sku])["products"][0]


def offers(skus):
    query = "?" + urlencode([("sku", sku) for sku in skus])
    baggage = request.headers.get("baggage")
    priced = call("pricing", "/prices" + query, baggage=baggage)
    stock = call("inventory", "/stock" + query, baggage=baggage)["stock"]
    return {
        "price_list": priced["price_list"],
        "products": [offer(sku, priced["prices"], stock) for sku in skus],
    }


@app.errorhandler(NeighbourFailed)
def neighbour_failed(error):
    problem = {"title": "a neighbour failed", "status": 502, "detail": str(error)}
    return problem, 502, {"content-type": "application/problem+json"}
