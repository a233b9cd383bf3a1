"""twinstage.yaml, as text -> Definition, or every problem in it."""

from collections.abc import Collection, Mapping
from datetime import timedelta

from twinstage.config import rules
from twinstage.config.document import document
from twinstage.config.gates import COMMAND, gates
from twinstage.config.outlines.service import LONGEST_DRAIN, SERVICE
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
    found = _top(text, report)
    name = _service(found, report, service)
    depends_on = _depends_on(found, name or service, known)
    stores = databases(found.get("databases"), name or service, depends_on)
    config = settings(found.get("config"), depends_on, stores)
    commands, lent = gates(found.get("gates"), report, asked, stores)
    read = Definition(
        service=ServiceName(name or "unnamed"),
        build=found["build"].text("write one shell command, or leave it out") if "build" in found else None,
        processes={"web": _web(found, report)},
        depends_on=depends_on,
        outside=outside(found.get("outside"), name or service, known, public),
        databases=stores,
        config=config,
        secrets=secrets(found.get("secrets"), depends_on, stores, config),
        gates=commands,
        gate_databases=lent,
        verify=found["verify"].text("write one shell command, or leave it out") if "verify" in found else None,
        limits=stated(found.get("limits"), most),
    )
    report.settle()
    return read


def _top(text: str | bytes, report: Report) -> Mapping[str, Value]:
    """The file's keys. Raises Problems when it is no YAML document."""
    top = document(text, report)
    if top is None:
        report.settle()
    assert top is not None
    return Value(node=top, path="", report=report).table("", known=KEYS, later=LATER) or {}


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
    run = found["run"].text(COMMAND) if "run" in found else None
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

    def fits(item: Value, dependency: str) -> bool:
        if dependency == name:
            item.wrong("a service cannot depend on itself", "remove it")
        elif known is not None and dependency not in known:
            close = nearest(dependency, known)
            meant = f"did you mean {close}?" if close else "add it to ecosystem.yaml, or remove it here"
            item.wrong(f"no service {dependency} in this company", meant)
        else:
            return True
        return False

    names = found["depends_on"].words(rules.SERVICE, "write a list of services: [payments, catalog]", fits)
    return tuple(ServiceName(it) for it in names)
