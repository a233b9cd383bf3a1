"""The HTTP side of pricing."""

import os
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from pricing.neighbours import NeighbourFailed, call
from pricing.prices import CURRENCY, PRICE_LIST, base_prices, prices

MODE = os.environ.get("MODE", "sandbox")


def healthz(request):
    return JSONResponse({"service": "pricing", "mode": MODE})


def list_base_prices(request):
    """Asks nobody: promotions ask this while we ask them."""
    return JSONResponse({"base_prices": base_prices(request.query_params.getlist("sku"))})


def list_prices(request):
    skus = request.query_params.getlist("sku")
    path = "/discounts?" + urlencode([("sku", sku) for sku in base_prices(skus)])
    discounts = call("promotions", path, baggage=request.headers.get("baggage"))["discounts"]
    return JSONResponse(
        {"price_list": PRICE_LIST, "currency": CURRENCY, "prices": prices(skus, discounts)}
    )


def neighbour_failed(request, error):
    problem = {"title": "a neighbour failed", "status": 502, "detail": str(error)}
    return JSONResponse(problem, status_code=502, media_type="application/problem+json")


app = Starlette(
    routes=[
        Route("/healthz", healthz),
        Route("/base-prices", list_base_prices),
        Route("/prices", list_prices),
    ],
    exception_handlers={NeighbourFailed: neighbour_failed},
)
