"""What a service finds around it: configuration values, databases and secrets."""

from collections.abc import Collection, Mapping

from twinstage.config import rules
from twinstage.config.document import Scalar, Table
from twinstage.config.outlines.service import LONGEST_VALUE
from twinstage.config.value import Value
from twinstage.model.names import Ecosystem, ServiceName

_BOTH = "write one value, or {production: ..., staging: ...}"


def settings(
    value: Value | None, depends_on: Collection[ServiceName], databases: Collection[str]
) -> Mapping[str, Mapping[Ecosystem, str]]:
    """``config``: every variable with its value in each ecosystem. Numbers and truths stay as they are written."""
    if value is None:
        return {}
    given = {rules.variable_for(service): str(service) for service in depends_on}
    given |= {rules.database_variable(name): f"its database {name}" for name in databases}
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


def databases(
    value: Value | None, service: str | None, depends_on: Collection[ServiceName]
) -> Mapping[str, str | None]:
    """Every database with the command that migrates it, if there is one. ``service``: its name as far as it is known."""
    if value is None:
        return {}
    read: dict[str, str | None] = {}
    right = "write databases by name: {orders: {migrate: python -m orders.migrate}}"
    given = {rules.variable_for(dependency): dependency for dependency in depends_on}
    found = value.named(rules.DATABASE, right)
    if len(found) > rules.MOST_DATABASES:
        value.wrong(f"has {len(found)} databases", f"at most {rules.MOST_DATABASES} a service")
    for name, entry in found.items():
        read[name] = None
        room = rules.LONGEST_DATABASE - len(service or "")
        if len(name) > room:
            entry.wrong(f"{name} is too long a name for a database of {service}", f"at most {room} characters")
        if (variable := rules.database_variable(name)) in given:
            entry.wrong(f"{variable} is the address of {given[variable]} already", "choose another name")
        if isinstance(entry.node, Scalar) and entry.node.kind == "nothing":
            continue
        inner = entry.table(right, known=("migrate",)) or {}
        if "migrate" in inner:
            read[name] = inner["migrate"].text("write one shell command, or leave it out: nothing is migrated then")
    return read


def secrets(
    value: Value | None,
    depends_on: Collection[ServiceName],
    databases: Collection[str],
    config: Collection[str],
) -> tuple[str, ...]:
    """Names alone: each ecosystem has its own values, which `twinstage secret set` takes and no file holds."""
    if value is None:
        return ()
    given = {rules.variable_for(service): f"the address of {service}" for service in depends_on}
    given |= {f"{name.upper()}_DATABASE_URL": f"the address of the database {name}" for name in databases}
    for name in (names := value.words(rules.VARIABLE, "write a list of names: [PAYMENT_KEY]")):
        if name in rules.RESERVED_VARIABLES or name.startswith(rules.RESERVED_PREFIX):
            value.wrong(f"{name} is set by Twinstage", "choose another name")
        elif name in given:
            value.wrong(f"{name} is set by Twinstage to {given[name]}", "choose another name, or remove it")
        elif name in config:
            value.wrong(f"{name} stands under config too", "keep one of them: what is secret stands here alone")
    return names
