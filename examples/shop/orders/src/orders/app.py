"""The HTTP side of orders."""

import json
import os
import secrets

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse
from starlette.routing import Route

from orders.confirmation import confirmation
from orders.neighbours import NeighbourFailed, call

MODE = os.environ.get("MODE", "sandbox")


def healthz(request):
    return JSONResponse({"service": "orders", "mode": MODE})


async def post_order(request):
    try:
        order = await request.json()
        amount, pieces, country = int(order["amount"]), int(order["pieces"]), order["country"]
    except (json.JSONDecodeError, KeyError, TypeError, ValueError):
        example = 'send {"amount": 1200, "pieces": 2, "country": "DE"}'
        return problem(400, "not an order", example)
    return await run_in_threadpool(placed, amount, pieces, country, request.headers.get("baggage"))


def placed(amount, pieces, country, baggage):
    """Pays first: nothing leaves the house unpaid."""
    payment = {"amount": amount, "country": country}
    receipt = call("payments", "/payments", baggage=baggage, body=payment)
    parcel = {"country": country, "pieces": pieces}
    booking = call("shipping", "/parcels", baggage=baggage, body=parcel)
    prefix = "" if MODE == "live" else f"{MODE}-"
    return JSONResponse(confirmation(prefix + secrets.token_hex(4), receipt, booking))


def problem(status, title, detail):
    value = {"title": title, "status": status, "detail": detail}
    return JSONResponse(value, status_code=status, media_type="application/problem+json")


app = Starlette(
    routes=[Route("/healthz", healthz), Route("/orders", post_order, methods=["POST"])],
    exception_handlers={
        NeighbourFailed: lambda request, error: problem(502, "a neighbour failed", str(error)),
    },
)
