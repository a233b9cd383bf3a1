"""The database: a few connections that are kept, and made anew when the server was away."""

import os

from psycopg import Error
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

# Each is tried before it is lent. While the server is away a request waits for it a little, and
# then fails; it is tried again at once, a second and two later, and then with the next request.
pool = ConnectionPool(
    os.environ["PAYMENTS_DATABASE_URL"],
    open=False,
    min_size=1,
    max_size=4,
    timeout=4,
    reconnect_timeout=3,
    check=ConnectionPool.check_connection,
    kwargs={"autocommit": True, "connect_timeout": 3, "row_factory": dict_row},
)


def answers():
    """Does the database answer, within less time than a health check has."""
    try:
        with pool.connection(timeout=0.8):
            return True
    except Error:
        return False
