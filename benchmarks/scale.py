"""How the controller grows with the company: 1,000 and 10,000 services with nine dependencies each.

The real controller and store on the platform in memory, everything in production and mirrored. Times are medians of one
process; what counts is how they grow: "growth" is the time at the larger size over that at the smaller one, beside how much
larger it is. Linear is that number, or less.

    .venv/bin/python benchmarks/scale.py [--sizes 1000 10000]
"""

import argparse
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from sqlalchemy import insert

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from scenarios.company import POLICY, SECOND, START, Company, Outside
from twinstage.desired.desired import desired
from twinstage.model.encoding import dumps
from twinstage.model.names import Ecosystem, Port, ReleaseId, ServiceName
from twinstage.model.policy import EcosystemFile, ServiceEntry
from twinstage.model.release import Release
from twinstage.model.rollout import ServiceState, State
from twinstage.plan.plan import plan
from twinstage.runtime.world import World
from twinstage.store import tables as t

DEPENDENCIES = 9


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Seconds of the controller's own (the platform in memory left out), and bytes a service."""

    desire: float
    plan: float
    still: float
    change: float
    worst: float
    memory: float


def names(size: int) -> list[str]:
    return [f"service-{number}" for number in range(size)]


def needs(number: int, size: int) -> list[str]:
    """Nine others, spread over the company: no two services need the same nine."""
    step = max(1, size // 11)
    return [f"service-{(number + step * turn + turn) % size}" for turn in range(1, DEPENDENCIES + 1)]


def company(path: Path, size: int) -> Company:
    """Every service in production, as if each had been shipped: rows as the store writes them, then the platform follows."""
    shop = Company(path, Outside(World(START, requests=0)))
    shop.tick()
    file = EcosystemFile(
        name="shop",
        services=tuple(ServiceEntry(service=ServiceName(n), repository=f"/repos/{n}") for n in names(size)),
        policy=POLICY,
    )
    with shop.store.writing() as connection:
        connection.execute(insert(t.ecosystem).values(id=1, body=dumps(file)))
        for number, name in enumerate(names(size)):
            state, release = _shipped(shop, name, number, size)
            connection.execute(
                insert(t.services).values(name=name, version=state.version, body=dumps(state)),
            )
            connection.execute(insert(t.releases).values(_release_row(release)))
    shop.until(shop.settled, limit=60)
    return shop


def _release_row(release: Release) -> Mapping[str, object]:
    row = {"id": release.id, "service": release.service, "commit": release.commit, "tree": release.tree}
    return {**{c.name: row[c.name] for c in t.releases.columns if c.name in row}, "body": dumps(release)}


def _shipped(shop: Company, name: str, number: int, size: int) -> tuple[ServiceState, Release]:
    commit = shop.write(name, calls=needs(number, size), production=1)
    definition, info = shop.outside.shelf.commits[commit]
    artifact = shop.outside.shelf.seal(f"/artifacts/{commit}", f"sha256:{commit}")
    release = Release(
        id=ReleaseId(f"r_{commit[:12]}"),
        service=ServiceName(name),
        commit=commit,
        tree=info.tree,
        artifact=artifact,
        definition=definition,
    )
    state = ServiceState(
        service=ServiceName(name),
        repository=f"/repos/{name}",
        branch="main",
        path=".",
        baselines=(release.id,),
        # More than the local runtime's thousand: this platform is in memory, and gives any number a meaning.
        frontends={Ecosystem.PRODUCTION: Port(10000 + number), Ecosystem.STAGING: Port(30000 + number)},
        backends={Ecosystem.PRODUCTION: Port(50000 + number), Ecosystem.STAGING: Port(70000 + number)},
        secrets_version=dict.fromkeys(Ecosystem, 1),
    )
    return state, release


class Stopwatch:
    """Stands between controller and platform, and knows how long the platform took."""

    def __init__(self, runtime: Any) -> None:
        self._runtime = runtime
        self.spent = 0.0

    def __getattr__(self, name: str) -> Any:
        def timed(*given: Any) -> Any:
            began = time.perf_counter()
            try:
                return getattr(self._runtime, name)(*given)
            finally:
                self.spent += time.perf_counter() - began

        return timed


def ticked(shop: Company, watch: Stopwatch) -> float:
    """Seconds that the controller took for one tick; then the platform moves on."""
    shop.outside.now += SECOND
    watch.spent, began = 0.0, time.perf_counter()
    shop.outside.steady += 1
    shop.controller.tick(shop.now, shop.outside.steady)
    took = time.perf_counter() - began - watch.spent
    shop.world.step(shop.now + SECOND / 2)
    return took


def watched(shop: Company) -> Stopwatch:
    means = shop.controller._means
    watch = Stopwatch(means.runtime)
    means.runtime = watch
    return watch


def timed(work: Callable[[], object], rounds: int = 5) -> float:
    """Median seconds."""
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return statistics.median(took)


def measure(size: int) -> Figures:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with tempfile.TemporaryDirectory(prefix="tw") as made:
        shop = company(Path(made) / "store.sqlite", size)
        services, releases, policy = shop.store.services(), shop.store.releases(), shop.store.policy()
        seen = {eco: shop.controller.latest[eco] for eco in Ecosystem}
        wants = [desired(eco, svc, (), releases, policy) for eco in Ecosystem for svc in services.values()]
        desire = timed(lambda: [desired(eco, s, (), releases, policy) for eco in Ecosystem for s in services.values()])
        planned = timed(lambda: [plan(want, seen[want.ecosystem], {}, shop.now) for want in wants])
        watch = watched(shop)
        still = statistics.median(ticked(shop, watch) for _ in range(7))
        took = change(shop, watch)
        shop.store.close()
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / size
    return Figures(
        desire=desire, plan=planned, still=still, change=statistics.mean(took), worst=max(took), memory=memory
    )


def change(shop: Company, watch: Stopwatch) -> list[float]:
    """One commit of one service from submission to production: seconds of each tick on the way."""
    name, took = names(1)[0], []
    commit = shop.write(name, calls=needs(0, len(shop.store.services())), production=1)
    rollout = shop.submit(name, commit)
    while shop.state(rollout) is not State.LIVE:
        if shop.state(rollout) in (State.FAILED, State.ABORTED):
            raise RuntimeError(f"the change did not arrive: {shop.said(rollout)}")
        took.append(ticked(shop, watch))
    return took


ROWS: tuple[tuple[str, Callable[[Figures], float], str], ...] = (
    ("desire, all services, both ecosystems", lambda f: f.desire * 1e3, "ms"),
    ("plan, all services, both ecosystems", lambda f: f.plan * 1e3, "ms"),
    ("a tick in which nothing happens", lambda f: f.still * 1e3, "ms"),
    ("the longest tick of one change", lambda f: f.worst * 1e3, "ms"),
    ("a tick of one change, on average", lambda f: f.change * 1e3, "ms"),
    ("memory of a service, platform included", lambda f: f.memory / 1024, "KiB"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description="How the controller grows with the company.")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10000])
    sizes = parser.parse_args().sizes
    # A process each, one after the other: none begins with the other's memory.
    with ProcessPoolExecutor(max_workers=1, max_tasks_per_child=1, mp_context=get_context("spawn")) as processes:
        found = dict(zip(sizes, processes.map(measure, sizes), strict=True))
    first, last = sizes[0], sizes[-1]
    print(f"{'':40}" + "".join(f"{size:>12,}" for size in sizes) + f"{'growth':>10}   (linear: {last / first:.1f})")
    for name, value, unit in ROWS:
        figures = "".join(f"{value(found[size]):>9,.1f} {unit:<2}" for size in sizes)
        growth = "" if unit == "KiB" else f"{value(found[last]) / value(found[first]):>10.1f}"
        print(f"{name:40}{figures}{growth}")


if __name__ == "__main__":
    main()
