"""``gates``: a command for each, and the databases it is lent, or every problem with them."""

from collections.abc import Collection, Mapping

from twinstage.config import rules
from twinstage.config.document import Table
from twinstage.config.outlines.service import REVIEW
from twinstage.config.problems import Report, nearest
from twinstage.config.value import Value

COMMAND = "write one shell command"
_GATE = "write one shell command, or {run: pytest tests/integration, databases: [orders]}"


def gates(
    value: Value | None, report: Report, asked: Collection[str], stores: Collection[str]
) -> tuple[Mapping[str, str], Mapping[str, tuple[str, ...]]]:
    """Each gate's command, and the databases of those that are given as ``{run: ..., databases: [...]}``.

    ``asked``: the standard's gates, each of which (but ``review``) must be there; ``stores``: this service's databases.
    """
    commands: dict[str, str] = {}
    lent: dict[str, tuple[str, ...]] = {}
    named = value.named(rules.GATE, "write gates by name: {unit: pytest}") if value is not None else {}
    for name, entry in named.items():
        if name == REVIEW:
            entry.wrong("review has no command", "remove it: it is read from the commit's Reviewed-by trailers")
            continue
        command, databases = _gate(entry, stores)
        if command is not None:
            commands[name] = command
        if databases:
            lent[name] = databases
    line = value.node.line if value is not None else 1
    for name in asked:
        if name != REVIEW and name not in named:
            report.add(line, f"gates.{name}", "is missing; the standard asks for it", COMMAND)
    return commands, lent


def _gate(value: Value, stores: Collection[str]) -> tuple[str | None, tuple[str, ...]]:
    """A command, or ``{run: command, databases: [names]}``."""
    if not isinstance(value.node, Table):
        return value.text(COMMAND), ()
    found = value.table(_GATE, known=("run", "databases")) or {}
    if "run" not in found:
        value.wrong("run is missing", _GATE)

    def fits(item: Value, name: str) -> bool:
        if name in stores:
            return True
        close = nearest(name, stores)
        meant = f"did you mean {close}?" if close else "declare it under `databases`"
        item.wrong(f"no database {name} in this file", meant)
        return False

    right = "write a list of this file's databases: [orders]"
    names = found["databases"].words(rules.DATABASE, right, fits) if "databases" in found else ()
    return (found["run"].text(COMMAND) if "run" in found else None), names
