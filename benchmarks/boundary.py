"""What the walls cost: throughput and tail of a frontend, start of an instance, memory of an instance; with them and without.

Without: the same Envoy with the same configuration, and the same programs, as ordinary processes. Once with an upstream that does
nothing, where the network is all there is to a request, and once with a service of the example company. Rounds are
interleaved; each ratio is the median over the rounds, of several companies: which core a process came to differs between two of
one kind by more than the walls cost.

    .venv/bin/python benchmarks/boundary.py [--companies N] [--rounds N] [--seconds S] [--connections N]
        [--instances N]

It needs what `twinstage up` needs and the package index, brings up companies of its own, and leaves nothing.
"""

import argparse
import os
import statistics
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil
from bringup import bare, grounds, install, on_host, sealed, trivial
from sandboxed import ARTIFACT, NAME, sandboxed
from traffic import Load, Measured, compare, free_port, frontend_envoy, inside, machine, running, table, upstream

from twinstage.model.names import Port
from twinstage.runtime.local.layout import Layout
from twinstage.runtime.local.places import Places
from twinstage.runtime.local.sandbox import toolchain

SHOP = Path(__file__).parents[1] / "examples" / "shop" / "shipping"
RATE, START, MEMORY = 0.97, 25.0, 3.0
"""Goals: of the rate at least; milliseconds and MiB an instance at most."""
STARTS = 5
"""Rounds of instances that start."""
_KERNEL = ("Slab", "KernelStack", "PageTables", "Percpu")


@contextmanager
def service(site: Path, log: Path) -> Iterator[int]:
    """The shop's service as an ordinary process; gives its port."""
    port = free_port()
    told = ["env", f"PYTHONPATH={site}", "HOST=127.0.0.1", f"PORT={port}"]
    with running([*told, str(toolchain.interpreter()), "-m", SHOP.name], log):
        yield port


def throughput(name: str, load: Load, rounds: int, companies: int, site: Path | None) -> None:
    """Prints the table of one upstream, and whether the goal is reached. ``site``: the shop's service; None: the trivial one."""
    found: dict[str, tuple[Measured, ...]] = {}
    for _ in range(companies):
        for target, measured in compared(load, rounds, site).items():
            found[target] = (*found.get(target, ()), *measured)
    plain, walled = found
    pairs = zip(found[walled], found[plain], strict=True)
    rate = statistics.median(mine.rate / its.rate for mine, its in pairs)
    print(f"\n{name}\n{table(found, plain)}")
    print(goal(f"{rate:.2f} of the rate", f"at least {RATE}", reached=rate >= RATE), flush=True)


def compared(load: Load, rounds: int, site: Path | None) -> Mapping[str, tuple[Measured, ...]]:
    """Without and with walls, in this order; all of it started anew, since who shares a core with whom stays as it began."""
    with tempfile.TemporaryDirectory(prefix="tw") as made, ExitStack() as stack:
        directory = Path(made)
        path, run = "/", ""
        if site:
            path, run = "/healthz", f"PYTHONPATH={ARTIFACT.location}/site exec python3 -m {SHOP.name}"
        port = stack.enter_context(service(site, directory / "log") if site else upstream(directory / "log"))
        plain = stack.enter_context(frontend_envoy(directory, port, path))
        boxes = stack.enter_context(sandboxed(run, path, site))
        return compare([plain, inside("caller and callee sealed", boxes, path)], load, rounds)


def goal(found: str, wanted: str, *, reached: bool) -> str:
    return f"  {found}; the goal is {wanted}: {'reached' if reached else 'NOT REACHED'}"


def own(pid: int) -> float:
    """MiB of all processes below the core's supervisor but the programs themselves; what several share counts in parts."""
    total = 0
    for process in psutil.Process(pid).children(recursive=True):
        with suppress(psutil.Error):  # it ended between two looks
            if not any(word.endswith("listen.py") for word in process.cmdline()):
                total += process.memory_full_info().pss
    return total / (1 << 20)


def kernel() -> float:
    """MiB that the kernel holds for itself and for processes' tables, on the whole machine."""
    rows = (line.split() for line in Path("/proc/meminfo").read_text().splitlines())
    return sum(int(row[1]) for row in rows if row[0].rstrip(":") in _KERNEL) / 1024


def starts(instances: int, rounds: int) -> None:
    """Prints what a start and what memory an instance takes more."""
    more: list[float] = []
    memory: dict[str, list[float]] = {"our processes": [], "the kernel, sealed": [], "the kernel, bare": []}
    with grounds() as (runtime, tree, frontend), tempfile.TemporaryDirectory(prefix="tw") as made:
        supervisor = int((Layout.on_host(Places.of(NAME)).core / "supervisord.pid").read_text())
        program = trivial(tree)
        backend = Port(frontend + 2000)
        for _ in range(rounds):
            seen = [kernel()]
            without = bare(Path(made) / "b", on_host(program, tree), instances, lambda f=seen: f.append(kernel()))
            memory["the kernel, bare"].append((seen[1] - seen[0]) / instances)
            seen = [own(supervisor), kernel()]
            within = sealed(runtime, program, instances, backend, lambda f=seen: f.extend((own(supervisor), kernel())))
            memory["our processes"].append((seen[2] - seen[0]) / instances)
            memory["the kernel, sealed"].append((seen[3] - seen[1]) / instances)
            more.append((within - without) / instances * 1e3)
    report(memory, statistics.median(more), instances)


def report(memory: Mapping[str, list[float]], more: float, instances: int) -> None:
    print(f"\nan instance, of {instances}")
    print(goal(f"{more:.1f} ms more to start", f"at most {START:.0f} ms", reached=more <= START))
    for name, found in memory.items():
        print(f"  {name:20}{statistics.median(found):>8.2f} MiB")
    middle = {name: statistics.median(found) for name, found in memory.items()}
    took = middle["our processes"] + middle["the kernel, sealed"] - middle["the kernel, bare"]
    print(goal(f"{took:.2f} MiB more", f"at most {MEMORY:.0f} MiB", reached=took <= MEMORY), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="What the walls cost.")
    parser.add_argument("--companies", type=int, default=6, help="one after the other, each with so many rounds")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each target in each round")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--instances", type=int, default=50)
    told = parser.parse_args()
    print(f"{machine()}; load average {os.getloadavg()[0]:.1f}")
    print(
        f"{told.connections} connections, closed loop; {told.companies} companies, in each {told.rounds} rounds of "
        f"{told.seconds:g} s for each target"
    )
    load = Load(seconds=told.seconds, connections=told.connections)
    with tempfile.TemporaryDirectory(prefix="tw") as made:
        site = Path(made) / "site"
        install(SHOP, site)
        throughput("the shop's shipping behind a frontend", load, told.rounds, told.companies, site)
    throughput("an upstream that does nothing behind a frontend", load, told.rounds, told.companies, None)
    starts(told.instances, STARTS)


if __name__ == "__main__":
    main()
