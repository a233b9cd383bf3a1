"""What the acts release: small edits of the services' real sources."""

import ast
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from twinstage.demo.people import ASTRID, BEN, CHIOMA, DAVID, ELIF, Person

BOOK = "src/orders/book.py"
MIGRATIONS = "src/orders/migrations"
QUOTES = "src/cart/quotes.py"
FEES = "src/payments/fees.py"
CART = "src/cart/app.py"

NEXT_WISHES = ("gift_note", "call_before", "invoice_to", "wrap_in")
"""What the second act's release takes down with an order, one more in each play."""

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
class NewFile:
    """A file that was not there."""

    file: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Change:
    """One commit of one service."""

    service: str
    title: str
    body: str
    author: Person
    reviewer: Person
    edits: tuple[Edit, ...]
    files: tuple[NewFile, ...] = ()
    branch: str | None = None
    """None: on ``main``. What is not meant to last is committed on a branch."""


def wishes(book: str) -> tuple[str, ...]:
    """What a customer may add to an order, by the text of BOOK."""
    found = re.search(r"^WISHES = (\(.+\))$", book, re.MULTILINE)
    if found is None:
        raise ValueError(f"cannot tell the wishes: {BOOK} has no WISHES")
    return tuple(ast.literal_eval(found.group(1)))


def new_wish(book: str, migrations: Sequence[str]) -> Change:
    """A good release with a migration: a column for the next wish, made from the present text of BOOK.

    ``migrations`` are the names of those there are. The old release goes on beside it: what it does not name is empty.
    """
    have = wishes(book)
    wish = next((name for name in NEXT_WISHES if name not in have), f"wish_{len(have) + 1}")
    number = max(int(name[:4]) for name in migrations) + 1
    return Change(
        service="orders",
        title=f"Take down {wish.replace('_', ' ')} with an order",
        body="A column of its own, empty for the orders there are.",
        author=ASTRID,
        reviewer=BEN,
        edits=(Edit(file=BOOK, old=_line(have), new=_line((*have, wish))),),
        files=(
            NewFile(
                file=f"{MIGRATIONS}/{number:04}_{wish}.sql",
                text=f"ALTER TABLE orders ADD COLUMN {wish} text NOT NULL DEFAULT '';\n",
            ),
        ),
    )


def _line(names: Sequence[str]) -> str:
    listed = json.dumps(names)[1:-1] + ("," if len(names) == 1 else "")
    return f"WISHES = ({listed})\n"


def new_wishes(change: Change) -> tuple[str, ...]:
    """The wishes after a change of ``new_wish``."""
    return wishes(change.edits[0].new)


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
