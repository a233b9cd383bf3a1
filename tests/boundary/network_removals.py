"""The walls of an ecosystem's network, and how each of them is taken away: by a small change of text."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Removal:
    """``changes``: (old, new) texts, each of which stands once in one file inside. ``passes``: what gets through then."""

    changes: tuple[tuple[str, str], ...]
    passes: frozenset[str]


def removal(*passes: str, **changes: str) -> Removal:
    """Pairs ``oldN``, ``newN``."""
    numbers = sorted(name.removeprefix("old") for name in changes if name.startswith("old"))
    return Removal(changes=tuple((changes[f"old{n}"], changes[f"new{n}"]) for n in numbers), passes=frozenset(passes))


LAST_DROP = {"old9": "        nft.verdict(DROP),\n", "new9": "        nft.verdict(ACCEPT),\n"}
REMOVALS = {
    "what the guard lets through is what is declared": removal(
        "an undeclared frontend", "the databases", "the proxy's administration",
        old1='declared = (*tcp, *gateway, *nft.pair_in("declared"), *accept)', new1="declared = (*tcp, *gateway, *accept)",
    ),
    "an outside name is for those who declare it": removal(
        "another's outside name",
        old1='beyond = (*tcp, *nft.triple_in("outside"), *accept)',
        new1='beyond = (*tcp, *nft.destination("10.63.0.1"), *accept)',
    ),
    "all else is turned to the sentinel": removal(
        "an undeclared frontend", "the databases", "the proxy's administration", "a neighbour past the proxy", "the world",
        "another's outside name",
        old1="        (*tcp, *nft.translate(DNAT, ports.gateway, STRAYS_PORT)),\n", new1="",
    ),
    "datagrams are dropped": removal(
        "a datagram to the gateway", **LAST_DROP, old1="rules=arriving, policy=DROP)", new1="rules=arriving)"
    ),
    "nothing is forwarded": removal(
        "a datagram to a neighbour", **LAST_DROP,
        old1='"ipv4/ip_forward": "0"', new1='"ipv4/ip_forward": "1"', old2="rules=(), policy=DROP)", new2="rules=())",
    ),
    "IPv6 is off": removal(
        "IPv6",
        old1='"ipv6/conf/all/disable_ipv6": "1"', new1='"ipv6/conf/all/disable_ipv6": "0"',
        old2='"ipv6/conf/default/disable_ipv6": "1"', new2='"ipv6/conf/default/disable_ipv6": "0"',
    ),
    "a name that is not declared has no address": removal(
        "a neighbour's name", "a name of the world",
        old1="for there in caller.outside if there.host == name), None)",
        new1='for there in caller.outside if there.host == name), "10.64.0.1")',
    ),
    "whoever calls has its own address": removal("another source address", old1="rules=(named,)", new1="rules=()"),
}  # fmt: skip
