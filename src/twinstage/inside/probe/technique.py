"""One way out: what is tried, and the answers that mean it is shut. Whatever else comes back is a passage."""

import errno
import json
import os
import select
import signal
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

PATIENCE = 20.0
"""Seconds that one technique may take. No end is not the right end: it counts as a passage."""
ALLOWED = "allowed"
NOTHING = "nothing there"
_MOST_WORDS = 300
_MOST_BYTES = 1 << 16


@dataclass(frozen=True, kw_only=True)
class Targets:
    """What there is to reach, as the runtime tells it. Paths are as the machine, and as the ecosystem sees them."""

    ecosystem: str = ""
    gateway: str = "10.64.0.1"
    across: tuple[int, ...] = ()
    """Frontends, backends and the database of the other ecosystem."""
    undeclared: tuple[int, ...] = ()
    """Frontends and the database of its own, none of which it declares."""
    neighbours: tuple[tuple[str, int], ...] = ()
    """Address and backend port of instances beside it."""
    machine: tuple[str, ...] = ()
    """The machine's own IPv4 addresses."""
    machine6: tuple[str, ...] = ()
    sockets: tuple[str, ...] = ()
    """Unix sockets of its ecosystem's parts, of the other one's and of the core."""
    files: tuple[str, ...] = ()
    """Directories of its neighbours, of the ecosystem, of the company."""
    sealed: tuple[str, ...] = ()
    """What it sees and may not write, as an instance its artifact."""
    names: tuple[str, ...] = ()
    """Services."""

    @staticmethod
    def read(told: Mapping[str, Any]) -> "Targets":
        """Of JSON. Raises KeyError, TypeError or ValueError."""

        def words(name: str) -> tuple[str, ...]:
            return tuple(map(str, told.get(name, ())))

        return Targets(
            ecosystem=str(told["ecosystem"]),
            gateway=str(told["gateway"]),
            across=tuple(map(int, told["across"])),
            undeclared=tuple(map(int, told["undeclared"])),
            neighbours=tuple((str(address), int(port)) for address, port in told["neighbours"]),
            machine=words("machine"),
            machine6=words("machine6"),
            sockets=words("sockets"),
            files=words("files"),
            sealed=words("sealed"),
            names=words("names"),
        )


Attempt = Callable[[Targets], Iterable[str]]
"""What came back, of each thing tried. Raising OSError is an answer: the error's name."""


@dataclass(frozen=True, kw_only=True)
class Technique:
    """``stops``: the answers that the wall gives. Any other is a passage."""

    name: str
    what: str
    stops: frozenset[str] = field(default_factory=frozenset)
    attempt: Attempt


def technique(name: str, what: str, stops: str, attempt: Attempt) -> Technique:
    """``stops``: separated by ``|``."""
    return Technique(name=name, what=what, stops=frozenset(stops.split("|")), attempt=attempt)


@dataclass(frozen=True, kw_only=True)
class Found:
    """``answer``: what came back, each kind once."""

    name: str
    what: str
    answer: str
    stopped: bool

    def line(self) -> str:
        return json.dumps({"name": self.name, "what": self.what, "answer": self.answer, "stopped": self.stopped})


def error_name(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, type(error).__name__)


def answered(call: Callable[..., object], *arguments: object) -> str:
    """The error's name, or what ``call`` says, or that it was allowed."""
    try:
        said = call(*arguments)
    except OSError as error:
        return error_name(error)
    return said if isinstance(said, str) else ALLOWED


def judged(technique: Technique, answers: Iterable[str]) -> Found:
    """Passages first: one among a thousand refusals must be seen."""
    heard = list(dict.fromkeys(answers))
    passed = [answer for answer in heard if answer.partition(" <")[0] not in technique.stops]
    stopped = bool(heard) and not passed
    said = ", ".join([*passed, *(answer for answer in heard if answer not in passed)]) or "unknown: nothing was tried"
    return Found(name=technique.name, what=technique.what, answer=said[:_MOST_WORDS], stopped=stopped)


def tried(technique: Technique, targets: Targets) -> Found:
    """In a process of its own: what a technique does to itself, or what is done to it, ends no other."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    child = os.fork()
    if child == 0:
        os.close(reader)
        _attempt(technique, targets, writer)
    os.close(writer)
    try:
        said = _heard(reader)
    finally:
        os.close(reader)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    if said is None:
        return judged(technique, [f"unknown: no end within {PATIENCE:g} s"])
    if os.WIFSIGNALED(status) and not said:
        return judged(technique, [f"unknown: ended by {signal.Signals(os.WTERMSIG(status)).name}"])
    return judged(technique, json.loads(said or b"[]"))


def _attempt(technique: Technique, targets: Targets, writer: int) -> None:
    """Never returns: this is the child's whole life."""
    try:
        answers = list(technique.attempt(targets))
    except OSError as error:
        answers = [error_name(error)]
    except BaseException as error:
        answers = [f"unknown: {error!r}"]  # whatever it is, it is not the wall's answer
    os.write(writer, json.dumps(answers[:200]).encode()[:_MOST_BYTES])
    os._exit(0)


def _heard(reader: int) -> bytes | None:
    """All that the child says; None where it has not ended in time."""
    whole = b""
    while select.select([reader], [], [], PATIENCE)[0]:
        more = os.read(reader, _MOST_BYTES)
        if not more:
            return whole
        whole += more
    return None
