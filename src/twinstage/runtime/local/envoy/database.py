"""The ecosystem's database server behind the proxy: a port of the gateway, passed on unopened, for declared callers alone."""

from collections.abc import Sequence
from typing import Any

from twinstage.model.names import Port
from twinstage.runtime.local.envoy import passing

NAME = "database"
"""The cluster's, the listener's and the callers'; no workload's name is without a dot."""


MOST = 64
"""Connections of one workload: what its role may have, and a few to be told so in the server's own words.

The server counts a role's only once they have said their password. Until then each takes one of the places of all.
"""


def listener(gateway: str, port: Port, apart: Sequence[str] = ()) -> dict[str, Any]:
    """Never closed for idling: a pool's connections may be idle for as long as it likes. ``apart``: the workloads' ranges."""
    return passing.listener(NAME, gateway, port, idle="0s", apart=apart, most=MOST)


def callers(admits: Sequence[str]) -> dict[str, Any]:
    """The whole file of who is let in. No ranges: nobody."""
    return passing.callers(NAME, admits)


def cluster(address: str, port: int) -> dict[str, Any]:
    """The server itself."""
    place = {"socket_address": {"address": address, "port_value": port}}
    return {**passing.cluster(NAME, place), "upstream_connection_options": {"tcp_keepalive": {}}}
