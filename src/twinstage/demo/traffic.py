"""What the play's customers do: the mix of requests that the load generator sends to production."""

from collections.abc import Mapping

from twinstage.demo.load import Call

RATE = 45.0
"""Requests a second: so many that a bad canary is seen in its bake. Of some 66 payments that it takes then, about twelve fail;
with 30 a second, one play in thirty had no more than three of 44 failed, which is no proof."""

CUSTOMERS = ("ada", "blaise", "emmy", "gaetana", "lise")
CARDS = ("DE", "AT", "FR", "DE", "AT", "IT", "DE", "AT", "FR", "DE")
"""Countries of the cards charged directly: three in ten are Austrian."""
PLACING = ("/orders", "/checkout")
"""Paths of the requests whose success is a confirmed order."""


def calls(ports: Mapping[str, int]) -> list[Call]:
    """One turn of the mix; ``ports`` are production's frontends by service.

    In ten requests: the home page, the catalogue, a quote, a checkout through all nine others, a price, an order, a look
    at the latest orders and three payments.
    """
    mix = []
    for turn in range(10):
        customer, sku = CUSTOMERS[turn % 5], ("assam", "sencha", "oolong")[turn % 3]
        cards = (CARDS[turn], CARDS[(turn + 3) % 10], CARDS[(turn + 6) % 10])
        paid = [_call(ports, "payments", "/payments", {"amount": 1200 + turn, "country": card}) for card in cards]
        price = _call(ports, "pricing", f"/prices?sku={sku}")
        basket: dict[str, object] = {"basket": {sku: 1 + turn % 3, "cup": 1}}
        order = _call(ports, "orders", "/orders", {"amount": 1800 + turn, "pieces": 2, "country": "DE"})
        mix += [
            _call(ports, "storefront", f"/?customer={customer}"),
            price,
            paid[0],
            _call(ports, "catalog", "/products"),
            order,
            paid[1],
            _call(ports, "cart", "/quotes", basket),
            _call(ports, "orders", "/orders?limit=5"),
            paid[2],
            _call(ports, "storefront", "/checkout", basket | {"customer": customer}),
        ]
    return mix


def _call(ports: Mapping[str, int], service: str, path: str, body: dict[str, object] | None = None) -> Call:
    return Call(service=service, port=ports[service], path=path, body=body)
