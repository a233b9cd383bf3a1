"""A company's journal without identifiers, moments, figures and chance: the same acts leave the same one everywhere.

Left out are

- the starts of controllers, and that the mirror was not whole for a moment: a controller that comes a second later to
  replace a release sees that, and is right;
- jobs that ended well in a rollout that was over before they mattered, and jobs that were stopped: whether the second gate
  ended before the first one failed is chance;
- the order in which jobs that ran side by side ended, and in which a lane's data went while staging's own was migrated;
- which person it was, and what a commit's subject is: each platform has its own people.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

from twinstage.controller.deciding import TWINSTAGE
from twinstage.store.rows import JournalRow

CHANCE = frozenset({"controller", "mirror"})
Line = tuple[str, str, str, str, str]
"""(who, what, why, before, after)."""
Plain = Mapping[str, list[Line]]
"""By service and its how manieth rollout: ``back 2``; what is about no rollout by service alone, lanes' data apart."""


def plain(rows: Iterable[JournalRow]) -> Plain:
    found: dict[str, list[Line]] = defaultdict(list)
    numbers: dict[str, int] = {}
    counts: dict[str, int] = defaultdict(int)
    for row in rows:
        if row.what in CHANCE or (row.what == "intent" and row.why.startswith("prove: ")):  # is one under way already?
            continue
        about = row.service or ""
        if row.rollout:
            if row.rollout not in numbers:
                counts[about] += 1
                numbers[row.rollout] = counts[about]
            about = f"{about} {numbers[row.rollout]}"
        elif row.what in ("database", "job") and re.search(r"\blane\b", row.why):
            about = f"{about} lanes"
        who = row.who if row.who == TWINSTAGE else "somebody"
        found[about].append((who, row.what, _words(row.why), _words(row.before or ""), _words(row.after or "")))
    return {about: _without_chance(lines) for about, lines in sorted(found.items())}


def _without_chance(lines: list[Line]) -> list[Line]:
    early = any(after.startswith("retreating") for *_, after in lines)
    told = [line for line in lines if line[1] != "job" or not _by_chance(line, early)]
    out: list[Line] = []
    side_by_side: list[Line] = []
    for line in told:
        if line[1] == "job":
            side_by_side.append(line)
        else:
            out += [*sorted(side_by_side), line]
            side_by_side = []
    return out + sorted(side_by_side)


def _by_chance(line: Line, early: bool) -> bool:
    result = line[4].rpartition(" ")[2]
    return result == "stopped" or (early and result == "succeeded")


def _words(text: str) -> str:
    text = re.sub(r"(submitted commit \w+): .*", r"\1", text)
    text = re.sub(r"\b(collects|collecting) .*", r"\1 …", text)  # what there is to collect is each platform's own
    text = re.sub(r"\b(?:r_)?[0-9a-f]{8,40}\b", "<id>", text)
    return re.sub(r"\d[\d,.]*", "#", text)
