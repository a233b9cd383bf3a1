"""The HTTP side of the cart."""

import json
import os
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse
from starlette.routing import Route

from cart.neighbours import NeighbourFailed, call
from cart.quotes import BasketRefused, quote

MODE = os.environ.get("MODE", "sandbox")


def healthz(request):
    return JSONResponse({"service": "cart", "mode": MODE})


async def post_quote(request):
    try:
        basket = {sku: int(quantity) for sku, quantity in (await request.json())["basket"].items()}
    except (json.JSONDecodeError, AttributeError, KeyError, TypeError, ValueError):
        return problem(400, "not a basket", 'send {"basket": {"assam": 2}}')
    return await run_in_threadpool(priced, basket, request.headers.get("baggage"))


def priced(basket, baggage):
    query = "?" + urlencode([("sku", sku) for sku in basket])
    prices = call("pricing", "/prices" + query, baggage=baggage)["prices"]
    stock = call("inventory", "/stock" + query, baggage=baggage)["stock"]
    return JSONResponse(quote(basket, prices, stock))


def problem(status, title, detail):
    value = {"title": title, "status": status, "detail": detail}
    return JSONResponse(value, status_code=status, media_type="application/problem+json")


app = Starlette(
    routes=[Route("/healthz", healthz), Route("/quotes", post_quote, methods=["POST"])],
    exception_handlers={
        BasketRefused: lambda request, error: problem(409, "basket refused", str(error)),
        NeighbourFailed: lambda request, error: problem(502, "a neighbour failed", str(error)),
    },
)
