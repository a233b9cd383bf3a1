"""Runs a command beside a PostgreSQL of its own, which goes with it.

    python3 throwaway.py WORK.json -- COMMAND...

For gates: inside the gate's sandbox, on its loopback, in its /tmp. Nothing in it is worth a password or a sync to the disk.
The sandbox ends with this process, and the server with it. Exit status: the command's; trouble with the server itself is one
line that begins with ``twinstage:``, and 1. Imports the standard library alone: it is one file.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

_DATA = Path("/tmp/.postgres")  # noqa: S108 - the sandbox's own /tmp
_AGAIN = 0.02
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_wal_size=128MB", "shared_buffers=32MB")


class Trouble(Exception):
    """What cannot be done, and why."""


def serve(told: Mapping[str, Any]) -> None:
    """Start it, with the databases and the role that own them. Raises Trouble."""
    program, role, log = str(told["bin"]), str(told["role"]), _DATA.with_suffix(".log")
    options = ("-E", "UTF8", "--locale=C", "-A", "trust", "-U", "postgres", "--no-sync", "--no-instructions")
    _run([f"{program}/initdb", "-D", str(_DATA), *options], "")
    settings = [
        word
        for setting in (*_FAST, f"port={told['port']}", f"unix_socket_directories={_DATA}")
        for word in ("-c", setting)
    ]
    with log.open("wb") as out:
        argv = [f"{program}/postgres", "-D", str(_DATA), "-c", "listen_addresses=127.0.0.1", *settings]
        server = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
    psql = [f"{program}/psql", "-h", str(_DATA), "-p", str(told["port"]), "-U", "postgres", "-d", "postgres", "-Xq"]
    while _run([*psql, "-c", "SELECT 1"], "", ends=server.poll() is not None) is None:
        time.sleep(_AGAIN)
    text = f'CREATE ROLE "{role}" LOGIN;\n' + "".join(
        f'CREATE DATABASE "{name}" OWNER "{role}" TEMPLATE template0;\n' for name in told["databases"]
    )
    _run([*psql, "-v", "ON_ERROR_STOP=1"], text)


def _run(argv: Sequence[str], text: str, *, ends: bool = True) -> str | None:
    """What it said; None where it failed and that is not the end."""
    environment = {"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8"}
    done = subprocess.run(argv, input=text.encode(), capture_output=True, env=environment)
    if not done.returncode:
        return done.stdout.decode("utf-8", "replace")
    if not ends:
        return None
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines() or [f"status {done.returncode}"]
    raise Trouble(f"{Path(argv[0]).name}: {lines[-1][:500]}")


def accompany(command: Sequence[str]) -> int:
    """Run it, hand signals on to it; its exit status, 128 + the signal's number where one ended it."""
    told: list[int] = []
    child: subprocess.Popen[bytes] | None = None

    def hand_on(number: int, _frame: FrameType | None) -> None:
        told.append(number)
        if child is not None and child.returncode is None:
            child.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, hand_on)
    child = subprocess.Popen(command)
    for early in told:  # those that came before it was there
        child.send_signal(early)
    status = child.wait()
    return status if status >= 0 else 128 - status


def main() -> int:
    work, _, *command = sys.argv[1:]
    try:
        serve(json.loads(Path(work).read_text()))
    except (Trouble, OSError) as trouble:
        print(f"twinstage: cannot give this job databases of its own: {trouble}", file=sys.stderr, flush=True)
        return 1
    return accompany(command)


if __name__ == "__main__":
    sys.exit(main())
