"""The tables of walls, from the tests that take each of them away."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "boundary"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "sabotage"))

from faces import table
from faults import FAULTS
from network_removals import REMOVALS as OF_THE_NETWORK

from contract.wall_removals import REMOVALS as OF_AN_INSTANCE

ROOT = Path(__file__).resolve().parent.parent


def of_an_instance() -> str:
    rows = [(", ".join(sorted(wall.lacks)), wall.keeps, f"`{name}`") for name, wall in OF_AN_INSTANCE.items()]
    return table(("wall", "what it keeps out", "taken away as"), rows)


def of_the_network() -> str:
    rows = []
    for name, wall in OF_THE_NETWORK.items():
        places = dict.fromkeys(_place("src/twinstage/inside", old) for old, _ in wall.changes)
        rows.append((name, ", ".join(f"`{place}`" for place in places), ", ".join(sorted(wall.passes))))
    return table(("wall", "stands in", "what gets through without it"), rows)


def faults() -> str:
    rows = [(fault.name, f"`{_place(fault.part, fault.old)}`", f"`{fault.test.partition('[')[0]}`") for fault in FAULTS]
    return table(("fault", "stands in", "turns red"), rows)


def _place(part: str, text: str) -> str:
    """The file below that directory in which it stands. Raises ValueError where there is none, or more than one."""
    (found,) = (path for path in (ROOT / part).rglob("*.py") if text in path.read_text())
    return str(found.relative_to(ROOT / "src" / "twinstage"))
