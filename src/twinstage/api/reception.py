"""Where people ask for a command in an instance: a Unix socket beside the API's, since descriptors cannot travel over HTTP.

Whoever can open the API's socket can open this one, and nobody else. What is asked is an intent like any other; once the controller
has written it down, the ecosystem's doorman lets the person in, and the near ends of the command's streams go back to them: not a
byte of what is typed or shown passes through here. When it is over, that is an intent too.

One note each way (``inside/exchange.py``), then one at the end: ``{"ok": true}`` with descriptors, or ``{"ok": false, "problem"}``;
``{"status": n, "ended": words}``.
"""

import logging
import os
import select
import shlex
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Protocol

from pydantic import ValidationError

from twinstage import wire
from twinstage.api.problems import Trouble, nearest
from twinstage.inside.exchange import NoNote, Notes, close
from twinstage.model.names import Ecosystem, InstanceId
from twinstage.model.rollout import Intent, IntentVerb
from twinstage.model.seen import Observed
from twinstage.model.workload import WorkloadKey
from twinstage.runtime.local.doorway import Inside, Shut
from twinstage.runtime.runtime import Unavailable
from twinstage.store.store import Store
from twinstage.store.trouble import StoreTrouble

AT_ONCE = 8
"""Visits of a company at once, in both ecosystems together."""
SHOWN = 1000
"""Characters of a command that the journal keeps."""
_PATIENCE, _ANSWER, _END = 5.0, 10.0, 30.0
"""Seconds for a request, for the controller's answer to it, for the end of what was hung up on."""
_TAIL = 5000
"""Lines of the journal about visits that are looked through for one that nobody saw the end of."""
_WORDS = {
    "": "exit status {status}",
    "left": "whoever ran it went away",
    "instance": "the instance ended",
    "killed": "it was killed inside the instance",
    "idle": "nothing was typed or shown for half an hour",
    "silent": "its processes neither read nor wrote anything for half an hour",
    "longest": "its 8 hours were over",
    "down": "the doorman of its ecosystem ended",
}
LOST = "the controller ended meanwhile, and it with it"
log = logging.getLogger(__name__)


class Entrance(Protocol):
    def enter(self, instance: InstanceId, command: list[str], terminal: dict[str, Any] | None) -> Inside:
        """Returns when the command runs. Raises Shut or Unavailable."""


class Reception:
    """A thread that waits at the socket, and one for each visit."""

    def __init__(
        self,
        *,
        store: Store,
        latest: Callable[[], Mapping[Ecosystem, Observed]],
        wake: Callable[[], None],
        doorway: Entrance,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._store, self._latest, self._wake, self._doorway = store, latest, wake, doorway
        self._now, self._new_id = now, new_id
        self._free = threading.Semaphore(AT_ONCE)

    def open(self, door: socket.socket) -> None:
        """Before anybody is let in: what an earlier controller saw begin has ended with that one."""
        for id in self._unfinished():
            self._ended(id, LOST, None)
        threading.Thread(target=self._serve, args=(door,), name="reception", daemon=True).start()

    def _unfinished(self) -> list[str]:
        # Those that are not answered yet are read first: what is answered meanwhile is in the journal.
        pending = self._store.intents()
        begun = {it.id: None for it in pending if it.verb is IntentVerb.EXEC}
        ending = {it.args["visit"] for it in pending if it.verb is IntentVerb.EXEC_ENDED}
        for row in self._store.journal(what="visit", limit=_TAIL, tail=True):
            if row.after is not None and row.after.startswith("inside "):
                begun[row.after.removeprefix("inside ")] = None
            elif row.before is not None:
                begun.pop(row.before.removeprefix("inside "), None)
        return [id for id in begun if id not in ending]

    def _serve(self, door: socket.socket) -> None:
        while True:
            connection, _ = door.accept()
            threading.Thread(target=self._visit, args=(connection,), name="visit", daemon=True).start()

    def _visit(self, connection: socket.socket) -> None:
        visitor = Notes(connection)
        if not self._free.acquire(blocking=False):
            busy = Trouble(503, "cannot let you in", f"{AT_ONCE} are inside already, which is the most", "wait for one")
            _refuse(visitor, busy)
            return
        try:
            asked = _read(visitor)
            id = self._asked(asked, _account(connection))
            inside = self._let_in(id, asked)
        except Trouble as trouble:
            _refuse(visitor, trouble)
        except NoNote as trouble:
            log.info("nobody was let in: %s", trouble)
        else:
            self._watch(id, visitor, inside)
        finally:
            visitor.close()
            self._free.release()

    def _asked(self, asked: wire.Visiting, account: str) -> str:
        """The intent's id, once the controller has written down that it begins."""
        title, where = f"cannot run a command in {asked.instance}", self._where(asked.instance)
        args = {
            "instance": asked.instance,
            "ecosystem": where.ecosystem.value,
            "service": where.service,
            "release": where.release,
            "command": shlex.join(asked.command)[:SHOWN],
            "account": account,
        }
        id = self._write(IntentVerb.EXEC, args, asked.by, asked.why, title)
        answer = self._answer(id, title)
        if not answer.accepted:
            raise Trouble(409, *_parted(answer.answer))
        return id

    def _where(self, instance: str) -> WorkloadKey:
        """As the controller last saw it."""
        there = {i.id: key for o in self._latest().values() for key, w in o.workloads.items() for i in w.instances}
        if (found := there.get(InstanceId(instance))) is not None:
            return found
        names = sorted(there)
        listed = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if names[20:] else "")
        hint = nearest(instance, names) or "`twinstage status SERVICE` lists those of a service"
        what = f"there is no such instance, only {listed}" if listed else "there is no instance at all"
        raise Trouble(404, f"cannot run a command in {instance}", what, hint)

    def _answer(self, id: str, title: str) -> Intent:
        end = time.monotonic() + _ANSWER
        while (found := self._store.intent(id)).answered is None:
            if time.monotonic() > end:
                self._ended(id, "it did not begin: the controller took too long", None)
                raise Trouble(503, title, "the controller has not answered; it did not begin", "ask again in a moment")
            time.sleep(0.02)
        return found

    def _let_in(self, id: str, asked: wire.Visiting) -> Inside:
        terminal = asked.terminal.model_dump() if asked.terminal else None
        try:
            return self._doorway.enter(InstanceId(asked.instance), asked.command, terminal)
        except (Shut, Unavailable) as trouble:
            self._ended(id, f"it did not begin: {trouble}", None)
            title = f"cannot run a command in {asked.instance}"
            if isinstance(trouble, Shut):
                raise Trouble(409, title, str(trouble), "`twinstage status` and `twinstage logs` say more") from None
            raise Trouble(503, title, str(trouble), "ask again in a moment; `twinstage doctor` says more") from None

    def _watch(self, id: str, visitor: Notes, inside: Inside) -> None:
        """Until it is over. A person who goes away ends it."""
        with suppress(OSError):
            visitor.send(inside.descriptors, ok=True)
        close(inside.descriptors)
        try:
            select.select([visitor.fileno(), inside.notes.fileno()], [], [])
            if not select.select([inside.notes.fileno()], [], [], 0)[0]:
                inside.notes.hang_up()
            told, _ = inside.notes.receive(_END)
            status, how = int(told["status"]), _WORDS.get(str(told["ended"]), str(told["ended"]))
        except (NoNote, OSError, KeyError, ValueError):
            status, how = 137, _WORDS["down"]
        finally:
            inside.notes.close()
        how = how.format(status=status)
        with suppress(OSError):
            visitor.send(status=status, ended=how)
        self._ended(id, how, status)

    def _ended(self, id: str, how: str, status: int | None) -> None:
        args = {"visit": id, "how": how} | ({} if status is None else {"status": str(status)})
        try:
            self._write(IntentVerb.EXEC_ENDED, args, "twinstage", "", "")
        except Trouble as trouble:
            log.error("the end of the visit %s is not in the journal: %s", id, trouble)

    def _write(self, verb: IntentVerb, args: Mapping[str, str], by: str, why: str, title: str) -> str:
        intent = Intent(id=self._new_id(), verb=verb, args=args, by=by, why=why, at=self._now())
        try:
            self._store.add_intent(intent)
        except StoreTrouble as trouble:
            raise Trouble(503, title, str(trouble), "ask again in a moment") from None
        self._wake()
        return intent.id


def _read(visitor: Notes) -> wire.Visiting:
    told, descriptors = visitor.receive(_PATIENCE)
    close(descriptors)  # nothing of the visitor's gets in
    try:
        return wire.Visiting.model_validate(told)
    except ValidationError as error:
        mistakes = [f"{'.'.join(str(part) for part in it['loc'])}: {it['msg']}" for it in error.errors()]
        raise Trouble(
            422, "cannot run a command", "the request is not as described", "send what `twinstage exec` does", mistakes
        ) from None


def _account(connection: socket.socket) -> str:
    """Whose process asks: the kernel says it. In the core's namespace root has no name, and nobody else but its own account
    comes through the directory that the socket lies in."""
    _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return f"uid {uid}" if uid == os.geteuid() else "root"


def _parted(answer: str) -> tuple[str, str, str]:
    """``cannot do it: why; what to do`` in its three parts."""
    title, _, rest = answer.partition(": ")
    detail, _, hint = rest.partition("; ")
    return title, detail, hint


def _refuse(visitor: Notes, trouble: Trouble) -> None:
    with suppress(OSError):
        visitor.send(ok=False, problem=trouble.problem.model_dump())
