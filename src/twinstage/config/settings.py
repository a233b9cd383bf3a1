"""What a service finds around it: configuration values, and the sections that a later version carries out."""

from collections.abc import Collection, Mapping

from twinstage.config import rules
from twinstage.config.document import Scalar, Table
from twinstage.config.value import Value
from twinstage.model.names import Ecosystem, ServiceName

LONGEST_VALUE = 32 * 1024
_BOTH = "write one value, or {production: ..., staging: ...}"


def settings(value: Value | None, depends_on: Collection[ServiceName]) -> Mapping[str, Mapping[Ecosystem, str]]:
    """``config``: every variable with its value in each ecosystem. Numbers and truths stay as they are written."""
    if value is None:
        return {}
    given = {rules.variable_for(service): service for service in depends_on}
    read: dict[str, Mapping[Ecosystem, str]] = {}
    for name, entry in value.named(rules.VARIABLE, "write variables by name: {PAGE_SIZE: 50}").items():
        if name in rules.RESERVED_VARIABLES or name.startswith(rules.RESERVED_PREFIX):
            entry.wrong(f"{name} is set by Twinstage", "choose another name")
        elif name in given:
            entry.wrong(
                f"{name} is set by Twinstage to the address of {given[name]}", "choose another name, or remove it"
            )
        else:
            by = _by_ecosystem(entry)
            if by is not None:
                read[name] = by
    return read


def _by_ecosystem(entry: Value) -> Mapping[Ecosystem, str] | None:
    if not isinstance(entry.node, Table):
        value = entry.scalar(f'{_BOTH}; "" for the empty text', LONGEST_VALUE)
        return None if value is None else dict.fromkeys(Ecosystem, value)
    return _both(entry, _BOTH)


def _both(entry: Value, right: str) -> Mapping[Ecosystem, str] | None:
    """A value for each ecosystem: one that differs names both, so that neither can be forgotten."""
    by = entry.table(right, known=[ecosystem.value for ecosystem in Ecosystem])
    if by is None:
        return None
    lacking = [ecosystem.value for ecosystem in Ecosystem if ecosystem.value not in by]
    if lacking:
        entry.wrong(f"has no value for {' and '.join(lacking)}", "a value that differs names both ecosystems")
    read = {Ecosystem(name): value.scalar(right, LONGEST_VALUE) for name, value in by.items()}
    found = {ecosystem: text for ecosystem, text in read.items() if text is not None}
    return found if len(found) == len(Ecosystem) else None


def databases(value: Value | None) -> Mapping[str, str | None]:
    """Checked for shape, then refused."""
    if value is None:
        return {}
    read: dict[str, str | None] = {}
    right = "write databases by name: {orders: {migrate: python -m orders.migrate}}"
    for name, entry in value.named(rules.DATABASE, right).items():
        read[name] = None
        if isinstance(entry.node, Scalar) and entry.node.kind == "nothing":
            continue
        inner = entry.table(right, known=("migrate",)) or {}
        if "migrate" in inner:
            read[name] = inner["migrate"].text("write one shell command")
    value.wrong("not yet: databases come with a later version", "remove the section")
    return read


def outside(value: Value | None) -> Mapping[str, Mapping[Ecosystem, str]]:
    """Checked for shape, then refused."""
    if value is None:
        return {}
    read: dict[str, Mapping[Ecosystem, str]] = {}
    right = 'write {production: "api.example.com:443", staging: "api.sandbox.example.com:443"}'
    for name, entry in value.named(rules.SERVICE, f"write names, and for each {right}").items():
        by = entry.table(right, known=[ecosystem.value for ecosystem in Ecosystem])
        if by is None:
            continue
        if len(by) < len(Ecosystem):
            entry.wrong("an outside name is given for both ecosystems", right)
        places = {Ecosystem(key): place.word(rules.ADDRESS) for key, place in by.items()}
        read[name] = {ecosystem: place for ecosystem, place in places.items() if place is not None}
    value.wrong("not yet: outside names come with a later version", "remove the section")
    return read


def secrets(value: Value | None) -> tuple[str, ...]:
    """Checked for shape, then refused."""
    if value is None:
        return ()
    names = value.words(rules.VARIABLE, "write a list of names: [PAYMENT_KEY]")
    value.wrong("not yet: secrets come with a later version", "remove the section")
    return names
