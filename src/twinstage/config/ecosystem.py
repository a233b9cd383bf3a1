"""ecosystem.yaml, as text -> EcosystemFile, or every problem in it."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from twinstage.config import rules
from twinstage.config.document import document
from twinstage.config.outlines import company
from twinstage.config.problems import Report
from twinstage.config.standard import standard
from twinstage.config.value import Rule, Value
from twinstage.model.names import ServiceName
from twinstage.model.policy import EcosystemFile, ServiceEntry

KEYS = tuple(company.ECOSYSTEM.keys)
ENTRY = tuple(company.ENTRY.keys)

_EXAMPLE = "orders: {repository: ../orders, branch: main, path: .}"


def ecosystem(text: str | bytes, file: str, root: Path) -> EcosystemFile:
    """Reads the company's file. Repositories are relative to ``root``, the file's own directory.

    Raises Problems with every mistake in it. Whether the repositories exist is not looked at.
    """
    report = Report(file)
    top = document(text, report)
    if top is None:
        report.settle()
    assert top is not None
    found = Value(node=top, path="", report=report).table("", known=KEYS) or {}
    if "ecosystem" not in found:
        report.add(1, "ecosystem", "is missing", "write ecosystem: and the company's name")
    if "services" not in found:
        report.add(1, "services", "is missing", f"write services: and below it {_EXAMPLE}")
    read = EcosystemFile(
        name=(found["ecosystem"].word(rules.SERVICE) if "ecosystem" in found else None) or "unnamed",
        services=_services(found["services"], root) if "services" in found else (),
        policy=replace(standard(found.get("standard")), public=_public(found.get("public"))),
        runtime=_runtime(found["runtime"]) if "runtime" in found else "local",
        postgres=found["postgres"].word(rules.PROGRAMS) if "postgres" in found else None,
    )
    report.settle()
    return read


def _public(value: Value | None) -> tuple[str, ...]:
    return () if value is None else value.words(rules.PUBLIC, "write a list of hosts: [shop.example]")


def _runtime(value: Value) -> str:
    if getattr(value.node, "text", None) == "kubernetes":
        value.wrong("not yet: kubernetes comes with a later version", "write local")
        return "local"
    return value.choice(("local",)) or "local"


def _services(value: Value, root: Path) -> tuple[ServiceEntry, ...]:
    right = f"write services by name: {_EXAMPLE}"
    named = value.named(rules.SERVICE, right)
    if not named and not value.report.problems:
        value.wrong("has no service", right)
    if len(named) > company.MOST_SERVICES:
        value.wrong(f"has {len(named)} services", f"at most {company.MOST_SERVICES}")
    entries: list[ServiceEntry] = []
    places: dict[tuple[str, str], str] = {}
    for name, entry in named.items():
        read = _entry(name, entry, root)
        if read is None:
            continue
        place = (read.repository, read.path)
        if place in places:
            entry.wrong(f"is in the same place as {places[place]}", "a service has a repository, or a path, of its own")
        places.setdefault(place, name)
        entries.append(read)
    return tuple(entries)


def _entry(name: str, entry: Value, root: Path) -> ServiceEntry | None:
    if name in rules.RESERVED_SERVICES:
        entry.wrong(f"{name} is a name of Twinstage's own", "choose another")
    found = entry.table(f"write {_EXAMPLE}", known=ENTRY)
    if found is None:
        return None
    if "repository" not in found:
        entry.wrong("repository is missing", "write repository: and the path of its git repository")
        return None
    repository = _repository(found["repository"], root)
    branch = _word(found, "branch", rules.BRANCH, "main")
    path = _path(found["path"]) if "path" in found else "."
    if repository is None or path is None or branch is None:
        return None
    return ServiceEntry(service=ServiceName(name), repository=repository, branch=branch, path=path)


def _word(found: Mapping[str, Value], key: str, rule: Rule, default: str) -> str | None:
    return found[key].word(rule) if key in found else default


def _repository(value: Value, root: Path) -> str | None:
    text = value.scalar("write the path of its git repository", most=1000)
    if text is None:
        return None
    if not text or "\n" in text or "\t" in text:
        value.wrong("is not a path", "write the path of its git repository")
        return None
    if "://" in text or (text.split("/")[0].count(":") and not text.startswith((".", "/"))):
        value.wrong("not yet: repositories elsewhere come with a later version", "write a path on this machine")
        return None
    return os.path.normpath(root.absolute() / Path(text).expanduser())


def _path(value: Value) -> str | None:
    """The service's directory within its repository, normalised."""
    right = 'write a path within the repository: "." or "services/orders"'
    text = value.scalar(right, most=1000)
    if text is None:
        return None
    path = PurePosixPath(text)
    if not text or "\n" in text or path.is_absolute() or ".." in path.parts or text.startswith("-") or ":" in text:
        value.wrong(f"{text!r} cannot be used", right)
        return None
    return str(path)
