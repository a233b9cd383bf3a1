"""Takes away what the controller lets go of, and measures what is there.

    python -m twinstage.inside.sweeper --socket /sockets/sweeper.sock --desired /desired --state /state ...

Runs inside each place's sandbox: what a place brings forth belongs to its account, and nobody else may remove it. Something
goes by one rename, so that it is there or it is not; what was renamed is then deleted at leisure, also after a restart. It
refuses whatever the files in ``desired`` still name, so a controller that errs takes nothing from what runs.

Over the socket, one JSON line each way:

* ``{"op": "measure"}`` -> ``{"ok": true}`` once ``holdings.json`` is of late, or soon will be
* ``{"op": "discard", "kind": k, "names": [...], "by": t}`` -> ``{"ok": true, "kept": {name: why}}``; ``by`` is a time of
  CLOCK_MONOTONIC after which the asker has given up, and nothing is done

It also begins a new access log when the present one has grown large: Envoy opens it again when told.
"""

import argparse
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

from twinstage.inside.accesslog import AccessLog
from twinstage.inside.datasizes import Databases
from twinstage.inside.export import remove
from twinstage.inside.serving import serve
from twinstage.inside.stock import Stock

_PATIENCE = 0.5
"""Seconds for a measurement to be waited for."""
_FRESH = 5.0
_PERIOD = 5.0
_MEASURED = 300.0
REQUEST_BYTES = 1 << 20


class Sweeper:
    """``stock`` says what there is; one thread measures and deletes, the other answers."""

    def __init__(self, stock: Stock, access: AccessLog | None) -> None:
        self._stock, self._access = stock, access
        self._asked = threading.Event()
        self._measured = threading.Condition()
        self._last = float("-inf")

    def answer(self, request: bytes) -> dict[str, Any]:
        """What one request comes to. Never raises."""
        try:
            told = json.loads(request)
            match told["op"]:
                case "measure":
                    return self._measure()
                case "discard":
                    return self._discard(str(told["kind"]), [str(n) for n in told["names"]], float(told["by"]))
                case other:
                    return {"ok": False, "error": f"cannot do {other!r}: send measure or discard"}
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            return {"ok": False, "error": f"cannot read the request: {error!r}"}

    def _measure(self) -> dict[str, Any]:
        if time.monotonic() - self._last > _FRESH:
            self._asked.set()
            with self._measured:
                self._measured.wait_for(lambda: time.monotonic() - self._last <= _FRESH, _PATIENCE)
        return {"ok": True}

    def _discard(self, kind: str, names: list[str], by: float) -> dict[str, Any]:
        kept: dict[str, str] = {}
        for name in names:
            if time.monotonic() > by:
                return {"ok": False, "error": "too late: whoever asked has given up"}
            why = self._stock.discard(kind, name)
            if why:
                kept[name] = why
        self._last = float("-inf")
        self._asked.set()
        return {"ok": True, "kept": kept}

    def work(self) -> None:
        """For ever: delete what was let go, look after the access log, measure now and then."""
        while True:
            try:
                for gone in self._stock.gone():
                    remove(gone)
                if self._access is not None:
                    self._access.look()
                if self._asked.is_set() or time.monotonic() - self._last > _MEASURED:
                    self._asked.clear()
                    self._stock.write()
                    self._last = time.monotonic()
                    with self._measured:
                        self._measured.notify_all()
            except OSError as error:
                print(f"cannot sweep: {error}; it is tried again", file=sys.stderr, flush=True)
                time.sleep(1)
            self._asked.wait(_PERIOD)


def _end(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def main() -> None:
    parser = argparse.ArgumentParser(prog="twinstage.inside.sweeper", description=__doc__)
    parser.add_argument("--socket", type=Path, required=True, help="path of the request socket")
    parser.add_argument("--desired", type=Path, required=True, help="folder of what must stay")
    parser.add_argument("--state", type=Path, required=True, help="folder of jobs, logs and crossings")
    parser.add_argument("--artifacts", type=Path, help="folder of built trees, where they can be removed here")
    parser.add_argument("--caches", type=Path, help="folder of package caches, where they can be removed here")
    parser.add_argument("--admin", type=Path, help="the proxy's admin socket, where there is one")
    parser.add_argument("--psql", type=Path, help="the program that asks the database server, where there may be one")
    parser.add_argument("--door", type=Path, help="folder of the database server's socket")
    parser.add_argument("--access-bytes", type=int, default=64 << 20, help="size at which a new access log begins")
    told = parser.parse_args()
    signal.signal(signal.SIGTERM, _end)
    os.umask(0o027)
    os.nice(10)
    access = AccessLog(told.state / "proxy" / "access.jsonl", told.admin, told.access_bytes) if told.admin else None
    data = Databases(told.state / "database", told.psql, told.door) if told.psql else None
    stock = Stock(desired=told.desired, state=told.state, artifacts=told.artifacts, caches=told.caches, databases=data)
    sweeper = Sweeper(stock, access)
    threading.Thread(target=sweeper.work, name="work", daemon=True).start()
    serve(sweeper.answer, told.socket, REQUEST_BYTES)


if __name__ == "__main__":
    main()
