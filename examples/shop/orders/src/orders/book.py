"""The order book. Columns are named: one that a later release adds changes nothing here."""

from psycopg.sql import SQL, Identifier, Placeholder

from orders.database import pool

WISHES = ("leave_with",)
"""What a customer may add to an order, a column each; empty unless given."""
ASKED = ("number", "amount", "pieces", "country", *WISHES)
SHOWN = (*ASKED, "authorisation", "tracking", "placed_at")


def columns(names, kind=Identifier):
    return SQL(", ").join(map(kind, names))


NOTE = SQL("INSERT INTO orders ({}) VALUES ({})").format(
    columns(ASKED), columns(ASKED, Placeholder)
)
SETTLE = "UPDATE orders SET authorisation = %s, tracking = %s WHERE number = %s"
FIND = SQL("SELECT {} FROM orders WHERE number = %s").format(columns(SHOWN))
LATEST = SQL("SELECT {} FROM orders ORDER BY placed_at DESC LIMIT %s").format(columns(SHOWN))
TOTAL = "SELECT count(*) AS orders, coalesce(sum(amount), 0) AS amount FROM orders"


def note(order):
    """``order`` has all that is ASKED."""
    with pool.connection() as connection:
        connection.execute(NOTE, order)


def settle(number, authorisation, tracking):
    """It is paid and on its way."""
    with pool.connection() as connection:
        connection.execute(SETTLE, [authorisation, tracking, number])


def find(number):
    """One order, or None."""
    with pool.connection() as connection:
        return shown(connection.execute(FIND, [number]).fetchone())


def latest(limit):
    """How many orders there are, what they come to in cents, and the newest ones."""
    with pool.connection() as connection:
        total = connection.execute(TOTAL).fetchone()
        return total | {"latest": [shown(row) for row in connection.execute(LATEST, [limit])]}


def shown(row):
    return row and row | {"placed_at": row["placed_at"].isoformat()}
