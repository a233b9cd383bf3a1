"""twinstage.yaml, as text -> Definition, or every problem in it."""

from collections.abc import Collection, Mapping
from datetime import timedelta

from twinstage.config import rules
from twinstage.config.document import document
from twinstage.config.problems import Report, nearest
from twinstage.config.settings import databases, outside, secrets, settings
from twinstage.config.value import Value
from twinstage.model.names import Ecosystem, ServiceName
from twinstage.model.release import Definition, Process

FILE = "twinstage.yaml"
REVIEW = "review"

KEYS = (
    "service", "build", "run", "port", "health", "instances", "drain",
    "depends_on", "databases", "outside", "config", "secrets", "gates", "verify",
)  # fmt: skip
LATER = ("processes", "serves", "volumes", "uses", "image", "canary")
"""Keys that a later version knows."""

_DRAIN = timedelta(seconds=30)
_COMMAND = "write one shell command"


def definition(
    text: str | bytes,
    file: str = FILE,
    *,
    service: ServiceName | None = None,
    known: Collection[ServiceName] | None = None,
    asked: Collection[str] = (),
) -> Definition:
    """Reads one service's definition. Raises Problems with every mistake in it.

    ``service``: the name it must have. ``known``: the company's services, to check ``depends_on`` against. ``asked``:
    the standard's gates, each of which (but ``review``) must have a command. Without these only the file itself is
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
    read = Definition(
        service=ServiceName(name or "unnamed"),
        build=found["build"].text("write one shell command, or leave it out") if "build" in found else None,
        processes={"web": _web(found, report)},
        depends_on=depends_on,
        outside=outside(found.get("outside")),
        databases=databases(found.get("databases")),
        config=settings(found.get("config"), depends_on),
        secrets=secrets(found.get("secrets")),
        gates=_gates(found, report, asked),
        verify=found["verify"].text("write one shell command, or leave it out") if "verify" in found else None,
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
    drain = found["drain"].span(timedelta(0), timedelta(minutes=10)) if "drain" in found else None
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


def _gates(found: Mapping[str, Value], report: Report, asked: Collection[str]) -> Mapping[str, str]:
    gates: dict[str, str] = {}
    line = 1
    mentioned: set[str] = set()
    if "gates" in found:
        line = found["gates"].node.line
        for name, value in found["gates"].named(rules.GATE, "write gates by name: {unit: pytest}").items():
            mentioned.add(name)
            if name == REVIEW:
                value.wrong("review has no command", "remove it: it is read from the commit's Reviewed-by trailers")
                continue
            command = value.text(_COMMAND)
            if command is not None:
                gates[name] = command
    for name in asked:
        if name != REVIEW and name not in mentioned:
            report.add(line, f"gates.{name}", "is missing; the standard asks for it", _COMMAND)
    return gates
