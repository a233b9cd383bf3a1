"""The ecosystem's database server behind the proxy: a port of the gateway, passed on unopened, for declared callers alone."""

from collections.abc import Sequence
from typing import Any

from twinstage.model.names import Port
from twinstage.runtime.local.envoy import passing

NAME = "database"
"""The cluster's, the listener's and the callers'; no workload's name is without a dot."""


def listener(gateway: str, port: Port) -> dict[str, Any]:
    """Never closed for idling: a pool's connections may be idle for as long as it likes."""
    return passing.listener(NAME, gateway, port, idle="0s")


def callers(admits: Sequence[str]) -> dict[str, Any]:
    """The whole file of who is let in. No ranges: nobody."""
    return passing.callers(NAME, admits)


def cluster(address: str, port: int) -> dict[str, Any]:
    """The server itself."""
    place = {"socket_address": {"address": address, "port_value": port}}
    return {**passing.cluster(NAME, place), "upstream_connection_options": {"tcp_keepalive": {}}}
