"""Has the running company's boundary tried, and writes what came back as a page of the reference."""

import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

from twinstage import wire
from twinstage.cli.company import choose, reach
from twinstage.cli.exits import Stop
from twinstage.cli.proving import found, proved
from twinstage.jobs.probe import Trial

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "boundary-probe.md"
HEAD = """# What the probe of the boundary tries

`twinstage boundary prove` tries every way out of a sandbox that we know, from inside one in each ecosystem, as an instance stands:
with its user, its files, its filter of system calls and its wire. It is done after each start and once an hour as well. A way
counts as stopped only where the answer is the wall's own; any other answer, or none, counts as a passage. Exit status 1 says that
something passed, 4 that it could not be tried.

`403 of the sentinel`: the connection was answered by the sentinel, which says what was wanted and what to do instead. `silence`:
nothing came back of a datagram. `nothing there`: it looked, and found nothing that is not its own. Names in capitals are the
kernel's errors.

This is of a real run ({when}, {user}, Linux {kernel}, {machine}): {counts}.
`script/boundary-probe` writes it anew.

| way | what is tried | production answered | staging answered |
|---|---|---|---|
"""


def page(probes: Sequence[wire.Probe], trials: Sequence[Sequence[Trial]]) -> str:
    counts = ", ".join(f"{p.tried} tried and {p.stopped} stopped in {p.ecosystem}" for p in probes)
    when = max(p.at for p in probes if p.at is not None)
    head = HEAD.format(
        when=when.date(),
        user="started by root" if os.geteuid() == 0 else "started by an ordinary user",
        kernel=platform.release().partition("-")[0],
        machine=platform.machine(),
        counts=counts,
    )
    rows = [f"| {a.name} | {a.what} | {a.answer} | {b.answer} |" for a, b in zip(*trials, strict=True)]
    return head + "\n".join(rows) + "\n"


def main() -> int:
    try:
        with reach(choose(None)) as client:
            probes = proved(client, "the page of the reference")
            if any(probe.passed or probe.result != "succeeded" for probe in probes):
                print("something passed, or was not tried: see `twinstage boundary prove`", file=sys.stderr)
                return 1
            PAGE.write_text(page(probes, [found(client, probe) for probe in probes]))
    except Stop as stop:
        print(stop, file=sys.stderr)
        return 1
    print(f"{PAGE} is written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
