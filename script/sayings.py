"""Every error that the code can say, read off the places that say it, with what to do about each.

Messages are written ``cannot do this: because of that; do so``, so what to do is what follows the semicolon, or the hint that
is handed along. Where the place itself has none, ``TODO`` below must: ``undone()`` lists what neither has, and a test wants
that list empty. Nothing here names a message twice, so an error that is new in the code is new in the page.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from faces import table

from twinstage.cli.exits import Exit

SOURCE = Path(__file__).resolve().parent.parent / "src/twinstage"
WORDS = re.compile(r"\b[a-z]{2}")
Saying = tuple[str, ...]

EXITS: dict[Exit, tuple[str, str]] = {
    Exit.DONE: ("done", "nothing"),
    Exit.FAILED: (
        "the release failed, or was aborted or superseded",
        "`twinstage why ROLLOUT` says why; mend it, submit again",
    ),
    Exit.USAGE: ("the command line cannot be understood, or names what is not there", "`twinstage VERB --help`"),
    Exit.WAITING: (
        "waiting or refused: a file has mistakes, or what is asked cannot be now",
        "the answer says what to do",
    ),
    Exit.TROUBLE: (
        "trouble of the platform: the controller does not answer, or cannot do it",
        "`twinstage doctor` names what is wrong; what runs goes on",
    ),
    Exit.INTERRUPTED: ("stopped by Ctrl-C: what was asked goes on without you", "`twinstage watch`"),
}

TELLING = {
    "on the command line": (("cli",), ("Stop",)),
    "reaching the controller": (("client",), ("Unreachable", "Broken")),
    "bringing a company up": (("runtime/local/host.py", "runtime/local/core.py"), ("HostTrouble",)),
    "asking the controller": (("controller", "api"), ("Refused", "Trouble", "Problem")),
    "finding what is meant": (("store",), ("Unknown", "NoPorts", "NewerStore", "DamagedStore")),
    "reading a repository": (("forge",), ("Refused", "NotARepository", "UnknownRevision")),
    "databases": (
        ("runtime/local/postgres", "inside/databases.py", "inside/measuring.py", "inside/throwaway.py"),
        ("NoPostgres", "Unmeasured", "Trouble"),
    ),
    "unpacking and sealing": (("inside/export.py", "inside/seal.py"), ("Unusable", "Unsealable")),
    "fetching packages": (("inside/packages.py", "inside/upstream.py"), ("Refused", "Unreachable")),
}
"""Section -> (where below src/twinstage, exceptions whose words a person reads)."""


INTERNAL = {
    "StaleFence": "a newer controller is in charge: this one ends",
    "StaleEpoch": "a newer controller has the store: this one ends",
    "Conflict": "somebody else wrote first: it is decided again at the next tick",
    "Unavailable": "told as PLATFORM_TROUBLE, and tried again",
    "ProxyUnavailable": "told as UNSEEN, and looked at again",
    "Unfit": "told as UNFIT",
    "NoSuchGate": "told as GATE_MISSING",
    "IllegalEvent": "a mistake in the program: the tick's transaction is undone, and controller.log has it",
    "LifecycleBroken": "a mistake in a runtime, found by its tests",
    "GitFailed": "git's own words follow `cannot …`",
    "Problems": "the mistakes of a file, below",
    "NotProved": "an act of the demo shows that something is not as promised",
    "DemoTrouble": "the demo's own words",
    "Unreadable": "an answer of the kernel's that is not understood: told as trouble of the sentinel",
    "Damaged": "told as ARTIFACT_DAMAGED",
    "Absent": "follows `cannot run a command in INSTANCE:`",
    "Shut": "follows `cannot run a command in INSTANCE:`",
    "NoNote": "the other side of a visit went away: told as its end",
    "Lost": "told in the answer to `secret set`",
    "TooMuch": "told in the answer to `secret set`",
    "Interrupted": "a job was stopped",
    "Unread": "a large tree is still being read: asked again at the next tick",
}
"""Exceptions whose words reach people in another way, or not at all."""

TODO: dict[str, str] = {
    "nothing to abort": "nothing; `twinstage status` shows what is under way",
    "nothing to skip": "nothing; `twinstage status` shows what is under way",
    "nothing is shipped": "the lines above say why, service by service",
    "this machine cannot seal": "each line says what to do; see Prepare a machine",
    "cannot bring up sealed ecosystems": "each line says what to do; see Prepare a machine",
    "ROLLOUT goes on with all": "the line above says why; `twinstage abort` ends it",
    "cannot stop NAME": "`twinstage status` and `--ecosystem` name a company that is up; TWINSTAGE_ROOT has to be the one of `up`",
    "cannot keep the company's files": "`twinstage down`, and give the directory to the user who runs `up`",
    "cannot make the company's directories": "make room, or give the directory to the user who runs `up`",
    "TROUBLE (waited": "`twinstage doctor` names what does not come up; `twinstage up` goes on from there",
    "FILE has …": "mend what each line says: `twinstage check` tells the same",
    "cannot read FILE": "name another file, or go to its directory",
    "cannot write": "make room, or give yourself the right to write there",
    "cannot look at": "name a directory",
    "SUBJECT has no instance": "nothing: there is no log",
    "SERVICE is not shipped": "mend what it says, commit, and submit again",
    "NAME does not take this file": "mend what it says, and call `twinstage up` again; the old file stays in force",
    "cannot reach the controller of NAME: it did not": "ask again; `twinstage doctor` says whether it runs",
    "cannot find service": "`twinstage status` lists them; ecosystem.yaml adds one",
    "cannot abort rollout": "nothing: it has ended",
    "cannot bring NAME into force: its file": "mend what each line says",
    "cannot submit": "mend what it says, commit, and submit again",
    "cannot remove SERVICE": "what it names comes first",
    "cannot unfreeze": "nothing: it is not frozen; `twinstage status` shows what is",
    "cannot roll back SERVICE: rollout": "nothing: `twinstage watch` shows it go",
    "cannot skip WHAT": "name one of those",
    "cannot skip": "nothing: `twinstage why ROLLOUT` shows where it is",
    "cannot find": "`twinstage status` and `twinstage history` have the names; `git log` those of commits",
    "cannot WHAT: NAME is a symbolic link": "let it lead within the service's directory, or put a copy there",
    "cannot WHAT: the content": "git fsck the repository, and submit again",
    "cannot use COMMIT": "name the whole id",
    "cannot use SERVICE": "lower-case letters, digits and -, a letter first, at most 30",
    "cannot take": "name a commit of the service's repository; `git fsck` checks it",
    "cannot read PATH": "put a plain file there, of a size that a person writes, and commit it",
    "cannot read the repository": "correct `repository` in ecosystem.yaml, or `git init` there",
    "cannot copy SOURCE": "it is tried again; `twinstage logs ROLLOUT` and database.log of the ecosystem say more",
    "cannot measure": "it is tried again; database.log of the ecosystem says more",
    "cannot run HERE/postgres": "name other programs as `postgres:` in ecosystem.yaml, or leave the line out",
    "cannot unpack": "change what it names, and commit; no file of a commit may lead out of it",
    "cannot seal ROOT": "let the build leave its directory where it is",
    "builds do not reach": "declare that index to `up`, or keep what the build needs in the repository",
    "that is no request": "something in the build does not speak HTTP to its proxy: keep what it needs in the repository",
    "more than 256 connections": "nothing: the package manager tries again",
    "cannot METHOD here": "fetch packages by the package manager alone",
    "a request's head": "a program in the build sends too much: it is no package manager",
    "no request within": "nothing: the package manager tries again",
    "cannot reach": "configure the index where `twinstage up` is called; it has to answer from this machine",
    "cannot …": "send what /v1/openapi.json describes",
}
"""Beginning of a message -> what to do, where the place that says it leaves that out."""


def exits() -> str:
    return table(("status", "means", "what to do"), [(str(int(it)), *EXITS[it]) for it in Exit])


def errors() -> str:
    out = []
    for section, (places, names) in TELLING.items():
        out += [
            f"### {section[0].upper()}{section[1:]}\n",
            table(("what is said", "what to do"), list(told(places, names))),
        ]
    return "\n".join(out)


def mistakes() -> str:
    """Of both files, whatever the key."""
    rows = {}
    for call, scope in calls(("config",)):
        name, given = _name(call), call.args
        if name == "wrong" and given:
            rows[said(given[0], scope)] = said(given[1], scope) if len(given) > 1 else ""
        elif name in ("add", "_Refused") and len(given) >= 3:
            *_, message, right = [*given, ast.Constant("")][: 4 if name == "add" else 3]
            rows[said(message, scope)] = said(right, scope)
    return table(("what is said", "what to do"), [_row(it, do) for it, do in sorted(rows.items()) if WORDS.search(it)])


def _row(message: str, right: str) -> Saying:
    return message, right if right.strip("… ") and right not in ("RIGHT", "write WORDS") else "write what the key takes"


def findings() -> str:
    rows = {}
    for call, scope in calls(("checkup", "runtime", "cli/doctor.py", "api")):
        if _name(call) == "Finding":
            given = {it.arg: said(it.value, scope) for it in call.keywords}
            rows[f"{given['about']} {given['what']}"] = given["advice"]
    return table(("what is named", "what to do"), sorted(it for it in rows.items() if WORDS.search(it[0])))


def told(places: Iterable[str], names: Iterable[str]) -> Iterator[Saying]:
    seen = set()
    for call, scope in calls(tuple(places)):
        if _name(call) not in names or not (call.args or call.keywords):
            continue
        message, do = _split(call, scope)
        message = message.replace("\n", " ")
        if WORDS.search(message) and message not in seen:  # else it hands on what another place says
            seen.add(message)
            yield message, _todo(message, do)


def exceptions() -> set[str]:
    """Every kind of error that the code raises. Roots are only caught; what begins with _ is caught in its own module."""
    found: set[str] = set()
    roots: set[str] = set()
    kinds = {"Exception", "OSError", "AssertionError"}
    classes = [
        it
        for file in SOURCE.rglob("*.py")
        for it in ast.walk(ast.parse(file.read_text()))
        if isinstance(it, ast.ClassDef)
    ]
    while True:
        more = {it.name for it in classes if any(getattr(of, "id", "") in kinds for of in it.bases)} - kinds
        if not more:
            return {name for name in found - roots if not name.startswith("_")}
        found |= more
        kinds |= more
        roots |= {of.id for it in classes if it.name in more for of in it.bases if isinstance(of, ast.Name)}


def undone() -> list[str]:
    """Messages that nobody says what to do about."""
    pages = [row for places, names in TELLING.values() for row in told(places, names)]
    return [row[0] for row in pages if not row[1]]


def _split(call: ast.Call, scope: ast.AST) -> Saying:
    """The message, and what to do. Some take (status, message), some (status, title, detail, hint)."""
    texts = [said(it, scope) for it in call.args]
    more = {it.arg: said(it.value, scope) for it in call.keywords}
    if _name(call) == "Stop":
        return texts[1] if len(texts) > 1 else "", more.get("hint", "")
    if _name(call) == "Problem":
        return f"{more.get('title', '')}: {more.get('detail', '')}".rstrip(": "), more.get("hint", "")
    if _name(call) == "Trouble" and len(texts) > 1:
        detail = texts[2] if len(texts) > 2 else ""
        return f"{texts[1]}: {detail}".rstrip(": "), texts[3] if len(texts) > 3 else ""
    message, _semicolon, do = texts[-1 if len(texts) > 1 and texts[0][:3].isdigit() else 0].partition("; ")
    return message, do


def _todo(message: str, do: str) -> str:
    return do.strip("… ") or next((what for start, what in TODO.items() if message.startswith(start)), "")


# ------------------------------------------------------------------------------------------------------- the code


@cache
def calls(places: tuple[str, ...]) -> list[tuple[ast.Call, ast.AST]]:
    """Every call in those files, in order, with the function that it stands in."""
    files = [
        file
        for place in places
        for file in ([SOURCE / place] if place.endswith(".py") else (SOURCE / place).rglob("*.py"))
    ]
    found = []
    for file in sorted(files):
        tree = ast.parse(file.read_text())
        functions = [it for it in ast.walk(tree) if isinstance(it, ast.FunctionDef | ast.AsyncFunctionDef)]
        owner = {id(inner): outer for outer in functions for inner in ast.walk(outer)}
        for it in ast.walk(tree):
            if isinstance(it, ast.Call):
                outer = owner.get(id(it), tree)
                found.append((it, ast.Module(body=[*getattr(outer, "body", []), *_constants(tree)], type_ignores=[])))
    return found


def _constants(tree: ast.Module) -> list[ast.stmt]:
    """Texts and numbers of the module's own."""
    return [it for it in tree.body if isinstance(it, ast.Assign)]


def _name(call: ast.Call) -> str:
    return (
        call.func.id
        if isinstance(call.func, ast.Name)
        else call.func.attr
        if isinstance(call.func, ast.Attribute)
        else ""
    )


def said(node: ast.AST, scope: ast.AST, depth: int = 0) -> str:
    """The text that an expression makes; what it cannot know is its name in capitals, or ``…``."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(said(it, scope, depth) for it in node.values)
    if isinstance(node, ast.FormattedValue):
        return said(node.value, scope, depth)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return said(node.left, scope, depth) + said(node.right, scope, depth)
    if isinstance(node, ast.IfExp):
        return said(node.body, scope, depth)
    if isinstance(node, ast.Subscript):
        return said(node.value, scope, depth)
    if isinstance(node, ast.Attribute) and node.attr in ("id", "value"):
        return said(node.value, scope, depth)
    if isinstance(node, ast.Call) and _name(node) == "shown" and len(node.args) == 1:
        return said(node.args[0], scope, depth)
    if isinstance(node, ast.Attribute):
        return node.attr.strip("_").upper()
    if isinstance(node, ast.Name):
        return _resolved(node.id, scope, depth)
    return "…"


def _resolved(name: str, scope: ast.AST, depth: int) -> str:
    """A local that is a text stands for it; so does a text of the module's."""
    for it in ast.walk(scope):
        if (
            isinstance(it, ast.Assign)
            and depth < 3
            and any(isinstance(to, ast.Name) and to.id == name for to in it.targets)
        ):
            text = said(it.value, scope, depth + 1)
            if isinstance(it.value, ast.Constant | ast.JoinedStr | ast.BinOp | ast.IfExp) and text.strip("…"):
                return text
    return name.strip("_").upper()
