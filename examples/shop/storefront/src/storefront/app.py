"""The HTTP side of the storefront."""

import json
import os
from urllib.parse import quote as in_url

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route

from storefront.neighbours import NeighbourFailed, call
from storefront.page import home

MODE = os.environ.get("MODE", "sandbox")


def healthz(request):
    return JSONResponse({"service": "storefront", "mode": MODE})


def get_home(request):
    """``/`` for everybody, ``/?customer=ada`` for somebody."""
    baggage, customer = request.headers.get("baggage"), request.query_params.get("customer")
    if customer:
        customer = call("accounts", f"/customers/{in_url(customer)}", baggage=baggage)["name"]
    catalog = call("catalog", "/products", baggage=baggage)
    return HTMLResponse(home(catalog["products"], catalog["price_list"], customer, MODE))


async def post_checkout(request):
    try:
        wish = await request.json()
        customer, basket = wish["customer"], dict(wish["basket"])
    except (json.JSONDecodeError, KeyError, TypeError, ValueError):
        example = 'send {"customer": "ada", "basket": {"assam": 2}}'
        return problem(400, "not a checkout", example)
    return await run_in_threadpool(bought, customer, basket, request.headers.get("baggage"))


def bought(customer, basket, baggage):
    """Who buys, what it comes to, and then the order."""
    buyer = call("accounts", f"/customers/{in_url(customer)}", baggage=baggage)
    quote = call("cart", "/quotes", baggage=baggage, body={"basket": basket})
    order = {
        "amount": quote["amount"],
        "pieces": sum(line["quantity"] for line in quote["lines"]),
        "country": buyer["country"],
    }
    return JSONResponse(call("orders", "/orders", baggage=baggage, body=order))


def problem(status, title, detail):
    value = {"title": title, "status": status, "detail": detail}
    return JSONResponse(value, status_code=status, media_type="application/problem+json")


app = Starlette(
    routes=[
        Route("/", get_home),
        Route("/healthz", healthz),
        Route("/checkout", post_checkout, methods=["POST"]),
    ],
    exception_handlers={
        NeighbourFailed: lambda request, error: problem(502, "a neighbour failed", str(error)),
    },
)
