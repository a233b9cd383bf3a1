"""What names and numbers of the user's may be. Shared by the files and by the API."""

import re

from twinstage.config.value import Rule

_SERVICE = r"[a-z][a-z0-9-]{0,29}"

SERVICE = Rule(pattern=re.compile(_SERVICE), words="lower-case letters, digits and -, a letter first, at most 30")
GATE = Rule(
    pattern=re.compile(r"[a-z][a-z0-9-]{0,23}"), words="lower-case letters, digits and -, a letter first, at most 24"
)
VARIABLE = Rule(
    pattern=re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}"),
    words="an environment variable's name: letters, digits and _, no digit first",
)
DATABASE = Rule(
    pattern=re.compile(r"[a-z][a-z0-9_]{0,29}"), words="lower-case letters, digits and _, a letter first, at most 30"
)
HEALTH = Rule(pattern=re.compile(r"/[!$-~]{0,199}"), words="a path that begins with /, without spaces and #: /healthz")
ADDRESS = Rule(
    pattern=re.compile(
        r"(?!-)[A-Za-z0-9.-]{1,253}:(?:[1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5])"
    ),
    words='a host and a port: "api.example.com:443"',
)
BRANCH = Rule(
    pattern=re.compile(r"(?![-/.])(?!.*(?:\.\.|//|@\{|/\.|\.lock(?:/|$)))[^\x00-\x20\x7f~^:?*\[\\]{1,200}(?<![/.])"),
    words="a branch's name",
)
REVIEWER = Rule(pattern=re.compile(r"\S{1,200}"), words='an address or a pattern of addresses: "*@shop.example"')

RESERVED_SERVICES = frozenset({"localhost", "twinstage"})
"""``localhost`` is every instance's own; ``twinstage`` would make a TWINSTAGE_URL, which is a verification's."""
RESERVED_VARIABLES = frozenset({"PORT", "HOST", "PATH", "HOME"})
RESERVED_PREFIX = "TWINSTAGE_"

MOST_INSTANCES = 60
"""A workload has a range of 62 addresses on one machine, and one of them is the gateway's side."""
HIGHEST_PORT = 32767
"""Above, the kernel hands ports out as source ports."""
HIGHEST_CANARY = 25
"""Percent of production traffic. More than that is no canary."""


def variable_for(service: str) -> str:
    """The variable that a caller finds a dependency's address in: payments-eu -> PAYMENTS_EU_URL."""
    return f"{service.upper().replace('-', '_')}_URL"
