"""The HTTP side of orders."""

import json
import os
import secrets
from contextlib import asynccontextmanager

import psycopg
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse
from starlette.routing import Route

from orders import book
from orders.confirmation import confirmation
from orders.database import answers, pool
from orders.neighbours import NeighbourFailed, call
from orders.order import EXAMPLE, NotAnOrder, order

MODE = os.environ.get("MODE", "sandbox")


def healthz(request):
    """Healthy is who can take an order; that takes our own database, and nobody else's."""
    well = answers()
    said = {"service": "orders", "mode": MODE, "database": "answers" if well else "does not answer"}
    return JSONResponse(said, status_code=200 if well else 503)


def get_orders(request):
    limit = request.query_params.get("limit", "20")
    if not limit.isdecimal() or int(limit) > 100:
        return problem(400, "not a limit", "ask for at most 100: /orders?limit=20")
    return JSONResponse(book.latest(int(limit)) | {"wishes": book.WISHES})


def get_order(request):
    number = request.path_params["number"]
    found = book.find(number)
    return JSONResponse(found) if found else problem(404, "no such order", number)


async def post_order(request):
    try:
        wanted = order(await request.json(), book.WISHES)
    except json.JSONDecodeError:
        return problem(400, "not an order", EXAMPLE)
    except NotAnOrder as error:
        return problem(400, "not an order", str(error))
    return await run_in_threadpool(placed, wanted, request.headers.get("baggage"))


def placed(wanted, baggage):
    """Noted, then paid, then shipped: nothing is paid unknown to us or leaves the house unpaid."""
    number = ("" if MODE == "live" else f"{MODE}-") + secrets.token_hex(4)
    book.note(wanted | {"number": number})
    payment = {"amount": wanted["amount"], "country": wanted["country"]}
    receipt = call("payments", "/payments", baggage=baggage, body=payment)
    parcel = {"country": wanted["country"], "pieces": wanted["pieces"]}
    booking = call("shipping", "/parcels", baggage=baggage, body=parcel)
    book.settle(number, receipt["authorisation"], booking["tracking"])
    return JSONResponse(confirmation(number, receipt, booking))


def problem(status, title, detail):
    value = {"title": title, "status": status, "detail": detail}
    return JSONResponse(value, status_code=status, media_type="application/problem+json")


def database_failed(request, error):
    return problem(503, "the database failed", f"{type(error).__name__}: ask again in a moment")


def neighbour_failed(request, error):
    return problem(502, "a neighbour failed", str(error))


@asynccontextmanager
async def lifespan(app):
    with pool:
        yield


app = Starlette(
    routes=[
        Route("/healthz", healthz),
        Route("/orders", get_orders),
        Route("/orders", post_order, methods=["POST"]),
        Route("/orders/{number}", get_order),
    ],
    exception_handlers={
        NeighbourFailed: neighbour_failed,
        psycopg.OperationalError: database_failed,
    },
    lifespan=lifespan,
)
