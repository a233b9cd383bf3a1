"""Every payment, and what it cost. Columns are named, as later releases may add some."""

from payments.database import pool

NOTE = "INSERT INTO payments (authorisation, amount, country, fee) VALUES (%s, %s, %s, %s)"
FIND = "SELECT authorisation, amount, country, fee, paid_at FROM payments WHERE authorisation = %s"
TOTAL = """
    SELECT count(*) AS payments, coalesce(sum(amount), 0) AS amount, coalesce(sum(fee), 0) AS fees
    FROM payments
"""


def note(authorisation, amount, country, fee):
    with pool.connection() as connection:
        connection.execute(NOTE, [authorisation, amount, country, fee])


def find(authorisation):
    """One payment, or None."""
    with pool.connection() as connection:
        row = connection.execute(FIND, [authorisation]).fetchone()
    return row and row | {"paid_at": row["paid_at"].isoformat()}


def total():
    """How many payments there are, what they come to, and what they cost; cents."""
    with pool.connection() as connection:
        return connection.execute(TOTAL).fetchone()
