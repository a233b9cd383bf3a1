"""supervisord over its Unix socket: what runs, add what is new, stop and remove what is gone. Every call is short."""

import http.client
import socket
import xmlrpc.client
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twinstage.runtime.runtime import Unavailable

_PATIENCE = 0.9  # seconds: a runtime call is short

_AT_ONCE = 10
"""Programs to start with one request: they take some milliseconds each."""
_BAD_NAME, _ALREADY_ADDED, _STILL_RUNNING, _NOT_RUNNING, _ALREADY_STARTED = 10, 90, 91, 70, 60


@dataclass(frozen=True, kw_only=True)
class ProcessSeen:
    """One program as supervisord sees it. ``state``: STARTING RUNNING BACKOFF STOPPING STOPPED EXITED FATAL."""

    name: str
    state: str
    pid: int
    started: int
    """Seconds since the epoch."""
    stopped: int
    exit_status: int
    error: str


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_PATIENCE)
        self.sock.connect(self._path)


class _Transport(xmlrpc.client.Transport):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = str(path)

    def make_connection(self, host: Any) -> _Connection:  # noqa: ARG002 - there is one host: the socket
        return _Connection(self._path)


class Supervisor:
    """One supervisord."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def _call(self, method: str, *arguments: Any) -> Any:
        proxy = xmlrpc.client.ServerProxy("http://localhost", transport=_Transport(self._path), allow_none=True)
        try:
            return getattr(proxy.supervisor, method)(*arguments)
        except (OSError, http.client.HTTPException, xmlrpc.client.ProtocolError) as error:
            raise Unavailable(f"cannot ask supervisord at {self._path} to {method}: {error}") from error

    def processes(self) -> dict[str, ProcessSeen]:
        """Every program, by name."""
        return {
            row["name"]: ProcessSeen(
                name=row["name"],
                state=row["statename"],
                pid=row["pid"],
                started=row["start"],
                stopped=row["stop"],
                exit_status=row["exitstatus"],
                error=row["spawnerr"],
            )
            for row in self._call("getAllProcessInfo")
        }

    def add(self, names: Iterable[str]) -> None:
        """Read the configuration again and start those of its programs that are named and not there yet."""
        wanted = list(names)
        if not wanted:
            return
        self._call("reloadConfig")
        for first in range(0, len(wanted), _AT_ONCE):
            self._add(wanted[first : first + _AT_ONCE])

    def _add(self, names: list[str]) -> None:
        """In one request: it starts them all before it listens again."""
        proxy = xmlrpc.client.ServerProxy("http://localhost", transport=_Transport(self._path), allow_none=True)
        calls = [{"methodName": "supervisor.addProcessGroup", "params": [name]} for name in names]
        try:
            answers = proxy.system.multicall(calls)
            if not isinstance(answers, list):
                raise ValueError(f"unexpected answer {answers!r}")
        except (OSError, ValueError, http.client.HTTPException, xmlrpc.client.Error) as error:
            raise Unavailable(f"cannot ask supervisord at {self._path} to add programs: {error}") from error
        for name, answer in zip(names, answers, strict=True):
            if isinstance(answer, dict) and answer["faultCode"] not in (_ALREADY_ADDED, _BAD_NAME):
                raise Unavailable(f"supervisord refused to add {name}: {answer['faultString']}")

    def stop(self, name: str) -> None:
        """Ask it to stop; returns at once."""
        self._tolerating({_NOT_RUNNING, _BAD_NAME}, "stopProcess", name, False)

    def remove(self, name: str) -> None:
        """Forget a stopped program."""
        self._tolerating({_STILL_RUNNING, _BAD_NAME}, "removeProcessGroup", name)

    def start(self, name: str) -> None:
        """Start a program that is stopped; returns at once."""
        self._tolerating({_BAD_NAME, _ALREADY_STARTED}, "startProcess", name, False)

    def stop_all(self) -> None:
        """Ask every program to stop; returns at once."""
        self._call("stopAllProcesses", False)

    def shut_down(self) -> int:
        """End supervisord and all it started; returns its pid, by which its end can be seen."""
        pid = int(self._call("getPID"))
        self._call("shutdown")
        return pid

    def _tolerating(self, faults: set[int], method: str, *arguments: Any) -> None:
        try:
            self._call(method, *arguments)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode not in faults:
                raise Unavailable(f"supervisord refused to {method} {arguments[0]}: {fault.faultString}") from fault
