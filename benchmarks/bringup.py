"""What a sandbox and a network of its own add to the start of an instance: 100 of them, against the same under supervisord alone.

Two programs: one that does nothing but listen, and a service of the example company. "Up" is: every instance accepts
connections. Sealed, that is what the ecosystem's proxy says of each (it asks ten times a second); bare, what a connection says.
Rounds are interleaved, so that whatever else the machine does meets both alike.

    .venv/bin/python benchmarks/bringup.py [--instances N] [--rounds N]

The shop's service is installed from the package index first, into a directory that goes with the benchmark.
"""

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uv
from sandboxed import ARTIFACT, FENCE, company, free_frontends, until
from traffic import machine

from twinstage.model.names import Ecosystem, Port, ReleaseId, ServiceName
from twinstage.model.workload import Workload, WorkloadKey
from twinstage.runtime.local.local import LocalRuntime
from twinstage.runtime.local.sandbox import toolchain
from twinstage.runtime.local.supervisor import configuration
from twinstage.runtime.local.supervisor.client import Supervisor

STAGING, SERVICE = Ecosystem.STAGING, ServiceName("bench")
TRIVIAL = Path(__file__).with_name("listen.py")
SHOP = Path(__file__).parents[1] / "examples" / "shop" / "pricing"
EACH = 50
"""Instances of a workload: a range of addresses holds a few more."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """``command`` reads HOST and PORT; ``path`` is where its modules are, in a sandbox and on the host."""

    name: str
    command: str
    inside: str
    outside: Path


def workloads(program: Program, instances: int, backend: Port) -> list[Workload]:
    """So many instances, in as many workloads as that takes."""
    counts = [min(EACH, instances - first) for first in range(0, instances, EACH)]
    return [
        Workload(
            key=WorkloadKey(
                ecosystem=STAGING, service=SERVICE, process="web", release=ReleaseId(f"r_{turn}"), secrets=1
            ),
            replicas=count,
            artifact=ARTIFACT,
            run=f"exec {program.command}",
            backend=backend,
            listens=None,
            health=None,
            env={"PYTHONPATH": program.inside},
        )
        for turn, count in enumerate(counts)
    ]


def sealed(
    runtime: LocalRuntime, program: Program, instances: int, backend: Port, up: Callable[[], None] = lambda: None
) -> float:
    """Seconds from the first intent until the proxy calls all of them healthy; then they go. ``up``: called when they are."""
    wanted = workloads(program, instances, backend)
    began = time.perf_counter()
    for workload in wanted:
        until(lambda w=workload: runtime.put_workload(w, FENCE) is None, "the workload is put")
    until(lambda: _healthy(runtime) == instances, "all are healthy", 300, every=0.1)
    took = time.perf_counter() - began
    up()
    for workload in wanted:
        until(lambda w=workload: runtime.delete_workload(w.key, FENCE) is None, "the workload is deleted")
    until(lambda: not runtime.observe(STAGING).workloads, "all are gone", 300)
    return took


def _healthy(runtime: LocalRuntime) -> int:
    return sum(seen.healthy for seen in runtime.observe(STAGING).workloads.values())


def bare(directory: Path, program: Program, instances: int, up: Callable[[], None] = lambda: None) -> float:
    """The same programs under a supervisord of their own, each on a port of the host. ``up``: called when they are."""
    ports = _free_ports(instances)
    with _supervisord(directory) as supervisor:
        began = time.perf_counter()
        for turn, port in enumerate(ports):
            text = configuration.program(
                f"bench.{turn}",
                ["/bin/sh", "-c", f"exec {program.command}"],
                log=str(directory / f"{turn}.log"),
                environment=[
                    ("HOST", "127.0.0.1"), ("PORT", str(port)), ("PYTHONPATH", str(program.outside)),
                    ("PATH", os.environ["PATH"]),
                ],
            )  # fmt: skip
            (directory / "programs" / f"bench.{turn}.conf").write_text(text)
        names = [f"bench.{turn}" for turn in range(instances)]
        until(lambda: supervisor.add(names) is None, "supervisord has taken them all", 300)
        until(lambda: all(_accepts(port) for port in ports), "all accept connections", 300)
        took = time.perf_counter() - began
        up()
        return took


@contextmanager
def _supervisord(directory: Path) -> Iterator[Supervisor]:
    shutil.rmtree(directory, ignore_errors=True)
    (directory / "programs").mkdir(parents=True)
    (directory / "logs").mkdir()
    place = directory / "supervisord.conf"
    text = configuration.main(
        socket=str(directory / "s.sock"), state=str(directory), include=str(directory / "programs" / "*.conf")
    )
    place.write_text(text)
    process = subprocess.Popen(
        [sys.executable, "-m", "supervisor.supervisord", "-c", str(place)], stdout=subprocess.DEVNULL
    )
    supervisor = Supervisor(directory / "s.sock")
    try:
        until(lambda: supervisor.processes() is not None, "supervisord answers")
        yield supervisor
    finally:
        process.terminate()
        process.wait(120)


def _free_ports(count: int) -> list[int]:
    held = []
    for _ in range(count):
        probe = socket.socket()
        probe.bind(("127.0.0.1", 0))
        held.append(probe)
    ports = [probe.getsockname()[1] for probe in held]
    for probe in held:
        probe.close()
    return ports


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def install(service: Path, site: Path) -> None:
    """A service of the shop and what it needs, from the package index, for the interpreter that sandboxes have."""
    python = str(toolchain.interpreter())
    command = [
        uv.find_uv_bin(),
        "pip",
        "install",
        "--quiet",
        "--python",
        python,
        "--compile-bytecode",
        "--target",
        str(site),
    ]
    subprocess.run([*command, str(service)], check=True)


@contextmanager
def grounds() -> Iterator[tuple[LocalRuntime, Path, Port]]:
    """A company with one service, its runtime, where its artifact stands, and the service's frontend in staging."""
    with company(TRIVIAL) as made:
        frontend = free_frontends(1)[0]
        ports = {
            STAGING: (frontend, Port(frontend + 2000)),
            STAGING.other: (Port(frontend - 4000), Port(frontend - 2000)),
        }
        for ecosystem in Ecosystem:
            made.runtime.open(ecosystem, FENCE)
        until(lambda: made.runtime.introduce({SERVICE: ports}, FENCE) is None, "the sentinel answers")
        until(lambda: made.runtime.observe(STAGING) is not None, "the proxy answers")
        yield made.runtime, made.tree, frontend


def programs(runtime_tree: Path) -> list[Program]:
    """Both, their modules laid into the artifact."""
    site = runtime_tree / "site"
    install(SHOP, site)
    inside = f"{ARTIFACT.location}/site"
    return [
        trivial(runtime_tree),
        Program(name="the shop's pricing", command="python3 -m pricing", inside=inside, outside=site),
    ]


def trivial(tree: Path) -> Program:
    command = f"python3 -S -E {ARTIFACT.location}/{TRIVIAL.name}"
    return Program(name="a program that only listens", command=command, inside=ARTIFACT.location, outside=tree)


def on_host(program: Program, tree: Path) -> Program:
    return Program(
        name=program.name,
        command=program.command.replace(ARTIFACT.location, str(tree)).replace("python3", str(toolchain.interpreter())),
        inside=program.inside,
        outside=program.outside,
    )


def row(name: str, took: list[float], against: list[float], instances: int) -> str:
    ratio = statistics.median(mine / its for mine, its in zip(took, against, strict=True))
    more = statistics.median(mine - its for mine, its in zip(took, against, strict=True)) / instances
    return f"{name:44}{statistics.median(took):>8.2f} s{more * 1e3:>14.1f} ms{ratio:>10.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description="What a sandbox adds to a start.")
    parser.add_argument("--instances", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    told = parser.parse_args()
    print(machine(), flush=True)
    print(f"{f'{told.instances} instances':44}{'all up':>10}{'more each':>17}{'ratio':>10}")
    with grounds() as (runtime, tree, frontend), tempfile.TemporaryDirectory(prefix="tw") as made:
        for program in programs(tree):
            without, within = [], []
            for _ in range(told.rounds):
                without.append(bare(Path(made) / "b", on_host(program, tree), told.instances))
                within.append(sealed(runtime, program, told.instances, Port(frontend + 2000)))
            print(row(f"{program.name}, bare", without, without, told.instances))
            print(row(f"{program.name}, sealed", within, without, told.instances), flush=True)


if __name__ == "__main__":
    main()
