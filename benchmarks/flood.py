"""What a flood of stray attempts costs: whoever floods, the sentinel, and a neighbour that does nothing wrong.

    python benchmarks/flood.py [--seconds 5]

The real sentinel in a real ecosystem sandbox (that of tests/boundary), five instances that try 100 places each, by TCP, by name
and by datagram, at several rates; beside them a neighbour whose calls are allowed, one after another, each on a connection of its
own. What is compared is its p99 with and without the flood, in the same run.
"""

import argparse
import sys
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "boundary"))

from sealed import GATEWAY, PORTS, Sealed, until, wire

FLOODERS = [f"flood-{number}" for number in range(5)]
PLACES = 100
HEAD = (
    "| each of five | tried | answered | places known | worst answer | sentinel's CPU | neighbour p50 | p99 | errors |"
)


def company() -> Sealed:
    """A fresh one for each measurement: the places told apart are bounded for as long as a sentinel runs."""
    names = ("payments", "catalog", "user-data", "orders", "catalog")
    made = Sealed()
    floods = [wire(id, number, name) for number, (id, name) in enumerate(zip(FLOODERS, names, strict=True), start=2)]
    made.want(wire("orders-1", 1, "orders", calls=["payments"]), *floods)
    made.watch_over()
    failed = made.sync()["failed"]
    if failed:
        made.close()
        raise SystemExit(f"cannot make the networks: {failed}")
    made.serve(None, GATEWAY, PORTS["services"]["payments"]["staging"]["frontend"], "payments's proxy")
    return made


def sentinel(made: Sealed) -> psutil.Process:
    """As the machine sees it."""
    below = psutil.Process(made.process.pid).children(recursive=True)
    return next(process for process in below if "twinstage.inside.sentinel" in process.cmdline())


def measure(way: str, rate: int, seconds: float) -> None:
    made = company()
    try:
        door = PORTS["services"]["payments"]["staging"]["frontend"]
        process = sentinel(made)
        before = sum(process.cpu_times()[:2])
        ends = [made.flood(flooder, way, rate, seconds, PLACES) for flooder in FLOODERS] if rate else []
        beside = made.flood("orders-1", "calls", seconds, GATEWAY, door)()
        told = [end() for end in ends]
        asked = sum(it["asked"] for it in told)
        if ends:
            until(lambda: made.ask("status")["crossings"] > 0, "something is recorded")
        spent = sum(process.cpu_times()[:2]) - before
        known = {(line["wire"], line["target"]) for line in made.crossings()}
        cells = [
            f"{rate:,} {way}/s" if rate else "nothing",
            f"{asked:,}",
            f"{sum(it['answered'] for it in told):,}" if way != "udp" else "",
            f"{len(known)} of {PLACES * len(FLOODERS)}" if rate else "",
            f"{max(it['worst'] for it in told) * 1000:.0f} ms" if rate and way != "udp" else "",
            f"{spent / asked * 1e6:.0f} µs each" if asked else "",
            f"{beside['p50']:.2f} ms",
            f"{beside['p99']:.2f} ms",
            f"{beside['errors']} of {beside['calls']}",
        ]
        print("| " + " | ".join(cells) + " |", flush=True)
    finally:
        made.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0)
    seconds = parser.parse_args().seconds
    print(HEAD)
    print("|" + "---|" * (HEAD.count("|") - 1))
    measure("tcp", 0, seconds)
    for way in ("tcp", "dns", "udp"):
        for rate in (1000, 4000):
            measure(way, rate, seconds)


if __name__ == "__main__":
    main()
