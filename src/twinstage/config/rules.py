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
        r"(?=[^:]{1,253}:)(?!-)[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*:(?:[1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5])"
    ),
    words='a host and a port: "api.example.com:443"',
)
PUBLIC = Rule(
    pattern=re.compile(r"(?!-)[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,8}"),
    words="a host's name in lower case: shop.example",
)
BRANCH = Rule(
    pattern=re.compile(r"(?![-/.])(?!.*(?:\.\.|//|@\{|/\.|\.lock(?:/|$)))[^\x00-\x20\x7f~^:?*\[\\]{1,200}(?<![/.])"),
    words="a branch's name",
)
PROGRAMS = Rule(
    pattern=re.compile(r"/(?!.*/\.{1,2}(?:/|$))[^\x00-\x20\x7f:]{1,400}"),
    words="the absolute path of PostgreSQL's programs: /usr/lib/postgresql/17/bin",
)
REVIEWER = Rule(pattern=re.compile(r"\S{1,200}"), words='an address or a pattern of addresses: "*@shop.example"')

REPOSITORY = Rule(pattern=re.compile(r"(?!.*://)(?!(?![./])[^/]*:)[^\n\t]{1,1000}"), words="a path on this machine")
"""What ``config.ecosystem`` takes for one; it says more about what it does not take."""
PATH = Rule(pattern=re.compile(r"(?![-/])(?!(?:.*/)?\.\.(?:/|$))[^\n:]{1,1000}"), words="a path within the repository")

RESERVED_SERVICES = frozenset({"localhost", "twinstage"})
"""``localhost`` is every instance's own; ``twinstage`` would make a TWINSTAGE_URL, which is a verification's."""
RESERVED_VARIABLES = frozenset({"PORT", "HOST", "PATH", "HOME"})
RESERVED_PREFIX = "TWINSTAGE_"

MOST_INSTANCES = 60
"""A workload has a range of 62 addresses on one machine, and one of them is the gateway's side."""
MOST_DATABASES = 10
"""A service that needs more of them is several services."""
LONGEST_DATABASE = 50
"""Characters of a service's and its database's name together: PostgreSQL's names have 63, and a lane's has the lane in it."""
MOST_OUTSIDE = 50
"""Names beyond the company. A service that needs more of them is a proxy."""
HIGHEST_PORT = 32767
"""Above, the kernel hands ports out as source ports."""
HIGHEST_CANARY = 25
"""Percent of production traffic. More than that is no canary."""


def variable_for(service: str) -> str:
    """The variable that a caller finds a dependency's address in: payments-eu -> PAYMENTS_EU_URL."""
    return f"{service.upper().replace('-', '_')}_URL"


def database_variable(name: str) -> str:
    """The variable that a service finds a database's address in: orders -> ORDERS_DATABASE_URL."""
    return f"{name.upper()}_DATABASE_URL"
