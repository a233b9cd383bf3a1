"""What hostile services do, as commands of an instance; and a neighbour's callers, who count what it costs them."""

import threading
import time
import urllib.request
from types import TracebackType
from typing import Self

SERVES = "exec python3 main.py"
MEMORY = """exec python3 -c "
import os, time
for number in range(64):
    if not os.fork():
        kept = [bytearray(b'x' * (1 << 20)) for _ in range(16)]
        time.sleep(3600)
    time.sleep(0.02)
time.sleep(3600)"
"""
"""No process of it is large; together they are."""
FORKS = """python3 main.py &
exec python3 -c "
import os
while True:
    try:
        os.fork()
    except OSError:
        pass"
"""
"""Each of them goes on for ever, and so does what it began."""
FILES = """python3 -c "
import os
def fill(path):
    with open(path, 'wb', buffering=0) as file:
        while file.write(b'x' * (1 << 20)):
            pass
for place in ('/tmp', '/dev/shm', '/dev', '/', '/artifacts/contract'):
    for number in range(10_000):
        try:
            fill(f'{place}/{number}')
        except OSError as error:
            print(place, number, error.strerror, sum(e.stat().st_blocks * 512 for e in os.scandir(place)
                  if e.name.isdigit()) >> 10, flush=True)
            if error.strerror != 'File too large':
                break"
exec python3 main.py
"""
LOG = "python3 main.py & exec yes 'a line that says nothing at all, over and over and over again'"
KEEPS = """python3 main.py &
exec python3 -c "
import os, socket, time
host, port = os.environ['ORDERS_URL'].removeprefix('http://').split(':')
kept = []
while True:
    try:
        kept.append(socket.create_connection((host, int(port))))
        kept[-1].sendall(b'GET / HTTP/1.1\\r\\nHost: orders\\r\\n')
    except OSError as error:
        print('holds', len(kept), error.strerror, flush=True)
        time.sleep(3600)"
"""
"""Opens connections to its neighbour, begins a request on each, and lets go of none."""
FLOODS = """python3 main.py &
exec python3 -c "
import os, socket, threading
host, port = os.environ['ORDERS_URL'].removeprefix('http://').split(':')
asked = b'GET / HTTP/1.1\\r\\nHost: orders\\r\\n\\r\\n'
def flood():
    while True:
        try:
            with socket.create_connection((host, int(port))) as link:
                while True:
                    link.sendall(asked)
                    print('asked', flush=True) if not link.recv(65536) else None
        except OSError:
            pass
for _ in range(8):
    threading.Thread(target=flood).start()"
"""
STRAYS = """python3 main.py &
exec python3 -c "
import itertools, socket, threading
def flood(first):
    for number in itertools.count(first, 4):
        try:
            socket.create_connection((f'198.18.{number >> 8 & 255}.{number & 255}', 443), 1).close()
        except OSError:
            pass
for first in range(4):
    threading.Thread(target=flood, args=(first,)).start()"
"""
"""Tries one place after the other that is not there for it, as fast as it can."""


MEASURED: list[tuple[str, str, str, str, str]] = []
"""What it did; the requests of its neighbour's callers meanwhile, how many of them failed, and how long they took: half of them
at most, and ninety-nine of a hundred."""
TITLES = ("beside a service that", "requests", "errors", "p50", "p99")


def measured() -> list[str]:
    """A table of it, a line each."""
    rows = [TITLES, *MEASURED]
    wide = [max(len(row[column]) for row in rows) for column in range(len(TITLES))]
    return ["  ".join([row[0].ljust(wide[0]), *map(str.rjust, row[1:], wide[1:])]) for row in rows]


class Callers:
    """Two callers of a frontend, one request after the other each, for as long as the block lasts."""

    def __init__(self, port: int, what: str) -> None:
        self._url, self._what = f"http://127.0.0.1:{port}/", what
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._call) for _ in range(2)]
        self.took: list[float] = []
        self.errors: list[str] = []

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
        took = sorted(self.took) or [0.0]
        p50, p99 = (took[len(took) * part // 100] * 1000 for part in (50, 99))
        MEASURED.append((self._what, f"{len(self.took):,}", str(len(self.errors)), f"{p50:.1f} ms", f"{p99:.1f} ms"))

    def _call(self) -> None:
        while not self._over.is_set():
            began = time.monotonic()
            try:
                with urllib.request.urlopen(self._url, timeout=20) as answer:
                    answer.read()
            except OSError as error:
                self.errors.append(str(error))
            self.took.append(time.monotonic() - began)
