"""What a service's databases and roles are called in PostgreSQL, and the URL that a program finds them by. Pure.

No name of a service holds a dot, so none of these is a word of PostgreSQL's own, or another service's.
"""

from collections.abc import Iterable

from twinstage.model.database import MAIN
from twinstage.model.names import Ecosystem, Port, ServiceName
from twinstage.runtime.local.network.addresses import GATEWAY

SUPERUSER = "postgres"
PORTS = {Ecosystem.PRODUCTION: Port(13000), Ecosystem.STAGING: Port(17000)}
"""Of the gateway: where an ecosystem's databases are reached, inside it alone."""


def database(service: ServiceName, name: str, data: str) -> str:
    """``orders.orders``; a lane's clone ``orders.orders.0a1b2c3d``."""
    return f"{service}.{name}" if data == MAIN else f"{service}.{name}.{data}"


def role(service: ServiceName, data: str) -> str:
    """Owns the databases; instances come in as it: ``orders.main``, ``orders.0a1b2c3d``."""
    return f"{service}.{data}"


def migrator(service: ServiceName, data: str) -> str:
    """Comes in for migrations alone; all that it makes belongs to `role`."""
    return f"{role(service, data)}.migrate"


def variable(name: str) -> str:
    """``orders`` is reached by ORDERS_DATABASE_URL."""
    return f"{name.upper().replace('-', '_')}_DATABASE_URL"


def variables(databases: Iterable[str]) -> tuple[str, ...]:
    return tuple(variable(name) for name in databases)


def url(login: str, password: str, database: str, *, host: str = GATEWAY, port: int) -> str:
    """No part of it needs escaping: names are letters, digits, ``-``, ``_`` and dots, passwords hex digits."""
    return f"postgresql://{login}:{password}@{host}:{port}/{database}"
