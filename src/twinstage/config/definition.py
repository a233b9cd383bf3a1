"""twinstage.yaml, as text -> Definition, or every problem in it."""

from collections.abc import Collection, Mapping
from datetime import timedelta

from twinstage.config import rules
from twinstage.config.document import Table, document
from twinstage.config.outlines.service import LONGEST_DRAIN, REVIEW, SERVICE
from twinstage.config.outside import outside
from twinstage.config.problems import Report, nearest
from twinstage.config.settings import databases, secrets, settings
from twinstage.config.standard import stated
from twinstage.config.value import Value
from twinstage.model.bounds import Bounds
from twinstage.model.names import Ecosystem, ServiceName
from twinstage.model.release import Definition, Process

FILE = "twinstage.yaml"

KEYS = tuple(SERVICE.keys)
LATER = ("processes", "serves", "volumes", "uses", "image", "canary")
"""Keys that a later version knows."""

_DRAIN = timedelta(seconds=30)
_COMMAND = "write one shell command"
_GATE = "write one shell command, or {run: pytest tests/integration, databases: [orders]}"


def definition(
    text: str | bytes,
    file: str = FILE,
    *,
    service: ServiceName | None = None,
    known: Collection[ServiceName] | None = None,
    asked: Collection[str] = (),
    public: Collection[str] = (),
    most: Bounds | None = None,
) -> Definition:
    """Reads one service's definition. Raises Problems with every mistake in it.

    ``service``: the name it must have. ``known``: the company's services, to check ``depends_on`` against. ``asked``:
    the standard's gates, each of which (but ``review``) must have a command. ``public``: production's own public names,
    none of which is outside. ``most``: what the standard lets an instance take. Without these only the file itself is
    checked.
    """
    report = Report(file)
    top = document(text, report)
    if top is None:
        report.settle()
    assert top is not None
    value = Value(node=top, path="", report=report)
    found = value.table("", known=KEYS, later=LATER) or {}
    name = _service(found, report, service)
    depends_on = _depends_on(found, name or service, known)
    stores = databases(found.get("databases"), name or service, depends_on)
    config = settings(found.get("config"), depends_on, stores)
    gates, lent = _gates(found, report, asked, stores)
    read = Definition(
        service=ServiceName(name or "unnamed"),
        build=found["build"].text("write one shell command, or leave it out") if "build" in found else None,
        processes={"web": _web(found, report)},
        depends_on=depends_on,
        outside=outside(found.get("outside"), name or service, known, public),
        databases=stores,
        config=config,
        secrets=secrets(found.get("secrets"), depends_on, stores, config),
        gates=gates,
        gate_databases=lent,
        verify=found["verify"].text("write one shell command, or leave it out") if "verify" in found else None,
        limits=stated(found.get("limits"), most),
    )
    report.settle()
    return read


def _service(found: Mapping[str, Value], report: Report, expected: ServiceName | None) -> str | None:
    if "service" not in found:
        report.add(1, "service", "is missing", f"write service: {expected or 'its name'}")
        return None
    name = found["service"].word(rules.SERVICE)
    if name in rules.RESERVED_SERVICES:
        found["service"].wrong(f"{name} is a name of Twinstage's own", "choose another")
    elif name is not None and expected is not None and name != expected:
        found["service"].wrong(f"is {name}, but ecosystem.yaml calls this service {expected}", "use one name in both")
    return name


def _web(found: Mapping[str, Value], report: Report) -> Process:
    if "run" not in found:
        report.add(1, "run", "is missing", "write the command that starts the service and listens on HOST:PORT")
    run = found["run"].text(_COMMAND) if "run" in found else None
    drain = found["drain"].span(timedelta(0), LONGEST_DRAIN) if "drain" in found else None
    return Process(
        run=run or "",
        instances=_instances(found, report),
        port=found["port"].whole(1, rules.HIGHEST_PORT) if "port" in found else None,
        health=found["health"].word(rules.HEALTH) if "health" in found else None,
        drain=_DRAIN if drain is None else drain,
    )


def _instances(found: Mapping[str, Value], report: Report) -> Mapping[Ecosystem, int]:
    right = "write instances: {production: 3, staging: 1}"
    if "instances" not in found:
        report.add(1, "instances", "is missing", right)
        return {}
    ecosystems = [ecosystem.value for ecosystem in Ecosystem]
    by = found["instances"].table(right, known=ecosystems)
    if by is None:
        return {}
    counts: dict[Ecosystem, int] = {}
    for ecosystem in Ecosystem:
        if ecosystem.value not in by:
            found["instances"].wrong(f"{ecosystem.value} is missing", right)
            continue
        count = by[ecosystem.value].whole(1, rules.MOST_INSTANCES)
        if count is not None:
            counts[ecosystem] = count
    if len(counts) == 2 and counts[Ecosystem.STAGING] > counts[Ecosystem.PRODUCTION]:
        most = counts[Ecosystem.PRODUCTION]
        by["staging"].wrong(f"is more than production's {most}", f"write at most {most}")
    return counts


def _depends_on(
    found: Mapping[str, Value], name: str | None, known: Collection[ServiceName] | None
) -> tuple[ServiceName, ...]:
    if "depends_on" not in found:
        return ()
    names: list[ServiceName] = []
    for item in found["depends_on"].items("write a list of services: [payments, catalog]"):
        dependency = item.word(rules.SERVICE)
        if dependency is None:
            continue
        if dependency == name:
            item.wrong("a service cannot depend on itself", "remove it")
        elif dependency in names:
            item.wrong(f"{dependency} stands twice", "keep one of them")
        elif known is not None and dependency not in known:
            close = nearest(dependency, known)
            meant = f"did you mean {close}?" if close else "add it to ecosystem.yaml, or remove it here"
            item.wrong(f"no service {dependency} in this company", meant)
        else:
            names.append(ServiceName(dependency))
    return tuple(names)


def _gates(
    found: Mapping[str, Value], report: Report, asked: Collection[str], stores: Collection[str]
) -> tuple[Mapping[str, str], Mapping[str, tuple[str, ...]]]:
    """Each gate's command, and the databases of those that are given as ``{run: ..., databases: [...]}``."""
    gates: dict[str, str] = {}
    lent: dict[str, tuple[str, ...]] = {}
    line = 1
    mentioned: set[str] = set()
    if "gates" in found:
        line = found["gates"].node.line
        for name, value in found["gates"].named(rules.GATE, "write gates by name: {unit: pytest}").items():
            mentioned.add(name)
            if name == REVIEW:
                value.wrong("review has no command", "remove it: it is read from the commit's Reviewed-by trailers")
                continue
            command, databases = _gate(value, stores)
            if command is not None:
                gates[name] = command
            if databases:
                lent[name] = databases
    for name in asked:
        if name != REVIEW and name not in mentioned:
            report.add(line, f"gates.{name}", "is missing; the standard asks for it", _COMMAND)
    return gates, lent


def _gate(value: Value, stores: Collection[str]) -> tuple[str | None, tuple[str, ...]]:
    """A command, or ``{run: command, databases: [names]}``."""
    if not isinstance(value.node, Table):
        return value.text(_COMMAND), ()
    found = value.table(_GATE, known=("run", "databases")) or {}
    if "run" not in found:
        value.wrong("run is missing", _GATE)
    names: list[str] = []
    for item in (
        found["databases"].items("write a list of this file's databases: [orders]") if "databases" in found else ()
    ):
        name = item.word(rules.DATABASE)
        if name is None:
            continue
        if name in names:
            item.wrong(f"{name} stands twice", "keep one of them")
        elif name not in stores:
            close = nearest(name, stores)
            item.wrong(
                f"no database {name} in this file",
                f"did you mean {close}?" if close else "declare it under `databases`",
            )
        else:
            names.append(name)
    return (found["run"].text(_COMMAND) if "run" in found else None), tuple(names)
