"""The warehouse's shelves. Columns are named, as later releases may add some."""

from inventory.database import pool

COUNTS = "SELECT sku, count FROM shelves WHERE %(skus)s::text[] = '{}' OR sku = ANY(%(skus)s)"
FILL = "UPDATE shelves SET count = count + %s WHERE sku = %s RETURNING count"
ARRIVED = "INSERT INTO deliveries (sku, count) VALUES (%s, %s)"


def stock(skus):
    """How many of each; everything if none is named. What is unknown is left out."""
    with pool.connection() as connection:
        return {row["sku"]: row["count"] for row in connection.execute(COUNTS, {"skus": skus})}


def deliver(sku, count):
    """Puts a delivery on its shelf; gives how many are there now, or None without such a shelf."""
    with pool.connection() as connection, connection.transaction():
        filled = connection.execute(FILL, [count, sku]).fetchone()
        if filled is None:
            return None
        connection.execute(ARRIVED, [sku, count])
        return filled["count"]
