"""What program texts say about ports, neighbours, variables and health, whatever the language."""

import re
from collections.abc import Iterator, Mapping

from twinstage.config import rules
from twinstage.draft.guess import Guess, Texts, places

SOURCES = (".py", ".js", ".mjs", ".cjs", ".ts", ".rb", ".go", ".java", ".sh")
_TESTS = re.compile(r"(^|/)(tests?|spec|__tests__|conftest\.py|test_[^/]*|[^/]*[._]test\.[a-z]+)(/|$)")

_READ = re.compile(
    r"""(?:environ(?:\.get)?\s*[\[(]|getenv\s*\(|process\.env\s*\[|ENV(?:\.fetch)?\s*[\[(])\s*['"](?P<quoted>[A-Z][A-Z0-9_]*)['"]"""
    r"""(?P<rest>\s*,)?|process\.env\.(?P<plain>[A-Z][A-Z0-9_]*)|\$\{?(?P<shell>[A-Z][A-Z0-9_]*_URL)\b"""
)
_PORTS = (
    re.compile(r"\bport['\"]?\s*[=:]\s*(\d{2,5})\b", re.IGNORECASE),
    re.compile(r"\.listen\(\s*(\d{2,5})\b"),
    re.compile(r"--port[ =](\d{2,5})\b"),
    re.compile(r"(?:0\.0\.0\.0|['\"]):(\d{4,5})['\"]"),
    re.compile(r"(?:-b|--bind)[ =][\w.]*:(\d{2,5})\b"),
)
_HOSTS = re.compile(r"https?://(?P<host>localhost|127\.0\.0\.1|[a-z][a-z0-9-]*)(?P<port>:\d{2,5})(?=[/'\"\s])")
_HEALTH = re.compile(r"""['"](/(?:api/)?(?:healthz?|health[_-]?check|livez|readyz?|ping|status|up|_health))/?['"]""")
_MADE_UP = re.compile(r"(?:\}|\+\s*['\"]|%s)_URL\b")
_ADDRESSES = {"DATABASE_URL", "REDIS_URL", "TWINSTAGE_URL", "BASE_URL", "PUBLIC_URL", "SITE_URL", "STATIC_URL"}
_GIVEN = rules.RESERVED_VARIABLES | {"LANG", "TZ", "USER", "PWD", "TMPDIR", "DEBUG", "CI", "TERM", "PYTHONPATH"}
_SECRET = re.compile(r"(^|_)(KEY|SECRET|TOKEN|PASSWORD|PASS|DSN|CREDENTIALS?)(_|$)")


def sources(texts: Texts) -> dict[str, str]:
    """Program texts without tests, sorted by path."""
    return {path: texts[path] for path in sorted(texts) if path.endswith(SOURCES) and not _TESTS.search(path)}


def variables(texts: Texts) -> Mapping[str, list[str]]:
    """Environment variables that the programs read -> where, as path:line."""
    found: dict[str, list[str]] = {}
    for place, line in _lines(sources(texts)):
        for match in _READ.finditer(line):
            name = match["quoted"] or match["plain"] or match["shell"]
            found.setdefault(name, []).append(place)
    return found


def neighbours(texts: Texts, service: str) -> tuple[Guess, ...]:
    """Other services, from the NAME_URL variables that are read."""
    found, read = [], variables(texts)
    for name in sorted(read):
        stem = name.removesuffix("_URL")
        other = stem.lower().replace("_", "-")
        if stem == name or name in _ADDRESSES or "DATABASE" in name or "REDIS" in name or other == service:
            continue
        if rules.SERVICE.pattern.fullmatch(other) and other not in rules.RESERVED_SERVICES:
            found.append(Guess(value=other, why=f"{name} is read in {places(read, name)}"))
    return tuple(found)


def made_up(texts: Texts) -> tuple[str, ...]:
    """Notes about names of variables that the programs put together, so that nobody can tell them from outside."""
    found = [place for place, line in _lines(sources(texts)) if _MADE_UP.search(line)]
    words = "puts the names of neighbours' variables together: write every service that it calls under depends_on"
    return (f"{found[0]} {words}",) if found else ()


def settings(texts: Texts, taken: frozenset[str]) -> tuple[Guess, ...]:
    """Other variables that the programs read."""
    read = variables(texts)
    names = [n for n in sorted(read) if n not in _GIVEN | taken and not n.startswith(rules.RESERVED_PREFIX)]
    return tuple(Guess(value=name, why=f"read in {places(read, name)}") for name in names)


def secret(name: str) -> bool:
    return _SECRET.search(name) is not None or "DATABASE" in name


def port(texts: Texts, run: str) -> tuple[Guess | None, tuple[str, ...]]:
    """A port that is written into the program and that nothing lets be chosen, and notes about others."""
    reads = "PORT" in variables(texts) or "$PORT" in run or "${PORT" in run
    found: dict[int, list[str]] = {}
    for place, line in _lines(sources(texts)):
        for pattern in _PORTS:
            for match in pattern.finditer(line):
                if (
                    "URL" not in line
                    and 0 < int(match[1]) <= 65535
                    and place not in found.setdefault(int(match[1]), [])
                ):
                    found[int(match[1])].append(place)
    if reads or not found:
        return None, ()
    number = max(found, key=lambda n: len(found[n]))
    if number > rules.HIGHEST_PORT:
        note = f"port {number} ({found[number][0]}) is above {rules.HIGHEST_PORT}: let the program listen on HOST:PORT"
        return None, (note,)
    why = f"the program listens on {number} ({found[number][0]}) and does not read PORT"
    return Guess(value=str(number), why=why, look="better: listen on HOST:PORT, and remove this line"), ()


def addresses(texts: Texts) -> tuple[str, ...]:
    """Notes about neighbours' addresses that are written into the programs."""
    notes = []
    for place, line in _lines(sources(texts)):
        for match in _HOSTS.finditer(line):
            if "URL" not in line:  # a default beside the variable is fine: the variable is set
                address = match["host"] + match["port"]
                notes.append(f"{place} calls {address}: that is not there for it; read the neighbour's NAME_URL")
    return tuple(dict.fromkeys(notes))


def health(texts: Texts) -> Guess | None:
    for place, line in _lines(sources(texts)):
        if (match := _HEALTH.search(line)) is not None:
            return Guess(value=match[1], why=f"{place} answers it")
    return None


def _lines(texts: Texts) -> Iterator[tuple[str, str]]:
    for path, text in texts.items():
        for number, line in enumerate(text.splitlines(), 1):
            if len(line) < 1000:
                yield f"{path}:{number}", line
