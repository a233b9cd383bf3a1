"""The address plan of an ecosystem: every workload and every job has a range of its own, which is how callers are told apart.

Both ecosystems use the same plan; their networks do not know of each other.
"""

from ipaddress import IPv4Address, IPv4Network

GATEWAY = "10.64.0.1"
"""Where Envoy listens on the frontends, in the network of the ecosystem."""

PREFIX = 26
MOST = 60
"""Instances in one range, with room to spare."""
_FIRST = int(IPv4Address("10.64.0.0"))
SLOTS = 1 << (PREFIX - 10)

_OUTSIDE = IPv4Address("10.63.0.0")
MOST_OUTSIDE = 65534


def span(slot: int) -> str:
    """The range of a slot as CIDR. Slot 0 is the gateway's and is never given out."""
    if not 0 < slot < SLOTS:
        raise ValueError(f"there is no address range {slot}: the plan has 1 to {SLOTS - 1}")
    return str(IPv4Network((_FIRST + slot * 2 ** (32 - PREFIX), PREFIX)))


def outside(number: int) -> str:
    """The address of a name beyond the company; numbers begin at 1."""
    if not 0 < number <= MOST_OUTSIDE:
        raise ValueError(f"there is no outside address {number}: the plan has 1 to {MOST_OUTSIDE}")
    return str(_OUTSIDE + number)


def address(slot: int, number: int) -> str:
    """The address of instance ``number`` (from 0) of a slot."""
    if not 0 <= number < MOST:
        raise ValueError(f"there is no instance {number} in a range: it holds {MOST}")
    return str(IPv4Network(span(slot))[number + 1])
