"""What the acts release: small edits of the services' real sources."""

import re
from dataclasses import dataclass

from twinstage.demo.people import ASTRID, BEN, CHIOMA, DAVID, ELIF, Person

PRICES = "src/pricing/prices.py"
QUOTES = "src/cart/quotes.py"
FEES = "src/payments/fees.py"
CART = "src/cart/app.py"

STRAY = "cart-warm-up"
"""Stands in the path of the fifth act's stray request, so that an access log that shows it cannot be misread."""


@dataclass(frozen=True, kw_only=True)
class Edit:
    """Replaces a text that a file has exactly once."""

    file: str
    old: str
    new: str

    def applied(self, text: str) -> str:
        """The file's new text. Raises ValueError where the old one is not there exactly once."""
        found = text.count(self.old)
        if found != 1:
            raise ValueError(f"cannot edit {self.file}: it has {self.old!r} {found} times, not once")
        return text.replace(self.old, self.new)


@dataclass(frozen=True, kw_only=True)
class Change:
    """One commit of one service."""

    service: str
    title: str
    body: str
    author: Person
    reviewer: Person
    edits: tuple[Edit, ...]
    branch: str | None = None
    """None: on ``main``. What is not meant to last is committed on a branch."""


def price_list(prices: str) -> int:
    """The number of the price list in the text of PRICES."""
    found = re.search(r"^PRICE_LIST = (\d+)$", prices, re.MULTILINE)
    if found is None:
        raise ValueError(f"cannot tell the price list: {PRICES} has no PRICE_LIST")
    return int(found.group(1))


def new_price_list(prices: str) -> Change:
    """A good release: the next price list, made from the present text of PRICES."""
    number = price_list(prices)
    found = re.search(r'^    "assam": (\d+),$', prices, re.MULTILINE)
    if found is None:
        raise ValueError(f"cannot raise the price of assam: {PRICES} does not list it")
    cents = int(found.group(1))
    return Change(
        service="pricing",
        title=f"Price list {number + 1}: assam is 10 cents dearer",
        body="The second flush was small this year.",
        author=ASTRID,
        reviewer=BEN,
        edits=(
            Edit(file=PRICES, old=f"PRICE_LIST = {number}\n", new=f"PRICE_LIST = {number + 1}\n"),
            Edit(file=PRICES, old=f'    "assam": {cents},', new=f'    "assam": {cents + 10},'),
        ),
    )


def lost_quantity() -> Change:
    """A release whose unit tests fail: a line costs the same whatever its quantity."""
    return Change(
        service="cart",
        title="Simplify how a line is priced",
        body="The price is known already; no need to compute it again.",
        author=DAVID,
        reviewer=CHIOMA,
        edits=(Edit(file=QUOTES, old='prices[sku]["net"] * quantity}', new='prices[sku]["net"]}'),),
        branch="simpler-lines",
    )


def fees_by_country() -> Change:
    """A release that passes every test and fails in production alone.

    The sandbox's test bank takes no fee, so no test ever looks a country up; live, the table lacks Austria, which
    about three in ten cards of the play's load come from: a KeyError, answered with 500.
    """
    return Change(
        service="payments",
        title="Fees by the card's country",
        body="The acquirer's new contract has a rate for each country.",
        author=ELIF,
        reviewer=DAVID,
        edits=(
            Edit(file=FEES, old="PER_MILLE = 14\n", new='PER_MILLE = {"DE": 12, "FR": 14, "IT": 15}\n'),
            Edit(file=FEES, old="amount * PER_MILLE //", new="amount * PER_MILLE[country] //"),
        ),
        branch="fees-by-country",
    )


def hard_coded_neighbour(production_pricing: int) -> Change:
    """A release that calls production from wherever it runs: somebody copied a port out of ``twinstage status``.

    The call is made beside the real work and its failure is ignored, so every test passes.
    """
    return Change(
        service="cart",
        title="Warm pricing up before a quote",
        body="Pricing is slow on the first request. This asks it ahead of time.",
        author=BEN,
        reviewer=ELIF,
        edits=(
            Edit(
                file=CART,
                old="from urllib.parse import urlencode\n",
                new="from urllib.parse import urlencode\nfrom urllib.request import urlopen\n",
            ),
            Edit(
                file=CART,
                old='MODE = os.environ.get("MODE", "sandbox")\n',
                new=(
                    'MODE = os.environ.get("MODE", "sandbox")\n'
                    f'PRICING = "http://127.0.0.1:{production_pricing}"  # works on my machine\n'
                ),
            ),
            Edit(
                file=CART,
                old='    query = "?" + urlencode([("sku", sku) for sku in basket])\n',
                new=(
                    '    query = "?" + urlencode([("sku", sku) for sku in basket])\n'
                    "    try:\n"
                    f'        urlopen(f"{{PRICING}}/prices{{query}}&from={STRAY}", timeout=1).close()\n'
                    "    except OSError:\n"
                    "        pass  # it was only to be quicker\n"
                ),
            ),
        ),
        branch="warm-up",
    )
